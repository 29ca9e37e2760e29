from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analysis.config import LayerSpec
from app.reading.depth import LAYER_KINDS, align, depth_axis, split_name
from tests.scenes import network

ALL = (*LAYER_KINDS, "activation", "branch", "block")


def conv(name: str, *shape: int) -> LayerSpec:
    return LayerSpec(name, "conv", shape=shape)


def test_layers_have_a_place_and_points_lie_with_the_layer_before_them() -> None:
    axis = depth_axis(network())
    assert [slot.name for slot in axis.slots[:3]] == ["conv1", "layer1.0.conv1", "layer1.0.conv2"]
    assert axis.slot_of("layer1.0:relu#1") == axis.slot_of("layer1.0.conv1")
    assert axis.slot_of("input") == 0
    assert axis.slot_of("nothing") == -1


def test_a_block_output_that_is_an_activation_has_no_second_place() -> None:
    axis = depth_axis(network(), kinds=ALL)
    names = [slot.name for slot in axis.slots]
    assert "layer1.0:relu#2" in names
    assert "layer1.0" not in names
    assert axis.slot_of("layer1.0") == names.index("layer1.0:relu#2")
    alone = depth_axis(network(), kinds=("block",))
    assert [slot.name for slot in alone.slots][:2] == ["layer1.0", "layer1.1"]


def test_stages_are_where_the_map_size_changes() -> None:
    axis = depth_axis(network(blocks=1))
    assert [(stage.text, stage.number) for stage in axis.stages] == [
        ("32×32", 1), ("16×16", 2), ("8×8", 3), ("vector", 0),
    ]  # fmt: skip


def test_squeeze_and_excitation_is_no_stage() -> None:
    layers = (
        conv("a", 8, 8, 8),
        conv("squeeze", 2, 1, 1),
        conv("excite", 8, 1, 1),
        conv("b", 8, 8, 8),
        conv("c", 8, 4, 4),
    )
    assert [(s.first, s.last, s.size) for s in depth_axis(layers).stages] == [(0, 3, (8, 8)), (4, 4, (4, 4))]


def test_branches_of_alternating_sizes_are_one_stage() -> None:
    """Both branches of a reducing unit of ShuffleNetV2 read the larger map; only behind it does the smaller stay."""
    sizes = (8, 4, 4, 8, 4, 4, 4, 4, 2, 4, 2, 2)
    layers = tuple(conv(str(number), 8, size, size) for number, size in enumerate(sizes))
    assert [(s.first, s.last, s.size, s.number) for s in depth_axis(layers).stages] == [
        (0, 3, (8, 8), 1), (4, 9, (4, 4), 2), (10, 11, (2, 2), 3),
    ]  # fmt: skip
    there_and_back = tuple(conv(str(number), 8, size, size) for number, size in enumerate((8, 4, 2, 4, 8)))
    assert [s.size[0] for s in depth_axis(there_and_back).stages] == [8, 4, 2, 4, 8]


def test_blocks_hold_their_rows_and_leave_the_input_out() -> None:
    layers = network()
    axis = depth_axis(layers, "blocks")
    assert [slot.name for slot in axis.slots] == [
        "conv1", *(f"layer{stage}.{block}" for stage in (1, 2, 3) for block in range(3)), ":avg_pool2d", "linear",
    ]  # fmt: skip
    rows = axis.slots[1].rows
    assert layers[rows[0]].name == "layer1.0.conv1"
    assert layers[rows[-1]].name == "layer1.0"


def test_depth_is_a_share() -> None:
    axis = depth_axis(network(), "depth")
    assert axis.limits == (0.0, 1.0)
    assert np.allclose(np.diff(axis.x), 2 * axis.half)


def test_a_network_without_layers_of_the_kinds_shows_everything() -> None:
    rows = (LayerSpec("a", "activation", shape=(4, 2, 2)), LayerSpec("b", "activation", shape=(4, 2, 2)))
    assert len(depth_axis(rows).slots) == 2
    assert depth_axis(()).slots == ()


