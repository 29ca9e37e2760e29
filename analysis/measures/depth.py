"""The axis that everything shares: the depth of a network, as layers, as blocks, or as a share of the whole."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from analysis.config import LayerSpec

SHORTCUTS = ("downsample", "shortcut", "skip")
"""What networks call the modules on a residual shortcut, which number what they hold."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MODES = ("layers", "blocks", "depth")
MOST_ALIKE = 0.6
"""Share of places up to which a last part that they have in common still names them; conv1 of a ResNet has a half."""
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
    slots = [Slot(layers[i].name, *split_name(layers[i].name), (i,)) for i in rows or range(len(layers))]
    return tuple(_told_apart(slots))


def _told_apart(slots: list[Slot]) -> list[Slot]:
    """Call places by the part before the last where nearly all last parts are one word.

    Networks of wrapped convolutions (Inception's ``branch5x5_1.conv``) would be a row of "conv" otherwise.
    """
    counts = Counter(slot.leaf for slot in slots if slot.group)
    leaf, count = counts.most_common(1)[0] if counts else ("", 0)
    if count < 3 or count <= MOST_ALIKE * len(slots):
        return slots
    return [
        Slot(slot.name, *split_name(slot.group), slot.rows) if slot.leaf == leaf and slot.group else slot
        for slot in slots
    ]


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


def shown_name(name: str) -> str:
    """Name of a layer as people read it: an operation of the network itself is called by its name alone.

    Rows are stored, exported and typed as "owner:operation", with nothing before the colon for the outermost module.

    Examples
    --------
    >>> shown_name(":avg_pool2d"), shown_name("layer1.0:add"), shown_name("fc")
    ('avg_pool2d', 'layer1.0:add', 'fc')
    """
    return name.removeprefix(":")


