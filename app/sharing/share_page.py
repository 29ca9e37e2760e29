"""Share the open network: a form at the left, what it makes of degrees of freedom and memory at the right."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QFrame,
    QGridLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from analysis.config import LayerSpec
from analysis.measures.ring_fits import Freedom
from app.drawing.readout import Line
from app.forms.widgets import Elided, button, label, whole_number
from app.reading import numbers
from app.reading.glossary import TERMS
from app.reading.sharing import LAYOUTS, SCOPES, VARIANTS, Wish, free, memory, planned, shareable
from app.sharing.layer_choice import LayerChoice
from app.theme import Theme

SIDE, NOTE = 296, 100
"""Pixels of the form, and of the shortest line of a note."""
SAYS = (
    "The trained weights are projected onto the ring. That is a diagnosis: most of what was learnt is lost. To get a "
    "good network with a ring, train it (see Measure, Train with shared weights)."
)
FREEDOMS = (
    ("shared", "shared part"),
    ("shared_ratio", "of the weights it makes"),
    ("unshared", "not shared"),
    ("total", "in all"),
    ("total_ratio", "of the network's parameters"),
)


class SharePage(QWidget):
    """What is wished, and what it comes to. Nothing is changed before the button is pressed."""

    shared = Signal(object)
    """A :class:`app.reading.sharing.Wish` for the open network, None to take the sharing back."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.setAccessibleName("Share the network")
        self._layers: tuple[LayerSpec, ...] = ()
        self._parameters = 0.0
        self._ring: tuple[tuple[str, str], ...] = ()
        self._second: tuple[str, tuple[LayerSpec, ...], float] = ("", (), 0.0)
        self._taking = False
        self.claim = Line(theme, "text", "text")
        self.ratio = QDoubleSpinBox()
        self.ratio.setDecimals(3)
        self.ratio.setRange(0.001, 1.0)
        self.ratio.setSingleStep(0.05)
        self.ratio.lineEdit().setTextMargins(4, 0, 0, 0)
        self.scope, self.variant, self.layout_ = (self._choice(entries) for entries in (SCOPES, VARIANTS, LAYOUTS))
        self.seed = whole_number(0, 2**31 - 1)
        self.apply = button("Share", lambda: self.shared.emit(self.wish), "primary")
        self.back = button("Take sharing back", lambda: self.shared.emit(None))
        self.choice = LayerChoice(theme)
        self.choice.changed.connect(self._changed)
        self.cells: dict[str, QLabel] = {}
        self.seconds: dict[str, QLabel] = {}
        self.rows: list[tuple[QLabel, QLabel, QLabel]] = []
        for spin in (self.ratio, self.seed):
            spin.valueChanged.connect(self._changed)
        self._lay_out()
        self.set_wish(Wish())

    def _choice(self, entries: tuple[tuple[str, str], ...]) -> QComboBox:
        made = QComboBox()
        for value, words in entries:
            made.addItem(words, value)
        made.currentIndexChanged.connect(self._changed)
        return made

    def _lay_out(self) -> None:
        left = QWidget()
        form = QFormLayout(left)
        form.setContentsMargins(12, 4, 0, 8)
        form.setVerticalSpacing(8)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)  # letters may be large
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        fields = (
            ("Size N / M", self.ratio, "Entries of the ring over the weights that it makes"),
            ("One ring for", self.scope, "A stage holds maps of one size"),
            ("Variant", self.variant, "How entries are assigned to weights; the first is the method"),
            ("Layout", self.layout_, "Order of the entries in shuffled variants"),
            ("Seed", self.seed, "Of assignment and signs"),
        )
        for words, field, tip in fields:
            field.setAccessibleName(words)
            field.setToolTip(tip)
            form.addRow(words, field)
        note = label(SAYS, "soft", wrap=True)
        form.addRow(note)
        form.addRow(self.apply)
        form.addRow(self.back)
        left.setFixedWidth(SIDE)
        inner = QWidget()
        self._body, self._right = QBoxLayout(QBoxLayout.Direction.LeftToRight, inner), QVBoxLayout()
        body, right = self._body, self._right
        right.setContentsMargins(16, 4, 12, 8)
        right.setSpacing(12)
        right.addWidget(label("Degrees of freedom", "heading"))
        right.addLayout(self._make_freedom())
        right.addWidget(label("Memory", "heading"))
        right.addLayout(self._make_memory())
        right.addWidget(self.choice, 1)
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(0)
        body.addWidget(left, 0, Qt.AlignmentFlag.AlignTop)
        body.addLayout(right, 1)
        area = QScrollArea()  # a low window cannot show all of it, and lines must not be squeezed into each other
        area.setWidget(inner)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setAccessibleName("What is shared, and what it comes to")
        head = QVBoxLayout()
        head.setContentsMargins(12, 4, 8, 4)
        head.addWidget(self.claim)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(area, 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put the form above the numbers where there is no room for their notes beside it."""
        super().resizeEvent(event)
        needed = SIDE + self._right.minimumSize().width() + NOTE * self.theme.scale
        narrow = self.width() < needed
        self._body.setDirection(QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight)

    def _make_freedom(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(3, 1)
        self.second_name, self.second_missing = Elided("", "soft"), label("", "soft", wrap=True)
        grid.addWidget(self.second_name, 0, 2, 1, 2)
        grid.addWidget(self.second_missing, len(FREEDOMS) + 1, 0, 1, 4)
        for row, (name, words) in enumerate(FREEDOMS, 1):
            title = label(words)
            title.setToolTip(TERMS["degrees_of_freedom"].definition)
            self.cells[name] = label("")
            grid.addWidget(title, row, 0)
            self.seconds[name] = label("", "soft")
            grid.addWidget(self.cells[name], row, 1, Qt.AlignmentFlag.AlignRight)
            grid.addWidget(self.seconds[name], row, 2, Qt.AlignmentFlag.AlignRight)
        return grid

    def _make_memory(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(2, 1)
        for row in range(8):
            cells = (label(""), label(""), label("", "soft", wrap=True))
            self.rows.append(cells)
            grid.addWidget(cells[0], row, 0)
            grid.addWidget(cells[1], row, 1, Qt.AlignmentFlag.AlignRight)
            grid.addWidget(cells[2], row, 2)
        return grid

    # -- showing -----------------------------------------------------------------------------------------------------

    @property
    def wish(self) -> Wish:
        """What the form says."""
        scope, variant, layout = (str(choice.currentData()) for choice in (self.scope, self.variant, self.layout_))
        return Wish(round(self.ratio.value(), 3), scope, variant, layout, self.seed.value(), self.choice.patterns)

    def show_network(
        self,
        layers: tuple[LayerSpec, ...],
        parameters: float,
        ring: tuple[tuple[str, str], ...],
        selected: tuple[str, ...] = (),
        second: tuple[str, tuple[LayerSpec, ...], float] = ("", (), 0.0),
    ) -> None:
        """Show a network; the form takes over how it is shared whenever that changes.

        Parameters
        ----------
        layers, parameters
            Rows and number of parameters of the network without sharing.
        ring
            How it is shared, empty for not at all.
        selected
            Names of the rows that are selected in the window.
        second
            Name, rows and number of parameters of the network that is compared with: what the same wish makes of it.
        """
        self._second = second
        self.choice.show_layers(layers, selected)
        self._layers, self._parameters = layers, parameters
        if ring != self._ring:
            self._ring = ring
            if ring:
                self.set_wish(Wish.of(ring))
        self._show()

    def set_wish(self, wish: Wish) -> None:
        """Fill in the form."""
        self._taking = True
        self.ratio.setValue(wish.ratio)
        for choice, value in ((self.scope, wish.scope), (self.variant, wish.variant), (self.layout_, wish.layout)):
            choice.setCurrentIndex(max(choice.findData(value), 0))
        self.seed.setValue(wish.seed)
        self.choice.set_patterns(wish.layers)
        self._taking = False
        self._show()

    def _changed(self) -> None:
        if not self._taking:
            self._show()

    def _show_second(self, wish: Wish) -> None:
        """Show beside it what the same wish makes of the network that is compared with."""
        name, layers, parameters = self._second
        banks = planned(wish, layers) if layers else ()
        texts = freedom_texts(free(banks, parameters)) if banks else {}
        why = "it has none of the chosen layers" if layers else "its structure has not been read"
        missing = "" if banks or not name else f"{name}: not compared, because {why}"
        self.second_name.set_text(name if banks else "")
        self.second_missing.setText(missing)
        for part, words in ((self.second_name, self.second_name.full), (self.second_missing, missing)):
            part.setVisible(bool(words))
        for key, cell in self.seconds.items():
            cell.setText(texts.get(key, ""))

    def _show(self) -> None:
        wish = self.wish
        possible = bool(shareable(self._layers)) or bool(wish.layers)
        self.layout_.setEnabled(wish.variant in ("full", "perm"))
        same = bool(self._ring) and wish.to_pairs() == self._ring
        self.apply.setText("Shared" if same else "Share the weights")
        self.apply.setEnabled(possible and not same)
        self.apply.setToolTip("Changes the network that is open; can be undone")
        self.back.setEnabled(bool(self._ring))
        if not possible:
            self.claim.say("This network has no convolution whose weights could be shared.")
            return
        banks = planned(wish, self._layers)
        if not banks:
            self.apply.setEnabled(False)
            self.claim.say("This network has none of the chosen layers.")
            return
        found = free(banks, self._parameters)
        many = len(banks) > 1
        rings = f"{len(banks)} rings of {{}} entries make" if many else "a ring of {} entries makes"
        size = sum(bank.size for bank in banks)
        layers = sum(len(bank.names) for bank in banks)
        state = "Shared now" if same else "Would be shared"
        self.claim.say(
            f"{state}: {rings.format(f'{size:,}')} {found.generated:,} weights of {layers} layer{'s' * (layers > 1)}"
        )
        for name, text in freedom_texts(found).items():
            self.cells[name].setText(text)
        self._show_second(wish)
        for cells, one in zip(self.rows, memory(banks, found.unshared), strict=True):
            for cell, text in zip(cells, (one.name, numbers.short(one.number, "bytes"), one.words), strict=True):
                cell.setText(text)


def freedom_texts(found: Freedom) -> dict[str, str]:
    """Words for the degrees of freedom of a network with rings."""
    return {
        "shared": f"{found.shared:,}",
        "shared_ratio": numbers.percent(found.shared_ratio),
        "unshared": f"{found.unshared:,}",
        "total": f"{found.total:,}",
        "total_ratio": numbers.percent(found.total_ratio),
    }
