"""Runs of dynamic configurations behind a figure: finished pictures of one, and what corresponds in a second one."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from analysis.figures.profile import Options
from analysis.figures.second import name_of, refused, split, why_other_pictures
from analysis.figures.sheet import Floats
from analysis.measures.alignment import by_cells, by_rows, same_names
from analysis.measures.findings import picture_of
from analysis.measures.oracles import Bools, Integers
from analysis.problems import AnalysisError
from analysis.result import Result


def sweep_of(results: list[Result], labelled: bool = True) -> tuple[Result, Integers]:
    """Return the first run of configurations, and the rows of its finished pictures; with labels, if they are needed.

    Raises
    ------
    AnalysisError
        If there is none.
    """
    for result in results:
        if "measured" in result and "option" in result:
            if labelled and "correct" not in result:
                raise AnalysisError("This run has no labels, so there is no oracle.", "Use labelled pictures.")
            rows = np.flatnonzero(np.asarray(result["measured"]) == 1)
            if len(rows) < 2:
                raise AnalysisError("No picture of this run is finished.", "Go on with it, or measure again.")
            return result, rows
    raise AnalysisError("None of the runs is one of dynamic configurations.", "Choose one.")


def correct_of(result: Result, rows: Integers) -> Bools:
    """Tell which configurations are right, axes (picture, configuration)."""
    return np.asarray(result["correct"][rows] == 1)


def places_of(result: Result, rows: Integers) -> Integers:
    """Places of the pictures in their source."""
    if "place" in result:
        return np.asarray(result["place"], dtype=np.int64)[rows]
    indices = result.prepared.indices if result.prepared is not None else None
    return rows if indices is None else np.asarray(indices, dtype=np.int64)[rows]


def picture_rows(result: Result, rows: Integers) -> Integers | None:
    """Which picture each row is of, where pictures come in several rows."""
    return picture_of({name: np.asarray(result[name][rows]) for name in ("place",) if name in result})


def seed_of(result: Result) -> int:
    """Seed of a run."""
    return result.request.seed if result.request else 0


class Tried:
    """A run of a second network beside that of a figure; configurations correspond by name, pictures by place.

    Attributes
    ----------
    first, shown
        The figure's run, and its finished rows.
    second, rows
        The other run, and its finished rows.
    """

    def __init__(self, first: Result, shown: Integers, second: Result, rows: Integers) -> None:
        self.first, self.shown, self.second, self.rows = first, shown, second, rows

    @property
    def name(self) -> str:
        """Words for the second network."""
        return name_of(self.second)

    @cached_property
    def columns(self) -> Integers:
        """(configurations of the figure,) those of the second run, -1 for none."""
        return same_names(self.first.names("configuration"), self.second.names("configuration"))

    @cached_property
    def correct(self) -> Bools:
        """(finished pictures, configurations) of the second run, in its own order."""
        return correct_of(self.second, self.rows)

    @cached_property
    def label(self) -> Integers:
        """(finished pictures,) of the second run."""
        return np.asarray(self.second["label"][self.rows], dtype=np.int64)

    def same_configurations(self) -> bool:
        """Tell whether both tried the same, so that oracles, choices and sets compare."""
        return self.first.names("configuration") == self.second.names("configuration")

    def insist_configurations(self) -> None:
        """Refuse runs with other configurations.

        Raises
        ------
        AnalysisError
            Saying so.
        """
        if not self.same_configurations():
            raise refused(self.second, "it was tried with other configurations")

    def insist_some_configuration(self) -> None:
        """Refuse runs without a configuration in common.

        Raises
        ------
        AnalysisError
            Saying so.
        """
        if (self.columns < 0).all():
            raise refused(self.second, "it was tried with other configurations")

    def insist_classes(self) -> None:
        """Refuse runs over other classes.

        Raises
        ------
        AnalysisError
            Saying so.
        """
        if self.first.names("class") != self.second.names("class"):
            raise refused(self.second, "its pictures have other classes")

    @cached_property
    def pictures(self) -> Integers:
        """(finished pictures of the figure,) rows of the same pictures in the second run, -1 for none.

        Raises
        ------
        AnalysisError
            See :meth:`insist_pictures`.
        """
        self.insist_pictures()
        return self._same_places

    def insist_pictures(self) -> None:
        """Refuse runs without a picture in common.

        Raises
        ------
        AnalysisError
            If it was tried on other pictures, or they have changed since.
        """
        why = why_other_pictures(self.first, self.second, by_place=True)
        if why or (self._same_places < 0).all():
            raise refused(self.second, why or "it saw other pictures")

    @cached_property
    def _same_places(self) -> Integers:
        ours, theirs = (places_of(run, rows) for run, rows in ((self.first, self.shown), (self.second, self.rows)))
        known = {int(place): row for row, place in zip(self.rows.tolist(), theirs.tolist(), strict=True)}
        return np.array([known.get(int(place), -1) for place in ours], dtype=np.int64)

    def cells(self, name: str) -> Floats:
        """Values of a (picture, configuration) output at the pictures and configurations of the figure, or NaN."""
        return by_cells(np.asarray(self.second[name], dtype=np.float64), self.pictures, self.columns)

    def aligned(self, values: Floats) -> Floats:
        """Values of its configurations at those of the figure, NaN for none.

        Raises
        ------
        AnalysisError
            If no configuration corresponds.
        """
        self.insist_some_configuration()
        return by_rows(values, self.columns)


def opened(
    results: list[Result], options: Options, labelled: bool = True
) -> tuple[list[Result], Result, Integers, Tried | None]:
    """Find runs of the first network, its run of configurations with finished rows, and that of a second network.

    Raises
    ------
    AnalysisError
        If one of them is missing.
    """
    ours, theirs = split(results, options)
    result, rows = sweep_of(ours, labelled)
    return ours, result, rows, Tried(result, rows, *sweep_of(theirs, labelled)) if theirs else None
