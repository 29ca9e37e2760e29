"""What to explain and how: picture, class, layer, baseline, algorithms, and how the maps are coloured."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QCompleter, QLabel, QSlider, QVBoxLayout, QWidget

from analysis.measures.attributions import ALGORITHMS, algorithm
from app.forms.flow import Flow, together
from app.forms.widgets import GRID, button, tool, whole_number
from app.reading.attribution_asking import LAYERED
from app.reading.attribution_wish import DEFAULT, Wish
from app.reading.depth import shown_name
from app.theme import Theme

BASELINES = (("zero", "zero (mean colour)"), ("black", "black"), ("white", "white"), ("blur", "blurred picture"))
FIRST_LAYER = "last with maps"
NONE = "none has maps"
NO_MAPS = "No layer of this network has maps, which this looks at."
EDGES = (GRID, 0, GRID, 0)
"""Pixels around a row."""
TARGETS = (("predicted", "predicted class"), ("label", "true class"))


class AttributionForm(QWidget):
    """Rows of controls, as many as the width asks for."""

    changed = Signal()
    """What to explain has changed."""
    shown_changed = Signal()
    """How it is shown has changed."""
    stepped = Signal(int)
    """The picture before (-1) or after (1) is wanted."""
    explain_wanted = Signal()
    cancel_wanted = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._taking = False
        self._target = "predicted"
        """Class that was chosen last; what is being typed is none yet."""
        self._typing = False
        self._withheld: tuple[str, ...] = ()
        """Algorithms that were chosen before a network without maps was opened."""
        self.before = tool(theme, "back", "Previous picture", lambda: self.stepped.emit(-1))
        self.after = tool(theme, "forward", "Next picture", lambda: self.stepped.emit(1))
        self.picture = QLabel()
        self.target, self.layer, self.baseline = QComboBox(), QComboBox(), QComboBox()
        self.use_layer = tool(theme, "layers", "Use the selected layer", self._use_layer)
        self._selected_layer = ""
        self.steps = whole_number(2, 2000)
        self.steps.setValue(50)
        self.steps.lineEdit().setAccessibleName("Steps, typed")
        self.steps.setToolTip("Steps of integrated gradients and conductance; more bring the delta closer to 0.")
        self.side, self.stride = whole_number(0, 512), whole_number(0, 512)
        for field, name, words in (
            (
                self.side,
                "Window",
                "Side of the square that occlusion covers, in pixels; auto: an eighth of the picture.",
            ),
            (self.stride, "Stride", "Pixels from one square of occlusion to the next; auto: half its side."),
        ):
            field.setSpecialValueText("auto")
            field.setFixedWidth(72)
            field.lineEdit().setAccessibleName(f"{name}, typed")
            field.setToolTip(words)
        self.explain = button("Explain", self._explain, "primary")
        self.cancel = button("Cancel", self.cancel_wanted.emit)
        self.boxes: dict[str, QCheckBox] = {}
        self.shared = QCheckBox("one scale for all")
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self._set_up()
        self._lay_out()

    def _set_up(self) -> None:
        for widget, name in (
            (self.target, "Class to explain"), (self.layer, "Layer"), (self.baseline, "Baseline"),
            (self.steps, "Steps"), (self.side, "Window"), (self.stride, "Stride"),
            (self.opacity, "Opacity of the colours"),
        ):  # fmt: skip
            widget.setAccessibleName(name)
        self.target.setEditable(True)
        self.target.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        typed = self.target.lineEdit()
        assert typed is not None  # an editable box has one
        typed.setAccessibleName("Class to explain, type to filter")
        typed.textEdited.connect(self._typed)
        typed.editingFinished.connect(self._target_chosen)
        self.target.currentIndexChanged.connect(self._target_chosen)
        self.target.activated.connect(self._target_chosen)  # the index may be the same where a number stood
        for combo in (self.target, self.layer):  # names may be longer than any window is wide
            combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            combo.setMinimumContentsLength(13)
        for value, words in BASELINES:
            self.baseline.addItem(words, value)
        for item in ALGORITHMS:
            box = QCheckBox(item.title)
            box.setToolTip(item.summary)
            box.setChecked(item.name in DEFAULT)
            box.toggled.connect(self._say_changed)
            self.boxes[item.name] = box
        self.shared.setToolTip("The same colours mean the same values in all maps; else each map has its own scale.")
        self.opacity.setRange(10, 100)
        self.opacity.setValue(80)
        self.opacity.setFixedWidth(90)
        for combo in (self.layer, self.baseline):
            combo.currentIndexChanged.connect(self._say_changed)
        for field in (self.steps, self.side, self.stride):
            field.valueChanged.connect(self._say_changed)
        self.shared.toggled.connect(lambda _on: self.shown_changed.emit())
        self.opacity.valueChanged.connect(lambda _value: self.shown_changed.emit())
        self.set_names((), ())

    def _lay_out(self) -> None:
        """Put what belongs together into flows, so that a narrow tab has more rows and nothing lies on another."""
        self.covering = together(_soft("Occlusion: window"), self.side, 4, _soft("stride"), self.stride)
        self.covering.setVisible(False)
        self.boxes["occlusion"].toggled.connect(self.covering.setVisible)
        going = together(self.cancel, self.explain)
        choosing = (
            together(_soft("Class"), self.target),
            together(_soft("Layer"), self.layer, self.use_layer),
        )
        flows = (
            Flow(together(self.before, self.picture, self.after), *choosing, None, going, edges=EDGES),
            Flow(*self.boxes.values(), self.covering, edges=EDGES),
            Flow(
                together(_soft("Baseline"), self.baseline),
                together(_soft("Steps"), self.steps),
                None,
                together(self.shared, GRID, _soft("Opacity"), self.opacity),
                edges=EDGES,
            ),
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, GRID, 0, 0)
        column.setSpacing(GRID // 2)
        for flow in flows:
            column.addWidget(flow)

    # -- contents ----------------------------------------------------------------------------------------------------

    def set_names(self, classes: tuple[str, ...], layers: tuple[str, ...]) -> None:
        """Offer the classes and layers of a network; what is chosen or being typed stays where it can."""
        target, layer = self.wish.target, self.wish.layer
        self._taking = True
        if self._offered(self.target, len(TARGETS)) != list(classes) or self.target.count() < len(TARGETS):
            self._offer_classes(classes)
            if not self._typing:
                self._choose_target(target)
        if self._offered(self.layer, 1) != list(layers) or not self.layer.count():
            self.layer.clear()
            self.layer.addItem(FIRST_LAYER if self.layer.isEnabled() else NONE, "")
            for name in layers:
                self.layer.addItem(shown_name(name), name)
            self._choose_layer(layer)
        self._taking = False

    @staticmethod
    def _offered(combo: QComboBox, first: int) -> list[str]:
        return [combo.itemData(i) for i in range(first, combo.count())]

    def _offer_classes(self, classes: tuple[str, ...]) -> None:
        text = self.target.currentText()
        self.target.clear()
        for value, words in (*TARGETS, *((name, name) for name in classes)):
            self.target.addItem(words, value)
        completer = QCompleter(self.target.model(), self.target)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.target.setCompleter(completer)
        self.target.setEditText(text)

    def _choose_target(self, target: str) -> None:
        """Show a class; a number stays as it was typed, and so does a name while no classes are known."""
        place = self.target.findData(target)
        if place < 0 and (target.isdecimal() or self.target.count() == len(TARGETS)):
            self._target = target
            self.target.setEditText(target)
        else:
            self.target.setCurrentIndex(max(place, 0))
            self._target = str(self.target.currentData())

    def _choose_layer(self, layer: str) -> None:
        """Show a layer; while no layers are known it is the only one to choose."""
        if layer and self.layer.count() == 1:
            self.layer.addItem(shown_name(layer), layer)
        self.layer.setCurrentIndex(max(self.layer.findData(layer), 0))

    @property
    def wish(self) -> Wish:
        """What is chosen."""
        target = self._target if self._typing else self._read_target()
        names = tuple(name for name, box in self.boxes.items() if box.isChecked())
        layer, baseline = self.layer.currentData(), self.baseline.currentData()
        return Wish(names, target, str(layer or ""), str(baseline or "zero"), *self._sizes())

    def _sizes(self) -> tuple[int, int, int]:
        return self.steps.value(), self.side.value(), self.stride.value()

    def _read_target(self) -> str:
        text = self.target.currentText().strip()
        place = self.target.findText(text, Qt.MatchFlag.MatchFixedString)
        return str(self.target.itemData(place)) if place >= 0 else text or "predicted"

    def set_wish(self, wish: Wish) -> None:
        """Choose without announcing it."""
        self._taking = True
        for name, box in self.boxes.items():
            box.setChecked(name in wish.algorithms and box.isEnabled())
        self._withheld = tuple(name for name in wish.algorithms if not self.boxes[name].isEnabled())
        self.baseline.setCurrentIndex(max(self.baseline.findData(wish.baseline), 0))
        self.steps.setValue(wish.steps)
        self.side.setValue(wish.window)
        self.stride.setValue(wish.stride)
        self._typing = False
        self._choose_target(wish.target)
        self._choose_layer(wish.layer)
        self._taking = False

    def withhold_layers(self, withheld: bool) -> None:
        """Offer no algorithm that looks at a layer, because no layer has maps; later those that were chosen again."""
        if withheld == (not self.layer.isEnabled()):
            return
        boxes = {name: self.boxes[name] for name in LAYERED}
        self._taking = True
        chosen = tuple(name for name, box in boxes.items() if box.isChecked())
        for name, box in boxes.items():
            box.setEnabled(not withheld)
            box.setChecked(not withheld and name in self._withheld)
            box.setToolTip(NO_MAPS if withheld else algorithm(name).summary)
        self._withheld = chosen if withheld else ()
        self.layer.setEnabled(not withheld)
        self.layer.setItemText(0, NONE if withheld else FIRST_LAYER)
        self.layer.setToolTip(NO_MAPS if withheld else "")
        self._taking = False

    def forget_network(self) -> None:
        """Let go of a class of another network; a layer goes when the layers of the new one are known."""
        self._taking = True
        self._typing = False
        self._choose_target("predicted")
        self._taking = False

    def offer_layer(self, name: str) -> None:
        """Offer a layer that is selected elsewhere, if it is one of those that can be chosen."""
        self._selected_layer = name
        there = bool(name) and self.layer.findData(name) > 0 and self.layer.isEnabled()
        self.use_layer.setVisible(there and name != self.layer.currentData() and self.wish.layered)
        self.use_layer.setToolTip(f"Use the selected layer, {shown_name(name)}")

    def _use_layer(self) -> None:
        self.layer.setCurrentIndex(max(self.layer.findData(self._selected_layer), 0))

    def say_pictures(self, words: str, tip: str, several: bool, before: bool, after: bool) -> None:
        """Say which pictures are shown, and whether there are some before and after."""
        self.picture.setText(words)
        self.picture.setToolTip(tip)
        for arrow, there, which in ((self.before, before, "Previous"), (self.after, after, "Next")):
            arrow.setEnabled(there)
            arrow.setToolTip(f"{which} {'pictures' if several else 'picture'}")
        self.explain.setText("Explain all" if several else "Explain")

    def set_busy(self, busy: bool, why_not: str = "") -> None:
        """Offer to cancel instead of to explain while this is being computed.

        Parameters
        ----------
        why_not
            Why what is chosen cannot be explained.
        """
        self.cancel.setVisible(busy)
        self.explain.setVisible(not busy)
        self.explain.setEnabled(bool(self.wish.algorithms) and not why_not)
        self.explain.setToolTip(why_not)

    def _typed(self, _text: str) -> None:
        self._typing = True

    def _target_chosen(self, *_: object) -> None:
        if not self._taking:
            self._take_target()
            self._say_changed()

    def _explain(self) -> None:
        self._take_target()  # a press of the button need not take the focus from what is being typed
        self.explain_wanted.emit()

    def _take_target(self) -> None:
        self._typing = False
        self._target = self._read_target()

    def _say_changed(self, *_: object) -> None:
        if not self._taking:
            self.explain.setEnabled(bool(self.wish.algorithms))  # a class that is none is told by who knows them all
            self.changed.emit()


def _soft(text: str) -> QLabel:
    made = QLabel(text)
    made.setProperty("role", "soft")
    return made
