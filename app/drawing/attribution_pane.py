"""One map over a picture: its colours, its colour scale, and what is said of a pixel."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QImage, QLinearGradient, QPainter

from app.drawing.map_image import NEGATIVE, POSITIVE, magnitude_overlay, picture_image, signed_overlay
from app.reading import numbers
from app.reading.depth import Floats
from app.theme import Theme

MAGNITUDE = "configurations"
"""Colour role of values without a sign: neither that of "for" nor that of "against"."""
VERDICTS = {"good": "good", "fair": "warning", "poor": "error"}
COLORS = ("red", "green", "blue")
PARTS = re.compile(r"[^\s:_/]*(?:[\s:_/]|$)")
"""Words of a title, each with what ends it."""
APART = 10.0
"""Pixels between two words of a colour scale."""
LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


@dataclass(frozen=True, slots=True, eq=False)
class Pane:
    """One picture of a board.

    Attributes
    ----------
    title, caption
        Words above and below.
    values
        (y, x) map to lay over the picture, None for the picture alone.
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
    signed
        True if values above zero speak for the class and those below against it; False for magnitudes.
    by_color
        (channel, y, x) parts of the map, None for none.
    """

    title: str
    caption: str = ""
    values: Floats | None = None
    reach: float = 1.0
    note: str = ""
    verdict: str = ""
    tip: str = ""
    picture: Floats | None = None
    signed: bool = True
    by_color: Floats | None = None


def images_of(pane: Pane, picture: Floats, opacity: float, theme: Theme) -> tuple[QImage, QImage]:
    """Return the picture of a pane and the colours over it, either of which may be null.

    Parameters
    ----------
    picture
        (channel, y, x) that of the board.
    opacity
        How much of the picture the strongest colour hides, 0 to 1.
    """
    below = picture if pane.picture is None else pane.picture
    if pane.values is None:
        return (QImage() if pane.note else picture_image(below)), QImage()
    return picture_image(below, theme.color("surface")), overlay_of(pane, pane.values, opacity, theme)


def overlay_of(pane: Pane, values: Floats, opacity: float, theme: Theme) -> QImage:
    """Return the colours of a pane's (y, x) values, to lay over its picture in grey."""
    if pane.signed:
        return signed_overlay(values, pane.reach, opacity, theme)
    return magnitude_overlay(values, pane.reach, opacity, theme.color(MAGNITUDE))


def fill_scale(painter: QPainter, bar: QRectF, signed: bool, theme: Theme) -> None:
    """Paint a colour scale: from against to for, or from zero on."""
    gradient, nothing = QLinearGradient(bar.topLeft(), bar.topRight()), theme.color("raised")
    for at, color in (
        ((0.0, theme.color(NEGATIVE)), (0.5, nothing), (1.0, theme.color(POSITIVE)))
        if signed
        else ((0.0, nothing), (1.0, theme.color(MAGNITUDE)))
    ):
        gradient.setColorAt(at, color)
    painter.fillRect(bar, gradient)


def scale_words(reach: float, signed: bool, width: float, metrics: QFontMetricsF) -> tuple[str, str, str]:
    """Return what stands below the left end, the middle and the right end of a colour scale: as much as has room."""
    end = numbers.short(reach)
    if not signed:
        return ("0", "", end) if _fit(("0", end), width, metrics) else ("", "", end)
    for words in ((f"−{end} against", f"for {end}"), (f"−{end}", end)):
        if _fit(words, width, metrics):
            return words[0], "", words[1]
    return "", f"±{end}", ""


def _fit(words: tuple[str, ...], width: float, metrics: QFontMetricsF) -> bool:
    return sum(metrics.horizontalAdvance(word) for word in words) + APART <= width


def draw_scale(painter: QPainter, bar: QRectF, pane: Pane, theme: Theme) -> None:
    """Paint the colour scale of a pane with its ends below it, in the painter's font."""
    fill_scale(painter, bar, pane.signed, theme)
    painter.setPen(theme.color("text_soft"))
    metrics = QFontMetricsF(painter.font())
    below = QRectF(bar.left(), bar.bottom() + 1, bar.width(), metrics.height() + 2)
    words = scale_words(pane.reach, pane.signed, bar.width(), metrics)
    for word, side in zip(words, (LEFT, Qt.AlignmentFlag.AlignCenter, RIGHT), strict=True):
        painter.drawText(below, side, word)


def draw_note(painter: QPainter, place: QRectF, note: str, theme: Theme) -> None:
    """Say in the place of a map why there is none."""
    painter.fillRect(place, theme.color("not_applicable"))
    painter.setPen(theme.color("text_soft"))
    words = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
    painter.drawText(place.adjusted(4, 4, -4, -4), words, note)


def pixel_at(shape: tuple[int, ...], place: QRectF, at: QPointF) -> tuple[int, int]:
    """Row and column of the pixel of a map that is fitted into a rectangle, at a place."""
    high, wide = shape
    factor = min(place.width() / wide, place.height() / high)
    left = place.left() + (place.width() - wide * factor) / 2
    top = place.top() + (place.height() - high * factor) / 2
    y, x = int((at.y() - top) / factor), int((at.x() - left) / factor)
    return min(max(y, 0), high - 1), min(max(x, 0), wide - 1)


def pixel_words(pane: Pane, y: int, x: int) -> str:
    """Say the value of a map at a pixel, and the parts that it was put together from; "" where there is none."""
    if pane.values is None or not np.isfinite(pane.values[y, x]):
        return ""
    value = float(pane.values[y, x])
    words = f"row {y}, column {x}: {numbers.signed_short(value) if pane.signed else numbers.short(abs(value))}"
    if pane.by_color is None:
        return words
    names = COLORS if len(pane.by_color) == len(COLORS) else tuple(f"channel {i}" for i in range(len(pane.by_color)))
    values = [numbers.signed_short(float(part[y, x])) for part in pane.by_color]
    parts = [f"{name} {value}" for name, value in zip(names, values, strict=True)]
    return f"{words}\n{'gradient by colour: ' if not pane.signed else 'by colour: '}{', '.join(parts)}"


def elided(words: str, width: float, metrics: QFontMetricsF) -> str:
    """Cut words that are wider than some room, with dots at the end."""
    return metrics.elidedText(words, Qt.TextElideMode.ElideRight, width)


def shortened(caption: str, width: float, metrics: QFontMetricsF) -> str:
    """Leave away the first word, then the last one, of "delta 0.8 %: good" where they have no room."""
    for words in (caption, caption.removeprefix("delta "), caption.removeprefix("delta ").partition(":")[0]):
        if metrics.horizontalAdvance(words) <= width:
            return words
    return elided(caption, width, metrics)


def title_font(titles: Iterable[str], width: float, theme: Theme) -> str:
    """Name the font of titles: bold, or a smaller one where a word of one would be cut."""
    bold = QFontMetricsF(theme.font("bold"))
    words = (word for title in titles for word in PARTS.findall(title))
    return "bold" if all(bold.horizontalAdvance(word.strip()) <= width for word in words) else "small"


def title_lines(title: str, width: float, metrics: QFontMetricsF) -> tuple[str, ...]:
    """Break a title into at most two lines of a width: between words, or after a mark within a name."""
    parts, first = PARTS.findall(title), ""
    while parts and metrics.horizontalAdvance((first + parts[0]).strip()) <= width:
        first += parts.pop(0)
    rest = "".join(parts)
    if not first or not rest:
        return (elided(title, width, metrics),)
    return first.strip(), elided(rest, width, metrics)
