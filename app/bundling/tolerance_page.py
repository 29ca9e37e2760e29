"""How much the answer depends on the width of the grid."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter

from app.bundling.page import Page
from app.drawing.critical_plot import CriticalPlot, PowerAxis
from app.drawing.curves import Curve, CurvePlot, Guide, Spots
from app.drawing.legend import Key
from app.reading import numbers
from app.reading.bundles import Reading
from app.reading.depth import Floats
from app.reading.measurements import NOT_APPLICABLE, ZERO
from app.theme import Theme

NO_GRID = "Only the mode update-grid has a width that can be changed."
NOT_ASKED = "Not measured: this run was asked to leave it out."


class TolerancePage(Page):
    """Critical tolerance of all points above, entropy against the width at one point below."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Tolerance")
        self.critical = CriticalPlot(theme)
        self.curve = CurvePlot(theme, "Entropy against tolerance", "width of the grid", "entropy H (nats)")
        self.curve.axes.remove(self.curve.x_axis)
        self.curve.scene().removeItem(self.curve.x_axis)
        self.curve.x_axis = PowerAxis(theme, "bottom")
        self.curve.x_axis.title = "width of the grid"
        self.curve.add_axis(self.curve.x_axis)
        self.curve.item.axes = (self.curve.x_axis, self.curve.y_axis)
        self.curve.item.labels_at = 0.0
        self.curve.set_home((-2.3, 2.3), (0.0, 1.0))
        halves = QSplitter(Qt.Orientation.Vertical)
        halves.setHandleWidth(3)
        halves.setChildrenCollapsible(False)
        halves.addWidget(self.critical)
        halves.addWidget(self.curve)
        halves.setSizes([280, 200])
        self.body.addWidget(halves, 1)
        self.define("critical_tolerance", "entropy")
        self.critical.point_clicked.connect(self.point_chosen)
        self.critical.point_hovered.connect(self.tell_point)
        self.critical.point_hovered.connect(self.critical.show_crosshair)

    def refresh(self) -> None:
        """Draw the checkpoint and the point that are looked at."""
        reading, checkpoint = self.reading, self.look.checkpoint
        if reading is None or checkpoint < 0:
            return
        why = NO_GRID if reading.mode not in ("", "update-grid") else NOT_ASKED
        there = "critical_tolerance" in reading.result
        values = reading.table("critical_tolerance")[checkpoint]
        self.critical.show_values(reading.axis, values, self._outline(checkpoint))
        self.critical.select(self.look.point)
        self.critical.set_note("" if there else why)
        self._show_curve(reading, checkpoint, why)
        self.claim.say(claim(reading, values) if there else why)
        theme = self.theme
        keys: tuple[Key, ...] = (
            Key("dot", "conflicts at τ or finer", theme.color("bundles")),
            Key("dot", "conflicts on wider grids only", theme.color("cost")),
        )
        keys += (Key("ring", "branches", theme.color("text_soft")),) if len(reading.lines) > 1 else ()
        keys += self.outline_key() if self._outline(checkpoint) is not None else ()
        keys += (Key("mark", "values are equal", None, ZERO),) if np.any(values == 0) else ()
        keys += (Key("mark", "no conflict found", None, NOT_APPLICABLE),) if np.isnan(values).any() else ()
        self.legend.show_keys(keys if there else ())

    def _show_curve(self, reading: Reading, checkpoint: int, why: str) -> None:
        there, point = "entropy_by_tolerance" in reading.result, self.look.point
        self.curve.set_note("" if there else why)
        if not there or point < 0:
            self.curve.show_curves(())
            self.curve.show_spots(())
            return
        widths = widths_of(reading)
        table = np.asarray(reading.result["entropy_by_tolerance"][:, checkpoint], dtype=np.float64)
        highest = reading.highest if reading.highest > 0 else 1.0
        others = tuple(Curve(widths, table[:, i], hue="not_measured") for i in range(table.shape[1]) if i != point)
        own = Curve(widths, table[:, point], hue="bundles")
        self.curve.set_title(f"entropy H of {reading.point_words(point)} (nats), others in grey")
        guides = (Guide("x", 0.0, "τ as used"), Guide("y", highest, "H(Y)"))
        self.curve.show_curves((*others, *self._second_curve(checkpoint, point), own), guides)
        known = np.isfinite(table[:, point])
        self.curve.show_spots((Spots(widths[known], table[known, point], hue="bundles"),) if known.any() else ())
        home = ((-2.3, 2.3), (-0.03 * highest, 1.1 * highest))
        if self.curve.home != home:
            self.curve.set_home(*home)

    def _outline(self, checkpoint: int) -> Floats | None:
        """Critical tolerances of the second network, None without any."""
        other = self.other
        if other is None or "critical_tolerance" not in other.reading.result:
            return None
        return other.values(other.reading.table("critical_tolerance"), checkpoint)

    def _second_curve(self, checkpoint: int, point: int) -> tuple[Curve, ...]:
        """Entropy against tolerance at the point of the second network that corresponds; () for none."""
        other = self.other
        if other is None or "entropy_by_tolerance" not in other.reading.result or other.points[point] < 0:
            return ()
        number = other.checkpoint(checkpoint)
        if number < 0:
            return ()
        table = np.asarray(other.reading.result["entropy_by_tolerance"][:, number], dtype=np.float64)
        return (Curve(widths_of(other.reading), table[:, other.points[point]], hue="text"),)


def widths_of(reading: Reading) -> Floats:
    """Exponents of two of the widths that were measured."""
    names = reading.result.names("tolerance")
    count = len(reading.result["entropy_by_tolerance"])
    try:
        factors = [float(name.split(" ")[0]) for name in names]
    except ValueError:
        factors = []
    if len(factors) != count:
        factors = [2.0**k for k in range(-(count // 2), count - count // 2)]
    return np.asarray(np.log2(np.array(factors, dtype=np.float64)))


def claim(reading: Reading, values: Floats) -> str:
    """Say in one line how far the points are from a conflict."""
    known = np.isfinite(values)
    if not known.any():
        return "No point conflicts at any width that was looked at, up to 2^24 τ."
    inside = int((values[known] <= 1).sum())
    equal = int((values == 0).sum())
    nearest = int(np.nanargmin(values))
    lowest = float(values[nearest])
    at = "equal values" if lowest == 0 else numbers.multiple(float(np.log2(lowest)))
    words = f"{inside} of {len(values)} points conflict at τ or finer"
    if equal:
        words += f", {equal} at every width"
    return f"{words} · lowest: {reading.point_words(nearest)}, {at}"
