"""Blocks of a network beside the linear rule of ReXNet: fits, the line at the same cost, stages, the audit. No Qt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.config import LayerSpec
from analysis.measures.widths import straight
from analysis.measures.widths.fitting import Budget, Rounding
from analysis.problems import AnalysisError
from app.hints import told
from app.reading import numbers
from app.reading.depth import Floats
from app.reading.width_reading import WidthReading

INDEX, DEPTH = "index", "depth"


@dataclass(frozen=True, slots=True, eq=False)
class Ladder:
    """Widths of the blocks.

    Attributes
    ----------
    blocks, layers
        Their names, and the layers that set their widths.
    original, edited
        (block,) channels.
    straightened
        (block,) channels of the proposal, None where there is none; `why` says why not.
    fits
        Lines through original, edited and straightened.
    costs
        (name, parameters, multiply-adds) of the three.
    every
        All blocks of the network, also those that the user has left out.
    stages
        Blocks before which the map size changes, with the size in words.
    """

    blocks: tuple[str, ...]
    original: Floats
    edited: Floats
    straightened: Floats | None
    why: str
    fits: tuple[straight.LineFit, ...]
    costs: tuple[tuple[str, int, int], ...]
    stages: tuple[tuple[int, str], ...]
    layers: tuple[str, ...] = ()
    every: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """True if the edited blocks differ from the original ones."""
        return bool(np.any(self.original != self.edited))

    def claim(self) -> str:
        """Say in one line how straight the network is, and the proposal."""
        if len(self.blocks) < 2:
            return self.why
        first = self.fits[1 if self.changed else 0]
        words = f"c ≈ {first.slope:.3g}·i {'+' if first.intercept >= 0 else '−'} {abs(first.intercept):.3g}"
        words += f", R² {_share(first.r2)}, largest distance {first.deviation:.3g} channels"
        if self.straightened is not None:
            words += f" · straightened R² {_share(self.fits[2].r2)}"
        return words


def ladder(
    reading: WidthReading,
    layers: tuple[LayerSpec, ...],
    widths: dict[str, int],
    budget: Budget,
    rounding: Rounding,
    without: frozenset[str] = frozenset(),
) -> Ladder:
    """Read the blocks of a network but those left out, and straighten them at a budget."""
    found = reading.found
    every = tuple(rung.block for rung in straight.ladder(found, layers))
    rungs = straight.ladder(found, layers, without)
    original = np.array([float(rung.width) for rung in rungs])
    by_name = dict(zip(reading.names, reading.totals(widths).tolist(), strict=True))
    edited = np.array([by_name.get(rung.layer, float(rung.width)) for rung in rungs])
    why, proposal = "", None
    try:
        made = straight.straighten(reading.model, layers, budget, rounding, without)
        proposal = np.asarray(made.after, dtype=np.float64)
    except AnalysisError as error:
        why = str(told(error))
    fits = [straight.line_fit(original), straight.line_fit(edited)]
    whole, now = reading.costs({}).totals, reading.costs(widths).totals
    costs = [("original", whole.parameters, whole.macs), ("edited", now.parameters, now.macs)]
    if proposal is not None:
        fits.append(straight.line_fit(proposal))
        costs.append(("straightened", made.proposal.parameters, made.proposal.macs))
    blocks = tuple(rung.block for rung in rungs)
    named = tuple(rung.layer for rung in rungs)
    stages = _stages(rungs, layers)
    return Ladder(blocks, original, edited, proposal, why, tuple(fits), tuple(costs), stages, named, every)


def line_widths(reading: WidthReading, layers: tuple[LayerSpec, ...], names: tuple[str, ...], macs: int) -> Floats:
    """Widths of groups on the line of ReXNet at so many multiply-adds, (group,); NaN where there is no line."""
    try:
        made = straight.straighten(reading.model, layers, Budget("macs", macs)).proposal.widths
    except AnalysisError:
        return np.full(len(names), np.nan)
    own = {group.name: group.width for group in reading.found.groups}
    return np.array([float(made.get(name, own.get(name, np.nan))) for name in names])


def _stages(rungs: tuple[straight.Rung, ...], layers: tuple[LayerSpec, ...]) -> tuple[tuple[int, str], ...]:
    sizes = {layer.name: layer.shape[1:] for layer in layers}
    found, before = [], None
    for place, rung in enumerate(rungs):
        size = sizes.get(rung.layer, ())
        if size != before:
            found.append((place, "×".join(map(str, size))))
        before = size
    return tuple(found)


def places(count: int, axis: str) -> Floats:
    """X of the blocks: their index from 1, or the share of depth."""
    index = np.arange(1, count + 1, dtype=np.float64)
    return index if axis == INDEX else (index - 0.5) / max(count, 1)


def audit_rows(layers: tuple[LayerSpec, ...], flagged: bool) -> tuple[tuple[str, ...], ...]:
    """Texts of the audit table, one row for each convolution; with `flagged` those that stand out."""
    return tuple(
        (
            row.layer, numbers.shape(row.kernel), f"{row.inputs:,} → {row.outputs:,}", f"{row.groups:,}",
            f"{row.ratio:.3g}", f"{row.expansion:.3g}", row.activation or numbers.NOTHING, ", ".join(row.flags),
        )
        for row in straight.audit(layers)
        if row.flags or not flagged
    )  # fmt: skip


def block_rows(found: Ladder) -> tuple[tuple[str, ...], ...]:
    """Texts of the table of blocks: index, name, widths before, now and straightened."""
    new = found.straightened
    return tuple(
        (
            str(place + 1), name, f"{found.original[place]:,.0f}", f"{found.edited[place]:,.0f}",
            f"{new[place]:,.0f}" if new is not None else numbers.NOTHING,
        )
        for place, name in enumerate(found.blocks)
    )  # fmt: skip


def _share(value: float) -> str:
    return f"{value:.3f}" if value == value else numbers.NOTHING
