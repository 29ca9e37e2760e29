"""Runs on disk: one folder per run, with a readable `run.json` and one `.npy` file per output.

What is announced can be read: :func:`record` writes an event, then passes it on. The full size of every array is
reserved when the run declares its outputs, so that a disk without room is one sentence before any work, and rows are
written with plain writes, never through a writable memory map.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import socket
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from analysis.arrays import ArrayFile
from analysis.catalogue import nearest
from analysis.config import LayerSpec
from analysis.events import (
    EMPTY,
    Array,
    Chunk,
    Declared,
    Event,
    Finished,
    Outcome,
    Output,
    Prepared,
    Samples,
    Started,
)
from analysis.problems import AnalysisError, Problem, RunWarning
from analysis.processes import is_alive, start_time
from analysis.records import RecordError, from_plain, to_plain
from analysis.request import Preprocessing, Request, without_path
from analysis.result import Result, is_empty

FORMAT = 1
STATES = ("running", "completed", "cancelled", "failed", "interrupted")


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run folder, read from its `run.json`.

    Attributes
    ----------
    state
        One of :data:`STATES`. "interrupted" is a run whose process has gone without an end.
    started, finished
        ISO times with time zone, "" for not yet.
    title
        Name given by the user, "" for none.
    plain
        The whole content of `run.json`.
    """

    folder: Path
    state: str
    request: Request
    fingerprint: str
    model: str
    started: str
    finished: str
    title: str
    plain: dict[str, Any]

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.name


def record(events: Iterator[Event], root: Path) -> Iterator[Event]:
    """Write every event into a new run folder below `root`, then pass it on.

    The folder is made when the run is prepared: a request that cannot be loaded leaves nothing behind. A full disk or
    another failure to write ends the run with a Finished that says so.
    """
    writer = _Writer(root)
    finished = False
    try:
        for event in _told(events, writer):
            try:
                written = writer.write(event)
            except OSError as error:
                yield _give_up(events, writer, error)
                finished = True
                return
            finished = finished or isinstance(written, Finished)
            yield written
    finally:
        close = getattr(events, "close", None)
        if close:
            close()
        writer.close(finished)


def _told(events: Iterator[Event], writer: _Writer) -> Iterator[Event]:
    """Pass events on; in return for Prepared, tell a generator where the run is being written."""
    source, folder = iter(events), ""
    with contextlib.suppress(StopIteration):
        while True:
            event = source.send(folder) if folder and isinstance(source, Generator) else next(source)
            yield event
            folder = str(writer.folder or "") if isinstance(event, Prepared) else ""


def _give_up(events: Iterator[Event], writer: _Writer, error: OSError) -> Finished:
    close = getattr(events, "close", None)
    if close:
        close()
    ending = Finished(Outcome.FAILED, write_problem(error, writer.root))
    writer.abandon(ending)
    return ending


