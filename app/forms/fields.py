"""A number that can be slid and typed: a slider with the field that belongs to it."""

from __future__ import annotations

import math

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPushButton, QSizePolicy, QSlider, QWidget

TICKS = 1000


class ShortField(QLineEdit):
    """A field for a number, or two short words."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Ask for room for a number, in whatever letters."""
        return QSize(max(86, self.fontMetrics().horizontalAdvance("0.000e-00") + 24), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        """Ask for the same: part of a number says another one."""
        return self.sizeHint()


class SlidingNumber(QWidget):
    """Words, a slider, a field and a button that goes back to what was recorded.

    Parameters
    ----------
    words
        What the number is.
    low, high
        Ends of the slider; what is typed may lie beyond them but stays positive.
    log
        True for a slider over powers of ten.
    text
        Format of the field, as for :func:`format`.
    back
        Words of the button that goes back.
    """

    changed = Signal(object)
    """The number, None for the recorded one."""

    def __init__(self, words: str, low: float, high: float, log: bool, text: str, back: str) -> None:
        super().__init__()
        self._low, self._high, self._log, self._format = low, high, log, text
        self.value: float | None = None
        self._recorded, self._words = low, ""
        self._label = QLabel(words)
        self._label.setProperty("role", "soft")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, TICKS)
        self.slider.setAccessibleName(words)
        self.slider.setMinimumWidth(80)
        self.field = ShortField()
        self.field.setAccessibleName(f"{words}, typed")
        self.back = QPushButton(back)
        self.back.setProperty("role", "flat")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        for widget, stretch in ((self._label, 0), (self.slider, 1), (self.field, 0), (self.back, 0)):
            layout.addWidget(widget, stretch)
        self.slider.valueChanged.connect(self._slid)
        self.field.editingFinished.connect(self._typed)
        self.back.clicked.connect(self._go_back)
        self._show()

    def set_recorded(self, value: float, words: str = "") -> None:
        """Say what was recorded, shown while nothing else is chosen; with words instead where layers differ."""
        if (value, words) != (self._recorded, self._words):
            self._recorded, self._words = value, words
            self._show()

    def set_value(self, value: float | None) -> None:
        """Choose a number without announcing it."""
        if value != self.value:
            self.value = value
            self._show()

    def _place(self, value: float) -> int:
        if not math.isfinite(value) or (self._log and value <= 0):
            return 0
        if self._log:
            share = math.log(value / self._low) / math.log(self._high / self._low)
        else:
            share = (value - self._low) / (self._high - self._low)
        return round(TICKS * min(1.0, max(0.0, share)))

    def _at(self, place: int) -> float:
        share = place / TICKS
        if self._log:
            return float(self._low * (self._high / self._low) ** share)
        return self._low + (self._high - self._low) * share

    def _show(self) -> None:
        shown = self._recorded if self.value is None else self.value
        self.slider.blockSignals(True)
        self.slider.setValue(self._place(shown))
        self.slider.blockSignals(False)
        self.field.setText(self._text())
        self.back.setEnabled(self.value is not None)

    def _text(self) -> str:
        if self.value is None and self._words:
            return self._words
        return format(self._recorded if self.value is None else self.value, self._format)

    def _slid(self, place: int) -> None:
        self.value = self._at(place)
        self.field.setText(format(self.value, self._format))
        self.back.setEnabled(True)
        self.changed.emit(self.value)

    def _typed(self) -> None:
        text = self.field.text().strip().replace(",", ".")
        if text == self._text():
            return
        try:
            value = float(text)
        except ValueError:
            self._show()
            return
        if not (math.isfinite(value) and 0 < value <= 1):
            self._show()
            return
        self.value = value
        self._show()
        self.changed.emit(value)

    def _go_back(self) -> None:
        self.value = None
        self._show()
        self.changed.emit(None)
