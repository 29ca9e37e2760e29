"""One bar per width group, or one per convolution: tied layers repeated, as published figures draw them. No widgets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.measures.widths.legal import share
from app.reading.depth import Floats
from app.reading.width_reading import WidthReading


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What the bars stand for.

    Attributes
    ----------
    names
        Of groups, or of layers in forward order.
    weights
        (row, group) channels of a row for each channel of a group.
    first
        (row,) place of the group with the largest part in a row.
    """

    names: tuple[str, ...]
    weights: Floats
    first: tuple[int, ...]

    def widths(self, per_group: Floats) -> Floats:
        """Channels of the rows, (row,), from those of the groups, (group,); fixed channels are left out."""
        used = self.weights > 0
        known = np.where(used, per_group[None, :], 0.0)
        found: Floats = (self.weights * known).sum(axis=1)
        return found

    def ratios(self, per_group: Floats, original: Floats) -> Floats:
        """Weigh a ratio of each group by the original channels: the ratio of the row, (row,)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            found: Floats = self.widths(per_group * original) / self.widths(original)
        return found

    def spreads(self, per_group: Floats, original: Floats) -> Floats:
        """Put standard deviations of independent ratios together, (row,)."""
        parts = self.weights * original[None, :]
        known = np.where(parts > 0, parts * per_group[None, :], 0.0)
        found: Floats = np.sqrt((known**2).sum(axis=1)) / parts.sum(axis=1)
        return found

    def firsts(self, per_group: Floats) -> Floats:
        """Value of the group with the largest part in a row, (row,)."""
        found: Floats = per_group[np.array(self.first, dtype=np.int64)]
        return found

    def place_of(self, row: int) -> int:
        """Group of a row, -1 for no row."""
        return self.first[row] if 0 <= row < len(self.first) else -1


def by_group(names: tuple[str, ...]) -> Rows:
    """One row per group."""
    return Rows(names, np.eye(len(names)), tuple(range(len(names))))


def by_layer(reading: WidthReading, names: tuple[str, ...]) -> Rows:
    """One row per convolution or linear layer with channels of these groups.

    Parameters
    ----------
    reading
        The groups of the network.
    names
        Groups whose values are to be spread over the layers.
    """
    found = reading.found
    known = {group.name for group in found.groups}
    place = {found.index(name): number for number, name in enumerate(names) if name in known}
    original = np.array([found.groups[found.index(name)].width if name in known else 0 for name in names])
    rows, weights, first = [], [], []
    for producer in found.producers:
        own = np.zeros(len(names))
        for group in producer.groups:
            if group in place:
                own[place[group]] = share(found, producer, group, 1 << 20) / (1 << 20)
        if own.any() and producer.layer in reading.names:
            rows.append(producer.layer)
            weights.append(own)
            first.append(int((own * original).argmax()))
    return Rows(tuple(rows), np.array(weights).reshape(len(rows), len(names)), tuple(first))
