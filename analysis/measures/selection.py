"""Choosing configurations without knowing the answer: groups, small sets, rules without labels. numpy only.

Whatever is fitted is fitted on one half of the pictures and reported on the other. The grouped static gain and its
controls are ours; most confident choice, and the choice by loss, are in the public code of M. Inkawhich (2020).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from analysis.measures.oracles import Bools, Floats, Integers, by_loss

FEWEST = 40  # pictures of a group below which it keeps the network as it is
SPLITS = 50


def halves(strata: Integers, seed: int, picture: Integers | None = None) -> tuple[Integers, Integers]:
    """Split pictures in two halves, evenly within each stratum.

    Parameters
    ----------
    strata
        (row,) group or class of each row; a picture of several rows is in the stratum of its first one.
    picture
        (row,) which picture each row is of, where pictures come several times; all rows of one are in the same half.

    Returns
    -------
    tuple
        Rows to choose on, rows to report on, both ascending.
    """
    if picture is not None:
        _, starts, number = np.unique(picture, return_index=True, return_inverse=True)
        inside = np.isin(number, halves(strata[starts], seed)[0])
        return np.flatnonzero(inside), np.flatnonzero(~inside)
    random = np.random.RandomState([seed, len(strata)])
    first: list[Integers] = []
    odd = 0
    for value in np.unique(strata):
        rows = random.permutation(np.flatnonzero(strata == value))
        cut = (len(rows) + odd) // 2
        odd = (odd + len(rows)) % 2
        first.append(rows[:cut])
    chosen = np.zeros(len(strata), dtype=bool)
    chosen[np.concatenate(first) if first else []] = True
    return np.flatnonzero(chosen), np.flatnonzero(~chosen)


def pictures_in(groups: Integers, picture: Integers | None = None) -> dict[int, int]:
    """Count the pictures of every group, each once; of rows if pictures come once."""
    found = {}
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        found[int(group)] = len(rows) if picture is None else len(np.unique(picture[rows]))
    return found


def quantile_groups(values: Floats, count: int = 5) -> Integers:
    """Divide pictures into groups of about equal size by a number each has, axes (picture,); NaN makes group -1."""
    found = np.full(len(values), -1, dtype=np.int64)
    known = np.flatnonzero(np.isfinite(values))
    inner = np.quantile(values[known], np.linspace(0, 1, count + 1)[1:-1]) if len(known) else np.empty(0)
    found[known] = np.searchsorted(inner, values[known], side="right")
    return found


@dataclass(frozen=True, slots=True)
class StaticGain:
    """Accuracy gained by one fixed configuration per group, over the network as it is.

    Attributes
    ----------
    gain, low, high
        Mean over random splits, and the range of 95 % of them; NaN if no group has 40 pictures.
    shuffled, shuffled_low, shuffled_high
        The same with groups dealt out at random: what choosing alone gives.
    chosen
        Group to the configuration it chooses most often.
    """

    gain: float
    low: float
    high: float
    shuffled: float
    shuffled_low: float
    shuffled_high: float
    chosen: Mapping[int, int] = field(default_factory=dict)


def static_gain(
    correct: Bools, groups: Integers, splits: int = SPLITS, seed: int = 0, picture: Integers | None = None
) -> StaticGain:
    """Choose one configuration per group on one half and score it on the other, over many splits.

    The third control is the same measure on a pool of jittered copies, see the method `chance_pools`. Groups of fewer
    than 40 pictures keep the network as it is; if all do, there is nothing to measure, which is not a gain of zero.

    Parameters
    ----------
    correct
        (row, configuration).
    groups
        (row,) group of each; must not come from the network or from the labels.
    picture
        (row,) which picture each row is of, where pictures come several times; halves are drawn among pictures.
    """
    large = tuple(group for group, count in pictures_in(groups, picture).items() if count >= FEWEST)
    if not large:
        return StaticGain(*(float("nan"),) * 6)
    real, control = [], []
    votes: dict[int, dict[int, int]] = {}
    random = np.random.RandomState([seed, 1])
    for split in range(splits):
        gain, chosen = _one_split(correct, groups, large, seed * splits + split, picture)
        real.append(gain)
        for group, pick in chosen.items():
            votes.setdefault(group, {})[pick] = votes.get(group, {}).get(pick, 0) + 1
        shuffled = random.permutation(groups)
        control.append(_one_split(correct, shuffled, large, seed * splits + split, picture)[0])
    modal = {group: max(sorted(counts), key=lambda pick: counts[pick]) for group, counts in votes.items()}
    return StaticGain(*_spread(real), *_spread(control), chosen=modal)


def _one_split(
    correct: Bools, groups: Integers, large: tuple[int, ...], seed: int, picture: Integers | None
) -> tuple[float, dict[int, int]]:
    select, report = halves(groups, seed, picture)
    scores, chosen = correct[report, 0].astype(np.float64), {}
    for group in large:
        pick = int(np.argmax(correct[select[groups[select] == group]].mean(axis=0)))
        here = groups[report] == group
        scores[here] = correct[report[here], pick]
        chosen[group] = pick
    return float(scores.mean() - correct[report, 0].mean()), chosen


def _spread(values: Sequence[float]) -> tuple[float, float, float]:
    low, high = np.percentile(values, [2.5, 97.5])
    return float(np.mean(values)), float(low), float(high)


def best_static(
    correct: Bools, splits: int = SPLITS, seed: int = 0, picture: Integers | None = None
) -> tuple[float, float, float]:
    """Accuracy of the single configuration that is best on one half, on the other: mean and 95 % range of splits.

    Parameters
    ----------
    picture
        (row,) which picture each row is of, where pictures come several times; NaN for a single picture.
    """
    if (len(correct) if picture is None else len(np.unique(picture))) < 2:
        return (float("nan"),) * 3
    found = []
    for split in range(splits):
        select, report = halves(np.zeros(len(correct), dtype=np.int64), seed * splits + split, picture)
        found.append(float(correct[report, int(np.argmax(correct[select].mean(axis=0)))].mean()))
    return _spread(found)


@dataclass(frozen=True, slots=True)
class Cover:
    """A small set of configurations, in the order in which they were added.

    Attributes
    ----------
    chosen
        Configurations.
    gains
        Pictures that each adds on the half it was chosen on.
    selected, reported
        Oracle of the first n of them, on the half they were chosen on and on the other.
    """

    chosen: tuple[int, ...]
    gains: tuple[int, ...]
    selected: tuple[float, ...]
    reported: tuple[float, ...]


def greedy_cover(
    correct: Bools,
    macs: Integers | None = None,
    share: float = 0.99,
    from_own: bool = True,
    select: Integers | None = None,
    report: Integers | None = None,
) -> Cover:
    """Add the configuration that makes most still wrong pictures right, until the oracle's share is reached.

    Ties go to fewer multiply-adds, then to the lower index. Reaches at least 1 - 1/e of the best cover of its size.

    Parameters
    ----------
    macs
        (configuration,) multiply-adds, for ties.
    from_own
        Begin with the network as it is.
    select, report
        Rows to choose on and to report on; all rows for both if not given.
    """
    rows = np.arange(len(correct)) if select is None else select
    other = rows if report is None else report
    cost = np.zeros(correct.shape[1]) if macs is None else np.asarray(macs, dtype=np.float64)
    target = share * correct[rows].any(axis=1).sum()
    done, seen = np.zeros(len(rows), dtype=bool), np.zeros(len(other), dtype=bool)
    chosen: list[int] = []
    gains: list[int] = []
    selected: list[float] = []
    reported: list[float] = []
    while len(chosen) < correct.shape[1]:
        added = correct[rows][~done].sum(axis=0)
        pick = 0 if from_own and not chosen else int(np.lexsort((cost, -added))[0])
        if chosen and (added[pick] == 0 or done.sum() >= target):
            break
        done |= correct[rows, pick]
        seen |= correct[other, pick]
        chosen.append(pick)
        gains.append(int(added[pick]))
        selected.append(float(done.mean()))
        reported.append(float(seen.mean()))
    return Cover(tuple(chosen), tuple(gains), tuple(selected), tuple(reported))


@dataclass(frozen=True, slots=True)
class Policy:
    """A rule that chooses among configurations.

    Attributes
    ----------
    name
        "network as it is", "best static", "most confident", …
    accuracy
        On the half that nothing was fitted on.
    gap_closed
        ``(accuracy - own) / (oracle - own)``, NaN if the oracle gains nothing.
    macs
        Mean multiply-adds of a picture, NaN where they are not given. A rule that compares configurations pays for all.
    """

    name: str
    accuracy: float
    gap_closed: float
    macs: float


def policies(
    correct: Bools,
    scores: Mapping[str, Floats],
    label: Integers,
    pooled: Mapping[str, Integers],
    macs: Integers | None = None,
    seed: int = 0,
    tree_macs: float = float("nan"),
    picture: Integers | None = None,
) -> tuple[Policy, ...]:
    """Score the rules that need no label, on the half of the pictures that nothing was fitted on.

    Parameters
    ----------
    scores
        "confidence", "entropy" and "margin", axes (picture, configuration).
    label
        (picture,) true classes.
    pooled
        Name of a rule to the answers it gives, axes (picture,): mean of probabilities, majority vote.
    macs, tree_macs
        (configuration,) multiply-adds of each, and of all together where prefixes are shared.
    picture
        (row,) which picture each row is of, where pictures come several times.
    """
    select, report = halves(label, seed, picture)
    own = float(correct[report, 0].mean())
    oracle = float(correct[report].any(axis=1).mean())
    cost = np.full(correct.shape[1], np.nan) if macs is None else np.asarray(macs, dtype=np.float64)
    everything = tree_macs if np.isfinite(tree_macs) else float(cost.sum())

    def made(name: str, right: Bools, price: float) -> Policy:
        accuracy = float(right.mean())
        gap = (accuracy - own) / (oracle - own) if oracle > own else float("nan")
        return Policy(name, accuracy, gap, price)

    def chosen(picks: Integers) -> Bools:
        return correct[report, picks]

    static = int(np.argmax(correct[select].mean(axis=0)))
    found = [
        made("network as it is", correct[report, 0], float(cost[0])),
        made("best static", correct[report, static], float(cost[static])),
        made("most confident", chosen(_first(scores["confidence"][report], largest=True)), everything),
        made("least entropy", chosen(_first(scores["entropy"][report], largest=False)), everything),
        made("largest margin", chosen(_first(scores["margin"][report], largest=True)), everything),
        *(made(name, answers[report] == label[report], everything) for name, answers in pooled.items()),
    ]
    picks, stay = cascade(correct, scores["confidence"], scores["entropy"], select, report)
    price = float(np.where(stay, cost[0], everything).mean())
    return (
        *found,
        made("cascade", chosen(picks), price),
        made("oracle (upper bound)", np.asarray(correct[report].any(axis=1)), everything),
    )


def _first(values: Floats, largest: bool) -> Integers:
    known = np.where(np.isnan(values), -np.inf, values if largest else -values)
    picks: Integers = np.argmax(known, axis=1)
    return picks


def cascade(
    correct: Bools, confidence: Floats, entropy: Floats, select: Integers, report: Integers
) -> tuple[Integers, Bools]:
    """Stay with the network as it is where it is confident enough, else take the configuration of least entropy.

    The threshold is the one that is best on the selection half; of equals the lowest, which is the cheapest.

    Returns
    -------
    tuple
        Choice and whether it stayed, for the report half.
    """
    least = _first(entropy, largest=False)
    own = np.nan_to_num(confidence[:, 0], nan=0.0)
    levels = np.unique(np.concatenate(([0.0], own[select], [np.inf])))
    right = np.where(own[select] >= levels[:, None], correct[select, 0], correct[select, least[select]])
    stay = own[report] >= levels[int(np.argmax(right.mean(axis=1)))]
    return np.where(stay, 0, least[report]), stay


def choice_shares(correct: Bools, loss: Floats, options: Integers, point: int) -> dict[str, Floats]:
    """How often each option of a switch point is chosen, and how often it could have been.

    Parameters
    ----------
    options
        (configuration, point) option numbers.

    Returns
    -------
    dict
        "best", "median", "worst": shares of the choices by loss; "opportunity": shares if each picture spread one vote
        evenly over its right configurations; "preference": best over opportunity. Axes (option,).
    """
    own = options[:, point]
    count = int(own.max()) + 1
    found = by_loss(correct, loss)
    right = correct.sum(axis=1, keepdims=True)
    votes = np.divide(correct, right, out=np.zeros(correct.shape), where=right > 0).sum(axis=0)
    opportunity = np.bincount(own, weights=votes, minlength=count)
    opportunity = opportunity / opportunity.sum() if opportunity.sum() else opportunity
    shares: dict[str, Floats] = {
        name: np.bincount(own[picks], minlength=count) / len(picks)
        for name, picks in (("best", found.best), ("median", found.median), ("worst", found.worst))
    }
    covered = correct.any(axis=1)
    best = np.bincount(own[found.best[covered]], minlength=count) / max(int(covered.sum()), 1)
    ratio = np.divide(best, opportunity, out=np.full(count, np.nan), where=opportunity > 0)
    return shares | {"opportunity": opportunity, "preference": ratio}


def pareto_front(macs: Integers, accuracy: Floats) -> Integers:
    """Find the configurations that none beats in both cost and accuracy, by rising cost.

    Examples
    --------
    >>> pareto_front(np.array([3, 1, 2, 4]), np.array([0.5, 0.2, 0.1, 0.5])).tolist()
    [1, 0]
    """
    best, front = -np.inf, []
    for index in np.lexsort((np.arange(len(macs)), -accuracy, macs)):
        if accuracy[index] > best:
            front.append(int(index))
            best = accuracy[index]
    return np.asarray(front, dtype=np.int64)


def agreement(prediction: Integers) -> Floats:
    """Share of pictures that two configurations answer alike, axes (configuration, configuration).

    -1, for scores that are not finite, is no answer and like none; a configuration without any answer is like itself
    in nothing.
    """
    count = prediction.shape[1]
    found = np.empty((count, count))
    given = prediction >= 0
    for column in range(count):
        found[column] = ((prediction == prediction[:, column : column + 1]) & given).mean(axis=0)
    return found


def double_fault(correct: Bools, first: int, second: int) -> float:
    """Share of pictures that two configurations both get wrong."""
    return float((~correct[:, first] & ~correct[:, second]).mean())


def rank_correlation(first: Floats, second: Floats) -> float:
    """Spearman's correlation, ties at their mean rank; NaN if one of them does not vary."""
    ranks = [_ranks(values) for values in (first, second)]
    spread = [values.std() for values in ranks]
    if min(spread) == 0:
        return float("nan")
    return float(np.mean((ranks[0] - ranks[0].mean()) * (ranks[1] - ranks[1].mean())) / (spread[0] * spread[1]))


def _ranks(values: Floats) -> Floats:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    mean: Floats = (ends - counts + ends - 1) / 2
    return mean[place]
