"""Axes over the depth of a network: names below, stages above."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app.drawing.axes import Axis, aligned, nice_ticks
from app.drawing.named import Title, shortened
from app.reading.depth import EMPTY_AXIS, DepthAxis, Slot
from app.theme import Theme

ROOM_FOR_A_GROUP = 22.0
"""Mean pixels of the groups of a level from which on it is shown."""
DEEPEST = 80.0
"""Pixels that names go down below a plot, with letters of the usual size."""
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"


class TurnedTexts:
    """Texts at an angle, each drawn once into a small picture: turned text is slow, copying pictures is not."""

    def __init__(self, theme: Theme) -> None:
        self._theme = theme
        self._pictures: dict[tuple[str, float, int, str], QPixmap] = {}
        self._style: tuple[QFont, QFontMetricsF, QColor, float] | None = None

    def forget(self) -> None:
        """Throw all pictures away."""
        self._pictures.clear()

    def begin(self, painter: QPainter) -> None:
        """Look up font and colour before texts are drawn: for each text of a panned frame it would take too long."""
        font = self._theme.font("small_code")
        ratio = painter.device().devicePixelRatioF()
        self._style = font, QFontMetricsF(font), self._theme.color("text_soft"), ratio

    def draw(self, painter: QPainter, text: str, at: float, top: float) -> None:
        """Draw a text that ends at a place below a plot; :meth:`begin` comes first."""
        assert self._style is not None
        font, metrics, ink, ratio = self._style
        key = (text, ratio, round(10 * font.pointSizeF()), ink.name())
        if key not in self._pictures:
            width = metrics.horizontalAdvance(text) + 2
            side = math.ceil(0.7072 * (width + metrics.height())) + 2
            picture = QPixmap(math.ceil(side * ratio), math.ceil(side * ratio))
            picture.setDevicePixelRatio(ratio)
            picture.fill(Qt.GlobalColor.transparent)
            inner = QPainter(picture)
            inner.setFont(font)
            inner.setPen(ink)
            inner.translate(side - 0.7072 * metrics.height() - 1, 0)
            inner.rotate(-45)
            inner.drawText(QRectF(-width, 0, width, metrics.height()), Qt.AlignmentFlag.AlignRight, text)
            inner.end()
            self._pictures[key] = picture
        picture = self._pictures[key]
        painter.drawPixmap(QPointF(at - picture.deviceIndependentSize().width() + metrics.height() * 0.5, top), picture)


class NamesAxis(Axis):
    """Names below a plot: the last part at an angle where it fits, what it lies in below.

    Labels are drawn once into small pictures, since turned text is slow; panning only copies them.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "bottom")
        self.axis = EMPTY_AXIS
        self._turned = TurnedTexts(theme)
        self._levels: list[list[tuple[int, int, str]]] = []
        self._short: dict[str, str] = {}
        self._short_for = ""
        """Last parts as they are shown, and the font that they were shortened for."""

    def set_axis(self, axis: DepthAxis) -> None:
        """Show the names of an axis."""
        if axis is not self.axis:
            self.axis = axis
            self._levels = group_levels([slot.group for slot in axis.slots])
            self._turned.forget()
            self.update()

    @property
    def fits(self) -> bool:
        """True if the last parts of names can be read at the present zoom."""
        low, high = self.range
        room = QFontMetricsF(self.theme.font("small_code")).height() * 1.3
        return high > low and self._area.width() / (high - low) >= room

    def height(self) -> float:
        """Room that is needed: the longest last part at its angle where it fits, and one line for groups."""
        metrics = QFontMetricsF(self.theme.font("small_code"))
        if self.axis.mode == "depth":
            return 2 * metrics.height() + 12
        groups = metrics.height() + 6
        if not self.fits:
            return groups + 6
        longest = max((metrics.horizontalAdvance(slot.leaf) for slot in self.axis.slots), default=0.0)
        return min(0.71 * longest + metrics.height(), self._deepest) + groups

    @property
    def _deepest(self) -> float:
        """Pixels that the longest last part goes down."""
        return DEEPEST * max(1.0, self.theme.scale)

    def shown(self, leaf: str) -> str:
        """Return a last part as it is shown: with … in its middle if it is too long."""
        self._begin_short()
        return self._shown(leaf)

    def _begin_short(self) -> None:
        """Forget names that were shortened for another font: asked once for all texts of a panned frame."""
        font = self.theme.font("small_code")
        if font.key() != self._short_for:
            self._short, self._short_for = {}, font.key()

    def _shown(self, leaf: str) -> str:
        if leaf not in self._short:
            metrics = QFontMetricsF(self.theme.font("small_code"))
            self._short[leaf] = shortened(leaf, (self._deepest - metrics.height()) / 0.71, metrics)
        return self._short[leaf]

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Draw what fits."""
        axis = self.axis
        low, high = self.range
        if not axis.slots or high <= low:
            return
        if axis.mode == "depth":
            self._paint_shares(painter)
            return
        first = max(0, math.ceil(low - 0.5))
        last = min(len(axis.slots) - 1, math.floor(high + 0.5))
        spacing = self._area.width() / (high - low)
        metrics = QFontMetricsF(self.theme.font("small_code"))
        if self.fits:
            self._turned.begin(painter)
            self._begin_short()
            for number in range(first, last + 1):
                self._paint_leaf(painter, axis.slots[number], self.pixel(number))
        self._paint_groups(painter, first, last, spacing, metrics)

    def _paint_leaf(self, painter: QPainter, slot: Slot, at: float) -> None:
        if not self._area.left() <= at <= self._area.right():
            return
        self._turned.draw(painter, self._shown(slot.leaf), at, self._area.top() + 3)

    def _paint_groups(self, painter: QPainter, first: int, last: int, spacing: float, metrics: QFontMetricsF) -> None:
        """Name what the places lie in: blocks where there is room, else what the blocks lie in."""
        painter.setFont(self.theme.font("small_code"))
        top = self._area.bottom() - metrics.height() - 2
        for begin, end, name in self._level(spacing):
            if end < first or begin > last:
                continue
            left = max(self.pixel(begin - 0.5), self._area.left()) + 2
            right = min(self.pixel(end + 0.5), self._area.right()) - 2
            text = fitting(name, right - left, metrics)
            if text:
                painter.setPen(QPen(self.theme.color("line"), 1))
                painter.drawLine(QPointF(left + 1, round(top) - 1.5), QPointF(right - 1, round(top) - 1.5))
                painter.setPen(self.theme.color("text_soft"))
                painter.drawText(QRectF(left, top, right - left, metrics.height()), Qt.AlignmentFlag.AlignHCenter, text)

    def _level(self, spacing: float) -> list[tuple[int, int, str]]:
        """Return the finest groups that are wide enough to be named."""
        for groups in self._levels:
            named = [end - begin + 1 for begin, end, name in groups if name]
            if named and spacing * sum(named) / len(named) >= ROOM_FOR_A_GROUP:
                return groups
        return self._levels[-1] if self._levels else []

    def _paint_shares(self, painter: QPainter) -> None:
        painter.setFont(self.theme.font("small"))
        metrics = QFontMetricsF(painter.font())
        low, high = self.range
        for place in nice_ticks(low, high, max(1, int(self._area.width() / 80))):
            text = f"{100 * place:.3g} %"
            width, at = metrics.horizontalAdvance(text), self.pixel(place)
            left = min(max(at - width / 2, self._area.left()), self._area.right() - width)
            painter.setPen(QPen(self.theme.color("line"), 1))
            painter.drawLine(QPointF(round(at) + 0.5, self._area.top()), QPointF(round(at) + 0.5, self._area.top() + 4))
            painter.setPen(self.theme.color("text_soft"))
            painter.drawText(QRectF(left, self._area.top() + 5, width + 1, metrics.height()), 0, text)
        for title in self.titles():
            title.paint(painter)

    def titles(self) -> tuple[Title, ...]:
        """Return what the numbers are, if there are numbers; names of layers need no title."""
        if self.axis.mode != "depth" or not self.axis.slots:
            return ()
        area, height = self._area, QFontMetricsF(self.theme.font("small")).height()
        rect = QRectF(area.left(), area.top() + 8 + height, area.width(), height)
        return (Title("share of depth", rect, Qt.AlignmentFlag.AlignRight),)


def group_levels(names: list[str]) -> list[list[tuple[int, int, str]]]:
    """Gather neighbours with one name, then those with one parent, and so on up to the outermost names.

    Returns
    -------
    list
        Levels from the finest to the coarsest, each a list of (first, last, name).

    Examples
    --------
    >>> group_levels(["a.0", "a.0", "a.1", "b"])
    [[(0, 1, 'a.0'), (2, 2, 'a.1'), (3, 3, 'b')], [(0, 2, 'a'), (3, 3, 'b')]]
    """
    levels = []
    while names:
        starts = [i for i, name in enumerate(names) if i == 0 or name != names[i - 1]]
        ends = [*(start - 1 for start in starts[1:]), len(names) - 1]
        levels.append([(start, end, names[start]) for start, end in zip(starts, ends, strict=True)])
        if not any("." in name for name in names):
            break
        names = [name.rpartition(".")[0] or name for name in names]
    return levels


def fitting(name: str, width: float, metrics: QFontMetricsF) -> str:
    """Return a dotted name, or a shorter form of it that fits a width; "" if none does.

    First the words before numbers go ("layer3.1" becomes "3.1"), then whole parts from the left. Nothing is cut inside.
    """
    short = ".".join(part.lstrip(LETTERS) if part[-1:].isdigit() else part for part in name.split("."))
    for form in (name, short):
        text = form
        while text and metrics.horizontalAdvance(text) > width:
            text = text.partition(".")[2] if form is short else ""
        if text:
            return text
    return ""


class StageAxis(Axis):
    """Above a plot: where the map size changes, and to what."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "top")
        self.axis = EMPTY_AXIS

    def set_axis(self, axis: DepthAxis) -> None:
        """Show the stages of an axis."""
        self.axis = axis
        self.update()

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Draw the labels that fit between their boundaries."""
        painter.setFont(self.theme.font("small"))
        metrics = QFontMetricsF(painter.font())
        painter.setPen(self.theme.color("text_soft"))
        axis = self.axis
        for stage in axis.stages:
            left = max(self.pixel(float(axis.x[stage.first]) - axis.half), self._area.left()) + 5
            right = min(self.pixel(float(axis.x[stage.last]) + axis.half), self._area.right())
            words = (f"stage {stage.number}   {stage.text}", stage.text) if stage.size else ("vector",)
            text = next((word for word in words if metrics.horizontalAdvance(word) <= right - left), "")
            if text:
                painter.drawText(
                    QRectF(left, self._area.top(), right - left, self._area.height()), aligned("right"), text
                )
