"""What an attribution leads to: the channels that weigh most, and more steps where a delta is poor."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFontMetricsF, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from app.forms.widgets import button
from app.reading import numbers
from app.reading.attribution_reading import MapReading
from app.theme import Theme

MOST = 8
"""Channels that are named."""
APART = 16
"""Pixels between two of them."""


class AttributionLinks(QWidget):
    """One line of links, there only while there is something to follow."""

    steps_wanted = Signal(int)
    """More steps are to be tried."""
    unit_chosen = Signal(str, int)
    """Layer and channel that were clicked."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self._layer, self._steps = "", 0
        self.units = QLabel()
        self.units.setTextFormat(Qt.TextFormat.RichText)
        self.units.setProperty("role", "small")
        self.units.setAccessibleName("Channels with the greatest conductance")
        self.units.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.units.setTextInteractionFlags(
            Qt.TextInteractionFlag.LinksAccessibleByMouse | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
        )
        self.units.linkActivated.connect(lambda unit: self.unit_chosen.emit(self._layer, int(unit)))
        self.more = button("", lambda: self.steps_wanted.emit(self._steps), "link")
        self.more.setAccessibleName("Try more steps")
        self.more.setToolTip("More steps bring the convergence delta closer to 0.")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 2, 0, 2)
        row.addWidget(self.units, 1)
        row.addWidget(self.more)
        theme.changed.connect(self._write)
        self._shown: tuple[tuple[int, float], ...] = ()
        self.hide()

    def show_links(self, conductance: MapReading | None, steps: int) -> None:
        """Show the channels of a layer, and offer to try a number of steps; None and 0 for nothing."""
        self._shown = conductance.units(MOST) if conductance is not None else ()
        self._layer = conductance.run.result.facts.get("layer", "") if conductance is not None else ""
        self._steps = steps
        self._write()
        self.more.setText(f"Delta is poor: try {steps:,} steps")
        self.more.setVisible(steps > 0)
        self.units.setVisible(bool(self._shown))
        self.setVisible(bool(self._shown) or steps > 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Name as many channels as have room."""
        super().resizeEvent(event)
        self._write()

    def _write(self) -> None:
        color = self.theme.readable("accent").name()
        metrics = QFontMetricsF(self.theme.font("small"))
        room = float(self.width()) - (self.more.sizeHint().width() + APART if self._steps else 0)
        words = f"Conductance by channel of {self._layer}:"
        room -= metrics.horizontalAdvance(words)
        links = []
        for unit, value in self._shown:
            text = numbers.signed_short(value)
            room -= metrics.horizontalAdvance(f"{unit} {text}") + APART
            if room > 0:
                links.append(f'<a style="color:{color}" href="{unit}">{unit}</a>&nbsp;{text}')
        self.units.setText(f"{words} {' &nbsp; '.join(links)}")
        self.units.setToolTip("The channels that weigh most, for the class or against it. A click selects one.")
