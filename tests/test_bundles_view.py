"""Conflicting bundles in the window: what each side claims, clicking, selecting, looks."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from analysis.events import Chunk
from app.bundling.depth_page import DepthPage
from app.bundling.flow_page import FlowPage
from app.bundling.tolerance_page import TolerancePage
from app.bundling.training_page import TrainingPage
from app.drawing.bundle_map import zero_color
from app.reading.measurements import NOT_APPLICABLE, VALUE, ZERO, available, read
from app.theme import Theme
from app.views.bundles import PAGES, BundlesView
from app.views.overview import Overview
from tests import bundle_scenes, scenes, snapshots
from tests.bundle_views import (
    CHECKPOINTS,
    COUNT,
    PICTURES,
    entropy,
    events,
    opened,
    pixel,
    reading_of,
    removal,
    view_of,
)
from tests.gestures import click, settle, show, theme

__all__ = ["theme"]


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
