from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QModelIndex, QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester, QTest
from pytestqt.qtbot import QtBot

from app.panels.layers_model import Column, LayersModel
from app.panels.layers_panel import LayersPanel
from app.reading.measurements import RATIO, read, structure_metric
from app.theme import Theme
from app.workspace import Selection, Workspace
from tests import scenes
from tests.gestures import settle, show, theme

__all__ = ["theme"]
LAYERS = scenes.network()
NAMES = [layer.name for layer in LAYERS]


def model_of(*keys: str) -> LayersModel:
    model = LayersModel()
    columns = [Column("name", "Layer"), Column("type", "Type")]
    columns += [Column.of(structure_metric(key), read(structure_metric(key), LAYERS, None), {}) for key in keys]
    model.set_columns(columns)
    model.set_layers(LAYERS)
    return model


def leaves(model: LayersModel) -> list[str]:
    return [node.name for node in model.walk() if node.row >= 0]


@pytest.fixture
def panel(theme: Theme, qtbot: QtBot) -> LayersPanel:
    made = LayersPanel(scenes.full(), theme)
    qtbot.addWidget(made)
    show(made, 420, 700)
    return made


def place(panel: LayersPanel, name: str) -> QPoint:
    index = panel.model.index_of(name)
    panel.tree.scrollTo(index)
    return panel.tree.visualRect(index).center()


# -- the model -------------------------------------------------------------------------------------------------------


def test_qt_finds_nothing_wrong_with_the_model(qapp: object) -> None:
    model = model_of("macs", "width")
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.pattern = "conv"
    model.rebuild()
    model.flat = True
    model.rebuild()
    model.sorted_by = ("structure.macs", True)
    model.rebuild()
    assert tester.model() is model


def test_the_tree_holds_every_row_once_in_order_of_execution(qapp: object) -> None:
    model = model_of()
    assert sorted(leaves(model)) == sorted(NAMES)
    model.flat = True
    model.rebuild()
    assert leaves(model) == NAMES
    assert model.rowCount() == len(NAMES)


def test_a_block_is_a_row_and_holds_its_layers(qapp: object) -> None:
    model = model_of("macs")
    block = model.index_of("layer2.0")
    assert model.node(block).row >= 0
    children = [model.node(model.index(i, 0, block)).label for i in range(model.rowCount(block))]
    assert children == ["conv1", "relu#1", "conv2", "add", "relu#2"]
    assert model.parent(model.index(0, 0, block)) == block
    assert model.parent(model.index_of("layer2")) == QModelIndex()


def test_costs_of_a_module_are_the_sum_of_its_layers(qapp: object) -> None:
    model = model_of("macs", "width")
    column = model.columns[2]
    whole = sum(layer.macs for layer in LAYERS if layer.name.startswith("layer2"))
    assert model._number(model.node(model.index_of("layer2")), column) == whole
    assert model.text(model.node(model.index_of("layer2")), model.columns[3]) == ""


@given(st.sampled_from(["conv", "conv layer2", "relu#1", "*.conv2", "block", "LAYER3", "zzz", "layer1.?.conv1", ""]))
def test_a_filter_leaves_what_fits_every_word(pattern: str) -> None:
    model = model_of()
    model.pattern = pattern
    model.rebuild()
    from fnmatch import fnmatchcase

    def fits(word: str, texts: tuple[str, ...]) -> bool:
        if any(sign in word for sign in "*?"):
            return any(fnmatchcase(text, word) for text in texts)
        return any(word in text for text in texts)

    expected = {
        layer.name
        for layer in LAYERS
        if all(fits(word, (layer.name.lower(), layer.type.lower(), layer.kind)) for word in pattern.lower().split())
    }
    assert set(leaves(model)) == expected


@pytest.mark.parametrize("falling", [True, False])
def test_sorting_puts_what_is_unknown_last(qapp: object, falling: bool) -> None:
    model = model_of("macs")
    model.flat, model.sorted_by = True, ("structure.macs", falling)
    model.rebuild()
    values = [model._number(node, model.columns[2]) for node in model.walk()]
    known = [value for value in values if not np.isnan(value)]
    assert all(np.isnan(value) for value in values[len(known) :])
    assert known == sorted(known, reverse=falling)
    model.sorted_by = ("", False)
    model.rebuild()
    assert leaves(model) == NAMES


