from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from analysis.config import LayerSpec
from analysis.edits import Edits
from analysis.methods import activations
from analysis.request import Request
from app.panels.fact_table import Fact, FactTable
from app.panels.inspector import Inspector
from app.panels.inspector_facts import kind_words, layer_facts, short_name
from app.reading import activation_reading
from app.theme import Theme
from app.workspace import Selection, Workspace
from tests import scenes
from tests.gestures import settle, show, theme

__all__ = ["theme"]


@pytest.fixture
def inspector(theme: Theme, qtbot: QtBot) -> Inspector:
    made = Inspector(scenes.full(), theme)
    qtbot.addWidget(made)
    show(made, 290, 800)
    return made


def lines(table: FactTable) -> dict[str, str]:
    """Label to values; of equal labels, the weights repeat those of the features, the first one."""
    return {fact.label: " | ".join(fact.texts).replace("\xa0", " ") for fact in reversed(table.facts)}


def test_it_follows_the_selection(inspector: Inspector) -> None:
    workspace = inspector.workspace
    assert "Select a layer" in inspector.kind.text()
    workspace.select_layer("layer2.0.conv1")
    settle()
    assert inspector.heading.text() == "layer2.0.conv1"
    assert inspector.kind.text() == "Conv2d, 16 → 32 channels, 3×3"
    facts = lines(inspector.facts)
    assert facts["Output"] == "32×16×16"
    assert facts["Parameters"] == "4,608"
    assert facts["MACs"] == "1.18 M"
    assert facts["Block"] == "layer2.0"
    workspace.select(Selection())
    settle()
    assert not inspector.facts.isVisible()


def test_measures_stand_with_interval_and_sample_size(inspector: Inspector) -> None:
    inspector.workspace.select_layer("layer2.0.conv1")
    settle()
    run = inspector.workspace.latest("feature_rank")
    assert run is not None
    row = [layer.name for layer in run.result.layers].index("layer2.0.conv1")
    low, value, high = (float(run.result[f"effective_rank{end}"][row]) for end in ("_low", "", "_high"))
    measures = lines(inspector.measures)
    assert measures["Effective rank"] == f"{value:.1f} [{low:.1f}, {high:.1f}]"
    assert measures["Feature rank"] == "N = 1,000"
    assert any(text.endswith("ms") for fact in inspector.measures.facts for text in fact.texts)
    assert "Stable rank" in measures
    assert "Top-1" not in measures


def test_every_number_is_defined_on_hovering(inspector: Inspector) -> None:
    inspector.workspace.select_layer("layer2.0.conv1")
    settle()
    for table in (inspector.facts, inspector.measures):
        for fact in table.facts:
            assert fact.definition, fact.label
    for fact in inspector.measures.facts:
        assert fact.page, fact.label


def test_a_click_on_a_name_opens_its_help(inspector: Inspector) -> None:
    inspector.workspace.select_layer("layer2.0.conv1")
    settle()
    wanted: list[str] = []
    inspector.help_wanted.connect(wanted.append)
    table = inspector.measures
    number = [fact.label for fact in table.facts].index("Effective rank")
    top, height = table._places()[number]
    spot = QPoint(30, round(top + height / 2))
    QTest.mouseClick(table, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spot)
    assert [page.partition("?")[0] for page in wanted] == ["feature_rank"]
    QTest.mouseClick(table, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spot + QPoint(200, 0))
    assert len(wanted) == 1


def test_its_spectrum_is_drawn(inspector: Inspector) -> None:
    inspector.workspace.select_layer("layer3.1.conv2")
    settle()
    assert [curve.label for curve in inspector.plot.item.curves] == ["layer3.1.conv2"]
    inspector.workspace.select_layer("linear")
    settle()
    assert not inspector.plot.isVisible()
    assert "no spectrum of it" in inspector.note.text()


def test_several_layers_are_compared_in_the_colours_of_their_curves(inspector: Inspector) -> None:
    workspace = inspector.workspace
    names = ("layer1.0.conv1", "layer2.0.conv1", "layer3.0.conv2")
    workspace.select(Selection(names))
    settle()
    assert inspector.heading.text() == "3 layers"
    assert len(inspector.facts.columns) == 3
    curves = inspector.plot.item.curves
    assert [curve.label for curve in curves] == list(names)
    assert [role for _, role in inspector.facts.columns] == [curve.hue for curve in curves]
    assert lines(inspector.facts)["Parameters"] == "2,304 | 4,608 | 36.9 k"


def test_more_layers_than_columns_keep_the_colours_of_their_curves(inspector: Inspector) -> None:
    names = tuple(layer.name for layer in inspector.workspace.layers if layer.kind == "conv")[:10]
    inspector.workspace.select(Selection(names))
    settle()
    assert len(inspector.facts.columns) == 4
    hues = {curve.label: curve.hue for curve in inspector.plot.item.curves}
    assert [role for _, role in inspector.facts.columns] == [hues[name] for name in names[-4:]]


