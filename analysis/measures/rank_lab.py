"""The single-layer rank study: its settings, its bounds, the published curves, and averages of stored runs. numpy only.

How far a nonlinearity lifts the rank of a random layer's output above the number of its inputs, as a function of
d_in / d_out. Han et al., "Rethinking Channel Dimensions for Efficient Model Design" (CVPR 2021), Figure 1, section 3.
The paper does not state the distributions, sizes, precision and tolerance; the two presets are ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.result import Result

Floats = NDArray[np.float64]

TYPES = ("1x1", "3x3", "bottleneck", "depthwise")
TYPE_TITLES = {
    "1x1": "1×1 convolution",
    "3x3": "3×3 convolution",
    "bottleneck": "Inverted bottleneck",
    "depthwise": "Depthwise bottleneck",
}
PANELS = {"1x1": "(a)", "3x3": "(b)", "bottleneck": "(c)", "depthwise": "(d)"}
"""Panel of Figure 1 of the paper."""
SINGLE = ("1x1", "3x3")
ACTIVATIONS = ("linear", "relu6", "relu", "leaky_relu", "elu", "softplus", "hardswish", "silu")
ACTIVATION_TITLES = {
    "linear": "Linear",
    "relu6": "ReLU6",
    "relu": "ReLU",
    "leaky_relu": "LeakyReLU",
    "elu": "ELU",
    "softplus": "SoftPlus",
    "hardswish": "Hard-swish",
    "silu": "SiLU",
}
RATIOS = tuple(step / 10 for step in range(1, 11))
SIZES = ("inputs", "outputs", "columns")
EXPANSION = 6
"""Hidden channels of an inverted bottleneck per input channel."""
TAPS = 9
"""Weights of a 3×3 kernel per pair of channels."""
SLOPE = 0.01
"""Slope of LeakyReLU below zero."""
NORM_EPS = 1e-5
USUAL_NETWORKS = 50
"""Networks per point unless more are asked for; the published curves are averages of 1,000 (caption of Figure 1)."""
SECONDS = {"1x1": 0.27, "3x3": 0.27, "bottleneck": 0.15, "depthwise": 0.10}
"""CPU time of one network at every ratio with every nonlinearity, in float32 on one core; a guide, not a promise."""


FLOOR = 1e-16
"""Smaller conditions, and those of rank-deficient features that come out as 0, count as this one."""
QUANTITIES = {
    "rank": "Rank ratio: rank / d_out",
    "dead": "Share of dead channels",
    "always_on": "Share of always-on channels",
    "condition": "Conditioning: σ_min / σ_max",
}
"""What a study can be drawn by; the conditioning as exponents of ten, whose mean is that of the geometric mean."""


@dataclass(frozen=True, slots=True)
class Preset:
    """How random networks are drawn. Both presets are ours; the paper states none of this.

    Attributes
    ----------
    name, title
        Value of the parameter and words.
    inputs
        "uniform" on [0, 1), or "normal".
    scaled
        True to divide the weights of single layers by the root of the fan-in.
    normalised
        True for batch statistics before each nonlinearity (biased variance, eps 1e-5, no affine part).
    precision
        dtype of inputs, weights and features.
    """

    name: str
    title: str
    inputs: str
    scaled: bool
    normalised: bool
    precision: str


PRESETS = {
    "paper-like": Preset("paper-like", "P, paper-like", "uniform", False, False, "float32"),
    "generic": Preset("generic", "G, generic", "normal", True, True, "float64"),
}

_SINGLE_LAYER = {
    "relu6": (0.855, 0.906, 0.929, 0.947, 0.960),
    "relu": (0.848, 0.900, 0.930, 0.948, 0.965),
    "leaky_relu": (0.875, 0.930, 0.950, 0.977, 0.991),
    "elu": (0.915, 0.963, 0.970, 0.988, 0.997),
    "softplus": (0.935, 0.975, 0.984, 0.992, 0.998),
    "hardswish": (0.958, 0.985, 0.992, 0.993, 1.0),
    "silu": (0.948, 0.984, 0.986, 0.990, 0.998),
}
_AT_ONE_TENTH = {
    "relu6": 0.869,
    "relu": 0.867,
    "leaky_relu": 0.884,
    "elu": 0.921,
    "softplus": 0.946,
    "hardswish": 0.963,
    "silu": 0.963,
}
_BOTTLENECK = {
    ("relu6", "relu"): (0.30, 0.565, 0.75, 0.91, 1.0),
    ("softplus",): (0.365, 0.64, 0.80, 0.935, 1.0),
    ("hardswish", "silu"): (0.385, 0.68, 0.84, 0.96, 1.0),
}
_DEPTHWISE = {
    ("relu6", "relu"): (0.19, 0.38, 0.48, 0.68, 0.84, 1.0),
    ("softplus",): (0.225, 0.39, 0.50, 0.69, 0.83, 1.0),
    ("hardswish", "silu"): (0.25, 0.44, 0.57, 0.75, 0.87, 1.0),
}


def published(layer: str, activation: str) -> tuple[tuple[float, float], ...]:
    """(ratio, rank ratio) read off Figure 1 by eye: ±0.01 for single layers, ±0.02 for bottlenecks; empty if unread."""
    if activation == "linear":
        return tuple((x, x) for x in (0.1, 0.2, 0.3, 0.5, 1.0))
    if layer == "1x1":
        return tuple(zip((0.1, 0.2, 0.3, 0.5, 1.0), _SINGLE_LAYER[activation], strict=True))
    if layer == "3x3":
        return ((0.1, _AT_ONE_TENTH[activation]),)
    table = _BOTTLENECK if layer == "bottleneck" else _DEPTHWISE
    ratios = (0.1, 0.2, 0.3, 0.5, 1.0) if layer == "bottleneck" else (0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
    found = next((values for names, values in table.items() if activation in names), ())
    return tuple(zip(ratios, found, strict=False))


def input_channels(ratio: float, outputs: int) -> int:
    """Input channels for a wanted ratio: halves are rounded up, at least 1."""
    return max(1, math.floor(ratio * outputs + 0.5))


def columns_of(outputs: int) -> int:
    """Columns of the feature matrix: a fifth more than rows, and one."""
    return math.ceil(1.2 * outputs) + 1


def output_range(layer: str) -> tuple[int, int]:
    """Smallest and largest number of output channels that is drawn."""
    return (10, 300) if layer in SINGLE else (10, 150)


def tolerance(outputs: int, columns: int, precision: str) -> float:
    """Share of the largest singular value up to which one counts as zero: max(d_out, N) · eps."""
    return max(outputs, columns) * float(np.finfo(precision).eps)


def rank_bound(layer: str, activation: str, inputs: int, outputs: int, columns: int, patches: bool = False) -> int:
    """Highest possible rank without normalisation; with batch statistics a bottleneck may have one more.

    A linear layer cannot have more directions than inputs (nine times as many for 3×3 patches). A bottleneck cannot
    have more than its hidden channels and its shortcut bring, whatever the nonlinearity.
    """
    most = min(outputs, columns)
    if activation == "linear":
        return min(most, inputs * (TAPS if patches and layer == "3x3" else 1))
    return most if layer in SINGLE else min(most, EXPANSION * inputs + inputs)


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Average over random networks, for one layer type and one nonlinearity.

    Attributes
    ----------
    x, y
        (ratio,) dimension ratios and mean rank ratios; NaN where no network has arrived.
    error
        (ratio,) standard error of the mean; NaN below two networks.
    networks
        (ratio,) networks that have arrived.
    """

    x: Floats
    y: Floats
    error: Floats
    networks: NDArray[np.int64]


