"""Singular values of one layer's weights: as trained, projected onto the ring, and the largest weights alone."""

from __future__ import annotations

import numpy as np

from app.drawing.axes import nice_top
from app.drawing.curves import Curve, CurvePlot
from app.drawing.legend import Key
from app.drawing.readout import Entry
from app.reading import numbers
from app.reading.depth import Floats
from app.reading.sharing import Projected
from app.theme import Theme

KINDS = (
    ("sigma", "σ as trained", "text"),
    ("sigma_projected", "σ projected onto the ring", "sharing"),
    ("sigma_pruned", "σ of the N largest weights alone", "rank"),
)


class SpectrumSide(CurvePlot):
    """Three lines over the number of the singular value."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Singular values before and after", "singular value, by size", "singular values")
        self.box.setMouseEnabled(x=False, y=False)

    def show_layer(self, projected: Projected, place: int, row: int) -> None:
        """Draw one layer at one size of the ring."""
        found = spectra_of(projected, place, row)
        known = [values for _, values, _ in found if values.size]
        self.set_title(f"singular values of {projected.layers[row].name}, N / M = {projected.ratios[place]}")
        missing = "The run has no singular values." if "sigma" not in projected.result else "They are being solved …"
        self.set_note("" if known else missing)
        curves = tuple(
            Curve(np.arange(1, len(values) + 1, dtype=np.float64), values, hue=hue) for _, values, hue in found
        )
        self.show_curves(curves)
        most = max((len(values) for values in known), default=1)
        top = nice_top(max((float(values.max(initial=0.0)) for values in known), default=1.0))
        home = ((0.0, most + 1.0), (0.0, 1.03 * top))
        if self.home != home:
            self.set_home(*home)

    def keys(self) -> tuple[Key, ...]:
        """Explain the lines."""
        return tuple(Key("dash", words, self.theme.color(hue)) for _, words, hue in KINDS)


def spectra_of(projected: Projected, place: int, row: int) -> tuple[tuple[str, Floats, str], ...]:
    """Words, singular values and colour of every line; empty for what has not arrived."""
    found = []
    for name, words, hue in KINDS:
        table = projected.table(name)
        values = np.empty(0)
        if table.size:
            values = table[row] if name == "sigma" else table[place, row]
        found.append((words, values[np.isfinite(values)], hue))
    return tuple(found)


def entries(projected: Projected, place: int, row: int, number: int) -> tuple[Entry, ...]:
    """Values of one singular value, counted from 0."""
    return tuple(
        Entry(words, numbers.short(float(values[number])), hue, term="ring_spectrum")
        for words, values, hue in spectra_of(projected, place, row)
        if 0 <= number < values.size
    )


def claim(projected: Projected, place: int, row: int) -> str:
    """Say in one line how a ring changes the spectrum of a layer."""
    lines = {words: values for words, values, _ in spectra_of(projected, place, row)}
    before, after = (lines[words] for words in ("σ as trained", "σ projected onto the ring"))
    if not before.size or not after.size or not before.max() > 0 or not after.max() > 0:
        return ""
    ranks = [float(values.sum() / values.max()) for values in (before, after)]
    first = numbers.percent(float((after**2).sum() / (before**2).sum()))
    words = f"{projected.layers[row].name}: Σσ / σ_max {ranks[0]:.1f} as trained, {ranks[1]:.1f} projected"
    return f"{words} · projection has {first} of the squared weights"
