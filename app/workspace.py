"""What is open: network, pictures, edits, runs, one selection. The only thing that panels and views listen to."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoStack

from analysis.catalogue import MethodInfo, Value
from analysis.config import LayerSpec
from analysis.edits import Edits
from analysis.events import Chunk, Event, Finished, Prepared, Progress, Started
from analysis.problems import Problem
from analysis.request import Compute, ImageSource, ModelSource, Request
from analysis.result import Result
from app.hints import told
from app.runs import Run
from app.runs import newest as newest
from app.selection import ChosenBundle, ChosenConfiguration, SampleFilter, Selection, Trail
from app.weights import Weights, stands_for

__all__ = ["ChosenBundle", "ChosenConfiguration", "Run", "SampleFilter", "Selection", "Workspace"]


class Workspace(QObject):
    """What is open, with one owner for every piece of state and one signal for every change.

    Views read the attributes and connect to the signals; they change state only through the methods below.
    """

    model_changed = Signal()
    """The network, its structure, or the state of its loading has changed."""
    images_changed = Signal()
    compute_changed = Signal()
    edits_changed = Signal()
    selection_changed = Signal()
    span_changed = Signal()
    """The brushed range of layers has changed."""
    compared_changed = Signal()
    checkpoint_changed = Signal()
    """Other weights of the open network are shown; `runs_changed` follows."""
    sample_filter_changed = Signal()
    shown_samples_changed = Signal()
    """Samples shows other pictures, or the same ones in another order."""
    runs_changed = Signal()
    """A run was added, removed or renamed, or other runs are the latest ones."""
    run_changed = Signal(int)
    """Something has arrived for a run; at most once per frame."""
    run_finished = Signal(int)
    problem_raised = Signal(object)
    """A :class:`analysis.problems.Problem` that the user should see."""
    run_wanted = Signal(object)
    """A :class:`analysis.request.Request` that a view asks for; the main window submits it."""
    cancel_wanted = Signal(int)
    """The number of a run that a view wants to end."""
    glance_wanted = Signal(object)
    """A :class:`analysis.request.Request` of a panel for what it shows: carried out quietly and not kept on disk."""
    look_wanted = Signal(object)
    """A :class:`analysis.request.Request` of a view for what it is about to show: carried out quietly, kept on disk."""
    second_wanted = Signal(object)
    """A file or the name of a network to compare with, and to measure as the open network was measured."""
    figure_wanted = Signal(object)
    """A :class:`analysis.figures.FigureSpec` that a view asks to export."""
    methods_changed = Signal()
    """The engine has said what it can do."""
    sampling_changed = Signal()
    """Sample size or seed of coming runs have changed."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.model: ModelSource | None = None
        self.images: ImageSource | None = None
        self.compute = Compute()
        self.edits = Edits()
        self.selection = Selection()
        self.span: tuple[int, int] | None = None
        self.compared: int | None = None
        self.checkpoint: tuple[str, ...] | None = None
        self.sample_filter: SampleFilter | None = None
        self.shown_samples: NDArray[np.int64] | None = None
        """Places of the pictures that Samples shows, in its order; None as long as it has not shown these pictures."""
        self.structure: Result | None = None
        self.loading: int | None = None
        self.model_problem: Problem | None = None
        self.runs: dict[int, Run] = {}
        self.methods: tuple[MethodInfo, ...] = ()
        self.limit = 0
        self.seed = 0
        self.undo = QUndoStack(self)
        self.undo.setUndoLimit(1000)
        self._trail = Trail()
        self._stored_numbers = iter(range(-1, -(1 << 62), -1))

    # -- what is open ------------------------------------------------------------------------------------------------

    def set_model(self, source: ModelSource | None) -> None:
        """Open another network; its structure follows as a run with the purpose "open"."""
        self.model, self.structure, self.model_problem, self.loading = source, None, None, None
        self.edits, self.span, self.checkpoint = Edits(), None, None
        self.undo.clear()
        self._trail.clear()
        self.selection = Selection()
        self.model_changed.emit()
        self.selection_changed.emit()
        self.checkpoint_changed.emit()

    def set_images(self, source: ImageSource | None) -> None:
        """Open other pictures; what is selected of those before, now or earlier, means nothing among them."""
        others = (self.images.location if self.images else "") != (source.location if source else "")
        self.images = source
        self.show_samples(None)
        if others:
            self._trail.clear()
            self.selection = replace(self.selection, sample=-1, samples=(), bundle=None)
        self.images_changed.emit()
        self.filter_samples(None)
        if others:
            self.selection_changed.emit()

    def set_compute(self, compute: Compute) -> None:
        """Choose device, precision and threads."""
        if compute != self.compute:
            self.compute = compute
            self.compute_changed.emit()

    def set_sampling(self, limit: int, seed: int) -> None:
        """Choose how many pictures coming runs use (0: the method's choice, -1: all) and the seed of the choice."""
        if (limit, seed) != (self.limit, self.seed):
            self.limit, self.seed = limit, seed
            self.sampling_changed.emit()

    def set_methods(self, methods: tuple[MethodInfo, ...]) -> None:
        """Take in what the engine can do."""
        self.methods = methods
        self.methods_changed.emit()

    def set_edits(self, edits: Edits) -> None:
        """Replace the edits. Called by undo commands only; views push a command on `undo`."""
        if edits != self.edits:
            recounted, shown = edits.ring != self.edits.ring, self._shown_runs()
            self.edits = edits
            self.edits_changed.emit()
            if recounted or shown != self._shown_runs():
                self.runs_changed.emit()

    @property
    def layers(self) -> tuple[LayerSpec, ...]:
        """Rows of the open network in execution order, empty until its structure is known."""
        return self.counted.layers if self.counted else ()

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(channel, y, x) of what the open network takes, () until its structure is known."""
        return next((layer.shape for layer in self.layers if layer.kind == "input"), ())

    @property
    def counted(self) -> Result | None:
        """Structure whose parameters are counted as they are stored: of shared weights each ring once.

        Until the structure of the shared network is known, that of the network without sharing.
        """
        if not self.edits.ring or self.structure is None:
            return self.structure
        wanted = Edits(ring=self.edits.ring)
        runs = (run for run in reversed(self.runs.values()) if run.request.method == "structure")
        fits = (run for run in runs if run.request.edits == wanted and self._is_of_open_model(run))
        return next((run.result for run in fits if run.state == "completed"), self.structure)

    # -- asking for runs ---------------------------------------------------------------------------------------------

    def method(self, name: str) -> MethodInfo | None:
        """Return what is known of a method, None before the engine is ready or for an unknown name."""
        return next((info for info in self.methods if info.name == name), None)

    def new_request(self, method: str, **params: Value) -> Request:
        """Make a request for what is open: network, pictures, edits, device, sample size and seed.

        Pictures and network are left out where the method can do nothing with them, so that window and command line
        ask alike; pictures that it takes without needing them are given if they are open.
        """
        info = self.method(method)
        needs = info.needs | info.takes if info else frozenset({"model", "images"})
        return Request(
            method,
            self.shown_model if "model" in needs else None,
            self.images if "images" in needs else None,
            self.edits if "model" in needs else Edits(),
            tuple(sorted(params.items())),
            limit=self.limit if "images" in needs and self.images is not None else 0,
            seed=self.seed,
            compute=self.compute,
        )

    def missing(self, method: str) -> tuple[str, ...]:
        """Name what has to be opened before a method can run: "model", "images"; empty if nothing."""
        info = self.method(method)
        needs = info.needs if info else frozenset({"model", "images"})
        opened = {"model": self.model is not None, "images": self.images is not None}
        return tuple(need for need, there in opened.items() if need in needs and not there)

    def request_run(self, request: Request) -> None:
        """Ask the window to measure something."""
        self.run_wanted.emit(request)

    def request_cancel(self, number: int) -> None:
        """Ask the window to end one run, and no other."""
        self.cancel_wanted.emit(number)

    def request_glance(self, request: Request) -> None:
        """Ask the window to measure, without a word and without a folder, what a panel is about to show."""
        self.glance_wanted.emit(request)

    def request_look(self, request: Request) -> None:
        """Ask the window to measure without a word what a view shows by itself; a stored answer is used."""
        self.look_wanted.emit(request)

    def request_second(self, text: str) -> None:
        """Ask the window to compare with a file or a network by its name, and to measure it for that."""
        self.second_wanted.emit(text)

    def request_figure(self, spec: object) -> None:
        """Ask the window to open the export of a figure."""
        self.figure_wanted.emit(spec)

    # -- selection ---------------------------------------------------------------------------------------------------

    def select(self, selection: Selection) -> None:
        """Select something everywhere; a bundle only with its layer."""
        selection = selection.consistent
        if selection == self.selection:
            return
        self._trail.leave(self.selection)
        self._show_selection(selection)

    def _show_selection(self, selection: Selection) -> None:
        self.selection = selection
        self.selection_changed.emit()

    def select_layer(self, name: str, extend: bool = False) -> None:
        """Select a layer; with `extend` add it to, or take it from, those that are selected."""
        if not extend:
            return self.select(replace(self.selection, layers=(name,), channel=-1))
        kept = tuple(layer for layer in self.selection.layers if layer != name)
        added = kept if name in self.selection.layers else (*kept, name)
        return self.select(replace(self.selection, layers=added, channel=-1))

    def select_sample(self, place: int, among: tuple[int, ...] = ()) -> None:
        """Select a picture by its place in the source, -1 for none; `among` are all if several are selected."""
        several = among if len(among) > 1 and place in among else ()
        self.select(replace(self.selection, sample=place, samples=several))

    def select_bundle(self, bundle: ChosenBundle | None) -> None:
        """Select a bundle and its layer; None for no bundle, which leaves the layer."""
        self.select(self.selection.with_bundle(bundle))

    def select_configuration(self, configuration: ChosenConfiguration | None) -> None:
        """Select a configuration; None for the network as it is."""
        self.select(replace(self.selection, configuration=configuration))

    @property
    def can_step_back(self) -> bool:
        """True if there is a selection before this one."""
        return self._trail.has_past

    @property
    def can_step_forward(self) -> bool:
        """True if a step back can be undone."""
        return self._trail.has_future

    def step_back(self) -> None:
        """Return to the selection before."""
        if self._trail.has_past:
            self._show_selection(self._trail.back(self.selection))

    def step_forward(self) -> None:
        """Undo a step back."""
        if self._trail.has_future:
            self._show_selection(self._trail.forward(self.selection))

    def set_span(self, span: tuple[int, int] | None) -> None:
        """Restrict all views to the layers from `span[0]` to `span[1]`, both inclusive, in execution order."""
        if span != self.span:
            self.span = span
            self.span_changed.emit()

    def compare_with(self, run: int | None) -> None:
        """Draw another run as an outline behind the current one."""
        if run != self.compared:
            self.compared = run
            self.compared_changed.emit()

    def show_checkpoint(self, weights: tuple[str, ...] | None) -> None:
        """Show other weights of the open network in all views; None for those it was opened with."""
        if self.model is None or weights == self.model.weights:
            weights = None
        if weights != self.checkpoint:
            self.checkpoint = weights
            self.checkpoint_changed.emit()
            self.runs_changed.emit()

    @property
    def shown_model(self) -> ModelSource | None:
        """The open network with the weights that are shown: what coming runs measure."""
        if self.model is None or self.checkpoint is None:
            return self.model
        return replace(self.model, weights=self.checkpoint)

    @property
    def shown_weights(self) -> Weights:
        """The weights that are shown, as in a request; () for those that the network brings, or for no network."""
        shown = self.shown_model
        return shown.weights if shown is not None else ()

    def filter_samples(self, chosen: SampleFilter | None) -> None:
        """Show only some pictures wherever pictures are browsed; None for all."""
        if chosen is not self.sample_filter:
            self.sample_filter = chosen
            self.sample_filter_changed.emit()

    def show_samples(self, places: NDArray[np.int64] | None) -> None:
        """Take in which pictures Samples shows, (n,) int64 places in its order; None for not shown yet."""
        before = self.shown_samples
        same = places is before if places is None or before is None else np.array_equal(places, before)
        if not same:
            self.shown_samples = places
            self.shown_samples_changed.emit()

    # -- runs --------------------------------------------------------------------------------------------------------

    def add_run(self, run: Run) -> None:
        """Take in a run that was submitted or read from disk."""
        self.runs[run.number] = run
        if run.purpose == "open":
            self.loading = run.number
            self.model_changed.emit()
        self.runs_changed.emit()

    def add_stored(self, folder: Path, request: Request, result: Result, state: str, title: str = "") -> Run:
        """Take in a run that was read from disk."""
        run = Run(next(self._stored_numbers), request, result, state, folder, title)
        if result.finished is not None:
            result.apply(_told(result.finished))
        self.add_run(run)
        return run

    def remove_run(self, number: int) -> None:
        """Take a run out of the window; its folder is not touched."""
        if self.runs.pop(number, None) is not None:
            if self.compared == number:
                self.compare_with(None)
            self.runs_changed.emit()

    def rename_run(self, number: int, title: str) -> None:
        """Give a run a name for people."""
        self.runs[number].title = title
        self.runs_changed.emit()

    def apply(self, number: int, event: Event) -> None:
        """Take in an event of a run without announcing it; the engine's client announces once per frame."""
        run = self.runs.get(number)
        if run is None:
            return
        run.result.apply(_told(event) if isinstance(event, Finished) else event)
        if isinstance(event, Started) and run.request.resume:
            run.request = replace(run.request, resume="")  # how it was begun is no part of what is measured
        match event:
            case Started() | Progress() | Chunk() if run.state == "queued":
                run.state, run.began = "running", time.monotonic()
            case Prepared(folder=folder) if folder:
                run.folder = Path(folder)
            case Finished(outcome):
                run.state = str(outcome)

    def announce(self, number: int) -> None:
        """Tell views that something has arrived for a run."""
        run = self.runs.get(number)
        if run is None:
            return
        self.run_changed.emit(number)
        if not run.open:
            if run.purpose == "open" and self.loading == number:
                self._take_structure(run)
            elif run.request.method == "structure":
                self.runs_changed.emit()  # parameters are counted anew
            self.run_finished.emit(number)

    def _take_structure(self, run: Run) -> None:
        self.loading = None
        if run.state == "completed":
            self.structure = run.result
        elif run.result.finished and run.result.finished.problem:
            self.model_problem = run.result.finished.problem
        self.model_changed.emit()

    def latest(self, method: str, location: str = "") -> Run | None:
        """Return the newest run of a method for the open network that has something to show.

        Runs of the network as it is edited now come before all others: an edit that is taken back brings back what was
        measured without it. Before these, a run that has only declared its result comes after one with numbers: while
        a measurement is being refined, the coarser one stays on screen until the first better numbers arrive.

        Parameters
        ----------
        location
            Where its pictures are to be from, "" for anywhere.
        """
        fits = [
            run
            for run in self.runs.values()
            if run.request.method == method and run.result.declared and self._is_of_open_model(run)
        ]
        if location:
            fits = [run for run in fits if run.request.images is not None and run.request.images.location == location]
        return newest(fits, self.edits)

    def _shown_runs(self) -> dict[str, int]:
        """Tell which run of every method is shown now, by its number."""
        groups: dict[str, list[Run]] = {}
        for run in self.runs.values():
            if run.result.declared and self._is_of_open_model(run):
                groups.setdefault(run.request.method, []).append(run)
        return {method: found.number for method, runs in groups.items() if (found := newest(runs, self.edits))}

    def latest_series(self, method: str) -> Run | None:
        """Return the newest run over several checkpoints, the one that is shown among them; None for none."""
        fits = [run for run in self.runs.values() if run.request.method == method and run.is_series]
        return newest([run for run in fits if self._is_of_open_model(run)], self.edits)

    def _is_of_open_model(self, run: Run) -> bool:
        """Tell whether a run is of the weights that are shown, or of several files with these among them."""
        measured, shown = run.request.model, self.shown_model
        if measured is None or shown is None:
            return measured is None
        if (measured.name, measured.weights) == (shown.name, shown.weights):
            return True
        return run.is_series and stands_for(measured, shown)

    def raise_problem(self, problem: Problem) -> None:
        """Show the user a problem."""
        self.problem_raised.emit(problem)


def _told(event: Finished) -> Finished:
    """Return the end of a run with its problem in the words of the window."""
    return replace(event, problem=told(event.problem)) if event.problem is not None else event
