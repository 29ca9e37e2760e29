"""LW-DNA: the widened network as it shrinks, the widths found, and what chance and another batch find."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QScrollArea, QSplitter, QVBoxLayout, QWidget

from analysis.config import LayerSpec
from app.drawing.curves import Curve, Guide
from app.drawing.group_plot import BudgetPlot, GroupPlot, Series
from app.drawing.legend import Key
from app.drawing.readout import Entry
from app.drawing.score_plot import ScorePlot
from app.forms.side_page import definitions
from app.forms.widgets import button, label
from app.reading import numbers
from app.reading.depth import Floats
from app.reading.width_comparison import SecondShrunk
from app.reading.width_line import line_widths
from app.reading.width_reading import WidthReading
from app.reading.width_rows import by_group, by_layer
from app.reading.width_search import CONTROL, FOUND, SECOND, Shrunk
from app.theme import Theme
from app.widening.page import Page
from app.widening.shrink_costs import ShrinkCosts
from app.widening.shrink_fields import ShrinkFields
from app.workspace import Run

HINT = "Drag the line in the lower plot to shrink further or less far · point at a group for its widths"
EMPTY = (
    "LW-DNA widens the network, draws it anew, and shrinks it at one threshold on the gradients of a mini-batch. "
    "Beside the widths found stands what random scores find. It needs pictures with labels."
)
OTHERS = (
    (CONTROL, "random control", "configurations", "rings"),
    (SECOND, "second batch", "sharing", "diamonds"),
)
"""Other profiles beside what was found: row, words, colour role, style."""


class ShrinkPage(Page):
    """Widths and ratios over the groups, the budget over the threshold, and what all of them cost.

    Attributes
    ----------
    step
        Place on the trace that is looked at, -1 for the widths found.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "LW-DNA shrinkage", "lw_dna", HINT)
        self.shrunk: Shrunk | None = None
        self.second: SecondShrunk | None = None
        """The network that is compared with, set before a run is shown."""
        self.step = -1
        self.log = False
        self._result: object = None
        self.rows = by_group(())
        self._network: tuple[WidthReading | None, tuple[LayerSpec, ...]] = (None, ())
        self._line: tuple[object, Floats] = (None, np.empty(0))
        self._scores: tuple[object, Floats, tuple[Floats, ...]] = (None, np.empty((2, 0)), ())
        self._make_fields()
        self.widths = GroupPlot(theme, "Widths found by LW-DNA", "width (channels)")
        self.ratios = GroupPlot(theme, "Widths found by original widths", "found / original", named=True)
        self.budget = BudgetPlot(theme)
        self.budget.guide_moved.connect(self._move)
        self.costs = ShrinkCosts(self.use)
        self.sorted = ScorePlot(theme)
        for plot in (self.widths, self.ratios):
            plot.group_hovered.connect(self._point)
            plot.group_clicked.connect(self._choose)
            plot.menu_wanted.connect(self.show_menu)
        self.budget.menu_wanted.connect(self.show_menu)
        self._lay_out()

    # -- parts -------------------------------------------------------------------------------------------------------

    def _make_fields(self) -> None:
        self.asked = ShrinkFields()
        self.scored = QCheckBox("scores")
        self.scored.setToolTip("Draw in place of widths and ratios the scores that the threshold cuts")
        self.layered = QCheckBox("every layer")
        self.layered.setToolTip(
            "One bar per convolution, tied ones repeated as in the published figures; else per group"
        )
        for switch in (self.scored, self.layered):
            switch.toggled.connect(lambda _on: self.changed.emit())
        self.run = button(
            "Shrink",
            lambda: self.measured.emit(self.asked.wanted()),
            "primary",
            "Widen, score one mini-batch, search the threshold",
        )
        self.use = button("Use as preset", lambda: self.used.emit("shrink"), "", "One step that can be undone")
        self.claim_row.addWidget(self.layered)
        self.asked.first.add(self.run, pushed=True)
        self.body.insertWidget(self.body.indexOf(self.fields), self.asked)

    def _lay_out(self) -> None:
        below = QWidget()
        row = QHBoxLayout(below)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.budget, 1)
        row.addWidget(self.costs)
        self.halves = QSplitter(Qt.Orientation.Vertical)
        self.halves.setHandleWidth(3)
        self.halves.setChildrenCollapsible(False)
        for plot in (self.widths, self.ratios, self.sorted, below):
            self.halves.addWidget(plot)
            plot.setMinimumHeight(110)
        self.ratios.setMinimumHeight(150)  # the names below it take half of that
        self.halves.setSizes([130, 180, 180, 170])
        self.area = QScrollArea()  # a low window cannot show all plots, and none must be squeezed
        self.area.setWidget(self.halves)
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setAccessibleName("What the shrinkage found")
        self.area.hide()
        self.note = label("", "soft", wrap=True)
        self.note.setAlignment(Qt.AlignmentFlag.AlignCenter)
        middle = QVBoxLayout()
        middle.setContentsMargins(80, 0, 80, 0)
        middle.addWidget(self.note, 1)
        self.body.addWidget(self.area, 1)
        self.body.addLayout(middle, 0)

    # -- showing -----------------------------------------------------------------------------------------------------

    def read(self, reading: WidthReading, layers: tuple[LayerSpec, ...]) -> None:
        """Take the network whose groups a run is about."""
        self._network = (reading, layers)

    def show_run(self, run: Run | None, waiting: Run | None, log: bool = False) -> None:
        """Draw a run as far as it has come, None for none; widths on an axis of powers of two if `log`."""
        self.log = log
        self.strip.show_run(waiting or run)
        self.run.setEnabled(waiting is None)
        if run is not None and run.result is not self._result:
            self._result, self.step = run.result, -1
        self.shrunk = Shrunk(run.result) if run is not None else None
        self.area.setVisible(self.shrunk is not None)
        self.note.setVisible(self.shrunk is None)
        self.note.setText(EMPTY)
        self.readout.setVisible(self.shrunk is not None)
        if self.shrunk is None:
            self.claim.say("")
            self.legend.show_keys(())
            return
        self._draw(self.shrunk)

    def _draw(self, shrunk: Shrunk) -> None:
        found, scored, reading = self.step < 0, self.scored.isChecked(), self._network[0]
        layered = self.layered.isChecked() and reading is not None
        self.rows = by_layer(reading, shrunk.names) if layered and reading is not None else by_group(shrunk.names)
        self.sorted.setVisible(scored)
        self.ratios.setVisible(not scored)
        if scored:
            self._draw_scores(shrunk)
        else:
            self._draw_widths(shrunk, found)
            self._draw_ratios(shrunk)
        self._show_keys(found)
        self._show_budget(shrunk)
        self.costs.show_costs(shrunk)
        self.use.setEnabled(bool(np.isfinite(shrunk.shown(self.step)).all()))
        self.use.setText("Use as preset" if found else "Use these widths")
        self.claim.say(" · ".join(part for part in (self.why_not, shrunk.claim()) if part))

    def _draw_widths(self, shrunk: Shrunk, found: bool) -> None:
        words, of = "found" if found else "at this threshold", self.rows.widths
        widths = (
            Series("widened", "outline", of(shrunk.widened)),
            Series("floor", "cost", of(shrunk.floor), "dashed"),
            Series(words, "widths", of(shrunk.shown(self.step)), "bars"),
            Series("original", "text", of(shrunk.original)),
            Series("linear rule", "accent", of(self._on_line(shrunk)), "dashed"),
            *(Series(name, hue, of(shrunk.width(row)), style) for row, name, hue, style in OTHERS),
        )
        self.widths.set_title("width (channels)")
        self.widths.show_series(widths, self.rows.names, log=2.0 if self.log else 0.0)

    def _on_line(self, shrunk: Shrunk) -> Floats:
        """Widths of the linear rule at the multiply-adds of what was found, (group,); NaN where there is no line."""
        reading, layers = self._network
        macs = shrunk.costs()[2].macs
        key = (id(reading), id(layers), macs, shrunk.names)
        if key != self._line[0]:
            known = reading is not None and np.isfinite(macs)
            nothing = np.full(len(shrunk.names), np.nan)
            found = line_widths(reading, layers, shrunk.names, int(macs)) if reading and known else nothing
            self._line = (key, found)
        return self._line[1]

    def _draw_scores(self, shrunk: Shrunk) -> None:
        """Draw what explains the profile: the threshold is one for all groups, their scores are not."""
        if self._scores[0] is not shrunk.result or not np.isfinite(self._scores[1]).all():
            self._scores = (shrunk.result, shrunk.score_spread(), shrunk.sorted_scores())
        low, high = (self.rows.firsts(end) for end in self._scores[1])
        mean, threshold = self.rows.firsts(shrunk.mean_score), shrunk.threshold_at(self.step)
        scores = (Series("", "rank", mean, "none", low, high), Series("mean score", "rank", mean, "rings"))
        self.widths.set_title("score")
        self.widths.show_series(scores, self.rows.names, threshold, log=10.0)
        self.sorted.show_scores(self._scores[2], threshold)

    def _draw_ratios(self, shrunk: Shrunk) -> None:
        original, shown, second = shrunk.original, shrunk.shown(self.step), self.second

        def of(values: Floats) -> Floats:
            return self.rows.ratios(values, original)

        with np.errstate(divide="ignore", invalid="ignore"):
            share = of(shown / original)
            lowest = self.rows.widths(shown) <= self.rows.widths(shrunk.floor)
        mean, spread = of(shrunk.chance[0]), self.rows.spreads(shrunk.chance[1], original)
        ratios = (
            *((Series(second.name, "outline", of(second.ratio), "steps"),) if second is not None else ()),
            Series("", "configurations", mean, "none", mean - 2 * spread, mean + 2 * spread),
            Series("", "widths", share, "bars", under="bundles", hatched=lowest),
            *(Series(name, hue, of(shrunk.ratio(row)), style) for row, name, hue, style in OTHERS),
        )
        beta = float(np.nanmax(shrunk.widened / shrunk.original))
        beta = max(beta, float(np.nan_to_num(second.ratio).max(initial=0.0)) if second is not None else 0.0)
        self.ratios.show_series(ratios, self.rows.names, 1.0, 1.08 * beta)

    def _show_keys(self, found: bool) -> None:
        color = self.theme.color
        band, scored = color("configurations"), color("rank")
        for faint in (band, scored):
            faint.setAlphaF(0.3)
        above: tuple[Key, ...] = (
            Key("bar", "found" if found else "at this threshold", color("widths")),
            Key("bar", "below the original", color("bundles")),
            Key("hatch", "at its floor", color("cost")),
            Key("dash", "original", color("text")),
            Key("dash", "widened", color("outline")),
            Key("dash", "floor", color("cost")),
            Key("dash", "linear rule, same MACs", color("accent")),
            Key("ring", "random control", color("configurations")),
            Key("bar", "chance ± 2 s.d.", band),
            Key("ring", "second batch", color("sharing")),
        )
        if self.scored.isChecked():
            above = (
                Key("ring", "mean score", color("rank")),
                Key("bar", "80 % of the scores", scored),
                Key("dash", "threshold", color("text_soft")),
                Key("dash", "floor", color("cost")),
            )
        self.legend.show_keys(
            (
                *above,
                Key("dash", "MACs", color("text_soft")),
                Key("dash", "parameters", color("rank")),
                Key("dash", "target", color("widths")),
                *((Key("dash", f"{self.second.name}, below", color("outline")),) if self.second is not None else ()),
            )
        )

    def _show_budget(self, shrunk: Shrunk) -> None:
        thresholds = shrunk.thresholds
        known = np.isfinite(thresholds) & (thresholds > 0)
        x = np.log10(np.where(known, thresholds, np.nan))
        curves = (
            *self._second_trace(),
            Curve(x, shrunk.trace("macs"), hue="text_soft"),
            Curve(x, shrunk.trace("parameters"), hue="rank"),
        )
        at = self._guide_place(shrunk)
        guides: tuple[Guide, ...] = (Guide("y", 100.0, "original"),)
        if np.isfinite(shrunk.target):
            guides += (Guide("y", shrunk.target, hue="widths"),)
        if np.isfinite(shrunk.floor_cost):
            guides += (Guide("y", shrunk.floor_cost, hue="cost"),)
        if np.isfinite(at):
            guides += (Guide("x", at, "threshold", movable=True, hue="accent"),)
        self.budget.show_curves(curves, guides)
        if known.any():
            top = float(np.nanmax([np.nanmax(curve.y) for curve in curves]))
            home = ((float(np.nanmin(x)), float(np.nanmax(x))), (0.0, 1.1 * top))
            if self.budget.home != home:
                self.budget.set_home(*home)

    def _second_trace(self) -> tuple[Curve, ...]:
        """Multiply-adds of the second network as it shrinks, in percent of its own original; () for none."""
        if self.second is None:
            return ()
        theirs = self.second.shrunk
        x = np.log10(np.where(theirs.thresholds > 0, theirs.thresholds, np.nan))
        return (Curve(x, theirs.trace("macs"), hue="outline"),)

    def _guide_place(self, shrunk: Shrunk) -> float:
        place = self.step if self.step >= 0 else shrunk.step
        threshold = float(shrunk.result["threshold"][FOUND]) if self.step < 0 else float("nan")
        threshold = threshold if np.isfinite(threshold) else float(shrunk.thresholds[place]) if place >= 0 else 0.0
        return float(np.log10(threshold)) if threshold > 0 else float("nan")

    # -- gestures ----------------------------------------------------------------------------------------------------

    def _move(self, exponent: float, _end: bool) -> None:
        """Look at another threshold; near the one that was found, at what was found."""
        shrunk = self.shrunk
        if shrunk is None:
            return
        self.step = shrunk.nearest(exponent)
        threshold = float(shrunk.result["threshold"][FOUND])
        if threshold > 0 and self.step == shrunk.nearest(float(np.log10(threshold))):
            self.step = -1
        self._draw(shrunk)

    def _choose(self, row: int) -> None:
        if self.shrunk is not None:
            self.group_chosen.emit(self.shrunk.names[self.rows.place_of(row)])

    def _point(self, row: int) -> None:
        shrunk, place = self.shrunk, self.rows.place_of(row)
        for plot in (self.widths, self.ratios):
            plot.select(row)
        self.sorted.choose(place)
        if shrunk is None or place < 0:
            self.readout.show_entries("", ())
            return
        now, chance = shrunk.shown(self.step)[place], shrunk.chance[0][place]
        ratio = definitions("width_ratio", "width_chance")
        entries = [
            _entry("original", shrunk.original[place], "text_soft", "width"),
            _entry("widened", shrunk.widened[place], "outline", "widened_width"),
            _entry("floor", shrunk.floor[place], "cost", "floor_width"),
            _entry("found" if self.step < 0 else "here", now, "widths", "found_width"),
            Entry(
                "ratio", f"{now / shrunk.original[place]:.2f}, by chance {chance:.2f}", "widths", ratio, "width_ratio"
            ),
            _entry("random control", shrunk.width(CONTROL)[place], "configurations", "control_width"),
            _entry("mean score", shrunk.mean_score[place], "text_soft", "latent_score"),
        ]
        if self.second is not None:
            theirs = float(self.second.ratio[place])
            gain = numbers.signed(float(now / shrunk.original[place]) - theirs, 2)
            words = f"ratio {theirs:.2f} ({gain})" if theirs == theirs else "has no group that corresponds"
            entries.append(Entry(self.second.name, words, "outline", ratio, "compared"))
        self.readout.show_entries(shrunk.names[place], tuple(entries))

    def state(self) -> dict[str, Any]:
        """Return what is asked, and what is drawn."""
        drawn = {"scores": self.scored.isChecked(), "layers": self.layered.isChecked()}
        return {**self.asked.state(), **drawn}

    def restore(self, state: Any) -> None:
        """Take over what :meth:`state` returned; what is unknown is ignored."""
        self.asked.restore(state)
        for name, switch in (("scores", self.scored), ("layers", self.layered)):
            switch.setChecked(isinstance(state, dict) and state.get(name) is True)


def _entry(words: str, value: float, hue: str, name: str) -> Entry:
    return Entry(words, numbers.short(float(value)), hue, term=name)
