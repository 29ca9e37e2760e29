"""A click on the name of a number opens its definition: below plots, in tables, grids and cards; by keyboard too."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QAction, QImage
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.browsing.sample_card import SampleCard
from app.bundling.removal_page import COSTS
from app.drawing.plots import Plot
from app.drawing.readout import Entry, Line, Readout
from app.forms.term_label import TermLabel
from app.panels.graph_panel import GraphPanel
from app.panels.inspector import Inspector
from app.panels.top_bar import Chip, TopBar
from app.reading.glossary import TERMS, address
from app.reading.help_pages import page
from app.reading.samples import Guess
from app.settings import Preferences
from app.theme import Theme
from app.views import VIEWS, View
from app.workspace import Workspace
from tests import bundle_scenes, configuration_scenes, scenes
from tests.gestures import settle, show, theme
from tests.test_graph_panel import opened as with_structure
from tests.test_help import sides

__all__ = ["theme"]


def told_by(view: QWidget, name: str, monkeypatch: pytest.MonkeyPatch) -> list[Entry]:
    """Point everywhere in every plot of every page of a view, and collect what the line of values says."""
    told: list[Entry] = []
    monkeypatch.setattr(Readout, "show_entries", lambda _line, _heading, entries: told.extend(entries))
    for _side in sides(name, view):
        for plot in view.findChildren(Plot):
            if plot.isVisible():
                (left, right), (low, high) = plot.home
                for x in np.linspace(left, right, 9):
                    for y in np.linspace(low, high, 9):
                        plot.hovered.emit((float(x), float(y)))
    return told


def leads_somewhere(section: str) -> bool:
    name, _row, heading = address(section)
    found = page(name)
    return found is not None and (not heading or heading in found.headings)


def everything() -> Workspace:
    """All that tabs can show of one network, with a layer and a picture selected."""
    workspace = scenes.full()
    model, images = scenes.MODEL, scenes.IMAGES
    scenes.play(workspace, bundle_scenes.removal_events(workspace.layers, model, images))
    scenes.play(workspace, configuration_scenes.pool_events(model, images))
    scenes.play(workspace, configuration_scenes.chooser_events(model, images))
    workspace.select_layer("layer2.1")
    workspace.select_sample(3)
    return workspace


@pytest.mark.parametrize("name", [info.name for info in VIEWS if info.name not in ("samples", "attribution")])
def test_every_value_below_a_plot_is_one_click_from_its_definition(
    name: str, theme: Theme, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = everything()
    view = next(info for info in VIEWS if info.name == name).make(workspace, theme)
    qtbot.addWidget(view)
    show(view, 900, 640)
    told = told_by(view, name, monkeypatch)
    named = {entry.label: entry for entry in told if entry.label}
    assert named, f"pointing tells nothing in {name}"
    lost = {label: entry.section for label, entry in named.items() if not leads_somewhere(entry.section)}
    assert not lost, f"{name}: values that lead nowhere"


# -- names that are clicked ------------------------------------------------------------------------------------------


@pytest.fixture
def line(theme: Theme, qtbot: QtBot) -> Readout:
    made = Readout(theme)
    qtbot.addWidget(made)
    show(made, 600, 60)
    entries = (Entry("H", "0.4 nats", "bundles", term="entropy"), Entry("", "a note", "text_soft"),
               Entry("size", "12", "text_soft", term="bundle_size"))  # fmt: skip
    made.show_entries("layer2.1", entries)
    settle()
    return made


def test_a_click_on_a_name_opens_its_section(line: Readout, qtbot: QtBot) -> None:
    asked: list[str] = []
    line.help_wanted.connect(asked.append)
    for name in line.names():
        qtbot.mouseClick(line, Qt.MouseButton.LeftButton, pos=name.place.center().toPoint())
    assert asked == [TERMS["entropy"].page, TERMS["bundle_size"].page]
    first = line.names()[0].place
    qtbot.mouseClick(line, Qt.MouseButton.LeftButton, pos=QPoint(round(first.right()) + 12, round(first.center().y())))
    assert len(asked) == 2, "the value itself is no link"


def test_only_names_that_lead_somewhere_have_a_hand(line: Readout, qtbot: QtBot) -> None:
    shapes = []
    for name in line.names():
        qtbot.mouseMove(line, name.place.center().toPoint())
        settle()
        shapes.append(line.cursor().shape())
    hand, arrow = Qt.CursorShape.PointingHandCursor, Qt.CursorShape.ArrowCursor
    assert shapes == [hand, arrow, hand]
    assert "Click the name for more." in line.tip_at(QPointF(line.names()[0].place.center()))


def test_names_can_be_reached_without_a_mouse(line: Readout, qtbot: QtBot) -> None:
    asked: list[str] = []
    line.help_wanted.connect(asked.append)
    focus(line)
    qtbot.keyClick(line, Qt.Key.Key_Return)
    qtbot.keyClick(line, Qt.Key.Key_Right)
    qtbot.keyClick(line, Qt.Key.Key_Return)
    assert asked == [TERMS["entropy"].page, TERMS["bundle_size"].page]
    assert line.links.current == 2, "a note is passed over"


def test_values_wait_for_the_mouse_that_left_the_plot(line: Readout, qtbot: QtBot) -> None:
    line.clearFocus()
    QApplication.sendEvent(line, QEvent(QEvent.Type.Leave))  # where the mouse happens to be
    line.show_entries("", ())
    assert line.names(), "the mouse may be on its way to a name"
    qtbot.waitUntil(lambda: not line.names(), timeout=3000)
    line.show_entries("layer2.1", (Entry("H", "0 nats", "bundles", term="entropy"),))
    line.clear()
    assert not line.names(), "another page is shown: nothing can be meant any more"


def focus(widget: QWidget) -> None:
    widget.window().activateWindow()
    settle()
    widget.setFocus(Qt.FocusReason.TabFocusReason)
    settle()


def asked_of(view: View) -> list[str]:
    asked: list[str] = []
    view.help_wanted.connect(asked.append)
    return asked


def made_view(name: str, workspace: Workspace, theme: Theme, qtbot: QtBot, page_name: str = "") -> Any:
    view = next(info for info in VIEWS if info.name == name).make(workspace, theme)
    qtbot.addWidget(view)
    show(view, 1000, 700)
    if page_name:
        view.show_page(page_name)  # type: ignore[attr-defined]  # views with PAGES have it
    settle()
    return view


def test_titles_of_the_table_of_bundles_lead_to_the_numbers(theme: Theme, qtbot: QtBot) -> None:
    view = made_view("bundles", everything(), theme, qtbot, "bundle")
    asked, header = asked_of(view), view.bundle_page.table.horizontalHeader()
    for section in range(view.bundle_page.table.table.columnCount()):
        place = QPoint(header.sectionViewportPosition(section) + 6, header.height() // 2)
        qtbot.mouseMove(header.viewport(), place)
        assert header.viewport().cursor().shape() == Qt.CursorShape.PointingHandCursor
        qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert len(asked) == 5
    assert {address(page)[::2] for page in asked} == {("conflicting_bundles", "The numbers")}
    focus(header)
    qtbot.keyClick(header, Qt.Key.Key_Return)
    assert len(asked) == 6


def test_every_cost_of_removal_is_one_click_from_its_definition(theme: Theme, qtbot: QtBot) -> None:
    view = made_view("bundles", everything(), theme, qtbot, "removal")
    asked, labels = asked_of(view), view.removal.findChildren(TermLabel)
    assert len(labels) == len(COSTS)
    for label in labels:
        qtbot.mouseClick(label, Qt.MouseButton.LeftButton)
        qtbot.keyClick(label, Qt.Key.Key_Return)
    assert asked == [TERMS[term].page for _, _, term in COSTS for _ in range(2)]
    header = view.removal.tree.header()
    place = QPoint(header.sectionViewportPosition(1) + 6, header.height() // 2)
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert asked[-1] == TERMS["critical_tolerance"].page


def test_every_headline_of_the_oracle_is_one_click_from_its_definition(theme: Theme, qtbot: QtBot) -> None:
    view = made_view("configurations", everything(), theme, qtbot, "oracle")
    asked, plot = asked_of(view), view.oracle.rows
    assert len(plot.rows) > 12
    for number, row in enumerate(plot.rows):
        assert leads_somewhere(TERMS[row.term].page if row.term else ""), row.name
        y = plot.names.at(number)
        place = QPoint(round(plot.area().left()) - 20, round(y))
        if plot.area().top() < y < plot.area().bottom():
            qtbot.mouseClick(plot.viewport(), Qt.MouseButton.LeftButton, pos=place)
            assert asked.pop() == TERMS[row.term].page, row.name
    names = {row.name: row.term for row in plot.rows}
    assert names["right under all"] == "all_correct"
    assert names["if all were independent"] == "independence_ceiling"


def test_the_card_of_a_sample_explains_its_numbers(theme: Theme, qtbot: QtBot) -> None:
    card = SampleCard(theme)
    qtbot.addWidget(card)
    show(card, 240, 600)
    asked: list[str] = []
    card.help_wanted.connect(asked.append)
    words = "Label: Coat\nPrediction: <frog>, right\nLoss: 0.75 nats"
    card.show_sample("picture", QImage(), (Guess("frog", 0.7, True), Guess("cat", 0.2, False)), (words, "", ""))
    settle()
    assert card.facts.words == words
    assert "<frog>" not in card.facts.text(), "names of classes are no marks"
    focus(card.facts)
    if not card.facts.hasSelectedText():  # the first link is not reached yet
        qtbot.keyClick(card.facts, Qt.Key.Key_Tab)
    qtbot.keyClick(card.facts, Qt.Key.Key_Return)
    for name in card.bars.names():
        qtbot.mouseClick(card.bars, Qt.MouseButton.LeftButton, pos=name.place.center().toPoint())
    assert asked == [TERMS["verdict"].page, *[TERMS["prediction_share"].page] * 2]
    card.facts.linkActivated.emit(TERMS["picture_loss"].page)
    assert asked[-1] == TERMS["picture_loss"].page
    assert leads_somewhere(asked[-1])


def test_the_card_of_a_configuration_explains_its_numbers(theme: Theme, qtbot: QtBot) -> None:
    view = made_view("configurations", everything(), theme, qtbot, "picture")
    asked, card = asked_of(view), view.pages["picture"].card
    card.grab()
    names = card.names()
    for key in ("macs", "true_probability", "right_under", "prediction_share", "map_size"):
        found = next(name for name in names if name.tip == TERMS[key].definition)
        qtbot.mouseClick(card, Qt.MouseButton.LeftButton, pos=found.place.center().toPoint())
        assert asked.pop() == TERMS[key].page


def test_the_delta_of_an_attribution_leads_to_its_section(theme: Theme, qtbot: QtBot) -> None:
    workspace = everything()
    workspace.select_sample(12)
    view = made_view("attribution", workspace, theme, qtbot)
    asked, board = asked_of(view), view.board
    for name in board.names():
        qtbot.mouseClick(board, Qt.MouseButton.LeftButton, pos=name.place.center().toPoint())
    assert TERMS["convergence_delta"].page in asked
    assert all(leads_somewhere(section) for section in asked)


# -- panels ----------------------------------------------------------------------------------------------------------


def test_counts_in_the_bar_at_the_top_are_one_click_from_their_definition(theme: Theme, qtbot: QtBot) -> None:
    chip = Chip(theme, "network", "Network", ("parameters", "macs"))
    qtbot.addWidget(chip)
    chip.show_state("resnet20", "272 k · 40.8 M MACs")
    show(chip, 400, 40)
    asked: list[str] = []
    opened: list[bool] = []
    chip.help_wanted.connect(asked.append)
    chip.pressed.connect(lambda: opened.append(True))
    for number in chip.numbers:
        assert number.isVisible()
        qtbot.mouseClick(number, Qt.MouseButton.LeftButton)
        qtbot.keyClick(number, Qt.Key.Key_Return)
    assert asked == [TERMS[name].page for name in ("parameters", "macs") for _ in range(2)]
    assert not opened, "the menu of the chip stays closed"
    assert all(leads_somewhere(section) for section in asked)
    chip.show_state("resnet20", "opening…")
    assert not any(number.isVisible() for number in chip.numbers), "what is no count is no name of one"


def test_the_bar_at_the_top_hands_its_names_on(theme: Theme, qtbot: QtBot, tmp_path: Path) -> None:
    workspace = everything()
    bar = TopBar(workspace, theme, Preferences(tmp_path / "settings.json"), defaultdict(QAction))
    qtbot.addWidget(bar)
    asked: list[str] = []
    bar.help_wanted.connect(asked.append)
    bar.model.numbers[0].help_wanted.emit("structure")
    assert asked == ["structure"]


def test_the_colours_of_the_graph_lead_to_the_definition_of_their_measure(theme: Theme, qtbot: QtBot) -> None:
    workspace = with_structure()
    scenes.play(workspace, scenes.rank_events(workspace.layers))
    panel = GraphPanel(workspace, theme)
    qtbot.addWidget(panel)
    show(panel, 300, 500)
    asked: list[str] = []
    panel.help_wanted.connect(asked.append)
    assert not panel.scale.isVisible()
    for key in ("structure.macs", "feature_rank.effective_rank"):
        panel.color_by(key)
        settle()
        qtbot.mouseClick(panel.scale, Qt.MouseButton.LeftButton, pos=panel.scale.rect().center())
        assert asked.pop() == panel.metrics[key].page
        focus(panel.scale)
        qtbot.keyClick(panel.scale, Qt.Key.Key_Return)
        assert leads_somewhere(asked[-1])


def test_every_number_of_the_inspector_is_one_click_from_its_definition(theme: Theme, qtbot: QtBot) -> None:
    workspace = everything()
    layer = next(layer for layer in workspace.layers if layer.kind == "conv")
    for sample in (-1, 3):
        scenes.play(workspace, scenes.activation_events(layer, sample), purpose="glance")
    workspace.select_layer(layer.name)
    workspace.select(replace(workspace.selection, channel=4))
    inspector = Inspector(workspace, theme)
    qtbot.addWidget(inspector)
    show(inspector, 340, 1400)
    settle()
    asked: list[str] = []
    inspector.help_wanted.connect(asked.append)
    section = inspector.channels
    shown = [section.title, section.pictures.title, section.pictures.facts, section.lists]
    shown += [section.weights.filter_title, section.weights.histogram_title, section.weights.spectrum_title]
    told: dict[str, str] = {}
    for label in shown:
        assert not label.isHidden(), label.text()
        for href, words in re.findall(r'href="([^"]+)"[^>]*>([^<]+)</a>', label.text()):
            if not href.startswith("#"):
                told[words] = href
                label.linkActivated.emit(href)
    assert asked == list(told.values())
    assert {"mean", "largest", "above zero", "Dead", "Constant", "Duplicates", "Weights", "standard deviation"} <= {
        *told
    }
    assert {"Maps of picture", "Filter of channel", "Singular values of the weights"} <= {*told}
    assert {name: page for name, page in told.items() if not leads_somewhere(page)} == {}
    channel = re.search(r'href="#(\d+)"', section.lists.text())
    assert channel, "channels stay links to themselves"
    section.lists.linkActivated.emit(f"#{channel[1]}")
    assert workspace.selection.channel == int(channel[1])
    assert len(asked) == len(told)


def test_confidence_and_score_of_an_attribution_are_one_click_away(theme: Theme, qtbot: QtBot) -> None:
    workspace = everything()
    workspace.select_sample(12)
    view = made_view("attribution", workspace, theme, qtbot)
    asked, line = asked_of(view), view.summary
    for name in line.names():
        qtbot.mouseClick(line, Qt.MouseButton.LeftButton, pos=name.place.center().toPoint())
    assert {TERMS[term].page for term in ("prediction_share", "target_score", "verdict")} <= set(asked)
    assert all(leads_somewhere(section) for section in asked)
    assert line.tip_at(QPointF(line.width() - 2, 4)) == line.toolTip(), "elsewhere it says all that it is of"


def test_a_line_without_names_takes_no_keyboard(theme: Theme, qtbot: QtBot) -> None:
    plain = Line(theme)
    qtbot.addWidget(plain)
    plain.say("score 3 · mean 4")
    assert plain.focusPolicy() == Qt.FocusPolicy.NoFocus
    assert plain.names() == ()
