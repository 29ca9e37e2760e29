"""Singular values of kernels before and after they are read off a ring, and what truncation would keep. numpy only."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from analysis.measures.ring_projection import layer_scales
from analysis.measures.rings import Floats, offsets

Shapes = tuple[tuple[int, ...], ...]


def components(shape: tuple[int, ...]) -> int:
    """Singular values that a kernel has as a matrix of its first axis and all others."""
    rows = shape[0]
    return min(rows, int(np.prod(shape[1:], dtype=np.int64)))


def singular_values(kernels: Floats, shapes: Shapes) -> Floats:
    """Singular values of every layer, descending, (layers, most) float64, NaN where a layer has fewer.

    Kernels are read as matrices of the first axis (filters) and all others. The values are roots of the eigenvalues of
    the smaller of W W' and W' W, exact to about ``sqrt(C * 2.2e-16)`` of the largest.
    """
    found = np.full((len(shapes), max(components(shape) for shape in shapes)), np.nan)
    ends = offsets(tuple(int(np.prod(shape, dtype=np.int64)) for shape in shapes))
    for row, (shape, (a, b)) in enumerate(zip(shapes, pairwise(ends), strict=True)):
        matrix = kernels[a:b].reshape(shape[0], -1)
        small = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
        squares = np.linalg.eigvalsh(small @ small.T)[::-1]
        found[row, : len(squares)] = np.sqrt(np.clip(squares, 0.0, None))
    return found


def truncated_energy(sigma: Floats, kernels: Floats, shapes: Shapes, size: int, whitened: bool = True) -> float:
    """Share of the (whitened) energy that truncated singular value decompositions of as many numbers keep.

    One direction of a layer costs the rows and columns of its matrix. Directions are taken in the order of energy per
    number, over all layers, until `size` numbers are spent (our choice; each layer alone would keep less).

    Parameters
    ----------
    sigma
        As :func:`singular_values` gives them for `kernels`.
    kernels, shapes
        (M,) weights laid end to end, and the shapes of the layers.
    size
        Numbers that may be spent, N.
    """
    sizes = tuple(int(np.prod(shape, dtype=np.int64)) for shape in shapes)
    scales = layer_scales(kernels, sizes) if whitened else np.ones(len(sizes))
    gain, price = [], []
    for row, (shape, count) in enumerate(zip(shapes, sizes, strict=True)):
        own = sigma[row][np.isfinite(sigma[row])]
        if scales[row] > 0:
            gain.append(np.square(own / scales[row]))
            price.append(np.full(len(own), shape[0] + count // shape[0]))
    if not gain:
        return float("nan")
    energy, cost = np.concatenate(gain), np.concatenate(price)
    order = np.argsort(-energy / cost, kind="stable")
    taken = np.cumsum(cost[order]) <= size
    return float(energy[order][taken].sum() / energy.sum())
