"""Which positions of a feature map are read, the same in every run and on every machine. numpy only."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def sampled_positions(seed: int, height: int, width: int, indices: Iterable[int], count: int = 16) -> NDArray[np.int64]:
    """Draw positions without replacement for each picture, the same for all layers with maps of equal size.

    ``RandomState([seed, height, width, index]).choice(height * width, count, replace=False)`` for the picture with
    that index in its data set, so that neither batch nor order of the pictures matters.

    Parameters
    ----------
    seed
        Seed of the run.
    height, width
        Size of the feature map.
    indices
        Indices of the pictures in the data set.
    count
        Positions per picture, at most ``height * width``.

    Returns
    -------
    NDArray[np.int64]
        Row-major positions, axes (picture, position).
    """
    state = np.random.RandomState()
    rows = []
    for index in indices:
        state.seed([seed, height, width, index])  # a new RandomState costs twenty times as much
        rows.append(state.choice(height * width, count, replace=False))
    return np.asarray(rows, dtype=np.int64).reshape(-1, count)


def picture_order(seed: int, count: int) -> NDArray[np.int64]:
    """Seeded order of the pictures, so that any contiguous part of them is a random sample."""
    return np.random.RandomState([seed]).permutation(count).astype(np.int64)
