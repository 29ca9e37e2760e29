from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from analysis.events import Chunk, Finished, Output
from analysis.measures import spectra
from analysis.request import ModelSource, Request
from app.drawing import rank_lanes
from app.forms.fields import SlidingNumber
from app.reading import norms, rank_reading
from app.reading.comparing import Compared
from app.reading.depth import depth_axis
from app.reading.measurements import structure_metric
from app.reading.rank_reading import Reading
from app.theme import Theme
from app.views.evaluate import EvaluateView, shares, worst
from app.views.overview import KINDS, Overview
from app.views.rank import RankView
from app.workspace import Run, Workspace
from tests import scenes
from tests.gestures import click, drag, move, settle, show, theme

__all__ = ["theme"]
SHIFT, CONTROL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
OTHER = ModelSource("auto", ("resnet56.th",))


@pytest.fixture
def workspace(qapp: object) -> Workspace:
    return scenes.full()


@pytest.fixture
def overview(workspace: Workspace, theme: Theme, qtbot: QtBot) -> Overview:
    view = Overview(workspace, theme)
    qtbot.addWidget(view)
    show(view)
    return view


@pytest.fixture
def rank(workspace: Workspace, theme: Theme, qtbot: QtBot) -> RankView:
    view = RankView(workspace, theme)
    qtbot.addWidget(view)
    show(view, 900, 700)
    return view


# -- overview --------------------------------------------------------------------------------------------------------


def test_a_click_selects_everywhere_and_a_selection_from_elsewhere_shows(overview: Overview) -> None:
    workspace, stack = overview.workspace, overview.stack
    click(stack.plot.viewport(), stack.place_of(5, 1))
    assert workspace.selection.layers == (overview.axis.slots[5].name,)
    click(stack.plot.viewport(), stack.place_of(8, 0), CONTROL)
    assert workspace.selection.layers == (overview.axis.slots[5].name, overview.axis.slots[8].name)
    move(stack.plot.viewport(), QPoint(3, 3))
    workspace.select_layer("layer3.1:relu#1")
    settle()
    slot = overview.axis.slot_of("layer3.1.conv1")
    assert stack._item.selected == (slot,)
    assert overview.readout.text.startswith("layer3.1.conv1")


def test_the_readout_says_every_value_at_the_crosshair(overview: Overview) -> None:
    stack = overview.stack
    slot = overview.axis.slot_of("layer2.1.conv2")
    move(stack.plot.viewport(), stack.place_of(slot, 0))
    text = overview.readout.text.replace("\xa0", " ")
    assert text.startswith("layer2.1.conv2")
    for words in ("Width 32", "MACs 2.36 M", "Effective rank", "Weight stable rank", "Latency"):
        assert words in text
    values = overview._shown["feature_rank.effective_rank"]
    assert values.low is not None
    assert f"{values.values[slot]:.1f} [{values.low[slot]:.1f}" in text


def test_brushing_restricts_every_view_and_can_be_taken_back(overview: Overview) -> None:
    stack, workspace = overview.stack, overview.workspace
    drag(stack.plot.viewport(), stack.place_of(3, 0), stack.place_of(7, 0), SHIFT)
    assert workspace.span == overview.axis.rows_of_slots(3, 7)
    settle()
    assert overview.span_chip.isVisible()
    overview.span_chip.click()
    settle()
    assert workspace.span is None
    assert not overview.span_chip.isVisible()
    drag(stack.plot.viewport(), stack.place_of(0, 0), stack.place_of(len(overview.axis.slots) - 1, 0), SHIFT)
    assert workspace.span is None


def test_arrow_keys_walk_through_the_layers(overview: Overview) -> None:
    overview.workspace.select_layer("layer1.0.conv1")
    plot = overview.stack.plot
    QTest.keyClick(plot, Qt.Key.Key_Right)
    assert overview.workspace.selection.layers == ("layer1.0.conv2",)
    QTest.keyClick(plot, Qt.Key.Key_Left)
    QTest.keyClick(plot, Qt.Key.Key_Left)
    assert overview.workspace.selection.layers == ("conv1",)
    QTest.keyClick(plot, Qt.Key.Key_Left)
    assert overview.workspace.selection.layers == ("conv1",)


