"""A second network behind the first: its runs, its axis, and which of its layers correspond. No widgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from analysis.config import LayerSpec
from analysis.edits import Edits
from analysis.figures.second import network_words
from analysis.measures.alignment import same_names
from analysis.result import Result
from app.reading.depth import DepthAxis, Floats, Ints, align, depth_axis
from app.reading.depth import matching_rows as matching_rows
from app.reading.measurements import (
    NOT_APPLICABLE,
    NOT_MEASURED,
    RATIO,
    VALUE,
    ZERO,
    Metric,
    States,
    Values,
    fold,
    read,
    source,
)
from app.workspace import Run, Workspace


def compared_run(workspace: Workspace) -> Run | None:
    """Return the run that the user compares with, None for nothing."""
    return workspace.runs.get(workspace.compared) if workspace.compared is not None else None


def network_name(run: Run) -> str:
    """Words for the network of a run: the user's title, else its name, with its weights and "(edited)" if need be."""
    prepared = run.result.prepared
    name = (prepared.model if prepared else "") or run.name
    edited = "" if run.request.edits.empty else "(edited)"
    return run.title or " ".join(word for word in (network_words(run.request.model, name), edited) if word)


def counterpart(workspace: Workspace, method: str) -> Run | None:
    """Return the run of a method for the network that is compared with: the compared run itself, or its newest one.

    None if nothing is compared, if that network has no such run, or if it is the run that is shown already.
    """
    fits = compared_runs(workspace, method)
    return None if not fits or fits[0] is workspace.latest(method) else fits[0]


def same_network(one: Run, other: Run, edits: Edits | None = None) -> bool:
    """Tell whether a run is of the network of another one: the same source, the same weights, the same edits.

    The one rule of what belongs to a network that is compared with: an edited network is another one than its original.

    Parameters
    ----------
    edits
        Edits that the first one is to have, None for those of the other.
    """
    a, b = one.request.model, other.request.model
    if a is None or b is None or (a.name, a.weights) != (b.name, b.weights):
        return False
    return one.request.edits.steps == (other.request.edits if edits is None else edits).steps


def is_open_network(workspace: Workspace, run: Run) -> bool:
    """Tell whether a run is of the open network with the weights and the edits that are shown."""
    model, shown = run.request.model, workspace.shown_model
    if model is None or shown is None or (model.name, model.weights) != (shown.name, shown.weights):
        return False
    return run.request.edits.steps == workspace.edits.steps


def compared_runs(workspace: Workspace, method: str, edits: Edits | None = None) -> list[Run]:
    """List the runs of a method for the network that is compared with: the compared run first, then the newest.

    Parameters
    ----------
    edits
        Edits of the runs in place of those of the compared network: none for its original.
    """
    run = compared_run(workspace)
    if run is None:
        return []
    fits = [other for other in workspace.runs.values() if other.request.method == method]
    fits = [other for other in fits if other.result.declared and same_network(other, run, edits)]
    return sorted(fits, key=lambda other: (other is run, other.began, other.number), reverse=True)


def why_not_compared(workspace: Workspace, method: str) -> str:
    """Say in one sentence why nothing of the network that is compared with can be drawn; "" if it can, or none is."""
    run = compared_run(workspace)
    if run is None or counterpart(workspace, method) is not None or workspace.latest(method) is None:
        return ""
    return f"{network_name(run)}: not compared, because {_why_no_run(workspace, method)}"


def _why_no_run(workspace: Workspace, method: str) -> str:
    info = workspace.method(method)
    title = info.title.lower() if info else method.replace("_", " ")
    shown = bool(compared_runs(workspace, method))
    return f"its run of {title} is the one that is shown" if shown else f"it has no run of {title}"


def other_pictures(shown: Run | None, second: Run | None) -> str:
    """Say that two runs saw other pictures, and how many; "" if they saw the same, or if one of them saw none."""
    ours, theirs = (run.result.prepared.samples if run and run.result.prepared else None for run in (shown, second))
    if ours is None or theirs is None or not ours.sha256 or not theirs.sha256 or ours.sha256 == theirs.sha256:
        return ""
    return f"other pictures (N = {ours.count:,} here, {theirs.count:,} there)"


def what_to_mind(workspace: Workspace, method: str) -> str:
    """Say why nothing of the network compared with can be drawn, or that it saw other pictures; "" for neither."""
    run, second = compared_run(workspace), counterpart(workspace, method)
    others = other_pictures(workspace.latest(method), second)
    return f"{network_name(run)}: {others}" if run is not None and others else why_not_compared(workspace, method)


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
        self._runs = [other for other in workspace.runs.values() if same_network(other, run) and other.result.layers]
        self._shown = {method: workspace.latest(method) for method in {other.request.method for other in self._runs}}
        self.axis = depth_axis(known_layers(workspace, run), axis.mode, kinds)
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
        run = self.source(metric)
        return None if run is None else fold(self.axis, read(metric, self.axis.layers, run.result), metric.combine)

    def source(self, metric: Metric) -> Run | None:
        """Return its run behind a metric: the compared run itself, or the newest one.

        None if it was not measured, or if it is the run that is shown already: nothing stands behind itself.
        """
        fits = [run for run in self._runs if run.request.method == metric.method and _knows(run.result, metric)]
        found = self.run if self.run in fits else max(fits, key=lambda run: (run.began, run.number), default=None)
        return None if found is self._shown.get(metric.method) else found

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


