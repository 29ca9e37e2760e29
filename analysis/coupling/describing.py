"""The description of a network's width groups, as plain data for the window, the command line and the tests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from math import prod

import numpy as np
import torch
from torch import nn

from analysis.coupling.couple import Coupling
from analysis.coupling.grouping import PRODUCING, Grouping, Lengths, channel_labels
from analysis.coupling.labels import Labels
from analysis.coupling.nesting import nestings
from analysis.measures.widths.description import (
    Member,
    Producer,
    Row,
    Store,
    Variable,
    WidthGroup,
    WidthGroups,
)
from analysis.tracing.operations import CONVOLUTIONS
from analysis.tracing.standin import storage_key
from analysis.tracing.trace import Op

DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
"""Types as safetensors calls them."""
_COSTED = ("conv", "linear", "activation")


def stored_labels(coupling: Coupling) -> Iterator[Labels]:
    """Channel labels of tensors whose lengths matter beside those of the weights: outputs kept, routes of a split."""
    for point in coupling.points:
        if point.kind in _COSTED:
            labels = channel_labels(coupling.arrays, point.value)
            if labels is not None:
                yield labels
    for _, labels in _routes(coupling):
        yield labels


def _routes(coupling: Coupling) -> Iterator[tuple[str, Labels]]:
    for movement in coupling.movements:
        op = coupling.seen.ops[movement.op]
        for value in op.outputs:
            labels = channel_labels(coupling.arrays, value)
            if labels is not None:
                yield f"{op.name} in {coupling.seen.label(op.call) or 'the network'}", labels


def describe(coupling: Coupling, grouping: Grouping, net: nn.Module, model: str = "") -> WidthGroups:
    """Write down everything that legality and costs need."""
    lengths = Lengths(coupling, grouping)
    stores, places = _stores(coupling, lengths, net)
    rows, rest = _rows(coupling, lengths, places)
    norms = tuple(_norms(coupling, lengths))
    nonempty = {
        (lengths.of(axis.labels), axis.layer) for axis in coupling.axes.values() if axis.role in ("out", "in", "depth")
    }
    nonempty |= {(lengths.of(labels), what) for what, labels in _routes(coupling)}
    return WidthGroups(
        model,
        coupling.recording.input_shape,
        _structure(coupling),
        tuple(_groups(coupling, grouping)),
        tuple(_variables(coupling, grouping)),
        lengths.all,
        stores,
        rows,
        tuple(_producers(coupling, grouping, lengths)),
        tuple(sorted(pair for pair in nonempty if pair[0] >= 0)),
        norms,
        rest,
        tuple(_notes(coupling)),
    )


def _variables(coupling: Coupling, grouping: Grouping) -> Iterator[Variable]:
    axes = list(coupling.axes.values())
    owners = np.zeros(len(grouping.counts), dtype=np.int64)
    free = grouping.variable >= 0
    owners[grouping.variable[free]] = grouping.group[free]
    for variable, count in enumerate(grouping.counts.tolist()):
        owner = int(owners[variable])
        met = grouping.variable[coupling.of(axes[grouping.producer[owner]].labels)]
        yield Variable(owner, count, int((met == variable).sum()) // count)


def _groups(coupling: Coupling, grouping: Grouping) -> Iterator[WidthGroup]:
    axes = list(coupling.axes.values())
    variables = list(_variables(coupling, grouping))
    members = _members(coupling, grouping)
    why, nested = _why(coupling, grouping), nestings(coupling, grouping)
    averaged = {
        owner: str(reason)
        for labels, reason in coupling.averaged
        for owner in np.unique(grouping.group[coupling.of(labels)]).tolist()
    }
    for index, name in enumerate(grouping.names):
        classes = np.flatnonzero(grouping.group == index)
        own = [place for place, variable in enumerate(variables) if variable.group == index]
        locked = bool(coupling.locked[classes].all())
        met = grouping.group[coupling.of(axes[grouping.producer[index]].labels)]
        slots = [variables[place].slots for place in own]
        reasons = [reason for number in classes.tolist() for reason in coupling.reasons.get(number, ())]
        yield WidthGroup(
            name,
            int((met == index).sum()),
            0 if locked else sum(slots),
            0 if locked else int(np.lcm.reduce(slots)),
            locked,
            "; ".join(dict.fromkeys(map(str, reasons))) if locked else "",
            tuple(members.get(index, ())),
            tuple(why.get(index, ())),
            averaged.get(index, ""),
            tuple(own),
            nested.get(index, ()),
        )


def _members(coupling: Coupling, grouping: Grouping) -> dict[int, list[Member]]:
    """Find the runs of each axis that belong to one group. Axes of one layer and side that are alike count once."""
    found: dict[int, dict[Member, None]] = {}
    for axis in coupling.axes.values():
        owners = grouping.group[coupling.of(axis.labels)]
        starts = np.flatnonzero(np.diff(owners, prepend=-2))
        for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(owners)], strict=True):
            if owners[start] >= 0:
                member = Member(axis.layer, axis.role, start, end - start)
                found.setdefault(int(owners[start]), {})[member] = None
    return {owner: list(members) for owner, members in found.items()}


def _why(coupling: Coupling, grouping: Grouping) -> dict[int, list[str]]:
    found: dict[int, dict[str, None]] = {}
    for labels, reason in coupling.ties:
        for owner in np.unique(grouping.group[coupling.of(labels)]).tolist():
            found.setdefault(owner, {})[str(reason)] = None
    return {owner: list(lines) for owner, lines in found.items()}


def _producers(coupling: Coupling, grouping: Grouping, lengths: Lengths) -> Iterator[Producer]:
    for axis in coupling.axes.values():
        if axis.role in PRODUCING:
            owners = grouping.group[coupling.of(axis.labels)]
            met = tuple(sorted(set(owners[owners >= 0].tolist())))
            yield Producer(axis.layer, axis.labels.size, lengths.of(axis.labels), met)


def _stores(coupling: Coupling, lengths: Lengths, net: nn.Module) -> tuple[tuple[Store, ...], dict[str, int]]:
    names: dict[object, list[str]] = {}
    state = {**dict(net.named_parameters(remove_duplicate=False)), **dict(net.named_buffers(remove_duplicate=False))}
    for name, tensor in state.items():
        names.setdefault(storage_key(tensor), []).append(name)
    trained = {name for name, _ in coupling.seen.weights}
    saved = set(net.state_dict(keep_vars=True))
    stores = []
    for others in names.values():
        first = next((name for name in others if name in trained), others[0])
        tensor = state[first]
        axes = [coupling.axes.get((first, dim)) for dim in range(tensor.ndim)]
        sizes = tuple(lengths.of(axis.labels) if axis else -1 for axis in axes)
        kept = tuple(name for name in others if name in saved)
        kind = DTYPES.get(tensor.dtype, "F32")
        shape = tuple(tensor.shape)
        stores.append(Store(first, first in trained, shape, sizes, tensor.element_size(), len(kept), kind, kept))
    return tuple(stores), {name: place for place, names_ in enumerate(names.values()) for name in names_}


def _rows(coupling: Coupling, lengths: Lengths, places: dict[str, int]) -> tuple[tuple[Row, ...], int]:
    seen, rows = coupling.seen, []
    met: set[int] = set()
    weights = {index: places[name] for index, (name, _) in enumerate(seen.weights)}
    for point in coupling.points:
        ops = [seen.ops[index] for index in point.ops] if point.kind in _COSTED else []
        used = frozenset[int]().union(*(seen.values[number].weights for op in ops for number in op.inputs))
        if point.kind not in _COSTED:
            continue
        products = [(op, _product(coupling, op)) for op in ops]
        value = seen.values[point.value]
        labels = channel_labels(coupling.arrays, point.value)
        length = -1 if labels is None else lengths.of(labels)
        width = labels.size if labels is not None else (value.shape[1:2] or (1,))[0]
        rows.append(
            Row(
                point.name,
                point.kind,
                width,
                length,
                prod(value.shape) // max(width, 1) if width else 0,
                value.itemsize,
                tuple(weights[index] for index in sorted(used - met)),
                tuple((places[found[0]], found[1]) for _, found in products if found is not None),
                sum(op.macs for op, found in products if found is None),
            )
        )
        met |= used
    everything = {index for point in coupling.points if point.kind in _COSTED for index in point.ops}
    return tuple(rows), sum(op.macs for op in seen.ops if op.index not in everything)


def _product(coupling: Coupling, op: Op) -> tuple[str, int] | None:
    """Weight and positions of a convolution or linear layer, None if its multiply-adds are no such product."""
    if op.name not in CONVOLUTIONS and op.name != "linear":
        return None
    name = coupling.walk.name(op.inputs[1])
    shape = coupling.seen.values[op.inputs[1]].shape
    if not name or not op.macs:
        return None
    return name, op.macs // prod(shape)


def _norms(coupling: Coupling, lengths: Lengths) -> Iterator[tuple[int, int]]:
    for op in coupling.seen.ops:
        labels = channel_labels(coupling.arrays, op.outputs[0]) if op.name == "batch_norm" else None
        if labels is not None and (length := lengths.of(labels)) >= 0:
            yield length, prod(coupling.seen.values[op.outputs[0]].shape[2:])


def _structure(coupling: Coupling) -> str:
    """Hash what text configurations and saved channel choices depend on."""
    digest = hashlib.sha256()
    for (name, dim), axis in coupling.axes.items():
        digest.update(f"{name}:{dim}:{axis.role};".encode())
        digest.update(np.ascontiguousarray(coupling.of(axis.labels)).tobytes())
    for point in coupling.points:
        digest.update(f"{point.name}:{coupling.seen.values[point.value].shape[2:]};".encode())
    return digest.hexdigest()[:16]


def _notes(coupling: Coupling) -> Iterator[str]:
    for note in coupling.seen.notes:
        yield note[0].upper() + note[1:] + "."
    if coupling.unreached:
        shown = ", ".join(coupling.unreached[:8]) + (" …" if len(coupling.unreached) > 8 else "")
        yield f"No recorded pass reaches these parameters, so an edit may leave them behind: {shown}."
    unknown = {
        str(reason)
        for reasons in coupling.reasons.values()
        for reason in reasons
        if reason.text.startswith(("unknown operation", "hidden"))
    }
    yield from sorted(unknown)
