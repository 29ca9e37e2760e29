"""Bundles of a second network in figures: which of its points and checkpoints belong to those of the first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from analysis.figures.second import measured, refused, rows_between
from analysis.figures.sheet import Floats
from analysis.measures.alignment import by_rows, checkpoint_places, matching_checkpoint
from analysis.result import Result


class Aligned:
    """Two runs of `conflicting_bundles`, out of all runs of both networks that a figure has.

    Attributes
    ----------
    first, second
        The runs.
    points
        (points of the first,) int64, those of the second that correspond, -1 for none.
    """

    def __init__(self, ours: Sequence[Result], theirs: Sequence[Result]) -> None:
        self.first, self.second = measured(ours)[0], measured(theirs)[0]
        self.points = rows_between(ours, theirs, self.first.layers, self.second)

    def checkpoint(self, place: int) -> int:
        """Checkpoint of the second run for one of the first: of the same name, else the last with numbers.

        Raises
        ------
        AnalysisError
            If it has none.
        """
        names = self.first.names("checkpoint")
        known = np.asarray(np.isfinite(np.asarray(self.second["entropy"], dtype=np.float64)).any(axis=1))
        found = matching_checkpoint(names[place] if names else "", self.second.names("checkpoint"), known)
        if found < 0:
            raise refused(self.second, "nothing of it has been measured")
        return found

    def values(self, name: str, place: int) -> Floats:
        """Values of an output of the second run at a checkpoint and the points of the first, NaN for none."""
        table = np.asarray(self.second[name], dtype=np.float64)
        return by_rows(table[self.checkpoint(place)], self.points)

    def series(self, values: Floats) -> tuple[Floats, Floats]:
        """Places of the second run's checkpoints on the axis of the first, and (checkpoint,) values, in order."""
        x = checkpoint_places(self.first.names("checkpoint") or ("",), self.second.names("checkpoint") or ("",))
        order = np.argsort(x, kind="stable")
        return x[order], values[order]

    def insist(self, places: Iterable[int]) -> None:
        """Refuse differences between runs that were measured in different ways.

        Raises
        ------
        AnalysisError
            Naming mode, number of pictures, η or B, whichever differs first.
        """
        ours, theirs = self.first, self.second
        modes = [run.facts.get("mode", "").partition(":")[0].strip() for run in (ours, theirs)]
        if modes[0] != modes[1]:
            raise refused(theirs, f"mode {modes[0]} here, {modes[1]} there")
        facts = [("N", float(len(ours["label"])), float(len(theirs["label"])))]
        if modes[0] in ("", "update-grid"):
            for sign, name in (("η", "eta"), ("B", "training_batch")):
                if name in ours and name in theirs:
                    facts += [(sign, float(ours[name][i]), float(theirs[name][self.checkpoint(i)])) for i in places]
        for sign, own, other in facts:
            if own != other and not (np.isnan(own) and np.isnan(other)):
                raise refused(theirs, f"{sign} = {own:g} here, {other:g} there")
