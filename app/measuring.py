"""Submitting runs, offering stored answers, and saying how runs ended. No widgets."""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from analysis.command_line import command_line, needs_file
from analysis.edits import Edits
from analysis.problems import AnalysisError, Problem
from analysis.remote import Hello
from analysis.request import Compute, Request
from analysis.store import StoredRun, load
from app.engine_client import EngineClient
from app.hints import told
from app.history import History, comparable
from app.notices import Notice, NoticeAction, Notices
from app.settings import Preferences
from app.workspace import Run, Workspace

WHOLE = ("feature_rank", "evaluate")
"""Methods of a first look that are better with all pictures."""
FIRST_LOOK = (*WHOLE, "conflicting_bundles")
"""Methods of a first look. Numbers of bundles of different sample sizes do not compare, so they stay as they are."""
LOOK_LIMIT = 200
"""Pictures of a first look."""
OFFER = 30.0
"""Seconds for which more pictures are offered after a first look."""
READ = 15.0
"""Seconds that a message stays which nobody has to answer, though it offers something."""
REST = 500
"""Milliseconds that edits rest before they are measured by themselves."""
UNSHARED = ("parameter_sharing", "train_shared")
"""Methods that share weights themselves, and so do not follow edits by themselves."""
ON_THE_CHIP = ("random_weights", "preprocessing_assumed", "input_size_assumed", "edited")
"""Warnings that are not said again, because the chip of the network carries them as badges."""
ONCE = ("labels_left_out", "one_output")
"""Warnings about network and pictures themselves: they are said once, not after every measurement of both."""
LOGGER = logging.getLogger("layerscope")


