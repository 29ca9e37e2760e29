"""A network whose weights are made from rings, as an ordinary module; and the plain network it amounts to.

The kernels are made once per forward pass, by a hook on the network itself: its code, its module paths and its class
stay what they were. Outside a forward pass a shared layer's `weight` is None. Training needs nothing special: the
gradient of an entry is the signed, scaled sum over its uses.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from analysis.loading.shared_weights import KEY, StoredRing, description, read_description, roomy, write_kernels
from analysis.measures import ring_projection, rings
from analysis.measures.ring_fits import Freedom
from analysis.measures.ring_fits import freedom as count_freedom
from analysis.measures.rings import Bank, Floats, Places, Signs
from analysis.problems import AnalysisError

SIGMA = float(np.sqrt(2 / (512 * 9)))
"""Standard deviation of a fresh ring: that of a 3x3 convolution with 512 outputs, as in the released code."""

STARTS = ("random", "project")

Spots = tuple[tuple[tuple[str, str], ...], ...]
Drawn = tuple[Places, Signs]


class RingBank(nn.Module):
    """One ring, with the index and signs by which it makes its weights.

    Index and signs take five bytes per weight, as much as the weights themselves: sharing makes files and the state of
    optimisers small, not the memory of a running network.

    Parameters
    ----------
    bank
        What it makes.
    places
        For each weight the (module path, attribute) pairs that use it; tied ones have several.
    scale
        (layers,) fixed scales.
    drawn
        Index (M,) and signs (M,) for a bank of layout "given"; None to draw them from the seed.
    """

    ring: nn.Parameter
    scale: Tensor
    index: Tensor
    sign: Tensor

    def __init__(
        self,
        bank: Bank,
        places: Spots,
        scale: Tensor,
        drawn: Drawn | None = None,
    ) -> None:
        super().__init__()
        self.bank = bank
        self.places = places
        self.ring = nn.Parameter(roomy((bank.size,), scale).zero_())
        self.register_buffer("scale", scale)
        self._keep(drawn or rings.draw(bank), bank.layout == "given")

    def _keep(self, drawn: Drawn, persistent: bool) -> None:
        index, sign = _checked(self.bank, drawn)
        device = self.ring.device
        self.register_buffer("index", torch.from_numpy(index.astype(np.int32)).to(device), persistent)
        self.register_buffer("sign", torch.from_numpy(sign.astype(np.int8)).to(device), persistent)

    def kernels(self) -> list[Tensor]:
        """Make all weights, with their history for gradients."""
        flat = self.ring.index_select(0, self.index) * self.sign
        parts = torch.split(flat, list(self.bank.sizes))
        shapes = self.bank.shapes
        return [part.view(shape) * self.scale[i] for i, (part, shape) in enumerate(zip(parts, shapes, strict=True))]

    def write(self, targets: Sequence[Sequence[Tensor]]) -> None:
        """Make all weights into tensors that exist, see :func:`write_kernels`."""
        write_kernels(self.ring, self.index, self.sign, self.scale, targets)

    def column_norms(self) -> Tensor:
        """Sum of squared scales over the uses of each entry, (N,): how much faster than alone an entry moves."""
        each = ring_projection.per_weight(self.scale.double().cpu().numpy(), self.bank.sizes)
        norms = ring_projection.column_norms(self.index.cpu().numpy(), each, self.bank.size)
        return torch.from_numpy(norms).to(self.ring)

    def get_extra_state(self) -> Tensor:
        """Describe seed, layout, names, shapes and checksums as the bytes of a JSON text."""
        return description(self.bank, self.index, self.sign)

    def set_extra_state(self, state: Tensor) -> None:
        """Take over the seed of a file; refuse a file whose ring makes other weights, or draws differently."""
        bank, plain = read_description(state)
        if (bank.names, bank.shapes, bank.size) != (self.bank.names, self.bank.shapes, self.bank.size):
            raise AnalysisError("The file's ring makes other weights than this network shares.", "Share it anew.")
        if bank != self.bank and bank.layout != "given":
            self.bank = bank
            self._keep(rings.draw(bank), False)
        rings.check_draw(plain, self.index.cpu().numpy(), self.sign.cpu().numpy())

    def extra_repr(self) -> str:
        """Say what it makes from what."""
        bank = self.bank
        return f"{bank.size:,} entries for {bank.total:,} weights of {len(bank.names)} layers, {bank.layout}"


class SharedRings(nn.ModuleList):
    """All rings of a network. As the last part of a sequence it hands its input on."""

    def forward(self, x: Any) -> Any:
        """Return what it is given."""
        return x


def share(
    net: nn.Module,
    banks: tuple[Bank, ...],
    *,
    start: str = "project",
    whitened: bool = True,
    sigma: float = SIGMA,
    drawn: tuple[Drawn | None, ...] = (),
) -> nn.Module:
    """Copy a network and let rings make the weights named in `banks`.

    Parameters
    ----------
    net
        Any network; it stays as it is.
    banks
        See :func:`analysis.sharing.choice.plan`. No weight may be in two of them.
    start
        "project": each ring as near to the network's weights as it can be, in least squares. "random": fresh normal
        entries from the seed; layers are scaled so that their weights are as large as those of `net`.
    whitened
        For "project": see :func:`analysis.measures.ring_projection.project`.
    sigma
        For "random": standard deviation of the entries. Half of it doubles all scales and makes steps of gradient
        descent four times as large; 0 for the root mean square of the weights made, with which scales are about 1 and
        steps as large as without sharing (our choice for small networks).
    drawn
        (index, signs) per bank, for those of layout "given".

    Raises
    ------
    AnalysisError
        If a name is unknown or in two banks, a shape differs, a weight is not finite, or the net shares already.
    """
    if hasattr(net, KEY):
        raise AnalysisError("The network shares its weights already.", "Start from one that does not.")
    names = [name for bank in banks for name in bank.names]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise AnalysisError(f"{twice[0]} belongs to two rings.", "Give every layer to one of them.", items=tuple(twice))
    places, twin = _places(net), copy.deepcopy(net)
    parameters = dict(net.named_parameters())
    made = SharedRings()
    for number, bank in enumerate(banks):
        tensors = [_weight(parameters, name, shape) for name, shape in zip(bank.names, bank.shapes, strict=True)]
        spots = tuple(places[id(tensor)] for tensor in tensors)
        given = drawn[number] if drawn else None
        made.append(
            _projected(bank, tensors, spots, whitened, given)
            if start == "project"
            else _fresh(bank, tensors, spots, sigma, given)
        )
        for path, attribute in (spot for group in spots for spot in group):
            twin.get_submodule(path)._parameters[attribute] = None
    twin.add_module(KEY, made)
    twin.register_forward_pre_hook(_make)
    twin.register_forward_hook(_drop, always_call=True)
    return twin


def _checked(bank: Bank, drawn: Drawn) -> Drawn:
    """Refuse an index or signs that do not fit a bank."""
    index, sign = drawn
    if index.shape != (bank.total,) or sign.shape != (bank.total,):
        raise AnalysisError(f"Index and signs should have {bank.total:,} entries each.", "Give one per weight.")
    if index.min(initial=0) < 0 or index.max(initial=0) >= bank.size or not np.isin(sign, (-1, 1)).all():
        raise AnalysisError("The index leaves the ring, or a sign is neither 1 nor -1.", "Correct them.")
    return drawn


def _projected(bank: Bank, tensors: list[Tensor], spots: Spots, whitened: bool, drawn: Drawn | None) -> RingBank:
    """Make a ring that stands for the given weights."""
    index, sign = _checked(bank, drawn or rings.draw(bank))
    found = ring_projection.project(flat(tensors), index, sign, bank.sizes, bank.size, whitened=whitened)
    return _filled(bank, spots, found.ring, found.scale, (index, sign), tensors[0])


def _fresh(bank: Bank, tensors: list[Tensor], spots: Spots, sigma: float, drawn: Drawn | None) -> RingBank:
    """Make a ring of normal entries, with layers as large as the given weights."""
    weights = flat(tensors)
    width = sigma or float(np.sqrt(np.square(weights).mean())) or SIGMA
    entries = width * np.random.RandomState([bank.seed, 3]).standard_normal(bank.size)
    return _filled(bank, spots, entries, ring_projection.layer_scales(weights, bank.sizes) / width, drawn, tensors[0])


def _filled(bank: Bank, spots: Spots, entries: Floats, scale: Floats, drawn: Drawn | None, like: Tensor) -> RingBank:
    made = RingBank(bank, spots, torch.from_numpy(scale).to(like), drawn)
    with torch.no_grad():
        made.ring.copy_(torch.from_numpy(entries))
    return made


def flat(tensors: Sequence[Tensor]) -> Floats:
    """Lay weights end to end, (M,) float64."""
    return np.concatenate([tensor.detach().cpu().double().numpy().reshape(-1) for tensor in tensors])


def _places(net: nn.Module) -> dict[int, tuple[tuple[str, str], ...]]:
    """Where each parameter is used, by its identity."""
    found: dict[int, tuple[tuple[str, str], ...]] = {}
    for path, module in net.named_modules():
        for attribute, parameter in module._parameters.items():
            if parameter is not None:
                found[id(parameter)] = (*found.get(id(parameter), ()), (path, attribute))
    return found


def _weight(parameters: dict[str, nn.Parameter], name: str, shape: tuple[int, ...]) -> Tensor:
    if name not in parameters or tuple(parameters[name].shape) != shape:
        raise AnalysisError(f"The network has no weight {name} of shape {shape}.", "Plan the sharing for this network.")
    return parameters[name]


def _make(net: nn.Module, _inputs: Any) -> None:
    """Give every shared layer its kernel; runs before the network's own forward."""
    for bank in banks_of(net):
        for kernel, spots in zip(bank.kernels(), bank.places, strict=True):
            for path, attribute in spots:
                net.get_submodule(path).__dict__[attribute] = kernel


