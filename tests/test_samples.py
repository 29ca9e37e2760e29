"""Samples: which pictures fit, in which order; a grid that decodes only what is seen; one picture closely."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from torch import Tensor, nn

from analysis import measure
from analysis.events import Chunk, Declared, Event, Finished, Outcome, Output, Prepared, Samples, Started
from analysis.pictures import PictureSet
from analysis.request import ImageSource, Preprocessing, Request
from analysis.result import Result
from app.browsing.grid import SamplesModel, fitted
from app.browsing.sample_card import preparation_words
from app.browsing.thumbnails import Thumbnails, image_of
from app.browsing.wish_row import wish_of
from app.reading.samples import Wish, fitting, guesses, sample_table
from app.theme import Theme
from app.views.evaluate import EvaluateView
from app.views.samples import SamplesView
from app.workspace import SampleFilter, Workspace
from tests import scenes
from tests.gestures import click, settle, show, theme

__all__ = ["theme"]
CLASSES = ("cat", "dog", "tabby cat")


def run_events(
    label: list[int], prediction: list[int], confidence: list[float], places: list[int] | None = None,
    images: ImageSource = scenes.IMAGES, names: tuple[str, ...] = CLASSES,
) -> Iterator[Event]:  # fmt: skip
    count = len(label)
    indices = None if places is None else np.array(places)
    yield Started(Request("evaluate", scenes.MODEL, images))
    yield Prepared("c" * 64, "net", samples=Samples(count, 1000, "s", images.location), indices=indices)
    outputs = {
        "label": np.array(label, dtype=np.int32),
        "prediction": np.array(prediction, dtype=np.int32),
        "confidence": np.array(confidence),
        "sample_loss": -np.log(np.array(confidence)),
    }
    yield Declared(
        tuple(Output(name, ("sample",), (count,), str(array.dtype)) for name, array in outputs.items()),
        names=(("class", names),),
    )
    for name, array in outputs.items():
        yield Chunk(name, (), array)
    yield Finished(Outcome.COMPLETED)


def pictures(labels: list[int] | None, count: int = 6) -> PictureSet:
    array = np.zeros((count, 4, 4, 3), dtype=np.uint8)
    return PictureSet("x.npz", array, None if labels is None else np.array(labels), ())


RUN = Result.of(run_events([0, 1, 2, 0], [0, 2, 2, 1], [0.9, 0.6, 0.8, 0.7], places=[0, 2, 3, 5]))
TABLE = sample_table(pictures([0, 0, 1, 2, 2, 0]), RUN)


# -- which pictures fit ----------------------------------------------------------------------------------------------


def test_a_run_on_some_pictures_is_aligned_by_their_places() -> None:
    assert TABLE.predictions.tolist() == [0, -1, 2, 2, -1, 1]
    assert TABLE.right.tolist() == [1, -1, 0, 1, -1, 0]
    assert TABLE.label_name(2) == "dog"
    assert TABLE.prediction_name(2) == "tabby cat"
    assert TABLE.prediction_name(1) == ""


@pytest.mark.parametrize(
    ("wish", "places"),
    [
        (Wish(), [0, 1, 2, 3, 4, 5]),
        (Wish(label=0), [0, 1, 5]),
        (Wish(verdict="right"), [0, 3]),
        (Wish(verdict="wrong"), [2, 5]),
        (Wish(low=0.65, high=0.85), [3, 5]),
        (Wish(words="cat"), [0, 1, 2, 3, 4, 5]),
        (Wish(words="tabby"), [2, 3, 4]),
        (Wish(words="dog"), [2, 5]),
        (Wish(words="bird"), []),
        (Wish(order="confidence"), [2, 5, 3, 0, 1, 4]),
        (Wish(order="confidence", falling=True), [0, 3, 5, 2, 1, 4]),
        (Wish(order="loss", falling=True, verdict="wrong"), [2, 5]),
        (Wish(falling=True, label=0), [5, 1, 0]),
    ],
)
def test_wishes(wish: Wish, places: list[int]) -> None:
    assert fitting(TABLE, wish).tolist() == places


def test_a_list_of_places_is_one_filter_among_others() -> None:
    among = np.array([5, 0, 99, 3])
    assert fitting(TABLE, Wish(), among).tolist() == [0, 3, 5]
    assert fitting(TABLE, Wish(verdict="right"), among).tolist() == [0, 3]


@settings(max_examples=50, deadline=None)
@given(
    st.integers(-1, 2), st.sampled_from(["all", "right", "wrong"]), st.floats(0, 1), st.floats(0, 1),
    st.sampled_from(["place", "confidence", "loss"]), st.booleans(),
)  # fmt: skip
def test_wishes_agree_with_a_plain_loop(
    label: int, verdict: str, low: float, high: float, order: str, falling: bool
) -> None:
    wish = Wish(label, verdict, low, high, "", order, falling)
    found = fitting(TABLE, wish).tolist()
    expected = {
        place
        for place in range(6)
        if (label < 0 or TABLE.labels[place] == label)
        and (verdict == "all" or TABLE.right[place] == (verdict == "right"))
        and ((low <= 0 and high >= 1) or low <= TABLE.confidence[place] <= high)
    }
    assert set(found) == expected
    assert len(found) == len(expected)


def test_without_a_run_labels_are_known_and_nothing_else() -> None:
    table = sample_table(pictures([0, 1, 1, 0, 0, 1]), None)
    assert not table.measured
    assert fitting(table, Wish(label=1)).tolist() == [1, 2, 5]
    assert guesses(table, None, 0) == ()


def test_a_run_on_other_pictures_is_left_out() -> None:
    assert not sample_table(pictures(None, count=3), RUN).measured


def test_pictures_without_labels_take_those_of_the_run() -> None:
    table = sample_table(pictures(None), RUN)
    assert table.labels.tolist() == [0, -1, 1, 2, -1, 0]
    assert table.label_name(3) == "tabby cat"


# -- the numbers come from the engine --------------------------------------------------------------------------------


class Reader(nn.Module):
    """Gives the first numbers of a picture as its class scores."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)[:, :7] * self.scale


