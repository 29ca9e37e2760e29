"""Groups of pictures: does one fixed configuration per group, chosen on one half, help on the other half."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout

from analysis.measures import selection
from analysis.measures.columns import read_column
from analysis.measures.findings import GROUPINGS
from analysis.problems import AnalysisError
from app.configuring.page import NO_LABELS, Page, interval
from app.drawing.bar_rows import Bar, BarRow, BarRowsPlot
from app.drawing.readout import Entry, Key, Line
from app.forms.widgets import button, label
from app.reading import numbers
from app.reading.chance import Pool, jitter_gain
from app.reading.configurations import Group, Look, Reading, Row
from app.theme import Theme

OWN = "A table with one value for each picture: CSV, npy or npz; a column named place may say which picture a line is"
SAME = "The pictures do not differ in this, so there are no groups."


class GroupsPage(Page):
    """One row per group: plain, the configuration chosen for the group, and the upper bound."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Groups")
        self.plot = BarRowsPlot(
            theme,
            "Groups of pictures",
            "choice and pictures at the right",
            "accuracy on the half that nothing was chosen on",
        )
        self.kinds = QComboBox()
        self.kinds.addItems(list(GROUPINGS))
        self.kinds.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.kinds.setAccessibleName("What groups are made by")
        self.kinds.activated.connect(lambda _row: self._again())
        self.control = Line(theme)
        self.own = button("Your own column…", self.choose_file, tip=OWN)
        self.pools: tuple[Pool, ...] = ()
        """Chance pools of the same pictures: what jittered weights gain by groups is the second control."""
        self.tables: list[str] = []
        self._read: tuple[object, ...] = ()
        self.problem = ""
        top = QHBoxLayout()
        top.setContentsMargins(12, 0, 8, 0)
        top.setSpacing(8)
        top.addWidget(label("Group by", "soft"))
        top.addWidget(self.kinds)
        top.addWidget(self.own)
        top.addWidget(self.control, 1)
        self.body.addLayout(top)
        self.body.addWidget(self.plot, 1)
        self._groups: tuple[Group, ...] = ()
        self._settled = False
        self._gains: dict[tuple[Reading, str], tuple[Row, Row]] = {}
        self.define(self.plot, "static_gain", "any_correct")
        self.plot.row_clicked.connect(self._click)
        self.plot.row_hovered.connect(self._hover)

    def _again(self) -> None:
        self._settled = True
        if self.reading is not None:
            self.refresh(self.reading, self.look)

    def refresh(self, reading: Reading, look: Look) -> None:
        """Draw the groups of one kind; at first of the kind in which pictures differ."""
        self._take_tables(reading)
        kinds = [kind for kind in GROUPINGS if kind != "column" or "column" in reading.result]
        kinds += list(reading.columns_of_user)
        if kinds != [self.kinds.itemText(row) for row in range(self.kinds.count())]:
            before = self.kinds.currentText()
            self.kinds.clear()
            self.kinds.addItems(kinds)
            self.kinds.setCurrentText(before)
        if not self._settled:
            first = next((kind for kind in ("zoom", "contrast") if reading.groups(kind)), "contrast")
            self.kinds.setCurrentText(first)
        kind = self.kinds.currentText()
        self._groups = reading.groups(kind) if reading.labelled else ()
        self.plot.set_note("" if self._groups else NO_LABELS if not reading.labelled else SAME)
        self.plot.show_rows(tuple(_row(reading, group) for group in self._groups))
        gain, shuffled = self._gain(reading, kind)
        known = math.isfinite(gain[0]) and bool(self._groups)
        self.claim.say(claim(self._groups, kind, gain, shuffled, jitter_gain(self.pools, kind)) if known else "")
        split = "mean and range of 50 splits above; one split is drawn below"
        self.control.say(self.problem or (split if known else ""))
        theme = self.theme
        keys = (
            Key("bar", reading.own, theme.color("widths")),
            Key("bar", "one configuration chosen for the group on the other half", theme.color("sharing")),
            Key("frame", "upper bound", theme.color("configurations")),
        )
        self.legend.show_keys(keys if self._groups else ())

    def _gain(self, reading: Reading, kind: str) -> tuple[Row, Row]:
        """Return the grouped static gain and its control; for a column of the user they are worked out once."""
        key = (reading, kind)
        if key not in self._gains:
            self._gains = {key: reading.gain(kind)}
        return self._gains[key]

    def choose_file(self) -> None:
        """Ask for a table."""
        dialog = QFileDialog(self, "A column of your own", "", "Tables (*.csv *.tsv *.txt *.npy *.npz)")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.take_table)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def take_table(self, path: str) -> None:
        """Group by a table of the user."""
        self.tables = [*(other for other in self.tables if other != path), path]
        self._read = ()
        if self.reading is not None:
            self._take_tables(self.reading)
            self._settled = True
            names = list(self.reading.columns_of_user)
            self.refresh(self.reading, self.look)
            if names and not self.problem:
                self.kinds.setCurrentText(names[-1])
                self.refresh(self.reading, self.look)

    def _take_tables(self, reading: Reading) -> None:
        """Read the user's tables for the pictures of a run, once."""
        if self._read == (reading, *self.tables):
            return
        self._read, self.problem, found = (reading, *self.tables), "", {}
        prepared = reading.result.prepared
        total = prepared.samples.total if prepared is not None else len(reading.result["measured"])
        for path in self.tables:
            try:
                name, values = read_column(path, total)
            except AnalysisError as error:
                self.problem = f"{error} {error.hint}"
                continue
            found[f"{name} (yours)"] = values[reading.places]
        if self.problem:  # a table that does not fit is told once and forgotten
            self.tables = self.tables[:-1]
            self._read = (reading, *self.tables)
        reading.columns_of_user = found

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
            Entry(reading.own, numbers.percent(group.plain), "widths"),
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


def claim(groups: tuple[Group, ...], kind: str, gain: Row, shuffled: Row, jittered: Row | None = None) -> str:
    """Say in one line whether grouping helps more than both controls: shuffled groups, and jittered weights."""
    if all(len(group.rows) < selection.FEWEST for group in groups):
        return f"Every group has fewer than {selection.FEWEST} pictures and keeps the plain network"
    words = f"Static gain by {kind} {interval(gain)} · shuffled groups {interval(shuffled)}"
    controls = [0.0, shuffled[0]]
    if jittered is not None:
        words = f"{words} · jittered weights {interval(jittered)}"
        controls.append(jittered[0])
    return f"{words} · no gain that chance does not give" if gain[1] <= max(controls) else words
