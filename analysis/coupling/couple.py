"""From a network to its channel classes: record, follow the labels, unite, lock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import nn

from analysis.coupling.labels import Axis, Book, Labels, Movement, Reason, Sizes
from analysis.coupling.table import follow, lock_computed
from analysis.coupling.union import classes_of
from analysis.coupling.walk import Walk
from analysis.graph import Recording, placed
from analysis.tracing.points import Point
from analysis.tracing.recorder import trace
from analysis.tracing.trace import Trace


@dataclass(slots=True)
class Coupling:
    """What belongs together in a network.

    Attributes
    ----------
    seen, recording, points
        The recorded pass, its rows, and where they are.
    classes
        (labels,) class of each label.
    locked
        (classes,) True where nothing may change.
    reasons
        Class to why it is locked, most telling first; only locked classes.
    ties
        (labels on one side, reason) of everything that was united.
    axes, sizes, arrays, movements, joins, pads, averaged
        As in :class:`analysis.coupling.labels.Book`, all with labels.
    unreached
        Parameters that no recorded pass uses.
    walk
        For looking up names in the recorded pass.
    """

    seen: Trace
    recording: Recording
    points: tuple[Point, ...]
    classes: NDArray[np.int64]
    locked: NDArray[np.bool_]
    reasons: dict[int, tuple[Reason, ...]]
    ties: tuple[tuple[Labels, Reason], ...]
    axes: Mapping[tuple[str, int], Axis]
    sizes: tuple[Sizes, ...]
    arrays: Mapping[int, Labels | None]
    movements: tuple[Movement, ...]
    joins: tuple[int, ...]
    pads: Mapping[int, tuple[int, Labels]]
    averaged: tuple[tuple[Labels, Reason], ...]
    unreached: tuple[str, ...]
    walk: Walk = field(repr=False)

    def of(self, labels: Labels) -> NDArray[np.int64]:
        """Classes of an array of labels."""
        found: NDArray[np.int64] = self.classes[labels]
        return found

    def lock(self, classes: Iterable[int], reason: Reason) -> None:
        """Lock further classes, found to be out of reach."""
        for number in classes:
            self.locked[number] = True
            if reason not in self.reasons.get(number, ()):
                self.reasons[number] = (*self.reasons.get(number, ()), reason)


def couple(net: nn.Module, input_shape: tuple[int, ...], *, whole: bool = False) -> Coupling:
    """Find what belongs together in a network, which is run as in :func:`analysis.graph.record` and not changed.

    Parameters
    ----------
    net
        Any network of torch modules.
    input_shape
        (channels, height, width) of a picture.
    whole
        Grouped convolutions lose and gain whole groups; else the same places in every group.

    Raises
    ------
    AnalysisError
        If the network does not run on such a picture.
    """
    seen = trace(net, input_shape)
    if _strangers(seen) or any(op.order < 0 for op in seen.ops):
        seen = trace(net, input_shape, guarded=True)
    recording, points = placed(seen)
    layers = {index: point.name for point in points for index in point.ops}
    book = Book(whole=whole)
    walk = Walk(seen, net, book, layers)
    _follow(walk)
    unreached = _unreached(net, seen, book)
    if unreached:
        unreached = _follow_training(net, input_shape, book, unreached)
    return _united(walk, recording, points, unreached)


def _strangers(seen: Trace) -> list[int]:
    """Values that depend on the picture and come from nowhere."""
    return [
        number
        for number, value in enumerate(seen.values)
        if number and value.feature and value.maker < 0 and value.before < 0
    ]


def _follow(walk: Walk) -> None:
    """Label the input, follow all operations, lock the output."""
    book, shape = walk.book, walk.shape(0)
    entering = np.reshape(book.fresh(shape[1]), (1, -1) + (1,) * (len(shape) - 2)) if len(shape) > 1 else book.fresh(1)
    book.arrays = {0: entering}
    book.lock(entering, Reason("", "", "the input of the network"))
    follow(walk)
    for value in walk.seen.outputs:
        book.lock(walk.labels(value), Reason("", "", "the output of the network"))
    if _strangers(walk.seen):
        book.lock(np.arange(book.count), Reason("", "the network", "numbers leave torch and come back"))
    _lock_decisions(walk)
    lock_computed(walk)


def _lock_decisions(walk: Walk) -> None:
    """Lock what a module computes that chooses by numbers: its other ways were not seen."""
    seen = walk.seen
    for name, index in seen.decisions:
        call = seen.calls[index]
        while call.parent >= 0 and not call.outputs:  # the number goes to the module around
            call = seen.calls[call.parent]
        reason = Reason(name, seen.label(call.index), "what is computed depends on the numbers of the picture")
        met = {value for op in seen.ops[call.first : call.last] for value in (*op.inputs, *op.outputs)}
        for value in sorted({*met, *call.inputs, *call.outputs}):
            walk.book.lock(walk.book.arrays.get(value), reason)


def _unreached(net: nn.Module, seen: Trace, book: Book) -> tuple[str, ...]:
    used = frozenset[int]().union(*(seen.values[number].weights for op in seen.ops for number in op.inputs))
    return tuple(name for index, (name, _) in enumerate(seen.weights) if index not in used)


def _follow_training(
    net: nn.Module, input_shape: tuple[int, ...], book: Book, unreached: tuple[str, ...]
) -> tuple[str, ...]:
    """Follow a pass in training mode as well, which reaches auxiliary classifiers; its axes join those known."""
    try:
        seen = trace(net, input_shape, guarded=False, training=True)
    except Exception:  # a network that cannot train on two pictures, or not on a copy
        return unreached
    if _strangers(seen):
        return unreached
    kept = book.arrays, book.movements, book.joins, book.pads
    book.movements, book.joins, book.pads = [], [], {}  # checked in the pass in eval mode, which is the one edited for
    layers = {index: point.name for point in placed(seen)[1] for index in point.ops}
    _follow(Walk(seen, net, book, layers))
    book.arrays, book.movements, book.joins, book.pads = kept
    left = _unreached(net, seen, book)
    return tuple(name for name in unreached if name in left)


def _united(walk: Walk, recording: Recording, points: tuple[Point, ...], unreached: tuple[str, ...]) -> Coupling:
    book = walk.book
    first = np.concatenate([tie[0] for tie in book.ties]) if book.ties else np.zeros(0, np.int64)
    second = np.concatenate([tie[1] for tie in book.ties]) if book.ties else np.zeros(0, np.int64)
    classes = classes_of(book.count, first, second)
    for labels, unit, reason in book.grids:
        mixed = _mixed(classes[labels], unit)
        if mixed.size:
            book.lock(labels, reason)
    locked = np.zeros(int(classes.max(initial=-1)) + 1, dtype=bool)
    reasons: dict[int, list[Reason]] = {}
    for labels, reason in book.locks:
        for number in np.unique(classes[labels]).tolist():
            locked[number] = True
            reasons.setdefault(number, [])
            if reason not in reasons[number]:
                reasons[number].append(reason)
    return Coupling(
        walk.seen,
        recording,
        points,
        classes,
        locked,
        {number: tuple(found) for number, found in reasons.items()},
        tuple((tie[0], tie[2]) for tie in book.ties),
        book.axes,
        tuple(book.sizes),
        book.arrays,
        tuple(book.movements),
        tuple(book.joins),
        book.pads,
        tuple(book.averaged),
        unreached,
        walk,
    )


def _mixed(classes: NDArray[np.int64], unit: int) -> NDArray[np.int64]:
    """Find classes that touch across the border of two groups: their runs would not respect it."""
    ends, starts = classes[unit - 1 : -1 : unit], classes[unit::unit]
    return ends[ends == starts] if unit > 1 else np.zeros(0, np.int64)
