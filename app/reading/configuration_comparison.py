"""Configurations of a second network behind those of the open one. No widgets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analysis.measures.alignment import by_cells, by_rows, same_names
from app.reading import numbers
from app.reading.building import by_hand, text_of
from app.reading.comparing import compared_runs, network_name
from app.reading.configurations import METHOD, Reading, is_ready
from app.reading.depth import Floats, Ints
from app.workspace import Workspace


@dataclass(frozen=True, eq=False)
class SecondConfigurations:
    """A run of the network that is compared with; configurations correspond by name.

    Attributes
    ----------
    name
        Words for the second network.
    reading, shown
        Its run, and the run that is shown.
    """

    name: str
    reading: Reading
    shown: Reading

    @cached_property
    def columns(self) -> Ints:
        """(configurations of the shown run,) numbers of those that correspond, -1 for none."""
        return same_names(self.shown.names, self.reading.names)

    @property
    def same_configurations(self) -> bool:
        """True if both runs tried the same configurations, so that choices and growth compare."""
        return self.reading.names == self.shown.names

    @property
    def why_no_choices(self) -> str:
        """Say why oracles and choices do not compare, "" if they do."""
        return "" if self.same_configurations else "it was tried with other configurations"

    @cached_property
    def why_no_pictures(self) -> str:
        """Say why pictures cannot be compared one by one, "" if they can."""
        ours, theirs = self.shown.result, self.reading.result
        asked = [result.request.images if result.request else None for result in (ours, theirs)]
        if asked[0] is None or asked[1] is None or asked[0].location != asked[1].location:
            return "it was tried on other pictures"
        one, other = ours.prepared, theirs.prepared
        if one is None or other is None or one.samples.total != other.samples.total:
            return "the pictures have changed since"
        if len(one.samples.sha256) and one.samples.count == other.samples.count:
            same = np.array_equal(self.shown.places, self.reading.places)
            if same and one.samples.sha256 != other.samples.sha256:
                return "the pictures have changed since"
        return "" if np.isin(self.shown.places, self.reading.places).any() else "it was tried on other pictures"

    @cached_property
    def rows(self) -> Ints:
        """(finished pictures of the shown run,) rows of the same pictures, -1 for none."""
        known = {int(place): row for row, place in enumerate(self.reading.places)}
        rows = [known.get(int(place), -1) for place in self.shown.places]
        return np.array(rows if not self.why_no_pictures else [-1] * len(rows), dtype=np.int64)

    def cells(self, table: Floats) -> Floats:
        """Bring a (picture, configuration) table to the pictures and configurations of the shown run, NaN for none."""
        return by_cells(table, self.rows, self.columns)

    @cached_property
    def correct(self) -> Floats:
        """(finished pictures, configurations) of the shown run: 1 right there, 0 wrong there, NaN not known."""
        return self.cells(self.reading.correct.astype(np.float64))

    @cached_property
    def shares_by_class(self) -> Floats:
        """(class that occurs in the shown run, configuration) share right there, NaN for none."""
        found = np.full((len(self.shown.known_classes), len(self.columns)), np.nan)
        if self.reading.classes != self.shown.classes:
            return found
        known = {int(number): row for row, number in enumerate(self.reading.known_classes)}
        theirs = self.reading.shares_by_class()
        for row, number in enumerate(self.shown.known_classes.tolist()):
            if number in known:
                found[row] = self.aligned(theirs[known[number]])
        return found

    def aligned(self, values: Floats) -> Floats:
        """Bring values of its configurations to those of the shown run; NaN where nothing corresponds."""
        return by_rows(values, self.columns)


def second_configurations(
    workspace: Workspace, shown: Reading, before: SecondConfigurations | None = None
) -> SecondConfigurations | None:
    """Read the configurations of the network that is compared with, None without any or without labels.

    Parameters
    ----------
    before
        What was returned last; returned again while it is still right.
    """
    runs = sorted(compared_runs(workspace, METHOD), key=by_hand)  # a family first: the order stays otherwise
    run = runs[0] if runs and runs[0].result is not shown.result else None
    if run is None or not is_ready(run.result) or "correct" not in run.result or not shown.labelled:
        return None
    name, done = network_name(run), int((np.asarray(run.result["measured"]) == 1).sum())
    if before is not None and before.reading.result is run.result and before.shown is shown and before.name == name:
        same = len(before.reading.rows) == done and bool(before.reading.measures) == bool(Reading(run.result).measures)
        if same:
            return before
    return SecondConfigurations(name, Reading(run.result), shown)


def both(ours: float, theirs: float) -> str:
    """Words for a share of a second network with the difference in points: "61.7 % (+1.6)"; "" for nothing.

    Examples
    --------
    >>> both(0.75, 0.5).replace(numbers.SPACE, " "), both(0.5, float("nan"))
    ('50.0 % (+25.0)', '')
    """
    if not np.isfinite(theirs):
        return ""
    share = numbers.percent(theirs).replace("-", "−")
    return f"{share} ({numbers.signed(100 * (ours - theirs), 1)})"


def second_by_hand(workspace: Workspace) -> dict[str, float]:
    """Accuracy of configurations built by hand in the network that is compared with, by how they are written."""
    found: dict[str, float] = {}
    for run in reversed(compared_runs(workspace, METHOD)):
        if by_hand(run) and is_ready(run.result):
            reading = Reading(run.result)
            found |= {text_of(run): float(reading.accuracy[-1])} if reading.labelled else {}
    return found
