"""The inspector beside edited widths: what its facts are about."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from app.panels.inspector import Inspector
from app.theme import Theme
from app.views.widths import WidthsView
from tests.gestures import settle, theme
from tests.width_window import INNER, STREAM, view

__all__ = ["theme", "view"]


def test_the_inspector_says_what_a_layer_has_been_edited_to(view: WidthsView, theme: Theme, qtbot: QtBot) -> None:
    inspector = Inspector(view.workspace, theme)
    qtbot.addWidget(inspector)
    inspector.show()
    view.workspace.select_layer(INNER)
    settle()
    assert "edited" not in inspector.kind.text()
    view.editing.put({INNER: 9}, "nine")
    settle()
    assert "edited to 9 channels" in inspector.kind.text()
    view.workspace.select_layer(STREAM)
    settle()
    assert "edited" not in inspector.kind.text()
