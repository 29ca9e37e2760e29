"""Widths: the channels of every layer, to be dragged; what that costs, and the network it makes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from analysis.figures import FigureSpec
from analysis.measures.widths import presets
from analysis.measures.widths.description import from_bytes
from analysis.measures.widths.text import print_widths
from analysis.problems import AnalysisError
from app.drawing.readout import Line
from app.forms.segments import Segments
from app.hints import told
from app.reading.comparing import counterpart
from app.reading.figure_comparison import with_second
from app.reading.width_channels import METHOD as SCORES
from app.reading.width_check import BUNDLES, RANK
from app.reading.width_reading import WidthReading
from app.reading.width_reference import second_layers_run
from app.reading.width_search import CONTROL, FOUND, SENSITIVITY, SHRINK
from app.theme import Theme
from app.views.base import View, menu_button
from app.widening.asking import METHOD, Asking
from app.widening.choosing import Choosing
from app.widening.editing import Editing
from app.widening.network_panel import CHECK, SAVE, NetworkPanel
from app.widening.pages import EDITED, LOGGED, PAGES, Pages
from app.widening.preset_menu import PresetMenu
from app.widening.snapshot_menu import SnapshotMenu
from app.workspace import Run, Workspace

SENTENCE = "Widths shows how many channels every layer has, lets you drag them, and says at once what that costs."
SHOWN = (METHOD, RANK, BUNDLES, CHECK, SAVE, SHRINK, SENSITIVITY, SCORES)
"""Methods whose runs are shown here."""
SEARCHED = ("LW-DNA, found", "LW-DNA, random control", "LW-DNA, widened", "LW-DNA, floor")
"""Profiles of a shrinkage that are drawn over the one that is edited."""
FIGURE_OF = {"shrink": (SHRINK, "width_ratio"), "sensitivity": (SENSITIVITY, "width_sensitivity")}


class WidthsView(View):
    """A profile with handles, its costs, presets, snapshots, and a way to a real network."""

    def __init__(self, workspace: Workspace, theme: Theme) -> None:
        super().__init__(workspace, theme, "Widths")
        self.editing = Editing(workspace, self)
        self.asking = Asking(workspace, self)
        self._read: tuple[object, WidthReading | None, str] = (None, None, "")
        self._drawn: dict[str, dict[str, int]] = {}
        self._build()
        self.editing.changed.connect(self.invalidate)
        workspace.methods_changed.connect(self.invalidate)

    # -- parts -------------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.claim = Line(self.theme, "text", "text")
        self.pages, self.choosing = Segments(PAGES, "Page", wraps=True), Choosing(self.theme)
        self.parts = parts = Pages(self.workspace, self.theme, self.editing, self.asking)
        parts.setParent(self)
        self.profile, self.line, self.check = parts.profile, parts.line, parts.check
        self.text, self.table, self.channels = parts.text, parts.table, parts.channels
        self.shrink, self.sensitivity = parts.shrink, parts.sensitivity
        self.network = NetworkPanel(self.workspace, self.theme, self.editing)
        self.presets = PresetMenu(self.workspace, self.editing, self.profile, self.choosing, self)
        self.snapshots = SnapshotMenu(self.editing, self.profile, self)
        self.editing.scores = self.asking.scores
        self._connect()
        self._lay_out()

    def _connect(self) -> None:
        parts = self.parts
        for arranged in (parts.changed, self.snapshots.changed):
            arranged.connect(self._changed)
        self.pages.chosen.connect(self.show_page)
        self.presets.used.connect(lambda: self.show_page("profile"))
        self.network.action_wanted.connect(self.action_wanted)
        self.asking.pictures_wanted.connect(lambda: self.action_wanted.emit("choose_images"))
        parts.stopped.connect(self.workspace.request_cancel)
        parts.help_wanted.connect(self.help_wanted)
        parts.view_wanted.connect(self.view_wanted)
        parts.used.connect(self.use)
        parts.group_named.connect(self._choose_group)

    def _lay_out(self) -> None:
        budget = QVBoxLayout()
        budget.setSpacing(4)
        budget.addWidget(self.profile.bars)
        target = QHBoxLayout()
        target.addWidget(self.profile.quantity)
        target.addWidget(self.profile.percent)
        target.addStretch(1)
        budget.addLayout(target)
        budget.addStretch(1)
        self.below = QWidget()
        row = QHBoxLayout(self.below)
        row.setContentsMargins(12, 6, 12, 2)
        row.setSpacing(24)
        row.addLayout(budget, 1)
        row.addWidget(self.network)
        layout = QVBoxLayout(self.content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        head = QHBoxLayout()
        head.setContentsMargins(8, 4, 8, 0)
        head.addWidget(self.claim, 1)
        head.addWidget(self.choosing)
        head.addWidget(menu_button("Presets", self.presets))
        head.addWidget(menu_button("Snapshots", self.snapshots))
        sides = QHBoxLayout()
        sides.setContentsMargins(8, 0, 8, 0)
        sides.addWidget(self.pages)
        sides.addStretch(1)
        sides.addWidget(self.shrink.scored)
        sides.addWidget(self.profile.log)
        layout.addLayout(head)
        layout.addLayout(sides)
        layout.addWidget(self.parts.stack, 1)
        layout.addWidget(self.below)
        foot = QHBoxLayout()
        foot.setContentsMargins(12, 0, 12, 6)
        foot.addWidget(self.network.said)
        layout.addLayout(foot)

    # -- showing -----------------------------------------------------------------------------------------------------

    def concerns(self, run: Run) -> bool:
        """Tell whether a run is one of those that are shown here."""
        return run.request.method in SHOWN

    def refresh(self) -> None:
        """Show the configuration as it is now."""
        run = self.asking.groups()
        if run is None or run.open or run.state != "completed":
            self.editing.take(None)
            self._show_why_empty(run)
            return
        reading, complaint = self._reading(run)
        self.editing.take(reading)
        if reading is None or not reading.handles:
            self.show_empty(complaint or _all_locked(reading))
            return
        self.show_content()
        page = self.parts.shown
        for part in (self.below, self.network.said):
            part.setVisible(page in EDITED)
        self.profile.log.setVisible(page in LOGGED)
        self.shrink.scored.setVisible(page == "shrink")
        self.editing.complete()
        self.asking.ask_scores(page)
        self.presets.left_out = self.line.blocks.left_out
        self.snapshots.searched = self._searched()
        self._draw_searched()
        self.parts.show(reading, run.result)
        self.presets.measure = str(self.sensitivity.measure.currentData())
        self.network.show_state()
        self.claim.say(self._claim(reading), "\n".join(reading.found.notes))

    def _searched(self) -> dict[str, dict[str, int]]:
        """Profiles of the newest shrinkage, by the words under which they can be drawn."""
        found = self.presets.shrunk()
        if found is None or self.editing.reading is None:
            return {}
        model = self.editing.reading.model
        rows = (found.width(FOUND), found.width(CONTROL), found.widened, found.floor)
        return {
            name: dict(presets.from_search(model, found.names, widths.astype(int).tolist()).widths)
            for name, widths in zip(SEARCHED, rows, strict=True)
            if np.isfinite(widths).all()
        }

    def _draw_searched(self) -> None:
        """Draw what a new shrinkage has found over the profile; who takes it away does not get it back."""
        searched = self.snapshots.searched
        if searched != self._drawn:
            self._drawn = searched
            for name in SEARCHED:
                self.profile.references.pop(name, None)
            self.profile.references.update(searched)

    # -- what pages ask for -----------------------------------------------------------------------------------------

    def use(self, which: str) -> None:
        """Put a configuration in from what a page shows, and show it in the profile."""
        if which == "shrink":
            self._use_shrunk()
        else:
            self.presets.use(which)

    def _use_shrunk(self) -> None:
        found = self.shrink.shrunk
        if found is not None:
            widths = found.shown(self.shrink.step).astype(int).tolist()
            make = self.presets.of_widths
            self.presets.propose("LW-DNA widths", lambda model, _budget: make(found, model, widths), offered=True)

    def show_page(self, name: str) -> None:
        """Go to a page."""
        self.pages.set_value(name)
        self.parts.shown = self.pages.value
        self._changed()

    def _choose_group(self, name: str) -> None:
        """Select a group that a page has named."""
        reading = self.editing.reading
        if reading is not None and name in {group.name for group in reading.found.groups}:
            self.editing.select((reading.found.index(name),))
            self.workspace.select_layer(name)

    def _reading(self, run: Run) -> tuple[WidthReading | None, str]:
        """Read the description of a run once."""
        if self._read[0] is not run.result:
            try:
                self._read = (run.result, WidthReading(from_bytes(run.result["description"].astype(np.uint8))), "")
            except AnalysisError as error:
                self._read = (run.result, None, str(told(error)))
        return self._read[1], self._read[2]

    def _claim(self, reading: WidthReading) -> str:
        free, locked = len(reading.handles), len(reading.found.groups) - len(reading.found.free)
        count = len(self.editing.widths)
        words = [f"{free} width groups" + (f", {locked} locked" if locked else "")]
        words.append(f"{count} changed" if count else "as it is")
        return " · ".join(words)

    def _show_why_empty(self, run: Run | None) -> None:
        workspace = self.workspace
        if workspace.model is None:
            self.show_empty(f"{SENTENCE} It needs a network.", "Open the demo")
        elif run is not None and run.open:
            self.show_empty("The channels that belong together are being found …")
        elif run is not None:
            problem = run.result.finished.problem if run.result.finished else None
            words = str(problem) if problem else "Finding the width groups was stopped."
            self.show_empty(words, "Try again")
        else:
            self.show_empty(f"{SENTENCE} It needs to know which channels are tied.", "Find the width groups")
            self.asking.ask_groups_quietly()

    def fill(self) -> None:
        """Do what the button of the empty state says."""
        if self.workspace.model is None:
            self.action_wanted.emit("open_demo")
        else:
            self.asking.ask_groups()

    def _changed(self) -> None:
        self.state_changed.emit()
        self.invalidate()

    # -- figure and state --------------------------------------------------------------------------------------------

    def figure_spec(self) -> FigureSpec | None:
        """Return what the page shows as a figure, None without a stored run."""
        method, name = FIGURE_OF.get(self.parts.shown, ("", ""))
        shown = self.asking.runs(method)[0] if method else None
        if shown is not None and shown.folder is not None:
            name = "width_scores" if method == SHRINK and self.shrink.scored.isChecked() else name
            return self._with_second(FigureSpec(name, (str(shown.folder),)), method, name)
        run = self.asking.groups()
        if run is None or run.folder is None or self.editing.reading is None:
            return None
        text = print_widths(self.editing.reading.found, self.editing.widths)
        spec = FigureSpec("widths", (str(run.folder),), (("widths", text),))
        return with_second(spec, second_layers_run(self.workspace))

    def _with_second(self, spec: FigureSpec, method: str, name: str) -> FigureSpec:
        """Add the search of the network that is compared with, and what tells which of its layers correspond."""
        second = counterpart(self.workspace, method)
        if second is None or (name == "width_sensitivity" and not self.parts.sensitivity.switch.on):
            return spec
        ours, theirs = self.asking.groups(), second_layers_run(self.workspace)
        if theirs is not None and theirs.folder is not None and ours is not None and ours.folder is not None:
            spec = replace(spec, runs=(*spec.runs, str(ours.folder)))
        return with_second(spec, second, theirs)

    def state(self) -> dict[str, Any]:
        """Return what the pages keep, and the snapshots."""
        return {**self.parts.state(), "snapshots": self.snapshots.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state` returned; what is unknown is ignored."""
        self.pages.set_value(str(state.get("page", "")))
        self.parts.shown = self.pages.value
        self.parts.restore(state)
        self.snapshots.restore(state.get("snapshots"))
        self.network.show_state()
        self.invalidate()


def _all_locked(reading: WidthReading | None) -> str:
    """Say why nothing can be dragged."""
    reasons = {group.reason: group.name for group in (reading.found.groups if reading else ()) if group.reason}
    first = [f"{name}: {reason}" for reason, name in list(reasons.items())[:3]]
    words = "; ".join(first)
    return f"No width of this network can be changed.{f' {words}.' if words else ''}"
