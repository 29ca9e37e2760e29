"""Weights as bars about zero, one for each input, with the input under the mouse said."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QHelpEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.drawing.map_image import NEGATIVE, POSITIVE
from app.reading import numbers
from app.reading.depth import Floats, Ints
from app.theme import Theme

HEIGHT = 64
PAD = 12


class SignedBars(QWidget):
    """Bars from left to right, up for values above zero; where they are more than pixels, each pixel has its extremes.

    Parameters
    ----------
    name
        What is read aloud.
    """

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__()
        self.theme = theme
        self.values: Floats = np.empty(0)
        self.outline: Floats = np.empty(0)
        self._second = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(name)
        theme.changed.connect(self.updateGeometry)

    def show_values(self, values: Floats, outline: Floats | None = None, second: str = "") -> None:
        """Show other values.

        Parameters
        ----------
        values
            (input,) weights.
        outline
            (input,) those of a second network, as a line; None for none.
        second
            Its name.
        """
        self.values = np.nan_to_num(np.asarray(values, dtype=np.float64))
        self.outline = np.nan_to_num(np.asarray(outline, dtype=np.float64)) if outline is not None else np.empty(0)
        self._second = second
        low, high = (numbers.short(float(end)) for end in (self.values.min(initial=0), self.values.max(initial=0)))
        self.setAccessibleDescription(f"{len(self.values)} inputs, from {low} to {high}")
        self.update()

    @property
    def reach(self) -> float:
        """Magnitude of the longest bar."""
        return max((float(np.abs(ends).max(initial=0.0)) for ends in (self.values, self.outline)), default=0.0) or 1.0

    def sizeHint(self) -> QSize:
        """Return room for the bars and one line of text."""
        return QSize(200, round(HEIGHT + QFontMetricsF(self.theme.font("small")).height() + 6))

    def edges(self) -> Ints:
        """Return the ends of the bars, (inputs + 1,) in pixels."""
        width, count = self.width() - 2 * PAD, len(self.values)
        return np.rint(PAD + width * np.arange(count + 1) / max(count, 1)).astype(np.int64)

    def bars(self) -> tuple[Ints, Ints, Floats, Floats]:
        """Return what is drawn: ends of the bars in pixels, and their lowest and highest values, each (bar,).

        Inputs that begin at the same pixel are one bar; a value that does not pass zero on a side has no length there.
        """
        edges = self.edges()
        left, first = np.unique(edges[:-1], return_index=True)
        if not len(left):
            return left, left, np.empty(0), np.empty(0)
        right = np.append(left[1:], edges[-1])
        low, high = (reduce.reduceat(self.values, first) for reduce in (np.minimum, np.maximum))
        return left, right, np.minimum(low, 0.0), np.maximum(high, 0.0)

    def inputs_at(self, x: float) -> tuple[int, ...]:
        """Return the inputs whose bars stand at a place."""
        edges = self.edges()
        first = np.flatnonzero((edges[:-1] <= x) & (x < np.maximum(edges[1:], edges[:-1] + 1)))
        return tuple(first.tolist())

    def tip_at(self, x: float) -> str:
        """Return the inputs at a place with their weights, the strongest first."""
        found = sorted(self.inputs_at(x), key=lambda number: -abs(self.values[number]))
        lines = [f"input {number}: {numbers.short(float(self.values[number]))}" for number in found[:4]]
        if len(found) == 1 and len(self.outline):
            lines.append(f"{self._second}: {numbers.short(float(self.outline[found[0]]))}")
        return "\n".join(lines)

    def event(self, event: QEvent) -> bool:
        """Say what the bar under the mouse is."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self.tip_at(event.pos().x()), self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw bars, the line of zero, and which inputs stand at the ends."""
        painter = QPainter(self)
        painter.setFont(self.theme.font("small"))
        middle, scale, edges = HEIGHT // 2, (HEIGHT / 2 - 3) / self.reach, self.edges()
        gap = 1 if len(edges) > 1 and edges[-1] - edges[0] > 3 * len(self.values) else 0
        above, below_zero = self.theme.color(POSITIVE), self.theme.color(NEGATIVE)
        for left, right, low, high in zip(*(part.tolist() for part in self.bars()), strict=True):
            wide = max(1, right - left - gap)
            if high > 0:
                tall = max(1.0, high * scale)
                painter.fillRect(QRectF(left, middle - tall, wide, tall), above)
            if low < 0:
                painter.fillRect(QRectF(left, middle + 1, wide, max(1.0, -low * scale)), below_zero)
        self._draw_outline(painter, middle, scale)
        painter.setPen(self.theme.color("line"))
        painter.drawLine(PAD, middle, self.width() - PAD, middle)
        painter.setPen(self.theme.color("text_soft"))
        below = QRectF(PAD, HEIGHT + 1, self.width() - 2 * PAD, painter.fontMetrics().height())
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, "input 0")
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, str(len(self.values) - 1))

    def _draw_outline(self, painter: QPainter, middle: int, scale: float) -> None:
        """Draw the weights of a second network as one thin line."""
        if len(self.outline) != len(self.values) or not len(self.outline):
            return
        heights = np.rint(middle - self.outline * scale) + 0.5
        painter.setPen(QPen(self.theme.color("outline"), 1))
        corners = zip(np.repeat(self.edges() + 0.5, 2)[1:-1].tolist(), np.repeat(heights, 2).tolist(), strict=True)
        painter.drawPolyline([QPointF(x, y) for x, y in corners])
