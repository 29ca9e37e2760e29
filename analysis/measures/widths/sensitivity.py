"""From measured sensitivities to a configuration: which groups to narrow for a budget. numpy only; ours throughout.

The loss of several narrowed groups is taken to be the sum of what each loses alone. Greedy takes the next ratio of the
group that loses least per unit saved; exact looks at every combination, which twelve groups allow. Both can be worked
out bit by bit (`greedy_steps`, `exact_steps`), so that a window need not wait for them.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from analysis.measures.widths.costs import CostModel
from analysis.measures.widths.fitting import Budget, Proposal, propose
from analysis.measures.widths.legal import counts, objections, spread
from analysis.problems import AnalysisError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Steps = Generator[float, None, Proposal]
"""A choice that is worked out bit by bit: the share that is done, from 0 to 1, and at the end the proposal."""

MOST_EXACT = 12
"""Groups up to which all combinations are looked at."""
MOST_STATES = 60_000
"""Partial configurations that the exact choice keeps at once."""
CHUNK = 2048
"""Configurations whose costs are computed at once."""


@dataclass(frozen=True, slots=True)
class Option:
    """A width of a group: what it loses, and its classes of each of the group's variables."""

    width: int
    loss: float
    classes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """A group with its options, the original width first and the others by loss."""

    name: str
    variables: tuple[int, ...]
    options: tuple[Option, ...]


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
    return _last(greedy_steps(model, names, widths, losses, budget))


def greedy_steps(model: CostModel, names: Sequence[str], widths: Integers, losses: Floats, budget: Budget) -> Steps:
    """Do what :func:`greedy` does, one narrowed group at a time; the share is that of what must be saved."""
    choices = _choices(model, names, widths, losses)
    values = counts(model.found, {})
    taken: dict[str, Option] = {}
    now = whole = int(model.totals_of(values[None])[budget.unit][0])
    while now > budget.target:
        yield (whole - now) / (whole - budget.target)
        offers = [
            (choice, option)
            for choice in choices
            for option in choice.options
            if option.width < (taken[choice.name] if choice.name in taken else choice.options[0]).width
        ]
        chosen = _best_offer(model, values, taken, offers, now, budget.unit)
        if chosen is None:
            text = "Even the lowest measured ratios exceed the budget."
            return _proposal(model, taken, budget, 0.0, text)
        choice, option, now = chosen
        taken[choice.name] = option
        values[list(choice.variables)] = option.classes
    return _proposal(model, taken, budget, sum(option.loss for option in taken.values()), "Chosen greedily (ours).")


def _best_offer(
    model: CostModel,
    values: Integers,
    taken: dict[str, Option],
    offers: list[tuple[Choice, Option]],
    now: int,
    unit: str,
) -> tuple[Choice, Option, int] | None:
    """Find the offer that loses least per unit saved, and what the network costs then."""
    tried = np.repeat(values[None], len(offers), axis=0)
    for row, (choice, option) in enumerate(offers):
        tried[row, list(choice.variables)] = option.classes
    after = _totals(model, tried, unit)
    rated = []
    for row, (choice, option) in enumerate(offers):
        saved = now - int(after[row])
        if saved > 0:
            lost = option.loss - (taken[choice.name].loss if choice.name in taken else 0.0)
            rated.append((lost / saved, choice.name, option.width, row))
    for _, _, _, row in sorted(rated):
        choice, option = offers[row]
        wanted = {name: one.width for name, one in taken.items()} | {choice.name: option.width}
        if not objections(model.found, wanted):
            return choice, option, int(after[row])
    return None


def exact(model: CostModel, names: Sequence[str], widths: Integers, losses: Floats, budget: Budget) -> Proposal:
    """Find the combination that keeps the budget and loses least in sum.

    Branch and bound, group after group. Costs are polynomials of the widths without negative coefficients, so that a
    group saves most while all others are whole: a partial choice is dropped if the later groups, with those savings,
    cannot keep the budget at a smaller loss than the best combination so far.

    Parameters
    ----------
    model, names, widths, losses, budget
        As for :func:`greedy`.

    Raises
    ------
    AnalysisError
        If there are more than twelve groups.
    """
    return _last(exact_steps(model, names, widths, losses, budget))


def exact_steps(model: CostModel, names: Sequence[str], widths: Integers, losses: Floats, budget: Budget) -> Steps:
    """Do what :func:`exact` does, some thousand combinations at a time; the share is that of the groups gone through.

    Raises
    ------
    AnalysisError
        If there are more than twelve groups.
    """
    if len(names) > MOST_EXACT:
        text = f"There are {len(names)} groups, too many for every combination."
        raise AnalysisError(text, f"Choose at most {MOST_EXACT} groups, or greedy.", "groups")
    start = greedy(model, names, widths, losses, budget)
    search = _Search(model, _choices(model, names, widths, losses), budget)
    best = start.scale if start.gap >= 0 else float("inf")
    taken: dict[str, Option] | None = None
    whole = False
    for most in (CHUNK, MOST_STATES):  # a quick answer first: it lets the full search drop more
        found, whole = yield from search.run(best, most)
        if found is not None:
            best, taken = found
        if whole:
            break
    proof = "every combination was looked at" if whole else "stopped after too many combinations"
    text = f"Least loss in sum: {proof} (ours)."
    if taken is None:
        if start.gap < 0:
            return start
        return propose(model, start.widths, budget, start.scale, (text,))
    return _proposal(model, taken, budget, best, text)


