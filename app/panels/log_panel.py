"""The log of the window, live."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QPlainTextEdit, QVBoxLayout, QWidget

from app.forms.widgets import GRID, button, row
from app.log import LINES, LogBuffer
from app.theme import Theme


class LogPanel(QWidget):
    """The last lines of the log, and a button that copies what a report needs."""

    copy_wanted = Signal()

    def __init__(self, buffer: LogBuffer, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._buffer, self._theme = buffer, theme
        self._text = QPlainTextEdit()
        self._text.setReadOnly(True)
        self._text.setProperty("role", "log")
        self._text.setAccessibleName("Log")
        self._text.setMaximumBlockCount(LINES)
        self._text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        # Many lines may arrive within a frame; the text is set once.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(100)
        self._soon.timeout.connect(self.refresh)
        box = QVBoxLayout(self)
        box.setContentsMargins(12, 0, 12, GRID)
        box.setSpacing(4)
        box.addWidget(self._text, 1)
        box.addLayout(row(button("Copy diagnostics", self.copy_wanted.emit), None))
        buffer.arrived.connect(self._later)
        theme.changed.connect(self._dress)
        self._dress()

    def _dress(self) -> None:
        self._text.setFont(self._theme.font("small_code"))

    def _later(self) -> None:
        if self.isVisible() and not self._soon.isActive():
            self._soon.start()

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up with what was logged while the panel was hidden."""
        super().showEvent(event)
        self.refresh()

    def refresh(self) -> None:
        """Show all lines; stay at the end if that is where one was."""
        bar = self._text.verticalScrollBar()
        at_end = bar.value() >= bar.maximum() - 4
        place = bar.value()
        self._text.setPlainText("\n".join(self._buffer.lines))
        bar.setValue(bar.maximum() if at_end else place)
