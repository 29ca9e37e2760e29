"""What is kept of a session: workspaces, saves after every change, crashed sessions, what is forgotten."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from analysis.edits import Edits
from analysis.processes import start_time
from analysis.request import ImageSource, ModelSource, Request
from analysis.store import list_runs, record
from app.commands import SetEdits
from app.desk import Desk
from app.session import forget_structures
from app.workspace import Selection
from app.workspace_file import SUFFIX, Layout, read
from tests.desk_steps import opened, settle, texts
from tests.fake_engine import FakeEngine, prepared, structure
from tests.results import rank_events


def filled(desk: Desk, qtbot: Any) -> Desk:
    """Open, edit, measure and select something."""
    opened(desk, qtbot)
    desk.session.open_images(ImageSource("demo:test"))
    desk.workspace.set_sampling(100, 7)
    for width in (8, 9):
        edits = Edits(widths=(("g1", width),))
        desk.workspace.undo.push(SetEdits(desk.workspace, edits, f"width {width}"))
    desk.workspace.undo.undo()
    run = desk.measuring.measure(desk.workspace.new_request("feature_rank"))
    settle(desk, qtbot)
    assert run is not None
    desk.workspace.rename_run(run.number, "mine")
    desk.workspace.select(Selection(("conv1",), 3, 17))
    desk.workspace.set_span((1, 4))
    desk.workspace.compare_with(run.number)
    return desk


def check_filled(desk: Desk) -> None:
    workspace = desk.workspace
    assert workspace.model == ModelSource("demo:a")
    assert workspace.images == ImageSource("demo:test")
    assert (workspace.limit, workspace.seed) == (100, 7)
    assert workspace.edits.widths == (("g1", 8),)
    assert workspace.undo.redoText() == "width 9"
    assert workspace.selection == Selection(("conv1",), 3, 17)
    assert workspace.span == (1, 4)
    latest = workspace.latest("feature_rank")
    assert latest is not None
    assert latest.title == "mine"
    assert latest.result["rank"][0] > 0
    assert workspace.compared == latest.number


def test_workspace_comes_back_as_it_was(desk: Desk, qtbot: Any, tmp_path: Path) -> None:
    filled(desk, qtbot)
    path = tmp_path / "w" / f"mine{SUFFIX}"
    desk.keeper.layout = lambda: Layout("rank", ("layers",))
    desk.keeper.save(path)
    assert not desk.keeper.modified
    desk.session.close_model()
    assert desk.workspace.model is None
    assert not desk.workspace.runs
    layouts: list[Layout] = []
    desk.session.opened.connect(lambda document: layouts.append(document.layout))
    desk.session.open_path(str(path))
    settle(desk, qtbot)
    check_filled(desk)
    assert layouts == [Layout("rank", ("layers",))]
    assert desk.keeper.path == path
    assert desk.preferences.settings.recent_workspaces == (str(path),)


def test_missing_runs_and_changed_weights_are_said(desk: Desk, engine: FakeEngine, qtbot: Any, tmp_path: Path) -> None:
    import shutil

    filled(desk, qtbot)
    path = tmp_path / f"mine{SUFFIX}"
    desk.keeper.save(path)
    desk.session.close_model()
    shutil.rmtree(desk.preferences.runs_folder)

    def changed(request: Request) -> Any:
        for event in structure(request):
            yield replace(prepared(request), weights_sha256="ff" * 32) if hasattr(event, "weights_sha256") else event

    engine.scripts["structure"] = changed
    desk.session.open_path(str(path))
    settle(desk, qtbot)
    assert "A run of this workspace is missing." in texts(desk)
    assert "The weights of this workspace have changed" in texts(desk)
    assert desk.workspace.structure is not None


def test_every_change_is_autosaved_soon(desk: Desk, qtbot: Any) -> None:
    desk.keeper._timer.setInterval(5)
    filled(desk, qtbot)
    qtbot.waitUntil(lambda: desk.keeper.autosave_path.exists() and not desk.keeper._timer.isActive())
    assert read(desk.keeper.autosave_path).selection.layer == "conv1"
    desk.workspace.select_layer("linear")
    assert desk.keeper._timer.isActive()
    qtbot.waitUntil(lambda: read(desk.keeper.autosave_path).selection.layer == "linear")


def test_crashed_session_is_found_and_restored(desk: Desk, qtbot: Any) -> None:
    filled(desk, qtbot)
    desk.keeper.autosave()
    assert desk.keeper.left_behind() == []  # this process is alive
    mark = desk.keeper._mark
    mark.write_text(json.dumps({"pid": 999_999_999, "process_start": "1"}))
    (left,) = desk.keeper.left_behind()
    assert left.crashed
    assert left.title == "a · 2 edits · 2 runs"
    desk.session.close_model()
    desk.session.restore(left.path)
    settle(desk, qtbot)
    check_filled(desk)
    assert desk.keeper.modified
    desk.keeper.forget(left)
    assert not left.path.exists()
    assert not mark.exists()


def test_good_end_leaves_the_last_session_and_no_mark(desk: Desk, qtbot: Any) -> None:
    filled(desk, qtbot)
    desk.keeper.end()
    folder = desk.keeper.autosave_path.parent
    assert [path.name for path in folder.iterdir()] == [f"last{SUFFIX}"]
    (left,) = desk.keeper.left_behind()
    assert not left.crashed


def test_damaged_autosave_is_not_offered(desk: Desk, qtbot: Any) -> None:
    filled(desk, qtbot)
    desk.keeper.autosave()
    desk.keeper._mark.write_text("{")
    data = desk.keeper.autosave_path.read_bytes()
    desk.keeper.autosave_path.write_bytes(data[: len(data) // 2])
    assert desk.keeper.left_behind() == []


def test_truncated_workspace_is_refused_and_what_is_open_stays(desk: Desk, qtbot: Any, tmp_path: Path) -> None:
    filled(desk, qtbot)
    path = tmp_path / f"mine{SUFFIX}"
    desk.keeper.save(path)
    path.write_bytes(path.read_bytes()[:100])
    desk.session.open_path(str(path))
    assert "is damaged" in texts(desk)
    check_filled(desk)


def test_autosave_that_fails_is_said_once(desk: Desk, qtbot: Any, tmp_path: Path) -> None:
    opened(desk, qtbot)
    folder = desk.keeper.autosave_path.parent
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.exists():
        import shutil

        shutil.rmtree(folder)
    folder.write_text("in the way")
    desk.keeper.autosave()
    desk.keeper.autosave()
    assert texts(desk).count("Autosaving does not work.") == 1


def test_process_start_tells_a_reused_number_apart(desk: Desk, qtbot: Any) -> None:
    import os

    opened(desk, qtbot)
    desk.keeper.autosave()
    desk.keeper._mark.write_text(json.dumps({"pid": os.getpid(), "process_start": start_time(os.getpid()) + "9"}))
    assert [left.crashed for left in desk.keeper.left_behind()] == [True]


def test_closing_forgets_runs_and_stops_what_is_computed(desk: Desk, engine: FakeEngine, qtbot: Any) -> None:
    opened(desk, qtbot)
    desk.session.open_images(ImageSource("demo:test"))
    engine.per_poll = 0
    run = desk.measuring.measure(desk.workspace.new_request("feature_rank"))
    assert run is not None
    desk.session.close_model()
    assert engine.cancelled == [run.number]
    assert not desk.workspace.runs
    desk.client.tick()
    assert desk.workspace.images is None
    assert texts(desk) == ""


def test_other_pictures_can_be_undone(desk: Desk, qtbot: Any) -> None:
    opened(desk, qtbot)
    first, second = ImageSource("demo:test"), ImageSource("demo:test", mean=(0.5,))
    desk.session.open_images(first)
    desk.session.open_images(second)
    assert desk.workspace.undo.undoText() == "preprocessing"
    desk.workspace.undo.undo()
    assert desk.workspace.images == first
    desk.workspace.undo.redo()
    assert desk.workspace.images == second


def test_old_structures_are_forgotten(tmp_path: Path) -> None:
    for _ in range(23):
        list(record(rank_events(), tmp_path))
    newest = list_runs(tmp_path)[0].name
    forget_structures(tmp_path)
    assert len(list_runs(tmp_path)) == 20
    assert list_runs(tmp_path)[0].name == newest
