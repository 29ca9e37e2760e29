"""Making the Configurations tab for tests."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from analysis.result import Result
from app.reading.configurations import Reading
from app.theme import Theme
from app.views.configurations import ConfigurationsView
from app.workspace import Workspace
from tests import configuration_scenes, scenes
from tests.gestures import settle, show

COUNT = 60
"""Pictures of the runs that are made up."""


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


def opened(**how: object) -> Workspace:
    workspace = scenes.opened()
    events = configuration_scenes.configuration_events(scenes.MODEL, scenes.IMAGES, COUNT, **how)  # type: ignore[arg-type]
    scenes.play(workspace, events, folder="runs/configurations")
    return workspace


def with_references() -> Workspace:
    workspace = opened()
    scenes.play(workspace, configuration_scenes.pool_events(scenes.MODEL, scenes.IMAGES), folder="runs/pools")
    scenes.play(workspace, configuration_scenes.chooser_events(scenes.MODEL, scenes.IMAGES))
    return workspace


def result_of(**how: object) -> Result:
    return Result.of(
        configuration_scenes.configuration_events(scenes.MODEL, scenes.IMAGES, COUNT, **how)  # type: ignore[arg-type]
    )