@given(st.integers(1, 4), st.sampled_from(["layers", "blocks", "depth"]), st.integers(0, 200), st.integers(0, 200))
def test_places_and_rows_agree(blocks: int, mode: str, a: int, b: int) -> None:
    layers = network(blocks)
    axis = depth_axis(layers, mode)
    assert np.all(np.diff(axis.slot_of_row) >= 0)
    assert [axis.slot_at(float(x)) for x in axis.x] == list(range(len(axis.slots)))
    first, last = sorted((a % len(axis.slots), b % len(axis.slots)))
    assert axis.slots_of_span(axis.rows_of_slots(first, last)) == (first, last)


def test_spans_of_neighbouring_places_leave_no_row_out() -> None:
    axis = depth_axis(network())
    ends = [axis.rows_of_slots(i, i) for i in range(len(axis.slots))]
    assert all(after[0] == before[1] + 1 for before, after in pairwise(ends))
    assert ends[-1][1] == len(axis.layers) - 1


def test_the_same_network_is_aligned_with_itself() -> None:
    axis = depth_axis(network())
    assert align(axis, axis).tolist() == list(range(len(axis.slots)))


def test_a_deeper_network_is_aligned_by_name_and_the_rest_stays_blank() -> None:
    small, large = depth_axis(network(3)), depth_axis(network(9))
    found = align(large, small)
    for place, slot in enumerate(large.slots):
        names = [other.name for other in small.slots]
        expected = names.index(slot.name) if slot.name in names else -1
        assert found[place] == expected


def test_other_names_are_aligned_by_depth_within_the_stage_and_by_kind() -> None:
    ours = depth_axis((conv("a1", 8, 8, 8), conv("a2", 8, 8, 8), conv("b1", 16, 4, 4)))
    theirs = depth_axis((conv("x", 8, 8, 8), conv("y", 8, 8, 8), conv("z1", 9, 4, 4)))
    assert align(ours, theirs).tolist() == [0, 1, 2]
    other_kind = depth_axis((conv("x", 8, 8, 8), conv("y", 8, 8, 8), replace(conv("z1", 9, 4, 4), kind="linear")))
    assert align(ours, other_kind).tolist() == [0, 1, -1]


def test_each_place_is_taken_once() -> None:
    ours = depth_axis(tuple(conv(f"a{i}", 8, 8, 8) for i in range(6)))
    theirs = depth_axis(tuple(conv(f"b{i}", 8, 8, 8) for i in range(3)))
    found = [place for place in align(ours, theirs).tolist() if place >= 0]
    assert len(found) == len(set(found)) == 3


def test_names_are_cut_at_their_last_part() -> None:
    assert split_name("layer1.0.conv1") == ("layer1.0", "conv1")
    assert split_name(":avg_pool2d") == ("", "avg_pool2d")
    assert split_name("fc") == ("", "fc")


def test_names_are_gathered_level_by_level_and_shortened_at_their_parts(qapp: object) -> None:
    from PySide6.QtGui import QFont, QFontMetricsF

    from app.drawing.depth_axes import fitting, group_levels

    levels = group_levels(["layer1.0", "layer1.0", "layer1.1", "", "layer2.0"])
    assert levels[0] == [(0, 1, "layer1.0"), (2, 2, "layer1.1"), (3, 3, ""), (4, 4, "layer2.0")]
    assert levels[-1] == [(0, 2, "layer1"), (3, 3, ""), (4, 4, "layer2")]
    metrics = QFontMetricsF(QFont("DejaVu Sans Mono", 10))
    width = metrics.horizontalAdvance
    assert fitting("layer3.1", width("layer3.1"), metrics) == "layer3.1"
    assert fitting("layer3.1", width("3.1") + 1, metrics) == "3.1"
    assert fitting("layer3.1", width("1") + 1, metrics) == "1"
    assert fitting("layer3.1", 1.0, metrics) == ""
