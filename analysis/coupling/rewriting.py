"""New forward passes for modules that hold widths as numbers: readable code, one module at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from operator import getitem
from typing import Any

import numpy as np
import torch
from torch import fx, nn
from torch.fx.node import Node
from torch.nn import functional as F

from analysis.coupling.couple import Coupling
from analysis.coupling.forwards import Unreadable, match, node_name, read
from analysis.coupling.movers import Correction

_IDLE = frozenset(
    {
        *("getattr", "size", "getitem", "floordiv", "mul", "view", "reshape", "permute", "transpose", "chunk", "split"),
        *("contiguous", "narrow", "index_select", "channel_shuffle", "flatten", "unflatten", "shape", "pad"),
    }
)
"""Operations that may be left out when nobody takes their result."""
_PLACES = "channels_"
"""Buffers with places of channels are called so, and numbered."""
_TUPLES = frozenset({"chunk", "split", "tensor_split", "unbind", "split_with_sizes"})


@dataclass(slots=True)
class _Places:
    """Places of channels that a new forward looks up, in buffers with names that no earlier edit has taken."""

    taken: frozenset[str]
    buffers: dict[str, torch.Tensor] = field(default_factory=dict)

    def add(self, slots: torch.Tensor) -> str:
        names = (f"{_PLACES}{number}" for number in count())
        name = next(name for name in names if name not in self.taken and name not in self.buffers)
        self.buffers[name] = slots
        return name


def by_module(coupling: Coupling, wrong: Iterable[Correction]) -> dict[str, list[list[Correction]]]:
    """Sort corrections by module path; one list for each call of the module."""
    found: dict[str, dict[int, list[Correction]]] = {}
    for correction in wrong:
        call = coupling.seen.ops[correction.op].call
        found.setdefault(coupling.seen.calls[call].path, {}).setdefault(call, []).append(correction)
    return {path: list(calls.values()) for path, calls in found.items()}


def rewrite(net: nn.Module, coupling: Coupling, path: str, calls: list[list[Correction]]) -> str:
    """Give one module of `net` a forward with new numbers.

    Returns
    -------
    str
        The code.

    Raises
    ------
    Unreadable
        If the forward cannot be read, or its calls need different numbers.
    """
    module = net.get_submodule(path)
    graph = read(module)
    nodes = _nodes(coupling, path, graph)
    corrections = _agreed(coupling, path, calls)
    earlier = _places_in(module)
    places = _Places(earlier)
    old = list(graph.nodes)
    for correction in corrections:
        _correct(coupling, graph, nodes, correction, places)
    for node in reversed(old):
        idle = node.op in ("call_function", "call_method") and node_name(node) in _IDLE | {"shape"}
        if not node.users and (idle or node.op == "get_attr"):
            graph.erase_node(node)
    graph.lint()
    for name in earlier - {node.target for node in graph.nodes if node.op == "get_attr"}:
        delattr(module, name)  # an earlier edit looked places up there
    for name, index in places.buffers.items():
        module.register_buffer(name, index)
    return _replace_forward(module, graph)


def _places_in(module: nn.Module) -> frozenset[str]:
    """Names of the buffers in which the forward that an earlier edit has written looks up places of channels."""
    if not hasattr(type(module), "forward_code"):
        return frozenset()
    return frozenset(name for name, _ in module.named_buffers(recurse=False) if name.startswith(_PLACES))


def readable(net: nn.Module, coupling: Coupling, path: str, wrong: Iterable[Correction]) -> None:
    """Raise `Unreadable` if a module's forward could not be rewritten for such corrections."""
    if any(not correction.kind for correction in wrong):
        raise Unreadable("an operation that cannot be rewritten")
    graph = read(net.get_submodule(path))
    nodes = _nodes(coupling, path, graph)
    for correction in wrong:
        for op in (correction.op, correction.first):
            if coupling.seen.calls[coupling.seen.ops[op].call].path != path:
                raise Unreadable("a chain of operations over several modules")
            if coupling.seen.ops[op].name in _TUPLES:
                _entries(nodes[coupling.seen.ops[op].order])


def _nodes(coupling: Coupling, path: str, graph: fx.Graph) -> list[Node]:
    seen = coupling.seen
    for call in seen.calls:
        if call.path == path:
            names = [seen.ops[index].name for index in seen.own_ops[call.index] if seen.ops[index].order >= 0]
            return match(graph, names)
    raise Unreadable("never called")


def _agreed(coupling: Coupling, path: str, calls: list[list[Correction]]) -> list[Correction]:
    """Take the corrections of the first call; those of further calls must be the same."""
    times = sum(call.path == path for call in coupling.seen.calls)
    keys = [[_key(coupling, correction) for correction in call] for call in calls]
    if len(calls) != times or any(key != keys[0] for key in keys):
        raise Unreadable("its calls need different numbers")
    return calls[0]


