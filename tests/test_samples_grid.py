"""The grid of pictures: only what is seen is decoded and painted, however many there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint, QRect
from PySide6.QtGui import QImage
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from app.browsing.grid import SamplesModel, fitted
from app.browsing.thumbnails import Thumbnails, image_of
from app.theme import Theme
from tests.gestures import settle, theme
from tests.sample_scenes import TABLE, still, view_of, wait

__all__ = ["theme"]


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


def test_pictures_that_are_open_are_not_opened_again(qtbot: QtBot, tmp_path: Path) -> None:
    thumbnails, announced = Thumbnails(), []
    thumbnails.opened.connect(lambda: announced.append(thumbnails.pictures))
    assert thumbnails.open("demo:test", (3, 32, 32))
    assert not thumbnails.open("demo:test", (3, 64, 64))  # a shape is for noise alone
    wait(lambda: thumbnails.pictures is not None)
    assert not thumbnails.open("demo:test", ())
    assert len(announced) == 1
    assert thumbnails.open("noise:10", (3, 32, 32))
    assert thumbnails.open("noise:10", (3, 64, 64))
    missing = str(tmp_path / "nowhere")
    assert thumbnails.open(missing, ())
    assert thumbnails.problem == f"There is no file or folder '{missing}'."
    assert not thumbnails.open(missing, ())  # no endless attempts by what is told of the failure
    thumbnails.close()
    assert thumbnails.open("demo:test", ())
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
    room = QRect(0, 0, 100, 100)
    assert fitted(QImage(28, 28, QImage.Format.Format_RGB888), room).width() == 84
    assert fitted(QImage(400, 200, QImage.Format.Format_RGB888), room).width() == 100


def test_qt_finds_nothing_wrong_with_the_model(qapp: Any) -> None:
    model = SamplesModel()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.show_places(TABLE, np.array([3, 0, 2]))
    assert [model.data(model.index(row)) for row in range(3)] == ["tabby cat", "cat", "dog → tabby cat"]
    assert [model.row_of(place) for place in range(6)] == [1, -1, 2, 0, -1, -1]
    assert "not in this run" in model.tip(1)
    assert tester.model() is model
