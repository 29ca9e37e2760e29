"""Quiet axes for plots: ticks at round numbers, thin lines, text that is never cut."""

from __future__ import annotations

import math
from collections.abc import Callable

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app.drawing.named import Name, Title
from app.reading import numbers
from app.theme import Theme

TICK = 4.0
GAP = 3.0


def nice_step(span: float, most: int) -> float:
    """Return the smallest of 1, 2, 5 × 10^k that cuts a span into at most `most` parts."""
    if not span > 0 or most < 1 or not math.isfinite(span):
        return 1.0
    rough = span / most
    power = 10.0 ** math.floor(math.log10(rough))
    return next((step * power for step in (1.0, 2.0, 5.0) if step * power >= rough * (1 - 1e-9)), 10.0 * power)


def nice_ticks(low: float, high: float, most: int) -> list[float]:
    """Return round numbers between low and high, at most `most` + 1 of them."""
    step = nice_step(high - low, most)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [0.0 if k == 0 else k * step for k in range(first, min(last, first + 200) + 1)]


def log_ticks(low: float, high: float, most: int = 8) -> list[float]:
    """Return the exponents of powers of ten between two exponents."""
    step = max(1, math.ceil((high - low) / max(most, 1)))
    return [float(k) for k in range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1) if k % step == 0]


def nice_top(largest: float, parts: int = 4) -> float:
    """Return a round number at or just above the largest value, for the top of an axis that begins at 0.

    Examples
    --------
    >>> nice_top(64), nice_top(0.93), nice_top(0)
    (80.0, 1.0, 1.0)
    """
    if not largest > 0 or not math.isfinite(largest):
        return 1.0
    step = nice_step(largest, parts)
    return step * math.ceil(largest / step - 1e-9)


def round_below(largest: float) -> float:
    """Return the largest number of one digit × 10^k that is not above a positive number.

    Examples
    --------
    >>> round_below(452_000), round_below(10), round_below(0.8)
    (400000.0, 10.0, 0.8)
    """
    power = 10.0 ** math.floor(math.log10(largest) + 1e-12)
    return math.floor(largest / power + 1e-9) * power


class Axis(pg.GraphicsObject):  # type: ignore[misc]  # pyqtgraph has no types
    """Something beside a plot that is painted in pixels and follows its range.

    Parameters
    ----------
    theme
        Colours and fonts.
    side
        "left", "right", "top" or "bottom".
    """

    def __init__(self, theme: Theme, side: str) -> None:
        super().__init__()
        self.theme = theme
        self.side = side
        self.box: pg.ViewBox | None = None
        self._area = QRectF()
        self.setFlag(self.GraphicsItemFlag.ItemUsesExtendedStyleOption)

    def place(self, area: QRectF) -> None:
        """Move to a rectangle of the scene."""
        if area != self._area:
            self.prepareGeometryChange()
            self._area = area
        self.update()

    def boundingRect(self) -> QRectF:
        """Return the rectangle in scene coordinates, which are widget pixels."""
        return self._area

    def follow(self, box: pg.ViewBox) -> None:
        """Repaint whenever the range of a box changes along this axis."""
        self.box = box
        signal = box.sigXRangeChanged if self.side in ("top", "bottom") else box.sigYRangeChanged
        signal.connect(self._moved)

    def _moved(self, *_: object) -> None:
        self.update()

    def titles(self) -> tuple[Title, ...]:
        """Return the words that say what the axis is of, where they are painted. None by default."""
        return ()

    def terms(self, plot: str) -> tuple[Name, ...]:
        """Return the parts of the titles that lead to a definition, for the plot of a name."""
        metrics = QFontMetricsF(self.theme.font("small"))
        return tuple(name for title in self.titles() for name in title.names(metrics, plot))

    @property
    def range(self) -> tuple[float, float]:
        """Range of the box along this axis."""
        if self.box is None:
            return 0.0, 1.0
        low, high = self.box.viewRange()[0 if self.side in ("top", "bottom") else 1]
        return float(low), float(high)

    def pixel(self, value: float) -> float:
        """Place of a value in widget pixels along this axis."""
        low, high = self.range
        share = (value - low) / ((high - low) or 1.0)
        if self.side in ("top", "bottom"):
            return self._area.left() + share * self._area.width()
        return self._area.bottom() - share * self._area.height()


