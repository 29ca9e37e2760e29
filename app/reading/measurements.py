"""What is known of the open network, one value per layer, from its structure and from every run. No widgets."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.config import LayerSpec
from analysis.events import EMPTY, Output
from analysis.result import Result
from app.reading.depth import DepthAxis, Floats
from app.reading.glossary import TERMS, hue, term
from app.weights import Weights, place_of
from app.workspace import Run, Workspace

VALUE, ZERO, NOT_MEASURED, NOT_APPLICABLE, NON_FINITE = range(5)
"""States of a value; everything but VALUE is drawn as a neutral mark."""
STATE_WORDS = ("", "exactly zero", "not measured", "not applicable", "not finite")
STATE_TEXTS = ("", "0", "not measured", "not applicable", "not finite")

States = NDArray[np.uint8]
RATIO = "effective_rank_ratio"
"""The one measure that is made of two outputs."""
STRUCTURE = ("width", "parameters", "parameters_used", "macs", "activation_bytes")
_FIELDS = {"width": "channels"}
_COSTS = ("parameters", "parameters_used", "macs")
_REPEATED = (*STRUCTURE, "channels", "state")
"""Outputs that say again what the structure says, or are codes and no measures."""
POINT = "point"
"""Combines values of points between layers: a place shows the last point that lies there."""
_PER_LAYER = (("layer",), ("checkpoint", "point"))
_NONE_FOUND = ("critical_tolerance",)
"""Outputs in which NaN says that there is none, not that it could not be computed."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One value per layer that can be a track, a column or a line of the inspector.

    Attributes
    ----------
    key
        "method.output", with "@number" for a run that is not the newest of its method.
    method, output
        Where it comes from; the method "structure" stands for the network itself.
    run
        Number of the run, None for the newest of the method.
    title, unit, definition, page, combine, ceiling
        See :class:`app.reading.glossary.Term`.
    hue
        Colour role.
    """

    key: str
    method: str
    output: str
    run: int | None
    title: str
    unit: str
    definition: str
    page: str
    combine: str
    ceiling: str
    hue: str


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """A metric, for every layer of a network or every place of an axis.

    Attributes
    ----------
    values
        (n,) float64; NaN where there is nothing to draw.
    low, high
        (n,) float64, ends of the interval, or None.
    states
        (n,) uint8: VALUE, ZERO, NOT_MEASURED, NOT_APPLICABLE or NON_FINITE.
    """

    values: Floats
    low: Floats | None
    high: Floats | None
    states: States

    @property
    def any(self) -> bool:
        """True if there is a value to show."""
        return bool(np.any(self.states <= ZERO))

    def largest(self) -> float:
        """Largest value or end of an interval, 0 if there is none."""
        parts = [part[np.isfinite(part)] for part in (self.values, self.high) if part is not None]
        return float(max((part.max() for part in parts if part.size), default=0.0))


def structure_metric(output: str) -> Metric:
    """Return a metric that the network itself provides."""
    known = TERMS[output]
    role = "widths" if output == "width" else "cost"
    return Metric(
        f"structure.{output}", "structure", output, None, known.title, known.unit, known.definition, known.page,
        known.combine, "", role,
    )  # fmt: skip


def output_metric(run: Run, output: Output, newest: bool = True) -> Metric:
    """Return the metric of an output with one value per layer, or per checkpoint and point."""
    method = run.request.method
    known = term(method, output.name, output.title, output.unit)
    return Metric(
        key=f"{method}.{output.name}" + ("" if newest else f"@{run.number}"),
        method=method,
        output=output.name,
        run=None if newest else run.number,
        title=known.title,
        unit=output.unit or known.unit,
        definition=known.definition,
        page=known.page,
        combine=POINT if output.dims == _PER_LAYER[1] else known.combine,
        ceiling=known.ceiling,
        hue=hue(method),
    )


def available(workspace: Workspace) -> tuple[Metric, ...]:
    """List what there is one value per layer of: the structure, the newest run of each method, then older runs."""
    found = [structure_metric(output) for output in STRUCTURE] if workspace.layers else []
    runs = [run for run in workspace.runs.values() if run.result.declared and run.purpose == "measure"]
    newest = {method: workspace.latest(method) for method in dict.fromkeys(run.request.method for run in runs)}
    for run in newest.values():
        if run is not None:
            found += [output_metric(run, output) for output in _per_layer(run)]
    for run in runs:
        if run is not newest[run.request.method] and _same_network(workspace, run):
            found += [
                replace(metric, title=f"{metric.title} · {run.title or f'run {run.number}'}")
                for metric in (output_metric(run, output, newest=False) for output in _per_layer(run))
            ]
    return tuple(found)


def _per_layer(run: Run) -> list[Output]:
    """List outputs with one value per layer that are no interval of another and do not repeat the structure."""
    names = {output.name for output in run.result.outputs}
    made = [Output(RATIO, ("layer",), ())] if {"effective_rank", "channels"} <= names and _is_rank(run) else []
    outputs = made + [
        output
        for output in run.result.outputs
        if output.dims in _PER_LAYER
        and not (output.name.endswith(("_low", "_high")) and output.name.rsplit("_", 1)[0] in names)
        and output.name not in _REPEATED
    ]
    order = {name: number for number, name in enumerate(TERMS)}
    return sorted(outputs, key=lambda output: order.get(output.name, len(order)))


def _is_rank(run: Run) -> bool:
    return run.request.method == "feature_rank"


def _same_network(workspace: Workspace, run: Run) -> bool:
    model = run.request.model
    return bool(
        model and workspace.model and (model.name, model.weights) == (workspace.model.name, workspace.model.weights)
    )


def totals(workspace: Workspace) -> tuple[float, float]:
    """Return parameters and multiply-adds of the whole network, as the engine counted them."""
    structure = workspace.counted
    if structure is not None and "total_parameters" in structure and "total_macs" in structure:
        return structure.value("total_parameters"), structure.value("total_macs")
    layers = workspace.layers
    return float(sum(layer.parameters for layer in layers)), float(sum(layer.macs for layer in layers))


def used_words(workspace: Workspace) -> str:
    """Say how many weights the open network computes with, "" where no weight is shared and all is said already."""
    counted = workspace.counted
    if counted is None or "total_parameters_used" not in counted:
        return ""
    used = counted.value("total_parameters_used")
    if used <= counted.value("total_parameters"):
        return ""
    return f"{used:,.0f} weights are computed with, shared ones counted at every layer"


def source(workspace: Workspace, metric: Metric) -> Run | None:
    """Return the run behind a metric, None for the structure or a run that has gone."""
    if metric.method == "structure":
        return None
    return workspace.latest(metric.method) if metric.run is None else workspace.runs.get(metric.run)


def read(metric: Metric, layers: tuple[LayerSpec, ...], result: Result | None, weights: Weights = ()) -> Values:
    """Read a metric for every layer of a network.

    Parameters
    ----------
    layers
        The rows to read it for; rows of the result are found by name.
    result
        Where it was measured; None for the structure, or where there is no run.
    weights
        Which checkpoint to read of a run over several; the last one that has numbers if it is not among them.
    """
    if metric.method == "structure":
        return read_structure(metric.output, layers)
    if result is None:
        return nothing(len(layers))
    if metric.output == RATIO:
        return _ratio(metric, layers, result)
    if metric.output not in result:
        return nothing(len(layers))
    rows = _rows(layers, result)
    values = _pick(result, metric.output, rows, weights)
    low = _pick(result, f"{metric.output}_low", rows, weights) if f"{metric.output}_low" in result else None
    high = _pick(result, f"{metric.output}_high", rows, weights) if f"{metric.output}_high" in result else None
    states = _states(values, rows, layers, result)
    if metric.output in _NONE_FOUND:
        states[states == NON_FINITE] = NOT_APPLICABLE
    return Values(values, low, high, states)


def _ratio(metric: Metric, layers: tuple[LayerSpec, ...], result: Result) -> Values:
    """Effective rank relative to the number of channels that were measured."""
    whole = read(replace(metric, output="effective_rank"), layers, result)
    width = _pick(result, "channels", _rows(layers, result))
    low, high = (None if part is None else part / width for part in (whole.low, whole.high))
    return Values(whole.values / width, low, high, whole.states)


def nothing(count: int) -> Values:
    """Return values of which none has been measured."""
    return Values(np.full(count, np.nan), None, None, np.full(count, NOT_MEASURED, dtype=np.uint8))


def read_structure(output: str, layers: tuple[LayerSpec, ...]) -> Values:
    """Read widths and costs off the layers themselves."""
    field = _FIELDS.get(output, output)
    values = np.array([float(getattr(layer, field)) for layer in layers], dtype=np.float64)
    states = np.where(values == 0, ZERO, VALUE).astype(np.uint8)
    if output in _COSTS:
        # An activation has no weights: that is no zero that anyone measured. A layer with shared weights does have a 0.
        without = np.array([layer.kind not in ("conv", "linear") for layer in layers], dtype=bool)
        states[(values == 0) & without] = NOT_APPLICABLE
    elif output == "width":
        states[values == 0] = NOT_APPLICABLE
    values[states == NOT_APPLICABLE] = np.nan
    return Values(values, None, None, states)


def _rows(layers: tuple[LayerSpec, ...], result: Result) -> NDArray[np.int64]:
    if layers is result.layers:
        return np.arange(len(layers))
    places = {layer.name: i for i, layer in enumerate(result.layers)}
    return np.array([places.get(layer.name, -1) for layer in layers], dtype=np.int64)


def _pick(result: Result, name: str, rows: NDArray[np.int64], weights: Weights = ()) -> Floats:
    array = result[name]
    values = array.astype(np.float64)
    if array.dtype.kind in "iu":
        values[array == EMPTY[array.dtype.name]] = np.nan
    if values.ndim == 2:
        known = np.flatnonzero(np.isfinite(values).any(axis=1))
        shown = place_of(result.names("checkpoint"), weights)
        values = values[shown if shown >= 0 else known[-1] if len(known) else -1]
    picked = np.full(len(rows), np.nan)
    picked[rows >= 0] = values[rows[rows >= 0]]
    return picked


def states_of(values: Floats, result: Result) -> States:
    """Tell what the values of a run's own rows are; what is not finite becomes NaN.

    What is missing from a completed run was looked at and gave no finite number; from any other run it has not arrived.
    """
    completed = result.finished is not None and str(result.finished.outcome) == "completed"
    states = np.full(len(values), VALUE, dtype=np.uint8)
    states[values == 0] = ZERO
    states[np.isnan(values)] = NON_FINITE if completed else NOT_MEASURED
    states[np.isinf(values)] = NON_FINITE
    values[states == NON_FINITE] = np.nan
    return states


def _states(values: Floats, rows: NDArray[np.int64], layers: tuple[LayerSpec, ...], result: Result) -> States:
    """Tell what values are; a row that the run does not have is not applicable if the run has none of its kind."""
    states = states_of(values, result)
    kinds = {layer.kind for layer in result.layers}
    foreign = np.array([layer.kind not in kinds for layer in layers], dtype=bool)
    states[rows < 0] = NOT_MEASURED
    states[(rows < 0) & foreign] = NOT_APPLICABLE
    return states


def fold(axis: DepthAxis, values: Values, combine: str) -> Values:
    """Bring values of layers onto the places of an axis.

    Where a place holds several layers, costs are added and everything else is taken from the last layer that has it.
    """
    if combine == POINT and axis.slots:
        lying = [_lying(axis, place) for place in range(len(axis.slots))]
        picked = np.array([_standing_for(rows, values.states) for rows in lying], dtype=np.int64)
        return Values(values.values[picked], None, None, values.states[picked])
    if all(len(slot.rows) == 1 for slot in axis.slots):
        rows = np.array([slot.rows[0] for slot in axis.slots], dtype=np.int64)
        low, high = (None if part is None else part[rows] for part in (values.low, values.high))
        return Values(values.values[rows], low, high, values.states[rows])
    picked = np.array([_standing_for(slot.rows, values.states) for slot in axis.slots], dtype=np.int64)
    folded, states = values.values[picked].copy(), values.states[picked].copy()
    if combine == "sum":
        for i, slot in enumerate(axis.slots):
            rows = np.array(slot.rows)
            shown = values.states[rows] <= ZERO
            if shown.any():
                folded[i] = values.values[rows[shown]].sum()
                states[i] = VALUE if folded[i] else ZERO
        return Values(folded, None, None, states)
    low, high = (None if part is None else part[picked] for part in (values.low, values.high))
    return Values(folded, low, high, states)


def _lying(axis: DepthAxis, place: int) -> tuple[int, ...]:
    """Rows at a place: those that have it, and points that follow them; the input has no place of its own."""
    rows = [row for row in np.flatnonzero(axis.slot_of_row == place).tolist() if axis.layers[row].kind != "input"]
    return tuple(rows) or axis.slots[place].rows


def _standing_for(rows: tuple[int, ...], states: States) -> int:
    """Row that speaks for a place: the last one with a value, else the one whose state says most."""
    for row in reversed(rows):
        if states[row] <= ZERO:
            return row
    return min(reversed(rows), key=lambda row: int(states[row]))
