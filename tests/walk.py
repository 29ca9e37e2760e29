"""Pictures of the walk-through in docs/widths.md, taken of the real window: ``python -m tests.walk FOLDER``."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PIL import Image
from PySide6.QtWidgets import QApplication

from analysis.remote import RemoteEngine
from analysis.request import ImageSource, ModelSource
from app.application import make_window, prepare
from app.log import LogBuffer
from app.main_window import MainWindow
from tests.screenshots import idle, rest, wait

NETWORK = ModelSource("torchvision:mobilenet_v2", ("random",))
PICTURES = ImageSource("noise:32")
SIZE = (1280, 800)


def main(folder: Path) -> None:
    """Write all pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    prepare(application)
    with tempfile.TemporaryDirectory() as home:
        os.environ["LAYERSCOPE_HOME"] = home
        window = make_window(RemoteEngine(), Path(home), LogBuffer())
        window.resize(*SIZE)
        window.show()
        window.desk.client.start()
        wait(lambda: window.desk.client.hello is not None, "the engine")
        walk(window, folder, Path(home))
        window.close()
        application.processEvents()


def walk(window: MainWindow, folder: Path, home: Path) -> None:
    """Open a MobileNetV2, straighten it, compare, check and save it."""
    workspace = window.workspace
    window.desk.session.open_model(NETWORK)
    wait(lambda: workspace.structure is not None and idle(window), "the network")
    window.desk.session.open_images(PICTURES)
    window.tabs.show_view("widths")
    view: Any = window.tabs.view("widths")
    wait(lambda: view.editing.reading is not None and idle(window), "the width groups")
    window.desk.notices.clear()
    view.profile.mode.setCurrentIndex(view.profile.mode.findData("blocks"))
    window.resize(*SIZE)
    shot(window, folder, "walk-1-profile")
    view.show_page("line")
    shot(window, folder, "walk-2-line")
    view.use("straight")
    shot(window, folder, "walk-3-straightened")
    view.show_page("table")
    shot(window, folder, "walk-4-costs")
    view.show_page("check")
    view.network.run_check()
    wait(lambda: workspace.latest("edited_check") is not None and idle(window), "the check")
    shot(window, folder, "walk-5-check")
    view.show_page("profile")
    view.network.save_to(str(home / "mobilenet_v2_straight"))
    rest()
    wait(lambda: idle(window) and "Saved" in view.network._words(), "the file")
    shot(window, folder, "walk-6-saved")


def shot(window: MainWindow, folder: Path, name: str) -> None:
    """Grab the window; a palette of 256 colours keeps the file small."""
    window.desk.notices.clear()
    rest(0.8)
    path = folder / f"{name}.png"
    window.grab().save(str(path))
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
