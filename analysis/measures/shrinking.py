"""Shrinking by one global threshold on scores (LW-DNA): masks, the exact search for a budget, what chance would give.

Li, Li, Danelljan, Zhang, Gu, Van Gool and Timofte, "The Heterogeneity Hypothesis: Finding Layer-Wise Differentiated
Network Architectures", CVPR 2021. A latent is a vector with one element per class of channels of the widened network.
Floors are those of the released code: a share of the *widened* length. The search is exact and ours; the published
one steps by halves (:func:`released_search`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from analysis.measures.widths.costs import CostModel
from analysis.problems import AnalysisError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Cost = Callable[[Integers], int]
"""Cost for the number of elements that each latent keeps, axes (latent,)."""

RECTIFIED = ("ReLU", "ReLU6", "relu", "relu_", "relu6", "Hardswish", "HardSwish", "Hardsigmoid", "HardSigmoid",
             "hardswish", "hardsigmoid", "HardswishMe", "HardsigmoidMe")  # fmt: skip
"""Activations with a ReLU in them, which the published tables count once per element."""
SURE = 0.99
"""Share of the chance draws that stay below the limit from which widths count as differing from chance. Ours."""
RESTARTS = 100
"""Evaluations after which the released search gives up."""


@dataclass(frozen=True, slots=True, eq=False)
class Latents:
    """Scores of all latents.

    Attributes
    ----------
    scores
        One (element,) array for each latent.
    floors
        (latent,) elements that are kept whatever the threshold.
    """

    scores: tuple[Floats, ...]
    floors: Integers

    @property
    def lengths(self) -> Integers:
        """Elements of each latent, axes (latent,)."""
        return np.array([len(own) for own in self.scores], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Found:
    """What a search ends with.

    Attributes
    ----------
    threshold
        Smallest score that the threshold itself keeps; infinite where only floors are left.
    cost
        At this threshold.
    evaluations
        Of the cost.
    """

    threshold: float
    cost: int
    evaluations: int


def floor_of(length: int, share: float) -> int:
    """Elements that a latent keeps at least: ``max(floor(n * share), 1)``, safe against rounding of the product.

    Examples
    --------
    >>> [floor_of(40, 0.4), floor_of(3, 0.4), floor_of(2720, 0.45), floor_of(100, 0.29)]
    [16, 1, 1224, 29]
    """
    return max(int(np.floor(length * share + 1e-9)), 1)


def kept(scores: Floats, threshold: float, floor: int) -> NDArray[np.bool_]:
    """Mask of what stays: scores of at least the threshold, or of at least the `floor`-th largest score. Ties stay.

    Examples
    --------
    >>> kept(np.array([0.9, 0.2, 0.5, 0.1, 0.5]), 0.7, 2).tolist()
    [True, False, True, False, True]
    """
    least = np.partition(scores, len(scores) - floor)[len(scores) - floor]
    return np.asarray(scores >= min(threshold, least))


class Counter:
    """Counts what each latent keeps at a threshold; sorted once, so that a search costs nothing."""

    def __init__(self, latents: Latents) -> None:
        self._sorted = [np.sort(own) for own in latents.scores]
        self._least = [own[len(own) - floor] for own, floor in zip(self._sorted, latents.floors.tolist(), strict=True)]

    def __call__(self, threshold: float) -> Integers:
        """Elements kept of each latent, axes (latent,)."""
        pairs = zip(self._sorted, self._least, strict=True)
        return np.array([len(own) - np.searchsorted(own, min(threshold, low)) for own, low in pairs], dtype=np.int64)


def search(latents: Latents, cost: Cost, target: int) -> Found:
    """Find the smallest threshold that keeps a budget: bisection over the distinct scores, exact.

    Masks are nested in the threshold and costs do not fall as widths grow, so that cost is a falling step function.

    Raises
    ------
    AnalysisError
        If the floors alone exceed the budget.
    """
    count = Counter(latents)
    steps = np.append(np.unique(np.concatenate(latents.scores)), np.inf)
    least = cost(count(np.inf))
    if least > target:
        text = f"The floors alone cost {least:,}, more than the budget of {target:,}."
        raise AnalysisError(text, "Lower rho and tau, or raise the budget.", "budget")
    low, high, evaluations = 0, len(steps) - 1, 1
    while low < high:
        middle = (low + high) // 2
        evaluations += 1
        if cost(count(float(steps[middle]))) <= target:
            high = middle
        else:
            low = middle + 1
    threshold = float(steps[high])
    return Found(threshold, cost(count(threshold)), evaluations)


def released_search(latents: Latents, cost: Cost, whole: int, ratio: float) -> Found:
    """Search as the released code does: additive steps that halve where the side of the target changes.

    Parameters
    ----------
    latents, cost
        Scores and floors; cost of what is kept.
    whole
        Cost of the widened network with nothing removed.
    ratio
        Target as a share of it; the search stops within 0.001, or gives up. It can end over the budget.
    """
    count, threshold, step = Counter(latents), 5e-3, 0.01
    above: bool | None = None
    for evaluation in range(1, RESTARTS + 1):
        now = cost(count(threshold))
        if abs(now / whole - ratio) <= 1e-3:
            return Found(threshold, now, evaluation)
        side = now / whole > ratio
        if above is not None and side != above:
            step /= 2
        above = side
        threshold = threshold + step if side else max(threshold - step, 0.0)
    return Found(threshold, cost(count(threshold)), RESTARTS)


def rank_scores(lengths: Integers) -> tuple[Floats, ...]:
    """Scores that remove the same share of every latent at every threshold: the criterion "uniform".

    Examples
    --------
    >>> rank_scores(np.array([2]))[0].tolist()
    [0.75, 0.25]
    """
    return tuple(1 - (np.arange(length) + 0.5) / length for length in lengths.tolist())


def random_scores(lengths: Integers, seed: int) -> tuple[Floats, ...]:
    """Scores that know nothing: magnitudes of a normal draw, which is what ranking fresh latents by size does."""
    random = np.random.default_rng([seed, 77])
    return tuple(np.abs(random.standard_normal(length)) for length in lengths.tolist())


def keep_probability(lengths: Integers, cost: Cost, target: int) -> float:
    """Probability with which keeping every element by chance would meet the budget (on the rounded mean widths)."""
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        counts = np.maximum(np.floor(lengths * middle + 0.5), 1).astype(np.int64)
        low, high = (middle, high) if cost(counts) <= target else (low, middle)
    return low


def chance_band(counts: Integers, probability: float) -> Floats:
    """Give the standard deviation of the share of `counts` elements that chance keeps, axes as given."""
    return np.sqrt(probability * (1 - probability) / np.maximum(counts, 1))


def chi_square(kept_counts: Integers, lengths: Integers, probability: float) -> float:
    """Chi-square of what is kept against chance; its mean under chance is the number of latents."""
    spread = lengths * probability * (1 - probability)
    return float((((kept_counts - lengths * probability) ** 2) / np.maximum(spread, 1e-300)).sum())


def chi_square_limit(freedom: int, share: float = SURE) -> float:
    """Quantile of the chi-square distribution, by the cube-root approximation of Wilson and Hilferty (1931).

    Within 1 % of the exact one from 3 degrees of freedom.

    Examples
    --------
    >>> round(chi_square_limit(30, 0.95), 1)  # tables: 43.8
    43.8
    """
    part = 2 / (9 * max(freedom, 1))
    root = max(1 - part + NormalDist().inv_cdf(share) * math.sqrt(part), 0.0)
    return max(freedom, 1) * root * root * root


def likeness(first: Sequence[float] | Floats, second: Sequence[float] | Floats) -> float:
    """Pearson correlation of two profiles of width ratios; NaN where one of them is flat."""
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / norm if norm > 1e-12 else float("nan")


def table_count(model: CostModel, values: Integers, rectified: frozenset[str]) -> int:
    """Count as the published tables do: multiply-adds + 2 per output of a batch norm + 1 per element of a ReLU.

    Parameters
    ----------
    model, values
        Costs of a network; classes of each variable, axes (variable,).
    rectified
        Names of the rows that are ReLUs or have one inside (:data:`RECTIFIED`).
    """
    costs, found = model.costs_of(values), model.found
    lengths = model.lengths(values)
    norms = sum(2 * int(lengths[place]) * positions for place, positions in found.norms)
    rows = zip(costs.width.tolist(), found.rows, strict=True)
    relus: int = sum(width * row.others for width, row in rows if row.layer in rectified)
    return int(costs.totals.macs) + norms + relus
