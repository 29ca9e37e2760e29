"""Titles of axes, lanes and colour scales, and keys of legends: each is one click from its definition, in every tab."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from analysis.measures import scales
from app.bundling import training_page
from app.drawing import cost_plot
from app.drawing.axes import NumberAxis
from app.drawing.legend import Legend
from app.drawing.matrix import MatrixPlot
from app.drawing.named import NamedNumbers, Title
from app.drawing.plots import Plot
from app.drawing.readout import Line
from app.forms.term_label import TermText
from app.graphing.scale import ColorScale
from app.panels.graph_panel import GraphPanel
from app.panels.inspector import Inspector
from app.reading.glossary import TERMS, address
from app.reading.glossary.axes import AXES, axis_term
from app.reading.glossary.legends import LEGENDS, LINES, legend_term
from app.reading.help_pages import page
from app.sharing import layers_page
from app.theme import Theme
from app.views import VIEWS, View
from app.views.rank_lab import RankLabView
from app.widening import check_page
from app.workspace import Workspace
from tests import scenes, width_searches
from tests.gestures import click, drag, move, settle, show, theme
from tests.sample_scenes import demo_run, view_of
from tests.test_definitions import everything
from tests.test_graph_panel import opened as with_structure
from tests.test_help import sides
from tests.width_window import FOUND

__all__ = ["theme"]

HAND = Qt.CursorShape.PointingHandCursor
NO_MEASURE = re.compile(
    r"^([\d.,−+\s%]+|dashed: falls apart|branches|original|network as it is|.*looked at|ReXNet.*|MobileNet.*)$"
)
"""Keys of legends that name no measure: steps of a scale whose other keys do, and what is selected."""
FORMULA = re.compile(r"[=Σ÷]| / |−ln|exp\(|median|mean|sum|number of", re.IGNORECASE)


def made(name: str, theme: Theme, qtbot: QtBot) -> View:
    """Make a view with all that it can show."""
    if name == "samples":
        view: Any = view_of(theme, qtbot, "demo:test", demo_run())
        view.workspace.select_sample(2)
    else:
        workspace = everything()
        if name == "attribution":
            workspace.select_sample(12)
        for events in (width_searches.shrink_events(FOUND), width_searches.sensitivity_events(FOUND)):
            scenes.play(workspace, events)
        view = next(info for info in VIEWS if info.name == name).make(workspace, theme)
        qtbot.addWidget(view)
    show(view, 1000, 700)
    assert isinstance(view, View)
    return view


def titles_of(plot: Plot) -> list[Title]:
    return [*plot.titles(), *(title for axis in plot.axes for title in axis.titles())]


def unnamed(plot: Plot) -> list[str]:
    """Titles of which no part leads to a definition, and axes of numbers without a title."""
    names = plot.terms()
    lost = [
        title.words
        for title in titles_of(plot)
        if not any(title.place.adjusted(-1, -1, 1, 1).contains(name.place.center()) for name in names)
    ]
    numbered = [axis for axis in plot.axes if isinstance(axis, NumberAxis)]
    if plot.isVisible() and len(titles_of(plot)) < len(numbered):
        lost.append("an axis of numbers without a title")
    if plot.isVisible() and isinstance(plot, MatrixPlot) and not plot.titles():
        lost.append("colours without a title")
    return lost


def says_all(section: str) -> bool:
    """Tell whether a page of the help has definition or formula, source and limits."""
    name, _row, heading = address(section)
    found = page(name)
    if found is None or (heading and heading not in found.headings):
        return False
    formula = "Formula" in found.headings or FORMULA.search(found.text) is not None
    return formula and {"Source", "Limits"} <= {*found.headings}


def sections(view: QWidget) -> Iterator[str]:
    """Sections that titles, keys and lines of what is shown lead to."""
    for plot in view.findChildren(Plot):
        if plot.isVisible():
            yield from (name.page for name in plot.terms())
    for named in view.findChildren(NamedNumbers):
        if named.isVisible():
            yield from (name.page for name in named.names() if name.page)


def click_titles(view: View, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Click every title that can be seen; return what a click did not open, or what it did besides."""
    wrong: list[str] = []
    asked: list[str] = []
    view.help_wanted.connect(asked.append)
    for plot in view.findChildren(Plot):
        seen = QRectF(plot.viewport().rect())
        touched: list[object] = []
        plot.clicked.connect(lambda *place, touched=touched: touched.append(place))
        for name in plot.terms() if plot.isVisible() else ():
            at = name.place.center()
            if not name.place.isEmpty() and seen.contains(at):
                click(plot.viewport(), at.toPoint())
                if asked != [name.page] or touched:
                    wrong.append(f"{plot.accessibleName()}: {name.tip} opens {asked}, touches {touched}")
                asked.clear()
                touched.clear()
    view.help_wanted.disconnect(asked.append)
    return wrong


