"""Rows of controls that go on below: nothing lies on another control, nothing is cut, little width is asked for."""

from __future__ import annotations

from importlib import import_module
from itertools import pairwise
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QRect
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from pytestqt.qtbot import QtBot

from analysis.request import ImageSource, ModelSource
from app.browsing.wish_row import WishRow
from app.forms.attribution_form import AttributionForm
from app.forms.flow import Flow, together
from app.forms.offer import Offer
from app.forms.rank_controls import RankControls
from app.main_window import MainWindow
from app.theme import Theme
from tests.gestures import settle, show, theme

__all__ = ["theme"]
WIDTHS = (120, 260, 500, 1200)


def buttons(*words: str) -> list[QPushButton]:
    return [QPushButton(word) for word in words]


def places(parts: list[QWidget], within: QWidget) -> list[QRect]:
    return [QRect(part.mapTo(within, QPoint(0, 0)), part.size()) for part in parts if part.isVisible()]


def apart(found: list[QRect]) -> bool:
    return not any(one.intersects(other) for i, one in enumerate(found) for other in found[i + 1 :])


@pytest.mark.parametrize("width", WIDTHS)
def test_parts_lie_apart_and_inside_in_as_many_rows_as_it_takes(width: int, qtbot: QtBot) -> None:
    parts = buttons("one", "a second one", "the third of them", "four", "and the fifth one")
    flow, below = Flow(*parts), QLabel("below")
    holder = QWidget()
    qtbot.addWidget(holder)
    column = QVBoxLayout(holder)
    column.addWidget(flow)
    column.addWidget(below, 1)
    show(holder, width + 200, 400)
    show(holder, width, 400)
    found = places([*parts], holder)
    assert apart([*found, *places([below], holder)])
    assert all(holder.rect().contains(place) for place in found)
    assert flow.height() == flow.heightForWidth(flow.width())
    assert all(part.width() >= min(part.sizeHint().width(), flow.width() - 16) for part in parts)
    rows = flow.rows(flow.width())
    assert [part for row in rows for part in row] == parts
    for row, following in pairwise(rows):  # a row is as full as can be
        used = sum(part.sizeHint().width() for part in (*row, following[0])) + 12 * len(row)
        assert used > flow.width() - 16


def test_what_is_pushed_ends_its_row_and_begins_one_at_the_left(qtbot: QtBot) -> None:
    left, right = buttons("left", "right")
    flow = Flow(left, None, right)
    qtbot.addWidget(flow)
    show(flow, 600, 40)
    assert right.geometry().right() == flow.width() - 9
    show(flow, left.sizeHint().width() + 20, 80)
    assert right.y() > left.y()
    assert right.x() == left.x()


def test_what_grows_takes_what_is_left_over(qtbot: QtBot) -> None:
    field, after = QLineEdit(), QPushButton("after")
    field.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    flow = Flow(field, after)
    qtbot.addWidget(flow)
    show(flow, 600, 40)
    assert after.geometry().right() == flow.width() - 9
    assert field.geometry().right() + 12 < after.x() + 2
    field.setMaximumWidth(200)
    settle()
    assert field.width() == 200


def test_hidden_parts_take_no_room_and_come_back(qtbot: QtBot) -> None:
    parts = buttons("one part", "another part", "the last part")
    flow = Flow(*parts)
    qtbot.addWidget(flow)
    show(flow, parts[0].sizeHint().width() * 2 + 60, 200)
    one = flow.rows(flow.width())
    parts[1].hide()
    settle()
    assert parts[2].y() == parts[0].y()
    parts[1].show()
    settle()
    assert flow.rows(flow.width()) == one
    for part in parts:
        part.hide()
    settle()
    assert flow.heightForWidth(flow.width()) == 0


def test_before_it_is_laid_out_it_asks_for_one_row(qtbot: QtBot) -> None:
    flow = Flow(*buttons(*(f"part number {number}" for number in range(12))))
    qtbot.addWidget(flow)
    assert flow.minimumSizeHint().height() < 2 * flow.findChildren(QPushButton)[0].sizeHint().height()
    assert flow.minimumSizeHint().width() < 200 < 1000 < flow.sizeHint().width()
    show(flow, 200, 60)
    assert flow.minimumSizeHint().height() == flow.heightForWidth(200) > 200


def test_parts_that_belong_together_stay_together(qtbot: QtBot) -> None:
    words, field = QLabel("some words"), QLineEdit()
    flow = Flow(*buttons("before it"), together(words, field))
    qtbot.addWidget(flow)
    show(flow, 230, 90)
    assert places([words], flow)[0].center().y() == pytest.approx(places([field], flow)[0].center().y(), abs=2)


