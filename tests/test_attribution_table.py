"""What the table of attributions tells of its scales, what it keeps, and what it reads again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt
from PySide6.QtGui import QMouseEvent, QPainter
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from analysis.events import Chunk, Event
from analysis.request import ModelSource
from app.drawing import attribution_table
from app.drawing.attribution_board import AttributionBoard
from app.drawing.named import Name, NameLinks
from app.reading import attribution_answers as answering
from app.reading import attribution_reading as reading
from app.reading.attribution_turn import turn_of
from app.reading.attribution_wish import Wish
from app.reading.samples import Wish as Chosen
from app.selection import SampleFilter
from app.theme import Theme
from app.views.attribution import AttributionView
from app.workspace import Workspace
from tests import scenes
from tests.attribution_scenes import PLACES, built, explained, view
from tests.gestures import settle, show, theme
from tests.sample_scenes import demo_run, view_of

__all__ = ["theme", "view"]
OTHER = ModelSource("timm:other")


def weaker(events: Iterator[Event], factor: float) -> Iterator[Event]:
    """The same run with all maps made weaker."""
    for event in events:
        weak = isinstance(event, Chunk) and event.name == "attribution"
        yield replace(event, values=np.asarray(event.values) * factor) if weak else event


def of_two(theme: Theme, qtbot: QtBot, factor: float = 0.1) -> AttributionView:
    """Three pictures, each explained by a second network too, whose maps are weaker."""
    workspace = explained(*PLACES)
    ranks = scenes.play(workspace, scenes.rank_events(scenes.network(9), seed=4, model=OTHER))
    for place in PLACES:
        scenes.play(workspace, weaker(scenes.attribution_events(place, model=OTHER), factor))
    workspace.compare_with(ranks.number)
    workspace.select_sample(12, PLACES)
    made = built(workspace, theme, qtbot)
    made.form.shared.setChecked(True)
    settle()
    return made


class Pen(QPainter):
    """A painter that remembers what it wrote."""

    written: list[str]

    def drawText(self, *given: Any) -> None:  # type: ignore[override]
        self.written.append(str(given[-1]))


def written(view: AttributionView) -> tuple[list[list[str]], list[str]]:
    """Words that are painted below the maps of each row, and below the titles."""
    from PySide6.QtGui import QImage

    table, image = view.table, QImage(300, 300, QImage.Format.Format_RGB32)
    pen = Pen(image)
    rows = []
    for row in table.rows:
        pen.written = []
        for column in range(len(row.panes)):
            table.painting.draw_map(pen, QRectF(0, 0, 120, 120), row, column)
        rows.append([words for words in pen.written if words[:1] in "±≤" and words])
    pen.written = []
    for pane, lines in zip(table.titles, table.room.titles, strict=True):
        table.painting.draw_title(pen, QRectF(0, 0, 120, 40), pane, lines)
    pen.end()
    return rows, pen.written


# -- scales ------------------------------------------------------------------------------------------------------------


def test_a_shared_scale_of_one_network_stands_at_the_titles_alone(view: AttributionView) -> None:
    view.form.shared.click()
    settle()
    rows, titles = written(view)
    assert rows == [[], [], []]
    assert [words for words in titles if words in ("largest", "against", "for")] == []


def test_the_ends_of_two_networks_stand_below_their_maps(theme: Theme, qtbot: QtBot) -> None:
    made = of_two(theme, qtbot)
    ends = {row.below: {pane.reach for pane in row.panes} for row in made.table.rows}
    (own,), (other,) = ends[False], ends[True]
    assert other == pytest.approx(0.1 * own)
    rows, titles = written(made)
    for row, words in zip(made.table.rows, rows, strict=True):
        end = reading.numbers.short(other if row.below else own)
        assert words == [f"≤ {end}", f"±{end}", f"±{end}"]
    assert not any(reading.numbers.short(end) in words for end in (own, other) for words in titles)
    assert "one colour scale for each network" in made.facts.text
    assert "for all maps" not in made.facts.text


def test_two_networks_with_one_end_have_it_at_the_titles(theme: Theme, qtbot: QtBot) -> None:
    made = of_two(theme, qtbot, 1.0)
    rows, titles = written(made)
    assert rows == [[] for _ in made.table.rows]
    assert any(reading.numbers.short(made.table.rows[0].panes[0].reach) in words for words in titles)


# -- images ------------------------------------------------------------------------------------------------------------


def test_images_do_not_grow_in_number_with_what_is_chosen(view: AttributionView) -> None:
    table = view.table
    show(view, 777, 900)
    table.viewport().grab()
    held = len(table.painting.images)
    assert held == len(PLACES) * (2 + len(table.titles))
    first = table.painting.images[table.rows[0].key, 0][1]
    for opacity in (10, 35, 60):
        view.form.opacity.setValue(opacity)
        settle()
        table.viewport().grab()
        assert len(table.painting.images) == held
    view.form.shared.click()
    settle()
    table.viewport().grab()
    assert len(table.painting.images) == held
    assert table.painting.images[table.rows[0].key, 0][1] != first
    view.workspace.select_sample(12, PLACES[:2])
    settle()
    table.viewport().grab()
    assert len(table.painting.images) == held * 2 // 3


def test_pictures_are_not_made_again_for_another_opacity(view: AttributionView) -> None:
    table = view.table
    table.viewport().grab()
    key = table.rows[0].key
    before = {part: table.painting.images[key, part][1] for part in (-2, -1, 0)}
    view.form.opacity.setValue(25)
    settle()
    table.viewport().grab()
    same = {part: table.painting.images[key, part][1] is image for part, image in before.items()}
    assert same == {-2: True, -1: True, 0: False}


# -- reading -----------------------------------------------------------------------------------------------------------


def counted(monkeypatch: pytest.MonkeyPatch, place: Any, name: str) -> list[object]:
    """Count the calls of a function."""
    calls: list[object] = []
    function: Callable[..., object] = getattr(place, name)

    def call(*given: Any, **named: Any) -> object:
        calls.append(given)
        return function(*given, **named)

    monkeypatch.setattr(place, name, call)
    return calls


def test_opacity_and_scale_read_nothing_again(view: AttributionView, monkeypatch: pytest.MonkeyPatch) -> None:
    read = counted(monkeypatch, answering, "answers_of")
    own = {pane.reach for row in view.table.rows for pane in row.panes}
    view.form.opacity.setValue(30)
    settle()
    assert view.table.painting.opacity == pytest.approx(0.3)
    view.form.shared.click()
    settle()
    assert len({pane.reach for row in view.table.rows for pane in row.panes}) == 1 < len(own)
    assert "one colour scale for all maps" in view.facts.text
    assert read == []
    view.form.boxes["grad_cam"].click()
    settle()
    assert len(read) == 1
    assert len(view.table.titles) == 2


def test_what_arrives_after_a_change_of_the_look_is_read(view: AttributionView) -> None:
    view.form.opacity.setValue(30)
    scenes.play(view.workspace, scenes.attribution_events(40))
    view.workspace.select_sample(12, (*PLACES, 40))
    settle()
    assert [bool(row.panes[0].note) for row in view.table.rows] == [False] * 4


def test_reading_a_page_asks_for_the_request_once(monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = explained(*range(6))
    built_requests = counted(monkeypatch, Workspace, "new_request")
    maps = counted(monkeypatch, reading.Explanation, "_map")
    answers = answering.answers_of(workspace, Wish(("grad_cam",)), range(8))
    assert list(answers) == list(range(6))
    assert len(built_requests) == 1
    assert len(maps) == 6  # of 18 that there are


def test_of_a_picture_that_a_run_names_twice_the_first_is_read() -> None:
    workspace = explained(12)
    (run,) = (run for run in workspace.runs.values() if run.request.method == reading.METHOD)
    run.result.arrays["place"] = np.array([7, 12, 7])
    assert reading.Explained.of(run).rows == {7: 0, 12: 1}


def test_the_end_of_an_own_scale_is_that_of_the_values(view: AttributionView) -> None:
    found = reading.explanation(view.workspace, 12)
    assert found is not None
    for item in found.maps():
        assert item.end == reading.reaches((item,), shared=False)[0] == reading.reaches((item,), shared=True)[0]
        assert item.end == pytest.approx(float(np.percentile(np.abs(item.values), 99.5)))


# -- layout ------------------------------------------------------------------------------------------------------------


def test_painting_and_pointing_do_not_break_titles_again(
    view: AttributionView, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = counted(monkeypatch, attribution_table, "title_lines")
    view.table.viewport().grab()
    view.table.row_at(QPointF(300, 300))
    view.table.names()
    assert broken == []
    view.table.resize(400, 300)
    assert len(broken) >= len(view.table.titles)


def test_a_row_is_found_wherever_it_is_scrolled_to(view: AttributionView) -> None:
    show(view, 777, 420)
    table = view.table
    bar = table.verticalScrollBar()
    assert bar.maximum() > 0
    for value in (0, bar.maximum() // 2, bar.maximum()):
        bar.setValue(value)
        for row in range(len(table.rows)):
            middle = table.place(row, 0).center()
            hidden = middle.y() < table.room.head
            assert table.row_at(middle) == (-1 if hidden else row)
        below = table.place(len(table.rows) - 1, 0).bottom() + 2 * table.room.row
        assert table.row_at(QPointF(300, below)) == -1


def test_panes_are_arranged_once_for_a_size(
    view: AttributionView, theme: Theme, monkeypatch: pytest.MonkeyPatch
) -> None:
    view.workspace.select_sample(12)
    settle()
    board, arranged = view.board, counted(monkeypatch, AttributionBoard, "_arrange")
    board.grab()
    arranged.clear()
    for x in range(20, 700, 40):
        board.links.point(QPointF(x, 60))
        board.tip_at(QPointF(x, 60))
    assert arranged == []
    side = board.layout_now().side
    board.resize(300, 200)
    assert board.layout_now().side < side
    assert len(arranged) == 1
    theme.changed.emit()
    board.layout_now()
    assert len(arranged) == 2


def test_names_are_fetched_once_for_each_question() -> None:
    fetched: list[int] = []
    names = (Name(QRectF(0, 0, 10, 10), ""), Name(QRectF(20, 0, 10, 10), "methods#Rank"))
    links = NameLinks(lambda: (fetched.append(1), names)[1])
    here = QPointF(25, 5)
    questions: tuple[tuple[Callable[[], object], object], ...] = (
        (lambda: links.at(here), names[1]),
        (lambda: links.index(here), 1),
        (lambda: links.point(here), True),
        (lambda: links.point(QPointF(5, 5)), True),  # a name without a page is none to click
        (lambda: links.reached(), 1),
        (lambda: links.step(1), True),
    )
    for ask, answer in questions:
        fetched.clear()
        assert ask() == answer
        assert len(fetched) == 1


def test_a_title_is_not_underlined_after_the_mouse_has_left(view: AttributionView) -> None:
    table = view.table
    before = table.viewport().grab().toImage()
    at = table.names()[1].place.center()
    button = Qt.MouseButton.NoButton
    place = table.viewport().mapToGlobal(at)
    moved = QMouseEvent(QEvent.Type.MouseMove, at, place, button, button, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(table.viewport(), moved)
    assert table.links.over == 1
    assert table.viewport().cursor().shape() == Qt.CursorShape.PointingHandCursor
    assert table.viewport().grab().toImage() != before
    QApplication.sendEvent(table.viewport(), QEvent(QEvent.Type.Leave))
    assert table.links.over == -1
    assert table.viewport().cursor().shape() == Qt.CursorShape.ArrowCursor
    assert table.viewport().grab().toImage() == before


# -- the order of Samples ----------------------------------------------------------------------------------------------


def test_arrows_follow_samples_as_soon_as_its_order_changes(view: AttributionView) -> None:
    workspace = view.workspace
    workspace.select_sample(12)
    settle()
    assert view.form.picture.toolTip() == ""
    workspace.show_samples(np.array([31, 5, 12, 90]))
    settle()
    assert view.form.picture.toolTip() == "3 of 4 in Samples"
    workspace.show_samples(np.array([12, 90]))
    settle()
    assert view.form.picture.toolTip() == "1 of 2 in Samples"
    assert not view.form.before.isEnabled()


def test_the_same_pictures_are_not_announced_again(qtbot: QtBot) -> None:
    workspace = scenes.opened()
    said: list[object] = []
    workspace.shown_samples_changed.connect(lambda: said.append(workspace.shown_samples))
    for places in (None, np.array([3, 1]), np.array([3, 1]), np.array([1, 3]), np.empty(0, np.int64), None, None):
        workspace.show_samples(places)
    assert [None if one is None else np.asarray(one).tolist() for one in said] == [[3, 1], [1, 3], [], None]


def test_a_filter_that_fits_none_is_not_taken_for_nothing_shown_yet() -> None:
    workspace = scenes.opened()
    workspace.filter_samples(SampleFilter("cats", np.array([4, 9])))
    workspace.select_sample(4)
    assert turn_of(workspace, 0, 24).after == 9  # as Samples will show them
    workspace.show_samples(np.empty(0, dtype=np.int64))
    assert turn_of(workspace, 0, 24).after == 5  # it is among none of them: its neighbour in the source


def test_samples_tells_what_it_shows(theme: Theme, qtbot: QtBot) -> None:
    samples = view_of(theme, qtbot, "demo:test", demo_run())
    samples.wishes.show_wish(Chosen(verdict="wrong", low=0.6))
    samples.wishes.changed.emit()
    settle()
    shown = samples.workspace.shown_samples
    assert shown is not None
    assert len(shown) == 49
    assert shown.tolist() == samples.grid.samples.places.tolist()
