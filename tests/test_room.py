"""What the tabs ask for: none, in no state and on no page, needs more width than a small window leaves it."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from app.theme import Theme
from app.views import VIEWS
from app.workspace import Workspace
from tests import bundle_scenes, configuration_scenes, scenes, sharing_scenes, width_scenes
from tests.comparing_scenes import NAME, OTHER, of_other
from tests.gestures import settle, show, theme

__all__ = ["theme"]

ROOM = 700
"""Pixels that a window of 1280 leaves between its panels, with the letters of these tests, which are large."""
STATES = ("nothing open", "compared with a run alone", "compared")


@cache
def state(name: str) -> Workspace:
    if name == "nothing open":
        return Workspace()
    workspace = scenes.full()
    rows, images = scenes.network(), scenes.IMAGES
    first = scenes.play(workspace, of_other(scenes.rank_events(rows, model=OTHER, name=NAME)))
    workspace.compare_with(first.number)
    if name == "compared":
        for events in (
            scenes.structure_events(rows, OTHER),
            scenes.accuracy_events(model=OTHER),
            scenes.attribution_events(model=OTHER),
            width_scenes.width_events(rows, OTHER),
            bundle_scenes.bundle_events(rows, OTHER, images),
            sharing_scenes.projected_events(rows, OTHER, images),
            sharing_scenes.trained_events(OTHER, images),
            configuration_scenes.configuration_events(OTHER, images),
        ):
            scenes.play(workspace, of_other(events))
    return workspace


@pytest.mark.parametrize("what", STATES)
@pytest.mark.parametrize("name", [info.name for info in VIEWS])
def test_no_tab_asks_for_more_width_than_a_small_window_has(name: str, what: str, theme: Theme, qtbot: QtBot) -> None:
    view: Any = next(info for info in VIEWS if info.name == name).make(state(what), theme)
    qtbot.addWidget(view)
    show(view, ROOM, 600)
    pages = getattr(import_module(f"app.views.{name}"), "PAGES", (("", ""),))
    for page, _title in pages:
        if page:
            view.show_page(page)
            settle()
        assert view.minimumSizeHint().width() <= ROOM, (page, view.minimumSizeHint().width())
