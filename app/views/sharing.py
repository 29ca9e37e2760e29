"""Sharing: many layers read one ring of weights; freedom against accuracy, the ring itself, layers, training."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QMenu, QStackedWidget, QVBoxLayout

from analysis.catalogue import Value
from analysis.figures import FigureSpec
from analysis.request import Request
from app.commands import SetEdits
from app.drawing.plots import Plot
from app.drawing.readout import Line, Readout
from app.forms.go_on import GoOn
from app.forms.offer import Offer
from app.forms.segments import Segments
from app.reading import conditions
from app.reading.figure_comparison import run_of, with_layers
from app.reading.measurements import totals
from app.reading.sharing import METHOD, TRAINED, Projected, Trained, Wish
from app.reading.sharing_comparison import second_network, second_sharing, why_not_shared
from app.sharing.freedom_page import FreedomPage
from app.sharing.layers_page import LayersPage
from app.sharing.likeness_page import LikenessPage
from app.sharing.page import Look, Page
from app.sharing.ring_page import RingPage
from app.sharing.share_page import SharePage
from app.sharing.training_page import TrainingPage
from app.theme import Theme
from app.views.base import EmptyState, View, duration_words
from app.workspace import Run, Workspace

PAGES = (
    ("freedom", "Freedom"),
    ("ring", "Ring"),
    ("layers", "Layers"),
    ("likeness", "Likeness"),
    ("training", "Training"),
    ("share", "Share"),
)
COUNTS = (("total", "in all"), ("shared", "ring only"))
ERRORS = (("error", "error"), ("cosine", "cosine"))
LIKENESSES = (("correlation", "correlation"), ("overlap", "overlap"), ("gradients", "gradients"))
WAYS: tuple[tuple[str, str], ...] = (
    ("whitened", "whitened"),
    ("plain", "not whitened"),
    ("gain", "with gain"),
)
PARAMS: dict[str, dict[str, Value]] = {
    "whitened": {},
    "plain": {"whitened": False},
    "gain": {"gain": "least squares"},
}
FIGURE_OF = {"ring": "ring_usage", "layers": "ring_error", "likeness": "ring_correlation", "share": "ring_projection"}
HINT = "Point at something for its numbers · click a layer to select it everywhere"
SENTENCE = (
    "Sharing shows what becomes of a network whose layers read their weights from one small ring: accuracy against "
    "degrees of freedom, and who reads what."
)
TRAIN = (
    "Training is the method: networks with rings are trained from fresh weights, a dense one beside them. The Measure "
    "panel offers more sizes, variants and seeds."
)


class SharingView(View):
    """Projections and trainings of the open network from several sides, and a form to share it."""

    def __init__(self, workspace: Workspace, theme: Theme) -> None:
        super().__init__(workspace, theme, "Parameter sharing")
        self.look = Look()
        self._build()

    # -- parts -------------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        theme = self.theme
        self.segments = Segments(PAGES, "Side", wraps=True)
        self.counts = Segments(COUNTS, "Degrees of freedom")
        self.errors = Segments(ERRORS, "Value of a layer")
        self.likenesses = Segments(LIKENESSES, "Likeness")
        self.ratios, self.ways = QComboBox(), QComboBox()
        for choice, name, tip in (
            (self.ratios, "Size of the ring", "Size N / M that is looked at"),
            (self.ways, "Way of projecting", "Whether layers are divided by their root mean square before"),
        ):
            choice.setAccessibleName(name)
            choice.setToolTip(tip)
            choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        for value, words in WAYS:
            self.ways.addItem(words, value)
        self.training = TrainingPage(theme)
        self.pages: dict[str, Page] = {
            "freedom": FreedomPage(theme),
            "ring": RingPage(theme),
            "layers": LayersPage(theme),
            "likeness": LikenessPage(theme),
            "training": self.training,
        }
        self.share, self.nothing = SharePage(theme), EmptyState()
        self.stack = QStackedWidget()
        for widget in (*self.pages.values(), self.share, self.nothing):
            self.stack.addWidget(widget)
        self.go_on = GoOn(theme)
        self.go_on.wanted.connect(self.workspace.request_run)
        self.offer = Offer()
        self.offer.say("", "Measure it")
        self.readout, self.facts = Readout(theme), Line(theme)
        self.badges = Line(theme, "small", "warning")
        self.readout.set_hint(HINT)
        self.readout.help_wanted.connect(self.help_wanted)
        self._connect()
        self._lay_out()

    def _connect(self) -> None:
        for page in self.pages.values():
            page.told.connect(self._tell)
            page.layer_chosen.connect(self.workspace.select_layer)
        self.training.run_chosen.connect(lambda run: self._look(run=run))
        self.segments.chosen.connect(self.show_page)
        self.counts.chosen.connect(lambda value: self._look(count=value))
        self.errors.chosen.connect(lambda value: self._look(value=value))
        self.likenesses.chosen.connect(lambda value: self._look(likeness=value))
        self.ratios.activated.connect(lambda row: self._look(ratio=self.ratios.itemText(row)))
        self.ways.activated.connect(lambda _row: self._look())
        self.nothing.pressed.connect(self._ask)
        self.offer.pressed.connect(self._ask_way)
        self.share.shared.connect(self._share)
        for plot in self.stack.findChildren(Plot):
            plot.menu_wanted.connect(self._show_menu)

    def _lay_out(self) -> None:
        header = QHBoxLayout()
        header.setContentsMargins(8, 8, 8, 4)
        header.setSpacing(8)
        header.addWidget(self.segments)
        header.addStretch(1)
        for widget in (self.counts, self.errors, self.likenesses, self.ways, self.ratios):
            header.addWidget(widget)
            widget.hide()  # each page shows its own: together they would ask for more room than there is
        footer = QVBoxLayout()
        footer.setContentsMargins(8, 0, 8, 4)
        footer.setSpacing(0)
        footer.addWidget(self.facts)
        footer.addWidget(self.badges)
        layout = QVBoxLayout(self.content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(header)
        layout.addWidget(self.go_on)
        layout.addWidget(self.stack, 1)
        layout.addWidget(self.offer)
        self.offer.hide()
        layout.addWidget(self.readout)
        layout.addLayout(footer)

    # -- showing -----------------------------------------------------------------------------------------------------

    def concerns(self, run: Run) -> bool:
        """Tell whether a run is one of those that are drawn here."""
        return run.request.method in (METHOD, TRAINED, "structure")

    def refresh(self) -> None:
        """Draw the newest runs, as far as they have come."""
        workspace, page = self.workspace, self.segments.value
        if workspace.model is None:
            self.show_empty(f"{SENTENCE} It needs a network.", "Open the demo")
            return
        self.show_content()
        projection, training = self._projection(), workspace.latest(TRAINED)
        self._show_choices(page, projection)
        selected = workspace.selection.layer
        if selected != self.look.layer:
            self.look = replace(self.look, layer=selected)
        if page == "share":
            self._show_share()
        elif self._lacking(page, projection, training):
            self._show_why_empty(page)
        else:
            self.stack.setCurrentWidget(self.pages[page])
            projected = Projected(projection.result) if projection is not None else None
            trained = Trained(training.result) if training is not None else None
            self.pages[page].second = second_sharing(workspace, projection)
            self.pages[page].show_runs(projected, trained, self.look)
        under_way = any(run.open and run.request.method == TRAINED for run in workspace.runs.values())
        self.go_on.show_run(training if page == "training" and not under_way else None, workspace.method(TRAINED))
        self._show_run(self._shown(page, projection, training))

    def _projection(self) -> Run | None:
        """Newest projection of the chosen way, else the newest of any."""
        newest = self.workspace.latest(METHOD)
        if newest is None or self.segments.value != "layers":
            return newest
        found = [run for run in self.workspace.runs.values() if self._is_chosen_way(run) and run.result.declared]
        return max(found, key=lambda run: (run.began, run.number), default=newest)

    def _is_chosen_way(self, run: Run) -> bool:
        newest = self.workspace.latest(METHOD)
        if newest is None or run.request.method != METHOD or run.request.model != newest.request.model:
            return False
        given = dict(run.request.params)
        way = (
            "plain" if given.get("whitened") is False else "gain" if given.get("gain", "none") != "none" else "whitened"
        )
        return way == str(self.ways.currentData())

    @staticmethod
    def _lacking(page: str, projection: Run | None, training: Run | None) -> bool:
        if page == "freedom":
            return projection is None and training is None
        return (training if page == "training" else projection) is None

    @staticmethod
    def _shown(page: str, projection: Run | None, training: Run | None) -> Run | None:
        if page in ("training", "freedom"):
            return training or (projection if page == "freedom" else None)
        return projection if page != "share" else None

    def _show_choices(self, page: str, projection: Run | None) -> None:
        self.counts.setVisible(page == "freedom")
        self.errors.setVisible(page == "layers" and projection is not None)
        self.ways.setVisible(page == "layers" and projection is not None)
        self.likenesses.setVisible(page == "likeness" and projection is not None)
        self.ratios.setVisible(page == "layers" and projection is not None)
        lacks = page == "layers" and projection is not None and not self._is_chosen_way(projection)
        self.offer.setVisible(lacks)
        if lacks:
            self.offer.say(f"Not measured yet: {self.ways.currentText()}.", "Measure it")
        if projection is None:
            return
        names = projection.result.names("ratio")
        if tuple(self.ratios.itemText(i) for i in range(self.ratios.count())) != names:
            self.ratios.clear()
            self.ratios.addItems(list(names))
        for row, name in enumerate(names):
            self.ratios.setItemText(row, name)
        self.ratios.setCurrentIndex(Projected(projection.result).place(self.look.ratio))

    def _show_share(self) -> None:
        workspace = self.workspace
        self.stack.setCurrentWidget(self.share)
        structure = workspace.structure
        known = structure is not None and "total_parameters" in structure
        parameters = structure.value("total_parameters") if structure is not None and known else totals(workspace)[0]
        selected, second = workspace.selection.layers, second_network(workspace)
        self.share.show_network(workspace.layers, parameters, workspace.edits.ring, selected, second)

    def _show_run(self, run: Run | None) -> None:
        if run is None:
            self.facts.say("")
            self.badges.setVisible(False)
            return
        facts = run.result.facts
        named = ("variant", "scale", "gain", "batch normalisation", "accuracy", "recipe")
        words = [conditions.progress(run), *(facts[name] for name in named if name in facts and facts[name] != "none")]
        self.facts.say(" · ".join(word for word in words if word), conditions.details(run.result))
        # What is shared here does not make a projection old: it is always one of the network without sharing.
        badges = conditions.badges(run, replace(self.workspace.edits, ring=run.request.edits.ring))
        badges += [warning.text for warning in run.result.warnings]
        badges += [why] if (why := self._why_not_compared(run.request.method)) else []
        self.badges.say(" · ".join(badges))
        self.badges.setVisible(bool(badges))

    def _why_not_compared(self, method: str) -> str:
        """Say why the page shows nothing of the network that is compared with, "" if it does."""
        page = self.pages.get(self.segments.value)
        if page is None:
            return ""
        why = page.why_not
        if why and page.second is not None:
            return f"{page.second.name}: not compared, because {why}"
        return why_not_shared(self.workspace, method, page.second)

    # -- empty -------------------------------------------------------------------------------------------------------

    def _show_why_empty(self, page: str) -> None:
        workspace = self.workspace
        self.stack.setCurrentWidget(self.nothing)
        wanted = TRAINED if page == "training" else METHOD
        if any(run.open and run.request.method == wanted for run in workspace.runs.values()):
            self.nothing.say("It is being measured …", "", "")
        elif page == "training" and workspace.images is None:
            self.nothing.say(f"{TRAIN} It needs pictures with labels.", "Choose pictures…", "")
        elif page == "training":
            self.nothing.say(TRAIN, "Train two networks", "one with a ring of N / M = 0.2, one without")
        else:
            self.nothing.say(SENTENCE, "Project onto rings", duration_words(workspace, METHOD))

    def fill(self) -> None:
        """Do what the button of the empty state says."""
        if self.workspace.model is None:
            self.action_wanted.emit("open_demo")
        else:
            self._ask()

    def _ask(self) -> None:
        if self.segments.value != "training":
            self.workspace.request_run(self._request(METHOD))
        elif self.workspace.images is None:
            self.action_wanted.emit("choose_images")
        else:
            self.workspace.request_run(self._request(TRAINED))

    def _ask_way(self) -> None:
        self.workspace.request_run(self._request(METHOD, **PARAMS[str(self.ways.currentData())]))

    def _request(self, method: str, **params: Value) -> Request:
        """Ask about the network without sharing: what a ring makes of shared weights says nothing."""
        request = self.workspace.new_request(method, **params)
        return replace(request, edits=replace(request.edits, ring=()))

    # -- choices -----------------------------------------------------------------------------------------------------

    def show_page(self, name: str) -> None:
        """Show another side."""
        self.segments.set_value(name)
        self.readout.show_entries("", ())
        self.state_changed.emit()
        self.invalidate()

    def _look(self, **changes: Any) -> None:
        self.look = replace(self.look, **changes)
        self.state_changed.emit()
        self.invalidate()

    def _share(self, wish: Wish | None) -> None:
        """Share the open network, or take that back, as one step that can be undone."""
        edits = self.workspace.edits
        words = f"share weights, N / M = {wish.ratio:g}" if wish is not None else "take sharing back"
        ring = wish.to_pairs() if wish is not None else ()
        self.workspace.undo.push(SetEdits(self.workspace, replace(edits, ring=ring), words))

    def _tell(self, heading: str, found: object) -> None:
        self.readout.show_entries(heading, tuple(found) if isinstance(found, tuple) else ())

    def _show_menu(self, place: QPoint) -> None:
        """Offer the page that says more."""
        page = TRAINED if self.segments.value in ("training", "freedom") else METHOD
        menu = QMenu(self)
        menu.addAction("What is this?", lambda: self.help_wanted.emit(page))
        if page == TRAINED:
            menu.addAction("What is a projection?", lambda: self.help_wanted.emit(METHOD))
        menu.popup(place)

    def contextMenuEvent(self, event: Any) -> None:
        """Offer the page that says more."""
        self._show_menu(QPoint(event.globalPos()))

    # -- figure and state --------------------------------------------------------------------------------------------

    def figure_spec(self) -> FigureSpec | None:
        """Return the figure of the side that is shown, None without a stored run."""
        page, options = self.segments.value, {}
        run, name = self._projection(), FIGURE_OF.get(page, "ring_projection")
        training = self.workspace.latest(TRAINED)
        if page == "training" or (page == "freedom" and training is not None and Trained(training.result).finished):
            run, name = training, "sharing_curve"
            options["freedom"] = self.look.count
        if run is None or run.folder is None:
            return None
        if page == "likeness" and self.look.likeness == "gradients":
            name = "ring_agreement"
        if name == "ring_error" and self.look.ratio in run.result.names("ratio"):
            options["ratio"] = self.look.ratio
        spec = FigureSpec(name, (str(run.folder),), tuple(options.items()))
        return with_layers(self.workspace, spec, self._second_run(name))

    def _second_run(self, figure: str) -> Run | None:
        """Run of the network that is compared with behind a figure; of a matrix only while its difference is shown."""
        page = self.pages.get(self.segments.value)
        second = page.second if page is not None else None
        if page is None or second is None:
            return None
        if isinstance(page, (RingPage, LikenessPage)):
            there = page.switch.on
        else:
            there = not page.why_not or figure == "sharing_curve"
        trained, projected = second.trained, second.projected
        if figure == "sharing_curve":
            return run_of(self.workspace, trained.result if trained is not None and trained.finished else None)
        return run_of(self.workspace, projected.result) if projected is not None and there else None

    def state(self) -> dict[str, Any]:
        """Return side and what is looked at."""
        look = self.look
        return {"side": self.segments.value, "count": look.count, "value": look.value, "likeness": look.likeness}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state` returned; unknown words are ignored."""
        side = state.get("side")
        if isinstance(side, str):
            self.segments.set_value(side)
        choices = (
            ("count", self.counts, COUNTS),
            ("value", self.errors, ERRORS),
            ("likeness", self.likenesses, LIKENESSES),
        )
        for name, segments, known in choices:
            value = state.get(name)
            if isinstance(value, str) and value in dict(known):
                segments.set_value(value)
                changes: dict[str, Any] = {name: value}
                self.look = replace(self.look, **changes)
        self.invalidate()