# -- the panel -------------------------------------------------------------------------------------------------------


def test_typing_filters_and_clearing_brings_all_back(panel: LayersPanel) -> None:
    QTest.keyClicks(panel.filter, "layer3 conv")
    assert set(leaves(panel.model)) == {name for name in NAMES if name.startswith("layer3") and "conv" in name}
    assert panel.tree.isExpanded(panel.model.index_of("layer3"))
    assert f"{panel.model.count()} of {len(NAMES)}" in panel.summary.text
    panel.filter.clear()
    assert panel.model.count() == len(NAMES)


def test_the_selection_goes_both_ways(panel: LayersPanel) -> None:
    workspace = panel.workspace
    QTest.mouseClick(
        panel.tree.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place(panel, "layer1.2.conv1")
    )
    assert workspace.selection.layers == ("layer1.2.conv1",)
    QTest.mouseClick(
        panel.tree.viewport(),
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.ControlModifier,
        place(panel, "layer1.0.conv2"),
    )
    assert workspace.selection == Selection(("layer1.2.conv1", "layer1.0.conv2"))
    workspace.select_layer("layer3.2.conv2")
    settle()
    chosen = panel.tree.selectionModel().selectedRows()
    assert [panel.model.node(index).name for index in chosen] == ["layer3.2.conv2"]
    assert panel.tree.viewport().rect().contains(panel.tree.visualRect(chosen[0]).center())
    assert workspace.selection.layers == ("layer3.2.conv2",)
    workspace.select(Selection())
    settle()
    assert panel.tree.selectionModel().selectedRows() == []


def test_a_module_selects_its_layers(panel: LayersPanel) -> None:
    panel.tree.setCurrentIndex(panel.model.index_of("layer1"))
    expected = {name for name in NAMES if name.startswith("layer1.") and "conv" in name}
    assert set(panel.workspace.selection.layers) == expected


def test_a_selection_survives_a_filter_and_streaming_values(panel: LayersPanel) -> None:
    panel.workspace.select_layer("layer2.1.conv1")
    settle()
    panel.filter.setText("conv2")
    panel.filter.setText("")
    assert panel.workspace.selection.layers == ("layer2.1.conv1",)
    run = panel.workspace.latest("feature_rank")
    assert run is not None
    panel.workspace.announce(run.number)
    settle()
    chosen = panel.tree.selectionModel().selectedRows()
    assert [panel.model.node(index).name for index in chosen] == ["layer2.1.conv1"]
    assert panel.workspace.selection.layers == ("layer2.1.conv1",)


def test_folded_modules_stay_folded(panel: LayersPanel) -> None:
    panel.tree.collapse(panel.model.index_of("layer2"))
    panel.toggle_column("structure.macs")
    settle()
    assert not panel.tree.isExpanded(panel.model.index_of("layer2"))
    assert panel.tree.isExpanded(panel.model.index_of("layer1"))
    panel.filter.setText("layer2")
    assert panel.tree.isExpanded(panel.model.index_of("layer2"))
    panel.filter.setText("")
    assert not panel.tree.isExpanded(panel.model.index_of("layer2"))


def test_a_table_is_copied_with_exact_numbers(panel: LayersPanel) -> None:
    panel.toggle_column("structure.macs")
    panel.workspace.select(Selection(("layer1.0.conv1", "layer3.0.conv1")))
    settle()
    panel.tree.setFocus()
    panel.copying.trigger()
    rows = list(csv.reader(io.StringIO(QGuiApplication.clipboard().text()), delimiter="\t"))
    assert rows[0] == ["Layer", "Width", "Effective rank / width", "MACs"]
    assert [row[0] for row in rows[1:]] == ["layer1.0.conv1", "layer3.0.conv1"]
    layer = LAYERS[NAMES.index("layer3.0.conv1")]
    assert rows[2][1] == str(layer.channels)
    assert rows[2][3] == str(layer.macs)
    run = panel.workspace.latest("feature_rank")
    assert run is not None
    row = [other.name for other in run.result.layers].index("layer3.0.conv1")
    assert float(rows[2][2]) == run.result["effective_rank"][row] / 64
    panel.workspace.select(Selection())
    settle()
    panel.copy()
    assert len(QGuiApplication.clipboard().text().splitlines()) == 1 + len(panel.model.walk())


