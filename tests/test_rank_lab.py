"""The rank lab: identities that hold for every setting, the published order, and what a stored study says."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.engine import run
from analysis.figures import FigureSpec, make_sheet
from analysis.figures.sheet import Line, Points
from analysis.measures import rank_lab as lab
from analysis.methods.rank_lab import Network, activated, normalised, singular_values
from analysis.problems import AnalysisError
from analysis.request import Compute, Request
from analysis.result import Result
from analysis.store import list_runs, load, record

PRESETS = tuple(lab.PRESETS)
THREADS = Compute(threads=1)


def study(**params: str | int | float) -> Result:
    return Result.of(run(Request("rank_lab", params=tuple(params.items()), compute=THREADS)))


def ranks(features: torch.Tensor, columns: int) -> dict[str, int]:
    sigma = singular_values(features).numpy()
    rtol = lab.tolerance(features.shape[1], columns, str(features.dtype).removeprefix("torch."))
    return dict(zip(lab.ACTIVATIONS, (sigma > rtol * sigma[:, :1]).sum(axis=1).tolist(), strict=True))


def ranks_of(z: torch.Tensor) -> dict[str, int]:
    """Rank of every nonlinearity of one matrix of pre-activations, by an independent decomposition."""
    stack = activated(z.expand(len(lab.ACTIVATIONS), *z.shape), norm=False).numpy()
    return {name: int(np.linalg.matrix_rank(y)) for name, y in zip(lab.ACTIVATIONS, stack, strict=True)}


@pytest.fixture(scope="module")
def paper_like() -> Result:
    return study(networks=4)


# -- identities ------------------------------------------------------------------------------------------------------


@settings(max_examples=12, deadline=None)
@given(
    layer=st.sampled_from(lab.TYPES),
    preset=st.sampled_from(PRESETS),
    ratio=st.sampled_from(lab.RATIOS[:-1]),
    number=st.integers(0, 10_000),
)
def test_a_linear_layer_has_the_rank_of_its_inputs(layer: str, preset: str, ratio: float, number: int) -> None:
    network = Network(layer, lab.PRESETS[preset], False, ratio, (0, 1, number))
    found = ranks(network.features()[0], network.columns)
    wanted = min(network.inputs, network.outputs, network.columns)
    # The shortcut of a normalised bottleneck brings the mean back in, which normalisation had taken off.
    more = 1 if preset == "generic" and layer not in lab.SINGLE else 0
    assert wanted <= found["linear"] <= wanted + more


@settings(max_examples=12, deadline=None)
@given(
    layer=st.sampled_from(lab.TYPES),
    preset=st.sampled_from(PRESETS),
    patches=st.booleans(),
    ratio=st.sampled_from(lab.RATIOS),
    number=st.integers(0, 10_000),
)
def test_no_rank_exceeds_its_bound(layer: str, preset: str, patches: bool, ratio: float, number: int) -> None:
    network = Network(layer, lab.PRESETS[preset], patches, ratio, (3, 0, number))
    found = ranks(network.features()[0], network.columns)
    more = 1 if preset == "generic" and layer not in lab.SINGLE else 0
    for activation, rank in found.items():
        sizes = (network.inputs, network.outputs, network.columns)
        assert rank <= min(lab.rank_bound(layer, activation, *sizes, patches) + more, network.outputs)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("layer", ["bottleneck", "depthwise"])
def test_the_shortcut_alone_fills_a_square_bottleneck(layer: str, preset: str) -> None:
    for number in range(3):
        network = Network(layer, lab.PRESETS[preset], False, 1.0, (0, 9, number))
        assert network.inputs == network.outputs
        found = ranks(network.features()[0], network.columns)
        assert found["relu"] == found["silu"] == network.outputs


def test_real_patches_have_nine_times_the_freedom() -> None:
    network = Network("3x3", lab.PRESETS["generic"], True, 0.1, (0, 0, 5))
    linear = ranks(network.features()[0], network.columns)["linear"]
    assert linear == min(network.outputs, 9 * network.inputs, network.columns)
    assert linear > network.inputs


def test_one_input_channel_gives_two_directions() -> None:
    """x = (1, -1), W = (1, -1)': ReLU makes the identity."""
    z = torch.tensor([[1.0, -1.0], [-1.0, 1.0]], dtype=torch.float64)
    y = activated(z.expand(8, 2, 2), norm=False)[lab.ACTIVATIONS.index("relu")]
    assert y.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    random = torch.Generator().manual_seed(1)
    w, x = torch.randn(9, 1, generator=random).double(), torch.randn(1, 40, generator=random).double()
    found = ranks_of(w @ x)
    assert found["linear"] == 1
    assert found["relu"] == found["leaky_relu"] == 2


