"""One colour per label, so that the pictures of a bundle can be told apart at a glance."""

from __future__ import annotations

from PySide6.QtGui import QColor

from app.theme import Theme, mix

HUES = ("rank", "sharing", "widths", "bundles", "configurations", "cost")
GOLDEN = 0.6180339887


def label_color(theme: Theme, label: int) -> QColor:
    """Colour of a label: the six hues, the same in two other tones, then evenly spread hues. Grey for no label."""
    if label < 0:
        return theme.color("zero")
    tone, place = divmod(label, len(HUES))
    base = theme.color(HUES[place])
    if tone == 0:
        return base
    if tone == 1:
        return mix(base, theme.color("text"), 0.45)
    if tone == 2:
        return mix(base, theme.color("surface"), 0.5)
    return QColor.fromHsvF((label * GOLDEN) % 1.0, 0.55, 0.85 if theme.dark else 0.7)
