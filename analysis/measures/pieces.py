"""Large arrays as chunks of at most a megabyte."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analysis.events import Array, Chunk

MOST_BYTES = 1 << 20


def in_pieces(name: str, at: tuple[int, ...], values: Array) -> Iterator[Chunk]:
    """Cut an array along its first axes until every piece is small enough.

    Parameters
    ----------
    name, at
        The output, and the place of the array among its leading dims.
    values
        Covers the last dims of the output, from their start.

    Examples
    --------
    >>> [chunk.at for chunk in in_pieces("maps", (4,), np.zeros((2, 1 << 17)))]
    [(4, 0), (4, 1)]
    """
    if not values.size:
        return
    if values.nbytes <= MOST_BYTES or not values.ndim:
        yield Chunk(name, at, values)
        return
    row = values.nbytes // len(values)
    if row > MOST_BYTES:
        for place, part in enumerate(values):
            yield from in_pieces(name, (*at, place), part)
        return
    step = MOST_BYTES // row
    for first in range(0, len(values), step):
        yield Chunk(name, (*at, first), np.ascontiguousarray(values[first : first + step]))
