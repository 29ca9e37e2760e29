"""What a run of dynamic configurations says, ready for drawing: who is right where, in which order, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from analysis.events import EMPTY
from analysis.measures import oracles, selection
from analysis.measures.configurations import read_extra
from analysis.measures.findings import MEASURES, grouped
from analysis.measures.oracles import Bools, Floats, Integers
from analysis.result import Result
from app.reading import numbers

METHOD = "dynamic_configurations"
WRONG, RIGHT, LOST, WON = 0, 1, 2, 3
"""Kinds of a cell: as wrong as the network as it is, as right, wrong where that is right, right where that is wrong."""
UNSEEN = 255
"""Kind of a cell whose picture was not run under a configuration."""
MOST_ROWS = 2000
"""Pictures above which rows are classes."""
FEW = 10
"""Pictures of a class below which its shares say little."""

Row = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Look:
    """What the view looks at.

    Attributes
    ----------
    configuration
        Its number; 0 is the network as it is.
    row
        Row of the finished pictures, -1 for none.
    """

    configuration: int = 0
    row: int = -1


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Pictures that are alike in something that neither the network nor the labels say.

    Attributes
    ----------
    words
        Range of values.
    rows
        Its finished pictures.
    chosen
        Configuration that is best on one half of them; the network as it is where they are fewer than 40.
    plain, fixed, oracle
        Accuracy of the network as it is and of that configuration on the other half, and the upper bound there.
    """

    words: str
    rows: Integers
    chosen: int
    plain: float
    fixed: float
    oracle: float


