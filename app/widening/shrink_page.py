"""LW-DNA: the widened network as it shrinks, the widths found, and what chance and another batch find."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QGridLayout, QHBoxLayout, QLabel, QSplitter, QVBoxLayout, QWidget

from analysis.catalogue import Value
from app.drawing.curves import Curve, Guide
from app.drawing.group_plot import BudgetPlot, GroupPlot, Series
from app.drawing.readout import Entry, Key
from app.forms.side_page import definitions
from app.forms.widgets import button, label
from app.reading import numbers
from app.reading.depth import Floats
from app.reading.glossary import TERMS
from app.reading.width_search import CONTROL, FOUND, SECOND, CostRow, Shrunk
from app.theme import Theme
from app.widening.page import Page, choice_field, number_field
from app.workspace import Run

COUNTS = (("macs", "MACs"), ("table", "as published"))
CRITERIA = (
    ("grad", "gradient of latents"),
    ("latent_magnitude", "size of latents"),
    ("random", "chance"),
    ("uniform", "all alike"),
)
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
HEADS = (
    ("", ""),
    ("MACs", "Multiply-adds of convolutions and linear layers, ours"),
    ("published", "Operations as the published tables count them: also 2 per output of batch norm, and 1 per ReLU"),
    ("parameters", "All trained numbers"),
    ("r", "Correlation of the width ratios with those found"),
)
ROWS = 5
CHANCE = (
    "Keep probability: with which every element would be kept by chance at this budget. Chi-square: how far the counts "
    "found are from that, about the number of latents if the profile were chance"
)


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
        self.step = -1
        self.log = False
        self._result: object = None
        self._spread: tuple[object, Floats] = (None, np.empty((2, 0)))
        self._make_fields()
        self.widths = GroupPlot(theme, "Widths found by LW-DNA", "width (channels)")
        self.ratios = GroupPlot(theme, "Widths found by original widths", "found / original", named=True)
        self.budget = BudgetPlot(theme)
        self.budget.guide_moved.connect(self._move)
        self.costs = QWidget()
        self.cells: list[list[QLabel]] = []
        self._make_costs()
        for plot in (self.widths, self.ratios):
            plot.group_hovered.connect(self._point)
            plot.group_clicked.connect(self._choose)
            plot.menu_wanted.connect(self.show_menu)
        self.budget.menu_wanted.connect(self.show_menu)
        self._lay_out()

    # -- parts -------------------------------------------------------------------------------------------------------

    def _make_fields(self) -> None:
        self.beta = number_field(1, 8, 2)
        self.target = number_field(1, 6400, 95, " %", 1)
        self.count, self.criterion = choice_field(COUNTS), choice_field(CRITERIA)
        self.scored = QCheckBox("scores")
        self.scored.setToolTip("Draw above, in place of widths, the scores that the threshold cuts")
        self.scored.toggled.connect(lambda _on: self.changed.emit())
        self.run = button("Shrink", self._ask, "primary", "Widen, score one mini-batch, search the threshold")
        self.use = button("Use as preset", lambda: self.used.emit("shrink"), "", "One step that can be undone")
        self.add_field("widen by", self.beta, "Width multiplier β of the search space")
        self.add_field("budget", self.target, "Share of what the network costs now")
        self.add_field("of", self.count, "What the budget counts")
        self.add_field("scores", self.criterion, "What says which channels stay")
        self.fields.addStretch(1)
        self.fields.addWidget(self.run)

    def _make_costs(self) -> None:
        grid = QGridLayout(self.costs)
        grid.setContentsMargins(8, 4, 12, 4)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(1)
        for column, (words, tip) in enumerate(HEADS):
            head = label(words, "small")
            head.setToolTip(tip)
            grid.addWidget(head, 0, column, Qt.AlignmentFlag.AlignRight)
        for row in range(1, ROWS + 1):
            cells = [label("", "small") for _ in HEADS]
            for column, cell in enumerate(cells):
                side = Qt.AlignmentFlag.AlignLeft if column == 0 else Qt.AlignmentFlag.AlignRight
                grid.addWidget(cell, row, column, side)
            self.cells.append(cells)
        self.by_chance = label("", "small")
        self.by_chance.setToolTip(CHANCE)
        grid.addWidget(self.by_chance, ROWS + 1, 0, 1, len(HEADS))
        grid.setRowStretch(ROWS + 2, 1)
        grid.addWidget(self.use, ROWS + 3, 0, 1, len(HEADS), Qt.AlignmentFlag.AlignRight)

    def _lay_out(self) -> None:
        below = QWidget()
        row = QHBoxLayout(below)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.budget, 1)
        row.addWidget(self.costs)
        self.halves = QSplitter(Qt.Orientation.Vertical)
        self.halves.setHandleWidth(3)
        self.halves.setChildrenCollapsible(False)
        for plot in (self.widths, self.ratios, below):
            self.halves.addWidget(plot)
            plot.setMinimumHeight(110)
        self.halves.setSizes([130, 180, 170])
        self.note = label("", "soft", wrap=True)
        self.note.setAlignment(Qt.AlignmentFlag.AlignCenter)
        middle = QVBoxLayout()
        middle.setContentsMargins(80, 0, 80, 0)
        middle.addWidget(self.note, 1)
        self.body.addWidget(self.halves, 1)
        self.body.addLayout(middle, 0)

    # -- showing -----------------------------------------------------------------------------------------------------

    def show_run(self, run: Run | None, waiting: Run | None, log: bool = False) -> None:
        """Draw a run as far as it has come, None for none; widths on an axis of powers of two if `log`."""
        self.log = log
        self.strip.show_run(waiting or run)
        self.run.setEnabled(waiting is None)
        if run is not None and run.result is not self._result:
            self._result, self.step = run.result, -1
        self.shrunk = Shrunk(run.result) if run is not None else None
        self.halves.setVisible(self.shrunk is not None)
        self.note.setVisible(self.shrunk is None)
        self.note.setText(EMPTY)
        self.readout.setVisible(self.shrunk is not None)
        if self.shrunk is None:
            self.claim.say("")
            self.legend.show_keys(())
            return
        self._draw(self.shrunk)

    def _draw(self, shrunk: Shrunk) -> None:
        found = self.step < 0
        if self.scored.isChecked():
            self._draw_scores(shrunk)
        else:
            self._draw_widths(shrunk, found)
        self._draw_ratios(shrunk)
        self._show_keys(found)
        self._show_budget(shrunk)
        for cells, cost in zip(self.cells, shrunk.costs(), strict=True):
            for cell, text in zip(cells, cost_texts(cost, shrunk.costs()[0]), strict=True):
                cell.setText(text)
        self.by_chance.setText(shrunk.chance_words())
        self.use.setEnabled(bool(np.isfinite(shrunk.shown(self.step)).all()))
        self.use.setText("Use as preset" if found else "Use these widths")
        self.claim.say(shrunk.claim())

    def _draw_widths(self, shrunk: Shrunk, found: bool) -> None:
        words = "found" if found else "at this threshold"
        widths = (
            Series("widened", "outline", shrunk.widened),
            Series("floor", "cost", shrunk.floor, "dashed"),
            Series(words, "widths", shrunk.shown(self.step), "bars"),
            Series("original", "text", shrunk.original),
            *(Series(name, hue, shrunk.width(row), style) for row, name, hue, style in OTHERS),
        )
        self.widths.set_title("width (channels)")
        self.widths.show_series(widths, shrunk.names, log=2.0 if self.log else 0.0)

    def _draw_scores(self, shrunk: Shrunk) -> None:
        """Draw what explains the profile: the threshold is one for all groups, their scores are not."""
        if self._spread[0] is not shrunk.result or not np.isfinite(self._spread[1]).all():
            self._spread = (shrunk.result, shrunk.score_spread())
        low, high = self._spread[1]
        mean = shrunk.mean_score
        scores = (Series("", "rank", mean, "none", low, high), Series("mean score", "rank", mean, "rings"))
        self.widths.set_title("score")
        self.widths.show_series(scores, shrunk.names, shrunk.threshold_at(self.step), log=10.0)

    def _draw_ratios(self, shrunk: Shrunk) -> None:
        with np.errstate(divide="ignore", invalid="ignore"):
            share = shrunk.shown(self.step) / shrunk.original
        mean, spread = shrunk.chance
        ratios = (
            Series("", "configurations", mean, "none", mean - 2 * spread, mean + 2 * spread),
            Series("", "widths", share, "bars"),
            *(Series(name, hue, shrunk.ratio(row), style) for row, name, hue, style in OTHERS),
        )
        beta = float(np.nanmax(shrunk.widened / shrunk.original))
        self.ratios.show_series(ratios, shrunk.names, 1.0, 1.08 * beta)

    def _show_keys(self, found: bool) -> None:
        color = self.theme.color
        band, scored = color("configurations"), color("rank")
        for faint in (band, scored):
            faint.setAlphaF(0.3)
        above: tuple[Key, ...] = (
            Key("dash", "original", color("text")),
            Key("dash", "widened", color("outline")),
            Key("dash", "floor", color("cost")),
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
                Key("bar", "found" if found else "at this threshold", color("widths")),
                *above,
                Key("ring", "random control", color("configurations")),
                Key("bar", "chance ± 2 s.d.", band),
                Key("ring", "second batch", color("sharing")),
                Key("dash", "MACs", color("text_soft")),
                Key("dash", "parameters", color("rank")),
                Key("dash", "target", color("widths")),
            )
        )

    def _show_budget(self, shrunk: Shrunk) -> None:
        thresholds = shrunk.thresholds
        known = np.isfinite(thresholds) & (thresholds > 0)
        x = np.log10(np.where(known, thresholds, np.nan))
        curves = (
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

    def _choose(self, place: int) -> None:
        if self.shrunk is not None:
            self.group_chosen.emit(self.shrunk.names[place])

    def _point(self, place: int) -> None:
        shrunk = self.shrunk
        for plot in (self.widths, self.ratios):
            plot.select(place)
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
            Entry("ratio", f"{now / shrunk.original[place]:.2f}, by chance {chance:.2f}", "widths", ratio),
            _entry("random control", shrunk.width(CONTROL)[place], "configurations", "control_width"),
            _entry("mean score", shrunk.mean_score[place], "text_soft", "latent_score"),
        ]
        self.readout.show_entries(shrunk.names[place], tuple(entries))

    def _ask(self) -> None:
        wanted: dict[str, Value] = {
            "beta": self.beta.value(),
            "target": round(self.target.value() / 100, 4),
            "count": str(self.count.currentData()),
            "criterion": str(self.criterion.currentData()),
        }
        usual: dict[str, Value] = {"beta": 2.0, "target": 0.95, "count": "macs", "criterion": "grad"}
        self.measured.emit({name: value for name, value in wanted.items() if value != usual[name]})

    def state(self) -> dict[str, Any]:
        """Return what is asked."""
        return {"beta": self.beta.value(), "target": self.target.value(), "scores": self.scored.isChecked()}

    def restore(self, state: Any) -> None:
        """Take over what :meth:`state` returned; what is unknown is ignored."""
        for name, field in (("beta", self.beta), ("target", self.target)):
            value = state.get(name) if isinstance(state, dict) else None
            if isinstance(value, (int, float)):
                field.setValue(float(value))
        self.scored.setChecked(isinstance(state, dict) and state.get("scores") is True)


def _entry(words: str, value: float, hue: str, name: str) -> Entry:
    return Entry(words, numbers.short(float(value)), hue, TERMS[name].definition)


def cost_texts(row: CostRow, original: CostRow) -> tuple[str, ...]:
    """Texts of a row: both counts with their share of the original's, parameters, likeness."""
    texts = [row.name]
    for name in ("macs", "published", "parameters"):
        value, whole = getattr(row, name), getattr(original, name)
        share = f" {100 * value / whole:.0f} %" if row.name != original.name and whole > 0 and value == value else ""
        texts.append(numbers.short(value) + share)
    return (*texts, f"{row.likeness:.2f}".replace("-", "−") if row.likeness == row.likeness else "")
