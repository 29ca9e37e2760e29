"""What a study of the rank lab is, in words: its settings, what it reproduces, how the published points were read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.measures import rank_lab as lab
from analysis.result import Result

UNREACHED = "No setting we tried reproduces these curves in value, only the Linear line and the end points."
ONE_POSITION = (
    "That the published Linear equals the ratio says that a column is one position with d_in degrees of freedom: mode "
    "pointwise."
)
REPRODUCED = {
    (
        "paper-like",
        "1x1",
    ): "Preset P comes near the published curves on the whole; LeakyReLU ends slightly above the smooth "
    "functions, which the published one does not.",
    ("generic", "1x1"): "Preset G does not reproduce the published curves: generic features have nearly full rank at "
    "nearly every ratio, so that the plateau of ReLU near 0.96 cannot appear.",
    (
        "paper-like",
        "3x3",
    ): f"Preset P draws the networks of 1×1 and comes as near to what was read here. {ONE_POSITION}",
    ("generic", "3x3"): f"Preset G does not reproduce the published curves, as for 1×1. {ONE_POSITION}",
    **{(preset, layer): UNREACHED for preset in lab.PRESETS for layer in ("bottleneck", "depthwise")},
}
"""What each preset reproduces of Figure 1, and what not: our own finding."""

MEANINGS = {
    "dead": "Mean share of the channels that are never positive where they enter the last nonlinearity: zero rows "
    "under ReLU. Nothing of this is published.",
    "always_on": "Mean share of the channels that are never negative where they enter the last nonlinearity: they act "
    "linearly under ReLU. Nothing of this is published.",
    "condition": "Geometric mean of the smallest singular value divided by the largest; what is below 10⁻¹⁶, as "
    "without full rank, counts as 10⁻¹⁶. Nothing of this is published.",
}
"""What the quantities beside the rank are."""

_NONE = "ELU and LeakyReLU have no published points"
_SHARED = "ReLU6 and ReLU share theirs, as do SiLU and Hard-swish"
READING = {
    "1x1": "±0.01; which of the two topmost curves is Hard-swish and which SiLU is a colour judgement",
    "3x3": "±0.01, at ratio 0.1 only",
    "bottleneck": f"±0.02; {_NONE}; {_SHARED}; the 0.565 of ReLU6 and ReLU at ratio 0.2 is the middle of the 0.55–0.58 "
    "that was read",
    "depthwise": f"±0.02; {_NONE}; {_SHARED}",
}
"""How well the points of a panel could be read off Figure 1, and which could not."""
TIED = 0.002
"""Means that are this close are named together."""
SMALLEST = lab.RATIOS[0]
READ_ERROR = {layer: 0.01 if layer in lab.SINGLE else 0.02 for layer in lab.TYPES}
"""How well the points could be read."""
ERROR = {layer: f"±{error:g}" for layer, error in READ_ERROR.items()}


@dataclass(frozen=True, slots=True)
class Study:
    """What was asked of a study.

    Attributes
    ----------
    rtol
        Tolerance of the rank, 0 for the one that goes with the precision.
    patches
        True if 3×3 layers saw real patches.
    """

    preset: lab.Preset
    rtol: float
    patches: bool


def study_of(result: Result) -> Study:
    """Read what was asked off a stored or running study."""
    params = dict(result.request.params) if result.request else {}
    preset = lab.PRESETS[str(params.get("preset", "paper-like"))]
    return Study(preset, float(params.get("rtol", 0.0)), str(params.get("mode", "pointwise")) == "patches")


def reproduced(study: Study, layer: str) -> str:
    """Say what the settings of a study reproduce of the published curves of a layer type, and what not."""
    if study.patches and layer == "3x3":
        return "Real 3×3 patches: the published curves are those of single positions and do not belong here."
    if study.rtol:
        return (
            f"With a tolerance of {study.rtol:g} this is neither preset P nor G, of which alone it is known what they "
            "reproduce."
        )
    return REPRODUCED[study.preset.name, layer]


def missed(result: Result, layer: str) -> str:
    """Say which curves of a study differ from the published ones, and whether their order does; "" for no points.

    A curve is off where it differs by more than the points could be read and than two standard errors.
    """
    if not lab.comparable(result, layer):
        return ""
    found = {name: curve for name in lab.ACTIVATIONS[1:] if (curve := lab.curve(result, layer, name)) is not None}
    return " ".join(filter(None, (_off(found, layer), _order(found, layer))))


def _off(found: dict[str, lab.Curve], layer: str) -> str:
    """Name the curves that are off at the smallest ratio, where the published ones lie farthest apart."""
    gaps = []
    for name, curve in found.items():
        points = dict(lab.published(layer, name))
        if SMALLEST in points and np.isfinite(curve.error[0]):
            gaps.append((name, float(curve.y[0]) - points[SMALLEST], 2 * float(curve.error[0])))
    if not gaps:
        return ""
    off = [(name, gap) for name, gap, spread in gaps if abs(gap) > READ_ERROR[layer] + spread]
    if not off:
        return f"At ratio {SMALLEST} every curve agrees with its published point."
    off.sort(key=lambda pair: -abs(pair[1]))
    words = [f"{lab.ACTIVATION_TITLES[name]} {'+' if gap > 0 else '−'}{abs(gap):.3f}" for name, gap in off]
    verb = "is" if len(off) == 1 else "are"
    return (
        f"At ratio {SMALLEST}, {len(off)} of {len(gaps)} curves {verb} off by more than reading error and two standard "
        f"errors: {', '.join(words)}."
    )


def _order(found: dict[str, lab.Curve], layer: str) -> str:
    """Say which curves are highest and lowest here and in the paper, if these are not the same."""
    means: dict[str, tuple[float, float, float]] = {}  # of a curve: here, its standard error, published
    for name, curve in found.items():
        points = dict(lab.published(layer, name))
        columns = [i for i, x in enumerate(curve.x.round(9).tolist()) if x in points and x < 1]
        if columns and np.isfinite(curve.error[columns]).all():
            there = [points[float(x)] for x in curve.x[columns].round(9)]
            error = float(np.sqrt((curve.error[columns] ** 2).sum())) / len(columns)
            means[name] = (float(curve.y[columns].mean()), error, sum(there) / len(there))
    if len(means) < 2:
        return ""
    words = []
    for sign, end in ((1, "highest"), (-1, "lowest")):
        first = max(means, key=lambda name: sign * means[name][0])
        theirs = max(sign * published for _, _, published in means.values())
        group = [name for name, (_, _, there) in means.items() if theirs - sign * there <= READ_ERROR[layer]]
        gap = min(sign * (means[first][0] - means[name][0]) for name in group)
        spread = 2 * max(float(np.hypot(means[first][1], means[name][1])) for name in group)
        if gap > spread:
            ours = [name for name in means if abs(means[first][0] - means[name][0]) < TIED]
            words.append(f"{_named(ours)} {'is' if len(ours) == 1 else 'are'} {end} (published: {_named(group)})")
    return f"The order differs: here, of the curves with points, {' and '.join(words)}." if words else ""


def _named(names: list[str]) -> str:
    return " and ".join(lab.ACTIVATION_TITLES[name] for name in names)


def named(result: Result) -> str:
    """Name a study among others: its preset and mode, how many networks it drew, its seed."""
    study = study_of(result)
    networks = result["rank"].shape[2] if "rank" in result else 0
    seed = result.request.seed if result.request is not None else 0
    words = (
        study.preset.title, "patches" if study.patches else "", f"{networks:,} networks" if networks else "",
        f"seed {seed}",
    )  # fmt: skip
    return ", ".join(word for word in words if word)


def reading(layer: str) -> str:
    """Say how well the published points of a layer type are known."""
    return f"Published points are read off Figure 1{lab.PANELS[layer]} by eye: {READING[layer]}."


def settings(study: Study, layers: tuple[str, ...]) -> tuple[str, ...]:
    """List every setting that some layer types were drawn with, each in a few words; the mode is always told."""
    preset = study.preset
    single, several = any(layer in lab.SINGLE for layer in layers), any(layer not in lab.SINGLE for layer in layers)
    weights = [f"standard normal{' / √d_in' if preset.scaled else ''}"] * single
    weights += ["uniform ±1/√fan-in (9 taps counted)"] * several
    sizes = dict.fromkeys(f"{low}…{high}" for low, high in map(lab.output_range, layers))
    eps = f"max(d_out, N) × eps of {preset.precision}"
    norm = "batch statistics, biased variance, eps 1e-5, no affine part" if preset.normalised else "none"
    return (
        f"preset {preset.title}",
        f"mode {'patches (3×3), pointwise (others)' if study.patches and '3x3' in layers else 'pointwise'}",
        f"X {'uniform [0, 1)' if preset.inputs == 'uniform' else 'standard normal'}",
        f"W {', bottlenecks '.join(weights)}",
        f"normalisation {norm}",
        preset.precision,
        f"tolerance {study.rtol:g}" if study.rtol else f"tolerance {eps}",
        f"d_out uniform in {', bottlenecks '.join(sizes)}",
        "d_in = max(1, ⌊ratio × d_out + ½⌋)",
        "N = ⌈1.2 × d_out⌉ + 1",
        f"slope of LeakyReLU {lab.SLOPE:g}",
        *([f"expansion in bottlenecks {lab.EXPANSION}"] if several else []),
    )
