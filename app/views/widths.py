"""Widths: the channels of every layer, to be dragged; what that costs, and the network it makes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from analysis.figures import FigureSpec
from analysis.measures.widths.description import from_bytes
from analysis.measures.widths.text import print_widths
from analysis.problems import AnalysisError
from analysis.request import Request
from app.drawing.readout import Line
from app.forms.head import Head
from app.reading.width_reading import WidthReading, base_edits
from app.theme import Theme
from app.views.base import Segments, View, menu_button
from app.widening.editing import Editing
from app.widening.network_panel import NetworkPanel
from app.widening.preset_menu import PresetMenu
from app.widening.profile_page import ProfilePage
from app.widening.snapshot_menu import SnapshotMenu
from app.widening.table_page import TablePage
from app.widening.text_page import TextPage
from app.workspace import Run, Workspace

METHOD = "width_groups"
SENTENCE = "Widths shows how many channels every layer has, lets you drag them, and says at once what that costs."
PAGES = (("profile", "Profile"), ("text", "Text"), ("table", "Table"))


class WidthsView(View):
    """A profile with handles, its costs, presets, snapshots, and a way to a real network."""

    def __init__(self, workspace: Workspace, theme: Theme) -> None:
        super().__init__(workspace, theme, "Widths")
        self.editing = Editing(workspace, self)
        self._asked: object = None
        self._read: tuple[object, WidthReading | None, str] = (None, None, "")
        self._build()
        self.editing.changed.connect(self.invalidate)
        workspace.methods_changed.connect(self.invalidate)

    # -- parts -------------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.claim = Line(self.theme, "text", "text")
        self.profile = ProfilePage(self.theme, self.editing)
        self.profile.help_wanted.connect(self.help_wanted)
        self.text = TextPage(self.editing)
        self.table = TablePage(self.theme, self.editing)
        self.network = NetworkPanel(self.workspace, self.theme)
        self.network.action_wanted.connect(self.action_wanted)
        self.presets = PresetMenu(self.workspace, self.editing, self.profile, self)
        self.snapshots = SnapshotMenu(self.editing, self.profile, self)
        self.pages = Segments(PAGES, "Page")
        self.stack = QStackedWidget()
        for page in (self.profile, self.text, self.table):
            self.stack.addWidget(page)
        for signal in (self.profile.changed, self.snapshots.changed):
            signal.connect(self._changed)
        self.pages.chosen.connect(lambda _page: self._changed())
        preset_button, snapshot_button = menu_button("Presets", self.presets), menu_button("Snapshots", self.snapshots)
        self.head = Head(self.claim, self.pages, preset_button, snapshot_button)
        self._lay_out()

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
        below = QWidget()
        row = QHBoxLayout(below)
        row.setContentsMargins(12, 6, 12, 2)
        row.setSpacing(24)
        row.addLayout(budget, 1)
        row.addWidget(self.network)
        layout = QVBoxLayout(self.content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.head)
        layout.addWidget(self.stack, 1)
        layout.addWidget(below)
        foot = QHBoxLayout()
        foot.setContentsMargins(12, 0, 12, 6)
        foot.addWidget(self.network.said)
        layout.addLayout(foot)

    # -- showing -----------------------------------------------------------------------------------------------------

    def concerns(self, run: Run) -> bool:
        """Tell whether a run is one of those that are shown here."""
        return run.request.method in (METHOD, "feature_rank", "conflicting_bundles", "edited_check", "save_network")

    def run(self) -> Run | None:
        """Newest description of the network before its widths are edited."""
        workspace = self.workspace
        fits = [
            run
            for run in workspace.runs.values()
            if run.request.method == METHOD
            and run.request.model == workspace.shown_model
            and run.request.edits == base_edits(workspace.edits)
        ]
        return max(fits, key=lambda run: (bool(run.result.finished), run.began, run.number), default=None)

    def refresh(self) -> None:
        """Show the configuration as it is now."""
        run = self.run()
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
        self.stack.setCurrentIndex([name for name, _ in PAGES].index(self.pages.value))
        self.profile.show_widths(reading, run.result.layers)
        self.text.show_widths()
        self.table.show_widths()
        self.network.show_state()
        self.claim.say(self._claim(reading), "\n".join(reading.found.notes))
        self.head.arrange()

    def _reading(self, run: Run) -> tuple[WidthReading | None, str]:
        """Read the description of a run once."""
        if self._read[0] is not run.result:
            try:
                self._read = (run.result, WidthReading(from_bytes(run.result["description"].astype(np.uint8))), "")
            except AnalysisError as error:
                self._read = (run.result, None, f"{error} {error.hint}")
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
            words = f"{problem.message} {problem.hint}" if problem else "Finding the width groups was stopped."
            self.show_empty(words, "Try again")
        else:
            self.show_empty(f"{SENTENCE} It needs to know which channels are tied.", "Find the width groups")
            self._ask_quietly()

    def _ask_quietly(self) -> None:
        """Ask for the groups when the view is first shown with a network; once per network."""
        workspace = self.workspace
        wanted = (workspace.shown_model, base_edits(workspace.edits))
        if workspace.structure is not None and workspace.method(METHOD) is not None and self._asked != wanted:
            self._asked = wanted
            workspace.request_look(self._request())

    def _request(self) -> Request:
        return replace(self.workspace.new_request(METHOD), edits=base_edits(self.workspace.edits))

    def fill(self) -> None:
        """Do what the button of the empty state says."""
        if self.workspace.model is None:
            self.action_wanted.emit("open_demo")
        else:
            self.workspace.request_run(self._request())

    def _changed(self) -> None:
        self.state_changed.emit()
        self.invalidate()

    # -- figure and state --------------------------------------------------------------------------------------------

    def figure_spec(self) -> FigureSpec | None:
        """Return the profile as a figure, None without a stored description."""
        run = self.run()
        if run is None or run.folder is None or self.editing.reading is None:
            return None
        text = print_widths(self.editing.reading.found, self.editing.widths)
        return FigureSpec("widths", (str(run.folder),), (("widths", text),))

    def state(self) -> dict[str, Any]:
        """Return page, rounding, locks, target and snapshots."""
        rules, (quantity, share) = self.editing.rules, self.profile.target
        return {
            "page": self.pages.value,
            "single": self.profile.single.isChecked(),
            "multiple": rules.rounding.multiple,
            "minimum": rules.rounding.minimum,
            "locked": sorted(rules.locked),
            "target": [quantity, share],
            "snapshots": self.snapshots.kept,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state` returned; what is unknown is ignored."""
        self.pages.set_value(str(state.get("page", "")))
        self.profile.restore(state)
        self.snapshots.restore(state.get("snapshots"))
        self.network.show_state()
        self.invalidate()


def _all_locked(reading: WidthReading | None) -> str:
    """Say why nothing can be dragged."""
    reasons = {group.reason: group.name for group in (reading.found.groups if reading else ()) if group.reason}
    first = [f"{name}: {reason}" for reason, name in list(reasons.items())[:3]]
    words = "; ".join(first)
    return f"No width of this network can be changed.{f' {words}.' if words else ''}"
