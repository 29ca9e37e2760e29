"""Layout of a directed graph from top to bottom: longest-path layers, and long edges drawn around at the right.

Networks for pictures are nearly chains. So the layout stays simple: each node lies one rank below the lowest of its
sources; nodes of one rank stand beside each other in the order of where their sources stand; an edge to the next rank
is a straight line, and a longer one runs in a lane at the right of everything that it passes. All edges of one source
share a lane, so that a dense block (where each layer feeds all later ones) needs one lane per layer and not one per
edge. Where there is room beside it, a long graph is broken into columns like the lines of a text. The layering is the
longest-path method (Sugiyama, Tagawa and Toda 1981); lanes and columns are our own.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

GAP_X, GAP_Y = 16.0, 22.0
"""Between nodes of one rank, and between two ranks."""
LANE = 9.0
"""Between two lanes, and between a lane and what it passes."""

MOST_COLUMNS = 12
TURN = 12.0
"""Between a column and the edge that leads to the next one."""

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
    """A whole drawing: one box per node, one route per edge, its size from (0, 0), and where its columns begin."""

    boxes: tuple[Box, ...]
    routes: tuple[Route, ...]
    width: float
    height: float
    columns: tuple[float, ...] = (0.0,)

    def column(self, node: int) -> int:
        """Return the column that a node stands in."""
        return bisect_right(self.columns, self.boxes[node].x + 1e-6) - 1


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


def in_columns(layout: Layout, room: tuple[float, float], gap: float) -> Layout:
    """Break a layout into columns beside each other if it can then be shown larger in a room.

    It is broken only where all edges that lead on come from the same node.

    Parameters
    ----------
    layout
        In one column.
    room
        Width and height of the place in which all of it is to be seen.
    gap
        Between two columns.
    """
    breaks = _breaks(layout)
    best, cost = layout, _shrinking(layout, room)
    for count in range(2, min(MOST_COLUMNS, len(breaks) + 1) + 1):
        other = _broken(layout, _chosen(breaks, layout.height, count), gap)
        if other is not None and _shrinking(other, room) < 0.98 * cost:
            best, cost = other, _shrinking(other, room)
    return best


def _shrinking(layout: Layout, room: tuple[float, float]) -> float:
    """How many times smaller than drawn a layout has to be shown, 1 if it fits."""
    return max(1.0, layout.width / max(room[0], 1.0), layout.height / max(room[1], 1.0))


def _breaks(layout: Layout) -> list[float]:
    """Heights right below a node whose edges are the only ones that pass."""
    gaps: list[float] = []
    reached = 0.0
    for box in sorted(layout.boxes, key=lambda box: box.y):
        if box.y > reached > 0:
            gaps.append((reached + box.y) / 2)
        reached = max(reached, box.bottom)
    ends: dict[int, float] = {}
    for route in layout.routes:
        ends[route.edge[0]] = max(ends.get(route.edge[0], 0.0), route.points[-1][1])
    passing = [0] * (len(gaps) + 1)
    begins: set[int] = set()
    for source, end in ends.items():
        first = bisect_right(gaps, layout.boxes[source].bottom)
        begins.add(first)
        passing[first] += 1
        passing[bisect_left(gaps, end)] -= 1
    passed = enumerate(accumulate(passing[:-1]))
    return [gaps[number] for number, count in passed if count == 1 and number in begins]


def _chosen(breaks: list[float], height: float, count: int) -> list[float]:
    """Choose breaks that part a height into about so many equal columns."""
    wanted = [height * part / count for part in range(1, count)]
    return sorted({min((abs(place - want), place) for place in breaks)[1] for want in wanted})


def _broken(layout: Layout, at: list[float], gap: float) -> Layout | None:
    """Put what lies below each of some heights beside what lies above it; None if an edge would pass a whole column."""
    column = [bisect_right(at, box.y) for box in layout.boxes]
    if any(column[target] - column[source] > 1 for source, target in (route.edge for route in layout.routes)):
        return None
    left, right = [float("inf")] * (len(at) + 1), [0.0] * (len(at) + 1)
    first, last = [float("inf")] * (len(at) + 1), [0.0] * (len(at) + 1)
    corners = [(box.x, box.y) for box in layout.boxes] + [(box.right, box.bottom) for box in layout.boxes]
    for x, y in (*corners, *(point for route in layout.routes for point in route.points)):
        number = bisect_right(at, y)
        left[number], right[number] = min(left[number], x), max(right[number], x)
    for box, number in zip(layout.boxes, column, strict=True):
        first[number], last[number] = min(first[number], box.y), max(last[number], box.bottom)
    places, x = [], 0.0
    for number in range(len(at) + 1):
        places.append(x)
        x += right[number] - left[number] + gap
    moves = [(places[n] - left[n], 2 * TURN - first[n]) for n in range(len(at) + 1)]
    boxes = tuple(
        Box(box.x + moves[n][0], box.y + moves[n][1], box.width, box.height)
        for box, n in zip(layout.boxes, column, strict=True)
    )
    routes = []
    for route in layout.routes:
        number, later = (column[node] for node in route.edge)
        dx, dy = moves[later]
        points = tuple((px + dx, py + dy) for px, py in route.points if bisect_right(at, py) == later)
        if number != later:
            start, low, lane = boxes[route.edge[0]], last[number] + moves[number][1] + TURN, places[later] - gap + TURN
            begin = ((start.middle, start.bottom), (start.middle, low), (lane, low), (lane, TURN))
            points = (*begin, (points[0][0], TURN), *points)
        routes.append(Route(route.edge, points))
    height = max(end + move[1] for end, move in zip(last, moves, strict=True)) + TURN
    return Layout(boxes, tuple(routes), x - gap, height, tuple(places))
