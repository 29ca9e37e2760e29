"""Which channels of a group stay: what the edits say, and a choice by hand put into the edits. No widgets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from analysis.edits import Edits
from analysis.measures.widths.channels import chosen, classes, picked, read, width_of
from analysis.measures.widths.description import WidthGroups
from analysis.measures.widths.legal import objections
from analysis.problems import AnalysisError
from analysis.result import Result
from app.reading.depth import Floats, Ints

T = TypeVar("T")
METHOD = "channel_scores"
DATA_RULES = ("taylor", "activation", "activation_rank")
"""Rules that need pictures: their choice is put into the edits."""
LABELLED = ("taylor",)
"""Those of them that need labels as well."""
Scores = Callable[[str], Result | None]
"""From a rule to a finished run of its scores."""


@dataclass(frozen=True, slots=True, eq=False)
class Channels:
    """The channels of one group.

    Attributes
    ----------
    group
        Its name.
    copies
        (class,) 0 for dropped, 1 for kept, more for copies.
    scores
        (class,) larger is kept first; empty while they are not known.
    labels
        (class,) number of the channel in the group's first layer.
    variables
        (class,) place of the variable of each.
    by_hand
        True if the edits name the channels.
    """

    group: str
    copies: Ints
    scores: Floats
    labels: tuple[str, ...]
    variables: Ints
    by_hand: bool


def channels(found: WidthGroups, edits: Edits, place: int, result: Result) -> Channels:
    """Read the channels of a group: as the edits name them, or as the scores choose them for the width."""
    group = found.groups[place]
    own = result["group"].astype(np.int64) == place
    scores, variables = result["score"][own].astype(np.float64), result["variable"][own].astype(np.int64)
    labels = tuple(str(number) for number in result["channel"][own].astype(np.int64).tolist())
    named = dict(edits.channels).get(group.name)
    copies = read(named) if named is not None else None
    if copies is None or len(copies) != classes(found, group.name):
        width = dict(edits.widths).get(group.name, group.width)
        copies = read(dict(chosen(found, result, {group.name: width}))[group.name])
    return Channels(group.name, copies, scores, labels, variables, named is not None)


def with_pick(found: WidthGroups, edits: Edits, own: Channels, copies: Ints) -> tuple[Edits, str]:
    """Put a choice by hand into edits: the width follows from it.

    Returns
    -------
    tuple[Edits, str]
        The new edits, and why the choice is refused, "" if it is not; then nothing changes.
    """
    width = width_of(found, copies.tolist(), own.variables.tolist())
    if not copies.any():
        return edits, f"{own.group} would have no channel left."
    widths, kept = dict(edits.widths), dict(edits.channels)
    whole = bool((copies == 1).all())
    widths.pop(own.group, None)
    kept.pop(own.group, None)
    if not whole:
        widths[own.group], kept[own.group] = width, picked(copies.tolist())
    wrong = objections(found, widths)
    if wrong:
        return edits, wrong[0].text
    order = [group.name for group in found.groups]
    return replace(edits, widths=_ordered(widths, order), channels=_ordered(kept, order)), ""


def completed(found: WidthGroups, edits: Edits, scores: Scores) -> Edits:
    """Name the channels of every changed group where the rule needs pictures; those that are named stay.

    Without scores, and with another rule, the edits stay as they are.
    """
    lacking = missing(edits)
    if not lacking:
        return edits
    result = scores(edits.keep)
    if result is None:
        return edits
    widths = dict(edits.widths)
    try:
        more = chosen(found, result, {name: widths[name] for name in lacking})
    except AnalysisError:
        return edits
    order = [group.name for group in found.groups]
    return replace(edits, channels=_ordered(dict(edits.channels) | dict(more), order))


def missing(edits: Edits) -> tuple[str, ...]:
    """Name the groups whose channels still have to be chosen on pictures."""
    if edits.keep.partition(":")[0] not in DATA_RULES:
        return ()
    named = dict(edits.channels)
    return tuple(name for name, _ in edits.widths if name not in named)


def _ordered(values: dict[str, T], order: list[str]) -> tuple[tuple[str, T], ...]:
    return tuple((name, values[name]) for name in order if name in values)
