"""The axis that everything shares: the depth of a network, as layers, as blocks, or as a share of the whole."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from analysis.config import KINDS, LayerSpec

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MODES = ("layers", "blocks", "depth")
LAYER_KINDS = ("conv", "linear", "pooled")
"""Kinds that are layers proper; activations, branches and block outputs are points between them."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One place on the axis.

    Attributes
    ----------
    name
        Of the layer or the block.
    group, leaf
        The name in two parts: "layer1.0" and "conv2".
    rows
        Rows of the network that lie here, the last one stands for all.
    """

    name: str
    group: str
    leaf: str
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the network in which the map size stays the same.

    Attributes
    ----------
    first, last
        Slots, both inclusive.
    size
        Map size, empty for vectors.
    number
        From 1 for maps; 0 for vectors.
    """

    first: int
    last: int
    size: tuple[int, ...]
    number: int

    @property
    def text(self) -> str:
        """Map size in words."""
        return "×".join(str(n) for n in self.size) if self.size else "vector"


@dataclass(frozen=True, slots=True, eq=False)
class DepthAxis:
    """Where every layer of a network lies on the x axis.

    Attributes
    ----------
    layers
        Rows of the network in execution order.
    mode
        One of :data:`MODES`.
    slots
        Places from left to right.
    x
        (slots,) float64, centres: 0, 1, 2, … or the share of depth.
    half
        Half the distance between two places.
    stages
        Parts with one map size.
    slot_of_row
        (rows,) int64, place of every row; rows without their own place lie with the one before them.
    """

    layers: tuple[LayerSpec, ...]
    mode: str
    slots: tuple[Slot, ...]
    x: Floats
    half: float
    stages: tuple[Stage, ...]
    slot_of_row: Ints
    _rows: dict[str, int] = field(default_factory=dict)

    @property
    def limits(self) -> tuple[float, float]:
        """Ends of the axis."""
        if not self.slots:
            return 0.0, 1.0
        return float(self.x[0] - self.half), float(self.x[-1] + self.half)

    def row_of(self, name: str) -> int:
        """Row of a layer, -1 for none."""
        return self._rows.get(name, -1)

    def slot_of(self, name: str) -> int:
        """Place of a layer, -1 for none."""
        row = self.row_of(name)
        return int(self.slot_of_row[row]) if row >= 0 and self.slots else -1

    def slot_at(self, x: float) -> int:
        """Place nearest to x, -1 beyond the ends of the axis."""
        low, high = self.limits
        if not self.slots or not low <= x <= high:
            return -1
        return min(len(self.slots) - 1, max(0, round((x - float(self.x[0])) / (2 * self.half))))

    def slots_of_span(self, span: tuple[int, int]) -> tuple[int, int]:
        """First and last place of a range of rows."""
        last = len(self.slot_of_row) - 1
        first, end = (int(self.slot_of_row[min(max(row, 0), last)]) for row in span)
        return first, end

    def rows_of_slots(self, first: int, last: int) -> tuple[int, int]:
        """Range of rows from one place to another, with the points that follow the last one."""
        begin = self.slots[first].rows[0]
        end = self.slots[last + 1].rows[0] - 1 if last + 1 < len(self.slots) else len(self.layers) - 1
        return begin, max(begin, end)


EMPTY_AXIS = DepthAxis((), "layers", (), np.empty(0), 0.5, (), np.empty(0, dtype=np.int64))


def depth_axis(layers: tuple[LayerSpec, ...], mode: str = "layers", kinds: tuple[str, ...] = LAYER_KINDS) -> DepthAxis:
    """Lay out a network.

    Parameters
    ----------
    layers
        Rows in execution order.
    mode
        "layers": one place per row of the given kinds. "blocks": one place per residual block, and one per layer
        outside of blocks. "depth": as "layers", with x the share of depth, so that networks of different depth can be
        compared.
    kinds
        Kinds that get a place; if the network has none of them, all do.
    """
    if not layers:
        return EMPTY_AXIS
    slots = _block_slots(layers) if mode == "blocks" else _layer_slots(layers, kinds)
    count = len(slots)
    if mode == "depth":
        x, half = (np.arange(count) + 0.5) / count, 0.5 / count
    else:
        x, half = np.arange(count, dtype=np.float64), 0.5
    names = {layer.name: i for i, layer in enumerate(layers)}
    return DepthAxis(layers, mode, slots, x, half, find_stages(layers, slots), _places(layers, slots), names)


def _layer_slots(layers: tuple[LayerSpec, ...], kinds: tuple[str, ...]) -> tuple[Slot, ...]:
    shown = {layer.name for layer in layers if layer.kind in kinds}
    # A block's output that is the very tensor of an activation that has a place needs no second one.
    rows = [i for i, layer in enumerate(layers) if layer.kind in kinds and layer.same_as not in shown]
    return tuple(Slot(layers[i].name, *split_name(layers[i].name), (i,)) for i in rows or range(len(layers)))


def _block_slots(layers: tuple[LayerSpec, ...]) -> tuple[Slot, ...]:
    groups: list[tuple[str, list[int]]] = []
    for i, layer in enumerate(layers):
        if layer.kind == "input":
            continue
        if layer.block:
            if groups and groups[-1][0] == layer.block:
                groups[-1][1].append(i)
            else:
                groups.append((layer.block, [i]))
        elif layer.kind in LAYER_KINDS or not groups:
            groups.append((layer.name, [i]))
        else:  # an activation between two blocks belongs to what it follows
            groups[-1][1].append(i)
    groups = groups or [(layer.name, [i]) for i, layer in enumerate(layers)]
    return tuple(Slot(name, *split_name(name), tuple(rows)) for name, rows in groups)


