"""Read the keys of all pictures at all points of one network, and the bundles they make.

Points are the input, the outputs of the blocks, the branches before their addition, and the pooled feature; never the
logits. In networks without blocks, the outputs of the activations. All of it comes from the recording.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from analysis.bundling.keys import CloseScan, KeyReader, Ruler, on_grid
from analysis.config import LayerSpec
from analysis.events import Progress
from analysis.graph import Recording
from analysis.images import Images
from analysis.measures.partitions import Ids, in_conflict, partition
from analysis.models import Model
from analysis.outputs import scores_in
from analysis.taps import taps

ENDS = (-12, 24)  # exponents of two between which critical tolerances are looked for
STEP = 6  # exponents that are looked at in one pass
STILL = 1e-6  # added to a variance, so that a constant layer has a scale

Floats = NDArray[np.float64]
Reader = KeyReader | CloseScan
Steps = Generator[Progress, None, None]


class Takes(Protocol):
    """What looks at the tensors of one point."""

    def update(self, values: Tensor, places: NDArray[np.int64], /) -> None:
        """Take in the rows of one batch, and their places among the pictures."""


def default_points(recording: Recording) -> tuple[LayerSpec, ...]:
    """Rows at which bundles are read unless others are asked for, in order; each tensor once."""
    outer = _outermost(recording)
    kinds = ("input", "branch", "block", "pooled") if outer else ("input", "activation", "pooled")
    wanted = [layer for layer in recording.layers if layer.kind in kinds]
    if outer:
        wanted = [layer for layer in wanted if layer.kind in ("input", "pooled") or layer.block in outer]
    points: list[LayerSpec] = []
    tensors: set[str] = set()
    for layer in wanted:
        tensor = layer.same_as or layer.name
        if tensor not in tensors and layer.name not in recording.folded and not is_logits(recording, layer):
            points.append(layer)
        tensors |= {tensor, layer.name}
    return tuple(points)


def _outermost(recording: Recording) -> frozenset[str]:
    """Names of the blocks that lie in no other block."""
    modules = [block.module for block in recording.blocks]
    return frozenset(
        block.name
        for block in recording.blocks
        if not any(block.module.startswith(f"{other}.") for other in modules if other)
    )


def is_logits(recording: Recording, layer: LayerSpec) -> bool:
    """Tell whether a row is as large as the output and comes after the last layer with weights, or is that layer."""
    order = {row.name: place for place, row in enumerate(recording.layers)}
    last = max((order[row.name] for row in recording.layers if row.kind in ("conv", "linear")), default=-1)
    if not recording.output_shape or order[layer.name] < last:
        return False
    linear = recording.layers[last].kind == "linear"
    return linear and int(np.prod(layer.shape)) == int(np.prod(recording.output_shape))


@dataclass(slots=True)
class Answers:
    """What a network says about the pictures.

    Attributes
    ----------
    prediction
        (pictures,) int32, -1 where there is none.
    loss
        (pictures,) cross-entropy in nats, NaN where there is none.
    """

    prediction: NDArray[np.int32]
    loss: Floats

    @staticmethod
    def empty(count: int) -> Answers:
        """Return the answers before any picture was shown."""
        return Answers(np.full(count, -1, dtype=np.int32), np.full(count, np.nan))

    def take(self, output: object, labels: Tensor | None, places: NDArray[np.int64]) -> None:
        """Note the answers to one batch; outputs that are not one score per class are passed over."""
        first = scores_in(output)
        if first is None:
            return
        self.prediction[places] = first.argmax(dim=1).cpu().numpy()
        if labels is not None and int(labels.max()) < first.shape[1]:
            exact = first if first.device.type == "mps" else first.double()
            self.loss[places] = functional.cross_entropy(exact, labels, reduction="none").cpu().numpy()

    def accuracy(self, labels: NDArray[np.int64]) -> float:
        """Share of the answered pictures that are right."""
        known = self.prediction >= 0
        return float((self.prediction[known] == labels[known]).mean()) if known.any() else float("nan")

    def mean_loss(self) -> float:
        """Mean cross-entropy over the answered pictures."""
        known = ~np.isnan(self.loss)
        return float(self.loss[known].mean()) if known.any() else float("nan")


@dataclass(slots=True)
class Clock:
    """How far a run is, over all checkpoints and passes."""

    total: int
    done: int = 0

    def step(self, pictures: int, text: str) -> Progress:
        """Count some pictures of one pass."""
        self.done = min(self.done + pictures, self.total)
        return Progress(self.done, self.total, text)


@dataclass(slots=True)
class Network:
    """One network with the pictures and the points at which it is read.

    Attributes
    ----------
    model, images
        The network; the pictures.
    points
        Rows, see :func:`default_points`.
    order
        Places of the pictures that are used, ascending; readers have one row for each.
    clock
        Counts pictures.
    scales
        Factor of each branch, see :func:`branch_scales`.
    """

    model: Model
    images: Images
    points: tuple[LayerSpec, ...]
    order: NDArray[np.int64]
    clock: Clock
    scales: Mapping[str, float] = field(default_factory=dict)

    def read(self, readers: Mapping[str, Takes], text: str, answers: Answers | None = None) -> Steps:
        """Show all pictures to the network and hand every point's tensor to its reader."""
        if not readers:
            return
        row_of = np.full(int(self.order.max(initial=-1)) + 1, -1, dtype=np.int64)
        row_of[self.order] = np.arange(len(self.order))
        places: NDArray[np.int64] = np.empty(0, dtype=np.int64)

        def consume(name: str, values: Tensor) -> None:
            readers[name].update(values, places)

        with taps(self.model.net, self.model.recording, tuple(readers), consume):
            for batch in self.images.batches(self.order):
                places = row_of[batch.index]
                output = self.model.net(batch.pixels)
                if answers is not None:
                    answers.take(output, batch.labels, places)
                yield self.clock.step(len(places), text)

    def readers(self, ruler: Ruler | None, factors: tuple[float, ...]) -> dict[str, KeyReader]:
        """One reader for each point."""
        count = len(self.order)
        return {p.name: KeyReader(count, ruler, factors, self.scales.get(p.name)) for p in self.points}


