"""Plots of shared weights: against degrees of freedom with bands over seeds, layer by layer, and uses of entries."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from app.drawing.axes import NumberAxis, nice_top
from app.drawing.curves import Curve, CurvePlot, Guide, Spots
from app.drawing.list_axes import ListAxis
from app.drawing.pixels import PixelItem, PlotBox, Scale
from app.drawing.plots import Margins, Plot
from app.reading import numbers
from app.reading.depth import Floats
from app.theme import Theme


class FreedomAxis(NumberAxis):
    """Numbers on a log axis at 1, 2, 5 of every power of ten: few networks differ by more than one."""

    def ticks(self) -> list[tuple[float, str]]:
        """Round numbers that fit, as exponents of ten."""
        low, high = sorted(self.range)
        exponents = range(int(np.floor(low)), int(np.ceil(high)) + 1)
        most = max(2.0, self._area.width() / 56)
        for steps in ((1, 2, 5), (1,)):
            places = [k + float(np.log10(step)) for k in exponents for step in steps]
            seen = [place for place in places if low - 1e-9 <= place <= high + 1e-9]
            if len(seen) <= most:
                break
        every = max(1, int(np.ceil(len(seen) / most)))
        values = [(place, float(f"{10.0**place:.3g}")) for place in seen[::every]]
        return [(place, f"{value:,.0f}" if 10 <= value < 1e6 else numbers.short(value)) for place, value in values]


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One line over degrees of freedom.

    Attributes
    ----------
    words, hue
        Words for the legend, colour role.
    x, y
        (sizes,) numbers above 0, and percent; NaN for what is not known.
    low, high
        (sizes,) smallest and largest over seeds, or None.
    dashed
        True for an expectation or a law.
    """

    words: str
    hue: str
    x: Floats
    y: Floats
    low: Floats | None = None
    high: Floats | None = None
    dashed: bool = False


