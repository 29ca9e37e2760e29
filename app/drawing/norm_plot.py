"""Plot of accuracy against nuclear norm, one point per network."""

from __future__ import annotations

import math

import numpy as np

from app.drawing.axes import nice_step
from app.drawing.curves import CurvePlot, Spots
from app.reading.norms import Comparison
from app.theme import Theme


class NormPlot(CurvePlot):
    """Top-1 accuracy over the scaled nuclear norm of the final feature; incomparable networks stand apart."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(
            theme, "Accuracy against nuclear norm", "nuclear norm / √n of the final feature", "Top-1 accuracy (%)"
        )

    def show_comparison(self, comparison: Comparison) -> None:
        """Draw the networks, with the correlation in the title."""
        same, others = comparison.networks, comparison.left_out
        spots = []
        for group, hollow in ((same, False), (others, True)):
            if group:
                x = np.array([network.norm for network in group])
                y = np.array([100 * network.top1 for network in group])
                names = tuple(network.name for network in group)
                spots.append(Spots(x, y, names, "cost" if hollow else "rank", hollow))
        self.show_spots(tuple(spots))
        self._fit(spots)
        self.item.captions = _words(comparison)
        enough = len(same) + len(others) >= 2
        self.set_note(
            ""
            if enough
            else "Needs feature rank and accuracy of at least two networks or checkpoints, on the same pictures."
        )

    def _fit(self, spots: list[Spots]) -> None:
        if not spots:
            return
        ends = []
        for values in (np.concatenate([s.x for s in spots]), np.concatenate([s.y for s in spots])):
            low, high = float(values.min()), float(values.max())
            step = nice_step(max(high - low, abs(high) * 0.02, 1e-6), 4)
            ends.append((step * (math.floor(low / step) - 0.5), step * (math.ceil(high / step) + 1.0)))
        if self.home != (ends[0], ends[1]):
            self.set_home(ends[0], ends[1])


def _words(comparison: Comparison) -> tuple[str, ...]:
    parts = []
    found = comparison.found
    if math.isfinite(found.pearson):
        text = f"Pearson {found.pearson:.2f} · Spearman {found.spearman:.2f} · {found.count} networks"
        parts.append(text.replace("-", "−"))
    elif comparison.networks:
        parts.append(f"{found.count} network{'s' if found.count != 1 else ''}, too few for a correlation")
    return (*parts, comparison.reason) if comparison.reason else tuple(parts)
