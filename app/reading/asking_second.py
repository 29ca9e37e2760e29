"""What a run of the network that is compared with would have to be asked for. No widgets."""

from __future__ import annotations

from dataclasses import replace

from analysis.catalogue import Value
from analysis.edits import Edits
from analysis.request import ModelSource, Request
from app.reading.comparing import compared_run, is_open_network, same_network
from app.reading.layer_comparison import second_layer
from app.workspace import Run, Workspace

AT_ONCE = ("feature_rank", "evaluate", "weight_spectrum", "conflicting_bundles")
"""Methods by which a network is measured at once that was opened to be compared with; views offer all others."""


def of_second(workspace: Workspace, request: Request) -> Request | None:
    """Ask of the network that is compared with what a request asks of the open one; a layer becomes the one there.

    Returns
    -------
    Request or None
        None if nothing is compared, if it is the open network, or while it is measured by this method already.
    """
    compared = compared_run(workspace)
    if compared is None or compared.request.model is None or is_open_network(workspace, compared):
        return None
    runs = [run for run in workspace.runs.values() if run.request.method == request.method and run.open]
    if any(same_network(run, compared) for run in runs):
        return None
    params = tuple((name, _there(workspace, name, value)) for name, value in request.params)
    return replace(request, model=compared.request.model, edits=compared.request.edits, params=params)


def all_of_second(workspace: Workspace) -> tuple[Request, ...]:
    """Ask of the network that is compared with what was measured of the open one and takes no choice of its own."""
    runs = [run for method in AT_ONCE if (run := workspace.latest(method)) is not None and not run.is_series]
    asked = (of_second(workspace, run.request) for run in runs if run.state in ("completed", "running"))
    return tuple(request for request in asked if request is not None)


def structures_wanted(workspace: Workspace) -> tuple[Request, ...]:
    """Ask for the rows and costs of the two networks of a comparison that are not known yet.

    Of the network that is compared with, and of the open one as it is edited: without them it would not be known which
    layers correspond, nor what they cost.
    """
    compared, shown = compared_run(workspace), workspace.shown_model
    if compared is None or compared.request.model is None or shown is None:
        return ()
    wanted = [(compared.request.model, compared.request.edits)]
    wanted += [(shown, workspace.edits)] if not workspace.edits.empty else []
    structures = [run for run in workspace.runs.values() if run.request.method == "structure"]
    known = [(run.request.model, run.request.edits) for run in structures if run.request.model is not None]
    return tuple(
        Request("structure", model, edits=edits, compute=workspace.compute)
        for model, edits in wanted
        if not any(_same(model, edits, *one) for one in known)
    )


def structures_outdated(workspace: Workspace) -> tuple[Run, ...]:
    """Return the structures that were read for a comparison and are of edits made no longer, and not compared with."""
    return tuple(
        run
        for run in workspace.runs.values()
        if run.request.method == "structure"
        and run.purpose == "glance"
        and run.request.model == workspace.shown_model
        and not run.request.edits.empty
        and run.request.edits.steps != workspace.edits.steps
        and run.number != workspace.compared
    )


def _same(model: ModelSource, edits: Edits, other: ModelSource, others: Edits) -> bool:
    return (model.name, model.weights, edits.steps) == (other.name, other.weights, others.steps)


def _there(workspace: Workspace, name: str, value: Value) -> Value:
    layer = next((one for one in workspace.layers if name == "layer" and one.name == value), None)
    other = second_layer(workspace, layer) if layer is not None else None
    return other.name if other is not None else value
