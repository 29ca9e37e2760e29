"""Configurations of a second network behind those of the open one. No widgets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from app.reading import numbers
from app.reading.comparing import counterpart, network_name
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
        known = {name: number for number, name in enumerate(self.reading.names)}
        return np.array([known.get(name, -1) for name in self.shown.names], dtype=np.int64)

    @property
    def same_configurations(self) -> bool:
        """True if both runs tried the same configurations, so that choices and growth compare."""
        return self.reading.names == self.shown.names

    def aligned(self, values: Floats) -> Floats:
        """Bring values of its configurations to those of the shown run; NaN where nothing corresponds."""
        found = np.full(len(self.columns), np.nan)
        found[self.columns >= 0] = values[self.columns[self.columns >= 0]]
        return found


def second_configurations(
    workspace: Workspace, shown: Reading, before: SecondConfigurations | None = None
) -> SecondConfigurations | None:
    """Read the configurations of the network that is compared with, None without any or without labels.

    Parameters
    ----------
    before
        What was returned last; returned again while it is still right.
    """
    run = counterpart(workspace, METHOD)
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
