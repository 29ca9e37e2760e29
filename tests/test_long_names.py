"""Names longer than any window is wide: shortened in their middle where they are shown, told in full on hovering."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QFontMetricsF, QImage
from PySide6.QtWidgets import QApplication, QGraphicsSceneHoverEvent, QScrollArea, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from analysis.measures.architecture import GraphNode, title
from app.browsing.sample_card import SampleCard
from app.drawing.depth_axes import NamesAxis
from app.drawing.list_axes import ListAxis
from app.drawing.matrix import Cells, MatrixPlot
from app.drawing.named import shortened
from app.drawing.readout import Entry, Line, Readout, first_fitting
from app.forms.name_label import JOINED, NameLabel, fitted
from app.panels.inspector import Inspector
from app.panels.layers_panel import LayersPanel
from app.reading.depth import depth_axis, shown_name
from app.reading.rank_reading import Reading
from app.theme import Theme
from app.views.rank import RankView
from tests import scenes
from tests.gestures import settle, show, theme

__all__ = ["theme"]
LONG = "a very long name of a class that somebody gave to a folder of pictures, number {} of it, with_underscores_{}"
NAMES = tuple(LONG.format(number, number) for number in range(6))


def metrics(theme: Theme, kind: str = "text") -> QFontMetricsF:
    return QFontMetricsF(theme.font(kind))


# -- lines -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [60, 150, 400, 5000])
def test_the_first_part_of_a_line_is_shortened_and_never_left_out(width: float, theme: Theme, qtbot: QtBot) -> None:
    known = metrics(theme)
    text = f"predicted {NAMES[0]}, confidence 83.0 % · label {NAMES[1]}"
    found = first_fitting(text, width, known)
    assert found
    assert known.horizontalAdvance(found) <= width
    if width < 5000:
        assert "…" in found
        assert found.endswith("%")
        assert found.startswith("p")
    else:
        assert found == text
    assert first_fitting("one · two", known.horizontalAdvance("one") + 2, known) == "one"


def test_a_summary_of_long_names_is_not_blank(theme: Theme, qtbot: QtBot) -> None:
    line = Line(theme)
    qtbot.addWidget(line)
    line.say(f"predicted {NAMES[0]}, confidence 83.0 % · label {NAMES[1]}")
    show(line, 300, 24)
    ink = line.grab().toImage().convertToFormat(QImage.Format.Format_Grayscale8)
    assert len({ink.pixelColor(x, ink.height() // 2).lightness() for x in range(ink.width())}) > 3
    assert line.toolTip() == line.text


def test_a_pair_keeps_its_arrow_and_a_short_side(theme: Theme, qtbot: QtBot) -> None:
    known = metrics(theme)
    for width in (150, 300):
        one, other = shortened(f"{NAMES[0]} → {NAMES[1]}", width, known).split(" → ")
        assert one.startswith("a")
        assert one.endswith("0")
        assert other.endswith("1")
        first, second = shortened(f"cat → {NAMES[1]}", width, known).split(" → ")
        assert first == "cat"
        assert known.horizontalAdvance(f"cat → {second}") <= width
        assert known.horizontalAdvance(second) > known.horizontalAdvance(other)  # what cat does not need is given on


def test_numbers_of_a_readout_are_never_cut(theme: Theme, qtbot: QtBot) -> None:
    readout = Readout(theme)
    qtbot.addWidget(readout)
    entries = tuple(Entry(f"{one} → {two}", "1,234", "text_soft") for one, two in pairwise(NAMES))
    readout.show_entries(NAMES[0], (*entries, Entry("short", "7", "text_soft")))
    show(readout, 420, 300)
    plain = metrics(theme)
    for entry, (left, _line) in zip(readout._entries, readout._places()[1:], strict=True):
        words = f"{readout._label(entry, plain)} {entry.text}"
        assert left + plain.horizontalAdvance(words) <= readout.width()
    assert readout._label(readout._entries[-1], plain) == "short"
    assert metrics(theme, "code").horizontalAdvance(readout._title()) <= readout.width()
    assert NAMES[0] in readout.text  # for the clipboard, and for those who listen
    assert entries[2].label in readout.tip_at(QPointF(30, 3.5 * readout.line_height()))
    assert readout.tip_at(QPointF(30, 8)) == NAMES[0]


# -- the confusion matrix ----------------------------------------------------------------------------------------------


def matrix(theme: Theme, qtbot: QtBot, names: tuple[str, ...]) -> MatrixPlot:
    plot = MatrixPlot(theme, "Confusion matrix", "Label", "prediction")
    qtbot.addWidget(plot)
    show(plot, 640, 460)
    size = len(names)
    plot.show_cells(Cells(np.eye(size), 1.0), names, names)
    settle()
    return plot


@pytest.mark.parametrize("scale", [1.0, 1.5])
def test_names_of_rows_and_columns_stay_within_their_axes(scale: float, theme: Theme, qtbot: QtBot) -> None:
    theme.set_scale(scale)
    plot = matrix(theme, qtbot, NAMES)
    for axis, kind in ((plot.rows, "small"), (plot.columns, "small_code")):
        known = metrics(theme, kind)
        for name in NAMES:
            shown = axis.shown(name)
            assert "…" in shown
            assert shown[0] == name[0]
            assert shown[-1] == name[-1]
            wide = known.horizontalAdvance(shown)
            if axis is plot.rows:
                assert wide <= axis._area.width()
            else:  # turned by 45°, above the title
                assert 0.7072 * (wide + known.height()) <= axis._area.height() - known.height()
    plot = matrix(theme, qtbot, ("cat", "dog", "frog", "ship"))
    assert [axis.shown("frog") for axis in (plot.rows, plot.columns)] == ["frog", "frog"]


def test_a_shortened_name_is_told_on_hovering(theme: Theme, qtbot: QtBot) -> None:
    plot = matrix(theme, qtbot, ("cat", *NAMES[1:]))

    def tip(axis: ListAxis, x: float, y: float) -> str:
        event = QGraphicsSceneHoverEvent()
        event.setPos(QPointF(x, y))
        axis.hoverMoveEvent(event)
        return str(axis.toolTip())

    rows, columns = plot.rows, plot.columns
    assert tip(rows, 30, rows.at(2)) == NAMES[2]
    assert tip(rows, 30, rows.at(0)) == ""
    below: QRectF = columns._area
    assert tip(columns, columns.at(3), below.top()) == NAMES[3]
    assert tip(columns, columns.at(3) - 25, below.top() + 25) == NAMES[3]  # further down its slope


# -- labels ------------------------------------------------------------------------------------------------------------


def test_the_number_at_the_end_of_a_name_stays(theme: Theme, qtbot: QtBot) -> None:
    label = NameLabel()
    qtbot.addWidget(label)
    name = "a_folder_of_pictures_with_a_name#7"
    label.setText(name)
    assert label.text() == name  # nobody has given it a width yet
    show(label, 120, 40)
    assert label.text().endswith("#7")
    assert "…" in label.text()
    assert label.toolTip() == label.full == name
    assert label.fontMetrics().horizontalAdvance(label.text().replace(JOINED, "")) <= 120
    show(label, 600, 40)
    assert (label.text(), label.toolTip()) == (name, "")


def test_only_what_cannot_be_broken_is_shortened(theme: Theme, qtbot: QtBot) -> None:
    known = metrics(theme)
    text = "some words, a/path/with-parts and\none_long_name_without_any_place_to_break_it_000012.png"
    found = fitted(text, 120, known)
    assert found.startswith("some words, a/path/with-parts and\n")
    assert found.endswith("12.png")
    assert fitted(text, 2000, known) == text


def test_the_card_of_a_picture_cuts_nothing(theme: Theme, qtbot: QtBot) -> None:
    card = SampleCard(theme)
    qtbot.addWidget(card)
    name = "n00_with_underscores_and_more_of_them_too#7"
    words = (f"Label: {name}\nLoss: 1.39 nats", f"wrong: {name}", "")
    card.show_sample(name, QImage(8, 8, QImage.Format.Format_RGB32), (), words)
    for width in (400, 190):
        show(card, width, 500)
        assert card.heading.text().endswith("#7")
        assert card.facts.words.splitlines()[1:] == words[0].splitlines()
        inner = card.widget()
        assert inner is not None
        assert inner.width() <= card.viewport().width()
        for part in (card.heading, card.verdict, card.facts):
            assert part.minimumSizeHint().width() <= part.width() + 4
    assert "…" in card.facts.text()
    assert name in card.facts.toolTip()


# -- panels ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1.0, 1.5])
def test_panels_at_the_sides_keep_their_width_and_no_name_widens_them(scale: float, theme: Theme, qtbot: QtBot) -> None:
    theme.set_scale(scale)
    workspace = scenes.opened()
    layers, inspector = LayersPanel(workspace, theme), Inspector(workspace, theme)
    for panel in (layers, inspector):
        qtbot.addWidget(panel)
        show(panel, 100, 500)
    assert layers.width() >= 16 * theme.text_size - 1
    inspector.heading.setText("one_name_of_a_layer_that_is_longer_than_the_panel_is_wide.conv")
    inspector.heading.show()
    settle()
    area = inspector.findChild(QScrollArea)
    assert area is not None
    assert area.horizontalScrollBar().maximum() == 0
    before = layers.minimumSizeHint().width(), layers.minimumWidth()
    theme.set_scale(2.0)
    assert layers.minimumWidth() > before[1]


def test_margins_outlive_another_style_sheet(theme: Theme, qtbot: QtBot) -> None:
    inspector = Inspector(scenes.opened(), theme)
    qtbot.addWidget(inspector)
    labels = (inspector.heading, inspector.kind, inspector.channels.title)
    show(inspector, 300, 400)
    for scale in (1.0, 1.3, 0.9):
        theme.set_scale(scale)
        settle()
        assert [label.contentsMargins().left() for label in labels] == [12, 12, 12]


# -- names of layers ---------------------------------------------------------------------------------------------------


def test_operations_of_the_network_itself_are_called_by_their_name(theme: Theme, qtbot: QtBot) -> None:
    assert [shown_name(name) for name in (":add", "layer1.0:add", "fc", ":unit#2")] == [
        "add", "layer1.0:add", "fc", "unit#2",
    ]  # fmt: skip
    assert title(GraphNode(":avg_pool2d", (3,))) == "avg_pool2d"
    assert title(GraphNode(":an_operation_with_a_long_name", (3,))) == "an_operation_with_a_long_name"


def test_the_window_calls_a_layer_as_the_tree_does(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.full()
    name = next(layer.name for layer in workspace.layers if layer.name.startswith(":"))
    view, inspector, panel = (
        RankView(workspace, theme), Inspector(workspace, theme), LayersPanel(workspace, theme),
    )  # fmt: skip
    holder = QWidget()
    qtbot.addWidget(holder)
    column = QVBoxLayout(holder)
    for widget in (view, inspector, panel):
        column.addWidget(widget)
    workspace.select_layer(name)
    show(holder, 700, 1500)
    QApplication.processEvents()
    assert inspector.heading.text() == name[1:]
    assert view.readout.text.startswith(name[1:])
    panel.flat.setChecked(True)
    settle()
    assert name[1:] in [node.label for node in panel.model.walk()]
    assert workspace.selection.layer == name  # what is stored stays
    assert view.reading == Reading()


def test_wrapped_convolutions_are_called_by_what_wraps_them(theme: Theme, qtbot: QtBot) -> None:
    rows = scenes.network()
    parts = ("stem", "a.branch1x1", "a.branch5x5_1", "b.branch1x1", "b.branch3x3.0")
    convolutions = [row for row in rows if row.kind == "conv"]
    wrapped = tuple(
        replace(row, name=f"{part}.conv", module=f"{part}.conv", block="")
        for row, part in zip(convolutions, parts, strict=False)
    )
    last = next(row for row in rows if row.kind == "linear")
    axis = depth_axis((*wrapped, last))
    assert [slot.leaf for slot in axis.slots] == ["stem", "branch1x1", "branch5x5_1", "branch1x1", "0", last.name]
    assert [slot.group for slot in axis.slots] == ["", "a", "a", "b", "b.branch3x3", ""]
    assert [slot.name for slot in axis.slots] == [row.name for row in (*wrapped, last)]
    names = NamesAxis(theme)
    names.set_axis(axis)
    room = names.height()
    assert names.shown("branch5x5_1") == "branch5x5_1"
    assert "…" in names.shown("branch" * 9)
    long = tuple(replace(row, name=f"a.{'branch' * 9}{number}.conv") for number, row in enumerate(wrapped))
    names.set_axis(depth_axis(long))
    assert names.height() < 2 * room
    plain = depth_axis(rows)  # two convolutions a block: their own names tell them apart
    assert {"conv1", "conv2"} <= {slot.leaf for slot in plain.slots}
