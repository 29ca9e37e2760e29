"""Small pieces that panels are made of, so that all look and read alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.theme import Theme

T = TypeVar("T", QHBoxLayout, QVBoxLayout)

GRID = 8
"""Pixels of the grid that all distances are multiples of."""


def label(text: str, role: str = "", wrap: bool = False) -> QLabel:
    """Make a label; `role` is one of the style sheet's: soft, small, title, heading, badge, error."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    if role:
        made.setProperty("role", role)
    if wrap:
        made.setWordWrap(True)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        made.setSizePolicy(policy)
    return made


def button(text: str, call: Callable[[], object], role: str = "", tip: str = "", name: str = "") -> QPushButton:
    """Make a button; `role` is one of the style sheet's: primary, flat, link, row."""
    made = QPushButton(text)
    if role:
        made.setProperty("role", role)
    if tip:
        made.setToolTip(tip)
    if name:
        made.setAccessibleName(name)
    made.setAutoDefault(False)
    made.clicked.connect(lambda: call())
    return made


def tool(theme: Theme, icon: str, name: str, call: Callable[[], object]) -> QToolButton:
    """Make a button that is only an icon; its name is its tool tip and is read aloud."""
    made = QToolButton()
    made.setProperty("role", "flat")
    made.setToolTip(name)
    made.setAccessibleName(name)
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    theme.set_icon(made, icon)
    made.clicked.connect(lambda: call())
    return made


def line() -> QFrame:
    """Make a horizontal line."""
    made = QFrame()
    made.setObjectName("line")
    return made


def row(*items: QWidget | int | None, spacing: int = GRID) -> QHBoxLayout:
    """Put widgets side by side; a number is a gap, None takes what room is left."""
    return _fill(QHBoxLayout(), items, spacing)


def column(*items: QWidget | QLayout | int | None, spacing: int = GRID) -> QVBoxLayout:
    """Put widgets and layouts below each other; a number is a gap, None takes what room is left."""
    return _fill(QVBoxLayout(), items, spacing)


def _fill(box: T, items: tuple[QWidget | QLayout | int | None, ...], spacing: int) -> T:
    box.setContentsMargins(0, 0, 0, 0)
    box.setSpacing(spacing)
    for item in items:
        match item:
            case None:
                box.addStretch(1)
            case int():
                box.addSpacing(item)
            case QWidget():
                box.addWidget(item)
            case _:
                box.addLayout(item)
    return box


def whole_number(low: int, high: int) -> QSpinBox:
    """Make a field for a whole number within limits."""
    made = QSpinBox()
    made.setRange(low, high)
    # The style sheet cannot move the text of a spin box; it should begin where that of other fields does.
    made.lineEdit().setTextMargins(4, 0, 0, 0)
    return made


class Elided(QLabel):
    """One line of text that ends in … where there is no room; the tool tip holds all of it.

    Parameters
    ----------
    text
        The text.
    role
        As for :func:`label`.
    where
        Where to leave out: the middle suits paths.
    """

    def __init__(self, text: str = "", role: str = "", where: Qt.TextElideMode = Qt.TextElideMode.ElideRight) -> None:
        super().__init__()
        self._full = ""
        self._where = where
        if role:
            self.setProperty("role", role)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.set_text(text)

    @property
    def full(self) -> str:
        """The whole text."""
        return self._full

    def set_text(self, text: str) -> None:
        """Show another text."""
        self._full = text
        self.setToolTip(text)
        self._fit()

    def sizeHint(self) -> QSize:
        """Ask for room for the whole text."""
        return QSize(self.fontMetrics().horizontalAdvance(self._full) + 4, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        """Make do with a few letters."""
        return QSize(24, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave out as much as has to be."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        shown = self.fontMetrics().elidedText(self._full, self._where, max(self.width(), 8))
        if shown != self.text():
            self.setText(shown)


class PanelTitle(QWidget):
    """The head of a dock: its name, tools of the panel, and a button that closes it."""

    closed = Signal()

    def __init__(self, title: str, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("panel_title")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(GRID + 4, GRID, GRID, GRID // 2)
        layout.addWidget(label(title, "heading"))
        layout.addStretch(1)
        layout.addWidget(tool(theme, "close", f"Close {title}", self.closed.emit))


class Bar(QWidget):
    """A thin progress bar that is cheap to repaint; without a total it is empty."""

    def __init__(self, theme: Theme, width: int = 160) -> None:
        super().__init__()
        self._theme = theme
        self._share = 0.0
        self.setFixedSize(width, 6)
        self.setAccessibleName("Progress")

    def set_share(self, share: float) -> None:
        """Show how much is done, from 0 to 1."""
        share = min(max(share, 0.0), 1.0)
        if share != self._share:
            self._share = share
            self.setAccessibleDescription(f"{share:.0%}")
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw track and bar."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), self._theme.color("unused"))
        painter.fillRect(0, 0, round(self.width() * self._share), self.height(), self._theme.color("accent"))
        painter.end()
