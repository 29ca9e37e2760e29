"""Feature rank of small networks whose answer is known, through the whole engine, and of a trained network."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from analysis import measure
from analysis.config import LayerSpec
from analysis.engine import run
from analysis.events import Chunk, Progress
from analysis.features.gauges import Gauge, columns, plan
from analysis.graph import record
from analysis.images import images_from
from analysis.job import Job
from analysis.measures import spectra
from analysis.measures.positions import sampled_positions
from analysis.methods import feature_rank
from analysis.models import model_from
from analysis.problems import AnalysisError
from analysis.request import ImageSource, ModelSource, Request
from analysis.result import Result
from analysis.taps import taps

pytestmark = pytest.mark.usefixtures("one_thread")


def noise(count: int, *shape: int, seed: int = 0) -> Tensor:
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(seed))


def convolution(inputs: int, outputs: int, seed: int = 0, bias: bool = False, kernel: int = 1) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, kernel, bias=bias)
    with torch.no_grad():
        layer.weight.copy_(noise(*layer.weight.shape, seed=seed))
        if layer.bias is not None:
            layer.bias.copy_(noise(outputs, seed=seed + 1))
    return layer


def tensors(net: nn.Module, pictures: Tensor, *names: str) -> dict[str, Tensor]:
    """Features as plain copies."""
    found: dict[str, Tensor] = {}
    recording = record(net, tuple(pictures.shape[1:]))
    with taps(net, recording, names, lambda name, tensor: found.update({name: tensor.clone()})), torch.no_grad():
        net(pictures)
    return found


def value(result: Result, name: str, layer: str) -> float:
    return float(result[name][result.names("layer").index(layer)])


def same_spectra(one: np.ndarray, other: np.ndarray) -> bool:
    """Equal up to rounding, which is relative to the largest value of each spectrum."""
    error = np.abs(one - other) / one[:, :1]
    return bool(np.array_equal(np.isnan(one), np.isnan(other)) and np.nanmax(error) < 1e-6)


def codes(result: Result) -> dict[str, tuple[str, ...]]:
    return {warning.code: warning.items for warning in result.warnings}


def small_net() -> nn.Sequential:
    return nn.Sequential(
        convolution(3, 12, kernel=3, bias=True),
        nn.ReLU(),
        convolution(12, 20, seed=2),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(20, 4),
    ).eval()


def test_linear_layers_have_the_rank_of_their_input() -> None:
    net = nn.Sequential(convolution(3, 16), convolution(16, 8, 1), convolution(8, 24, 2), nn.ReLU())
    result = measure("feature_rank", net, noise(40, 3, 6, 6))
    assert [value(result, "rank", name) for name in ("0", "1", "2")] == [3, 3, 3]
    assert value(result, "rank", "3") > 3
    assert value(result, "rank_ratio", "0") == 3 / 16


def test_channels_are_never_mixed_with_positions() -> None:
    """T[b, c, h, w] = c + 1 has rank 1; reshaping it straight to (channels, -1) has more: the classic mistake."""
    tensor = torch.arange(1.0, 6.0)[None, :, None, None].expand(6, 5, 4, 4).contiguous()
    assert torch.linalg.matrix_rank(tensor.reshape(5, -1)) > 1
    for mode in ("positions", "sampled", "pooled"):
        point = plan(LayerSpec("x", "conv", shape=(5, 4, 4)), mode, 16)
        assert point is not None
        gauge = Gauge(point, 6, grouped=True)
        gauge.update(tensor, 0, None)
        assert gauge.moment is not None
        sigma = gauge.moment.decompose(False).eigenvalues.sqrt().numpy()
        assert spectra.numerical_rank(sigma, 1e-6) == 1


def test_columns_of_every_mode() -> None:
    maps = noise(4, 3, 5, 6)
    drawn = torch.as_tensor(sampled_positions(0, 5, 6, range(4), 7))
    sampled = columns(maps, "sampled", drawn)
    for picture in range(4):
        for place in range(7):
            row, column = divmod(int(drawn[picture, place]), 6)
            assert torch.equal(sampled[picture, :, place], maps[picture, :, row, column])
    assert torch.equal(columns(maps, "positions"), maps.flatten(2))
    assert torch.equal(columns(maps, "pooled")[:, :, 0], maps.mean(dim=(2, 3)))
    assert torch.equal(columns(maps, "flat")[:, :, 0], maps.flatten(1))
    assert torch.equal(columns(maps[:, :, 0, 0], "pooled")[:, :, 0], maps[:, :, 0, 0])


@pytest.mark.parametrize(
    ("layer", "mode", "expected"),
    [
        (LayerSpec("a", "conv", shape=(8, 16, 16)), "auto", ("positions", 8, 256)),
        (LayerSpec("a", "conv", shape=(8, 17, 16)), "auto", ("sampled", 8, 16)),
        (LayerSpec("a", "conv", shape=(8, 3, 3)), "sampled", ("sampled", 8, 9)),
        (LayerSpec("a", "pooled", shape=(8, 1, 1)), "auto", ("pooled", 8, 1)),
        (LayerSpec("a", "linear", shape=(8,)), "positions", ("pooled", 8, 1)),
        (LayerSpec("a", "conv", shape=(8, 7, 7)), "pooled", ("pooled", 8, 1)),
        (LayerSpec("a", "conv", shape=(64, 8, 8)), "flat", ("flat", 4096, 1)),
        (LayerSpec("a", "conv", shape=(64, 8, 9)), "flat", None),
        (LayerSpec("a", "conv", shape=(4097, 1, 1)), "auto", None),
        (LayerSpec("a", "activation", shape=(50, 8)), "auto", None),
    ],
)
def test_plans(layer: LayerSpec, mode: str, expected: tuple[str, int, int] | None) -> None:
    point = plan(layer, mode, 16)
    assert (point and (point.mode, point.rows, point.positions)) == expected


@pytest.mark.parametrize("mode", ["positions", "sampled", "pooled", "flat"])
@pytest.mark.parametrize("centred", [False, True])
def test_every_number_equals_the_singular_values_of_the_plain_matrix(mode: str, centred: bool) -> None:
    net, pictures = small_net(), noise(50, 3, 9, 9)
    result = measure("feature_rank", net, pictures, batch=16, mode=mode, centred=centred, layers="1,2,4")
    for name, features in tensors(net, pictures, "1", "2", "4").items():
        drawn = None
        if mode == "sampled" and features.shape[2] > 1:
            drawn = torch.as_tensor(sampled_positions(0, *features.shape[2:], range(50), 16))
        matrix = columns(features, "pooled" if name == "4" else mode, drawn).transpose(0, 1).flatten(1).double()
        about_mean = matrix - matrix.mean(dim=1, keepdim=True)
        row = result.names("layer").index(name)
        for output, exact in (("singular_values", matrix), ("singular_values_centred", about_mean)):
            sigma = torch.linalg.svdvals(exact).numpy()
            found = result[output][row][: len(sigma)]
            assert np.abs(found - sigma).max() <= 1e-6 * sigma[0]
            rest = result[output][row][len(sigma) : matrix.shape[0]]
            assert not rest.any()
            assert np.isnan(result[output][row][matrix.shape[0] :]).all()
        sigma = torch.linalg.svdvals(about_mean if centred else matrix).numpy()
        rows, count = matrix.shape
        tolerance = spectra.default_rtol(rows, count)
        expected = {
            "channels": rows,
            "observations": count,
            "tolerance": tolerance,
            "rank": (sigma > tolerance * sigma[0]).sum(),
            "energy_rank": spectra.energy_rank(sigma, 0.99),
            "effective_rank": math.exp(-sum(p * math.log(p) for p in sigma / sigma.sum() if p > 0)),
            "participation_ratio": (sigma**2).sum() ** 2 / (sigma**4).sum(),
            "stable_rank": (sigma**2).sum() / sigma[0] ** 2,
            "nuclear_norm": sigma.sum(),
            "nuclear_norm_scaled": sigma.sum() / math.sqrt(count),
            "dead_channels": (features.transpose(0, 1).flatten(1) == 0).all(dim=1).sum(),
            "always_on_channels": (features.transpose(0, 1).flatten(1) > 0).all(dim=1).sum(),
        }
        for output, number in expected.items():
            assert value(result, output, name) == pytest.approx(float(number), rel=1e-6), (name, output)


def test_intervals_enclose_the_estimate_and_shrink_with_pictures() -> None:
    net = small_net()
    widths = []
    for count in (64, 1024):
        result = measure("feature_rank", net, noise(count, 3, 6, 6))
        low, high = result["effective_rank_low"], result["effective_rank_high"]
        assert (low <= result["effective_rank"]).all()
        assert (result["effective_rank"] <= high).all()
        assert (low >= 1).all()
        assert (high <= result["channels"]).all()
        widths.append((high - low).mean())
    assert widths[1] < widths[0] / 2


def test_batch_size_changes_nothing_but_rounding() -> None:
    net, pictures = small_net(), noise(53, 3, 9, 9)
    one, other = (measure("feature_rank", net, pictures, batch=size) for size in (53, 7))
    for name in one.arrays:
        if name.startswith("singular_values"):
            assert same_spectra(one[name], other[name])
        else:
            assert np.allclose(one[name], other[name], rtol=1e-5, equal_nan=True), name


def test_repeating_the_pictures_leaves_the_scaled_measures_alone() -> None:
    net, pictures = small_net(), noise(40, 3, 9, 9)
    once = measure("feature_rank", net, pictures, mode="positions")
    many = measure("feature_rank", net, torch.cat([pictures] * 4), mode="positions")
    for name in ("rank", "effective_rank", "participation_ratio", "stable_rank", "nuclear_norm_scaled"):
        assert np.allclose(once[name], many[name], rtol=1e-6), name
    assert np.allclose(2 * once["nuclear_norm"], many["nuclear_norm"], rtol=1e-6)


def test_rows_that_are_one_tensor_share_their_numbers() -> None:
    net = nn.Sequential(convolution(3, 6), nn.ReLU(), convolution(6, 6), nn.ReLU())
    result = measure("feature_rank", net, noise(20, 3, 5, 5))
    twins = [layer for layer in result.layers if layer.same_as]
    assert twins
    for layer in twins:
        assert value(result, "effective_rank", layer.name) == value(result, "effective_rank", layer.same_as)
    alone = measure("feature_rank", net, noise(20, 3, 5, 5), layers=twins[0].name)
    assert value(alone, "effective_rank", twins[0].name) == value(result, "effective_rank", twins[0].name)


def test_in_place_activations_do_not_reach_back() -> None:
    plain = nn.Sequential(convolution(3, 8), nn.ReLU())
    changing = nn.Sequential(plain[0], nn.ReLU(inplace=True))
    one, other = (measure("feature_rank", net, noise(30, 3, 5, 5)) for net in (plain, changing))
    assert np.array_equal(one["singular_values"], other["singular_values"])
    assert value(other, "rank", "0") == 3


def test_a_dead_layer_has_rank_zero_and_is_no_gap() -> None:
    net = nn.Sequential(convolution(3, 5), nn.ReLU())
    with torch.no_grad():
        net[0].weight.zero_()
    result = measure("feature_rank", net, noise(20, 3, 4, 4))
    for name in ("rank", "rank_ratio", "energy_rank", "effective_rank", "participation_ratio", "stable_rank"):
        assert result[name].tolist() == [0.0] * len(result.layers), name
    assert value(result, "dead_channels", "1") == 5
    assert np.isnan(result["effective_rank_low"]).all()


def test_dead_and_always_on_channels_are_counted_at_all_positions() -> None:
    net = nn.Sequential(nn.Conv2d(1, 3, 1), nn.ReLU())
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([-1.0, 1.0, 1.0])[:, None, None, None])
        net[0].bias.copy_(torch.tensor([0.0, 0.0, 1.0]))
    pictures = torch.rand(64, 1, 20, 20) + 0.1
    pictures[:, :, 1, 1] = 0.0
    result = measure("feature_rank", net, pictures, mode="sampled", positions=1, layers="1")
    assert (value(result, "dead_channels", "1"), value(result, "always_on_channels", "1")) == (1, 1)


def test_fewer_observations_than_channels_are_flagged() -> None:
    net = nn.Sequential(convolution(3, 40), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(40, 2))
    result = measure("feature_rank", net, noise(10, 3, 4, 4))
    assert codes(result)["undersampled"] == ("2",)
    assert value(result, "rank", "2") <= 10
    row = result.names("layer").index("2")
    assert np.count_nonzero(result["singular_values"][row]) <= 10
    assert "undersampled" not in codes(measure("feature_rank", net, noise(40, 3, 4, 4)))


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_pictures_with_features_that_are_not_finite_are_left_out_and_counted(broken: float) -> None:
    net, pictures = small_net(), noise(48, 3, 9, 9)
    spoilt = pictures.clone()
    spoilt[11, 0, 4, 4] = broken
    spoilt[30] = broken
    result = measure("feature_rank", net, spoilt, mode="positions", batch=10)
    keep = [i for i in range(48) if i not in (11, 30)]
    clean = measure("feature_rank", net, pictures[keep], mode="positions")
    assert result["observations"].tolist() == clean["observations"].tolist()
    for name in ("singular_values", "singular_values_centred"):
        assert same_spectra(result[name], clean[name])
    warning = next(warning for warning in result.warnings if warning.code == "non_finite")
    assert warning.text.startswith("2 pictures")
    assert set(warning.items) == {layer.name for layer in result.layers if not layer.same_as}


def test_nothing_finite_at_all_is_told_and_left_empty() -> None:
    result = measure("feature_rank", small_net(), torch.full((9, 3, 9, 9), math.nan))
    assert result["observations"].tolist() == [0] * len(result.layers)
    assert np.isnan(result["rank"]).all()
    assert set(codes(result)) == {"undersampled", "non_finite"}


def test_products_beyond_double_precision_are_told() -> None:
    net = nn.Sequential(convolution(3, 4)).double()
    result = measure("feature_rank", net, 1e200 * noise(20, 3, 4, 4).double())
    assert np.isnan(result["rank"]).all()
    assert "no_spectrum" in codes(result)


def test_live_estimates_come_early_and_do_not_change_the_answer() -> None:
    net, pictures = small_net(), noise(64, 3, 9, 9)
    final = measure("feature_rank", net, pictures, batch=4)
    seen: list[Any] = []
    live = measure("feature_rank", net, pictures, batch=4, live=True, progress=seen.append)
    for name in final.arrays:
        assert np.array_equal(final[name], live[name], equal_nan=True), name
    read = [i for i, event in enumerate(seen) if isinstance(event, Progress) and event.text == "Reading features"]
    early = [event for event in seen[: read[-1]] if isinstance(event, Chunk) and event.name == "effective_rank"]
    assert early
    assert all(event.values > 0 for event in early)
    assert not next(param for param in feature_rank.INFO.params if param.name == "live").shapes_result


def test_every_batch_is_a_step_and_large_decompositions_are_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_rank, "SAY_SOLVING", 15)
    seen: list[Any] = []
    measure("feature_rank", small_net(), noise(40, 3, 9, 9), batch=8, progress=seen.append)
    texts = [event.text for event in seen if isinstance(event, Progress)]
    assert texts.count("Reading features") == 5
    assert "solving 2" in texts
    assert "solving 0" not in texts


def test_the_interval_memory_is_kept_and_spent_on_narrow_layers() -> None:
    net = small_net()
    none = measure("feature_rank", net, noise(30, 3, 9, 9), interval_memory=0)
    assert np.isnan(none["effective_rank_low"]).all()
    assert set(codes(none)["no_interval"]) == {layer.name for layer in none.layers if not layer.same_as}
    full = measure("feature_rank", net, noise(30, 3, 9, 9))
    assert same_spectra(none["singular_values"], full["singular_values"])


def test_wrong_choices_are_one_sentence() -> None:
    net, pictures = small_net(), noise(8, 3, 40, 40)
    with pytest.raises(AnalysisError, match=r"mode flat: .*4,096"):
        measure("feature_rank", net, pictures, mode="flat", layers="0,1")
    with pytest.raises(AnalysisError, match="No layer fits 'cnov"):
        measure("feature_rank", net, pictures, layers="cnov*")
    with pytest.raises(AnalysisError, match="is not a value of mode"):
        measure("feature_rank", net, pictures, mode="pooling")
    part = measure("feature_rank", net, pictures, mode="flat", layers="0,4")
    assert part.names("layer") == ("4",)
    assert codes(part)["not_measured"] == ("0",)


def test_smaller_pictures_than_the_network_was_opened_with_are_one_sentence() -> None:
    drawn = torch.as_tensor(sampled_positions(0, 20, 20, range(4), 7))
    point = plan(LayerSpec("a", "conv", shape=(3, 20, 20)), "sampled", 7)
    assert point is not None
    with pytest.raises(AnalysisError, match="smaller than those of the network"):
        Gauge(point, 4, grouped=False).update(torch.randn(4, 3, 10, 10), 0, drawn)


def test_tolerance_is_the_users_and_is_doubted_below_the_noise() -> None:
    net, pictures = small_net(), noise(40, 3, 9, 9)
    result = measure("feature_rank", net, pictures, rtol=0.2)
    sigma = result["singular_values"]
    assert result["tolerance"].tolist() == [0.2] * len(result.layers)
    assert result["rank"].tolist() == np.nansum(sigma > 0.2 * sigma[:, :1], axis=1).tolist()
    assert result.facts["tolerance"] == "0.2"
    assert "tolerance_below_noise" in codes(measure("feature_rank", net, pictures, rtol=1e-12))


@pytest.mark.parametrize(("dtype", "least"), [(torch.float16, 2e-3), (torch.bfloat16, 2e-2), (torch.float64, 0.0)])
def test_tolerance_follows_the_precision_of_the_features(dtype: torch.dtype, least: float) -> None:
    net = nn.Sequential(convolution(3, 16), nn.ReLU()).to(dtype)
    result = measure("feature_rank", net, noise(40, 3, 6, 6).to(dtype))
    assert (result["tolerance"] >= least).all()
    assert value(result, "rank", "0") == 3
    if dtype == torch.float64:
        assert result["tolerance"][0] < 1e-6


def test_channels_on_the_last_axis_are_found() -> None:
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = convolution(3, 6)
            self.wide = nn.Linear(6, 10)
            self.act = nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            return self.act(self.wide(self.stem(x).permute(0, 2, 3, 1)))

    result = measure("feature_rank", Last(), noise(30, 3, 4, 5), layers="wide,act")
    assert result["channels"].tolist() == [10, 10]
    assert result["observations"].tolist() == [600, 600]
    assert [layer.shape for layer in result.layers] == [(10, 4, 5)] * 2
    assert value(result, "rank", "wide") <= 4


def test_memory_does_not_grow_with_the_number_of_pictures() -> None:
    """Statistics take no more room after a hundred batches than after two; features of earlier batches are gone."""
    sizes = []
    for count in (32, 1600):
        net, pictures = small_net(), noise(count, 3, 9, 9)
        job = Job(Request("feature_rank"), feature_rank.INFO.values({}), model_from(net, (3, 9, 9)))
        job.pictures = images_from(pictures, None, net, 16)
        points = feature_rank._points(job)
        gauges = feature_rank._gauges(job, points, count)
        with torch.no_grad():
            list(feature_rank._stream(job, gauges))
        total = 0
        for gauge in gauges.values():
            kept = [*vars(gauge.moment).values(), gauge.extremes and gauge.extremes.low]
            flat = [item for thing in kept for item in (thing if isinstance(thing, list) else [thing])]
            flat = [item for thing in flat for item in (thing if isinstance(thing, list) else [thing])]
            total += sum(tensor.untyped_storage().nbytes() for tensor in flat if isinstance(tensor, Tensor))
        sizes.append(total)
    assert sizes[1] <= sizes[0]


@pytest.mark.data
def test_resnet20_on_cifar(data: Path) -> None:
    """A trained network: bounds that hold for any, and the effective rank of one layer from an own computation."""
    model = ModelSource("auto", (str(data / "weights" / "resnet20-12fca82f.th"),))
    images = ImageSource(str(data / "cifar10" / "cifar_test1000.npz"))
    result = Result.of(run(Request("feature_rank", model, images)))
    assert result.finished is not None
    assert result.finished.problem is None
    kinds = {layer.kind for layer in result.layers}
    assert kinds == {"conv", "activation", "block", "pooled"}
    assert value(result, "effective_rank", "layer2.1.conv2") == pytest.approx(25.14, abs=0.02)
    assert value(result, "effective_rank_high", "layer2.1.conv2") < 25.3
    assert value(result, "effective_rank_low", "layer2.1.conv2") > 25.0
    chain = ["stable_rank", "participation_ratio", "effective_rank", "rank", "channels"]
    for smaller, larger in itertools.pairwise(chain):
        if larger != "rank":  # counted above a tolerance, all others above zero
            assert (result[smaller] <= result[larger] * (1 + 1e-9)).all(), (smaller, larger)
    dead = result["dead_channels"]
    activations = [i for i, layer in enumerate(result.layers) if layer.kind == "activation"]
    assert (result["rank"][activations] <= (result["channels"] - dead)[activations]).all()
    assert dead[activations].sum() > 0
    assert not result.warnings
    count = result["observations"][result.names("layer").index("conv1")]
    assert count == 16 * 1000  # 32 x 32 positions are sampled
    assert result["observations"][result.names("layer").index("layer2.1.conv2")] == 256 * 1000
