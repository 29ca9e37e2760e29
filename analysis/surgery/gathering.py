"""New weights by gathering: one index per axis, once per distinct tensor; what consumes copies is shared out."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from analysis.coupling.couple import Coupling
from analysis.coupling.labels import Axis
from analysis.coupling.layout import Ints, arranged, runs
from analysis.tracing.standin import storage_key

Widening = str
"""How channels are added: "split", "uneven", "zero" or "fresh"."""


def gather(net: nn.Module, coupling: Coupling, copies: Ints, widen: Widening = "split", seed: int = 0) -> None:
    """Give all parameters, buffers and counting attributes of `net` their new sizes, in place.

    Parameters
    ----------
    net
        A copy of the network that was analysed.
    coupling
        What belongs together in it.
    copies
        (classes,) 0 dropped, 1 kept, n copies.
    widen
        "split": copies, with the weights that read them divided. "uneven": divided into random shares that sum to 1, so
        that training tells the copies apart (equal ones get equal gradients). "zero": new random channels that
        nothing reads yet. "fresh": new random channels with new random readers.
    seed
        For random channels.
    """
    generator = torch.Generator().manual_seed(seed)
    axes: dict[str, list[Axis]] = {}
    for axis in coupling.axes.values():
        if (copies[coupling.of(axis.labels)] != 1).any():
            axes.setdefault(axis.name, []).append(axis)
    places = _places(net)
    tensors = dict((*net.named_parameters(), *net.named_buffers()))
    parts = shares(copies, widen, seed)
    with torch.no_grad():
        for name, own in axes.items():
            old = tensors[name]
            new = old.detach()
            for axis in sorted(own, key=lambda axis: -axis.dim):
                new = _gathered(new, axis, coupling, copies, parts)
            if widen in ("zero", "fresh"):
                new = _randomised(new, own, coupling, copies, widen, generator)
            _put(places[storage_key(old)], new)
    _count(net, coupling, copies)


def _places(net: nn.Module) -> dict[object, list[tuple[nn.Module, str]]]:
    found: dict[object, list[tuple[nn.Module, str]]] = {}
    for module in net.modules():
        for table in (module._parameters, module._buffers):
            for key, tensor in table.items():
                if tensor is not None:
                    found.setdefault(storage_key(tensor), []).append((module, key))
    return found


def _put(places: list[tuple[nn.Module, str]], new: Tensor) -> None:
    """Set a tensor wherever the old one was; parameters that were one stay one."""
    shared: nn.Parameter | None = None
    for module, key in places:
        if key in module._buffers:
            module._buffers[key] = new
            continue
        old = module._parameters[key]
        if shared is None:
            shared = nn.Parameter(new, old is None or old.requires_grad)
        module._parameters[key] = shared


def shares(copies: Ints, widen: Widening, seed: int = 0) -> NDArray[np.float64]:
    """Part of a weight that each copy of the channel it reads gets; the parts of a channel sum to 1.

    Returns
    -------
    ndarray of float64, axes (class, copy)
        1 for the original alone where new channels are not read, or read by random weights.
    """
    number = np.arange(max(int(copies.max(initial=1)), 1))
    if widen == "uneven":
        drawn = np.random.default_rng([seed, 11]).uniform(0.5, 1.5, (len(copies), len(number)))
        drawn[number >= copies[:, None]] = 0
        return np.asarray(drawn / np.maximum(drawn.sum(axis=1, keepdims=True), 0.5))
    if widen == "split":
        return np.repeat(1.0 / np.maximum(copies, 1)[:, None], len(number), axis=1)
    return np.repeat((number == 0).astype(np.float64)[None], len(copies), axis=0)


def _gathered(tensor: Tensor, axis: Axis, coupling: Coupling, copies: Ints, parts: NDArray[np.float64]) -> Tensor:
    classes = coupling.of(axis.labels)
    index, copy = arranged(classes, copies)
    result = _select(tensor, axis.dim, index, runs(classes)[1])
    if axis.role == "in" and (copies > 1).any():
        share = parts[classes[index], copy]
        if (share != 1).any():
            shape = [1] * tensor.ndim
            shape[axis.dim] = -1
            factors = torch.from_numpy(share).to(device=tensor.device, dtype=tensor.dtype)
            result = result * factors.reshape(shape)
    return result


def _select(tensor: Tensor, dim: int, index: Ints, sizes: Ints) -> Tensor:
    """Take entries along one dim; where channels are blocks of several entries (flattened maps), block by block."""
    block = math.gcd(*sizes.tolist()) if sizes.size else 1
    where = torch.from_numpy(index[::block] // block).to(tensor.device)
    if block == 1:
        return tensor.index_select(dim, where)
    shape = tensor.shape
    blocks = tensor.reshape(*shape[:dim], shape[dim] // block, block, *shape[dim + 1 :])
    return blocks.index_select(dim, where).reshape(*shape[:dim], -1, *shape[dim + 1 :])


def _randomised(
    tensor: Tensor,
    axes: list[Axis],
    coupling: Coupling,
    copies: Ints,
    widen: Widening,
    generator: torch.Generator,
) -> Tensor:
    """Replace what new channels make by random numbers of the size that the weights around have."""
    for axis in axes:
        _, copy = arranged(coupling.of(axis.labels), copies)
        added = torch.from_numpy(np.flatnonzero(copy > 0))
        if not len(added) or (axis.role == "in" and widen == "zero"):
            continue
        shape = list(tensor.shape)
        shape[axis.dim] = len(added)
        if axis.role in ("out", "depth", "in") and tensor.ndim > 1:
            kept = tensor.index_select(axis.dim, torch.from_numpy(np.flatnonzero(copy == 0)).to(tensor.device))
            scale = float(kept.float().std()) if kept.numel() > 1 else 0.0
            new = torch.randn(shape, generator=generator) * scale
        else:
            ones = axis.name.endswith(("running_var", "weight"))
            new = torch.full(shape, 1.0 if ones and axis.role in ("norm", "statistic") else 0.0)
            if axis.role == "scale":
                continue  # a slope or a scale goes on as that of the channel it stands beside
        tensor = tensor.index_copy(axis.dim, added.to(tensor.device), new.to(tensor.device, tensor.dtype))
    return tensor


def _count(net: nn.Module, coupling: Coupling, copies: Ints) -> None:
    """Set what modules say about their sizes."""
    for sizes in coupling.sizes:
        module = net.get_submodule(sizes.module)
        width = arranged(coupling.of(sizes.labels), copies)[0].size
        _COUNTERS[sizes.kind](module, width, sizes.unit)
    touched = {axis.name.rpartition(".")[0] for axis in coupling.axes.values()}
    for path, module in net.named_modules(remove_duplicate=False):
        if path in touched or isinstance(module, (_ConvNd, nn.Linear)):
            _read_sizes(module)


def _read_sizes(module: nn.Module) -> None:
    weight = getattr(module, "weight", None)
    if not isinstance(weight, Tensor):
        return
    if isinstance(module, _ConvTransposeNd):
        module.in_channels, module.out_channels = weight.shape[0], weight.shape[1] * module.groups
    elif isinstance(module, _ConvNd):
        module.out_channels, module.in_channels = weight.shape[0], weight.shape[1] * module.groups
    elif isinstance(module, nn.Linear):
        module.out_features, module.in_features = weight.shape


def _set_norm(module: nn.Module, width: int, unit: int) -> None:
    if isinstance(module, _NormBase):
        module.num_features = width


def _set_group_norm(module: nn.Module, width: int, unit: int) -> None:
    if isinstance(module, nn.GroupNorm):
        module.num_channels, module.num_groups = width, width // unit


def _set_layer_norm(module: nn.Module, width: int, unit: int) -> None:
    if isinstance(module, (nn.LayerNorm, getattr(nn, "RMSNorm", nn.LayerNorm))):
        module.normalized_shape = (width,)  # type: ignore[assignment]  # a tuple, as the class declares it


def _set_slopes(module: nn.Module, width: int, unit: int) -> None:
    if isinstance(module, nn.PReLU):
        module.num_parameters = width


def _set_groups(module: nn.Module, width: int, unit: int) -> None:
    if isinstance(module, _ConvNd):
        module.groups = width // unit


_COUNTERS: dict[str, Callable[[nn.Module, int, int], None]] = {
    "norm": _set_norm,
    "group_norm": _set_group_norm,
    "layer_norm": _set_layer_norm,
    "prelu": _set_slopes,
    "grouped": _set_groups,
}