class _Spread:
    """Population variance of all values that come by, from sums in double precision."""

    def __init__(self) -> None:
        self.count, self.total, self.squares = 0, 0.0, 0.0

    def update(self, values: Tensor) -> None:
        # Sums of one picture at a time: a double array of a whole batch of maps need not fit into the cache.
        for row in values:
            exact = row.flatten() if row.device.type == "mps" else row.flatten().double()
            self.count += exact.numel()
            self.total += float(exact.sum())
            self.squares += float(exact @ exact)

    @property
    def variance(self) -> float:
        mean = self.total / max(self.count, 1)
        return max(self.squares / max(self.count, 1) - mean * mean, 0.0)


def branch_scales(
    network: Network, layers: Mapping[str, tuple[str, ...]]
) -> Generator[Progress, None, dict[str, float]]:
    """Read the factor of every branch: the product of 1/sqrt(var + 1e-6) over its convolutions, before their norms.

    It imitates how the norms scale the signal, as in the authors' reference code; one factor for all pictures.

    Parameters
    ----------
    network
        What is read.
    layers
        Row of each branch to the rows of its convolutions.
    """
    names = tuple(dict.fromkeys(name for rows in layers.values() for name in rows))
    spreads = {name: _Spread() for name in names}
    if names:

        def consume(name: str, values: Tensor) -> None:
            spreads[name].update(values)

        with taps(network.model.net, network.model.recording, names, consume):
            for batch in network.images.batches(network.order):
                network.model.net(batch.pixels)
                yield network.clock.step(len(batch.index), "Scaling branches")
    factor = {name: 1 / np.sqrt(spread.variance + STILL) for name, spread in spreads.items()}
    return {row: float(np.float32(np.prod([factor[name] for name in rows]))) for row, rows in layers.items() if rows}


def ids_of(reader: Reader, number: int = 0) -> Ids:
    """Bundles that a reader found; pictures that did not come or are not finite have none."""
    if isinstance(reader, CloseScan):
        return reader.ids
    return partition(reader.keys[number], reader.seen & reader.finite)


