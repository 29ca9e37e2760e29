"""A matrix of values on both sides of zero: one colour above, one below, faint about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.drawing.map_image import MapScale
from app.drawing.matrix import FIRST, NAN, NEUTRAL, SHADES, Cells, MatrixItem


@dataclass(frozen=True, slots=True, eq=False)
class SignedCells(Cells):
    """Values from -top to top."""

    def shades(self) -> NDArray[np.uint8]:
        """Return the place of every cell in the colour table, (rows, columns) uint8; zero is in the middle."""
        with np.errstate(invalid="ignore"):
            share = np.clip(0.5 * (1 + self.values / (self.top or 1.0)), 0.0, 1.0)
            shades = FIRST + np.nan_to_num(share * (SHADES - 1)).astype(np.uint8)
        if self.neutral is not None:
            shades[self.neutral] = NEUTRAL
        shades[np.isnan(self.values)] = NAN
        return shades


class SignedItem(MatrixItem):
    """The cells of a matrix with values on both sides of zero."""

    def _colors(self) -> NDArray[np.uint32]:
        colors, scale = super()._colors(), MapScale(-1.0, 1.0, True)
        shades = [scale.color(self.theme, i / (SHADES - 1)).rgb() for i in range(SHADES)]
        colors[FIRST:] = np.array(shades, dtype=np.uint32)
        return colors
