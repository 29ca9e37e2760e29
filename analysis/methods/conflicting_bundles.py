"""Conflicting bundles: where a network merges pictures of different classes, over depth and over training.

Pictures that arrive at a layer with equal values make a bundle; what follows cannot tell them apart. A bundle with
several labels is a conflict, and the mean label entropy of the bundles is one number per layer (Peer et al.,
"Conflicting Bundles", WACV 2021, and the authors' reference code). When values count as equal:
:mod:`analysis.bundling.keys`.

Ours, and labelled so: the critical tolerance, the error floor, the order of the outputs, one factor per branch for all
pictures, and that the learning rate of all checkpoints is the largest that one of them states.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from analysis.bundling.keys import MODES, CloseScan, KeyReader, Ruler, not_finite, weight_amplitude
from analysis.bundling.plan import COUNTS, MOST_CLASSES, SHARES, Plan, declared, plan_for
from analysis.bundling.reading import Answers, Clock, Network, Proof, Reader, branch_scales, critical_factors, ids_of
from analysis.catalogue import MethodInfo, Param
from analysis.events import Chunk, Progress
from analysis.job import Job, Step
from analysis.measures.bundles import first_merge
from analysis.measures.partitions import Ids, Summary, in_conflict, summarise
from analysis.models import Model

INFO = MethodInfo(
    name="conflicting_bundles",
    title="Conflicting bundles",
    summary="Where the network merges pictures of different classes, over depth and over its checkpoints.",
    needs=frozenset({"model", "images", "labels", "checkpoints"}),
    params=(
        Param("mode", "update-grid", "When two values count as equal, see the help page", choices=MODES),
        Param("eta", 0.0, "Learning rate of the training; 0: the largest a checkpoint states, or else 0.001", 0.0, 1e3),
        Param("own_eta", False, "Take each checkpoint's own learning rate; late ones of a schedule widen the grid"),
        Param("training_batch", 0, "Batch size of the training; 0: the checkpoint's own, or else 64", 0, 1 << 24),
        Param("scaled_branches", True, "Scale branches as in the reference code; costs one more pass"),
        Param("tolerances", True, "Also measure on grids of 1/4, 1/2, 2 and 4 times the width"),
        Param("critical", True, "Look for the tolerance at which each point first conflicts; costs a few passes"),
        Param("check", False, "Compare values in a second pass, so that no collision of keys can hide"),
        Param("keep_keys", False, "Store the keys, so that runs over parts of the pictures can be merged"),
    ),
    limit=512,
)


LARGE = 1.0
"""Ours: updates in weights' amplitudes from which a run warns; q leaves the powers of two that τ was made for."""


def run(job: Job) -> Iterator[Step]:
    """Measure the network, or one checkpoint of it after the other."""
    plan = plan_for(job)
    yield declared(job, plan)
    yield Chunk("label", (), plan.labels.astype(np.int32))
    passes = 1 + bool(plan.branches) + bool(job.params["check"]) + 3 * bool(job.params["critical"] and plan.grid)
    clock = Clock(passes * job.images.count * len(plan.checkpoints))
    checkpoints = job.series.open(job.model) if job.series else iter((job.model,))
    last: list[Ids] = []
    for number, model in enumerate(checkpoints):
        ids: list[Ids] = []
        broken = not_finite(model.net)
        if broken:
            text = f"{plan.checkpoints[number]} has weights that are not finite: it has no numbers."
            job.warn("weights_not_finite", text, broken)
        else:
            with closing(_checkpoint(job, plan, number, model, clock, ids)) as steps:
                yield from steps
        last = ids
    if last:
        yield from _merges(plan, last)
    yield Progress(clock.total, clock.total, "Counting bundles")


def _checkpoint(
    job: Job, plan: Plan, number: int, model: Model, clock: Clock, ids: list[Ids]
) -> Generator[Step, None, None]:
    """All numbers of one checkpoint; `ids` is filled with the bundles of each point."""
    network = Network(model, job.images, plan.points, np.arange(job.images.count), clock)
    if plan.branches:
        network.scales = yield from branch_scales(network, plan.branches)
    amplitude, where = weight_amplitude(model.net)
    ruler = Ruler(amplitude, plan.training.eta[number], plan.training.batch)
    readers = _readers(network, plan, ruler)
    answers = Answers.empty(job.images.count)
    with closing(network.read(readers, f"Reading {plan.checkpoints[number]}", answers)) as steps:
        yield from steps
    ids += [ids_of(reader, _place(plan)) for reader in readers.values()]
    yield from _of_checkpoint(plan, number, (ruler, where), answers)
    yield from _of_points(plan, number, readers, ids)
    if plan.branches:
        scales = [network.scales.get(point.name, 1.0) for point in plan.points]
        yield Chunk("branch_scale", (number,), np.array(scales, dtype=np.float64))
    if plan.grid:
        _warn_of_large(job, plan, number, ruler, readers)
    if job.params["keep_keys"]:
        yield from _keys(plan, number, readers)
    if plan.grid:
        yield from _tolerances(job, plan, number, network, ruler, readers)
    if job.params["check"]:
        yield from _checked(job, plan, number, network, ruler, ids)


def _readers(network: Network, plan: Plan, ruler: Ruler) -> dict[str, Reader]:
    if plan.mode == "close":
        return {p.name: CloseScan(len(network.order), network.scales.get(p.name)) for p in plan.points}
    return dict(network.readers(ruler if plan.grid else None, plan.factors))


def _place(plan: Plan) -> int:
    return plan.factors.index(1.0)


