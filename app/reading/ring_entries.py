"""One entry of a ring in words and numbers: its value, and every weight that reads it. No widgets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.config import LayerSpec
from analysis.measures.ring_uses import Use, shapes_of, uses
from app.reading.sharing import Projected

NEEDED = ("entry", "entry_positive", "ring", "ring_scale", "weight_shape")


@dataclass(frozen=True, slots=True)
class Reader:
    """A weight that reads an entry.

    Attributes
    ----------
    layer
        Its layer.
    use
        Where in the kernel, and with which sign.
    scale, weight
        Factor of the layer, and the weight that comes of it.
    gradient
        What the weight contributes to the gradient of the entry; NaN if that was not measured.
    """

    layer: LayerSpec
    use: Use
    scale: float
    weight: float
    gradient: float

    @property
    def place(self) -> str:
        """Index in the kernel: output channel, input channel, row, column."""
        return "[" + ", ".join(str(axis) for axis in self.use.place) + "]"


@dataclass(frozen=True, slots=True)
class RingEntry:
    """An entry and its readers.

    Attributes
    ----------
    number, value
        Place in the ring, from 0, and what stands there.
    ring, rings
        Number of its ring, from 1, and of all rings.
    readers
        In the order of the layers.
    """

    number: int
    value: float
    ring: int
    rings: int
    readers: tuple[Reader, ...]

    @property
    def gradient(self) -> float:
        """Gradient of the entry: the sum over its readers; NaN if that was not measured."""
        return float(sum(reader.gradient for reader in self.readers)) if self.readers else float("nan")


def entry_of(projected: Projected, number: int) -> RingEntry | None:
    """Look an entry up; None where the run does not tell who reads it, or has no such entry."""
    result = projected.result
    values = projected.table("ring")
    if missing(projected) or not 0 <= number < len(values):
        return None
    shapes = shapes_of(np.asarray(result["weight_shape"], dtype=np.int64))
    found = uses(number, result["entry"], result["entry_positive"], shapes)  # type: ignore[arg-type]  # as declared
    scale, gradient = (
        projected.table("ring_scale"),
        projected.result["entry_gradient"] if _measured(projected) else None,
    )
    ends = np.cumsum(projected.table("ring_sizes"))
    readers = tuple(
        Reader(
            projected.layers[use.layer],
            use,
            float(scale[use.layer]),
            float(values[number] * scale[use.layer] * use.sign),
            float(gradient[use.position]) if gradient is not None else float("nan"),
        )
        for use in found
    )
    ring = int(np.searchsorted(ends, number, side="right")) + 1
    return RingEntry(number, float(values[number]), ring, len(ends), readers)


def missing(projected: Projected) -> str:
    """Say why entries cannot be looked up; "" if they can."""
    result = projected.result
    if any(name not in result for name in NEEDED):
        reason = result.facts.get("entries", "the run was made by an earlier version")
        return f"Who reads an entry is not known: {reason}."
    whole = bool(np.isfinite(projected.table("ring")).all()) and bool(np.all(result["entry"][-1:] != -1))
    return "" if whole else "The ring is being read …"


def first_read(projected: Projected, layer: int, part: int) -> int:
    """Return the first entry of a part of the ring that a layer reads; without any, the first of the part."""
    size, parts = projected.number("detail_size"), int(projected.table("usage").shape[1])
    low = round(part * size / parts)
    high = max(round((part + 1) * size / parts), low + 1)
    if missing(projected):
        return low
    ends = np.concatenate([[0], np.cumsum(projected.table("generated"))]).astype(np.int64)
    own = np.asarray(projected.result["entry"][ends[layer] : ends[layer + 1]], dtype=np.int64)
    inside = own[(own >= low) & (own < high)]
    return int(inside.min().item()) if inside.size else low


def _measured(projected: Projected) -> bool:
    return "entry_gradient" in projected.result and bool(np.isfinite(projected.result["entry_gradient"][-1:]).all())
