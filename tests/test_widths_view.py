"""The width editor: real mouse and keys, one step per gesture, the engine's own numbers, and what cannot be done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from analysis.edits import Edits
from analysis.events import Chunk, Declared, Finished, Outcome, Output, Started
from analysis.measures.widths.costs import CostModel
from analysis.measures.widths.description import WidthGroup
from analysis.measures.widths.text import print_widths
from analysis.problems import AnalysisError, Problem
from analysis.request import Request
from app.reading.width_reading import WidthReading, changed, with_widths
from app.reading.width_texts import as_json, as_latex, read_widths
from app.theme import Theme
from app.views.widths import WidthsView
from app.widening.budget import QUANTITIES
from app.widening.network_panel import check_words
from tests import scenes, width_scenes
from tests.gestures import click, drag, move, settle, show, theme

__all__ = ["theme"]

FOUND = width_scenes.description(scenes.network())
INNER = "layer2.1.conv1"
"""A group that ties nothing."""
STREAM = "layer2.0.conv2"
"""The residual stream of the second stage."""


@pytest.fixture
def view(theme: Theme, qtbot: QtBot) -> Iterator[WidthsView]:
    workspace = scenes.opened()
    scenes.play(workspace, width_scenes.width_events(workspace.layers, scenes.MODEL), folder="runs/widths")
    made = WidthsView(workspace, theme)
    qtbot.addWidget(made)
    show(made)
    yield made
    made.close()


def place(view: WidthsView, group: str) -> QPoint:
    """Pixel of a group's handle."""
    return view.profile.plot.handle_place(FOUND.index(group)).toPoint()


def pull(view: WidthsView, group: str, pixels: int) -> None:
    """Drag a handle downwards, or upwards for a negative number."""
    start = place(view, group)
    drag(view.profile.plot.viewport(), start, start + QPoint(0, pixels))


def pick(view: WidthsView, *groups: str) -> None:
    view.editing.select(tuple(FOUND.index(group) for group in groups))
    settle()


def widths(view: WidthsView) -> dict[str, int]:
    return dict(view.workspace.edits.widths)


# -- dragging --------------------------------------------------------------------------------------------------------


def test_a_drag_changes_one_group_and_is_one_step(view: WidthsView) -> None:
    stack = view.workspace.undo
    pull(view, INNER, 60)
    assert set(widths(view)) == {INNER}
    assert 1 <= widths(view)[INNER] < 32
    assert stack.count() == 1
    after = widths(view)
    stack.undo()
    assert view.workspace.edits == Edits()
    stack.redo()
    assert widths(view) == after


def test_the_handle_ends_under_the_mouse(view: WidthsView) -> None:
    start = place(view, INNER)
    pull(view, INNER, 50)
    assert abs(place(view, INNER).y() - (start.y() + 50)) <= 4  # one channel is a few pixels


def test_every_drag_is_a_step_of_its_own(view: WidthsView) -> None:
    pull(view, INNER, 60)
    first = widths(view)
    pull(view, INNER, -30)
    assert view.workspace.undo.count() == 2
    view.workspace.undo.undo()
    assert widths(view) == first


def test_tied_layers_move_together(view: WidthsView) -> None:
    pull(view, STREAM, 40)
    reading = view.editing.reading
    assert reading is not None
    now = dict(zip(reading.names, reading.totals(widths(view)).tolist(), strict=True))
    tied = [now[f"layer2.{block}.conv2"] for block in range(3)]
    assert tied == [widths(view)[STREAM]] * 3
    assert now[INNER] == 32


def test_several_are_scaled_together(view: WidthsView) -> None:
    pick(view, INNER, "layer1.1.conv1")
    pull(view, INNER, 40)
    found = widths(view)
    assert set(found) == {INNER, "layer1.1.conv1"}
    assert found["layer1.1.conv1"] == pytest.approx(16 * found[INNER] / 32, abs=0.5)
    assert view.workspace.undo.count() == 1


