"""Whether layers that share a ring pull its entries the same way: agreement of their gradients. numpy only.

The gradient of an entry is the sum of what its uses contribute, ``s_p b_p (dloss/dK)_p`` for the weight p. Grouped by
layer, that sum is one of vectors over the ring. Where they point the same way, sharing helps; where they cancel, it
costs. The cosines are those of the document; the length of the sum over what unrelated layers would give is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from analysis.measures.rings import Floats, Places, Signs, offsets

PART = 1 << 16
"""Entries that are looked at together, so that memory stays at layers x this."""


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """How the layers' contributions to the gradient of a ring go together.

    Attributes
    ----------
    cosine
        (layers, layers) float64, NaN for a layer without gradient.
    length
        (layers,) length of each layer's contribution.
    together
        ``|sum of contributions|² / sum of |contributions|²``: 1 if they are orthogonal, up to the number of layers if
        they agree, 0 if they cancel; NaN without any gradient.
    """

    cosine: Floats
    length: Floats
    together: float


def contributions(gradient: Floats, sign: Signs, scale: Floats) -> Floats:
    """Share of each weight in the gradient of the entry it reads, (M,): its own gradient, signed and scaled."""
    return np.asarray(gradient * sign * scale, dtype=np.float64)


def agreement(each: Floats, index: Places, sizes: tuple[int, ...], size: int) -> Agreement:
    """Compare the contributions of the layers.

    Parameters
    ----------
    each
        (M,) as :func:`contributions` gives them.
    index, sizes, size
        (M,) entry that each weight reads; weights of each layer; N.
    """
    ends, count = offsets(sizes), len(sizes)
    products = np.zeros((count, count))
    for start in range(0, size, PART):
        width = min(PART, size - start)
        rows = np.zeros((count, width))
        for row, (a, b) in enumerate(pairwise(ends)):
            part = index[a:b]
            inside = (part >= start) & (part < start + width)
            rows[row] = np.bincount(part[inside] - start, weights=each[a:b][inside], minlength=width)
        products += rows @ rows.T
    squares = np.diag(products).copy()
    length = np.sqrt(squares)
    both = np.outer(length, length)
    cosine = np.divide(products, both, out=np.full_like(products, np.nan), where=both > 0)
    total = float(squares.sum())
    return Agreement(np.clip(cosine, -1.0, 1.0), length, float(products.sum()) / total if total else float("nan"))
