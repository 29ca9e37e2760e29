"""Rings of shared weights: which entry of a small vector makes which weight of a network, and with which sign.

A ring W of N numbers makes the M weights of many layers: ``K_p = s_p b_p W[u_p]``, p running over all layers laid end
to end, u an index, b a sign, s the scale of the layer. Wang et al., "Recurrent Parameter Generators", WACV 2023. Index
and sign are drawn from fixed random streams (our choice), so that a file needs a seed only. numpy only.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from itertools import pairwise
from math import exp, lgamma
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.problems import AnalysisError

LAYOUTS = ("shuffle", "laps", "direct")
VARIANTS = ("full", "perm", "sign", "direct")
"""Shuffled index with random signs; index alone; signs alone; each layer reading the ring from its start, no signs."""

FORMAT = 1
Floats = NDArray[np.float64]
Places = NDArray[np.int32]
Signs = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Bank:
    """One ring and the weights that it makes. What a file has to keep besides the ring's numbers and the scales.

    Attributes
    ----------
    names, shapes
        Parameters in the order in which the index runs over them ("layer1.0.conv1.weight"), and their shapes. The order
        is part of the format.
    size
        N, entries of the ring.
    seed
        0..2**32 - 1.
    layout
        Out of :data:`LAYOUTS`, or "given" for an index and signs from elsewhere.
    signed
        True for random signs, False for +1 throughout.
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    size: int
    seed: int = 0
    layout: str = "shuffle"
    signed: bool = True

    def __post_init__(self) -> None:
        if self.size < 1:
            raise AnalysisError(f"A ring of {self.size} entries makes no weights.", "Choose a size of at least 1.")
        if not 0 <= self.seed < 2**32:
            raise AnalysisError(f"The seed {self.seed} is out of range.", "Choose a whole number from 0 to 4294967295.")
        if self.layout not in (*LAYOUTS, "given"):
            raise AnalysisError(f"There is no layout '{self.layout}'.", f"Choose {', '.join(LAYOUTS)}.")
        if not self.names or len(self.names) != len(self.shapes) or len(set(self.names)) != len(self.names):
            raise AnalysisError("A ring needs weights, each named once and with its shape.", "Choose some layers.")

    @property
    def sizes(self) -> tuple[int, ...]:
        """Weights of each layer."""
        return tuple(int(np.prod(shape, dtype=np.int64)) for shape in self.shapes)

    @property
    def total(self) -> int:
        """M, number of weights that are made."""
        return sum(self.sizes)

    @property
    def freedom(self) -> int:
        """Degrees of freedom: entries that are used, min(N, M); layout "direct" reaches no further than its layers."""
        reach = max(self.sizes) if self.layout == "direct" else self.total
        return min(self.size, reach)

    def describe(self, index: Places, sign: Signs) -> dict[str, Any]:
        """Say all that a file keeps, as JSON values; checksums tell whether another build draws the same."""
        return {
            "format": FORMAT,
            "layout": self.layout,
            "signed": self.signed,
            "seed": self.seed,
            "N": self.size,
            "M": self.total,
            "names": list(self.names),
            "shapes": [list(shape) for shape in self.shapes],
            "crc_index": crc(index),
            "crc_sign": crc(sign),
        }


def layout_of(variant: str, layout: str = "shuffle") -> tuple[str, bool]:
    """Layout and presence of signs of a variant; `layout` is that of the shuffled variants.

    Raises
    ------
    AnalysisError
        For an unknown variant.
    """
    if variant not in VARIANTS:
        raise AnalysisError(f"There is no variant '{variant}'.", f"Choose {', '.join(VARIANTS)}.")
    return (layout if variant in ("full", "perm") else "direct"), variant in ("full", "sign")


# ---- index and signs -------------------------------------------------------------------------------------------------


