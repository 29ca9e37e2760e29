"""A second network in every view, and checkpoints that a slider shows: what corresponds, what differs, how it ends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from analysis.events import Prepared
from analysis.request import ModelSource
from analysis.result import Result
from app.history import History
from app.panels.comparison_bar import ComparisonBar
from app.panels.layers_panel import LayersPanel
from app.panels.runs_model import RunsModel
from app.reading.checkpoints import checkpoints, natural
from app.reading.comparing import counterpart, deltas, matching_rows
from app.reading.measurements import NOT_APPLICABLE, available, structure_metric
from app.theme import Theme
from app.views.evaluate import EvaluateView
from app.views.overview import Overview
from app.views.rank import RankView
from app.workspace import Workspace
from tests import scenes
from tests.gestures import settle, show, theme

__all__ = ["theme"]
OTHER = ModelSource("auto", ("resnet56.th",))
LATER = ModelSource("auto", ("epoch-10.th",))


def compared(other: ModelSource = OTHER, blocks: int = 9, name: str = "cifar_resnet56") -> Workspace:
    workspace = scenes.full()
    rows = scenes.network(blocks)
    run = scenes.play(workspace, scenes.rank_events(rows, seed=4, model=other, name=name))
    events = scenes.accuracy_events(scenes.confusion(seed=9), other)
    scenes.play(workspace, (replace(e, model=name) if isinstance(e, Prepared) else e for e in events))
    workspace.compare_with(run.number)
    return workspace


def ratio(result: Result) -> np.ndarray:
    return result["effective_rank"] / result["channels"]


def built(kind: Any, workspace: Workspace, theme: Theme, qtbot: QtBot) -> Any:
    made = kind(workspace, theme)
    qtbot.addWidget(made)
    show(made)
    return made


# -- which rows correspond -------------------------------------------------------------------------------------------


def test_rows_of_the_same_name_correspond() -> None:
    ours, theirs = scenes.network(3), scenes.network(9)
    found = matching_rows(ours, theirs)
    assert all(theirs[row].name == layer.name for layer, row in zip(ours, found, strict=True))


def test_other_names_correspond_by_their_place_in_the_stage_or_not_at_all() -> None:
    ours = scenes.network(2)
    renamed = tuple(
        replace(layer, name=f"net.{layer.name}", block=f"net.{layer.block}" if layer.block else "") for layer in ours
    )
    found = matching_rows(ours, renamed)
    convs = [row for row, layer in enumerate(ours) if layer.kind == "conv"]
    assert found[convs].tolist() == convs
    unlike = (replace(ours[1], name="other", kind="linear", shape=(10,)),)
    found = matching_rows(ours, unlike)
    assert [layer.kind for layer, row in zip(ours, found, strict=True) if row >= 0] == ["linear"]


def test_differences_are_this_network_minus_the_other(qapp: Any) -> None:
    workspace = compared()
    metric = next(metric for metric in available(workspace) if metric.key == "feature_rank.effective_rank")
    found = deltas(workspace, metric)
    assert found is not None
    first, second = workspace.latest("feature_rank"), counterpart(workspace, "feature_rank")
    assert first is not None
    assert second is not None
    ours = dict(zip(first.result.names("layer"), first.result["effective_rank"], strict=True))
    theirs = dict(zip(second.result.names("layer"), second.result["effective_rank"], strict=True))
    for layer, value, state in zip(workspace.layers, found.values, found.states, strict=True):
        if layer.name in ours and layer.name in theirs:
            assert value == pytest.approx(ours[layer.name] - theirs[layer.name])
        else:
            assert state == NOT_APPLICABLE
            assert np.isnan(value)


def test_nothing_differs_where_nothing_is_compared_or_all_is_equal(qapp: Any) -> None:
    workspace = compared()
    assert deltas(workspace, structure_metric("width")) is None  # the same widths by name
    workspace.compare_with(None)
    metric = next(metric for metric in available(workspace) if metric.key == "feature_rank.effective_rank")
    assert deltas(workspace, metric) is None
    assert counterpart(workspace, "feature_rank") is None


def test_the_run_that_is_shown_is_no_counterpart_of_itself(qapp: Any) -> None:
    workspace = scenes.full()
    run = workspace.latest("feature_rank")
    assert run is not None
    workspace.compare_with(run.number)
    assert counterpart(workspace, "feature_rank") is None


# -- views -----------------------------------------------------------------------------------------------------------


def test_the_rank_profile_has_the_other_one_behind_it(theme: Theme, qtbot: QtBot) -> None:
    workspace = compared()
    view = built(RankView, workspace, theme, qtbot)
    profile = view.stack.lanes[0]
    assert profile.outline is not None
    second = counterpart(workspace, "feature_rank")
    assert second is not None
    rows = {name: i for i, name in enumerate(second.result.names("layer"))}
    for slot, height in zip(view.axis.slots, profile.outline[2], strict=True):
        if slot.name in rows:
            assert height == pytest.approx(ratio(second.result)[rows[slot.name]])
    assert any(key.words == "cifar_resnet56" for key in view.legend.keys)
    workspace.select_layer("layer1.1.conv1")
    settle()
    assert "outline" in view.readout.text
    workspace.compare_with(None)
    settle()
    assert view.stack.lanes[0].outline is None
    assert not any(key.words == "cifar_resnet56" for key in view.legend.keys)


def test_the_accuracy_says_how_far_it_is_from_the_other(theme: Theme, qtbot: QtBot) -> None:
    workspace = compared()
    view = built(EvaluateView, workspace, theme, qtbot)
    first, second = workspace.latest("evaluate"), counterpart(workspace, "evaluate")
    assert first is not None
    assert second is not None
    points = 100 * (first.result.value("top1") - second.result.value("top1"))
    assert float(view.figures["top1"].delta.split()[0].replace("−", "-").replace("±", "")) == pytest.approx(
        points, abs=0.05
    )
    assert view.bars.second.tolist() == pytest.approx(second.result["class_accuracy"].tolist())
    view.sorting.set_value("accuracy")
    view.invalidate()
    settle()
    assert view.bars.second.tolist() == pytest.approx(second.result["class_accuracy"][view.order].tolist())
    workspace.compare_with(None)
    settle()
    assert view.figures["top1"].delta == ""
    assert view.bars.second.size == 0


def test_the_table_of_layers_has_columns_of_differences(theme: Theme, qtbot: QtBot) -> None:
    workspace = compared()
    panel = built(LayersPanel, workspace, theme, qtbot)
    keys = [column.key for column in panel.model.columns]
    assert keys == [
        "name",
        "structure.width",
        "feature_rank.effective_rank_ratio",
        "feature_rank.effective_rank_ratio.delta",
    ]
    column = panel.model.columns[-1]
    node = panel.model.node(panel.model.index_of("layer1.1.conv1"))
    text = panel.model.text(node, column)
    assert text[0] in "+−"
    assert "minus" in panel.model.tip(node, column)
    assert panel.model.heat(node, column) is None
    assert "difference" in panel.model.table([node]).splitlines()[0]
    workspace.compare_with(None)
    settle()
    assert [column.key for column in panel.model.columns] == keys[:-1]


def test_costs_of_a_shallower_network_are_compared_row_by_row(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.full()
    wide = scenes.network(3, widths=(32, 64, 128))
    run = scenes.play(workspace, scenes.rank_events(wide, model=OTHER, name="wide"))
    workspace.compare_with(run.number)
    found = deltas(workspace, structure_metric("width"))
    assert found is not None
    row = [layer.name for layer in workspace.layers].index("layer2.0.conv1")
    assert found.values[row] == 32 - 64


# -- the bar and the checkpoints -------------------------------------------------------------------------------------


def checkpointed() -> Workspace:
    workspace = scenes.full()
    for number in (9, 10, 2):
        source = ModelSource("auto", (f"runs/epoch-{number}.th",))
        scenes.play(workspace, scenes.rank_events(workspace.layers, seed=number, model=source))
    return workspace


def test_checkpoints_stand_in_natural_order(qapp: Any) -> None:
    found = checkpoints(checkpointed())
    assert [one.title for one in found] == ["epoch-2", "epoch-9", "epoch-10", "resnet20"]
    assert sorted(["a10", "a9", "a"], key=natural) == ["a", "a9", "a10"]


def test_other_architectures_are_no_checkpoints(qapp: Any) -> None:
    assert checkpoints(scenes.full()) == ()
    assert checkpoints(compared()) == ()
    workspace = scenes.full()
    wide = scenes.network(3, widths=(32, 64, 128))
    scenes.play(workspace, scenes.rank_events(wide, model=LATER))  # the same name, other widths
    assert checkpoints(workspace) == ()


def test_sliding_shows_the_checkpoint_wherever_there_is_a_run(theme: Theme, qtbot: QtBot) -> None:
    workspace = checkpointed()
    bar = built(ComparisonBar, workspace, theme, qtbot)
    overview, accuracy = built(Overview, workspace, theme, qtbot), built(EvaluateView, workspace, theme, qtbot)
    assert bar.isVisible()
    assert bar.title.text() == "resnet20 · 4 of 4"
    before = next(lane for lane in overview.stack.lanes if lane.key == "feature_rank.effective_rank").values.copy()
    bar.slider.setValue(1)
    settle()
    assert workspace.checkpoint == ("runs/epoch-9.th",)
    assert bar.title.text() == "epoch-9 · 2 of 4"
    after = next(lane for lane in overview.stack.lanes if lane.key == "feature_rank.effective_rank").values
    assert not np.allclose(before, after, equal_nan=True)
    latest = workspace.latest("feature_rank")
    assert latest is not None
    assert latest.request.model == ModelSource("auto", ("runs/epoch-9.th",))
    # A view without a run of it offers to measure it: of the checkpoint, not of what was opened.
    assert accuracy.empty.isVisible()
    asked: list[Any] = []
    workspace.run_wanted.connect(asked.append)
    accuracy.fill()
    assert asked[0].model.weights == ("runs/epoch-9.th",)
    bar.slider.setValue(3)
    settle()
    assert workspace.checkpoint is None
    assert not accuracy.empty.isVisible()


def test_a_checkpoint_can_be_compared_with_another(theme: Theme, qtbot: QtBot) -> None:
    workspace = checkpointed()
    opened_run = workspace.latest("feature_rank")
    assert opened_run is not None
    workspace.compare_with(opened_run.number)
    workspace.show_checkpoint(("runs/epoch-2.th",))
    view = built(RankView, workspace, theme, qtbot)
    heights = view.stack.lanes[0].outline[2]
    rows = {name: i for i, name in enumerate(opened_run.result.names("layer"))}
    slot = next(i for i, slot in enumerate(view.axis.slots) if slot.name in rows)
    assert heights[slot] == pytest.approx(ratio(opened_run.result)[rows[view.axis.slots[slot].name]])


def test_the_chip_ends_the_comparison(theme: Theme, qtbot: QtBot) -> None:
    workspace = compared()
    bar = built(ComparisonBar, workspace, theme, qtbot)
    assert "cifar_resnet56" in bar.chip.text()
    assert not bar.slider.isVisible()
    bar.chip.click()
    assert workspace.compared is None
    settle()
    assert not bar.chip.isVisible()


def test_the_line_above_the_views_is_there_as_soon_as_a_network_is_known(theme: Theme, qtbot: QtBot) -> None:
    bare = built(ComparisonBar, Workspace(), theme, qtbot)
    bare.refresh()
    assert not bare.isVisible()
    workspace = scenes.opened()
    bar = built(ComparisonBar, workspace, theme, qtbot)
    bar.refresh()
    assert bar.isVisible()
    assert not bar.slider.isVisible()
    bar.others.aboutToShow.emit()
    assert "Network by name…" in [action.text() for action in bar.others.actions()]  # a way to the first one
    events = scenes.rank_events(scenes.network(9), seed=4, model=OTHER, name="cifar_resnet56")
    other = scenes.play(workspace, events)
    settle()
    assert bar.isVisible()
    assert bar.choose.text() == "Compare with ▾"
    bar.others.aboutToShow.emit()
    entry = next(action for action in bar.others.actions() if "cifar_resnet56" in action.text())
    entry.trigger()
    assert workspace.compared == other.number


def test_opening_another_network_ends_the_checkpoint(qapp: Any) -> None:
    workspace = checkpointed()
    workspace.show_checkpoint(("runs/epoch-2.th",))
    workspace.set_model(OTHER)
    assert workspace.checkpoint is None
    assert workspace.shown_model == OTHER


def test_a_run_that_is_removed_is_no_longer_compared(qapp: Any) -> None:
    workspace = compared()
    assert workspace.compared is not None
    workspace.remove_run(workspace.compared)
    assert workspace.compared is None


def test_the_table_of_runs_marks_the_one_that_is_compared(theme: Theme, qtbot: QtBot, tmp_path: Path) -> None:
    workspace = compared()
    model = RunsModel(workspace, History(tmp_path), theme)
    names = [str(model.data(model.index(row, 0))) for row in range(model.rowCount())]
    assert [name.endswith("· compared") for name in names].count(True) == 1
    workspace.compare_with(None)
    assert not any("compared" in str(model.data(model.index(row, 0))) for row in range(model.rowCount()))