def test_the_most_likely_classes_are_those_of_a_full_softmax() -> None:
    scores = torch.randn(40, 1, 1, 7, generator=torch.Generator().manual_seed(1))
    labels = np.arange(40) % 7
    result = measure("evaluate", Reader(), scores, labels=labels, batch=9)
    shares = torch.softmax(scores.flatten(1).double(), 1).numpy()
    order = np.argsort(-shares, axis=1, kind="stable")[:, :5]
    assert np.array_equal(result["top_class"], order)
    assert result["top_share"] == pytest.approx(np.take_along_axis(shares, order, axis=1))
    assert np.array_equal(result["top_class"][:, 0], result["prediction"])
    assert result["sample_loss"] == pytest.approx(-np.log(shares[np.arange(40), labels]))
    assert result["sample_loss"].mean() == pytest.approx(result.value("loss"))
    found = guesses(sample_table(pictures(None, 40), result), result, 3)
    assert [guess.share for guess in found] == pytest.approx(np.sort(shares[3])[::-1][:5])
    assert [guess.right for guess in found] == (order[3] == labels[3]).tolist()


def test_equal_outputs_keep_the_order_of_the_classes() -> None:
    result = measure("evaluate", Reader(), torch.zeros(3, 1, 1, 7), labels=[0, 1, 2])
    assert result["top_class"].tolist() == [[0, 1, 2, 3, 4]] * 3


# -- thumbnails ------------------------------------------------------------------------------------------------------


def wait(until: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not until():
        QApplication.processEvents()
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.002)


def still(thumbnails: Thumbnails) -> None:
    """Wait until nothing more is decoded."""
    before = -1
    while before != thumbnails.decoded:
        before = thumbnails.decoded
        end = time.monotonic() + 0.15
        wait(lambda end=end: time.monotonic() > end)


def view_of(theme: Theme, qtbot: QtBot, location: str, run: Iterator[Event] | None = None) -> SamplesView:
    workspace = scenes.opened()
    workspace.set_images(ImageSource(location))
    if run is not None:
        scenes.play(workspace, run, folder="runs/x")
    made = SamplesView(workspace, theme)
    qtbot.addWidget(made)
    show(made, 752, 620)
    wait(lambda: made.thumbnails.pictures is not None)
    settle()
    return made


