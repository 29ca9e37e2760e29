"""The network that is compared with: opened by file or name, and its structure read without a word. No widgets."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer

from analysis.problems import AnalysisError
from analysis.request import ModelSource, Request
from app.engine_client import EngineClient
from app.hints import told
from app.measuring import REST, Measuring
from app.notices import Notices
from app.opening import recognise
from app.reading.asking_second import all_of_second, structures_outdated, structures_wanted
from app.reading.checkpoints import one_of
from app.reading.comparing import compared_run, same_network
from app.workspace import Run, Workspace

NETWORKS = ("named", "program", "weights", "edited", "code")
"""Kinds of files and names that stand for a network."""


class SecondNetwork(QObject):
    """Carries out wishes to compare, and asks for what every comparison needs.

    Parameters
    ----------
    workspace, client, measuring, notices
        What it works on.
    """

    def __init__(
        self,
        workspace: Workspace,
        client: EngineClient,
        measuring: Measuring,
        notices: Notices,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.workspace, self.client, self.measuring, self.notices = workspace, client, measuring, notices
        self._awaited: set[int] = set()
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST)
        self._rest.timeout.connect(self._read_structures)
        workspace.compared_changed.connect(self._read_structures)
        workspace.edits_changed.connect(self._on_edits)
        workspace.second_wanted.connect(self.open_path)
        workspace.run_finished.connect(self._on_finished)

    def open_path(self, text: str) -> None:
        """Compare with what a path or name stands for, or say why that is no network."""
        try:
            self.open_source(_source(text))
        except AnalysisError as error:
            self.notices.problem(told(error))

    def open_source(self, source: ModelSource) -> None:
        """Read the structure of a network; once it is known, compare with it and measure it as the open one was."""
        workspace = self.workspace
        if workspace.structure is None:
            raise AnalysisError("There is no network to compare with it.", "Open one first.")
        shown = workspace.shown_model
        if shown is not None and (source.name, source.weights) == (shown.name, shown.weights) and workspace.edits.empty:
            raise AnalysisError("This is the network that is shown.", "Choose another one to compare with.")
        request = Request("structure", source, compute=workspace.compute)
        self._awaited.add(self.client.submit(request, purpose="glance").number)

    def _on_finished(self, number: int) -> None:
        run = self.workspace.runs.get(number)
        if run is None:
            return
        if number in self._awaited:
            self._awaited.discard(number)
            self._begin(run)
            return
        compared = compared_run(self.workspace)
        stored = run.purpose == "measure" and run.folder is not None and run.state == "completed"
        if compared is not None and compared.purpose == "glance" and stored and same_network(run, compared):
            self.workspace.compare_with(run.number)  # a workspace file can name a run that is stored

    def _begin(self, run: Run) -> None:
        finished = run.result.finished
        if run.state == "completed":
            self.workspace.compare_with(run.number)
            for request in all_of_second(self.workspace):
                self.measuring.look(request)
        elif finished is not None and finished.problem is not None:
            self.notices.problem(finished.problem)

    def _on_edits(self) -> None:
        if self.workspace.compared is not None:
            self._rest.start()

    def _read_structures(self) -> None:
        for run in structures_outdated(self.workspace):
            if run.open:
                self.client.cancel(run.number)
            else:
                self.workspace.remove_run(run.number)
        for request in structures_wanted(self.workspace):
            self.client.submit(request, purpose="glance")


def _source(text: str) -> ModelSource:
    """Network that a path or name stands for; of a folder of checkpoints the last one.

    Raises
    ------
    AnalysisError
        If it is no network.
    """
    found = recognise(text)
    if found.kind not in NETWORKS:
        raise AnalysisError(
            f"{text} is no network.", "Choose weights, a .py or .pt2 file, or a name such as demo:NAME."
        )
    if found.kind == "code" and ".py:" not in found.path:
        if len(found.choices) != 1:
            hint = "Name it: FILE.py:FUNCTION."
            raise AnalysisError("Several functions of this file could build the network.", hint, items=found.choices)
        return ModelSource(f"{found.path}:{found.choices[0]}")
    if found.kind in ("weights", "edited"):
        return one_of(ModelSource("auto", (found.path,)))
    return ModelSource(found.path)
