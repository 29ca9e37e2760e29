"""choose (temporary head)"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.problems import AnalysisError


def choose(labels: NDArray[np.int64] | None, count: int, limit: int, seed: int) -> NDArray[np.int64]:
    """Pick pictures so that classes are equally frequent and smaller picks are part of larger ones.

    The pictures of each class c, in ascending order of c, are shuffled by ``RandomState([seed, c])``; picks go round
    robin over the classes. Without labels all pictures are shuffled by ``RandomState([seed])``.

    Parameters
    ----------
    labels
        (pictures,) int64, or None.
    count
        Number of pictures in the set.
    limit
        How many to pick; 0, negative, or more than there are: all.
    seed
        From 0 to 2**32 - 1.

    Returns
    -------
    NDArray[np.int64]
        (picked,) positions in the set, ascending: the order of the set is kept.

    Raises
    ------
    AnalysisError
        If the seed is out of range.
    """
    if not 0 <= seed < 2**32:
        raise AnalysisError(f"{seed} cannot be a seed.", "Choose a whole number from 0 to 4294967295.")
    if limit <= 0 or limit >= count:
        return np.arange(count, dtype=np.int64)
    if labels is None:
        return np.sort(np.random.RandomState([seed]).permutation(count)[:limit]).astype(np.int64)
    places = np.empty(count, dtype=np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        order = np.random.RandomState([seed, int(label)]).permutation(len(members))
        places[members[order]] = np.arange(len(members))
    # Round k takes the k-th picture of every class that still has one, classes ascending.
    return np.sort(np.lexsort((labels, places))[:limit]).astype(np.int64)
