"""Accuracy as residual blocks are removed: random subsets with their spread, and blocks in order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter

from app.drawing.curves import Curve, CurvePlot, Guide, Spots
from app.drawing.pixels import PixelItem, PlotBox, Scale
from app.reading.depth import Floats
from app.theme import Theme


@dataclass(frozen=True, slots=True, eq=False)
class Removed:
    """Accuracy over the number of removed blocks.

    Attributes
    ----------
    name, hue
        Words and colour role.
    mean, spread
        (blocks + 1,) in percent; NaN for what is not known. The spread is one standard deviation, 0 for an order.
    ordered
        True for blocks that go one by one in an order.
    """

    name: str
    hue: str
    mean: Floats
    spread: Floats
    ordered: bool


class SpreadItem(PixelItem):
    """One standard deviation around every mean, as a band."""

    def __init__(self, box: PlotBox, theme: Theme) -> None:
        super().__init__(box, theme, z=-1)
        self.curves: tuple[Removed, ...] = ()

    def draw(self, painter: QPainter, scale: Scale, exposed: object) -> None:
        """Paint one band per group of random subsets."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        for curve in self.curves:
            known = np.isfinite(curve.mean) & np.isfinite(curve.spread)
            if curve.ordered or known.sum() < 2:
                continue
            x = scale.x(np.flatnonzero(known).astype(np.float64))
            low, high = curve.mean[known] - curve.spread[known], curve.mean[known] + curve.spread[known]
            color = self.theme.color(curve.hue)
            color.setAlphaF(0.16)
            painter.setBrush(color)
            there_and_back = np.concatenate([x, x[::-1]])
            painter.drawPolygon(
                pg.functions.arrayToQPolygonF(there_and_back, scale.y(np.concatenate([high, low[::-1]])))
            )


class RemovalPlot(CurvePlot):
    """Accuracy in percent over the number of removed blocks."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Accuracy as blocks are removed", "removed blocks", "accuracy (%)")
        self.bands = SpreadItem(self.box, theme)
        self.box.setMouseEnabled(x=False, y=False)

    def show_removed(
        self,
        curves: tuple[Removed, ...],
        blocks: int,
        chosen: tuple[int, float],
        least: float,
        outlines: tuple[Removed, ...] = (),
    ) -> None:
        """Draw other curves.

        Parameters
        ----------
        curves
            All of them.
        blocks
            Number of blocks that can be removed.
        chosen
            How many are ticked, and the accuracy without them in percent, NaN for not measured.
        least
            Accuracy that is still accepted, in percent; NaN for none.
        outlines
            Curves of a second network, drawn thin and without their spread.
        """
        self.bands.curves = curves
        x = np.arange(blocks + 1, dtype=np.float64)
        behind = tuple(
            Curve(np.arange(len(curve.mean), dtype=np.float64), curve.mean, hue=curve.hue, dashed=not curve.ordered)
            for curve in outlines
        )
        drawn = tuple(Curve(x, curve.mean, hue=curve.hue, dashed=not curve.ordered) for curve in curves)
        guides: tuple[Guide, ...] = (Guide("y", least, "accepted loss"),) if np.isfinite(least) else ()
        guides += (Guide("x", float(chosen[0])),) if chosen[0] > 0 else ()
        self.show_curves((*behind, *drawn), guides)
        spot = Spots(np.array([float(chosen[0])]), np.array([chosen[1]]), hue="text")
        self.show_spots((spot,) if np.isfinite(chosen[1]) else ())
        home = ((-0.2, blocks + 0.2), (0.0, 103.0))
        if self.home != home:
            self.set_home(*home)
        self.bands.update()
