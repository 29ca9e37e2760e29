"""A second network in exported figures: thin outlines at the layers and classes that correspond."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from analysis.catalogue import Value
from analysis.figures import FigureSpec, make_sheet
from analysis.figures.draw import encode
from analysis.figures.redraw import save_numbers, table
from analysis.figures.sheet import Bars, Outline, Sheet
from analysis.figures.spec import Style
from analysis.problems import AnalysisError
from analysis.result import Result
from app.theme import Theme
from app.views.evaluate import EvaluateView
from app.views.overview import Overview
from app.views.rank import RankView
from app.workspace import Workspace
from tests import scenes
from tests.comparing_scenes import NAME, OTHER, built, of_other
from tests.gestures import theme

__all__ = ["theme"]
SHALLOW, DEEP = scenes.network(3), scenes.network(9)


def rank(deep: bool = False) -> Result:
    if not deep:
        return Result.of(scenes.rank_events(SHALLOW))
    return Result.of(of_other(scenes.rank_events(DEEP, seed=4, model=OTHER)))


def accuracy(deep: bool = False) -> Result:
    names = ("boot", *scenes.CLASSES[1:]) if deep else scenes.CLASSES
    events = scenes.accuracy_events(scenes.confusion(seed=9 if deep else 1), names=names)
    return Result.of(of_other(events) if deep else events)


def sheet(name: str, results: list[Result], **options: Value) -> Sheet:
    return make_sheet(FigureSpec(name, options=tuple(options.items())), results)


def outlines(found: Sheet) -> list[Outline]:
    return [mark for panel in found.panels for mark in panel.marks if isinstance(mark, Outline)]


def test_the_profile_has_the_second_network_behind_it() -> None:
    first, second = rank(), rank(deep=True)
    found = sheet("profile", [first, second], measure="effective_rank", compared=1)
    (mark,) = outlines(found)
    assert mark.label == NAME
    assert sum(isinstance(mark, Bars) for mark in found.panels[0].marks) == 1
    rows = {name: row for row, name in enumerate(second.names("layer"))}
    for name, value in zip(found.panels[0].x_names, mark.y, strict=True):
        assert value == second["effective_rank"][rows[name]]
    assert len(found.fingerprints) == 2


def test_without_the_option_runs_stand_side_by_side_as_before() -> None:
    found = sheet("profile", [rank(), rank(deep=True)], measure="effective_rank")
    assert not outlines(found)
    assert sum(isinstance(mark, Bars) for mark in found.panels[0].marks) == 2


def test_tracks_find_the_run_of_their_own_method() -> None:
    weights, theirs = (Result.of(scenes.weight_events(layers)) for layers in (SHALLOW, DEEP))
    results = [rank(), weights, theirs, rank(deep=True)]
    measures = "feature_rank.effective_rank@1,weight_spectrum.stable_rank@2,feature_rank.dead_channels@1"
    found = sheet("tracks", results, measures=measures, compared=2, kinds="conv")
    marks = outlines(found)
    assert len(marks) == 3
    assert [bool(mark.label) for mark in marks] == [True, False, False]  # the legend says it once
    rows = {name: row for row, name in enumerate(theirs.names("layer"))}
    for name, value in zip(found.panels[1].x_names, marks[1].y, strict=True):
        assert value == theirs["stable_rank"][rows[name]]


def test_classes_correspond_by_name_in_the_figure() -> None:
    first, second = accuracy(), accuracy(deep=True)
    (mark,) = outlines(sheet("class_accuracy", [first, second], compared=1))
    assert np.isnan(mark.y[0])
    np.testing.assert_allclose(mark.y[1:], 100 * second["class_accuracy"][1:])
    assert mark.label.startswith(NAME)


def test_a_second_network_needs_a_first_one() -> None:
    with pytest.raises(AnalysisError, match="second network"):
        sheet("profile", [rank()], compared=1)


def test_numbers_and_script_carry_the_outline(tmp_path: Path) -> None:
    found = sheet("class_accuracy", [accuracy(), accuracy(deep=True)], compared=1)
    rows = [row for row in csv.DictReader(io.StringIO(table(found))) if row["kind"] == "outline"]
    (mark,) = outlines(found)
    assert [row["name"] for row in rows] == list(scenes.CLASSES)
    assert [float(row["y"]) if row["y"] else np.nan for row in rows] == pytest.approx(mark.y.tolist(), nan_ok=True)
    save_numbers(found, tmp_path / "figure.csv")
    subprocess.run([sys.executable, tmp_path / "figure.py"], check=True, capture_output=True, timeout=120)
    assert (tmp_path / "figure.redrawn.pdf").stat().st_size > 1000
    assert NAME in encode(found, Style(), ".svg").decode() or "<path" in encode(found, Style(), ".svg").decode()


def test_frames_change_the_picture() -> None:
    pair = [accuracy(), accuracy(deep=True)]
    assert encode(sheet("class_accuracy", pair, compared=1), Style(), ".png") != encode(
        sheet("class_accuracy", pair[:1]), Style(), ".png"
    )


def stored(tmp_path: Path) -> Workspace:
    workspace = scenes.full()
    run = scenes.play(workspace, of_other(scenes.rank_events(DEEP, seed=4, model=OTHER)), folder="runs/second-rank")
    scenes.play(
        workspace, of_other(scenes.accuracy_events(scenes.confusion(seed=9), OTHER)), folder="runs/second-accuracy"
    )
    workspace.compare_with(run.number)
    return workspace


@pytest.mark.parametrize("kind", [Overview, RankView])
def test_views_export_what_they_compare_with(kind: Any, theme: Theme, qtbot: QtBot, tmp_path: Path) -> None:
    workspace = stored(tmp_path)
    view = built(kind, workspace, theme, qtbot)
    spec = view.figure_spec()
    assert spec is not None
    assert spec.runs[-1] == "runs/second-rank"
    assert dict(spec.options)["compared"] == 1
    by_folder = {str(run.folder): run.result for run in workspace.runs.values() if run.folder}
    assert outlines(make_sheet(spec, [by_folder[folder] for folder in spec.runs]))
    workspace.compare_with(None)
    view.refresh()
    assert "compared" not in dict(view.figure_spec().options)


def test_the_accuracy_per_class_is_exported_with_the_second_network(theme: Theme, qtbot: QtBot, tmp_path: Path) -> None:
    view = built(EvaluateView, stored(tmp_path), theme, qtbot)
    spec = view.class_figure()
    assert spec is not None
    assert (spec.name, spec.runs[-1], dict(spec.options)) == ("class_accuracy", "runs/second-accuracy", {"compared": 1})
