"""Help inside: every number that the window shows has a definition, and every definition leads to a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt, QUrl
from PySide6.QtWidgets import QMenu, QWidget
from pytestqt.qtbot import QtBot

from analysis.events import Declared, Output
from analysis.methods import METHODS
from analysis.problems import AnalysisError
from analysis.request import Compute, ImageSource, ModelSource, Request
from app.drawing.plots import Plot
from app.panels.help_panel import HelpPanel, plain
from app.panels.layers_model import FACT_TITLES
from app.panels.layers_panel import LayersPanel
from app.panels.run_panel import RunPanel
from app.panels.runs_model import COLUMNS
from app.reading.glossary import LAYER_TERMS, RUN_TERMS, TERMS, WEIGHT_TERMS, Term, address, term
from app.reading.help_pages import INDEX, link_of, page, pages
from app.reading.help_rows import words
from app.reading.measurements import available
from app.reading.options import OPTIONS
from app.theme import Theme
from app.views import VIEWS, View
from app.workspace import Workspace
from tests import scenes
from tests.gestures import settle, show, theme

__all__ = ["theme"]

INFOS = {method.INFO.name: method.INFO for method in METHODS}
ALL_TERMS = [*TERMS.values(), *WEIGHT_TERMS.values(), *RUN_TERMS.values(), *LAYER_TERMS.values()]
QUICK: dict[str, tuple[tuple[str, Any], ...]] = {
    "rank_lab": (("networks", 1), ("layer", "depthwise")),
    "latency": (("repeats", 1), ("warmup", 0)),
}
ENDS = ("_low", "_high")
"""Endings of outputs that are the interval of another one."""


def words_of(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))


@cache
def declared(method: str) -> tuple[Output, ...]:
    """Outputs of a method for the demo network; none where it needs what the demo does not have."""
    from analysis.engine import run

    info = INFOS[method]
    images = ImageSource("demo:test") if "images" in info.needs else None
    model = ModelSource("demo:fashion_resnet") if "model" in info.needs else None
    request = Request(method, model, images, params=QUICK.get(method, ()), limit=8, compute=Compute(threads=1))
    events = run(request)
    try:
        return next((event.outputs for event in events if isinstance(event, Declared)), ())
    finally:
        events.close()  # type: ignore[attr-defined]  # a generator


# -- pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [found.name for found in pages() if found.name != INDEX])
def test_every_page_defines_and_names_source_and_limits(name: str) -> None:
    found = page(name)
    assert found is not None
    assert found.text.startswith("# ")
    opening = found.text.partition("\n## ")[0].partition("\n")[2]
    assert "Definition" in found.headings or len(opening.strip()) > 80, f"{name}.md defines nothing"
    for heading in ("Source", "Limits") if name == "concepts" else ("Formula", "Source", "Limits"):
        assert heading in found.headings, f"{name}.md has no section {heading}"
    sections = re.split(r"^## .*$", found.text, flags=re.MULTILINE)
    assert all(len(section.strip()) > 30 for section in sections[1:]), f"{name}.md has an empty section"


@pytest.mark.parametrize("name", INFOS)
def test_every_method_has_a_page(name: str) -> None:
    assert page(name) is not None


def test_every_definition_leads_to_a_section_that_exists() -> None:
    for one in ALL_TERMS:
        name, row, heading = address(one.page)
        found = page(name)
        assert found is not None, f"{one.title}: no page {name}"
        assert not heading or heading in found.headings, f"{one.title}: no section {heading}"
        assert row


def test_every_definition_is_one_line_that_says_more_than_its_name() -> None:
    for one in ALL_TERMS:
        assert one.definition.endswith((".", ")")), one.title
        assert "\n" not in one.definition
        assert len(one.definition) > 12, one.title


def test_links_between_pages_lead_somewhere() -> None:
    for found in pages():
        for target in re.findall(r"\]\(([^)]+)\)", found.text):
            if "://" in target:
                continue  # names a source; the panel opens nothing outside
            name, _, _ = target.partition("#")
            assert page(name.replace(".md", "")) is not None, f"{found.name}: {target}"


def test_the_index_holds_every_measure() -> None:
    index = page(INDEX)
    assert index is not None
    for one in (*TERMS.values(), *WEIGHT_TERMS.values()):
        assert one.title in index.text
        assert f"({link_of(one.page)})" in index.text


# -- methods ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", INFOS)
def test_every_parameter_says_what_it_does(name: str) -> None:
    for param in INFOS[name].params:
        assert len(param.help) > 10, param.name
        assert words_of(param.help) - words_of(param.name), param.name


@pytest.mark.parametrize("name", INFOS)
def test_every_measure_of_a_layer_has_a_definition(name: str) -> None:
    try:
        outputs = declared(name)
    except AnalysisError:
        pytest.skip("the demo does not have what this method needs")
    for output in outputs:
        if output.dims != ("layer",) or output.name.endswith(ENDS):
            continue
        known = term(name, output.name, output.title, output.unit)
        assert not known.definition.startswith("Output '"), f"{name}.{output.name} has no line in the glossary"
        assert page(known.page.partition("#")[0]) is not None


@pytest.mark.parametrize("name", INFOS)
def test_every_output_has_a_title(name: str) -> None:
    for output in declared(name):
        assert output.title or output.name in TERMS, f"{name}.{output.name}"


# -- the window ------------------------------------------------------------------------------------------------------


def shown_metrics(workspace: Workspace) -> Iterator[Term]:
    for metric in available(workspace):
        yield Term(metric.title, metric.unit, metric.definition, metric.page)


def test_every_track_and_column_that_can_be_chosen_has_a_definition() -> None:
    metrics = list(shown_metrics(scenes.full()))
    assert len(metrics) > 12
    for metric in metrics:
        assert not metric.definition.startswith("Output '"), metric.title
        assert page(metric.page.partition("#")[0]) is not None, metric.title


def test_every_column_of_the_layers_says_what_it_is(theme: Theme, qtbot: QtBot) -> None:
    assert set(FACT_TITLES.values()) == set(LAYER_TERMS)
    panel = LayersPanel(scenes.full(), theme)
    qtbot.addWidget(panel)
    show(panel, 900, 500)
    for key in [*FACT_TITLES, *panel.metrics]:
        if key not in panel.columns:
            panel.toggle_column(key)
    settle()
    model = panel.model
    assert model.columnCount() > 15
    for section in range(model.columnCount()):
        tip = model.headerData(section, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole)
        title = model.headerData(section, Qt.Orientation.Horizontal)
        assert tip, title
        assert words_of(str(tip)) - words_of(str(title)), title


def test_every_column_of_the_runs_says_what_it_is(window: Any, qtbot: QtBot) -> None:
    assert set(COLUMNS) == set(RUN_TERMS)
    panel = window.panel("runs")
    assert isinstance(panel, RunPanel)
    for section in range(len(COLUMNS)):
        tip = panel.model.headerData(section, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole)
        assert tip == RUN_TERMS[COLUMNS[section]].definition
    panel.help_wanted.emit(RUN_TERMS["Size"].page)
    assert window.panel("help").name == "concepts"


def sides(name: str, view: QWidget) -> Iterator[str]:
    """Go through the pages of a view; those without pages have one."""
    pages_of = getattr(import_module(f"app.views.{name}"), "PAGES", (("", ""),))
    for side, _title in pages_of:
        if side:
            view.show_page(side)  # type: ignore[attr-defined]  # views with PAGES have it
            settle()
        yield side


@pytest.mark.parametrize("name", [info.name for info in VIEWS])
def test_every_plot_of_every_view_is_one_click_from_its_definition(
    name: str, theme: Theme, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[QMenu] = []
    monkeypatch.setattr(QMenu, "popup", lambda menu, *_place: opened.append(menu))
    info = next(info for info in VIEWS if info.name == name)
    view = info.make(scenes.full(), theme)
    qtbot.addWidget(view)
    show(view, 900, 640)
    assert isinstance(view, View)
    asked: list[str] = []
    view.help_wanted.connect(asked.append)
    for _side in sides(name, view):
        for plot in view.findChildren(Plot):
            if not plot.isVisible():
                continue
            asked.clear()
            opened.clear()
            plot.menu_wanted.emit(plot.mapToGlobal(QPoint(20, 60)))
            entries = [action for menu in opened for action in menu.actions() if action.text() == "What is this?"]
            assert entries, f"{plot.accessibleName()} has no way to its definition"
            entries[0].trigger()
            assert asked, plot.accessibleName()
            assert page(asked[0].partition("#")[0]) is not None


NEW = {
    "first_merge": "conflicting_bundles",
    "merged_pairs": "conflicting_bundles",
    "train_gap": "train_shared",
    "ring_entry": "parameter_sharing",
    "entry_gradient": "parameter_sharing",
    "channel_score": "channel_scores",
    "width_sensitivity": "width_sensitivity",
    "width_ratio": "lw_dna",
    "width_chance": "lw_dna",
    "published_count": "lw_dna",
    "width_likeness": "lw_dna",
    "width_line": "width_groups",
    "by_hand": "dynamic_configurations",
    "reach_by_hand": "dynamic_configurations",
}
"""Numbers of pages that no output of one value per layer stands for, and the page that says more of each."""


@pytest.mark.parametrize(("name", "where"), NEW.items())
def test_numbers_of_pages_are_in_the_list_of_terms(name: str, where: str) -> None:
    index = page(INDEX)
    assert index is not None
    assert address(TERMS[name].page)[0] == where
    assert f"**[{TERMS[name].title}]({link_of(TERMS[name].page)})**" in index.text


def test_large_numbers_are_one_click_from_their_definition(theme: Theme, qtbot: QtBot) -> None:
    view = next(info for info in VIEWS if info.name == "evaluate").make(scenes.full(), theme)
    qtbot.addWidget(view)
    show(view)
    asked: list[str] = []
    view.help_wanted.connect(asked.append)  # type: ignore[attr-defined]
    figures: dict[str, QWidget] = view.figures  # type: ignore[attr-defined]
    for figure in figures.values():
        if figure.isVisible():
            qtbot.mouseClick(figure, Qt.MouseButton.LeftButton)
            assert asked.pop() == "evaluate"


def test_every_setting_has_one_line() -> None:
    for option in OPTIONS:
        assert option.help.endswith(".")
        assert words_of(option.help) - words_of(option.title)


# -- the panel -------------------------------------------------------------------------------------------------------


@pytest.fixture
def panel(theme: Theme, qtbot: QtBot) -> HelpPanel:
    made = HelpPanel(theme)
    qtbot.addWidget(made)
    show(made, 300, 320)
    return made


def test_a_section_is_brought_to_the_top(panel: HelpPanel) -> None:
    panel.show_page("concepts#Badges")
    settle()
    assert panel.name == "concepts"
    assert panel._text.textCursor().block().text() == "Badges"
    assert panel._text.verticalScrollBar().value() > 100
    panel.show_page("concepts")
    settle()
    assert panel._text.verticalScrollBar().value() < 10


def test_links_lead_to_other_pages_and_nowhere_else(panel: HelpPanel) -> None:
    panel.show_page(INDEX)
    panel._text.anchorClicked.emit(QUrl("latency.md"))
    assert panel.name == "latency"
    panel._text.anchorClicked.emit(QUrl("https://example.org/feature_rank.md"))
    assert panel.name == "latency"
    panel._text.anchorClicked.emit(QUrl("nowhere.md"))
    assert panel.name == "latency"


@pytest.mark.parametrize("name", [found.name for found in pages()])
def test_every_page_can_be_shown_in_both_themes(name: str, panel: HelpPanel, theme: Theme) -> None:
    panel.show_page(name)
    for mode in ("light", "dark"):
        theme.set_mode(mode)
        settle()
        assert panel.name == name
        assert len(panel._text.toPlainText()) > 100


def test_links_of_the_index_lead_to_sections(panel: HelpPanel) -> None:
    panel.show_page(INDEX)
    panel._text.anchorClicked.emit(QUrl("conflicting_bundles.md#Which%20classes%20merge"))
    settle()
    assert panel.name == "conflicting_bundles"
    assert panel._text.textCursor().block().text() == "Which classes merge"


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_every_term_leads_to_the_row_or_paragraph_that_defines_it(mode: str, panel: HelpPanel, theme: Theme) -> None:
    theme.set_mode(mode)
    for one in ALL_TERMS:
        panel.show_page(one.page)
        shared = words(address(one.page)[1]) & words(panel.marked)
        assert shared, f"{one.title}: {one.page} has no row"
        block = panel._text.textCursor().block()
        assert shared <= words(block.text()), one.title


@pytest.mark.parametrize(
    ("term", "marked"),
    [
        (TERMS["effective_rank"], "effective rank"),
        (TERMS["nuclear_norm_scaled"], "nuclear norm, scaled"),
        (WEIGHT_TERMS["components"], "components"),
        (TERMS["width_sensitivity"], "accuracy, loss"),
        (TERMS["double_fault"], "double fault"),
        (TERMS["picture_loss"], "loss of a picture (sample_loss)"),
    ],
)
def test_a_term_is_marked_and_in_sight(term: Term, marked: str, panel: HelpPanel) -> None:
    panel.show_page(term.page)
    settle()
    assert panel.marked == marked
    cursor = panel._text.textCursor()
    assert panel._text.viewport().rect().contains(panel._text.cursorRect(cursor).center())
    color = panel._theme.color("selected")
    assert cursor.currentTable().cellAt(cursor).format().background().color() == color


def test_one_goes_back_to_where_one_was_and_forward_again(panel: HelpPanel, qtbot: QtBot) -> None:
    panel.show_page("concepts")
    settle()
    bar = panel._text.verticalScrollBar()
    bar.setValue(300)
    panel._text.anchorClicked.emit(QUrl("latency.md"))
    assert (panel.name, panel.back.isEnabled(), panel.forward.isEnabled()) == ("latency", True, False)
    panel.back.click()
    settle()
    assert (panel.name, bar.value()) == ("concepts", 300)
    qtbot.keyClick(panel._text, Qt.Key.Key_Right, Qt.KeyboardModifier.AltModifier)
    assert panel.name == "latency"
    qtbot.keyClick(panel._text, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    assert panel.name == "concepts"
    panel.show_page("evaluate")
    assert not panel.forward.isEnabled(), "another way was taken"


def test_another_theme_or_size_of_text_leaves_the_place(panel: HelpPanel, theme: Theme) -> None:
    panel.show_page("concepts")
    settle()
    bar = panel._text.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    before = panel._text.cursorForPosition(QPoint(0, 0)).block().text()
    for change in (lambda: theme.set_mode("dark"), lambda: theme.set_scale(1.4), lambda: theme.set_scale(1.0)):
        change()
        settle()
        assert panel._text.cursorForPosition(QPoint(0, 2)).block().text() == before
    panel.show_page(TERMS["macs"].page)
    theme.set_mode("light")
    assert panel.marked == "macs"


def test_words_are_found_on_this_page_then_on_the_others(panel: HelpPanel, qtbot: QtBot) -> None:
    panel.show_page("latency")
    panel.search.setText("jackknife")
    settle()
    assert panel.name == "feature_rank"
    assert panel._text.textCursor().selectedText() == "jackknife"
    assert panel.count.text() == "1 here, found on 0 other pages"
    panel.search.setText("quartile")
    homes = [panel.name]
    for _ in range(8):
        qtbot.keyClick(panel.search, Qt.Key.Key_Return)
        homes.append(panel.name)
        assert panel._text.textCursor().selectedText().lower() == "quartile"
    assert {found.name for found in pages() if "quartile" in plain(found.name).lower()} == set(homes)
    panel.search.setText("no such words")
    assert panel.count.text() == "Not found"
    panel.search.clear()
    assert not panel.count.isVisible()
    assert not panel._text.extraSelections()


def test_pages_passed_while_typing_are_no_places_to_come_back_to(panel: HelpPanel, qtbot: QtBot) -> None:
    panel.show_page("latency")
    passed = []
    for end in range(1, len("jackknife") + 1):
        panel.search.setText("jackknife"[:end])
        passed.append(panel.name)
    assert len({*passed}) > 2, "letters led through other pages"
    assert panel.name == "feature_rank"
    panel.step(-1)
    assert panel.name == "latency"
    panel.step(1)
    assert panel.name == "feature_rank"
    panel.search.setText("quartile")
    panel.step(-1)
    assert panel.name == "feature_rank", "one had come back to it before typing"
