"""One side of a tab: a claim in words above, what is drawn, keys below. The larger tabs are made of them."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.drawing.legend import Legend
from app.drawing.readout import Line
from app.reading.glossary import TERMS
from app.theme import Theme


class SidePage(QWidget):
    """A claim, a body for what is drawn, and a legend.

    Parameters
    ----------
    name
        Accessible name.
    """

    told = Signal(str, object)
    """Heading and entries for the line of values; "" and () for nothing."""

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__()
        self.theme = theme
        self.setAccessibleName(name)
        self.claim = Line(theme, "text", "text")
        self.legend = Legend(theme, wrap=True)
        self.body = QVBoxLayout()
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(0)
        self.claim_row = QHBoxLayout()
        self.claim_row.setContentsMargins(12, 4, 8, 4)
        self.claim_row.setSpacing(8)
        self.claim_row.addWidget(self.claim, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(self.claim_row)
        layout.addLayout(self.body, 1)
        layout.addWidget(self.legend)


def definitions(*names: str) -> str:
    """One line for each term: what it is called, and what it means."""
    return "\n".join(f"{TERMS[name].title}: {TERMS[name].definition}" for name in names)
