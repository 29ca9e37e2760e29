"""What a run of dynamic configurations says, ready for drawing: who is right where, in which order, and why."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np

from analysis.events import EMPTY
from analysis.measures import oracles, scales, selection
from analysis.measures.findings import LABEL, MEASURES, NOTHING, grouped, groups_of, why_no_gain
from analysis.measures.oracles import Floats, Integers
from analysis.result import Result
from app.reading import numbers
from app.reading.configuration_parts import Group, Look, Subset, letter
from app.reading.configuration_pins import Pinned, short
from app.reading.configuration_records import FEW, LOST, RIGHT, UNSEEN, WON, WRONG, Records
from app.workspace import Workspace

__all__ = [
    "FEW",
    "LOST",
    "METHOD",
    "RIGHT",
    "UNSEEN",
    "WON",
    "WRONG",
    "Group",
    "Look",
    "Pinned",
    "Reading",
    "Records",
    "Row",
    "Subset",
    "duration",
    "is_ready",
    "letter",
    "macs_words",
    "scatter",
    "short",
]

METHOD = "dynamic_configurations"

Row = tuple[float, float, float]


class Reading(Records):
    """A run with everything that is read off its records.

    Attributes
    ----------
    pins
        Configurations built by hand that stand beside those of the run.
    columns_of_user
        Name to one value for each finished picture, from tables of the user.
    cover_from_own
        True to begin small sets with configuration 0, False to begin with none.
    """

    def __init__(self, result: Result) -> None:
        super().__init__(result)
        self.pins: tuple[Pinned, ...] = ()
        self.columns_of_user: dict[str, Floats] = {}
        self.cover_from_own = True

    # -- measures ----------------------------------------------------------------------------------------------------

    @cached_property
    def measures(self) -> Mapping[str, Row]:
        """Value, lower and upper end of each measure of the header; empty until all pictures are finished."""
        if "summary" not in self.result or not np.isfinite(self.result["summary"]).any():
            return {}
        tables = [np.asarray(self.result[name]) for name in ("summary", "summary_low", "summary_high")]
        names = self.result.names("measure") or MEASURES
        return {name: (float(a), float(b), float(c)) for name, a, b, c in zip(names, *tables, strict=True)}

    @property
    def settled(self) -> bool:
        """True once the header has been read off all pictures."""
        return bool(self.measures)

    @cached_property
    def so_far(self) -> Mapping[str, Row]:
        """Measures of the finished pictures that are cheap, without intervals; what is held out comes at the end."""
        if not self.labelled or not len(self.rows):
            return {}
        nothing = float("nan")
        order = oracles.loss_order(self.table("loss"))[:, 0]
        chance = oracles.shuffled_oracle(self.prediction, self.label)
        found = {
            "plain accuracy": float(self.accuracy[0]),
            "mean of one configuration": float(self.correct.mean()),
            "any-correct oracle": self.oracle,
            "best-loss oracle": float(self.correct[np.arange(len(order)), order].mean()),
            "all-correct": oracles.all_correct(self.correct),
            "independence ceiling": oracles.independence_ceiling(self.correct),
            "matched list": self.list_accuracy,
            "oracle beyond list": self.oracle - self.list_accuracy,
            "shuffled labels": chance,
            "kappa": oracles.kappa(self.oracle, chance),
        }
        return {name: (value, nothing, nothing) for name, value in found.items()}

    def measure(self, name: str) -> Row:
        """One measure, of the finished pictures before all are; NaN where there is none."""
        return (self.measures if self.settled else self.so_far).get(name, (float("nan"),) * 3)

    @cached_property
    def plain_accuracy(self) -> Row | None:
        """Accuracy of the network as it is where configuration 0 is another one, with its interval; else None."""
        if "plain_correct" not in self.result or not len(self.rows):
            return None
        right = self.table("plain_correct") == 1
        low, high = float("nan"), float("nan")
        if self.settled:
            low, high = oracles.mean_interval(right.astype(np.float64), seed=self.seed, picture=self.picture)
        return float(right.mean()), low, high

    @cached_property
    def oracle(self) -> float:
        """Share of pictures that at least one configuration gets right."""
        return oracles.any_correct(self.correct) if len(self.rows) else float("nan")

    @cached_property
    def list_accuracy(self) -> float:
        """Accuracy of the plain network if it may give as many answers as the configurations did."""
        return oracles.matched_list(self.table("true_rank")[:, 0].astype(np.int64), self.prediction)

    @cached_property
    def halves(self) -> tuple[Integers, Integers]:
        """Rows that are chosen on, rows that are reported on."""
        return selection.halves(self.label, self.seed, self.picture)

    @property
    def seed(self) -> int:
        """Seed of the run."""
        return self.result.request.seed if self.result.request else 0

    @property
    def cover(self) -> selection.Cover:
        """Small sets of configurations, chosen on one half; they begin as :attr:`cover_from_own` says."""
        return self._cover_from_own if self.cover_from_own else self._cover_from_none

    @cached_property
    def _cover_from_own(self) -> selection.Cover:
        select, report = self.halves
        return selection.greedy_cover(self.correct, self.macs, 1.0, select=select, report=report)

    @cached_property
    def _cover_from_none(self) -> selection.Cover:
        select, report = self.halves
        return selection.greedy_cover(self.correct, self.macs, 1.0, from_own=False, select=select, report=report)

    @cached_property
    def policies(self) -> tuple[selection.Policy, ...]:
        """Rules that need no label."""
        pooled = {"mean of probabilities": "mean_prediction", "majority vote": "vote_prediction"}
        return selection.policies(
            self.correct,
            {name: self.table(name) for name in ("confidence", "entropy", "margin")},
            self.label,
            {words: np.asarray(self.result[name][self.rows], dtype=np.int64) for words, name in pooled.items()},
            self.macs,
            self.seed,
            float(np.asarray(self.result["tree_macs"]).sum()),
            self.picture,
        )

    @cached_property
    def subsets(self) -> tuple[Subset, ...]:
        """Oracles of subsets of switch points; of all subsets where they are few."""
        found = oracles.point_subsets(self.options)
        smallest = min(len(rows) for _, rows in found)
        return tuple(
            Subset(
                "".join(letter(point) for point in points),
                len(rows),
                oracles.any_correct(self.correct[:, rows]),
                1 - float(oracles.missed_by_subsets(self.correct[:, rows], smallest).mean()),
            )
            for points, rows in found
        )

    def values(self, name: str) -> Floats:
        """(finished,) what pictures are grouped by; empty where the run does not have it."""
        if name in self.columns_of_user:
            return self.columns_of_user[name]
        name = "label" if name == LABEL else name
        return self.table(name) if name in self.result else np.empty(0)

    def why_no_gain(self, name: str) -> str:
        """Say why there is no grouped static gain, "" if there is one or the run does not have the grouping at all."""
        values = self.values(name)
        return why_no_gain(values, name == LABEL, self.picture) if len(values) and self.labelled else ""

    def gain(self, name: str) -> tuple[Row, Row]:
        """Return the grouped static gain and its control: as the run found them, or for a column of the user.

        NaN where there is nothing to measure, see :meth:`why_no_gain`.
        """
        if self.why_no_gain(name):
            return NOTHING, NOTHING
        known = self.measure(f"static gain by {name}"), self.measure(f"static gain by {name}, shuffled")
        if name in self.columns_of_user or (self.settled and not np.isfinite(known[0][0])):
            values = self.values(name)
            if len(values):
                return grouped(self.correct, values, self.seed, each=name == LABEL, picture=self.picture)
        return known

    def groups(self, name: str, count: int = 5) -> tuple[Group, ...]:
        """Divide pictures by a number each has into quantiles, or by its values if they are few; none if all are alike.

        One split is drawn; the mean over many is the static gain.
        """
        values = self.values(name)
        among = groups_of(values, count, each=name == LABEL)  # -1: pictures that a table leaves out
        several = np.unique(among[among >= 0])
        if len(several) < 2 or len(values) < 4:
            return ()
        select, report = selection.halves(among, self.seed, self.picture)
        found = []
        for number in several:
            rows = np.flatnonzero(among == number)
            chosen_on, there = select[among[select] == number], report[among[report] == number]
            pictures = self.pictures_among(rows)
            fits = pictures >= selection.FEWEST and len(chosen_on)
            pick = int(np.argmax(self.correct[chosen_on].mean(axis=0))) if fits else 0
            here = self.correct[there] if len(there) else self.correct[rows]
            low, high = (numbers.short(float(end)) for end in (values[rows].min(), values[rows].max()))
            words = low if low == high else f"{low} to {high}"
            words = self.class_name(int(values[rows[0]])) if name == LABEL else words
            shares = (here[:, 0].mean(), here[:, pick].mean(), here.any(axis=1).mean())
            plain, fixed, oracle = (float(share) for share in shares)
            found.append(Group(words, rows, pick, plain, fixed, oracle, pictures))
        return tuple(found)

    @cached_property
    def scales(self) -> tuple[scales.Scale, ...]:
        """Ways to say at what scale the configurations look."""
        reduction = np.asarray(self.result["reduction"], dtype=np.float64) if "reduction" in self.result else None
        return scales.scales_of(self.names, np.asarray(self.result["receptive_field"], dtype=np.float64), reduction)

    # -- words -------------------------------------------------------------------------------------------------------

    def conditions(self) -> list[str]:
        """Return what has to stand beside every number."""
        total, done = len(self.result["measured"]), len(self.rows)
        count = f"N = {done:,}" if done == total else f"N = {done:,} of {total:,} pictures so far"
        if "place" in self.result:
            count = f"N = {len(np.unique(self.places)):,} pictures, {count.removeprefix('N = ')} rows"
        found = [count, f"K = {len(self.names)}", f"seed {self.seed}"]
        facts = self.result.facts
        found += [facts[name] for name in ("subset", "zoom", "batch norm") if name in facts]
        return [*found, f"shortcuts {facts['shortcuts']}" if "shortcuts" in facts else ""]


def scatter(accuracy: float, count: int) -> float:
    """Difference of accuracies on so many pictures below which nothing is highlighted: about two standard errors."""
    return 2 * float(np.sqrt(accuracy * (1 - accuracy) / count)) if count else float("nan")


def is_ready(result: Result) -> bool:
    """Tell whether a run has finished pictures and says what its configurations are."""
    wanted = ("measured", "option", "macs", "prediction")
    if any(name not in result for name in wanted) or not np.any(np.asarray(result["measured"]) == 1):
        return False
    option = np.asarray(result["option"])
    return bool(option.size) and bool((option != EMPTY[option.dtype.name]).all())


def duration(workspace: Workspace) -> str:
    """Say about how long a run takes, for as many configurations as the default family has."""
    info = workspace.method(METHOD)
    count = workspace.limit if workspace.limit > 0 else (info.limit if info and info.limit else 500)
    speed = 3e11 if workspace.compute.device.startswith(("cuda", "mps")) else 8e9
    seconds = 3 + 40 * sum(layer.macs for layer in workspace.layers) * count / speed
    return (
        f"about {numbers.duration(seconds)} for {count:,} pictures and 81 configurations on {workspace.compute.device}"
    )


def macs_words(macs: float) -> str:
    """Multiply-adds of a picture in few words."""
    return numbers.with_unit(macs, "MACs") if np.isfinite(macs) else numbers.NOTHING
