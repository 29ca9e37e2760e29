"""The grid of one weight update and its keys: bit by bit, against dictionaries of bytes, on both routes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn

from analysis.bundling.keys import (
    ROUTES,
    CloseScan,
    KeyReader,
    Ruler,
    not_finite,
    on_grid,
    spacing_below,
    weight_amplitude,
)
from analysis.measures.partitions import merged, partition
from analysis.problems import AnalysisError


def ids(values: Tensor, ruler: Ruler | None, route: str = "", batch: int = 3) -> list[int]:
    reader = KeyReader(len(values), ruler, route=route)
    fill(reader, values, batch)
    return partition(reader.keys[0], reader.finite).tolist()


def fill(reader: KeyReader | CloseScan, values: Tensor, batch: int = 3) -> None:
    for start in range(0, len(values), batch):
        part = values[start : start + batch]
        reader.update(part, np.arange(start, start + len(part)))


def by_dictionary(rows: NDArray[np.float32]) -> list[int]:
    numbers: dict[bytes, int] = {}
    return [numbers.setdefault((row + np.float32(0)).tobytes(), len(numbers)) for row in rows]


def by_hand(values: NDArray[np.float32], ruler: Ruler) -> NDArray[np.float32]:
    """Each operation rounded to float32 by itself; eta rounded first, 1/B computed in double and rounded then."""
    f32 = np.float32
    return f32(ruler.amplitude) - (values * f32(ruler.eta)) * f32(1.0 / ruler.batch)


W3 = Ruler(1.5, 2.0**-10, 64)


def test_w3_grid_and_ties() -> None:
    assert W3.tau == 2.0**-7
    values = torch.tensor([[0], [0.003], [0.0039], [0.00390625], [0.004], [0.0117], [0.01171875]])
    assert ids(values, W3) == [0, 0, 0, 0, 1, 1, 2]
    assert ids(values, None) == list(range(7))


def test_w4_only_the_grid_does_not_depend_on_the_order() -> None:
    # 1 / tau is 1 here: cells are the nearest whole numbers.
    unit = Ruler(1.5, 1.0, 2**23)
    assert unit.tau == 1
    assert ids(torch.tensor([[0.0], [0.6], [1.2]]), unit) == [0, 1, 1]
    assert ids(torch.tensor([[0.6], [0.0], [1.2]]), unit) == [0, 1, 0]

    def chain(*steps: float) -> list[int]:
        scan = CloseScan(3)
        fill(scan, torch.tensor([[1 + step * 1e-5] for step in steps]), 2)
        return scan.ids.tolist()

    assert chain(0, 0.6, 1.2) == [0, 0, 1]
    assert chain(0.6, 0, 1.2) == [0, 0, 0]


def test_w9_amplitude() -> None:
    net = nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(2))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[0.2, -0.7]]))  # type: ignore[union-attr]
        net[0].bias.fill_(-2.5)  # type: ignore[union-attr]
    assert weight_amplitude(net) == (2.5, "0.bias")
    assert Ruler(2.5, 1e-3, 64).tau == pytest.approx(1.526e-2, rel=1e-3)
    net[0].bias.requires_grad_(False)  # type: ignore[union-attr]
    assert weight_amplitude(net) == (1.0, "1.weight")
    assert weight_amplitude(net.requires_grad_(False)) == (2.5, "0.bias")
    assert weight_amplitude(nn.ReLU()) == (0.0, "")


def test_table_of_resolutions() -> None:
    for amplitude, tau, coarse in ((0.4, 1.91e-3, 3.81e-5), (1, 3.81e-3, 7.63e-5), (2, 7.63e-3, 1.53e-4)):
        assert Ruler(amplitude, 1e-3, 64).tau == pytest.approx(tau, rel=4e-3)
        assert Ruler(amplitude, 0.1, 128).tau == pytest.approx(coarse, rel=4e-3)
    assert spacing_below(1.0) * 2 == spacing_below(1.0000001)


@pytest.mark.parametrize("ruler", [W3, Ruler(2.187, 1e-3, 64), Ruler(0.7, 3e-4, 100), Ruler(0.0, 1e-3, 64)])
def test_quantisation_is_bit_exact(ruler: Ruler) -> None:
    random = np.random.RandomState(0)
    values = (random.standard_normal((64, 1024)) * 10.0 ** random.randint(-6, 4, (64, 1))).astype(np.float32)
    ruler = Ruler(float(np.float32(ruler.amplitude)), ruler.eta, ruler.batch)
    expected = by_hand(values, ruler)
    np.testing.assert_array_equal(
        on_grid(torch.from_numpy(values), ruler).numpy().view(np.int32), expected.view(np.int32)
    )
    reader = KeyReader(64, ruler, (0.25, 1.0, 4.0))
    for factor, part in zip(reader.factors, reader._grids(values, np), strict=True):
        other = by_hand(values, Ruler(ruler.amplitude, ruler.eta / factor, ruler.batch)) * np.float32(factor)
        np.testing.assert_array_equal(part.view(np.int32), other.view(np.int32))
    assert ruler.amplitude == 0 or len(np.unique(expected)) < expected.size


@pytest.mark.parametrize("route", ROUTES)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 30))
def test_both_routes_are_what_a_dictionary_finds(route: str, seed: int, count: int, width: int) -> None:
    random = np.random.RandomState(seed)
    rows = random.choice([0.0, -0.0, 0.002, 0.004, 0.2], (count, width)).astype(np.float32)
    rows = np.concatenate([rows, random.permutation(rows.T).T])  # rows that are permutations of each other
    values = torch.from_numpy(rows)
    assert ids(values, W3, route) == by_dictionary(by_hand(rows, W3))
    assert ids(values, None, route) == by_dictionary(rows)


@pytest.mark.parametrize("route", ROUTES)
def test_one_of_many_components_is_enough(route: str) -> None:
    rows = torch.randn(1, 100_000).repeat(6, 1)
    rows[2, 0], rows[4, 99_999], rows[5, 50_000] = 7.0, 7.0, 7.0
    assert ids(rows, W3, route) == [0, 0, 1, 0, 2, 3]
    swapped = rows[:2].clone()
    swapped[1, :2] = swapped[1, :2].flip(0)
    assert ids(swapped, W3, route) == [0, 1]
    assert ids(torch.eye(300), None, route) == list(range(300))


@pytest.mark.parametrize("route", ROUTES)
def test_the_size_of_batches_and_the_layout_change_nothing(route: str) -> None:
    values = (torch.randn(20, 3, 4, 4) * 0.004).round(decimals=2)
    values[7:9] = values[2:4]
    found = ids(values, W3, route)
    assert found[7:9] == found[2:4]
    assert all(ids(values, W3, route, batch) == found for batch in (1, 7, 20))
    assert ids(values.to(memory_format=torch.channels_last), W3, route) == found
    assert ids(values.permute(0, 2, 3, 1), W3, route) == found
    assert ids(torch.cat([values.flatten(1), torch.full((20, 1), 3.0)], 1), W3, route) == found
    index = torch.arange(20)[:, None] * 2 * W3.tau
    assert ids(torch.cat([values.flatten(1), index], 1), W3, route) == list(range(20))


def test_shards_merge_to_one_run() -> None:
    values = (torch.randn(30, 8) * 0.01).round(decimals=2)
    readers = [KeyReader(15, W3) for _ in range(2)]
    for reader, part in zip(readers, values.split(15), strict=True):
        fill(reader, part, 4)
    assert merged([reader.keys[0] for reader in readers]).tolist() == ids(values, W3)


def test_half_precision_stays_merged_after_the_cast() -> None:
    values = torch.tensor([[1.0], [1.0001], [1.25]])
    assert ids(values.half(), None) == [0, 0, 1]
    assert ids(values, None) == [0, 1, 2]
    assert ids(values.double(), None) == [0, 1, 2]


@pytest.mark.parametrize("mode", ["grid", "exact", "close"])
def test_values_that_are_not_finite_are_set_aside(mode: str) -> None:
    values = torch.tensor([[1.0, 2.0], [float("nan"), 0.0], [1.0, 2.0], [float("inf"), 1.0], [3e38, 3e38]])
    reader: KeyReader | CloseScan = CloseScan(6) if mode == "close" else KeyReader(6, W3 if mode == "grid" else None)
    fill(reader, values)
    assert reader.finite.tolist() == [True, False, True, False, True, False]
    assert reader.seen.tolist() == [True] * 5 + [False]
    assert reader.magnitude == pytest.approx(3e38)


def test_close_is_the_leader_scan() -> None:
    random = np.random.RandomState(0)
    rows = random.standard_normal((60, 5)).astype(np.float32)[random.randint(0, 12, 60)]
    rows *= 1 + random.uniform(-1.2e-5, 1.2e-5, rows.shape).astype(np.float32)
    leaders: list[int] = []
    expected = []
    for row in rows:
        near = [
            number
            for number, leader in enumerate(leaders)
            if np.all(np.abs(rows[leader].astype(float) - row) <= 1e-8 + 1e-5 * np.abs(row.astype(float)))
        ]
        if not near:
            leaders.append(len(expected))
        expected.append(near[0] if near else len(leaders) - 1)
    scan = CloseScan(60)
    fill(scan, torch.from_numpy(rows), 7)
    assert scan.ids.tolist() == expected
    assert 12 < len(leaders) < 60


def test_the_scale_of_a_branch_comes_first() -> None:
    values = torch.randn(8, 50)
    reader = KeyReader(8, W3, scale=0.3)
    fill(reader, values)
    expected = by_hand(values.numpy() * np.float32(0.3), W3)
    assert partition(reader.keys[0]).tolist() == by_dictionary(expected)
    assert reader.magnitude == float((values * 0.3).abs().max())


def test_keys_are_all_that_is_kept() -> None:
    """Memory does not grow with the number of pictures but for the keys and two marks."""
    sizes = []
    for count in (32, 320):
        reader = KeyReader(count, W3, (1.0, 2.0))
        fill(reader, torch.randn(count, 2000), 16)
        arrays = [value for value in vars(reader).values() if isinstance(value, np.ndarray)]
        assert sum(array.nbytes for array in arrays) == count * (2 * 16 + 2)
        sizes.append(sum(buffer.size for buffer in reader._buffers))
    assert sizes[0] == sizes[1]
    assert all(a == b for a, b in pairwise(sizes))


def test_weights_that_are_not_finite_are_named() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    assert not_finite(net) == ()
    with torch.no_grad():
        net[1].running_var.fill_(float("inf"))  # type: ignore[union-attr]
        net[0].weight[0, 0] = float("nan")  # type: ignore[union-attr,index]
    assert not_finite(net) == ("0.weight", "1.running_var")


@pytest.mark.parametrize("batch", [1, 64, 96, 128])
@pytest.mark.parametrize("eta", [1e-3, 0.1, 0.05, 1.0, 3.0])
@pytest.mark.parametrize("amplitude", [0.0, 1e-3, 1.3, 2.0])
def test_the_grid_in_few_operations_has_the_same_bits(batch: int, eta: float, amplitude: float) -> None:
    random = torch.Generator().manual_seed(batch)
    values = torch.cat([scale * torch.randn(4, 5000, generator=random) for scale in (1e-6, 1e-2, 1.0, 1e3)], dim=1)
    ruler = Ruler(float(np.float32(amplitude)), eta, batch)
    wanted = (on_grid(values, ruler) + 0.0).view(torch.int32)
    (found,) = KeyReader(4, ruler)._grids(values.numpy(), np)
    assert torch.equal(torch.from_numpy(found).view(torch.int32), wanted)
    (other,) = KeyReader(4, ruler)._grids(values, torch)
    assert torch.equal(other.view(torch.int32), wanted)


def test_a_grid_out_of_range_is_refused_in_words() -> None:
    with pytest.raises(AnalysisError, match="leave no room"):
        KeyReader(4, Ruler(1e36, 1e-3, 64), (1.0, 2.0**24))
