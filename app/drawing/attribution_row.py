"""One row of a table of attributions: what is in it, and how it is painted."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QImage, QPainter

from app.drawing.attribution_pane import (
    APART,
    LEFT,
    RIGHT,
    VERDICTS,
    Pane,
    draw_note,
    elided,
    fill_scale,
    images_of,
    scale_words,
    title_lines,
)
from app.drawing.map_image import draw_fitted
from app.reading import numbers
from app.reading.depth import Floats
from app.theme import Theme

GAP = 8.0
WORDS = 116.0
"""Pixels of the words beside a picture."""
BAR = 6.0
"""Pixels of the height of a colour scale."""
ENDS = {True: ("against", "", "for"), False: ("0", "", "largest")}
"""Ends of a colour scale whose values differ from map to map."""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One picture, as one network sees it.

    Attributes
    ----------
    place
        Of the picture in its source.
    words
        Lines beside the picture; the first one is its heading.
    panes
        One for each algorithm.
    picture
        (channel, y, x), None as long as it is not known.
    tip
        What is said on hovering the words.
    wrong
        True if the network takes the picture for another class than its label.
    below
        True if it belongs to the row above: the same picture, seen by a second network.
    key
        What makes its images: equal keys, equal maps.
    """

    place: int
    words: tuple[str, ...]
    panes: tuple[Pane, ...] = ()
    picture: Floats | None = None
    tip: str = ""
    wrong: bool = False
    below: bool = False
    key: tuple[object, ...] = ()


class RowPainter:
    """Paints the parts of a table; images are made when they are first seen.

    Attributes
    ----------
    opacity
        How much of a picture the strongest colour hides, 0 to 1.
    shared
        True if all maps have one scale, which then stands at the titles.
    title_font
        Name of the font of titles.
    """

    def __init__(self, theme: Theme) -> None:
        self.theme = theme
        self.opacity, self.shared, self.title_font = 0.8, False, "bold"
        self._images: dict[tuple[object, ...], tuple[QImage, QImage]] = {}

    def keep(self, rows: tuple[Row, ...]) -> None:
        """Forget the images of all other rows."""
        keys = {row.key for row in rows}
        self._images = {key: images for key, images in self._images.items() if key[0] in keys}

    def title_room(self, side: float) -> float:
        """Pixels that a title may take above maps of a size: up to the next column."""
        return side + GAP - 2

    def line(self, font: str = "text") -> float:
        """Pixels of a line of text."""
        return QFontMetricsF(self.theme.font(font)).height() + 2

    def draw_title(self, painter: QPainter, place: QRectF, pane: Pane) -> None:
        """Paint a title at the bottom of a rectangle, with the colour scale of its column below."""
        line = self.line()
        painter.setFont(self.theme.font(self.title_font))
        painter.setPen(self.theme.color("text"))
        room = self.title_room(place.width())
        titles = title_lines(pane.title, room, QFontMetricsF(painter.font()))
        for number, words in enumerate(titles):
            top = place.bottom() - (len(titles) - number) * line
            painter.drawText(QRectF(place.left(), top, room + 2, line), LEFT, words)
        bar = QRectF(place.left(), place.bottom() + 2, place.width(), BAR)
        fill_scale(painter, bar, pane.signed, self.theme)
        painter.setFont(self.theme.font("small"))
        painter.setPen(self.theme.color("text_soft"))
        ends = ENDS[pane.signed]
        if self.shared:
            ends = scale_words(pane.reach, pane.signed, place.width(), QFontMetricsF(painter.font()))
        below = QRectF(place.left(), bar.bottom() + 1, place.width(), self.line("small"))
        for words, where in zip(ends, (LEFT, Qt.AlignmentFlag.AlignCenter, RIGHT), strict=True):
            painter.drawText(below, where, words)

    def draw_picture(self, painter: QPainter, place: QRectF, row: Row) -> None:
        """Paint the picture of a row with the words beside it."""
        if row.picture is not None:
            draw_fitted(painter, self._images_of(row, -1, Pane(""))[0], place)
        else:
            painter.fillRect(place, self.theme.color("not_applicable"))
        top = place.top()
        for number, words in enumerate(row.words):
            font, role = ("small", "text_soft") if number else ("bold", "text")
            painter.setFont(self.theme.font(font))
            wrong = row.wrong and number == 1
            painter.setPen(self.theme.readable("error") if wrong else self.theme.color(role))
            rect = QRectF(place.right() + GAP, top, WORDS - GAP, self.line(font))
            painter.drawText(rect, LEFT, elided(words, rect.width(), QFontMetricsF(painter.font())))
            top += self.line(font)

    def draw_map(self, painter: QPainter, place: QRectF, row: Row, column: int) -> None:
        """Paint a map with the end of its scale and its delta below, as far as they have room."""
        pane = row.panes[column]
        painter.setFont(self.theme.font("small"))
        if pane.values is None or row.picture is None:
            draw_note(painter, place, pane.note, self.theme)
            return
        below, over = self._images_of(row, column, pane)
        shown = draw_fitted(painter, below, place)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        painter.drawImage(shown, over)
        metrics = QFontMetricsF(painter.font())
        end = "" if self.shared else f"{'±' if pane.signed else '≤ '}{numbers.short(pane.reach)}"
        rect = QRectF(place.left(), place.bottom() + 1, place.width() + 2, self.line("small"))
        room = place.width() - (metrics.horizontalAdvance(end) + APART if end else 0)
        long = f"delta {pane.caption}" if pane.caption else ""
        caption = long if metrics.horizontalAdvance(long) <= room else pane.caption
        both = metrics.horizontalAdvance(caption) <= room
        if both:
            painter.setPen(self.theme.color("text_soft"))
            painter.drawText(rect, LEFT, end)
        painter.setPen(self.theme.readable(VERDICTS.get(pane.verdict, "text_soft")))
        painter.drawText(rect.adjusted(0, 0, -2 if both else 0, 0), RIGHT if both else LEFT, caption)

    def _images_of(self, row: Row, column: int, pane: Pane) -> tuple[QImage, QImage]:
        key = (row.key, column, pane.reach, self.opacity)
        if key not in self._images:
            assert row.picture is not None  # asked for after looking
            self._images[key] = images_of(pane, row.picture, self.opacity, self.theme)
        return self._images[key]