def _of_checkpoint(plan: Plan, number: int, ruled: tuple[Ruler, str], answers: Answers) -> Iterator[Chunk]:
    ruler, where = ruled
    values = {
        "amplitude": ruler.amplitude,
        "eta": ruler.eta,
        "training_batch": float(ruler.batch),
        "tau": ruler.tau if plan.grid else float("nan"),
        "accuracy": answers.accuracy(plan.labels),
        "loss": answers.mean_loss(),
    }
    for name, value in values.items():
        yield Chunk(name, (number,), np.asarray(value))
    tensor = plan.parameters.index(where) if where in plan.parameters else -1
    yield Chunk("amplitude_tensor", (number,), np.asarray(tensor, dtype=np.int32))
    yield from _in_parts("prediction", (number,), answers.prediction)


def _warn_of_large(job: Job, plan: Plan, number: int, ruler: Ruler, readers: Mapping[str, Reader]) -> None:
    """Warn where updates are larger than the weight: their own size then widens the grid."""
    limit = LARGE * ruler.amplitude * ruler.batch / ruler.eta
    rows = tuple(name for name, reader in readers.items() if limit and reader.magnitude > limit)
    if rows:
        text = f"{plan.checkpoints[number]}: max|a|·η/B is more than {LARGE:g} W, so that the grid is coarser than τ."
        job.warn("large_values", text, rows)


def _of_points(plan: Plan, number: int, readers: Mapping[str, Reader], ids: list[Ids]) -> Iterator[Chunk]:
    found = [summarise(own, plan.labels, plan.classes) for own in ids]
    for point, own in enumerate(ids):
        yield from _in_parts("bundle_ids", (number, point), own)
    gaps = [int((reader.seen & ~reader.finite).sum()) for reader in readers.values()]
    for name, _, _ in COUNTS:
        counts = gaps if name == "non_finite" else [getattr(summary, name) for summary in found]
        yield Chunk(name, (number,), np.array(counts, dtype=np.int64))
    for name, _, _ in SHARES:
        known = name == "magnitude"
        shares = [r.magnitude for r in readers.values()] if known else [getattr(s, name) for s in found]
        yield Chunk(name, (number,), np.array(shares, dtype=np.float64))
    yield Chunk("state", (number,), np.array([_state(s, r) for s, r in zip(found, readers.values(), strict=True)]))


def _state(summary: Summary, reader: Reader) -> np.uint8:
    """0 for a layer that tells pictures apart; 1 constant: all of them are one bundle; 2 dead: and all values are 0."""
    several = int((reader.seen & reader.finite).sum()) > 1
    constant = summary.bundles == 1 and several
    return np.uint8(2 if several and reader.magnitude == 0 else constant)


def _in_parts(name: str, at: tuple[int, ...], values: NDArray[np.generic]) -> Iterator[Chunk]:
    size = (1 << 19) // values[:1].nbytes if len(values) else 1
    for start in range(0, len(values), size):
        yield Chunk(name, (*at, start), values[start : start + size])


def _keys(plan: Plan, number: int, readers: Mapping[str, Reader]) -> Iterator[Chunk]:
    for point, reader in enumerate(readers.values()):
        if isinstance(reader, KeyReader):
            yield from _in_parts("keys", (number, point), reader.keys[_place(plan)])


def _tolerances(
    job: Job, plan: Plan, number: int, network: Network, ruler: Ruler, readers: Mapping[str, Reader]
) -> Iterator[Step]:
    """Entropy on wider and narrower grids, and where the first conflict would be."""
    known: dict[str, dict[int, bool]] = {}
    table = np.full((len(plan.factors), len(readers)), np.nan)
    for point, (name, reader) in enumerate(readers.items()):
        for row, factor in enumerate(plan.factors):
            own = ids_of(reader, row)
            table[row, point] = summarise(own, plan.labels, plan.classes).entropy
            known.setdefault(name, {})[int(np.log2(factor))] = in_conflict(own, plan.labels)
    if len(plan.factors) > 1:
        for row in range(len(plan.factors)):
            yield Chunk("entropy_by_tolerance", (row, number), table[row])
    if job.params["critical"]:
        with closing(critical_factors(network, ruler, plan.labels, known)) as steps:
            found = yield from steps
        yield Chunk("critical_tolerance", (number,), np.array([found[point.name] for point in plan.points]))


def _checked(job: Job, plan: Plan, number: int, network: Network, ruler: Ruler, ids: list[Ids]) -> Iterator[Step]:
    """Compare values in a second pass.

    Raises
    ------
    AnalysisError
        If two pictures with equal keys differ.
    """
    used = ruler if plan.grid else None
    proofs = {
        point.name: Proof(own, used, network.scales.get(point.name))
        for point, own in zip(plan.points, ids, strict=True)
    }
    with closing(network.read(proofs, "Checking keys")) as steps:
        yield from steps
    counts = np.array([proof.collisions for proof in proofs.values()], dtype=np.int64)
    yield Chunk("collisions", (number,), counts)
    if counts.any():
        rows = tuple(point.name for point, count in zip(plan.points, counts, strict=True) if count)
        text = "Pictures of one bundle differed in a second pass: keys collide, or the network is not repeatable."
        job.warn("collisions", text, rows)


def _merges(plan: Plan, ids: list[Ids]) -> Iterator[Chunk]:
    if plan.classes <= MOST_CLASSES:
        first, pairs = first_merge(np.stack(ids), plan.labels, plan.classes)
        rows = max(1, 2**16 // plan.classes)
        for row in range(0, plan.classes, rows):
            yield Chunk("first_merge", (row,), first[row : row + rows])
            yield Chunk("merged_pairs", (row,), pairs[row : row + rows])
