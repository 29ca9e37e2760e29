"""A slider over a folder of checkpoints: what is listed, measured and left out, and measuring all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from analysis.edits import Edits
from analysis.events import Event, Finished, Outcome, Started
from analysis.loading.sources import demo_checkpoints
from analysis.loading.weight_files import SUFFIXES
from analysis.problems import Problem
from analysis.request import ModelSource, Request
from app.opening import WEIGHT_SUFFIXES
from app.panels.comparison_bar import ComparisonBar
from app.reading import checkpoints as listing
from app.reading.checkpoints import beside, checkpoints, left_out, one_of, own_file, requests_for_all
from app.session import Session
from app.theme import Theme
from app.views.rank import RankView
from app.workspace import Workspace
from tests import scenes
from tests.gestures import settle, show, theme

__all__ = ["theme"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Checkpoints beside notes and pictures; none of them holds a byte."""
    for name in ("epoch-1.pth", "epoch-9.pth", "epoch-10.pth", "notes.txt", "cat.png", ".hidden.pth"):
        (tmp_path / name).touch()
    (tmp_path / "older.pth").mkdir()
    return tmp_path


def opened(folder: Path, name: str = "epoch-9.pth") -> Workspace:
    """A workspace with one of them open."""
    workspace, source = Workspace(), ModelSource("auto", (str(folder / name),))
    workspace.set_model(source)
    workspace.set_images(scenes.IMAGES)
    scenes.play(workspace, scenes.structure_events(scenes.network(), source), purpose="open")
    return workspace


def measure(workspace: Workspace, weights: str, seed: int = 1) -> None:
    source = ModelSource("auto", (weights,))
    scenes.play(workspace, scenes.rank_events(workspace.layers, seed=seed, model=source))


def failing(weights: str, message: str, code: str = "") -> Iterator[Event]:
    yield Started(Request("feature_rank", ModelSource("auto", (weights,)), scenes.IMAGES))
    yield Finished(Outcome.FAILED, Problem(message, "Choose another.", "", code))


def bar_of(workspace: Workspace, theme: Theme, qtbot: QtBot) -> ComparisonBar:
    made = ComparisonBar(workspace, theme)
    qtbot.addWidget(made)
    show(made, 777, 40)
    return made


def test_all_weight_files_of_the_folder_are_listed_in_natural_order(folder: Path, qapp: QApplication) -> None:
    workspace = opened(folder)
    files = beside(workspace.model)
    assert [Path(file).name for file in files] == ["epoch-1.pth", "epoch-9.pth", "epoch-10.pth"]
    found = checkpoints(workspace, files)
    assert [one.title for one in found] == ["epoch-1", "epoch-9", "epoch-10"]
    assert {one.state for one in found} == {"unmeasured"}


def test_endings_are_those_that_loading_accepts() -> None:
    assert set(WEIGHT_SUFFIXES) == set(SUFFIXES)


@pytest.mark.parametrize("name", ["demo:fashion_plain", "demo:fashion_resnet"])
def test_the_demo_has_its_checkpoints_and_knows_its_own(name: str) -> None:
    model, files = ModelSource(name), beside(ModelSource(name))
    assert [Path(file).resolve() for file in files] == [Path(file).resolve() for file in demo_checkpoints(name)]
    assert own_file(model, files) == files[-1]
    assert Path(own_file(ModelSource(f"{name}@epoch-01"), files)).stem == "epoch-01"


@pytest.mark.parametrize("weights", [("random",), ("pretrained",), (), ("/nowhere/at/all/net.pth",)])
def test_weights_without_a_folder_have_nothing_beside_them(weights: tuple[str, ...]) -> None:
    assert beside(ModelSource("timm:resnet18", weights)) == ()


