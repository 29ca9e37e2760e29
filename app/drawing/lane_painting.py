"""How lanes are painted: in whole pixels, all of a stack in one call, with neutral marks for what is no value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QLineF, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPen

from app.drawing.lanes import HEAD, Lane
from app.drawing.pixels import PixelItem, PlotBox, Scale
from app.reading.depth import EMPTY_AXIS, DepthAxis, Floats
from app.reading.measurements import NON_FINITE, NOT_APPLICABLE, NOT_MEASURED, VALUE, ZERO
from app.theme import Theme, mix

WIDEST_BAR = 44


class LanesItem(PixelItem):
    """All lanes of a stack: one item, one paint call per frame."""

    def __init__(self, box: PlotBox, theme: Theme) -> None:
        super().__init__(box, theme)
        self.axis: DepthAxis = EMPTY_AXIS
        self.lanes: list[Lane] = []
        self.tops: list[float] = []
        self.heights: list[float] = []
        self.selected: tuple[int, ...] = ()
        self.span: tuple[int, int] | None = None

    def show(self, axis: DepthAxis, lanes: list[Lane]) -> None:
        """Draw other lanes."""
        self.axis, self.lanes = axis, lanes
        self.update()

    def place(self, tops: list[float], sizes: list[float]) -> None:
        """Say where every lane lies, in pixels from the top of the box."""
        self.tops, self.heights = tops, sizes
        self.update()

    def base(self, number: int) -> float:
        """Pixel of the ground of a lane."""
        return self.tops[number] + self.heights[number] - 1

    def draw(self, painter: QPainter, scale: Scale, exposed: QRectF) -> None:
        """Paint backgrounds, then every lane that can be seen."""
        axis = self.axis
        if not axis.slots:
            return
        centres = scale.x(axis.x)
        step = 2 * axis.half * scale.per_x
        margin = step / 2 + 1
        first = int(np.searchsorted(centres, exposed.left() - margin))
        last = int(np.searchsorted(centres, exposed.right() + margin, side="right"))
        self._draw_stages(painter, scale)
        self._draw_selection(painter, centres, step, scale)
        part = _Part(slice(first, last), centres[first:last], step)
        for number, lane in enumerate(self.lanes):
            if number < len(self.tops) and self.tops[number] < exposed.bottom() and self.base(number) > exposed.top():
                self._draw_lane(painter, lane, number, part, scale)
        self._draw_span(painter, centres, step, scale)

    # -- behind and over the lanes -----------------------------------------------------------------------------------

    def _draw_stages(self, painter: QPainter, scale: Scale) -> None:
        painter.setPen(QPen(self.theme.color("line"), 1))
        for stage in self.axis.stages[1:]:
            x = round(scale.x_of(float(self.axis.x[stage.first]) - self.axis.half)) + 0.5
            painter.drawLine(QPointF(x, 0), QPointF(x, scale.height))

    def _draw_selection(self, painter: QPainter, centres: Floats, step: float, scale: Scale) -> None:
        color = self.theme.color("selected")
        for slot in self.selected:
            if 0 <= slot < len(centres):
                left = centres[slot] - step / 2
                painter.fillRect(QRectF(left, 0, max(step, 2.0), scale.height), color)

    def _draw_span(self, painter: QPainter, centres: Floats, step: float, scale: Scale) -> None:
        if self.span is None:
            return
        veil = self.theme.color("surface")
        veil.setAlphaF(0.72)
        left, right = centres[self.span[0]] - step / 2, centres[self.span[1]] + step / 2
        painter.fillRect(QRectF(0, 0, max(0.0, left), scale.height), veil)
        painter.fillRect(QRectF(right, 0, max(0.0, scale.width - right), scale.height), veil)
        painter.setPen(QPen(self.theme.color("accent"), 1))
        for x in (left, right):
            painter.drawLine(QPointF(round(x) + 0.5, 0), QPointF(round(x) + 0.5, scale.height))

    # -- one lane ----------------------------------------------------------------------------------------------------

    def _draw_lane(self, painter: QPainter, lane: Lane, number: int, part: _Part, scale: Scale) -> None:
        ground = _Ground(self.base(number), max(1.0, self.heights[number] - HEAD))
        self._draw_grid(painter, lane, ground, scale)
        if lane.ceiling is not None:
            _bars(
                painter, part, ground.height * lane.share(lane.ceiling[part.slots]), ground, self.theme.color("unused")
            )
        if lane.style == "beside":
            self._draw_beside(painter, lane, part, ground)
        elif lane.style == "change":
            self._draw_change(painter, lane, part, ground)
        else:
            self._draw_bars(painter, lane, part, ground)
        if lane.cap is not None:
            self._draw_cap(painter, lane, part, ground)
        if lane.outline is not None:
            self._draw_outline(painter, lane, ground, scale)
        if part.step >= 3:
            if lane.low is not None and lane.high is not None:
                self._draw_intervals(painter, lane, part, ground)
            if lane.marker is not None:
                self._draw_markers(painter, lane, part, ground)
            if lane.dots is not None:
                self._draw_dots(painter, lane, part, ground)
            self._draw_marks(painter, lane, part, ground)
        painter.setPen(QPen(self.theme.color("line"), 1))
        painter.drawLine(QPointF(0, ground.base + 0.5), QPointF(scale.width, ground.base + 0.5))

    def _draw_grid(self, painter: QPainter, lane: Lane, ground: _Ground, scale: Scale) -> None:
        painter.setPen(QPen(self.theme.color("grid"), 1))
        for share in lane.share(np.array([tick for tick, _ in lane.ticks(ground.height) if tick > 0])):
            y = round(ground.base - ground.height * float(share)) + 0.5
            painter.drawLine(QPointF(0, y), QPointF(scale.width, y))

    def tones(self, hue: str) -> list[QColor]:
        """Return the tones of a hue for conv, activation, block and pooled."""
        base, surface = self.theme.color(hue), self.theme.color("surface")
        return [base, mix(base, surface, 0.5), mix(base, self.theme.color("text"), 0.55), self.theme.color("text_soft")]

    def _draw_bars(self, painter: QPainter, lane: Lane, part: _Part, ground: _Ground) -> None:
        tall = ground.height * lane.share(lane.values[part.slots])
        if lane.tones is None:
            _bars(painter, part, tall, ground, self.theme.color(lane.hue))
            return
        tones = lane.tones[part.slots]
        for tone, color in enumerate(self.tones(lane.hue)):
            _bars(painter, part, np.where(tones == tone, tall, np.nan), ground, color)

    def _draw_beside(self, painter: QPainter, lane: Lane, part: _Part, ground: _Ground) -> None:
        wide = max(1.0, _bar_width(part.step) / 2)
        for sign, values, color in (
            (-1, lane.values, self.theme.color(lane.hue)),
            (1, lane.second, mix(self.theme.color(lane.hue), self.theme.color("surface"), 0.55)),
        ):
            if values is not None:
                shifted = _Part(part.slots, part.centres + sign * wide / 2, wide / 0.76)
                _bars(painter, shifted, ground.height * lane.share(values[part.slots]), ground, color)

    def _draw_change(self, painter: QPainter, lane: Lane, part: _Part, ground: _Ground) -> None:
        if lane.second is None:
            return
        after = ground.base - ground.height * lane.share(lane.values[part.slots])
        before = ground.base - ground.height * lane.share(lane.second[part.slots])
        color, soft = self.theme.color(lane.hue), self.theme.color("text_soft")
        if part.step < 4:  # too narrow for circles
            painter.setPen(QPen(color, 1))
            known = np.isfinite(after) & np.isfinite(before)
            ends = zip(part.centres[known].tolist(), before[known].tolist(), after[known].tolist(), strict=True)
            painter.drawLines([QLineF(x, a, x, b) for x, a, b in ends])
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        radius = min(4.0, max(1.5, part.step / 5))
        for x, a, b in zip(part.centres.tolist(), before.tolist(), after.tolist(), strict=True):
            if a == a and b == b:
                painter.setPen(QPen(color, 1))
                painter.drawLine(QPointF(x, a), QPointF(x, b))
            if a == a:
                painter.setPen(QPen(soft, 1))
                painter.setBrush(self.theme.color("surface"))
                painter.drawEllipse(QPointF(x, a), radius, radius)
            if b == b:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(color)
                painter.drawEllipse(QPointF(x, b), radius, radius)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _draw_cap(self, painter: QPainter, lane: Lane, part: _Part, ground: _Ground) -> None:
        if lane.cap is None:
            return
        full = lane.ceiling if lane.ceiling is not None else np.full(len(lane.cap), lane.top)
        low, high = lane.share(lane.cap[part.slots]), lane.share(full[part.slots])
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QBrush(self.theme.color("text_disabled"), Qt.BrushStyle.BDiagPattern))
        wide = _bar_width(part.step)
        painter.drawRects(
            [
                QRectF(round(x - wide / 2), ground.base - ground.height * b, wide, ground.height * (b - a))
                for x, a, b in zip(part.centres.tolist(), low.tolist(), high.tolist(), strict=True)
                if b > a
            ]
        )

    def _draw_outline(self, painter: QPainter, lane: Lane, ground: _Ground, scale: Scale) -> None:
        if lane.outline is None:
            return
        x, half, values = lane.outline
        centres, step = scale.x(x), 2 * half * scale.per_x
        wide = round(_bar_width(step))
        tall = ground.height * lane.share(values)
        painter.setPen(QPen(self.theme.color("outline"), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        shown = np.isfinite(tall) & (centres > -step) & (centres < scale.width + step)
        if step < 3 or self.axis.mode == "depth":
            edges = np.repeat(centres[shown], 2) + np.tile([-step / 2, step / 2], int(shown.sum()))
            painter.drawPolyline(pg.functions.arrayToQPolygonF(edges, ground.base - np.repeat(tall[shown], 2)))
            return
        painter.drawRects(
            [
                QRect(round(at - wide / 2), round(ground.base - height), wide, max(0, round(height)))
                for at, height in zip(centres[shown].tolist(), tall[shown].tolist(), strict=True)
            ]
        )

    def _draw_intervals(self, painter: QPainter, lane: Lane, part: _Part, ground: _Ground) -> None:
        if lane.low is None or lane.high is None:
            return
        low = ground.base - ground.height * lane.share(lane.low[part.slots])
        high = ground.base - ground.height * lane.share(lane.high[part.slots])
        reach = min(4.0, _bar_width(part.step) / 2)
        lines: list[QLineF] = []
        for x, a, b in zip((np.floor(part.centres) + 0.5).tolist(), low.tolist(), high.tolist(), strict=True):
            if a == a and b == b:
                a, b = round(a) + 0.5, round(b) + 0.5
                lines.append(QLineF(x - reach, a, x + reach, a))
                if b != a:
                    lines += (QLineF(x, a, x, b), QLineF(x - reach, b, x + reach, b))
        painter.setPen(QPen(self.theme.color("text"), 1))
        painter.drawLines(lines)

    def _draw_markers(self, painter: QPainter, lane: Lane, part: _Part, ground: _Ground) -> None:
        if lane.marker is None:
            return
        y = np.round(ground.base - ground.height * lane.share(lane.marker[part.slots]))
        wide = _bar_width(part.step) + 4
        color = self.theme.color("outline")
        for x, at in zip((part.centres - wide / 2).tolist(), y.tolist(), strict=True):
            if at == at:
                painter.fillRect(QRectF(round(x), at - 1, round(wide), 2), color)

    def _draw_dots(self, painter: QPainter, lane: Lane, part: _Part, ground: _Ground) -> None:
        if lane.dots is None:
            return
        y = ground.base - ground.height * np.clip(lane.dots[part.slots] / lane.dots_top, 0, 1)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self.theme.color("surface"), 1))
        painter.setBrush(self.theme.color("text"))
        radius = min(3.5, max(1.5, part.step / 5))
        for x, at in zip(part.centres.tolist(), y.tolist(), strict=True):
            if at == at:
                painter.drawEllipse(QPointF(x, at), radius, radius)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _draw_marks(self, painter: QPainter, lane: Lane, part: _Part, ground: _Ground) -> None:
        states = lane.states[part.slots]
        if not np.any(states != VALUE):
            return
        for state in (ZERO, NOT_MEASURED, NOT_APPLICABLE, NON_FINITE):
            for x in part.centres[states == state].tolist():
                draw_mark(painter, self.theme, state, x, ground.base)


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """The places that can be seen: which, their centres in pixels, and the pixels between two."""

    slots: slice
    centres: Floats
    step: float


@dataclass(frozen=True, slots=True)
class _Ground:
    """Pixel of a lane's ground and the height of its highest bar."""

    base: float
    height: float


