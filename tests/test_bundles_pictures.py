"""Bundles down to their pictures: the table, filtering, following, flow and distances."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytestqt.qtbot import QtBot

from analysis import engine
from analysis.events import Chunk, Declared, Output
from analysis.request import ImageSource, ModelSource, Request
from analysis.result import Result
from app.bundling.flow_page import FlowPage
from app.drawing.merge_flow import REST, columns_of
from app.reading import distances
from app.reading.bundles import Look, Reading
from app.theme import Theme
from app.workspace import SampleFilter, Workspace
from tests import bundle_scenes, scenes
from tests.bundle_views import CHECKPOINTS, COUNT, EPOCH, events, opened, pixel, reading_of, view_of
from tests.gestures import click, settle, theme

__all__ = ["theme"]


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
    view.choose_bundle(0, 0)
    settle()
    assert "pictures themselves" in view.bundle_page.measure.toolTip()
    assert not view.bundle_page.measure.isEnabled()


def test_the_file_of_a_checkpoint_is_found_in_whatever_names_it(tmp_path: Path, qapp: object) -> None:
    run = opened().latest("conflicting_bundles")
    assert run is not None
    names = run.result.names("checkpoint")
    for name in names:
        (tmp_path / f"{name}.pt").touch()
    files = tuple(str(tmp_path / f"{name}.pt") for name in names)

    def found(weights: tuple[str, ...], checkpoint: int, name: str = "auto") -> ModelSource | None:
        run.request = replace(run.request, model=ModelSource(name, weights))
        return distances.weights_of(run, checkpoint)

    for weights in (files[::-1], (str(tmp_path),), (str(tmp_path / "*.pt"),)):
        assert [found(weights, i) for i in range(len(names))] == [ModelSource("auto", (file,)) for file in files]
    assert found((), 1, "demo:fashion_plain") == ModelSource(f"demo:fashion_plain@{names[1]}")
    point = run.result.layers[3]
    run.request = replace(run.request, model=ModelSource("auto", (str(tmp_path / "gone"),)))
    assert "not found" in distances.why_not(run, point, 0)
    assert "not kept the factor" in distances.why_not(run, point, 0, float("nan"))


def test_distances_of_a_scaled_branch_are_in_its_own_widths() -> None:
    """Keys of an early checkpoint of the demo's own series say who is equal; distances have to agree."""
    model, pictures = ModelSource("demo:fashion_resnet"), ImageSource("demo:train")
    params = (("critical", False), ("tolerances", False), ("eta", 1e-6))
    request = Request("conflicting_bundles", model, pictures, params=params, limit=24)
    result = Result.of(engine.run(request))
    workspace = Workspace()
    workspace.set_model(model)
    workspace.set_images(pictures)
    run = workspace.add_stored(Path("runs/x"), request, result, "completed")
    reading = Reading(result)
    branches = reading.lines[1].points
    assert np.all(result["branch_scale"][:, branches] != 1)
    assert np.all(result["branch_scale"][:, reading.lines[0].points] == 1)
    checked = 0
    for point in branches.tolist():
        ids = reading.ids(0, point)
        rows = np.flatnonzero(ids == np.bincount(ids).argmax())
        if len(rows) < 2 or checked == 2:
            continue
        wanted, why = distances.wanted(workspace, run, reading, Look(0, point, 0), rows)
        assert why == ""
        assert wanted is not None
        maps = Result.of(engine.run(wanted))
        scale = distances.scale_of(reading, 0, point)
        found = distances.distances(maps, reading.places[rows], float(result["tau"][0]), scale)
        assert max(found.values()) <= 1.001
        checked += 1
    assert checked


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
