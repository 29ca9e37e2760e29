"""Axes whose places have names: rows and columns of a matrix, and bars beside its rows."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import QGraphicsSceneHoverEvent, QStyleOptionGraphicsItem, QWidget

from app.drawing.axes import Axis, aligned
from app.drawing.depth_axes import TurnedTexts
from app.drawing.named import Title, shortened
from app.reading.depth import Floats
from app.theme import Theme

DEEPEST = 90.0
"""Pixels that the longest turned name goes down, with letters of the usual size."""
BESIDE = 14.0
"""Pixels between a matrix and the bars beside its rows."""


class ListAxis(Axis):
    """Names at 0, 1, 2, …: rows run downwards from y = 0, columns to the right from x = 0.

    Where names do not fit, every second, fifth, tenth … place has its number. A name that is too long is shortened in
    its middle; hovering tells it.
    """

    def __init__(self, theme: Theme, side: str, title: str) -> None:
        super().__init__(theme, side)
        self.names: tuple[str, ...] = ()
        self.count = 0
        self.title = title
        self._turned = TurnedTexts(theme)
        self._longest: tuple[str, float] = ("", 0.0)
        """Font and width of the longest name in it: asked for in every panned frame, of hundreds of names."""
        self._short: dict[str, str] = {}
        self._short_for: tuple[str, float] = ("", 0.0)
        """Names as they are shown, and the font and pixels that they were shortened for."""
        self.setAcceptHoverEvents(True)

    def set_names(self, names: tuple[str, ...], count: int) -> None:
        """Show names, or numbers if there are none."""
        if names != self.names:
            self._longest = ("", 0.0)
        self.names, self.count = names, count
        self._turned.forget()
        self._short.clear()
        self.update()

    def shown(self, name: str) -> str:
        """Return a name as it is shown: with … in its middle if it is too long."""
        self._begin_short()
        return self._shown(name)

    def _begin_short(self) -> None:
        """Forget names that were shortened for another font or room: asked once for all texts of a panned frame."""
        font = self.theme.font(self._font)
        most = self._most(QFontMetricsF(font).height())
        if self._short_for != (font.key(), most):
            self._short, self._short_for = {}, (font.key(), most)

    def _shown(self, name: str) -> str:
        if name not in self._short:
            self._short[name] = shortened(name, self._short_for[1], QFontMetricsF(self.theme.font(self._font)))
        return self._short[name]

    @property
    def _font(self) -> str:
        """Font of the names."""
        return "small_code" if self.side == "bottom" else "small"

    def _most(self, height: float) -> float:
        """Pixels along a name that there is room for."""
        if self.side != "bottom":
            return self._area.width() - 12
        below = self._area.height() - (height + 6 if self.title else 4)
        return max(0.0, below - height + 1) / 0.71

    def name_at(self, x: float, y: float) -> str:
        """Return the name at a place of the plot if it is shown shortened, "" otherwise."""
        first, last, spacing = self.places()
        along = x + y - self._area.top() if self.side == "bottom" else y
        found = next((place for place in range(first, last + 1) if abs(self.at(place) - along) <= spacing / 2), -1)
        if not 0 <= found < len(self.names) or not self.fits(spacing):
            return ""
        name = self.names[found]
        return name if self.shown(name) != name else ""

    def hoverMoveEvent(self, event: QGraphicsSceneHoverEvent) -> None:
        """Tell a name that is shown shortened."""
        self.setToolTip(self.name_at(event.pos().x(), event.pos().y()))

    def fits(self, spacing: float) -> bool:
        """Tell whether names can be read at so many pixels between two places."""
        height = QFontMetricsF(self.theme.font("small")).height()
        return bool(self.names) and spacing >= height * (1.05 if self.side == "bottom" else 0.9)

    def number_room(self) -> float:
        """Pixels that numbers and the title need below the plot where names do not fit."""
        return 2 * QFontMetricsF(self.theme.font("small")).height() + 10

    def room(self) -> float:
        """Pixels that the longest name needs beside the plot."""
        font = self.theme.font("small_code" if self.side == "bottom" else "small")
        metrics = QFontMetricsF(font)
        if self._longest[0] != font.key():
            names = self.names or ("0000",)
            self._longest = font.key(), max(metrics.horizontalAdvance(name) for name in names)
        longest = self._longest[1]
        if self.side == "bottom":
            return min(0.71 * longest + metrics.height(), DEEPEST * max(1.0, self.theme.scale)) + metrics.height() + 6
        return min(longest, 180 * max(1.0, self.theme.scale)) + 14

    def places(self) -> tuple[int, int, float]:
        """First and last place that can be seen, and the pixels between two."""
        low, high = self.range
        if self.side == "bottom":
            first, last, length = math.ceil(low), math.floor(high), self._area.width()
        else:
            first, last, length = math.ceil(-high), math.floor(-low), self._area.height()
        return max(0, first), min(self.count - 1, last), length / max(high - low, 1e-9)

    def at(self, place: int) -> float:
        """Pixel of a place."""
        return self.pixel(place if self.side == "bottom" else -place)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Draw names, or numbers at round places."""
        first, last, spacing = self.places()
        painter.setFont(self.theme.font("small"))
        metrics = QFontMetricsF(painter.font())
        painter.setPen(self.theme.color("text_soft"))
        fits = self.fits(spacing)
        self._turned.begin(painter)
        self._begin_short()
        step = 1 if fits else next((s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if s * spacing >= 40), 5000)
        for place in range(first, last + 1):
            if place % step == 0:
                self._paint_place(painter, place, fits, metrics)
        for title in self.titles():
            title.paint(painter)

    def titles(self) -> tuple[Title, ...]:
        """Return the title below columns; that of rows is the title of the plot."""
        if not self.title or self.side != "bottom":
            return ()
        area, height = self._area, QFontMetricsF(self.theme.font("small")).height()
        rect = QRectF(area.left(), area.bottom() - height - 1, area.width(), height)
        return (Title(self.title, rect, Qt.AlignmentFlag.AlignRight),)

    def _paint_place(self, painter: QPainter, place: int, fits: bool, metrics: QFontMetricsF) -> None:
        area, at = self._area, self.at(place)
        text = self._shown(self.names[place]) if fits else str(place)
        if self.side == "bottom" and fits:
            self._turned.draw(painter, text, at, area.top() + 3)
        elif self.side == "bottom":
            width = metrics.horizontalAdvance(text)
            painter.drawText(QRectF(at - width / 2, area.top() + 4, width + 1, metrics.height()), 0, text)
        else:
            rect = QRectF(area.left() + 4, at - metrics.height() / 2, area.width() - 12, metrics.height())
            painter.drawText(rect, aligned("left"), text)