class Measuring(QObject):
    """Carries out wishes to measure.

    Parameters
    ----------
    workspace, client, history, notices, preferences
        What it works on.
    """

    images_wanted = Signal()
    """Something cannot go on without pictures."""
    model_wanted = Signal()
    """The same for a network."""

    def __init__(
        self,
        workspace: Workspace,
        client: EngineClient,
        history: History,
        notices: Notices,
        preferences: Preferences,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.workspace, self.client, self.history = workspace, client, history
        self.notices, self.preferences = notices, preferences
        self._quiet: set[int] = set()
        self._looks: set[int] = set()
        self._told: set[tuple[object, ...]] = set()
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST)
        self._rest.timeout.connect(self._measure_edits)
        workspace.run_finished.connect(self._on_run_finished)
        workspace.run_wanted.connect(self.measure)
        workspace.cancel_wanted.connect(client.cancel)
        workspace.glance_wanted.connect(self.glance)
        workspace.look_wanted.connect(self.look)
        workspace.edits_changed.connect(self._on_edits)
        client.ready.connect(self._on_ready)
        client.lost.connect(self._on_lost)
        client.stuck.connect(self._on_stuck)

    # -- asked for ---------------------------------------------------------------------------------------------------

    def measure(self, request: Request, anew: bool = False) -> Run | None:
        """Submit a request; where the same was asked before, offer the stored answer instead.

        Parameters
        ----------
        request
            What to compute.
        anew
            True to measure even if there is a stored answer.

        Returns
        -------
        Run or None
            The run that now computes the answer; None where the user is asked first.
        """
        lacking = self.lacking(request)
        if lacking:
            self._say_lacking(lacking)
            return None
        if anew:
            request = replace(request, resume="")
        running = self._running(request)
        if running:
            self.notices.say("This is being measured already.", key="running")
            return running
        self.notices.remove_key("look")
        stored = None if anew else self.history.same_question(request)
        if stored:
            self._offer(request, stored)
            return None
        return self.client.submit(request, self.preferences.runs_folder)

    def lacking(self, request: Request) -> str:
        """Return "model" or "images" if the request cannot be carried out without, else ""."""
        info = self.workspace.method(request.method)
        needs = info.needs if info else frozenset({"model"})
        if "model" in needs and request.model is None:
            return "model"
        return "images" if "images" in needs and request.images is None else ""

    def _say_lacking(self, lacking: str) -> None:
        if lacking == "model":
            way = NoticeAction("Open a network…", self.model_wanted.emit)
            self.notices.say("There is no network to measure.", "", way, key="lacking")
        else:
            way = NoticeAction("Choose pictures…", self.images_wanted.emit)
            self.notices.say(
                "This needs pictures.", "A folder, an .npz file, or those of the demo.", way, key="lacking"
            )

    def _running(self, request: Request) -> Run | None:
        asked = comparable(request)
        runs = (run for run in self.workspace.runs.values() if run.open and run.purpose != "open")
        return next((run for run in runs if comparable(run.request) == asked), None)

    def _offer(self, request: Request, stored: StoredRun) -> None:
        use = NoticeAction("Use it", lambda: self.use(stored.folder))
        again = NoticeAction("Measure again", lambda: self.measure(request, anew=True))
        title, when = self.title(request.method), moment(stored.started)
        if any(run.folder == stored.folder for run in self.workspace.runs.values()):
            self.use(stored.folder)  # the newest again, should another have been shown since
            words, hint = f"{title}: this result of {when} is shown.", "Nothing was asked otherwise."
            self.notices.add(Notice(words, hint, actions=(again,), key="stored", seconds=READ))
            return
        text = f"{title}: there is a stored result of {when}."
        self.notices.say(text, "It asked the very same question.", use, again, key="stored")

    def use(self, folder: Path) -> None:
        """Show a stored run, or say why it cannot be shown."""
        try:
            self.show_stored(folder)
        except AnalysisError as error:
            self.notices.problem(told(error))

    def show_stored(self, folder: Path, title: str = "") -> Run:
        """Take a stored run into the window and make it the newest of its method.

        Raises
        ------
        AnalysisError
            If the folder is no run or is damaged.
        """
        run = next((run for run in self.workspace.runs.values() if run.folder == folder), None)
        if run is None:
            result = load(folder)
            stored = self.history.get(folder)
            state = str(result.finished.outcome) if result.finished else "interrupted"
            assert result.request is not None  # load() always begins with Started
            name = title or (stored.title if stored else "")
            run = self.workspace.add_stored(folder, result.request, result, stored.state if stored else state, name)
        if not run.open:
            run.began = time.monotonic()
        self.workspace.run_changed.emit(run.number)
        self.workspace.run_finished.emit(run.number)
        return run

    def measure_again(self) -> None:
        """Carry out the newest run once more."""
        runs = [run for run in self.workspace.runs.values() if run.purpose == "measure"]
        if runs:
            newest = max(runs, key=lambda run: (run.began, run.number))
            self.measure(newest.request, anew=True)

    def cancel_current(self) -> None:
        """Stop what is being computed, or else the first in the queue."""
        runs = [run for run in self.workspace.runs.values() if run.open]
        if runs:
            self.client.cancel(min(runs, key=lambda run: (run.state != "running", run.number)).number)

    def forget_all(self) -> None:
        """Stop and forget every run of this window; what is on disk stays."""
        for number, run in list(self.workspace.runs.items()):
            if run.open:
                self.client.cancel(number)
            self.workspace.remove_run(number)
        self._quiet.clear()
        self._looks.clear()

    # -- by itself ---------------------------------------------------------------------------------------------------

    def look(self, request: Request) -> Run | None:
        """Measure without having been asked: use a stored answer silently, and do not complain.

        Returns
        -------
        Run or None
            The run, if one had to be submitted.
        """
        if self.lacking(request) or self._running(request):
            return None
        stored = self.history.same_question(request)
        if stored is not None:
            try:
                self.show_stored(stored.folder)
            except AnalysisError as error:
                LOGGER.warning("%s", error)
            else:
                return None
        run = self.client.submit(request, self.preferences.runs_folder)
        self._quiet.add(run.number)
        return run

    def glance(self, request: Request) -> None:
        """Measure what a panel needs for the present selection: no notice, no folder, nothing in the list of runs."""
        if not self.lacking(request) and not self._running(request):
            self.client.submit(request, purpose="glance")

    def first_look(self) -> None:
        """Measure rank, accuracy and bundles on a small stratified sample."""
        lacking = "model" if self.workspace.model is None else "images" if self.workspace.images is None else ""
        if lacking:
            self._say_lacking(lacking)
            return
        for name in filter(self.workspace.method, FIRST_LOOK):
            run = self.look(replace(self.workspace.new_request(name), limit=LOOK_LIMIT))
            if run:
                self._looks.add(run.number)

    def measure_weights(self) -> None:
        """Weight spectra need no pictures: they are part of what one sees at once."""
        model, structure = self.workspace.model, self.workspace.structure
        badges = structure.prepared.badges if structure and structure.prepared else ()
        random = "random weights" in badges and model is not None and "random" not in model.weights
        if self.workspace.method("weight_spectrum") and not random:
            self.look(self.workspace.new_request("weight_spectrum"))

    def _on_edits(self) -> None:
        workspace, ring = self.workspace, self.workspace.edits.ring
        if ring and workspace.structure is not None and workspace.counted is workspace.structure:
            # Rows with shared weights counted once, for panels and totals.
            self.glance(replace(workspace.new_request("structure"), edits=Edits(ring=ring)))
        if self.preferences.settings.update_live and self.workspace.structure is not None:
            self._rest.start()

    def _measure_edits(self) -> None:
        """Ask again, for the edited network, what has been measured of it before."""
        newest: dict[str, Run] = {}
        for run in self.workspace.runs.values():
            if run.purpose == "measure" and run.request.model == self.workspace.model:
                newest[run.request.method] = run
                if run.open and run.request.edits != self.workspace.edits:
                    self.client.cancel(run.number)
        for run in newest.values():
            if run.request.method in UNSHARED:
                continue
            self.look(replace(run.request, edits=self.workspace.edits))

    # -- what the engine says ----------------------------------------------------------------------------------------

    def _on_ready(self, hello: Hello) -> None:
        self.notices.remove_key("engine")
        if self.workspace.compute != Compute():
            return
        settings = self.preferences.settings
        names = [device.name for device in hello.devices]
        gpu = next((name for name in names if name.startswith(("cuda", "mps"))), "cpu")
        device = settings.device if settings.device in names else gpu
        compute = Compute(device=device, dtype=settings.dtype, threads=settings.threads)
        self.workspace.set_compute(compute)

    def _on_lost(self, problem: Problem) -> None:
        action = NoticeAction("Restart engine", self.client.restart)
        self.notices.add(Notice(problem.message, problem.hint, "error", problem.details, (action,), "engine"))

    def _on_stuck(self, number: int) -> None:
        run = self.workspace.runs.get(number)
        if run:
            action = NoticeAction("Restart engine", self.client.restart)
            text = f"{run.name} is busy with one long step and has not stopped yet."
            self.notices.say(text, "What has arrived is kept in any case.", action, level="warning", key="engine")

    def _on_run_finished(self, number: int) -> None:
        run = self.workspace.runs.get(number)
        if run is None or run.purpose != "measure" or number < 0:
            return
        quiet = number in self._quiet
        self._quiet.discard(number)
        if run.folder:
            self.history.note(run.folder)
        finished = run.result.finished
        LOGGER.info("%s: %s", run.name, run.state)
        if finished and finished.problem:
            # What ended with the engine is told once, for the engine.
            if self.client.state == "ready":
                self._say_failed(run, finished.problem, quiet)
        elif finished:
            if run.state == "completed":
                self.notices.remove_key(_failed(run))
            if not quiet:
                self._say_warnings(run)
        if number in self._looks:
            self._looks.discard(number)
            self._offer_more(run)

    def _say_failed(self, run: Run, problem: Problem, quiet: bool) -> None:
        level = "info" if quiet and problem.code != "unexpected" else "error"
        again = NoticeAction("Measure again", lambda: self.measure(run.request, anew=True))
        text = f"{self.title(run.request.method)}: {problem.message}"
        self.notices.add(Notice(text, problem.hint, level, problem.details, (again,), key=_failed(run)))

    def _say_warnings(self, run: Run) -> None:
        warnings = [w for w in run.result.warnings if w.code not in ON_THE_CHIP and self._is_new(w.code, run)]
        if warnings:
            lines = "\n".join(f"{w.text} {', '.join(w.items)}".strip() for w in warnings)
            more = f"And {len(warnings) - 1} more." if len(warnings) > 1 else ""
            text = f"{self.title(run.request.method)}: {warnings[0].text}"
            self.notices.add(Notice(text, more, "warning", lines))

    def _is_new(self, code: str, run: Run) -> bool:
        """Tell whether a warning has not been said yet of this network and these pictures, where once is enough."""
        about = (code, run.request.model, run.request.images)
        known = code in ONCE and about in self._told
        self._told.add(about)
        return not known

    def _offer_more(self, run: Run) -> None:
        """After the last run of a first look, offer the whole."""
        samples = run.result.prepared.samples if run.result.prepared else None
        if self._looks or run.state != "completed" or samples is None or samples.count >= samples.total:
            return
        text = f"First look: {samples.count:,} of {samples.total:,} pictures."
        action = NoticeAction(f"Measure all {samples.total:,}", self._measure_all)
        self.notices.add(Notice(text, actions=(action,), key="look", seconds=OFFER))

    def _measure_all(self) -> None:
        for name in WHOLE:
            self.measure(replace(self.workspace.new_request(name), limit=-1))

    def delete(self, folder: Path) -> None:
        """Move a stored run to the trash; where there is none, offer to delete it for good."""
        problem = self.history.remove(folder)
        if problem is None:
            self._forget_folder(folder)
            self.notices.say(f"{folder.name} is in the trash.", key="deleted")
        elif problem.code == "no_trash":
            way = NoticeAction("Delete for good", lambda: self._delete_for_good(folder))
            self.notices.say(problem.message, problem.hint, way, level="warning", key="deleted")
        else:
            self.notices.problem(problem)

    def _delete_for_good(self, folder: Path) -> None:
        problem = self.history.remove(folder, for_good=True)
        if problem:
            self.notices.problem(problem)
        else:
            self._forget_folder(folder)
            self.notices.say(f"{folder.name} is deleted.", key="deleted")

    def _forget_folder(self, folder: Path) -> None:
        for number, run in list(self.workspace.runs.items()):
            if run.folder == folder:
                self.workspace.remove_run(number)

    def command_line(self, request: Request) -> str:
        """Return the line that repeats a run without the window; a file beside the runs holds what flags cannot say.

        Raises
        ------
        AnalysisError
            If that file cannot be written.
        """
        root = self.preferences.runs_folder
        if not needs_file(request):
            return command_line(request, str(root))
        text = request.to_json()
        path = root.parent / "requests" / f"{hashlib.sha256(text.encode()).hexdigest()[:12]}.json"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise AnalysisError(f"The request could not be written: {error.strerror}.", "Is the disk full?") from None
        return command_line(request, str(root), str(path))

    def title(self, method: str) -> str:
        """Return the name of a method for people."""
        info = self.workspace.method(method)
        return info.title if info else method


def _failed(run: Run) -> str:
    """Key of the notice that a method failed for a network and pictures: taken back once it has succeeded for them."""
    request = run.request
    model, images = request.model, request.images
    of = (model.name, *model.weights) if model is not None else ()
    return f"failed {request.method} {of} {images.location if images is not None else ''}"


def moment(started: str) -> str:
    """Turn an ISO time into words: "2026-03-14, 10:15"."""
    return started[:16].replace("T", ", ")
