from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.drawing.curves import MAX_POINTS, Curve, CurvePlot, Guide, steps, thinned
from app.drawing.matrix import Cells, MatrixPlot, strongest
from app.drawing.plots import Plot
from app.theme import Theme
from tests.gestures import click, drag, move, settle, show, theme

__all__ = ["theme"]


def line_plot(theme: Theme) -> CurvePlot:
    plot = CurvePlot(theme, "Line", "x", "y")
    plot.set_home((0.0, 10.0), (0.0, 1.0))
    plot.show_curves(
        (Curve(np.linspace(0, 10, 50), np.linspace(0, 1, 50), "a"),), (Guide("x", 5.0, "here", movable=True),)
    )
    return plot


def at(plot: Plot, x: float, y: float) -> QPoint:
    place = plot.box.mapViewToScene(QPointF(x, y))
    return QPoint(round(place.x()), round(place.y()))


def has_color(widget: QWidget, color: QColor) -> bool:
    image = widget.grab().toImage()
    wanted = color.rgb()
    return any(image.pixel(x, y) == wanted for x in range(0, image.width(), 2) for y in range(image.height()))


# -- curves ----------------------------------------------------------------------------------------------------------


def test_a_drag_moves_the_guide_and_does_not_pan(theme: Theme, qtbot: QtBot) -> None:
    plot = line_plot(theme)
    qtbot.addWidget(plot)
    show(plot)
    heard: list[tuple[float, bool]] = []
    plot.guide_moved.connect(lambda place, done: heard.append((place, done)))
    before = plot.box.viewRange()[0]
    drag(plot.viewport(), at(plot, 5.0, 0.2), at(plot, 7.5, 0.2))
    assert heard[-1][0] == pytest.approx(7.5, abs=0.1)
    assert heard[-1][1]
    assert [done for _, done in heard].count(True) == 1
    assert plot.box.viewRange()[0] == before


