"""The tree of layers as a widget: cells painted straight from the model, fast enough to scroll thousands of rows."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
)

from app.panels.layers_model import LayersModel, Node
from app.theme import Theme

NARROWEST_NAME, WIDEST_NAME = 80, 240


class CellDelegate(QStyledItemDelegate):
    """Paints cells straight from the model; measured ones in the colour of their value.

    Qt's own delegate asks the model for a dozen roles per cell, which is too slow for scrolling in Python.
    """

    def __init__(self, theme: Theme, model: LayersModel, parent: QTreeView) -> None:
        super().__init__(parent)
        self.tree = parent
        self.theme = theme
        self.model = model
        self._inks: dict[int, tuple[QColor, QColor]] = {}
        theme.changed.connect(self.take_colors)
        self.take_colors()

    def take_colors(self) -> None:
        """Read colours and fonts again."""
        theme = self.theme
        self._inks.clear()
        self._text, self._soft, self._selected = (theme.color(role) for role in ("text", "text_soft", "selected"))
        self._switched = theme.readable("configurations")
        self._plain, self._code = theme.font(), theme.font("code")

    def _heat(self, share: float) -> tuple[QColor, QColor]:
        step = round(48 * min(1.0, max(0.0, share)))
        if step not in self._inks:
            color = self.theme.heat(0.06 + 0.78 * step / 48)
            self._inks[step] = (color, self.theme.text_on(color))
        return self._inks[step]

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Paint one cell."""
        node, column = self.model.node(index), self.model.columns[index.column()]
        rect = option.rect
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, self._selected)
        if self.model.crowded and (column.key == "name" or self._is_empty(node, index.column())):
            self._draw_name(painter, rect, node, index)
            return
        text, share, ink = self.model.text(node, column), self.model.heat(node, column), self._text
        if share is not None:
            color, ink = self._heat(share)
            painter.fillRect(rect.adjusted(3, 1, -1, -1), color)
        if not text:
            return
        if column.changes is not None:
            ink = self._switched if column.changes[node.name].option else self._soft
        painter.setPen(ink if column.metric is None or node.row >= 0 else self._soft)
        painter.setFont(self._code if column.key == "name" else self._plain)
        side = Qt.AlignmentFlag.AlignLeft if column.metric is None else Qt.AlignmentFlag.AlignRight
        left, right = (0, -3) if column.delta else (3, 0) if column.changes is not None else (3, -7)
        room = rect.adjusted(left, 0, right, 0)
        painter.drawText(room, side | Qt.AlignmentFlag.AlignVCenter, text)

    def _is_empty(self, node: Node, section: int) -> bool:
        column = self.model.columns[section]
        return not self.model.text(node, column) and self.model.heat(node, column) is None

    def _draw_name(
        self, painter: QPainter, cell: QRect, node: Node, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Draw the part of a name that lies in a cell: it may reach over empty cells beside it before it is elided."""
        room = self.tree.visualRect(index.sibling(index.row(), 0))
        for section in range(1, len(self.model.columns)):
            if not self._is_empty(node, section):
                break
            room.setWidth(room.width() + self.tree.columnWidth(section))
        if room.right() < cell.left():
            return
        painter.save()
        painter.setClipRect(cell, Qt.ClipOperation.IntersectClip)
        painter.setPen(self._text)
        painter.setFont(self._code)
        text = painter.fontMetrics().elidedText(node.label, Qt.TextElideMode.ElideMiddle, room.width() - 4)
        painter.drawText(room.adjusted(3, 0, 0, 0), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        """Return a height that leaves air between two rows."""
        metrics = QFontMetrics(self._plain)
        code = QFontMetrics(self._code)
        return QSize(60, max(metrics.height(), code.height()) + 5)


class LayersTree(QTreeView):
    """A tree of layers whose columns fit its width."""

    def __init__(self, model: LayersModel, theme: Theme) -> None:
        super().__init__()
        self.layers = model
        self.theme = theme
        self.setModel(model)
        self.setItemDelegate(CellDelegate(theme, model, self))
        self.setUniformRowHeights(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSortingEnabled(False)  # the model sorts, see LayersModel
        self.setAnimated(False)
        self.setIndentation(10)
        self.setAccessibleName("Layers of the network")
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header = self.header()
        header.setSectionsClickable(True)
        header.setSortIndicatorShown(False)
        header.setSectionsMovable(False)
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(36)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the columns, also when the scroll bar takes room."""
        super().resizeEvent(event)
        self.fit_columns()
        current = self.currentIndex()
        if current.isValid() and event.size().height() < event.oldSize().height():
            row = self.visualRect(current)
            if row.bottom() >= 0 and row.top() < event.oldSize().height():  # it was seen: it stays seen
                self.scrollTo(current)

    def fit_columns(self) -> None:
        """Give measures the room of their titles and the name what is left."""
        header, count = self.header(), self.layers.columnCount()
        metrics = header.fontMetrics()
        taken = 0
        for section in range(1, count):
            title = str(self.layers.headerData(section, Qt.Orientation.Horizontal))
            column = self.layers.columns[section]
            tight = self.layers.crowded and self.layers.sorted_by[0] != column.key
            width = max(51 if column.delta else 44, metrics.horizontalAdvance(title) + (13 if tight else 17))
            if column.changes is not None:
                words = (metrics.horizontalAdvance(change.short) for change in column.changes.values())
                width = max(width, max(words, default=0) + 8)
            header.resizeSection(section, width)
            taken += width
        if count:
            # Beside columns of differences or changes a long name is shortened in its middle; hovering tells it.
            least = min(self._name_width(), NARROWEST_NAME - 4) if self.layers.crowded else self._name_width()
            header.resizeSection(0, max(least, self.viewport().width() - taken))

    def _name_width(self) -> int:
        """Room that the longest name needs with its indentation, within limits."""
        metrics, step = QFontMetrics(self.theme.font("code")), self.indentation()
        flat = self.layers.flat
        needed = (
            metrics.horizontalAdvance(node.label) + (0 if flat else step * node.depth) + 6 for node in self._widest()
        )
        return min(WIDEST_NAME, max(NARROWEST_NAME, max(needed, default=0)))

    def _widest(self) -> list[Node]:
        """Return the nodes with the longest labels of every depth; measuring all 5,000 would be slow."""
        longest: dict[int, Node] = {}
        for node in self.layers.walk():
            kept = longest.get(node.depth)
            if kept is None or len(node.label) > len(kept.label):
                longest[node.depth] = node
        return list(longest.values())

    def show_order(self) -> None:
        """Show in the header by which column the rows are sorted."""
        key, falling = self.layers.sorted_by
        section = next((i for i, column in enumerate(self.layers.columns) if column.key == key), -1)
        header = self.header()
        header.setSortIndicatorShown(section >= 0)
        order = Qt.SortOrder.DescendingOrder if falling else Qt.SortOrder.AscendingOrder
        header.setSortIndicator(section, order)
