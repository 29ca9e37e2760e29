"""The window as a whole: its first paint, its frames beside a busy engine, what 500 sessions leave behind."""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from analysis.remote import RemoteEngine
from analysis.request import Compute, ImageSource, ModelSource, Request
from app.application import make_window
from app.log import LogBuffer
from app.main_window import MainWindow
from tests.benchmarks.pairs import report

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]
SCRIPT = Path(__file__).with_name("first_paint.py")
STARTS = 9
SECONDS = 12.0
CYCLES = 500


def test_first_paint_against_a_bare_window() -> None:
    """Start both in turn; CPU seconds until the first paint of the central widget, median of nine."""
    times: dict[str, list[float]] = {"bare": [], "layerscope": []}
    for _ in range(STARTS + 1):
        for name, found in times.items():
            done = subprocess.run([sys.executable, str(SCRIPT), name], capture_output=True, text=True, check=True)
            found.append(float(done.stdout))
    medians = {name: statistics.median(found[1:]) for name, found in times.items()}
    ratio = medians["layerscope"] / medians["bare"]
    labels = {"PySide6 + pyqtgraph, one empty plot": medians["bare"], "LayerScope's start page": medians["layerscope"]}
    assert report("First paint", labels, {"first paint / bare window": (ratio, 1.3)})


@pytest.fixture
def window(qtbot: QtBot) -> MainWindow:
    window = make_window(RemoteEngine(), Path(os.environ["LAYERSCOPE_HOME"]), LogBuffer())
    with qtbot.waitSignal(window.painted, timeout=120_000):
        window.show()
    window.desk.client.start()
    qtbot.waitUntil(lambda: window.desk.client.hello is not None, timeout=120_000)
    return window


def close(window: MainWindow) -> None:
    window.close()
    window.deleteLater()
    QApplication.processEvents()


def quiet(window: MainWindow) -> bool:
    return window.workspace.structure is not None and not any(run.open for run in window.workspace.runs.values())


def gaps(frame: Callable[[int], None]) -> np.ndarray:
    """Draw frames for some seconds; return the milliseconds between them."""
    ends, start, number = [], time.perf_counter(), 0
    while time.perf_counter() - start < SECONDS:
        frame(number)
        QApplication.processEvents()
        ends.append(time.perf_counter())
        number += 1
    return np.diff(ends) * 1000


def test_frames_beside_a_busy_engine(window: MainWindow, qtbot: QtBot) -> None:
    """Pan the overview, first with an idle engine, then with one that computes on all cores."""
    window.desk.session.open_images(ImageSource("demo:test"))
    window.desk.session.open_model(ModelSource("demo:fashion_resnet"))
    qtbot.waitUntil(lambda: quiet(window), timeout=120_000)
    box = window.tabs.view("overview").stack.plot.box  # type: ignore[union-attr]

    def pan(number: int) -> None:
        left = abs(number % 80 - 40) / 8
        box.setXRange(left, left + 10, padding=0)

    gaps(pan)
    idle = gaps(pan)
    request = Request(
        "feature_rank", window.workspace.model, ImageSource("demo:train"), limit=-1, params=(("mode", "positions"),),
        compute=Compute(threads=os.cpu_count() or 2),
    )  # fmt: skip
    for seed in range(40):
        window.desk.client.submit(Request(**{**_fields(request), "seed": seed}), None)  # type: ignore[arg-type]
    busy = gaps(pan)
    assert not quiet(window), "the engine had nothing left to do"
    slow, slower = np.percentile(idle, 95), np.percentile(busy, 95)
    print(f"\n95th percentile of the gap between frames: idle {slow:.1f} ms, engine busy {slower:.1f} ms")
    held = report("Frames beside a busy engine", {}, {"95th percentile, busy / idle": (slower / slow, 1.5)})
    close(window)
    assert held


def _fields(request: Request) -> dict[str, object]:
    return {name: getattr(request, name) for name in Request.__slots__}


def test_many_sessions_leave_nothing_behind(window: MainWindow, qtbot: QtBot) -> None:
    """Open, measure, close, again and again in one window with the real engine: memory and widgets stay."""
    sizes, widgets = [], []
    for cycle in range(CYCLES):
        window.desk.session.open_images(ImageSource("demo:test"))
        window.desk.session.open_model(ModelSource("demo:fashion_resnet"))
        qtbot.waitUntil(lambda: quiet(window), timeout=120_000)
        window.desk.client.submit(Request("evaluate", window.workspace.model, window.workspace.images, limit=16), None)
        qtbot.waitUntil(lambda: quiet(window), timeout=120_000)
        window.desk.session.close_model()
        if cycle % 50 == 49:
            gc.collect()
            sizes.append(_resident())
            widgets.append(len(QApplication.allWidgets()))
            print(f"  after {cycle + 1} sessions: {sizes[-1] / 2**20:.0f} MiB, {widgets[-1]} widgets")
    close(window)
    assert widgets[-1] <= widgets[0]
    assert sizes[-1] <= 1.1 * sizes[0]


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
