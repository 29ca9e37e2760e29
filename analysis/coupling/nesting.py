"""Nested widths: which layers contain the channels of others, and which shortcuts only look as if they did.

Two layers may make the same channels without being tied as wholes. ReXNet adds the input of a block to the first
channels of its output: the wider layer contains the narrower one. A shortcut that is padded with zeros asks for no such
thing: a channel that finds no partner meets zeros.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.coupling.couple import Coupling
from analysis.coupling.grouping import Grouping

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class _Made:
    """Channels that one layer makes.

    Attributes
    ----------
    layer
        Its name.
    classes
        (channels,).
    groups
        Places of the groups among them.
    """

    layer: str
    classes: Ints
    groups: frozenset[int]

    def contains(self, other: _Made) -> bool:
        """Tell whether all channels of another layer are channels of this one, which has more."""
        return other.groups < self.groups and bool(np.isin(other.classes, self.classes).all())


def nestings(coupling: Coupling, grouping: Grouping) -> Mapping[int, tuple[str, ...]]:
    """Say of each group between which layers its width is nested, one line for each relation.

    Parameters
    ----------
    coupling, grouping
        The classes of a network, sorted.

    Returns
    -------
    Mapping[int, tuple[str, ...]]
        Place of a group to its lines; groups that are nested in nothing are left out. Only the next narrower and the
        next wider layer are named: the others follow from these.
    """
    found: dict[int, dict[str, None]] = {}
    made = _made(coupling, grouping)
    for outer in made:
        inside = [layer for layer in made if outer.contains(layer)] if len(outer.groups) > 1 else []
        for inner in _largest(inside):
            words = _words(outer, inner)
            for group in _own(grouping, outer):
                line = f"the {words} of this layer are those of {inner.layer}: it is at least as wide"
                found.setdefault(group, {})[line] = None
            for group in _own(grouping, inner):
                line = f"these are the {words} of {outer.layer}, which is at least as wide"
                found.setdefault(group, {})[line] = None
    for group, line in _padded(coupling, grouping):
        found.setdefault(group, {})[line] = None
    return {group: tuple(lines) for group, lines in found.items()}


def _made(coupling: Coupling, grouping: Grouping) -> list[_Made]:
    """Layers that make channels of their own; of layers with the same channels the first."""
    found: dict[bytes, _Made] = {}
    for axis in coupling.axes.values():
        classes = coupling.of(axis.labels)
        groups = frozenset(grouping.group[classes].tolist())
        if axis.role == "out" and -1 not in groups and not coupling.locked[classes].any():
            found.setdefault(np.unique(classes).tobytes(), _Made(axis.layer, classes, groups))
    return list(found.values())


def _largest(inside: list[_Made]) -> list[_Made]:
    """Leave out what lies in others of the list."""
    return [layer for layer in inside if not any(other.contains(layer) for other in inside)]


def _own(grouping: Grouping, layer: _Made) -> list[int]:
    """Find the groups that are named after a layer."""
    return [group for group in sorted(layer.groups) if grouping.names[group].partition("+")[0] == layer.layer]


def _words(outer: _Made, inner: _Made) -> str:
    places = np.flatnonzero(np.isin(outer.classes, inner.classes))
    return _run(places)


def _run(places: Ints) -> str:
    """Name channels: "first 72 channels", "channels 8 to 23", "16 channels"."""
    first, last = int(places[0]), int(places[-1])
    if last - first + 1 != places.size:
        return f"{places.size} channels"
    return f"first {places.size} channels" if first == 0 else f"channels {first} to {last}"


def _padded(coupling: Coupling, grouping: Grouping) -> list[tuple[int, str]]:
    """Say which groups meet through a shortcut that is padded with zeros."""
    lines = []
    for value, (source, places) in coupling.pads.items():
        after, before = _groups_of(coupling, grouping, value), _groups_of(coupling, grouping, source)
        if not after or not before or set(after) & set(before):
            continue
        there = f"the {_run(np.flatnonzero(places >= 0))}"
        names = [", ".join(grouping.names[group] for group in groups) for groups in (after, before)]
        free = "no width follows from the other"
        lines += [(group, f"{there} meet {names[1]} padded with zeros: {free}") for group in after]
        lines += [(group, f"padded with zeros, these meet {there} of {names[0]}: {free}") for group in before]
    return lines


def _groups_of(coupling: Coupling, grouping: Grouping, value: int) -> list[int]:
    labels = coupling.arrays.get(value)
    if labels is None:
        return []
    found = np.unique(grouping.group[coupling.of(labels)])
    return [group for group in found.tolist() if group >= 0]
