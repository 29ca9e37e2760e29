"""Rules for all tests: no screen, no dialogs, fresh settings, and nothing left over."""

from __future__ import annotations

import gc
import importlib.util
import os
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings

# Before Qt is imported by anyone: pytest-qt makes the application with what it finds here.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

hypothesis_settings.register_profile("steady", deadline=None, derandomize=True, database=None)
hypothesis_settings.load_profile("steady")

DATA = Path(__file__).parents[2] / "shared" / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let approved pictures be taken again."""
    parser.addoption("--update-snapshots", action="store_true", help="take the approved pictures again")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with a reason, what this computer cannot run."""
    lacks = {
        "data": "" if DATA.is_dir() else "the CIFAR-10 pictures and weights are not on this computer",
        "zoo": "" if _has("torchvision") and _has("timm") else "torchvision and timm are not installed",
        "gpu": "" if _has_gpu(items) else "this computer has no CUDA device",
    }
    for item in items:
        for marker, reason in lacks.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


def _has(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _has_gpu(items: list[pytest.Item]) -> bool:
    if not any(item.get_closest_marker("gpu") for item in items):
        return False  # nobody asks: torch need not be imported
    import torch

    return torch.cuda.is_available()


@pytest.fixture(scope="session")
def data() -> Path:
    """Folder of the CIFAR-10 pictures and weights; use together with the marker `data`."""
    if not DATA.is_dir():
        pytest.skip("the CIFAR-10 pictures and weights are not on this computer")
    return DATA


@pytest.fixture(autouse=True)
def fresh_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep settings, autosaves and runs of the tests away from the user's."""
    monkeypatch.setenv("LAYERSCOPE_HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture(autouse=True)
def torch_as_it_was() -> Iterator[None]:
    """After a test, torch computes gradients again: a mode left switched off would fail some later test instead."""
    yield
    torch = sys.modules.get("torch")
    if torch is None:
        return
    modes = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
    torch.set_grad_enabled(True)
    assert modes == (True, False), "the test left gradients switched off"


@pytest.fixture(autouse=True)
def no_dialogs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Turn a modal dialog, which would wait for ever, into a failure. Tests of file dialogs put in an answer."""
    if "qapp" not in request.fixturenames:
        return
    from PySide6.QtCore import QStandardPaths
    from PySide6.QtWidgets import QDialog, QFileDialog, QInputDialog, QMessageBox

    QStandardPaths.setTestModeEnabled(True)

    def refuse(*_args: Any, **_named: Any) -> None:
        raise AssertionError("a modal dialog was opened")

    for cls in (QDialog, QMessageBox, QFileDialog, QInputDialog):
        monkeypatch.setattr(cls, "exec", refuse)
    for name in ("getOpenFileName", "getOpenFileNames", "getSaveFileName", "getExistingDirectory"):
        monkeypatch.setattr(QFileDialog, name, refuse)
    for name in ("getText", "getItem", "getInt", "getDouble", "getMultiLineText"):
        monkeypatch.setattr(QInputDialog, name, refuse)
    for name in ("information", "warning", "critical", "question", "about"):
        monkeypatch.setattr(QMessageBox, name, refuse)


@pytest.fixture(autouse=True)
def nothing_left_over(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """After a test of the window: no new top-level widget, no running timer, no new thread or process."""
    if "qapp" not in request.fixturenames:
        yield
        return
    import multiprocessing

    _set_packages_aside()
    gc.disable()  # as in the application: a thread that collects would delete widgets
    app = request.getfixturevalue("qapp")
    timers = _watch_timers(monkeypatch)
    widgets = set(map(id, app.topLevelWidgets()))
    threads, processes = set(threading.enumerate()), set(multiprocessing.active_children())
    kept = list(app.topLevelWidgets())  # keeps the ids above from being given again
    yield
    _settle(app)
    gc.enable()
    left = [widget for widget in app.topLevelWidgets() if id(widget) not in widgets and _counts(widget)]
    assert not left, f"left-over widgets: {left}"
    running = [timer for timer in timers if _is_running(timer)]
    assert not running, f"left-over timers: {[(timer, timer.parent()) for timer in running]}"
    alive = [thread for thread in set(threading.enumerate()) - threads if thread.is_alive() and not thread.daemon]
    assert not alive, f"left-over threads: {alive}"
    assert not set(multiprocessing.active_children()) - processes, "left-over processes"
    del kept


_modules_aside = 0


def _set_packages_aside() -> None:
    """Keep the collector from walking through imported packages at each test; torch brings a million objects."""
    global _modules_aside
    if len(sys.modules) > _modules_aside + 50:
        _modules_aside = len(sys.modules)
        gc.collect()
        gc.freeze()


def _settle(app: Any) -> None:
    """Let everything that was asked to go, go."""
    from PySide6.QtCore import QEvent

    for _ in range(3):
        app.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        app.processEvents()
        gc.collect()


def _counts(widget: Any) -> bool:
    """Leave out what Qt keeps for itself, such as the label behind tool tips."""
    return widget.metaObject().className() not in ("QTipLabel", "QDesktopScreenWidget", "QShapedPixmapWidget")


def _watch_timers(monkeypatch: pytest.MonkeyPatch) -> weakref.WeakSet[Any]:
    from PySide6.QtCore import QTimer

    timers: weakref.WeakSet[Any] = weakref.WeakSet()
    start = QTimer.start

    def watched(timer: Any, *args: Any) -> None:
        timers.add(timer)
        start(timer, *args)

    monkeypatch.setattr(QTimer, "start", watched)
    return timers


def _is_running(timer: Any) -> bool:
    import shiboken6

    return bool(shiboken6.isValid(timer)) and timer.isActive()


@pytest.fixture
def engine() -> Any:
    """An engine with a script, see fake_engine.py."""
    from tests.fake_engine import FakeEngine

    return FakeEngine()


@pytest.fixture
def desk(qapp: Any, engine: Any, tmp_path: Path) -> Iterator[Any]:
    """Everything of the window that is not a widget, with a scripted engine and an empty home."""
    from app.desk import make_desk
    from app.log import LogBuffer

    made = make_desk(engine, tmp_path / "home", LogBuffer())
    yield made
    made.close()


@pytest.fixture
def window(qapp: Any, engine: Any, tmp_path: Path) -> Iterator[Any]:
    """The window after its first paint, with a scripted engine and an empty home. It is 1280 x 800."""
    import shiboken6

    from app.application import make_window, prepare
    from app.log import LogBuffer

    prepare(qapp)
    made = make_window(engine, tmp_path / "home", LogBuffer())
    made.resize(1280, 800)
    made.show()
    made.build()
    made.desk.client.start()
    made.desk.client.tick()
    yield made
    if shiboken6.isValid(made):
        made.close()
        made.deleteLater()
    qapp.setStyleSheet("")


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Let torch use one thread: small networks are quicker so, above all where the cores are shared."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
