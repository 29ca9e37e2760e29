"""Starting points for a channel configuration: every one legal, and fitted to a budget where there is one.

`uniform` multiplies all widths; `from_ranks` makes them proportional to measured effective ranks; `from_conflicts`
narrows where bundles conflict and gives what is saved to the others; `at_random` is the control that any of them has to
beat; `from_search` takes over what a search found. All but the uniform multiplier are ours; the linear rule of ReXNet
is in :mod:`analysis.measures.widths.straight`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.config import LayerSpec
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


# -- presets -----------------------------------------------------------------------------------------------------------


def uniform(model: CostModel, factor: float, rounding: Rounding = EXACT) -> Proposal:
    """Multiply every width by one factor.

    Raises
    ------
    AnalysisError
        If the factor is not above 0.
    """
    if not factor > 0:
        raise AnalysisError("A width multiplier must be above 0.", "Try 0.5.", "factor")
    widths = legalised(model.found, _originals(model.found, factor), rounding)
    return propose(model, widths, None, factor)


def uniform_to(model: CostModel, budget: Budget, rounding: Rounding = EXACT) -> Proposal:
    """Find the multiplier that meets a budget, then give single groups a step more while the budget lasts."""
    return fit(model, lambda scale: _originals(model.found, scale), budget, rounding)


def from_ranks(
    model: CostModel,
    layers: Sequence[LayerSpec],
    ranks: Mapping[str, float],
    budget: Budget,
    rounding: Rounding = EXACT,
) -> Proposal:
    """Make widths proportional to the effective rank of what the groups' layers put out, budget kept. Ours.

    Parameters
    ----------
    model
        Costs of the network.
    layers, ranks
        Its rows in call order; effective rank (directions) of those that were measured, by name.
    budget, rounding
        What it may cost; to what widths are rounded.

    Raises
    ------
    AnalysisError
        If no group has a measured layer.
    """
    found = model.found
    each = by_group(found, layers, ranks)
    if not each:
        raise AnalysisError("No layer of a width group has a measured rank.", "Run feature_rank first.", "rank")
    left = [group.name for group in found.free if group.name not in each]
    notes = ("Widths are proportional to the mean effective rank of the group's layers (ours).", *_kept(left))
    return fit(model, lambda scale: {name: scale * rank for name, rank in each.items()}, budget, rounding, notes)


def from_conflicts(
    model: CostModel,
    layers: Sequence[LayerSpec],
    entropies: Mapping[str, float],
    budget: Budget,
    factor: float = 0.5,
    rounding: Rounding = EXACT,
) -> Proposal:
    """Narrow the groups of conflicting layers by a factor, and scale the others so that the budget is kept. Ours.

    Removing conflicting layers is published (Peer et al. 2021); taking their width instead is not.

    Parameters
    ----------
    model
        Costs of the network.
    layers, entropies
        Its rows in call order; bundle entropy of those that were measured, by name. Above 0 a layer conflicts.
    budget, factor, rounding
        What it may cost; what the widths of conflicting groups are multiplied by; to what widths are rounded.

    Raises
    ------
    AnalysisError
        If no layer of a group conflicts, or all do.
    """
    found = model.found
    each = by_group(found, layers, entropies)
    conflicting = {name for name, value in each.items() if value > 0}
    if not conflicting:
        raise AnalysisError("No layer of a width group conflicts.", "There is nothing to narrow.", "conflict")
    others = [group for group in found.free if group.name not in conflicting]
    if not others:
        raise AnalysisError("The layers of every width group conflict.", "Use the uniform multiplier.", "conflict")
    fixed = {group.name: group.width * factor for group in found.free if group.name in conflicting}
    notes = (f"{len(conflicting)} groups with conflicting layers are multiplied by {factor:g} (ours).",)

    def shape(scale: float) -> Wishes:
        return fixed | {group.name: group.width * scale for group in others}

    return fit(model, shape, budget, rounding, notes)


def at_random(
    model: CostModel, budget: Budget, seed: int = 0, spread_by: float = 2.0, rounding: Rounding = Rounding()
) -> Proposal:
    """Draw a factor for every group, log-uniform between 1/`spread_by` and `spread_by`, then keep the budget. Ours."""
    drawn = np.random.default_rng(seed).uniform(-1, 1, len(model.found.free))
    base = {g.name: g.width * spread_by**u for g, u in zip(model.found.free, drawn.tolist(), strict=True)}
    notes = (f"Random control: factors between 1/{spread_by:g} and {spread_by:g}, seed {seed} (ours).",)
    return fit(model, lambda scale: {name: scale * width for name, width in base.items()}, budget, rounding, notes)


def from_search(
    model: CostModel,
    names: Sequence[str],
    widths: Sequence[int],
    budget: Budget | None = None,
    rounding: Rounding = EXACT,
    floors: Sequence[float] = (),
) -> Proposal:
    """Take over the widths that a search such as `lw_dna` found for groups; a legal width nearby where one is not.

    Groups that the network does not have (it was edited since) are left out, with a note. Rounding goes down, so that
    the search's budget is kept, and up again only where a width would fall below `floors` (of the groups, as the search
    had them) or the least width asked for; a note says what it changes.
    """
    known = {group.name for group in model.found.free}
    wishes = {name: float(width) for name, width in zip(names, widths, strict=True) if name in known}
    missing = tuple(name for name in names if name not in known)
    notes = (f"The search has groups that this network has not: {', '.join(missing[:4])}.",) if missing else ()
    least = {name: float(floor) for name, floor in zip(names, floors, strict=False) if np.isfinite(floor)}
    exact = legalised(model.found, wishes)
    rounded = exact if rounding == EXACT else _rounded_down(model.found, exact, rounding, least)
    if rounded != exact:
        one, other = (model.costs(chosen).totals.macs for chosen in (exact, rounded))
        text = f"Rounded to multiples of {rounding.multiple}, at least {rounding.minimum}: MACs {other / one - 1:+.1%}."
        notes = (*notes, text.replace("-", "−").replace("%", " %"))
        raised = [name for name, width in rounded.items() if width > exact[name]]
        if other > one:
            notes = (*notes, f"More than the search allows: {_few(raised)} could not be rounded down to a legal width.")
    return propose(model, rounded, budget, 1.0, notes)


def _rounded_down(found: WidthGroups, widths: Widths, rounding: Rounding, floors: Wishes) -> dict[str, int]:
    """Round layers down, and up again where they would be below a floor; in call order, see :func:`legalised`."""
    result = dict[str, int]()
    names = sorted(widths, key=found.index)
    for at, name in enumerate(names):
        later = frozenset(names[at + 1 :])
        wish = widths[name] + _missed(found, found.index(name), widths, result)
        period = _period(found, name, rounding)
        low = legal(found, name, wish - period / 2, rounding, result, later)  # the nearest to that is the next below
        while low < min(floors.get(name, 0), widths[name]):
            low = legal(found, name, low + period, rounding, result, later)
        result[name] = low
    return {name: result[name] for name in widths}


def _period(found: WidthGroups, name: str, rounding: Rounding) -> int:
    """Channels between two legal widths of a group."""
    step = max(found.groups[found.index(name)].step, 1)
    return int(np.lcm(step, rounding.multiple))


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (" …" if len(names) > 4 else "")


# -- fitting -----------------------------------------------------------------------------------------------------------


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
        period = _period(found, name, rounding)
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
        left = _missed(found, order[name], wishes, result) if rounding.multiple > 1 and name in order else 0.0
        later = frozenset(names[at + 1 :])
        result[name] = legal(found, name, wishes[name] + left, rounding, {**widths, **result}, later)
    return {name: result[name] for name in wishes}


def _missed(found: WidthGroups, place: int, wishes: Wishes, chosen: Widths) -> float:
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


def by_group(found: WidthGroups, layers: Sequence[LayerSpec], values: Mapping[str, float]) -> dict[str, float]:
    """Mean of a measure over the layers of each group.

    Parameters
    ----------
    found
        The groups.
    layers, values
        Rows in call order; a finite number for some, by name. An activation, a sum or a block belongs to the last
        layer before it that has weights and as many channels.

    Returns
    -------
    dict[str, float]
        For free groups with a measured layer. A layer with several groups counts for each.
    """
    producers = {producer.layer: producer for producer in found.producers}
    latest: dict[int, tuple[int, ...]] = {}
    met: dict[int, list[float]] = {}
    for layer in layers:
        if layer.name in producers:
            latest[layer.channels] = producers[layer.name].groups
        value = values.get(layer.name, float("nan"))
        if np.isfinite(value):
            for place in latest.get(layer.channels, ()):
                met.setdefault(place, []).append(float(value))
    return {
        found.groups[place].name: float(np.mean(numbers))
        for place, numbers in sorted(met.items())
        if not found.groups[place].locked
    }


def _originals(found: WidthGroups, scale: float) -> dict[str, float]:
    return {group.name: group.width * scale for group in found.free}


def _largest(found: WidthGroups) -> float:
    return float(max((group.width for group in found.free), default=1))


def _kept(names: list[str]) -> tuple[str, ...]:
    more = " …" if len(names) > 4 else ""
    return (f"Not measured, and left as they are: {', '.join(names[:4])}{more}.",) if names else ()