def test_a_large_folder_is_cut(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST", 2)
    assert len(beside(ModelSource("auto", (str(folder / "epoch-1.pth"),)))) == 2
    monkeypatch.setattr(listing, "MOST_ENTRIES", 0)
    assert beside(ModelSource("auto", (str(folder / "epoch-1.pth"),))) == ()


def test_the_folder_is_listed_once_for_a_network(
    folder: Path, theme: Theme, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[Path] = []
    original = listing.weight_files

    def noted(path: Path) -> tuple[str, ...]:
        listed.append(path)
        return original(path)

    monkeypatch.setattr(listing, "weight_files", noted)
    workspace = opened(folder)
    bar = bar_of(workspace, theme, qtbot)
    measure(workspace, str(folder / "epoch-10.pth"))
    workspace.show_checkpoint((str(folder / "epoch-10.pth"),))
    assert listed == [folder]
    workspace.set_model(ModelSource("auto", ("elsewhere/net.pth",)))
    assert len(listed) == 2
    assert not bar.slider.isVisible()


def test_an_unmeasured_checkpoint_says_so_and_can_be_measured(folder: Path, theme: Theme, qtbot: QtBot) -> None:
    workspace = opened(folder)
    measure(workspace, str(folder / "epoch-9.pth"))
    bar, view = bar_of(workspace, theme, qtbot), RankView(workspace, theme)
    qtbot.addWidget(view)
    show(view)
    assert bar.title.text() == "epoch-9 · 2 of 3"
    bar.slider.setValue(2)
    settle()
    assert bar.title.text() == "epoch-10 · 3 of 3 · not measured"
    assert view.empty.isVisible()
    asked: list[Request] = []
    workspace.run_wanted.connect(asked.append)
    view.fill()
    assert asked[0].model == ModelSource("auto", (str(folder / "epoch-10.pth"),))
    measure(workspace, str(folder / "epoch-10.pth"), 2)
    settle()
    assert bar.title.text() == "epoch-10 · 3 of 3"
    assert not view.empty.isVisible()


def test_marks_are_filled_only_where_there_are_results(folder: Path, theme: Theme, qtbot: QtBot) -> None:
    workspace = opened(folder)
    measure(workspace, str(folder / "epoch-10.pth"))
    bar = bar_of(workspace, theme, qtbot)
    slider = bar.slider
    picture = slider.grab().toImage()
    ratio = picture.devicePixelRatio()
    filled = [
        picture.pixelColor(int(slider.mark_at(place) * ratio), int((slider.height() - 3.5) * ratio))
        for place in range(3)
    ]
    assert filled[2].lightness() != filled[0].lightness()
    assert filled[0] == filled[1]


def test_all_checkpoints_are_measured_as_the_last_one_was(folder: Path, theme: Theme, qtbot: QtBot) -> None:
    workspace = opened(folder)
    bar = bar_of(workspace, theme, qtbot)
    assert not bar.all.isEnabled()
    measure(workspace, str(folder / "epoch-9.pth"))
    last = workspace.latest("feature_rank")
    assert last is not None
    asked: list[Request] = []
    workspace.look_wanted.connect(asked.append)
    assert bar.all.isEnabled()
    bar.all.click()
    assert [Path(request.model.weights[0]).name for request in asked if request.model] == [
        "epoch-1.pth",
        "epoch-10.pth",
    ]
    assert {replace(request, model=last.request.model) for request in asked} == {last.request}
    for request in asked:
        assert request.model is not None
        measure(workspace, request.model.weights[0])
    assert not bar.all.isEnabled()


def test_what_does_not_fit_leaves_the_slider_with_its_reason(folder: Path, theme: Theme, qtbot: QtBot) -> None:
    workspace = opened(folder)
    bar = bar_of(workspace, theme, qtbot)
    wrong = str(folder / "epoch-1.pth")
    workspace.show_checkpoint((wrong,))
    settle()
    assert bar.title.text().startswith("epoch-1 ·")
    scenes.play(workspace, failing(wrong, "The weights in epoch-1.pth do not fit the network: 2 missing.", "mismatch"))
    settle()
    assert workspace.checkpoint is None
    assert [one.title for one in bar.found] == ["epoch-9", "epoch-10"]
    assert "2 missing" in bar.slider.toolTip()


def test_another_network_leaves_it_too_but_a_full_disk_does_not(folder: Path, qapp: QApplication) -> None:
    workspace = opened(folder)
    files = beside(workspace.model)
    other, unlucky = str(folder / "epoch-10.pth"), str(folder / "epoch-1.pth")
    scenes.play(workspace, failing(unlucky, "There is no space left on the disk."))
    source = ModelSource("auto", (other,))
    scenes.play(workspace, scenes.rank_events(scenes.network(9), model=source, name="cifar_resnet56"))
    assert list(left_out(workspace)) == [(other,)]
    assert "cifar_resnet56" in left_out(workspace)[(other,)]
    assert [one.title for one in checkpoints(workspace, files)] == ["epoch-1", "epoch-9"]


def test_a_checkpoint_that_is_another_network_is_left_with_a_word(folder: Path, theme: Theme, qtbot: QtBot) -> None:
    workspace = opened(folder)
    bar, said = bar_of(workspace, theme, qtbot), list[Problem]()
    workspace.problem_raised.connect(said.append)
    other = (str(folder / "epoch-10.pth"),)
    workspace.show_checkpoint(other)
    events = scenes.rank_events(scenes.network(9), model=ModelSource("auto", other), name="cifar_resnet56")
    scenes.play(workspace, events, purpose="glance")
    settle()
    assert workspace.checkpoint is None
    assert bar.isVisible()
    (problem,) = said
    assert problem.message == "epoch-10 is cifar_resnet56, with other layers."
    assert "Compare with" in problem.hint
    wrong = (str(folder / "epoch-1.pth"),)
    workspace.show_checkpoint(wrong)
    scenes.play(workspace, failing(wrong[0], "The weights in epoch-1.pth do not fit the network.", "mismatch"))
    settle()
    assert workspace.checkpoint is None
    assert len(said) == 1  # the run itself has said so


def test_an_edited_network_stays_a_checkpoint(folder: Path, qapp: QApplication) -> None:
    workspace = opened(folder)
    source = ModelSource("auto", (str(folder / "epoch-1.pth"),))
    narrow = scenes.network(3, widths=(8, 16, 32))
    run = scenes.play(workspace, scenes.rank_events(narrow, model=source))
    assert list(left_out(workspace)) == [source.weights]
    run.request = replace(run.request, edits=Edits(widths=(("layer1.0.conv1", 8),)))
    assert left_out(workspace) == {}


def test_nothing_is_asked_of_all_before_something_was_asked_of_one(folder: Path, qapp: QApplication) -> None:
    workspace = opened(folder)
    found = checkpoints(workspace, beside(workspace.model))
    assert len(found) == 3
    assert requests_for_all(workspace, found) == ()


def test_opening_a_folder_opens_its_last_checkpoint(folder: Path, desk: Any) -> None:
    session: Session = desk.session
    session.open_model(ModelSource("auto", (str(folder),)))
    assert desk.workspace.model == ModelSource("auto", (str(folder / "epoch-10.pth"),))
    kept = ModelSource("auto", (str(folder / "epoch-1.pth"),))
    assert one_of(kept) == kept
    assert one_of(ModelSource("auto", (str(folder / "older.pth"),))).weights == (str(folder / "older.pth"),)


def test_a_folder_that_is_cut_short_says_so(
    folder: Path, theme: Theme, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert listing.cut_short(ModelSource("auto", (str(folder / "epoch-9.pth"),))) == ""
    monkeypatch.setattr(listing, "MOST", 2)
    bar = bar_of(opened(folder), theme, qtbot)
    words = f"{folder.name}: of 3 weight files the first 2 are listed."
    assert words in bar.slider.toolTip()
    assert "folder cut short" in bar.title.text()
    monkeypatch.setattr(listing, "MOST_ENTRIES", 1)
    names, cut = listing.listed(folder)
    assert len(names) <= 1
    assert cut == "only its first 1 entries were looked at"
