"""The lanes of the rank view: the profile over depth, the change by the activation, features beside weights."""

from __future__ import annotations

import numpy as np

from analysis.config import LayerSpec
from analysis.result import Result
from app.drawing.lanes import TONES, Lane
from app.reading import rank_reading
from app.reading.depth import DepthAxis, Floats, Ints
from app.reading.glossary import TERMS
from app.reading.measurements import NOT_APPLICABLE, NOT_MEASURED, VALUE, Values
from app.reading.rank_reading import RATIOS, Reading

PROFILE, CHANGE, WEIGHTS = "profile", "change", "weights"


def rows_of_slots(axis: DepthAxis, rows: tuple[LayerSpec, ...]) -> Ints:
    """Row of a run at every place of an axis, -1 where the run has none."""
    places = {layer.name: row for row, layer in enumerate(rows)}
    return np.array([places.get(slot.name, -1) for slot in axis.slots], dtype=np.int64)


def at_slots(axis: DepthAxis, result: Result, values: Values) -> Values:
    """Values of a run's rows at the places of an axis; a place the run does not have is not applicable."""
    rows = rows_of_slots(axis, result.layers)
    picked = rank_reading.of_rows(values, rows)
    picked.states[rows < 0] = NOT_APPLICABLE
    return picked


def at_rows(axis: DepthAxis, result: Result, values: Floats) -> Floats:
    """Plain numbers of a run's rows at the places of an axis, NaN elsewhere."""
    rows = rows_of_slots(axis, result.layers)
    picked = np.full(len(rows), np.nan)
    picked[rows >= 0] = values[rows[rows >= 0]]
    return picked


def profile_lane(axis: DepthAxis, result: Result, reading: Reading, beside: str) -> tuple[Lane, Values]:
    """Make the profile (plot B1): bars by kind, intervals, caps, and dots for a second measure."""
    term = reading.term
    values = at_slots(axis, result, rank_reading.read(result, reading))
    lane = Lane(
        key=PROFILE,
        title=term.title,
        unit=term.unit,
        hue="rank",
        values=values.values,
        states=values.states,
        low=values.low,
        high=values.high,
        tones=tones(axis),
        weight=3.0,
        hint=term.definition,
        page=term.page,
    )
    if reading.measure in RATIOS:
        ratio_caps(lane, axis, result)
    elif term.ceiling == "width":
        width = at_rows(axis, result, rank_reading.counts(result, "channels"))
        lane.ceiling = np.where(values.states <= 1, width, np.nan)
        lane.reach, lane.of_width = slot_widths(axis), True
    if beside:
        second = rank_reading.read(result, Reading(beside, reading.centred, reading.rtol))
        lane.dots = at_rows(axis, result, second.values)
        lane.dots_title = TERMS[beside].title
    lane.fit(1.0 if reading.measure in RATIOS else None)
    if beside in RATIOS:
        lane.dots_top = 1.0
    return lane, values


def ratio_caps(lane: Lane, axis: DepthAxis, result: Result) -> None:
    """Draw what a ratio could not reach: for want of observations, and the reach of a linear layer."""
    lane.cap = at_rows(axis, result, rank_reading.sample_caps(result))
    if not np.isfinite(lane.cap).any():
        lane.cap = None
    marker = at_rows(axis, result, caps_with_activations(result.layers))
    lane.marker = marker if np.isfinite(marker).any() else None


def caps_with_activations(layers: tuple[LayerSpec, ...]) -> Floats:
    """Linear caps of expanding layers, also for the activation right after one: what it lies above is its own doing."""
    caps = rank_reading.linear_caps(layers)
    for row, later in enumerate(rank_reading.activation_after(layers)):
        if later >= 0 and not rank_reading.after_sum(layers, row, int(later)):
            caps[later] = caps[row]
    return caps


def slot_widths(axis: DepthAxis) -> Floats:
    """Width of the layer at every place."""
    return np.array([float(axis.layers[slot.rows[-1]].channels) for slot in axis.slots])


def tones(axis: DepthAxis) -> Ints:
    """Tone of every place by the kind of its layer."""
    kinds = [axis.layers[slot.rows[-1]].kind for slot in axis.slots]
    return np.array([TONES.index(kind) if kind in TONES else 0 for kind in kinds], dtype=np.int64)


def change_lane(axis: DepthAxis, result: Result, reading: Reading) -> Lane:
    """Make the pairs of a convolution (hollow) and the activation after it (filled)."""
    values = rank_reading.read(result, reading)
    names = {layer.name: row for row, layer in enumerate(result.layers)}
    after = rank_reading.activation_after(axis.layers)
    rows = rows_of_slots(axis, result.layers)
    later = [int(after[slot.rows[-1]]) for slot in axis.slots]
    follower = np.array([names.get(axis.layers[row].name, -1) if row >= 0 else -1 for row in later], dtype=np.int64)
    rows = np.where(follower >= 0, rows, -1)
    before, behind = rank_reading.of_rows(values, rows), rank_reading.of_rows(values, follower)
    lane = Lane(
        key=CHANGE,
        title="Before and after activation",
        unit=reading.term.title.lower(),
        hue="rank",
        values=behind.values,
        states=np.full(len(rows), VALUE, dtype=np.uint8),
        second=before.values,
        style="change",
        weight=1.3,
        hint=f"{reading.term.title} of a convolution (hollow) and of the activation after it (filled).",
        page=reading.term.page,
    )
    lane.fit(1.0 if reading.measure in RATIOS else None)
    return lane


def weights_lane(axis: DepthAxis, result: Result, weights: Result, centred: bool) -> Lane:
    """Make the pairs of features (dark) and weights (pale): effective rank relative to the largest possible."""
    features = at_slots(axis, result, rank_reading.read(result, Reading("effective_rank_ratio", centred)))
    ratio = rank_reading.counts(weights, "effective_rank") / np.maximum(rank_reading.counts(weights, "components"), 1)
    second = at_rows(axis, weights, ratio)
    states = features.states.copy()
    states[~np.isfinite(second)] = NOT_APPLICABLE
    states[(states > VALUE) & (states != NOT_MEASURED)] = NOT_APPLICABLE
    lane = Lane(
        key=WEIGHTS,
        title="Features and weights",
        unit="left features, right weights",
        hue="rank",
        values=np.where(np.isfinite(second), features.values, np.nan),
        states=states,
        second=second,
        style="beside",
        weight=1.3,
        hint="Effective rank relative to the largest possible, of the features (left) and of the weights (right).",
        page=TERMS["effective_rank_ratio"].page,
    )
    lane.fit(1.0)
    return lane
