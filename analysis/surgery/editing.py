"""The edited network: a copy with new weights, new sizes, and new forwards where these held widths as numbers."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import nn

from analysis.coupling.analysis import Anatomy
from analysis.coupling.forwards import Unreadable
from analysis.coupling.layout import Ints
from analysis.coupling.movers import corrections
from analysis.coupling.rewriting import by_module, rewrite
from analysis.problems import AnalysisError
from analysis.surgery.gathering import gather
from analysis.tracing.standin import storage_key

WIDENINGS = ("split", "uneven", "zero", "fresh")


def edit(
    net: nn.Module, found: Anatomy, copies: Ints, widen: str = "split", seed: int = 0, *, spare: bool = False
) -> nn.Module:
    """Change the widths of a network: narrow, widen, or both at once.

    Parameters
    ----------
    net
        The network that `found` was read off. It stays as it is.
    found
        Its anatomy.
    copies
        (classes,) int64: 0 drops a class of channels, 1 keeps it, n makes n of it.
    widen, seed
        How channels are added, see :func:`analysis.surgery.gathering.gather`.
    spare
        Nobody needs the network any more: it is changed itself.

    Returns
    -------
    nn.Module
        A network of its own. Modules with a new forward keep their class name and have the code in
        ``type(module).forward_code``, and what its global names mean in ``type(module).forward_names``.

    Raises
    ------
    AnalysisError
        If the numbers are no edit of this network, or it cannot be copied.
    """
    _check(found, copies, widen)
    try:
        twin = net if spare else _copied(net)
    except Exception as error:  # anything that the user keeps in a module: files, locks, computed tensors
        raise AnalysisError("The network cannot be copied.", f"It says: {error}.", "copy") from error
    coupling = found.coupling
    for path, calls in by_module(coupling, corrections(coupling, copies)).items():
        try:
            rewrite(twin, coupling, path, calls)
        except Unreadable as error:
            text = f"The forward pass of {path or 'the network'} holds sizes that cannot be rewritten: {error}."
            raise AnalysisError(text, "Choose other channels, or change fewer groups.", "forward") from error
    gather(twin, coupling, copies, widen, seed)
    return twin


def _copied(net: nn.Module) -> nn.Module:
    """Copy a network; tensors that are two objects over one memory stay tied, which Python's own copy parts."""
    kept = [item for module in net.modules() for item in vars(module).values() if isinstance(item, _SHARED)]
    twin = copy.deepcopy(net, {id(item): item for item in kept})
    tensors = dict((*twin.named_parameters(), *twin.named_buffers()))
    first: dict[object, str] = {}
    for name, tensor in (*net.named_parameters(), *net.named_buffers()):
        other = first.setdefault(storage_key(tensor), name)
        if other != name:
            tensors[name].data = tensors[other].data
    return twin


_SHARED = (torch.jit.ScriptFunction,)
"""What cannot be copied and need not be."""


def _check(found: Anatomy, copies: Ints, widen: str) -> None:
    locked = found.coupling.locked
    if widen not in WIDENINGS:
        raise AnalysisError(f"'{widen}' is no way to widen.", f"Choose from {', '.join(WIDENINGS)}.")
    if copies.shape != locked.shape or (copies < 0).any():
        raise AnalysisError("These channel choices belong to another network.", "Choose the channels anew.", "copies")
    if (copies[locked] != 1).any():
        raise AnalysisError("A locked channel would change.", "Choose the channels anew.", "locked")
    for axis in found.coupling.axes.values():
        if axis.role in ("out", "in", "depth") and not copies[found.coupling.of(axis.labels)].any():
            raise AnalysisError(f"{axis.layer} would have no channel left.", "Keep at least one.", "empty")


def rewritten_modules(net: nn.Module) -> frozenset[str]:
    """Paths of the modules that have a new forward."""
    return frozenset(path for path, module in net.named_modules() if hasattr(type(module), "forward_code"))


def whole(found: Anatomy) -> Ints:
    """Keep everything: one copy of every class."""
    return np.ones(len(found.coupling.locked), dtype=np.int64)
