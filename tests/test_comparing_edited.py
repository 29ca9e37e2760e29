"""An edited network beside its original, other pictures, other classes, and what is equal: never taken for another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from analysis.edits import Edits
from analysis.events import Event, Prepared
from analysis.measures.class_names import class_rows
from analysis.methods import attribution, evaluate, feature_rank
from analysis.request import Request
from app.panels.comparison_bar import ComparisonBar
from app.panels.graph_panel import GraphPanel
from app.panels.inspector import Inspector
from app.reading import norms
from app.reading.asking_second import of_second
from app.reading.attribution_reading import second_explanation
from app.reading.comparing import (
    compared_runs,
    counterpart,
    deltas,
    differences,
    network_name,
    other_pictures,
    what_to_mind,
    why_no_difference,
    why_not_compared,
)
from app.reading.layer_comparison import layer_differences, measured
from app.reading.measurements import ZERO, available, structure_metric
from app.reading.sample_comparison import second_answers
from app.theme import Theme
from app.views.attribution import AttributionView
from app.views.evaluate import EvaluateView
from app.views.overview import Overview
from app.views.rank import RankView
from app.views.samples import SamplesView
from app.workspace import Run, Workspace
from tests import scenes
from tests.comparing_scenes import NAME, OTHER, PICTURES, built, of_other
from tests.gestures import settle, theme

__all__ = ["theme"]
EDITS = Edits(widths=(("layer1.0.conv1", 8),))
LAYER = "layer1.1.conv1"
RANK = "feature_rank.effective_rank"


def edited(workspace: Workspace, events: Iterator[Event], edits: Edits = EDITS) -> Run:
    """Let a run of the edited network happen."""
    run = scenes.play(workspace, events)
    run.request = replace(run.request, edits=edits)
    workspace.runs_changed.emit()
    return run


def seen(events: Iterator[Event], sha256: str, count: int) -> Iterator[Event]:
    """The same run on other pictures."""
    for event in events:
        if isinstance(event, Prepared):
            yield replace(event, samples=replace(event.samples, sha256=sha256, count=count))
        else:
            yield event


def original_and_edited() -> tuple[Workspace, Run]:
    """Rank and accuracy of the original, then rank of the edited network; compared with the original's accuracy."""
    workspace = scenes.full()
    accuracy = workspace.latest("evaluate")
    assert accuracy is not None
    workspace.set_edits(EDITS)
    edited(workspace, scenes.rank_events(workspace.layers, seed=9))
    workspace.compare_with(accuracy.number)
    return workspace, accuracy


def metric_of(workspace: Workspace, key: str = RANK) -> Any:
    return next(metric for metric in available(workspace) if metric.key == key)


# -- which runs are of one network -----------------------------------------------------------------------------------


def test_the_original_behind_the_edited_network_is_the_original(theme: Theme, qtbot: QtBot) -> None:
    workspace, _ = original_and_edited()
    view = built(Overview, workspace, theme, qtbot)
    lane = next(lane for lane in view.stack.lanes if lane.key == RANK)
    assert lane.outline is not None
    first = next(run for run in workspace.runs.values() if run.request.method == "feature_rank")
    rows = {name: row for row, name in enumerate(first.result.names("layer"))}
    slots = [(place, rows[slot.name]) for place, slot in enumerate(view.axis.slots) if slot.name in rows]
    for place, row in slots:
        assert lane.outline[2][place] == pytest.approx(first.result["effective_rank"][row])
        assert lane.outline[2][place] != pytest.approx(lane.values[place])


def test_the_run_of_the_original_is_found_and_no_reason_is_given(theme: Theme, qtbot: QtBot) -> None:
    workspace, _ = original_and_edited()
    second = counterpart(workspace, "feature_rank")
    assert second is not None
    assert second.request.edits.empty
    assert why_not_compared(workspace, "feature_rank") == ""
    view = built(RankView, workspace, theme, qtbot)
    assert view.stack.lanes[0].outline is not None
    assert "not compared" not in view.badges.text


def test_a_ratio_has_an_outline_too(theme: Theme, qtbot: QtBot) -> None:
    workspace, _ = original_and_edited()
    view = built(Overview, workspace, theme, qtbot)
    assert view._compared is not None
    found = view._compared.values(metric_of(workspace, "feature_rank.effective_rank_ratio"))
    assert found is not None
    assert found.any


