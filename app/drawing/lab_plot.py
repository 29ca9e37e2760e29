"""Plot of the rank lab: mean rank ratio of random layers, one line per nonlinearity, with what was published."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from analysis.measures import rank_lab as lab
from app.drawing.axes import Axis, NumberAxis
from app.drawing.curves import Curve, CurvePlot, Guide, Spots
from app.drawing.named import Title
from app.drawing.pixels import PixelItem, PlotBox, Scale
from app.drawing.plots import Margins
from app.reading.depth import Floats
from app.theme import Theme

HUES = {
    "linear": "text_soft",
    "relu6": "sharing",
    "relu": "bundles",
    "leaky_relu": "configurations",
    "elu": "widths",
    "softplus": "text",
    "hardswish": "cost",
    "silu": "rank",
}
"""Colour role of each nonlinearity: warm for those with a corner at 0."""
WHOLE, TOP = (0.0, 1.04), (0.7, 1.01)
"""Ranges of the y axis; the second is that of the published panels for single layers."""
DECADES = (math.log10(lab.FLOOR) - 0.4, 0.4)
"""Range of the exponents of a conditioning."""
STRONG, THIN = 1.5, 0.6
"""Width of the lines, and of those of an earlier study behind them."""
NEAR = 14.0
"""Pixels within which a line is taken for the one that is pointed at."""
TIE = 16.0
"""Pixels between the end of a line and its name."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Mean rank ratio of one nonlinearity.

    Attributes
    ----------
    activation
        One of :data:`analysis.measures.rank_lab.ACTIVATIONS`.
    found
        Average over the networks so far.
    published
        (ratio, rank ratio) read off the figure of the paper; empty for none or for none to be shown.
    """

    activation: str
    found: lab.Curve
    published: tuple[tuple[float, float], ...] = ()


class BandsItem(PixelItem):
    """Standard errors as bands, and the line at the pointer once more, stronger."""

    def __init__(self, box: PlotBox, theme: Theme) -> None:
        super().__init__(box, theme, z=-1)
        self.series: tuple[Series, ...] = ()
        self.strong = ""

    def draw(self, painter: QPainter, scale: Scale, exposed: QRectF) -> None:
        """Paint one band per line."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for one in self.series:
            color = self.theme.color(HUES[one.activation])
            low, high = band(one.found)
            known = np.isfinite(low)
            if known.sum() >= 2:
                soft = self.theme.color(HUES[one.activation])
                soft.setAlphaF(0.16)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(soft)
                x = scale.x(one.found.x[known])
                painter.drawPolygon(_polygon(x, scale.y(low[known]), scale.y(high[known])))
            if one.activation == self.strong:
                known = np.isfinite(one.found.y)
                points = zip(scale.x(one.found.x[known]).tolist(), scale.y(one.found.y[known]).tolist(), strict=True)
                painter.setPen(QPen(color, 3))
                painter.drawPolyline(QPolygonF([QPointF(a, b) for a, b in points]))


def band(found: lab.Curve) -> tuple[Floats, Floats]:
    """Return the ends of the band: one standard error below and above the mean; NaN where there is none."""
    return found.y - found.error, found.y + found.error


def _polygon(x: Floats, low: Floats, high: Floats) -> QPolygonF:
    there = [QPointF(a, b) for a, b in zip(x.tolist(), high.tolist(), strict=True)]
    back = [QPointF(a, b) for a, b in zip(x.tolist(), low.tolist(), strict=True)]
    return QPolygonF([*there, *reversed(back)])


class NamesAxis(Axis):
    """Names of the lines at their right ends, moved apart where the ends are close, each tied to its line."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "right")
        self.series: tuple[Series, ...] = ()
        self.strong = ""

    def places(self) -> list[tuple[str, float, float]]:
        """(activation, pixel of the end of its line, pixel of its name), from top to bottom; only lines with an end."""
        metrics = QFontMetricsF(self.theme.font("small"))
        ends = []
        for one in self.series:
            known = one.found.y[np.isfinite(one.found.y)]
            if known.size:
                end = min(max(self.pixel(float(known[-1])), self._area.top()), self._area.bottom())
                ends.append((end, one.activation))
        # Lines that end at the same height keep the order of their other end, which a reader sees apart.
        first = {one.activation: -float(np.nan_to_num(one.found.y[0])) for one in self.series}
        ends.sort(key=lambda item: (round(item[0]), first[item[1]]))
        heights = spread([end for end, _ in ends], metrics.height(), self._area.top() + 1, self._area.bottom())
        return [(name, end, place) for (end, name), place in zip(ends, heights, strict=True)]

    def at(self, y: float) -> str:
        """Name of the line whose name stands at a pixel, "" for none."""
        half = QFontMetricsF(self.theme.font("small")).height() / 2
        return next((name for name, _, place in self.places() if abs(place - y) <= half), "")

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Draw ties and names."""
        painter.setFont(self.theme.font("small"))
        height = QFontMetricsF(painter.font()).height()
        left = self._area.left()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for name, end, place in self.places():
            painter.setPen(QPen(self.theme.color(HUES[name]), 2 if name == self.strong else 1))
            painter.drawPolyline(QPolygonF([QPointF(left, end), QPointF(left + 8, place), QPointF(left + 12, place)]))
            painter.setPen(self.theme.readable(HUES[name], "surface"))
            text = lab.ACTIVATION_TITLES[name]
            painter.drawText(
                QRectF(left + TIE, place - height / 2, self._area.width(), height), Qt.AlignmentFlag.AlignVCenter, text
            )


