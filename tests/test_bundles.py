"""Conflicting bundles on networks small enough to know the answer, on trained ones, and at the edges."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from analysis.bundling.keys import Ruler, on_grid
from analysis.bundling.reading import default_points
from analysis.engine import run
from analysis.events import Chunk, Finished, Outcome
from analysis.figures import FigureSpec, figures_of, make_sheet
from analysis.figures.sheet import Guide, Matrix
from analysis.graph import record
from analysis.live import measure
from analysis.measures.partitions import label_entropy, merged, partition, summarise
from analysis.models import load, save
from analysis.problems import AnalysisError
from analysis.request import Compute, ImageSource, ModelSource, Request
from analysis.result import Result
from analysis.store import record as store
from analysis.taps import taps
from tests.tiny import fill, pictures, residual_net

METHOD = "conflicting_bundles"


def bundles(net: nn.Module, x: Tensor, labels: Any = None, **params: Any) -> Result:
    marks = torch.arange(len(x)) % 3 if labels is None else labels
    return measure(METHOD, net, x, labels=torch.as_tensor(marks), **params)


def plain(width: int = 6, depth: int = 5, whole: bool = True) -> nn.Module:
    """A plain network of whole numbers, so that equal inputs stay equal bit by bit in any matrix kernel."""
    layers: list[nn.Module] = [nn.Flatten()]
    for _ in range(depth):
        layers += [nn.Linear(width, width), nn.ReLU()]
    net = nn.Sequential(*layers, nn.Linear(width, 3))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in net.parameters():
            size = parameter.shape
            parameter.copy_(torch.randint(-1, 2, size, generator=generator) if whole else torch.randn(size) * 0.4)
    return net.eval()


def whole_pictures(count: int = 60, width: int = 6) -> Tensor:
    return torch.randint(-1, 2, (count, width, 1, 1), generator=torch.Generator().manual_seed(0)).float()


def test_points_come_from_the_recording() -> None:
    names = [(p.name, p.kind) for p in default_points(record(residual_net(repeats=1, width=4), (3, 8, 8)))]
    assert [name for name, kind in names if kind == "branch"] == [f"layer{i}.0:add" for i in (1, 2, 3)]
    assert [name for name, kind in names if kind == "block"] == [f"layer{i}.0" for i in (1, 2, 3)]
    assert names[0] == ("input", "input")
    assert names[-1][1] == "pooled"
    fnn = default_points(record(plain(depth=3), (6, 1, 1)))
    assert len(fnn) == 4  # the input and three hidden activations, never the logits
    bent = nn.Sequential(nn.Flatten(), nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3), nn.ReLU())
    assert all(point.shape != (3,) for point in default_points(record(fill(bent), (6, 1, 1))))


@pytest.mark.parametrize("scaled", [True, False])
def test_against_activations_kept_in_memory(scaled: bool) -> None:
    """All numbers from the tensors themselves: the formula on whole arrays, bundles from a dictionary of rows."""
    net = residual_net(repeats=1, width=4)
    x = pictures((3, 8, 8), 30)
    x[20:] = x[:10] + 1e-7
    labels = np.arange(30) % 4
    result = bundles(net, x, labels, scaled_branches=scaled, eta=1e-3, training_batch=4096, batch=7)
    recording = record(net, (3, 8, 8))
    kept: dict[str, list[Tensor]] = {}
    convs = [layer.name for layer in recording.layers if layer.kind == "conv"]
    with taps(
        net, recording, (*result.names("point"), *convs), lambda n, t: kept.setdefault(n, []).append(t.detach().clone())
    ):
        for part in x.split(7):  # the same batches: kernels may round the last rows of a batch differently
            net(part)
    tensors = {name: torch.cat(parts) for name, parts in kept.items()}
    ruler = Ruler(float(result["amplitude"][0]), 1e-3, 4096)
    assert ruler.amplitude == max(float(p.detach().abs().max()) for p in net.parameters())
    assert result["tau"][0] == ruler.tau
    for place, layer in enumerate(result.layers):
        values = tensors[layer.name]
        if layer.kind == "branch" and scaled:
            own = [tensors[f"{layer.block}.conv{k}"].double() for k in (1, 2)]
            factor = np.prod([1 / np.sqrt(float(z.var(correction=0)) + 1e-6) for z in own])
            values = values * float(np.float32(factor))
        rows = on_grid(values.flatten(1), ruler).numpy()
        numbers: dict[bytes, int] = {}
        ids = np.array([numbers.setdefault(row.tobytes(), len(numbers)) for row in rows], dtype=np.int32)
        np.testing.assert_array_equal(result["bundle_ids"][0, place], ids, layer.name)
        found = summarise(ids, labels, 10)
        for name in ("entropy", "bundles", "samples_in_conflict", "largest_bundle", "error_floor"):
            assert result[name][0, place] == getattr(found, name), (layer.name, name)
        for row, factor in enumerate((0.25, 0.5, 1.0, 2.0, 4.0)):
            wide = on_grid(values.flatten(1), Ruler(ruler.amplitude, 1e-3 / factor, 4096)).numpy()
            entropy = summarise(partition(wide.view(np.int32)), labels, 10).entropy
            assert result["entropy_by_tolerance"][row, 0, place] == pytest.approx(entropy, abs=1e-12)
    assert (result["bundles"][0] < 30).any()


def test_exact_partitions_only_get_coarser_and_bound_loss_and_error() -> None:
    net, x = plain(), whole_pictures()
    labels = torch.arange(60) % 3
    result = bundles(net, x, labels, mode="exact", layers="input,*")
    points = [i for i, layer in enumerate(result.layers) if layer.kind in ("input", "activation")]
    counts, entropy, floor = (result[name][0][points] for name in ("bundles", "entropy", "error_floor"))
    assert np.all(np.diff(counts) <= 0)
    assert np.all(np.diff(entropy) >= -1e-12)
    assert np.all(np.diff(floor) >= -1e-12)
    assert counts[-1] < counts[0]
    assert result["loss"][0] >= entropy[-1] - 1e-6
    assert 1 - result["accuracy"][0] >= floor[-1]
    loss = float(F.cross_entropy(net(x).detach().double(), labels))
    assert result["loss"][0] == pytest.approx(loss)
    np.testing.assert_array_equal(result["prediction"][0], net(x).argmax(1).numpy())
    np.testing.assert_array_equal(result["label"], labels.numpy())
    assert "tau" in result
    assert "critical_tolerance" not in result


def test_critical_tolerances_by_hand() -> None:
    """Point 0 at W = 1.5 and tau = 2^-7: pictures 0, 0.3 tau, 20 tau; those of two classes part between 1/2 and 1."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 2))
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
        net[1].weight.fill_(1.5)  # type: ignore[union-attr,operator]
    tau = 2.0**-7

    def critical(*values: float, **params: Any) -> list[float]:
        x = torch.tensor(values)[:, None, None, None]
        found = bundles(net, x, torch.arange(len(values)), eta=2.0**-10, training_batch=64, layers="input", **params)
        assert found["tau"][0] == tau
        return found["critical_tolerance"][0].tolist()

    # 0 and 0.3 tau: half a cell is 0.5 tau at 1; at 1/2 it is 0.25 tau, and they part.
    assert critical(0.0, 0.3 * tau) == [1.0]
    assert critical(0.0, 20 * tau) == [64.0]
    assert critical(0.0, 0.01 * tau) == [2.0**-5]
    assert critical(1.0, 1.0) == [0.0]
    assert np.isnan(critical(0.0)[0])
    assert critical(0.0, 20 * tau, tolerances=False) == [64.0]


