"""Garbage is collected in the thread of the window alone.

Python collects wherever the last allocation happened to be. A thread that decodes thumbnails would then delete widgets,
which Qt allows in its own thread only: the process dies.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

EVERY_MS = 500
"""Milliseconds between two looks at how much there is to collect."""


class Collecting(QObject):
    """Takes the place of Python's automatic collection while it exists.

    Parameters
    ----------
    parent
        Lives in the thread of the window.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._limits = gc.get_threshold()
        self._timer = QTimer(self)
        self._timer.setInterval(EVERY_MS)
        self._timer.timeout.connect(self.collect)
        gc.disable()
        gc.freeze()  # what has been imported stays: nobody need walk through it again
        self._timer.start()

    def collect(self) -> None:
        """Collect the generations that have grown past Python's own limits, the oldest of them."""
        counts = gc.get_count()
        grown = [age for age, (count, limit) in enumerate(zip(counts, self._limits, strict=True)) if count > limit > 0]
        if grown:
            gc.collect(max(grown))

    def stop(self) -> None:
        """Collect what is left while the application still is, and let Python collect by itself again."""
        self._timer.stop()
        gc.collect()
        gc.enable()
