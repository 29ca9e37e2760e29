"""Layer by layer: relative squared error or cosine of the projection against what is expected of a random ring."""

from __future__ import annotations

import numpy as np

from app.drawing.legend import Key
from app.drawing.readout import Entry
from app.drawing.ring_plots import Bars, BarsPlot
from app.reading import numbers
from app.reading.depth import Floats
from app.reading.sharing import Projected
from app.sharing import spectrum_side
from app.sharing.page import Page, stacked
from app.sharing.spectrum_side import SpectrumSide
from app.theme import Theme

TITLES = {"error": "relative squared error", "cosine": "cosine between weights and their projection"}


class LayersPage(Page):
    """One bar per layer."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Layers")
        self.plot = BarsPlot(theme, "Projection layer by layer", "layer, in order of execution", "")
        self.define("ring_error", "ring_cosine")
        self.plot.hovered.connect(self._point_at)
        self.plot.clicked.connect(lambda x, _y, _extend: self._choose(x))
        self.spectrum = SpectrumSide(theme)
        self.spectrum.hovered.connect(self._point_at_spectrum)
        self.body.addWidget(stacked(self.plot, self.spectrum, (260, 190)), 1)
        self._row = 0

    def refresh(self) -> None:
        """Draw the size that is looked at."""
        projected, value = self.projected, self.look.value
        if projected is None or not projected.ratios:
            return
        place = projected.place(self.look.ratio)
        self._show_spectrum(projected, place)
        values, expected, pruned = columns(projected, place, value)
        known = bool(np.isfinite(values).any())
        self.plot.set_title(f"{TITLES[value]}, N / M = {projected.ratios[place]}")
        self.plot.set_note("" if known else "This size is being projected …")
        second = self.second
        frames = second.layers(projected, projected.ratios[place], value) if second is not None else np.empty(0)
        bars = Bars(values, expected, pruned, frames=frames) if known else None
        largest = bars.largest if bars is not None else 1.0
        self.plot.show_bars(bars, projected.names, top=1.0 if largest <= 1 else 0.0)
        rows = [layer.name for layer in projected.layers]
        self.plot.select(rows.index(self.look.layer) if self.look.layer in rows else -1)
        self.claim.say(claim(projected, place), spectrum_side.claim(projected, place, self._row))
        theme = self.theme
        keys = [Key("bar", f"{value} of the projection", theme.color("sharing"))]
        keys += [Key("dash", expected_words(projected, value), theme.color("text"))] if expected.size else []
        keys += [Key("dot", "N largest weights kept instead", theme.color("rank"))] if pruned.size else []
        if second is not None and np.isfinite(frames).any():
            keys.append(Key("frame", second.name, theme.color("outline")))
        keys += self.spectrum.keys()
        self.legend.show_keys(tuple(keys))

    def _show_spectrum(self, projected: Projected, place: int) -> None:
        """Draw the singular values of the selected layer, of the first one if it is not shared."""
        rows = [layer.name for layer in projected.layers]
        self._row = rows.index(self.look.layer) if self.look.layer in rows else 0
        self.spectrum.show_layer(projected, place, self._row)

    def _point_at_spectrum(self, at: tuple[float, float] | None) -> None:
        projected = self.projected
        number = round(at[0]) if at is not None else 0
        if projected is None or number < 1:
            self.told.emit("", ())
            return
        found = spectrum_side.entries(projected, projected.place(self.look.ratio), self._row, number - 1)
        self.told.emit(f"{projected.layers[self._row].name}, singular value {number}" if found else "", found)

    def _place(self, x: float) -> int:
        place = round(x)
        return place if self.projected is not None and 0 <= place < len(self.projected.layers) else -1

    def _choose(self, x: float) -> None:
        place = self._place(x)
        if self.projected is not None and place >= 0:
            self.layer_chosen.emit(self.projected.layers[place].name)

    def _point_at(self, at: tuple[float, float] | None) -> None:
        projected, row = self.projected, self._place(at[0]) if at is not None else -1
        if projected is None or row < 0:
            self.told.emit("", ())
            return
        place = projected.place(self.look.ratio)
        error, cosine = projected.table("error")[place, row], projected.table("cosine")[place, row]
        expected, pruned = projected.table("error_expected")[place, row], projected.table("error_pruned")[place, row]
        found = [
            Entry("error", numbers.short(error), "sharing", term="ring_error"),
            Entry("cosine", numbers.short(cosine), "sharing", term="ring_cosine"),
            Entry("N largest weights", numbers.short(pruned), "rank", term="ring_error"),
            Entry("weights", f"{projected.table('generated')[row]:,.0f}", "text_soft", term="generated"),
            Entry("root mean square", numbers.short(projected.table("scale")[row]), "text_soft", term="scale"),
        ]
        if np.isfinite(expected):
            found.insert(1, Entry("expected", numbers.short(expected), "text_soft", term="ring_error"))
        found += self._second_entries(projected, place, row)
        self.told.emit(projected.layers[row].name, tuple(found))

    def _second_entries(self, projected: Projected, place: int, row: int) -> list[Entry]:
        """Say what the layer that corresponds has in the second network, and how much more this one has."""
        second = self.second
        none: Floats = np.empty(0)
        ratio = projected.ratios[place]
        theirs = second.layers(projected, ratio, self.look.value) if second is not None else none
        if second is None or not len(theirs) or not np.isfinite(theirs[row]):
            return []
        ours = float(projected.table(self.look.value)[place, row])
        words = f"{numbers.short(float(theirs[row]))} ({numbers.signed(ours - float(theirs[row]), 3)})"
        return [Entry(f"{second.name}, {self.look.value}", words, "outline", term="compared")]


def columns(projected: Projected, place: int, value: str) -> tuple[Floats, Floats, Floats]:
    """Values, expectation and pruning of every layer; empty for what is not known."""
    values, expected = projected.table(value)[place], projected.table("error_expected")[place]
    none = np.empty(0)
    if value == "cosine":
        law = np.sqrt(np.clip(1 - expected, 0, None)) if whitened(projected) else none
        return values, law if np.isfinite(law).any() else none, none
    return values, expected if np.isfinite(expected).any() else none, projected.table("error_pruned")[place]


def whitened(projected: Projected) -> bool:
    """Tell whether the layers were divided by their root mean square before the projection."""
    return projected.result.facts.get("scale", "").startswith("root")


def expected_words(projected: Projected, value: str) -> str:
    """Say what is expected of a ring with random signs."""
    if value == "cosine":
        return "expected, √(N / M)"
    return "expected, 1 − N / M" if whitened(projected) else "expected of layers that are not whitened"


def claim(projected: Projected, place: int) -> str:
    """Say in one line how much is lost, and where most."""
    error, kept = projected.table("error")[place], projected.table("energy_kept")[place]
    if not np.isfinite(error).any():
        return "This size is being projected …"
    worst = int(np.nanargmax(error))
    law = projected.table("energy_expected")[place]
    expected = f", N / M says {numbers.percent(float(law))}" if np.isfinite(law) else ""
    words = f"{numbers.percent(float(kept))} of the energy is kept{expected}"
    how = "whitened" if whitened(projected) else "not whitened"
    gain = projected.result.facts.get("gain", "none")
    how += f", gain {gain}" if gain != "none" else ""
    return f"{words} · largest error {numbers.short(float(error[worst]))} at {projected.names[worst]} · {how}"
