"""A second network on the pages of Widths: groups that correspond, sensitivity, shrinkage, the line, the check."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtWidgets import QTableWidget

from analysis.edits import Edits
from analysis.events import Started
from app.reading import numbers
from app.reading.width_comparison import group_rows, second_group_widths, second_values
from app.reading.width_search import FOUND as PROFILE
from app.reading.width_search import Sensitivity, Shrunk
from app.views.widths import WidthsView
from app.workspace import Run
from tests import scenes, width_searches
from tests.comparing_scenes import NAME, OTHER, of_other, unlike
from tests.gestures import settle, theme
from tests.test_width_network import check_events
from tests.width_window import FOUND, INNER, NAMES, go, play, play_edited, view

__all__ = ["theme", "view"]
WIDE = scenes.network(3, widths=(32, 64, 128))


def compare(view: WidthsView) -> Run:
    """Compare with a network that is twice as wide."""
    other = play(view, of_other(scenes.structure_events(WIDE, OTHER)))
    view.workspace.compare_with(other.number)
    settle()
    return other


def text(table: QTableWidget, row: int, column: int) -> str:
    """Words of a cell, of the header for row -1."""
    item = table.horizontalHeaderItem(column) if row < 0 else table.item(row, column)
    return item.text() if item is not None else ""


def texts(view: WidthsView, row: int) -> list[str]:
    table = view.table.table
    return [text(table, row, column) for column in range(table.columnCount())]


def test_the_table_has_widths_of_the_other_network_and_differences(view: WidthsView) -> None:
    compare(view)
    view.editing.put({INNER: 20}, "narrow")
    go(view, "table")
    table = view.table.table
    rows = {texts(view, row)[0]: texts(view, row) for row in range(table.rowCount())}
    assert set(rows) == set(NAMES)  # all of them differ from it
    original = {group.name: group.width for group in FOUND.groups}
    for name, row in rows.items():
        edited = 20 if name == INNER else original[name]
        assert row[5] == f"{2 * original[name]:,}"
        assert row[6] == f"−{2 * original[name] - edited}"
    assert [text(table, -1, column) for column in (5, 6)] == [NAME, "difference"]
    view.workspace.compare_with(None)
    settle()
    assert table.columnCount() == 5
    assert [texts(view, row)[0] for row in range(table.rowCount())] == [INNER]


def test_a_group_without_a_counterpart_has_no_width(view: WidthsView) -> None:
    compare(view)
    reading = view.editing.reading
    assert reading is not None
    known = second_group_widths(reading, {NAMES[2]: 7.0})
    assert known == {NAMES[2]: 7.0}


def test_groups_correspond_by_name_then_by_their_layer(view: WidthsView) -> None:
    compare(view)
    assert group_rows(view.workspace, NAMES, NAMES).tolist() == list(range(len(NAMES)))
    assert group_rows(view.workspace, NAMES[:2], (NAMES[1], "elsewhere")).tolist() == [-1, 0]
    # A group that is named after more layers still is the one of its first layer.
    assert group_rows(view.workspace, (f"{NAMES[1]}+2",), NAMES).tolist() == [1]


def test_sensitivity_is_subtracted_group_by_group(view: WidthsView) -> None:
    own = play(view, width_searches.sensitivity_events(FOUND))
    lower = {"accuracy": lambda share: share - 0.03, "loss": lambda loss: loss + 0.5}
    events = width_searches.sensitivity_events(FOUND, model=OTHER)
    other = play(view, of_other(unlike(events, lower)))
    view.workspace.compare_with(other.number)
    go(view, "sensitivity")
    page = view.sensitivity
    plain = page.plot.item.cells
    page.switch.setChecked(True)
    settle()
    ours, theirs = (Sensitivity(run.result).losses("accuracy") for run in (own, other))
    cells = page.plot.item.cells
    assert cells is not None
    np.testing.assert_allclose(cells.values, ours - theirs)
    assert cells.signed
    np.testing.assert_allclose(cells.values, -3.0)
    page._point(0, 1)
    assert "(−3.0)" in page.readout.text
    view.workspace.compare_with(None)
    settle()
    assert page.plot.item.cells is not None
    assert plain is not None
    np.testing.assert_array_equal(page.plot.item.cells.values, plain.values)
    assert not page.switch.isVisible()


def test_a_network_without_the_same_study_says_so(view: WidthsView) -> None:
    play(view, width_searches.sensitivity_events(FOUND))
    play(view, width_searches.shrink_events(FOUND))
    compare(view)
    for name in ("sensitivity", "shrink"):
        go(view, name)
        assert f"{NAME}: not compared, because it has no run of" in getattr(view, name).claim.text
    view.workspace.compare_with(None)
    settle()
    assert NAME not in view.shrink.claim.text


def test_a_shrinkage_has_the_ratios_of_the_other_network_behind_its_own(view: WidthsView) -> None:
    own = play(view, width_searches.shrink_events(FOUND))
    narrower = {"width": lambda width: np.maximum(1, width // 2), "trace_macs": lambda macs: macs // 2}
    other = play(view, of_other(unlike(width_searches.shrink_events(FOUND, OTHER), narrower)))
    view.workspace.compare_with(other.number)
    go(view, "shrink")
    page = view.shrink
    theirs = Shrunk(other.result)
    outline = page.ratios.item.series[0]
    assert (outline.words, outline.hue) == (NAME, "outline")
    np.testing.assert_allclose(outline.values, theirs.width(PROFILE) / theirs.original)
    trace = page.budget.item.curves[0]
    np.testing.assert_allclose(trace.y, theirs.trace("macs"))
    page._point(1)
    gain = Shrunk(own.result).shown(-1)[1] / theirs.original[1] - outline.values[1]
    assert f"({gain:+.2f})".replace("-", "−") in page.readout.text
    view.workspace.compare_with(None)
    settle()
    assert all(one.hue != "outline" for one in page.ratios.item.series)


def test_the_line_has_blocks_of_the_other_network(view: WidthsView) -> None:
    compare(view)
    go(view, "line")
    page = view.line
    assert page.found is not None
    np.testing.assert_array_equal(page._second(page.found)[1], 2 * page.found.original)
    assert page.plot.item.curves[0].hue == "outline"
    page.kind.setCurrentIndex(1)
    settle()
    assert text(page.table, -1, 5) == NAME
    first = [text(page.table, 0, column) for column in (3, 5, 6)]
    assert [first[1], first[2]] == [str(2 * int(first[0])), f"−{first[0]}"]
    view.workspace.compare_with(None)
    settle()
    assert page.plot.item.curves[0].hue != "outline"
    assert page.table.columnCount() == 5


def test_channels_say_the_score_of_the_same_channel_there(view: WidthsView) -> None:
    play(view, width_searches.score_events(FOUND))
    higher = {"score": lambda score: score + 2.0}
    other = play(view, of_other(unlike(width_searches.score_events(FOUND, model=OTHER), higher)))
    view.workspace.compare_with(other.number)
    go(view, "channels")
    page = view.channels
    page._point(4)
    assert page.own is not None
    assert f"{NAME} score {page.own.scores[4] + 2:g} (−2.00)" in page.readout.text
    other.result["channel"][:] = 0
    view.workspace.runs_changed.emit()
    settle()
    assert f"{NAME}: not compared, because its groups have other channels" in page.claim.text


def test_the_check_has_the_other_network_in_table_and_plot(view: WidthsView) -> None:
    workspace = view.workspace
    compare(view)
    rank = play(view, of_other(scenes.rank_events(WIDE, seed=4, model=OTHER)))
    view.editing.put({INNER: 20}, "narrow")
    edits = workspace.edits
    play_edited(view, check_events(workspace.new_request("edited_check")))
    for seed, made in enumerate((Edits(), edits)):
        request = replace(workspace.new_request("feature_rank"), edits=made)
        events = scenes.rank_events(workspace.layers, seed=seed)
        play_edited(view, (Started(request) if isinstance(event, Started) else event for event in events))
    go(view, "check")
    page = view.check
    assert page._pair is not None
    ranks, names = rank.result["effective_rank"], rank.result.names("layer")
    assert page.plot.item.bars is not None
    frames = page.plot.item.bars.frames
    for name, frame in zip(page._pair.names, frames.tolist(), strict=True):
        width = next(layer.channels for layer in WIDE if layer.name == name)
        assert frame == pytest.approx(ranks[names.index(name)] / width)
    assert second_values(workspace, "feature_rank", page._pair.names)[0] == NAME
    lines = {text(page.table, row, 0): text(page.table, row, 4) for row in range(page.table.rowCount())}
    assert lines["parameters"] == numbers.short(sum(layer.parameters for layer in WIDE))
    assert lines["mean rank / width"] == f"{np.nanmean(frames):.3f}"
    assert not page.table.isColumnHidden(4)
    workspace.compare_with(None)
    settle()
    assert page.table.isColumnHidden(4)
    assert not page.plot.item.bars.frames.size
