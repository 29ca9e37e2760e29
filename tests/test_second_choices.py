"""What can be compared with, what is read for it without a word, and how a network that is not open gets there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from analysis.config import LayerSpec
from analysis.edits import Edits
from analysis.events import Chunk, Declared, Event, Finished, Outcome, Output, Prepared, Started
from analysis.problems import Problem
from analysis.request import ModelSource, Request
from app.measuring import Measuring
from app.notices import Notices
from app.panels.comparison_bar import ComparisonBar
from app.panels.inspector import Inspector
from app.reading.asking_second import all_of_second, structures_outdated, structures_wanted
from app.reading.checkpoints import checkpoints, left_out
from app.reading.comparing import deltas, differences, is_open_network, shown_layers, why_no_difference
from app.reading.layer_comparison import layer_differences, measured, row_in, second_layer
from app.reading.measurements import NOT_APPLICABLE, available, structure_metric
from app.reading.second_choices import choices, is_chosen
from app.reading.second_size import how_much_corresponds, second_words
from app.second import SecondNetwork
from app.theme import Theme
from app.views.overview import Overview
from app.views.rank import RankView
from app.workspace import Run, Workspace
from tests import scenes
from tests.comparing_scenes import NAME, OTHER, built, of_other
from tests.gestures import settle, theme
from tests.test_alignment import VGG11, VGG16, vgg

__all__ = ["theme"]
EDITS = Edits(widths=(("layer1.0.conv1", 8),))


def epoch(number: int) -> ModelSource:
    return ModelSource("auto", (f"runs/epoch-{number}.th",))


def numbered(events: Iterator[Event], totals: dict[str, int]) -> Iterator[Event]:
    """A structure with its totals."""
    for event in events:
        if isinstance(event, Declared):
            more = tuple(Output(name, (), (), "int64") for name in totals)
            yield replace(event, outputs=(*event.outputs, *more))
            for name, value in totals.items():
                yield Chunk(name, (), value)
        else:
            yield event


def structure(
    workspace: Workspace, layers: tuple[LayerSpec, ...], model: ModelSource, edits: Edits | None = None,
    name: str = NAME,
) -> Run:  # fmt: skip
    """Let the quiet reading of a structure happen."""
    totals = {"total_parameters": 855_770, "total_macs": 125_750_000}
    events = numbered(scenes.structure_events(layers, model), totals)
    named = (replace(event, model=name) if isinstance(event, Prepared) else event for event in events)
    run = scenes.play(workspace, named, purpose="glance")
    run.request = replace(run.request, edits=edits or Edits())
    workspace.runs_changed.emit()
    return run


# -- one entry for each network --------------------------------------------------------------------------------------


def test_checkpoints_are_told_apart_also_by_runs_without_layers(qapp: Any) -> None:
    """Accuracy of three epochs, rank of two: three entries, each with its file and what was measured."""
    workspace = scenes.full()
    for number in (1, 2, 10):
        scenes.play(workspace, scenes.accuracy_events(model=epoch(number)))
    for number in (1, 2):
        scenes.play(workspace, scenes.rank_events(workspace.layers, seed=number, model=epoch(number)))
    assert [choice.words for choice in choices(workspace)] == [
        "cifar_resnet20 epoch-1 · evaluate, feature rank, N = 1,000",
        "cifar_resnet20 epoch-2 · evaluate, feature rank, N = 1,000",
        "cifar_resnet20 epoch-10 · evaluate, N = 1,000",
    ]


def test_what_has_given_nothing_is_not_offered(qapp: Any) -> None:
    workspace = scenes.full()
    scenes.play(workspace, scenes.rank_events(workspace.layers, model=epoch(1)), steps=3)  # declared, no number
    failed = iter((Started(Request("evaluate", epoch(2))), Finished(Outcome.FAILED, Problem("No.", "", "", ""))))
    scenes.play(workspace, failed)
    assert choices(workspace) == ()


def test_the_open_network_is_no_choice_and_its_original_is_one_at_once(qapp: Any) -> None:
    workspace = scenes.full()
    assert choices(workspace) == ()
    workspace.set_edits(EDITS)
    (original,) = choices(workspace)
    assert original.run.request.edits.empty
    workspace.compare_with(original.run.number)
    assert is_chosen(workspace, original)
    workspace.set_edits(Edits())
    assert choices(workspace) == ()


def test_files_of_one_name_in_two_folders_are_told_apart(qapp: Any) -> None:
    workspace = scenes.full()
    for folder in ("warm", "cold"):
        source = ModelSource("auto", (f"{folder}/best.th",))
        scenes.play(workspace, scenes.rank_events(workspace.layers, model=source))
    assert [choice.name for choice in choices(workspace)] == [
        "cifar_resnet20 best in warm",
        "cifar_resnet20 best in cold",
    ]


def test_two_edits_of_one_network_are_told_apart(qapp: Any) -> None:
    workspace = scenes.full()
    for edits in (EDITS, Edits(widths=(("layer1.0.conv1", 8), ("layer2.0.conv1", 8)))):
        run = scenes.play(workspace, scenes.rank_events(workspace.layers))
        run.request = replace(run.request, edits=edits)
    names = [choice.name for choice in choices(workspace)]
    assert len(set(names)) == 2
    assert all("edited" in name for name in names)


@pytest.mark.parametrize(
    ("words", "dialog", "answer", "expected"),
    [
        ("Weights or network file…", "QFileDialog.getOpenFileName", ("b/net.th", "All files"), ["b/net.th"]),
        ("Weights or network file…", "QFileDialog.getOpenFileName", ("", ""), []),
        ("Network by name…", "QInputDialog.getText", (" timm:resnet18 ", True), ["timm:resnet18"]),
        ("Network by name…", "QInputDialog.getText", ("timm:resnet18", False), []),
    ],
)
def test_the_menu_takes_a_file_or_a_name(
    words: str, dialog: str, answer: tuple[str, object], expected: list[str], theme: Theme, qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(f"app.forms.menus.{dialog}", lambda *_args: answer)
    workspace, wanted = scenes.opened(), list[str]()
    workspace.second_wanted.connect(wanted.append)
    bar = built(ComparisonBar, workspace, theme, qtbot)
    bar.others.aboutToShow.emit()
    next(action for action in bar.others.actions() if action.text() == words).trigger()
    assert wanted == expected


def test_a_long_name_leaves_the_docks_their_room(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.full()
    source = ModelSource("auto", ("a-file-with-a-name-that-is-much-longer-than-any-chip-could-be-of-epoch-12.th",))
    for number in (1, 2):
        scenes.play(workspace, scenes.rank_events(workspace.layers, seed=number, model=epoch(number)))
    run = scenes.play(workspace, of_other(scenes.rank_events(scenes.network(9), model=source)))
    workspace.compare_with(run.number)
    bar = built(ComparisonBar, workspace, theme, qtbot)
    bar.resize(620, 40)
    settle()
    assert "…" in bar.chip.text()
    assert "epoch-12" in bar.chip.text()
    assert source.weights[0].removesuffix(".th") in bar.chip.accessibleName()
    assert source.weights[0].removesuffix(".th") in bar.chip.toolTip()
    assert bar.minimumSizeHint().width() <= 480
    shown = [widget for widget in (bar.chip, bar.choose, bar.slider, bar.title, bar.all) if widget.isVisible()]
    assert len(shown) == 5
    assert all(a.geometry().right() <= b.geometry().left() for a, b in pairwise(shown))
    assert bar.all.geometry().right() <= bar.width()


# -- one layer of the second network ---------------------------------------------------------------------------------


def two_vggs() -> tuple[Workspace, dict[str, str]]:
    """VGG-11 and VGG-16, each with a structure and a rank that knows its activations only."""
    workspace = scenes.opened(vgg(VGG11))
    scenes.play(workspace, scenes.rank_events(vgg(VGG11)))
    theirs = tuple(row for row in vgg(VGG16) if row.kind == "activation")
    run = scenes.play(workspace, of_other(scenes.rank_events(theirs, seed=5, model=OTHER)))
    structure(workspace, vgg(VGG16), OTHER)
    workspace.compare_with(run.number)
    return workspace, {"features.3": "features.5", "features.4": "features.6", "features.12": "features.18"}


def test_one_layer_of_the_second_network_whatever_a_run_knows(qapp: Any) -> None:
    """A run that has no convolutions leads no convolution to a ReLU."""
    workspace, expected = two_vggs()
    layers = {layer.name: layer for layer in workspace.layers}
    rank = workspace.runs[workspace.compared or 0].result
    for ours, theirs in expected.items():
        other = second_layer(workspace, layers[ours])
        assert other is not None
        assert other.name == theirs
        row = row_in(workspace, layers[ours], rank.layers)
        assert (rank.layers[row].name == theirs) if layers[ours].kind == "activation" else row == -1
    metric = next(metric for metric in available(workspace) if metric.key == "feature_rank.effective_rank")
    assert measured(workspace, metric, layers["features.3"]) is None
    known = {layer.name: row for row, layer in enumerate(rank.layers)}
    both = measured(workspace, metric, layers["features.4"])
    assert both is not None
    assert both[1] == pytest.approx(rank["effective_rank"][known["features.6"]])


def test_tables_and_axes_have_the_same_differences(theme: Theme, qtbot: QtBot) -> None:
    workspace, _ = two_vggs()
    found = deltas(workspace, structure_metric("width"))
    assert found is None  # VGG-11 and 16 are equally wide where they correspond
    view = built(Overview, workspace, theme, qtbot)
    lane = next(lane for lane in view.stack.lanes if lane.key == "structure.width")
    assert lane.outline is not None
    for slot, height in zip(view.axis.slots, lane.outline[2], strict=True):
        other = second_layer(workspace, view.axis.layers[slot.rows[-1]])
        assert other is not None
        assert height == other.channels


def test_what_corresponds_is_not_known_without_the_structure(qapp: Any) -> None:
    workspace = scenes.full()
    rows = tuple(row for row in scenes.network(9) if row.kind == "conv")
    run = scenes.play(workspace, of_other(scenes.rank_events(rows, seed=4, model=OTHER)))
    workspace.compare_with(run.number)
    linear = next(layer for layer in workspace.layers if layer.kind == "linear")
    assert "not known, because its structure was not read" in layer_differences(workspace, linear)
    (wanted,) = structures_wanted(workspace)
    assert (wanted.method, wanted.model, wanted.edits) == ("structure", OTHER, Edits())
    structure(workspace, scenes.network(9), OTHER)
    assert structures_wanted(workspace) == ()
    assert layer_differences(workspace, linear).startswith(NAME)
    assert "no layer" not in layer_differences(workspace, linear)
    other = second_layer(workspace, linear)
    assert other is not None
    assert other.name == "linear"


def test_structures_of_edits_that_are_made_no_longer_go(qapp: Any) -> None:
    workspace = scenes.full()
    second = structure(workspace, scenes.network(9), OTHER)
    workspace.compare_with(second.number)
    group = next(layer.name for layer in workspace.layers if layer.kind == "conv")
    for width in (8, 9):
        workspace.set_edits(Edits(widths=((group, width),)))
        (wanted,) = structures_wanted(workspace)
        assert wanted.model == workspace.shown_model
        structure(workspace, workspace.layers, wanted.model, wanted.edits)
    assert [run.request.edits.widths for run in structures_outdated(workspace)] == [((group, 8),)]
    workspace.set_edits(Edits())
    assert len(structures_outdated(workspace)) == 2
    assert second not in structures_outdated(workspace)


def test_the_network_that_is_shown_is_said_to_be_it(qapp: Any) -> None:
    workspace = scenes.full()
    run = scenes.play(workspace, scenes.rank_events(workspace.layers, seed=5, model=epoch(1)))
    workspace.compare_with(run.number)
    workspace.show_checkpoint(epoch(1).weights)
    assert is_open_network(workspace, run)
    words = layer_differences(workspace, workspace.layers[1])
    assert words == "cifar_resnet20 epoch-1: this is the network that is shown."
    assert how_much_corresponds(workspace) == ""


def test_how_much_corresponds_and_how_large_the_other_one_is(qapp: Any) -> None:
    workspace = scenes.full()
    run = structure(workspace, scenes.network(9), OTHER)
    assert second_words(workspace) == ""
    workspace.compare_with(run.number)
    counted = sum(layer.kind in ("conv", "linear") for layer in workspace.layers)
    assert how_much_corresponds(workspace) == f"{counted} of {counted} layers correspond, of 56 there"
    assert second_words(workspace).endswith(f"{NAME}: 56 layers, 856\u00a0k parameters, 126\u00a0M MACs")


# -- an edited network beside its original ---------------------------------------------------------------------------


def edited_beside_original() -> Workspace:
    workspace = scenes.full()
    workspace.set_edits(EDITS)
    (original,) = choices(workspace)
    workspace.compare_with(original.run.number)
    return workspace


def narrowed(layers: tuple[LayerSpec, ...]) -> tuple[LayerSpec, ...]:
    """Rows with `layer1.0.conv1` of 8 channels: half the weights and multiply-adds there, and in what reads it."""
    halved = ("layer1.0.conv1", "layer1.0.conv2")
    return tuple(
        replace(
            layer,
            shape=(8, *layer.shape[1:]) if layer.name == halved[0] else layer.shape,
            parameters=layer.parameters // 2 if layer.name in halved else layer.parameters,
            macs=layer.macs // 2 if layer.name in halved else layer.macs,
        )
        for layer in layers
    )


def test_costs_of_an_edited_network_are_its_own(theme: Theme, qtbot: QtBot) -> None:
    workspace = edited_beside_original()
    macs = structure_metric("macs")
    assert deltas(workspace, macs) is None  # nothing is known yet of what was edited
    assert why_no_difference(workspace, macs)
    wanted = structures_wanted(workspace)
    assert [(one.method, one.edits) for one in wanted] == [("structure", EDITS)]
    structure(workspace, narrowed(workspace.layers), scenes.MODEL, EDITS, "cifar_resnet20")
    found = deltas(workspace, macs)
    assert found is not None
    for layer, value in zip(workspace.layers, found.values, strict=True):
        if layer.kind in ("conv", "linear"):
            assert value == (-layer.macs / 2 if layer.name in ("layer1.0.conv1", "layer1.0.conv2") else 0)
    assert shown_layers(workspace)[3].channels == 8
    view = built(Overview, workspace, theme, qtbot)
    lane = next(lane for lane in view.stack.lanes if lane.key == "structure.width")
    place = view.axis.slot_of("layer1.0.conv1")
    assert lane.outline is not None
    assert (lane.values[place], lane.outline[2][place]) == (8, 16)
    workspace.select_layer("layer1.0.conv1")
    panel = built(Inspector, workspace, theme, qtbot)
    assert "width 16 (−8)" in panel.compared.text()
    assert "after the edits" in panel.kind.text()


def test_an_edit_that_is_taken_back_brings_back_what_was_measured_before(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.full()
    first = workspace.latest("feature_rank")
    view = built(RankView, workspace, theme, qtbot)
    workspace.set_edits(EDITS)
    assert workspace.latest("feature_rank") is first  # until something of the edited network is known
    run = scenes.play(workspace, scenes.rank_events(workspace.layers, seed=9))
    run.request = replace(run.request, edits=EDITS)
    assert workspace.latest("feature_rank") is run
    settle()
    seen = view.stack.lanes[0].values.copy()
    workspace.set_edits(Edits())
    assert workspace.latest("feature_rank") is first
    settle()
    assert (view.stack.lanes[0].values != seen).any()
    workspace.set_edits(EDITS)
    assert workspace.latest("feature_rank") is run


# -- files of another network in the folder --------------------------------------------------------------------------


def test_a_file_of_another_network_leaves_the_slider_after_its_accuracy(
    tmp_path: Path, theme: Theme, qtbot: QtBot
) -> None:
    """A run of the accuracy has no rows: it is the name of the network that tells."""
    for name in ("epoch-1.th", "epoch-2.th", "epoch-11.th"):
        (tmp_path / name).touch()
    workspace, source = Workspace(), ModelSource("auto", (str(tmp_path / "epoch-1.th"),))
    workspace.set_model(source)
    scenes.play(workspace, scenes.structure_events(scenes.network(), source), purpose="open")
    bar = built(ComparisonBar, workspace, theme, qtbot)
    stranger = ModelSource("auto", (str(tmp_path / "epoch-11.th"),))
    workspace.show_checkpoint(stranger.weights)
    assert len(bar.found) == 3
    scenes.play(workspace, of_other(scenes.accuracy_events(model=stranger)))
    settle()
    assert left_out(workspace) == {stranger.weights: f"epoch-11 is {NAME}, with other layers."}
    assert [one.title for one in checkpoints(workspace, tuple(str(file) for file in tmp_path.iterdir()))] == [
        "epoch-1", "epoch-2",
    ]  # fmt: skip
    assert workspace.checkpoint is None
    assert workspace.latest("evaluate") is None


# -- a network that is not open --------------------------------------------------------------------------------------


class Recorded:
    """Stands for the engine's client: what was submitted, in order."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace, self.asked = workspace, list[Run]()

    def submit(self, request: Request, root: Path | None = None, purpose: str = "measure") -> Run:
        run = Run(1 + max(self.workspace.runs, default=0), request, purpose=purpose)
        self.workspace.add_run(run)
        self.asked.append(run)
        return run

    def look(self, request: Request) -> Run | None:
        return self.submit(request)


