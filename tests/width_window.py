"""The width editor in a window of its own, for tests of its pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from analysis.events import Event, Started
from analysis.measures.widths.costs import CostModel
from analysis.methods import channel_scores, edited_check, feature_rank, width_groups
from analysis.request import Request
from app.theme import Theme
from app.views.widths import WidthsView
from app.workspace import Run
from tests import scenes, width_scenes
from tests.gestures import settle, show

FOUND = width_scenes.description(scenes.network())
NAMES = tuple(group.name for group in FOUND.groups if not group.locked)
INNER, STREAM = "layer2.1.conv1", "layer2.0.conv2"
WHOLE = CostModel(FOUND).costs({}).totals.macs


@pytest.fixture
def view(theme: Theme, qtbot: QtBot) -> Iterator[WidthsView]:
    workspace = scenes.opened()
    scenes.play(workspace, width_scenes.width_events(workspace.layers, scenes.MODEL), folder="runs/widths")
    workspace.set_methods((channel_scores.INFO, edited_check.INFO, feature_rank.INFO, width_groups.INFO))
    made = WidthsView(workspace, theme)
    qtbot.addWidget(made)
    show(made, 777, 700)
    yield made
    workspace.undo.clear()
    made.close()


def go(view: WidthsView, page: str) -> None:
    view.show_page(page)
    settle()


def widths(view: WidthsView) -> dict[str, int]:
    return dict(view.workspace.edits.widths)


def asked(view: WidthsView) -> list[Request]:
    """Everything the view asks for from now on."""
    found: list[Request] = []
    for signal in (view.workspace.run_wanted, view.workspace.look_wanted, view.workspace.glance_wanted):
        signal.connect(found.append)
    return found


def play(view: WidthsView, events: Iterator[Event], folder: str = "") -> Run:
    run = scenes.play(view.workspace, events, folder=folder) if folder else scenes.play(view.workspace, events)
    settle()
    return run


def play_edited(view: WidthsView, events: Iterator[Event]) -> None:
    """Let a run happen whose request keeps its edits."""
    first = next(events)
    assert isinstance(first, Started)
    run = Run(1 + max(view.workspace.runs, default=0), first.request)
    view.workspace.add_run(run)
    for event in (first, *events):
        view.workspace.apply(run.number, event)
    view.workspace.announce(run.number)
    settle()
