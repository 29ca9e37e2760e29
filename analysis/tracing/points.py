"""Where a network can be read: its convolutions, linear layers, activations and the pooled feature, found in a trace.

Nothing here looks at class names. A layer is what calls a convolution; an activation is what bends numbers one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from torch import nn
from torch.nn.modules.conv import _ConvNd

from analysis.tracing.operations import (
    ACTIVATIONS,
    CONVOLUTIONS,
    ELEMENTWISE,
    LIGHT,
    NONLINEAR,
    POOLS,
    PRODUCTS,
    REDUCTIONS,
    RESHAPES,
)
from analysis.tracing.trace import Call, Op, Trace


@dataclass(frozen=True, slots=True)
class Site:
    """Where a row's tensor appears at run time.

    Attributes
    ----------
    module, call
        Path of the module in whose forward it appears, and the number of that call within the forward pass, from 1.
    order
        Number of the operation among those that this forward makes itself, from 0; -1 for the module's own output.
    argument
        0 or more: not the output but this tensor among the arguments, as it is before the operation.
    operation
        Name of the operation, by which a run notices that the network has taken another path.
    """

    module: str
    call: int
    order: int
    argument: int = -1
    operation: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    """A tensor worth reading.

    Attributes
    ----------
    name, kind, type
        As in `LayerSpec`.
    value
        Its number in the trace.
    op
        The operation that makes it, -1 for the input.
    site
        Where to read it.
    moment
        Place in the order of execution.
    ops
        The operations whose costs it carries.
    """

    name: str
    kind: str
    type: str
    value: int
    op: int
    site: Site
    moment: tuple[int, int]
    ops: tuple[int, ...] = ()


def weighted_ops(trace: Trace) -> dict[int, str]:
    """Find the operations that are a convolution ("conv") or a linear layer ("linear") of features."""
    found = {}
    for op in trace.ops:
        kind = _weighted(trace, op)
        if kind:
            found[op.index] = kind
    return found


def _weighted(trace: Trace, op: Op) -> str:
    inputs = [trace.values[number] for number in op.inputs]
    if op.name in CONVOLUTIONS and inputs[0].feature:
        return "conv"
    if op.name == "linear" and inputs[0].feature:
        return "linear"
    if op.name in PRODUCTS and any(v.feature for v in inputs) and any(v.weights and len(v.shape) == 2 for v in inputs):
        return "linear"
    return ""


def layer_points(trace: Trace, weighted: Mapping[int, str], activations: tuple[Point, ...]) -> tuple[Point, ...]:
    """Give one point for each convolution and linear layer."""
    bent = {point.op for point in activations}
    points = []
    for index, kind in weighted.items():
        op = trace.ops[index]
        call = trace.calls[op.call]
        inner = range(call.first, call.last)
        alone = sum(other in inner for other in weighted) == 1 and not any(other in inner for other in bent)
        only = sum(other in weighted for other in trace.own_ops[op.call]) == 1
        same = call.single and trace.values[call.outputs[0]].shape == trace.values[op.outputs[0]].shape
        if op.call > 0 and alone and same and (call.inner == 0 or _is_layer(call)):
            points.append(module_point(trace, call, kind, call.kind.__name__, index))
        elif op.call > 0 and only and _is_layer(call):
            # A layer that holds further layers or an activation of its own: its output is not the convolution's.
            points.append(op_point(trace, op, kind, call.kind.__name__, trace.label(op.call)))
        else:
            points.append(op_point(trace, op, kind))
    return tuple(points)


def _is_layer(call: Call) -> bool:
    return issubclass(call.kind, (_ConvNd, nn.Linear))


def activation_points(trace: Trace, weighted: Mapping[int, str]) -> tuple[Point, ...]:
    """Give one point for each activation: a module that is nothing else, or a function called in a forward."""
    points: list[Point] = []
    taken: set[int] = set()
    for call in trace.calls[1:]:
        if _is_activation(trace, call, weighted):
            last = trace.values[call.outputs[0]].maker
            points.append(module_point(trace, call, "activation", call.kind.__name__, last))
            taken.update(range(call.first, call.last))
    swishes = {op.index: gate for op in trace.ops for gate in _gates(trace, op) if op.index not in taken}
    for op in trace.ops:
        if op.index in taken or op.index in swishes.values() or not _bends(trace, op):
            continue
        points.append(op_point(trace, op, "activation"))
    for index, gate in swishes.items():
        point = op_point(trace, trace.ops[index], "activation", "silu")
        points.append(replace(point, ops=(gate, index)))
    return tuple(sorted(points, key=lambda point: point.moment))


def _is_activation(trace: Trace, call: Call, weighted: Mapping[int, str]) -> bool:
    if call.inner or not call.single or call.outputs[0] in call.inputs:
        return False
    ops = [trace.ops[index] for index in trace.own_ops[call.index]]
    ops = [op for op in ops if trace.feature_inputs(op)]
    result = trace.values[call.outputs[0]]
    if result.maker not in {op.index for op in ops}:
        return False
    made = {value for op in ops for value in op.outputs}
    taken = {value for op in ops for value in trace.feature_inputs(op) if value not in made}
    names = {op.name for op in ops}
    shapes = {trace.values[value].shape for value in made | taken}
    one = len(taken) == 1 and shapes == {result.shape} and not any(op.index in weighted for op in ops)
    return one and names <= ELEMENTWISE and bool(names & NONLINEAR)


def _bends(trace: Trace, op: Op) -> bool:
    if not trace.feature_inputs(op):
        return False
    if op.name in ("clamp", "clamp_min", "clip"):  # x.clamp(min=0) is ReLU; other limits protect a division
        low = op.arguments[1] if len(op.arguments) > 1 else op.keywords.get("min")
        return isinstance(low, (int, float)) and low == 0
    return op.name in ACTIVATIONS


def _gates(trace: Trace, op: Op) -> tuple[int, ...]:
    """If this is ``x * sigmoid(x)``, give the operation that made the second factor."""
    features = trace.feature_inputs(op)
    if op.name != "mul" or len(features) != 2:
        return ()
    makers = [(trace.values[value].maker, other) for value, other in (features, features[::-1])]
    gates = [(trace.ops[maker], other) for maker, other in makers if maker >= 0]
    return tuple(
        gate.index for gate, x in gates if gate.name == "sigmoid" and gate.inputs == (x,) and gate.call == op.call
    )


def pooled_point(trace: Trace, weighted: Mapping[int, str]) -> Point | None:
    """Find the feature that feeds the classifier: the global pool, or where there is none, the flattened map.

    The classifier is the last linear layer that all of the output goes through, or the last convolution if it works on
    a single position. Hidden layers between pool and classifier are passed over. None where classification comes before
    pooling, as in SqueezeNet.
    """
    reached = trace.behind(trace.outputs)
    layers = [index for index in weighted if index in reached]
    classifier = next((index for index in reversed(layers) if trace.is_passed(index)), None)
    if classifier is None:
        return None
    value = _features_of(trace, trace.ops[classifier])
    if weighted[classifier] == "conv" and trace.values[value].positions > 1:
        return None
    found = _pool_behind(trace, weighted, value)
    if found is None or not any(index < found.index for index in layers):
        return None
    return value_point(trace, found.outputs[0], "pooled")


def _pool_behind(trace: Trace, weighted: Mapping[int, str], value: int) -> Op | None:
    flat: Op | None = None
    while (maker := trace.values[value].maker) >= 0:
        op = trace.ops[maker]
        features = trace.feature_inputs(op)
        if len(features) != 1:
            return flat
        before, after = trace.values[features[0]], trace.values[value]
        if len(before.shape) > 2 and after.positions == 1:
            pools = op.name in POOLS or (op.name in REDUCTIONS and before.shape[1] == after.shape[1])
            if pools or (op.name in RESHAPES and before.positions > 1):
                return op
            if op.name in RESHAPES and flat is None:
                flat = op
        layer = maker in weighted or op.name in ACTIVATIONS
        if (layer and flat) or not (layer or op.name in LIGHT or op.name in RESHAPES):
            return flat
        value = _features_of(trace, op)
    return flat


def _features_of(trace: Trace, op: Op) -> int:
    return next(value for value in op.inputs if trace.values[value].feature)


def op_label(trace: Trace, op: Op) -> str:
    """Name an operation after the module that made it, with a number if that made several of the kind."""
    alike = [
        index
        for index in trace.own_ops[op.call]
        if trace.ops[index].name == op.name and trace.feature_inputs(trace.ops[index])
    ]
    number = f"#{alike.index(op.index) + 1}" if len(alike) > 1 and op.index in alike else ""
    return f"{trace.label(op.call)}:{op.name}{number}"


def op_site(trace: Trace, op: Op, argument: int = -1) -> Site:
    """Say where the output of an operation, or one of its arguments, appears."""
    call = trace.calls[op.call]
    return Site(call.path, call.number, op.order, argument, op.name)


def op_point(trace: Trace, op: Op, kind: str, type_: str = "", name: str = "") -> Point:
    """Make the point at the output of an operation."""
    name = name or op_label(trace, op)
    return Point(name, kind, type_ or op.name, op.outputs[0], op.index, op_site(trace, op), (op.tick, 0), (op.index,))


def module_point(trace: Trace, call: Call, kind: str, type_: str, op: int) -> Point:
    """Make the point at the output of a module."""
    site = Site(call.path, call.number, -1)
    ops = tuple(range(call.first, call.last))
    return Point(trace.label(call.index), kind, type_, call.outputs[0], op, site, (call.tick, 0), ops)


def value_point(trace: Trace, value: int, kind: str) -> Point | None:
    """Make the point at any value: at the small module that gives it, else at the operation that makes it.

    None for a value that can only be read off memory which something else has changed.
    """
    op = trace.ops[trace.values[value].maker]
    call = trace.calls[op.call]
    if call.index > 0 and call.inner == 0 and call.single and call.outputs[0] == value:
        return module_point(trace, call, kind, call.kind.__name__, op.index)
    if value in op.outputs and op.order >= 0:
        point = op_point(trace, op, kind)
        return replace(point, value=value)
    for call in trace.calls[1:]:
        if call.single and call.outputs[0] == value:
            return module_point(trace, call, kind, call.kind.__name__, op.index)
    return None