@pytest.mark.parametrize("inputs", [3, 6, 20])
def test_mirrored_weights_tell_odd_parts_apart(inputs: int) -> None:
    """f(z) - f(-z) is linear in z for all but ELU (and ReLU6 beyond 6): rank k + min(k, d_in) instead of 2k."""
    k, random = 9, torch.Generator().manual_seed(2)
    half = torch.randn(k, inputs, generator=random).double() / math.sqrt(inputs)
    z = torch.cat([half, -half]) @ torch.randn(inputs, 200, generator=random).double()
    assert float(z.abs().max()) < 6
    found = ranks_of(z)
    bound = k + min(k, inputs)
    for name in ("relu", "relu6", "leaky_relu", "softplus", "silu"):
        assert found[name] <= bound, name
    assert found["relu"] == found["silu"] == bound
    assert found["elu"] == 2 * k
    assert found["linear"] == min(k, inputs)


def test_dead_and_always_on_channels_bound_the_rank_of_relu(paper_like: Result) -> None:
    relu, place = lab.ACTIVATIONS.index("relu"), paper_like.names("type").index("1x1")
    inputs, outputs, _ = np.moveaxis(paper_like["sizes"][place], -1, 0)
    dead = paper_like["dead_channels"][place, ..., relu]
    always_on = paper_like["always_on_channels"][place, ..., relu]
    bound = outputs - dead - always_on + np.minimum(always_on, inputs)
    assert (paper_like["rank"][place, ..., relu] <= bound).all()
    assert dead.sum() > 0


def test_batch_statistics_leave_no_dead_channel() -> None:
    result = study(preset="generic", layer="1x1", networks=2)
    assert result["dead_channels"].max() == 0