class BandItem(PixelItem):
    """From the smallest to the largest over seeds, as a band behind the line."""

    def __init__(self, box: PlotBox, theme: Theme) -> None:
        super().__init__(box, theme, z=-1)
        self.series: tuple[Series, ...] = ()

    def draw(self, painter: QPainter, scale: Scale, exposed: QRectF) -> None:
        """Paint one band per line with more than one seed."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        for one in self.series:
            if one.low is None or one.high is None or len(one.x) < 2:
                continue
            color = self.theme.color(one.hue)
            color.setAlphaF(0.18)
            painter.setBrush(color)
            x = scale.x(np.log10(one.x))
            around = np.concatenate([scale.y(one.high), scale.y(one.low)[::-1]])
            painter.drawPolygon(pg.functions.arrayToQPolygonF(np.concatenate([x, x[::-1]]), around))


class FreedomPlot(CurvePlot):
    """Percent over degrees of freedom, on a log axis."""

    def __init__(self, theme: Theme, name: str, x_title: str, y_title: str) -> None:
        super().__init__(theme, name, x_title, y_title, log_x=True)
        self.axes.remove(self.x_axis)
        self.scene().removeItem(self.x_axis)
        self.x_axis = FreedomAxis(theme, "bottom", log=True, title=x_title)
        self.add_axis(self.x_axis)
        self.item.axes = (self.x_axis, self.y_axis)
        self.item.labels_at = 1.0  # at the top stand the labels of levels
        self.bands = BandItem(self.box, theme)
        self.box.setMouseEnabled(x=False, y=False)

    def show_series(
        self, series: tuple[Series, ...], guides: tuple[Guide, ...], y: tuple[float, float], x_title: str
    ) -> None:
        """Draw other lines; places of vertical guides are numbers, not exponents."""
        self.x_axis.title = x_title
        self.bands.series = series
        self.bands.update()
        guides = tuple(
            Guide("x", float(np.log10(g.at)), g.label, g.short, hue=g.hue) if g.axis == "x" else g for g in guides
        )
        drawn = [(one, np.log10(np.where(one.x > 0, one.x, np.nan))) for one in series]
        self.show_curves(tuple(Curve(x, one.y, hue=one.hue, dashed=one.dashed) for one, x in drawn), guides)
        spots = [(one, x, np.isfinite(x) & np.isfinite(one.y)) for one, x in drawn if not one.dashed]
        self.show_spots(tuple(Spots(x[known], one.y[known], hue=one.hue) for one, x, known in spots if known.any()))
        places = np.concatenate([x[np.isfinite(x)] for _, x in drawn]) if drawn else np.empty(0)
        if places.size:
            room = max(0.06 * float(np.ptp(places)), 0.05)
            home = ((float(places.min()) - room, float(places.max()) + room), y)
            if self.home != home:
                self.set_home(*home)
        self.x_axis.update()


# -- layer by layer ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """One bar per place, with what was expected as a dash and something to compare with as a ring.

    Attributes
    ----------
    values
        (place,) not below 0.
    dashes, rings, frames
        (place,), empty for none; frames are the bars of a second network.
    hue, rings_hue
        Colour roles.
    """

    values: Floats
    dashes: Floats
    rings: Floats
    hue: str = "sharing"
    rings_hue: str = "rank"
    frames: Floats = field(default_factory=lambda: np.empty(0))

    @property
    def largest(self) -> float:
        """Largest of all numbers, 0 without any."""
        every = np.concatenate([self.values, self.dashes, self.rings, self.frames])
        known = every[np.isfinite(every)]
        return float(known.max()) if known.size else 0.0


class BarsItem(PixelItem):
    """Bars on a line at 0."""

    def __init__(self, box: PlotBox, theme: Theme) -> None:
        super().__init__(box, theme)
        self.bars: Bars | None = None
        self.y_axis: NumberAxis | None = None
        self.selected = -1

    def draw(self, painter: QPainter, scale: Scale, exposed: QRectF) -> None:
        """Paint the grid, then bars, dashes and rings."""
        shown, theme = self.bars, self.theme
        if shown is None:
            return
        painter.setPen(QPen(theme.color("grid"), 1))
        for place, _ in self.y_axis.ticks() if self.y_axis is not None else ():
            y = round(scale.y_of(place)) + 0.5
            painter.drawLine(QPointF(0, y), QPointF(scale.width, y))
        half = max(1.0, min(0.34 * scale.per_x, 18.0))
        base = round(scale.y_of(0.0))
        for place, value in enumerate(shown.values.tolist()):
            if value == value:
                left, top = round(scale.x_of(place) - half), round(scale.y_of(value))
                painter.fillRect(QRectF(left, top, round(2 * half), base - top), theme.color(shown.hue))
        painter.setPen(QPen(theme.color("outline"), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for place, value in enumerate(shown.frames.tolist()):
            if value == value:
                left, top = round(scale.x_of(place) - half), round(scale.y_of(value))
                painter.drawRect(QRectF(left - 1.5, top + 0.5, round(2 * half) + 2, base - top - 1))
                if value < shown.values[place]:
                    # Within a filled bar a grey line is hardly seen.
                    painter.setPen(QPen(theme.text_on(theme.color(shown.hue)), 1))
                    painter.drawLine(QPointF(left, top + 0.5), QPointF(left + round(2 * half), top + 0.5))
                    painter.setPen(QPen(theme.color("outline"), 1))
        if self.selected >= 0:
            painter.setPen(QPen(theme.color("accent"), 2))
            x = scale.x_of(self.selected)
            painter.drawLine(QPointF(x - half - 2, base - 1), QPointF(x + half + 2, base - 1))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.color("text"), 2))
        for place, value in enumerate(shown.dashes.tolist()):
            if value == value:
                x, y = scale.x_of(place), scale.y_of(value)
                painter.drawLine(QPointF(x - half - 2, y), QPointF(x + half + 2, y))
        painter.setPen(QPen(theme.color("surface"), 1))
        painter.setBrush(theme.color(shown.rings_hue))
        for place, value in enumerate(shown.rings.tolist()):
            if value == value:
                painter.drawEllipse(QPointF(scale.x_of(place), scale.y_of(value)), 4.0, 4.0)


class BarsPlot(Plot):
    """Bars with named places."""

    def __init__(self, theme: Theme, name: str, x_title: str, y_title: str) -> None:
        super().__init__(theme, name, Margins(left=52, top=26, right=14, bottom=46))
        self.set_title(y_title)
        self.item = BarsItem(self.box, theme)
        self.x_axis, self.y_axis = ListAxis(theme, "bottom", x_title), NumberAxis(theme, "left")
        self.item.y_axis = self.y_axis
        self.add_axis(self.x_axis)
        self.add_axis(self.y_axis)
        self.box.setMouseEnabled(x=False, y=False)

    def show_bars(self, bars: Bars | None, names: tuple[str, ...] = (), top: float = 0.0) -> None:
        """Draw other bars; the axis ends at `top`, 0 for a round number above the largest."""
        count = len(bars.values) if bars is not None else 0
        self.item.bars = bars
        self.x_axis.set_names(names, count)
        self.keep_room(bottom=round(self.x_axis.room()) if names else self.grown(40))
        highest = top or nice_top(bars.largest if bars is not None else 1.0)
        home = ((-0.7, max(count, 1) - 0.3), (0.0, 1.04 * highest))
        if self.home != home:
            self.set_home(*home)
        self.item.update()

    def select(self, place: int) -> None:
        """Underline a place, -1 for none."""
        if place != self.item.selected:
            self.item.selected = place
            self.item.update()