def shuffle(seed: int, size: int, total: int) -> Places:
    """Index of layout "shuffle", (total,) int32: every entry ``total // size`` times, some once more, all shuffled.

    Examples
    --------
    >>> shuffle(3, 8, 8).tolist()
    [1, 3, 6, 0, 7, 2, 4, 5]
    """
    laps, rest = divmod(total, size)
    extra = _random(seed, 0).permutation(size)[:rest]
    entries = np.concatenate([np.tile(np.arange(size, dtype=np.int32), laps), extra.astype(np.int32)])
    shuffled: Places = entries[_random(seed, 1).permutation(total)]
    return shuffled


def laps(seed: int, size: int, total: int) -> Places:
    """Index of layout "laps", (total,) int32: one fresh permutation of the ring after the other."""
    return laps_part(seed, size, 0, total)


def laps_part(seed: int, size: int, start: int, stop: int) -> Places:
    """Positions start..stop of layout "laps" alone; only the laps that they touch are drawn."""
    first, last = start // size, -(-stop // size)
    drawn = [_random(seed, 16 + lap).permutation(size).astype(np.int32) for lap in range(first, last)]
    joined = np.concatenate(drawn) if drawn else np.empty(0, dtype=np.int32)
    return joined[start - first * size : stop - first * size]


def direct(size: int, sizes: tuple[int, ...]) -> Places:
    """Index of layout "direct", int32: every layer walks round the ring from its start."""
    return np.concatenate([np.arange(count, dtype=np.int64) % size for count in sizes]).astype(np.int32)


def signs(seed: int, total: int) -> Signs:
    """Fair signs, one per weight, (total,) int8."""
    return np.where(_random(seed, 2).random_sample(total) < 0.5, -1, 1).astype(np.int8)


def draw(bank: Bank) -> tuple[Places, Signs]:
    """Index and signs of a ring, (M,) int32 and (M,) int8.

    Raises
    ------
    AnalysisError
        For layout "given", which no seed can draw.
    """
    if bank.layout == "given":
        raise AnalysisError("The index of this ring comes from elsewhere and no seed draws it.", "Give it as well.")
    if bank.layout == "direct":
        index = direct(bank.size, bank.sizes)
    else:
        index = (shuffle if bank.layout == "shuffle" else laps)(bank.seed, bank.size, bank.total)
    sign = signs(bank.seed, bank.total) if bank.signed else np.ones(bank.total, dtype=np.int8)
    return index, sign


def _random(seed: int, purpose: int) -> np.random.RandomState:
    # RandomState on purpose: NumPy froze its stream (NEP 19), that of Generator may change.
    return np.random.RandomState([seed, purpose])


def crc(values: Places | Signs) -> str:
    """CRC-32 of an index as little-endian int32, or of signs as int8: eight hexadecimal digits."""
    kind = "<i4" if values.dtype.itemsize > 1 else "i1"
    return f"{zlib.crc32(np.ascontiguousarray(values, dtype=kind).tobytes()):08x}"


def to_bytes(plain: dict[str, Any]) -> NDArray[np.uint8]:
    """Write a description as the bytes of its JSON text, for files that hold nothing but arrays."""
    return np.frombuffer(json.dumps(plain, sort_keys=True).encode(), dtype=np.uint8).copy()


def from_bytes(data: NDArray[np.uint8]) -> tuple[Bank, dict[str, Any]]:
    """Read what :func:`to_bytes` wrote of :meth:`Bank.describe`.

    Raises
    ------
    AnalysisError
        If it is damaged or of a later format.
    """
    try:
        plain = json.loads(np.asarray(data, dtype=np.uint8).tobytes())
        later = plain["format"] > FORMAT
        if not later:
            shapes = tuple(tuple(int(side) for side in shape) for shape in plain["shapes"])
            given = (tuple(plain["names"]), shapes, int(plain["N"]), int(plain["seed"]))
            return Bank(*given, str(plain["layout"]), bool(plain["signed"])), plain
    except (ValueError, KeyError, TypeError) as error:
        raise AnalysisError(f"The description of the ring is damaged: {error}.", "Use another file.") from None
    raise AnalysisError("The ring was written by a newer LayerScope.", "Update LayerScope.")


