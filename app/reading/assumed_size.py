"""A network of unknown input size: what its structure was counted for, and how large pictures are. No widgets."""

from __future__ import annotations

from app.reading.comparing import is_open_network
from app.workspace import Run, Workspace

BADGE = "input size assumed"


def size_seen(workspace: Workspace, run: Run) -> tuple[int, ...]:
    """Return the size of pictures that a run of the open network saw, where its structure was counted for another one.

    Returns
    -------
    tuple[int, ...]
        (channel, y, x); () where the size is known, is the same, or where the run holds no layer that reads pictures.
    """
    structure, counted = workspace.structure, workspace.input_shape
    assumed = structure is not None and structure.prepared is not None and BADGE in structure.prepared.badges
    if not assumed or not counted or run.state != "completed" or not is_open_network(workspace, run):
        return ()
    readers = {layer.name for layer in workspace.layers if layer.input_shape == counted}
    seen = next((layer.input_shape for layer in run.result.layers if layer.name in readers), ())
    return seen if seen != counted else ()
