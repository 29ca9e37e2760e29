"""Several pictures in one table, what the arrows lead to, and the figure of both."""

from __future__ import annotations

from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QFontMetricsF
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from analysis.figures import FigureSpec, Style, make_sheet
from analysis.figures.draw import STYLE_FILE, draw
from analysis.figures.sheet import Tiles
from analysis.figures.spec import FONTS
from analysis.methods import attribution
from analysis.request import ImageSource, ModelSource
from analysis.result import Result
from app.drawing.attribution_pane import scale_words, title_lines
from app.drawing.map_image import magnitude_overlay
from app.reading import attribution_asking as asking
from app.reading import attribution_reading as reading
from app.reading.attribution_turn import in_order, turn_of
from app.reading.attribution_wish import Wish
from app.selection import SampleFilter
from app.theme import Theme
from app.views.attribution import AttributionView
from tests import scenes
from tests.attribution_scenes import PLACES, asked_of, built, explained, view
from tests.gestures import click, settle, show, theme

__all__ = ["theme", "view"]


# -- the table ---------------------------------------------------------------------------------------------------------


def test_several_pictures_are_rows_and_algorithms_are_columns(view: AttributionView) -> None:
    table = view.table
    assert table.isVisible()
    assert not view.board.isVisible()
    assert [row.place for row in table.rows] == list(PLACES)
    assert [pane.title for pane in table.titles] == ["Saliency", "Integrated gradients", "Grad-CAM"]
    assert [pane.signed for pane in table.titles] == [False, True, True]
    for row in table.rows:
        run = next(run for run in view.workspace.runs.values() if str(run.folder).endswith(str(row.place)))
        for number, pane in enumerate(row.panes):
            np.testing.assert_array_equal(pane.values, run.result["attribution"][number, 0])
    assert view.summary.text == "3 pictures · 0 right, 3 wrong · explained: cat"
    assert table.rows[0].words[1].startswith("✗ cat")
    view.workspace.select_sample(12)
    settle()
    assert view.board.isVisible()
    assert not table.isVisible()


def test_maps_of_the_table_do_not_overlap_at_any_width(view: AttributionView) -> None:
    for box in view.form.boxes.values():
        box.setChecked(True)
    for width in (420, 777, 1600):
        show(view, width, 600)
        table = view.table
        rects = [table.place(row, column) for row in range(len(table.rows)) for column in range(-1, len(table.titles))]
        assert not any(one.intersects(other) for i, one in enumerate(rects) for other in rects[:i])
        last = table.place(0, len(table.titles) - 1).right()
        assert last <= table.viewport().width() or table.horizontalScrollBar().maximum() > 0


def test_a_click_selects_a_row_and_a_double_click_opens_it_alone(view: AttributionView) -> None:
    table = view.table
    middle = table.place(1, 0).center().toPoint()
    click(table.viewport(), middle)
    assert view.workspace.selection.sample == 30
    assert view.workspace.selection.pictures == PLACES
    QTest.keyClick(table, Qt.Key.Key_Down)
    assert view.workspace.selection.sample == 31
    QTest.keyClick(table, Qt.Key.Key_Return)
    settle()
    assert view.workspace.selection.pictures == (31,)
    view.workspace.step_back()
    settle()
    assert table.isVisible()


def test_pointing_at_a_map_of_the_table_tells_the_value_there(view: AttributionView) -> None:
    table = view.table
    place = table.place(0, 2)
    said = table.tip_at(place.center())
    values = table.rows[0].panes[2].values
    assert values is not None
    assert said.startswith("row 12, column 12: +")
    assert values[12, 12] > 0
    assert "confidence 83.0" in table.tip_at(table.place(0, -1).center())
    assert "gradient" in table.tip_at(table.names()[0].place.center())
    assert table.tip_at(place.center() + QPoint(0, 5000)) == ""


def test_one_scale_is_that_of_all_pictures(view: AttributionView) -> None:
    own = [pane.reach for row in view.table.rows for pane in row.panes]
    assert len(set(own)) > 3
    view.form.shared.click()
    settle()
    shared = {pane.reach for row in view.table.rows for pane in row.panes}
    assert len(shared) == 1
    assert {pane.reach for pane in view.table.titles} == shared
    assert min(own) < shared.pop() < max(own) + 1e-12