@pytest.mark.parametrize(("first", "side"), [(2.3, "right"), (0.0, "left")])
def test_the_words_of_a_level_line_keep_off_the_points(
    first: float, side: str, theme: Theme, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    plot = CurvePlot(theme, "Loss", "checkpoint", "nats")
    qtbot.addWidget(plot)
    x = np.arange(7.0)
    plot.show_curves((Curve(x, np.linspace(first, 0.1, 7)),), (Guide("y", 2.3, "H(Y)"),))
    plot.box.setRange(xRange=(-0.2, 6.2), yRange=(0.0, 2.5), padding=0)
    places: list[float] = []
    monkeypatch.setattr(plot.item, "_covers", spied(plot.item._covers, places))
    show(plot, 400, 240)
    plot.grab()
    free = places[-1]
    assert (free < 40) == (side == "left")


def spied(covers: Callable[[QRectF, object], bool], places: list[float]) -> Callable[[QRectF, object], bool]:
    """Note the left edges of the places that are free."""

    def asked(place: QRectF, scale: object) -> bool:
        covered = covers(place, scale)
        if not covered:
            places.append(place.left())
        return covered

    return asked


def test_a_drag_elsewhere_pans_within_the_limits(theme: Theme, qtbot: QtBot) -> None:
    plot = line_plot(theme)
    qtbot.addWidget(plot)
    plot.box.setLimits(xMin=0, xMax=10)
    show(plot)
    plot.box.setXRange(2, 6, padding=0)
    drag(plot.viewport(), at(plot, 3.0, 0.2), at(plot, 4.0, 0.2))
    low, high = plot.box.viewRange()[0]
    assert (low, high) == (pytest.approx(1.0, abs=0.1), pytest.approx(5.0, abs=0.1))
    drag(plot.viewport(), at(plot, 2.0, 0.2), at(plot, 5.0, 0.2))
    assert plot.box.viewRange()[0][0] == pytest.approx(0.0, abs=1e-9)


def test_keys_zoom_and_go_home(theme: Theme, qtbot: QtBot) -> None:
    plot = line_plot(theme)
    qtbot.addWidget(plot)
    show(plot)
    assert plot.is_home
    QTest.keyClick(plot, Qt.Key.Key_Plus)
    low, high = plot.box.viewRange()[0]
    assert high - low == pytest.approx(8.0)
    QTest.keyClick(plot, Qt.Key.Key_Home)
    assert plot.is_home
    heard: list[tuple[int, bool]] = []
    plot.stepped.connect(lambda step, extend: heard.append((step, extend)))
    QTest.keyClick(plot, Qt.Key.Key_Left)
    QTest.keyClick(plot, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert heard == [(-1, False), (1, True)]


def test_hover_tells_the_place_and_leaving(theme: Theme, qtbot: QtBot) -> None:
    plot = line_plot(theme)
    qtbot.addWidget(plot)
    show(plot)
    heard: list[object] = []
    plot.hovered.connect(heard.append)
    move(plot.viewport(), at(plot, 4.0, 0.5))
    assert heard[-1] == (pytest.approx(4.0, abs=0.05), pytest.approx(0.5, abs=0.01))
    move(plot.viewport(), QPoint(3, 3))
    assert heard[-1] is None


def test_a_theme_change_repaints_in_other_colours(theme: Theme, qtbot: QtBot) -> None:
    plot = line_plot(theme)
    qtbot.addWidget(plot)
    show(plot)
    light = theme.color("surface")
    assert has_color(plot, light)
    theme.set_mode("dark")
    settle()
    assert not has_color(plot, light)
    assert has_color(plot, theme.color("surface"))


@given(st.integers(2, 60_000), st.integers(10, 400), st.integers(0, 1000))
def test_thinning_keeps_the_extremes(count: int, pixels: int, seed: int) -> None:
    y = np.random.default_rng(seed).standard_normal(count)
    x = np.arange(count, dtype=np.float64)
    thin_x, thin_y = thinned(x, y, 0, count, pixels)
    assert thin_x.size <= max(MAX_POINTS, 4 * pixels + 4)
    assert np.all(np.diff(thin_x) > 0)
    kept = count - count % max(1, count // (2 * pixels)) if count > MAX_POINTS else count
    assert thin_y.max() == pytest.approx(y[:kept].max()) or thin_y.max() == y.max()
    assert thin_y.min() == pytest.approx(y[:kept].min()) or thin_y.min() == y.min()


def test_stairs_stay_level_until_the_next_point() -> None:
    x, y = steps(np.array([0.0, 1.0, 3.0]), np.array([1.0, 2.0, 5.0]))
    assert list(zip(x.tolist(), y.tolist(), strict=True)) == [(0, 1), (1, 1), (1, 2), (3, 2), (3, 5)]
    assert np.interp(2.0, x, y) == 2.0


# -- matrices --------------------------------------------------------------------------------------------------------


@given(st.integers(1, 60), st.integers(1, 90), st.integers(0, 99))
def test_the_strongest_cell_under_a_pixel_is_shown(cells: int, pixels: int, seed: int) -> None:
    shades = np.random.default_rng(seed).integers(0, 256, (cells, 3)).astype(np.uint8)
    reduced = strongest(shades, pixels, 0)
    assert len(reduced) == min(cells, pixels)
    for pixel in range(len(reduced)):
        first, last = pixel * cells // len(reduced), (pixel + 1) * cells // len(reduced)
        assert np.array_equal(reduced[pixel], shades[first:last].max(axis=0))
    assert np.array_equal(strongest(shades.T, pixels, 1).T, reduced)


def test_cells_of_a_picture_lie_where_the_axes_say(theme: Theme, qtbot: QtBot) -> None:
    plot = matrix_plot(theme, np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]))
    qtbot.addWidget(plot)
    show(plot)
    picture, strong = plot.viewport().grab().toImage(), theme.heat(1.0)
    for row in range(3):
        for column in range(2):
            color = picture.pixelColor(at(plot, column, -row))
            assert (color == strong) == ((row + column) % 2 == 1)


def matrix_plot(theme: Theme, values: NDArray[np.float64]) -> MatrixPlot:
    plot = MatrixPlot(theme, "Matrix", "rows", "columns")
    plot.show_cells(Cells(values, float(np.nanmax(values))))
    return plot


def test_panning_copies_from_the_picture_and_zooming_paints_it_anew(theme: Theme, qtbot: QtBot) -> None:
    values = np.random.default_rng(0).random((2000, 328))
    plot = matrix_plot(theme, values)
    qtbot.addWidget(plot)
    show(plot)
    plot.box.setRange(xRange=(50, 150), yRange=(-900, -300), padding=0)
    settle()
    painted = plot.item.painted
    for shift in range(1, 20):
        plot.box.setRange(xRange=(50 + shift, 150 + shift), yRange=(-900, -300), padding=0)
        settle()
    assert plot.item.painted == painted
    plot.box.setRange(xRange=(50, 100), yRange=(-900, -300), padding=0)
    settle()
    assert plot.item.painted == painted + 1


def test_a_panned_matrix_looks_like_a_fresh_one(theme: Theme, qtbot: QtBot) -> None:
    values = np.random.default_rng(1).random((60, 60))
    panned, fresh = matrix_plot(theme, values), matrix_plot(theme, values)
    for plot in (panned, fresh):
        qtbot.addWidget(plot)
        show(plot, 500, 500)
    panned.box.setRange(xRange=(0, 20), yRange=(-30, -10), padding=0)
    settle()
    panned.grab()
    for plot in (panned, fresh):
        plot.box.setRange(xRange=(10, 30), yRange=(-40, -20), padding=0)
        settle()
    one, other = panned.grab().toImage(), fresh.grab().toImage()
    differing = sum(one.pixel(x, y) != other.pixel(x, y) for x in range(100, 480, 7) for y in range(40, 430, 7))
    assert differing <= 60  # the rounding of the picture's place may move it by one pixel


def test_a_click_names_the_cell(theme: Theme, qtbot: QtBot) -> None:
    plot = matrix_plot(theme, np.arange(12.0).reshape(3, 4))
    qtbot.addWidget(plot)
    show(plot)
    heard: list[tuple[int, int]] = []
    plot.cell_clicked.connect(lambda row, column: heard.append((row, column)))
    click(plot.viewport(), at(plot, 3, -2))
    click(plot.viewport(), at(plot, 0, 0))
    assert heard == [(2, 3), (0, 0)]
    move(plot.viewport(), at(plot, 1, -1))
    assert plot.item.marked == (1, 1)


def test_states_of_cells_have_looks_of_their_own() -> None:
    cells = Cells(np.array([[0.0, np.nan, 1.0, 0.5]]), 1.0, np.array([[False, False, False, True]]))
    shades = cells.shades()[0].tolist()
    assert len(set(shades)) == 4
    assert shades[2] == 255


# -- memory ----------------------------------------------------------------------------------------------------------


def test_painting_does_not_lose_references_to_none(theme: Theme, qtbot: QtBot) -> None:
    """Some versions of PySide6 lose one in every painted frame and abort the interpreter after a while."""
    plots: list[Plot] = [line_plot(theme), matrix_plot(theme, np.random.default_rng(0).random((50, 50)))]
    for plot in plots:
        qtbot.addWidget(plot)
        show(plot)
    for shift in range(10):
        _pan(plots, shift)
    before = sys.getrefcount(None)
    for shift in range(100):
        _pan(plots, shift)
    assert sys.getrefcount(None) >= before - 5


def _pan(plots: list[Plot], shift: int) -> None:
    for plot in plots:
        plot.box.setXRange(shift % 5, 5 + shift % 5, padding=0)
    QApplication.processEvents()
