"""An engine with a script, for tests of the window: no process, no torch, one step per poll or all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from analysis.catalogue import MethodInfo, Param
from analysis.config import LayerSpec
from analysis.events import (
    Chunk,
    Declared,
    Event,
    Finished,
    Outcome,
    Output,
    Prepared,
    Progress,
    Samples,
    Started,
)
from analysis.problems import Problem, RunWarning
from analysis.remote import EngineLost, Hello, Message, RunEvent
from analysis.request import DeviceInfo, Preprocessing, Request
from analysis.store import record

Script = Callable[[Request], Iterable[Event]]

METHODS = (
    MethodInfo("structure", "Structure", "Widths and costs.", needs=frozenset({"model"}), trained=False),
    MethodInfo(
        "feature_rank",
        "Feature rank",
        "How many directions of a layer's feature space are used.",
        params=(
            Param("mode", "auto", "Which columns the feature matrix has", choices=("auto", "positions", "pooled")),
            Param("energy", 0.99, "Share of the variance to explain", low=0.5, high=1.0),
            Param("rtol", 1e-7, "Tolerance of the numerical rank", low=0.0, high=0.1),
            Param("groups", 8, "Groups of pictures for the intervals", low=2, high=64),
            Param("centred", False, "Subtract the mean first"),
        ),
    ),
    MethodInfo("evaluate", "Accuracy", "Top-1, top-5, loss.", needs=frozenset({"model", "images", "labels"})),
    MethodInfo("conflicting_bundles", "Conflicting bundles", "Where classes merge.", limit=512),
    MethodInfo("weight_spectrum", "Weight spectrum", "Singular values.", needs=frozenset({"model"})),
)
DEVICES = (DeviceInfo("cpu", "16 cores", 64 << 30, 40 << 30), DeviceInfo("cuda:0", "Test GPU", 80 << 30, 78 << 30))
CPU = (DEVICES[0],)


def network(blocks: int = 3) -> tuple[LayerSpec, ...]:
    """Layers of a small residual network: a stem, three stages, a classifier."""
    layers = [_conv("conv1", 3, 16, 32, "")]
    for stage, (width, side) in enumerate(((16, 32), (32, 16), (64, 8)), start=1):
        for block in range(blocks):
            for number in (1, 2):
                width_in = width // 2 if stage > 1 and block == 0 and number == 1 else width
                name = f"layer{stage}.{block}.conv{number}"
                layers.append(_conv(name, width_in, width, side, f"layer{stage}.{block}"))
    layers.append(LayerSpec("linear", "linear", "linear", type="Linear", shape=(10,), input_shape=(64,), parameters=650,
                            parameters_used=650, macs=640, activation_bytes=40))  # fmt: skip
    return tuple(layers)


def _conv(name: str, width_in: int, width: int, side: int, block: str) -> LayerSpec:
    count = width_in * width * 9
    return LayerSpec(
        name, "conv", name, type="Conv2d", shape=(width, side, side), input_shape=(width_in, side, side),
        kernel=(3, 3), stride=(1, 1), groups=1, parameters=count, parameters_used=count, macs=count * side * side,
        activation_bytes=4 * width * side * side, block=block, expands_from=width_in,
    )  # fmt: skip


def prepared(request: Request, count: int = 0, badges: tuple[str, ...] = ()) -> Prepared:
    """Return what is known after loading."""
    model = request.model.name.split(":")[-1] if request.model else ""
    location = request.images.location if request.images else ""
    return Prepared(
        f"{abs(hash(request)):064x}"[:64], model, "ab" * 32, Preprocessing((0.5,), (0.25,), source="network"), badges,
        Samples(count, 1000 if count else 0, "cd" * 32 if count else "", location),
        indices=np.arange(count) if count else None,
    )  # fmt: skip


def structure(request: Request) -> Iterator[Event]:
    """Open a network."""
    layers = network()
    yield Started(request)
    yield prepared(request)
    totals = {"total_parameters": "parameters", "total_macs": "macs"}
    yield Declared(tuple(Output(name, (), (), "int64") for name in totals), layers)
    for name, field in totals.items():
        yield Chunk(name, (), np.int64(sum(getattr(layer, field) for layer in layers)))
    yield Finished(Outcome.COMPLETED)


def rank(request: Request, steps: int = 4, warnings: tuple[RunWarning, ...] = ()) -> Iterator[Event]:
    """Measure a rank per layer, in some steps."""
    layers = network()
    count = request.limit if request.limit > 0 else 1000
    yield Started(request)
    yield Progress(0, 0, "Loading")
    yield prepared(request, count)
    outputs = tuple(
        Output(name, ("layer",), (len(layers),), "float64", "directions") for name in ("rank", "effective_rank")
    )
    yield Declared(outputs, layers)
    for step in range(1, steps + 1):
        yield Progress(count * step // steps, count, "Measuring")
        for output in outputs:
            values = np.array([layer.channels * (0.5 + 0.4 * step / steps) for layer in layers])
            yield Chunk(output.name, (), values)
    yield Finished(Outcome.COMPLETED, None, warnings)


def failing(problem: Problem) -> Script:
    """Make the script of a run that fails."""

    def play(request: Request) -> Iterator[Event]:
        yield Started(request)
        yield Finished(Outcome.FAILED, problem)

    return play


SCRIPTS: dict[str, Script] = {
    "structure": structure,
    "feature_rank": rank,
    "evaluate": rank,
    "conflicting_bundles": rank,
    "weight_spectrum": rank,
}


class FakeEngine:
    """Plays a script for every request.

    Parameters
    ----------
    scripts
        Method to events, in place of the usual ones.
    per_poll
        Events that each poll returns; 0 holds all back until `per_poll` is raised.
    """

    def __init__(
        self,
        scripts: dict[str, Script] | None = None,
        per_poll: int = 1000,
        methods: tuple[MethodInfo, ...] = METHODS,
        devices: tuple[DeviceInfo, ...] = CPU,
    ) -> None:
        self.scripts = SCRIPTS | (scripts or {})
        self.per_poll = per_poll
        self.requests: list[tuple[Request, Path | None]] = []
        self.cancelled: list[int] = []
        self.stubborn = False
        self.starts = 0
        self._hello = Hello(methods, devices, "2.9")
        self._queue: dict[int, Iterator[Event]] = {}
        self._messages: list[Message] = []
        self._numbers = iter(range(1, 1 << 62))
        self._alive = False

    @property
    def alive(self) -> bool:
        return self._alive

    def start(self) -> None:
        if not self._alive:
            self._alive = True
            self.starts += 1
            self._messages.append(self._hello)

    def submit(self, request: Request, root: Path | None) -> int:
        self.start()
        number = next(self._numbers)
        self.requests.append((request, root))
        events = iter(self.scripts[request.method](request))
        self._queue[number] = record(events, root) if root else events
        return number

    def cancel(self, run: int) -> None:
        self.cancelled.append(run)
        if run in self._queue and not self.stubborn:
            self._end(run, Finished(Outcome.CANCELLED))

    def _end(self, run: int, ending: Finished) -> None:
        events = self._queue.pop(run)
        close = getattr(events, "close", None)
        if close:
            close()
        self._messages.append(RunEvent(run, ending))

    def die(self, problem: Problem) -> None:
        """Go, as a process that was killed goes."""
        for run in list(self._queue):
            self._end(run, Finished(Outcome.FAILED, problem))
        self._messages.append(EngineLost(problem))
        self._alive = False

    def poll(self) -> list[Message]:
        messages, self._messages = self._messages, []
        while self._queue and len(messages) < self.per_poll:
            number, events = next(iter(self._queue.items()))
            event = next(events, None)
            if event is None:
                del self._queue[number]
            else:
                messages.append(RunEvent(number, event))
        return messages

    def stop(self) -> None:
        for run in list(self._queue):
            self._end(run, Finished(Outcome.CANCELLED))
        self._messages.clear()
        self._alive = False
