"""What a forward pass computes with, to notice that it computes with widths: its operations and their numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from analysis.coupling.moving import FUNCTIONS
from analysis.tracing.operations import CONVOLUTIONS, NORMS, PADS
from analysis.tracing.trace import Op, Trace

_SIZES = frozenset(FUNCTIONS) | CONVOLUTIONS | NORMS | PADS | {"setitem", "expand_as", "linear"}
"""Operations whose numbers are sizes, which follow an edit."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A call of a module that computes otherwise after an edit.

    Attributes
    ----------
    call
        Index of the call in the first pass.
    op
        Index of the first operation that differs, -1 if there are more or fewer of them.
    """

    call: int
    op: int


def differences(before: Trace, after: Trace, rewritten: frozenset[str]) -> Iterator[Difference]:
    """Compare two passes, module call by module call; `rewritten` names modules whose own operations are new."""
    if [call.path for call in before.calls] != [call.path for call in after.calls]:
        yield Difference(0, -1)
        return
    for call in before.calls:
        if call.path in rewritten:
            continue
        first, second = _own(before, call.index), _own(after, call.index)
        if [op.name for op in first] != [op.name for op in second]:
            yield Difference(call.index, -1)
            continue
        for one, other in zip(first, second, strict=True):
            if _numbers(one) != _numbers(other):
                yield Difference(call.index, one.index)


def _own(trace: Trace, call: int) -> list[Op]:
    ops = [trace.ops[index] for index in trace.own_ops[call]]
    return [op for op in ops if trace.feature_inputs(op)]


def _numbers(op: Op) -> list[Any]:
    return [] if op.name in _SIZES else list(_flat((op.arguments, tuple(op.keywords.items()))))


def _flat(item: Any) -> Iterator[Any]:
    if isinstance(item, (tuple, list)):
        for part in item:
            yield from _flat(part)
    elif isinstance(item, (int, float, str)):
        yield item
