"""What of a second network belongs to what of the first: rows, points between layers, checkpoints, names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.config import LayerSpec
from analysis.measures.depth import matching_rows

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def by_rows(table: Floats, rows: Ints) -> Floats:
    """Pick rows of a table, NaN for those that are -1.

    Examples
    --------
    >>> by_rows(np.array([1.0, 2.0]), np.array([1, -1])).tolist()
    [2.0, nan]
    """
    found = np.full((len(rows), *table.shape[1:]), np.nan)
    found[rows >= 0] = table[rows[rows >= 0]]
    return found


def by_cells(table: Floats, rows: Ints, columns: Ints) -> Floats:
    """Pick rows and columns of a (row, column) table, NaN where one of the two is -1."""
    return by_rows(by_rows(table, rows).T, columns).T


def same_names(ours: Sequence[str], theirs: Sequence[str]) -> Ints:
    """Find for every name its place among those of a second network, -1 for none.

    Examples
    --------
    >>> same_names(("a", "b"), ("b", "c")).tolist()
    [-1, 0]
    """
    known = {name: place for place, name in enumerate(theirs)}
    return np.array([known.get(name, -1) for name in ours], dtype=np.int64)


def matching_checkpoint(wanted: str, theirs: Sequence[str], known: NDArray[np.bool_]) -> int:
    """Find the checkpoint of the same name, else the last one with numbers; -1 for none.

    Parameters
    ----------
    known
        (checkpoint,) bool, which of `theirs` have numbers.
    """
    if wanted and wanted in theirs and known[list(theirs).index(wanted)]:
        return list(theirs).index(wanted)
    there = np.flatnonzero(known)
    return int(there[-1]) if len(there) else -1


def checkpoint_places(ours: Sequence[str], theirs: Sequence[str]) -> Floats:
    """Places of a second network's checkpoints on the axis of ours: by name where all are known, else evenly.

    Examples
    --------
    >>> checkpoint_places(("a", "b", "c"), ("c", "a")).tolist()
    [2.0, 0.0]
    >>> checkpoint_places(("a", "b", "c"), ("x", "y")).tolist(), checkpoint_places(("a", "b"), ("x",)).tolist()
    ([0.0, 2.0], [1.0])
    """
    if all(name in ours for name in theirs):
        return np.array([list(ours).index(name) for name in theirs], dtype=np.float64)
    if len(theirs) == 1:
        return np.array([len(ours) - 1.0])
    return np.linspace(0.0, max(len(ours) - 1.0, 1.0), len(theirs))


def first_layer(group: str) -> str:
    """Layer that a width group is named after.

    Examples
    --------
    >>> first_layer("layer1.0.conv2+3"), first_layer("fc")
    ('layer1.0.conv2', 'fc')
    """
    head, plus, number = group.rpartition("+")
    return head if plus and number.isdigit() else group


def matching_groups(
    ours: Sequence[str], theirs: Sequence[str], layers: Sequence[LayerSpec], others: Sequence[LayerSpec]
) -> Ints:
    """Find for width groups those of a second network: by name, else by the layers that correspond.

    Parameters
    ----------
    ours, theirs
        Names of the groups, see :func:`first_layer`.
    layers, others
        Rows of both networks, () where they are not known.

    Returns
    -------
    (group,) int64
        Places in `theirs`, -1 where nothing corresponds.
    """
    known = {name: place for place, name in enumerate(theirs)}
    by_layer = {first_layer(name): place for name, place in reversed(known.items())}
    rows = matching_rows(tuple(layers), tuple(others)) if layers and others else np.full(len(layers), -1)
    other = {layer.name: others[row].name for layer, row in zip(layers, rows.tolist(), strict=True) if row >= 0}
    found = [known.get(name, by_layer.get(other.get(first_layer(name), ""), -1)) for name in ours]
    return np.array(found, dtype=np.int64)
