"""A second network behind the first: its runs, its axis, and which of its layers correspond. No widgets."""

from __future__ import annotations

import numpy as np

from app.reading.depth import DepthAxis, Floats, align, depth_axis
from app.reading.measurements import Metric, Values, fold, read
from app.workspace import Run, Workspace


def candidates(workspace: Workspace) -> list[Run]:
    """List runs that can be compared with: each with layers of its own, not the ones that are shown already."""
    shown = {id(workspace.latest(run.request.method)) for run in workspace.runs.values()}
    return [run for run in workspace.runs.values() if run.result.layers and id(run) not in shown]


class Compared:
    """The run that the user compares with, and everything else that was measured of the same network.

    Parameters
    ----------
    axis
        The axis of the open network.
    kinds
        Kinds that have a place on it.
    """

    def __init__(self, workspace: Workspace, run: Run, axis: DepthAxis, kinds: tuple[str, ...]) -> None:
        self.run = run
        self._runs = [other for other in workspace.runs.values() if _same_model(other, run) and other.result.layers]
        structure = next((other for other in self._runs if other.request.method == "structure"), run)
        self.axis = depth_axis(structure.result.layers, axis.mode, kinds)
        self._base = axis
        self._places = align(axis, self.axis)

    @property
    def name(self) -> str:
        """Words by which the second network is known."""
        prepared = self.run.result.prepared
        return self.run.title or (prepared.model if prepared else "") or self.run.name

    def values(self, metric: Metric) -> Values | None:
        """Read a metric of the second network on its own axis; None if it was not measured."""
        if metric.method == "structure":
            return fold(self.axis, read(metric, self.axis.layers, None), metric.combine)
        fits = [run for run in self._runs if run.request.method == metric.method and metric.output in run.result]
        run = self.run if self.run in fits else max(fits, key=lambda r: (r.began, r.number), default=None)
        if run is None:
            return None
        return fold(self.axis, read(metric, self.axis.layers, run.result), metric.combine)

    def outline(self, metric: Metric) -> tuple[Floats, float, Floats] | None:
        """Return places, half width and heights of the outline behind a track, None for nothing."""
        values = self.values(metric)
        if values is None or not values.any:
            return None
        if self._base.mode == "depth":
            return self.axis.x, self.axis.half, values.values
        return self._base.x, self._base.half, self.aligned(values)

    def aligned(self, values: Values) -> Floats:
        """Bring values of the second network to the places of the first; NaN where nothing corresponds."""
        picked = np.full(len(self._places), np.nan)
        there = self._places >= 0
        picked[there] = values.values[self._places[there]]
        return picked


def _same_model(one: Run, other: Run) -> bool:
    a, b = one.request.model, other.request.model
    return a is not None and b is not None and (a.name, a.weights) == (b.name, b.weights)