def split_name(name: str) -> tuple[str, str]:
    """Split a layer's name into what it lies in and its last part.

    Examples
    --------
    >>> split_name("layer1.0.conv2"), split_name("layer1.0:add"), split_name("fc")
    (('layer1.0', 'conv2'), ('layer1.0', 'add'), ('', 'fc'))
    """
    cut = name.rfind(":")
    cut = cut if cut >= 0 else name.rfind(".")
    return (name[:cut], name[cut + 1 :]) if cut >= 0 else ("", name)


def _places(layers: tuple[LayerSpec, ...], slots: tuple[Slot, ...]) -> Ints:
    places = np.full(len(layers), -1, dtype=np.int64)
    for number, slot in enumerate(slots):
        places[list(slot.rows)] = number
    names = {layer.name: row for row, layer in enumerate(layers)}
    current = 0
    for row, layer in enumerate(layers):
        current = max(current, int(places[row]))
        if places[row] < 0:
            twin = names.get(layer.same_as, -1)
            places[row] = places[twin] if twin >= 0 and places[twin] >= 0 else current
    return places


def find_stages(layers: tuple[LayerSpec, ...], slots: tuple[Slot, ...]) -> tuple[Stage, ...]:
    """Cut the axis where the map size changes.

    A short excursion that returns to the size before it (the 1×1 maps of a squeeze-and-excitation branch) is no stage.
    Where sizes alternate because parallel branches reduce one map (ShuffleNetV2, Inception), the next stage begins
    where the smaller size stays.
    """
    runs: list[tuple[int, tuple[int, ...]]] = []
    for number, slot in enumerate(slots):
        size = layers[slot.rows[-1]].shape[1:]
        size = size if _cells(size) > 1 else ()
        if not runs or runs[-1][1] != size:
            runs.append((number, size))
    runs = _without_alternation(_without_excursions(runs))
    ends = [start for start, _ in runs[1:]] + [len(slots)]
    stages: list[Stage] = []
    for (start, size), end in zip(runs, ends, strict=True):
        stages.append(Stage(start, end - 1, size, sum(bool(stage.size) for stage in stages) + 1 if size else 0))
    return tuple(stages)


def _without_excursions(runs: list[tuple[int, tuple[int, ...]]]) -> list[tuple[int, tuple[int, ...]]]:
    kept: list[tuple[int, tuple[int, ...]]] = []
    for run in runs:
        if len(kept) >= 2 and kept[-2][1] == run[1] and _cells(kept[-1][1]) == 1:
            kept.pop()
        elif not kept or kept[-1][1] != run[1]:
            kept.append(run)
    return kept


def _without_alternation(runs: list[tuple[int, tuple[int, ...]]]) -> list[tuple[int, tuple[int, ...]]]:
    kept: list[tuple[int, tuple[int, ...]]] = []
    for run in runs:
        if len(kept) >= 3 and kept[-3][1] == kept[-1][1] and kept[-2][1] == run[1]:
            del kept[-2:]  # a, b, a, then b again: up to here the trunk still had maps of size a
        kept.append(run)
    return kept


def _cells(size: tuple[int, ...]) -> int:
    return int(np.prod(size)) if size else 1


def align(axis: DepthAxis, other: DepthAxis) -> Ints:
    """Find for every place of an axis the place of another network that corresponds to it.

    By name; else, among what is left, by the relative depth within the stage, where both are each other's nearest.

    Returns
    -------
    (slots,) int64
        Places of `other`, -1 where nothing corresponds.
    """
    names = {slot.name: i for i, slot in enumerate(other.slots)}
    found = np.array([names.get(slot.name, -1) for slot in axis.slots], dtype=np.int64)
    taken = set(found.tolist())
    for ours, theirs in zip(axis.stages, other.stages, strict=False):
        a = [i for i in range(ours.first, ours.last + 1) if found[i] < 0]
        b = [i for i in range(theirs.first, theirs.last + 1) if i not in taken]
        if not a or not b:
            continue
        distance = np.abs(_relative(a, ours)[:, None] - _relative(b, theirs)[None, :])
        kinds_a = [axis.layers[axis.slots[i].rows[-1]].kind for i in a]
        kinds_b = [other.layers[other.slots[i].rows[-1]].kind for i in b]
        distance[np.array(kinds_a)[:, None] != np.array(kinds_b)[None, :]] = np.inf
        nearest_b, nearest_a = distance.argmin(axis=1), distance.argmin(axis=0)
        for i, j in enumerate(nearest_b):
            if np.isfinite(distance[i, j]) and nearest_a[j] == i:
                found[a[i]] = b[j]
    return found


def _relative(places: list[int], stage: Stage) -> Floats:
    return (np.array(places) - stage.first + 0.5) / (stage.last - stage.first + 1)


def matching_rows(layers: tuple[LayerSpec, ...], other: tuple[LayerSpec, ...]) -> Ints:
    """Find for every row of a network the row of another one that corresponds to it.

    By name; else by the relative depth within the stage, see :func:`align`.

    Returns
    -------
    (rows,) int64
        Rows of `other`, -1 where nothing corresponds.
    """
    names = {layer.name: row for row, layer in enumerate(other)}
    found = np.array([names.get(layer.name, -1) for layer in layers], dtype=np.int64)
    ours, theirs = depth_axis(layers, "layers", KINDS), depth_axis(other, "layers", KINDS)
    for slot, place in zip(ours.slots, align(ours, theirs), strict=True):
        if found[slot.rows[-1]] < 0 and place >= 0:
            found[slot.rows[-1]] = theirs.slots[place].rows[-1]
    return found
