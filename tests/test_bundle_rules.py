"""Rules of conflicting bundles: which learning rate lays the grid, what is warned of, and networks of torchvision."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from analysis.bundling.keys import Ruler, on_grid
from analysis.bundling.plan import training_over
from analysis.engine import run
from analysis.figures import FigureSpec, make_sheet
from analysis.figures.sheet import Guide
from analysis.live import measure
from analysis.measures.partitions import summarise
from analysis.request import ImageSource, ModelSource, Request
from analysis.result import Result
from app.bundling.figure import figure_of
from app.bundling.page import update_ratio
from app.reading.bundles import Look, Reading
from tests.tiny import pictures, residual_net

METHOD = "conflicting_bundles"


# -- the learning rate -----------------------------------------------------------------------------------------------


def test_one_base_learning_rate_unless_each_checkpoint_is_to_have_its_own() -> None:
    facts = ({"lr": "0.01"}, {}, {"lr": "0.1", "batch_size": "32"}, {"lr": "1e-6", "batch_size": "64"})
    base = training_over(facts, 0.0, 0)
    assert (base.eta, base.batch, base.assumed) == ((0.1,) * 4, 32, ())
    assert base.eta_words == "0.1, the largest that a checkpoint states"
    own = training_over(facts, 0.0, 0, own=True)
    assert own.eta == (0.01, 0.1, 0.1, 1e-6)
    assert own.eta_words == "1e-06 to 0.1, as each checkpoint states"
    given = training_over(facts, 0.5, 8, own=True)
    assert (given.eta, given.batch, given.eta_words) == ((0.5,) * 4, 8, "0.5")
    # What was used decides: the last checkpoint states nothing, and yet nothing is assumed.
    assert training_over(({"lr": "0.1", "batch": "4"}, {}), 0.0, 0).assumed == ()
    unknown = training_over(({}, {}), 0.0, 4)
    assert (unknown.eta, unknown.eta_words, unknown.batch_words) == ((1e-3,) * 2, "0.001 (assumed)", "4")


def test_a_schedule_does_not_widen_the_grid_of_late_checkpoints(tmp_path: Path) -> None:
    from analysis.models import load
    from analysis.request import Compute

    weights = load(ModelSource("demo:fashion_plain"), Compute()).net.state_dict()
    for number, rate in enumerate((0.1, 0.01, 0.0001)):
        torch.save({"state_dict": weights, "lr": rate, "batch_size": 32}, tmp_path / f"epoch-{number}.pt")
    source = ModelSource("demo:fashion_plain", (str(tmp_path),))

    def measured(**params: bool) -> Result:
        few = (("critical", False), ("tolerances", False), *params.items())
        return Result.of(run(Request(METHOD, source, ImageSource("demo:test"), limit=8, params=few)))

    base, own = measured(), measured(own_eta=True)
    assert base["eta"].tolist() == [0.1] * 3
    assert len(set(base["tau"].tolist())) == 1
    assert "assumed" not in base.facts["η"]
    assert own["eta"].tolist() == [0.1, 0.01, 0.0001]
    np.testing.assert_allclose(own["tau"] / own["tau"][0], [1, 10, 1000])


# -- what is warned of -----------------------------------------------------------------------------------------------


def test_values_larger_than_the_grid_are_warned_of() -> None:
    net, x = residual_net(repeats=1, width=4), pictures((3, 8, 8), 12)
    labels = torch.arange(12) % 3
    plain = measure(METHOD, net, x, labels=labels, critical=False, tolerances=False)
    assert plain.finished is not None
    assert "large_values" not in [warning.code for warning in plain.finished.warnings]
    large = measure(METHOD, net, x * 1e6, labels=labels, critical=False, tolerances=False)
    assert large.finished is not None
    (warning,) = [warning for warning in large.finished.warnings if warning.code == "large_values"]
    reading = Reading(large)
    ratios = [update_ratio(reading, 0, point) for point in range(len(large.layers))]
    wanted = float((x * 1e6).abs().max()) * 1e-3 / 64 / float(large["amplitude"][0])
    assert ratios[0] == pytest.approx(wanted, rel=1e-6)
    assert wanted > 1
    assert set(warning.items) == {p.name for p, ratio in zip(large.layers, ratios, strict=True) if ratio > 1}


def test_weights_of_half_precision_are_named(tmp_path: Path) -> None:
    from analysis.models import load
    from analysis.request import Compute

    weights = load(ModelSource("demo:fashion_plain"), Compute()).net.state_dict()
    half = {name: value.half() if value.is_floating_point() else value for name, value in weights.items()}
    for name, tensors in (("half", half), ("full", weights)):
        torch.save(tensors, tmp_path / f"{name}.pt")
    found = {}
    for name in ("half", "full"):
        source = ModelSource("demo:fashion_plain", (str(tmp_path / f"{name}.pt"),))
        params = (("critical", False), ("tolerances", False))
        found[name] = Result.of(run(Request(METHOD, source, ImageSource("demo:test"), limit=4, params=params)))
    assert found["half"].facts["precision"] == "float32, from weights stored as float16"
    assert found["full"].facts["precision"] == "float32"


# -- sample and figures ----------------------------------------------------------------------------------------------


def test_as_many_pictures_as_are_asked_for() -> None:
    """W10 of the document: where the reference code rounds 65 up to two batches of 64, this takes 65."""
    request = Request(METHOD, ModelSource("demo:fashion_plain@epoch-01"), ImageSource("demo:test"), limit=65,
                      params=(("critical", False), ("tolerances", False), ("training_batch", 64)))  # fmt: skip
    result = Result.of(run(request))
    assert result["label"].shape == (65,)
    assert result["bundle_ids"].shape[-1] == 65
    assert (result["bundle_ids"] >= 0).all()
    assert result.facts["pictures"] == "N = 65"


def test_each_side_has_its_figure() -> None:
    net, x = residual_net(repeats=1, width=4), pictures((3, 8, 8), 12)
    reading = Reading(measure(METHOD, net, x, labels=torch.arange(12) % 3, tolerances=False))
    reading.checkpoints = ("a", "b")
    look = Look(1, 2, -1, False)
    spec = figure_of("training", "bundles", "runs/x", reading, look)
    assert (spec.name, spec.options) == ("bundle_heatmap", (("value", "bundles"),))
    chosen = figure_of("training", "bundles", "runs/x", reading, Look(1, 2, -1, True))
    assert (chosen.name, chosen.options) == ("bundle_training", (("point", reading.points[2].name),))
    tolerance = figure_of("tolerance", "entropy", "runs/x", reading, look)
    assert (tolerance.name, tolerance.options) == ("critical_tolerance", (("checkpoint", "b"),))
    (matrix,) = (
        make_sheet(FigureSpec("bundle_heatmap", options=(("value", "bundles"),)), [reading.result]).panels[0].marks
    )
    np.testing.assert_array_equal(matrix.values, reading.result["bundles"].T)  # type: ignore[union-attr]


def test_removal_says_mode_and_where_the_random_curve_has_lost() -> None:
    net, x = residual_net(repeats=1, width=4), pictures((3, 8, 8), 12)
    result = measure("block_removal", net, x, labels=torch.arange(12) % 3, subsets=1, repeats=1, warmup=0)
    assert result.facts["mode"].startswith("update-grid")
    for lost, wanted in ((2, [2.0]), (-1, [])):
        result["first_loss"][0] = lost
        sheet = make_sheet(FigureSpec("block_removal"), [result])
        assert "mode: update-grid" in sheet.note
        assert [mark.at for mark in sheet.panels[0].marks if isinstance(mark, Guide)] == wanted


# -- networks of torchvision -----------------------------------------------------------------------------------------


def networks() -> list[tuple[str, nn.Module, int]]:
    models = pytest.importorskip("torchvision.models")
    blocks = pytest.importorskip("torchvision.models.resnet")
    torch.manual_seed(0)
    small = models.ResNet(blocks.Bottleneck, [1, 1, 1, 1], num_classes=10)
    return [("resnet18", models.resnet18(num_classes=10), 2), ("bottleneck", small, 3)]


@pytest.mark.parametrize("which", [0, 1])
def test_blocks_of_torchvision_against_hooks_of_our_own(which: int, request: pytest.FixtureRequest) -> None:
    """Branch: output of the last norm times the factors of all its convolutions; output: of the block."""
    request.addfinalizer(partial(torch.set_num_threads, torch.get_num_threads()))
    torch.set_num_threads(1)  # sums in another order have another last digit
    _, net, convs = networks()[which]
    net.eval()
    torch.manual_seed(1)
    x = torch.randn(12, 3, 32, 32)
    x[6:] = x[:6] + 1e-6 * torch.randn(6, 3, 32, 32)
    labels = np.arange(12) % 4
    result = measure(METHOD, net, x, labels=torch.from_numpy(labels), batch=12, critical=False, tolerances=False)
    blocks = [name for name, module in net.named_modules() if hasattr(module, f"bn{convs}") and "." in name]
    kept: dict[str, Tensor] = {}
    hooks = []
    for name, module in net.named_modules():
        hooks.append(module.register_forward_hook(lambda _m, _i, out, n=name: kept.update({n: out.detach().clone()})))
    with torch.no_grad():
        net(x)
    for hook in hooks:
        hook.remove()
    assert [layer.block for layer in result.layers if layer.kind == "branch"] == blocks
    assert {layer.name for layer in result.layers if layer.kind == "block"} == set(blocks)
    ruler = Ruler(float(result["amplitude"][0]), 1e-3, 64)
    merged = 0
    for place, layer in enumerate(result.layers):
        if layer.kind not in ("branch", "block"):
            continue
        values = kept[layer.block if layer.kind == "branch" else layer.name]
        if layer.kind == "branch":
            values, factor = kept[f"{layer.block}.bn{convs}"], 1.0
            for number in range(1, convs + 1):
                z = kept[f"{layer.block}.conv{number}"].double()
                factor /= np.sqrt(float(z.var(correction=0)) + 1e-6)
            assert result["branch_scale"][0, place] == pytest.approx(factor, rel=1e-6)
            # The last digit decides what falls together: the factor that was used, not one as good.
            values = values * float(np.float32(result["branch_scale"][0, place]))
        numbers: dict[bytes, int] = {}
        rows = (on_grid(values.flatten(1), ruler) + 0.0).numpy()
        ids = np.array([numbers.setdefault(row.tobytes(), len(numbers)) for row in rows], dtype=np.int32)
        np.testing.assert_array_equal(result["bundle_ids"][0, place], ids, layer.name)
        assert result["entropy"][0, place] == summarise(ids, labels, 4).entropy
        merged += len(numbers) < 12
    assert merged
