"""What the rank lab says of its lines: values at a ratio, and how far they are from what was published."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from analysis.measures import rank_lab as lab
from analysis.result import Result
from app.drawing.lab_plot import HUES, Series
from app.drawing.readout import Entry
from app.reading import numbers
from app.reading.glossary import TERMS


def series_of(result: Result, layer: str, overlay: bool, quantity: str = "rank") -> tuple[Series, ...]:
    """Averages of all nonlinearities for one layer type, as far as they have come."""
    shown = overlay and quantity == "rank" and lab.comparable(result, layer)
    found = []
    for activation in lab.ACTIVATIONS:
        curve = lab.curve(result, layer, activation, quantity)
        if curve is not None and np.isfinite(curve.y).any():
            found.append(Series(activation, curve, lab.published(layer, activation) if shown else ()))
    return tuple(found)


def differences(series: tuple[Series, ...]) -> tuple[str, tuple[Entry, ...]]:
    """Heading and values: how far each line is from its published points on average."""
    entries = []
    for one in series:
        points = dict(one.published)
        gaps = [abs(y - points[x]) for x, y in zip(one.found.x.round(9), one.found.y, strict=True) if x in points]
        if one.activation != "linear" and gaps and all(map(math.isfinite, gaps)):
            text = f"{sum(gaps) / len(gaps):.3f}"
            entries.append(
                Entry(lab.ACTIVATION_TITLES[one.activation], text, HUES[one.activation], term="lab_distance")
            )
    return ("mean distance from the published points:", tuple(entries)) if entries else ("", ())


def entry_of(one: Series, column: int, at: float, outline: tuple[Series, ...], quantity: str) -> Entry:
    """Return the entry of a line, with the value of the same nonlinearity in the study behind it."""
    found = _entry(one, column, quantity)
    other = next((second for second in outline if second.activation == one.activation), None)
    places = np.flatnonzero(np.isclose(other.found.x, at)) if other is not None else np.empty(0, dtype=np.int64)
    if other is None or not len(places) or not math.isfinite(other.found.y[places[0]]):
        return found
    theirs = float(other.found.y[places[0]])
    if quantity == "condition":
        return replace(found, text=f"{found.text} (outline {numbers.scientific(10.0**theirs)})")
    return replace(
        found, text=f"{found.text} (outline {theirs:.3f}, {numbers.signed(float(one.found.y[column]) - theirs, 3)})"
    )


def _entry(one: Series, column: int, quantity: str = "rank") -> Entry:
    value, error = float(one.found.y[column]), float(one.found.error[column])
    term = "lab_rank_ratio" if quantity == "rank" else f"lab_{quantity}"
    spread = f" ± {error:.3f}" if math.isfinite(error) else ""
    text, exact = f"{value:.3f}{spread}", numbers.exact(value)
    if quantity == "condition":
        text, exact = numbers.scientific(10.0**value), numbers.exact(10.0**value)
        text += f" (± {error:.2g} decades)" if math.isfinite(error) else ""
    tip = f"{exact}\n{TERMS[term].definition}"
    shown = text if math.isfinite(value) else "not yet"
    return Entry(lab.ACTIVATION_TITLES[one.activation], shown, HUES[one.activation], tip, term)