def test_the_edited_network_is_called_so_and_has_only_its_own_runs(qapp: Any) -> None:
    workspace = scenes.full()
    run = edited(workspace, scenes.rank_events(workspace.layers, seed=9))
    workspace.compare_with(run.number)
    assert network_name(run) == "cifar_resnet20 (edited)"
    assert compared_runs(workspace, "feature_rank") == [run]
    assert compared_runs(workspace, "evaluate") == []
    assert len(compared_runs(workspace, "evaluate", Edits())) == 1
    assert "it has no run of evaluate" in why_not_compared(workspace, "evaluate")


def test_a_rule_without_an_edit_makes_no_other_network(qapp: Any) -> None:
    workspace = scenes.full()
    run = edited(workspace, scenes.rank_events(workspace.layers, seed=9), Edits(keep="random:3"))
    workspace.compare_with(run.number)
    assert len(compared_runs(workspace, "evaluate")) == 1


def test_norms_of_an_edited_network_do_not_meet_the_accuracy_of_the_original(qapp: Any) -> None:
    workspace = scenes.full()
    before = {network.norm for network in norms.networks(workspace)}
    assert before
    edited(workspace, scenes.rank_events(workspace.layers, seed=9))
    assert {network.norm for network in norms.networks(workspace)} == before


def test_attribution_says_why_the_open_network_is_not_its_own_second(qapp: Any) -> None:
    workspace = scenes.full()
    accuracy = workspace.latest("evaluate")
    assert accuracy is not None
    workspace.set_images(scenes.IMAGES)
    workspace.compare_with(accuracy.number)
    assert second_explanation(workspace, 12) == (
        "cifar_resnet20", None, "cifar_resnet20: not compared, because it is the network that is shown.",
    )  # fmt: skip
    workspace.set_edits(EDITS)  # what is compared with is the original now, which has explained the picture
    found = second_explanation(workspace, 12)
    assert found is not None
    assert found[1] is not None
    assert found[1].run.request.edits.empty


def test_samples_say_that_the_compared_run_is_the_one_shown(qapp: Any) -> None:
    workspace = scenes.full()
    workspace.set_images(scenes.IMAGES)
    accuracy = workspace.latest("evaluate")
    assert accuracy is not None
    workspace.compare_with(accuracy.number)
    found = second_answers(workspace, None, accuracy)  # type: ignore[arg-type]  # no picture is looked at before
    assert found is not None
    assert "its run is the one that is shown" in found.why_not


# -- other pictures and other classes --------------------------------------------------------------------------------


def on_other_pictures() -> Workspace:
    workspace = scenes.full()
    scenes.play(workspace, seen(of_other(scenes.accuracy_events(scenes.confusion(seed=9), OTHER)), "t", 500))
    deeper = scenes.network(9)
    run = scenes.play(workspace, seen(of_other(scenes.rank_events(deeper, seed=4, model=OTHER)), "t", 500))
    workspace.compare_with(run.number)
    workspace.select_layer(LAYER)
    return workspace


def test_accuracies_over_other_pictures_are_not_subtracted(theme: Theme, qtbot: QtBot) -> None:
    workspace = on_other_pictures()
    view = built(EvaluateView, workspace, theme, qtbot)
    words = "other pictures (N = 1,000 here, 500 there)"
    assert [figure.delta for figure in view.figures.values()] == ["other pictures", "–", "–"]
    assert words in view.figures["top1"]._delta.toolTip()
    assert f"{NAME}: {words}" in view.facts.text
    assert not view.switch.name
    assert np.isfinite(view.bars.second).all()
    assert f"{NAME} (other pictures)" in [key.words for key in view.legend.keys]


def test_ranks_over_other_pictures_say_so_and_are_not_subtracted(theme: Theme, qtbot: QtBot) -> None:
    workspace = on_other_pictures()
    words = "other pictures (N = 1,000 here, 500 there)"
    view = built(RankView, workspace, theme, qtbot)
    assert view.stack.lanes[0].outline is not None
    assert f"{NAME}: {words}" in view.badges.text
    metric = metric_of(workspace)
    assert differences(workspace, metric) is None
    assert why_no_difference(workspace, metric) == words
    layer = next(layer for layer in workspace.layers if layer.name == LAYER)
    assert measured(workspace, metric, layer) is None
    assert words in layer_differences(workspace, layer)
    panel = built(Inspector, workspace, theme, qtbot)
    assert words in panel.compared.text()
    assert any(words in exact for fact in panel.measures.facts for exact in fact.exact)


