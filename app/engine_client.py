"""Carries events from the engine to the workspace, once per frame."""

from __future__ import annotations

import time
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from analysis.events import Finished
from analysis.remote import Engine, EngineLost, Hello, InlineEngine, Message, RemoteEngine, RunEvent
from analysis.request import DeviceInfo, Request
from app.workspace import Run, Workspace

FRAME = 33
"""Milliseconds between two looks at the pipe while something is being computed."""
IDLE = 150
"""The same while nothing is; also how soon the death of an idle engine is seen."""
PATIENCE = 3.0
"""Seconds after which a run that was cancelled and goes on counts as stuck."""


class EngineClient(QObject):
    """The window's side of the engine.

    All events of a tick are applied, then each changed run is announced once, so that each visible view repaints once.

    Parameters
    ----------
    engine
        A :class:`RemoteEngine`, or another one with the same verbs.
    workspace
        Takes in the events.
    """

    ready = Signal(object)
    """The engine's :class:`analysis.remote.Hello`."""
    lost = Signal(object)
    """A :class:`analysis.problems.Problem`: the engine has gone."""
    stuck = Signal(int)
    """A run that was asked to stop some seconds ago is still busy with one step."""
    state_changed = Signal()
    """The engine has started, become ready, or gone."""

    def __init__(self, engine: Engine, workspace: Workspace, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.engine = engine
        self.hello: Hello | None = None
        self._workspace = workspace
        self._cancelled: dict[int, float] = {}
        # An engine in this process takes one step per look; waiting between them would only cost time.
        self._frame = 0 if isinstance(engine, InlineEngine) else FRAME
        self._timer = QTimer(self)
        self._timer.setInterval(self._frame)
        self._timer.timeout.connect(self.tick)

    @property
    def state(self) -> str:
        """Return "off", "starting" or "ready"."""
        if not self.engine.alive:
            return "off"
        return "ready" if self.hello else "starting"

    @property
    def devices(self) -> tuple[DeviceInfo, ...]:
        """What the engine can compute on; empty before it is ready."""
        return self.hello.devices if self.hello else ()

    def start(self) -> None:
        """Start the engine; `ready` follows."""
        self.engine.start()
        self._timer.start(self._frame)
        self.state_changed.emit()

    def submit(self, request: Request, root: Path | None = None, purpose: str = "measure") -> Run:
        """Queue a request, recorded below `root` if given."""
        was_off = not self.engine.alive
        run = Run(self.engine.submit(request, root), request, purpose=purpose)
        self._timer.start(self._frame)
        self._workspace.add_run(run)
        if was_off:
            self.state_changed.emit()
        return run

    def cancel(self, number: int) -> None:
        """Ask a run to stop at its next step."""
        self._cancelled.setdefault(number, time.monotonic())
        self.engine.cancel(number)

    def restart(self) -> None:
        """End the engine at once, whatever it does, and start a new one; what had arrived is kept."""
        self.hello = None
        if isinstance(self.engine, RemoteEngine):
            self.take(self.engine.restart())
        else:
            self.engine.stop()
            self.engine.start()
        self._timer.start(self._frame)
        self.state_changed.emit()

    def tick(self) -> None:
        """Take in what has arrived and announce each changed run once."""
        self.take(self.engine.poll())
        self._look_for_stuck()
        if self._timer.isActive():
            busy = self.state == "starting" or any(run.open for run in self._workspace.runs.values())
            self._timer.setInterval(self._frame if busy else IDLE)

    def take(self, messages: list[Message]) -> None:
        """Apply messages, then announce each changed run once."""
        changed: dict[int, None] = {}
        lost: EngineLost | None = None
        for message in messages:
            match message:
                case RunEvent(run, event):
                    if isinstance(event, Finished):
                        self._cancelled.pop(run, None)
                    self._workspace.apply(run, event)
                    changed[run] = None
                case Hello():
                    self.hello = message
                    self._workspace.set_methods(message.methods)
                    self.ready.emit(message)
                    self.state_changed.emit()
                case EngineLost():
                    lost = message
        for run in changed:
            self._workspace.announce(run)
        if lost:  # after its runs have been announced as failed
            self.hello = None
            self._cancelled.clear()
            self.lost.emit(lost.problem)
            self.state_changed.emit()

    def _look_for_stuck(self) -> None:
        now = time.monotonic()
        for number in [n for n, asked in self._cancelled.items() if now - asked > PATIENCE]:
            # Only the run that is being computed can be stuck; one that waits behind it is not.
            run = self._workspace.runs.get(number)
            if run is None or not run.open:
                del self._cancelled[number]
            elif run.state == "running":
                self._cancelled[number] = now + 1e9
                self.stuck.emit(number)

    def stop(self) -> None:
        """End the engine and stop looking."""
        self._timer.stop()
        self.hello = None
        self.engine.stop()
        self.state_changed.emit()
