"""The shared weights of a network laid end to end, and which entry of which ring each of them reads."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from analysis.config import LayerSpec
from analysis.measures import rings
from analysis.measures.rings import Bank, Floats, Places, Signs
from analysis.models import Model
from analysis.problems import AnalysisError
from analysis.sharing.choice import Sharing, plan
from analysis.sharing.nets import flat


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """The weights that are shared, laid end to end in the order of their first use.

    Attributes
    ----------
    layers
        (layers,) rows.
    tensors
        The parameters.
    values
        (M,) float64.
    order
        Place of each row among the weights in the order of the banks.
    """

    layers: tuple[LayerSpec, ...]
    tensors: tuple[Tensor, ...]
    values: Floats
    order: tuple[int, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Weights of each row."""
        return tuple(tensor.numel() for tensor in self.tensors)

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the kernels."""
        return tuple(tuple(tensor.shape) for tensor in self.tensors)


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """Which entry each weight reads; several rings are laid end to end.

    Attributes
    ----------
    index, sign
        (M,) in the order of :class:`Weights`.
    size
        Entries of all rings.
    banks
        The rings.
    """

    index: Places
    sign: Signs
    size: int
    banks: tuple[Bank, ...]


def lay_out(model: Model, banks: tuple[Bank, ...]) -> Weights:
    """Find the first row that uses each shared weight; rows come in the order of execution.

    Raises
    ------
    AnalysisError
        If a weight is not used in a forward pass, or not finite.
    """
    names = [name for bank in banks for name in bank.names]
    parameters = dict(model.net.named_parameters())
    users = {path: getattr(module, "weight", None) for path, module in model.net.named_modules()}
    rows: dict[int, LayerSpec] = {}
    for layer in model.recording.layers:
        tensor = users.get(layer.module)
        if layer.kind in ("conv", "linear") and tensor is not None:
            rows.setdefault(id(tensor), layer)
    used = [place for place, name in enumerate(names) if id(parameters[name]) in rows]
    unused = tuple(name for place, name in enumerate(names) if place not in used)
    if unused:
        raise AnalysisError("Some shared weights are not used in a forward pass.", "Choose others.", items=unused)
    place_of = {layer.name: number for number, layer in enumerate(model.recording.layers)}
    order = tuple(sorted(used, key=lambda place: place_of[rows[id(parameters[names[place]])].name]))
    tensors = tuple(parameters[names[place]] for place in order)
    layers = tuple(rows[id(tensor)] for tensor in tensors)
    values = flat(tensors)
    if not np.isfinite(values).all():
        raise AnalysisError("Some weights are infinite or not a number.", "Repair the weights before projecting them.")
    return Weights(layers, tensors, values, order)


def read(model: Model, weights: Weights, sharing: Sharing, ratio: float) -> Reading:
    """Draw the rings of one size, rows in the order of the weights."""
    banks = plan(model.net, replace(sharing, ratio=ratio), model.recording.layers)
    index, sign, start = [], [], 0
    for bank in banks:
        drawn, signs = rings.draw(bank)
        ends = rings.offsets(bank.sizes)[1:-1]
        index += np.split(drawn + np.int32(start), ends)
        sign += np.split(signs, ends)
        start += bank.size
    return Reading(
        np.concatenate([index[place] for place in weights.order]),
        np.concatenate([sign[place] for place in weights.order]),
        start,
        banks,
    )
