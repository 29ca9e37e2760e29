"""What a run of the network that is compared with would have to be asked for. No widgets."""

from __future__ import annotations

from dataclasses import replace

from analysis.catalogue import Value
from analysis.request import Request
from app.reading.comparing import compared_run, is_open_network, same_network
from app.reading.layer_comparison import second_layer
from app.workspace import Workspace


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


def _there(workspace: Workspace, name: str, value: Value) -> Value:
    layer = next((one for one in workspace.layers if name == "layer" and one.name == value), None)
    other = second_layer(workspace, layer) if layer is not None else None
    return other.name if other is not None else value
