"""Rules for operations that meet their tensors number by number: labels pass, and those that meet are tied."""

from __future__ import annotations

import numpy as np

from analysis.coupling.labels import Labels, Reason, varying
from analysis.coupling.walk import Walk
from analysis.tracing.operations import ACTIVATIONS, ELEMENTWISE, UNCHANGED
from analysis.tracing.trace import Op

POINTWISE = (ELEMENTWISE | ACTIVATIONS | UNCHANGED) - {"glu", "max", "min", "prelu"} | {
    *("eq", "ne", "logical_and", "logical_or", "logical_not", "floor", "ceil", "round", "trunc", "nan_to_num"),
    *("positive", "masked_fill", "bernoulli", "copy", "fill", "zero", "div", "remainder", "fmod", "erfc", "log2"),
    *("requires_grad", "dequantize", "quantize_per_tensor", "fake_quantize_per_tensor_affine", "atan", "heaviside"),
}


def pointwise(walk: Walk, op: Op) -> None:
    """Unite what meets after broadcasting. Size-1 dims unite nothing; a stranger that spans the channels locks."""
    shape = walk.shape(op.outputs[0])
    labelled = [
        aligned
        for value in dict.fromkeys(op.inputs)
        if (labels := walk.labels(value)) is not None and (aligned := _aligned(labels, len(shape))).size > 1
    ]
    single = [labels for value in op.inputs if (labels := walk.labels(value)) is not None and labels.size == 1]
    if not labelled:
        for labels in single[1:]:
            walk.book.unite(single[0], labels, walk.reason(op))
        result = _aligned(single[0], len(shape)) if single else None
        _give(walk, op, result)
        return
    result = _united(walk, op, labelled)
    if result is not None:
        for value in dict.fromkeys(op.inputs):
            if walk.labels(value) is None:
                _meet(walk, op, value, result, len(shape))
    _give(walk, op, result)


def _give(walk: Walk, op: Op, labels: Labels | None) -> None:
    for place in range(len(op.outputs)):
        same = labels is not None and len(walk.shape(op.outputs[place])) == labels.ndim
        walk.give(op, labels if same else None, place)


def _aligned(labels: Labels, ndim: int) -> Labels:
    return labels.reshape((1,) * (ndim - labels.ndim) + labels.shape)


def _united(walk: Walk, op: Op, arrays: list[Labels]) -> Labels | None:
    result = max(arrays, key=lambda array: array.size)
    for array in arrays:
        if array is result:
            continue
        if np.broadcast_shapes(array.shape, result.shape) != result.shape:
            for each in arrays:  # an outer product: every number depends on two channels
                walk.book.lock(each, walk.reason(op, "channels meet all with all"))
            return None
        walk.book.unite(np.broadcast_to(array, result.shape), result, walk.reason(op))
    return result


def _meet(walk: Walk, op: Op, value: int, labels: Labels, ndim: int) -> None:
    """Tie a parameter to the channels it meets; lock them if it is anything else that spans them."""
    shape = walk.shape(value)
    offset = ndim - len(shape)
    spans = [dim for dim in varying(labels) if dim >= offset and shape[dim - offset] > 1]
    if not spans:
        return
    name = walk.name(value)
    if name and spans == list(varying(labels)) and len(spans) == 1:
        lifted = len(walk.content_shape(name)) == 1  # seen with further dims of size 1
        walk.book.attach(name, 0 if lifted else spans[0] - offset, labels, "scale", walk.layer(op))
        return
    text = "meets a tensor of unknown channels"
    if walk.seen.values[value].weights:
        text = "meets a tensor computed from weights"
    walk.book.lock(labels, walk.reason(op, text))


def unknown(walk: Walk, op: Op) -> None:
    """Lock the arguments of an operation without a rule."""
    text = "hidden computation" if op.name == "unseen" else f"unknown operation {op.name}"
    walk.hide(op, Reason(op.name, walk.seen.label(op.call), text))
