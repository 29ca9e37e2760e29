"""Values on both sides of zero for a matrix: one colour above, one below, faint about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.drawing.legend import Key
from app.drawing.map_image import MapScale
from app.drawing.matrix import FIRST, NAN, NEUTRAL, SHADES, Cells
from app.reading.depth import Floats
from app.theme import Theme


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

    @property
    def signed(self) -> bool:
        """True: values are on both sides of zero."""
        return True


def largest(values: Floats) -> float:
    """Magnitude of the strongest colour of differences: the largest there is, 1 where all are alike."""
    known = np.abs(values[np.isfinite(values)])
    return float(known.max(initial=0.0)) or 1.0


def difference_keys(theme: Theme, name: str, least: str, most: str) -> tuple[Key, ...]:
    """Explain the colours of a difference from a second network.

    Parameters
    ----------
    name
        Words for the second network.
    least, most
        Words for the ends of the scale, with sign and unit.
    """
    scale = MapScale(-1.0, 1.0, True)
    steps = ((0.0, f"{least} than {name}"), (0.5, f"as in {name}"), (1.0, f"{most} than {name}"))
    return tuple(Key("bar", words, scale.color(theme, share)) for share, words in steps)
