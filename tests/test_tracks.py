from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage
from pytestqt.qtbot import QtBot

from app.drawing.lane_painting import draw_mark
from app.drawing.lanes import Lane, heights
from app.drawing.tracks import TrackStack
from app.reading.depth import DepthAxis, depth_axis
from app.reading.measurements import NON_FINITE, NOT_APPLICABLE, NOT_MEASURED, VALUE, ZERO
from app.reading.track_list import FIRST, TrackList
from app.theme import Theme
from tests import scenes
from tests.gestures import click, drag, move, settle, show, theme

__all__ = ["theme"]
SHIFT, CONTROL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier


def lane(axis: DepthAxis, key: str = "a", hue: str = "rank", seed: int = 0) -> Lane:
    values = np.random.default_rng(seed).uniform(0.2, 1.0, len(axis.slots))
    made = Lane(key, key.capitalize(), "", hue, values, np.full(len(values), VALUE, dtype=np.uint8))
    made.fit(1.0)
    return made


@pytest.fixture
def stack(theme: Theme, qtbot: QtBot) -> TrackStack:
    axis = depth_axis(scenes.network())
    made = TrackStack(theme, "Tracks")
    qtbot.addWidget(made)
    made.show_lanes(axis, [lane(axis, key, hue) for key, hue in (("a", "rank"), ("b", "widths"), ("c", "cost"))])
    show(made)
    return made


def image(stack: TrackStack) -> QImage:
    stack.plot.clearFocus()  # its frame has the colour of the rank
    return stack.plot.viewport().grab().toImage()


def column_of(stack: TrackStack, picture: QImage, slot: int, color: QColor) -> int:
    """Number of pixels of a colour in the middle of a place, over all lanes."""
    x = stack.place_of(slot, 0).x()
    return sum(picture.pixel(x, y) == color.rgb() for y in range(picture.height()))


# -- lanes -----------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(0.1, 9), min_size=1, max_size=20), st.floats(50, 2000))
def test_heights_share_the_room_and_never_fall_below_the_least(weights: list[float], room: float) -> None:
    sizes = heights(weights, room)
    assert all(size >= 34 for size in sizes)
    assert sum(sizes) <= max(room, 34 * len(sizes) + room)
    if all(size > 34 for size in sizes):
        assert room - len(sizes) <= sum(sizes) <= room


def test_bars_have_the_height_of_their_values(stack: TrackStack, theme: Theme) -> None:
    picture = image(stack)
    item = stack._item
    for slot in (0, 5, 12):
        tall = column_of(stack, picture, slot, theme.color("rank"))
        expected = stack.lanes[0].values[slot] * (item.heights[0] - 14)
        assert tall == pytest.approx(expected, abs=1.5)


def test_the_ground_is_zero_on_a_linear_and_a_decade_on_a_logarithmic_lane() -> None:
    axis = depth_axis(scenes.network())
    made = lane(axis)
    made.values[:3] = [1.0, 10.0, 1000.0]
    made.fit()
    assert made.share(np.array([0.0, 500.0, 1000.0, 2000.0])).tolist() == [0.0, 0.5, 1.0, 1.0]
    made.log = True
    shares = made.share(np.array([0.2, 1.0, 10.0, 1000.0, 0.0]))
    assert np.all(np.diff(shares[:4]) > 0)
    assert shares[3] == 1.0
    assert np.isnan(shares[4])


def test_ticks_are_the_widths_of_the_network_where_they_fit() -> None:
    axis = depth_axis(scenes.network())
    made = lane(axis)
    made.values[:] = 64.0
    made.levels = (16.0, 32.0, 64.0)
    made.fit()
    assert [value for value, _ in made.ticks(200)] == [0.0, 64.0, 32.0, 16.0]
    assert [value for value, _ in made.ticks(20)] == [0.0, 64.0]


@pytest.mark.parametrize(
    ("largest", "label"), [(2_359_296.0, "2 M"), (452_000.0, "400 k"), (0.83, "0.8"), (10.0, "10"), (0.0004, "0.0004")]
)
def test_a_lane_with_room_for_one_tick_has_it_at_a_round_number(largest: float, label: str) -> None:
    axis = depth_axis(scenes.network())
    made = lane(axis)
    made.values[:] = largest
    made.fit()
    (ground, _), (value, text) = made.ticks(20)
    assert (ground, text.replace("\xa0", " ")) == (0.0, label)
    assert largest / 2 <= value <= largest


