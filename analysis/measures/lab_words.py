"""What a study of the rank lab is, in words: its settings, what it reproduces, how the published points were read."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.measures import rank_lab as lab
from analysis.result import Result

UNREACHED = "No setting we tried reproduces these curves in value, only the Linear line and the end points."
ONE_POSITION = (
    "That the published Linear equals the ratio says that a column is one position with d_in degrees of freedom: mode "
    "pointwise."
)
REPRODUCED = {
    ("paper-like", "1x1"): "Preset P comes near the published curves; LeakyReLU ends slightly above the smooth "
    "functions and Hard-swish is low at ratio 0.1, which the published ones are not.",
    ("generic", "1x1"): "Preset G does not reproduce the published curves: generic features have nearly full rank at "
    "nearly every ratio, so that the plateau of ReLU near 0.96 cannot appear.",
    ("paper-like", "3x3"): ONE_POSITION,
    ("generic", "3x3"): f"Preset G does not reproduce the published curves, as for 1×1. {ONE_POSITION}",
    **{(preset, layer): UNREACHED for preset in lab.PRESETS for layer in ("bottleneck", "depthwise")},
}
"""What each preset reproduces of Figure 1, and what not: our own finding."""

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
ERROR = {layer: "±0.01" if layer in lab.SINGLE else "±0.02" for layer in lab.TYPES}


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
