"""The linear rule of ReXNet for a loaded network: how far its blocks are from a line, and the line at the same cost.

Han, Yun, Heo and Yoo, "Rethinking Channel Dimensions for Efficient Model Design", CVPR 2021: widths that grow linearly
with the index of the block, c_i = a i + b, were the best of those searched at equal cost. What follows is a proposal to
train anew, not an equivalent network. How ties and inner widths follow the line is ours: blocks of one residual stage
have one width, the mean of the line over them; widths inside a block keep their ratio to its input where it expands
(t u channels), else to its output; stem and head stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.config import LayerSpec
from analysis.measures.widths.costs import CostModel
from analysis.measures.widths.description import Producer, WidthGroups
from analysis.measures.widths.fitting import (
    EXACT,
    NEAR,
    Budget,
    Proposal,
    Rounding,
    fit,
    left_words,
    legalised,
    propose,
    top_up,
)
from analysis.measures.widths.legal import share
from analysis.problems import AnalysisError

STAIRCASES: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("MobileNetV2", (16,) + 2 * (24,) + 3 * (32,) + 4 * (64,) + 3 * (96,) + 3 * (160,) + (320,)),
    ("FBNet-C", (16,) + 4 * (24,) + 4 * (32,) + 4 * (64,) + 4 * (112,) + 4 * (184,) + (352,)),
    ("ProxylessNAS-R", (16,) + 2 * (32,) + 4 * (40,) + 4 * (80,) + 4 * (96,) + 4 * (192,) + (320,)),
    ("MnasNet-A1", (16,) + 2 * (24,) + 3 * (40,) + 4 * (80,) + 2 * (112,) + 3 * (160,) + (320,)),
    ("MixNet-M", (24,) + 2 * (32,) + 4 * (40,) + 4 * (80,) + 4 * (120,) + 4 * (200,)),
    ("EfficientNet-B0", (16,) + 2 * (24,) + 2 * (40,) + 3 * (80,) + 3 * (112,) + 4 * (192,) + (320,)),
)
"""Widths of the blocks of known networks as Table 1 of the paper prints them."""

REXNET = tuple(round(16 + 11.25 * block) for block in range(16))
"""Widths of the blocks of ReXNet x1.0: 16 and then 180 channels over 16 blocks, as the released code rounds them."""
REFERENCES: tuple[tuple[str, tuple[int, ...], str], ...] = (
    ("ReXNet ×1.0", REXNET, "released code of ReXNet"),
    *((name, widths, "Table 1 of Han et al. 2021") for name, widths in STAIRCASES),
    (
        "best of 200 at 13 blocks",
        (34, 34, 34, 40, 64, 88, 112, 136, 160, 184, 208, 232, 256),
        "Table 3 (d) of Han et al. 2021",
    ),
)
"""Staircases to compare with: name, widths of the blocks, where they are published."""

RELUS = ("ReLU", "ReLU6")
_SMALL = ((1, 1), (3, 3))
STEEP = 6.0
"""Expansion above which the audit flags a 1x1 convolution."""
LOW = 0.5
"""A bottleneck's d_in/d_out below this share of the median is flagged as low. Ours."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One block on the ladder: its index from 1, its name, the layer that sets its width, and that width."""

    index: int
    block: str
    layer: str
    width: int


@dataclass(frozen=True, slots=True)
class LineFit:
    """Least-squares line c = a i + b through (i, c).

    Attributes
    ----------
    slope, intercept
        a in channels per block, and b.
    r2
        Share of the variance that the line explains; NaN for equal widths.
    deviation
        Largest distance of a width from the line, in channels.
    """

    slope: float
    intercept: float
    r2: float
    deviation: float


