"""One run over all checkpoints of a user's folder: asked for in the window, shown whichever checkpoint is selected."""

from __future__ import annotations

import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from analysis import engine
from analysis.events import Chunk, Event, Started
from analysis.request import ImageSource, ModelSource, Request
from analysis.result import Result
from app.history import History
from app.panels.comparison_bar import ComparisonBar
from app.panels.measure_panel import MeasurePanel
from app.reading.bundles import METHOD
from app.reading.checkpoints import all_of, beside, checkpoints, left_out, one_alone, requests_for_all
from app.reading.measurements import available, read, source
from app.theme import RESOURCES, Theme
from app.views.bundles import BundlesView
from app.weights import place_of, stands_for
from app.workspace import Workspace
from tests import scenes
from tests.gestures import settle, show, theme

__all__ = ["theme"]
PICTURES = ImageSource("demo:test")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four epochs of the demo's plain network, in a folder of the user's."""
    made = tmp_path_factory.mktemp("run")
    files = sorted((RESOURCES / "demo" / "fashion_plain").glob("*.safetensors"))
    for number, file in zip((1, 2, 9, 10), (*files[:3], files[-1]), strict=True):
        shutil.copy(file, made / f"net-{number}{file.suffix}")
    return made


@pytest.fixture(scope="module")
def files(folder: Path) -> tuple[str, ...]:
    return tuple(str(file) for file in sorted(folder.iterdir(), key=lambda file: int(file.stem.split("-")[1])))


def source_of(*weights: str) -> ModelSource:
    return ModelSource("demo:fashion_plain", weights)


def asked(*weights: str) -> Request:
    return Request(METHOD, source_of(*weights), PICTURES, limit=40)


@pytest.fixture(scope="module")
def events(files: tuple[str, ...]) -> tuple[Event, ...]:
    """What the engine says of a run over all of them."""
    return tuple(engine.run(asked(*files)))


@pytest.fixture(scope="module")
def structure(files: tuple[str, ...]) -> tuple[Event, ...]:
    return tuple(engine.run(Request("structure", source_of(files[1]))))


def opened(structure: tuple[Event, ...], file: str, name: str = "demo:fashion_plain") -> Workspace:
    workspace = Workspace()
    workspace.set_methods(engine.methods())
    workspace.set_model(ModelSource(name, (file,)))
    workspace.set_images(PICTURES)
    scenes.play(workspace, iter(structure), purpose="open")
    return workspace


def view_of(workspace: Workspace, theme: Theme, qtbot: QtBot) -> BundlesView:
    made = BundlesView(workspace, theme)
    qtbot.addWidget(made)
    show(made, 1000, 640)
    return made


# -- which runs are of the open network --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        (("a/run",), True),
        (("a/run/",), True),
        (("a/run/e-*.pt",), True),
        (("a/*/e-1.pt",), True),
        (("a/**/e-1.pt",), True),
        (("**/e-[12].pt",), True),
        (("a/run/e-0.pt", "a/run/e-1.pt"), True),
        (("a/other/../run/e-1.pt",), True),
        (("a",), False),
        (("a/*.pt",), False),
        (("a/run/e-2.pt",), False),
        (("random",), False),
        ((), False),
    ],
)
def test_a_source_of_several_files_stands_for_one_of_them(weights: tuple[str, ...], expected: bool) -> None:
    one = ModelSource("auto", ("a/run/e-1.pt",))
    assert stands_for(ModelSource("auto", weights), one) is expected
    assert not stands_for(ModelSource("cifar_resnet20", weights), one)


def test_the_demo_stands_for_its_own_checkpoints_alone() -> None:
    demo = ModelSource("demo:fashion_plain")
    own = beside(demo)
    assert all(stands_for(demo, ModelSource(demo.name, (file,))) for file in own)
    assert stands_for(demo, demo)
    assert stands_for(ModelSource(demo.name, own), demo) is False  # the demo names no file
    assert not stands_for(demo, ModelSource(demo.name, ("elsewhere/epoch-01.safetensors",)))
    assert not stands_for(ModelSource(f"{demo.name}@epoch-01"), ModelSource(demo.name, own[:1]))


def test_a_file_is_found_among_the_names_of_a_run() -> None:
    assert place_of(("e-1", "e-2"), ("a/e-2.pt",)) == 1
    assert place_of(("a/e.pt", "b/e.pt"), ("b/e.pt",)) == 1
    assert place_of(("e-1", "e-2"), ("a/e-3.pt",)) == -1
    assert place_of(("e-1", "e-2"), ()) == -1


@pytest.mark.parametrize("how", ["files", "folder", "pattern"])
def test_a_run_over_several_files_is_shown_for_each_of_them(
    how: str, files: tuple[str, ...], folder: Path, events: tuple[Event, ...], structure: tuple[Event, ...],
    qapp: QApplication,
) -> None:  # fmt: skip
    workspace = opened(structure, files[1])
    weights = {"files": files, "folder": (str(folder),), "pattern": (str(folder / "net-*"),)}[how]
    run = scenes.play(workspace, iter((Started(asked(*weights)), *events[1:])))
    for file in files:
        workspace.show_checkpoint((file,))
        assert workspace.latest(METHOD) is run
        assert workspace.latest_series(METHOD) is run
    workspace.show_checkpoint((str(folder.parent / "other.safetensors"),))
    assert workspace.latest(METHOD) is None


def test_numbers_of_layers_are_those_of_the_checkpoint_that_is_shown(
    files: tuple[str, ...], events: tuple[Event, ...], structure: tuple[Event, ...], qapp: QApplication
) -> None:
    workspace = opened(structure, files[1])
    result = scenes.play(workspace, iter(events)).result
    metric = next(one for one in available(workspace) if one.key == f"{METHOD}.critical_tolerance")
    run = source(workspace, metric)
    assert run is not None
    seen = set()
    for row, file in enumerate(files):
        workspace.show_checkpoint((file,))
        values = read(metric, result.layers, run.result, workspace.shown_weights).values
        np.testing.assert_array_equal(values, result["critical_tolerance"][row])
        seen.add(values.tobytes())
    assert len(seen) > 1


def test_the_engine_takes_the_files_in_natural_order(files: tuple[str, ...], events: tuple[Event, ...]) -> None:
    result = Result.of(iter(events))
    assert result.names("checkpoint") == tuple(Path(file).stem for file in files)
    assert np.isfinite(result["entropy"]).all()


# -- asking ------------------------------------------------------------------------------------------------------------


def test_the_form_offers_all_checkpoints_where_a_method_takes_several(
    files: tuple[str, ...], structure: tuple[Event, ...], theme: Theme, qtbot: QtBot, tmp_path: Path
) -> None:
    workspace = opened(structure, files[1])
    panel = MeasurePanel(workspace, theme, History(tmp_path))
    qtbot.addWidget(panel)
    show(panel, 320, 700)
    panel.show_method("feature_rank")
    assert not panel._weights.isVisible()
    panel.show_method(METHOD)
    settle()
    choices = [panel._weights.itemText(row) for row in range(panel._weights.count())]
    assert choices == ["net-2 alone", "all 4 of the folder"]
    assert panel.request().model == source_of(files[1])
    panel._weights.setCurrentIndex(1)
    assert panel.request().model == source_of(*files)
    workspace.show_checkpoint((files[3],))
    assert panel._weights.itemText(0) == "net-10 alone"
    panel.show_request(asked(*files))
    assert panel.request().model == source_of(*files)


def test_the_demo_is_asked_as_before(qapp: QApplication) -> None:
    demo = ModelSource("demo:fashion_resnet")
    workspace = Workspace()
    workspace.set_model(demo)
    scenes.play(workspace, scenes.structure_events(scenes.network(), demo), purpose="open")
    own = beside(demo)
    assert all_of(workspace, own) == demo
    assert one_alone(workspace, own) == replace(demo, weights=own[-1:])


def test_training_offers_what_it_needs_and_follows_the_slider(
    files: tuple[str, ...], events: tuple[Event, ...], structure: tuple[Event, ...], theme: Theme, qtbot: QtBot
) -> None:
    workspace = opened(structure, files[1])
    scenes.play(workspace, engine.run(asked(files[1])))
    view = view_of(workspace, theme, qtbot)
    assert not view.offer.isVisible()
    view.show_page("training")
    settle()
    assert view.offer.isVisible()
    wanted: list[Request] = []
    workspace.run_wanted.connect(wanted.append)
    view.offer.pressed.emit()
    assert wanted[0].model == source_of(*files)
    labels = next(i for i, event in enumerate(events) if isinstance(event, Chunk) and event.name == "label")
    ends = [i for i, event in enumerate(events) if isinstance(event, Chunk) and event.name == "state"]
    run = scenes.play(workspace, iter(events), steps=labels + 1)
    for begin, end in pairwise((labels + 1, ends[0] + 1, len(events))):  # one checkpoint, then the rest
        settle()
        for event in events[begin:end]:
            workspace.apply(run.number, event)
        workspace.announce(run.number)
    settle()
    assert not view.offer.isVisible()
    assert view.reading is not None
    assert len(view.reading.checkpoints) == 4
    assert view.look.checkpoint == 1
    for place in (3, 0):
        workspace.show_checkpoint((files[place],))
        settle()
        assert view.look.checkpoint == place
    view._choose_checkpoint(2)
    settle()
    assert view.look.checkpoint == 2


def test_all_checkpoints_are_one_run_of_a_method_that_takes_several(
    files: tuple[str, ...], events: tuple[Event, ...], structure: tuple[Event, ...], theme: Theme, qtbot: QtBot
) -> None:
    workspace = opened(structure, files[1])
    scenes.play(workspace, engine.run(asked(files[1])))
    found = checkpoints(workspace, files)
    assert [one.state for one in found] == ["unmeasured", "measured", "unmeasured", "unmeasured"]
    (request,) = requests_for_all(workspace, found)
    assert request.model == source_of(*files)
    bar = ComparisonBar(workspace, theme)
    qtbot.addWidget(bar)
    show(bar, 777, 40)
    assert "one run" in bar.all.toolTip()
    scenes.play(workspace, iter(events))
    assert [one.title for one in bar.found] == ["net-1", "net-2", "net-9", "net-10"]
    assert {one.state for one in bar.found} == {"measured"}
    assert not bar.all.isEnabled()


@pytest.mark.parametrize("name", ["demo:fashion_plain", "auto"])
def test_a_file_that_stops_a_run_over_all_is_left_out_of_the_next(
    name: str, files: tuple[str, ...], structure: tuple[Event, ...], qapp: QApplication, tmp_path: Path
) -> None:
    other = tmp_path / f"other-2{Path(files[0]).suffix}"
    shutil.copy(RESOURCES / "demo" / "fashion_resnet" / Path(beside(ModelSource("demo:fashion_resnet"))[0]).name, other)
    workspace = opened(structure, files[1], name)
    mixed = (*files[:2], str(other), files[2])
    run = scenes.play(workspace, engine.run(replace(asked(*mixed), model=ModelSource(name, mixed))))
    assert run.state == "failed"
    assert list(left_out(workspace)) == [(str(other),)]
    whole = all_of(workspace, mixed)
    assert whole is not None
    assert whole.weights == files[:3]
