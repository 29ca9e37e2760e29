"""Keys that panels and plots have by themselves: what they do there, and why no action can take them."""

from __future__ import annotations

from PySide6.QtGui import QKeySequence

BETWEEN = "; "
"""Stands between the key sequences of one action, as Qt writes them: names of keys may hold spaces."""

PANEL_KEYS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "Everywhere",
        (
            ("Tab", "Next field; what has the keyboard is marked"),
            ("Escape", "Back to the view before a double click"),
            ("Shift+F10", "Menu of what has the keyboard"),
            ("Enter", "Definition of the name that has the keyboard"),
            ("← →", "From heading to heading of a table"),
            ("Side buttons", "Selection before and after, with the mouse"),
        ),
    ),
    (
        "Plots",
        (
            ("← →", "Layer before or after"),
            ("Shift+← →", "Add it to the selection"),
            ("↑ ↓", "From name to name; Enter opens its definition"),
            ("+ −", "Zoom in and out"),
            ("Home", "Show everything"),
            ("Wheel", "Zoom; over titles of lanes, scroll"),
            ("Drag", "Move along the axis"),
            ("Shift+drag", "Brush a range of layers"),
            ("Double click", "Go deep"),
        ),
    ),
    ("Widths", (
        ("↑ ↓", "One step wider or narrower"),
        ("Shift+↑ ↓", "A large step"),
        ("0 … 9", "Type a width"),
        ("Escape", "Select nothing"),
        ("Wheel", "Over a handle: wider or narrower"),
        ("← → ↑ ↓", "Channels: from one to the next"),
        ("Space", "Channels: drop or keep one"),
    )),
    ("Configurations", (
        ("← →", "Build: layer before or after"),
    )),
    ("Samples, Attribution", (
        ("← → ↑ ↓", "Samples: from picture to picture"),
        ("← →", "Attribution: picture before or after"),
    )),
    ("Layers", (
        ("↑ ↓", "Layer before or after"),
        ("← →", "Fold and unfold a block"),
        ("Ctrl+C", "Copy as table"),
    )),
    ("Graph", (
        ("↑ ↓", "Along the edges"),
        ("← →", "To the node beside"),
        ("+ −", "Unfold and fold"),
        ("Enter", "Unfold"),
        ("0", "Show everything"),
        ("Home End", "First and last node"),
    )),
    ("Inspector", (
        ("← → ↑ ↓", "From map to map"),
    )),
    ("Runs", (
        ("Enter", "Show the run"),
        ("F2", "Give it a name"),
        ("Delete", "Delete it; asks first"),
        ("Escape", "Keep it"),
    )),
    ("Find anything", (
        ("↑ ↓", "From entry to entry"),
        ("Enter", "Choose it"),
        ("Escape", "Close"),
    )),
    ("Help", (
        ("Alt+← →", "Page before and after"),
        ("F3", "Next place where the words occur"),
    )),
)  # fmt: skip
"""Per view or panel: keys, and what they do there."""

STANDARD = {
    "copies what is marked": (QKeySequence.StandardKey.Copy,),
    "cuts what is marked": (QKeySequence.StandardKey.Cut,),
    "pastes into fields": (QKeySequence.StandardKey.Paste,),
    "marks everything in lists and fields": (QKeySequence.StandardKey.SelectAll,),
    "deletes in fields": (
        QKeySequence.StandardKey.Delete,
        QKeySequence.StandardKey.DeleteStartOfWord,
        QKeySequence.StandardKey.DeleteEndOfWord,
    ),
    "moves about in fields and lists": (
        QKeySequence.StandardKey.MoveToNextWord,
        QKeySequence.StandardKey.MoveToPreviousWord,
        QKeySequence.StandardKey.MoveToStartOfDocument,
        QKeySequence.StandardKey.MoveToEndOfDocument,
        QKeySequence.StandardKey.SelectNextWord,
        QKeySequence.StandardKey.SelectPreviousWord,
        QKeySequence.StandardKey.SelectStartOfDocument,
        QKeySequence.StandardKey.SelectEndOfDocument,
    ),
    "goes from tab to tab": (QKeySequence.StandardKey.NextChild, QKeySequence.StandardKey.PreviousChild),
}
"""What fields, lists and tabs do by themselves, and the keys that the system has for it."""
TAKEN = {
    "F2": "gives a run its name",
    "F3": "finds the next place in the help",
    "F4": "opens a choice",
    "F10": "goes to the menus",
    "Shift+F10": "opens the menu of what has the keyboard",
    "Alt+F4": "closes the window",
    "Alt+Down": "opens a choice",
    "Alt+Up": "opens a choice",
    "Alt+Space": "opens the menu of the window",
    "Alt+Tab": "goes to another window",
    "Ctrl+Space": "marks in lists",
    "Ctrl+Up": "moves about in lists",
    "Ctrl+Down": "moves about in lists",
    "Ctrl+Home": "moves about in fields and lists",
    "Ctrl+End": "moves about in fields and lists",
}
"""Further keys that panels or the system answer, and what they do."""


def sequences(keys: str) -> list[str]:
    """Return the key sequences of an action one by one.

    Examples
    --------
    >>> sequences("Ctrl+Volume Down; F7"), sequences("")
    (['Ctrl+Volume Down', 'F7'], [])
    """
    return [one for one in keys.split(BETWEEN) if one]


def portable(keys: str) -> str:
    """Write one key sequence as Qt does: "ctrl+o" becomes "Ctrl+O"."""
    return QKeySequence(keys).toString(QKeySequence.SequenceFormat.PortableText)


def native(keys: str) -> str:
    """Write one key sequence as this system does, "" for none."""
    return QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)


def use_inside(keys: str) -> str:
    """Say what a key sequence does in panels and fields by itself, "" for nothing.

    Examples
    --------
    >>> use_inside("alt+f4"), use_inside("Ctrl+O")
    ('closes the window', '')
    """
    wanted = portable(keys)
    for words, kinds in STANDARD.items():
        if any(wanted == portable(bound.toString()) for kind in kinds for bound in QKeySequence.keyBindings(kind)):
            return words
    return TAKEN.get(wanted, "")
