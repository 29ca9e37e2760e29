"""All runs as a table: those of this window, and those found on disk. Virtual: only what is seen is asked for."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer

from analysis.request import Request
from analysis.store import StoredRun
from app.hints import in_window
from app.history import History
from app.measuring import moment
from app.reading.continuing import Continuation, continued, continued_from_disk
from app.reading.glossary import RUN_TERMS
from app.reading.numbers import duration, short
from app.theme import Theme
from app.workspace import Run, Workspace

Index = QModelIndex | QPersistentModelIndex
COLUMNS = ("Run", "State", "Pictures", "Device", "Started", "Size")
SHARE = Qt.ItemDataRole.UserRole + 1
"""Role of the share done, from 0 to 1, of a run that is going on; None for others."""
NOWHERE = QModelIndex()


@dataclass(frozen=True, slots=True)
class Row:
    """One line: a run of this window, a stored one, or both.

    Attributes
    ----------
    number
        The run in the workspace, None for one that is only on disk.
    folder
        Where it is stored, None if it is not.
    """

    number: int | None
    folder: Path | None
    request: Request


class RunsModel(QAbstractTableModel):
    """Newest first; runs that go on stand at the top in the order in which they will be done."""

    def __init__(self, workspace: Workspace, history: History, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workspace, self._history, self._theme = workspace, history, theme
        self.rows: list[Row] = []
        self._from_disk: dict[Path, Continuation | None] = {}
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(0)
        self._later.timeout.connect(self.rebuild)
        for signal in (workspace.runs_changed, workspace.run_finished, history.changed):
            signal.connect(self._rebuild_later)
        workspace.run_changed.connect(self._touch)
        workspace.compared_changed.connect(self._touch_all)
        self.rebuild()

    def _rebuild_later(self) -> None:
        self._later.start()

    def rebuild(self) -> None:
        """Collect the rows anew."""
        self._later.stop()
        self._from_disk.clear()
        runs = [run for run in self._workspace.runs.values() if run.purpose == "measure"]
        waiting = sorted((run for run in runs if run.open), key=lambda run: run.number)
        here = {run.folder for run in runs if run.folder}
        done = sorted((run for run in runs if not run.open), key=lambda run: (run.began, run.number), reverse=True)
        rows = [Row(run.number, run.folder, run.request) for run in [*waiting, *done]]
        rows += [
            Row(None, stored.folder, stored.request) for stored in self._history.runs() if stored.folder not in here
        ]
        if rows == self.rows:
            return self._touch_all()
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()
        return None

    def _touch(self, number: int) -> None:
        for place, row in enumerate(self.rows):
            if row.number == number:
                self.dataChanged.emit(self.index(place, 0), self.index(place, len(COLUMNS) - 1))
                return

    def _touch_all(self) -> None:
        if self.rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.rows) - 1, len(COLUMNS) - 1))

    # -- what Qt asks ------------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = NOWHERE) -> int:
        """Return the number of runs."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = NOWHERE) -> int:
        """Return the number of columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the title of a column."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        if role == Qt.ItemDataRole.ToolTipRole and orientation == Qt.Orientation.Horizontal:
            return RUN_TERMS[COLUMNS[section]].definition
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(section)
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Allow names of stored runs to be edited."""
        flags = super().flags(index)
        if index.column() == 0 and self.rows[index.row()].folder is not None:
            flags |= Qt.ItemFlag.ItemIsEditable
        return flags

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows."""
        if not index.isValid() or index.row() >= len(self.rows):
            return None
        row, column = self.rows[index.row()], index.column()
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._text(row, column)
            case Qt.ItemDataRole.EditRole:
                return self._name(row)
            case Qt.ItemDataRole.ToolTipRole:
                return self._tip(row)
            case Qt.ItemDataRole.TextAlignmentRole:
                return _alignment(column)
            case Qt.ItemDataRole.ForegroundRole:
                return self._ink(row, column)
            case _ if role == SHARE:
                return self._share(row) if column == 1 else None
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Rename a run."""
        row = self.rows[index.row()]
        title = str(value).strip()
        if role != Qt.ItemDataRole.EditRole or row.folder is None or title == self._name(row):
            return False
        problem = self._history.rename(row.folder, title)
        if problem:
            self._workspace.raise_problem(problem)
            return False
        if row.number is not None:
            self._workspace.rename_run(row.number, title)
        return True

    # -- cells -------------------------------------------------------------------------------------------------------

    def _run(self, row: Row) -> Run | None:
        return self._workspace.runs.get(row.number) if row.number is not None else None

    def _stored(self, row: Row) -> StoredRun | None:
        return self._history.get(row.folder) if row.folder is not None else None

    def _text(self, row: Row, column: int) -> str:
        if column == 0 and row.number is not None and row.number == self._workspace.compared:
            return f"{self._name(row)} · compared"
        return (self._name, self._state, self._pictures, self._device, self._started, self._size)[column](row)

    def _name(self, row: Row) -> str:
        run, stored = self._run(row), self._stored(row)
        title = (run.title if run else "") or (stored.title if stored else "")
        if title:
            return title
        info = self._workspace.method(row.request.method)
        prepared = run.result.prepared if run else None
        model = (prepared.model if prepared else "") or (stored.model if stored else "")
        return " · ".join(word for word in (info.title if info else row.request.method, model) if word)

    def _state(self, row: Row) -> str:
        run, stored = self._run(row), self._stored(row)
        if run is not None and run.state == "running":
            return progress_text(run)
        state = run.state if run is not None else stored.state if stored else ""
        found = self.continuation(row)
        return " · ".join(part for part in (state, found.short if found else "") if part)

    def continuation(self, row: Row) -> Continuation | None:
        """Tell whether a run that ended early can go on, and how much of it is done; None for others."""
        run, stored = self._run(row), self._stored(row)
        info = self._workspace.method(row.request.method)
        if run is not None:
            return continued(run, info)
        if stored is None or info is None:
            return None
        if stored.folder not in self._from_disk:
            self._from_disk[stored.folder] = continued_from_disk(stored.folder, stored.request, stored.state, info)
        return self._from_disk[stored.folder]

    def _share(self, row: Row) -> float | None:
        run = self._run(row)
        if run is None or run.state != "running":
            return None
        progress = run.result.progress
        return progress.done / progress.total if progress and progress.total else 0.0

    def _pictures(self, row: Row) -> str:
        run, stored = self._run(row), self._stored(row)
        prepared = run.result.prepared if run else None
        if prepared:
            count = prepared.samples.count
        else:
            samples = stored.plain.get("samples") if stored else None
            count = samples.get("count", 0) if isinstance(samples, dict) else 0
        return f"{count:,}" if count else ""

    def _device(self, row: Row) -> str:
        compute = row.request.compute
        return compute.device if compute.dtype == "float32" else f"{compute.device} {compute.dtype}"

    def _started(self, row: Row) -> str:
        stored, run = self._stored(row), self._run(row)
        if stored:
            return moment(stored.started)
        if run is None or not run.began:
            return ""
        return f"{datetime.now() - timedelta(seconds=time.monotonic() - run.began):%Y-%m-%d, %H:%M}"

    def _size(self, row: Row) -> str:
        size = self._history.size(row.folder) if row.folder else 0
        return short(size, "bytes") if size else ""

    def _tip(self, row: Row) -> str:
        run, stored = self._run(row), self._stored(row)
        lines = [self._name(row), row.folder.name if row.folder else "not stored"]
        finished = run.result.finished if run else None
        if finished and finished.problem:
            lines.append(str(finished.problem))
        elif stored and isinstance(stored.plain.get("problem"), dict):
            lines.append(in_window(str(stored.plain["problem"].get("message", ""))))
        lines += [warning.text for warning in run.result.warnings] if run else []
        found = self.continuation(row)
        lines += [f"Go on: {found.words}"] if found else []
        return "\n".join(lines)

    def _ink(self, row: Row, column: int) -> Any:
        run, stored = self._run(row), self._stored(row)
        state = run.state if run else stored.state if stored else ""
        if column == 1 and state in ("failed", "interrupted"):
            return self._theme.readable("error" if state == "failed" else "warning")
        shown = row.number is not None
        return self._theme.color("text" if shown and column == 0 else "text_soft")


def _alignment(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column in (2, 5) else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter


def progress_text(run: Run) -> str:
    """Say how far a run is, and how long it will take: "512/1,000 · 4 s left"."""
    progress = run.result.progress
    if run.state == "queued":
        return "queued"
    if progress is None or not progress.total:
        return progress.text if progress and progress.text else "starting"
    parts = [f"{progress.done:,}/{progress.total:,}"]
    left = run.seconds_left()
    if left is not None:
        parts.append(f"{duration(left)} left")
    return " · ".join(parts)
