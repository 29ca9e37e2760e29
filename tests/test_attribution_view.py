from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from analysis.events import Chunk, Finished, Outcome
from analysis.figures import FigureSpec, make_sheet, save
from analysis.figures.redraw import table
from analysis.figures.sheet import Tiles
from analysis.problems import AnalysisError
from analysis.request import ImageSource
from app.drawing.map_image import MapScale, map_image, picture_image, signed_overlay
from app.reading import attribution_asking as asking
from app.reading import attribution_reading as reading
from app.reading import numbers
from app.reading.attribution_reading import Wish
from app.theme import Theme
from app.views.attribution import AttributionView
from app.workspace import Workspace
from tests import scenes
from tests.gestures import settle, show, theme

__all__ = ["theme"]


def built(workspace: Workspace, theme: Theme, qtbot: QtBot) -> AttributionView:
    view = AttributionView(workspace, theme)
    qtbot.addWidget(view)
    show(view)
    return view


@pytest.fixture
def view(theme: Theme, qtbot: QtBot) -> AttributionView:
    return built(scenes.full(), theme, qtbot)


def titles(view: AttributionView) -> list[str]:
    return [pane.title for pane in view.board.panes]


def test_it_shows_the_picture_beside_what_was_computed(view: AttributionView) -> None:
    assert titles(view) == ["Picture", "Saliency", "Integrated gradients", "Grad-CAM"]
    assert view.form.picture.text() == "picture #12"
    said = view.summary.text.replace("\xa0", " ")
    assert said == "predicted cat, confidence 83.0 % · label dog · explained: cat, score 7.25"
    assert "each map has its own colour scale" in view.facts.text
    view.workspace.select_sample(12)
    settle()
    assert view.form.picture.text() == "picture #12"


def test_a_delta_is_said_in_words_and_only_where_there_is_one(view: AttributionView) -> None:
    captions = [pane.caption.replace("\xa0", " ") for pane in view.board.panes]
    assert captions == ["", "", "delta 3.1 %: fair", ""]
    assert view.board.panes[2].verdict == "fair"
    assert "difference 6.5" in view.board.panes[2].tip


def test_an_algorithm_that_was_not_computed_says_so(view: AttributionView) -> None:
    view.form.boxes["deep_lift"].click()
    view.form.boxes["saliency"].click()
    settle()
    assert titles(view) == ["Picture", "Integrated gradients", "DeepLift", "Grad-CAM"]
    assert "Not computed" in view.board.panes[2].note


def test_scales_are_shared_or_not_and_it_is_said(view: AttributionView) -> None:
    own = [pane.reach for pane in view.board.panes[1:]]
    assert len(set(own)) == 3
    view.form.shared.click()
    settle()
    shared = {pane.reach for pane in view.board.panes[1:]}
    assert len(shared) == 1
    assert min(own) < shared.pop() <= max(own)
    assert "one colour scale for all maps" in view.facts.text


def test_the_other_choices_are_told_from_what_is_shown(view: AttributionView) -> None:
    assert not view.badges.isVisible()
    view.form.steps.setValue(100)
    settle()
    assert "another steps" in view.badges.text
    view.form.baseline.setCurrentIndex(1)
    settle()
    assert "another baseline and steps" in view.badges.text


def test_explaining_asks_for_what_is_chosen(view: AttributionView) -> None:
    wanted: list[object] = []
    view.workspace.run_wanted.connect(wanted.append)
    view.form.set_wish(Wish(("deep_lift", "grad_cam"), "dog", "layer3.0.conv2", "blur", 80))
    view.form.explain.click()
    (request,) = wanted
    assert dict(request.params) == {  # type: ignore[attr-defined]
        "algorithms": "deep_lift,grad_cam",
        "samples": "12",
        "target": "dog",
        "layer": "layer3.0.conv2",
        "baseline": "blur",
        "steps": 80,
    }
    assert request.limit == 0  # type: ignore[attr-defined]


def test_without_an_algorithm_nothing_can_be_explained(view: AttributionView) -> None:
    for box in view.form.boxes.values():
        box.setChecked(False)
    settle()
    assert not view.form.explain.isEnabled()
    view.explain()
    assert titles(view) == ["Picture"]


def test_a_class_is_found_by_typing(view: AttributionView) -> None:
    line = view.form.target.lineEdit()
    assert line is not None
    line.setText("DOG")  # not key by key: the list of suggestions is a window of its own
    assert view.form.wish.target == "dog"
    completer = view.form.target.completer()
    completer.setCompletionPrefix("rog")
    assert completer.currentCompletion() == "frog"


