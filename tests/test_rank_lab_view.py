"""The rank lab in the window: what is drawn, what can be asked for, and that it needs nothing to be open."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from PySide6.QtCore import QPoint
from pytestqt.qtbot import QtBot

from analysis.events import Finished, Outcome, Started
from analysis.figures import make_sheet
from analysis.measures import lab_words
from analysis.measures import rank_lab as lab
from analysis.methods.rank_lab import INFO
from analysis.request import Request
from app.drawing.lab_plot import LabPlot, spread
from app.drawing.lab_readout import differences, series_of
from app.reading.lab_study import time_words
from app.theme import Theme
from app.views.rank_lab import RankLabView
from app.workspace import Workspace
from tests import scenes, snapshots
from tests.gestures import move, settle, show, theme

__all__ = ["theme"]


def opened(*runs: tuple[str, ...]) -> Workspace:
    """A workspace without a network, and studies of some layer types."""
    workspace = Workspace()
    workspace.set_methods((INFO,))
    for types in runs:
        scenes.play(workspace, scenes.lab_events(6, types), folder=f"runs/{len(workspace.runs)}")
    return workspace


def view_of(workspace: Workspace, theme: Theme, qtbot: QtBot, width: int = 777) -> RankLabView:
    view = RankLabView(workspace, theme)
    qtbot.addWidget(view)
    show(view, width, 620)
    return view


def choose(view: RankLabView, layer: str) -> None:
    view.types.set_value(layer)
    view.invalidate()
    settle()


def test_without_anything_open_it_offers_to_measure(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    view = view_of(workspace, theme, qtbot)
    assert view.empty.isVisible()
    assert "needs no network and no pictures" in view.empty.text
    wanted: list[Request] = []
    workspace.run_wanted.connect(wanted.append)
    view.empty.pressed.emit()
    assert wanted == [Request("rank_lab")]


def test_a_study_never_names_what_is_open(theme: Theme, qtbot: QtBot) -> None:
    """Also before the engine has said what the method needs."""
    workspace = scenes.opened()
    view = view_of(workspace, theme, qtbot)
    request = view.request()
    assert (request.model, request.images, request.limit) == (None, None, 0)


def test_what_is_drawn_is_what_the_study_says(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened(lab.TYPES)
    view = view_of(workspace, theme, qtbot)
    (run,) = workspace.runs.values()
    for layer in lab.TYPES:
        choose(view, layer)
        assert [one.activation for one in view.plot.series] == list(lab.ACTIVATIONS)
        for one in view.plot.series:
            found = lab.curve(run.result, layer, one.activation)
            assert found is not None
            np.testing.assert_array_equal(one.found.y, found.y)
            assert one.published == lab.published(layer, one.activation)
        assert lab_words.REPRODUCED["paper-like", layer] in view.verdict.text()


def test_it_grows_while_it_streams(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    view = view_of(workspace, theme, qtbot)
    events = list(scenes.lab_events(6))
    run = scenes.play(workspace, iter(events), steps=100)
    settle()
    assert not view.empty.isVisible()
    before = view.plot.series[2].found
    assert before.networks.max() < 6
    for event in events[100:]:
        workspace.apply(run.number, event)
    workspace.announce(run.number)
    settle()
    after = view.plot.series[2].found
    assert after.networks.tolist() == [6] * 10
    assert np.isfinite(after.error).all()


def test_each_layer_type_shows_its_newest_study(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened(lab.TYPES, ("depthwise",))
    first, second = workspace.runs.values()
    first.began, second.began = 1.0, 2.0
    view = view_of(workspace, theme, qtbot)
    spec = view.figure_spec()
    assert spec is not None
    assert spec.runs == (str(first.folder),)
    choose(view, "depthwise")
    spec = view.figure_spec()
    assert spec is not None
    assert spec.runs == (str(second.folder),)
    assert make_sheet(spec, [second.result]).panels


def test_a_layer_type_without_a_study_says_so(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(opened(("depthwise",)), theme, qtbot)
    assert "not measured" in view.plot.note
    assert view.figure_spec() is None
    choose(view, "depthwise")
    assert view.plot.note == ""


def test_published_points_can_be_left_away(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(opened(lab.TYPES), theme, qtbot)
    assert any(key.shape == "ring" for key in view.legend.keys)
    assert view.plot.item.spots
    view.overlay.setChecked(False)
    settle()
    assert not view.plot.item.spots
    assert not any(key.shape == "ring" for key in view.legend.keys)


def test_the_axis_can_be_that_of_the_published_panels(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(opened(lab.TYPES), theme, qtbot)
    assert view.plot.box.viewRange()[1][0] == 0
    view.zoom.setChecked(True)
    settle()
    assert view.plot.box.viewRange()[1][0] == pytest.approx(0.7)


def pixel(plot: LabPlot, x: float, y: float) -> QPoint:
    area, (left, right), (low, high) = plot.area(), *plot.box.viewRange()
    return QPoint(
        round(area.left() + (x - left) / (right - left) * area.width()),
        round(area.bottom() - (y - low) / (high - low) * area.height()),
    )


def test_pointing_reads_the_values_of_a_ratio(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(opened(lab.TYPES), theme, qtbot)
    assert "mean distance from the published points" in view.readout.text
    move(view.plot.viewport(), pixel(view.plot, 0.52, 0.5))
    assert "d_in / d_out 0.5 · 6 networks" in view.readout.text
    assert view.plot.strong == "linear"
    linear = view.plot.series[0].found
    assert f"Linear {linear.y[4]:.3f} ± {linear.error[4]:.3f}" in view.readout.text
    move(view.plot.viewport(), pixel(view.plot, 0.9, 0.1))
    assert view.plot.strong == ""
    view.plot.hovered.emit(None)
    settle()
    assert "mean distance" in view.readout.text


def test_differences_are_those_of_the_measure(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened(lab.TYPES)
    (run,) = workspace.runs.values()
    series = series_of(run.result, "1x1", True)
    _, entries = differences(series)
    by_title = {entry.label: float(entry.text) for entry in entries}
    assert "Linear" not in by_title
    for one in series[1:]:
        wanted = lab.difference(one.found, "1x1", one.activation)
        assert by_title[lab.ACTIVATION_TITLES[one.activation]] == pytest.approx(wanted, abs=6e-4)
    assert differences(series_of(run.result, "1x1", False)) == ("", ())


def test_the_form_decides_the_next_study(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened(lab.TYPES)
    view = view_of(workspace, theme, qtbot, 1100)
    assert not view.side.isVisible()
    view.settings.setChecked(True)
    settle()
    assert view.side.isVisible()
    assert view.form is not None
    view.form.set_values({"networks": 1000, "preset": "generic"})
    settle()
    assert "min" in view.expected.text()
    wanted: list[Request] = []
    workspace.run_wanted.connect(wanted.append)
    view.go.click()
    assert dict(wanted[0].params) == {"networks": 1000, "preset": "generic"}
    view.form.fields["rtol"].write(7.0)
    settle()
    assert not view.go.isEnabled()


def test_the_arrangement_is_kept_with_the_settings(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened(lab.TYPES)
    view, again = view_of(workspace, theme, qtbot), view_of(workspace, theme, qtbot)
    choose(view, "bottleneck")
    view.zoom.setChecked(True)
    assert view.form is not None
    view.form.set_values({"networks": 7})
    again.restore(view.state())
    settle()
    assert again.state() == view.state()
    assert again.state()["params"] == {"networks": 7}


def test_an_early_end_is_told(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    events = list(scenes.lab_events(6))[:200]
    scenes.play(workspace, iter([*events, Finished(Outcome.CANCELLED)]))
    view = view_of(workspace, theme, qtbot)
    assert "cancelled" in view.facts.text


def test_times_grow_with_the_study() -> None:
    assert "16 s" in time_words({"networks": 30})
    assert "50 networks" in time_words({})
    assert "min" in time_words({"networks": 1000})
    assert "1,000 networks" in time_words({"networks": 1000})


def test_names_keep_their_distance_and_stay_inside() -> None:
    places = spread([5.0, 5.0, 6.0, 40.0, 99.0, 99.0], 12.0, 0.0, 100.0)
    assert all(b - a >= 12.0 - 1e-9 for a, b in pairwise(places))
    assert places[0] >= 0
    assert places[-1] <= 94
    assert spread([10.0, 50.0], 12.0, 0.0, 100.0) == [10.0, 50.0]


def test_every_name_stands_beside_the_plot(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(opened(lab.TYPES), theme, qtbot)
    places = view.plot.names.places()
    assert {name for name, _, _ in places} == set(lab.ACTIVATIONS)
    assert all(0 <= place <= view.plot.height() for _, _, place in places)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_it_looks_as_approved(mode: str, theme: Theme, qtbot: QtBot, request: pytest.FixtureRequest) -> None:
    theme.set_mode(mode)
    view = view_of(opened(lab.TYPES), theme, qtbot)
    snapshots.check(view, "rank_lab" if mode == "light" else "rank_lab-dark", request)


# -- what the study is, in words -------------------------------------------------------------------------------------


def studied(preset: str, layer: str, theme: Theme, qtbot: QtBot, **params: str | float) -> RankLabView:
    """The lab with one study of one layer type, asked for with these parameters."""
    workspace = opened()
    first, *rest = scenes.lab_events(3, (layer,), preset)
    assert isinstance(first, Started)
    asked = tuple((dict(first.request.params) | params).items())
    scenes.play(workspace, iter([replace(first, request=replace(first.request, params=asked)), *rest]), folder="runs/1")
    view = view_of(workspace, theme, qtbot, 1000)
    choose(view, layer)
    return view


def figure_note(view: RankLabView) -> str:
    spec = view.figure_spec()
    assert spec is not None
    return make_sheet(spec, [view.workspace.runs[1].result]).note


@pytest.mark.parametrize("layer", lab.TYPES)
def test_the_verdict_is_that_of_the_preset_that_is_drawn(layer: str, theme: Theme, qtbot: QtBot) -> None:
    said = {}
    for preset in ("paper-like", "generic"):
        view = studied(preset, layer, theme, qtbot)
        said[preset] = view.verdict.text()
        assert lab_words.REPRODUCED[preset, layer] in figure_note(view)
    assert "Preset P" not in said["generic"]
    assert "near the published" not in said["generic"]
    if layer in lab.SINGLE:
        assert "Preset G does not reproduce" in said["generic"]


def test_nothing_is_claimed_of_a_tolerance_of_the_users_own(theme: Theme, qtbot: QtBot) -> None:
    view = studied("paper-like", "1x1", theme, qtbot, rtol=0.01)
    assert "near the published" not in view.verdict.text()
    for words in (view.footer.text(), figure_note(view)):
        assert "tolerance 0.01" in words


@pytest.mark.parametrize(
    ("preset", "layer", "wanted"),
    [
        ("paper-like", "1x1", ("mode pointwise", "float32", "X uniform [0, 1)", "W standard normal", "10…300", "none")),
        ("generic", "1x1", ("X standard normal", "W standard normal / √d_in", "float64", "batch statistics")),
        ("generic", "depthwise", ("uniform ±1/√fan-in", "d_out uniform in 10…150", "expansion in bottlenecks 6")),
    ],
)
def test_every_setting_stands_below_the_plot_and_in_the_figure(
    preset: str, layer: str, wanted: tuple[str, ...], theme: Theme, qtbot: QtBot
) -> None:
    view = studied(preset, layer, theme, qtbot)
    common = ("max(d_out, N) × eps", "N = ⌈1.2 × d_out⌉ + 1", "d_in = max(1", "slope of LeakyReLU 0.01")
    for words in (view.footer.text(), figure_note(view)):
        assert [want for want in (*wanted, *common) if want not in words] == []
    assert "3 networks per point" in figure_note(view)
    assert view.footer.isVisible()
    assert view.footer.height() >= view.footer.heightForWidth(view.footer.width()), "no line is cut"


def test_the_mode_that_is_on_is_shown(theme: Theme, qtbot: QtBot) -> None:
    view = studied("paper-like", "3x3", theme, qtbot, mode="patches")
    assert "mode patches" in view.footer.text()
    assert "mode patches" in figure_note(view)
    assert "mode pointwise" in studied("paper-like", "3x3", theme, qtbot).footer.text()


def test_what_was_not_read_and_how_well_is_said_beside_the_points(theme: Theme, qtbot: QtBot) -> None:
    for layer in lab.TYPES:
        view = studied("paper-like", layer, theme, qtbot)
        unread = [name for name in lab.ACTIVATIONS if not lab.published(layer, name)]
        words = view.verdict.text()
        assert all(lab.ACTIVATION_TITLES[name] in words for name in unread)
        assert ("ELU and LeakyReLU have no published points" in words) == bool(unread)
        error = "±0.01" if layer in lab.SINGLE else "±0.02"
        assert error in words
        assert any(error in key.words for key in view.legend.keys)
        assert lab_words.reading(layer) in figure_note(view)
        between = 0.565 in [y for _, y in lab.published(layer, "relu")]
        assert ("0.55–0.58" in words) == between
        view.overlay.setChecked(False)
        settle()
        assert error not in view.verdict.text(), "nothing is said of points that are not drawn"
        assert lab_words.reading(layer) not in figure_note(view)
