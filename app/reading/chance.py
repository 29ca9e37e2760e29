"""What stands beside a run of dynamic configurations: chance pools, and rules of a learned chooser."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.measures import selection
from analysis.measures.oracles import Floats
from analysis.result import Result
from app.reading.configurations import Row

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
    """

    name: str
    growth: Floats
    beyond: Row


def pools_of(result: Result | None) -> tuple[Pool, ...]:
    """Chance pools of a run, as far as they are measured; the first is the configurations themselves and left out."""
    if result is None or "growth" not in result or "oracle_beyond" not in result:
        return ()
    found = []
    for number, name in enumerate(result.names("pool")):
        growth = np.asarray(result["growth"][number], dtype=np.float64)
        low, middle, high = (float(result["oracle_beyond"][number][end]) for end in (1, 0, 2))
        if number and np.isfinite(growth).any():
            found.append(Pool(name, growth, (middle, low, high)))
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