def check_draw(plain: dict[str, Any], index: Places, sign: Signs) -> None:
    """Compare an index and signs with the checksums of a file.

    Raises
    ------
    AnalysisError
        If they differ: the kernels would be others than those that were trained.
    """
    if (crc(index), crc(sign)) != (plain.get("crc_index"), plain.get("crc_sign")):
        raise AnalysisError(
            "Index and signs of the ring come out differently than in the file.",
            "The file is damaged, or its seed was changed; use another one.",
        )


# ---- how often, by whom ----------------------------------------------------------------------------------------------


def reuse_counts(index: Places, size: int) -> NDArray[np.int64]:
    """How often each entry is read, (size,) int64."""
    return np.bincount(index, minlength=size).astype(np.int64)


def reuse_histogram(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the entries read 0, 1, 2, … times, (most + 1,) int64."""
    return np.bincount(counts).astype(np.int64)


def poisson(mean: float, most: int) -> Floats:
    """Give the expected share of entries read 0..most times if weights drew independently, (most + 1,)."""
    return np.array([exp(count * np.log(mean) - mean - lgamma(count + 1)) for count in range(most + 1)])


def offsets(sizes: tuple[int, ...]) -> NDArray[np.int64]:
    """Where each layer begins, and where the last ends, (layers + 1,) int64."""
    return np.concatenate([[0], np.cumsum(np.asarray(sizes, dtype=np.int64))]).astype(np.int64)


def distinct(index: Places, sizes: tuple[int, ...], size: int) -> NDArray[np.int64]:
    """Count the different entries that each layer reads, (layers,) int64."""
    ends = offsets(sizes)
    parts = (index[a:b] for a, b in pairwise(ends))
    return np.array([np.count_nonzero(np.bincount(part, minlength=size)) for part in parts], dtype=np.int64)


def expected_distinct(size: int, total: int, count: int) -> float:
    """Mean number of different entries that a layer of `count` weights reads in layout "shuffle".

    Examples
    --------
    >>> round(expected_distinct(2_359_296, 11_157_504, 2_359_296))
    1587742
    """
    laps_, rest = divmod(total, size)

    def missed(uses: int) -> float:
        if count > total - uses:
            return 0.0
        # C(M - c, n) / C(M, n) as a product of c factors: exact enough where binomials would overflow.
        return float(np.exp(np.log1p(-count / (total - np.arange(uses, dtype=np.float64))).sum()))

    return (size - rest) * (1 - missed(laps_)) + rest * (1 - missed(laps_ + 1))


def usage_map(index: Places, sizes: tuple[int, ...], size: int, bins: int = 256) -> Floats:
    """Count how often each layer uses each part of the ring, over what an even spread gives, (layers, bins).

    Parameters
    ----------
    bins
        Most parts; a smaller ring has one part per entry.
    """
    count = min(bins, size)
    edges = (np.arange(count + 1, dtype=np.int64) * size) // count
    part = (np.searchsorted(edges, np.arange(size), side="right") - 1).astype(np.int64)
    widths, ends = np.diff(edges), offsets(sizes)
    rows = np.zeros((len(sizes), count))
    for row, (a, b) in enumerate(pairwise(ends)):
        uses = np.bincount(part[index[a:b]], minlength=count)
        rows[row] = uses * size / (max(b - a, 1) * widths)
    return rows


def overlap(index: Places, sizes: tuple[int, ...], size: int) -> Floats:
    """Share of the entries a layer (row) reads that another (column) reads as well, (layers, layers)."""
    ends = offsets(sizes)
    common = np.zeros((len(sizes), len(sizes)))
    for start in range(0, size, 1 << 16):
        width = min(1 << 16, size - start)
        read = np.zeros((len(sizes), width), dtype=np.float32)
        for row, (a, b) in enumerate(pairwise(ends)):
            part = index[a:b]
            read[row, part[(part >= start) & (part < start + width)] - start] = 1
        common += read @ read.T
    own = np.maximum(np.diag(common), 1.0)
    shares: Floats = common / own[:, None]
    return shares
