"""Plots on pyqtgraph: one box, painted in whole pixels, with quiet axes around it.

Every plot is a :class:`Plot`. What it shows are :class:`app.drawing.pixels.PixelItem` objects: they lie over the
box and paint in its pixels, all data of a kind in one call, so that a panned frame costs little more than filling
rectangles.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPen,
    QResizeEvent,
)

from app.drawing.axes import Axis
from app.drawing.named import Name, NameLinks, Title, tip_of
from app.drawing.pixels import PlotBox
from app.theme import Theme


@dataclass(frozen=True, slots=True)
class Margins:
    """Room around the box in pixels, for axes and titles in letters of the usual size."""

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
    help_wanted = Signal(str)
    """Section of the help that defines the axis whose title was clicked."""

    def __init__(self, theme: Theme, name: str, margins: Margins = Margins()) -> None:
        super().__init__(background=None)
        self.theme = theme
        self._usual, self._measured = margins, dict[str, float]()
        self.margins = self.usual
        self.title = ""
        self.note = ""
        self.axes: list[Axis] = []
        self.box = PlotBox()
        self.home: tuple[tuple[float, float], tuple[float, float]] = ((0.0, 1.0), (0.0, 1.0))
        self.links = NameLinks(lambda: self.terms())
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

    def titles(self) -> tuple[Title, ...]:
        """Return the titles that the plot itself writes; those of axes come with :meth:`Axis.titles`."""
        if not self.title:
            return ()
        height = QFontMetricsF(self.theme.font("small")).height()
        return (Title(self.title, QRectF(6, max(0.0, self.area().top() - height - 7), self.width() - 12, height)),)

    def terms(self) -> tuple[Name, ...]:
        """Return the titles that lead to a definition, where they are painted: of the plot, then of its axes."""
        metrics, plot = QFontMetricsF(self.theme.font("small")), self.accessibleName()
        own = [name for title in self.titles() for name in title.names(metrics, plot)]
        return (*own, *(name for axis in self.axes for name in axis.terms(plot)))

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
        places = {
            "left": QRectF(0, area.top(), area.left(), area.height()),
            "right": QRectF(area.right(), area.top(), m.right, area.height()),
            "top": QRectF(area.left(), 0, area.width(), area.top()),
            "bottom": QRectF(area.left(), area.bottom(), area.width(), m.bottom),
        }
        for axis in self.axes:
            axis.place(places[axis.side])
        # The box comes last: it tells that it was resized, and names that now fit at an angle ask for more room.
        self.box.setGeometry(area)

    @property
    def usual(self) -> Margins:
        """The margins that the plot was made with, grown with the letters."""
        m = self._usual
        return Margins(*(self.grown(value) for value in (m.left, m.top, m.right, m.bottom)))

    def grown(self, pixels: float) -> float:
        """Turn pixels that suit letters of the usual size into as many as suit those of now."""
        return pixels if self.theme.scale <= 1 else round(pixels * self.theme.scale)

    def keep_room(self, **measured: float) -> None:
        """Keep the usual room around the box, but at some sides as many pixels as their texts were measured to need."""
        self._measured = measured
        margins = replace(self.usual, **measured)
        if margins != self.margins:
            self.margins = margins
            self.arrange()

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
        self.margins = replace(self.usual, **self._measured)
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
        self._point_at_title(None)
        super().leaveEvent(ev)

    def _point_at_title(self, place: QPointF | None) -> None:
        """Show a hand and a line where the title of an axis can be clicked; there are none inside the box."""
        if place is not None and not self.area().contains(place):
            changed = self.links.point(place)
        else:
            changed, self.links.over = self.links.over >= 0, -1
        if changed:
            if self.links.over < 0:
                self.viewport().unsetCursor()
            name = self.links.at(place) if place is not None and self.links.over >= 0 else None
            self._frame.setToolTip(tip_of(name.tip, name.page) if name is not None else "")
            self.viewport().update()
        if self.links.over >= 0:
            self.viewport().setCursor(Qt.CursorShape.PointingHandCursor)

    def mouseMoveEvent(self, ev: QMouseEvent) -> None:
        """Show which titles can be clicked, while no button is held."""
        if self.links.over >= 0:
            self.viewport().unsetCursor()  # before items of the scene say which one they want
        super().mouseMoveEvent(ev)
        self._point_at_title(None if ev.buttons() else ev.position())

    def mousePressEvent(self, ev: QMouseEvent) -> None:
        """Remember where a click has begun."""
        self.links.press(ev.position())
        super().mousePressEvent(ev)

    def mouseReleaseEvent(self, ev: QMouseEvent) -> None:
        """Open the definition of the title that was clicked; a drag that began on it does something else."""
        super().mouseReleaseEvent(ev)
        page = "" if self.area().contains(ev.position()) else self.links.released(ev.position())
        if page and ev.button() == Qt.MouseButton.LeftButton:
            self.help_wanted.emit(page)

    def contextMenuEvent(self, ev: QContextMenuEvent) -> None:
        """Ask the owner for a menu."""
        self.menu_wanted.emit(ev.globalPos())
        ev.accept()

    def keyPressEvent(self, ev: QKeyEvent) -> None:
        """Arrows step, up and down reach titles that Enter opens, plus and minus zoom, Home shows everything."""
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
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._reach_title(1 if key == Qt.Key.Key_Down else -1)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.links.page_at(self.links.current):
            self.help_wanted.emit(self.links.page_at(self.links.current))
        else:
            super().keyPressEvent(ev)
            return
        ev.accept()

    def _reach_title(self, step: int) -> None:
        """Go to the next title by keyboard; the first time to the first one."""
        if self.links.current < 0:
            self.links.current = self.links.reached()
        else:
            self.links.step(step)
        self.viewport().update()

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
        painter.setFont(self.theme.font("small"))
        painter.setPen(self.theme.color("text_soft"))
        for title in self.titles():
            title.paint(painter)
        reached = self.links.current if self.hasFocus() else -1
        if self.links.over >= 0 or reached >= 0:
            self.links.underline(painter, self.theme.color("text_soft"), self.links.over, reached)
        if self.note:
            area = self.area()
            painter.setFont(self.theme.font())
            painter.setPen(self.theme.color("text_soft"))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(area.adjusted(16, 8, -16, -8), flags, self.note)
        if self.hasFocus():
            painter.setPen(QPen(self.theme.color("accent"), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(QRectF(self.viewport().rect()).adjusted(0.5, 0.5, -0.5, -0.5))
