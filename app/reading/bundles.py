"""What a run of conflicting bundles says, ready for drawing: points, checkpoints, cells, and who is in which bundle."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.config import LayerSpec
from analysis.events import EMPTY
from analysis.measures.bundles import Bundle, bundle_table, first_merge, first_shared
from analysis.measures.partitions import Ids, label_entropy, onset
from analysis.result import Result
from app.reading import numbers
from app.reading.depth import DepthAxis, Floats, Ints, Slot, find_stages, shown_name, split_name
from app.reading.samples import SampleTable
from app.workspace import Workspace

METHOD = "conflicting_bundles"
ENTROPY, BUNDLES, CONFLICT = "entropy", "bundles", "conflict"
VALUES = (ENTROPY, BUNDLES, CONFLICT)


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """Points that belong together: outputs, or the branches of a residual network.

    Attributes
    ----------
    name
        "output" or "branch".
    points
        (n,) int64, their places among all points, in network order.
    """

    name: str
    points: Ints


class Reading:
    """A run that has declared its outputs, possibly still open.

    Attributes
    ----------
    result
        The run.
    points, checkpoints
        Rows of the network in order; names of the checkpoints.
    axis
        Where every point lies on the depth axis; blocks name their two points "branch" and "out".
    lines
        The outputs; and the branches if there are any.
    labels, classes
        (pictures,) int64, -1 before they have arrived; names of the labels.
    places
        (pictures,) int64, places of the pictures in their source.
    """

    def __init__(self, result: Result) -> None:
        self.result = result
        self.points = result.layers
        self.checkpoints = result.names("checkpoint") or ("",)
        self.axis = axis_of(self.points)
        branch = np.array([point.kind == "branch" for point in self.points], dtype=bool)
        lines = (Line("output", np.flatnonzero(~branch)), Line("branch", np.flatnonzero(branch)))
        self.lines = tuple(line for line in lines if len(line.points))
        self.labels: Ints = np.asarray(result["label"], dtype=np.int64)
        self.class_count = self._class_count()
        self.classes = self._class_names()
        self.places = self._places()

    def _class_count(self) -> int:
        declared = len(self.result["first_merge"]) if "first_merge" in self.result else len(self.result.names("class"))
        return max(declared, int(self.labels.max(initial=-1)) + 1)

    def _class_names(self) -> tuple[str, ...]:
        names = self.result.names("class")
        if not names and self.result.prepared is not None:
            names = self.result.prepared.samples.classes
        known = tuple(names[: self.class_count])
        return (*known, *(str(number) for number in range(len(known), self.class_count)))

    def _places(self) -> Ints:
        prepared = self.result.prepared
        indices = prepared.indices if prepared is not None else None
        if indices is None or len(indices) != len(self.labels):
            return np.arange(len(self.labels), dtype=np.int64)
        return np.asarray(indices, dtype=np.int64)

    # -- cells -------------------------------------------------------------------------------------------------------

    def table(self, name: str) -> Floats:
        """Return an output as (checkpoints, points) float64, NaN for what has not arrived or is not there."""
        if name not in self.result:
            return np.full((len(self.checkpoints), len(self.points)), np.nan)
        return _floats(self.result[name])

    def per_checkpoint(self, name: str) -> Floats:
        """Return an output as (checkpoints,) float64, NaN for what has not arrived or is not there."""
        if name not in self.result:
            return np.full(len(self.checkpoints), np.nan)
        return _floats(self.result[name])

    def counted(self) -> Floats:
        """Pictures with a bundle, (checkpoints, points)."""
        return np.asarray(len(self.labels) - np.nan_to_num(self.table("non_finite")), dtype=np.float64)

    def value(self, name: str) -> Floats:
        """One of :data:`VALUES` for every cell: entropy in nats, n/N, or the share of pictures in conflict."""
        if name == ENTROPY:
            return self.table("entropy")
        table = self.table("bundles" if name == BUNDLES else "samples_in_conflict")
        counted = self.counted()
        return np.asarray(np.divide(table, counted, out=np.full(table.shape, np.nan), where=counted > 0))

    def shares(self, checkpoint: int) -> tuple[Floats, Floats, Floats]:
        """Shares of pictures that are alone, in bundles of one label, and in conflict, at every point."""
        counted = np.maximum(self.counted()[checkpoint], 1)
        bundled = self.table("samples_bundled")[checkpoint] / counted
        conflict = self.table("samples_in_conflict")[checkpoint] / counted
        return 1 - bundled, bundled - conflict, conflict

    def non_finite(self) -> NDArray[np.bool_]:
        """Cells with pictures whose values are not finite, or checkpoints whose weights are not."""
        gaps: NDArray[np.bool_] = np.asarray(np.nan_to_num(self.table("non_finite")) > 0)
        finished = self.result.finished
        if finished is not None and str(finished.outcome) == "completed":
            gaps |= np.isnan(self.table("entropy"))
        return gaps

    @property
    def measured(self) -> int:
        """Checkpoints with numbers."""
        return int(np.isfinite(self.table("entropy")).any(axis=1).sum())

    @property
    def last(self) -> int:
        """Last checkpoint with numbers, -1 for none."""
        known = np.flatnonzero(np.isfinite(self.table("entropy")).any(axis=1))
        return int(known[-1]) if len(known) else -1

    def knows(self, checkpoint: int) -> bool:
        """Tell whether a checkpoint has numbers; before any has, all are as good."""
        return bool(np.isfinite(self.table("entropy")[checkpoint]).any()) or self.last < 0

    def worth_a_look(self, checkpoint: int) -> int:
        """Point to look at first: the first conflict, else the last output."""
        first = self.onset(checkpoint)
        return first if first >= 0 else int(self.lines[0].points[-1])

    # -- labels ------------------------------------------------------------------------------------------------------

    @property
    def highest(self) -> float:
        """Label entropy of all pictures in nats: the largest bundle entropy there can be. NaN before labels came."""
        known = self.labels[self.labels >= 0]
        return label_entropy(known) if len(known) else float("nan")

    @property
    def single(self) -> bool:
        """True if all pictures have one label, so that the entropy can be nothing but 0."""
        return self.highest == 0

    @property
    def exact(self) -> bool:
        """True in the mode for which the bounds hold."""
        return self.mode == "exact"

    @property
    def mode(self) -> str:
        """When values count as equal."""
        return self.result.facts.get("mode", "").partition(":")[0].strip()

    def onset(self, checkpoint: int) -> int:
        """First point that conflicts, -1 for none."""
        return onset(self.table("entropy")[checkpoint])

    # -- bundles -----------------------------------------------------------------------------------------------------

    def ids(self, checkpoint: int, point: int) -> Ids:
        """(pictures,) int32, bundle of each picture, -1 for none."""
        return np.asarray(self.result["bundle_ids"][checkpoint, point], dtype=np.int32)

    def bundles(self, checkpoint: int, point: int) -> tuple[Bundle, ...]:
        """Bundles of two pictures or more, those that contribute most first."""
        ids = self.ids(checkpoint, point)
        if not np.any(ids >= 0) or np.any(self.labels[ids >= 0] < 0):
            return ()
        return bundle_table(ids, self.labels, self.class_count)

    def first_merge(self, checkpoint: int) -> tuple[Ints, Ints] | None:
        """(class, class) first point at which two classes share a bundle, -1 for never, and pairs merged there.

        None if that is not known: labels or bundles have not all arrived, or there are too many classes.
        """
        result = self.result
        if "first_merge" not in result or np.any(self.labels < 0) or not 0 <= checkpoint < len(self.checkpoints):
            return None
        if not bool(np.isfinite(self.table("entropy")[checkpoint]).all()):
            return None
        if checkpoint == len(self.checkpoints) - 1 and result.arrived.get("merged_pairs", 0):
            return np.asarray(result["first_merge"], dtype=np.int64), np.asarray(result["merged_pairs"], dtype=np.int64)
        first, pairs = first_merge(np.asarray(result["bundle_ids"][checkpoint]), self.labels, self.class_count)
        return first.astype(np.int64), pairs

    def first_shared(self, checkpoint: int, places: tuple[int, ...]) -> int | None:
        """First point at which pictures share a bundle, -1 for never; None if one of them is not among the run's.

        Parameters
        ----------
        places
            Places of the pictures in their source.
        """
        rows = np.flatnonzero(np.isin(self.places, places))
        if len(places) < 2 or len(rows) < len(set(places)) or not 0 <= checkpoint < len(self.checkpoints):
            return None
        return first_shared(np.asarray(self.result["bundle_ids"][checkpoint]), rows)

    def point_of(self, layer: str) -> int:
        """Place of a layer among the points, -1 if nothing is measured there; twins of a point count as the point."""
        row = self.axis.row_of(layer)
        if row < 0 and layer:
            row = next((i for i, point in enumerate(self.points) if point.same_as == layer), -1)
        return row

    def neighbour(self, point: int, step: int) -> int:
        """Point before (-1) or after (1) on the same line, -1 for none."""
        line = self.line_of(point)
        place = int(np.flatnonzero(line.points == point)[0]) + step
        return int(line.points[place]) if 0 <= place < len(line.points) else -1

    def line_of(self, point: int) -> Line:
        """Line that a point belongs to."""
        return next(line for line in self.lines if point in line.points)

    def table_of_samples(self, checkpoint: int) -> SampleTable:
        """Pictures with labels and predictions, over the places of their source."""
        count = int(self.places.max(initial=-1)) + 1
        rows = np.full(count, -1, dtype=np.int64)
        rows[self.places] = np.arange(len(self.places))
        labels, predictions = np.full(count, -1, dtype=np.int64), np.full(count, -1, dtype=np.int64)
        labels[self.places] = self.labels
        if "prediction" in self.result:
            found = self.result["prediction"]
            predictions[self.places] = found[checkpoint] if found.ndim == 2 else found
        right = np.where((labels >= 0) & (predictions >= 0), labels == predictions, -1).astype(np.int8)
        unknown = np.full(count, np.nan)
        return SampleTable(count, rows, labels, predictions, right, unknown, unknown, self.classes, self.classes)

    # -- words -------------------------------------------------------------------------------------------------------

    def conditions(self, checkpoint: int) -> list[str]:
        """N, seed, mode, η, B, W with its tensor, and τ: what has to stand beside every number."""
        facts = self.result.facts
        found = [f"N = {len(self.labels):,}"]
        request = self.result.request
        seed = facts.get("seed", str(request.seed) if request else "")
        found += [f"seed {seed}"] if seed else []
        found += [f"mode {self.mode}"] if self.mode else []
        if self.mode not in ("", "update-grid"):
            return found
        found.append(self._stated("η", "eta", checkpoint))
        found.append(self._stated("B", "training_batch", checkpoint))
        amplitude = float(self.per_checkpoint("amplitude")[checkpoint])
        if math.isfinite(amplitude):
            found.append(f"W = {numbers.short(amplitude)} ({self._tensor(checkpoint)})")
        tau = float(self.per_checkpoint("tau")[checkpoint])
        if math.isfinite(tau):
            found.append(f"τ = {numbers.scientific(tau)}")
        return [word for word in found if word]

    def _stated(self, sign: str, name: str, checkpoint: int) -> str:
        value, fact = float(self.per_checkpoint(name)[checkpoint]), self.result.facts.get(sign, "")
        if not math.isfinite(value):
            return f"{sign} = {fact}" if fact else ""
        assumed = " (assumed)" if "assumed" in fact else ""
        return f"{sign} = {value:g}{assumed}"

    def _tensor(self, checkpoint: int) -> str:
        names = self.result.names("parameter")
        number = int(self.result["amplitude_tensor"][checkpoint]) if "amplitude_tensor" in self.result else -1
        return names[number] if 0 <= number < len(names) else "no tensor"

    def point_words(self, point: int) -> str:
        """Name of a point for people: its layer, and what of it."""
        layer = self.points[point]
        if layer.kind == "branch":
            return f"{layer.block or layer.name} branch"
        return shown_name(layer.name)

    def state_words(self, checkpoint: int, point: int) -> str:
        """Say that a layer is dead or constant; "" for one that tells pictures apart."""
        if "state" not in self.result:
            return ""
        return {1: "constant: all pictures are equal", 2: "dead: all values are zero"}.get(
            int(self.result["state"][checkpoint, point]), ""
        )


def _floats(array: NDArray[np.generic]) -> Floats:
    values = array.astype(np.float64)
    if array.dtype.kind in "iu":
        values[array == EMPTY[array.dtype.name]] = np.nan
    return values


def axis_of(points: tuple[LayerSpec, ...]) -> DepthAxis:
    """Lay the points of a run out in order, one place each."""
    branches = {point.block for point in points if point.kind == "branch"}
    slots = tuple(_slot(point, number, point.block in branches) for number, point in enumerate(points))
    count = len(slots)
    rows = np.arange(count, dtype=np.int64)
    names = {point.name: number for number, point in enumerate(points)}
    stages = find_stages(points, slots) if slots else ()
    return DepthAxis(points, "layers", slots, rows.astype(np.float64), 0.5, stages, rows, names)


def _slot(point: LayerSpec, number: int, two: bool) -> Slot:
    if point.block and two:
        return Slot(point.name, point.block, "branch" if point.kind == "branch" else "out", (number,))
    return Slot(point.name, *split_name(point.name), (number,))


def outputs_axis(axis: DepthAxis, line: Line) -> DepthAxis:
    """Lay out the points of one line only, with the places that all of them have."""
    points = tuple(axis.layers[point] for point in line.points)
    return replace(axis_of(points), mode="layers")


def effort_of(layers: tuple[LayerSpec, ...], count: int, device: str) -> float:
    """Seconds that a checkpoint takes, roughly: scales, keys, and three passes for the critical tolerance."""
    speed = 3e11 if device.startswith(("cuda", "mps")) else 8e9
    return 1 + 5 * sum(layer.macs for layer in layers) * count / speed


def duration_words(workspace: Workspace) -> str:
    """Say about how long a run takes: a few passes over the pictures for every checkpoint."""
    info, limit = workspace.method(METHOD), workspace.limit
    count = limit if limit > 0 else (info.limit if info and info.limit else 512)
    seconds = effort_of(workspace.layers, count, workspace.compute.device)
    return f"about {numbers.duration(seconds)} for {count:,} pictures and each checkpoint on {workspace.compute.device}"


@dataclass(frozen=True, slots=True)
class Look:
    """What the view looks at.

    Attributes
    ----------
    checkpoint, point, bundle
        Numbers; -1 for none.
    chosen
        True if the user has chosen the point; else it is where a look is worth it most.
    """

    checkpoint: int = -1
    point: int = -1
    bundle: int = -1
    chosen: bool = False
