"""Notices: said once, counted, passing by themselves, with their ways on; and the hooks that make them."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import QtMsgType, qCritical
from PySide6.QtWidgets import QPlainTextEdit, QPushButton, QToolButton, QWidget

import app.notices as module
from analysis.problems import Problem
from analysis.request import DeviceInfo
from app.log import LAST, LINES, Hooks, LogBuffer, diagnostics, without_folders
from app.notices import SHOWN, Notice, NoticeAction, Notices, NoticeStack
from app.theme import Theme


@pytest.fixture
def notices(qapp: Any) -> Iterator[Notices]:
    made = Notices()
    yield made
    made.clear()
    made.deleteLater()


@pytest.fixture
def stack(qapp: Any, qtbot: Any, notices: Notices) -> Iterator[NoticeStack]:
    window = QWidget()
    window.resize(900, 700)
    theme = Theme("light", parent=window)
    made = NoticeStack(notices, theme.icon, window)
    window.show()
    yield made
    window.close()
    window.deleteLater()


def test_same_text_is_counted_not_repeated(notices: Notices) -> None:
    first = notices.say("The disk is full.")
    assert notices.say("The disk is full.") == first
    assert [n.count for n in notices.all().values()] == [2]


def test_key_replaces_the_earlier_notice(notices: Notices) -> None:
    notices.say("one", key="k")
    notices.say("two", key="k")
    assert [n.text for n in notices.all().values()] == ["two"]
    notices.remove_key("k")
    assert not notices.all()


def test_problem_becomes_an_error_with_details(notices: Notices) -> None:
    notices.problem(Problem("It broke.", "Mend it.", "line 1"))
    (notice,) = notices.all().values()
    assert (notice.level, notice.text, notice.hint, notice.details) == ("error", "It broke.", "Mend it.", "line 1")
    assert not notice.passing


def test_plain_messages_pass_and_others_stay(notices: Notices, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.0)
    notices.say("passing")
    stays = notices.say("stays", "", NoticeAction("Do", lambda: None))
    notices.add(Notice("warning", level="warning"))
    qtbot.waitUntil(lambda: len(notices.all()) == 2)
    assert stays in notices.all()
    notices.clear()


def test_offer_can_be_limited_in_time(notices: Notices, qtbot: Any) -> None:
    notices.add(Notice("More?", actions=(NoticeAction("Yes", lambda: None),), seconds=0.01))
    qtbot.waitUntil(lambda: not notices.all())


def test_stack_shows_the_newest_in_the_lower_right_corner(stack: NoticeStack, notices: Notices) -> None:
    for number in range(SHOWN + 3):
        notices.say(f"number {number}", level="warning")
    shown = [card.accessibleName() for card in stack.findChildren(QWidget, "notice") if card.isVisible()]
    assert len(shown) == SHOWN
    assert f"number {SHOWN + 2}" in " ".join(shown)
    window = stack.parentWidget()
    assert window is not None
    assert stack.geometry().right() < window.width()
    assert stack.geometry().bottom() < window.height()
    assert stack.geometry().right() > window.width() - 40


def test_stack_follows_the_size_of_the_window(stack: NoticeStack, notices: Notices, qtbot: Any) -> None:
    notices.say("here", level="warning")
    window = stack.parentWidget()
    assert window is not None
    window.resize(600, 400)
    qtbot.waitUntil(lambda: stack.geometry().right() < 600 and stack.geometry().bottom() < 400)


def test_action_is_done_and_the_notice_goes(stack: NoticeStack, notices: Notices) -> None:
    done: list[int] = []
    notices.say("Shall I?", "", NoticeAction("Yes", lambda: done.append(1)), level="warning")
    button = next(b for b in stack.findChildren(QPushButton) if b.text() == "Yes")
    button.click()
    assert done == [1]
    assert not notices.all()


def test_close_button_closes(stack: NoticeStack, notices: Notices) -> None:
    notices.say("Close me.", level="error")
    stack.findChild(QToolButton).click()
    assert not notices.all()


def test_details_unfold_and_can_be_copied(stack: NoticeStack, notices: Notices, qapp: Any) -> None:
    notices.problem(Problem("It broke.", "", "Traceback\n  line 3"))
    before = stack.height()
    next(b for b in stack.findChildren(QPushButton) if b.text() == "Details").click()
    qapp.processEvents()
    text = stack.findChild(QPlainTextEdit)
    assert text.isVisible()
    assert "line 3" in text.toPlainText()
    assert stack.height() > before
    next(b for b in stack.findChildren(QPushButton) if b.text() == "Copy").click()
    assert "line 3" in qapp.clipboard().text()


def test_details_stay_open_while_another_notice_arrives(stack: NoticeStack, notices: Notices) -> None:
    notices.problem(Problem("It broke.", "", "line 3"))
    next(b for b in stack.findChildren(QPushButton) if b.text() == "Details").click()
    notices.say("another", level="warning")
    text = stack.findChild(QPlainTextEdit)
    assert text is not None
    assert not text.isHidden()


# -- hooks -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def caught(qapp: Any) -> Iterator[list[Problem]]:
    found: list[Problem] = []
    hooks = Hooks(found.append)
    hooks.install()
    yield found
    hooks.remove()


def test_uncaught_exception_becomes_a_problem_with_its_traceback(caught: list[Problem]) -> None:
    try:
        raise ValueError("no such layer")
    except ValueError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    assert caught[0].hint == "ValueError: no such layer"
    assert "test_notices.py" in caught[0].details


def test_exception_in_a_slot_reaches_the_hook(caught: list[Problem], qtbot: Any) -> None:
    button = QPushButton()
    qtbot.addWidget(button)
    button.clicked.connect(lambda: 1 / 0)
    button.click()
    assert any("ZeroDivisionError" in problem.hint for problem in caught)


def test_exception_in_a_thread_arrives_in_the_thread_of_the_window(caught: list[Problem], qtbot: Any) -> None:
    def fail() -> None:
        raise RuntimeError("in a thread")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: bool(caught))
    assert "in a thread" in caught[0].hint


def test_same_error_in_every_frame_is_told_once_a_second(caught: list[Problem]) -> None:
    error = ValueError("in paint")
    for _ in range(60):
        sys.excepthook(ValueError, error, None)
    assert len(caught) == 1


def test_qt_errors_are_told_and_warnings_only_logged(caught: list[Problem], caplog: pytest.LogCaptureFixture) -> None:
    hooks = Hooks(caught.append)
    with caplog.at_level(logging.INFO, "layerscope"):
        hooks._from_qt(QtMsgType.QtWarningMsg, None, "a warning")  # type: ignore[arg-type]
        hooks._from_qt(QtMsgType.QtCriticalMsg, None, "an error")  # type: ignore[arg-type]
    assert [problem.hint for problem in caught] == ["an error"]
    assert ["a warning" in record.message for record in caplog.records] == [True, False]


def test_installed_handler_hears_qt(caught: list[Problem]) -> None:
    qCritical("from Qt itself")
    assert caught[0].hint == "from Qt itself"


def test_hooks_are_put_back(qapp: Any) -> None:
    before = sys.excepthook, threading.excepthook, sys.unraisablehook
    hooks = Hooks(lambda problem: None)
    hooks.install()
    assert sys.excepthook is not before[0]
    hooks.remove()
    hooks.remove()
    assert (sys.excepthook, threading.excepthook, sys.unraisablehook) == before


# -- log ---------------------------------------------------------------------------------------------------------------


def test_log_keeps_the_last_lines_only(qapp: Any) -> None:
    buffer = LogBuffer()
    logger = logging.Logger("test")
    logger.addHandler(buffer)
    for number in range(LINES + 50):
        logger.info("line %d", number)
    assert len(buffer.lines) == LINES
    assert buffer.lines[-1].endswith(f"line {LINES + 49}")


def test_diagnostics_hold_versions_devices_and_no_folders(qapp: Any) -> None:
    buffer = LogBuffer()
    logger = logging.Logger("test")
    logger.addHandler(buffer)
    for number in range(LAST + 10):
        logger.info("line %d", number)
    logger.error('File "/home/ann/secret/nets/mine.py", line 3, could not open C:\\Users\\ann\\net.pth.')
    text = diagnostics(buffer, (DeviceInfo("cuda:0", "Test GPU", 80 << 30),), "ready")
    assert "PySide6-Essentials 6." in text
    assert "Device cuda:0: Test GPU, 80.0 GiB" in text
    assert "Engine: ready" in text
    assert "ann" not in text
    assert '"mine.py", line 3' in text
    assert "net.pth." in text
    assert "line 5\n" not in text
    assert f"line {LAST + 9}" in text


def test_without_folders_leaves_other_slashes_alone() -> None:
    assert without_folders("512/1,000 pictures, a/b, / and /x") == "512/1,000 pictures, a/b, / and /x"
