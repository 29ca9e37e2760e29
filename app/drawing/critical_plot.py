"""Critical tolerance over depth: how far every point is from its first conflict, in powers of two."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF
from PySide6.QtGui import QPainter, QPen

from app.drawing.axes import NumberAxis
from app.drawing.depth_plot import DepthItem, DepthPlot
from app.drawing.lane_painting import draw_mark
from app.drawing.pixels import PlotBox, Scale
from app.reading import numbers
from app.reading.depth import DepthAxis, Floats
from app.reading.measurements import NOT_APPLICABLE, ZERO
from app.theme import Theme


class PowerAxis(NumberAxis):
    """Multiples of a width: places are exponents of two."""

    def __init__(self, theme: Theme, side: str) -> None:
        super().__init__(theme, side, text=numbers.multiple)

    def ticks(self) -> list[tuple[float, str]]:
        """Whole exponents that fit."""
        low, high = self.range
        room = self._area.height() / 22 if self.side == "left" else self._area.width() / 44
        step = max(1, int(np.ceil((high - low) / max(1.0, room))))
        first, last = int(np.ceil(low - 1e-9)), int(np.floor(high + 1e-9))
        return [(float(k), numbers.multiple(float(k))) for k in range(first, last + 1) if k % step == 0]


class CriticalItem(DepthItem):
    """Dots at the critical width, tied to the one that was used: below it for conflicts."""

    def __init__(self, box: PlotBox, theme: Theme) -> None:
        super().__init__(box, theme)
        self.values: Floats = np.empty(0)
        self.branch = np.empty(0, dtype=bool)
        self.outline: Floats = np.empty(0)
        self.low = -1.0

    def draw_values(self, painter: QPainter, scale: Scale, centres: Floats, step: float) -> None:
        """Paint one dot per point; zero and none have marks."""
        base = round(scale.y_of(0.0))
        radius = min(4.5, max(1.5, step / 3))
        painter.setPen(QPen(self.theme.color("text_soft"), 1))
        painter.drawLine(QPointF(0, base + 0.5), QPointF(scale.width, base + 0.5))
        for x, value, branch in zip(centres.tolist(), self.values.tolist(), self.branch.tolist(), strict=False):
            if value != value:
                draw_mark(painter, self.theme, NOT_APPLICABLE, x, 8)
                continue
            color = self.theme.color("bundles" if value <= 1 else "cost")
            shown = max(float(np.log2(value)), self.low) if value > 0 else self.low
            y = scale.y_of(shown)
            painter.setPen(QPen(color, 1))
            painter.drawLine(QPointF(round(x) + 0.5, base), QPointF(round(x) + 0.5, y))
            if value == 0:
                draw_mark(painter, self.theme, ZERO, x, y + 3)
                continue
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(color, 1.5))
            painter.setBrush(self.theme.color("surface") if branch else color)
            painter.drawEllipse(QPointF(round(x) + 0.5, y), radius, radius)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        self._draw_outline(painter, scale, centres, step)

    def _draw_outline(self, painter: QPainter, scale: Scale, centres: Floats, step: float) -> None:
        """Draw a short line at the critical width of a second network."""
        half = min(9.0, max(2.0, 0.4 * step))
        painter.setPen(QPen(self.theme.color("text"), 1))
        for x, value in zip(centres.tolist(), self.outline.tolist(), strict=False):
            if value == value:
                y = round(scale.y_of(max(float(np.log2(value)), self.low) if value > 0 else self.low)) + 0.5
                painter.drawLine(QPointF(x - half, y), QPointF(x + half, y))


class CriticalPlot(DepthPlot):
    """The critical tolerance of every point."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Critical tolerance over depth")
        self.axes.remove(self.left)
        self.left.scene().removeItem(self.left)
        self.left = PowerAxis(theme, "left")
        self.add_axis(self.left)
        self.bars = CriticalItem(self.box, theme)
        self.show_item(self.bars)
        self.set_title("critical tolerance (ours): first conflict at this width of the grid")

    def show_values(self, axis: DepthAxis, values: Floats, outline: Floats | None = None) -> None:
        """Draw values in multiples of the width, and those of a second network; 0 for equal values, NaN for none."""
        self.bars.values = values
        self.bars.outline = np.empty(0) if outline is None else outline
        self.bars.branch = np.array([layer.kind == "branch" for layer in axis.layers], dtype=bool)
        shown = np.concatenate([values, self.bars.outline])
        positive = np.log2(shown[shown > 0])
        low = float(min(-2.0, positive.min(initial=0.0)))
        low -= 1.0 if bool(np.any(shown == 0)) else 0.0
        high = float(max(2.0, positive.max(initial=0.0)))
        self.bars.low = low
        self.set_axis(axis, high + 0.5)
        home = (self.home[0], (low - 0.5, high + 0.5))
        if home != self.home:
            self.set_home(*home)
        self.bars.update()
