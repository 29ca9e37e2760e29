"""The runs found on disk, read in short slices so that a folder of thousands never holds up a frame."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QFile, QObject, QTimer, Signal

from analysis.problems import AnalysisError, Problem
from analysis.request import Request
from analysis.store import StoredRun, disk_use, open_run, rename

SLICE = 0.008
"""Seconds of reading between two looks at the event loop."""
KEPT = ("samples", "warnings", "badges", "device", "problem")
"""What is kept of each `run.json`; the list of layers would be most of it."""


class History(QObject):
    """Stored runs, newest first.

    Attributes
    ----------
    root
        The folder of the run folders.
    reading
        True while the folder is being read.
    """

    changed = Signal()

    def __init__(self, root: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.root = root
        self.reading = False
        self._found: dict[Path, StoredRun] = {}
        self._sizes: dict[Path, int] = {}
        self._work: Iterator[None] = iter(())
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._slice)

    def set_root(self, root: Path) -> None:
        """Look into another folder."""
        if root != self.root:
            self.root = root
            self._found.clear()
            self._sizes.clear()
            self.refresh()

    def refresh(self) -> None:
        """Read the folder again, bit by bit; `changed` follows."""
        self._work = self._read()
        self.reading = True
        self._timer.start()

    def stop(self) -> None:
        """Stop reading."""
        self._timer.stop()
        self.reading = False

    def _slice(self) -> None:
        end = time.perf_counter() + SLICE
        while True:  # at least one step, however short the slice
            if next(self._work, self) is self:
                self.stop()
                self.changed.emit()
                return
            if time.perf_counter() > end:
                return

    def _read(self) -> Iterator[None]:
        try:
            folders = sorted(self.root.iterdir(), reverse=True) if self.root.is_dir() else []
        except OSError:
            folders = []
        there = set()
        for folder in folders:
            yield
            stored = _open(folder)
            if stored is not None:
                there.add(folder)
                self._found[folder] = stored
        for folder in set(self._found) - there:
            del self._found[folder]
            self._sizes.pop(folder, None)
        for folder in there - set(self._sizes):
            yield
            self._sizes[folder] = _size(folder)

    def runs(self) -> list[StoredRun]:
        """All runs, newest first."""
        return sorted(self._found.values(), key=lambda run: (run.started, run.name), reverse=True)

    def get(self, folder: Path) -> StoredRun | None:
        """Return the stored run of a folder."""
        return self._found.get(folder)

    def note(self, folder: Path) -> None:
        """Take in a run that has just ended, without reading the whole folder."""
        stored = _open(folder)
        if stored is not None:
            self._found[folder] = stored
            self._sizes[folder] = _size(folder)
            self.changed.emit()

    def size(self, folder: Path) -> int:
        """Bytes of a run on disk, 0 while unknown."""
        return self._sizes.get(folder, 0)

    @property
    def total_size(self) -> int:
        """Bytes of all runs on disk."""
        return sum(self._sizes.values())

    def same_question(self, request: Request) -> StoredRun | None:
        """Return the newest completed run that asked the very same, on files that have not changed since."""
        asked = comparable(request)
        for run in self.runs():
            if run.state == "completed" and comparable(run.request) == asked and _files_unchanged(run):
                return run
        return None

    def rename(self, folder: Path, title: str) -> Problem | None:
        """Give a run a name for people."""
        try:
            rename(folder, title)
        except (AnalysisError, OSError) as error:
            return Problem(f"{folder.name} could not be renamed.", str(error))
        self.note(folder)
        return None

    def remove(self, folder: Path, for_good: bool = False) -> Problem | None:
        """Move a run to the trash, or delete it.

        Returns
        -------
        Problem or None
            With code "no_trash" where the system has none for this folder.
        """
        if for_good:
            try:
                shutil.rmtree(folder)
            except OSError as error:
                return Problem(f"{folder.name} could not be deleted.", error.strerror or str(error))
        elif not _to_trash(folder):
            return Problem(f"{folder.name} could not be moved to the trash.", "There is none here.", code="no_trash")
        self._found.pop(folder, None)
        self._sizes.pop(folder, None)
        self.changed.emit()
        return None


def _to_trash(folder: Path) -> bool:
    moved: object = QFile.moveToTrash(str(folder))  # a pair on success, a bare False on failure
    return bool(moved[0]) if isinstance(moved, tuple) else bool(moved)


def _open(folder: Path) -> StoredRun | None:
    if not (folder / "run.json").is_file():
        return None
    try:
        stored = open_run(folder)
    except AnalysisError:
        return None
    kept = {name: stored.plain[name] for name in KEPT if name in stored.plain}
    return replace(stored, plain=kept)


def _size(folder: Path) -> int:
    try:
        return disk_use(folder)
    except OSError:
        return 0


def comparable(request: Request) -> Request:
    """Leave out what does not change the answer: threads, number of the GPU, permissions, what it goes on with."""
    compute = replace(request.compute, threads=0, batch=0, device=request.compute.device.split(":")[0])
    model = replace(request.model, trust=False, download=False) if request.model else None
    return replace(request, model=model, compute=compute, params=tuple(sorted(request.params)), resume="")


def _files_unchanged(run: StoredRun) -> bool:
    model, images = run.request.model, run.request.images
    names = [*(model.weights if model else ()), *([images.location, images.classes] if images else [])]
    for text in (value for _, value in run.request.params if isinstance(value, str)):
        names += [text, text.rpartition(":")[0]]  # a parameter may name a table, or a column of one
    if model:
        names.append(model.name.rpartition(":")[0] if ".py:" in model.name else model.name)
    try:
        began = datetime.fromisoformat(run.started).timestamp()
    except ValueError:
        return False
    for name in names:
        try:
            # A second of slack: the times of run.json are whole seconds.
            if name and Path(name).stat().st_mtime > began + 1:
                return False
        except (OSError, ValueError):
            continue  # a name such as "demo:test" is no file
    return True