@pytest.fixture
def second(qapp: Any) -> Callable[[Workspace], tuple[Recorded, Notices, SecondNetwork]]:
    def made(workspace: Workspace) -> tuple[Recorded, Notices, SecondNetwork]:
        client, notices = Recorded(workspace), Notices()
        client_like: Any = client
        measuring: Measuring = client_like
        return client, notices, SecondNetwork(workspace, client_like, measuring, notices, workspace)

    return made


def finish(workspace: Workspace, run: Run, events: Iterator[Event]) -> None:
    for event in events:
        workspace.apply(run.number, event)
    workspace.announce(run.number)


def test_a_network_by_its_name_is_read_compared_and_measured(second: Any) -> None:
    workspace = scenes.full()
    client, notices, _kept = second(workspace)
    workspace.request_second("demo:fashion_plain")
    (asked,) = client.asked
    assert (asked.request.method, asked.purpose) == ("structure", "glance")
    assert workspace.compared is None  # not before it is known to be a network
    finish(workspace, asked, scenes.structure_events(scenes.network(9), asked.request.model))
    assert workspace.compared == asked.number
    measured_now = [run.request for run in client.asked[1:]]
    assert {request.method for request in measured_now} == {"feature_rank", "evaluate", "weight_spectrum"}
    assert {request.model for request in measured_now} == {ModelSource("demo:fashion_plain")}
    assert {request.images for request in measured_now if request.method == "evaluate"} == {scenes.IMAGES}
    assert all_of_second(workspace) == ()  # all of it is being measured
    assert not notices.all()


