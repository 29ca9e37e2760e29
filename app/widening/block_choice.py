"""Which blocks the linear rule goes through: all that were found, less those that the user leaves out."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMenu, QToolButton

from app.forms.menus import add_choice


class BlockChoice(QToolButton):
    """A button with the blocks as a list of ticks.

    Attributes
    ----------
    every
        All blocks of the network, in call order.
    left_out
        Those that the line does not go through.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.every: tuple[str, ...] = ()
        self.left_out: frozenset[str] = frozenset()
        self.setText("Blocks ▾")
        self.setAccessibleName("Blocks of the line")
        self.setToolTip("Blocks that the line goes through; those left out keep their widths")
        self.setProperty("role", "flat")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.list = QMenu(self)
        self.list.aboutToShow.connect(self._fill)
        self.setMenu(self.list)

    def show_blocks(self, every: tuple[str, ...]) -> None:
        """Offer the blocks of another network; what it does not have is no longer left out."""
        self.every = every
        self.left_out &= frozenset(every)
        kept = len(every) - len(self.left_out)
        self.setText("Blocks ▾" if not self.left_out else f"{kept} of {len(every)} blocks ▾")
        self.setEnabled(bool(every))

    def _fill(self) -> None:
        self.list.clear()
        for name in self.every:
            add_choice(self.list, name, name not in self.left_out, partial(self.flip, name))
        self.list.addSeparator()
        self.list.addAction("All blocks", partial(self.leave_out, ())).setEnabled(bool(self.left_out))

    def flip(self, name: str) -> None:
        """Leave a block out, or take it in again."""
        self.leave_out(self.left_out ^ {name})

    def leave_out(self, names: Any) -> None:
        """Leave these blocks out and no others."""
        self.left_out = frozenset(str(name) for name in names)
        self.changed.emit()
