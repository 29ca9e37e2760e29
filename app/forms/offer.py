"""One line that offers what would come next."""

from __future__ import annotations

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from app.forms.flow import Flow


class Sentence(QLabel):
    """Words that would like to stand in one line, and go on in further ones where there is no room."""

    def __init__(self) -> None:
        super().__init__()
        self.setWordWrap(True)

    def sizeHint(self) -> QSize:
        """Ask for one line."""
        metrics = self.fontMetrics()
        return QSize(metrics.horizontalAdvance(self.text()) + 4, metrics.height() + 2)

    def minimumSizeHint(self) -> QSize:
        """Make do with a few words a line."""
        return QSize(min(160, self.sizeHint().width()), self.sizeHint().height())


class Offer(QWidget):
    """A sentence and a button."""

    pressed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._text, self._button = Sentence(), QPushButton()
        self._button.setAccessibleName("Do what is offered")
        self._text.setProperty("role", "soft")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(Flow(self._text, self._button, gap=6))
        self._button.clicked.connect(lambda: self.pressed.emit())

    def say(self, text: str, button: str) -> None:
        """Change the words."""
        self._text.setText(text)
        self._button.setText(button)
        self._button.setAccessibleName(button)
