"""Entries, agreement of gradients, spectra, gaps and chosen layers in the Sharing tab."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from analysis import models
from analysis.config import LayerSpec
from analysis.edits import Edits
from analysis.engine import run
from analysis.events import Chunk, Declared, Event
from analysis.request import Compute, ModelSource, Request
from analysis.sharing import Sharing, plan
from app.drawing.matrix import FIRST, NAN, SHADES
from app.drawing.signed_matrix import SignedCells
from app.panels.layers_panel import LayersPanel
from app.reading.measurements import used_words
from app.reading.ring_entries import entry_of, first_read
from app.reading.sharing import Trained, Wish, candidates, chosen, patterns_of, planned, shareable
from app.sharing.agreement import claim as agreement_claim
from app.sharing.layers_page import LayersPage
from app.sharing.likeness_page import LikenessPage
from app.sharing.ring_page import RingPage
from app.sharing.training_page import gap_words, together_words
from app.theme import Theme
from app.workspace import Workspace
from tests import scenes, sharing_scenes
from tests.gestures import settle, show, theme
from tests.sharing_views import projected_of, view_of

__all__ = ["theme"]

ENTRIES = ("entry", "entry_positive", "entry_gradient")


def opened(without: tuple[str, ...] = (), facts: tuple[tuple[str, str], ...] = ()) -> Workspace:
    """Open a network with a projection and a training; `without` some outputs of the projection."""
    workspace = scenes.opened()
    workspace.set_images(scenes.IMAGES)
    events = sharing_scenes.projected_events(workspace.layers, scenes.MODEL, scenes.IMAGES)
    scenes.play(workspace, (fewer(event, without, facts) for event in events if not leaves(event, without)))
    scenes.play(workspace, sharing_scenes.trained_events(scenes.MODEL, scenes.IMAGES))
    return workspace


def leaves(event: Event, without: tuple[str, ...]) -> bool:
    return isinstance(event, Chunk) and event.name in without


def fewer(event: Event, without: tuple[str, ...], facts: tuple[tuple[str, str], ...]) -> Event:
    if not isinstance(event, Declared):
        return event
    outputs = tuple(output for output in event.outputs if output.name not in without)
    kept = tuple((key, text) for key, text in event.facts if key not in dict(facts))
    return Declared(outputs, event.layers, event.names, (*kept, *facts))


# -- entries ---------------------------------------------------------------------------------------------------------


def test_an_entry_knows_its_readers() -> None:
    projected = projected_of(opened())
    index, ring = projected.table("entry"), projected.table("ring")
    for number in (0, 17, len(ring) - 1):
        entry = entry_of(projected, number)
        assert entry is not None
        assert entry.value == ring[number]
        assert [reader.use.position for reader in entry.readers] == np.flatnonzero(index == number).tolist()
        assert entry.gradient == pytest.approx(projected.table("entry_gradient")[index == number].sum())
        for reader in entry.readers:
            assert abs(reader.weight) == pytest.approx(abs(entry.value * reader.scale))
            assert len(reader.use.place) == 4
    assert entry_of(projected, len(ring)) is None
    # Looking from the map finds an entry that the layer does read.
    number = first_read(projected, 3, 20)
    size, parts = projected.number("detail_size"), sharing_scenes.BINS
    assert 20 * size / parts - 1 <= number <= 21 * size / parts + 1
    found = entry_of(projected, number)
    assert found is not None
    assert projected.layers[3].name in {reader.layer.name for reader in found.readers}


def test_a_click_in_the_map_and_a_typed_number_look_an_entry_up(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    view = view_of(workspace, theme, qtbot, "ring")
    page = view.pages["ring"]
    assert isinstance(page, RingPage)
    panel = page.entry
    page.map.cell_clicked.emit(2, 5)
    settle()
    assert panel.entry is not None
    names = [panel.table.item(row, 0).text() for row in range(panel.table.rowCount())]
    assert "layer1.1.conv1" in names
    assert f"read {len(names)} times" in panel.words.text()
    panel.number.setValue(17)
    assert panel.entry.number == 17
    last = panel.table.rowCount() - 1
    panel.table.cellClicked.emit(last, 0)
    assert workspace.selection.layer == panel.entry.readers[last].layer.name
    shown = float(panel.table.item(last, 3).text().replace("−", "-"))
    assert shown == pytest.approx(panel.entry.readers[last].weight, rel=0.01)


@pytest.mark.parametrize(
    ("without", "facts", "words"),
    [
        (ENTRIES, (("entries", "not kept: more than 100 shared weights"),), "more than 100"),
        (("entry_gradient",), (), "gradients were not measured"),
    ],
)  # fmt: skip
def test_what_is_not_known_of_an_entry_is_said(
    without: tuple[str, ...], facts: tuple[tuple[str, str], ...], words: str, theme: Theme, qtbot: QtBot
) -> None:
    view = view_of(opened(without, facts), theme, qtbot, "ring")
    page = view.pages["ring"]
    assert isinstance(page, RingPage)
    assert words in page.entry.words.text()
    page.map.cell_clicked.emit(2, 5)


# -- agreement -------------------------------------------------------------------------------------------------------


def test_colours_of_cosines_have_zero_in_the_middle() -> None:
    values = np.array([[-0.3, -0.1, 0.0, 0.1, np.nan]])
    shades = SignedCells(values, 0.2).shades()[0].tolist()
    middle = FIRST + (SHADES - 1) // 2
    assert shades[0] == FIRST
    assert shades[1] - FIRST == pytest.approx((middle - FIRST) / 2, abs=1)
    assert shades[2] == pytest.approx(middle, abs=1)
    assert shades[3] - middle == pytest.approx(middle - shades[1], abs=2)
    assert shades[4] == NAN


def test_the_agreement_of_gradients_is_drawn_and_said(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(opened(), theme, qtbot, "likeness")
    page = view.pages["likeness"]
    assert isinstance(page, LikenessPage)
    view.likenesses.chosen.emit("gradients")
    settle()
    assert page.gradients.isVisible()
    assert not page.before.isVisible()
    assert page.gradients.item.cells is not None
    projected = projected_of(view.workspace)
    together = projected.number("gradient_together")
    assert together > 1.2  # planted: every layer pulls towards the entry
    assert f"together {together:.2f}" in page.claim.text
    page.gradients.cell_hovered.emit(1, 2)
    assert "cosine" in view.readout.text


def test_without_gradients_the_reason_is_said() -> None:
    names = ("gradient_cosine", "gradient_length", "gradient_together", "entry_gradient")
    reason = "not measured: that needs pictures with labels"
    projected = projected_of(opened(names, (("gradients", reason),)))
    assert reason in agreement_claim(projected)


# -- spectra ---------------------------------------------------------------------------------------------------------


def test_the_layers_page_overlays_three_spectra_of_the_selected_layer(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    view = view_of(workspace, theme, qtbot, "layers")
    page = view.pages["layers"]
    assert isinstance(page, LayersPage)
    projected = projected_of(workspace)
    workspace.select_layer(projected.layers[4].name)
    view._look(ratio="0.5")
    settle()
    curves = page.spectrum.item.curves
    assert [curve.hue for curve in curves] == ["text", "sharing", "rank"]
    trained, made, pruned = (curve.y for curve in curves)
    np.testing.assert_allclose(trained, projected.table("sigma")[4][: len(trained)])
    # At half of the entries about half of the squares is left by projection, and more by pruning.
    assert np.square(made).sum() / np.square(trained).sum() == pytest.approx(0.5, abs=0.1)
    assert np.square(pruned).sum() > 1.2 * np.square(made).sum()
    page.spectrum.hovered.emit((1.0, 0.0))
    assert "singular value 1" in view.readout.text


def test_runs_without_spectra_are_drawn(theme: Theme, qtbot: QtBot) -> None:
    names = ("sigma", "sigma_projected", "sigma_pruned", "energy_truncated")
    view = view_of(opened(names), theme, qtbot, "layers")
    page = view.pages["layers"]
    assert isinstance(page, LayersPage)
    assert not any(curve.y.size for curve in page.spectrum.item.curves)
    view.show_page("freedom")
    settle()


# -- gaps ------------------------------------------------------------------------------------------------------------


def test_gaps_of_all_networks_stand_over_their_freedom(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    view = view_of(workspace, theme, qtbot, "training")
    run = workspace.latest("train_shared")
    assert run is not None
    trained = Trained(run.result)
    gaps = trained.gaps()
    wanted = (trained.table("train_accuracy") - trained.table("held_accuracy"))[:, -1]
    np.testing.assert_allclose(gaps, wanted)
    plot = view.training.gap
    full = next(curve for curve in trained.gap_curves() if curve.kind == "full")
    assert (full.count == 3).all()
    drawn = next(one for one in plot.bands.series if one.words == "shuffled, signs")
    np.testing.assert_allclose(drawn.y, 100 * full.mean)
    assert drawn.low is not None
    # A click beside the point of a network brings it to the front.
    place = trained.runs.index("narrowed 0.1 seed 0")
    total = float(np.log10(trained.table("total_freedom")[place]))
    plot.clicked.emit(total, 100 * float(gaps[place]), False)
    settle()
    assert view.training.front == place
    assert gap_words(100 * float(gaps[place])) in view.training.claim.text
    plot.hovered.emit((total, 0.0))
    assert "points at" in view.readout.text


def test_words_of_gaps_and_of_gradients() -> None:
    assert gap_words(3.24) == "3.2 points better in training"
    assert gap_words(-1.0) == "1.0 points worse in training"
    assert gap_words(0.01) == "as good in training"
    assert "conflict (0.40" in together_words(0.4)
    assert "agree (2.00" in together_words(2.0)
    assert "neither" in together_words(1.0)


# -- chosen layers ---------------------------------------------------------------------------------------------------


def layers_of(name: str = "demo:fashion_resnet") -> tuple[LayerSpec, ...]:
    return models.load(ModelSource(name), Compute(threads=1)).recording.layers


@pytest.mark.parametrize("patterns", ["", "layer1.*", "conv1,linear,layer3.0.*", "layer2.0.shortcut.0"])
def test_chosen_layers_are_planned_as_the_engine_does(patterns: str) -> None:
    model = models.load(ModelSource("demo:fashion_resnet"), Compute(threads=1))
    layers = model.recording.layers
    own = planned(Wish(0.3, layers=patterns), layers)
    engine = plan(model.net, Sharing(ratio=0.3, layers=patterns), layers)
    assert [(set(bank.names), bank.size, bank.total) for bank in own] == [
        (set(bank.names), bank.size, bank.total) for bank in engine
    ]
    pairs = Wish(0.3, layers=patterns).to_pairs()
    assert Sharing.from_pairs(pairs).layers == patterns
    assert Wish.of(pairs).layers == patterns


def test_patterns_name_what_is_checked_and_nothing_else() -> None:
    rows = candidates(layers_of())
    assert len(rows) == 22
    assert sum(row.usual for row in rows) == 20 == len(shareable(layers_of()))
    assert patterns_of(chosen("", rows), rows) == ""
    fits = tuple(place % 3 == 0 for place in range(len(rows)))
    assert chosen(patterns_of(fits, rows), rows) == fits
    assert "first convolution" in rows[0].why
    assert "linear" in rows[-1].why


def test_layers_are_chosen_by_check_boxes_or_taken_from_the_selection(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    view = view_of(workspace, theme, qtbot, "share")
    choice = view.share.choice
    assert view.share.wish.layers == ""
    before = view.share.claim.text
    items = {choice.list.item(place).text().split()[0]: choice.list.item(place) for place in range(choice.list.count())}
    assert items["conv1"].checkState() == Qt.CheckState.Unchecked
    items["conv1"].setCheckState(Qt.CheckState.Checked)
    assert view.share.wish.layers.startswith("conv1,layer1.0.conv1,")
    assert view.share.claim.text != before
    choice.usual.click()
    assert view.share.wish.layers == ""
    assert view.share.claim.text == before
    workspace.select_layer("layer1.1.conv2")
    settle()
    choice.only.click()
    assert view.share.wish.layers == "layer1.1.conv2"
    assert view.share.claim.text.endswith("weights of 1 layer")
    # The last one stays: a ring needs a layer.
    for place in range(choice.list.count()):
        choice.list.item(place).setCheckState(Qt.CheckState.Unchecked)
    assert view.share.wish.layers == "layer1.1.conv2"
    view.share.apply.click()
    assert dict(workspace.edits.ring)["layers"] == "layer1.1.conv2"
    settle()
    assert view.share.apply.text() == "Shared"
    workspace.undo.clear()  # before Python may collect workspace and commands in any order


def test_the_layers_panel_tells_stored_from_used_parameters(theme: Theme, qtbot: QtBot) -> None:
    demo = ModelSource("demo:fashion_resnet")
    ring = Edits(ring=Wish(0.1).to_pairs())
    workspace = Workspace()
    workspace.set_model(demo)
    scenes.play(workspace, run(Request("structure", demo)), purpose="open")
    panel = LayersPanel(workspace, theme)
    qtbot.addWidget(panel)
    show(panel, 420, 300)
    settle()
    assert "used" not in panel.summary.text
    shared = scenes.play(workspace, run(Request("structure", demo, edits=ring)), purpose="glance")
    shared.request = replace(shared.request, edits=ring)
    workspace.set_edits(ring)
    settle()
    assert panel.summary.text.endswith("(68.6\u00a0k used)")
    assert used_words(workspace) == "68,642 weights are computed with, shared ones counted at every layer"
