"""How much each class of channels matters: the rules by which narrowing chooses.

The score of a class is the sum over all its channels in the layers that make it (L1, L2), over its scales in norms, or
over weight times gradient. Sources: L1 and L2 norms of filters (Li et al. 2017), batch-norm scales (Liu et al. 2017),
first-order Taylor expansion (Molchanov et al. 2019).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from analysis.catalogue import nearest
from analysis.coupling.analysis import Anatomy
from analysis.coupling.grouping import PRODUCING, channel_labels
from analysis.coupling.labels import Axis
from analysis.problems import AnalysisError
from analysis.taps import taps

Scores = NDArray[np.float64]
PLAIN_RULES = ("l1", "l2", "bn_scale", "random")
"""Rules that need the network alone."""
DATA_RULES = ("taylor", "activation")
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
            _add(scores, found, axis, value(tensors[axis.name].detach().double()))
    return scores


def _add(scores: Scores, found: Anatomy, axis: Axis, values: Tensor) -> None:
    """Sum what belongs to each class."""
    others = [dim for dim in range(values.ndim) if dim != axis.dim]
    each = values.sum(others) if others else values
    np.add.at(scores, found.coupling.of(axis.labels), each.cpu().numpy())


def taylor(net: nn.Module, found: Anatomy, batches: Iterable[tuple[Tensor, Tensor]]) -> Scores:
    """Score the classes by how much the loss would change to first order if they went: |sum of weight times gradient|.

    Parameters
    ----------
    net, found
        The network, which gets no gradients, and its anatomy.
    batches
        (pictures, labels) pairs; the loss is the cross entropy of the outputs.
    """
    names = [axis.name for axis in found.coupling.axes.values() if axis.role in PRODUCING]
    tensors = {name: tensor for name, tensor in net.named_parameters() if name in names}
    parts = {name: tensor.detach().clone().requires_grad_() for name, tensor in tensors.items()}
    totals = {name: torch.zeros_like(tensor) for name, tensor in parts.items()}
    with torch.enable_grad():
        for pictures, labels in batches:
            output = torch.func.functional_call(net, parts, (pictures,))
            loss = F.cross_entropy(output.float(), labels)
            for name, gradient in zip(parts, torch.autograd.grad(loss, list(parts.values())), strict=True):
                totals[name] += gradient
    scores = np.zeros(len(found.coupling.locked))
    for axis in found.coupling.axes.values():
        if axis.role in PRODUCING and axis.name in parts:
            _add(scores, found, axis, (parts[axis.name].detach() * totals[axis.name]).double())
    return np.abs(scores)


def activation(net: nn.Module, found: Anatomy, pictures: Iterable[Tensor]) -> Scores:
    """Score the classes by the mean square of what activations make of them, or layers where nothing follows."""
    coupling = found.coupling
    rows = {point.name: channel_labels(coupling.arrays, point.value) for point in coupling.points}
    kinds = {point.name: point.kind for point in coupling.points}
    wanted = {name: labels for name, labels in rows.items() if labels is not None and kinds[name] in _READ}
    dims = {point.name: coupling.arrays[point.value] for point in coupling.points if point.name in wanted}
    energy: dict[str, NDArray[np.float64]] = {}
    count = 0

    def take(name: str, tensor: Tensor) -> None:
        array = dims[name]
        assert array is not None  # these have labels
        dim = next(d for d, size in enumerate(array.shape) if size > 1)
        others = [d for d in range(tensor.ndim) if d != dim]
        squares = tensor.detach().double().square()
        each = (squares.mean(others) if others else squares) * tensor.shape[0]
        energy[name] = energy.get(name, np.zeros(array.size)) + each.cpu().numpy()

    with torch.no_grad(), taps(net, coupling.recording, wanted, take):
        for batch in pictures:
            net(batch)
            count += len(batch)
    return _by_class(found, wanted, kinds, {name: total / max(count, 1) for name, total in energy.items()})


_READ = ("conv", "linear", "activation")


def _by_class(
    found: Anatomy,
    rows: Mapping[str, NDArray[np.int64]],
    kinds: Mapping[str, str],
    energy: Mapping[str, NDArray[np.float64]],
) -> Scores:
    size = len(found.coupling.locked)
    sums = {True: np.zeros(size), False: np.zeros(size)}
    for name, labels in rows.items():
        if name in energy:
            np.add.at(sums[kinds[name] == "activation"], found.coupling.of(labels), energy[name])
    return np.where(sums[True] > 0, sums[True], sums[False] * 1e-9)
