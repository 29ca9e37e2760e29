"""Keeps the workspace: saves it on request, autosaves every change, and finds what a crash has left behind."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QUndoCommand

from analysis.edits import Edits
from analysis.problems import AnalysisError, Problem
from analysis.processes import is_alive, start_time
from app.commands import SetEdits, SetImages
from app.workspace import Run, Workspace
from app.workspace_file import NO_LAYOUT, SUFFIX, Document, Layout, RunName, Step, read, write

DELAY = 800
"""Milliseconds between a change and its autosave."""
LAST = f"last{SUFFIX}"
"""File name of the last session that ended well."""


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """A session that can be gone on with.

    Attributes
    ----------
    path
        Its autosaved workspace.
    title
        Words for the start page.
    crashed
        True if it did not end well.
    when
        Time of the last autosave, seconds since 1970.
    """

    path: Path
    title: str
    crashed: bool
    when: float


class Keeper(QObject):
    """The workspace on disk.

    Parameters
    ----------
    workspace
        What to keep.
    folder
        Where autosaves go.
    layout
        See below.

    Attributes
    ----------
    path
        The file that the user has saved to or opened, None for a workspace without a name.
    modified
        True if something has changed since then.
    enabled
        False to stop autosaving; saving on request goes on.
    layout
        Returns how the window looks now.
    """

    changed = Signal()
    """Path or modified have changed."""
    failed = Signal(object)
    """A :class:`analysis.problems.Problem`: autosaving does not work."""

    def __init__(
        self,
        workspace: Workspace,
        folder: Path,
        layout: Callable[[], Layout] = lambda: NO_LAYOUT,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.path: Path | None = None
        self.modified = False
        self.enabled = True
        self._workspace = workspace
        self._folder = folder
        self.layout = layout
        self._name = f"{os.getpid()}-{time.time_ns() // 1_000_000}"
        self._complained = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DELAY)
        self._timer.timeout.connect(self.autosave)
        for signal in (
            workspace.model_changed,
            workspace.images_changed,
            workspace.compute_changed,
            workspace.sampling_changed,
            workspace.edits_changed,
            workspace.selection_changed,
            workspace.span_changed,
            workspace.compared_changed,
            workspace.runs_changed,
        ):
            signal.connect(self.touch)
        workspace.run_finished.connect(self.touch)
        workspace.undo.indexChanged.connect(self.touch)

    @property
    def autosave_path(self) -> Path:
        """Where this session is autosaved."""
        return self._folder / f"{self._name}{SUFFIX}"

    @property
    def _mark(self) -> Path:
        return self._folder / f"{self._name}.running"

    def touch(self) -> None:
        """Note that something has changed; an autosave follows soon."""
        if self._workspace.model is None and self._workspace.images is None:
            return
        if self.enabled and not self._timer.isActive():
            self._timer.start()
        if not self.modified:
            self.modified = True
            self.changed.emit()

    def autosave(self) -> None:
        """Write the autosave now, and beside it the mark of a session that goes on."""
        self._timer.stop()
        try:
            document = describe(self._workspace, self.layout())
            write(self.autosave_path, replace(document, file=str(self.path or "")))
            if not self._mark.exists():
                mark = {"pid": os.getpid(), "process_start": start_time(os.getpid())}
                self._mark.write_text(json.dumps(mark), encoding="utf-8")
        except (AnalysisError, OSError) as error:
            if not self._complained:
                self._complained = True
                self.failed.emit(Problem("Autosaving does not work.", str(error)))

    def save(self, path: Path) -> None:
        """Save to a file, which becomes the file of this workspace.

        Raises
        ------
        AnalysisError
            If it cannot be written.
        """
        write(path, describe(self._workspace, self.layout()))
        self.settle(path)

    def settle(self, path: Path | None) -> None:
        """Take a file as that of this workspace, with nothing changed since."""
        self.path, self.modified = path, False
        self.changed.emit()

    def end(self) -> None:
        """End the session well: its autosave becomes the last session, its mark goes."""
        pending = self._timer.isActive()
        self._timer.stop()
        if pending:
            self.autosave()
        try:
            if self.autosave_path.exists():
                os.replace(self.autosave_path, self._folder / LAST)
            self._mark.unlink(missing_ok=True)
        except OSError as error:
            self.failed.emit(Problem("The session could not be kept.", str(error)))

    def left_behind(self) -> list[LeftBehind]:
        """Sessions that crashed, newest first, then the last one that ended well."""
        found = [self._look(path, crashed=True) for path in self._folder.glob(f"*-*{SUFFIX}") if self._is_dead(path)]
        found.sort(key=lambda left: left.when if left else 0.0, reverse=True)
        return [left for left in [*found, self._look(self._folder / LAST, crashed=False)] if left]

    def _is_dead(self, path: Path) -> bool:
        mark = path.with_name(path.name.removesuffix(SUFFIX) + ".running")
        try:
            plain = json.loads(mark.read_text(encoding="utf-8"))
            return not is_alive(int(plain["pid"]), str(plain["process_start"]))
        except (OSError, ValueError, KeyError, TypeError):
            return path != self.autosave_path  # without a readable mark nobody claims it

    def _look(self, path: Path, crashed: bool) -> LeftBehind | None:
        try:
            document, when = read(path), path.stat().st_mtime
        except (AnalysisError, OSError):
            return None
        return LeftBehind(path, title_of(document), crashed, when)

    def forget(self, left: LeftBehind) -> None:
        """Delete what a session has left behind."""
        left.path.unlink(missing_ok=True)
        left.path.with_name(left.path.name.removesuffix(SUFFIX) + ".running").unlink(missing_ok=True)


def title_of(document: Document) -> str:
    """Say in few words what a workspace holds, e.g. "resnet20 · 3 runs"."""
    name = document.model_title or (document.model.name if document.model else "no network")
    count = len(document.runs)
    edits = f"{document.step} edit{'s' if document.step > 1 else ''}" if document.step else ""
    runs = f"{count} run{'s' if count > 1 else ''}" if count else ""
    return " · ".join(part for part in (name, edits, runs) if part)


def describe(workspace: Workspace, layout: Layout) -> Document:
    """Put a workspace into the form of its file."""
    prepared = workspace.structure.prepared if workspace.structure else None
    stack = workspace.undo
    commands = [stack.command(place) for place in range(stack.count())]
    compared = workspace.runs.get(workspace.compared) if workspace.compared is not None else None
    return Document(
        model=workspace.model,
        model_title=prepared.model if prepared else "",
        weights_sha256=prepared.weights_sha256 if prepared else "",
        images=workspace.images,
        compute=workspace.compute,
        limit=workspace.limit,
        seed=workspace.seed,
        steps=_steps(commands),
        step=stack.index(),
        selection=workspace.selection,
        span=workspace.span,
        runs=tuple(RunName(str(run.folder), run.title) for run in _kept(workspace)),
        compared=str(compared.folder) if compared and compared.folder else "",
        layout=layout,
    )


def _steps(commands: list[QUndoCommand]) -> tuple[Step, ...]:
    steps, edits = [], Edits()
    for command in commands:
        if isinstance(command, SetEdits):
            edits = command.edits
            steps.append(Step(command.text(), edits))
        elif isinstance(command, SetImages):
            steps.append(Step(command.text(), edits, (command.old, command.new)))
    return tuple(steps)


def _kept(workspace: Workspace) -> list[Run]:
    runs = [run for run in workspace.runs.values() if run.folder and run.purpose != "open"]
    return sorted(runs, key=lambda run: (run.began, run.number))


def redo_steps(workspace: Workspace, document: Document) -> None:
    """Bring back the edit history of a file, and stand where it stood."""
    workspace.undo.clear()
    for step in document.steps:
        command = SetImages(workspace, *step.images) if step.images else SetEdits(workspace, step.edits, step.text)
        workspace.undo.push(command)
    workspace.undo.setIndex(min(max(document.step, 0), workspace.undo.count()))
