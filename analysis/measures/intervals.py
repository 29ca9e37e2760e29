"""How sure a measure of a spectrum is, when the pictures are a sample of all pictures. numpy only.

The infinitesimal jackknife (Efron, "The jackknife, the bootstrap and other resampling plans", 1982, chapter 6): a
measure is a function of the mean second moment M; its derivative with respect to the weight of one picture is the
influence of that picture, and the variance of the measure is the variance of the influences over their number. With
``M = V diag(lambda) V'`` and a measure theta(lambda), the influence of a picture with features y at P positions is::

    q = sum_j (d theta / d lambda_j) * (mean over positions of (v_j' y)^2 - lambda_j)

so that one decomposition is enough and nothing is resampled. The influences of a random part of the pictures give the
variance; the positions of one picture are never taken for independent samples.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MIN_PICTURES = 8


def effective_rank_slopes(eigenvalues: Floats, floor: float) -> Floats:
    """Relative change of the effective rank per change of each eigenvalue of the second moment.

    ``d ln(theta) / d lambda_j = -(ln p_j + H) / (2 sigma_j sum(sigma))`` with ``sigma = sqrt(lambda)``,
    ``p = sigma / sum(sigma)`` and the entropy H.

    Parameters
    ----------
    eigenvalues
        Eigenvalues of the second moment, axes (component,).
    floor
        Components with sigma up to this share of the largest are rounding noise: their slope is 0.
    """
    sigma = np.sqrt(np.maximum(eigenvalues, 0.0))
    slopes = np.zeros_like(sigma)
    used = sigma > floor * sigma.max(initial=0.0)
    if not used.any():
        return slopes
    p = sigma[used] / sigma[used].sum()
    entropy = -(p * np.log(p)).sum()
    slopes[used] = -(np.log(p) + entropy) / (2 * sigma[used] * sigma[used].sum())
    return slopes


def mean_variance(influences: Floats, positions: int, pictures: int) -> float:
    """Variance of the mean influence of all pictures.

    Parameters
    ----------
    influences
        Influence of single positions, axes (picture, position): a random part of the pictures, and of the positions.
    positions
        How many positions of each picture the measure was made of.
    pictures
        How many pictures the measure was made of.

    Notes
    -----
    Where only m of P positions are at hand, the variance of a picture's mean is too large by ``S^2 (1/m - 1/P)``, S^2
    being the variance within a picture, which is taken off; what remains is at least ``S^2 / P``, the variance of
    unrelated positions.
    """
    count, at_hand = influences.shape
    between = float(influences.mean(axis=1).var(ddof=1))
    if at_hand < positions:
        within = float(influences.var(axis=1, ddof=1).mean()) if at_hand > 1 else 0.0
        between = max(between - within * (1 / at_hand - 1 / positions), within / positions)
    return between / pictures


def relative_interval(estimate: float, variance: float, pictures: int, most: float) -> tuple[float, float]:
    """Interval of 95 % for a positive measure, symmetric in its logarithm, kept between 1 and `most`.

    Parameters
    ----------
    estimate
        The measure.
    variance
        Variance of its logarithm.
    pictures
        Number of pictures the variance was estimated from; below 8 there is no interval, (NaN, NaN).
    most
        Largest value the measure can have.
    """
    if pictures < MIN_PICTURES or not estimate > 0 or not math.isfinite(variance):
        return math.nan, math.nan
    reach = t_quantile(pictures - 1) * math.sqrt(max(variance, 0.0))
    return max(1.0, estimate * math.exp(-reach)), min(most, estimate * math.exp(reach))


def t_quantile(freedom: int) -> float:
    """Return the 97.5 % point of Student's t, to 1e-3 from 7 degrees of freedom on.

    Cornish and Fisher's expansion around the normal distribution (Abramowitz and Stegun 26.7.5).
    """
    z = 1.959963984540054
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + sum(term / freedom ** (power + 1) for power, term in enumerate(terms))
