"""Residual blocks and other repeated units, found by what the network computes and never by class names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from analysis.tracing.points import Point
from analysis.tracing.residual import Addition, ways_back
from analysis.tracing.trace import Call, Op, Trace


@dataclass(frozen=True, slots=True)
class Unit:
    """A block: residual, or a repeated module, or one layer of a plain chain with its activation.

    Attributes
    ----------
    name, call
        Name; index of the module call it belongs to.
    whole
        True if the block is that call, and its output the call's output.
    input, output
        Values.
    ops
        The operations inside.
    residual, shortcut
        As in :class:`Addition`.
    """

    name: str
    call: int
    whole: bool
    input: int
    output: int
    ops: frozenset[int]
    residual: bool = False
    shortcut: str = ""


def units(
    trace: Trace, weighted: Mapping[int, str], activations: tuple[Point, ...], sums: tuple[Addition, ...]
) -> tuple[Unit, ...]:
    """Find the blocks of a network, in order of their outputs.

    Residual blocks, and modules of the same class that do not add; where nothing is added, repeated modules with
    several layers, else with one, else each layer of a chain with its activation.
    """
    found = _residual_units(trace, activations, sums)
    if found:
        found += _sisters(trace, weighted, found)
    else:
        found = _repeated(trace, weighted) or _chain(trace, weighted, activations)
    return tuple(sorted(found, key=lambda unit: (unit.output, unit.call)))


def _residual_units(trace: Trace, activations: tuple[Point, ...], sums: tuple[Addition, ...]) -> list[Unit]:
    outer = [a for a in sums if not any(_is_part(trace, a, b) for b in sums)]
    count = Counter(addition.home for addition in outer)
    met: Counter[int] = Counter()
    found = []
    for addition in outer:
        home = trace.calls[addition.home]
        output = _after(trace, activations, addition)
        met[home.index] += 1
        if count[home.index] == 1 and home.index > 0 and home.single and home.outputs[0] == output:
            found.append(_whole(trace, home, addition))
            continue
        number = f"#{met[home.index]}" if count[home.index] > 1 else ""
        name = f"{trace.label(home.index)}:block{number}"
        ops = trace.between(addition.source, output)
        found.append(Unit(name, home.index, False, addition.source, output, ops, True, addition.shortcut))
    return found


def _is_part(trace: Trace, inner: Addition, outer: Addition) -> bool:
    """Tell whether two additions make one sum of three: same module, same source, the one inside the other's branch."""
    return inner.home == outer.home and inner.source == outer.source and inner.op in outer.path


def _whole(trace: Trace, call: Call, addition: Addition | None = None) -> Unit:
    enters = next((value for value in call.inputs if trace.values[value].feature), -1)
    if addition and enters < 0:
        enters = addition.source
    ops = frozenset(range(call.first, call.last))
    shortcut = addition.shortcut if addition else ""
    return Unit(trace.label(call.index), call.index, True, enters, call.outputs[0], ops, bool(addition), shortcut)


def _after(trace: Trace, activations: tuple[Point, ...], addition: Addition) -> int:
    """Output of a residual block: the sum, put back into its place if only a part was added, after its activation."""
    value = trace.ops[addition.op].outputs[0]
    if addition.shortcut == "partial":
        for index in trace.consumers.get(value, ()):
            if trace.ops[index].name in ("setitem", "cat"):
                value = trace.ops[index].outputs[0]
                break
    following = trace.consumers.get(value, ())
    while following and _adds_constant(trace, trace.ops[following[0]]):
        value = trace.ops[following[0]].outputs[0]
        following = trace.consumers.get(value, ())
    for point in activations:
        if following and following[0] in (point.ops or (point.op,)):
            call = trace.ops[following[0]].call
            inside = call if point.site.order >= 0 else trace.calls[call].parent
            if inside == addition.home:
                return point.value
    return value


def _adds_constant(trace: Trace, op: Op) -> bool:
    """Tell whether this is ``0 + x``, as from Python's `sum`."""
    return op.name == "add" and len(trace.feature_inputs(op)) == 1


def _plain_container(call: Call) -> bool:
    return call.kind.__module__.startswith("torch.nn")


def _count(weighted: Mapping[int, str], call: Call) -> int:
    return sum(call.first <= index < call.last for index in weighted)


def _sisters(trace: Trace, weighted: Mapping[int, str], found: list[Unit]) -> list[Unit]:
    """Find the modules of a residual block's class that have no addition, as at the stride of a MobileNet."""
    homes = {unit.call for unit in found}
    kinds = {trace.calls[unit.call].kind for unit in found if unit.whole}
    alike = {
        call.index
        for call in trace.calls[1:]
        if call.kind in kinds and call.single and not _plain_container(call) and _count(weighted, call)
        if call.index not in homes and not _holds(trace, call.index, homes)
    }
    alike |= _neighbours(trace, weighted, homes | alike)
    return [_whole(trace, trace.calls[index]) for index in alike]


def _repeated(trace: Trace, weighted: Mapping[int, str]) -> list[Unit]:
    """Find repeated modules with several layers: classes first, then plain containers; else classes with one layer."""
    inner = [call for call in trace.calls[1:] if call.single and call.inner]
    for least, plain in ((2, False), (2, True), (1, False)):
        sized = [c for c in inner if _count(weighted, c) >= least and (plain or not _plain_container(c))]
        repeats = Counter(call.signature for call in sized)
        several = {call.index for call in sized if repeats[call.signature] > 1}
        innermost = {index for index in several if not _holds(trace, index, several)}
        if innermost:
            innermost |= _neighbours(trace, weighted, innermost)
            return [_whole(trace, trace.calls[index]) for index in innermost]
    return []


def _neighbours(trace: Trace, weighted: Mapping[int, str], blocks: set[int]) -> set[int]:
    """Find other modules of several layers that stand in the same row as blocks and do not overlap with one."""
    rows = {_row(trace.calls[index].path) for index in blocks}
    own = {
        call.index
        for call in trace.calls[1:]
        if call.single and call.inner and not _plain_container(call) and _row(call.path) in rows
        if _count(weighted, call) > 1 and call.index not in blocks
    }
    return {
        index
        for index in own
        if not _holds(trace, index, blocks | own) and not any(trace.inside(index, block) for block in blocks)
    }


def _row(path: str) -> str:
    """Path of the containers around a module, without their numbers."""
    return ".".join("*" if part.isdigit() else part for part in path.split(".")[:-1])


def _holds(trace: Trace, call: int, others: set[int]) -> bool:
    return any(trace.inside(other, call) for other in others if other != call)


def _chain(trace: Trace, weighted: Mapping[int, str], activations: tuple[Point, ...]) -> list[Unit]:
    """Take each layer of a plain chain, through norm and activation, as a unit. Gates beside the chain are none."""
    pairs = []
    for point in activations:
        if not trace.is_passed(point.op):
            continue
        value = trace.feature_inputs(trace.ops[(point.ops or (point.op,))[0]])[0]
        for source, passed in ways_back(trace, weighted, value):
            if passed and passed[-1] in weighted:
                call = trace.ops[point.op].call
                pairs.append((point, source, call if point.site.order >= 0 else trace.calls[call].parent))
                break
    count = Counter(home for _, _, home in pairs)
    met: Counter[int] = Counter()
    found = []
    for point, source, home in pairs:
        met[home] += 1
        number = f"#{met[home]}" if count[home] > 1 else ""
        ops = trace.between(source, point.value)
        found.append(Unit(f"{trace.label(home)}:unit{number}", home, False, source, point.value, ops))
    return found
