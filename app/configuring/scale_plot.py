"""At what scale the configurations of each group of pictures look: of least loss, and all that are right."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import Signal

from analysis.measures import scales
from analysis.measures.oracles import Floats
from app.drawing.curves import Curve, CurvePlot, Guide, Spots
from app.drawing.legend import Key
from app.drawing.readout import Entry
from app.reading import numbers
from app.reading.configurations import Group, Reading, Row
from app.theme import Theme

BEST, RIGHT = "widths", "sharing"
"""Colour roles."""


class ScalePlot(CurvePlot):
    """Groups from left to right, the scale upwards; Spearman's correlation above."""

    told = Signal(str, object)
    """Heading and entries for the line of values."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Scale by group", "group of pictures", "scale")
        self.box.setMouseEnabled(x=False, y=False)
        self._words: tuple[str, ...] = ()
        self.means: tuple[Floats, Floats] = (np.empty(0), np.empty(0))
        self.correlations: tuple[Row, Row] = ((math.nan,) * 3, (math.nan,) * 3)
        self._shown: tuple[object, ...] = ()
        self._unit = ""
        self.x_axis.text = self._word
        self.y_axis.apart = 24.0  # the plot is low
        self.hovered.connect(self._tell)

    def show_study(self, reading: Reading, groups: tuple[Group, ...], kind: str, scale: scales.Scale) -> None:
        """Draw the mean scale of each group; what takes long is worked out once."""
        shown = (reading, kind, scale.name, len(groups))
        if shown != self._shown:
            self._shown = shown
            best, right = scales.chosen_scales(reading.correct, reading.table("loss"), scale.values)
            rows = [group.rows for group in groups]
            self.means = scales.means_by_group(best, rows), scales.means_by_group(right, rows)
            values = reading.values(kind)
            one, other = (scales.correlation(values, each, reading.seed, reading.places) for each in (best, right))
            self.correlations = one, other
        self._words, self._unit = tuple(group.words for group in groups), scale.unit
        x, plain = np.arange(len(groups), dtype=np.float64), float(scale.values[0])
        hues = (BEST, RIGHT)
        self.show_curves(
            tuple(Curve(x, mean, hue=hue) for mean, hue in zip(self.means, hues, strict=True)),
            (Guide("y", plain, reading.own),),
        )
        self.show_spots(tuple(Spots(x, mean, hue=hue) for mean, hue in zip(self.means, hues, strict=True)))
        self.y_axis.title = f"{scale.name} ({scale.unit})" if scale.unit else scale.name
        self.set_title(f"{scale.name} · {title(self.correlations)}")
        known = np.concatenate([*self.means, [plain]])
        low, high = float(np.nanmin(known)), float(np.nanmax(known))
        room = 0.15 * (high - low) or 0.5
        home = ((-0.4, len(groups) - 0.6), (low - room, high + room))
        if self.home != home:
            self.set_home(*home)

    def keys(self) -> tuple[Key, ...]:
        """Return the entries of the legend."""
        return (
            Key("dot", "scale of the configuration of least loss", self.theme.color(BEST)),
            Key("dot", "mean scale of the right configurations", self.theme.color(RIGHT)),
        )

    def _word(self, place: float) -> str:
        """Name a group below its place; nothing between two groups."""
        number = round(place)
        return self._words[number] if abs(place - number) < 1e-9 and 0 <= number < len(self._words) else ""

    def _tell(self, place: tuple[float, float] | None) -> None:
        number = round(place[0]) if place is not None else -1
        if not 0 <= number < len(self._words):
            self.told.emit("", ())
            return
        best, right = (float(mean[number]) for mean in self.means)
        found = (
            Entry("least loss", numbers.with_unit(best, self._unit), BEST, term="scale_study"),
            Entry("right ones", numbers.with_unit(right, self._unit), RIGHT, term="scale_study"),
        )
        self.told.emit(self._words[number], found)


def title(correlations: tuple[Row, Row]) -> str:
    """Words for both rank correlations with their intervals."""
    best, right = (_rho(row) for row in correlations)
    return f"Spearman ρ with the group: least loss {best}, right ones {right}"


def _rho(row: Row) -> str:
    if not math.isfinite(row[0]):
        return numbers.NOTHING
    return "{:.2f} [{:.2f}, {:.2f}]".format(*row).replace("-", "−")
