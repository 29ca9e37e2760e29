"""Curves and points on pyqtgraph: all lines of a plot are one item; labels stand beside what they name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QPainter, QPen

from app.drawing.axes import NumberAxis
from app.drawing.pixels import PixelItem, PlotBox, Scale
from app.drawing.plots import Margins, Plot
from app.reading.depth import Floats
from app.theme import Theme

SERIES = ("rank", "bundles", "widths", "sharing", "configurations", "cost", "text", "accent")
"""Colour roles of curves that stand beside each other."""
NEAR = 6.0
"""Pixels within which a guide can be taken."""
MAX_POINTS = 4000


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One line.

    Attributes
    ----------
    x, y
        Points in the coordinates of the plot (exponents of ten on a log axis); NaN breaks the line.
    label, hue
        Words and colour role.
    steps
        True for a line that stays level until the next x.
    dashed
        True for a line that is only a reference.
    strength
        Width of the line in pixels.
    """

    x: Floats
    y: Floats
    label: str = ""
    hue: str = "rank"
    steps: bool = False
    dashed: bool = False
    strength: float = 1.0


@dataclass(frozen=True, slots=True)
class Guide:
    """A thin line at a value, with its meaning.

    Attributes
    ----------
    axis, at
        "x" or "y" and the place, in coordinates of the plot.
    label, short
        Its meaning, and in fewer words.
    tick
        True to draw only a short piece at the left edge.
    movable
        True if it can be dragged.
    hue
        Colour role.
    """

    axis: str
    at: float
    label: str = ""
    short: str = ""
    tick: bool = False
    movable: bool = False
    hue: str = "text_soft"


@dataclass(frozen=True, slots=True, eq=False)
class Spots:
    """Points of a scatter plot.

    Attributes
    ----------
    x, y
        (n,) places.
    names
        One label per point.
    hue
        Colour role.
    hollow
        True for points that do not belong to the others.
    """

    x: Floats
    y: Floats
    names: tuple[str, ...] = ()
    hue: str = "rank"
    hollow: bool = False


