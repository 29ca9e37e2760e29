"""Named configurations: keep the present one, return to another, or draw it over the profile."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMenu, QWidget

from app.forms.menus import add_choice
from app.widening.editing import Editing
from app.widening.profile_page import ProfilePage


class SnapshotMenu(QMenu):
    """Snapshots of the configuration, filled when it opens.

    Attributes
    ----------
    kept
        Name to the widths that differ from the original.
    """

    changed = Signal()

    def __init__(self, editing: Editing, page: ProfilePage, parent: QWidget) -> None:
        super().__init__(parent)
        self.editing, self.page = editing, page
        self.kept: dict[str, dict[str, int]] = {}
        self.aboutToShow.connect(self.fill)

    def fill(self) -> None:
        """Offer what has been kept."""
        self.clear()
        self.addAction("Keep this configuration", self.keep)
        self.addSection("Return to")
        self.addAction("original", lambda: self.editing.put({}, "original widths"))
        for name, widths in self.kept.items():
            self.addAction(name, partial(self.editing.put, widths, f"snapshot {name}"))
        over = self.addMenu("Draw over the profile")
        shown = self.page.reference_name
        add_choice(over, "nothing", not shown, partial(self.page.set_reference, None))
        for name, widths in self.kept.items():
            add_choice(over, name, name == shown, partial(self.page.set_reference, widths, name))
        gone = self.addMenu("Forget")
        for name in self.kept:
            gone.addAction(name, partial(self.forget, name))
        for menu in (over, gone):
            menu.setEnabled(bool(self.kept))

    def keep(self, name: str = "") -> None:
        """Keep the present configuration under a name; without one its cost is the name."""
        name = name or self.page.cost_words.split(",")[0]
        base, number = name, 2
        while name in self.kept:
            name, number = f"{base} ({number})", number + 1
        self.kept[name] = self.editing.widths
        self.changed.emit()

    def forget(self, name: str) -> None:
        """Throw a snapshot away."""
        self.kept.pop(name, None)
        if self.page.reference_name == name:
            self.page.set_reference(None)
        self.changed.emit()

    def restore(self, kept: Any) -> None:
        """Take over snapshots of a workspace file; what is no configuration is ignored."""
        if isinstance(kept, dict):
            self.kept = {str(name): _widths(widths) for name, widths in kept.items() if isinstance(widths, dict)}


def _widths(plain: dict[Any, Any]) -> dict[str, int]:
    return {str(name): width for name, width in plain.items() if isinstance(width, int) and width > 0}
