"""Attribution: which pixels the score of a class rests on, by several algorithms side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QContextMenuEvent, QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QStackedLayout, QVBoxLayout

from analysis.figures import FigureSpec
from app.drawing.attribution_board import AttributionBoard
from app.drawing.attribution_table import AttributionTable
from app.drawing.explained import board_panes, table_rows
from app.drawing.readout import Line
from app.forms.attribution_footer import AttributionFooter
from app.forms.attribution_form import AttributionForm
from app.forms.widgets import Bar
from app.reading import attribution_answers as answering
from app.reading import attribution_asking as asking
from app.reading import attribution_reading as reading
from app.reading.activation_reading import outdated
from app.reading.attribution_answers import Answers
from app.reading.attribution_figure import figure_of
from app.reading.attribution_turn import Turn, turn_of
from app.reading.attribution_wish import Wish, kept, wish_of
from app.theme import Theme
from app.views.base import View
from app.workspace import Run, Workspace

METHOD = reading.METHOD
SENTENCE = answering.SENTENCE
SUMMARY_TERMS = {
    "predicted": "verdict",
    "confidence": "prediction_share",
    "right": "verdict",
    "label": "verdict",
    "explained": "target",
    "score": "target_score",
}
"""Words of the summary, and their terms in the glossary."""


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """What was read of the workspace when it was last drawn.

    Attributes
    ----------
    turn, answers
        The pictures, and what is known of them.
    busy
        The run that explains one of them, None for none.
    unknown
        Why the class that is wanted is none, "" if it is one.
    """

    turn: Turn
    answers: Answers
    busy: Run | None
    unknown: str


class AttributionView(View):
    """A picture with its attributions, or a table of several, and the controls above them."""

    def __init__(self, workspace: Workspace, theme: Theme) -> None:
        super().__init__(workspace, theme, "Attribution")
        self._asked: object = None
        self._network = workspace.model
        """Network that the choices of the form are about."""
        self._drawn: Drawn | None = None
        self._build()

    def _build(self) -> None:
        self.form, self.board = AttributionForm(self.theme), AttributionBoard(self.theme)
        self.table, self.footer = AttributionTable(self.theme), AttributionFooter(self.workspace, self.theme)
        self.summary, self.bar = Line(self.theme, "text", "text", SUMMARY_TERMS), Bar(self.theme)
        self.links, self.ask_second = self.footer.links, self.footer.ask_second
        self.badges, self.facts = self.footer.badges, self.footer.facts
        self._connect()
        heading = QHBoxLayout()
        heading.setContentsMargins(12, 6, 12, 0)
        heading.addWidget(self.summary, 1)
        heading.addWidget(self.bar)
        self.shown = QStackedLayout()
        self.shown.addWidget(self.board)
        self.shown.addWidget(self.table)
        layout = QVBoxLayout(self.content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.form)
        layout.addLayout(heading)
        layout.addLayout(self.shown, 1)
        layout.addWidget(self.footer)

    def _connect(self) -> None:
        form, workspace = self.form, self.workspace
        for part in (self.board, self.table):
            part.help_wanted.connect(self.help_wanted)
        form.stepped.connect(self.step)
        form.changed.connect(self._changed)
        form.shown_changed.connect(self._look_changed)
        form.explain_wanted.connect(self.explain)
        form.cancel_wanted.connect(self.cancel)
        workspace.shown_samples_changed.connect(self.invalidate)
        self.links.steps_wanted.connect(self._try_steps)
        self.links.unit_chosen.connect(self._select_unit)
        self.table.chosen.connect(lambda place: workspace.select_sample(place, workspace.selection.pictures))
        self.table.opened.connect(workspace.select_sample)

    # -- showing -----------------------------------------------------------------------------------------------------

    def concerns(self, run: Run) -> bool:
        """Tell whether a run is one of those that are drawn here."""
        return run.request.method == METHOD

    def refresh(self) -> None:
        """Draw what is known of the selected pictures."""
        workspace = self.workspace
        if workspace.model is None or workspace.images is None:
            self._show_why_empty()
        elif self._drawn is not None:
            self._draw(self._drawn)
        else:
            self.show_content()
            self._offer_names()
            turn = self._turn()
            busy, unknown = asking.answering(workspace, turn.places), asking.why_no_class(workspace, self._wish.target)
            self._drawn = drawn = Drawn(turn, self._answers(turn), busy, unknown)
            self._show_state(drawn)
            self._draw(drawn)
            if busy is None and not unknown:
                self._ask_quietly([place for place in turn.places if place not in drawn.answers])
            self._drop_outdated(drawn.answers)

    def invalidate(self) -> None:
        """Read and draw everything again soon."""
        self._drawn = None
        super().invalidate()

    def _show_state(self, drawn: Drawn) -> None:
        """Show which pictures there are, and how far their explanation is."""
        turn, busy = drawn.turn, drawn.busy
        self.form.say_pictures(turn.words, turn.tip, turn.several, turn.before >= 0, turn.after >= 0)
        self.form.set_busy(busy is not None, drawn.unknown)
        progress = busy.result.progress if busy else None
        self.bar.setVisible(busy is not None)
        self.bar.set_share(progress.done / progress.total if progress and progress.total else 0.0)
        self.shown.setCurrentWidget(self.table if turn.several and self._wish.algorithms else self.board)
        self._say_summary(turn, drawn.answers)

    def _draw(self, drawn: Drawn) -> None:
        """Show the maps, with the opacity and the scales that are chosen now."""
        turn, answers, busy = drawn.turn, drawn.answers, drawn.busy
        if turn.several:
            self._show_table(turn, answers, busy)
        else:
            self._show_board(turn, answers, busy)
        self.footer.show_words(turn, answers, busy, self._wish, drawn.unknown, self.form.shared.isChecked())

    def _show_why_empty(self) -> None:
        if self.workspace.model is None:
            self.show_empty(f"{SENTENCE} It needs a network and pictures.", "Open the demo")
        else:
            self.show_empty(f"{SENTENCE} It needs pictures.", "Choose pictures…")

    def fill(self) -> None:
        """Do what the button of the empty state says; explain as soon as there is nothing left to open."""
        if self.workspace.model is None:
            self.action_wanted.emit("open_demo")
        elif self.workspace.images is None:
            self.action_wanted.emit("choose_images")
        else:
            self.explain()

    def _offer_names(self) -> None:
        """Offer classes and layers of the open network; a choice that only another one had is given up."""
        workspace, form = self.workspace, self.form
        classes = asking.classes_of(workspace)
        if self._network is not None and workspace.model != self._network and form.wish.target not in classes:
            form.forget_network()
        self._network = workspace.model
        form.withhold_layers(asking.has_no_maps(workspace))
        form.set_names(classes, asking.layers_of(workspace))
        form.offer_layer(workspace.selection.layer)

    def _turn(self) -> Turn:
        workspace = self.workspace
        first = 0
        if workspace.selection.sample < 0 and (found := reading.explanation(workspace, -1)) is not None:
            first = found.place
        return turn_of(workspace, first, asking.page_size(workspace, self._wish))

    def _answers(self, turn: Turn) -> Answers:
        return answering.answers_of(self.workspace, self._wish, turn.places)

    def _show_board(self, turn: Turn, answers: Answers, busy: Run | None) -> None:
        found = answers.get(turn.places[0])
        if found is None:
            self.board.show_panes(None, (), 1.0, answering.lack_words(self.workspace, self._wish, turn.places[0], busy))
            return
        panes = board_panes(found, self._wish, self.form.shared.isChecked())
        self.board.show_panes(found[0].found.picture, panes, self._opacity(), networks=len(found))

    def _show_table(self, turn: Turn, answers: Answers, busy: Run | None) -> None:
        wish, shared = self._wish, self.form.shared.isChecked()
        if not wish.algorithms:
            self.board.show_panes(None, (), 1.0, "Choose an algorithm.")
            return
        lack = "…" if busy is not None else "Not computed."
        titles, rows, one_scale = table_rows(turn.places, answers, wish, shared, lack)
        self.table.show_rows(titles, rows, self.workspace.selection.sample, self._opacity(), one_scale)

    def _say_summary(self, turn: Turn, answers: Answers) -> None:
        if turn.several:
            self.summary.say(answering.counts(len(turn.places), answering.own_of(answers)))
        else:
            first, *others = [one.words for one in answering.all_of(answers)] or [""]
            self.summary.say(first, "\n".join([first, *others]) if others else "")

    @property
    def _wish(self) -> Wish:
        return self.form.wish

    def _opacity(self) -> float:
        return self.form.opacity.value() / 100

    # -- choices -----------------------------------------------------------------------------------------------------

    def explain(self) -> None:
        """Ask for the pictures that are shown with what is chosen."""
        wish = self._wish
        if not wish.algorithms:
            return
        if asking.why_no_class(self.workspace, self._wish.target):
            self.invalidate()  # which says so
            return
        self.workspace.request_run(asking.request(self.workspace, wish, *self._turn().places))

    def cancel(self) -> None:
        """Stop the explanation that is being computed or waits; what else runs goes on."""
        run = asking.answering(self.workspace, self._turn().places)
        if run is not None:
            self.workspace.request_cancel(run.number)

    def step(self, by: int) -> None:
        """Select the picture, or the page of pictures, before or after, in the order of Samples."""
        turn = self._turn()
        target = turn.before if by < 0 else turn.after
        if target >= 0:
            self.workspace.select_sample(target, self.workspace.selection.pictures if turn.several else ())

    def _try_steps(self, steps: int) -> None:
        self.form.steps.setValue(steps)
        self.explain()

    def _ask_quietly(self, missing: Sequence[int]) -> None:
        """Have pictures explained that were selected, where that takes no time to speak of."""
        workspace, wish = self.workspace, self._wish
        known = workspace.method(METHOD) is not None and workspace.structure is not None
        if not (missing and known and wish.algorithms and reading.explained_here(workspace)):
            return
        request = asking.request(workspace, wish, *missing)
        cheap = len(missing) * asking.seconds(workspace, wish) <= asking.PATIENCE
        # A run that failed is not asked for again and again.
        if cheap and request != self._asked and asking.failure(workspace, wish, missing) is None:
            self._asked = request
            workspace.request_glance(request)

    def _drop_outdated(self, answers: Answers) -> None:
        """Take old quiet explanations out of the window, but none that is shown."""
        shown = frozenset(answering.runs_of(answering.all_of(answers)))
        for number in outdated(self.workspace, METHOD, shown):
            self.workspace.remove_run(number)

    def _select_unit(self, layer: str, unit: int) -> None:
        self.workspace.select(replace(self.workspace.selection, layers=(layer,), channel=unit))

    def _look_changed(self) -> None:
        """Draw what is known once more; nothing of it has changed."""
        self.state_changed.emit()
        super().invalidate()

    def _changed(self) -> None:
        self.state_changed.emit()
        self.invalidate()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go to the picture before or after with the arrow keys."""
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        else:
            self.step(step)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Offer what can be done with the maps."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        spec, why = self.figure_spec(), self.why_no_figure()
        if spec is not None:
            menu.addAction("Export figure…", lambda: self.workspace.request_figure(spec))
        elif why:
            menu.setToolTipsVisible(True)
            store = menu.addAction("Explain and store, to export…", self.explain)
            store.setToolTip(why)
            store.setEnabled(self.form.explain.isEnabled() and not self.form.cancel.isVisible())
        menu.addAction("What is this?", lambda: self.help_wanted.emit(METHOD))
        menu.popup(event.globalPos())

    # -- figure and state --------------------------------------------------------------------------------------------

    def figure_spec(self) -> FigureSpec | None:
        """Return the shown maps as a figure, None as long as not all of them are stored."""
        answers = self._answers(self._turn())
        maps = [(place, item) for place, found in answers.items() for item in found[0].maps.values() if item.arrived]
        seconds = [one.found.run for one in answering.all_of(answers) if one.network]
        return figure_of(maps, self.form.shared.isChecked(), seconds)

    def why_no_figure(self) -> str:
        """Say what has to be stored first."""
        if self.figure_spec() is not None or not self._answers(self._turn()):
            return ""
        return (
            "Not all of these maps are stored, so there is no figure of them. Press Explain: what it computes is kept."
        )

    def state(self) -> dict[str, Any]:
        """Return what is chosen."""
        return kept(self._wish) | {"shared": self.form.shared.isChecked(), "opacity": self.form.opacity.value()}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state` returned."""
        self._network = self.workspace.model
        self.form.set_wish(wish_of(state))
        self.form.shared.setChecked(state.get("shared") is True)
        opacity = state.get("opacity")
        self.form.opacity.setValue(opacity if type(opacity) is int else 80)
        self.invalidate()
