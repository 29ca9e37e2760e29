"""How much each class of channels matters on pictures: scores that grow batch by batch.

Sources: first-order Taylor expansion of the loss (Molchanov et al. 2019); average rank of the maps of a channel (Lin et
al., "HRank", 2020). The energy of activations is their mean square.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from analysis.coupling.analysis import Anatomy
from analysis.coupling.grouping import PRODUCING, channel_labels
from analysis.problems import AnalysisError
from analysis.surgery.importance import Scores, add_by_class
from analysis.taps import taps

MOST_RANKED = 32
"""Pictures of which maps are decomposed; the average rank hardly depends on how many (Lin et al. 2020)."""


class Observer(Protocol):
    """A rule that looks at pictures."""

    def update(self, pixels: Tensor, labels: Tensor | None) -> None:
        """Take in a batch."""
        ...

    def scores(self) -> Scores:
        """(classes,) float64, of all pictures so far."""
        ...


def observer(net: nn.Module, found: Anatomy, rule: str) -> Observer:
    """Begin to score the classes by a rule out of :data:`analysis.surgery.importance.DATA_RULES`."""
    if rule == "taylor":
        return Taylor(net, found)
    return Activity(net, found, by_rank=rule == "activation_rank")


def observed(net: nn.Module, found: Anatomy, rule: str, batches: Iterable[tuple[Tensor, Tensor | None]]) -> Scores:
    """Score the classes on all of some (pictures, labels) pairs."""
    watching = observer(net, found, rule)
    for pixels, labels in batches:
        watching.update(pixels, labels)
    return watching.scores()


class Taylor:
    """How much the loss would change to first order if a class went: |sum of weight times gradient|.

    Parameters
    ----------
    net, found
        The network, which gets no gradients, and its anatomy. The loss is the cross entropy of the outputs.
    """

    def __init__(self, net: nn.Module, found: Anatomy) -> None:
        self.net, self.found = net, found
        self._axes = [axis for axis in found.coupling.axes.values() if axis.role in PRODUCING]
        names = {axis.name for axis in self._axes}
        kept = {name: tensor for name, tensor in net.named_parameters() if name in names}
        self._parts = {name: tensor.detach().clone().requires_grad_() for name, tensor in kept.items()}
        self._totals = {name: torch.zeros_like(tensor) for name, tensor in self._parts.items()}

    def update(self, pixels: Tensor, labels: Tensor | None) -> None:
        """Add the gradients of a batch.

        Raises
        ------
        AnalysisError
            If there are no labels.
        """
        if labels is None:
            text = "The rule taylor needs labels."
            raise AnalysisError(text, "Choose the rule activation, or labelled pictures.", "needs_labels")
        with torch.enable_grad():
            output = torch.func.functional_call(self.net, self._parts, (pixels,))
            loss = F.cross_entropy(output.float(), labels)
            gradients = torch.autograd.grad(loss, list(self._parts.values()))
        for name, gradient in zip(self._parts, gradients, strict=True):
            self._totals[name] += gradient

    def scores(self) -> Scores:
        """(classes,) float64."""
        scores = np.zeros(len(self.found.coupling.locked))
        for axis in self._axes:
            if axis.name in self._parts:
                products = self._parts[axis.name].detach() * self._totals[axis.name]
                add_by_class(scores, self.found, axis, products.double())
        return np.abs(scores)


class Activity:
    """Energy, or average rank, of what activations make of a class, or layers where nothing follows.

    Parameters
    ----------
    net, found
        The network and its anatomy.
    by_rank
        False: mean square. True: average over pictures of the rank of the map, height by width; equal ranks are told
        apart by their energy.
    """

    def __init__(self, net: nn.Module, found: Anatomy, by_rank: bool = False) -> None:
        self.net, self.found, self.by_rank = net, found, by_rank
        coupling = found.coupling
        rows = {point.name: channel_labels(coupling.arrays, point.value) for point in coupling.points}
        self._kinds = {point.name: point.kind for point in coupling.points}
        self._rows = {
            name: labels for name, labels in rows.items() if labels is not None and self._kinds[name] in _READ
        }
        arrays = {point.name: coupling.arrays[point.value] for point in coupling.points if point.name in self._rows}
        self._dims = {name: _dim_of(array.shape) for name, array in arrays.items() if array is not None}
        self._energy: dict[str, NDArray[np.float64]] = {}
        self._rank: dict[str, NDArray[np.float64]] = {}
        self._seen = self._ranked = 0

    def update(self, pixels: Tensor, labels: Tensor | None = None) -> None:
        """Take in a batch; labels are not looked at."""
        ranked = min(len(pixels), MOST_RANKED - self._ranked) if self.by_rank else 0

        def take(name: str, tensor: Tensor) -> None:
            dim, size = self._dims[name], len(self._rows[name])
            _add(self._energy, name, _energies(tensor.detach(), dim), size)
            if ranked:
                _add(self._rank, name, _ranks(tensor.detach()[:ranked], dim), size)

        with torch.no_grad(), taps(self.net, self.found.coupling.recording, self._rows, take):
            self.net(pixels)
        self._seen += len(pixels)
        self._ranked += ranked

    def scores(self) -> Scores:
        """(classes,) float64."""
        energy = self._by_class(self._energy, max(self._seen, 1))
        if not self.by_rank:
            return energy
        return self._by_class(self._rank, max(self._ranked, 1)) + 1e-6 * energy / max(
            float(energy.max(initial=0)), 1e-300
        )

    def _by_class(self, sums: Mapping[str, NDArray[np.float64]], count: int) -> Scores:
        """Sum over the rows of each class: of activations, or of layers where no activation follows."""
        size = len(self.found.coupling.locked)
        by_kind = {True: np.zeros(size), False: np.zeros(size)}
        for name, labels in self._rows.items():
            if name in sums:
                target = by_kind[self._kinds[name] == "activation"]
                np.add.at(target, self.found.coupling.of(labels), sums[name] / count)
        return np.where(by_kind[True] > 0, by_kind[True], by_kind[False] * 1e-9)


_READ = ("conv", "linear", "activation")


def _dim_of(shape: tuple[int, ...]) -> int:
    """Dim along which channels lie."""
    return next((dim for dim, size in enumerate(shape) if size > 1), min(1, len(shape) - 1))


def _add(sums: dict[str, NDArray[np.float64]], name: str, values: Tensor, size: int) -> None:
    sums[name] = sums.get(name, np.zeros(size)) + values.cpu().numpy()


def _energies(tensor: Tensor, dim: int) -> Tensor:
    """Mean square over positions, summed over pictures, axes (channel,)."""
    others = [d for d in range(tensor.ndim) if d != dim]
    squares = tensor.double().square()
    return (squares.mean(others) if others else squares) * tensor.shape[0]


def _ranks(tensor: Tensor, dim: int) -> Tensor:
    """Ranks of the maps, summed over pictures, axes (channel,). What is no map has rank 1, or 0 where all is zero."""
    maps = tensor.movedim(dim, 1).float() if dim else tensor[None].float()
    if maps.ndim != 4:
        maps = maps.reshape(*maps.shape[:2], 1, -1)
    ranks: Tensor = torch.linalg.matrix_rank(maps)
    return ranks.double().sum(0)
