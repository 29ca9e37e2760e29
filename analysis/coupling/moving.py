"""Rules for operations that move channels: the same function is applied to the labels, and the operation noted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from analysis.coupling.labels import Labels, Movement, along, compressed, varying
from analysis.coupling.walk import Walk
from analysis.tracing.trace import Op, Ref

_METHODS = (
    *("chunk", "split", "tensor_split", "split_with_sizes", "narrow", "index_select", "unbind", "reshape", "flatten"),
    *("unflatten", "permute", "transpose", "swapaxes", "swapdims", "movedim", "moveaxis", "squeeze", "unsqueeze"),
    *("select", "roll", "flip", "t", "expand", "repeat", "tile", "repeat_interleave"),
)
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    **{name: getattr(torch.Tensor, name) for name in _METHODS},
    "getitem": torch.Tensor.__getitem__,
    "view": torch.Tensor.reshape,
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "channel_shuffle": F.channel_shuffle,
    "native_channel_shuffle": F.channel_shuffle,
}
"""Functions that move numbers without changing them, by their names in a recording."""


def moved(function: Callable[..., Any], array: Labels, shape: tuple[int, ...], arguments: Any) -> list[Labels]:
    """Apply a torch function to an array of whole numbers as if it had the full `shape`."""
    given, keywords = arguments
    result = function(torch.from_numpy(np.ascontiguousarray(array)).expand(shape), *given, **keywords)
    parts = [result] if isinstance(result, Tensor) else list(result)
    return [part.numpy() for part in parts]


def arguments_of(walk: Walk, op: Op) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Arguments without the tensor that is moved; indices from buffers are looked up. None if one is not known."""
    given = tuple(_known(walk, item) for item in op.arguments[1:])
    keywords = {key: _known(walk, item) for key, item in op.keywords.items() if key not in ("input", "self")}
    if any(item is _UNKNOWN for item in (*given, *keywords.values())):
        return None
    return given, keywords


_UNKNOWN = object()


def _known(walk: Walk, item: Any) -> Any:
    if isinstance(item, Ref):
        content = walk.content(item.value)
        return _UNKNOWN if content is None or content.is_meta else content.cpu()
    if isinstance(item, tuple):
        inner = tuple(_known(walk, part) for part in item)
        return _UNKNOWN if any(part is _UNKNOWN for part in inner) else inner
    return item


def movement(walk: Walk, op: Op) -> None:
    """Move the labels."""
    source = op.inputs[0]
    labels = walk.labels(source)
    if labels is None:
        for place in range(len(op.outputs)):
            walk.give(op, None, place)
        return
    arguments = arguments_of(walk, op)
    try:
        parts = moved(FUNCTIONS[op.name], labels, walk.shape(source), arguments) if arguments is not None else []
    except (RuntimeError, TypeError, IndexError, ValueError):
        parts = []
    if [part.shape for part in parts] != [walk.shape(value) for value in op.outputs[: op.returned]]:
        walk.hide(op, walk.reason(op, "moves channels in a way that cannot be followed"))
        return
    for place, part in enumerate(parts):
        walk.give(op, np.ascontiguousarray(compressed(part)), place)
    walk.book.movements.append(Movement(op.index, source))


def selection(walk: Walk, op: Op) -> None:
    """Places looked up right after padding, as edits write it: together a pad with zeros anywhere. Else a movement."""
    padded = op.inputs[0]
    arguments = arguments_of(walk, op)
    if padded not in walk.book.pads or arguments is None or walk.seen.consumers.get(padded) != (op.index,):
        movement(walk, op)
        return
    labels, (source, places) = walk.labels(padded), walk.book.pads[padded]
    assert labels is not None  # a pad of channels has them
    (dim,) = varying(labels)
    try:
        (part,) = moved(FUNCTIONS[op.name], along(places, dim, labels.ndim), walk.shape(padded), arguments)
    except (RuntimeError, TypeError, IndexError, ValueError):
        movement(walk, op)
        return
    chosen = np.ravel(compressed(part))
    if part.shape != walk.shape(op.outputs[0]) or chosen.size != part.shape[dim]:
        movement(walk, op)
        return
    del walk.book.pads[padded]
    walk.give(op, along(walk.book.fresh(chosen.size), dim, labels.ndim))
    walk.book.pads[op.outputs[0]] = (source, chosen)


