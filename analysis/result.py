"""A result: named arrays with named dims, filled as chunks arrive. The same class for a live run and a stored one."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from analysis.config import LayerSpec
from analysis.events import EMPTY, Array, Chunk, Declared, Event, Finished, Output, Prepared, Progress, Started
from analysis.problems import RunWarning
from analysis.request import Request


class Result:
    """What a run has found so far.

    Attributes
    ----------
    request, prepared, declared, progress, finished
        The latest event of each kind, or None.
    arrays
        Output name to array; what has not arrived is NaN, -1 or 255.
    arrived
        Output name to number of elements that have arrived.
    changes
        Number of chunks that were taken in: what was read of several outputs is as new as this.

    Examples
    --------
    >>> result = Result()
    >>> result.apply(Declared((Output("rank", ("layer",), (2,)),)))
    >>> result.apply(Chunk("rank", (0,), np.float64(3)))
    >>> result["rank"]
    array([ 3., nan])
    """

    def __init__(self) -> None:
        self.request: Request | None = None
        self.prepared: Prepared | None = None
        self.declared: Declared | None = None
        self.progress: Progress | None = None
        self.finished: Finished | None = None
        self.arrays: dict[str, Array] = {}
        self.arrived: dict[str, int] = {}
        self.changes = 0

    @staticmethod
    def of(events: Iterable[Event]) -> Result:
        """Collect a whole stream of events."""
        result = Result()
        for event in events:
            result.apply(event)
        return result

    def apply(self, event: Event) -> None:
        """Take in one event.

        Raises
        ------
        KeyError
            For a chunk of an output that was not declared.
        ValueError
            For a chunk that does not fit its output.
        """
        match event:
            case Started(request):
                self.request = request
            case Prepared():
                self.prepared = event
            case Declared(outputs):
                self.declared = event
                self.arrays = {output.name: empty_array(output) for output in outputs}
                self.arrived = {output.name: 0 for output in outputs}
            case Chunk(name, at, values):
                place = region(self.arrays[name].shape, at, np.shape(values))
                fresh = np.count_nonzero(is_empty(self.arrays[name][place]))
                self.arrays[name][place] = values
                self.arrived[name] += int(fresh)
                self.changes += 1
            case Progress():
                self.progress = event
            case Finished():
                self.finished = event

    def __getitem__(self, name: str) -> Array:
        return self.arrays[name]

    def __contains__(self, name: object) -> bool:
        return name in self.arrays

    @property
    def layers(self) -> tuple[LayerSpec, ...]:
        """Rows of the dim "layer"."""
        return self.declared.layers if self.declared else ()

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The declared outputs."""
        return self.declared.outputs if self.declared else ()

    @property
    def facts(self) -> dict[str, str]:
        """What readers need with the numbers: tolerance, mode, conventions."""
        return dict(self.declared.facts) if self.declared else {}

    @property
    def warnings(self) -> tuple[RunWarning, ...]:
        """Warnings of a finished run."""
        return self.finished.warnings if self.finished else ()

    def output(self, name: str) -> Output:
        """Return the description of an output."""
        return next(output for output in self.outputs if output.name == name)

    def names(self, dim: str) -> tuple[str, ...]:
        """Names of the entries of a dim, empty where they are only numbered."""
        if dim == "layer":
            return tuple(layer.name for layer in self.layers)
        return dict(self.declared.names).get(dim, ()) if self.declared else ()

    def value(self, name: str) -> float:
        """Return an output without dims as a number."""
        return float(self.arrays[name].reshape(-1)[0])


def empty_array(output: Output) -> Array:
    """Make the array of an output, filled with its mark for "nothing here yet"."""
    return np.full(output.shape, EMPTY[output.dtype], dtype=output.dtype)


def is_empty(values: Array) -> Array:
    """Tell which elements still hold the mark for "nothing here yet"."""
    if values.dtype.kind == "f":
        return np.isnan(values)
    return np.asarray(values == EMPTY[values.dtype.name])


def region(shape: tuple[int, ...], at: tuple[int, ...], values: tuple[int, ...]) -> tuple[int | slice, ...]:
    """Place of a chunk in its array.

    `at` indexes the leading dims. The values cover the last ``len(values)`` dims: the first of them from the last entry
    of `at` (from 0 if `at` is shorter), each for as long as the values are.

    Raises
    ------
    ValueError
        If the chunk reaches over the edge of the array.
    """
    lead = len(shape) - len(values)
    starts = (*at, *([0] * (len(shape) - len(at))))
    if lead < 0 or len(at) > len(shape) or len(at) < lead:
        raise ValueError(f"a chunk of shape {values} at {at} does not fit an array of shape {shape}")
    sizes = (*([1] * lead), *values)
    if any(start < 0 or start + size > full for start, size, full in zip(starts, sizes, shape, strict=True)):
        raise ValueError(f"a chunk of shape {values} at {at} does not fit an array of shape {shape}")
    return (*starts[:lead], *(slice(s, s + n) for s, n in zip(starts[lead:], sizes[lead:], strict=True)))
