"""Start a window, wait for its first paint, print the CPU seconds that took: ``python first_paint.py layerscope|bare``.

Runs in a process of its own, since what is imported stays imported.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).parents[2]))


def told(widget: Any) -> None:
    """Print the CPU time at the first paint of a widget, and end."""
    from PySide6.QtCore import QEvent, QObject

    class Watcher(QObject):
        def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
            if event.type() == QEvent.Type.Paint:
                print(time.process_time(), flush=True)
                os._exit(0)
            return False

    widget.watcher = Watcher()
    widget.installEventFilter(widget.watcher)


def bare() -> None:
    """Show a main window with one empty plot."""
    import pyqtgraph as pg
    from PySide6.QtWidgets import QApplication, QMainWindow

    application = QApplication([])
    window, plot = QMainWindow(), pg.PlotWidget()
    window.setCentralWidget(plot)
    window.resize(1280, 800)
    told(plot.viewport())
    window.show()
    application.exec()


def layerscope() -> None:
    """Show LayerScope as its user starts it."""
    import tempfile

    from PySide6.QtWidgets import QApplication

    from analysis.remote import RemoteEngine
    from app.application import make_window, prepare
    from app.log import LogBuffer

    application = QApplication([])
    prepare(application)
    window = make_window(RemoteEngine(), Path(tempfile.mkdtemp()), LogBuffer())
    told(window.start_page)
    window.show()
    application.exec()


if __name__ == "__main__":
    {"bare": bare, "layerscope": layerscope}[sys.argv[1]]()
