"""What a network looks like: its layers in the order in which they are executed, and their costs.

Names follow one rule everywhere (results, figures, selection, text): the dotted module path; ``#k`` after a module or
an operation that is called several times; ``owner:op`` for an operation that has no module of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

KINDS = ("input", "conv", "linear", "activation", "branch", "block", "pooled")


@dataclass(frozen=True, slots=True)
class LayerSpec:
    """One row of a network: a layer, or a point between layers at which a tensor can be read.

    Attributes
    ----------
    name
        Unique name, see the module's docstring.
    kind
        One of :data:`KINDS`. ``branch`` is the tensor that enters a residual addition.
    module, call
        Path of the module whose forward made the tensor, and the number of that call, from 1.
    type
        Class name of the module, or the name of the operation.
    shape
        Output shape without the batch axis: (channels, height, width) or (features,).
    input_shape
        Shape of the first input without the batch axis; empty where it makes no sense.
    kernel, stride, dilation, groups
        Geometry of a convolution; empty or 0 otherwise.
    parameters
        Number of weights first met at this row. A shared tensor counts once, at its first row.
    parameters_used
        Number of weights this row computes with, shared or not.
    macs
        Multiply-adds of one image, convolutions and linear layers only. 1 MAC = 2 FLOPs.
    activation_bytes
        Bytes of the output of one image in the dtype of the network.
    block
        Name of the residual block or repeated module it lies in, or "".
    expands_from
        For convolutions: number of input channels (d_in of the linear cap d_in/d_out); 0 otherwise.
    same_as
        Name of an earlier row that is the very same tensor (a block's output is often its last activation), or "".
    """

    name: str
    kind: str
    module: str = ""
    call: int = 1
    type: str = ""
    shape: tuple[int, ...] = ()
    input_shape: tuple[int, ...] = ()
    kernel: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    dilation: tuple[int, ...] = ()
    groups: int = 0
    parameters: int = 0
    parameters_used: int = 0
    macs: int = 0
    activation_bytes: int = 0
    block: str = ""
    expands_from: int = 0
    same_as: str = ""

    @property
    def channels(self) -> int:
        """Width: the size of the channel axis, 0 for a tensor without one."""
        return self.shape[0] if self.shape else 0

    @property
    def positions(self) -> int:
        """Number of spatial positions per image, 1 for vectors."""
        count = 1
        for size in self.shape[1:]:
            count *= size
        return count


@dataclass(frozen=True, slots=True)
class Totals:
    """Costs of a whole network for one image.

    Attributes
    ----------
    parameters
        Distinct weights: a shared tensor counts once.
    parameters_used
        Weights counted at every layer that uses them.
    buffers
        Elements of buffers (running statistics).
    macs
        Multiply-adds of convolutions and linear layers. 1 MAC = 2 FLOPs.
    activation_bytes
        Bytes of the outputs of all convolutions, linear layers and activations.
    """

    parameters: int = 0
    parameters_used: int = 0
    buffers: int = 0
    macs: int = 0
    activation_bytes: int = 0


def matching(layers: tuple[LayerSpec, ...], pattern: str) -> tuple[LayerSpec, ...]:
    """Return the layers whose name fits the comma-separated glob patterns.

    Examples
    --------
    >>> [layer.name for layer in matching((LayerSpec("conv1", "conv"), LayerSpec("fc", "linear")), "conv*")]
    ['conv1']
    """
    patterns = [part.strip() for part in pattern.split(",") if part.strip()]
    return tuple(layer for layer in layers if any(fnmatchcase(layer.name, part) for part in patterns))
