"""What an edited network differs in from the one it was made from: sizes, forwards, what is gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from analysis.blocks.removal import Shortcut

ATTRIBUTES = (
    *("in_channels", "out_channels", "groups", "in_features", "out_features", "num_features", "num_channels"),
    *("num_groups", "num_parameters", "normalized_shape", "inplace"),
)
"""What edits set on modules beside tensors."""


class Unwritable(Exception):
    """Why no Python file can say what a network is: the rest of a sentence."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Everything that must be done to the original.

    Attributes
    ----------
    changed
        Module path to (name, value) pairs: attributes, and shapes of parameters and buffers.
    forwards
        Paths of modules whose forward is another one.
    gone
        Paths of modules, parameters and buffers that are no longer there.
    """

    changed: Mapping[str, Mapping[str, Any]]
    forwards: tuple[str, ...]
    gone: tuple[str, ...]


def compare(original: nn.Module, edited: nn.Module) -> Difference:
    """Compare two networks module by module.

    Raises
    ------
    Unwritable
        If the edited one has a module that the original does not have, or that computes otherwise in an unknown way.
    """
    before = dict(original.named_modules(remove_duplicate=False))
    after = dict(edited.named_modules(remove_duplicate=False))
    forwards = []
    for path, module in after.items():
        kind = type(module)
        if path not in before:
            raise Unwritable(f"the edited network has a module {path} that the original does not have")
        if hasattr(kind, "forward_code") or kind is Shortcut:
            forwards.append(path)
        elif kind.__qualname__ != type(before[path]).__qualname__ and kind is not nn.Module:
            raise Unwritable(f"{path or 'the network'} is a {kind.__name__}, but was a {type(before[path]).__name__}")
    unique = edited.named_modules()  # a module that is called at two places is changed once
    found = {path: dict(_changes(before[path], module)) for path, module in unique}
    changed = {path: values for path, values in found.items() if values}
    return Difference(changed, tuple(forwards), tuple(_gone(before, after)))


def _changes(before: nn.Module, after: nn.Module) -> Iterator[tuple[str, Any]]:
    for name in ATTRIBUTES:
        old, new = getattr(before, name, None), getattr(after, name, None)
        if old != new and name in vars(before) and name in vars(after):
            yield name, new
    for name, new in _tensors(after).items():
        held = _tensors(before).get(name)
        if held is None or held.shape != new.shape:
            yield name, tuple(new.shape)


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    tables = (module._parameters, module._buffers)
    return {name: tensor for table in tables for name, tensor in table.items() if tensor is not None}


def _gone(before: Mapping[str, nn.Module], after: Mapping[str, nn.Module]) -> Iterator[str]:
    """Find what is no longer there, outermost first; what is inside of it is not named."""
    for path, module in before.items():
        if path not in after:
            if path.rpartition(".")[0] in after:
                yield path
            continue
        for name in _tensors(module):
            if name not in _tensors(after[path]):
                yield f"{path}.{name}".lstrip(".")
