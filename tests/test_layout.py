"""Layout of graphs: ranks, no overlaps, edges downwards and around nodes; folding; edges of recorded networks."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from analysis import measure
from analysis.config import LayerSpec
from analysis.graph import record
from analysis.measures.architecture import Architecture, GraphNode, subtitle, title
from analysis.measures.layering import Box, Layout, in_columns, lay_out, ranks_of


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[tuple[float, float]], list[tuple[int, int]]]:
    count = draw(st.integers(1, 24))
    sizes = draw(st.lists(st.tuples(st.floats(20, 200), st.floats(10, 40)), min_size=count, max_size=count))
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(lambda pair: pair[0] < pair[1])
    return sizes, draw(st.lists(pairs, max_size=60)) if count > 1 else []


def overlap(a: Box, b: Box) -> bool:
    return a.x < b.right and b.x < a.right and a.y < b.bottom and b.y < a.bottom


def crosses(layout: Layout, route_index: int) -> bool:
    """Tell whether an edge that goes around runs through a node other than its ends."""
    route = layout.routes[route_index]
    for (x0, y0), (x1, y1) in pairwise(route.points):
        low_x, high_x, low_y, high_y = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
        for number, box in enumerate(layout.boxes):
            inside = box.x < high_x and low_x < box.right and box.y < high_y and low_y < box.bottom
            if number not in route.edge and inside:
                return True
    return False


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_nodes_never_overlap_and_edges_go_down(graph: tuple[list[tuple[float, float]], list[tuple[int, int]]]) -> None:
    sizes, edges = graph
    layout = lay_out(sizes, edges)
    assert [(box.width, box.height) for box in layout.boxes] == sizes
    for i, one in enumerate(layout.boxes):
        assert not any(overlap(one, other) for other in layout.boxes[i + 1 :])
        assert one.x >= 0
        assert one.right <= layout.width + 1e-6
        assert one.bottom <= layout.height + 1e-6
    for route in layout.routes:
        source, target = (layout.boxes[node] for node in route.edge)
        assert source.bottom < target.y
        assert route.points[0][1] == source.bottom
        assert route.points[-1][1] == target.y
        assert all(x <= layout.width + 1e-6 for x, _ in route.points)
    assert sorted(route.edge for route in layout.routes) == sorted(set(edges))
    assert not any(crosses(layout, i) for i, route in enumerate(layout.routes) if len(route.points) > 2)


@settings(max_examples=40, deadline=None)
@given(graphs(), st.randoms(use_true_random=False))
def test_the_order_in_which_edges_are_told_changes_nothing(graph, random) -> None:  # type: ignore[no-untyped-def]
    sizes, edges = graph
    shuffled = [*edges]
    random.shuffle(shuffled)
    assert lay_out(sizes, shuffled) == lay_out(sizes, edges)


@given(graphs())
@settings(max_examples=40, deadline=None)
def test_a_rank_is_the_longest_way_from_a_source(
    graph: tuple[list[tuple[float, float]], list[tuple[int, int]]],
) -> None:
    sizes, edges = graph
    longest = [0] * len(sizes)
    for node in range(len(sizes)):  # edges rise, so that numbers are an order of time
        longest[node] = max((longest[a] + 1 for a, b in edges if b == node), default=0)
    assert ranks_of(len(sizes), edges) == longest


def test_a_chain_is_straight_and_a_shortcut_goes_around_it() -> None:
    layout = lay_out([(80, 30), (120, 30), (60, 30)], [(0, 1), (1, 2), (0, 2)])
    assert {box.middle for box in layout.boxes} == {60.0}
    around = next(route for route in layout.routes if route.edge == (0, 2))
    assert max(x for x, _ in around.points) > max(box.right for box in layout.boxes)


def test_lanes_of_different_sources_never_lie_over_each_other() -> None:
    count = 12
    dense = [(a, b) for a in range(count) for b in range(a + 1, count)]
    layout = lay_out([(100, 30)] * count, dense)
    lanes: dict[float, set[int]] = {}
    for route in layout.routes:
        if len(route.points) > 2:
            lanes.setdefault(route.points[2][0], set()).add(route.edge[0])
    assert all(len(sources) == 1 for sources in lanes.values())
    assert len(lanes) == count - 2  # one for each source with an edge that passes a node


def test_a_circle_is_refused_and_nothing_is_nothing() -> None:
    with pytest.raises(ValueError, match="circle"):
        lay_out([(1, 1), (1, 1)], [(0, 1), (1, 0)])
    assert lay_out([], []) == Layout((), (), 0.0, 0.0)


# -- columns ---------------------------------------------------------------------------------------------------------


def blocks_of_a_chain(count: int) -> list[tuple[int, int]]:
    """Three nodes each, with a shortcut from the node before a block to its last one."""
    chain = [(node, node + 1) for node in range(3 * count)]
    return chain + [(3 * block, 3 * block + 3) for block in range(count)]


@given(graphs(), st.tuples(st.floats(50, 3000), st.floats(50, 3000)))
@settings(max_examples=50, deadline=None)
def test_columns_keep_every_node_and_edge_apart(
    graph: tuple[list[tuple[float, float]], list[tuple[int, int]]], room: tuple[float, float]
) -> None:
    sizes, edges = graph
    whole = lay_out(sizes, edges)
    layout = in_columns(whole, room, 60)
    assert [(box.width, box.height) for box in layout.boxes] == sizes
    assert not any(overlap(a, b) for i, a in enumerate(layout.boxes) for b in layout.boxes[:i])
    assert sorted(route.edge for route in layout.routes) == sorted(set(edges))
    assert not any(crosses(layout, i) for i, route in enumerate(layout.routes) if len(route.points) > 2)
    for route in layout.routes:
        source, target = (layout.boxes[node] for node in route.edge)
        assert route.points[0][1] == pytest.approx(source.bottom)
        assert route.points[-1][1] == pytest.approx(target.y)
    assert max(box.right for box in layout.boxes) <= layout.width + 1e-6
    assert max(box.bottom for box in layout.boxes) <= layout.height + 1e-6


def shrinking(layout: Layout, room: tuple[float, float]) -> float:
    return max(1.0, layout.width / room[0], layout.height / room[1])


def test_a_long_chain_of_blocks_is_shown_larger_in_columns() -> None:
    edges = blocks_of_a_chain(30)
    whole, room = lay_out([(120, 40)] * 91, edges), (1200.0, 700.0)
    layout = in_columns(whole, room, 60)
    assert len(layout.columns) > 3
    assert shrinking(layout, room) < 0.35 * shrinking(whole, room)
    by_column = [layout.column(node) for node in range(91)]
    assert by_column == sorted(by_column), "columns are read one after the other"


def test_what_fits_or_cannot_be_broken_stays_in_one_column() -> None:
    short = lay_out([(120, 40)] * 4, [(0, 1), (1, 2), (2, 3)])
    assert in_columns(short, (1200, 700), 60) is short
    long = lay_out([(120, 40)] * 60, blocks_of_a_chain(19)[:57])
    assert in_columns(long, (200, 4000), 60) is long, "there is no room beside it"
    count = 40
    dense = lay_out([(120, 40)] * count, [(a, b) for a in range(count) for b in range(a + 1, count)])
    assert len(in_columns(dense, (3000, 400), 60).columns) <= 2  # only below the first node the edges are those of one


# -- folding ---------------------------------------------------------------------------------------------------------


def rows(*names: str) -> tuple[LayerSpec, ...]:
    return tuple(LayerSpec(name, "conv", shape=(4, 8, 8), kernel=(3, 3), type="Conv2d") for name in names)


CHAIN = rows("stem", "a.0.conv1", "a.0.conv2", "a.1.conv1", "a.1.conv2", "fc")
EDGES = [(0, 1), (1, 2), (2, 3), (0, 3), (3, 4), (4, 5)]


def test_a_folded_group_stands_for_its_rows() -> None:
    architecture = Architecture(CHAIN, EDGES)
    assert set(architecture.groups) == {"a", "a.0", "a.1"}
    shown = architecture.show({"a.0"})
    assert [node.name for node in shown.nodes] == ["stem", "a.0", "a.1.conv1", "a.1.conv2", "fc"]
    assert shown.nodes[1] == GraphNode("a.0", (1, 2), True)
    assert shown.edges == ((0, 1), (0, 2), (1, 2), (2, 3), (3, 4))
    assert set(shown.open_groups) == {"a", "a.1"}
    assert [node.name for node in architecture.show({"a", "a.0"}).nodes] == ["stem", "a", "fc"]


@given(st.sets(st.sampled_from(["a", "a.0", "a.1"])))
def test_every_row_is_in_exactly_one_node(folded: set[str]) -> None:
    shown = Architecture(CHAIN, EDGES).show(folded)
    assert sorted(row for node in shown.nodes for row in node.rows) == list(range(6))
    assert ranks_of(len(shown.nodes), shown.edges) is not None


def test_a_group_that_would_make_a_circle_stays_open() -> None:
    layers = rows("loop.a", "between", "loop.b")
    shown = Architecture(layers, [(0, 1), (1, 2)]).show({"loop"})
    assert [node.name for node in shown.nodes] == ["loop.a", "between", "loop.b"]


def test_a_large_network_is_folded_at_first_until_it_is_small() -> None:
    layers = rows(*(f"stage{s}.{b}.conv{c}" for s in range(4) for b in range(12) for c in range(2)))
    architecture = Architecture(layers, [(row, row + 1) for row in range(len(layers) - 1)])
    assert architecture.first_folds() == {f"stage{s}" for s in range(4)}
    assert Architecture(CHAIN, EDGES).first_folds() == frozenset()


def test_words_of_nodes() -> None:
    node = GraphNode("features.denseblock1.denselayer12.conv2", (1,))
    assert title(node) == "…denselayer12.conv2"
    architecture = Architecture(CHAIN, EDGES)
    assert subtitle(architecture, node) == "Conv2d 3×3 · 4×8×8"
    assert subtitle(architecture, GraphNode("a.0", (1, 2), True)) == "2 layers · 4×8×8"


# -- edges of recorded networks --------------------------------------------------------------------------------------


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.norm, self.relu = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.conv2(self.relu(self.norm(self.conv1(x)))) + x)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.block, self.fc = nn.Conv2d(3, 4, 1), Block(), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.block(x)
        return self.fc(torch.cat([x, y], 1).mean((2, 3)))


def named_edges(net: nn.Module, shape: tuple[int, ...]) -> set[tuple[str, str]]:
    recording = record(net.eval(), shape)
    return {(recording.layers[a].name, recording.layers[b].name) for a, b in recording.edges}


def test_edges_pass_through_what_has_no_row() -> None:
    assert named_edges(Net(), (3, 6, 6)) == {
        ("input", "stem"),
        ("stem", "block.conv1"),
        ("block.conv1", "block.relu#1"),
        ("block.relu#1", "block.conv2"),
        ("block.conv2", "block:add"),
        ("stem", "block:add"),
        ("block:add", "block.relu#2"),
        ("stem", ":mean"),
        ("block.relu#2", ":mean"),
        (":mean", "fc"),
    }


def test_the_structure_tells_edges_of_the_rows_that_were_chosen() -> None:
    whole = measure("structure", Net().eval(), torch.zeros(1, 3, 6, 6))
    names = whole.names("layer")
    found = {(names[a], names[b]) for a, b in whole["edge"].tolist()}
    assert found == named_edges(Net(), (3, 6, 6))
    assert all(a < b for a, b in whole["edge"].tolist())
    some = measure("structure", Net().eval(), torch.zeros(1, 3, 6, 6), layers="stem,block.conv1")
    assert some["edge"].tolist() == [[0, 1]]
    assert "edge" not in measure("structure", Net().eval(), torch.zeros(1, 3, 6, 6), layers="stem")


def test_a_dense_block_feeds_every_later_layer() -> None:
    class Dense(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(nn.Conv2d(3 + 2 * i, 2, 1) for i in range(4))

        def forward(self, x: Tensor) -> Tensor:
            seen = [x]
            for layer in self.layers:
                seen.append(layer(torch.cat(seen, 1)))
            return seen[-1]

    found = named_edges(Dense(), (3, 4, 4))
    convs = ["input", *(f"layers.{i}" for i in range(4))]
    assert found == {(a, b) for i, a in enumerate(convs) for b in convs[i + 1 :]}
