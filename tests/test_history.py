"""Stored runs: found in slices, matched by question, renamed, moved to the trash."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QFile

from analysis.edits import Edits
from analysis.request import Compute, ImageSource, ModelSource, Request
from analysis.store import load, record
from app.history import History, comparable
from tests.fake_engine import rank

RANK = Request("feature_rank", ModelSource("demo:a"), ImageSource("demo:test"))


def store(root: Path, request: Request = RANK) -> Path:
    """Record a run and return its folder."""
    list(record(rank(request), root))
    return max(root.iterdir(), key=lambda path: path.stat().st_mtime_ns)


@pytest.fixture
def history(qapp: Any, tmp_path: Path) -> Iterator[History]:
    made = History(tmp_path / "runs")
    yield made
    made.stop()
    made.deleteLater()


def refreshed(history: History, qtbot: Any) -> History:
    with qtbot.waitSignal(history.changed):
        history.refresh()
    return history


def test_runs_are_found_newest_first_with_their_size(history: History, qtbot: Any) -> None:
    folders = [store(history.root, replace(RANK, seed=n)) for n in range(3)]
    refreshed(history, qtbot)
    assert {run.folder for run in history.runs()} == set(folders)
    started = [run.started for run in history.runs()]
    assert started == sorted(started, reverse=True)
    assert history.size(folders[0]) > 100
    assert history.total_size == sum(history.size(folder) for folder in folders)
    assert "layers" not in history.runs()[0].plain  # most of a run.json is not kept in memory


def test_no_folder_and_foreign_folders_are_no_runs(history: History, qtbot: Any) -> None:
    refreshed(history, qtbot)
    assert history.runs() == []
    (history.root / "notes").mkdir(parents=True)
    (history.root / "broken").mkdir()
    (history.root / "broken" / "run.json").write_text("{")
    (history.root / "file.txt").write_text("x")
    refreshed(history, qtbot)
    assert history.runs() == []


def test_deleted_folders_disappear(history: History, qtbot: Any) -> None:
    import shutil

    folder = store(history.root)
    refreshed(history, qtbot)
    shutil.rmtree(folder)
    refreshed(history, qtbot)
    assert history.runs() == []
    assert history.total_size == 0


def test_reading_takes_turns_with_the_event_loop(history: History, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.history.SLICE", 0.0)  # one step at a time
    for number in range(4):
        store(history.root, replace(RANK, seed=number))
    turns = 0

    def count() -> None:
        nonlocal turns
        turns += 1

    from PySide6.QtCore import QTimer

    timer = QTimer()
    timer.timeout.connect(count)
    timer.start(0)
    refreshed(history, qtbot)
    timer.stop()
    assert turns >= 4
    assert len(history.runs()) == 4


def test_same_question_ignores_threads_and_permissions_only(history: History, qtbot: Any) -> None:
    folder = store(history.root)
    refreshed(history, qtbot)
    for same in (
        RANK,
        replace(RANK, compute=Compute(threads=7, batch=3)),
        replace(RANK, model=ModelSource("demo:a", trust=True, download=True)),
    ):
        found = history.same_question(same)
        assert found is not None
        assert found.folder == folder
    for other in (
        replace(RANK, seed=1),
        replace(RANK, limit=10),
        replace(RANK, layers="conv1"),
        replace(RANK, params=(("mode", "pooled"),)),
        replace(RANK, edits=Edits(removed=("x",))),
        replace(RANK, compute=Compute(dtype="float64")),
        replace(RANK, compute=Compute(device="cuda:0")),
        replace(RANK, model=ModelSource("demo:b")),
        replace(RANK, images=ImageSource("demo:test", mean=(0.5,))),
    ):
        assert history.same_question(other) is None, other


def test_gpus_of_one_kind_are_alike_and_params_have_no_order() -> None:
    one = replace(RANK, compute=Compute("cuda:0"), params=(("a", 1), ("b", 2)))
    assert comparable(one) == comparable(replace(RANK, compute=Compute("cuda:1"), params=(("b", 2), ("a", 1))))


def test_changed_file_asks_again(history: History, qtbot: Any, tmp_path: Path) -> None:
    weights = tmp_path / "a.pth"
    weights.write_bytes(b"1")
    request = replace(RANK, model=ModelSource("auto", (str(weights),)))
    store(history.root, request)
    refreshed(history, qtbot)
    os.utime(weights, (1e9, 1e9))
    assert history.same_question(request) is not None
    os.utime(weights, (4e9, 4e9))
    assert history.same_question(request) is None


def test_only_completed_runs_answer(history: History, qtbot: Any) -> None:
    events = record(rank(RANK), history.root)
    for _ in range(5):
        next(events)
    events.close()  # type: ignore[attr-defined]  # a generator
    refreshed(history, qtbot)
    assert [run.state for run in history.runs()] == ["cancelled"]
    assert history.same_question(RANK) is None


def test_rename_is_written_and_kept(history: History, qtbot: Any) -> None:
    folder = store(history.root)
    refreshed(history, qtbot)
    assert history.rename(folder, "my run") is None
    found = history.get(folder)
    assert found is not None
    assert found.title == "my run"
    assert load(folder).request == RANK
    assert history.rename(history.root / "gone", "x") is not None


def test_trash_or_for_good(history: History, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = store(history.root)
    refreshed(history, qtbot)
    monkeypatch.setattr(QFile, "moveToTrash", lambda path: False)
    problem = history.remove(folder)
    assert problem is not None
    assert problem.code == "no_trash"
    assert history.get(folder) is not None
    assert history.remove(folder, for_good=True) is None
    assert not folder.exists()
    assert history.runs() == []
    assert history.remove(folder, for_good=True) is not None


def test_moved_to_the_trash_is_gone(history: History, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = store(history.root)
    refreshed(history, qtbot)
    monkeypatch.setattr(QFile, "moveToTrash", lambda path: (True, "/trash/x"))
    assert history.remove(folder) is None
    assert history.runs() == []


def test_run_that_has_just_ended_needs_no_refresh(history: History) -> None:
    history.note(store(history.root))
    assert len(history.runs()) == 1
    history.note(history.root / "gone")
    assert len(history.runs()) == 1


def test_another_folder_is_read_anew(history: History, qtbot: Any, tmp_path: Path) -> None:
    store(history.root)
    refreshed(history, qtbot)
    with qtbot.waitSignal(history.changed):
        history.set_root(tmp_path / "other")
    assert history.runs() == []