def test_of_50_000_pictures_only_what_is_seen_is_decoded(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(theme, qtbot, "noise:50000")
    grid, thumbnails = view.grid, view.thumbnails
    assert grid.samples.rowCount() == 50_000
    first, last = grid.seen(1)
    wait(lambda: all(thumbnails.get(int(place)) is not None for place in grid.samples.places[first:last]))
    still(thumbnails)
    assert 0 < thumbnails.decoded <= last - first < 80
    for share in (0.25, 0.5, 0.75, 1.0):  # one quick drag of the scroll bar to the end
        grid.verticalScrollBar().setValue(round(share * grid.verticalScrollBar().maximum()))
        settle()
    first, last = grid.seen(1)
    assert last == 50_000
    wait(lambda: all(thumbnails.get(int(place)) is not None for place in grid.samples.places[first:last]))
    assert thumbnails.decoded < 5 * 80


def test_what_is_seen_is_what_the_grid_paints(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(theme, qtbot, "noise:3000")
    grid = view.grid
    for value in (0, 137, 5000):
        grid.verticalScrollBar().setValue(value)
        settle()
        first, last = grid.seen()
        touched = [
            row
            for row in range(max(0, first - 40), min(3000, last + 40))
            if grid.visualRect(grid.samples.index(row)).intersects(grid.viewport().rect())
        ]
        assert touched
        assert (first, last) == (touched[0], touched[-1] + 1)


def test_memory_is_bounded_and_the_oldest_go_first(qtbot: QtBot) -> None:
    room = 40 * 32 * 32 * 3
    thumbnails = Thumbnails(most_bytes=room)
    thumbnails.open("noise:500", (3, 32, 32))
    wait(lambda: thumbnails.pictures is not None)
    for start in range(0, 400, 20):
        wanted = range(start, start + 20)
        thumbnails.want(wanted)
        wait(lambda wanted=wanted: all(thumbnails.get(place) is not None for place in wanted))
        assert thumbnails.size[1] <= room
    assert thumbnails.get(0) is None
    assert thumbnails.get(399) is not None
    decoded = thumbnails.decoded
    thumbnails.want([399])
    still(thumbnails)
    assert thumbnails.decoded == decoded  # still there: not decoded again
    thumbnails.close()


def test_what_is_no_longer_wanted_is_not_decoded(qtbot: QtBot) -> None:
    thumbnails = Thumbnails()
    thumbnails.open("noise:100000", (3, 64, 64))
    wait(lambda: thumbnails.pictures is not None)
    thumbnails.want(range(90_000))
    thumbnails.want([99_999])
    wait(lambda: thumbnails.get(99_999) is not None)
    still(thumbnails)
    assert thumbnails.decoded < 1000
    thumbnails.close()


def test_a_damaged_picture_is_a_tile_that_says_so(theme: Theme, qtbot: QtBot, tmp_path: Path) -> None:
    from PIL import Image

    for number in range(3):
        Image.fromarray(np.full((8, 8, 3), 40 * number, np.uint8)).save(tmp_path / f"{number}.png")
    (tmp_path / "1.png").write_bytes(b"no picture")
    view = view_of(theme, qtbot, str(tmp_path))
    wait(lambda: view.thumbnails.get(1) is not None)
    bad = view.thumbnails.get(1)
    assert bad is not None
    assert bad.isNull()
    view.workspace.select_sample(1)
    settle()
    assert "cannot be read" in view.card.verdict.text()


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 1)])
def test_pixels_arrive_as_they_are(shape: tuple[int, ...]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    image = image_of(picture)
    assert (image.width(), image.height()) == (7, 5)
    color = image.pixelColor(3, 2)
    expected = np.broadcast_to(np.atleast_1d(picture[2, 3]), (3,))
    assert [color.red(), color.green(), color.blue()] == expected.tolist()


def test_small_pictures_grow_by_whole_numbers() -> None:
    from PySide6.QtCore import QRect
    from PySide6.QtGui import QImage

    room = QRect(0, 0, 100, 100)
    assert fitted(QImage(28, 28, QImage.Format.Format_RGB888), room).width() == 84
    assert fitted(QImage(400, 200, QImage.Format.Format_RGB888), room).width() == 100


# -- the view --------------------------------------------------------------------------------------------------------


def demo_run(count: int = 500) -> Iterator[Event]:
    from analysis.pictures import open_pictures

    labels = open_pictures("demo:test").labels
    assert labels is not None
    places = list(range(0, 2 * count, 2))
    label = [int(labels[place]) for place in places]
    prediction = [(value + (number % 5 == 0)) % 10 for number, value in enumerate(label)]
    confidence = np.linspace(0.2, 0.99, count).tolist()
    names = tuple(f"class {i}" for i in range(10))
    return run_events(label, prediction, confidence, places, ImageSource("demo:test"), names)


@pytest.fixture
def view(theme: Theme, qtbot: QtBot) -> SamplesView:
    return view_of(theme, qtbot, "demo:test", demo_run())


def test_qt_finds_nothing_wrong_with_the_model(qapp: Any) -> None:
    model = SamplesModel()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.show_places(TABLE, np.array([3, 0, 2]))
    assert [model.data(model.index(row)) for row in range(3)] == ["tabby cat", "cat", "tabby cat"]
    assert [model.row_of(place) for place in range(6)] == [1, -1, 2, 0, -1, -1]
    assert "not in this run" in model.tip(1)
    assert tester.model() is model


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


def test_words_about_the_preparation() -> None:
    words = preparation_words(Preprocessing((0.5,), (0.25,), (224, 224), "bicubic", 0.875, source="network"))
    for part in ("224×224", "bicubic", "87.5 %", "mean 0.5", "std 0.25", "as the network was trained"):
        assert part in words
    assert preparation_words(Preprocessing()).endswith("assumed.")
    assert preparation_words(None) == ""


def test_wishes_of_a_damaged_workspace_file_are_left_out() -> None:
    bad: dict[str, Any] = {"label": "x", "verdict": 3, "low": -1, "high": "1", "words": None, "order": [], "falling": 1}
    assert wish_of(bad) == Wish()
    assert wish_of({"label": 2, "verdict": "right", "low": 0.25, "order": "loss"}) == Wish(
        2, "right", 0.25, order="loss"
    )


def test_scrolling_does_not_depend_on_how_many_there_are(theme: Theme, qtbot: QtBot) -> None:
    """Painting asks for the tiles that are seen, however many lie above and below."""
    counts = []
    for size in (2_000, 50_000):
        view = view_of(theme, qtbot, f"noise:{size}")
        painted: list[int] = []
        paint = view.grid.tiles._paint_picture

        def counting(painter: Any, room: Any, place: int, paint: Any = paint, painted: list[int] = painted) -> None:
            painted.append(place)
            paint(painter, room, place)

        view.grid.tiles._paint_picture = counting  # type: ignore[method-assign]
        view.grid.verticalScrollBar().setValue(5000)
        settle()
        painted.clear()
        view.grid.viewport().repaint()
        counts.append(len(painted))
        assert view.grid.indexAt(QPoint(20, 40)).isValid()
    assert counts[0] == counts[1] > 0


def test_large_selections_are_ranges_and_scattered_ones_are_right(theme: Theme, qtbot: QtBot) -> None:
    grid = view_of(theme, qtbot, "noise:50000").grid
    found: list[Any] = []
    grid.chosen.connect(lambda place, places: found.append((place, places)))
    grid.selectAll()
    assert found[-1][1] == tuple(range(50_000))
    grid.clearSelection()
    assert found[-1] == (-1, ())
    grid.take_selection(7, tuple(range(50_000)))
    assert len(grid.selectionModel().selection()) == 1  # not one for each picture
    grid.take_selection(4, (9, 3, 4, 700, -1, 60_000))
    assert [index.row() for index in sorted(grid.selectedIndexes())] == [3, 4, 9, 700]
    assert grid.currentIndex().row() == 4
    assert len(grid.selectionModel().selection()) == 3
    before = len(found)
    grid.take_selection(4, (3, 4, 9, 700))  # as it is already
    assert len(found) == before
