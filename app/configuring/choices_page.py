"""Which option of each switch point is best, in the middle and worst, against how often it could have been."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter

from analysis.measures import selection
from app.configuring.page import NO_LABELS, Page
from app.configuring.rank_plot import RankPlot
from app.drawing.bar_rows import Bar, BarRow, BarRowsPlot
from app.drawing.legend import Key
from app.drawing.readout import Entry
from app.reading import numbers
from app.reading.configuration_comparison import SecondConfigurations, both
from app.reading.configurations import Look, Reading, letter
from app.reading.depth import Floats
from app.theme import Theme

KINDS = (("best", "widths"), ("median", "sharing"), ("worst", "bundles"), ("opportunity", "cost"))


class ChoicesPage(Page):
    """One row per option, four bars each."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Choices")
        self.plot = BarRowsPlot(theme, "Choices per switch point", "", "share of pictures")
        self.ranks = RankPlot(theme)
        halves = QSplitter(Qt.Orientation.Vertical)
        halves.setHandleWidth(3)
        halves.setChildrenCollapsible(False)
        halves.addWidget(self.plot)
        halves.addWidget(self.ranks)
        halves.setSizes([320, 190])
        self.body.addWidget(halves, 1)
        self.define(self.plot, "choice_share", "opportunity")
        self.define(self.ranks, "rank_curve")
        self.ranks.told.connect(self.told)
        self.plot.row_hovered.connect(self._hover)

    def refresh(self, reading: Reading, look: Look) -> None:
        """Draw all switch points."""
        self.plot.set_note("" if reading.labelled else NO_LABELS)
        rows = rows_of(reading, self.other) if reading.labelled else ()
        self.plot.show_rows(rows, (0.0, 1.0))
        self.why_not = self.other.why_no_choices if self.other is not None else ""
        self.plot.set_title("best ÷ opportunity at the right: above 1 an option is best more often than it is right")
        words = {"opportunity": "opportunity: one vote a picture, spread over its right configurations"}
        keys = tuple(Key("bar", words.get(name, f"{name} by loss"), self.theme.color(hue)) for name, hue in KINDS)
        second = self.outline_key() if self.other is not None and self.other.same_configurations else ()
        ranked = reading.labelled and len(reading.names) > 1
        self.ranks.setVisible(ranked)
        if ranked:
            self.ranks.show_reading(reading)
        self.legend.show_keys((*keys, *(self.ranks.keys() if ranked else ()), *second) if reading.labelled else ())
        points = " · ".join(f"{letter(place)} = {name}" for place, name in enumerate(reading.points))
        self.claim.say(points)

    def _hover(self, row: int) -> None:
        if not 0 <= row < len(self.plot.rows):
            self.told.emit("", ())
            return
        found = self.plot.rows[row]
        values = zip(KINDS, found.bars, strict=True)
        told = tuple(Entry(name, _with_second(bar), hue, term=_term(name)) for (name, hue), bar in values)
        self.told.emit(found.name, (*told, Entry("best ÷ opportunity", found.text, "text_soft", term="opportunity")))


def _term(name: str) -> str:
    return "opportunity" if name == "opportunity" else "choice_share"


def _with_second(bar: Bar) -> str:
    """Words for a bar, with that of the second network and the difference."""
    second = both(bar.value, bar.outline)
    return f"{numbers.percent(bar.value)}, there {second}" if second else numbers.percent(bar.value)


def _shares(reading: Reading, point: int) -> dict[str, Floats]:
    return selection.choice_shares(reading.correct, reading.table("loss"), reading.options, point)


def rows_of(reading: Reading, other: SecondConfigurations | None = None) -> tuple[BarRow, ...]:
    """One row for each option of each point; bars of a second network that tried the same ones are framed."""
    found = []
    second = other.reading if other is not None and other.same_configurations else None
    for point in range(len(reading.points)):
        shares = _shares(reading, point)
        theirs = _shares(second, point) if second is not None else {}
        for option in range(len(shares["best"])):
            first = int(np.flatnonzero(reading.options[:, point] == option)[0])
            token = reading.token(first, point)
            name = f"{letter(point)}  {reading.family} {token}" + (" (its own)" if option == 0 else "")
            bars = tuple(
                Bar(
                    float(shares[kind][option]),
                    hue,
                    outline=float(theirs[kind][option]) if kind in theirs else math.nan,
                )
                for kind, hue in KINDS
            )
            ratio = float(shares["preference"][option])
            text = f"{ratio:.2f} ×" if np.isfinite(ratio) else numbers.NOTHING
            found.append(BarRow(name, bars, text, rule=option == 0 and point > 0))
    return tuple(found)