def test_steps_go_to_the_pictures_beside(view: AttributionView) -> None:
    view.form.after.click()
    settle()
    assert view.workspace.selection.sample == 13
    assert "has not been explained yet" in view.board.note
    view.setFocus()
    QTest.keyClick(view, Qt.Key.Key_Left)
    settle()
    assert view.workspace.selection.sample == 12
    assert titles(view)[0] == "Picture"
    view.workspace.select_sample(999)
    settle()
    view.workspace.select_sample(0)
    settle()
    assert not view.form.before.isEnabled()


def test_another_picture_is_explained_quietly_once(theme: Theme, qtbot: QtBot) -> None:
    from analysis.methods import attribution

    workspace = scenes.full()
    workspace.set_methods((attribution.INFO,))
    view = built(workspace, theme, qtbot)
    asked: list[object] = []
    workspace.glance_wanted.connect(asked.append)
    workspace.select_sample(40)
    settle()
    view.invalidate()
    settle()
    assert len(asked) == 1
    assert dict(asked[0].params)["samples"] == "40"  # type: ignore[attr-defined]
    view.form.boxes["occlusion"].setChecked(True)
    view.form.steps.setValue(2000)  # now it would take long
    workspace.select_sample(41)
    settle()
    assert len(asked) == 1


def test_maps_appear_as_they_arrive_and_the_run_can_be_cancelled(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    view = built(workspace, theme, qtbot)
    assert "Press Explain" in view.board.note
    assert view.form.explain.isEnabled()
    events = list(scenes.attribution_events())
    stop = next(i for i, e in enumerate(events) if isinstance(e, Chunk) and e.name == "attribution") + 2
    run = scenes.play(workspace, iter(events), steps=stop)
    settle()
    assert [pane.note for pane in view.board.panes] == ["", "", "…", "…"]
    assert view.form.cancel.isVisible()
    assert not view.form.explain.isVisible()
    stopped: list[int] = []
    workspace.cancel_wanted.connect(stopped.append)
    view.form.cancel.click()
    assert stopped == [run.number]  # this one, whatever else is being computed
    workspace.apply(run.number, Finished(Outcome.CANCELLED))
    workspace.announce(run.number)
    settle()
    assert view.form.explain.isVisible()
    assert "cancelled" in view.badges.text
    assert "Ended before" in view.board.panes[2].note


def test_a_run_of_other_pictures_is_not_shown(view: AttributionView) -> None:
    view.workspace.set_images(ImageSource("demo:train"))
    settle()
    assert titles(view) == []
    assert "Press Explain" in view.board.note
    assert view.form.picture.text() == "picture #0"


def test_pointing_at_a_map_tells_the_value_there(view: AttributionView) -> None:
    board = view.board
    values = board.panes[1].values
    assert values is not None
    place = board.place(1)
    step = place.width() / values.shape[1]
    at = QPointF(place.left() + 5.5 * step, place.top() + 7.5 * step)
    assert board.pixel_at(1, at) == (7, 5)
    assert f"row 7, column 5: {numbers.short(abs(values[7, 5]))}\n" in board.tip_at(at)  # a magnitude has no sign
    signed = board.panes[2].values
    assert signed is not None
    said = board.tip_at(at + board.place(2).topLeft() - place.topLeft())
    assert f"row 7, column 5: {'+' if signed[7, 5] > 0 else '−'}{numbers.short(abs(signed[7, 5]))}\n" in said
    assert board.tip_at(QPointF(1, 1)) == ""


def test_panes_do_not_overlap_and_stay_inside(view: AttributionView) -> None:
    for size in ((777, 620), (300, 900), (1500, 300)):
        view.board.resize(*size)
        places = [view.board.place(i) for i in range(len(view.board.panes))]
        for i, one in enumerate(places):
            assert one.left() >= 0
            assert one.right() <= size[0] + 1
            assert not any(one.intersects(other) for other in places[:i])


def test_the_arrangement_is_kept(view: AttributionView, theme: Theme, qtbot: QtBot) -> None:
    view.form.set_wish(Wish(("occlusion",), "truck", "layer2.0.conv1", "white", 10))
    view.form.opacity.setValue(35)
    again = built(scenes.full(), theme, qtbot)
    again.restore(view.state())
    settle()
    assert again.form.wish == view.form.wish
    assert again.form.opacity.value() == 35
    again.restore({"algorithms": ["nonsense"], "steps": "many", "opacity": None})
    assert again.form.wish.algorithms == reading.DEFAULT


# -- figure ------------------------------------------------------------------------------------------------------------


def test_the_figure_holds_the_same_maps(view: AttributionView, tmp_path: Path) -> None:
    view.form.shared.click()
    spec = view.figure_spec()
    assert spec is not None
    run = next(run for run in view.workspace.runs.values() if str(run.folder) == spec.runs[0])
    sheet = make_sheet(spec, [run.result])
    (tiles,) = sheet.panels[0].marks
    assert isinstance(tiles, Tiles)
    np.testing.assert_array_equal(tiles.overlays[0], run.result["attribution"][0, 0])
    assert tiles.reaches == tuple(pane_reach(view))
    assert tiles.captions == ("", "delta 3.1 %: fair", "")
    assert "picture #12: explained cat" in sheet.panels[0].title
    lines = table(sheet).splitlines()
    assert len(lines) == 1 + (3 + 3) * 24 * 24  # red, green and blue, and three maps
    for ending in (".svg", ".png"):
        save(spec, [run.result], tmp_path / f"one{ending}")
        save(spec, [run.result], tmp_path / f"two{ending}")
        assert (tmp_path / f"one{ending}").read_bytes() == (tmp_path / f"two{ending}").read_bytes()


def pane_reach(view: AttributionView) -> list[float]:
    maps = reading.explanation(view.workspace, -1)
    assert maps is not None
    return list(reading.reaches(maps.maps(), shared=True))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((("picture", "7"),), "does not explain the picture '7'"),
        ((("algorithms", "lime"),), "no attribution by 'lime'"),
    ],
)
def test_a_figure_of_what_is_not_there_is_refused(
    view: AttributionView, options: tuple[tuple[str, str], ...], words: str
) -> None:
    run = view.workspace.latest("attribution")
    assert run is not None
    with pytest.raises(AnalysisError, match=words):
        make_sheet(FigureSpec("attribution", ("x",), options), [run.result])


