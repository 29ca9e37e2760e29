"""Real processes: whatever befalls the engine, the window stays; whatever befalls the window, the engine leaves."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.processes import is_alive, start_time
from analysis.remote import Hello, Message, RemoteEngine
from analysis.request import Compute, ImageSource, ModelSource, Request
from analysis.store import load
from app.desk import Desk, make_desk
from app.log import LogBuffer
from app.workspace import Run

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")

ROOT = Path(__file__).parents[1]
NET = ModelSource("cifar_resnet20", ("random",))
PATIENCE = 120_000
"""Milliseconds; only a hang takes that long."""


class KeptEngine(RemoteEngine):
    """A real engine that several tests use one after the other: starting one takes seconds."""

    def __init__(self) -> None:
        super().__init__(threads=1)
        self._hello: list[Message] = []
        self._again = False

    def start(self) -> None:
        self._again = self.alive
        super().start()

    def poll(self) -> list[Message]:
        messages = super().poll()
        self._hello = [m for m in messages if isinstance(m, Hello)] or self._hello
        if self._again and self._hello:
            self._again = False
            return [*self._hello, *messages]
        return messages

    def stop(self) -> None:
        """Stay; the tests end what they have begun."""

    def end(self) -> None:
        super().stop()


@pytest.fixture(scope="module")
def kept() -> Iterator[KeptEngine]:
    engine = KeptEngine()
    engine.start()
    yield engine
    engine.end()


def desk_of(engine: RemoteEngine, home: Path, qtbot: Any) -> Desk:
    """Put a desk around an engine, and wait until it is ready."""
    desk = make_desk(engine, home, LogBuffer())
    desk.client.start()
    qtbot.waitUntil(lambda: desk.client.state == "ready", timeout=PATIENCE)
    desk.workspace.set_compute(Compute(threads=1))
    return desk


@pytest.fixture
def shared(kept: KeptEngine, qapp: Any, tmp_path: Path, qtbot: Any) -> Iterator[Desk]:
    """A desk with a real engine that other tests use too."""
    desk = desk_of(kept, tmp_path / "home", qtbot)
    yield desk
    desk.close()


@pytest.fixture
def real(qapp: Any, tmp_path: Path, qtbot: Any) -> Iterator[Desk]:
    """A desk with a real engine of its own, to be killed."""
    desk = desk_of(RemoteEngine(threads=1), tmp_path / "home", qtbot)
    yield desk
    desk.close()


def engine_pid(desk: Desk) -> int:
    engine = desk.client.engine
    assert isinstance(engine, RemoteEngine)
    return engine.pid


def rank(images: str = "noise:64", **changes: Any) -> Request:
    request = Request("feature_rank", NET, ImageSource(images), compute=Compute(threads=1, batch=2), layers="layer1.*")
    return replace(request, **changes)


def wait_for(desk: Desk, run: Run, qtbot: Any) -> Run:
    qtbot.waitUntil(lambda: not run.open, timeout=PATIENCE)
    return run


def submit(desk: Desk, request: Request) -> Run:
    run = desk.measuring.measure(request)
    assert run is not None
    return run


def wait_until_under_way(run: Run, qtbot: Any) -> None:
    """Wait until something has arrived and there is more to come."""
    qtbot.waitUntil(lambda: run.result.declared is not None and run.result.progress is not None, timeout=PATIENCE)
    qtbot.waitUntil(lambda: not run.open or run.result.progress.done > 0, timeout=PATIENCE)  # type: ignore[union-attr]
    assert run.open


def notices(desk: Desk) -> str:
    return "\n".join(f"{n.text} {n.hint}" for n in desk.notices.all().values())


def test_network_is_opened_and_measured(shared: Desk, qtbot: Any) -> None:
    shared.session.open_model(NET)
    qtbot.waitUntil(lambda: shared.workspace.structure is not None, timeout=PATIENCE)
    run = wait_for(shared, submit(shared, rank("noise:8")), qtbot)
    assert run.state == "completed"
    assert run.folder is not None
    assert run.folder.parent == shared.preferences.runs_folder
    assert (run.result["effective_rank"] > 0).all()
    found = shared.history.same_question(rank("noise:8"))
    assert found is not None
    assert found.folder == run.folder


def test_copied_line_gives_the_same_result_without_the_window(shared: Desk, qtbot: Any) -> None:
    run = wait_for(shared, submit(shared, rank("noise:12", params=(("energy", 0.9),), seed=3)), qtbot)
    words = shlex.split(shared.measuring.command_line(run.request))
    assert words[0] == "python"
    done = subprocess.run([sys.executable, *words[1:]], cwd=ROOT, capture_output=True, text=True, check=True)
    alone = load(Path(done.stdout.splitlines()[-1]))
    assert set(alone.arrays) == set(run.result.arrays)
    for name, values in run.result.arrays.items():
        np.testing.assert_allclose(alone[name], values, rtol=1e-6, atol=0, err_msg=name)


def test_killed_engine_loses_nothing_that_had_arrived(real: Desk, qtbot: Any) -> None:
    run, queued = submit(real, rank("noise:20000")), submit(real, rank("noise:20000", seed=1))
    wait_until_under_way(run, qtbot)
    os.kill(engine_pid(real), signal.SIGKILL)
    wait_for(real, run, qtbot)
    wait_for(real, queued, qtbot)
    assert run.state == queued.state == "failed"
    assert run.result.declared is not None
    assert run.result.progress is not None
    assert run.folder is not None
    assert "was killed" in notices(real)
    real.history.note(run.folder)
    stored = real.history.get(run.folder)
    assert stored is not None
    assert stored.state == "interrupted"
    real.client.restart()
    qtbot.waitUntil(lambda: real.client.state == "ready", timeout=PATIENCE)
    again = wait_for(real, submit(real, rank("noise:8")), qtbot)
    assert again.state == "completed"


def test_restart_in_the_middle_of_a_run(real: Desk, qtbot: Any) -> None:
    run = submit(real, rank("noise:20000"))
    wait_until_under_way(run, qtbot)
    before = engine_pid(real)
    real.client.restart()
    assert run.state == "failed"
    assert not is_alive(before, "") or engine_pid(real) != before
    qtbot.waitUntil(lambda: real.client.state == "ready", timeout=PATIENCE)
    assert wait_for(real, submit(real, rank("noise:8")), qtbot).state == "completed"


def test_cancel_takes_effect_and_keeps_what_had_arrived(shared: Desk, qtbot: Any) -> None:
    run = submit(shared, rank("noise:20000"))
    wait_until_under_way(run, qtbot)
    shared.client.cancel(run.number)
    wait_for(shared, run, qtbot)
    assert run.state == "cancelled"
    assert run.folder is not None
    assert json.loads((run.folder / "run.json").read_text())["state"] == "cancelled"


def factory(tmp_path: Path, body: str) -> ModelSource:
    """Write a network whose forward does something bad once it computes on real numbers."""
    path = tmp_path / "bad.py"
    path.write_text(
        "import os, torch\nfrom torch import nn\n\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.conv = nn.Conv2d(3, 4, 3)\n\n"
        "    def forward(self, x):\n"
        "        y = self.conv(x)\n"
        "        if x.device.type == 'cpu' and type(x) is torch.Tensor and len(x) > 1:\n"
        f"            {body}\n"
        "        return y.mean((2, 3))\n"
    )
    return ModelSource(f"{path}:Net", input=(3, 16, 16), trust=True)


def test_engine_that_ends_is_told_and_starts_again_when_needed(real: Desk, qtbot: Any, tmp_path: Path) -> None:
    for body, words in (
        ("os._exit(3)", "stopped unexpectedly (with status 3)"),
        ("os.closerange(3, 4096)", "stopped unexpectedly"),  # the pipe among them
        ("os.abort()", "stopped unexpectedly (with signal 6)"),
    ):
        request = rank("noise:8", model=factory(tmp_path, body), layers="")
        run = wait_for(real, submit(real, request), qtbot)
        assert run.state == "failed"
        qtbot.waitUntil(lambda words=words: words in notices(real), timeout=PATIENCE)
        qtbot.waitUntil(lambda: real.client.state == "off", timeout=PATIENCE)
        real.notices.clear()
    assert wait_for(real, submit(real, rank("noise:8")), qtbot).state == "completed"


def test_out_of_memory_is_a_sentence_and_the_engine_stays(shared: Desk, qtbot: Any, tmp_path: Path) -> None:
    body = (
        "import resource; size = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize(); "
        "resource.setrlimit(resource.RLIMIT_AS, (size + 2**28, resource.RLIM_INFINITY)); torch.zeros(2**31)"
    )
    before = engine_pid(shared)
    run = wait_for(shared, submit(shared, rank("noise:8", model=factory(tmp_path, body), layers="")), qtbot)
    assert run.state == "failed"
    assert "The computer is out of memory. Use a smaller batch" in notices(shared)
    assert engine_pid(shared) == before


def test_weights_deleted_in_the_middle_of_a_run(real: Desk, qtbot: Any, tmp_path: Path) -> None:
    script = (
        "import sys, torch; from analysis.networks import CifarResNet; "
        "torch.save(CifarResNet(20).state_dict(), sys.argv[1])"
    )
    weights = tmp_path / "net.pth"
    subprocess.run([sys.executable, "-c", script, str(weights)], check=True, cwd=ROOT)
    source = ModelSource("auto", (str(weights),))
    run = submit(real, rank("noise:40", model=source))
    qtbot.waitUntil(lambda: run.result.declared is not None, timeout=PATIENCE)
    weights.unlink()
    assert wait_for(real, run, qtbot).state == "completed"
    real.client.restart()
    qtbot.waitUntil(lambda: real.client.state == "ready", timeout=PATIENCE)
    gone = wait_for(real, submit(real, rank("noise:40", model=source, seed=1)), qtbot)
    assert gone.state == "failed"
    assert "net.pth" in notices(real)


# -- the window as a process -------------------------------------------------------------------------------------------


def start_window(home: Path, *arguments: str) -> subprocess.Popen[bytes]:
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen", "LAYERSCOPE_HOME": str(home), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "main.py", *arguments], cwd=ROOT, env=environment)


def engine_of(window: subprocess.Popen[bytes], qtbot: Any) -> tuple[int, str]:
    """Wait for the engine of a window; return its process number and when it began."""
    children = Path(f"/proc/{window.pid}/task/{window.pid}/children")

    def engines() -> list[int]:
        assert window.poll() is None, "the window has ended by itself"
        found = [int(number) for number in children.read_text().split()]
        return [pid for pid in found if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    qtbot.waitUntil(lambda: bool(engines()), timeout=PATIENCE)
    (pid,) = engines()
    return pid, start_time(pid)


def autosave(home: Path, qtbot: Any) -> Path:
    """Wait for the first autosave."""
    folder = home / "autosave"
    qtbot.waitUntil(lambda: bool(list(folder.glob("*.running"))), timeout=PATIENCE)
    return next(folder.glob("*-*.layerscope.json"))


def test_killed_window_takes_a_busy_engine_along_and_can_be_restored(tmp_path: Path, qtbot: Any) -> None:
    (tmp_path / "long.json").write_text(rank("noise:20000").to_json())
    window = start_window(tmp_path, str(tmp_path / "long.json"))
    try:
        engine, began = engine_of(window, qtbot)
        saved = autosave(tmp_path, qtbot)
        qtbot.waitUntil(lambda: bool(list((tmp_path / "runs").glob("*feature_rank*/run.json"))), timeout=PATIENCE)
    finally:
        window.kill()
        window.wait()
    killed = time.monotonic()
    qtbot.waitUntil(lambda: not is_alive(engine, began), timeout=PATIENCE)
    assert time.monotonic() - killed < 2.0
    desk = make_desk(RemoteEngine(), tmp_path, LogBuffer())
    (left,) = desk.keeper.left_behind()
    assert left.crashed
    assert left.path == saved
    assert "cifar_resnet20" in left.title
    with qtbot.waitSignal(desk.history.changed):
        desk.history.refresh()
    assert [run.state for run in desk.history.runs() if run.request.method == "feature_rank"] == ["interrupted"]
    desk.close()


def test_terminated_window_ends_well(tmp_path: Path, qtbot: Any) -> None:
    window = start_window(tmp_path, "cifar_resnet20")
    try:
        engine, began = engine_of(window, qtbot)
        autosave(tmp_path, qtbot)
        window.terminate()
        assert window.wait(timeout=PATIENCE / 1000) == 0
    finally:
        window.kill()
    qtbot.waitUntil(lambda: not is_alive(engine, began), timeout=PATIENCE)
    assert not list((tmp_path / "autosave").glob("*.running"))
    assert (tmp_path / "autosave" / "last.layerscope.json").exists()
    assert json.loads((tmp_path / "settings.json").read_text())["layout"]


def test_engine_inside_the_window_for_debugging_a_method(tmp_path: Path, qtbot: Any) -> None:
    (tmp_path / "short.json").write_text(rank("noise:8").to_json())
    window = start_window(tmp_path, "--inline", str(tmp_path / "short.json"))
    try:
        qtbot.waitUntil(
            lambda: any('"completed"' in path.read_text() for path in (tmp_path / "runs").glob("*rank*/run.json")),
            timeout=PATIENCE,
        )
        assert not Path(f"/proc/{window.pid}/task/{window.pid}/children").read_text().split()
        window.terminate()
        assert window.wait(timeout=PATIENCE / 1000) == 0
    finally:
        window.kill()
