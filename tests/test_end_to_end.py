"""The real window, the real engine process, mouse and keyboard: what a user does in the first minutes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFileDialog, QPushButton
from pytestqt.qtbot import QtBot

from analysis.remote import RemoteEngine
from analysis.request import ImageSource
from analysis.store import list_runs, load
from app.application import make_window
from app.log import LogBuffer
from app.main_window import MainWindow
from tests.gestures import click

LEFT = Qt.MouseButton.LeftButton
CTRL = Qt.KeyboardModifier.ControlModifier
LONG = 120_000


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    window = make_window(RemoteEngine(), Path(os.environ["LAYERSCOPE_HOME"]), LogBuffer())
    window.resize(1280, 800)
    with qtbot.waitSignal(window.painted, timeout=LONG):
        window.show()
    window.desk.client.start()
    yield window
    window.close()
    window.deleteLater()
    QApplication.processEvents()


def press(qtbot: QtBot, window: MainWindow, button: str) -> None:
    """Click the visible button with this text."""
    (found,) = [b for b in window.findChildren(QPushButton) if b.isVisible() and b.text().strip() == button]
    qtbot.mouseClick(found, LEFT)


def idle(window: MainWindow) -> bool:
    return not any(run.open for run in window.workspace.runs.values())


def test_first_minutes(window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, desk = window.workspace, window.desk
    qtbot.waitUntil(lambda: desk.client.hello is not None, timeout=LONG)

    # Open the demo with a click; structure, weight spectra and a first look follow by themselves.
    press(qtbot, window, "Open the demo")
    qtbot.waitUntil(lambda: workspace.structure is not None, timeout=LONG)
    qtbot.waitUntil(lambda: workspace.latest("evaluate") is not None and idle(window), timeout=LONG)
    assert window.tabs.name == "overview"
    assert workspace.latest("evaluate").result.value("top1") > 0.85  # type: ignore[union-attr]

    # Measure the rank on fewer pictures: a run of its own that streams and ends.
    before = workspace.latest("feature_rank")
    request = workspace.new_request("feature_rank")
    workspace.request_run(replace(request, limit=96))
    qtbot.waitUntil(lambda: workspace.latest("feature_rank") is not before and idle(window), timeout=LONG)
    rank = workspace.latest("feature_rank")
    assert rank is not None
    assert rank.folder is not None
    assert rank.state == "completed"
    stored = load(rank.folder)
    assert (stored["effective_rank"] == rank.result["effective_rank"]).all()

    # Click a bar: the layer is selected everywhere.
    view = window.tabs.view("overview")
    stack = view.stack  # type: ignore[union-attr]
    click(stack.plot.viewport(), stack.place_of(5, 0))
    chosen = workspace.selection.layer
    assert chosen
    assert window.docks.is_open("inspector")

    # Export what the view shows as PDF, from the keyboard to the file.
    target = tmp_path / "overview.pdf"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_args, **_named: (str(target), ""))
    qtbot.keyClick(window, Qt.Key.Key_E, CTRL)
    form = window.docks.made("figure")
    assert form is not None
    qtbot.waitUntil(lambda: not form.preview.empty, timeout=LONG)  # type: ignore[attr-defined]
    press(qtbot, window, "Export…")
    assert target.read_bytes().startswith(b"%PDF")

    # Change the preprocessing, and take it back with the keyboard.
    desk.session.open_images(ImageSource("demo:test", mean=(0.5,)))
    qtbot.keyClick(window, Qt.Key.Key_Z, CTRL)
    assert workspace.images == ImageSource("demo:test")
    qtbot.keyClick(window, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    assert workspace.selection.layer != chosen

    # Quit from the keyboard; the engine goes with the window, the runs stay.
    pid = desk.client.engine.pid  # type: ignore[attr-defined]
    qtbot.keyClick(window, Qt.Key.Key_Q, CTRL)
    assert not window.isVisible()
    qtbot.waitUntil(lambda: not Path(f"/proc/{pid}").exists(), timeout=10_000)
    assert {run.state for run in list_runs(desk.preferences.runs_folder)} == {"completed"}
