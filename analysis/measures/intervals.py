"""How sure a measure of a spectrum is, when the pictures are a sample of all pictures. numpy only.

The infinitesimal jackknife (Efron, "The jackknife, the bootstrap and other resampling plans", 1982, chapter 6) over
groups of pictures. A measure theta is a function of the eigenvalues of the mean second moment M; to first order a
group with second moment M_g moves it by its *influence*::

    u_g = sum_j (d theta / d lambda_j) * v_j' (M_g - M) v_j

and the variance of theta is ``k / (k - 1) * sum_g (w_g u_g)^2`` for k groups that hold the shares w_g of the
observations. One decomposition is enough, nothing is resampled, and the positions of one picture are never taken for
independent samples, because a picture lies in one group as a whole. The interval says how much the measure would
differ with other pictures; it does not say how much it would still grow with more of them.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

GROUPS = 8
T_QUANTILE = 2.3646242515927844  # 97.5 % point of Student's t with GROUPS - 1 = 7 degrees of freedom


def entropy_slopes(eigenvalues: Floats, floor: float) -> Floats:
    """Change of the spectral entropy H = ln(effective rank) per change of each eigenvalue of the second moment.

    ``dH / d lambda_j = -(ln p_j + H) / (2 sigma_j sum(sigma))`` with ``sigma = sqrt(lambda)`` and
    ``p = sigma / sum(sigma)``.

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
    if used.any():
        p = sigma[used] / sigma[used].sum()
        entropy = -(p * np.log(p)).sum()
        slopes[used] = -(np.log(p) + entropy) / (2 * sigma[used] * sigma[used].sum())
    return slopes


def effective_rank_interval(estimate: float, influences: Floats, counts: Floats, most: float) -> tuple[float, float]:
    """Interval of 95 % over pictures for an effective rank, symmetric in its logarithm.

    Parameters
    ----------
    estimate
        The effective rank of all pictures.
    influences
        Influence of each group on its logarithm, up to a constant, axes (group,).
    counts
        Observations of each group, axes (group,).
    most
        Largest possible value; the interval is kept between 1 and this.

    Returns
    -------
    tuple[float, float]
        (NaN, NaN) if a group is empty, or nothing was measured.
    """
    if not estimate > 0 or len(counts) != GROUPS or not (counts > 0).all():
        return math.nan, math.nan
    shares = counts / counts.sum()
    spread = shares * (influences - shares @ influences)
    reach = T_QUANTILE * math.sqrt(GROUPS / (GROUPS - 1) * float(spread @ spread))
    return max(1.0, estimate * math.exp(-reach)), min(most, estimate * math.exp(reach))
