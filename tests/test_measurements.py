from __future__ import annotations

import numpy as np
import pytest

from analysis.config import LayerSpec
from analysis.events import Chunk, Declared, Finished, Outcome, Output, Started
from analysis.request import ModelSource, Request
from app.reading.depth import depth_axis
from app.reading.measurements import (
    NON_FINITE,
    NOT_APPLICABLE,
    NOT_MEASURED,
    RATIO,
    VALUE,
    ZERO,
    Metric,
    Values,
    available,
    fold,
    read,
    source,
    structure_metric,
)
from app.workspace import Workspace
from tests import scenes


def metric(workspace: Workspace, key: str) -> Metric:
    return next(found for found in available(workspace) if found.key == key)


def values(workspace: Workspace, key: str) -> Values:
    found = metric(workspace, key)
    run = source(workspace, found)
    return read(found, workspace.layers, run.result if run else None)


def state_of(workspace: Workspace, key: str, name: str) -> int:
    names = [layer.name for layer in workspace.layers]
    return int(values(workspace, key).states[names.index(name)])


def test_every_state_is_told_apart(qapp: object) -> None:
    workspace = scenes.opened()
    rows = tuple(layer for layer in workspace.layers if layer.kind == "conv")[:4]
    numbers = np.array([0.0, np.inf, np.nan, 2.0])
    events = [
        Started(Request("feature_rank", scenes.MODEL, scenes.IMAGES)),
        Declared((Output("stable_rank", ("layer",), (4,)),), rows),
        Chunk("stable_rank", (), numbers),
        Finished(Outcome.COMPLETED),
    ]
    scenes.play(workspace, iter(events))
    key = "feature_rank.stable_rank"
    assert [state_of(workspace, key, row.name) for row in rows] == [ZERO, NON_FINITE, NON_FINITE, VALUE]
    assert state_of(workspace, key, "layer3.2.conv2") == NOT_MEASURED
    assert state_of(workspace, key, "layer1.0:relu#1") == NOT_APPLICABLE
    shown = values(workspace, key)
    assert np.isfinite(shown.values[shown.states <= ZERO]).all()
    assert np.isnan(shown.values[shown.states > ZERO]).all()


def test_what_has_not_arrived_is_not_measured(qapp: object) -> None:
    workspace = scenes.opened()
    scenes.play(workspace, scenes.rank_events(workspace.layers), steps=60)
    states = values(workspace, "feature_rank.effective_rank").states
    assert NOT_MEASURED in states
    assert NON_FINITE not in states
    assert VALUE in states


def test_costs_of_points_are_not_applicable_but_shared_weights_are_zero() -> None:
    rows = (LayerSpec("a", "conv", parameters=9), LayerSpec("b", "conv", macs=3), LayerSpec("r", "activation"))
    found = read(structure_metric("parameters"), rows, None)
    assert found.states.tolist() == [VALUE, ZERO, NOT_APPLICABLE]


def test_intervals_come_along_and_are_no_tracks_of_their_own(qapp: object) -> None:
    workspace = scenes.full()
    keys = {found.key for found in available(workspace)}
    assert not any(key.endswith(("_low", "_high")) for key in keys)
    assert "feature_rank.channels" not in keys
    shown = values(workspace, "feature_rank.effective_rank")
    assert shown.low is not None
    assert shown.high is not None
    inside = shown.states == VALUE
    assert np.all(shown.low[inside] <= shown.values[inside])
    assert np.all(shown.values[inside] <= shown.high[inside])


def test_the_ratio_is_the_effective_rank_over_the_width(qapp: object) -> None:
    workspace = scenes.full()
    whole, ratio = values(workspace, "feature_rank.effective_rank"), values(workspace, f"feature_rank.{RATIO}")
    widths = np.array([layer.channels for layer in workspace.layers])
    known = whole.states == VALUE
    assert np.allclose(ratio.values[known], whole.values[known] / widths[known])
    assert ratio.low is not None
    assert whole.low is not None
    assert np.allclose(ratio.low[known], whole.low[known] / widths[known])


def test_an_older_run_can_be_shown_beside_the_newest(qapp: object) -> None:
    workspace = scenes.opened()
    old = scenes.play(workspace, scenes.rank_events(workspace.layers, seed=1))
    new = scenes.play(workspace, scenes.rank_events(workspace.layers, seed=2))
    newest, older = (metric(workspace, key) for key in ("feature_rank.rank", f"feature_rank.rank@{old.number}"))
    assert source(workspace, newest) is new
    assert source(workspace, older) is old
    assert newest.title != older.title


def test_runs_of_another_network_bring_no_tracks(qapp: object) -> None:
    workspace = scenes.opened()
    other = ModelSource("auto", ("resnet56.th",))
    scenes.play(workspace, scenes.rank_events(scenes.network(9), model=other))
    assert {found.method for found in available(workspace)} == {"structure"}


@pytest.mark.parametrize("output", ["macs", "width"])
def test_blocks_add_costs_and_take_everything_else_from_their_last_layer(output: str) -> None:
    layers = scenes.network()
    axis = depth_axis(layers, "blocks")
    found = structure_metric(output)
    folded = fold(axis, read(found, layers, None), found.combine)
    for place, slot in enumerate(axis.slots):
        inside = [layers[row] for row in slot.rows]
        expected = sum(layer.macs for layer in inside) if output == "macs" else inside[-1].channels
        assert np.nan_to_num(folded.values[place]) == expected


def test_adding_over_blocks_keeps_the_total() -> None:
    layers = scenes.network()
    found = structure_metric("macs")
    folded = fold(depth_axis(layers, "blocks"), read(found, layers, None), found.combine)
    assert np.nansum(folded.values) == sum(layer.macs for layer in layers)
