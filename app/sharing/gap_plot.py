"""What networks have learnt by heart: training accuracy less held-out accuracy, against degrees of freedom."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Signal

from analysis.measures.ring_fits import Curve
from app.drawing.curves import Guide, Spots
from app.drawing.ring_plots import FreedomPlot
from app.reading.depth import Floats
from app.reading.sharing import Trained
from app.reading.sharing_comparison import SecondSharing
from app.sharing.freedom_page import outline_of, series_of
from app.theme import Theme

TITLE = "training accuracy less held-out accuracy, last epoch (points)"


class GapPlot(FreedomPlot):
    """One line per kind of network, bands over seeds, the network in front with a ring around its point."""

    run_chosen = Signal(int)

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Gap between training and held-out accuracy", "degrees of freedom in all", TITLE)
        self._places: tuple[Floats, ...] = ()
        self.clicked.connect(lambda x, y, _extend: self._choose(x, y))

    def show_trained(self, trained: Trained, front: int, second: SecondSharing | None = None) -> None:
        """Draw every network of which an epoch has ended, before those of a second training."""
        gaps, total = trained.gaps(), trained.table("total_freedom")
        self._places = (np.log10(np.where(total > 0, total, np.nan)), 100 * gaps)
        lines = trained.gap_curves()
        behind = second.gap_curves() if second is not None else ()
        known = np.concatenate([gaps, *(one.mean for one in behind)])
        known = known[np.isfinite(known)]
        self.set_note("" if known.size else "The first epoch is under way …")
        low, high = (100 * float(known.min()), 100 * float(known.max())) if known.size else (0.0, 1.0)
        room = max(0.08 * (high - low), 1.0)
        level = Guide("y", 0.0, "0: as good held out as in training", "0")
        guides = (level, *(_dense(one) for one in lines if one.kind == "dense"))
        series = tuple(series_of(one, "total") for one in lines if one.kind != "dense")
        series = (*(outline_of(one, "total", second.name) for one in behind if second is not None), *series)
        self.show_series(series, guides, (min(0.0, low) - room, max(0.0, high) + room), self.x_axis.title)
        if front >= 0 and np.isfinite(self._places[0][front]) and np.isfinite(gaps[front]):
            x, y = (axis[[front]] for axis in self._places)
            self.show_spots((*self.item.spots, Spots(x, y, hue="text", hollow=True)))

    def _choose(self, x: float, y: float) -> None:
        """Choose the network whose point is nearest, as seen on the screen."""
        if not self._places or not self.box.width():
            return
        (x0, x1), (y0, y1) = self.box.viewRange()
        across = (self._places[0] - x) / max(x1 - x0, 1e-9) * float(self.box.width())
        up = (self._places[1] - y) / max(y1 - y0, 1e-9) * float(self.box.height())
        far = np.where(np.isfinite(across + up), across**2 + up**2, np.inf)
        if far.size and np.isfinite(far.min()):
            self.run_chosen.emit(int(far.argmin()))


def _dense(one: Curve) -> Guide:
    """Level of the network without sharing."""
    points = 100 * float(one.mean[0])
    return Guide("y", points, f"dense {points:+.1f}".replace("-", "−"), "dense")
