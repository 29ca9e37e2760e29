"""Panned frames against a bare PlotWidget with one line of 200 points: tracks, matrices, and a streaming run."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyqtgraph as pg
import pytest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.drawing.answer_matrix import Answers, FramedMatrix
from app.drawing.lanes import Lane
from app.drawing.matrix import Cells, MatrixPlot
from app.drawing.plots import Plot
from app.drawing.tracks import TrackStack
from app.panels.layers_panel import LayersPanel
from app.reading.depth import depth_axis
from app.reading.measurements import available, fold, read, source
from app.theme import Theme
from app.views.overview import KINDS
from tests import scenes
from tests.benchmarks.pairs import alternate, report
from tests.gestures import settle, show, theme

__all__ = ["theme"]
pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(900)]
FRAMES = 40
SMALL, LARGE = (1280, 800), (2560, 1440)


def bare(qtbot: QtBot, size: tuple[int, int]) -> Callable[[], None]:
    """Pan the simplest plot there is."""
    plot = pg.PlotWidget()
    qtbot.addWidget(plot)
    plot.plot(np.arange(200), np.random.default_rng(0).random(200))
    show(plot, *size)

    def pan() -> None:
        for frame in range(FRAMES):
            plot.setXRange(frame, 100 + frame, padding=0)
            QApplication.processEvents()

    return pan


def panning(plot: Plot, low: float, high: float, visible: float = 0.6) -> Callable[[], None]:
    """Pan a plot between two ends, `visible` of the whole at a time."""
    span = (high - low) * visible

    def pan() -> None:
        for frame in range(FRAMES):
            left = low + (high - low - span) * frame / FRAMES
            plot.box.setXRange(left, left + span, padding=0)
            QApplication.processEvents()

    return pan


def tracks(theme: Theme, qtbot: QtBot, rows: str, count: int, size: tuple[int, int]) -> TrackStack:
    """Make a stack of real-looking tracks with intervals, ghosts, marks and a selection."""
    workspace = scenes.full()
    axis = depth_axis(workspace.layers, "layers", KINDS[rows])
    lanes = []
    for metric in available(workspace)[:count]:
        run = source(workspace, metric)
        values = fold(axis, read(metric, axis.layers, run.result if run else None), metric.combine)
        lane = Lane(
            metric.key, metric.title, metric.unit, metric.hue, values.values, values.states, values.low, values.high
        )
        lane.ceiling = np.full(len(axis.slots), values.largest())
        lane.fit()
        lanes.append(lane)
    assert len(lanes) == count
    stack = TrackStack(theme, "Tracks")
    qtbot.addWidget(stack)
    stack.show_lanes(axis, lanes)
    stack.set_selected((3,))
    show(stack, *size)
    return stack


@pytest.mark.parametrize("rows", list(KINDS))
@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_twelve_tracks(theme: Theme, qtbot: QtBot, rows: str, size: tuple[int, int]) -> None:
    stack = tracks(theme, qtbot, rows, 12, size)
    ours = panning(stack.plot, *stack.axis.limits)
    least = alternate({"bare": bare(qtbot, size), "12 tracks": ours})
    ratio = least["12 tracks"] / least["bare"]
    title = f"{FRAMES} panned frames, 12 tracks, {len(stack.axis.slots)} places ({rows}), {size[0]} x {size[1]}"
    report(title, least, {"12 tracks / bare": (ratio, 2.0)})
    assert ratio <= 2.0


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("columns", [60, 328])
@pytest.mark.parametrize("kind", ["shares", "answers, framed"])
def test_a_matrix_of_2000_rows(theme: Theme, qtbot: QtBot, size: tuple[int, int], columns: int, kind: str) -> None:
    """Shares in general, and the correctness matrix of configurations: pinned column, frame, names of columns."""
    random = np.random.default_rng(0)
    plot: MatrixPlot
    if kind != "shares":
        plot = framed = FramedMatrix(theme, "Correctness", "", "configurations")
        names = tuple(f"stride:K1|D2|D2|{number}" for number in range(328))
        plot.show_cells(Answers(random.integers(0, 4, (2000, 328)).astype(float), 3.0), (), names)
        framed.frame(((5, 40, "accent"),), pinned=True)
    else:
        plot = MatrixPlot(theme, "Matrix", "pictures", "configurations")
        plot.show_cells(Cells(random.random((2000, 328)), 1.0))
    qtbot.addWidget(plot)
    show(plot, *size)

    def ours() -> None:
        for frame in range(FRAMES):
            # Twice as fast as the bare plot: two hundredths of what is seen per frame, in both directions.
            left = min(-0.5 + 0.02 * columns * frame, 327.5 - columns)
            top = -20.0 * frame
            plot.box.setRange(xRange=(left, left + columns), yRange=(top - 1000, top), padding=0)
            QApplication.processEvents()

    least = alternate({"bare": bare(qtbot, size), "matrix": ours})
    ratio = least["matrix"] / least["bare"]
    title = f"{FRAMES} panned frames, 2,000 x 328 matrix ({kind}), {columns} columns seen, {size[0]} x {size[1]}"
    report(title, least, {"matrix / bare": (ratio, 2.5)})
    assert ratio <= 2.5


def test_the_crosshair(theme: Theme, qtbot: QtBot) -> None:
    stack = tracks(theme, qtbot, "layers", 12, SMALL)

    def ours() -> None:
        for frame in range(FRAMES):
            stack.point_at(frame % len(stack.axis.slots))
            QApplication.processEvents()

    least = alternate({"bare": bare(qtbot, SMALL), "crosshair": ours})
    ratio = least["crosshair"] / least["bare"]
    report(f"{FRAMES} moves of the crosshair over 12 tracks", least, {"crosshair / panned bare": (ratio, 1.0)})
    assert ratio <= 1.0


def test_a_table_of_5000_rows(theme: Theme, qtbot: QtBot) -> None:
    layers = scenes.network(280)
    workspace = scenes.opened(layers)
    scenes.play(workspace, scenes.rank_events(layers))
    panel = LayersPanel(workspace, theme)
    qtbot.addWidget(panel)
    show(panel, 300, 800)
    assert panel.model.count() > 5000

    def scroll() -> None:
        bar = panel.tree.verticalScrollBar()
        for frame in range(FRAMES):
            bar.setValue(frame * 97)
            QApplication.processEvents()

    def filtering() -> None:
        for text in ("c", "co", "con", "conv", ""):
            panel.filter.setText(text)
            settle()

    works = {"bare": bare(qtbot, SMALL), "40 scrolled frames": scroll, "typing a filter of four letters": filtering}
    least = alternate(works)
    ratio = least["40 scrolled frames"] / least["bare"]
    report("Layers panel with 5,045 rows, 300 x 800", least, {"scrolled / panned bare": (ratio, 2.5)})
    assert ratio <= 2.5


def test_a_streaming_run(theme: Theme, qtbot: QtBot) -> None:
    """Every view refreshed once per chunk of a live run of 60 layers, beside one bare frame each."""
    from app.views import VIEWS

    workspace = scenes.opened()
    events = list(scenes.rank_events(workspace.layers))
    run = scenes.play(workspace, iter(events), steps=3)
    views: dict[str, QWidget] = {info.name: info.make(workspace, theme) for info in VIEWS}
    for view in views.values():
        qtbot.addWidget(view)

    def refreshing(name: str) -> Callable[[], None]:
        def refresh() -> None:
            show(views[name], *SMALL)
            for frame in range(FRAMES):
                for event in events[3 + 18 * frame : 3 + 18 * (frame + 1)]:
                    workspace.apply(run.number, event)
                workspace.announce(run.number)
                QApplication.processEvents()
            views[name].hide()

        return refresh

    works = {"bare": bare(qtbot, SMALL)} | {name: refreshing(name) for name in views}
    least = alternate(works)
    report(
        f"{FRAMES} refreshes while a run streams",
        least,
        {f"{n} / bare": (least[n] / least["bare"], None) for n in views},
    )
