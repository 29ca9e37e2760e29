"""The engine in its own process, behind four verbs: submit, cancel, poll, stop.

The window's process holds a :class:`RemoteEngine` and never imports torch. The engine's process serves one request
after the other and says what happens over one pipe. When either process dies, the other one notices by the end of the
pipe: the window tells its user, the engine leaves.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Protocol

from analysis.catalogue import MethodInfo
from analysis.events import Event, Finished, Outcome, Started
from analysis.problems import Problem
from analysis.request import DeviceInfo, Request
from analysis.store import record


@dataclass(frozen=True, slots=True)
class Hello:
    """The engine is ready: what it can do, and on what."""

    methods: tuple[MethodInfo, ...]
    devices: tuple[DeviceInfo, ...]
    torch: str


@dataclass(frozen=True, slots=True)
class RunEvent:
    """An event of one run."""

    run: int
    event: Event


@dataclass(frozen=True, slots=True)
class EngineLost:
    """The engine's process has gone; its open runs have been reported as failed before this."""

    problem: Problem


Message = Hello | RunEvent | EngineLost


class Engine(Protocol):
    """What the window knows of an engine."""

    def start(self) -> None:
        """Begin; a Hello follows."""

    def submit(self, request: Request, root: Path | None) -> int:
        """Queue a request, recorded below `root` if given; return the number of the run."""

    def cancel(self, run: int) -> None:
        """Ask a run to stop at its next step, or take it from the queue."""

    def poll(self) -> list[Message]:
        """Return what has arrived; never waits."""

    def stop(self) -> None:
        """End the engine for good."""

    @property
    def alive(self) -> bool:
        """True from start() until the engine has gone."""


class RemoteEngine:
    """The real engine, in its own process.

    Examples
    --------
    ::

        engine = RemoteEngine()
        engine.start()
        number = engine.submit(Request("structure", ModelSource("demo:fashion_resnet")), None)
        while not any(isinstance(m, RunEvent) and isinstance(m.event, Finished) for m in engine.poll()):
            ...
        engine.stop()
    """

    def __init__(self, threads: int = 0) -> None:
        self._threads = threads
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._open: dict[int, Request] = {}
        self._numbers = iter(range(1, 1 << 62))

    def start(self) -> None:
        """Start the process; a Hello follows when torch is imported. Does nothing if it runs."""
        if self._process is not None:
            return
        context = multiprocessing.get_context("spawn")  # a forked process cannot use CUDA
        self._pipe, far = context.Pipe(duplex=True)
        self._process = context.Process(target=_serve, args=(far, self._threads), name="LayerScope engine", daemon=True)
        with _thread_limits(self._threads):
            self._process.start()
        far.close()  # or the end of the engine would not end the pipe

    @property
    def alive(self) -> bool:
        """True from start() until the engine has gone."""
        return self._process is not None

    @property
    def pid(self) -> int:
        """Number of the engine's process, 0 if there is none."""
        return (self._process.pid or 0) if self._process else 0

    def submit(self, request: Request, root: Path | None) -> int:
        """Queue a request; return the number of the run. A lost engine is started again first."""
        self.start()
        number = next(self._numbers)
        self._open[number] = request
        self._send(("run", number, request, root))
        return number

    def cancel(self, run: int) -> None:
        """Ask a run to stop; its Finished follows."""
        if run in self._open:
            self._send(("cancel", run))

    def _send(self, message: tuple[object, ...]) -> None:
        # A broken pipe is told by the next poll().
        with contextlib.suppress(OSError, AttributeError):
            assert self._pipe is not None
            self._pipe.send(message)

    def poll(self) -> list[Message]:
        """Return what has arrived; never waits for more."""
        messages: list[Message] = []
        try:
            while self._pipe is not None and len(messages) < 1000 and self._pipe.poll(0):
                message = self._pipe.recv()
                if isinstance(message, RunEvent) and isinstance(message.event, Finished):
                    self._open.pop(message.run, None)
                messages.append(message)
        except (EOFError, OSError):
            messages += self._lost()
        return messages

    def _lost(self) -> list[Message]:
        process, pipe = self._process, self._pipe
        self._process = self._pipe = None
        code: int | None = None
        if process is not None:
            process.join(1)
            code = process.exitcode
        if pipe is not None:
            pipe.close()
        problem = _why(code)
        ends: list[Message] = [RunEvent(run, Finished(Outcome.FAILED, problem)) for run in self._open]
        self._open.clear()
        return [*ends, EngineLost(problem)]

    def stop(self) -> None:
        """End the engine: ask it, then insist."""
        process, pipe = self._process, self._pipe
        self._process = self._pipe = None
        self._open.clear()
        if pipe is not None:
            pipe.close()
        if process is not None:
            process.join(0.5)
            if process.is_alive():
                process.kill()
                process.join(2)
            process.close()

    def restart(self) -> list[Message]:
        """End a busy engine at once and start a new one; its open runs are reported as failed."""
        problem = Problem("The engine was restarted.", "What had arrived is kept; run it again for the rest.")
        ends: list[Message] = [RunEvent(run, Finished(Outcome.FAILED, problem)) for run in self._open]
        if self._process is not None:
            self._process.kill()
        self.stop()
        self.start()
        return ends


