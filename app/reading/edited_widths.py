"""Widths of the edited network over the depth of the original: an outline for the width track. No widgets."""

from __future__ import annotations

from collections.abc import Mapping
from weakref import WeakKeyDictionary

import numpy as np

from analysis.measures.widths.costs import CostModel, Costs
from analysis.measures.widths.description import from_bytes
from analysis.measures.widths.legal import objections
from analysis.problems import AnalysisError
from analysis.result import Result
from app.reading.depth import DepthAxis, Floats
from app.reading.width_reading import base_edits
from app.reading.width_runs import newest
from app.workspace import Workspace

METHOD = "width_groups"
NAME = "edited widths"


_models: WeakKeyDictionary[Result, CostModel | None] = WeakKeyDictionary()
"""What was read of each description of width groups, None for one that cannot be read: several panels ask for it."""


def outline(workspace: Workspace, axis: DepthAxis) -> tuple[Floats, float, Floats] | None:
    """Return places, half width and channels of the edited network, None while no width is changed."""
    known = by_layer(workspace)
    if not known:
        return None
    widths = np.full(len(axis.slots), np.nan)
    for place, slot in enumerate(axis.slots):
        found = [known[name] for row in slot.rows if (name := axis.layers[row].name) in known]
        widths[place] = found[-1] if found else np.nan
    return axis.x, axis.half, widths


def by_layer(workspace: Workspace) -> Mapping[str, float]:
    """Channels of every layer of the edited network; empty while nothing is changed or known."""
    found = _costs(workspace) if workspace.edits.widths else None
    if found is None:
        return {}
    model, costs = found
    return {row.layer: float(width) for row, width in zip(model.found.rows, costs.width.tolist(), strict=True)}


def totals(workspace: Workspace) -> tuple[float, float] | None:
    """Return parameters and multiply-adds of the edited network, None while nothing is changed or known."""
    edits, found = workspace.edits, _costs(workspace)
    if found is None or edits.geometry or edits.ring:
        return None
    return float(found[1].totals.parameters), float(found[1].totals.macs)


def _costs(workspace: Workspace) -> tuple[CostModel, Costs] | None:
    edits = workspace.edits
    run = newest(workspace, METHOD, base_edits(edits))
    model = _model(run.result) if run is not None and run.state == "completed" else None
    if model is None:
        return None
    known = {group.name for group in model.found.groups if not group.locked}
    widths = {name: width for name, width in edits.widths if name in known}
    return None if objections(model.found, widths) else (model, model.costs(widths))


def _model(result: Result) -> CostModel | None:
    if result not in _models:
        try:
            _models[result] = CostModel(from_bytes(result["description"].astype(np.uint8)))
        except AnalysisError:
            _models[result] = None
    return _models[result]