@pytest.mark.parametrize("width", [250, 400, 1500])
def test_an_offer_says_all_it_says_in_as_many_lines_as_it_takes(width: int, qtbot: QtBot) -> None:
    offer = Offer()
    offer.say("What is offered here is said in one long sentence, which has no room in a narrow tab.", "Do it")
    holder = in_column(offer, qtbot, width)
    (words,) = offer.findChildren(QLabel)
    (button,) = offer.findChildren(QPushButton)
    assert apart(places([words, button], holder))
    assert offer.minimumSizeHint().width() <= 250
    lines = words.height() // words.fontMetrics().lineSpacing()
    assert lines == 1 if width == 1500 else lines > 1
    assert words.height() >= words.heightForWidth(words.width())


# -- forms -------------------------------------------------------------------------------------------------------------

CONTROLS = (QComboBox, QAbstractSpinBox, QCheckBox, QPushButton, QLabel)


def controls(form: QWidget) -> list[QWidget]:
    """Return what can be seen of a form, without the parts that its fields are made of."""
    found = [one for kind in CONTROLS for one in form.findChildren(kind)]
    return [one for one in found if one.isVisible() and not isinstance(one.parentWidget(), CONTROLS)]


def in_column(form: QWidget, qtbot: QtBot, width: int) -> QWidget:
    holder = QWidget()
    qtbot.addWidget(holder)
    column = QVBoxLayout(holder)
    column.setContentsMargins(0, 0, 0, 0)
    column.addWidget(form)
    column.addStretch(1)
    show(holder, width, 600)
    return holder


def check(form: QWidget, holder: QWidget) -> None:
    found = controls(form)
    assert len(found) > 3
    assert apart(places(found, form))
    for one in found:
        assert form.rect().contains(places([one], form)[0]), one.accessibleName()
        assert one.width() >= min(one.minimumSizeHint().width(), one.maximumWidth()), one.accessibleName()
    for box in form.findChildren(QComboBox):
        if box.isVisible():
            assert box.width() > box.fontMetrics().horizontalAdvance(box.itemText(0)) + 20, box.accessibleName()
    assert form.minimumSizeHint().width() <= holder.width()


@pytest.mark.parametrize("scale", [1.0, 1.5])
@pytest.mark.parametrize("width", [480, 590, 750, 1200])
def test_the_form_of_attributions_fits_every_width(width: int, scale: float, theme: Theme, qtbot: QtBot) -> None:
    theme.set_scale(scale)
    form = AttributionForm(theme)
    form.set_names(("a very long name of a class " * 5, "cat"), (":block", "layer1.0.conv1"))
    form.say_pictures("picture #12", "", False, True, True)
    form.set_busy(False)
    form.boxes["occlusion"].setChecked(True)
    form.offer_layer("layer1.0.conv1")
    holder = in_column(form, qtbot, width)
    check(form, holder)
    assert form.side.isVisible()
    assert [form.layer.itemText(row) for row in (1, 2)] == ["block", "layer1.0.conv1"]
    assert form.layer.itemData(1) == ":block"


@pytest.mark.parametrize("scale", [1.0, 1.5])
@pytest.mark.parametrize("width", [480, 590, 750, 1500])
def test_the_wishes_above_the_samples_fit_every_width(width: int, scale: float, theme: Theme, qtbot: QtBot) -> None:
    theme.set_scale(scale)
    row = WishRow()
    row.set_classes(((0, "a very long name of a class " * 5), (1, "cat")), ((1, "cat"),))
    row.set_measured(True)
    row.set_compared("another network")
    holder = in_column(row, qtbot, width)
    check(row, holder)
    assert apart(places([row.search, row.label, row.prediction, row.verdict, row.low, row.ordering], row))
    assert row.low.width() >= row.low.fontMetrics().horizontalAdvance("99.999 %")


@pytest.mark.parametrize("scale", [1.0, 1.5])
@pytest.mark.parametrize("width", [480, 700, 1200])
def test_the_choices_of_the_rank_fit_every_width(width: int, scale: float, theme: Theme, qtbot: QtBot) -> None:
    theme.set_scale(scale)
    form = RankControls()
    holder = in_column(form, qtbot, width)
    check(form, holder)


# -- the window --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height", "scale"), [(1024, 700, 1.0), (1280, 800, 1.5)])
def test_the_whole_window_fits_a_small_screen(
    width: int, height: int, scale: float, window: MainWindow, qtbot: QtBot
) -> None:
    window.theme.set_scale(scale)
    window.resize(width, height)
    window.desk.session.open_images(ImageSource("demo:test"))
    window.desk.session.open_model(ModelSource("demo:a"))
    qtbot.waitUntil(lambda: not any(run.open for run in window.workspace.runs.values()))
    for name, _title in window.tabs.names():
        window.tabs.show_view(name)
        view: Any = window.tabs.view(name)
        for page, _words in getattr(import_module(f"app.views.{name}"), "PAGES", ()):
            if page != "build":  # asks what the scripted engine has not learnt
                view.show_page(page)
                settle()
    settle()
    least = window.minimumSizeHint()
    assert (window.width(), window.height()) == (width, height)
    assert least.width() <= width
    assert least.height() <= height
    for panel, sizes in (("layers", 16), ("inspector", 25)):
        assert window.docks.is_open(panel)
        assert window.docks.content(panel).width() >= sizes * window.theme.text_size - 1
