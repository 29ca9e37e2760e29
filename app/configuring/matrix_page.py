"""All pictures under all configurations: who is right where the network as it is is wrong."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter

from app.browsing.thumbnails import Thumbnails
from app.configuring.cards import PictureCard
from app.configuring.page import NO_LABELS, Page
from app.drawing.answer_matrix import Answers, FramedMatrix, kind_colors
from app.drawing.matrix import Cells
from app.drawing.readout import Entry, Key
from app.reading import numbers
from app.reading.configurations import LOST, RIGHT, WON, WRONG, Look, Reading
from app.theme import Theme

WORDS = {
    WRONG: "wrong, as the plain network is",
    RIGHT: "right, as the plain network is",
    LOST: "wrong where the plain network is right",
    WON: "right where the plain network is wrong",
}


class MatrixPage(Page):
    """The matrix at the left, the picture of the chosen cell at the right."""

    def __init__(self, theme: Theme, thumbnails: Thumbnails) -> None:
        super().__init__(theme, "Right and wrong")
        self.matrix = FramedMatrix(theme, "Correctness", "", "configuration, the plain network first, then by accuracy")
        self.card = PictureCard(theme, thumbnails)
        self._shown: tuple[object, ...] = ()
        halves = QSplitter(Qt.Orientation.Horizontal)
        halves.setHandleWidth(3)
        halves.setChildrenCollapsible(False)
        halves.addWidget(self.matrix)
        halves.addWidget(self.card)
        halves.setSizes([560, 216])
        halves.setStretchFactor(0, 1)
        self.body.addWidget(halves, 1)
        self.define(self.matrix, "correctness", "any_correct")
        self.matrix.cell_clicked.connect(self._click)
        self.matrix.cell_hovered.connect(self._hover)

    def refresh(self, reading: Reading, look: Look) -> None:
        """Draw the matrix and the card."""
        self.card.show_look(reading, look)
        if not reading.labelled:
            self.matrix.show_cells(None)
            self.matrix.set_note(NO_LABELS)
            self.claim.say("")
            self.legend.show_keys(())
            return
        self.matrix.set_note("")
        shown = (id(reading), reading.by_class)
        if shown != self._shown:
            self._shown = shown
            self._show_cells(reading)
        column = int(np.flatnonzero(reading.columns == look.configuration)[0])
        row = self._place_of(reading, look.row)
        self.matrix.frame(((row, column, "accent"),) if row >= 0 else (), pinned=True)
        self.claim.say(claim(reading))
        self._show_keys(reading)

    def _place_of(self, reading: Reading, row: int) -> int:
        if row < 0:
            return -1
        wanted, among = (reading.label[row], reading.known_classes) if reading.by_class else (row, reading.order)
        return int(np.flatnonzero(among == wanted)[0])

    def _show_cells(self, reading: Reading) -> None:
        names = tuple(reading.names[number] for number in reading.columns)
        if reading.by_class:
            classes = tuple(reading.class_name(int(number)) for number in reading.known_classes)
            self.matrix.set_title("share right of each class")
            self.matrix.show_cells(Cells(reading.shares_by_class()[:, reading.columns], 1.0), classes, names)
            return
        kinds = reading.kinds[reading.order][:, reading.columns].astype(np.float64)
        self.matrix.set_title("pictures, most often right first")
        self.matrix.show_cells(Answers(kinds, 3.0), (), names)

    def _show_keys(self, reading: Reading) -> None:
        pinned = Key("frame", "network as it is, pinned", self.theme.color("text"))
        if reading.by_class:
            ends = (Key("bar", "0", self.theme.heat(0.0)), Key("bar", "all right", self.theme.heat(1.0)))
            self.legend.show_keys((*ends, pinned))
            return
        colors = kind_colors(self.theme)
        self.legend.show_keys((*(Key("bar", WORDS[kind], colors[kind]) for kind in (RIGHT, WRONG, WON, LOST)), pinned))

    def _click(self, row: int, column: int) -> None:
        reading = self.reading
        if reading is None:
            return
        number = int(reading.columns[column])
        if reading.by_class:
            kind = int(reading.known_classes[row])
            rows = np.flatnonzero(reading.label == kind)
            self.configuration_chosen.emit(number)
            self.pictures_chosen.emit(f"class {reading.class_name(kind)}", rows)
        else:
            self.cell_chosen.emit(int(reading.order[row]), number)

    def _hover(self, row: int, column: int) -> None:
        reading = self.reading
        if reading is None or row < 0:
            self.told.emit("", ())
            return
        number = int(reading.columns[column])
        if reading.by_class:
            share = float(reading.shares_by_class()[row, number])
            name = reading.class_name(int(reading.known_classes[row]))
            self.told.emit(f"{name} · {reading.names[number]}", (Entry("right", numbers.percent(share), "widths"),))
            return
        at = int(reading.order[row])
        found = (
            Entry("label", reading.class_name(int(reading.label[at])), "text_soft"),
            Entry("answer", reading.class_name(int(reading.prediction[at, number])), "configurations"),
            Entry("", WORDS[int(reading.kinds[at, number])], "text_soft"),
            Entry("right under", f"{int(reading.right[at])} of {len(reading.names)}", "text_soft"),
        )
        self.told.emit(f"#{int(reading.places[at])} · {reading.names[number]}", found)


def claim(reading: Reading) -> str:
    """Say in one line how many pictures each kind has."""
    own, right, count = reading.correct[:, 0], reading.right, len(reading.names)
    won, never = int((~own & (right > 0)).sum()), int((right == 0).sum())
    safe, broken = int((right == count).sum()), int((own & (right < count)).sum())
    return (
        f"{safe:,} right under all · {broken:,} right plain, broken by some · {won:,} wrong plain, right under some · "
        f"{never:,} right under none"
    )