@pytest.mark.parametrize("name", [info.name for info in VIEWS])
def test_every_title_and_key_is_one_click_from_its_definition(
    name: str, theme: Theme, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = made(name, theme, qtbot)
    lost, wrong, poor, seen = [], [], [], 0
    for side in sides(name, view):
        settle()
        for plot in view.findChildren(Plot):
            lost += [f"{name} {side}: {plot.accessibleName()}: {words}" for words in unnamed(plot)]
        for legend in view.findChildren(Legend):
            words = [key.words for key in legend.keys if key.shape != "mark"]
            nameless = [key for key in words if not legend_term(key) and not NO_MEASURE.match(key)]
            lost += [f"{name} {side}: key of a legend: {key}" for key in nameless]
        found = set(sections(view))
        seen += len(found)
        poor += [section for section in found if not says_all(section)]
        wrong += click_titles(view, monkeypatch)
    assert lost == [], "titles without a definition: name them in AXES, or keys in LEGENDS"
    assert wrong == []
    assert poor == [], "sections without formula, source or limits"
    assert seen, f"{name} leads nowhere"


CONSTANT = (
    *(("Outputs over training", f"{words} of outputs") for words in training_page.WORDS.values()),
    ("Branches over training", "difference in entropy H of branches"),
    *(("Rank or bundles, layer by layer", words) for words in check_page.TITLES.values()),
    *(("Projection layer by layer", words) for words in layers_page.TITLES.values()),
    ("Accuracy against cost", cost_plot.COST_TITLE),
    ("Accuracy against cost", cost_plot.LIST_TITLE),
    ("Widths found by LW-DNA", "score"),
    ("Widths of the blocks", "share of depth"),
    ("Correctness", "share right of each class"),
    ("Oracle beside its references", "chance pools"),
    *(("Prefix tree", f"{family} of B") for family in ("dilation", "stride", "kernel size")),
)
"""Titles that plots have in another state than the walk."""


@pytest.mark.parametrize(("plot", "words"), CONSTANT)
def test_titles_of_other_states_have_a_term(plot: str, words: str) -> None:
    assert says_all(TERMS[axis_term(words, plot)].page)


def test_every_scale_of_configurations_has_a_term() -> None:
    source = Path(scales.__file__).read_text(encoding="utf-8")
    words = re.findall(r'Scale\("([^"]+)"', source)
    assert len(words) > 3
    assert [word for word in words if not axis_term(word, "Scale by group")] == []


def test_what_titles_are_called_by_is_in_the_glossary() -> None:
    named = [term for known in AXES.values() for term in known.values()] + [*LEGENDS.values(), *LINES.values()]
    assert [term for term in named if term not in TERMS] == []
    assert [term for term in named if not says_all(TERMS[term].page)] == []


def test_a_new_axis_without_a_term_is_found(theme: Theme, qtbot: QtBot) -> None:
    plot = Plot(theme, "A new plot")
    qtbot.addWidget(plot)
    plot.add_axis(NumberAxis(theme, "bottom", title="frobnication (units)"))
    plot.add_axis(NumberAxis(theme, "left"))
    show(plot, 300, 200)
    assert unnamed(plot) == ["frobnication (units)", "an axis of numbers without a title"]
    plot.set_title("nothing known")
    assert unnamed(plot) == ["nothing known", "frobnication (units)"]


# -- how a title answers ---------------------------------------------------------------------------------------------


@pytest.fixture
def lab(theme: Theme, qtbot: QtBot) -> Plot:
    workspace = everything()
    view = RankLabView(workspace, theme)
    qtbot.addWidget(view)
    show(view, 900, 600)
    view.plot.asked = []
    view.help_wanted.connect(view.plot.asked.append)
    view.plot.view = view  # keeps it alive
    return view.plot


def place_of(plot: Plot, term: str) -> QPoint:
    return next(name for name in plot.terms() if name.tip.startswith(TERMS[term].title)).place.center().toPoint()


def test_a_title_has_a_hand_and_a_line_under_the_mouse(lab: Any) -> None:
    before = lab.viewport().grab().toImage()
    move(lab.viewport(), place_of(lab, "dimension_ratio"))
    assert lab.viewport().cursor().shape() == HAND
    assert lab.viewport().grab().toImage() != before, "a line below the title"
    tips = [item.toolTip() for item in lab.items(place_of(lab, "dimension_ratio")) if item.toolTip()]
    assert tips[0].startswith(TERMS["dimension_ratio"].title), "said on hovering"
    move(lab.viewport(), lab.area().center().toPoint())
    assert lab.viewport().cursor().shape() != HAND
    assert lab.links.over == -1
    assert not any(item.toolTip() for item in lab.items(lab.area().center().toPoint()))


def test_a_drag_from_a_title_opens_nothing(lab: Any) -> None:
    start = place_of(lab, "dimension_ratio")
    drag(lab.viewport(), start, start + QPoint(-60, 0))
    assert lab.asked == []
    click(lab.viewport(), start)
    assert lab.asked == [TERMS["dimension_ratio"].page]


def test_titles_can_be_reached_without_a_mouse(lab: Any, qtbot: QtBot) -> None:
    lab.setFocus()
    qtbot.keyClick(lab, Qt.Key.Key_Return)
    assert lab.asked == [], "nothing is reached yet"
    for _ in range(3):
        qtbot.keyClick(lab, Qt.Key.Key_Down)
        qtbot.keyClick(lab, Qt.Key.Key_Return)
    assert lab.asked == [TERMS[term].page for term in ("lab_rank_ratio", "expansion_ratio", "dimension_ratio")]


def test_a_click_on_the_title_of_a_lane_explains_it_and_a_drag_moves_it(theme: Theme, qtbot: QtBot) -> None:
    view: Any = made("overview", theme, qtbot)
    plot, stack = view.stack.plot, view.stack
    asked: list[str] = []
    view.help_wanted.connect(asked.append)
    names, order = plot.terms(), [lane.key for lane in stack.lanes]
    assert len(names) == len(order)
    click(plot.viewport(), names[1].place.center().toPoint())
    assert asked == [view.metrics[order[1]].page]
    assert plot.links.at(names[1].place.center()).tip.endswith(view.metrics[order[1]].definition)
    drag(plot.viewport(), names[1].place.center().toPoint(), names[0].place.topLeft().toPoint() + QPoint(2, -2))
    assert [lane.key for lane in stack.lanes][:2] == [order[1], order[0]]
    assert len(asked) == 1


# -- samples, graph and inspector ------------------------------------------------------------------------------------


def test_every_number_of_the_samples_is_one_click_from_its_definition(theme: Theme, qtbot: QtBot) -> None:
    view: Any = made("samples", theme, qtbot)
    asked: list[str] = []
    view.help_wanted.connect(asked.append)
    numbers = [
        part for line in view.findChildren(Line) if line.isVisible() for part in line.text.split(" · ") if part[:1]
    ]
    assert any("right" in part for part in numbers)
    for line in (view.summary, view.facts):
        for name in line.names():
            click(line, name.place.center().toPoint())
            assert asked.pop() == name.page
    assert {name.page for name in view.summary.names()} == {TERMS[term].page for term in ("pictures", "verdict")}
    for name in view.card.bars.names():
        click(view.card.bars, name.place.center().toPoint())
        assert asked.pop() == TERMS["prediction_share"].page
    facts = view.card.findChild(TermText)
    links = re.findall(r'href="([^"]+)"', facts.text())
    assert {TERMS["verdict"].page, TERMS["picture_loss"].page} <= {*links}
    assert [link for link in links if not says_all(link)] == []


def test_numbers_of_the_graph_are_one_click_from_their_definition(theme: Theme, qtbot: QtBot) -> None:
    workspace = with_structure()
    scenes.play(workspace, scenes.rank_events(workspace.layers))
    panel = GraphPanel(workspace, theme)
    qtbot.addWidget(panel)
    show(panel, 264, 500)
    asked: list[str] = []
    panel.help_wanted.connect(asked.append)
    before = workspace.selection
    for key in ("structure.macs", "feature_rank.effective_rank"):
        panel.color_by(key)
        settle()
        assert isinstance(panel.scale, ColorScale)
        assert panel.scale.title.startswith(panel.metrics[key].title)
        for name in panel.scale.names():
            click(panel.scale, name.place.center().toPoint())
        assert asked == [panel.metrics[key].page] * 2
        asked.clear()
    (shape,) = panel.summary.names()
    click(panel.summary, shape.place.center().toPoint())
    assert asked == [TERMS["node_shape"].page]
    assert workspace.selection == before
    assert [section for section in sections(panel) if not says_all(section)] == []


def test_titles_of_the_inspector_are_one_click_from_their_definition(theme: Theme, qtbot: QtBot) -> None:
    workspace = everything()
    workspace.select_layer(next(layer.name for layer in workspace.layers if layer.kind == "conv"))
    inspector = Inspector(workspace, theme)
    qtbot.addWidget(inspector)
    show(inspector, 300, 1400)
    asked: list[str] = []
    inspector.help_wanted.connect(asked.append)
    assert unnamed(inspector.plot) == []
    for name in inspector.plot.terms():
        click(inspector.plot.viewport(), name.place.center().toPoint())
        assert asked.pop() == name.page
    for table in (inspector.facts, inspector.measures):
        assert [fact.label for fact in table.facts if not says_all(fact.page)] == []


# -- narrow windows --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [0, 14, 60])
def test_nothing_of_the_inspector_is_cut(more: int, theme: Theme, qtbot: QtBot) -> None:
    workspace = everything()
    layer = next(layer for layer in workspace.layers if layer.name == "layer1.0.conv1")
    for sample in (-1, 3):
        scenes.play(workspace, scenes.activation_events(layer, sample), purpose="glance")
    workspace.select_layer(layer.name)
    workspace.select(replace(workspace.selection, channel=4))
    inspector = Inspector(workspace, theme)
    qtbot.addWidget(inspector)
    show(inspector, 264, 700)
    inspector.resize(inspector.minimumSizeHint().width() + more, 700)
    settle()
    inner = inspector.area.widget()
    assert inner.width() <= inspector.area.viewport().width(), "nothing has to be scrolled sideways"
    low = [
        widget.accessibleName()
        for widget in (inspector.channels.grid, inspector.channels.pictures.strip, inspector.channels.weights.filters)
        if widget.height() < widget.heightForWidth(widget.width())
    ]
    assert low == [], "rows of maps or pictures are cut"


def test_nothing_of_the_graph_is_cut(theme: Theme, qtbot: QtBot) -> None:
    workspace: Workspace = with_structure()
    scenes.play(workspace, scenes.rank_events(workspace.layers))
    panel = GraphPanel(workspace, theme)
    qtbot.addWidget(panel)
    show(panel, 264, 500)
    before = panel.minimumSizeHint().width()
    panel.resize(before, 500)
    panel.color_by("feature_rank.effective_rank_ratio")
    settle()
    assert panel.minimumSizeHint().width() == before, "the name of a measure asks for no more room"
    buttons = (panel.color_button, panel.fold_button, panel.unfold_button, panel.fit_button)
    assert all(button.width() >= button.sizeHint().width() for button in buttons)
    assert panel.scale.title == "Effective rank / width"
    assert QPointF(panel.scale.width(), 1).x() >= max(name.place.right() for name in panel.scale.names())
