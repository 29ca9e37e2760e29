"""Controls above the grid: which pictures are wanted, and in which order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QLineEdit, QSizePolicy, QSpinBox, QToolButton, QWidget

from app.reading.samples import DISAGREE, OF_TWO, ONLY_HERE, ONLY_THERE, ORDER_WORDS, ORDERS, VERDICTS, Wish

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
    """Search, class, right or wrong, range of confidence; the order stands elsewhere.

    Attributes
    ----------
    ordering
        The controls of the order, for the caller to put where there is room.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.search, self.label = QLineEdit(), QComboBox()
        self.verdict, self.order = QComboBox(), QComboBox()
        self.low, self.high = _percent("Least confidence", 0), _percent("Largest confidence", 100)
        self.falling = QToolButton()
        self._names: tuple[str, ...] = ()
        self._waiting = ""
        """Verdict of two networks that is wanted while there is only one."""
        self._build()
        self._connect()

    def _build(self) -> None:
        self.search.setPlaceholderText("Search classes")
        self.search.setAccessibleName("Search by class name")
        self.search.setToolTip("Part of the name of the true or of the predicted class")
        self.search.setClearButtonEnabled(True)
        self.search.setMinimumWidth(130)
        self.search.setMaximumWidth(160)
        self.label.setAccessibleName("True class")
        self.label.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.label.setMinimumContentsLength(9)
        self.label.addItem("all classes", -1)
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
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 6, 8, 4)
        row.setSpacing(6)
        for widget in (self.search, self.label, self.verdict, QLabel("confidence"), self.low, QLabel("–"), self.high):
            row.addWidget(widget)
        row.addStretch(1)
        self.ordering = QWidget()
        beside = QHBoxLayout(self.ordering)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.setSpacing(2)
        beside.addWidget(self.order)
        beside.addWidget(self.falling)

    def _connect(self) -> None:
        self.search.textChanged.connect(lambda _text: self.changed.emit())
        self.verdict.activated.connect(self._stop_waiting)
        for box in (self.label, self.verdict, self.order):
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
            int(self.label.currentData()), str(self.verdict.currentData()), self.low.value() / 100,
            self.high.value() / 100, self.search.text(), str(self.order.currentData()), self.falling.isChecked(),
        )  # fmt: skip

    @property
    def kept(self) -> Wish:
        """What is wanted, or will be as soon as a second network is there."""
        return replace(self.wish, verdict=self._waiting) if self._waiting else self.wish

    def usable(self, measured: bool) -> Wish:
        """Return what is wanted, without what needs predictions or classes where there are none."""
        wish = self.wish if self._names else replace(self.wish, label=-1)
        return wish if measured else replace(wish, verdict="all", low=0.0, high=1.0, order="place")

    def words(self, measured: bool) -> str:
        """Say which pictures are wanted, "" for all."""
        wish = self.usable(measured)
        found = [self.label.currentText()] if wish.label >= 0 else []
        found += [VERDICT_WORDS[wish.verdict]] if wish.verdict != "all" else []
        if (wish.low, wish.high) != (0.0, 1.0):
            found.append(f"confidence {wish.low:.0%} to {wish.high:.0%}".replace("%", " %"))
        found += [f"named {wish.words.strip()}"] if wish.words.strip() else []
        return ", ".join(found)

    def show_wish(self, wish: Wish) -> None:
        """Show a wish, without announcing it."""
        before = self.blockSignals(True)
        self.search.setText(wish.words)
        if not self._names:  # they are known when the pictures have been read
            self._offer_classes(())
            if wish.label >= 0:
                self.label.addItem(f"class {wish.label}", wish.label)
        for box, value in ((self.label, wish.label), (self.verdict, wish.verdict), (self.order, wish.order)):
            box.setCurrentIndex(max(0, box.findData(value)))
        self._waiting = wish.verdict if wish.verdict in OF_TWO and self.verdict.findData(wish.verdict) < 0 else ""
        self.low.setValue(round(100 * wish.low))
        self.high.setValue(round(100 * wish.high))
        self.falling.setChecked(wish.falling)
        self.blockSignals(before)

    def set_classes(self, names: tuple[str, ...]) -> None:
        """Offer these classes; the chosen one stays if it is among them."""
        self.label.setEnabled(bool(names))
        if names == self._names:
            return
        self._names, chosen = names, self.label.currentData()
        self._offer_classes(names)
        self.label.setCurrentIndex(max(0, self.label.findData(chosen)))

    def _offer_classes(self, names: tuple[str, ...]) -> None:
        self.label.clear()
        self.label.addItem("all classes", -1)
        for number, name in enumerate(names):
            self.label.addItem(name, number)

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
            (self.low, "Least confidence of the prediction"),
            (self.high, "Largest confidence of the prediction"),
            (self.order, ""),
        ):
            widget.setEnabled(measured)
            widget.setToolTip(words if measured else NEEDS_RUN)


def _percent(name: str, value: int) -> QSpinBox:
    spin = QSpinBox()
    spin.setRange(0, 100)
    spin.setValue(value)
    spin.setSuffix(" %")
    spin.setSingleStep(5)
    spin.setAlignment(Qt.AlignmentFlag.AlignRight)
    spin.setAccessibleName(name)
    spin.setKeyboardTracking(False)
    spin.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
    spin.setMaximumWidth(78)
    return spin


def wish_of(state: dict[str, Any]) -> Wish:
    """Read a wish from a workspace file; what makes no sense is left out."""
    low, high = (_share(state.get(name), default) for name, default in (("low", 0.0), ("high", 1.0)))
    verdict, order, label = state.get("verdict"), state.get("order"), state.get("label")
    words = state.get("words")
    return Wish(
        label if isinstance(label, int) and label >= -1 else -1,
        verdict if verdict in VERDICTS else "all",
        low, high,
        words if isinstance(words, str) else "",
        order if order in ORDERS else "place",
        state.get("falling") is True,
    )  # fmt: skip


def _share(value: object, default: float) -> float:
    return float(value) if isinstance(value, (int, float)) and 0 <= value <= 1 else default
