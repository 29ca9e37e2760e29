"""A switch for matrices: their colours show how much more is here than in the network that is compared with."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QToolButton

SHORT = 28
"""Letters of a name that fit on the button."""


class DifferenceSwitch(QToolButton):
    """There only while the network that is compared with has the same to show.

    Parameters
    ----------
    changed
        Called after the user has pressed it.
    """

    def __init__(self, changed: Callable[[], object]) -> None:
        super().__init__()
        self.name = ""
        self.setCheckable(True)
        self.toggled.connect(lambda _on: changed())
        self._make_room()
        self.hide()

    def offer(self, name: str) -> None:
        """Offer the difference from a network; "" ends it."""
        self.name = name
        self.setVisible(bool(name))
        short = name if len(name) <= SHORT else f"{name[: SHORT - 1]}…"
        self.setText(f"Difference from {short}")
        self.setAccessibleName(f"Difference from {name}")
        self.setToolTip(f"Colours: how much more it is here than in {name}")
        if not name and self.isChecked():
            self.blockSignals(True)
            self.setChecked(False)
            self.blockSignals(False)

    def changeEvent(self, event: QEvent) -> None:
        """Make room for a larger font."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._make_room()

    def _make_room(self) -> None:
        """Be no higher than the line it stands in needs: plots below keep their room."""
        self.setFixedHeight(self.fontMetrics().height() + 10)

    @property
    def on(self) -> bool:
        """True if the difference is to be shown."""
        return bool(self.name) and self.isChecked()