def test_edges_of_the_numbers() -> None:
    net = plain()
    x = whole_pictures(9)
    x[3, 0], x[4, 0] = float("nan"), float("inf")
    result = bundles(net, x)
    assert result["non_finite"][0].tolist() == [2] * len(result.layers)
    assert (result["bundle_ids"][0, :, 3:5] == -1).all()
    assert np.isfinite(result["entropy"]).all()
    one = bundles(net, whole_pictures(1))
    assert (one["bundles"] == 1).all()
    assert (one["entropy"] == 0).all()
    assert (one["state"] == 0).all()
    single = bundles(net, whole_pictures(9), torch.zeros(9, dtype=torch.long))
    assert (single["entropy"] == 0).all()
    assert np.isnan(single["entropy_ratio"]).all()


def test_dead_and_constant_layers_are_told() -> None:
    net = plain(depth=3)
    with torch.no_grad():
        for place, bias in ((3, 1.0), (5, -1.0)):
            net[place].weight.zero_()  # type: ignore[union-attr,operator]
            net[place].bias.fill_(bias)  # type: ignore[union-attr,operator]
    result = bundles(net, whole_pictures(12))
    assert result["state"][0].tolist() == [0, 0, 1, 2]
    assert result["entropy"][0, 2:].tolist() == [pytest.approx(np.log(3))] * 2
    assert result["critical_tolerance"][0, 2:].tolist() == [0, 0]
    assert result["first_merge"][0, 1] <= 2


