"""Over training: a map of points x checkpoints, and the last or the selected point against accuracy and loss."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QVBoxLayout, QWidget

from analysis.measures.partitions import time_average
from app.bundling.page import Page, differences, entries
from app.drawing.bundle_map import BundleMap, Map, shade, zero_color
from app.drawing.curves import Curve, CurvePlot, Guide, Spots
from app.drawing.legend import Key, Legend
from app.drawing.readout import Entry
from app.drawing.signed_matrix import SignedCells, difference_keys, largest
from app.forms.difference import DifferenceSwitch
from app.reading import numbers
from app.reading.bundles import ENTROPY, Line, Reading
from app.reading.depth import Floats
from app.reading.glossary import TERMS
from app.theme import Theme

WORDS = {ENTROPY: "entropy H", "bundles": "bundles n/N", "conflict": "share of pictures in conflict"}


class TrainingPage(Page):
    """Maps above (one for outputs, one for branches), two time series below."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Over training")
        self.kind = ENTROPY
        self.maps = (BundleMap(theme, "Outputs over training"), BundleMap(theme, "Branches over training"))
        self.accuracy = CurvePlot(theme, "Accuracy over training", "checkpoint", "shares of pictures")
        self.loss = CurvePlot(theme, "Loss over training", "checkpoint", "nats")
        self.keys = (Legend(theme, wrap=True), Legend(theme, wrap=True))
        for number, plot in enumerate(self.maps):
            plot.cell_clicked.connect(lambda row, column, line=number: self._choose(line, row, column))
            plot.cell_hovered.connect(lambda row, column, line=number: self._hover(line, row, column))
        self.define("entropy", "bundles", "samples_in_conflict", "error_floor")
        for keys, name in zip(self.keys, ("error_floor", "entropy"), strict=True):
            keys.setToolTip(f"{TERMS[name].title}: {TERMS[name].definition}")
        self.maps[1].box.setXLink(self.maps[0].box)
        above = QWidget()
        both = QHBoxLayout(above)
        both.setContentsMargins(0, 0, 0, 0)
        both.setSpacing(0)
        for plot in self.maps:
            both.addWidget(plot, 1)
        below = QWidget()
        series = QHBoxLayout(below)
        series.setContentsMargins(0, 0, 0, 0)
        series.setSpacing(0)
        for curve, keys in zip((self.accuracy, self.loss), self.keys, strict=True):
            curve.x_axis.text = self._name
            curve.hovered.connect(self._point_at)
            column = QVBoxLayout()
            column.setSpacing(0)
            column.addWidget(keys)
            column.addWidget(curve, 1)
            series.addLayout(column, 1)
        halves = QSplitter(Qt.Orientation.Vertical)
        halves.setHandleWidth(3)
        halves.setChildrenCollapsible(False)
        halves.addWidget(above)
        halves.addWidget(below)
        halves.setSizes([300, 190])
        self.switch = DifferenceSwitch(self.refresh)
        self.claim_row.addWidget(self.switch)
        self.body.addWidget(halves, 1)

    def set_kind(self, kind: str) -> None:
        """Show another value in the map."""
        self.kind = kind if kind in WORDS else ENTROPY
        self.refresh()

    def refresh(self) -> None:
        """Draw all checkpoints."""
        reading = self.reading
        if reading is None:
            return
        self._offer_difference(reading)
        for number, plot in enumerate(self.maps):
            plot.setVisible(number < len(reading.lines))
            if number < len(reading.lines):
                self._show_map(plot, reading, reading.lines[number])
        point = self.point(reading)
        self._show_accuracy(reading, point)
        self._show_loss(reading, point)
        count = reading.measured
        bound = "" if reading.exact else " · floor and ceiling are bounds in exact mode, guides in this one"
        several = f"{count} of {len(reading.checkpoints)} checkpoints" if len(reading.checkpoints) > 1 else ""
        alone = "" if several else "One checkpoint"
        self.claim.say(f"{several or alone} · curves are of {reading.point_words(point)}{bound}")
        self._show_keys(reading)

    def point(self, reading: Reading) -> int:
        """Point of the time series: the one that was chosen, else the last."""
        return self.look.point if self.look.chosen else int(reading.lines[0].points[-1])

    def _name(self, place: float) -> str:
        """Name of a checkpoint, for a place on the x axis."""
        names = self.reading.checkpoints if self.reading is not None else ()
        return names[round(place)] if 0 <= round(place) < len(names) and place == round(place) else ""

    def _show_map(self, plot: BundleMap, reading: Reading, line: Line) -> None:
        values = reading.value(self.kind)[:, line.points]
        broken = reading.non_finite()[:, line.points]
        top = (reading.highest if reading.highest > 0 else 1.0) if self.kind == ENTROPY else 1.0
        names = tuple(reading.point_words(int(point)) for point in line.points)
        plot.cells.stages = stage_rows(reading, line)
        theirs = self._second_values(line)
        cells = SignedCells((values - theirs).T, self._reach(reading)) if self.switch.on else None
        mean = time_average(theirs) if theirs.size else theirs
        shown = Map(values.T, broken.T, time_average(values), top, cells=cells, outline=mean)
        plot.show_map(shown, names, reading.checkpoints)
        words = f"difference in {WORDS[self.kind]}" if self.switch.on else WORDS[self.kind]
        plot.set_title(f"{words} of {'branches' if line.name == 'branch' else 'outputs'}")
        row = np.flatnonzero(line.points == self.look.point)
        plot.select(int(row[0]) if len(row) else -1, self.look.checkpoint)

    # -- the network that is compared with ----------------------------------------------------------------------------

    def _offer_difference(self, reading: Reading) -> None:
        """Offer differences in the maps, or say why there are none."""
        other = self.other
        reasons = () if other is None else tuple(map(other.why_no_difference, range(len(reading.checkpoints))))
        self.why_not = next((why for why in reasons if why), "")
        self.switch.offer(other.name if other is not None and not self.why_not else "")

    def _second_values(self, line: Line) -> Floats:
        """(checkpoints, points of the line) values of the second network where it corresponds; empty for none."""
        other, reading = self.other, self.reading
        if other is None or reading is None:
            return np.empty(0)
        table = other.reading.value(self.kind)
        return np.stack([other.values(table, i)[line.points] for i in range(len(reading.checkpoints))])

    def _reach(self, reading: Reading) -> float:
        """Magnitude of the strongest colour of a difference, the same for both maps."""
        own = reading.value(self.kind)
        return max(largest(own[:, line.points] - self._second_values(line)) for line in reading.lines)

    def _difference_keys(self, reading: Reading) -> tuple[Key, ...]:
        unit = " nats" if self.kind == ENTROPY else ""
        words = f"{numbers.short(self._reach(reading))}{unit}"
        return difference_keys(self.theme, self.switch.name, f"{words} less", f"{words} more")

    def _show_keys(self, reading: Reading) -> None:
        theme = self.theme
        top = f"{reading.highest:.3g} nats = H(Y)" if self.kind == ENTROPY else "1"
        keys = [
            Key("bar", "exactly zero", zero_color(theme)),
            Key("bar", "just above", shade(theme, 0.0)),
            Key("bar", top, shade(theme, 1.0)),
        ]
        if self.switch.on:
            keys = list(self._difference_keys(reading))
        elif any(np.isfinite(plot.strip.outline).any() for plot in self.maps):
            keys += self.outline_key(", mean over time")
        if any(stage_rows(reading, line) for line in reading.lines):
            keys.append(Key("thin", "another map size begins", theme.color("text_soft")))
        if reading.non_finite().any():
            keys.append(Key("hatch", "not finite", theme.color("non_finite")))
        self.legend.show_keys(tuple(keys))

    # -- time series -------------------------------------------------------------------------------------------------

    def _show_accuracy(self, reading: Reading, point: int) -> None:
        x = np.arange(len(reading.checkpoints), dtype=np.float64)
        series = (
            (reading.per_checkpoint("accuracy"), "accuracy", "widths", False),
            (1 - reading.table("error_floor")[:, point], "ceiling 1 − e", "bundles", True),
            (reading.value("bundles")[:, point], "n/N", "outline", False),
        )
        other = self.other
        second = other.series(other.reading.per_checkpoint("accuracy")) if other is not None else None
        self._draw(self.accuracy, self.keys[0], x, series, 1.0, second, "accuracy")

    def _show_loss(self, reading: Reading, point: int) -> None:
        x = np.arange(len(reading.checkpoints), dtype=np.float64)
        loss, entropy = reading.per_checkpoint("loss"), reading.table("entropy")[:, point]
        series = ((loss, "loss", "widths", False), (entropy, "floor H", "bundles", True))
        highest = reading.highest if reading.highest > 0 else 1.0
        known = loss[np.isfinite(loss)]
        second = self._second_entropy(point)
        self._draw(self.loss, self.keys[1], x, series, max(highest, float(known.max(initial=0.0))), second, "H")
        guides: tuple[Guide, ...] = (Guide("y", highest, "H(Y)"),) if reading.highest > 0 else ()
        guides += (Guide("x", float(self.look.checkpoint)),) if self.look.checkpoint >= 0 and len(x) > 1 else ()
        self.loss.show_curves(self.loss.item.curves, guides)

    def _second_entropy(self, point: int) -> tuple[Floats, Floats] | None:
        """Entropy of the second network over its checkpoints, at the point that corresponds; None for none."""
        other = self.other
        if other is None or other.points[point] < 0:
            return None
        return other.series(other.reading.table("entropy")[:, other.points[point]])

    def _draw(
        self,
        plot: CurvePlot,
        legend: Legend,
        x: Floats,
        series: tuple[tuple[Floats, str, str, bool], ...],
        top: float,
        second: tuple[Floats, Floats] | None,
        word: str,
    ) -> None:
        """Draw series, behind them one of a second network: places, values and what it is."""
        curves = tuple(Curve(x, y, hue=hue, dashed=dashed) for y, _, hue, dashed in series)
        shapes = {False: "dot", True: "ring"}
        keys = tuple(Key(shapes[d], label, self.theme.color(hue)) for _, label, hue, d in series)
        outline: tuple[Spots, ...] = ()
        if second is not None and self.other is not None and np.isfinite(second[1]).any():
            there = np.isfinite(second[1])
            curves = (Curve(second[0], second[1], hue="text"), *curves)
            outline = (Spots(second[0][there], second[1][there], hue="text", hollow=True),) if there.sum() == 1 else ()
            keys += (Key("frame", f"{self.other.name}, {word}", self.theme.color("text")),)
        legend.show_keys(keys)
        guides = (Guide("x", float(self.look.checkpoint)),) if self.look.checkpoint >= 0 and len(x) > 1 else ()
        plot.show_curves(curves, guides)
        known = [(x[np.isfinite(y)], y[np.isfinite(y)], hue, dashed) for y, _, hue, dashed in series]
        own = tuple(Spots(a, b, hue=hue, hollow=dashed) for a, b, hue, dashed in known if len(a))
        plot.show_spots((*outline, *own))
        home = ((-0.3, max(len(x) - 0.7, 0.7)), (-0.03 * top, 1.12 * top))
        if plot.home != home:
            plot.set_home(*home)

    # -- pointing ----------------------------------------------------------------------------------------------------

    def _choose(self, line: int, row: int, column: int) -> None:
        if self.reading is not None:
            self.cell_chosen.emit(column, int(self.reading.lines[line].points[row]))

    def _hover(self, line: int, row: int, column: int) -> None:
        reading = self.reading
        if reading is None or row < 0:
            self.told.emit("", ())
            return
        point = int(reading.lines[line].points[row])
        heading = f"{reading.point_words(point)} · {reading.checkpoints[column]}"
        self.told.emit(heading, self._entries(reading, column, point))

    def _entries(self, reading: Reading, column: int, point: int) -> tuple[Entry, ...]:
        return (*entries(reading, column, point), *differences(reading, self.other, column, point))

    def _point_at(self, place: tuple[float, float] | None) -> None:
        reading = self.reading
        if reading is None or place is None:
            self.told.emit("", ())
            return
        column = min(max(round(place[0]), 0), len(reading.checkpoints) - 1)
        point = self.point(reading)
        heading = f"{reading.point_words(point)} · {reading.checkpoints[column]}"
        self.told.emit(heading, self._entries(reading, column, point))


def stage_rows(reading: Reading, line: Line) -> tuple[int, ...]:
    """Rows of a map at which the map size of the network changes."""
    firsts = [stage.first for stage in reading.axis.stages[1:]]
    return tuple(int((line.points < first).sum()) for first in firsts)
