"""Buttons of which exactly one is down: pages of a tab, values of a plot."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QToolButton, QWidget

from app.forms.flow import Flow


class Segments(QWidget):
    """A row of buttons of which exactly one is down.

    Parameters
    ----------
    choices
        (value, words) pairs.
    name
        Accessible name.
    wraps
        True to go on in further rows where one is too narrow.
    """

    chosen = Signal(str)

    def __init__(self, choices: tuple[tuple[str, str], ...], name: str, wraps: bool = False) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        self._buttons = {value: self._button(words, name) for value, words in choices}
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        buttons = self._buttons.values()
        for part in [Flow(*buttons, gap=0, between=0, edges=(0, 0, 0, 0))] if wraps else buttons:
            layout.addWidget(part)
        self._group.buttonClicked.connect(self._clicked)
        next(iter(buttons)).setChecked(True)

    def _button(self, words: str, name: str) -> QToolButton:
        button = QToolButton()
        button.setText(words)
        button.setCheckable(True)
        button.setProperty("role", "flat")
        button.setAccessibleName(f"{name}: {words}")
        self._group.addButton(button)
        return button

    def _clicked(self, _button: object) -> None:
        self.chosen.emit(self.value)

    @property
    def value(self) -> str:
        """The value that is down."""
        return next(value for value, button in self._buttons.items() if button.isChecked())

    def set_value(self, value: str) -> None:
        """Press a button without announcing it; an unknown value is ignored."""
        if value in self._buttons:
            self._buttons[value].setChecked(True)
