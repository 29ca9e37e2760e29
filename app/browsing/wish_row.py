"""Controls above the grid: which pictures are wanted, and in which order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from app.browsing.boxes import ClassBox, Classes, Percent, percent_words
from app.forms.flow import Flow, together
from app.reading.samples import (
    DISAGREE,
    OF_TWO,
    ONLY_HERE,
    ONLY_THERE,
    ORDER_WORDS,
    ORDERS,
    VERDICTS,
    Wish,
    number_asked,
)

NEEDS_RUN = "This needs predictions: measure the accuracy first."
VERDICT_WORDS = {
    "all": "right and wrong",
    "right": "right",
    "wrong": "wrong",
    DISAGREE: "the two disagree",
    ONLY_HERE: "only this one right",
    ONLY_THERE: "only the other right",
}


class WishRow(QWidget):
    """Search, classes, right or wrong, confidence and order, in as many rows as the width asks for.

    Attributes
    ----------
    ordering
        The controls of the order.
    """

    changed = Signal()
    entered = Signal()
    """Enter was pressed in the search."""

    def __init__(self) -> None:
        super().__init__()
        self.search = QLineEdit()
        self.label, self.prediction = ClassBox("True class", "all classes"), ClassBox("Prediction", "any prediction")
        self.verdict, self.order = QComboBox(), QComboBox()
        self.low, self.high = Percent("Least confidence", 0.0), Percent("Largest confidence", 1.0)
        self.falling = QToolButton()
        self._measured = False
        self._waiting = ""
        """Verdict of two networks that is wanted while there is only one."""
        self._build()
        self._connect()

    def _build(self) -> None:
        self.search.setPlaceholderText("Class, file or #12")
        self.search.setAccessibleName("Search by class, file or number")
        self.search.setToolTip(
            "Part of the name of a class, true or predicted, or of a file. A number such as #12, and Enter, goes there."
        )
        self.search.setClearButtonEnabled(True)
        self.search.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        for verdict in (one for one in VERDICTS if one not in OF_TWO):
            self.verdict.addItem(VERDICT_WORDS[verdict], verdict)
        self.verdict.setAccessibleName("Right or wrong")
        self.verdict.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        for order in ORDERS:
            self.order.addItem(ORDER_WORDS[order], order)
        self.order.setAccessibleName("Order")
        self.falling.setCheckable(True)
        self.falling.setText("↑")
        self.falling.setProperty("role", "flat")
        self.falling.setAccessibleName("Largest first")
        self._lay_out()

    def _lay_out(self) -> None:
        """Put search, choices, confidence and order into as many rows as the width asks for."""
        self.ordering = together(self.order, self.falling, spacing=2)
        between = together(QLabel("confidence"), self.low, QLabel("–"), self.high, spacing=6)
        parts = (self.search, self.label, self.prediction, self.verdict, between)
        self._flow = Flow(*parts, None, self.ordering, gap=6, edges=(8, 6, 8, 4))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._flow)

    @property
    def wide(self) -> bool:
        """True if all controls stand in one row."""
        return len(self._flow.rows(self.width())) == 1

    def _connect(self) -> None:
        self.search.textChanged.connect(lambda _text: self.changed.emit())
        self.search.returnPressed.connect(self.entered)
        self.verdict.activated.connect(self._stop_waiting)
        for box in (self.label, self.prediction, self.verdict, self.order):
            box.activated.connect(lambda _place: self.changed.emit())
        for spin in (self.low, self.high):
            spin.valueChanged.connect(lambda _value: self.changed.emit())
        self.falling.toggled.connect(self._turned)

    def _stop_waiting(self, _place: int) -> None:
        self._waiting = ""

    def _turned(self, falling: bool) -> None:
        self.falling.setText("↓" if falling else "↑")
        self.falling.setToolTip("Largest first" if falling else "Smallest first")
        self.changed.emit()

    @property
    def wish(self) -> Wish:
        """What is wanted."""
        return Wish(
            self.label.chosen, str(self.verdict.currentData()), self.low.share, self.high.share, self.search.text(),
            str(self.order.currentData()), self.falling.isChecked(), self.prediction.chosen,
        )  # fmt: skip

    @property
    def kept(self) -> Wish:
        """What is wanted, or will be as soon as a second network is there."""
        return replace(self.wish, verdict=self._waiting) if self._waiting else self.wish

    def usable(self, measured: bool) -> Wish:
        """Return what is wanted, without what needs predictions or classes where there are none."""
        wish = self.wish if self.label.known else replace(self.wish, label=-1)
        if measured:
            return wish
        falling = wish.falling and wish.order == "place"  # that of an order that is not to be had says nothing
        return replace(wish, verdict="all", low=0.0, high=1.0, order="place", falling=falling, prediction=-1)

    def words(self, measured: bool) -> str:
        """Say which pictures are wanted, "" for all."""
        wish = self.usable(measured)
        found = [self.label.currentText()] if wish.label >= 0 else []
        found += [f"taken for {self.prediction.currentText()}"] if wish.prediction >= 0 else []
        found += [VERDICT_WORDS[wish.verdict]] if wish.verdict != "all" else []
        if (wish.low, wish.high) != (0.0, 1.0):
            found.append(f"confidence {percent_words(wish.low)} to {percent_words(wish.high)}")
        if wish.words.strip() and number_asked(wish.words) < 0:
            found.append(f"named {wish.words.strip()}")
        return ", ".join(found)

    def show_wish(self, wish: Wish) -> None:
        """Show a wish, without announcing it."""
        before = self.blockSignals(True)
        self.search.setText(wish.words)
        self.label.choose(wish.label)
        self.prediction.choose(wish.prediction)
        for box, value in ((self.verdict, wish.verdict), (self.order, wish.order)):
            box.setCurrentIndex(max(0, box.findData(value)))
        self._waiting = wish.verdict if wish.verdict in OF_TWO and self.verdict.findData(wish.verdict) < 0 else ""
        self.low.set_share(wish.low)
        self.high.set_share(wish.high)
        self.falling.setChecked(wish.falling)
        self.blockSignals(before)

    def set_classes(self, classes: Classes, predicted: Classes = ()) -> None:
        """Offer these classes, and these predictions; the chosen one stays if it is among them."""
        self.label.offer(classes)
        self.prediction.offer(predicted)
        self.label.setEnabled(self.label.known)
        self.label.setToolTip("True class" if classes else "The pictures have no labels.")

    def set_compared(self, name: str) -> None:
        """Offer verdicts of two networks, "" for the name of the second one to offer none."""
        offered, chosen = self.verdict.findData(DISAGREE) >= 0, str(self.verdict.currentData())
        if name and not offered:
            for verdict in OF_TWO:
                self.verdict.addItem(VERDICT_WORDS[verdict], verdict)
            if self._waiting:
                self.verdict.setCurrentIndex(self.verdict.findData(self._waiting))
                self._waiting = ""
        elif offered and not name:
            for verdict in OF_TWO:
                self.verdict.removeItem(self.verdict.findData(verdict))
            if chosen in OF_TWO:
                self.verdict.setCurrentIndex(0)
        for verdict in OF_TWO if name else ():
            tip = f"The other one is {name}"
            self.verdict.setItemData(self.verdict.findData(verdict), tip, Qt.ItemDataRole.ToolTipRole)

    def set_measured(self, measured: bool) -> None:
        """Allow what needs predictions, or say why not."""
        for widget, words in (
            (self.verdict, ""),
            (self.prediction, "What the network takes them for"),
            (self.low, "Least confidence of the prediction"),
            (self.high, "Largest confidence of the prediction"),
            (self.order, ""),
        ):
            widget.setEnabled(measured)
            widget.setToolTip(words if measured else NEEDS_RUN)
        self._measured = measured
        self._allow_turning()

    def _allow_turning(self) -> None:
        """Allow the largest first where the order can be had."""
        self.falling.setEnabled(self._measured or self.order.currentData() == "place")


def wish_of(state: dict[str, Any]) -> Wish:
    """Read a wish from a workspace file; what makes no sense is left out."""
    low, high = (_share(state.get(name), default) for name, default in (("low", 0.0), ("high", 1.0)))
    verdict, order, words = state.get("verdict"), state.get("order"), state.get("words")
    return Wish(
        _number(state.get("label")),
        verdict if verdict in VERDICTS else "all",
        low, high,
        words if isinstance(words, str) else "",
        order if order in ORDERS else "place",
        state.get("falling") is True,
        _number(state.get("prediction")),
    )  # fmt: skip


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else -1


def _share(value: object, default: float) -> float:
    return float(value) if isinstance(value, (int, float)) and 0 <= value <= 1 else default
