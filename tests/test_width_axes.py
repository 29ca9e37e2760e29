"""Widths on a log axis, the scores that a threshold cuts, and configurations that take time to work out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF
from pytestqt.qtbot import QtBot

from analysis.edits import Edits
from analysis.events import Chunk, Declared, Finished, Outcome, Output, Prepared, Started
from analysis.measures.widths import fitting, presets, sensitivity
from analysis.measures.widths.costs import CostModel
from analysis.measures.widths.fitting import Proposal
from analysis.measures.widths.sensitivity import Steps
from app.drawing.pixels import Scale
from app.drawing.width_plot import Profile, WidthPlot
from app.reading.depth import depth_axis
from app.theme import Theme
from app.views.widths import WidthsView
from app.widening.choosing import Choosing
from tests import scenes, width_searches
from tests.gestures import click, drag, settle, show, theme
from tests.width_window import FOUND, INNER, STREAM, go, play, play_edited, view, widths

__all__ = ["theme", "view"]


def place(view: WidthsView, group: str) -> QPoint:
    return view.profile.plot.handle_place(FOUND.index(group)).toPoint()


# -- log axis --------------------------------------------------------------------------------------------------------


def test_on_a_log_axis_a_drag_multiplies(view: WidthsView) -> None:
    view.profile.log.setChecked(True)
    settle()
    plot, found = view.profile.plot, []
    for group, before in ((INNER, 32), ("layer1.0.conv1", 16)):
        start = place(view, group)
        pixels = round(Scale.of(plot.box).per_y)  # one power of two
        drag(plot.viewport(), start, start + QPoint(0, pixels))
        found.append(widths(view)[group] / before)
        view.workspace.undo.undo()
        settle()
    assert found == pytest.approx([0.5, 0.5], abs=0.04)


def test_a_log_axis_changes_nothing_but_the_drawing(view: WidthsView) -> None:
    view.editing.put({INNER: 9}, "nine")
    settle()
    plain = view.profile.plot.columns.profile
    view.profile.log.setChecked(True)
    settle()
    shown = view.profile.plot.columns.profile
    np.testing.assert_allclose(2**shown.after, plain.after)
    np.testing.assert_allclose(2**shown.high, plain.high)
    assert shown.low[plain.low == 0].max() == view.profile.plot.columns.base < shown.high.min()
    assert widths(view) == {INNER: 9}
    texts = [text for _, text in view.profile.plot.numbers.ticks()]
    assert {"16", "64"} <= set(texts)
    state = view.state()
    view.profile.log.setChecked(False)
    settle()
    np.testing.assert_array_equal(view.profile.plot.columns.profile.after, plain.after)
    view.restore(state)
    assert view.profile.log.isChecked()


def test_on_a_knob_its_own_group_is_meant(theme: Theme, qtbot: QtBot) -> None:
    """In a ReXNet the stream is a pile of thin pieces: the end of the next one lies a pixel or two below the knob."""
    plot = WidthPlot(theme)
    qtbot.addWidget(plot)
    axis = depth_axis(scenes.network()[:3])
    ends = np.array([50.0, 100.0, 101.0, 40.0])
    x = np.array([0.0, 1.0, 1.0, 2.0])
    low = np.array([0.0, 0.0, 100.0, 0.0])
    totals = np.array([50.0, 101.0, 40.0])[: len(axis.slots)]
    shown = Profile(
        axis, x, np.array([0.0, 0.0, 1.0, 2.0]), low, ends, {0: 0, 1: 2, 2: 3}, totals, totals,
    )  # fmt: skip
    plot.show_profile(shown, frozenset())
    show(plot, 500, 400)
    at = plot.handle_place(1) - plot.area().topLeft()
    assert plot.piece_at(at + QPointF(0, 3)) == (2, True)
    assert plot.piece_at(at + QPointF(0, 9))[0] == 1
    plot.close()


# -- scores ----------------------------------------------------------------------------------------------------------


def test_scores_stand_over_the_groups_with_the_threshold(view: WidthsView) -> None:
    go(view, "shrink")
    run = play(view, width_searches.shrink_events(FOUND))
    view.shrink.scored.setChecked(True)
    settle()
    item = view.shrink.widths.item
    band, mean = item.series
    assert np.allclose(10**mean.values, run.result["mean_score"])
    assert 10**item.guide == pytest.approx(float(run.result["threshold"][0]))
    scores = np.asarray(run.result["scores"]).reshape(len(mean.values), -1)
    assert band.low is not None
    assert band.high is not None
    for place, own in enumerate(scores):
        inside = (own >= 10 ** band.low[place] * 0.999) & (own <= 10 ** band.high[place] * 1.001)
        assert 0.7 <= inside.mean() <= 0.9
    assert "mean score" in [key.words for key in view.shrink.legend.keys]
    shrunk = view.shrink.shrunk
    assert shrunk is not None
    view.shrink._move(float(np.log10(shrunk.thresholds[3])), True)
    assert 10**item.guide == pytest.approx(shrunk.thresholds[3])


def test_widths_found_on_a_log_axis(view: WidthsView) -> None:
    go(view, "shrink")
    run = play(view, width_searches.shrink_events(FOUND))
    view.profile.log.setChecked(True)
    settle()
    series = {one.words: one.values for one in view.shrink.widths.item.series}
    assert np.allclose(2 ** series["original"], run.result["original"])
    np.testing.assert_allclose(view.shrink.ratios.item.series[1].values, run.result["ratio"][0])


# -- what takes time -------------------------------------------------------------------------------------------------


def slow(proposal: Proposal, steps: int = 30) -> Steps:
    for step in range(steps):
        time.sleep(0.01)
        yield step / steps
    return proposal


@pytest.fixture
def proposal() -> Proposal:
    return presets.uniform(CostModel(FOUND), 0.5)


def test_a_long_choice_leaves_the_window_free_and_comes_in_one_step(
    view: WidthsView, qtbot: QtBot, proposal: Proposal
) -> None:
    view.presets.propose("slow", lambda _model, _budget: slow(proposal))
    assert view.choosing.busy
    assert view.choosing.isVisible()
    assert widths(view) == {}
    click(view.profile.plot.viewport(), place(view, STREAM))  # the window answers meanwhile
    assert view.editing.selected == {FOUND.index(STREAM)}
    qtbot.waitUntil(lambda: not view.choosing.busy, timeout=10_000)
    assert widths(view) == dict(proposal.widths)
    assert view.workspace.undo.count() == 1
    assert not view.choosing.isVisible()


def test_a_cancelled_choice_changes_nothing(view: WidthsView, qtbot: QtBot, proposal: Proposal) -> None:
    view.presets.propose("slow", lambda _model, _budget: slow(proposal))
    view.choosing.cancel.click()
    qtbot.wait(50)
    assert not view.choosing.busy
    assert widths(view) == {}
    assert view.workspace.undo.count() == 0


def test_a_choice_for_another_network_is_given_up(theme: Theme, qtbot: QtBot, proposal: Proposal) -> None:
    taken: list[Proposal] = []
    needed = [True]
    choosing = Choosing(theme)
    qtbot.addWidget(choosing)
    choosing.start("Choosing", slow(proposal), taken.append, lambda: needed[0])
    needed[0] = False
    qtbot.waitUntil(lambda: not choosing.busy, timeout=5_000)
    assert taken == []


@pytest.mark.parametrize("unit", fitting.UNITS)
def test_bit_by_bit_is_the_same_choice(unit: str) -> None:
    model, groups = CostModel(FOUND), FOUND.free
    names = [group.name for group in groups]
    tried = np.array([[g.width * 3 // 4, g.width // 2, g.width // 4] for g in groups], dtype=np.int64)
    losses = np.random.default_rng(3).random(tried.shape).cumsum(axis=1)
    budget = fitting.own_budget(model, unit, 0.6)
    for whole, steps in (
        (sensitivity.greedy, sensitivity.greedy_steps),
        (sensitivity.exact, sensitivity.exact_steps),
    ):
        shares, going = [], steps(model, names, tried, losses, budget)
        while True:
            try:
                shares.append(next(going))
            except StopIteration as end:
                found = end.value
                break
        assert found == whole(model, names, tried, losses, budget)
        assert shares
        assert all(0 <= share <= 1 for share in shares)


# -- presets from measured runs --------------------------------------------------------------------------------------


def ranked(view: WidthsView, values: np.ndarray, edits: Edits) -> Iterator[object]:
    request = replace(view.workspace.new_request("feature_rank"), edits=edits)
    layers = view.workspace.layers
    yield Started(request)
    yield Prepared("7" * 64, model="cifar_resnet20", weights_sha256="w")
    yield Declared((Output("effective_rank", ("layer",), (len(layers),), "float64"),), layers)
    yield Chunk("effective_rank", (), values)
    yield Finished(Outcome.COMPLETED)


def test_ranks_of_the_edited_network_do_not_stand_for_the_original(view: WidthsView) -> None:
    layers = view.workspace.layers
    first = np.array([0.5 * layer.channels for layer in layers])
    play_edited(view, ranked(view, first, Edits()))  # type: ignore[arg-type]
    view.presets.propose("ranks", view.presets._from_ranks)
    wanted = widths(view)
    view.workspace.undo.undo()
    view.editing.put({INNER: 9}, "nine")
    play_edited(view, ranked(view, first[::-1].copy(), view.workspace.edits))  # type: ignore[arg-type]
    view.presets.propose("ranks", view.presets._from_ranks)
    assert widths(view) == wanted
