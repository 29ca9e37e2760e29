"""Method parameter_sharing: projection, expectations, usage, accuracy with and without pictures; its figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from analysis import measure
from analysis.engine import run
from analysis.figures import FigureSpec, figures_of, make_sheet, save
from analysis.figures.sharing import chosen_ratio
from analysis.measures import ring_projection as projection
from analysis.measures import rings
from analysis.networks import fashion_resnet
from analysis.problems import AnalysisError
from analysis.request import ImageSource, ModelSource, Request
from analysis.result import Result
from analysis.sharing import Sharing, materialise, plan, share
from tests.tiny import Tied

DEMO = ModelSource("demo:fashion_resnet")


def request(images: bool = False, **params: Any) -> Request:
    pictures = ImageSource("demo:test") if images else None
    return Request("parameter_sharing", DEMO, pictures, params=tuple(params.items()), limit=40)


@pytest.fixture(scope="module")
def found() -> Result:
    return Result.of(run(request()))


@pytest.fixture(scope="module")
def scored() -> Result:
    return Result.of(run(request(images=True, ratios="0.2,1", recalibrate=40)))


def test_no_pictures_are_needed(found: Result) -> None:
    assert found.finished is not None
    assert found.finished.problem is None
    assert "accuracy" not in found
    assert len(found.layers) == 20
    assert found["generated"].sum() == found.value("total_generated") == 67_456
    assert found.value("unshared") == 68_642 - 67_456
    assert found["total_freedom"][-1] == 68_642


def test_energy_follows_the_law(found: Result) -> None:
    ratio = found["size"] / found.value("total_generated")
    np.testing.assert_allclose(found["energy_expected"], ratio, atol=1e-12)
    off = np.abs(found["energy_kept"] - ratio)[:-1]
    assert (off < 5 * np.sqrt(2 * found["size"][:-1]) / 67_456).all()
    assert found["energy_kept"][-1] == pytest.approx(1)
    assert (found["energy_pruned"][:-1] > 1.5 * found["energy_kept"][:-1]).all()
    assert np.isfinite(found["error_expected"]).all()
    np.testing.assert_allclose(found["error"][-1], 0, atol=1e-12)


def test_rows_agree_with_the_module(found: Result) -> None:
    """What the method says of N / M = 0.2 is what a network made with the same seed has."""
    from analysis import models
    from analysis.request import Compute

    net = models.load(DEMO, Compute()).net
    banks = plan(net, Sharing(0.2))
    dense = dict(materialise(share(net, banks)).named_parameters())
    place = chosen_ratio(found, "0.2")
    for row, layer in enumerate(found.layers):
        own = net.get_submodule(layer.module).weight.detach().double()  # type: ignore[union-attr,operator]
        made = dense[f"{layer.module}.weight"].detach().double()
        error = float((own - made).square().sum() / own.square().sum())
        assert found["error"][place, row] == pytest.approx(error, rel=1e-4)
    counts = rings.reuse_counts(rings.draw(banks[0])[0], banks[0].size)
    assert found["reuse"].tolist() == rings.reuse_histogram(counts).tolist()


def test_usage_reuse_and_likeness(found: Result) -> None:
    assert found["usage"].shape == (20, 256)
    size = int(found.value("detail_size"))
    widths = np.diff(np.arange(257) * size // 256)
    np.testing.assert_allclose((found["usage"] * widths).sum(axis=1), size)
    assert found["reuse"].sum() == size
    assert np.count_nonzero(found["reuse"]) <= 2
    np.testing.assert_allclose(found["distinct"], found["distinct_expected"], rtol=0.05)
    np.testing.assert_allclose(np.diag(found["overlap"]), 1)
    off = found["correlation_after"][~np.eye(20, dtype=bool)]
    assert 0.5 < np.sqrt(np.mean(off**2)) < 2  # projected kernels are not quite unrelated, but nearly


def test_accuracy_with_pictures(scored: Result) -> None:
    assert scored["accuracy"][1] == pytest.approx(scored.value("accuracy_dense"), abs=0.15)
    assert scored["accuracy_plain"][1] == scored.value("accuracy_dense")
    assert scored["accuracy_pruned"][1] >= scored["accuracy"][0]
    assert "not trained" not in scored.facts
    assert "diagnosis" in scored.facts["projection"]


def test_pictures_without_labels(tmp_path: Path) -> None:
    result = Result.of(run(Request("parameter_sharing", DEMO, ImageSource("noise:8"))))
    assert [warning.code for warning in result.warnings] == ["no_labels"]
    assert "accuracy" not in result


@pytest.mark.parametrize(
    "params",
    [
        {"whitened": False},
        {"gain": "least squares"},
        {"gain": "rms"},
        {"variant": "direct"},
        {"variant": "perm"},
        {"variant": "sign"},
        {"scope": "stage"},
        {"layout": "laps", "scope": "block"},
        {"include": "stem,linear"},
    ],
)
def test_choices(params: dict[str, Any]) -> None:
    result = Result.of(run(request(ratios="0.1,2", **params)))
    assert result.finished is not None
    assert result.finished.problem is None
    last = result["error"][-1]
    if params.get("variant") not in ("direct", "sign"):
        np.testing.assert_allclose(last, 0, atol=1e-12)  # a ring larger than its weights holds them all
    if params == {"whitened": False}:
        assert (result["error_expected"][0] > 0.8).all()
        assert np.isnan(result["energy_expected"]).all()
    if params.get("gain") == "least squares":
        assert (result["error"][0] <= 1).all()
    if params.get("variant") == "perm":
        assert result["energy_expected"][0] >= 0.1
    if "include" in params:
        assert len(result.layers) == 22


def test_chosen_layers_only() -> None:
    result = Result.of(run(Request("parameter_sharing", DEMO, layers="layer1.*.conv1", params=(("ratios", "0.5"),))))
    assert [layer.name for layer in result.layers] == [f"layer1.{block}.conv1" for block in range(3)]
    ending = Result.of(run(Request("parameter_sharing", DEMO, layers="layer1.*:relu*"))).finished
    assert ending is not None
    assert ending.problem is not None
    assert "convolution or a linear layer" in ending.problem.message


@pytest.mark.parametrize(
    ("params", "words"), [({"ratios": "a"}, "list of sizes"), ({"include": "everything"}, "include")]
)
def test_wrong_parameters_are_one_sentence(params: dict[str, Any], words: str) -> None:
    ending = Result.of(run(request(**params))).finished
    assert ending is not None
    assert ending.problem is not None
    assert words in ending.problem.message
    assert not ending.problem.details.startswith("Traceback")


def test_live_networks_and_their_oddities() -> None:
    tied = measure("parameter_sharing", Tied(), torch.randn(4, 1, 1, 3), ratios="0.5", include="linear")
    assert tied["generated"].tolist() == [9]
    with torch.no_grad():
        net = fashion_resnet()
        net.layer1[0].conv1.weight.zero_()
    zero = measure("parameter_sharing", net, torch.randn(4, 1, 28, 28), ratios="0.5")
    assert np.isnan(zero["error"][0, 0])
    assert np.isfinite(zero["error"][0, 1:]).all()
    with torch.no_grad():
        net.layer1[0].conv2.weight[0] = float("nan")
    with pytest.raises(AnalysisError, match="not a number"):
        measure("parameter_sharing", net, torch.randn(4, 1, 28, 28))
    with pytest.raises(AnalysisError, match="No layer is left"):
        measure("parameter_sharing", nn.Sequential(nn.Conv2d(1, 2, 3)), torch.randn(4, 1, 8, 8))


def test_batch_normalisation_is_measured_on_the_kernels_in_place() -> None:
    """Scaling a convolution's weights by 10 changes nothing once the statistics behind it are measured anew."""
    from analysis.models import model_from
    from analysis.sharing.reading import lay_out
    from analysis.sharing.trial import Trial

    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4, eps=1e-12), nn.ReLU(),
                        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)).eval()  # fmt: skip
    from analysis.images import images_from

    x, y = torch.randn(30, 1, 8, 8), torch.arange(30) % 3
    model = model_from(net, (1, 8, 8))
    weights = lay_out(model, plan(net, Sharing(0.5)))
    tester = Trial(net, weights.tensors, images_from(x, y), 30)

    def score(kernels: np.ndarray[Any, Any]) -> float:
        with torch.no_grad():
            steps = tester.score(kernels, True, "")
            while True:
                try:
                    next(steps)
                except StopIteration as ending:
                    return float(ending.value)

    first = score(weights.values)
    mean = tester.norms[0].running_mean.clone()  # type: ignore[union-attr]
    assert score(10 * weights.values) == first
    torch.testing.assert_close(tester.norms[0].running_mean, 10 * mean, rtol=1e-4, atol=1e-5)
    assert not net[2].running_mean.any()  # type: ignore[union-attr]  # the network itself is not touched


