"""From widths to a network in the window: channels by hand, rules that need pictures, and the check."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from analysis.edits import Edits
from analysis.events import Chunk, Declared, Event, Finished, Outcome, Output, Prepared, Started
from analysis.measures.widths.channels import read
from analysis.request import Request
from app.views.widths import WidthsView
from tests import scenes, width_searches
from tests.gestures import click, drag, settle, theme
from tests.width_window import FOUND, INNER, asked, go, play, play_edited, view, widths

__all__ = ["theme", "view"]


# -- channels --------------------------------------------------------------------------------------------------------


def test_channels_by_hand_are_edits_that_can_be_undone(view: WidthsView) -> None:
    view.editing.select((FOUND.index(INNER),))
    go(view, "channels")
    play(view, width_searches.score_events(FOUND))
    grid = view.channels.grid
    assert len(grid.copies) == 32
    click(grid, grid.cell(3).center().toPoint())
    click(grid, grid.cell(5).center().toPoint())
    assert widths(view) == {INNER: 30}
    copies = read(dict(view.workspace.edits.channels)[INNER])
    assert np.flatnonzero(copies == 0).tolist() == [3, 5]
    assert view.workspace.undo.count() == 2
    view.workspace.undo.undo()
    settle()
    assert widths(view) == {INNER: 31}
    assert grid.copies[5] == 1
    view.channels.every.click()
    assert view.workspace.edits == Edits()


def test_a_drag_over_channels_is_one_step_and_keys_do_the_same(view: WidthsView) -> None:
    view.editing.select((FOUND.index(INNER),))
    go(view, "channels")
    play(view, width_searches.score_events(FOUND))
    grid = view.channels.grid
    drag(grid, grid.cell(0).center().toPoint(), grid.cell(4).center().toPoint())
    assert widths(view) == {INNER: 27}
    assert view.workspace.undo.count() == 1
    grid.setFocus()
    QTest.keyClick(grid, Qt.Key.Key_Right)
    QTest.keyClick(grid, Qt.Key.Key_Space)
    assert view.workspace.undo.count() == 2
    assert np.flatnonzero(read(dict(view.workspace.edits.channels)[INNER])).tolist() != list(range(5, 32))


def test_the_last_channel_cannot_go(view: WidthsView) -> None:
    view.editing.select((FOUND.index(INNER),))
    go(view, "channels")
    play(view, width_searches.score_events(FOUND))
    assert view.channels.own is not None
    view.editing.pick(view.channels.own, np.zeros(32, dtype=np.int64))
    assert view.workspace.edits == Edits()
    assert "no channel left" in view.editing.refused


# -- rules that look at pictures -------------------------------------------------------------------------------------


def test_a_rule_that_needs_pictures_puts_its_channels_into_the_edits(view: WidthsView) -> None:
    view.editing.put({INNER: 20}, "narrow")
    found = asked(view)
    keep = view.network.keep
    keep.setCurrentIndex(keep.findData("taylor"))
    settle()
    assert view.workspace.edits.keep == "taylor"
    assert not view.network.check.isEnabled()
    request = next(one for one in found if one.method == "channel_scores")
    assert request.params == (("rule", "taylor"),)
    assert request.edits == Edits()
    play(view, width_searches.score_events(FOUND, "taylor"))
    copies = read(dict(view.workspace.edits.channels)[INNER])
    assert copies.sum() == 20
    assert np.flatnonzero(copies).tolist() == list(range(12, 32))  # the scores rise with the channel
    assert view.network.check.isEnabled()
    assert view.workspace.undo.count() == 2
    view.editing.put({INNER: 4}, "narrower")
    assert read(dict(view.workspace.edits.channels)[INNER]).sum() == 4
    view.workspace.undo.undo()
    view.workspace.undo.undo()
    settle()
    assert view.workspace.edits == Edits(widths=((INNER, 20),))


def test_scores_by_chance_are_those_of_the_seed(view: WidthsView) -> None:
    found = asked(view)
    view.editing.set_rules("random:7", "")
    go(view, "channels")
    request = next(one for one in found if one.method == "channel_scores")
    assert (request.seed, request.params) == (7, (("rule", "random"),))


def test_what_was_undone_stays_undone_while_a_rule_chooses(view: WidthsView) -> None:
    view.editing.set_rules("taylor", "")
    view.editing.put({INNER: 20}, "narrow")
    settle()
    play(view, width_searches.score_events(FOUND, "taylor"))
    assert view.workspace.undo.count() == 3
    for _ in range(3):
        view.workspace.undo.undo()
        settle()
    assert view.workspace.edits == Edits()


# -- the check -------------------------------------------------------------------------------------------------------


def check_events(request: Request) -> Iterator[Event]:
    yield Started(request)
    yield Prepared("d" * 64, "net")
    values = {
        "runs": np.array([1, 1, 1], dtype=np.uint8),
        "difference": np.array([0.0, 0.25, 0.2]),
        "agreement": np.array([1.0, 0.9, 0.95]),
        "top1": np.array([0.92, 0.8, 0.85]),
        "loss": np.array([0.3, 0.6, 0.5]),
        "parameters": np.array([1000, 700]),
        "macs": np.array([9000, 6000]),
        "predicted_parameters": np.array(700),
        "predicted_macs": np.array(6000),
    }
    yield Declared(
        tuple(
            Output(name, ("network", "x")[: array.ndim], array.shape, str(array.dtype))
            for name, array in values.items()
        )
    )
    for name, array in values.items():
        yield Chunk(name, (), array)
    yield Finished(Outcome.COMPLETED)


def test_the_check_shows_both_networks_beside_each_other(view: WidthsView) -> None:
    view.editing.put({INNER: 20}, "narrow")
    edits = view.workspace.edits
    go(view, "check")
    found = asked(view)
    view.network.check.click()
    play_edited(view, check_events(found[0]))
    table = view.check.table
    texts = {
        table.item(row, 0).text(): [table.item(row, column).text().replace("\u00a0", " ") for column in (1, 2, 3)]  # type: ignore[union-attr]  # filled
        for row in range(table.rowCount())
    }
    assert texts["top-1 accuracy"] == ["92.0 %", "80.0 %", "85.0 %"]
    assert texts["parameters"][:2] == ["1,000", "700"]
    found.clear()
    view.check.measure.click()
    assert [(request.method, request.edits) for request in found] == [
        ("feature_rank", Edits()),
        ("feature_rank", edits),
    ]
    layers = view.workspace.layers
    for seed, request in enumerate(found):
        events = scenes.rank_events(layers, seed=seed)
        play_edited(view, (Started(request) if isinstance(event, Started) else event for event in events))
    names = [view.check.table.item(row, 0).text() for row in range(view.check.table.rowCount())]  # type: ignore[union-attr]  # filled
    assert "mean rank / width" in names
    bars = view.check.plot.item.bars
    assert bars is not None
    assert np.isfinite(bars.values).all()
    assert not np.array_equal(bars.values, bars.dashes)
