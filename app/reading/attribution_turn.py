"""Which pictures the attribution view shows, and where its arrows lead. No widgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.reading.depth import Ints
from app.workspace import Workspace

UNKNOWN = 1 << 31
"""Pictures of a source of which no run has said how many it has."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What is shown now.

    Attributes
    ----------
    places
        Of the pictures, in the order in which they are shown.
    several
        True for a page of a table, False for one picture alone.
    before, after
        Places to select to see what comes before and after, -1 for nothing.
    words, tip
        What is said of it, in short and on hovering.
    """

    places: tuple[int, ...]
    several: bool
    before: int
    after: int
    words: str
    tip: str = ""


def order_of(workspace: Workspace) -> Ints:
    """Return the places of the pictures as Samples shows them, (n,) int64; empty where nothing is known of an order."""
    if workspace.shown_samples is not None:
        return workspace.shown_samples
    chosen = workspace.sample_filter
    return chosen.places if chosen is not None else np.empty(0, dtype=np.int64)


def total_of(workspace: Workspace) -> int:
    """Return the number of pictures of the source, as far as any run has said it."""
    prepared = (run.result.prepared for run in workspace.runs.values() if run.request.images == workspace.images)
    return next((one.samples.total for one in prepared if one is not None and one.samples.total), UNKNOWN)


def turn_of(workspace: Workspace, first: int, size: int) -> Turn:
    """Return what is to be shown.

    Parameters
    ----------
    first
        Place of the picture that is shown where none is selected.
    size
        Pictures of one page.
    """
    selection = workspace.selection
    if len(selection.pictures) > 1:
        return _page(in_order(selection.pictures, order_of(workspace)), selection.sample, size)
    place = selection.sample if selection.sample >= 0 else first
    order = order_of(workspace)
    found = np.flatnonzero(order == place)
    if not found.size:
        total = total_of(workspace)
        return Turn((place,), False, place - 1, place + 1 if place + 1 < total else -1, f"picture #{place}")
    row = int(found[0])
    before = int(order[row - 1]) if row else -1
    after = int(order[row + 1]) if row + 1 < len(order) else -1
    return Turn((place,), False, before, after, f"picture #{place}", f"{row + 1:,} of {len(order):,} in Samples")


def in_order(places: Sequence[int], order: Ints) -> tuple[int, ...]:
    """Put places into an order; those that it lacks come last, ascending."""
    ascending = np.unique(np.asarray(places, dtype=np.int64))
    there = order[np.isin(order, ascending)]
    return (*there.tolist(), *np.setdiff1d(ascending, there).tolist())


def _page(places: tuple[int, ...], current: int, size: int) -> Turn:
    start = places.index(current) // size * size
    shown = places[start : start + size]
    last = start + len(shown)
    words = f"{len(places):,} pictures" if len(shown) == len(places) else f"{start + 1:,}–{last:,} of {len(places):,}"
    before = places[start - size] if start else -1
    tip = f"{len(places):,} pictures are selected; select one alone to see its maps larger"
    return Turn(shown, True, before, places[last] if last < len(places) else -1, words, tip)
