"""What singular values say: rank, effective rank and their companions, from stored spectra. numpy only.

Every measure takes singular values with axes (..., component), in any order, padded with NaN where a layer has fewer
components than the widest one, and gives one float64 per spectrum: NaN where nothing has arrived, 0 for a layer that
is zero everywhere. Nothing here needs the features again, so a threshold can be moved after a run.

Rank, nuclear norm and the distribution are those of Han et al., "Rethinking Channel Dimensions for Efficient Model
Design" (CVPR 2021). Effective rank, participation ratio, stable rank and energy rank are companions that do not
depend on a tolerance; they are not from that paper.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

EPSILON = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
# Entries of half-precision features carry so much noise that a tolerance below these would count it as rank.
HALF_PRECISION_RTOL = {"float16": 2e-3, "bfloat16": 2e-2}
CURVE_RTOLS: Floats = np.logspace(-8, -1, 57)


def default_rtol(channels: int, observations: int, precision: str = "float32") -> float:
    """Tolerance of the numerical rank, relative to the largest singular value.

    ``max(C, min(N, 10 C)) * eps`` with the eps of the dtype the features were computed in. The number of observations
    counts only up to ten times the channels: with the usual ``max(C, N) * eps`` a million positions would put the cut
    at 12 % of the largest value. Half precision uses the eps of float32 and at least 2e-3 (float16) or 2e-2
    (bfloat16). Never below what a second moment can resolve, see :func:`moment_floor`.

    Examples
    --------
    >>> round(default_rtol(64, 256_000) / 2**-23)
    640
    """
    columns = max(channels, min(observations, 10 * channels))
    eps = EPSILON["float32"] if precision in HALF_PRECISION_RTOL else EPSILON[precision]
    return max(columns * eps, HALF_PRECISION_RTOL.get(precision, 0.0), moment_floor(channels))


def moment_floor(channels: int) -> float:
    """Size of the noise in sigma / sigma_max when the singular values come from a float64 second moment.

    ``sqrt(C * 2.2e-16)``: squaring the matrix halves the digits.
    """
    return math.sqrt(channels * EPSILON["float64"])


def numerical_rank(sigma: ArrayLike, rtol: ArrayLike) -> Floats:
    """Count the singular values above `rtol` times the largest.

    Parameters
    ----------
    sigma
        Singular values, axes (..., component).
    rtol
        One tolerance, or one per spectrum.

    Examples
    --------
    >>> numerical_rank([3.0, 1.0, 1e-9, np.nan], 1e-6)
    array(2.)
    """
    values, largest, known = _read(sigma)
    cut = np.asarray(rtol, dtype=np.float64) * largest
    count = np.count_nonzero(values > cut[..., None], axis=-1)
    return np.where(known, count, np.nan)


def rank_curve(sigma: ArrayLike, rtols: ArrayLike = CURVE_RTOLS) -> Floats:
    """Numerical rank over tolerances, axes (..., tolerance).

    A plateau means that the rank is well defined; a slope means that only the spectrum is meaningful.
    """
    tolerances = np.asarray(rtols, dtype=np.float64)
    return np.stack([numerical_rank(sigma, rtol) for rtol in tolerances], axis=-1)


def effective_rank(sigma: ArrayLike) -> Floats:
    """Entropy effective rank ``exp(-sum p ln p)`` with ``p = sigma / sum(sigma)``; natural logarithm.

    From 1 (one direction) to the rank (all directions equal). Roy & Vetterli, "The effective rank", 2007.
    """
    values, largest, known = _read(sigma)
    shares = _divide(values, values.sum(axis=-1)[..., None])
    logs = np.log(shares, where=shares > 0, out=np.zeros_like(shares))
    return _finish(np.exp(-(shares * logs).sum(axis=-1)), largest, known)


def participation_ratio(sigma: ArrayLike) -> Floats:
    """Participation ratio ``(sum sigma^2)^2 / sum sigma^4``."""
    values, largest, known = _read(sigma)
    squares = _divide(values, largest[..., None]) ** 2
    return _finish(_divide(squares.sum(axis=-1) ** 2, (squares**2).sum(axis=-1)), largest, known)


def stable_rank(sigma: ArrayLike) -> Floats:
    """Stable rank ``sum sigma^2 / sigma_max^2``."""
    values, largest, known = _read(sigma)
    squares = _divide(values, largest[..., None]) ** 2
    return _finish(squares.sum(axis=-1), largest, known)


def energy_rank(sigma: ArrayLike, energy: float = 0.99) -> Floats:
    """Smallest number of components that hold the share `energy` of ``sum sigma^2``.

    Parameters
    ----------
    sigma
        Singular values, axes (..., component).
    energy
        Share of the variance (about the mean for a centred spectrum, about zero otherwise), above 0 and up to 1.

    Examples
    --------
    >>> energy_rank([3.0, 1.0, 0.0], 0.9), energy_rank([3.0, 1.0, 0.0], 0.91)
    (array(1.), array(2.))
    """
    values, largest, known = _read(sigma)
    squares = np.sort(_divide(values, largest[..., None]) ** 2, axis=-1)[..., ::-1]
    held = np.cumsum(squares, axis=-1)
    # Sums of equal values differ in their last digits; a share that is met exactly must count as met.
    wanted = energy * held[..., -1:] * (1 - 1e-12)
    return _finish(np.count_nonzero(held < wanted, axis=-1) + 1.0, largest, known)


def nuclear_norm(sigma: ArrayLike) -> Floats:
    """Sum of the singular values."""
    values, _, known = _read(sigma)
    return np.where(known, values.sum(axis=-1), np.nan)


def nuclear_norm_scaled(sigma: ArrayLike, observations: ArrayLike) -> Floats:
    """Sum of the singular values divided by the root of the number of observations.

    The only form of the nuclear norm that can be compared across sample counts; 0 without observations.
    """
    return _divide(nuclear_norm(sigma), np.sqrt(np.asarray(observations, dtype=np.float64)))


def distribution(sigma: ArrayLike, channels: int) -> tuple[Floats, Floats]:
    """Portion of singular values up to x, for one layer.

    Parameters
    ----------
    sigma
        Singular values of one layer, axes (component,).
    channels
        Width of the layer, the denominator: where fewer samples than channels were seen, the missing values are 0.

    Returns
    -------
    x : (channels,)
        Singular values divided by the largest, ascending.
    portion : (channels,)
        Share of values up to each x, to 1. Both are empty for a layer that is zero everywhere.
    """
    values, largest, _ = _read(sigma)
    if largest <= 0:
        return np.empty(0), np.empty(0)
    x = np.zeros(channels)
    present = np.sort(values)[::-1][:channels]
    x[: present.size] = present / largest
    return x[::-1].copy(), np.arange(1, channels + 1) / channels


def linear_cap(expands_from: int, channels: int) -> float:
    """Highest rank ratio a linear layer of `expands_from` inputs can reach: d_in / d_out, at most 1; NaN if unknown."""
    return min(1.0, expands_from / channels) if expands_from and channels else math.nan


def sample_cap(channels: int, observations: int) -> float:
    """Highest rank ratio that so few observations allow: min(C, n) / C."""
    return min(channels, observations) / channels if channels else math.nan


def elbow(expands_from: int, channels: int) -> float:
    """Portion at which the distribution of an expansion layer bends: ``1 - (d_in + 1) / d_out``; NaN elsewhere.

    About d_in singular values, and one for the mean, come from the linear part of the layer; the rest from its
    nonlinearity.
    """
    return 1 - (expands_from + 1) / channels if 0 < expands_from < channels else math.nan


@dataclass(frozen=True, slots=True)
class Correlation:
    """How two measures go together over models or layers; NaN below three points or without spread."""

    pearson: float
    spearman: float
    count: int


def correlation(x: ArrayLike, y: ArrayLike) -> Correlation:
    """Correlate e.g. nuclear norms with accuracies, one entry per model; pairs with a NaN are left out."""
    first, second = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    both = np.isfinite(first) & np.isfinite(second)
    first, second = first[both], second[both]
    return Correlation(_pearson(first, second), _pearson(_ranks(first), _ranks(second)), int(first.size))


def _pearson(x: Floats, y: Floats) -> float:
    if x.size < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return math.nan
    dx, dy = x - x.mean(), y - y.mean()
    return float(dx @ dy / math.sqrt((dx @ dx) * (dy @ dy)))


def _ranks(values: Floats) -> Floats:
    """Ranks from 1, ties share their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse], dtype=np.float64)


def _read(sigma: ArrayLike) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Values with 0 for NaN, the largest of each spectrum, and whether any value has arrived."""
    raw = np.asarray(sigma, dtype=np.float64)
    known = ~np.isnan(raw).all(axis=-1) if raw.shape[-1] else np.ones(raw.shape[:-1], dtype=bool)
    values = np.nan_to_num(raw, nan=0.0, posinf=np.inf, neginf=0.0)
    return values, np.asarray(values.max(axis=-1, initial=0.0)), np.asarray(known)


def _divide(a: Floats, b: Floats) -> Floats:
    """Quotient, 0 where the divisor is 0."""
    a, b = np.broadcast_arrays(a, b)
    return np.divide(a, b, where=b > 0, out=np.where(np.isnan(a), np.nan, 0.0))


def _finish(measure: Floats, largest: Floats, known: NDArray[np.bool_]) -> Floats:
    """0 for a spectrum of zeros, NaN for one that has not arrived."""
    return np.where(known, np.where(largest > 0, measure, 0.0), np.nan)