def test_no_title_of_a_lane_meets_its_ticks_whatever_the_size_of_text(theme: Theme, qtbot: QtBot) -> None:
    axis = depth_axis(scenes.network())
    made = lane(axis)
    made.title, made.log = "Critical tolerance", True
    made.values[:] = np.geomspace(1.0, 2e4, len(made.values))
    made.fit()
    for scale in (1.0, 1.5, 2.0):
        theme.set_scale(scale)
        one = TrackStack(theme, "Tracks")
        qtbot.addWidget(one)
        one.show_lanes(axis, [made])
        show(one, 700, 300)
        small = QFontMetricsF(theme.font("small"))
        ticks = max(small.horizontalAdvance(text) for _, text in made.ticks(one._item.heights[0]))
        (title,) = one._gutter.terms("Tracks")
        assert title.place.right() <= one._gutter._area.right() - 8 - ticks
    theme.set_scale(1.0)


@pytest.mark.parametrize("state", [ZERO, NOT_MEASURED, NOT_APPLICABLE, NON_FINITE])
def test_every_state_has_a_mark_of_its_own(theme: Theme, state: int) -> None:
    from PySide6.QtGui import QPainter

    pictures = []
    for other in (VALUE, ZERO, NOT_MEASURED, NOT_APPLICABLE, NON_FINITE):
        picture = QImage(20, 20, QImage.Format.Format_RGB32)
        picture.fill(theme.color("surface"))
        painter = QPainter(picture)
        draw_mark(painter, theme, other, 10.0, 15.0)
        painter.end()
        pictures.append(picture)
    assert [pictures[state] == other for other in pictures].count(True) == 1


def test_many_layers_show_the_tallest_of_each_pixel(theme: Theme, qtbot: QtBot) -> None:
    axis = depth_axis(scenes.network(blocks=400), kinds=("conv",))
    made = lane(axis)
    made.values[:] = 0.1
    made.values[1000] = 1.0
    stack = TrackStack(theme, "Many")
    qtbot.addWidget(stack)
    stack.show_lanes(axis, [made])
    show(stack)
    assert column_of(stack, image(stack), 1000, theme.color("rank")) >= 0.95 * (stack._item.heights[0] - 14)
    assert column_of(stack, image(stack), 300, theme.color("rank")) < 0.2 * stack._item.heights[0]


# -- gestures --------------------------------------------------------------------------------------------------------


def test_a_click_names_the_place_and_control_adds(stack: TrackStack) -> None:
    heard: list[tuple[int, bool]] = []
    stack.slot_clicked.connect(lambda slot, extend: heard.append((slot, extend)))
    click(stack.plot.viewport(), stack.place_of(4, 1))
    click(stack.plot.viewport(), stack.place_of(9, 0), CONTROL)
    assert heard == [(4, False), (9, True)]


def test_a_double_click_goes_deep(stack: TrackStack) -> None:
    opened: list[int] = []
    stack.slot_opened.connect(opened.append)
    click(stack.plot.viewport(), stack.place_of(7, 1), double=True)
    assert opened == [7]


def test_the_crosshair_snaps_to_the_place_under_the_mouse_and_leaves_with_it(stack: TrackStack) -> None:
    move(stack.plot.viewport(), stack.place_of(6, 2) + QPoint(5, 0))
    assert stack.hovered_slot == 6
    assert stack._cross.at == 6.0
    move(stack.plot.viewport(), QPoint(20, 100))
    assert stack.hovered_slot == -1
    assert stack._cross.at is None


def test_shift_and_drag_brushes_and_does_not_pan(stack: TrackStack) -> None:
    heard: list[object] = []
    stack.brushed.connect(heard.append)
    before = stack.plot.box.viewRange()[0]
    drag(stack.plot.viewport(), stack.place_of(9, 0), stack.place_of(3, 1), SHIFT)
    assert heard == [(3, 9)]
    assert stack.plot.box.viewRange()[0] == before


def test_a_drag_pans_all_lanes_at_once(stack: TrackStack) -> None:
    stack.plot.box.setXRange(2, 10, padding=0)
    drag(stack.plot.viewport(), stack.place_of(5, 0), stack.place_of(4, 0))
    low, high = stack.plot.box.viewRange()[0]
    assert (low, high) == (pytest.approx(3.0, abs=0.1), pytest.approx(11.0, abs=0.1))


def test_a_lane_can_be_dragged_to_another_place(stack: TrackStack) -> None:
    arranged: list[bool] = []
    stack.arranged.connect(lambda: arranged.append(True))
    top = stack.plot.area().top()
    tops, sizes = stack._item.tops, stack._item.heights
    start = QPoint(40, round(top + tops[0] + sizes[0] / 2))
    drag(stack.plot.viewport(), start, QPoint(40, round(top + tops[2] + sizes[2] - 12)))
    assert [lane.key for lane in stack.lanes] == ["b", "c", "a"]
    assert arranged == [True]


