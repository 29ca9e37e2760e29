"""A run as the window knows it, and which of several is the newest."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from analysis.edits import Edits
from analysis.request import Request
from analysis.result import Result


@dataclass(slots=True)
class Run:
    """One request, being carried out or done.

    Attributes
    ----------
    number
        Unique in this window; never given again.
    state
        "queued", "running", "completed", "cancelled", "failed", or "interrupted" (a stored run without an end).
    folder
        Where it is stored, None until that is known or if it is not.
    purpose
        "measure" for what the user asked for, "open" for reading the structure of a network, "glance" for what a panel
        needs to show a selection; only the first kind is listed and kept.
    began
        Monotonic time at which it began, 0 before.
    """

    number: int
    request: Request
    result: Result = field(default_factory=Result)
    state: str = "queued"
    folder: Path | None = None
    title: str = ""
    purpose: str = "measure"
    began: float = 0.0

    @property
    def open(self) -> bool:
        """True while it is queued or running."""
        return self.state in ("queued", "running")

    @property
    def name(self) -> str:
        """Words for lists: the user's title, or method and network."""
        model = self.result.prepared.model if self.result.prepared else ""
        return self.title or " · ".join(word for word in (self.request.method, model) if word)

    @property
    def is_series(self) -> bool:
        """True if it is over several checkpoints of one network."""
        return len(self.result.names("checkpoint")) > 1

    def seconds_left(self) -> float | None:
        """Estimate from what has been done so far; None while it cannot be told."""
        progress = self.result.progress
        if not self.open or progress is None or progress.total <= 0 or progress.done <= 0:
            return None
        spent = time.monotonic() - self.began
        return spent * (progress.total - progress.done) / progress.done


def newest(runs: list[Run], edits: Edits | None = None) -> Run | None:
    """Return the newest of some runs; those that have numbers come before those that have none.

    Parameters
    ----------
    edits
        Runs of a network that is edited in this very way come before others, None for no such preference.
    """

    def rank(run: Run) -> tuple[bool, bool, float, int]:
        fits = edits is not None and run.request.edits.steps == edits.steps
        return any(run.result.arrived.values()), fits, run.began, run.number

    return max(runs, key=rank, default=None)
