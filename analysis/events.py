"""What a run says, in order: Started, Prepared, Declared, then Chunk and Progress, and exactly one Finished."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from analysis.config import LayerSpec
from analysis.problems import Problem, RunWarning
from analysis.request import Preprocessing, Request

Array = NDArray[np.generic]


class Outcome(StrEnum):
    """How a run ended."""

    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Samples:
    """Which pictures were used.

    Attributes
    ----------
    count, total
        Pictures used, pictures in the source.
    sha256
        Hash of the selected pictures and labels, "" where there are none.
    location
        The source as the user gave it.
    classes
        Class names in the order of the labels, empty if unknown.
    """

    count: int = 0
    total: int = 0
    sha256: str = ""
    location: str = ""
    classes: tuple[str, ...] = ()


NO_SAMPLES = Samples()


@dataclass(frozen=True, slots=True)
class Started:
    """A run begins."""

    request: Request


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """Network and pictures are loaded: what exactly is measured, and on what.

    Attributes
    ----------
    model
        Name of the network as found, e.g. "resnet20" for "auto".
    badges
        Short facts that belong beside every result, e.g. "random weights", "preprocessing assumed".
    versions
        (package, version) pairs.
    indices
        (samples,) int64, place of every used picture in its source; None without pictures.
    folder
        Where the run is being written, "" if it is not.
    """

    fingerprint: str
    model: str = ""
    weights_sha256: str = ""
    preprocessing: Preprocessing | None = None
    badges: tuple[str, ...] = ()
    samples: Samples = NO_SAMPLES
    threads: int = 1
    device: str = "cpu"
    versions: tuple[tuple[str, str], ...] = ()
    indices: Array | None = None
    folder: str = ""


@dataclass(frozen=True, slots=True)
class Output:
    """One array of a result.

    Attributes
    ----------
    name, dims, shape, dtype
        "rank", ("layer",), (21,), "float64". Dtypes: float64, int64, int32, uint8.
    unit
        "directions", "nats", "bytes", …
    title
        Words for axes and headings.
    """

    name: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str = "float64"
    unit: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Declared:
    """What the result will be.

    Attributes
    ----------
    outputs
        The arrays, all of them, with their full size.
    layers
        Rows of the dim "layer", in order.
    names
        (dim, names) pairs for other dims whose entries have names.
    facts
        (name, text) pairs that readers need with the numbers: tolerance, mode, conventions.
    """

    outputs: tuple[Output, ...]
    layers: tuple[LayerSpec, ...] = ()
    names: tuple[tuple[str, tuple[str, ...]], ...] = ()
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Values of one output.

    Attributes
    ----------
    name
        The output.
    at
        Index of the leading dims; the values fill from there. An empty tuple fills from the start.
    values
        What is written: its dims are the last dims of the output, or fewer rows of the first of them.
    """

    name: str
    at: tuple[int, ...]
    values: Array


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Attributes
    ----------
    done, total
        Steps; total is 0 where it is unknown.
    text
        What is being done.
    """

    done: int
    total: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Finished:
    """The run is over."""

    outcome: Outcome
    problem: Problem | None = None
    warnings: tuple[RunWarning, ...] = ()


Event = Started | Prepared | Declared | Chunk | Progress | Finished

EMPTY: dict[str, float] = {"float64": float("nan"), "int64": -1, "int32": -1, "uint8": 255}
