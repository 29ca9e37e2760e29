from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from analysis.features.channels import ChannelWatch
from analysis.live import measure
from analysis.measures import channels as measures
from analysis.measures.picks import places_in, read_picks
from analysis.measures.pieces import MOST_BYTES, in_pieces
from analysis.problems import AnalysisError
from analysis.result import Result
from tests import tiny


def plant() -> nn.Module:
    """Eight channels: 0 and 1 plain, 2 = 0, 3 = -2 x 1 + 5, 4 dead, 5 constant, 6 and 7 plain."""
    conv = nn.Conv2d(3, 8, 3, padding=1)
    net = nn.Sequential(conv, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))
    tiny.fill(net)
    assert conv.bias is not None
    with torch.no_grad():
        conv.weight[2], conv.bias[2] = conv.weight[0], conv.bias[0]
        conv.weight[3], conv.bias[3] = -2 * conv.weight[1], -2 * conv.bias[1] + 5
        conv.weight[4:6] = 0
        conv.bias[4], conv.bias[5] = 0, 1.5
    return net


def activations(net: nn.Module, pictures: Tensor, layer: str = "0", **params: Any) -> Result:
    return measure("activations", net, pictures, layers=layer, **params)


@pytest.fixture(scope="module")
def planted() -> Result:
    return activations(plant(), tiny.pictures((3, 9, 9), 20), maps=2)


def test_dead_constant_and_duplicate_channels_are_found(planted: Result) -> None:
    assert np.flatnonzero(planted["dead"][0]).tolist() == [4]
    assert np.flatnonzero(planted["constant"][0]).tolist() == [5]
    assert planted["duplicate_of"][0].tolist() == [0, 1, 0, 1, 4, 5, 6, 7]
    assert planted["duplicate_correlation"][0][[2, 3]] == pytest.approx([1, -1], abs=1e-9)
    counts = [planted[name].tolist() for name in ("dead_channels", "constant_channels", "duplicate_channels")]
    assert counts == [[1], [1], [2]]
    assert measures.groups_of(planted["duplicate_of"][0].astype(np.int64)) == [(0, 2), (1, 3)]


def test_statistics_are_those_of_all_positions(planted: Result) -> None:
    net, pictures = plant(), tiny.pictures((3, 9, 9), 20)
    with torch.no_grad():
        features = net[0](pictures).double().numpy()  # type: ignore[index]
    flat = features.transpose(1, 0, 2, 3).reshape(8, -1)
    np.testing.assert_allclose(planted["mean"][0], flat.mean(axis=1), atol=1e-6)
    np.testing.assert_array_equal(planted["maximum"][0], flat.max(axis=1))
    np.testing.assert_array_equal(planted["minimum"][0], flat.min(axis=1))
    np.testing.assert_allclose(planted["positive_share"][0], (flat > 0).mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(planted["maps"][0, :2], features[:2], atol=1e-6)


def test_top_pictures_are_those_of_a_search_through_all() -> None:
    net, pictures = plant(), tiny.pictures((3, 9, 9), 50)
    pictures[7] = pictures[31]  # a tie: the one that comes first stands first
    found = activations(net, pictures, batch=8)
    with torch.no_grad():
        peaks = net[0](pictures).amax(dim=(2, 3)).numpy()  # type: ignore[index]
    order = np.argsort(-peaks, axis=0, kind="stable")[:9]
    np.testing.assert_array_equal(found["top_pictures"][0], order.T)
    np.testing.assert_allclose(found["top_values"][0], np.take_along_axis(peaks, order, 0).T, rtol=1e-6)


def test_the_batch_size_does_not_matter() -> None:
    pictures = tiny.pictures((3, 9, 9), 17)
    one, other = (activations(plant(), pictures, batch=size) for size in (1, 17))
    for name in ("mean", "maximum", "duplicate_of", "top_pictures", "maps"):
        np.testing.assert_allclose(one[name], other[name], atol=1e-6)


def test_large_maps_are_averaged_over_blocks_and_it_is_said() -> None:
    pictures = tiny.pictures((3, 9, 9), 2)
    found = activations(plant(), pictures, map_side=4)
    with torch.no_grad():
        features = plant()[0](pictures[:1]).double()  # type: ignore[index]
    expected = functional.avg_pool2d(features, 3)[0].numpy()
    assert found["maps"].shape == (1, 1, 8, 3, 3)
    np.testing.assert_allclose(found["maps"][0, 0], expected, atol=1e-6)
    assert "blocks of side 3" in found.facts["maps"]


def test_an_edge_that_is_no_whole_block_is_averaged_over_what_there_is() -> None:
    found = activations(plant(), torch.ones(1, 3, 10, 10), map_side=4)
    assert found["maps"].shape[-2:] == (4, 4)
    assert found["maps"][0, 0, 5] == pytest.approx(np.full((4, 4), 1.5))


def test_in_place_and_functional_activations_are_read_before_they_are_overwritten() -> None:
    net, pictures = tiny.fill(tiny.InPlace()), tiny.pictures((2, 6, 6), 4)
    found = activations(net, pictures, "conv1,:relu", maps=4)
    copy = tiny.fill(tiny.InPlace())
    with torch.no_grad():
        first = copy.conv1(pictures)  # type: ignore[operator]
        last = copy(pictures)
    names = found.names("layer")
    np.testing.assert_allclose(found["maps"][names.index("conv1")], first.double().numpy(), atol=1e-6)
    np.testing.assert_allclose(found["maps"][names.index(":relu")], last.double().numpy(), atol=1e-6)


def test_a_module_used_twice_has_two_rows() -> None:
    net, pictures = tiny.fill(tiny.Loop()), tiny.pictures((2, 6, 6), 3)
    found = activations(net, pictures, "loop#*", maps=3)
    assert found.names("layer") == ("loop#1", "loop#2")
    with torch.no_grad():
        first = net.loop(pictures)  # type: ignore[operator]
        second = net.loop(net.act(first))  # type: ignore[operator]
    np.testing.assert_allclose(found["maps"][0], first.double().numpy(), atol=1e-6)
    np.testing.assert_allclose(found["maps"][1], second.double().numpy(), atol=1e-6)


def test_the_network_is_left_as_it_was() -> None:
    net = plant()
    before = tiny.state_of(net)
    activations(net, tiny.pictures((3, 9, 9), 5))
    assert tiny.state_of(net) == before


def test_filters_and_their_histogram(planted: Result) -> None:
    weight = plant()[0].weight.detach().double().numpy()  # type: ignore[index,union-attr,operator]
    np.testing.assert_array_equal(planted["filters"][0], weight)
    assert planted["weight_histogram"].sum() == weight.size
    assert planted["weight_zeros"][0] == pytest.approx((weight == 0).mean())
    assert planted["weight_std"][0] == pytest.approx(weight.std())
    inside = (weight >= planted["weight_edges"][0, 20]) & (weight < planted["weight_edges"][0, 21])
    assert planted["weight_histogram"][0, 20] == inside.sum()


def test_an_activation_has_no_filters() -> None:
    net = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU())
    assert "filters" not in activations(net, tiny.pictures((3, 4, 4), 5), "1")


