"""What pictures are grouped by, known without asking the network: size, brightness, contrast, zoom, a user's column.

Shared by the sweep over configurations and by its chance pools, so that both are grouped alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from analysis.catalogue import Param
from analysis.configuring.perturb import moved
from analysis.events import Output
from analysis.images import Batch, Images
from analysis.job import Job
from analysis.measures.columns import read_column
from analysis.problems import AnalysisError

Values = NDArray[np.float64]

PARAMS = (
    Param("zooms", "1", "Zoom factors about the centre, dealt out over the pictures, e.g. 0.5,0.71,1,1.41,2"),
    Param("zoom_each", False, "Every picture at every zoom factor, instead of the factors taking turns"),
    Param(
        "column",
        "",
        "Table with one value per picture to group them by: FILE or FILE:COLUMN (CSV, npy, npz)",
        reads=True,
    ),
)


def zooms_of(job: Job) -> Values:
    """Zoom factor of every picture of a run: the factors take turns within each class.

    Where every picture is wanted at every factor, the run's pictures become so many rows each.

    Raises
    ------
    AnalysisError
        If the parameter holds no factors.
    """
    try:
        factors = [float(word) for word in str(job.params["zooms"]).split(",")]
    except ValueError:
        factors = []
    if not factors or not all(0.1 <= factor <= 10 for factor in factors):
        text = f"'{job.params['zooms']}' are no zoom factors."
        raise AnalysisError(text, "Give numbers from 0.1 to 10, e.g. 0.5,1,2.", "zooms")
    if several(job):
        count = job.images.count
        job.pictures = job.images.repeated(len(factors))
        return np.tile(np.array(factors), count)
    labels = job.images.labels
    kinds = np.zeros(job.images.count, dtype=np.int64) if labels is None else labels
    turn = np.zeros(job.images.count, dtype=np.int64)
    for kind in np.unique(kinds):
        rows = np.flatnonzero(kinds == kind)
        turn[rows] = (np.arange(len(rows)) + kind) % len(factors)
    return np.array(factors)[turn]


def several(job: Job) -> bool:
    """Tell whether every picture is run at several zoom factors."""
    return bool(job.params["zoom_each"]) and "," in str(job.params["zooms"])


def column_of(job: Job) -> tuple[str, Values]:
    """Read the user's own grouping: its name, "" for none, and a value for every picture of the run."""
    if not job.params["column"]:
        return "", np.full(job.images.count, np.nan)
    title, values = read_column(str(job.params["column"]), job.images.samples.total)
    return title, values[job.images.indices]


def zoomed(pixels: Tensor, factors: Tensor) -> Tensor:
    """Zoom pictures about their centre; the very same tensor where no factor changes anything."""
    if bool((factors == 1).all()):
        return pixels
    return moved(pixels, factors.to(pixels), torch.zeros(len(pixels), 2))


def described(images: Images, batch: Batch, own: Mapping[str, Values]) -> dict[str, NDArray[Any]]:
    """Describe the pictures of a batch: label, size, brightness, contrast, and what `own` says of all pictures."""
    flat = batch.pixels.double().flatten(1)
    label = batch.labels if batch.labels is not None else torch.full((len(flat),), -1)
    return {
        "label": label.cpu().numpy(),
        "size": images.sides(batch.index),
        "brightness": flat.mean(dim=1).cpu().numpy(),
        "contrast": flat.std(dim=1).cpu().numpy(),
        **{name: values[batch.index] for name, values in own.items()},
        "place": images.indices[batch.index],
        "measured": np.ones(len(flat)),
    }


def outputs_of(job: Job, column: str) -> tuple[Output, ...]:
    """Declare what :func:`described` gives.

    Parameters
    ----------
    column
        Name of the user's column, "" for none.
    """
    one, size = ("sample",), (job.images.count,)
    return (
        Output("label", one, size, "int32", title="Label"),
        Output("size", one, size, unit="px", title="Side of the recorded picture (root of its area)"),
        Output("brightness", one, size, title="Mean of the normalised pixels"),
        Output("contrast", one, size, title="Standard deviation of the normalised pixels"),
        Output("zoom", one, size, title="Zoom factor"),
        *([Output("column", one, size, title=column)] if column else []),
        *([Output("place", one, size, "int64", title="Place of the picture in its source")] if several(job) else []),
        Output("measured", one, size, "uint8", title="Picture is finished"),
    )


def facts_of(job: Job, column: str) -> tuple[tuple[str, str], ...]:
    """Say what is the user's own or our doing about the groups."""
    facts = [("column", f"{column}, of the user")] if column else []
    if str(job.params["zooms"]) != "1":
        how = "each picture at all of them" if several(job) else "in turns"
        facts.append(("zoom", f"factors {job.params['zooms']} about the centre, {how}"))
    return tuple(facts)


def warn_of_rows(job: Job) -> None:
    """Say what is drawn where rows are not pictures, because each picture is run several times."""
    if several(job):
        text = "Every picture comes at every zoom factor; halves and intervals are drawn among pictures, not rows."
        job.warn("zoom_each", text)
