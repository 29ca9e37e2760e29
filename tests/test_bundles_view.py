"""Conflicting bundles in the window: what each side claims, clicking, filtering, following, removal and undo."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from analysis import engine
from analysis.edits import Edits
from analysis.events import Chunk, Declared, Event, Output
from analysis.request import ImageSource, ModelSource, Request
from analysis.result import Result
from app.bundling.depth_page import DepthPage
from app.bundling.flow_page import FlowPage
from app.bundling.tolerance_page import TolerancePage
from app.bundling.training_page import TrainingPage
from app.drawing.bundle_map import zero_color
from app.drawing.depth_plot import DepthPlot
from app.drawing.merge_flow import REST, columns_of
from app.reading import distances
from app.reading.bundles import Reading
from app.reading.measurements import NOT_APPLICABLE, VALUE, ZERO, available, read
from app.theme import Theme
from app.views.bundles import PAGES, BundlesView
from app.views.overview import Overview
from app.workspace import SampleFilter, Workspace
from tests import bundle_scenes, scenes, snapshots
from tests.gestures import click, settle, show, theme

__all__ = ["theme"]

COUNT, CHECKPOINTS = 60, 4
PICTURES = ImageSource("demo:test")
EPOCH = str(Path(__file__).parent.parent / "resources/demo/fashion_plain/epoch-01.safetensors")


def events(workspace: Workspace, **how: object) -> list[Event]:
    return list(bundle_scenes.bundle_events(workspace.layers, scenes.MODEL, PICTURES, **how))  # type: ignore[arg-type]


def opened(**how: object) -> Workspace:
    """A residual network with a run of bundles."""
    workspace = scenes.opened()
    workspace.set_images(PICTURES)
    scenes.play(workspace, iter(events(workspace, **how)), folder="runs/bundles")
    return workspace


def view_of(workspace: Workspace, theme: Theme, qtbot: QtBot, page: str = "depth") -> BundlesView:
    view = BundlesView(workspace, theme)
    qtbot.addWidget(view)
    show(view, 777, 640)
    view.show_page(page)
    settle()
    return view


def reading_of(view: BundlesView) -> Reading:
    assert view.reading is not None
    return view.reading


def entropy(ids: np.ndarray, labels: np.ndarray) -> float:
    """Bundle entropy, picture by picture: what an independent reader would compute."""
    found = 0.0
    for i, label in enumerate(labels.tolist()):
        mates = labels[ids == ids[i]].tolist()
        found -= math.log(mates.count(label) / len(mates))
    return found / len(labels)


# -- depth -----------------------------------------------------------------------------------------------------------


def test_the_profile_is_that_of_the_partitions(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(opened(), theme, qtbot)
    reading, page = reading_of(view), view.pages["depth"]
    assert isinstance(page, DepthPage)
    profile = page.lines.lines.profile
    assert profile is not None
    assert view.look.checkpoint == CHECKPOINTS - 1
    ids = bundle_scenes.planted(len(reading.points), CHECKPOINTS, COUNT)[-1]
    labels = np.arange(COUNT) % 10
    assert profile.highest == pytest.approx(math.log(10))
    for line in profile.lines:
        for place, point in enumerate(line.points.tolist()):
            assert line.bundles[place] == pytest.approx(len(set(ids[point].tolist())) / COUNT)
            assert line.entropy[place] * math.log(10) == pytest.approx(entropy(ids[point], labels), abs=1e-12)
    alone, pure, conflict = page.bars.bars.shares
    np.testing.assert_allclose(alone + pure + conflict, 1.0)
    for point, own in enumerate(ids.tolist()):
        assert alone[point] == pytest.approx(sum(size == 1 for size in Counter(own).values()) / COUNT)


def test_branches_and_outputs_are_lines_of_their_own(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(opened(), theme, qtbot)
    page, reading = view.pages["depth"], reading_of(view)
    assert isinstance(page, DepthPage)
    assert page.lines.lines.profile is not None
    outputs, branches = page.lines.lines.profile.lines
    assert {reading.points[i].kind for i in branches.points} == {"branch"}
    assert not set(outputs.points.tolist()) & set(branches.points.tolist())
    assert len(outputs.points) + len(branches.points) == len(reading.points)
    assert any("branches" in key.words for key in page.legend.keys)


def test_the_onset_is_named(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(opened(), theme, qtbot)
    reading, page = reading_of(view), view.pages["depth"]
    table = reading.table("entropy")[-1]
    first = next(i for i, value in enumerate(table.tolist()) if value > 0)
    assert reading.point_words(first) in page.claim.text
    assert f"{int((table > 0).sum())} of {len(table)} points" in page.claim.text
    assert view.look.point == first


def test_a_net_without_conflicts_says_how_near_it_is(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    points = sum(layer.kind in bundle_scenes.KINDS for layer in workspace.layers)
    ids = np.broadcast_to(np.arange(COUNT, dtype=np.int32), (1, points, COUNT)).copy()
    view = view_of(opened(checkpoints=1, ids=ids), theme, qtbot)
    assert view.pages["depth"].claim.text.startswith(f"No conflict at any of {points} points · nearest:")
    assert "16\N{NO-BREAK SPACE}τ" in view.pages["depth"].claim.text
    assert not view.checkpoints.isVisible()
    view.show_page("flow")
    settle()
    page = view.pages["flow"]
    assert isinstance(page, FlowPage)
    assert "nothing to join" in page.plot.note


def test_a_sample_of_one_label_is_grey_and_says_why(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(opened(labels=np.full(COUNT, 3)), theme, qtbot)
    page = view.pages["depth"]
    assert isinstance(page, DepthPage)
    assert page.lines.lines.profile is not None
    assert page.lines.lines.profile.grey
    assert "All pictures have one label" in page.claim.text
    page.tell_point(5)
    assert "0: all pictures have one label" in view.readout.text


def pixel(plot: DepthPlot, point: int, height: float = 0.5) -> QPoint:
    area, (left, right) = plot.area(), plot.box.viewRange()[0]
    return QPoint(
        round(area.left() + (point - left) / (right - left) * area.width()),
        round(area.bottom() - height * area.height()),
    )


def test_a_click_selects_the_layer_everywhere(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    view = view_of(workspace, theme, qtbot)
    page, reading = view.pages["depth"], reading_of(view)
    assert isinstance(page, DepthPage)
    click(page.lines.viewport(), pixel(page.lines, 9))
    assert workspace.selection.layer == reading.points[9].name
    assert view.look.point == 9
    click(page.bars.viewport(), pixel(page.bars, 4))
    assert workspace.selection.layer == reading.points[4].name
    workspace.step_back()
    settle()
    assert view.look.point == 9
    assert page.bars.bars.selected == 9


def test_a_layer_selected_elsewhere_is_found_by_its_twin(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    view = view_of(workspace, theme, qtbot)
    workspace.select_layer("layer2.1:relu#2")
    settle()
    assert reading_of(view).points[view.look.point].name == "layer2.1"
    workspace.select_layer("conv1")  # not a point: the look stays
    settle()
    assert reading_of(view).points[view.look.point].name == "layer2.1"


def test_conditions_stand_below_every_side(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(opened(), theme, qtbot)
    wanted = "N = 60 · seed 7 · mode update-grid · η = 0.001 (assumed) · B = 64 (assumed) · W = 1.50 (conv1.weight)"
    for name, _ in PAGES[:-1]:
        view.show_page(name)
        settle()
        assert view.facts.text.startswith(wanted)
        assert "τ = 7.6×10⁻³" in view.facts.text


# -- training --------------------------------------------------------------------------------------------------------


def training(view: BundlesView) -> TrainingPage:
    page = view.pages["training"]
    assert isinstance(page, TrainingPage)
    return page


def color_at(page: TrainingPage, row: int, column: int) -> str:
    QApplication.processEvents()
    plot = page.maps[0]
    image = plot.grab().toImage()
    area, (left, right), (low, high) = plot.area(), *plot.box.viewRange()
    x = area.left() + (column - left) / (right - left) * area.width()
    y = area.top() + (high + row) / (high - low) * area.height()
    return image.pixelColor(round(x) + 4, round(y)).name()


def test_zero_has_a_colour_of_its_own(theme: Theme, qtbot: QtBot) -> None:
    for mode in ("light", "dark"):
        theme.set_mode(mode)
        view = view_of(opened(), theme, qtbot, "training")
        page, reading = training(view), reading_of(view)
        values = reading.table("entropy")[:, reading.lines[0].points].T
        zero, surface = zero_color(theme).name(), theme.color("surface").name()
        row = int(np.flatnonzero(values[:, 0] > 0)[0])
        assert color_at(page, 0, 3) == zero
        assert color_at(page, row, 0) not in (zero, surface)
        assert zero != surface


def test_missing_checkpoints_are_blank_and_broken_ones_hatched(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    workspace.set_images(PICTURES)
    points = sum(layer.kind in bundle_scenes.KINDS for layer in workspace.layers)
    ids = bundle_scenes.planted(points, CHECKPOINTS, COUNT)
    ids[0, 3, :5] = -1
    sent = events(workspace, ids=ids)
    half = next(i for i, e in enumerate(sent) if isinstance(e, Chunk) and e.name == "amplitude" and e.at == (2,))
    scenes.play(workspace, iter(sent), steps=half)
    view = view_of(workspace, theme, qtbot, "training")
    page, reading = training(view), reading_of(view)
    assert reading.measured == 2
    assert view.look.checkpoint == 1
    assert np.isnan(reading.table("entropy")[2:]).all()
    assert not reading.non_finite()[2:].any()
    assert color_at(page, 2, 3) == theme.color("surface").name()
    line = next(number for number, line in enumerate(reading.lines) if 3 in line.points)
    row = int(np.flatnonzero(reading.lines[line].points == 3)[0])
    assert page.maps[line].cells.broken[row, 0]
    assert page.maps[line].cells.broken.sum() == 1
    assert any(key.words == "not finite" for key in page.legend.keys)


def test_the_margin_is_the_mean_over_time(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(opened(), theme, qtbot, "training")
    page, reading = training(view), reading_of(view)
    for plot, line in zip(page.maps, reading.lines, strict=True):
        np.testing.assert_allclose(plot.strip.values, reading.table("entropy").mean(axis=0)[line.points])
        assert plot.strip.top == pytest.approx(math.log(10))
    view.values.set_value("conflict")
    view._value_chosen("conflict")
    settle()
    assert page.maps[0].strip.top == 1.0
    share = reading.table("samples_in_conflict").mean(axis=0)[reading.lines[0].points] / COUNT
    np.testing.assert_allclose(page.maps[0].strip.values, share)


def test_a_cell_selects_checkpoint_and_layer(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    view = view_of(workspace, theme, qtbot, "training")
    page, reading = training(view), reading_of(view)
    page.maps[1].cell_clicked.emit(5, 1)
    settle()
    point = int(reading.lines[1].points[5])
    assert (view.look.checkpoint, view.look.point) == (1, point)
    assert workspace.selection.layer == reading.points[point].name
    assert view.checkpoints.currentIndex() == 1
    assert page.maps[1].cells.selected == (5, 1)
    assert page.maps[0].cells.selected == (-1, 1)


def test_time_series_are_of_the_last_point_until_one_is_chosen(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    view = view_of(workspace, theme, qtbot, "training")
    page, reading = training(view), reading_of(view)
    last = len(reading.points) - 1
    ceiling, floor = page.accuracy.item.curves[1], page.loss.item.curves[1]
    np.testing.assert_allclose(ceiling.y, 1 - reading.table("error_floor")[:, last])
    np.testing.assert_allclose(floor.y, reading.table("entropy")[:, last])
    assert "guides in this one" in page.claim.text
    view.choose_point(6)
    settle()
    np.testing.assert_allclose(page.loss.item.curves[1].y, reading.table("entropy")[:, 6])


# -- bundles ---------------------------------------------------------------------------------------------------------


def test_the_table_adds_up_to_the_entropy(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(opened(), theme, qtbot, "bundle")
    reading = reading_of(view)
    view.choose_point(len(reading.points) - 2)
    settle()
    table = view.bundle_page.table.table
    found = [bundle.contribution for bundle in table.bundles]
    assert found == sorted(found, reverse=True)
    assert sum(found) == pytest.approx(reading.table("entropy")[-1, view.look.point])
    largest = table.bundles[0]
    assert table.words(largest).count(",") == np.count_nonzero(largest.labels) - 1
    assert f"{largest.size:,}" == table.data(table.index(0, 1))


def test_a_bundle_shows_its_pictures_and_filters_all_others(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    view = view_of(workspace, theme, qtbot, "bundle")
    reading, page = reading_of(view), view.bundle_page
    point = len(reading.points) - 2
    view.choose_point(point)
    settle()
    qtbot.waitUntil(lambda: view.thumbnails.pictures is not None)
    bundle = page.table.table.bundles[0]
    page.table.selectRow(0)
    settle()
    ids = bundle_scenes.planted(len(reading.points), CHECKPOINTS, COUNT)[-1, point]
    wanted = 3 * np.flatnonzero(ids == ids[0])  # the run used every third picture of the source
    assert view.look.bundle == bundle.id
    assert page.grid.samples.places.tolist() == wanted.tolist()
    assert workspace.sample_filter is not None
    assert workspace.sample_filter.places.tolist() == wanted.tolist()
    assert reading.point_words(point) in workspace.sample_filter.name
    table = page.grid.samples.table
    assert table is not None
    assert [table.labels[place] for place in wanted] == [i % 10 for i in (wanted // 3)]
    page.grid.chosen.emit(int(wanted[1]), (int(wanted[1]),))
    assert workspace.selection.sample == wanted[1]


def test_looking_elsewhere_ends_the_filter_that_a_bundle_had_set(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    view = view_of(workspace, theme, qtbot, "bundle")
    view.choose_point(len(reading_of(view).points) - 1)
    settle()
    view.choose_bundle(view.look.point, view.bundle_page.table.table.bundles[0].id)
    assert workspace.sample_filter is not None
    view.choose_point(2)
    assert workspace.sample_filter is None
    view.choose_bundle(len(reading_of(view).points) - 1, 0)
    other = SampleFilter("cat taken for dog", np.array([1, 2]))
    workspace.filter_samples(other)
    view.choose_point(3)
    assert workspace.sample_filter is other


def test_the_same_pictures_are_followed_to_the_next_point(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    view = view_of(workspace, theme, qtbot, "bundle")
    reading, page = reading_of(view), view.bundle_page
    ids = bundle_scenes.planted(len(reading.points), CHECKPOINTS, COUNT)[-1]
    start = int(reading.lines[0].points[-2])
    view.choose_bundle(start, 0)
    settle()
    members = np.flatnonzero(ids[start] == 0)
    page.after.click()
    settle()
    after = int(reading.lines[0].points[-1])
    assert view.look.point == after
    assert page.followed.tolist() == members.tolist()
    assert f"all {len(members)} followed pictures" in page.trace.text
    for _ in range(3):
        page.before.click()
        settle()
    assert view.look.point == int(reading.lines[0].points[-4])
    here = int((ids[view.look.point][members] == 0).sum())
    assert f"{here} of {len(members)} followed pictures are here" in page.trace.text
    view.choose_point(2)
    settle()
    assert not len(page.followed)
    assert page.trace.text == ""


def test_following_to_where_all_are_alone_keeps_the_pictures(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(opened(), theme, qtbot, "bundle")
    reading, page = reading_of(view), view.bundle_page
    first = reading.onset(view.look.checkpoint)
    line = reading.line_of(first)
    view.choose_bundle(first, 0)
    settle()
    qtbot.waitUntil(lambda: view.thumbnails.pictures is not None)
    members = page.rows()
    page.before.click()
    settle()
    assert view.look.point == reading.neighbour(first, -1)
    assert view.look.point in line.points
    assert view.look.bundle == -1
    assert page.rows().tolist() == members.tolist()
    assert "each alone here" in page.head.text


def test_a_run_of_other_pictures_says_so(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(opened(), theme, qtbot, "bundle")
    qtbot.waitUntil(lambda: view.thumbnails.pictures is not None)
    reading = reading_of(view)
    reading.places = reading.places + 10**6
    view.choose_bundle(len(reading.points) - 1, 0)
    settle()
    assert "not the pictures of the run" in view.bundle_page.note.text()


# -- flow ------------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 30).flatmap(lambda n: st.tuples(*[st.lists(st.integers(-1, 6), min_size=n, max_size=n)] * 3)))
def test_bands_lose_nobody(rows: tuple[list[int], ...]) -> None:
    ids = tuple(np.unique(row, return_inverse=True)[1].astype(np.int32) for row in rows)
    labels = np.arange(len(ids[0])) % 3
    columns = columns_of(ids, labels, 3, most=4)
    for column in columns:
        assert sum(block.size for block in column.blocks) == len(labels)
        assert column.blocks[0].low == 0
        assert column.blocks[-1].high <= 1 + 1e-9
        assert sum(block.bundle != REST for block in column.blocks) <= 4
    for column, after in pairwise(columns):
        for number, block in enumerate(column.blocks):
            bands = [band for band in column.bands if band.source == number]
            assert sum(band.count for band in bands) == block.size
            assert all(band.splits == (len(bands) > 1 and block.bundle != REST) for band in bands)
        for number, block in enumerate(after.blocks):
            assert sum(band.count for band in column.bands if band.target == number) == block.size


def test_conflicts_are_those_of_the_labels() -> None:
    ids = np.array([0, 0, 1, 1, 2], dtype=np.int32)
    (column,) = columns_of((ids,), np.array([0, 1, 2, 2, 0]), 3)
    assert {block.bundle: block.conflict for block in column.blocks} == {0: True, 1: False, REST: False}


def test_growing_bundles_never_split_and_a_click_opens_one(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened(mode="exact")
    view = view_of(workspace, theme, qtbot, "flow")
    page, reading = view.pages["flow"], reading_of(view)
    assert isinstance(page, FlowPage)
    columns = page.plot.flow.columns
    assert len(columns) == len(reading.lines[0].points)
    assert not any(band.splits for column in columns for band in column.bands)
    assert "never fall apart" in page.claim.text
    place = len(columns) - 1
    block = next(block for block in columns[place].blocks if block.conflict)
    high = page.plot.box.viewRange()[1][1]
    click(page.plot.viewport(), pixel(page.plot, place, (block.low + block.high) / 2 / high))
    assert view.segments.value == "bundle"
    assert view.look.point == reading.lines[0].points[place]
    assert view.look.bundle == block.bundle


# -- tolerance -------------------------------------------------------------------------------------------------------


def test_critical_tolerances_are_drawn_and_told(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(opened(), theme, qtbot, "tolerance")
    page, reading = view.pages["tolerance"], reading_of(view)
    assert isinstance(page, TolerancePage)
    values = reading.table("critical_tolerance")[-1]
    np.testing.assert_array_equal(page.critical.bars.values, values)
    inside = int((values <= 1).sum())
    assert f"{inside} of {len(values)} points conflict at τ or finer, 1 at every width" in page.claim.text
    page.tell_point(0)
    assert "critical none found" in view.readout.text
    page.tell_point(len(values) - 1)
    assert "critical 0: values are equal" in view.readout.text
    view.choose_point(12)
    settle()
    own = page.curve.item.curves[-1]
    np.testing.assert_allclose(own.x, [-2, -1, 0, 1, 2])
    np.testing.assert_allclose(own.y, reading.result["entropy_by_tolerance"][:, -1, 12])


def test_other_modes_have_no_width(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(opened(mode="exact"), theme, qtbot, "tolerance")
    assert "update-grid" in view.pages["tolerance"].claim.text
    assert "η" not in view.facts.text


# -- removal ---------------------------------------------------------------------------------------------------------


def removal(conflicting: int = 4) -> Workspace:
    workspace = opened()
    study = bundle_scenes.removal_events(workspace.layers, scenes.MODEL, PICTURES, conflicting)
    scenes.play(workspace, study, folder="runs/removal")
    return workspace


def test_ticks_show_accuracy_and_cost(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(removal(), theme, qtbot, "removal")
    page = view.removal
    assert page.reading is not None
    assert len(page.reading.blocks) == 9
    page.tick(page.reading.blocks[:2])
    whole, without, change = (cell.text() for cell in page.cells["macs"])
    assert (whole, without) == ("1.00\N{NO-BREAK SPACE}M", "997\N{NO-BREAK SPACE}k")
    assert change == "−0.3 %"
    measured = 90.0 - 100 * (0.001 + 0.001 + 0.004)
    assert page.cells["accuracy"][1].text() == f"{measured:.1f}\N{NO-BREAK SPACE}%"
    (spot,) = page.plot.item.spots
    assert (spot.x[0], spot.y[0]) == (2.0, pytest.approx(measured))
    page.tick((page.reading.blocks[0], page.reading.blocks[8], page.reading.blocks[4]))
    assert page.cells["accuracy"][1].text() == ""
    assert page.measure.isEnabled()
    assert not page.plot.item.spots


def test_the_order_offers_what_can_go(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(removal(), theme, qtbot, "removal")
    page = view.removal
    assert page.reading is not None
    loss = np.cumsum(0.001 + 0.004 * np.arange(9) ** 1.5)
    assert page.reading.bearable() == int((loss < 0.01).sum()) == 2
    page.first.click()
    assert page.ticked == page.reading.blocks[:2]
    assert page.cells["latency0"][1].text() == "4\N{NO-BREAK SPACE}ms"  # this is the network that the run has reduced
    assert page.claim.text.startswith("2 of 9 blocks can go at a loss below 1 percentage point ·")


def test_keeping_is_one_step_that_can_be_undone(theme: Theme, qtbot: QtBot) -> None:
    workspace = removal()
    workspace.set_edits(Edits(widths=(("g", 8),)))
    view = view_of(workspace, theme, qtbot, "removal")
    page = view.removal
    assert page.reading is not None
    chosen = page.reading.blocks[1:3]
    page.tick(chosen)
    page.keep.click()
    settle()
    assert workspace.edits == Edits(removed=chosen, widths=(("g", 8),))
    assert workspace.undo.count() == 1
    assert not page.keep.isEnabled()
    workspace.undo.undo()
    settle()
    assert workspace.edits.removed == ()
    assert page.ticked == ()
    workspace.undo.redo()
    settle()
    assert page.ticked == chosen
    page.tick(())
    assert page.keep.text() == "Put all blocks back"


def test_a_subset_can_be_measured(theme: Theme, qtbot: QtBot) -> None:
    workspace = removal()
    view = view_of(workspace, theme, qtbot, "removal")
    wanted: list[Request] = []
    workspace.run_wanted.connect(wanted.append)
    assert view.removal.reading is not None
    blocks = view.removal.reading.blocks
    workspace.set_edits(Edits(removed=blocks[:1]))
    view.removal.tick((blocks[0], blocks[3], blocks[8]))
    view.removal.measure.click()
    assert wanted[0].method == "block_removal"
    assert dict(wanted[0].params) == {"blocks": ",".join((blocks[0], blocks[3], blocks[8]))}
    assert wanted[0].edits.removed == ()  # the study removes blocks itself, from the whole network


@pytest.mark.parametrize(("conflicting", "words"), [(0, "no curve of conflicting"), (9, "no curve of non-conflicting")])
def test_an_empty_group_is_said_in_words(conflicting: int, words: str, theme: Theme, qtbot: QtBot) -> None:
    view = view_of(removal(conflicting), theme, qtbot, "removal")
    assert words in view.removal.claim.text
    assert sum(key.words.startswith("random") for key in view.removal.legend.keys) == 1
    assert any(key.words.endswith("at τ, so no curve") for key in view.removal.legend.keys)


def test_removal_asks_for_what_it_needs(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    view = view_of(workspace, theme, qtbot, "removal")
    wanted: list[Request] = []
    workspace.run_wanted.connect(wanted.append)
    assert "min" in view.removal.note.text()
    view.removal.ask.click()
    assert [request.method for request in wanted] == ["block_removal"]
    plain = tuple(replace(layer, block="") for layer in scenes.network() if layer.kind != "branch")
    other = view_of(scenes.opened(plain), theme, qtbot, "removal")
    assert "no residual blocks" in other.removal.note.text()
    assert not other.removal.ask.isVisible()


# -- the Overview ----------------------------------------------------------------------------------------------------


def test_tracks_appear_by_themselves_with_zero_as_a_mark(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    overview = Overview(workspace, theme)
    qtbot.addWidget(overview)
    show(overview)
    keys = [track.key for track in overview.tracks.tracks]
    assert "conflicting_bundles.entropy" in keys
    assert "conflicting_bundles.critical_tolerance" in keys
    by_key = {metric.key: metric for metric in available(workspace)}
    run = workspace.latest("conflicting_bundles")
    assert run is not None
    values = read(by_key["conflicting_bundles.entropy"], workspace.layers, run.result)
    names = [layer.name for layer in workspace.layers]
    last = run.result["entropy"][-1]
    for point, layer in enumerate(run.result.layers):
        row = names.index(layer.name)
        assert values.values[row] == last[point]
        assert values.states[row] == (ZERO if last[point] == 0 else VALUE)
    critical = read(by_key["conflicting_bundles.critical_tolerance"], workspace.layers, run.result)
    assert critical.states[names.index("input")] == NOT_APPLICABLE


# -- looks -----------------------------------------------------------------------------------------------------------


LOOKS = [(name, "light") for name, _ in PAGES] + [("training", "dark"), ("flow", "dark")]


@pytest.mark.parametrize(("page", "mode"), LOOKS)
def test_it_looks_as_approved(page: str, mode: str, theme: Theme, qtbot: QtBot, request: pytest.FixtureRequest) -> None:
    theme.set_mode(mode)
    view = view_of(removal(), theme, qtbot, page)
    view.choose_point(len(reading_of(view).points) - 3)
    settle()
    if page == "bundle":
        qtbot.waitUntil(lambda: view.thumbnails.pictures is not None)
        view.choose_bundle(view.look.point, 0)
        settle()
        qtbot.waitUntil(lambda: view.thumbnails.size[0] >= len(view.bundle_page.rows()))
    if page == "removal":
        view.removal.first.click()
    settle()
    snapshots.check(view, f"bundles-{page}" if mode == "light" else f"bundles-{page}-dark", request)


# -- distances -------------------------------------------------------------------------------------------------------


def test_distances_are_the_largest_difference_in_widths() -> None:
    maps = np.zeros((1, 3, 2, 1, 2))
    maps[0, 1, 1, 0, 1], maps[0, 2, 0, 0, 0] = -0.5, np.nan
    names = (("picture", ("4", "9", "11")),)
    shape = Output("maps", ("layer", "picture", "channel", "y", "x"), maps.shape)
    result = Result.of((Declared((shape,), names=names), Chunk("maps", (), maps)))
    assert distances.distances(result, np.array([4, 9, 11]), 0.25) == {4: 0.0, 9: 2.0, 11: 0.0}
    assert distances.distances(result, np.array([4, 9]), float("nan")) == {4: 0.0, 9: 0.5}
    assert distances.distances(result, np.array([5, 9]), 0.25) == {}


def test_values_are_rows_of_heat_on_one_scale() -> None:
    maps = np.array([[[[[0.0, 2.0, 4.0, 6.0]]], [[[8.0, 8.0, 0.0, 0.0]]], [[[np.nan] * 4]]]])
    shape = Output("maps", ("layer", "picture", "channel", "y", "x"), maps.shape)
    result = Result.of((Declared((shape,), names=(("picture", ("4", "9", "11")),)), Chunk("maps", (), maps)))
    rows = distances.heat_rows(result, np.array([4, 9, 11]), 2)
    assert {place: row.tolist() for place, row in rows.items()} == {4: [0.125, 0.625], 9: [1.0, 0.0]}
    assert distances.heat_rows(result, np.array([5]), 2) == {}


def test_pictures_of_a_real_bundle_lie_within_one_width(theme: Theme, qtbot: QtBot) -> None:
    """The engine compares keys, this compares values: two ways to the same claim (values of one cell)."""
    model, pictures = ModelSource("demo:fashion_plain", (EPOCH,)), ImageSource("demo:train")
    params = (("critical", False), ("tolerances", False))
    workspace = Workspace()
    workspace.set_model(model)
    workspace.set_images(pictures)
    request = Request("conflicting_bundles", model, pictures, params=params, limit=48)
    result = Result.of(engine.run(request))
    workspace.add_stored(Path("runs/x"), request, result, "completed")
    view = view_of(workspace, theme, qtbot, "bundle")
    view.choose_point(len(reading_of(view).points) - 3)
    settle()
    bundle = view.bundle_page.table.table.bundles[0]
    view.choose_bundle(view.look.point, bundle.id)
    settle()
    wanted: list[Request] = []
    workspace.run_wanted.connect(wanted.append)
    view.bundle_page.measure.click()
    workspace.add_stored(Path("runs/y"), wanted[0], Result.of(engine.run(wanted[0])), "completed")
    settle()
    places = view.bundle_page.grid.samples.places
    found = distances.distances(list(workspace.runs.values())[-1].result, places, result["tau"][0])
    assert set(found) == set(places.tolist())
    assert 0 < max(found.values()) <= 1
    assert set(view.bundle_page.grid.members.distances) == set(found)
    assert not view.bundle_page.measure.isEnabled()


def test_distances_say_why_they_cannot_be_measured(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(opened(), theme, qtbot, "bundle")
    reading = reading_of(view)
    view.choose_bundle(int(reading.lines[0].points[-1]), 0)
    settle()
    assert view.bundle_page.measure.isEnabled()
    view._choose_cell(0, int(reading.lines[0].points[-1]))
    view.choose_bundle(int(reading.lines[0].points[-1]), 0)
    settle()
    assert "last checkpoint" in view.bundle_page.measure.toolTip()
    assert not view.bundle_page.measure.isEnabled()


def test_the_newest_checkpoint_is_shown_until_one_is_chosen(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    sent = events(workspace)
    ends = [i for i, e in enumerate(sent) if isinstance(e, Chunk) and e.name == "state"]
    run = scenes.play(workspace, iter(sent), steps=ends[0] + 1)
    view = view_of(workspace, theme, qtbot)
    assert view.look.checkpoint == 0
    for event in sent[ends[0] + 1 : ends[1] + 1]:
        workspace.apply(run.number, event)
    workspace.announce(run.number)
    settle()
    assert view.look.checkpoint == 1
    view.checkpoints.setCurrentIndex(0)
    view.checkpoints.activated.emit(0)
    for event in sent[ends[1] + 1 :]:
        workspace.apply(run.number, event)
    workspace.announce(run.number)
    settle()
    assert view.look.checkpoint == 0