def write_problem(error: OSError, root: Path) -> Problem:
    """Say in one sentence why something could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Problem(f"There is no room left on the disk of {root}.", "Free some space or choose another folder.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return Problem(f"The folder {root} cannot be written to.", "Choose another folder with --out.")
    return Problem(f"Writing to {root} failed: {error.strerror or error}.", "Choose another folder with --out.")


class _Writer:
    """The files of one run."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder: Path | None = None
        self.plain: dict[str, Any] = {}
        self.request: Request | None = None
        self.arrays: dict[str, ArrayFile] = {}
        self.filled: dict[str, int] = {}

    def write(self, event: Event) -> Event:
        match event:
            case Started(request):
                self.request = request
                self._begin(request)
            case Prepared():
                return self._open(event)
            case Declared():
                self._declare(event)
            case Chunk(name, at, values):
                if name in self.arrays:
                    self.filled[name] += self.arrays[name].write(at, values)
            case Finished():
                self._finish(event)
        return event

    def _begin(self, request: Request) -> None:
        self.plain = {
            "format": FORMAT,
            "state": "running",
            "title": "",
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "process_start": start_time(os.getpid()),
            "started": _now(),
            "finished": "",
            "request": to_plain(request),
            "seed": request.seed,
        }

    def _open(self, event: Prepared) -> Prepared:
        assert self.request is not None  # Started comes first
        self.folder = _new_folder(self.root, self.request, event)
        samples = {"indices_file": "samples.npy" if event.indices is not None else ""} | to_plain(event.samples)
        plain = to_plain(replace(event, indices=None)) | {"samples": samples}
        for name in ("indices", "folder"):
            plain.pop(name)
        self.plain |= plain | {"layers": [], "outputs": [], "names": [], "facts": [], "warnings": [], "problem": None}
        if event.indices is not None:
            np.save(self.folder / "samples.npy", event.indices, allow_pickle=False)
        write_json(self.folder / "run.json", self.plain)
        return replace(event, folder=str(self.folder))

    def _declare(self, event: Declared) -> None:
        if self.folder is None:
            return
        for output in event.outputs:
            self.arrays[output.name] = ArrayFile(self.folder / f"{output.name}.npy", output)
            self.filled[output.name] = 0
        self.plain |= {
            "layers": to_plain(event.layers),
            "outputs": [_output_plain(output, 0) for output in event.outputs],
            "names": to_plain(event.names),
            "facts": to_plain(event.facts),
        }
        write_json(self.folder / "run.json", self.plain, spare=True)

    def _finish(self, event: Finished) -> None:
        for array in self.arrays.values():
            array.close()
        if self.folder is None:
            return
        for output in self.plain["outputs"]:
            output["arrived"] = self.filled[output["name"]]
        self.plain |= {
            "state": str(event.outcome),
            "finished": _now(),
            "warnings": to_plain(event.warnings),
            "problem": to_plain(event.problem),
        }
        write_json(self.folder / "run.json", self.plain)

    def abandon(self, ending: Finished) -> None:
        """End after a failure to write: give back the reserved space, then say why in `run.json` if that fits."""
        for array in self.arrays.values():
            array.discard()
        if self.folder is None:
            return
        self.plain |= {"outputs": [], "layers": []}
        try:
            self._finish(ending)
        except OSError:
            with contextlib.suppress(OSError):
                shutil.rmtree(self.folder)

    def close(self, finished: bool) -> None:
        for array in self.arrays.values():
            array.close()
        if not finished and self.folder is not None and self.plain.get("state") == "running":
            with contextlib.suppress(OSError):
                self._finish(Finished(Outcome.CANCELLED))


def _new_folder(root: Path, request: Request, event: Prepared) -> Path:
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    model = event.model or (without_path(request.model.name) if request.model else "")
    words = [stamp, request.method, re.sub(r"[^A-Za-z0-9_.]+", "_", model).strip("_."), event.fingerprint[:6]]
    name = "-".join(word for word in words if word)
    root.mkdir(parents=True, exist_ok=True)
    for number in range(1, 1000):
        folder = root / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise OSError(errno.EEXIST, f"too many runs named {name}")


def _output_plain(output: Output, arrived: int) -> dict[str, Any]:
    empty = EMPTY[output.dtype]
    plain: dict[str, Any] = to_plain(output)
    return plain | {"empty": None if np.isnan(empty) else empty, "arrived": arrived}


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def write_json(path: Path, plain: Any, spare: bool = False) -> None:
    """Replace a JSON file in one step; on failure the old file stays and no part of the new one.

    Parameters
    ----------
    spare
        Also reserve room for the next replacement, so that the end of a run can be written on a full disk.
    """
    text = json.dumps(plain, indent=1, allow_nan=False).encode()
    part = path.with_name(path.name + ".part")
    try:
        with open(part, "r+b" if part.exists() else "wb") as file:
            file.write(text)
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    if spare:
        with open(part, "wb") as file:
            file.write(b"\0" * (len(text) + 65536))


def load(folder: Path) -> Result:
    """Read a run folder back into the same class that a live run fills.

    Raises
    ------
    AnalysisError
        If the folder is no run, is damaged, or was written by a newer version.
    """
    stored = open_run(folder)
    plain = stored.plain
    result = Result()
    try:
        result.apply(Started(stored.request))
        result.apply(_prepared(plain, folder))
        outputs = tuple(_read_output(item) for item in plain["outputs"])
        names = tuple((dim, tuple(words)) for dim, words in plain["names"])
        layers = tuple(from_plain(LayerSpec, item, "layer") for item in plain["layers"])
        result.apply(Declared(outputs, layers, names, tuple((key, text) for key, text in plain["facts"])))
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(folder, error) from None
    for output in outputs:
        array = _read_array(folder, output)
        result.arrays[output.name] = array
        result.arrived[output.name] = int(array.size - np.count_nonzero(is_empty(array)))
    if stored.state in ("completed", "cancelled", "failed"):
        result.apply(_ending(plain))
    return result