def expand_as(walk: Walk, op: Op) -> None:
    """Labels pass; the other tensor only lends its shape."""
    labels, ndim = walk.labels(op.inputs[0]), len(walk.shape(op.outputs[0]))
    walk.give(op, None if labels is None else labels.reshape((1,) * (ndim - labels.ndim) + labels.shape))


def concatenation(walk: Walk, op: Op) -> None:
    """Join the labels; a part without labels is fixed."""
    parts = [item.value for item in (walk.argument(op, 0, "tensors") or ()) if isinstance(item, Ref)]
    ndim = len(walk.shape(op.outputs[0]))
    dim = int(walk.argument(op, 1, "dim", walk.argument(op, 1, "axis", 0))) % ndim
    parts = [value for value in parts if len(walk.shape(value)) == ndim]
    arrays = [walk.labels(value) for value in parts]
    others = [a for a in arrays if a is not None and a.size > 1 and varying(a) != (dim,)]
    if not others:
        vectors = [walk.vector(value, dim, walk.reason(op, "a part without labels")) for value in parts]
        walk.give(op, along(np.concatenate(vectors), dim, ndim))
        walk.book.joins.append(op.index)
        return
    same = all(a is not None and a.shape == others[0].shape and a.shape[dim] == 1 for a in arrays)
    if not same:
        walk.hide(op, walk.reason(op, "joins in a way that cannot be followed"))
        return
    for array in others[1:]:
        walk.book.unite(others[0], array, walk.reason(op))
    walk.give(op, others[0])


def padding(walk: Walk, op: Op) -> None:
    """Make new labels for padded channels, and note which channel each one was; around places labels pass."""
    source = op.inputs[0]
    labels, shape = walk.labels(source), walk.shape(source)
    amounts = walk.argument(op, 1, "pad")
    walk.give(op, labels)
    if labels is None:
        return
    touched = [len(shape) - 1 - place // 2 for place, amount in enumerate(amounts) if amount]
    dims = [dim for dim in varying(labels) if dim in touched]
    constant = walk.argument(op, 2, "mode", "constant") in ("constant", 0, 0.0) and not walk.argument(op, 3, "value", 0)
    if not dims:
        return
    if len(varying(labels)) > 1 or not constant or set(touched) != set(dims):
        walk.hide(op, walk.reason(op, "pads channels in a way that cannot be followed"))
        return
    dim = dims[0]
    before, after = amounts[2 * (len(shape) - 1 - dim)], amounts[2 * (len(shape) - 1 - dim) + 1]
    places = np.arange(-before, shape[dim] + after, dtype=np.int64)
    places[places >= shape[dim]] = -1
    walk.give(op, along(walk.book.fresh(places.size), dim, len(shape)))
    walk.book.pads[op.outputs[0]] = (source, np.maximum(places, -1))


def assignment(walk: Walk, op: Op) -> None:
    """``x[:, :n] = y``: y meets the channels it takes the place of."""
    target = op.inputs[0]
    labels = walk.labels(target)
    index = walk.argument(op, 1, "indices")
    given = walk.argument(op, 2, "value")
    try:
        if labels is None or not isinstance(given, Ref):
            raise ValueError
        part = moved(FUNCTIONS["getitem"], labels, walk.shape(target), ((index,), {}))[0]
        new = walk.labels(given.value)
        taken = compressed(part)
        if new is None or new.shape != taken.shape:
            raise ValueError
    except (RuntimeError, TypeError, IndexError, ValueError):
        walk.hide(op, walk.reason(op, "writes into channels in a way that cannot be followed"))
        return
    walk.book.unite(np.ascontiguousarray(taken), new, walk.reason(op))
    walk.give(op, labels)
    walk.book.movements.append(Movement(op.index, target))
