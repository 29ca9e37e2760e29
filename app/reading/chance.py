"""What stands beside a run of dynamic configurations: chance pools, and rules of a learned chooser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from analysis.events import EMPTY
from analysis.measures import oracles, selection
from analysis.measures.findings import grouped
from analysis.measures.oracles import Bools, Floats, Integers
from analysis.request import Request
from analysis.result import Result
from app.reading import numbers
from app.reading.configurations import Row
from app.workspace import Run, Workspace, newest

POOLS, CHOOSER = "chance_pools", "configuration_chooser"
USUAL = {
    "family": "dilation3",
    "points": "",
    "policy": "follow",
    "upsample_gain": "none",
    "recalibrate": "0",
    "extra": "",
    "zooms": "1",
    "zoom_each": "False",
    "subset": "0",
}
"""Parameters that say which configurations were tried on which pictures, with their defaults."""


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
    gains
        What pictures are grouped by to its grouped static gain.
    correct, places
        (picture, copy) and (picture,): which copies are right, and places of the pictures in their source; None where a
        run does not say.
    """

    name: str
    growth: Floats
    beyond: Row
    single: float = float("nan")
    wanted: float = float("nan")
    count: int = 0
    gains: Mapping[str, Row] = field(default_factory=dict)
    correct: Bools | None = None
    places: Integers | None = None

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
            singles = float(single[number]), float(single[0])
            rows = _rows_of(result, number)
            found.append(Pool(name, growth, (middle, low, high), *singles, count, _gains_of(result, number), *rows))
    return tuple(found)


def _rows_of(result: Result, number: int) -> tuple[Bools | None, Integers | None]:
    """Which copies of a pool are right, and where their pictures are."""
    indices = result.prepared.indices if result.prepared is not None else None
    indices = np.asarray(result["place"]) if "place" in result else indices
    if "correct" not in result or indices is None:
        return None, None
    table = np.asarray(result["correct"][number])
    known = (table != EMPTY["uint8"]).all(axis=1)
    return table[known] == 1, np.asarray(indices, dtype=np.int64)[known]


def gain_by(pools: tuple[Pool, ...], values: Floats, seed: int) -> Row | None:
    """Return the grouped static gain of jittered weights by a column of the user, None where it is not known.

    Parameters
    ----------
    values
        One for every picture of the source.
    """
    pool = next((pool for pool in pools if pool.name == "jitter"), None)
    if pool is None or pool.correct is None or pool.places is None or not len(pool.places):
        return None
    return grouped(pool.correct, values[pool.places], seed)[0]


def jitter_gain(pools: tuple[Pool, ...], grouping: str) -> Row | None:
    """Return the grouped static gain of the pool of jittered weights, None where it was not measured."""
    return next((pool.gains[grouping] for pool in pools if pool.name == "jitter" and grouping in pool.gains), None)


def _gains_of(result: Result, number: int) -> dict[str, Row]:
    if "static_gain" not in result:
        return {}
    table = np.asarray(result["static_gain"][number], dtype=np.float64)
    rows = zip(result.names("grouping"), table.tolist(), strict=True)
    return {name: (float(a), float(b), float(c)) for name, (a, b, c) in rows if np.isfinite(a)}


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
    """Return the newest run of a method that tried the configurations of a run: same network, pictures and sample."""
    return newest([other for other in workspace.runs.values() if other.request.method == method and fits(other, run)])


def fits(other: Run, run: Run) -> bool:
    """Tell whether a run may stand beside a sweep."""
    # Pools draw from the whole family in any case.
    names = {*USUAL} - ({"subset"} if other.request.method == POOLS else set())
    return other.result.declared is not None and _asked(other.request, names) == _asked(run.request, names)


def _asked(request: Request, names: set[str]) -> tuple[object, ...]:
    """Return what decides which networks answer which pictures; a parameter at its default counts as left out."""
    given = dict(request.params)
    model = (request.model.name, request.model.weights, request.model.input) if request.model is not None else None
    chosen = tuple(str(given.get(name, usual)) for name, usual in USUAL.items() if name in names)
    return model, request.images, request.edits, request.limit, request.seed, chosen


def why_none(run: Run, method: str) -> str:
    """Say why no run of a method can stand beside a sweep; "" if one can."""
    given = dict(run.request.params)
    if method == CHOOSER and str(given.get("zooms", USUAL["zooms"])) != USUAL["zooms"]:
        return "zoomed pictures: a chooser cannot be trained on them"
    if method == POOLS and given.get("extra"):
        return "further configurations by hand: chance pools cannot be measured for them"
    return ""


def request_beside(workspace: Workspace, method: str, run: Run) -> Request:
    """Make the request whose run stands beside a sweep."""
    grouping = {"zooms", "zoom_each", "column"}
    names = {*USUAL, *grouping} - {"subset"} if method == POOLS else {*USUAL} - grouping
    kept = tuple(pair for pair in run.request.params if pair[0] in names)
    return replace(
        workspace.new_request(method),
        model=run.request.model,
        images=run.request.images,
        edits=run.request.edits,
        params=kept,
        limit=run.request.limit,
        seed=run.request.seed,
    )
