"""Labels of names that nobody has chosen for a narrow panel: files, classes, layers. No end of one is cut off."""

from __future__ import annotations

import re

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QFontMetricsF, QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy

from app.drawing.named import shortened

PIECES = re.compile(r"(\s+|(?<=[/-]))")
"""Where a line can end."""

JOINED = "\u2060"
"""Keeps a line from ending at the dots."""


def fitted(text: str, width: float, metrics: QFontMetricsF) -> str:
    """Return a text in which everything that cannot be broken into two lines is as narrow as the lines.

    What is wider is shortened in its middle, so that a number at the end, as in "folder_of_pictures#7", stays.
    """
    return "".join(_one_line(piece, width, metrics) if piece.strip() else piece for piece in PIECES.split(text))


def _one_line(piece: str, width: float, metrics: QFontMetricsF) -> str:
    shown = shortened(piece, width, metrics)
    return shown if shown == piece else shown.replace("…", f"{JOINED}…{JOINED}")


class EdgedLabel(QLabel):
    """A label that keeps the margins it was given: Qt takes them away when the style sheet changes."""

    _edges = (0, 0, 0, 0)

    def setContentsMargins(self, left: int, top: int, right: int, bottom: int) -> None:  # type: ignore[override]
        """Leave so many pixels free at the edges."""
        self._edges = (left, top, right, bottom)
        super().setContentsMargins(left, top, right, bottom)

    def changeEvent(self, event: QEvent) -> None:
        """Take the margins back."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            super().setContentsMargins(*self._edges)


class NameLabel(EdgedLabel):
    """Text in lines as wide as the label; hovering tells all of it where something had to be left out.

    Parameters
    ----------
    role
        Of the style sheet.
    """

    def __init__(self, role: str = "") -> None:
        super().__init__()
        self._full, self._laid_out = "", False
        if role:
            self.setProperty("role", role)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    @property
    def full(self) -> str:
        """The whole text."""
        return self._full

    def setText(self, text: str) -> None:
        """Show another text."""
        self._full = text
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave out as much as has to be."""
        super().resizeEvent(event)
        self._laid_out = True
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        """Fit into another font."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()

    def _fit(self) -> None:
        room = self.contentsRect().width() - 2
        shown = fitted(self._full, max(room, 8), QFontMetricsF(self.font())) if self._laid_out else self._full
        if shown != self.text():
            super().setText(shown)
        self.setToolTip(self._full if shown != self._full else "")
