"""Small maps as images: one colour scale for all of them, sequential, or diverging about zero."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QImage, QLinearGradient, QPainter

from app.reading.depth import Floats
from app.theme import Theme, mix

POSITIVE, NEGATIVE = "bundles", "rank"
"""Colour roles of values above and below zero: vermilion and blue, which everybody can tell apart."""
STEPS = 255
FADED = 0.5
"""How far a picture below a map fades into its background."""
STOPS = 17
"""Colours that a scale is made of; those between are mixed from their neighbours."""


@dataclass(frozen=True, slots=True)
class MapScale:
    """What the colours of maps stand for.

    Attributes
    ----------
    low, high
        Values at both ends; a diverging scale has low = -high.
    diverging
        True if there are values on both sides of zero.
    """

    low: float
    high: float
    diverging: bool

    @staticmethod
    def of(values: Floats) -> MapScale:
        """Choose a scale on which all values have a place: from zero on, or symmetric about it."""
        fine = values[np.isfinite(values)]
        low, high = (float(fine.min()), float(fine.max())) if fine.size else (0.0, 1.0)
        if low < 0:
            reach = max(-low, high)
            return MapScale(-reach, reach, True)
        return MapScale(0.0, high or 1.0, False)

    def places(self, values: Floats) -> NDArray[np.uint8]:
        """Return the place of every value among the colours, 0 to :data:`STEPS`."""
        share = (np.nan_to_num(values) - self.low) / ((self.high - self.low) or 1.0)
        return np.asarray(np.clip(np.rint(share * STEPS), 0, STEPS), dtype=np.uint8)

    def color(self, theme: Theme, share: float) -> QColor:
        """Return the colour at a place of the scale, 0 to 1."""
        if not self.diverging:
            return theme.heat(share)
        end = theme.color(POSITIVE if share > 0.5 else NEGATIVE)
        return mix(theme.color("raised"), end, abs(2 * share - 1))

    def table(self, theme: Theme) -> list[int]:
        """Return all colours as numbers that an image takes."""
        stops = np.linspace(0, 1, STOPS)
        # PySide's stubs call the parts of a colour objects.
        colors = np.array([self.color(theme, float(stop)).getRgb()[:3] for stop in stops], dtype=np.float64)  # type: ignore[index]
        places = np.linspace(0, 1, STEPS + 1)
        red, green, blue = (np.rint(np.interp(places, stops, colors[:, part])).astype(int) for part in range(3))
        return [int(value) for value in (0xFF << 24) + (red << 16) + (green << 8) + blue]

    def gradient(self, theme: Theme, room: QRectF) -> QLinearGradient:
        """Return the scale from left to right."""
        made = QLinearGradient(room.topLeft(), room.topRight())
        for step in range(9):
            made.setColorAt(step / 8, self.color(theme, step / 8))
        return made


def map_image(values: Floats, scale: MapScale, table: list[int]) -> QImage:
    """Turn a (y, x) map into an image of one pixel per value."""
    places = np.ascontiguousarray(scale.places(values))
    height, width = places.shape
    image = QImage(places.data, width, height, width, QImage.Format.Format_Indexed8).copy()
    image.setColorTable(table)
    return image


def signed_overlay(values: Floats, reach: float, opacity: float, theme: Theme) -> QImage:
    """Turn a signed (y, x) map into an image to lay over a picture: nothing at zero, full colour from `reach` on.

    Parameters
    ----------
    values
        Above zero speaks for a class, below against it.
    reach
        Magnitude of the strongest colour.
    opacity
        How much of the picture the strongest colour hides, 0 to 1.
    """
    share = np.clip(np.nan_to_num(values) / (reach or 1.0), -1.0, 1.0)
    return _overlay(np.abs(share), opacity, ((share > 0, theme.color(POSITIVE)), (share < 0, theme.color(NEGATIVE))))


def magnitude_overlay(values: Floats, reach: float, opacity: float, color: QColor) -> QImage:
    """Turn a (y, x) map of magnitudes into an image to lay over a picture: nothing at zero, full colour from `reach`.

    Signs, which older results have, are left out.
    """
    share = np.clip(np.abs(np.nan_to_num(values)) / (reach or 1.0), 0.0, 1.0)
    return _overlay(share, opacity, ((share > 0, color),))


def _overlay(share: Floats, opacity: float, colors: tuple[tuple[NDArray[np.bool_], QColor], ...]) -> QImage:
    """Paint the places of each colour as opaque as their share, 0 to 1, of the strongest."""
    pixels = np.zeros((*share.shape, 4), dtype=np.uint8)
    for places, color in colors:
        pixels[places, :3] = (color.red(), color.green(), color.blue())
    pixels[..., 3] = np.rint(255 * opacity * share).astype(np.uint8)
    height, width = share.shape
    return QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()


def picture_image(picture: Floats, faded: QColor | None = None) -> QImage:
    """Turn a (channel, y, x) picture of 0 black to 1 white into an image; three channels are colours.

    Parameters
    ----------
    faded
        Show it in grey, half way to this colour, so that colours over it stand out.
    """
    shown = picture[:3] if len(picture) >= 3 else np.repeat(picture[:1], 3, axis=0)
    if faded is not None:
        behind = np.array([faded.redF(), faded.greenF(), faded.blueF()])[:, None, None]
        shown = (1 - FADED) * np.repeat(shown.mean(axis=0, keepdims=True), 3, axis=0) + FADED * behind
    pixels = np.ascontiguousarray(
        np.rint(255 * np.clip(np.nan_to_num(shown), 0, 1)).astype(np.uint8).transpose(1, 2, 0)
    )
    height, width = pixels.shape[:2]
    return QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()


def draw_fitted(painter: QPainter, image: QImage, room: QRectF) -> QRectF:
    """Draw an image into the middle of some room with its sides in proportion; small ones keep square pixels."""
    if image.isNull():
        return QRectF()
    factor = min(room.width() / image.width(), room.height() / image.height())
    width, height = image.width() * factor, image.height() * factor
    place = QRectF(
        round(room.left() + (room.width() - width) / 2),
        round(room.top() + (room.height() - height) / 2),
        round(width),
        round(height),
    )
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, factor < 1)
    painter.drawImage(place, image)
    return place
