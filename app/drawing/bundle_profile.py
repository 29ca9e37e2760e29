"""Bundles over depth: number and entropy as lines, and how many pictures are alone, with their like, or in conflict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen

from app.drawing.depth_plot import DepthItem, DepthPlot, MappedAxis
from app.drawing.lane_painting import draw_mark
from app.drawing.pixels import PlotBox, Scale
from app.reading.depth import Floats, Ints
from app.reading.measurements import NON_FINITE, ZERO
from app.theme import Theme, mix

WIDEST = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class ProfileLine:
    """Values of points that belong together.

    Attributes
    ----------
    name
        "output" or "branch".
    points
        (n,) places on the axis.
    bundles, entropy
        (n,) n/N; entropy as a share of the largest there can be. NaN for what is not known.
    """

    name: str
    points: Ints
    bundles: Floats
    entropy: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """What the upper plot shows.

    Attributes
    ----------
    lines
        Outputs first, then branches if there are any.
    highest
        Label entropy of all pictures in nats.
    onset
        First point in conflict, -1 for none.
    grey
        True if the entropy says nothing, because all pictures have one label.
    broken
        (points,) bool, points with values that are not finite.
    outline
        Lines of a second network, its entropy as a share of the same largest one.
    """

    lines: tuple[ProfileLine, ...]
    highest: float
    onset: int
    grey: bool
    broken: np.ndarray
    outline: tuple[ProfileLine, ...] = ()


class ProfileItem(DepthItem):
    """Lines of n/N and of the entropy."""

    def __init__(self, box: PlotBox, theme: Theme) -> None:
        super().__init__(box, theme)
        self.profile: Profile | None = None

    def draw_values(self, painter: QPainter, scale: Scale, centres: Floats, step: float) -> None:
        """Paint H(Y), the lines, and marks for exact zeros."""
        profile = self.profile
        if profile is None:
            return
        self.grid(painter, scale, [0.25, 0.5, 0.75])
        if not profile.grey and profile.highest > 0:
            self._draw_highest(painter, scale)
        for line in profile.lines:
            self._draw_bundles(painter, scale, line, centres, step)
        for line in profile.outline:
            self._draw_outline(painter, scale, line, centres, step)
        self._draw_onset(painter, scale, centres, step)
        for line in reversed(profile.lines):
            self._draw_entropy(painter, scale, line, centres, step)

    def _draw_highest(self, painter: QPainter, scale: Scale) -> None:
        painter.setPen(QPen(self.theme.color("bundles"), 1, Qt.PenStyle.DashLine))
        y = round(scale.y_of(1.0)) + 0.5
        painter.drawLine(QPointF(0, y), QPointF(scale.width, y))

    def _draw_bundles(self, painter: QPainter, scale: Scale, line: ProfileLine, centres: Floats, step: float) -> None:
        pen = QPen(self.theme.color("outline"), 1.5)
        pen.setStyle(Qt.PenStyle.DotLine if line.name == "branch" else Qt.PenStyle.SolidLine)
        self._draw_steps(painter, scale, line, centres, step, pen)

    def _draw_steps(
        self, painter: QPainter, scale: Scale, line: ProfileLine, centres: Floats, step: float, pen: QPen
    ) -> None:
        """Draw n/N level around every point."""
        known = np.isfinite(line.bundles)
        if not known.any():
            return
        x, y = centres[line.points[known]], scale.y(line.bundles[known])
        middles = (x[1:] + x[:-1]) / 2
        edges = np.concatenate([[x[0] - step / 2], np.repeat(middles, 2), [x[-1] + step / 2]])
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(pg.functions.arrayToQPolygonF(edges, np.repeat(y, 2)))

    def _draw_outline(self, painter: QPainter, scale: Scale, line: ProfileLine, centres: Floats, step: float) -> None:
        """Draw the line of a second network: its entropy thin, n/N thin and dashed."""
        thin = QPen(self.theme.color("text"), 1)
        dashed = QPen(self.theme.color("text"), 1, Qt.PenStyle.DashLine)
        self._draw_steps(painter, scale, line, centres, step, dashed)
        known = np.isfinite(line.entropy)
        x, y = centres[line.points[known]], scale.y(line.entropy[known])
        painter.setPen(thin)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if len(x) > 1:
            painter.drawPolyline(pg.functions.arrayToQPolygonF(x, y))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _draw_entropy(self, painter: QPainter, scale: Scale, line: ProfileLine, centres: Floats, step: float) -> None:
        profile = self.profile
        assert profile is not None  # asked for after looking
        known = np.isfinite(line.entropy)
        x, y = centres[line.points[known]], scale.y(line.entropy[known])
        color = self.theme.color("text_disabled" if profile.grey else "bundles")
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(color, 2 if line.name == "output" else 1.5)
        pen.setStyle(Qt.PenStyle.DotLine if line.name == "branch" else Qt.PenStyle.SolidLine)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if len(x) > 1:
            painter.drawPolyline(pg.functions.arrayToQPolygonF(x, y))
        radius = min(4.0, max(1.5, step / 4))
        for a, b, zero in zip(x.tolist(), y.tolist(), (line.entropy[known] == 0).tolist(), strict=True):
            if zero:
                draw_mark(painter, self.theme, ZERO, a, scale.y_of(0.0) + 1)
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                continue
            painter.setPen(QPen(color, 1.5))
            painter.setBrush(self.theme.color("surface") if line.name == "branch" else color)
            painter.drawEllipse(QPointF(a, b), radius, radius)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        for point in line.points[profile.broken[line.points]]:
            draw_mark(painter, self.theme, NON_FINITE, float(centres[point]), scale.y_of(0.0))

    def _draw_onset(self, painter: QPainter, scale: Scale, centres: Floats, step: float) -> None:
        profile = self.profile
        assert profile is not None
        if not 0 <= profile.onset < len(centres):
            return
        x = round(float(centres[profile.onset]) - step / 2) + 0.5
        painter.setPen(QPen(self.theme.color("text_soft"), 1, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(x, 0), QPointF(x, scale.height))
        painter.setFont(self.theme.font("small"))
        metrics = QFontMetricsF(painter.font())
        text = "onset l*"
        width = metrics.horizontalAdvance(text) + 8
        left = x - width - 2 if x - width - 2 > 0 else x + 4
        rect = QRectF(left, scale.height * 0.5 - metrics.height(), width, metrics.height())
        painter.fillRect(rect, self.theme.color("surface"))
        painter.setPen(self.theme.color("text"))
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)


class ProfilePlot(DepthPlot):
    """n/N at the left axis, entropy at the right one; both end at the same height, where nothing or all is merged."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Bundles over depth", named=False)
        self.lines = ProfileItem(self.box, theme)
        self.show_item(self.lines)
        self.nats = MappedAxis(theme, "right")
        self.add_axis(self.nats)
        self.set_title("bundles n/N")

    def show_profile(self, profile: Profile) -> None:
        """Draw other values."""
        self.lines.profile = profile
        self.nats.set_full(profile.highest)
        self.right_title = "entropy H (nats), dashed: H(Y)" if not profile.grey else "entropy H: 0 by definition"
        self.lines.update()
        self.viewport().update()