def _prepared(plain: dict[str, Any], folder: Path) -> Prepared:
    samples = {key: value for key, value in plain["samples"].items() if key != "indices_file"}
    preprocessing = plain.get("preprocessing")
    path = folder / "samples.npy"
    return Prepared(
        fingerprint=plain["fingerprint"],
        model=plain["model"],
        weights_sha256=plain["weights_sha256"],
        preprocessing=from_plain(Preprocessing, preprocessing) if preprocessing else None,
        badges=tuple(plain["badges"]),
        samples=from_plain(Samples, samples),
        threads=plain["threads"],
        device=plain["device"],
        versions=tuple((name, version) for name, version in plain["versions"]),
        indices=np.load(path, allow_pickle=False) if path.exists() else None,
        folder=str(folder),
    )


def _read_output(plain: dict[str, Any]) -> Output:
    return from_plain(Output, {key: value for key, value in plain.items() if key not in ("empty", "arrived")})


def _read_array(folder: Path, output: Output) -> Array:
    try:
        # A private map: edits of the array in memory never reach the file.
        array = np.load(folder / f"{output.name}.npy", mmap_mode="c", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise _damaged(folder, error) from None
    if array.shape != output.shape or array.dtype != np.dtype(output.dtype):
        raise _damaged(folder, f"{output.name}.npy has another shape or type than run.json says")
    return array  # type: ignore[no-any-return]  # np.load has no type for what it maps


def _ending(plain: dict[str, Any]) -> Finished:
    problem = plain.get("problem")
    return Finished(
        Outcome(plain["state"]),
        from_plain(Problem, problem) if problem else None,
        tuple(from_plain(RunWarning, item) for item in plain.get("warnings", [])),
    )


def _damaged(folder: Path, reason: object) -> AnalysisError:
    return AnalysisError(f"The run {folder.name} is damaged: {reason}.", "Measure again, or delete the folder.")


def open_run(folder: Path) -> StoredRun:
    """Read the `run.json` of a folder.

    Raises
    ------
    AnalysisError
        If there is none, or it cannot be understood.
    """
    path = folder / "run.json"
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise AnalysisError(f"{folder} is not a run folder.", "Name a folder that holds a run.json.") from None
    except (OSError, ValueError) as error:
        raise _damaged(folder, error) from None
    if not isinstance(plain, dict) or not isinstance(plain.get("format"), int):
        raise _damaged(folder, "run.json has no format number")
    if plain["format"] > FORMAT:
        raise AnalysisError(
            f"The run {folder.name} was written by a newer LayerScope (format {plain['format']}, this one reads "
            f"{FORMAT}).",
            "Update LayerScope.",
        )
    try:
        return StoredRun(
            folder=folder,
            state=_state(plain),
            request=from_plain(Request, plain["request"], "request"),
            fingerprint=plain["fingerprint"],
            model=plain["model"],
            started=plain["started"],
            finished=plain["finished"],
            title=plain.get("title", ""),
            plain=plain,
        )
    except (KeyError, RecordError) as error:
        raise _damaged(folder, error) from None


def _state(plain: dict[str, Any]) -> str:
    state = plain["state"]
    if state not in STATES:
        raise RecordError(f"run.json has the unknown state '{state}'")
    here = plain.get("host") == socket.gethostname()
    if state == "running" and here and not is_alive(int(plain.get("pid", 0)), str(plain.get("process_start", ""))):
        return "interrupted"
    return str(state)


def list_runs(root: Path) -> list[StoredRun]:
    """All runs below `root`, newest first. Folders that cannot be read are left out."""
    runs = []
    for path in root.glob("*/run.json"):
        with contextlib.suppress(AnalysisError):
            runs.append(open_run(path.parent))
    return sorted(runs, key=lambda run: (run.started, run.name), reverse=True)


def find_run(text: str, root: Path) -> Path:
    """Find a run by its folder, its name, or a unique end of its name.

    Raises
    ------
    AnalysisError
        If there is none or more than one.
    """
    for folder in (Path(text), root / text):
        if (folder / "run.json").is_file():
            return folder
    names = sorted(path.parent.name for path in root.glob("*/run.json"))
    fits = [name for name in names if name.endswith(text)]
    if len(fits) == 1:
        return root / fits[0]
    if fits:
        raise AnalysisError(f"{len(fits)} runs end in '{text}'.", f"Name one of {', '.join(fits[:5])}.")
    hint = nearest(text, names) if names else f"There are no runs in {root}."
    raise AnalysisError(f"There is no run '{text}' in {root}.", hint)


def rename(folder: Path, title: str) -> None:
    """Give a run a name for people; its folder keeps its own."""
    stored = open_run(folder)
    write_json(folder / "run.json", stored.plain | {"title": title})


def disk_use(folder: Path) -> int:
    """Bytes that a run takes on disk."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
