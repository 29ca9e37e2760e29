"""Which blocks to take out together: seeded random subsets, and the order of an ordered removal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray


def random_subsets(members: Sequence[int], size: int, count: int, seed: int) -> tuple[tuple[int, ...], ...]:
    """Draw different subsets of one size; all of them, in order, where there are no more than wanted.

    Parameters
    ----------
    members
        What is drawn from.
    size
        Members of each subset.
    count
        How many subsets are wanted.
    seed
        Equal members, size and seed give equal subsets.

    Examples
    --------
    >>> random_subsets([2, 5, 7], 2, 15, seed=0)
    ((2, 5), (2, 7), (5, 7))
    """
    total = comb(len(members), size)
    if total <= count:
        return tuple(combinations(members, size))
    random = np.random.RandomState([seed, len(members), size])
    found: dict[tuple[int, ...], None] = {}
    while len(found) < count:
        picks = random.permutation(len(members))[:size]
        found[tuple(sorted(members[pick] for pick in picks))] = None
    return tuple(found)


def removal_order(tolerances: NDArray[np.float64], highest_first: bool = False) -> NDArray[np.int32]:
    """Order blocks by critical tolerance; without a conflict (NaN) counts as highest, ties go by depth.

    Examples
    --------
    >>> removal_order(np.array([4.0, np.nan, 1.0, 4.0])).tolist()
    [2, 0, 3, 1]
    """
    values = np.where(np.isnan(tolerances), np.inf, tolerances)
    return np.argsort(-values if highest_first else values, kind="stable").astype(np.int32)


def first_loss(accuracy: NDArray[np.float64], loss: float) -> int:
    """Find the first number of removed blocks at which accuracy is lower by at least `loss`; -1 if there is none.

    Parameters
    ----------
    accuracy
        (removed + 1,) shares from 0 to 1, the first with nothing removed; NaN where not known.
    loss
        In the same unit.

    Examples
    --------
    >>> first_loss(np.array([0.9, 0.895, 0.87]), 0.01)
    2
    """
    # Shares are ratios of counts: a loss of exactly one point must not hang on the last binary digit.
    places = np.flatnonzero(np.nan_to_num(accuracy[0] - accuracy, nan=-1.0) >= loss - 1e-12)
    return int(places[0]) if len(places) and loss > 0 else -1
