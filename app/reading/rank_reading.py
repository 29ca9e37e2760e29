"""Rank measures read from stored spectra: another tolerance, energy or centring needs no new run. No widgets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.config import LayerSpec
from analysis.measures import spectra
from analysis.result import Result
from app.reading.depth import Floats, Ints
from app.reading.glossary import TERMS, Term
from app.reading.measurements import NOT_MEASURED, Values, states_of

MEASURES = (
    "effective_rank_ratio",
    "effective_rank",
    "rank_ratio",
    "rank",
    "energy_rank",
    "participation_ratio",
    "stable_rank",
    "nuclear_norm_scaled",
    "dead_channels",
    "always_on_channels",
)
RATIOS = ("rank_ratio", "effective_rank_ratio")
WITH_TOLERANCE = ("rank_ratio", "rank")
BESIDE = ("", "rank_ratio", "effective_rank_ratio", "nuclear_norm_scaled")
"""Measures that can stand as dots over the bars."""
LOWEST, HIGHEST = 1e-8, 1e-1
"""Ends of the tolerance slider."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How spectra are read.

    Attributes
    ----------
    measure
        One of :data:`MEASURES`.
    centred
        True to take the mean feature off.
    rtol
        Tolerance relative to the largest singular value; None for the recorded one of each layer.
    energy
        Share of the energy that the energy rank explains; None for the recorded one.
    """

    measure: str = "effective_rank_ratio"
    centred: bool = False
    rtol: float | None = None
    energy: float | None = None

    @property
    def term(self) -> Term:
        """Title, unit and definition of the measure."""
        return TERMS[self.measure]


def was_centred(result: Result) -> bool:
    """Tell whether the recorded measures are about the mean."""
    return bool(dict(result.request.params).get("centred", False)) if result.request else False


def recorded_energy(result: Result) -> float:
    """Share of the energy that the recorded energy rank explains."""
    value = dict(result.request.params).get("energy", 0.99) if result.request else 0.99
    return float(value)


def is_recorded(result: Result, reading: Reading) -> bool:
    """Tell whether the run itself has this number, so that its interval holds as well."""
    if reading.measure in ("dead_channels", "always_on_channels"):
        return True
    if reading.centred != was_centred(result):
        return False
    if reading.measure in WITH_TOLERANCE:
        return reading.rtol is None
    return reading.measure != "energy_rank" or reading.energy in (None, recorded_energy(result))


def spectrum(result: Result, row: int, centred: bool) -> Floats:
    """Singular values of a row that have arrived, as stored; empty for none."""
    name = "singular_values_centred" if centred else "singular_values"
    if name not in result or row < 0:
        return np.empty(0)
    values = np.asarray(result[name][row], dtype=np.float64)
    return values[np.isfinite(values)]


def read(result: Result, reading: Reading) -> Values:
    """Read a measure for every row of a run of `feature_rank`."""
    count = len(result.layers)
    if reading.measure == "effective_rank_ratio":
        whole = read(result, Reading("effective_rank", reading.centred))
        width = counts(result, "channels")
        low, high = (None if part is None else part / width for part in (whole.low, whole.high))
        return Values(whole.values / width, low, high, whole.states)
    if is_recorded(result, reading):
        values = _stored(result, reading.measure, count)
        low, high = (
            _stored(result, f"{reading.measure}_{end}", count) if f"{reading.measure}_{end}" in result else None
            for end in ("low", "high")
        )
    else:
        values, low, high = _from_spectra(result, reading), None, None
    return Values(values, low, high, states_of(values, result))


def _stored(result: Result, name: str, count: int) -> Floats:
    return counts(result, name) if name in result else np.full(count, np.nan)


def counts(result: Result, name: str) -> Floats:
    """Return an output as floats, with NaN for what has not arrived."""
    array = result[name]
    values = array.astype(np.float64)
    return np.where(array == -1, np.nan, values) if array.dtype.kind == "i" else values


def _from_spectra(result: Result, reading: Reading) -> Floats:
    name = "singular_values_centred" if reading.centred else "singular_values"
    sigma = np.asarray(result[name], dtype=np.float64)
    rtol = np.asarray(result["tolerance"], dtype=np.float64) if reading.rtol is None else np.float64(reading.rtol)
    match reading.measure:
        case "rank":
            return spectra.numerical_rank(sigma, rtol)
        case "rank_ratio":
            return np.asarray(spectra.numerical_rank(sigma, rtol) / counts(result, "channels"))
        case "energy_rank":
            return spectra.energy_rank(sigma, recorded_energy(result) if reading.energy is None else reading.energy)
        case "effective_rank":
            return spectra.effective_rank(sigma)
        case "participation_ratio":
            return spectra.participation_ratio(sigma)
        case "stable_rank":
            return spectra.stable_rank(sigma)
        case _:
            return spectra.nuclear_norm_scaled(sigma, counts(result, "observations"))


def tolerance(result: Result, row: int, reading: Reading) -> float:
    """Tolerance in force for a row, NaN while it is unknown."""
    if reading.rtol is not None:
        return reading.rtol
    return float(result["tolerance"][row]) if "tolerance" in result and row >= 0 else float("nan")


def sample_caps(result: Result) -> Floats:
    """Highest rank ratio that the observations of every row allow, NaN where that is no limit."""
    caps = np.full(len(result.layers), np.nan)
    width, seen = counts(result, "channels"), counts(result, "observations")
    for row in np.flatnonzero(np.isfinite(width) & np.isfinite(seen)):
        caps[row] = spectra.sample_cap(int(width[row]), int(seen[row]))
    caps[caps >= 1] = np.nan
    return caps


def linear_caps(layers: tuple[LayerSpec, ...]) -> Floats:
    """Highest rank ratio of a linear layer, for every layer that has more outputs than inputs; NaN elsewhere."""
    caps = np.array([spectra.linear_cap(layer.expands_from, layer.channels) for layer in layers], dtype=np.float64)
    caps[caps >= 1] = np.nan
    return caps


def activation_after(layers: tuple[LayerSpec, ...]) -> Ints:
    """Row of the activation that follows each convolution, before the next one; -1 where there is none.

    Returns
    -------
    (rows,) int64
    """
    after = np.full(len(layers), -1, dtype=np.int64)
    waiting = -1
    for row, layer in enumerate(layers):
        if layer.kind in ("conv", "linear"):
            waiting = row
        elif layer.kind == "activation" and waiting >= 0 and layer.shape == layers[waiting].shape:
            after[waiting], waiting = row, -1
    return after


def after_sum(layers: tuple[LayerSpec, ...], row: int, later: int) -> bool:
    """Tell whether a residual sum lies between a convolution and its activation."""
    return any(layer.kind == "branch" for layer in layers[row + 1 : later])


def of_rows(values: Values, rows: NDArray[np.int64]) -> Values:
    """Pick rows of a run for other places; -1 gives nothing."""
    picked = np.full(len(rows), np.nan)
    there = rows >= 0
    picked[there] = values.values[rows[there]]
    states = np.full(len(rows), NOT_MEASURED, dtype=np.uint8)
    states[there] = values.states[rows[there]]
    ends = []
    for part in (values.low, values.high):
        end = None if part is None else np.full(len(rows), np.nan)
        if end is not None and part is not None:
            end[there] = part[rows[there]]
        ends.append(end)
    return Values(picked, ends[0], ends[1], states)