# -- colours -----------------------------------------------------------------------------------------------------------


def test_signs_have_their_colours_and_zero_is_clear(theme: Theme) -> None:
    image = signed_overlay(np.array([[1.0, 0.0, -0.5, np.nan, 9.0]]), 1.0, 0.8, theme)
    colors = [image.pixelColor(x, 0) for x in range(5)]
    assert [color.alpha() for color in colors] == [204, 0, 102, 0, 204]
    assert colors[0].rgb() == theme.color("bundles").rgb()
    assert colors[2].rgb() == theme.color("rank").rgb()


def test_a_scale_begins_at_zero_or_is_symmetric_about_it(theme: Theme) -> None:
    assert MapScale.of(np.array([0.5, 3.0])) == MapScale(0.0, 3.0, False)
    assert MapScale.of(np.array([-4.0, 1.0])) == MapScale(-4.0, 4.0, True)
    assert MapScale.of(np.array([np.nan])) == MapScale(0.0, 1.0, False)
    scale = MapScale(-1.0, 1.0, True)
    assert scale.places(np.array([-1.0, 0.0, 1.0, 5.0])).tolist() == [0, 128, 255, 255]
    image = map_image(np.array([[-1.0, 0.0, 1.0]]), scale, scale.table(theme))
    blue, middle, red = (image.pixelColor(x, 0) for x in range(3))
    assert blue.rgb() == theme.color("rank").rgb()
    assert red.rgb() == theme.color("bundles").rgb()
    assert abs(middle.lightness() - theme.color("raised").lightness()) < 6


def test_pictures_keep_their_colours_and_fade_to_grey() -> None:
    picture = np.zeros((3, 1, 2))
    picture[0] = 1.0
    assert picture_image(picture).pixelColor(0, 0) == QColor(255, 0, 0)
    faded = picture_image(picture, QColor(255, 255, 255)).pixelColor(0, 0)
    assert faded.red() == faded.green() == faded.blue() == round(255 * (0.5 / 3 + 0.5))
    assert picture_image(np.full((1, 2, 2), 0.5)).format() == QImage.Format.Format_RGB888


def test_seconds_grow_with_the_steps() -> None:
    workspace = scenes.opened()
    few, many = (asking.seconds(workspace, Wish(("integrated_gradients",), steps=steps)) for steps in (10, 100))
    assert many == pytest.approx(10 * few)
    assert asking.seconds(workspace, replace(Wish(), algorithms=("saliency",))) < few
