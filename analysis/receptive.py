"""Nominal receptive field of a configuration: how far a unit of the last convolution sees."""

from __future__ import annotations

from typing import Any

from analysis.measures.configurations import Option
from analysis.reshape import Chosen
from analysis.switches import Switches
from analysis.tracing.operations import CONVOLUTIONS, convolution_arguments, spread
from analysis.tracing.trace import Op, Trace

_Reach = tuple[tuple[float, float], tuple[float, float]]  # per axis: field, jump
_POOL = ("input", "kernel_size", "stride", "padding", "dilation")


def receptive_field(seen: Trace, switches: Switches, chosen: Chosen) -> tuple[float, float]:
    """Field of the last spatial layer, (rows, columns) in pixels; the largest of all ways from the input.

    Per layer ``r += d (k - 1) j``, then ``j *= s`` with jump j; before a fractional stride ``j /= u``.

    Parameters
    ----------
    chosen
        Option of each switch point, None for the network's own.
    """
    shown = [op.index for op in seen.ops if op.order >= 0]
    options = {
        shown[at]: option
        for at, role in switches.roles.items()
        if role.kind == "switch" and (option := chosen[role.points[0]]) is not None
    }
    reach: dict[int, _Reach] = {0: ((1.0, 1.0), (1.0, 1.0))}
    last = (1.0, 1.0)
    for op in seen.ops:
        known = [reach[value] for value in op.inputs if value in reach]
        if not known:
            continue
        widest = max(known, key=lambda item: item[0][0] + item[1][0])
        kernel, stride, dilation = _geometry(seen, op, options.get(op.index))
        after: list[tuple[float, float]] = []
        for axis in (0, 1):
            field, jump = widest[axis]
            jump = jump * stride[axis] if stride[axis] < 1 else jump
            field += dilation[axis] * (kernel[axis] - 1) * jump
            after.append((field, jump * stride[axis] if stride[axis] >= 1 else jump))
        for value in op.outputs:
            reach[value] = after[0], after[1]
        if op.name in CONVOLUTIONS:
            last = max(last[0], after[0][0]), max(last[1], after[1][0])
    return last


def _geometry(seen: Trace, op: Op, option: Option | None) -> tuple[tuple[float, ...], ...]:
    """Kernel, stride and dilation of an operation, per axis; ones for what is not spatial."""
    one = (1.0, 1.0)
    if op.name in CONVOLUTIONS and len(seen.values[op.inputs[1]].shape) == 4:
        given = convolution_arguments(op.name, op.arguments, dict(op.keywords))
        kernel: tuple[float, ...] = seen.values[op.inputs[1]].shape[2:]
        stride: tuple[float, ...] = spread(given.get("stride", 1), 2)
        dilation: tuple[float, ...] = spread(given.get("dilation", 1), 2)
        if option is not None:
            kernel = option.size if option.kind == "ker" else kernel
            stride = option.scale if option.family == "stride" else stride
            dilation = option.size if option.kind == "dil" else dilation
        return kernel, stride, dilation
    if op.name.startswith(("max_pool2d", "avg_pool2d")):
        pool: dict[str, Any] = dict(zip(_POOL, op.arguments, strict=False)) | dict(op.keywords)
        size = spread(pool.get("kernel_size", 1), 2)
        step = pool.get("stride")
        given_dilation = pool.get("dilation", 1) if op.name.startswith("max") else 1
        return size, spread(step, 2) if step else size, spread(given_dilation, 2)
    return one, one, one
