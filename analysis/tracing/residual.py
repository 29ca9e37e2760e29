"""Residual additions: where a branch joins a shortcut, found by going back from each sum."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod

from analysis.tracing.operations import LIGHT, PADS, POOLS, UNCHANGED
from analysis.tracing.points import Point
from analysis.tracing.trace import Op, Trace


@dataclass(frozen=True, slots=True)
class Addition:
    """A residual addition.

    Attributes
    ----------
    op
        The addition.
    source
        Value where branch and shortcut part.
    branches
        (operation, argument) of the tensors that enter it and are not the shortcut. Where only some channels of the
        branch are added to, it is the whole branch, before these are cut out.
    shortcut
        "identity", "projection", "pad", "pool", "partial", "scaled", or "" if both sides are branches.
    home
        Index of the module call that holds branch and addition.
    path
        Operations of the branch.
    """

    op: int
    source: int
    branches: tuple[tuple[int, int], ...]
    shortcut: str
    home: int
    path: frozenset[int]


def additions(trace: Trace, weighted: Mapping[int, str], activations: tuple[Point, ...]) -> tuple[Addition, ...]:
    """Find the additions of a branch to a shortcut."""
    inside_activations = {index for point in activations for index in point.ops}
    found = []
    for op in trace.ops:
        if op.name == "add" and len(op.inputs) >= 2 and op.index not in inside_activations:
            first, second = (trace.values[number] for number in op.inputs[:2])
            if first.feature and second.feature and first.shape == second.shape:
                addition = _addition(trace, weighted, op)
                found.extend([addition] if addition else [])
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to read an addition: argument `branch` is the branch, the other one the shortcut."""

    branch: int
    source: int
    passed: tuple[int, ...]
    path: frozenset[int]
    effort: tuple[int, int]


def _addition(trace: Trace, weighted: Mapping[int, str], op: Op) -> Addition | None:
    # In a tie the right-hand side is taken as the shortcut: x = branch(x); x += shortcut.
    readings = [reading for branch in (0, 1) if (reading := _reading(trace, weighted, op, branch))]
    if not readings:
        return None
    best = min(readings, key=lambda reading: (reading.effort, len(reading.passed), reading.branch))
    home = _home(trace, weighted, op, best.path)
    if home is None:
        return None
    if len(readings) == 2 and best.effort[0] and readings[0].effort == readings[1].effort:
        both = readings[0].path | readings[1].path
        return Addition(op.index, best.source, ((op.index, 0), (op.index, 1)), "", home, both)
    place = _whole_branch(trace, op, best.branch)
    kind = "partial" if place[0] != op.index else _shortcut_kind(trace, weighted, best.passed)
    return Addition(op.index, best.source, (place,), kind, home, best.path)


def _reading(trace: Trace, weighted: Mapping[int, str], op: Op, branch: int) -> _Reading | None:
    for source, passed in ways_back(trace, weighted, op.inputs[1 - branch]):
        path = trace.between(source, op.inputs[branch])
        if any(index in weighted or _is_work(trace.ops[index]) for index in path):
            layers = [index for index in passed if index in weighted]
            area = sum(prod(trace.values[trace.ops[index].inputs[1]].shape[2:]) for index in layers)
            return _Reading(branch, source, passed, path, (len(layers), area))
    return None


def _is_work(op: Op) -> bool:
    """Tell whether an operation makes a branch of what it lies on: it multiplies, pools, or hides what it does."""
    return op.macs > 0 or op.name in POOLS or op.order < 0


def ways_back(trace: Trace, weighted: Mapping[int, str], value: int) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Go back from a value through what a shortcut may hold: cheap operations and at most one layer."""
    passed: tuple[int, ...] = ()
    yield value, passed
    while (maker := trace.values[value].maker) >= 0:
        op = trace.ops[maker]
        features = trace.feature_inputs(op)
        second_layer = maker in weighted and any(index in weighted for index in passed)
        if len(features) != 1 or second_layer or not (maker in weighted or op.name in LIGHT):
            return
        value, passed = features[0], (*passed, maker)
        yield value, passed


def _shortcut_kind(trace: Trace, weighted: Mapping[int, str], passed: tuple[int, ...]) -> str:
    names = {trace.ops[index].name for index in passed}
    if any(index in weighted for index in passed):
        return "projection"
    if names & PADS:
        return "pad"
    if names & POOLS:
        return "pool"
    return "identity" if names <= UNCHANGED else "scaled"


def _whole_branch(trace: Trace, op: Op, branch: int) -> tuple[int, int]:
    """Look behind the cut of ``x[:, :n] + shortcut``: the branch is x with all its channels."""
    value = op.inputs[branch]
    maker = trace.values[value].maker
    if maker >= 0:
        cut = trace.ops[maker]
        if cut.name in ("getitem", "narrow") and cut.call == op.call:
            whole, part = trace.values[cut.inputs[0]].shape, trace.values[value].shape
            if len(whole) == len(part) and whole[1:2] > part[1:2] and whole[2:] == part[2:]:
                return cut.index, 0
    return op.index, branch


def _home(trace: Trace, weighted: Mapping[int, str], op: Op, path: frozenset[int]) -> int | None:
    """Find the call that holds the whole block; None if the branch reaches out of the module that adds."""
    layers = [index for index in path if index in weighted] or list(path)
    call = trace.calls[op.call]
    # A module that does nothing but add belongs to the block around it.
    while call.index > 0 and not any(call.first <= index < call.last for index in layers):
        call = trace.calls[call.parent]
    return call.index if all(call.first <= index < call.last for index in layers) else None
