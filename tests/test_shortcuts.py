"""Keys of actions: changed by pressing them, conflicts told with the way out, kept, and in force at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QAbstractButton, QLabel
from pytestqt.qtbot import QtBot

from app.actions import ACTIONS, keys_of, taken_by, why_not
from app.forms.key_button import WAITING, KeyButton
from app.keys import PANEL_KEYS, portable, sequences, use_inside
from app.main_window import MainWindow
from app.panels.shortcuts_panel import ShortcutsPanel
from app.settings import Settings, read_settings, write_settings
from tests.gestures import settle

CONTROL, ALT, NONE = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.AltModifier,
    Qt.KeyboardModifier.NoModifier,
)
IDS = [entry.id for entry in ACTIONS]


@pytest.fixture
def panel(window: MainWindow) -> ShortcutsPanel:
    found = window.panel("shortcuts")
    assert isinstance(found, ShortcutsPanel)
    return found


def press(qtbot: QtBot, panel: ShortcutsPanel, action: str, key: Qt.Key, held: Qt.KeyboardModifier = NONE) -> None:
    panel.buttons[action].click()
    assert panel.buttons[action].text() == WAITING
    qtbot.keyClick(panel.buttons[action], key, held)


def keys_in_menu(window: MainWindow, action: str) -> list[str]:
    return [keys.toString() for keys in window.actions_by_id[action].shortcuts()]


def way_out(panel: ShortcutsPanel, name: str) -> QAbstractButton:
    return next(b for b in panel.strip.findChildren(QAbstractButton) if b.text() == name)


# -- by pressing keys ------------------------------------------------------------------------------------------------


def test_pressed_keys_are_in_force_at_once_and_kept(window: MainWindow, panel: ShortcutsPanel, qtbot: QtBot) -> None:
    press(qtbot, panel, "first_look", Qt.Key.Key_F9)
    assert keys_in_menu(window, "first_look") == ["F9"]
    assert "F9" in window.actions_by_id["first_look"].toolTip()
    assert panel.buttons["first_look"].text() == "F9"
    assert json.loads(window.desk.preferences.path.read_text())["shortcuts"] == [["first_look", "F9"]]


def test_the_new_keys_trigger_and_the_old_do_not(window: MainWindow, panel: ShortcutsPanel, qtbot: QtBot) -> None:
    press(qtbot, panel, "show_definitions", Qt.Key.Key_F8)
    heard: list[int] = []
    window.actions_by_id["show_definitions"].triggered.connect(lambda: heard.append(1))
    window.activateWindow()
    window.setFocus()
    qtbot.keyClick(window, Qt.Key.Key_F8)
    assert heard == [1]
    press(qtbot, panel, "show_definitions", Qt.Key.Key_F7)
    qtbot.keyClick(window, Qt.Key.Key_F8)
    assert heard == [1]


def test_shortcuts_of_the_window_do_not_act_while_keys_are_awaited(
    window: MainWindow, panel: ShortcutsPanel, qtbot: QtBot
) -> None:
    heard: list[int] = []
    window.actions_by_id["larger_text"].triggered.connect(lambda: heard.append(1))
    press(qtbot, panel, "first_look", Qt.Key.Key_Plus, CONTROL)
    assert heard == []
    assert "“Larger text”" in panel.words.text()


def test_escape_keeps_and_backspace_takes_away(window: MainWindow, panel: ShortcutsPanel, qtbot: QtBot) -> None:
    press(qtbot, panel, "open_file", Qt.Key.Key_Escape)
    assert keys_in_menu(window, "open_file") == ["Ctrl+O"]
    press(qtbot, panel, "open_file", Qt.Key.Key_Backspace)
    assert keys_in_menu(window, "open_file") == []
    assert panel.buttons["open_file"].text() == "none"


def test_held_keys_alone_are_waited_out(panel: ShortcutsPanel, qtbot: QtBot) -> None:
    press(qtbot, panel, "open_file", Qt.Key.Key_Control, CONTROL)
    assert panel.buttons["open_file"].waiting


def test_waiting_ends_when_something_else_is_used(panel: ShortcutsPanel, qtbot: QtBot) -> None:
    panel.buttons["open_file"].click()
    panel.buttons["open_file"].clearFocus()
    panel.search.setFocus()
    qtbot.waitUntil(lambda: not panel.buttons["open_file"].waiting)


# -- conflicts -------------------------------------------------------------------------------------------------------


def test_a_conflict_is_one_sentence_with_the_way_out(window: MainWindow, panel: ShortcutsPanel, qtbot: QtBot) -> None:
    press(qtbot, panel, "first_look", Qt.Key.Key_O, CONTROL)
    assert panel.strip.isVisible()
    assert "belongs to “Open” already" in panel.words.text()
    assert keys_in_menu(window, "first_look") == ["F5"]
    way_out(panel, "Use it here").click()
    assert keys_in_menu(window, "first_look") == ["Ctrl+O"]
    assert keys_in_menu(window, "open_file") == []
    assert not panel.strip.isVisible()


def test_a_conflict_can_be_left(window: MainWindow, panel: ShortcutsPanel, qtbot: QtBot) -> None:
    press(qtbot, panel, "first_look", Qt.Key.Key_O, CONTROL)
    way_out(panel, "Leave it").click()
    assert keys_in_menu(window, "first_look") == ["F5"]
    assert keys_in_menu(window, "open_file") == ["Ctrl+O"]
    assert not panel.strip.isVisible()


def test_taking_one_of_two_keys_leaves_the_other(window: MainWindow, panel: ShortcutsPanel, qtbot: QtBot) -> None:
    press(qtbot, panel, "first_look", Qt.Key.Key_Y, CONTROL)
    way_out(panel, "Use it here").click()
    assert keys_in_menu(window, "redo") == ["Ctrl+Shift+Z"]


@pytest.mark.parametrize("key", [Qt.Key.Key_A, Qt.Key.Key_Space, Qt.Key.Key_Left, Qt.Key.Key_Tab])
def test_keys_that_one_types_with_are_refused(
    key: Qt.Key, window: MainWindow, panel: ShortcutsPanel, qtbot: QtBot
) -> None:
    panel.wish("first_look", portable(QKeySequence(key).toString()))
    assert "alone would act while you type" in panel.words.text()
    assert not panel.take.isVisible()
    assert keys_in_menu(window, "first_look") == ["F5"]


@pytest.mark.parametrize(
    "keys", ["Ctrl+C", "Ctrl+V", "Ctrl+X", "Ctrl+A", "Ctrl+Left", "Ctrl+Tab", "Alt+F4", "F2", "Shift+F10"]
)
def test_keys_that_panels_and_fields_use_are_refused(keys: str, window: MainWindow, panel: ShortcutsPanel) -> None:
    panel.wish("next_view", keys)
    assert use_inside(keys) in panel.words.text()
    assert "choose other keys" in panel.words.text()
    assert keys_in_menu(window, "next_view") == ["Ctrl+PgDown"]
    assert window.desk.preferences.settings.shortcuts == ()


def test_a_key_whose_name_has_a_space_stays_whole(window: MainWindow, panel: ShortcutsPanel, qtbot: QtBot) -> None:
    press(qtbot, panel, "next_view", Qt.Key.Key_VolumeDown, CONTROL)
    assert keys_in_menu(window, "next_view") == ["Ctrl+Volume Down"]
    assert panel.buttons["next_view"].text() == "Ctrl+Volume Down"
    held = taken_by("Ctrl+Volume Down", window.desk.preferences.settings.keys)
    assert held is not None
    assert held.id == "next_view"


# -- reset -----------------------------------------------------------------------------------------------------------


def test_one_is_reset_and_gets_its_keys_back_from_whoever_has_them(
    window: MainWindow, panel: ShortcutsPanel, qtbot: QtBot
) -> None:
    press(qtbot, panel, "first_look", Qt.Key.Key_O, CONTROL)
    way_out(panel, "Use it here").click()
    assert not panel.resets["open_file"].isHidden()
    assert panel.resets["quit"].isHidden()
    panel.resets["open_file"].click()
    assert keys_in_menu(window, "open_file") == ["Ctrl+O"]
    assert keys_in_menu(window, "first_look") == []


def test_all_are_reset(window: MainWindow, panel: ShortcutsPanel, qtbot: QtBot) -> None:
    assert not panel.reset_all.isEnabled()
    press(qtbot, panel, "first_look", Qt.Key.Key_F9)
    press(qtbot, panel, "open_file", Qt.Key.Key_Delete)
    panel.reset_all.click()
    for entry in ACTIONS:
        assert keys_in_menu(window, entry.id) == [portable(one) for one in sequences(entry.shortcut)]
    assert window.desk.preferences.settings.shortcuts == ()


def test_keys_of_the_table_are_not_kept(window: MainWindow, panel: ShortcutsPanel, qtbot: QtBot) -> None:
    press(qtbot, panel, "first_look", Qt.Key.Key_F9)
    press(qtbot, panel, "first_look", Qt.Key.Key_F5)
    assert window.desk.preferences.settings.shortcuts == ()


# -- the list --------------------------------------------------------------------------------------------------------


def test_every_action_is_listed_once(panel: ShortcutsPanel) -> None:
    assert list(panel.buttons) == sorted(IDS, key=list(panel.buttons).index)
    assert set(panel.buttons) == set(IDS)


@pytest.mark.parametrize(("words", "found"), [("palette", set()), ("find anything", {"show_palette"}), ("f5", None)])
def test_the_list_is_filtered_by_words_and_keys(words: str, found: set[str] | None, panel: ShortcutsPanel) -> None:
    panel.search.setText(words)
    shown = {name for name, button in panel.buttons.items() if button.isVisible()}
    if found is None:
        assert {"first_look", "measure_again"} == shown
    else:
        assert shown == found
    panel.search.clear()
    assert all(button.isVisibleTo(panel) for button in panel.buttons.values())


def test_own_keys_hold_from_the_start(tmp_path: Path, qapp: Any) -> None:
    from app.application import make_window
    from app.log import LogBuffer
    from tests.fake_engine import FakeEngine

    write_settings(tmp_path / "settings.json", Settings(shortcuts=(("open_file", "F2"), ("gone", "F3"))))
    window = make_window(FakeEngine(), tmp_path, LogBuffer())
    assert keys_in_menu(window, "open_file") == ["F2"]
    window.close()
    window.deleteLater()


def test_no_name_and_no_keys_are_cut_however_narrow_the_panel_is(
    window: MainWindow, panel: ShortcutsPanel, qtbot: QtBot
) -> None:
    dock, inner = window.docks._docks["shortcuts"], panel._inner
    for scale in (1.0, 1.5):
        window.desk.preferences.change(font_scale=scale)
        for width in (10, 600):
            window.resizeDocks([dock], [width], Qt.Orientation.Horizontal)
            settle()
            assert inner.width() <= panel._scroll.viewport().width()
            for found in inner.findChildren(QLabel):
                longest = max(found.fontMetrics().horizontalAdvance(word) for word in found.text().split())
                assert found.width() >= longest, found.text()
                assert found.height() >= found.heightForWidth(found.width()), found.text()
            for button in panel.buttons.values():
                assert button.width() >= button.sizeHint().width(), button.text()
                assert button.geometry().right() < inner.width(), button.text()


def test_keys_of_panels_are_listed_and_found(panel: ShortcutsPanel) -> None:
    shown = {found.text() for found in panel._inner.findChildren(QLabel)}
    for where, entries in PANEL_KEYS:
        assert {where, *(keys for keys, _ in entries), *(text for _, text in entries)} <= shown
    panel.search.setText("give it a name")
    assert [found.text() for found in panel._inner.findChildren(QLabel) if found.isVisible()] == [
        "Runs",
        "Give it a name",
        "F2",
    ]


# -- rules without widgets -------------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.sampled_from(IDS), st.sampled_from(["", "F2", "Ctrl+O", "Alt+Left", "Ctrl+Y"])), max_size=6)
)
def test_whoever_has_keys_is_found(changes: list[tuple[str, str]]) -> None:
    own = dict(changes)
    for keys in ("F2", "Ctrl+O", "ctrl+o", "Ctrl+Y", "Ctrl+F12"):
        holders = {e.id for e in ACTIONS if portable(keys) in [portable(k) for k in sequences(keys_of(e, own))]}
        found = taken_by(keys, own)
        assert (found.id if found else None) in (holders or {None})
        for holder in holders:
            other = taken_by(keys, own, but=holder)
            assert (other is None) == (holders == {holder})


def test_every_key_of_the_table_would_be_accepted() -> None:
    for entry in ACTIONS:
        for keys in sequences(entry.shortcut):
            assert why_not(keys) == "", entry.id


def test_changed_keys_are_read_as_written(tmp_path: Path) -> None:
    settings = Settings().with_keys({"quit": "F2", "undo": "", "redo": None})
    assert settings.keys == {"quit": "F2", "undo": ""}
    assert settings.with_keys({"quit": None, "undo": None}).shortcuts == ()
    write_settings(tmp_path / "s.json", settings)
    assert read_settings(tmp_path / "s.json") == (settings, ())


def test_a_button_says_its_keys_aloud(qtbot: QtBot) -> None:
    button = KeyButton("Open")
    qtbot.addWidget(button)
    button.set_keys("Ctrl+O; F2")
    assert button.accessibleName() == f"Open: {button.text()}"
    assert "F2" in button.text()
