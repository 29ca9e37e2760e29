"""Latent vectors on coupled channels: the gate form of LW-DNA's hypernetwork, and the gradients of one mini-batch.

The weight of a convolution is ``z_out[i] z_in[j] V[i, j]`` with one latent element per class of channels, so that tied
channels share it. With zero biases this equals the hypernetwork of DHP (Li et al., ECCV 2020) in weights and in dL/dz.
Ours: latents of classes that cannot change (the picture) are drawn too and never removed; a grouped convolution keeps
its number of groups when it is widened, and its groups get wider, unless whole groups are asked for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.conv import _ConvNd

from analysis.coupling.analysis import Anatomy
from analysis.outcomes import scores_of
from analysis.surgery.dissecting import dissect, evaluated
from analysis.surgery.editing import edit

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Gate:
    """How a convolution's weight is made.

    Attributes
    ----------
    name
        Of the weight.
    classes
        For each dim (out, in) the class of every channel, or None where it has a latent of its own (depthwise).
    core
        V, of the weight's shape.
    own
        Place of its own latent in `Widened.scalars`, -1 for none.
    """

    name: str
    classes: tuple[Integers | None, Integers | None]
    core: Tensor
    own: int


@dataclass(slots=True, eq=False)
class Widened:
    """A fresh wide network with latents.

    Attributes
    ----------
    net, anatomy
        The network in training mode, and its anatomy.
    gates
        One for each convolution.
    latents
        (classes,) z.
    scalars
        (depthwise convolutions,) their own latents.
    """

    net: nn.Module
    anatomy: Anatomy
    gates: tuple[Gate, ...]
    latents: Tensor
    scalars: Tensor

    def weights(self, latents: Tensor, scalars: Tensor) -> dict[str, Tensor]:
        """Weights of all convolutions for given latents."""
        return {gate.name: generated(gate, latents, scalars) for gate in self.gates}

    def forward(self, pixels: Tensor, latents: Tensor | None = None) -> Tensor:
        """Class scores with the generated weights, axes (picture, class)."""
        weights = self.weights(self.latents if latents is None else latents, self.scalars)
        return scores_of(torch.func.functional_call(self.net, weights, (pixels,)), len(pixels))

    def gradients(self, pixels: Tensor, labels: Tensor, seed: int) -> Floats:
        """Gradient of the cross entropy by every latent element, axes (classes,); nothing is trained.

        Statistics of batch norm in the wide network are updated, as in any training pass; they are not used.
        """
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.manual_seed(seed)  # dropout
            latents = self.latents.detach().clone().requires_grad_()
            weights = self.weights(latents, self.scalars)
            output = scores_of(torch.func.functional_call(self.net, weights, (pixels,)), len(pixels))
            loss = functional.cross_entropy(output, labels)
            (found,) = torch.autograd.grad(loss, [latents])
        return np.asarray(found.detach().double().cpu().numpy())


def generated(gate: Gate, latents: Tensor, scalars: Tensor) -> Tensor:
    """Weight of a convolution."""
    weight = gate.core
    for dim, classes in enumerate(gate.classes):
        if classes is not None:
            shape = [1] * weight.ndim
            shape[dim] = -1
            weight = latents[torch.from_numpy(classes).to(latents.device)].reshape(shape) * weight
    return weight * scalars[gate.own] if gate.own >= 0 else weight


def with_convolutions(found: Anatomy, net: nn.Module) -> frozenset[int]:
    """Free variables some of whose channels a convolution makes: those that get latents.

    Auxiliary heads, which only training reaches, are none of them: the loss does not read what they put out.
    """
    weights = {f"{path}.weight" for path, module in net.named_modules() if isinstance(module, _ConvNd)}
    result: set[int] = set()
    for axis in found.coupling.axes.values():
        if axis.name in weights and axis.role == "out":
            classes = found.coupling.of(axis.labels)
            result |= set(found.grouping.variable[classes].tolist())
    return frozenset(result) & evaluated(found)


def auxiliary(found: Anatomy) -> tuple[str, ...]:
    """Free groups that the network does not use when it classifies."""
    there = evaluated(found)
    return tuple(group.name for group in found.groups.free if there.isdisjoint(group.variables))


def widen(
    net: nn.Module, found: Anatomy, beta: float, seed: int, embedding: int = 8, *, whole: bool = False
) -> Widened:
    """Make a fresh network with every hidden width of a convolution times `beta`, and draw its latents.

    Parameters
    ----------
    net, found
        The network, which stays as it is, and its anatomy.
    beta
        Width multiplier of at least 1.
    seed
        For weights and latents.
    embedding
        Size of the hypernetwork's embedding, which sets the law of V; 0 for a normal law of the same variance.
    whole
        Grouped convolutions lose and gain whole groups, as `found` says.
    """
    copies = np.ones(len(found.coupling.locked), dtype=np.int64)
    for variable in with_convolutions(found, net):
        classes = np.flatnonzero(found.grouping.variable == variable)
        base, rest = divmod(math.floor(beta * classes.size + 0.5), classes.size)
        copies[classes] = base
        copies[classes[:rest]] += 1
    home = next((parameter.device for parameter in net.parameters()), torch.device("cpu"))
    wide = edit(net, found, copies, "zero", seed).cpu()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        _reset(wide)
    wide.to(home).train()
    for parameter in wide.parameters():
        parameter.requires_grad_(False)
    anatomy = dissect(wide, found.groups.input_shape, found.groups.model, whole=whole)
    return _with_latents(wide, anatomy, seed, embedding)


def _reset(net: nn.Module) -> None:
    """Draw all weights anew, as their modules do when they are made."""
    for module in net.modules():
        reset = getattr(module, "reset_parameters", None)
        if callable(reset):
            reset()


def _with_latents(wide: nn.Module, anatomy: Anatomy, seed: int, embedding: int) -> Widened:
    random = torch.Generator().manual_seed(seed + 1)
    axes: dict[str, dict[int, Integers]] = {}
    for axis in anatomy.coupling.axes.values():
        if axis.role in ("out", "in", "depth"):
            axes.setdefault(axis.name, {})[axis.dim] = anatomy.coupling.of(axis.labels)
    gates: list[Gate] = []
    own = 0
    for path, module in wide.named_modules():
        if isinstance(module, _ConvNd):
            weight = module.weight
            known = axes.get(f"{path}.weight", {})
            gates.append(
                Gate(
                    f"{path}.weight",
                    (known.get(0), known.get(1)),
                    core_of(weight, weight.numel() // module.out_channels, embedding, random),
                    own if known.get(1) is None else -1,
                )
            )
            own += known.get(1) is None
    like = gates[0].core if gates else torch.zeros(())
    drawn = torch.randn(len(anatomy.coupling.locked), generator=random, dtype=torch.float64)
    scalars = torch.randn(max(own, 1), generator=random, dtype=torch.float64)
    return Widened(wide, anatomy, tuple(gates), drawn.to(like), scalars.to(like))


def core_of(weight: Tensor, fan_in: int, embedding: int, random: torch.Generator) -> Tensor:
    """Draw V with variance 1/fan_in: W2 @ w1 of the hypernetwork, embedding by embedding, or a normal law for 0."""
    shape = weight.shape
    kind = weight.dtype if weight.dtype in (torch.float32, torch.float64) else torch.float32
    if not embedding:
        return (torch.randn(shape, generator=random, dtype=kind) / math.sqrt(fan_in)).to(weight)
    core = torch.zeros(shape, dtype=kind)
    for _ in range(embedding):
        inner = torch.rand((*shape[:2], *[1] * (len(shape) - 2)), generator=random, dtype=kind).mul_(2).sub_(1)
        core.addcmul_(torch.rand(shape, generator=random, dtype=kind).mul_(2).sub_(1), inner)
    # w1 is uniform within sqrt(3), W2 within sqrt(3 / (embedding * fan_in))
    return core.mul_(3 / math.sqrt(embedding * fan_in)).to(weight)


def reads_classifier(anatomy: Anatomy, net: nn.Module) -> frozenset[int]:
    """Latents that feed the classifier: what its first layer reads, found from the output of the network backwards.

    The classifier is whatever makes the output, linear or a convolution, and the hidden linear layers before it.
    """
    coupling = anatomy.coupling
    kinds = (nn.Linear, _ConvNd)
    weights = {f"{path}.weight" for path, module in net.named_modules() if isinstance(module, kinds)}
    made, read = dict[str, Integers](), dict[str, Integers]()
    for axis in coupling.axes.values():
        if axis.name in weights and axis.role in ("out", "in"):
            (made if axis.role == "out" else read)[axis.name] = np.unique(coupling.of(axis.labels))
    shown = [coupling.arrays.get(value) for value in coupling.seen.outputs]
    wanted = {number for labels in shown if labels is not None for number in coupling.of(labels).ravel().tolist()}
    latents = with_convolutions(anatomy, net)
    for _ in made:
        entering = [read[name] for name, classes in made.items() if name in read and not wanted.isdisjoint(classes)]
        wanted = {number for classes in entering for number in classes.tolist()}
        feeding = latents & set(anatomy.grouping.variable[np.array(sorted(wanted), dtype=np.int64)].tolist())
        if feeding:
            return feeding
    return frozenset()


def read_by_convolutions(anatomy: Anatomy, net: nn.Module) -> frozenset[int]:
    """Variables that a convolution reads; the gradient of others is an artefact where batch norm follows them."""
    weights = {f"{path}.weight" for path, module in net.named_modules() if isinstance(module, _ConvNd)}
    result: set[int] = set()
    for axis in anatomy.coupling.axes.values():
        if axis.name in weights and axis.role == "in":
            result |= set(anatomy.grouping.variable[anatomy.coupling.of(axis.labels)].tolist())
    return frozenset(result - {-1})


def sliced(wide: Widened, masks: Mapping[int, NDArray[np.bool_]]) -> nn.Module:
    """Narrow the wide network, with its generated weights, to what masks keep.

    Parameters
    ----------
    wide
        The wide network.
    masks
        For each variable what is kept of its classes.
    """
    anatomy = wide.anatomy
    copies = np.ones(len(anatomy.coupling.locked), dtype=np.int64)
    for variable, mask in masks.items():
        copies[np.flatnonzero(anatomy.grouping.variable == variable)] = mask
    tensors = dict(wide.net.named_parameters())
    before = {name: tensors[name].detach().clone() for name in (gate.name for gate in wide.gates)}
    with torch.no_grad():
        for name, weight in wide.weights(wide.latents, wide.scalars).items():
            tensors[name].copy_(weight)
        try:
            return edit(wide.net, anatomy, copies)
        finally:
            for name, weight in before.items():
                tensors[name].copy_(weight)
