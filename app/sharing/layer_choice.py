"""Which layers read the ring: a list with check boxes, the usual ones, or those that are selected in the window."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QSizePolicy, QVBoxLayout, QWidget

from analysis.config import LayerSpec
from app.forms.flow import Flow
from app.forms.widgets import button, label
from app.reading.sharing import Candidate, candidates, chosen, patterns_of
from app.theme import Theme

TIP = "Checked layers read their weights from the ring; all others keep their own"
SELECTED = "Only the selected"
ROW = 20
"""Pixels of a line: the box needs more than small letters do."""


class LayerChoice(QWidget):
    """Every layer with weights of its own, checked if it shares them."""

    changed = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.setAccessibleName("Layers that share")
        self._rows: tuple[Candidate, ...] = ()
        self._selected: tuple[str, ...] = ()
        self._patterns = ""
        self._filling = False
        self.words = label("", "soft", wrap=True)
        self.usual = button("The usual", lambda: self._take(""), tip="All convolutions but the first and grouped ones")
        self.only = button(SELECTED, self._take_selected, tip="Layers that are selected, e.g. in the panel Layers")
        self.list = QListWidget()
        self.list.setAccessibleName("Layers, checked if they share")
        self.list.setToolTip(TIP)
        self.list.setMinimumHeight(2 * ROW)
        self.list.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)  # takes what is left over
        self.list.itemChanged.connect(lambda _item: self._ticked())
        head = Flow(label("Shared layers", "heading"), None, self.usual, self.only, gap=8, edges=(0, 0, 0, 0))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(head)
        layout.addWidget(self.words)
        layout.addWidget(self.list, 1)

    @property
    def patterns(self) -> str:
        """Module paths of the checked layers, comma-separated; "" for the usual ones."""
        return self._patterns

    def show_layers(self, layers: tuple[LayerSpec, ...], selected: tuple[str, ...]) -> None:
        """Show the layers of a network; those that were chosen stay chosen if it has them."""
        rows = candidates(layers)
        modules = {row.layer.name: row.layer.module for row in rows}
        self._selected = tuple(dict.fromkeys(modules[name] for name in selected if name in modules))
        self.only.setEnabled(bool(self._selected))
        count = f" ({len(self._selected)})" if len(self._selected) > 1 else ""
        self.only.setText(f"{SELECTED}{count}")
        if rows != self._rows:
            self._rows = rows
            self._fill()

    def set_patterns(self, text: str) -> None:
        """Check the layers that fit comma-separated patterns, the usual ones for ""."""
        self._patterns = text
        self._fill()

    def _fill(self) -> None:
        fits = chosen(self._patterns, self._rows)
        self._filling = True
        self.list.clear()
        longest = max((len(row.layer.module) for row in self._rows), default=0)
        for row, checked in zip(self._rows, fits, strict=True):
            item = QListWidgetItem(f"{row.layer.module:<{longest}} {row.weights:>12,}")
            item.setFont(self.theme.font("small_code"))
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked if checked else Qt.CheckState.Unchecked)
            item.setToolTip(row.why)
            item.setSizeHint(QSize(0, ROW))
            self.list.addItem(item)
        self._filling = False
        self._say(fits)

    def _ticked(self) -> None:
        if self._filling:
            return
        states = (self.list.item(place).checkState() for place in range(self.list.count()))
        fits = tuple(state == Qt.CheckState.Checked for state in states)
        if any(fits):
            self._patterns = patterns_of(fits, self._rows)
            self._say(fits)
            self.changed.emit()
        else:  # a ring needs a layer: the last one stays
            self._fill()

    def _take(self, patterns: str) -> None:
        self.set_patterns(patterns)
        self.changed.emit()

    def _take_selected(self) -> None:
        fits = tuple(row.layer.module in self._selected for row in self._rows)
        self._take(patterns_of(fits, self._rows))

    def _say(self, fits: tuple[bool, ...]) -> None:
        kept = sum(row.weights for row, fit in zip(self._rows, fits, strict=True) if not fit)
        own = f"{kept:,} weights of the others are their own" if kept else "none keeps weights of its own"
        self.words.setText(f"{sum(fits)} of {len(fits)} layers share · {own}")
        self.words.setToolTip("Biases and normalisation are never shared")
