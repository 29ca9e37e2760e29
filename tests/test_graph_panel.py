"""The architecture graph in the window: folding, colours, one selection with everything else, keys, its figure."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from analysis.config import LayerSpec
from analysis.events import Chunk, Declared, Event, Finished, Outcome, Output, Prepared, Started
from analysis.figures import FigureSpec, make_sheet
from analysis.figures.sheet import Boxes, Line
from analysis.request import ModelSource, Request
from app.panels.graph_panel import GraphPanel
from app.theme import Theme
from app.workspace import Workspace
from tests import bundle_scenes, scenes
from tests.gestures import click, settle, show, theme

__all__ = ["theme"]
LAYERS = scenes.network()


def edges_of(layers: tuple[LayerSpec, ...]) -> list[tuple[int, int]]:
    """A chain of the rows, blocks left out, with a shortcut from before each block to its addition."""
    places = {layer.name: row for row, layer in enumerate(layers)}
    chain = [row for row, layer in enumerate(layers) if layer.kind != "block"]
    edges = list(itertools.pairwise(chain))
    for layer in layers:
        if layer.kind == "branch":
            first = places[f"{layer.name.partition(':')[0]}.conv1"]
            edges.append((chain[chain.index(first) - 1], places[layer.name]))
    return sorted(edges)


def with_edges(layers: tuple[LayerSpec, ...]) -> Iterator[Event]:
    edges = np.array(edges_of(layers), dtype=np.int32)
    yield Started(Request("structure", scenes.MODEL))
    yield Prepared("5" * 64, model="cifar_resnet20", weights_sha256="w")
    yield Declared((Output("edge", ("edge", "end"), edges.shape, "int32"),), layers)
    yield Chunk("edge", (), edges)
    yield Finished(Outcome.COMPLETED)


def opened(layers: tuple[LayerSpec, ...] = LAYERS) -> Workspace:
    workspace = Workspace()
    workspace.set_model(scenes.MODEL)
    scenes.play(workspace, with_edges(layers), purpose="open", folder="runs/20260101-000000-structure-x-000000")
    return workspace


def panel_of(workspace: Workspace, theme: Theme, qtbot: QtBot) -> GraphPanel:
    made = GraphPanel(workspace, theme)
    qtbot.addWidget(made)
    show(made, 280, 640)
    return made


@pytest.fixture
def panel(theme: Theme, qtbot: QtBot) -> GraphPanel:
    return panel_of(opened(), theme, qtbot)


def names(panel: GraphPanel) -> list[str]:
    return [node.name for node in panel.canvas.shown.nodes]


def centre(panel: GraphPanel, number: int) -> QPoint:
    panel.canvas.bring_into_view(number)
    return panel.canvas.mapFromScene(panel.canvas.nodes[number].sceneBoundingRect().center())


def test_blocks_are_folded_at_first_and_a_double_click_unfolds_one(panel: GraphPanel) -> None:
    assert "layer1.0" in names(panel)
    assert "layer1.0.conv1" not in names(panel)
    number = names(panel).index("layer1.0")
    click(panel.canvas.viewport(), centre(panel, number), double=True)
    assert "layer1.0.conv1" in names(panel)
    assert "layer1.1.conv1" not in names(panel)
    bracket = next(item for item in panel.canvas.brackets if item.name == "layer1.0")
    panel.canvas.ensureVisible(bracket)
    place = panel.canvas.mapFromScene(bracket.mapToScene(bracket.boundingRect().center()))
    click(panel.canvas.viewport(), place)
    assert "layer1.0" in names(panel)


def test_fold_and_unfold_everything(panel: GraphPanel) -> None:
    panel.unfold_all()
    rows = {row for edge in edges_of(LAYERS) for row in edge}
    assert len(names(panel)) == len(rows)
    panel.fold_all()
    assert {"layer1.0", "layer3.2"} <= set(names(panel))
    panel.fold_all()
    assert {"layer1", "layer2", "layer3"} <= set(names(panel))
    panel.unfold("layer1")
    assert {"layer1.0", "layer1.1", "layer1.2", "layer2"} <= set(names(panel))


def test_a_click_selects_everywhere(panel: GraphPanel) -> None:
    number = names(panel).index("layer2.1")
    click(panel.canvas.viewport(), centre(panel, number))
    assert panel.workspace.selection.layer == "layer2.1"  # the block is a row of its own
    click(panel.canvas.viewport(), centre(panel, 1), Qt.KeyboardModifier.ControlModifier)
    assert panel.workspace.selection.layers == ("layer2.1", "conv1")
    assert sum(item.marked for item in panel.canvas.nodes) == 2


@pytest.mark.parametrize(
    ("layer", "node"),
    [("layer1.0.conv2", "layer1.0"), ("layer1.0:add", "layer1.0"), ("layer1.0", "layer1.0"), ("conv1", "conv1")],
)
def test_a_layer_in_a_folded_block_marks_the_block(panel: GraphPanel, layer: str, node: str) -> None:
    panel.workspace.select_layer(layer)
    settle()
    marked = [item.number for item in panel.canvas.nodes if item.marked]
    assert [names(panel)[number] for number in marked] == [node]


def test_a_block_row_marks_the_tensor_it_is_when_unfolded(panel: GraphPanel) -> None:
    panel.unfold_all()
    panel.workspace.select_layer("layer2.0")  # the very tensor of its last activation
    settle()
    marked = [item.number for item in panel.canvas.nodes if item.marked]
    assert [names(panel)[number] for number in marked] == ["layer2.0:relu#2"]


def test_keys_follow_edges_and_fold(panel: GraphPanel) -> None:
    canvas, workspace = panel.canvas, panel.workspace
    canvas.setFocus()
    QTest.keyClick(canvas, Qt.Key.Key_Home)
    settle()
    assert workspace.selection.layer == "input"
    for _ in range(3):
        QTest.keyClick(canvas, Qt.Key.Key_Down)
        settle()
    assert workspace.selection.layer == "layer1.0"
    QTest.keyClick(canvas, Qt.Key.Key_Plus)
    settle()
    assert "layer1.0.conv1" in names(panel)
    workspace.select_layer("layer1.0.conv1")
    settle()
    QTest.keyClick(canvas, Qt.Key.Key_Up)
    settle()
    assert workspace.selection.layer == ":relu"
    QTest.keyClick(canvas, Qt.Key.Key_Down)
    settle()
    assert workspace.selection.layer == "layer1.0.conv1"  # the nearest target, not the far end of the shortcut
    QTest.keyClick(canvas, Qt.Key.Key_Minus)
    settle()
    assert "layer1.0.conv1" not in names(panel)


def test_costs_of_a_folded_block_are_added_and_ranks_are_those_of_its_output(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    run = scenes.play(workspace, scenes.rank_events(LAYERS), folder="runs/20260101-000000-feature_rank-x-000000")
    panel = panel_of(workspace, theme, qtbot)
    panel.color_by("structure.macs")
    settle()
    number = names(panel).index("layer1.0")
    inside = [layer.macs for layer in LAYERS if layer.name.startswith("layer1.0.")]
    assert panel.node_values[number] == sum(inside)
    assert panel.scale.isVisible()
    assert panel.canvas.nodes[number].fill is not None
    assert panel.canvas.nodes[names(panel).index("input")].fill is None
    panel.color_by("feature_rank.effective_rank")
    settle()
    row = [layer.name for layer in run.result.layers].index("layer1.0:relu#2")
    assert panel.node_values[number] == pytest.approx(run.result["effective_rank"][row])
    panel.color_by("")
    settle()
    assert not panel.scale.isVisible()
    assert all(item.fill is None for item in panel.canvas.nodes)


def test_zoom_has_limits_and_fit_shows_all(panel: GraphPanel) -> None:
    canvas = panel.canvas
    panel.unfold_all()
    for _ in range(60):
        canvas.zoom(1.3)
    assert canvas.scale_now <= 3.0 + 1e-9
    for _ in range(120):
        canvas.zoom(0.7)
    assert canvas.scale_now >= 0.02 - 1e-9
    QTest.keyClick(canvas, Qt.Key.Key_0)
    seen = canvas.mapToScene(canvas.viewport().rect()).boundingRect()
    assert all(seen.contains(item.sceneBoundingRect().center()) for item in canvas.nodes)
    assert canvas.scale_now <= 1.0


def test_a_network_of_five_hundred_nodes(theme: Theme, qtbot: QtBot) -> None:
    layers = scenes.network(blocks=42)
    panel = panel_of(opened(layers), theme, qtbot)
    assert len(panel.canvas.nodes) <= 40
    panel.unfold_all()
    assert len(panel.canvas.nodes) > 500
    panel.workspace.select_layer("layer3.41.conv2")
    settle()
    item = panel.canvas.nodes[names(panel).index("layer3.41.conv2")]
    assert item.marked
    visible = panel.canvas.items(panel.canvas.viewport().rect())
    assert item in visible
    assert len(visible) < 100


def test_without_a_network_or_without_edges_it_says_why(theme: Theme, qtbot: QtBot) -> None:
    panel = panel_of(Workspace(), theme, qtbot)
    assert "needs a network" in panel.empty.text()
    assert panel.empty.isVisible()
    old = panel_of(scenes.opened(), theme, qtbot)
    assert "without edges" in old.empty.text()
    assert old.figure_spec() is None


def test_another_network_is_another_graph(panel: GraphPanel) -> None:
    before = names(panel)
    panel.workspace.set_model(scenes.MODEL)
    settle()
    assert panel.empty.isVisible()
    scenes.play(panel.workspace, with_edges(scenes.network(blocks=1)), purpose="open")
    settle()
    assert panel.content.isVisible()
    assert names(panel) != before


def test_its_figure_shows_what_is_folded_and_the_same_values(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    scenes.play(workspace, scenes.rank_events(LAYERS), folder="runs/20260101-000000-feature_rank-x-000000")
    panel = panel_of(workspace, theme, qtbot)
    panel.color_by("feature_rank.effective_rank")
    settle()
    spec = panel.figure_spec()
    assert isinstance(spec, FigureSpec)
    by_folder = {str(run.folder): run.result for run in workspace.runs.values()}
    sheet = make_sheet(spec, [by_folder[folder] for folder in spec.runs])
    boxes = next(mark for mark in sheet.panels[0].marks if isinstance(mark, Boxes))
    assert len(boxes.names) == len(names(panel))
    assert boxes.values == pytest.approx(np.array(panel.node_values), nan_ok=True)
    assert sum(isinstance(mark, Line) for mark in sheet.panels[0].marks) == len(panel.canvas.shown.edges)


def test_dark_colours_reach_it(panel: GraphPanel, theme: Theme) -> None:
    panel.color_by("structure.macs")
    theme.set_mode("dark")
    settle()
    image = panel.canvas.grab().toImage()
    bright = sum(image.pixelColor(x, y).lightness() > 230 for x in range(0, 200, 4) for y in range(0, 400, 4))
    assert bright < 0.1 * 50 * 100


def test_its_colouring_can_be_stored(panel: GraphPanel) -> None:
    panel.color_by("structure.width")
    state = panel.state()
    panel.restore({"metric": 3})
    assert panel.metric_key == ""
    panel.restore(state)
    assert panel.metric_key == "structure.width"


def drawn(panel: GraphPanel) -> tuple[Boxes, FigureSpec]:
    """The boxes of the exported figure, and the figure, as the export form would draw it."""
    spec = panel.figure_spec()
    assert spec is not None, panel.why_no_figure()
    by_folder = {str(run.folder): run.result for run in panel.workspace.runs.values()}
    sheet = make_sheet(spec, [by_folder[folder] for folder in spec.runs])
    return next(mark for mark in sheet.panels[0].marks if isinstance(mark, Boxes)), spec


@pytest.mark.parametrize("key", ["feature_rank.effective_rank_ratio", "structure.parameters", "structure.width"])
def test_what_is_made_of_two_outputs_and_what_the_structure_says_is_exported_as_shown(
    key: str, theme: Theme, qtbot: QtBot
) -> None:
    workspace = opened()
    scenes.play(workspace, scenes.rank_events(LAYERS), folder="runs/20260101-000000-feature_rank-x-000000")
    panel = panel_of(workspace, theme, qtbot)
    panel.color_by(key)
    settle()
    boxes, _ = drawn(panel)
    assert np.isfinite(boxes.values).any()
    assert boxes.values == pytest.approx(np.array(panel.node_values), nan_ok=True)
    assert not boxes.signed


@pytest.mark.parametrize("epoch", [0, 2])
def test_bundles_are_exported_at_the_checkpoint_that_is_shown(epoch: int, theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    run = scenes.play(
        workspace, bundle_scenes.bundle_events(LAYERS, scenes.MODEL, scenes.IMAGES), folder="runs/bundles-0"
    )
    checkpoint = run.result.names("checkpoint")[epoch]
    panel = panel_of(workspace, theme, qtbot)
    panel.color_by("conflicting_bundles.entropy")
    workspace.runs[run.number].request = replace(run.request, model=ModelSource(scenes.MODEL.name, ("folder",)))
    workspace.show_checkpoint((f"folder/{checkpoint}.pt",))
    settle()
    boxes, spec = drawn(panel)
    assert dict(spec.options)["checkpoint"] == checkpoint
    assert boxes.values == pytest.approx(np.array(panel.node_values), nan_ok=True)
    assert np.nansum(boxes.values) == pytest.approx(np.nansum(panel.node_values))


def compared(theme: Theme, qtbot: QtBot, folder: str) -> GraphPanel:
    """A panel with the ranks of two networks whose blocks have other names, the second one stored in a folder."""
    workspace = opened()
    scenes.play(workspace, scenes.rank_events(LAYERS), folder="runs/20260101-000000-feature_rank-x-000000")
    renamed = tuple(replace(layer, name=layer.name.replace("layer", "stage")) for layer in LAYERS)
    events = scenes.rank_events(renamed, seed=5, model=ModelSource("auto", ("other.th",)), name="other")
    second = scenes.play(workspace, events, folder=folder)
    panel = panel_of(workspace, theme, qtbot)
    workspace.compare_with(second.number)
    panel.show_difference(True)
    return panel


@pytest.mark.parametrize("key", ["feature_rank.effective_rank", "structure.width"])
def test_a_difference_is_exported_as_a_difference(key: str, theme: Theme, qtbot: QtBot) -> None:
    panel = compared(theme, qtbot, "runs/second")
    panel.color_by(key)
    settle()
    boxes, spec = drawn(panel)
    assert dict(spec.options)["compared"] == 1
    assert spec.runs[-1] == "runs/second"
    assert np.isfinite(boxes.values).sum() > 10, "layers correspond by their place in the stage"
    assert boxes.values == pytest.approx(np.array(panel.node_values), nan_ok=True)
    assert boxes.signed
    assert "difference" in boxes.label
    panel.show_difference(False)
    settle()
    assert not drawn(panel)[0].signed


def test_a_difference_from_a_run_that_is_not_stored_is_not_exported_as_something_else(
    theme: Theme, qtbot: QtBot
) -> None:
    panel = compared(theme, qtbot, "")
    panel.color_by("feature_rank.effective_rank")
    settle()
    assert panel.figure_spec() is None
    assert panel.why_no_figure() == "that of other is not stored"
    panel.show_difference(False)
    settle()
    assert panel.figure_spec() is not None


def test_folding_and_difference_are_kept_for_the_network_they_were_made_for(
    panel: GraphPanel, theme: Theme, qtbot: QtBot
) -> None:
    panel.unfold("layer2.1")
    panel.show_difference(True)
    state = json.loads(json.dumps(panel.state()))
    other = panel_of(opened(), theme, qtbot)
    assert other.folded != panel.folded
    other.restore(state)
    assert (other.folded, other.differing) == (panel.folded, True)
    assert names(other) == names(panel)
    later = GraphPanel(opened(), theme)  # the arrangement comes back before the network does
    qtbot.addWidget(later)
    later.restore(state)
    show(later, 280, 640)
    assert later.folded == panel.folded
    smaller = panel_of(opened(scenes.network(2)), theme, qtbot)
    first = smaller.folded
    smaller.restore(state)
    assert smaller.folded == first
