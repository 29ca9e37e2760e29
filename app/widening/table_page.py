"""The configuration beside the original and the network that is compared with, as a table."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHeaderView, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from app.reading import numbers
from app.reading.width_comparison import second_group_widths
from app.reading.width_texts import rows
from app.theme import Theme
from app.widening.editing import Editing

HEADS = ("group", "original", "edited", "ratio", "further layers")
NUMBER = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class TablePage(QWidget):
    """One row per group that differs from the original, or from the network that is compared with."""

    def __init__(self, theme: Theme, editing: Editing) -> None:
        super().__init__()
        self.theme, self.editing = theme, editing
        self.table = QTableWidget(0, len(HEADS))
        self.table.setAccessibleName("Changed widths")
        self.table.setHorizontalHeaderLabels(HEADS)
        self.table.verticalHeader().hide()
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setShowGrid(False)
        self.table.verticalHeader().setDefaultSectionSize(round(2.1 * theme.text_size))
        self.table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self._shown: object = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 4, 12, 4)
        layout.addWidget(self.table)

    def show_widths(self, name: str = "", by_layer: Mapping[str, float] | None = None) -> None:
        """Fill the table anew if something has changed.

        Parameters
        ----------
        name, by_layer
            Words for a second network, and its channels by the names of this network's layers; "" for none.
        """
        reading = self.editing.reading
        if reading is None:
            return
        theirs = second_group_widths(reading, by_layer or {}) if name else {}
        found = rows(reading.found, self.editing.widths, theirs)
        if (found, name) == self._shown:
            return
        self._shown = (found, name)
        self.table.setColumnCount(len(HEADS) + 2 * bool(name))
        self.table.setHorizontalHeaderLabels((*HEADS, *((name, "difference") if name else ())))
        self.table.setRowCount(len(found))
        for number, row in enumerate(found):
            ratio = f"{row.after / row.before:.2f}"
            there = theirs.get(row.group)
            second = (f"{there:,.0f}", numbers.signed(row.after - there, 0)) if there else (numbers.NOTHING,) * 2
            texts = (row.group, f"{row.before:,}", f"{row.after:,}", ratio, str(row.layers), *(second if name else ()))
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                if column:
                    item.setTextAlignment(NUMBER)
                else:
                    item.setFont(self.theme.font("code"))
                self.table.setItem(number, column, item)