def test_weights_without_amplitude_and_not_finite() -> None:
    net = plain()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
    result = bundles(net, whole_pictures(9))
    assert result["amplitude"][0] == 0
    assert result["amplitude_tensor"][0] == -1
    assert result["bundles"][0, 0] == len(np.unique(whole_pictures(9).flatten(1).numpy(), axis=0))
    with torch.no_grad():
        net[1].weight[0, 0] = float("inf")  # type: ignore[union-attr,index]
    broken = bundles(net, whole_pictures(9))
    assert np.isnan(broken["entropy"]).all()
    assert broken.finished is not None
    assert [warning.code for warning in broken.finished.warnings] == ["weights_not_finite"]


def test_wrong_input_is_refused() -> None:
    with pytest.raises(AnalysisError, match="label -1"):
        bundles(plain(), whole_pictures(3), torch.tensor([0, -1, 1]))
    with pytest.raises(AnalysisError, match="labels"):
        measure(METHOD, plain(), whole_pictures(3))
    with pytest.raises(AnalysisError, match="no points"):
        bundles(nn.Sequential(nn.Flatten(), nn.Linear(6, 3)), whole_pictures(3))


def test_close_and_check_and_keys() -> None:
    net, x = plain(whole=False), torch.rand(20, 6, 1, 1)
    x[10:] = x[:10]
    close = bundles(net, x, mode="close")
    assert (close["bundles"][0] <= 10).all()
    grid = bundles(net, x, check=True, keep_keys=True)
    assert (grid["collisions"] == 0).all()
    halves = [bundles(net, part, labels, keep_keys=True) for part, labels in
              zip(x.split(10), (torch.arange(20) % 3).split(10), strict=True)]  # fmt: skip
    for point in range(len(grid.layers)):
        together = merged([half["keys"][0, point] for half in halves])
        np.testing.assert_array_equal(together, grid["bundle_ids"][0, point])


