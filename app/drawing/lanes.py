"""Lanes: rows of bars over one x axis, as data: heights, marks, scales and how they share a height. No painting."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from app.drawing.axes import nice_step, nice_ticks, nice_top, round_below
from app.reading import numbers
from app.reading.depth import Floats, Ints
from app.reading.measurements import States

HEAD = 14.0
"""Pixels between the top of a lane and its highest bar."""
TONES = ("conv", "activation", "block", "pooled")
"""Kinds of layers that bars can be told apart by, in order of their tones."""
STYLES = ("bars", "change", "beside")


@dataclass(slots=True, eq=False)
class Lane:
    """One row of a stack.

    Attributes
    ----------
    key, title, unit, hue
        Identity, words for the gutter, colour role.
    values, states
        (slots,) heights, and what they are.
    low, high
        (slots,) intervals, or None.
    ceiling
        (slots,) largest possible values, drawn behind the bars as unused, or None.
    reach
        (slots,) values that will fit on the axis from the beginning, though nothing is drawn for them yet; or None.
    cap
        (slots,) from where on nothing could have been reached for want of observations, hatched; or None.
    marker
        (slots,) reference values drawn as a grey dash, or None.
    dots
        (slots,) values on the axis at the right, or None; `dots_title` says what they are.
    second
        (slots,) values that go with the first ones: "change" draws from them to the value, "beside" next to it.
    tones
        (slots,) index in :data:`TONES`, or None for one colour.
    outline
        (x, half width, values) of a compared run, or None.
    style
        One of :data:`STYLES`.
    top
        Highest value of the axis, which begins at 0.
    log
        True to draw powers of ten.
    weight
        Height relative to the other lanes.
    hint
        Definition, for hovering.
    page
        Section of the help that says more, "" for none.
    levels
        Values worth a tick, such as the few widths of a network; empty for round numbers.
    of_width
        True if the ceiling is the width of the layer.
    """

    key: str
    title: str
    unit: str
    hue: str
    values: Floats
    states: States
    low: Floats | None = None
    high: Floats | None = None
    ceiling: Floats | None = None
    reach: Floats | None = None
    cap: Floats | None = None
    marker: Floats | None = None
    dots: Floats | None = None
    dots_title: str = ""
    dots_top: float = 1.0
    second: Floats | None = None
    tones: Ints | None = None
    outline: tuple[Floats, float, Floats] | None = None
    style: str = "bars"
    top: float = 1.0
    log: bool = False
    weight: float = 1.0
    hint: str = ""
    page: str = ""
    levels: tuple[float, ...] = ()
    of_width: bool = False
    _logs: tuple[float, float] = field(default=(0.0, 1.0))

    @property
    def caption(self) -> str:
        """Words below the title: the unit, unless the title or the ticks say it."""
        if self.unit in ("bytes", self.title):
            return ""
        return f"{self.unit}, of width" if self.of_width else self.unit

    def fit(self, fixed: float | None = None) -> None:
        """Choose a round top for what is there, or take a fixed one."""
        parts = [part for part in (self.values, self.high, self.ceiling, self.reach, self.second) if part is not None]
        parts += [self.outline[2]] if self.outline else []
        finite = np.concatenate([part[np.isfinite(part)] for part in parts])
        largest = float(finite.max(initial=0.0))
        self.top = fixed if fixed is not None else (largest or 1.0)
        if self.dots is not None:
            self.dots_top = nice_top(float(np.nanmax(self.dots, initial=0.0)))
        positive = finite[finite > 0]
        low = float(np.floor(np.log10(positive.min()) + 1e-9)) if positive.size else 0.0
        high = float(np.ceil(np.log10(positive.max()) - 1e-9)) if positive.size else 1.0
        self._logs = (low, max(high, low + 1.0))

    def share(self, values: Floats) -> Floats:
        """Heights of values as shares of the lane's height, NaN for nothing."""
        if not self.log:
            return np.clip(values / self.top, 0.0, 1.0)
        low, high = self._logs
        with np.errstate(divide="ignore", invalid="ignore"):
            exponents = np.log10(np.where(values > 0, values, np.nan))
        # A decade below the smallest value is the ground, so that the smallest bar can still be seen.
        return np.clip((exponents - low + 0.15) / (high - low + 0.15), 0.0, 1.0)

    def ticks(self, height: float) -> list[tuple[float, str]]:
        """Values with their labels that fit a height in pixels."""
        if self.log:
            low, high = self._logs
            skip = max(1, int(np.ceil((high - low) / max(1, int(height / 22)))))
            return [(10.0**k, numbers.short(10.0**k, self.unit)) for k in range(int(low), int(high) + 1, skip)]
        if self.levels:
            kept = [0.0]
            for level in sorted(self.levels, reverse=True):
                places = [height * other / self.top for other in kept]
                if level <= self.top and min(abs(height * level / self.top - place) for place in places) >= 13:
                    kept.append(level)
            return [(level, numbers.short(level, self.unit)) for level in kept]
        most = max(1, min(4, int(height / 26)))
        step = nice_step(self.top, most)
        ticks = [(value, numbers.tick(value, step, self.unit)) for value in nice_ticks(0.0, self.top, most)]
        if len(ticks) > 1 or not self.top > 0:
            return ticks
        # A lane too low for the steps of its axis has one round number beside its ground.
        last = round_below(self.top)
        return [*ticks, (last, numbers.tick(last, last, self.unit))]


def heights(weights: list[float], room: float, least: float = 34.0) -> list[float]:
    """Share out a height among lanes by their weights, in whole pixels, none below `least`."""
    if not weights:
        return []
    total = sum(weights)
    return [float(max(least, np.floor(room * weight / total))) for weight in weights]
