"""A configuration that takes time to work out: in the pauses of the window, with progress, and a button that gives up.

What is quick is there at once. Everything else is worked out slice by slice, so that the window answers meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from analysis.measures.widths.fitting import Proposal
from analysis.measures.widths.sensitivity import Steps
from analysis.problems import AnalysisError
from app.forms.widgets import GRID, Bar, button, label
from app.theme import Theme

AT_ONCE = 0.1
"""Seconds that a choice may take before the window goes on with other things."""
SLICE = 0.02


class Choosing(QWidget):
    """Shown while something is worked out; nothing of it is in the configuration before its end."""

    failed = Signal(object)
    """An AnalysisError: the choice cannot be made."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._steps: Steps | None = None
        self._take: Callable[[Proposal], None] | None = None
        self._needed: Callable[[], bool] = bool
        self._pauses = QTimer(self)
        self._pauses.setInterval(0)
        self._pauses.timeout.connect(lambda: self._work(SLICE))
        self.words, self.bar = label("", "small"), Bar(theme, 120)
        self.cancel = button("Cancel", self.stop, "", "Leave the widths as they are")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID)
        for part in (self.words, self.bar, self.cancel):
            row.addWidget(part)
        self.hide()

    @property
    def busy(self) -> bool:
        """True while something is being worked out."""
        return self._steps is not None

    def start(self, words: str, steps: Steps, take: Callable[[Proposal], None], needed: Callable[[], bool]) -> None:
        """Work out a choice instead of the one before.

        Parameters
        ----------
        words
            What is chosen.
        steps
            Yields the share that is done.
        take
            Called with the proposal at the end.
        needed
            Asked before each slice; where it says no, the choice is given up.
        """
        self.stop()
        self._steps, self._take, self._needed = steps, take, needed
        self.words.setText(f"{words} …")
        self.bar.set_share(0.0)
        self._work(AT_ONCE)
        if self._steps is steps:
            self._pauses.start()
            self.show()

    def stop(self) -> None:
        """Give up; the configuration stays as it is."""
        self._pauses.stop()
        self._steps = None
        self.hide()

    def _work(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        steps, take = self._steps, self._take
        if steps is None or take is None or not self._needed():
            self.stop()
            return
        try:
            while time.monotonic() < end:
                self.bar.set_share(next(steps))
        except StopIteration as last:
            self.stop()
            take(last.value)
        except AnalysisError as error:
            self.stop()
            self.failed.emit(error)
