"""Accuracy: how good a network is in all and per class, and which classes it takes for which."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QMenu, QVBoxLayout, QWidget

from analysis.figures import FigureSpec
from analysis.measures.accuracy import interval_of, one_output, says_something
from analysis.result import Result
from app.drawing.legend import Key, Legend
from app.drawing.list_axes import RowBars
from app.drawing.matrix import Cells, MatrixPlot
from app.drawing.readout import Entry, Line, Readout
from app.drawing.signed_matrix import SignedCells, difference_keys, largest
from app.forms.difference import DifferenceSwitch
from app.forms.flow import Flow
from app.forms.head import Head, activate
from app.forms.segments import Segments
from app.reading import conditions, numbers
from app.reading.accuracy_comparison import SecondAccuracy, second_accuracy
from app.reading.comparing import counterpart, what_to_mind
from app.reading.depth import Floats, Ints
from app.reading.figure_comparison import with_second
from app.reading.glossary import TERMS
from app.theme import Theme
from app.views.base import View, duration_words
from app.workspace import Run, SampleFilter, Workspace

METHOD = "evaluate"
ORDERS = (("class", "class order"), ("accuracy", "by accuracy"))
BARS_ROOM = 210.0


class EvaluateView(View):
    """Top-1, top-5 and loss, the confusion matrix, and the accuracy of every class beside its row."""

    def __init__(self, workspace: Workspace, theme: Theme) -> None:
        super().__init__(workspace, theme, "Accuracy")
        self.order: Ints = np.empty(0, dtype=np.int64)
        self._counts = np.empty((0, 0), dtype=np.int64)
        self._theirs = np.empty((0, 0), dtype=np.int64)
        self._names: tuple[str, ...] = ()
        self._shown: tuple[object, ...] = ()
        self._figure = "confusion"
        self._build()

    def _build(self) -> None:
        self.figures = {name: Figure(TERMS[name].title, TERMS[name].definition) for name in ("top1", "top5", "loss")}
        self.sorting = Segments(ORDERS, "Order of classes")
        self.sorting.chosen.connect(lambda _order: self._changed())
        self.diagonal = QCheckBox("colour what is right, too")
        self.diagonal.setToolTip("Include the diagonal in the colours; without it the confusions stand out.")
        self.diagonal.toggled.connect(lambda _on: self._changed())
        self.matrix = MatrixPlot(self.theme, "Confusion matrix", "Label", "prediction")
        self.matrix.right_room = BARS_ROOM
        self.bars = RowBars(self.theme, "Class accuracy", "widths")
        self.matrix.add_axis(self.bars)
        self.matrix.cell_hovered.connect(lambda _row, _column: self._show_readout())
        self.matrix.menu_wanted.connect(self._show_menu)
        self.matrix.double_clicked.connect(lambda x, y: self._open_cell(*self.matrix.cell_at(x, y)))
        self.readout, self.legend, self.facts = Readout(self.theme), Legend(self.theme), Line(self.theme)
        shown = Flow(*self.figures.values(), gap=28, edges=(4, 2, 0, 2))
        for figure in self.figures.values():
            figure.setToolTip(f"{figure.toolTip()}\nClick for formula, source and limits.")
            figure.clicked.connect(lambda: self.help_wanted.emit(METHOD))
        self.readout.help_wanted.connect(self.help_wanted)
        self.switch = DifferenceSwitch(self._changed)
        self.head = Head(shown, self.diagonal, self.sorting, self.switch)
        footer = QHBoxLayout()
        footer.setContentsMargins(8, 0, 8, 4)
        footer.addWidget(self.facts, 1)
        footer.addWidget(self.legend)
        layout = QVBoxLayout(self.content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.head)
        layout.addWidget(self.matrix, 1)
        layout.addWidget(self.readout)
        layout.addLayout(footer)

    # -- showing -----------------------------------------------------------------------------------------------------

    def concerns(self, run: Run) -> bool:
        """Tell whether a run is one of those that are drawn here."""
        return run.request.method == METHOD

    def refresh(self) -> None:
        """Draw the newest run, as far as it has come."""
        run = self.workspace.latest(METHOD)
        if run is None:
            self._show_why_empty()
            return
        self.show_content()
        result = run.result
        other = second_accuracy(self.workspace, run)
        for name, figure in self.figures.items():
            value = result.value(name) if name in result and not_numbers(result) < 1 else float("nan")
            delta, about = (other.difference(name, value), other.about(name)) if other is not None else ("", "")
            figure.say(_figure_text(name, value), delta, about, _ends(name, result) if value == value else "")
            figure.setVisible(says_something(result, name))
        self._take_matrix(run, other)
        words = [conditions.progress(run), *conditions.words(result), *conditions.badges(run, self.workspace.edits)]
        words[:0] = [broken_words(result), what_to_mind(self.workspace, METHOD)]
        self.facts.say(" · ".join(word for word in words if word), conditions.details(result))
        self._show_readout()
        # At once, not after the next paint: a large matrix is painted for one size only.
        self.head.arrange()
        activate(self.content)

    def _show_why_empty(self) -> None:
        workspace = self.workspace
        sentence = (
            "Accuracy shows how many pictures a network recognises, in all and per class, and which classes it takes "
            "for which."
        )
        if workspace.model is None:
            self.show_empty(f"{sentence} It needs a network and pictures with labels.", "Open the demo")
        elif workspace.images is None:
            self.show_empty(f"{sentence} It needs pictures with labels.", "Choose pictures…")
        elif any(run.open and run.request.method == METHOD for run in workspace.runs.values()):
            self.show_empty("The pictures are being classified …")
        else:
            self.show_empty(sentence, "Measure accuracy", duration_words(workspace, METHOD))

    def fill(self) -> None:
        """Do what the button of the empty state says."""
        if self.workspace.model is None:
            self.action_wanted.emit("open_demo")
        elif self.workspace.images is None:
            self.action_wanted.emit("choose_images")
        else:
            self.workspace.request_run(self.workspace.new_request(METHOD))

    def _take_matrix(self, run: Run, other: SecondAccuracy | None) -> None:
        result = run.result
        output = "confusion"
        complete = output in result and result.arrived[output] == result[output].size > 0
        self._offer_difference(result, other)
        for control in (self.diagonal, self.sorting):  # of a matrix that never comes nothing can be chosen
            control.setVisible(complete or run.open)
        theirs = (id(other.result), other.name, other.others) if other is not None else ()
        waiting = run.open and not complete  # its end changes what is said of a matrix that is not there
        shown = (id(result), complete, waiting, self.sorting.value, self.diagonal.isChecked(), theirs, self.switch.on)
        if shown == self._shown:
            return
        self._shown = shown
        if not complete or not_numbers(result) == 1:
            self._counts = np.empty((0, 0), dtype=np.int64)
            self.matrix.show_cells(None)
            self.bars.show_values(np.empty(0), float("nan"))
            self.legend.show_keys(())
            self.matrix.set_note(_why_no_matrix(run) if not complete else broken_words(result))
            return
        self.matrix.set_note("")
        self._show_matrix(result)
        self._show_difference()
        self._show_other(other)

    def _offer_difference(self, result: Result, other: SecondAccuracy | None) -> None:
        """Take the confusion matrix of the network that is compared with, if it knows the same classes and pictures."""
        known = other is not None and "confusion" in result
        self._theirs = other.confusion if other is not None and known else np.empty((0, 0), dtype=np.int64)
        self.switch.offer(other.name if other is not None and self._theirs.size else "")

    def _second_shares(self) -> Floats:
        """Shares of each class in the second network, in the order that is shown; empty for none."""
        return shares(self._theirs[np.ix_(self.order, self.order)]) if self._theirs.size else np.empty((0, 0))

    def _show_difference(self) -> None:
        """Colour by how much more of a class is taken for another one here than in the second network."""
        if not self.switch.on:
            return
        gain = 100 * (shares(self._counts) - self._second_shares())
        top = largest(gain)
        points = np.nan_to_num(np.rint(gain)).astype(np.int64)
        self.matrix.show_cells(SignedCells(gain, top, None, points), self._names, self._names)
        words = f"{top:.3g} points"
        self.legend.show_keys(difference_keys(self.theme, self.switch.name, f"{words} less", f"{words} more"))

    def _show_other(self, other: SecondAccuracy | None) -> None:
        """Mark the class accuracies of the network that is compared with, at the classes of the same names."""
        values = other.accuracies if other is not None else np.empty(0)
        if other is None or not np.isfinite(values).any():
            self.bars.show_second(np.empty(0))
            return
        self.bars.show_second(values[self.order])
        words = f"{other.name} (other pictures)" if other.others else other.name
        self.legend.show_keys((*self.legend.keys, Key("frame", words, self.theme.color("outline"))))

    def _show_matrix(self, result: Result) -> None:
        counts = np.asarray(result["confusion"], dtype=np.int64)
        accuracy = np.asarray(result["class_accuracy"], dtype=np.float64)
        size = len(counts)
        by_class = self.sorting.value == "class"
        self.order = np.arange(size) if by_class else np.argsort(-np.nan_to_num(accuracy, nan=-1.0), kind="stable")
        names = result.names("class") or tuple(str(number) for number in range(size))
        self._names = tuple(names[number] for number in self.order)
        self._counts = counts[np.ix_(self.order, self.order)]
        share = shares(self._counts)
        diagonal = np.eye(size, dtype=bool)
        wrong = np.where(diagonal, 0.0, np.nan_to_num(share))
        top = 1.0 if self.diagonal.isChecked() else float(wrong.max(initial=0.0)) or 1.0
        neutral = None if self.diagonal.isChecked() else diagonal
        self.matrix.show_cells(Cells(share, top, neutral, self._counts), self._names, self._names)
        self.bars.show_values(accuracy[self.order], result.value("top1"))
        weakest, strongest = self.theme.heat(0.02), self.theme.heat(1.0)
        keys = (Key("bar", "0 %", weakest), Key("bar", f"{100 * top:.3g} % of the class", strongest))
        self.legend.show_keys(keys)

    def _show_readout(self) -> None:
        row, column = self.matrix.item.marked
        if not self._counts.size:
            self.readout.clear()
            return
        if row >= 0 and row < len(self._names):
            self._show_cell(row, column)
            return
        pairs = worst(self._counts)
        entries = tuple(
            Entry(f"{self._names[r]} → {self._names[c]}", f"{self._counts[r, c]:,}", "text_soft", term="confusion")
            for r, c in pairs
        )
        self.readout.show_entries("label → prediction, most often wrong:", entries)

    def _show_cell(self, row: int, column: int) -> None:
        count, total = int(self._counts[row, column]), int(self._counts[row].sum())
        share = count / total if total else float("nan")
        words = "recognised" if row == column else f"taken for {self._names[column]}"
        text = f"{count:,} of {total:,} ({numbers.percent(share)})"
        hue, term = ("widths", "class_accuracy") if row == column else ("text_soft", "confusion")
        found: tuple[Entry, ...] = (Entry(words, text, hue, term=term),)
        theirs = self._second_shares()
        if theirs.size and np.isfinite(theirs[row, column]):
            there = float(theirs[row, column])
            text = f"{numbers.percent(there)} ({numbers.signed(100 * (share - there), 1)})"
            found = (*found, Entry(self.switch.name, text, "outline", term="compared"))
        self.readout.show_entries(self._names[row], found)

    # -- choices -----------------------------------------------------------------------------------------------------

    def invalidate(self) -> None:
        """Refresh soon; colours may be others."""
        if self.sender() is self.theme:
            self._shown = ()
        super().invalidate()

    def _changed(self) -> None:
        self.state_changed.emit()
        self.invalidate()

    def _show_menu(self, place: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        row, column = self.matrix.item.marked
        if self._sample_filter(row, column) is not None:
            menu.addAction("Show these pictures", lambda: self._open_cell(row, column))
        menu.addAction("Show the whole matrix", self.matrix.go_home)
        spec = self.class_figure()
        if spec is not None:
            menu.addAction("Export the accuracy per class…", lambda: self.workspace.request_figure(spec))
        menu.addAction("What is this?", lambda: self.help_wanted.emit(METHOD))
        menu.popup(place)

    def _sample_filter(self, row: int, column: int) -> SampleFilter | None:
        """Pictures of a cell of the matrix, None if the run did not keep them."""
        run = self.workspace.latest(METHOD)
        if run is None or not (0 <= row < len(self.order) and 0 <= column < len(self.order)):
            return None
        if "label" not in run.result or "prediction" not in run.result:
            return None
        label, prediction = int(self.order[row]), int(self.order[column])
        chosen = (run.result["label"] == label) & (run.result["prediction"] == prediction)
        prepared = run.result.prepared
        indices = prepared.indices if prepared is not None else None
        places = np.flatnonzero(chosen) if indices is None else np.asarray(indices)[chosen]
        name = f"{self._names[row]} → {self._names[column]}"
        return SampleFilter(name, places.astype(np.int64))

    def _open_cell(self, row: int, column: int) -> None:
        """Go deep: show the pictures of a cell."""
        found = self._sample_filter(row, column)
        if found is not None:
            self.workspace.filter_samples(found)
            self.view_wanted.emit("samples")

    # -- figure and state --------------------------------------------------------------------------------------------

    def figure_spec(self) -> FigureSpec | None:
        """Return the confusion matrix as a figure, None without a stored run."""
        run = self.workspace.latest(METHOD)
        if run is None or run.folder is None or not self._counts.size:
            return None
        second = counterpart(self.workspace, METHOD) if self.switch.on else None
        return with_second(FigureSpec("confusion", (str(run.folder),)), second)

    def class_figure(self) -> FigureSpec | None:
        """Return the accuracy per class as a figure, with that of a stored run of the network compared with behind."""
        run, second = self.workspace.latest(METHOD), counterpart(self.workspace, METHOD)
        if run is None or run.folder is None or not self._counts.size:
            return None
        return with_second(FigureSpec("class_accuracy", (str(run.folder),)), second)

    def state(self) -> dict[str, Any]:
        """Return the order of classes and what is coloured."""
        return {"order": self.sorting.value, "diagonal": self.diagonal.isChecked()}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state` returned."""
        self.sorting.set_value(str(state.get("order", "class")))
        self.diagonal.setChecked(state.get("diagonal") is True)
        self.invalidate()


