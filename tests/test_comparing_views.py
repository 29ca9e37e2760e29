"""A second network in the tabs that go deep: what is drawn behind, what differs, what is said where nothing is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from analysis.events import Chunk, Declared, Event, Finished, Outcome, Output, Prepared, Samples, Started
from analysis.measures import oracles
from analysis.request import ModelSource, Request
from app.configuring.choices_page import rows_of as choice_rows
from app.configuring.classes_page import table_of
from app.panels.inspector import Inspector
from app.reading import numbers
from app.reading.comparing import counterpart
from app.reading.configurations import Reading as ConfigurationReading
from app.reading.layer_comparison import layer_differences
from app.reading.width_reference import second_widths
from app.theme import Theme
from app.views.attribution import AttributionView
from app.views.configurations import ConfigurationsView
from app.views.rank_lab import RankLabView, series_of
from app.views.samples import SamplesView
from app.views.sharing import SharingView
from app.views.widths import WidthsView
from app.workspace import Run, Workspace
from tests import configuration_scenes, scenes, sharing_scenes, width_scenes
from tests.comparing_scenes import NAME, OTHER, PICTURES, built, of_other, page
from tests.gestures import settle, theme

__all__ = ["theme"]


# -- configurations --------------------------------------------------------------------------------------------------


def configurations(points: int = 3, count: int = 84) -> tuple[Workspace, Run, Run]:
    """Two networks with runs of dynamic configurations on other pictures of the same classes."""
    workspace = scenes.opened()
    own = scenes.play(workspace, configuration_scenes.configuration_events(scenes.MODEL, scenes.IMAGES, 60))
    events = configuration_scenes.configuration_events(OTHER, scenes.IMAGES, count, points=points)
    other = scenes.play(workspace, of_other(events))
    workspace.compare_with(other.number)
    return workspace, own, other


def test_the_header_says_both_numbers_and_the_difference(theme: Theme, qtbot: QtBot) -> None:
    workspace, own, other = configurations()
    view = built(ConfigurationsView, workspace, theme, qtbot)
    oracle = view.oracle
    ours, theirs = ConfigurationReading(own.result), ConfigurationReading(other.result)
    plain = next(row for row in oracle.rows.rows if row.name == "plain accuracy")
    assert plain.bars[0].outline == pytest.approx(theirs.accuracy[0])
    points = 100 * (ours.accuracy[0] - theirs.accuracy[0])
    assert f"{100 * theirs.accuracy[0]:.1f}" in plain.text
    assert plain.text.endswith(f"({points:+.1f})".replace("-", "−"))
    growth = oracle.growth.item.curves[0]
    assert growth.y.tolist() == pytest.approx(oracles.growth_curve(theirs.correct).tolist())
    assert growth.hue == "outline"
    assert any(key.words == NAME for key in oracle.legend.keys)
    workspace.compare_with(None)
    settle()
    assert all(np.isnan(bar.outline) for row in oracle.rows.rows for bar in row.bars)
    assert not any(key.words == NAME for key in oracle.legend.keys)


def test_each_configuration_has_its_ring_in_the_cost_map(theme: Theme, qtbot: QtBot) -> None:
    workspace, _, other = configurations()
    view = built(ConfigurationsView, workspace, theme, qtbot)
    cost = page(view, "cost")
    theirs = ConfigurationReading(other.result)
    assert cost.plot.dots.outline[1].tolist() == pytest.approx(theirs.accuracy.tolist())
    cost.tell_configuration(5)
    assert f"{NAME} {100 * theirs.accuracy[5]:.1f}" in view.readout.text.replace("\u202f", " ")


def test_choices_and_classes_are_framed(theme: Theme, qtbot: QtBot) -> None:
    workspace, _, other = configurations()
    view = built(ConfigurationsView, workspace, theme, qtbot)
    choices = page(view, "choices")
    theirs = choice_rows(ConfigurationReading(other.result))
    for row, wanted in zip(choices.plot.rows, theirs, strict=True):
        assert [bar.outline for bar in row.bars] == pytest.approx([bar.value for bar in wanted.bars])
    classes = page(view, "classes")
    table = table_of(ConfigurationReading(other.result))
    for number, row in enumerate(classes.plot.rows):
        assert [bar.outline for bar in row.bars] == pytest.approx(table[number, [0, 1, 3]].tolist())


def test_other_configurations_compare_by_name_only(theme: Theme, qtbot: QtBot) -> None:
    workspace, own, other = configurations(points=2)
    view = built(ConfigurationsView, workspace, theme, qtbot)
    assert len(view.oracle.growth.item.curves) == 1
    assert "other configurations" in view.oracle.claim.toolTip()
    assert all(np.isnan(bar.outline) for row in view.oracle.rows.rows for bar in row.bars)
    choices = page(view, "choices")
    assert all(np.isnan(bar.outline) for row in choices.plot.rows for bar in row.bars)
    outline = page(view, "cost").plot.dots.outline[1]
    shared = set(own.result.names("configuration")) & set(other.result.names("configuration"))
    assert int(np.isfinite(outline).sum()) == len(shared)
    # Accuracy of the plain network compares; what is read off other configurations does not.
    classes = page(view, "classes")
    assert all(np.isfinite(row.bars[0].outline) for row in classes.plot.rows)
    assert all(np.isnan(row.bars[1].outline) for row in classes.plot.rows)


# -- sharing ---------------------------------------------------------------------------------------------------------


def lower(events: Iterator[Event]) -> Iterator[Event]:
    """A tenth less of everything that is drawn of a run."""
    for event in events:
        if isinstance(event, Chunk) and event.name in ("accuracy", "energy_kept", "error"):
            yield replace(event, values=0.9 * event.values)
        else:
            yield event


def sharing(whitened: bool = True, trained: bool = True) -> Workspace:
    """Two networks of one architecture; what is measured of the second one is a tenth lower."""
    workspace = scenes.opened()
    workspace.set_images(scenes.IMAGES)
    layers, images = workspace.layers, scenes.IMAGES
    scenes.play(workspace, sharing_scenes.projected_events(layers, scenes.MODEL, images))
    scenes.play(workspace, sharing_scenes.trained_events(scenes.MODEL, images))
    events = sharing_scenes.projected_events(layers, OTHER, images, whitened)
    other = scenes.play(workspace, lower(of_other(events)))
    if trained:
        scenes.play(workspace, lower(of_other(sharing_scenes.trained_events(OTHER, images))))
    workspace.compare_with(other.number)
    return workspace


def test_freedom_has_the_other_curves_behind_it(theme: Theme, qtbot: QtBot) -> None:
    workspace = sharing()
    view = built(SharingView, workspace, theme, qtbot)
    freedom = view.pages["freedom"]
    ours = next(one for one in freedom.trained.curves() if one.kind == "full")
    outline = freedom.curve.item.curves[0]
    assert outline.hue == "outline"
    assert outline.y.tolist() == pytest.approx((90 * ours.mean).tolist())
    kept = freedom.kept.item.curves[0]
    assert kept.y.tolist() == pytest.approx((90 * freedom.projected.table("energy_kept")).tolist())
    assert any(key.words == NAME for key in freedom.keys.keys)
    freedom._point_at_curve((float(np.log10(ours.total[2])), 80.0))
    assert f"(+{10 * ours.mean[2]:.1f})" in view.readout.text
    workspace.compare_with(None)
    settle()
    assert all(curve.hue != "outline" for curve in (*freedom.curve.item.curves, *freedom.kept.item.curves))


def test_layers_have_the_error_of_the_other_network_as_frames(theme: Theme, qtbot: QtBot) -> None:
    view = built(SharingView, sharing(trained=False), theme, qtbot)
    layers = page(view, "layers")
    place = layers.projected.place(layers.look.ratio)
    error = layers.projected.table("error")[place]
    assert layers.plot.item.bars.frames.tolist() == pytest.approx((0.9 * error).tolist())
    layers._point_at((0.0, 0.5))
    assert f"(+{0.1 * error[0]:.3f})" in view.readout.text
    assert any(key.words == NAME for key in layers.legend.keys)


def test_projections_made_in_another_way_do_not_compare(theme: Theme, qtbot: QtBot) -> None:
    view = built(SharingView, sharing(whitened=False, trained=False), theme, qtbot)
    assert not page(view, "layers").plot.item.bars.frames.size
    assert all(curve.hue != "outline" for curve in page(view, "freedom").kept.item.curves)


# -- samples ---------------------------------------------------------------------------------------------------------

NAMES = ("cat", "dog", "frog")
LABEL = [0, 1, 2, 0, 1, 2, 0, 1]
OURS = [0, 1, 2, 0, 0, 0, 1, 1]
THEIRS = [0, 1, 0, 0, 1, 1, 1, 0]


def answers(model: ModelSource, prediction: list[int], places: list[int], total: int = 2000) -> Iterator[Event]:
    """A run of `evaluate` on some pictures of the demo; the labels are made up."""
    count = len(prediction)
    label = np.array(LABEL)[: len(places)]
    shares = np.full((count, 2), 0.25)
    shares[:, 0] = 0.6
    top = np.stack([prediction, [(one + 1) % 3 for one in prediction]], axis=1)
    outputs = {
        "label": label.astype(np.int32), "prediction": np.array(prediction, dtype=np.int32),
        "confidence": shares[:, 0] + (0.1 if model == OTHER else 0.0), "top_class": top.astype(np.int32),
        "top_share": shares, "sample_loss": np.full(count, 0.5 if model == OTHER else 0.75),
    }  # fmt: skip
    yield Started(Request("evaluate", model, PICTURES))
    yield Prepared("e" * 64, "net", samples=Samples(count, total, "s", "demo:test"), indices=np.array(places))
    dims = {name: ("sample", "place")[: array.ndim] for name, array in outputs.items()}
    declared = tuple(Output(name, dims[name], array.shape, str(array.dtype)) for name, array in outputs.items())
    yield Declared(declared, names=(("class", NAMES),))
    for name, array in outputs.items():
        yield Chunk(name, (), array)
    yield Finished(Outcome.COMPLETED)


def samples(theme: Theme, qtbot: QtBot, **how: Any) -> SamplesView:
    """The first eight pictures of the demo in two networks."""
    workspace = scenes.opened()
    workspace.set_images(PICTURES)
    places = list(range(8))
    scenes.play(workspace, answers(scenes.MODEL, OURS, places))
    other = scenes.play(workspace, of_other(answers(OTHER, THEIRS, places, **how)))
    workspace.compare_with(other.number)
    view: SamplesView = built(SamplesView, workspace, theme, qtbot)
    qtbot.waitUntil(lambda: view.thumbnails.pictures is not None)
    settle()
    return view


@pytest.mark.parametrize(
    ("verdict", "wanted"),
    [
        ("disagree", [i for i in range(8) if OURS[i] != THEIRS[i]]),
        ("only here", [i for i in range(8) if OURS[i] == LABEL[i] != THEIRS[i]]),
        ("only there", [i for i in range(8) if THEIRS[i] == LABEL[i] != OURS[i]]),
    ],
)
def test_pictures_are_filtered_by_what_two_networks_say(
    verdict: str, wanted: list[int], theme: Theme, qtbot: QtBot
) -> None:
    view = samples(theme, qtbot)
    assert 0 < len(wanted) < 8
    view.wishes.verdict.setCurrentIndex(view.wishes.verdict.findData(verdict))
    view.wishes.changed.emit()
    settle()
    assert view.grid.samples.places.tolist() == wanted
    assert NAME in view.summary.text
    view.workspace.compare_with(None)
    settle()
    assert view.wishes.wish.verdict == "all"
    assert view.wishes.verdict.findData(verdict) < 0
    assert len(view.grid.samples.places) == 2000


def test_the_card_has_both_answers(theme: Theme, qtbot: QtBot) -> None:
    view = samples(theme, qtbot)
    view.workspace.select_sample(2)
    settle()
    words = view.card.facts.words
    assert "Prediction: frog, right" in words
    assert f"{NAME}: cat, wrong, 70.0" in words
    assert "(+0.250 here)" in words
    # Of our most likely classes the share that the second network gives them, where it is known.
    assert {guess.name: guess.other for guess in view.card.bars.guesses} == pytest.approx(
        {"frog": float("nan"), "cat": 0.6}, nan_ok=True
    )


def test_answers_to_other_pictures_are_not_compared(theme: Theme, qtbot: QtBot) -> None:
    view = samples(theme, qtbot, total=1999)
    assert view.second is not None
    assert view.second.table is None
    assert "changed since" in view.summary.text
    assert view.wishes.verdict.count() == 3


def test_a_network_without_answers_says_so_and_a_wish_waits(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    workspace.set_images(PICTURES)
    scenes.play(workspace, answers(scenes.MODEL, OURS, list(range(8))))
    other = scenes.play(workspace, of_other(scenes.rank_events(workspace.layers, model=OTHER)))
    workspace.compare_with(other.number)
    view = built(SamplesView, workspace, theme, qtbot)
    qtbot.waitUntil(lambda: view.thumbnails.pictures is not None)
    settle()
    assert "has not been measured" in view.summary.text
    view.restore({"verdict": "only there"})
    assert view.wishes.wish.verdict == "all"
    scenes.play(workspace, of_other(answers(OTHER, THEIRS, list(range(8)))))
    settle()
    assert view.wishes.wish.verdict == "only there"


# -- attribution, rank lab, inspector --------------------------------------------------------------------------------


def explained(place: int = 12, of_second: bool = True) -> Workspace:
    workspace = scenes.full()
    other = scenes.play(workspace, of_other(scenes.rank_events(scenes.network(9), seed=4, model=OTHER)))
    if of_second:
        scenes.play(workspace, of_other(scenes.attribution_events(place, model=OTHER)))
    workspace.compare_with(other.number)
    workspace.select_sample(12)
    return workspace


def test_maps_of_the_other_network_are_a_second_row(theme: Theme, qtbot: QtBot) -> None:
    workspace = explained()
    view = built(AttributionView, workspace, theme, qtbot)
    board = view.board
    half = len(board.panes) // 2
    assert len(board.panes) == 2 * half
    assert [pane.title for pane in board.panes[1:half]] == [pane.title for pane in board.panes[half + 1 :]]
    assert board.panes[half].title == NAME
    for upper, lower in zip(board.panes[:half], board.panes[half:], strict=True):
        above, below = (board.place(board.panes.index(pane)) for pane in (upper, lower))
        assert above.left() == pytest.approx(below.left())
        assert below.top() >= above.bottom()
    workspace.compare_with(None)
    settle()
    assert len(board.panes) == half


def test_without_maps_of_the_picture_the_reason_is_said(theme: Theme, qtbot: QtBot) -> None:
    view = built(AttributionView, explained(of_second=False), theme, qtbot)
    assert f"{NAME} has no attributions yet" in view.facts.text
    other_picture = built(AttributionView, explained(place=13), theme, qtbot)
    assert f"{NAME} has not explained this picture" in other_picture.facts.text
    assert all(pane.title != NAME for pane in other_picture.board.panes)


def test_an_earlier_study_of_the_rank_lab_is_drawn_behind(theme: Theme, qtbot: QtBot) -> None:
    workspace = Workspace()
    first = scenes.play(workspace, scenes.lab_events(8))
    view = built(RankLabView, workspace, theme, qtbot)
    assert not view.earlier.isVisible()
    scenes.play(workspace, scenes.lab_events(3))
    settle()
    assert view.earlier.isVisible()
    assert view.outline == ()
    plain = len(view.plot.item.curves)
    view.earlier.setCurrentIndex(view.earlier.findData(first.number))
    view.earlier.activated.emit(1)
    settle()
    assert len(view.plot.item.curves) == plain + len(view.outline)
    wanted = {one.activation: one.found.y for one in series_of(first.result, view.types.value, False)}
    for one in view.outline:
        np.testing.assert_array_equal(one.found.y, wanted[one.activation])
    assert any("8 networks" in key.words for key in view.legend.keys)
    view.plot.hovered_column = 2
    view._show_readout()
    assert f"(outline {wanted['relu'][2]:.3f}," in view.readout.text
    workspace.remove_run(first.number)
    settle()
    assert view.outline == ()


def test_the_inspector_says_in_one_line_what_differs(theme: Theme, qtbot: QtBot) -> None:
    workspace = explained()
    workspace.select_layer("layer1.1.conv1")
    panel = built(Inspector, workspace, theme, qtbot)
    first, second = workspace.latest("feature_rank"), counterpart(workspace, "feature_rank")
    assert first is not None
    assert second is not None
    ours, theirs = (
        float(run.result["effective_rank"][run.result.names("layer").index("layer1.1.conv1")])
        for run in (first, second)
    )
    words = panel.compared.text()
    assert words.startswith(NAME)
    assert f"effective rank {numbers.short(theirs)}" in words
    assert ("(+" if ours > theirs else "(−") in words.partition("effective rank")[2]
    outline = panel.plot.item.curves[-1]
    assert (outline.label, outline.hue) == (NAME, "outline")
    workspace.compare_with(None)
    settle()
    assert not panel.compared.isVisible()
    assert all(curve.hue != "outline" for curve in panel.plot.item.curves)


def test_a_layer_without_a_counterpart_says_so(qapp: Any) -> None:
    workspace = scenes.full()
    unlike = (replace(scenes.network()[1], name="other", kind="linear", shape=(10,), block=""),)
    other = scenes.play(workspace, of_other(scenes.structure_events(unlike, OTHER)))
    workspace.compare_with(other.number)
    layer = next(layer for layer in workspace.layers if layer.name == "layer1.1.conv1")
    assert layer_differences(workspace, layer) == f"{NAME} has no layer that corresponds."


# -- widths ----------------------------------------------------------------------------------------------------------


def test_widths_of_the_other_network_are_an_outline_of_the_profile(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    scenes.play(workspace, width_scenes.width_events(workspace.layers, scenes.MODEL))
    wide = scenes.network(3, widths=(32, 64, 128))
    other = scenes.play(workspace, of_other(scenes.structure_events(wide, OTHER)))
    workspace.compare_with(other.number)
    view = built(WidthsView, workspace, theme, qtbot)
    shown = view.profile.plot.columns.profile
    (outline,) = shown.outlines
    assert (outline.name, outline.hue) == (NAME, "outline")
    known = np.isfinite(outline.widths)
    convolutions = shown.before[known] > 10  # the classes are as many in both
    assert known.sum() > 15
    np.testing.assert_array_equal(outline.widths[known][convolutions], 2 * shown.before[known][convolutions])
    assert any(key.words == NAME for key in view.profile.legend.keys)
    workspace.compare_with(None)
    settle()
    assert view.profile.plot.columns.profile.outlines == ()


def test_a_run_of_the_open_network_is_no_second_profile(qapp: Any) -> None:
    workspace = scenes.full()
    run = workspace.latest("feature_rank")
    assert run is not None
    workspace.compare_with(run.number)
    assert second_widths(workspace) == ("", {})
