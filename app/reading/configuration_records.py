"""What a run of dynamic configurations recorded: answers picture by picture, and what each configuration is."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from analysis.measures import oracles
from analysis.measures.oracles import Bools, Floats, Integers
from analysis.result import Result

WRONG, RIGHT, LOST, WON = 0, 1, 2, 3
"""Kinds of a cell: as wrong as the network as it is, as right, wrong where that is right, right where that is wrong."""
UNSEEN = 255
"""Kind of a cell whose picture was not run under a configuration."""
MOST_ROWS = 2000
"""Pictures above which rows are classes."""
FEW = 10
"""Pictures of a class below which its shares say little."""


class Records:
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
    classes
        Names of the classes, () where there are none.
    own, own_network
        Words for column 0: it is not the plain network where shortcuts are resized or statistics estimated anew.
    """

    def __init__(self, result: Result) -> None:
        self.result = result
        self.rows: Integers = np.flatnonzero(np.asarray(result["measured"]) == 1)
        self.names = result.names("configuration")
        self.points = result.names("point")
        self.labelled = "correct" in result
        self.classes = result.names("class")
        another = "plain_correct" in result
        self.own = "configuration 0" if another else "plain"
        self.own_network = "network of configuration 0" if another else "plain network"

    # -- pictures ----------------------------------------------------------------------------------------------------

    @cached_property
    def places(self) -> Integers:
        """(finished,) places of the pictures in their source."""
        if "place" in self.result:  # every picture comes several times
            return np.asarray(self.result["place"][self.rows], dtype=np.int64)
        indices = self.result.prepared.indices if self.result.prepared is not None else None
        if indices is None or len(indices) != len(self.result["measured"]):
            return self.rows
        return np.asarray(indices, dtype=np.int64)[self.rows]

    @cached_property
    def picture(self) -> Integers | None:
        """(finished,) which picture each row is of, where pictures come in several rows; None where each comes once."""
        return self.places if "place" in self.result else None

    def pictures_among(self, rows: Integers) -> int:
        """Count the pictures of some rows, each once."""
        return len(rows) if self.picture is None else len(np.unique(self.picture[rows]))

    @cached_property
    def halvable(self) -> bool:
        """True if there are enough labelled pictures to choose on one half and to report on the other."""
        return self.labelled and self.pictures_among(np.arange(len(self.rows))) >= 4

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

    def likely(self, row: int, configuration: int) -> tuple[tuple[int, float], ...]:
        """Most likely classes of a finished picture under a configuration with their probabilities, the first first."""
        if "top5" not in self.result:
            return ((int(self.prediction[row, configuration]), float(self.table("confidence")[row, configuration])),)
        at = int(self.rows[row])
        classes, shares = (self.result[name][at, configuration].tolist() for name in ("top5", "top5_probability"))
        return tuple((int(number), float(share)) for number, share in zip(classes, shares, strict=True))

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
    def effective(self) -> Integers:
        """Configurations that answer otherwise than all before them; every one before that is known."""
        if "duplicate_of" not in self.result:
            return np.arange(len(self.names))
        return oracles.known_effective(self.result["duplicate_of"])

    @cached_property
    def solved_alone(self) -> Integers:
        """(configuration,) pictures that only it gets right."""
        return oracles.only_solver(self.correct)

    @cached_property
    def shared_credit(self) -> Floats:
        """(configuration,) sum of 1 / r over the pictures that each gets right, r of them sharing a picture."""
        return oracles.shared_credit(self.correct)

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
