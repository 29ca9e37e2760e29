"""The application: made once, with its window; ended when the window closes."""

from __future__ import annotations

import argparse
import base64
import binascii
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QByteArray, QTimer
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QApplication

from analysis import __version__
from analysis.remote import Engine, InlineEngine, RemoteEngine
from app.collecting import Collecting
from app.desk import Desk, make_desk
from app.log import LOGGER, Hooks, LogBuffer
from app.main_window import MainWindow
from app.settings import home
from app.theme import load_bundled_fonts

SIZE = (1280, 800)
"""Size of the window at the first start, if the screen has room for it."""


def run(options: argparse.Namespace) -> int:
    """Open the window and wait until it is closed; return the exit status.

    Parameters
    ----------
    options
        `files` to open, `demo`, `inline`.
    """
    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    prepare(application)
    engine: Engine = InlineEngine() if options.inline else RemoteEngine()
    log = LogBuffer()
    LOGGER.addHandler(log)
    LOGGER.setLevel(logging.INFO)
    window = make_window(engine, home(), log)
    desk = window.desk
    hooks = Hooks(desk.workspace.raise_problem)
    hooks.install()
    restore, collecting = end_on_signals(window), Collecting(application)
    window.painted.connect(lambda: after_first_paint(window, options))
    window.show()
    try:
        return application.exec()
    finally:
        restore()
        hooks.remove()
        LOGGER.removeHandler(log)
        end(window, application)
        collecting.stop()


def prepare(application: QApplication) -> None:
    """Give the application its name and style."""
    application.setApplicationName("LayerScope")
    application.setApplicationVersion(__version__)
    application.setDesktopFileName("layerscope")
    application.setStyle("Fusion")
    if not QFontDatabase.families():
        load_bundled_fonts()


def make_window(engine: Engine, folder: Path, log: LogBuffer) -> MainWindow:
    """Make the window with all its parts; nothing is started.

    Parameters
    ----------
    engine
        Started after the first paint.
    folder
        Of settings and autosaves.
    log
        The log.
    """
    desk = make_desk(engine, folder, log)
    desk.theme.apply()
    window = MainWindow(desk)
    window.setWindowIcon(desk.theme.icon("logo", "accent"))
    _place(window, desk)
    return window


def _place(window: MainWindow, desk: Desk) -> None:
    """Put the window where it was, or in a size that fits the screen."""
    try:
        geometry = base64.b64decode(desk.preferences.settings.geometry, validate=True)
    except (binascii.Error, ValueError):
        geometry = b""
    if geometry and window.restoreGeometry(QByteArray(geometry)):
        return
    screen = QGuiApplication.primaryScreen()
    room = screen.availableSize() if screen else None
    width, height = SIZE
    window.resize(min(width, room.width()) if room else width, min(height, room.height()) if room else height)


def after_first_paint(window: MainWindow, options: argparse.Namespace) -> None:
    """Do, once the window can be seen, what takes time: start the engine, read the folder of runs, open files."""
    desk = window.desk
    LOGGER.info("LayerScope %s", __version__)
    for complaint in desk.preferences.complaints:
        desk.notices.say(complaint, level="warning")
    window.show_left_behind()
    desk.client.start()
    desk.history.refresh()
    if options.demo:
        desk.session.open_demo()
    for name in options.files:
        desk.session.open_path(name)
    QTimer.singleShot(0, window, window.build)


def end_on_signals(window: MainWindow) -> Callable[[], None]:
    """Close the window in good order on Ctrl+C and on SIGTERM; return what takes this back."""

    def close(_number: int, _frame: object) -> None:
        window.close()

    before = {number: signal.signal(number, close) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, old in before.items():
            signal.signal(number, old)

    return restore


def end(window: MainWindow, application: QApplication) -> None:
    """Delete the window while the application still is: what Python deletes later, in any order, could crash."""
    window.deleteLater()
    application.processEvents()
    application.sendPostedEvents(None, 0)
