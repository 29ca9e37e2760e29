"""The ring itself: which layer reads which part of it, how often its entries are used, and how evenly."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter

from app.drawing.curves import Curve, CurvePlot, Guide
from app.drawing.matrix import Cells, MatrixPlot
from app.drawing.readout import Entry, Key
from app.drawing.ring_plots import Bars, BarsPlot
from app.reading import numbers
from app.reading.glossary import TERMS
from app.reading.sharing import Projected
from app.sharing.entry_panel import EntryPanel
from app.sharing.page import Page
from app.theme import Theme


class RingPage(Page):
    """Map above; sums of its columns, histogram of uses and one entry below."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Usage of the ring")
        self.map = MatrixPlot(theme, "Usage of the ring by layers", "layer", "part of the ring")
        self.sums = CurvePlot(theme, "All layers together", "part of the ring", "all layers, over even")
        self.reuse = BarsPlot(theme, "Uses of entries", "times used", "entries")
        self.entry = EntryPanel(theme)
        self.entry.layer_chosen.connect(self.layer_chosen)
        self.define("usage", "reuse", "distinct")
        self.map.cell_hovered.connect(self._point_at)
        self.map.cell_clicked.connect(self._choose)
        below = QSplitter(Qt.Orientation.Horizontal)
        halves = QSplitter(Qt.Orientation.Vertical)
        for splitter, parts in ((below, (self.sums, self.reuse, self.entry)), (halves, (self.map, below))):
            splitter.setHandleWidth(3)
            splitter.setChildrenCollapsible(False)
            for part in parts:
                splitter.addWidget(part)
        below.setSizes([165, 155, 457])
        halves.setSizes([280, 220])
        self.body.addWidget(halves, 1)

    def refresh(self) -> None:
        """Draw the described size of a run."""
        projected = self.projected
        if projected is None:
            return
        usage = projected.table("usage")
        known = bool(np.isfinite(usage).any())
        self.map.set_note("" if known else "The ring is being read …")
        top = max(2.0, float(np.nanpercentile(usage, 99))) if known else 2.0
        size, parts = projected.number("detail_size"), usage.shape[1]
        self.map.columns.title = f"part of the ring: {parts} of {size / max(parts, 1):,.0f} entries each"
        self.map.show_cells(Cells(usage, top) if known else None, projected.names)
        self._show_sums(projected)
        self._show_reuse(projected)
        self.entry.show_projected(projected)
        self.claim.say(claim(projected))
        theme = self.theme
        keys = [Key("bar", words, theme.heat(at / top)) for words, at in (("0.5", 0.5), ("1 = even", 1.0))]
        keys.append(Key("bar", f"{top:.2g} and more uses over those of an even spread", theme.heat(1.0)))
        keys += [
            Key("bar", "entries by number of uses", theme.color("sharing")),
            Key("dot", "if weights drew entries independently (Poisson)", theme.color("rank")),
        ]
        self.legend.show_keys(tuple(keys))

    def _show_sums(self, projected: Projected) -> None:
        sums = projected.column_sum()
        x = np.arange(len(sums), dtype=np.float64)
        self.sums.show_curves((Curve(x, sums, hue="sharing", steps=True),), (Guide("y", 1.0, "even"),))
        known = sums[np.isfinite(sums)]
        low, high = (float(known.min()), float(known.max())) if known.size else (1.0, 1.0)
        home = ((-1.0, max(len(sums), 1.0)), (min(0.5, 0.9 * low), max(1.5, 1.1 * high)))
        if self.sums.home != home:
            self.sums.set_home(*home)

    def _show_reuse(self, projected: Projected) -> None:
        counts, poisson, _mean = projected.reuse()
        known = bool(counts.any())
        nothing = np.empty(0)
        names = tuple(str(place) for place in range(len(counts)))
        self.reuse.show_bars(Bars(np.where(counts > 0, counts, np.nan), nothing, poisson) if known else None)
        self.reuse.x_axis.set_names((), len(names))

    def _point_at(self, row: int, column: int) -> None:
        projected = self.projected
        if projected is None or row < 0:
            self.told.emit("", ())
            return
        usage, layer = projected.table("usage"), projected.layers[row]
        size, parts = projected.number("detail_size"), usage.shape[1]
        entries = f"{column * size / parts:,.0f} to {(column + 1) * size / parts - 1:,.0f}"
        distinct, expected = projected.table("distinct")[row], projected.table("distinct_expected")[row]
        likely = f", {expected:,.0f} expected" if np.isfinite(expected) else ""
        found = (
            Entry("entries", entries, "text_soft"),
            Entry("uses over even", f"{usage[row, column]:.2f}", "sharing", TERMS["usage"].definition),
            Entry("unevenness", f"{projected.unevenness()[row]:.2f} of random", "text_soft", TERMS["usage"].definition),
            Entry("different entries", f"{distinct:,.0f}{likely}", "text_soft", TERMS["distinct"].definition),
        )
        self.told.emit(layer.name, found)

    def _choose(self, row: int, column: int) -> None:
        if self.projected is not None:
            self.entry.look_up(row, column)
            self.layer_chosen.emit(self.projected.layers[row].name)


def claim(projected: Projected) -> str:
    """Say in one line how evenly the ring is used."""
    counts, poisson, mean = projected.reuse()
    used = np.flatnonzero(counts)
    if not used.size:
        return "The ring is being read …"
    low, high = int(used.min()), int(used.max())
    times = f"{low}" if low == high else f"{low} to {high}"
    words = f"Every entry is used {times} times (M / N = {mean:.2f})"
    spread = np.sqrt(float((counts * (np.arange(len(counts)) - mean) ** 2).sum() / counts.sum()))
    words += f" · spread ± {spread:.1f}, ± {np.sqrt(mean):.1f} if each weight drew its own"
    if len(poisson) and poisson[0] >= 1:
        words += f" with {numbers.short(round(float(poisson[0])))} entries unused"
    return words
