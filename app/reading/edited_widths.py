"""Widths of the edited network over the depth of the original: an outline for the width track. No widgets."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from analysis.measures.widths.costs import CostModel
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


class EditedWidths:
    """Reads the description of the width groups once, and evaluates it for the present edits."""

    def __init__(self) -> None:
        self._read: tuple[Result | None, CostModel | None] = (None, None)

    def outline(self, workspace: Workspace, axis: DepthAxis) -> tuple[Floats, float, Floats] | None:
        """Return places, half width and channels of the edited network, None while no width is changed."""
        by_layer = self.by_layer(workspace)
        if not by_layer:
            return None
        widths = np.full(len(axis.slots), np.nan)
        for place, slot in enumerate(axis.slots):
            known = [by_layer[name] for row in slot.rows if (name := axis.layers[row].name) in by_layer]
            widths[place] = known[-1] if known else np.nan
        return axis.x, axis.half, widths

    def by_layer(self, workspace: Workspace) -> Mapping[str, float]:
        """Channels of every layer of the edited network; empty while nothing is changed or known."""
        edits = workspace.edits
        run = newest(workspace, METHOD, base_edits(edits)) if edits.widths else None
        model = self._model(run.result) if run is not None and run.state == "completed" else None
        if model is None:
            return {}
        known = {group.name for group in model.found.groups if not group.locked}
        widths = {name: width for name, width in edits.widths if name in known}
        if objections(model.found, widths):
            return {}
        channels = model.costs(widths).width.tolist()
        return {row.layer: float(width) for row, width in zip(model.found.rows, channels, strict=True)}

    def _model(self, result: Result) -> CostModel | None:
        if self._read[0] is not result:
            try:
                self._read = (result, CostModel(from_bytes(result["description"].astype(np.uint8))))
            except AnalysisError:
                self._read = (result, None)
        return self._read[1]
