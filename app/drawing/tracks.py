"""The track browser: a stack of lanes over the depth of a network, with one linked axis and one crosshair.

Titles at the left can be dragged to reorder lanes, their lower edges to make them taller. All lanes are one item of one
plot, so that panning costs the same for one lane as for twelve.
"""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QPoint, QPointF, Qt, Signal
from PySide6.QtGui import QColor, QWheelEvent
from PySide6.QtWidgets import QHBoxLayout, QScrollBar, QWidget

from app.drawing.depth_axes import NamesAxis, StageAxis
from app.drawing.gutter import DotsAxis, Gutter
from app.drawing.lane_painting import LanesItem
from app.drawing.lanes import Lane, heights
from app.drawing.pixels import Crosshair
from app.drawing.plots import Margins, Plot
from app.reading.depth import EMPTY_AXIS, DepthAxis
from app.theme import Theme

GUTTER = 148
TALLEST = 260


class TrackStack(QWidget):
    """Lanes over one axis.

    Signals
    -------
    slot_clicked, slot_opened
        A place was clicked (and whether to add it to the selection), or double-clicked.
    slot_hovered
        The place under the crosshair, -1 for none.
    brushed
        (first, last) places, or None when the range is taken back.
    stepped
        Arrow keys: steps to the right, and whether shift was held.
    arranged
        The user has changed order or heights.
    """

    slot_clicked = Signal(int, bool)
    slot_opened = Signal(int)
    slot_hovered = Signal(int)
    brushed = Signal(object)
    stepped = Signal(int, bool)
    arranged = Signal()
    menu_wanted = Signal(object, int)
    """Global place of a context menu, and the lane it is for (-1 for none)."""

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.axis: DepthAxis = EMPTY_AXIS
        self.lanes: list[Lane] = []
        self.hovered_slot = -1
        self._within: tuple[int, int] | None = None
        self.plot = Plot(theme, name, Margins(left=GUTTER, top=26, right=14, bottom=60))
        self._item = LanesItem(self.plot.box, theme)
        self._cross = Crosshair(self.plot.box, theme)
        self._gutter = Gutter(theme, self._item)
        self._dots = DotsAxis(theme, self._item)
        self._names, self._stages = NamesAxis(theme), StageAxis(theme)
        for axis in (self._gutter, self._names, self._stages, self._dots):
            self.plot.add_axis(axis)
        self.plot.box.setMouseEnabled(x=True, y=False)
        self.plot.box.can_brush = True
        self._scroll = QScrollBar(Qt.Orientation.Vertical, self)
        self._scroll.setAccessibleName("Scroll through the tracks")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.plot)
        layout.addWidget(self._scroll)
        self._connect()

    def _connect(self) -> None:
        plot = self.plot
        plot.clicked.connect(self._clicked)
        plot.double_clicked.connect(lambda x, _y: self._opened(x))
        plot.hovered.connect(self._hovered)
        plot.stepped.connect(self.stepped)
        plot.menu_wanted.connect(self._menu)
        plot.box.brushed.connect(self._brushed)
        plot.box.sigResized.connect(self._lay_out)
        plot.box.sigResized.connect(self._make_room)
        plot.box.sigXRangeChanged.connect(self._make_room)
        self._gutter.moved.connect(self._move)
        self._gutter.resized.connect(self._resize)
        self._gutter.reset.connect(self._reset)
        self._scroll.valueChanged.connect(self._lay_out)
        self.theme.changed.connect(self._lay_out)

    # -- what is shown -----------------------------------------------------------------------------------------------

    def show_lanes(self, axis: DepthAxis, lanes: list[Lane], within: tuple[int, int] | None = None) -> None:
        """Show lanes; the range stays unless the axis is another one.

        Parameters
        ----------
        axis, lanes
            Places and what is shown at them.
        within
            First and last place that can be reached, None for all.
        """
        other = axis is not self.axis or within != self._within
        self.axis, self.lanes, self._within = axis, lanes, within
        if other:
            self._names.set_axis(axis)
            self._stages.set_axis(axis)
            self._set_limits()
        self._make_room()
        self._item.show(axis, lanes)
        self._lay_out()

    def _make_room(self, *_: object) -> None:
        """Give the axes the room they need: names appear when zooming makes them readable."""
        dots = any(lane.dots is not None for lane in self.lanes)
        left = max(GUTTER, math.ceil(self._gutter.width_for(self.lanes)))
        right = self.plot.grown(52 if dots else 14)
        self.plot.keep_room(left=left, right=right, bottom=round(self._names.height()))

    def _set_limits(self) -> None:
        low, high = self.axis.limits
        if self._within is not None:
            first, last = self._within
            low, high = float(self.axis.x[first]) - self.axis.half, float(self.axis.x[last]) + self.axis.half
        span = high - low
        self.plot.box.setLimits(
            xMin=low, xMax=high, minXRange=min(span, 6 * self.axis.half), maxXRange=span, yMin=0, yMax=1
        )
        self.plot.set_home((low, high), (0.0, 1.0))

    def set_selected(self, slots: tuple[int, ...]) -> None:
        """Mark places."""
        if slots != self._item.selected:
            self._item.selected = slots
            self._item.update()

    def set_span(self, span: tuple[int, int] | None) -> None:
        """Veil everything outside a range of places."""
        if span != self._item.span:
            self._item.span = span
            self._item.update()

    def point_at(self, slot: int) -> None:
        """Put the crosshair on a place, -1 to take it away."""
        shown = 0 <= slot < len(self.axis.slots)
        self._cross.set_at(float(self.axis.x[slot]) if shown else None)

    def bring_into_view(self, slot: int) -> None:
        """Pan, if need be, so that a place can be seen."""
        if not 0 <= slot < len(self.axis.slots):
            return
        low, high = self.plot.box.viewRange()[0]
        left, right = self.axis.x[slot] - self.axis.half, self.axis.x[slot] + self.axis.half
        if left < low:
            self.plot.box.translateBy(x=left - low)
        elif right > high:
            self.plot.box.translateBy(x=right - high)

    def tones(self, hue: str) -> list[QColor]:
        """Return the tones by which bars tell kinds of layers apart."""
        return self._item.tones(hue)

    def go_home(self) -> None:
        """Show the whole depth."""
        self.plot.go_home()

    def place_of(self, slot: int, lane: int) -> QPoint:
        """Middle of a lane at a place, in pixels of the plot's viewport; for tests and for pointing at things."""
        centre = self.plot.box.mapFromView(QPointF(float(self.axis.x[slot]), 0.0)).x() + self.plot.area().left()
        y = self.plot.area().top() + self._item.tops[lane] + self._item.heights[lane] / 2
        return QPoint(round(centre), round(y))

    # -- layout ------------------------------------------------------------------------------------------------------

    def _lay_out(self, *_: object) -> None:
        room = self.plot.box.height()
        sizes = heights([lane.weight for lane in self.lanes], room)
        over = max(0, int(sum(sizes) - room))
        self._scroll.setVisible(over > 0)
        if self._scroll.maximum() != over:
            self._scroll.setRange(0, over)
            self._scroll.setPageStep(max(1, int(room)))
        offset = min(self._scroll.value(), over)
        tops = (np.cumsum([0.0, *sizes])[:-1] - offset).tolist()
        self._item.place(tops, sizes)
        self._gutter.update()
        self._dots.update()

    def _move(self, source: int, target: int) -> None:
        self.lanes.insert(target, self.lanes.pop(source))
        self._item.show(self.axis, self.lanes)
        self._lay_out()
        self.arranged.emit()

    def _resize(self, number: int, height: float) -> None:
        lane = self.lanes[number]
        sizes, weights = self._item.heights, [other.weight for other in self.lanes]
        rest = sum(weights) - lane.weight
        total = max(sum(sizes), 1.0)
        height = min(max(height, 34.0), total - 34.0 * (len(sizes) - 1), 4 * TALLEST)
        # The others keep their proportions: weight / (weight + rest) has to become height / total.
        lane.weight = rest * height / max(total - height, 1.0) if rest > 0 else 1.0
        self._lay_out()
        self.arranged.emit()

    def _reset(self, number: int) -> None:
        self.lanes[number].weight = 1.0
        self._lay_out()
        self.arranged.emit()

    # -- gestures ----------------------------------------------------------------------------------------------------

    def _clicked(self, x: float, _y: float, extend: bool) -> None:
        slot = self.axis.slot_at(x)
        if slot >= 0:
            self.slot_clicked.emit(slot, extend)

    def _opened(self, x: float) -> None:
        slot = self.axis.slot_at(x)
        if slot >= 0:
            self.slot_opened.emit(slot)

    def _hovered(self, place: tuple[float, float] | None) -> None:
        slot = self.axis.slot_at(place[0]) if place else -1
        if slot != self.hovered_slot:
            self.hovered_slot = slot
            self.point_at(slot)
            self.slot_hovered.emit(slot)

    def _brushed(self, start: float, end: float, finished: bool) -> None:
        if not self.axis.slots:
            return
        low, high = self.axis.limits
        ends = [self.axis.slot_at(min(max(x, low), high)) for x in (start, end)]
        span = (min(ends), max(ends))
        self.set_span(span)
        if finished:
            self.brushed.emit(span)

    def _menu(self, place: QPoint) -> None:
        y = self.plot.mapFromGlobal(place).y() - self.plot.area().top()
        self.menu_wanted.emit(place, self._gutter.lane_at(y))

    def wheelEvent(self, ev: QWheelEvent) -> None:
        """Scroll through the lanes with the wheel over their titles."""
        if self._scroll.isVisible():
            self._scroll.setValue(self._scroll.value() - ev.angleDelta().y() // 2)
            ev.accept()
