"""Groups and their scale, the rank curve, small sets, and words that stay true where configuration 0 is another net."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from analysis.events import Chunk, Declared, Event, Finished, Outcome, Output, Prepared
from analysis.measures import oracles, scales, selection
from analysis.measures.findings import TOO_FEW, grouped
from analysis.methods import dynamic_configurations, train_shared
from analysis.request import Request
from analysis.result import Result
from app.configuring.choices_page import ChoicesPage
from app.configuring.cost_page import claim as cost_claim
from app.configuring.cost_page import shade_of, total_dilation
from app.configuring.cover_page import CoverPage
from app.configuring.matrix_page import MatrixPage
from app.configuring.rules_page import RulesPage
from app.configuring.rules_page import claim as rules_claim
from app.reading.chance import gain_by, pools_of
from app.reading.configurations import Reading, scatter
from app.theme import Theme
from app.views.sharing import SharingView
from app.workspace import Workspace
from tests import configuration_scenes, scenes, sharing_scenes
from tests.configuration_views import reading_of, view_of
from tests.gestures import settle, show, theme

__all__ = ["theme"]


def many(count: int = 240, **how: object) -> Workspace:
    workspace = scenes.opened()
    events = configuration_scenes.configuration_events(scenes.MODEL, scenes.IMAGES, count, **how)  # type: ignore[arg-type]
    scenes.play(workspace, events)
    return workspace


# -- groups and their scale ------------------------------------------------------------------------------------------


def test_every_grouping_is_there_and_says_why_it_is_not_measured(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(many(), theme, qtbot, "groups")
    page = view.groups
    listed = [page.kinds.itemText(row) for row in range(page.kinds.count())]
    assert listed == ["size", "brightness", "contrast", "zoom", "class"]
    for kind, note in (("size", "same size"), ("zoom", "Measure with zooms")):
        page.kinds.setCurrentText(kind)
        page._again()
        assert page.plot.note.startswith("Not measured")
        assert note in page.plot.note
        assert not page.scale.isVisible()


def test_groups_by_class_are_named_and_called_no_rule(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(many(), theme, qtbot, "groups")
    page = view.groups
    page.kinds.setCurrentText("class")
    page._again()
    assert [row.name for row in page.plot.rows] == list(configuration_scenes.CLASSES)
    assert "no rule that could be used" in page.control.text
    assert not page.scale.isVisible(), "classes have no order"


def test_the_scale_of_groups_is_that_of_their_choices(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(many(), theme, qtbot, "groups")
    page, reading = view.groups, reading_of(view)
    page.kinds.setCurrentText("contrast")
    page._again()
    assert [page.scales.itemText(row) for row in range(2)] == ["mean log₂ of the dilations", "receptive field"]
    dilations = 1 + reading.options
    per = np.log2(dilations).mean(axis=1)
    best = per[oracles.loss_order(reading.table("loss"))[:, 0]]
    groups = reading.groups("contrast")
    np.testing.assert_allclose(page.scale.means[0], [best[group.rows].mean() for group in groups])
    value, low, high = page.scale.correlations[0]
    assert value == pytest.approx(selection.rank_correlation(reading.values("contrast"), best))
    assert low <= value <= high
    assert f"least loss {value:.2f}".replace("-", "−") in page.scale.title
    page.scales.setCurrentIndex(1)
    page._again()
    assert page.scale.item.curves[0].y.max() > 99
    word = page.scale.x_axis.text
    assert word is not None
    assert [word(0.5), word(1)] == ["", groups[1].words]


def half_known_pool() -> Iterator[Event]:
    """Jittered copies right where the place of a picture is even; the first four pictures are measured."""
    yield from configuration_scenes.pool_events(scenes.MODEL, scenes.IMAGES)


def test_jittered_weights_are_a_control_for_a_column_of_the_user() -> None:
    """The pool says which copies are right on which pictures, so any column of the source can group them."""
    random = np.random.RandomState(0)
    right = (random.random((3, 120, 4)) < 0.6).astype(np.uint8)
    indices = np.sort(random.permutation(500)[:120])
    result = Result()
    for event in configuration_scenes.pool_events(scenes.MODEL, scenes.IMAGES):
        if isinstance(event, Prepared):
            event = replace(event, indices=indices)
        if isinstance(event, Declared):
            event = replace(
                event, outputs=(*event.outputs, Output("correct", ("pool", "sample", "copy"), right.shape, "uint8"))
            )
        result.apply(event)
    result.apply(Chunk("correct", (), right))
    pools = pools_of(result)
    column = random.random(500)
    found = gain_by(pools, column, 0)
    assert found is not None
    assert math.isnan(found.pool[0])
    assert found.why_not == TOO_FEW, "fifths of 120 pictures are too small"
    column = np.arange(500) % 2 * 1.0
    found = gain_by(pools, column, 0)
    assert found is not None
    assert found.pool == grouped(right[2] == 1, column[indices], 0)[0]
    assert found.same == grouped(right[0] == 1, column[indices], 0)[0]
    assert found.pictures == 120
    assert gain_by(pools[:1], column, 0) is None
    assert gain_by(pools_of(Result.of(half_known_pool())), column, 0) is None


# -- rank curve, small sets, cost ------------------------------------------------------------------------------------


def test_the_rank_curve_stands_below_the_choices(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(many(60), theme, qtbot, "choices")
    page, reading = view.pages["choices"], reading_of(view)
    assert isinstance(page, ChoicesPage)
    found = oracles.by_loss(reading.correct, reading.table("loss"))
    spots = [float(spot.y[0]) for spot in page.ranks.item.spots]
    assert spots == [found.best_accuracy, found.median_accuracy, found.worst_accuracy]
    assert f"best {found.best_loss:.3g}"[:8] in page.ranks.title
    told: list[tuple[str, object]] = []
    page.told.connect(lambda heading, entries: told.append((heading, entries)))
    page.ranks._tell((1.2, 0.5))
    page.ranks._tell((999.0, 0.5))
    assert [heading for heading, _ in told] == ["1 of 27 by loss", ""]


def test_without_labels_there_is_no_rank_curve(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(many(60, labelled=False), theme, qtbot, "choices")
    page = view.pages["choices"]
    assert isinstance(page, ChoicesPage)
    assert not page.ranks.isVisible()
    view.show_page("groups")
    settle()
    assert not view.groups.scale.isVisible()


def test_one_configuration_alone_has_no_curves(theme: Theme, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configuration_scenes, "options", lambda points=3: np.zeros((1, points), dtype=np.int32))
    view = view_of(many(61), theme, qtbot)
    assert "nothing grows" in view.oracle.growth.note
    assert not view.oracle.growth.item.curves
    for name in ("choices", "groups", "rules", "cover", "cost", "matrix"):
        view.show_page(name)
        settle()
    choices = view.pages["choices"]
    assert isinstance(choices, ChoicesPage)
    assert not choices.ranks.isVisible()
    assert not view.groups.scale.isVisible()
    assert all(np.isnan(rule.gap_closed) for rule in reading_of(view).policies)


def test_a_cover_may_begin_with_nothing(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(many(), theme, qtbot, "cover")
    page, reading = view.pages["cover"], reading_of(view)
    assert isinstance(page, CoverPage)
    assert reading.cover.chosen[0] == 0
    page.from_own.click()
    select, _ = reading.halves
    most = reading.correct[select].sum(axis=0)
    assert most[reading.cover.chosen[0]] == most.max()
    assert page.chosen.rows[0].name == reading.names[reading.cover.chosen[0]]
    page.from_own.click()
    assert page.chosen.rows[0].name == reading.names[0]


def test_dots_of_dilations_are_shaded_by_their_total() -> None:
    events = configuration_scenes.configuration_events(scenes.MODEL, scenes.IMAGES, 60)
    reading = Reading(Result.of(events))
    assert total_dilation(reading).tolist() == (3 + reading.options.sum(axis=1)).tolist()
    shade, words, ends = shade_of(reading)
    assert (words, ends) == ("total dilation", ("3", "9"))
    assert (shade[0], shade[-1]) == (0.0, 1.0)


def test_differences_within_the_scatter_are_not_highlighted() -> None:
    assert scatter(0.9, 100) == pytest.approx(0.06)
    plain = selection.Policy("network as it is", 0.9, 0.0, 1.0)
    for gain, words in ((-0.01, "No rule is better"), (0.03, "No rule is clearly better"), (0.08, "Best rule")):
        better = selection.Policy("most confident", 0.9 + gain, 0.1, 1.0)
        assert rules_claim((plain, better), (), "plain network", 100).startswith(words)
    events = configuration_scenes.configuration_events(scenes.MODEL, scenes.IMAGES, 60)
    reading = Reading(Result.of(events))
    front = selection.pareto_front(reading.macs, reading.accuracy).tolist()
    assert "scatter of" in cost_claim(reading, front)


# -- words where configuration 0 is another network ------------------------------------------------------------------


def test_words_are_exact_where_configuration_0_is_another_network(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(many(60, own=False), theme, qtbot, "matrix")
    page = view.pages["matrix"]
    assert isinstance(page, MatrixPage)
    words = " · ".join(key.words for key in page.legend.keys)
    assert "wrong where the network of configuration 0 is right" in words
    assert "plain" not in words
    assert "as it is" not in words
    assert "plain" not in page.matrix.columns.title
    view.show_page("rules")
    settle()
    rules = view.pages["rules"]
    assert isinstance(rules, RulesPage)
    assert rules.plot.rows[0].name == "network of configuration 0"
    assert "plain" not in rules.claim.text
    for name in ("cost", "agreement", "groups"):
        view.show_page(name)
        settle()
        page_words = " · ".join([view.pages[name].claim.text, *(key.words for key in view.pages[name].legend.keys)])
        assert "plain network" not in page_words, name
        assert "network as it is" not in page_words, name


# -- going on from the tabs ------------------------------------------------------------------------------------------


def test_a_cancelled_sweep_goes_on_from_its_tab(theme: Theme, qtbot: QtBot, tmp_path: Path) -> None:
    workspace = scenes.opened()
    workspace.set_methods((dynamic_configurations.INFO,))
    (tmp_path / "run.json").write_text("{}", encoding="utf-8")
    events = configuration_scenes.configuration_events(scenes.MODEL, scenes.IMAGES, 60, finished=24)
    run = scenes.play(workspace, (*events, Finished(Outcome.CANCELLED)).__iter__(), folder=str(tmp_path))
    view, wanted = view_of(workspace, theme, qtbot), list[Request]()
    workspace.run_wanted.connect(wanted.append)
    assert view.go_on.said.text == "Cancelled: 24 of 60 pictures are on disk"
    view.go_on.button.click()
    assert wanted == [replace(run.request, resume=str(tmp_path))]
    (tmp_path / "run.json").unlink()
    workspace.announce(run.number)
    settle()
    assert not view.go_on.button.isVisible()
    assert "is gone" in view.go_on.said.text


def test_a_cancelled_training_goes_on_from_its_tab(theme: Theme, qtbot: QtBot, tmp_path: Path) -> None:
    workspace = scenes.opened()
    workspace.set_methods((train_shared.INFO,))
    (tmp_path / "run.json").write_text("{}", encoding="utf-8")
    events = sharing_scenes.trained_events(scenes.MODEL, scenes.IMAGES, 3)
    run = scenes.play(workspace, (*events, Finished(Outcome.CANCELLED)).__iter__(), folder=str(tmp_path))
    view, wanted = SharingView(workspace, theme), list[Request]()
    qtbot.addWidget(view)
    show(view, 777, 640)
    view.show_page("training")
    settle()
    workspace.run_wanted.connect(wanted.append)
    assert view.go_on.said.text.endswith("epochs are on disk")
    view.go_on.button.click()
    assert wanted == [replace(run.request, resume=str(tmp_path))]
    view.show_page("freedom")
    settle()
    assert not view.go_on.isVisible()


def test_scales_are_read_once_for_a_run() -> None:
    events = configuration_scenes.configuration_events(scenes.MODEL, scenes.IMAGES, 60)
    reading = Reading(Result.of(events))
    assert isinstance(reading.scales[0], scales.Scale)
    assert reading.scales is reading.scales
