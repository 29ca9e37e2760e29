"""How alike the answers of two configurations are."""

from __future__ import annotations

import numpy as np

from analysis.measures import selection
from app.configuring.page import Page
from app.drawing.answer_matrix import FramedMatrix
from app.drawing.legend import Key
from app.drawing.matrix import Cells
from app.drawing.readout import Entry
from app.drawing.signed_matrix import SignedCells, difference_keys, largest
from app.forms.difference import DifferenceSwitch
from app.reading import numbers
from app.reading.configuration_comparison import SecondConfigurations, both
from app.reading.configuration_order import chain
from app.reading.configurations import Look, Reading
from app.reading.depth import Floats, Ints
from app.theme import Theme


class AgreementPage(Page):
    """Configurations x configurations, similar ones beside each other."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Agreement")
        self.matrix = FramedMatrix(theme, "Agreement", "share of equal answers", "configuration")
        self.switch = DifferenceSwitch(self._again)
        self.claim_row.addWidget(self.switch)
        self.body.addWidget(self.matrix, 1)
        self._read: Reading | None = None
        self._theirs: tuple[SecondConfigurations | None, Floats] = (None, np.empty((0, 0)))
        self._alike: Floats = np.empty((0, 0))
        self._order: Ints = np.empty(0, dtype=np.int64)
        self._least = 0.0
        self._drawn: tuple[object, ...] = ()
        self.define(self.matrix, "agreement", "double_fault")
        self.matrix.cell_clicked.connect(lambda row, column: self.configuration_chosen.emit(int(self._order[column])))
        self.matrix.cell_hovered.connect(self._hover)

    def _again(self) -> None:
        if self.reading is not None:
            self.refresh(self.reading, self.look)

    def refresh(self, reading: Reading, look: Look) -> None:
        """Draw all pairs."""
        self._take_second()
        if self._read is not reading:
            self._read = reading
            self._alike = selection.agreement(reading.prediction)
            self._order = chain(self._alike)
            self._least = float(self._alike.min())
        drawn = (reading, self.other if self.switch.on else None)
        if drawn != self._drawn:
            self._drawn = drawn
            names = tuple(reading.names[number] for number in self._order)
            self.matrix.show_cells(self._cells(), names, names)
        at = int(np.flatnonzero(self._order == look.configuration)[0])
        self.matrix.frame(((0, at, "accent"),), pinned=True)
        theme = self.theme
        keys: tuple[Key, ...] = (
            Key("bar", numbers.percent(self._least), theme.heat(0.0)),
            Key("bar", "all answers equal", theme.heat(1.0)),
            Key("frame", f"{reading.own_network}, pinned", theme.color("text")),
        )
        if self.switch.on:
            words = f"{100 * largest(self._alike - self._theirs[1]):.1f} points"
            keys = (*difference_keys(theme, self.switch.name, f"{words} less", f"{words} more"), keys[-1])
        self.legend.show_keys(keys)
        self.claim.say(claim(reading, self._alike))

    def _take_second(self) -> None:
        """Work out the agreement of the second network's configurations once, and offer the difference."""
        other = self.other
        if self._theirs[0] is not other:
            self._theirs = (other, second_agreement(other) if other is not None else np.empty((0, 0)))
        known = np.isfinite(self._theirs[1]).sum() > 1
        self.why_not = "it was tried with other configurations" if other is not None and not known else ""
        self.switch.offer(other.name if other is not None and known else "")

    def _cells(self) -> Cells:
        """Agreement from the least on, or how much more it is here than in the second network."""
        order = np.ix_(self._order, self._order)
        if self.switch.on:
            values = self._alike - self._theirs[1]
            return SignedCells(values[order], largest(values))
        span = 1.0 - self._least or 1.0
        return Cells(np.maximum((self._alike[order] - self._least) / span, 1e-9), 1.0)

    def _hover(self, row: int, column: int) -> None:
        reading = self.reading
        if reading is None or row < 0:
            self.told.emit("", ())
            return
        one, other = int(self._order[row]), int(self._order[column])
        ours = float(self._alike[one, other])
        found = [Entry("equal answers", numbers.percent(ours), "rank", term="agreement")]
        if self.other is not None and self._theirs[1].size:
            words = both(ours, float(self._theirs[1][one, other]))
            found += [Entry(self.other.name, words, "outline", term="compared")] if words else []
        if reading.labelled:
            fault = selection.double_fault(reading.correct, one, other)
            found.append(Entry("both wrong", numbers.percent(fault), "bundles", term="double_fault"))
        self.told.emit(f"{reading.names[one]} and {reading.names[other]}", tuple(found))


def second_agreement(other: SecondConfigurations) -> Floats:
    """Return the share of equal answers in a second network, (configuration, configuration) of the shown run."""
    alike, there = selection.agreement(other.reading.prediction), other.columns >= 0
    found = np.full((len(there), len(there)), np.nan)
    columns = other.columns[there]
    found[np.ix_(there, there)] = alike[np.ix_(columns, columns)]
    return found


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
