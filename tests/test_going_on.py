"""Going on with runs that ended early: the same numbers, no work twice, and one sentence where it cannot be."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

from analysis.engine import carry_out
from analysis.events import Chunk, Event, Finished, Outcome, Progress
from analysis.images import images_from
from analysis.methods import METHODS
from analysis.models import model_from
from analysis.request import ImageSource, ModelSource, Request
from analysis.result import Result
from analysis.store import list_runs, load, record
from app.desk import Desk
from app.panels.run_panel import RunPanel
from app.reading.continuing import continued, missing_file
from app.workspace import Run
from tests.panel_parts import button, heard
from tests.test_processes import engine_pid, real, submit, wait_for
from tests.tiny import ResidualNet, fill, pictures

pytestmark = pytest.mark.usefixtures("one_thread")

__all__ = ["real"]

POOLS = Request("chance_pools", params=(("copies", 3), ("points", "layer3.0.conv1:dil1,2,3"), ("target", 0.1)))
CHOOSER = Request("configuration_chooser", params=(("points", "layer3.0.conv1:dil1,2,3"), ("steps", 20)))
SWEEP = Request("dynamic_configurations", params=(("points", "layer3.0.conv1:dil1,2,3"),))
FEW = "layer2.0.conv1:dil1,2;layer3.0.conv1:dil1,2"
PATIENCE = 120_000


def told(
    request: Request, out: Path, stop: Callable[[Event], bool] | None = None, seed: int = 0, count: int = 14
) -> list[Event]:
    """Carry a request out in batches of four; ask to stop once an event is of some kind."""
    net: nn.Module = fill(ResidualNet(width=4), seed)
    x, labels, asked = pictures((3, 16, 16), count), np.arange(count) % 10, [False]

    def loader(_info: object) -> Any:
        return model_from(net, (3, 16, 16)), images_from(x, labels, net, 4)

    seen = []
    for event in record(carry_out(request, loader, lambda: asked[0]), out):
        seen.append(event)
        asked[0] = asked[0] or (stop is not None and stop(event))
    return seen


def work(events: list[Event]) -> Counter[str]:
    """How many steps of each kind a run has told."""
    return Counter(event.text for event in events if isinstance(event, Progress))


def is_chunk(name: str, at: tuple[int, ...]) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, Chunk) and event.name == name and event.at == at


@pytest.mark.parametrize(
    ("asked", "stop"),
    [
        (POOLS, is_chunk("tried", (2, 0))),
        (POOLS, is_chunk("prediction", (1, 4))),
        (CHOOSER, is_chunk("measured", (4,))),
        (SWEEP, is_chunk("measured", (4,))),
    ],
    ids=["pools while matching", "pools in the middle of a batch", "chooser", "sweep"],
)
def test_a_cancelled_run_that_goes_on_finds_the_same_with_less_work(
    asked: Request, stop: Callable[[Event], bool], tmp_path: Path
) -> None:
    full = told(asked, tmp_path / "whole")
    whole = Result.of(full)
    first = told(asked, tmp_path / "part", stop)
    assert isinstance(first[-1], Finished)
    assert first[-1].outcome is Outcome.CANCELLED
    stored = list_runs(tmp_path / "part")[0]
    second = told(replace(asked, resume=str(stored.folder)), tmp_path / "part")
    again = Result.of(second)
    for name, array in whole.arrays.items():
        np.testing.assert_array_equal(again[name], array, err_msg=name)
    begun, all_work, rest = work(first), work(full), work(second)
    texts = [text for text in all_work if "onfigurations" in text or "Matching" in text or "Running" in text]
    parts = [text for text in texts if "Trying" not in text]
    # One step of the first part may have been told after the last thing that it wrote.
    assert 0 < sum(rest[text] for text in parts) < sum(all_work[text] for text in parts)
    assert sum(begun[text] + rest[text] for text in parts) <= sum(all_work[text] for text in parts) + 8


def test_copies_that_are_finished_are_not_run_again(tmp_path: Path) -> None:
    """Stopped after the second copy of a batch: matching is over, and of that batch one copy is left."""
    told(POOLS, tmp_path, is_chunk("prediction", (1, 4)))
    stored = list_runs(tmp_path)[0]
    kept_rows = load(stored.folder)["prediction"]
    assert (kept_rows[:, :4] >= 0).all()
    done = int((kept_rows >= 0).sum())
    ran = sum(
        n for text, n in work(told(replace(POOLS, resume=str(stored.folder)), tmp_path)).items() if "Running" in text
    )
    batches = 4
    assert ran == batches * 9 - done // 4


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seed": 1}, "the seed is another"),
        ({"params": (("copies", 4), *POOLS.params[1:])}, "copies is 3 there and 4 here"),
        ({"method": "evaluate", "params": ()}, "it is a run of chance_pools"),
    ],
)
def test_what_differs_is_said_in_one_sentence(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    told(POOLS, tmp_path, is_chunk("tried", (1, 0)))
    stored = list_runs(tmp_path)[0]
    ending = told(replace(POOLS, resume=str(stored.folder), **changes), tmp_path)[-1]
    assert isinstance(ending, Finished)
    assert ending.problem is not None
    assert ending.problem.message.endswith(f"so it cannot be continued: {words}.")


def test_other_weights_and_other_pictures_are_told_apart(tmp_path: Path) -> None:
    told(POOLS, tmp_path, is_chunk("tried", (1, 0)))
    folder = str(list_runs(tmp_path)[0].folder)
    for how, words in (({"seed": 3}, "the weights are others"), ({"count": 11}, "the pictures or their labels")):
        ending = told(replace(POOLS, resume=folder), tmp_path, **how)[-1]  # type: ignore[arg-type]  # two kinds
        assert isinstance(ending, Finished)
        assert ending.problem is not None
        assert words in ending.problem.message


def test_every_method_that_goes_on_declares_what_it_counts() -> None:
    names = {method.INFO.name for method in METHODS if method.INFO.resumes[0]}
    assert names == {
        "dynamic_configurations",
        "chance_pools",
        "configuration_chooser",
        "train_shared",
        "width_sensitivity",
    }


def test_reasons_why_a_run_cannot_go_on(tmp_path: Path) -> None:
    info = next(method.INFO for method in METHODS if method.INFO.name == "chance_pools")
    asked = replace(POOLS, images=ImageSource(str(tmp_path / "pictures.npz")))
    run = Run(1, asked, Result(), "cancelled")
    found = [continued(run, info)]
    run.folder = tmp_path
    found.append(continued(run, info))
    run.result = Result.of(event for event in told(POOLS, tmp_path, is_chunk("measured", (0,))))
    found.append(continued(run, info))
    assert [one.why_not.split(",")[0] for one in found if one] == [
        "It was not stored",
        "Nothing of it was finished before it stopped. Run it again.",
        f"Its folder {tmp_path.name} is gone. Run it again.",
    ]
    run.folder = list_runs(tmp_path)[0].folder
    gone = continued(run, info)
    assert gone is not None
    assert gone.request is None
    assert gone.why_not.startswith("pictures.npz is not there any more")
    (tmp_path / "pictures.npz").write_bytes(b"")
    ready = continued(run, info)
    assert ready is not None
    assert ready.words == "4 of 14 pictures are on disk"
    assert ready.request == replace(asked, resume=str(run.folder))
    for state in ("completed", "running", "queued"):
        run.state = state
        assert continued(run, info) is None
    assert missing_file(Request("x", ModelSource("demo:a", ("pretrained",)), ImageSource("noise:4"))) == ""


# -- the window, with a real engine ------------------------------------------------------------------------------------


def sweep_request(desk: Desk, count: int = 60) -> Request:
    request = Request(
        "dynamic_configurations", ModelSource("cifar_resnet20", ("random",)), ImageSource(f"noise:{count}")
    )
    return replace(request, params=(("points", FEW),), compute=replace(desk.workspace.compute, batch=4))


def cancelled_after(desk: Desk, request: Request, batches: int, qtbot: Any) -> Run:
    """Cancel a run of the real engine once some of its batches have arrived."""
    run = submit(desk, request)

    def arrived() -> bool:
        return run.result.declared is not None and run.result.arrived["measured"] >= 4 * batches

    qtbot.waitUntil(arrived, timeout=PATIENCE)
    desk.client.cancel(run.number)
    return wait_for(desk, run, qtbot)


def panel_of(desk: Desk, qtbot: Any) -> RunPanel:
    panel = RunPanel(desk.workspace, desk.history, desk.theme)
    qtbot.addWidget(panel)
    panel.continue_wanted.connect(desk.measuring.measure)
    panel.resize(900, 240)
    panel.show()
    panel.model.rebuild()
    return panel


def test_cancelled_and_crashed_runs_go_on_from_the_panel(real: Desk, qtbot: Any) -> None:
    goes_on_after_cancel(real, qtbot)
    goes_on_after_crash(real, qtbot)


def goes_on_after_cancel(desk: Desk, qtbot: Any) -> None:
    """What is finished is taken over, and the numbers are those of a run that nobody stopped."""
    run = cancelled_after(desk, sweep_request(desk), 1, qtbot)
    assert run.state == "cancelled", "it ended before it was cancelled"
    done = run.result.arrived["measured"]
    panel = panel_of(desk, qtbot)
    place = next(place for place, entry in enumerate(panel.model.rows) if entry.number == run.number)
    assert panel.model.index(place, 1).data() == f"cancelled · {done} of 60 pictures"
    panel.select_number(run.number)
    on = button(panel, "Go on")
    assert on.isEnabled()
    assert f"{done} of 60 pictures are on disk" in on.toolTip()
    before = set(desk.workspace.runs)
    on.click()
    (number,) = set(desk.workspace.runs) - before
    again = wait_for(desk, desk.workspace.runs[number], qtbot)
    assert again.state == "completed"
    assert again.request == run.request, "how it was begun is no part of what is measured"
    panel.select_number(number)
    assert not on.isEnabled()
    whole = desk.measuring.measure(run.request, anew=True)
    assert whole is not None
    for name, array in wait_for(desk, whole, qtbot).result.arrays.items():
        np.testing.assert_array_equal(again.result[name], array, err_msg=name)


def goes_on_after_crash(real: Desk, qtbot: Any) -> None:
    """Of a run that is only on disk, because its process has gone, what is there is read off its files."""
    run = submit(real, sweep_request(real, 80))
    qtbot.waitUntil(lambda: run.result.declared is not None and run.result.arrived["measured"] >= 4, timeout=PATIENCE)
    os.kill(engine_pid(real), signal.SIGKILL)
    wait_for(real, run, qtbot)
    real.client.restart()
    qtbot.waitUntil(lambda: real.client.state == "ready", timeout=PATIENCE)
    assert run.folder is not None
    real.history.note(run.folder)
    for number in [*real.workspace.runs]:
        real.workspace.remove_run(number)  # as in a window that was opened later
    panel = panel_of(real, qtbot)
    (place,) = (place for place, entry in enumerate(panel.model.rows) if entry.folder == run.folder)
    assert panel.model.rows[place].number is None
    assert panel.model.index(place, 1).data().startswith("interrupted · ")
    panel.table.selectRow(panel._proxy.mapFromSource(panel.model.index(place, 0)).row())
    asked = heard(panel.continue_wanted)
    button(panel, "Go on").click()
    (number,) = real.workspace.runs
    again = wait_for(real, real.workspace.runs[number], qtbot)
    assert again.state == "completed"
    assert asked[0].resume == str(run.folder)
    assert (again.result["measured"] == 1).all()
