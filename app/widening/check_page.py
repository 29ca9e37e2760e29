"""The edited network beside the original: outputs, accuracy and costs as a table, rank and bundles layer by layer."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QHeaderView, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from analysis.result import Result
from app.drawing.legend import Key
from app.drawing.readout import Entry, Readout
from app.drawing.ring_plots import Bars, BarsPlot
from app.forms.side_page import SidePage
from app.forms.widgets import GRID, button, label
from app.reading import numbers, width_runs
from app.reading.comparing import compared_run, network_name
from app.reading.depth import Floats
from app.reading.width_check import (
    BUNDLES,
    CHECK,
    RANK,
    Line,
    Pair,
    bundle_pair,
    lines,
    pair_of,
    rank_pair,
)
from app.reading.width_comparison import second_lines, second_values
from app.theme import Theme
from app.widening.page import RunStrip, choice_field
from app.workspace import Run, Workspace

SHOWN = ((RANK, "effective rank"), (BUNDLES, "bundle entropy"))
TITLES = {RANK: "effective rank by width", BUNDLES: "bundle entropy"}
HEADS = ("", "original", "edited", "batch norm anew", "")
"""The last one is the network that is compared with, there only if one is."""
ANEW = "The edited network with the means and variances of batch norm measured anew on the pictures"
LETTERS = 14
"""Of the name of a second network above its column; all of it on hovering."""
ROOM = 352
"""Pixels that the table needs at least: with more columns it is scrolled, so that the plot keeps its room."""
CELL = 8
"""Pixels between two columns of the table."""
NUMBER = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
HUES = {RANK: "rank", BUNDLES: "bundles"}
ASK = {RANK: "Measure both", BUNDLES: "Count both"}
NOTHING_EDITED = "Nothing is edited yet: drag a handle in the profile, then check the network that it makes."
NOT_CHECKED = "Check, below, builds the edited network and runs it beside the original on the loaded pictures."
HINT = "Bars are the edited network, dashes the original · click a layer to select it everywhere"


class CheckPage(SidePage):
    """A table at the left, one measure over the layers at the right."""

    measured = Signal(str)
    """The user wants a method run for both networks."""
    stopped = Signal(int)
    opened = Signal(str)
    """The user wants another view: its name."""
    layer_chosen = Signal(str)
    changed = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Check of the edited network")
        self._filled: object = None
        self._pair: Pair | None = None
        self._second: tuple[str, Floats] = ("", np.empty(0))
        self.strip = RunStrip(theme)
        self.strip.stopped.connect(self.stopped)
        self.table = QTableWidget(0, len(HEADS))
        self.table.setAccessibleName("Original and edited network")
        self.table.setHorizontalHeaderLabels(HEADS)
        self.table.verticalHeader().hide()
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setShowGrid(False)
        self.table.setWordWrap(False)
        anew = QTableWidgetItem(HEADS[3])
        anew.setToolTip(ANEW)
        self.table.setHorizontalHeaderItem(3, anew)
        self.table.horizontalHeader().setDefaultAlignment(NUMBER)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.table.setSizeAdjustPolicy(QTableWidget.SizeAdjustPolicy.AdjustToContents)
        self.table.verticalHeader().setDefaultSectionSize(round(2.1 * theme.text_size))
        self.plot = BarsPlot(theme, "Rank or bundles, layer by layer", "layer, in order of execution", "")
        self.plot.hovered.connect(self._point)
        self.plot.clicked.connect(lambda x, _y, _extend: self._choose(round(x)))
        self.shown = choice_field(SHOWN)
        self.shown.setAccessibleName("Measure")
        self.shown.currentIndexChanged.connect(lambda _row: self.changed.emit())
        self.measure = button("", self._ask, "", "The same pictures for both; a stored answer is used", "Measure both")
        self.open = button("", self._open, "link", "The tab that goes deep", "Open the tab")
        self.note = label("", "soft", wrap=True)
        self.note.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.note.setMinimumHeight(60)
        self.readout = Readout(theme)
        self.readout.set_hint(HINT)
        self._lay_out()

    def _lay_out(self) -> None:
        choice = QWidget()
        row = QHBoxLayout(choice)
        row.setContentsMargins(12, 2, 8, 2)
        row.setSpacing(GRID)
        row.addWidget(self.shown)
        row.addWidget(self.measure)
        row.addStretch(1)
        row.addWidget(self.open)
        self.choice = choice
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addWidget(choice)
        right.addWidget(self.plot, 1)
        # Beside each other: below a table of nine rows no height would be left for a plot with names.
        both = QHBoxLayout()
        both.setContentsMargins(8, 0, 0, 0)
        both.setSpacing(0)
        both.addWidget(self.table, 0, Qt.AlignmentFlag.AlignTop)
        both.addLayout(right, 1)
        self.body.addWidget(self.strip)
        self.body.addWidget(self.note)
        self.body.addLayout(both, 1)
        self.body.addWidget(self.readout)

    # -- showing -----------------------------------------------------------------------------------------------------

    def show_state(self, workspace: Workspace) -> None:
        """Show what is known of the present edits."""
        edits, method = workspace.edits, str(self.shown.currentData())
        checked = width_runs.newest(workspace, CHECK, edits) if not edits.empty else None
        ranks = rank_pair(*(_result(run) for run in pair_of(workspace, RANK)))
        bundles = bundle_pair(*(_result(run) for run in pair_of(workspace, BUNDLES)))
        found = lines(_result(checked), ranks, bundles) if not edits.empty else ()
        waiting = next((run for m in (CHECK, RANK, BUNDLES) if (run := width_runs.waiting(workspace, m))), None)
        self.strip.show_run(waiting)
        self.note.setVisible(not found)
        self.note.setText(NOTHING_EDITED if edits.empty else NOT_CHECKED)
        self.table.setVisible(bool(found))
        compared = compared_run(workspace)
        theirs = second_lines(workspace, _result(checked)) if compared is not None else {}
        self._fill(found, network_name(compared) if compared is not None and theirs else "", theirs)
        self._pair = ranks if method == RANK else bundles
        self._second = second_values(workspace, method, self._pair.names) if self._pair else ("", np.empty(0))
        self._show_pair(edits.empty, method)
        said = edits.summary() if not edits.empty else "The network as it is"
        self.claim.say(said[:1].upper() + said[1:])

    def _fill(self, found: tuple[Line, ...], name: str, theirs: dict[str, str]) -> None:
        if (found, name, theirs) == self._filled:
            return
        self._filled = (found, name, theirs)
        third = any(line.recalibrated for line in found)
        self.table.setRowCount(len(found))
        for row, line in enumerate(found):
            texts = (line.words, line.original, line.edited, line.recalibrated, theirs.get(line.words, ""))
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                item.setToolTip(line.about)
                if column:
                    item.setTextAlignment(NUMBER)
                self.table.setItem(row, column, item)
        self.table.setColumnHidden(3, not third)
        self.table.setColumnHidden(4, not name)
        second = QTableWidgetItem(name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…")
        second.setToolTip(name)
        self.table.setHorizontalHeaderItem(4, second)
        self.table.resizeColumnsToContents()
        for column in range(len(HEADS)):
            self.table.setColumnWidth(column, self.table.columnWidth(column) + CELL)
        rows = self.table.verticalHeader().defaultSectionSize() * len(found)
        header = self.table.horizontalHeader()
        wide, high = header.length() + 4, header.sizeHint().height() + rows + 4
        bar = self.table.horizontalScrollBar().sizeHint().height() if wide > ROOM else 0
        self.table.setMinimumWidth(min(wide, ROOM))
        self.table.setMaximumWidth(wide)
        self.table.setFixedHeight(high + bar)

    def _show_pair(self, empty: bool, method: str) -> None:
        pair, theme = self._pair, self.theme
        complete = pair is not None and both_measured(pair)
        self.measure.setText(ASK[method])
        self.measure.setVisible(not empty and not complete)
        self.open.setText("Open Rank" if method == RANK else "Open Bundles")
        for widget in (self.choice, self.plot, self.readout):
            widget.setVisible(not empty)
        self.plot.set_title(TITLES[method])
        self.plot.set_note("" if pair is not None else "Not measured yet for the edited network.")
        if pair is None:
            self.plot.show_bars(None)
            self.legend.show_keys(())
            return
        hue = HUES[method]
        top = 1.0 if method == RANK else 0.0
        name, theirs = self._second
        self.plot.show_bars(Bars(pair.edited, pair.original, pair.original[:0], hue, frames=theirs), pair.names, top)
        keys = [Key("bar", "edited", theme.color(hue)), Key("dash", "original", theme.color("text"))]
        keys += [Key("frame", name, theme.color("outline"))] if np.isfinite(theirs).any() else []
        self.legend.show_keys(tuple(keys) if not empty else ())

    # -- gestures ----------------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        self.measured.emit(str(self.shown.currentData()))

    def _open(self) -> None:
        self.opened.emit("rank" if self.shown.currentData() == RANK else "bundles")

    def _choose(self, place: int) -> None:
        if self._pair is not None and 0 <= place < len(self._pair.names):
            self.layer_chosen.emit(self._pair.names[place])

    def _point(self, place: tuple[float, float] | None) -> None:
        pair = self._pair
        at = round(place[0]) if place is not None else -1
        if pair is None or not 0 <= at < len(pair.names):
            self.readout.show_entries("", ())
            return
        hue = HUES[str(self.shown.currentData())]
        values = (("original", pair.original, "text"), ("edited", pair.edited, hue))
        entries = tuple(
            Entry(words, numbers.short(float(v[at])), color, page="edited_check#Definition")
            for words, v, color in values
        )
        name, theirs = self._second
        if at < len(theirs) and np.isfinite(theirs[at]):
            shown = float(pair.edited[at]) if np.isfinite(pair.edited[at]) else float(pair.original[at])
            words = f"{numbers.short(float(theirs[at]))} ({numbers.signed(shown - float(theirs[at]), 3)})"
            entries = (*entries, Entry(name, words, "outline", term="compared"))
        self.readout.show_entries(pair.names[at], entries)


def both_measured(pair: Pair) -> bool:
    """Tell whether both networks have a number."""
    return all(bool((values == values).any()) for values in (pair.original, pair.edited))


def _result(run: Run | None) -> Result | None:
    return run.result if run is not None else None
