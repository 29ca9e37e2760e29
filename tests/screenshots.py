"""Take pictures of the real window, with the real engine and the demo: ``python -m tests.screenshots FOLDER``."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtWidgets import QApplication

from analysis.remote import RemoteEngine
from app.application import make_window, prepare
from app.log import LogBuffer
from app.main_window import MainWindow

SIZES = {"": (1280, 800), "-large": (2560, 1440)}
LIMIT = 240.0


def wait(until: Callable[[], bool], what: str) -> None:
    """Let the window live until something is so."""
    end = time.monotonic() + LIMIT
    while not until():
        QApplication.processEvents()
        if time.monotonic() > end:
            raise TimeoutError(f"waited too long for {what}")
        time.sleep(0.005)


def rest(seconds: float = 0.6) -> None:
    """Let delayed drawing finish."""
    end = time.monotonic() + seconds
    wait(lambda: time.monotonic() > end, "the window to rest")


def idle(window: MainWindow) -> bool:
    """Tell whether the engine is there and has nothing to do."""
    workspace = window.workspace
    return window.desk.client.hello is not None and not any(run.open for run in workspace.runs.values())


def prepare_demo(window: MainWindow) -> None:
    """Open the demo, take the first look and wait for its end."""
    wait(lambda: window.desk.client.hello is not None, "the engine")
    window.desk.session.open_demo()
    wait(lambda: window.workspace.latest("evaluate") is not None and idle(window), "the first look")
    window.desk.notices.clear()
    convolutions = [layer.name for layer in window.workspace.layers if layer.kind == "conv"]
    window.workspace.select_layer(convolutions[len(convolutions) // 2])


def main(folder: Path) -> None:
    """Write a picture of every view, light and dark, small and large."""
    folder.mkdir(parents=True, exist_ok=True)
    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    prepare(application)
    with tempfile.TemporaryDirectory() as home:
        os.environ["LAYERSCOPE_HOME"] = home
        window = make_window(RemoteEngine(), Path(home), LogBuffer())
        window.resize(*SIZES[""])
        window.show()
        window.desk.client.start()
        rest()
        shots(window, folder, "start")
        prepare_demo(window)
        for name, _title in window.tabs.names():
            window.tabs.show_view(name)
            rest()
            shots(window, folder, name)
        window.tabs.show_view("overview")
        window.slots.export_figure()
        rest(6)
        shots(window, folder, "figure")
        window.close()
        application.processEvents()


def shots(window: MainWindow, folder: Path, name: str) -> None:
    """Grab the window in every size and both themes."""
    for size, (width, height) in SIZES.items():
        window.resize(width, height)
        for mode in ("light", "dark"):
            window.theme.set_mode(mode)
            rest()
            window.grab().save(str(folder / f"{name}-{mode}{size}.png"))
    window.resize(*SIZES[""])
    window.theme.set_mode("light")
    rest()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
