"""Groups of pictures: does one fixed configuration per group help on pictures it was not chosen on, and at what scale.

Above one row per group; below the scale at which the configurations of each group look.
"""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QSplitter, QVBoxLayout, QWidget

from analysis.measures.columns import read_column
from analysis.measures.findings import ALIKE, GROUPINGS, LABEL
from analysis.measures.oracles import Floats
from analysis.problems import AnalysisError
from app.configuring.page import NO_LABELS, Page, interval
from app.configuring.scale_plot import ScalePlot
from app.drawing.bar_rows import Bar, BarRow, BarRowsPlot
from app.drawing.legend import Key
from app.drawing.readout import Entry, Line
from app.forms.widgets import button, label
from app.hints import told
from app.reading import numbers
from app.reading.chance import Gain, Pool, gain_by, jitter_gain
from app.reading.configuration_comparison import SecondConfigurations, both
from app.reading.configurations import Group, Look, Reading, Row
from app.theme import Theme

OWN = "A table with one value for each picture: CSV, npy or npz; a column named place may say which picture a line is"
SAME = "Not measured: the pictures do not differ in this, so there are no groups."
WHY_NONE = {
    "size": "Not measured: all pictures are recorded with the same size, or their size is not known.",
    "zoom": "Not measured: all pictures have the same zoom. Measure with zooms such as 0.5,0.71,1,1.41,2.",
}
IS_LABEL = "by the label itself, so no rule that could be used"


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
        self.scale, self.control = ScalePlot(theme), Line(theme)
        self.kinds, self.scales = self._choice("What groups are made by"), self._choice("Scale of a configuration")
        self.kinds.addItems(list(GROUPINGS))
        self.scales.setToolTip("What is drawn below: at what scale the configurations of each group look")
        self.own = button("Your own column…", self.choose_file, tip=OWN)
        self.pools: tuple[Pool, ...] = ()
        """Chance pools of the same pictures: what jittered weights gain by groups is the second control."""
        self.tables: list[str] = []
        self.problem = ""
        self._read: tuple[object, ...] = ()
        self._columns: dict[str, Floats] = {}
        """Name to one value for every picture of the source, from tables of the user."""
        self._groups: tuple[Group, ...] = ()
        self._second: dict[str, Group] = {}
        self._settled = False
        self._gains: dict[tuple[Reading, str], tuple[Row, Row]] = {}
        self._lay_out()
        self.define(self.plot, "static_gain", "any_correct")
        self.define(self.scale, "scale_study", "reach_by_hand")
        self.scale.told.connect(self.told)
        self.plot.row_clicked.connect(self._click)
        self.plot.row_hovered.connect(self._hover)

    def _choice(self, name: str) -> QComboBox:
        """Make a field whose choice draws the page again."""
        field = QComboBox()
        field.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        field.setAccessibleName(name)
        field.activated.connect(lambda _row: self._again())
        return field

    def _lay_out(self) -> None:
        top, choice = QHBoxLayout(), QHBoxLayout()
        for row, above in ((top, 0), (choice, 4)):
            row.setContentsMargins(12, above, 8, 0)
            row.setSpacing(8)
        for item in (label("Group by", "soft"), self.kinds, self.own):
            top.addWidget(item)
        top.addWidget(self.control, 1)
        for item in (label("Scale", "soft"), self.scales):
            choice.addWidget(item)
        choice.addStretch(1)
        self.below = QWidget()
        lower = QVBoxLayout(self.below)
        lower.setContentsMargins(0, 0, 0, 0)
        lower.setSpacing(0)
        lower.addLayout(choice)
        lower.addWidget(self.scale, 1)
        self.halves = QSplitter(Qt.Orientation.Vertical)
        self.halves.setHandleWidth(3)
        self.halves.setChildrenCollapsible(False)
        self.halves.addWidget(self.plot)
        self.halves.addWidget(self.below)
        self.halves.setSizes([270, 230])
        self.body.addLayout(top)
        self.body.addWidget(self.halves, 1)

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
        nothing = NO_LABELS if not reading.labelled else WHY_NONE.get(kind, SAME)
        self.plot.set_note("" if self._groups else nothing)
        self._second = self._second_groups(kind)
        self.plot.show_rows(tuple(_row(reading, group, self._second.get(group.words)) for group in self._groups))
        gain, shuffled = self._gain(reading, kind)
        why_not = reading.why_no_gain(kind)
        known = bool(self._groups) and (math.isfinite(gain[0]) or bool(why_not))
        own = self._columns.get(kind)
        jittered = jitter_gain(self.pools, kind) if own is None else gain_by(self.pools, own, reading.seed)
        said = claim(kind, gain, shuffled, jittered, why_not if why_not != ALIKE else "") if known else ""
        self.claim.say(said)
        self._show_scale(reading, kind)
        split = "mean and range of 50 splits above; one split is drawn below"
        split = f"{IS_LABEL} · {split}" if kind == LABEL else split
        self.control.say(self.problem or (split if known else ""))
        theme = self.theme
        keys = (
            Key("bar", reading.own, theme.color("widths")),
            Key("bar", "one configuration chosen for the group on the other half", theme.color("sharing")),
            Key("frame", "upper bound", theme.color("configurations")),
        )
        below = self.scale.keys() if self.below.isVisibleTo(self) else ()
        second = self.outline_key() if self._second else ()
        self.legend.show_keys((*keys, *below, *second) if self._groups else ())

    def _show_scale(self, reading: Reading, kind: str) -> None:
        """Draw at what scale the configurations of each group look; classes have no order to correlate with."""
        names = [scale.name for scale in reading.scales]
        if names != [self.scales.itemText(row) for row in range(self.scales.count())]:
            self.scales.clear()
            self.scales.addItems(names)
        shown = bool(self._groups) and kind != LABEL and len(reading.names) > 1
        self.below.setVisible(shown)
        if shown:
            scale = reading.scales[max(0, self.scales.currentIndex())]
            self.scale.show_study(reading, self._groups, kind, scale)

    def _second_groups(self, kind: str) -> dict[str, Group]:
        """Find groups of the second network with the same pictures, by their words; {} where they do not compare."""
        other = self.other
        if other is None or not self._groups:
            return {}
        own = self.reading is not None and kind in self.reading.columns_of_user
        found = {} if own else {group.words: group for group in other.reading.groups(kind)}
        same = {group.words: found[group.words] for group in self._groups if group.words in found}
        self.why_not = other.why_no_pictures or ("your column is of this run's pictures" if own else "")
        self.why_not = self.why_not or ("" if same else "its pictures fall into other groups")
        return same if not self.why_not else {}

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
        self._columns = {}
        prepared = reading.result.prepared
        total = prepared.samples.total if prepared is not None else len(reading.result["measured"])
        for path in self.tables:
            try:
                name, values = read_column(path, total)
            except AnalysisError as error:
                self.problem = str(told(error))
                continue
            found[f"{name} (yours)"] = values[reading.places]
            self._columns[f"{name} (yours)"] = values
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
            Entry("pictures", f"{group.pictures:,}", "text_soft", term="pictures"),
            Entry(reading.own, numbers.percent(group.plain), "widths", term="configuration_accuracy"),
            Entry(
                "chosen",
                f"{reading.names[group.chosen]}: {numbers.percent(group.fixed)}",
                "sharing",
                term="static_gain",
            ),
            Entry("receptive field", f"{field:,.0f} px", "text_soft", term="reach_by_hand"),
            Entry("upper bound", numbers.percent(group.oracle), "configurations", term="any_correct"),
            *second_entries(self.other, group, self._second.get(group.words)),
        )
        self.told.emit(f"{self.kinds.currentText()} {group.words}", found)


