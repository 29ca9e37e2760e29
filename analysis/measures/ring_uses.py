"""One entry of a ring: which weights read it, with which sign and scale. numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.measures.rings import Places, offsets

NOWHERE = -1


@dataclass(frozen=True, slots=True)
class Use:
    """One weight that reads an entry.

    Attributes
    ----------
    layer
        Place of the layer among those that share.
    place
        Index in the kernel: (output channel, input channel, row, column) of a convolution.
    position
        Place of the weight among all that are shared, laid end to end.
    sign
        1 or -1.
    """

    layer: int
    place: tuple[int, ...]
    position: int
    sign: int


def uses(
    entry: int, index: Places, positive: NDArray[np.uint8], shapes: tuple[tuple[int, ...], ...]
) -> tuple[Use, ...]:
    """List the weights that read an entry, in the order of the layers.

    Parameters
    ----------
    entry
        Place in the ring, from 0.
    index, positive
        (M,) entry that each weight reads, int32; 1 for sign +1 and 0 for -1, uint8.
    shapes
        Of the kernels, layer by layer; their sizes add up to M.

    Examples
    --------
    >>> found = uses(1, np.array([0, 1, 1, 0], dtype=np.int32), np.array([1, 0, 1, 1], dtype=np.uint8), ((2, 1), (2,)))
    >>> [(use.layer, use.place, use.sign) for use in found]
    [(0, (1, 0), -1), (1, (0,), 1)]
    """
    ends = offsets(tuple(int(np.prod(shape, dtype=np.int64)) for shape in shapes))
    found = []
    for position in np.flatnonzero(index == entry).tolist():
        layer = int(np.searchsorted(ends, position, side="right")) - 1
        place = np.unravel_index(position - int(ends[layer]), shapes[layer])
        found.append(Use(layer, tuple(int(axis) for axis in place), position, 1 if positive[position] else -1))
    return tuple(found)


def shape_table(shapes: tuple[tuple[int, ...], ...]) -> NDArray[np.int64]:
    """Write shapes of any length as a table, (layers, longest) int64, filled up with -1."""
    table = np.full((len(shapes), max(len(shape) for shape in shapes)), NOWHERE, dtype=np.int64)
    for row, shape in enumerate(shapes):
        table[row, : len(shape)] = shape
    return table


def shapes_of(table: NDArray[np.int64]) -> tuple[tuple[int, ...], ...]:
    """Read what :func:`shape_table` wrote."""
    return tuple(tuple(int(side) for side in row if side != NOWHERE) for row in table)
