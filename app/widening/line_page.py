"""The linear rule of ReXNet: widths of the blocks, the line through them, published staircases, and the audit."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QHeaderView,
    QMenu,
    QSplitter,
    QTableWidget,
    QTableWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from analysis.config import LayerSpec
from analysis.measures.widths.fitting import Budget, Rounding
from analysis.measures.widths.straight import REFERENCES
from app.drawing.curves import Curve, CurvePlot, Guide, Spots
from app.drawing.legend import Key
from app.drawing.readout import Entry, Readout
from app.forms.menus import add_choice
from app.forms.side_page import SidePage
from app.forms.widgets import GRID, button
from app.reading import numbers
from app.reading.depth import Floats
from app.reading.width_line import DEPTH, INDEX, Ladder, audit_rows, block_rows, ladder, places
from app.reading.width_reading import WidthReading
from app.theme import Theme
from app.widening.block_choice import BlockChoice
from app.widening.page import choice_field

AXES = ((INDEX, "block index"), (DEPTH, "share of depth"))
TABLES = (("audit", "audit of the convolutions"), ("blocks", "old and new widths"))
AUDIT = ("convolution", "kernel", "channels", "groups", "d_in/d_out", "expansion", "activation", "flags")
BLOCKS = ("block", "name", "original", "now", "straightened")
HUES = ("bundles", "configurations", "sharing", "rank", "outline", "text_soft", "cost", "accent")
"""Colour roles of the staircases."""
USUAL = ("ReXNet ×1.0", "MobileNetV2")
SOURCE = "Han, Yun, Heo and Yoo, CVPR 2021"
NUMBER = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
FLAGS = (
    "steep: a 1×1 convolution that expands more than sixfold\n"
    "ReLU after expansion: ReLU or ReLU6 right after a convolution that makes more channels than it reads\n"
    "low ratio: d_in/d_out far below that of the other expanding 1×1 convolutions (less than half the median, ours)\n"
    "smooth depthwise: another activation after a depthwise convolution, which costs without the gain it has elsewhere"
)


class LinePage(SidePage):
    """Widths over blocks above, a table below."""

    used = Signal(str)
    help_wanted = Signal(str)
    changed = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Linear rule")
        self.found: Ladder | None = None
        self.compared: tuple[str, Mapping[str, float]] = ("", {})
        """Words for a second network, and its channels by the names of this network's layers, set before drawing."""
        self.references = list(USUAL)
        self._layers: tuple[LayerSpec, ...] = ()
        self._key: object = None
        self._filled: object = None
        self.axis, self.kind = choice_field(AXES), choice_field(TABLES)
        self.axis.setAccessibleName("X axis")
        self.kind.setAccessibleName("Table")
        self.flagged = QCheckBox("flagged only")
        self.use = button("Use the line", lambda: self.used.emit("straight"), "primary", "One step that can be undone")
        self.menu = QMenu(self)
        self.menu.aboutToShow.connect(self._fill_menu)
        self.blocks = BlockChoice()
        self.blocks.changed.connect(self._arranged)
        self.compare = QToolButton()
        self.compare.setText("Staircases ▾")
        self.compare.setProperty("role", "flat")
        self.compare.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.compare.setMenu(self.menu)
        self.plot = CurvePlot(theme, "Widths of the blocks", "block", "channels at the output of the block")
        self.plot.box.setMouseEnabled(x=False, y=False)
        self.plot.item.labels_at = 0.0
        self.plot.hovered.connect(self._point)
        self.plot.menu_wanted.connect(self._show_menu)
        self.readout = Readout(theme)
        self.readout.help_wanted.connect(self.help_wanted)
        self.readout.set_hint("Point at a block for its widths · a proposal to train anew, not an equivalent network")
        self.table = QTableWidget(0, len(AUDIT))
        self.table.setAccessibleName("Audit of the convolutions")
        self.table.verticalHeader().hide()
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setShowGrid(False)
        self.table.setToolTip(FLAGS)
        self.table.verticalHeader().setDefaultSectionSize(round(2.1 * theme.text_size))
        for signal in (self.axis.currentIndexChanged, self.kind.currentIndexChanged, self.flagged.toggled):
            signal.connect(lambda _value: self._arranged())
        self._lay_out()

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setContentsMargins(12, 2, 8, 2)
        row.setSpacing(GRID)
        for widget in (self.axis, self.blocks, self.compare):
            row.addWidget(widget)
        row.addStretch(1)
        row.addWidget(self.use)
        above = QWidget()
        column = QVBoxLayout(above)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.plot, 1)
        column.addWidget(self.readout)
        below = QWidget()
        choice = QHBoxLayout()
        choice.setContentsMargins(12, 2, 8, 2)
        choice.addWidget(self.kind)
        choice.addWidget(self.flagged)
        choice.addStretch(1)
        second = QVBoxLayout(below)
        second.setContentsMargins(0, 0, 0, 0)
        second.setSpacing(2)
        second.addLayout(choice)
        second.addWidget(self.table, 1)
        self.halves = QSplitter(Qt.Orientation.Vertical)
        self.halves.setHandleWidth(3)
        self.halves.setChildrenCollapsible(False)
        self.halves.addWidget(above)
        self.halves.addWidget(below)
        self.halves.setSizes([320, 180])
        self.body.addLayout(row)
        self.body.addWidget(self.halves, 1)

    # -- showing -----------------------------------------------------------------------------------------------------

    def show_line(
        self,
        reading: WidthReading,
        layers: tuple[LayerSpec, ...],
        widths: dict[str, int],
        budget: Budget,
        rounding: Rounding,
    ) -> None:
        """Draw the blocks of a configuration; the proposal keeps a budget."""
        key = (id(reading), id(layers), tuple(widths.items()), budget, rounding, self.blocks.left_out)
        if key != self._key:
            self._key, self._layers = key, layers
            self.found = ladder(reading, layers, widths, budget, rounding, self.blocks.left_out)
            self.blocks.show_blocks(self.found.every)
        self._draw()

    def _draw(self) -> None:
        found = self.found
        if found is None:
            return
        axis = str(self.axis.currentData())
        x = places(len(found.blocks), axis)
        curves, spots, keys = self._network(found, x)
        for number, (name, widths, source) in enumerate(REFERENCES):
            if name in self.references:
                hue = HUES[number % len(HUES)]
                curves.append(Curve(places(len(widths), axis), np.array(widths, dtype=np.float64), "", hue, steps=True))
                keys.append(Key("dash", f"{name} ({source})", self.theme.color(hue)))
        name, theirs = self._second(found)
        if np.isfinite(theirs).any():
            curves.insert(0, Curve(x, theirs, "", "outline", steps=True))
            spots.insert(0, Spots(x[np.isfinite(theirs)], theirs[np.isfinite(theirs)], hue="outline", hollow=True))
            keys.append(Key("ring", name, self.theme.color("outline")))
        places_of = [(x[place] - (x[1] - x[0]) / 2, size) for place, size in found.stages if place and len(x) > 1]
        guides = tuple(Guide("x", float(place), size) for place, size in places_of)
        self.plot.x_axis.title = "share of depth" if axis == DEPTH else "block"
        self.plot.show_curves(tuple(curves), guides)
        self.plot.show_spots(tuple(spots))
        self._fit(found, axis)
        self.legend.show_keys(tuple(keys))
        self.claim.say(found.claim(), f"Least-squares line through the blocks, the rule of {SOURCE}")
        self.use.setEnabled(found.straightened is not None)
        self.use.setToolTip(found.why or "One step that can be undone")
        self._fill_table(found)

    def _second(self, found: Ladder) -> tuple[str, Floats]:
        """Words for the second network, and the widths of its blocks, (block,), NaN where none corresponds."""
        name, by_layer = self.compared
        return name, np.array([by_layer.get(layer, np.nan) for layer in found.layers], dtype=np.float64)

    def _network(self, found: Ladder, x: Floats) -> tuple[list[Curve], list[Spots], list[Key]]:
        color, fit = self.theme.color, found.fits[0]
        index = places(len(x), INDEX)
        curves = [
            Curve(x, found.original, "", "text", steps=True),
            Curve(x, fit.slope * index + fit.intercept, "", "text_soft", dashed=True),
        ]
        spots = [Spots(x, found.original, hue="text")]
        keys = [Key("dot", "original", color("text")), Key("dash", "its line", color("text_soft"))]
        if found.changed:
            spots.append(Spots(x, found.edited, hue="widths"))
            keys.append(Key("dot", "edited", color("widths")))
        if found.straightened is not None:
            curves.append(Curve(x, found.straightened, "", "accent"))
            spots.append(Spots(x, found.straightened, hue="accent", hollow=True))
            keys.append(Key("ring", "straightened at the target", color("accent")))
        return curves, spots, keys

    def _fit(self, found: Ladder, axis: str) -> None:
        """Show the network in full; longer and wider staircases run out of the plot."""
        right = 1.0 if axis == DEPTH else len(found.blocks) + 0.5
        left = 0.0 if axis == DEPTH else 0.5
        own = [
            np.nan_to_num(self._second(found)[1]),
            found.original,
            found.edited,
            *([found.straightened] if found.straightened is not None else []),
        ]
        home = ((left, right), (0.0, 1.3 * max(float(widths.max(initial=1.0)) for widths in own)))
        if self.plot.home != home:
            self.plot.set_home(*home)

    def _fill_table(self, found: Ladder) -> None:
        audit = self.kind.currentData() == "audit"
        self.flagged.setVisible(audit)
        rows = audit_rows(self._layers, self.flagged.isChecked()) if audit else block_rows(found)
        name, theirs = self._second(found)
        if name and not audit:
            gains = [(f"{there:,.0f}", numbers.signed(ours - there, 0)) if there == there else (numbers.NOTHING,) * 2
                     for ours, there in zip(found.edited.tolist(), theirs.tolist(), strict=True)]  # fmt: skip
            rows = tuple((*texts, *gain) for texts, gain in zip(rows, gains, strict=True))
        if rows == self._filled:
            return
        self._filled = rows
        second = (name, "difference") if name else ()
        heads, names = (AUDIT, (0, 6, 7)) if audit else ((*BLOCKS, *second), (1,))
        self.table.setColumnCount(len(heads))
        self.table.setHorizontalHeaderLabels(heads)
        self.table.setRowCount(len(rows))
        for number, texts in enumerate(rows):
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                if column not in names:
                    item.setTextAlignment(NUMBER)
                if text and column == names[0]:
                    item.setFont(self.theme.font("code"))
                self.table.setItem(number, column, item)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)

    # -- gestures ----------------------------------------------------------------------------------------------------

    def _fill_menu(self) -> None:
        self.menu.clear()
        for name, _, source in REFERENCES:
            add_choice(self.menu, name, name in self.references, partial(self.toggle, name), source)

    def toggle(self, name: str) -> None:
        """Draw a staircase, or take it away."""
        self.references = [known for known in self.references if known != name] + [name] * (name not in self.references)
        self._arranged()

    def _arranged(self) -> None:
        self._draw()
        self.changed.emit()

    def _point(self, place: tuple[float, float] | None) -> None:
        found = self.found
        if found is None or place is None or not len(found.blocks):
            self.readout.show_entries("", ())
            return
        x = places(len(found.blocks), str(self.axis.currentData()))
        at = int(np.abs(x - place[0]).argmin())
        entries = [Entry("original", f"{found.original[at]:,.0f}", "text", term="width")]
        if found.changed:
            entries.append(Entry("edited", f"{found.edited[at]:,.0f}", "widths", term="width"))
        if found.straightened is not None:
            entries.append(Entry("straightened", f"{found.straightened[at]:,.0f}", "accent", term="width_line"))
        name, theirs = self._second(found)
        if name:
            there = float(theirs[at])
            gain = numbers.signed(float(found.edited[at]) - there, 0)
            words = f"{there:,.0f} ({gain})" if there == there else "has no block that corresponds"
            entries.append(Entry(name, words, "outline", term="compared"))
        for name, parameters, macs in found.costs:
            entries.append(
                Entry(name, f"{numbers.short(parameters)} parameters, {numbers.short(macs)} MACs", "cost", term="macs")
            )
        self.readout.show_entries(f"{at + 1} {found.blocks[at]}", tuple(entries))

    def _show_menu(self, place: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("What is this?", lambda: self.help_wanted.emit("width_groups"))
        menu.popup(place)

    def state(self) -> dict[str, Any]:
        """Return axis, table, staircases, and the blocks that are left out."""
        return {
            "axis": self.axis.currentData(),
            "table": self.kind.currentData(),
            "references": self.references,
            "left_out": sorted(self.blocks.left_out),
        }

    def restore(self, state: Any) -> None:
        """Take over what :meth:`state` returned; what is unknown is ignored."""
        if not isinstance(state, dict):
            return
        for name, field in (("axis", self.axis), ("table", self.kind)):
            field.setCurrentIndex(max(field.findData(state.get(name)), 0))
        known, given = [name for name, _, _ in REFERENCES], state.get("references")
        if isinstance(given, list):
            self.references = [name for name in given if name in known]
        left = state.get("left_out")
        self.blocks.left_out = frozenset(map(str, left)) if isinstance(left, list) else frozenset()
