"""A logarithmic axis of counts: 1, 2, 5, 10, 20, 50 and so on."""

from __future__ import annotations

import math

from app.drawing.axes import NumberAxis


class CountAxis(NumberAxis):
    """Whole numbers on a logarithmic axis, whose coordinates are exponents of ten."""

    def ticks(self) -> list[tuple[float, str]]:
        """Places and labels of round counts; only powers of ten where there are many."""
        low, high = self.range
        low, high = min(low, high), max(low, high)
        steps = (1, 2, 5) if high - low < 3.5 else (1,)
        powers = range(max(0, math.floor(low)), math.ceil(high) + 1)
        places = [(math.log10(step) + power, step * 10**power) for power in powers for step in steps]
        return [(place, f"{count:,}") for place, count in places if low - 1e-9 <= place <= high + 1e-9]
