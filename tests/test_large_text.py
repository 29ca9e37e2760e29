"""Letters half as large again: nothing that is written is cut, and what has no room goes on below."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QFontMetricsF
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.configuring.oracle_page import OraclePage
from app.drawing.bar_rows import Bar, BarRow, BarRowsPlot
from app.drawing.curves import CurvePlot
from app.drawing.plots import Margins, Plot
from app.forms.segments import Segments
from app.theme import Theme
from app.views.configurations import PAGES, ConfigurationsView
from tests import scenes
from tests.gestures import settle, show, theme

__all__ = ["theme"]
SCALES = (0.8, 1.0, 1.5, 2.0)


def small(theme: Theme) -> float:
    return QFontMetricsF(theme.font("small")).height()


@pytest.mark.parametrize("scale", SCALES)
def test_titles_of_a_plot_lie_between_its_box_and_its_edge(theme: Theme, qtbot: QtBot, scale: float) -> None:
    plot = CurvePlot(theme, "curve", "configurations", "right by one of k")
    qtbot.addWidget(plot)
    plot.show_curves(())
    show(plot, 400, 260)
    theme.set_scale(scale)
    settle()
    area = plot.area()
    (above,) = plot.titles()
    (below,) = plot.x_axis.titles()
    assert above.place.top() >= 0
    assert above.place.bottom() <= area.top()
    assert below.place.bottom() <= plot.height()
    assert below.place.top() >= area.bottom() + small(theme)  # the numbers stand between


def test_margins_grow_with_letters_and_measured_sides_stay(theme: Theme, qtbot: QtBot) -> None:
    plot = Plot(theme, "plot", Margins(40, 20, 10, 30))
    qtbot.addWidget(plot)
    plot.keep_room(left=123)
    assert plot.margins == Margins(123, 20, 10, 30)
    theme.set_scale(1.5)
    assert plot.margins == Margins(123, 30, 15, 45)
    theme.set_scale(0.8)  # ticks and lines do not shrink
    assert plot.margins == Margins(123, 20, 10, 30)
    plot.keep_room()
    assert plot.margins == Margins(40, 20, 10, 30)


@pytest.mark.parametrize("scale", SCALES)
def test_names_of_rows_are_written_and_rows_without_room_are_panned_to(
    theme: Theme, qtbot: QtBot, scale: float
) -> None:
    plot = BarRowsPlot(theme, "rows", "", "share of pictures")
    qtbot.addWidget(plot)
    theme.set_scale(scale)
    plot.show_rows(tuple(BarRow(f"row {number}", (Bar(0.5, "widths"),)) for number in range(18)))
    for height in (plot.height_of(18), 160):
        show(plot, 500, height)
        first, last, spacing = plot.names.places()
        assert plot.names.fits(spacing)
        seen = last - first + 1
        assert seen == 18 if height > 160 else 0 < seen < 18


def test_pages_go_on_in_a_second_row_and_come_back(theme: Theme, qtbot: QtBot) -> None:
    segments = Segments(PAGES, "Side", wraps=True)
    qtbot.addWidget(segments)
    wide = segments.sizeHint()

    def rows() -> int:
        return len({button.y() for button in segments._buttons.values()})

    show(segments, wide.width(), wide.height())
    assert rows() == 1
    narrow = wide.width() * 2 // 3
    assert segments.heightForWidth(narrow) == 2 * wide.height()
    show(segments, narrow, 2 * wide.height())
    assert rows() == 2
    for button in segments._buttons.values():
        assert button.width() >= button.sizeHint().width()
        assert segments.rect().contains(button.geometry())
    segments.set_value("build")
    show(segments, wide.width(), wide.height())
    assert rows() == 1
    assert segments.value == "build"


def test_the_curve_of_the_oracle_is_never_squeezed(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.full()
    view = ConfigurationsView(workspace, theme)
    qtbot.addWidget(view)
    for scale, height in ((1.0, 640), (1.5, 640), (1.5, 400)):
        theme.set_scale(scale)
        show(view, 750, height)
        page = view.pages["oracle"]
        assert isinstance(page, OraclePage)
        assert page.growth.area().height() >= 60
        assert page.rows.height() >= page.rows.height_of(len(page.rows.rows))
        assert not page.rows.geometry().intersects(page.growth.geometry())
        QApplication.processEvents()
