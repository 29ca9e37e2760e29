"""Plots of singular values: their distribution, and the rank against the tolerance."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import Signal

from analysis.config import LayerSpec
from analysis.measures import spectra
from analysis.result import Result
from app.drawing.curves import SERIES, Curve, CurvePlot, Guide
from app.reading import numbers, rank_reading
from app.reading.depth import Floats, shown_name
from app.reading.rank_reading import HIGHEST, LOWEST, Reading
from app.theme import Theme

LEFT = -4.0
"""Exponent at the left end of the distribution."""
MOST = len(SERIES)
NO_LAYERS = "Select layers to compare their singular values."


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """Singular values of one layer.

    Attributes
    ----------
    layer
        The layer they belong to.
    label
        Words by which it is known.
    sigma
        (component,) singular values in any order.
    width
        Number of rows of the feature matrix; missing singular values count as 0.
    rtol
        Tolerance in force, NaN for none.
    hue
        Colour role, "" for the next of the series.
    """

    layer: LayerSpec
    label: str
    sigma: Floats
    width: int
    rtol: float
    hue: str = ""

    @property
    def words(self) -> str:
        """The label as people read it."""
        return shown_name(self.label)


def spectra_of(result: Result, names: tuple[str, ...], reading: Reading) -> tuple[Spectrum, ...]:
    """Singular values of the named layers, as far as they have arrived, at most one per series colour."""
    places = {layer.name: row for row, layer in enumerate(result.layers)}
    found: list[Spectrum] = []
    for name in names[-MOST:]:
        row = places.get(name, -1)
        sigma = rank_reading.spectrum(result, row, reading.centred)
        if sigma.size:
            layer = result.layers[row]
            width = int(result["channels"][row]) if "channels" in result else layer.channels
            found.append(Spectrum(layer, name, sigma, width, rank_reading.tolerance(result, row, reading)))
    return tuple(found)


def hue_of(number: int) -> str:
    """Colour role of a curve among several."""
    return SERIES[number % len(SERIES)]


class SpectrumPlot(CurvePlot):
    """Portion of singular values up to a size, one step curve per layer.

    Denominator is the width, also where fewer observations than channels were seen: what is missing counts as 0.
    """

    tolerance_dragged = Signal(float, bool)
    """New tolerance, and whether the drag has ended."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(
            theme, "Distribution of singular values", "σ / σ_max", "Singular values up to x (% of width)", log_x=True
        )
        self.set_home((LEFT, 0.0), (0.0, 102.0))
        self.box.setLimits(xMin=-9.0, xMax=0.2, minXRange=0.5, yMin=0, yMax=102)
        self.guide_moved.connect(lambda at, done: self.tolerance_dragged.emit(10.0**at, done))

    def show_spectra(self, found: tuple[Spectrum, ...], note: str = NO_LAYERS) -> None:
        """Draw the distributions of some layers; the note says why there are none."""
        curves = tuple(_curve(item, number) for number, item in enumerate(found))
        guides = [guide for number, item in enumerate(found) for guide in _elbow(item, number)]
        guides += _tolerance_guide(found)
        self.show_curves(curves, tuple(guides))
        dead = [item.words for item in found if not np.any(item.sigma > 0)]
        if found and len(dead) == len(found):
            self.set_note(f"{', '.join(dead)} is zero on all pictures: it has no distribution.")
        else:
            self.set_note("" if found else note)


def _curve(item: Spectrum, number: int) -> Curve:
    x, portion = spectra.distribution(item.sigma, item.width)
    if not x.size:
        return Curve(np.empty(0), np.empty(0), f"{item.words} (zero)", item.hue or hue_of(number))
    floor = 10.0**-9
    shown = x > floor
    below = float(portion[~shown][-1]) if np.any(~shown) else 0.0
    exponents = np.concatenate([[math.log10(floor)], np.log10(x[shown]), [0.2]])
    share = np.concatenate([[below], portion[shown], [1.0]])
    return Curve(exponents, 100 * share, item.words, item.hue or hue_of(number), steps=True)


def _elbow(item: Spectrum, number: int) -> list[Guide]:
    """Where the distribution of an expanding layer bends."""
    portion = spectra.elbow(item.layer.expands_from, item.width)
    if not math.isfinite(portion):
        return []
    words = f"1 − (d_in + 1) / d_out = {100 * portion:.0f} %"
    return [Guide("y", 100 * portion, words, f"{100 * portion:.0f} %", tick=True, hue=hue_of(number))]


def _tolerance_guide(found: tuple[Spectrum, ...]) -> list[Guide]:
    """Mark the tolerance of the last layer, the current one; it can be dragged."""
    if not found or not found[-1].rtol > 0:
        return []
    at = math.log10(found[-1].rtol)
    alone = all(math.isclose(item.rtol, found[-1].rtol, rel_tol=1e-3) for item in found)
    words = f"tolerance {numbers.scientific(found[-1].rtol)}"
    return [Guide("x", at, words if alone else f"{words} of {found[-1].words}", words, movable=True)]


class TolerancePlot(CurvePlot):
    """Numerical rank over the tolerance: a plateau is a well-defined rank, a slope means that there is none."""

    tolerance_dragged = Signal(float, bool)

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Rank against tolerance", "tolerance (σ / σ_max)", "Rank / width", log_x=True)
        self.item.legend_at, self.item.labels_at = "bottom", 0.5
        ends = (math.log10(LOWEST), math.log10(HIGHEST))
        self.set_home(ends, (0.0, 1.04))
        self.box.setLimits(xMin=ends[0], xMax=ends[1], minXRange=0.5, yMin=0, yMax=1.04)
        self.guide_moved.connect(lambda at, done: self.tolerance_dragged.emit(10.0**at, done))

    def show_spectra(self, found: tuple[Spectrum, ...], note: str = NO_LAYERS) -> None:
        """Draw the rank ratios of some layers; the note says why there are none."""
        x = np.log10(spectra.CURVE_RTOLS)
        curves = tuple(
            Curve(
                x,
                spectra.rank_curve(item.sigma) / max(item.width, 1),
                item.words,
                item.hue or hue_of(number),
                steps=True,
            )
            for number, item in enumerate(found)
        )
        self.show_curves(curves, tuple(_tolerance_guide(found)))
        self.set_note("" if found else note)
