"""Attribution: which pixels the score of a class rests on, by several algorithms side by side."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QContextMenuEvent, QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QVBoxLayout

from analysis.figures import FigureSpec
from analysis.measures.attributions import algorithm
from app.drawing.attribution_board import AttributionBoard, Pane
from app.drawing.readout import Line
from app.forms.attribution_form import AttributionForm
from app.forms.second_offer import SecondOffer
from app.forms.widgets import Bar
from app.reading import attribution_reading as reading
from app.reading import conditions
from app.reading.asking_second import of_second
from app.reading.attribution_reading import Explanation, MapReading, Wish
from app.theme import Theme
from app.views.base import View
from app.workspace import Run, Workspace

METHOD = reading.METHOD
SENTENCE = (
    "Attribution shows which pixels of a picture speak for a class and which against it, by several algorithms side "
    "by side."
)
KINDS = {"target": str, "layer": str, "baseline": str, "steps": int, "window": int, "stride": int}
"""What a workspace file keeps of the wish, apart from the algorithms."""
SUMMARY_TERMS = {
    "predicted": "verdict",
    "confidence": "prediction_share",
    "right": "verdict",
    "label": "verdict",
    "explained": "target",
    "score": "target_score",
}
"""Words of the summary, and their terms in the glossary."""
SCALES = {True: "one colour scale for all maps", False: "each map has its own colour scale"}


class AttributionView(View):
    """A picture, its attributions, and the controls above them."""

    def __init__(self, workspace: Workspace, theme: Theme) -> None:
        super().__init__(workspace, theme, "Attribution")
        self._asked: tuple[object, ...] = ()
        self._build()

    def _build(self) -> None:
        self.form, self.board = AttributionForm(self.theme), AttributionBoard(self.theme)
        self.board.help_wanted.connect(self.help_wanted)
        self.summary, self.facts = Line(self.theme, "text", "text", SUMMARY_TERMS), Line(self.theme)
        self.summary.help_wanted.connect(self.help_wanted)
        self.badges, self.bar = Line(self.theme, "small", "warning"), Bar(self.theme)
        self.form.stepped.connect(self.step)
        self.form.changed.connect(self._changed)
        self.form.shown_changed.connect(self._changed)
        self.form.explain_wanted.connect(self.explain)
        self.form.cancel_wanted.connect(self.cancel)
        heading = QHBoxLayout()
        heading.setContentsMargins(12, 6, 12, 0)
        heading.addWidget(self.summary, 1)
        heading.addWidget(self.bar)
        footer = QVBoxLayout()
        footer.setContentsMargins(12, 0, 12, 6)
        footer.setSpacing(0)
        footer.addWidget(self.badges)
        footer.addWidget(self.facts)
        self.ask_second = SecondOffer(self.workspace, "Show its attributions")
        footer.addWidget(self.ask_second, alignment=Qt.AlignmentFlag.AlignLeft)
        layout = QVBoxLayout(self.content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.form)
        layout.addLayout(heading)
        layout.addWidget(self.board, 1)
        layout.addLayout(footer)

    # -- showing -----------------------------------------------------------------------------------------------------

    def concerns(self, run: Run) -> bool:
        """Tell whether a run is one of those that are drawn here."""
        return run.request.method == METHOD

    def refresh(self) -> None:
        """Draw what is known of the selected picture."""
        workspace = self.workspace
        sample = workspace.selection.sample
        found = self._found()
        busy = self._open_run()
        if found is None and busy is None and not self._any():
            self._show_why_empty()
            return
        self.show_content()
        self._offer_names(found)
        place = found.place if found else max(sample, 0)
        self.form.picture.setText(f"picture #{place}")
        self.form.before.setEnabled(place > 0)
        self.form.after.setEnabled(place + 1 < self._total(found))
        self.form.set_busy(busy is not None)
        progress = busy.result.progress if busy else None
        self.bar.setVisible(busy is not None)
        self.bar.set_share(progress.done / progress.total if progress and progress.total else 0.0)
        if found is None:
            self._show_nothing(place, busy)
        else:
            self._show(found, busy)

    def _found(self) -> Explanation | None:
        return reading.explanation(self.workspace, self.workspace.selection.sample, self.form.wish.target)

    def _any(self) -> bool:
        return any(reading.fits(run, self.workspace) for run in self.workspace.runs.values())

    def _open_run(self) -> Run | None:
        runs = (run for run in self.workspace.runs.values() if run.open and run.request.method == METHOD)
        return next(runs, None)

    def cancel(self) -> None:
        """Stop the explanation that is being computed or waits; what else runs goes on."""
        run = self._open_run()
        if run is not None:
            self.workspace.request_cancel(run.number)

    def _show_why_empty(self) -> None:
        workspace = self.workspace
        if workspace.model is None:
            self.show_empty(f"{SENTENCE} It needs a network and pictures.", "Open the demo")
        elif workspace.images is None:
            self.show_empty(f"{SENTENCE} It needs pictures.", "Choose pictures…")
        else:
            took = reading.seconds(workspace, self.form.wish)
            note = f"about {max(1, round(took))} s on {workspace.compute.device}" if took else ""
            place = max(workspace.selection.sample, 0)
            problem = reading.failure(workspace, self.form.wish, place)
            self.show_empty(SENTENCE, f"Explain picture #{place}", problem.message if problem else note)

    def fill(self) -> None:
        """Do what the button of the empty state says."""
        if self.workspace.model is None:
            self.action_wanted.emit("open_demo")
        elif self.workspace.images is None:
            self.action_wanted.emit("choose_images")
        else:
            self.explain()

    def _offer_names(self, found: Explanation | None) -> None:
        classes = found.run.result.names("class") if found else ()
        if not classes:
            evaluated = self.workspace.latest("evaluate")
            classes = evaluated.result.names("class") if evaluated else ()
        layers = tuple(
            layer.name
            for layer in self.workspace.layers
            if layer.kind in ("conv", "activation", "block") and len(layer.shape) == 3 and layer.positions > 1
        )
        self.form.set_names(classes, layers)

    def _show_nothing(self, place: int, busy: Run | None) -> None:
        words = f"Picture #{place} has not been explained yet." if busy is None else f"Explaining picture #{place} …"
        problem = reading.failure(self.workspace, self.form.wish, place) if busy is None else None
        if problem is not None:
            words = f"Picture #{place} could not be explained. {problem.message} {problem.hint}".strip()
        self.board.show_panes(None, (), 1.0, words)
        self.summary.say("")
        self.facts.say(_progress(busy))
        self.badges.hide()
        if busy is None and problem is None and self._affordable():
            self._ask_quietly(place)

    def _show(self, found: Explanation, busy: Run | None) -> None:
        wish = self.form.wish
        shown = reading.gathered(self.workspace, found, wish)
        ends = reading.reaches(shown, self.form.shared.isChecked())
        panes = [Pane("Picture", tip="As the network saw it, before its mean was taken off.")]
        by_name = {item.algorithm.name: (item, end) for item, end in zip(shown, ends, strict=True)}
        for name in wish.algorithms:
            if name not in by_name:
                panes.append(Pane(algorithm(name).title, note="Not computed. Press Explain."))
                continue
            item, end = by_name[name]
            if item.arrived:
                panes.append(Pane(item.algorithm.title, item.caption, item.values, end, "", item.verdict, item.tip))
            else:
                panes.append(Pane(item.algorithm.title, note="…" if item.run.open else "Ended before this map."))
        opacity, why = self.form.opacity.value() / 100, ""
        second = reading.second_explanation(self.workspace, found.place)
        if second is not None and second[1] is not None:
            panes += self._second_panes(second[0], second[1], wish)
            self.board.show_panes(found.picture, tuple(panes), opacity, rows=2)
        else:
            self.board.show_panes(found.picture, tuple(panes), opacity)
            why = second[2] if second is not None else ""
        lacking = second is not None and second[1] is None and bool(wish.algorithms)
        asked = reading.request(self.workspace, wish, found.place)
        self.ask_second.offer(of_second(self.workspace, asked) if lacking else None)
        self.summary.say(
            found.words(), "" if second is None or second[1] is None else f"{second[0]}: {second[1].words()}"
        )
        words = [_progress(busy), *reading.facts_of(shown), SCALES[self.form.shared.isChecked()], why]
        self.facts.say(" · ".join(word for word in words if word), conditions.details(found.run.result))
        badges = [*self._conditions(found, shown), *self._other(found, shown, wish)]
        self.badges.say(" · ".join(dict.fromkeys(badges)))
        self.badges.setVisible(bool(badges))

    def _second_panes(self, name: str, found: Explanation, wish: Wish) -> list[Pane]:
        """Panes of the second network below those of the first, in the same order."""
        maps = {item.algorithm.name: item for item in found.maps()}
        shown = tuple(maps[key] for key in wish.algorithms if key in maps)
        ends = dict(zip(shown, reading.reaches(shown, self.form.shared.isChecked()), strict=True))
        panes = [Pane(name, found.words().split(" · ")[0], picture=found.picture, tip=found.words())]
        for key in wish.algorithms:
            item = maps.get(key)
            title = algorithm(key).title
            if item is None:
                panes.append(Pane(title, note=f"Not computed of {name}."))
            elif item.arrived:
                shape = (item.caption, item.values, ends[item], "", item.verdict)
                panes.append(Pane(title, *shape, f"{name}\n{item.tip}", found.picture))
            else:
                panes.append(Pane(title, note="…" if found.run.open else "Ended before this map."))
        return panes

    def _conditions(self, found: Explanation, shown: tuple[MapReading, ...]) -> list[str]:
        """Say what must not be overlooked about the runs that are shown, and why one failed."""
        words: list[str] = []
        for run in {run.number: run for run in [item.run for item in shown] or [found.run]}.values():
            words += conditions.badges(run, self.workspace.edits)
            problem = run.result.finished.problem if run.result.finished is not None else None
            words += [problem.message] if problem is not None else []
        return words

    def _other(self, found: Explanation, shown: tuple[MapReading, ...], wish: Wish) -> list[str]:
        """Say if what is shown was computed with other choices than those above, as far as they matter for it."""
        other = [] if found.explains(wish.target) or found.run.open else ["target"]
        for item in shown:
            other += [] if item.run.open else reading.other_settings(item, wish)
        return [f"computed with another {' and '.join(dict.fromkeys(other))}: press Explain"] if other else []

    # -- choices -----------------------------------------------------------------------------------------------------

    def explain(self) -> None:
        """Ask for the selected picture with what is chosen."""
        workspace, wish = self.workspace, self.form.wish
        found = self._found()
        place = workspace.selection.sample if workspace.selection.sample >= 0 else (found.place if found else 0)
        if wish.algorithms:
            workspace.request_run(reading.request(workspace, wish, place))

    def step(self, by: int) -> None:
        """Select the picture before or after."""
        found = self._found()
        now = self.workspace.selection.sample if self.workspace.selection.sample >= 0 else (found.place if found else 0)
        target = now + by
        if 0 <= target < self._total(found):
            self.workspace.select_sample(target)

    def _total(self, found: Explanation | None) -> int:
        """Return the number of pictures of the source, as far as any run has said it."""
        for run in [found.run] if found else list(self.workspace.runs.values()):
            prepared = run.result.prepared
            if prepared and prepared.samples.total and run.request.images == self.workspace.images:
                return prepared.samples.total
        return 1 << 31

    def _affordable(self) -> bool:
        """Tell whether another picture may be explained without having been asked for."""
        workspace = self.workspace
        known = workspace.method(METHOD) is not None and workspace.structure is not None
        wish = self.form.wish
        return known and bool(wish.algorithms) and reading.seconds(workspace, wish) <= reading.PATIENCE

    def _ask_quietly(self, place: int) -> None:
        request = reading.request(self.workspace, self.form.wish, place)
        if (request,) != self._asked:  # a run that failed is not asked for again and again
            self._asked = (request,)
            self.workspace.request_glance(request)

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
        spec = self.figure_spec()
        if spec is not None:
            menu.addAction("Export figure…", lambda: self.workspace.request_figure(spec))
        elif self._found() is not None:
            menu.setToolTipsVisible(True)
            store = menu.addAction("Explain and store, to export…", self.explain)
            store.setToolTip(self.why_no_figure())
            store.setEnabled(bool(self.form.wish.algorithms) and self._open_run() is None)
        menu.addAction("What is this?", lambda: self.help_wanted.emit(METHOD))
        menu.popup(event.globalPos())

    # -- figure and state --------------------------------------------------------------------------------------------

    def figure_spec(self) -> FigureSpec | None:
        """Return the shown maps of the picture as a figure, None as long as not all of them are stored."""
        found = self._found()
        shown = reading.gathered(self.workspace, found, self.form.wish) if found is not None else ()
        maps = tuple(item for item in shown if item.arrived)
        if found is None or not maps or not all(item.run.folder for item in maps):
            return None
        order = _order(maps)
        names = ",".join(item.algorithm.name for item in maps)
        options = (("picture", str(found.place)), ("algorithms", names), ("shared", self.form.shared.isChecked()))
        return FigureSpec("attribution", order, options) if order else None

    def why_no_figure(self) -> str:
        """Say what has to be stored first."""
        if self.figure_spec() is not None or self._found() is None:
            return ""
        return (
            "Not all of these maps are stored, so there is no figure of them. Press Explain: what it computes is kept."
        )

    def state(self) -> dict[str, Any]:
        """Return what is chosen."""
        wish = self.form.wish
        return {
            "algorithms": list(wish.algorithms),
            "target": wish.target,
            "layer": wish.layer,
            "baseline": wish.baseline,
            "steps": wish.steps,
            "window": wish.window,
            "stride": wish.stride,
            "shared": self.form.shared.isChecked(),
            "opacity": self.form.opacity.value(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state` returned."""
        plain = reading.PLAIN
        names = state.get("algorithms")
        known = tuple(name for name in names if name in self.form.boxes) if isinstance(names, list) else ()
        given: dict[str, Any] = {"algorithms": known or plain.algorithms}
        for key, kind in KINDS.items():
            given |= {key: state[key]} if type(state.get(key)) is kind else {}
        self.form.set_wish(replace(plain, **given))
        self.form.shared.setChecked(state.get("shared") is True)
        opacity = state.get("opacity")
        self.form.opacity.setValue(opacity if type(opacity) is int else 80)
        self.invalidate()


def _progress(run: Run | None) -> str:
    step = run.result.progress if run else None
    if step is None or not step.total:
        return "" if run is None else "waiting" if run.state == "queued" else "reading"
    return f"{step.text}, {step.done:,} of {step.total:,}"


def _order(maps: tuple[MapReading, ...]) -> tuple[str, ...]:
    """Order the runs of maps so that each map is from the first run that has one of its name; () if that cannot be."""
    runs = {item.run.number: item.run for item in maps}
    for order in permutations(runs.values()) if len(runs) < 5 else ():
        firsts = {name: run.number for run in reversed(order) for name in run.result.names("algorithm")}
        if all(firsts[item.algorithm.name] == item.run.number for item in maps):
            return tuple(str(run.folder) for run in order)
    return ()
