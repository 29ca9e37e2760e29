"""Panels for questions, the log, help and search; and that all of them can go at any time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QApplication, QLineEdit, QListWidget, QPlainTextEdit, QWidget

from analysis.problems import Problem
from analysis.request import ModelSource
from app.desk import Desk
from app.panels.help_panel import HelpPanel
from app.panels.log_panel import LogPanel
from app.panels.measure_panel import MeasurePanel
from app.panels.model_panel import ModelPanel
from app.panels.palette import Entry, Palette, rating
from app.panels.question_panel import QuestionPanel
from app.panels.run_panel import RunPanel
from app.questions import question_of
from app.theme import Theme
from tests.fake_engine import FakeEngine
from tests.panel_parts import button, heard, ready, settle

__all__ = ["ready"]


# -- questions ---------------------------------------------------------------------------------------------------------


def panel_of(desk: Desk, qtbot: Any, code: str, details: str = "") -> QuestionPanel:
    source = ModelSource("auto", ("/w/net.pth",))
    made = QuestionPanel(question_of(source, Problem("Message.", "Hint.", details, code)), desk.theme)
    qtbot.addWidget(made)
    made.show()
    return made


def test_mismatch_report_is_key_by_key_and_can_be_copied(desk: Desk, qtbot: Any) -> None:
    lines = [f"missing: layer{n}.weight (3, 3)" for n in range(40)]
    panel = panel_of(desk, qtbot, "mismatch", "\n".join(lines))
    assert "… 36 more lines" in panel._facts.text()
    button(panel, "Details").click()
    assert panel.findChild(QPlainTextEdit).toPlainText().splitlines() == lines
    button(panel, "Copy report").click()
    assert lines[39] in QApplication.clipboard().text()


def test_choice_is_made_with_keyboard_or_mouse(desk: Desk, qtbot: Any) -> None:
    panel = panel_of(desk, qtbot, "ambiguous", "timm:x\ntimm:y")
    chosen = heard(panel.chosen)
    choices = panel.findChild(QListWidget)
    assert panel.first_button() is choices
    qtbot.keyClick(choices, Qt.Key.Key_Down)
    button(panel, "Open").click()
    assert chosen == [ModelSource("timm:y", ("/w/net.pth",))]


def test_network_can_be_named(desk: Desk, qtbot: Any) -> None:
    panel = panel_of(desk, qtbot, "no_match", "timm:x: 3 keys differ")
    chosen = heard(panel.chosen)
    field = panel.findChild(QLineEdit)
    qtbot.keyClicks(field, "timm:z")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert chosen == [ModelSource("timm:z", ("/w/net.pth",))]


def test_trust_question_explains_itself(desk: Desk, qtbot: Any) -> None:
    panel = panel_of(desk, qtbot, "needs_trust")
    button(panel, "What is this?").click()
    assert "could harm you" in panel.findChild(QPlainTextEdit).toPlainText()
    first = panel.first_button()
    assert isinstance(first, QAbstractButton)
    assert first.text() == "Cancel"


# -- log, help, search -------------------------------------------------------------------------------------------------


def test_log_panel_follows_while_it_is_seen(desk: Desk, qtbot: Any) -> None:
    import logging

    panel = LogPanel(desk.log, desk.theme)
    qtbot.addWidget(panel)
    logger = logging.Logger("test")
    logger.addHandler(desk.log)
    logger.info("before")
    panel.show()
    assert "before" in panel._text.toPlainText()
    logger.info("later")
    qtbot.waitUntil(lambda: "later" in panel._text.toPlainText())
    panel.hide()
    logger.info("hidden")
    assert not panel._soon.isActive()


def test_help_shows_the_page_that_is_asked_for(desk: Desk, qtbot: Any) -> None:
    panel = HelpPanel(desk.theme)
    qtbot.addWidget(panel)
    panel.show_page("feature_rank")
    assert "rank" in panel._text.toPlainText().lower()
    before = panel._text.toPlainText()
    panel.show_page("no such page")
    assert panel._text.toPlainText() == before


@given(st.text("abl2. ", max_size=6), st.text("abl2.", min_size=1, max_size=9))
def test_search_finds_exactly_what_holds_the_letters_in_order(query: str, text: str) -> None:
    def holds(word: str) -> bool:
        letters = iter(text)
        return all(letter in letters for letter in word)

    assert (rating(query, Entry(text, "layer", print)) > 0) == all(holds(word) for word in query.split())


def test_whole_words_come_before_parts_and_scattered_letters() -> None:
    order = ["conv1", "layer1.conv1", "layer1.conv12", "c o n v 1"]
    rated = sorted(order, key=lambda text: rating("conv1", Entry(text, "layer", print)), reverse=True)
    assert rated == order


def test_panels_can_be_thrown_away_in_the_middle_of_a_run(ready: Desk, engine: FakeEngine, qtbot: Any) -> None:
    engine.per_poll = 2
    panels = [
        RunPanel(ready.workspace, ready.history, ready.theme),
        MeasurePanel(ready.workspace, ready.theme, ready.history),
        ModelPanel(ready.workspace),
    ]
    for panel in panels:
        panel.show()
    ready.measuring.measure(ready.workspace.new_request("feature_rank"))
    ready.client.tick()
    for panel in panels:
        panel.close()
        panel.deleteLater()
    QApplication.sendPostedEvents(None, 52)  # deferred deletes
    settle(ready, qtbot)
    assert Path(ready.history.root).is_dir()


def test_scattered_letters_are_a_guess_for_where_nothing_has_the_words(qtbot: Any) -> None:
    entries = [
        Entry("Compare with", "action", print),
        Entry("Feature rank of cifar_resnet20, 2026-11-22, 16:58", "run", print),
        Entry("Accuracy", "tab", print, also="top-1 top-5 correct"),
        Entry("layer2.0.conv1", "layer", print),
    ]
    above = QWidget()
    qtbot.addWidget(above)
    palette = Palette(lambda: entries, Theme("light"), above)
    palette.open()

    def found(words: str) -> list[str]:
        palette.line.setText(words)
        return [entry.text for entry in palette._shown]

    assert found("cmp") == ["Compare with"]
    assert found("l2 conv") == ["layer2.0.conv1"]
    assert found("lc1") == ["layer2.0.conv1"]
    assert found("top-5") == ["Accuracy"]
    assert found("compare") == ["Compare with"]
