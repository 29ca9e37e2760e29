"""The operation table: which rule follows which operation. What is not in it locks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

from analysis.coupling.labels import Reason
from analysis.coupling.layers import batch_norm, convolution, group_norm, layer_norm, linear, normalize, prelu
from analysis.coupling.moving import FUNCTIONS, assignment, concatenation, expand_as, movement, padding, selection
from analysis.coupling.pointwise import POINTWISE, pointwise, unknown
from analysis.coupling.reducing import norm, pool, reduction, softmax
from analysis.coupling.walk import Walk
from analysis.tracing.operations import CONVOLUTIONS, CREATORS, POOLS, UNCHANGED
from analysis.tracing.trace import Op

Rule = Callable[[Walk, Op], None]

RULES: Mapping[str, Rule] = {
    **dict.fromkeys(POINTWISE, pointwise),
    **dict.fromkeys(CONVOLUTIONS, convolution),
    **dict.fromkeys(POOLS | {"interpolate", "upsample", "upsample_nearest", "upsample_bilinear"}, pool),
    **dict.fromkeys(("mean", "sum", "amax", "amin", "max", "min", "std", "var", "logsumexp", "prod"), reduction),
    **dict.fromkeys(("softmax", "log_softmax"), softmax),
    **dict.fromkeys(("batch_norm", "instance_norm"), batch_norm),
    **dict.fromkeys(("layer_norm", "rms_norm"), layer_norm),
    **dict.fromkeys(FUNCTIONS, movement),
    **dict.fromkeys(("cat", "concatenate"), concatenation),
    **dict.fromkeys(("pad", "constant_pad_nd"), padding),
    "linear": linear,
    "group_norm": group_norm,
    "normalize": normalize,
    "norm": norm,
    "prelu": prelu,
    "expand_as": expand_as,
    "setitem": assignment,
    "index_select": selection,
}

_LIFTS = ("view", "reshape", "unsqueeze", "getitem")
_TAKES_WEIGHTS = frozenset(
    {*CONVOLUTIONS, "linear", "batch_norm", "instance_norm", "layer_norm", "rms_norm", "group_norm", "prelu"}
)


def follow(walk: Walk) -> None:
    """Go through all operations of a recorded pass."""
    walk.in_place = POINTWISE
    for op in walk.seen.ops:
        if walk.seen.feature_inputs(op):
            _weights_in(walk, op)
            RULES.get(op.name, unknown)(walk, op)
        elif _is_same(walk, op) or (op.name in _LIFTS and _is_lifted(walk, op)):
            walk.rename(op.outputs[0], walk.name(op.inputs[0]))
        elif op.name not in CREATORS:
            _computed(walk, op)


def _is_same(walk: Walk, op: Op) -> bool:
    """Tell whether a parameter only changes its type or place in memory."""
    return op.name in UNCHANGED and len(op.inputs) == 1 and bool(walk.name(op.inputs[0]))


def _is_lifted(walk: Walk, op: Op) -> bool:
    """Tell whether a vector of parameters only gets further dims of size 1, by a call that holds no width."""
    before, after = walk.shape(op.inputs[0]), walk.shape(op.outputs[0])
    if not walk.name(op.inputs[0]) or len(before) != 1 or max(after, default=0) != before[0] != 1:
        return False
    numbers = [number for item in op.arguments[1:] for number in (item if isinstance(item, tuple) else (item,))]
    return before[0] == prod(after) and before[0] not in numbers


def _computed(walk: Walk, op: Op) -> None:
    """Remember weights that something is computed from: their own axes cannot change."""
    for value in op.inputs:
        for index in walk.seen.values[value].weights:
            walk.computed.setdefault(index, walk.reason(op, "computed in the forward pass"))


def _weights_in(walk: Walk, op: Op) -> None:
    """Notice weights that meet features otherwise than as those of a layer, or number by number."""
    if op.name in _TAKES_WEIGHTS or op.name in POINTWISE:
        return
    _computed(walk, op)


def lock_computed(walk: Walk) -> None:
    """Lock all axes of the weights that are moved or computed with."""
    for index, reason in walk.computed.items():
        name = walk.seen.weights[index][0]
        for (owner, _), axis in walk.book.axes.items():
            if owner == name:
                walk.book.lock(axis.labels, Reason(reason.op, reason.place, f"{name} is {reason.text}"))
    for name in walk.seen.overlapping:
        for (owner, _), axis in walk.book.axes.items():
            if owner == name:
                walk.book.lock(axis.labels, Reason("", axis.layer, f"{name} lies in memory that others read otherwise"))
