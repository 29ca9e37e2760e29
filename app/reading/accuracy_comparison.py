"""Accuracy of a second network beside that of the open one: which classes correspond, what differs. No widgets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.measures.accuracy import difference_interval
from analysis.measures.class_names import class_rows
from analysis.result import Result
from app.reading import numbers
from app.reading.comparing import counterpart, network_name, other_pictures
from app.reading.depth import Floats, Ints
from app.workspace import Run, Workspace

METHOD = "evaluate"


@dataclass(frozen=True, slots=True, eq=False)
class SecondAccuracy:
    """A run of the network that is compared with, beside the run that is shown.

    Attributes
    ----------
    name
        Words for it.
    result, shown
        Its run, and the run that is shown.
    others
        Words for other pictures, "" if both saw the same.
    rows
        (class,) int64: its output for each class of the shown run, -1 for none.
    """

    name: str
    result: Result
    shown: Result
    others: str
    rows: Ints

    @property
    def accuracies(self) -> Floats:
        """(class,) its accuracy at the classes of the shown run, NaN for classes that it does not have."""
        found = np.full(len(self.rows), np.nan)
        if "class_accuracy" in self.result:
            there = self.rows >= 0
            found[there] = np.asarray(self.result["class_accuracy"], dtype=np.float64)[self.rows[there]]
        return found

    @property
    def confusion(self) -> Ints:
        """(class, class) its counts at the classes of the shown run; empty if it has others or saw other pictures."""
        nothing = np.empty((0, 0), dtype=np.int64)
        if self.others or "confusion" not in self.result or not len(self.rows) or (self.rows < 0).any():
            return nothing
        theirs = np.asarray(self.result["confusion"], dtype=np.int64)
        whole = theirs.shape == (len(self.rows), len(self.rows)) and bool((theirs >= 0).all())
        return theirs[np.ix_(self.rows, self.rows)] if whole else nothing

    def difference(self, name: str, value: float) -> str:
        """Words for how much more a figure is here, with its interval: points or nats; none over other pictures."""
        if name not in self.result:
            return ""
        if self.others:
            return "other pictures" if name == "top1" else numbers.NOTHING  # said once
        difference = value - self.result.value(name)
        low, high = difference_interval(self.shown, self.result, name)
        if name == "loss":
            words = (numbers.signed(difference, 3), numbers.ends(low, high, 3, sign=True))
        else:
            words = (f"{numbers.signed(100 * difference, 1)} points", numbers.ends(100 * low, 100 * high, 1, sign=True))
        return " ".join(word for word in words if word)

    def about(self, name: str) -> str:
        """Say what the difference of a figure is from, with the figure there."""
        if name not in self.result:
            return ""
        value = self.result.value(name)
        text = numbers.percent(value) if name != "loss" else numbers.with_unit(value, "nats")
        why = f": not compared, because of {self.others}" if self.others else ""
        paired = " In brackets 95 % over pictures, each seen by both networks." if not why else ""
        return f"{self.name}: {text}{why}.{paired}"


def second_accuracy(workspace: Workspace, shown: Run) -> SecondAccuracy | None:
    """Read the accuracy of the network that is compared with, None for none."""
    run = counterpart(workspace, METHOD)
    if run is None:
        return None
    counts = [len(one["class_accuracy"]) if "class_accuracy" in one else 0 for one in (shown.result, run.result)]
    rows = class_rows(shown.result.names("class"), run.result.names("class"), counts[0], counts[1])
    return SecondAccuracy(network_name(run), run.result, shown.result, other_pictures(shown, run), rows)
