"""Bundles of a second network behind those of the open one: which points and checkpoints correspond. No widgets."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from analysis.measures.alignment import by_rows, checkpoint_places, matching_checkpoint
from analysis.measures.bundles import bundles_of, members
from analysis.result import Result
from app.reading.bundles import METHOD, Reading
from app.reading.comparing import counterpart, named_rows, network_name, second_names
from app.reading.depth import Floats, Ints
from app.workspace import Workspace


class SecondReading:
    """A run of the network that is compared with, aligned with the run that is shown.

    Which points correspond is that of the layers of both networks, see :func:`app.reading.comparing.second_names`.
    Checkpoints correspond by name; else the last one that was measured stands for the network.

    Attributes
    ----------
    name
        Words for the second network.
    reading
        Its run.
    points
        (points,) int64, for every point of the shown run the one that corresponds, -1 for none.
    """

    def __init__(self, name: str, reading: Reading, shown: Reading, names: Mapping[str, str]) -> None:
        self.name, self.reading, self._shown, self._names = name, reading, shown, names
        self.points: Ints = named_rows(names, shown.points, reading.points)

    def is_still(self, result: Result, shown: Reading, names: Mapping[str, str]) -> bool:
        """Tell whether this was read from a run, as far as it has come, for a shown one and known layers."""
        same = self.reading.result is result and self._shown is shown and self._names == names
        return same and bool(np.any(self.reading.labels >= 0))

    def checkpoint(self, number: int) -> int:
        """Checkpoint that corresponds to one of the shown run, -1 while nothing is measured."""
        wanted = self._shown.checkpoints[number] if 0 <= number < len(self._shown.checkpoints) else ""
        known = np.asarray(np.isfinite(self.reading.table("entropy")).any(axis=1))
        return matching_checkpoint(wanted, self.reading.checkpoints, known)

    def aligned(self, values: Floats) -> Floats:
        """Bring values of its points to the points of the shown run; NaN where nothing corresponds."""
        return by_rows(values, self.points)

    def values(self, table: Floats, number: int) -> Floats:
        """Values of the corresponding checkpoint at the points of the shown run.

        Parameters
        ----------
        table
            (checkpoints, points) of the second run.
        number
            Checkpoint of the shown run.
        """
        checkpoint = self.checkpoint(number)
        return self.aligned(table[checkpoint] if checkpoint >= 0 else np.full(table.shape[1], np.nan))

    def series(self, table: Floats) -> tuple[Floats, Floats]:
        """Places on the shown run's axis of checkpoints, and values, of a table over the second run's checkpoints.

        By name where all names are known to both; else from the first to the last, evenly.
        """
        return checkpoint_places(self._shown.checkpoints, self.reading.checkpoints), table

    @property
    def same_pictures(self) -> bool:
        """True if both runs saw the same pictures in the same order."""
        one, other = self._shown.result.prepared, self.reading.result.prepared
        if one is None or other is None or not one.samples.sha256:
            return False
        return (one.samples.sha256, one.samples.count) == (other.samples.sha256, other.samples.count)

    def why_no_difference(self, number: int) -> str:
        """Say what differs in how the two were measured, so that a difference means nothing; "" if nothing does.

        Parameters
        ----------
        number
            Checkpoint of the shown run.
        """
        ours, theirs, there = self._shown, self.reading, self.checkpoint(number)
        if ours.mode != theirs.mode:
            return f"mode {ours.mode} here, {theirs.mode} there"
        facts: list[tuple[str, float, float]] = [("N", len(ours.labels), len(theirs.labels))]
        if ours.mode in ("", "update-grid"):
            for sign, name in (("η", "eta"), ("B", "training_batch")):
                facts.append((sign, ours.per_checkpoint(name)[number], theirs.per_checkpoint(name)[there]))
        return ", ".join(f"{sign} = {own:g} here, {other:g} there" for sign, own, other in facts if own != other)

    def together(self, number: int, point: int, bundles: tuple[int, ...]) -> dict[int, int]:
        """Count, for bundles of a shown cell, how many of their pictures the second network still merges into one.

        Empty where no point corresponds, or the pictures are others.
        """
        theirs = int(self.points[point]) if 0 <= point < len(self.points) else -1
        checkpoint = self.checkpoint(number)
        if theirs < 0 or checkpoint < 0 or not self.same_pictures:
            return {}
        own, other = self._shown.ids(number, point), self.reading.ids(checkpoint, theirs)
        if len(own) != len(other):
            return {}
        found: dict[int, int] = {}
        for bundle in bundles:
            groups = bundles_of(other, members(own, bundle))
            found[bundle] = max((len(rows) for _, rows in groups), default=0)
        return found


def second_reading(workspace: Workspace, shown: Reading, before: SecondReading | None = None) -> SecondReading | None:
    """Read the bundles of the network that is compared with, None for nothing.

    Parameters
    ----------
    before
        What was returned last; returned again while it is still right.
    """
    run = counterpart(workspace, METHOD)
    if run is None or not len(run.result["label"]):
        return None
    name, names = network_name(run), second_names(workspace)
    if before is not None and before.name == name and before.is_still(run.result, shown, names):
        return before
    return SecondReading(name, Reading(run.result), shown, names)
