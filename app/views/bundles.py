"""Bundles: where the network merges pictures of different classes, over depth, over training, down to the pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QMenu, QStackedWidget, QVBoxLayout

from analysis.figures import FigureSpec
from analysis.request import Request
from app.browsing.members import CELLS
from app.browsing.thumbnails import Thumbnails
from app.bundling.bundle_filter import BundleFilter
from app.bundling.bundle_page import BundlePage
from app.bundling.depth_page import DepthPage
from app.bundling.figure import figure_of
from app.bundling.flow_page import FlowPage
from app.bundling.merge_page import MergePage
from app.bundling.page import Page
from app.bundling.removal_page import RemovalPage
from app.bundling.series_offer import SeriesOffer
from app.bundling.tolerance_page import TolerancePage
from app.bundling.training_page import WORDS, TrainingPage
from app.commands import SetEdits
from app.drawing.plots import Plot
from app.drawing.readout import Line, Readout
from app.forms.segments import Segments
from app.reading import conditions, distances
from app.reading.bundle_comparison import SecondReading, second_reading
from app.reading.bundles import METHOD, Look, Reading, duration_words
from app.reading.chosen import bundle_of, cell_of
from app.reading.comparing import counterpart, why_not_compared
from app.reading.figure_comparison import run_of, with_layers, with_second
from app.reading.removal import METHOD as REMOVAL
from app.reading.removal import RemovalReading, second_study, why_none
from app.theme import Theme
from app.views.base import View
from app.weights import place_of
from app.workspace import Run, Workspace

PAGES = (
    ("depth", "Depth"),
    ("training", "Training"),
    ("bundle", "Bundle"),
    ("flow", "Flow"),
    ("classes", "Classes"),
    ("tolerance", "Tolerance"),
    ("removal", "Removal"),
)
VALUES = (("entropy", "H"), ("bundles", "n/N"), ("conflict", "in conflict"))
HINT = "Click a point to select its layer · the segments above show the same run from other sides"
SENTENCE = (
    "Bundles shows at which layers pictures of different classes become equal, so that nothing after can tell them "
    "apart, and how this changes over training."
)


class BundlesView(View):
    """One run of conflicting bundles from several sides; what is looked at is the same on all of them."""

    def __init__(self, workspace: Workspace, theme: Theme) -> None:
        super().__init__(workspace, theme, "Conflicting bundles")
        self.reading: Reading | None = None
        self.other: SecondReading | None = None
        self.look = Look()
        self._settled = False
        """True if the user has chosen a checkpoint; until then the newest one is shown."""
        self.filter = BundleFilter(workspace, self)
        self._followed: tuple[object, ...] = ()
        self._read: tuple[object, ...] = ()
        self._build()
        self.thumbnails.opened.connect(self.invalidate)

    # -- parts -------------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.thumbnails = Thumbnails(self)
        self.segments = Segments(PAGES, "Side", wraps=True)
        self.values = Segments(VALUES, "Value of the map")
        self.checkpoints = QComboBox()
        self.checkpoints.setAccessibleName("Checkpoint")
        self.checkpoints.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.checkpoints.setToolTip("Checkpoint that is looked at")
        self.merge_page = MergePage(self.theme)
        self.training = TrainingPage(self.theme)
        self.pages: dict[str, Page] = {
            "depth": DepthPage(self.theme),
            "training": self.training,
            "bundle": BundlePage(self.theme, self.thumbnails),
            "flow": FlowPage(self.theme),
            "classes": self.merge_page,
            "tolerance": TolerancePage(self.theme),
        }
        self.removal, self.offer = RemovalPage(self.theme), SeriesOffer(self.workspace)
        self.stack = QStackedWidget()
        self.stack.addWidget(self.removal)
        self.removal.kept.connect(self._keep_removed)
        self.removal.measured.connect(self._measure_removed)
        self.removal.told.connect(self._tell)
        for page in self.pages.values():
            self.stack.addWidget(page)
            page.point_chosen.connect(self.choose_point)
            page.cell_chosen.connect(self._choose_cell)
            page.bundle_chosen.connect(self.choose_bundle)
            page.told.connect(self._tell)
        self.bundle_page.table.help_wanted.connect(self.help_wanted)
        self.removal.help_wanted.connect(self.help_wanted)
        self.bundle_page.followed_to.connect(self._follow)
        self.bundle_page.distances_wanted.connect(self._measure_distances)
        self.bundle_page.sample_chosen.connect(self.workspace.select_sample)
        for plot in self.stack.findChildren(Plot):
            plot.menu_wanted.connect(self._show_menu)
        self.readout, self.facts = Readout(self.theme), Line(self.theme)
        self.badges = Line(self.theme, "small", "warning")
        self.readout.set_hint(HINT)
        self.readout.help_wanted.connect(self.help_wanted)
        self.segments.chosen.connect(self.show_page)
        self.values.chosen.connect(self._value_chosen)
        self.checkpoints.activated.connect(lambda row: self._choose_checkpoint(row))
        self._lay_out()

    def _lay_out(self) -> None:
        header = QHBoxLayout()
        header.setContentsMargins(8, 8, 8, 4)
        header.setSpacing(8)
        header.addWidget(self.segments)
        header.addStretch(1)
        header.addWidget(self.values)
        header.addWidget(self.checkpoints)
        footer = QVBoxLayout()
        footer.setContentsMargins(8, 0, 8, 4)
        footer.setSpacing(0)
        footer.addWidget(self.facts)
        footer.addWidget(self.badges)
        layout = QVBoxLayout(self.content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(header)
        layout.addWidget(self.offer)
        layout.addWidget(self.stack, 1)
        layout.addWidget(self.readout)
        layout.addLayout(footer)

    @property
    def bundle_page(self) -> BundlePage:
        """The page with the pictures."""
        page = self.pages["bundle"]
        assert isinstance(page, BundlePage)
        return page

    # -- showing -----------------------------------------------------------------------------------------------------

    def concerns(self, run: Run) -> bool:
        """Tell whether a run is one of those that are drawn here."""
        return run.request.method in (METHOD, REMOVAL, distances.METHOD)

    def refresh(self) -> None:
        """Draw the newest run, as far as it has come."""
        self.filter.follow()
        if self.segments.value == "removal" and self.workspace.model is not None:
            self._show_removal()
            return
        run = self._run()
        if run is None or not len(run.result["label"]):
            self.reading = None
            self._show_why_empty()
            return
        self.show_content()
        read = (id(run.result), run.result.arrived.get("label", 0))
        if read != self._read:
            self._read = read
            self.reading = Reading(run.result)
        assert self.reading is not None  # read just before
        self._follow_checkpoint(self.reading)
        self._take_look(self.reading)
        self._open_pictures(run)
        self._show_checkpoints(self.reading)
        self._show_page()
        self._show_distances(run, self.reading)
        self._show_run(run, self.reading)

    def _run(self) -> Run | None:
        """Return the newest run; over training the newest one over several checkpoints, if it has come to anything."""
        series = self.workspace.latest_series(METHOD) if self.segments.value == "training" else None
        return series if series and len(series.result["label"]) else self.workspace.latest(METHOD)

    def _follow_checkpoint(self, reading: Reading) -> None:
        """Look at the checkpoint that the window shows, once for each that is chosen there."""
        weights = self.workspace.shown_weights
        place, followed = place_of(reading.checkpoints, weights), (id(reading.result), weights)
        if followed != self._followed and place >= 0 and reading.last >= 0 and reading.knows(place):
            restored = not self._followed and cell_of(reading, self.workspace.selection.bundle) is not None
            self._followed = followed
            if not restored:
                self._go_to_checkpoint(reading, place)

    def _go_to_checkpoint(self, reading: Reading, checkpoint: int) -> None:
        """Look at a checkpoint; a bundle of another one is not selected any more."""
        self._settled = True
        self.look = replace(self.look, checkpoint=checkpoint)
        cell = cell_of(reading, self.workspace.selection.bundle)
        if cell is not None and cell[0] != checkpoint:
            self.workspace.select_bundle(None)

    def _take_look(self, reading: Reading) -> None:
        """Look at the selected bundle or layer, else at the first conflict, else at the last point."""
        look, selection = self.look, self.workspace.selection
        cell, count = cell_of(reading, selection.bundle), len(reading.checkpoints)
        self._settled |= cell is not None
        newest = reading.last if reading.last >= 0 else count - 1
        stays = self._settled and 0 <= look.checkpoint < count and reading.knows(look.checkpoint)
        checkpoint = cell[0] if cell is not None else look.checkpoint if stays else newest
        point = reading.point_of(selection.layer)
        chosen = point >= 0 or (look.chosen and look.point < len(reading.points))
        if point < 0:
            point = look.point if chosen else reading.worth_a_look(checkpoint)
        number = selection.bundle.number if selection.bundle is not None and cell == (checkpoint, point) else -1
        self.look = Look(checkpoint, point, number, chosen)

    def _show_page(self) -> None:
        name = self.segments.value
        self.stack.setCurrentWidget(self.pages[name])
        self.values.setVisible(name == "training")
        self.offer.show_for(self.reading if name == "training" else None)
        if self.reading is not None:
            self.other = second_reading(self.workspace, self.reading, self.other)
            self.merge_page.pictures = self.workspace.selection.pictures
            self.pages[name].show_reading(self.reading, self.look, self.other)

    def _show_checkpoints(self, reading: Reading) -> None:
        names = reading.checkpoints
        if tuple(self.checkpoints.itemText(i) for i in range(self.checkpoints.count())) != names:
            self.checkpoints.clear()
            self.checkpoints.addItems(list(names))
        self.checkpoints.setCurrentIndex(self.look.checkpoint)
        self.checkpoints.setVisible(len(names) > 1)

    def _show_run(self, run: Run, reading: Reading) -> None:
        words = [conditions.progress(run), *reading.conditions(max(self.look.checkpoint, 0))]
        self.facts.say(" · ".join(word for word in words if word), conditions.details(run.result))
        badges = list(conditions.badges(run, self.workspace.edits))
        badges += [warning.text for warning in run.result.warnings if warning.code != "undersampled"]
        why = self.pages[self.segments.value].why_not
        badges += [f"{self.other.name}: not subtracted, because {why}"] if why and self.other is not None else []
        badges += [why] if (why := why_not_compared(self.workspace, METHOD)) else []
        self.badges.say(" · ".join(badges))
        self.badges.setVisible(bool(badges))

    # -- distances ---------------------------------------------------------------------------------------------------

    def _wanted(self, run: Run, reading: Reading) -> tuple[Request | None, str]:
        return distances.wanted(self.workspace, run, reading, self.look, self.bundle_page.rows())

    def _show_distances(self, run: Run, reading: Reading) -> None:
        if self.segments.value != "bundle":
            return
        request, why = self._wanted(run, reading)
        result = distances.answer(self.workspace, request) if request else None
        tau = float(reading.per_checkpoint("tau")[self.look.checkpoint])
        places = reading.places[self.bundle_page.rows()]
        scale = distances.scale_of(reading, self.look.checkpoint, self.look.point)
        found = distances.distances(result, places, tau, scale) if result else {}
        rows = distances.heat_rows(result, places, CELLS) if result else {}
        self.bundle_page.show_distances(found, rows, "τ" if tau == tau else "", why)

    def _measure_distances(self) -> None:
        run = self._run()
        if run is not None and self.reading is not None:
            request, _ = self._wanted(run, self.reading)
            if request is not None:
                self.workspace.request_run(request)

    # -- removal -----------------------------------------------------------------------------------------------------

    def _show_removal(self) -> None:
        """Show the newest study of removal; it needs no run of bundles."""
        self.show_content()
        self.stack.setCurrentWidget(self.removal)
        for part in (self.values, self.checkpoints, self.offer):
            part.hide()
        workspace = self.workspace
        run = workspace.latest(REMOVAL)
        if run is None:
            self._show_why_no_removal()
            return
        self.removal.second = second_study(workspace)
        self.removal.show_removal(RemovalReading(run.result), workspace.edits.removed)
        facts = run.result.facts
        signs = ("seed", "mode", "η", "B", "W", "τ", "device")
        words = [
            conditions.progress(run),
            facts.get("pictures", ""),
            *(f"{s} {facts[s].partition(':')[0]}" for s in signs if s in facts),
        ]
        self.facts.say(" · ".join(word for word in words if word), conditions.details(run.result))
        badges = [*conditions.badges(run, run.request.edits)]  # what is kept here does not make the study old
        badges += [why] if (why := why_not_compared(workspace, REMOVAL)) else []
        self.badges.say(" · ".join(badges))
        self.badges.setVisible(bool(badges))

    def _show_why_no_removal(self) -> None:
        self.facts.say("")
        self.badges.hide()
        self.removal.show_nothing(*why_none(self.workspace))

    def _keep_removed(self, blocks: tuple[str, ...]) -> None:
        count = len(blocks)
        words = f"remove {count} block{'' if count == 1 else 's'}" if count else "put blocks back"
        self.workspace.undo.push(SetEdits(self.workspace, replace(self.workspace.edits, removed=blocks), words))

    def _measure_removed(self, blocks: tuple[str, ...]) -> None:
        params = {"blocks": ",".join(blocks)} if blocks else {}
        request = self.workspace.new_request(REMOVAL, **params)
        self.workspace.request_run(replace(request, edits=replace(request.edits, removed=())))

    # -- empty -------------------------------------------------------------------------------------------------------

    def _show_why_empty(self) -> None:
        workspace = self.workspace
        needs = "It needs a network and pictures with labels."
        if workspace.model is None:
            self.show_empty(f"{SENTENCE} {needs}", "Open the demo")
        elif workspace.images is None:
            self.show_empty(f"{SENTENCE} It needs pictures with labels.", "Choose pictures…")
        elif any(run.open and run.request.method == METHOD for run in workspace.runs.values()):
            self.show_empty("Bundles are being measured …")
        else:
            self.show_empty(SENTENCE, "Measure bundles", duration_words(self.workspace))

    def fill(self) -> None:
        """Do what the button of the empty state says."""
        if self.workspace.model is None:
            self.action_wanted.emit("open_demo")
        elif self.workspace.images is None:
            self.action_wanted.emit("choose_images")
        else:
            self.workspace.request_run(self.workspace.new_request(METHOD))

    def _open_pictures(self, run: Run) -> None:
        """Open the pictures of the run, which need not be those that are open; only when somebody looks at them."""
        images = run.request.images
        if images is not None and self.segments.value == "bundle":
            self.thumbnails.open(images.location, self.workspace.input_shape)

    # -- choices -----------------------------------------------------------------------------------------------------

    def show_page(self, name: str) -> None:
        """Show another side."""
        self.segments.set_value(name)
        self.readout.clear()
        self.state_changed.emit()
        self.invalidate()

    def choose_point(self, point: int) -> None:
        """Select a point, and its layer everywhere."""
        reading = self.reading
        if reading is not None and 0 <= point < len(reading.points):
            self.workspace.select_layer(reading.points[point].name)
            self._take_look(reading)
            self.invalidate()

    def _choose_cell(self, checkpoint: int, point: int) -> None:
        if self.reading is not None:
            self._go_to_checkpoint(self.reading, checkpoint)
            self.choose_point(point)

    def _choose_checkpoint(self, checkpoint: int) -> None:
        if self.reading is not None:
            self._go_to_checkpoint(self.reading, checkpoint)
            self.invalidate()

    def choose_bundle(self, point: int, bundle: int) -> None:
        """Select a bundle: its pictures are shown here, and alone wherever pictures are browsed."""
        self.bundle_page.followed = self.bundle_page.followed[:0]
        self._look_into(point, bundle)
        self.show_page("bundle")

    def _follow(self, point: int, bundle: int) -> None:
        followed = self.bundle_page.followed
        self._look_into(point, bundle)
        self.bundle_page.look = self.look
        self.bundle_page.followed = followed
        self.invalidate()

    def _look_into(self, point: int, bundle: int) -> None:
        reading = self.reading
        if reading is None:
            return
        if bundle >= 0:
            self.workspace.select_bundle(bundle_of(reading, self.look.checkpoint, point, bundle))
        else:
            layers = (reading.points[point].name,)
            self.workspace.select(replace(self.workspace.selection, layers=layers, channel=-1, bundle=None))
        self._take_look(reading)

    def _value_chosen(self, value: str) -> None:
        page = self.pages["training"]
        assert isinstance(page, TrainingPage)
        page.set_kind(value)
        self.state_changed.emit()

    def _tell(self, heading: str, found: object) -> None:
        self.readout.show_entries(heading, tuple(found) if isinstance(found, tuple) else ())

    def contextMenuEvent(self, event: Any) -> None:
        """Offer the page that says more."""
        self._show_menu(QPoint(event.globalPos()))

    def _show_menu(self, place: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        page = REMOVAL if self.segments.value == "removal" else METHOD
        menu.addAction("What is this?", lambda: self.help_wanted.emit(page))
        menu.popup(place)

    # -- figure and state --------------------------------------------------------------------------------------------

    def figure_spec(self) -> FigureSpec | None:
        """Return the figure of the side that is shown, None without a stored run."""
        method = REMOVAL if self.segments.value == "removal" else METHOD
        run = self.workspace.latest(REMOVAL) if method == REMOVAL else self._run()
        if run is None or run.folder is None:
            return None
        spec = figure_of(self.segments.value, self.values.value, str(run.folder), self.reading, self.look)
        if method == REMOVAL:
            return with_second(spec, counterpart(self.workspace, REMOVAL))
        shown = self.other is not None and (spec.name != "bundle_heatmap" or self.training.switch.on)
        if self.other is None or not shown:
            return spec
        return with_layers(self.workspace, spec, run_of(self.workspace, self.other.reading.result))

    def state(self) -> dict[str, Any]:
        """Return side and value of the map."""
        return {"side": self.segments.value, "value": self.values.value}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state` returned; unknown words are ignored."""
        side, value = state.get("side"), state.get("value")
        if isinstance(side, str):
            self.segments.set_value(side)
        if isinstance(value, str) and value in WORDS:
            self.values.set_value(value)
            self._value_chosen(value)
        self.invalidate()
