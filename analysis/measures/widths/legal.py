"""Which widths are legal, and the nearest that are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.measures.widths.description import Length, Producer, WidthGroups
from analysis.problems import AnalysisError

Ints = NDArray[np.int64]
Widths = Mapping[str, int]
NONE: Widths = {}
"""All widths as they are in the original."""


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a configuration is not legal.

    Attributes
    ----------
    group
        The group to blame, "" where several share it.
    text
        One sentence.
    """

    group: str
    text: str


def spread(found: WidthGroups, place: int, width: int) -> tuple[int, ...] | None:
    """Share the width of a group among its variables: in proportion, largest remainders first, ties by order.

    Returns
    -------
    tuple[int, ...] | None
        Classes of each of the group's variables, None if the width cannot be made up.
    """
    group = found.groups[place]
    variables = [found.variables[index] for index in group.variables]
    if len(variables) == 1:
        whole, rest = divmod(width, variables[0].slots)
        return None if rest else (whole,)
    if not variables:
        return () if width == group.width else None
    counts = [width * v.count * v.slots // group.width // v.slots for v in variables]
    wanted = [width * v.count / group.width - count for v, count in zip(variables, counts, strict=True)]
    left = width - sum(count * v.slots for count, v in zip(counts, variables, strict=True))
    while left > 0:
        fits = [i for i, v in enumerate(variables) if v.slots <= left]
        if not fits:
            return None
        most = max(fits, key=lambda i: (wanted[i], -i))
        counts[most] += 1
        wanted[most] -= 1
        left -= variables[most].slots
    return tuple(counts)


def counts(found: WidthGroups, widths: Widths) -> Ints:
    """Classes of every variable in a configuration; groups that are not named keep their width.

    Raises
    ------
    AnalysisError
        If a group is unknown or locked, or a width cannot be made up of whole classes.
    """
    result = np.array([variable.count for variable in found.variables], dtype=np.int64)
    places = {group.name: place for place, group in enumerate(found.groups)}
    for name, width in widths.items():
        place = places[name] if name in places else found.index(name)
        group = found.groups[place]
        if width == group.width:
            continue
        if group.locked:
            raise AnalysisError(f"The width of {name} cannot change: {group.reason}.", "Leave it out.", "locked")
        shares = spread(found, place, width)
        if shares is None:
            text = f"{name} cannot have {width} channels."
            raise AnalysisError(text, f"Its width must be a multiple of {group.step}.", "width")
        result[list(group.variables)] = shares
    return result


def length(axis: Length, values: Ints) -> int:
    """Length of an axis."""
    return axis.fixed + sum(times * int(values[variable]) for variable, times in axis.terms)


def objections(found: WidthGroups, widths: Widths) -> tuple[Objection, ...]:
    """Say what is wrong with a configuration; nothing if it is legal."""
    wrong = []
    for name, width in widths.items():
        group = found.groups[found.index(name)]
        if width == group.width:
            continue
        if group.locked:
            wrong.append(Objection(name, f"{name} is locked: {group.reason}."))
        elif width < group.minimum:
            wrong.append(Objection(name, f"{name} needs at least {group.minimum} channels, not {width}."))
        elif width % group.step and spread(found, found.index(name), width) is None:
            wrong.append(Objection(name, f"The width of {name} must be a multiple of {group.step}, not {width}."))
    if wrong:
        return tuple(wrong)
    values = counts(found, widths)
    for place, what in found.nonempty:
        if length(found.lengths[place], values) < 1:
            wrong.append(Objection("", f"{what} would have no channel left."))
    return tuple(wrong)


def check(found: WidthGroups, widths: Widths) -> None:
    """Refuse a configuration that is not legal.

    Raises
    ------
    AnalysisError
        With all objections.
    """
    wrong = objections(found, widths)
    if wrong:
        more = f" ({len(wrong) - 1} more)" if len(wrong) > 1 else ""
        texts = tuple(objection.text for objection in wrong)
        raise AnalysisError(texts[0] + more, "Choose legal widths (see groups).", "width", texts)


def inexact(found: WidthGroups, widths: Widths) -> str:
    """Say which widened groups do not keep the function, even by split copies; "" where all do.

    Layer norm averages over channels: unless all are copied alike, its mean and variance move.
    """
    known = {group.name: group for group in found.groups if group.approximate}
    names = [name for name, width in widths.items() if name in known and width > known[name].width]
    if not names:
        return ""
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return f"Widening is not exact: a layer norm averages over the channels of {', '.join(names[:2])}{more}."


def nearest(
    found: WidthGroups,
    name: str,
    width: float,
    multiple: int = 1,
    minimum: int = 1,
    widths: Widths = NONE,
    without: frozenset[str] = frozenset(),
) -> int:
    """Legal width of a group that comes closest to a wish; of two the larger.

    Parameters
    ----------
    found, name, width
        The groups; which of them; the wish.
    multiple, minimum
        The width of the *layer* (all groups of the producer together) should be a multiple of `multiple` and at least
        `minimum`. Where steps make the multiple unreachable, the step alone counts.
    widths, without
        Present widths of the layer's other groups where they are not the original ones; groups that are chosen later,
        so that they count neither for the multiple nor, but for their share of it, for the minimum.
    """
    group = found.groups[found.index(name)]
    if group.locked:
        return group.width
    others, later = beside(found, name, widths, without)
    step = group.step
    reachable = [w for w in range(step, step * multiple + 1, step) if (w + others) % multiple == 0]
    start, period = (reachable[0], int(np.lcm(step, multiple))) if reachable else (step, step)
    least = -(-(minimum - others) * group.width // (group.width + later))  # of the layer, in proportion
    low = max(group.minimum, least, 1)
    first = start + max(0, -(-(low - start) // period)) * period
    chosen = first + max(0, int(np.floor((width - first) / period + 0.5))) * period
    return int(chosen)


def beside(
    found: WidthGroups, name: str, widths: Widths = NONE, without: frozenset[str] = frozenset()
) -> tuple[int, int]:
    """Channels that the layer of a group has beside the group's own, at present widths; those in `without` apart.

    Returns
    -------
    tuple[int, int]
        Channels of the groups that have a width, and of those that are chosen later, these at their original width.
    """
    place = found.index(name)
    producer = home(found, place)
    if producer is None:
        return 0, 0
    others, later = producer.width - found.groups[place].width, 0
    for other in producer.groups:
        group = found.groups[other]
        if other != place and group.name in without:
            size = channels(found, producer, other, group.width)
            others, later = others - size, later + size
        elif other != place and group.name in widths:
            now = channels(found, producer, other, widths[group.name])
            others += now - channels(found, producer, other, group.width)
    return others, later


def home(found: WidthGroups, place: int) -> Producer | None:
    """Layer whose width a group is rounded for: one that it has for itself, else the first that it is in."""
    there = [producer for producer in found.producers if place in producer.groups]
    width = found.groups[place].width
    alone = (p for p in there if p.groups == (place,) and p.width == channels(found, p, place, width) == width)
    return next(alone, there[0] if there else None)


def channels(found: WidthGroups, producer: Producer, place: int, width: int) -> int:
    """Channels of a layer that belong to a group when the group has some width; 0 for a width it cannot have."""
    group = found.groups[place]
    if producer.length < 0 or not group.variables:
        return 0
    terms = dict(found.lengths[producer.length].terms)
    classes = spread(found, place, width)
    if classes is None:
        return 0
    return sum(terms.get(variable, 0) * count for variable, count in zip(group.variables, classes, strict=True))


def share(found: WidthGroups, producer: Producer, place: int, width: int) -> int:
    """Channels of a layer that belong to a group, in proportion to the width: also for one it cannot have."""
    group = found.groups[place]
    if producer.length < 0 or not group.width:
        return 0
    terms = dict(found.lengths[producer.length].terms)
    whole = sum(found.variables[v].count * terms.get(v, 0) for v in group.variables)
    return width * whole // group.width
