"""A grid of pictures: a model of places, a delegate that paints tiles, a view that asks for what can be seen."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import (
    QAbstractListModel,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFontMetrics, QImage, QKeyEvent, QPainter, QPaintEvent, QPen, QRegion
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.browsing.thumbnails import SIDE, Thumbnails
from app.reading import numbers
from app.reading.depth import Ints
from app.reading.samples import SampleTable
from app.theme import Theme

Index = QModelIndex | QPersistentModelIndex
PAD = 5
MARGIN = 1
"""Rows of tiles that are decoded above and below those that can be seen."""
NOWHERE = QModelIndex()


class SamplesModel(QAbstractListModel):
    """The pictures that are shown, as places in their source."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.table: SampleTable | None = None
        self.places: Ints = np.empty(0, dtype=np.int64)
        self._rows: Ints = np.empty(0, dtype=np.int64)

    def show_places(self, table: SampleTable | None, places: Ints) -> None:
        """Show other pictures, in this order."""
        self.beginResetModel()
        self.table, self.places = table, places
        self._rows = np.full(table.count if table else 0, -1, dtype=np.int64)
        self._rows[places] = np.arange(len(places))
        self.endResetModel()

    def row_of(self, place: int) -> int:
        """Row of a picture, -1 if it is not shown."""
        return int(self._rows[place]) if 0 <= place < len(self._rows) else -1

    def rowCount(self, parent: Index = NOWHERE) -> int:
        """Return the number of pictures that are shown."""
        return 0 if parent.isValid() else len(self.places)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the words of a tile, or all that is known on hovering; the delegate paints without asking here."""
        if not index.isValid() or self.table is None or index.row() >= len(self.places):
            return None
        place = int(self.places[index.row()])
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.AccessibleTextRole:
                return self.caption(place)
            case Qt.ItemDataRole.ToolTipRole:
                return self.tip(place)
        return None

    def caption(self, place: int) -> str:
        """Words below a picture: the predicted class, else the true one, else its number; both where they differ."""
        return numbers.ARROW.join(self.words(place))

    def words(self, place: int) -> tuple[str, ...]:
        """Return what stands below a picture: one name, or what it is and what it is taken for."""
        table = self.table
        assert table is not None  # there are no places without a table
        if table.right[place] == 0:
            return table.label_name(place), table.prediction_name(place)
        found = table.prediction_name(place) or table.label_name(place) or f"#{place}"
        return (found,)

    def tip(self, place: int) -> str:
        """Everything that is known of a picture."""
        table = self.table
        assert table is not None
        lines = [f"#{place}"]
        if table.labels[place] >= 0:
            lines.append(f"label: {table.label_name(place)}")
        if table.predictions[place] >= 0:
            said = table.prediction_name(place)
            if not table.one_output:
                said = f"prediction: {said}, confidence {numbers.share(float(table.confidence[place]))}"
            lines.append(said)
            if np.isfinite(table.loss[place]):
                lines.append(f"loss {numbers.with_unit(float(table.loss[place]), 'nats')}")
        elif table.measured:
            lines.append("not in this run")
        return "\n".join(lines)


class TileDelegate(QStyledItemDelegate):
    """Paints a picture with its class below: with a tick if the network is right, else red, "label → prediction"."""

    def __init__(self, theme: Theme, model: SamplesModel, thumbnails: Thumbnails, parent: QWidget) -> None:
        super().__init__(parent)
        self.theme, self.model, self.thumbnails = theme, model, thumbnails
        theme.changed.connect(self.take_colors)
        self.take_colors()

    def take_colors(self) -> None:
        """Read colours and fonts again."""
        theme = self.theme
        self._font = theme.font("small")
        self._metrics = QFontMetrics(self._font)
        self._soft, self._selected, self._accent = (theme.color(r) for r in ("text_soft", "selected", "accent"))
        self._wrong, self._empty = theme.readable("error", "surface"), theme.color("unused")

    def tile(self) -> QSize:
        """Return the size of a tile."""
        return QSize(SIDE + 2 * PAD, SIDE + 2 * PAD + self._metrics.height() + 2)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Return the size of a tile."""
        return self.tile()

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one tile."""
        model, rect = self.model, option.rect
        if model.table is None or index.row() >= len(model.places):
            return
        place = int(model.places[index.row()])
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        if chosen:
            painter.fillRect(rect.adjusted(1, 1, -1, -1), self._selected)
        if chosen and option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(self._accent, 1))
            painter.drawRect(rect.adjusted(1, 1, -2, -2))
        self._paint_picture(painter, QRect(rect.left() + PAD, rect.top() + PAD, SIDE, SIDE), place)
        right = int(model.table.right[place])
        below = QRect(rect.left() + 1, rect.top() + PAD + SIDE + 2, rect.width() - 2, self._metrics.height())
        painter.setFont(self._font)
        painter.setPen(self._wrong if right == 0 else self._soft)
        # Long class names end in dots here; they stand in full beside the grid and on hovering.
        text = self._fitting(model.words(place), "✓ " if right == 1 else "", below.width())
        painter.drawText(below, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignVCenter, text)

    def _fitting(self, words: tuple[str, ...], mark: str, width: int) -> str:
        """Shorten names until they fit beside each other, the longer one first."""
        metrics, dots = self._metrics, Qt.TextElideMode.ElideRight
        if len(words) == 1:
            return metrics.elidedText(mark + words[0], dots, width)
        room = width - metrics.horizontalAdvance(numbers.ARROW)
        wide = [metrics.horizontalAdvance(word) for word in words]
        given = [max(room // 2, room - other) for other in reversed(wide)]
        return numbers.ARROW.join(metrics.elidedText(word, dots, most) for word, most in zip(words, given, strict=True))

    def _paint_picture(self, painter: QPainter, room: QRect, place: int) -> None:
        image = self.thumbnails.get(place)
        if image is None:
            painter.fillRect(room, self._empty)
            return
        if image.isNull():
            painter.setPen(self._soft)
            painter.setFont(self._font)
            painter.drawText(room, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, "cannot be read")
            return
        painter.drawImage(fitted(image, room), image)


def fitted(image: QImage, room: QRect) -> QRect:
    """Place an image in the middle of some room: small ones enlarged by a whole number, large ones shrunk."""
    largest = max(image.width(), image.height())
    side = min(room.width(), room.height())
    factor = max(1, side // largest) if largest <= side else side / largest
    width, height = max(1, round(image.width() * factor)), max(1, round(image.height() * factor))
    return QRect(room.left() + (room.width() - width) // 2, room.top() + (room.height() - height) // 2, width, height)


class SampleGrid(QListView):
    """The grid. Rows, columns and scrolling are Qt's; only tiles that can be seen are ever painted or decoded."""

    chosen = Signal(int, tuple)
    """The user has chosen pictures: the current place, and all places."""
    opened = Signal(int)
    """A picture was double-clicked, or Enter was pressed on it: more of it is wanted."""
    typed = Signal(str)
    """Letters were typed, to find something."""

    def __init__(self, theme: Theme, thumbnails: Thumbnails) -> None:
        super().__init__()
        self.samples = SamplesModel(self)
        self.thumbnails = thumbnails
        self.tiles = TileDelegate(theme, self.samples, thumbnails, self)
        self._taking = False
        self.setModel(self.samples)
        self.setItemDelegate(self.tiles)
        self.setViewMode(QListView.ViewMode.ListMode)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(True)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.setAccessibleName("Pictures")
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        theme.changed.connect(self._fit)
        thumbnails.arrived.connect(self.viewport().update)
        self.selectionModel().selectionChanged.connect(self._give)
        self.doubleClicked.connect(self._open)
        self._fit()

    def _fit(self) -> None:
        self.setGridSize(self.tiles.tile())
        self.verticalScrollBar().setSingleStep(self.tiles.tile().height() // 3)

    def show_places(self, table: SampleTable | None, places: Ints) -> None:
        """Show other pictures; what is selected stays selected where it is shown."""
        now = self.samples
        if now.table is table and np.array_equal(now.places, places):
            return
        self._taking = True
        self.samples.show_places(table, places)
        self._taking = False

    def take_selection(self, current: int, places: tuple[int, ...]) -> None:
        """Show what is selected elsewhere."""
        rows = np.flatnonzero(np.isin(self.samples.places, np.asarray(places, dtype=np.int64)))
        chosen = self.selectionModel()
        if np.array_equal(self._selected_rows(), rows):
            return
        self._taking = True
        selection = QItemSelection()
        for run in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1) if rows.size else ():
            selection.select(self.samples.index(int(run[0])), self.samples.index(int(run[-1])))
        chosen.select(selection, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        row = self.samples.row_of(current)
        if row >= 0:
            index = self.samples.index(row)
            chosen.setCurrentIndex(index, QItemSelectionModel.SelectionFlag.NoUpdate)
            self.scrollTo(index)
        self._taking = False

    def _give(self, _selected: QItemSelection, _deselected: QItemSelection) -> None:
        if self._taking:
            return
        rows, current = self._selected_rows(), self.currentIndex().row()
        there = rows.size > 0 and bool(np.any(rows == current))
        row = current if there else int(rows[-1]) if rows.size else -1
        places = tuple(np.sort(self.samples.places[rows]).tolist())
        self.chosen.emit(int(self.samples.places[row]) if row >= 0 else -1, places)

    def _open(self, index: QModelIndex) -> None:
        if index.isValid():
            self.opened.emit(int(self.samples.places[index.row()]))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Open the current picture with Enter; the rest is Qt's."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._open(self.currentIndex())
            return
        super().keyPressEvent(event)

    def keyboardSearch(self, search: str) -> None:
        """Hand on what is typed, in place of Qt's walk through the words of every tile."""
        self.typed.emit(search)

    def visualRegionForSelection(self, selection: QItemSelection) -> QRegion:
        """Paint all that can be seen when a selection changes; Qt would ask for the place of every tile of it."""
        return QRegion(self.viewport().rect())

    def _selected_rows(self) -> Ints:
        """Rows that are selected, ascending; read off ranges, since all of 50,000 pictures may be."""
        chosen = self.selectionModel().selection()
        parts = [chosen.at(number) for number in range(chosen.count())]
        ranges = (np.arange(part.top(), part.bottom() + 1) for part in parts)
        return np.unique(np.concatenate([np.empty(0, dtype=np.int64), *ranges]))

    # -- what can be seen --------------------------------------------------------------------------------------------

    def columns(self) -> int:
        """Tiles beside each other."""
        return max(1, self.viewport().width() // max(1, self.gridSize().width()))

    def seen(self, margin: int = 0) -> tuple[int, int]:
        """First row of the model that can be seen, and the one after the last; with some rows of tiles around."""
        tall, columns = max(1, self.gridSize().height()), self.columns()
        top = self.verticalOffset() // tall - margin
        bottom = (self.verticalOffset() + self.viewport().height() - 1) // tall + 1 + margin
        count = len(self.samples.places)
        return min(count, max(0, top * columns)), min(count, max(0, bottom * columns))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Ask for the thumbnails of what can be seen, then of a row above and below, and paint."""
        first, last = self.seen()
        before, after = self.seen(MARGIN)
        places = self.samples.places
        wanted = np.concatenate([places[first:last], places[last:after], places[before:first]])
        self.thumbnails.want(wanted.tolist())
        super().paintEvent(event)