def _bar_width(step: float) -> float:
    return float(min(WIDEST_BAR, max(1.0, np.floor(step * 0.76))))


def _bars(painter: QPainter, part: _Part, tall: Floats, ground: _Ground, color: QColor) -> None:
    """Fill bars of the given heights in pixels; where several share a pixel, the tallest is drawn."""
    shown = np.isfinite(tall) & (tall > 0)
    if not shown.any():
        return
    if part.step < 2:
        _skyline(painter, part.centres[shown], tall[shown], ground, color)
        return
    wide = int(_bar_width(part.step))
    left = np.round(part.centres[shown] - wide / 2).astype(int).tolist()
    high = np.maximum(1, np.round(tall[shown])).astype(int).tolist()
    base = int(ground.base)
    fill = painter.fillRect
    for x, height in zip(left, high, strict=True):
        fill(x, base - height, wide, height, color)


def _skyline(painter: QPainter, centres: Floats, tall: Floats, ground: _Ground, color: QColor) -> None:
    """Fill one shape whose height at every pixel is that of the tallest bar there."""
    columns = np.floor(centres)
    pixels, starts = np.unique(columns, return_index=True)
    tops = ground.base - np.maximum(1.0, np.maximum.reduceat(tall, starts))
    x = np.repeat(pixels, 2)
    x[1::2] += 1
    x = np.concatenate([[x[0]], x, [x[-1]]])
    y = np.concatenate([[ground.base], np.repeat(tops, 2), [ground.base]])
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    painter.drawPolygon(pg.functions.arrayToQPolygonF(x, y))


def draw_mark(painter: QPainter, theme: Theme, state: int, x: float, base: float) -> None:
    """Draw the neutral mark of a value that is no bar: o zero, – not measured, · not applicable, × not finite."""
    if state == ZERO:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.color("text_soft"), 1))
        painter.setBrush(theme.color("surface"))
        painter.drawEllipse(QPointF(x, base - 3), 2.5, 2.5)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    elif state == NOT_MEASURED:
        painter.fillRect(QRectF(round(x) - 3, base - 3, 6, 1), theme.color("text_disabled"))
    elif state == NOT_APPLICABLE:
        painter.fillRect(QRectF(round(x) - 1, base - 5, 3, 3), theme.color("zero"))
    elif state == NON_FINITE:
        painter.setPen(QPen(theme.color("non_finite"), 1))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.drawLine(QPointF(x - 3, base - 7), QPointF(x + 3, base - 1))
        painter.drawLine(QPointF(x - 3, base - 1), QPointF(x + 3, base - 7))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
