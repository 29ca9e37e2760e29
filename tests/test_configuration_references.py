"""What stands beside a sweep, and what is said of one whose configuration 0 is not the network as it is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from analysis.edits import Edits
from analysis.events import Chunk, Declared, Event, Finished, Outcome, Output, Prepared, Samples, Started
from analysis.measures.findings import TOO_FEW
from analysis.methods import chance_pools
from analysis.request import Request
from analysis.result import Result
from app.configuring.chosen_bar import strip_words
from app.configuring.cover_page import CoverPage
from app.configuring.groups_page import claim
from app.configuring.oracle_page import rows_of
from app.drawing.answer_card import Step
from app.reading.chance import CHOOSER, POOLS, Gain, Pool, fits, jitter_gain, pools_of, request_beside, why_none
from app.reading.configurations import Reading
from app.theme import Theme
from app.workspace import Run
from tests import configuration_scenes, scenes
from tests.configuration_views import opened, view_of
from tests.gestures import settle, theme
from tests.test_configurations_view import oracle_page

__all__ = ["theme"]

COUNT = 60


def result_of(**how: Any) -> Result:
    return Result.of(configuration_scenes.configuration_events(scenes.MODEL, scenes.IMAGES, COUNT, **how))


def run_of(result: Result, number: int = 1) -> Run:
    assert result.request is not None
    run = Run(number, result.request)
    run.result = result
    return run


def pool_run(**asked: Any) -> Run:
    return run_of(Result.of(configuration_scenes.pool_events(scenes.MODEL, scenes.IMAGES, **asked)), 2)


@pytest.mark.parametrize(
    "asked",
    [
        {"params": (("zooms", "0.5,1"),)},
        {"params": (("extra", "layer1.0.conv1:dil2"),)},
        {"params": (("policy", "resize"),)},
        {"edits": Edits(geometry=(("layer1.0.conv1", "dil2"),))},
        {"limit": 40},
        {"seed": 1},
    ],
    ids=["zooms", "extra", "policy", "edits", "limit", "seed"],
)
def test_pools_stand_only_beside_a_sweep_that_asks_the_same(asked: dict[str, Any]) -> None:
    assert fits(pool_run(), run_of(result_of()))
    assert not fits(pool_run(), run_of(result_of(**asked)))


def test_pools_of_another_network_do_not_fit() -> None:
    other = replace(scenes.MODEL, weights=("other.pt",))
    pools = run_of(Result.of(configuration_scenes.pool_events(other, scenes.IMAGES)), 2)
    assert not fits(pools, run_of(result_of()))


def test_a_parameter_at_its_default_is_as_one_left_out() -> None:
    told = {"params": (("family", "dilation3"), ("recalibrate", 0), ("zooms", "1"))}
    assert fits(pool_run(), run_of(result_of(**told)))


def test_what_the_page_asks_for_fits(theme: Theme, qtbot: QtBot) -> None:
    """The button asks for pools that may stand beside; once they are there it is gone."""
    asked = {"params": (("upsample_gain", "area"),), "limit": 50, "seed": 7}
    workspace = opened(**asked)
    view = view_of(workspace, theme, qtbot)
    page, wanted = oracle_page(view), list[Request]()
    workspace.run_wanted.connect(wanted.append)
    assert page.offer.isVisible()
    page.offer.button.click()
    request = wanted[0]
    assert request.method == POOLS
    workspace.add_run(Run(80, request))
    workspace.announce(80)
    settle()
    assert not page.offer.isVisible()  # it is under way
    sought = {"params": request.params, "limit": request.limit, "seed": request.seed}
    scenes.play(workspace, configuration_scenes.pool_events(scenes.MODEL, scenes.IMAGES, **sought))
    settle()
    assert len(page.pools) == 2
    assert not page.offer.isVisible()
    view.show_page("rules")
    settle()
    view.rules.offer.button.click()
    assert wanted[1].method == CHOOSER


def test_a_zoomed_sweep_has_pools_of_its_own_and_says_that_it_has_no_chooser(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened(params=(("column", "a.csv"), ("zooms", "0.5,1")))
    scenes.play(workspace, configuration_scenes.pool_events(scenes.MODEL, scenes.IMAGES))
    view = view_of(workspace, theme, qtbot)
    page, wanted = oracle_page(view), list[Request]()
    workspace.run_wanted.connect(wanted.append)
    assert not page.pools, "those are of pictures that are not zoomed"
    page.offer.button.click()
    assert dict(wanted[0].params) == {"column": "a.csv", "zooms": "0.5,1"}
    view.show_page("rules")
    settle()
    assert view.rules.offer.why.isVisible()
    assert not view.rules.offer.button.isVisible()
    assert "zoomed pictures" in view.rules.offer.why.text
    view.measure_beside(CHOOSER)
    assert len(wanted) == 1


def test_pools_that_ended_early_go_on(theme: Theme, qtbot: QtBot, tmp_path: Path) -> None:
    """Pools of which some pictures are finished are continued by the same button that would measure them."""
    workspace = opened()
    workspace.set_methods((chance_pools.INFO,))
    (tmp_path / "run.json").write_text("{}", encoding="utf-8")
    run = scenes.play(workspace, half_pools(), folder=str(tmp_path))
    view = view_of(workspace, theme, qtbot)
    page, wanted = oracle_page(view), list[Request]()
    workspace.run_wanted.connect(wanted.append)
    assert page.offer.button.text() == "Go on"
    assert page.offer.why.text == "12 of 40 pictures are on disk"
    page.offer.button.click()
    assert wanted == [replace(run.request, resume=str(tmp_path))]


def half_pools() -> Iterator[Event]:
    """Pools that were cancelled after twelve of forty pictures."""
    yield Started(Request(POOLS, scenes.MODEL, scenes.IMAGES))
    yield Prepared("8" * 64, "cifar_resnet20", "weights", samples=Samples(40, 1000, "s", "pictures"))
    yield Declared((Output("measured", ("sample",), (40,), "uint8"), Output("growth", ("pool", "size"), (3, 4))))
    yield Chunk("measured", (0,), np.ones(12))
    yield Finished(Outcome.CANCELLED)


def test_further_configurations_have_a_chooser_but_no_pools() -> None:
    run = run_of(result_of(params=(("extra", "layer1.0.conv1:dil2"),)))
    assert why_none(run, POOLS)
    assert not why_none(run, CHOOSER)
    kept = request_beside(opened(), CHOOSER, run)
    assert kept.params == run.request.params


def test_jittered_weights_are_a_second_control(theme: Theme, qtbot: QtBot) -> None:
    pools = pools_of(pool_run().result)
    known = jitter_gain(pools, "brightness")
    assert known is not None
    assert known.pool == (0.012, 0.013, 0.014)
    assert known.same == (0.0, 0.001, 0.002)
    assert known.guesses == 16
    assert known.pictures == 40
    assert jitter_gain(pools, "zoom") is None
    gain, shuffled = (0.05, 0.03, 0.07), (-0.01, -0.02, 0.0)
    beside = Gain((0.01, 0.0, 0.02), (0.04, 0.02, 0.06), 16, 200)
    told = claim("contrast", gain, shuffled, beside)
    assert "chance" not in told
    # Both numbers are of as many guesses on the same pictures, which the gain of the whole run is not.
    assert "jittered weights 1.0" in told
    assert "16 configurations on the same 200 pictures 4.0" in told
    told = claim("contrast", gain, shuffled, replace(beside, pool=(0.03, 0.0, 0.05)))
    assert told.endswith("no gain that chance does not give")
    told = claim("contrast", gain, shuffled, Gain((math.nan,) * 3, (math.nan,) * 3, 16, 20, TOO_FEW))
    assert f"jittered weights {TOO_FEW}" in told
    assert claim("contrast", (math.nan,) * 3, (math.nan,) * 3, None, TOO_FEW).endswith("no group has 40 pictures")
    workspace = opened()
    scenes.play(workspace, configuration_scenes.pool_events(scenes.MODEL, scenes.IMAGES))
    view = view_of(workspace, theme, qtbot, "groups")
    assert view.groups.pools == view.oracle.pools
    shown = jitter_gain(view.groups.pools, "contrast")
    assert shown is not None
    assert shown.pool == (0.015, 0.016, 0.017)


@pytest.mark.parametrize(
    ("params", "family", "why"),
    [
        ((("policy", "resize"),), "stride", "shortcuts"),
        ((("upsample_gain", "area"),), "stride", "gain"),
        ((("recalibrate", 8),), "dil", "statistics"),
        ((("zooms", "0.5,1"),), "dil", "zoomed"),
        ((("policy", "resize"),), "dil", ""),
        ((), "stride", ""),
    ],
)
def test_what_an_edit_cannot_make_is_not_explained(
    params: tuple[tuple[str, Any], ...], family: str, why: str, theme: Theme, qtbot: QtBot
) -> None:
    workspace = opened(params=params)
    view = view_of(workspace, theme, qtbot, "why")
    assert view.reading is not None
    view.reading.names = tuple(name.replace("dil", family) for name in view.reading.names)
    wanted: list[Request] = []
    workspace.run_wanted.connect(wanted.append)
    workspace.select_sample(int(view.reading.places[8]))
    settle()
    view.explain()
    assert bool(wanted) is not bool(why)
    assert view.why.explain.isEnabled() is not bool(why)
    assert why in view.why.refusal
    if why:
        assert "cannot be explained: " in view.why.refusal
        assert not view.why.board.panes


def test_the_plain_network_stands_beside_another_configuration_0(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(opened(own=False), theme, qtbot)
    reading, page = view.reading, oracle_page(view)
    assert reading is not None
    shown = {row.name: row.bars[0].value for row in page.rows.rows}
    assert shown["plain accuracy"] == 0.75
    assert shown["configuration 0 accuracy"] == reading.accuracy[0] != 0.75
    assert "configuration 0" in page.claim.text
    assert "plain" not in page.claim.text
    assert view.chosen.names.itemText(0) == f"{reading.names[0]} (configuration 0)"
    assert not any(guide.label == "plain" for guide in page.growth.item.guides)


def test_rows_tell_rescue_and_what_is_right_under_all() -> None:
    reading = Reading(result_of())
    rows = {row.name: row for row in rows_of(reading, ())}
    wrong = ~reading.correct[:, 0]
    assert rows["rescue: upper bound"].bars[0].value == reading.correct[wrong].any(axis=1).mean()
    assert "chance" in rows["rescue: upper bound"].text
    assert "corrected" in rows["rescue: upper bound"].text
    assert rows["right under all"].bars[0].value == reading.correct.all(axis=1).mean()
    miss = np.prod(1 - reading.correct.mean(axis=0))
    assert rows["if all were independent"].bars[0].value == pytest.approx(1 - miss)
    assert rows["any right of 27: upper bound"].text.endswith("27 differ")


def test_growth_leaves_duplicates_out(theme: Theme, qtbot: QtBot) -> None:
    events = configuration_scenes.configuration_events(scenes.MODEL, scenes.IMAGES, COUNT)
    first = np.arange(27, dtype=np.int32)
    first[20:] = 3
    changed = (
        replace(event, values=first) if isinstance(event, Chunk) and event.name == "duplicate_of" else event
        for event in events
    )
    workspace = scenes.opened()
    scenes.play(workspace, changed)
    view = view_of(workspace, theme, qtbot)
    curve = oracle_page(view).growth.item.curves[0]
    assert view.reading is not None
    assert len(curve.y) == 20
    assert curve.y[0] == pytest.approx(view.reading.correct[:, :20].mean())


def test_the_strip_says_maps_on_every_side_but_build(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(opened(), theme, qtbot)
    for side in ("oracle", "matrix", "why"):
        view.show_page(side)
        settle()
        assert view.chosen.strip.isVisible()
        assert "A 32×32 → B 16×16 → C 8×8 → last 8×8" in view.chosen.strip.text
    steps = (Step("A", "K1", (28, 14), (14, 14)), Step("last", "", (7, 7), (7, 7)))
    assert strip_words(steps, "plain").endswith("A 28×14 (plain 14×14) → last 7×7")


def test_a_pool_without_gains_is_read() -> None:
    assert jitter_gain((Pool("jitter", np.ones(2), (0.0, 0.0, 0.0)),), "contrast") is None


# -- what stands beside, measured as often and on as many pictures ----------------------------------------------------


def test_pools_are_compared_at_the_fewer_guesses() -> None:
    """Of four copies beside three drawn configurations, three of each are compared."""
    result = Result.of(configuration_scenes.pool_events(scenes.MODEL, scenes.IMAGES, copies=4))
    growth = np.array(result["growth"])
    growth[0, 3] = np.nan
    result.apply(Chunk("growth", (), growth))
    pools = pools_of(result)
    assert [pool.guesses for pool in pools] == [3, 3]
    rows = {row.name for row in rows_of(Reading(result_of()), pools)}
    assert {"oracle − disturbed, k = 3", "oracle − jittered, k = 3"} <= rows


def test_both_gains_of_the_second_control_are_of_as_many_guesses_on_the_same_pictures() -> None:
    large = Result.of(configuration_scenes.configuration_events(scenes.MODEL, scenes.IMAGES, 220))
    rows = {row.name: row for row in rows_of(Reading(large), pools_of(pool_run().result))}
    assert rows["16 configurations, N = 40"].bars[0].value == 0.003
    assert rows["16 jittered copies"].bars[0].value == 0.015


def test_small_samples_have_no_gain_rather_than_none() -> None:
    rows = {row.name: row for row in rows_of(Reading(result_of()), pools_of(pool_run().result))}
    gains = [row for name, row in rows.items() if name.startswith("static gain")]
    assert gains
    assert all(math.isnan(row.bars[0].value) and row.text == TOO_FEW for row in gains)
    assert not any("jittered copies" in name for name in rows)


def test_a_pool_that_is_too_small_says_so_even_where_a_stored_run_holds_zeros() -> None:
    """Runs of earlier versions hold zeros where no group was large enough."""
    result = Result()
    for event in configuration_scenes.pool_events(scenes.MODEL, scenes.IMAGES):
        if isinstance(event, Declared):
            further = (Output("contrast", ("sample",), (40,)), Output("measured", ("sample",), (40,), "uint8"))
            event = replace(event, outputs=(*event.outputs, *further))
        result.apply(event)
    result.apply(Chunk("contrast", (), np.arange(40.0)))
    result.apply(Chunk("measured", (), np.ones(40, dtype=np.uint8)))
    result.apply(Chunk("static_gain", (), np.zeros((3, 2, 3))))
    found = jitter_gain(pools_of(result), "contrast")
    assert found is not None
    assert found.why_not == TOO_FEW
    assert math.isnan(found.pool[0])


def test_eleven_switch_points_have_letters_and_some_of_their_subsets(theme: Theme, qtbot: QtBot) -> None:
    """Eleven points with one other option each, changed one at a time."""
    view = view_of(opened(), theme, qtbot, "cover")
    reading, page = view.reading, view.pages["cover"]
    assert reading is not None
    assert isinstance(page, CoverPage)
    option = np.zeros((27, 11), dtype=np.int64)
    option[np.arange(1, 12), np.arange(11)] = 1
    reading.options, reading.points = option, tuple(f"layer{number}" for number in range(11))
    reading.__dict__.pop("subsets", None)
    page.refresh(reading, view.look)
    names = [row.name for row in page.lattice.rows]
    assert any(name.startswith("K (") for name in names)
    assert any(name.startswith("ABCDEFGHIJK (") for name in names)
    assert page.lattice.title.startswith(f"{len(names)} of 2,047 sets of points")
    one = next(subset for subset in reading.subsets if subset.letters == "C")
    assert one.oracle == reading.correct[:, np.flatnonzero(option[:, 2] | ~option.any(axis=1))].any(axis=1).mean()
