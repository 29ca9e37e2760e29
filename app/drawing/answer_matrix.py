"""Pictures x configurations: right and wrong beside the network as it is, whose column never scrolls away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen

from app.drawing.matrix import FIRST, NAN, Cells, MatrixItem, MatrixPlot, strongest
from app.drawing.pixels import PlotBox, Scale
from app.theme import Theme, mix

PINNED = 10.0
"""Pixels of the pinned column at least."""
Frame = tuple[int, int, str]
"""Row, column and colour role."""


@dataclass(frozen=True, slots=True, eq=False)
class Answers(Cells):
    """Cells whose values are kinds: 0 wrong, 1 right, 2 lost, 3 won; NaN where a picture was not run.

    Of several in one pixel the last one is shown.
    """

    def shades(self) -> NDArray[np.uint8]:
        """Return the place of every cell in the colour table."""
        kinds = FIRST + np.nan_to_num(self.values).astype(np.uint8)
        return np.asarray(np.where(np.isnan(self.values), NAN, kinds), dtype=np.uint8)


def kind_colors(theme: Theme) -> tuple[QColor, QColor, QColor, QColor]:
    """Colours of wrong, right, lost and won."""
    surface = theme.color("surface")
    wrong = mix(theme.color("zero"), surface, 0.35)
    right = mix(theme.color("rank"), surface, 0.72)
    return wrong, right, theme.color("bundles"), theme.color("widths")


class FramedItem(MatrixItem):
    """Cells with frames around some, and a first column that stays where it is."""

    def __init__(self, box: PlotBox, theme: Theme) -> None:
        super().__init__(box, theme)
        self.frames: tuple[Frame, ...] = ()
        self.pinned = False
        """True if column 0 is the network as it is."""

    def draw(self, painter: QPainter, scale: Scale, exposed: QRectF) -> None:
        """Copy the cells, then the pinned column, then frames."""
        super().draw(painter, scale, exposed)
        if self.cells is None or not self._shades.size:
            return
        if self.pinned:
            self._draw_pinned(painter, scale)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for row, column, hue in self.frames:
            painter.setPen(QPen(self.theme.color(hue), 2))
            cell = self.cell(scale, row, column)
            painter.drawRect(cell.adjusted(1, 1, -1, -1))
            # A light line inside, so that the frame stands out from a dark cell too.
            painter.setPen(QPen(self.theme.color("surface"), 1))
            painter.drawRect(cell.adjusted(2.5, 2.5, -2.5, -2.5))

    def cell(self, scale: Scale, row: int, column: int) -> QRectF:
        """Rectangle of a cell in pixels of the box, a few at least so that it can be seen."""
        left, right = round(scale.x_of(column - 0.5)), round(scale.x_of(column + 0.5))
        top, bottom = round(scale.y_of(0.5 - row)), round(scale.y_of(-0.5 - row))
        return QRectF(left, top, max(7, right - left), max(7, bottom - top))

    def pinned_area(self, scale: Scale) -> QRectF:
        """Rectangle of the first column: its own place, or the left edge once that has been panned away."""
        left, right = scale.x_of(-0.5), scale.x_of(0.5)
        if left < -0.5:
            left, right = 0.0, max(PINNED, right - left)
        top, bottom = max(0.0, scale.y_of(0.5)), min(scale.height, scale.y_of(0.5 - len(self._shades)))
        return QRectF(round(left), round(top), round(right - left), round(bottom - top))

    def _draw_pinned(self, painter: QPainter, scale: Scale) -> None:
        area = self.pinned_area(scale)
        if scale.x_of(-0.5) < -0.5:
            first = max(0, int(np.floor(-(scale.bottom / scale.per_y) + 0.5)))
            last = min(len(self._shades), int(np.ceil((scale.height - scale.bottom) / scale.per_y + 0.5)))
            tall = max(1, round((last - first) * scale.per_y))
            column = self._table()[strongest(self._shades[first:last, :1], tall, 0)]
            colors = np.ascontiguousarray(column)
            image = QImage(colors.data, 1, len(colors), 4, QImage.Format.Format_RGB32)
            top = scale.y_of(0.5 - first)
            painter.drawImage(QRectF(area.left(), top, area.width(), tall), image)
        painter.setPen(QPen(self.theme.color("text"), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(area.adjusted(0.5, 0.5, -0.5, -0.5))

    def _colors(self) -> NDArray[np.uint32]:
        colors = super()._colors()
        if isinstance(self.cells, Answers):
            colors[FIRST : FIRST + 4] = [color.rgb() for color in kind_colors(self.theme)]
        return colors


class FramedMatrix(MatrixPlot):
    """A matrix with frames; the first column may be pinned."""

    def __init__(self, theme: Theme, name: str, rows_title: str, columns_title: str) -> None:
        super().__init__(theme, name, rows_title, columns_title, FramedItem)

    @property
    def cells(self) -> FramedItem:
        """What paints the cells."""
        assert isinstance(self.item, FramedItem)
        return self.item

    def frame(self, frames: tuple[Frame, ...], pinned: bool = False) -> None:
        """Draw frames, the last one on top; with `pinned` the first column never scrolls away."""
        self.cells.frames, self.cells.pinned = frames, pinned
        self.cells.update()

    def cell_at(self, x: float, y: float) -> tuple[int, int]:
        """Row and column of a place, (-1, -1) outside; over the pinned column it is the first."""
        if self.cells.pinned:
            scale = self._scale()
            if scale.x_of(-0.5) < -0.5 and scale.x_of(x) <= self.cells.pinned_area(scale).right():
                x = 0.0
        return super().cell_at(x, y)

    def _scale(self) -> Scale:
        return Scale.of(self.box)
