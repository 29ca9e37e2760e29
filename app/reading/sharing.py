"""What runs of shared weights say, ready for drawing, and what a ring would be for the open network. No widgets."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import prod

import numpy as np
from numpy.typing import NDArray

from analysis.config import LayerSpec
from analysis.events import EMPTY
from analysis.measures.ring_fits import Curve, Fit, Freedom, curves, fits, freedom, unsaturated
from analysis.measures.rings import Bank, layout_of, poisson
from analysis.result import Result
from app.reading.depth import Floats

METHOD = "parameter_sharing"
TRAINED = "train_shared"
SCOPES = (("net", "the whole network"), ("stage", "each stage"), ("block", "each block"))
VARIANTS = (
    ("full", "shuffled, signs"),
    ("perm", "shuffled, no signs"),
    ("sign", "in order, signs"),
    ("direct", "in order, no signs"),
)
LAYOUTS = (("shuffle", "shuffled as a whole"), ("laps", "lap by lap"))
KIND_WORDS = {**dict(VARIANTS), "narrowed": "fewer channels", "dense": "dense"}
HUES = {"full": "sharing", "perm": "rank", "sign": "widths", "direct": "bundles", "narrowed": "text_soft"}
"""Colour role of each kind of trained network."""


def floats(result: Result, name: str) -> Floats:
    """Return an output as float64, NaN for what has not arrived."""
    array = result[name]
    values = np.asarray(array, dtype=np.float64).copy()
    if array.dtype.kind in "iu":
        values[array == EMPTY[array.dtype.name]] = np.nan
    return values


# -- projection ----------------------------------------------------------------------------------------------------


class Projected:
    """A run of `parameter_sharing` that has declared its outputs, possibly still open.

    Attributes
    ----------
    result
        The run.
    layers
        Rows whose weights the ring makes.
    ratios
        Names of the sizes N / M.
    """

    def __init__(self, result: Result) -> None:
        self.result = result
        self.layers = result.layers
        self.ratios = result.names("ratio")

    def table(self, name: str) -> Floats:
        """Return an output, NaN for what has not arrived; an empty array where the run does not have it."""
        return floats(self.result, name) if name in self.result else np.empty(0)

    def number(self, name: str) -> float:
        """Return an output that is one number, NaN where there is none."""
        return float(floats(self.result, name)) if name in self.result else float("nan")

    @property
    def share(self) -> Floats:
        """N / M of every size as it came out, (ratio,)."""
        return self.table("size") / self.number("total_generated")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the layers, without what all of them have in common at the end."""
        return tuple(layer.name.removesuffix(".conv") for layer in self.layers)

    @property
    def variant(self) -> str:
        """Kind of sharing, layout, number of rings and seed in words."""
        return self.result.facts.get("variant", "")

    def place(self, wanted: str) -> int:
        """Place of a size by its name; else of the one nearest to 0.2."""
        if wanted in self.ratios:
            return self.ratios.index(wanted)
        return int(np.argmin([abs(np.log(float(name) / 0.2)) for name in self.ratios])) if self.ratios else -1

    def reuse(self) -> tuple[Floats, Floats, float]:
        """Entries by number of uses, the same if every weight drew an entry independently, and the mean r = M / N."""
        found = self.table("reuse")
        size, mean = self.number("detail_size"), self.number("total_generated") / self.number("detail_size")
        if not np.isfinite(mean):
            return np.nan_to_num(found), np.empty(0), mean
        most = max(len(found) - 1, int(np.ceil(mean + 4 * np.sqrt(mean))))
        counts = np.zeros(most + 1)
        counts[: len(found)] = np.nan_to_num(found)
        return counts, size * poisson(mean, most), mean

    def column_sum(self) -> Floats:
        """Add up the uses of every part of the ring by all layers, over those of an even spread, (bin,)."""
        usage, sizes = self.table("usage"), self.table("generated")
        return np.asarray((usage * sizes[:, None]).sum(axis=0) / sizes.sum())

    def unevenness(self) -> Floats:
        """Spread of each layer's uses over the parts, in that of independent draws, (layer,): about 1 is random."""
        usage, sizes = self.table("usage"), self.table("generated")
        parts = usage.shape[1]
        expected = np.sqrt(max(parts - 1, 1) / sizes)
        return np.asarray(usage.std(axis=1) / expected)


# -- training ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Laws:
    """The two laws, NaN where there are too few points, and the curve that they are fitted to."""

    curve: Curve
    linear: Fit
    power: Fit


