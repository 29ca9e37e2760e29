"""Rules for operations over space or over channels: pools, means, softmax, resizing."""

from __future__ import annotations

from typing import Any

import numpy as np

from analysis.coupling.labels import varying
from analysis.coupling.pointwise import pointwise
from analysis.coupling.walk import Walk
from analysis.tracing.trace import Op, Ref


def pool(walk: Walk, op: Op) -> None:
    """Labels pass where only the dims behind the channels are touched."""
    labels, ndim = walk.labels(op.inputs[0]), len(walk.shape(op.inputs[0]))
    spatial = int(op.name[op.name.index("pool") + 4]) if "pool" in op.name else ndim - 2
    if labels is not None and any(dim >= ndim - spatial for dim in varying(labels)):
        walk.hide(op, walk.reason(op, "mixes channels"))
        return
    for place in range(len(op.outputs)):
        walk.give(op, labels, place)


def reduction(walk: Walk, op: Op) -> None:
    """Over space labels pass; over channels with another labelled dim left they are tied; else they are locked."""
    dims = walk.argument(op, 1, "dim", walk.argument(op, 1, "axis"))
    if isinstance(dims, Ref):  # the larger of two tensors
        pointwise(walk, op)
        return
    _reduce(walk, op, dims, bool(walk.argument(op, 2, "keepdim", False)))


def norm(walk: Walk, op: Op) -> None:
    """Lengths of vectors: as reductions, with one more argument before."""
    _reduce(walk, op, walk.argument(op, 2, "dim"), bool(walk.argument(op, 3, "keepdim", False)))


def _reduce(walk: Walk, op: Op, dims: Any, keep: bool) -> None:
    labels, ndim = walk.labels(op.inputs[0]), len(walk.shape(op.inputs[0]))
    if labels is None:
        for place in range(len(op.outputs)):
            walk.give(op, None, place)
        return
    given = range(ndim) if dims is None else (dims,) if isinstance(dims, int) else dims
    reduced = sorted({dim % ndim for dim in given})
    mixed = [dim for dim in varying(labels) if dim in reduced]
    if mixed and len(mixed) == len(varying(labels)):
        walk.hide(op, walk.reason(op, "mixes all channels"))
        return
    for dim in mixed:
        walk.book.unite_along(labels, dim, walk.reason(op, "summed over"))
        labels = np.take(labels, [0], axis=dim)
    if not keep:
        labels = labels.reshape([size for dim, size in enumerate(labels.shape) if dim not in reduced])
    for place in range(len(op.outputs)):
        walk.give(op, labels, place)


def softmax(walk: Walk, op: Op) -> None:
    """Over space labels pass; over channels they are locked, unless another labelled dim is left, which ties them."""
    value = op.inputs[0]
    labels, dim = walk.labels(value), walk.argument(op, 1, "dim")
    if labels is not None and dim is None:
        walk.hide(op, walk.reason(op))
        return
    if labels is not None and labels.shape[dim] > 1:
        if len(varying(labels)) == 1:
            walk.hide(op, walk.reason(op, "runs over channels"))
            return
        walk.book.unite_along(labels, dim % labels.ndim, walk.reason(op, "runs over these"))
    walk.give(op, labels)
