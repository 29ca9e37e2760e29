"""The list of runs: queue, progress, runs on disk, names, deleting, filtering."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import QAbstractItemModel, Qt
from PySide6.QtTest import QAbstractItemModelTester

from analysis.request import ModelSource, Request
from app.desk import Desk
from app.panels.run_panel import RunPanel
from app.panels.runs_model import COLUMNS, SHARE, RunsModel
from app.reading.numbers import duration
from tests.fake_engine import FakeEngine
from tests.panel_parts import button, heard, ready, settle

__all__ = ["ready"]


# -- runs --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def runs(ready: Desk, qtbot: Any) -> RunPanel:
    panel = RunPanel(ready.workspace, ready.history, ready.theme)
    qtbot.addWidget(panel)
    panel.resize(900, 240)
    panel.show()
    return panel


def rows(model: QAbstractItemModel) -> list[list[str]]:
    return [[model.index(r, c).data() for c in range(model.columnCount())] for r in range(model.rowCount())]


def test_model_keeps_the_rules_of_qt(ready: Desk, qtbot: Any, engine: FakeEngine) -> None:
    model = RunsModel(ready.workspace, ready.history, ready.theme)
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    engine.per_poll = 3
    for seed in range(3):
        ready.measuring.measure(replace(ready.workspace.new_request("feature_rank"), seed=seed))
    settle(ready, qtbot)
    model.rebuild()
    assert model.rowCount() == 4
    assert model.columnCount() == len(COLUMNS)
    tester.deleteLater()
    model.deleteLater()


def test_queue_stands_on_top_with_progress_and_time_left(
    runs: RunPanel, ready: Desk, engine: FakeEngine, qtbot: Any
) -> None:
    engine.per_poll = 0
    first = ready.measuring.measure(ready.workspace.new_request("feature_rank"))
    ready.measuring.measure(ready.workspace.new_request("evaluate"))
    engine.per_poll = 5
    ready.client.tick()
    engine.per_poll = 0
    assert first is not None
    runs.model.rebuild()
    table = rows(runs.model)
    assert table[0][0] == "Feature rank · a"
    assert table[0][1].startswith("250/1,000 · ")
    assert table[0][1].endswith("left")
    assert runs.model.index(0, 1).data(SHARE) == 0.25
    assert table[1][:2] == ["Accuracy", "queued"]
    assert table[2][1] == "completed"
    runs.table.selectRow(0)
    cancelled = heard(runs.cancel_wanted)
    button(runs, "Cancel").click()
    assert cancelled == [first.number]
    engine.per_poll = 1000
    settle(ready, qtbot)


def test_runs_on_disk_are_listed_shown_and_repeated(
    runs: RunPanel, ready: Desk, engine: FakeEngine, qtbot: Any
) -> None:
    ready.measuring.measure(ready.workspace.new_request("feature_rank"))
    settle(ready, qtbot)
    ready.session.close_model()
    runs.model.rebuild()
    assert {row[0] for row in rows(runs.model)} == {"feature_rank · a", "weight_spectrum · a"} or {
        row[0] for row in rows(runs.model)
    } == {"Feature rank · a", "Weight spectrum · a"}
    assert "2 stored runs" in runs._use.text()
    place = next(r for r, row in enumerate(rows(runs.model)) if "ank" in row[0])
    runs.table.selectRow(place)
    shown, again = heard(runs.show_wanted), heard(runs.again_wanted)
    button(runs, "Show").click()
    button(runs, "Run again").click()
    assert shown[0].name.split("-")[2] == "feature_rank"
    assert again[0].method == "feature_rank"
    ready.session.open_run(shown[0])
    settle(ready, qtbot)
    assert ready.workspace.model == ModelSource("demo:a")
    assert ready.workspace.latest("feature_rank") is not None


def test_run_is_renamed_in_place(runs: RunPanel, ready: Desk) -> None:
    runs.model.rebuild()
    index = runs.model.index(0, 0)
    assert runs.model.flags(index) & Qt.ItemFlag.ItemIsEditable
    assert runs.model.setData(index, "  mine ")
    assert index.data() == "mine"
    assert ready.history.runs()[0].title == "mine"
    assert not runs.model.setData(index, "mine")


def test_delete_asks_in_the_panel(runs: RunPanel, qtbot: Any) -> None:
    runs.model.rebuild()
    runs.table.selectRow(0)
    deleted = heard(runs.delete_wanted)
    qtbot.keyClick(runs.table, Qt.Key.Key_Delete)
    assert runs._confirm.isVisible()
    button(runs, "Keep the run").click()
    assert not runs._confirm.isVisible()
    assert deleted == []
    button(runs, "Move to the trash").click()
    button(runs, "Move the run to the trash").click()
    assert len(deleted) == 1


def test_filter_finds_as_one_types(runs: RunPanel, ready: Desk, qtbot: Any) -> None:
    ready.measuring.measure(ready.workspace.new_request("evaluate"))
    settle(ready, qtbot)
    runs.model.rebuild()
    qtbot.keyClicks(runs.filter, "accur")
    assert runs.table.model().rowCount() == 1
    runs.filter.clear()
    assert runs.table.model().rowCount() == 2


def test_selection_of_nothing_offers_nothing(runs: RunPanel) -> None:
    runs.table.clearSelection()
    for name in ("Show", "Cancel", "Run again", "Compare", "Copy as command line", "Rename (F2)"):
        assert not button(runs, name).isEnabled()


def test_line_of_a_run_is_copied(runs: RunPanel) -> None:
    runs.model.rebuild()
    runs.table.selectRow(0)
    wanted = heard(runs.line_wanted)
    button(runs, "Copy as command line").click()
    assert isinstance(wanted[0], Request)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "1 s"), (4.4, "4 s"), (89, "89 s"), (95, "2 min"), (3900, "1 h 05 min")]
)
def test_time_left_is_rough(seconds: float, text: str) -> None:
    assert duration(seconds) == text
