"""A table of bundles: size, entropy, what each adds to the layer's entropy, and its labels as a bar."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelectionModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRectF,
    Qt,
    Signal,
)
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from analysis.measures.bundles import Bundle
from app.browsing.term_header import TermHeader
from app.drawing.label_colors import label_color
from app.drawing.named import page_of, tip_of
from app.reading import numbers
from app.reading.glossary import TERMS
from app.theme import Theme

Index = QModelIndex | QPersistentModelIndex
NOWHERE = QModelIndex()
COLUMNS = (
    ("bundle", "bundle_number"),
    ("size", "bundle_size"),
    ("h", "bundle_label_entropy"),
    ("adds", "bundle_contribution"),
    ("labels", "bundle_labels"),
    ("there (Δ)", "bundle_together"),
)
"""Titles and terms of the glossary."""
LABELS, THERE = 4, 5
"""Columns of the labels, and of a second network, which is there while one is compared with."""


class BundleModel(QAbstractTableModel):
    """Bundles in the order in which they were given."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.bundles: tuple[Bundle, ...] = ()
        self.classes: tuple[str, ...] = ()
        self.together: dict[int, int] = {}
        self.name = ""

    def show_bundles(self, bundles: tuple[Bundle, ...], classes: tuple[str, ...]) -> None:
        """Show other bundles."""
        self.beginResetModel()
        self.bundles, self.classes = bundles, classes
        self.endResetModel()

    def show_together(self, together: dict[int, int], name: str) -> None:
        """Show how many pictures of each bundle a second network merges into one; without any there is no column."""
        if (together, name) != (self.together, self.name):
            self.beginResetModel()
            self.together, self.name = together, name
            self.endResetModel()

    def row_of(self, bundle: int) -> int:
        """Row of a bundle, -1 if it is not shown."""
        return next((row for row, found in enumerate(self.bundles) if found.id == bundle), -1)

    def rowCount(self, parent: Index = NOWHERE) -> int:
        """Return the number of bundles."""
        return 0 if parent.isValid() else len(self.bundles)

    def columnCount(self, parent: Index = NOWHERE) -> int:
        """Return the number of columns."""
        return 0 if parent.isValid() else THERE + bool(self.together)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return numbers as text, right-aligned; labels in words on hovering."""
        if not index.isValid():
            return None
        bundle, column = self.bundles[index.row()], index.column()
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._text(bundle, column)
            case Qt.ItemDataRole.ToolTipRole | Qt.ItemDataRole.AccessibleTextRole:
                return self.words(bundle) if column == LABELS else self._text(bundle, column)
            case Qt.ItemDataRole.TextAlignmentRole:
                return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def _text(self, bundle: Bundle, column: int) -> str:
        if column == LABELS:
            return ""
        if column == THERE:
            count = self.together.get(bundle.id, 0)
            return f"{count:,} ({numbers.signed(count - bundle.size, 0)})"
        texts = (str(bundle.id), f"{bundle.size:,}", zero(bundle.entropy), zero(bundle.contribution))
        return texts[column]

    def words(self, bundle: Bundle) -> str:
        """Labels of a bundle, the most frequent first: "12 shirt, 3 coat"."""
        order = [c for c in np.argsort(-bundle.labels, kind="stable").tolist() if bundle.labels[c] > 0]
        names = [self.classes[c] if c < len(self.classes) else str(c) for c in order]
        return ", ".join(f"{int(bundle.labels[c]):,} {name}" for c, name in zip(order, names, strict=True))

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return titles and their definitions."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        title, term = COLUMNS[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return title
        if role == Qt.ItemDataRole.ToolTipRole:
            beside = f" Of {self.name}." if section == THERE else ""
            return tip_of(TERMS[term].definition + beside, page_of(term))
        if role == Qt.ItemDataRole.TextAlignmentRole and section != LABELS:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None


def zero(value: float) -> str:
    """Three digits; exactly zero is a plain 0."""
    return "0" if value == 0 else numbers.short(value)


class LabelsDelegate(QStyledItemDelegate):
    """Paints the labels of a bundle as one bar, coloured by label."""

    def __init__(self, theme: Theme, model: BundleModel, parent: QObject) -> None:
        super().__init__(parent)
        self.theme, self.model = theme, model

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one bar."""
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, self.theme.color("selected"))
        bundle = self.model.bundles[index.row()]
        room = QRectF(option.rect).adjusted(8, 6, -8, -6)
        left, size = room.left(), max(bundle.size, 1)
        for label in np.flatnonzero(bundle.labels).tolist():
            width = room.width() * int(bundle.labels[label]) / size
            painter.fillRect(
                QRectF(left, room.top(), max(1.0, width - 1), room.height()), label_color(self.theme, label)
            )
            left += width


class BundleTable(QTableView):
    """Rows of bundles; one can be selected."""

    chosen = Signal(int)
    """Number of the bundle."""
    help_wanted = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.table = BundleModel(self)
        self._taking = False
        self.setModel(self.table)
        self.setItemDelegateForColumn(LABELS, LabelsDelegate(theme, self.table, self))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setAccessibleName("Bundles")
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        header = TermHeader(tuple(term for _, term in COLUMNS), self)
        header.help_wanted.connect(self.help_wanted)
        self.setHorizontalHeader(header)
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(28)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(LABELS, QHeaderView.ResizeMode.Stretch)
        self.selectionModel().currentRowChanged.connect(self._give)
        theme.changed.connect(self._fit)
        self._fit()

    def _fit(self) -> None:
        self.verticalHeader().setDefaultSectionSize(round(self.theme.text_size * 2.2))
        self.viewport().update()

    def show_bundles(self, bundles: tuple[Bundle, ...], classes: tuple[str, ...], chosen: int) -> None:
        """Show other bundles; one of them is selected, -1 for none."""
        self._taking = True
        known = self.table
        same = len(bundles) == len(known.bundles) and all(a is b for a, b in zip(bundles, known.bundles, strict=True))
        if not same or classes != known.classes:
            known.show_bundles(bundles, classes)
        row = known.row_of(chosen)
        if row < 0:
            self.clearSelection()
            self.selectionModel().clearCurrentIndex()
        elif self.currentIndex().row() != row:
            flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
            self.selectionModel().setCurrentIndex(known.index(row, 0), flags)
            self.scrollTo(known.index(row, 0))
        self._taking = False

    def _give(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if not self._taking and current.isValid():
            self.chosen.emit(self.table.bundles[current.row()].id)