def critical_factors(
    network: Network, ruler: Ruler, labels: NDArray[np.int64], known: Mapping[str, Mapping[int, bool]]
) -> Generator[Progress, None, dict[str, float]]:
    """Find for each point the smallest 2^k by which the grid can be widened until pictures of two labels fall together.

    Looked for upwards from the smallest k that is known; downwards only where that one has a conflict already.

    Parameters
    ----------
    network, ruler
        What is read, and the grid at k = 0.
    labels
        (pictures in use,) their labels.
    known
        Point to exponent to whether there is a conflict.

    Returns
    -------
    dict[str, float]
        Point to factor; 0 if pictures of two labels have equal values, NaN if there is no conflict up to 2^24.
    """
    if len(np.unique(labels)) < 2:
        return dict.fromkeys(known, float("nan"))
    hits = {name: [exponent for exponent, hit in row.items() if hit] for name, row in known.items()}
    low = min((min(row) for row in known.values()), default=0)
    high = max((max(row) for row in known.values()), default=0)
    found = {name: 2.0 ** min(row) for name, row in hits.items() if row and min(row) > low}
    falling = [name for name, row in hits.items() if row and min(row) == low]
    rising = [name for name, row in hits.items() if not row]
    found |= yield from _falling(network, ruler, labels, falling, low)
    while rising and high < ENDS[1]:
        exponents = tuple(range(high + 1, min(high + STEP, ENDS[1]) + 1))
        met = yield from _conflicts(network, ruler, labels, rising, exponents)
        found |= {name: 2.0 ** min(row) for name, row in met.items() if row}
        rising, high = [name for name in rising if name not in found], exponents[-1]
    return {name: found.get(name, float("nan")) for name in known}


def _falling(
    network: Network, ruler: Ruler, labels: NDArray[np.int64], names: list[str], low: int
) -> Generator[Progress, None, dict[str, float]]:
    """Narrow the grid of points that conflict on the narrowest grid so far."""
    if not names:
        return {}
    equal = yield from _conflicts(network, None, labels, names, (0,))
    rest = [name for name in names if not equal[name]]
    exponents = tuple(range(ENDS[0], low))
    finer = (yield from _conflicts(network, ruler, labels, rest, exponents)) if rest else {}
    narrowest = {name: 2.0 ** min([*row, low]) for name, row in finer.items()}
    return {name: 0.0 for name in names if equal[name]} | narrowest


def _conflicts(
    network: Network, ruler: Ruler | None, labels: NDArray[np.int64], names: list[str], exponents: tuple[int, ...]
) -> Generator[Progress, None, dict[str, list[int]]]:
    """Exponents at which points conflict, from one pass over the pictures."""
    count, factors = len(network.order), tuple(2.0**exponent for exponent in exponents)
    readers = {name: KeyReader(count, ruler, factors, network.scales.get(name)) for name in names}
    with closing(network.read(readers, "Looking for critical tolerances")) as steps:
        yield from steps
    return {
        name: [e for number, e in enumerate(exponents) if in_conflict(ids_of(reader, number), labels)]
        for name, reader in readers.items()
    }


class Proof:
    """Compares every picture's values with those of the first of its bundle: a difference is a collision of keys.

    Attributes
    ----------
    collisions
        Pictures that differ.
    """

    def __init__(self, ids: Ids, ruler: Ruler | None, scale: float | None) -> None:
        self.ids, self.ruler, self.scale = ids, ruler, scale
        self.collisions = 0
        self._left = np.bincount(ids[ids >= 0]) if np.any(ids >= 0) else np.zeros(0, dtype=np.int64)
        self._first: dict[int, Tensor] = {}

    def update(self, values: Tensor, places: NDArray[np.int64]) -> None:
        """Take in the rows of one batch. First rows are kept for as long as others of their bundle are to come."""
        rows = values.reshape(len(values), -1).float()
        for row, place in zip(rows, places.tolist(), strict=True):
            bundle = int(self.ids[place])
            if bundle < 0:
                continue
            self._left[bundle] -= 1
            if self._left[bundle] or bundle in self._first:
                scaled = row * self.scale if self.scale is not None else row
                exact = on_grid(scaled, self.ruler) if self.ruler else scaled.clone()
                first = self._first.setdefault(bundle, exact)
                self.collisions += not torch.equal(first, exact)
            if not self._left[bundle]:
                self._first.pop(bundle, None)
