"""The structure of a network: layers, points and blocks in the order of execution, from one recorded forward pass.

Names follow the rule of `analysis.config`. Nothing is looked up by class name: a convolution is where torch convolves,
a block is where a sum joins a branch and a shortcut. What cannot be understood is said in `Recording.notes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod

from torch import nn

from analysis.config import LayerSpec, Totals
from analysis.measures.architecture import Joint
from analysis.tracing.blocks import Unit, units
from analysis.tracing.edges import edges, flow
from analysis.tracing.operations import ELEMENTWISE, NORMS, convolution_arguments, spread
from analysis.tracing.points import (
    Point,
    Site,
    activation_points,
    layer_points,
    module_point,
    op_label,
    op_site,
    pooled_point,
    value_point,
    weighted_ops,
)
from analysis.tracing.recorder import trace
from analysis.tracing.residual import Addition, additions
from analysis.tracing.trace import Op, Trace

__all__ = ["Block", "Recording", "Site", "describe", "record"]

_COSTED = ("conv", "linear", "activation")


@dataclass(frozen=True, slots=True)
class Block:
    """A residual block, or a repeated unit of a network without sums.

    Attributes
    ----------
    name, module, call
        Name of its row; path of the module that holds it, and number of that module's call.
    input, output
        Names of the rows that hold the tensor entering it and its output. The input is "" if that tensor has no row,
        as after a pooling layer.
    layers
        Names of the rows inside, in order, without the block's own.
    residual
        True if a shortcut is added.
    shortcut
        "identity"; "projection" with a layer of its own; "pad" with empty channels added; "pool"; "partial" if it is
        added to some of the channels only; "scaled" for other cheap operations; "" if there is none, or if two branches
        are added of which neither is simpler.
    """

    name: str
    module: str
    call: int
    input: str
    output: str
    layers: tuple[str, ...]
    residual: bool
    shortcut: str


@dataclass(frozen=True, slots=True)
class Recording:
    """What a network looks like.

    Attributes
    ----------
    layers
        Its rows in the order of execution; names are unique.
    totals
        Costs of the whole network.
    blocks
        Residual blocks and repeated units, in the order of their outputs.
    pooled
        Name of the row with the feature that the classifier sees, "" if there is none.
    input_shape, output_shape
        Without the batch axis.
    sites
        Row name to the place where its tensor appears at run time.
    notes
        What could not be understood, weights that are never used, costs that belong to no row.
    channels_last
        Names of rows whose channels are on the last axis: (height, width, channels).
    folded
        Names of rows whose first axis is not the batch alone: windows or tokens of one picture lie on it as well.
    edges
        (source row, target row) pairs, see :func:`analysis.tracing.edges.edges`.
    joints, flow
        Nodes of the graph between rows, and the edges with them, see :func:`analysis.tracing.edges.flow`.
    """

    layers: tuple[LayerSpec, ...]
    totals: Totals
    blocks: tuple[Block, ...]
    pooled: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    sites: Mapping[str, Site]
    notes: tuple[str, ...] = ()
    channels_last: frozenset[str] = frozenset()
    folded: frozenset[str] = frozenset()
    edges: tuple[tuple[int, int], ...] = ()
    joints: tuple[Joint, ...] = ()
    flow: tuple[tuple[int, int], ...] = ()


def record(net: nn.Module, input_shape: tuple[int, ...]) -> Recording:
    """Find the structure of a network by running it once, without changing it.

    Parameters
    ----------
    net
        Any network of torch modules; it is run in eval mode on one picture.
    input_shape
        (channels, height, width) of a picture.

    Raises
    ------
    AnalysisError
        If the network does not run on such a picture.

    Examples
    --------
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
    >>> [(layer.name, layer.kind, layer.shape) for layer in record(net, (3, 6, 6)).layers][1]
    ('0', 'conv', (8, 4, 4))
    """
    return describe(trace(net, input_shape))


def describe(seen: Trace) -> Recording:
    """Read layers, points and blocks off a recorded forward pass."""
    return placed(seen)[0]


def placed(seen: Trace) -> tuple[Recording, tuple[Point, ...]]:
    """Read a recorded forward pass as :func:`describe`, and tell for each row which value and operations it is."""
    weighted = weighted_ops(seen)
    activations = activation_points(seen, weighted)
    sums = additions(seen, weighted, activations)
    found = units(seen, weighted, activations, sums)
    pooled = pooled_point(seen, weighted)
    shape = seen.values[0].shape[1:]
    first = Point("input", "input", "input", 0, -1, Site("", 1, -1, 0), (-1, 0))
    points = [
        *(first, *layer_points(seen, weighted, activations), *activations, *_branch_points(seen, sums)),
        *(point for unit in found if (point := _block_point(seen, unit))),
        *([pooled] if pooled else []),
    ]
    points = _unique(sorted(points, key=lambda point: point.moment))
    layers = tuple(_specs(seen, points, found))
    rows = {point.value: point.name for point in points if point.kind != "branch"}
    recording = Recording(
        layers,
        _totals(seen, layers),
        tuple(_blocks(seen, points, found, rows)),
        next((point.name for point in points if point.kind == "pooled"), ""),
        shape,
        seen.values[seen.outputs[0]].shape[1:] if seen.outputs else (),
        {point.name: point.site for point in points},
        tuple(_notes(seen, layers, weighted, pooled)),
        _channels_last(seen, points),
        frozenset(point.name for point in points if seen.values[point.value].shape[:1] != (1,)),
        edges(seen, points),
        *flow(seen, points),
    )
    return recording, tuple(points)


def _branch_points(seen: Trace, sums: tuple[Addition, ...]) -> Iterator[Point]:
    for addition in sums:
        for place, (index, argument) in enumerate(addition.branches):
            op = seen.ops[index]
            suffix = f".{place}" if len(addition.branches) > 1 else ""
            name = f"{op_label(seen, seen.ops[addition.op])}{suffix}"
            site = op_site(seen, op, argument)
            # Just before the operation, and after whatever made the tensor.
            yield Point(name, "branch", "add", op.inputs[argument], addition.op, site, (op.tick, -1))


def _block_point(seen: Trace, unit: Unit) -> Point | None:
    call = seen.calls[unit.call]
    if unit.whole:
        point = module_point(seen, call, "block", call.kind.__name__, seen.values[unit.output].maker)
    else:
        place = value_point(seen, unit.output, "block")
        if place is None:
            return None
        point = replace(place, name=unit.name, type="residual" if unit.residual else "unit")
    return replace(point, moment=(point.moment[0], 1), ops=())


def _unique(points: list[Point]) -> list[Point]:
    """Give the second of two equal names a number. A module may be called "input", and two blocks may share a place."""
    taken: set[str] = {"input"}
    done = points[:1]
    for point in points[1:]:
        name, number = point.name, 1
        while name in taken:
            number += 1
            name = f"{point.name}#{number}"
        taken.add(name)
        done.append(replace(point, name=name))
    return done


def _specs(seen: Trace, points: list[Point], found: tuple[Unit, ...]) -> Iterator[LayerSpec]:
    met: set[int] = set()
    first: dict[int, str] = {}
    for point in points:
        value = seen.values[point.value]
        ops = [seen.ops[index] for index in point.ops] if point.kind in _COSTED else []
        weights = frozenset[int]().union(*(seen.values[number].weights for op in ops for number in op.inputs))
        yield replace(
            _geometry(seen, point),
            module=point.site.module,
            call=point.site.call,
            shape=value.shape[1:],
            input_shape=_input_shape(seen, point, found),
            parameters=sum(seen.weights[index][1] for index in weights - met),
            parameters_used=_used(seen, ops),
            macs=sum(op.macs for op in ops),
            activation_bytes=prod(value.shape) * value.itemsize,
            block=_block_of(point, found),
            same_as=first.get(point.value, ""),
        )
        met |= weights
        first.setdefault(point.value, point.name)


def _geometry(seen: Trace, point: Point) -> LayerSpec:
    spec = LayerSpec(point.name, point.kind, type=point.type)
    if point.kind != "conv":
        return spec
    op = seen.ops[point.op]
    given = convolution_arguments(op.name, op.arguments, dict(op.keywords))
    kernel = seen.values[op.inputs[1]].shape[2:]
    dims = len(kernel)
    return replace(
        spec,
        kernel=kernel,
        stride=spread(given.get("stride", 1), dims),
        dilation=spread(given.get("dilation", 1), dims),
        groups=int(given.get("groups", 1)),
        expands_from=seen.values[op.inputs[0]].shape[1],
    )


def _input_shape(seen: Trace, point: Point, found: tuple[Unit, ...]) -> tuple[int, ...]:
    if point.kind in ("input", "branch"):
        return ()
    if point.kind == "block":
        value = next((unit.input for unit in found if unit.name == point.name), -1)
    else:
        value = next(iter(seen.feature_inputs(seen.ops[min(point.ops, default=point.op)])), -1)
    return seen.values[value].shape[1:] if value >= 0 else ()


def _used(seen: Trace, ops: Iterable[Op]) -> int:
    """Count the weights that meet features: a kernel computed from weights counts as large as it is."""
    values = [seen.values[number] for op in ops if seen.feature_inputs(op) for number in op.inputs]
    return sum(prod(value.shape) for value in values if value.weights)


def _block_of(point: Point, found: tuple[Unit, ...]) -> str:
    if point.kind == "block":
        return point.name
    around = [unit for unit in found if point.op in unit.ops] if point.kind not in ("input", "pooled") else []
    return min(around, key=lambda unit: len(unit.ops)).name if around else ""


def _blocks(seen: Trace, points: list[Point], found: tuple[Unit, ...], rows: Mapping[int, str]) -> Iterator[Block]:
    names = {point.name for point in points if point.kind == "block"}
    for unit in found:
        if unit.name in names:
            inside = (p.name for p in points if p.op in unit.ops and p.kind not in ("block", "pooled"))
            call = seen.calls[unit.call]
            enters = rows.get(unit.input, "")
            yield Block(
                *(unit.name, call.path, call.number, enters, unit.name, tuple(inside)), unit.residual, unit.shortcut
            )


def _totals(seen: Trace, layers: tuple[LayerSpec, ...]) -> Totals:
    return Totals(
        sum(size for _, size in seen.weights),
        _used(seen, seen.ops),
        seen.buffers,
        sum(op.macs for op in seen.ops),
        sum(layer.activation_bytes for layer in layers if layer.kind in _COSTED),
    )


def _notes(
    seen: Trace, layers: tuple[LayerSpec, ...], weighted: Mapping[int, str], pooled: Point | None
) -> Iterator[str]:
    yield from (note[0].upper() + note[1:] + "." for note in seen.notes)
    reached = frozenset[int]().union(*(seen.values[number].weights for op in seen.ops for number in op.inputs))
    hidden = tuple(seen.calls[op.call].path + "." for op in seen.ops if op.order < 0)
    idle = {i: name for i, (name, _) in enumerate(seen.weights) if i not in reached and not name.startswith(hidden)}
    if idle:
        count = sum(seen.weights[index][1] for index in idle)
        places = ", ".join(_places(seen, set(idle.values())))
        yield f"{count:,} weights are not used in a forward pass: {places}."
    elsewhere = sum(op.macs for op in seen.ops) - sum(layer.macs for layer in layers)
    if elsewhere:
        yield f"{elsewhere:,} multiply-adds, of attention or of computed kernels, count in the totals but in no row."
    if pooled is None and weighted:
        yield "There is no pooled feature: no pooling or flattening lies between the features and the classifier."


def _places(seen: Trace, idle: set[str]) -> list[str]:
    """Name the largest modules of which no weight is used."""
    used = [name for name, _ in seen.weights if name not in idle]
    places: dict[str, None] = {}
    for name in (name for name, _ in seen.weights if name in idle):
        parts = name.split(".")
        prefixes = (".".join(parts[:length]) for length in range(1, len(parts) + 1))
        places[next(p for p in prefixes if not any(u == p or u.startswith(p + ".") for u in used))] = None
    return list(places)


def _channels_last(seen: Trace, points: list[Point]) -> frozenset[str]:
    """Find the rows with channels on the last axis: linear layers on maps, and what follows from them."""
    last: set[int] = set()
    for op in seen.ops:
        features = seen.feature_inputs(op)
        begins = op.name == "linear" or (op.name == "permute" and op.arguments[1:] in _TO_LAST)
        if features and (begins or (op.name in ELEMENTWISE | NORMS and features[0] in last)):
            last.update(number for number in op.outputs if len(seen.values[number].shape) > 2)
    return frozenset(point.name for point in points if point.value in last)


_TO_LAST = ((0, 2, 3, 1), ((0, 2, 3, 1),), (0, 2, 1), ((0, 2, 1),))
