"""The workspace: one owner of the state, one signal per change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.edits import Edits
from analysis.events import Chunk, Declared, Finished, Outcome, Output, Progress, Started
from analysis.problems import Problem
from analysis.request import Compute, ImageSource, ModelSource, Request
from analysis.result import Result
from app.commands import SetEdits
from app.workspace import Run, Selection, Workspace
from tests.fake_engine import METHODS, network, structure


@pytest.fixture
def workspace(qapp: Any) -> Iterator[Workspace]:
    made = Workspace()
    yield made
    made.deleteLater()


def opened(workspace: Workspace, name: str = "demo:a") -> Workspace:
    """Open a network with its structure."""
    source = ModelSource(name)
    workspace.set_model(source)
    run = Run(len(workspace.runs) + 1, Request("structure", source), purpose="open")
    workspace.add_run(run)
    for event in structure(run.request):
        workspace.apply(run.number, event)
    workspace.announce(run.number)
    return workspace


def heard(signal: Any) -> list[tuple[Any, ...]]:
    said: list[tuple[Any, ...]] = []
    signal.connect(lambda *arguments: said.append(arguments))
    return said


def test_structure_arrives_with_the_open_run(workspace: Workspace) -> None:
    said = heard(workspace.model_changed)
    opened(workspace)
    assert workspace.loading is None
    assert workspace.layers == network()
    assert len(said) == 3  # named, loading, there


def test_failed_open_keeps_the_problem(workspace: Workspace) -> None:
    workspace.set_model(ModelSource("demo:a"))
    workspace.add_run(Run(1, Request("structure", ModelSource("demo:a")), purpose="open"))
    problem = Problem("No.", code="needs_trust")
    workspace.apply(1, Finished(Outcome.FAILED, problem))
    workspace.announce(1)
    assert workspace.model_problem == problem
    assert workspace.structure is None
    assert workspace.layers == ()


def test_structure_of_an_earlier_network_is_not_taken(workspace: Workspace) -> None:
    first = Run(1, Request("structure", ModelSource("demo:a")), purpose="open")
    workspace.set_model(ModelSource("demo:a"))
    workspace.add_run(first)
    opened(workspace, "demo:b")
    for event in structure(first.request):
        workspace.apply(1, event)
    workspace.announce(1)
    assert workspace.structure is not first.result


def test_selection_walks_back_and_forth(workspace: Workspace) -> None:
    said = heard(workspace.selection_changed)
    for name in ("a", "b", "b", "c"):
        workspace.select_layer(name)
    assert len(said) == 3
    workspace.step_back()
    workspace.step_back()
    assert workspace.selection.layer == "a"
    assert workspace.can_step_forward
    workspace.step_forward()
    assert workspace.selection.layer == "b"
    workspace.select_layer("d")
    assert not workspace.can_step_forward
    for _ in range(9):
        workspace.step_back()
    assert workspace.selection == Selection()
    assert not workspace.can_step_back


def test_extending_adds_and_takes_away(workspace: Workspace) -> None:
    workspace.select_layer("a")
    workspace.select_layer("b", extend=True)
    assert workspace.selection.layers == ("a", "b")
    workspace.select_layer("a", extend=True)
    assert workspace.selection.layers == ("b",)


def test_unchanged_state_is_not_announced(workspace: Workspace) -> None:
    for signal, change in (
        (workspace.compute_changed, lambda: workspace.set_compute(Compute())),
        (workspace.edits_changed, lambda: workspace.set_edits(Edits())),
        (workspace.span_changed, lambda: workspace.set_span(None)),
        (workspace.selection_changed, lambda: workspace.select(Selection())),
        (workspace.sampling_changed, lambda: workspace.set_sampling(0, 0)),
        (workspace.compared_changed, lambda: workspace.compare_with(None)),
    ):
        said = heard(signal)
        change()
        assert not said


def test_edits_undo_and_redo_to_equal_values(workspace: Workspace) -> None:
    states = [Edits(widths=(("g", n),)) for n in range(1, 6)]
    for number, edits in enumerate(states):
        workspace.undo.push(SetEdits(workspace, edits, f"step {number}"))
    for edits in reversed([Edits(), *states[:-1]]):
        workspace.undo.undo()
        assert workspace.edits == edits
    for edits in states:
        workspace.undo.redo()
        assert workspace.edits == edits
    assert workspace.undo.undoText() == "step 4"


def test_one_gesture_is_one_step(workspace: Workspace) -> None:
    for width in (10, 11, 12):
        workspace.undo.push(SetEdits(workspace, Edits(widths=(("g", width),)), "drag", gesture=1))
    workspace.undo.push(SetEdits(workspace, Edits(widths=(("g", 5),)), "drag", gesture=2))
    workspace.undo.push(SetEdits(workspace, Edits(widths=(("g", 6),)), "type"))
    workspace.undo.push(SetEdits(workspace, Edits(widths=(("g", 7),)), "type"))
    assert workspace.undo.count() == 4
    for expected in (6, 5, 12):
        workspace.undo.undo()
        assert workspace.edits.widths == (("g", expected),)
    workspace.undo.undo()
    assert workspace.edits == Edits()


def test_new_network_starts_afresh(workspace: Workspace) -> None:
    opened(workspace)
    workspace.select_layer("conv1")
    workspace.set_span((0, 3))
    workspace.undo.push(SetEdits(workspace, Edits(removed=("x",)), "remove"))
    workspace.set_model(ModelSource("demo:b"))
    assert workspace.edits == Edits()
    assert workspace.selection == Selection()
    assert workspace.span is None
    assert workspace.undo.count() == 0
    assert not workspace.can_step_back


def test_request_carries_what_is_open_and_what_the_method_needs(workspace: Workspace) -> None:
    workspace.set_methods(METHODS)
    workspace.set_model(ModelSource("demo:a"))
    workspace.set_images(ImageSource("demo:test"))
    workspace.set_compute(Compute("cuda:0"))
    workspace.set_sampling(100, 7)
    workspace.set_edits(Edits(removed=("x",)))
    rank = workspace.new_request("feature_rank", mode="pooled", energy=0.9)
    assert rank == Request(
        "feature_rank", ModelSource("demo:a"), ImageSource("demo:test"), Edits(removed=("x",)),
        (("energy", 0.9), ("mode", "pooled")), "", 100, 7, Compute("cuda:0"),
    )  # fmt: skip
    spectrum = workspace.new_request("weight_spectrum")
    assert spectrum.images is None
    assert spectrum.limit == 0


def test_missing_names_what_has_to_be_opened(workspace: Workspace) -> None:
    workspace.set_methods(METHODS)
    assert workspace.missing("feature_rank") == ("model", "images")
    assert workspace.missing("weight_spectrum") == ("model",)
    workspace.set_model(ModelSource("demo:a"))
    assert workspace.missing("feature_rank") == ("images",)


def declared(run: Run, workspace: Workspace) -> None:
    workspace.apply(run.number, Started(run.request))
    workspace.apply(run.number, Declared((Output("rank", ("layer",), (3,)),), network()[:3]))


def test_run_goes_through_its_states(workspace: Workspace) -> None:
    run = Run(1, Request("feature_rank"))
    workspace.add_run(run)
    assert (run.state, run.open) == ("queued", True)
    declared(run, workspace)
    assert run.state == "running"
    workspace.apply(1, Chunk("rank", (0,), np.array([1.0])))
    workspace.apply(1, Progress(1, 4))
    left = run.seconds_left()
    assert left is not None
    assert left >= 0
    workspace.apply(1, Finished(Outcome.CANCELLED))
    assert (run.state, run.open, run.seconds_left()) == ("cancelled", False, None)
    assert run.result["rank"][0] == 1.0  # what had arrived stays


def test_finished_is_announced_once_with_the_last_change(workspace: Workspace) -> None:
    run = Run(1, Request("feature_rank"))
    workspace.add_run(run)
    finished = heard(workspace.run_finished)
    declared(run, workspace)
    workspace.announce(1)
    assert finished == []
    workspace.apply(1, Finished(Outcome.COMPLETED))
    workspace.announce(1)
    assert finished == [(1,)]


def test_events_of_removed_runs_are_ignored(workspace: Workspace) -> None:
    workspace.add_run(Run(1, Request("feature_rank")))
    workspace.remove_run(1)
    workspace.apply(1, Finished(Outcome.COMPLETED))
    workspace.announce(1)
    assert not workspace.runs


def test_latest_is_the_newest_of_the_open_network_that_has_something_to_show(workspace: Workspace) -> None:
    workspace.set_model(ModelSource("demo:a"))
    for number, name in ((1, "demo:a"), (2, "demo:a"), (3, "demo:b")):
        run = Run(number, Request("feature_rank", ModelSource(name)), began=float(number))
        workspace.add_run(run)
        declared(run, workspace)
        run.began = float(number)
    workspace.add_run(Run(4, Request("feature_rank", ModelSource("demo:a")), began=4.0))
    latest = workspace.latest("feature_rank")
    assert latest is not None
    assert latest.number == 2
    assert workspace.latest("evaluate") is None


def test_coarser_run_stays_until_the_finer_one_has_numbers(workspace: Workspace) -> None:
    workspace.set_model(ModelSource("demo:a"))
    for number in (1, 2):
        workspace.add_run(run := Run(number, Request("feature_rank", ModelSource("demo:a"), limit=number)))
        declared(run, workspace)
        run.began = float(number)
    assert workspace.latest("feature_rank") is workspace.runs[2]
    workspace.apply(1, Chunk("rank", (0,), np.array([1.0])))
    assert workspace.latest("feature_rank") is workspace.runs[1]
    workspace.apply(2, Chunk("rank", (0,), np.array([2.0])))
    assert workspace.latest("feature_rank") is workspace.runs[2]


def test_removing_the_compared_run_stops_comparing(workspace: Workspace) -> None:
    stored = workspace.add_stored(Path("/r"), Request("feature_rank"), Result(), "completed", "mine")
    assert stored.name == "mine"
    assert stored.number < 0
    workspace.compare_with(stored.number)
    workspace.remove_run(stored.number)
    assert workspace.compared is None