def test_the_mixer_gives_the_same_bundles(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = residual_net(repeats=1, width=4), pictures((3, 8, 8), 24)
    x[12:] = x[:12]
    first = bundles(net, x, critical=False)
    monkeypatch.setattr("analysis.bundling.keys.route_of", lambda device: "mixer")
    monkeypatch.setattr("analysis.bundling.plan.route_of", lambda device: "mixer")
    second = bundles(net, x, critical=False)
    np.testing.assert_array_equal(first["bundle_ids"], second["bundle_ids"])
    assert (first.facts["keys"], second.facts["keys"]) == ("xxh3_128", "mixer")
    assert (first["bundles"] <= 12).any()


# ---- several checkpoints ---------------------------------------------------------------------------------------------

PLAIN = Request(METHOD, ModelSource("demo:fashion_plain"), ImageSource("demo:train"), limit=16,
                params=(("critical", False), ("tolerances", False)))  # fmt: skip


@pytest.fixture(scope="module")
def series() -> Result:
    return Result.of(run(PLAIN))


def test_the_demo_merges_with_depth_and_heals_with_training(series: Result) -> None:
    names = series.names("checkpoint")
    assert names[0] == "epoch-00"
    assert len(names) > 4
    entropy = series["entropy"]
    most = label_entropy(series["label"].astype(np.int64))
    assert entropy[0, 0] == 0
    assert entropy[0, -1] == pytest.approx(most)  # untrained: one bundle at the end
    assert series["bundles"][0, -1] == 1
    assert entropy[-1, -1] < entropy[0, -1] / 2
    assert series["accuracy"][-1] > series["accuracy"][0]
    assert series["eta"].tolist() == [1e-4] * len(names)
    assert series["training_batch"].tolist() == [128] * len(names)
    assert "assumed" not in series.facts["η"]
    assert [series.names("parameter")[i] for i in series["amplitude_tensor"]] == ["layer1.0.conv.weight"] * len(names)


def test_a_checkpoint_of_a_series_is_the_checkpoint_alone(series: Result) -> None:
    from dataclasses import replace

    alone = Result.of(run(replace(PLAIN, model=ModelSource("demo:fashion_plain@epoch-03"))))
    place = series.names("checkpoint").index("epoch-03")
    for name in ("entropy", "bundle_ids", "amplitude", "loss", "prediction"):
        np.testing.assert_array_equal(alone[name][0], series[name][place], name)
    assert alone.prepared is not None
    assert series.prepared is not None
    assert alone.prepared.fingerprint != series.prepared.fingerprint


def test_files_in_natural_order_with_a_broken_one(tmp_path: Path) -> None:
    from analysis.edits import Edits

    base = ModelSource("demo:fashion_resnet")
    for number, scale in ((9, 1.0), (10, 2.0), (2, float("nan"))):
        model = load(base, Compute())
        with torch.no_grad():
            next(model.net.parameters()).mul_(scale)
        torch.save(model.net.state_dict(), tmp_path / f"epoch-{number}.pt")
    save(load(base, Compute()), tmp_path / "other.safetensors", Edits())
    source = ModelSource("demo:fashion_resnet", (str(tmp_path / "epoch-*.pt"),))
    request = Request(METHOD, source, ImageSource("demo:test"), limit=8, params=(("critical", False),))
    result = Result.of(store(run(request), tmp_path / "runs"))
    assert result.names("checkpoint") == ("epoch-2", "epoch-9", "epoch-10")
    assert np.isnan(result["entropy"][0]).all()
    assert (result["bundle_ids"][0] == -1).all()
    assert np.isfinite(result["entropy"][1:]).all()


def test_a_removed_block_in_every_checkpoint() -> None:
    from analysis.edits import Edits

    request = Request(METHOD, ModelSource("demo:fashion_resnet@epoch-07"), ImageSource("demo:test"), limit=8,
                      edits=Edits(removed=("layer1.1",)), params=(("critical", False),))  # fmt: skip
    result = Result.of(run(request))
    assert "layer1.1:add" not in result.names("point")
    assert "layer1.2:add" in result.names("point")


def test_cancelling_in_the_middle() -> None:
    calls = iter(range(10**9))
    events = list(run(PLAIN, lambda: next(calls) >= 400))
    assert isinstance(events[-1], Finished)
    assert events[-1].outcome is Outcome.CANCELLED
    assert any(isinstance(event, Chunk) for event in events)


def test_figures(series: Result) -> None:
    names = [info.name for info in figures_of(METHOD) if info.name.startswith("bundle")]
    assert len(names) == 3
    depth = make_sheet(FigureSpec("bundle_depth", options=(("checkpoint", "epoch-00"),)), [series])
    guides = [mark for mark in depth.panels[0].marks if isinstance(mark, Guide)]
    assert [guide.label.split(":")[0] for guide in guides] == ["H(Y)", "onset"]
    assert "W:" in depth.note
    matrix = make_sheet(FigureSpec("bundle_heatmap", options=(("kinds", "block"),)), [series]).panels[0].marks[0]
    assert isinstance(matrix, Matrix)
    values = series["entropy"][:, 1:-1].T
    np.testing.assert_array_equal(np.isnan(matrix.values), values == 0)
    training = make_sheet(FigureSpec("bundle_training"), [series])
    assert training.panels[0].title == "pool"
    with pytest.raises(AnalysisError, match="no critical tolerances"):
        make_sheet(FigureSpec("critical_tolerance"), [series])


# ---- real pictures ---------------------------------------------------------------------------------------------------


@pytest.mark.data
def test_a_trained_resnet_has_no_conflict(data: Path) -> None:
    weights = str(data / "weights" / "resnet20-12fca82f.th")
    images = ImageSource(str(data / "cifar10" / "cifar_train4000.npz"))
    params = (("critical", False),)
    request = Request(METHOD, ModelSource("auto", (weights,), trust=True), images, limit=64, params=params)
    result = Result.of(run(request))
    assert len(result.layers) == 20
    assert (result["entropy"] == 0).all()
    assert (result["bundles"] == 64).all()
    assert result["accuracy"][0] > 0.95
    assert result["amplitude"][0] == pytest.approx(2.187, abs=1e-3)
    assert "assumed" in result.facts["η"]


def digits(width: int, depth: int, epochs: int, rate: float = 1e-3, seed: int = 0) -> tuple[nn.Module, Tensor, Tensor]:
    """A ReLU network on the digits of scikit-learn, with He's uniform weights and zero biases."""
    from sklearn.datasets import load_digits

    found = load_digits()
    x, y = torch.tensor(found.images / 16, dtype=torch.float32)[:, None], torch.tensor(found.target)
    torch.manual_seed(seed)
    sizes = [64, *[width] * depth]
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    net = nn.Sequential(*layers, nn.Linear(width, 10))
    for module in net.modules():
        if isinstance(module, nn.Linear):
            nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)
    optimiser = torch.optim.Adam(net.parameters(), rate)
    for _ in range(epochs):
        for part in torch.randperm(len(x)).split(64):
            optimiser.zero_grad()
            F.cross_entropy(net(x[part]), y[part]).backward()
            optimiser.step()
    return net.eval(), x[:512], y[:512]


