"""What the open network takes the loaded pictures for, and what a second one does. No widgets."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from analysis.pictures import PictureSet
from analysis.result import Result
from app.reading import numbers
from app.reading.comparing import compared_run, compared_runs, network_name
from app.reading.samples import DISAGREE, ONLY_HERE, ONLY_THERE, Flags, Guess, SampleTable, sample_table
from app.workspace import Run, Workspace

METHOD = "evaluate"
SHOWN = "not compared, because its run is the one that is shown"


@dataclass(frozen=True, slots=True, eq=False)
class SecondAnswers:
    """Answers of the network that is compared with.

    Attributes
    ----------
    name
        Words for it.
    table, result
        Its answers, over the same places as those of the open network; None if there are none to be compared.
    why_not
        Why there are none, "" if there are.
    """

    name: str
    table: SampleTable | None = None
    result: Result | None = None
    why_not: str = ""

    def disagrees(self, ours: SampleTable) -> Flags:
        """Tell which pictures the two take for different classes, by name where both name their outputs."""
        if self.table is None:
            return np.zeros(ours.count, dtype=bool)
        known = (ours.predictions >= 0) & (self.table.predictions >= 0)
        if ours.one_output or self.table.one_output:  # numbers, not classes
            return np.zeros(ours.count, dtype=bool)
        if ours.outputs == self.table.outputs or not (ours.outputs and self.table.outputs):
            return np.asarray(known & (ours.predictions != self.table.predictions))
        different = [ours.prediction_name(i) != self.table.prediction_name(i) for i in np.flatnonzero(known).tolist()]
        known[known] = different
        return known

    def fits(self, ours: SampleTable, verdict: str) -> Flags | None:
        """Tell which pictures have a verdict that takes two networks; None for a verdict of one."""
        if verdict not in (DISAGREE, ONLY_HERE, ONLY_THERE):
            return None
        if self.table is None or verdict == DISAGREE:
            return self.disagrees(ours)
        wanted = (1, 0) if verdict == ONLY_HERE else (0, 1)
        return np.asarray((ours.right == wanted[0]) & (self.table.right == wanted[1]))

    def words(self, ours: SampleTable, place: int) -> str:
        """Say what the second network takes a picture for, how sure it is, and how its loss differs."""
        table = self.table
        if table is None:
            return f"{self.name}: {self.why_not}"
        if table.predictions[place] < 0:
            return f"{self.name}: not in its run"
        verdict = {1: "right", 0: "wrong"}.get(int(table.right[place]), "")
        parts = [table.prediction_name(place), verdict]
        parts += [] if table.one_output else [numbers.share(float(table.confidence[place]))]
        lines = [f"{self.name}: {', '.join(part for part in parts if part)}"]
        loss = float(table.loss[place])
        if np.isfinite(loss):
            difference = numbers.signed_short(float(ours.loss[place]) - loss)
            lines.append(f"Its loss: {numbers.with_unit(loss, 'nats')} ({difference} here)")
        return "\n".join(lines)

    def counts(self, ours: SampleTable, places: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> str:
        """Say of some pictures how many only one of the two gets right."""
        if self.table is None:
            return f"{self.name}: {self.why_not}"
        known = (ours.right[places] >= 0) & (self.table.right[places] >= 0)
        if not known.any():
            return ""
        here, there = ours.right[places][known] == 1, self.table.right[places][known] == 1
        return f"only this one right {int((here & ~there).sum()):,}, only {self.name} {int((there & ~here).sum()):,}"

    def guesses(self, found: tuple[Guess, ...], place: int) -> tuple[Guess, ...]:
        """Add to the most likely classes of a picture what the second network gives them, as far as that is known."""
        if self.table is None or self.result is None or "top_class" not in self.result or self.table.rows[place] < 0:
            return found
        row = int(self.table.rows[place])
        pairs = zip(self.result["top_class"][row].tolist(), self.result["top_share"][row].tolist(), strict=True)
        shares = {self.table.output_name(number): share for number, share in pairs if number >= 0}
        return tuple(replace(guess, other=shares.get(guess.name, float("nan"))) for guess in found)


def shown_run(workspace: Workspace) -> Run | None:
    """Return the newest run of the open network on the loaded pictures, None if there is none.

    A newer one on other pictures says nothing about these.
    """
    return workspace.latest(METHOD, workspace.images.location) if workspace.images is not None else None


def on_loaded(workspace: Workspace, run: Run) -> bool:
    """Tell whether a run is on the pictures that are loaded."""
    images, loaded = run.request.images, workspace.images
    return images is not None and loaded is not None and images.location == loaded.location


def second_run(workspace: Workspace, shown: Run | None) -> Run | None:
    """Return the run of the network that is compared with: one on the loaded pictures if there is any.

    Parameters
    ----------
    shown
        Run of the open network, which cannot be compared with itself.
    """
    fits = compared_runs(workspace, METHOD)
    found = next((run for run in fits if on_loaded(workspace, run)), fits[0] if fits else None)
    return None if found is shown else found


def second_answers(workspace: Workspace, pictures: PictureSet, shown: Run | None) -> SecondAnswers | None:
    """Read the answers of the network that is compared with to the loaded pictures.

    Parameters
    ----------
    pictures
        The loaded ones.
    shown
        Run of the open network on them.

    Returns
    -------
    SecondAnswers or None
        With the reason where its answers do not compare; None if nothing is compared.
    """
    compared = compared_run(workspace)
    if compared is None or workspace.images is None:
        return None
    name = network_name(compared)
    run = second_run(workspace, shown)
    if run is None:
        same = bool(compared_runs(workspace, METHOD))
        return SecondAnswers(name, why_not=SHOWN if same else "its accuracy has not been measured")
    if not on_loaded(workspace, run):
        return SecondAnswers(name, why_not="measured on other pictures")
    ours, theirs = (one.result.prepared if one is not None else None for one in (shown, run))
    if ours is not None and theirs is not None:
        changed = ours.samples.total != theirs.samples.total
        one, other = ours.samples, theirs.samples
        same_places = ours.indices is not None and np.array_equal(ours.indices, _places(theirs.indices))
        changed |= same_places and one.sha256 != other.sha256
        if changed:
            return SecondAnswers(name, why_not="measured on pictures or labels that have changed since")
    table = sample_table(pictures, run.result)
    if not table.measured:
        return SecondAnswers(name, why_not="no answers to these pictures yet")
    return SecondAnswers(name, table, run.result)


def _places(indices: object) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return np.empty(0, dtype=np.int64) if indices is None else np.asarray(indices, dtype=np.int64)
