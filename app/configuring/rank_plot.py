"""The rank curve: accuracy and probability of the label under the configuration of j-th lowest loss of each picture."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Signal

from analysis.measures import oracles
from analysis.measures.oracles import Floats
from app.drawing.curves import Curve, CurvePlot, Guide, Spots
from app.drawing.legend import Key
from app.drawing.readout import Entry
from app.reading import numbers
from app.reading.configurations import Reading
from app.theme import Theme

MARKS = (("best", "widths"), ("median", "sharing"), ("worst", "bundles"))
ACCURACY, PROBABILITY = "configurations", "cost"
"""Colour roles."""


class RankPlot(CurvePlot):
    """Configurations of each picture by rising loss; best, median and worst are marked."""

    told = Signal(str, object)
    """Heading and entries for the line of values."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Rank curve", "configurations of each picture, by rising loss", "share of pictures")
        self.y_axis.text = lambda share: f"{100 * share:.3g}{numbers.SPACE}%"
        self.y_axis.apart = 26.0  # the plot is low
        self.x_axis.text = lambda place: f"{place:,.0f}" if place > 0.5 and abs(place - round(place)) < 1e-9 else ""
        self._read: Reading | None = None
        self.accuracy: Floats = np.empty(0)
        self.probability: Floats = np.empty(0)
        self.loss: Floats = np.empty(0)
        self.hovered.connect(self._tell)

    def show_reading(self, reading: Reading) -> None:
        """Draw both curves; they are worked out once for a run."""
        if reading is not self._read:
            self._read = reading
            loss = reading.table("loss")
            self.accuracy = oracles.rank_curve(reading.correct, loss)
            self.probability = oracles.rank_means(reading.table("true_probability"), loss)
            self.loss = oracles.rank_means(loss, loss)
        count = len(self.accuracy)
        x = np.arange(1, count + 1, dtype=np.float64)
        curves = (Curve(x, self.probability, hue=PROBABILITY, dashed=True), Curve(x, self.accuracy, hue=ACCURACY))
        self.show_curves(curves, (Guide("y", float(reading.accuracy[0]), reading.own, hue="widths"),))
        self.show_spots(
            tuple(
                Spots(np.array([x[at]]), self.accuracy[[at]], hue=hue)
                for (_, hue), at in zip(MARKS, places(count), strict=True)
            )
        )
        self.set_title(title(reading, self.loss))
        low = float(min(self.accuracy.min(), np.nanmin(self.probability)))
        # Room at the left for the words of the level line.
        home = ((1 - 0.12 * count, count * 1.03 + 0.2), (max(0.0, low - 0.08), 1.06))
        if self.home != home:
            self.set_home(*home)

    def keys(self) -> tuple[Key, ...]:
        """Return the entries of the legend."""
        return (
            Key("dot", "accuracy by rank of the loss", self.theme.color(ACCURACY)),
            Key("dash", "probability of the label", self.theme.color(PROBABILITY)),
        )

    def _tell(self, place: tuple[float, float] | None) -> None:
        at = round(place[0]) - 1 if place is not None else -1
        if not 0 <= at < len(self.accuracy):
            self.told.emit("", ())
            return
        found = (
            Entry("accuracy", numbers.percent(float(self.accuracy[at])), ACCURACY, term="rank_curve"),
            Entry(
                "probability of the label", numbers.percent(float(self.probability[at])), PROBABILITY, term="rank_curve"
            ),
            Entry("loss", numbers.with_unit(float(self.loss[at]), "nats"), "text_soft", term="rank_curve"),
        )
        self.told.emit(f"{at + 1:,} of {len(self.accuracy):,} by loss", found)


def places(count: int) -> tuple[int, int, int]:
    """Places of the lowest, the lower median and the highest loss among so many, from 0."""
    return 0, (count - 1) // 2, count - 1


def title(reading: Reading, loss: Floats) -> str:
    """Say what the configurations of lowest, middle and highest loss lose, and how often the first is nearly right."""
    each = ", ".join(
        f"{name} {numbers.short(float(loss[at]))}" for (name, _), at in zip(MARKS, places(len(loss)), strict=True)
    )
    rank = reading.table("true_rank")
    least = np.take_along_axis(rank, oracles.loss_order(reading.table("loss"))[:, :1], axis=1)
    among = f" · label among the first five under least loss: {numbers.percent(float((least <= 5).mean()))}"
    return f"mean loss: {each} nats" + (among if rank.max() > 5 else "")
