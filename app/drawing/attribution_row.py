"""One row of a table of attributions: what is in it, and how it is painted."""

from __future__ import annotations

from collections.abc import Callable
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
    overlay_of,
    scale_words,
)
from app.drawing.map_image import draw_fitted, picture_image
from app.reading import numbers
from app.reading.depth import Floats
from app.theme import Theme

GAP = 8.0
WORDS = 116.0
"""Pixels of the words beside a picture."""
BAR = 6.0
"""Pixels of the height of a colour scale."""
PICTURE, GREY = -1, -2
"""In place of a column: the picture of a row in its colours, and in grey below its maps."""
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
    images
        One for each part of a row that was seen, with what it depends on besides: end of the scale, and opacity.
    """

    def __init__(self, theme: Theme) -> None:
        self.theme = theme
        self.opacity, self.shared, self.title_font = 0.8, False, "bold"
        self.images: dict[tuple[tuple[object, ...], int], tuple[tuple[float, ...], QImage]] = {}

    def keep(self, rows: tuple[Row, ...]) -> None:
        """Forget the images of all other rows."""
        keys = {row.key for row in rows}
        self.images = {part: image for part, image in self.images.items() if part[0] in keys}

    def title_room(self, side: float) -> float:
        """Pixels that a title may take above maps of a size: up to the next column."""
        return side + GAP - 2

    def line(self, font: str = "text") -> float:
        """Pixels of a line of text."""
        return QFontMetricsF(self.theme.font(font)).height() + 2

    def draw_title(self, painter: QPainter, place: QRectF, pane: Pane, titles: tuple[str, ...]) -> None:
        """Paint the lines of a title at the bottom of a rectangle, with the colour scale of its column below."""
        line = self.line()
        painter.setFont(self.theme.font(self.title_font))
        painter.setPen(self.theme.color("text"))
        room = self.title_room(place.width())
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
            draw_fitted(painter, self._picture(row, row.picture), place)
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
        shown = draw_fitted(painter, self._picture(row, row.picture, GREY), place)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        painter.drawImage(shown, self._overlay(row, column, pane, pane.values))
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

    def _picture(self, row: Row, picture: Floats, part: int = PICTURE) -> QImage:
        faded = self.theme.color("surface") if part == GREY else None
        return self._image(row, part, (), lambda: picture_image(picture, faded))

    def _overlay(self, row: Row, column: int, pane: Pane, values: Floats) -> QImage:
        look = (pane.reach, self.opacity)
        return self._image(row, column, look, lambda: overlay_of(pane, values, self.opacity, self.theme))

    def _image(self, row: Row, part: int, look: tuple[float, ...], make: Callable[[], QImage]) -> QImage:
        """Return the image of a part of a row; the one of another look is forgotten."""
        kept = self.images.get((row.key, part))
        if kept is None or kept[0] != look:
            kept = self.images[row.key, part] = look, make()
        return kept[1]
