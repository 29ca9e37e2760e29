"""Partitions of pictures into bundles: pictures that a layer cannot tell apart, and how much their labels disagree.

Everything here works on ids, one number per picture and layer, so that it can be computed again from a stored result.
An id of -1 means that the picture has none: its values are not finite, or it could not be read. Entropies are in nats.
Source: Peer et al., "Conflicting Bundles", WACV 2021, and the authors' reference code, for bundles, conflict and bundle
entropy; the other counts and the onset are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int32]
Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Summary:
    """One layer in numbers.

    Attributes
    ----------
    bundles
        Number of bundles; a picture alone is one as well.
    entropy
        Mean over pictures of the label entropy of their bundle, in nats. Above 0: a conflicting layer.
    entropy_ratio
        The same as a share of the label entropy of all pictures; NaN if these have one label only.
    conflicting_bundles, samples_in_conflict
        Bundles with at least two labels, and the pictures in them.
    samples_bundled
        Pictures that are not alone.
    largest_bundle
        Pictures in the largest bundle.
    error_floor
        Share of pictures that any classifier on top must get wrong: those not of their bundle's most frequent label.
    """

    bundles: int
    entropy: float
    entropy_ratio: float
    conflicting_bundles: int
    samples_in_conflict: int
    samples_bundled: int
    largest_bundle: int
    error_floor: float


def partition(keys: NDArray[np.generic], known: NDArray[np.bool_] | None = None) -> Ids:
    """Give distinct rows numbers by first appearance.

    Parameters
    ----------
    keys
        Axes (picture, word), any type that compares for equality; or (picture,).
    known
        (pictures,) False for pictures that belong to no bundle.

    Returns
    -------
    Ids
        (pictures,) int32, -1 where not known.

    Examples
    --------
    >>> partition(np.array([[7, 1], [3, 0], [7, 1]])).tolist()
    [0, 1, 0]
    """
    ids: Ids = np.full(len(keys), -1, dtype=np.int32)
    rows = np.arange(len(keys)) if known is None else np.flatnonzero(known)
    if not len(rows):
        return ids
    table = keys[rows].reshape(len(rows), -1)
    order = np.lexsort(table.T[::-1])
    new = np.concatenate(([True], np.any(table[order[1:]] != table[order[:-1]], axis=1)))
    groups = np.empty(len(rows), dtype=np.int64)
    groups[order] = np.cumsum(new) - 1
    # A stable sort puts the first appearance of each group first.
    first = order[new]
    ids[rows] = np.argsort(np.argsort(first))[groups]
    return ids


def merged(shards: Sequence[NDArray[np.generic]]) -> Ids:
    """Return the bundles of several shards together, from the keys of each: as of one run over all in this order.

    Keys of different routes (see :mod:`analysis.bundling.keys`) do not compare; ids of different runs never do.
    """
    return partition(np.concatenate([shard.reshape(len(shard), int(np.prod(shard.shape[1:]))) for shard in shards]))


def label_counts(ids: Ids, labels: Integers, classes: int) -> Integers:
    """Labels in each bundle, axes (bundle, class).

    Raises
    ------
    ValueError
        If a label is outside 0..classes-1.
    """
    known = ids >= 0
    own, marks = ids[known].astype(np.int64), labels[known].astype(np.int64)
    if len(marks) and (int(marks.min()) < 0 or int(marks.max()) >= classes):
        raise ValueError(f"labels reach from {marks.min()} to {marks.max()}, outside 0..{classes - 1}")
    bundles = int(own.max()) + 1 if len(own) else 0
    return np.bincount(own * classes + marks, minlength=bundles * classes).reshape(bundles, classes)


def entropies(counts: NDArray[np.integer]) -> Floats:
    """Label entropy of each row of counts, in nats; 0 ln 0 is 0.

    Examples
    --------
    >>> entropies(np.array([[2, 2], [3, 0]])).round(6).tolist()
    [0.693147, 0.0]
    """
    sizes = counts.sum(axis=-1, keepdims=True)
    shares = counts / np.maximum(sizes, 1)
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    return np.asarray(np.abs(np.sum(shares * logs, axis=-1)))


def label_entropy(labels: Integers) -> float:
    """Entropy of the labels of all pictures, in nats: the largest bundle entropy there can be."""
    _, counts = np.unique(labels, return_counts=True)
    return float(entropies(counts)) if len(labels) else float("nan")


def summarise(ids: Ids, labels: Integers, classes: int) -> Summary:
    """Read all numbers of one layer off its bundles; without any picture they are NaN and 0.

    Parameters
    ----------
    ids, labels
        (pictures,) bundle of each picture, -1 for none; its label.
    classes
        Number of labels there are.
    """
    known = ids >= 0
    count = int(known.sum())
    if not count:
        return Summary(0, float("nan"), float("nan"), 0, 0, 0, 0, float("nan"))
    table = _compact(ids, labels, classes)
    sizes = table.sum(axis=1)
    entropy = float((sizes * entropies(table)).sum() / count)
    most = label_entropy(labels[known])
    conflict = np.count_nonzero(table, axis=1) > 1
    return Summary(
        len(sizes),
        entropy,
        entropy / most if most > 0 else float("nan"),
        int(conflict.sum()),
        int(sizes[conflict].sum()),
        int(sizes[sizes > 1].sum()),
        int(sizes.max()),
        1 - float(table.max(axis=1).sum()) / count,
    )


def _compact(ids: Ids, labels: Integers, classes: int) -> Integers:
    """Label counts with the classes that occur only: a table of 2,048 bundles x 1,000 classes is mostly zeros."""
    known = ids >= 0
    marks = labels[known]
    if int(marks.min()) < 0 or int(marks.max()) >= classes:
        raise ValueError(f"labels reach from {marks.min()} to {marks.max()}, outside 0..{classes - 1}")
    present, compact = np.unique(marks, return_inverse=True)
    return label_counts(ids[known], compact, len(present))


def in_conflict(ids: Ids, labels: Integers) -> bool:
    """Tell whether two pictures with different labels share a bundle."""
    known = ids >= 0
    own, marks = ids[known], labels[known]
    low = np.full(int(own.max()) + 1 if len(own) else 0, np.iinfo(np.int64).max)
    high = np.full(len(low), np.iinfo(np.int64).min)
    np.minimum.at(low, own, marks)
    np.maximum.at(high, own, marks)
    return bool(np.any(high > low))


def onset(entropy: Floats) -> int:
    """Index of the first conflicting layer, -1 if there is none. NaN is no conflict, and no proof of its absence."""
    places = np.flatnonzero(np.nan_to_num(entropy) > 0)
    return int(places[0]) if len(places) else -1


def increments(entropy: Floats) -> Floats:
    """Entropy that each layer adds to the one before, NaN for the first."""
    return np.concatenate(([np.nan], np.diff(entropy)))


def time_average(entropy: Floats) -> Floats:
    """Mean over checkpoints (first axis), leaving out what is not known; NaN where nothing is."""
    known = np.isfinite(entropy)
    total = np.where(known, entropy, 0).sum(axis=0)
    count = known.sum(axis=0)
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))


def shares(ids: Ids, labels: Integers, classes: int) -> tuple[float, float, float]:
    """Shares of pictures that are alone, in bundles of one label, and in conflict."""
    found = summarise(ids, labels, classes)
    count = int((ids >= 0).sum())
    if not count:
        return float("nan"), float("nan"), float("nan")
    conflict, bundled = found.samples_in_conflict / count, found.samples_bundled / count
    return 1 - bundled, bundled - conflict, conflict