def _key(coupling: Coupling, correction: Correction) -> tuple[Any, ...]:
    order = coupling.seen.ops[correction.op].order
    return order, correction.output, correction.kind, correction.slots.tolist(), correction.length, correction.sizes


def _correct(coupling: Coupling, graph: fx.Graph, nodes: list[Node], correction: Correction, places: _Places) -> None:
    node = nodes[coupling.seen.ops[correction.op].order]
    if correction.kind == "sizes":
        _resize(coupling, node, correction)
        return
    if not correction.kind or coupling.seen.ops[correction.first].call != coupling.seen.ops[correction.op].call:
        raise Unreadable("an operation that cannot be rewritten")
    source = nodes[coupling.seen.ops[correction.first].order].args[0]
    assert isinstance(source, Node)
    with graph.inserting_before(node):
        rank = len(coupling.seen.values[coupling.seen.ops[correction.first].inputs[0]].shape)
        chosen = _choose(graph, source, correction, places, rank)
    if coupling.seen.ops[correction.op].name not in _TUPLES:
        node.replace_all_uses_with(chosen)
        return
    count = coupling.seen.ops[correction.op].returned
    for user in _entries(node):
        if user.args[1] % count == correction.output:  # type: ignore[operator]
            user.replace_all_uses_with(chosen)


def _entries(node: Node) -> list[Node]:
    """Entries that are taken from a tuple of tensors.

    Raises
    ------
    Unreadable
        If something else is done with it.
    """
    users = list(node.users)
    if not all(user.target is getitem and isinstance(user.args[1], int) for user in users):
        raise Unreadable("a list of tensors that is not taken apart")
    return users


def _pads(dim: int, before: int, after: int, rank: int) -> list[int]:
    """Amounts of padding along one dim, in the order of torch."""
    return [0, 0] * (rank - 1 - dim) + [before, after]


def _choose(graph: fx.Graph, source: Node, correction: Correction, places: _Places, rank: int) -> Node:
    """Write the selection of channels in the plainest form: all, a slice, zeros around it, or a list of places."""
    slots, dim, length = correction.slots, correction.dim, correction.length
    there = np.flatnonzero(slots >= 0)
    low, high = (int(there[0]), int(there[-1]) + 1) if there.size else (0, 0)
    inner = slots[low:high]
    if inner.size and np.array_equal(inner, np.arange(inner[0], inner[0] + inner.size)):
        first, last = int(inner[0]), int(inner[-1]) + 1
        if (first, last) != (0, length):
            index = (slice(None),) * dim + (slice(first, last),)
            source = graph.create_node("call_function", getitem, (source, index), name="kept")
        if low or high < slots.size:
            source = graph.create_node(
                "call_function", F.pad, (source, _pads(dim, low, slots.size - high, rank)), name="padded"
            )
        return source
    if low or high < slots.size or (slots < 0).any():  # one more channel of zeros, to be taken wherever there is none
        source = graph.create_node("call_function", F.pad, (source, _pads(dim, 0, 1, rank)), name="padded")
    index_node = graph.get_attr(places.add(torch.from_numpy(np.where(slots < 0, length, slots))))
    return graph.create_node("call_function", torch.index_select, (source, dim, index_node), name="picked")


def _resize(coupling: Coupling, node: Node, correction: Correction) -> None:
    """Put new sizes into a view; sizes left open stay open."""
    op = coupling.seen.ops[correction.op]
    before = coupling.seen.values[op.outputs[0]].shape
    given = list(node.args[1:])
    nested = len(given) == 1 and isinstance(given[0], (list, tuple))
    sizes = list(given[0]) if nested else given  # type: ignore[arg-type]
    if len(sizes) != len(before) or op.name == "unflatten":
        raise Unreadable("a view in a form that is not understood")
    for dim, (old, new) in enumerate(zip(before, correction.sizes, strict=True)):
        if old != new and sizes[dim] != -1:
            sizes[dim] = new
    node.args = (node.args[0], tuple(sizes)) if nested else (node.args[0], *sizes)


def _replace_forward(module: nn.Module, graph: fx.Graph) -> str:
    """Give a module a class of its own with another forward; everything else stays."""
    code = graph.python_code("self")
    space: dict[str, Any] = dict(code.globals)
    exec(compile(code.src, f"<new forward of {type(module).__name__}>", "exec"), space)
    kind = type(module)
    members: Mapping[str, Any] = {
        "forward": space["forward"],
        "__module__": kind.__module__,
        "__doc__": kind.__doc__,
        "rewritten_from": getattr(kind, "rewritten_from", kind),
        "forward_code": code.src,
        "forward_names": dict(code.globals),
    }
    module.__class__ = type(kind.__name__, (kind,), dict(members))
    return code.src
