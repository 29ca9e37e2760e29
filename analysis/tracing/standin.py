"""Something to run instead of a network, so that looking at it changes nothing of it."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook

from analysis.tracing.calls import tensors_in


class CannotCopyError(Exception):
    """A network holds something that Python cannot copy."""


def empty_copy(net: nn.Module) -> tuple[nn.Module, dict[int, Any]]:
    """Copy a network without its numbers, onto the meta device.

    Returns
    -------
    tuple
        The copy in eval mode, and its tensors by the identity number of the originals. Tied tensors stay tied, also
        those that are two objects over the same memory.
    """
    twins: dict[Hashable, Tensor] = {}
    memo: dict[int, Any] = {}
    for tensor in _tensors_of(net):
        memo[id(tensor)] = twins.setdefault(storage_key(tensor), _meta_twin(tensor))
    return _copy(net, memo), memo


def full_copy(net: nn.Module) -> tuple[nn.Module, dict[int, Any]]:
    """Copy a network. Returns as :func:`empty_copy`.

    The weights are copied too: a forward may write to them, as those of binary networks do.
    """
    # Python cannot copy tensors with a history. They are shared: a forward replaces them, it does not change them.
    memo: dict[int, Any] = {id(tensor): tensor for tensor in _tensors_of(net) if not tensor.is_leaf}
    return _copy(net, memo), memo


@contextmanager
def as_it_was(net: nn.Module) -> Iterator[None]:
    """Put a network into eval mode, and every attribute of its modules back afterwards.

    The flags are set one by one, because a `train` method may do more than that: adapters merge their weights in it.
    """
    before = [(module, _shallow(module)) for module in net.modules()]
    try:
        for module, _ in before:
            module.training = False
        yield
    finally:
        for module, attributes in before:
            vars(module).clear()
            vars(module).update(attributes)


@contextmanager
def without(net: nn.Module) -> Iterator[None]:
    """Refuse calls of modules of `net` in this block: the forward of a copy may still be bound to the original's."""
    originals = {id(module) for module in net.modules()}

    def check(module: nn.Module, args: Any) -> None:
        if id(module) in originals:
            raise CannotCopyError("its forward is bound to the original")

    hook = register_module_forward_pre_hook(check)
    try:
        yield
    finally:
        hook.remove()


def _copy(net: nn.Module, memo: dict[int, Any]) -> nn.Module:
    for module in net.modules():
        for item in vars(module).values():
            # Every module has a dozen empty tables of hooks, which Python would take most of its time to copy.
            if type(item) in _TABLES and not item:
                memo.setdefault(id(item), type(item)())
    try:
        twin = copy.deepcopy(net, memo)
    except Exception as error:  # anything that the user keeps in a module: files, locks, generators
        raise CannotCopyError(str(error)) from error
    for module in twin.modules():
        module.training = False
    return twin


_TABLES = (OrderedDict, dict)


def _shallow(module: nn.Module) -> dict[str, Any]:
    tables = ("_parameters", "_buffers", "_modules")
    return {name: copy.copy(item) if name in tables else item for name, item in vars(module).items()}


def _tensors_of(net: nn.Module) -> list[Tensor]:
    return [tensor for module in net.modules() for tensor in tensors_in(vars(module))]


def _meta_twin(tensor: Tensor) -> Tensor:
    twin = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")
    return nn.Parameter(twin, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else twin


def storage_key(tensor: Tensor) -> tuple[Hashable, ...]:
    """Return what two tensors have in common if they are one and the same memory, read in the same way."""
    try:
        place: Hashable = tensor.untyped_storage()._cdata
    except (RuntimeError, NotImplementedError):  # sparse and other tensors without a storage of their own
        place = id(tensor)
    return place, tensor.storage_offset(), tuple(tensor.shape), tensor.stride()