def test_a_lane_can_be_made_taller_by_its_edge_and_the_others_share_the_rest(stack: TrackStack) -> None:
    top, before = stack.plot.area().top(), list(stack._item.heights)
    edge = QPoint(40, round(top + stack._item.base(0)))
    drag(stack.plot.viewport(), edge, edge + QPoint(0, 60))
    after = stack._item.heights
    assert after[0] == pytest.approx(before[0] + 60, abs=4)
    assert after[1] == pytest.approx(after[2], abs=1)
    assert sum(after) == pytest.approx(sum(before), abs=3)
    click(stack.plot.viewport(), QPoint(40, round(top + 20)), double=True)
    assert stack._item.heights == before


def test_more_lanes_than_fit_can_be_scrolled(stack: TrackStack) -> None:
    axis = stack.axis
    stack.show_lanes(axis, [lane(axis, f"lane {i}") for i in range(30)])
    settle()
    assert stack._scroll.isVisible()
    first = stack._item.tops[0]
    stack._scroll.setValue(stack._scroll.maximum())
    assert stack._item.tops[0] < first
    assert stack._item.base(29) <= stack.plot.box.height() + 1


def test_zooming_stays_within_the_network(stack: TrackStack) -> None:
    for _ in range(30):
        stack.plot.zoom(0.5)
    low, high = stack.plot.box.viewRange()[0]
    assert high - low == pytest.approx(3.0)
    for _ in range(30):
        stack.plot.zoom(2.0)
    assert stack.plot.box.viewRange()[0] == [pytest.approx(value) for value in stack.axis.limits]


def test_other_values_keep_the_range_and_another_network_does_not(stack: TrackStack) -> None:
    stack.plot.box.setXRange(2, 8, padding=0)
    stack.show_lanes(stack.axis, [lane(stack.axis, seed=3)])
    assert stack.plot.box.viewRange()[0] == [2, 8]
    other = depth_axis(scenes.network(5))
    stack.show_lanes(other, [lane(other)])
    assert stack.plot.box.viewRange()[0] == [pytest.approx(value) for value in other.limits]


def test_names_that_fit_after_the_window_has_grown_have_their_room(theme: Theme, qtbot: QtBot) -> None:
    axis = depth_axis(scenes.network(blocks=15))
    made = TrackStack(theme, "Tracks")
    qtbot.addWidget(made)
    made.show_lanes(axis, [lane(axis)])
    show(made, 700, 500)
    assert not made._names.fits
    show(made, 2400, 900)
    assert made._names.fits
    assert made._names._area.height() >= round(made._names.height())
    assert made._names._area.top() == pytest.approx(made.plot.area().bottom())


def test_a_selected_place_is_brought_into_view(stack: TrackStack) -> None:
    stack.plot.box.setXRange(0, 5, padding=0)
    stack.bring_into_view(15)
    low, high = stack.plot.box.viewRange()[0]
    assert low <= 14.5
    assert high >= 15.5 - 1e-9


# -- which tracks ----------------------------------------------------------------------------------------------------


def test_tracks_appear_in_their_order_and_what_was_hidden_stays_away(qapp: object) -> None:
    from app.reading.measurements import available

    workspace = scenes.opened()
    tracks = TrackList()
    tracks.adopt(available(workspace))
    assert [track.key for track in tracks.tracks] == ["structure.width", "structure.macs"]
    tracks.toggle("structure.macs")
    scenes.play(workspace, scenes.latency_events(workspace.layers))
    scenes.play(workspace, scenes.rank_events(workspace.layers))
    assert tracks.adopt(available(workspace))
    assert [track.key for track in tracks.tracks] == [
        "structure.width",
        "feature_rank.effective_rank",
        "latency.latency",
    ]
    assert not tracks.adopt(available(workspace))


def test_tracks_can_be_stored_and_a_damaged_store_is_ignored() -> None:
    tracks = TrackList()
    tracks.restore([{"key": "a.b", "weight": 2.0, "log": True}, {"weight": 1}, "nonsense"])
    assert [(t.key, t.weight, t.log) for t in tracks.tracks] == [("a.b", 2.0, True)]
    again = TrackList()
    again.restore(tracks.state())
    assert again.state() == tracks.state()
    again.restore("nonsense")
    assert again.state() == tracks.state()


def test_arranging_keeps_tracks_that_are_not_shown() -> None:
    tracks = TrackList()
    for key in FIRST[:3]:
        tracks.toggle(key)
    tracks.arrange([(FIRST[2], 2.0), (FIRST[0], 1.0)])
    assert [track.key for track in tracks.tracks] == [FIRST[2], FIRST[0], FIRST[1]]
    assert tracks.tracks[0].weight == 2.0
    tracks.move(FIRST[1], -1)
    assert [track.key for track in tracks.tracks] == [FIRST[2], FIRST[1], FIRST[0]]
