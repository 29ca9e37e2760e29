"""Layout of a directed graph from top to bottom: longest-path layers, and long edges drawn around at the right.

Networks for pictures are nearly chains. So the layout stays simple: each node lies one rank below the lowest of its
sources; nodes of one rank stand beside each other in the order of where their sources stand; an edge to the next rank
is a straight line, and a longer one runs in a lane at the right of everything that it passes. All edges of one source
share a lane, so that a dense block (where each layer feeds all later ones) needs one lane per layer and not one per
edge. The layering is the longest-path method (Sugiyama, Tagawa and Toda 1981); the lanes are our own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

GAP_X, GAP_Y = 16.0, 22.0
"""Between nodes of one rank, and between two ranks."""
LANE = 9.0
"""Between two lanes, and between a lane and what it passes."""

Point = tuple[float, float]
Edge = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Box:
    """Where a node lies: its upper left corner and its size, y downwards."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """Lower edge."""
        return self.y + self.height

    @property
    def middle(self) -> float:
        """Horizontal centre."""
        return self.x + self.width / 2


@dataclass(frozen=True, slots=True)
class Route:
    """An edge as a line through points: straight to the next rank, else around in a lane."""

    edge: Edge
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """A whole drawing: one box per node, one route per edge, and its size from (0, 0)."""

    boxes: tuple[Box, ...]
    routes: tuple[Route, ...]
    width: float
    height: float


def ranks_of(count: int, edges: Iterable[Edge]) -> list[int] | None:
    """Longest-path layering: each node one below the lowest of its sources; None if there is a cycle.

    Examples
    --------
    >>> ranks_of(4, [(0, 1), (1, 2), (0, 2), (2, 3)])
    [0, 1, 2, 3]
    """
    after: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for source, target in edges:
        after[source].append(target)
        waiting[target] += 1
    ranks = [0] * count
    ready = [node for node in range(count) if not waiting[node]]
    done = 0
    while ready:
        node = ready.pop()
        done += 1
        for target in after[node]:
            ranks[target] = max(ranks[target], ranks[node] + 1)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    return ranks if done == count else None


def lay_out(sizes: Sequence[tuple[float, float]], edges: Sequence[Edge]) -> Layout:
    """Lay out a graph without cycles.

    Parameters
    ----------
    sizes
        (width, height) of each node; nodes are numbered in the order of execution.
    edges
        (source, target) pairs.

    Raises
    ------
    ValueError
        If the edges go round in a circle.
    """
    edges = sorted(set(edges))
    ranks = ranks_of(len(sizes), edges)
    if ranks is None:
        raise ValueError("the edges go round in a circle")
    if not sizes:
        return Layout((), (), 0.0, 0.0)
    rows = _rows(ranks, edges)
    boxes = _boxes(sizes, rows)
    routes, right = _routes(boxes, ranks, edges)
    left = min(box.x for box in boxes.values())
    moved = tuple(
        Box(box.x - left, box.y, box.width, box.height) for box in (boxes[node] for node in range(len(sizes)))
    )
    shifted = tuple(Route(route.edge, tuple((x - left, y) for x, y in route.points)) for route in routes)
    return Layout(moved, shifted, right - left, max(box.bottom for box in moved))


def _rows(ranks: list[int], edges: Sequence[Edge]) -> list[list[int]]:
    """Nodes of each rank from left to right: by the mean place of their sources, then in order of execution."""
    rows: list[list[int]] = [[] for _ in range(max(ranks) + 1)]
    for node, rank in enumerate(ranks):
        rows[rank].append(node)
    sources: dict[int, list[int]] = {}
    for source, target in edges:
        sources.setdefault(target, []).append(source)
    place: dict[int, float] = {}
    for row in rows:
        means = {node: _mean([place[s] for s in sources.get(node, ())]) for node in row}
        row.sort(key=lambda node, means=means: (means[node], node))  # type: ignore[misc]  # a default of a lambda
        for number, node in enumerate(row):
            place[node] = (number + 0.5) / len(row)
    return rows


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.5


def _boxes(sizes: Sequence[tuple[float, float]], rows: list[list[int]]) -> dict[int, Box]:
    """Centre every rank on the same vertical line, so that a chain is straight."""
    boxes: dict[int, Box] = {}
    top = 0.0
    for row in rows:
        wide = sum(sizes[node][0] for node in row) + GAP_X * (len(row) - 1)
        tall = max(sizes[node][1] for node in row)
        x = -wide / 2
        for node in row:
            width, height = sizes[node]
            boxes[node] = Box(x, top + (tall - height) / 2, width, height)
            x += width + GAP_X
        top += tall + GAP_Y
    return boxes


def _routes(boxes: Mapping[int, Box], ranks: list[int], edges: Sequence[Edge]) -> tuple[list[Route], float]:
    """Draw every edge; return the routes and how far they reach to the right."""
    count = max(ranks) + 1
    tops, bottoms = [float("inf")] * count, [0.0] * count
    skyline = [0.0] * count  # how far right each rank, and the gap below it, is taken
    for node, rank in enumerate(ranks):
        tops[rank] = min(tops[rank], boxes[node].y)
        bottoms[rank] = max(bottoms[rank], boxes[node].bottom)
        skyline[rank] = max(skyline[rank], boxes[node].right)
    routes = [_straight(boxes, edge) for edge in edges if ranks[edge[1]] == ranks[edge[0]] + 1]
    trunks: dict[int, list[int]] = {}
    for source, target in edges:
        if ranks[target] > ranks[source] + 1:
            trunks.setdefault(source, []).append(target)
    # Short lanes lie inside, long ones outside.
    order = sorted(trunks, key=lambda node: (max(ranks[t] for t in trunks[node]) - ranks[node], ranks[node], node))
    for source in order:
        first, last = ranks[source], max(ranks[target] for target in trunks[source])
        lane = max(skyline[first : last + 1]) + LANE
        for rank in range(first, last + 1):
            skyline[rank] = lane
        for target in trunks[source]:
            above = (bottoms[first] + GAP_Y * 0.3, tops[ranks[target]] - GAP_Y * 0.35)
            routes.append(_around(boxes, (source, target), lane, above))
    return sorted(routes, key=lambda route: route.edge), max(skyline)


def _straight(boxes: Mapping[int, Box], edge: Edge) -> Route:
    source, target = boxes[edge[0]], boxes[edge[1]]
    return Route(edge, ((source.middle, source.bottom), (target.middle, target.y)))


def _around(boxes: Mapping[int, Box], edge: Edge, lane: float, gaps: tuple[float, float]) -> Route:
    """Leave below the source, go down in the lane, and enter from above; all turns lie between two ranks."""
    source, target = boxes[edge[0]], boxes[edge[1]]
    out, into = source.middle + source.width / 4, target.middle + target.width / 4
    below, above = gaps
    points = (
        (out, source.bottom), (out, below), (lane, below), (lane, above), (into, above), (into, target.y)
    )  # fmt: skip
    return Route(edge, points)
