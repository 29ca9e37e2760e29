"""Checkpoints of the open network: other weights of the same architecture that have been measured. No widgets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from app.workspace import Run, Workspace


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Weights of the open network.

    Attributes
    ----------
    weights
        As in a request.
    title
        Words: the file's name without folder and ending.
    """

    weights: tuple[str, ...]
    title: str


def checkpoints(workspace: Workspace) -> tuple[Checkpoint, ...]:
    """List the weights of the open architecture with at least one run, those it was opened with among them.

    In natural order of their names ("epoch-9" before "epoch-10"). Empty if there is only one.
    """
    if workspace.model is None or workspace.structure is None:
        return ()
    found = {workspace.model.weights: None}
    for run in workspace.runs.values():
        if run.request.model is not None and run.request.model.weights and _fits(workspace, run):
            found[run.request.model.weights] = None
    if len(found) < 2:
        return ()
    made = [Checkpoint(weights, title_of(weights)) for weights in found]
    return tuple(sorted(made, key=lambda checkpoint: (natural(checkpoint.title), checkpoint.weights)))


def _fits(workspace: Workspace, run: Run) -> bool:
    """Tell whether a run is of the open architecture: same name of the network, and rows that it has, too."""
    model, prepared, structure = run.request.model, run.result.prepared, workspace.structure
    assert structure is not None  # asked for by the caller
    if model is None or workspace.model is None or model.name != workspace.model.name or prepared is None:
        return False
    if structure.prepared is None or prepared.model != structure.prepared.model or not run.result.declared:
        return False
    shapes = {layer.name: layer.shape for layer in structure.layers}
    return all(shapes.get(layer.name) == layer.shape for layer in run.result.layers)


def title_of(weights: tuple[str, ...]) -> str:
    """Name weights by their file.

    Examples
    --------
    >>> title_of(("runs/a/epoch-12.pt",)), title_of(())
    ('epoch-12', 'as opened')
    """
    return Path(weights[-1]).stem if weights else "as opened"


def natural(name: str) -> tuple[tuple[str, int], ...]:
    """Key by which numbers in names count as numbers.

    Examples
    --------
    >>> sorted(["epoch-10", "epoch-9"], key=natural)
    ['epoch-9', 'epoch-10']
    """
    return tuple((text.lower(), int(digits or -1)) for text, digits in re.findall(r"(\D*)(\d*)", name))
