"""Which configuration is looked at on all sides, what it wins and loses, and which pictures of it are shown alone."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from app.configuring.cards import steps_of
from app.drawing.answer_card import Step
from app.drawing.readout import Line
from app.forms.widgets import label
from app.reading.configurations import LOST, WON, Reading
from app.theme import Theme


class ChosenBar(QWidget):
    """A list of configurations, a menu of pictures, words for what is chosen, and the sizes of its maps below.

    Parameters
    ----------
    pictures
        Opens the menu.
    """

    configuration_chosen = Signal(int)

    def __init__(self, theme: Theme, pictures: QToolButton) -> None:
        super().__init__()
        self.names = QComboBox()
        self.names.setAccessibleName("Configuration")
        self.names.setToolTip("Configuration that is looked at")
        self.names.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.names.activated.connect(self.configuration_chosen)
        self.pictures = pictures
        self.words = Line(theme)
        self.strip = Line(theme)
        self.title = label("Look at", "soft")
        layout = QHBoxLayout()
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        for item in (self.title, self.names, self.pictures):
            layout.addWidget(item)
        layout.addWidget(self.words, 1)
        both = QVBoxLayout(self)
        both.setContentsMargins(12, 4, 8, 0)
        both.setSpacing(0)
        both.addLayout(layout)
        both.addWidget(self.strip)

    def show_nothing(self) -> None:
        """Show that there is nothing to choose from."""
        self._set_shown(False)
        self.words.say("")
        self.strip.say("")

    def show_names(self, names: Sequence[str], own: str = "plain") -> None:
        """List other configurations; the first is the network as it is, or what `own` says."""
        self.names.clear()
        self.names.addItems([f"{name} ({own})" if not number else name for number, name in enumerate(names)])

    def show_look(self, reading: Reading, number: int, untried: str = "") -> None:
        """Show what is looked at, and what is selected without having been tried by the run."""
        self._set_shown(True)
        self.names.setCurrentIndex(number)
        self.pictures.setEnabled(reading.labelled)
        words = [f"{untried} is selected, which this run has not tried"] if untried else []
        if reading.labelled and number:
            kinds = reading.kinds[:, number]
            words = [f"pictures won: {int((kinds == WON).sum()):,}", f"lost: {int((kinds == LOST).sum()):,}"]
        options = (f"{name} {reading.token(number, place)}" for place, name in enumerate(reading.points))
        self.words.say(" · ".join([*words, *options]))
        self.strip.say(strip_words(steps_of(reading, number), reading.own))

    def _set_shown(self, shown: bool) -> None:
        for item in (self.title, self.names, self.pictures, self.strip):
            item.setVisible(shown)


def strip_words(steps: tuple[Step, ...], own: str) -> str:
    """Say how large the map is after each point, and beside it of what size it is in the network as it is."""
    parts = []
    for step in steps:
        words = f"{step.name} {_size(step.size)}"
        parts.append(words if step.size == step.plain else f"{words} ({own} {_size(step.plain)})")
    return "Maps after each point: " + " → ".join(parts)


def _size(size: tuple[int, int]) -> str:
    return "×".join(str(side) for side in size)
