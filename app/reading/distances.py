"""How far the pictures of a bundle are from its first one: which run to ask for, and what it says. No widgets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from glob import escape, glob, has_magic
from pathlib import Path

import numpy as np

from analysis.config import LayerSpec
from analysis.request import ModelSource, Request
from analysis.result import Result
from app.reading.bundles import Look, Reading
from app.reading.depth import Floats, Ints
from app.workspace import Run, Workspace

METHOD = "activations"
MOST = 64
"""Pictures whose values one run keeps."""
WHOLE = 512
"""Side up to which maps are kept value by value."""


def why_not(run: Run, point: LayerSpec, checkpoint: int, scale: float = 1.0) -> str:
    """Say why distances cannot be measured here; "" if they can.

    Parameters
    ----------
    scale
        See :func:`scale_of`.
    """
    if point.kind == "input":
        return "The pictures themselves are shown."
    if not np.isfinite(scale):
        return "This run has not kept the factor by which the branch is scaled: measure bundles again."
    if weights_of(run, checkpoint) is None:
        return "The file of this checkpoint is not found: only the last one can be opened alone here."
    return ""


def scale_of(reading: Reading, checkpoint: int, point: int) -> float:
    """Factor by which a run has scaled the values of a cell; NaN if it has and does not say by how much."""
    if "branch_scale" in reading.result:
        return float(reading.table("branch_scale")[checkpoint, point])
    scaled = "scaled" in reading.result.facts.get("branches", "").replace("unscaled", "")
    return float("nan") if scaled and reading.points[point].kind == "branch" else 1.0


def weights_of(run: Run, checkpoint: int) -> ModelSource | None:
    """Network with the weights of one checkpoint of a run, None if its file is not known."""
    model = run.request.model
    names = run.result.names("checkpoint")
    if model is None or len(names) < 2:
        return model
    wanted = names[checkpoint]
    if model.name.startswith("demo:") and model.weights in ((), ("pretrained",)):
        return replace(model, name=f"{model.name.partition('@')[0]}@{wanted}", weights=())
    found = {file for file in _files(model.weights, wanted) if wanted in (Path(file).stem, file)}
    if len(found) == 1:
        return replace(model, weights=tuple(found))
    return model if checkpoint == len(names) - 1 else None


def _files(weights: tuple[str, ...], name: str) -> Iterator[str]:
    """Files that weights stand for; of a folder those that may have that name."""
    for item in weights:
        path = Path(item).expanduser()
        if has_magic(item):
            yield from glob(str(path), recursive=True)
        elif path.is_dir():
            yield from glob(str(Path(escape(str(path)), f"{escape(Path(name).stem)}.*")))
        else:
            yield item


def request_for(workspace: Workspace, run: Run, point: str, checkpoint: int, places: Ints) -> Request:
    """Ask for all values of a point for the first pictures of a bundle."""
    chosen = places[:MOST].tolist()
    words = ", ".join(str(place) for place in chosen)
    request = workspace.new_request(METHOD, samples=words, maps=len(chosen), map_side=WHOLE)
    model = weights_of(run, checkpoint)
    return replace(request, model=model, images=run.request.images, edits=run.request.edits, layers=point, limit=-1)


def wanted(workspace: Workspace, run: Run, reading: Reading, look: Look, rows: Ints) -> tuple[Request | None, str]:
    """Return what has to be asked for to compare the pictures of a bundle, or why it cannot be.

    Parameters
    ----------
    rows
        Rows of the reading, those of the bundle that is looked at.
    """
    if look.bundle < 0:
        return None, "Choose a bundle first."
    point = reading.points[look.point]
    why = why_not(run, point, look.checkpoint, scale_of(reading, look.checkpoint, look.point))
    if why:
        return None, why
    return request_for(workspace, run, point.name, look.checkpoint, reading.places[rows]), ""


def answer(workspace: Workspace, request: Request) -> Result | None:
    """Return the result of the run that was asked for, None before there is one."""
    wanted = (request.method, request.model, request.images, request.edits, request.params, request.layers)
    for run in reversed(workspace.runs.values()):
        own = run.request
        if (own.method, own.model, own.images, own.edits, own.params, own.layers) == wanted and run.result.declared:
            return run.result
    return None


def heat_rows(result: Result, places: Ints, cells: int) -> dict[int, Floats]:
    """Values of each picture of a bundle as one row of cells, on one scale from 0 (smallest) to 1 (largest).

    Parameters
    ----------
    places
        Places of the bundle's pictures in their source.
    cells
        Most cells of a row; where there are more values, a cell is the mean of neighbours.

    Returns
    -------
    dict[int, numpy.ndarray]
        Place to (cell,) float64, NaN where nothing is known; plain where no values have arrived.
    """
    if "maps" not in result or not len(places):
        return {}
    names = [int(name) for name in result.names("picture")]
    maps = np.asarray(result["maps"][0], dtype=np.float64)
    wanted = set(places.tolist())
    rows = {place: maps[n].ravel() for n, place in enumerate(names[: len(maps)]) if place in wanted}
    rows = {place: row[np.isfinite(row)] for place, row in rows.items() if np.isfinite(row).any()}
    means = {
        place: np.array([part.mean() for part in np.array_split(row, min(cells, len(row)))])
        for place, row in rows.items()
    }
    low = min((row.min() for row in means.values()), default=0.0)
    spread = max((row.max() for row in means.values()), default=0.0) - low
    return {place: (row - low) / spread if spread else np.zeros(len(row)) for place, row in means.items()}


def distances(result: Result, places: Ints, tau: float, scale: float = 1.0) -> dict[int, float]:
    """Largest difference of any value from the first picture's, in widths of the grid; plain where there is none.

    Parameters
    ----------
    places
        Places of the bundle's pictures in their source; the first one is compared with.
    tau
        Width of the grid, NaN for no grid.
    scale
        Factor by which the values were scaled before they came onto the grid.

    Returns
    -------
    dict[int, float]
        Place to distance; pictures whose values have not arrived are left out.
    """
    if "maps" not in result or not len(places):
        return {}
    names = [int(name) for name in result.names("picture")]
    maps = np.asarray(result["maps"][0], dtype=np.float64)
    first = names.index(int(places[0])) if int(places[0]) in names else -1
    if first < 0 or not np.isfinite(maps[first]).any():
        return {}
    unit = tau if np.isfinite(tau) and tau > 0 else 1.0
    wanted = set(places.tolist())
    found = {}
    for number, place in enumerate(names[: len(maps)]):
        gap = np.abs(maps[number] - maps[first])
        if place in wanted and np.isfinite(gap).any():
            found[place] = float(np.nanmax(gap)) * scale / unit
    return found
