"""What holds for every view and for the panels beside them, written once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from analysis.events import Chunk, Event, Finished, Outcome
from analysis.figures import FigureSpec, make_sheet
from analysis.request import ModelSource
from app.panels.inspector import Inspector
from app.panels.layers_panel import LayersPanel
from app.theme import Theme
from app.views import VIEWS, View
from app.workspace import Workspace
from tests import scenes, snapshots
from tests.gestures import settle, show, theme

__all__ = ["theme"]

Make = Callable[[Workspace, Theme], QWidget]
MAKERS: dict[str, Make] = {info.name: info.make for info in VIEWS} | {"layers": LayersPanel, "inspector": Inspector}
SIZES = {"layers": (240, 620), "inspector": (280, 620)}
every = pytest.mark.parametrize("name", list(MAKERS))
every_view = pytest.mark.parametrize("name", [info.name for info in VIEWS])


def built(name: str, workspace: Workspace, theme: Theme, qtbot: QtBot) -> QWidget:
    widget = MAKERS[name](workspace, theme)
    qtbot.addWidget(widget)
    show(widget, *SIZES.get(name, (777, 620)))
    return widget


def shown_texts(widget: QWidget) -> int:
    """Number of different colours in the picture: 1 for an empty one."""
    image = widget.grab().toImage()
    return len({image.pixel(x, y) for x in range(0, image.width(), 3) for y in range(0, image.height(), 3)})


def without_numbers(events: list[Event]) -> list[Event]:
    """The same run, but nothing in it is a number."""
    return [
        replace(event, values=np.full_like(event.values, np.nan))
        if isinstance(event, Chunk) and np.asarray(event.values).dtype.kind == "f"
        else event
        for event in events
    ]


def nan_scene() -> Workspace:
    workspace = scenes.opened()
    layers = workspace.layers
    for events in (scenes.rank_events(layers), scenes.weight_events(layers), scenes.accuracy_events()):
        scenes.play(workspace, iter(without_numbers(list(events))))
    return workspace


def partial_scene() -> Workspace:
    workspace = scenes.opened()
    scenes.play(workspace, scenes.rank_events(workspace.layers), steps=200)
    scenes.play(workspace, scenes.accuracy_events(), steps=5)
    return workspace


def failed_scene() -> Workspace:
    workspace = scenes.opened()
    events = [*list(scenes.rank_events(workspace.layers))[:200], Finished(Outcome.FAILED)]
    scenes.play(workspace, iter(events))
    return workspace


def huge_scene() -> Workspace:
    workspace = scenes.opened(scenes.network(blocks=60))
    scenes.play(workspace, scenes.rank_events(workspace.layers))
    return workspace


SCENES: dict[str, Callable[[], Workspace]] = {
    "nothing": Workspace,
    "structure": scenes.opened,
    "partial": partial_scene,
    "nan": nan_scene,
    "failed": failed_scene,
    "huge": huge_scene,
    "full": scenes.full,
}


@every
@pytest.mark.parametrize("scene", list(SCENES))
def test_every_state_can_be_shown(name: str, scene: str, theme: Theme, qtbot: QtBot) -> None:
    workspace = SCENES[scene]()
    widget = built(name, workspace, theme, qtbot)
    if workspace.layers:
        workspace.select_layer(workspace.layers[5].name)
        workspace.set_span((3, 30))
        settle()
    assert shown_texts(widget) > 1


@every
def test_a_theme_change_reaches_everything(name: str, theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.full()
    workspace.select_layer("layer2.1.conv2")
    widget = built(name, workspace, theme, qtbot)
    theme.set_mode("dark")
    settle()
    image = widget.grab().toImage()
    bright = sum(
        image.pixelColor(x, y).lightness() > 200
        for x in range(0, image.width(), 5)
        for y in range(0, image.height(), 5)
    )
    cells = len(range(0, image.width(), 5)) * len(range(0, image.height(), 5))
    assert bright < 0.1 * cells
    fresh = built(name, workspace, theme, qtbot)
    one = image.convertToFormat(image.Format.Format_RGB32)
    other = fresh.grab().toImage().convertToFormat(image.Format.Format_RGB32)
    assert snapshots.difference(one, other) < 0.02


@every
def test_larger_text_is_not_refused(name: str, theme: Theme, qtbot: QtBot) -> None:
    widget = built(name, scenes.full(), theme, qtbot)
    theme.set_scale(1.6)
    settle()
    assert shown_texts(widget) > 1


@every
@pytest.mark.parametrize("size", [(120, 90), (777, 620), (2000, 1200), (400, 1000)])
def test_every_size_can_be_painted(name: str, size: tuple[int, int], theme: Theme, qtbot: QtBot) -> None:
    widget = built(name, scenes.full(), theme, qtbot)
    widget.resize(*size)
    settle()
    widget.grab()


@every
def test_closing_in_the_middle_of_a_run_leaves_nothing_behind(name: str, theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    widget = MAKERS[name](workspace, theme)
    show(widget)
    run = scenes.play(workspace, scenes.rank_events(workspace.layers), steps=100)
    widget.close()
    widget.deleteLater()
    settle()
    for event in list(scenes.rank_events(workspace.layers))[100:]:
        workspace.apply(run.number, event)
    workspace.announce(run.number)
    workspace.select_layer("conv1")
    theme.set_mode("dark")
    settle()


@every
def test_a_hidden_one_waits_until_it_is_shown(
    name: str, theme: Theme, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = scenes.opened()
    widget = built(name, workspace, theme, qtbot)
    widget.hide()
    counted = count_refreshes(widget, monkeypatch)
    run = scenes.play(workspace, scenes.rank_events(workspace.layers), steps=400)
    settle()
    assert counted == []
    widget.show()
    settle()
    assert len(counted) == 1
    assert workspace.runs[run.number].open


@every
def test_one_turn_of_the_loop_paints_once(
    name: str, theme: Theme, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = scenes.opened()
    widget = built(name, workspace, theme, qtbot)
    counted = count_refreshes(widget, monkeypatch)
    run = scenes.play(workspace, scenes.rank_events(workspace.layers), steps=300)
    for _ in range(5):
        workspace.announce(run.number)
    settle()
    assert len(counted) == 1


def count_refreshes(widget: QWidget, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    assert isinstance(widget, (View, LayersPanel, Inspector))
    counted: list[int] = []
    refresh = widget.refresh
    monkeypatch.setattr(widget, "refresh", lambda: (counted.append(1), refresh()))
    return counted


@pytest.mark.parametrize("name", [info.name for info in VIEWS if info.name != "rank_lab"])
def test_a_view_without_data_says_what_it_needs(name: str, theme: Theme, qtbot: QtBot) -> None:
    view = built(name, Workspace(), theme, qtbot)
    assert isinstance(view, View)
    assert view.empty.isVisible()
    assert "needs" in view.empty.text
    wanted: list[str] = []
    view.action_wanted.connect(wanted.append)
    view.empty.pressed.emit()
    assert wanted == ["open_demo"]


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("overview", "feature_rank"),
        ("rank", "feature_rank"),
        ("evaluate", "evaluate"),
        ("rank_lab", "rank_lab"),
        ("attribution", "attribution"),
        ("bundles", "conflicting_bundles"),
        ("configurations", "dynamic_configurations"),
        ("sharing", "parameter_sharing"),
        ("widths", "width_groups"),
    ],
)
def test_a_view_offers_the_run_that_fills_it(name: str, method: str, theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    view = built(name, workspace, theme, qtbot)
    assert isinstance(view, View)
    wanted: list[str] = []
    workspace.run_wanted.connect(lambda request: wanted.append(request.method))
    view.fill()
    assert wanted == [method]


@every_view
def test_its_figure_can_be_drawn_from_the_same_runs(name: str, theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.full()
    view = built(name, workspace, theme, qtbot)
    assert isinstance(view, View)
    spec = view.figure_spec()
    assert isinstance(spec, FigureSpec)
    by_folder = {str(run.folder): run.result for run in workspace.runs.values()}
    sheet = make_sheet(spec, [by_folder[folder] for folder in spec.runs])
    assert sheet.panels
    empty = built(name, scenes.opened(), theme, qtbot)
    assert isinstance(empty, View)
    assert empty.figure_spec() is None


@every_view
def test_its_arrangement_can_be_stored(name: str, theme: Theme, qtbot: QtBot) -> None:
    import json

    workspace = scenes.full()
    view, again = built(name, workspace, theme, qtbot), built(name, workspace, theme, qtbot)
    assert isinstance(view, View)
    assert isinstance(again, View)
    state = json.loads(json.dumps(view.state()))
    again.restore(state)
    settle()
    assert again.state() == state
    again.restore({key: ["nonsense"] for key in state})
    again.restore({})
    settle()


@every
def test_everything_that_takes_keys_has_a_name(name: str, theme: Theme, qtbot: QtBot) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtWidgets import QAbstractButton, QAbstractScrollArea, QComboBox, QLabel

    widget = built(name, scenes.full(), theme, qtbot)
    for child in widget.findChildren(QWidget):
        part_of = child.parent()
        inner = isinstance(part_of, (QAbstractScrollArea, QComboBox)) or isinstance(child, QLabel)
        by_tab = bool(child.focusPolicy() & Qt.FocusPolicy.TabFocus)
        if by_tab and child.isVisibleTo(widget) and not inner:
            words = child.text() if isinstance(child, QAbstractButton) else ""
            assert child.accessibleName() or words, child


# -- approved pictures -----------------------------------------------------------------------------------------------


def compared_scene() -> Workspace:
    workspace = scenes.full()
    other = ModelSource("auto", ("resnet56.th",))
    run = scenes.play(workspace, scenes.rank_events(scenes.network(9), seed=4, model=other, name="cifar_resnet56"))
    workspace.compare_with(run.number)
    return workspace


PICTURES = {
    "overview": ("overview", scenes.full, "light"),
    "overview-dark": ("overview", scenes.full, "dark"),
    "overview-partial": ("overview", partial_scene, "light"),
    "overview-nan": ("overview", nan_scene, "light"),
    "overview-compared": ("overview", compared_scene, "light"),
    "overview-empty": ("overview", Workspace, "light"),
    "rank": ("rank", scenes.full, "light"),
    "rank-dark": ("rank", scenes.full, "dark"),
    "rank-partial": ("rank", partial_scene, "light"),
    "evaluate": ("evaluate", scenes.full, "light"),
    "evaluate-dark": ("evaluate", scenes.full, "dark"),
    "attribution": ("attribution", scenes.full, "light"),
    "attribution-dark": ("attribution", scenes.full, "dark"),
    "layers": ("layers", scenes.full, "light"),
    "inspector": ("inspector", scenes.full, "light"),
    "inspector-dark": ("inspector", scenes.full, "dark"),
}


@pytest.mark.parametrize("picture", list(PICTURES))
def test_it_looks_as_approved(picture: str, theme: Theme, qtbot: QtBot, request: pytest.FixtureRequest) -> None:
    name, scene, mode = PICTURES[picture]
    theme.set_mode(mode)
    workspace = scene()
    if workspace.layers:
        workspace.select_layer("layer2.0.conv1")
    widget = built(name, workspace, theme, qtbot)
    widget.setFocus()
    snapshots.check(widget, picture, request)


def test_a_shifted_picture_is_not_approved(theme: Theme, qtbot: QtBot) -> None:
    """The tolerance is wide enough for fonts, not for bars."""
    widget = built("overview", scenes.full(), theme, qtbot)
    before = widget.grab().toImage().convertToFormat(widget.grab().toImage().Format.Format_RGB32)
    widget.tracks.toggle("structure.macs")  # type: ignore[attr-defined]
    widget.invalidate()  # type: ignore[attr-defined]
    settle()
    after = widget.grab().toImage().convertToFormat(before.format())
    assert snapshots.difference(before, after) > 5 * snapshots.MOST