def steps(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Turn points into stairs: level until the next x, then up."""
    if x.size < 2:
        return x, y
    return np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1]


def thinned(x: Floats, y: Floats, left: float, right: float, pixels: int) -> tuple[Floats, Floats]:
    """Leave away what cannot be seen of a long line: points beyond the edges, all but the extremes of each pixel."""
    if x.size <= MAX_POINTS:
        return x, y
    first, last = np.searchsorted(x, [left, right])
    cut = slice(max(0, int(first) - 1), min(x.size, int(last) + 1))
    x, y = x[cut], y[cut]
    if x.size <= MAX_POINTS:
        return x, y
    size = max(1, x.size // (2 * pixels))
    count = x.size // size
    blocks = y[: count * size].reshape(count, size)
    rows = np.arange(count) * size
    order = np.sort(np.stack([rows + blocks.argmin(axis=1), rows + blocks.argmax(axis=1)], axis=1), axis=1).ravel()
    order = np.unique(np.append(order, x.size - 1))
    return x[order], y[order]


class CurvesItem(PixelItem):
    """All lines, guides and points of a plot."""

    def __init__(self, box: PlotBox, theme: Theme) -> None:
        super().__init__(box, theme)
        self.curves: tuple[Curve, ...] = ()
        self.guides: tuple[Guide, ...] = ()
        self.spots: tuple[Spots, ...] = ()
        self.axes: tuple[NumberAxis, ...] = ()
        self.captions: tuple[str, ...] = ()
        self.legend_at = "top"
        self.labels_at = 1.0
        """Height of the labels of vertical guides, 0 for the top and 1 for the bottom."""

    def draw(self, painter: QPainter, scale: Scale, exposed: QRectF) -> None:
        """Paint grid, guides, lines, points and their labels."""
        self._draw_grid(painter, scale)
        for guide in self.guides:
            self._draw_guide(painter, guide, scale)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for curve in self.curves:
            self._draw_curve(painter, curve, scale)
        for spots in self.spots:
            self._draw_spots(painter, spots, scale)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        for guide in self.guides:
            self._draw_guide_label(painter, guide, scale)
        self._name_spots(painter, scale)
        self._draw_captions(painter, scale)
        self._draw_legend(painter, scale)

    def _draw_grid(self, painter: QPainter, scale: Scale) -> None:
        painter.setPen(QPen(self.theme.color("grid"), 1))
        for axis in self.axes:
            for place, _ in axis.ticks():
                if axis.side == "left":
                    y = round(scale.y_of(place)) + 0.5
                    painter.drawLine(QPointF(0, y), QPointF(scale.width, y))

    def _draw_guide(self, painter: QPainter, guide: Guide, scale: Scale) -> None:
        style = Qt.PenStyle.SolidLine if guide.tick else Qt.PenStyle.DashLine
        painter.setPen(QPen(self.theme.color(guide.hue), 1, style))
        if guide.axis == "x":
            x = round(scale.x_of(guide.at)) + 0.5
            painter.drawLine(QPointF(x, 0), QPointF(x, scale.height))
        else:
            y = round(scale.y_of(guide.at)) + 0.5
            painter.drawLine(QPointF(0, y), QPointF(14 if guide.tick else scale.width, y))

    def _draw_guide_label(self, painter: QPainter, guide: Guide, scale: Scale) -> None:
        """Write what a guide means beside it, over the curves; a shorter text or none where it does not fit."""
        painter.setFont(self.theme.font("small"))
        metrics = QFontMetricsF(painter.font())
        x, height = scale.x_of(guide.at), metrics.height()
        outside = guide.axis == "x" and x < 0
        texts = [f"◂ {text}" if outside else text for text in (guide.label, guide.short) if text]
        text = next((text for text in texts if metrics.horizontalAdvance(text) <= scale.width - 24), "")
        if not text or (guide.axis == "x" and x > scale.width):
            return
        width = metrics.horizontalAdvance(text)
        if guide.axis == "y":
            top = min(max(0.0, scale.y_of(guide.at) - height / 2), scale.height - height)
            sides = (18.0,) if guide.tick else (18.0, scale.width - width - 8)
            free = (side for side in sides if not self._covers(QRectF(side, top, width, height), scale))
            left = next(free, sides[0])
        else:
            left = 4.0 if outside else (x + 5 if x + 5 + width < scale.width else max(2.0, x - 5 - width))
            top = 3 + self.labels_at * (scale.height - height - 6)
        rect = QRectF(left, top, width + 1, height)
        behind = self.theme.color("surface")
        behind.setAlphaF(0.85)
        painter.fillRect(rect.adjusted(-2, 0, 2, 0), behind)
        painter.setPen(self.theme.readable(guide.hue, "surface"))
        painter.drawText(rect, 0, text)

    def _covers(self, place: QRectF, scale: Scale) -> bool:
        """Tell whether a point of a curve lies in a rectangle."""
        around = place.adjusted(-10, -5, 10, 5)  # points have a size
        points = [*((curve.x, curve.y) for curve in self.curves), *((spots.x, spots.y) for spots in self.spots)]
        for xs, ys in points:
            x, y = scale.x(xs), scale.y(ys)
            beside = (x > around.left()) & (x < around.right())
            if (beside & (y > around.top()) & (y < around.bottom())).any():
                return True
        return False

    def _draw_curve(self, painter: QPainter, curve: Curve, scale: Scale) -> None:
        low, high = self.box.viewRange()[0]
        x, y = thinned(curve.x, curve.y, low, high, max(1, int(scale.width)))
        x, y = steps(x, y) if curve.steps else (x, y)
        known = np.isfinite(x) & np.isfinite(y)
        if known.sum() < 2:
            return
        pen = QPen(self.theme.color(curve.hue), curve.strength)
        pen.setStyle(Qt.PenStyle.DashLine if curve.dashed else Qt.PenStyle.SolidLine)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        path = pg.functions.arrayToQPath(scale.x(x), scale.y(y), connect="finite")
        painter.drawPath(path)

    def _draw_spots(self, painter: QPainter, spots: Spots, scale: Scale) -> None:
        color, surface = self.theme.color(spots.hue), self.theme.color("surface")
        painter.setPen(QPen(color if spots.hollow else surface, 1))
        painter.setBrush(surface if spots.hollow else color)
        for a, b in zip(scale.x(spots.x).tolist(), scale.y(spots.y).tolist(), strict=True):
            painter.drawEllipse(QPointF(a, b), 4.5, 4.5)

    def _name_spots(self, painter: QPainter, scale: Scale) -> None:
        """Write names beside the points, if possible where no curve runs; where no place is free, there is none."""
        painter.setFont(self.theme.font("small"))
        painter.setPen(self.theme.color("text_soft"))
        metrics = QFontMetricsF(painter.font())
        height = metrics.height()
        named = [
            (a, b, name)
            for spots in self.spots
            for a, b, name in zip(scale.x(spots.x).tolist(), scale.y(spots.y).tolist(), spots.names, strict=False)
        ]
        taken = [QRectF(a - 5, b - 5, 10, 10) for a, b, _ in named]
        for a, b, name in named:
            width = metrics.horizontalAdvance(name)
            level, sides = min(max(0.0, b - height / 2), scale.height - height), (a + 8, a - 8 - width)
            places = [(left, top) for top in (level, b - height - 4, b + 4) for left in (*sides, a - width / 2)]
            places.remove((a - width / 2, level))  # on the point itself
            whole = QRectF(0, 0, scale.width, scale.height)
            rects = [QRectF(left, top, width + 1, height) for left, top in places]
            free = [r for r in rects if whole.contains(r) and not any(r.intersects(other) for other in taken)]
            rect = next(
                (r for r in free if not self._crossed(r, scale)), next((r for r in free if r in rects[:2]), None)
            )
            if rect is not None:
                taken.append(rect)
                painter.drawText(rect, 0, name)

    def _crossed(self, rect: QRectF, scale: Scale) -> bool:
        """Tell whether a curve runs through a rectangle of pixels."""
        seen = np.linspace(rect.left(), rect.right(), 24)
        for curve in self.curves:
            x, y = steps(curve.x, curve.y) if curve.steps else (curve.x, curve.y)
            if len(x):
                heights = np.interp(seen, scale.x(x), scale.y(y), left=np.nan, right=np.nan)
                if bool(((heights >= rect.top()) & (heights <= rect.bottom())).any()):
                    return True
        return False

    def _draw_captions(self, painter: QPainter, scale: Scale) -> None:
        """Write sentences at the top left, broken where they are wider than the plot."""
        painter.setFont(self.theme.font("small"))
        painter.setPen(self.theme.color("text_soft"))
        metrics, top = QFontMetricsF(painter.font()), 4.0
        for text in self.captions:
            room = QRectF(8, top, max(1.0, scale.width - 16), scale.height)
            painter.drawText(room, Qt.TextFlag.TextWordWrap, text)
            top += metrics.boundingRect(room, Qt.TextFlag.TextWordWrap, text).height()

    def _draw_legend(self, painter: QPainter, scale: Scale) -> None:
        """Write the name of every line in its colour, in the corner at the left where the lines are not."""
        labelled = [curve for curve in self.curves if curve.label]
        if not labelled:
            return
        painter.setFont(self.theme.font("small_code"))
        metrics = QFontMetricsF(painter.font())
        most = max(1, int(scale.height / metrics.height()) - 1)
        for line, curve in enumerate(labelled[:most]):
            label = metrics.elidedText(curve.label, Qt.TextElideMode.ElideMiddle, scale.width - 12)
            y = 4 + line * metrics.height()
            if self.legend_at == "bottom":
                y = scale.height - 8 - (min(most, len(labelled)) - line) * metrics.height()
            place = QRectF(8, y, metrics.horizontalAdvance(label) + 1, metrics.height())
            behind = self.theme.color("surface")
            behind.setAlpha(220)
            painter.fillRect(place, behind)  # a line that runs through a name can still be followed
            painter.setPen(self.theme.readable(curve.hue, "surface"))
            painter.drawText(place, 0, label)


class CurvePlot(Plot):
    """Lines over numbers.

    Parameters
    ----------
    x_title, y_title
        Words and unit of the axes.
    log_x
        True if x are exponents of ten.
    """

    guide_moved = Signal(float, bool)
    """New place of the guide that is dragged, and whether the drag has ended."""

    def __init__(self, theme: Theme, name: str, x_title: str, y_title: str, log_x: bool = False) -> None:
        super().__init__(theme, name, Margins(left=48, top=26, right=14, bottom=42))
        self.set_title(y_title)
        self.item = CurvesItem(self.box, theme)
        self.x_axis = NumberAxis(theme, "bottom", log=log_x, title=x_title)
        self.y_axis = NumberAxis(theme, "left")
        self.item.axes = (self.x_axis, self.y_axis)
        self.add_axis(self.x_axis)
        self.add_axis(self.y_axis)
        self.box.setMouseEnabled(x=True, y=False)
        self.box.grab = self._grab
        self._held = False
        self.scene().sigMouseMoved.connect(self._show_pointer)

    def show_curves(self, curves: tuple[Curve, ...], guides: tuple[Guide, ...] = ()) -> None:
        """Draw other lines and guides."""
        self.item.curves, self.item.guides = curves, guides
        self.item.update()

    def show_spots(self, spots: tuple[Spots, ...]) -> None:
        """Draw other points."""
        self.item.spots = spots
        self.item.update()

    def _movable(self) -> Guide | None:
        return next((guide for guide in self.item.guides if guide.movable), None)

    def _is_near(self, scene: QPointF) -> bool:
        guide = self._movable()
        if guide is None:
            return False
        place = self.box.mapFromScene(scene)
        near = abs(Scale.of(self.box).x_of(guide.at) - float(place.x())) <= NEAR
        return near and 0 <= float(place.y()) <= float(self.box.height())

    def _show_pointer(self, place: QPointF) -> None:
        near = self._is_near(place)
        self.viewport().setCursor(Qt.CursorShape.SplitHCursor if near else Qt.CursorShape.ArrowCursor)

    def _grab(self, ev: Any) -> bool:
        if ev.isStart():
            self._held = self._is_near(ev.buttonDownScenePos())
        if not self._held:
            return False
        low, high = self.box.viewRange()[0]
        at = min(max(float(self.box.mapToView(ev.pos()).x()), low), high)
        self.guide_moved.emit(at, bool(ev.isFinish()))
        self._held = not ev.isFinish()
        return True
