"""Map size and multiply-adds of every convolution, in the geometry that is being built, over those of the plain one."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.reading import numbers
from app.theme import Theme, mix

LEFT, RIGHT, TOP, LANE, GAP = 84.0, 12.0, 4.0, 46.0, 8.0


@dataclass(frozen=True, slots=True)
class Stop:
    """A convolution.

    Attributes
    ----------
    name, option
        Its row, and what is chosen there, "" for its own.
    size, plain
        (height, width) of the map after it, and in the network as it is; (0, 0) where it cannot be told.
    macs, plain_macs
        Multiply-adds of one picture.
    """

    name: str
    option: str
    size: tuple[int, int]
    plain: tuple[int, int]
    macs: int
    plain_macs: int


class GeometryStrip(QWidget):
    """Two rows of bars over depth; a click or the arrow keys choose a layer."""

    layer_chosen = Signal(str)
    menu_wanted = Signal(object)
    """Global place of a context menu."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.stops: tuple[Stop, ...] = ()
        self.current = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Map sizes and multiply-adds of every layer")
        theme.changed.connect(self.update)

    def show_stops(self, stops: tuple[Stop, ...], current: str) -> None:
        """Show another geometry."""
        if (stops, current) != (self.stops, self.current):
            self.stops, self.current = stops, current
            here = next((stop for stop in stops if stop.name == current), None)
            self.setAccessibleDescription(words(here) if here else "")
            self.update()

    def sizeHint(self) -> QSize:
        """Return room for both rows and the line of options."""
        return QSize(400, round(TOP + 2 * LANE + GAP + QFontMetricsF(self.theme.font("small")).height() + 4))

    def stop_at(self, x: float) -> int:
        """Return the place of the layer at a position, -1 outside."""
        width = self._pitch()
        place = int((x - LEFT) // width) if width else -1
        return place if 0 <= place < len(self.stops) and x >= LEFT else -1

    def _pitch(self) -> float:
        return (self.width() - LEFT - RIGHT) / max(1, len(self.stops))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose a layer."""
        place = self.stop_at(event.position().x())
        if place >= 0:
            self.layer_chosen.emit(self.stops[place].name)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Ask for a menu."""
        self.menu_wanted.emit(event.globalPos())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go to the layer before or after."""
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()), 0)
        if not step or not self.stops:
            super().keyPressEvent(event)
            return
        names = [stop.name for stop in self.stops]
        place = names.index(self.current) + step if self.current in names else 0
        self.layer_chosen.emit(names[min(max(place, 0), len(names) - 1)])

    def event(self, event: QEvent) -> bool:
        """Tell sizes and cost of the layer under the mouse."""
        if isinstance(event, QHelpEvent):
            place = self.stop_at(event.pos().x())
            QToolTip.showText(event.globalPos(), words(self.stops[place]) if place >= 0 else "", self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw both rows."""
        painter = QPainter(self)
        painter.setFont(self.theme.font("small"))
        metrics = QFontMetricsF(painter.font())
        if not self.stops:
            return
        largest = max((side for stop in self.stops for side in (*stop.size, *stop.plain)), default=1) or 1
        dearest = max((max(stop.macs, stop.plain_macs) for stop in self.stops), default=1) or 1
        rows = (
            ("map side", f"{largest}", [(max(s.size) / largest, max(s.plain) / largest) for s in self.stops]),
            ("MACs", numbers.short(float(dearest)), [(s.macs / dearest, s.plain_macs / dearest) for s in self.stops]),
        )
        for row, (name, most, shares) in enumerate(rows):
            bottom = TOP + (row + 1) * LANE + row * GAP
            painter.setPen(self.theme.color("text_soft"))
            for line, text in enumerate((name, f"≤ {most}")):
                rect = QRectF(12, bottom - LANE + line * metrics.height(), LEFT - 16, metrics.height())
                painter.drawText(rect, 0, metrics.elidedText(text, Qt.TextElideMode.ElideRight, rect.width()))
            self._draw_bars(painter, bottom, shares, "configurations" if row == 0 else "cost")
        self._draw_marks(painter, metrics)

    def _draw_bars(self, painter: QPainter, bottom: float, shares: list[tuple[float, float]], hue: str) -> None:
        pitch = self._pitch()
        painter.setPen(QPen(self.theme.color("line"), 1))
        painter.drawLine(QPointF(LEFT, bottom + 0.5), QPointF(self.width() - RIGHT, bottom + 0.5))
        for place, (own, plain) in enumerate(shares):
            left, wide = LEFT + place * pitch, max(2.0, pitch - (3 if pitch > 8 else 1))
            same = abs(own - plain) < 1e-9
            fill = self.theme.color(hue)
            color = mix(fill, self.theme.color("surface"), 0.55) if same else fill
            high = round((LANE - 2) * own)
            painter.fillRect(QRectF(round(left), bottom - high, round(wide), high), color)
            if not same:
                tall = round((LANE - 2) * plain)
                painter.setPen(QPen(self.theme.color("text"), 1, Qt.PenStyle.SolidLine))
                painter.drawLine(
                    QPointF(round(left), bottom - tall + 0.5), QPointF(round(left + wide), bottom - tall + 0.5)
                )

    def _draw_marks(self, painter: QPainter, metrics: QFontMetricsF) -> None:
        """Write what is chosen below its layer, and frame the layer that is looked at."""
        pitch, y, free = self._pitch(), TOP + 2 * LANE + GAP + 2, -1.0
        for place, stop in enumerate(self.stops):
            left = LEFT + place * pitch
            if stop.name == self.current:
                painter.setPen(QPen(self.theme.color("accent"), 2))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(QRectF(round(left) - 2, 1, round(max(6.0, pitch)), TOP + 2 * LANE + GAP))
            if stop.option:
                wide = metrics.horizontalAdvance(stop.option)
                start = min(max(left + pitch / 2 - wide / 2, LEFT, free), self.width() - wide - 2)
                painter.setPen(self.theme.color("accent"))
                painter.drawText(QRectF(start, y, wide + 2, metrics.height()), 0, stop.option)
                free = start + wide + 6


def words(stop: Stop) -> str:
    """Say in one line what is known of a layer."""
    size = f"{stop.size[0]} × {stop.size[1]}" if stop.size != (0, 0) else "size unknown"
    before = f" (plain {stop.plain[0]} × {stop.plain[1]})" if stop.size != stop.plain else ""
    cost = numbers.with_unit(float(stop.macs), "MACs")
    plain = f" (plain {numbers.with_unit(float(stop.plain_macs), 'MACs')})" if stop.macs != stop.plain_macs else ""
    return f"{stop.name}{' ' + stop.option if stop.option else ''}: map {size}{before}, {cost}{plain}"
