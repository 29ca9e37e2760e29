"""The figure of the maps that are shown: from which stored runs it is drawn, and in which order. No widgets."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

from analysis.figures import FigureSpec
from app.reading.attribution_reading import METHOD, MapReading
from app.reading.figure_comparison import with_second
from app.workspace import Run

MOST_RUNS = 4
"""Runs whose order is tried."""


def figure_of(maps: Sequence[tuple[int, MapReading]], shared: bool, seconds: Sequence[Run] = ()) -> FigureSpec | None:
    """Return the figure of some maps, None as long as not all of them are stored.

    Parameters
    ----------
    maps
        Place of the picture and its map, row by row.
    seconds
        Runs of a second network that explain the same pictures.
    """
    if not maps or not all(item.run.folder for _, item in maps):
        return None
    order = order_of(maps)
    places = ",".join(str(place) for place in dict.fromkeys(place for place, _ in maps))
    names = ",".join(dict.fromkeys(item.algorithm.name for _, item in maps))
    options = (("picture", places), ("algorithms", names), ("shared", shared))
    return with_second(FigureSpec(METHOD, order, options), *seconds) if order else None


def order_of(maps: Sequence[tuple[int, MapReading]]) -> tuple[str, ...]:
    """Order the runs of maps so that each map is from the first run that has it; () if that cannot be."""
    runs = {item.run.number: item.run for _, item in maps}
    holds = {number: _held(run) for number, run in runs.items()}
    for order in permutations(runs.values()) if len(runs) <= MOST_RUNS else ():
        if all(_first(order, holds, (place, item.algorithm.name)) == item.run.number for place, item in maps):
            return tuple(str(run.folder) for run in order)
    return ()


def _held(run: Run) -> set[tuple[int, str]]:
    return {(place, name) for place in run.result["place"].tolist() for name in run.result.names("algorithm")}


def _first(order: Sequence[Run], holds: dict[int, set[tuple[int, str]]], wanted: tuple[int, str]) -> int:
    return next(run.number for run in order if wanted in holds[run.number])
