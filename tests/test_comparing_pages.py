"""A second network on every page of Bundles and Configurations: its own values where they belong, and differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from analysis.events import Samples
from analysis.measures import oracles, selection
from analysis.measures.partitions import time_average
from app.configuring.agreement_page import AgreementPage
from app.configuring.cover_page import CoverPage
from app.configuring.matrix_page import MatrixPage, compared_kinds
from app.configuring.picture_page import PicturePage
from app.drawing.merge_flow import REST, columns_of
from app.reading import configuration_records
from app.reading.configuration_comparison import SecondConfigurations, second_by_hand, second_configurations
from app.reading.configurations import LOST, RIGHT, WON, WRONG, Look
from app.reading.configurations import Reading as ConfigurationReading
from app.reading.depth import Floats
from app.theme import Theme
from app.views.bundles import BundlesView
from app.views.configurations import ConfigurationsView
from app.workspace import Run, Workspace
from tests import configuration_scenes, scenes
from tests.comparing_scenes import NAME, OTHER, built, of_other, page, unlike
from tests.gestures import settle, theme
from tests.test_comparing_bundles import bundles, same_points

__all__ = ["theme"]


# -- bundles ---------------------------------------------------------------------------------------------------------


def entropy(run: Run) -> Floats:
    return np.asarray(run.result["entropy"], dtype=np.float64)


def maps_of(view: BundlesView) -> Any:
    return page(view, "training")


def test_maps_over_training_have_the_means_of_the_other_network_framed(theme: Theme, qtbot: QtBot) -> None:
    workspace, own, other = bundles(5)
    training = maps_of(built(BundlesView, workspace, theme, qtbot))
    reading = training.reading
    means = time_average(entropy(other))
    places = dict(same_points(own, other))
    for plot, line in zip(training.maps, reading.lines, strict=True):
        for row, point in enumerate(line.points.tolist()):
            if point in places:
                assert plot.strip.outline[row] == pytest.approx(means[places[point]])
    assert any(key.words.startswith(NAME) for key in training.legend.keys)
    workspace.compare_with(None)
    settle()
    assert all(not plot.strip.outline.size for plot in training.maps)
    assert not any(NAME in key.words for key in training.legend.keys)


def test_maps_over_training_show_differences_of_the_same_cells(theme: Theme, qtbot: QtBot) -> None:
    workspace, own, other = bundles(5)
    view = built(BundlesView, workspace, theme, qtbot)
    training = maps_of(view)
    plain = training.maps[0].cells.cells
    assert not plain.signed
    training.switch.setChecked(True)
    settle()
    cells, line, places = training.maps[0].cells.cells, training.reading.lines[0], dict(same_points(own, other))
    assert cells.signed
    compared = 0
    for row, point in enumerate(line.points.tolist()):
        if point in places:
            wanted = entropy(own)[:, point] - entropy(other)[:, places[point]]
            assert cells.values[row].tolist() == pytest.approx(wanted.tolist())
            compared += 1
    assert compared > 5
    assert np.nanmax(np.abs(cells.values)) <= cells.top
    training._hover(0, len(line.points) - 1, 0)
    point = int(line.points[-1])
    gain = float(entropy(own)[0, point] - entropy(other)[0, places[point]])
    assert f"({gain:+.3f})".replace("-", "−").replace("(+0.000)", "(±0.000)") in view.readout.text
    workspace.compare_with(None)
    settle()
    assert not training.maps[0].cells.cells.signed
    np.testing.assert_array_equal(training.maps[0].cells.cells.values, plain.values)
    assert not training.switch.isVisible()


def test_bundles_that_were_counted_otherwise_have_no_difference_and_say_why(theme: Theme, qtbot: QtBot) -> None:
    workspace, _, _ = bundles(count=50)
    view = built(BundlesView, workspace, theme, qtbot)
    training = maps_of(view)
    assert not training.switch.isVisible()
    assert "N = 60 here, 50 there" in view.badges.text


def test_a_network_without_a_run_of_bundles_says_so(theme: Theme, qtbot: QtBot) -> None:
    workspace, _, other = bundles()
    rank = scenes.play(workspace, of_other(scenes.rank_events(workspace.layers, model=OTHER)))
    workspace.compare_with(rank.number)
    workspace.remove_run(other.number)
    view = built(BundlesView, workspace, theme, qtbot)
    assert f"{NAME}: not compared, because it has no run of" in view.badges.text


def test_the_flow_has_the_bundles_of_the_other_network_beside_its_own(theme: Theme, qtbot: QtBot) -> None:
    workspace, own, other = bundles(5)
    view = built(BundlesView, workspace, theme, qtbot)
    flow = page(view, "flow")
    outlines, points = flow.plot.flow.outlines, flow.reading.lines[0].points.tolist()
    places = dict(same_points(own, other))
    there = [point for point in points if flow.other.points[point] >= 0]
    ids = tuple(other.result["bundle_ids"][-1, flow.other.points[point]] for point in there)
    wanted = columns_of(ids, other.result["label"].astype(np.int64), 10)
    assert sum(point in places for point in there) > 5
    for point, column in zip(there, wanted, strict=True):
        assert outlines[points.index(point)] == column.blocks
    assert any(key.words == f"{NAME}, its bundles" for key in flow.legend.keys)
    joined = next(i for i, blocks in enumerate(outlines) if any(block.bundle != REST for block in blocks))
    assert f"{NAME}: first at {flow.reading.point_words(points[joined])}" in flow.claim.text
    place, block = next(
        (i, block) for i, column in enumerate(flow.plot.flow.columns) for block in column.blocks if block.bundle != REST
    )
    flow._tell(place, block)
    together = flow.other.together(flow.look.checkpoint, points[place], (block.bundle,))[block.bundle]
    assert f"{NAME}{together} of them" in view.readout.text.replace(" ", "").replace("ofthem", " of them")
    workspace.compare_with(None)
    settle()
    assert flow.plot.flow.outlines == ()
    assert NAME not in flow.claim.text


# -- configurations --------------------------------------------------------------------------------------------------


def tried(count: int = 84, there: int = 84, points: int = 3) -> tuple[Workspace, Run, Run]:
    """Two networks that tried the same configurations; the second one gets some cells otherwise."""
    random = np.random.default_rng(5)

    def flipped(right: np.ndarray) -> np.ndarray:
        return np.where(random.random(right.shape) < 0.15, 1 - right, right)

    def moved(classes: np.ndarray) -> np.ndarray:
        return np.where(random.random(classes.shape) < 0.2, (classes + 1) % 10, classes)

    workspace = scenes.opened()
    workspace.set_images(scenes.IMAGES)
    events = configuration_scenes.configuration_events
    own = scenes.play(workspace, events(scenes.MODEL, scenes.IMAGES, count))
    changes = {"correct": flipped, "prediction": moved, "true_probability": lambda p: 0.8 * p}
    other = scenes.play(workspace, of_other(unlike(events(OTHER, scenes.IMAGES, there, points=points), changes)))
    workspace.compare_with(other.number)
    return workspace, own, other


def readings(own: Run, other: Run) -> tuple[ConfigurationReading, ConfigurationReading]:
    return ConfigurationReading(own.result), ConfigurationReading(other.result)


def test_the_matrix_tells_where_only_one_of_the_networks_is_right(theme: Theme, qtbot: QtBot) -> None:
    workspace, own, other = tried()
    view = built(ConfigurationsView, workspace, theme, qtbot)
    matrix = page(view, "matrix")
    assert isinstance(matrix, MatrixPage)
    plain = matrix.matrix.cells.cells
    assert plain is not None
    matrix.switch.setChecked(True)
    settle()
    ours, theirs = (reading.correct for reading in readings(own, other))
    wanted = np.select([ours & theirs, ours & ~theirs, ~ours & theirs], [RIGHT, WON, LOST], WRONG)
    reading = matrix.reading
    assert reading is not None
    assert matrix.matrix.cells.cells is not None
    np.testing.assert_array_equal(
        matrix.matrix.cells.cells.values, wanted[reading.order][:, reading.columns].astype(np.float64)
    )
    share = 100 * float((ours & ~theirs).mean())
    assert f"{share:.1f}" in matrix.claim.text
    matrix._hover(0, 0)
    assert NAME in view.readout.text
    workspace.compare_with(None)
    settle()
    np.testing.assert_array_equal(matrix.matrix.cells.cells.values, plain.values)
    assert NAME not in matrix.claim.text + " ".join(key.words for key in matrix.legend.keys)


def test_the_matrix_of_classes_is_subtracted_by_class(
    theme: Theme, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(configuration_records, "MOST_ROWS", 50)
    workspace, own, other = tried()
    matrix = page(built(ConfigurationsView, workspace, theme, qtbot), "matrix")
    assert matrix.reading.by_class
    matrix.switch.setChecked(True)
    settle()
    ours, theirs = (reading.shares_by_class() for reading in readings(own, other))
    cells = matrix.matrix.cells.cells
    assert cells.signed
    np.testing.assert_allclose(cells.values, (ours - theirs)[:, matrix.reading.columns])


def test_pictures_that_only_one_network_has_seen_are_left_blank(qapp: Any) -> None:
    _, own, other = tried(84, 60)
    second = SecondConfigurations(NAME, *reversed(readings(own, other)))
    kinds = compared_kinds(second)
    assert np.isfinite(kinds[:60]).all()
    assert np.isnan(kinds[60:]).all()


def test_pictures_of_another_source_do_not_correspond(theme: Theme, qtbot: QtBot) -> None:
    workspace, own, other = tried()
    assert other.result.prepared is not None
    object.__setattr__(other.result.prepared, "samples", Samples(84, 999, "s", "pictures"))
    found = second_configurations(workspace, ConfigurationReading(own.result))
    assert found is not None
    assert found.why_no_pictures == "the pictures have changed since"
    assert (found.rows == -1).all()
    view = built(ConfigurationsView, workspace, theme, qtbot)
    matrix = page(view, "matrix")
    assert not matrix.switch.isVisible()
    assert view.badges.text.endswith(f"{NAME}: not compared, because the pictures have changed since")


def test_one_picture_has_the_other_curve_behind_its_own(theme: Theme, qtbot: QtBot) -> None:
    workspace, own, other = tried()
    view = built(ConfigurationsView, workspace, theme, qtbot)
    picture = page(view, "picture")
    assert isinstance(picture, PicturePage)
    ours, theirs = (reading.table("true_probability") for reading in readings(own, other))
    outline, curve = picture.curve.item.curves
    order = np.argsort(-ours.mean(axis=0), kind="stable")
    assert outline.hue == "outline"
    np.testing.assert_allclose(outline.y, theirs.mean(axis=0)[order])
    workspace.select_sample(9)
    settle()
    outline, curve = picture.curve.item.curves
    order = np.argsort(-ours[3], kind="stable")
    np.testing.assert_allclose(outline.y, theirs[3][order])
    np.testing.assert_allclose(curve.y, ours[3][order])
    picture._tell(5)
    assert f"({100 * (ours[3, 5] - theirs[3, 5]):+.1f})" in view.readout.text
    workspace.compare_with(None)
    settle()
    assert len(picture.curve.item.curves) == 1


def test_rules_have_those_of_the_other_network_framed(theme: Theme, qtbot: QtBot) -> None:
    workspace, own, other = tried()
    rules = page(built(ConfigurationsView, workspace, theme, qtbot), "rules")
    ours, theirs = ({rule.name: rule.accuracy for rule in reading.policies} for reading in readings(own, other))
    assert len(rules.plot.rows) == len(ours)
    for row, name in zip(rules.plot.rows, ours, strict=True):
        assert row.bars[0].outline == pytest.approx(theirs[name])
    workspace.compare_with(None)
    settle()
    assert all(np.isnan(row.bars[0].outline) for row in rules.plot.rows)


def test_small_sets_have_the_other_staircase_and_what_the_same_set_adds(theme: Theme, qtbot: QtBot) -> None:
    workspace, own, other = tried()
    cover = page(built(ConfigurationsView, workspace, theme, qtbot), "cover")
    assert isinstance(cover, CoverPage)
    ours, theirs = readings(own, other)
    outline = cover.stairs.item.curves[0]
    assert outline.y.tolist() == pytest.approx(list(theirs.cover.reported[: len(outline.y)]))
    chosen, half = list(ours.cover.chosen), theirs.halves[0]
    reached = [oracles.any_correct(theirs.correct[half][:, chosen[:count]]) for count in range(1, len(chosen) + 1)]
    added = np.diff(reached, prepend=0.0)
    assert [row.bars[0].outline for row in cover.chosen.rows] == pytest.approx(added.tolist())
    subsets = {one.letters: one.oracle for one in theirs.subsets}
    for row in cover.lattice.rows:
        assert row.bars[0].outline == pytest.approx(subsets[row.name.partition(" ")[0]])
    workspace.compare_with(None)
    settle()
    assert all(curve.hue != "outline" for curve in cover.stairs.item.curves)


def test_groups_of_the_same_pictures_are_framed(theme: Theme, qtbot: QtBot) -> None:
    workspace, own, other = tried()
    groups = page(built(ConfigurationsView, workspace, theme, qtbot), "groups")
    kind = groups.kinds.currentText()
    theirs = readings(own, other)[1].groups(kind)
    assert len(groups.plot.rows) == len(theirs)
    for row, group in zip(groups.plot.rows, theirs, strict=True):
        assert [bar.outline for bar in row.bars] == pytest.approx([group.plain, group.fixed, group.oracle])
    workspace.compare_with(None)
    settle()
    assert all(np.isnan(bar.outline) for row in groups.plot.rows for bar in row.bars)


def test_groups_of_other_pictures_say_why_they_are_not(theme: Theme, qtbot: QtBot) -> None:
    workspace, _, _ = tried(84, 60)
    view = built(ConfigurationsView, workspace, theme, qtbot)
    groups = page(view, "groups")
    assert all(np.isnan(bar.outline) for row in groups.plot.rows for bar in row.bars)
    assert "its pictures fall into other groups" in view.badges.text


def test_agreement_is_subtracted_pair_by_pair(theme: Theme, qtbot: QtBot) -> None:
    workspace, own, other = tried()
    view = built(ConfigurationsView, workspace, theme, qtbot)
    alike = page(view, "agreement")
    assert isinstance(alike, AgreementPage)
    alike.switch.setChecked(True)
    settle()
    ours, theirs = (selection.agreement(reading.prediction) for reading in readings(own, other))
    cells = alike.matrix.cells.cells
    assert cells is not None
    np.testing.assert_allclose(cells.values, (ours - theirs)[np.ix_(alike._order, alike._order)], atol=1e-12)
    one, two = int(alike._order[0]), int(alike._order[4])
    alike._hover(0, 4)
    assert f"({100 * (ours[one, two] - theirs[one, two]):+.1f})".replace("-", "−") in view.readout.text
    workspace.compare_with(None)
    settle()
    assert alike.matrix.cells.cells is not None
    assert not alike.matrix.cells.cells.signed


def test_agreement_with_other_configurations_keeps_the_pairs_in_common(theme: Theme, qtbot: QtBot) -> None:
    workspace, own, other = tried(points=2)
    view = built(ConfigurationsView, workspace, theme, qtbot)
    alike = page(view, "agreement")
    ours, theirs = readings(own, other)
    common = set(ours.names) & set(theirs.names)
    assert int(np.isfinite(alike._theirs[1]).sum()) == len(common) ** 2


def test_why_says_what_the_other_network_answers(theme: Theme, qtbot: QtBot) -> None:
    workspace, _, other = tried()
    view = built(ConfigurationsView, workspace, theme, qtbot)
    workspace.select_sample(9)
    why = page(view, "why")
    theirs = ConfigurationReading(other.result)
    best = int(np.argmin(theirs.table("loss")[3]))
    answer = theirs.class_name(int(theirs.prediction[3, best]))
    assert why.about.text.startswith(f"{NAME}: ")
    assert f"best {theirs.names[best]}: {answer}" in why.about.text
    workspace.compare_with(None)
    settle()
    assert NAME not in why.about.text


def test_what_was_built_by_hand_has_a_column_of_the_other_network(theme: Theme, qtbot: QtBot) -> None:
    workspace, _, other = tried()
    text = "layer1.0.conv1:dil2"
    own = scenes.play(workspace, configuration_scenes.hand_events(scenes.MODEL, scenes.IMAGES, text))
    hand = configuration_scenes.hand_events(OTHER, scenes.IMAGES, text)
    theirs = scenes.play(workspace, of_other(unlike(hand, {"correct": lambda right: 1 - right})))
    workspace.compare_with(other.number)
    accuracies = [float(ConfigurationReading(run.result).accuracy[-1]) for run in (own, theirs)]
    assert second_by_hand(workspace)[text] == pytest.approx(accuracies[1])
    view = built(ConfigurationsView, workspace, theme, qtbot)
    table = page(view, "build").tried
    assert not table.isColumnHidden(6)
    assert table.horizontalHeaderItem(6).text() == NAME
    gain = 100 * (accuracies[0] - accuracies[1])
    assert table.item(0, 6).text().endswith(f"({gain:+.1f})".replace("-", "−"))
    # A run by hand is not taken for the family that the other pages compare.
    assert view.other is not None
    assert view.other.reading.result is other.result
    workspace.compare_with(None)
    settle()
    assert table.isColumnHidden(6)


def test_rows_of_a_second_run_are_found_by_picture(qapp: Any) -> None:
    _, own, other = tried(84, 60)
    second = SecondConfigurations(NAME, *reversed(readings(own, other)))
    assert second.rows.tolist() == [*range(60), *[-1] * 24]
    look = Look(0, 70)
    assert second.rows[look.row] == -1