def second_entries(other: SecondConfigurations | None, group: Group, theirs: Group | None) -> tuple[Entry, ...]:
    """Say what a group reaches in the second network."""
    if other is None or theirs is None:
        return ()
    pairs = (("plain", group.plain, theirs.plain), ("chosen", group.fixed, theirs.fixed))
    words = [f"{word} {both(ours, there)}" for word, ours, there in pairs]
    words.append(f"upper bound {both(group.oracle, theirs.oracle)}")
    return (Entry(other.name, ", ".join(words), "outline", term="compared"),)


def _row(reading: Reading, group: Group, theirs: Group | None = None) -> BarRow:
    second = (theirs.plain, theirs.fixed, theirs.oracle) if theirs is not None else (math.nan,) * 3
    bars = (
        Bar(group.plain, "widths", outline=second[0]),
        Bar(group.fixed, "sharing", outline=second[1]),
        Bar(group.oracle, "configurations", hollow=True, outline=second[2]),
    )
    text = f"{reading.names[group.chosen]} · {group.pictures}" + (" (too few)" if group.few else "")
    return BarRow(group.words, bars, text, faint=group.few)


def claim(kind: str, gain: Row, shuffled: Row, jittered: Gain | None = None, why_not: str = "") -> str:
    """Say in one line whether grouping helps more than both controls: shuffled groups, and jittered weights.

    Parameters
    ----------
    jittered
        Gain of jittered weights beside that of as many configurations on the same pictures, None for no pool.
    why_not
        Why the gain cannot be measured, "" if it can.
    """
    if why_not:
        return f"Static gain by {kind}: {why_not}"
    words = f"Static gain by {kind} {interval(gain)} · shuffled groups {interval(shuffled)}"
    chance = gain[1] <= max(0.0, shuffled[0])
    if jittered is not None:
        words = f"{words} · {control_words(jittered)}"
        chance = chance or (not jittered.why_not and not jittered.exceeded)
    return f"{words} · no gain that chance does not give" if chance else words


def control_words(gain: Gain) -> str:
    """Say what jittered weights gain beside as many configurations on the same pictures, or why nothing is known."""
    if gain.why_not:
        return f"jittered weights {gain.why_not}"
    alike = f"{gain.guesses} configurations on the same {gain.pictures:,} pictures"
    return f"jittered weights {interval(gain.pool)}, {alike} {interval(gain.same)}"