class _Search:
    """Goes through combinations, the groups that can save most first."""

    def __init__(self, model: CostModel, choices: list[Choice], budget: Budget) -> None:
        self.model, self.budget = model, budget
        self.start = counts(model.found, {})
        whole = int(_totals(model, self.start[None], budget.unit)[0])
        savings = []
        for choice in choices:
            tried = np.repeat(self.start[None], len(choice.options), axis=0)
            for row, option in enumerate(choice.options):
                tried[row, list(choice.variables)] = option.classes
            savings.append(whole - _totals(model, tried, budget.unit))
        order = sorted(range(len(choices)), key=lambda place: -int(savings[place].max()))
        self.choices = [choices[place] for place in order]
        self.savings = [savings[place] for place in order]

    def run(
        self, best: float, most: int
    ) -> Generator[float, None, tuple[tuple[float, dict[str, Option]] | None, bool]]:
        """Look for less loss than `best`, keeping at most so many partial choices; also say if none was dropped."""
        values, lost = self.start[None], np.zeros(1)
        picks = np.zeros((1, 0), dtype=np.int64)
        whole = True
        for place, choice in enumerate(self.choices):
            count = len(choice.options)
            values, picks = np.repeat(values, count, axis=0), np.repeat(picks, count, axis=0)
            own = np.tile(np.arange(count), len(lost))
            classes = np.array([option.classes for option in choice.options], dtype=np.int64)
            values[:, list(choice.variables)] = classes[own]
            lost = np.repeat(lost, count) + np.array([option.loss for option in choice.options])[own]
            picks = np.concatenate([picks, own[:, None]], axis=1)
            parts = []
            for at in range(0, len(values), CHUNK):
                parts.append(_totals(self.model, values[at : at + CHUNK], self.budget.unit))
                yield (place + at / len(values)) / len(self.choices)
            over = np.concatenate([np.zeros(0, dtype=np.int64), *parts]) - self.budget.target
            bound = lost + self._least(place + 1, over)
            kept = np.flatnonzero(bound < best - 1e-12)
            if len(kept) > most:
                kept, whole = kept[np.argsort(bound[kept], kind="stable")[:most]], False
            values, lost, picks = values[kept], lost[kept], picks[kept]
        for row in np.argsort(lost, kind="stable").tolist():
            pairs = zip(self.choices, picks[row].tolist(), strict=True)
            taken = {choice.name: choice.options[pick] for choice, pick in pairs if pick}
            if not objections(self.model.found, {name: option.width for name, option in taken.items()}):
                return (float(lost[row]), taken), whole
        return None, whole

    def _least(self, first: int, over: Integers) -> Floats:
        """Least loss at which later groups can save what is still too much; infinite where they cannot.

        Every group's options are replaced by the lower convex hull of loss over saving: mixtures of two options only
        make it easier.
        """
        base = saved = 0.0
        pieces: list[tuple[float, float]] = []
        for choice, savings in zip(self.choices[first:], self.savings[first:], strict=True):
            points = [(float(s), option.loss) for s, option in zip(savings.tolist(), choice.options, strict=True)]
            hull = _hull(points)
            saved, base = saved + hull[0][0], base + hull[0][1]
            pieces += [(b[0] - a[0], (b[1] - a[1]) / (b[0] - a[0])) for a, b in pairwise(hull)]
        pieces.sort(key=lambda piece: piece[1])
        x = saved + np.concatenate([[0.0], np.cumsum([size for size, _ in pieces])])
        y = base + np.concatenate([[0.0], np.cumsum([size * slope for size, slope in pieces])])
        found: Floats = np.interp(over.astype(np.float64), x, y, left=base, right=np.inf)
        return found


def _hull(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Lower convex hull of loss over saving, from the smallest loss to the largest saving."""
    least = min(points, key=lambda point: (point[1], -point[0]))
    hull = [least]
    while True:
        further = [point for point in points if point[0] > hull[-1][0]]
        if not further:
            return hull
        x, y = hull[-1]
        hull.append(min(further, key=lambda point: ((point[1] - y) / (point[0] - x), -point[0])))


def _last(steps: Steps) -> Proposal:
    """Go through all steps at once."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            proposal: Proposal = end.value
            return proposal


def _choices(model: CostModel, names: Sequence[str], widths: Integers, losses: Floats) -> list[Choice]:
    """List what can be chosen; widths that a group cannot have are left out."""
    found, every = model.found, []
    for row, name in enumerate(names):
        place = found.index(name)
        group = found.groups[place]
        own = tuple(found.variables[v].count for v in group.variables)
        options = {group.width: Option(group.width, 0.0, own)}
        for width, loss in zip(widths[row].tolist(), losses[row].tolist(), strict=True):
            classes = spread(found, place, int(width))
            legal = classes is not None and group.minimum <= width < group.width
            if legal and classes is not None and np.isfinite(loss) and int(width) not in options:
                options[int(width)] = Option(int(width), float(loss), classes)
        first, *others = options.values()
        every.append(Choice(name, group.variables, (first, *sorted(others, key=lambda o: (o.loss, o.width)))))
    return every


def _totals(model: CostModel, values: Integers, unit: str) -> Integers:
    parts = [model.totals_of(values[at : at + CHUNK])[unit] for at in range(0, len(values), CHUNK)]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def _proposal(model: CostModel, taken: dict[str, Option], budget: Budget, loss: float, note: str) -> Proposal:
    return propose(model, {name: option.width for name, option in taken.items()}, budget, loss, (note,))
