"""What the pages have in common: one claim in words above, keys and values below."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.drawing.readout import Legend, Line
from app.reading.glossary import TERMS
from app.reading.sharing import Projected, Trained
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
        "correlation" or "overlap".
    """

    ratio: str = ""
    layer: str = ""
    run: int = -1
    count: str = "total"
    value: str = "error"
    likeness: str = "correlation"


class Page(QWidget):
    """One side of sharing.

    Parameters
    ----------
    name
        Accessible name.
    """

    told = Signal(str, object)
    """Heading and entries for the line of values; "" and () for nothing."""
    layer_chosen = Signal(str)

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__()
        self.theme = theme
        self.setAccessibleName(name)
        self.projected: Projected | None = None
        self.trained: Trained | None = None
        self.look = Look()
        self.claim = Line(theme, "text", "text")
        self.legend = Legend(theme, wrap=True)
        self.body = QVBoxLayout()
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(0)
        head = QVBoxLayout()
        head.setContentsMargins(12, 4, 8, 4)
        head.addWidget(self.claim)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addLayout(self.body, 1)
        layout.addWidget(self.legend)

    def show_runs(self, projected: Projected | None, trained: Trained | None, look: Look) -> None:
        """Show runs; called whenever anything of them, or what is looked at, may have changed."""
        self.projected, self.trained, self.look = projected, trained, look
        self.refresh()

    def refresh(self) -> None:
        """Draw. Nothing by default."""

    def define(self, *names: str) -> None:
        """Say what is drawn when the legend is pointed at."""
        self.legend.setToolTip("\n".join(f"{TERMS[name].title}: {TERMS[name].definition}" for name in names))