def split_name(name: str) -> tuple[str, str]:
    """Split a layer's name into what it lies in and its last part; a numbered part of a shortcut is called so.

    Examples
    --------
    >>> split_name("layer1.0.conv2"), split_name("layer1.0:add"), split_name("fc")
    (('layer1.0', 'conv2'), ('layer1.0', 'add'), ('', 'fc'))
    >>> split_name("layer2.0.downsample.0"), split_name("features.3")
    (('layer2.0', 'shortcut'), ('features', '3'))
    """
    cut = name.rfind(":")
    cut = cut if cut >= 0 else name.rfind(".")
    if cut < 0:
        return "", name
    group, leaf = name[:cut], name[cut + 1 :]
    block, _, inner = group.rpartition(".")
    return (block, "shortcut") if leaf.isdigit() and inner in SHORTCUTS else (group, leaf)


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

    Places follow their rows, see :func:`matching_rows`, so that an axis, a table and a graph never disagree: a place
    goes where the last of its rows goes, if that leads back to it.

    Returns
    -------
    (slots,) int64
        Places of `other`, -1 where nothing corresponds.
    """
    there = matching_rows(axis.layers, other.layers)
    back = np.full(len(other.layers), -1, dtype=np.int64)
    back[there[there >= 0]] = np.flatnonzero(there >= 0)
    ours, theirs = _leading(axis, there, other), _leading(other, back, axis)
    return np.array([b if b >= 0 and theirs[b] == a else -1 for a, b in enumerate(ours)], dtype=np.int64)


def _leading(axis: DepthAxis, rows: Ints, other: DepthAxis) -> list[int]:
    """Place of another axis to which the last row with a counterpart leads, for every place; -1 for none."""
    found = (next((int(rows[row]) for row in reversed(slot.rows) if rows[row] >= 0), -1) for slot in axis.slots)
    return [int(other.slot_of_row[row]) if row >= 0 else -1 for row in found]


@lru_cache(maxsize=16)  # asked for again and again of the same two networks, by every column and every line
def matching_rows(layers: tuple[LayerSpec, ...], other: tuple[LayerSpec, ...]) -> Ints:
    """Find for every row of a network the row of another one that corresponds to it.

    Rows correspond only if they are of one kind, and never against the order of execution. Under these conditions as
    many as possible correspond by name (blocks with other parts do not), and the rest by the nearest
    relative depth among rows of their kind in the stage of the same number. Where equal names stand for rows of another
    kind or in another order anywhere ("features.3" of two VGG networks), names are mere numbers: they then count within
    the stage of the same number only. One-cell maps within a stage (squeeze-and-excitation) correspond to one-cell maps
    only.

    Give the rows of both networks in full: a part of them alone may have other stages.

    Returns
    -------
    (rows,) int64
        Rows of `other`, -1 where nothing corresponds. Increasing where it is not -1; not to be written to.
    """
    nothing = np.full(len(layers), -1, dtype=np.int64)
    found = _best_in_order(_closeness(layers, other)) if layers and other else nothing
    found.flags.writeable = False
    return found


def _closeness(layers: tuple[LayerSpec, ...], other: tuple[LayerSpec, ...]) -> Floats:
    """(rows, other rows) how well two rows go together: 0 not at all, up to 1 by depth, more than all depths by name.

    One name outweighs every pairing by depth, so that the best sum has the most names.
    """
    ours, theirs = _sites(layers), _sites(other)
    numbers = {site: number for number, site in enumerate(dict.fromkeys((*ours, *theirs)))}
    a, b = (np.array([numbers[site] for site in sites], dtype=np.int64) for sites in (ours, theirs))
    close: Floats = np.where(a[:, None] == b[None, :], 1 - np.abs(_shares(a)[:, None] - _shares(b)[None, :]), 0.0)
    named = _equal_names(layers, other)
    alike = all(layers[i].kind == other[j].kind for i, j in named)
    trusted = alike and all(one[1] < two[1] for one, two in pairwise(named))
    for i, j in named:
        if layers[i].kind == other[j].kind and (trusted or ours[i] == theirs[j]):
            close[i, j] = len(layers) + len(other)
    return close


def _equal_names(layers: tuple[LayerSpec, ...], other: tuple[LayerSpec, ...]) -> list[tuple[int, int]]:
    """Rows of both networks with one name, but for blocks with other parts: those are numbered alike all the same."""
    rows = {layer.name: row for row, layer in enumerate(other)}
    found = []
    for row, layer in enumerate(layers):
        if layer.name not in rows:
            continue
        ours, theirs = (_parts(layer.name, whole) for whole in (layers, other)) if layer.kind == "block" else ((), ())
        if not ours or not theirs or set(ours) & set(theirs):
            found.append((row, rows[layer.name]))
    return found


def _parts(block: str, layers: tuple[LayerSpec, ...]) -> tuple[str, ...]:
    """Names of the rows inside a block."""
    return tuple(layer.name for layer in layers if layer.name.startswith((f"{block}.", f"{block}:")))


def _sites(layers: tuple[LayerSpec, ...]) -> list[tuple[str, int, bool]]:
    """Kind, stage and whether there is one cell only, for every row; the input counts for no stage."""
    rows = [row for row, layer in enumerate(layers) if layer.kind != "input"]
    numbers = dict.fromkeys(range(len(layers)), 0)
    for stage in find_stages(layers, tuple(Slot(layers[row].name, "", "", (row,)) for row in rows)):
        numbers |= dict.fromkeys(rows[stage.first : stage.last + 1], stage.number)
    return [(layer.kind, numbers[row], _cells(layer.shape[1:]) == 1) for row, layer in enumerate(layers)]


def _shares(sites: Ints) -> Floats:
    """Relative depth of every row among those of its site, within 0 and 1."""
    found = np.empty(len(sites))
    for site in np.unique(sites):
        rows = np.flatnonzero(sites == site)
        found[rows] = (np.arange(len(rows)) + 0.5) / len(rows)
    return found


def _best_in_order(close: Floats) -> Ints:
    """Pair rows with columns, both in order and each at most once, so that the sum is largest; -1 for no column."""
    best = np.zeros((close.shape[0] + 1, close.shape[1] + 1))
    for i, row in enumerate(close):
        best[i + 1, 1:] = np.maximum.accumulate(np.maximum(best[i, 1:], best[i, :-1] + row))
    found = np.full(len(close), -1, dtype=np.int64)
    i, j = close.shape
    while i and j:
        if best[i, j] == best[i - 1, j]:
            i -= 1
        elif best[i, j] == best[i, j - 1]:
            j -= 1
        else:
            i, j = i - 1, j - 1
            found[i] = j
    return found
