"""Starting points for a configuration, each put in as one step that can be undone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMenu, QWidget

from analysis.config import LayerSpec
from analysis.measures.widths import fitting, presets, sensitivity, straight
from analysis.measures.widths.costs import CostModel
from analysis.measures.widths.fitting import Budget, Proposal
from analysis.measures.widths.sensitivity import Steps
from analysis.problems import AnalysisError
from app.hints import told
from app.reading.width_reading import WidthReading, base_edits
from app.reading.width_runs import newest
from app.reading.width_search import FOUND, SENSITIVITY, SHRINK, Sensitivity, Shrunk
from app.widening.choosing import Choosing
from app.widening.editing import Editing
from app.widening.profile_page import ProfilePage
from app.workspace import Run, Workspace

FACTORS = (0.25, 0.5, 0.75, 1.25, 1.5, 2.0)
WORDS = {"parameters": "parameters", "macs": "MACs", "activation_bytes": "activations", "file": "file size"}
"""Units of a budget."""
Make = Callable[[CostModel, Budget], Proposal | Steps]
"""Proposes a configuration at once, or bit by bit."""


class PresetMenu(QMenu):
    """Presets, filled when it opens.

    Attributes
    ----------
    told
        What was proposed last.
    choosing
        Works out what takes time.
    measure
        What sensitivities are added up in: "accuracy" or "loss".
    left_out
        Blocks that the linear rule leaves as they are.
    """

    used = Signal()
    """A configuration that a page offered has been put in."""

    def __init__(
        self, workspace: Workspace, editing: Editing, page: ProfilePage, choosing: Choosing, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.workspace, self.editing, self.page, self.choosing = workspace, editing, page, choosing
        choosing.failed.connect(self._complain)
        self.told: Proposal | None = None
        self.measure = "accuracy"
        self.left_out: frozenset[str] = frozenset()
        self._seed = 0
        self.setToolTipsVisible(True)
        self.aboutToShow.connect(self.fill)

    def fill(self) -> None:
        """Offer what can be computed now."""
        self.clear()
        self.addAction("Original widths", lambda: self.editing.put({}, "original widths"))
        every = self.addMenu("Multiply every width")
        for factor in FACTORS:
            every.addAction(f"× {factor:g}", partial(self.multiply, factor))
        unit, share = self.page.target
        self.addSection(f"Keep the target: {100 * share:.4g} % of the {WORDS[unit]}")
        self._offer("Uniform multiplier", self._uniform)
        self._offer("Straighten: the linear rule of ReXNet", self._straighten)
        self._offer("From effective rank", self._from_ranks, self._lacks("feature_rank", "effective_rank"))
        self._offer("From conflicting layers", self._from_conflicts, self._lacks("conflicting_bundles", "entropy"))
        self._offer("Least sensitive first, greedy", self._greedy, self._lacks_sensitivity())
        many = self._lacks_sensitivity() or self._too_many()
        self._offer("Least sensitive first, exact", self._exact, many)
        self._offer("Random control", self._random)
        self.addSection("With a budget of their own")
        self._offer("LW-DNA widths", self._shrunk, "" if self.shrunk() else "Shrink on the page Shrink first")

    def _offer(self, words: str, make: Make, lacks: str = "") -> None:
        action = self.addAction(words, lambda: self.propose(words, make))
        action.setEnabled(not lacks)
        action.setToolTip(lacks)

    def _lacks(self, method: str, output: str) -> str:
        return "" if self._measured(method, output) else f"Measure {method.replace('_', ' ')} first"

    def _lacks_sensitivity(self) -> str:
        found = self.sensitivity()
        return "" if found is not None and found.done else "Measure on the page Sensitivity first"

    def _too_many(self) -> str:
        found = self.sensitivity()
        most = sensitivity.MOST_EXACT
        many = found is not None and found.free(self.editing.rules.locked) > most
        return f"More than {most} groups that are not locked" if many else ""

    def shrunk(self) -> Shrunk | None:
        """Newest finished shrinkage of the network as it is."""
        run = newest(self.workspace, SHRINK, base_edits(self.workspace.edits))
        return Shrunk(run.result) if run is not None and run.state == "completed" else None

    def sensitivity(self) -> Sensitivity | None:
        """Newest sensitivities of the network as it is, as far as they have come."""
        run = newest(self.workspace, SENSITIVITY, base_edits(self.workspace.edits))
        return Sensitivity(run.result) if run is not None else None

    def layers(self) -> tuple[LayerSpec, ...]:
        """Rows of the network in call order."""
        return self.workspace.layers

    # -- what they propose -------------------------------------------------------------------------------------------

    def use(self, which: str) -> None:
        """Propose what a page asks for: "straight", "greedy" or "exact"."""
        ways: dict[str, Make] = {"straight": self._straighten, "greedy": self._greedy, "exact": self._exact}
        words = {"straight": "straighten", "greedy": "least sensitive, greedy", "exact": "least sensitive, exact"}
        self.propose(words[which], ways[which], offered=True)

    def multiply(self, factor: float) -> None:
        """Multiply every width, whatever it costs."""
        rounding = self.editing.rules.rounding
        self.propose(f"widths × {factor:g}", lambda model, _budget: presets.uniform(model, factor, rounding))

    def propose(self, words: str, make: Make, offered: bool = False) -> None:
        """Compute a configuration and put it in as one step; what takes time comes later.

        Parameters
        ----------
        words
            What the step is called.
        make
            Proposes it.
        offered
            True if a page has offered it.
        """
        reading = self.editing.reading
        self.told = None
        self.choosing.stop()
        if reading is None:
            return
        try:
            made = make(reading.model, fitting.own_budget(reading.model, *self.page.target))
        except AnalysisError as error:
            self._complain(error)
            return
        take = partial(self._put, words, offered)
        if isinstance(made, Proposal):
            take(made)
        else:
            self.choosing.start("Choosing what to narrow", made, take, partial(self._still_shows, reading))

    def _still_shows(self, reading: WidthReading) -> bool:
        return self.editing.reading is reading

    def _put(self, words: str, offered: bool, proposal: Proposal) -> None:
        self.told = proposal
        self.editing.put(proposal.widths, words)
        self.page.set_note(proposal.notes)
        if offered:
            self.used.emit()

    def _complain(self, error: AnalysisError) -> None:
        self.workspace.raise_problem(told(error))

    def _uniform(self, model: CostModel, budget: Budget) -> Proposal:
        return presets.uniform_to(model, budget, self.editing.rules.rounding)

    def _straighten(self, model: CostModel, budget: Budget) -> Proposal:
        found = straight.straighten(model, self.layers(), budget, self.editing.rules.rounding, self.left_out)
        before, after = found.before, found.line
        words = (
            f"Line through {len(found.rungs)} blocks: R² {before.r2:.3f} → {after.r2:.3f}, "
            f"{after.slope:.3g} channels per block, largest distance {after.deviation:.3g}."
        )
        flagged = [row for row in straight.audit(self.layers()) if row.flags]
        counted = Counter(flag for row in flagged for flag in row.flags)
        seen = ", ".join(f"{flag}: {count}" for flag, count in counted.items())
        more = (f"Audit of the original: {seen}.",) if seen else ()
        # What kind of answer it is comes before how it was found.
        notes = sorted(found.proposal.notes, key=lambda note: not note.startswith("A proposal"))
        return replace(found.proposal, notes=(words, *notes, *more))

    def _from_ranks(self, model: CostModel, budget: Budget) -> Proposal:
        ranks = self._measured("feature_rank", "effective_rank")
        return presets.from_ranks(model, self.layers(), ranks, budget, self.editing.rules.rounding)

    def _from_conflicts(self, model: CostModel, budget: Budget) -> Proposal:
        found = self._measured("conflicting_bundles", "entropy")
        rounding = self.editing.rules.rounding
        return presets.from_conflicts(model, self.layers(), found, budget, rounding=rounding)

    def _random(self, model: CostModel, budget: Budget) -> Proposal:
        self._seed += 1
        return presets.at_random(model, budget, self._seed, rounding=self.editing.rules.rounding)

    def _shrunk(self, model: CostModel, _budget: Budget) -> Proposal:
        found = self.shrunk()
        if found is None:
            raise AnalysisError("Nothing has been shrunk yet.", "Shrink on the page Shrink first.", "presets")
        return self.of_widths(found, model, found.width(FOUND).astype(int).tolist())

    def of_widths(self, found: Shrunk, model: CostModel, widths: list[int]) -> Proposal:
        """Take over widths of a shrinkage; what it says about chance comes along."""
        proposal = presets.from_search(
            model, found.names, widths, rounding=self.editing.rules.rounding, floors=found.floor.tolist()
        )
        return replace(proposal, notes=(found.claim(), *proposal.notes))

    def _greedy(self, model: CostModel, budget: Budget) -> Steps:
        return self._least(model, budget, sensitivity.greedy_steps)

    def _exact(self, model: CostModel, budget: Budget) -> Steps:
        return self._least(model, budget, sensitivity.exact_steps)

    def _least(self, model: CostModel, budget: Budget, choose: Callable[..., Steps]) -> Steps:
        """Narrow what hurts least; losses are added up in what is shown on the page of sensitivities."""
        found, measure = self.sensitivity(), self.measure
        if found is None:
            raise AnalysisError("No sensitivity is measured.", "Measure on the page Sensitivity first.", "presets")
        names = [name for name in found.names if name not in self.editing.rules.locked]
        rows = [place for place, name in enumerate(found.names) if name in names]
        widths, losses = found.widths[rows].astype(np.int64), found.losses(measure)[rows]
        proposal = yield from choose(model, names, widths, losses, budget)
        if not proposal.widths and proposal.gap >= 0:
            raise AnalysisError("The network keeps the target as it is.", "Set the target below 100 %.", "target")
        unit = "points of accuracy" if measure == "accuracy" else "nats of cross-entropy"
        words = f"{len(proposal.widths)} groups narrowed, single losses add up to {proposal.scale:.3g} {unit}."
        return replace(proposal, notes=(*proposal.notes, words.replace("-", "−")))

    def _measured(self, method: str, output: str) -> dict[str, float]:
        """One number per layer of the newest run about the network before its widths are edited; empty for none."""
        run = self._finished(method, output)
        if run is None:
            return {}
        values = np.asarray(run.result[output], dtype=np.float64)
        values = values.reshape(-1, values.shape[-1])[-1] if values.ndim > 1 else values
        if len(values) != len(run.result.layers):
            return {}
        return {layer.name: float(value) for layer, value in zip(run.result.layers, values, strict=True)}

    def _finished(self, method: str, output: str) -> Run | None:
        """Find the newest completed run; one of several checkpoints where there is none of the shown weights alone."""
        workspace, base = self.workspace, base_edits(self.workspace.edits)
        fits = [
            run
            for run in workspace.runs.values()
            if run.request.method == method and run.state == "completed" and run.request.edits == base
        ]
        own = [run for run in fits if run.request.model == workspace.shown_model]
        series = workspace.latest_series(method)
        found = max(own, key=lambda run: (run.began, run.number), default=series if series in fits else None)
        return found if found is not None and output in found.result else None