class Figure(QWidget):
    """One large number with its name above; a click asks what it means."""

    clicked = Signal()

    def __init__(self, words: str, definition: str) -> None:
        super().__init__()
        self._words, self._number, self._delta, self._ends = QLabel(words), QLabel(), QLabel(), QLabel()
        self._words.setProperty("role", "small")
        self._number.setProperty("role", "title")
        self._delta.setProperty("role", "small")
        self._ends.setProperty("role", "small")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        above = QHBoxLayout()
        above.setSpacing(6)
        above.addWidget(self._words)
        above.addWidget(self._delta)
        above.addStretch(1)
        layout.addLayout(above)
        below = QHBoxLayout()
        below.setSpacing(6)
        below.addWidget(self._number)
        below.addWidget(self._ends)
        below.addStretch(1)
        layout.addLayout(below)
        self.setToolTip(definition)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Ask for the definition with formula, source and limits."""
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.clicked.emit()

    def say(self, text: str, delta: str = "", about: str = "", ends: str = "") -> None:
        """Change the number with its interval, how far it is from that of a second network, and what to say of it."""
        self._number.setText(text)
        self._ends.setText(ends)
        self._ends.setVisible(bool(ends))
        self._delta.setText(delta)
        self._delta.setToolTip(about)
        self._delta.setVisible(bool(delta))
        self._number.setAccessibleName(" ".join(word for word in (self._words.text(), text, ends, delta) if word))

    @property
    def delta(self) -> str:
        """The difference as it is shown, "" for none."""
        return self._delta.text()

    @property
    def text(self) -> str:
        """The number as it is shown."""
        return self._number.text()


def shares(counts: Ints) -> Floats:
    """Share of each class (row) that is taken for each class, NaN for a class without pictures."""
    total = counts.sum(axis=1, keepdims=True).astype(np.float64)
    return np.asarray(np.divide(counts, total, out=np.full(counts.shape, np.nan), where=total > 0), dtype=np.float64)


def not_numbers(result: Result) -> float:
    """Share of the pictures so far for which the network's outputs are not numbers, 0 before the first."""
    if "top_class" not in result or "confidence" not in result:
        return 0.0
    seen = np.asarray(result["top_class"], dtype=np.int64)[:, 0] >= 0  # not those that could not be read
    if one_output(result):  # which has no confidence at all
        broken = np.asarray(result["prediction"], dtype=np.int64)[seen] < 0
    else:
        broken = np.isnan(np.asarray(result["confidence"])[seen])
    return float(broken.mean()) if seen.any() else 0.0


