"""A second network behind the first: its runs, its axis, and which of its layers correspond. No widgets."""

from __future__ import annotations

from pathlib import PurePath

import numpy as np

from analysis.config import KINDS, LayerSpec
from app.reading.depth import DepthAxis, Floats, Ints, align, depth_axis
from app.reading.measurements import NOT_APPLICABLE, ZERO, Metric, States, Values, fold, read, source
from app.workspace import Run, Workspace


def compared_run(workspace: Workspace) -> Run | None:
    """Return the run that the user compares with, None for nothing."""
    return workspace.runs.get(workspace.compared) if workspace.compared is not None else None


def network_name(run: Run) -> str:
    """Words by which the network of a run is known: the user's title, else the network, with its weights if need be."""
    prepared = run.result.prepared
    name = (prepared.model if prepared else "") or run.name
    return run.title or " ".join(word for word in (name, _checkpoint(run, name)) if word)


def _checkpoint(run: Run, name: str) -> str:
    """Word for the checkpoint that a run measured, "" if there is none or the name says it."""
    model = run.request.model
    if model is None:
        return ""
    file = model.weights[0] if len(model.weights) == 1 else ""
    path = PurePath(file.replace("\\", "/"))
    word = path.stem if path.suffix else model.name.partition("@")[2]
    return "" if word in name else word


def counterpart(workspace: Workspace, method: str) -> Run | None:
    """Return the run of a method for the network that is compared with: the compared run itself, or its newest one.

    None if nothing is compared, if that network has no such run, or if it is the run that is shown already.
    """
    fits = compared_runs(workspace, method)
    return None if not fits or fits[0] is workspace.latest(method) else fits[0]


def compared_runs(workspace: Workspace, method: str) -> list[Run]:
    """List the runs of a method for the network that is compared with: the compared run first, then the newest."""
    run = compared_run(workspace)
    if run is None:
        return []
    fits = [other for other in workspace.runs.values() if other.request.method == method and _same_model(other, run)]
    fits = [other for other in fits if other.result.declared]
    return sorted(fits, key=lambda other: (other is run, other.began, other.number), reverse=True)


def why_not_compared(workspace: Workspace, method: str) -> str:
    """Say in one sentence why nothing of the network that is compared with can be drawn; "" if it can, or none is."""
    run = compared_run(workspace)
    if run is None or counterpart(workspace, method) is not None or workspace.latest(method) is None:
        return ""
    info = workspace.method(method)
    title = info.title.lower() if info else method.replace("_", " ")
    shown = bool(compared_runs(workspace, method))
    why = f"its run of {title} is the one that is shown" if shown else f"it has no run of {title}"
    return f"{network_name(run)}: not compared, because {why}"


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
        return network_name(self.run)

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

    def place_of(self, slot: int) -> int:
        """Place of the second network that corresponds to a place of the first, -1 for none."""
        return int(self._places[slot])

    def aligned(self, values: Values) -> Floats:
        """Bring values of the second network to the places of the first; NaN where nothing corresponds."""
        picked = np.full(len(self._places), np.nan)
        there = self._places >= 0
        picked[there] = values.values[self._places[there]]
        return picked


def _same_model(one: Run, other: Run) -> bool:
    a, b = one.request.model, other.request.model
    return a is not None and b is not None and (a.name, a.weights) == (b.name, b.weights)


def matching_rows(layers: tuple[LayerSpec, ...], other: tuple[LayerSpec, ...]) -> Ints:
    """Find for every row of a network the row of another one that corresponds to it.

    By name; else by the relative depth within the stage, see :func:`app.reading.depth.align`.

    Returns
    -------
    (rows,) int64
        Rows of `other`, -1 where nothing corresponds.
    """
    names = {layer.name: row for row, layer in enumerate(other)}
    found = np.array([names.get(layer.name, -1) for layer in layers], dtype=np.int64)
    ours, theirs = depth_axis(layers, "layers", KINDS), depth_axis(other, "layers", KINDS)
    for slot, place in zip(ours.slots, align(ours, theirs), strict=True):
        if found[slot.rows[-1]] < 0 and place >= 0:
            found[slot.rows[-1]] = theirs.slots[place].rows[-1]
    return found


def deltas(workspace: Workspace, metric: Metric) -> Values | None:
    """How much larger a metric is than in the network compared with, for every row of the open network.

    Returns
    -------
    Values or None
        NaN and "not applicable" where nothing corresponds, or one of the two has no value. None if nothing is
        compared, if the metric was not measured there, or if there is no difference at all.
    """
    run, layers = compared_run(workspace), workspace.layers
    if run is None or not layers or not run.result.layers:
        return None
    if metric.method == "structure":
        other_layers, result = _all_layers(workspace, run), None
    else:
        second = counterpart(workspace, metric.method)
        if second is None or (metric.output not in second.result and metric.output != "effective_rank_ratio"):
            return None
        other_layers, result = second.result.layers, second.result
    first = source(workspace, metric)
    ours = read(metric, layers, first.result if first else None, workspace.shown_weights)
    theirs = read(metric, other_layers, result)
    rows = matching_rows(layers, other_layers)
    there = (rows >= 0) & (ours.states <= ZERO)
    there[there] = theirs.states[rows[there]] <= ZERO
    values = np.full(len(layers), np.nan)
    values[there] = ours.values[there] - theirs.values[rows[there]]
    if not np.any(values[there] != 0):
        return None
    states: States = np.where(there, 0, NOT_APPLICABLE).astype(np.uint8)
    states[there & (values == 0)] = ZERO
    return Values(values, None, None, states)


def _all_layers(workspace: Workspace, run: Run) -> tuple[LayerSpec, ...]:
    """Rows of the compared network, of its structure if that was read."""
    runs = [other for other in workspace.runs.values() if _same_model(other, run) and other.result.layers]
    structure = next((other for other in runs if other.request.method == "structure"), run)
    return structure.result.layers