@pytest.mark.parametrize("epochs", [0, 5])
def test_wide_and_shallow_on_digits_has_no_conflict(epochs: int) -> None:
    net, x, y = digits(50, 5, epochs)
    result = bundles(net, x, y, critical=False)
    assert (result["entropy"][0] == 0).all()
    assert epochs == 0 or result["accuracy"][0] > 0.9


def test_narrow_and_deep_on_digits_merges_everything() -> None:
    net, x, y = digits(10, 50, 0)
    untrained = bundles(net, x, y, critical=False)
    onset = int(np.flatnonzero(untrained["entropy"][0] > 0)[0])
    assert 1 < onset <= 14
    # After one epoch the last layer tells (nearly) nothing apart: 1 to 7 bundles with seeds 0 to 3, one with seed 2.
    net, x, y = digits(10, 50, 1, seed=2)
    trained = bundles(net, x, y, critical=False)
    assert trained["bundles"][0, -1] == 1
    assert trained["entropy_ratio"][0, -1] == pytest.approx(1)
    assert trained["accuracy"][0] < 0.2
    exact = bundles(net, x, y, mode="exact", critical=False)
    assert np.all(np.diff(exact["entropy"][0]) >= -1e-9)


@pytest.mark.slow
def test_in_between_heals_with_training() -> None:
    found = [bundles(*digits(10, 20, epochs), critical=False) for epochs in (0, 10, 60)]
    entropy = [float(result["entropy"][0, -1]) for result in found]
    accuracy = [float(result["accuracy"][0]) for result in found]
    print(entropy, accuracy)
    assert entropy[0] > entropy[-1]
    assert accuracy[0] < accuracy[-1]
