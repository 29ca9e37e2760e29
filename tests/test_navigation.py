"""Back and forward through selections, deep by a double click, and back by Escape."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from analysis.request import ImageSource, ModelSource
from app.main_window import MainWindow
from app.selection import LONGEST, Selection, Trail
from app.workspace import Workspace


def opened(window: MainWindow, qtbot: Any) -> MainWindow:
    window.desk.session.open_images(ImageSource("demo:test"))
    window.desk.session.open_model(ModelSource("demo:a"))
    qtbot.waitUntil(lambda: not any(run.open for run in window.workspace.runs.values()))
    return window


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(["select", "back", "forward"]), max_size=40))
def test_a_trail_is_a_list_with_a_place(steps: list[str]) -> None:
    """Against the plain model: a list of selections, and where in it one stands."""
    trail, now = Trail(), Selection()
    past, place = [now], 0
    for number, step in enumerate(steps):
        if step == "select":
            trail.leave(now)
            now = Selection((f"layer{number}",))
            past = [*past[: place + 1], now]
            place += 1
        elif step == "back" and trail.has_past:
            now, place = trail.back(now), place - 1
        elif step == "forward" and trail.has_future:
            now, place = trail.forward(now), place + 1
        assert now == past[place]
        assert trail.has_past == (place > 0)
        assert trail.has_future == (place < len(past) - 1)


def test_the_trail_is_bounded() -> None:
    trail, now = Trail(), Selection()
    for number in range(2 * LONGEST):
        trail.leave(now)
        now = Selection(sample=number)
    steps = 0
    while trail.has_past:
        now = trail.back(now)
        steps += 1
    assert steps == LONGEST


def test_layers_samples_and_channels_share_one_trail(qapp: Any) -> None:
    workspace = Workspace()
    workspace.select_layer("conv1")
    workspace.select_sample(7, (3, 7))
    workspace.select_layer("conv2")
    assert workspace.selection == Selection(("conv2",), -1, 7, (3, 7))
    workspace.step_back()
    assert workspace.selection == Selection(("conv1",), -1, 7, (3, 7))
    workspace.step_back()
    assert workspace.selection == Selection(("conv1",))
    workspace.step_forward()
    assert workspace.selection.pictures == (3, 7)
    workspace.select_sample(9)
    assert workspace.selection.pictures == (9,)
    assert not workspace.can_step_forward


def test_alt_and_arrows_walk_through_selections(window: MainWindow, qtbot: Any) -> None:
    opened(window, qtbot)
    window.workspace.select_layer("conv1")
    window.workspace.select_layer("layer1.0.conv1")
    window.activateWindow()
    QTest.keyClick(window, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    assert window.workspace.selection.layer == "conv1"
    QTest.keyClick(window, Qt.Key.Key_Right, Qt.KeyboardModifier.AltModifier)
    assert window.workspace.selection.layer == "layer1.0.conv1"
    assert not window.actions_by_id["step_forward"].isEnabled()


def test_side_buttons_of_the_mouse_do_the_same_over_any_widget(window: MainWindow, qtbot: Any) -> None:
    opened(window, qtbot)
    window.workspace.select_layer("conv1")
    window.workspace.select_layer("layer1.0.conv1")
    view = window.tabs.view()
    assert view is not None
    place = view.mapTo(window, QPoint(200, 150))
    QTest.mouseClick(window.windowHandle(), Qt.MouseButton.BackButton, Qt.KeyboardModifier.NoModifier, place)
    assert window.workspace.selection.layer == "conv1"
    QTest.mouseClick(window.windowHandle(), Qt.MouseButton.ForwardButton, Qt.KeyboardModifier.NoModifier, place)
    assert window.workspace.selection.layer == "layer1.0.conv1"


def test_escape_comes_back_from_where_a_double_click_led(window: MainWindow, qtbot: Any) -> None:
    opened(window, qtbot)
    window.tabs.show_view("overview")
    overview: Any = window.tabs.view()
    assert not window.actions_by_id["come_back"].isEnabled()
    overview.stack.slot_opened.emit(3)
    assert window.tabs.name == "rank"
    assert window.actions_by_id["come_back"].isEnabled()
    rank = window.tabs.view()
    assert rank is not None
    QTest.keyClick(rank, Qt.Key.Key_Escape)
    assert window.tabs.name == "overview"
    assert not window.tabs.can_come_back
    QTest.keyClick(overview, Qt.Key.Key_Escape)
    assert window.tabs.name == "overview"


def test_several_steps_come_back_one_by_one(window: MainWindow, qtbot: Any) -> None:
    opened(window, qtbot)
    window.tabs.show_view("overview")
    for name in ("rank", "evaluate", "evaluate", "samples"):
        window.tabs.go_deep(name)
    for name in ("evaluate", "rank", "overview"):
        window.actions_by_id["come_back"].trigger()
        assert window.tabs.name == name


def test_escape_in_a_search_field_is_left_to_the_field(window: MainWindow, qtbot: Any) -> None:
    opened(window, qtbot)
    window.tabs.go_deep("rank")
    layers: Any = window.docks.content("layers")
    QTest.keyClick(layers.filter, Qt.Key.Key_Escape)
    assert window.tabs.name == "rank"
