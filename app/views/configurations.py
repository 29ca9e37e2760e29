"""Configurations: how often the network could have been right with another geometry, and what that is worth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QMenu, QStackedWidget, QVBoxLayout

from analysis.figures import FigureSpec
from analysis.measures.configurations import write_extra
from analysis.measures.findings import GROUPINGS
from app.browsing.thumbnails import Thumbnails
from app.configuring.agreement_page import AgreementPage
from app.configuring.build_page import BuildPage
from app.configuring.choices_page import ChoicesPage
from app.configuring.chosen_bar import ChosenBar
from app.configuring.classes_page import ClassesPage
from app.configuring.cost_page import CostPage
from app.configuring.cover_page import CoverPage
from app.configuring.groups_page import GroupsPage
from app.configuring.matrix_page import MatrixPage
from app.configuring.oracle_page import OraclePage
from app.configuring.page import Page
from app.configuring.picture_page import PicturePage
from app.configuring.rules_page import RulesPage
from app.configuring.why_page import WhyPage
from app.drawing.readout import Line, Readout
from app.forms.go_on import GoOn
from app.forms.segments import Segments
from app.forms.widgets import button
from app.reading import building, conditions, geometry_attribution
from app.reading.attribution_reading import METHOD as ATTRIBUTION
from app.reading.chance import CHOOSER, POOLS, newest_beside, pools_of, request_beside, rules_of, why_none
from app.reading.chosen import configuration_of, number_of
from app.reading.comparing import counterpart, why_not_compared
from app.reading.configuration_comparison import SecondConfigurations, second_configurations
from app.reading.configurations import LOST, METHOD, WON, Look, Reading, duration, is_ready
from app.reading.continuing import continued
from app.reading.figure_comparison import run_of, with_second
from app.theme import Theme
from app.views.base import View, menu_button
from app.workspace import Run, SampleFilter, Workspace

PAGES = (
    ("oracle", "Oracle"),
    ("matrix", "Matrix"),
    ("picture", "Picture"),
    ("choices", "Choices"),
    ("cost", "Cost"),
    ("rules", "Rules"),
    ("cover", "Cover"),
    ("classes", "Classes"),
    ("groups", "Groups"),
    ("agreement", "Alike"),
    ("why", "Why"),
    ("build", "Build"),
)
FIGURE_OF = {
    "oracle": "growth",
    "matrix": "answer_matrix",
    "picture": "one_picture",
    "choices": "choices",
    "cost": "cost_map",
    "rules": "policies",
    "cover": "cover",
    "classes": "configuration_classes",
    "groups": "configuration_groups",
    "agreement": "configuration_agreement",
    "build": "geometry",
}
"""Side to its figure. Attributions are several runs: each is exported from Attribution."""
HINT = "Click a configuration or a picture to look at it on all sides"
SENTENCE = (
    "Configurations shows how often the network could have been right if each picture had the stride, dilation or "
    "kernel size it needs, beside what as many guesses reach by chance."
)


class ConfigurationsView(View):
    """One run of dynamic configurations from several sides; what is looked at is the same on all of them."""

    def __init__(self, workspace: Workspace, theme: Theme) -> None:
        super().__init__(workspace, theme, "Dynamic configurations")
        self.reading: Reading | None = None
        self.other: SecondConfigurations | None = None
        self.look = Look()
        self._read: tuple[object, ...] = ()
        self._build()
        self.thumbnails.opened.connect(self.invalidate)

    # -- parts -------------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.thumbnails = Thumbnails(self)
        self.segments = Segments(PAGES, "Side", wraps=True)
        menu = QMenu(self)
        menu.addAction("Won: right here, wrong plain", lambda: self._filter_kind(WON, "won by"))
        menu.addAction("Lost: wrong here, right plain", lambda: self._filter_kind(LOST, "lost by"))
        menu.addAction("Right under no configuration", self._filter_never)
        menu.addAction("All pictures", lambda: self.workspace.filter_samples(None))
        self.pictures = menu_button("Pictures", menu)
        self.pictures.setToolTip("Show only some pictures in Samples")
        self.chosen = ChosenBar(self.theme, self.pictures)
        self.chosen.configuration_chosen.connect(self.choose_configuration)
        self.build = BuildPage(self.theme, self.workspace)
        self.build.pins_changed.connect(self._pins_changed)
        self.by_hand = button("Build one by hand", lambda: self.show_page("build"), "link")
        empty = self.empty.layout()
        assert isinstance(empty, QVBoxLayout)  # a sentence, a button, a note
        empty.insertWidget(empty.count() - 1, self.by_hand, alignment=Qt.AlignmentFlag.AlignHCenter)
        self.oracle, self.rules, self.why = OraclePage(self.theme), RulesPage(self.theme), WhyPage(self.theme)
        self.groups, self.agreement = GroupsPage(self.theme), AgreementPage(self.theme)
        self.matrix = MatrixPage(self.theme, self.thumbnails)
        self.pages: dict[str, Page] = {
            "oracle": self.oracle,
            "matrix": self.matrix,
            "picture": PicturePage(self.theme, self.thumbnails),
            "choices": ChoicesPage(self.theme),
            "cost": CostPage(self.theme),
            "rules": self.rules,
            "cover": CoverPage(self.theme),
            "classes": ClassesPage(self.theme),
            "groups": self.groups,
            "agreement": self.agreement,
            "why": self.why,
            "build": self.build,
        }
        self.why.explain_wanted.connect(self.explain)
        self.stack = QStackedWidget()
        for page in self.pages.values():
            self.stack.addWidget(page)
            page.configuration_chosen.connect(self.choose_configuration)
            page.cell_chosen.connect(self.choose_cell)
            page.pictures_chosen.connect(self._show_pictures)
            page.told.connect(self._tell)
            page.help_wanted.connect(self.help_wanted)
            page.measure_wanted.connect(self.measure_beside)
        self.go_on = GoOn(self.theme)
        self.go_on.wanted.connect(self.workspace.request_run)
        self.readout, self.facts = Readout(self.theme), Line(self.theme)
        self.badges = Line(self.theme, "small", "warning")
        self.readout.set_hint(HINT)
        self.readout.help_wanted.connect(self.help_wanted)
        self.segments.chosen.connect(self.show_page)
        self._lay_out()

    def _lay_out(self) -> None:
        header = QHBoxLayout()
        header.setContentsMargins(8, 8, 8, 0)
        # Twelve sides fit the usual width only with less air around their names.
        self.segments.setStyleSheet("QToolButton { padding-left: 3px; padding-right: 3px; }")
        header.addWidget(self.segments)
        header.addStretch(1)
        footer = QVBoxLayout()
        footer.setContentsMargins(8, 0, 8, 4)
        footer.setSpacing(0)
        footer.addWidget(self.facts)
        footer.addWidget(self.badges)
        layout = QVBoxLayout(self.content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(header)
        layout.addWidget(self.chosen)
        layout.addWidget(self.go_on)
        layout.addWidget(self.stack, 1)
        layout.addWidget(self.readout)
        layout.addLayout(footer)

    # -- showing -----------------------------------------------------------------------------------------------------

    def concerns(self, run: Run) -> bool:
        """Tell whether a run is one of those that are drawn here."""
        return run.request.method in (METHOD, POOLS, CHOOSER, ATTRIBUTION, building.POINTS)

    def refresh(self) -> None:
        """Draw the newest run, as far as it has come."""
        run = building.sweep_of(self.workspace)
        if run is None or not is_ready(run.result):
            self.reading = None
            if self.segments.value == "build":
                self._show_build()
            else:
                self._show_why_empty()
            return
        self.show_content()
        arrived = run.result.arrived
        parts = ("measured", "duplicate_of", "summary", "summary_low", "summary_high")
        read = (id(run.result), *(arrived.get(name, 0) for name in parts))
        if read != self._read:
            self._read = read
            self.reading = Reading(run.result)
            self.chosen.show_names(self.reading.names, self.reading.own)
        assert self.reading is not None  # read just before
        self.reading.pins = building.pinned(self.workspace, self.reading, self.build.pins)
        self._take_look(self.reading)
        self._open_pictures(run)
        self._take_references(run, self.reading)
        if self.segments.value == "why":
            self.why.refusal = geometry_attribution.why_not(run, self.reading)
            wanted = geometry_attribution.requests_of(self.workspace, run, self.reading, self.look.row)
            self.why.answers, self.why.failures = geometry_attribution.answers_of(self.workspace, wanted)
        self._show_page()
        self._show_run(run, self.reading)

    def _take_references(self, run: Run, reading: Reading) -> None:
        """Put chance pools and a chooser beside a run, or offer to measure them."""
        pools, chooser = (newest_beside(self.workspace, method, run) for method in (POOLS, CHOOSER))
        self.oracle.pools = self.groups.pools = pools_of(pools.result) if pools is not None else ()
        self.rules.learned = rules_of(chooser.result) if chooser is not None else ()
        several = reading.settled and len(reading.names) > 1
        beside = ((self.oracle.offer, POOLS, pools), (self.rules.offer, CHOOSER, chooser))
        for offer, method, found in beside:
            under_way = any(other.open and other.request.method == method for other in self.workspace.runs.values())
            half = continued(found, self.workspace.method(method)) if found is not None else None
            go_on = half.words if half is not None and half.request is not None else ""
            lacking = found is None or half is not None
            offer.show_state(several and lacking and not under_way, why_none(run, method), go_on)

    def measure_beside(self, method: str) -> None:
        """Ask for the run that stands beside the one that is shown, or go on with one that ended early."""
        run = building.sweep_of(self.workspace)
        if run is not None and not why_none(run, method):
            found = newest_beside(self.workspace, method, run)
            half = continued(found, self.workspace.method(method)) if found is not None else None
            on = half.request if half is not None else None
            self.workspace.request_run(on or request_beside(self.workspace, method, run))

    def _show_build(self) -> None:
        """Show the page that needs no run."""
        self.show_content()
        self.stack.setCurrentWidget(self.build)
        self.build.show_state()
        self.chosen.show_nothing()
        self.go_on.show_run(None, None)
        self.badges.setVisible(False)
        self.facts.say("")

    def _pins_changed(self) -> None:
        self.state_changed.emit()
        self.invalidate()

    def explain(self) -> None:
        """Ask for what is missing of the attributions of the selected picture."""
        run = building.sweep_of(self.workspace)
        if run is not None and self.reading is not None:
            wanted = geometry_attribution.requests_of(self.workspace, run, self.reading, self.look.row)
            for number, request in wanted.items():
                if number not in self.why.answers:
                    self.workspace.request_run(request)

    def _take_look(self, reading: Reading) -> None:
        """Look at the selected picture and configuration, if they are of the run; else at the network as it is."""
        selection = self.workspace.selection
        self.look = Look(max(0, number_of(reading, selection.configuration)), reading.row_of(selection.sample))

    def _show_page(self) -> None:
        name = self.segments.value
        page = self.pages[name]
        self.stack.setCurrentWidget(page)
        if self.reading is not None:
            self.other = page.other = second_configurations(self.workspace, self.reading, self.other)
            page.show_reading(self.reading, self.look)

    def _show_run(self, run: Run, reading: Reading) -> None:
        under_way = any(other.open and other.request.method == METHOD for other in self.workspace.runs.values())
        self.go_on.show_run(None if under_way else run, self.workspace.method(METHOD))
        words = [conditions.progress(run), *reading.conditions()]
        self.facts.say(" · ".join(word for word in words if word), conditions.details(run.result))
        # A geometry that is being built is no edit of the network that these configurations are of.
        edits = replace(self.workspace.edits, geometry=run.request.edits.geometry)
        badges = list(conditions.badges(run, edits))
        badges += [warning.text for warning in run.result.warnings]
        badges += [why] if (why := self._why_not_compared()) else []
        self.badges.say(" · ".join(badges))
        self.badges.setVisible(bool(badges))
        chosen = self.workspace.selection.configuration
        untried = chosen.name if chosen is not None and not self.look.configuration else ""
        self.chosen.show_look(reading, self.look.configuration, untried)

    def _why_not_compared(self) -> str:
        """Say why the page shows nothing of the network that is compared with, "" if it does."""
        if self.other is None:
            return why_not_compared(self.workspace, METHOD)
        why = self.pages[self.segments.value].why_not
        return f"{self.other.name}: not compared, because {why}" if why else ""

    def _open_pictures(self, run: Run) -> None:
        """Open the pictures of the run; only when somebody looks at them."""
        images = run.request.images
        if images is not None and self.segments.value in ("matrix", "picture"):
            self.thumbnails.open(images.location, self.workspace.input_shape)

    # -- empty -------------------------------------------------------------------------------------------------------

    def _show_why_empty(self) -> None:
        workspace = self.workspace
        self.by_hand.setVisible(workspace.model is not None)
        if workspace.model is None:
            self.show_empty(f"{SENTENCE} It needs a network and pictures with labels.", "Open the demo")
        elif workspace.images is None:
            self.show_empty(f"{SENTENCE} It needs pictures with labels.", "Choose pictures…")
        elif any(run.open and run.request.method == METHOD for run in workspace.runs.values()):
            self.show_empty("Configurations are being tried …")
        else:
            self.show_empty(SENTENCE, "Measure configurations", duration(workspace))

    def fill(self) -> None:
        """Do what the button of the empty state says."""
        if self.workspace.model is None:
            self.action_wanted.emit("open_demo")
        elif self.workspace.images is None:
            self.action_wanted.emit("choose_images")
        else:
            self.workspace.request_run(self.workspace.new_request(METHOD))

    # -- choices -----------------------------------------------------------------------------------------------------

    def show_page(self, name: str) -> None:
        """Show another side."""
        self.segments.set_value(name)
        self.readout.clear()
        self.state_changed.emit()
        self.invalidate()

    def choose_configuration(self, number: int) -> None:
        """Select another configuration everywhere; number 0 is the network as it is."""
        if self.reading is not None and 0 <= number < len(self.reading.names):
            self.workspace.select_configuration(configuration_of(self.reading, number))
            self._take_look(self.reading)
            self.invalidate()

    def choose_cell(self, row: int, number: int) -> None:
        """Select a picture and a configuration everywhere."""
        if self.reading is not None:
            chosen, place = configuration_of(self.reading, number), int(self.reading.places[row])
            selection = replace(self.workspace.selection, sample=place, samples=(), configuration=chosen)
            self.workspace.select(selection)
            self._take_look(self.reading)
            self.invalidate()

    def _filter_kind(self, kind: int, words: str) -> None:
        reading, number = self.reading, self.look.configuration
        if reading is not None:
            self._show_pictures(f"{words} {reading.names[number]}", np.flatnonzero(reading.kinds[:, number] == kind))

    def _filter_never(self) -> None:
        if self.reading is not None:
            self._show_pictures("right under no configuration", np.flatnonzero(self.reading.right == 0))

    def _show_pictures(self, words: str, rows: object) -> None:
        """Show some pictures alone wherever pictures are browsed."""
        if self.reading is not None:
            places = np.sort(self.reading.places[np.asarray(rows, dtype=np.int64)])
            self.workspace.filter_samples(SampleFilter(words, places))

    def _tell(self, heading: str, found: object) -> None:
        self.readout.show_entries(heading, tuple(found) if isinstance(found, tuple) else ())

    # -- figure and state --------------------------------------------------------------------------------------------

    def figure_spec(self) -> FigureSpec | None:
        """Return the figure of the side that is shown, None without a stored run with labels."""
        side, reading = self.segments.value, self.reading
        if side == "build":
            return self._geometry_spec()
        run = building.sweep_of(self.workspace)
        labelled = reading is not None and (reading.labelled or side == "agreement")
        if run is None or run.folder is None or reading is None or not labelled or side not in FIGURE_OF:
            return None
        runs, options = [str(run.folder)], dict[str, str | int]()
        pools = newest_beside(self.workspace, POOLS, run)
        if side == "oracle" and pools is not None and pools.folder is not None and self.oracle.pools:
            runs.append(str(pools.folder))
        if side == "picture" and self.look.row >= 0:
            options["picture"] = int(reading.places[self.look.row])
        if side == "groups":
            kind = self.groups.kinds.currentText()
            if kind not in GROUPINGS or reading.why_no_gain(kind):
                return None
            options["by"] = kind
        return with_second(FigureSpec(FIGURE_OF[side], tuple(runs), tuple(options.items())), self._second_run(side))

    def _second_run(self, side: str) -> Run | None:
        """Run of the network that is compared with; of a matrix only while its difference is shown."""
        switch = {"matrix": self.matrix.switch, "agreement": self.agreement.switch}.get(side)
        if self.other is None or self.pages[side].why_not or (switch is not None and not switch.on):
            return None
        return run_of(self.workspace, self.other.reading.result)

    def _geometry_spec(self) -> FigureSpec | None:
        """Return the figure of the geometry that is being built."""
        run = building.points_run(self.workspace)
        if run is None or run.folder is None:
            return None
        policy = "resize" if self.build.resized else "follow"
        geometry = write_extra((self.build.geometry_now,)) if self.build.geometry_now else ""
        spec = FigureSpec(FIGURE_OF["build"], (str(run.folder),), (("geometry", geometry), ("policy", policy)))
        return with_second(spec, counterpart(self.workspace, run.request.method))

    def why_no_figure(self) -> str:
        """Say why this side has no figure, "" if it has one."""
        side = self.segments.value
        if side == "why":
            return "This side has no figure of its own: export attributions from Attribution."
        if side == "groups" and self.reading is not None and self.reading.labelled:
            kind = self.groups.kinds.currentText()
            why_not = self.reading.why_no_gain(kind) if kind in GROUPINGS else "it is read from a table of yours"
            return f"There is no figure by {kind}: {why_not}." if why_not else ""
        return ""

    def state(self) -> dict[str, Any]:
        """Return the side that is shown."""
        return {"side": self.segments.value, "pins": list(self.build.pins)}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state` returned; unknown words are ignored."""
        side = state.get("side")
        if isinstance(side, str):
            self.segments.set_value(side)
        pins = state.get("pins")
        if isinstance(pins, list):
            self.build.pins = [text for text in pins if isinstance(text, str) and building.is_geometry(text)]
        self.invalidate()
