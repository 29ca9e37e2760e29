"""Scores of a shrinkage, group by group: what the one threshold cuts. numpy only; the summary is ours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SPREAD = (0.1, 0.9)
"""Quantiles between which most scores of a group lie."""


def score_shares(
    scores: Floats, latent: Floats, latent_group: Floats, groups: int, shares: Sequence[float] = SPREAD
) -> Floats:
    """Return quantiles of the scores of each group.

    Parameters
    ----------
    scores, latent
        Scores of single elements, and the latent of each, axes (element,); NaN for what is not known.
    latent_group
        Group of each latent, axes (latent,).
    groups
        How many groups there are.
    shares
        Quantiles, from 0 to 1.

    Returns
    -------
    ndarray of float64, axes (share, group)
        NaN for groups without a score.
    """
    found: Floats = np.full((len(shares), groups), np.nan)
    there = np.isfinite(scores) & np.isfinite(latent)
    owner = latent_group[latent[there].astype(np.int64)]
    for place in range(groups):
        own = scores[there][owner == place]
        if own.size:
            found[:, place] = np.quantile(own, shares)
    return found


def sorted_scores(scores: Floats, latent: Floats, latent_group: Floats, groups: int) -> tuple[Floats, ...]:
    """Sort the scores of each group, the largest first.

    Parameters
    ----------
    scores, latent, latent_group, groups
        As for :func:`score_shares`.

    Returns
    -------
    tuple of ndarray of float64
        One array per group, axes (element of the group,); empty where nothing has arrived.
    """
    there = np.isfinite(scores) & np.isfinite(latent)
    owner = latent_group[latent[there].astype(np.int64)]
    return tuple(np.sort(scores[there][owner == place])[::-1] for place in range(groups))
