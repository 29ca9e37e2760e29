"""The figure of the Samples tab holds the pictures that are shown, of the run that is shown."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytestqt.qtbot import QtBot

from analysis.figures import make_sheet
from analysis.figures.sheet import Line, Sheet
from analysis.measures.picks import read_picks, write_picks
from analysis.request import ImageSource
from app.reading.samples import Wish
from app.theme import Theme
from app.views.samples import SamplesView
from app.workspace import SampleFilter
from tests import scenes
from tests.gestures import settle, theme
from tests.sample_scenes import demo_run, run_events, view_of

__all__ = ["theme"]


@pytest.fixture
def view(theme: Theme, qtbot: QtBot) -> SamplesView:
    return view_of(theme, qtbot, "demo:test", demo_run())


def wish(view: SamplesView, wish: Wish) -> None:
    view.wishes.show_wish(wish)
    view.wishes.changed.emit()
    settle()


def sheet_of(view: SamplesView) -> Sheet:
    spec, run = view.figure_spec(), view._run()
    assert spec is not None
    assert run is not None
    return make_sheet(spec, [run.result])


def counts(sheet: Sheet) -> tuple[int, ...]:
    lines = [mark for mark in sheet.panels[0].marks if isinstance(mark, Line)]
    return tuple(int(re.sub(r"\D", "", line.label)) for line in lines)


def test_without_a_filter_it_is_the_whole_run(view: SamplesView) -> None:
    assert counts(sheet_of(view)) == (400, 100)
    assert "shown" not in sheet_of(view).note


def test_it_holds_the_pictures_that_are_shown_and_says_which(view: SamplesView) -> None:
    wish(view, Wish(label=3, low=0.25))
    assert view.table is not None
    places = view.grid.samples.places
    right = view.table.right[places]
    expected = (int((right == 1).sum()), int((right == 0).sum()))
    assert 0 < sum(expected) < 500
    sheet = sheet_of(view)
    assert counts(sheet) == expected
    name = view.wishes.label.currentText()
    assert f"{sum(expected)} of them shown: {name}, confidence 25 % to 100 %" in sheet.note


def test_the_pictures_of_a_bundle_are_named(view: SamplesView) -> None:
    assert view.table is not None
    known = np.flatnonzero(view.table.right >= 0)[:7]
    view.workspace.filter_samples(SampleFilter("bundle 4", known))
    settle()
    sheet = sheet_of(view)
    assert sum(counts(sheet)) == 7
    assert "7 of them shown: bundle 4" in sheet.note


def test_where_nothing_fits_there_is_a_reason(view: SamplesView) -> None:
    wish(view, Wish(words="no such class"))
    assert view.figure_spec() is None
    assert "nothing to draw" in view.why_no_figure()


def test_a_run_of_other_pictures_is_not_exported(view: SamplesView) -> None:
    before = view.figure_spec()
    other = run_events([0, 1], [0, 0], [0.5, 0.6], images=ImageSource("elsewhere.npz"))
    scenes.play(view.workspace, other, folder="runs/other")
    settle()
    spec = view.figure_spec()
    assert spec is None or spec == before  # what the view itself shows
    assert (spec is None) == (view._run() is None)


@given(st.sets(st.integers(0, 60)))
def test_places_are_written_as_they_are_read(places: set[int]) -> None:
    text = write_picks(places)
    assert read_picks(text) == tuple(sorted(places))
    assert len(text.split(",")) <= max(1, len(places))
