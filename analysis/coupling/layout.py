"""Where channels go in an edit: runs of equal class are copied as wholes, next to the original.

Copies next to the original keep groups, flattened maps and joined tensors in order: two tensors with equal class
vectors get equal orders.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.coupling.couple import Coupling
from analysis.coupling.labels import Labels, varying

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Channels of one axis after an edit.

    Attributes
    ----------
    dim
        The axis.
    index, copy
        (channels after,) place in the original of each channel, and which copy of it this is, from 0.
    size
        Channels before.
    """

    dim: int
    index: Ints
    copy: Ints
    size: int

    @property
    def keys(self) -> Ints:
        """(channels after,) one number for each pair of place and copy."""
        return self.index * KEY + self.copy

    @property
    def unchanged(self) -> bool:
        """True if every channel is kept once."""
        return self.index.size == self.size and bool((self.copy == 0).all())


KEY = 1 << 20
"""Larger than any number of copies."""


def runs(classes: Ints) -> tuple[Ints, Ints]:
    """Find starts and lengths of the runs of equal class."""
    starts = np.flatnonzero(np.diff(classes, prepend=classes[:1] - 1)).astype(np.int64)
    return starts, np.diff(starts, append=classes.size).astype(np.int64)


def arranged(classes: Ints, copies: Ints) -> tuple[Ints, Ints]:
    """Lay out an axis.

    Parameters
    ----------
    classes
        (channels,) class of each.
    copies
        (classes,) 0 for dropped, 1 for kept, n for n copies.

    Returns
    -------
    tuple[Ints, Ints]
        Place in the original, and number of the copy, of each channel after the edit.

    Examples
    --------
    >>> arranged(np.array([7, 7, 3]), np.array([0, 0, 0, 1, 0, 0, 0, 2]))
    (array([0, 1, 0, 1, 2]), array([0, 0, 1, 1, 0]))
    """
    starts, sizes = runs(classes)
    times = copies[classes[starts]]
    blocks = np.repeat(np.arange(starts.size), times)
    number = np.arange(blocks.size) - np.repeat(np.cumsum(times) - times, times)
    lengths = sizes[blocks]
    inside = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.repeat(starts[blocks], lengths) + inside, np.repeat(number, lengths)


def layout(coupling: Coupling, labels: Labels | None, copies: Ints) -> Layout | None:
    """Lay out a tensor whose classes vary along one dim; None for tensors on which they vary along several, or none."""
    if labels is None or labels.size <= 1:
        return None
    classes = coupling.of(labels)
    dims = [dim for dim in varying(labels) if bool((classes != np.take(classes, [0], axis=dim)).any())]
    dims = dims or list(varying(labels))
    if len(dims) != 1:
        return None
    place = tuple(slice(None) if dim == dims[0] else 0 for dim in range(labels.ndim))
    vector = classes[place]
    index, copy = arranged(vector, copies)
    return Layout(dims[0], index, copy, vector.size)
