"""Which configuration is looked at on all sides, what it wins and loses, and which pictures of it are shown alone."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QToolButton, QWidget

from app.drawing.readout import Line
from app.forms.widgets import label
from app.reading.configurations import LOST, WON, Reading
from app.theme import Theme


class ChosenBar(QWidget):
    """A list of configurations, a menu of pictures, and words for what is chosen.

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
        self.title = label("Look at", "soft")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 4, 8, 0)
        layout.setSpacing(8)
        for item in (self.title, self.names, self.pictures):
            layout.addWidget(item)
        layout.addWidget(self.words, 1)

    def show_nothing(self) -> None:
        """Show that there is nothing to choose from."""
        self._set_shown(False)
        self.words.say("")

    def show_names(self, names: Sequence[str]) -> None:
        """List other configurations; the first is the network as it is."""
        self.names.clear()
        self.names.addItems([f"{name} (plain)" if not number else name for number, name in enumerate(names)])

    def show_look(self, reading: Reading, number: int) -> None:
        """Show what is looked at."""
        self._set_shown(True)
        self.names.setCurrentIndex(number)
        self.pictures.setEnabled(reading.labelled)
        words = []
        if reading.labelled and number:
            kinds = reading.kinds[:, number]
            words = [f"pictures won: {int((kinds == WON).sum()):,}", f"lost: {int((kinds == LOST).sum()):,}"]
        options = (f"{name} {reading.token(number, place)}" for place, name in enumerate(reading.points))
        self.words.say(" · ".join([*words, *options]))

    def _set_shown(self, shown: bool) -> None:
        for item in (self.title, self.names, self.pictures):
            item.setVisible(shown)
