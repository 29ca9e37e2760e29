"""Bars below the width profile: how many times as wide each layer has become."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter

from app.drawing.axes import NumberAxis
from app.drawing.pixels import PixelItem, PlotBox, Scale
from app.drawing.plots import Margins, Plot
from app.reading.depth import Floats
from app.theme import Theme

HEIGHT = 64
"""Pixels of the strip with letters of the usual size."""


class RatioItem(PixelItem):
    """Edited by original width, from 1 upwards and downwards."""

    def __init__(self, box: PlotBox, theme: Theme) -> None:
        super().__init__(box, theme)
        self.x: Floats = np.empty(0)
        self.ratio: Floats = np.empty(0)

    def draw(self, painter: QPainter, scale: Scale, exposed: QRectF) -> None:
        """Paint bars between 1 and the ratio, and the line at 1."""
        half = max(1.0, min(0.36 * scale.per_x, 0.5 * scale.per_x - 1))
        one = round(scale.y_of(0.0))
        wider, narrower = self.theme.color("widths"), self.theme.color("bundles")
        for x, ratio in zip(self.x.tolist(), self.ratio.tolist(), strict=True):
            y = round(scale.y_of(float(np.log2(ratio))))
            rect = QRectF(round(scale.x_of(x) - half), min(one, y), round(2 * half), abs(y - one))
            painter.fillRect(rect, wider if ratio > 1 else narrower)
        painter.fillRect(QRectF(0, one, scale.width, 1), self.theme.color("text_soft"))


class RatioStrip(Plot):
    """Bars below the profile: how many times as wide each layer is; logarithmic, so that halves and doubles match."""

    def __init__(self, theme: Theme, above: Plot) -> None:
        super().__init__(theme, "Edited by original width", Margins(left=52, top=18, bottom=6))
        self.item = RatioItem(self.box, theme)
        self.add_axis(NumberAxis(theme, "left", text=ratio_words))
        self.box.setMouseEnabled(x=False, y=False)
        self.box.setXLink(above.box)
        self.set_title("edited / original")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        theme.changed.connect(self._take_height)
        self._take_height()

    def _take_height(self) -> None:
        self.setFixedHeight(round(self.grown(HEIGHT)))

    def show_ratio(self, x: Floats, ratio: Floats) -> None:
        """Draw other ratios."""
        self.item.x, self.item.ratio = x, ratio
        reach = max(1.0, float(np.ceil(np.abs(np.log2(ratio)).max(initial=0.0))))
        self.box.setRange(yRange=(-reach, reach), padding=0)
        self.item.update()


def ratio_words(exponent: float) -> str:
    """Words for a power of two on the axis.

    Examples
    --------
    >>> ratio_words(1.0), ratio_words(0.0), ratio_words(-1.0), ratio_words(0.5)
    ('2', '1', '0.5', '')
    """
    return f"{2**exponent:.3g}" if exponent == round(exponent) else ""
