"""Projection of trained weights onto a ring: the best ring in least squares, what it keeps, and what to expect of it.

Each weight reads exactly one entry, so the problem splits by entry and has a closed form. The expectations are derived,
none of them is a published figure. numpy only, all sums in float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.measures.rings import Floats, Places, Signs, offsets
from analysis.problems import AnalysisError

GAINS = ("none", "least squares", "rms")


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """A ring, and how well it stands for the weights it was made from.

    Attributes
    ----------
    ring
        (N,) entries; 0 for those that no weight reads.
    kernels
        (M,) weights that the ring makes, gains included.
    scale
        (layers,) scale of each layer, gains included.
    total, residual
        Weighted energy of the weights, and of what is lost of it, before gains.
    """

    ring: Floats
    kernels: Floats
    scale: Floats
    total: float
    residual: float

    @property
    def kept(self) -> float:
        """Share of the weighted energy that is kept."""
        return 1.0 - self.residual / self.total if self.total else 1.0


def layer_scales(weights: Floats, sizes: tuple[int, ...]) -> Floats:
    """Root mean square of each layer's weights, (layers,)."""
    squares = np.add.reduceat(np.square(weights), offsets(sizes)[:-1])
    scales: Floats = np.sqrt(squares / np.asarray(sizes, dtype=np.float64))
    return scales


def per_weight(values: Floats, sizes: tuple[int, ...]) -> Floats:
    """Repeat a value per layer for each of its weights, (M,)."""
    return np.repeat(np.asarray(values, dtype=np.float64), np.asarray(sizes))


def generate(ring: ArrayLike, index: Places, sign: Signs, scale: Floats) -> Floats:
    """Weights that a ring makes, (M,) float64; `scale` holds one number per weight."""
    kernels: Floats = np.asarray(ring, dtype=np.float64)[index] * sign * scale
    return kernels


def gathered(values: Floats, index: Places, size: int) -> Floats:
    """Sum over the weights that read each entry, (size,) float64."""
    return np.bincount(index, weights=values, minlength=size).astype(np.float64)


def project(
    weights: Floats,
    index: Places,
    sign: Signs,
    sizes: tuple[int, ...],
    size: int,
    scale: Floats | None = None,
    whitened: bool = True,
    gain: str = "none",
) -> Projection:
    """Find the ring that stands best for trained weights.

    Parameters
    ----------
    weights
        (M,) all layers laid end to end.
    index, sign
        (M,) each, see :func:`analysis.measures.rings.draw`.
    sizes, size
        Weights of each layer; N.
    scale
        (layers,) scales; None for the root mean square of each layer if whitened, else 1.
    whitened
        Weigh errors by 1 / scale², so that layers of small weights count as much as others.
    gain
        Factor per layer afterwards: "none", "least squares" (⟨T,K⟩ / ‖K‖²) or "rms" (‖T‖ / ‖K‖).

    Raises
    ------
    AnalysisError
        If a weight is not finite.
    """
    if not np.isfinite(weights).all():
        raise AnalysisError("Some weights are infinite or not a number.", "Repair the weights before projecting them.")
    own = (layer_scales(weights, sizes) if whitened else np.ones(len(sizes))) if scale is None else scale
    each = per_weight(own, sizes)
    live = each != 0  # layers of zeros stay out of the sums and stay zero
    omega = np.divide(1.0, np.square(each), out=np.zeros_like(each), where=live) if whitened else live.astype(float)
    numerator = gathered(omega * each * sign * weights, index, size)
    denominator = gathered(omega * np.square(each), index, size)
    ring = np.divide(numerator, denominator, out=np.zeros(size), where=denominator > 0)
    total = float((omega * np.square(weights)).sum())
    residual = total - float(np.divide(numerator**2, denominator, out=np.zeros(size), where=denominator > 0).sum())
    kernels = generate(ring, index, sign, each)
    if gain != "none":
        own = own * layer_gains(weights, kernels, sizes, gain)
        kernels = generate(ring, index, sign, per_weight(own, sizes))
    return Projection(ring, kernels, own, total, max(residual, 0.0))


def layer_gains(weights: Floats, kernels: Floats, sizes: tuple[int, ...], gain: str) -> Floats:
    """Factor by which each layer's kernels come nearest to its weights, or get their length, (layers,)."""
    starts = offsets(sizes)[:-1]
    made = np.add.reduceat(np.square(kernels), starts)
    if gain == "least squares":
        wanted = np.add.reduceat(weights * kernels, starts)
    else:
        wanted = np.sqrt(np.add.reduceat(np.square(weights), starts) * made)
    return np.divide(wanted, made, out=np.ones(len(sizes)), where=made > 0)


