"""Rules for layers with weights: convolutions, linear layers, norms."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from analysis.coupling.labels import Labels, Reason, Sizes, along, varying
from analysis.coupling.walk import Walk
from analysis.tracing.operations import TRANSPOSED, convolution_arguments
from analysis.tracing.trace import Op, Ref


def convolution(walk: Walk, op: Op) -> None:
    """Make new outputs; tie in and out. Grouped channels move by position or by whole groups, depthwise as these do."""
    given = convolution_arguments(op.name, op.arguments, dict(op.keywords))
    source, kernel = given["input"].value, given["weight"].value
    shape, groups = walk.shape(kernel), int(given.get("groups", 1))
    transposed = op.name in TRANSPOSED
    dim = len(walk.shape(source)) - (len(shape) - 2) - 1
    outputs = walk.book.fresh(shape[1] * groups if transposed else shape[0])
    walk.give(op, along(outputs, dim, len(walk.shape(op.outputs[0]))))
    name, layer = walk.name(kernel), walk.layer(op)
    entering = walk.vector(source, dim, walk.reason(op, "the input of this layer is not understood"))
    if outputs.size == 1:
        walk.book.lock(outputs, Reason("", layer, "a single channel"))
    if not name:
        _computed(walk, op, (entering, outputs), "its kernel is computed in the forward pass")
    elif groups == 1:
        walk.book.attach(name, int(transposed), outputs, "out", layer)
        walk.book.attach(name, int(not transposed), entering, "in", layer)
    elif walk.book.whole or entering.size == groups or outputs.size == groups:
        _whole_groups(walk, op, name, (entering, outputs), groups)
    else:
        _positions(walk, op, name, (entering, outputs), groups)
    _bias(walk, op, given.get("bias"), outputs)


def _whole_groups(walk: Walk, op: Op, name: str, channels: tuple[Labels, Labels], groups: int) -> None:
    entering, outputs = channels
    ins, outs = entering.reshape(groups, -1), outputs.reshape(groups, -1)
    reason = walk.reason(op, "its groups are kept whole")
    walk.book.unite_along(ins, 1, reason)
    walk.book.unite(ins[:, :1].repeat(outs.shape[1], 1), outs, reason)
    if not isinstance(walk.module(op), _ConvNd):
        walk.book.lock(outputs, walk.reason(op, "the number of groups is written into the forward pass"))
    axis = entering if op.name in TRANSPOSED else outputs
    walk.book.attach(name, 0, axis, "depth", walk.layer(op))
    walk.book.sizes.append(Sizes(walk.path(op), "grouped", outputs, outs.shape[1]))


def _positions(walk: Walk, op: Op, name: str, channels: tuple[Labels, Labels], groups: int) -> None:
    reason = walk.reason(op, "the same place in every group")
    for labels in channels:
        rows = labels.reshape(groups, -1)
        walk.book.unite_along(rows, 0, reason)
        walk.book.grids.append((labels, rows.shape[1], walk.reason(op, "its groups cannot be told apart")))
    entering, outputs = channels
    transposed = op.name in TRANSPOSED
    first = (outputs if transposed else entering).reshape(groups, -1)[0]
    walk.book.attach(name, 0, entering if transposed else outputs, "in" if transposed else "out", walk.layer(op))
    walk.book.attach(name, 1, first, "out" if transposed else "in", walk.layer(op))


def linear(walk: Walk, op: Op) -> None:
    """Make new outputs along the last dim."""
    source, weight = walk.value(op, 0, "input"), walk.value(op, 1, "weight")
    if source is None or weight is None or len(walk.shape(weight)) != 2:
        walk.hide(op, walk.reason(op, "a form of this layer that is not understood"))
        return
    ndim, layer = len(walk.shape(source)), walk.layer(op)
    outputs = walk.book.fresh(walk.shape(weight)[0])
    walk.give(op, along(outputs, ndim - 1, ndim))
    entering = walk.vector(source, ndim - 1, walk.reason(op, "the input of this layer is not understood"))
    if outputs.size == 1:
        walk.book.lock(outputs, Reason("", layer, "a single channel"))
    name = walk.name(weight)
    if name:
        walk.book.attach(name, 0, outputs, "out", layer)
        walk.book.attach(name, 1, entering, "in", layer)
    else:
        _computed(walk, op, (entering, outputs), "its weights are computed in the forward pass")
    _bias(walk, op, walk.argument(op, 2, "bias"), outputs)


def _computed(walk: Walk, op: Op, channels: tuple[Labels, Labels], text: str) -> None:
    """Lock a layer without a weight of its own; its outputs are listed all the same."""
    for labels in channels:
        walk.book.lock(labels, walk.reason(op, text))
    layer = walk.layer(op)
    walk.book.attach(f"{layer} (computed)", 0, channels[1], "out", layer)


def _bias(walk: Walk, op: Op, bias: Any, outputs: Labels) -> None:
    if isinstance(bias, Ref):
        _vector(walk, op, bias.value, outputs, "bias")


def _vector(walk: Walk, op: Op, value: int | None, labels: Labels, role: str) -> None:
    """Tie a parameter of one entry per channel."""
    if value is None or walk.shape(value) == (1,) != (labels.size,):
        return
    name = walk.name(value)
    if name:
        walk.book.attach(name, 0, labels, role, walk.layer(op))
    else:
        walk.book.lock(labels, walk.reason(op, "meets a tensor that is no parameter"))


def batch_norm(walk: Walk, op: Op) -> None:
    """Batch and instance norm: every channel for itself."""
    source = op.inputs[0]
    labels = walk.vector(source, 1, walk.reason(op, "the channels of this norm are not understood"))
    names = ("running_mean", "running_var", "weight", "bias")
    for place, name in enumerate(names, start=1):
        _vector(walk, op, walk.value(op, place, name), labels, "statistic" if place < 3 else "norm")
    _count(walk, op, labels, "norm", 1, _NormBase)
    walk.give(op, along(labels, 1, len(walk.shape(source))))


def group_norm(walk: Walk, op: Op) -> None:
    """Whole groups stay together, and their number changes."""
    source, groups = op.inputs[0], int(walk.argument(op, 1, "num_groups"))
    labels = walk.vector(source, 1, walk.reason(op, "the channels of this norm are not understood"))
    walk.book.unite_along(labels.reshape(groups, -1), 1, walk.reason(op, "its groups are kept whole"))
    for place, name in ((2, "weight"), (3, "bias")):
        _vector(walk, op, walk.value(op, place, name), labels, "norm")
    _count(walk, op, labels, "group_norm", labels.size // groups, nn.GroupNorm)
    walk.give(op, along(labels, 1, len(walk.shape(source))))


def layer_norm(walk: Walk, op: Op) -> None:
    """Labels pass. Over channels the mean runs over all of them, so that no edit is exact."""
    source = op.inputs[0]
    labels, shape = walk.labels(source), walk.shape(source)
    normed = tuple(walk.argument(op, 1, "normalized_shape"))
    first = len(shape) - len(normed)
    walk.give(op, labels)
    if labels is None or all(dim < first for dim in varying(labels)):
        return
    if len(normed) > 1 or varying(labels) != (first,):
        walk.hide(op, walk.reason(op, "a norm over channels and places"))
        return
    vector = labels.ravel()
    for place, name in ((2, "weight"), (3, "bias")):
        _vector(walk, op, walk.value(op, place, name), vector, "norm")
    _count(walk, op, vector, "layer_norm", 1, (nn.LayerNorm, getattr(nn, "RMSNorm", nn.LayerNorm)))
    walk.book.averaged.append((vector, walk.reason(op, "mean over channels")))


def prelu(walk: Walk, op: Op) -> None:
    """One slope per channel, or one for all."""
    labels = walk.labels(op.inputs[0])
    walk.give(op, labels)
    slope = walk.value(op, 1, "weight")
    if labels is None or slope is None or walk.shape(slope) == (1,):
        return
    vector = walk.vector(op.inputs[0], 1, walk.reason(op, "the channels of this slope are not understood"))
    _vector(walk, op, slope, vector, "scale")
    _count(walk, op, vector, "prelu", 1, nn.PReLU)


def _count(walk: Walk, op: Op, labels: Labels, kind: str, unit: int, classes: type | tuple[type, ...]) -> None:
    """Note that a module counts channels in its attributes; a function with written numbers locks them."""
    if isinstance(walk.module(op), classes):
        walk.book.sizes.append(Sizes(walk.path(op), kind, labels, unit))
    elif kind in ("group_norm", "layer_norm"):
        walk.book.lock(labels, walk.reason(op, "the number of channels is written into the forward pass"))


def normalize(walk: Walk, op: Op) -> None:
    """Lock channels whose length is made one; over space labels pass."""
    dim = int(walk.argument(op, 2, "dim", 1))
    labels = walk.labels(op.inputs[0])
    if labels is not None and labels.shape[dim] > 1:
        walk.hide(op, walk.reason(op, "normalises over channels"))
    else:
        walk.give(op, labels)
