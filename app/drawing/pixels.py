"""What plots are made of: a box that can be panned and brushed, and items that paint in its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app.theme import Theme

Floats = NDArray[np.float64]

# Otherwise the last move before the mouse rests may be dropped, and the crosshair stays one layer behind.
pg.setConfigOption("mouseRateLimit", -1)


class PlotBox(pg.ViewBox):  # type: ignore[misc]  # pyqtgraph has no types
    """The area of a plot. Drag pans, wheel zooms, shift and drag brushes a range, click selects."""

    clicked = Signal(float, float, bool)
    """x, y, and whether to add to what is selected."""
    double_clicked = Signal(float, float)
    brushed = Signal(float, float, bool)
    """From, to, and whether the gesture has ended."""

    def __init__(self) -> None:
        super().__init__(enableMenu=False, border=None, defaultPadding=0.0)
        self.disableAutoRange()
        self.can_brush = False
        self.grab: Any = None
        """Takes a drag event and returns True to keep it from panning, e.g. to move a guide line."""

    def mouseDragEvent(self, ev: Any, axis: int | None = None) -> None:
        """Move a guide, brush with shift, pan otherwise; the right button does nothing."""
        if ev.button() == Qt.MouseButton.RightButton:
            ev.ignore()
            return
        if self.grab is not None and self.grab(ev):
            ev.accept()
            return
        if self.can_brush and ev.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            ev.accept()
            start, end = self.mapToView(ev.buttonDownPos()).x(), self.mapToView(ev.pos()).x()
            self.brushed.emit(float(start), float(end), bool(ev.isFinish()))
            return
        super().mouseDragEvent(ev, axis)

    def mouseClickEvent(self, ev: Any) -> None:
        """Tell where was clicked."""
        if ev.button() != Qt.MouseButton.LeftButton:
            return
        ev.accept()
        place = self.mapToView(ev.pos())
        if ev.double():
            self.double_clicked.emit(float(place.x()), float(place.y()))
            return
        keys = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.MetaModifier
        self.clicked.emit(float(place.x()), float(place.y()), bool(ev.modifiers() & keys))


@dataclass(frozen=True, slots=True)
class Scale:
    """From data to pixels of a box.

    Attributes
    ----------
    left, per_x
        x = left + per_x · value.
    bottom, per_y
        y = bottom − per_y · value.
    width, height
        Size of the box.
    """

    left: float
    per_x: float
    bottom: float
    per_y: float
    width: float
    height: float

    @staticmethod
    def of(box: pg.ViewBox) -> Scale:
        """Read the present scale of a box."""
        (x0, x1), (y0, y1) = box.viewRange()
        width, height = box.width(), box.height()
        per_x, per_y = width / ((x1 - x0) or 1.0), height / ((y1 - y0) or 1.0)
        return Scale(-x0 * per_x, per_x, height + y0 * per_y, per_y, width, height)

    def x(self, values: Floats) -> Floats:
        """Pixels of places on the x axis."""
        return self.left + self.per_x * values

    def x_of(self, value: float) -> float:
        """Pixel of one place on the x axis."""
        return self.left + self.per_x * value

    def y_of(self, value: float) -> float:
        """Pixel of one place on the y axis."""
        return self.bottom - self.per_y * value

    def y(self, values: Floats) -> Floats:
        """Pixels of places on the y axis."""
        return self.bottom - self.per_y * values


class PixelItem(pg.GraphicsObject):  # type: ignore[misc]  # pyqtgraph has no types
    """Something that lies over a box and paints in the box's pixels, clipped to it."""

    def __init__(self, box: PlotBox, theme: Theme, z: float = 0.0) -> None:
        super().__init__(box)
        self.box = box
        self.theme = theme
        self.setZValue(z)
        self.setFlag(self.GraphicsItemFlag.ItemUsesExtendedStyleOption)
        box.sigRangeChanged.connect(self._moved)
        box.sigResized.connect(self._resized)

    def _moved(self, *_: object) -> None:
        self.update()

    def _resized(self, *_: object) -> None:
        self.prepareGeometryChange()
        self.update()

    def boundingRect(self) -> QRectF:
        """Return the whole box."""
        return QRectF(0, 0, self.box.width(), self.box.height())

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Paint what lies in the exposed rectangle."""
        self.draw(painter, Scale.of(self.box), option.exposedRect)

    def draw(self, painter: QPainter, scale: Scale, exposed: QRectF) -> None:
        """Paint in pixels of the box; `exposed` is the part that is needed. Nothing by default."""


class Crosshair(PixelItem):
    """A thin vertical line; only the strip it lies in is painted again when it moves."""

    def __init__(self, box: PlotBox, theme: Theme) -> None:
        super().__init__(box, theme, z=50)
        self.at: float | None = None

    def set_at(self, at: float | None) -> None:
        """Move to a place on the x axis, or away."""
        if at != self.at:
            self.prepareGeometryChange()
            self.at = at
            self.update()

    def _moved(self, *_: object) -> None:
        self.prepareGeometryChange()

    def boundingRect(self) -> QRectF:
        """Return the strip around the line."""
        if self.at is None:
            return QRectF()
        return QRectF(round(Scale.of(self.box).x_of(self.at)) - 1, 0, 3, self.box.height())

    def draw(self, painter: QPainter, scale: Scale, exposed: QRectF) -> None:
        """Draw the line."""
        if self.at is None:
            return
        painter.setPen(QPen(self.theme.color("crosshair"), 1, Qt.PenStyle.DashLine))
        x = round(scale.x_of(self.at)) + 0.5
        painter.drawLine(QPointF(x, 0), QPointF(x, scale.height))
