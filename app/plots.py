"""Plots on pyqtgraph: one box, painted in whole pixels, with quiet axes, pan, zoom, brush and a crosshair.

Every plot is a :class:`Plot`. What it shows are :class:`PixelItem` objects: they lie over the box and paint in its
pixels, all data of a kind in one call, so that a panned frame costs little more than filling rectangles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QFocusEvent, QFontMetricsF, QKeyEvent, QPainter, QPen, QResizeEvent
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app.axes import Axis
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


@dataclass(frozen=True, slots=True)
class Margins:
    """Room around the box in pixels, for axes and titles."""

    left: float = 46
    top: float = 24
    right: float = 12
    bottom: float = 40


class _Frame(pg.GraphicsWidget):  # type: ignore[misc]  # pyqtgraph has no types
    """Fills the view, holds box and axes, and tells when its size has changed."""

    resized = Signal()

    def resizeEvent(self, ev: object) -> None:
        """Tell that things have to move."""
        self.resized.emit()


class Plot(pg.GraphicsView):  # type: ignore[misc]  # pyqtgraph has no types
    """One box with axes around it.

    Parameters
    ----------
    theme
        Colours and fonts.
    name
        Accessible name.
    """

    hovered = Signal(object)
    """(x, y) under the mouse, None when it has left."""
    clicked = Signal(float, float, bool)
    double_clicked = Signal(float, float)
    stepped = Signal(int, bool)
    """Arrow keys: steps to the right, and whether shift was held."""
    menu_wanted = Signal(object)
    """Global place of a context menu."""
    focused = Signal()
    """The plot has got the keyboard, by a click or by Tab."""

    def __init__(self, theme: Theme, name: str, margins: Margins = Margins()) -> None:
        super().__init__(background=None)
        self.theme = theme
        self.margins = margins
        self.title = ""
        self.note = ""
        self.axes: list[Axis] = []
        self.box = PlotBox()
        self.home: tuple[tuple[float, float], tuple[float, float]] = ((0.0, 1.0), (0.0, 1.0))
        self._frame = _Frame()
        self.setCentralItem(self._frame)
        self.box.setParentItem(self._frame)
        self._frame.resized.connect(self.arrange)
        self.box.clicked.connect(self.clicked)
        self.box.double_clicked.connect(self.double_clicked)
        self.scene().sigMouseMoved.connect(self._mouse_moved)
        self.setAccessibleName(name)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.DefaultContextMenu)
        theme.changed.connect(self._take_colors)
        self._take_colors()

    # -- parts -------------------------------------------------------------------------------------------------------

    def add_axis(self, axis: Axis) -> None:
        """Put an axis beside the box."""
        axis.setParentItem(self._frame)
        axis.follow(self.box)
        self.axes.append(axis)
        self.arrange()

    def set_title(self, title: str) -> None:
        """Write words and unit of the y axis above the plot, at the left."""
        if title != self.title:
            self.title = title
            self.viewport().update()

    def set_note(self, note: str) -> None:
        """Write a sentence into an empty plot."""
        if note != self.note:
            self.note = note
            self.viewport().update()

    def area(self) -> QRectF:
        """Rectangle of the box in widget pixels, on whole pixels."""
        m, size = self.margins, self._frame.size()
        width, height = size.width() - m.left - m.right, size.height() - m.top - m.bottom
        return QRectF(round(m.left), round(m.top), max(1.0, float(round(width))), max(1.0, float(round(height))))

    def arrange(self) -> None:
        """Place box and axes."""
        area, m = self.area(), self.margins
        self.box.setGeometry(area)
        places = {
            "left": QRectF(0, area.top(), area.left(), area.height()),
            "right": QRectF(area.right(), area.top(), m.right, area.height()),
            "top": QRectF(area.left(), 0, area.width(), area.top()),
            "bottom": QRectF(area.left(), area.bottom(), area.width(), m.bottom),
        }
        for axis in self.axes:
            axis.place(places[axis.side])

    def set_home(self, x: tuple[float, float], y: tuple[float, float], go: bool = True) -> None:
        """Say which range shows everything, and go there."""
        self.home = (x, y)
        if go:
            self.go_home()

    def go_home(self) -> None:
        """Show everything."""
        self.box.setRange(xRange=self.home[0], yRange=self.home[1], padding=0)

    @property
    def is_home(self) -> bool:
        """True if everything is shown."""
        return bool(
            np.allclose(self.box.viewRange()[0], self.home[0]) and np.allclose(self.box.viewRange()[1], self.home[1])
        )

    def zoom(self, factor: float) -> None:
        """Zoom by a factor around the middle, in the directions that can be zoomed."""
        x, y = self.box.state["mouseEnabled"]
        self.box.scaleBy((factor if x else 1.0, factor if y else 1.0))

    # -- events ------------------------------------------------------------------------------------------------------

    def _take_colors(self) -> None:
        self.setBackground(self.theme.color("surface"))
        self.viewport().update()
        self.arrange()

    def _mouse_moved(self, place: QPointF) -> None:
        if not self.box.sceneBoundingRect().contains(place):
            self.hovered.emit(None)
            return
        at = self.box.mapSceneToView(place)
        self.hovered.emit((float(at.x()), float(at.y())))

    def leaveEvent(self, ev: QEvent) -> None:
        """Tell that the mouse has left."""
        self.hovered.emit(None)
        super().leaveEvent(ev)

    def contextMenuEvent(self, ev: QContextMenuEvent) -> None:
        """Ask the owner for a menu."""
        self.menu_wanted.emit(ev.globalPos())
        ev.accept()

    def keyPressEvent(self, ev: QKeyEvent) -> None:
        """Arrows step, plus and minus zoom, Home shows everything."""
        shift = bool(ev.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        key = ev.key()
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self.stepped.emit(1 if key == Qt.Key.Key_Right else -1, shift)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom(0.8)
        elif key == Qt.Key.Key_Minus:
            self.zoom(1.25)
        elif key == Qt.Key.Key_Home:
            self.go_home()
        else:
            super().keyPressEvent(ev)
            return
        ev.accept()

    def focusInEvent(self, ev: QFocusEvent) -> None:
        """Show the focus."""
        super().focusInEvent(ev)
        self.focused.emit()
        self.viewport().update()

    def focusOutEvent(self, ev: QFocusEvent) -> None:
        """Hide the focus."""
        super().focusOutEvent(ev)
        self.viewport().update()

    def resizeEvent(self, ev: QResizeEvent) -> None:
        """Keep one unit of the scene one pixel."""
        if not self.closed:
            super().resizeEvent(ev)

    def drawForeground(self, painter: QPainter, rect: QRectF) -> None:
        """Draw title, note and focus over everything."""
        area = self.area()
        if self.title:
            painter.setFont(self.theme.font("small"))
            painter.setPen(self.theme.color("text_soft"))
            height = QFontMetricsF(painter.font()).height()
            room = QRectF(6, max(0.0, area.top() - height - 7), self.width() - 12, height)
            painter.drawText(room, Qt.AlignmentFlag.AlignLeft, self.title)
        if self.note:
            painter.setFont(self.theme.font())
            painter.setPen(self.theme.color("text_soft"))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(area.adjusted(16, 8, -16, -8), flags, self.note)
        if self.hasFocus():
            painter.setPen(QPen(self.theme.color("accent"), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(QRectF(self.viewport().rect()).adjusted(0.5, 0.5, -0.5, -0.5))
