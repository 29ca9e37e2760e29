"""The Widths tab on real networks, in the real window: open, drag, type, check, measure, save, reopen, compare."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from analysis.request import ImageSource, ModelSource
from analysis.result import Result
from app.main_window import MainWindow
from tests.gestures import click, drag, settle
from tests.test_end_to_end import LONG, idle, window

__all__ = ["window"]  # the fixture

TRAINED = {"cifar_resnet20": "resnet20-12fca82f.th", "cifar_resnet56": "resnet56-4bfd9763.th"}
NAMES = (
    *(pytest.param(name, marks=pytest.mark.data) for name in TRAINED),
    *("timm:efficientnet_lite0", "timm:rexnet_100", "torchvision:densenet121", "timm:mobilenetv3_large_100"),
    *("timm:regnetx_002", "torchvision:shufflenet_v2_x1_0"),
)


def computing(pid: int) -> float:
    """Processor seconds of this process and of the engine so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return time.process_time() + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def opened(window: MainWindow, qtbot: QtBot) -> Any:
    """Show the width groups of the network that has been opened."""
    qtbot.waitUntil(lambda: window.workspace.structure is not None and idle(window), timeout=LONG)
    window.tabs.show_view("widths")
    view: Any = window.tabs.view("widths")
    qtbot.waitUntil(lambda: view.editing.reading is not None and idle(window), timeout=LONG)
    settle()
    return view


def predictions(window: MainWindow, qtbot: QtBot) -> Result:
    """Have the engine classify the pictures with the network as it is edited now."""
    wanted = window.workspace.new_request("evaluate")
    window.workspace.request_run(wanted)

    def done() -> bool:
        run = window.workspace.latest("evaluate")
        return run is not None and run.request == wanted and idle(window)

    qtbot.waitUntil(done, timeout=LONG)
    run = window.workspace.latest("evaluate")
    assert run is not None
    assert run.state == "completed"
    return run.result


def measured(window: MainWindow, method: str) -> bool:
    runs = [run for run in window.workspace.runs.values() if run.request.method == method]
    if not runs or not idle(window):
        return False
    finished = runs[-1].result.finished
    assert runs[-1].state == "completed", finished
    return True


def pull(view: Any, group: int, pixels: int) -> None:
    """Drag the handle of a group with the mouse."""
    at = view.profile.plot.handle_place(group).toPoint()
    drag(view.profile.plot.viewport(), at, at + QPoint(0, pixels))


def type_width(view: Any, group: int, width: int) -> None:
    """Click the handle of a group and type a number."""
    click(view.profile.plot.viewport(), view.profile.plot.handle_place(group).toPoint() + QPoint(0, 3))
    first, rest = str(width)[0], str(width)[1:]
    QTest.keyClicks(view.profile.plot, first)
    QTest.keyClicks(view.profile.typed, rest)
    QTest.keyClick(view.profile.typed, Qt.Key.Key_Return)
    settle()


def by_layer(view: Any, widths: dict[str, int]) -> dict[str, int]:
    reading = view.editing.reading
    return dict(zip(reading.names, reading.totals(widths).astype(int).tolist(), strict=True))


