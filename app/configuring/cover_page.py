"""How few configurations reach most of the oracle, and which switch points it needs."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QSplitter

from app.configuring.page import NO_LABELS, Page, differences, entries
from app.drawing.bar_rows import Bar, BarRow, BarRowsPlot
from app.drawing.curves import Curve, CurvePlot, Guide, Spots
from app.drawing.legend import Key
from app.drawing.readout import Entry
from app.reading import numbers
from app.reading.configuration_comparison import SecondConfigurations, both
from app.reading.configurations import Look, Reading
from app.theme import Theme

MOST = 24


class CoverPage(Page):
    """The staircase above; below it the list that was chosen, and subsets of switch points."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Small sets")
        self.stairs = CurvePlot(theme, "Cover", "configurations in the set", "right by at least one: upper bound")
        self.stairs.y_axis.text = _percent
        self.stairs.x_axis.text = _count
        self.chosen = BarRowsPlot(theme, "Chosen configurations", "in order; pictures added · MACs", "added, share")
        self.lattice = BarRowsPlot(
            theme, "Subsets of switch points", "points that may choose: upper bound", "share of pictures"
        )
        below, halves = QSplitter(Qt.Orientation.Horizontal), QSplitter(Qt.Orientation.Vertical)
        below.addWidget(self.chosen)
        below.addWidget(self.lattice)
        below.setSizes([390, 390])
        halves.addWidget(self.stairs)
        halves.addWidget(below)
        halves.setSizes([210, 280])
        for splitter in (below, halves):
            splitter.setHandleWidth(3)
            splitter.setChildrenCollapsible(False)
        self.from_own = QCheckBox("begin with the plain network")
        self.from_own.setChecked(True)
        self.from_own.setToolTip("Off: the first configuration is the one that is right most often, whichever it is")
        self.from_own.toggled.connect(lambda _on: self._again())
        start = QHBoxLayout()
        start.setContentsMargins(12, 0, 8, 0)
        start.addWidget(self.from_own)
        start.addStretch(1)
        self.body.addLayout(start)
        self.body.addWidget(halves, 1)
        self.define(self.stairs, "greedy_cover")
        self.define(self.chosen)
        self.define(self.lattice, "point_subsets")
        self.chosen.row_clicked.connect(self._choose)
        self.chosen.row_hovered.connect(self._hover)

    def _again(self) -> None:
        if self.reading is not None:
            self.refresh(self.reading, self.look)

    def refresh(self, reading: Reading, look: Look) -> None:
        """Draw the cover of one half and what it reaches on the other."""
        enough = reading.halvable
        self.from_own.setVisible(enough)
        self.from_own.setText(f"begin with the {reading.own_network}")
        for one in (reading, *((self.other.reading,) if self.other is not None else ())):
            one.cover_from_own = self.from_own.isChecked()
        self.stairs.set_note(
            "" if enough else NO_LABELS if not reading.labelled else "Too few pictures for two halves."
        )
        if not enough:
            self.stairs.show_curves(())
            for plot in (self.chosen, self.lattice):
                plot.show_rows(())
            self.legend.show_keys(())
            return
        second = self._second()
        self._show_stairs(reading, second)
        cover = reading.cover
        half = len(reading.halves[0])
        theirs = same_set(reading, second)
        self.chosen.show_rows(
            tuple(
                BarRow(reading.names[number], (Bar(gain / half, "configurations", outline=other),),
                       f"+{gain} · {numbers.short(float(reading.macs[number]))}")
                for number, gain, other in zip(cover.chosen, cover.gains, theirs, strict=True)
            ),
            selected=cover.chosen.index(look.configuration) if look.configuration in cover.chosen else -1,
        )  # fmt: skip
        self._show_lattice(reading, second)
        self.claim.say(claim(reading))
        theme = self.theme
        keys = (
            Key("dash", "half that the set was chosen on (dashed)", theme.color("configurations")),
            Key("dot", "other half", theme.color("configurations")),
        )
        self.legend.show_keys((*keys, *(self.outline_key() if second is not None else ())))

    def _second(self) -> SecondConfigurations | None:
        """Return the network that is compared with, if it tried the same configurations on enough pictures."""
        other = self.other
        if other is None:
            return None
        few = not other.reading.halvable
        self.why_not = other.why_no_choices or ("it has too few pictures for two halves" if few else "")
        return other if not self.why_not else None

    def _show_stairs(self, reading: Reading, second: SecondConfigurations | None) -> None:
        cover = reading.cover
        count = min(len(cover.chosen), MOST)
        x = np.arange(1, count + 1, dtype=np.float64)
        chosen, other = np.array(cover.selected[:count]), np.array(cover.reported[:count])
        curves: tuple[Curve, ...] = (
            Curve(x, chosen, hue="configurations", steps=True, dashed=True),
            Curve(x, other, hue="configurations", steps=True),
        )
        if second is not None:
            theirs = np.array(second.reading.cover.reported[:MOST])
            behind = Curve(np.arange(1, len(theirs) + 1, dtype=np.float64), theirs, hue="outline", steps=True)
            curves = (behind, *curves)
        report = reading.halves[1]
        whole = float(reading.correct[report].any(axis=1).mean())
        guides = (
            Guide("y", whole, f"all {len(reading.names)}: upper bound"),
            Guide("y", float(reading.correct[report, 0].mean()), reading.own),
        )
        self.stairs.show_curves(curves, guides)
        self.stairs.show_spots((Spots(x, other, hue="configurations"),))
        low = float(min(curve.y.min() for curve in curves))
        home = ((0.7, count + 0.3), (max(0.0, low - 0.06), 1.01))
        if self.stairs.home != home:
            self.stairs.set_home(*home)

    def _show_lattice(self, reading: Reading, second: SecondConfigurations | None) -> None:
        theirs = {one.letters: one.oracle for one in second.reading.subsets} if second is not None else {}
        rows = []
        for one in reading.subsets:
            outline = theirs.get(one.letters, float("nan"))
            bars = (Bar(one.oracle, "configurations", hollow=True, outline=outline), Bar(one.equal, "cost"))
            text = both(one.oracle, outline)
            words = numbers.percent(one.oracle) + f" · {text}" * bool(text)
            rows.append(BarRow(f"{one.letters} (K = {one.count})", bars, words))
        self.lattice.show_rows(tuple(rows))
        smallest, whole = min(one.count for one in reading.subsets), 2 ** len(reading.points) - 1
        shown = f"{len(rows)} of {whole:,} sets of points" if len(rows) < whole else "points that may choose"
        self.lattice.set_title(f"{shown}: upper bound; grey: {smallest} at random")

    def _choose(self, row: int) -> None:
        if self.reading is not None:
            self.configuration_chosen.emit(self.reading.cover.chosen[row])

    def _hover(self, row: int) -> None:
        known = self.reading is not None and 0 <= row < len(self.chosen.rows)
        self.tell_configuration(self.reading.cover.chosen[row] if self.reading is not None and known else -1)

    def tell_configuration(self, number: int) -> None:
        """Tell what a configuration reaches, and what it adds in either network."""
        reading = self.reading
        if reading is None or number not in reading.cover.chosen:
            super().tell_configuration(number)
            return
        place = reading.cover.chosen.index(number)
        (bar,) = self.chosen.rows[place].bars
        words = both(bar.value, bar.outline)
        found = (
            *entries(reading, number),
            Entry("adds", numbers.percent(bar.value), "configurations", term="greedy_cover"),
        )
        if self.other is not None and words:
            found = (*found, Entry(f"{self.other.name}, adds", words, "outline", term="compared"))
        self.told.emit(reading.names[number], (*found, *differences(self.other, number)))


