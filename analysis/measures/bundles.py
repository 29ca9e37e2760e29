"""Looking into bundles: who is in them, who meets whom and where, and how they grow from layer to layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.measures.partitions import Ids, Integers, entropies, label_counts

MOST_FLOWS = 30


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """One bundle of a layer.

    Attributes
    ----------
    id, size
        Its number; pictures in it.
    entropy
        Label entropy in nats, 0 if all labels are the same.
    contribution
        What it adds to the layer's bundle entropy: size · entropy / pictures.
    labels
        (classes,) pictures of each label.
    """

    id: int
    size: int
    entropy: float
    contribution: float
    labels: Integers


def bundle_table(ids: Ids, labels: Integers, classes: int, least: int = 2) -> tuple[Bundle, ...]:
    """Bundles of at least `least` pictures, those that contribute most first, then the larger ones.

    Parameters
    ----------
    ids, labels
        (pictures,) bundle of each picture, -1 for none; its label.
    classes
        Number of labels there are.
    """
    counts = label_counts(ids, labels, classes)
    sizes, within = counts.sum(axis=1), entropies(counts)
    total = max(int(sizes.sum()), 1)
    order = sorted(range(len(sizes)), key=lambda b: (-sizes[b] * within[b], -sizes[b], b))
    return tuple(
        Bundle(b, int(sizes[b]), float(within[b]), float(sizes[b] * within[b] / total), counts[b])
        for b in order
        if sizes[b] >= least
    )


def members(ids: Ids, bundle: int) -> Integers:
    """Positions of the pictures in a bundle, ascending."""
    return np.flatnonzero(ids == bundle).astype(np.int64)


def bundles_of(ids: Ids, samples: NDArray[np.integer]) -> tuple[tuple[int, Integers], ...]:
    """Bundles in which given pictures are at a layer: ("same images at the next point"), largest share first.

    Returns
    -------
    tuple[tuple[int, Integers], ...]
        (bundle, those of the given pictures that are in it); pictures without a bundle are left out.
    """
    own = ids[samples]
    found = [(int(b), np.asarray(samples)[own == b].astype(np.int64)) for b in np.unique(own[own >= 0])]
    return tuple(sorted(found, key=lambda item: (-len(item[1]), item[0])))


def first_merge(ids: NDArray[np.int32], labels: Integers, classes: int) -> tuple[NDArray[np.int32], Integers]:
    """Tell for each pair of classes where their pictures first share a bundle.

    Parameters
    ----------
    ids
        Axes (point, picture), -1 for none.
    labels
        (pictures,) their labels.
    classes
        Number of labels there are.

    Returns
    -------
    tuple[NDArray[np.int32], Integers]
        (class, class) first point, -1 for never; (class, class) pairs of pictures merged there, 0 for none. On the
        diagonal: pictures of one class.

    Examples
    --------
    >>> first, pairs = first_merge(np.array([[0, 1, 2], [0, 0, 1]], dtype=np.int32), np.array([0, 1, 1]), 2)
    >>> first.tolist(), pairs.tolist()
    ([[-1, 1], [1, -1]], [[0, 1], [1, 0]])
    """
    first: NDArray[np.int32] = np.full((classes, classes), -1, dtype=np.int32)
    pairs: Integers = np.zeros((classes, classes), dtype=np.int64)
    for point, own in enumerate(ids):
        met = merged_pairs(own, labels, classes)
        new = (first < 0) & (met > 0)
        first[new], pairs[new] = point, met[new]
    return first, pairs


def merged_pairs(ids: Ids, labels: Integers, classes: int) -> Integers:
    """Pairs of pictures that share a bundle, axes (class, class); pairs within a class stand on the diagonal."""
    known = np.flatnonzero(ids >= 0)
    sizes = np.bincount(ids[known]) if len(known) else np.zeros(0, dtype=np.int64)
    rows = known[sizes[ids[known]] > 1]  # who is alone meets nobody
    pairs: Integers = np.zeros((classes, classes), dtype=np.int64)
    if len(rows):
        _, own = np.unique(ids[rows], return_inverse=True)
        counts = np.bincount(own * classes + labels[rows], minlength=(int(own.max()) + 1) * classes)
        # Whole numbers below 2^53: the product in doubles is exact, and many times as fast.
        table = counts.reshape(-1, classes).astype(np.float64)
        pairs = np.rint(table.T @ table).astype(np.int64)
        same = np.bincount(labels[rows], minlength=classes)
        np.fill_diagonal(pairs, (np.diagonal(pairs) - same) // 2)
    return pairs


def first_shared(ids: NDArray[np.int32], samples: NDArray[np.integer]) -> int:
    """First point at which all of the given pictures are in one bundle, -1 for never. `ids`: axes (point, picture)."""
    own = ids[:, samples]
    together = np.all((own == own[:, :1]) & (own >= 0), axis=1)
    places = np.flatnonzero(together)
    return int(places[0]) if len(places) else -1


@dataclass(frozen=True, slots=True)
class Flow:
    """Pictures that go from one bundle to one of the next point.

    Attributes
    ----------
    source, target
        Bundles of the two points.
    count
        Pictures.
    splits
        True if pictures of the source go to several bundles: what was equal has become different again.
    """

    source: int
    target: int
    count: int
    splits: bool


def flows(before: Ids, after: Ids, least: int = 2, most: int = MOST_FLOWS) -> tuple[Flow, ...]:
    """How pictures go from bundles of one point to those of the next, largest targets first.

    Parameters
    ----------
    before, after
        (pictures,) bundles at the two points.
    least
        Pictures that the source or the target must have.
    most
        Number of target bundles that are kept, and of sources per target; smaller ones are left out.
    """
    known = (before >= 0) & (after >= 0)
    pairs, counts = np.unique(np.stack([before[known], after[known]]), axis=1, return_counts=True)
    sources, targets = pairs.astype(np.int64)
    size_before, size_after = np.bincount(before[known]), np.bincount(after[known])
    ways = np.bincount(sources)
    keep = np.flatnonzero((size_before[sources] >= least) | (size_after[targets] >= least))
    order = sorted(keep, key=lambda i: (-size_after[targets[i]], targets[i], -counts[i], sources[i]))
    found: dict[int, list[Flow]] = {}
    for i in order:
        target = int(targets[i])
        if target in found or len(found) < most:
            found.setdefault(target, []).append(
                Flow(int(sources[i]), target, int(counts[i]), bool(ways[sources[i]] > 1))
            )
    return tuple(flow for group in found.values() for flow in group[:most])


def remaining_blocks(counts: tuple[int, ...], entropy: tuple[float, ...], keep_clean: bool = False) -> tuple[int, ...]:
    """Blocks that one step of auto-tune leaves in each type of block.

    Looks at the first type that holds a conflicting block, and at that type only. The rule of the paper keeps the
    blocks before the first conflicting one; the current reference code keeps all that do not conflict.

    Parameters
    ----------
    counts
        Blocks of each type, in order.
    entropy
        Bundle entropy of each block, in order.
    keep_clean
        True for the rule of the reference code.

    Examples
    --------
    >>> remaining_blocks((2, 3), (0, 0, 0.2, 0, 0.2)), remaining_blocks((2, 3), (0, 0, 0.2, 0, 0.2), keep_clean=True)
    ((2, 0), (2, 1))
    """
    begin = 0
    for kind, count in enumerate(counts):
        conflict = [value > 0 for value in entropy[begin : begin + count]]
        if any(conflict):
            left = conflict.count(False) if keep_clean else conflict.index(True)
            return (*counts[:kind], left, *counts[kind + 1 :])
        begin += count
    return counts
