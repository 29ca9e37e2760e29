"""What a rule of the operation table works with: the recorded pass, the labels so far, and names from the network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor, nn

from analysis.coupling.labels import Book, Labels, Reason, varying
from analysis.tracing.trace import Op, Ref, Trace


class Walk:
    """Goes through a recorded pass from its first operation to its last.

    Parameters
    ----------
    seen
        The recorded pass.
    net
        The network, for the classes of its modules and the content of its buffers.
    book
        Where labels are written.
    layers
        Operation to the name of the layer it is.
    """

    def __init__(self, seen: Trace, net: nn.Module, book: Book, layers: Mapping[int, str]) -> None:
        self.seen, self.book = seen, book
        self._layers = layers
        self._modules = dict(net.named_modules())
        self._tensors = dict((*net.named_parameters(), *net.named_buffers()))
        self._names = dict(seen.state)
        self.computed: dict[int, Reason] = {}

    def name(self, value: int) -> str:
        """First name of the parameter or buffer that a value is, "" for others."""
        return self._names.get(value, "")

    def rename(self, value: int, name: str) -> None:
        """Note that a value is a parameter or buffer under another cover."""
        self._names[value] = name

    def content(self, value: int) -> Tensor | None:
        """Numbers of a parameter or buffer, None for other values."""
        return self._tensors.get(self.name(value))

    def content_shape(self, name: str) -> tuple[int, ...]:
        """Shape of a parameter or buffer."""
        return tuple(self._tensors[name].shape)

    def module(self, op: Op) -> nn.Module | None:
        """Find the module whose forward made an operation."""
        return self._modules.get(self.path(op))

    def path(self, op: Op) -> str:
        """Path of that module."""
        return self.seen.calls[op.call].path

    def layer(self, op: Op) -> str:
        """Name of the layer that an operation is, else of the module call around it."""
        return self._layers.get(op.index) or self.seen.label(op.call)

    def reason(self, op: Op, text: str = "") -> Reason:
        """Blame an operation."""
        return Reason(op.name, self.seen.label(op.call), text)

    def shape(self, value: int) -> tuple[int, ...]:
        """Shape of a value."""
        return self.seen.values[value].shape

    def argument(self, op: Op, position: int, name: str, default: Any = None) -> Any:
        """Give an argument of a torch function."""
        if position < len(op.arguments):
            return op.arguments[position]
        return op.keywords.get(name, default)

    def value(self, op: Op, position: int, name: str) -> int | None:
        """Give a tensor argument as a value, None if it is left out."""
        given = self.argument(op, position, name)
        return given.value if isinstance(given, Ref) else None

    def labels(self, value: int) -> Labels | None:
        """Label array of a value, None if it has none."""
        if value in self.book.arrays:
            return self.book.arrays[value]
        content = self.seen.values[value]
        found = None
        if content.before >= 0:
            found = self.labels(content.before)
            if content.maker < 0 or self.seen.ops[content.maker].name not in self.in_place:
                op = self.seen.ops[max(content.maker, 0)]
                self.book.lock(found, self.reason(op, "changed in a way that cannot be followed"))
                found = None
        self.book.arrays[value] = found
        return found

    in_place: frozenset[str] = frozenset()

    def give(self, op: Op, labels: Labels | None, output: int = 0) -> None:
        """Set the labels of an output."""
        self.book.arrays[op.outputs[output]] = labels

    def hide(self, op: Op, reason: Reason) -> None:
        """Lock what enters an operation; nothing is known of what comes out."""
        for value in self.seen.feature_inputs(op):
            self.book.lock(self.labels(value), reason)
        for value in op.outputs:
            self.book.arrays[value] = None

    def vector(self, value: int, dim: int, reason: Reason) -> Labels:
        """Labels along one dim; locked ones where the value has none there, or others beside."""
        labels, shape = self.labels(value), self.shape(value)
        if labels is not None:
            if labels.shape[dim] == shape[dim] and all(d == dim for d in varying(labels)):
                return np.ravel(labels)
            self.book.lock(labels, reason)
        fixed = self.book.fresh(shape[dim])
        self.book.lock(fixed, reason)
        return fixed
