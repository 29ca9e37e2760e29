"""Save the network with its edits, so that the window can ask for it like for any run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from analysis.catalogue import MethodInfo, Param
from analysis.events import Chunk, Declared, Output, Progress
from analysis.job import Job, Step
from analysis.models import save
from analysis.problems import AnalysisError
from analysis.rebuilding.file import Written, write_python

ENDING = ".safetensors"

INFO = MethodInfo(
    name="save_network",
    title="Save network",
    summary="Writes the edited network as one safetensors file, its edits as JSON, and a Python file that rebuilds it.",
    needs=frozenset({"model"}),
    params=(Param("path", "", "File to write, ending in .safetensors; empty to count only what would be written"),),
    trained=False,
)


def run(job: Job) -> Iterator[Step]:
    """Write the files, then say which, and how large the first is."""
    path = str(job.params["path"])
    if path:
        _check(path)
    outputs = (
        Output("parameters", (), (), "int64", "weights", "Parameters"),
        Output("macs", (), (), "int64", "multiply-adds", "Multiply-adds of one picture"),
        Output("file_bytes", (), (), "int64", "bytes", "Size of the file, 0 if none was written"),
    )
    yield Progress(0, 2, "Writing the weights")
    python = Written("")
    if path:
        save(job.model, path, job.model.edits)
        yield Progress(1, 2, "Writing the Python file")
        python = write_python(job.model, path, job.model.edits)
        if python.reason:
            job.warn("no_python_file", python.reason)
    facts = (("file", path or "none"), ("edits", job.model.edits.summary()))
    yield Declared(outputs, facts=(*facts, ("python", python.path), ("python_reason", python.reason)))
    totals = job.model.recording.totals
    yield Chunk("parameters", (), np.asarray(totals.parameters))
    yield Chunk("macs", (), np.asarray(totals.macs))
    yield Chunk("file_bytes", (), np.asarray(Path(path).stat().st_size if path else 0))


def _check(path: str) -> None:
    """Refuse what could not be opened again.

    Raises
    ------
    AnalysisError
        If the path ends in something else.
    """
    if not path.endswith(ENDING):
        raise AnalysisError("The network is saved as a safetensors file.", f"Choose a name that ends in {ENDING}.")