def test_a_network_that_cannot_be_opened_is_said_and_not_compared(second: Any) -> None:
    workspace = scenes.full()
    client, notices, _kept = second(workspace)
    workspace.request_second("demo:fashion_plain")
    problem = Problem("This is no network.", "Choose another.", "", "")
    run = client.asked[0]
    finish(workspace, run, iter((Started(run.request), Finished(Outcome.FAILED, problem))))
    assert workspace.compared is None
    assert len(client.asked) == 1
    assert [notice.text for notice in notices.all().values()] == ["This is no network."]


@pytest.mark.parametrize("text", ["demo:test", "/nowhere/at/all.th"])
def test_what_is_no_network_is_said(text: str, second: Any) -> None:
    workspace = scenes.full()
    client, notices, _kept = second(workspace)
    workspace.request_second(text)
    assert client.asked == []
    assert len(notices.all()) == 1


def test_structures_are_read_for_a_comparison_once(second: Any) -> None:
    workspace = scenes.full()
    client, _notices, _kept = second(workspace)
    run = scenes.play(workspace, of_other(scenes.rank_events(scenes.network(9), seed=4, model=OTHER)))
    workspace.compare_with(run.number)
    workspace.compare_with(None)
    workspace.compare_with(run.number)
    assert [(one.request.method, one.request.model, one.purpose) for one in client.asked] == [
        ("structure", OTHER, "glance")
    ]
    differing = differences(workspace, structure_metric("width"))
    assert differing is not None
    assert (differing.states != NOT_APPLICABLE).any()
