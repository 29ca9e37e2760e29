"""Apply the kernel of a trained convolution in another geometry: stride, fractional stride, dilation, side.

Nothing is learned anew. Zero-stuffed strides and bilinear resampling follow the public code of M. Inkawhich (2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from analysis.measures.configurations import Option, Pair
from analysis.problems import AnalysisError
from analysis.tracing.operations import spread


@dataclass(frozen=True, slots=True)
class Padding:
    """What is added around a map before a convolution.

    Attributes
    ----------
    sides
        (left, right, top, bottom), as for `torch.nn.functional.pad`.
    mode
        "constant" (zeros), "reflect", "replicate" or "circular".
    same
        True if it follows the map: as much as gives ``ceil(H / s)`` positions, the odd one at the far end.
    """

    sides: tuple[int, int, int, int]
    mode: str = "constant"
    same: bool = False


@dataclass(frozen=True, slots=True)
class Convolution:
    """The arguments of one call of a two-dimensional convolution.

    Attributes
    ----------
    stride, padding, dilation, groups
        As the network has them; padding as numbers per axis, (rows, columns).
    around
        What the network adds around the map in an operation of its own, None for nothing.
    gain
        Factor on the kernel of a fractional stride; 1 leaves it as it is.
    """

    stride: Pair
    padding: Pair
    dilation: Pair
    groups: int
    around: Padding | None = None
    gain: float = 1.0


def numbered(padding: Any, kernel: Pair, dilation: Pair) -> Pair:
    """Write a padding as numbers, also "same" and "valid".

    Raises
    ------
    AnalysisError
        If "same" needs more on one side than on the other.
    """
    if padding == "valid":
        return 0, 0
    if padding != "same":
        return spread(padding, 2)  # type: ignore[return-value]  # two axes make a pair
    total = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    if any(size % 2 for size in total):
        raise AnalysisError("A kernel with even sides is padded unevenly here.", "Choose another layer.", "geometry")
    return total[0] // 2, total[1] // 2


def new_padding(old: Pair, kernel: tuple[Pair, Pair], dilation: tuple[Pair, Pair]) -> Pair:
    """Find the padding that leaves the size of the output as it was: ``p + (d'(k' - 1) - d (k - 1)) / 2`` per axis.

    Parameters
    ----------
    old
        Padding per side, (rows, columns).
    kernel, dilation
        (old, new) pairs.

    Raises
    ------
    AnalysisError
        If there is no such padding.

    Examples
    --------
    >>> new_padding((1, 1), ((3, 3), (3, 3)), ((1, 1), (4, 4)))
    (4, 4)
    """
    sides = []
    for axis in (0, 1):
        (k, k_new), (d, d_new) = ([size[axis] for size in pair] for pair in (kernel, dilation))
        twice = d_new * (k_new - 1) - d * (k - 1)
        side = old[axis] + twice // 2
        if twice % 2 or side < 0:
            text = f"A kernel of {k} with dilation {d} cannot become {k_new} with dilation {d_new} at the same size."
            raise AnalysisError(text, "Kernels need odd sides and enough padding; choose another layer.", "geometry")
        sides.append(side)
    return sides[0], sides[1]


def resample(weight: Tensor, size: Pair) -> Tensor:
    """Resample kernels bilinearly (half-pixel centres), times old area over new area: constant kernels keep their sum.

    Parameters
    ----------
    weight
        (outputs, inputs of a group, rows, columns).
    size
        (rows, columns) wanted. The size it has gives the very same tensor.
    """
    old = (weight.shape[2], weight.shape[3])
    if old == tuple(size):
        return weight
    fine = functional.interpolate(weight, size=tuple(size), mode="bilinear", align_corners=False, antialias=False)
    return fine * (old[0] * old[1] / (size[0] * size[1]))


def stuffed(x: Tensor, up: Pair) -> Tensor:
    """Put every sample at multiples of `up` in a map that is as many times larger, zeros elsewhere."""
    made = x.new_zeros(*x.shape[:2], x.shape[2] * up[0], x.shape[3] * up[1])
    made[:, :, :: up[0], :: up[1]] = x
    return made


def transposed_weight(weight: Tensor, groups: int) -> Tensor:
    """Rearrange a kernel so that a transposed convolution correlates with it: groups, channels swapped, mirrored.

    Parameters
    ----------
    weight
        (outputs, inputs of a group, rows, columns).

    Returns
    -------
    Tensor
        (inputs, outputs of a group, rows, columns).
    """
    outputs, inputs, high, wide = weight.shape
    parted = weight.reshape(groups, outputs // groups, inputs, high, wide).transpose(1, 2)
    return parted.reshape(groups * inputs, outputs // groups, high, wide).flip(2, 3)


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, conv: Convolution, option: Option) -> Tensor:
    """Convolve as an option says, with padding that keeps the relation of sizes that the network has.

    Parameters
    ----------
    x
        (pictures, channels, height, width), before any padding that the network adds itself.
    weight, bias
        As the network has them.

    Raises
    ------
    AnalysisError
        If the kernel has no such form.
    """
    kernel = (weight.shape[2], weight.shape[3])
    stride = option.size if option.kind == "stride" else (1, 1) if option.kind == "up" else conv.stride
    dilation = option.size if option.kind == "dil" else conv.dilation
    if option.kind == "ker":
        weight = resample(weight, option.size)
    size = (weight.shape[2], weight.shape[3])
    if option.kind == "up":
        return _enlarged(x, weight, bias, conv, option.size)
    pad = _around(conv.around, x, stride, (kernel, size), (conv.dilation, dilation))
    if pad is not None:
        padded = functional.pad(x, pad, mode=conv.around.mode if conv.around else "constant")
        return functional.conv2d(padded, weight, bias, stride, conv.padding, dilation, conv.groups)
    padding = new_padding(conv.padding, (kernel, size), (conv.dilation, dilation))
    return functional.conv2d(x, weight, bias, stride, padding, dilation, conv.groups)


def _around(
    around: Padding | None, x: Tensor, stride: Pair, kernel: tuple[Pair, Pair], dilation: tuple[Pair, Pair]
) -> list[int] | None:
    if around is None:
        return None
    if around.same:
        high, wide = (
            same_padding(x.shape[2 + axis], stride[axis], kernel[1][axis], dilation[1][axis]) for axis in (0, 1)
        )
        return [*wide, *high]
    left, right, top, bottom = around.sides
    near = new_padding((top, left), kernel, dilation)
    far = new_padding((bottom, right), kernel, dilation)
    return [near[1], far[1], near[0], far[0]]


def same_padding(side: int, stride: int, kernel: int, dilation: int) -> Pair:
    """Give the padding (near, far) of one axis by the rule of TensorFlow: ``ceil(H / s)`` positions."""
    total = max((-(-side // stride) - 1) * stride + dilation * (kernel - 1) + 1 - side, 0)
    return total // 2, total - total // 2


def _enlarged(x: Tensor, weight: Tensor, bias: Tensor | None, conv: Convolution, up: Pair) -> Tensor:
    """Stuff zeros, then convolve with stride 1: as one transposed convolution where the border is zero."""
    kernel = (weight.shape[2], weight.shape[3])
    if min(kernel) == 1 or not all(side % 2 for side in kernel):
        text = f"A kernel of {kernel[0]} x {kernel[1]} would leave holes in a map that it enlarges."
        raise AnalysisError(text, "Fractional strides need odd kernels above 1.", "geometry")
    if conv.gain != 1.0:
        weight = weight * conv.gain
    keep = (conv.dilation[0] * (kernel[0] - 1) // 2, conv.dilation[1] * (kernel[1] - 1) // 2)
    if conv.around is not None:
        pad = [keep[1], keep[1], keep[0], keep[0]]
        padded = functional.pad(stuffed(x, up), pad, mode=conv.around.mode)
        return functional.conv2d(padded, weight, bias, 1, 0, conv.dilation, conv.groups)
    return functional.conv_transpose2d(
        x,
        transposed_weight(weight, conv.groups),
        bias,
        stride=up,
        padding=keep,
        output_padding=(up[0] - 1, up[1] - 1),
        groups=conv.groups,
        dilation=conv.dilation,
    )


def repeated(x: Tensor, up: Pair) -> Tensor:
    """Repeat every sample of a map `up` times per axis."""
    return x.repeat_interleave(up[0], dim=2).repeat_interleave(up[1], dim=3)


def brought_to(x: Tensor, size: Pair) -> Tensor:
    """Bring a map to a size: averages where it shrinks, nearest samples if an axis must grow."""
    if tuple(x.shape[2:]) == tuple(size):
        return x
    if any(have < want for have, want in zip(x.shape[2:], size, strict=True)):
        return functional.interpolate(x, size=tuple(size), mode="nearest")
    return functional.adaptive_avg_pool2d(x, size)


def subsampled(x: Tensor, stride: Pair) -> Tensor:
    """Keep every s-th sample of a map."""
    return x[:, :, :: stride[0], :: stride[1]]


def statistics_of(x: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Take mean and variance per channel, axes (channel,), of the first `count` pictures."""
    part = x[:count].transpose(0, 1).flatten(1)
    return part.mean(dim=1), torch.var(part, dim=1, unbiased=False)
