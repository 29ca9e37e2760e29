"""The row above a view, and the label at the crosshair that fades."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from app.drawing.readout import FADE, Entry, Readout
from app.forms.head import Head
from app.theme import Theme
from app.views import VIEWS
from tests import scenes
from tests.gestures import settle, show, theme

__all__ = ["theme"]


@pytest.mark.parametrize(("width", "in_two_rows"), [(900, False), (240, True)])
def test_controls_go_below_where_both_do_not_fit(width: int, in_two_rows: bool, qtbot: QtBot) -> None:
    words, control = QLabel("a few words at the left"), QLabel("controls at the right")
    head = Head(words, control)
    qtbot.addWidget(head)
    show(head, width, 60)
    assert head.in_two_rows == in_two_rows
    head.resize(900, 60)
    settle()
    assert not head.in_two_rows
    words.setText("many more words " * 20)
    settle()
    assert head.in_two_rows
    assert head.minimumSizeHint().width() < words.sizeHint().width() + control.sizeHint().width()


def test_the_head_of_the_overview_keeps_its_words_with_larger_text(theme: Theme, qtbot: QtBot) -> None:
    view = next(info for info in VIEWS if info.name == "overview").make(scenes.full(), theme)
    qtbot.addWidget(view)
    show(view, 750, 620)
    assert not view.head.in_two_rows  # type: ignore[attr-defined]
    theme.set_scale(1.6)
    settle()
    assert view.head.in_two_rows  # type: ignore[attr-defined]
    title = view.title  # type: ignore[attr-defined]
    assert title.room <= title.width()
    assert view.width() == 750


def test_the_label_at_the_crosshair_fades_only_as_it_comes_or_goes(theme: Theme, qtbot: QtBot) -> None:
    readout = Readout(theme)
    qtbot.addWidget(readout)
    assert readout.fade.duration() == FADE == 120
    entry = Entry("rank", "3", "rank")
    readout.show_entries("conv1", (entry,))
    assert readout.fade.state() == readout.fade.State.Stopped  # nobody has seen it yet
    show(readout, 500, 40)
    readout.show_entries("conv2", (entry,))
    assert readout.fade.state() == readout.fade.State.Stopped
    readout.show_entries("", ())
    assert readout.fade.state() == readout.fade.State.Stopped  # it stays for a moment, to be clicked
    readout.clear()
    assert readout.fade.state() == readout.fade.State.Running
    qtbot.waitUntil(lambda: readout.fade.state() == readout.fade.State.Stopped)
    readout.show_entries("conv2", (entry,))
    assert readout.fade.state() == readout.fade.State.Running