def _knows(result: Result, metric: Metric) -> bool:
    return metric.output in result or (metric.output == RATIO and "effective_rank" in result)


def deltas(workspace: Workspace, metric: Metric) -> Values | None:
    """How much larger a metric is than in the network compared with; None if there is no difference at all.

    See :func:`differences`.
    """
    found = differences(workspace, metric)
    return found if found is not None and bool(np.any(found.states == VALUE)) else None


def why_no_difference(workspace: Workspace, metric: Metric) -> str:
    """Say in a few words why no layer differs in a metric from the network compared with; "" if one does."""
    found = differences(workspace, metric)
    if found is not None:
        zero = "no layer differs" if found.any else "no layer corresponds"
        return "" if np.any(found.states == VALUE) else zero
    if metric.method == "structure":
        return "its layers are not known"
    second = counterpart(workspace, metric.method)
    if second is None:
        return _why_no_run(workspace, metric.method)
    return other_pictures(source(workspace, metric), second) or "it was measured without this"


def differences(workspace: Workspace, metric: Metric) -> Values | None:
    """How much larger a metric is than in the network compared with, for every row of the open network.

    Returns
    -------
    Values or None
        NaN and "not applicable" where nothing corresponds, or one of the two has no value. None if nothing is
        compared, if the metric was not measured there, or if it was measured on other pictures.
    """
    run, layers = compared_run(workspace), workspace.layers
    if run is None or not layers:
        return None
    result: Result | None = None
    if metric.method != "structure":
        second = counterpart(workspace, metric.method)
        if second is None or not _knows(second.result, metric) or other_pictures(source(workspace, metric), second):
            return None
        result = second.result
    theirs, rows = second_rows(workspace)
    if not theirs:
        return None
    first = source(workspace, metric)
    ours = read(metric, shown_layers(workspace), first.result if first else None, workspace.shown_weights)
    if metric.method == "structure":  # of what was edited, but not measured yet, no cost is known
        edited = _edited_rows(workspace)
        ours.states[[layer.name not in edited for layer in layers]] = NOT_MEASURED
    there = rows >= 0
    found = read(metric, tuple(theirs[row] for row in rows[there]), result)
    other, known = np.full(len(layers), np.nan), there & (ours.states <= ZERO)
    other[there] = found.values
    known[there] &= found.states <= ZERO
    values = np.where(known, ours.values - other, np.nan)
    states: States = np.where(known, VALUE, NOT_APPLICABLE).astype(np.uint8)
    states[known & (values == 0)] = ZERO
    return Values(values, None, None, states)


# -- rows of both networks -------------------------------------------------------------------------------------------


def known_layers(workspace: Workspace, run: Run) -> tuple[LayerSpec, ...]:
    """Rows of the network of a run: of its structure if that was read, else of the run that knows most of them."""
    runs = [other for other in workspace.runs.values() if same_network(other, run) and other.result.layers]
    structure = next((other for other in runs if other.request.method == "structure"), None)
    found = structure or max((run, *runs), key=lambda other: len(other.result.layers))
    return found.result.layers


def second_rows(workspace: Workspace) -> tuple[tuple[LayerSpec, ...], Ints]:
    """Rows of the network that is compared with, and for every row of the open network the one that corresponds.

    The one place in which layers of the two are brought together: runs know some of the rows only, and would lead to
    other ones. Their values are looked up by the name that is found here.

    Returns
    -------
    tuple[tuple[LayerSpec, ...], (rows,) int64]
        (), and -1 throughout, if nothing is compared or nothing is known of its rows.
    """
    run = compared_run(workspace)
    theirs = known_layers(workspace, run) if run is not None else ()
    return theirs, matching_rows(workspace.layers, theirs)


def second_names(workspace: Workspace) -> dict[str, str]:
    """Layers of the open network by name, and the one of the network that is compared with that corresponds to each."""
    theirs, rows = second_rows(workspace)
    pairs = zip(workspace.layers, rows.tolist(), strict=True)
    return {layer.name: theirs[row].name for layer, row in pairs if row >= 0}


def named_rows(names: Mapping[str, str], ours: Sequence[LayerSpec], theirs: Sequence[LayerSpec]) -> Ints:
    """Look up for the rows of a run of the open network those of a run of the one that is compared with.

    Parameters
    ----------
    names
        See :func:`second_names`.

    Returns
    -------
    (rows,) int64
        -1 where nothing corresponds.
    """
    return same_names([names.get(layer.name, "") for layer in ours], [layer.name for layer in theirs])


def knows_all_rows(workspace: Workspace) -> bool:
    """Tell whether the structure of the network that is compared with was read, so that no row of it is unknown."""
    return any(run.state == "completed" for run in compared_runs(workspace, "structure"))


def shown_layers(workspace: Workspace) -> tuple[LayerSpec, ...]:
    """Rows of the open network with the widths and costs of its edits, as far as a run of the edited network knows.

    In the order of the open network's rows. Without edits those rows.
    """
    edited = _edited_rows(workspace)
    return tuple(edited.get(layer.name, layer) for layer in workspace.layers)


def _edited_rows(workspace: Workspace) -> dict[str, LayerSpec]:
    if workspace.edits.empty:
        return {layer.name: layer for layer in workspace.layers}
    runs = [run for run in workspace.runs.values() if run.result.layers and is_open_network(workspace, run)]
    runs.sort(key=lambda run: (run.request.method == "structure", len(run.result.layers), run.began, run.number))
    return {layer.name: layer for layer in runs[-1].result.layers} if runs else {}
