"""Classes: accuracy, upper bound and equally long list of each."""

from __future__ import annotations

import numpy as np
from PySide6.QtWidgets import QComboBox, QHBoxLayout

from analysis.measures import oracles
from app.configuring.page import NO_LABELS, Page
from app.drawing.bar_rows import Bar, BarRow, BarRowsPlot
from app.drawing.legend import Key
from app.drawing.readout import Entry, Line
from app.forms.widgets import label
from app.reading import numbers
from app.reading.configuration_comparison import SecondConfigurations, both
from app.reading.configurations import FEW, Look, Reading
from app.reading.depth import Floats, Ints
from app.theme import Theme

ORDERS = ("class", "plain accuracy", "upper bound", "rescue", "list")


class ClassesPage(Page):
    """One row per class; a click shows its pictures wherever pictures are browsed."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Classes")
        self.plot = BarRowsPlot(
            theme, "Classes", "rescue and pictures at the right", "share of the pictures of a class"
        )
        self.orders = QComboBox()
        self.orders.addItems(list(ORDERS))
        self.orders.setAccessibleName("Order of the classes")
        self.orders.activated.connect(lambda _row: self._again())
        self.hint = Line(theme)
        self.hint.say("Click a class to see its pictures in Samples")
        top = QHBoxLayout()
        top.setContentsMargins(12, 0, 8, 0)
        top.setSpacing(8)
        top.addWidget(label("Sort by", "soft"))
        top.addWidget(self.orders)
        top.addWidget(self.hint, 1)
        self.body.addLayout(top)
        self.body.addWidget(self.plot, 1)
        self._order: Ints = np.empty(0, dtype=np.int64)
        self.define(self.plot, "any_correct", "matched_list", "rescue")
        self.plot.row_clicked.connect(self._click)
        self.plot.row_hovered.connect(self._hover)

    def _again(self) -> None:
        if self.reading is not None:
            self.refresh(self.reading, self.look)

    def refresh(self, reading: Reading, look: Look) -> None:
        """Draw all classes that occur."""
        self.plot.set_note("" if reading.labelled else NO_LABELS)
        if not reading.labelled:
            self.plot.show_rows(())
            self.legend.show_keys(())
            return
        values = table_of(reading)
        keys = {name: -np.nan_to_num(values[:, column], nan=-1.0) for column, name in enumerate(ORDERS[1:])}
        place = self.orders.currentText()
        self._order = np.argsort(keys[place], kind="stable") if place in keys else np.arange(len(values))
        theirs = second_values(reading, self.other)
        self.plot.show_rows(tuple(_row(reading, values, theirs, int(number)) for number in self._order))
        theme = self.theme
        legend = (
            Key("bar", reading.own, theme.color("widths")),
            Key("frame", "upper bound", theme.color("configurations")),
            Key("bar", "equally long list", theme.color("cost")),
        )
        self.legend.show_keys((*legend, *(self.outline_key() if np.isfinite(theirs).any() else ())))
        few = int((counts(reading) < FEW).sum())
        self.claim.say(f"{len(values)} classes · rescue: wrong pictures that some configuration gets right" + (
            f" · {few} with fewer than {FEW} pictures are pale" if few else ""))  # fmt: skip

    def _click(self, row: int) -> None:
        if self.reading is not None:
            number = int(self.reading.known_classes[self._order[row]])
            rows = np.flatnonzero(self.reading.label == number)
            self.pictures_chosen.emit(f"class {self.reading.class_name(number)}", rows)

    def _hover(self, row: int) -> None:
        reading = self.reading
        if reading is None or not 0 <= row < len(self._order):
            self.told.emit("", ())
            return
        number = int(self._order[row])
        plain, top, saved, listed = table_of(reading)[number].tolist()
        found: tuple[Entry, ...] = (
            Entry("pictures", f"{int(counts(reading)[number]):,}", "text_soft", term="pictures"),
            Entry(reading.own, numbers.percent(plain), "widths", term="configuration_accuracy"),
            Entry("upper bound", numbers.percent(top), "configurations", term="any_correct"),
            Entry("rescue", numbers.percent(saved), "text_soft", term="rescue"),
            Entry("list", numbers.percent(listed), "cost", term="matched_list"),
        )
        theirs = second_values(reading, self.other)[number]
        if self.other is not None and np.isfinite(theirs).any():
            words = f"plain {both(plain, float(theirs[0]))}, upper bound {both(top, float(theirs[1]))}"
            found = (*found, Entry(self.other.name, words, "outline", term="compared"))
        self.told.emit(reading.class_name(int(reading.known_classes[number])), found)


def counts(reading: Reading) -> Ints:
    """(class that occurs,) number of pictures."""
    return np.array([(reading.label == number).sum() for number in reading.known_classes], dtype=np.int64)


def table_of(reading: Reading) -> Floats:
    """(class that occurs, 4): plain accuracy, any-correct oracle, rescue (NaN if none is wrong), matched list."""
    rank = reading.table("true_rank")[:, 0].astype(np.int64)
    listed = oracles.listed(rank, reading.prediction)
    found = []
    for number in reading.known_classes:
        own = reading.label == number
        correct = reading.correct[own]
        wrong = correct[~correct[:, 0]]
        saved = float(wrong.any(axis=1).mean()) if len(wrong) else float("nan")
        found.append((correct[:, 0].mean(), correct.any(axis=1).mean(), saved, listed[own].mean()))
    return np.array(found, dtype=np.float64).reshape(len(found), 4)


def second_values(reading: Reading, other: SecondConfigurations | None) -> Floats:
    """(class that occurs, 4): :func:`table_of` of a second network with the same classes, NaN for none."""
    found = np.full((len(reading.known_classes), 4), np.nan)
    if other is None or other.reading.classes != reading.classes:
        return found
    theirs = table_of(other.reading)
    known = {int(number): row for row, number in enumerate(other.reading.known_classes)}
    for row, number in enumerate(reading.known_classes.tolist()):
        if number in known:
            found[row] = theirs[known[number]]
    if not other.same_configurations:
        found[:, 1:] = np.nan  # oracles of other configurations do not compare
    return found


def _row(reading: Reading, values: Floats, theirs: Floats, number: int) -> BarRow:
    plain, top, saved, listed = values[number].tolist()
    second = theirs[number].tolist()
    count = int(counts(reading)[number])
    bars = (
        Bar(plain, "widths", outline=second[0]),
        Bar(top, "configurations", hollow=True, outline=second[1]),
        Bar(listed, "cost", outline=second[3]),
    )
    name = reading.class_name(int(reading.known_classes[number]))
    return BarRow(name, bars, f"rescue {numbers.percent(saved)} · {count}", faint=count < FEW)
