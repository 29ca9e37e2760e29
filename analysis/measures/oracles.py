"""What an all-knowing choice among configurations would reach, and what chance alone would. numpy only.

`correct` has axes (picture, configuration) everywhere; column 0 is the network as it is. An oracle is an upper bound:
it rises with the number of guesses, also when they carry no information (Inkawhich et al. 2021 for the oracles; the
chance references, kappa and the exact growth curve are ours, the latter being the estimator of pass@k, Chen et al.
2021).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MOST_SUBSETS = 64
"""Subsets of switch points that are looked at: all of up to six points, else the small ones."""
DRAWN = 1 << 20  # rows that are drawn at a time for an interval
APART = 0.05
"""Difference in accuracy of single guesses above which the oracles of two pools do not compare (ours)."""


@dataclass(frozen=True, slots=True)
class LossOracles:
    """Pictures answered by the configuration of lowest, middle and highest loss.

    Attributes
    ----------
    best, median, worst
        (picture,) the configuration chosen.
    best_accuracy, median_accuracy, worst_accuracy, best_loss, median_loss, worst_loss
        Mean accuracy and loss of those choices.
    """

    best: Integers
    median: Integers
    worst: Integers
    best_accuracy: float
    median_accuracy: float
    worst_accuracy: float
    best_loss: float
    median_loss: float
    worst_loss: float


def any_correct(correct: Bools) -> float:
    """Share of pictures that at least one configuration gets right: the oracle, an upper bound."""
    return float(correct.any(axis=1).mean())


def all_correct(correct: Bools) -> float:
    """Share of pictures that no configuration breaks."""
    return float(correct.all(axis=1).mean())


def loss_order(loss: Floats) -> Integers:
    """Order the configurations of every picture by rising loss, axes (picture, place); NaN comes last."""
    return np.argsort(np.where(np.isnan(loss), np.inf, loss), axis=1, kind="stable")


def chosen_by(loss: Floats) -> tuple[Integers, Integers, Integers]:
    """Choose the configurations of lowest, middle and highest loss of each picture; ties go to the lower index.

    The median is the lower one: sorted place ``floor((K - 1) / 2)``.

    Returns
    -------
    tuple
        (picture,) best, median and worst configuration.
    """
    order = loss_order(loss)
    # The first of the highest losses, not the last.
    worst = np.argmax(np.where(np.isnan(loss), np.inf, loss), axis=1)
    return order[:, 0], order[:, (loss.shape[1] - 1) // 2], worst


def marked_by(loss: Floats) -> tuple[int, int, int]:
    """Best, median and worst configuration of one picture; see :func:`chosen_by`.

    Parameters
    ----------
    loss
        (configuration,).

    Examples
    --------
    >>> marked_by(np.array([0.5, 2.0, 2.0, 0.5]))
    (0, 3, 1)
    """
    best, median, worst = (int(picks[0]) for picks in chosen_by(loss[None]))
    return best, median, worst


def by_loss(correct: Bools, loss: Floats) -> LossOracles:
    """Choose by loss, see :func:`chosen_by`."""
    rows = np.arange(len(loss))
    picks = chosen_by(loss)
    return LossOracles(
        *picks, *(float(correct[rows, pick].mean()) for pick in picks), *(float(loss[rows, p].mean()) for p in picks)
    )


def rank_curve(correct: Bools, loss: Floats) -> Floats:
    """Accuracy of the configuration with the j-th lowest loss of each picture, axes (j,)."""
    return rank_means(correct.astype(np.float64), loss)


def rank_means(values: Floats, loss: Floats) -> Floats:
    """Mean over pictures of a number under the configuration with the j-th lowest loss of each, axes (j,).

    Parameters
    ----------
    values
        (picture, configuration), e.g. the probability of the label.
    """
    means: Floats = np.take_along_axis(values, loss_order(loss), axis=1).mean(axis=0)
    return means


def growth_curve(correct: Bools, sizes: Sequence[int] = ()) -> Floats:
    """Compute the expected oracle of random subsets of k configurations exactly; axes (k,), k = 1..K or `sizes`.

    ``1 - mean_i binom(K - r_i, k) / binom(K, k)`` with r_i right configurations for picture i.

    Examples
    --------
    >>> growth_curve(np.array([[True, False], [False, False]])).tolist()
    [0.25, 0.5]
    """
    total = correct.shape[1]
    wrong = total - correct.sum(axis=1).astype(np.float64)
    missed = np.ones(len(correct))
    curve = np.empty(total)
    for taken in range(total):
        missed = missed * np.maximum(wrong - taken, 0.0) / (total - taken)
        curve[taken] = 1 - missed.mean()
    return curve if not sizes else curve[np.asarray(sizes, dtype=np.int64) - 1]


def first_of_equals(ordered: Integers) -> Bools:
    """Mark the first of every run of equal classes in sorted rows; -1, for scores that are not finite, is no class."""
    first = np.ones(ordered.shape, dtype=bool)
    first[:, 1:] = np.diff(ordered, axis=1) != 0
    return first & (ordered >= 0)


def distinct_answers(prediction: Integers) -> Integers:
    """Count the different classes that the configurations give, axes (picture,); -1 is no answer.

    Examples
    --------
    >>> distinct_answers(np.array([[0, -1, 2], [-1, -1, -1]])).tolist()
    [2, 0]
    """
    counts: Integers = first_of_equals(np.sort(prediction, axis=1)).sum(axis=1)
    return counts


def listed(true_rank: Integers, prediction: Integers) -> Bools:
    """Tell whether the label is in the plain network's list of as many answers as the configurations gave.

    Parameters
    ----------
    true_rank
        (picture,) rank of the label under the network as it is, from 1.
    prediction
        (picture, configuration); where the network as it is gives no answer, it has no list either.
    """
    found: Bools = (true_rank <= distinct_answers(prediction)) & (prediction[:, 0] >= 0)
    return found


def matched_list(true_rank: Integers, prediction: Integers) -> float:
    """Accuracy of the plain network if it may give as many answers for a picture as the configurations gave.

    Parameters
    ----------
    true_rank
        (picture,) rank of the label under the network as it is, from 1.
    prediction
        (picture, configuration).
    """
    return float(listed(true_rank, prediction).mean())


def shuffled_oracle(prediction: Integers, label: Integers) -> float:
    """Compute the expected oracle if labels were dealt out anew: the mean share of labels among the answers."""
    counts = np.bincount(label, minlength=int(prediction.max(initial=0)) + 1).astype(np.float64)
    ordered = np.sort(prediction, axis=1)
    shares = np.where(first_of_equals(ordered), counts[np.maximum(ordered, 0)], 0.0)
    return float(shares.sum(axis=1).mean() / len(label))


def kappa(oracle: float, chance: float) -> float:
    """Chance-corrected oracle ``(O - chance) / (1 - chance)``; NaN if chance reaches everything."""
    return (oracle - chance) / (1 - chance) if chance < 1 else float("nan")


@dataclass(frozen=True, slots=True)
class Rescue:
    """What configurations do for pictures that the plain network gets wrong.

    Attributes
    ----------
    count
        Number of those pictures.
    share, chance
        Share of them with a right configuration; share expected of as many random wrong-to-right guesses.
    corrected
        ``(share - chance) / (1 - chance)``.
    """

    count: int
    share: float
    chance: float
    corrected: float


def rescue(correct: Bools, prediction: Integers, classes: int) -> Rescue:
    """Measure the rescue of pictures that column 0 gets wrong; NaN where there are none."""
    wrong = ~correct[:, 0]
    if not wrong.any():
        return Rescue(0, float("nan"), float("nan"), float("nan"))
    share = float(correct[wrong].any(axis=1).mean())
    # The plain network's own wrong answer is known not to be the label, unless it gave none.
    given = (prediction[wrong, 0] >= 0).astype(np.int64)
    chance = float(((distinct_answers(prediction[wrong]) - given) / np.maximum(classes - given, 1)).mean())
    return Rescue(int(wrong.sum()), share, chance, kappa(share, chance))


def independence_ceiling(correct: Bools) -> float:
    """Oracle of independent configurations of these accuracies, ``1 - prod(1 - a_k)``; for reference only."""
    return float(1 - np.prod(1 - correct.mean(axis=0)))


def duplicates(prediction: Integers, *tables: NDArray[Any]) -> Integers:
    """First configuration that each one repeats: same answers for all pictures, numbers within 1e-6; axes (config.,).

    A configuration that repeats none is its own.

    Parameters
    ----------
    tables
        (picture, configuration) numbers that have to be equal too: the loss, without labels confidence and entropy.
    """
    found = np.arange(prediction.shape[1])
    groups: dict[bytes, list[int]] = {}
    for column in range(prediction.shape[1]):
        alike = groups.setdefault(np.ascontiguousarray(prediction[:, column]).tobytes(), [])
        for other in alike:
            pairs = ((table[:, column], table[:, other]) for table in tables)
            if all(np.allclose(one, two, rtol=1e-6, atol=1e-9, equal_nan=True) for one, two in pairs):
                found[column] = other
                break
        else:
            alike.append(column)
    return found


def told_apart_by(records: Mapping[str, NDArray[Any]]) -> tuple[NDArray[Any], ...]:
    """Numbers that tell configurations with the same answers apart: losses, without labels confidence and entropy."""
    names = ("loss",) if "loss" in records else ("confidence", "entropy")
    return tuple(records[name] for name in names if name in records)


def effective(duplicate_of: Integers) -> Integers:
    """Columns that repeat no earlier one."""
    return np.flatnonzero(duplicate_of == np.arange(len(duplicate_of)))


def known_effective(duplicate_of: NDArray[Any]) -> Integers:
    """Columns that repeat no earlier one as far as a run has said, which it does at its end; before, all of them."""
    known = np.asarray(duplicate_of, dtype=np.int64)
    return effective(known) if bool((known >= 0).all()) else np.arange(len(known))


def only_solver(correct: Bools) -> Integers:
    """Pictures that a configuration alone gets right, axes (configuration,)."""
    counts: Integers = correct[correct.sum(axis=1) == 1].sum(axis=0)
    return counts


def shared_credit(correct: Bools) -> Floats:
    """Sum of 1 / r over the pictures that a configuration gets right; adds up to the covered pictures."""
    right = correct.sum(axis=1)
    weights = np.divide(1.0, right, out=np.zeros(len(right)), where=right > 0)
    credit: Floats = weights @ correct
    return credit


def point_subsets(options: Integers, most: int = MOST_SUBSETS) -> tuple[tuple[tuple[int, ...], Integers], ...]:
    """For subsets of switch points: (points, configurations whose other points are as in the network).

    Parameters
    ----------
    options
        (configuration, point) option numbers.
    most
        Number of subsets above which larger ones are left out; each point alone and all together are always there.
    """
    points = options.shape[1]
    found: list[tuple[tuple[int, ...], Integers]] = []
    for size in range(1, points + 1):
        if 1 < size < points and len(found) + comb(points, size) >= most:
            continue
        for chosen in combinations(range(points), size):
            others = [point for point in range(points) if point not in chosen]
            found.append((chosen, np.flatnonzero((options[:, others] == 0).all(axis=1))))
    return tuple(found)


def rows_by_picture(picture: Integers) -> tuple[Integers, ...]:
    """Rows of every picture, where pictures come several times, by rising numbers of pictures.

    Parameters
    ----------
    picture
        (row,) which picture each row is of.
    """
    number = np.unique(picture, return_inverse=True)[1]
    order = np.argsort(number, kind="stable")
    return tuple(np.split(order, np.cumsum(np.bincount(number))[:-1])) if len(picture) else ()


def bootstrap(
    measure: Callable[[Integers], float],
    count: int,
    resamples: int = 1000,
    seed: int = 0,
    picture: Integers | None = None,
) -> tuple[float, float]:
    """Interval of 95 % over pictures by the percentile bootstrap; paired, as all terms of a measure see the same draw.

    Parameters
    ----------
    measure
        From row numbers, with repetitions, to a number.
    count
        Number of rows.
    picture
        (row,) which picture each row is of, where pictures come several times; they are drawn as wholes.
    """
    rows_of = rows_by_picture(picture) if picture is not None else ()
    drawn = len(rows_of) or count
    if drawn < 2:
        return float("nan"), float("nan")
    random = np.random.RandomState([seed, drawn])
    values = []
    for _ in range(resamples):
        chosen = random.randint(0, drawn, drawn)
        values.append(measure(np.concatenate([rows_of[at] for at in chosen]) if rows_of else chosen))
    return _middle(np.array(values))


def _middle(values: Floats) -> tuple[float, float]:
    """Return the ends of the middle 95 %."""
    low, high = np.nanpercentile(values, [2.5, 97.5]) if np.isfinite(values).any() else (np.nan, np.nan)
    return float(low), float(high)


def mean_interval(
    values: Floats, resamples: int = 1000, seed: int = 0, picture: Integers | None = None
) -> tuple[float, float]:
    """Bootstrap interval of the mean of a number per picture, such as a difference of two oracles.

    The draws are those of :func:`bootstrap`, many at a time.

    Parameters
    ----------
    picture
        (row,) which picture each row is of, where pictures come several times; they are drawn as wholes.
    """
    sums, weights = values, np.ones(len(values))
    if picture is not None:
        number = np.unique(picture, return_inverse=True)[1]
        sums = np.asarray(np.bincount(number, weights=values), dtype=np.float64)
        weights = np.bincount(number).astype(np.float64)
    count = len(sums)
    if count < 2:
        return float("nan"), float("nan")
    random = np.random.RandomState([seed, count])
    at_once = max(1, DRAWN // count)
    sizes = (min(at_once, resamples - first) for first in range(0, resamples, at_once))
    means = []
    for size in sizes:
        chosen = random.randint(0, count, (size, count))
        means.append(sums[chosen].sum(axis=1) / weights[chosen].sum(axis=1))
    return _middle(np.concatenate(means))


def beyond_list(correct: Bools, true_rank: Integers, prediction: Integers) -> Floats:
    """Per picture: the oracle less the plain network's list of equal length. Its mean is the part that is new."""
    return correct.any(axis=1).astype(np.float64) - listed(true_rank, prediction)


def missed_by_subsets(correct: Bools, size: int) -> Floats:
    """Per picture: chance that none of `size` random configurations is right. 1 - its mean is the growth curve."""
    total = correct.shape[1]
    wrong = total - correct.sum(axis=1).astype(np.float64)
    taken = np.arange(size)
    factors = np.maximum(wrong[:, None] - taken, 0.0) / (total - taken)
    product: Floats = factors.prod(axis=1)
    return product


def matched(single: float, wanted: float) -> bool:
    """Tell whether guesses of two pools are about as accurate, within five points, so that oracles compare (ours).

    Parameters
    ----------
    single, wanted
        Accuracy of one guess of either pool; what is not known (NaN) is taken to be matched.

    Examples
    --------
    >>> matched(0.52, 0.5), matched(0.609, 0.097)
    (True, False)
    """
    return not abs(single - wanted) > APART
