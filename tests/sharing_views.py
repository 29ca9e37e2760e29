"""Making the Sharing tab for tests."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from app.reading.sharing import Projected
from app.theme import Theme
from app.views.sharing import SharingView
from app.workspace import Workspace
from tests.gestures import settle, show


def view_of(workspace: Workspace, theme: Theme, qtbot: QtBot, page: str = "freedom") -> SharingView:
    view = SharingView(workspace, theme)
    qtbot.addWidget(view)
    show(view, 777, 640)
    view.show_page(page)
    settle()
    return view


def projected_of(workspace: Workspace) -> Projected:
    run = workspace.latest("parameter_sharing")
    assert run is not None
    return Projected(run.result)