def test_explain_asks_for_all_pictures_of_the_page_at_once(view: AttributionView) -> None:
    wanted = asked_of(view)
    assert view.form.explain.text() == "Explain all"
    view.form.explain.click()
    assert [request["samples"] for request in wanted] == ["12,30-31"]


def test_what_is_missing_of_the_page_is_asked_for_quietly_and_alone(theme: Theme, qtbot: QtBot) -> None:
    workspace = explained(12)
    view = built(workspace, theme, qtbot)
    wanted = asked_of(view)
    workspace.select_sample(12, PLACES)
    settle()
    view.invalidate()
    settle()
    assert [request["samples"] for request in wanted] == ["30-31"]
    assert "1 of 3 pictures explained" in view.summary.text
    assert [row.panes[0].note for row in view.table.rows] == ["", "Not computed.", "Not computed."]


def test_many_pictures_are_turned_page_by_page(theme: Theme, qtbot: QtBot) -> None:
    workspace = explained(12)
    view = built(workspace, theme, qtbot)
    many = tuple(range(100, 160))
    workspace.select_sample(100, many)
    settle()
    assert view.form.picture.text() == "1–24 of 60"
    assert not view.form.before.isEnabled()
    view.form.after.click()
    settle()
    assert (workspace.selection.sample, workspace.selection.pictures) == (124, many)
    view.form.after.click()
    settle()
    assert view.form.picture.text() == "49–60 of 60"
    assert not view.form.after.isEnabled()
    assert len(view.table.rows) == 12


