"""Residual blocks of a network in detail: where branch and shortcut are added, and which layers the branch holds.

Read off a recorded forward pass like the blocks of :mod:`analysis.graph`, and named as they are there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.graph import Recording, Site
from analysis.tracing.blocks import Unit, units
from analysis.tracing.operations import NORMS, UNCHANGED
from analysis.tracing.points import activation_points, layer_points, op_site, weighted_ops
from analysis.tracing.residual import Addition, additions
from analysis.tracing.trace import Trace


@dataclass(frozen=True, slots=True)
class Residual:
    """A residual block.

    Attributes
    ----------
    unit
        The block.
    addition
        Where its branch meets its shortcut.
    shortcut
        Value that is added to the branch, -1 if it cannot stand for the block.
    problem
        Why the shortcut cannot stand for the block, "" if it can.
    """

    unit: Unit
    addition: Addition
    shortcut: int
    problem: str = ""


def residuals(seen: Trace) -> dict[str, Residual]:
    """Return the residual blocks of a network by name, in the order of their outputs."""
    weighted = weighted_ops(seen)
    activations = activation_points(seen, weighted)
    sums = additions(seen, weighted, activations)
    found = {}
    for unit in units(seen, weighted, activations, sums):
        inside = [a for a in sums if a.home == unit.call and a.op in unit.ops]
        if unit.residual and inside:
            found[unit.name] = _residual(seen, unit, inside)
    return found


def _residual(seen: Trace, unit: Unit, inside: list[Addition]) -> Residual:
    addition = inside[-1]
    problem = ""
    if not unit.whole:
        problem = "it is not a module of its own"
    elif seen.calls[unit.call].path in seen.repeated:
        problem = "its module is used several times"
    elif len(inside) > 1:
        problem = "it adds several branches"
    elif addition.shortcut == "partial":
        problem = "its shortcut carries some of its channels only"
    elif not addition.shortcut:
        problem = "neither of the two tensors it adds is a shortcut"
    if problem:
        return Residual(unit, addition, -1, problem)
    return Residual(unit, addition, seen.ops[addition.op].inputs[1 - addition.branches[0][1]])


def branch_layers(seen: Trace, recording: Recording) -> dict[str, tuple[str, ...]]:
    """For each row of the kind "branch", name the convolutions on it that a norm follows, in order.

    These are the convolutions whose scale the norm takes out again; a gate beside the branch has none.
    """
    weighted = weighted_ops(seen)
    activations = activation_points(seen, weighted)
    names: dict[Site, str] = {site: name for name, site in recording.sites.items()}
    kinds = {layer.name: layer.kind for layer in recording.layers}
    layers = {
        point.op: names[point.site]
        for point in layer_points(seen, weighted, activations)
        if point.site in names and point.kind == "conv" and _is_normed(seen, point.value)
    }
    branches = {recording.sites[name]: name for name, kind in kinds.items() if kind == "branch"}
    found = {}
    for addition in additions(seen, weighted, activations):
        for index, argument in addition.branches:
            row = branches.get(op_site(seen, seen.ops[index], argument))
            if row:
                value = seen.ops[index].inputs[argument]
                path = seen.between(addition.source, value)
                found[row] = tuple(layers[op] for op in sorted(path) if op in layers)
    return found


def _is_normed(seen: Trace, value: int) -> bool:
    """Tell whether a tensor goes into a norm and nowhere else."""
    following = [seen.ops[index] for index in seen.consumers.get(value, ())]
    while len(following) == 1 and following[0].name in UNCHANGED - NORMS:
        following = [seen.ops[index] for index in seen.consumers.get(following[0].outputs[0], ())]
    return bool(following) and all(op.name in NORMS for op in following)


def removable(found: Mapping[str, Residual]) -> tuple[str, ...]:
    """Names of the blocks whose shortcut can stand for them."""
    return tuple(name for name, residual in found.items() if not residual.problem)
