"""Named configurations: keep the present one, return to another, or draw any number of them over the profile."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLineEdit, QMenu, QWidget, QWidgetAction

from app.forms.menus import add_choice
from app.widening.editing import Editing, Surgery, surgery_of
from app.widening.profile_page import ProfilePage

ORIGINAL = "original widths"


class SnapshotMenu(QMenu):
    """Snapshots of the configuration, filled when it opens.

    Attributes
    ----------
    kept
        Name to the widths that differ from the original.
    surgery
        Name to the channels and rules that were kept with the widths; snapshots of older workspaces have none.
    searched
        The same for what searches have found: it can be drawn over the profile, but not forgotten here.
    """

    changed = Signal()

    def __init__(self, editing: Editing, page: ProfilePage, parent: QWidget) -> None:
        super().__init__(parent)
        self.editing, self.page = editing, page
        self.kept: dict[str, dict[str, int]] = {}
        self.surgery: dict[str, Surgery] = {}
        self.searched: dict[str, dict[str, int]] = {}
        self.aboutToShow.connect(self.fill)

    def fill(self) -> None:
        """Offer what has been kept."""
        self.clear()
        self._offer_name()
        self.addAction("Keep this configuration", self.keep)
        self.addSection("Return to")
        self.addAction("original", lambda: self.editing.put({}, ORIGINAL))
        for name in self.kept:
            self.addAction(name, partial(self.go_back, name))
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
        self.surgery[name] = surgery_of(self.editing.workspace.edits)
        self.changed.emit()

    def go_back(self, name: str) -> None:
        """Return to a snapshot in one step: its widths, and its channels and rules where it has them."""
        self.editing.put(self.kept[name], f"snapshot {name}", self.surgery.get(name))

    def forget(self, name: str) -> None:
        """Throw a snapshot away."""
        self.kept.pop(name, None)
        self.surgery.pop(name, None)
        self.page.show_reference(name, None)
        self.changed.emit()

    def state(self) -> dict[str, Any]:
        """Return all snapshots: widths, channels, rules."""
        return {
            name: {"widths": widths, **(asdict(self.surgery[name]) if name in self.surgery else {})}
            for name, widths in self.kept.items()
        }

    def restore(self, kept: Any) -> None:
        """Take over snapshots of a workspace file, also of an older one, which kept widths alone.

        What is no configuration is ignored.
        """
        if not isinstance(kept, dict):
            return
        known = {str(name): plain for name, plain in kept.items() if isinstance(plain, dict)}
        whole = {name: plain for name, plain in known.items() if isinstance(plain.get("widths"), dict)}
        self.kept = {name: _widths(whole[name]["widths"] if name in whole else plain) for name, plain in known.items()}
        self.surgery = {name: _surgery(plain) for name, plain in whole.items() if "keep" in plain}


def _surgery(plain: dict[Any, Any]) -> Surgery:
    pairs = plain.get("channels")
    channels = tuple(
        (str(pair[0]), str(pair[1]))
        for pair in (pairs if isinstance(pairs, (list, tuple)) else ())
        if isinstance(pair, (list, tuple)) and len(pair) == 2
    )
    return Surgery(channels, str(plain.get("keep", "")), str(plain.get("widen", "")))


def _widths(plain: dict[Any, Any]) -> dict[str, int]:
    return {str(name): width for name, width in plain.items() if isinstance(width, int) and width > 0}
