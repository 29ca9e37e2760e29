"""A button that shows keys and takes new ones as they are pressed."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QPushButton

from app.keys import native, sequences

ALONE = (Qt.Key.Key_Control, Qt.Key.Key_Shift, Qt.Key.Key_Alt, Qt.Key.Key_Meta, Qt.Key.Key_AltGr)
WAITING = "Press keys…"


class KeyButton(QPushButton):
    """Shows the keys of an action; after a click it waits for others.

    Escape keeps the keys, Backspace and Delete take them away.

    Parameters
    ----------
    name
        What the keys do, for screen readers.
    """

    pressed_keys = Signal(str)
    """New keys as portable text, "" for none."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name, self._keys = name, ""
        self.waiting = False
        self.setProperty("role", "flat")
        self.setToolTip("Click, then press the new keys; Backspace for none, Escape to leave it")
        self.clicked.connect(self.wait)
        self._say()

    def set_keys(self, keys: str) -> None:
        """Show keys as they stand in the table of actions."""
        self._keys = keys
        self.waiting = False
        self._say()

    def wait(self) -> None:
        """Take the next keys that are pressed."""
        self.waiting = True
        self.setFocus()
        self._say()

    def _say(self) -> None:
        words = "\n".join(native(one) for one in sequences(self._keys))
        self.setText(WAITING if self.waiting else words or "none")
        self.setAccessibleName(f"{self._name}: {self.text()}")

    def event(self, event: QEvent) -> bool:
        """Take every key while waiting, also those that are shortcuts of the window."""
        if self.waiting and isinstance(event, QKeyEvent):
            if event.type() == QEvent.Type.ShortcutOverride:
                event.accept()
                return True
            if event.type() == QEvent.Type.KeyPress:
                self._take(event)
                return True
        return super().event(event)

    def _take(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        if key in ALONE or key == Qt.Key.Key_unknown:
            return
        self.waiting = False
        self._say()
        plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
        if plain and key == Qt.Key.Key_Escape:
            return
        if plain and key in (Qt.Key.Key_Backspace, Qt.Key.Key_Delete):
            self.pressed_keys.emit("")
            return
        sequence = QKeySequence(event.keyCombination())
        self.pressed_keys.emit(sequence.toString(QKeySequence.SequenceFormat.PortableText))

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Stop waiting when something else gets the keyboard."""
        super().focusOutEvent(event)
        if self.waiting:
            self.waiting = False
            self._say()
