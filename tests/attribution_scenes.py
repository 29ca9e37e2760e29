"""The attribution tab over pictures that were explained."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from analysis.methods import attribution
from app.theme import Theme
from app.views.attribution import AttributionView
from app.workspace import Workspace
from tests import scenes
from tests.gestures import show, theme

__all__ = ["theme"]
PLACES = (12, 30, 31)


def explained(*places: int) -> Workspace:
    workspace = scenes.opened()
    workspace.set_methods((attribution.INFO,))
    for place in places:
        scenes.play(workspace, scenes.attribution_events(place), folder=f"runs/attribution-{place}")
    return workspace


def built(workspace: Workspace, theme: Theme, qtbot: QtBot) -> AttributionView:
    view = AttributionView(workspace, theme)
    qtbot.addWidget(view)
    show(view, 777, 620)
    return view


@pytest.fixture
def view(theme: Theme, qtbot: QtBot) -> AttributionView:
    workspace = explained(*PLACES)
    workspace.select_sample(12, PLACES)
    return built(workspace, theme, qtbot)


def asked_of(view: AttributionView) -> list[dict[str, object]]:
    wanted: list[dict[str, object]] = []
    for signal in (view.workspace.run_wanted, view.workspace.glance_wanted):
        signal.connect(lambda request: wanted.append(dict(request.params)))
    return wanted
