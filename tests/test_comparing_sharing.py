"""A second network on the pages of Sharing: ring, likeness, training, and what the same wish makes of it."""

from __future__ import annotations

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from analysis.measures.rings import Bank
from app.reading.sharing import Projected, Trained, Wish, free, planned
from app.sharing.share_page import SharePage
from app.sharing.training_page import TrainingPage
from app.theme import Theme
from app.views.sharing import SharingView
from app.workspace import Run, Workspace
from tests import scenes, sharing_scenes
from tests.comparing_scenes import NAME, OTHER, built, of_other, page, unlike
from tests.gestures import settle, theme

__all__ = ["theme"]


def shared(whitened: bool = True) -> tuple[Workspace, Run, Run]:
    """Two projections and two trainings; the second ones differ by factors."""
    workspace = scenes.opened()
    workspace.set_images(scenes.IMAGES)
    layers, images = workspace.layers, scenes.IMAGES
    own = scenes.play(workspace, sharing_scenes.projected_events(layers, scenes.MODEL, images))
    scenes.play(workspace, sharing_scenes.trained_events(scenes.MODEL, images))
    changes = {name: lambda values: 0.75 * values for name in ("usage", "correlation_before", "overlap")}
    changes |= {"held_accuracy": lambda values: 0.9 * values, "held_loss": lambda values: 1.25 * values}
    projected = sharing_scenes.projected_events(layers, OTHER, images, whitened)
    other = scenes.play(workspace, of_other(unlike(projected, changes)))
    scenes.play(workspace, of_other(unlike(sharing_scenes.trained_events(OTHER, images), changes)))
    workspace.compare_with(other.number)
    return workspace, own, other


def test_the_ring_has_the_uses_of_the_other_one_behind_its_own(theme: Theme, qtbot: QtBot) -> None:
    workspace, own, other = shared()
    view = built(SharingView, workspace, theme, qtbot)
    ring = page(view, "ring")
    ours, theirs = Projected(own.result), Projected(other.result)
    outline, curve = ring.sums.item.curves
    assert outline.hue == "outline"
    np.testing.assert_allclose(outline.y, theirs.column_sum())
    np.testing.assert_allclose(curve.y, ours.column_sum())
    frames, counts = ring.reuse.item.bars.frames, theirs.reuse()[0]
    np.testing.assert_allclose(np.nan_to_num(frames), counts)
    assert any(key.words == NAME for key in ring.legend.keys)
    ring._point_at(2, 7)
    mine = float(ours.table("usage")[2, 7])
    assert f"({0.25 * mine:+.2f})" in view.readout.text
    workspace.compare_with(None)
    settle()
    assert len(ring.sums.item.curves) == 1
    assert not ring.reuse.item.bars.frames.size


def test_the_map_of_the_ring_and_likeness_show_differences(theme: Theme, qtbot: QtBot) -> None:
    workspace, own, _ = shared()
    view = built(SharingView, workspace, theme, qtbot)
    table = Projected(own.result).table
    ring = page(view, "ring")
    ring.switch.setChecked(True)
    settle()
    np.testing.assert_allclose(ring.map.item.cells.values, 0.25 * table("usage"))
    likeness = page(view, "likeness")
    likeness.switch.setChecked(True)
    settle()
    np.testing.assert_allclose(likeness.before.item.cells.values, 0.25 * table("correlation_before"))
    after = likeness.after.item.cells.values
    assert np.all(after[np.isfinite(after)] == 0)
    likeness._point_at("correlation_before", 1, 3)
    assert f"({0.25 * table('correlation_before')[1, 3]:+.2f})" in view.readout.text
    view.likenesses.set_value("overlap")
    view._look(likeness="overlap")
    settle()
    np.testing.assert_allclose(likeness.overlap.item.cells.values, 0.25 * table("overlap"))
    workspace.compare_with(None)
    settle()
    assert not likeness.switch.isVisible()
    assert not likeness.overlap.item.cells.signed


