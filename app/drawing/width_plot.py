"""The width profile: one column per layer, one handle per width group, to be dragged, wheeled and stepped."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QBrush, QKeyEvent, QPainter, QPen, QWheelEvent

from app.drawing.axes import NumberAxis, nice_top
from app.drawing.depth_axes import NamesAxis, StageAxis
from app.drawing.pixels import PixelItem, PlotBox, Scale
from app.drawing.plots import Margins, Plot
from app.reading.depth import EMPTY_AXIS, DepthAxis, Floats
from app.theme import Theme

GRIP = 9.0
"""Pixels within which a handle is taken hold of."""
KNOB = 4.0
HEADROOM = 1.15
"""Room above the widest layer, so that it can be made wider."""
LEAST = 0.5
"""Channels that stand for none on a log axis."""


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """Another profile that is drawn over the columns as dashes: a snapshot, what a search found, a second network.

    Attributes
    ----------
    name, hue
        Words for the legend, colour role.
    widths
        (column,) channels, NaN where it has no such layer.
    """

    name: str
    hue: str
    widths: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """What is drawn.

    Attributes
    ----------
    axis
        Places of the columns.
    place
        (piece,) x of each piece's column.
    group
        (piece,) its group, -1 for channels that never change.
    low, high
        (piece,) its ends in channels.
    handles
        Free group to the piece with its handle.
    before, after
        (column,) widths of the original and of the edited network.
    outlines
        Any number of other profiles.
    locked
        Groups the user has locked.
    """

    axis: DepthAxis = EMPTY_AXIS
    place: Floats = field(default_factory=lambda: np.empty(0))
    group: Floats = field(default_factory=lambda: np.empty(0))
    low: Floats = field(default_factory=lambda: np.empty(0))
    high: Floats = field(default_factory=lambda: np.empty(0))
    handles: dict[int, int] = field(default_factory=dict)
    before: Floats = field(default_factory=lambda: np.empty(0))
    after: Floats = field(default_factory=lambda: np.empty(0))
    outlines: tuple[Outline, ...] = ()
    locked: frozenset[int] = frozenset()


NOTHING = Profile()


def log_profile(profile: Profile, base: float) -> Profile:
    """Put powers of two in place of widths; columns begin at `base`, the lower end of the axis."""
    low: Floats = np.where(profile.low > 0, log_widths(profile.low), base)
    outlines = tuple(replace(outline, widths=log_widths(outline.widths)) for outline in profile.outlines)
    high, before, after = (log_widths(values) for values in (profile.high, profile.before, profile.after))
    return replace(profile, low=low, high=high, before=before, after=after, outlines=outlines)


def log_widths(widths: Floats) -> Floats:
    """Powers of two that are so many channels; none stands at half a channel."""
    found: Floats = np.log2(np.maximum(widths, LEAST))
    return found


def log_base(*widths: Floats) -> float:
    """Lower end of a log axis: one power of two below the narrowest layer and the lowest end of a piece."""
    every = np.concatenate([values[values >= 1] for values in widths])
    return float(np.floor(np.log2(every.min(initial=2.0**16)))) - 1.0 if every.size else 0.0


class ColumnsItem(PixelItem):
    """Columns of pieces, the original as an outline, other profiles as dashes, and the handles."""

    def __init__(self, box: PlotBox, theme: Theme) -> None:
        super().__init__(box, theme)
        self.profile = NOTHING
        self.selected: frozenset[int] = frozenset()
        self.pointed = -1
        self.base = 0.0
        self.rubber: QRectF | None = None

    def draw(self, painter: QPainter, scale: Scale, exposed: QRectF) -> None:
        """Paint everything; a network has a few hundred columns at most."""
        half = max(1.0, min(0.36 * scale.per_x, 0.5 * scale.per_x - 1))
        self._draw_pieces(painter, scale, half)
        self._draw_before(painter, scale, half)
        self._draw_outlines(painter, scale, half)
        self._draw_handles(painter, scale, half)
        if self.rubber is not None:
            painter.setPen(QPen(self.theme.color("accent"), 1, Qt.PenStyle.DashLine))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.rubber)

    def _draw_pieces(self, painter: QPainter, scale: Scale, half: float) -> None:
        shown, theme = self.profile, self.theme
        plain, strong, grey = theme.color("widths"), theme.color("widths"), theme.color("unused")
        plain.setAlphaF(0.45)
        strong.setAlphaF(0.85)
        hatch = QBrush(theme.color("cost"), Qt.BrushStyle.BDiagPattern)
        # All of a colour in one call: hundreds of single calls would be felt while dragging.
        free: list[QRectF] = []
        chosen: list[QRectF] = []
        fixed: list[QRectF] = []
        seams: list[QRectF] = []
        lively = self.selected | {self.pointed}
        for x, group, low, high in zip(
            shown.place.tolist(), shown.group.tolist(), shown.low.tolist(), shown.high.tolist(), strict=True
        ):
            at, top, bottom = scale.x_of(x), scale.y_of(high), scale.y_of(low)
            rect = QRectF(round(at - half), round(top), round(2 * half), round(bottom) - round(top))
            locked = group < 0 or group in shown.locked
            (fixed if locked else chosen if group in lively else free).append(rect)
            if low > self.base:  # a line between what comes from different groups
                seams.append(QRectF(rect.left(), rect.bottom() - 1, rect.width(), 1))
        painter.setPen(Qt.PenStyle.NoPen)
        brushes = ((free, plain), (chosen, strong), (fixed, grey), (fixed, hatch), (seams, theme.color("surface")))
        for rects, brush in brushes:
            painter.setBrush(brush)
            painter.drawRects(rects)

    def _draw_before(self, painter: QPainter, scale: Scale, half: float) -> None:
        shown = self.profile
        painter.setPen(QPen(self.theme.color("text_soft"), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for x, before, after in zip(shown.axis.x.tolist(), shown.before.tolist(), shown.after.tolist(), strict=True):
            if before != after:
                at, top = scale.x_of(x), round(scale.y_of(before)) + 0.5
                low = round(scale.y_of(min(before, after))) + 0.5 if before > after else top
                left, right = round(at - half) + 0.5, round(at + half) - 0.5
                painter.drawRect(QRectF(left, top, right - left, max(low - top, 0.0)))

    def _draw_outlines(self, painter: QPainter, scale: Scale, half: float) -> None:
        places = self.profile.axis.x.tolist()
        for outline in self.profile.outlines:
            painter.setPen(QPen(self.theme.color(outline.hue), 2))
            for x, width in zip(places, outline.widths.tolist(), strict=True):
                if width == width:
                    y = round(scale.y_of(width))
                    painter.drawLine(QPointF(scale.x_of(x) - half - 2, y), QPointF(scale.x_of(x) + half + 2, y))

    def _draw_handles(self, painter: QPainter, scale: Scale, half: float) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        shown, theme = self.profile, self.theme
        for group, index in shown.handles.items():
            if group in shown.locked:
                continue
            at, y = scale.x_of(float(shown.place[index])), scale.y_of(float(shown.high[index]))
            chosen = group in self.selected
            ink = theme.color("accent" if chosen else "widths")
            painter.setPen(QPen(ink, 2))
            painter.drawLine(QPointF(at - half, y), QPointF(at + half, y))
            painter.setBrush(ink if chosen or group == self.pointed else theme.color("surface"))
            size = KNOB if half > KNOB else 2.5
            painter.drawEllipse(QPointF(at, y), size, size)


class WidthPlot(Plot):
    """Width of every layer, with handles."""

    grabbed = Signal(int)
    """A handle of this group has been taken hold of."""
    dragged = Signal(int, float, bool)
    """Piece, channels it should have, and whether the gesture has ended."""
    nudged = Signal(int, bool)
    """Wheel or arrow keys: steps up, and whether they should be large."""
    picked = Signal(object, bool)
    """(group, …) that were clicked or framed, and whether to add them to the selection."""
    pointed = Signal(int, int)
    """Column and group under the mouse, -1 for none."""
    typed = Signal(str)
    """A digit was pressed."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Width profile", Margins(left=52, top=26))
        self.set_title("width")
        self.columns = ColumnsItem(self.box, theme)
        self.names, self.stages = NamesAxis(theme), StageAxis(theme)
        self.numbers = NumberAxis(theme, "left")
        for axis in (self.numbers, self.names, self.stages):
            self.add_axis(axis)
        self.log = False
        self._low = NOTHING.low
        self.box.setMouseEnabled(x=True, y=False)
        self.box.grab = self._drag
        self._held = -1
        self._frames = False
        self.clicked.connect(self._click)
        self.hovered.connect(self._hover)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    @property
    def dragging(self) -> bool:
        """True while a handle is held."""
        return self._held >= 0

    def show_profile(self, profile: Profile, selected: frozenset[int], log: bool = False) -> None:
        """Draw another profile, on an axis of powers of two if `log`; the range stays while a handle is held."""
        fresh = profile.axis is not self.columns.profile.axis
        if not self.dragging:
            self.columns.base = log_base(profile.before, profile.high) if log else 0.0
        if log != self.log:
            self.log = log
            self.numbers.text = exponent_words if log else None
            self.numbers.update()
        self._low = profile.low
        home = (profile.axis.limits, self._reach(profile))
        self.columns.profile = log_profile(profile, self.columns.base) if log else profile
        self.columns.selected = selected
        if fresh:
            self.names.set_axis(profile.axis)
            self.stages.set_axis(profile.axis)
        if not self.dragging and (fresh or home != self.home):
            x = self.box.viewRange()[0]
            self.set_home(*home, go=fresh)
            if not fresh:
                self.box.setRange(xRange=x, yRange=home[1], padding=0)
        self.fit_names()
        self.columns.update()

    def _reach(self, profile: Profile) -> tuple[float, float]:
        """Return the ends of the axis: all profiles fit, with room above."""
        drawn = (profile.before, profile.after, *(outline.widths for outline in profile.outlines))
        highest = HEADROOM * max(float(np.nan_to_num(widths).max(initial=0.0)) for widths in drawn)
        if self.log:
            return self.columns.base, float(np.log2(max(highest, 2.0)))
        return 0.0, nice_top(highest, 8)

    def fit_names(self) -> None:
        """Keep room for the names below."""
        height = self.names.height() + 6
        if abs(height - self.margins.bottom) > 1:
            self.keep_room(bottom=height)

    def resizeEvent(self, ev: Any) -> None:
        """Keep room for the names at another width."""
        super().resizeEvent(ev)
        if hasattr(self, "names"):
            self.fit_names()

    # -- where things are --------------------------------------------------------------------------------------------

    def handle_place(self, group: int) -> QPointF:
        """Pixel of a group's handle in the widget."""
        shown, scale = self.columns.profile, Scale.of(self.box)
        index = shown.handles[group]
        at = QPointF(scale.x_of(float(shown.place[index])), scale.y_of(float(shown.high[index])))
        return at + self.area().topLeft()

    def piece_at(self, at: QPointF) -> tuple[int, bool]:
        """Piece at a pixel of the box, -1 for none, and whether its upper end can be taken hold of there."""
        shown, scale = self.columns.profile, Scale.of(self.box)
        if not len(shown.place):
            return -1, False
        near = np.flatnonzero(np.abs(scale.x(shown.place) - at.x()) <= max(0.5 * scale.per_x, 3.0))
        if not near.size:
            return -1, False
        gaps = np.abs(scale.y(shown.high[near]) - at.y())
        # On a knob that is seen its own group is meant, though the end of a thin piece below may be nearer.
        carries = np.isin(near, list(shown.handles.values()))
        away = np.maximum(gaps - KNOB * carries, 0.0).round()
        first = np.lexsort((gaps, ~carries, away))[0]
        best, group = near[first], int(shown.group[near[first]])
        if gaps[first] <= GRIP and group >= 0 and group not in shown.locked:
            return int(best), True
        inside = near[(scale.y(shown.low[near]) >= at.y()) & (scale.y(shown.high[near]) <= at.y())]
        return (int(inside[0]), False) if inside.size else (-1, False)

    # -- gestures ----------------------------------------------------------------------------------------------------

    def _drag(self, ev: Any) -> bool:
        if ev.button() != Qt.MouseButton.LeftButton:
            return False
        if ev.isStart():
            piece, held = self.piece_at(ev.buttonDownPos())
            self._held = piece if held else -1
            shift = bool(ev.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self._frames = not held and (shift or self.is_home)
            if held:
                self.grabbed.emit(int(self.columns.profile.group[piece]))
        if self._held >= 0:
            self._drag_handle(ev)
            return True
        if self._frames:
            self._drag_frame(ev)
            return True
        return False

    def _drag_handle(self, ev: Any) -> None:
        held, scale = self._held, Scale.of(self.box)
        y = (scale.bottom - float(ev.pos().y())) / scale.per_y
        channels = (2.0 ** min(y, 24.0) if self.log else y) - float(self._low[held])
        if ev.isFinish():
            self._held = -1
        self.dragged.emit(held, channels, bool(ev.isFinish()))

    def _drag_frame(self, ev: Any) -> None:
        frame = QRectF(ev.buttonDownPos(), ev.pos()).normalized()
        self.columns.rubber = None if ev.isFinish() else frame
        self.columns.update()
        if ev.isFinish():
            self._frames = False
            shown, scale = self.columns.profile, Scale.of(self.box)
            groups = tuple(
                group
                for group, index in shown.handles.items()
                if frame.contains(scale.x_of(float(shown.place[index])), scale.y_of(float(shown.high[index])))
            )
            keys = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.MetaModifier
            self.picked.emit(groups, bool(ev.modifiers() & keys))

    def _click(self, x: float, y: float, extend: bool) -> None:
        scale = Scale.of(self.box)
        piece, _ = self.piece_at(QPointF(scale.x_of(x), scale.y_of(y)))
        group = int(self.columns.profile.group[piece]) if piece >= 0 else -1
        self.picked.emit((group,) if group >= 0 else (), extend)

    def _hover(self, place: tuple[float, float] | None) -> None:
        column, group = -1, -1
        if place is not None:
            scale = Scale.of(self.box)
            piece, held = self.piece_at(QPointF(scale.x_of(place[0]), scale.y_of(place[1])))
            column = self.columns.profile.axis.slot_at(place[0])
            group = int(self.columns.profile.group[piece]) if piece >= 0 else -1
            self.setCursor(Qt.CursorShape.SizeVerCursor if held else Qt.CursorShape.ArrowCursor)
        if group != self.columns.pointed:
            self.columns.pointed = group
            self.columns.update()
        self.pointed.emit(column, group)

    def wheelEvent(self, ev: QWheelEvent) -> None:
        """Turn over a handle to change its width, elsewhere to zoom."""
        piece, held = self.piece_at(ev.position() - self.area().topLeft())
        if not held:
            super().wheelEvent(ev)
            return
        group = int(self.columns.profile.group[piece])
        if group not in self.columns.selected:
            self.picked.emit((group,), False)
        up = ev.angleDelta().y() or ev.angleDelta().x()
        if up:
            self.nudged.emit(1 if up > 0 else -1, bool(ev.modifiers() & Qt.KeyboardModifier.ShiftModifier))
        ev.accept()

    def keyPressEvent(self, ev: QKeyEvent) -> None:
        """Up and down change widths, digits begin to type one, Escape selects nothing."""
        key, shift = ev.key(), bool(ev.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.nudged.emit(1 if key == Qt.Key.Key_Up else -1, shift)
        elif key == Qt.Key.Key_Escape and self.columns.selected:
            self.picked.emit((), False)
        elif ev.text().isdigit() and self.columns.selected:
            self.typed.emit(ev.text())
        else:
            super().keyPressEvent(ev)
            return
        ev.accept()


def exponent_words(exponent: float) -> str:
    """Words for a number of channels on a log axis.

    Examples
    --------
    >>> exponent_words(6.0), exponent_words(10.0), exponent_words(2.5)
    ('64', '1,024', '')
    """
    return f"{2 ** round(exponent):,}" if exponent == round(exponent) and exponent >= 0 else ""
