"""Named configurations: keep the present one, return to another, or draw any number of them over the profile."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLineEdit, QMenu, QWidget, QWidgetAction

from app.forms.menus import add_choice
from app.widening.editing import Editing
from app.widening.profile_page import ProfilePage

ORIGINAL = "original widths"


class SnapshotMenu(QMenu):
    """Snapshots of the configuration, filled when it opens.

    Attributes
    ----------
    kept
        Name to the widths that differ from the original.
    searched
        The same for what searches have found: it can be drawn over the profile, but not forgotten here.
    """

    changed = Signal()

    def __init__(self, editing: Editing, page: ProfilePage, parent: QWidget) -> None:
        super().__init__(parent)
        self.editing, self.page = editing, page
        self.kept: dict[str, dict[str, int]] = {}
        self.searched: dict[str, dict[str, int]] = {}
        self.aboutToShow.connect(self.fill)

    def fill(self) -> None:
        """Offer what has been kept."""
        self.clear()
        self._offer_name()
        self.addAction("Keep this configuration", self.keep)
        self.addSection("Return to")
        self.addAction("original", lambda: self.editing.put({}, ORIGINAL))
        for name, widths in self.kept.items():
            self.addAction(name, partial(self.editing.put, widths, f"snapshot {name}"))
        over = self.addMenu("Draw over the profile")
        for name, widths in {**self.kept, **self.searched}.items():
            shown = name in self.page.references
            add_choice(over, name, shown, partial(self.page.show_reference, name, None if shown else widths))
        gone = self.addMenu("Forget")
        for name in self.kept:
            gone.addAction(name, partial(self.forget, name))
        over.setEnabled(bool(self.kept or self.searched))
        gone.setEnabled(bool(self.kept))

    def _offer_name(self) -> None:
        """Put a field at the top: a name, and Enter keeps the configuration under it."""
        field = QLineEdit()
        field.setPlaceholderText(f"Name, Enter keeps ({self._own_name()})")
        field.setAccessibleName("Name of the snapshot")
        field.setMinimumWidth(250)
        field.returnPressed.connect(lambda: self._keep_named(field.text().strip()))
        action = QWidgetAction(self)
        action.setDefaultWidget(field)
        self.addAction(action)

    def _keep_named(self, name: str) -> None:
        self.keep(name)
        self.close()

    def _own_name(self) -> str:
        return self.page.cost_words.split(",")[0]

    def keep(self, name: str = "") -> None:
        """Keep the present configuration under a name; without one its cost is the name."""
        name = name or self._own_name()
        base, number = name, 2
        while name in self.kept:
            name, number = f"{base} ({number})", number + 1
        self.kept[name] = self.editing.widths
        self.changed.emit()

    def forget(self, name: str) -> None:
        """Throw a snapshot away."""
        self.kept.pop(name, None)
        self.page.show_reference(name, None)
        self.changed.emit()

    def restore(self, kept: Any) -> None:
        """Take over snapshots of a workspace file; what is no configuration is ignored."""
        if isinstance(kept, dict):
            self.kept = {str(name): _widths(widths) for name, widths in kept.items() if isinstance(widths, dict)}


def _widths(plain: dict[Any, Any]) -> dict[str, int]:
    return {str(name): width for name, width in plain.items() if isinstance(width, int) and width > 0}
