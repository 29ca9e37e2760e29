"""Weights that a ring makes: writing them out, and small files that hold the ring instead of the weights.

Such a file has the keys ``shared_ring.0.ring``, ``.scale`` and ``._extra_state`` (JSON as bytes: layout, seed, names,
shapes, checksums) for each ring, beside all weights that are not shared. See :mod:`analysis.measures.rings`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from analysis.measures import rings
from analysis.measures.rings import Bank
from analysis.problems import AnalysisError

KEY = "shared_ring"
CHUNK = 1 << 16
"""Weights written at a time: gather, sign and scale then meet in the processor's cache."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredRing:
    """A ring as files keep it.

    Attributes
    ----------
    bank
        What it makes, and from which seed.
    ring, scale
        (N,) entries; (layers,) scales.
    index, sign
        (M,) int32 and int8 where no seed draws them, else None.
    """

    bank: Bank
    ring: Tensor
    scale: Tensor
    index: Tensor | None = None
    sign: Tensor | None = None

    def draw(self) -> tuple[Tensor, Tensor]:
        """Index (M,) int32 and signs (M,) int8 on the device of the ring."""
        index, sign = self.index, self.sign
        if index is None or sign is None:
            index, sign = (torch.from_numpy(values) for values in rings.draw(self.bank))
        return index.to(self.ring.device), sign.to(self.ring.device)


@torch.no_grad()
def write_kernels(
    ring: Tensor, index: Tensor, sign: Tensor, scale: Tensor, targets: Sequence[Sequence[Tensor]]
) -> None:
    """Make weights layer by layer into tensors that exist; needs no memory beside them but a part of a layer.

    Parameters
    ----------
    ring, scale
        (N,) and (layers,).
    index, sign
        (M,) int32 or int64, and int8.
    targets
        For each layer the tensors that hold its weights; the first of them may be written in place.
    """
    start = 0
    factors = torch.empty(CHUNK, dtype=ring.dtype, device=ring.device)
    for row, holders in enumerate(targets):
        first = holders[0]
        count = first.numel()
        plain = first.dtype == ring.dtype and first.is_contiguous() and first.device == ring.device
        flat = first.detach().view(-1) if plain else torch.empty(count, dtype=ring.dtype, device=ring.device)
        for low in range(0, count, CHUNK):
            part = flat[low : low + CHUNK]
            place = slice(start + low, start + low + len(part))
            torch.index_select(ring.detach(), 0, index[place], out=part)
            # Signs become factors first: a product of two types is many times slower.
            part.mul_(factors[: len(part)].copy_(sign[place]).mul_(scale[row]))
        for holder in holders if not plain else holders[1:]:
            holder.copy_(flat.view(first.shape))
        start += count


def roomy(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Make an empty tensor of the type of another and on its device, on a processor in large pages of memory.

    numpy asks the system for them and torch does not. A gather from all over a ring is a third faster with them.
    """
    if like.device.type != "cpu":
        return torch.empty(shape, dtype=like.dtype, device=like.device)
    size = math.prod(shape) * like.element_size()
    return torch.from_numpy(np.empty(size, dtype=np.uint8)).view(like.dtype).view(shape)


def expand(tensors: Mapping[str, Tensor], name: str = "the file") -> tuple[dict[str, Tensor], tuple[StoredRing, ...]]:
    """Make the weights of a file that holds rings; the tensors of any other file come back as they are.

    Raises
    ------
    AnalysisError
        If the description of a ring is damaged, or its seed draws another index than it did.
    """
    stored = tuple(_stored(tensors, name))
    plain = {key: tensor for key, tensor in tensors.items() if not _is_ring(key)}
    for ring in stored:
        made = {
            key: roomy(shape, torch.empty((), dtype=ring.ring.dtype))
            for key, shape in zip(ring.bank.names, ring.bank.shapes, strict=True)
        }
        write_kernels(ring.ring, *ring.draw(), ring.scale, [[tensor] for tensor in made.values()])
        plain.update(made)
    return plain, stored


def compress(state: Mapping[str, Tensor], stored: Iterable[StoredRing]) -> dict[str, Tensor]:
    """Put rings in the place of the weights they make; the whole state if these are no longer its weights."""
    rest, added = dict(state), {}
    for number, ring in enumerate(stored):
        made, _ = expand(_tensors(ring, 0))
        for key, kernel in made.items():
            if key not in rest or not torch.equal(rest[key].detach().cpu(), kernel.cpu()):
                return dict(state)
        same = {tensor.data_ptr() for tensor in (rest[key] for key in made)}
        rest = {key: tensor for key, tensor in rest.items() if key not in made and tensor.data_ptr() not in same}
        added.update(_tensors(ring, number))
    return rest | added


def description(bank: Bank, index: Tensor, sign: Tensor) -> Tensor:
    """Bytes of the description of a ring, uint8."""
    plain = bank.describe(index.cpu().numpy().astype("int32"), sign.cpu().numpy())
    return torch.from_numpy(rings.to_bytes(plain))


def read_description(data: Tensor) -> tuple[Bank, dict[str, Any]]:
    """Read what :func:`description` wrote.

    Raises
    ------
    AnalysisError
        See :func:`analysis.measures.rings.from_bytes`.
    """
    return rings.from_bytes(data.cpu().numpy())


def _is_ring(key: str) -> bool:
    return key.startswith(f"{KEY}.")


def _tensors(ring: StoredRing, number: int) -> dict[str, Tensor]:
    head = f"{KEY}.{number}."
    index, sign = ring.draw()
    given = {head + "index": index, head + "sign": sign} if ring.bank.layout == "given" else {}
    text = description(ring.bank, index, sign)
    return {head + "ring": ring.ring, head + "scale": ring.scale, **given, head + "_extra_state": text}


def _stored(tensors: Mapping[str, Tensor], name: str) -> Iterator[StoredRing]:
    for number in range(sum(key.startswith(KEY) and key.endswith("._extra_state") for key in tensors)):
        head = f"{KEY}.{number}."
        parts = {key.removeprefix(head): tensor for key, tensor in tensors.items() if key.startswith(head)}
        if not {"ring", "scale", "_extra_state"} <= set(parts):
            raise AnalysisError(f"{name} lacks a part of ring {number}.", "Use another file.")
        bank, plain = read_description(parts["_extra_state"])
        ring = StoredRing(bank, parts["ring"], parts["scale"], parts.get("index"), parts.get("sign"))
        if ring.ring.shape != (bank.size,) or ring.scale.shape != (len(bank.names),):
            raise AnalysisError(f"{name} holds a ring of another size than it says.", "Use another file.")
        index, sign = ring.draw()
        rings.check_draw(plain, index.cpu().numpy(), sign.cpu().numpy())
        yield ring