def spread(wanted: list[float], distance: float, low: float, high: float) -> list[float]:
    """Move sorted places apart to a distance, as little as possible, within limits.

    Examples
    --------
    >>> spread([10.0, 11.0, 60.0], 12.0, 0.0, 100.0)
    [10.0, 22.0, 60.0]
    >>> spread([95.0, 99.0], 12.0, 0.0, 100.0)
    [82.0, 94.0]
    """
    places: list[float] = []
    for place in wanted:
        least = places[-1] + distance if places else low
        places.append(max(place, least))
    bottom = high - distance / 2
    for i in range(len(places) - 1, -1, -1):
        places[i] = min(places[i], bottom)
        bottom = places[i] - distance
    return places


class LabPlot(CurvePlot):
    """Rank ratio over dimension ratio, with the expansion ratio on top."""

    line_pointed = Signal(str)
    """Nonlinearity whose line is pointed at, "" for none."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Rank of random layers", "dimension ratio d_in / d_out", "")
        self.series: tuple[Series, ...] = ()
        self.quantity = "rank"
        self.hovered_column = -1
        self.strong = ""
        self.bands = BandsItem(self.box, theme)
        self.names = NamesAxis(theme)
        self.expansion = NumberAxis(theme, "top", text=expansion_words)
        self.add_axis(self.names)
        self.add_axis(self.expansion)
        self.box.setMouseEnabled(x=False, y=False)
        self.set_home((0.0, 1.02), WHOLE)
        self.hovered.connect(self._point)
        theme.changed.connect(self._make_room)
        self._make_room()

    def titles(self) -> tuple[Title, ...]:
        """Return the titles of both vertical directions, above the upper axis, which has its numbers below them."""
        area, height = self.area(), QFontMetricsF(self.theme.font("small")).height()
        room = QRectF(6, max(0.0, area.top() - 2 * height - 10), area.right() - 6, height)
        upper = Title("expansion d_out / d_in", room, Qt.AlignmentFlag.AlignRight)
        return (Title(lab.QUANTITIES[self.quantity], room), upper)

    def _make_room(self) -> None:
        """Keep room for both titles above and for the longest name at the right, whatever the size of the font."""
        metrics = QFontMetricsF(self.theme.font("small"))
        widest = max(metrics.horizontalAdvance(name) for name in lab.ACTIVATION_TITLES.values())
        height = metrics.height()
        self.margins = Margins(
            left=16 + max(metrics.horizontalAdvance(text) for text in ("0.95", "10⁻¹⁶")),
            top=2 * height + 18,
            right=TIE + widest + 12,
            bottom=2 * height + 14,
        )
        self.arrange()

    def show_series(
        self, series: tuple[Series, ...], zoomed: bool, outline: tuple[Series, ...] = (), quantity: str = "rank"
    ) -> None:
        """Draw other averages, and behind them those of an earlier study as thin lines of the same colours."""
        self.series = self.bands.series = self.names.series = series
        if quantity != self.quantity:
            self.quantity = quantity
            for axis in self.axes:
                if isinstance(axis, NumberAxis) and axis.side == "left":
                    axis.log = quantity == "condition"
        self.set_home((0.0, 1.02), DECADES if quantity == "condition" else TOP if zoomed else WHOLE)
        curves = tuple(_line(one, STRONG) for one in series)
        behind = tuple(_line(one, THIN) for one in outline)
        ends = np.array([0.0, 1.0])
        diagonal = (Curve(ends, ends, hue="outline", dashed=True),) if quantity == "rank" else ()
        guides = (Guide("x", 1 / lab.EXPANSION, "expansion 6", "6"),)
        self.show_curves((*diagonal, *behind, *curves), guides)
        self.show_spots(tuple(_spots(one) for one in series if one.published))
        self.bands.update()
        self.names.update()

    def set_strong(self, activation: str) -> None:
        """Draw one line stronger than the others."""
        if activation != self.strong:
            self.strong = self.bands.strong = self.names.strong = activation
            self.bands.update()
            self.names.update()
            self.line_pointed.emit(activation)

    def _point(self, place: tuple[float, float] | None) -> None:
        if place is None or not self.series:
            self.hovered_column = -1
            self.set_strong("")
            return
        x = self.series[0].found.x
        self.hovered_column = int(np.abs(x - place[0]).argmin())
        scale = Scale.of(self.box)
        gaps = {one.activation: abs(scale.y_of(_height(one, place[0])) - scale.y_of(place[1])) for one in self.series}
        near = min(gaps, key=lambda name: gaps[name] if np.isfinite(gaps[name]) else np.inf)
        self.set_strong(near if gaps[near] <= NEAR else "")


def _height(one: Series, x: float) -> float:
    known = np.isfinite(one.found.y)
    return float(np.interp(x, one.found.x[known], one.found.y[known])) if known.any() else float("nan")


def _line(one: Series, strength: float) -> Curve:
    return Curve(one.found.x, one.found.y, hue=HUES[one.activation], strength=strength)


def _spots(one: Series) -> Spots:
    x, y = np.array(one.published, dtype=np.float64).T
    return Spots(x, y, hue=HUES[one.activation], hollow=True)


def expansion_words(ratio: float) -> str:
    """Words for a ratio on the upper axis: its expansion, "10×"; nothing at 0."""
    return f"{1 / ratio:.3g}×" if ratio > 0 else ""
