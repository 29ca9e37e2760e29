"""Union-find over whole numbers, all edges at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def classes_of(count: int, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give each connected component of a graph a number.

    Parameters
    ----------
    count
        Number of nodes.
    first, second
        (edges,) the two ends of each edge.

    Returns
    -------
    NDArray[np.int64]
        (nodes,) component of each node; components are numbered in the order of their first nodes.

    Examples
    --------
    >>> classes_of(5, np.array([3, 1]), np.array([1, 4]))
    array([0, 1, 2, 1, 1])
    """
    parent = np.arange(count, dtype=np.int64)
    while first.size:
        a, b = parent[first], parent[second]
        open_edges = a != b
        if not open_edges.any():
            break
        first, second, a, b = first[open_edges], second[open_edges], a[open_edges], b[open_edges]
        low = np.minimum(a, b)
        np.minimum.at(parent, a, low)
        np.minimum.at(parent, b, low)
        while True:
            shorter = parent[parent]
            if np.array_equal(shorter, parent):
                break
            parent = shorter
    return np.unique(parent, return_inverse=True)[1].reshape(-1).astype(np.int64)
