"""How much each class of channels matters: the rules by which narrowing chooses.

The score of a class is the sum over all its channels in the layers that make it (L1, L2), or over its scales in norms.
Rules that look at pictures are in :mod:`analysis.surgery.observing`. Sources: L1 and L2 norms of filters (Li et al.
2017), batch-norm scales (Liu et al. 2017).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from analysis.catalogue import nearest
from analysis.coupling.analysis import Anatomy
from analysis.coupling.grouping import PRODUCING
from analysis.coupling.labels import Axis
from analysis.problems import AnalysisError

Scores = NDArray[np.float64]
PLAIN_RULES = ("l1", "l2", "bn_scale", "random")
"""Rules that need the network alone."""
DATA_RULES = ("taylor", "activation", "activation_rank")
"""Rules that need pictures; Taylor needs labels as well."""
RULES = (*PLAIN_RULES, *DATA_RULES)


def importance(net: nn.Module, found: Anatomy, rule: str = "l1", seed: int = 0) -> Scores:
    """Score the classes by the network alone.

    Parameters
    ----------
    net, found
        The network and its anatomy.
    rule
        One of :data:`PLAIN_RULES`. Where a class has no norm, "bn_scale" falls back on L1.
    seed
        For "random".

    Returns
    -------
    Scores
        (classes,) float64.

    Raises
    ------
    AnalysisError
        If there is no such rule, or it needs pictures.
    """
    if rule == "random":
        return np.random.default_rng(seed).random(len(found.coupling.locked))
    if rule == "l1":
        return _over_weights(net, found, Tensor.abs, PRODUCING)
    if rule == "l2":
        return np.sqrt(_over_weights(net, found, Tensor.square, PRODUCING))
    if rule == "bn_scale":
        scores = _over_weights(net, found, Tensor.abs, ("norm",), only="weight")
        met = _over_weights(net, found, torch.ones_like, ("norm",), only="weight") > 0
        return np.where(met, scores, importance(net, found, "l1"))
    if rule in DATA_RULES:
        raise AnalysisError(f"The rule {rule} needs pictures.", "Name some with --images.", "needs_images")
    raise AnalysisError(f"'{rule}' is no rule for choosing channels.", nearest(rule, RULES), "unknown_rule")


def _over_weights(
    net: nn.Module, found: Anatomy, value: Callable[[Tensor], Tensor], roles: tuple[str, ...], only: str = ""
) -> Scores:
    tensors = dict((*net.named_parameters(), *net.named_buffers()))
    scores = np.zeros(len(found.coupling.locked))
    for axis in found.coupling.axes.values():
        if axis.role in roles and axis.name in tensors and axis.name.endswith(only):
            add_by_class(scores, found, axis, value(tensors[axis.name].detach().double()))
    return scores


def add_by_class(scores: Scores, found: Anatomy, axis: Axis, values: Tensor) -> None:
    """Sum what belongs to each class."""
    others = [dim for dim in range(values.ndim) if dim != axis.dim]
    each = values.sum(others) if others else values
    np.add.at(scores, found.coupling.of(axis.labels), each.cpu().numpy())
