"""Degrees of freedom of a network with shared weights, and how accuracy grows with them. numpy only."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.config import LayerSpec, Totals
from analysis.measures.rings import Bank, Floats

SATURATED = 0.5
"""Rings above this share of their weights are left out of the fits: accuracy no longer grows there (our choice)."""


@dataclass(frozen=True, slots=True)
class Freedom:
    """How many free numbers a network has. All three are reported; the literature quotes only one of them.

    Attributes
    ----------
    shared, generated
        min(N, M) and M.
    unshared
        Trainable numbers that are not shared.
    reference
        Parameters of the network without sharing.
    """

    shared: int
    generated: int
    unshared: int
    reference: int

    @property
    def shared_ratio(self) -> float:
        """min(N, M) / M."""
        return self.shared / self.generated if self.generated else 0.0

    @property
    def total(self) -> int:
        """All free numbers."""
        return self.shared + self.unshared

    @property
    def total_ratio(self) -> float:
        """All free numbers over the parameters of the network without sharing."""
        return self.total / self.reference if self.reference else 0.0


def freedom(banks: tuple[Bank, ...], unshared: int, reference: int) -> Freedom:
    """Count the free numbers of a network whose rings are `banks`."""
    return Freedom(sum(bank.freedom for bank in banks), sum(bank.total for bank in banks), unshared, reference)


@dataclass(frozen=True, slots=True)
class Fit:
    """A law fitted to accuracies.

    Attributes
    ----------
    kind
        "log-linear": acc = α + β log10(DoF); "power": log10(err − err∞) = α − β log10(DoF).
    alpha, beta, floor
        Its constants; `floor` is err∞, 0 for the first kind.
    r2
        Share of the variance of the accuracies that it explains; NaN for fewer than three points.
    points
        Number of points fitted.
    """

    kind: str
    alpha: float
    beta: float
    floor: float
    r2: float
    points: int

    def predict(self, degrees: Floats) -> Floats:
        """Accuracy at these degrees of freedom."""
        x = np.log10(degrees)
        if self.kind == "log-linear":
            return np.asarray(self.alpha + self.beta * x, dtype=np.float64)
        return np.asarray(1 - self.floor - 10.0 ** (self.alpha - self.beta * x), dtype=np.float64)


def fits(degrees: Floats, accuracy: Floats) -> tuple[Fit, Fit]:
    """Fit both laws to (points,) degrees of freedom and accuracies; leave out saturated points before."""
    known = np.isfinite(degrees) & np.isfinite(accuracy) & (degrees > 0)
    x, y = np.log10(degrees[known]), accuracy[known]
    return _log_linear(x, y), _power(x, y)


def _log_linear(x: Floats, y: Floats) -> Fit:
    if len(np.unique(x)) < 2:
        return Fit("log-linear", float("nan"), float("nan"), 0.0, float("nan"), len(x))
    beta, alpha = np.polyfit(x, y, 1)
    return Fit("log-linear", float(alpha), float(beta), 0.0, _r2(y, alpha + beta * x), len(x))


def _power(x: Floats, y: Floats) -> Fit:
    error = 1 - y
    none = Fit("power", float("nan"), float("nan"), 0.0, float("nan"), len(x))
    if len(np.unique(x)) < 3 or error.min(initial=1.0) <= 0:
        return none
    best = none
    for floor in np.linspace(0, 0.99, 100) * error.min():
        slope, alpha = np.polyfit(x, np.log10(error - floor), 1)
        r2 = _r2(y, 1 - floor - 10.0 ** (alpha + slope * x))
        if np.isnan(best.r2) or r2 > best.r2:
            best = Fit("power", float(alpha), float(-slope), float(floor), r2, len(x))
    return best


def _r2(y: Floats, predicted: Floats) -> float:
    spread = float(np.square(y - y.mean()).sum())
    if len(y) < 3 or not spread:
        return float("nan")
    return 1 - float(np.square(y - predicted).sum()) / spread


def unique_costs(
    layers: tuple[LayerSpec, ...], totals: Totals, banks: tuple[Bank, ...]
) -> tuple[tuple[LayerSpec, ...], Totals]:
    """Count the weights of a network as stored: made weights not at all, each ring once, at the first layer using it.

    Parameters
    ----------
    layers, totals
        Of the network with all its weights made.
    banks
        Its rings. A weight is told by the path of its module.

    Returns
    -------
    tuple
        Rows with `parameters` corrected, `parameters_used` as it was; and the totals.
    """
    made = {
        name.rpartition(".")[0]: (number, size)
        for number, bank in enumerate(banks)
        for name, size in zip(bank.names, bank.sizes, strict=True)
    }
    met: set[int] = set()
    rows = []
    for layer in layers:
        number, size = made.get(layer.module, (-1, 0))
        if number >= 0 and layer.kind in ("conv", "linear") and layer.parameters >= size:
            ring = 0 if number in met else banks[number].size
            met.add(number)
            layer = replace(layer, parameters=layer.parameters - size + ring)
        rows.append(layer)
    stored = totals.parameters - sum(bank.total for bank in banks) + sum(bank.size for bank in banks)
    return tuple(rows), replace(totals, parameters=stored)


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Accuracy of one kind of network against its degrees of freedom, ascending.

    Attributes
    ----------
    kind
        "full", "perm", "sign", "direct", "dense" or "narrowed".
    ratio, shared, total
        (sizes,) N / M, and degrees of freedom of the shared part and in all.
    mean, low, high
        (sizes,) accuracy: mean, smallest and largest over seeds.
    count
        (sizes,) networks that are finished.
    """

    kind: str
    ratio: Floats
    shared: Floats
    total: Floats
    mean: Floats
    low: Floats
    high: Floats
    count: NDArray[np.int64]


def curves(
    kinds: tuple[str, ...],
    kind: NDArray[np.generic],
    ratio: NDArray[np.generic],
    shared: NDArray[np.generic],
    total: NDArray[np.generic],
    accuracy: NDArray[np.generic],
) -> tuple[Curve, ...]:
    """Gather the runs of a sweep into one curve per kind; runs that are not finished are left out.

    Parameters
    ----------
    kinds
        Names of the numbers in `kind`.
    kind, ratio, shared, total, accuracy
        (runs,) each, as `train_shared` stores them.
    """
    done = np.isfinite(np.asarray(accuracy, dtype=np.float64))
    found = []
    for number, name in enumerate(kinds):
        own = done & (np.asarray(kind) == number)
        sizes = np.unique(np.asarray(ratio, dtype=np.float64)[own])
        if not len(sizes):
            continue
        groups = [own & (np.asarray(ratio) == size) for size in sizes]
        values = [np.asarray(accuracy, dtype=np.float64)[group] for group in groups]
        found.append(
            Curve(
                name,
                sizes,
                np.array([np.asarray(shared, dtype=np.float64)[group].mean() for group in groups]),
                np.array([np.asarray(total, dtype=np.float64)[group].mean() for group in groups]),
                np.array([value.mean() for value in values]),
                np.array([value.min() for value in values]),
                np.array([value.max() for value in values]),
                np.array([len(value) for value in values], dtype=np.int64),
            )
        )
    return tuple(found)


def unsaturated(curve: Curve) -> tuple[Floats, Floats]:
    """Return total degrees of freedom and mean accuracy of the points that the laws are fitted to."""
    few = curve.ratio <= SATURATED
    return curve.total[few], curve.mean[few]
