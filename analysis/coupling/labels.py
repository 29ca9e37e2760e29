"""Labels: one whole number per channel of every tensor, and what ties them.

The label array of a tensor has its number of dims, and size 1 along every dim where the label does not vary.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why labels are tied or locked.

    Attributes
    ----------
    op
        Name of the operation, or "" where none is to blame.
    place
        Name of the module call around it.
    text
        More words, "" for none.
    """

    op: str
    place: str
    text: str = ""

    def __str__(self) -> str:
        where = f"{self.op} in {self.place or 'the network'}" if self.op else self.place
        return ": ".join(part for part in (self.text, where) if part)


@dataclass(slots=True)
class Axis:
    """One axis of a parameter or buffer whose entries are channels.

    Attributes
    ----------
    name, dim
        The tensor's first name; which of its dims.
    labels
        (entries,) one label each.
    role
        "out", "depth" (an output that is tied to the input one by one), "in", "bias", "norm", "scale", "statistic".
    layer
        Name of the layer that uses it first.
    """

    name: str
    dim: int
    labels: Labels
    role: str
    layer: str


@dataclass(slots=True)
class Sizes:
    """Channels that a module counts in its attributes, and the unit in which it counts.

    Attributes
    ----------
    module
        Path of the module.
    kind
        "norm", "group_norm" or "grouped"; the last two count groups of `unit` channels.
    labels
        (channels,).
    unit
        Channels per group.
    """

    module: str
    kind: str
    labels: Labels
    unit: int = 1


@dataclass(slots=True)
class Movement:
    """An operation that moves channels: its numbers may have to follow an edit.

    Attributes
    ----------
    op
        Its index in the trace.
    source
        The value it moves.
    """

    op: int
    source: int


@dataclass(slots=True)
class Book:
    """All labels of a network while they are being found.

    Attributes
    ----------
    arrays
        Label array of each value; None, or absent, for values without labels.
    ties
        (labels, labels, reason) triples of equally long vectors.
    locks
        (labels, reason) pairs.
    axes
        By (parameter, dim).
    pads
        Value of a padded output to (value of its source, source channel of each output channel or -1).
    averaged
        Labels that a layer norm averages over.
    grids
        (labels, unit, reason): channels in groups of `unit`, whose borders no class may cross.
    whole
        True if grouped convolutions keep whole groups together, False for the same places in all groups.
    """

    count: int = 0
    arrays: dict[int, Labels | None] = field(default_factory=dict)
    ties: list[tuple[Labels, Labels, Reason]] = field(default_factory=list)
    locks: list[tuple[Labels, Reason]] = field(default_factory=list)
    axes: dict[tuple[str, int], Axis] = field(default_factory=dict)
    sizes: list[Sizes] = field(default_factory=list)
    movements: list[Movement] = field(default_factory=list)
    joins: list[int] = field(default_factory=list)
    pads: dict[int, tuple[int, Labels]] = field(default_factory=dict)
    averaged: list[tuple[Labels, Reason]] = field(default_factory=list)
    grids: list[tuple[Labels, int, Reason]] = field(default_factory=list)
    whole: bool = False

    def fresh(self, count: int) -> Labels:
        """Make new labels."""
        self.count += count
        return np.arange(self.count - count, self.count, dtype=np.int64)

    def unite(self, first: Labels, second: Labels, reason: Reason) -> None:
        """Tie labels one by one."""
        if first.shape == second.shape and np.array_equal(first, second):
            return
        self.ties.append((np.ravel(first), np.ravel(second), reason))

    def unite_along(self, labels: Labels, dim: int, reason: Reason) -> None:
        """Tie all labels that differ in their place along one dim only."""
        first = np.broadcast_to(np.take(labels, [0], axis=dim), labels.shape)
        self.unite(first, labels, reason)

    def lock(self, labels: Labels | None, reason: Reason) -> None:
        """Forbid to change these channels."""
        if labels is not None:
            self.locks.append((np.ravel(labels), reason))

    def attach(self, name: str, dim: int, labels: Labels, role: str, layer: str) -> None:
        """Say which channels the entries of a tensor's axis are. A second use of the tensor ties both."""
        labels = np.ravel(labels)
        known = self.axes.get((name, dim))
        if known is None:
            self.axes[name, dim] = Axis(name, dim, labels, role, layer)
        else:
            if known.role in ("norm", "scale", "statistic", "bias") and role in ("out", "in", "depth"):
                known.role = role
            elif {known.role, role} in ({"in", "out"}, {"in", "depth"}):
                self.lock(labels, Reason("", layer, f"{name} is read in both directions"))
            self.unite(known.labels, labels, Reason("", layer, f"{name} is shared"))


def varying(labels: Labels) -> tuple[int, ...]:
    """Dims along which a label array varies."""
    return tuple(dim for dim, size in enumerate(labels.shape) if size > 1)


def compressed(labels: Labels) -> Labels:
    """Drop the dims along which a label array is constant."""
    for dim, size in enumerate(labels.shape):
        if size > 1:
            first = labels[(slice(None),) * dim + (slice(0, 1),)]
            if labels.strides[dim] == 0 or bool((labels == first).all()):
                labels = first
    return labels


def along(labels: Labels, dim: int, ndim: int) -> Labels:
    """Lay a vector of labels along one of several dims."""
    shape = [1] * ndim
    shape[dim] = -1
    return np.reshape(labels, shape)