class Reading:
    """A run that has declared its outputs, possibly still open; only finished pictures are read.

    Attributes
    ----------
    result
        The run.
    rows
        (finished,) int64, rows of the run's pictures that all configurations have seen.
    names, points
        Names of the configurations, the first is the network as it is; names of the switch points.
    labelled
        True if the pictures have labels, without which there is no oracle.
    pins
        Configurations built by hand that stand beside those of the run.
    columns_of_user
        Name to one value for each finished picture, from tables of the user.
    """

    def __init__(self, result: Result) -> None:
        self.result = result
        self.rows: Integers = np.flatnonzero(np.asarray(result["measured"]) == 1)
        self.names = result.names("configuration")
        self.points = result.names("point")
        self.labelled = "correct" in result
        self.classes = result.names("class")
        self.pins: tuple[Pinned, ...] = ()
        self.columns_of_user: dict[str, Floats] = {}

    # -- pictures ----------------------------------------------------------------------------------------------------

    @cached_property
    def places(self) -> Integers:
        """(finished,) places of the pictures in their source."""
        indices = self.result.prepared.indices if self.result.prepared is not None else None
        if indices is None or len(indices) != len(self.result["measured"]):
            return self.rows
        return np.asarray(indices, dtype=np.int64)[self.rows]

    def row_of(self, place: int) -> int:
        """Row of a picture of the source, -1 if it is not among the finished ones."""
        found = np.flatnonzero(self.places == place)
        return int(found[0]) if len(found) else -1

    def table(self, name: str) -> Floats:
        """Return an output of pictures as float64 with one row per finished picture."""
        return np.asarray(self.result[name][self.rows], dtype=np.float64)

    @cached_property
    def label(self) -> Integers:
        """(finished,) true classes, -1 without labels."""
        return np.asarray(self.result["label"][self.rows], dtype=np.int64)

    @cached_property
    def prediction(self) -> Integers:
        """(finished, configuration) classes."""
        return np.asarray(self.result["prediction"][self.rows], dtype=np.int64)

    @cached_property
    def correct(self) -> Bools:
        """(finished, configuration); all False without labels."""
        if not self.labelled:
            return np.zeros(self.prediction.shape, dtype=bool)
        return np.asarray(self.result["correct"][self.rows] == 1)

    @cached_property
    def right(self) -> Integers:
        """(finished,) number of configurations that get a picture right."""
        return np.asarray(self.correct.sum(axis=1), dtype=np.int64)

    def class_name(self, number: int) -> str:
        """Name of a class, its number if it has none."""
        return self.classes[number] if 0 <= number < len(self.classes) else str(number)

    # -- configurations ----------------------------------------------------------------------------------------------

    @cached_property
    def options(self) -> Integers:
        """(configuration, point) numbers of options."""
        return np.asarray(self.result["option"], dtype=np.int64)

    @cached_property
    def macs(self) -> Integers:
        """(configuration,) multiply-adds of a picture."""
        return np.asarray(self.result["macs"], dtype=np.int64)

    @cached_property
    def accuracy(self) -> Floats:
        """(configuration,) share of finished pictures that each gets right."""
        return np.asarray(self.correct.mean(axis=0)) if len(self.rows) else np.full(len(self.names), np.nan)

    @cached_property
    def solved_alone(self) -> Integers:
        """(configuration,) pictures that only it gets right."""
        return oracles.only_solver(self.correct)

    def token(self, configuration: int, point: int) -> str:
        """Option of a configuration at a point: "2" or "D2"; "dil2" where families are mixed."""
        _, _, tokens = self.names[configuration].partition(":")
        parts = tokens.split("|")
        return parts[point] if point < len(parts) else str(self.options[configuration, point])

    @property
    def family(self) -> str:
        """Words for what is chosen."""
        sort = self.names[0].partition(":")[0] if self.names else ""
        return {"dil": "dilation", "ker": "kernel size", "stride": "stride"}.get(sort, "geometry")

    def maps(self, configuration: int) -> list[tuple[int, int]]:
        """Map after each point, then the last map, as (rows, columns)."""
        found = [*self.result["map_size"][configuration].tolist(), self.result["last_map"][configuration].tolist()]
        return [(int(high), int(wide)) for high, wide in found]

    # -- the matrix --------------------------------------------------------------------------------------------------

    @cached_property
    def kinds(self) -> NDArray[np.uint8]:
        """(finished, configuration) kind of every cell."""
        own = self.correct[:, :1]
        kinds = np.where(self.correct, np.where(own, RIGHT, WON), np.where(own, LOST, WRONG))
        return np.asarray(kinds, dtype=np.uint8)

    @cached_property
    def order(self) -> Integers:
        """Rows, those that most configurations get right first; equals stay in order."""
        return np.asarray(np.argsort(-self.right, kind="stable"), dtype=np.int64)

    @cached_property
    def columns(self) -> Integers:
        """Configurations: the network as it is, then by falling accuracy."""
        others = 1 + np.argsort(-self.accuracy[1:], kind="stable")
        return np.concatenate([[0], others]).astype(np.int64)

    @property
    def by_class(self) -> bool:
        """True if there are so many pictures that rows of the matrix are classes."""
        return len(self.rows) > MOST_ROWS

    @cached_property
    def known_classes(self) -> Integers:
        """Classes that occur, ascending."""
        return np.unique(self.label[self.label >= 0])

    def shares_by_class(self) -> Floats:
        """(class that occurs, configuration) share right."""
        return np.stack([self.correct[self.label == number].mean(axis=0) for number in self.known_classes])

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
        return selection.halves(self.label, self.seed)

    @property
    def seed(self) -> int:
        """Seed of the run."""
        return self.result.request.seed if self.result.request else 0

    @cached_property
    def cover(self) -> selection.Cover:
        """Small sets of configurations, chosen on one half."""
        select, report = self.halves
        return selection.greedy_cover(self.correct, self.macs, 1.0, select=select, report=report)

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
        )

    @cached_property
    def subsets(self) -> tuple[tuple[str, int, float], ...]:
        """For every subset of switch points: letters, number of configurations, and their oracle."""
        letters = "ABCDEFGHIJ"
        return tuple(
            ("".join(letters[point] for point in points), len(rows), oracles.any_correct(self.correct[:, rows]))
            for points, rows in oracles.point_subsets(self.options)
        )

    def values(self, name: str) -> Floats:
        """(finished,) what pictures are grouped by; empty where the run does not have it."""
        if name in self.columns_of_user:
            return self.columns_of_user[name]
        return self.table(name) if name in self.result else np.empty(0)

    def gain(self, name: str) -> tuple[Row, Row]:
        """Return the grouped static gain and its control: as the run found them, or for a column of the user."""
        if name in self.columns_of_user:
            return grouped(self.correct, self.columns_of_user[name], self.seed)
        return self.measure(f"static gain by {name}"), self.measure(f"static gain by {name}, shuffled")

    def groups(self, name: str, count: int = 5) -> tuple[Group, ...]:
        """Divide pictures by a number each has into quantiles, or by its values if they are few; none if all are alike.

        One split is drawn; the mean over many is the static gain.
        """
        values = self.values(name)
        distinct = np.unique(values[np.isfinite(values)])
        if len(distinct) < 2 or len(values) < 4:
            return ()
        few = len(distinct) <= 2 * count
        among = np.searchsorted(distinct, values) if few else selection.quantile_groups(values, count)
        among = np.where(np.isfinite(values), among, -1)  # pictures that a table leaves out are in no group
        select, report = selection.halves(among.astype(np.int64), self.seed)
        found = []
        for number in np.unique(among[np.isfinite(values)]):
            rows = np.flatnonzero(among == number)
            chosen_on, there = select[among[select] == number], report[among[report] == number]
            fits = len(rows) >= selection.FEWEST and len(chosen_on)
            pick = int(np.argmax(self.correct[chosen_on].mean(axis=0))) if fits else 0
            here = self.correct[there] if len(there) else self.correct[rows]
            low, high = (numbers.short(float(end)) for end in (values[rows].min(), values[rows].max()))
            words = low if low == high else f"{low} to {high}"
            shares = (here[:, 0].mean(), here[:, pick].mean(), here.any(axis=1).mean())
            found.append(Group(words, rows, pick, *(float(share) for share in shares)))
        return tuple(found)

    # -- words -------------------------------------------------------------------------------------------------------

    def conditions(self) -> list[str]:
        """Return what has to stand beside every number."""
        total, done = len(self.result["measured"]), len(self.rows)
        count = f"N = {done:,}" if done == total else f"N = {done:,} of {total:,} pictures so far"
        found = [count, f"K = {len(self.names)}", f"seed {self.seed}"]
        facts = self.result.facts
        found += [facts["batch norm"]] if "batch norm" in facts else []
        return [*found, f"shortcuts {facts['shortcuts']}" if "shortcuts" in facts else ""]


