"""What statistics say about the channels of a layer: which are dead, constant, or say the same as another one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ALIVE, DEAD, CONSTANT = range(3)
SAME = 1e-6
"""Range of a channel, relative to its largest magnitude, up to which it counts as one value."""
ENOUGH = 30
"""Observations below which correlations say nothing, and no duplicates are told. Our own choice."""


def states(low: Floats, high: Floats) -> NDArray[np.uint8]:
    """Tell which channels are dead (zero everywhere) or constant (one other value everywhere).

    Parameters
    ----------
    low, high
        (channel,) least and largest value at any position of any picture.

    Returns
    -------
    NDArray[np.uint8]
        (channel,) :data:`ALIVE`, :data:`DEAD` or :data:`CONSTANT`.

    Examples
    --------
    >>> states(np.array([0.0, 2.0, -1.0]), np.array([0.0, 2.0, 5.0])).tolist()
    [1, 2, 0]
    """
    found = np.full(low.shape, ALIVE, dtype=np.uint8)
    largest = np.maximum(np.abs(low), np.abs(high))
    found[high - low <= SAME * largest] = CONSTANT
    found[largest == 0] = DEAD
    return found


def correlations(products: Floats, sums: Floats, count: int) -> Floats:
    """Turn second moments into Pearson correlations; 0 where a channel does not vary.

    Parameters
    ----------
    products
        (channel, channel) sums of products over the observations.
    sums
        (channel,) sums over the observations.
    count
        Number of observations.
    """
    if count < 2:
        return np.zeros_like(products)
    mean = sums / count
    covariance = products / count - np.outer(mean, mean)
    variance = np.diag(covariance).copy()
    # What is left of a constant after rounding is no variation.
    alive = variance > 1e-12 * np.maximum(np.diag(products) / count, 1e-300)
    scale = np.zeros_like(variance)
    scale[alive] = 1 / np.sqrt(variance[alive])
    return np.clip(covariance * np.outer(scale, scale), -1.0, 1.0)


def duplicates(correlation: Floats, tolerance: float) -> tuple[Ints, Floats]:
    """Find for every channel the first one that says the same, up to a factor and an offset.

    Parameters
    ----------
    correlation
        (channel, channel).
    tolerance
        Magnitude of the correlation from which two channels count as one.

    Returns
    -------
    tuple
        (channel,) number of the first such channel, its own if there is none before it; (channel,) the correlation
        with it, 1 for itself. A negative one means that the channel is the other one turned over.

    Examples
    --------
    >>> first, value = duplicates(np.array([[1.0, -1.0], [-1.0, 1.0]]), 0.999)
    >>> first.tolist(), value.tolist()
    ([0, 0], [1.0, -1.0])
    """
    size = len(correlation)
    alike = np.abs(correlation) >= tolerance
    alike[np.diag_indices(size)] = True
    first = np.argmax(alike, axis=1).astype(np.int64)
    value = correlation[np.arange(size), first].copy()
    value[first == np.arange(size)] = 1.0
    return first, value


def groups_of(first: Ints) -> list[tuple[int, ...]]:
    """List the channels that say the same, each group in ascending order, as :func:`duplicates` found them."""
    found: dict[int, list[int]] = {}
    for channel, leader in enumerate(first.tolist()):
        if leader >= 0:
            found.setdefault(leader, []).append(channel)
    return [tuple(sorted({leader, *rest})) for leader, rest in found.items() if len({leader, *rest}) > 1]


def by_strength(strength: Floats) -> Ints:
    """Order channels by their strength, largest first; equal ones and missing ones by number, missing last."""
    return np.argsort(-np.nan_to_num(strength, nan=-np.inf), kind="stable").astype(np.int64)


def block_side(size: int, most: int) -> int:
    """Side of the blocks that are averaged so that at most `most` of them lie along `size` pixels.

    Examples
    --------
    >>> block_side(112, 64), block_side(7, 64)
    (2, 1)
    """
    return max(1, -(-size // max(most, 1)))