class SharesItem(DepthItem):
    """Stacked bars: in conflict, in pure bundles, alone."""

    def __init__(self, box: PlotBox, theme: Theme) -> None:
        super().__init__(box, theme)
        self.shares: tuple[Floats, Floats, Floats] = (np.empty(0), np.empty(0), np.empty(0))
        self.outline: Floats = np.empty(0)

    def colors(self) -> tuple[QColor, QColor, QColor]:
        """Colours of alone, pure, in conflict."""
        theme = self.theme
        pure = mix(theme.color("bundles"), theme.color("surface"), 0.62)
        return theme.color("unused"), pure, theme.color("bundles")

    def draw_values(self, painter: QPainter, scale: Scale, centres: Floats, step: float) -> None:
        """Paint one bar per point, conflicts at the bottom."""
        alone, pure, conflict = self.shares
        wide = min(WIDEST, max(1.0, float(np.floor(step * 0.76))))
        colors = self.colors()
        for x, *parts in zip(centres.tolist(), conflict.tolist(), pure.tolist(), alone.tolist(), strict=False):
            base = 0.0
            for part, color in zip(parts, reversed(colors), strict=True):
                if part > 0:
                    top, bottom = round(scale.y_of(base + part)), round(scale.y_of(base))
                    # One pixel at least: a single conflict among thousands of pictures is what one looks for.
                    top = min(top, bottom - 1) if base == 0 else top
                    painter.fillRect(QRectF(round(x - wide / 2), top, wide, bottom - top), color)
                    base += part
        self._draw_outline(painter, scale, centres, wide)

    def _draw_outline(self, painter: QPainter, scale: Scale, centres: Floats, wide: float) -> None:
        """Frame the share in conflict of a second network."""
        painter.setPen(QPen(self.theme.color("text"), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        base = round(scale.y_of(0.0))
        for x, conflict in zip(centres.tolist(), self.outline.tolist(), strict=False):
            if conflict > 0:
                top = min(round(scale.y_of(conflict)), base - 1)
                painter.drawRect(QRectF(round(x - wide / 2) - 1.5, top + 0.5, wide + 2, base - top - 1))


class SharesPlot(DepthPlot):
    """Where the pictures of each point are."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Pictures in conflict over depth", staged=False)
        self.bars = SharesItem(self.box, theme)
        self.show_item(self.bars)
        self.set_title("share of pictures")

    def show_shares(self, shares: tuple[Floats, Floats, Floats], outline: Floats | None = None) -> None:
        """Draw other values, and the share in conflict of a second network as frames."""
        self.bars.shares = shares
        self.bars.outline = np.empty(0) if outline is None else outline
        self.bars.update()
