"""Matrices on pyqtgraph: colours for values, painted from a cached picture so that panning only copies pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPen, QPixmap

from app.drawing.list_axes import ListAxis
from app.drawing.map_image import MapScale
from app.drawing.pixels import PixelItem, PlotBox, Scale
from app.drawing.plots import Margins, Plot
from app.reading import numbers
from app.reading.depth import Floats, Ints
from app.theme import Theme

NAN, ZERO, NEUTRAL, FIRST = 0, 1, 2, 3
"""Places in the colour table: not a number, exactly zero, left uncoloured, and the least value above zero."""
SHADES = 256 - FIRST
MARGIN = 0.5
"""Share of the visible size that is painted ahead on every side."""
LARGEST_PICTURE = 12_000_000
"""Pixels of the largest cached picture."""
MOST_NUMBERS = 900


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """What a matrix shows.

    Attributes
    ----------
    values
        (rows, columns) float64; NaN for nothing.
    top
        Value of the strongest colour; colours begin at 0.
    neutral
        (rows, columns) bool, cells that are left uncoloured, or None.
    texts
        Numbers to write into the cells where they fit, (rows, columns), or None.
    """

    values: Floats
    top: float
    neutral: NDArray[np.bool_] | None = None
    texts: Ints | None = None

    def shades(self) -> NDArray[np.uint8]:
        """Return the place of every cell in the colour table, (rows, columns) uint8."""
        with np.errstate(invalid="ignore"):
            share = np.clip(self.values / (self.top or 1.0), 0.0, 1.0)
            shades = FIRST + np.nan_to_num(share * (SHADES - 1)).astype(np.uint8)
        shades[self.values == 0] = ZERO
        if self.neutral is not None:
            shades[self.neutral] = NEUTRAL
        shades[np.isnan(self.values)] = NAN
        return shades

    @property
    def signed(self) -> bool:
        """True for values on both sides of zero."""
        return False


def strongest(shades: NDArray[np.uint8], pixels: int, axis: int) -> NDArray[np.uint8]:
    """Bring an axis down to a number of pixels; where cells share a pixel, the strongest is shown.

    Parameters
    ----------
    shades
        (rows, columns) uint8.
    pixels
        Pixels for the whole axis; with at least one per cell nothing changes.
    axis
        0 for rows, 1 for columns.
    """
    cells = shades.shape[axis]
    if pixels >= cells:
        return shades
    starts = np.arange(pixels) * cells // pixels
    return np.asarray(np.maximum.reduceat(shades, starts, axis=axis), dtype=np.uint8)


class MatrixItem(PixelItem):
    """The cells of a matrix."""

    def __init__(self, box: PlotBox, theme: Theme) -> None:
        super().__init__(box, theme)
        self.cells: Cells | None = None
        self.marked: tuple[int, int] = (-1, -1)
        self.painted = 0
        self._shades: NDArray[np.uint8] = np.empty((0, 0), dtype=np.uint8)
        self._picture = QPixmap()
        self._covers = QRectF()
        self._scale: tuple[float, float] = (0.0, 0.0)
        self._table_of: NDArray[np.uint32] = np.empty(0, dtype=np.uint32)
        """Colours of all shades, kept: they are asked for in every panned frame."""
        theme.changed.connect(self.forget)

    def show_cells(self, cells: Cells | None) -> None:
        """Show other values."""
        self.cells = cells
        self._shades = cells.shades() if cells else np.empty((0, 0), dtype=np.uint8)
        self.forget()

    def forget(self) -> None:
        """Paint the picture anew."""
        self._picture = QPixmap()
        self._table_of = np.empty(0, dtype=np.uint32)
        self.update()

    def mark(self, cell: tuple[int, int]) -> None:
        """Frame a cell, (-1, -1) for none."""
        if cell != self.marked:
            self.marked = cell
            self.update()

    def draw(self, painter: QPainter, scale: Scale, exposed: QRectF) -> None:
        """Copy from the cached picture; paint it anew only after zooming or panning far."""
        if self.cells is None or not self._shades.size:
            return
        # In cell units, y downwards: the box shows from (x, y) = (left, top).
        x0, y0 = -scale.left / scale.per_x + 0.5, -scale.bottom / scale.per_y + 0.5
        seen = QRectF(x0, y0, scale.width / scale.per_x, scale.height / scale.per_y)
        rows, columns = self._shades.shape
        whole = QRectF(0, 0, columns, rows)
        wanted = seen.intersected(whole)
        if wanted.isEmpty():
            return
        if self._picture.isNull() or self._scale != (scale.per_x, scale.per_y) or not self._covers.contains(wanted):
            self._paint_picture(seen, whole, scale)
        at = QPointF((self._covers.left() - x0) * scale.per_x, (self._covers.top() - y0) * scale.per_y)
        painter.drawPixmap(QPointF(round(at.x()), round(at.y())), self._picture)
        row, column = self.marked
        if row >= 0:
            painter.setPen(QPen(self.theme.color("text"), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            left, top = (column - x0) * scale.per_x, (row - y0) * scale.per_y
            painter.drawRect(
                QRectF(round(left) + 0.5, round(top) + 0.5, round(scale.per_x) - 1, round(scale.per_y) - 1)
            )

    def _paint_picture(self, seen: QRectF, whole: QRectF, scale: Scale) -> None:
        """Paint what is seen and a part around it, from whole cell to whole cell."""
        pixels = seen.width() * scale.per_x * seen.height() * scale.per_y
        ahead = min(MARGIN, max(0.05, ((LARGEST_PICTURE / max(pixels, 1.0)) ** 0.5 - 1) / 2))
        wide, tall = ahead * seen.width(), ahead * seen.height()
        part = seen.adjusted(-wide, -tall, wide, tall).intersected(whole)
        left, top = math.floor(part.left()), math.floor(part.top())
        right, bottom = math.ceil(part.right()), math.ceil(part.bottom())
        ratio = self.scene().views()[0].devicePixelRatioF() if self.scene() and self.scene().views() else 1.0
        width = max(1, round((right - left) * scale.per_x * ratio))
        height = max(1, round((bottom - top) * scale.per_y * ratio))
        shades = strongest(strongest(self._shades[top:bottom, left:right], height, 0), width, 1)
        colors = np.ascontiguousarray(self._table()[shades])
        image = QImage(colors.data, colors.shape[1], colors.shape[0], 4 * colors.shape[1], QImage.Format.Format_RGB32)
        self._picture = QPixmap.fromImage(image.scaled(width, height))
        self._picture.setDevicePixelRatio(ratio)
        self._covers = QRectF(left, top, right - left, bottom - top)
        self._scale = (scale.per_x, scale.per_y)
        self.painted += 1
        self._write(scale)

    def _table(self) -> NDArray[np.uint32]:
        """Colours of all shades: those of the item, or those of values on both sides of zero."""
        if not self._table_of.size:
            self._table_of = self._made_table()
        return self._table_of

    def _made_table(self) -> NDArray[np.uint32]:
        if self.cells is None or not self.cells.signed:
            return self._colors()
        scale = MapScale(-1.0, 1.0, True)
        marks = MatrixItem._colors(self)[:FIRST]
        shades = [scale.color(self.theme, i / (SHADES - 1)).rgb() for i in range(SHADES)]
        return np.concatenate([marks, np.array(shades, dtype=np.uint32)])

    def _colors(self) -> NDArray[np.uint32]:
        theme = self.theme
        marks = [theme.color("not_applicable"), theme.color("surface"), theme.color("unused")]
        shades = [theme.heat(i / (SHADES - 1)) for i in range(SHADES)]
        return np.array([color.rgb() for color in [*marks, *shades]], dtype=np.uint32)

    def _write(self, scale: Scale) -> None:
        """Leave a line between cells that are large enough, and write numbers into them where they fit."""
        part, cells = self._covers, self.cells
        if min(scale.per_x, scale.per_y) < 8 or cells is None:
            return
        painter = QPainter(self._picture)
        background, width, height = self.theme.color("surface"), part.width() * scale.per_x, part.height() * scale.per_y
        for column in range(1, int(part.width())):
            painter.fillRect(QRectF(round(column * scale.per_x), 0, 1, height), background)
        for row in range(1, int(part.height())):
            painter.fillRect(QRectF(0, round(row * scale.per_y), width, 1), background)
        if cells.texts is not None and part.width() * part.height() <= MOST_NUMBERS:
            self._write_numbers(painter, cells.texts, scale)
        painter.end()

    def _write_numbers(self, painter: QPainter, texts: Ints, scale: Scale) -> None:
        part, colors = self._covers, self._table()
        painter.setFont(self.theme.font("small"))
        metrics = QFontMetricsF(painter.font())
        if metrics.height() > scale.per_y:
            return
        for row in range(int(part.top()), int(part.bottom())):
            for column in range(int(part.left()), int(part.right())):
                text = numbers.short(float(texts[row, column])) if texts[row, column] else ""
                if not text or metrics.horizontalAdvance(text) + 4 > scale.per_x:
                    continue
                left, top = (column - part.left()) * scale.per_x, (row - part.top()) * scale.per_y
                painter.setPen(self.theme.text_on(QColor.fromRgb(int(colors[self._shades[row, column]]))))
                painter.drawText(QRectF(left, top, scale.per_x, scale.per_y), Qt.AlignmentFlag.AlignCenter, text)


class MatrixPlot(Plot):
    """A matrix with named rows and columns.

    Parameters
    ----------
    rows_title, columns_title
        What rows and columns are.
    item
        What paints the cells.
    """

    cell_clicked = Signal(int, int)
    cell_hovered = Signal(int, int)
    """Row and column under the mouse, -1 and -1 for none."""

    def __init__(
        self, theme: Theme, name: str, rows_title: str, columns_title: str, item: type[MatrixItem] = MatrixItem
    ) -> None:
        super().__init__(theme, name, Margins(left=80, top=26, right=14, bottom=60))
        self.set_title(rows_title)
        self.right_room = 14.0
        self.item = item(self.box, theme)
        self.rows = ListAxis(theme, "left", rows_title)
        self.columns = ListAxis(theme, "bottom", columns_title)
        self.add_axis(self.rows)
        self.add_axis(self.columns)
        self._shape = (0, 0)
        self.clicked.connect(self._clicked)
        self.hovered.connect(self._hover)
        self.box.sigXRangeChanged.connect(lambda *_: self._fit_names())

    def arrange(self) -> None:
        """Keep only the room below that names, or numbers in their place, need at this width."""
        if hasattr(self, "columns"):
            self.margins = self._room()
        super().arrange()

    def _room(self) -> Margins:
        left, names = round(self.rows.room()), round(self.columns.room())
        low, high = self.box.viewRange()[0]
        spacing = (self._frame.size().width() - left - self.right_room) / max(high - low, 1e-9)
        below = names if self.columns.fits(spacing) else min(names, round(self.columns.number_room()))
        return Margins(left, self.usual.top, self.right_room, below)

    def _fit_names(self) -> None:
        if self._room() != self.margins:
            self.arrange()

    def show_cells(self, cells: Cells | None, rows: tuple[str, ...] = (), columns: tuple[str, ...] = ()) -> None:
        """Show values with the names of rows and columns; the range stays unless the shape is another one."""
        shape = cells.values.shape if cells else (0, 0)
        self.rows.set_names(rows, shape[0])
        self.columns.set_names(columns, shape[1])
        self._fit_names()
        if shape != self._shape:
            self._shape = (int(shape[0]), int(shape[1]))
            self._set_limits()
        self.item.show_cells(cells)

    def _set_limits(self) -> None:
        rows, columns = (max(1, size) for size in self._shape)
        x, y = (-0.5, columns - 0.5), (0.5 - rows, 0.5)
        self.box.setLimits(
            xMin=x[0], xMax=x[1], yMin=y[0], yMax=y[1], minXRange=min(4, columns), minYRange=min(4, rows),
            maxXRange=columns, maxYRange=rows,
        )  # fmt: skip
        self.set_home(x, y)

    def cell_at(self, x: float, y: float) -> tuple[int, int]:
        """Row and column of a place, (-1, -1) outside."""
        row, column = round(-y), round(x)
        inside = 0 <= row < self._shape[0] and 0 <= column < self._shape[1]
        return (row, column) if inside else (-1, -1)

    def _clicked(self, x: float, y: float, _extend: bool) -> None:
        row, column = self.cell_at(x, y)
        if row >= 0:
            self.cell_clicked.emit(row, column)

    def _hover(self, place: tuple[float, float] | None) -> None:
        cell = self.cell_at(*place) if place else (-1, -1)
        if cell != self.item.marked:
            self.item.mark(cell)
            self.cell_hovered.emit(*cell)
