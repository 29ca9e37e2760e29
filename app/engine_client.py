"""Carries events from the engine to the workspace, once per frame."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from analysis.remote import Engine, EngineLost, Hello, Message, RunEvent
from analysis.request import Request
from app.workspace import Run, Workspace

FRAME = 33
"""Milliseconds between two looks at the pipe."""


class EngineClient(QObject):
    """The window's side of the engine.

    All events of a tick are applied, then each changed run is announced once, so that each visible view repaints once.
    """

    ready = Signal(object)
    """The engine's :class:`analysis.remote.Hello`."""
    lost = Signal(object)
    """A :class:`analysis.problems.Problem`: the engine has gone."""

    def __init__(self, engine: Engine, workspace: Workspace, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.engine = engine
        self.hello: Hello | None = None
        self._workspace = workspace
        self._timer = QTimer(self)
        self._timer.setInterval(FRAME)
        self._timer.timeout.connect(self.tick)

    def start(self) -> None:
        """Start the engine; `ready` follows."""
        self.engine.start()
        self._timer.start()

    def submit(self, request: Request, root: Path | None = None, purpose: str = "measure") -> Run:
        """Queue a request, recorded below `root` if given."""
        if not self._timer.isActive():
            self._timer.start()
        run = Run(self.engine.submit(request, root), request, purpose=purpose)
        self._workspace.add_run(run)
        return run

    def cancel(self, number: int) -> None:
        """Ask a run to stop at its next step."""
        self.engine.cancel(number)

    def tick(self) -> None:
        """Take in what has arrived and announce each changed run once."""
        self.take(self.engine.poll())

    def take(self, messages: list[Message]) -> None:
        """Apply messages, then announce each changed run once."""
        changed: dict[int, None] = {}
        for message in messages:
            match message:
                case RunEvent(run, event):
                    self._workspace.apply(run, event)
                    changed[run] = None
                case Hello():
                    self.hello = message
                    self.ready.emit(message)
                case EngineLost(problem):
                    self.hello = None
                    self.lost.emit(problem)
        for run in changed:
            self._workspace.announce(run)

    def stop(self) -> None:
        """End the engine and stop looking."""
        self._timer.stop()
        self.engine.stop()
