"""Widths: the channels of every layer, to be dragged; what that costs, and the network it makes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from analysis.catalogue import Value
from analysis.edits import Edits
from analysis.figures import FigureSpec
from analysis.measures.widths import presets
from analysis.measures.widths.description import from_bytes
from analysis.measures.widths.text import print_widths
from analysis.problems import AnalysisError
from analysis.request import Request
from analysis.result import Result
from app.drawing.readout import Line
from app.reading import width_runs
from app.reading.width_channels import DATA_RULES, missing
from app.reading.width_channels import METHOD as SCORES
from app.reading.width_check import BUNDLES, RANK
from app.reading.width_reading import WidthReading, base_edits
from app.reading.width_reference import second_widths
from app.reading.width_search import CONTROL, FOUND, SENSITIVITY, SHRINK
from app.theme import Theme
from app.views.base import Segments, View, menu_button
from app.widening.budget import QUANTITIES
from app.widening.channels_page import ChannelsPage
from app.widening.check_page import CheckPage
from app.widening.editing import Editing
from app.widening.line_page import LinePage
from app.widening.network_panel import CHECK, SAVE, NetworkPanel
from app.widening.page import Page
from app.widening.preset_menu import PresetMenu
from app.widening.profile_page import ProfilePage
from app.widening.sensitivity_page import SensitivityPage
from app.widening.shrink_page import ShrinkPage
from app.widening.snapshot_menu import SnapshotMenu
from app.widening.table_page import TablePage
from app.widening.text_page import TextPage
from app.workspace import Run, Workspace

METHOD = "width_groups"
SENTENCE = "Widths shows how many channels every layer has, lets you drag them, and says at once what that costs."
PAGES = (
    ("profile", "Profile"),
    ("channels", "Channels"),
    ("line", "Line"),
    ("shrink", "Shrink"),
    ("sensitivity", "Sensitivity"),
    ("check", "Check"),
    ("text", "Text"),
    ("table", "Table"),
)
EDITED = ("profile", "channels", "check", "text", "table")
"""Pages below which costs and the way to a network stand."""
SHOWN = (METHOD, RANK, BUNDLES, CHECK, SAVE, SHRINK, SENSITIVITY, SCORES)
"""Methods whose runs are shown here."""
FIGURE_OF = {"shrink": (SHRINK, "width_ratio"), "sensitivity": (SENSITIVITY, "width_sensitivity")}


class WidthsView(View):
    """A profile with handles, its costs, presets, snapshots, and a way to a real network."""

    def __init__(self, workspace: Workspace, theme: Theme) -> None:
        super().__init__(workspace, theme, "Widths")
        self.editing = Editing(workspace, self)
        self._asked: object = None
        self._scored: set[Request] = set()
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
        self.channels = ChannelsPage(self.theme, self.editing)
        self.line, self.check = LinePage(self.theme), CheckPage(self.theme)
        self.shrink, self.sensitivity = ShrinkPage(self.theme), SensitivityPage(self.theme)
        self.network = NetworkPanel(self.workspace, self.theme, self.editing)
        self.network.action_wanted.connect(self.action_wanted)
        self.presets = PresetMenu(self.workspace, self.editing, self.profile, self)
        self.snapshots = SnapshotMenu(self.editing, self.profile, self)
        self.pages = Segments(PAGES, "Page")
        self.stack = QStackedWidget()
        every = (
            self.profile, self.channels, self.line, self.shrink, self.sensitivity, self.check, self.text, self.table,
        )  # fmt: skip
        for page in every:
            self.stack.addWidget(page)
        self.editing.scores = self.scores
        self._connect()
        self._lay_out()

    def _connect(self) -> None:
        for page in (self.profile, self.snapshots, self.line, self.check, self.shrink, self.sensitivity):
            page.changed.connect(self._changed)
        self.pages.chosen.connect(lambda _page: self._changed())
        self.channels.group_chosen.connect(lambda place: self.editing.select((place,)))
        self.line.used.connect(self.use)
        self.line.help_wanted.connect(self.help_wanted)
        for method, measured in ((SHRINK, self.shrink), (SENSITIVITY, self.sensitivity)):
            self._connect_measured(method, measured)
        self.sensitivity.targeted.connect(lambda share: self.profile.set_target(self._target()[0], share))
        self.check.measured.connect(self._measure_both)
        self.check.stopped.connect(lambda: self.action_wanted.emit("cancel_run"))
        self.check.opened.connect(self.view_wanted)
        self.check.layer_chosen.connect(self.workspace.select_layer)

    def _connect_measured(self, method: str, page: Page) -> None:
        page.measured.connect(lambda params: self._measure(method, params))
        page.stopped.connect(lambda: self.action_wanted.emit("cancel_run"))
        page.continued.connect(self.workspace.request_run)
        page.used.connect(self.use)
        page.group_chosen.connect(self._choose_group)
        page.help_wanted.connect(self.help_wanted)

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
        head.addWidget(menu_button("Presets", self.presets))
        head.addWidget(menu_button("Snapshots", self.snapshots))
        sides = QHBoxLayout()
        sides.setContentsMargins(8, 0, 8, 0)
        sides.addWidget(self.pages)
        sides.addStretch(1)
        layout.addLayout(head)
        layout.addLayout(sides)
        layout.addWidget(self.stack, 1)
        layout.addWidget(self.below)
        foot = QHBoxLayout()
        foot.setContentsMargins(12, 0, 12, 6)
        foot.addWidget(self.network.said)
        layout.addLayout(foot)

    # -- showing -----------------------------------------------------------------------------------------------------

    def concerns(self, run: Run) -> bool:
        """Tell whether a run is one of those that are shown here."""
        return run.request.method in SHOWN

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
        page = self.pages.value
        self.stack.setCurrentIndex([name for name, _ in PAGES].index(page))
        for part in (self.below, self.network.said):
            part.setVisible(page in EDITED)
        self.editing.complete()
        self._ask_scores(page)
        self._show_page(page, reading, run.result)
        self.snapshots.searched = self._searched()
        self.network.show_state()
        self.claim.say(self._claim(reading), "\n".join(reading.found.notes))

    def _show_page(self, page: str, reading: WidthReading, result: Result) -> None:
        """Show the page that is open; the profile always, because it holds budget and target."""
        self.profile.set_compared(*second_widths(self.workspace))
        self.profile.show_widths(reading, result.layers)
        if page == "text":
            self.text.show_widths()
        elif page == "table":
            self.table.show_widths()
        elif page == "line":
            unit, share = self._target()
            budget = presets.own_budget(reading.model, unit, share)
            layers = self.workspace.layers or result.layers
            self.line.show_line(reading, layers, self.editing.widths, budget, self.editing.rules.rounding)
        elif page == "check":
            self.check.show_state(self.workspace)
        elif page == "channels":
            rule = self.workspace.edits.keep or "l1"
            self.channels.show_group(self.scores(rule), rule.partition(":")[0])
        elif page == "shrink":
            self.shrink.show_run(*self._runs(SHRINK))
        elif page == "sensitivity":
            self.presets.measure = str(self.sensitivity.measure.currentData())
            unit, share = self._target()
            title = next(quantity.title for quantity in QUANTITIES if quantity.name == unit)
            self.sensitivity.show_run(*self._runs(SENSITIVITY), (title, share))

    def _target(self) -> tuple[str, float]:
        """Budget of presets: multiply-adds where the target is neither these nor parameters."""
        unit, share = self.profile.target
        return (unit if unit in presets.UNITS else "macs"), share

    def _runs(self, method: str) -> tuple[Run | None, Run | None]:
        """Newest run about the network before its widths are edited, and one that is on its way."""
        base = base_edits(self.workspace.edits)
        return width_runs.newest(self.workspace, method, base), width_runs.waiting(self.workspace, method, base)

    def _searched(self) -> dict[str, dict[str, int]]:
        """Profiles of the newest shrinkage, by the words under which they can be drawn."""
        found = self.presets.shrunk()
        if found is None or self.editing.reading is None:
            return {}
        model = self.editing.reading.model
        rows = (
            ("LW-DNA, found", found.width(FOUND)),
            ("LW-DNA, random control", found.width(CONTROL)),
            ("LW-DNA, widened", found.widened),
        )
        return {
            name: dict(presets.from_search(model, found.names, widths.astype(int).tolist()).widths)
            for name, widths in rows
            if np.isfinite(widths).all()
        }

    # -- channels and measurements -----------------------------------------------------------------------------------

    def scores(self, rule: str) -> Result | None:
        """Scores of the channels by a rule ("random:7" with its seed), None while there are none."""
        name, _, seed = rule.partition(":")
        base = base_edits(self.workspace.edits)
        runs = (run for run in reversed(self.workspace.runs.values()) if run.request.method == SCORES)
        fits = (run for run in runs if run.request.edits == base and run.request.model == self.workspace.shown_model)
        asked = (run for run in fits if dict(run.request.params).get("rule", "l1") == name)
        drawn = (run for run in asked if name != "random" or run.request.seed == int(seed or 0))
        return next((run.result for run in drawn if run.state == "completed"), None)

    def _ask_scores(self, page: str) -> None:
        """Ask without a word for the scores that the rule, or the page of channels, needs; once each."""
        workspace, edits = self.workspace, self.workspace.edits
        rule, _, seed = (edits.keep or "l1").partition(":")
        wanted = page == "channels" or bool(missing(edits))
        if not wanted or self.scores(edits.keep or "l1") is not None or workspace.method(SCORES) is None:
            return
        if rule in DATA_RULES and workspace.images is None:
            return
        request = self._base(SCORES, {} if rule == "l1" else {"rule": rule})
        request = replace(request, seed=int(seed or 0)) if rule == "random" else request
        if request not in self._scored:
            self._scored.add(request)
            workspace.request_look(request)

    def _base(self, method: str, params: dict[str, Value]) -> Request:
        """Ask something about the network before its widths are edited."""
        return replace(self.workspace.new_request(method, **params), edits=base_edits(self.workspace.edits))

    def _measure(self, method: str, params: dict[str, Value]) -> None:
        if self.workspace.images is None:
            self.action_wanted.emit("choose_images")
            return
        self.workspace.request_run(self._base(method, params))

    def _measure_both(self, method: str) -> None:
        """Ask for a method of the original and of the edited network, on the same pictures."""
        if self.workspace.images is None:
            self.action_wanted.emit("choose_images")
            return
        request = self.workspace.new_request(method)
        for edits in (Edits(), self.workspace.edits):
            self.workspace.request_look(replace(request, edits=edits))

    def use(self, which: str) -> None:
        """Put a configuration in from what a page shows, and show it in the profile."""
        self.presets.measure = str(self.sensitivity.measure.currentData())
        before = self.workspace.undo.count()
        if which == "shrink":
            self._use_shrunk()
        else:
            self.presets.use(which)
        if self.workspace.undo.count() != before or self.presets.told is not None:
            self.show_page("profile")

    def _use_shrunk(self) -> None:
        found = self.shrink.shrunk
        if found is not None:
            widths = found.shown(self.shrink.step).astype(int).tolist()
            self.presets.propose("LW-DNA widths", lambda model, _budget: self.presets.of_widths(found, model, widths))

    def show_page(self, name: str) -> None:
        """Go to a page."""
        self.pages.set_value(name)
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
        """Return what the page shows as a figure, None without a stored run."""
        method, name = FIGURE_OF.get(self.pages.value, ("", ""))
        shown = self._runs(method)[0] if method else None
        if shown is not None and shown.folder is not None:
            return FigureSpec(name, (str(shown.folder),))
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
            "columns": self.profile.mode.currentData(),
            "multiple": rules.rounding.multiple,
            "minimum": rules.rounding.minimum,
            "locked": sorted(rules.locked),
            "target": [quantity, share],
            "snapshots": self.snapshots.kept,
            "line": self.line.state(),
            "shrink": self.shrink.state(),
            "sensitivity": self.sensitivity.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state` returned; what is unknown is ignored."""
        self.pages.set_value(str(state.get("page", "")))
        self.profile.restore(state)
        self.snapshots.restore(state.get("snapshots"))
        self.line.restore(state.get("line"))
        self.shrink.restore(state.get("shrink"))
        self.sensitivity.restore(state.get("sensitivity"))
        self.network.show_state()
        self.invalidate()


def _all_locked(reading: WidthReading | None) -> str:
    """Say why nothing can be dragged."""
    reasons = {group.reason: group.name for group in (reading.found.groups if reading else ()) if group.reason}
    first = [f"{name}: {reason}" for reason, name in list(reasons.items())[:3]]
    words = "; ".join(first)
    return f"No width of this network can be changed.{f' {words}.' if words else ''}"
