"""Points x checkpoints as a matrix: exactly zero has a colour of its own, what is not finite is hatched."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app.drawing.axes import Axis
from app.drawing.matrix import SHADES, Cells, MatrixItem, MatrixPlot
from app.drawing.named import Title
from app.drawing.pixels import PlotBox, Scale
from app.reading import numbers
from app.reading.depth import Floats
from app.theme import Theme, mix

LEAST = 0.22
"""Place on the colour scale of the least value above zero, so that it can be told from zero at a glance."""
STRIP = 112.0
"""Pixels at the right for the time average."""


@dataclass(frozen=True, slots=True, eq=False)
class Map:
    """What a map shows; rows are points, columns checkpoints.

    Attributes
    ----------
    values
        (points, checkpoints) float64; NaN for what is missing.
    broken
        (points, checkpoints) bool, cells that are not finite.
    average
        (points,) mean over checkpoints.
    top
        Value of the strongest colour, the same for all maps of a run.
    unit
        Of the numbers of the average.
    """

    values: Floats
    broken: NDArray[np.bool_]
    average: Floats
    top: float
    unit: str = ""
    cells: Cells | None = None
    """What is coloured in place of the values: their difference from a second network."""
    outline: Floats = field(default_factory=lambda: np.empty(0))
    """(points,) mean over checkpoints of a second network; empty for none."""


def zero_color(theme: Theme) -> QColor:
    """Colour of cells that are exactly zero."""
    return mix(theme.color("zero"), theme.color("surface"), 0.62)


def shade(theme: Theme, share: float) -> QColor:
    """Colour of a value above zero, as a share of the largest."""
    return theme.heat(LEAST + (1 - LEAST) * min(max(share, 0.0), 1.0))


class MapItem(MatrixItem):
    """Cells with three kinds of nothing: zero, missing, not finite."""

    def __init__(self, box: PlotBox, theme: Theme) -> None:
        super().__init__(box, theme)
        self.broken: NDArray[np.bool_] = np.zeros((0, 0), dtype=bool)
        self.selected: tuple[int, int] = (-1, -1)
        self.stages: tuple[int, ...] = ()
        """Rows above which another stage of the network begins."""

    def draw(self, painter: QPainter, scale: Scale, exposed: QRectF) -> None:
        """Copy the cells, then hatch and frame."""
        super().draw(painter, scale, exposed)
        brush = QBrush(self.theme.color("non_finite"), Qt.BrushStyle.BDiagPattern)
        for row, column in np.argwhere(self.broken).tolist():
            painter.fillRect(self.cell(scale, row, column), brush)
        painter.setPen(QPen(self.theme.color("text_soft"), 1))
        for row in self.stages:
            y = round(scale.y_of(0.5 - row)) - 0.5
            painter.drawLine(QPointF(0, y), QPointF(scale.width, y))
        row, column = self.selected
        if row >= 0 and column >= 0:
            painter.setPen(QPen(self.theme.color("accent"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.cell(scale, row, column).adjusted(0, 0, -1, -1))

    def cell(self, scale: Scale, row: int, column: int) -> QRectF:
        """Rectangle of a cell in pixels of the box."""
        left, right = round(scale.x_of(column - 0.5)), round(scale.x_of(column + 0.5))
        top, bottom = round(scale.y_of(0.5 - row)), round(scale.y_of(-0.5 - row))
        return QRectF(left, top, right - left, bottom - top)

    def _colors(self) -> NDArray[np.uint32]:
        theme = self.theme
        marks = [theme.color("surface"), zero_color(theme), theme.color("unused")]
        shades = [shade(theme, i / (SHADES - 1)) for i in range(SHADES)]
        return np.array([color.rgb() for color in [*marks, *shades]], dtype=np.uint32)


class AverageStrip(Axis):
    """The mean over all checkpoints beside every row."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "right")
        self.values: Floats = np.empty(0)
        self.outline: Floats = np.empty(0)
        self.top = 1.0
        self.unit = ""

    def show_values(self, values: Floats, top: float, unit: str, outline: Floats | None = None) -> None:
        """Draw other means, and those of a second network as thin frames."""
        self.values, self.top, self.unit = values, top or 1.0, unit
        self.outline = outline if outline is not None else np.empty(0)
        self.update()

    def titles(self) -> tuple[Title, ...]:
        """Return the title above the means, if there are some."""
        if not self.values.size:
            return ()
        height = QFontMetricsF(self.theme.font("small")).height()
        rect = QRectF(self._area.left() + 10, self._area.top() - height - 5, self._area.width() - 10, height)
        return (Title("mean over time", rect),)

    def boundingRect(self) -> QRectF:
        """Return the rectangle with room for the title."""
        return self._area.adjusted(0, -26, 0, 4)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Draw a bar per row, and its number where there is room."""
        area = self._area
        painter.setFont(self.theme.font("small"))
        metrics = QFontMetricsF(painter.font())
        if not self.values.size:
            return
        painter.setPen(self.theme.color("text_soft"))
        left, full = area.left() + 10, 44.0
        for title in self.titles():
            title.paint(painter)
        painter.setClipRect(area.adjusted(0, -1, 0, 1))
        spacing = area.height() / max(1e-9, self.range[1] - self.range[0])
        tall = max(1.0, float(np.floor(spacing * 0.7)))
        for row, value in enumerate(self.values.tolist()):
            y = self.pixel(-row)
            if not area.top() - spacing <= y <= area.bottom() + spacing or value != value:
                continue
            top = round(y - tall / 2)
            painter.fillRect(QRectF(left, top, full, tall), self.theme.color("unused"))
            painter.fillRect(QRectF(left, top, round(full * min(value / self.top, 1.0)), tall), shade(self.theme, 0.6))
            self._draw_outline(painter, row, QRectF(left, top, full, tall))
            if spacing >= metrics.height() * 0.9:
                painter.setPen(self.theme.color("text_soft"))
                rect = QRectF(left + full + 5, y - metrics.height() / 2, 60, metrics.height())
                painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter, numbers.short(value))

    def _draw_outline(self, painter: QPainter, row: int, room: QRectF) -> None:
        """Frame the bar of a second network."""
        value = float(self.outline[row]) if row < len(self.outline) else float("nan")
        if value == value:
            wide = round(room.width() * min(value / self.top, 1.0))
            painter.setPen(QPen(self.theme.color("text"), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(QRectF(room.left() + 0.5, room.top() - 0.5, max(1, wide), room.height()))


class BundleMap(MatrixPlot):
    """Points x checkpoints, with the time average at the right."""

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__(theme, name, "", "checkpoint", MapItem)
        self.right_room = STRIP
        self.strip = AverageStrip(theme)
        self.add_axis(self.strip)

    @property
    def cells(self) -> MapItem:
        """What paints the cells."""
        assert isinstance(self.item, MapItem)
        return self.item

    def show_map(self, shown: Map | None, points: tuple[str, ...] = (), checkpoints: tuple[str, ...] = ()) -> None:
        """Draw other values."""
        if shown is None:
            self.cells.broken = np.zeros((0, 0), dtype=bool)
            self.show_cells(None)
            self.strip.show_values(np.empty(0), 1.0, "")
            return
        self.cells.broken = shown.broken
        self.show_cells(shown.cells or Cells(shown.values, shown.top), points, checkpoints)
        self.strip.show_values(shown.average, shown.top, shown.unit, shown.outline)

    def select(self, row: int, column: int) -> None:
        """Frame a cell, -1 for none."""
        if self.cells.selected != (row, column):
            self.cells.selected = (row, column)
            self.cells.update()
