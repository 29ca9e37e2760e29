"""A bundle and a configuration in the one selection: who publishes them, who follows, what is said without a run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from analysis.events import Event, Prepared
from analysis.measures.geometry import Layout, lay_out
from analysis.request import ImageSource, ModelSource
from app.panels.inspector import Inspector
from app.panels.layers_model import SWITCHED
from app.panels.layers_panel import LayersPanel
from app.reading.building import Bench, points_request
from app.reading.bundles import Reading as Bundles
from app.reading.chosen import (
    NOWHERE,
    bundle_of,
    bundle_words,
    cell_of,
    configuration_of,
    number_of,
    places_of,
    rules_of,
    run_that_tried,
)
from app.reading.configurations import Reading
from app.reading.switched import Change, answer, changes, option_words
from app.selection import ChosenBundle, ChosenConfiguration, Selection
from app.theme import Theme
from app.views.configurations import ConfigurationsView
from app.views.samples import SamplesView
from app.workspace import Workspace
from app.workspace_file import Document, read, write
from tests import bundle_views, configuration_scenes, configuration_views, scenes
from tests.gestures import settle, show, theme

__all__ = ["theme"]

BUNDLE = ChosenBundle("layer2.1", "epoch-03", 4, "d" * 64)
CONFIGURATION = ChosenConfiguration("dil:1|2|3", (("layer2.0.conv1", "dil2"), ("layer3.0.conv1", "dil3")))


def tried(**how: object) -> Workspace:
    workspace = scenes.opened()
    workspace.set_images(scenes.IMAGES)
    events = configuration_scenes.configuration_events(scenes.MODEL, scenes.IMAGES, 60, **how)  # type: ignore[arg-type]
    scenes.play(workspace, events, folder="runs/configurations")
    return workspace


def reading_in(workspace: Workspace) -> Reading:
    run = workspace.latest("dynamic_configurations")
    assert run is not None
    return Reading(run.result)


def with_plan(workspace: Workspace) -> Workspace:
    scenes.play(workspace, configuration_scenes.points_events(scenes.MODEL))
    return workspace


# -- the selection ---------------------------------------------------------------------------------------------------


def test_a_bundle_goes_with_its_layer(qapp: object) -> None:
    workspace = Workspace()
    workspace.select_bundle(BUNDLE)
    assert workspace.selection == Selection(("layer2.1",), bundle=BUNDLE)
    workspace.select_sample(3)
    workspace.select_layer("layer2.1")
    assert workspace.selection.bundle == BUNDLE
    workspace.select_layer("layer1.0", extend=True)
    assert workspace.selection.layers == ("layer2.1", "layer1.0")
    assert workspace.selection.bundle is None
    workspace.select(Selection(("fc",), bundle=BUNDLE))
    assert workspace.selection.bundle is None


def test_a_configuration_stays_whatever_layer_is_selected_and_goes_with_the_network(qapp: object) -> None:
    workspace = Workspace()
    workspace.select_configuration(CONFIGURATION)
    workspace.select_bundle(BUNDLE)
    workspace.select_layer("conv1")
    assert workspace.selection.configuration == CONFIGURATION
    workspace.set_model(ModelSource("another"))
    assert workspace.selection == Selection()
    assert not workspace.can_step_back


def test_a_file_keeps_both_and_older_files_still_open(tmp_path: Path) -> None:
    chosen = Selection(("layer2.1",), 1, 5, bundle=BUNDLE, configuration=CONFIGURATION)
    path = tmp_path / "a.layerscope.json"
    write(path, Document(selection=chosen))
    assert read(path).selection == chosen
    plain = json.loads(path.read_text())
    plain["format"] = 2
    for name in ("bundle", "configuration"):
        plain["selection"].pop(name, None)
    path.write_text(json.dumps(plain))
    assert read(path).selection == Selection(("layer2.1",), 1, 5)


# -- what is selected in which run -----------------------------------------------------------------------------------


def test_every_configuration_is_found_again_and_no_other() -> None:
    reading = reading_in(tried())
    for number in range(len(reading.names)):
        chosen = configuration_of(reading, number)
        assert (chosen is None) == (number == 0)
        assert number_of(reading, chosen) == number


def test_a_configuration_is_known_by_what_it_changes_and_not_by_its_name() -> None:
    reading = reading_in(tried())
    chosen = configuration_of(reading, 5)
    assert chosen is not None
    assert number_of(reading, replace(chosen, name="another name")) == 5
    elsewhere = replace(chosen, geometry=tuple((f"x{name}", word) for name, word in chosen.geometry))
    assert number_of(reading, elsewhere) == NOWHERE, "the same name in a network switched at other layers"
    assert number_of(reading, replace(chosen, rules="policy=resize")) == NOWHERE


def test_rules_are_what_was_asked_for_otherwise_than_usual() -> None:
    request = tried().runs[max(tried().runs)].request
    assert rules_of(request) == ""
    other = replace(request, params=(("family", "stride_full"), ("policy", "resize"), ("recalibrate", 64)))
    assert rules_of(other) == "policy=resize, recalibrate=64"
    assert rules_of(replace(request, params=(("policy", "follow"), ("zooms", "1")))) == ""


def test_a_run_by_hand_answers_for_what_the_family_has_not_tried() -> None:
    workspace = tried()
    events = configuration_scenes.hand_events(scenes.MODEL, scenes.IMAGES, "layer1.0.conv1:dil2")
    hand = scenes.play(workspace, events)
    own = Reading(hand.result)
    chosen = configuration_of(own, 1)
    assert chosen is not None
    workspace.remove_run(next(number for number, run in workspace.runs.items() if run is not hand and run.folder))
    found = run_that_tried(workspace, chosen)
    assert found is not None
    assert found[0] is hand
    assert run_that_tried(workspace, ChosenConfiguration("x", (("nowhere", "dil2"),))) is None


def test_a_bundle_of_a_run_that_is_gone_is_said_to_be_gone() -> None:
    workspace = bundle_views.opened()
    run = workspace.latest("conflicting_bundles")
    assert run is not None
    reading = Bundles(run.result)
    point = reading.lines[0].points[-1]
    bundle = reading.bundles(0, int(point))[0]
    chosen = bundle_of(reading, 0, int(point), bundle.id)
    assert cell_of(reading, chosen) == (0, int(point))
    assert len(places_of(reading, chosen)) == bundle.size
    workspace.select_bundle(chosen)
    assert bundle_words(workspace) == f"Bundle {bundle.id} of epoch-00: {bundle.size} pictures"
    assert cell_of(reading, replace(chosen, run="e" * 64)) is None
    assert not len(places_of(reading, replace(chosen, run="e" * 64)))
    workspace.remove_run(run.number)
    assert "is not open" in bundle_words(workspace)


# -- the tabs --------------------------------------------------------------------------------------------------------


def test_back_and_forward_bring_back_a_bundle_with_its_checkpoint_and_filter(theme: Theme, qtbot: QtBot) -> None:
    workspace = bundle_views.opened()
    view = bundle_views.view_of(workspace, theme, qtbot, "bundle")
    reading = bundle_views.reading_of(view)
    view._choose_checkpoint(1)
    last = int(reading.lines[0].points[-1])
    first = reading.bundles(1, last)[0]
    view.choose_bundle(last, first.id)
    settle()
    shown = workspace.sample_filter
    assert shown is not None
    assert len(shown.places) == first.size
    view._choose_checkpoint(0)
    assert workspace.selection.bundle is None
    assert workspace.sample_filter is None
    before = int(reading.lines[0].points[-2])
    second = reading.bundles(0, before)[0]
    view.choose_bundle(before, second.id)
    settle()
    assert (view.look.checkpoint, view.look.point, view.look.bundle) == (0, before, second.id)
    while workspace.selection.bundle != bundle_of(reading, 1, last, first.id):
        workspace.step_back()
    settle()
    assert (view.look.checkpoint, view.look.point, view.look.bundle) == (1, last, first.id)
    assert view.bundle_page.table.currentIndex().row() >= 0
    assert workspace.sample_filter is not None
    assert workspace.sample_filter.name == shown.name
    while workspace.can_step_forward:
        workspace.step_forward()
    settle()
    assert (view.look.checkpoint, view.look.point, view.look.bundle) == (0, before, second.id)


def test_another_layer_ends_bundle_and_filter(theme: Theme, qtbot: QtBot) -> None:
    workspace = bundle_views.opened()
    view = bundle_views.view_of(workspace, theme, qtbot, "bundle")
    reading = bundle_views.reading_of(view)
    point = int(reading.lines[0].points[-1])
    view.choose_bundle(point, reading.bundles(view.look.checkpoint, point)[0].id)
    assert workspace.sample_filter is not None
    workspace.select_layer(reading.points[int(reading.lines[0].points[2])].name)
    settle()
    assert view.look.bundle == -1
    assert workspace.sample_filter is None


def with_fingerprint(events: list[Event], fingerprint: str) -> list[Event]:
    return [replace(event, fingerprint=fingerprint) if isinstance(event, Prepared) else event for event in events]


def test_a_bundle_of_an_older_run_is_never_taken_for_one_of_the_newer(theme: Theme, qtbot: QtBot) -> None:
    workspace = bundle_views.opened()
    view = bundle_views.view_of(workspace, theme, qtbot, "bundle")
    reading = bundle_views.reading_of(view)
    point = int(reading.lines[0].points[-1])
    view.choose_bundle(point, reading.bundles(view.look.checkpoint, point)[0].id)
    chosen = workspace.selection.bundle
    scenes.play(workspace, iter(with_fingerprint(bundle_views.events(workspace), "9" * 64)), folder="runs/newer")
    settle()
    assert view.look.bundle == -1
    assert workspace.selection.bundle == chosen, "it is still the bundle of its run"
    assert workspace.sample_filter is not None, "whose pictures are still shown alone"


def test_back_and_forward_bring_back_a_configuration(theme: Theme, qtbot: QtBot) -> None:
    workspace = tried()
    view = configuration_views.view_of(workspace, theme, qtbot, "matrix")
    reading = configuration_views.reading_of(view)
    view.choose_cell(3, 7)
    view.choose_configuration(11)
    view.choose_configuration(0)
    settle()
    assert workspace.selection.configuration is None
    workspace.step_back()
    settle()
    assert view.look.configuration == 11
    workspace.step_back()
    settle()
    assert (view.look.configuration, view.look.row) == (7, 3)
    assert view.chosen.names.currentIndex() == 7
    workspace.step_back()
    assert workspace.selection == Selection(), "picture and configuration were one step"
    workspace.step_forward()
    assert workspace.selection.configuration == configuration_of(reading, 7)


def test_a_configuration_chosen_elsewhere_is_followed_and_one_that_was_not_tried_is_named(
    theme: Theme, qtbot: QtBot
) -> None:
    workspace = tried()
    view = configuration_views.view_of(workspace, theme, qtbot, "cost")
    workspace.select_configuration(configuration_of(configuration_views.reading_of(view), 20))
    settle()
    assert view.look.configuration == 20
    workspace.select_configuration(ChosenConfiguration("ker:5", (("conv1", "ker5"),)))
    settle()
    assert view.look.configuration == 0
    assert "ker:5 is selected, which this run has not tried" in view.chosen.words.text


def test_two_views_share_one_choice(theme: Theme, qtbot: QtBot) -> None:
    workspace = tried()
    first, second = (ConfigurationsView(workspace, theme) for _ in range(2))
    for view in (first, second):
        qtbot.addWidget(view)
        show(view, 777, 640)
    first.choose_configuration(9)
    settle()
    assert second.look.configuration == 9


# -- layers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("dil2", "dil 2"), ("ker5", "kernel 5"), ("strideD2", "stride 2"), ("strideK1", "stride 1"),
        ("strideU2", "stride 1/2"), ("strideDV", "stride 2×1"), ("strideUH", "stride 1×1/2"),
    ],
)  # fmt: skip
def test_options_are_said_in_words(word: str, words: str) -> None:
    assert option_words(word) == words


def test_maps_come_from_the_geometry_in_closed_form() -> None:
    workspace = with_plan(scenes.opened())
    geometry = (("layer2.0.conv1", "strideK1"), ("layer3.0.conv1", "dil2"))
    workspace.select_configuration(ChosenConfiguration("mixed", geometry))
    found = changes(workspace, Bench())
    wanted = lay_out(configuration_scenes.chain(), dict(geometry))
    assert isinstance(wanted, Layout)
    assert found["layer2.0.conv1"].size == wanted.maps[2]
    assert found["layer3.0.conv1"].size == wanted.maps[3]
    assert found["layer2.0.conv1"].sentence == "stride 1, output map 32×32, plain 16×16"
    assert found["layer2.0:relu#1"] == Change("", (32, 32), (16, 16)), "an activation keeps what it is given"
    assert "layer1.0.conv1" not in found
    assert "conv1" not in found


def test_without_a_plan_the_run_tells_the_maps_it_knows() -> None:
    workspace = tried()
    reading = reading_in(workspace)
    workspace.select_configuration(configuration_of(reading, 26))
    found = changes(workspace, Bench())
    assert {name: change.short for name, change in found.items()} == dict.fromkeys(configuration_scenes.POINTS, "dil 3")
    workspace.select_configuration(None)
    assert not changes(workspace, Bench())


def test_layers_show_what_is_switched_while_a_configuration_is_selected(theme: Theme, qtbot: QtBot) -> None:
    workspace = tried()
    panel = LayersPanel(workspace, theme)
    qtbot.addWidget(panel)
    show(panel, 265, 600)
    keys = [column.key for column in panel.model.columns]
    assert SWITCHED not in keys
    asked: list[object] = []
    workspace.look_wanted.connect(asked.append)
    workspace.select_configuration(ChosenConfiguration("stride:1|K1", (("layer2.0.conv1", "strideK1"),)))
    settle()
    assert [column.key for column in panel.model.columns] == ["name", SWITCHED, *keys[1:]]
    texts = {}
    for row in panel.model.walk():
        texts[row.name] = panel.model.text(row, panel.model.columns[1])
    assert texts["layer2.0.conv1"] == "stride 1"
    assert texts["layer1.0.conv1"] == ""
    with_plan(workspace)
    settle()
    index = panel.model.index_of("layer2.0:relu#1", 1)
    assert panel.model.data(index) == "32×32"
    tip = panel.model.data(index, Qt.ItemDataRole.ToolTipRole)
    assert "output map 32×32, plain 16×16" in tip
    assert panel.model.headerData(1, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole)
    workspace.select_configuration(None)
    settle()
    assert [column.key for column in panel.model.columns] == keys
    assert asked in ([], [points_request(workspace)]), "the plan is asked for at most once"


def test_a_click_on_a_layer_keeps_configuration_and_picture(theme: Theme, qtbot: QtBot) -> None:
    workspace = tried()
    workspace.select_configuration(CONFIGURATION)
    workspace.select_sample(6)
    panel = LayersPanel(workspace, theme)
    qtbot.addWidget(panel)
    show(panel, 265, 600)
    panel.tree.setCurrentIndex(panel.model.index_of("layer2.0.conv1"))
    settle()
    assert workspace.selection == Selection(("layer2.0.conv1",), -1, 6, configuration=CONFIGURATION)


# -- samples and inspector -------------------------------------------------------------------------------------------


def test_a_picture_has_the_answer_of_the_run() -> None:
    workspace = tried()
    reading = reading_in(workspace)
    workspace.select_configuration(configuration_of(reading, 13))
    row = 4
    found = answer(workspace, int(reading.places[row]))
    top, share = reading.result["top5"][row, 13], reading.result["top5_probability"][row, 13]
    assert [guess.name for guess in found.guesses] == [configuration_scenes.CLASSES[k] for k in top]
    np.testing.assert_allclose([guess.share for guess in found.guesses], share)
    own, plain = found.words.split("\n")
    assert own.startswith(configuration_scenes.CLASSES[int(reading.prediction[row, 13])])
    assert own.endswith("right" if reading.correct[row, 13] else "wrong")
    assert plain.startswith(f"plain: {configuration_scenes.CLASSES[int(reading.prediction[row, 0])]}")


def test_what_was_not_measured_says_why() -> None:
    workspace = tried()
    reading = reading_in(workspace)
    assert answer(workspace, 0).heading == "", "no configuration, nothing to say"
    workspace.select_configuration(configuration_of(reading, 13))
    assert "did not use this picture" in answer(workspace, 1).words
    assert not answer(workspace, 1).guesses
    workspace.set_images(ImageSource("others"))
    assert "other pictures" in answer(workspace, 0).words
    workspace.set_images(scenes.IMAGES)
    workspace.select_configuration(ChosenConfiguration("ker:5", (("conv1", "ker5"),)))
    assert "no open run has tried" in answer(workspace, 0).words


def test_samples_show_the_answer_beside_the_plain_one(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    workspace.set_images(bundle_views.PICTURES)
    events = configuration_scenes.configuration_events(scenes.MODEL, bundle_views.PICTURES, 60)
    scenes.play(workspace, events, folder="runs/configurations")
    workspace.select_configuration(configuration_of(reading_in(workspace), 13))
    workspace.select_sample(3)
    view = SamplesView(workspace, theme)
    qtbot.addWidget(view)
    show(view, 777, 640)
    qtbot.waitUntil(lambda: view.card.under.isVisible())
    assert view.card.under.text() == "Under dil:2|2|2"
    assert view.card.under_words.text() == answer(workspace, 3).words
    assert len(view.card.under_bars.guesses) == 5
    workspace.select_configuration(None)
    settle()
    assert view.card.under.isHidden()
    assert view.card.under_bars.isHidden()


def test_the_inspector_names_both(theme: Theme, qtbot: QtBot) -> None:
    workspace = with_plan(bundle_views.opened())
    panel = Inspector(workspace, theme)
    qtbot.addWidget(panel)
    show(panel, 300, 600)
    assert panel.chosen.isHidden()
    workspace.select_bundle(BUNDLE)
    workspace.select_configuration(ChosenConfiguration("stride:1|K1", (("layer2.0.conv1", "strideK1"),)))
    settle()
    first, second = panel.chosen.text().split("\n")
    assert first.startswith("Bundle 4 of epoch-03: ")
    assert second == "Under stride:1|K1"
    workspace.select_layer("layer2.0.conv1")
    settle()
    assert panel.chosen.text() == "Under stride:1|K1: stride 1, output map 32×32, plain 16×16"
