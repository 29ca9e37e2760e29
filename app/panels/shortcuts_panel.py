"""All keyboard shortcuts, made from the table of actions, and how to change them."""

from __future__ import annotations

from functools import partial
from itertools import chain

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QLineEdit, QScrollArea, QToolButton, QVBoxLayout, QWidget

from app.actions import ACTIONS, MENUS, Action, keys_of, taken_by, why_not
from app.forms.key_button import KeyButton
from app.forms.widgets import GRID, button, label, row, tool
from app.keys import BETWEEN, PANEL_KEYS, native, portable, sequences
from app.settings import Preferences
from app.theme import Theme

SIDE = 12
"""Pixels at the left and right of the list."""


class ShortcutsPanel(QWidget):
    """What, and which keys; a click on the keys changes them. In a narrow panel the keys stand below their action.

    Parameters
    ----------
    theme
        Looks.
    preferences
        Where changed keys are kept; whoever has the menus listens to them.
    """

    def __init__(self, theme: Theme, preferences: Preferences) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._theme, self._preferences = theme, preferences
        self.buttons: dict[str, KeyButton] = {}
        self.resets: dict[str, QToolButton] = {}
        self._rows: list[tuple[str, tuple[QWidget, ...], int]] = []
        """Words to find a row by, its widgets, and its first place in the grid; a second place lies below it."""
        self._heads: list[tuple[QWidget, list[int]]] = []
        self._narrow, self._next = False, 0
        self._wish = ("", "")
        self.search = QLineEdit()
        self.search.setPlaceholderText("Action or keys")
        self.search.setAccessibleName("Find an action or keys")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        self.reset_all = button("Reset all", self._reset_all, tip="Give every action the keys of the first start")
        self._lay_out()
        preferences.changed.connect(self.refresh)
        self.refresh()

    # -- parts -------------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self._inner = QWidget()
        self._grid = QGridLayout(self._inner)
        self._grid.setContentsMargins(SIDE, 0, SIDE, SIDE)
        self._grid.setHorizontalSpacing(4)
        self._grid.setVerticalSpacing(2)
        for menu in MENUS:
            self._add_head(menu)
            for entry in ACTIONS:
                if entry.menu == menu:
                    self._add(entry)
        for where, entries in PANEL_KEYS:
            self._add_head(where)
            for keys, text in entries:
                self._add_fixed(keys, text)
        self._grid.setRowStretch(self._next, 1)
        self._grid.setColumnStretch(0, 1)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setAccessibleName("Keyboard shortcuts")
        self._scroll.setWidget(self._inner)
        self._inner.installEventFilter(self)
        head = row(self.search, self.reset_all)
        head.setContentsMargins(SIDE, 0, SIDE, 0)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(GRID)
        outer.addLayout(head)
        outer.addWidget(self._complaint())
        outer.addWidget(self._scroll, 1)

    def _complaint(self) -> QWidget:
        """Make the strip that says what is wrong with keys, and offers the way out."""
        self.strip = QFrame()
        self.words = label("", "error", wrap=True)
        self.take = button("Use it here", self._take_away, name="Take the keys from the other action")
        leave = button("Leave it", self._dismiss, name="Leave the keys as they are")
        box = QVBoxLayout(self.strip)
        box.setContentsMargins(SIDE, 0, SIDE, 0)
        box.setSpacing(4)
        box.addWidget(self.words)
        box.addLayout(row(self.take, leave, None))
        self.strip.hide()
        return self.strip

    def _add_head(self, title: str) -> None:
        head = label(title, "heading")
        head.setContentsMargins(0, GRID, 0, 0)
        self._grid.addWidget(head, self._next, 0, 1, 3)
        self._next += 1
        self._heads.append((head, []))

    def _add(self, entry: Action) -> None:
        words = label(entry.text.rstrip("…"), wrap=True)
        words.setToolTip(entry.help)
        keys = KeyButton(entry.text.rstrip("…"))
        keys.pressed_keys.connect(partial(self.wish, entry.id))
        reset = tool(self._theme, "undo", f"Reset {entry.text.rstrip('…')}", partial(self.reset, entry.id))
        kept = reset.sizePolicy()
        kept.setRetainSizeWhenHidden(True)
        reset.setSizePolicy(kept)
        self.buttons[entry.id], self.resets[entry.id] = keys, reset
        self._place((words, keys, reset), f"{entry.text} {entry.help}", entry.id)

    def _add_fixed(self, keys: str, text: str) -> None:
        code = label(keys, "soft")
        code.setContentsMargins(SIDE, 0, 0, 0)  # below the words of the buttons
        self._place((label(text, wrap=True), code), f"{text} {keys}", "")

    def _place(self, widgets: tuple[QWidget, ...], words: str, action: str) -> None:
        self._heads[-1][1].append(len(self._rows))
        self._rows.append((f"{words}\n{action}", widgets, self._next))
        self._put(widgets, self._next)
        self._next += 2

    def _put(self, widgets: tuple[QWidget, ...], place: int) -> None:
        """Put a row where it belongs: side by side, or the keys below the name."""
        left = Qt.AlignmentFlag.AlignLeft
        words, keys, *rest = widgets
        self._grid.addWidget(words, place, 0, 1, 3 if self._narrow else 1)
        if self._narrow:
            self._grid.addWidget(keys, place + 1, 0, 1, 2, left)
        else:
            self._grid.addWidget(keys, place, 1, 1, 1 if rest else 2, left)
        for reset in rest:
            self._grid.addWidget(reset, place + self._narrow, 2)

    # -- room --------------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put keys below their action where both do not fit side by side."""
        super().resizeEvent(event)
        self._fit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Look again when keys or the size of text have changed."""
        if event.type() == QEvent.Type.LayoutRequest:
            self._fit()
        return super().eventFilter(watched, event)

    def _fit(self) -> None:
        """Arrange the rows for the width there is; never ask for less than keys and the longest word need."""
        texts = [found.text() for _, widgets, _ in self._rows for found in widgets if isinstance(found, QLabel)]
        longest = max(self.fontMetrics().horizontalAdvance(word) for word in chain.from_iterable(map(str.split, texts)))
        keys = max(widgets[1].sizeHint().width() for _, widgets, _ in self._rows)
        reset = max(found.sizeHint().width() for found in self.resets.values()) + 4
        around = 2 * SIDE + self._scroll.verticalScrollBar().sizeHint().width()
        self._scroll.setMinimumWidth(max(longest, keys + reset) + around)
        narrow = self.width() < 1.1 * longest + keys + reset + 4 + around
        if narrow != self._narrow:
            self._narrow = narrow
            for _, widgets, place in self._rows:
                self._put(widgets, place)

    # -- showing -----------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show the keys that are in force."""
        own = self._preferences.settings.keys
        for entry in ACTIONS:
            self.buttons[entry.id].set_keys(keys_of(entry, own))
            self.resets[entry.id].setVisible(entry.id in own)
        self.reset_all.setEnabled(bool(own))

    def _filter(self) -> None:
        wanted = self.search.text().lower().split()
        own = self._preferences.settings.keys
        shown = []
        for words, widgets, _place in self._rows:
            text, _, name = words.partition("\n")
            entry = next((entry for entry in ACTIONS if entry.id == name), None)
            keys = keys_of(entry, own) if entry else ""
            is_shown = all(word in f"{text} {keys}".lower() for word in wanted)
            shown.append(is_shown)
            for widget in widgets:
                widget.setVisible(is_shown and not (widget in self.resets.values() and name not in own))
        for head, rows in self._heads:
            head.setVisible(any(shown[place] for place in rows))

    def _complain(self, text: str, way_out: bool) -> None:
        self.words.setText(text)
        self.take.setVisible(way_out)
        self.strip.show()

    def _dismiss(self) -> None:
        self._wish = ("", "")
        self.strip.hide()

    # -- changing ----------------------------------------------------------------------------------------------------

    def wish(self, action: str, keys: str) -> None:
        """Give an action other keys, or say who has them already and offer to take them."""
        self._dismiss()
        if not keys:
            self._change({action: ""})
            return
        reason = why_not(keys)
        other = taken_by(keys, self._preferences.settings.keys, but=action)
        if reason:
            self._complain(reason, way_out=False)
        elif other is not None:
            self._wish = (action, keys)
            words = f"{native(keys)} belongs to “{other.text.rstrip('…')}” already."
            self._complain(f"{words} Use it here and leave that action without, or leave it.", way_out=True)
        else:
            self._change({action: keys})

    def _take_away(self) -> None:
        action, keys = self._wish
        own = self._preferences.settings.keys
        other = taken_by(keys, own, but=action)
        changes: dict[str, str | None] = {action: keys}
        if other is not None:
            changes[other.id] = without(keys, keys_of(other, own))
        self._change(changes)

    def reset(self, action: str) -> None:
        """Give an action the keys of the table again; whoever has got them since loses them."""
        self._dismiss()
        entry = next(entry for entry in ACTIONS if entry.id == action)
        own = self._preferences.settings.keys
        changes: dict[str, str | None] = {action: None}
        for keys in sequences(entry.shortcut):
            other = taken_by(keys, own, but=action)
            if other is not None:
                changes[other.id] = without(keys, keys_of(other, own))
        self._change(changes)

    def _reset_all(self) -> None:
        self._dismiss()
        self._change(dict.fromkeys(self._preferences.settings.keys))

    def _change(self, changes: dict[str, str | None]) -> None:
        self._dismiss()
        table = {entry.id: entry.shortcut for entry in ACTIONS}
        # Keys that are those of the table again need not be kept.
        told = {name: None if keys == table.get(name) else keys for name, keys in changes.items()}
        complaint = self._preferences.replace(self._preferences.settings.with_keys(told))
        if complaint:
            self._complain(complaint, way_out=False)


def without(keys: str, of: str) -> str:
    """Return the keys of an action but for one sequence."""
    return BETWEEN.join(one for one in sequences(of) if portable(one) != portable(keys))