def test_normalisation_is_that_of_batch_norm() -> None:
    z = torch.randn(3, 5, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    oracle = torch.nn.BatchNorm1d(5, affine=False, track_running_stats=False).double()
    for entry in range(3):
        torch.testing.assert_close(normalised(z)[entry], oracle(z[entry].T).T)


def test_a_row_of_zeros_has_no_rank() -> None:
    assert singular_values(torch.zeros(8, 4, 6)).tolist() == [[0.0] * 4] * 8


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_singular_values_are_those_of_numpy(dtype: torch.dtype) -> None:
    y = torch.randn(8, 30, 40, generator=torch.Generator().manual_seed(4)).to(dtype)
    oracle = np.linalg.svd(y.double().numpy(), compute_uv=False)
    np.testing.assert_allclose(singular_values(y).numpy(), oracle, rtol=1e-9)


# -- sizes and seeds -------------------------------------------------------------------------------------------------


def test_halves_are_rounded_up_and_nothing_is_empty() -> None:
    assert [lab.input_channels(ratio, 25) for ratio in (0.1, 0.5, 1.0)] == [3, 13, 25]
    assert lab.input_channels(0.01, 10) == 1
    assert lab.columns_of(10) == 13


@pytest.mark.parametrize("layer", lab.TYPES)
def test_sizes_cover_their_range(layer: str) -> None:
    low, high = lab.output_range(layer)
    drawn = [Network(layer, lab.PRESETS["generic"], False, 0.5, (0, 4, number)).outputs for number in range(600)]
    assert min(drawn) >= low
    assert max(drawn) <= high
    assert min(drawn) < low + 0.05 * (high - low)
    assert max(drawn) > high - 0.05 * (high - low)


def test_a_larger_study_repeats_the_networks_of_a_smaller_one() -> None:
    small, large = study(layer="depthwise", networks=1), study(layer="depthwise", networks=2)
    np.testing.assert_array_equal(small["rank"], large["rank"][:, :, :1])
    np.testing.assert_array_equal(small["condition"], large["condition"][:, :, :1])
    assert (large["sizes"][:, :, 0] != large["sizes"][:, :, 1]).any()


def test_pointwise_3x3_layers_are_the_networks_of_1x1(paper_like: Result) -> None:
    first, second = (paper_like.names("type").index(layer) for layer in lab.SINGLE)
    np.testing.assert_array_equal(paper_like["rank"][first], paper_like["rank"][second])
    alone = study(layer="3x3", networks=1)
    np.testing.assert_array_equal(alone["rank"][0, :, 0], paper_like["rank"][second, :, 0])


# -- what is published -----------------------------------------------------------------------------------------------


def test_bottlenecks_keep_below_seven_inputs(paper_like: Result) -> None:
    for layer in ("bottleneck", "depthwise"):
        place = paper_like.names("type").index(layer)
        sizes, rank = paper_like["sizes"][place], paper_like["rank"][place]
        assert (rank <= np.minimum(sizes[..., 1], 7 * sizes[..., 0])[..., None]).all()


def test_ends_of_the_published_curves_are_met(paper_like: Result) -> None:
    for layer in lab.TYPES:
        linear = lab.curve(paper_like, layer, "linear")
        assert linear is not None
        np.testing.assert_allclose(linear.y, linear.x, atol=0.03)
    for layer in ("bottleneck", "depthwise"):
        for activation in lab.ACTIVATIONS:
            found = lab.curve(paper_like, layer, activation)
            assert found is not None
            assert found.y[-1] == pytest.approx(1.0, abs=0.005)


def test_every_published_point_is_a_rank_ratio_that_rises() -> None:
    for layer in lab.TYPES:
        for activation in lab.ACTIVATIONS:
            points = lab.published(layer, activation)
            assert all(0 < x <= 1 and 0 < y <= 1 for x, y in points)
            assert list(points) == sorted(points)
            assert [y for _, y in points] == sorted(y for _, y in points)
    assert lab.published("bottleneck", "elu") == ()
    assert dict(lab.published("1x1", "relu"))[0.5] == 0.948


@pytest.mark.slow
def test_the_order_of_the_published_groups_holds() -> None:
    result = study(layer="1x1", networks=100)
    found = {name: lab.curve(result, "1x1", name) for name in lab.ACTIVATIONS}
    means = {name: one.y for name, one in found.items() if one is not None}
    smooth = np.minimum.reduce([means[name] for name in ("silu", "softplus", "elu")])
    clipped = np.maximum.reduce([means[name] for name in ("relu", "relu6")])
    assert (smooth > clipped).all()
    assert means["relu"][-1] < 0.97
    others = [one for name, one in found.items() if name != "linear" and one is not None]
    gaps = [lab.difference(one, "1x1", name) for name, one in found.items() if name != "linear" and one is not None]
    assert len(others) == 7
    assert np.mean(gaps) < 0.03


@pytest.mark.slow
def test_generic_features_are_full_rank() -> None:
    result = study(preset="generic", layer="1x1", networks=30)
    for name in lab.ACTIVATIONS[1:]:
        found = lab.curve(result, "1x1", name)
        assert found is not None
        assert (found.y[1:] > 0.97).all(), name
        assert name == "hardswish" or found.y[0] > 0.97, name


# -- averages, figure, store -----------------------------------------------------------------------------------------


def test_averages_ignore_what_has_not_arrived() -> None:
    values = np.array([[0.2, 0.4, 0.9], [0.5, np.nan, np.nan], [np.nan] * 3])
    mean, error, count = lab.average(values)
    np.testing.assert_allclose(mean, [0.5, 0.5, np.nan])
    assert error[0] == pytest.approx(np.std(values[0], ddof=1) / math.sqrt(3))
    assert np.isnan(error[1:]).all()
    assert count.tolist() == [3, 1, 0]


def test_a_running_study_shows_what_has_come() -> None:
    result = Result()
    for event in run(Request("rank_lab", params=(("networks", 3),), compute=THREADS)):
        result.apply(event)
        progress = result.progress
        if progress is not None and progress.done >= 2 and progress.total == 120:
            break
    found = lab.curve(result, "1x1", "relu")
    assert found is not None
    assert np.isfinite(found.y).tolist() == [True] + [False] * 9
    assert lab.curve(result, "7x7", "relu") is None


def test_a_stored_study_gives_the_same_curves(tmp_path: Path) -> None:
    request = Request("rank_lab", params=(("layer", "depthwise"), ("networks", 2)), compute=THREADS)
    live = Result.of(record(run(request), tmp_path))
    (stored,) = list_runs(tmp_path)
    assert stored.request.model is None
    first, second = lab.curve(live, "depthwise", "silu"), lab.curve(load(stored.folder), "depthwise", "silu")
    assert first is not None
    assert second is not None
    np.testing.assert_array_equal(first.y, second.y)


def test_the_device_is_the_one_that_was_used() -> None:
    request = Request("rank_lab", params=(("layer", "depthwise"), ("networks", 1)), compute=Compute("cuda:0"))
    result = Result.of(run(request))
    assert result.prepared is not None
    assert result.prepared.device == "cpu"


def test_the_figure_holds_curves_bands_and_what_was_read_off(paper_like: Result) -> None:
    sheet = make_sheet(FigureSpec("rank_lab", ("x",)), [paper_like])
    assert len(sheet.panels) == 4
    lines = [mark for mark in sheet.panels[0].marks if isinstance(mark, Line)]
    assert [line.label for line in lines] == [lab.ACTIVATION_TITLES[name] for name in lab.ACTIVATIONS]
    assert all(line.low is not None and line.high is not None and (line.low <= line.high).all() for line in lines)
    hollow = [mark for mark in sheet.panels[0].marks if isinstance(mark, Points)]
    assert all(mark.hollow for mark in hollow)
    assert hollow[-1].label == "published, read off the figure"
    assert "No setting we tried reproduces" in sheet.note
    bare = make_sheet(FigureSpec("rank_lab", ("x",), (("published", False), ("layer", "1x1"))), [paper_like])
    assert len(bare.panels) == 1
    assert not [mark for mark in bare.panels[0].marks if isinstance(mark, Points)]


def test_points_of_another_mode_are_not_overlaid() -> None:
    result = study(layer="3x3", mode="patches", networks=1)
    sheet = make_sheet(FigureSpec("rank_lab", ("x",)), [result])
    assert not [mark for mark in sheet.panels[0].marks if isinstance(mark, Points)]
    with pytest.raises(AnalysisError, match="holds no 1x1 layers"):
        make_sheet(FigureSpec("rank_lab", ("x",), (("layer", "1x1"),)), [result])


def test_expected_time_counts_shared_networks_once() -> None:
    both, one = lab.expected_seconds(("1x1", "3x3"), 10), lab.expected_seconds(("1x1",), 10)
    assert both == one
    assert lab.expected_seconds(("1x1", "3x3"), 10, patches=True) == 2 * one
    assert lab.expected_seconds(("3x3",), 10) > 0
