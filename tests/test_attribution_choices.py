"""What stands in the form of the attribution view, and which runs answer it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from analysis.catalogue import Value
from analysis.events import Chunk, Declared, Event, Finished, Outcome, Started
from analysis.figures import make_sheet
from analysis.figures.sheet import Tiles
from analysis.methods import attribution
from analysis.problems import Problem
from app.forms.attribution_form import AttributionForm
from app.reading import attribution_asking as asking
from app.reading import attribution_reading as reading
from app.reading.attribution_reading import Wish
from app.theme import Theme
from app.views.attribution import AttributionView
from app.workspace import Run, Workspace
from tests import scenes
from tests.gestures import settle, show, theme

__all__ = ["theme"]


@pytest.fixture
def form(theme: Theme, qtbot: QtBot) -> AttributionForm:
    made = AttributionForm(theme)
    qtbot.addWidget(made)
    made.set_names((), ())
    show(made, 777, 120)
    return made


@pytest.fixture
def view(theme: Theme, qtbot: QtBot) -> AttributionView:
    workspace = scenes.full()
    workspace.set_methods((attribution.INFO,))
    made = AttributionView(workspace, theme)
    qtbot.addWidget(made)
    show(made)
    return made


def write(form: AttributionForm, text: str, end: bool = True) -> None:
    """Write into the field of the class, key by key."""
    line = form.target.lineEdit()
    assert line is not None
    form.target.setCompleter(None)  # type: ignore[arg-type]  # its list would be a window of its own
    line.selectAll()
    QTest.keyClicks(line, text)
    if end:
        QTest.keyClick(line, Qt.Key.Key_Return)


def attributed(params: tuple[tuple[str, Value], ...], shift: float = 0.0, sample: int = 12) -> Iterator[Event]:
    """The run of the scenes under other algorithms and settings: every map is moved by a number."""
    names = str(dict(params)["algorithms"]).split(",")
    for event in scenes.attribution_events(sample):
        match event:
            case Started(request=request):
                yield Started(replace(request, params=(*params, ("samples", str(sample)))))
            case Declared(outputs=outputs):
                shaped = [
                    replace(one, shape=(len(names), *one.shape[1:])) if "algorithm" in one.dims else one
                    for one in outputs
                ]
                named = (("algorithm", tuple(names)), *event.names[1:])
                yield replace(event, outputs=tuple(shaped), names=named)
            case Chunk(name=name) if name in ("attribution", "attribution_sum", "convergence_delta"):
                if event.at[0] < len(names):
                    yield replace(event, values=event.values + shift)
            case _:
                yield event


def played(view: AttributionView, params: tuple[tuple[str, Value], ...], shift: float = 0.0, folder: str = "") -> Run:
    run = scenes.play(view.workspace, attributed(params, shift), folder=folder)
    settle()
    return run


def notes(view: AttributionView) -> dict[str, str]:
    return {pane.title: pane.note for pane in view.board.panes}


# -- the class ---------------------------------------------------------------------------------------------------------


def test_what_is_being_typed_stays_while_results_arrive(view: AttributionView) -> None:
    write(view.form, "tru", end=False)
    for _ in range(3):
        view.invalidate()
        settle()
    assert view.form.target.currentText() == "tru"
    assert view.form.wish.target == "predicted"  # what was chosen last
    view.form.set_names(("cat", "truck"), ())  # other classes become known meanwhile
    assert view.form.target.currentText() == "tru"


@pytest.mark.parametrize("classes", [(), ("cat", "dog")])
def test_a_class_can_be_chosen_by_its_number(form: AttributionForm, classes: tuple[str, ...]) -> None:
    form.set_names(classes, ("conv1",))
    write(form, "3")
    form.set_names(classes, ("conv1", "conv2"))
    assert form.wish.target == form.target.currentText() == "3"
    form.target.setCurrentIndex(0)
    form.target.activated.emit(0)
    assert form.wish.target == "predicted"


def test_explain_takes_what_has_been_typed(form: AttributionForm) -> None:
    write(form, "3", end=False)
    assert form.wish.target == "predicted"
    form.explain.click()
    assert form.wish.target == "3"


def test_a_class_that_other_networks_do_not_have_is_given_up(form: AttributionForm) -> None:
    form.set_names(("cat", "dog"), ("conv1",))
    form.set_wish(Wish(target="dog", layer="conv1"))
    form.set_names(("ant", "bee"), ("conv2",))
    assert (form.wish.target, form.wish.layer) == ("predicted", "")
    assert form.target.currentText() == "predicted class"


# -- settings ----------------------------------------------------------------------------------------------------------


def test_only_settings_that_a_map_depends_on_are_told_apart(view: AttributionView) -> None:
    view.form.set_wish(Wish(("saliency",), steps=100, baseline="blur", layer="layer2.0.conv1"))
    view.invalidate()
    settle()
    assert not view.badges.isVisible()
    assert "baseline" not in view.facts.text
    view.form.boxes["grad_cam"].setChecked(True)
    settle()
    assert "another layer:" in view.badges.text


def test_the_same_class_under_another_name_is_the_same(view: AttributionView) -> None:
    for target in ("cat", "3"):
        view.form.set_wish(Wish(target=target))
        view.invalidate()
        settle()
        assert not view.badges.isVisible()
    view.form.set_wish(Wish(target="dog"))
    view.invalidate()
    settle()
    assert "another target" in view.badges.text


def test_window_and_stride_of_occlusion_are_asked_for(view: AttributionView) -> None:
    form = view.form
    assert not form.side.isVisible()
    form.boxes["occlusion"].setChecked(True)
    settle()
    assert form.side.isVisible()
    assert form.side.text() == form.stride.text() == "auto"
    form.side.setValue(6)
    form.stride.setValue(2)
    params = form.wish.params(3)
    assert (params["window"], params["stride"]) == (6, 2)
    assert set(params) <= {param.name for param in attribution.INFO.params}
    form.boxes["occlusion"].setChecked(False)
    assert not {"window", "stride"} & set(form.wish.params(3))


def test_small_strides_take_longer() -> None:
    workspace = scenes.opened()
    usual, dense = (asking.seconds(workspace, Wish(("occlusion",), stride=stride)) for stride in (0, 1))
    assert dense / usual == pytest.approx((29 / 15) ** 2)  # 32 pixels: windows of 4, two or one pixel apart


# -- several runs ------------------------------------------------------------------------------------------------------


def test_maps_are_gathered_from_all_runs_of_the_same_question(view: AttributionView) -> None:
    played(view, (("algorithms", "occlusion"), ("window", 6)))
    view.form.set_wish(Wish((*reading.DEFAULT, "occlusion"), window=6))
    view.invalidate()
    settle()
    assert set(notes(view).values()) == {""}
    assert not view.badges.isVisible()
    view.form.boxes["deep_lift"].setChecked(True)
    settle()
    assert notes(view)["DeepLift"] == "Not computed. Press Explain."


def test_of_two_maps_the_one_with_the_wanted_settings_is_shown(view: AttributionView) -> None:
    more = played(view, (("algorithms", "integrated_gradients"), ("steps", 80)), shift=5.0)
    for steps, run in ((50, 0), (80, more.number)):
        view.form.steps.setValue(steps)
        settle()
        known = reading.explained_here(view.workspace)
        found = reading.newest(known, 12)
        assert found is not None
        shown = {item.algorithm.name: item for item in reading.gathered(known, found, view.form.wish)}
        assert (shown["integrated_gradients"].run.number == more.number) == bool(run)
        assert set(shown) == set(reading.DEFAULT)
        assert not view.badges.isVisible()


def test_another_class_is_not_mixed_in(view: AttributionView) -> None:
    events = [
        replace(event, values=np.asarray([7])) if isinstance(event, Chunk) and event.name == "target" else event
        for event in attributed((("algorithms", "occlusion"), ("target", "horse")))
    ]
    scenes.play(view.workspace, iter(events))
    view.form.set_wish(Wish(("saliency", "occlusion")))
    view.invalidate()
    settle()
    assert notes(view) == {"Picture": "", "Saliency": "", "Occlusion": "Not computed. Press Explain."}
    view.form.set_wish(Wish(("saliency", "occlusion"), target="horse"))
    view.invalidate()
    settle()
    assert notes(view) == {"Picture": "", "Saliency": "Not computed. Press Explain.", "Occlusion": ""}


# -- figure ------------------------------------------------------------------------------------------------------------


def test_the_figure_has_the_ticked_maps_of_all_runs(view: AttributionView) -> None:
    run = played(view, (("algorithms", "integrated_gradients,occlusion"), ("steps", 80)), 5.0, "runs/second")
    view.form.set_wish(Wish(("integrated_gradients", "occlusion", "grad_cam")))
    spec = view.figure_spec()
    assert spec is not None
    by_folder = {str(one.folder): one.result for one in view.workspace.runs.values()}
    sheet = make_sheet(spec, [by_folder[folder] for folder in spec.runs])
    (tiles,) = sheet.panels[0].marks
    assert isinstance(tiles, Tiles)
    assert tiles.names == ("Integrated gradients", "Occlusion", "Grad-CAM")
    first = view.workspace.latest("attribution")
    assert first is run
    np.testing.assert_array_equal(tiles.overlays[1], run.result["attribution"][1, 0])
    assert not np.array_equal(tiles.overlays[0], run.result["attribution"][0, 0])  # 50 steps are wanted
    assert sheet.note.count("resnet20") == 1


def test_maps_that_are_not_stored_have_a_reason_and_a_way_on(view: AttributionView) -> None:
    assert view.why_no_figure() == ""
    played(view, (("algorithms", "occlusion"),))
    view.form.set_wish(Wish(("saliency", "occlusion")))
    assert view.figure_spec() is None
    assert "Press Explain" in view.why_no_figure()
    view.form.boxes["occlusion"].setChecked(False)
    assert view.figure_spec() is not None


# -- what fails --------------------------------------------------------------------------------------------------------


def fail(workspace: Workspace, wish: Wish, place: int, problem: Problem) -> None:
    request = asking.request(workspace, wish, place)
    scenes.play(workspace, iter([Started(request), Finished(Outcome.FAILED, problem=problem)]), purpose="glance")
    settle()


def test_a_quiet_explanation_that_fails_says_why_and_is_not_repeated(view: AttributionView) -> None:
    asked: list[object] = []
    view.workspace.glance_wanted.connect(asked.append)
    view.workspace.select_sample(40)
    settle()
    assert len(asked) == 1
    fail(view.workspace, view.form.wish, 40, Problem("Picture 40 is damaged.", "Choose another."))
    assert "Picture 40 is damaged. Choose another." in view.board.note
    view.workspace.select_sample(41)
    settle()
    assert len(asked) == 2
    assert "damaged" not in view.board.note
    view.workspace.select_sample(40)
    settle()
    assert len(asked) == 2
    assert "Picture 40 is damaged." in view.board.note
