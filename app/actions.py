"""The table of actions: menus, toolbar, shortcut list and search are made from it.

:class:`app.slots.Slots` has a slot of the same name for every action.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu

from app.keys import native, portable, sequences, use_inside


@dataclass(frozen=True, slots=True)
class Action:
    """One thing a user can do.

    Attributes
    ----------
    id
        Name of its slot.
    text
        Words of the menu entry, without mnemonics.
    menu
        Menu it stands in; one of :data:`MENUS`.
    shortcut
        Portable key text such as "Ctrl+O"; several are separated as in :data:`app.keys.BETWEEN`.
    icon
        File below `resources/icons`, without its suffix.
    help
        One line for the status bar, the search and the shortcut list.
    check
        True for a switch.
    starts_group
        True to draw a line above it.
    """

    id: str
    text: str
    menu: str
    shortcut: str = ""
    icon: str = ""
    help: str = ""
    check: bool = False
    starts_group: bool = False


MENUS = ("File", "Edit", "View", "Measure", "Help")

ACTIONS = (
    Action("open_file", "Open…", "File", "Ctrl+O", "open", "A network, weights, pictures, a run or a workspace"),
    Action("open_folder", "Open folder…", "File", "Ctrl+Shift+O", "folder", "Pictures, checkpoints or a run"),
    Action("choose_model", "Choose network…", "File", "Ctrl+M", "network", "By name or file, with its weights"),
    Action("choose_images", "Choose pictures…", "File", "Ctrl+I", "images", "Pictures, preprocessing and class names"),
    Action("choose_device", "Choose device…", "File", "Ctrl+D", "device", "Device, precision and threads"),
    Action("open_demo", "Open the demo", "File", "", "demo", "A small trained network and its pictures"),
    Action("save_workspace", "Save workspace", "File", "Ctrl+S", "save", "", starts_group=True),
    Action("save_workspace_as", "Save workspace as…", "File", "Ctrl+Shift+S"),
    Action("export_figure", "Export figure…", "File", "Ctrl+E", "export", "What the view shows, as PDF, SVG or PNG"),
    Action("copy_picture", "Copy picture", "File", "Ctrl+Shift+C", "copy", "The view in front, to the clipboard"),
    Action("close_model", "Close network", "File", "Ctrl+W", "", "Back to the start page"),
    Action("quit", "Quit", "File", "Ctrl+Q", starts_group=True),
    Action("undo", "Undo", "Edit", "Ctrl+Z", "undo"),
    Action("redo", "Redo", "Edit", "Ctrl+Shift+Z; Ctrl+Y", "redo"),
    Action("show_history", "Edit history", "Edit", "Ctrl+H", "history", "Every edit; click one to go back to it"),
    Action(
        "step_back", "Selection before", "Edit", "Alt+Left", "back", "Back to the selection before", starts_group=True
    ),
    Action("step_forward", "Selection after", "Edit", "Alt+Right", "forward", "Forward to what was selected then"),
    Action("come_back", "Back to the view before", "Edit", "", "", "After a double click; Escape does the same"),
    Action("clear_selection", "Clear selection", "Edit", "Ctrl+Shift+A"),
    Action("show_palette", "Find anything…", "Edit", "Ctrl+Shift+P", "search", "Actions, layers, runs and methods"),
    Action("show_settings", "Settings", "Edit", "Ctrl+,", "settings", "Colours, device, folders, autosave, keys"),
    Action("show_layers", "Layers", "View", "Ctrl+1", "layers", "", check=True),
    Action("show_graph", "Graph", "View", "Ctrl+6", "network", "The architecture; blocks fold", check=True),
    Action("show_inspector", "Inspector", "View", "Ctrl+2", "inspector", "", check=True),
    Action("show_runs", "Runs", "View", "Ctrl+3", "runs", "Queue and history", check=True),
    Action("show_log", "Log", "View", "Ctrl+4", "log", "", check=True),
    Action("show_setup", "Network, pictures, device", "View", "Ctrl+5", "settings", "", check=True),
    Action("compare_with", "Compare with…", "View", "", "", "A run of another network, behind this one in every view"),
    Action("next_view", "Next view", "View", "Ctrl+PgDown", starts_group=True),
    Action("previous_view", "View before", "View", "Ctrl+PgUp"),
    Action("larger_text", "Larger text", "View", "Ctrl++; Ctrl+=", "", "", starts_group=True),
    Action("smaller_text", "Smaller text", "View", "Ctrl+-"),
    Action("normal_text", "Normal text", "View", "Ctrl+0"),
    Action(
        "theme_system", "Colours of the system", "View", "", "", "Theme of the system", check=True, starts_group=True
    ),
    Action("theme_light", "Light colours", "View", "", "", "The light theme", check=True),
    Action("theme_dark", "Dark colours", "View", "", "", "The dark theme", check=True),
    Action("restore_layout", "Restore default layout", "View", starts_group=True),
    Action("first_look", "First look", "Measure", "F5", "play", "Rank and accuracy on a small stratified sample"),
    Action("measure_again", "Measure again", "Measure", "Shift+F5", "restart", "The last run once more"),
    Action("cancel_run", "Cancel run", "Measure", "Ctrl+.", "stop", "Stop the current run at its next step"),
    Action("show_rank_lab", "Rank lab", "Measure", "", "", "Random layers; needs no network and no pictures"),
    Action("restart_engine", "Restart engine", "Measure", "", "restart", "End what it computes, and start anew"),
    Action("choose_runs_folder", "Folder of runs…", "Measure", "", "folder", "Where results are written"),
    Action("update_live", "Measure after every edit", "Measure", "", "", "Half a second after an edit", check=True),
    Action("show_shortcuts", "Keyboard shortcuts", "Help", "F1", "keyboard"),
    Action("show_definitions", "What the numbers mean", "Help", "", "info", "Definition, formula, source, limits"),
    Action("copy_diagnostics", "Copy diagnostics", "Help", "", "copy", "Versions, devices and the end of the log"),
    Action("about", "About LayerScope", "Help"),
)

SLOTS = tuple(action.id for action in ACTIONS)


Keys = Mapping[str, str]
"""Action to the keys that a user has given it, written as in the table; only those that differ from it."""


def keys_of(entry: Action, own: Keys) -> str:
    """Return the keys of an action as portable text, "" for none."""
    return own.get(entry.id, entry.shortcut)


def taken_by(keys: str, own: Keys, but: str = "") -> Action | None:
    """Return the action that a key sequence belongs to, leaving out the action `but`."""
    wanted = portable(keys)
    return next((e for e in ACTIONS if e.id != but and wanted in map(portable, sequences(keys_of(e, own)))), None)


def why_not(keys: str) -> str:
    """Say why a key sequence cannot be a shortcut, "" if it can."""
    sequence = QKeySequence(keys)
    if sequence.isEmpty():
        return "These keys are not known."
    first = sequence[0]  # type: ignore[index]  # the stubs of PySide6 leave this operator out
    key, held = first.key(), first.keyboardModifiers()
    strong = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier
    if not held & strong and not Qt.Key.Key_F1 <= key <= Qt.Key.Key_F35:
        return f"{native(keys)} alone would act while you type or move about: hold Ctrl or Alt, or use a function key."
    of_table = {portable(one) for entry in ACTIONS for one in sequences(entry.shortcut)}
    use = "" if portable(keys) in of_table else use_inside(keys)
    return f"{native(keys)} {use}, and would no longer do so: choose other keys." if use else ""


def put_keys(actions: dict[str, QAction], own: Keys) -> None:
    """Give every action its keys; menus and tool tips follow."""
    for entry in ACTIONS:
        keys = keys_of(entry, own)
        actions[entry.id].setShortcuts([QKeySequence(one) for one in sequences(keys)])
        actions[entry.id].setToolTip(_tip(entry, keys))


def make_actions(window: QMainWindow, slots: QObject) -> dict[str, QAction]:
    """Make the Qt action of every entry of the table and connect it to the slot of the same name.

    Parameters
    ----------
    window
        Owner of the actions.
    slots
        Has a slot for each.
    """
    made = {}
    for entry in ACTIONS:
        action = QAction(entry.text, window)
        action.setObjectName(entry.id)
        action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        action.setCheckable(entry.check)
        action.setStatusTip(entry.help)
        slot = getattr(slots, entry.id)
        # A switch says on or off, everything else nothing: `triggered` would pass a stray False.
        action.triggered.connect(slot if entry.check else lambda _checked=False, call=slot: call())
        window.addAction(action)
        made[entry.id] = action
    put_keys(made, {})
    return made


def put_icons(actions: dict[str, QAction], put: Callable[[QAction, str], None]) -> None:
    """Put the icons on; after the first paint is early enough, since menus are closed until then."""
    for entry in ACTIONS:
        if entry.icon:
            put(actions[entry.id], entry.icon)


def _tip(entry: Action, keys: str) -> str:
    words = entry.help or entry.text.rstrip("…")
    return f"{words} ({first_keys(keys)})" if keys else words


def first_keys(keys: str) -> str:
    """Write the first key sequence of an action as this system does, "" for none."""
    return native(next(iter(sequences(keys)), ""))


def fill_menus(window: QMainWindow, actions: dict[str, QAction]) -> dict[str, QMenu]:
    """Put the actions into the window's menu bar, in the order of the table."""
    menus = {name: window.menuBar().addMenu(name) for name in MENUS}
    for entry in ACTIONS:
        if entry.starts_group:
            menus[entry.menu].addSeparator()
        menus[entry.menu].addAction(actions[entry.id])
    return menus
