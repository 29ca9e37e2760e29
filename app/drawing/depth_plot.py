"""Plots of one value or several over the points of a network: stages behind, names below, a click selects a point."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QPainter, QPen

from app.drawing.axes import NumberAxis, nice_step, nice_ticks
from app.drawing.depth_axes import NamesAxis, StageAxis
from app.drawing.named import Title
from app.drawing.pixels import Crosshair, PixelItem, PlotBox, Scale
from app.drawing.plots import Margins, Plot
from app.reading import numbers
from app.reading.depth import EMPTY_AXIS, DepthAxis, Floats
from app.theme import Theme

LEFT, RIGHT = 54.0, 50.0
HEAD_ROOM = 1.08
"""Top of the y axis, so that a line at 1 is not at the very edge."""


class DepthItem(PixelItem):
    """Stages and the selected point, behind whatever a subclass draws."""

    def __init__(self, box: PlotBox, theme: Theme) -> None:
        super().__init__(box, theme)
        self.axis: DepthAxis = EMPTY_AXIS
        self.selected = -1

    def draw(self, painter: QPainter, scale: Scale, exposed: QRectF) -> None:
        """Paint what is behind, then the values."""
        axis = self.axis
        if not axis.slots:
            return
        centres, step = scale.x(axis.x), 2 * axis.half * scale.per_x
        if 0 <= self.selected < len(centres):
            left = float(centres[self.selected]) - step / 2
            painter.fillRect(QRectF(left, 0, max(step, 2.0), scale.height), self.theme.color("selected"))
        painter.setPen(QPen(self.theme.color("line"), 1))
        for stage in axis.stages[1:]:
            x = round(scale.x_of(float(axis.x[stage.first]) - axis.half)) + 0.5
            painter.drawLine(QPointF(x, 0), QPointF(x, scale.height))
        self.draw_values(painter, scale, centres, step)

    def draw_values(self, painter: QPainter, scale: Scale, centres: Floats, step: float) -> None:
        """Paint values; `centres` are the pixels of the points, `step` those between two. Nothing by default."""

    def grid(self, painter: QPainter, scale: Scale, places: list[float]) -> None:
        """Draw light lines at heights."""
        painter.setPen(QPen(self.theme.color("grid"), 1))
        for place in places:
            y = round(scale.y_of(place)) + 0.5
            painter.drawLine(QPointF(0, y), QPointF(scale.width, y))


class DepthPlot(Plot):
    """A box over the points of a network, with stages above and names below as wanted.

    Parameters
    ----------
    named, staged
        Whether names stand below, and stages above.
    """

    point_clicked = Signal(int)
    point_hovered = Signal(int)
    """Point under the mouse, -1 for none."""

    def __init__(self, theme: Theme, name: str, named: bool = True, staged: bool = True) -> None:
        super().__init__(theme, name, Margins(LEFT, 46 if staged else 24, RIGHT, 8))
        self.axis: DepthAxis = EMPTY_AXIS
        self.right_title = ""
        self.hovered_point = -1
        self.names = NamesAxis(theme) if named else None
        self.stages = StageAxis(theme) if staged else None
        self.left = NumberAxis(theme, "left")
        for axis in (self.names, self.stages, self.left):
            if axis is not None:
                self.add_axis(axis)
        self.item: DepthItem | None = None
        self.crosshair = Crosshair(self.box, theme)
        self.box.setMouseEnabled(x=True, y=False)
        self.clicked.connect(self._click)
        self.hovered.connect(self._hover)
        self.box.sigRangeChanged.connect(self._make_room)
        self.box.sigResized.connect(self._make_room)

    def show_item(self, item: DepthItem) -> None:
        """Take the item that draws the values."""
        self.item = item

    def set_axis(self, axis: DepthAxis, top: float = HEAD_ROOM) -> None:
        """Show other points; the range stays unless there are other ones."""
        same = [slot.name for slot in axis.slots] == [slot.name for slot in self.axis.slots]
        self.axis = axis
        for part in (self.names, self.stages):
            if part is not None:
                part.set_axis(axis)
        if self.item is not None:
            self.item.axis = axis
            self.item.update()
        if not same or self.home[1] != (0.0, top):
            low, high = axis.limits
            least = min(6.0, high - low)
            self.box.setLimits(xMin=low, xMax=high, minXRange=least, maxXRange=high - low, yMin=None, yMax=None)
            self.set_home((low, high), (0.0, top))
        self._make_room()

    def select(self, point: int) -> None:
        """Mark a point, -1 for none."""
        if self.item is not None and point != self.item.selected:
            self.item.selected = point
            self.item.update()

    def show_crosshair(self, point: int) -> None:
        """Move the crosshair to a point, -1 for away."""
        self.crosshair.set_at(float(self.axis.x[point]) if 0 <= point < len(self.axis.x) else None)

    def _make_room(self, *_: object) -> None:
        if self.names is None or not self.axis.slots:
            return
        self.keep_room(bottom=round(self.names.height()))

    def _click(self, x: float, _y: float, _extend: bool) -> None:
        point = self.axis.slot_at(x)
        if point >= 0:
            self.point_clicked.emit(point)

    def _hover(self, place: tuple[float, float] | None) -> None:
        point = self.axis.slot_at(place[0]) if place and self.axis.slots else -1
        if point != self.hovered_point:
            self.hovered_point = point
            self.point_hovered.emit(point)

    def titles(self) -> tuple[Title, ...]:
        """Return the titles of the left and the right axis; above the stages, where there are some."""
        height = QFontMetricsF(self.theme.font("small")).height()
        top = 2.0 if self.stages is not None else max(0.0, self.area().top() - height - 7)
        rect = QRectF(6, top, self.width() - 12, height)
        ends = ((self.title, Qt.AlignmentFlag.AlignLeft), (self.right_title, Qt.AlignmentFlag.AlignRight))
        return tuple(Title(words, rect, side) for words, side in ends if words)


class MappedAxis(NumberAxis):
    """Numbers of another scale beside the same box: places are shares of `full`."""

    def __init__(self, theme: Theme, side: str) -> None:
        super().__init__(theme, side)
        self.full = 1.0
        self.shown = True

    def set_full(self, full: float) -> None:
        """Say which value stands at 1; NaN or 0 for no numbers."""
        self.full, self.shown = full, bool(np.isfinite(full)) and full > 0
        self.update()

    def ticks(self) -> list[tuple[float, str]]:
        """Round numbers of the other scale, at their places."""
        if not self.shown:
            return []
        low, high = (end * self.full for end in self.range)
        most = max(1, int(self._area.height() / 48))
        step = nice_step(high - low, most)
        return [(place / self.full, numbers.tick(place, step)) for place in nice_ticks(low, high, most)]
