"""Which rows of a network feed which: the architecture as a graph, read off a recorded forward pass."""

from __future__ import annotations

from collections.abc import Iterable

from analysis.tracing.points import Point
from analysis.tracing.trace import Trace


def edges(seen: Trace, points: Iterable[Point]) -> tuple[tuple[int, int], ...]:
    """Find the edges between the rows of a network; operations without a row are passed through.

    The row of a residual addition (kind "branch") stands for the addition itself: both sides enter it, and what follows
    depends on it. Where both sides are branches the first of their rows stands for it, and the second has no edge. Rows
    of blocks contain others and have none either. Two rows of the same tensor follow each other.

    Parameters
    ----------
    seen
        The forward pass.
    points
        The rows in their order.

    Returns
    -------
    tuple[tuple[int, int], ...]
        (source row, target row), ascending. Sources come before their targets.
    """
    rows: dict[int, list[int]] = {}
    sums: dict[int, int] = {}
    for row, point in enumerate(points):
        if point.kind == "branch":
            sums.setdefault(point.op, row)
        elif point.kind != "block":
            rows.setdefault(point.value, []).append(row)
    found: set[tuple[int, int]] = set()
    nearest: dict[int, frozenset[int]] = {}  # value to the rows it depends on without another row between

    def enter(row: int, before: frozenset[int]) -> frozenset[int]:
        found.update((source, row) for source in before if source < row)
        return frozenset((row,))

    def settle(value: int, before: frozenset[int]) -> None:
        for row in rows.get(value, ()):
            before = enter(row, before)
        nearest[value] = before

    settle(0, frozenset())
    for op in seen.ops:
        before = frozenset[int]().union(*(nearest.get(value, frozenset()) for value in seen.feature_inputs(op)))
        if op.index in sums:
            before = enter(sums[op.index], before)
        for value in op.outputs:
            settle(value, before)
    return tuple(sorted(found))
