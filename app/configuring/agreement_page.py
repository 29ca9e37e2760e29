"""How alike the answers of two configurations are."""

from __future__ import annotations

import numpy as np

from analysis.measures import selection
from app.configuring.page import Page
from app.drawing.answer_matrix import FramedMatrix
from app.drawing.matrix import Cells
from app.drawing.readout import Entry, Key
from app.reading import numbers
from app.reading.configuration_order import chain
from app.reading.configurations import Look, Reading
from app.reading.depth import Floats, Ints
from app.theme import Theme


class AgreementPage(Page):
    """Configurations x configurations, similar ones beside each other."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Agreement")
        self.matrix = FramedMatrix(theme, "Agreement", "share of equal answers", "configuration")
        self.body.addWidget(self.matrix, 1)
        self._read: Reading | None = None
        self._alike: Floats = np.empty((0, 0))
        self._order: Ints = np.empty(0, dtype=np.int64)
        self._least = 0.0
        self.define(self.matrix, "agreement", "double_fault")
        self.matrix.cell_clicked.connect(lambda row, column: self.configuration_chosen.emit(int(self._order[column])))
        self.matrix.cell_hovered.connect(self._hover)

    def refresh(self, reading: Reading, look: Look) -> None:
        """Draw all pairs."""
        if self._read is not reading:
            self._read = reading
            self._alike = selection.agreement(reading.prediction)
            self._order = chain(self._alike)
            self._least = float(self._alike.min())
            shown = self._alike[np.ix_(self._order, self._order)]
            span = 1.0 - self._least or 1.0
            names = tuple(reading.names[number] for number in self._order)
            self.matrix.show_cells(Cells(np.maximum((shown - self._least) / span, 1e-9), 1.0), names, names)
        at = int(np.flatnonzero(self._order == look.configuration)[0])
        self.matrix.frame(((0, at, "accent"),), pinned=True)
        theme = self.theme
        keys = (
            Key("bar", numbers.percent(self._least), theme.heat(0.0)),
            Key("bar", "all answers equal", theme.heat(1.0)),
            Key("frame", "network as it is, pinned", theme.color("text")),
        )
        self.legend.show_keys(keys)
        self.claim.say(claim(reading, self._alike))

    def _hover(self, row: int, column: int) -> None:
        reading = self.reading
        if reading is None or row < 0:
            self.told.emit("", ())
            return
        one, other = int(self._order[row]), int(self._order[column])
        found = [Entry("equal answers", numbers.percent(float(self._alike[one, other])), "rank")]
        if reading.labelled:
            fault = selection.double_fault(reading.correct, one, other)
            found.append(Entry("both wrong", numbers.percent(fault), "bundles"))
        self.told.emit(f"{reading.names[one]} and {reading.names[other]}", tuple(found))


def claim(reading: Reading, alike: Floats) -> str:
    """Say in one line how alike the answers are."""
    if len(alike) < 2:
        return "There is one configuration only."
    others = alike[0, 1:]
    least = 1 + int(np.argmin(others))
    pairs = alike[np.triu_indices(len(alike), 1)]
    return (
        f"Two configurations answer {numbers.percent(float(pairs.mean()))} of the pictures alike · "
        f"least like the {reading.own_network}: {reading.names[least]}, {numbers.percent(float(others.min()))}"
    )