@dataclass(frozen=True, slots=True)
class Straight:
    """A straightened configuration.

    Attributes
    ----------
    proposal
        Widths and costs; `scale` is the slope a.
    rungs, after
        Blocks with their width, and the new widths, axes (block,).
    before, line
        Fit of the network as it is, and of the proposal.
    """

    proposal: Proposal
    rungs: tuple[Rung, ...]
    after: NDArray[np.int64]
    before: LineFit
    line: LineFit


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One convolution: how many channels it reads and makes, and what is unusual about it.

    Attributes
    ----------
    layer, kernel, inputs, outputs, groups
        Which, and its sizes.
    ratio, expansion
        d_in / d_out, and its reciprocal.
    activation
        Class of the activation right after it, "" for none.
    flags
        Short words; see :func:`audit`.
    """

    layer: str
    kernel: tuple[int, ...]
    inputs: int
    outputs: int
    groups: int
    ratio: float
    expansion: float
    activation: str
    flags: tuple[str, ...]


def line_fit(widths: Sequence[float] | NDArray[np.int64] | NDArray[np.float64]) -> LineFit:
    """Fit a line through widths over the block index, which begins with 1.

    Examples
    --------
    >>> line_fit([3, 5, 7]).slope
    2.0
    """
    c = np.asarray(widths, dtype=np.float64)
    i = np.arange(1, len(c) + 1, dtype=np.float64)
    away = i - i.mean() if len(c) else i
    across = float(away @ away)
    slope = float(away @ (c - c.mean())) / across if across else 0.0
    intercept = float(c.mean() - slope * i.mean()) if len(c) else 0.0
    residual = c - slope * i - intercept
    total = float(((c - c.mean()) ** 2).sum()) if len(c) else 0.0
    r2 = 1 - float(residual @ residual) / total if total > 0 else float("nan")
    return LineFit(round(slope, 12), intercept, r2, float(np.abs(residual).max(initial=0.0)))


def ladder(found: WidthGroups, layers: Sequence[LayerSpec], without: frozenset[str] = frozenset()) -> tuple[Rung, ...]:
    """Blocks in call order with the layer that sets their output width.

    Without blocks every convolution outside the classifier is a rung of its own (plain networks such as VGG).

    Parameters
    ----------
    found
        The groups.
    layers
        Rows of the network in call order.
    without
        Blocks that the user has left out: they keep their width, and the others are counted without them.
    """
    producers = {producer.layer: producer for producer in found.producers}
    inside: dict[str, list[LayerSpec]] = {}
    widths = {layer.name: layer.channels for layer in layers if layer.kind == "block"}
    for layer in layers:
        if layer.block and layer.name in producers and layer.kind == "conv":
            inside.setdefault(layer.block, []).append(layer)
    rungs: list[Rung] = []
    for block, own in inside.items():
        if block in without:
            continue
        fitting = [layer for layer in own if layer.channels == widths.get(block, 0)] or own
        free = [layer for layer in fitting if _free(found, producers[layer.name])]
        if free:
            rungs.append(Rung(len(rungs) + 1, block, free[-1].name, producers[free[-1].name].width))
    if rungs or without & inside.keys():
        return tuple(rungs)
    plain = [layer for layer in layers if layer.kind == "conv" and layer.name in producers]
    plain = [layer for layer in plain if layer.name not in without and _free(found, producers[layer.name])]
    return tuple(Rung(i, row.name, row.name, producers[row.name].width) for i, row in enumerate(plain, start=1))


def straighten(
    model: CostModel,
    layers: Sequence[LayerSpec],
    budget: Budget,
    rounding: Rounding = EXACT,
    without: frozenset[str] = frozenset(),
) -> Straight:
    """Put the widths of blocks on a line through the first block's, at the same budget.

    c_i = c_1 + a (i - 1), with a found by bisection: costs grow with a. Blocks in `without` are left as they are, but
    for what they share with the others.

    Raises
    ------
    AnalysisError
        If fewer than three blocks have a width that can change.
    """
    rungs = ladder(model.found, layers, without)
    if len(rungs) < 3:
        text = "Fewer than three blocks have a width that can change, so that there is no line to speak of."
        raise AnalysisError(text, "Use the uniform multiplier.", "blocks")
    plan = _Plan(model.found, layers, rungs, rounding)
    notes = ["A proposal to train anew, not an equivalent network."]
    if without:
        notes.append(f"Left out: {', '.join(sorted(without))}.")
    if plan.tied:
        notes.append("Blocks of one residual stage share a width: the mean of the line over them (ours).")
    proposal = fit(model, plan.wishes, budget, rounding, tuple(notes), beyond=False)
    if proposal.gap > NEAR and rounding.multiple > 1:
        proposal = _raised(model, plan, proposal, budget, tuple(notes))
    after = plan.ladder_widths(proposal.widths)
    proposal = replace(proposal, notes=(plan.first_words(int(after[0]), proposal.widths), *proposal.notes))
    before = line_fit([rung.width for rung in rungs])
    return Straight(proposal, rungs, after, before, line_fit(after))


def _raised(model: CostModel, plan: _Plan, proposal: Proposal, budget: Budget, notes: tuple[str, ...]) -> Proposal:
    """Round single widths of the line up instead of to the nearest, those furthest below it first, while they fit.

    All stay within one step of the line, and blocks that rise along it go on rising.
    """

    def tried() -> Proposal:
        wishes = plan.wishes(proposal.scale)
        widths = legalised(model.found, wishes, plan.rounding)
        widths = top_up(model, widths, wishes, budget, plan.rounding, beyond=False)
        return propose(model, widths, budget, proposal.scale)

    best = proposal
    falls = _falls(plan, best)
    for step in plan.below(best):
        plan.up.add(step)
        found = tried()
        if best.gap > found.gap >= 0 and _falls(plan, found) <= falls:
            best = found
        else:
            plan.up.remove(step)
    return best if best is proposal else replace(best, notes=(*notes, *left_words(best, plan.rounding)))


def _falls(plan: _Plan, proposal: Proposal) -> int:
    """Channels by which blocks are narrower than the one before."""
    return int(np.maximum(-np.diff(plan.ladder_widths(proposal.widths)), 0).sum())


class _Plan:
    """From a slope to wished widths; `up` has the places of the groups whose layers are rounded up."""

    def __init__(
        self, found: WidthGroups, layers: Sequence[LayerSpec], rungs: tuple[Rung, ...], rounding: Rounding
    ) -> None:
        self.found, self.rungs, self.rounding = found, rungs, rounding
        self.producers = {producer.layer: producer for producer in found.producers}
        self.steps: dict[tuple[int, ...], list[Rung]] = {}
        for rung in rungs:
            self.steps.setdefault(self.producers[rung.layer].groups, []).append(rung)
        self.up: set[tuple[int, ...]] = set()
        self.on_line = {place for places in self.steps for place in places}
        self.inner = self._inner(layers)
        inside = {layer.name for layer in layers if layer.block} or {rung.layer for rung in rungs}
        self.outside = [producer for producer in found.producers if producer.layer not in inside]

    @property
    def tied(self) -> bool:
        """True if blocks share a width."""
        return any(len(rungs) > 1 for rungs in self.steps.values())

    def _inner(self, layers: Sequence[LayerSpec]) -> list[tuple[int, int, bool]]:
        """Find groups inside blocks: (group, place of the rung, True where the block expands)."""
        block_of = {layer.name: layer.block for layer in layers}
        rung_of = {rung.block: place for place, rung in enumerate(self.rungs)}
        inputs = {layer.name: layer.input_shape[0] for layer in layers if layer.kind == "block" and layer.input_shape}
        first = {place: p.layer for p in reversed(self.found.producers) for place in p.groups}
        widest: dict[int, int] = {}
        inside: list[tuple[int, int]] = []
        for place, layer in first.items():
            block = block_of.get(layer, "")
            if place in self.on_line or self.found.groups[place].locked or block not in rung_of:
                continue
            rung = rung_of[block]
            inside.append((place, rung))
            widest[rung] = max(widest.get(rung, 0), self.producers[layer].width)
        return [
            (place, rung, widest[rung] > max(self.rungs[rung].width, inputs.get(self.rungs[rung].block, 0)))
            for place, rung in sorted(inside)
        ]

    def target(self, slope: float, rungs: Sequence[Rung]) -> float:
        """Width that the line gives blocks which share one: the mean over them."""
        return self.rungs[0].width + slope * float(np.mean([rung.index - 1 for rung in rungs]))

    def below(self, proposal: Proposal) -> list[tuple[int, ...]]:
        """Shared widths that are below the line, those furthest below it first."""
        after = self.ladder_widths(proposal.widths)
        away = {p: after[rungs[0].index - 1] - self.target(proposal.scale, rungs) for p, rungs in self.steps.items()}
        return sorted((places for places, value in away.items() if value < 0), key=lambda places: away[places])

    def wishes(self, slope: float) -> dict[str, float]:
        """Wished widths on and off the line."""
        found, legal_widths, result = self.found, dict[int, int](), dict[str, float]()
        for places, rungs in self.steps.items():
            target = self.target(slope, rungs)
            if places in self.up:
                target = float(np.ceil(target / self.rounding.multiple) * self.rounding.multiple)
            producer = self.producers[rungs[0].layer]
            known = [place for place in places if place in legal_widths or found.groups[place].locked]
            rest = target - sum(
                share(found, producer, place, legal_widths.get(place, found.groups[place].width)) for place in known
            )
            open_ = [place for place in places if place not in known]
            whole = sum(share(found, producer, place, found.groups[place].width) for place in open_)
            wished = {found.groups[p].name: max(1.0, found.groups[p].width * rest / max(whole, 1)) for p in open_}
            present = {found.groups[place].name: width for place, width in legal_widths.items()}
            chosen = legalised(found, wished, self.rounding, present)
            legal_widths.update((found.index(name), width) for name, width in chosen.items())
            result.update((name, float(width)) for name, width in chosen.items())
        factors = self._widths(legal_widths) / np.array([rung.width for rung in self.rungs])
        for place, rung, expands in self.inner:
            factor = 1.0 if expands and not rung else float(factors[rung - 1 if expands else rung])
            group = found.groups[place]
            result[group.name] = group.width * factor
        return result

    def _widths(self, widths: dict[int, int]) -> NDArray[np.int64]:
        found = self.found
        return np.array(
            [
                rung.width
                + sum(
                    share(found, producer, place, widths.get(place, found.groups[place].width))
                    - share(found, producer, place, found.groups[place].width)
                    for place in producer.groups
                )
                for rung, producer in ((rung, self.producers[rung.layer]) for rung in self.rungs)
            ],
            dtype=np.int64,
        )

    def first_words(self, width: int, widths: Mapping[str, int]) -> str:
        """Say where the line begins, what has become of the first block, and which layers around have changed."""
        first = self.rungs[0]
        text = "The line goes through the width of the first block"
        if width != first.width:
            shared = len(self.steps[self.producers[first.layer].groups]) > 1
            causes = ["its stage has the mean of the line"] * shared
            causes += [f"widths are multiples of {self.rounding.multiple}"] * (self.rounding.multiple > 1)
            text = f"The line goes through the {first.width} channels of the first block, which becomes {width}"
            text += f": {' and '.join(causes)}" if causes else ""
        changed = {self.found.index(name) for name in widths}
        moved = [producer.layer for producer in self.outside if changed.intersection(producer.groups)]
        if not moved:
            return f"{text}; stem and head are kept."
        more = f" and {len(moved) - 2} more" if len(moved) > 2 else ""
        return f"{text}; {', '.join(moved[:2])}{more} outside of the blocks move with them, the rest is kept."

    def ladder_widths(self, widths: Mapping[str, int]) -> NDArray[np.int64]:
        """Widths of the blocks in a configuration, axes (block,)."""
        return self._widths({self.found.index(name): width for name, width in widths.items()})


def _free(found: WidthGroups, producer: Producer) -> bool:
    return any(not found.groups[place].locked for place in producer.groups)


def audit(layers: Sequence[LayerSpec]) -> tuple[AuditRow, ...]:
    """Look at every convolution as the ReXNet paper would.

    Flags: "steep" for a 1x1 convolution that expands more than sixfold; "ReLU after expansion" for ReLU or ReLU6 right
    after a 1x1 or 3x3 convolution that makes more channels than it reads; "low ratio" where d_in/d_out of an expanding
    1x1 is far below that of the others (less than half the median, ours); "smooth depthwise" for another activation
    after a depthwise convolution, which costs without the gain that it has after an expansion. Gates are not judged.
    """
    convs = [(place, layer) for place, layer in enumerate(layers) if layer.kind == "conv" and layer.expands_from]
    dense = [
        row.expands_from / row.channels
        for _, row in convs
        if row.kernel == (1, 1) and _expands(row) and row.positions > 1
    ]
    median = float(np.median(dense)) if dense else float("nan")
    rows = []
    for place, layer in convs:
        follower = layers[place + 1] if place + 1 < len(layers) else layer
        activation = follower.type if follower.kind == "activation" and follower.shape == layer.shape else ""
        ratio = layer.expands_from / layer.channels
        flags = _flags(layer, ratio, activation, median)
        rows.append(
            AuditRow(
                layer.name, layer.kernel, layer.expands_from, layer.channels, layer.groups, ratio, 1 / ratio,
                activation, flags,
            )
        )  # fmt: skip
    return tuple(rows)


def _expands(layer: LayerSpec) -> bool:
    return layer.channels > layer.expands_from


def _flags(layer: LayerSpec, ratio: float, activation: str, median: float) -> tuple[str, ...]:
    depthwise = layer.groups > 1 and layer.groups == layer.channels == layer.expands_from
    if layer.positions == 1:
        return ()  # the rule is about maps; gates see one position
    tests = (
        (layer.kernel == (1, 1) and 1 / ratio > STEEP, "steep"),
        (layer.kernel in _SMALL and _expands(layer) and activation in RELUS, "ReLU after expansion"),
        (layer.kernel == (1, 1) and _expands(layer) and ratio < LOW * median, "low ratio"),
        (depthwise and bool(activation) and activation not in RELUS, "smooth depthwise"),
    )
    return tuple(word for applies, word in tests if applies)
