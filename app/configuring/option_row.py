"""Options of one layer as buttons: strides, dilations, kernels; those that are not possible say why."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QWidget

from app.forms.widgets import label
from app.reading.building import Choice

FAMILIES = (("stride", "stride"), ("dil", "dilation"), ("ker", "kernel"))
WIDE, NARROW = 34, 26
MEANING = {
    "D2": "stride 2",
    "DV": "stride 2 over rows only",
    "DH": "stride 2 over columns only",
    "K1": "stride 1",
    "UH": "stride 1/2 over columns only: zeros are stuffed between samples",
    "UV": "stride 1/2 over rows only: zeros are stuffed between samples",
    "U2": "stride 1/2: zeros are stuffed between samples",
}


class OptionRow(QWidget):
    """One button per option."""

    chosen = Signal(str)
    """Word of an option; "" for the network's own."""

    def __init__(self) -> None:
        super().__init__()
        self.buttons: dict[str, QToolButton] = {}
        self._own: frozenset[str] = frozenset()
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(12, 0, 8, 4)
        self._layout.setSpacing(1)

    def show_choices(self, choices: tuple[Choice, ...]) -> None:
        """Show the options of another layer, or what has become of them."""
        if {choice.word for choice in choices} != set(self.buttons):
            self._make(choices)
        self._own = frozenset(choice.word for choice in choices if choice.own)
        for choice in choices:
            made = self.buttons[choice.word]
            made.setChecked(choice.chosen)
            made.setEnabled(not choice.why_not or choice.chosen)
            meaning = tip_of(choice)
            made.setToolTip(f"{meaning}: not possible, {choice.why_not}" if choice.why_not else meaning)
            font = made.font()
            font.setUnderline(choice.own)
            made.setFont(font)

    def _pick(self, word: str) -> None:
        self.chosen.emit("" if word in self._own else word)

    def _make(self, choices: tuple[Choice, ...]) -> None:
        while (item := self._layout.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()  # it is deleted later, and would stay in sight until then
                widget.deleteLater()
        self.buttons = {}
        for family, words in FAMILIES:
            several = [choice for choice in choices if choice.word.startswith(family)]
            if not several:
                continue
            self._layout.addWidget(label(f"{words} ", "soft"))
            for choice in several:
                made = QToolButton()
                made.setText(choice.token)
                made.setCheckable(True)
                made.setProperty("role", "flat")
                made.setAccessibleName(f"{words} {choice.token}")
                made.setFixedWidth(WIDE if family == "stride" else NARROW)
                made.clicked.connect(lambda _on, word=choice.word: self._pick(word))
                self.buttons[choice.word] = made
                self._layout.addWidget(made)
            self._layout.addSpacing(8)
        self._layout.addStretch(1)


def tip_of(choice: Choice) -> str:
    """Say in words what an option does."""
    if choice.word.startswith("stride"):
        words = MEANING.get(choice.token, choice.word)
    else:
        words = f"{'dilation' if choice.word.startswith('dil') else 'kernel side'} {choice.token}"
    return f"{words}, as the network has it" if choice.own else words
