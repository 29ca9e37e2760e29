"""Beside a stack of lanes: titles and ticks at the left, which can be dragged, and an axis for dots at the right."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app.drawing.axes import Axis, nice_step, nice_ticks
from app.drawing.lane_painting import LanesItem
from app.drawing.lanes import HEAD, Lane
from app.drawing.named import Name
from app.reading import numbers
from app.theme import Theme

EDGE = 5
"""Pixels around the lower edge of a lane in which a drag changes its height."""
BETWEEN = 26.0
"""Pixels around titles and ticks: at the left, between them, and for the marks at the right."""
TALL = 120.0
"""Pixels of a lane that has all the ticks that any height would give it."""


class Gutter(Axis):
    """Titles, units and ticks of the lanes, at the left; moves and resizes them."""

    moved = Signal(int, int)
    """From where to where a lane was dragged."""
    resized = Signal(int, float)
    """A lane and its new height in pixels."""
    reset = Signal(int)
    """A lane whose title was double-clicked."""

    def __init__(self, theme: Theme, lanes: LanesItem) -> None:
        super().__init__(theme, "left")
        self._item = lanes
        self._drag: tuple[str, int, float] | None = None
        self._drop: int | None = None
        self.setAcceptHoverEvents(True)

    def width_for(self, lanes: list[Lane]) -> float:
        """Pixels that the longest word of every title needs beside the ticks of its lane."""
        bold, small = QFontMetricsF(self.theme.font("bold")), QFontMetricsF(self.theme.font("small"))

        def needed(lane: Lane) -> float:
            word = max((bold.horizontalAdvance(word) for word in lane.title.split()), default=0.0)
            return word + max((small.horizontalAdvance(text) for _, text in lane.ticks(TALL)), default=0.0)

        return max(map(needed, lanes), default=0.0) + BETWEEN

    def lane_at(self, y: float) -> int:
        """Lane at a height in pixels of the box, -1 for none."""
        for number, (top, size) in enumerate(zip(self._item.tops, self._item.heights, strict=True)):
            if top <= y < top + size:
                return number
        return -1

    def edge_at(self, y: float) -> int:
        """Lane whose lower edge is near, -1 for none."""
        for number in range(len(self._item.tops)):
            if abs(self._item.base(number) - y) <= EDGE:
                return number
        return -1

    # -- painting ----------------------------------------------------------------------------------------------------

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Draw titles and ticks of the lanes that can be seen."""
        area = self._area
        painter.setClipRect(area.adjusted(0, -8, 0, 8))
        painter.setPen(QPen(self.theme.color("line"), 1))
        painter.drawLine(QPointF(area.right() - 0.5, area.top()), QPointF(area.right() - 0.5, area.bottom()))
        if option.exposedRect.left() > area.right() - 3:
            return  # a panned frame touches the edge only
        for number, lane in enumerate(self._item.lanes):
            if number < len(self._item.tops):
                self._paint_lane(painter, lane, area.top() + self._item.tops[number], self._item.heights[number])
        if self._drop is not None:
            tops = [*self._item.tops, self._item.tops[-1] + self._item.heights[-1]]
            y = round(area.top() + tops[self._drop]) + 0.5
            painter.setPen(QPen(self.theme.color("accent"), 2))
            painter.drawLine(QPointF(8, y), QPointF(area.right(), y))

    def _paint_lane(self, painter: QPainter, lane: Lane, top: float, size: float) -> None:
        area = self._area
        small = QFontMetricsF(self.theme.font("small"))
        painter.setFont(self.theme.font("small"))
        painter.setPen(self.theme.color("text_soft"))
        base, tall, widest = top + size - 1, size - HEAD, 0.0
        drawn: list[float] = []
        for tick, text in lane.ticks(tall):
            y = base - tall * float(lane.share(np.array([tick]))[0])
            if any(abs(y - other) < 0.8 * small.height() for other in drawn):
                continue  # large letters have less room than the lane knows
            drawn.append(y)
            width = small.horizontalAdvance(text)
            widest = max(widest, width)
            rect = QRectF(area.right() - 8 - width, y - small.height() / 2, width + 1, small.height())
            painter.drawText(rect, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
            painter.drawLine(QPointF(area.right() - 4, round(y) + 0.5), QPointF(area.right() - 1, round(y) + 0.5))
        room = area.width() - 8 - 8 - widest - 8
        painter.setFont(self.theme.font("bold"))
        painter.setPen(self.theme.readable(lane.hue, "surface"))
        y, tall_line, lines = self._title_lines(lane, top, size, room)
        for line in lines:
            painter.drawText(QRectF(8, y, area.width(), tall_line), 0, line)
            y += tall_line
        unit = next((text for text in (lane.caption, lane.unit) if small.horizontalAdvance(text) <= room), "")
        if unit and lane.caption and base - y > small.height():
            painter.setFont(self.theme.font("small"))
            painter.setPen(self.theme.color("text_soft"))
            painter.drawText(QRectF(8, y, area.width(), small.height()), 0, unit)

    def _title_lines(self, lane: Lane, top: float, size: float, room: float) -> tuple[float, float, list[str]]:
        """Top of the first line of a title, height of a line, and the lines that there is room for."""
        bold = QFontMetricsF(self.theme.font("bold"))
        y = top + max(0.0, min(HEAD, (size - bold.height()) / 2))
        return y, bold.height(), wrapped(lane.title, room, bold)[: max(1, int((size - 2) / bold.height()))]

    def terms(self, plot: str) -> tuple[Name, ...]:
        """Return the titles of the lanes that can be seen: a click opens the definition, a drag moves the lane."""
        area, small = self._area, QFontMetricsF(self.theme.font("small"))
        bold, found = QFontMetricsF(self.theme.font("bold")), []
        for lane, offset, size in zip(self._item.lanes, self._item.tops, self._item.heights, strict=False):
            widest = max((small.horizontalAdvance(text) for _, text in lane.ticks(size - HEAD)), default=0.0)
            room = area.width() - 24 - widest
            y, tall, lines = self._title_lines(lane, area.top() + offset, size, room)
            wide = max((bold.horizontalAdvance(line) for line in lines), default=0.0)
            place = QRectF(8, y, wide, tall * len(lines)).intersected(area)
            found.append(Name(place, lane.page, f"{lane.title}: {lane.hint}"))
        return tuple(found)

    # -- dragging ----------------------------------------------------------------------------------------------------

    def hoverEvent(self, ev: Any) -> None:
        """Show by the pointer what a drag would do, and by the tool tip what a lane shows."""
        if ev.isExit():
            self.unsetCursor()
            self.setToolTip("")
            return
        ev.acceptDrags(Qt.MouseButton.LeftButton)
        y = ev.pos().y() - self._area.top()
        number = self.lane_at(y)
        edge = self.edge_at(y) >= 0
        self.setCursor(Qt.CursorShape.SplitVCursor if edge else Qt.CursorShape.OpenHandCursor)
        lane = self._item.lanes[number] if 0 <= number < len(self._item.lanes) else None
        self.setToolTip("Drag to change the height" if edge else (f"{lane.title}: {lane.hint}" if lane else ""))

    def mouseDragEvent(self, ev: Any) -> None:
        """Change the height at an edge, the order elsewhere."""
        if ev.button() != Qt.MouseButton.LeftButton:
            ev.ignore()
            return
        ev.accept()
        y = ev.pos().y() - self._area.top()
        if ev.isStart():
            start = ev.buttonDownPos().y() - self._area.top()
            edge = self.edge_at(start)
            self._drag = ("edge", edge, start) if edge >= 0 else ("lane", self.lane_at(start), start)
        if self._drag is None or self._drag[1] < 0:
            return
        kind, number, _ = self._drag
        if kind == "edge":
            self.resized.emit(number, max(0.0, y - self._item.tops[number]))
        else:
            middles = [top + size / 2 for top, size in zip(self._item.tops, self._item.heights, strict=True)]
            self._drop = sum(y > middle for middle in middles)
            self.update()
        if ev.isFinish():
            drop, self._drop, self._drag = self._drop, None, None
            if kind == "lane" and drop is not None and drop not in (number, number + 1):
                self.moved.emit(number, drop - (drop > number))
            self.update()

    def mouseClickEvent(self, ev: Any) -> None:
        """Give a lane its ordinary height again on a double click."""
        if ev.double() and ev.button() == Qt.MouseButton.LeftButton:
            number = self.lane_at(ev.pos().y() - self._area.top())
            if number >= 0:
                ev.accept()
                self.reset.emit(number)


def wrapped(text: str, width: float, metrics: QFontMetricsF) -> list[str]:
    """Break a text into lines at spaces; a word that is too long for a line gets its own."""
    lines: list[str] = []
    for word in text.split(" "):
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and metrics.horizontalAdvance(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(word)
    return lines


class DotsAxis(Axis):
    """The axis at the right, for the dots of the first lane that has some."""

    def __init__(self, theme: Theme, lanes: LanesItem) -> None:
        super().__init__(theme, "right")
        self._item = lanes

    def lane(self) -> int:
        """Lane with dots, -1 for none."""
        return next((i for i, lane in enumerate(self._item.lanes) if lane.dots is not None), -1)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Draw ticks and the title."""
        number = self.lane()
        if number < 0 or number >= len(self._item.tops):
            return
        lane, area = self._item.lanes[number], self._area
        base, tall = area.top() + self._item.base(number), self._item.heights[number] - HEAD
        painter.setFont(self.theme.font("small"))
        metrics = QFontMetricsF(painter.font())
        painter.setPen(self.theme.color("text_soft"))
        most = max(1, min(4, int(tall / 26)))
        step = nice_step(lane.dots_top, most)
        for tick in nice_ticks(0, lane.dots_top, most):
            y = base - tall * tick / lane.dots_top
            painter.drawLine(QPointF(area.left(), round(y) + 0.5), QPointF(area.left() + 4, round(y) + 0.5))
            rect = QRectF(area.left() + 7, y - metrics.height() / 2, area.width() - 7, metrics.height())
            painter.drawText(rect, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, numbers.tick(tick, step))

    def boundingRect(self) -> QRectF:
        """Return the rectangle with room for the first and last label."""
        return self._area.adjusted(0, -9, 0, 9)
