"""One picture under all configurations: sorted by how likely its label is, and laid out by shared prefixes."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter

from analysis.measures import oracles
from analysis.measures.oracles import Floats, Integers
from app.browsing.thumbnails import Thumbnails
from app.configuring.cards import PictureCard
from app.configuring.page import Page, differences, entries
from app.drawing.answer_matrix import Frame, FramedMatrix
from app.drawing.curves import Curve, CurvePlot, Spots
from app.drawing.legend import Key
from app.drawing.matrix import Cells
from app.drawing.readout import Entry
from app.reading import numbers
from app.reading.configuration_comparison import SecondConfigurations
from app.reading.configuration_order import tree_layout
from app.reading.configurations import Look, Reading, letter
from app.theme import Theme

MARKS = (("best", "widths"), ("median", "sharing"), ("worst", "bundles"), ("plain", "text"))


class PicturePage(Page):
    """Sorted probabilities above, the prefix tree below, the picture at the right."""

    def __init__(self, theme: Theme, thumbnails: Thumbnails) -> None:
        super().__init__(theme, "One picture")
        self.curve = CurvePlot(theme, "Probability under each configuration", "configurations, sorted", "probability")
        self.tree = FramedMatrix(theme, "Prefix tree", "first points", "last points")
        self.card = PictureCard(theme, thumbnails)
        self.card.help_wanted.connect(self.help_wanted)
        self.layout_of: Integers = np.empty((0, 0), dtype=np.int64)
        self._order: Integers = np.empty(0, dtype=np.int64)
        left = QSplitter(Qt.Orientation.Vertical)
        left.addWidget(self.curve)
        left.addWidget(self.tree)
        left.setSizes([200, 280])
        halves = QSplitter(Qt.Orientation.Horizontal)
        halves.addWidget(left)
        halves.addWidget(self.card)
        halves.setSizes([560, 216])
        halves.setStretchFactor(0, 1)
        for splitter in (left, halves):
            splitter.setHandleWidth(3)
            splitter.setChildrenCollapsible(False)
        self.body.addWidget(halves, 1)
        self.define(self.curve, "true_probability")
        self.define(self.tree, "prefix_tree")
        self.curve.clicked.connect(lambda x, _y, _extend: self._choose(self._at(x)))
        self.curve.hovered.connect(lambda place: self._tell(self._at(place[0]) if place else -1))
        self.tree.cell_clicked.connect(lambda row, column: self._choose(int(self.layout_of[row, column])))
        self.tree.cell_hovered.connect(self._hover)

    def refresh(self, reading: Reading, look: Look) -> None:
        """Draw the picture that is looked at, or the mean of all without one."""
        self.card.show_look(reading, look)
        values, words = values_of(reading, look)
        marks = marked(reading, look, values)
        theirs, self.why_not = second_values(self.other, look)
        self._show_curve(values, marks, words, theirs)
        self._show_tree(reading, look, values, marks)
        self.claim.say(claim(reading, look, values))
        keys = tuple(
            Key("dot", reading.own if name == "plain" else name, self.theme.color(hue))
            for (name, hue) in MARKS
            if name in marks
        )
        chosen = Key("frame", "configuration that is looked at", self.theme.color("accent"))
        scale = (Key("bar", "0", self.theme.heat(0.0)), Key("bar", "1", self.theme.heat(1.0)))
        second = self.outline_key() if np.isfinite(theirs).any() else ()
        self.legend.show_keys((*keys, chosen, *scale, *second))

    def _show_curve(self, values: Floats, marks: dict[str, int], words: str, theirs: Floats) -> None:
        self._order = np.argsort(-values, kind="stable")
        x = np.arange(len(values), dtype=np.float64)
        self.curve.set_title(words)
        own = Curve(x, values[self._order], hue="configurations")
        second = (Curve(x, theirs[self._order], hue="outline"),) if np.isfinite(theirs).any() else ()
        self.curve.show_curves((*second, own))
        spots = []
        for name, hue in MARKS:
            if name in marks:
                at = float(np.flatnonzero(self._order == marks[name])[0])
                spots.append(Spots(np.array([at]), values[[marks[name]]], (name,), hue, hollow=name == "plain"))
        self.curve.show_spots(tuple(spots))
        home = ((-0.02 * len(values) - 0.2, len(values) - 0.8 + 0.02 * len(values)), (-0.04, 1.08))
        if self.curve.home != home:
            self.curve.set_home(*home)

    def _show_tree(self, reading: Reading, look: Look, values: Floats, marks: dict[str, int]) -> None:
        table, first, second = tree_layout(reading.options)
        self.layout_of = table
        shown = np.where(table >= 0, values[np.maximum(table, 0)], np.nan)
        rows = tuple(_prefix(reading, line[line >= 0][0], first) for line in table)
        columns = tuple(_prefix(reading, line[line >= 0][0], second) for line in table.T)
        letters = [letter(point) for point in range(len(reading.points))]
        self.tree.rows.title = "".join(letters[point] for point in first)
        self.tree.columns.title = f"{reading.family} of {', '.join(letters[point] for point in second)}"
        above = ", ".join(letters[point] for point in first)
        self.tree.set_title(f"rows: {reading.family} of {above}" if above else "")
        self.tree.show_cells(Cells(np.maximum(shown, 1e-9), 1.0), rows, columns)
        frames: list[Frame] = []
        for number, hue in (*((marks[n], h) for n, h in MARKS if n in marks), (look.configuration, "accent")):
            row, column = np.argwhere(table == number)[0].tolist()
            frames.append((row, column, hue))
        self.tree.frame(tuple(frames))

    def _at(self, x: float) -> int:
        place = round(x)
        return int(self._order[place]) if 0 <= place < len(self._order) else -1

    def _choose(self, number: int) -> None:
        if number >= 0:
            self.configuration_chosen.emit(number)

    def _hover(self, row: int, column: int) -> None:
        self._tell(int(self.layout_of[row, column]) if row >= 0 else -1)

    def _tell(self, number: int) -> None:
        """Tell what a configuration reaches, and what the second network makes of this picture under it."""
        reading = self.reading
        if reading is None or not 0 <= number < len(reading.names):
            self.told.emit("", ())
            return
        ours, words = values_of(reading, self.look)
        found = [
            *entries(reading, number),
            Entry(words, numbers.percent(float(ours[number])), "text_soft", term="true_probability"),
        ]
        theirs = float(second_values(self.other, self.look)[0][number]) if self.other is not None else float("nan")
        if self.other is not None and np.isfinite(theirs):
            gain = numbers.signed(100 * (float(ours[number]) - theirs), 1)
            found.append(
                Entry(f"{self.other.name}, {words}", f"{numbers.percent(theirs)} ({gain})", "outline", term="compared")
            )
        self.told.emit(reading.names[number], (*found, *differences(self.other, number)))


def _prefix(reading: Reading, number: int, points: tuple[int, ...]) -> str:
    return "|".join(reading.token(int(number), point) for point in points)


def values_of(reading: Reading, look: Look) -> tuple[Floats, str]:
    """Return the probability of the label under each configuration, of the answer without labels; and its name."""
    name, words = ("true_probability", "label") if reading.labelled else ("confidence", "answer")
    table = reading.table(name)
    if look.row < 0:
        return np.asarray(table.mean(axis=0)), f"probability of the {words}, mean of all pictures"
    return table[look.row], f"probability of the {words}"


def second_values(other: SecondConfigurations | None, look: Look) -> tuple[Floats, str]:
    """Return what :func:`values_of` returns, of the second network for the same pictures; and why it has none."""
    if other is None:
        return np.empty(0), ""
    nothing = np.full(len(other.columns), np.nan)
    if other.why_no_pictures:
        return nothing, other.why_no_pictures
    rows = other.rows if look.row < 0 else other.rows[[look.row]]
    if (rows < 0).any():
        return nothing, "it has not seen all of these pictures" if look.row < 0 else "it has not seen this picture"
    return other.aligned(np.asarray(other.reading.table("true_probability")[rows].mean(axis=0))), ""


def marked(reading: Reading, look: Look, values: Floats) -> dict[str, int]:
    """Return the configurations that are marked: by loss for one picture, by mean probability for all."""
    ranked = reading.table("loss")[look.row] if reading.labelled and look.row >= 0 else -values
    best, median, worst = oracles.marked_by(ranked)
    return {"best": best, "median": median, "worst": worst, "plain": 0}


def claim(reading: Reading, look: Look, values: Floats) -> str:
    """Say in one line what configurations do to the picture."""
    if look.row < 0:
        return "No picture is selected: means over all pictures are shown. Select one in the matrix or in Samples."
    answers = int(oracles.distinct_answers(reading.prediction[[look.row]])[0])
    place = int(reading.places[look.row])
    spread = f"probability {values.min():.2g} to {values.max():.2g}, {reading.own} {values[0]:.2g}"
    right = f"right under {int(reading.right[look.row])} of {len(reading.names)}" if reading.labelled else ""
    several = f"{answers} different answers" if answers > 1 else ("one answer only" if answers else "no answer")
    name = reading.class_name(int(reading.label[look.row])) if reading.labelled else ""
    parts = (f"#{place} {name}".strip(), right, several, spread)
    return " · ".join(part for part in parts if part)
