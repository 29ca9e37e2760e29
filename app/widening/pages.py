"""The pages of the Widths tab: which there are, and what each of them is told when it is shown."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QStackedWidget, QWidget

from analysis.measures.widths import fitting
from analysis.result import Result
from app.reading.comparing import why_not_compared
from app.reading.width_comparison import second_scores, second_sensitivity, second_shrunk
from app.reading.width_reading import WidthReading
from app.reading.width_reference import second_widths
from app.reading.width_search import SENSITIVITY, SHRINK
from app.theme import Theme
from app.widening.asking import Asking
from app.widening.budget import QUANTITIES
from app.widening.channels_page import ChannelsPage
from app.widening.check_page import CheckPage
from app.widening.editing import Editing
from app.widening.line_page import LinePage
from app.widening.page import Page
from app.widening.profile_page import ProfilePage
from app.widening.sensitivity_page import SensitivityPage
from app.widening.shrink_page import ShrinkPage
from app.widening.table_page import TablePage
from app.widening.text_page import TextPage
from app.workspace import Workspace

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
LOGGED = ("profile", "shrink")
"""Pages on which widths can be drawn on a log axis."""
EDITED = ("profile", "channels", "check", "text", "table")
"""Pages below which costs and the way to a network stand."""


class Pages(QObject):
    """All pages, and the stack that shows one of them.

    Attributes
    ----------
    shown
        Name of the page that is open.
    """

    changed = Signal()
    """Something has been arranged on a page."""
    help_wanted = Signal(str)
    view_wanted = Signal(str)
    stopped = Signal(int)
    used = Signal(str)
    """A page offers a configuration that the user wants; which."""
    group_named = Signal(str)
    """A page has named a group that should be selected."""

    def __init__(self, workspace: Workspace, theme: Theme, editing: Editing, asking: Asking) -> None:
        super().__init__()
        self.workspace, self.editing, self.asking = workspace, editing, asking
        self.profile = ProfilePage(theme, editing)
        self.text, self.table = TextPage(editing), TablePage(theme, editing)
        self.channels = ChannelsPage(theme, editing)
        self.line, self.check = LinePage(theme), CheckPage(theme)
        self.shrink, self.sensitivity = ShrinkPage(theme), SensitivityPage(theme)
        self.shown = PAGES[0][0]
        self.stack = QStackedWidget()
        for name, _ in PAGES:
            page: QWidget = getattr(self, name)
            self.stack.addWidget(page)
        self._connect()

    def _connect(self) -> None:
        for page in (self.profile, self.line, self.check, self.shrink, self.sensitivity):
            page.changed.connect(self.changed)
        for teaching in (self.profile, self.line, self.shrink, self.sensitivity):
            teaching.help_wanted.connect(self.help_wanted)
        for readout in (self.channels.readout, self.check.readout):
            readout.help_wanted.connect(self.help_wanted)
        for offering in (self.line, self.shrink, self.sensitivity):
            offering.used.connect(self.used)
        for stoppable in (self.check, self.shrink, self.sensitivity):
            stoppable.stopped.connect(self.stopped)
        self.channels.group_chosen.connect(lambda place: self.editing.select((place,)))
        self._connect_measured(SHRINK, self.shrink)
        self._connect_measured(SENSITIVITY, self.sensitivity)
        self.sensitivity.targeted.connect(lambda share: self.profile.set_target(self.target()[0], share))
        self.check.measured.connect(self.asking.measure_both)
        self.check.opened.connect(self.view_wanted)
        self.check.layer_chosen.connect(self.workspace.select_layer)

    def _connect_measured(self, method: str, page: Page) -> None:
        page.measured.connect(lambda params: self.asking.measure(method, params))
        page.continued.connect(self.workspace.request_run)
        page.group_chosen.connect(self.group_named)

    # -- showing -----------------------------------------------------------------------------------------------------

    def target(self) -> tuple[str, float]:
        """Budget of presets: what is kept, and its share of the original."""
        return self.profile.target

    def show(self, reading: WidthReading, result: Result) -> None:
        """Show the page that is open; the profile always, because it holds budget and target."""
        page = self.shown
        self.stack.setCurrentIndex([name for name, _ in PAGES].index(page))
        compared = second_widths(self.workspace)
        self.profile.set_compared(*compared)
        self.profile.show_widths(reading, result.layers)
        if page == "text":
            self.text.show_widths()
        elif page == "table":
            self.table.show_widths(*compared)
        elif page == "line":
            self._show_line(reading, result)
        elif page == "check":
            self.check.show_state(self.workspace)
        elif page == "channels":
            rule = self.workspace.edits.keep or "l1"
            scores, name = self.asking.scores(rule), rule.partition(":")[0]
            self.channels.second = second_scores(self.workspace, scores, name)
            self.channels.show_group(scores, name)
        elif page == "shrink":
            runs = self.asking.runs(SHRINK)
            self.shrink.second = second_shrunk(self.workspace, runs[0])
            self.shrink.why_not = why_not_compared(self.workspace, SHRINK)
            self.shrink.read(reading, self.workspace.layers or result.layers)
            self.shrink.show_run(*runs, self.profile.log.isChecked())
        elif page == "sensitivity":
            unit, share = self.target()
            title = next(quantity.title for quantity in QUANTITIES if quantity.name == unit)
            self.sensitivity.follow(self.workspace.edits.keep)
            runs = self.asking.runs(SENSITIVITY)
            self.sensitivity.info = self.workspace.method(SENSITIVITY)
            self.sensitivity.second = second_sensitivity(self.workspace, runs[0])
            self.sensitivity.why_not = why_not_compared(self.workspace, SENSITIVITY)
            self.sensitivity.show_run(*runs, (title, share), self.editing.rules.locked)

    def _show_line(self, reading: WidthReading, result: Result) -> None:
        unit, share = self.target()
        budget = fitting.own_budget(reading.model, unit, share)
        layers = self.workspace.layers or result.layers
        self.line.compared = second_widths(self.workspace)
        self.line.show_line(reading, layers, self.editing.widths, budget, self.editing.rules.rounding)

    # -- state -------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Return page, rounding, locks, target, and what the pages keep."""
        rules, (quantity, share) = self.editing.rules, self.profile.target
        return {
            "page": self.shown,
            "columns": self.profile.mode.currentData(),
            "log": self.profile.log.isChecked(),
            "multiple": rules.rounding.multiple,
            "minimum": rules.rounding.minimum,
            "locked": sorted(rules.locked),
            "target": [quantity, share],
            "line": self.line.state(),
            "shrink": self.shrink.state(),
            "sensitivity": self.sensitivity.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state` returned; what is unknown is ignored."""
        self.profile.restore(state)
        self.line.restore(state.get("line"))
        self.shrink.restore(state.get("shrink"))
        self.sensitivity.restore(state.get("sensitivity"))
