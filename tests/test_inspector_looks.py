"""What the inspector asks quietly for, what it says when that fails, and what needs no pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pytestqt.qtbot import QtBot

from analysis.events import Event, Finished, Outcome, Started
from analysis.methods import activations
from analysis.problems import Problem, RunWarning
from analysis.request import Request
from app.panels.inspector import Inspector
from app.theme import Theme
from app.workspace import Selection, Workspace
from tests import scenes
from tests.gestures import settle, show, theme

__all__ = ["theme"]
LAYER = "layer2.0.conv1"


def built(workspace: Workspace, theme: Theme, qtbot: QtBot) -> tuple[Inspector, list[Request]]:
    workspace.set_methods((activations.INFO,))
    made = Inspector(workspace, theme)
    qtbot.addWidget(made)
    made.channels._rest.setInterval(0)
    found: list[Request] = []
    workspace.glance_wanted.connect(found.append)
    show(made, 290, 800)
    return made, found


def fail(workspace: Workspace, request: Request, problem: Problem) -> None:
    scenes.play(workspace, iter([Started(request), Finished(Outcome.FAILED, problem=problem)]), purpose="glance")
    settle()


def picture_of(request: Request) -> str:
    return str(dict(request.params).get("samples", ""))


def test_a_look_that_fails_holds_up_no_other(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    made, asked = built(workspace, theme, qtbot)
    workspace.select(Selection((LAYER,), sample=3))
    settle()
    qtbot.waitUntil(lambda: len(asked) == 2)
    picture = next(request for request in asked if picture_of(request))
    fail(workspace, picture, Problem("Picture 3 is damaged."))
    assert made.channels.note.text() == "Picture 3 is damaged."
    assert made.channels.measure.isVisible()
    asked.clear()
    workspace.select(Selection((LAYER,), sample=4))
    settle()
    qtbot.waitUntil(lambda: any(picture_of(request) == "4" for request in asked))
    assert not made.channels.note.isVisible()
    asked.clear()
    workspace.select(Selection((LAYER,), sample=3))
    settle()
    assert made.channels.note.text() == "Picture 3 is damaged."
    assert all(picture_of(request) != "3" for request in asked)


def test_maps_that_fail_are_said_beside_statistics_that_are_known(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    layer = next(layer for layer in workspace.layers if layer.name == LAYER)
    scenes.play(workspace, scenes.activation_events(layer), purpose="glance")
    made, asked = built(workspace, theme, qtbot)
    workspace.select(Selection((LAYER,), sample=3))
    settle()
    qtbot.waitUntil(lambda: len(asked) == 1)
    fail(workspace, asked[0], Problem("Picture 3 is damaged.", "Choose another."))
    assert made.channels.note.text() == "Picture 3 is damaged. Choose another."
    assert made.channels.lists.isVisible()
    assert not made.channels.measure.isVisible()


def warned(events: Iterator[Event], *warnings: RunWarning) -> Iterator[Event]:
    for event in events:
        yield replace(event, warnings=warnings) if isinstance(event, Finished) else event


def test_duplicates_that_were_not_looked_for_are_not_none(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    layer = next(layer for layer in workspace.layers if layer.name == LAYER)
    few = RunWarning("few_observations", "Duplicates were not looked for: too few observations.", (LAYER,))
    other = RunWarning("non_finite", "Pictures were left out.", (LAYER,))
    elsewhere = replace(other, text="Something about another layer.", items=("conv1",))
    scenes.play(workspace, warned(scenes.activation_events(layer), few, other, elsewhere), purpose="glance")
    made, _ = built(workspace, theme, qtbot)
    workspace.select_layer(LAYER)
    settle()
    text = made.channels.lists.text()
    assert few.text in text
    assert "Duplicates" not in text.replace(few.text, "")
    assert other.text in text
    assert elsewhere.text not in text


def test_weights_are_shown_without_pictures(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    workspace.set_images(None)
    scenes.play(workspace, scenes.weight_events(workspace.layers))
    made, asked = built(workspace, theme, qtbot)
    workspace.select_layer(LAYER)
    settle()
    assert made.channels.weights.spectrum.isVisible()
    qtbot.waitUntil(lambda: len(asked) == 1)
    (request,) = asked
    assert request.images is not None
    assert request.images.location.startswith("noise:")
    layer = next(layer for layer in workspace.layers if layer.name == LAYER)
    events = (Started(request) if isinstance(event, Started) else event for event in scenes.activation_events(layer, 0))
    scenes.play(workspace, events, purpose="glance")
    settle()
    weights = made.channels.weights
    assert weights.histogram.isVisible()
    assert weights.filters.isVisible()
    assert "Filter of channel 0" in weights.filter_title.words
    assert not made.channels.grid.isVisible()  # maps of noise would say nothing
    assert not made.channels.lists.isVisible()
    assert not made.channels.measure.isVisible()
    asked.clear()
    made.invalidate()
    settle()
    assert not asked
