"""Widths and costs of the edited network at the rows of the original, in closed form. No widgets."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from weakref import WeakKeyDictionary

import numpy as np

from analysis.edits import Edits
from analysis.measures.widths.costs import CostModel, Costs
from analysis.measures.widths.description import from_bytes
from analysis.measures.widths.legal import objections
from analysis.problems import AnalysisError
from analysis.result import Result
from app.reading.depth import DepthAxis, Floats
from app.reading.measurements import NOT_APPLICABLE, VALUE, ZERO, Metric, Values, fold
from app.reading.width_reading import base_edits
from app.reading.width_runs import newest
from app.workspace import Workspace

METHOD = "width_groups"
NAME = "edited network"
COUNTED = ("width", "parameters", "macs", "activation_bytes")
"""What is known of every layer of an edited network before it is made."""


_models: WeakKeyDictionary[Result, CostModel | None] = WeakKeyDictionary()
"""What was read of each description of width groups, None for one that cannot be read: several panels ask for it."""


def outline(workspace: Workspace, axis: DepthAxis, metric: Metric) -> tuple[Floats, float, Floats] | None:
    """Return places, half width and values of the edited network, None while no width is changed.

    Of a metric that is not counted in closed form there are none.
    """
    known = by_layer(workspace, metric.output) if metric.method == "structure" else {}
    if not known:
        return None
    values = np.array([known.get(layer.name, np.nan) for layer in axis.layers])
    states = np.where(np.isnan(values), NOT_APPLICABLE, np.where(values == 0, ZERO, VALUE)).astype(np.uint8)
    return axis.x, axis.half, fold(axis, Values(values, None, None, states), metric.combine).values


def by_layer(workspace: Workspace, output: str = "width") -> Mapping[str, float]:
    """Return one of `COUNTED` of every layer of the edited network; empty while nothing is changed or known."""
    found = _costs(workspace) if workspace.edits.widths and _is_known(workspace.edits, output) else None
    if found is None:
        return {}
    model, costs = found
    values = getattr(costs, output).tolist()
    known = {row.layer: float(value) for row, value in zip(model.found.rows, values, strict=True)}
    return _with_points(workspace, known) if output == "width" else known


def _with_points(workspace: Workspace, known: Mapping[str, float]) -> Mapping[str, float]:
    """Add the widths of points that have no weights and cost nothing, which no width group lists.

    A row that is the tensor of another one is as wide as that; what enters a sum is tied to what came last with as many
    channels, see the help on width groups.
    """
    found, last = dict(known), dict[int, str]()
    for layer in workspace.layers:
        if layer.kind in ("branch", "block") and layer.name not in found:
            tied = layer.same_as or last.get(layer.channels, "")
            found |= {layer.name: found[tied]} if tied in found else {}
        last[layer.channels] = layer.name
    return found


def of_layer(workspace: Workspace, name: str) -> dict[str, float]:
    """Return all of `COUNTED` of one layer of the edited network; empty while nothing is changed or known."""
    found = _costs(workspace) if workspace.edits.widths else None
    if found is None:
        return {}
    model, costs = found
    row = next((place for place, row in enumerate(model.found.rows) if row.layer == name), -1)
    known = [output for output in COUNTED if _is_known(workspace.edits, output)]
    return {output: float(getattr(costs, output)[row]) for output in known} if row >= 0 else {}


def totals(workspace: Workspace) -> tuple[float, float] | None:
    """Return parameters and multiply-adds of the edited network, None while nothing is changed or known."""
    found = _costs(workspace)
    if found is None or not _is_known(workspace.edits, "parameters"):
        return None
    return float(found[1].totals.parameters), float(found[1].totals.macs)


def _is_known(edits: Edits, output: str) -> bool:
    """Tell whether one of `COUNTED` follows from widths alone: another geometry or a ring has costs of its own."""
    return output == "width" or (output in COUNTED and not edits.geometry and not edits.ring)


def _costs(workspace: Workspace) -> tuple[CostModel, Costs] | None:
    edits = workspace.edits
    run = newest(workspace, METHOD, base_edits(edits))
    model = _model(run.result) if run is not None and run.state == "completed" else None
    if model is None:
        return None
    known = {group.name for group in model.found.groups if not group.locked}
    costs = _evaluated(model, tuple(pair for pair in edits.widths if pair[0] in known))
    return None if costs is None else (model, costs)


@lru_cache(maxsize=4)  # every lane, column and line asks for the same edits, also while a handle is dragged
def _evaluated(model: CostModel, widths: tuple[tuple[str, int], ...]) -> Costs | None:
    """Count what a configuration costs, None for one that cannot be made."""
    return None if objections(model.found, dict(widths)) else model.costs(dict(widths))


def _model(result: Result) -> CostModel | None:
    if result not in _models:
        try:
            _models[result] = CostModel(from_bytes(result["description"].astype(np.uint8)))
        except AnalysisError:
            _models[result] = None
    return _models[result]
