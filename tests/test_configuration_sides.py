"""The sides of the Configurations tab beside oracle and matrix, and what all of them have in common."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from analysis import engine
from analysis.edits import Edits
from analysis.events import Finished, Outcome, Started
from analysis.figures import make_sheet
from analysis.figures.sheet import Line
from analysis.problems import Problem
from analysis.request import ImageSource, ModelSource, Request
from analysis.result import Result
from app.configuring.choices_page import ChoicesPage
from app.configuring.classes_page import ClassesPage
from app.configuring.cost_page import CostPage
from app.configuring.cover_page import CoverPage
from app.configuring.oracle_page import merged
from app.configuring.picture_page import PicturePage
from app.configuring.rules_page import RulesPage
from app.drawing.bar_rows import Bar, BarRow, BarRowsPlot
from app.drawing.plots import Plot
from app.reading.configurations import Reading
from app.reading.geometry_attribution import edits_of
from app.theme import Theme
from app.views.configurations import PAGES
from app.workspace import Run
from tests import configuration_scenes, scenes, snapshots
from tests.configuration_views import opened, reading_of, result_of, view_of, with_references
from tests.gestures import settle, show, theme

__all__ = ["theme"]


# -- the other sides -------------------------------------------------------------------------------------------------


def test_the_sorted_curve_marks_best_median_and_worst(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    view = view_of(workspace, theme, qtbot, "picture")
    page, reading = view.pages["picture"], reading_of(view)
    assert isinstance(page, PicturePage)
    workspace.select_sample(int(reading.places[8]))
    settle()
    (curve,) = page.curve.item.curves
    assert (np.diff(curve.y) <= 0).all()
    places = {spots.names[0]: float(spots.x[0]) for spots in page.curve.item.spots}
    assert places["best"] == 0
    assert places["median"] == 13
    assert places["worst"] == 26
    page.tree.cell_clicked.emit(2, 4)
    settle()
    assert view.look.configuration == int(page.layout_of[2, 4])


def test_shares_of_choices_add_up_per_point(theme: Theme, qtbot: QtBot) -> None:
    page = view_of(opened(), theme, qtbot, "choices").pages["choices"]
    assert isinstance(page, ChoicesPage)
    rows = page.plot.rows
    assert len(rows) == 9
    for point in range(3):
        for kind in range(4):
            assert sum(row.bars[kind].value for row in rows[3 * point : 3 * point + 3]) == pytest.approx(1)


def test_a_dot_can_be_clicked(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(opened(), theme, qtbot, "cost")
    page = view.pages["cost"]
    assert isinstance(page, CostPage)
    dots = page.plot.dots.dots
    assert dots is not None
    page.plot.clicked.emit(float(dots.x[13]), float(dots.y[13]), False)
    settle()
    chosen = view.look.configuration
    assert (dots.x[chosen], dots.y[chosen]) == (dots.x[13], dots.y[13])
    for number in range(27):
        beaten = (dots.x <= dots.x[number]) & (dots.y > dots.y[number])
        if number in dots.front:
            assert not beaten.any()


def test_where_all_cost_the_same_they_stand_in_a_list(
    theme: Theme, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = view_of(opened(), theme, qtbot, "cost")
    page = view.pages["cost"]
    assert isinstance(page, CostPage)
    assert page.reading is not None
    monkeypatch.setattr(page.reading, "macs", np.full(27, 5_000_000))
    page.refresh(page.reading, view.look)
    dots = page.plot.dots.dots
    assert dots is not None
    assert sorted(dots.x.tolist()) == list(range(1, 28))
    assert (np.diff(dots.y[np.argsort(dots.x)]) <= 0).all()
    assert not page.plot.item.curves
    assert page.claim.text.startswith("All configurations cost the same, 5.00")


def test_rules_stand_between_plain_and_oracle(theme: Theme, qtbot: QtBot) -> None:
    page = view_of(with_references(), theme, qtbot, "rules").pages["rules"]
    assert isinstance(page, RulesPage)
    rows = {row.name: row for row in page.plot.rows}
    top = rows["oracle: upper bound"].bars[0]
    assert top.hollow
    own_rules = [row for name, row in rows.items() if not name.startswith(("chooser", "candidates", "all"))]
    assert all(row.bars[0].value <= top.value for row in own_rules)
    assert "+10" in rows["chooser: logistic"].text
    assert rows["all: upper bound"].bars[0].hollow


def test_the_cover_is_chosen_on_one_half_and_told_for_both(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(opened(), theme, qtbot, "cover")
    page, reading = view.pages["cover"], reading_of(view)
    assert isinstance(page, CoverPage)
    chosen, other = page.stairs.item.curves
    assert chosen.dashed
    assert not other.dashed
    select, report = reading.halves
    picks = list(reading.cover.chosen[:2])
    assert chosen.y[1] == pytest.approx(reading.correct[np.ix_(select, picks)].any(axis=1).mean())
    assert other.y[1] == pytest.approx(reading.correct[np.ix_(report, picks)].any(axis=1).mean())
    assert [row.name for row in page.lattice.rows][-1] == "ABC (K = 27)"
    page.chosen.row_clicked.emit(1)
    settle()
    assert view.look.configuration == reading.cover.chosen[1]


def test_classes_are_sorted_and_filtered(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    view = view_of(workspace, theme, qtbot, "classes")
    page, reading = view.pages["classes"], reading_of(view)
    assert isinstance(page, ClassesPage)
    assert [row.name for row in page.plot.rows] == list(configuration_scenes.CLASSES)
    assert all(row.faint for row in page.plot.rows)  # six pictures each
    page.orders.setCurrentIndex(1)
    page.orders.activated.emit(1)
    plain = [row.bars[0].value for row in page.plot.rows]
    assert plain == sorted(plain, reverse=True)
    first = configuration_scenes.CLASSES.index(page.plot.rows[0].name)
    page.plot.row_clicked.emit(0)
    assert workspace.sample_filter is not None
    assert set(reading.label[workspace.sample_filter.places // 3]) == {first}


def test_groups_choose_on_one_half_and_report_on_the_other() -> None:
    scene = scenes.opened()
    events = configuration_scenes.configuration_events(scenes.MODEL, scenes.IMAGES, 240)
    reading = Reading(scenes.play(scene, events).result)
    groups = reading.groups("contrast")
    assert sorted(np.concatenate([group.rows for group in groups]).tolist()) == list(range(240))
    assert not reading.groups("zoom")
    for group in groups:
        assert group.plain <= group.oracle
        assert group.fixed <= group.oracle
    small = Reading(result_of()).groups("contrast")
    assert [group.chosen for group in small] == [0] * 5  # twelve pictures each are too few


def test_close_references_share_a_label() -> None:
    guides = merged(((0.9, "plain", "widths"), (0.2, "chance", "cost"), (0.93, "list", "cost")), 0.05)
    assert [(guide.at, guide.label) for guide in guides] == [(0.93, "list · plain"), (0.9, ""), (0.2, "chance")]


def test_a_picture_is_explained_under_plain_best_and_worst(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    view = view_of(workspace, theme, qtbot, "why")
    reading = reading_of(view)
    assert not view.why.explain.isEnabled()
    workspace.select_sample(int(reading.places[8]))
    settle()
    asked: list[Request] = []
    workspace.run_wanted.connect(asked.append)
    view.why.explain.click()
    loss = reading.table("loss")[8]
    wanted = {0, int(loss.argmin()), int(loss.argmax())}
    assert len(asked) == len(wanted)
    for request, number in zip(asked, sorted(wanted), strict=True):
        assert dict(request.params)["samples"] == "24"
        changed = dict(request.edits.geometry)
        tokens = [changed.get(name, "dil1") for name in configuration_scenes.POINTS]
        assert "dil:" + "|".join(token.removeprefix("dil") for token in tokens) == reading.names[number]
    run = Run(90, asked[0])
    workspace.add_run(run)
    for event in scenes.attribution_events(24):
        if not isinstance(event, Started):
            workspace.apply(90, event)
    workspace.announce(90)
    settle()
    first = view.why.board.panes[0]
    assert first.values is not None
    assert len(view.why.board.panes) == 6
    problem = Problem("This cannot be explained.", "", "x")
    workspace.add_run(Run(91, asked[1], state="failed"))
    workspace.apply(91, Finished(Outcome.FAILED, problem=problem))
    workspace.announce(91)
    settle()
    assert [pane.note for pane in view.why.board.panes].count("This cannot be explained.") == 2
    asked.clear()
    view.explain()
    assert len(asked) == len(wanted) - 1


def test_a_configuration_is_an_edit_that_the_engine_knows() -> None:
    """The same numbers, whether a configuration is swept or edited in."""
    model, images = ModelSource("demo:fashion_resnet"), ImageSource("demo:test")
    params = (("points", "layer2.0.conv1:dil1,2;layer3.0.conv1:dil1,3"),)
    swept = Result.of(engine.run(Request("dynamic_configurations", model, images, params=params, limit=4)))
    reading = Reading(swept)
    number = len(reading.names) - 1
    edits = edits_of(reading, number, Edits())
    assert len(edits.geometry) == len(reading.points)
    found = Result.of(engine.run(Request("evaluate", model, images, edits=edits, limit=4)))
    np.testing.assert_array_equal(found["prediction"], reading.prediction[:, number])
    np.testing.assert_allclose(found["sample_loss"], reading.table("loss")[:, number], rtol=1e-4)


# -- all sides -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scene", ["labelled", "unlabelled", "unfinished", "one point", "two pictures"])
def test_every_side_can_be_shown(scene: str, theme: Theme, qtbot: QtBot) -> None:
    how: dict[str, object] = {
        "labelled": {},
        "unlabelled": {"labelled": False},
        "unfinished": {"finished": 11},
        "one point": {"points": 1},
        "two pictures": {"finished": 2},
    }[scene]  # type: ignore[assignment]  # values of several types
    view = view_of(opened(**how), theme, qtbot)
    for page, _ in PAGES:
        view.show_page(page)
        settle()
        assert view.stack.currentWidget() is view.pages[page]
        plots = [plot for plot in view.pages[page].findChildren(Plot) if plot.isVisible()]
        for plot in plots:
            plot.hovered.emit((0.5, -0.2))
            plot.hovered.emit(None)
        view.grab()
    if scene == "unlabelled":
        assert view.figure_spec() is None
        assert not view.pictures.isEnabled()


@pytest.mark.parametrize("page", [name for name, _ in PAGES])
def test_every_plot_is_one_click_from_its_definition(
    page: str, theme: Theme, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened_menus: list[QMenu] = []
    monkeypatch.setattr(QMenu, "popup", lambda menu, *_place: opened_menus.append(menu))
    view = view_of(opened(), theme, qtbot, page)
    asked: list[str] = []
    view.help_wanted.connect(asked.append)
    plots = [plot for plot in view.pages[page].findChildren(Plot) if plot.isVisible()]
    assert plots or page in ("why", "build")
    for plot in plots:
        opened_menus.clear()
        plot.menu_wanted.emit(plot.mapToGlobal(QPoint(20, 40)))
        opened_menus[0].actions()[0].trigger()
    assert asked == ["dynamic_configurations"] * len(plots)
    assert view.pages[page].legend.toolTip() or page == "why"


def test_the_figure_follows_the_side(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(with_references(), theme, qtbot)
    wanted = {
        "oracle": "growth", "matrix": "answer_matrix", "picture": "one_picture", "choices": "choices",
        "cost": "cost_map", "rules": "policies", "cover": "cover", "classes": "configuration_classes",
        "agreement": "configuration_agreement",
    }  # fmt: skip
    for page, figure in wanted.items():
        view.show_page(page)
        settle()
        spec = view.figure_spec()
        assert spec is not None
        assert spec.name == figure
        assert len(spec.runs) == (2 if figure == "growth" else 1)
        assert make_sheet(spec, [reading_of(view).result]).panels
    for page, words in (("why", "no figure of its own"), ("groups", "no group has 40 pictures")):
        view.show_page(page)
        settle()
        assert view.figure_spec() is None, "no other side's figure"
        assert words in view.why_no_figure()


def test_the_figure_is_of_what_is_looked_at(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    events = configuration_scenes.configuration_events(scenes.MODEL, scenes.IMAGES, 220)
    scenes.play(workspace, events, folder="runs/configurations")
    scenes.play(workspace, configuration_scenes.points_events(scenes.MODEL), folder="runs/points")
    view = view_of(workspace, theme, qtbot, "groups")
    view.groups.kinds.setCurrentText("brightness")
    spec = view.figure_spec()
    assert spec is not None
    assert spec.options == (("by", "brightness"),)
    reading = reading_of(view)
    view.show_page("picture")
    view.choose_cell(7, 5)
    settle()
    spec = view.figure_spec()
    assert spec is not None
    assert dict(spec.options)["picture"] == reading.places[7]
    line = make_sheet(spec, [reading.result]).panels[0].marks[0]
    assert isinstance(line, Line)
    assert line.y.tolist() == sorted(reading.table("true_probability")[7].tolist(), reverse=True)
    view.show_page("build")
    settle()
    spec = view.figure_spec()
    assert spec is not None
    assert (spec.name, spec.runs) == ("geometry", ("runs/points",))
    assert dict(spec.options) == {"geometry": "", "policy": "follow"}


def test_rows_that_do_not_fit_are_panned(theme: Theme, qtbot: QtBot) -> None:
    plot = BarRowsPlot(theme, "bars", "", "share")
    qtbot.addWidget(plot)
    show(plot, 400, 200)
    plot.show_rows(tuple(BarRow(f"class {n}", (Bar(n / 100, "widths"),), str(n)) for n in range(100)))
    low, high = plot.box.viewRange()[1]
    assert 5 <= high - low <= 15
    assert high == 0.5
    plot.box.setRange(yRange=(-60, -50), padding=0)
    assert plot.row_at(-55.2) == 55
    plot.show_rows((BarRow("one", (Bar(0.3, "widths"),)),))
    assert plot.is_home


@pytest.mark.parametrize(
    ("page", "mode"), [("oracle", "light"), ("matrix", "light"), ("picture", "dark"), ("rules", "dark")]
)
def test_it_looks_as_approved(
    page: str, mode: str, theme: Theme, qtbot: QtBot, qapp: QApplication, request: pytest.FixtureRequest
) -> None:
    theme.set_mode(mode)
    workspace = with_references()
    view = view_of(workspace, theme, qtbot, page)
    view.choose_cell(int(reading_of(view).order[40]), 5)
    settle()
    view.setFocus()
    settle()
    snapshots.check(view, f"configurations-{page}-{mode}", request)
