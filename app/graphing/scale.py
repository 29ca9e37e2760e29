"""The legend of a coloured graph: the name of the measure, least and greatest value with the colours between."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QLinearGradient, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy

from app.drawing.map_image import MapScale
from app.drawing.named import Name, NamedNumbers
from app.drawing.readout import first_fitting
from app.reading import numbers
from app.reading.measurements import Metric
from app.theme import Theme

BAR = 8.0
FIRST, SPAN = 0.06, 0.78
"""Part of the sequential scale that is used: the rest would hide text."""
SIGNED = 0.8
"""Part of the scale of differences that is used."""


def shade(theme: Theme, share: float, signed: bool) -> QColor:
    """Colour at a place of the scale, 0 to 1; of a difference, zero is in the middle."""
    if not signed:
        return theme.heat(FIRST + SPAN * share)
    return MapScale(-1.0, 1.0, True).color(theme, 0.5 + SIGNED * (share - 0.5))


class ColorScale(NamedNumbers):
    """Name of the measure; below it least value, colours, greatest value, and the look of nodes without a value.

    Hidden without a metric. A click on name or numbers, or Enter, opens the definition.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.shown: Metric | None = None
        self.ends = (0.0, 1.0)
        self.second = ""
        self._gaps = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Colours")
        theme.changed.connect(self.updateGeometry)
        self.hide()

    def show_scale(self, metric: Metric | None, low: float, high: float, gaps: bool, second: str = "") -> None:
        """Show the scale of a metric; `gaps` if there are nodes without a value.

        With the name of a second network it is the difference from it, on both sides of zero.
        """
        self.shown, self.ends, self._gaps, self.second = metric, (low, high), gaps, second
        self.setVisible(metric is not None)
        if metric is not None:
            less = f", how much more it is here than in {second}" if second else ""
            self.setToolTip(f"{metric.title}{less}: {metric.definition}")
            self.setAccessibleDescription(f"{metric.title}, {self._text(low)} to {self._text(high)}")
        self.update()

    def names(self) -> tuple[Name, ...]:
        """Return the name of the measure, and its numbers with the colours between."""
        if self.shown is None:
            return ()
        line, wide = self._line(), max(1.0, self.width() - 16.0)
        word = min(wide, QFontMetricsF(self.theme.font("small")).horizontalAdvance(self.title))
        places = (QRectF(8, 0, word, line + 2), QRectF(8, line + 2, wide, self.height() - line - 2))
        return tuple(Name(place, self.shown.page, self.toolTip()) for place in places)

    @property
    def title(self) -> str:
        """Name and unit of the measure, and from which network the differences are, as far as there is room."""
        if self.shown is None:
            return ""
        unit = f" ({self.shown.unit})" if self.shown.unit and self.shown.unit != self.shown.title else ""
        words = f"{self.shown.title}{unit}" + (f" · difference from {self.second}" if self.second else "")
        return first_fitting(words, self.width() - 16.0, QFontMetricsF(self.theme.font("small")))

    def _line(self) -> float:
        return float(QFontMetricsF(self.theme.font("small")).height())

    def _text(self, value: float) -> str:
        text = numbers.short(abs(value) if self.second else value, self.shown.unit if self.shown else "")
        return f"{'+' if value > 0 else '−' if value < 0 else ''}{text}" if self.second else text

    def sizeHint(self) -> QSize:
        """Return the room of two lines."""
        return QSize(160, round(2 * self._line()) + 10)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the name, and below it the bar between its ends."""
        if self.shown is None:
            return
        painter = QPainter(self)
        painter.setFont(self.theme.font("small"))
        metrics = QFontMetricsF(painter.font())
        low, high = map(self._text, self.ends)
        gap = "no value" if self._gaps else ""
        painter.setPen(self.theme.color("text_soft"))
        top, tall = self._line() + 2, self.height() - self._line() - 2
        painter.drawText(QRectF(8, 2, self.width(), self._line()), Qt.AlignmentFlag.AlignLeft, self.title)
        right, middle = self.width() - 8.0, round(top + tall / 2)
        if gap:
            right -= metrics.horizontalAdvance(gap)
            painter.drawText(QRectF(right, top, 200, tall), Qt.AlignmentFlag.AlignVCenter, gap)
            right -= 15
            painter.setPen(QPen(self.theme.color("line"), 1))
            painter.setBrush(self.theme.color("raised"))
            painter.drawRect(QRectF(right + 0.5, middle - 4.5, 10, 10))
            right -= 12
        painter.setPen(self.theme.color("text_soft"))
        painter.drawText(QRectF(8, top, 200, tall), Qt.AlignmentFlag.AlignVCenter, low)
        left = 8 + metrics.horizontalAdvance(low) + 6
        end = right - metrics.horizontalAdvance(high) - 6
        painter.drawText(QRectF(end + 6, top, 200, tall), Qt.AlignmentFlag.AlignVCenter, high)
        colors = QLinearGradient(left, 0, max(left + 1, end), 0)
        for step in range(9):
            colors.setColorAt(step / 8, shade(self.theme, step / 8, bool(self.second)))
        painter.fillRect(QRectF(left, middle - BAR / 2, max(1.0, end - left), BAR), colors)
        self.underline(painter)