def test_a_double_click_goes_to_the_rank_of_the_layer(overview: Overview) -> None:
    wanted: list[str] = []
    overview.view_wanted.connect(wanted.append)
    click(overview.stack.plot.viewport(), overview.stack.place_of(4, 2), double=True)
    assert wanted == ["rank"]
    assert overview.workspace.selection.layer == overview.axis.slots[4].name


def test_any_output_of_any_run_can_be_a_track(overview: Overview) -> None:
    overview._fill_tracks_menu()
    names = [action.text() for action in overview.tracks_menu.actions() if action.isCheckable()]
    for words in ("Width", "Parameters", "Activation memory", "Latency", "Dead channels", "Weight effective rank"):
        assert words in names
    overview.toggle_track("feature_rank.dead_channels")
    settle()
    assert overview.stack.lanes[-1].key == "feature_rank.dead_channels"
    overview.toggle_track("feature_rank.dead_channels")
    settle()
    assert all(lane.key != "feature_rank.dead_channels" for lane in overview.stack.lanes)


def test_a_dragged_lane_keeps_its_place_when_values_arrive(overview: Overview) -> None:
    overview.stack._move(0, 3)
    order = [lane.key for lane in overview.stack.lanes]
    overview.invalidate()
    settle()
    assert [lane.key for lane in overview.stack.lanes] == order
    assert [entry["key"] for entry in overview.state()["tracks"]][:4] == order[:4]


@pytest.mark.parametrize("mode", ["layers", "blocks", "depth"])
def test_every_axis_shows_all_tracks(overview: Overview, mode: str) -> None:
    overview.restore({"axis": mode, "tracks": overview.tracks.state()})
    settle()
    assert overview.axis.mode == mode
    assert all(len(lane.values) == len(overview.axis.slots) for lane in overview.stack.lanes)


