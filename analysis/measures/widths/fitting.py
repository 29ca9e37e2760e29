"""Budgets, rounding, and the largest configuration of a family that keeps both.

A preset wishes widths; here they become legal, and a scale is found by bisection at which they cost what they may.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from analysis.measures.widths.costs import CostModel, Costs
from analysis.measures.widths.description import WidthGroups
from analysis.measures.widths.legal import NONE, Widths, channels, check, home, nearest, spread
from analysis.problems import AnalysisError

UNITS = ("parameters", "macs", "activation_bytes", "file")
"""What can be kept: trained numbers, multiply-adds, bytes of all layers' outputs, bytes of a file with the weights."""

HALVINGS = 48
"""Bisections of a scale: 2^-48 is far below one channel."""

WIDEST = 64.0
"""Largest scale that is tried."""

NEAR = 0.01
"""Share of a budget that may be left without a word. Where more is left, other scales nearby are tried."""

SCANNED = 96
"""How many."""

Wishes = Mapping[str, float]

Shape = Callable[[float], Wishes]
"""From one number to wished widths by group; costs must not fall as it grows."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a configuration may cost.

    Attributes
    ----------
    unit
        One of :data:`UNITS`; multiply-adds and outputs are those of one picture.
    target
        How many of them at most.
    """

    unit: str
    target: int


@dataclass(frozen=True, slots=True)
class Rounding:
    """What widths of layers are rounded to: multiples of `multiple`, at least `minimum`."""

    multiple: int = 1
    minimum: int = 1


EXACT = Rounding()
"""Any legal width."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A configuration and how well it meets its budget.

    Attributes
    ----------
    widths
        Group to width, for groups that change.
    budget
        What was asked for, None for none.
    costs
        What it costs, by unit of a budget.
    scale
        The number that was solved for: multiplier, slope, or factor on the wishes.
    notes
        What a reader must know, one sentence each.
    """

    widths: Mapping[str, int]
    budget: Budget | None
    costs: Mapping[str, int]
    scale: float
    notes: tuple[str, ...] = ()

    @property
    def reached(self) -> int:
        """Cost in the unit of the budget, parameters without one."""
        return self.costs[self.budget.unit if self.budget is not None else "parameters"]

    @property
    def parameters(self) -> int:
        """Trained numbers."""
        return self.costs["parameters"]

    @property
    def macs(self) -> int:
        """Multiply-adds of one picture."""
        return self.costs["macs"]

    @property
    def gap(self) -> float:
        """What is left of the budget, as a share of it: positive below it, negative where it is exceeded."""
        return 0.0 if self.budget is None else 1 - self.reached / self.budget.target


def own_budget(model: CostModel, unit: str = "parameters", share: float = 1.0) -> Budget:
    """Budget of a share of what the unedited network costs.

    Raises
    ------
    AnalysisError
        If there is no such unit.
    """
    if unit not in UNITS:
        raise AnalysisError(f"'{unit}' is no unit of a budget.", f"Choose from {', '.join(UNITS)}.", "budget")
    return Budget(unit, int(cost(model, {}, unit) * share))


def period_of(found: WidthGroups, name: str, rounding: Rounding) -> int:
    """Channels between two legal widths of a group."""
    step = max(found.groups[found.index(name)].step, 1)
    return int(np.lcm(step, rounding.multiple))


def fit(
    model: CostModel,
    shape: Shape,
    budget: Budget,
    rounding: Rounding = EXACT,
    notes: tuple[str, ...] = (),
    *,
    lowest: float = 0.0,
    beyond: bool = True,
) -> Proposal:
    """Find the largest scale whose configuration keeps a budget, by bisection.

    Parameters
    ----------
    model, shape, budget, rounding
        Costs; from a scale to wished widths; what they may cost; to what widths are rounded.
    notes
        Passed on.
    lowest
        Scale below which none is tried.
    beyond
        What is left goes to single groups, a step each. False: only to those that rounding has put below their wish,
        so that all stay next to it.
    """
    low, high = lowest, max(1.0, 2 * lowest)

    def spent(scale: float) -> int:
        return cost(model, legalised(model.found, shape(scale), rounding), budget.unit)

    def within(scale: float) -> bool:
        return spent(scale) <= budget.target

    if not within(low):
        text = "Even the narrowest legal widths of this rule exceed the budget."
        return propose(model, legalised(model.found, shape(low), rounding), budget, low, (*notes, text))
    while high < WIDEST * _largest(model.found) and within(high):
        low, high = high, 2 * high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if within(middle) else (low, middle)
    wishes = shape(low)
    widths = top_up(model, legalised(model.found, wishes, rounding), wishes, budget, rounding, beyond=beyond)
    found = propose(model, widths, budget, low, notes)
    if found.gap <= NEAR:
        return found
    if rounding.multiple > 1:  # rounded costs can fall as the scale grows: another scale may come nearer
        scales = np.linspace(max(lowest, low / 2), 1.5 * low, SCANNED).tolist()
        costs = [(spent(scale), scale) for scale in scales]
        best = max(((much, scale) for much, scale in costs if much <= budget.target), default=(0, low))
        if best[0] > found.reached:
            low = best[1]
            wishes = shape(low)
            widths = top_up(model, legalised(model.found, wishes, rounding), wishes, budget, rounding, beyond=beyond)
            found = propose(model, widths, budget, low, notes)
    return replace(found, notes=(*notes, *left_words(found, rounding, within(high))))


