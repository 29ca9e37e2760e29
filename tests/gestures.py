"""Mouse and keyboard for tests of plots: real events, sent to the viewport of a graphics view."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QFont, QMouseEvent
from PySide6.QtWidgets import QApplication, QWidget

import app.theme as themes
from app.theme import Theme

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
NO_KEYS = Qt.KeyboardModifier.NoModifier


def settle() -> None:
    """Let everything that was put off happen."""
    for _ in range(4):
        QApplication.processEvents()


def show(widget: QWidget, width: int = 777, height: int = 620) -> None:
    widget.resize(width, height)
    widget.show()
    settle()


def _send(
    widget: QWidget,
    kind: QEvent.Type,
    place: QPoint,
    button: Qt.MouseButton,
    held: Qt.MouseButton,
    keys: Qt.KeyboardModifier,
) -> None:
    at = QPointF(place)
    event = QMouseEvent(kind, at, QPointF(widget.mapToGlobal(place)), button, held, keys)
    QApplication.sendEvent(widget, event)


def move(widget: QWidget, place: QPoint) -> None:
    _send(widget, QEvent.Type.MouseMove, place, NONE, NONE, NO_KEYS)
    settle()


def click(widget: QWidget, place: QPoint, keys: Qt.KeyboardModifier = NO_KEYS, double: bool = False) -> None:
    _send(widget, QEvent.Type.MouseMove, place, NONE, NONE, keys)
    _send(widget, QEvent.Type.MouseButtonPress, place, LEFT, LEFT, keys)
    _send(widget, QEvent.Type.MouseButtonRelease, place, LEFT, NONE, keys)
    if double:
        _send(widget, QEvent.Type.MouseButtonDblClick, place, LEFT, LEFT, keys)
        _send(widget, QEvent.Type.MouseButtonRelease, place, LEFT, NONE, keys)
    settle()


def drag(widget: QWidget, start: QPoint, end: QPoint, keys: Qt.KeyboardModifier = NO_KEYS) -> None:
    _send(widget, QEvent.Type.MouseMove, start, NONE, NONE, keys)
    _send(widget, QEvent.Type.MouseButtonPress, start, LEFT, LEFT, keys)
    for step in range(1, 9):
        place = start + (end - start) * step / 8
        _send(widget, QEvent.Type.MouseMove, place, NONE, LEFT, keys)
    _send(widget, QEvent.Type.MouseButtonRelease, end, LEFT, NONE, keys)
    settle()


@pytest.fixture
def theme(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[Theme]:
    """Light colours and fonts that are the same on every computer."""
    themes.load_bundled_fonts()
    monkeypatch.setattr(themes, "_base_font", lambda: QFont("DejaVu Sans", 10))
    monkeypatch.setattr(themes, "_code_families", lambda: ["DejaVu Sans Mono"])
    made, font = Theme("light"), qapp.font()
    made.apply()
    yield made
    qapp.setStyleSheet("")
    qapp.setFont(font)