def test_vectors_have_maps_of_one_position() -> None:
    found = activations(plant(), tiny.pictures((3, 9, 9), 40), "3")
    assert found["maps"].shape == (1, 1, 4, 1, 1)
    assert found["filters"].shape == (1, 4, 8, 1, 1)


def test_only_the_named_pictures_are_read() -> None:
    pictures = tiny.pictures((3, 9, 9), 20)
    found = activations(plant(), pictures, samples="3, 11-12", maps=3)
    assert found.names("picture") == ("3", "11", "12")
    assert set(found["top_pictures"].ravel()) == {3, 11, 12}
    whole = activations(plant(), pictures, maps=20)
    np.testing.assert_array_equal(found["maps"][0], whole["maps"][0, [3, 11, 12]])


def test_a_picture_that_is_not_finite_is_left_out() -> None:
    pictures = tiny.pictures((3, 9, 9), 6)
    pictures[2] = float("nan")
    found = activations(plant(), pictures)
    assert 2 not in found["top_pictures"]
    assert np.isfinite(found["mean"]).all()
    assert [warning.code for warning in found.warnings] == ["non_finite"]


def test_of_few_observations_no_duplicates_are_claimed() -> None:
    found = activations(plant(), tiny.pictures((3, 9, 9), 3), "3")
    assert found["duplicate_of"][0].tolist() == [0, 1, 2, 3]
    assert "few_observations" in [warning.code for warning in found.warnings]


@pytest.mark.parametrize(
    ("layer", "params", "words"),
    [
        ("nothing", {}, "No layer fits 'nothing'"),
        ("0", {"samples": "99"}, "There is no picture 99"),
        ("0", {"samples": "first"}, "'first' names no picture"),
        ("0", {"samples": "9-3"}, "no range of pictures"),
        ("0", {"tolerance": 2.0}, "outside its limits"),
    ],
)
def test_wrong_input_is_one_sentence(layer: str, params: dict[str, Any], words: str) -> None:
    with pytest.raises(AnalysisError, match=words) as caught:
        activations(plant(), tiny.pictures((3, 9, 9), 5), layer, **params)
    assert caught.value.hint


