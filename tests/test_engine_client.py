"""The engine's client: announces once per tick, never loses an end, notices what is stuck or gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

import app.engine_client as module
from analysis.problems import Problem
from analysis.remote import Hello, RunEvent
from analysis.request import ModelSource, Request
from app.engine_client import FRAME, IDLE, EngineClient
from app.workspace import Workspace
from tests.fake_engine import FakeEngine

RANK = Request("feature_rank", ModelSource("demo:a"))


@pytest.fixture
def client(qapp: Any, engine: FakeEngine) -> Iterator[EngineClient]:
    workspace = Workspace()
    made = EngineClient(engine, workspace, workspace)
    yield made
    made.stop()
    workspace.deleteLater()


def workspace_of(client: EngineClient) -> Workspace:
    return client._workspace


def test_hello_makes_it_ready_and_tells_the_methods(client: EngineClient) -> None:
    states = []
    client.state_changed.connect(lambda: states.append(client.state))
    assert client.state == "off"
    client.start()
    client.tick()
    assert states == ["starting", "ready"]
    assert [info.name for info in workspace_of(client).methods][:2] == ["structure", "feature_rank"]
    assert isinstance(client.hello, Hello)
    assert client.devices


def test_each_changed_run_is_announced_once_per_tick(client: EngineClient) -> None:
    said: Counter[int] = Counter()
    finished: list[int] = []
    workspace_of(client).run_changed.connect(lambda number: said.update([number]))
    workspace_of(client).run_finished.connect(finished.append)
    one, two = client.submit(RANK), client.submit(RANK)
    client.tick()  # all events of both runs
    assert said == {one.number: 1, two.number: 1}
    assert finished == [one.number, two.number]
    assert one.state == two.state == "completed"


def test_events_in_many_ticks_give_the_same_result(client: EngineClient, engine: FakeEngine) -> None:
    whole = client.submit(RANK)
    client.tick()
    engine.per_poll = 1
    bit_by_bit = client.submit(RANK)
    for _ in range(40):
        client.tick()
    assert (bit_by_bit.result["rank"] == whole.result["rank"]).all()
    assert bit_by_bit.state == "completed"


def test_it_ticks_by_itself_and_slows_down_when_idle(client: EngineClient, engine: FakeEngine, qtbot: Any) -> None:
    engine.per_poll = 2
    run = client.submit(RANK)
    assert client._timer.interval() == FRAME
    qtbot.waitUntil(lambda: not run.open)
    qtbot.waitUntil(lambda: client._timer.interval() == IDLE)
    client.submit(RANK)
    assert client._timer.interval() == FRAME


def test_cancel_ends_the_run_with_what_had_arrived(client: EngineClient, engine: FakeEngine) -> None:
    engine.per_poll = 8  # hello, then the run up to its first chunks
    run = client.submit(RANK)
    client.tick()
    client.cancel(run.number)
    client.tick()
    assert run.state == "cancelled"
    assert run.result["rank"][0] > 0


def test_a_run_that_does_not_stop_is_reported_once(
    client: EngineClient, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    stuck: list[int] = []
    client.stuck.connect(stuck.append)
    engine.stubborn = True
    engine.per_poll = 2
    run, waiting = client.submit(RANK), client.submit(RANK)
    client.tick()
    engine.per_poll = 0
    client.cancel(run.number)
    client.cancel(waiting.number)
    for _ in range(5):
        client.tick()
    assert stuck == [run.number]  # the one in the queue only waits


def test_lost_engine_fails_its_runs_first_and_is_told_after(client: EngineClient, engine: FakeEngine) -> None:
    engine.per_poll = 8  # hello, then the run up to its first chunks
    run, queued = client.submit(RANK), client.submit(RANK)
    client.tick()
    order: list[str] = []
    workspace_of(client).run_finished.connect(lambda number: order.append(f"run {number}"))
    client.lost.connect(lambda problem: order.append(problem.message))
    engine.die(Problem("The engine was killed."))
    client.tick()
    assert order == [f"run {run.number}", f"run {queued.number}", "The engine was killed."]
    assert run.state == queued.state == "failed"
    assert run.result["rank"][0] > 0
    assert client.state == "off"


def test_restart_keeps_results_and_becomes_ready_again(client: EngineClient, engine: FakeEngine) -> None:
    done = client.submit(RANK)
    client.tick()
    client.restart()
    assert client.state == "starting"
    client.tick()
    assert client.state == "ready"
    assert engine.starts == 2
    assert done.result["rank"][0] > 0


def test_messages_of_unknown_runs_are_ignored(client: EngineClient) -> None:
    from analysis.events import Progress

    client.take([RunEvent(99, Progress(1, 2))])


def test_stopped_client_does_not_tick(client: EngineClient, engine: FakeEngine) -> None:
    client.start()
    client.stop()
    assert not engine.alive
    assert not client._timer.isActive()
