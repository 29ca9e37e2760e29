"""What stands beside a run of dynamic configurations: chance pools, and rules of a learned chooser."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.measures import oracles, selection
from analysis.measures.oracles import Floats
from analysis.result import Result
from app.reading import numbers
from app.reading.configurations import Row
from app.workspace import Run, Workspace

POOLS, CHOOSER = "chance_pools", "configuration_chooser"


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Guesses that know nothing about geometry.

    Attributes
    ----------
    name
        "perturbation" or "jitter".
    growth
        (k,) oracle of k random copies.
    beyond
        Oracle of as many configurations less that of the pool, on the same pictures.
    single, wanted
        Accuracy of one of its copies, and of one configuration: equal where the strength could be matched; NaN if
        a run does not say.
    count
        Pictures that it was run on, 0 if a run does not say.
    """

    name: str
    growth: Floats
    beyond: Row
    single: float = float("nan")
    wanted: float = float("nan")
    count: int = 0

    @property
    def matched(self) -> bool:
        """False if a copy is clearly more or less accurate than a configuration, so that oracles do not compare."""
        return oracles.matched(self.single, self.wanted)

    @property
    def why_not(self) -> str:
        """Words for what is not matched, "" if all is."""
        if self.matched:
            return ""
        return f"not matched: a copy {numbers.percent(self.single)}"


def pools_of(result: Result | None) -> tuple[Pool, ...]:
    """Chance pools of a run, as far as they are measured; the first is the configurations themselves and left out."""
    if result is None or "growth" not in result or "oracle_beyond" not in result:
        return ()
    found = []
    single = np.asarray(result["mean_accuracy"], dtype=np.float64) if "mean_accuracy" in result else np.full(9, np.nan)
    count = result.prepared.samples.count if result.prepared is not None else 0
    for number, name in enumerate(result.names("pool")):
        growth = np.asarray(result["growth"][number], dtype=np.float64)
        low, middle, high = (float(result["oracle_beyond"][number][end]) for end in (1, 0, 2))
        if number and np.isfinite(growth).any():
            found.append(Pool(name, growth, (middle, low, high), float(single[number]), float(single[0]), count))
    return tuple(found)


def rules_of(result: Result | None) -> tuple[selection.Policy, ...]:
    """Rules of a learned chooser, on the half of the pictures that it was not trained on."""
    if result is None or any(name not in result for name in ("accuracy", "gap_closed", "macs")):
        return ()
    tables = (result["accuracy"], result["gap_closed"], result["macs"])
    found = [
        selection.Policy(name, float(accuracy), float(gap), float(macs))
        for name, accuracy, gap, macs in zip(result.names("rule"), *tables, strict=True)
    ]
    return tuple(rule for rule in found if np.isfinite(rule.accuracy))


def newest_beside(workspace: Workspace, method: str, run: Run) -> Run | None:
    """Return the newest run of a method if it tried the configurations of a run on pictures of the same source."""
    other = workspace.latest(method)
    if other is None:
        return None
    choices = ("family", "points", "policy", "upsample_gain", "recalibrate")
    settings = [tuple(dict(each.request.params).get(name) for name in choices) for each in (other, run)]
    return other if settings[0] == settings[1] and other.request.images == run.request.images else None
