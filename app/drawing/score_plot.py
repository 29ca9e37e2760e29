"""Scores of every width group, sorted, with the one threshold that cuts them all."""

from __future__ import annotations

from functools import partial

import numpy as np

from app.drawing.curves import Curve, CurvePlot, Guide
from app.drawing.group_plot import CloseAxis, power_words
from app.reading.depth import Floats
from app.theme import Theme

MOST_POINTS = 256
"""Points per curve: of many scores the quantiles are drawn."""


class ScorePlot(CurvePlot):
    """One curve per group, from its largest score to its smallest; the group that is pointed at is drawn in full."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Sorted scores", "share of the group's channels, largest score first (%)", "score")
        self.axes.remove(self.y_axis)
        self.scene().removeItem(self.y_axis)
        self.y_axis = CloseAxis(theme, "left")
        self.y_axis.text = partial(power_words, base=10.0)
        self.add_axis(self.y_axis)
        self.item.axes = (self.x_axis, self.y_axis)
        self.box.setMouseEnabled(x=False, y=False)
        self.scores: tuple[Floats, ...] = ()
        self.threshold = float("nan")
        self.chosen = -1

    def show_scores(self, scores: tuple[Floats, ...], threshold: float) -> None:
        """Draw other scores.

        Parameters
        ----------
        scores
            One array per group, the largest first.
        threshold
            Score below which an element goes, NaN where it is not known.
        """
        if scores is not self.scores or threshold != self.threshold:
            self.scores, self.threshold = scores, threshold
            self._draw()

    def choose(self, place: int) -> None:
        """Draw a group's curve stronger, -1 for none."""
        if place != self.chosen:
            self.chosen = place
            self._draw()

    def _draw(self) -> None:
        curves = [_curve(own, "outline") for place, own in enumerate(self.scores) if place != self.chosen]
        if 0 <= self.chosen < len(self.scores):
            curves.append(_curve(self.scores[self.chosen], "rank"))
        guides = (Guide("y", float(np.log10(self.threshold)), hue="accent"),) if self.threshold > 0 else ()
        self.show_curves(tuple(curves), guides)
        ends = np.concatenate([curve.y for curve in curves]) if curves else np.empty(0)
        ends = ends[np.isfinite(ends)]
        if ends.size:
            home = ((0.0, 100.0), (float(np.floor(ends.min())), float(np.ceil(ends.max() + 0.02))))
            if self.home != home:
                self.set_home(*home)


def _curve(scores: Floats, hue: str) -> Curve:
    """Curve of sorted scores; of a long one, as many of them as can be seen, spread evenly."""
    places = np.unique(np.linspace(0, max(len(scores) - 1, 0), MOST_POINTS).round().astype(np.int64))
    drawn = scores[places] if len(scores) else scores
    share = 100 * (places[: len(drawn)] + 0.5) / max(len(scores), 1)
    return Curve(share, np.log10(np.where(drawn > 0, drawn, np.nan)), hue=hue)
