"""Starting points for a channel configuration: every one legal, and fitted to a budget where there is one.

`uniform` multiplies all widths; `from_ranks` makes them proportional to measured effective ranks; `from_conflicts`
narrows where bundles conflict and gives what is saved to the others; `at_random` is the control that any of them has to
beat; `from_search` takes over what a search found. All but the uniform multiplier are ours; the linear rule of ReXNet
is in :mod:`analysis.measures.widths.straight`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from analysis.config import LayerSpec
from analysis.measures.widths.costs import CostModel
from analysis.measures.widths.description import WidthGroups
from analysis.measures.widths.fitting import (
    EXACT,
    Budget,
    Proposal,
    Rounding,
    Wishes,
    fit,
    legal,
    legalised,
    missed,
    period_of,
    propose,
)
from analysis.measures.widths.legal import Widths
from analysis.problems import AnalysisError


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
    model: CostModel, budget: Budget, seed: int = 0, spread_by: float = 2.0, rounding: Rounding = EXACT
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
        wish = widths[name] + missed(found, found.index(name), widths, result)
        period = period_of(found, name, rounding)
        low = legal(found, name, wish - period / 2, rounding, result, later)  # the nearest to that is the next below
        while low < min(floors.get(name, 0), widths[name]):
            low = legal(found, name, low + period, rounding, result, later)
        result[name] = low
    return {name: result[name] for name in widths}


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (" …" if len(names) > 4 else "")


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


def _kept(names: list[str]) -> tuple[str, ...]:
    more = " …" if len(names) > 4 else ""
    return (f"Not measured, and left as they are: {', '.join(names[:4])}{more}.",) if names else ()