def average(values: ArrayLike) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Mean, standard error and count over the last axis; NaN entries have not arrived.

    Examples
    --------
    >>> mean, error, count = average([1.0, 3.0, np.nan])
    >>> float(mean), float(error), int(count)
    (2.0, 1.0, 2)
    """
    raw = np.asarray(values, dtype=np.float64)
    known = np.isfinite(raw)
    count = np.asarray(known.sum(axis=-1), dtype=np.int64)
    total = np.where(known, raw, 0.0)
    mean = np.divide(total.sum(axis=-1), count, where=count > 0, out=np.full(count.shape, np.nan))
    spread = np.where(known, raw - mean[..., None], 0.0) ** 2
    room = np.maximum(count * (count - 1), 1)
    error = np.where(count > 1, np.sqrt(spread.sum(axis=-1) / room), np.nan)
    return mean, error, count


def curve(result: Result, layer: str, activation: str, quantity: str = "rank") -> Curve | None:
    """Average of a stored or running study; None if the layer type is not part of it.

    Parameters
    ----------
    quantity
        One of :data:`QUANTITIES`.
    """
    layers, ratios = result.names("type"), np.array([float(word) for word in result.names("ratio")])
    output = {"rank": "rank", "condition": "condition"}.get(quantity, f"{quantity}_channels")
    if layer not in layers or output not in result:
        return None
    place, column = layers.index(layer), result.names("activation").index(activation)
    values = np.asarray(result[output][place, :, :, column], dtype=np.float64)
    sizes = np.asarray(result["sizes"][place], dtype=np.float64)
    whole = sizes[..., SIZES.index("outputs")]
    if quantity == "condition":
        found = np.log10(np.maximum(values, FLOOR))
    else:
        if quantity != "rank" and layer not in SINGLE:
            whole = EXPANSION * sizes[..., SIZES.index("inputs")]  # the channels that enter the last nonlinearity
        found = np.where((values >= 0) & (whole > 0), values / np.where(whole > 0, whole, 1.0), np.nan)
    mean, error, count = average(found)
    return Curve(ratios, mean, error, count)


def drawn(result: Result, layer: str) -> tuple[int, int]:
    """Fewest and most networks that have arrived at the points of a layer type, (0, 0) if it is not measured."""
    found = curve(result, layer, ACTIVATIONS[0])
    return (int(found.networks.min()), int(found.networks.max())) if found is not None else (0, 0)


def comparable(result: Result, layer: str) -> bool:
    """Tell whether the published points belong beside a curve: not beside 3×3 layers on real patches."""
    return layer != "3x3" or "3x3: patches" not in result.facts.get("columns", "")


def difference(found: Curve, layer: str, activation: str) -> float:
    """Mean absolute difference from the published points; NaN without common points."""
    points = dict(published(layer, activation))
    gaps = [abs(y - points[x]) for x, y in zip(found.x.round(9).tolist(), found.y.tolist(), strict=True) if x in points]
    known = [gap for gap in gaps if math.isfinite(gap)]
    return sum(known) / len(known) if known else math.nan


def expected_seconds(
    layers: tuple[str, ...], networks: int, patches: bool = False, precision: str = "float32"
) -> float:
    """About how long a study takes on one core; pointwise 3×3 layers are those of 1×1 and cost nothing beside them."""
    counted = [layer for layer in layers if layer != "3x3" or patches or "1x1" not in layers]
    return networks * sum(SECONDS[layer] for layer in counted) * (1.6 if precision == "float64" else 1.0)


def chosen_types(layer: str) -> tuple[str, ...]:
    """Layer types that the parameter `layer` names: one, or all."""
    return TYPES if layer == "all" else (layer,)