class Trained:
    """A run of `train_shared` that has declared its outputs, possibly still open.

    Attributes
    ----------
    result
        The run.
    runs, kinds
        Names of the networks; names of their kinds.
    """

    def __init__(self, result: Result) -> None:
        self.result = result
        self.runs = result.names("run")
        self.kinds = result.names("kind")

    def table(self, name: str) -> Floats:
        """Return an output, NaN for what has not arrived."""
        return floats(self.result, name)

    def kind_of(self, run: int) -> str:
        """Kind of a network, "" before it has begun."""
        number = self.table("kind")[run]
        return self.kinds[int(number)] if np.isfinite(number) else ""

    def curves(self) -> tuple[Curve, ...]:
        """Accuracy against degrees of freedom, one curve per kind with a finished network."""
        names = ("kind", "ratio", "shared_freedom", "total_freedom", "accuracy")
        return curves(self.kinds, *(self.table(name) for name in names))

    def laws(self) -> Laws | None:
        """Fit both laws to the full variant, else to the first variant of sharing there is."""
        found = [curve for curve in self.curves() if curve.kind not in ("dense", "narrowed")]
        first = next((curve for curve in found if curve.kind == "full"), found[0] if found else None)
        return Laws(first, *fits(*unsaturated(first))) if first is not None else None

    @property
    def unshared(self) -> float:
        """Free numbers that no ring makes, of a network with a ring; NaN before one has begun."""
        kind, size, total = self.table("kind"), self.table("shared_freedom"), self.table("total_freedom")
        shared = np.isfinite(kind) & ~np.isin(kind, [self.kinds.index(k) for k in ("dense", "narrowed")])
        return float((total - size)[shared].max()) if shared.any() else float("nan")

    @property
    def begun(self) -> NDArray[np.int64]:
        """Networks of which something has arrived."""
        return np.flatnonzero(np.isfinite(self.table("step_loss")).any(axis=1))

    @property
    def finished(self) -> int:
        """Networks that are trained."""
        return int(np.isfinite(self.table("accuracy")).sum())

    def gaps(self) -> Floats:
        """Training accuracy less held-out accuracy after the last known epoch, (run,); NaN before the first."""
        both = self.table("train_accuracy") - self.table("held_accuracy")
        last = np.isfinite(both).sum(axis=1) - 1
        return np.where(last >= 0, both[np.arange(len(both)), np.maximum(last, 0)], np.nan)

    def gap(self, run: int) -> float:
        """Training accuracy less held-out accuracy of one network."""
        return float(self.gaps()[run])

    def gap_curves(self) -> tuple[Curve, ...]:
        """Gaps of the finished networks against degrees of freedom, one curve per kind."""
        gaps = np.where(np.isfinite(self.table("accuracy")), self.gaps(), np.nan)
        kind, ratio, size, total = (self.table(name) for name in ("kind", "ratio", "shared_freedom", "total_freedom"))
        return curves(self.kinds, kind, ratio, size, total, gaps)

    def together(self, run: int) -> float:
        """How the layers pull the ring of a trained network, see `gradient_together`; NaN where not measured."""
        return float(self.table("gradient_together")[run]) if "gradient_together" in self.result else float("nan")


