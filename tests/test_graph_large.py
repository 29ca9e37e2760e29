"""The graph panel with joints, and the graph made large: columns, a window of its own, back and forth by one button."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDockWidget, QMainWindow
from pytestqt.qtbot import QtBot

from analysis import measure
from analysis.events import Chunk, Event, Finished, Outcome, Prepared, Started
from analysis.figures import make_sheet
from analysis.figures.sheet import Boxes
from analysis.request import Request
from app.graphing.items import READABLE
from app.panels.graph_panel import ENLARGE, PUT_BACK, GraphPanel
from app.theme import Theme
from app.workspace import Workspace
from tests import scenes
from tests.gestures import click, settle, show, theme
from tests.test_graph_flow import Net
from tests.test_graph_panel import centre, names, opened, panel_of

__all__ = ["theme"]
pytestmark = pytest.mark.usefixtures("one_thread")


def with_joints() -> Workspace:
    """A workspace with the structure of a network that pools and concatenates."""
    found = measure("structure", Net().eval(), torch.zeros(1, 3, 14, 14))
    assert found.declared is not None

    def events() -> Iterator[Event]:
        yield Started(Request("structure", scenes.MODEL))
        yield Prepared("5" * 64, model="net", weights_sha256="w")
        yield found.declared  # type: ignore[misc]  # asserted above
        for name in found.arrays:
            yield Chunk(name, (), found[name])
        yield Finished(Outcome.COMPLETED)

    workspace = Workspace()
    workspace.set_model(scenes.MODEL)
    scenes.play(workspace, events(), purpose="open", folder="runs/20260101-000000-structure-x-000000")
    return workspace


@pytest.fixture
def panel(theme: Theme, qtbot: QtBot) -> GraphPanel:
    return panel_of(with_joints(), theme, qtbot)


def marked(panel: GraphPanel) -> list[str]:
    return [names(panel)[item.number] for item in panel.canvas.nodes if item.marked]


def test_a_joint_can_be_pointed_at_but_is_no_layer(panel: GraphPanel) -> None:
    workspace = panel.workspace
    workspace.select_layer("stem")
    settle()
    number = names(panel).index("pool")
    assert panel.canvas.nodes[number].is_joint
    assert "nothing is measured" in panel.canvas.nodes[number].toolTip()
    click(panel.canvas.viewport(), centre(panel, number))
    assert workspace.selection.layers == ("stem",)
    assert marked(panel) == ["stem", "pool"]
    workspace.select_layer("fc")
    settle()
    assert marked(panel) == ["fc"], "another layer takes its place"


def test_keys_lead_through_joints(panel: GraphPanel) -> None:
    panel.canvas.setFocus()
    panel.workspace.select_layer("stem")
    settle()
    seen = []
    for _ in range(3):
        QTest.keyClick(panel.canvas, Qt.Key.Key_Down)
        settle()
        seen.append(marked(panel)[-1])
    assert seen[:2] == ["pool", "dense.layers.0.0"]
    assert panel.workspace.selection.layer == "dense.layers.0.1"
    QTest.keyClick(panel.canvas, Qt.Key.Key_Minus)
    settle()
    assert "dense.layers.0.1" not in names(panel)


def test_joints_have_no_value_and_fold_with_their_module(panel: GraphPanel) -> None:
    panel.color_by("structure.macs")
    settle()
    at = names(panel).index("pool")
    assert panel.node_values[at] != panel.node_values[at]
    panel.fold_all()
    panel.fold_all()
    settle()
    assert names(panel) == ["input", "stem", "pool", "dense", "halve", ":adaptive_avg_pool2d", "fc"]
    macs = {layer.name: layer.macs for layer in panel.workspace.layers}
    inside = sum(value for name, value in macs.items() if name.startswith("dense."))
    assert panel.node_values[names(panel).index("dense")] == inside > 0
    spec = panel.figure_spec()
    assert spec is not None
    sheet = make_sheet(spec, [run.result for run in panel.workspace.runs.values()])
    boxes = next(mark for mark in sheet.panels[0].marks if isinstance(mark, Boxes))
    assert "dense\n3 layers · 10×7×7" in boxes.names
    assert "pool\nmax pool · 4×7×7" in boxes.names


def test_a_wide_view_has_columns_and_a_narrow_one_has_not(theme: Theme, qtbot: QtBot) -> None:
    panel = panel_of(opened(scenes.network(blocks=6)), theme, qtbot)
    panel.unfold_all()
    settle()
    assert panel.canvas.layout_now.columns == (0.0,)
    panel.canvas.fit()
    alone = panel.canvas.scale_now
    show(panel, 1200, 700)
    panel.canvas.fit()
    settle()
    assert len(panel.canvas.layout_now.columns) > 2
    assert panel.canvas.scale_now > 2 * alone
    seen = panel.canvas.mapToScene(panel.canvas.viewport().rect()).boundingRect()
    assert all(seen.contains(item.sceneBoundingRect()) for item in panel.canvas.nodes)
    lefts = {round(item.x()) for item in panel.canvas.brackets if item.name == "layer2"}
    assert len(lefts) >= 1, "a group has a bracket in every column that it reaches"


@pytest.mark.qt_log_ignore("does not support raise", extend=True)
def test_the_graph_is_enlarged_and_put_back(theme: Theme, qtbot: QtBot) -> None:
    panel = GraphPanel(opened(scenes.network(blocks=6)), theme)
    window, dock = QMainWindow(), QDockWidget("Graph")
    qtbot.addWidget(window)
    dock.setWidget(panel)
    window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, dock)
    window.resize(1280, 800)
    window.show()
    settle()
    assert panel.large_button.accessibleName() == ENLARGE
    panel.large_button.click()
    settle()
    assert dock.isFloating()
    assert panel.width() > 1000
    assert panel.large_button.accessibleName() == PUT_BACK
    panel.large_button.click()
    settle()
    assert not dock.isFloating()
    assert panel.large_button.accessibleName() == ENLARGE


def test_what_is_too_small_to_be_read_is_read_by_the_same_button(theme: Theme, qtbot: QtBot) -> None:
    panel = panel_of(opened(scenes.network(blocks=12)), theme, qtbot)
    panel.unfold_all()
    panel.workspace.select_layer("layer3.5.conv1")
    settle()
    panel.fit_button.click()
    assert panel.canvas.scale_now < READABLE
    panel.fit_button.click()
    assert panel.canvas.scale_now == 1
    item = panel.canvas.nodes[names(panel).index("layer3.5.conv1")]
    assert item in panel.canvas.items(panel.canvas.viewport().rect())
    panel.fit_button.click()
    assert panel.canvas.scale_now < READABLE
