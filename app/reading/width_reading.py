"""Width groups as the window shows them: what stands in each column, and what an edit makes of a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from analysis.edits import Edits
from analysis.measures.alignment import first_layer
from analysis.measures.widths.costs import CostModel, Costs
from analysis.measures.widths.description import WidthGroups
from analysis.measures.widths.fitting import EXACT, Rounding, legal
from analysis.measures.widths.legal import Widths, counts, objections
from app.reading.depth import Floats, Ints

KINDS = ("conv", "linear")
NO_REASON = "the network fixes it"


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a column that belongs to one group.

    Attributes
    ----------
    column
        Place of the layer, from 0.
    group
        Place of the group, -1 for channels that never change.
    terms
        (variable, multiplicity) pairs; empty for channels that never change.
    fixed
        Channels beside the terms.
    """

    column: int
    group: int
    terms: tuple[tuple[int, int], ...]
    fixed: int = 0

    def size(self, values: Ints) -> int:
        """Channels for the number of classes of each variable."""
        return self.fixed + sum(times * int(values[variable]) for variable, times in self.terms)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the user asks of widths beside their being legal.

    Attributes
    ----------
    rounding
        To what the widths of layers are rounded.
    locked
        Groups that should stay as they are.
    """

    rounding: Rounding = EXACT
    locked: frozenset[str] = frozenset()


class WidthReading:
    """The width groups of a network, column by column.

    Parameters
    ----------
    found
        Its description.

    Attributes
    ----------
    names
        Layers with channels of their own or tied ones, in call order: one column each.
    pieces
        What the columns are made of, from the bottom up.
    handles
        Free group to the piece that carries its handle.
    """

    def __init__(self, found: WidthGroups) -> None:
        self.found = found
        self.model = CostModel(found)
        rows = [(place, row) for place, row in enumerate(found.rows) if row.kind in KINDS]
        self.rows = np.array([place for place, _ in rows], dtype=np.int64)
        self.names = tuple(row.layer for _, row in rows)
        self.pieces = tuple(piece for column, (place, _) in enumerate(rows) for piece in self._pieces(column, place))
        self.handles: dict[int, int] = {}
        for group, about in enumerate(found.groups):
            there = [index for index, piece in enumerate(self.pieces) if piece.group == group and not about.locked]
            first = first_layer(about.name)
            own = [index for index in there if self.names[self.pieces[index].column] == first]
            if there:
                self.handles[group] = (own or there)[0]
        self.reasons = {
            member.layer: group.reason for group in found.groups if group.locked for member in group.members
        }

    def _pieces(self, column: int, place: int) -> list[Piece]:
        found, row = self.found, self.found.rows[place]
        if row.length < 0:
            return [Piece(column, -1, (), row.width)]
        axis = found.lengths[row.length]
        terms: dict[int, list[tuple[int, int]]] = {}
        for variable, times in axis.terms:
            terms.setdefault(found.variables[variable].group, []).append((variable, times))
        fixed = [Piece(column, -1, (), axis.fixed)] if axis.fixed else []
        return fixed + [Piece(column, group, tuple(terms[group])) for group in sorted(terms)]

    def costs(self, widths: Widths) -> Costs:
        """Cost of a configuration, from the closed form."""
        return self.model.costs(widths)

    def totals(self, widths: Widths) -> Floats:
        """Width of every column, axes (column,)."""
        return np.asarray(self.model.costs(widths).width[self.rows], dtype=np.float64)

    def heights(self, widths: Widths) -> Floats:
        """Lower and upper end of every piece, axes (piece, end)."""
        values = counts(self.found, widths)
        ends = np.zeros((len(self.pieces), 2))
        column, top = -1, 0
        for index, piece in enumerate(self.pieces):
            bottom = top if piece.column == column else 0
            column, top = piece.column, bottom + piece.size(values)
            ends[index] = bottom, top
        return ends

    def width_at(self, index: int, channels: float) -> float:
        """Width of a piece's group when the piece has some channels; a wish, not rounded."""
        piece = self.pieces[index]
        original = np.array([variable.count for variable in self.found.variables], dtype=np.int64)
        return channels * self.found.groups[piece.group].width / max(piece.size(original), 1)

    def columns_of(self, group: int) -> tuple[int, ...]:
        """Columns in which channels of a group are."""
        return tuple(dict.fromkeys(piece.column for piece in self.pieces if piece.group == group))

    def why_locked(self, column: int) -> str:
        """Reason why a column has channels that never change."""
        return self.reasons.get(self.names[column]) or NO_REASON


def changed(
    found: WidthGroups, widths: Widths, wishes: Mapping[str, float], rules: Rules
) -> tuple[dict[str, int], str]:
    """Change some widths to the nearest that are legal and keep the rules.

    Returns
    -------
    tuple[dict[str, int], str]
        The widths that differ from the original, and why a wish was refused ("" if none was): then nothing changes.
    """
    new = dict(widths)
    for name, wish in wishes.items():
        if name in rules.locked:
            continue
        new[name] = legal(found, name, wish, rules.rounding, new)
    new = {group.name: new[group.name] for group in found.groups if new.get(group.name, group.width) != group.width}
    wrong = objections(found, new)
    return (dict(widths), wrong[0].text) if wrong else (new, "")


def with_widths(edits: Edits, widths: Widths) -> Edits:
    """Put other widths into edits; channels that were chosen by hand go where their number has changed."""
    before = dict(edits.widths)
    kept = tuple(pair for pair in edits.channels if widths.get(pair[0]) == before.get(pair[0]))
    return replace(edits, widths=tuple(widths.items()), channels=kept)


def base_edits(edits: Edits) -> Edits:
    """Return what is done to a network before its widths change: width groups are those of that network."""
    return Edits(removed=edits.removed, grouped=edits.grouped)


def ties(found: WidthGroups, group: int) -> str:
    """Say which layers a group ties and why, in one line."""
    members = tuple(dict.fromkeys(member.layer for member in found.groups[group].members if member.side in SIDES))
    others = [name for name in members if name != first_layer(found.groups[group].name)]
    why = "; ".join(found.groups[group].why[:2])
    if not others:
        return "tied to no other layer"
    shown = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
    return f"tied to {shown}" + (f": {why}" if why else "")


SIDES = ("out", "depth")
"""Sides of members that are outputs."""
