"""One channel closely: dead ones, all pictures, weights for each input, filters as colours, names of classes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from analysis.config import LayerSpec
from analysis.edits import Edits
from analysis.events import Chunk, Declared, Event, Finished, Outcome, Output, Prepared, Samples, Started
from analysis.methods import activations
from analysis.problems import Problem
from analysis.request import ImageSource, Request
from analysis.result import Result
from app.drawing.map_grid import MapGrid, Tile, _words
from app.drawing.map_image import MapScale
from app.drawing.signed_bars import SignedBars
from app.panels.inspector import Inspector
from app.panels.inspector_facts import kind_words
from app.reading import activation_reading, channel_words
from app.theme import Theme
from app.workspace import Selection, Workspace
from tests import scenes
from tests.gestures import settle, show, theme

__all__ = ["theme"]
LAYER = "layer2.0.conv1"


def row(workspace: Workspace, name: str) -> LayerSpec:
    return next(layer for layer in workspace.layers if layer.name == name)


def built(workspace: Workspace, theme: Theme, qtbot: QtBot) -> Inspector:
    made = Inspector(workspace, theme)
    qtbot.addWidget(made)
    show(made, 330, 900)
    return made


def opened(name: str = LAYER, sample: int = -1, channel: int = -1) -> Workspace:
    """A workspace in which a layer is selected and its statistics are known."""
    workspace = scenes.opened()
    scenes.play(workspace, scenes.activation_events(row(workspace, name)), purpose="glance")
    workspace.select(Selection((name,), sample=sample, channel=channel))
    return workspace


def plain(text: str) -> str:
    return " ".join(re.sub("<[^>]*>", "", text.replace("<br>", " ")).split())


def with_filters(events: Iterator[Event], filters: np.ndarray) -> Iterator[Event]:
    """The same run of a layer with other weights, axes (out, in, y, x)."""
    for event in events:
        if isinstance(event, Declared):
            shape = (1, *filters.shape)
            kept = tuple(replace(item, shape=shape) if item.name == "filters" else item for item in event.outputs)
            yield replace(event, outputs=kept)
        elif isinstance(event, Chunk) and event.name == "filters":
            yield replace(event, values=filters[None])
        else:
            yield event


def over(events: Iterator[Event], samples: Samples, request: Request) -> Iterator[Event]:
    """The same run on other pictures, asked for by a request."""
    for event in events:
        if isinstance(event, Prepared):
            yield replace(event, samples=samples)
        else:
            yield Started(request) if isinstance(event, Started) else event


# -- a channel ---------------------------------------------------------------------------------------------------------


def test_no_picture_excites_a_dead_or_a_constant_channel(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened(channel=2)
    inspector = built(workspace, theme, qtbot)
    section = inspector.channels
    assert section.pictures.title.words == "Channel 2: no picture excites it"
    assert section.pictures.facts.words == "Zero at every position of 200 of 1,000 pictures."
    assert not section.pictures.strip.isVisible()
    workspace.select(replace(workspace.selection, channel=3))
    settle()
    assert section.pictures.title.words == "Channel 3: no picture excites it more than another"
    assert section.pictures.facts.words.startswith("0.4")
    assert not section.pictures.strip.isVisible()
    workspace.select(replace(workspace.selection, channel=4))
    settle()
    assert section.pictures.strip.isVisible()
    assert "of 200 of 1,000 pictures" in section.pictures.facts.words


def test_a_channel_that_edits_took_away_gives_way_to_the_strongest(theme: Theme, qtbot: QtBot) -> None:
    inspector = built(opened(channel=99), theme, qtbot)
    section = inspector.channels
    assert section.grid.selected == section.grid.tiles[0].number
    assert section.weights.filter_title.words.startswith(f"Filter of channel {section.grid.selected}:")


def test_all_pictures_are_one_click_away(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened(channel=4)
    inspector = built(workspace, theme, qtbot)
    lists = inspector.channels.lists
    wanted: list[Request] = []
    workspace.run_wanted.connect(wanted.append)
    lists.linkActivated.emit("#all")
    (request,) = wanted
    assert (request.limit, request.layers) == (activation_reading.ALL, LAYER)
    whole = Samples(1000, 1000, "s", scenes.IMAGES.location)
    events = list(over(scenes.activation_events(row(workspace, LAYER)), whole, request))
    run = scenes.play(workspace, iter(events), steps=3)
    settle()
    assert plain(lists.text()).startswith("Over 200 of 1,000 pictures · reading all 1,000 …")
    scenes.play(workspace, scenes.activation_events(row(workspace, LAYER)), purpose="glance")  # a newer, smaller look
    for event in events[3:]:
        workspace.apply(run.number, event)
    workspace.announce(run.number)
    settle()
    assert plain(lists.text()).startswith("Over 1,000 pictures Dead")
    assert "all" not in re.findall('href="#([^"]*)"', lists.text())


def test_the_activation_behind_a_convolution_says_what_is_dead(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    assert workspace.structure is not None
    names = [layer.name for layer in workspace.layers]
    place = names.index(LAYER)
    edges = np.array([(place, place + 1), (place + 1, place + 2)], dtype=np.int32)
    workspace.structure = Result.of(with_edges(workspace.layers, edges))
    layer, after = workspace.layers[place], workspace.layers[place + 1]
    assert activation_reading.activation_after(workspace, layer) == after
    assert activation_reading.activation_after(workspace, after) is None
    request = activation_reading.look_request(workspace, layer, -1, 200)
    assert request.layers == f"{LAYER},{after.name}"
    assert activation_reading.look_request(workspace, layer, 7, 0).layers == LAYER
    scenes.play(workspace, scenes.activation_events(layer), purpose="glance")
    scenes.play(workspace, scenes.activation_events(after), purpose="glance")
    workspace.select(Selection((LAYER,)))
    inspector = built(workspace, theme, qtbot)
    lists = inspector.channels.lists
    assert f"Dead: 2; after {after.name}: 2 Constant" in plain(lists.text())


def with_edges(layers: tuple[LayerSpec, ...], edges: np.ndarray) -> Iterator[Event]:
    for event in scenes.structure_events(layers):
        if isinstance(event, Declared):
            yield replace(event, outputs=(*event.outputs, Output("edge", ("edge", "end"), edges.shape, "int32")))
            yield Chunk("edge", (), edges)
        else:
            yield event


def test_an_activation_that_is_not_the_only_way_on_says_nothing_of_the_convolution() -> None:
    workspace = scenes.opened()
    place = [layer.name for layer in workspace.layers].index(LAYER)
    edges = np.array([(place, place + 1), (place, place + 3)], dtype=np.int32)
    workspace.structure = Result.of(with_edges(workspace.layers, edges))
    assert activation_reading.activation_after(workspace, workspace.layers[place]) is None


def test_a_layer_that_cannot_be_read_is_not_offered_again(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    workspace.set_methods((activations.INFO,))
    workspace.select(Selection((LAYER,)))
    request = activation_reading.look_request(workspace, row(workspace, LAYER), -1, 200)
    problem = Problem("It holds windows.", "Choose a layer with channels.", code="layer")
    scenes.play(workspace, iter([Started(request), Finished(Outcome.FAILED, problem=problem)]), purpose="glance")
    inspector = built(workspace, theme, qtbot)
    section = inspector.channels
    assert "It holds windows." in section.note.text()
    assert not section.measure.isVisible()


# -- weights -----------------------------------------------------------------------------------------------------------


def test_a_channel_with_one_weight_for_each_input_has_bars(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    layer = row(workspace, LAYER)
    weights = np.linspace(-1, 0.5, 32 * 16).reshape(32, 16, 1, 1)
    scenes.play(workspace, with_filters(scenes.activation_events(layer), weights), purpose="glance")
    workspace.select(Selection((LAYER,), channel=7))
    inspector = built(workspace, theme, qtbot)
    section = inspector.channels.weights
    assert section.inputs.isVisible()
    np.testing.assert_array_equal(section.inputs.bars.values, weights[7, :, 0, 0])
    assert section.inputs.words.text().startswith("Strongest inputs: 0 (−0.671), 1 (")
    assert section.filter_title.words == "Filter of channel 7: 16 inputs"
    assert not section.filters.isVisible()
    assert not section.colours.isVisible()


def test_the_first_layer_has_its_filters_as_colours(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    layer = row(workspace, "conv1")
    weights = np.zeros((16, 3, 3, 3))
    weights[4, 0], weights[5, 2] = 0.5, -0.25
    scenes.play(workspace, with_filters(scenes.activation_events(layer), weights), purpose="glance")
    workspace.select(Selection(("conv1",), channel=4))
    inspector = built(workspace, theme, qtbot)
    section = inspector.channels.weights
    assert section.filter_title.words == "Filter of channel 4: red, green, blue"
    assert section.colours.isVisible()
    grid = section.colours.grid
    assert len(grid.tiles) == 16
    assert grid.selected == 4
    assert (grid.tiles[0].values == 0.5).all()  # grey is zero
    assert grid.tiles[4].values[:, 0, 0].tolist() == [1.0, 0.5, 0.5]
    assert grid.tiles[5].values[:, 0, 0].tolist() == [0.5, 0.5, 0.25]
    spot = grid.place(5).center().toPoint()
    QTest.mouseClick(grid, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spot)
    assert workspace.selection.channel == 5


def test_a_spectrum_of_other_edits_says_so(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    scenes.play(workspace, scenes.weight_events(workspace.layers))
    workspace.select_layer(LAYER)
    inspector = built(workspace, theme, qtbot)
    title = inspector.channels.weights.spectrum_title
    assert title.words == "Singular values of the weights: 32"
    assert inspector.channels.weights.spectrum.accessibleDescription().partition(" σ")[2].startswith("₃₂ = ")
    assert "before" not in inspector.kind.text()
    workspace.set_edits(Edits(removed=("layer1.1",)))
    settle()
    assert title.words == "Singular values of the weights: 32, measured before the last edit"
    assert "1 block removed: the facts below are those before" in inspector.kind.text()
    told = [fact.texts for fact in inspector.measures.facts if fact.heading]
    assert ("measured before the last edit",) in told


# -- words -------------------------------------------------------------------------------------------------------------


def test_channels_of_the_last_layer_are_classes(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    last = row(workspace, "linear")
    named = Samples(200, 1000, "s", scenes.IMAGES.location, scenes.CLASSES)
    asked = Request("activations", scenes.MODEL, scenes.IMAGES, layers="linear")
    events = over(scenes.activation_events(replace(last, shape=(10, 1, 1))), named, asked)
    scenes.play(workspace, events, purpose="glance")
    workspace.select(Selection(("linear",), channel=8))
    inspector = built(workspace, theme, qtbot)
    section = inspector.channels
    assert {tile.number: tile.caption for tile in section.grid.tiles} == dict(enumerate(scenes.CLASSES))
    assert section.pictures.title.words.startswith("Channel 8, ship")
    assert section.title.words == "Values for picture #0, strongest first"
    found = activation_reading.reading_of(workspace.runs[max(workspace.runs)], last)
    assert channel_words.output_names(workspace.layers, row(workspace, LAYER), found) == ()


def test_tokens_are_no_channels() -> None:
    workspace = scenes.opened()
    tokens = LayerSpec("mlp", "linear", "mlp", type="Linear", shape=(197, 768))
    assert kind_words(tokens, 768) == "Linear, 768 channels, 197 tokens"
    assert "means over 197 tokens" in channel_words.title(tokens, 3, (1, 1))
    assert channel_words.width(workspace, row(workspace, LAYER)) == 32
    assert channel_words.width(workspace, tokens) == 197  # a row that is not of this network


@pytest.mark.parametrize("selected", [2, 7])
def test_a_picture_without_a_layer_is_shown_itself(selected: int, theme: Theme, qtbot: QtBot, tmp_path: Path) -> None:
    pictures = np.zeros((6, 8, 8, 3), np.uint8)
    np.savez(tmp_path / "six.npz", images=pictures, labels=np.arange(6) % 2, classes=["cat", "dog"])
    workspace = scenes.opened()
    workspace.set_images(ImageSource(str(tmp_path / "six.npz")))
    inspector = built(workspace, theme, qtbot)
    assert not inspector.picture.isVisible()
    workspace.select_sample(selected)
    settle()
    section = inspector.picture
    qtbot.waitUntil(lambda: section.thumbnails.pictures is not None)
    settle()
    assert section.isVisible()
    assert not inspector.kind.isVisible()
    known = selected < 6
    assert section.pixels.isVisible() == known
    assert ("Label: cat" in section.facts.words) == known
    assert ("no such picture" in section.note.text()) != known
    workspace.select_layer(LAYER)
    settle()
    assert not section.isVisible()
    assert inspector.kind.isVisible()


# -- drawing -----------------------------------------------------------------------------------------------------------


def test_a_map_that_is_special_keeps_its_number(theme: Theme, qtbot: QtBot) -> None:
    grid = MapGrid(theme, "Maps")
    qtbot.addWidget(grid)
    maps = tuple(Tile(number, np.full((4, 4), -14.9), "dead") for number in (7, 100_000))
    grid.show_tiles(maps, MapScale.of(np.array([-14.9, 3e-6])))
    assert grid.accessibleDescription() == "2 maps, from −14.9 to 14.9"
    show(grid, 200, 100)
    metrics = grid.fontMetrics()
    assert _words(maps[0], metrics, 50) == "7 dead"
    assert _words(maps[1], metrics, 50) == "100000"


def test_bars_say_which_inputs_stand_at_a_place(theme: Theme, qtbot: QtBot) -> None:
    bars = SignedBars(theme, "Weights")
    qtbot.addWidget(bars)
    show(bars, 124, 90)
    bars.show_values(np.array([0.5, -0.25, 0.0, 2e-5]), np.array([1.0, 0, 0, 0]), "other")
    assert bars.reach == 1.0
    assert bars.inputs_at(12) == (0,)
    assert bars.tip_at(40) == "input 1: −0.250\nother: 0"
    assert bars.tip_at(110) == "input 3: 2.0×10⁻⁵\nother: 0"
    assert bars.tip_at(5) == ""
    bars.show_values(np.linspace(-1, 1, 1000))
    crowded = bars.inputs_at(60)
    assert len(crowded) > 1
    strongest = max(crowded, key=lambda number: abs(bars.values[number]))
    assert bars.tip_at(60).startswith(f"input {strongest}: −0.")
