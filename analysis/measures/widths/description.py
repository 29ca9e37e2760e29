"""Description of the coupled width groups of a network: frozen, JSON in and out, enough for legality and costs.

Channels that must be kept, dropped or copied together form a class. Classes that occur in the same axes are
exchangeable and form a variable, whose value is a number of classes. Variables with the same producers form a group,
which is what users drag. The length of every axis is ``fixed + sum(multiplicity * variable)``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.problems import AnalysisError
from analysis.records import RecordError, from_plain, to_plain


@dataclass(frozen=True, slots=True)
class Member:
    """Where channels of a group are.

    Attributes
    ----------
    layer
        Name of the layer.
    side
        "out", "depth" (an output tied to the input one by one), "in", "norm", "bias", "scale", "statistic", or
        "tensor" for an output without weights.
    first, count
        The channels ``first .. first + count - 1`` of that side. For grouped convolutions "in" counts places inside a
        group; for flattened inputs it counts columns.
    """

    layer: str
    side: str
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class WidthGroup:
    """Channels with the same producers: one handle.

    Attributes
    ----------
    name
        Its first producer in call order, with "+k" for further groups of that producer.
    width
        Output channels of that layer which belong to the group.
    minimum, step
        Smallest legal width, and what widths must be a multiple of.
    locked, reason
        True if the width cannot change, and why.
    members
        Every place at which its channels occur, in call order.
    why
        One line for each operation that ties its channels.
    approximate
        Why widening does not keep the function exactly (layer norm over channels), or "".
    variables
        Its variables, () if locked.
    nested
        One line for each layer that contains its channels or whose channels it contains, so that one is at least as
        wide as the other, and for each shortcut padded with zeros, where no width follows. () for most.
    """

    name: str
    width: int
    minimum: int
    step: int
    locked: bool
    reason: str
    members: tuple[Member, ...]
    why: tuple[str, ...]
    approximate: str
    variables: tuple[int, ...]
    nested: tuple[str, ...] = ()

    @property
    def legal(self) -> str:
        """Its legal widths in words, "" if it is locked: least width, divisibility, nesting."""
        if self.locked:
            return ""
        steps = f"multiples of {self.step} from {self.minimum}" if self.step > 1 else f"{self.minimum} or more"
        return "; ".join((steps, *self.nested))


@dataclass(frozen=True, slots=True)
class Variable:
    """Exchangeable classes.

    Attributes
    ----------
    group
        Index of the group.
    count
        Number of classes in the original.
    slots
        Output channels per class in the group's first producer.
    """

    group: int
    count: int
    slots: int


@dataclass(frozen=True, slots=True)
class Length:
    """Length of an axis: ``fixed + sum(multiplicity * count of variable)``.

    Attributes
    ----------
    fixed
        Entries that never change.
    terms
        (variable, multiplicity) pairs.
    """

    fixed: int
    terms: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Store:
    """A distinct parameter or buffer.

    Attributes
    ----------
    name
        Its first name.
    trained
        True for parameters.
    shape
        In the original.
    lengths
        For each dim the index of its length, -1 where it is constant.
    itemsize, names
        Bytes of one number; under how many names it is stored in a file.
    dtype, saved
        Type as safetensors calls it; these names.
    """

    name: str
    trained: bool
    shape: tuple[int, ...]
    lengths: tuple[int, ...]
    itemsize: int
    names: int
    dtype: str = "F32"
    saved: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """Costs of a layer of the structure (convolution, linear layer, activation).

    Attributes
    ----------
    layer, kind
        As in `LayerSpec`.
    width, length
        Channels in the original; index of the length of its channel axis, -1 if constant.
    others, itemsize
        Elements of one picture's output per channel; bytes of one number.
    stores
        Parameters first met here.
    products
        (parameter, positions): ``numel * positions`` multiply-adds each.
    macs
        Multiply-adds that never change (computed kernels).
    """

    layer: str
    kind: str
    width: int
    length: int
    others: int
    itemsize: int
    stores: tuple[int, ...] = ()
    products: tuple[tuple[int, int], ...] = ()
    macs: int = 0


@dataclass(frozen=True, slots=True)
class Producer:
    """A layer with output channels of its own.

    Attributes
    ----------
    layer
        Its name.
    width, length
        Output channels in the original; index of their length, -1 if constant.
    groups
        Indices of the groups among its channels. Where a layer has several its width is nested: it is at least that of
        every layer whose groups are a part of these.
    """

    layer: str
    width: int
    length: int
    groups: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WidthGroups:
    """All coupled width groups of a network.

    Attributes
    ----------
    model, input_shape
        Name of the network, may be ""; shape of a picture.
    structure
        Hash of axes, classes and positions: text configurations belong to it.
    groups, variables, lengths, stores, rows, producers
        See the classes.
    nonempty
        (length, what) pairs: lengths that must stay above zero, and the layer or operation they belong to.
    norms
        (length, positions) of each batch norm, for conventions that count them.
    macs
        Multiply-adds that belong to no row and never change.
    notes
        What could not be understood, one sentence each.
    """

    model: str
    input_shape: tuple[int, ...]
    structure: str
    groups: tuple[WidthGroup, ...]
    variables: tuple[Variable, ...]
    lengths: tuple[Length, ...]
    stores: tuple[Store, ...]
    rows: tuple[Row, ...]
    producers: tuple[Producer, ...]
    nonempty: tuple[tuple[int, str], ...]
    norms: tuple[tuple[int, int], ...] = ()
    macs: int = 0
    notes: tuple[str, ...] = ()

    @property
    def free(self) -> tuple[WidthGroup, ...]:
        """The groups that can be edited."""
        return tuple(group for group in self.groups if not group.locked)

    @property
    def clusters(self) -> tuple[tuple[int, ...], ...]:
        """Free groups that share a producer, directly or through others: widths in a cluster are nested."""
        owner = list(range(len(self.groups)))

        def root(group: int) -> int:
            while owner[group] != group:
                group = owner[group]
            return group

        for producer in self.producers:
            free = [place for place in producer.groups if not self.groups[place].locked]
            for other in free[1:]:
                low, high = sorted((root(free[0]), root(other)))
                owner[high] = low
        found: dict[int, list[int]] = {}
        for index, group in enumerate(self.groups):
            if not group.locked:
                found.setdefault(root(index), []).append(index)
        return tuple(tuple(cluster) for cluster in found.values())

    def index(self, name: str) -> int:
        """Place of a group.

        Raises
        ------
        AnalysisError
            If there is none of that name.
        """
        for place, group in enumerate(self.groups):
            if group.name == name:
                return place
        from_words = [group.name for group in self.groups if not group.locked]
        shown = ", ".join(from_words[:12]) + (" …" if len(from_words) > 12 else "")
        raise AnalysisError(f"There is no width group '{name}'.", f"Choose from {shown}.", "unknown_group")

    def to_plain(self) -> dict[str, Any]:
        """Turn into JSON values."""
        plain: dict[str, Any] = to_plain(self)
        return plain


def groups_from_plain(plain: Any) -> WidthGroups:
    """Read what :meth:`WidthGroups.to_plain` made.

    Raises
    ------
    AnalysisError
        If it is something else.
    """
    try:
        return from_plain(WidthGroups, plain)
    except RecordError as error:
        raise AnalysisError(f"This is no description of width groups: {error}.", "Read the groups anew.") from None


def to_bytes(found: WidthGroups) -> NDArray[np.uint8]:
    """Write a description as JSON text, axes (byte,): the form in which the method `width_groups` hands it out."""
    text = json.dumps(found.to_plain(), separators=(",", ":"))
    return np.frombuffer(text.encode(), dtype=np.uint8)


def from_bytes(text: NDArray[np.uint8]) -> WidthGroups:
    """Read what :func:`to_bytes` wrote.

    Raises
    ------
    AnalysisError
        If it is something else, or has not arrived in full.
    """
    try:
        plain = json.loads(np.asarray(text, dtype=np.uint8).tobytes())
    except (ValueError, UnicodeDecodeError):
        raise AnalysisError("This is no description of width groups.", "Run width_groups anew.") from None
    return groups_from_plain(plain)
