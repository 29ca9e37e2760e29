"""The legend of a coloured graph: least and greatest value with the colours between."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QLinearGradient, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy

from app.drawing.map_image import MapScale
from app.drawing.named import Name, NamedNumbers
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
    """Least value, colours, greatest value, and the look of nodes without a value. Hidden without a metric.

    It stands for the name of the measure: a click, or Enter, opens the definition.
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
        """Return the whole scale as the one name: that of the measure."""
        if self.shown is None:
            return ()
        place = QRectF(8, 0, max(1.0, self.width() - 16.0), self.height())
        return (Name(place, self.shown.page, self.toolTip()),)

    def _text(self, value: float) -> str:
        text = numbers.short(abs(value) if self.second else value, self.shown.unit if self.shown else "")
        return f"{'+' if value > 0 else '−' if value < 0 else ''}{text}" if self.second else text

    def sizeHint(self) -> QSize:
        """Return the room of one line."""
        return QSize(160, round(QFontMetricsF(self.theme.font("small")).height()) + 8)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the bar between its ends."""
        if self.shown is None:
            return
        painter = QPainter(self)
        painter.setFont(self.theme.font("small"))
        metrics = QFontMetricsF(painter.font())
        low, high = map(self._text, self.ends)
        gap = "no value" if self._gaps else ""
        painter.setPen(self.theme.color("text_soft"))
        right = self.width() - 8.0
        if gap:
            right -= metrics.horizontalAdvance(gap)
            painter.drawText(QRectF(right, 0, 200, self.height()), Qt.AlignmentFlag.AlignVCenter, gap)
            right -= 15
            painter.setPen(QPen(self.theme.color("line"), 1))
            painter.setBrush(self.theme.color("raised"))
            painter.drawRect(QRectF(right + 0.5, round(self.height() / 2 - 5) + 0.5, 10, 10))
            right -= 12
        painter.setPen(self.theme.color("text_soft"))
        painter.drawText(QRectF(8, 0, 200, self.height()), Qt.AlignmentFlag.AlignVCenter, low)
        left = 8 + metrics.horizontalAdvance(low) + 6
        end = right - metrics.horizontalAdvance(high) - 6
        painter.drawText(QRectF(end + 6, 0, 200, self.height()), Qt.AlignmentFlag.AlignVCenter, high)
        colors = QLinearGradient(left, 0, max(left + 1, end), 0)
        for step in range(9):
            colors.setColorAt(step / 8, shade(self.theme, step / 8, bool(self.second)))
        painter.fillRect(QRectF(left, self.height() / 2 - BAR / 2, max(1.0, end - left), BAR), colors)
        self.underline(painter)
