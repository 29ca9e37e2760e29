"""What the attribution tab says: before anything is asked, of a failure, of maps and their channels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from analysis.events import Chunk, Declared, Event, Finished, Outcome, Output, Started
from analysis.problems import Problem, RunWarning
from analysis.request import ModelSource
from app.reading import activation_reading
from app.reading import attribution_answers as answers
from app.reading import attribution_asking as asking
from app.reading import attribution_reading as reading
from app.reading.attribution_wish import Wish
from app.theme import Theme
from tests import scenes
from tests.attribution_scenes import asked_of, built, explained, view
from tests.gestures import settle, theme

__all__ = ["theme", "view"]


# -- before anything is explained --------------------------------------------------------------------------------------


def test_a_failure_is_said_beside_the_form_and_can_be_mended(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    view = built(workspace, theme, qtbot)
    request = asking.request(workspace, view.form.wish, 0)
    problem = Problem("No layer of the network has maps.", "Choose saliency.")
    scenes.play(workspace, iter([Started(request), Finished(Outcome.FAILED, problem=problem)]))
    settle()
    assert "No layer of the network has maps. Choose saliency." in view.board.note
    assert view.form.isVisible()
    view.form.boxes["grad_cam"].click()
    settle()
    assert "No layer" not in view.board.note
    assert "Press Explain" in view.board.note
    wanted = asked_of(view)
    view.form.explain.click()
    assert wanted[0]["algorithms"] == "saliency,integrated_gradients"


def test_how_long_a_picture_takes_is_said_in_words_for_times(monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = scenes.opened()
    for seconds, words in ((0.2, "about 1 s on cpu"), (220, "about 4 min on cpu"), (3900, "about 1 h 05 min on cpu")):
        monkeypatch.setattr(asking, "seconds", lambda *_, seconds=seconds: seconds)
        assert words in answers.lack_words(workspace, Wish(), 3, None)


def test_without_maps_layered_algorithms_are_withheld_with_the_reason(theme: Theme, qtbot: QtBot) -> None:
    flat = tuple(replace(row, shape=(row.shape[0],), kind="linear") for row in scenes.network()[1:5])
    view = built(scenes.opened(flat), theme, qtbot)
    form = view.form
    assert form.wish.algorithms == ("saliency", "integrated_gradients")
    for name in asking.LAYERED:
        assert not form.boxes[name].isEnabled()
        assert "No layer of this network has maps" in form.boxes[name].toolTip()
    assert form.layer.currentText() == "none has maps"
    other = scenes.opened()
    view.workspace.set_model(ModelSource("another"))
    scenes.play(view.workspace, scenes.structure_events(other.layers, ModelSource("another")), purpose="open")
    settle()
    assert form.wish.algorithms == reading.DEFAULT
    assert form.layer.currentText() == "last with maps"


def test_a_class_and_a_layer_of_another_network_are_given_up(theme: Theme, qtbot: QtBot) -> None:
    view = built(explained(12), theme, qtbot)
    view.form.set_wish(Wish(target="truck", layer=asking.layers_of(view.workspace)[2]))
    view.workspace.set_model(ModelSource("another"))
    settle()
    assert view.form.wish.target == "predicted"
    rows = tuple(replace(row, name=f"other.{row.name}") for row in scenes.network())
    scenes.play(view.workspace, scenes.structure_events(rows), purpose="open")
    settle()
    assert view.form.wish.layer == ""


def test_a_class_that_is_none_is_told_before_it_is_asked_for(theme: Theme, qtbot: QtBot) -> None:
    view = built(explained(12), theme, qtbot)
    wanted = asked_of(view)
    line = view.form.target.lineEdit()
    assert line is not None
    line.setText("hors")
    line.editingFinished.emit()
    settle()
    assert "'hors' is no class of this network. Did you mean horse?" in view.badges.text
    assert "another target" not in view.badges.text
    assert not view.form.explain.isEnabled()
    view.explain()
    assert wanted == []
    view.form.set_wish(Wish(target="horse"))
    view.invalidate()
    settle()
    assert view.form.explain.isEnabled()
    assert "computed with another target" in view.badges.text
    assert asking.unknown_class("12", scenes.CLASSES, 10) == "There is no class 12: they go from 0 to 9."


def test_another_picture_can_be_asked_for_while_one_is_being_explained(theme: Theme, qtbot: QtBot) -> None:
    workspace = explained(12)
    view = built(workspace, theme, qtbot)
    running = scenes.play(workspace, scenes.attribution_events(40), steps=2)
    workspace.select_sample(40)
    settle()
    assert view.board.note == "Explaining picture #40 …"
    assert view.form.cancel.isVisible()
    workspace.select_sample(41)
    settle()
    assert "has not been explained yet" in view.board.note
    assert view.form.explain.isVisible()
    stopped: list[int] = []
    workspace.cancel_wanted.connect(stopped.append)
    view.cancel()
    assert stopped == []
    workspace.select_sample(40)
    view.cancel()
    assert stopped == [running.number]


def test_the_selected_layer_is_one_click_away(theme: Theme, qtbot: QtBot) -> None:
    view = built(explained(12), theme, qtbot)
    layer = asking.layers_of(view.workspace)[1]
    assert not view.form.use_layer.isVisible()
    view.workspace.select_layer(layer)
    settle()
    assert view.form.use_layer.isVisible()
    view.form.use_layer.click()
    settle()
    assert view.form.wish.layer == layer
    assert not view.form.use_layer.isVisible()


# -- what maps say -----------------------------------------------------------------------------------------------------


def conducted(values: np.ndarray, share: float = 0.0) -> Iterator[Event]:
    """The run of the scenes with layer conductance in place of Grad-CAM."""
    names = ("saliency", "integrated_gradients", "layer_conductance")
    for event in scenes.attribution_events():
        match event:
            case Started(request=request):
                yield Started(replace(request, params=(("algorithms", ",".join(names)), ("samples", "12"))))
            case Declared(outputs=outputs):
                more = (
                    Output("channel_conductance", ("picture", "unit"), (1, len(values))),
                    Output("attribution_by_channel", ("algorithm", "picture", "channel", "y", "x"), (3, 1, 3, 24, 24)),
                )
                yield replace(event, outputs=(*outputs, *more), names=(("algorithm", names), *event.names[1:]))
                yield Chunk("channel_conductance", (0,), values)
                yield Chunk("attribution_by_channel", (0, 0), np.full((3, 24, 24), [[[0.5]], [[-0.25]], [[0.0]]]))
            case Chunk(name="convergence_delta"):
                yield replace(event, values=np.float64(6.5 * share))
            case _:
                yield event


def test_channels_that_weigh_most_are_named_and_lead_to_themselves(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    values = np.array([0.0, -3.0, 0.5, 2.0, np.float64(0)])
    scenes.play(workspace, conducted(values))
    view = built(workspace, theme, qtbot)
    assert not view.links.isVisible()
    view.form.set_wish(Wish(("saliency", "layer_conductance")))
    view.invalidate()
    settle()
    assert view.links.units.isVisible()
    found = reading.explanation(workspace, 12)
    assert found is not None
    assert found.maps()[-1].units(8) == ((1, -3.0), (3, 2.0), (2, 0.5))
    view.links.units.linkActivated.emit("3")
    assert (workspace.selection.layer, workspace.selection.channel) == ("layer3.2", 3)


def test_colours_of_a_pixel_are_told_with_their_signs(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    scenes.play(workspace, conducted(np.ones(4)))
    view = built(workspace, theme, qtbot)
    said = view.board.tip_at(view.board.place(1).center())
    assert "gradient by colour: red +0.500, green −0.250, blue 0" in said


@pytest.mark.parametrize(
    ("share", "steps", "offered"), [(0.2, 50, 200), (0.02, 50, 0), (0.2, 1900, 2000), (0.2, 2000, 0)]
)
def test_more_steps_are_offered_where_the_delta_is_poor(
    share: float, steps: int, offered: int, theme: Theme, qtbot: QtBot
) -> None:
    workspace = scenes.opened()
    scenes.play(workspace, conducted(np.ones(4), share))
    view = built(workspace, theme, qtbot)
    view.form.set_wish(Wish(steps=steps))
    view.invalidate()
    settle()
    assert view.links.more.isVisible() == bool(offered)
    if offered:
        wanted = asked_of(view)
        view.links.more.click()
        assert wanted[0]["steps"] == offered


def test_a_map_that_is_not_finite_says_so(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    events = [
        event
        for event in scenes.attribution_events()
        if not (isinstance(event, Chunk) and event.name == "attribution" and event.at[0] == 0)
    ]
    warning = RunWarning("non_finite", "Maps that are not finite.", ("Saliency of picture 12",))
    events[-1] = Finished(Outcome.COMPLETED, warnings=(warning,))
    scenes.play(workspace, iter(events))
    view = built(workspace, theme, qtbot)
    assert view.board.panes[1].note.startswith("Not finite")
    assert view.board.panes[2].note == ""


def test_old_quiet_explanations_go_but_none_that_is_shown(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    for place in range(activation_reading.KEPT + 6):
        scenes.play(workspace, scenes.attribution_events(place), purpose="glance")
    workspace.select_sample(2)
    view = built(workspace, theme, qtbot)
    for _ in range(3):
        settle()
    kept = sorted(
        int(run.result["place"][0]) for run in workspace.runs.values() if run.request.method == reading.METHOD
    )
    assert kept == [2, *range(6, activation_reading.KEPT + 6)]
    assert view.board.panes[0].title == "Picture"