def test_the_scale_only_grows_while_a_run_streams(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    view = Overview(workspace, theme)
    qtbot.addWidget(view)
    show(view)
    events = list(scenes.latency_events(workspace.layers))
    run = scenes.play(workspace, iter(events), steps=3)
    seen = []
    for share in (1.0, 0.2, 1.7):
        for event in events[3:]:
            if isinstance(event, Chunk):
                workspace.apply(run.number, replace(event, values=event.values * share))
        workspace.announce(run.number)
        settle()
        seen.append(next(lane.top for lane in view.stack.lanes if lane.key == "latency.latency"))
    assert seen[0] == seen[1] < seen[2]


def test_a_second_network_is_outlined_by_name_or_by_depth(overview: Overview) -> None:
    workspace = overview.workspace
    large = scenes.network(9)
    run = scenes.play(workspace, scenes.rank_events(large, seed=5, model=OTHER, name="resnet56"))
    workspace.compare_with(run.number)
    settle()
    lane = next(lane for lane in overview.stack.lanes if lane.key == "feature_rank.effective_rank")
    assert lane.outline is not None
    rows = [layer.name for layer in run.result.layers]
    for slot in (1, 6, 15):
        expected = run.result["effective_rank"][rows.index(overview.axis.slots[slot].name)]
        assert lane.outline[2][slot] == expected
    assert "outline" in overview.readout.text or overview.workspace.selection.layer == ""
    weights = next(lane for lane in overview.stack.lanes if lane.key == "weight_spectrum.stable_rank")
    assert weights.outline is None
    overview.restore({"axis": "depth"})
    settle()
    lane = next(lane for lane in overview.stack.lanes if lane.key == "feature_rank.effective_rank")
    assert lane.outline is not None
    assert len(lane.outline[0]) == len(depth_axis(run.result.layers, "depth").slots)
    workspace.compare_with(None)
    settle()
    assert all(lane.outline is None for lane in overview.stack.lanes)


def test_a_removed_run_is_no_longer_compared(overview: Overview) -> None:
    workspace = overview.workspace
    run = scenes.play(workspace, scenes.rank_events(scenes.network(9), model=OTHER))
    workspace.compare_with(run.number)
    settle()
    workspace.remove_run(run.number)
    settle()
    assert all(lane.outline is None for lane in overview.stack.lanes)


def test_a_network_compared_with_itself_has_the_same_widths(workspace: Workspace) -> None:
    axis = depth_axis(workspace.layers)
    run = next(run for run in workspace.runs.values() if run.request.method == "structure")
    outline = Compared(workspace, run, axis, KINDS["layers"]).outline(structure_metric("width"))
    assert outline is not None
    assert outline[2].tolist() == [float(workspace.layers[slot.rows[-1]].channels) for slot in axis.slots]


def test_conditions_and_badges_stand_below_the_tracks(overview: Overview) -> None:
    text = overview.facts.text
    assert "N = 1,000" in text
    assert "sampled + pooled" in text
    run = overview.workspace.latest("feature_rank")
    assert run is not None
    assert run.result.prepared is not None
    run.result.prepared = replace(run.result.prepared, badges=("random weights",))
    overview.workspace.announce(run.number)
    settle()
    assert "random weights" in overview.facts.text


# -- reading spectra -------------------------------------------------------------------------------------------------


def rank_run(workspace: Workspace) -> Run:
    run = workspace.latest("feature_rank")
    assert run is not None
    return run


@pytest.mark.parametrize("rtol", [1e-6, 3e-3, 0.05])
def test_another_tolerance_counts_singular_values_again(workspace: Workspace, rtol: float) -> None:
    result = rank_run(workspace).result
    found = rank_reading.read(result, Reading("rank", rtol=rtol))
    for row, layer in enumerate(result.layers):
        sigma = np.asarray(result["singular_values"][row])[: layer.channels]
        assert found.values[row] == np.sum(sigma > rtol * sigma.max())
    assert found.low is None


def test_recorded_numbers_come_with_their_intervals_and_others_without(workspace: Workspace) -> None:
    result = rank_run(workspace).result
    recorded = rank_reading.read(result, Reading("effective_rank"))
    assert recorded.low is not None
    assert np.array_equal(recorded.values, result["effective_rank"])
    centred = rank_reading.read(result, Reading("effective_rank", centred=True))
    assert centred.low is None
    expected = spectra.effective_rank(result["singular_values_centred"])
    assert np.allclose(centred.values, expected)


def test_reading_what_was_recorded_agrees_with_reading_the_spectra(workspace: Workspace) -> None:
    """The stored numbers and the stored spectra of one run say the same."""
    result = rank_run(workspace).result
    for measure in (
        "rank",
        "rank_ratio",
        "effective_rank",
        "participation_ratio",
        "stable_rank",
        "nuclear_norm_scaled",
    ):
        stored = rank_reading.read(result, Reading(measure)).values
        assert np.allclose(stored, rank_reading._from_spectra(result, Reading(measure))), measure


def test_a_run_that_was_centred_is_read_as_such(workspace: Workspace) -> None:
    result = rank_run(workspace).result
    result.request = Request("feature_rank", params=(("centred", True), ("energy", 0.9)))
    assert rank_reading.is_recorded(result, Reading("rank", centred=True))
    assert not rank_reading.is_recorded(result, Reading("rank"))
    assert rank_reading.is_recorded(result, Reading("energy_rank", centred=True, energy=0.9))
    assert not rank_reading.is_recorded(result, Reading("energy_rank", centred=True, energy=0.99))
    assert rank_reading.is_recorded(result, Reading("dead_channels"))


def test_an_activation_belongs_to_the_convolution_before_it() -> None:
    layers = scenes.network()
    names = [layer.name for layer in layers]
    after = rank_reading.activation_after(layers)
    assert names[after[names.index("layer2.0.conv1")]] == "layer2.0:relu#1"
    assert names[after[names.index("layer2.0.conv2")]] == "layer2.0:relu#2"
    assert rank_reading.after_sum(layers, names.index("layer2.0.conv2"), names.index("layer2.0:relu#2"))
    assert not rank_reading.after_sum(layers, names.index("layer2.0.conv1"), names.index("layer2.0:relu#1"))
    assert after[names.index("linear")] == -1


def test_caps_are_where_a_layer_expands_or_was_seen_too_little() -> None:
    layers = scenes.network()
    names = [layer.name for layer in layers]
    caps = rank_lanes.caps_with_activations(layers)
    assert caps[names.index("layer2.0.conv1")] == 0.5
    assert caps[names.index("layer2.0:relu#1")] == 0.5
    assert math.isnan(caps[names.index("layer2.0.conv2")])
    assert math.isnan(caps[names.index("layer2.0:relu#2")])
    workspace = scenes.opened()
    result = scenes.play(workspace, scenes.rank_events(workspace.layers, count=20)).result
    limits = rank_reading.sample_caps(result)
    pooled = next(row for row, layer in enumerate(result.layers) if layer.kind == "pooled")
    assert limits[pooled] == 20 / 64
    assert math.isnan(limits[0])


# -- rank view -------------------------------------------------------------------------------------------------------


def profile(view: RankView) -> np.ndarray:
    settle()
    return view.stack.lanes[0].values


def test_the_slider_reads_the_spectra_again_at_once(rank: RankView) -> None:
    rank.read_as(measure="rank_ratio")
    before = profile(rank).copy()
    rank.tolerance.slider.setValue(rank.tolerance._place(0.05))
    after = profile(rank)
    known = np.isfinite(before)
    assert np.all(after[known] <= before[known])
    assert np.any(after[known] < before[known])
    assert "read again at tolerance" in rank.facts.text
    rank.tolerance.back.click()
    assert np.array_equal(profile(rank), before, equal_nan=True)


def test_a_tolerance_can_be_typed_and_nonsense_is_refused(rank: RankView) -> None:
    field = rank.tolerance.field
    field.setText("1e-3")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert rank.reading.rtol == 1e-3
    for nonsense in ("much", "-1", "0", "nan", "2"):
        field.setText(nonsense)
        QTest.keyClick(field, Qt.Key.Key_Return)
        assert rank.reading.rtol == 1e-3
        assert field.text() == "0.001"


def test_the_tolerance_can_be_dragged_in_the_plot(rank: RankView) -> None:
    rank.workspace.select_layer("layer3.0.conv1")
    settle()
    plot = rank.curve
    at = math.log10(rank_reading.tolerance(rank_run(rank.workspace).result, 0, Reading()))
    guide = next(guide for guide in plot.item.guides if guide.movable)

    def place(x: float) -> QPoint:
        scene = plot.box.mapViewToScene(QPointF(x, 0.5))
        return QPoint(round(scene.x()), round(scene.y()))

    drag(plot.viewport(), place(guide.at), place(-4.0))
    assert rank.reading.rtol == pytest.approx(1e-4, rel=0.1)
    assert at != -4.0
    assert float(rank.tolerance.field.text()) == pytest.approx(1e-4, rel=0.1)


def test_centring_takes_the_other_spectrum(rank: RankView) -> None:
    rank.workspace.select_layer("layer2.1.conv2")
    settle()
    before = rank.spectrum.item.curves[0].x.copy()
    rank.controls.centred.click()
    settle()
    assert rank.reading.centred
    assert not np.array_equal(rank.spectrum.item.curves[0].x, before)
    assert "centred" in rank.facts.text


def test_the_distribution_is_that_of_the_selected_layers(rank: RankView) -> None:
    workspace = rank.workspace
    workspace.select_layer("layer2.0.conv1")
    workspace.select_layer("layer3.2.conv2", extend=True)
    settle()
    curves, guides = rank.spectrum.item.curves, rank.spectrum.item.guides
    assert [curve.label for curve in curves] == ["layer2.0.conv1", "layer3.2.conv2"]
    result = rank_run(workspace).result
    row = [layer.name for layer in result.layers].index("layer2.0.conv1")
    x, portion = spectra.distribution(rank_reading.spectrum(result, row, False), 32)
    assert np.allclose(10 ** curves[0].x[1:-1], x)
    assert np.allclose(curves[0].y[1:-1], 100 * portion)
    assert curves[0].y[-1] == 100
    ticks = [guide for guide in guides if guide.tick]
    assert [guide.at for guide in ticks] == [100 * (1 - 17 / 32)]


def test_energy_has_a_slider_of_its_own(rank: RankView) -> None:
    assert not rank.energy.isVisible()
    rank.read_as(measure="energy_rank")
    before = profile(rank).copy()
    assert rank.energy.isVisible()
    assert not rank.tolerance.isVisible()
    rank.energy.slider.setValue(rank.energy._place(0.7))
    after = profile(rank)
    known = np.isfinite(before)
    assert np.all(after[known] <= before[known])
    assert np.any(after[known] < before[known])


def test_features_stand_beside_weights(rank: RankView) -> None:
    rank.controls.toggle_lane(rank_lanes.WEIGHTS)
    settle()
    lane = next(lane for lane in rank.stack.lanes if lane.key == rank_lanes.WEIGHTS)
    assert lane.second is not None
    both = np.isfinite(lane.values)
    assert np.all(np.isfinite(lane.second[both]))
    names = [slot.name for slot, there in zip(rank.axis.slots, both, strict=True) if there]
    assert all("conv" in name for name in names)
    assert len(names) == 19


def test_activations_are_paired_with_their_convolutions(rank: RankView) -> None:
    settle()
    lane = next(lane for lane in rank.stack.lanes if lane.key == rank_lanes.CHANGE)
    assert lane.second is not None
    slot = rank.axis.slot_of("layer1.1.conv1")
    follower = rank.axis.slot_of("layer1.1:relu#1")
    values = profile(rank)
    assert (lane.second[slot], lane.values[slot]) == (values[slot], values[follower])


def test_a_range_restricts_the_view(rank: RankView) -> None:
    first = next(i for i, layer in enumerate(rank.workspace.layers) if layer.name == "layer2.0.conv1")
    last = next(i for i, layer in enumerate(rank.workspace.layers) if layer.name == "layer2.2")
    rank.workspace.set_span((first, last))
    settle()
    low, high = rank.stack.plot.box.viewRange()[0]
    slots = [rank.axis.slot_of(name) for name in ("layer2.0.conv1", "layer2.2:relu#2")]
    assert (low, high) == (pytest.approx(slots[0] - 0.5), pytest.approx(slots[1] + 0.5))
    rank.workspace.set_span(None)
    settle()
    assert rank.stack.plot.box.viewRange()[0] == [pytest.approx(v) for v in rank.axis.limits]


def test_the_figure_is_that_of_the_plot_used_last(rank: RankView) -> None:
    specs = []
    for plot in (rank.stack.plot, rank.spectrum, rank.curve):
        plot.focused.emit()
        spec = rank.figure_spec()
        assert spec is not None
        specs.append(spec.name)
    assert specs == ["profile", "spectrum", "tolerance"]


def test_a_dead_layer_has_no_distribution_and_says_so(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    events = []
    for event in scenes.rank_events(workspace.layers):
        zero = isinstance(event, Chunk) and event.name.startswith("singular") and event.at == (0,)
        events.append(replace(event, values=np.zeros_like(event.values)) if zero else event)  # type: ignore[type-var]
    scenes.play(workspace, iter(events))
    workspace.select_layer("conv1")
    view = RankView(workspace, theme)
    qtbot.addWidget(view)
    show(view)
    assert "conv1 is zero" in view.spectrum.note


# -- accuracy against norm -------------------------------------------------------------------------------------------


def with_networks(
    workspace: Workspace, count: int, widths: tuple[int, ...] = (16, 32, 64), pictures: int = 1000
) -> None:
    for number in range(count):
        model = ModelSource("auto", (f"net{widths[-1]}-{pictures}-{number}.th",))
        layers = scenes.network(1, widths)
        scenes.play(workspace, scenes.rank_events(layers, pictures, seed=number, model=model, name=f"net {number}"))
        scenes.play(workspace, scenes.accuracy_events(model=model, seed=number))


def test_networks_under_equal_conditions_are_correlated(qapp: object) -> None:
    workspace = scenes.opened()
    with_networks(workspace, 5)
    comparison = norms.compare(norms.networks(workspace))
    assert len(comparison.networks) == comparison.found.count == 5
    assert comparison.reason == ""
    x = np.array([network.norm for network in comparison.networks])
    y = np.array([network.top1 for network in comparison.networks])
    assert comparison.found.pearson == pytest.approx(np.corrcoef(x, y)[0, 1])


def test_incomparable_networks_are_named_and_not_mixed_in(qapp: object) -> None:
    workspace = scenes.opened()
    with_networks(workspace, 4)
    with_networks(workspace, 1, widths=(16, 32, 48))
    with_networks(workspace, 1, pictures=500)
    comparison = norms.compare(norms.networks(workspace))
    assert len(comparison.networks) == 4
    assert len(comparison.left_out) == 2
    assert comparison.found.count == 4
    assert comparison.reason == "2 networks not comparable: other final width and number of observations"


def test_a_network_counts_only_with_both_runs(qapp: object) -> None:
    workspace = scenes.opened()
    scenes.play(workspace, scenes.rank_events(workspace.layers))
    assert norms.networks(workspace) == ()


def test_the_plot_says_how_they_go_together(rank: RankView) -> None:
    with_networks(rank.workspace, 4)
    rank.restore({"lower": "norm"})
    settle()
    assert "Pearson" in rank.norm.item.captions[0]
    assert "Spearman" in rank.norm.item.captions[0]
    assert sum(len(spots.names) for spots in rank.norm.item.spots) == 5


# -- accuracy --------------------------------------------------------------------------------------------------------


@pytest.fixture
def accuracy(workspace: Workspace, theme: Theme, qtbot: QtBot) -> EvaluateView:
    view = EvaluateView(workspace, theme)
    qtbot.addWidget(view)
    show(view)
    return view


def test_the_totals_are_those_of_the_run(accuracy: EvaluateView) -> None:
    run = accuracy.workspace.latest("evaluate")
    assert run is not None
    assert accuracy.figures["top1"].text == f"{100 * run.result.value('top1'):.1f}\xa0%"
    assert accuracy.figures["loss"].text == "0.312\xa0nats"


def test_classes_can_be_sorted_by_accuracy(accuracy: EvaluateView) -> None:
    run = accuracy.workspace.latest("evaluate")
    assert run is not None
    before = accuracy._counts.copy()
    accuracy.restore({"order": "accuracy"})
    settle()
    values = run.result["class_accuracy"][accuracy.order]
    assert np.all(np.diff(values) <= 0)
    assert np.array_equal(accuracy.bars.values, values)
    assert sorted(accuracy._counts.ravel().tolist()) == sorted(before.ravel().tolist())
    assert np.trace(accuracy._counts) == np.trace(before)


def test_hovering_a_cell_says_how_many_are_taken_for_what(accuracy: EvaluateView) -> None:
    scene = accuracy.matrix.box.mapViewToScene(QPointF(5, -3))
    move(accuracy.matrix.viewport(), QPoint(round(scene.x()), round(scene.y())))
    count, total = int(accuracy._counts[3, 5]), int(accuracy._counts[3].sum())
    assert accuracy.readout.text == f"cat  taken for dog {count} of {total} ({100 * count / total:.1f}\xa0%)"


def test_shares_of_a_class_without_pictures_are_unknown() -> None:
    counts = np.array([[3, 1], [0, 0]])
    assert shares(counts)[0].tolist() == [0.75, 0.25]
    assert np.isnan(shares(counts)[1]).all()
    assert worst(counts) == [(0, 1)]


def test_pictures_without_labels_have_no_accuracy(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    events = list(scenes.accuracy_events())
    declared = replace(events[2], outputs=(Output("prediction", ("sample",), (4,), "int32"),), names=())  # type: ignore[type-var]
    scenes.play(workspace, iter([*events[:2], declared, events[-1]]))
    view = EvaluateView(workspace, theme)
    qtbot.addWidget(view)
    show(view)
    assert isinstance(events[-1], Finished)
    assert not any(figure.isVisible() for figure in view.figures.values())
    assert "no labels" in view.matrix.note


def test_a_thousand_classes_can_be_shown(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    scenes.play(workspace, scenes.accuracy_events(scenes.confusion(1000, 20_000), names=()))
    view = EvaluateView(workspace, theme)
    qtbot.addWidget(view)
    show(view)
    assert view.matrix.item.painted == 1
    view.matrix.zoom(0.1)
    settle()
    assert view.matrix.item.painted == 2


# -- parts -----------------------------------------------------------------------------------------------------------


def test_a_sliding_number_says_what_was_recorded_until_it_is_moved(qtbot: QtBot) -> None:
    number = SlidingNumber("Tolerance", 1e-8, 1e-1, True, ".2g", "as recorded")
    qtbot.addWidget(number)
    heard: list[object] = []
    number.changed.connect(heard.append)
    number.set_recorded(1e-4)
    assert number.field.text() == "0.0001"
    assert not number.back.isEnabled()
    number.slider.setValue(1000)
    assert heard == [pytest.approx(0.1)]
    number.back.click()
    assert heard[-1] is None
    assert number.field.text() == "0.0001"
    number.set_recorded(1e-5, "per layer")
    assert number.field.text() == "per layer"
