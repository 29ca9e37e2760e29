"""What can be asked of an attribution, and how to read its answer. numpy only: the window calls it too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

GOOD, FAIR = 0.01, 0.05
"""Convergence delta, relative to the difference of the outputs, that is still called good, fair. Our own choice."""
HIGHEST = 99.5
"""Percentile of the magnitudes that the end of a colour scale stands for: single pixels shall not dim all others."""


@dataclass(frozen=True, slots=True)
class Algorithm:
    """A way to attribute.

    Attributes
    ----------
    name, title, summary
        Name in code, words of the window, one line.
    layered
        True if it looks at a layer.
    complete
        True if its values should add up to the difference of the outputs, so that it has a convergence delta.
    signed
        True if values above zero speak for the class and those below zero against it; False if they are magnitudes.
    """

    name: str
    title: str
    summary: str
    layered: bool = False
    complete: bool = False
    signed: bool = True


ALGORITHMS = (
    Algorithm(
        "saliency",
        "Saliency",
        "How much the class score changes with each pixel: magnitude of the gradient, largest over colours.",
        signed=False,
    ),
    Algorithm(
        "integrated_gradients",
        "Integrated gradients",
        "Gradient averaged on the way from the baseline to the picture, times the difference.",
        complete=True,
    ),
    Algorithm(
        "deep_lift",
        "DeepLift",
        "Differences from the baseline, handed back through every non-linearity (rescale rule).",
        complete=True,
    ),
    Algorithm("occlusion", "Occlusion", "How much the class score falls when a window is covered by the baseline."),
    Algorithm("grad_cam", "Grad-CAM", "Maps of a layer, weighted by their mean gradient.", layered=True),
    Algorithm("guided_grad_cam", "Guided Grad-CAM", "Grad-CAM times guided backpropagation.", layered=True),
    Algorithm(
        "layer_conductance",
        "Layer conductance",
        "Integrated gradients as they flow through the units of a layer.",
        layered=True,
        complete=True,
    ),
)
NAMES = tuple(algorithm.name for algorithm in ALGORITHMS)
_BY_NAME = {algorithm.name: algorithm for algorithm in ALGORITHMS}


def algorithm(name: str) -> Algorithm:
    """Return an algorithm by name.

    Raises
    ------
    KeyError
        For an unknown name.
    """
    return _BY_NAME[name]


def relative_delta(delta: float, difference: float) -> float:
    """Convergence delta relative to the difference of the outputs, NaN where either is missing.

    Parameters
    ----------
    delta
        Sum of the attribution less the difference.
    difference
        Score of the picture less score of the baseline.
    """
    if not np.isfinite(delta) or not np.isfinite(difference):
        return float("nan")
    if difference == 0:
        return 0.0 if delta == 0 else float("inf")
    return abs(delta) / abs(difference)


def delta_words(share: float) -> str:
    """Say how good a relative convergence delta is: "good", "fair", "poor", or "" where there is none.

    Examples
    --------
    >>> delta_words(0.003), delta_words(0.3)
    ('good', 'poor')
    """
    if np.isnan(share):
        return ""
    return "good" if share <= GOOD else "fair" if share <= FAIR else "poor"


def scale_of(maps: Floats) -> float:
    """End of a colour scale that is symmetric about zero: the 99.5th percentile of the magnitudes, 1 for all zero."""
    magnitudes = np.abs(maps[np.isfinite(maps)])
    if not magnitudes.size:
        return 1.0
    return float(np.percentile(magnitudes, HIGHEST)) or float(magnitudes.max()) or 1.0