def test_it_follows_a_run_as_it_streams(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    workspace.select_layer("layer1.0.conv1")
    made = Inspector(workspace, theme)
    qtbot.addWidget(made)
    show(made, 290, 800)
    assert made.button.isVisible()
    wanted: list[str] = []
    workspace.run_wanted.connect(lambda request: wanted.append(request.method))
    made.button.click()
    assert wanted == ["feature_rank"]
    events = list(scenes.rank_events(workspace.layers))
    run = scenes.play(workspace, iter(events), steps=4)
    settle()
    assert not made.button.isVisible()
    assert "Effective rank" not in lines(made.measures)
    for event in events[4:]:
        workspace.apply(run.number, event)
    workspace.announce(run.number)
    settle()
    assert "Effective rank" in lines(made.measures)
    assert made.plot.isVisible()


def test_without_pictures_it_says_what_is_missing(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    workspace.set_images(None)
    workspace.select_layer("conv1")
    made = Inspector(workspace, theme)
    qtbot.addWidget(made)
    show(made, 290, 600)
    assert not made.button.isVisible()
    assert "needs pictures" in made.note.text()


def test_a_layer_of_a_network_that_has_gone_is_not_shown(inspector: Inspector) -> None:
    inspector.workspace.select_layer("layer1.0.conv1")
    inspector.workspace.set_model(None)
    settle()
    assert not inspector.facts.isVisible()
    assert "Open a network" in inspector.kind.text()
    made = Workspace()
    assert made.layers == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"stride": (2, 2)}, "stride 2×2"),
        ({"groups": 16, "expands_from": 16}, "depthwise"),
        ({"groups": 4}, "4 groups"),
        ({"dilation": (2, 2)}, "dilation 2×2"),
    ],
)
def test_the_geometry_is_said_in_words(change: dict[str, object], words: str) -> None:
    base = LayerSpec("a", "conv", type="Conv2d", shape=(16, 8, 8), kernel=(3, 3), expands_from=16, groups=1)
    assert words in kind_words(replace(base, **change))  # type: ignore[arg-type]


def test_shared_weights_are_said() -> None:
    facts = {fact.label: fact.texts for fact in layer_facts(LayerSpec("b", "conv", parameters=0, parameters_used=72))}
    assert facts["Parameters used"] == ("72",)
    same = {fact.label for fact in layer_facts(LayerSpec("c", "block", same_as="b"))}
    assert "Same tensor as" in same


def test_columns_with_equal_endings_are_told_apart() -> None:
    layers = [LayerSpec(name, "conv") for name in ("layer1.0.conv1", "layer1.1.conv1", "fc")]
    names = [short_name(layer, layers) for layer in layers]
    assert len(set(names)) == 3
    assert names[2] == "fc"


def test_values_that_do_not_fit_go_below_their_names(theme: Theme, qtbot: QtBot) -> None:
    table = FactTable(theme)
    qtbot.addWidget(table)
    table.show_facts((Fact("A long name of a measure", ("12.3 [11.1, 13.5]",)), Fact("Short", ("1",))))
    show(table, 600, 100)
    wide = table.sizeHint().height()
    table.resize(180, 100)
    assert table.sizeHint().height() > wide
    assert table.fact_at(2) == table.facts[0]
    assert table.fact_at(10_000) is None
    assert table.text.splitlines()[1] == "Short\t1"


# -- channels ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def looked(inspector: Inspector) -> Inspector:
    """The inspector with everything known of one layer, and of one picture."""
    workspace = inspector.workspace
    layer = next(layer for layer in workspace.layers if layer.name == "layer2.0.conv1")
    scenes.play(workspace, scenes.activation_events(layer), purpose="glance")
    scenes.play(workspace, scenes.activation_events(layer, sample=17, seed=4), purpose="glance")
    workspace.select_layer(layer.name)
    settle()
    return inspector


def test_maps_are_sorted_by_strength_on_one_scale(looked: Inspector) -> None:
    grid = looked.channels.grid
    strengths = [float(np.abs(tile.values).mean()) for tile in grid.tiles]
    assert strengths == sorted(strengths, reverse=True)
    assert len(grid.tiles) == 20
    assert grid.scale.high == pytest.approx(max(float(np.abs(tile.values).max()) for tile in grid.tiles))
    assert "picture #0" in looked.channels.title.words
    looked.channels.more.click()
    settle()
    assert len(grid.tiles) == 32
    assert looked.channels.more.text() == "Show the 20 strongest"
    marks = {tile.number: tile.mark for tile in grid.tiles if tile.mark}
    assert marks == {2: "dead", 3: "constant", 5: "duplicate"}
    looked.channels.more.click()
    settle()
    assert len(grid.tiles) == 20
    assert looked.channels.more.text() == "Show all 32"


def test_the_maps_are_those_of_the_selected_picture(looked: Inspector) -> None:
    looked.workspace.select_sample(17)
    settle()
    assert "picture #17" in looked.channels.title.words
    looked.workspace.select_sample(18)
    settle()
    assert not looked.channels.grid.isVisible()
    assert looked.channels.lists.isVisible()  # what holds for all pictures stays


