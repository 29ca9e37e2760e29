"""Bundles of a second network behind those of the open one, and which classes merge."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from analysis.events import Chunk
from analysis.figures import FigureSpec, Style, make_sheet
from analysis.figures.draw import encode
from analysis.figures.sheet import Matrix
from analysis.measures.bundles import first_merge
from analysis.result import Result
from app.bundling.depth_page import DepthPage
from app.bundling.merge_page import MergePage, ranked
from app.bundling.page import differences
from app.bundling.removal_page import curves_of, outlines_of
from app.bundling.tolerance_page import TolerancePage
from app.bundling.training_page import TrainingPage
from app.reading.bundle_comparison import SecondReading
from app.reading.bundles import Reading
from app.reading.comparing import second_names
from app.theme import Theme
from app.views.bundles import BundlesView
from app.workspace import Run, Workspace
from tests import bundle_scenes, scenes
from tests.comparing_scenes import NAME, OTHER, PICTURES, built, of_other, page
from tests.gestures import settle, theme

__all__ = ["theme"]


# -- bundles ---------------------------------------------------------------------------------------------------------


def bundles(blocks: int = 3, **how: Any) -> tuple[Workspace, Run, Run]:
    """Two networks with runs of bundles, the second one compared with."""
    workspace = scenes.opened()
    workspace.set_images(PICTURES)
    own = scenes.play(workspace, bundle_scenes.bundle_events(workspace.layers, scenes.MODEL, PICTURES))
    rows = scenes.network(blocks)
    other = scenes.play(workspace, of_other(bundle_scenes.bundle_events(rows, OTHER, PICTURES, **how)))
    workspace.compare_with(other.number)
    return workspace, own, other


def same_points(own: Run, other: Run) -> list[tuple[int, int]]:
    names = {point.name: place for place, point in enumerate(other.result.layers)}
    return [(i, names[point.name]) for i, point in enumerate(own.result.layers) if point.name in names]


def test_points_of_one_name_correspond_and_branches_never_to_outputs(qapp: Any) -> None:
    workspace, own, other = bundles(5)
    shown, second = Reading(own.result), Reading(other.result)
    found = SecondReading(NAME, second, shown, second_names(workspace))
    for ours, theirs in same_points(own, other):
        assert found.points[ours] == theirs
    for ours, theirs in enumerate(found.points.tolist()):
        assert (own.result.layers[ours].kind == "branch") == (other.result.layers[theirs].kind == "branch")


def test_the_depth_profile_has_the_other_one_behind_it(theme: Theme, qtbot: QtBot) -> None:
    workspace, own, other = bundles(5)
    view = built(BundlesView, workspace, theme, qtbot)
    depth = page(view, "depth")
    assert isinstance(depth, DepthPage)
    profile, highest = depth.lines.lines.profile, Reading(own.result).highest
    assert profile is not None
    entropy = {int(p): float(v) for line in profile.outline for p, v in zip(line.points, line.entropy, strict=True)}
    conflict = Reading(other.result).value("conflict")[-1]
    for ours, theirs in same_points(own, other):
        assert entropy[ours] * highest == pytest.approx(other.result["entropy"][-1, theirs])
        assert depth.bars.bars.outline[ours] == pytest.approx(conflict[theirs])
    assert any(key.words.startswith(NAME) for key in depth.legend.keys)
    ours, theirs = same_points(own, other)[-1]
    depth.tell_point(ours)
    difference = own.result["entropy"][-1, ours] - other.result["entropy"][-1, theirs]
    assert f"({difference:+.3f})".replace("-", "−") in view.readout.text
    workspace.compare_with(None)
    settle()
    assert depth.lines.lines.profile.outline == ()
    assert not depth.bars.bars.outline.size
    assert not any(NAME in key.words for key in depth.legend.keys)


def test_time_series_have_the_other_one_behind_them(theme: Theme, qtbot: QtBot) -> None:
    workspace, own, other = bundles(checkpoints=2)
    training = page(built(BundlesView, workspace, theme, qtbot), "training")
    assert isinstance(training, TrainingPage)
    assert training.reading is not None
    point = training.point(training.reading)
    theirs = dict(same_points(own, other))[point]
    outline = training.loss.item.curves[0]
    assert outline.hue == "text"
    # Checkpoints of the same names stand at the same places, though there are fewer of them.
    assert outline.x.tolist() == [0.0, 1.0]
    assert outline.y.tolist() == pytest.approx(other.result["entropy"][:, theirs].tolist())
    assert training.accuracy.item.curves[0].y.tolist() == pytest.approx(other.result["accuracy"].tolist())


def test_tolerances_have_the_other_ones_behind_them(theme: Theme, qtbot: QtBot) -> None:
    workspace, own, other = bundles(5)
    view = built(BundlesView, workspace, theme, qtbot)
    ours, theirs = same_points(own, other)[8]
    view.choose_point(ours)
    tolerance = page(view, "tolerance")
    assert isinstance(tolerance, TolerancePage)
    outline = tolerance.critical.bars.outline
    np.testing.assert_array_equal(outline[ours], other.result["critical_tolerance"][-1, theirs])
    curve = tolerance.curve.item.curves[-2]
    assert curve.y.tolist() == pytest.approx(other.result["entropy_by_tolerance"][:, -1, theirs].tolist())


def test_bundles_say_how_many_of_their_pictures_the_other_one_merges(theme: Theme, qtbot: QtBot) -> None:
    rows = [layer for layer in scenes.network() if layer.kind in bundle_scenes.KINDS]
    ids = bundle_scenes.planted(len(rows), 4, 60)
    ids[-1, -1] = np.arange(60)
    ids[-1, -1, 1:3] = 1  # two of the largest bundle's pictures are still together there
    workspace, own, _ = bundles(ids=ids)
    view = built(BundlesView, workspace, theme, qtbot)
    view.choose_point(len(own.result.layers) - 1)
    table = page(view, "bundle").table.table
    largest = max(table.bundles, key=lambda bundle: bundle.size)
    assert table.together[largest.id] == 2
    assert table.data(table.index(table.row_of(largest.id), 5)) == f"2 (−{largest.size - 2})"
    workspace.compare_with(None)
    settle()
    assert table.columnCount() == 5


def test_other_pictures_are_not_counted(qapp: Any) -> None:
    workspace, own, other = bundles(count=50)
    found = SecondReading(NAME, Reading(other.result), Reading(own.result), second_names(workspace))
    assert not found.same_pictures
    assert found.together(3, len(own.result.layers) - 1, (0,)) == {}


def test_removal_has_the_other_curve_behind_it(theme: Theme, qtbot: QtBot) -> None:
    workspace, _, _ = bundles()
    scenes.play(workspace, bundle_scenes.removal_events(workspace.layers, scenes.MODEL, PICTURES))
    scenes.play(workspace, of_other(bundle_scenes.removal_events(scenes.network(5), OTHER, PICTURES)))
    view = built(BundlesView, workspace, theme, qtbot)
    view.show_page("removal")
    settle()
    removal = view.removal
    assert removal.second is not None
    assert removal.second[0] == NAME
    drawn = removal.plot.item.curves
    assert len(drawn) == len(curves_of(removal.reading)) + len(outlines_of(removal.second[1]))
    assert drawn[0].y.tolist() == pytest.approx((100 * removal.second[1].group("all")[0]).tolist(), nan_ok=True)
    removal._point_at((2.0, 50.0))
    assert NAME in view.readout.text
    workspace.compare_with(None)
    settle()
    assert removal.second is None
    assert len(removal.plot.item.curves) == len(curves_of(removal.reading))


def test_runs_that_were_measured_otherwise_are_not_subtracted(qapp: Any) -> None:
    workspace, own, other = bundles()
    shown, number = Reading(own.result), len(own.result.names("checkpoint")) - 1
    second = SecondReading(NAME, Reading(other.result), shown, second_names(workspace))
    assert second.why_no_difference(number) == ""
    point = same_points(own, other)[-1][0]
    assert "in conflict" in differences(shown, second, number, point)[0].text
    other.result["eta"][second.checkpoint(number)] = 0.5
    assert second.why_no_difference(number) == "η = 0.001 here, 0.5 there"
    text = differences(shown, second, number, point)[0].text
    assert "no difference: η" in text
    assert "in conflict" not in text
    workspace, own, other = bundles(mode="exact")
    assert "mode update-grid here, exact there" in SecondReading(
        NAME, Reading(other.result), Reading(own.result), second_names(workspace)
    ).why_no_difference(number)


# -- which classes merge ---------------------------------------------------------------------------------------------


def test_the_matrix_of_classes_is_that_of_the_partitions(theme: Theme, qtbot: QtBot) -> None:
    workspace, own, _ = bundles()
    workspace.compare_with(None)
    view = built(BundlesView, workspace, theme, qtbot)
    merges = page(view, "classes")
    assert isinstance(merges, MergePage)
    np.testing.assert_array_equal(merges.first, own.result["first_merge"])
    # What is stored is of the last checkpoint; of an earlier one it is read off the bundles.
    view._choose_checkpoint(1)
    settle()
    wanted, pairs = first_merge(own.result["bundle_ids"][1], own.result["label"].astype(np.int64), 10)
    np.testing.assert_array_equal(merges.first, wanted)
    np.testing.assert_array_equal(merges.pairs, pairs)


def test_selected_pictures_say_where_they_first_share_a_bundle(theme: Theme, qtbot: QtBot) -> None:
    workspace, own, _ = bundles()
    workspace.compare_with(None)
    view = built(BundlesView, workspace, theme, qtbot)
    merges = page(view, "classes")
    assert isinstance(merges, MergePage)
    assert not merges.shared.isVisible()
    ids, reading = own.result["bundle_ids"][-1], view.reading
    assert reading is not None
    one, other = np.flatnonzero(ids[-1] == np.bincount(ids[-1]).argmax())[:2].tolist()
    wanted = next(point for point, row in enumerate(ids) if row[one] == row[other])
    assert wanted > 0
    places = tuple(int(reading.places[row]) for row in (one, other))
    workspace.select_sample(places[0], places)
    settle()
    assert merges.shared.text.endswith(f"first all in one bundle at {reading.point_words(wanted)}")
    assert reading.first_shared(len(reading.checkpoints) - 1, (places[0], 10**6)) is None


def test_the_list_begins_with_the_earliest_merge_and_a_click_selects_its_point(theme: Theme, qtbot: QtBot) -> None:
    workspace, own, _ = bundles()
    workspace.compare_with(None)
    view = built(BundlesView, workspace, theme, qtbot)
    merges = page(view, "classes")
    first, pairs = own.result["first_merge"], own.result["merged_pairs"]
    order = [(int(first[a, b]), -int(pairs[a, b])) for a, b in ranked(first, pairs)]
    assert order == sorted(order)
    assert merges.list.topLevelItemCount() == len(order)
    names = own.result.names("class")
    row, column = ranked(first, pairs)[0]
    assert merges.list.topLevelItem(0).text(0) == f"{names[row]} – {names[column]}"
    assert merges.list.columnCount() == 3
    a, b = ranked(first, pairs)[-1]
    merges.matrix.cell_clicked.emit(a, b)
    settle()
    assert view.look.point == first[a, b]
    assert workspace.selection.layer == own.result.layers[first[a, b]].name
    assert merges.matrix.cells.selected == (a, b)
    merges.matrix.cell_hovered.emit(a, b)
    assert f"{pairs[a, b]} pair" in view.readout.text
    assert f"{names[a]} – {names[b]}" in view.readout.text


def test_what_never_merges_has_the_colour_of_zero_and_one_class_none(theme: Theme, qtbot: QtBot) -> None:
    workspace, own, _ = bundles()
    workspace.compare_with(None)
    own.result["first_merge"][2, 3] = own.result["first_merge"][3, 2] = -1
    merges = page(built(BundlesView, workspace, theme, qtbot), "classes")
    cells = merges.matrix.cells.cells
    assert cells is not None
    assert cells.values[2, 3] == 0
    assert np.isnan(np.diagonal(cells.values)).all()
    assert (2, 3) not in ranked(merges.first, merges.pairs)
    merges.matrix.cell_clicked.emit(2, 3)  # nothing to select


def test_merges_of_the_other_network_are_framed_and_listed(theme: Theme, qtbot: QtBot) -> None:
    workspace, _, other = bundles()
    other.result["first_merge"][:] = -1
    other.result["first_merge"][0, 1] = other.result["first_merge"][1, 0] = 4
    view = built(BundlesView, workspace, theme, qtbot)
    merges = page(view, "classes")
    assert sorted(merges.matrix.cells.framed) == [(0, 1), (1, 0)]
    assert merges.list.headerItem().text(3) == NAME
    texts = {merges.list.topLevelItem(i).text(0): merges.list.topLevelItem(i).text(3) for i in range(45)}
    assert texts["airplane – automobile"] == Reading(other.result).point_words(4)
    assert texts["bird – cat"] == "never"


def test_a_run_without_merges_says_so(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    workspace.set_images(PICTURES)
    events = list(bundle_scenes.bundle_events(workspace.layers, scenes.MODEL, PICTURES, checkpoints=1))
    last = next(i for i, event in enumerate(events) if isinstance(event, Chunk) and event.name == "entropy")
    scenes.play(workspace, iter(events[:last]))
    merges = page(built(BundlesView, workspace, theme, qtbot), "classes")
    assert merges.first is None
    assert "known when" in merges.claim.text
    assert merges.list.topLevelItemCount() == 0


def test_the_figure_of_merges_counts_the_points_from_them_on() -> None:
    events = bundle_scenes.bundle_events(scenes.network(), scenes.MODEL, scenes.IMAGES)
    result = Result.of(events)
    sheet = make_sheet(FigureSpec("first_merge"), [result])
    (matrix,) = sheet.panels[0].marks
    assert isinstance(matrix, Matrix)
    first = result["first_merge"]
    assert matrix.values[0, 1] == len(result.layers) - first[0, 1]
    assert matrix.blank is not None
    assert np.array_equal(matrix.blank, np.eye(10, dtype=bool))
    assert "45 of 45 pairs of classes merge" in sheet.note
    early = make_sheet(FigureSpec("first_merge", options=(("checkpoint", "epoch-00"),)), [result])
    assert np.nansum(early.panels[0].marks[0].values) > np.nansum(matrix.values)


def test_a_network_that_merges_no_classes_has_a_grey_figure() -> None:
    result = Result.of(bundle_scenes.bundle_events(scenes.network(), scenes.MODEL, scenes.IMAGES))
    result["first_merge"][:] = -1
    sheet = make_sheet(FigureSpec("first_merge"), [result])
    assert "0 of 45 pairs of classes merge" in sheet.note
    assert encode(sheet, Style(), ".svg")
