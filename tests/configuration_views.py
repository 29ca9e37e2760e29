"""Making the Configurations tab for tests."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from app.reading.configurations import Reading
from app.theme import Theme
from app.views.configurations import ConfigurationsView
from app.workspace import Workspace
from tests.gestures import settle, show


def view_of(workspace: Workspace, theme: Theme, qtbot: QtBot, page: str = "oracle") -> ConfigurationsView:
    view = ConfigurationsView(workspace, theme)
    qtbot.addWidget(view)
    show(view, 777, 640)
    view.show_page(page)
    settle()
    return view


def reading_of(view: ConfigurationsView) -> Reading:
    assert view.reading is not None
    return view.reading