class Tokens(nn.Module):
    """Pictures cut into tokens, and a linear layer over each of them."""

    def __init__(self) -> None:
        super().__init__()
        self.cut = nn.Conv2d(3, 6, 3, stride=3)
        self.mix = nn.Linear(6, 5)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (picture, feature) means over the tokens."""
        tokens: Tensor = self.mix(self.cut(pixels).flatten(2).transpose(1, 2))
        return tokens.relu().mean(dim=1)


def test_channels_of_tokens_are_their_features() -> None:
    net, pictures = Tokens().eval(), tiny.pictures((3, 9, 9), 20)
    tiny.fill(net)
    with torch.no_grad():
        net.mix.weight[2], net.mix.bias[2] = 0, 0
        tokens = net.mix(net.cut(pictures).flatten(2).transpose(1, 2)).double().numpy()
    found = activations(net, pictures, "mix", maps=2)
    assert tokens.shape == (20, 9, 5)
    np.testing.assert_allclose(found["mean"][0], tokens.mean(axis=(0, 1)), atol=1e-6)
    np.testing.assert_allclose(found["maximum"][0], tokens.max(axis=(0, 1)), atol=1e-6)
    np.testing.assert_allclose(found["maps"][0, :, :, 0, 0], tokens[:2].mean(axis=1), atol=1e-6)
    assert np.flatnonzero(found["dead"][0]).tolist() == [2]
    assert found["top_pictures"][0, 0, 0] == tokens[:, :, 0].max(axis=1).argmax()
    assert found["filters"].shape == (1, 5, 6, 1, 1)
    assert "of tokens their mean" in found.facts["maps"]


# -- parts -------------------------------------------------------------------------------------------------------------


def test_correlations_far_from_zero_are_exact() -> None:
    """A channel that varies by 1e-3 about 1e4: sums of squares alone would lose it."""
    generator = torch.Generator().manual_seed(1)
    one = torch.randn(64, 1, 4, 4, generator=generator, dtype=torch.float64)
    features = torch.cat([1e4 + 1e-3 * one, 1e4 - 2e-3 * one, torch.randn(64, 1, 4, 4, generator=generator)], dim=1)
    watch = ChannelWatch(3, 0.999)
    for start in range(0, 64, 16):
        watch.update(features[start : start + 16], np.arange(start, start + 16))
    found = watch.found()
    assert found["duplicate_of"].tolist() == [0, 0, 2]
    assert found["duplicate_correlation"][1] == pytest.approx(-1, abs=1e-6)


@given(st.lists(st.lists(st.sampled_from([-1.0, 0.0, 0.5, 1.0]), min_size=6, max_size=6), min_size=2, max_size=6))
def test_correlations_are_those_of_numpy(rows: list[list[float]]) -> None:
    x = np.array(rows)
    found = measures.correlations(x @ x.T, x.sum(axis=1), x.shape[1])
    varies = x.std(axis=1) > 0
    expected = np.zeros_like(found)
    if varies.sum() > 0:
        expected[np.ix_(varies, varies)] = np.corrcoef(x[varies])
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_a_watch_that_saw_nothing_says_nothing() -> None:
    watch = ChannelWatch(3, 0.999)
    watch.update(torch.full((2, 3, 4, 4), float("inf")), np.arange(2))
    assert watch.found() == {}
    assert watch.dropped == 2


@pytest.mark.parametrize(("text", "places"), [("", ()), ("3", (3,)), ("7, 3-5,4", (3, 4, 5, 7))])
def test_pictures_are_named_by_numbers_and_ranges(text: str, places: tuple[int, ...]) -> None:
    assert read_picks(text) == places


def test_pictures_outside_the_source_are_refused() -> None:
    assert places_in((2, 0), 3).tolist() == [0, 2]
    with pytest.raises(AnalysisError, match="There is no picture 3: the source has 3"):
        places_in((1, 3), 3)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=4))
def test_pieces_are_small_and_cover_everything_once(shape: list[int]) -> None:
    values = np.arange(np.prod(shape), dtype=np.float64).reshape(shape)
    result = np.full((2, *shape), np.nan)
    for chunk in in_pieces("x", (1,), values):
        assert chunk.values.nbytes <= MOST_BYTES
        lead = chunk.at if chunk.values.ndim == values.ndim + 1 - len(chunk.at) else chunk.at[:-1]
        place = result[lead]
        if lead == chunk.at:
            assert np.isnan(place).all()
            place[...] = chunk.values
        else:
            part = place[chunk.at[-1] : chunk.at[-1] + len(chunk.values)]
            assert np.isnan(part).all()
            part[...] = chunk.values
    np.testing.assert_array_equal(result[1], values)
