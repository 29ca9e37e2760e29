"""One entry of the ring: its value, and which weights of which layers read it, with sign, scale and gradient."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QHeaderView, QLabel, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from app.forms.widgets import label, whole_number
from app.reading import numbers
from app.reading.ring_entries import Reader, RingEntry, entry_of, first_read, missing
from app.reading.sharing import Projected
from app.theme import Theme

COLUMNS = (
    ("layer", "Layer whose weight reads the entry"),
    ("weight at", "Index in the kernel: output channel, input channel, row, column"),
    ("± scale", "Sign with which the entry is read, and factor of the layer"),
    ("weight", "Sign × scale × entry"),
    ("gradient", "Part of the entry's gradient that comes from this weight; they are summed"),
)
HINT = "Click the map, or type a number, to see who reads an entry."


class EntryPanel(QWidget):
    """A number to type, the entry in a sentence, and a table of its readers."""

    layer_chosen = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.setAccessibleName("Entry of the ring")
        self.projected: Projected | None = None
        self.entry: RingEntry | None = None
        self.number = whole_number(0, 0)
        self.number.setAccessibleName("Number of the entry")
        self.number.setToolTip("Place in the ring, from 0")
        self.number.setKeyboardTracking(False)
        self.number.valueChanged.connect(self._show)
        self.words = label(HINT, "soft", wrap=True)
        self.table = self._make_table()
        head = QHBoxLayout()
        head.setContentsMargins(12, 4, 8, 0)
        head.setSpacing(8)
        head.addWidget(QLabel("Entry"))
        head.addWidget(self.number)
        head.addStretch(1)
        words = QHBoxLayout()
        words.setContentsMargins(12, 0, 8, 0)
        words.addWidget(self.words)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(head)
        layout.addLayout(words)
        layout.addWidget(self.table, 1)

    def _make_table(self) -> QTableWidget:
        table = QTableWidget(0, len(COLUMNS))
        table.setAccessibleName("Weights that read the entry")
        for place, (title, tip) in enumerate(COLUMNS):
            item = QTableWidgetItem(title)
            item.setToolTip(tip)
            left = place == 0
            item.setTextAlignment(
                (Qt.AlignmentFlag.AlignLeft if left else Qt.AlignmentFlag.AlignRight) | Qt.AlignmentFlag.AlignVCenter
            )
            table.setHorizontalHeaderItem(place, item)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(24)
        table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        table.setShowGrid(False)
        table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        table.setSelectionMode(QTableWidget.SelectionMode.SingleSelection)
        table.cellClicked.connect(lambda row, _column: self._choose(row))
        table.cellActivated.connect(lambda row, _column: self._choose(row))
        return table

    def show_projected(self, projected: Projected | None) -> None:
        """Show the entry of another run, or of the same one as more of it arrives."""
        self.projected = projected
        size = projected.number("detail_size") if projected is not None else float("nan")
        self.number.blockSignals(True)
        self.number.setRange(0, max(int(size) - 1, 0) if size == size else 0)
        self.number.blockSignals(False)
        self._show()

    def look_up(self, layer: int, part: int) -> None:
        """Show the first entry of a part of the ring that a layer reads."""
        if self.projected is not None:
            self.number.setValue(first_read(self.projected, layer, part))
            self._show()

    def _show(self) -> None:
        projected = self.projected
        reason = missing(projected) if projected is not None else HINT
        self.number.setEnabled(not reason)
        self.table.setVisible(not reason)
        before, self.entry = (
            self.entry,
            None if projected is None or reason else entry_of(projected, self.number.value()),
        )
        self.words.setText(reason if self.entry is None else words_of(self.entry))
        if self.entry is None or self.entry == before:
            return
        self.table.setRowCount(len(self.entry.readers))
        for row, reader in enumerate(self.entry.readers):
            for column, text in enumerate(texts_of(reader)):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                if column == 0:
                    item.setFont(self.theme.font("small_code"))
                else:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.table.setItem(row, column, item)

    def _choose(self, row: int) -> None:
        if self.entry is not None and 0 <= row < len(self.entry.readers):
            self.layer_chosen.emit(self.entry.readers[row].layer.name)


def texts_of(reader: Reader) -> tuple[str, ...]:
    """One line of the table."""
    sign = "+" if reader.use.sign > 0 else "−"
    values = (signed_short(value) for value in (reader.weight, reader.gradient))
    return (reader.layer.name, reader.place, f"{sign}{numbers.short(reader.scale)}", *values)


def signed_short(value: float) -> str:
    """Three digits with a true minus; a dash for what is not known."""
    return numbers.short(value) if value == value else numbers.NOTHING


def words_of(entry: RingEntry) -> str:
    """Say in a sentence what the entry is, and how often it is read."""
    count, layers = len(entry.readers), len({reader.layer.name for reader in entry.readers})
    ring = f" of ring {entry.ring} of {entry.rings}" if entry.rings > 1 else ""
    words = f"value {signed_short(entry.value)}{ring} · read {count} time{'s' if count != 1 else ''}"
    words += f" by {layers} layer{'s' if layers != 1 else ''}" if count else ": it makes no weight"
    if entry.gradient == entry.gradient:
        words += f" · gradient {signed_short(entry.gradient)}"
    elif count:
        words += " · gradients were not measured: they need pictures with labels"
    return words