# -- the open network ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wish:
    """How the open network is to be shared.

    Attributes
    ----------
    ratio
        N / M of every ring.
    scope, variant, layout
        Out of :data:`SCOPES`, :data:`VARIANTS`, :data:`LAYOUTS`.
    seed
        Of index and signs.
    layers
        Patterns of module paths, comma-separated, "" for the usual layers.
    """

    ratio: float = 0.2
    scope: str = "net"
    variant: str = "full"
    layout: str = "shuffle"
    seed: int = 0
    layers: str = ""

    def to_pairs(self) -> tuple[tuple[str, str], ...]:
        """Return the texts that `Edits.ring` holds: the ratio, and what differs from the default."""
        plain = Wish()
        names = ("layers", "scope", "variant", "layout", "seed")
        found = [(name, str(getattr(self, name))) for name in names if getattr(self, name) != getattr(plain, name)]
        return (("ratio", str(self.ratio)), *found)

    @staticmethod
    def of(pairs: tuple[tuple[str, str], ...]) -> Wish:
        """Read what :meth:`to_pairs` wrote; anything else there may be is left out."""
        given = dict(pairs)
        try:
            ratio, seed = float(given.get("ratio", "0.2")), int(given.get("seed", "0"))
        except ValueError:
            ratio, seed = 0.2, 0
        plain = Wish()
        scope, variant, layout = (given.get(name, getattr(plain, name)) for name in ("scope", "variant", "layout"))
        return Wish(ratio, scope, variant, layout, seed, given.get("layers", ""))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A layer whose weights a ring could make.

    Attributes
    ----------
    layer, weights
        Its first row, and how many weights it has, biases not counted.
    usual
        Whether a ring makes them unless other layers are chosen.
    """

    layer: LayerSpec
    weights: int
    usual: bool

    @property
    def why(self) -> str:
        """Say why it shares its weights, or does not, unless it is asked."""
        if self.usual:
            return "shared unless other layers are chosen"
        kind = "a linear layer" if self.layer.kind == "linear" else "a grouped convolution"
        first = "the first convolution" if self.layer.kind == "conv" and self.layer.groups == 1 else kind
        return f"{first}: its weights are its own unless it is chosen"


def candidates(layers: tuple[LayerSpec, ...]) -> tuple[Candidate, ...]:
    """Every convolution and linear layer with weights of its own, each module once, in the order of execution."""
    usual = {layer.module for layer, _ in shareable(layers)}
    found: dict[str, Candidate] = {}
    for layer in layers:
        weights = _weights(layer)
        if 0 < weights <= layer.parameters_used:
            found.setdefault(layer.module, Candidate(layer, weights, layer.module in usual))
    return tuple(found.values())


def _weights(layer: LayerSpec) -> int:
    if layer.kind == "linear" and layer.shape and layer.input_shape:
        return layer.shape[-1] * layer.input_shape[-1]
    if layer.kind != "conv" or not layer.input_shape:
        return 0
    return layer.channels * (layer.expands_from or layer.input_shape[0]) * prod(layer.kernel) // max(layer.groups, 1)


def chosen(patterns: str, rows: tuple[Candidate, ...]) -> tuple[bool, ...]:
    """Tell for each layer whether it fits one of the comma-separated patterns; "" for the usual ones."""
    words = [word.strip() for word in patterns.split(",") if word.strip()]
    if not words:
        return tuple(row.usual for row in rows)
    return tuple(any(fnmatchcase(row.layer.module, word) for word in words) for row in rows)


def patterns_of(fits: tuple[bool, ...], rows: tuple[Candidate, ...]) -> str:
    """Return the module paths of chosen layers, comma-separated; "" if they are the usual ones."""
    if fits == chosen("", rows):
        return ""
    return ",".join(row.layer.module for row, fit in zip(rows, fits, strict=True) if fit)


def shareable(layers: tuple[LayerSpec, ...]) -> tuple[tuple[LayerSpec, int], ...]:
    """Rows whose weights a ring makes unless more is asked for, and how many: convolutions but the first."""
    convolutions = [layer for layer in layers if layer.kind == "conv"]
    found: dict[str, tuple[LayerSpec, int]] = {}
    for layer in convolutions[1:]:
        weights = layer.channels * (layer.expands_from or layer.input_shape[0]) * prod(layer.kernel)
        if layer.groups == 1 and 0 < weights <= layer.parameters_used and layer.module != convolutions[0].module:
            found.setdefault(layer.module, (layer, weights))
    return tuple(found.values())


def _wished(wish: Wish, layers: tuple[LayerSpec, ...]) -> tuple[tuple[LayerSpec, int], ...]:
    if not wish.layers:
        return shareable(layers)
    rows = candidates(layers)
    return tuple((row.layer, row.weights) for row, fit in zip(rows, chosen(wish.layers, rows), strict=True) if fit)


def planned(wish: Wish, layers: tuple[LayerSpec, ...]) -> tuple[Bank, ...]:
    """Rings that a wish makes of a network, as the engine would; none where nothing can be shared."""
    groups: dict[str, list[tuple[LayerSpec, int]]] = {}
    for layer, weights in _wished(wish, layers):
        stage = str(layer.shape[1:]) if layer.positions > 1 else "last"
        key = {"net": "", "stage": stage, "block": layer.block}[wish.scope]
        groups.setdefault(key, []).append((layer, weights))
    layout, signed = layout_of(wish.variant, wish.layout)
    banks = []
    for rows in groups.values():
        size = max(1, round(wish.ratio * sum(weights for _, weights in rows)))
        names = tuple(f"{layer.module}.weight" for layer, _ in rows)
        shapes = tuple((weights,) for _, weights in rows)
        banks.append(Bank(names, shapes, size, wish.seed, layout, signed))
    return tuple(banks)


def free(banks: tuple[Bank, ...], parameters: float) -> Freedom:
    """Count the degrees of freedom of a network of so many parameters with these rings."""
    whole = round(parameters)
    return freedom(banks, whole - sum(bank.total for bank in banks), whole)


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of a network with rings, in numbers of four bytes.

    Attributes
    ----------
    name, number
        What it is, and how many bytes.
    words
        What it is for.
    """

    name: str
    number: int
    words: str


def memory(banks: tuple[Bank, ...], unshared: int) -> tuple[Memory, ...]:
    """List what rings cost and save: they save in a file and with an optimiser, not in a running network."""
    made, stored = sum(bank.total for bank in banks), sum(bank.size for bank in banks)
    indexed = 4 * made + (made if any(bank.signed for bank in banks) else 0)
    return (
        Memory("kernels without sharing", 4 * made, "of the shared layers"),
        Memory("ring", 4 * stored, "in the file, with a seed"),
        Memory("index and sign, cached", indexed, "while training only"),
        Memory("kernels written out", 4 * made, "while running: none saved"),
        Memory("file with the ring", 4 * (stored + unshared), "with what is not shared"),
        Memory("file without sharing", 4 * (made + unshared), "all parameters"),
        Memory("two moments of Adam, ring", 8 * (stored + unshared), "state of the optimiser"),
        Memory("two moments of Adam, dense", 8 * (made + unshared), "state of the optimiser"),
    )
