"""The strip at the bottom: the run that is going on, the queue, and how the engine is."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.engine_client import EngineClient
from app.forms.widgets import GRID, Bar, button, label, tool
from app.panels.runs_model import progress_text
from app.theme import Theme
from app.workspace import Run, Workspace

ENGINE = {"off": "engine off", "starting": "engine starting…", "ready": "engine ready"}


class StatusStrip(QWidget):
    """One line that is always there and costs next to nothing to keep up to date."""

    cancel_wanted = Signal(int)
    runs_wanted = Signal()
    """The user wants to see all runs."""

    def __init__(self, workspace: Workspace, client: EngineClient, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("strip")
        self._workspace, self._client = workspace, client
        self._number = 0
        self._name = button("", self.runs_wanted.emit, "flat", tip="Show all runs")
        self._bar = Bar(theme)
        self._text = label("", "soft")
        self._cancel = tool(theme, "close", "Cancel this run", self._ask_cancel)
        self._queue = label("", "soft")
        self._undo = label("", "soft")
        self._engine = label("", "soft")
        box = QHBoxLayout(self)
        box.setContentsMargins(4, 2, 12, 2)
        box.setSpacing(GRID)
        box.addWidget(self._name)
        box.addWidget(self._bar, 0, Qt.AlignmentFlag.AlignVCenter)
        box.addWidget(self._text)
        box.addWidget(self._cancel)
        box.addWidget(self._queue)
        box.addStretch(1)
        for part in (self._undo, self._engine):
            box.addWidget(part)
        workspace.run_changed.connect(self.refresh)
        workspace.runs_changed.connect(self.refresh)
        workspace.model_changed.connect(self.refresh)
        workspace.undo.indexChanged.connect(self.refresh)
        client.state_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what is going on now."""
        runs = [run for run in self._workspace.runs.values() if run.open]
        current = min(runs, key=lambda run: (run.state != "running", run.number), default=None)
        self._number = current.number if current else 0
        for part in (self._bar, self._cancel):
            part.setVisible(current is not None)
        waiting = len(runs) - 1
        self._queue.setText(f"{waiting} waiting" if waiting > 0 else "")
        undo = self._workspace.undo.undoText()
        self._undo.setText(f"undo: “{undo}”" if undo else "")
        self._undo.setVisible(bool(undo))
        self._engine.setText(ENGINE[self._client.state])
        if current:
            self._show_run(current)
        else:
            self._show_last()

    def _show_run(self, run: Run) -> None:
        progress = run.result.progress
        self._name.setText("Opening" if run.purpose == "open" else self._title(run))
        self._bar.set_share(progress.done / progress.total if progress and progress.total else 0.0)
        text = progress_text(run)
        if progress and progress.text and progress.text != text:
            text += f" · {progress.text}"
        self._text.setText(text)

    def _show_last(self) -> None:
        self._name.setText("Runs")
        done = [run for run in self._workspace.runs.values() if not run.open and run.purpose == "measure"]
        last = max(done, key=lambda run: (run.began, run.number), default=None)
        self._text.setText(f"{self._title(last)}: {last.state}" if last else "")

    def _title(self, run: Run) -> str:
        info = self._workspace.method(run.request.method)
        return info.title if info else run.request.method

    def _ask_cancel(self) -> None:
        if self._number:
            self.cancel_wanted.emit(self._number)