def _drop(net: nn.Module, _inputs: Any, _output: Any) -> None:
    """Take the kernels away again, also after a failure: they belong to one pass, and cannot be copied."""
    for bank in banks_of(net):
        for path, attribute in (spot for spots in bank.places for spot in spots):
            net.get_submodule(path).__dict__.pop(attribute, None)


def banks_of(net: nn.Module) -> tuple[RingBank, ...]:
    """Rings of a network, () if it shares nothing."""
    found = getattr(net, KEY, ())
    return tuple(bank for bank in found if isinstance(bank, RingBank))


def stored_rings(net: nn.Module) -> tuple[StoredRing, ...]:
    """Rings of a network as files keep them: no index, no signs."""
    rows = []
    for bank in banks_of(net):
        given = (bank.index, bank.sign) if bank.bank.layout == "given" else (None, None)
        rows.append(StoredRing(bank.bank, bank.ring.detach().clone(), bank.scale.clone(), *given))
    return tuple(rows)


def materialise(net: nn.Module) -> nn.Module:
    """Copy a network with shared weights into a plain one: same modules, same outputs bit for bit, no ring.

    Index and signs do not come along. A network that shares nothing is copied.
    """
    banks = banks_of(net)
    # The copy does without index and signs: they are left out of it by what deepcopy takes for copied already.
    memo = {id(tensor): torch.empty(0) for bank in banks for tensor in (bank.index, bank.sign)}
    dense = copy.deepcopy(net, memo)
    if not banks:
        return dense
    del dense._modules[KEY]
    for hooks, own in ((dense._forward_pre_hooks, _make), (dense._forward_hooks, _drop)):
        for number in [number for number, hook in hooks.items() if hook is own]:
            del hooks[number]
            dense._forward_hooks_always_called.pop(number, None)
    for bank in banks:
        targets = []
        for shape, spots in zip(bank.bank.shapes, bank.places, strict=True):
            weight = nn.Parameter(roomy(shape, bank.ring))
            for path, attribute in spots:
                dense.get_submodule(path)._parameters[attribute] = weight
            targets.append([weight])
        bank.write(targets)
    return dense


def freedom_of(net: nn.Module) -> Freedom:
    """Count the free numbers of a network; one that shares nothing has as many as it has parameters."""
    banks = tuple(bank.bank for bank in banks_of(net))
    own = sum(bank.size for bank in banks)
    unshared = sum(p.numel() for p in net.parameters() if p.requires_grad) - own
    stored = sum(p.numel() for p in net.parameters()) - own
    return count_freedom(banks, unshared, stored + sum(bank.total for bank in banks))
