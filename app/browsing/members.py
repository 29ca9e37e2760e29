"""The pictures of a bundle: each with its labels, a bar in their colour, and a row of its values if known."""

from __future__ import annotations

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyleOptionViewItem, QWidget

from app.browsing.grid import PAD, Index, SampleGrid, SamplesModel, TileDelegate
from app.browsing.thumbnails import SIDE, Thumbnails
from app.drawing.label_colors import label_color
from app.reading.depth import Floats
from app.theme import Theme

BAR = 4
HEAT = 8
CELLS = 42
"""Cells of the row of activation values."""


class MemberTiles(TileDelegate):
    """Paints a picture, its label, and what it is taken for; and how far it is from the first one, where known."""

    def __init__(self, theme: Theme, model: SamplesModel, thumbnails: Thumbnails, parent: QWidget) -> None:
        super().__init__(theme, model, thumbnails, parent)
        self.distances: dict[int, str] = {}
        self.rows: dict[int, Floats] = {}

    def tile(self) -> QSize:
        """Return the size of a tile: the picture, a bar and two lines."""
        return QSize(SIDE + 2 * PAD, SIDE + 2 * PAD + BAR + 2 * self._metrics.height() + 4)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one tile."""
        table = self.model.table
        if table is None or index.row() >= len(self.model.places):
            return
        place, rect = int(self.model.places[index.row()]), option.rect
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        if chosen:
            painter.fillRect(rect.adjusted(1, 1, -1, -1), self._selected)
            painter.setPen(QPen(self._accent, 1))
            painter.drawRect(rect.adjusted(1, 1, -2, -2))
        self._paint_picture(painter, QRect(rect.left() + PAD, rect.top() + PAD, SIDE, SIDE), place)
        if place in self.distances:
            self._tag(painter, rect, self.distances[place])
        if place in self.rows:
            self._heat(painter, rect, self.rows[place])
        label = int(table.labels[place])
        bar = QRectF(rect.left() + PAD, rect.top() + PAD + SIDE, SIDE, BAR)
        painter.fillRect(bar, label_color(self.theme, label))
        self._write(painter, rect, 0, table.label_name(place), self._text)
        if table.predictions[place] >= 0:
            wrong = int(table.right[place]) == 0
            words = f"✗ {table.prediction_name(place)}" if wrong else "recognised"
            self._write(painter, rect, 1, words, self._wrong if wrong else self._soft)

    def take_colors(self) -> None:
        """Read colours and fonts again."""
        super().take_colors()
        self._text = self.theme.color("text")

    def _tag(self, painter: QPainter, rect: QRect, words: str) -> None:
        painter.setFont(self._font)
        width, height = self._metrics.horizontalAdvance(words) + 6, self._metrics.height()
        room = QRect(rect.left() + PAD + SIDE - width, rect.top() + PAD, width, height)
        painter.fillRect(room, self.theme.color("surface"))
        painter.setPen(self._text)
        painter.drawText(room, Qt.AlignmentFlag.AlignCenter, words)

    def _heat(self, painter: QPainter, rect: QRect, row: Floats) -> None:
        """Paint the values at the foot of the picture, from small (light) to large."""
        left, top = rect.left() + PAD, rect.top() + PAD + SIDE - HEAT
        edges = [left + round(SIDE * n / len(row)) for n in range(len(row) + 1)]
        for start, end, value in zip(edges, edges[1:], row.tolist(), strict=False):
            painter.fillRect(QRect(start, top, end - start, HEAT), self.theme.heat(value))

    def _write(self, painter: QPainter, rect: QRect, line: int, words: str, color: QColor) -> None:
        height = self._metrics.height()
        top = rect.top() + PAD + SIDE + BAR + 2 + line * height
        room = QRect(rect.left() + 4, top, rect.width() - 8, height)
        painter.setFont(self._font)
        painter.setPen(color)
        # A long class name ends in dots here; it stands in full on hovering.
        text = self._metrics.elidedText(words, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignVCenter, text)


class MemberGrid(SampleGrid):
    """A grid of the pictures of a bundle."""

    def __init__(self, theme: Theme, thumbnails: Thumbnails) -> None:
        super().__init__(theme, thumbnails)
        self.members = MemberTiles(theme, self.samples, thumbnails, self)
        self.tiles = self.members
        self.setItemDelegate(self.members)
        self.setAccessibleName("Pictures of the bundle")
        self._fit()

    def show_values(self, words: dict[int, str], rows: dict[int, Floats]) -> None:
        """Write into the pictures how far each is from the first one, and paint its values as a row of heat."""
        if words != self.members.distances or rows.keys() != self.members.rows.keys():
            self.members.distances, self.members.rows = words, rows
            self.viewport().update()
