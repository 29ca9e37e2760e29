"""The ring itself: which layer reads which part of it, how often its entries are used, and how evenly."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter

from app.drawing.curves import Curve, CurvePlot, Guide
from app.drawing.legend import Key
from app.drawing.matrix import Cells, MatrixPlot
from app.drawing.readout import Entry
from app.drawing.ring_plots import Bars, BarsPlot
from app.drawing.signed_matrix import SignedCells, difference_keys, largest
from app.forms.difference import DifferenceSwitch
from app.reading import numbers
from app.reading.depth import Floats
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
        self._usage: Floats = np.empty((0, 0))
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
        self.switch = DifferenceSwitch(self.refresh)
        self.claim_row.addWidget(self.switch)
        self.body.addWidget(halves, 1)

    def refresh(self) -> None:
        """Draw the described size of a run."""
        projected = self.projected
        if projected is None:
            return
        usage = projected.table("usage")
        self._take_second(projected)
        known = bool(np.isfinite(usage).any())
        self.map.set_note("" if known else "The ring is being read …")
        top = max(2.0, float(np.nanpercentile(usage, 99))) if known else 2.0
        size, parts = projected.number("detail_size"), usage.shape[1]
        self.map.columns.title = f"part of the ring: {parts} of {size / max(parts, 1):,.0f} entries each"
        cells = Cells(usage, top)
        if self.switch.on:
            cells = SignedCells(usage - self._usage, largest(usage - self._usage))
        self.map.show_cells(cells if known else None, projected.names)
        self._show_sums(projected)
        self._show_reuse(projected)
        self.entry.show_projected(projected)
        self.claim.say(claim(projected))
        theme = self.theme
        keys = [Key("bar", words, theme.heat(at / top)) for words, at in (("0.5", 0.5), ("1 = even", 1.0))]
        keys.append(Key("bar", f"{top:.2g} and more uses over those of an even spread", theme.heat(1.0)))
        if self.switch.on:
            words = numbers.short(largest(usage - self._usage))
            keys = [*difference_keys(theme, self.switch.name, f"{words} less", f"{words} more")]
        keys += [
            Key("bar", "entries by number of uses", theme.color("sharing")),
            Key("dot", "if weights drew entries independently (Poisson)", theme.color("rank")),
        ]
        if self._usage.size and self.second is not None:
            keys.append(Key("frame", self.second.name, theme.color("outline")))
        self.legend.show_keys(tuple(keys))

    def _take_second(self, projected: Projected) -> None:
        """Read the uses of the second network's ring, and offer the difference."""
        second = self.second
        self._usage = second.usage(projected) if second is not None else np.empty((0, 0))
        there = second is not None and second.projected is not None
        self.why_not = "its ring is divided into other parts" if there and not self._usage.size else ""
        self.switch.offer(second.name if second is not None and self._usage.size else "")

    def _show_sums(self, projected: Projected) -> None:
        sums = projected.column_sum()
        x = np.arange(len(sums), dtype=np.float64)
        theirs = self.second.projected if self.second is not None and self._usage.size else None
        behind = theirs.column_sum() if theirs is not None else np.empty(0)
        second = (Curve(x, behind, hue="outline", steps=True),) if behind.size else ()
        own = Curve(x, sums, hue="sharing", steps=True)
        self.sums.show_curves((*second, own), (Guide("y", 1.0, "even"),))
        known = np.concatenate([sums, behind])
        known = known[np.isfinite(known)]
        low, high = (float(known.min()), float(known.max())) if known.size else (1.0, 1.0)
        home = ((-1.0, max(len(sums), 1.0)), (min(0.5, 0.9 * low), max(1.5, 1.1 * high)))
        if self.sums.home != home:
            self.sums.set_home(*home)

    def _show_reuse(self, projected: Projected) -> None:
        counts, poisson, _mean = projected.reuse()
        known = bool(counts.any())
        nothing = np.empty(0)
        names = tuple(str(place) for place in range(len(counts)))
        frames = self._second_reuse(projected, len(counts))
        if len(frames) > len(counts):
            counts, poisson = (np.pad(each, (0, len(frames) - len(each))) for each in (counts, poisson))
            names = tuple(str(place) for place in range(len(counts)))
        bars = Bars(np.where(counts > 0, counts, np.nan), nothing, poisson, frames=frames)
        self.reuse.show_bars(bars if known else None)
        self.reuse.x_axis.set_names((), len(names))

    def _second_reuse(self, projected: Projected, least: int) -> Floats:
        """Entries of the second network's ring by number of uses, for as many entries as this one has."""
        theirs = self.second.projected if self.second is not None and self._usage.size else None
        if theirs is None:
            return np.empty(0)
        counts = theirs.reuse()[0] * projected.number("detail_size") / theirs.number("detail_size")
        counts = np.pad(counts, (0, max(0, least - len(counts))))
        return np.where(counts > 0, counts, np.nan)

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
        found: tuple[Entry, ...] = (
            Entry("entries", entries, "text_soft", term="ring_part"),
            Entry("uses over even", f"{usage[row, column]:.2f}", "sharing", term="usage"),
            Entry("unevenness", f"{projected.unevenness()[row]:.2f} of random", "text_soft", term="usage"),
            Entry("different entries", f"{distinct:,.0f}{likely}", "text_soft", term="distinct"),
        )
        if self.second is not None and self._usage.size and np.isfinite(self._usage[row, column]):
            theirs = float(self._usage[row, column])
            words = f"{theirs:.2f} ({numbers.signed(float(usage[row, column]) - theirs, 2)})"
            found = (*found, Entry(f"{self.second.name}, uses over even", words, "outline", term="compared"))
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