def test_a_frame_selects_what_it_holds(view: WidthsView) -> None:
    first, last = place(view, "layer2.0.conv1"), place(view, "layer2.2.conv1")
    drag(view.profile.plot.viewport(), first - QPoint(7, 40), last + QPoint(7, 20))
    names = {view.editing.group(group).name for group in view.editing.selected}
    assert names == {"layer2.0.conv1", STREAM, INNER, "layer2.2.conv1"}
    assert view.workspace.undo.count() == 0


def test_a_locked_column_does_not_move_and_says_why(view: WidthsView) -> None:
    plot, reading = view.profile.plot, view.editing.reading
    assert reading is not None
    column = reading.names.index("linear")
    axis = plot.area()
    x = axis.left() + (column + 0.5) / len(reading.names) * axis.width()
    y = axis.bottom() - 10 / plot.box.viewRange()[1][1] * axis.height()
    at = QPoint(round(x), round(y))
    drag(plot.viewport(), at, at - QPoint(0, 60))
    assert view.workspace.edits == Edits()
    move(plot.viewport(), at + QPoint(0, 4))
    assert "the output of the network" in view.profile.readout.text


def test_what_the_user_locks_stays(view: WidthsView) -> None:
    pick(view, INNER)
    QTest.mouseClick(view.profile.lock, Qt.MouseButton.LeftButton, pos=QPoint(8, view.profile.lock.height() // 2))
    settle()
    assert view.editing.rules.locked == {INNER}
    pull(view, INNER, 60)
    assert view.workspace.edits == Edits()
    view.presets.multiply(0.5)
    assert INNER not in widths(view)
    assert widths(view)["layer1.1.conv1"] == 8


def test_rounding_and_minimum_hold_while_dragging(view: WidthsView) -> None:
    view.profile.rounding.setCurrentText("8")
    view.profile.minimum.setValue(12)
    pull(view, INNER, 45)
    assert widths(view)[INNER] % 8 == 0
    pull(view, INNER, 500)
    assert widths(view)[INNER] == 16


# -- keys, wheel, typing ---------------------------------------------------------------------------------------------


def test_arrow_keys_change_what_is_selected_in_one_step(view: WidthsView) -> None:
    click(view.profile.plot.viewport(), place(view, INNER))
    assert view.workspace.selection.layers == (INNER,)
    for _ in range(3):
        QTest.keyClick(view.profile.plot, Qt.Key.Key_Up)
    assert widths(view) == {INNER: 35}
    assert view.workspace.undo.count() == 1
    QTest.keyClick(view.profile.plot, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert widths(view) == {INNER: 27}
    QTest.keyClick(view.profile.plot, Qt.Key.Key_Right)
    assert [view.editing.group(g).name for g in view.editing.selected] == ["layer2.2.conv1"]


def test_the_wheel_turns_over_a_handle_and_zooms_elsewhere(view: WidthsView) -> None:
    plot = view.profile.plot

    def turn(at: QPoint) -> None:
        global_at = QPointF(plot.viewport().mapToGlobal(at))
        event = QWheelEvent(
            QPointF(at), global_at, QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(plot.viewport(), event)
        settle()

    turn(place(view, INNER))
    assert widths(view) == {INNER: 33}
    assert plot.is_home
    turn(place(view, INNER) - QPoint(0, 60))
    assert widths(view) == {INNER: 33}
    assert not plot.is_home


def test_a_typed_number_is_one_step(view: WidthsView) -> None:
    click(view.profile.plot.viewport(), place(view, INNER))
    QTest.keyClicks(view.profile.plot, "4")
    QTest.keyClicks(view.profile.typed, "0")
    assert view.workspace.undo.count() == 0
    QTest.keyClick(view.profile.typed, Qt.Key.Key_Return)
    assert widths(view) == {INNER: 40}
    assert view.workspace.undo.count() == 1


# -- costs -----------------------------------------------------------------------------------------------------------


def test_the_budget_is_the_closed_form(view: WidthsView) -> None:
    pull(view, STREAM, 40)
    wanted, original = CostModel(FOUND).costs(widths(view)), CostModel(FOUND).costs({})
    for quantity in QUANTITIES:
        assert view.profile.bars.share(quantity) == quantity.of(wanted) / quantity.of(original)
    assert f"{wanted.totals.macs:,}" in view.profile.bars.words(QUANTITIES[1])


def test_a_preset_is_one_step_and_keeps_the_target(view: WidthsView) -> None:
    view.profile.set_target("macs", 0.5)
    whole = CostModel(FOUND).costs({}).totals.macs
    menu = view.presets
    for make in (menu._uniform, menu._straighten, menu._random):
        before = view.workspace.undo.count()
        menu.propose("preset", make)
        assert view.workspace.undo.count() == before + 1
        macs = CostModel(FOUND).costs(widths(view)).totals.macs
        assert 0.45 * whole < macs <= 0.5 * whole
    menu.propose("straight", menu._straighten)
    settle()
    assert "R²" in view.profile.readout.text
    pull(view, INNER, 20)
    assert "R²" not in view.profile.readout.text


def test_presets_that_lack_a_measurement_say_so(view: WidthsView) -> None:
    view.presets.fill()
    entries = {action.text(): action for action in view.presets.actions()}
    assert not entries["From effective rank"].isEnabled()
    assert "feature rank" in entries["From effective rank"].toolTip()
    scenes.play(view.workspace, scenes.rank_events(view.workspace.layers))
    view.presets.fill()
    entries = {action.text(): action for action in view.presets.actions()}
    assert entries["From effective rank"].isEnabled()
    entries["From effective rank"].trigger()
    assert view.workspace.undo.count() == 1


# -- text, table, snapshots ------------------------------------------------------------------------------------------


def test_text_goes_round(view: WidthsView) -> None:
    pull(view, INNER, 60)
    view.show_page("text")
    settle()
    text = view.text.field.toPlainText()
    assert text == print_widths(FOUND, widths(view), everything=True)
    before = widths(view)
    view.workspace.undo.undo()
    settle()
    view.text.field.setPlainText(text)
    view.text.apply()
    assert widths(view) == before


def test_a_wrong_text_names_its_line_and_changes_nothing(view: WidthsView) -> None:
    for text, line in (("[groups]\nconv1 8\nnothing 4\n", 3), ("[groups]\nlinear 4", 2), ("conv1 eight", 1)):
        view.text.field.setPlainText(text)
        view.text.apply()
        assert f"line {line}" in view.text.complaint.text().lower()
    assert view.workspace.undo.count() == 0


def test_json_and_latex_say_the_same() -> None:
    reading, edited = WidthReading(FOUND), {INNER: 20}
    assert read_widths(FOUND, as_json(reading, edited)) == edited
    plain = json.loads(as_json(reading, edited))
    assert plain["macs"] == CostModel(FOUND).costs(edited).totals.macs
    assert plain["layers"][INNER] == 20
    assert r"\texttt{layer2.1.conv1} & 32 & 20 & 0.625 \\" in as_latex(reading, edited)
    with pytest.raises(AnalysisError, match="no JSON configuration"):
        read_widths(FOUND, "{1")
    with pytest.raises(AnalysisError, match="was written for another"):
        read_widths(FOUND, json.dumps({**plain, "structure": "000000", "model": "another"}))
    with pytest.raises(AnalysisError, match="format"):
        read_widths(FOUND, json.dumps({**plain, "format": "layerscope widths 9"}))
    for width in (-3, 10**30, "1e400"):
        with pytest.raises(AnalysisError):
            read_widths(FOUND, json.dumps({"widths": {INNER: width}}))


def test_the_table_lists_what_changed(view: WidthsView) -> None:
    pull(view, STREAM, 40)
    view.show_page("table")
    settle()
    table = view.table.table
    cells = [table.item(0, column) for column in range(5)]
    assert [cell.text() for cell in cells if cell] == [
        STREAM, "32", str(widths(view)[STREAM]), f"{widths(view)[STREAM] / 32:.2f}", "2",
    ]  # fmt: skip


def test_a_snapshot_can_be_returned_to_and_drawn(view: WidthsView) -> None:
    pull(view, INNER, 60)
    kept = widths(view)
    view.snapshots.keep("narrow")
    view.editing.put({}, "original")
    view.profile.show_reference("narrow", view.snapshots.kept["narrow"])
    settle()
    assert view.editing.reading is not None
    place = view.editing.reading.names.index(INNER)
    assert view.profile.plot.columns.profile.outlines[0].widths[place] == kept[INNER]
    view.snapshots.fill()
    next(action for action in view.snapshots.actions() if action.text() == "narrow").trigger()
    assert widths(view) == kept
    state = json.loads(json.dumps(view.state()))
    assert state["snapshots"]["narrow"]["widths"] == kept


# -- making a network ------------------------------------------------------------------------------------------------


def test_rules_of_surgery_are_edits(view: WidthsView) -> None:
    pull(view, INNER, 60)
    view.network.keep.setCurrentIndex(3)
    view.network.seed.setValue(7)
    settle()
    assert view.workspace.edits.keep == "random:7"
    assert dict(view.workspace.edits.widths) == widths(view)
    view.workspace.undo.undo()
    settle()
    assert view.workspace.edits.keep == "random"
    assert view.network.seed.value() == 0


def test_check_and_save_ask_for_the_edited_network(view: WidthsView) -> None:
    assert not view.network.save.isEnabled()
    pull(view, INNER, 60)
    asked: list[Request] = []
    view.workspace.run_wanted.connect(asked.append)
    view.workspace.glance_wanted.connect(asked.append)
    view.network.run_check()
    view.network.save_to("narrow")
    assert [request.method for request in asked] == ["edited_check", "save_network"]
    assert all(request.edits == view.workspace.edits for request in asked)
    assert asked[1].params == (("path", "narrow.safetensors"),)


# -- how it begins ---------------------------------------------------------------------------------------------------


def test_the_groups_are_asked_for_once_without_a_word(theme: Theme, qtbot: QtBot) -> None:
    from analysis.methods.width_groups import INFO

    workspace = scenes.opened()
    workspace.set_methods((INFO,))
    asked: list[Request] = []
    workspace.look_wanted.connect(asked.append)
    made = WidthsView(workspace, theme)
    qtbot.addWidget(made)
    show(made)
    workspace.select_layer("conv1")
    settle()
    assert [request.method for request in asked] == ["width_groups"]
    assert asked[0].edits == Edits()


def test_a_failure_is_said_in_words(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    events = list(width_scenes.width_events(workspace.layers, scenes.MODEL))
    problem = Problem("This is an exported program.", "Load the network it was made from.")
    scenes.play(workspace, iter([*events[:2], Finished(Outcome.FAILED, problem)]))
    made = WidthsView(workspace, theme)
    qtbot.addWidget(made)
    show(made)
    assert made.empty.text == "This is an exported program. Load the network it was made from."


def test_a_network_that_is_all_locked_says_why(theme: Theme, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(group: WidthGroup) -> WidthGroup:
        return replace(group, locked=True, reason="attention is not understood", variables=())

    groups = tuple(locked(group) for group in FOUND.groups)
    rows = tuple(replace(row, length=-1) for row in FOUND.rows)
    stores = tuple(replace(store, lengths=tuple(-1 for _ in store.lengths)) for store in FOUND.stores)
    bare = replace(FOUND, groups=groups, rows=rows, stores=stores, variables=(), lengths=(), producers=())
    monkeypatch.setattr(width_scenes, "description", lambda _layers: bare)
    workspace = scenes.opened()
    scenes.play(workspace, width_scenes.width_events(workspace.layers, scenes.MODEL))
    made = WidthsView(workspace, theme)
    qtbot.addWidget(made)
    show(made)
    assert "attention is not understood" in made.empty.text


# -- without widgets -------------------------------------------------------------------------------------------------


def test_columns_are_whole_and_nested_pieces_lie_on_each_other() -> None:
    reading, edited = WidthReading(FOUND), {INNER: 5, STREAM: 40}
    ends, totals = reading.heights(edited), reading.totals(edited)
    tops = np.zeros(len(reading.names))
    for piece, (low, high) in zip(reading.pieces, ends.tolist(), strict=True):
        assert low == tops[piece.column]
        tops[piece.column] = high
    np.testing.assert_array_equal(tops, totals)
    np.testing.assert_array_equal(totals, CostModel(FOUND).costs(edited).width[reading.rows])


def test_hand_picked_channels_go_where_their_number_changes() -> None:
    edits = Edits(widths=((INNER, 3), (STREAM, 30)), channels=((INNER, "1:3 0:29"), (STREAM, "1:30 0:2")))
    assert with_widths(edits, {INNER: 3, STREAM: 20}).channels == ((INNER, "1:3 0:29"),)


def test_a_wish_below_the_least_width_gives_the_least() -> None:
    from app.reading.width_reading import Rules

    assert changed(FOUND, {}, {INNER: -50.0}, Rules()) == ({INNER: 1}, "")
    assert changed(FOUND, {INNER: 5}, {INNER: 32.2}, Rules()) == ({}, "")


# -- with the real engine's parts ------------------------------------------------------------------------------------


def test_a_saved_network_is_the_edited_one(tmp_path: Path) -> None:
    from analysis.derive import derive
    from analysis.engine import run
    from analysis.models import load, saved_edits
    from analysis.request import Compute, ModelSource
    from analysis.result import Result

    source, edits = ModelSource("demo:fashion_resnet"), Edits(widths=(("layer1.0.conv1", 5), ("conv1", 10)))
    path = tmp_path / "narrow.safetensors"
    request = Request("save_network", source, edits=edits, params=(("path", str(path)),), compute=Compute(threads=1))
    result = Result.of(run(request))
    assert result.finished is not None
    assert result.finished.outcome == Outcome.COMPLETED
    assert result.value("file_bytes") == path.stat().st_size
    known = saved_edits(path)
    assert known is not None
    assert replace(known[1], channels=()) == edits
    assert [name for name, _ in known[1].channels] == ["conv1", "layer1.0.conv1"]  # what the rule chose is written down
    again = load(ModelSource("auto", (str(path),)), Compute(threads=1), derive=derive)
    wanted = derive(load(source, Compute(threads=1)), edits)
    for name, tensor in wanted.net.state_dict().items():
        assert (again.net.state_dict()[name] == tensor).all(), name
    wrong = Result.of(run(replace(request, params=(("path", "a.bin"),)))).finished
    assert wrong is not None
    assert wrong.problem is not None
    assert ".safetensors" in wrong.problem.hint


def test_a_check_is_told_in_one_line() -> None:
    from analysis.result import Result

    outputs = (
        Output("runs", ("network",), (2,), "uint8"),
        Output("difference", ("network",), (2,)),
        Output("agreement", ("network",), (2,)),
        Output("top1", ("network",), (2,)),
    )
    values = {"runs": [1, 1], "difference": [0, 0.25], "agreement": [1, 0.9], "top1": [0.92, 0.8]}
    chunks = [Chunk(name, (), np.array(value)) for name, value in values.items()]
    words = check_words(Result.of(iter([Started(Request("edited_check")), Declared(outputs), *chunks])))
    assert "accuracy 92.0 % → 80.0 %" in words.replace("\u00a0", " ")
    assert "0.25" in words
