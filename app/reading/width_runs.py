"""Which runs belong to the network as it is and to the edited one, and how far they have come. No widgets."""

from __future__ import annotations

from analysis.edits import Edits
from app.reading import numbers
from app.workspace import Run, Workspace


def newest(workspace: Workspace, method: str, edits: Edits | None = None) -> Run | None:
    """Newest run of a method for the open network, with some edits or with any; one with numbers comes first."""
    fits = [
        run
        for run in workspace.runs.values()
        if run.request.method == method
        and run.request.model == workspace.shown_model
        and (edits is None or run.request.edits == edits)
        and run.result.declared
    ]
    return max(fits, key=lambda run: (any(run.result.arrived.values()), run.began, run.number), default=None)


def waiting(workspace: Workspace, method: str, edits: Edits | None = None) -> Run | None:
    """Return a run of a method that is queued or being carried out for the open network."""
    fits = (run for run in reversed(workspace.runs.values()) if run.request.method == method and run.open)
    same = (run for run in fits if run.request.model == workspace.shown_model)
    return next((run for run in same if edits is None or run.request.edits == edits), None)


def share(run: Run) -> float:
    """How much is done, from 0 to 1."""
    progress = run.result.progress
    if not run.open:
        return 1.0
    return progress.done / progress.total if progress is not None and progress.total > 0 else 0.0


def words(run: Run) -> str:
    """Say how far a run has come, or how it ended."""
    finished, progress = run.result.finished, run.result.progress
    if run.state == "queued":
        return "Waiting for the engine …"
    if run.open:
        said = progress.text if progress is not None and progress.text else "Measuring …"
        left = run.seconds_left()
        return f"{said} · {numbers.duration(left)} left" if left is not None and left > 2 else said
    if finished is not None and finished.problem is not None:
        return str(finished.problem)
    if run.state != "completed":
        return "Stopped; what has arrived is shown"
    samples = run.result.prepared.samples if run.result.prepared else None
    return f"{samples.count:,} of {samples.total:,} pictures" if samples is not None else ""
