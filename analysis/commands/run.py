"""`run`: carry out a method and store what it finds."""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from analysis.commands import options as shared
from analysis.events import Chunk, Event, Finished, Outcome, Prepared, Progress
from analysis.problems import AnalysisError, RunWarning
from analysis.records import to_plain
from analysis.request import Request

NAME = "run"
HELP = "measure: carry out a method and store its numbers in a run folder"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("method", metavar="METHOD", help="a method (see list), or a request as a .json file")
    shared.add_model(parser)
    shared.add_images(parser)
    shared.add_compute(parser)
    group = parser.add_argument_group("run")
    group.add_argument("--edits", metavar="FILE", help="edits as JSON")
    group.add_argument("--layers", metavar="GLOB", default="", help="only layers whose names fit, comma-separated")
    group.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], help="a parameter of the method")
    group.add_argument("--seed", type=int, default=0)
    group.add_argument("--reuse", action="store_true", help="take a stored run with the same fingerprint if there is")
    group.add_argument("--resume", metavar="RUN", default="", help="go on with an unfinished run of the same request")
    group.add_argument("--out", metavar="DIR", default="runs", help="folder of the run folders (default: runs)")
    group.add_argument("--json", action="store_true", help="one event a line instead of a progress bar")


def command(options: argparse.Namespace) -> int:
    """Carry out the method; return the exit status."""
    request = _request(options)
    from analysis.engine import find_method, run
    from analysis.store import find_run, record

    if options.resume:
        request = replace(request, resume=str(find_run(options.resume, Path(options.out))))
    find_method(request.method).INFO.values(dict(request.params))
    with _interruptible() as interrupted:
        events = record(run(request, interrupted), Path(options.out))
        if options.reuse:
            events = _reused(events, Path(options.out))
        show = _JsonLines() if options.json else _Bar()
        ending, folder = _follow(events, show)
    if ending.outcome is Outcome.CANCELLED:
        return 130
    if ending.problem:
        raise AnalysisError(ending.problem.message, ending.problem.hint, items=_lines(ending.problem.details, options))
    if options.json:
        print(json.dumps({"folder": folder}))
    else:
        print(folder)
    return 0


def _lines(details: str, options: argparse.Namespace) -> tuple[str, ...]:
    """Key lists are for people to read; a traceback is not."""
    return () if details.startswith("Traceback") else tuple(details.splitlines())


def _follow(events: Iterator[Event], show: _JsonLines | _Bar) -> tuple[Finished, str]:
    folder, ending = "", Finished(Outcome.FAILED)
    for event in events:
        show.event(event)
        if isinstance(event, Prepared):
            folder = event.folder
        if isinstance(event, Finished):
            ending = event
    show.close()
    return ending, folder


def _reused(events: Iterator[Event], root: Path) -> Iterator[Event]:
    """Stop at Prepared if a completed run with the same fingerprint is stored, and hand out that one."""
    import shutil

    from analysis.store import list_runs, load

    for event in events:
        if isinstance(event, Prepared):
            stored = [r for r in list_runs(root) if r.fingerprint == event.fingerprint and r.state == "completed"]
            if stored:
                events.close()  # type: ignore[attr-defined]  # record() is a generator
                shutil.rmtree(event.folder)
                result = load(stored[0].folder)
                assert result.prepared is not None  # a completed run has been prepared
                yield result.prepared
                yield result.finished or Finished(Outcome.COMPLETED)
                return
        yield event


def _request(options: argparse.Namespace) -> Request:
    if options.method.endswith(".json"):
        try:
            return Request.from_json(Path(options.method).read_text(encoding="utf-8"))
        except OSError as error:
            raise AnalysisError(f"{options.method} cannot be read: {error.strerror}.") from None
    described: dict[str, Any] = {}
    if options.edits:
        described["edits"] = _edits(Path(options.edits))
    return Request(
        options.method,
        shared.model_source(options),
        shared.image_source(options),
        params=shared.settings(options.set),
        layers=options.layers,
        limit=options.limit,
        seed=options.seed,
        compute=shared.compute(options),
        **described,
    )


def _edits(path: Path) -> Any:
    from analysis.edits import Edits
    from analysis.records import RecordError, from_plain

    try:
        return from_plain(Edits, json.loads(path.read_text(encoding="utf-8")), "edits")
    except (OSError, ValueError, RecordError) as error:
        raise AnalysisError(f"{path} holds no edits: {error}.", "Save them from the window.") from None


@contextmanager
def _interruptible() -> Iterator[Any]:
    """Turn the first interrupt into a wish to stop; a second one ends the process."""
    asked: list[bool] = []

    def note(_number: int, _frame: object) -> None:
        if asked:
            os._exit(130)
        asked.append(True)
        print("\nStopping after this layer; press Ctrl+C again to end at once.", file=sys.stderr)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGINT, before)


class _Bar:
    """A progress bar with time left on a terminal, plain lines elsewhere."""

    def __init__(self) -> None:
        self._bar: Any = None

    def event(self, event: Event) -> None:
        if isinstance(event, Progress) and sys.stderr.isatty():
            self._show(event)
        elif isinstance(event, Finished):
            self.close()
            for warning in event.warnings:
                print(f"warning: {warning.text}{_named(warning)}", file=sys.stderr)

    def _show(self, event: Progress) -> None:
        from tqdm import tqdm

        if self._bar is None:
            self._bar = tqdm(total=event.total or None, file=sys.stderr, leave=False, smoothing=0.1)
        if event.total:
            self._bar.total = event.total
        self._bar.set_description(event.text, refresh=False)
        self._bar.n = event.done
        self._bar.refresh()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _named(warning: RunWarning) -> str:
    shown = ", ".join(warning.items[:5])
    more = f" and {len(warning.items) - 5} more" if len(warning.items) > 5 else ""
    return f" ({shown}{more})" if shown else ""


class _JsonLines:
    """One event a line; chunks carry name, place and shape, never values."""

    def event(self, event: Event) -> None:
        if isinstance(event, Chunk):
            plain: dict[str, Any] = {"name": event.name, "at": list(event.at), "shape": list(event.values.shape)}
        elif isinstance(event, Prepared):
            plain = {k: to_plain(getattr(event, k)) for k in event.__slots__ if k != "indices"}
        else:
            plain = to_plain(event)
        print(json.dumps({"event": type(event).__name__.lower()} | _finite(plain)), flush=True)

    def close(self) -> None:
        pass


def _finite(plain: Any) -> Any:
    if isinstance(plain, float) and not math.isfinite(plain):
        return None
    if isinstance(plain, dict):
        return {key: _finite(value) for key, value in plain.items()}
    return [_finite(value) for value in plain] if isinstance(plain, list) else plain