@dataclass(frozen=True, slots=True, eq=False)
class Pinned:
    """A configuration built by hand that stands beside those of the run.

    Attributes
    ----------
    text
        How it is written in a request, see :func:`analysis.measures.configurations.write_extra`.
    reading
        Its own run: number 0 is the network as it is, 1 this configuration.
    rows
        Row of each picture of the other run in this one, -1 for those it did not see.
    """

    text: str
    reading: Reading
    rows: NDArray[np.int64]

    @property
    def name(self) -> str:
        """Short name, by its options alone: "hand:dil2|strideK1"."""
        words = [word for _, word in read_extra(self.text)[0]]
        return "hand:" + "|".join([*words[:2], *([f"+{len(words) - 2}"] if len(words) > 2 else [])])

    @property
    def details(self) -> str:
        """Layers and options."""
        return short(read_extra(self.text)[0])

    @property
    def kinds(self) -> NDArray[np.uint8]:
        """(picture of the other run,) kind of its cell, 255 where it was not run."""
        right, own = self.reading.correct[:, -1], self.reading.correct[:, 0]
        kinds = np.where(right, np.where(own, RIGHT, WON), np.where(own, LOST, WRONG)).astype(np.uint8)
        return np.where(self.rows >= 0, kinds[np.maximum(self.rows, 0)], UNSEEN).astype(np.uint8)

    @property
    def macs(self) -> int:
        """Multiply-adds of a picture."""
        return int(self.reading.macs[-1])


def short(geometry: Iterable[tuple[str, str]]) -> str:
    """Write a geometry in few words: "layer2.0.conv1 dil2 · layer3.0.conv1 strideK1"."""
    return " · ".join(f"{name} {word}" for name, word in geometry) or "as it is"


def is_ready(result: Result) -> bool:
    """Tell whether a run has finished pictures and says what its configurations are."""
    wanted = ("measured", "option", "macs", "prediction")
    if any(name not in result for name in wanted) or not np.any(np.asarray(result["measured"]) == 1):
        return False
    option = np.asarray(result["option"])
    return bool(option.size) and bool((option != EMPTY[option.dtype.name]).all())


def macs_words(macs: float) -> str:
    """Multiply-adds of a picture in few words."""
    return numbers.with_unit(macs, "MACs") if np.isfinite(macs) else numbers.NOTHING
