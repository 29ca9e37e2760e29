"""A row that offers to go on with a run that ended early, beside how much of it is done or why it cannot go on."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from analysis.catalogue import MethodInfo
from app.drawing.readout import Line
from app.forms.widgets import button
from app.reading.continuing import Continuation, continued
from app.theme import Theme
from app.workspace import Run

TIP = "Measure only what is missing; what is finished is taken over"


class GoOn(QWidget):
    """Hidden while there is nothing to go on with."""

    wanted = Signal(object)
    """The request that goes on with the run."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.button = button("Go on", self._press, tip=TIP)
        self.said = Line(theme)
        self._found: Continuation | None = None
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 0, 8, 4)
        layout.addWidget(self.button)
        layout.addWidget(self.said, 1)
        self.hide()

    def show_run(self, run: Run | None, info: MethodInfo | None) -> None:
        """Offer to go on with a run, or say why it cannot."""
        self._found = continued(run, info) if run is not None else None
        found = self._found
        self.setVisible(found is not None)
        if found is not None and run is not None:
            self.button.setVisible(found.request is not None)
            self.said.say(f"{run.state.capitalize()}: {found.words}")

    def _press(self) -> None:
        if self._found is not None and self._found.request is not None:
            self.wanted.emit(self._found.request)