def _why(code: int | None) -> Problem:
    if code == -9:
        return Problem(
            "The engine was killed, most often because the computer ran out of memory.",
            "What had arrived is kept. Use a smaller batch, fewer layers or fewer pictures, and run it again.",
        )
    how = f"with signal {-code}" if code is not None and code < 0 else f"with status {code}"
    return Problem(f"The engine stopped unexpectedly ({how}).", "What had arrived is kept; run it again for the rest.")


@contextlib.contextmanager
def _thread_limits(threads: int) -> Iterator[None]:
    """Set the thread counts that numeric libraries read once, when they are loaded in the new process."""
    count = str(threads or max(1, (os.cpu_count() or 2) - 1))
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, count))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _serve(pipe: Connection, threads: int) -> None:
    """Live in the engine's process: read requests, say what happens."""
    if hasattr(os, "nice"):
        os.nice(5)  # the window comes first
    inbox = _Inbox(pipe)
    from analysis import engine

    engine.warm_up(threads)
    cache = engine.ModelCache(engine.derive)
    with contextlib.suppress(OSError):  # the window has gone
        pipe.send(Hello(engine.methods(), engine.devices(), engine.torch_version()))
        for number, request, root in inbox.requests():
            events = engine.run(request, inbox.flag(number), cache)
            for event in record(events, root) if root else events:
                pipe.send(RunEvent(number, event))
            inbox.done(number)


class _Inbox:
    """What the window asks for, read by a thread of its own so that cancelling needs no step of the run."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._waiting: deque[tuple[int, Request, Path | None]] = deque()
        self._cancelled: set[int] = set()
        self._news = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                message = self._pipe.recv()
            except (EOFError, OSError):
                os._exit(0)  # the window has gone: nothing that is computed now would be seen
            with self._news:
                if message[0] == "run":
                    self._waiting.append(message[1:])
                else:
                    self._cancelled.add(message[1])
                self._news.notify()

    def requests(self) -> Iterator[tuple[int, Request, Path | None]]:
        """Wait for requests, for ever. A request that was cancelled while it waited is ended without being run."""
        while True:
            with self._news:
                self._news.wait_for(lambda: bool(self._waiting))
                number, request, root = self._waiting.popleft()
            if number in self._cancelled:
                self._pipe.send(RunEvent(number, Started(request)))
                self._pipe.send(RunEvent(number, Finished(Outcome.CANCELLED)))
                self.done(number)
                continue
            yield number, request, root

    def flag(self, number: int) -> Callable[[], bool]:
        return lambda: number in self._cancelled

    def done(self, number: int) -> None:
        self._cancelled.discard(number)


class InlineEngine:
    """The same engine in this process, one step per poll, so that a breakpoint in a method works."""

    def __init__(self) -> None:
        self._queue: deque[tuple[int, Iterator[Event]]] = deque()
        self._cancelled: set[int] = set()
        self._messages: list[Message] = []
        self._numbers = iter(range(1, 1 << 62))
        self._started = False

    def start(self) -> None:
        """Import the engine and say hello."""
        if self._started:
            return
        from analysis import engine

        self._cache = engine.ModelCache(engine.derive)
        self._started = True
        self._messages.append(Hello(engine.methods(), engine.devices(), engine.torch_version()))

    @property
    def alive(self) -> bool:
        """True from start() to stop()."""
        return self._started

    def submit(self, request: Request, root: Path | None) -> int:
        """Queue a request."""
        self.start()
        from analysis import engine

        number = next(self._numbers)
        events = engine.run(request, lambda: number in self._cancelled, self._cache)
        self._queue.append((number, record(events, root) if root else events))
        return number

    def cancel(self, run: int) -> None:
        """Stop a run at its next step."""
        self._cancelled.add(run)

    def poll(self) -> list[Message]:
        """Take one step of the first run."""
        messages, self._messages = self._messages, []
        if self._queue:
            number, events = self._queue[0]
            event = next(events, None)
            if event is None:
                self._queue.popleft()
            else:
                messages.append(RunEvent(number, event))
        return messages

    def stop(self) -> None:
        """Close what is open."""
        while self._queue:
            close = getattr(self._queue.popleft()[1], "close", None)
            if close:
                close()
        self._started = False
