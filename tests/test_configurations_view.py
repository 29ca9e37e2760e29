"""Dynamic configurations in the window: what each side claims, clicking, filtering, partial and unlabelled runs."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from analysis.events import Chunk
from app.configuring.matrix_page import MatrixPage
from app.configuring.oracle_page import OraclePage
from app.drawing.answer_matrix import Answers, FramedMatrix, kind_colors
from app.reading import numbers
from app.reading.configuration_order import chain, tree_layout
from app.reading.configurations import LOST, RIGHT, WON, WRONG, Reading, is_ready
from app.theme import Theme
from app.views.configurations import ConfigurationsView
from tests import configuration_scenes, scenes
from tests.configuration_views import COUNT, opened, reading_of, result_of, view_of, with_references
from tests.gestures import click, settle, show, theme

__all__ = ["theme"]


# -- reading ---------------------------------------------------------------------------------------------------------


def test_kinds_compare_with_the_network_as_it_is() -> None:
    reading = Reading(result_of())
    for row, column in [(0, 0), (7, 3), (31, 26), (59, 13)]:
        own, here = reading.correct[row, 0], reading.correct[row, column]
        wanted = {(True, True): RIGHT, (False, False): WRONG, (True, False): LOST, (False, True): WON}
        assert reading.kinds[row, column] == wanted[bool(own), bool(here)]
    assert not np.isin(reading.kinds[:, 0], (LOST, WON)).any()


def test_rows_fall_by_right_configurations_and_columns_by_accuracy() -> None:
    reading = Reading(result_of())
    assert (np.diff(reading.right[reading.order]) <= 0).all()
    assert reading.columns[0] == 0
    assert (np.diff(reading.accuracy[reading.columns[1:]]) <= 0).all()
    assert sorted(reading.columns.tolist()) == list(range(27))


def test_only_finished_pictures_are_read() -> None:
    whole, part = Reading(result_of()), Reading(result_of(finished=20))
    assert len(part.rows) == 20
    np.testing.assert_array_equal(part.correct, whole.correct[:20])
    np.testing.assert_array_equal(part.places, whole.places[:20])
    assert part.row_of(60) == -1
    assert whole.row_of(60) == 20
    assert not part.measures


def test_a_run_without_finished_pictures_is_not_ready() -> None:
    assert not is_ready(result_of(finished=0))
    assert is_ready(result_of(finished=1))


@pytest.mark.parametrize("points", [1, 2, 3, 4])
def test_the_tree_holds_every_configuration_once(points: int) -> None:
    table, first, second = tree_layout(configuration_scenes.options(points).astype(np.int64))
    assert sorted(table.ravel().tolist()) == list(range(3**points))
    assert first + second == tuple(range(points))
    assert table[0, 0] == 0


def test_the_tree_leaves_out_prefixes_that_do_not_exist() -> None:
    options = np.array([[0, 0], [0, 2], [2, 0]])
    table, _, _ = tree_layout(options)
    assert table.tolist() == [[0, 1], [2, -1]]


def test_the_chain_puts_equal_answers_beside_each_other() -> None:
    prediction = np.array([[0, 1, 0, 1], [0, 1, 0, 1], [0, 2, 0, 1]])
    alike = np.stack([(prediction == prediction[:, [column]]).mean(axis=0) for column in range(4)])
    assert chain(alike).tolist() == [0, 2, 1, 3]


# -- oracle ----------------------------------------------------------------------------------------------------------


def oracle_page(view: ConfigurationsView) -> OraclePage:
    page = view.pages["oracle"]
    assert isinstance(page, OraclePage)
    return page


def test_the_oracle_is_an_upper_bound_and_never_alone(theme: Theme, qtbot: QtBot) -> None:
    page = oracle_page(view_of(with_references(), theme, qtbot))
    names = [row.name for row in page.rows.rows]
    bounds = [row for row in page.rows.rows if any(bar.hollow for bar in row.bars)]
    assert len(bounds) == 3
    assert all("upper bound" in row.name for row in bounds)
    for reference in ("equally long list", "shuffled labels", "oracle − list", "κ of the oracle"):
        assert reference in names
    assert any("disturbed" in name for name in names)
    assert any("jittered" in name for name in names)
    assert not any("accuracy" in row.name for row in bounds)
    for row in bounds[:2]:
        assert row.bars[0].low <= row.bars[0].value <= row.bars[0].high


def test_growth_ends_at_the_oracle_and_starts_at_the_mean(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(with_references(), theme, qtbot)
    page, reading = oracle_page(view), reading_of(view)
    own, *pools = page.growth.item.curves
    assert own.y[0] == pytest.approx(reading.correct.mean())
    assert own.y[-1] == pytest.approx(reading.correct.any(axis=1).mean())
    assert len(pools) == 2
    assert len(page.growth.item.guides) == 3
    words = " · ".join(guide.label for guide in page.growth.item.guides)
    assert all(word in words for word in ("plain", "equally long list", "shuffled labels"))


def test_pools_of_other_pictures_are_not_shown(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    other = configuration_scenes.pool_events(scenes.MODEL, type(scenes.IMAGES)("others.npz"))
    scenes.play(workspace, other)
    assert not oracle_page(view_of(workspace, theme, qtbot)).pools


def test_pools_that_are_not_matched_are_not_compared(theme: Theme, qtbot: QtBot) -> None:
    """Copies of one pool are far more accurate than a configuration: its oracle says nothing."""
    workspace = opened()
    singles = (0.097, 0.609, 0.12)
    scenes.play(workspace, configuration_scenes.pool_events(scenes.MODEL, scenes.IMAGES, singles=singles))
    page = oracle_page(view_of(workspace, theme, qtbot))
    apart, alike = page.pools
    assert not apart.matched
    assert alike.matched
    rows = {row.name: row for row in page.rows.rows if row.name.startswith("oracle − ")}
    other = rows["oracle − disturbed, k = 16"]
    assert other.text == "not matched: no comparison"
    assert np.isnan(other.bars[0].value)
    assert rows["oracle − jittered, k = 16"].bars[0].value == -0.05
    told = " / ".join([page.rows.title, *(key.words for key in page.legend.keys)]).replace(numbers.SPACE, " ")
    assert "N = 40" in told
    assert "a configuration 9.7 % · not matched, so no comparison: perturbation" in told
    assert "perturbation pool, not matched: a copy 60.9 %" in told
    assert "jitter pool, not matched" not in told
    hues = [curve.hue for curve in page.growth.item.curves if curve.dashed]
    assert hues == ["cost", "bundles"]


def test_an_unfinished_run_shows_its_header_so_far(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(opened(finished=20), theme, qtbot)
    page, reading = oracle_page(view), reading_of(view)
    assert "so far, 20 of 60 pictures" in page.rows.title
    assert page.claim.text.startswith("So far, 20 of 60 pictures")
    shown = {row.name: row.bars[0] for row in page.rows.rows}
    assert shown["plain accuracy"].value == reading.correct[:, 0].mean()
    assert shown["any right of 27: upper bound"].value == reading.correct.any(axis=1).mean()
    assert np.isnan(shown["plain accuracy"].low)
    assert not any(name.startswith("static gain") for name in shown)
    assert len(page.growth.item.curves[0].y) == 27
    assert "20 of 60" in view.facts.text


def test_intervals_that_come_after_their_values_are_shown(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    events = list(configuration_scenes.configuration_events(scenes.MODEL, scenes.IMAGES, COUNT))
    names = [event.name if isinstance(event, Chunk) else "" for event in events]
    run = scenes.play(workspace, iter(events), steps=names.index("summary_low"))
    view = view_of(workspace, theme, qtbot)
    texts = []
    for event in events[names.index("summary_low") :]:
        texts.append({row.name: row.text for row in oracle_page(view).rows.rows}["plain accuracy"])
        workspace.apply(run.number, event)
        workspace.announce(run.number)
        settle()
    assert "[" not in texts[0]
    assert "[" in texts[-1]


# -- matrix ----------------------------------------------------------------------------------------------------------


def matrix_page(view: ConfigurationsView) -> MatrixPage:
    page = view.pages["matrix"]
    assert isinstance(page, MatrixPage)
    return page


def test_a_click_selects_the_picture_everywhere_and_its_configuration(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    view = view_of(workspace, theme, qtbot, "matrix")
    page, reading = matrix_page(view), reading_of(view)
    page.matrix.cell_clicked.emit(10, 4)
    settle()
    row, number = int(reading.order[10]), int(reading.columns[4])
    assert workspace.selection.sample == 3 * row
    assert view.look.configuration == number
    card = page.card.card
    assert card is not None
    assert [answer.heading for answer in card.answers] == ["plain network", reading.names[number]]
    assert len(card.answers[1].ranked) == 5
    true = [ranked.share for ranked in card.answers[1].ranked if ranked.true]
    assert true in ([], [pytest.approx(float(reading.table("true_probability")[row, number]))])
    assert [step.size for step in card.steps] == [(32, 32), (16, 16), (8, 8), (8, 8)]


def test_a_picture_selected_elsewhere_is_framed(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    view = view_of(workspace, theme, qtbot, "matrix")
    page, reading = matrix_page(view), reading_of(view)
    workspace.select_sample(int(reading.places[5]))
    settle()
    ((row, column, _),) = page.matrix.cells.frames
    assert reading.order[row] == 5
    assert column == 0
    workspace.select_sample(1)  # not one of the run's
    settle()
    assert page.matrix.cells.frames == ()
    assert page.card.card is None


def test_the_first_column_stays_when_panned(theme: Theme, qtbot: QtBot) -> None:
    plot = FramedMatrix(theme, "m", "", "")
    qtbot.addWidget(plot)
    show(plot, 400, 300)
    kinds = np.full((40, 60), float(LOST))
    kinds[:, 0] = WON
    plot.show_cells(Answers(kinds, 3.0))
    plot.frame((), pinned=True)
    plot.box.setRange(xRange=(30, 40), padding=0)
    settle()
    area = plot.area()
    image = plot.grab().toImage()
    wrong, right, lost, won = kind_colors(theme)
    assert image.pixelColor(int(area.left()) + 4, int(area.center().y())) == won
    assert image.pixelColor(int(area.right()) - 6, int(area.center().y())) == lost
    assert len({color.name() for color in (wrong, right, lost, won)}) == 4
    cells: list[tuple[int, int]] = []
    plot.cell_clicked.connect(lambda row, column: cells.append((row, column)))
    click(plot.viewport(), QPoint(int(area.left()) + 4, int(area.center().y())))
    assert cells[0][1] == 0


def test_the_matrix_of_the_specified_size_is_panned_from_its_picture(theme: Theme, qtbot: QtBot) -> None:
    plot = FramedMatrix(theme, "m", "", "")
    qtbot.addWidget(plot)
    show(plot, 777, 500)
    random = np.random.default_rng(0)
    plot.show_cells(Answers(random.integers(0, 4, (2000, 328)).astype(float), 3.0))
    plot.frame((), pinned=True)
    plot.box.setRange(xRange=(100, 200), yRange=(-1200, -800), padding=0)
    plot.grab()
    before = plot.item.painted
    for step in range(10):
        plot.box.setRange(xRange=(100 + step, 200 + step), yRange=(-1200 - step, -800 - step), padding=0)
        plot.grab()
    assert plot.item.painted == before


def test_many_pictures_are_shown_as_classes(theme: Theme, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.reading.configuration_records.MOST_ROWS", 30)
    workspace = opened()
    view = view_of(workspace, theme, qtbot, "matrix")
    page, reading = matrix_page(view), reading_of(view)
    cells = page.matrix.cells.cells
    assert cells is not None
    assert cells.values.shape == (10, 27)
    np.testing.assert_allclose(cells.values[3, 0], reading.correct[reading.label == 3, 0].mean())
    page.matrix.cell_clicked.emit(3, 0)
    assert workspace.sample_filter is not None
    assert workspace.sample_filter.places.tolist() == (3 * np.flatnonzero(reading.label == 3)).tolist()


def test_pictures_that_a_configuration_wins_can_be_shown_alone(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    view = view_of(workspace, theme, qtbot)
    reading = reading_of(view)
    wins = [(reading.kinds[:, number] == WON).sum() for number in range(27)]
    view.choose_configuration(int(np.argmax(wins)))
    settle()
    menu = view.pictures.menu()
    assert isinstance(menu, QMenu)
    menu.actions()[0].trigger()
    assert workspace.sample_filter is not None
    rows = workspace.sample_filter.places // 3
    assert len(rows) == max(wins)
    assert not reading.correct[rows, 0].any()
    assert reading.correct[rows, int(np.argmax(wins))].all()
    menu.actions()[-1].trigger()
    assert workspace.sample_filter is None
