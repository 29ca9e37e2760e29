"""Tracks of what is measured at points between layers: a value stands at the layer before its point, as on screen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.config import LayerSpec
from analysis.events import Output
from analysis.figures.measured import SERIES, at_checkpoint
from analysis.figures.second import counterparts, known_layers, name_of
from analysis.figures.sheet import Bars, Floats, Mark, Outline, Points
from analysis.measures.depth import depth_axis
from analysis.result import Result

ZERO = "exactly zero"


def point_measures(result: Result) -> dict[str, Output]:
    """Find what a run has one value per point of, at each of its checkpoints, by name."""
    return {output.name: output for output in result.outputs if output.dims == SERIES}


def point_marks(
    result: Result,
    measure: str,
    layers: Sequence[LayerSpec],
    ours: Sequence[Result],
    theirs: Sequence[Result],
    checkpoint: str,
) -> tuple[Mark, ...]:
    """Draw a measure of points over layers: bars, circles at zero, and an outline of a second network.

    Parameters
    ----------
    layers
        The layers that are drawn; the value of the last point between one and the next stands at it.
    ours, theirs
        All runs of both networks: those that know most rows say where points lie.
    checkpoint
        Of a run that is over it; else the last one with numbers.
    """
    points = _points(result, measure, checkpoint if checkpoint in result.names("checkpoint") else "")
    whole = known_layers(ours)
    axis = depth_axis(whole, "layers", tuple(dict.fromkeys(layer.kind for layer in layers)))
    lying = [_lying(whole, axis.slot_of_row == axis.slot_of(layer.name), points) for layer in layers]
    x = np.arange(len(layers), dtype=np.float64)
    values = np.array([points.get(name, np.nan) for name in lying])
    marks: tuple[Mark, ...] = (Bars(x, values, hue="bundles"),)
    fits = (one for one in theirs if one.request and result.request and one.request.method == result.request.method)
    second = next((one for one in fits if measure in one), None)
    if second is not None:
        there = _points(second, measure, "")
        twins = counterparts(whole, known_layers(theirs), lying)
        found = np.array([there.get(name, np.nan) for name in twins])
        marks += (Outline(x, found, name_of(second)),) if np.isfinite(found).any() else ()
    zero = values == 0
    return (*marks, Points(x[zero], values[zero], ZERO, "bundles", hollow=True)) if zero.any() else marks


def _points(result: Result, measure: str, checkpoint: str) -> dict[str, float]:
    """Values by the name of their point."""
    values: Floats = at_checkpoint(result, measure, checkpoint)
    return dict(zip((layer.name for layer in result.layers), values.tolist(), strict=True))


def _lying(whole: Sequence[LayerSpec], there: NDArray[np.bool_], points: dict[str, float]) -> str:
    """Name the point that speaks for a place: the last one there with a value, else the last one, "" for none."""
    names = [layer.name for layer, here in zip(whole, there.tolist(), strict=True) if here and layer.kind != "input"]
    known = [name for name in names if name in points]
    valued = [name for name in known if np.isfinite(points[name])]
    return (valued or known or [""])[-1]
