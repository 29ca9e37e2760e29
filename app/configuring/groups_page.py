"""Groups of pictures: does one fixed configuration per group, chosen on one half, help on the other half."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtWidgets import QComboBox, QHBoxLayout

from analysis.measures import selection
from analysis.measures.findings import GROUPINGS
from app.configuring.page import NO_LABELS, Page, interval
from app.drawing.bar_rows import Bar, BarRow, BarRowsPlot
from app.drawing.readout import Entry, Key, Line
from app.forms.widgets import label
from app.reading import numbers
from app.reading.configurations import Group, Look, Reading
from app.theme import Theme

SAME = "The pictures do not differ in this, so there are no groups."


class GroupsPage(Page):
    """One row per group: plain, the configuration chosen for the group, and the upper bound."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Groups")
        self.plot = BarRowsPlot(theme, "Groups of pictures", "", "accuracy on the half that nothing was chosen on")
        self.kinds = QComboBox()
        self.kinds.addItems(list(GROUPINGS))
        self.kinds.setAccessibleName("What groups are made by")
        self.kinds.activated.connect(lambda _row: self._again())
        self.control = Line(theme)
        top = QHBoxLayout()
        top.setContentsMargins(12, 0, 8, 0)
        top.setSpacing(8)
        top.addWidget(label("Group by", "soft"))
        top.addWidget(self.kinds)
        top.addWidget(self.control, 1)
        self.body.addLayout(top)
        self.body.addWidget(self.plot, 1)
        self._groups: tuple[Group, ...] = ()
        self._settled = False
        self.define(self.plot, "static_gain", "any_correct")
        self.plot.row_clicked.connect(self._click)
        self.plot.row_hovered.connect(self._hover)

    def _again(self) -> None:
        self._settled = True
        if self.reading is not None:
            self.refresh(self.reading, self.look)

    def refresh(self, reading: Reading, look: Look) -> None:
        """Draw the groups of one kind; at first of the kind in which pictures differ."""
        if not self._settled:
            first = next((kind for kind in ("zoom", "contrast") if reading.groups(kind)), "contrast")
            self.kinds.setCurrentText(first)
        kind = self.kinds.currentText()
        self._groups = reading.groups(kind) if reading.labelled else ()
        self.plot.set_note("" if self._groups else NO_LABELS if not reading.labelled else SAME)
        self.plot.show_rows(tuple(_row(reading, group) for group in self._groups))
        gain, shuffled = reading.measure(f"static gain by {kind}"), reading.measure(f"static gain by {kind}, shuffled")
        known = math.isfinite(gain[0]) and bool(self._groups)
        self.claim.say(claim(self._groups, kind, gain, shuffled) if known else "")
        self.control.say("mean and range of 50 splits above; one split is drawn below" if known else "")
        theme = self.theme
        keys = (
            Key("bar", "plain", theme.color("widths")),
            Key("bar", "one configuration chosen for the group on the other half", theme.color("sharing")),
            Key("frame", "upper bound", theme.color("configurations")),
        )
        self.legend.show_keys(keys if self._groups else ())

    def _click(self, row: int) -> None:
        group = self._groups[row]
        self.pictures_chosen.emit(f"{self.kinds.currentText()} {group.words}", group.rows)

    def _hover(self, row: int) -> None:
        reading = self.reading
        if reading is None or not 0 <= row < len(self._groups):
            self.told.emit("", ())
            return
        group = self._groups[row]
        field = float(np.max(reading.result["receptive_field"][group.chosen]))
        found = (
            Entry("pictures", f"{len(group.rows):,}", "text_soft"),
            Entry("plain", numbers.percent(group.plain), "widths"),
            Entry("chosen", f"{reading.names[group.chosen]}: {numbers.percent(group.fixed)}", "sharing"),
            Entry("receptive field", f"{field:,.0f} px", "text_soft"),
            Entry("upper bound", numbers.percent(group.oracle), "configurations"),
        )
        self.told.emit(f"{self.kinds.currentText()} {group.words}", found)


def _row(reading: Reading, group: Group) -> BarRow:
    bars = (Bar(group.plain, "widths"), Bar(group.fixed, "sharing"), Bar(group.oracle, "configurations", hollow=True))
    few = len(group.rows) < selection.FEWEST
    text = f"{reading.names[group.chosen]} · {len(group.rows)}" + (" (too few)" if few else "")
    return BarRow(group.words, bars, text, faint=few)


def claim(
    groups: tuple[Group, ...], kind: str, gain: tuple[float, float, float], shuffled: tuple[float, float, float]
) -> str:
    """Say in one line whether grouping helps more than choosing at random."""
    if all(len(group.rows) < selection.FEWEST for group in groups):
        return f"Every group has fewer than {selection.FEWEST} pictures and keeps the plain network"
    words = f"Static gain by {kind} {interval(gain)} · shuffled groups {interval(shuffled)}"
    return f"{words} · no gain that chance does not give" if gain[1] <= max(0.0, shuffled[0]) else words
