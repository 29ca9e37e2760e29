"""Configurations built by hand that were run: what they reach beside the plain network, and which are pinned."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHeaderView, QTableWidget, QTableWidgetItem

from app.theme import Theme

HEADS = ("pin", "tried by hand", "right", "won", "lost", "MACs", "")
"""The last one is the network that is compared with, there only if one is."""
TIPS = (
    "Pinned configurations are columns of the matrix and rows of the oracle page",
    "Click to go on with it",
    "Accuracy on its pictures; the plain network on the same ones in brackets",
    "Right here, wrong plain",
    "Wrong here, right plain",
    "Multiply-adds of one picture",
    "Accuracy of the network that is compared with; in brackets: points more here",
)
NUMBER = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter

WORDS = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


@dataclass(frozen=True, slots=True)
class TriedRow:
    """One run.

    Attributes
    ----------
    key
        How it is written in a request.
    texts
        Name, then what stands in the further columns.
    pinned, ready
        Whether it is pinned; whether it has finished pictures.
    """

    key: str
    texts: tuple[str, ...]
    pinned: bool
    ready: bool


class TriedTable(QTableWidget):
    """One row per configuration, newest first."""

    pin_changed = Signal(str, bool)
    picked = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__(0, len(HEADS))
        self.theme = theme
        self.rows: tuple[TriedRow, ...] | None = None
        self.setAccessibleName("Configurations tried by hand")
        for column, (words, tip) in enumerate(zip(HEADS, TIPS, strict=True)):
            head = QTableWidgetItem(words)
            head.setToolTip(tip)
            head.setTextAlignment(NUMBER if column > 1 else WORDS)
            self.setHorizontalHeaderItem(column, head)
        self.verticalHeader().hide()
        self.setShowGrid(False)
        self.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QTableWidget.SelectionMode.NoSelection)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.horizontalHeader().setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.setColumnHidden(len(HEADS) - 1, True)
        self._filling = False
        theme.changed.connect(self._frame_boxes)
        self._frame_boxes()
        self.itemChanged.connect(self._change)
        self.cellClicked.connect(self._click)

    def _frame_boxes(self) -> None:
        """Give empty boxes an outline that can be seen on a dark ground."""
        line = self.theme.color("text_soft").name()
        self.setStyleSheet(f"QTableWidget::indicator:unchecked {{ border: 1px solid {line}; border-radius: 2px; }}")

    def show_rows(self, rows: tuple[TriedRow, ...], second: str = "") -> None:
        """Fill the table anew if something has changed; with a name, the last column is a second network."""
        self.setColumnHidden(len(HEADS) - 1, not second)
        head = self.horizontalHeaderItem(len(HEADS) - 1)
        assert head is not None  # made at the start
        head.setText(second)
        if rows == self.rows:
            return
        self.rows, self._filling = rows, True
        self.setRowCount(len(rows))
        for number, row in enumerate(rows):
            box = QTableWidgetItem()
            box.setFlags(Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEnabled)
            box.setCheckState(Qt.CheckState.Checked if row.pinned else Qt.CheckState.Unchecked)
            self.setItem(number, 0, box)
            for column, text in enumerate(row.texts, start=1):
                item = QTableWidgetItem(text)
                item.setFlags(Qt.ItemFlag.ItemIsEnabled)
                if column == 1:
                    item.setFont(self.theme.font("code"))
                    item.setToolTip(text)
                else:
                    item.setTextAlignment(NUMBER)
                self.setItem(number, column, item)
        self._filling = False

    def _change(self, item: QTableWidgetItem) -> None:
        if not self._filling and item.column() == 0 and self.rows:
            self.pin_changed.emit(self.rows[item.row()].key, item.checkState() == Qt.CheckState.Checked)

    def _click(self, row: int, column: int) -> None:
        if column and self.rows:
            self.picked.emit(self.rows[row].key)
