"""A small bar chart without axes: a histogram or a falling spectrum, with its two ends written below."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.reading.depth import Floats
from app.theme import Theme

HEIGHT = 64
PAD = 12


class SmallBars(QWidget):
    """Bars from left to right, the highest as high as the chart.

    Parameters
    ----------
    hue
        Colour role.
    """

    def __init__(self, theme: Theme, name: str, hue: str = "rank") -> None:
        super().__init__()
        self.theme = theme
        self.values: Floats = np.empty(0)
        self.outline: Floats = np.empty(0)
        self._ends = ("", "", "")
        self._hue = hue
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(name)
        theme.changed.connect(self.updateGeometry)

    def show_values(
        self, values: Floats, ends: tuple[str, str, str], tip: str = "", outline: Floats | None = None
    ) -> None:
        """Show other values.

        Parameters
        ----------
        values
            (bar,) not below zero.
        ends
            Words below the left end, the middle and the right end.
        outline
            (bar,) of a second network, spread over the same width; None for none.
        """
        self.outline = np.nan_to_num(np.asarray(outline, dtype=np.float64)) if outline is not None else np.empty(0)
        self.values, self._ends = np.nan_to_num(np.asarray(values, dtype=np.float64)), ends
        self.setAccessibleDescription(" ".join(word for word in ends if word))
        self.setToolTip(tip)
        self.update()

    def sizeHint(self) -> QSize:
        """Return room for the bars and one line of text."""
        return QSize(200, round(HEIGHT + QFontMetricsF(self.theme.font("small")).height() + 6))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw bars and words."""
        painter = QPainter(self)
        painter.setFont(self.theme.font("small"))
        width, count = self.width() - 2 * PAD, len(self.values)
        top = max(float(self.values.max(initial=0.0)), float(self.outline.max(initial=0.0))) or 1.0
        color = self.theme.color(self._hue)
        edges = np.rint(PAD + width * np.arange(count + 1) / max(count, 1))
        gap = 1 if width > 3 * count else 0
        for value, left, right in zip(self.values, edges[:-1], edges[1:], strict=True):
            high = (HEIGHT - 4) * value / top
            if value > 0:
                painter.fillRect(
                    QRectF(left, HEIGHT - max(1.0, high), max(1.0, right - left - gap), max(1.0, high)), color
                )
        self._draw_outline(painter, width, top)
        painter.setPen(self.theme.color("line"))
        painter.drawLine(PAD, HEIGHT, self.width() - PAD, HEIGHT)
        painter.setPen(self.theme.color("text_soft"))
        below = QRectF(PAD, HEIGHT + 3, width, painter.fontMetrics().height())
        for words, side in zip(
            self._ends,
            (Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignHCenter, Qt.AlignmentFlag.AlignRight),
            strict=True,
        ):
            painter.drawText(below, side, words)

    def _draw_outline(self, painter: QPainter, width: int, top: float) -> None:
        """Draw the bars of a second network as one thin line."""
        count = len(self.outline)
        if not count:
            return
        edges = np.rint(PAD + width * np.arange(count + 1) / count) + 0.5
        heights = np.rint(HEIGHT - (HEIGHT - 4) * self.outline / top) + 0.5
        painter.setPen(QPen(self.theme.color("outline"), 1))
        corners = zip(np.repeat(edges, 2)[1:-1].tolist(), np.repeat(heights, 2).tolist(), strict=True)
        painter.drawPolyline([QPointF(x, y) for x, y in corners])
