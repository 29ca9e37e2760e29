"""LW-DNA: layer-wise widths by shrinking a widened network once, with controls that say how much of it is chance.

Li et al., "The Heterogeneity Hypothesis: Finding Layer-Wise Differentiated Network Architectures", CVPR 2021, in its
single-shot form. Ours: the exact search, the random control, the second batch, and the trace.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.catalogue import MethodInfo, Param
from analysis.events import Chunk, Declared, Output, Progress
from analysis.images import Batch
from analysis.job import Job, Step
from analysis.latents import Widened, auxiliary, read_by_convolutions, reads_classifier, widen, with_convolutions
from analysis.measures import shrinking
from analysis.measures.shrinking import Floats, Integers, Latents
from analysis.measures.widths.costs import CostModel
from analysis.problems import AnalysisError
from analysis.surgery.dissecting import dissect

CRITERIA = ("grad", "latent_magnitude", "random", "uniform")
COUNTS = ("macs", "table")
PROFILES = ("found", "random control", "second batch")
REFERENCES = ("original", "widened")
TRACE = 64
"""Thresholds of the trace."""
DRAWS = 5
"""Random controls, the first of which is shown as a profile."""

INFO = MethodInfo(
    name="lw_dna",
    title="LW-DNA widths",
    summary="Widths found by shrinking a widened network at one threshold, beside what chance finds.",
    needs=frozenset({"model", "images", "labels"}),
    params=(
        Param("beta", 2.0, "Width multiplier of the search space", 1.0, 8.0),
        Param("rho", 0.4, "Least share of a widened width that stays", 0.0, 1.0),
        Param("tau", 0.45, "The same for the features of the classifier", 0.0, 1.0),
        Param("target", 0.95, "Budget as a share of what the network costs now", 0.01, 64.0),
        Param("count", "macs", "What the budget counts: multiply-adds, or as the published tables", choices=COUNTS),
        Param("criterion", "grad", "Scores: gradient of latents, their size, chance, or all alike", choices=CRITERIA),
        Param("pictures", 64, "Pictures of the mini-batch", 2, 4096),
        Param("embedding", 8, "Embedding of the hypernetwork, which sets the law of weights; 0: normal", 0, 64),
    ),
    trained=False,
    limit=1000,
)


@dataclass(slots=True, eq=False)
class Plan:
    """The widened network as numbers.

    Attributes
    ----------
    names, original
        Group names; their widths before.
    variables
        (latent,) variable of the widened network that each latent stands for.
    owner
        (latent,) its group.
    """

    job: Job
    wide: Widened
    model: CostModel
    base: CostModel
    names: tuple[str, ...]
    original: Integers
    variables: Integers
    owner: Integers
    floors: Integers
    rectified: frozenset[str]

    @property
    def whole(self) -> Integers:
        """Classes of each variable with nothing removed."""
        return np.array([variable.count for variable in self.model.found.variables], dtype=np.int64)

    @property
    def lengths(self) -> Integers:
        """Elements of each latent."""
        lengths: Integers = self.whole[self.variables]
        return lengths

    def values(self, counts: Integers) -> Integers:
        """Classes of each variable where latents keep `counts`."""
        values = self.whole
        values[self.variables] = counts
        return values

    def cost(self, counts: Integers) -> int:
        """Count what the budget counts."""
        if self.job.params["count"] == "table":
            return shrinking.table_count(self.model, self.values(counts), self.rectified)
        return self.model.costs_of(self.values(counts)).totals.macs

    def widths(self, counts: Integers) -> Integers:
        """Widths of the groups, axes (group,)."""
        values = self.values(counts)
        variables = self.model.found.variables
        places = [self.model.found.groups[self.model.found.index(name)] for name in self.names]
        return np.array([sum(variables[v].slots * int(values[v]) for v in group.variables) for group in places])


def run(job: Job) -> Iterator[Step]:
    """Widen, take the gradients of one mini-batch, search the threshold, and do the same by chance."""
    yield Progress(0, 4, "Widening")
    plan = _plan(job)
    whole = plan.base.costs({}).totals.macs
    if job.params["count"] == "table":
        whole = shrinking.table_count(plan.base, _counts(plan.base), plan.rectified)
    target = int(whole * float(job.params["target"]))
    yield _declared(plan, target)
    yield from _references(plan)
    first, second = _batches(job)
    yield Progress(1, 4, "Gradients of a mini-batch")
    scores = _scores(plan, first, job.request.seed)
    latents = Latents(scores, plan.floors)
    yield from _told_scores(plan, scores)
    yield Progress(2, 4, "Searching the threshold")
    found = shrinking.search(latents, plan.cost, target)
    yield from _trace(plan, latents)
    yield Progress(3, 4, "Controls")
    others = [latents, Latents(shrinking.random_scores(plan.lengths, job.request.seed), plan.floors)]
    if job.params["criterion"] != "grad":
        second = None  # these scores never see a batch: a second one would repeat them, or draw them anew
    elif second is None:
        job.warn("one_batch", "There are too few pictures for a second mini-batch: no correlation between batches.")
    if second is not None:
        others.append(Latents(_scores(plan, second, job.request.seed + 1), plan.floors))
    yield from _profiles(plan, others, target)
    yield from _draws(plan, latents, target)
    _warn(plan, latents, found.threshold)
    yield Progress(4, 4, "Done")


def _plan(job: Job) -> Plan:
    model, params = job.model, job.params
    whole = job.request.edits.grouped == "whole"
    original = dissect(model.net, model.input_shape, model.name, whole=whole)
    if not with_convolutions(original, model.net):
        raise AnalysisError("No convolution of the network has a width that can change.", "Take another network.")
    wide = widen(model.net, original, float(params["beta"]), job.request.seed, int(params["embedding"]), whole=whole)
    groups = wide.anatomy.groups
    variables = np.array(sorted(with_convolutions(wide.anatomy, wide.net)), dtype=np.int64)
    owners = [groups.variables[v].group for v in variables.tolist()]
    order = sorted(set(owners))
    names = tuple(groups.groups[place].name for place in order)
    classifier = reads_classifier(wide.anatomy, wide.net)
    shares = [float(params["tau" if v in classifier else "rho"]) for v in variables.tolist()]
    lengths = [groups.variables[v].count for v in variables.tolist()]
    floors = [shrinking.floor_of(n, share) for n, share in zip(lengths, shares, strict=True)]
    rows = model.recording.layers
    return Plan(
        job, wide, CostModel(groups), CostModel(original.groups), names,
        np.array([original.groups.groups[original.groups.index(name)].width for name in names], dtype=np.int64),
        variables, np.array([order.index(owner) for owner in owners], dtype=np.int64),
        np.array(floors, dtype=np.int64),
        frozenset(row.name for row in rows if row.kind == "activation" and row.type in shrinking.RECTIFIED),
    )  # fmt: skip


def _counts(model: CostModel) -> Integers:
    return np.array([variable.count for variable in model.found.variables], dtype=np.int64)


def _batches(job: Job) -> tuple[Batch, Batch | None]:
    """Draw two mini-batches of different pictures, the second None where there are too few."""
    size, count = int(job.params["pictures"]), job.images.count
    order = np.random.default_rng([job.request.seed, 5]).permutation(count)
    if size > count:
        job.warn("few_pictures", f"There are {count} pictures, fewer than the mini-batch of {size} asked for.")
    if min(size, count) < 16:
        job.warn("small_batch", "With fewer than 16 pictures batch norm makes gradients noisy.")
    first = next(job.images.batches(order=order[:size], size=size))
    rest = order[size : 2 * size]
    second = next(job.images.batches(order=rest, size=size)) if len(rest) >= min(size, 16) else None
    return first, second


def _scores(plan: Plan, batch: Batch, seed: int) -> tuple[Floats, ...]:
    """Scores of every latent.

    Raises
    ------
    AnalysisError
        If a latent gets no gradient.
    """
    criterion, wide = str(plan.job.params["criterion"]), plan.wide
    if criterion == "random":
        return shrinking.random_scores(plan.lengths, seed + 1000)
    if criterion == "uniform":
        return shrinking.rank_scores(plan.lengths)
    if criterion == "latent_magnitude":
        values = np.abs(wide.latents.double().cpu().numpy())
    else:
        assert batch.labels is not None  # the method needs them
        values = np.abs(wide.gradients(batch.pixels.clone(), batch.labels, seed))
    scores = tuple(values[wide.anatomy.grouping.variable == v] for v in plan.variables.tolist())
    for place, own in enumerate(scores):
        if not np.isfinite(own).all() or not own.any():
            name = plan.names[int(plan.owner[place])]
            text = f"The latent of {name} gets no gradient: its scores are all zero or no numbers."
            raise AnalysisError(text, "Another mini-batch, or another criterion.", "dead_latent", (name,))
    return scores


def _references(plan: Plan) -> Iterator[Step]:
    for row, (model, values) in enumerate(((plan.base, _counts(plan.base)), (plan.model, plan.whole))):
        totals = model.costs_of(values).totals
        yield Chunk("reference_macs", (row,), np.asarray(totals.macs))
        yield Chunk("reference_parameters", (row,), np.asarray(totals.parameters))
        yield Chunk("reference_table", (row,), np.asarray(shrinking.table_count(model, values, plan.rectified)))
    yield Chunk("original", (), plan.original)
    yield Chunk("widened", (), plan.widths(plan.lengths))
    yield Chunk("floor", (), plan.widths(plan.floors))
    yield Chunk("latent_group", (), plan.owner)
    yield Chunk("latent_floor", (), plan.floors)
    yield Chunk("target_share", (), np.asarray(float(plan.job.params["target"])))
    yield Chunk("floor_macs", (), np.asarray(plan.model.costs_of(plan.values(plan.floors)).totals.macs))
    read = read_by_convolutions(plan.wide.anatomy, plan.wide.net)
    told = np.zeros(len(plan.names), dtype=np.uint8)
    told[plan.owner[[v in read for v in plan.variables.tolist()]]] = 1
    yield Chunk("informative", (), told)


def _told_scores(plan: Plan, scores: tuple[Floats, ...]) -> Iterator[Step]:
    values = np.concatenate(scores)
    latent = np.repeat(np.arange(len(scores)), plan.lengths)
    for start in range(0, len(values), 1 << 16):
        yield Chunk("scores", (start,), values[start : start + (1 << 16)])
        yield Chunk("score_latent", (start,), latent[start : start + (1 << 16)])
    groups = plan.owner[latent]
    sums = np.bincount(groups, values, len(plan.names))
    yield Chunk("mean_score", (), sums / np.maximum(np.bincount(groups, minlength=len(plan.names)), 1))


def _trace(plan: Plan, latents: Latents) -> Iterator[Step]:
    """Costs and widths as the threshold rises through the scores."""
    count = shrinking.Counter(latents)
    for row, threshold in enumerate(np.quantile(np.concatenate(latents.scores), np.linspace(0, 1, TRACE)).tolist()):
        kept = count(threshold)
        totals = plan.model.costs_of(plan.values(kept)).totals
        yield Chunk("trace_threshold", (row,), np.asarray(threshold))
        yield Chunk("trace_macs", (row,), np.asarray(totals.macs))
        yield Chunk("trace_parameters", (row,), np.asarray(totals.parameters))
        yield Chunk("trace_widths", (row,), plan.widths(kept))


def _profiles(plan: Plan, every: list[Latents], target: int) -> Iterator[Step]:
    found_ratio: NDArray[np.float64] | None = None
    for row, latents in enumerate(every):
        found = shrinking.search(latents, plan.cost, target)
        kept = shrinking.Counter(latents)(found.threshold)
        values, widths = plan.values(kept), plan.widths(kept)
        totals = plan.model.costs_of(values).totals
        ratio = widths / plan.original
        found_ratio = ratio if found_ratio is None else found_ratio
        if not row:
            yield from _chance(plan, kept, target)
        yield Chunk("width", (row,), widths)
        yield Chunk("ratio", (row,), ratio)
        yield Chunk("threshold", (row,), np.asarray(found.threshold))
        yield Chunk("macs", (row,), np.asarray(totals.macs))
        yield Chunk("parameters", (row,), np.asarray(totals.parameters))
        yield Chunk("table", (row,), np.asarray(shrinking.table_count(plan.model, values, plan.rectified)))
        yield Chunk("correlation", (row,), np.asarray(shrinking.likeness(found_ratio, ratio)))


def _chance(plan: Plan, kept: Integers, target: int) -> Iterator[Step]:
    """Say what keeping every element with one probability would give."""
    probability = shrinking.keep_probability(plan.lengths, plan.cost, target)
    whole = plan.widths(plan.lengths) / plan.original
    elements = np.bincount(plan.owner, plan.lengths, len(plan.names)).astype(np.int64)
    yield Chunk("keep_probability", (), np.asarray(probability))
    yield Chunk("chance_ratio", (), whole * probability)
    yield Chunk("chance_spread", (), whole * shrinking.chance_band(elements, probability))
    yield Chunk("chi_square", (), np.asarray(shrinking.chi_square(kept, plan.lengths, probability)))


def _draws(plan: Plan, latents: Latents, target: int) -> Iterator[Step]:
    """Repeat the random control, for the spread of its likeness and of its chi-square; it needs no gradients."""
    kept = shrinking.Counter(latents)(shrinking.search(latents, plan.cost, target).threshold)
    probability = shrinking.keep_probability(plan.lengths, plan.cost, target)
    for draw in range(DRAWS):
        other = Latents(shrinking.random_scores(plan.lengths, plan.job.request.seed + 7919 * draw), plan.floors)
        chance = shrinking.Counter(other)(shrinking.search(other, plan.cost, target).threshold)
        r = shrinking.likeness(plan.widths(kept) / plan.original, plan.widths(chance) / plan.original)
        yield Chunk("control_correlation", (draw,), np.asarray(r))
        away = shrinking.chi_square(chance, plan.lengths, probability)
        yield Chunk("control_chi_square", (draw,), np.asarray(away))


def _warn(plan: Plan, latents: Latents, threshold: float) -> None:
    job = plan.job
    unused = auxiliary(plan.wide.anatomy)
    if unused:
        text = "Only training uses these groups, and the loss does not read them: they keep their width."
        job.warn("auxiliary", text, unused)
    full = shrinking.Counter(latents)(threshold) == plan.lengths
    if full.sum() > 1 and float(job.params["beta"]) > 1:
        job.warn("ceiling", f"{int(full.sum())} latents keep everything: a larger beta may find more.")
    read = read_by_convolutions(plan.wide.anatomy, plan.wide.net)
    classifier = reads_classifier(plan.wide.anatomy, plan.wide.net)
    blind = [(v, plan.names[int(o)]) for o, v in zip(plan.owner, plan.variables.tolist(), strict=True) if v not in read]
    for share, fits in (("tau", True), ("rho", False)):
        names = tuple(dict.fromkeys(name for v, name in blind if (v in classifier) == fits))
        if names and job.params["criterion"] == "grad":
            text = "No convolution reads these groups: where batch norm follows, their ranking is an artefact"
            job.warn("uninformative", f"{text} and {share} decides.", names)


def _declared(plan: Plan, target: int) -> Declared:
    sizes = {
        **{"group": len(plan.names), "profile": len(PROFILES), "reference": 2, "threshold": TRACE},
        **{"latent": len(plan.variables), "element": int(plan.lengths.sum()), "draw": DRAWS},
    }

    def output(name: str, dims: str, dtype: str, unit: str, title: str) -> Output:
        axes = tuple(dims.split())
        return Output(name, axes, tuple(sizes[axis] for axis in axes), dtype, unit, title)

    outputs = (
        output("width", "profile group", "int64", "channels", "Width found"),
        output("ratio", "profile group", "float64", "", "Width found / original width"),
        output("original", "group", "int64", "channels", "Original width"),
        output("widened", "group", "int64", "channels", "Widened width"),
        output("floor", "group", "int64", "channels", "Least width that the search may choose"),
        output("informative", "group", "uint8", "", "A convolution reads the group"),
        output("mean_score", "group", "float64", "", "Mean score of the group"),
        output("chance_ratio", "group", "float64", "", "Ratio expected by chance"),
        output("chance_spread", "group", "float64", "", "Standard deviation of the ratio by chance"),
        output("threshold", "profile", "float64", "", "Smallest score kept by the threshold"),
        output("macs", "profile", "int64", "", "Multiply-adds"),
        output("parameters", "profile", "int64", "", "Parameters"),
        output("table", "profile", "int64", "", "Operations as the published tables count them"),
        output("correlation", "profile", "float64", "", "Correlation of the ratios with those found"),
        output("control_correlation", "draw", "float64", "", "Correlation of random draws with the ratios found"),
        output("control_chi_square", "draw", "float64", "", "Chi-square of random draws against chance"),
        output("keep_probability", "", "float64", "", "Share that chance would keep at this budget"),
        output("chi_square", "", "float64", "", "Chi-square against chance, about the number of latents if chance"),
        output("target_share", "", "float64", "", "Budget as a share of the original, in what the budget counts"),
        output("floor_macs", "", "int64", "", "Multiply-adds where every latent is at its floor"),
        output("reference_macs", "reference", "int64", "", "Multiply-adds of the original and the widened"),
        output("reference_parameters", "reference", "int64", "", "Parameters of the original and the widened"),
        output("reference_table", "reference", "int64", "", "Operations of both as the tables count"),
        output("scores", "element", "float64", "", "Score of every latent element"),
        output("score_latent", "element", "int64", "", "Latent of every element"),
        output("latent_group", "latent", "int64", "", "Group of every latent"),
        output("latent_floor", "latent", "int64", "", "Elements that a latent keeps at least"),
        output("trace_threshold", "threshold", "float64", "", "Threshold of the trace"),
        output("trace_macs", "threshold", "int64", "", "Multiply-adds along the trace"),
        output("trace_parameters", "threshold", "int64", "", "Parameters along the trace"),
        output("trace_widths", "threshold group", "int64", "channels", "Widths along the trace"),
    )
    params = plan.job.params
    facts = (
        ("criterion", str(params["criterion"])),
        ("budget", f"{target:,} {'multiply-adds' if params['count'] == 'macs' else 'operations of the tables'}"),
        ("floor relative to the original", f"{float(params['rho']) * float(params['beta']):g}"),
        ("table count", "convolutions and linear layers + 2 per output of batch norm + 1 per ReLU"),
        ("control", "a random draw in place of the scores, same budget and floors (ours)"),
    )
    names = (("group", plan.names), ("profile", PROFILES), ("reference", REFERENCES))
    return Declared(outputs, names=names, facts=facts)
