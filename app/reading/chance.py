"""What stands beside a run of dynamic configurations: chance pools, and rules of a learned chooser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from analysis.events import EMPTY
from analysis.measures import oracles, selection
from analysis.measures.findings import ALIKE, LABEL, grouped, why_no_gain
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


@dataclass(frozen=True, slots=True)
class Gain:
    """Grouped static gain of a pool beside what it compares with: as many configurations, on the same pictures.

    Attributes
    ----------
    pool, same
        Gain of the copies, and of the configurations that were drawn; NaN if it cannot be measured.
    guesses, pictures
        How many copies and configurations, on how many pictures.
    why_not
        Why it cannot be measured, "" if it can.
    """

    pool: Row
    same: Row
    guesses: int
    pictures: int
    why_not: str = ""

    @property
    def exceeded(self) -> bool:
        """True if the configurations gain clearly more than the copies."""
        return self.same[1] > self.pool[0]


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Guesses that know nothing about geometry.

    Attributes
    ----------
    name
        "perturbation" or "jitter".
    growth
        (k,) oracle of k random copies among as many as there are configurations, so that it begins where their curve
        does; NaN where there are too few copies to say. Of older runs, among the copies alone.
    guesses
        Copies, and configurations, that are compared: the fewer of both.
    beyond
        Oracle of so many configurations less that of so many copies, on the same pictures.
    single, wanted
        Accuracy of one of its copies, and of one configuration: equal where the strength could be matched; NaN if
        a run does not say.
    count
        Pictures that it was run on, 0 if a run does not say.
    gains
        What pictures are grouped by to its grouped static gain, beside that of the configurations it was drawn for.
    correct, same, places
        (picture, copy), (picture, configuration) and (picture,): which copies and which of those configurations are
        right, and places of the pictures in their source; None where a run does not say.
    """

    name: str
    growth: Floats
    beyond: Row
    guesses: int = 0
    single: float = float("nan")
    wanted: float = float("nan")
    count: int = 0
    gains: Mapping[str, Gain] = field(default_factory=dict)
    correct: Bools | None = None
    same: Bools | None = None
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
    count = _pictures_of(result)
    for number, name in enumerate(result.names("pool")):
        drawn = "growth_in_family" if "growth_in_family" in result else "growth"
        growth = np.asarray(result[drawn][number], dtype=np.float64)
        low, middle, high = (float(result["oracle_beyond"][number][end]) for end in (1, 0, 2))
        if number and np.isfinite(growth).any():
            singles = float(single[number]), float(single[0])
            sizes = [int(np.isfinite(np.asarray(result["growth"][row])).sum()) for row in (0, number)]
            gains = _gains_of(result, number, min(sizes))
            own, same, places = _rows_of(result, number, sizes)
            beyond = (middle, low, high)
            found.append(Pool(name, growth, beyond, min(sizes), *singles, count, gains, own, same, places))
    return tuple(found)


def _pictures_of(result: Result) -> int:
    """Count the pictures that a run has measured; at most as many as were asked for."""
    if "measured" in result:
        return int((np.asarray(result["measured"]) == 1).sum())
    return result.prepared.samples.count if result.prepared is not None else 0


def _rows_of(result: Result, number: int, sizes: list[int]) -> tuple[Bools | None, Bools | None, Integers | None]:
    """Which copies of a pool, and which of the configurations drawn, are right, and where their pictures are."""
    indices = result.prepared.indices if result.prepared is not None else None
    indices = np.asarray(result["place"]) if "place" in result else indices
    if "correct" not in result or indices is None:
        return None, None, None
    same, table = (np.asarray(result["correct"][row])[:, :size] for row, size in zip((0, number), sizes, strict=True))
    known = (table != EMPTY["uint8"]).all(axis=1) & (same != EMPTY["uint8"]).all(axis=1)
    return table[known] == 1, same[known] == 1, np.asarray(indices, dtype=np.int64)[known]


def gain_by(pools: tuple[Pool, ...], values: Floats, seed: int) -> Gain | None:
    """Return the grouped static gain of jittered weights by a column of the user, None where it is not known.

    Parameters
    ----------
    values
        One for every picture of the source.
    """
    pool = next((pool for pool in pools if pool.name == "jitter"), None)
    if pool is None or pool.correct is None or pool.same is None or pool.places is None or not len(pool.places):
        return None
    own, places = values[pool.places], pool.places
    gains = [grouped(right, own, seed, picture=places)[0] for right in (pool.correct, pool.same)]
    why_not = why_no_gain(own, picture=places)
    return Gain(gains[0], gains[1], pool.guesses, len(np.unique(places)), why_not)


def jitter_gain(pools: tuple[Pool, ...], grouping: str) -> Gain | None:
    """Return the grouped static gain of the pool of jittered weights, None where it was not measured."""
    return next((pool.gains[grouping] for pool in pools if pool.name == "jitter" and grouping in pool.gains), None)


def _gains_of(result: Result, number: int, guesses: int) -> dict[str, Gain]:
    """Gains of a pool by what its pictures differ in; a grouping without any group that is large enough is kept."""
    if "static_gain" not in result:
        return {}
    found = {}
    tables = (np.asarray(result["static_gain"][row], dtype=np.float64) for row in (number, 0))
    for name, pool, same in zip(result.names("grouping"), *tables, strict=True):
        why_not, pictures = _why_no_gain(result, name)
        if np.isfinite(pool[0]) or (why_not and why_not != ALIKE):
            rows = [_row(values) if not why_not else (float("nan"),) * 3 for values in (pool, same)]
            found[name] = Gain(rows[0], rows[1], guesses, pictures, why_not)
    return found


def _row(values: Floats) -> Row:
    value, low, high = (float(end) for end in values)
    return value, low, high


def _why_no_gain(result: Result, grouping: str) -> tuple[str, int]:
    """Say why a pool has no gain by a grouping, "" if it has or does not say; and how many pictures it was run on."""
    source = "label" if grouping == LABEL else grouping
    if source not in result or "measured" not in result:
        return "", result.prepared.samples.count if result.prepared is not None else 0
    rows = np.flatnonzero(np.asarray(result["measured"]) == 1)
    picture = np.asarray(result["place"], dtype=np.int64)[rows] if "place" in result else rows
    values = np.asarray(result[source], dtype=np.float64)[rows]
    return why_no_gain(values, grouping == LABEL, picture), len(np.unique(picture))


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
