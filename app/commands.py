"""What can be undone: replacing the edits of the network, and replacing the pictures or their preprocessing."""

from __future__ import annotations

import weakref

from PySide6.QtGui import QUndoCommand

from analysis.edits import Edits
from analysis.request import ImageSource
from app.workspace import Workspace


class SetEdits(QUndoCommand):
    """Replace the edits. One drag of a handle is one step back.

    Parameters
    ----------
    workspace, new, text
        Where, by what, and the words for the Edit menu.
    gesture
        Commands of one gesture (one drag) share a number > 0 and merge into one step; 0 never merges.
    """

    def __init__(self, workspace: Workspace, new: Edits, text: str, gesture: int = 0) -> None:
        super().__init__(text)
        # Weak: a ring of workspace, stack and commands would be taken apart in any order, and Qt has its own.
        self._workspace = weakref.proxy(workspace)
        self._old = workspace.edits
        self._new = new
        self._gesture = gesture

    @property
    def edits(self) -> Edits:
        """The edits after this step."""
        return self._new

    def redo(self) -> None:
        """Do it, for the first time or again."""
        self._workspace.set_edits(self._new)

    def undo(self) -> None:
        """Take it back."""
        self._workspace.set_edits(self._old)

    def id(self) -> int:
        """Return the number of the gesture: Qt tries to merge commands of equal numbers."""
        return self._gesture if self._gesture > 0 else -1

    def mergeWith(self, other: QUndoCommand) -> bool:
        """Take in a later command of the same gesture."""
        if not isinstance(other, SetEdits):
            return False
        self._new = other._new
        return True


class SetImages(QUndoCommand):
    """Replace the pictures, their preprocessing or their class names.

    Parameters
    ----------
    workspace, old, new
        Where; by what the pictures were and are described.
    """

    def __init__(self, workspace: Workspace, old: ImageSource | None, new: ImageSource | None) -> None:
        super().__init__(_words(old, new))
        self._workspace = weakref.proxy(workspace)  # as above
        self.old = old
        self.new = new

    def redo(self) -> None:
        """Do it, for the first time or again."""
        self._workspace.set_images(self.new)

    def undo(self) -> None:
        """Take it back."""
        self._workspace.set_images(self.old)


def _words(old: ImageSource | None, new: ImageSource | None) -> str:
    if new is None:
        return "close pictures"
    if old and old.location == new.location:
        return "preprocessing" if old.classes == new.classes else "class names"
    return f"pictures {new.location.replace(chr(92), '/').rstrip('/').rpartition('/')[2]}"