def left_words(found: Proposal, rounding: Rounding, widest: bool = False) -> tuple[str, ...]:
    """Say why a budget is not used up, where more than a percent of it is left."""
    if found.gap <= NEAR or found.budget is None:
        return ()
    steps = f"widths move in multiples of {rounding.multiple}, and " if rounding.multiple > 1 else ""
    why = f"{steps}tied or nested widths move together: the next step of the rule costs more than that"
    if widest:
        why = "these are the widest that are tried"
    unit = {"macs": "MACs", "activation_bytes": "activations", "file": "file size"}.get(found.budget.unit, "parameters")
    return (f"{100 * found.gap:.1f} % below the budget in {unit}: {why}.",)


def top_up(
    model: CostModel,
    widths: Mapping[str, int],
    wishes: Wishes,
    budget: Budget,
    rounding: Rounding,
    *,
    beyond: bool = True,
) -> dict[str, int]:
    """Give groups one step more where the budget still has room: those furthest below their wish first.

    Unless `beyond`, only groups below their wish get one.
    """
    found, result = model.found, dict(widths)
    for name in sorted(wishes, key=lambda name: (result[name] - wishes[name], name)):
        if not beyond and result[name] >= wishes[name]:
            continue
        period = period_of(found, name, rounding)
        wider = result | {name: legal(found, name, result[name] + period, rounding, result)}
        if cost(model, wider, budget.unit) <= budget.target:
            result = wider
    return result


def legalised(found: WidthGroups, wishes: Wishes, rounding: Rounding = EXACT, widths: Widths = NONE) -> dict[str, int]:
    """Turn wished widths into the nearest legal ones.

    Rounding is that of layers: groups are chosen in call order, each with what those before it have become, so that a
    layer that contains the channels of earlier ones comes nearest to the wish for the whole of it.

    Parameters
    ----------
    found, wishes, rounding
        Groups; wished widths of some; to what layers are rounded.
    widths
        Present widths of the others where they are not the original ones.
    """
    order = {group.name: place for place, group in enumerate(found.groups)}
    names = sorted(wishes, key=lambda name: order.get(name, 0))
    result = dict[str, int]()
    for at, name in enumerate(names):
        left = missed(found, order[name], wishes, result) if rounding.multiple > 1 and name in order else 0.0
        later = frozenset(names[at + 1 :])
        result[name] = legal(found, name, wishes[name] + left, rounding, {**widths, **result}, later)
    return {name: result[name] for name in wishes}


def missed(found: WidthGroups, place: int, wishes: Wishes, chosen: Widths) -> float:
    """Channels that the groups before it in its layer have less than they were wished to have."""
    producer = home(found, place)
    missed = 0.0
    for other in producer.groups if producer is not None else ():
        group = found.groups[other]
        if producer is not None and group.name in chosen:
            share = channels(found, producer, other, group.width) / group.width
            missed += share * (wishes[group.name] - chosen[group.name])
    return missed


def legal(
    found: WidthGroups,
    name: str,
    wish: float,
    rounding: Rounding = EXACT,
    widths: Widths = NONE,
    without: frozenset[str] = frozenset(),
) -> int:
    """Legal width of a group nearest to a wish; where several variables share it, one that they can make up.

    `widths` and `without` are those of :func:`analysis.measures.widths.legal.nearest`.
    """
    width = nearest(found, name, wish, rounding.multiple, rounding.minimum, widths, without)
    place = found.index(name)
    if found.groups[place].locked or spread(found, place, width) is not None:
        return width
    step = found.groups[place].step
    for away in range(1, 65):
        for other in (width - away * step, width + away * step):
            if other >= max(found.groups[place].minimum, 1) and spread(found, place, other) is not None:
                return other
    return found.groups[place].width


def cost(model: CostModel, widths: Mapping[str, int], unit: str) -> int:
    """Cost of a configuration in the unit of a budget."""
    return costs_by_unit(model.costs(widths))[unit]


def costs_by_unit(costs: Costs) -> dict[str, int]:
    """Costs of a configuration in every unit that a budget can have."""
    totals = costs.totals
    return {
        "parameters": totals.parameters,
        "macs": totals.macs,
        "activation_bytes": totals.activation_bytes,
        "file": costs.file_bytes,
    }


def propose(
    model: CostModel, widths: Mapping[str, int], budget: Budget | None, scale: float, notes: tuple[str, ...] = ()
) -> Proposal:
    """Check a configuration, and say what it costs.

    Raises
    ------
    AnalysisError
        If it is not legal.
    """
    found = model.found
    changed = {name: width for name, width in widths.items() if width != found.groups[found.index(name)].width}
    check(found, changed)
    return Proposal(changed, budget, costs_by_unit(model.costs(changed)), scale, notes)


def _largest(found: WidthGroups) -> float:
    return float(max((group.width for group in found.free), default=1))
