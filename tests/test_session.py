"""Opening and measuring without widgets: questions, offers, lost engines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from analysis.edits import Edits
from analysis.problems import Problem, RunWarning
from analysis.request import Compute, ImageSource, ModelSource, Request
from app import measuring as measuring_module
from app.commands import SetEdits
from app.desk import Desk
from app.questions import TRUST, question_of
from app.reading.second_choices import choices
from tests.desk_steps import opened, press, settle, texts
from tests.fake_engine import DEVICES, FakeEngine, failing, rank, structure

# -- opening -----------------------------------------------------------------------------------------------------------


def test_open_shows_structure_and_measures_the_weights(desk: Desk, engine: FakeEngine, qtbot: Any) -> None:
    opened(desk, qtbot)
    assert desk.workspace.structure is not None
    assert [request.method for request, _ in engine.requests] == ["structure", "weight_spectrum"]
    assert engine.requests[0][1] == desk.preferences.structures_folder  # kept apart from what the user measures
    assert desk.preferences.settings.recent_models[0].title == "a"


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda path: path.with_name("a.pth"), lambda path: ModelSource("auto", (str(path.with_name("a.pth")),))),
        (lambda path: "demo:b", lambda path: ModelSource("demo:b")),
        (lambda path: "/x/net.py:build", lambda path: ModelSource("/x/net.py:build")),
    ],
)
def test_every_way_in_reaches_the_engine(
    desk: Desk, engine: FakeEngine, tmp_path: Path, make: Callable[[Path], Any], expected: Callable[[Path], ModelSource]
) -> None:
    (tmp_path / "a.pth").write_bytes(b"\x80\x02.")
    desk.session.open_path(str(make(tmp_path / "x")))
    assert engine.requests[0][0].model == expected(tmp_path / "x")


def test_the_structure_of_the_network_before_stays_for_comparing(desk: Desk, qtbot: Any) -> None:
    workspace = opened(desk, qtbot).workspace
    for name in ("demo:b", "demo:a", "demo:b"):
        opened(desk, qtbot, name)
    known = [run.request.model for run in workspace.runs.values() if run.purpose == "open"]
    assert sorted(model.name for model in known if model) == ["demo:a", "demo:b"]  # each once: the newest
    assert [choice.run.request.model for choice in choices(workspace)] == [ModelSource("demo:a")]
    shown = next(run for run in workspace.runs.values() if run.result is workspace.structure)
    assert shown.request.model == ModelSource("demo:b")


def test_pictures_are_opened_and_remembered(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "pictures" / "cat").mkdir(parents=True)
    desk.session.open_path(str(tmp_path / "pictures"))
    assert desk.workspace.images == ImageSource(str(tmp_path / "pictures"))
    assert desk.preferences.settings.recent_images == (str(tmp_path / "pictures"),)


def test_what_cannot_be_opened_is_a_notice_and_changes_nothing(desk: Desk, qtbot: Any, tmp_path: Path) -> None:
    opened(desk, qtbot)
    desk.session.open_path(str(tmp_path / "gone.pth"))
    assert "There is no file gone.pth." in texts(desk)
    assert desk.workspace.structure is not None


def test_code_with_several_functions_asks_which(desk: Desk, engine: FakeEngine, tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text("def small(): pass\ndef large(): pass\n")
    desk.session.open_path(str(path))
    question = desk.session.question
    assert question is not None
    assert [way.text for way in question.ways] == ["small", "large"]
    assert engine.requests == []
    desk.session.open_model(question.ways[1].source)
    assert engine.requests[0][0].model == ModelSource(f"{path}:large")
    assert desk.session.question is None


def test_demo_opens_both_and_takes_a_first_look(desk: Desk, engine: FakeEngine, qtbot: Any) -> None:
    desk.client.start()
    desk.session.open_demo()
    settle(desk, qtbot)
    asked = {request.method: request for request, _ in engine.requests}
    assert set(asked) == {"structure", "weight_spectrum", "feature_rank", "evaluate", "conflicting_bundles"}
    assert asked["feature_rank"].limit == measuring_module.LOOK_LIMIT
    assert "First look: 200 of 1,000 pictures." in texts(desk)
    press(desk, "Measure all 1,000")
    settle(desk, qtbot)
    wholes = [(request.method, request.limit) for request, _ in engine.requests[-2:]]
    assert wholes == [("feature_rank", -1), ("evaluate", -1)]  # bundles of other sample sizes do not compare


# -- questions ---------------------------------------------------------------------------------------------------------


def test_trust_is_asked_and_given(desk: Desk, engine: FakeEngine, qtbot: Any, tmp_path: Path) -> None:
    def ask(request: Request) -> Any:
        trusted = request.model is not None and request.model.trust
        return (structure if trusted else failing(Problem("It holds code.", code="needs_trust")))(request)

    engine.scripts["structure"] = ask
    desk.session.open_model(ModelSource("auto", ("/a.pth",)))
    settle(desk, qtbot)
    question = desk.session.question
    assert question is not None
    (way,) = question.ways
    assert way.text == TRUST
    assert way.risky
    assert question.about
    desk.session.open_model(way.source)
    settle(desk, qtbot)
    assert desk.session.question is None
    assert desk.workspace.structure is not None
    assert desk.workspace.model == ModelSource("auto", ("/a.pth",), trust=True)
    # What is remembered as recent does not remember the trust.
    assert not hasattr(desk.preferences.settings.recent_models[0], "trust")


def test_dismissing_goes_back_to_what_was_open(desk: Desk, engine: FakeEngine, qtbot: Any) -> None:
    opened(desk, qtbot, "demo:a")
    engine.scripts["structure"] = failing(Problem("No.", code="mismatch"))
    desk.session.open_model(ModelSource("demo:b"))
    settle(desk, qtbot)
    question = desk.session.question
    assert question is not None
    assert question.before == ModelSource("demo:a")
    engine.scripts["structure"] = structure
    desk.session.dismiss()
    settle(desk, qtbot)
    assert desk.workspace.model == ModelSource("demo:a")
    assert desk.workspace.structure is not None


def test_dismissing_the_first_goes_back_to_the_start_page(desk: Desk, engine: FakeEngine, qtbot: Any) -> None:
    engine.scripts["structure"] = failing(Problem("No."))
    desk.session.open_model(ModelSource("demo:b"))
    settle(desk, qtbot)
    desk.session.dismiss()
    assert desk.workspace.model is None
    assert desk.session.question is None


WEIGHTS = ModelSource("auto", ("/w/a.pth",))


@pytest.mark.parametrize(
    ("code", "details", "expected"),
    [
        ("needs_trust", "", [replace(WEIGHTS, trust=True)]),
        ("ambiguous", "timm:x\ntimm:y", [replace(WEIGHTS, name="timm:x"), replace(WEIGHTS, name="timm:y")]),
        ("no_match", "timm:x, timm:z: 3 keys differ\n    missing: fc.weight (1, 2)\ntimm:y: 1 key differs",
         [replace(WEIGHTS, name=f"timm:{n}") for n in "xzy"]),
        ("mismatch", "missing: fc.weight (1, 2)", []),
        ("needs_weights", "", [replace(WEIGHTS, weights=(word,)) for word in ("pretrained", "random")]),
        ("not_cached", "", [replace(WEIGHTS, download=True), replace(WEIGHTS, weights=("random",))]),
        ("", "Traceback", []),
    ],
)  # fmt: skip
def test_ways_on_of_every_failure(code: str, details: str, expected: list[ModelSource]) -> None:
    question = question_of(WEIGHTS, Problem("No.", "Hint.", details, code))
    assert [way.source for way in question.ways] == expected
    assert [way.risky for way in question.ways] == [code == "needs_trust"] * len(expected)


def test_mismatch_offers_to_look_for_the_network() -> None:
    source = ModelSource("timm:x", ("/a.pth",))
    question = question_of(source, Problem("No.", code="mismatch"))
    assert [way.source for way in question.ways] == [replace(source, name="auto")]
    assert question.names_network


def test_several_files_of_a_folder_become_choices(tmp_path: Path) -> None:
    for name in ("epoch-1.pth", "epoch-2.pth"):
        (tmp_path / name).touch()
    source = ModelSource("auto", (str(tmp_path),))
    question = question_of(source, Problem("2 files.", code="several", details="epoch-1.pth\nepoch-2.pth"))
    assert [way.source.weights[0] for way in question.ways] == [
        str(tmp_path / "epoch-1.pth"),
        str(tmp_path / "epoch-2.pth"),
    ]


# -- measuring ---------------------------------------------------------------------------------------------------------


def test_without_pictures_the_way_to_them_is_offered(desk: Desk, qtbot: Any) -> None:
    opened(desk, qtbot)
    wanted: list[int] = []
    desk.measuring.images_wanted.connect(lambda: wanted.append(1))
    assert desk.measuring.measure(desk.workspace.new_request("feature_rank")) is None
    press(desk, "Choose pictures…")
    assert wanted == [1]


def test_same_question_offers_the_stored_answer(desk: Desk, engine: FakeEngine, qtbot: Any) -> None:
    opened(desk, qtbot)
    desk.session.open_images(ImageSource("demo:test"))
    request = desk.workspace.new_request("feature_rank")
    first = desk.measuring.measure(request)
    settle(desk, qtbot)
    assert first is not None
    assert first.folder is not None
    count = len(engine.requests)
    assert desk.measuring.measure(request) is None
    assert len(engine.requests) == count
    assert desk.workspace.latest("feature_rank") is first
    assert "is shown" in texts(desk)
    assert "Use it" not in [action.text for notice in desk.notices.all().values() for action in notice.actions]
    press(desk, "Measure again")
    settle(desk, qtbot)
    assert len(engine.requests) == count + 1


def test_stored_run_of_another_session_is_loaded(desk: Desk, engine: FakeEngine, qtbot: Any) -> None:
    opened(desk, qtbot)
    desk.session.open_images(ImageSource("demo:test"))
    request = desk.workspace.new_request("feature_rank")
    run = desk.measuring.measure(request)
    settle(desk, qtbot)
    assert run is not None
    desk.workspace.remove_run(run.number)
    desk.measuring.measure(request)
    press(desk, "Use it")
    shown = desk.workspace.latest("feature_rank")
    assert shown is not None
    assert shown.number < 0
    assert (shown.result["rank"] == run.result["rank"]).all()


def test_what_is_running_is_not_asked_twice(desk: Desk, engine: FakeEngine, qtbot: Any) -> None:
    opened(desk, qtbot)
    desk.session.open_images(ImageSource("demo:test"))
    engine.per_poll = 0
    request = desk.workspace.new_request("feature_rank")
    run = desk.measuring.measure(request)
    assert desk.measuring.measure(replace(request, compute=Compute(threads=9))) is run
    assert "being measured already" in texts(desk)
    engine.per_poll = 1000


def test_failed_run_says_why_and_can_be_repeated(desk: Desk, engine: FakeEngine, qtbot: Any) -> None:
    opened(desk, qtbot)
    desk.session.open_images(ImageSource("demo:test"))
    engine.scripts["feature_rank"] = failing(Problem("The GPU is out of memory.", "Use a smaller batch."))
    desk.measuring.measure(desk.workspace.new_request("feature_rank"))
    settle(desk, qtbot)
    assert "Feature rank: The GPU is out of memory. Use a smaller batch." in texts(desk)
    engine.scripts["feature_rank"] = rank
    press(desk, "Measure again")
    settle(desk, qtbot)
    assert desk.workspace.latest("feature_rank") is not None
    assert "out of memory" not in texts(desk)  # no longer true


def test_a_success_takes_back_no_other_failure(desk: Desk, engine: FakeEngine, qtbot: Any) -> None:
    opened(desk, qtbot)
    desk.session.open_images(ImageSource("demo:test"))
    engine.scripts["feature_rank"] = failing(Problem("The GPU is out of memory.", "Use a smaller batch."))
    request = desk.workspace.new_request("feature_rank")
    other = replace(request, model=ModelSource("demo:b"))
    for asked in (request, other):
        desk.measuring.measure(asked)
        settle(desk, qtbot)
    assert texts(desk).count("out of memory") == 2
    engine.scripts["feature_rank"] = rank
    desk.measuring.measure(other, anew=True)
    settle(desk, qtbot)
    assert texts(desk).count("out of memory") == 1


def test_warnings_are_said_but_not_what_the_chip_says(desk: Desk, engine: FakeEngine, qtbot: Any) -> None:
    opened(desk, qtbot)
    desk.session.open_images(ImageSource("demo:test"))
    warnings = (RunWarning("random_weights", "Random."), RunWarning("undersampled", "Too few pictures.", ("conv1",)))
    engine.scripts["feature_rank"] = lambda request: rank(request, warnings=warnings)
    desk.measuring.measure(desk.workspace.new_request("feature_rank"))
    settle(desk, qtbot)
    assert "Too few pictures." in texts(desk)
    assert "Random." not in texts(desk)


def test_labels_that_were_left_out_are_told_once_for_a_network_and_its_pictures(
    desk: Desk, engine: FakeEngine, qtbot: Any
) -> None:
    opened(desk, qtbot)
    warnings = (RunWarning("labels_left_out", "The labels were left out.", ("ant",)),)
    engine.scripts["feature_rank"] = lambda request: rank(request, warnings=warnings)
    for location, told in (("demo:test", True), ("demo:test", False), ("demo:train", True)):
        desk.session.open_images(ImageSource(location))
        desk.notices.clear()
        desk.measuring.measure(desk.workspace.new_request("feature_rank"), anew=True)
        settle(desk, qtbot)
        assert ("left out" in texts(desk)) == told, location


def test_lost_engine_is_one_notice_with_a_restart(desk: Desk, engine: FakeEngine, qtbot: Any) -> None:
    opened(desk, qtbot)
    desk.session.open_images(ImageSource("demo:test"))
    engine.per_poll = 7  # up to the first chunks
    run = desk.measuring.measure(desk.workspace.new_request("feature_rank"))
    assert run is not None
    desk.client.tick()
    engine.die(Problem("The engine was killed.", "What had arrived is kept."))
    settle(desk, qtbot)
    errors = [notice.text for notice in desk.notices.all().values() if notice.level == "error"]
    assert errors == ["The engine was killed."]
    press(desk, "Restart engine")
    qtbot.waitUntil(lambda: desk.client.state == "ready")
    assert run.result["rank"][0] > 0
    assert "engine" not in texts(desk)


def test_run_that_does_not_stop_offers_to_restart_the_engine(
    desk: Desk, engine: FakeEngine, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.engine_client.PATIENCE", 0.0)
    opened(desk, qtbot)
    desk.session.open_images(ImageSource("demo:test"))
    engine.per_poll = 7
    run = desk.measuring.measure(desk.workspace.new_request("feature_rank"))
    assert run is not None
    desk.client.tick()
    engine.per_poll, engine.stubborn = 0, True
    desk.measuring.cancel_current()
    qtbot.waitUntil(lambda: "has not stopped yet" in texts(desk))
    engine.per_poll, engine.stubborn = 1000, False
    press(desk, "Restart engine")
    assert engine.starts == 2


def test_fastest_device_is_taken_unless_another_is_preferred(desk: Desk, engine: FakeEngine) -> None:
    from analysis.remote import Hello

    desk.client.take([Hello((), DEVICES, "2.9")])
    assert desk.workspace.compute.device == "cuda:0"
    desk.workspace.set_compute(Compute())
    desk.preferences.change(device="cpu", dtype="float64", threads=2)
    desk.client.take([Hello((), DEVICES, "2.9")])
    assert desk.workspace.compute == Compute("cpu", "float64", threads=2)


def test_edits_are_measured_by_themselves_only_if_wished(
    desk: Desk, engine: FakeEngine, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.measuring._rest.setInterval(1)
    opened(desk, qtbot)
    desk.session.open_images(ImageSource("demo:test"))
    desk.measuring.measure(desk.workspace.new_request("feature_rank"))
    settle(desk, qtbot)
    edits = Edits(widths=(("g1", 8),))
    desk.workspace.undo.push(SetEdits(desk.workspace, edits, "narrow"))
    assert not desk.measuring._rest.isActive()
    desk.workspace.undo.undo()
    desk.preferences.change(update_live=True)
    desk.workspace.undo.redo()
    qtbot.waitUntil(lambda: any(request.edits == edits for request, _ in engine.requests))
    assert {request.method for request, _ in engine.requests if request.edits == edits} == {
        "feature_rank",
        "weight_spectrum",
    }
    settle(desk, qtbot)


def test_line_of_an_edited_run_names_a_file_that_holds_it(desk: Desk, tmp_path: Path) -> None:
    import shlex

    plain = Request("structure", ModelSource("demo:a"))
    assert "--model demo:a" in desk.measuring.command_line(plain)
    edited = replace(plain, edits=Edits(removed=("x",)))
    words = shlex.split(desk.measuring.command_line(edited))
    assert Request.from_json(Path(words[4]).read_text()) == edited


def test_without_a_trash_a_run_can_be_deleted_for_good(desk: Desk, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from PySide6.QtCore import QFile

    monkeypatch.setattr(QFile, "moveToTrash", lambda path: False)
    opened(desk, qtbot)
    (run,) = [run for run in desk.workspace.runs.values() if run.purpose == "measure"]
    assert run.folder is not None
    desk.measuring.delete(run.folder)
    assert run.folder.exists()
    press(desk, "Delete for good")
    assert not run.folder.exists()
    assert run.number not in desk.workspace.runs
