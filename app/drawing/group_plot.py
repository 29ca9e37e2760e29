"""Plots over width groups: bars for what is shown, lines and points for what it stands beside, bands for chance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QBrush, QPainter, QPen, QPolygonF

from app.drawing.axes import NumberAxis, nice_step, nice_ticks, nice_top
from app.drawing.curves import CurvePlot
from app.drawing.list_axes import ListAxis
from app.drawing.pixels import PixelItem, PlotBox, Scale
from app.drawing.plots import Margins, Plot
from app.reading import numbers
from app.reading.depth import Floats
from app.theme import Theme

STYLES = ("bars", "steps", "dashed", "rings", "diamonds")
LEFT = 48
APART = 0.14
"""Places by which rings stand to the left and diamonds to the right of the middle of a bar."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One value per group.

    Attributes
    ----------
    words, hue
        Words for the legend, colour role.
    values
        (group,), NaN for what is not known.
    style
        One of :data:`STYLES`.
    low, high
        (group,) ends of a band, or None.
    under
        Colour role of bars that end below the line across; "" for the same.
    hatched
        (group,) True for bars that are hatched, or None.
    """

    words: str
    hue: str
    values: Floats
    style: str = "steps"
    low: Floats | None = None
    high: Floats | None = None
    under: str = ""
    hatched: NDArray[np.bool_] | None = None


class CloseAxis(NumberAxis):
    """Numbers at the left of a low plot: as close to each other as they can be read."""

    def ticks(self) -> list[tuple[float, str]]:
        """Round numbers that fit."""
        low, high = self.range
        most = max(2, int(self._area.height() / 26))
        step = nice_step(high - low, most)
        words = self.text or (lambda value: numbers.tick(value, step))
        return [(place, text) for place in nice_ticks(low, high, most) if (text := words(place))]


def powers(series: Series, base: float) -> Series:
    """Put exponents of a base in place of values; what is not above zero is left out."""

    def taken(values: Floats) -> Floats:
        found: Floats = np.log(np.where(values > 0, values, np.nan)) / np.log(base)
        return found

    low, high = (taken(end) if end is not None else None for end in (series.low, series.high))
    return replace(series, values=taken(series.values), low=low, high=high)


class GroupItem(PixelItem):
    """Everything that is drawn over the groups."""

    def __init__(self, box: PlotBox, theme: Theme) -> None:
        super().__init__(box, theme)
        self.series: tuple[Series, ...] = ()
        self.y_axis: NumberAxis | None = None
        self.guide = float("nan")
        self.base = 0.0
        self.selected = -1

    def draw(self, painter: QPainter, scale: Scale, exposed: QRectF) -> None:
        """Paint grid, bands, bars, lines and points, in this order."""
        painter.setPen(QPen(self.theme.color("grid"), 1))
        for place, _ in self.y_axis.ticks() if self.y_axis is not None else ():
            y = round(scale.y_of(place)) + 0.5
            painter.drawLine(QPointF(0, y), QPointF(scale.width, y))
        for one in self.series:
            self._draw_band(painter, scale, one)
        for one in self.series:
            if one.style == "bars":
                self._draw_bars(painter, scale, one)
        if self.guide == self.guide:
            painter.setPen(QPen(self.theme.color("text_soft"), 1))
            y = round(scale.y_of(self.guide)) + 0.5
            painter.drawLine(QPointF(0, y), QPointF(scale.width, y))
        for one in self.series:
            if one.style in ("steps", "dashed"):
                self._draw_steps(painter, scale, one)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for one in self.series:
            if one.style in ("rings", "diamonds"):
                self._draw_points(painter, scale, one)

    def _draw_band(self, painter: QPainter, scale: Scale, one: Series) -> None:
        if one.low is None or one.high is None or not np.isfinite(one.low).all():
            return
        x = np.arange(len(one.low), dtype=np.float64)
        color = self.theme.color(one.hue)
        color.setAlphaF(0.18)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        edges = scale.x(np.stack([x - 0.5, x + 0.5], axis=1).ravel())
        low, high = (scale.y(np.repeat(end, 2)) for end in (one.low, one.high))
        around = np.concatenate([edges, edges[::-1]]), np.concatenate([high, low[::-1]])
        painter.drawPolygon(pg.functions.arrayToQPolygonF(*around))

    def _draw_bars(self, painter: QPainter, scale: Scale, one: Series) -> None:
        half = max(1.0, min(0.36 * scale.per_x, 22.0))
        base = round(scale.y_of(self.base))
        hatch = QBrush(self.theme.color("cost"), Qt.BrushStyle.BDiagPattern)
        for place, value in enumerate(one.values.tolist()):
            if value == value:
                left, top = round(scale.x_of(place) - half), round(scale.y_of(value))
                color = self.theme.color(one.under if one.under and value < self.guide else one.hue)
                color.setAlphaF(1.0 if place == self.selected else 0.6)
                bar = QRectF(left, top, round(2 * half), base - top)
                painter.fillRect(bar, color)
                if one.hatched is not None and one.hatched[place]:
                    painter.fillRect(bar, hatch)

    def _draw_steps(self, painter: QPainter, scale: Scale, one: Series) -> None:
        pen = QPen(self.theme.color(one.hue), 1)
        pen.setStyle(Qt.PenStyle.DashLine if one.style == "dashed" else Qt.PenStyle.SolidLine)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        x = np.arange(len(one.values), dtype=np.float64)
        edges = np.round(scale.x(np.stack([x - 0.5, x + 0.5], axis=1).ravel())) + 0.5
        heights = np.round(np.nan_to_num(scale.y(np.repeat(one.values, 2)))) + 0.5
        if np.isfinite(one.values).all() and len(edges):
            painter.drawPolyline(QPolygonF([QPointF(a, b) for a, b in zip(edges, heights, strict=True)]))

    def _draw_points(self, painter: QPainter, scale: Scale, one: Series) -> None:
        painter.setPen(QPen(self.theme.color(one.hue), 1.5))
        painter.setBrush(self.theme.color("surface"))
        size = 4.0 if scale.per_x > 12 else 2.5
        for place, value in enumerate(one.values.tolist()):
            if value != value:
                continue
            # Beside each other within the bar: two profiles often agree, and neither should hide the other.
            at = QPointF(scale.x_of(place + (-APART if one.style == "rings" else APART)), scale.y_of(value))
            if one.style == "rings":
                painter.drawEllipse(at, size, size)
            else:
                corners = [QPointF(size, 0), QPointF(0, size), QPointF(-size, 0), QPointF(0, -size)]
                painter.drawPolygon(QPolygonF([at + corner for corner in corners]))


class GroupPlot(Plot):
    """Values over width groups.

    Parameters
    ----------
    named
        Whether the names of the groups stand below.
    """

    group_clicked = Signal(int)
    group_hovered = Signal(int)
    """Group under the mouse, -1 for none."""

    def __init__(self, theme: Theme, name: str, y_title: str, named: bool = False) -> None:
        super().__init__(theme, name, Margins(left=LEFT, top=24, right=12, bottom=8))
        self.set_title(y_title)
        self.item = GroupItem(self.box, theme)
        self.y_axis = CloseAxis(theme, "left")
        self.item.y_axis = self.y_axis
        self.add_axis(self.y_axis)
        self.x_axis = ListAxis(theme, "bottom", "") if named else None
        if self.x_axis is not None:
            self.add_axis(self.x_axis)
        self.box.setMouseEnabled(x=False, y=False)
        self.count = 0
        self._pointed = -1
        self.clicked.connect(lambda x, _y, _extend: self._click(round(x)))
        self.hovered.connect(self._hover)

    def show_series(
        self,
        series: tuple[Series, ...],
        names: tuple[str, ...],
        guide: float = float("nan"),
        top: float = 0.0,
        log: float = 0.0,
    ) -> None:
        """Draw other values.

        Parameters
        ----------
        series, names
            What is drawn; the groups.
        guide
            Value of a line across, NaN for none.
        top
            Where the axis ends, 0 for a round number above the largest.
        log
            2 or 10: draw powers of it; 0 for a plain axis.
        """
        if log:
            series = tuple(powers(one, log) for one in series)
            guide = float(np.log(guide) / np.log(log)) if guide > 0 else float("nan")
        self.y_axis.text = partial(power_words, base=log) if log else None
        self.item.series, self.item.guide, self.count = series, guide, len(names)
        if self.x_axis is not None:
            self.x_axis.set_names(names, len(names))
            self.keep_room(bottom=round(self.x_axis.room()) - 8)
        home = ((-0.6, max(len(names), 1) - 0.4), _reach(series, guide, top, bool(log)))
        self.item.base = home[1][0]
        if self.home != home:
            self.set_home(*home)
        self.item.update()

    def select(self, place: int) -> None:
        """Draw a group's bar stronger, -1 for none."""
        if place != self.item.selected:
            self.item.selected = place
            self.item.update()

    def _hover(self, place: tuple[float, float] | None) -> None:
        at = round(place[0]) if place is not None else -1
        at = at if 0 <= at < self.count else -1
        if at != self._pointed:
            self._pointed = at
            self.group_hovered.emit(at)

    def _click(self, place: int) -> None:
        if 0 <= place < self.count:
            self.group_clicked.emit(place)