def test_the_same_pictures_and_none_are_no_other_pictures(qapp: Any) -> None:
    workspace = scenes.full()
    runs = {run.request.method: run for run in workspace.runs.values()}
    assert other_pictures(runs["feature_rank"], runs["evaluate"]) == ""
    assert other_pictures(runs["feature_rank"], runs["weight_spectrum"]) == ""
    assert other_pictures(None, runs["feature_rank"]) == ""


def test_classes_correspond_by_name(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.full()
    names = ("boot", "cat", *scenes.CLASSES[:3], "bag", "coat", "dress", "shirt", "ship")
    events = scenes.accuracy_events(scenes.confusion(seed=9), OTHER, names=names)
    run = scenes.play(workspace, of_other(events))
    workspace.compare_with(run.number)
    view = built(EvaluateView, workspace, theme, qtbot)
    theirs = run.result["class_accuracy"]
    for name, value in zip(scenes.CLASSES, view.bars.second, strict=True):
        if name in names:
            assert value == pytest.approx(theirs[names.index(name)])
        else:
            assert np.isnan(value)
    assert not view.switch.name


def test_the_same_classes_in_another_order_are_brought_together(theme: Theme, qtbot: QtBot) -> None:
    workspace, order = scenes.full(), np.random.default_rng(3).permutation(10)
    matrix = scenes.confusion(seed=9)
    names = tuple(scenes.CLASSES[i] for i in order)
    run = scenes.play(workspace, of_other(scenes.accuracy_events(matrix[np.ix_(order, order)], OTHER, names=names)))
    workspace.compare_with(run.number)
    view = built(EvaluateView, workspace, theme, qtbot)
    np.testing.assert_array_equal(view._theirs, matrix)
    np.testing.assert_allclose(view.bars.second, np.diag(matrix) / matrix.sum(axis=1))


@pytest.mark.parametrize(
    ("ours", "theirs", "count", "other", "found"),
    [
        (("a", "b"), ("b", "a"), 2, 2, [1, 0]),
        (("a", "a", "b"), ("b", "a", "c"), 3, 3, [-1, -1, 0]),
        (("a", "a"), ("a", "a"), 2, 2, [0, 1]),
        ((), ("a", "b"), 2, 2, [0, 1]),
        ((), ("a",), 2, 1, [-1, -1]),
        (("x", "y"), ("a", "b"), 2, 2, [-1, -1]),
        ((), (), 0, 3, []),
    ],
)
def test_rows_of_classes(ours: Any, theirs: Any, count: int, other: int, found: list[int]) -> None:
    assert class_rows(ours, theirs, count, other).tolist() == found


# -- no difference ---------------------------------------------------------------------------------------------------


def test_a_difference_of_zero_is_known(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.full()
    other = scenes.play(workspace, of_other(scenes.rank_events(workspace.layers, model=OTHER)))
    workspace.compare_with(other.number)
    metric = metric_of(workspace)
    found = differences(workspace, metric)
    assert found is not None
    assert (found.values[found.states == ZERO] == 0).all()
    assert deltas(workspace, metric) is None
    assert why_no_difference(workspace, metric) == "no layer differs"
    assert (
        why_no_difference(workspace, metric_of(workspace, "weight_spectrum.rank")) == "it has no run of weight spectrum"
    )
    workspace.select_layer(LAYER)
    layer = next(layer for layer in workspace.layers if layer.name == LAYER)
    assert "±0" in layer_differences(workspace, layer)


def test_equal_structures_say_what_is_equal(qapp: Any) -> None:
    workspace = scenes.full()
    other = scenes.play(workspace, of_other(scenes.structure_events(workspace.layers, OTHER)))
    workspace.compare_with(other.number)
    layer = next(layer for layer in workspace.layers if layer.name == LAYER)
    assert layer_differences(workspace, layer) == f"{NAME} · same width and parameters; nothing was measured of both"
    assert why_no_difference(workspace, structure_metric("width")) == "no layer differs"


# -- asking for the second network -----------------------------------------------------------------------------------


def compared_by_rank(edits: Edits = EDITS) -> Workspace:
    workspace = scenes.full()
    workspace.set_images(PICTURES)
    workspace.set_methods((attribution.INFO, evaluate.INFO, feature_rank.INFO))
    run = edited(workspace, of_other(scenes.rank_events(scenes.network(9), model=OTHER)), edits)
    workspace.compare_with(run.number)
    return workspace


def test_samples_offer_to_measure_the_second_network(theme: Theme, qtbot: QtBot) -> None:
    workspace = compared_by_rank()
    view = built(SamplesView, workspace, theme, qtbot)
    qtbot.waitUntil(lambda: view.thumbnails.pictures is not None)
    settle()
    asked: list[Request] = []
    workspace.run_wanted.connect(asked.append)
    assert view.ask_second.isVisible()
    view.ask_second.click()
    (request,) = asked
    assert (request.method, request.model, request.images, request.edits) == ("evaluate", OTHER, PICTURES, EDITS)
    workspace.add_run(Run(99, request))  # while it waits nothing more is offered
    settle()
    assert not view.ask_second.isVisible()
    workspace.compare_with(None)
    settle()
    assert not view.ask_second.isVisible()


def test_attribution_offers_to_explain_the_picture_there(theme: Theme, qtbot: QtBot) -> None:
    workspace = compared_by_rank(Edits())
    workspace.set_images(scenes.IMAGES)
    workspace.select_sample(12)
    view = built(AttributionView, workspace, theme, qtbot)
    asked: list[Request] = []
    workspace.run_wanted.connect(asked.append)
    assert view.ask_second.isVisible()
    view.ask_second.click()
    assert asked[0].model == OTHER
    assert dict(asked[0].params)["samples"] == "12"


def test_a_layer_is_asked_for_by_its_name_there(qapp: Any) -> None:
    workspace = scenes.full()
    renamed = tuple(replace(layer, name=f"net.{layer.name}", block=f"net.{layer.block}") for layer in workspace.layers)
    run = scenes.play(workspace, of_other(scenes.structure_events(renamed, OTHER)))
    workspace.compare_with(run.number)
    found = of_second(workspace, Request("attribution", scenes.MODEL, params=(("layer", LAYER), ("steps", 9))))
    assert found is not None
    assert dict(found.params) == {"layer": f"net.{LAYER}", "steps": 9}
    workspace.compare_with(None)
    assert of_second(workspace, Request("attribution", scenes.MODEL)) is None


def test_the_bar_offers_to_compare_from_every_tab(theme: Theme, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = on_other_pictures()
    bar = built(ComparisonBar, workspace, theme, qtbot)
    opened: list[Any] = []
    monkeypatch.setattr(bar.others, "popup", opened.append)
    bar.open_menu()
    assert opened
    bar.others.aboutToShow.emit()
    texts = [action.text() for action in bar.others.actions()]
    assert "Nothing" in texts
    assert sum(NAME in text for text in texts) == 1  # accuracies have no layers
    bar.others.actions()[0].trigger()
    assert workspace.compared is None


def test_the_edited_network_is_offered_once_in_the_menu(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.full()
    edited(workspace, scenes.rank_events(workspace.layers, seed=9))
    edited(workspace, scenes.rank_events(workspace.layers, seed=8))
    bar = built(ComparisonBar, workspace, theme, qtbot)
    bar.others.aboutToShow.emit()
    texts = [action.text() for action in bar.others.actions()]
    assert [text for text in texts if "(edited)" in text] == ["cifar_resnet20 (edited) · feature rank, N = 1,000"]


def test_the_graph_says_why_it_has_no_colours(theme: Theme, qtbot: QtBot) -> None:
    workspace = on_other_pictures()
    panel = built(GraphPanel, workspace, theme, qtbot)
    panel.metrics = {metric.key: metric for metric in available(workspace)}
    panel.metric_key, panel.differing = RANK, True
    assert "other pictures (N = 1,000 here, 500 there)" in panel._why_no_colours()
    assert f"{NAME}: other pictures" in what_to_mind(workspace, "feature_rank")