class RowBars(Axis):
    """Bars beside the rows of a matrix, each with its number.

    Parameters
    ----------
    title
        Drawn above the bars.
    """

    def __init__(self, theme: Theme, title: str, hue: str) -> None:
        super().__init__(theme, "right")
        self.title = title
        self.hue = hue
        self.values: Floats = np.empty(0)
        self.second: Floats = np.empty(0)
        self.mean = math.nan

    def show_second(self, values: Floats) -> None:
        """Draw the shares of a second network as thin frames; none for an empty array."""
        self.second = values
        self.update()

    def show_values(self, values: Floats, mean: float) -> None:
        """Draw shares between 0 and 1, and a line at a mean."""
        self.values, self.mean = values, mean
        self.update()

    def boundingRect(self) -> QRectF:
        """Return the rectangle with room for the title."""
        return self._area.adjusted(0, -26, 0, 4)

    def titles(self) -> tuple[Title, ...]:
        """Return the title above the bars, if there are some."""
        if not self.values.size:
            return ()
        area, height = self._area, QFontMetricsF(self.theme.font("small")).height()
        return (Title(self.title, QRectF(area.left() + BESIDE, area.top() - height - 5, area.width(), height)),)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Draw the bars that can be seen."""
        area = self._area
        painter.setFont(self.theme.font("small"))
        metrics = QFontMetricsF(painter.font())
        label = metrics.horizontalAdvance("100.0 %") + 6
        left, full = area.left() + BESIDE, max(1.0, area.width() - BESIDE - label - 6)
        spacing = area.height() / max(1e-9, self.range[1] - self.range[0])
        tall = max(1.0, math.floor(spacing * 0.7))
        painter.setPen(self.theme.color("text_soft"))
        for title in self.titles():
            title.paint(painter)
        painter.setClipRect(area.adjusted(0, -1, 0, 1))
        for row, value in enumerate(self.values.tolist()):
            y = self.pixel(-row)
            if not area.top() - spacing <= y <= area.bottom() + spacing:
                continue
            top = round(y - tall / 2)
            painter.fillRect(QRectF(left, top, full, tall), self.theme.color("unused"))
            if value == value:
                painter.fillRect(QRectF(left, top, round(full * value), tall), self.theme.color(self.hue))
            other = float(self.second[row]) if row < len(self.second) else math.nan
            if other == other:
                painter.setPen(QPen(self.theme.color("outline"), 1))
                painter.drawRect(QRectF(left + 0.5, top - 0.5, round(full * other), tall))
                painter.setPen(self.theme.color("text_soft"))
            if spacing >= metrics.height() * 0.9:
                text = f"{100 * value:.1f} %" if value == value else "no pictures"
                rect = QRectF(left + full + 5, y - metrics.height() / 2, label + 40, metrics.height())
                painter.drawText(rect, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)
        if math.isfinite(self.mean) and self.values.size:
            x = round(left + full * self.mean) + 0.5
            painter.setPen(QPen(self.theme.color("text"), 1, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