def test_a_page_of_large_pictures_is_what_one_run_can_explain() -> None:
    rows = list(scenes.network())
    rows[0] = replace(rows[0], kind="input", shape=(3, 224, 224))
    workspace = scenes.opened(tuple(rows))
    size = asking.page_size(workspace, Wish(tuple(reading.DEFAULT)))
    assert size == min(24, attribution.MOST_VALUES // (4 * 224 * 224 * 3))
    assert asking.MOST_VALUES == attribution.MOST_VALUES


def test_the_second_network_has_a_row_below_each_picture(theme: Theme, qtbot: QtBot) -> None:
    workspace, other = explained(*PLACES), ModelSource("timm:other")
    ranks = scenes.play(workspace, scenes.rank_events(scenes.network(9), seed=4, model=other))
    scenes.play(workspace, scenes.attribution_events(30, model=other))
    workspace.compare_with(ranks.number)
    workspace.select_sample(12, PLACES)
    view = built(workspace, theme, qtbot)
    assert [(row.place, row.below) for row in view.table.rows] == [(12, False), (30, False), (30, True), (31, False)]
    assert "has not explained this picture" in view.facts.text


# -- the order of Samples ----------------------------------------------------------------------------------------------


def test_arrows_follow_the_pictures_that_samples_shows(view: AttributionView) -> None:
    workspace = view.workspace
    workspace.show_samples(np.array([31, 5, 12, 90]))
    workspace.select_sample(12)
    settle()
    assert view.form.picture.toolTip() == "3 of 4 in Samples"
    view.step(1)
    assert workspace.selection.sample == 90
    settle()
    assert not view.form.after.isEnabled()
    view.step(-1)
    view.step(-1)
    view.step(-1)
    assert workspace.selection.sample == 31
    workspace.select_sample(6)  # one that is not shown: its neighbours in the source
    view.step(1)
    assert workspace.selection.sample == 7


def test_other_pictures_have_an_order_of_their_own() -> None:
    workspace = scenes.opened()
    workspace.show_samples(np.array([3, 1]))
    workspace.set_images(ImageSource("demo:train"))
    assert workspace.shown_samples is None
    workspace.filter_samples(SampleFilter("cats", np.array([4, 9])))
    workspace.select_sample(4)
    assert turn_of(workspace, 0, 24).after == 9


def test_places_keep_an_order_and_those_that_it_lacks_come_last() -> None:
    assert in_order((7, 3, 5, 1), np.array([5, 9, 3])) == (5, 3, 1, 7)
    assert in_order((7, 3), np.empty(0, dtype=np.int64)) == (3, 7)


# -- drawing -----------------------------------------------------------------------------------------------------------


def test_magnitudes_have_one_colour_and_zero_is_clear() -> None:
    image = magnitude_overlay(np.array([[1.0, 0.0, -0.5, np.nan, 9.0]]), 1.0, 0.8, QColor("#cc79a7"))
    colors = [image.pixelColor(x, 0) for x in range(5)]
    assert [color.alpha() for color in colors] == [204, 0, 102, 0, 204]
    assert {color.rgb() & 0xFFFFFF for color in colors if color.alpha() == 204} == {0xCC79A7}


def test_words_of_a_scale_fit_below_it(theme: Theme) -> None:
    metrics = QFontMetricsF(theme.font("small"))
    assert scale_words(0.669, True, 400, metrics) == ("−0.669 against", "", "for 0.669")
    assert scale_words(0.669, False, 400, metrics) == ("0", "", "0.669")
    for signed in (True, False):
        for width in range(20, 300, 7):
            words = scale_words(5.3e-10, signed, width, metrics)
            shown = [metrics.horizontalAdvance(word) for word in words if word]
            assert len(shown) == 1 or sum(shown) < width
    assert "×10⁻¹⁰" in scale_words(5.3e-10, True, 60, metrics)[1]


def test_titles_take_two_lines_before_anything_is_cut(theme: Theme) -> None:
    metrics = QFontMetricsF(theme.font("bold"))
    full = metrics.horizontalAdvance("Integrated gradients")
    assert title_lines("Integrated gradients", full + 1, metrics) == ("Integrated gradients",)
    assert title_lines("Integrated gradients", 0.6 * full, metrics) == ("Integrated", "gradients")
    name = metrics.horizontalAdvance("demo:fashion_")
    assert title_lines("demo:fashion_plain", name + 1, metrics) == ("demo:fashion_", "plain")


def test_panes_begin_at_the_top(view: AttributionView) -> None:
    view.workspace.select_sample(12)
    settle()
    view.board.resize(900, 700)
    assert view.board.place(0).top() < 50


# -- figure ------------------------------------------------------------------------------------------------------------


def test_the_figure_of_the_table_has_a_row_for_each_picture(view: AttributionView) -> None:
    view.workspace.show_samples(np.array([31, 12, 30]))
    spec = view.figure_spec()
    assert spec is not None
    results = {str(run.folder): run.result for run in view.workspace.runs.values()}
    sheet = make_sheet(spec, [results[folder] for folder in spec.runs])
    assert [panel.title.partition(":")[0] for panel in sheet.panels] == ["picture #31", "picture #12", "picture #30"]
    for panel, row in zip(sheet.panels, (2, 0, 1), strict=True):
        (tiles,) = panel.marks
        assert isinstance(tiles, Tiles)
        assert tiles.signed == (False, True, True)
        assert tiles.picture.shape == (24, 24, 3)
        for drawn, pane in zip(tiles.overlays, view.table.rows[row].panes, strict=True):
            np.testing.assert_array_equal(drawn, pane.values)
    assert "N =" not in sheet.note


@pytest.mark.parametrize("size", ["column", "page"])
def test_words_of_the_figure_do_not_overlap(size: str) -> None:
    sheet = make_sheet(FigureSpec("attribution", ("x",)), [Result.of(scenes.attribution_events())])
    font = FONTS[size]
    names = ("font.size", "axes.titlesize", "axes.labelsize", "legend.fontsize")
    sizes = dict.fromkeys(names, font) | {"xtick.labelsize": 0.92 * font}
    with mpl.rc_context(fname=str(STYLE_FILE)), mpl.rc_context(sizes):
        figure = draw(sheet, Style(size=size))
        FigureCanvasAgg(figure).draw()
        boxes = [text.get_window_extent() for ax in figure.axes for text in ax.texts if text.get_text()]
    assert len(boxes) >= 4 + 2 * 3
    assert not any(one.overlaps(other) for number, one in enumerate(boxes) for other in boxes[:number])
