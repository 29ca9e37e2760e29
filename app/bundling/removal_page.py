"""Removal of residual blocks: tick blocks, see what is known of the network without them, keep that or not."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QStackedLayout,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.drawing.legend import Key, Legend
from app.drawing.readout import Entry, Line
from app.drawing.removal_plot import RemovalPlot, Removed
from app.forms.term_label import TermLabel
from app.forms.widgets import button, label
from app.reading import numbers
from app.reading.glossary import TERMS
from app.reading.removal import GROUPS, RemovalReading
from app.theme import Theme

HUES = {"conflicting": "bundles", "non-conflicting": "rank", "all": "cost"}
ORDERS = (("lowest critical tolerance first", "configurations"), ("highest first", "widths"))
LEAST, SIDE = 200, 262
"""Least and largest width of the blocks in pixels."""
COSTS = (
    ("accuracy", "Accuracy", "removal_accuracy"),
    ("parameters", "Parameters", "parameters"),
    ("macs", "MACs", "macs"),
    ("latency0", "Latency, 1 picture", "removal_latency"),
    ("latency1", "Latency, 64 pictures", "removal_latency"),
    ("peak_memory0", "Peak memory, 1", "peak_memory"),
    ("peak_memory1", "Peak memory, 64", "peak_memory"),
)
"""Numbers of the grid, their names, and their terms in the glossary."""


class RemovalPage(QWidget):
    """Blocks at the left, curves at the right, costs below them."""

    kept = Signal(tuple)
    """The user wants the network without these blocks."""
    measured = Signal(tuple)
    """The user wants the network without these blocks measured; empty for the whole study."""
    told = Signal(str, object)
    help_wanted = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.setAccessibleName("Removal of blocks")
        self.reading: RemovalReading | None = None
        self.second: tuple[str, RemovalReading] | None = None
        """Name and study of the network that is compared with."""
        self._edits: tuple[str, ...] = ()
        self._listed: tuple[object, ...] = ()
        self._taking = False
        self.claim, self.legend = Line(theme, "text", "text"), Legend(theme, wrap=True)
        self.tree, self.plot = self._make_tree(), RemovalPlot(theme)
        self.first = button("Tick", self._tick_first)
        self.keep = button("Keep", lambda: self.kept.emit(self.ticked), "primary")
        self.measure = button("Measure", lambda: self.measured.emit(self.ticked))
        self.cells: dict[str, tuple[QLabel, QLabel, QLabel]] = {}
        self.note = label("", "soft", wrap=True)
        self.note.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.ask = button("Measure removal", lambda: self.measured.emit(()), "primary")
        self.plot.hovered.connect(self._point_at)
        self._lay_out()

    # -- parts -------------------------------------------------------------------------------------------------------

    def _make_tree(self) -> QTreeWidget:
        tree = QTreeWidget()
        tree.setRootIsDecorated(False)
        tree.setUniformRowHeights(True)
        tree.setAccessibleName("Residual blocks")
        tree.setHeaderLabels(["remove block", "critical", ""])
        tree.headerItem().setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        tree.headerItem().setToolTip(1, f"{TERMS['critical_tolerance'].definition} Of the block's branch.")
        tree.header().setSectionsClickable(True)
        tree.header().sectionClicked.connect(
            lambda section: self.help_wanted.emit(TERMS["critical_tolerance"].page) if section == 1 else None
        )
        tree.header().setStretchLastSection(False)
        tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        tree.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        tree.header().setSectionResizeMode(2, QHeaderView.ResizeMode.ResizeToContents)
        tree.itemChanged.connect(lambda _item, _column: self._ticks_changed())
        return tree

    def _lay_out(self) -> None:
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(8, 0, 0, 4)
        column.setSpacing(6)
        column.addWidget(self.tree, 1)
        for press in (self.first, self.measure, self.keep):
            column.addWidget(press)
        left.setMinimumWidth(LEAST)
        left.setMaximumWidth(SIDE)
        costs = QWidget()
        self._make_costs(costs)
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addWidget(self.plot, 1)
        right.addWidget(self.legend)
        right.addWidget(costs)
        both = QWidget()
        row = QHBoxLayout(both)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(left)
        row.addLayout(right, 1)
        empty = QWidget()
        middle = QVBoxLayout(empty)
        middle.setContentsMargins(120, 0, 120, 0)
        middle.addStretch(2)
        middle.addWidget(self.note)
        middle.addWidget(self.ask, alignment=Qt.AlignmentFlag.AlignHCenter)
        middle.addStretch(3)
        head = QVBoxLayout()
        head.setContentsMargins(12, 4, 8, 4)
        head.addWidget(self.claim)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        self.sides = QStackedLayout()
        self.sides.addWidget(both)
        self.sides.addWidget(empty)
        layout.addLayout(self.sides, 1)

    def _make_costs(self, costs: QWidget) -> None:
        grid = QGridLayout(costs)
        grid.setContentsMargins(12, 4, 16, 4)
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(1)
        grid.setColumnStretch(4, 1)
        for place, words in enumerate(("whole", "without", "change"), start=1):
            grid.addWidget(label(words, "small"), 0, place, Qt.AlignmentFlag.AlignRight)
        for row, (name, words, term) in enumerate(COSTS, start=1):
            title = TermLabel(words, term)
            title.help_wanted.connect(self.help_wanted)
            grid.addWidget(title, row, 0)
            cells = (label("", "small"), label("", "small"), label("", "small"))
            for place, cell in enumerate(cells, start=1):
                cell.setMinimumWidth(64)
                cell.setAlignment(Qt.AlignmentFlag.AlignRight)
                grid.addWidget(cell, row, place)
            self.cells[name] = cells

    # -- showing -----------------------------------------------------------------------------------------------------

    def show_nothing(self, words: str, button_words: str = "") -> None:
        """Say why there is nothing, with a button where one helps."""
        self.reading = None
        self.note.setText(words)
        self.ask.setText(button_words)
        self.ask.setVisible(bool(button_words))
        self.claim.say("")
        self.sides.setCurrentIndex(1)

    def show_removal(self, reading: RemovalReading, removed: tuple[str, ...]) -> None:
        """Show a run; blocks that the edits remove are ticked when the edits change."""
        self.reading = reading
        self.sides.setCurrentIndex(0)
        self._list_blocks(reading, removed)
        self._draw()

    def _list_blocks(self, reading: RemovalReading, removed: tuple[str, ...]) -> None:
        listed = (id(reading.result), reading.blocks, reading.tolerance.tobytes(), reading.conflicting.tobytes())
        if listed == self._listed and removed == self._edits:
            return
        ticked = self.ticked if removed == self._edits else removed
        self._listed, self._edits = listed, removed
        self._taking = True
        self.tree.clear()
        for name, critical, conflict in zip(
            reading.blocks, reading.tolerance.tolist(), reading.conflicting.tolist(), strict=True
        ):
            words = "conflict" if conflict == 1 else ""
            item = QTreeWidgetItem([name, _tolerance(critical), words])
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsSelectable)
            item.setCheckState(0, Qt.CheckState.Checked if name in ticked else Qt.CheckState.Unchecked)
            item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            item.setSizeHint(0, QSize(0, round(2.4 * self.theme.text_size)))
            item.setFont(0, self.theme.font("code"))
            self.tree.addTopLevelItem(item)
        self._taking = False

    @property
    def ticked(self) -> tuple[str, ...]:
        """Names of the ticked blocks, in network order."""
        items = (self.tree.topLevelItem(row) for row in range(self.tree.topLevelItemCount()))
        return tuple(item.text(0) for item in items if item and item.checkState(0) == Qt.CheckState.Checked)

    def tick(self, blocks: tuple[str, ...]) -> None:
        """Tick these blocks and no others."""
        self._taking = True
        for row in range(self.tree.topLevelItemCount()):
            item = self.tree.topLevelItem(row)
            if item is not None:
                item.setCheckState(0, Qt.CheckState.Checked if item.text(0) in blocks else Qt.CheckState.Unchecked)
        self._taking = False
        self._draw()

    def _tick_first(self) -> None:
        if self.reading is not None:
            self.tick(self.reading.first(self.reading.bearable()))

    def _ticks_changed(self) -> None:
        if not self._taking:
            self._draw()

    def _draw(self) -> None:
        reading = self.reading
        if reading is None:
            return
        ticked = frozenset(self.ticked)
        accuracy = reading.accuracy(ticked)
        curves = curves_of(reading)
        chosen = (len(ticked), 100 * accuracy)
        outlines = outlines_of(self.second[1]) if self.second is not None else ()
        self.plot.show_removed(curves, len(reading.blocks), chosen, 100 * reading.least(), outlines)
        keys = [Key("dash", f"random: {c.name}", self.theme.color(c.hue)) for c in curves if not c.ordered]
        keys += [Key("dash", f"order: {c.name}", self.theme.color(c.hue)) for c in curves if c.ordered]
        none = self.theme.color("unused")
        keys += [Key("dash", f"no {name} block at τ, so no curve", none) for name in reading.empty_groups()]
        keys.append(Key("dot", "ticked", self.theme.color("text")))
        if self.second is not None:
            keys.append(Key("frame", f"{self.second[0]} (random dashed)", self.theme.color("text")))
        self.legend.show_keys(tuple(keys))
        self.claim.say(claim(reading))
        self._show_costs(reading, ticked, accuracy)
        self._show_buttons(reading, ticked, accuracy)

    def _show_buttons(self, reading: RemovalReading, ticked: frozenset[str], accuracy: float) -> None:
        count, bearable = len(ticked), reading.bearable()
        self.first.setText(f"Tick the first {bearable} of the order" if bearable else "Tick the first of the order")
        self.first.setEnabled(bearable > 0)
        self.first.setToolTip("As many, lowest critical tolerance first, as the accepted loss of accuracy allows")
        same = ticked == frozenset(self._edits)
        words = f"Remove {count} block{'' if count == 1 else 's'}" if count else "Put all blocks back"
        now = "Removed from the network" if count else "Tick blocks to remove"
        self.keep.setText(now if same else words)
        self.keep.setEnabled(not same)
        self.keep.setToolTip("Changes the network that is open; can be undone")
        self.measure.setEnabled(bool(ticked) and math.isnan(accuracy) and reading.result.finished is not None)
        self.measure.setText("Measure without these blocks")
        known = "Already measured" if math.isfinite(accuracy) else "Accuracy, memory and latency of exactly these"
        self.measure.setToolTip(known)

    def _show_costs(self, reading: RemovalReading, ticked: frozenset[str], accuracy: float) -> None:
        pairs = {"accuracy": (reading.whole, accuracy if ticked else math.nan)}
        for name in ("parameters", "macs"):
            whole, without = reading.cost(name, ticked)
            pairs[name] = (whole, without if ticked else math.nan)
        for name in ("latency", "peak_memory"):
            for column in (0, 1):
                whole, reduced = reading.measured(name, column)
                known = reduced if ticked and ticked == reading.reduced else math.nan
                pairs[f"{name}{column}"] = (whole, known)
        for name, (whole, without) in pairs.items():
            for cell, text in zip(self.cells[name], _texts(name, whole, without), strict=True):
                cell.setText(text)

    # -- pointing ----------------------------------------------------------------------------------------------------

    def _point_at(self, place: tuple[float, float] | None) -> None:
        reading = self.reading
        if reading is None or place is None:
            self.told.emit("", ())
            return
        size = min(max(round(place[0]), 0), len(reading.blocks))
        found = []
        for curve in curves_of(reading):
            if np.isfinite(curve.mean[size]):
                text = f"{curve.mean[size]:.1f} %"
                spread = "" if curve.ordered else f" ± {curve.spread[size]:.1f}"
                found.append(Entry(curve.name, text + spread, curve.hue, term="removal_accuracy"))
        if self.second is not None:
            found += _differences(curves_of(reading), *self.second, size)
        self.told.emit(f"{size} removed", tuple(found))


def curves_of(reading: RemovalReading) -> tuple[Removed, ...]:
    """All curves of a run that have a number; "all" is left out where it says the same as another group."""
    found = []
    empty = reading.empty_groups()
    for name in GROUPS:
        if name in empty or (empty and name == "all"):
            continue
        mean, spread = reading.group(name)
        found.append(Removed(name, HUES[name], 100 * mean, 100 * spread, False))
    for row, (name, hue) in enumerate(ORDERS):
        curve = reading.order(row)
        found.append(Removed(name, hue, 100 * curve, np.zeros(len(curve)), True))
    return tuple(curve for curve in found if np.isfinite(curve.mean).any())


def outlines_of(second: RemovalReading) -> tuple[Removed, ...]:
    """Curves of a second network that are drawn as outlines: random subsets of all blocks, and the first order."""
    mean, spread = second.group("all")
    first = second.order(0)
    found = (
        Removed("all", "text", 100 * mean, 100 * spread, False),
        Removed(ORDERS[0][0], "text", 100 * first, np.zeros(len(first)), True),
    )
    return tuple(curve for curve in found if np.isfinite(curve.mean).any())


def _differences(curves: tuple[Removed, ...], name: str, second: RemovalReading, size: int) -> list[Entry]:
    """Say what a second network reaches with as many blocks removed, and how much more is reached here."""
    found = []
    for outline in outlines_of(second):
        ours = next((curve for curve in curves if curve.name == outline.name), None)
        if size >= len(outline.mean) or not math.isfinite(outline.mean[size]):
            continue
        text = f"{outline.mean[size]:.1f} %"
        if ours is not None and math.isfinite(ours.mean[size]):
            text += f" ({numbers.signed(float(ours.mean[size] - outline.mean[size]), 1)})"
        found.append(Entry(f"{name}, {outline.name}", text, "text", term="removal_accuracy"))
    return found


def claim(reading: RemovalReading) -> str:
    """Say in one line what the curves show, and which of them there cannot be."""
    words, total = [], len(reading.blocks)
    if not np.isnan(reading.order(0)).any():
        loss = reading.result.facts.get("accepted loss", "the accepted loss")
        loss = loss.removesuffix("s") if loss.startswith("1 ") else loss
        words.append(f"{reading.bearable() or 'none'} of {total} blocks can go at a loss below {loss}")
    empty = reading.empty_groups()
    if np.all(reading.conflicting >= 0):
        count = int((reading.conflicting == 1).sum())
        none = f", so no curve of {empty[0]} ones" if empty else ""
        words.append(f"{count or 'none'} conflict{'s' if count == 1 else ''} at τ{none}")
    lost = reading.lost_at(GROUPS[0])
    if lost >= 0:
        words.append(f"random conflicting ones reach that loss at {lost}" if lost else "no number of them reaches it")
    text = " · ".join(words) or "Blocks are being measured …"
    return text[:1].upper() + text[1:]


def _tolerance(value: float) -> str:
    if value != value:
        return numbers.NOTHING
    return "0" if value == 0 else numbers.multiple(math.log2(value))


def _texts(name: str, whole: float, without: float) -> tuple[str, str, str]:
    def text(value: float) -> str:
        if name == "accuracy":
            return numbers.percent(value)
        if name.startswith("latency"):
            return numbers.with_unit(value, "ms")
        return numbers.short(value, "bytes" if name.startswith("peak") else "")

    if not (math.isfinite(whole) and math.isfinite(without)):
        return text(whole), text(without) if math.isfinite(without) else "", ""
    if name == "accuracy":
        return text(whole), text(without), f"{100 * (without - whole):+.1f} points".replace("-", "−")
    change = (without / whole - 1) if whole else 0.0
    return text(whole), text(without), f"{100 * change:+.1f} %".replace("-", "−")
