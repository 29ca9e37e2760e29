"""What the rank lab says of a study: which published curves it misses, whether their order, how far it came."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from analysis.events import Chunk, Declared, Event, Finished, Outcome, Output, Started
from analysis.figures import FigureSpec, make_sheet
from analysis.figures.sheet import Line, ThinLine
from analysis.measures import lab_words
from analysis.measures import rank_lab as lab
from analysis.problems import AnalysisError
from analysis.request import Request
from analysis.result import Result
from app.actions import ACTIONS
from app.panels.start_page import StartPage
from app.reading.lab_study import how_far
from app.settings import Preferences
from app.theme import Theme
from tests import scenes
from tests.gestures import settle, theme
from tests.test_rank_lab_view import choose, opened, view_of

__all__ = ["theme"]
OUTPUTS, NETWORKS = 1000, 4
Height = Callable[[str, float], float]


def study(layer: str, height: Height, noise: float = 0.0) -> Iterator[Event]:
    """A study in which the mean rank ratio of every curve is known, with a standard error of about noise / 2."""
    names = (("type", (layer,)), ("ratio", tuple(f"{x:.1f}" for x in lab.RATIOS)),
             ("activation", lab.ACTIVATIONS), ("size", lab.SIZES))  # fmt: skip
    shape = (1, len(lab.RATIOS), NETWORKS, len(lab.ACTIVATIONS))
    dims = ("type", "ratio", "network", "activation")
    means = np.array([[height(name, x) for name in lab.ACTIVATIONS] for x in lab.RATIOS])
    wave = noise * np.array([-1.0, 1.0, -1.0, 1.0])
    ranks = np.rint(OUTPUTS * (means[:, None, :] + wave[None, :, None])).astype(np.int64)
    sizes = np.full((1, len(lab.RATIOS), NETWORKS, 3), OUTPUTS)
    sizes[..., 0] = [[[round(x * OUTPUTS)] * NETWORKS for x in lab.RATIOS]]
    dead = np.full(shape, 60)
    condition = np.full(shape, 1e-3)
    condition[:, :, 0] = 0.0
    yield Started(Request("rank_lab"))
    yield Declared(
        (
            Output("sizes", (*dims[:3], "size"), sizes.shape, "int64"), Output("rank", dims, shape, "int64"),
            Output("dead_channels", dims, shape, "int64"), Output("always_on_channels", dims, shape, "int64"),
            Output("condition", dims, shape, "float64"),
        ),
        names=names,
    )  # fmt: skip
    channels = {"dead_channels": dead, "always_on_channels": dead // 2}
    for name, values in {"sizes": sizes, "rank": ranks[None], "condition": condition, **channels}.items():
        yield Chunk(name, (), values)
    yield Finished(Outcome.COMPLETED)


def as_published(layer: str) -> Height:
    def height(name: str, x: float) -> float:
        points = dict(lab.published(layer, name)) or {0.1: 0.5, 1.0: 1.0}
        return float(np.interp(x, list(points), list(points.values())))

    return height


@pytest.mark.parametrize("layer", lab.TYPES)
def test_what_is_published_is_not_missed(layer: str) -> None:
    words = lab_words.missed(Result.of(study(layer, as_published(layer))), layer)
    assert words == "At ratio 0.1 every curve agrees with its published point."


def test_the_curves_that_are_off_are_named_with_their_distance() -> None:
    published = as_published("1x1")
    off = {"elu": 0.061, "hardswish": -0.045, "relu": 0.009}
    words = lab_words.missed(Result.of(study("1x1", lambda name, x: published(name, x) + off.get(name, 0.0))), "1x1")
    assert "2 of 7 curves are off" in words
    assert "ELU +0.061, Hard-swish −0.045." in words
    assert "ReLU +" not in words, "within the error of reading"


def test_noise_that_explains_the_distance_is_no_distance() -> None:
    published = as_published("1x1")
    moved = study("1x1", lambda name, x: published(name, x) + 0.02, noise=0.02)
    assert "agrees" in lab_words.missed(Result.of(moved), "1x1")


def test_a_reversed_order_is_said() -> None:
    place = {"relu6": 0.9, "relu": 0.9, "hardswish": 0.6, "silu": 0.6, "softplus": 0.5}
    found = Result.of(study("bottleneck", lambda name, x: 1.0 if x == 1 else place.get(name, 0.95)))
    words = lab_words.missed(found, "bottleneck")
    assert "ReLU6 and ReLU are highest (published: Hard-swish and SiLU)" in words
    assert "SoftPlus is lowest (published: ReLU6 and ReLU)" in words
    assert "LeakyReLU" not in words, "nothing of it is published"
    # The same height for all is no order at all.
    level = Result.of(study("bottleneck", lambda _name, _x: 0.7))
    assert "order" not in lab_words.missed(level, "bottleneck")


def test_shares_of_channels_and_the_conditioning_are_drawn() -> None:
    found = Result.of(study("bottleneck", as_published("bottleneck")))
    dead = lab.curve(found, "bottleneck", "relu", "dead")
    assert dead is not None
    inputs = np.array([round(x * OUTPUTS) for x in lab.RATIOS])
    assert dead.y == pytest.approx(60 / (lab.EXPANSION * inputs)), "of the hidden channels"
    single = lab.curve(Result.of(study("1x1", as_published("1x1"))), "1x1", "relu", "dead")
    assert single is not None
    assert single.y == pytest.approx(60 / OUTPUTS)
    condition = lab.curve(found, "bottleneck", "relu", "condition")
    assert condition is not None
    assert condition.y == pytest.approx((-16 - 3 * 3) / 4), "a zero counts as the floor, in a mean of exponents"


# -- in the window ---------------------------------------------------------------------------------------------------


def test_what_is_missed_stands_below_the_plot_and_in_the_figure(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened(lab.TYPES)
    view = view_of(workspace, theme, qtbot)
    for layer in lab.TYPES:
        choose(view, layer)
        words = lab_words.missed(workspace.runs[1].result, layer)
        assert words
        assert words in view.verdict.text()
        spec = view.figure_spec()
        assert spec is not None
        assert words in make_sheet(spec, [workspace.runs[1].result]).note


def test_an_early_end_says_how_many_networks_were_drawn(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    events = list(scenes.lab_events(6))[:200]
    run = scenes.play(workspace, iter([*events, Finished(Outcome.CANCELLED)]))
    view = view_of(workspace, theme, qtbot)
    fewest, most = lab.drawn(run.result, "1x1")
    assert 0 < most < 6
    count = f"{most}" if fewest == most else f"{fewest} to {most}"
    assert f"cancelled after {count} of 6 networks per point" in view.facts.text
    assert how_far(run, "1x1") in view.facts.text


def test_how_many_networks_a_study_rests_on_is_said_first(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened(lab.TYPES)
    view = view_of(workspace, theme, qtbot)
    run = workspace.latest("rank_lab")
    assert run is not None
    fewest, most = lab.drawn(run.result, "1x1")
    assert fewest == most > 0
    assert view.footer.text().startswith(f"{most} networks per point · ")


def test_lines_can_be_hidden_here_and_in_the_figure(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened(lab.TYPES)
    view = view_of(workspace, theme, qtbot)
    view.show_line("linear", False)
    view.show_line("elu", False)
    settle()
    assert {one.activation for one in view.plot.series} == set(lab.ACTIVATIONS) - {"linear", "elu"}
    assert "6 of 8" in view.lines.text()
    spec = view.figure_spec()
    assert spec is not None
    sheet = make_sheet(spec, [workspace.runs[1].result])
    assert sum(isinstance(mark, Line) for mark in sheet.panels[0].marks) == 6
    view.hide_lines(frozenset(lab.ACTIVATIONS))
    settle()
    assert len(view.plot.series) == 6, "the last line cannot be hidden"
    hidden = FigureSpec("rank_lab", spec.runs, (("hidden", ",".join(lab.ACTIVATIONS)),))
    with pytest.raises(AnalysisError, match="hidden"):
        make_sheet(hidden, [workspace.runs[1].result])


@pytest.mark.parametrize("quantity", ["dead", "always_on", "condition"])
def test_each_quantity_is_drawn_and_explained(quantity: str, theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    scenes.play(workspace, study("1x1", as_published("1x1")), folder="runs/1")
    view = view_of(workspace, theme, qtbot)
    view.quantity.setCurrentIndex(view.quantity.findData(quantity))
    view.invalidate()
    settle()
    (run,) = workspace.runs.values()
    for one in view.plot.series:
        found = lab.curve(run.result, "1x1", one.activation, quantity)
        assert found is not None
        np.testing.assert_array_equal(one.found.y, found.y)
        assert not one.published
    assert view.verdict.text() == lab_words.MEANINGS[quantity]
    assert view.plot.titles()[0].words == lab.QUANTITIES[quantity]
    assert not view.overlay.isEnabled()
    assert not any("dimension ratio" in key.words for key in view.legend.keys)
    spec = view.figure_spec()
    assert spec is not None
    sheet = make_sheet(spec, [run.result])
    assert sheet.panels[0].y_log == (quantity == "condition")
    assert lab_words.MEANINGS[quantity] in sheet.note


def test_an_outline_is_thin_and_stays_chosen(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened(("1x1",), ("1x1", "depthwise"))
    for number, run in workspace.runs.items():
        run.began = float(number)
    view = view_of(workspace, theme, qtbot)
    view.earlier.setCurrentIndex(1)
    view._choose_outline()
    settle()
    assert len(view.outline) == len(lab.ACTIVATIONS)
    keys = {key.shape: key.words for key in view.legend.keys}
    assert "dashes" in keys
    assert keys["thin"].startswith("thin lines: P, paper-like")
    curves = [curve for curve in view.plot.item.curves if not curve.dashed]
    thin = [curve for curve in curves if curve.strength < 1]
    assert len(thin) == len(lab.ACTIVATIONS)
    assert [curve.hue for curve in thin] == [curve.hue for curve in curves if curve.strength > 1]
    spec = view.figure_spec()
    assert spec is not None
    by_folder = {str(run.folder): run.result for run in workspace.runs.values()}
    sheet = make_sheet(spec, [by_folder[folder] for folder in spec.runs])
    assert sum(isinstance(mark, ThinLine) for mark in sheet.panels[0].marks) == len(lab.ACTIVATIONS)
    assert "thin lines: P, paper-like" in sheet.note
    choose(view, "depthwise")
    assert not view.outline
    choose(view, "1x1")
    assert len(view.outline) == len(lab.ACTIVATIONS), "it was only out of sight"
    again = view_of(workspace, theme, qtbot)
    again.restore(view.state())
    settle()
    assert len(again.outline) == len(lab.ACTIVATIONS)


def test_the_start_page_has_a_way_in(theme: Theme, qtbot: QtBot, tmp_path: Path) -> None:
    actions = {entry.id: QAction(entry.id) for entry in ACTIONS}
    page = StartPage(theme, Preferences(tmp_path), actions)
    qtbot.addWidget(page)
    link = next(button for button in page.findChildren(QPushButton) if button.text().startswith("Rank lab"))
    with qtbot.waitSignal(actions["show_rank_lab"].triggered):
        link.click()


def test_two_studies_are_not_drawn_without_saying_which_is_behind() -> None:
    results = [Result.of(study("1x1", as_published("1x1"))) for _ in range(2)]
    with pytest.raises(AnalysisError, match="shows one study"):
        make_sheet(FigureSpec("rank_lab", ("a", "b")), results)
