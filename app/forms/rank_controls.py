"""The choices of the rank view: which measure, of which points, read how, and which lanes."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QCheckBox, QComboBox, QMenu, QToolButton, QVBoxLayout, QWidget

from app.drawing import rank_lanes
from app.forms.flow import Flow, together
from app.reading.glossary import TERMS
from app.reading.rank_reading import BESIDE, MEASURES

POINTS = {
    "all": ("conv", "linear", "activation", "block", "pooled"),
    "conv": ("conv", "linear"),
    "activation": ("activation",),
    "block": ("block", "pooled"),
}
POINT_WORDS = {"all": "all points", "conv": "convolutions", "activation": "activations", "block": "blocks"}
EXTRA = {rank_lanes.CHANGE: "Before and after activation", rank_lanes.WEIGHTS: "Features and weights"}


class RankControls(QWidget):
    """Choices, in as many rows as the width asks for. It knows what is chosen and tells when that changes."""

    measure_chosen = Signal(str)
    centred_chosen = Signal(bool)
    changed = Signal()
    """Points, dots or lanes are others."""
    weights_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.extra: set[str] = {rank_lanes.CHANGE}
        self.measure, self.dots, self.which = QComboBox(), QComboBox(), QComboBox()
        self._fill()
        self.centred = QCheckBox("centred")
        self.centred.setToolTip(
            "Take the mean feature off: after a ReLU, the largest singular value is mostly the mean."
        )
        self.lanes = QMenu(self)
        self.measure_weights = self._fill_lanes()
        button = QToolButton()
        button.setText("Lanes ▾")
        button.setAccessibleName("Lanes")
        button.setProperty("role", "flat")
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setMenu(self.lanes)
        flow = Flow(self.measure, self.dots, self.centred, None, together(self.which, button), gap=8)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(flow)
        self._connect()

    def _fill(self) -> None:
        for name in MEASURES:
            self.measure.addItem(TERMS[name].title, name)
            self.measure.setItemData(self.measure.count() - 1, TERMS[name].definition, Qt.ItemDataRole.ToolTipRole)
        for name in BESIDE:
            self.dots.addItem(f"+ {TERMS[name].title.lower()}" if name else "no second measure", name)
        for name, words in POINT_WORDS.items():
            self.which.addItem(words, name)
        self.measure.setAccessibleName("Measure")
        self.dots.setAccessibleName("Second measure, as dots")
        self.which.setAccessibleName("Points")

    def _fill_lanes(self) -> QAction:
        for lane, words in EXTRA.items():
            action = self.lanes.addAction(words)
            action.setCheckable(True)
            action.setChecked(lane in self.extra)
            action.setData(lane)
            action.triggered.connect(lambda _on=False, lane=lane: self.toggle_lane(lane))
        self.lanes.addSeparator()
        return self.lanes.addAction("Measure weight spectrum", self.weights_wanted.emit)

    def _connect(self) -> None:
        self.measure.activated.connect(lambda _place: self.measure_chosen.emit(self.measure.currentData()))
        self.dots.activated.connect(lambda _place: self.changed.emit())
        self.which.activated.connect(lambda _place: self.changed.emit())
        self.centred.clicked.connect(lambda on: self.centred_chosen.emit(bool(on)))

    @property
    def beside(self) -> str:
        """Measure that stands as dots over the bars, "" for none."""
        return str(self.dots.currentData())

    @property
    def points(self) -> str:
        """Key of :data:`POINTS`."""
        return str(self.which.currentData())

    def toggle_lane(self, lane: str) -> None:
        """Show an extra lane or take it away."""
        self.show_lanes(self.extra ^ {lane})
        self.changed.emit()

    def show_lanes(self, lanes: set[str]) -> None:
        """Show these extra lanes, without announcing it; unknown ones are ignored."""
        self.extra = lanes & set(EXTRA)
        for action in self.lanes.actions():
            if action.data():
                action.setChecked(action.data() in self.extra)

    def show_reading(self, measure: str, centred: bool) -> None:
        """Show what is read, without announcing it."""
        self.measure.setCurrentIndex(MEASURES.index(measure))
        self.centred.setChecked(centred)

    def restore(self, points: str, beside: str) -> None:
        """Choose points and dots, without announcing it; unknown words are ignored."""
        if points in POINTS:
            self.which.setCurrentIndex(list(POINTS).index(points))
        if beside in BESIDE:
            self.dots.setCurrentIndex(BESIDE.index(beside))
