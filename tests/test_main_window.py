"""The window as a whole: what is shown when, one way in for files, layout, focus, names, and nothing left behind."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDockWidget,
    QFileDialog,
    QLineEdit,
    QPlainTextEdit,
    QSlider,
    QTabBar,
    QWidget,
)

from analysis.edits import Edits
from analysis.problems import Problem
from analysis.request import ImageSource, ModelSource
from app.application import make_window
from app.commands import SetEdits
from app.log import LogBuffer
from app.main_window import MainWindow
from app.panels.question_panel import QuestionPanel
from tests.fake_engine import DEVICES, FakeEngine, failing


def settle(window: MainWindow, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: not any(run.open for run in window.workspace.runs.values()))


def opened(window: MainWindow, qtbot: Any) -> MainWindow:
    window.desk.session.open_images(ImageSource("demo:test"))
    window.desk.session.open_model(ModelSource("demo:a"))
    settle(window, qtbot)
    return window


# -- what is shown -----------------------------------------------------------------------------------------------------


def test_start_page_first_then_the_views(window: MainWindow, qtbot: Any) -> None:
    assert window.start_page.isVisible()
    assert not window.tabs.isVisible()
    assert not [dock for dock in window.findChildren(QDockWidget) if dock.isVisible()]
    opened(window, qtbot)
    assert window.tabs.isVisible()
    assert window.docks.is_open("layers")
    assert window.docks.is_open("inspector")
    window.slots.close_model()
    assert window.start_page.isVisible()
    assert not [dock for dock in window.findChildren(QDockWidget) if dock.isVisible()]
    opened(window, qtbot)
    assert window.docks.is_open("layers")


def test_views_and_panels_are_built_when_first_shown(window: MainWindow, qtbot: Any) -> None:
    assert window.docks.made("runs") is None
    assert window.docks.made("layers") is None
    opened(window, qtbot)
    first, second = (name for name, _ in window.tabs.names()[:2])
    assert window.tabs.view(first) is not None
    assert window.tabs.view(second) is None
    window.slots.next_view()
    assert window.tabs.view(second) is not None
    window.slots.show_runs(True)
    assert window.docks.made("runs") is not None


def test_first_paint_comes_before_docks_and_tabs(qapp: Any, tmp_path: Path, qtbot: Any) -> None:
    made = make_window(FakeEngine(), tmp_path, LogBuffer())
    assert not made.findChildren(QDockWidget)
    with qtbot.waitSignal(made.painted):
        made.show()
    assert made.findChildren(QDockWidget)
    made.close()
    made.deleteLater()
    qapp.setStyleSheet("")


def test_chips_tell_what_is_open(window: MainWindow, qtbot: Any) -> None:
    bar = window.top_bar
    assert bar.model.accessibleName() == "Network: No network"
    assert not bar.measure.isEnabled()
    opened(window, qtbot)
    assert bar.model.accessibleName() == "Network: a, 268\xa0k · 40.6\xa0M MACs"
    assert bar.images.accessibleName() == "Pictures: demo:test"
    assert bar.measure.isEnabled()
    window.workspace.undo.push(SetEdits(window.workspace, Edits(removed=("x",)), "remove x"))
    assert bar.model.accessibleName().endswith("edited")
    window.desk.measuring.measure(window.workspace.new_request("feature_rank"))
    settle(window, qtbot)
    assert bar.images.accessibleName() == "Pictures: demo:test, 1,000 pictures"


def test_badges_stand_on_the_chip(window: MainWindow, engine: FakeEngine, qtbot: Any) -> None:
    from dataclasses import replace

    from tests.fake_engine import structure

    def badged(request: Any) -> Any:
        for event in structure(request):
            has = hasattr(event, "badges")
            yield replace(event, badges=("random weights", "preprocessing assumed")) if has else event

    engine.scripts["structure"] = badged
    opened(window, qtbot)
    chip = window.top_bar.model
    assert chip._badge.text() == "preprocessing assumed +1"
    assert chip._badge.isVisible()
    assert "random weights" in chip.toolTip()


def test_device_chip_tells_the_memory(window: MainWindow) -> None:
    from analysis.remote import Hello

    window.desk.client.take([Hello((), DEVICES, "2.9")])
    assert window.top_bar.device.accessibleName() == "Device: cuda:0, 2.0/80 GB"


def test_menus_of_the_chips_hold_recent_things_and_choose(window: MainWindow, engine: FakeEngine, qtbot: Any) -> None:
    opened(window, qtbot)
    menu = window.top_bar.model.menu()
    menu.aboutToShow.emit()
    texts = {action.text(): action for action in menu.actions()}
    assert "a" in texts
    texts["demo:fashion_plain"].trigger()
    assert engine.requests[-1][0].model == ModelSource("demo:fashion_plain")
    settle(window, qtbot)
    menu = window.top_bar.device.menu()
    menu.aboutToShow.emit()
    next(action for action in menu.actions() if action.text() == "float64").trigger()
    assert window.workspace.compute.dtype == "float64"
    assert window.desk.preferences.settings.dtype == "float64"
    menu.aboutToShow.emit()
    assert next(action for action in menu.actions() if action.text() == "float64").isChecked()


def test_measure_menu_lists_what_the_engine_can_do(window: MainWindow, qtbot: Any) -> None:
    opened(window, qtbot)
    menu = window.top_bar.measure.menu()
    menu.aboutToShow.emit()
    texts = [action.text() for action in menu.actions()]
    assert {"First look", "Feature rank…", "Accuracy…", "Weight spectrum…"} <= set(texts)
    next(action for action in menu.actions() if action.text() == "Accuracy…").trigger()
    assert window.docks.content("measure").method == "evaluate"  # type: ignore[attr-defined]


def test_narrow_window_drops_facts_before_names(window: MainWindow, qtbot: Any) -> None:
    opened(window, qtbot)
    window.resize(660, 600)
    QApplication.processEvents()
    bar = window.top_bar
    for chip in (bar.model, bar.images, bar.device, bar.measure):
        assert chip.geometry().right() <= bar.width()
        assert chip.width() >= chip.sizeHint().width()
    assert "40.6" in bar.model.accessibleName()


def test_title_names_file_network_and_changes(window: MainWindow, qtbot: Any, tmp_path: Path) -> None:
    opened(window, qtbot)
    assert window.windowTitle() == "a — LayerScope[*]"
    window.desk.keeper.save(tmp_path / "mine.layerscope.json")
    assert window.windowTitle() == "mine[*] — a — LayerScope"
    assert not window.isWindowModified()
    window.workspace.select_layer("conv1")
    assert window.isWindowModified()


# -- one way in --------------------------------------------------------------------------------------------------------


def weights(tmp_path: Path) -> Path:
    path = tmp_path / "net.pth"
    path.write_bytes(b"\x80\x02.")
    return path


def drop(window: MainWindow, path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    enter = QDragEnterEvent(
        QPoint(9, 9), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    assert window._drop_hint.isVisible()
    event = QDropEvent(
        QPointF(9, 9), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(window, event)
    assert not window._drop_hint.isVisible()


def test_drop_dialog_and_command_line_reach_the_same_loader(
    window: MainWindow, engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: Any
) -> None:
    import argparse

    from app.application import after_first_paint

    path = weights(tmp_path)
    expected = ModelSource("auto", (str(path),))
    drop(window, path)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *args: (str(path), ""))
    window.actions_by_id["open_file"].trigger()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *args: str(tmp_path))
    window.actions_by_id["open_folder"].trigger()
    after_first_paint(window, argparse.Namespace(files=[str(path)], demo=False))
    models = [request.model for request, _ in engine.requests if request.method == "structure"]
    assert models == [expected] * 4  # of a folder of checkpoints the last one is opened
    settle(window, qtbot)
    qtbot.waitUntil(lambda: not window.desk.history.reading)


def test_text_that_is_no_file_is_not_taken(window: MainWindow) -> None:
    data = QMimeData()
    data.setText("hello")
    enter = QDragEnterEvent(
        QPoint(9, 9), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    enter.ignore()
    QApplication.sendEvent(window, enter)
    assert not window._drop_hint.isVisible()


def test_question_stands_above_the_views_and_goes_when_answered(
    window: MainWindow, engine: FakeEngine, qtbot: Any
) -> None:
    from tests.fake_engine import structure

    engine.scripts["structure"] = failing(Problem("It holds code.", code="needs_trust"))
    window.desk.session.open_model(ModelSource("auto", ("/a.pth",)))
    settle(window, qtbot)
    panel = window.findChild(QuestionPanel)
    assert panel.isVisible()
    assert not panel.isModal()
    assert not panel.isWindow()
    focused = window.focusWidget()
    assert isinstance(focused, QAbstractButton)
    assert "trust" not in focused.text()  # Enter alone never lets code run
    engine.scripts["structure"] = structure
    next(b for b in panel.findChildren(QAbstractButton) if b.text() == "Open anyway, I trust it").click()
    settle(window, qtbot)
    assert window._question is None
    assert window.workspace.model == ModelSource("auto", ("/a.pth",), trust=True)


# -- layout ------------------------------------------------------------------------------------------------------------


def test_layout_is_kept_from_one_window_to_the_next(qapp: Any, tmp_path: Path, qtbot: Any) -> None:
    def window_of(home: Path) -> MainWindow:
        made = make_window(FakeEngine(), home, LogBuffer())
        made.resize(1000, 700)
        made.show()
        made.build()
        made.desk.client.start()
        return made

    first = window_of(tmp_path)
    opened(first, qtbot)
    first.slots.show_runs(True)
    first.slots.show_inspector(False)
    first.tabs.show_view("rank")
    first.close()
    first.deleteLater()
    second = window_of(tmp_path)
    opened(second, qtbot)
    assert second.docks.is_open("runs")
    assert not second.docks.is_open("inspector")
    assert second.tabs.name == "rank"
    second.slots.restore_layout()
    assert not second.docks.is_open("runs")
    assert second.docks.is_open("inspector")
    second.close()
    second.deleteLater()
    qapp.setStyleSheet("")


@pytest.mark.parametrize("state", ["", "x", "AAAA", "é"])
def test_senseless_layout_is_ignored(window: MainWindow, qtbot: Any, state: str) -> None:
    opened(window, qtbot)
    assert not window.docks.restore(state)
    assert window.docks.is_open("layers")


def test_switches_follow_the_panels(window: MainWindow, qtbot: Any) -> None:
    opened(window, qtbot)
    assert window.actions_by_id["show_layers"].isChecked()
    window.docks.close("layers")
    assert not window.actions_by_id["show_layers"].isChecked()
    window.actions_by_id["show_layers"].trigger()
    assert window.docks.is_open("layers")


def test_panels_on_the_right_take_turns(window: MainWindow, qtbot: Any) -> None:
    opened(window, qtbot)
    window.slots.choose_images()
    window.show_method("feature_rank")
    assert window.docks.is_open("measure")
    assert not window.docks.is_open("setup")
    assert window.docks.is_open("inspector")


def test_font_scale_and_colours_are_kept(window: MainWindow) -> None:
    window.slots.larger_text()
    window.slots.larger_text()
    assert window.desk.preferences.settings.font_scale == pytest.approx(1.21)
    window.slots.normal_text()
    assert window.theme.scale == 1.0
    window.slots.theme_dark(True)
    assert window.desk.preferences.settings.theme == "dark"
    assert window.actions_by_id["theme_dark"].isChecked()
    assert not window.actions_by_id["theme_light"].isChecked()
    window.slots.theme_light(True)


@pytest.mark.parametrize("scale", [0.8, 1.6])
def test_bars_and_start_page_fit_in_larger_and_smaller_text(window: MainWindow, qtbot: Any, scale: float) -> None:
    window.theme.set_scale(scale)

    def cut() -> list[str]:
        shown = [b for b in window.start_page.findChildren(QAbstractButton) if not b.isHidden()]
        right = [b.mapTo(window, b.rect().bottomRight()).x() for b in shown]
        return [
            button.text()
            for button, edge in zip(shown, right, strict=True)
            if button.width() < button.minimumSizeHint().width() or edge >= window.width()
        ]

    qtbot.waitUntil(lambda: not cut())
    assert window.minimumSizeHint().width() <= 1280
    assert window.top_bar.measure.geometry().right() < window.width()
    window.theme.set_scale(1.0)


# -- keyboard and names ------------------------------------------------------------------------------------------------

INTERACTIVE = (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QSlider,
    QTabBar,
)


def everything(window: MainWindow, qtbot: Any) -> None:
    """Open every panel, view, question and notice that the window has."""
    opened(window, qtbot)
    for name in ("setup", "measure", "history", "help", "shortcuts", "figure", "runs", "log"):
        window.docks.show(name)
    for name, _ in window.tabs.names():
        window.tabs.show_view(name)
    window.desk.notices.problem(Problem("It broke.", "Mend it.", "line 1"))
    window.slots.show_palette()


def test_every_interactive_widget_has_a_name(window: MainWindow, qtbot: Any) -> None:
    everything(window, qtbot)
    nameless = []
    for widget in window.findChildren(QWidget):
        if not isinstance(widget, INTERACTIVE) or widget.objectName().startswith("qt_") or widget.isHidden():
            continue
        text = widget.text() if isinstance(widget, QAbstractButton) else ""
        inner = isinstance(widget.parent(), QComboBox | QAbstractSpinBox | QAbstractItemView | QTabBar | QLineEdit)
        if not (widget.accessibleName() or text or inner or _is_of_qt(widget) or _waits(widget)):
            nameless.append((type(widget).__name__, widget.parent()))
    assert not nameless


def _waits(widget: QWidget) -> bool:
    """Leave out the button of an empty state that has nothing to say: it gets its words with its sentence."""
    from app.views.base import EmptyState

    parent = widget.parent()
    return isinstance(parent, EmptyState) and not parent.isVisible()


def _is_of_qt(widget: QWidget) -> bool:
    """Leave out what Qt makes for itself: tab bars of docks, pop-ups of combo boxes, arrows of tool bars."""
    parent = widget.parent()
    private = parent is not None and parent.metaObject().className().startswith("QComboBoxPrivate")
    dock_tabs = isinstance(widget, QTabBar) and isinstance(parent, MainWindow)
    return private or dock_tabs


def test_tab_key_goes_round_and_the_focus_can_be_seen(window: MainWindow, qtbot: Any) -> None:
    opened(window, qtbot)
    window.activateWindow()
    window.top_bar.model.setFocus()
    seen: list[QWidget] = []
    for _ in range(200):
        focused = QApplication.focusWidget()
        if focused in seen:
            break
        assert focused is not None
        seen.append(focused)
        assert focused.isVisible()
        qtbot.keyClick(focused, Qt.Key.Key_Tab)
    kinds = {type(widget).__name__ for widget in seen}
    assert len(seen) > 8, kinds
    assert window.top_bar.measure in seen


def test_focused_button_looks_different(window: MainWindow) -> None:
    button = next(b for b in window.start_page.findChildren(QAbstractButton) if b.text() == "Open…")
    button.clearFocus()
    before = button.grab().toImage()
    window.activateWindow()
    button.setFocus(Qt.FocusReason.TabFocusReason)
    assert button.hasFocus()
    assert button.grab().toImage() != before


def test_palette_finds_a_layer_and_selects_it(window: MainWindow, qtbot: Any) -> None:
    opened(window, qtbot)
    window.slots.show_palette()
    palette = window._palette
    assert palette is not None
    qtbot.keyClicks(palette.line, "l2 conv2")
    qtbot.keyClick(palette.line, Qt.Key.Key_Down)
    qtbot.keyClick(palette.line, Qt.Key.Key_Up)
    qtbot.keyClick(palette.line, Qt.Key.Key_Return)
    assert not palette.isVisible()
    assert window.workspace.selection.layer == "layer2.0.conv2"


def test_palette_closes_with_escape_and_gives_the_focus_back(window: MainWindow, qtbot: Any) -> None:
    opened(window, qtbot)
    window.top_bar.measure.setFocus()
    window.slots.show_palette()
    palette = window._palette
    assert palette is not None
    qtbot.keyClicks(palette.line, "zzzz no such thing")
    qtbot.keyClick(palette.line, Qt.Key.Key_Return)
    assert palette.isVisible()
    qtbot.keyClick(palette.line, Qt.Key.Key_Escape)
    assert not palette.isVisible()
    assert window.top_bar.measure.hasFocus()


def test_back_and_forward_walk_through_selections(window: MainWindow, qtbot: Any) -> None:
    opened(window, qtbot)
    assert not window.actions_by_id["step_back"].isEnabled()
    for name in ("conv1", "linear"):
        window.workspace.select_layer(name)
    window.actions_by_id["step_back"].trigger()
    assert window.workspace.selection.layer == "conv1"
    window.actions_by_id["step_forward"].trigger()
    assert window.workspace.selection.layer == "linear"


def test_undo_and_redo_are_named_in_the_menu(window: MainWindow, qtbot: Any) -> None:
    opened(window, qtbot)
    undo = window.actions_by_id["undo"]
    assert not undo.isEnabled()
    window.workspace.undo.push(SetEdits(window.workspace, Edits(removed=("x",)), "remove x"))
    assert undo.text() == "Undo remove x"
    undo.trigger()
    assert window.workspace.edits == Edits()
    assert window.actions_by_id["redo"].text() == "Redo remove x"


# -- faults ------------------------------------------------------------------------------------------------------------


def test_fault_in_a_slot_is_a_notice_and_the_window_stays(window: MainWindow, qtbot: Any) -> None:
    from app.log import Hooks

    hooks = Hooks(window.workspace.raise_problem)
    hooks.install()
    timer = QTimer()
    timer.timeout.connect(lambda: 1 / 0)
    timer.setSingleShot(True)
    timer.start(0)
    qtbot.waitUntil(lambda: bool(window.desk.notices.all()))
    hooks.remove()
    (notice,) = window.desk.notices.all().values()
    assert "ZeroDivisionError" in notice.hint
    assert window.isVisible()


def test_copied_diagnostics_tell_the_engine(window: MainWindow) -> None:
    window.slots.copy_diagnostics()
    assert "Engine: ready" in QApplication.clipboard().text()


# -- nothing left behind -----------------------------------------------------------------------------------------------


def test_fifty_cycles_of_open_measure_close_leave_nothing(window: MainWindow, qtbot: Any) -> None:
    import threading

    def cycle() -> None:
        opened(window, qtbot)
        window.desk.measuring.measure(window.workspace.new_request("feature_rank"), anew=True)
        settle(window, qtbot)
        window.slots.close_model()
        window.desk.notices.clear()

    def count() -> tuple[int, int, int, int]:
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        gc.collect()
        return (
            len(window.findChildren(QWidget)),
            len(window.desk.root.findChildren(QTimer)) + len(window.findChildren(QTimer)),
            threading.active_count(),
            len(window.workspace.runs),
        )

    for _ in range(3):
        cycle()
    before = count()
    allocated = sys.getallocatedblocks()
    for _ in range(50):
        cycle()
    assert count() == before
    # Histories of 50 runs and their rows are kept; anything like a window or a result per cycle is far more.
    assert sys.getallocatedblocks() - allocated < 50 * 1500


def test_painting_loses_no_reference_to_none(window: MainWindow, qtbot: Any) -> None:
    opened(window, qtbot)
    for _ in range(5):
        window.grab()
    before = sys.getrefcount(None)
    for _ in range(100):
        window.grab()
    # A paint that loses references loses at least one in every frame.
    assert sys.getrefcount(None) > before - 100
