"""What a forward pass did, as plain data: operations, the tensors between them, and the module calls around them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any


@dataclass(frozen=True, slots=True)
class Ref:
    """Stands for a tensor among the arguments of an operation."""

    value: int


@dataclass(frozen=True, slots=True)
class Value:
    """The content of a tensor between two changes. A tensor changed in place goes on as another value.

    Attributes
    ----------
    shape, itemsize
        Shape with the batch axis; bytes of one number.
    maker
        Index of the operation that made it, -1 for what was there before.
    feature
        True if it depends on the input of the network.
    weights
        Indices of the weights it was computed from; empty for features.
    before
        What the same tensor held before it was changed through a view, -1 otherwise.
    """

    shape: tuple[int, ...]
    itemsize: int
    maker: int = -1
    feature: bool = False
    weights: frozenset[int] = frozenset()
    before: int = -1

    @property
    def positions(self) -> int:
        """Number of spatial positions, 1 for vectors."""
        return prod(self.shape[2:])


@dataclass(frozen=True, slots=True)
class Op:
    """One call of a torch function that made or changed a tensor.

    Attributes
    ----------
    index, name
        Place in `Trace.ops`; normalised name, "relu" for all of ``F.relu``, ``torch.relu_``, ``x.relu()``. The name is
        "unseen" for what a module computed without calling torch functions, e.g. in TorchScript.
    call, order
        Index of the innermost module call around it; its number among the operations of that call, from 0. An unseen
        operation has order -1.
    tick
        Time: shared with the ends of module calls.
    inputs, outputs
        Values of its tensor arguments in order of appearance; values it returned, then those it changed.
    returned
        How many of `outputs` were returned.
    arguments, keywords
        Its arguments, tensors replaced by :class:`Ref`.
    macs
        Multiply-adds.
    """

    index: int
    name: str
    call: int
    order: int
    tick: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    returned: int
    arguments: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)
    macs: int = 0


@dataclass(slots=True)
class Call:
    """One call of a module.

    Attributes
    ----------
    index, path, number
        Place in `Trace.calls`; path of the module; number of this call within the forward pass, from 1.
    parent
        Index of the call it was made from, -1 for the network's own.
    kind, signature
        Class of the module. Modules of equal signature have the same class, and where this is a plain container, the
        same contents.
    first, last
        The operations made inside, in inner calls too, are ``ops[first:last]``.
    tick
        Time of its end.
    inputs, outputs
        Values among its positional arguments and its output.
    single
        True if the output is one tensor.
    inner
        Number of calls made from it.
    """

    index: int
    path: str
    number: int
    parent: int
    kind: type
    signature: Hashable
    first: int
    last: int = -1
    tick: int = -1
    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()
    single: bool = False
    inner: int = 0


@dataclass(frozen=True)
class Trace:
    """A recorded forward pass of one picture.

    Attributes
    ----------
    ops, values, calls
        All of them in order of time. Value 0 is the input of the network, call 0 the network's own.
    weights
        (name, number of elements) of each distinct weight tensor, under its first name.
    buffers
        Number of elements of all buffers.
    outputs
        Values of the tensors in the network's output.
    notes
        What could not be recorded.
    state
        Value to the first name of the parameter or buffer it is.
    overlapping
        Names of parameters and buffers that share memory with others of different shape or strides.
    readers
        Paths of modules whose forward asks tensors for their sizes.
    decisions
        (operation, call) pairs: where a number was taken out of a tensor that depends on the picture, so that another
        picture may take another way.
    """

    ops: tuple[Op, ...]
    values: tuple[Value, ...]
    calls: tuple[Call, ...]
    weights: tuple[tuple[str, int], ...]
    buffers: int
    outputs: tuple[int, ...]
    notes: tuple[str, ...] = ()
    state: Mapping[int, str] = field(default_factory=dict)
    overlapping: frozenset[str] = frozenset()
    readers: frozenset[str] = frozenset()
    decisions: tuple[tuple[str, int], ...] = ()

    @cached_property
    def consumers(self) -> dict[int, tuple[int, ...]]:
        """Value to the operations that take it."""
        found: dict[int, list[int]] = {}
        for op in self.ops:
            for value in dict.fromkeys(op.inputs):
                found.setdefault(value, []).append(op.index)
        return {value: tuple(ops) for value, ops in found.items()}

    @cached_property
    def repeated(self) -> frozenset[str]:
        """Paths of modules that are called more than once."""
        return frozenset(call.path for call in self.calls if call.number > 1)

    @cached_property
    def own_ops(self) -> tuple[tuple[int, ...], ...]:
        """For each call the operations that its forward made itself."""
        found: list[list[int]] = [[] for _ in self.calls]
        for op in self.ops:
            found[op.call].append(op.index)
        return tuple(tuple(ops) for ops in found)

    def label(self, call: int) -> str:
        """Name of a module call: its path, with its number if there are several."""
        path = self.calls[call].path
        return f"{path}#{self.calls[call].number}" if path in self.repeated else path

    def feature_inputs(self, op: Op) -> tuple[int, ...]:
        """Distinct arguments that depend on the network's input."""
        return tuple(value for value in dict.fromkeys(op.inputs) if self.values[value].feature)

    def inside(self, call: int, outer: int) -> bool:
        """Tell whether a call was made, directly or not, from `outer`, or is `outer`."""
        while call > outer:
            call = self.calls[call].parent
        return call == outer

    def behind(self, targets: Iterable[int], source: int = -1) -> set[int]:
        """Operations that the values `targets` depend on, as far back as `source`."""
        found: set[int] = set()
        stack = list(targets)
        while stack:
            value = stack.pop()
            maker = self.values[value].maker
            # Values are numbered in order of time: nothing made before the source can depend on it.
            if value > source and maker >= 0 and maker not in found:
                found.add(maker)
                stack.extend(self.ops[maker].inputs)
        return found

    def is_passed(self, op: int) -> bool:
        """Tell whether all ways from the network's input to its (first) output lead through an operation."""
        reached = {0}
        for other in self.ops:
            if other.index != op and reached.intersection(other.inputs):
                reached.update(other.outputs)
        return not reached.intersection(self.outputs[:1])

    def between(self, source: int, target: int) -> frozenset[int]:
        """Operations on the ways from one value to another; empty if there is none."""
        reached, path = {source}, []
        for index in sorted(self.behind((target,), source)):
            if reached.intersection(self.ops[index].inputs):
                reached.update(self.ops[index].outputs)
                path.append(index)
        return frozenset(path) if target in reached else frozenset()
