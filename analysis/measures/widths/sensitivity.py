"""From measured sensitivities to a configuration: which groups to narrow for a budget. numpy only; ours throughout.

The loss of several narrowed groups is taken to be the sum of what each loses alone. Greedy takes the next ratio of the
group that loses least per unit saved; exact looks at every combination, which twelve groups allow.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.measures.widths.costs import CostModel
from analysis.measures.widths.legal import objections
from analysis.measures.widths.presets import Budget, Proposal, cost, propose
from analysis.problems import AnalysisError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MOST_EXACT = 12
"""Groups up to which all combinations are looked at."""
MOST_STATES = 200_000
"""Partial configurations that the exact choice keeps at once."""


def greedy(model: CostModel, names: Sequence[str], widths: Integers, losses: Floats, budget: Budget) -> Proposal:
    """Narrow one group at a time, always where the least is lost per unit saved, until the budget is kept.

    Parameters
    ----------
    model
        Costs of the network.
    names, widths
        Groups; the width of each at each ratio, axes (group, ratio).
    losses
        What is lost at each, axes (group, ratio), in any unit; NaN where nothing was measured.
    budget
        What the network may cost.

    Returns
    -------
    Proposal
        With a note where the budget cannot be kept.
    """
    chosen: dict[str, int] = {}
    level = dict.fromkeys(names, 0.0)
    now = cost(model, chosen, budget.unit)
    while now > budget.target:
        best: tuple[float, str, int, float, int] | None = None
        for row, name in enumerate(names):
            width = chosen.get(name, model.found.groups[model.found.index(name)].width)
            for wish, loss in zip(widths[row].tolist(), losses[row].tolist(), strict=True):
                candidate = chosen | {name: int(wish)}
                if wish >= width or not np.isfinite(loss) or objections(model.found, candidate):
                    continue
                after = cost(model, candidate, budget.unit)
                if after < now:
                    offer = ((loss - level[name]) / (now - after), name, int(wish), loss, after)
                    best = offer if best is None or offer < best else best
        if best is None:
            text = "Even the lowest measured ratios exceed the budget."
            return propose(model, chosen, budget, 0.0, (text,))
        _, name, wish, loss, now = best
        chosen[name], level[name] = wish, loss
    return propose(model, chosen, budget, float(sum(level.values())), ("Chosen greedily (ours).",))


def exact(model: CostModel, names: Sequence[str], widths: Integers, losses: Floats, budget: Budget) -> Proposal:
    """Find the combination that keeps the budget and loses least in sum.

    Branch and bound over groups: a partial choice is dropped if it cannot keep the budget even with all later groups
    at their narrowest, or cannot lose less than the best so far.

    Parameters
    ----------
    model, names, widths, losses, budget
        As for :func:`greedy`.

    Raises
    ------
    AnalysisError
        If there are more than twelve groups.
    """
    if len(names) > MOST_EXACT:
        text = f"There are {len(names)} groups, too many for every combination."
        raise AnalysisError(text, f"Choose at most {MOST_EXACT} groups, or greedy.", "groups")
    options = _options(model, names, widths, losses)
    narrowest = {name: min(width for _, width in own) for name, own in zip(names, options, strict=True)}
    least = np.append(np.cumsum([min(loss for loss, _ in own) for own in options][::-1])[::-1], 0.0)
    start = greedy(model, names, widths, losses, budget)
    best, chosen = (start.scale, dict(start.widths)) if start.gap >= 0 else (float("inf"), None)
    seen = 0

    def descend(place: int, so_far: float, taken: dict[str, int]) -> None:
        nonlocal best, chosen, seen
        seen += 1
        if seen > MOST_STATES or so_far + least[place] >= best - 1e-12:
            return
        later = {name: narrowest[name] for name in names[place:]}
        if cost(model, taken | later, budget.unit) > budget.target:
            return
        if place == len(names):
            if not objections(model.found, taken):
                best, chosen = so_far, dict(taken)
            return
        for loss, width in options[place]:
            descend(place + 1, so_far + loss, taken | {names[place]: width})

    descend(0, 0.0, {})
    if chosen is None:
        return start
    proof = "every combination was looked at" if seen <= MOST_STATES else "stopped after too many combinations"
    return propose(model, chosen, budget, best, (f"Least loss in sum: {proof} (ours).",))


def _options(model: CostModel, names: Sequence[str], widths: Integers, losses: Floats) -> list[list[tuple[float, int]]]:
    """List (loss, width) of every group, the original first; by loss."""
    every = []
    for row, name in enumerate(names):
        own = {model.found.groups[model.found.index(name)].width: 0.0}
        for width, loss in zip(widths[row].tolist(), losses[row].tolist(), strict=True):
            if np.isfinite(loss) and int(width) not in own:
                own[int(width)] = float(loss)
        every.append(sorted((loss, width) for width, loss in own.items()))
    return every
