"""The exported stack of tracks: every track of the screen with the numbers of its own run, also what is made of two."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from analysis.figures import FigureSpec, make_sheet
from analysis.figures.measured import measures, pick, told_apart
from analysis.figures.sheet import Bars, Points, Sheet
from analysis.problems import AnalysisError
from app.theme import Theme
from app.views.overview import Overview
from app.workspace import Workspace
from tests import bundle_scenes, scenes
from tests.gestures import settle, show, theme
from tests.results import rank_result

__all__ = ["theme"]
OUTPUTS = ("effective_rank", "effective_rank_high", "channels")


def twice(theme: Theme, qtbot: QtBot, keys: list[str]) -> tuple[Workspace, Overview]:
    """An overview of two rank runs of one network, of 1,000 and of 200 pictures, with the given tracks."""
    workspace = scenes.opened()
    older = scenes.play(workspace, scenes.rank_events(workspace.layers, 1000, seed=1), folder="runs/older")
    scenes.play(workspace, scenes.rank_events(workspace.layers, 200, seed=2), folder="runs/newest")
    view = Overview(workspace, theme)
    qtbot.addWidget(view)
    show(view, 900, 640)
    for track in list(view.tracks.tracks):
        view.toggle_track(track.key)
    for key in keys:
        view.toggle_track(key.replace("@older", f"@{older.number}"))
    settle()
    return workspace, view


def sheet_of(workspace: Workspace, view: Overview) -> Sheet:
    spec = view.figure_spec()
    assert isinstance(spec, FigureSpec)
    by_folder = {str(run.folder): run.result for run in workspace.runs.values()}
    return make_sheet(spec, [by_folder[folder] for folder in spec.runs])


@pytest.mark.parametrize("newest_first", [True, False])
def test_one_measure_of_two_runs_is_two_different_panels(newest_first: bool, theme: Theme, qtbot: QtBot) -> None:
    keys = ["feature_rank.effective_rank", "feature_rank.effective_rank@older"]
    workspace, view = twice(theme, qtbot, keys if newest_first else keys[::-1])
    sheet = sheet_of(workspace, view)
    assert len(sheet.panels) == 2
    for lane, panel in zip(view.stack.lanes, sheet.panels, strict=True):
        (bars,) = panel.marks
        assert isinstance(bars, Bars)
        np.testing.assert_allclose(bars.y, lane.values[: len(bars.y)])
    titles = [panel.y_title for panel in sheet.panels]
    assert ["1,000" in titles[0], "200" in titles[0]] == [not newest_first, newest_first]
    assert len(set(titles)) == 2


def test_the_share_of_the_width_is_exported_as_it_is_drawn(theme: Theme, qtbot: QtBot) -> None:
    workspace, view = twice(theme, qtbot, ["feature_rank.effective_rank_ratio"])
    (bars,) = sheet_of(workspace, view).panels[0].marks
    assert isinstance(bars, Bars)
    assert bars.low is not None, "the interval is that of the rank, divided likewise"
    np.testing.assert_allclose(bars.y, view.stack.lanes[0].values[: len(bars.y)])
    assert np.nanmax(bars.y) <= 1


def test_a_ratio_is_the_quotient_of_its_two_outputs_and_can_be_a_profile() -> None:
    result = rank_result()
    ranks, high, width = (np.asarray(result[name], dtype=np.float64) for name in OUTPUTS)
    want = ranks / width
    np.testing.assert_allclose(pick(result, "effective_rank_ratio", list(range(len(want)))), want)
    found = make_sheet(FigureSpec("profile", options=(("measure", "effective_rank_ratio"),)), [result])
    (bars,) = (mark for mark in found.panels[0].marks if isinstance(mark, Bars))
    np.testing.assert_allclose(bars.y, want)
    assert bars.high is not None
    np.testing.assert_allclose(bars.high, high / width)
    foreign = rank_result()
    assert foreign.request is not None
    foreign.request = replace(foreign.request, method="weight_spectrum")
    assert "effective_rank_ratio" not in measures(foreign), "of a matrix of weights width is not the bound"


def test_a_run_that_the_figure_does_not_have_is_refused() -> None:
    with pytest.raises(AnalysisError, match="rank_ratio@3"):
        make_sheet(FigureSpec("tracks", options=(("measures", "rank_ratio@3"),)), [rank_result(), rank_result(1)])


def test_runs_without_any_difference_are_told_apart_by_their_place() -> None:
    assert told_apart([rank_result(0), rank_result(1)]) == ["net0", "net1"]
    same = told_apart([rank_result(0), rank_result(0)])
    assert len(set(same)) == 2


def test_points_between_layers_stand_where_they_stand_on_screen(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    structure = next(run for run in workspace.runs.values() if run.result is workspace.structure)
    structure.folder = Path("runs/structure")
    events = bundle_scenes.bundle_events(workspace.layers, scenes.MODEL, scenes.IMAGES)
    scenes.play(workspace, events, folder="runs/bundles")
    view = Overview(workspace, theme)
    qtbot.addWidget(view)
    show(view, 900, 640)
    for track in list(view.tracks.tracks):
        view.toggle_track(track.key)
    for key in ("structure.width", "conflicting_bundles.entropy"):
        view.toggle_track(key)
    settle()
    sheet = sheet_of(workspace, view)
    assert len(sheet.panels) == 2
    lane = view.stack.lanes[1]
    bars, *others = sheet.panels[1].marks
    assert isinstance(bars, Bars)
    shown = np.where(lane.states <= 1, lane.values, np.nan)
    np.testing.assert_allclose(bars.y, shown)
    assert np.isfinite(bars.y).sum() > 5
    assert np.isnan(bars.y).any(), "a layer that no point follows has no value"
    (zeros,) = (mark for mark in others if isinstance(mark, Points))
    assert zeros.x.tolist() == np.flatnonzero(shown == 0).tolist()


def test_a_checkpoint_that_no_run_has_is_refused() -> None:
    with pytest.raises(AnalysisError, match="No run has a checkpoint 'epoch-7'"):
        make_sheet(FigureSpec("tracks", options=(("checkpoint", "epoch-7"),)), [rank_result()])
