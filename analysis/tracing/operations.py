"""The vocabulary of a recording: what torch functions are called, and which of them play which part in a network."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import prod
from typing import Any

_ARITHMETIC = frozenset({"add", "sub", "mul", "truediv", "div", "floordiv", "matmul", "mod", "pow", "and", "or", "xor"})
_OTHER_NAMES = {"truediv": "div", "subtract": "sub", "multiply": "mul", "divide": "div", "concat": "cat"}

TRANSPOSED = frozenset({"conv_transpose1d", "conv_transpose2d", "conv_transpose3d"})
CONVOLUTIONS = frozenset({"conv1d", "conv2d", "conv3d"}) | TRANSPOSED
PRODUCTS = frozenset({"matmul", "mm", "addmm"})
"""Matrix products that are a linear layer when one factor is made of weights alone."""

CONTRACTIONS = PRODUCTS | {
    *("bmm", "baddbmm", "addbmm", "einsum", "tensordot", "bilinear", "chain_matmul", "multi_dot"),
    *("scaled_dot_product_attention", "multi_head_attention_forward"),
}
"""Functions whose multiply-adds torch counts beside those of convolutions and linear layers."""

ACTIVATIONS = frozenset(
    {
        *("relu", "relu6", "silu", "hardswish", "hardsigmoid", "hardtanh", "sigmoid", "tanh", "gelu", "elu"),
        *("selu", "celu", "leaky_relu", "prelu", "rrelu", "softplus", "softsign", "mish", "logsigmoid"),
        *("threshold", "hardshrink", "softshrink", "tanhshrink", "glu"),
    }
)
NONLINEAR = ACTIVATIONS | frozenset(
    {
        *("clamp", "clamp_min", "clamp_max", "clip", "exp", "expm1", "log", "log1p", "where", "maximum"),
        *("minimum", "max", "min", "pow", "square", "abs", "sign", "sqrt", "rsqrt", "reciprocal", "erf", "sin"),
        *("cos", "gt", "lt", "ge", "le"),
    }
)
ELEMENTWISE = NONLINEAR | frozenset(
    {
        *("add", "sub", "mul", "div", "neg", "addcmul", "addcdiv", "lerp", "contiguous", "clone", "to", "type"),
        *("type_as", "float", "half", "bfloat16", "dropout"),
    }
)
NORMS = frozenset(
    {
        *("batch_norm", "sync_batch_norm", "layer_norm", "group_norm", "instance_norm", "local_response_norm"),
        *("rms_norm", "normalize"),
    }
)
POOLS = frozenset(
    f"{kind}_pool{dims}d{rest}"
    for kind in ("max", "avg", "lp", "adaptive_avg", "adaptive_max")
    for dims in (1, 2, 3)
    for rest in ("", "_with_indices")
)
REDUCTIONS = frozenset({"mean", "sum", "amax", "logsumexp"})
RESHAPES = frozenset({"flatten", "view", "reshape", "squeeze", "unsqueeze", "getitem", "select"})
UNCHANGED = frozenset(
    {
        *("contiguous", "clone", "to", "type", "type_as", "float", "half", "bfloat16", "double", "detach"),
        *("alias", "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_dropout", "alpha_dropout"),
    }
)
"""Functions that leave every number as it is, apart from rounding."""

PADS = frozenset({"pad", "cat", "constant_pad_nd"})
LIGHT = (
    NORMS
    | POOLS
    | UNCHANGED
    | PADS
    | frozenset({"getitem", "narrow", "add", "sub", "mul", "div", "interpolate", "upsample", "permute", "transpose"})
)
"""Functions that a shortcut may pass through and still be a shortcut."""

CREATORS = frozenset(
    {
        *("zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "randn_like", "new_zeros"),
        *("new_ones", "new_full", "new_empty", "new_tensor"),
    }
)
"""Functions that take a tensor for its shape and type only."""

_CONV_ARGUMENTS = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
_TRANSPOSED_ARGUMENTS = ("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation")


@lru_cache(maxsize=4096)
def operation_name(function: Callable[..., Any]) -> str:
    """Name an operation so that its functional, in-place, reflected and method forms are called the same.

    Examples
    --------
    >>> import torch
    >>> [operation_name(f) for f in (torch.relu_, torch.Tensor.__iadd__, torch.Tensor.__rsub__, torch.div)]
    ['relu', 'add', 'sub', 'div']
    """
    name = getattr(function, "__name__", type(function).__name__)
    if name in ("__get__", "__set__"):  # a property of a tensor, such as x.T
        return str(getattr(getattr(function, "__self__", None), "__name__", name)).strip("_")
    bare = name.split(".")[0].strip("_")
    if name.startswith("__") and bare[0] in "ir" and bare[1:] in _ARITHMETIC:
        bare = bare[1:]
    return _OTHER_NAMES.get(bare, bare)


def convolution_arguments(name: str, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> dict[str, Any]:
    """Bind the arguments of a convolution function to their names."""
    names = _TRANSPOSED_ARGUMENTS if name in TRANSPOSED else _CONV_ARGUMENTS
    return dict(zip(names, arguments, strict=False)) | keywords


def multiply_adds(name: str, shapes: tuple[tuple[int, ...], ...], output: tuple[int, ...]) -> int:
    """Count the multiply-adds of a convolution or linear layer; 1 multiply-add = 2 FLOPs.

    Parameters
    ----------
    name
        Name of the operation.
    shapes
        Shapes of its tensor arguments: input, weight, and perhaps bias.
    output
        Shape of the output.
    """
    # Grouping needs no care: the weight's second axis holds the channels of one group alone.
    places = shapes[0] if name in TRANSPOSED else output
    return prod(places) * prod(shapes[1][1:])


def spread(value: Any, dims: int) -> tuple[int, ...]:
    """Write a kernel size, stride or dilation once per spatial axis."""
    numbers = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    return tuple(int(number) for number in (numbers * dims if len(numbers) == 1 else numbers))
