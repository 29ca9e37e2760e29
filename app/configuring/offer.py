"""A button for a measurement that would stand beside what is shown, or the reason why there can be none."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.drawing.readout import Line
from app.forms.widgets import button
from app.theme import Theme


class Offer(QWidget):
    """One row, hidden while there is nothing to offer.

    Parameters
    ----------
    words
        What the button says.
    act
        What it does.
    """

    def __init__(self, theme: Theme, words: str, act: Callable[[], None]) -> None:
        super().__init__()
        self.words = words
        self.button = button(words, act)
        self.why = Line(theme)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 0, 8, 4)
        layout.addWidget(self.button)
        layout.addWidget(self.why, 1)
        self.setVisible(False)

    def show_state(self, wanted: bool, why_not: str, go_on: str = "") -> None:
        """Offer it if it is wanted, or to go on with one that ended early, or say why it cannot be measured."""
        self.button.setVisible(not why_not)
        self.button.setText("Go on" if go_on else self.words)
        self.why.say(why_not or go_on)
        self.why.setVisible(bool(self.why.text))
        self.setVisible(wanted)
