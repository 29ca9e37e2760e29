"""Sensitivity: what is lost when one group is narrowed, group by ratio, and the configuration that loses least."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from analysis.catalogue import MethodInfo, Value
from analysis.measures.widths.sensitivity import MOST_EXACT
from app.drawing.legend import Key
from app.drawing.matrix import Cells, MatrixPlot
from app.drawing.readout import Entry
from app.drawing.signed_matrix import SignedCells, difference_keys, largest
from app.forms.difference import DifferenceSwitch
from app.forms.widgets import button, label
from app.reading import numbers
from app.reading.depth import Floats
from app.reading.width_comparison import SecondSensitivity
from app.reading.width_search import Sensitivity
from app.theme import Theme
from app.widening.page import Page, choice_field, number_field
from app.workspace import Run

RULES = (
    ("l1", "L1 norm"),
    ("l2", "L2 norm"),
    ("bn_scale", "batch-norm scale"),
    ("random", "chance"),
    ("taylor", "Taylor"),
    ("activation", "activation energy"),
    ("activation_rank", "activation rank"),
)
MEASURES = (("accuracy", "accuracy"), ("loss", "cross-entropy"))
RATIOS = "0.75, 0.5, 0.25"
HINT = "Point at a cell for its numbers · click a cell to select its group"
EMPTY = (
    "Sensitivity narrows every width group by itself, really builds that network, and classifies the pictures with it. "
    "Nothing is retrained. It needs pictures with labels."
)
SIDE = 236


class SensitivityPage(Page):
    """A matrix of groups and ratios, with the presets that it allows beside it."""

    targeted = Signal(float)
    """The user wants another target: its share of the original."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Sensitivity of width groups", "width_sensitivity", HINT)
        self.reading: Sensitivity | None = None
        self.second: SecondSensitivity | None = None
        """The network that is compared with, set before a run is shown."""
        self.switch = DifferenceSwitch(lambda: self.changed.emit())
        self.claim_row.addWidget(self.switch)
        self.info: MethodInfo | None = None
        """What is known of the method, set before a run is shown: an unfinished run can go on if it says so."""
        self.locked: frozenset[str] = frozenset()
        self._kept = ""
        self.ratios = QLineEdit(RATIOS)
        self.ratios.setMinimumWidth(110)
        self.rule, self.measure = choice_field(RULES), choice_field(MEASURES)
        self.run = button("Measure", self._ask, "primary", "Narrow every group to every share, one at a time")
        self.add_field("shares of the width", self.ratios, "Shares that are tried, comma-separated")
        self.add_field("keep by", self.rule, "How the channels that stay are chosen: follows the rule of the edits")
        self.add_field("shown", self.measure, "What is shown, and what a preset adds up")
        self.fields.add(self.run, pushed=True)
        self.plot = MatrixPlot(theme, "Loss by group and share of its width", "width group", "share of its width kept")
        self.plot.cell_hovered.connect(self._point)
        self.plot.cell_clicked.connect(self._choose)
        self.plot.menu_wanted.connect(self.show_menu)
        self.measure.currentIndexChanged.connect(lambda _row: self.changed.emit())
        self._lay_out()

    def _lay_out(self) -> None:
        self.greedy = button("Use greedy choice", lambda: self.used.emit("greedy"), "", "One step that can be undone")
        self.exact = button("Use exact choice", lambda: self.used.emit("exact"), "", "One step that can be undone")
        self.target = label("", "soft", wrap=True)
        self.share = number_field(1, 10000, 100, " %", 1)
        self.share.setAccessibleName("Target, percent of the original")
        self.share.lineEdit().setAccessibleName("Target, percent of the original")
        self.share.setToolTip("The budget that presets keep, the same as below the profile")
        self.share.valueChanged.connect(lambda value: self.targeted.emit(value / 100))
        self.why = label("", "small", wrap=True)
        self.side = QWidget()
        self.side.setFixedWidth(SIDE)
        column = QVBoxLayout(self.side)
        column.setContentsMargins(8, 20, 12, 4)
        column.addWidget(label("Keep what hurts least", "heading"))
        column.addWidget(self.target)
        column.addWidget(self.share)
        column.addWidget(self.greedy)
        column.addWidget(self.exact)
        column.addWidget(self.why)
        column.addStretch(1)
        self.both = QWidget()
        row = QHBoxLayout(self.both)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.plot, 1)
        row.addWidget(self.side)
        self.note = label(EMPTY, "soft", wrap=True)
        self.note.setAlignment(Qt.AlignmentFlag.AlignCenter)
        middle = QVBoxLayout()
        middle.setContentsMargins(80, 0, 80, 0)
        middle.addWidget(self.note, 1)
        self.body.addWidget(self.both, 1)
        self.both.hide()  # until there is something to show
        self.body.addLayout(middle, 0)

    # -- showing -----------------------------------------------------------------------------------------------------

    def follow(self, keep: str) -> None:
        """Narrow as the edits do once their rule ("random:7" with a seed) has changed."""
        if keep != self._kept:
            self._kept = keep
            self.rule.setCurrentIndex(max(self.rule.findData(keep.partition(":")[0] or "l1"), 0))

    def show_run(
        self,
        run: Run | None,
        waiting: Run | None,
        target: tuple[str, float],
        locked: frozenset[str] = frozenset(),
    ) -> None:
        """Draw a run as far as it has come.

        Parameters
        ----------
        run, waiting
            The newest run, and one that is on its way.
        target
            The cost that a preset keeps, and its share.
        locked
            Groups that the user has locked: presets leave them out.
        """
        self.locked = locked
        self.strip.show_run(waiting or run, self.info)
        self.run.setEnabled(waiting is None)
        self.reading = Sensitivity(run.result) if run is not None else None
        self.both.setVisible(self.reading is not None)
        self.note.setVisible(self.reading is None)
        self.readout.setVisible(self.reading is not None)
        second = self.second if self.reading is not None else None
        self.switch.offer(second.name if second is not None else "")
        if self.reading is None:
            self.claim.say("")
            self.legend.show_keys(())
            return
        self._draw(self.reading, target)

    def _draw(self, reading: Sensitivity, target: tuple[str, float]) -> None:
        measure = str(self.measure.currentData())
        losses = reading.losses(measure)
        top = max(float(np.nan_to_num(losses).max(initial=0.0)), 1e-9)
        texts = np.nan_to_num(np.rint(losses)).astype(np.int64) if measure == "accuracy" else None
        cells = Cells(losses, top, None, texts)
        if self.switch.on and self.second is not None:
            cells = self._difference(losses - self.second.losses(measure), texts is not None)
        self.plot.show_cells(cells, reading.names, reading.ratios)
        unit = "points of accuracy" if measure == "accuracy" else "nats of cross-entropy"
        least, most = self.theme.heat(0.0), self.theme.heat(1.0)
        missing = bool(np.isnan(losses).any())
        keys: tuple[Key, ...] = (Key("bar", "little", least), Key("bar", f"{numbers.short(top)} {unit} lost", most))
        if self.switch.on:
            words = f"{numbers.short(cells.top)} {unit} "
            keys = difference_keys(self.theme, self.switch.name, f"{words}less", f"{words}more")
        none = (Key("bar", "not measured yet", self.theme.color("not_applicable")),) if missing else ()
        self.legend.show_keys((*keys, *none))
        self._show_presets(reading, target, missing)
        accuracy, loss = reading.baseline
        whole = f"whole network {accuracy:.1f} %, {loss:.3f} nats" if np.isfinite(accuracy) else ""
        self.claim.say(" · ".join(part for part in (self.why_not, reading.claim(), whole) if part))

    @staticmethod
    def _difference(values: Floats, rounded: bool) -> SignedCells:
        """How much more is lost here than in the second network; points of accuracy are written into the cells."""
        texts = np.nan_to_num(np.rint(values)).astype(np.int64) if rounded else None
        return SignedCells(values, largest(values), None, texts)

    def _show_presets(self, reading: Sensitivity, target: tuple[str, float], missing: bool) -> None:
        self.target.setText(f"Losses of single groups are added up. Target of the {target[0]}:")
        with QSignalBlocker(self.share):
            self.share.setValue(100 * target[1])
        count = reading.free(self.locked)
        few = count <= MOST_EXACT
        self.greedy.setEnabled(reading.done > 0)
        self.exact.setEnabled(reading.done > 0 and few)
        words = [] if few else [f"{count} groups are too many for every combination: at most {MOST_EXACT}."]
        if missing and reading.done:
            words.append("Groups that are not measured yet keep their width.")
        self.why.setText(" ".join(words))

    # -- gestures ----------------------------------------------------------------------------------------------------

    def _choose(self, row: int, _column: int) -> None:
        if self.reading is not None:
            self.group_chosen.emit(self.reading.names[row])

    def _point(self, row: int, column: int) -> None:
        reading = self.reading
        if reading is None or row < 0:
            self.readout.show_entries("", ())
            return
        at = (row, column)
        points, nats = (float(reading.losses(name)[at]) for name in ("accuracy", "loss"))
        entries = (
            Entry(
                "width",
                f"{numbers.short(float(reading.widths[at]))} ({reading.ratios[column]})",
                "widths",
                term="width",
            ),
            Entry("accuracy", _measured(-points, 1, "points"), "bundles", term="width_sensitivity"),
            Entry("cross-entropy", _measured(nats, 3, "nats"), "bundles", term="loss"),
            Entry("MACs then", _cost(reading, "macs", at), "cost", term="macs"),
            Entry("parameters then", _cost(reading, "parameters", at), "cost", term="parameters"),
        )
        self.readout.show_entries(reading.names[row], (*entries, *self._second_entries(reading, at)))

    def _second_entries(self, reading: Sensitivity, at: tuple[int, int]) -> tuple[Entry, ...]:
        """Say what the group that corresponds loses in the second network, and how much more this one loses."""
        second = self.second
        if second is None:
            return ()
        words = []
        for name, places, unit in (("accuracy", 1, "points"), ("loss", 3, "nats")):
            theirs, ours = float(second.losses(name)[at]), float(reading.losses(name)[at])
            if np.isfinite(theirs - ours):
                words.append(f"{numbers.signed(theirs, places)} {unit} lost ({numbers.signed(ours - theirs, places)})")
        return (Entry(second.name, ", ".join(words) or "has no group that corresponds", "outline", term="compared"),)

    def _ask(self) -> None:
        wanted: dict[str, Value] = {}
        if self.ratios.text().strip() != RATIOS:
            wanted["ratios"] = self.ratios.text().strip()
        if self.rule.currentData() != "l1":
            wanted["rule"] = str(self.rule.currentData())
        self.measured.emit(wanted)

    def state(self) -> dict[str, Any]:
        """Return what is asked and shown."""
        return {"ratios": self.ratios.text(), "measure": self.measure.currentData()}

    def restore(self, state: Any) -> None:
        """Take over what :meth:`state` returned; what is unknown is ignored."""
        if isinstance(state, dict):
            if isinstance(state.get("ratios"), str):
                self.ratios.setText(state["ratios"])
            self.measure.setCurrentIndex(max(self.measure.findData(state.get("measure")), 0))


def _cost(reading: Sensitivity, name: str, at: tuple[int, int]) -> str:
    return numbers.short(float(reading.result[name][at]))


def _measured(value: float, places: int, unit: str) -> str:
    return f"{numbers.signed(value, places)} {unit}" if value == value else "not measured"
