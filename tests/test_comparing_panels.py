"""A second network in panels and the confusion matrix: differences of the selected layer, its maps, coloured graphs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from analysis.config import LayerSpec
from analysis.request import ModelSource
from app.panels.graph_panel import GraphPanel
from app.panels.inspector import Inspector
from app.reading import activation_reading
from app.reading.comparing import counterpart, deltas, matching_rows
from app.reading.layer_comparison import difference_words, measured, second_layer
from app.reading.measurements import ZERO, available
from app.theme import Theme
from app.views.evaluate import EvaluateView
from app.views.rank import RankView
from app.workspace import Workspace
from tests import scenes
from tests.comparing_scenes import NAME, OTHER, built, of_other
from tests.gestures import settle, theme
from tests.test_graph_panel import opened

__all__ = ["theme"]
LAYER = "layer1.1.conv1"
SHORT = ModelSource("auto", ("short.th",))


def two_networks() -> Workspace:
    """Rank, structure and weights of a shallow and of a deeper network."""
    workspace, deeper = scenes.full(), scenes.network(9)
    workspace.set_images(scenes.IMAGES)
    scenes.play(workspace, of_other(scenes.structure_events(deeper, OTHER)))
    scenes.play(workspace, of_other(scenes.weight_events(deeper, OTHER)))
    other = scenes.play(workspace, of_other(scenes.rank_events(deeper, seed=4, model=OTHER)))
    workspace.compare_with(other.number)
    workspace.select_layer(LAYER)
    return workspace


def own_layer(workspace: Workspace) -> LayerSpec:
    return next(layer for layer in workspace.layers if layer.name == LAYER)


# -- inspector -------------------------------------------------------------------------------------------------------


def test_measures_have_a_column_of_differences(theme: Theme, qtbot: QtBot) -> None:
    workspace = two_networks()
    panel = built(Inspector, workspace, theme, qtbot)
    layer, compared = own_layer(workspace), 0
    second = counterpart(workspace, "feature_rank")
    assert second is not None
    result = second.result
    heads = [place for place, fact in enumerate(panel.measures.facts) if fact.heading]
    found = {fact.label: fact for fact in panel.measures.facts[heads[0] + 1 : heads[1]]}
    for metric in available(workspace):
        both = measured(workspace, metric, layer)
        if metric.method != "feature_rank" or both is None or metric.title not in found:
            continue
        fact = found[metric.title]
        ours, theirs = both
        if metric.output in result:
            assert theirs == pytest.approx(float(result[metric.output][result.names("layer").index(LAYER)]))
        assert fact.texts[1] == difference_words(ours, theirs)
        assert "[" not in fact.texts[0]
        assert NAME in fact.exact[-1]
        compared += 1
    assert compared > 5
    assert panel.measures.columns[1][0] == "Δ"
    workspace.compare_with(None)
    settle()
    assert panel.measures.columns == ()
    assert any("[" in fact.texts[0] for fact in panel.measures.facts if fact.texts and not fact.heading)


def test_a_wider_layer_says_by_how_much(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.full()
    wide = scenes.network(3, widths=(32, 64, 128))
    other = scenes.play(workspace, of_other(scenes.structure_events(wide, OTHER)))
    workspace.compare_with(other.number)
    workspace.select_layer(LAYER)
    panel = built(Inspector, workspace, theme, qtbot)
    ours, theirs = own_layer(workspace), second_layer(workspace, own_layer(workspace))
    assert theirs is not None
    facts = {fact.label: fact.texts for fact in panel.facts.facts}
    assert facts["Parameters"][1] == difference_words(ours.parameters, theirs.parameters)
    assert facts["Parameters"][1].startswith("−")
    assert facts["Output"][1] == ""


def maps_of(workspace: Workspace) -> None:
    for place in (12, -1):
        scenes.play(workspace, scenes.activation_events(own_layer(workspace), place))
    workspace.select_sample(12)


def test_maps_of_the_other_network_are_asked_for_and_shown_on_one_scale(theme: Theme, qtbot: QtBot) -> None:
    workspace = two_networks()
    maps_of(workspace)
    panel = built(Inspector, workspace, theme, qtbot)
    second = panel.channels.second
    assert second.isVisible()
    assert second.ask.isVisible()
    asked: list[Any] = []
    workspace.glance_wanted.connect(asked.append)
    second.ask.click()
    request, statistics = asked
    assert (request.model, request.layers, dict(request.params)["samples"]) == (OTHER, LAYER, "12")
    assert (statistics.model, statistics.layers, "samples" in dict(statistics.params)) == (OTHER, LAYER, False)
    overall = activation_reading.find(workspace, own_layer(workspace), -1)
    assert overall is not None
    assert (statistics.limit, statistics.seed) == (overall.request.limit, overall.request.seed)
    events = of_other(scenes.activation_events(own_layer(workspace), 12, OTHER))
    theirs = scenes.play(workspace, events)
    theirs.result["maps"][:] = 3 * np.asarray(theirs.result["maps"], dtype=np.float64)
    workspace.runs_changed.emit()
    settle()
    numbers = [tile.number for tile in panel.channels.grid.tiles]
    assert [tile.number for tile in second.grid.tiles] == numbers
    assert second.grid.scale == panel.channels.grid.scale
    for tile in second.grid.tiles:
        np.testing.assert_array_equal(tile.values, theirs.result["maps"][0, 0, tile.number])
    assert second.grid.scale.high == pytest.approx(np.abs(theirs.result["maps"]).max())
    assert second.title.text().startswith(f"{NAME}, {LAYER}: the same channels")
    workspace.compare_with(None)
    settle()
    assert not second.isVisible()
    assert panel.channels.grid.scale.high < second.grid.scale.high


def test_pictures_that_excite_the_channel_there_are_a_second_strip(theme: Theme, qtbot: QtBot) -> None:
    workspace = two_networks()
    maps_of(workspace)
    overall = activation_reading.find(workspace, own_layer(workspace), -1)
    assert overall is not None
    overall.result.request = overall.request = replace(overall.request, limit=77, seed=5)
    workspace.select(replace(workspace.selection, channel=6))
    panel = built(Inspector, workspace, theme, qtbot)
    first = panel.channels.pictures
    second = first.second
    assert second.isVisible()
    assert not second.strip.isVisible()
    asked: list[Any] = []
    workspace.glance_wanted.connect(asked.append)
    second.ask.click()
    (request,) = asked
    assert (request.model, request.layers, "samples" in dict(request.params)) == (OTHER, LAYER, False)
    assert (request.limit, request.seed) == (77, 5)
    theirs = scenes.play(workspace, of_other(scenes.activation_events(own_layer(workspace), -1, OTHER, seed=9)))
    settle()
    shown = [thumb.place for thumb in second.strip.thumbs]
    assert shown == theirs.result["top_pictures"][0, 6].tolist()
    assert shown != [thumb.place for thumb in first.strip.thumbs]
    assert second.title.text().startswith(f"{NAME}, {LAYER}, channel 6: what excites it most, of 200 of 1,000 pictures")
    assert not second.ask.isVisible()
    second.strip.chosen.emit(shown[0])
    assert workspace.selection.sample == shown[0]
    workspace.select(replace(workspace.selection, channel=2))
    settle()
    assert "no picture excites channel 2" in second.title.text()
    assert not second.strip.isVisible()
    workspace.compare_with(None)
    settle()
    assert not second.isVisible()


def test_exciting_pictures_of_channels_that_do_not_correspond_are_not_shown(theme: Theme, qtbot: QtBot) -> None:
    workspace = two_networks()
    maps_of(workspace)
    wide = next(layer for layer in scenes.network(3, widths=(32, 64, 128)) if layer.name == LAYER)
    scenes.play(workspace, of_other(scenes.activation_events(wide, -1, OTHER)))
    panel = built(Inspector, workspace, theme, qtbot)
    second = panel.channels.pictures.second
    assert "not compared, because it has 32 channels" in second.title.text()
    assert not second.strip.isVisible()
    assert not second.ask.isVisible()


def test_lists_and_filters_have_those_of_the_other_network(theme: Theme, qtbot: QtBot) -> None:
    workspace = two_networks()
    maps_of(workspace)
    events = of_other(scenes.activation_events(own_layer(workspace), -1, OTHER, seed=9))
    theirs = scenes.play(workspace, events)
    workspace.select(replace(workspace.selection, channel=3))
    panel = built(Inspector, workspace, theme, qtbot)
    weights = panel.channels.weights
    assert f"{NAME} over 200 pictures: 1 dead, 1 constant, 1 duplicate" in panel.channels.lists.text()
    assert weights.second_filters.isVisible()
    assert [tile.number for tile in weights.second_filters.tiles] == [tile.number for tile in weights.filters.tiles]
    assert weights.second_filters.scale == weights.filters.scale
    for tile in weights.second_filters.tiles:
        np.testing.assert_array_equal(tile.values, theirs.result["filters"][0, 3, tile.number])
    workspace.compare_with(None)
    settle()
    assert NAME not in panel.channels.lists.text()
    assert not weights.second_filters.isVisible()


def test_channels_of_another_number_do_not_correspond(theme: Theme, qtbot: QtBot) -> None:
    workspace = two_networks()
    maps_of(workspace)
    wide = next(layer for layer in scenes.network(3, widths=(32, 64, 128)) if layer.name == LAYER)
    scenes.play(workspace, of_other(scenes.activation_events(wide, 12, OTHER)))
    panel = built(Inspector, workspace, theme, qtbot)
    second = panel.channels.second
    assert "strongest first of 32 channels" in second.title.text()
    strength = [float(np.abs(tile.values).mean()) for tile in second.grid.tiles]
    assert strength == sorted(strength, reverse=True)


def test_weights_have_a_thin_line_of_the_other_network(theme: Theme, qtbot: QtBot) -> None:
    workspace = two_networks()
    maps_of(workspace)
    theirs = scenes.play(workspace, of_other(scenes.activation_events(own_layer(workspace), -1, OTHER, seed=9)))
    panel = built(Inspector, workspace, theme, qtbot)
    weights = panel.channels.weights
    np.testing.assert_allclose(weights.histogram.outline, theirs.result["weight_histogram"][0], atol=1e-9)
    spectrum = next(
        run.result
        for run in workspace.runs.values()
        if run.request.method == "weight_spectrum" and run.request.model == OTHER
    )
    row = spectrum["singular_values"][spectrum.names("layer").index(LAYER)]
    np.testing.assert_allclose(weights.spectrum.outline, np.sort(row[np.isfinite(row)])[::-1])
    assert weights.histogram_title.text().endswith(f"thin line: {NAME}")
    workspace.compare_with(None)
    settle()
    assert not weights.histogram.outline.size
    assert NAME not in weights.spectrum_title.text()


# -- architecture graph ----------------------------------------------------------------------------------------------


def graph_of(theme: Theme, qtbot: QtBot) -> tuple[Workspace, GraphPanel]:
    workspace = opened()
    scenes.play(workspace, scenes.rank_events(workspace.layers))
    deeper = scenes.network(9)
    scenes.play(workspace, of_other(scenes.structure_events(deeper, OTHER)))
    other = scenes.play(workspace, of_other(scenes.rank_events(deeper, seed=4, model=OTHER)))
    workspace.compare_with(other.number)
    panel = built(GraphPanel, workspace, theme, qtbot)
    panel.unfold_all()
    panel.color_by("feature_rank.effective_rank")
    settle()
    return workspace, panel


def test_nodes_are_coloured_by_the_difference_of_their_measure(theme: Theme, qtbot: QtBot) -> None:
    workspace, panel = graph_of(theme, qtbot)
    plain = list(panel.node_values)
    assert not panel.scale.second
    panel.show_difference(True)
    settle()
    found = deltas(workspace, panel.metrics["feature_rank.effective_rank"])
    assert found is not None
    for node, value in zip(panel.canvas.shown.nodes, panel.node_values, strict=True):
        known = [row for row in node.rows if found.states[row] <= ZERO]
        assert value == pytest.approx(found.values[known[-1]] if known else np.nan, nan_ok=True)
    low, high = panel.scale.ends
    assert low == -high
    assert high == pytest.approx(np.nanmax(np.abs(panel.node_values)))
    assert panel.scale.second == NAME
    number = panel.node_of(LAYER)
    tip, gain = panel.canvas.nodes[number].toolTip(), panel.node_values[number]
    assert NAME in tip
    assert difference_words(plain[number], plain[number] - gain) in tip
    workspace.compare_with(None)
    settle()
    assert panel.node_values == pytest.approx(plain, nan_ok=True)
    assert not panel.scale.second
    assert NAME not in panel.canvas.nodes[number].toolTip()


def test_a_sum_over_layers_that_do_not_all_correspond_is_not_known(theme: Theme, qtbot: QtBot) -> None:
    workspace, panel = graph_of(theme, qtbot)
    other = scenes.play(workspace, of_other(scenes.structure_events(scenes.network(3)[:8], SHORT)))
    workspace.compare_with(other.number)
    panel.fold_all()
    panel.color_by("structure.parameters")
    panel.show_difference(True)
    settle()
    there = matching_rows(workspace.layers, other.result.layers) >= 0
    missing = 0
    for node, value in zip(panel.canvas.shown.nodes, panel.node_values, strict=True):
        costs = [row for row in node.rows if workspace.layers[row].kind in ("conv", "linear")]
        if not there[costs].all():
            missing += 1
            assert value != value
        elif costs:
            assert value == 0
    assert missing
    assert f"{NAME} short: no layer differs" in panel.summary.text


# -- rank ------------------------------------------------------------------------------------------------------------


def test_a_network_without_a_rank_says_so(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.full()
    other = scenes.play(workspace, of_other(scenes.structure_events(scenes.network(9), OTHER)))
    view = built(RankView, workspace, theme, qtbot)
    assert NAME not in view.badges.text
    workspace.compare_with(other.number)
    settle()
    assert f"{NAME}: not compared, because it has no run of feature rank" in view.badges.text


# -- accuracy --------------------------------------------------------------------------------------------------------


def test_confusions_are_subtracted_in_shares_of_a_class(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    ours, theirs = scenes.confusion(seed=1), scenes.confusion(count=500, seed=2)
    scenes.play(workspace, scenes.accuracy_events(ours))
    other = scenes.play(workspace, of_other(scenes.accuracy_events(theirs, OTHER)))
    workspace.compare_with(other.number)
    view = built(EvaluateView, workspace, theme, qtbot)
    plain = view.matrix.item.cells
    view.switch.setChecked(True)
    settle()
    wanted = 100 * (ours / ours.sum(axis=1, keepdims=True) - theirs / theirs.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(view.matrix.item.cells.values, wanted[np.ix_(view.order, view.order)])
    row, column = view.order[0], view.order[1]
    view._show_cell(0, 1)
    assert f"({wanted[row, column]:+.1f})".replace("-", "−") in view.readout.text
    assert NAME in view.legend.keys[0].words
    workspace.compare_with(None)
    settle()
    np.testing.assert_array_equal(view.matrix.item.cells.values, plain.values)
    assert not view.switch.isVisible()


def test_confusions_of_other_classes_are_not_subtracted(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    scenes.play(workspace, scenes.accuracy_events())
    names = tuple(f"class {number}" for number in range(10))
    other = scenes.play(workspace, of_other(scenes.accuracy_events(model=OTHER, names=names)))
    workspace.compare_with(other.number)
    assert not built(EvaluateView, workspace, theme, qtbot).switch.isVisible()