def test_layers_that_correspond_are_subtracted_wherever_they_stand(theme: Theme, qtbot: QtBot) -> None:
    workspace, own, _ = shared()
    rows = scenes.network(5)
    other = scenes.play(workspace, of_other(sharing_scenes.projected_events(rows, OTHER, scenes.IMAGES)))
    workspace.compare_with(other.number)
    likeness = page(built(SharingView, workspace, theme, qtbot), "likeness")
    likeness.switch.setChecked(True)
    settle()
    ours, theirs = Projected(own.result), Projected(other.result)
    places = {layer.name: place for place, layer in enumerate(theirs.layers)}
    values = likeness.before.item.cells.values
    names = [layer.name for layer in ours.layers]
    common = [name for name in names if name in places]
    assert len(common) > 5
    for one in common:
        for two in common:
            if one != two:
                a, b = names.index(one), names.index(two)
                gain = ours.table("correlation_before")[a, b]
                gain -= theirs.table("correlation_before")[places[one], places[two]]
                assert values[a, b] == pytest.approx(gain)


def test_training_has_the_same_network_of_the_other_run_behind_it(theme: Theme, qtbot: QtBot) -> None:
    workspace, _, _ = shared()
    view = built(SharingView, workspace, theme, qtbot)
    training = page(view, "training")
    assert isinstance(training, TrainingPage)
    trained = training.trained
    assert trained is not None
    front, held = training.front, trained.table("held_accuracy")
    outline = next(curve for curve in training.accuracy.item.curves if curve.hue == "outline")
    np.testing.assert_allclose(outline.y, 90 * held[front])
    loss = next(curve for curve in training.loss.item.curves if curve.hue == "outline")
    np.testing.assert_allclose(loss.y, 1.25 * trained.table("held_loss")[front])
    gap = next(curve for curve in training.gap.item.curves if curve.hue == "outline")
    assert training.second is not None
    assert training.second.trained is not None
    full = next(one for one in training.second.trained.gap_curves() if one.kind == "full")
    np.testing.assert_allclose(gap.y, 100 * full.mean)
    training._point_at((4.0, 50.0))
    assert f"({10 * held[front, 3]:+.1f})" in view.readout.text
    workspace.compare_with(None)
    settle()
    plots = (training.accuracy, training.loss, training.gap)
    assert all(curve.hue != "outline" for plot in plots for curve in plot.item.curves)


def test_a_network_that_was_not_trained_there_is_not_taken_for_another(theme: Theme, qtbot: QtBot) -> None:
    workspace, _, _ = shared()
    view = built(SharingView, workspace, theme, qtbot)
    training = page(view, "training")
    theirs: Trained = training.second.trained
    assert training.second.network(training.trained, 3) == 3
    theirs.runs = tuple(f"another {name}" for name in theirs.runs)
    number = training.second.network(training.trained, 3)
    assert theirs.kind_of(number) == training.trained.kind_of(3)
    assert theirs.table("ratio")[number] == training.trained.table("ratio")[3]
    theirs.result["ratio"][:] = 0.123
    assert training.second.network(training.trained, 3) == -1


def test_a_projection_made_otherwise_says_so(theme: Theme, qtbot: QtBot) -> None:
    workspace, _, _ = shared(whitened=False)
    view = built(SharingView, workspace, theme, qtbot)
    ring = page(view, "ring")
    assert len(ring.sums.item.curves) == 1
    assert f"{NAME}: not compared, because its projection was made in another way" in view.badges.text


def freedom(rows: tuple[Bank, ...], parameters: float) -> str:
    return f"{free(rows, parameters).shared:,}"


def test_the_same_wish_is_counted_for_the_other_network(theme: Theme, qtbot: QtBot) -> None:
    workspace, _, other = shared()
    rows = scenes.network(5)
    scenes.play(workspace, of_other(scenes.structure_events(rows, OTHER)))
    view = built(SharingView, workspace, theme, qtbot)
    share = page_of_share(view)
    parameters = sum(layer.parameters for layer in rows)
    assert share.second_name.text() == NAME
    assert share.seconds["shared"].text() == freedom(planned(Wish(), rows), parameters)
    assert share.cells["shared"].text() != share.seconds["shared"].text()
    share.ratio.setValue(0.5)
    settle()
    assert share.seconds["shared"].text() == freedom(planned(Wish(0.5), rows), parameters)
    workspace.compare_with(None)
    settle()
    assert not share.second_name.isVisible()
    assert share.seconds["shared"].text() == ""
    workspace.compare_with(other.number)
    settle()
    assert share.second_name.text() == NAME


def page_of_share(view: SharingView) -> SharePage:
    view.show_page("share")
    settle()
    return view.share
