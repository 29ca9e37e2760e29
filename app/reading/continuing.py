"""Whether a run that ended early can go on where it stopped, how much of it is done, and why it cannot. No widgets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from analysis.catalogue import MethodInfo
from analysis.request import Request
from analysis.result import is_empty
from app.workspace import Run

ENDED_EARLY = ("cancelled", "failed", "interrupted")
"""States of a run that has stopped before its end; only its process has gone where it is "interrupted"."""


@dataclass(frozen=True, slots=True)
class Continuation:
    """What can be done with a run that ended early.

    Attributes
    ----------
    request
        The request that goes on with it, None if it cannot go on.
    done, total
        Parts that are finished, and all of them; 0 where it does not count any.
    unit
        What the parts are.
    why_not
        One sentence, "" if it can go on.
    """

    request: Request | None
    done: int = 0
    total: int = 0
    unit: str = ""
    why_not: str = ""

    @property
    def short(self) -> str:
        """Words for a narrow cell: "192 of 500 pictures"; "" where nothing is finished."""
        return f"{self.done:,} of {self.total:,} {self.unit}" if self.done else ""

    @property
    def words(self) -> str:
        """Say how much is done, or why it cannot go on."""
        return self.why_not or f"{self.short} {'are' if self.total != 1 else 'is'} on disk"


def continued(run: Run, info: MethodInfo | None) -> Continuation | None:
    """Tell whether a run of this window can go on; None for one that goes on still, is complete, or cannot by nature.

    Parameters
    ----------
    info
        Its method, None if the engine has not said yet.
    """
    if info is None or not info.resumes[0] or run.state not in ENDED_EARLY:
        return None
    if run.folder is None:
        return Continuation(None, why_not="It was not stored, so there is nothing to go on with.")
    name, unit = info.resumes
    if name not in run.result:
        return Continuation(None, why_not=NOTHING)
    return _judged(run.request, run.folder, (run.result.arrived.get(name, 0), run.result[name].size), unit)


def continued_from_disk(folder: Path, request: Request, state: str, info: MethodInfo | None) -> Continuation | None:
    """Tell the same of a run that is only on disk; of its arrays no other is read than the one that counts."""
    if info is None or not info.resumes[0] or state not in ENDED_EARLY:
        return None
    name, unit = info.resumes
    try:
        array = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        counts = int(array.size - np.count_nonzero(is_empty(array))), int(array.size)
    except (OSError, ValueError, KeyError):
        return Continuation(None, why_not=NOTHING)
    return _judged(request, folder, counts, unit)


NOTHING = "Nothing of it was finished before it stopped. Run it again."


def _judged(request: Request, folder: Path, counts: tuple[int, int], unit: str) -> Continuation:
    done, total = counts
    missing = missing_file(request)
    if not done:
        reason = NOTHING
    elif not (folder / "run.json").is_file():
        reason = f"Its folder {folder.name} is gone. Run it again."
    elif missing:
        reason = f"{missing} is not there any more, so it cannot go on."
    else:
        return Continuation(replace(request, resume=str(folder)), done, total, unit)
    return Continuation(None, done, total, unit, reason)


def missing_file(request: Request) -> str:
    """Name of a file or folder that a request needs and that is gone, "" if all are there.

    Whether they still hold the same is for the engine to say, which reads them.
    """
    model, images = request.model, request.images
    names = [*(model.weights if model else ()), *([images.location, images.classes] if images else [])]
    for name in names:
        # Names such as "demo:test", "pretrained" or a pattern are no paths.
        if name and Path(name).is_absolute() and not any(mark in name for mark in "*?[") and not Path(name).exists():
            return Path(name).name
    return ""