class NumberAxis(Axis):
    """Numbers along one side of a plot.

    Parameters
    ----------
    log
        True if the box's coordinates are exponents of ten.
    title
        Words and unit; drawn below a bottom axis. Vertical axes have their title above the plot.
    text
        Turns a value into a tick label; None for plain numbers.
    """

    def __init__(
        self, theme: Theme, side: str, log: bool = False, title: str = "", text: Callable[[float], str] | None = None
    ) -> None:
        super().__init__(theme, side)
        self.log = log
        self.title = title
        self.text = text
        self.apart = 48.0
        """Pixels between two ticks of a vertical axis, at the least."""

    def ticks(self) -> list[tuple[float, str]]:
        """Places and labels that fit."""
        low, high = self.range
        low, high = min(low, high), max(low, high)
        room = self._area.width() / 64 if self.side in ("top", "bottom") else self._area.height() / self.apart
        most = max(1, int(room))
        if self.log:
            return [(place, numbers.scientific(10.0**place)) for place in log_ticks(low, high, most)]
        step = nice_step(high - low, most)
        text = self.text or (lambda value: numbers.tick(value, step))
        return [(place, text(place)) for place in nice_ticks(low, high, most)]

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Draw the line, ticks and labels."""
        area = self._area
        painter.setFont(self.theme.font("small"))
        metrics = QFontMetricsF(painter.font())
        line, ink = QPen(self.theme.color("line"), 1), QPen(self.theme.color("text_soft"), 1)
        painter.setPen(line)
        painter.drawLine(*_edge(area, self.side))
        for place, label in self.ticks():
            at = round(self.pixel(place)) + 0.5
            painter.setPen(line)
            painter.drawLine(*_tick(area, self.side, at))
            painter.setPen(ink)
            painter.drawText(self._label_rect(at, metrics.horizontalAdvance(label), metrics), aligned(self.side), label)
        painter.setPen(ink)
        for title in self.titles():
            title.paint(painter)

    def titles(self) -> tuple[Title, ...]:
        """Return the title below a bottom axis."""
        if not self.title or self.side != "bottom":
            return ()
        area, height = self._area, QFontMetricsF(self.theme.font("small")).height()
        rect = QRectF(area.left(), area.bottom() - height - 2, area.width(), height + 1)
        return (Title(self.title, rect, Qt.AlignmentFlag.AlignRight),)

    def _label_rect(self, at: float, width: float, metrics: QFontMetricsF) -> QRectF:
        area, height = self._area, metrics.height()
        if self.side in ("bottom", "top"):
            # Kept inside the plot's width, so that the first and last label are not cut.
            left = min(max(at - width / 2, area.left() - 8), area.right() - width + 8)
            top = area.top() + TICK + 1 if self.side == "bottom" else area.bottom() - TICK - height - 1
            return QRectF(left, top, width + 1, height)
        top = min(max(at - height / 2, area.top() - height / 2), area.bottom() - height / 2)
        if self.side == "left":
            return QRectF(area.right() - TICK - GAP - width, top, width + 1, height)
        return QRectF(area.left() + TICK + GAP, top, width + 1, height)

    def boundingRect(self) -> QRectF:
        """Return the rectangle with room for labels that reach over its ends."""
        return self._area.adjusted(-9, -9, 9, 9)


def _edge(area: QRectF, side: str) -> tuple[QPointF, QPointF]:
    return {
        "bottom": (area.topLeft(), area.topRight()),
        "top": (area.bottomLeft(), area.bottomRight()),
        "left": (area.topRight(), area.bottomRight()),
        "right": (area.topLeft(), area.bottomLeft()),
    }[side]


def _tick(area: QRectF, side: str, at: float) -> tuple[QPointF, QPointF]:
    return {
        "bottom": (QPointF(at, area.top()), QPointF(at, area.top() + TICK)),
        "top": (QPointF(at, area.bottom()), QPointF(at, area.bottom() - TICK)),
        "left": (QPointF(area.right(), at), QPointF(area.right() - TICK, at)),
        "right": (QPointF(area.left(), at), QPointF(area.left() + TICK, at)),
    }[side]


def aligned(side: str) -> Qt.AlignmentFlag:
    """Alignment of the labels of an axis at a side."""
    if side == "left":
        return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
    if side == "right":
        return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
    return Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignVCenter
