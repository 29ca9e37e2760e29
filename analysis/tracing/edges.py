"""Which rows of a network feed which: the architecture as a graph, read off a recorded forward pass.

Rows are what results are about. Between them lie operations that a reader of the graph looks for as well: pooling,
concatenation, gates. They are joints: nodes of the graph and of nothing else.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from analysis.measures.architecture import Joint
from analysis.tracing.operations import POOLS, REDUCTIONS
from analysis.tracing.points import Point, op_label, value_point
from analysis.tracing.trace import Op, Trace

Pairs = tuple[tuple[int, int], ...]

JOINED = {"cat": "concatenate", "stack": "stack"}
"""Operations that put several tensors side by side, and the words for them."""
MET = {
    **{"add": "add", "sub": "subtract", "mul": "multiply", "div": "divide", "maximum": "maximum"},
    **{"minimum": "minimum", "matmul": "matrix product", "bmm": "matrix product"},
}
"""Operations that are joints where tensors meet that come by different ways."""
RESIZED = {
    **{"interpolate": "resize", "upsample": "resize", "pixel_shuffle": "pixel shuffle"},
    "pixel_unshuffle": "pixel unshuffle",
}


def edges(seen: Trace, points: Sequence[Point]) -> Pairs:
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
    return _Walk(seen, points, with_joints=False).edges()


def flow(seen: Trace, points: Sequence[Point]) -> tuple[tuple[Joint, ...], Pairs]:
    """Find the edges as :func:`edges`, but with joints between the rows instead of passing through them.

    A joint is an operation without a row that pools or resizes a map, puts tensors side by side, or combines tensors
    that come by different ways, such as the product of a squeeze-and-excitation. A way through a module then meets a
    node of that module also where it meets no row of it, as the shortcut of a dense block does.

    Returns
    -------
    (tuple[Joint, ...], tuple[tuple[int, int], ...])
        The joints in order of execution; (source, target) pairs, in which joint j has the number rows + j.
    """
    walk = _Walk(seen, points, with_joints=True)
    found = walk.edges()
    return tuple(walk.joints), found


class _Walk:
    """Goes through the operations in order of time and keeps for each value the nodes that it depends on directly."""

    def __init__(self, seen: Trace, points: Sequence[Point], *, with_joints: bool) -> None:
        self.seen, self.points, self.with_joints = seen, points, with_joints
        self.joints: list[Joint] = []
        self._rows: dict[int, list[int]] = {}
        self._sums: dict[int, int] = {}
        for row, point in enumerate(points):
            if point.kind == "branch":
                self._sums.setdefault(point.op, row)
            elif point.kind != "block":
                self._rows.setdefault(point.value, []).append(row)
        self._taken = {op for point in points if point.kind in ("conv", "linear", "activation") for op in point.ops}
        self._moments = [point.moment for point in points]
        self._names = {point.name for point in points}
        self._found: set[tuple[int, int]] = set()
        self._nearest: dict[int, frozenset[int]] = {}

    def edges(self) -> Pairs:
        """Walk through all operations."""
        self._settle(0, frozenset())
        for op in self.seen.ops:
            ways = [self._nearest.get(value, frozenset()) for value in self.seen.feature_inputs(op)]
            before = frozenset[int]().union(*ways)
            if op.index in self._sums:
                before = self._enter(self._sums[op.index], before)
            elif words := self._joint_words(op, ways):
                before = self._enter(self._add_joint(op, words), before)
            for value in op.outputs:
                self._settle(value, before)
        return tuple(sorted(self._found))

    def _enter(self, node: int, before: frozenset[int]) -> frozenset[int]:
        self._found.update((source, node) for source in before if self._order(source) < self._order(node))
        return frozenset((node,))

    def _settle(self, value: int, before: frozenset[int]) -> None:
        for row in self._rows.get(value, ()):
            before = self._enter(row, before)
        self._nearest[value] = before

    def _order(self, node: int) -> tuple[int, int]:
        """Place of a node in the order of execution."""
        joint = node - len(self.points)
        return (node, -1) if joint < 0 else (self.joints[joint].place - 1, joint)

    def _joint_words(self, op: Op, ways: list[frozenset[int]]) -> str:
        """Say what an operation does if it is a joint, "" if it is none."""
        if not self.with_joints or not ways or op.index in self._taken or not op.outputs:
            return ""
        if any(value in self._rows for value in op.outputs):
            return ""
        if op.name in JOINED and len(ways) > 1:
            return JOINED[op.name]
        if op.name in MET and len(set(ways)) > 1:
            return MET[op.name]
        if op.name in POOLS:
            return f"{'max' if 'max' in op.name else 'average' if 'avg' in op.name else 'power'} pool"
        before, after = (self.seen.values[value] for value in (self.seen.feature_inputs(op)[0], op.outputs[0]))
        if op.name in RESIZED and before.shape != after.shape:
            return RESIZED[op.name]
        pools = op.name in REDUCTIONS and before.positions > 1 and after.positions == 1
        return op.name if pools and before.shape[:2] == after.shape[:2] else ""

    def _add_joint(self, op: Op, words: str) -> int:
        point = value_point(self.seen, op.outputs[0], "joint")
        first = point.name if point is not None else op_label(self.seen, op)
        name, number = first, 1
        while name in self._names:
            number += 1
            name = f"{first}#{number}"
        self._names.add(name)
        place = bisect_right(self._moments, (op.tick, 0))
        self.joints.append(Joint(name, words, self.seen.values[op.outputs[0]].shape[1:], place))
        return len(self.points) + len(self.joints) - 1
