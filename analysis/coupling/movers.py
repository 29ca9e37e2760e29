"""Which operations do not follow an edit by themselves: decided by computing, not by waiting for errors.

Every operation that moves channels is applied, with the numbers it was recorded with, to the channels as they will be.
If they come out where they are wanted, the forward pass stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from analysis.coupling.couple import Coupling
from analysis.coupling.labels import Labels, along, compressed
from analysis.coupling.layout import KEY, Ints, Layout, layout
from analysis.coupling.moving import FUNCTIONS, arguments_of, moved
from analysis.tracing.operations import UNCHANGED
from analysis.tracing.trace import Op

SIZED = frozenset({"view", "reshape", "unflatten", "expand"})
"""Operations that may hold the sizes of their result."""


@dataclass(frozen=True, slots=True, eq=False)
class Correction:
    """What an output of an operation has to become.

    Attributes
    ----------
    op, output
        The operation; which of its outputs.
    first
        The operation at the head of the chain that this one ends: the new operation starts from what that one moved.
    slots
        For "select" and "pad": (channels after,) place in the moved tensor, -1 for zeros. Empty for "sizes".
    dim, length
        Channel dim and channels of the moved tensor after the edit.
    sizes
        For "sizes": the shape of the result after the edit, for one picture.
    kind
        "select", "pad", "sizes", or "" if there is no way to correct it.
    """

    op: int
    output: int
    first: int
    kind: str
    slots: Ints
    dim: int = 1
    length: int = 0
    sizes: tuple[int, ...] = ()


@dataclass(slots=True)
class _Chain:
    """A tensor between two at which channels lie along one dim.

    Attributes
    ----------
    ops
        The operations so far, the head first, and which output of each (0 for the one under way).
    root
        Layout of the tensor at the head.
    old, new
        Place at the head of each number, before the edit; key there, after it. None if the operations fail.
    shape
        After the edit.
    """

    ops: tuple[tuple[int, int], ...]
    root: Layout
    old: Labels
    new: Labels | None
    shape: tuple[int, ...]


def corrections(coupling: Coupling, copies: Ints) -> Iterator[Correction]:
    """Find what must be corrected for an edit, in the order of execution."""
    chains: dict[int, _Chain] = {}
    moving = {movement.op for movement in coupling.movements}
    joins, pads = set(coupling.joins), {coupling.seen.values[value].maker for value in coupling.pads}
    for op in coupling.seen.ops:
        if op.name == "setitem" and op.index in moving:
            yield from _check_assignment(coupling, op, copies)
        elif op.index in moving:
            yield from _check_movement(coupling, op, copies, chains)
        elif op.index in joins:
            yield from _check_join(coupling, op, copies)
        elif op.index in pads:
            yield from _check_pad(coupling, op, copies)
        elif op.name in UNCHANGED and op.inputs[0] in chains:
            chains[op.outputs[0]] = chains[op.inputs[0]]


def _head(coupling: Coupling, op: Op, copies: Ints, chains: dict[int, _Chain]) -> _Chain | None:
    source = op.inputs[0]
    place = layout(coupling, coupling.arrays.get(source), copies)
    if place is None:
        chain = chains.get(source)
        return None if chain is None else replace(chain, ops=(*chain.ops, (op.index, 0)))
    shape = list(coupling.seen.values[source].shape)
    old = along(np.arange(place.size, dtype=np.int64), place.dim, len(shape))
    shape[place.dim] = place.index.size
    return _Chain(((op.index, 0),), place, old, along(place.keys, place.dim, len(shape)), tuple(shape))


def _check_movement(coupling: Coupling, op: Op, copies: Ints, chains: dict[int, _Chain]) -> Iterator[Correction]:
    head = _head(coupling, op, copies, chains)
    if head is None:
        if _touched(coupling, op.inputs[0], copies):
            yield _hopeless(op)
        return
    arguments = arguments_of(coupling.walk, op)
    old = moved(FUNCTIONS[op.name], head.old, coupling.seen.values[op.inputs[0]].shape, arguments)
    try:
        new = moved(FUNCTIONS[op.name], head.new, head.shape, arguments) if head.new is not None else []
    except (RuntimeError, TypeError, IndexError, ValueError):
        new = []
    for place, before in enumerate(old):
        value = op.outputs[place]
        after = new[place] if len(new) == len(old) else None
        wanted = layout(coupling, coupling.arrays.get(value), copies)
        if wanted is None and coupling.arrays.get(value) is not None and coupling.arrays[value].size > 1:  # type: ignore[union-attr]
            shape = after.shape if after is not None else ()
            kept = None if after is None else np.ascontiguousarray(compressed(after))
            chains[value] = _Chain(
                (*head.ops[:-1], (op.index, place)), head.root, np.ascontiguousarray(compressed(before)), kept, shape
            )
        else:
            yield from _compare(coupling, op, place, head, (before, after), wanted)


def _compare(
    coupling: Coupling,
    op: Op,
    place: int,
    head: _Chain,
    parts: tuple[NDArray[np.int64], NDArray[np.int64] | None],
    wanted: Layout | None,
) -> Iterator[Correction]:
    """Compare where channels come out with where they are wanted."""
    before, after = parts
    shape = coupling.seen.values[op.outputs[place]].shape
    if wanted is None:  # one channel, or none: nothing in it can have changed
        if after is None or after.shape != shape:
            yield _corrected(
                coupling, op, place, head, before, Layout(0, np.zeros(1, np.int64), np.zeros(1, np.int64), 1), shape
            )
        return
    expected = np.take(compressed_but(before, wanted.dim), wanted.index, axis=wanted.dim) * KEY
    expected = expected + along(wanted.copy, wanted.dim, before.ndim)
    sizes = tuple(wanted.index.size if dim == wanted.dim else size for dim, size in enumerate(shape))
    if after is None or after.shape != sizes or not bool((after == expected).all()):
        yield _corrected(coupling, op, place, head, before, wanted, sizes)


def compressed_but(array: NDArray[np.int64], dim: int) -> NDArray[np.int64]:
    """Drop the dims along which an array does not vary, other than one."""
    for other, size in enumerate(array.shape):
        if other != dim and size > 1:
            first = array[(slice(None),) * other + (slice(0, 1),)]
            if array.strides[other] == 0 or bool((array == first).all()):
                array = first
    return array


def _corrected(
    coupling: Coupling,
    op: Op,
    place: int,
    head: _Chain,
    before: NDArray[np.int64],
    wanted: Layout,
    sizes: tuple[int, ...],
) -> Correction:
    root, first = head.root, head.ops[0][0]
    lean = compressed_but(before, wanted.dim)
    entering = coupling.seen.values[coupling.seen.ops[first].inputs[0]].shape
    others = [size for dim, size in enumerate(sizes) if dim != wanted.dim]
    alike = others == [size for dim, size in enumerate(entering) if dim != root.dim]
    plain = all(size == 1 for dim, size in enumerate(lean.shape) if dim != wanted.dim)
    if plain and alike and wanted.dim == root.dim and _keeps_places(coupling, head, place, root.dim):
        slots = _find(root.keys, lean.ravel()[wanted.index] * KEY + wanted.copy)
        if slots is not None:
            return Correction(op.index, place, first, "select", slots, root.dim, root.index.size)
    if op.name in SIZED:
        return Correction(op.index, place, op.index, "sizes", np.zeros(0, np.int64), wanted.dim, 0, sizes)
    return Correction(op.index, place, op.index, "", np.zeros(0, np.int64))


def _keeps_places(coupling: Coupling, chain: _Chain, output: int, dim: int) -> bool:
    """Tell whether a chain moves channels only: numbers of one place stay at that place."""
    shape = coupling.seen.values[coupling.seen.ops[chain.ops[0][0]].inputs[0]].shape
    lean = tuple(1 if d == dim else size for d, size in enumerate(shape))
    places: NDArray[np.int64] = np.arange(prod(lean), dtype=np.int64).reshape(lean)
    for index, kept in (*chain.ops[:-1], (chain.ops[-1][0], output)):
        op = coupling.seen.ops[index]
        parts = moved(FUNCTIONS[op.name], places, shape, arguments_of(coupling.walk, op))
        places, shape = np.ascontiguousarray(parts[kept]), parts[kept].shape
    return bool((places == np.arange(prod(lean), dtype=np.int64).reshape(lean)).all())


def _find(keys: Ints, wanted: Ints) -> Ints | None:
    order = np.argsort(keys, kind="stable")
    places = np.searchsorted(keys[order], wanted)
    if wanted.size and (places.max() >= keys.size or not np.array_equal(keys[order][places], wanted)):
        return None
    found: Ints = order[places].astype(np.int64)
    return found


def _touched(coupling: Coupling, value: int, copies: Ints) -> bool:
    labels = coupling.arrays.get(value)
    return labels is not None and bool((copies[coupling.of(labels)] != 1).any())


def _hopeless(op: Op) -> Correction:
    return Correction(op.index, 0, op.index, "", np.zeros(0, np.int64))


def _check_join(coupling: Coupling, op: Op, copies: Ints) -> Iterator[Correction]:
    """Object to runs that reach over the border of two parts."""
    wanted = layout(coupling, coupling.arrays.get(op.outputs[0]), copies)
    if wanted is None or wanted.unchanged:
        return
    parts, offset = [], 0
    for value in op.inputs:
        shape = coupling.seen.values[value].shape
        if len(shape) <= wanted.dim or not shape[wanted.dim]:
            continue
        place = layout(coupling, coupling.arrays.get(value), copies)
        size = shape[wanted.dim]
        parts.append((place.keys if place is not None else np.arange(size) * KEY) + offset * KEY)
        offset += size
    if not np.array_equal(np.concatenate(parts), wanted.keys):
        yield _hopeless(op)


def _check_pad(coupling: Coupling, op: Op, copies: Ints) -> Iterator[Correction]:
    source, places = coupling.pads[op.outputs[0]]
    wanted = layout(coupling, coupling.arrays.get(op.outputs[0]), copies)
    entering = layout(coupling, coupling.arrays.get(source), copies)
    if wanted is None or entering is None:
        if _touched(coupling, op.outputs[0], copies) or _touched(coupling, source, copies):
            yield _hopeless(op)
        return
    if wanted.unchanged and entering.unchanged:
        return
    kept = np.bincount(entering.index, minlength=entering.size)
    origin = places[wanted.index]
    copy = np.minimum(wanted.copy, np.maximum(kept[np.maximum(origin, 0)] - 1, 0))
    there = (origin >= 0) & (kept[np.maximum(origin, 0)] > 0)
    slots = np.full(origin.size, -1, dtype=np.int64)
    found = _find(entering.keys, origin[there] * KEY + copy[there])
    assert found is not None  # each of these keys was counted above
    slots[there] = found
    yield Correction(op.index, 0, _first_of_pad(coupling, op), "pad", slots, wanted.dim, entering.index.size)


def _first_of_pad(coupling: Coupling, op: Op) -> int:
    """Find the pad itself where places are looked up after it, see :func:`analysis.coupling.moving.selection`."""
    return coupling.seen.values[op.inputs[0]].maker if op.name == "index_select" else op.index


def _check_assignment(coupling: Coupling, op: Op, copies: Ints) -> Iterator[Correction]:
    """``x[:, :n] = y`` must find y's channels at the same places."""
    target = op.inputs[0]
    place = layout(coupling, coupling.arrays.get(target), copies)
    given = layout(coupling, coupling.arrays.get(op.inputs[-1]), copies)
    if place is None or given is None:
        if _touched(coupling, target, copies):
            yield _hopeless(op)
        return
    shape = list(coupling.seen.values[target].shape)
    index = op.arguments[1]
    old = along(np.arange(place.size), place.dim, len(shape))
    before = moved(FUNCTIONS["getitem"], old, tuple(shape), ((index,), {}))[0]
    shape[place.dim] = place.index.size
    new = along(place.keys, place.dim, len(shape))
    after = moved(FUNCTIONS["getitem"], new, tuple(shape), ((index,), {}))[0]
    vector = compressed_but(before, given.dim).ravel()
    expected = vector[given.index] * KEY + given.copy
    if not np.array_equal(compressed_but(after, given.dim).ravel(), expected):
        yield _hopeless(op)
