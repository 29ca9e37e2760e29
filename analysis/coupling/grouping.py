"""From classes to what users see: variables (classes alike), groups (same producers), lengths of axes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.coupling.couple import Coupling
from analysis.coupling.labels import Axis, Labels, varying
from analysis.measures.widths.description import Length

PRODUCING = ("out", "depth")
"""Roles of axes that make channels: of convolutions and linear layers, depthwise ones too."""

Ints = NDArray[np.int64]


@dataclass(slots=True)
class Grouping:
    """Classes, sorted.

    Attributes
    ----------
    variable
        (classes,) variable of each class, -1 for locked ones.
    group
        (classes,) group of each class, -1 for classes without a producer.
    counts
        (variables,) classes of each variable.
    producer
        (groups,) place of the first producer among the axes.
    names
        (groups,).
    """

    variable: Ints
    group: Ints
    counts: Ints
    producer: Ints
    names: tuple[str, ...]


def group(coupling: Coupling, stored: Iterable[Labels]) -> Grouping:
    """Sort the classes of a network.

    Parameters
    ----------
    coupling
        What belongs together.
    stored
        Channel labels of further tensors whose lengths must be known, such as the outputs that are kept in memory.
    """
    count = len(coupling.locked)
    axes = list(coupling.axes.values())
    signature, producers = np.zeros(count, np.uint64), np.zeros(count, np.uint64)
    first = np.full(count, len(axes), dtype=np.int64)
    keys = np.random.default_rng(0).integers(1, 2**63, size=len(axes) + 4096, dtype=np.uint64) | np.uint64(1)
    for place, axis in enumerate(axes):
        met, times = np.unique(coupling.of(axis.labels), return_counts=True)
        signature[met] += keys[place] * (times.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) ^ keys[place])
        if axis.role in PRODUCING:
            producers[met] += keys[place]
            first[met] = np.minimum(first[met], place)
    for place, labels in enumerate(stored):
        met, times = np.unique(coupling.of(labels), return_counts=True)
        key = keys[(len(axes) + place) % keys.size] + np.uint64(place)
        signature[met] += key * (times.astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F) ^ key)
    groups, producer = _groups(coupling, axes, producers, first)
    variable, counts = _variables(coupling, signature, producers, groups)
    return Grouping(variable, groups, counts, producer, _names(axes, producer))


def _groups(coupling: Coupling, axes: list[Axis], producers: NDArray[np.uint64], first: Ints) -> tuple[Ints, Ints]:
    """Classes with the same producers, those locked apart; groups in the order of their first producers' channels."""
    groups = np.full(len(first), -1, dtype=np.int64)
    numbers: dict[tuple[int, bool], int] = {}
    producer = []
    for place, axis in enumerate(axes):
        if axis.role not in PRODUCING:
            continue
        classes = coupling.of(axis.labels)
        classes = classes[np.sort(np.unique(classes, return_index=True)[1])]
        own = classes[first[classes] == place]
        for number in own.tolist():
            key = (int(producers[number]), bool(coupling.locked[number]))
            if key not in numbers:
                numbers[key] = len(numbers)
                producer.append(place)
            groups[number] = numbers[key]
    return groups, np.array(producer, dtype=np.int64)


def _variables(
    coupling: Coupling, signature: NDArray[np.uint64], producers: NDArray[np.uint64], groups: Ints
) -> tuple[Ints, Ints]:
    variable = np.full(len(groups), -1, dtype=np.int64)
    numbers: dict[tuple[int, int, int], int] = {}
    counts: list[int] = []
    order = np.argsort(groups, kind="stable")
    for number in order.tolist():
        if groups[number] < 0 or coupling.locked[number]:
            continue
        key = (int(groups[number]), int(signature[number]), int(producers[number]))
        if key not in numbers:
            numbers[key] = len(numbers)
            counts.append(0)
        variable[number] = numbers[key]
        counts[numbers[key]] += 1
    return variable, np.array(counts, dtype=np.int64)


def _names(axes: list[Axis], producer: Ints) -> tuple[str, ...]:
    met: dict[str, int] = {}
    names = []
    for place in producer.tolist():
        layer = axes[place].layer
        names.append(f"{layer}+{met[layer]}" if layer in met else layer)
        met[layer] = met.get(layer, 0) + 1
    return tuple(names)


class Lengths:
    """Lengths of axes, each written down once."""

    def __init__(self, coupling: Coupling, grouping: Grouping) -> None:
        self._coupling, self._grouping = coupling, grouping
        self._places: dict[Length, int] = {}

    @property
    def all(self) -> tuple[Length, ...]:
        """All lengths so far."""
        return tuple(self._places)

    def of(self, labels: Labels) -> int:
        """Place of the length of a label vector, -1 if it never changes."""
        variables = self._grouping.variable[self._coupling.of(labels)]
        free = variables[variables >= 0]
        if not free.size:
            return -1
        met, times = np.unique(free, return_counts=True)
        counts = self._grouping.counts[met]
        terms = tuple(zip(met.tolist(), (times // counts).tolist(), strict=True))
        return self._places.setdefault(Length(int(variables.size - free.size), terms), len(self._places))


def channel_labels(arrays: Mapping[int, Labels | None], value: int) -> Labels | None:
    """Labels of a value along the one dim where they vary, None if there is no such dim."""
    labels = arrays.get(value)
    if labels is None or len(varying(labels)) != 1:
        return None
    return np.ravel(labels)
