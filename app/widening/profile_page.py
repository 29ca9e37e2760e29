"""The profile with its handles, what is selected, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QHBoxLayout, QMenu, QVBoxLayout, QWidget

from analysis.config import LayerSpec
from analysis.measures.widths.fitting import Rounding
from app.drawing.legend import Key, Legend
from app.drawing.ratio_strip import RatioStrip
from app.drawing.readout import Entry, Readout
from app.drawing.width_plot import Outline, Profile, WidthPlot
from app.forms.widgets import GRID, Elided, label, whole_number
from app.reading import numbers
from app.reading.depth import DepthAxis, Floats, depth_axis
from app.reading.second_size import second_total
from app.reading.width_columns import MODES, columns_of
from app.reading.width_reading import Rules, WidthReading, ties
from app.theme import Theme
from app.widening.budget import QUANTITIES, BudgetBars
from app.widening.editing import Editing

HINT = "Drag a handle, turn the wheel over it, or select and press ↑ ↓ or a number · drag a frame to select several"
MULTIPLES = ("1", "8", "16")
WIDEST = 1 << 16
NUMBER = 76
"""Pixels of a field for a width."""
LOW = 320
"""Pixels of the height of the page, with letters of the usual size, below which the profile has no room to share."""
OUTLINES = ("configurations", "rank", "sharing", "bundles")
"""Colour roles of other profiles, in turn."""
COMPARED = "outline"
"""Colour role of a second network."""


class ProfilePage(QWidget):
    """Profile, ratios, the selected group and the budget."""

    help_wanted = Signal(str)
    changed = Signal()
    """Something has been arranged: rounding, minimum, target, columns."""

    def __init__(self, theme: Theme, editing: Editing) -> None:
        super().__init__()
        self.theme, self.editing = theme, editing
        self.target = ("macs", 1.0)
        self.columns: tuple[int, ...] = ()
        self.references: dict[str, dict[str, int]] = {}
        self.compared: tuple[str, Mapping[str, float]] = ("", {})
        self.note: tuple[str, ...] = ()
        self._axis: tuple[object, ...] = ()
        self._depth: DepthAxis = depth_axis(())
        self._taking = False
        self._noted: dict[str, int] = {}
        self._column = self._group = -1
        self._make_plot()
        self._make_controls()
        self._lay_out()

    # -- parts -------------------------------------------------------------------------------------------------------

    def _make_plot(self) -> None:
        self.plot = WidthPlot(self.theme)
        self.strip = RatioStrip(self.theme, self.plot)
        self.readout, self.legend = Readout(self.theme), Legend(self.theme, wrap=True)
        self.readout.set_hint(HINT)
        self.readout.help_wanted.connect(self.help_wanted)
        self._keep_room()
        self.theme.changed.connect(self._keep_room)
        for plot in (self.plot, self.strip):
            plot.menu_wanted.connect(self._show_menu)
        self.plot.grabbed.connect(self.editing.grab)
        self.plot.dragged.connect(lambda piece, channels, _end: self._drag(piece, channels))
        self.plot.nudged.connect(self.editing.nudge)
        self.plot.picked.connect(self._pick)
        self.plot.stepped.connect(lambda steps, _add: self.editing.step_selection(steps))
        self.plot.typed.connect(self._begin_typing)
        self.plot.pointed.connect(self._point)

    def _make_controls(self) -> None:
        self.mode = QComboBox()
        self.mode.setAccessibleName("Columns")
        self.mode.setToolTip("Columns: every layer, the layers with a handle, or what leaves each block")
        for value, words in MODES:
            self.mode.addItem(words, value)
        self.rounding = QComboBox()
        self.rounding.addItems(MULTIPLES)
        self.rounding.setAccessibleName("Widths are multiples of")
        self.minimum, self.typed = whole_number(1, WIDEST), whole_number(1, WIDEST)
        for field, name in ((self.minimum, "Least width"), (self.typed, "Width of what is selected")):
            field.setAccessibleName(name)
            field.lineEdit().setAccessibleName(name)
        self.typed.setKeyboardTracking(False)
        for field in (self.minimum, self.typed):
            field.setFixedWidth(NUMBER)
        self.lock = QCheckBox("lock")
        self.lock.setToolTip("Keep the selected groups as they are: dragging and presets leave them alone")
        self.log = QCheckBox("log₂ axis")
        self.log.setToolTip(
            "Draw widths as powers of two, so that narrow layers beside wide ones can be read and dragged"
        )
        self.name = Elided("", "soft", Qt.TextElideMode.ElideMiddle)
        self.bars = BudgetBars(self.theme)
        self.percent = QDoubleSpinBox()
        self.percent.setRange(1, 10000)
        self.percent.setDecimals(1)
        self.percent.setSuffix(" %")
        self.percent.setValue(100)
        self.percent.lineEdit().setTextMargins(4, 0, 0, 0)
        self.percent.setAccessibleName("Target, percent of the original")
        self.percent.lineEdit().setAccessibleName("Target, percent of the original")
        self.percent.setToolTip("Presets keep this budget; click a cost to set the target for it")
        self.quantity = label("", "small")
        self.mode.currentIndexChanged.connect(lambda _row: self._arranged())
        self.log.toggled.connect(lambda _on: self._arranged())
        self.rounding.currentTextChanged.connect(lambda _multiple: self._take_rules())
        self.minimum.valueChanged.connect(lambda _least: self._take_rules())
        self.typed.valueChanged.connect(self._type)
        self.lock.clicked.connect(lambda on: self.editing.lock(self.editing.selected, on))
        self._kept: list[int] = []
        self.percent.valueChanged.connect(lambda value: self.set_target(self.target[0], value / 100))
        self.bars.chosen.connect(lambda name: self.set_target(name, self.target[1]))

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setContentsMargins(12, 2, 8, 2)
        row.setSpacing(GRID)
        row.addWidget(self.name, 1)
        row.addWidget(self.typed)
        row.addWidget(self.lock)
        for words, field in (("multiple of", self.rounding), ("at least", self.minimum)):
            row.addWidget(label(words, "small"))
            row.addWidget(field)
        row.addWidget(self.mode)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(row)
        layout.addWidget(self.plot, 1)
        layout.addWidget(self.strip)
        layout.addWidget(self.legend)
        layout.addWidget(self.readout)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave the ratios out where they would take the room of the profile, whose readout says them too."""
        super().resizeEvent(event)
        self.strip.setVisible(self.height() >= LOW * max(1.0, self.theme.scale))

    # -- showing -----------------------------------------------------------------------------------------------------

    def show_widths(self, reading: WidthReading, layers: tuple[LayerSpec, ...]) -> None:
        """Draw the present configuration."""
        widths = self.editing.widths
        if widths != self._noted:
            self.note = ()
        axis, column_of = self._axis_of(reading, layers)
        ends = reading.heights(widths)
        kept = [index for index, piece in enumerate(reading.pieces) if piece.column in column_of]
        place = {index: number for number, index in enumerate(kept)}
        pieces = [reading.pieces[index] for index in kept]
        columns = np.array(list(column_of), dtype=np.int64)
        before, after = reading.totals({})[columns], reading.totals(widths)[columns]
        locked = frozenset(
            number for number, group in enumerate(reading.found.groups) if group.name in self.editing.rules.locked
        )
        profile = Profile(
            axis,
            np.array([float(column_of[piece.column]) for piece in pieces]),
            np.array([piece.group for piece in pieces], dtype=np.float64),
            ends[kept, 0],
            ends[kept, 1],
            _handles(reading, place),
            before,
            after,
            self._outlines(reading, columns),
            locked,
        )
        self._kept = kept
        self.plot.show_profile(profile, self.editing.selected, self.log.isChecked())
        self.strip.show_ratio(axis.x, np.maximum(after, 0.5) / np.maximum(before, 1))
        self._show_legend(profile)
        self._show_costs(reading, widths)
        self._show_selection()
        self._show_readout()

    def _axis_of(self, reading: WidthReading, layers: tuple[LayerSpec, ...]) -> tuple[DepthAxis, dict[int, int]]:
        key = (id(reading), self.mode.currentData(), id(layers))
        if key != self._axis:
            found = columns_of(reading, layers, str(self.mode.currentData()))
            self.columns = found.columns
            self._axis, self._depth = key, depth_axis(found.rows)
        return self._depth, {column: number for number, column in enumerate(self.columns)}

    def _outlines(self, reading: WidthReading, columns: NDArray[np.int64]) -> tuple[Outline, ...]:
        """Other configurations of this network, then the second network, layer by layer."""
        free = np.array([any(piece.group >= 0 for piece in reading.pieces if piece.column == c) for c in columns])
        found = [
            Outline(name, OUTLINES[number % len(OUTLINES)], np.where(free, reading.totals(widths)[columns], np.nan))
            for number, (name, widths) in enumerate(self.references.items())
        ]
        name, by_layer = self.compared
        if by_layer:
            widths: Floats = np.array([by_layer.get(reading.names[column], np.nan) for column in columns.tolist()])
            found.append(Outline(name, COMPARED, widths))
        return tuple(found)

    def _show_legend(self, profile: Profile) -> None:
        color = self.theme.color
        keys = [Key("bar", "width in channels", color("widths"))]
        if (profile.before != profile.after).any():
            keys.append(Key("frame", "original", color("text_soft")))
        if (profile.group < 0).any() or profile.locked:
            keys.append(Key("hatch", "locked", color("cost")))
        keys += [Key("dash", outline.name, color(outline.hue)) for outline in profile.outlines]
        self.legend.show_keys(tuple(keys))

    def _show_costs(self, reading: WidthReading, widths: dict[str, int]) -> None:
        self.bars.show_costs(reading.costs({}), reading.costs(widths), self.target)
        there = {one.name: second_total(self.editing.workspace, one.name) for one in QUANTITIES}
        self.bars.show_second(self.compared[0], there)
        title = next(quantity.title for quantity in QUANTITIES if quantity.name == self.target[0])
        self.quantity.setText(f"target {title}")
        self.quantity.setMinimumWidth(self.quantity.sizeHint().width())

    def _show_selection(self) -> None:
        chosen = [place for place in self.editing.selected if not self.editing.group(place).locked]
        self._taking = True
        self.typed.setEnabled(bool(chosen) and any(self.editing.editable(place) for place in chosen))
        self.lock.setEnabled(bool(chosen))
        names = [self.editing.group(place).name for place in chosen]
        self.lock.setChecked(bool(chosen) and all(name in self.editing.rules.locked for name in names))
        words = names[0] if len(names) == 1 else f"{len(names)} groups" if names else "nothing selected"
        self.name.set_text(words)
        if chosen and not self.typed.hasFocus():
            self.typed.setValue(max(self.editing.width(place) for place in chosen))
        self._taking = False

    def _show_readout(self) -> None:
        editing, reading = self.editing, self.editing.reading
        if editing.refused:
            self.readout.show_entries("not possible", (Entry("", editing.refused, "bundles"),))
        elif reading is None or not 0 <= self._column < len(self.columns):
            told = tuple(Entry("", words, "text_soft", "\n".join(self.note)) for words in self.note[:2])
            self.readout.show_entries("preset" if told else "", told)
        else:
            self.readout.show_entries(*self._entries(reading, self.columns[self._column]))

    def _entries(self, reading: WidthReading, column: int) -> tuple[str, tuple[Entry, ...]]:
        before = int(reading.totals({})[column])
        after = int(reading.totals(self.editing.widths)[column])
        width = f"{before:,}" if before == after else f"{before:,} → {after:,}"
        entries = [Entry("width", width, "widths", term="width")]
        name, by_layer = self.compared
        if name:
            there = by_layer.get(reading.names[column])
            words = f"{there:,.0f} ({numbers.signed(after - there, 0)})" if there else "has no layer that corresponds"
            entries.append(Entry(name, words, "outline", term="compared"))
        groups = [piece.group for piece in reading.pieces if piece.column == column]
        if self._group < 0 and groups == [-1]:
            return reading.names[column], (
                *entries,
                Entry("locked:", reading.why_locked(column), "cost", page="width_groups#Limits"),
            )
        group = self._group if self._group in groups else next((g for g in groups if g >= 0), -1)
        if group >= 0:
            about = reading.found.groups[group]
            if about.name != reading.names[column]:
                entries.append(Entry("group", about.name, "widths", page="width_groups#Definition"))
            entries.append(Entry("", ties(reading.found, group), "text_soft", "\n".join(about.why)))
            if about.step > 1 or about.minimum > 1:
                entries.append(
                    Entry(
                        "legal",
                        f"multiples of {about.step} from {about.minimum}",
                        "text_soft",
                        page="width_groups#Formula",
                    )
                )
            if about.approximate:
                entries.append(
                    Entry("widening is approximate:", about.approximate, "bundles", page="width_groups#Limits")
                )
        return reading.names[column], tuple(entries)

    def _keep_room(self) -> None:
        """Keep two lines for the readout, so that nothing moves under a handle that is taken hold of."""
        self.readout.setMinimumHeight(round(2 * self.readout.line_height() + 8))

    def _show_menu(self, place: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Select every group", lambda: self.editing.select(tuple(self.plot.columns.profile.handles)))
        menu.addAction("Show everything", self.plot.go_home)
        menu.addAction("What is this?", lambda: self.help_wanted.emit("width_groups"))
        menu.popup(place)

    # -- gestures ----------------------------------------------------------------------------------------------------

    def _drag(self, number: int, channels: float) -> None:
        self.editing.drag(self._kept[number], channels)

    def _pick(self, groups: tuple[int, ...], add: bool) -> None:
        """Select groups; a single one selects its layer everywhere."""
        self.editing.select(groups, add)
        reading = self.editing.reading
        if len(self.editing.selected) == 1 and reading is not None:
            (group,) = self.editing.selected
            if group in reading.handles:
                self.editing.workspace.select_layer(reading.names[reading.pieces[reading.handles[group]].column])

    def _point(self, column: int, group: int) -> None:
        self._column, self._group = column, group
        self._show_readout()

    def _begin_typing(self, text: str) -> None:
        self.typed.setFocus()
        self.typed.lineEdit().setText(text)

    def _type(self, width: int) -> None:
        if not self._taking:
            self.editing.type_width(width)
            self.plot.setFocus()
            self._show_selection()

    def _take_rules(self) -> None:
        self.editing.set_rounding(Rounding(int(self.rounding.currentText()), self.minimum.value()))
        self.changed.emit()

    def set_target(self, quantity: str, share: float) -> None:
        """Set the budget: a cost and its share of the original."""
        if (quantity, share) != self.target:
            self.target = (quantity, share)
            self.percent.setValue(100 * share)
            self._arranged()

    def _arranged(self) -> None:
        self.changed.emit()

    def show_reference(self, name: str, widths: dict[str, int] | None) -> None:
        """Draw another configuration over the profile, or take it away with None; any number can be drawn."""
        if widths is None:
            self.references.pop(name, None)
        else:
            self.references[name] = widths
        self.changed.emit()

    def set_compared(self, name: str, by_layer: Mapping[str, float]) -> None:
        """Draw the channels of a second network, by the names of this network's layers; empty for none."""
        self.compared = (name, by_layer)

    def set_note(self, notes: tuple[str, ...]) -> None:
        """Say what a preset has done, until the widths change again."""
        self.note, self._noted = notes, self.editing.widths
        self._show_readout()

    def restore(self, state: dict[str, Any]) -> None:
        """Take over rounding, minimum, locks, target, columns and axis; what is unknown is ignored."""
        multiple, minimum = str(state.get("multiple", "1")), state.get("minimum", 1)
        self.mode.setCurrentIndex(max(self.mode.findData(state.get("columns")), 0))
        self.log.setChecked(state.get("log") is True)
        self.rounding.setCurrentText(multiple if multiple in MULTIPLES else "1")
        self.minimum.setValue(minimum if isinstance(minimum, int) else 1)
        locked, target = state.get("locked"), state.get("target")
        names = frozenset(map(str, locked)) if isinstance(locked, list) else frozenset()
        self.editing.rules = Rules(self.editing.rules.rounding, names)
        target = target if isinstance(target, list) and len(target) == 2 else ["", 0]
        if isinstance(target[1], (int, float)) and target[0] in {quantity.name for quantity in QUANTITIES}:
            self.set_target(str(target[0]), float(target[1]))

    @property
    def cost_words(self) -> str:
        """The chosen cost in a few words: the name of a snapshot."""
        quantity = next(quantity for quantity in QUANTITIES if quantity.name == self.target[0])
        return f"{100 * self.bars.share(quantity):.3g} % {quantity.title}"


def _handles(reading: WidthReading, place: dict[int, int]) -> dict[int, int]:
    """Find the piece with each group's handle among those that are shown: its own, or else the first."""
    found: dict[int, int] = {}
    for index, number in place.items():
        group = reading.pieces[index].group
        own = reading.handles.get(group)
        if own is not None and (group not in found or index == own):
            found[group] = number
    return found