def test_dead_constant_and_duplicate_channels_are_listed(looked: Inspector) -> None:
    text = looked.channels.lists.text()
    plain = re.sub("<[^>]*>", "", text.replace("<br>", " "))
    words = " ".join(plain.split())
    assert words == "Over 200 of 1,000 pictures · all 1,000 Dead: 2 Constant: 3 Duplicates: 4 = 5"
    looked.channels.lists.linkActivated.emit("#5")
    settle()
    assert looked.workspace.selection.channel == 5


def test_a_click_on_a_map_shows_what_excites_the_channel(looked: Inspector) -> None:
    section = looked.channels
    strongest = section.grid.tiles[0].number
    assert looked.workspace.selection.channel == -1
    assert section.grid.selected == strongest  # until one is chosen, the strongest is shown closely
    assert f"Channel {strongest}" in section.pictures.title.text()
    place = section.grid.place(1).center().toPoint()
    QTest.mouseClick(section.grid, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    settle()
    channel = section.grid.tiles[1].number
    assert looked.workspace.selection.channel == channel == section.grid.selected
    assert f"Channel {channel}" in section.pictures.title.text()
    assert len(section.pictures.strip.thumbs) == 9
    assert section.weights.filters.isVisible()
    QTest.keyClick(section.grid, Qt.Key.Key_Right)
    settle()
    assert looked.workspace.selection.channel == section.grid.tiles[2].number
    strip = section.pictures.strip
    spot = strip.place(3).center().toPoint()
    QTest.mouseClick(strip, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spot)
    assert looked.workspace.selection.sample == strip.thumbs[3].place


def test_weights_are_shown_as_histogram_and_spectrum(looked: Inspector) -> None:
    weights = looked.channels.weights
    assert weights.histogram.isVisible()
    assert weights.histogram.values.sum() == 32 * 16 * 9
    assert weights.spectrum.isVisible()
    assert np.all(np.diff(weights.spectrum.values) <= 0)


def asked(inspector: Inspector) -> list[Request]:
    found: list[Request] = []
    inspector.workspace.glance_wanted.connect(found.append)
    return found


def test_what_is_missing_is_asked_for_after_a_rest(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    workspace.set_methods((activations.INFO,))
    made = Inspector(workspace, theme)
    qtbot.addWidget(made)
    show(made, 290, 800)
    found = asked(made)
    for name in ("conv1", "layer1.0.conv1", "layer2.0.conv1"):  # going through layers asks for the last one only
        workspace.select(Selection((name,), sample=7))
        settle()
    qtbot.waitUntil(lambda: len(found) == 2, timeout=3000)
    assert [request.layers for request in found] == ["layer2.0.conv1"] * 2
    assert [dict(request.params) for request in found] == [{"samples": "7"}, {}]
    assert found[1].limit == 200


def test_a_heavy_network_is_measured_on_a_button_only(theme: Theme, qtbot: QtBot) -> None:
    heavy = tuple(replace(layer, macs=layer.macs * 10_000) for layer in scenes.network())
    workspace = scenes.opened(heavy)
    workspace.set_methods((activations.INFO,))
    assert activation_reading.look_size(workspace) == 0
    made = Inspector(workspace, theme)
    qtbot.addWidget(made)
    show(made, 290, 800)
    workspace.select_layer("layer2.0.conv1")
    settle()
    assert made.channels.measure.isVisible()
    wanted: list[Request] = []
    workspace.run_wanted.connect(wanted.append)
    made.channels.measure.click()
    assert [(request.method, request.layers) for request in wanted] == [("activations", "layer2.0.conv1")]


def test_old_looks_are_taken_out_of_the_window(looked: Inspector) -> None:
    workspace = looked.workspace
    layer = next(layer for layer in workspace.layers if layer.name == "conv1")
    for sample in range(activation_reading.KEPT + 3):
        scenes.play(workspace, scenes.activation_events(layer, sample), purpose="glance")
    outdated = activation_reading.outdated(workspace)
    glances = [run.number for run in workspace.runs.values() if run.purpose == "glance"]
    assert outdated == sorted(glances)[: len(glances) - activation_reading.KEPT]


def test_several_layers_have_no_maps(looked: Inspector) -> None:
    looked.workspace.select(Selection(("conv1", "layer2.0.conv1")))
    settle()
    assert not looked.channels.isVisible()


def test_looks_at_layers_leave_what_other_panels_asked_for_quietly() -> None:
    workspace = scenes.opened()
    ring = Edits(ring=(("ratio", "0.2"),))
    workspace.set_edits(ring)
    fewer = tuple(replace(layer, parameters=layer.parameters // 2) for layer in workspace.layers)
    shared = scenes.play(workspace, scenes.structure_events(fewer), purpose="glance")
    shared.request = replace(shared.request, edits=ring)
    quiet = scenes.play(workspace, scenes.attribution_events(), purpose="glance")
    for layer in workspace.layers[1:31]:
        scenes.play(workspace, scenes.activation_events(layer), purpose="glance")
    for number in activation_reading.outdated(workspace):
        workspace.remove_run(number)
    looks = [run for run in workspace.runs.values() if run.request.method == "activations"]
    assert len(looks) == activation_reading.KEPT
    assert workspace.counted is shared.result
    assert quiet.number in workspace.runs