def test_measured_cells_are_coloured_and_costs_are_not(panel: LayersPanel) -> None:
    panel.toggle_column("structure.macs")
    model = panel.model
    keys = [column.key for column in model.columns]
    node = model.node(model.index_of("layer2.0.conv1"))
    assert model.heat(node, model.columns[keys.index("structure.macs")]) is None
    share = model.heat(node, model.columns[keys.index(f"feature_rank.{RATIO}")])
    assert share is not None
    assert 0 <= share <= 1
    branch = model.node(model.index_of("layer2.0:add"))
    assert model.heat(branch, model.columns[keys.index(f"feature_rank.{RATIO}")]) is None


def test_hovering_says_the_exact_value_and_what_it_is(panel: LayersPanel) -> None:
    model = panel.model
    index = model.index_of("layer2.0.conv1", 2)
    tip = str(model.data(index, Qt.ItemDataRole.ToolTipRole))
    assert "layer2.0.conv1" in tip
    assert "95 % interval" in tip
    assert "divided by the number of channels" in tip
    header = str(model.headerData(1, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole))
    assert "Number of channels" in header


def test_a_click_on_the_header_sorts_and_the_third_takes_it_back(panel: LayersPanel) -> None:
    panel.flat.setChecked(True)
    panel.tree.header().sectionClicked.emit(1)
    widths = [LAYERS[node.row].channels for node in panel.model.walk()]
    assert widths == sorted(widths, reverse=True)
    panel.tree.header().sectionClicked.emit(1)
    panel.tree.header().sectionClicked.emit(1)
    assert leaves(panel.model) == NAMES
    assert not panel.tree.header().isSortIndicatorShown()


def test_a_range_of_the_overview_restricts_the_table(panel: LayersPanel) -> None:
    panel.workspace.set_span((10, 20))
    settle()
    assert set(leaves(panel.model)) == set(NAMES[10:21])
    panel.workspace.set_span(None)
    settle()
    assert panel.model.count() == len(NAMES)


def test_another_network_takes_its_place(panel: LayersPanel) -> None:
    panel.workspace.set_model(scenes.MODEL)
    settle()
    assert panel.model.count() == 0
    assert panel.summary.text == "No network is open."
    scenes.play(panel.workspace, scenes.structure_events(scenes.network(2)), purpose="open")
    settle()
    assert panel.model.count() == len(scenes.network(2))


def test_the_arrangement_can_be_stored(panel: LayersPanel, qtbot: QtBot, theme: Theme) -> None:
    panel.toggle_column("structure.macs")
    panel.toggle_column("kernel")
    panel.flat.setChecked(True)
    again = LayersPanel(panel.workspace, theme)
    qtbot.addWidget(again)
    again.restore(panel.state())
    show(again)
    assert again.state() == panel.state()
    assert [column.key for column in again.model.columns] == [column.key for column in panel.model.columns]
    again.restore({"columns": "nonsense", "flat": 3})
    assert again.columns == panel.columns


def test_a_name_is_never_cut(panel: LayersPanel) -> None:
    from PySide6.QtGui import QFontMetrics

    metrics = QFontMetrics(panel.theme.font("code"))
    for node in panel.model.walk():
        rect = panel.tree.visualRect(panel.model.index_of(node.name))
        assert metrics.horizontalAdvance(node.label) <= rect.width(), node.name


def test_an_empty_workspace_has_an_empty_table(theme: Theme, qtbot: QtBot) -> None:
    panel = LayersPanel(Workspace(), theme)
    qtbot.addWidget(panel)
    show(panel, 240, 400)
    assert panel.model.rowCount() == 0
    panel.copy()
    assert len(QGuiApplication.clipboard().text().splitlines()) == 1