def same_set(reading: Reading, other: SecondConfigurations | None) -> list[float]:
    """Share of pictures that the same configurations add, in the same order, in a second network; NaN without one.

    Of the half of its pictures that its own set is chosen on.
    """
    chosen = list(reading.cover.chosen)
    if other is None:
        return [float("nan")] * len(chosen)
    right = other.reading.correct[other.reading.halves[0]][:, other.columns[chosen]]
    reached = np.maximum.accumulate(right, axis=1).mean(axis=0)
    return [float(share) for share in np.diff(reached, prepend=0.0)]


def _count(number: float) -> str:
    """Write whole numbers only: there is no half of a configuration."""
    return f"{number:,.0f}" if abs(number - round(number)) < 1e-9 else ""


def _percent(share: float) -> str:
    return f"{100 * share:.3g}{numbers.SPACE}%"


def claim(reading: Reading) -> str:
    """Say in one line how few configurations reach nearly all."""
    cover, report = reading.cover, reading.halves[1]
    whole = float(reading.correct[report].any(axis=1).mean())
    enough = next(
        (n for n, share in enumerate(cover.selected, 1) if share >= 0.99 * cover.selected[-1]), len(cover.chosen)
    )
    here, there = cover.selected[enough - 1], cover.reported[enough - 1]
    return (
        f"{enough} of {len(reading.names)} reach {numbers.percent(here)} on the half they were chosen on, "
        f"{numbers.percent(there)} on the other, where all reach {numbers.percent(whole)}"
    )
