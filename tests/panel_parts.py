"""A desk with a network and pictures, and what tests of panels look for."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtWidgets import QAbstractButton

from analysis.request import ImageSource, ModelSource
from app.desk import Desk


@pytest.fixture
def ready(desk: Desk, qtbot: Any) -> Desk:
    """A network and pictures are open, the engine is ready."""
    desk.client.start()
    desk.client.tick()
    desk.session.open_images(ImageSource("demo:test"))
    desk.session.open_model(ModelSource("demo:a"))
    settle(desk, qtbot)
    return desk


def settle(desk: Desk, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: not any(run.open for run in desk.workspace.runs.values()))


def button(panel: Any, text: str) -> QAbstractButton:
    """Return the button with these words, or with this name."""
    found: list[QAbstractButton] = panel.findChildren(QAbstractButton)
    return next(b for b in found if text in (b.text(), b.accessibleName()))


def heard(signal: Any) -> list[Any]:
    said: list[Any] = []
    signal.connect(lambda *arguments: said.append(arguments[0] if len(arguments) == 1 else arguments))
    return said
