"""Everything about the widths of a network in one call."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import nn

from analysis.coupling.couple import Coupling, couple
from analysis.coupling.describing import describe, stored_labels
from analysis.coupling.forwards import Unreadable
from analysis.coupling.grouping import Grouping, group
from analysis.coupling.labels import Reason
from analysis.coupling.movers import Correction, corrections
from analysis.coupling.rewriting import by_module, readable
from analysis.measures.widths.description import WidthGroups

TRIALS = 2
"""How often edits are tried on the labels, each time with other numbers of copies; once where nothing moves them."""


@dataclass(frozen=True, slots=True)
class Anatomy:
    """The widths of a network: the classes to edit with, and the description for everyone else.

    Attributes
    ----------
    coupling, grouping
        Classes, and how they are sorted.
    groups
        The description.
    """

    coupling: Coupling
    grouping: Grouping
    groups: WidthGroups


def anatomy(net: nn.Module, input_shape: tuple[int, ...], model: str = "", *, whole: bool = False) -> Anatomy:
    """Find the coupled width groups of a network, which is not changed.

    Parameters
    ----------
    net
        Any network of torch modules.
    input_shape
        (channels, height, width) of a picture.
    model
        Its name, for the description.
    whole
        See :func:`analysis.coupling.couple.couple`.

    Raises
    ------
    AnalysisError
        If the network does not run on such a picture.

    Examples
    --------
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3))
    >>> [(group.name, group.width, group.locked) for group in anatomy(net, (3, 8, 8)).groups.groups]
    [('0', 8, False), ('2', 4, True)]
    """
    coupling = couple(net, input_shape, whole=whole)
    _lock_unreadable(coupling, net)
    return sorted_out(coupling, net, model)


def sorted_out(coupling: Coupling, net: nn.Module, model: str) -> Anatomy:
    """Sort the classes of a network into groups, and describe them."""
    grouping = group(coupling, stored_labels(coupling))
    return Anatomy(coupling, grouping, describe(coupling, grouping, net, model))


def _lock_unreadable(coupling: Coupling, net: nn.Module) -> None:
    """Try edits on the labels alone; lock what reaches an operation that would need rewriting and cannot have it."""
    checked: dict[str, str] = {}
    for seed in range(TRIALS if coupling.movements or coupling.pads else 1):
        for _ in range(len(coupling.locked) + 1):
            copies = np.random.default_rng(seed).integers(1, 4, len(coupling.locked)).astype(np.int64)
            copies[coupling.locked] = 1
            wrong = list(corrections(coupling, copies))
            if not _lock_first_wrong(coupling, net, wrong, checked):
                break


def _lock_first_wrong(coupling: Coupling, net: nn.Module, wrong: list[Correction], checked: dict[str, str]) -> bool:
    locked = False
    for path, calls in by_module(coupling, wrong).items():
        several = [correction for call in calls for correction in call]
        problem = _problem(net, coupling, path, several, checked)
        for correction in several:
            if problem:
                locked |= _lock(coupling, correction, problem)
    return locked


def _problem(net: nn.Module, coupling: Coupling, path: str, wrong: list[Correction], checked: dict[str, str]) -> str:
    try:
        if all(correction.kind for correction in wrong) and path in checked:
            return checked[path]
        readable(net, coupling, path, wrong)
        checked[path] = ""
    except Unreadable as error:
        if all(correction.kind for correction in wrong):
            checked[path] = str(error)
        return str(error) or "unreadable"
    return ""


def _lock(coupling: Coupling, correction: Correction, problem: str) -> bool:
    op = coupling.seen.ops[correction.op]
    reason = Reason(op.name, coupling.seen.label(op.call), "a size is written into the forward pass")
    before = int(coupling.locked.sum())
    for value in (*op.inputs, *op.outputs):
        labels = coupling.arrays.get(value)
        if labels is not None:
            coupling.lock(np.unique(coupling.of(labels)), reason)
    return int(coupling.locked.sum()) > before
