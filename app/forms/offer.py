"""One line that offers what would come next."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget


class Offer(QWidget):
    """A sentence and a button."""

    pressed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._text, self._button = QLabel(), QPushButton()
        self._button.setAccessibleName("Do what is offered")
        self._text.setProperty("role", "soft")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.addWidget(self._text)
        layout.addWidget(self._button)
        layout.addStretch(1)
        self._button.clicked.connect(lambda: self.pressed.emit())

    def say(self, text: str, button: str) -> None:
        """Change the words."""
        self._text.setText(text)
        self._button.setText(button)
        self._button.setAccessibleName(button)