@pytest.mark.slow
@pytest.mark.zoo
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", NAMES)
def test_from_dragging_to_the_reopened_file(
    name: str, window: MainWindow, qtbot: QtBot, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    workspace, session = window.workspace, window.desk.session
    qtbot.waitUntil(lambda: window.desk.client.hello is not None, timeout=LONG)
    pid = window.desk.client.engine.pid  # type: ignore[attr-defined]
    began, weights, pictures = computing(pid), "random", "noise:6"
    if name in TRAINED:
        folder = request.getfixturevalue("data")
        weights, pictures = str(folder / "weights" / TRAINED[name]), str(folder / "cifar10" / "cifar_test1000.npz")
    session.open_model(ModelSource(name, (weights,)))
    qtbot.waitUntil(lambda: workspace.structure is not None, timeout=LONG)
    session.open_images(ImageSource(pictures))
    view = opened(window, qtbot)

    # One group with the mouse, another with the keyboard.
    order = sorted(view.editing.reading.handles, key=lambda group: view.editing.reading.handles[group])
    dragged, typed = order[len(order) // 2], order[len(order) // 4]
    whole, steps = view.editing.reading.costs({}), workspace.undo.count()
    pull(view, dragged, 12)
    assert view.editing.selected == {dragged}
    assert view.editing.width(dragged) < view.editing.group(dragged).width
    about = view.editing.group(typed)
    wanted = about.width + 8 * about.step
    type_width(view, typed, wanted)
    assert view.editing.selected == {typed}
    assert abs(view.editing.width(typed) - wanted) < max(about.step, 2)
    assert workspace.undo.count() == steps + 2
    shown, costs = by_layer(view, view.editing.widths), view.editing.reading.costs(view.editing.widths)
    assert (costs.totals.parameters, costs.totals.macs) != (whole.totals.parameters, whole.totals.macs)

    # Check, measure, save: each with the engine.
    QTest.mouseClick(view.network.check, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: workspace.latest("edited_check") is not None and idle(window), timeout=LONG)
    check = workspace.latest("edited_check")
    assert check is not None
    assert check.state == "completed"
    assert bool(check.result["runs"].all())
    assert (check.result["parameters"][1], check.result["macs"][1]) == (costs.totals.parameters, costs.totals.macs)
    before = predictions(window, qtbot)
    view.network.save_to(str(tmp_path / "edited"))
    qtbot.waitUntil(lambda: view.network.said.text.startswith("Saved"), timeout=LONG)
    groups = len(view.editing.reading.found.free)

    # Close, reopen what was saved: same widths, same answers.
    session.open_path(str(tmp_path / "edited.safetensors"))
    view = opened(window, qtbot)
    assert workspace.edits.widths == ()
    assert by_layer(view, {}) == shown
    assert view.editing.reading.costs({}).totals.macs == costs.totals.macs
    again = predictions(window, qtbot)
    for output in ("prediction", "top_class", "top_share"):
        np.testing.assert_array_equal(again[output], before[output])
    seconds = computing(pid) - began
    said = f"accuracy {check.result['top1'][0]:.3f} -> {check.result['top1'][1]:.3f}" if name in TRAINED else ""
    print(f"\n{name:32} {groups:4} groups {seconds:6.1f} s of CPU  same widths, same predictions {said}")


@pytest.mark.slow
@pytest.mark.zoo
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["demo", "timm:rexnet_100"])
def test_presets_from_measured_runs(name: str, window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    workspace, session = window.workspace, window.desk.session
    qtbot.waitUntil(lambda: window.desk.client.hello is not None, timeout=LONG)
    if name == "demo":
        session.open_demo()
        qtbot.waitUntil(lambda: workspace.latest("evaluate") is not None and idle(window), timeout=LONG)
    else:
        session.open_model(ModelSource(name, ("random",)))
        qtbot.waitUntil(lambda: workspace.structure is not None, timeout=LONG)
        random = np.random.default_rng(0)
        pictures = random.integers(0, 256, (32, 64, 64, 3), dtype=np.uint8)
        np.savez(tmp_path / "noise.npz", images=pictures, labels=np.arange(32) % 8)
        session.open_images(ImageSource(str(tmp_path / "noise.npz")))
    view = opened(window, qtbot)
    for method in ("feature_rank", "conflicting_bundles"):
        workspace.request_run(replace(workspace.new_request(method), limit=32))
        qtbot.waitUntil(partial(measured, window, method), timeout=4 * LONG)
    view.profile.set_target("macs", 0.7)
    whole = view.editing.reading.costs({}).totals.macs
    problems: list[Any] = []
    workspace.problem_raised.connect(problems.append)
    for words in ("From effective rank", "From conflicting layers"):
        view.presets.fill()
        (action,) = [action for action in view.presets.actions() if action.text() == words]
        assert action.isEnabled(), action.toolTip()
        action.trigger()
        settle()
        told = view.presets.told
        if told is None:  # a network may have no conflict at all: it is said, and nothing changes
            assert words == "From conflicting layers"
            assert "conflict" in problems[-1].message
            print(f"\n{name:20} {words:26} {problems[-1].message}")
        else:
            assert view.editing.widths == dict(told.widths) != {}
            assert told.macs <= 0.7 * whole
            print(f"\n{name:20} {words:26} {len(told.widths):4} widths  {told.macs / whole:.3f} of the MACs")
            workspace.undo.undo()
            settle()
        assert view.editing.widths == {}
