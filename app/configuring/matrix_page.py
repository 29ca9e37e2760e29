"""All pictures under all configurations: who is right where the network as it is is wrong."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter

from analysis.measures.oracles import Floats, Integers
from app.browsing.thumbnails import Thumbnails
from app.configuring.cards import PictureCard
from app.configuring.page import NO_LABELS, Page
from app.drawing.answer_matrix import Answers, FramedMatrix, kind_colors
from app.drawing.legend import Key
from app.drawing.matrix import Cells
from app.drawing.readout import Entry
from app.drawing.signed_matrix import SignedCells, difference_keys, largest
from app.forms.difference import DifferenceSwitch
from app.reading import numbers
from app.reading.configuration_comparison import SecondConfigurations, both
from app.reading.configurations import LOST, RIGHT, UNSEEN, WON, WRONG, Look, Reading
from app.theme import Theme

WORDS = {
    WRONG: "wrong, as the {own} is",
    RIGHT: "right, as the {own} is",
    LOST: "wrong where the {own} is right",
    WON: "right where the {own} is wrong",
}
"""Words for kinds of cells; `own` is the network of configuration 0, which need not be the plain one."""


class MatrixPage(Page):
    """The matrix at the left, the picture of the chosen cell at the right."""

    def __init__(self, theme: Theme, thumbnails: Thumbnails) -> None:
        super().__init__(theme, "Right and wrong")
        self.matrix = FramedMatrix(theme, "Correctness", "", "configuration, the plain network first, then by accuracy")
        self.card = PictureCard(theme, thumbnails)
        self.card.help_wanted.connect(self.help_wanted)
        self._shown: tuple[object, ...] = ()
        self._pin = -1
        halves = QSplitter(Qt.Orientation.Horizontal)
        halves.setHandleWidth(3)
        halves.setChildrenCollapsible(False)
        halves.addWidget(self.matrix)
        halves.addWidget(self.card)
        halves.setSizes([560, 216])
        halves.setStretchFactor(0, 1)
        self.switch = DifferenceSwitch(self._again)
        self.claim_row.addWidget(self.switch)
        self.body.addWidget(halves, 1)
        self.define(self.matrix, "correctness", "any_correct")
        self.matrix.cell_clicked.connect(self._click)
        self.matrix.cell_hovered.connect(self._hover)

    def _again(self) -> None:
        if self.reading is not None:
            self.refresh(self.reading, self.look)

    def refresh(self, reading: Reading, look: Look) -> None:
        """Draw the matrix and the card."""
        self._show_card(reading, look)
        other = self.other
        self.why_not = why_not(reading, other)
        self.switch.offer(other.name if other is not None and not self.why_not else "")
        if not reading.labelled:
            self.matrix.show_cells(None)
            self.matrix.set_note(NO_LABELS)
            self.claim.say("")
            self.legend.show_keys(())
            return
        self.matrix.set_note("")
        self.matrix.columns.title = f"configuration, the {reading.own_network} first, then by accuracy"
        pins = tuple(id(pin.reading.result) for pin in reading.pins)
        shown = (id(reading), reading.by_class, pins, other if self.switch.on else None)
        if shown != self._shown:
            self._shown = shown
            self._show_cells(reading)
        column = int(np.flatnonzero(columns_of(reading) == self._number(reading, look))[0])
        row = self._place_of(reading, look.row)
        self.matrix.frame(((row, column, "accent"),) if row >= 0 else (), pinned=True)
        self.claim.say(compared_claim(other) if self.switch.on and other and not reading.by_class else claim(reading))
        self._show_keys(reading)

    def _number(self, reading: Reading, look: Look) -> int:
        """Return the number of the column that is looked at; pinned configurations come after all others."""
        return len(reading.names) + self._pin if 0 <= self._pin < len(reading.pins) else look.configuration

    def _show_card(self, reading: Reading, look: Look) -> None:
        """Show the picture that is looked at, under a pinned configuration if one was clicked."""
        if 0 <= self._pin < len(reading.pins) and look.row >= 0:
            pin = reading.pins[self._pin]
            if pin.rows[look.row] >= 0:
                self.card.show_look(pin.reading, Look(len(pin.reading.names) - 1, int(pin.rows[look.row])))
                return
        self.card.show_look(reading, look)

    def _place_of(self, reading: Reading, row: int) -> int:
        if row < 0:
            return -1
        wanted, among = (reading.label[row], reading.known_classes) if reading.by_class else (row, reading.order)
        return int(np.flatnonzero(among == wanted)[0])

    def _show_cells(self, reading: Reading) -> None:
        columns = columns_of(reading)
        names = tuple(name_of(reading, int(number)) for number in columns)
        if reading.by_class:
            classes = tuple(reading.class_name(int(number)) for number in reading.known_classes)
            self.matrix.set_title("share right of each class")
            shown = Cells(shares_of(reading)[:, columns], 1.0)
            if self.switch.on and self.other is not None:
                values = padded(reading, reading.shares_by_class() - self.other.shares_by_class)[:, columns]
                shown = SignedCells(values, largest(values))
            self.matrix.show_cells(shown, classes, names)
            return
        kinds = kinds_of(reading)
        if self.switch.on and self.other is not None:
            kinds = padded(reading, compared_kinds(self.other))
        kinds = kinds[reading.order][:, columns]
        self.matrix.set_title("pictures, most often right first")
        self.matrix.show_cells(Answers(kinds, 3.0), (), names)

    def _show_keys(self, reading: Reading) -> None:
        own = "network as it is" if reading.own == "plain" else reading.own_network
        pinned = Key("frame", own + (", then by hand" if reading.pins else ""), self.theme.color("text"))
        if self.switch.on and self.other is not None:
            self.legend.show_keys((*self._difference_keys(reading, self.other), pinned))
            return
        if reading.by_class:
            ends = (Key("bar", "0", self.theme.heat(0.0)), Key("bar", "all right", self.theme.heat(1.0)))
            self.legend.show_keys((*ends, pinned))
            return
        colors = kind_colors(self.theme)
        self.legend.show_keys(
            (*(Key("bar", kind_words(reading, kind), colors[kind]) for kind in (RIGHT, WRONG, WON, LOST)), pinned)
        )

    def _difference_keys(self, reading: Reading, other: SecondConfigurations) -> tuple[Key, ...]:
        if reading.by_class:
            words = f"{100 * largest(reading.shares_by_class() - other.shares_by_class):.1f} points"
            return difference_keys(self.theme, other.name, f"{words} less", f"{words} more")
        words_of = {RIGHT: "right in both", WRONG: "wrong in both", WON: "right only here"}
        colors = kind_colors(self.theme)
        keys = [Key("bar", words, colors[kind]) for kind, words in words_of.items()]
        return (*keys, Key("bar", f"right only in {other.name}", colors[LOST]))

    def _click(self, row: int, column: int) -> None:
        reading = self.reading
        if reading is None:
            return
        number = int(columns_of(reading)[column])
        several = len(reading.names)
        self._pin = number - several if number >= several else -1
        number = number if number < several else self.look.configuration
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
        number = int(columns_of(reading)[column])
        if reading.by_class:
            share = float(shares_of(reading)[row, number])
            name = reading.class_name(int(reading.known_classes[row]))
            told = (
                Entry("right", numbers.percent(share), "widths", term="configuration_accuracy"),
                *self._second_entries(row, number, share),
            )
            self.told.emit(f"{name} · {name_of(reading, number)}", told)
            return
        at = int(reading.order[row])
        kind, answer = kinds_of(reading)[at, number], answer_of(reading, at, number)
        several = len(reading.names)
        details = reading.pins[number - several].details if number >= several else ""
        found = (
            Entry("label", reading.class_name(int(reading.label[at])), "text_soft", term="correctness"),
            Entry(
                "answer",
                reading.class_name(answer) if answer >= 0 else numbers.NOTHING,
                "configurations",
                term="correctness",
            ),
            Entry("", kind_words(reading, int(kind) if np.isfinite(kind) else UNSEEN), "text_soft"),
            Entry("right under", f"{int(reading.right[at])} of {several}", "text_soft", term="right_under"),
            *([Entry("", details, "text_soft")] if details else []),
            *self._second_entries(at, number),
        )
        self.told.emit(f"#{int(reading.places[at])} · {name_of(reading, number)}", found)

    def _second_entries(self, row: int, number: int, share: float = float("nan")) -> tuple[Entry, ...]:
        """Say what the second network makes of a picture or class (with the share right here); () for nothing."""
        reading, other = self.reading, self.other
        if reading is None or other is None or number >= len(reading.names):
            return ()
        theirs = float((other.shares_by_class if reading.by_class else other.correct)[row, number])
        words = both(share, theirs) if reading.by_class else {1.0: "right", 0.0: "wrong"}.get(theirs, "")
        return (Entry(other.name, words, "outline", term="compared"),) if words else ()


def why_not(reading: Reading, other: SecondConfigurations | None) -> str:
    """Say why the matrix has no differences, "" if it has."""
    if other is None:
        return ""
    if not (other.columns >= 0).any():
        return other.why_no_choices
    if reading.by_class:
        return "" if other.reading.classes == reading.classes else "its pictures have other classes"
    return other.why_no_pictures


def compared_kinds(other: SecondConfigurations) -> Floats:
    """(picture, configuration) kinds: right or wrong in both, won where only this network is right, else lost."""
    here, there = other.shown.correct, other.correct
    kinds = np.where(here, np.where(there == 1, RIGHT, WON), np.where(there == 1, LOST, WRONG)).astype(np.float64)
    return np.asarray(np.where(np.isfinite(there), kinds, np.nan))


def padded(reading: Reading, values: Floats) -> Floats:
    """Add columns of what is not known, for configurations built by hand."""
    return np.concatenate([values, np.full((len(values), len(reading.pins)), np.nan)], axis=1)


def compared_claim(other: SecondConfigurations) -> str:
    """Say in one line how often only one of the two networks is right."""
    kinds = compared_kinds(other)
    known = np.isfinite(kinds)
    here, there = (numbers.percent(float((kinds[known] == kind).mean())) for kind in (WON, LOST))
    count = int(known.any(axis=1).sum())
    return (
        f"{count:,} pictures under {int(known.any(axis=0).sum())}: {here} right only here, {there} only in {other.name}"
    )


def kind_words(reading: Reading, kind: int) -> str:
    """Words for a kind of cell."""
    return WORDS.get(kind, "not run on this picture").format(own=reading.own_network)


def columns_of(reading: Reading) -> Integers:
    """Numbers of the columns: the network as it is, what is pinned, then the others by accuracy."""
    pins = len(reading.names) + np.arange(len(reading.pins), dtype=np.int64)
    return np.concatenate([reading.columns[:1], pins, reading.columns[1:]])


def name_of(reading: Reading, number: int) -> str:
    """Name of a column."""
    several = len(reading.names)
    return reading.names[number] if number < several else reading.pins[number - several].label


def kinds_of(reading: Reading) -> Floats:
    """(picture, configuration or pinned one) kinds of all cells, NaN where a picture was not run."""
    found = [reading.kinds, *(pin.kinds[:, None] for pin in reading.pins)]
    kinds = np.concatenate(found, axis=1).astype(np.float64)
    kinds[kinds == UNSEEN] = np.nan
    return np.asarray(kinds)


def shares_of(reading: Reading) -> Floats:
    """(class that occurs, configuration or pinned one) share right."""
    pins = [np.where(pin.rows >= 0, np.isin(pin.kinds, (RIGHT, WON)), np.nan) for pin in reading.pins]
    found = [reading.shares_by_class()]
    for right in pins:
        rows = [right[(reading.label == number) & np.isfinite(right)] for number in reading.known_classes]
        found.append(np.array([[part.mean() if len(part) else np.nan] for part in rows]))
    return np.concatenate(found, axis=1)


def answer_of(reading: Reading, row: int, number: int) -> int:
    """Class that a configuration or a pinned one gives a picture, -1 if it was not run on it."""
    several = len(reading.names)
    if number < several:
        return int(reading.prediction[row, number])
    pin = reading.pins[number - several]
    at = int(pin.rows[row])
    return int(pin.reading.prediction[at, -1]) if at >= 0 else -1


def claim(reading: Reading) -> str:
    """Say in one line how many pictures each kind has."""
    own, right, count = reading.correct[:, 0], reading.right, len(reading.names)
    won, never = int((~own & (right > 0)).sum()), int((right == 0).sum())
    word = "plain" if reading.own == "plain" else f"under {reading.own}"
    safe, broken = int((right == count).sum()), int((own & (right < count)).sum())
    return (
        f"{safe:,} right under all · {broken:,} right {word}, broken by some · "
        f"{won:,} wrong {word}, right under some · {never:,} right under none"
    )
