"""A picture and its attributions side by side: signed colours over the picture in grey."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QImage, QLinearGradient, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy

from app.drawing.map_image import NEGATIVE, POSITIVE, draw_fitted, picture_image, signed_overlay
from app.drawing.named import Name, NamedNumbers, page_of, tip_of
from app.reading.depth import Floats
from app.theme import Theme

PAD, GAP = 12.0, 16.0
LARGEST = 460.0
"""Pixels of the longest side that a picture is shown with."""
COLORS = {"good": "good", "fair": "warning", "poor": "error"}


@dataclass(frozen=True, slots=True, eq=False)
class Pane:
    """One picture of the board.

    Attributes
    ----------
    title, caption
        Words above and below.
    values
        (y, x) signed map to lay over the picture, None for the picture alone.
    reach
        Magnitude of the strongest colour.
    note
        What is said instead of a map that is not there.
    verdict
        "good", "fair", "poor" or "": the colour of the caption.
    tip
        What is said on hovering.
    picture
        (channel, y, x) picture below the map, None for that of the board.
    """

    title: str
    caption: str = ""
    values: Floats | None = None
    reach: float = 1.0
    note: str = ""
    verdict: str = ""
    tip: str = ""
    picture: Floats | None = None


class AttributionBoard(NamedNumbers):
    """Panes in rows, as large as they fit."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.panes: tuple[Pane, ...] = ()
        self.note = ""
        self._picture: Floats | None = None
        self._opacity = 0.8
        self._rows = 1
        self._images: list[tuple[QImage, QImage]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Attributions")
        theme.changed.connect(self._repaint)

    def show_panes(
        self, picture: Floats | None, panes: tuple[Pane, ...], opacity: float, note: str = "", rows: int = 1
    ) -> None:
        """Show a (channel, y, x) picture and maps over it; without a picture, a sentence.

        Of two networks the panes are in two equal rows; else they are placed so that they are largest.
        """
        self._picture, self.panes, self._opacity, self.note, self._rows = picture, panes, opacity, note, rows
        self.setAccessibleDescription(note or "; ".join(f"{pane.title} {pane.caption}".strip() for pane in panes))
        self._repaint()

    def _repaint(self) -> None:
        self._images = []
        if self._picture is not None:
            for pane in self.panes:
                below = self._picture if pane.picture is None else pane.picture
                plain, grey = picture_image(below), picture_image(below, self.theme.color("surface"))
                if pane.values is None:
                    self._images.append((QImage() if pane.note else plain, QImage()))
                else:
                    self._images.append((grey, signed_overlay(pane.values, pane.reach, self._opacity, self.theme)))
        self.update()

    def sizeHint(self) -> QSize:
        """Return a size at which three panes can be seen well."""
        return QSize(640, 320)

    # -- geometry ----------------------------------------------------------------------------------------------------

    def _line(self) -> float:
        return QFontMetricsF(self.theme.font()).height() + 2

    def _words(self) -> float:
        """Room for the title above and the caption and scale below a pane."""
        return 3 * self._line() + 10

    def layout_of(self, count: int) -> tuple[int, float]:
        """Choose the number of columns that makes the panes largest; return it with their side in pixels."""
        best = (1, 1.0)
        wide = -(-count // self._rows)
        for columns in range(1, max(count, 1) + 1) if self._rows == 1 else (wide,):
            rows = -(-count // columns) if count else 1
            across = (self.width() - 2 * PAD - (columns - 1) * GAP) / columns
            down = (self.height() - 2 * PAD - (rows - 1) * GAP) / rows - self._words()
            side = min(across, down, LARGEST)
            if side > best[1] + 0.5:
                best = (columns, side)
        return best

    def place(self, index: int) -> QRectF:
        """Rectangle of a pane's picture."""
        columns, side = self.layout_of(len(self.panes))
        row, column = divmod(index, columns)
        width = columns * side + (columns - 1) * GAP
        left = max(PAD, (self.width() - width) / 2)
        rows = -(-len(self.panes) // columns)
        high = rows * (side + self._words()) + (rows - 1) * GAP
        top = max(PAD, (self.height() - high) / 2)
        return QRectF(left + column * (side + GAP), top + row * (side + self._words() + GAP) + self._line(), side, side)

    def names(self) -> tuple[Name, ...]:
        """Return titles of maps, and captions that judge one."""
        if self._picture is None:
            return ()
        bold, small = (QFontMetricsF(self.theme.font(font)) for font in ("bold", "small"))
        line, found = self._line(), []
        for index, pane in enumerate(self.panes):
            place = self.place(index)
            if pane.values is not None:
                width = min(bold.horizontalAdvance(pane.title), place.width())
                title = QRectF(place.left(), place.top() - line, width, line)
                found.append(Name(title, page_of("attribution"), pane.tip))
            if pane.verdict:
                below = QRectF(place.left(), self._below(place, pane), small.horizontalAdvance(pane.caption), line)
                found.append(Name(below, page_of("convergence_delta"), pane.tip))
        return tuple(found)

    def _below(self, place: QRectF, pane: Pane) -> float:
        """Upper edge of the caption, below the colour scale if there is one."""
        return place.bottom() + (self._line() + 16 if pane.values is not None else 4)

    def tip_at(self, at: QPointF) -> str:
        """Return what is known at a place: the value of the pixel, and what the map is."""
        if (name := self.name_at(at)) is not None:
            return tip_of(name.tip, name.page)
        for index, pane in enumerate(self.panes):
            place = self.place(index)
            if place.adjusted(0, -self._line(), 0, self._words()).contains(at):
                if pane.values is None or not place.contains(at):
                    return pane.tip
                y, x = self.pixel_at(index, at)
                value = pane.values[y, x]
                return f"row {y}, column {x}: {value:+.4g}\n{pane.tip}" if np.isfinite(value) else pane.tip
        return ""

    def pixel_at(self, index: int, at: QPointF) -> tuple[int, int]:
        """Row and column of a map at a place of the widget."""
        values = self.panes[index].values
        assert values is not None  # only asked for maps
        high, wide = values.shape
        place = self.place(index)
        factor = min(place.width() / wide, place.height() / high)
        left = place.left() + (place.width() - wide * factor) / 2
        top = place.top() + (place.height() - high * factor) / 2
        y, x = int((at.y() - top) / factor), int((at.x() - left) / factor)
        return min(max(y, 0), high - 1), min(max(x, 0), wide - 1)

    # -- painting ----------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw all panes."""
        painter = QPainter(self)
        painter.setFont(self.theme.font())
        if self._picture is None:
            painter.setPen(self.theme.color("text_soft"))
            rect = QRectF(self.rect()).adjusted(PAD, PAD, -PAD, -PAD)
            painter.drawText(rect, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self.note)
            return
        for index, (pane, images) in enumerate(zip(self.panes, self._images, strict=True)):
            self._draw_pane(painter, self.place(index), pane, images)
        self.underline(painter)

    def _draw_pane(self, painter: QPainter, place: QRectF, pane: Pane, images: tuple[QImage, QImage]) -> None:
        line = self._line()
        painter.setFont(self.theme.font("bold"))
        painter.setPen(self.theme.color("text"))
        painter.drawText(QRectF(place.left(), place.top() - line, place.width(), line), _LEFT, pane.title)
        painter.setFont(self.theme.font("small"))
        shown = draw_fitted(painter, images[0], place)
        if pane.values is None and pane.note:
            painter.fillRect(place, self.theme.color("not_applicable"))
            painter.setPen(self.theme.color("text_soft"))
            words = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(place.adjusted(8, 8, -8, -8), words, pane.note)
        elif pane.values is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
            painter.drawImage(shown, images[1])
            self._draw_scale(painter, QRectF(place.left(), place.bottom() + 6, place.width(), 8), pane.reach)
        role = COLORS.get(pane.verdict, "text_soft")
        painter.setPen(self.theme.readable(role))
        top = self._below(place, pane)
        caption = painter.fontMetrics().elidedText(
            pane.caption, Qt.TextElideMode.ElideRight, round(place.width() + GAP / 2)
        )
        painter.drawText(QRectF(place.left(), top, place.width() + GAP, line), _LEFT, caption)

    def _draw_scale(self, painter: QPainter, bar: QRectF, reach: float) -> None:
        gradient = QLinearGradient(bar.topLeft(), bar.topRight())
        middle = self.theme.color("raised")
        for at, color in ((0.0, self.theme.color(NEGATIVE)), (0.5, middle), (1.0, self.theme.color(POSITIVE))):
            gradient.setColorAt(at, color)
        painter.fillRect(bar, gradient)
        painter.setPen(self.theme.color("text_soft"))
        below = QRectF(bar.left(), bar.bottom() + 1, bar.width(), self._line())
        painter.drawText(below, _LEFT, f"−{reach:.2g} against")
        painter.drawText(below, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"for {reach:.2g}")


_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
