"""The log of the window, what a report of a fault needs, and the hooks that keep an error from going unseen."""

from __future__ import annotations

import logging
import platform
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import PurePath
from types import TracebackType
from typing import Any

from PySide6.QtCore import QMessageLogContext, QObject, QtMsgType, Signal, qInstallMessageHandler

from analysis import __version__
from analysis.problems import Problem
from analysis.request import DeviceInfo

LINES = 2000
"""Lines that the log keeps."""
LAST = 60
"""Lines that go into a diagnosis."""
LOGGER = logging.getLogger("layerscope")
PACKAGES = ("torch", "numpy", "PySide6-Essentials", "pyqtgraph", "matplotlib", "captum", "torchvision", "timm")


class _Bell(QObject):
    """Rings in the thread of the window, whichever thread has logged."""

    rung = Signal()
    reported = Signal(object)


class LogBuffer(logging.Handler):
    """The last lines of the log, for the log panel.

    Attributes
    ----------
    lines
        Formatted records, oldest first.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lines: deque[str] = deque(maxlen=LINES)
        self._bell = _Bell()
        self.setFormatter(logging.Formatter("%(asctime)s  %(levelname)-7s  %(message)s", "%H:%M:%S"))

    @property
    def arrived(self) -> Any:
        """Signal without arguments: a line has arrived."""
        return self._bell.rung

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self.lines.append(self.format(record))
        self._bell.rung.emit()


def diagnostics(buffer: LogBuffer, devices: tuple[DeviceInfo, ...], engine: str) -> str:
    """Return what a report of a fault needs, free of personal paths.

    Parameters
    ----------
    buffer
        The log.
    devices
        What the engine has found.
    engine
        The state of the engine in words.
    """
    packages = ", ".join(f"{name} {number}" for name in PACKAGES if (number := _version(name)))
    machine = f"{platform.system()} {platform.release()}, {platform.machine()}, Python {platform.python_version()}"
    lines = [f"LayerScope {__version__}", machine, packages, f"Engine: {engine}"]
    lines += [f"Device {device.name}: {device.title}, {device.total / 2**30:.1f} GiB" for device in devices]
    return "\n".join([*lines, "", *(without_folders(line) for line in list(buffer.lines)[-LAST:])])


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def without_folders(text: str) -> str:
    """Cut every absolute path in a text down to its last part.

    Examples
    --------
    >>> without_folders('File "/home/ann/nets/mine.py", line 3')
    'File "mine.py", line 3'
    """
    words = []
    for word in text.split(" "):
        core = word.strip("\"'`,;:()[]")
        is_path = (core.startswith(("/", "~/", "\\\\")) or core[1:3] in (":\\", ":/")) and len(core) > 3
        words.append(word.replace(core, PurePath(core.replace("\\", "/")).name) if is_path else word)
    return " ".join(words)


class Hooks(QObject):
    """Turns what nobody has caught, in whichever thread, into a problem that the user sees.

    Parameters
    ----------
    report
        Called in the thread of the window.
    """

    def __init__(self, report: Callable[[Problem], None]) -> None:
        super().__init__()
        self._bell = _Bell()
        self._bell.reported.connect(report)
        self._before: tuple[Any, ...] | None = None
        self._last = ("", 0.0)

    def install(self) -> None:
        """Take the place of Python's and Qt's own hooks."""
        qt = qInstallMessageHandler(self._from_qt)
        self._before = (sys.excepthook, threading.excepthook, sys.unraisablehook, qt)
        sys.excepthook = self._from_python
        threading.excepthook = lambda args: self._caught(args.exc_type, args.exc_value, args.exc_traceback)
        sys.unraisablehook = lambda args: self._caught(args.exc_type, args.exc_value, args.exc_traceback)

    def remove(self) -> None:
        """Put back what was there."""
        if self._before is not None:
            sys.excepthook, threading.excepthook, sys.unraisablehook, qt = self._before
            qInstallMessageHandler(qt)
            self._before = None

    def _from_python(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        self._caught(kind, error, trace)

    def _caught(self, kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        details = "".join(traceback.format_exception(kind, error, trace))
        LOGGER.error("%s", details.rstrip())
        # An error in a paint event comes back with every frame: one notice a second says enough.
        if details == self._last[0] and time.monotonic() - self._last[1] < 1:
            return
        self._last = (details, time.monotonic())
        first = str(error).splitlines()[0][:200] if str(error or "") else ""
        message = "Something went wrong inside the window."
        self._bell.reported.emit(Problem(message, f"{kind.__name__}: {first}".rstrip(": "), details, "unexpected"))

    def _from_qt(self, kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
        levels = {
            QtMsgType.QtDebugMsg: logging.DEBUG,
            QtMsgType.QtInfoMsg: logging.INFO,
            QtMsgType.QtWarningMsg: logging.WARNING,
        }
        level = levels.get(kind, logging.ERROR)
        LOGGER.log(level, "Qt: %s", text)
        if level >= logging.ERROR:
            self._bell.reported.emit(Problem("Qt reports an error.", text, text, "unexpected"))
