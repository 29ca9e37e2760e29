"""Sharing in the window: what each page draws and claims, the form, undo, unique parameters, optional pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytestqt.qtbot import QtBot

from analysis import models
from analysis.catalogue import MethodInfo
from analysis.edits import Edits
from analysis.engine import run
from analysis.events import Chunk, Declared, Event, Finished, Outcome, Output, Started
from analysis.measures.rings import reuse_counts, reuse_histogram, shuffle
from analysis.request import Compute, ImageSource, ModelSource, Request
from analysis.result import Result
from analysis.sharing import Sharing, plan
from app.commands import SetEdits
from app.desk import Desk
from app.history import History
from app.panels.measure_panel import WITHOUT, MeasurePanel
from app.reading.measurements import totals
from app.reading.sharing import LAYOUTS, SCOPES, VARIANTS, Projected, Trained, Wish, free, memory, planned, shareable
from app.sharing.freedom_page import FreedomPage
from app.sharing.layers_page import LayersPage
from app.sharing.likeness_page import LikenessPage
from app.sharing.ring_page import RingPage
from app.theme import Theme
from app.views.sharing import PAGES
from app.workspace import Workspace
from tests import scenes, sharing_scenes, snapshots
from tests.fake_engine import FakeEngine
from tests.gestures import settle, show, theme
from tests.sharing_views import projected_of, view_of

__all__ = ["theme"]

RING = 53_453
"""Entries of a ring of a fifth of the weights of the network."""


def opened(projected: bool = True, trained: bool = True, until: int = -1) -> Workspace:
    workspace = scenes.opened()
    workspace.set_images(scenes.IMAGES)
    if projected:
        events = sharing_scenes.projected_events(workspace.layers, scenes.MODEL, scenes.IMAGES)
        scenes.play(workspace, events, folder="runs/projected")
    if trained:
        scenes.play(workspace, sharing_scenes.trained_events(scenes.MODEL, scenes.IMAGES, until), folder="runs/trained")
    return workspace


# -- freedom ---------------------------------------------------------------------------------------------------------


def test_both_laws_are_fitted_and_said(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(opened(), theme, qtbot)
    page = view.pages["freedom"]
    assert isinstance(page, FreedomPage)
    words = " ".join(key.words for key in page.keys.keys)
    found = re.search(r"DoF: ([\d.]+) points a decade, R² ([\d.]+)", words)
    assert found is not None
    # The planted slope, from points without noise.
    assert float(found[1]) == pytest.approx(100 * sharing_scenes.SLOPE, abs=0.05)
    assert float(found[2]) == pytest.approx(1.0, abs=1e-3)
    assert "error as a power of DoF" in words


def test_the_count_moves_rings_and_not_networks_without_one(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(opened(), theme, qtbot)
    page = view.pages["freedom"]
    assert isinstance(page, FreedomPage)
    before = {one.words: one.x for one in page.curve.bands.series if not one.dashed}
    view.counts.chosen.emit("shared")
    settle()
    after = {one.words: one.x for one in page.curve.bands.series if not one.dashed}
    for words, x in before.items():
        moved = 0 if words == "fewer channels" else sharing_scenes.UNSHARED
        np.testing.assert_allclose(x - after[words], moved)
    assert "shared part" in page.curve.x_axis.title


def test_bands_reach_from_the_worst_seed_to_the_best(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(opened(), theme, qtbot)
    page = view.pages["freedom"]
    assert isinstance(page, FreedomPage)
    full, *others = (one for one in page.curve.bands.series if not one.dashed)
    assert full.low is not None
    assert full.high is not None
    np.testing.assert_allclose(full.high - full.low, 1.6)
    assert all(other.low is None for other in others)


def test_the_page_marks_where_more_is_unshared_than_in_the_ring(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(opened(), theme, qtbot)
    page = view.pages["freedom"]
    assert isinstance(page, FreedomPage)
    marks = [guide.at for guide in page.curve.item.guides if guide.axis == "x"]
    # There the ring has as many entries as there are unshared numbers: twice as many in all.
    assert marks == [pytest.approx(np.log10(2 * sharing_scenes.UNSHARED))]


def test_it_says_that_projection_is_a_diagnosis(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(opened(trained=False), theme, qtbot)
    assert "diagnosis" in view.pages["freedom"].claim.text
    page = view.pages["freedom"]
    assert isinstance(page, FreedomPage)
    assert "training is the method" in page.curve.note
    drawn = page.kept.bands.series
    assert len({one.hue for one in drawn}) == len(drawn), "two lines of one colour"
    assert {one.hue for one in drawn if "accuracy" in one.words}.isdisjoint({"bundles", "sharing"}), "two oranges"
    law = next(one for one in drawn if one.words == "law N / M")
    np.testing.assert_allclose(law.y, 100 * np.array(sharing_scenes.RATIOS), rtol=1e-3)


# -- ring ------------------------------------------------------------------------------------------------------------


def test_the_columns_of_a_shuffled_ring_are_even() -> None:
    projected = projected_of(opened(trained=False))
    sums = projected.column_sum()
    assert sums.mean() == pytest.approx(1.0, abs=1e-3)
    # An entry is used 10 or 11 times, so no part can be further than that from the mean.
    assert np.ptp(sums) < 0.1
    assert projected.unevenness() == pytest.approx(1.0, abs=0.35)


@settings(max_examples=25, deadline=None)
@given(size=st.integers(1, 60), total=st.integers(1, 400))
def test_reuse_is_compared_with_independent_draws(size: int, total: int) -> None:
    counts = reuse_histogram(reuse_counts(shuffle(1, size, total), size))
    outputs = (
        Output("reuse", ("uses",), counts.shape, "int64"),
        Output("detail_size", (), (), "int64"),
        Output("total_generated", (), (), "int64"),
    )
    workspace = scenes.opened()
    made = scenes.play(workspace, iter([Started(Request("parameter_sharing", scenes.MODEL)), Declared(outputs, ())]))
    for name, value in (("reuse", counts), ("detail_size", np.array(size)), ("total_generated", np.array(total))):
        made.result.apply(Chunk(name, (), value))
    found, poisson, mean = Projected(made.result).reuse()
    assert mean == total / size
    assert found.sum() == size
    assert len(np.flatnonzero(found)) <= 2
    assert found @ np.arange(len(found)) == total
    assert 0.98 * size <= poisson.sum() <= size * (1 + 1e-9)


def test_a_click_in_the_map_selects_the_layer(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened(trained=False)
    view = view_of(workspace, theme, qtbot, "ring")
    page = view.pages["ring"]
    assert isinstance(page, RingPage)
    page.map.cell_clicked.emit(2, 5)
    assert workspace.selection.layer == "layer1.1.conv1"
    page.map.cell_hovered.emit(2, 5)
    assert "layer1.1.conv1" in view.readout.text
    assert "of random" in view.readout.text


# -- layers ----------------------------------------------------------------------------------------------------------


def test_errors_lie_at_the_law_and_cosines_at_its_root(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(opened(trained=False), theme, qtbot, "layers")
    page = view.pages["layers"]
    assert isinstance(page, LayersPage)
    view._look(ratio="0.5")
    settle()
    bars = page.plot.item.bars
    assert bars is not None
    np.testing.assert_allclose(bars.dashes, 0.5)
    np.testing.assert_allclose(bars.values, 0.5, atol=0.05)
    assert (bars.rings < bars.values).all()
    view.errors.chosen.emit("cosine")
    settle()
    assert page.plot.item.bars is not None
    np.testing.assert_allclose(page.plot.item.bars.dashes, 0.5**0.5)
    np.testing.assert_allclose(page.plot.item.bars.values, 0.5**0.5, atol=0.05)


def test_another_way_of_projecting_is_shown_or_offered(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened(trained=False)
    view = view_of(workspace, theme, qtbot, "layers")
    assert not view.offer.isVisible()
    view.ways.setCurrentIndex(1)
    view.ways.activated.emit(1)
    settle()
    assert view.offer.isVisible()
    wanted: list[Request] = []
    workspace.run_wanted.connect(wanted.append)
    view.offer.pressed.emit()
    assert dict(wanted[0].params) == {"whitened": False}
    plain = sharing_scenes.projected_events(workspace.layers, scenes.MODEL, scenes.IMAGES, whitened=False)
    scenes.play(workspace, plain)
    settle()
    assert not view.offer.isVisible()
    assert "not whitened" in view.pages["layers"].claim.text
    # What is measured later is not what the other way shows.
    view.ways.setCurrentIndex(0)
    view.ways.activated.emit(0)
    settle()
    assert view.pages["layers"].claim.text.endswith("· whitened")


# -- likeness and training -------------------------------------------------------------------------------------------


def test_likeness_has_one_scale_for_both_matrices(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(opened(trained=False), theme, qtbot, "likeness")
    page = view.pages["likeness"]
    assert isinstance(page, LikenessPage)
    assert page.before.item.cells is not None
    assert page.after.item.cells is not None
    assert page.before.item.cells.top == page.after.item.cells.top
    assert not page.overlap.isVisible()
    view.likenesses.chosen.emit("overlap")
    settle()
    assert page.overlap.isVisible()
    assert not page.before.isVisible()
    table = projected_of(view.workspace).table("overlap")
    np.testing.assert_allclose(np.diag(table), 1.0)


def test_training_is_drawn_as_it_comes(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened(projected=False, until=3)
    view = view_of(workspace, theme, qtbot, "training")
    page = view.training
    assert page.front == 3
    assert "epoch 4 of 8" in page.claim.text
    finished = [spots for spots in page.accuracy.item.spots if not spots.hollow]
    assert [len(spots.x) for spots in finished] == [4]
    page.run_chosen.emit(0)
    settle()
    assert page.front == 0
    assert "dense" in page.claim.text
    assert [len(spots.x) for spots in page.accuracy.item.spots] == [8, 8]


def test_only_finished_networks_count(theme: Theme, qtbot: QtBot) -> None:
    run = opened(projected=False, until=3).latest("train_shared")
    assert run is not None
    trained = Trained(run.result)
    assert trained.finished == 3
    assert {one.kind: list(one.count) for one in trained.curves()} == {"full": [1, 1], "dense": [1]}
    view = view_of(opened(projected=False, until=3), theme, qtbot)
    assert "3 of 41 networks are trained" in view.pages["freedom"].claim.text


# -- sharing the network ---------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    st.builds(
        Wish,
        st.integers(1, 1000).map(lambda number: number / 1000),
        st.sampled_from([value for value, _ in SCOPES]),
        st.sampled_from([value for value, _ in VARIANTS]),
        st.sampled_from([value for value, _ in LAYOUTS]),
        st.integers(0, 2**31 - 1),
    )
)
def test_the_engine_reads_what_the_form_writes(wish: Wish) -> None:
    pairs = wish.to_pairs()
    assert Sharing.from_pairs(pairs).to_pairs() == pairs
    assert Wish.of(pairs) == wish
    read = Sharing.from_pairs(pairs)
    assert (read.ratio, read.scope, read.variant, read.layout, read.seed) == (
        wish.ratio, wish.scope, wish.variant, wish.layout, wish.seed,
    )  # fmt: skip


@pytest.mark.parametrize("scope", ["net", "stage", "block"])
@pytest.mark.parametrize("variant", ["full", "direct"])
def test_the_window_plans_the_rings_of_the_engine(scope: str, variant: str) -> None:
    model = models.load(ModelSource("demo:fashion_resnet"), Compute(threads=1))
    layers = model.recording.layers
    wish = Wish(0.13, scope, variant)
    own, engine = planned(wish, layers), plan(model.net, Sharing(ratio=0.13, scope=scope, variant=variant), layers)
    assert [(bank.size, bank.total, bank.freedom) for bank in own] == [
        (bank.size, bank.total, bank.freedom) for bank in engine
    ]
    assert [bank.names for bank in own] == [bank.names for bank in engine]


def test_three_counts_of_freedom() -> None:
    layers = scenes.network()
    banks = planned(Wish(0.1), layers)
    made = sum(weights for _, weights in shareable(layers))
    assert made == 6 * 2304 + 4608 + 5 * 9216 + 18432 + 5 * 36864  # a ResNet-20 without stem and classifier
    found = free(banks, made + 1000)
    assert found.shared == round(0.1 * made)
    assert found.total == found.shared + 1000
    assert found.total_ratio == pytest.approx((0.1 * made + 1000) / (made + 1000), rel=1e-4)
    sizes = {one.name: one.number for one in memory(banks, found.unshared)}
    # A cached index costs as much as the kernels it saves: nothing in the table may say otherwise.
    assert sizes["index and sign, cached"] > sizes["kernels without sharing"] == sizes["kernels written out"]
    assert sizes["file with the ring"] == 4 * found.total


def test_sharing_is_one_step_that_can_be_undone(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    removed = Edits(removed=("layer1.1",))
    workspace.set_edits(removed)
    view = view_of(workspace, theme, qtbot, "share")
    view.share.ratio.setValue(0.05)
    view.share.apply.click()
    assert workspace.edits == replace(removed, ring=(("ratio", "0.05"),))
    assert workspace.undo.count() == 1
    settle()
    assert view.share.apply.text() == "Shared"
    assert view.share.claim.text.startswith("Shared now")
    view.share.back.click()
    assert workspace.edits == removed
    workspace.undo.undo()
    workspace.undo.undo()
    assert workspace.edits == removed
    assert not workspace.undo.canUndo()
    workspace.undo.clear()  # before Python may collect workspace and commands in any order


def test_a_shared_network_is_projected_without_its_ring(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened(projected=False, trained=False)
    workspace.set_edits(Edits(ring=(("ratio", "0.2"),)))
    view = view_of(workspace, theme, qtbot)
    wanted: list[Request] = []
    workspace.run_wanted.connect(wanted.append)
    view.fill()
    assert wanted[0].edits == Edits()


def shared_structure(workspace: Workspace) -> Iterator[Event]:
    """Structure of the shared network: the ring at its first layer, nothing made counts."""
    made = [row.name for row, _ in shareable(workspace.layers)]
    left = {name: RING if name == made[0] else 0 for name in made}
    layers = tuple(replace(row, parameters=left.get(row.name, row.parameters)) for row in workspace.layers)
    yield Started(Request("structure", scenes.MODEL))
    yield Declared((Output("total_parameters", (), (), "int64"), Output("total_macs", (), (), "int64")), layers)
    yield Chunk("total_parameters", (), np.array(sum(layer.parameters for layer in layers)))
    yield Chunk("total_macs", (), np.array(sum(layer.macs for layer in layers)))
    yield Finished(Outcome.COMPLETED)


def test_a_ring_counts_once_everywhere_until_it_is_taken_back() -> None:
    workspace = scenes.opened()
    whole, effective = totals(workspace)[0], [layer.parameters_used for layer in workspace.layers]
    run = scenes.play(workspace, shared_structure(workspace), purpose="glance")
    run.request = replace(run.request, edits=Edits(ring=(("ratio", "0.2"),)))
    assert totals(workspace)[0] == whole
    heard: list[int] = []
    workspace.runs_changed.connect(lambda: heard.append(1))
    workspace.set_edits(Edits(ring=(("ratio", "0.2"),)))
    assert heard
    made = sum(weights for _, weights in shareable(workspace.layers))
    assert totals(workspace)[0] == whole - made + RING
    assert sum(layer.parameters for layer in workspace.layers) == whole - made + RING
    assert [layer.parameters_used for layer in workspace.layers] == effective
    # Another ring is not known yet; nothing is shown that would be wrong.
    workspace.set_edits(Edits(ring=(("ratio", "0.1"),)))
    assert totals(workspace)[0] == whole
    workspace.set_edits(Edits())
    assert totals(workspace)[0] == whole


def test_the_engine_counts_what_the_window_promises() -> None:
    demo = ModelSource("demo:fashion_resnet")
    plain = Result.of(run(Request("structure", demo)))
    layers = plain.layers
    wish = Wish(0.1, "stage", "full", seed=5)
    shared = Result.of(run(Request("structure", demo, edits=Edits(ring=wish.to_pairs()))))
    promised = free(planned(wish, layers), plain.value("total_parameters"))
    assert shared.value("total_parameters") == promised.total
    saved = sum(row.parameters for row in layers) - sum(row.parameters for row in shared.layers)
    assert saved == promised.reference - promised.total
    assert [row.parameters_used for row in shared.layers] == [row.parameters_used for row in layers]


def test_sharing_asks_once_how_parameters_count(desk: Desk, engine: FakeEngine, qtbot: QtBot) -> None:
    desk.client.start()
    desk.client.tick()
    desk.session.open_model(ModelSource("demo:a"))
    workspace, edits = desk.workspace, Edits(widths=(("g", 8),), ring=(("ratio", "0.2"),))
    qtbot.waitUntil(lambda: workspace.structure is not None)
    workspace.undo.push(SetEdits(workspace, edits, "share"))
    qtbot.waitUntil(lambda: workspace.counted is not workspace.structure)
    workspace.undo.undo()
    assert workspace.counted is workspace.structure
    workspace.undo.redo()
    assert workspace.counted is not workspace.structure
    qtbot.waitUntil(lambda: not any(one.open for one in workspace.runs.values()))
    asked = [request for request, _ in engine.requests if request.edits.ring]
    assert [request.edits for request in asked] == [Edits(ring=edits.ring)]
    kept = {one.purpose for one in workspace.runs.values() if one.request.method == "structure"}
    assert kept == {"open", "glance"}


# -- pictures that a method can do without ---------------------------------------------------------------------------


def test_optional_pictures_are_offered_and_can_be_left_out(theme: Theme, qtbot: QtBot, tmp_path: Path) -> None:
    workspace = scenes.opened()
    info = MethodInfo("parameter_sharing", "Sharing", "Rings.", needs=frozenset({"model"}), takes=frozenset({"images"}))
    workspace.set_methods((info,))
    assert workspace.missing("parameter_sharing") == ()
    workspace.set_images(None)
    assert workspace.new_request("parameter_sharing").images is None
    workspace.set_images(ImageSource("pictures"))
    assert workspace.new_request("parameter_sharing").images == ImageSource("pictures")
    panel = MeasurePanel(workspace, theme, History(tmp_path))
    qtbot.addWidget(panel)
    show(panel, 320, 500)
    assert panel._limit.isVisible()
    panel._limit.setEditText("200")
    assert (panel.request().images, panel.request().limit) == (ImageSource("pictures"), 200)
    panel._limit.setEditText(WITHOUT)
    without = panel.request()
    assert (without.images, without.limit) == (None, 0)
    panel._limit.setEditText("all")
    panel.show_request(without)
    assert panel.request() == without


# -- approved pictures -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [name for name, _ in PAGES])
def test_a_running_study_can_be_shown(page: str, theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    events = list(sharing_scenes.projected_events(workspace.layers, scenes.MODEL, scenes.IMAGES))
    run = scenes.play(workspace, iter(events), steps=3)
    view = view_of(workspace, theme, qtbot, page)
    for event in events[3:]:
        workspace.apply(run.number, event)
        workspace.announce(run.number)
    settle()
    view.grab()


@pytest.mark.parametrize(
    ("page", "mode"), [("freedom", "light"), ("ring", "dark"), ("layers", "light"), ("share", "light")]
)
def test_it_looks_as_approved(page: str, mode: str, theme: Theme, qtbot: QtBot, request: pytest.FixtureRequest) -> None:
    theme.set_mode(mode)
    workspace = opened()
    workspace.select_layer("layer2.0.conv1")
    view = view_of(workspace, theme, qtbot, page)
    view.setFocus()
    snapshots.check(view, f"sharing-{page}" + ("-dark" if mode == "dark" else ""), request)