def test_figures(found: Result, scored: Result, tmp_path: Path) -> None:
    names = [figure.name for figure in figures_of("parameter_sharing") if figure.methods]
    assert names[:4] == ["ring_projection", "ring_error", "ring_usage", "ring_correlation"]
    assert names[4:] == ["ring_agreement", "ring_spectrum"]
    with pytest.raises(AnalysisError, match="pictures with labels"):
        make_sheet(FigureSpec("ring_agreement"), [found])
    with pytest.raises(AnalysisError, match="makes no weights of 'stem'"):
        make_sheet(FigureSpec("ring_spectrum", options=(("layer", "stem"),)), [found])
    save(FigureSpec("ring_agreement"), [scored], tmp_path / "agreement.svg")
    for name in (*names[:4], "ring_spectrum"):
        for number, result in enumerate((found, scored)):
            save(FigureSpec(name), [result], tmp_path / f"{name}{number}.svg")
    (panel,) = make_sheet(FigureSpec("ring_error", options=(("ratio", "0.2"),)), [found]).panels
    np.testing.assert_array_equal(panel.marks[0].y, found["error"][chosen_ratio(found, "0.2")])  # type: ignore[union-attr]
    assert len(make_sheet(FigureSpec("ring_projection"), [scored]).panels) == 2
    with pytest.raises(AnalysisError, match="no ring"):
        make_sheet(FigureSpec("ring_error", options=(("ratio", "0.3"),)), [found])


def test_projection_of_many_seeds_keeps_no_more(found: Result) -> None:
    """Another seed does not help: the spread over seeds is the deviation that is told."""
    random = np.random.default_rng(0)
    weights, sizes = random.standard_normal(8000), (8000,)
    kept = []
    for seed in range(60):
        bank = rings.Bank(("a",), ((8000,),), 2000, seed)
        kept.append(projection.project(weights, *rings.draw(bank), sizes, 2000).kept)
    _, deviation = projection.expected_kept(2000, 8000)
    assert np.std(kept) == pytest.approx(deviation, rel=0.35)
    assert max(kept) < 0.25 + 5 * deviation
