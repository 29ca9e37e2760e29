"""Opening: networks, pictures, runs and workspaces, whichever way they come in. No widgets."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from analysis.problems import AnalysisError
from analysis.request import ImageSource, ModelSource, Request
from analysis.store import list_runs
from app.commands import SetImages
from app.engine_client import EngineClient
from app.hints import told
from app.keeping import Keeper, redo_steps
from app.measuring import Measuring
from app.notices import NoticeAction, Notices
from app.opening import Found, recognise
from app.questions import Question, question_of, question_of_code
from app.reading.assumed_size import size_seen
from app.reading.checkpoints import one_of
from app.reading.numbers import shape
from app.settings import Preferences, RecentModel
from app.workspace import Workspace
from app.workspace_file import Document, read

KEPT_STRUCTURES = 20
DEMO = (ModelSource("demo:fashion_resnet"), ImageSource("demo:test"))


class Session(QObject):
    """Opens things, and asks where only the user can decide.

    Parameters
    ----------
    workspace, client, measuring, keeper, notices, preferences
        What it works on.

    Attributes
    ----------
    question
        What the user is asked, or None.
    """

    question_changed = Signal()
    opened = Signal(object)
    """A :class:`app.workspace_file.Document` has been opened; its layout is still to be taken."""

    def __init__(
        self,
        workspace: Workspace,
        client: EngineClient,
        measuring: Measuring,
        keeper: Keeper,
        notices: Notices,
        preferences: Preferences,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.workspace, self.client, self.measuring = workspace, client, measuring
        self.keeper, self.notices, self.preferences = keeper, notices, preferences
        self.question: Question | None = None
        self._before: ModelSource | None = None
        self._expected_hash = ""
        self._look_after = False
        self._offered: ModelSource | None = None
        """The network with the size of its pictures, as it was offered last."""
        workspace.model_changed.connect(self._on_model)
        workspace.run_finished.connect(self._offer_size)
        workspace.problem_raised.connect(notices.problem)
        keeper.failed.connect(notices.problem)

    # -- the one way in ----------------------------------------------------------------------------------------------

    def open_path(self, text: str) -> None:
        """Open whatever a path or name stands for: dialogs, drops and the command line all come here."""
        with _Told(self.notices):
            found = recognise(text)
            _OPENERS[found.kind](self, found)

    def _open_code(self, found: Found) -> None:
        if ".py:" in found.path:
            self.open_model(ModelSource(found.path))
        elif len(found.choices) == 1:
            self.open_model(ModelSource(f"{found.path}:{found.choices[0]}"))
        else:
            self.ask(question_of_code(found.path, found.choices))

    def open_model(self, source: ModelSource) -> None:
        """Open a network: its structure follows from the engine. Of a folder of checkpoints the last one is shown."""
        workspace, source = self.workspace, one_of(source)
        if workspace.structure is not None:
            self._before = workspace.model
        self.ask(None)
        self.notices.remove_key("look")
        if workspace.loading is not None:
            self.client.cancel(workspace.loading)
        workspace.set_model(source)
        self._forget_opened(source)
        forget_structures(self.preferences.structures_folder)
        request = Request("structure", source, compute=workspace.compute)
        self.client.submit(request, self.preferences.structures_folder, "open")

    def _forget_opened(self, source: ModelSource) -> None:
        """Forget what is read anew, and networks that could not be opened; others may be compared with."""
        runs = [run for run in self.workspace.runs.values() if run.purpose == "open" and not run.open]
        known = [run for run in runs if run.state == "completed" and run.request.model != source]
        for run in runs:
            if run not in known[-KEPT_STRUCTURES:]:
                self.workspace.remove_run(run.number)

    def open_images(self, source: ImageSource | None) -> None:
        """Open pictures, or the same ones prepared in another way; can be undone while a network is open."""
        workspace = self.workspace
        if source == workspace.images:
            return
        if workspace.structure is None:
            workspace.set_images(source)
        else:
            workspace.undo.push(SetImages(workspace, workspace.images, source))
        if source:
            self.preferences.replace(self.preferences.settings.with_images(source.location))

    def _offer_size(self, number: int) -> None:
        """Offer to count shapes and costs for the size of the pictures, where that of the network is a guess."""
        workspace, run = self.workspace, self.workspace.runs.get(number)
        seen = size_seen(workspace, run) if run is not None and run.purpose == "measure" else ()
        if not seen or workspace.model is None or not workspace.edits.empty:
            return
        source, words = replace(workspace.model, input=seen), shape(seen)
        if source == self._offered:  # once is enough
            return
        self._offered = source
        text = f"The pictures are {words}, and shapes and costs are counted for {shape(workspace.input_shape)}."
        hint = "Nothing is known about the input size of this network; the other one was assumed."
        use = NoticeAction(f"Count for {words}", lambda: self.open_model(source))
        self.notices.say(text, hint, use, key="size")

    def open_demo(self) -> None:
        """Open the small trained network and its pictures that come along, and take a first look."""
        self._look_after = True
        self.preferences.change(tried=True)
        self.open_images(DEMO[1])
        self.open_model(DEMO[0])

    def open_run(self, folder: Path) -> None:
        """Show a stored run; its network is opened if none is."""
        with _Told(self.notices):
            run = self.measuring.show_stored(folder)
            if self.workspace.model is None and run.request.model:
                if run.request.images:
                    self.open_images(run.request.images)
                self.open_model(run.request.model)

    def open_request(self, path: Path) -> None:
        """Carry out a request that was saved as JSON."""
        with _Told(self.notices):
            request = Request.from_json(path.read_text(encoding="utf-8"))
            if request.images:
                self.open_images(request.images)
            if request.model:
                self.open_model(request.model)
            self.measuring.measure(request)

    def open_workspace(self, path: Path) -> None:
        """Open a workspace file."""
        with _Told(self.notices):
            document = read(path)
            self.take(document)
            self.keeper.settle(path)
            self.preferences.replace(self.preferences.settings.with_workspace(str(path)))

    def restore(self, path: Path) -> None:
        """Go on with an autosaved session."""
        with _Told(self.notices):
            document = read(path)
            self.take(document)
            self.keeper.settle(Path(document.file) if document.file else None)
            self.keeper.touch()

    def take(self, document: Document) -> None:
        """Open everything that a workspace file names."""
        self.close_model()
        workspace = self.workspace
        workspace.set_compute(document.compute)
        workspace.set_sampling(document.limit, document.seed)
        workspace.set_images(document.images)
        for name in document.runs:
            try:
                self.measuring.show_stored(Path(name.folder), name.title)
            except AnalysisError as error:
                self.notices.say("A run of this workspace is missing.", str(error), level="warning")
        if document.model:
            self._expected_hash = document.weights_sha256
            self.open_model(document.model)
            redo_steps(workspace, document)
            workspace.select(document.selection)
            workspace.set_span(document.span)
        compared = [n for n, run in workspace.runs.items() if run.folder and str(run.folder) == document.compared]
        workspace.compare_with(compared[0] if compared else None)
        self.opened.emit(document)

    def close_model(self) -> None:
        """Close network, pictures and runs; what is on disk stays."""
        self._before = None
        self.ask(None)
        self.measuring.forget_all()
        self.workspace.set_model(None)
        self.workspace.set_images(None)
        self.keeper.settle(None)

    # -- questions ---------------------------------------------------------------------------------------------------

    def ask(self, question: Question | None) -> None:
        """Ask the user something, or stop asking."""
        if question != self.question:
            self.question = question
            self.question_changed.emit()

    def dismiss(self) -> None:
        """Take no way on; go back to what was open before."""
        before = self.question.before if self.question else None
        self.ask(None)
        if before:
            self.open_model(before)
        elif self.workspace.model is not None and self.workspace.structure is None:
            self.workspace.set_model(None)

    def _on_model(self) -> None:
        workspace = self.workspace
        if workspace.model is None or workspace.loading is not None:
            return
        if workspace.model_problem:
            self._look_after = False
            self.ask(question_of(workspace.model, workspace.model_problem, self._before))
        elif workspace.structure is not None:
            self._model_is_open(workspace.model)

    def _model_is_open(self, source: ModelSource) -> None:
        structure = self.workspace.structure
        prepared = structure.prepared if structure else None
        recent = RecentModel(source.name, source.weights, prepared.model if prepared else "")
        self.preferences.replace(self.preferences.settings.with_model(recent))
        expected, self._expected_hash = self._expected_hash, ""
        if expected and prepared and expected != prepared.weights_sha256:
            text = "The weights of this workspace have changed since it was saved."
            self.notices.say(text, "Its stored runs belong to the earlier weights.", level="warning")
        self.measuring.measure_weights()
        if self._look_after:
            self._look_after = False
            self.measuring.first_look()


def forget_structures(folder: Path) -> None:
    """Delete all but the newest of the structures that were kept when networks were opened."""
    for stored in list_runs(folder)[KEPT_STRUCTURES:]:
        shutil.rmtree(stored.folder, ignore_errors=True)


class _Told:
    """Turns an expected failure into a notice."""

    def __init__(self, notices: Notices) -> None:
        self._notices = notices

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, _trace: object) -> bool:
        if isinstance(error, AnalysisError):
            self._notices.problem(told(error))
            return True
        return False


_OPENERS: dict[str, Callable[[Session, Found], None]] = {
    "named": lambda session, found: session.open_model(ModelSource(found.path)),
    "program": lambda session, found: session.open_model(ModelSource(found.path)),
    "weights": lambda session, found: session.open_model(ModelSource("auto", (found.path,))),
    "edited": lambda session, found: session.open_model(ModelSource("auto", (found.path,))),
    "code": lambda session, found: session._open_code(found),
    "images": lambda session, found: session.open_images(ImageSource(found.path)),
    "workspace": lambda session, found: session.open_workspace(Path(found.path)),
    "run": lambda session, found: session.open_run(Path(found.path)),
    "request": lambda session, found: session.open_request(Path(found.path)),
}
