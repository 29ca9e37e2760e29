"""The one undoable command: replace the edits by others."""

from __future__ import annotations

from PySide6.QtGui import QUndoCommand

from analysis.edits import Edits
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
        self._workspace = workspace
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
