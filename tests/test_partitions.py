"""Bundles as numbers: worked examples by hand, and properties against scikit-learn and dictionaries."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from analysis.measures.bundles import (
    bundle_table,
    bundles_of,
    first_merge,
    first_shared,
    flows,
    members,
    merged_pairs,
    remaining_blocks,
)
from analysis.measures.partitions import (
    in_conflict,
    increments,
    label_entropy,
    merged,
    onset,
    partition,
    shares,
    summarise,
    time_average,
)
from analysis.measures.subsets import first_loss, random_subsets, removal_order

LN2 = math.log(2)


def rows(*values: tuple[float, ...]) -> NDArray[np.int32]:
    return partition(np.array(values, dtype=np.float32).view(np.int32))


def test_w1_basic() -> None:
    found = summarise(rows((1, 0), (1, 0), (0, 1), (2, 2)), np.array([0, 1, 0, 1]), 2)
    assert (found.bundles, found.conflicting_bundles, found.samples_in_conflict) == (3, 1, 2)
    assert found.entropy == pytest.approx(0.346574, abs=1e-6)
    assert found.error_floor == 0.25
    assert found.entropy_ratio == pytest.approx(0.5)


def test_w2_fully_bundled() -> None:
    found = summarise(rows(*[(3.0,)] * 8), np.array([0, 0, 0, 0, 1, 1, 2, 3]), 10)
    assert found.bundles == 1
    assert found.entropy == pytest.approx(1.75 * LN2, abs=1e-12)
    assert found.error_floor == 0.5
    assert found.largest_bundle == found.samples_bundled == 8
    assert found.entropy_ratio == pytest.approx(1)


def test_w5_a_sum_with_the_shortcut_undoes_a_merge() -> None:
    h, labels = np.array([[1.0, 3.0], [2.0, 1.0]], dtype=np.float32), np.array([0, 1])
    for branch, bundles, entropy in ((-1, 2, 0), (-5, 1, LN2)):
        inside = np.full((2, 2), branch, dtype=np.float32)
        output = np.maximum(h + inside, 0)
        assert summarise(partition(inside), labels, 2).entropy == pytest.approx(LN2)
        found = summarise(partition(output), labels, 2)
        assert (found.bundles, found.entropy) == (bundles, pytest.approx(entropy))


def test_w6_the_entropy_bounds_the_loss() -> None:
    labels = np.array([0, 0, 1])
    found = summarise(np.zeros(3, dtype=np.int32), labels, 2)
    assert found.entropy == pytest.approx(0.636514, abs=1e-6)
    for p, gap in (((2 / 3, 1 / 3), 0.0), ((0.5, 0.5), 0.693147 - 0.636514)):
        loss = float(-np.mean(np.log(np.array(p)[labels])))
        assert loss - found.entropy == pytest.approx(gap, abs=1e-6)
    assert found.error_floor == pytest.approx(1 / 3)


def test_w7_pruning_step() -> None:
    assert remaining_blocks((2, 2, 3, 1), (0, 0, 0, 0, 0, 0.2, 0.2, 0.3)) == (2, 2, 1, 1)
    assert remaining_blocks((2, 2, 3, 1), (0, 0, 0, 0, 0, 0.2, 0.2, 0.3), keep_clean=True) == (2, 2, 1, 1)
    assert remaining_blocks((2, 2, 3, 1), (0, 0, 0, 0, 0.2, 0, 0.2, 0.3)) == (2, 2, 0, 1)
    assert remaining_blocks((2, 2, 3, 1), (0, 0, 0, 0, 0.2, 0, 0.2, 0.3), keep_clean=True) == (2, 2, 1, 1)
    assert remaining_blocks((2, 2, 3, 1), (0,) * 8) == (2, 2, 3, 1)


def test_w8_time_average() -> None:
    assert time_average(np.array([[0.8], [0.4], [0.0], [0.0]])).tolist() == [pytest.approx(0.3)]
    assert time_average(np.array([[1.0, np.nan], [np.nan, np.nan]])).tolist()[0] == 1.0
    assert np.isnan(time_average(np.array([[1.0, np.nan], [np.nan, np.nan]]))[1])


IDS = arrays.arrays(np.int32, st.integers(1, 40), elements=st.integers(0, 6))


@given(IDS, st.integers(0, 2**32 - 1))
def test_properties(values: NDArray[np.int32], seed: int) -> None:
    from sklearn.metrics import homogeneity_score

    random = np.random.RandomState(seed)
    count = len(values)
    labels = random.randint(0, 4, count)
    ids = partition(values)
    found = summarise(ids, labels, 4)
    most = label_entropy(labels)
    assert 1 <= found.bundles <= count
    assert -1e-12 <= found.entropy <= min(most, math.log(4)) + 1e-12
    if most > 0:
        assert found.entropy == pytest.approx((1 - homogeneity_score(labels, ids)) * most, abs=1e-9)
    assert sum(bundle.size for bundle in bundle_table(ids, labels, 4, least=1)) == count
    assert sum(bundle.contribution for bundle in bundle_table(ids, labels, 4, least=1)) == pytest.approx(found.entropy)
    assert in_conflict(ids, labels) == (found.entropy > 0) == (found.conflicting_bundles > 0)
    assert sum(shares(ids, labels, 4)) == pytest.approx(1)
    # The order of pictures, the names of labels and a second copy of everything change nothing.
    order, names = random.permutation(count), random.permutation(4)
    assert _same(summarise(partition(values[order]), labels[order], 4), found)
    assert _same(summarise(ids, names[labels], 4), found)
    twice = summarise(partition(np.tile(values, 2)), np.tile(labels, 2), 4)
    assert (twice.bundles, twice.largest_bundle) == (found.bundles, 2 * found.largest_bundle)
    assert twice.entropy == pytest.approx(found.entropy)
    assert twice.error_floor == pytest.approx(found.error_floor)
    one = summarise(ids, np.zeros(count, dtype=np.int64), 4)
    assert (one.bundles, one.entropy) == (found.bundles, 0)
    assert np.isnan(one.entropy_ratio)


def _same(first: object, second: object) -> bool:
    return _numbers(first) == pytest.approx(_numbers(second), nan_ok=True)


def _numbers(summary: object) -> list[float]:
    return [float(getattr(summary, name)) for name in type(summary).__slots__]  # type: ignore[attr-defined]


@given(arrays.arrays(np.int64, st.tuples(st.integers(1, 60), st.just(2)), elements=st.integers(-2, 2)))
def test_partition_is_what_a_dictionary_finds(keys: NDArray[np.int64]) -> None:
    numbers: dict[bytes, int] = {}
    assert partition(keys).tolist() == [numbers.setdefault(row.tobytes(), len(numbers)) for row in keys]


@given(arrays.arrays(np.int64, st.tuples(st.integers(2, 60), st.just(2)), elements=st.integers(-1, 1)), st.data())
def test_shards_merge_to_one_run(keys: NDArray[np.int64], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(keys)))
    assert merged([keys[:cut], keys[cut:]]).tolist() == partition(keys).tolist()


def test_pictures_without_a_bundle_do_not_count() -> None:
    keys = np.array([[1, 1], [5, 5], [1, 1], [2, 2]])
    ids = partition(keys, np.array([True, False, True, True]))
    assert ids.tolist() == [0, -1, 0, 1]
    found = summarise(ids, np.array([0, 3, 1, 0]), 4)
    assert (found.bundles, found.largest_bundle) == (2, 2)
    assert found.entropy == pytest.approx(2 / 3 * LN2)
    assert found.error_floor == pytest.approx(1 / 3)
    empty = summarise(np.full(3, -1, dtype=np.int32), np.array([0, 1, 0]), 2)
    assert empty.bundles == 0
    assert np.isnan(empty.entropy)


def test_labels_outside_the_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="outside 0"):
        summarise(np.zeros(2, dtype=np.int32), np.array([0, 2]), 2)


def test_onset_and_increments() -> None:
    entropy = np.array([0.0, np.nan, 0.0, 0.2, 0.5])
    assert onset(entropy) == 3
    assert onset(np.zeros(3)) == -1
    assert increments(np.array([0.0, 0.2, 0.1])).tolist()[1:] == [pytest.approx(0.2), pytest.approx(-0.1)]


POINTS = np.array([[0, 1, 2, 3, 4], [0, 1, 1, 2, 3], [0, 0, 0, 1, 1], [0, 1, 1, 2, -1]], dtype=np.int32)
LABELS = np.array([0, 0, 1, 1, 2])


def test_first_merge_by_hand() -> None:
    first, pairs = first_merge(POINTS, LABELS, 3)
    assert first.tolist() == [[2, 1, -1], [1, -1, 2], [-1, 2, -1]]
    assert pairs.tolist() == [[1, 1, 0], [1, 0, 1], [0, 1, 0]]
    assert merged_pairs(np.zeros(5, dtype=np.int32), LABELS, 3).tolist() == [[1, 4, 2], [4, 1, 2], [2, 2, 0]]
    assert [first_shared(POINTS, np.array(own)) for own in ([1, 2], [0, 2], [3, 4], [0, 4])] == [1, 2, 2, -1]


def test_looking_into_bundles() -> None:
    table = bundle_table(POINTS[2], LABELS, 3)
    assert [(bundle.id, bundle.size, bundle.labels.tolist()) for bundle in table] == [
        (0, 3, [2, 1, 0]),
        (1, 2, [0, 1, 1]),
    ]
    assert members(POINTS[2], 0).tolist() == [0, 1, 2]
    assert [(b, own.tolist()) for b, own in bundles_of(POINTS[1], members(POINTS[2], 0))] == [(1, [1, 2]), (0, [0])]


def test_flows_join_and_split() -> None:
    grow = flows(POINTS[1], POINTS[2])
    assert {(f.source, f.target, f.count, f.splits) for f in grow} == {
        *((1, 0, 2, False), (0, 0, 1, False), (2, 1, 1, False), (3, 1, 1, False))
    }
    split = flows(POINTS[2], POINTS[3])
    # The last picture has no bundle any more, and one picture that goes alone is no flow.
    assert {(f.source, f.target, f.count, f.splits) for f in split} == {(0, 1, 2, True), (0, 0, 1, True)}
    assert len({f.target for f in flows(POINTS[1], POINTS[2], most=1)}) == 1


def test_subsets_are_all_or_different_and_seeded() -> None:
    assert random_subsets([1, 2, 3], 2, 15, 0) == ((1, 2), (1, 3), (2, 3))
    drawn = random_subsets(range(20), 7, 15, 3)
    assert len(set(drawn)) == 15
    assert all(len(set(subset)) == 7 and subset == tuple(sorted(subset)) for subset in drawn)
    assert drawn == random_subsets(range(20), 7, 15, 3) != random_subsets(range(20), 7, 15, 4)


def test_orders_and_losses() -> None:
    tolerances = np.array([8.0, np.nan, 0.0, 8.0])
    assert removal_order(tolerances).tolist() == [2, 0, 3, 1]
    assert removal_order(tolerances, highest_first=True).tolist() == [1, 0, 3, 2]
    assert first_loss(np.array([0.9, 0.89, np.nan]), 0.01) == 1
    assert first_loss(np.array([0.9, 0.91, 0.895]), 0.01) == -1
