"""Widths of a second network at the layers of the open one. No widgets."""

from __future__ import annotations

from collections.abc import Mapping

from analysis.config import LayerSpec
from app.reading.comparing import compared_run, compared_runs, matching_rows, network_name
from app.workspace import Run, Workspace

METHODS = ("structure", "width_groups")
"""Methods whose runs know every layer of a network, the best first."""


def second_layers(workspace: Workspace) -> tuple[LayerSpec, ...]:
    """Rows of the network that is compared with, as far as they are known; () for none."""
    run = second_layers_run(workspace)
    return run.result.layers if run is not None else ()


def second_layers_run(workspace: Workspace) -> Run | None:
    """Find the run that knows the rows of the network that is compared with, None for none.

    Of the open network itself only a run with edits has rows of its own.
    """
    run = compared_run(workspace)
    if run is None or not workspace.layers:
        return None
    known = [other for method in METHODS for other in compared_runs(workspace, method) if other.result.layers]
    if run.request.model == workspace.shown_model:
        known = [run] if not run.request.edits.empty else []  # the same network, with other widths perhaps
    elif not known:
        known = [run]
    return known[0] if known else None


def second_widths(workspace: Workspace) -> tuple[str, Mapping[str, float]]:
    """Name of the network that is compared with, and its widths by the layer of the open network they belong to.

    Layers correspond by name, else by relative depth within the stage. Of the open network itself only a run with
    edits has widths of its own.

    Returns
    -------
    tuple[str, Mapping[str, float]]
        ("", {}) if nothing is compared, or nothing is known of its layers.
    """
    run, theirs = compared_run(workspace), second_layers(workspace)
    if run is None or not theirs:
        return "", {}
    rows = matching_rows(workspace.layers, theirs)
    pairs = zip(workspace.layers, rows.tolist(), strict=True)
    widths = {layer.name: float(theirs[row].channels) for layer, row in pairs if row >= 0 and theirs[row].channels}
    return (network_name(run), widths) if widths else ("", {})