def layer_errors(weights: Floats, kernels: Floats, sizes: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Relative squared error and cosine of each layer, (layers,) each; NaN for a layer of zeros."""
    starts = offsets(sizes)[:-1]
    lost, own, made, both = (
        np.add.reduceat(values, starts)
        for values in (np.square(weights - kernels), np.square(weights), np.square(kernels), weights * kernels)
    )
    error = np.divide(lost, own, out=np.full(len(sizes), np.nan), where=own > 0)
    length = np.sqrt(own * made)
    cosine = np.divide(both, length, out=np.full(len(sizes), np.nan), where=length > 0)
    return error, cosine


def pruned(weights: Floats, keep: int, sizes: tuple[int, ...], whitened: bool = True) -> Floats:
    """Keep the `keep` largest weights of all layers and set the others to 0, (M,).

    Sizes are compared after division by the root mean square of the layer if `whitened`, as a projection weighs them.
    """
    if keep >= len(weights):
        return weights.copy()
    scales = layer_scales(weights, sizes) if whitened else np.ones(len(sizes))
    each = per_weight(scales, sizes)
    measure = np.abs(np.divide(weights, each, out=np.zeros_like(weights), where=each > 0))
    left = np.zeros_like(weights)
    best = np.argpartition(measure, len(weights) - keep)[len(weights) - keep :] if keep else np.empty(0, dtype=int)
    left[best] = weights[best]
    return left


def kept_energy(weights: Floats, kernels: Floats, sizes: tuple[int, ...], whitened: bool = True) -> float:
    """Share of the (whitened) energy that an approximation keeps."""
    scales = layer_scales(weights, sizes) if whitened else np.ones(len(sizes))
    each = per_weight(scales, sizes)
    inverse = np.divide(1.0, each, out=np.zeros_like(each), where=each > 0)
    total = float(np.square(weights * inverse).sum())
    return 1.0 - float(np.square((weights - kernels) * inverse).sum()) / total if total else 1.0


# ---- what to expect --------------------------------------------------------------------------------------------------


def expected_kept(size: int, total: int) -> tuple[float, float]:
    """Mean and standard deviation of the whitened energy that random signs keep, whatever the weights: N / M."""
    if size >= total:
        return 1.0, 0.0
    return size / total, float(np.sqrt(2 * size * (1 - size / total))) / total


def expected_error(weights: Floats, sizes: tuple[int, ...], size: int) -> Floats:
    """Predict the relative squared error of each layer without whitening, layout "shuffle", (layers,).

    ``(1 − 1/r)² + ((r − 1)/r²) v̄/v_i``, r = M / N, v_i the mean square of the layer and v̄ that of all weights: above 1
    for layers of small weights. This is why layers have scales.
    """
    reuse = max(len(weights) / size, 1.0)
    mean_square = np.square(layer_scales(weights, sizes))
    overall = float(np.square(weights).mean())
    share = np.divide(overall, mean_square, out=np.full(len(sizes), np.nan), where=mean_square > 0)
    errors: Floats = (1 - 1 / reuse) ** 2 + (reuse - 1) / reuse**2 * share
    return errors


def correlation(kernels: Floats, sizes: tuple[int, ...], units: bool = True) -> Floats:
    """Cosine between the kernels of two layers, laid flat and cut to the shorter, (layers, layers), absolute.

    Parameters
    ----------
    units
        Give multiples of 1/√n, n the length compared: about 1 is what unrelated kernels have.
    """
    ends = offsets(sizes)
    parts = [kernels[a:b] for a, b in pairwise(ends)]
    found = np.full((len(parts), len(parts)), np.nan)
    for i, first in enumerate(parts):
        for j, second in enumerate(parts[: i + 1]):
            found[i, j] = found[j, i] = _cosine(first, second, units)
    return found


def _cosine(first: Floats, second: Floats, units: bool) -> float:
    count = min(len(first), len(second))
    a, b = first[:count], second[:count]
    length = float(np.sqrt((a @ a) * (b @ b)))
    return abs(float(a @ b)) / length * (np.sqrt(count) if units else 1.0) if length else float("nan")


def column_norms(index: Places, scale: Floats, size: int) -> NDArray[np.float64]:
    """Squared length of each column of the generating matrix, (size,): Σ s² over the uses of an entry."""
    return gathered(np.square(scale), index, size)
