"""Which rows of two networks correspond: kinds, stages, names and order, against pairs worked out by hand."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.config import KINDS, LayerSpec
from analysis.measures.depth import LAYER_KINDS, MODES, align, depth_axis, matching_rows
from tests.scenes import network

VGG11 = ((64,), (128,), (256, 256), (512, 512), (512, 512))
VGG16 = ((64, 64), (128, 128), (256,) * 3, (512,) * 3, (512,) * 3)
Rows = tuple[LayerSpec, ...]


def vgg(plan: tuple[tuple[int, ...], ...], normalised: bool = False, size: int = 32) -> Rows:
    """Rows of a VGG network, whose names are the numbers of its modules: convolution, normalisation or not, ReLU."""
    rows, number = [LayerSpec("input", "input", shape=(3, size, size))], 0
    for widths in plan:
        for width in widths:
            rows.append(LayerSpec(f"features.{number}", "conv", shape=(width, size, size)))
            number += 2 if normalised else 1
            rows.append(LayerSpec(f"features.{number}", "activation", shape=(width, size, size)))
            number += 1
        number, size = number + 1, size // 2
    rows.append(LayerSpec("avgpool", "pooled", shape=(plan[-1][-1], 1, 1)))
    return (*rows, LayerSpec("classifier", "linear", shape=(10,)))


def pairs(ours: Rows, theirs: Rows) -> dict[str, str]:
    found = matching_rows(ours, theirs)
    return {layer.name: theirs[row].name for layer, row in zip(ours, found, strict=True) if row >= 0}


@st.composite
def networks(draw: st.DrawFn) -> Rows:
    """Any rows: stages that shrink, kinds in any order, names that may be met again in another network."""
    rows: list[LayerSpec] = []
    names = draw(st.permutations([f"n{i}" for i in range(14)]))
    for size in draw(st.sampled_from([(8, 4), (8, 4, 2), (8, 1), (4,), (16, 8, 4, 1)])):
        for _ in range(draw(st.integers(0, 4))):
            cells = 1 if draw(st.integers(0, 5)) == 0 else size
            name = names[len(rows)] if len(rows) < len(names) else f"m{len(rows)}"
            rows.append(
                LayerSpec(name, draw(st.sampled_from(("conv", "activation", "block"))), shape=(8, cells, cells))
            )
    return tuple(rows)


@given(networks(), networks())
def test_only_one_kind_in_order_and_each_once(ours: Rows, theirs: Rows) -> None:
    found = matching_rows(ours, theirs)
    assert len(found) == len(ours)
    there = found[found >= 0]
    assert np.all(np.diff(there) > 0)
    assert all(theirs[row].kind == layer.kind for layer, row in zip(ours, found, strict=True) if row >= 0)


@given(networks())
def test_a_network_corresponds_to_itself(ours: Rows) -> None:
    assert matching_rows(ours, ours).tolist() == list(range(len(ours)))


@given(networks(), st.data())
def test_names_win_where_kind_and_order_agree(ours: Rows, data: st.DataObject) -> None:
    """Rows taken out of one and others put into the other: what is left has its name, whatever the stages are."""
    kept = tuple(row for row in ours if data.draw(st.booleans()))
    more = [replace(row, name=f"new.{row.name}") for row in ours if data.draw(st.booleans())]
    theirs = list(ours)
    for row in more:
        theirs.insert(data.draw(st.integers(0, len(theirs))), row)
    found = pairs(kept, tuple(theirs))
    assert found == {row.name: row.name for row in kept}


@given(st.permutations(range(8)))
def test_as_many_names_as_the_order_allows(order: list[int]) -> None:
    """In one stage of one kind: as many as the longest increasing part of a permutation has."""
    ours = tuple(LayerSpec(f"n{i}", "conv", shape=(8, 8, 8)) for i in range(8))
    theirs = tuple(LayerSpec(f"n{i}", "conv", shape=(8, 8, 8)) for i in order)
    tails: list[int] = []  # patience sorting
    for value in order:
        place = bisect_left(tails, value)
        tails[place : place + 1] = [value]
    found = pairs(ours, theirs)
    assert sum(mine == other for mine, other in found.items()) == len(tails)


def test_names_that_are_numbers_give_way_to_the_place_in_the_stage() -> None:
    """VGG-11 and VGG-16, by hand: of two places in a stage of three the outer ones."""
    convolutions = {0: 0, 3: 5, 6: 10, 8: 14, 11: 17, 13: 21, 16: 24, 18: 28}
    expected = {f"features.{a}": f"features.{b}" for a, b in convolutions.items()}
    expected |= {f"features.{a + 1}": f"features.{b + 1}" for a, b in convolutions.items()}
    expected |= {name: name for name in ("input", "avgpool", "classifier")}
    assert pairs(vgg(VGG11), vgg(VGG16)) == expected
    assert pairs(vgg(VGG16), vgg(VGG11)) == {b: a for a, b in expected.items()}


def plain(stages: tuple[int, ...]) -> Rows:
    """A network without shortcuts, whose blocks are numbered like those of a residual one: one convolution in each."""
    rows = [LayerSpec("input", "input", shape=(3, 32, 32))]
    for stage, count in enumerate(stages, 1):
        shape = (16, 32 >> (stage - 1), 32 >> (stage - 1))
        for block in range(count):
            name = f"layer{stage}.{block}"
            rows += [
                LayerSpec(f"{name}.conv", "conv", shape=shape),
                LayerSpec(f"{name}.relu", "activation", shape=shape),
            ]
            rows.append(LayerSpec(name, "block", shape=shape))
    return tuple(rows)


def test_blocks_with_other_parts_correspond_by_depth_not_by_number() -> None:
    """A residual network of 3 blocks of two convolutions a stage, and a plain one of 13 blocks of one each."""
    ours, theirs = network(), plain((13, 13, 13))
    found = pairs(ours, theirs)
    convolutions = [layer.name for layer in ours if layer.kind == "conv"]
    assert [name for name in convolutions if name not in found] == []
    assert found["layer2.1.conv1"] == "layer2.5.conv"  # the third of six: share 2.5 / 6 = 0.417 of 13 is the sixth
    assert found["layer1.0"] != "layer1.0"
    # A block with a part of the same name is the same block.
    renamed = tuple(replace(row, name=row.name.replace(".conv", ".conv1")) for row in theirs)
    assert pairs(ours, renamed)["layer1.0"] == "layer1.0"


@pytest.mark.parametrize("normalised", [False, True])
def test_numbers_as_names_never_lead_into_another_stage(normalised: bool) -> None:
    ours, theirs = vgg(VGG16), vgg((*VGG16[:2], (256,) * 4, (512,) * 4, (512,) * 4), normalised)
    found = matching_rows(ours, theirs)
    sizes = [(layer.shape[1:], theirs[row].shape[1:]) for layer, row in zip(ours, found, strict=True) if row >= 0]
    assert len(sizes) > 20
    assert all(mine == other for mine, other in sizes)


def test_part_of_the_rows_corresponds_as_all_of_them_do() -> None:
    """A figure has the rows of a method only."""
    whole = pairs(vgg(VGG11), vgg(VGG16))
    for kind in ("conv", "activation"):
        ours, theirs = (tuple(row for row in rows if row.kind == kind) for rows in (vgg(VGG11), vgg(VGG16)))
        assert pairs(ours, theirs) == {name: other for name, other in whole.items() if name in {r.name for r in ours}}


@pytest.mark.parametrize(("ours", "theirs"), [(3, 9), (9, 3), (3, 18)])
def test_a_residual_network_and_a_deeper_one_correspond_by_name_alone(ours: int, theirs: int) -> None:
    """ResNet-20, 56 and 110: blocks that only one of them has stay blank."""
    small, large = network(ours), network(theirs)
    both = {row.name for row in small} & {row.name for row in large}
    assert pairs(small, large) == {name: name for name in (row.name for row in small) if name in both}


def test_the_same_names_on_pictures_of_another_size_correspond() -> None:
    """Where the last stage has one cell, and where its stem keeps the map size, the names still say it."""
    ours = network(3)
    small = tuple(replace(row, shape=(row.shape[0], *(max(1, n // 8) for n in row.shape[1:]))) for row in ours)
    stem = tuple(replace(row, shape=(16, 64, 64)) if row.name in ("input", "conv1") else row for row in ours)
    for theirs in (small, stem):
        assert matching_rows(ours, theirs).tolist() == list(range(len(ours)))


def test_vectors_correspond_to_vectors_however_many_stages_there_are() -> None:
    ours = (*vgg(VGG11[:3])[:-1], LayerSpec("fc", "linear", shape=(10,)))
    found = pairs(ours, vgg(VGG11))
    assert found["fc"] == "classifier"
    assert found["features.8"] == "features.8"


def test_squeeze_and_excitation_has_no_part_in_the_stage() -> None:
    """One-cell maps between maps: neither taken for a layer of the stage nor counted in its depth."""

    def rows(prefix: str, excited: bool) -> Rows:
        sizes = ((16, 16), (1, 1), (1, 1), (16, 16), (8, 8)) if excited else ((16, 16), (16, 16), (8, 8))
        return tuple(LayerSpec(f"{prefix}{i}", "conv", shape=(8, *size)) for i, size in enumerate(sizes))

    assert pairs(rows("a", False), rows("b", True)) == {"a0": "b0", "a1": "b3", "a2": "b4"}
    assert pairs(rows("a", True), rows("b", True)) == {f"a{i}": f"b{i}" for i in range(5)}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kinds", [LAYER_KINDS, KINDS, ("activation",)])
def test_axes_agree_with_tables(mode: str, kinds: tuple[str, ...]) -> None:
    for ours, theirs in ((vgg(VGG11), vgg(VGG16)), (network(3), vgg(VGG16)), (network(9), network(3))):
        a, b = depth_axis(ours, mode, kinds), depth_axis(theirs, mode, kinds)
        rows, places = matching_rows(ours, theirs), align(a, b)
        taken = places[places >= 0].tolist()
        assert taken
        assert all(one < two for one, two in pairwise(taken))
        for slot, place in zip(a.slots, places, strict=True):
            leads = [int(rows[row]) for row in slot.rows if rows[row] >= 0]
            if place >= 0:
                assert b.slot_of_row[leads[-1]] == place
            elif len(slot.rows) == 1:
                assert not leads or theirs[leads[0]].same_as


def test_nothing_corresponds_to_nothing() -> None:
    assert matching_rows((), vgg(VGG11)).tolist() == []
    assert set(matching_rows(vgg(VGG11), ()).tolist()) == {-1}