def _reach(series: tuple[Series, ...], guide: float, top: float, log: bool) -> tuple[float, float]:
    """Return the ends of the axis: from 0 or a whole power to a round number above the largest."""
    drawn = [values for one in series for values in (one.values, one.low, one.high) if values is not None]
    if log:
        every = np.concatenate([*drawn, np.array([guide])])
        every = every[np.isfinite(every)]
        return (float(np.floor(every.min())), float(np.ceil(every.max() + 0.02))) if every.size else (0.0, 1.0)
    highest = max(float(np.nan_to_num(values).max(initial=0.0)) for values in (*drawn, np.array([guide])))
    return 0.0, top or nice_top(1.02 * highest)


def power_words(exponent: float, base: float) -> str:
    """Words for a power on an axis, "" between whole ones.

    Examples
    --------
    >>> power_words(6.0, 2.0), power_words(-3.0, 10.0), power_words(0.5, 2.0)
    ('64', '10⁻³', '')
    """
    whole = exponent == round(exponent)
    if not whole:
        return ""
    return f"{base**exponent:,.4g}" if base == 2 else numbers.scientific(base**exponent)


class BudgetPlot(CurvePlot):
    """Costs in percent over a threshold, on a log axis, with a line that can be dragged."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Costs over the threshold", "threshold on the scores", "% of original", log_x=True)
        self.axes.remove(self.y_axis)
        self.scene().removeItem(self.y_axis)
        self.y_axis = CloseAxis(theme, "left")
        self.add_axis(self.y_axis)
        self.item.axes = (self.x_axis, self.y_axis)
        self.item.labels_at = 0.0
        self.box.setMouseEnabled(x=False, y=False)
