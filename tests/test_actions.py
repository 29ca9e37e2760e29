"""The table of actions: unique, complete, every entry with a slot and a place in a menu."""

from __future__ import annotations

import inspect
from collections import Counter
from typing import Any

from PySide6.QtGui import QKeySequence

from app.actions import ACTIONS, MENUS, SLOTS
from app.keys import sequences
from app.slots import Slots
from app.theme import RESOURCES


def test_ids_are_unique() -> None:
    assert not [name for name, count in Counter(SLOTS).items() if count > 1]


def test_shortcuts_are_unique_and_understood_by_qt() -> None:
    keys = [keys for action in ACTIONS for keys in sequences(action.shortcut)]
    assert not [key for key, count in Counter(keys).items() if count > 1]
    for key in keys:
        sequence = QKeySequence(key)
        assert not sequence.isEmpty(), key
        assert sequence[0].key() != 0x01FFFFFF, key  # Qt.Key_unknown


def test_every_action_has_a_slot_that_takes_what_it_is_given() -> None:
    for action in ACTIONS:
        slot = getattr(Slots, action.id)
        arguments = [name for name in inspect.signature(slot).parameters if name != "self"]
        assert len(arguments) == (1 if action.check else 0), action.id
        assert slot.__doc__


def test_every_icon_and_menu_exists() -> None:
    for action in ACTIONS:
        assert action.menu in MENUS
        if action.icon:
            assert (RESOURCES / "icons" / f"{action.icon}.svg").is_file(), action.icon


def test_texts_read_alike() -> None:
    for action in ACTIONS:
        assert action.text[0].isupper()
        assert not action.text.endswith(("...", ".", " "))
        assert not action.help.endswith(".")


def test_window_has_all_of_them_in_its_menus_with_their_keys(window: Any) -> None:
    in_menus = {
        action.objectName()
        for menu in window.menuBar().actions()
        for action in menu.menu().actions()
        if action.objectName()
    }
    assert in_menus == set(SLOTS)
    for action in ACTIONS:
        made = window.actions_by_id[action.id]
        assert [keys.toString() for keys in made.shortcuts()] == [
            QKeySequence(k).toString() for k in sequences(action.shortcut)
        ]


def test_every_action_can_be_triggered_at_any_time(window: Any, monkeypatch: Any) -> None:
    """Nothing is open, nothing is measured: an action then does nothing, says something, or asks for a file."""
    from PySide6.QtWidgets import QFileDialog

    for name in ("getOpenFileName", "getSaveFileName"):
        monkeypatch.setattr(QFileDialog, name, lambda *args, **named: ("", ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *args, **named: "")
    for action in ACTIONS:
        if action.id not in ("quit", "open_demo"):
            slot = getattr(window.slots, action.id)
            slot(True) if action.check else slot()
    window.desk.notices.clear()
