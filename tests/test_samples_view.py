"""The Samples tab: filters, one selection, words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from analysis.edits import Edits
from analysis.events import Chunk
from analysis.request import ImageSource
from app.reading.samples import Wish
from app.theme import Theme
from app.views.evaluate import EvaluateView
from app.views.samples import SamplesView
from app.workspace import SampleFilter, Workspace
from tests import scenes
from tests.gestures import click, settle, show, theme
from tests.sample_scenes import demo_run, run_events, view_of, wait

__all__ = ["theme"]


@pytest.fixture
def view(theme: Theme, qtbot: QtBot) -> SamplesView:
    return view_of(theme, qtbot, "demo:test", demo_run())


def test_counts_say_what_is_shown(view: SamplesView) -> None:
    assert view.summary.text == "2,000 pictures · 400 right, 100 wrong · 1,500 not in this run"
    view.wishes.show_wish(Wish(verdict="wrong", low=0.6))
    view.wishes.changed.emit()
    settle()
    assert view.summary.text.startswith("49 of 2,000 pictures · 0 right, 49 wrong")
    view.wishes.show_wish(Wish(words="no such class"))
    view.wishes.changed.emit()
    settle()
    assert view.summary.text.startswith("No picture fits")


def test_a_click_selects_everywhere_and_a_selection_is_shown(view: SamplesView) -> None:
    grid, workspace = view.grid, view.workspace
    workspace.select_layer("conv1")
    place = grid.visualRect(grid.samples.index(2)).center()
    click(grid.viewport(), place)
    assert workspace.selection.sample == 2
    assert workspace.selection.layer == "conv1"
    assert "Prediction" in view.card.facts.text()
    click(grid.viewport(), grid.visualRect(grid.samples.index(0)).center(), Qt.KeyboardModifier.ControlModifier)
    assert workspace.selection.pictures == (0, 2)
    workspace.select_sample(1000)
    settle()
    assert [index.row() for index in grid.selectedIndexes()] == [1000]
    assert grid.visualRect(grid.samples.index(1000)).intersects(grid.viewport().rect())
    workspace.step_back()
    settle()
    assert sorted(index.row() for index in grid.selectedIndexes()) == [0, 2]


def test_arrow_keys_walk_through_rows_and_columns(view: SamplesView) -> None:
    grid = view.grid
    view.workspace.select_sample(0)
    settle()
    grid.setFocus()
    for key, expected in ((Qt.Key.Key_Right, 1), (Qt.Key.Key_Down, 1 + grid.columns()), (Qt.Key.Key_Left, None)):
        QTest.keyClick(grid, key)
        settle()
        assert expected is None or view.workspace.selection.sample == expected
    QTest.keyClick(grid, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    settle()
    assert len(view.workspace.selection.pictures) == 2


def test_a_filter_from_elsewhere_has_a_name_and_an_end(view: SamplesView) -> None:
    assert not view.chip.isVisible()
    view.workspace.filter_samples(SampleFilter("bundle 3 of layer1.0", np.array([4, 10, 700])))
    settle()
    assert view.grid.samples.places.tolist() == [4, 10, 700]
    assert "bundle 3 of layer1.0 (3)" in view.chip.text()
    view.chip.click()
    settle()
    assert view.workspace.sample_filter is None
    assert len(view.grid.samples.places) == 2000


def test_other_pictures_end_the_filter(qapp: Any) -> None:
    workspace = Workspace()
    workspace.filter_samples(SampleFilter("x", np.array([1])))
    workspace.set_images(ImageSource("noise:10"))
    assert workspace.sample_filter is None


def test_without_predictions_what_needs_them_says_so(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(theme, qtbot, "demo:test")
    view.wishes.show_wish(Wish(verdict="wrong", low=0.5, order="loss"))
    view.wishes.changed.emit()
    settle()
    assert len(view.grid.samples.places) == 2000  # a wish that cannot be judged hides nothing
    assert not view.wishes.verdict.isEnabled()
    assert "measure" in view.wishes.verdict.toolTip()
    assert view.offer.isVisible()
    asked: list[str] = []
    view.workspace.run_wanted.connect(lambda request: asked.append(request.method))
    view.offer.pressed.emit()
    assert asked == ["evaluate"]
    scenes.play(view.workspace, demo_run(), folder="runs/x")
    settle()
    assert view.wishes.verdict.isEnabled()
    assert not view.offer.isVisible()
    assert len(view.grid.samples.places) == int(np.sum(view.grid.samples.table.right[view.grid.samples.places] == 0))  # type: ignore[union-attr]


def test_what_arrives_after_the_predictions_is_read_too(theme: Theme, qtbot: QtBot) -> None:
    events = list(run_events([0, 1], [1, 1], [0.5, 0.6], images=ImageSource("demo:test")))
    chunks = {event.name: event for event in events if isinstance(event, Chunk)}
    view = view_of(theme, qtbot, "demo:test", iter(events[:3]))  # all but the chunks and the end
    run = view.workspace.latest("evaluate")
    assert run is not None
    for name in ("prediction", "confidence", "sample_loss", "label"):
        view.workspace.apply(run.number, chunks[name])
        view.workspace.announce(run.number)
        settle()  # drawn after every single array
    table = view.table
    assert table is not None
    assert table.right[:2].tolist() == [0, 1]
    assert table.confidence[:2].tolist() == [0.5, 0.6]
    assert np.isfinite(table.loss[:2]).all()
    assert "1 right, 1 wrong" in view.summary.text


def test_pictures_that_cannot_be_opened_are_one_sentence(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    workspace.set_images(ImageSource("no/such/folder"))
    view = SamplesView(workspace, theme)
    qtbot.addWidget(view)
    show(view)
    wait(lambda: "cannot be opened" in view.empty.text)
    assert "no/such/folder" in view.empty.text


def test_a_cell_of_the_confusion_matrix_opens_its_pictures(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    workspace.set_images(ImageSource("demo:test"))
    run = scenes.play(workspace, scenes.accuracy_events(), folder="runs/x")
    view = EvaluateView(workspace, theme)
    qtbot.addWidget(view)
    show(view)
    wanted: list[str] = []
    view.view_wanted.connect(wanted.append)
    view.matrix.double_clicked.emit(5.0, -3.0)
    chosen = workspace.sample_filter
    assert wanted == ["samples"]
    assert chosen is not None
    assert chosen.name == "cat → dog"
    assert len(chosen.places) == run.result["confusion"][3, 5]


def test_other_pictures_end_the_selection_and_its_past(qapp: Any) -> None:
    workspace = scenes.opened()
    workspace.set_images(ImageSource("noise:10"))
    workspace.select_layer("conv1")
    workspace.select_sample(3, (3, 5))
    workspace.select_sample(4)
    told: list[int] = []
    workspace.selection_changed.connect(lambda: told.append(workspace.selection.sample))
    workspace.set_images(ImageSource("noise:10", mean=(0.5,)))  # the same pictures, prepared in another way
    assert workspace.selection.sample == 4
    assert workspace.can_step_back
    assert not told
    workspace.set_images(ImageSource("noise:20"))
    assert (workspace.selection.sample, workspace.selection.samples, workspace.selection.bundle) == (-1, (), None)
    assert workspace.selection.layer == "conv1"
    assert not workspace.can_step_back
    assert told == [-1]


def test_a_newer_run_on_other_pictures_does_not_hide_the_one_on_these(view: SamplesView) -> None:
    first = view._run()
    newer = run_events([0, 1], [1, 1], [0.5, 0.6], images=ImageSource("demo:train"))
    scenes.play(view.workspace, newer, folder="runs/y")
    settle()
    assert view.workspace.latest("evaluate") is not first
    assert view._run() is first
    assert view.summary.text.startswith("2,000 pictures · 400 right, 100 wrong")
    view.workspace.set_images(ImageSource("demo:train"))
    settle()
    wait(lambda: view.thumbnails.pictures is not None)
    settle()
    assert view._run() is view.workspace.latest("evaluate")
    assert "1 right, 1 wrong" in view.summary.text


def test_answers_of_an_edit_that_was_taken_back_go_with_it(view: SamplesView) -> None:
    first = view._run()
    edits = Edits(widths=(("conv1", 8),))
    events = run_events([0, 1], [1, 1], [0.5, 0.6], images=ImageSource("demo:test"))
    later = scenes.play(view.workspace, events, folder="runs/e")
    later.request = replace(later.request, edits=edits)
    view.workspace.set_edits(edits)
    assert view._run() is later
    view.workspace.set_edits(Edits())
    assert view._run() is first


def test_filters_of_label_and_prediction_make_a_cell_of_the_confusion_matrix(view: SamplesView) -> None:
    table = view.table
    assert table is not None
    view.wishes.label.choose(3)
    view.wishes.prediction.choose(4)
    view.wishes.changed.emit()
    settle()
    shown = view.grid.samples.places
    assert shown.tolist() == np.flatnonzero((table.labels == 3) & (table.predictions == 4)).tolist()
    assert view.grid.samples.caption(int(shown[0])) == f"{table.label_name(int(shown[0]))} → class 4"
    assert view.state()["prediction"] == 4
    view.restore({"prediction": 5})
    settle()
    assert view.wishes.prediction.currentText() == "class 5"


def test_controls_stand_in_one_row_where_there_is_room_and_never_widen_the_window(view: SamplesView) -> None:
    least = view.minimumSizeHint().width()
    assert least < 752
    assert not view.wishes.wide
    for width, wide in ((1500, True), (752, False), (1500, True)):
        view.resize(width, 620)
        settle()
        assert view.wishes.wide == wide
        assert view.minimumSizeHint().width() == least
        parts = (view.wishes.search, view.wishes.verdict, view.wishes.high, view.wishes.falling)
        assert all(part.isVisible() and part.width() > 10 for part in parts)
        assert (view.wishes.verdict.y() < view.wishes.high.mapTo(view.wishes, view.wishes.rect().topLeft()).y()) == (
            not wide
        )


def test_a_filter_on_50_000_pictures_reads_and_paints_only_what_is_seen(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(theme, qtbot, "noise:50000")
    asked: list[int] = []
    caption = view.grid.samples.words
    view.grid.samples.words = lambda place: asked.append(place) or caption(place)  # type: ignore[method-assign, func-returns-value]
    table = view.table
    view.workspace.filter_samples(SampleFilter("every second one", np.arange(0, 50_000, 2)))
    settle()
    view.grid.verticalScrollBar().setValue(view.grid.verticalScrollBar().maximum() // 2)
    settle()
    assert view.grid.samples.rowCount() == 25_000
    assert view.table is table
    assert 0 < len(asked) < 1000
    assert all(place % 2 == 0 for place in asked)
