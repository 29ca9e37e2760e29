"""A grid of small maps with one colour scale for all, which stands below them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QFocusEvent,
    QFontMetrics,
    QFontMetricsF,
    QHelpEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.drawing.map_image import MapScale, draw_fitted, map_image, picture_image
from app.reading import numbers
from app.reading.depth import Floats
from app.theme import Theme

PAD = 12
GAP = 6
BAR = 8


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """One map.

    Attributes
    ----------
    number
        Of the channel.
    values
        (y, x) float64; or (3, y, x), a picture of 0 black to 1 white.
    mark
        What is special about it: "dead", "constant", "duplicate", or "".
    tip
        What is said on hovering.
    caption
        Stands below instead of the number, "" for none.
    """

    number: int
    values: Floats
    mark: str = ""
    tip: str = ""
    caption: str = ""


class MapGrid(QWidget):
    """Maps in the order given, each with its number below; a click or the arrow keys choose one.

    Parameters
    ----------
    side
        Pixels of the side of a tile.
    numbered
        True to write numbers below.
    choosing
        True if a map can be chosen.
    """

    chosen = Signal(int)
    """Number of a channel."""

    def __init__(self, theme: Theme, name: str, side: int = 44, numbered: bool = True, choosing: bool = True) -> None:
        super().__init__()
        self.theme = theme
        self.tiles: tuple[Tile, ...] = ()
        self.scale: MapScale | None = MapScale(0.0, 1.0, False)
        self.selected = -1
        self._side = side
        self._numbered, self._choosing = numbered, choosing
        self._images: list[QImage] = []
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus if choosing else Qt.FocusPolicy.NoFocus)
        self.setMouseTracking(choosing)
        self.setAccessibleName(name)
        theme.changed.connect(self._repaint)

    def show_tiles(self, tiles: tuple[Tile, ...], scale: MapScale | None) -> None:
        """Show other maps on a scale, pictures on none."""
        if scale == self.scale and len(tiles) == len(self.tiles) and all(map(_same, tiles, self.tiles)):
            return
        self.tiles, self.scale = tiles, scale
        ends = f", from {numbers.short(scale.low)} to {numbers.short(scale.high)}" if scale is not None else ""
        self.setAccessibleDescription(f"{len(tiles)} maps{ends}")
        self._repaint()
        self.updateGeometry()

    def select(self, number: int) -> None:
        """Frame a map; -1 for none."""
        if number != self.selected:
            self.selected = number
            self.update()

    def _repaint(self) -> None:
        scale, table = self.scale, self.scale.table(self.theme) if self.scale is not None else []
        self._images = [
            picture_image(tile.values) if scale is None else map_image(tile.values, scale, table) for tile in self.tiles
        ]
        self.update()

    # -- geometry ----------------------------------------------------------------------------------------------------

    def _text_height(self) -> float:
        return QFontMetricsF(self.theme.font("small")).height()

    def columns(self, width: int = 0) -> int:
        """Count the maps beside each other."""
        return max(1, int(((width or self.width()) - 2 * PAD + GAP) // (self._side + GAP)))

    def _cell_height(self) -> float:
        return self._side + (self._text_height() + 2 if self._numbered else 0) + GAP

    def hasHeightForWidth(self) -> bool:
        """Return True: more width, fewer rows."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return the room of all rows and of the scale."""
        rows = -(-len(self.tiles) // self.columns(width))
        return round(rows * self._cell_height() + (BAR + self._text_height() + 8 if self.scale is not None else 0))

    def sizeHint(self) -> QSize:
        """Return the room at the present width."""
        return QSize(240, self.heightForWidth(max(self.width(), self._side + 2 * PAD)))

    def minimumSizeHint(self) -> QSize:
        """Return the room of one column."""
        return QSize(self._side + 2 * PAD, self.heightForWidth(max(self.width(), self._side + 2 * PAD)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Ask for room for more rows where fewer maps fit beside each other: layouts keep to the size hint."""
        super().resizeEvent(event)
        if self.sizeHint().height() != self.height():
            self.updateGeometry()

    def place(self, index: int) -> QRectF:
        """Rectangle of a map."""
        row, column = divmod(index, self.columns())
        return QRectF(PAD + column * (self._side + GAP), row * self._cell_height() + 1, self._side, self._side)

    def tile_at(self, place: QPointF) -> Tile | None:
        """Return the map at a place of the widget."""
        return next((tile for i, tile in enumerate(self.tiles) if self.place(i).contains(place)), None)

    # -- events ------------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose what is under the mouse."""
        tile = self.tile_at(event.position())
        if tile is not None and self._choosing:
            self.chosen.emit(tile.number)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Show that a map can be clicked."""
        over = self._choosing and self.tile_at(event.position()) is not None
        self.setCursor(Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.ArrowCursor)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Choose the map beside, above or below."""
        steps = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: -self.columns(),
            Qt.Key.Key_Down: self.columns(),
        }
        step = steps.get(Qt.Key(event.key()))
        if step is None or not self.tiles:
            super().keyPressEvent(event)
            return
        now = next((i for i, tile in enumerate(self.tiles) if tile.number == self.selected), -1)
        target = 0 if now < 0 else now + step
        if 0 <= target < len(self.tiles):
            self.chosen.emit(self.tiles[target].number)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the focus."""
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Hide the focus."""
        super().focusOutEvent(event)
        self.update()

    def event(self, event: QEvent) -> bool:
        """Say what is known of the map under the mouse."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            tile = self.tile_at(QPointF(event.pos()))
            if tile is not None and tile.tip:
                QToolTip.showText(event.globalPos(), tile.tip, self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)

    # -- painting ----------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw maps, numbers and the scale."""
        painter = QPainter(self)
        painter.setFont(self.theme.font("small"))
        seen = QRectF(event.rect())
        for index, (tile, image) in enumerate(zip(self.tiles, self._images, strict=True)):
            place = self.place(index)
            if place.adjusted(0, -4, 0, self._cell_height()).intersects(seen):
                self._draw_tile(painter, place, tile, image)
        if self.scale is not None:
            self._draw_scale(painter, self.scale)

    def _draw_tile(self, painter: QPainter, place: QRectF, tile: Tile, image: QImage) -> None:
        draw_fitted(painter, image, place)
        chosen = tile.number == self.selected and self._choosing
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(self.theme.color("accent" if chosen else "line"), 2 if chosen else 1))
        painter.drawRect(place.adjusted(-0.5, -0.5, 0.5, 0.5))
        if tile.mark == "dead":
            painter.setPen(QPen(self.theme.color("text_soft"), 1))
            painter.drawLine(place.topLeft(), place.bottomRight())
        if not self._numbered:
            return
        painter.setPen(self.theme.color("text" if chosen else "text_soft"))
        below = QRectF(place.left() - GAP / 2, place.bottom() + 1, self._side + GAP, self._text_height())
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, _words(tile, painter.fontMetrics(), int(below.width())))

    def _draw_scale(self, painter: QPainter, scale: MapScale) -> None:
        rows = -(-len(self.tiles) // self.columns())
        top = rows * self._cell_height() + 4
        bar = QRectF(PAD, top, min(self.width() - 2 * PAD, 5 * (self._side + GAP) - GAP), BAR)
        painter.fillRect(bar, scale.gradient(self.theme, bar))
        painter.setPen(self.theme.color("text_soft"))
        below = QRectF(bar.left(), bar.bottom() + 1, bar.width(), self._text_height())
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, numbers.short(scale.low))
        if scale.diverging:
            painter.drawText(below, Qt.AlignmentFlag.AlignHCenter, "0")
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, numbers.short(scale.high))


def _same(one: Tile, other: Tile) -> bool:
    words = (one.number, one.mark, one.tip) == (other.number, other.mark, other.tip)
    return words and np.array_equal(one.values, other.values, equal_nan=True)


def _words(tile: Tile, metrics: QFontMetrics, room: int) -> str:
    """Return what stands below a map: its name or number, and what is special about it if there is room."""
    if tile.caption:
        return metrics.elidedText(tile.caption, Qt.TextElideMode.ElideRight, room)
    words = {"dead": " dead", "constant": " flat", "duplicate": " ≈"}.get(tile.mark, "")
    return f"{tile.number}{words}" if metrics.horizontalAdvance(f"{tile.number}{words}") <= room else str(tile.number)
