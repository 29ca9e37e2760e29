"""What the pages have in common: one claim in words above, keys and values below."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QSplitter, QWidget

from app.forms.side_page import SidePage, definitions
from app.reading.sharing import Projected, Trained
from app.reading.sharing_comparison import SecondSharing
from app.theme import Theme


@dataclass(frozen=True, slots=True)
class Look:
    """What is looked at, the same on all pages.

    Attributes
    ----------
    ratio
        Name of a size N / M, "" for the one nearest to 0.2.
    layer
        Selected layer, "" for none.
    run
        Network whose training is shown, -1 for the newest.
    count
        Degrees of freedom that are counted: "total", or "shared" for those of the ring alone.
    value
        "error" or "cosine".
    likeness
        "correlation", "overlap" or "gradients".
    """

    ratio: str = ""
    layer: str = ""
    run: int = -1
    count: str = "total"
    value: str = "error"
    likeness: str = "correlation"


class Page(SidePage):
    """One side of sharing.

    Parameters
    ----------
    name
        Accessible name.
    """

    layer_chosen = Signal(str)

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__(theme, name)
        self.projected: Projected | None = None
        self.trained: Trained | None = None
        self.second: SecondSharing | None = None
        """The network that is compared with, set before runs are shown; None for nothing."""
        self.look = Look()
        self.why_not = ""
        """Why the second network is not drawn here although it was measured, "" if it is."""

    def show_runs(self, projected: Projected | None, trained: Trained | None, look: Look) -> None:
        """Show runs; called whenever anything of them, or what is looked at, may have changed."""
        self.projected, self.trained, self.look, self.why_not = projected, trained, look, ""
        self.refresh()

    def refresh(self) -> None:
        """Draw. Nothing by default."""

    def define(self, *names: str) -> None:
        """Say what is drawn when the legend is pointed at."""
        self.legend.setToolTip(definitions(*names))


def stacked(above: QWidget, below: QWidget, heights: tuple[int, int]) -> QSplitter:
    """Put two plots on top of each other, with a line between them that can be dragged."""
    halves = QSplitter(Qt.Orientation.Vertical)
    halves.setHandleWidth(3)
    halves.setChildrenCollapsible(False)
    halves.addWidget(above)
    halves.addWidget(below)
    halves.setSizes(list(heights))
    return halves