def broken_words(result: Result) -> str:
    """Say that outputs are not numbers, "" if all are."""
    share = not_numbers(result)
    if share == 1:
        return "The outputs of this network are not numbers (NaN or infinite): it recognises nothing."
    return f"outputs are not numbers for {numbers.percent(share)} of the pictures" if share else ""


def worst(counts: Ints, most: int = 5) -> list[tuple[int, int]]:
    """Row and column of the most frequent confusions, the largest first."""
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    flat = np.argsort(-wrong, axis=None, kind="stable")[:most]
    places = [(int(place) // len(counts), int(place) % len(counts)) for place in flat]
    return [(row, column) for row, column in places if wrong[row, column] > 0]


def _why_no_matrix(run: Run) -> str:
    if run.open:
        return "The confusion matrix follows when all pictures are classified."
    told = {warning.code: warning.text for warning in run.result.warnings}
    if one_output(run.result):
        return told.get("one_output", "The network has one output: there is no accuracy and no confidence.")
    if "top1" not in run.result:
        no_labels = "These pictures have no labels: there are predictions, but no accuracy."
        return told.get("labels_left_out", told.get("no_labels", no_labels))
    return "There is no confusion matrix: the run ended early, or the network has too many classes."


def _ends(name: str, result: Result) -> str:
    low, high = interval_of(result, name)
    return numbers.ends(100 * low, 100 * high, 1) if name != "loss" else numbers.ends(low, high, 3)


def _figure_text(name: str, value: float) -> str:
    return numbers.percent(value) if name != "loss" else numbers.with_unit(value, "nats")
