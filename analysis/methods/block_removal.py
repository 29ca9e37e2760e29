"""Removal of residual blocks: how many, and which, a trained network can do without.

Blocks give way to their shortcut, with the activation after their sum, and nothing is retrained. Random subsets of the
conflicting blocks, of the others and of all are removed, as in the study of the authors' reference code (Peer et al.,
"Auto-tuning of Deep Neural Networks by Conflicting Layer Removal", 2021); a block conflicts if its branch has a bundle
entropy above 0. Ours: two curves in the order of the critical tolerance of the branches, lowest and highest first.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from analysis.blocks.removal import Removal, removable_blocks
from analysis.bundling.keys import Ruler, not_finite, weight_amplitude
from analysis.bundling.plan import MODE_WORDS, branches_of, checked_labels, training_of
from analysis.bundling.reading import Clock, Network, branch_scales, critical_factors, ids_of
from analysis.catalogue import MethodInfo, Param
from analysis.config import LayerSpec
from analysis.events import Chunk, Declared, Output, Progress
from analysis.footprint import peak_memory, timed
from analysis.images import Batch
from analysis.job import Job, Step
from analysis.measures.partitions import in_conflict, summarise
from analysis.measures.subsets import first_loss, random_subsets, removal_order
from analysis.pictures import choose
from analysis.problems import AnalysisError

GROUPS = ("conflicting", "non-conflicting", "all")
ORDERS = ("lowest first", "highest first")
BATCHES = (1, 64)

INFO = MethodInfo(
    name="block_removal",
    title="Block removal",
    summary="How accuracy falls as residual blocks give way to their shortcuts, without retraining.",
    needs=frozenset({"model", "images", "labels"}),
    params=(
        Param("subsets", 15, "Random subsets for each number of removed blocks", 1, 1000),
        Param("sample", 512, "Pictures on which bundles are measured", 2, 1 << 24),
        Param("eta", 0.0, "Learning rate of the training; 0: the checkpoint's own, or else 0.001", 0.0, 1e3),
        Param("training_batch", 0, "Batch size of the training; 0: the checkpoint's own, or else 64", 0, 1 << 24),
        Param("scaled_branches", True, "Scale branches as in the reference code; costs one more pass"),
        Param("loss", 1.0, "Loss of accuracy that is accepted, in percentage points", 0.0, 100.0),
        Param("blocks", "", "Blocks of the reduced network, comma-separated; empty: the most that `loss` allows"),
        Param("repeats", 50, "Timed forward passes", 1, 10_000),
        Param("warmup", 10, "Forward passes before timing begins", 0, 1000),
    ),
    limit=1000,
)


@dataclass(slots=True)
class Study:
    """What is known so far.

    Attributes
    ----------
    blocks, branches
        Names of the blocks that can be removed; the row of each one's branch.
    entropy, tolerance
        (block,) of the branches.
    known
        Removed blocks to accuracy, so that no network is measured twice.
    """

    job: Job
    blocks: tuple[str, ...]
    branches: tuple[LayerSpec, ...]
    removal: Removal
    labels: NDArray[np.int64]
    clock: Clock
    entropy: NDArray[np.float64]
    tolerance: NDArray[np.float64]
    known: dict[frozenset[int], float] = field(default_factory=dict)

    def label_of(self, batch: Batch) -> Tensor:
        """Labels of a batch, on the device of the network."""
        return torch.from_numpy(self.labels[batch.index]).to(batch.pixels.device)

    def accuracy(self, removed: frozenset[int]) -> Generator[Step, None, float]:
        """Share of the pictures that is right without some of the blocks."""
        if removed not in self.known:
            net = self.removal.without([self.blocks[place] for place in removed])
            right = seen = 0
            for batch in self.job.images.batches():
                scores = _scores(net(batch.pixels))
                right += int(torch.eq(scores.argmax(dim=1), self.label_of(batch)).sum())
                seen += len(batch.index)
                yield self.clock.step(len(batch.index), f"Without {len(removed)} of {len(self.blocks)} blocks")
            self.known[removed] = right / seen
        return self.known[removed]


def run(job: Job) -> Iterator[Step]:
    """Measure bundles, then accuracy without subsets of the blocks, then what is saved."""
    study = _study(job)
    yield _declared(study)
    with closing(_bundles(study)) as steps:
        yield from steps
    conflicting = study.entropy > 0
    yield Chunk("branch_entropy", (), study.entropy)
    yield Chunk("critical_tolerance", (), study.tolerance)
    yield Chunk("conflicting", (), conflicting.astype(np.uint8))
    yield from _subset_curves(study, conflicting)
    reduced = yield from _ordered_curves(study)
    with closing(_savings(study, reduced)) as steps:
        yield from steps


def _study(job: Job) -> Study:
    """Find the blocks.

    Raises
    ------
    AnalysisError
        If there are none, or the weights are not finite.
    """
    labels = checked_labels(job)
    broken = not_finite(job.model.net)
    if broken:
        raise AnalysisError("The network has weights that are not finite.", "Take another checkpoint.", items=broken)
    rows = {layer.block: layer for layer in job.model.recording.layers if layer.kind == "branch"}
    blocks = tuple(name for name in removable_blocks(job.model) if name in rows)
    if not blocks:
        text = "The network has no residual block whose shortcut can stand for it."
        raise AnalysisError(text, "Block removal is for residual networks.", "removal")
    count = len(blocks)
    return Study(
        job,
        blocks,
        tuple(rows[name] for name in blocks),
        Removal(job.model, blocks),
        labels,
        Clock(_evaluations(count, int(job.params["subsets"])) * job.images.count),
        np.full(count, np.nan),
        np.full(count, np.nan),
    )


def _evaluations(count: int, subsets: int) -> int:
    """About how many networks are measured: two groups at most differ, and two orders, and the passes for bundles."""
    return 2 * sum(min(subsets, math.comb(count, size)) for size in range(1, count + 1)) + 2 * count + 6


def _bundles(study: Study) -> Generator[Step, None, None]:
    """Bundle entropy and critical tolerance of every branch, on part of the pictures."""
    job, model = study.job, study.job.model
    order = choose(study.labels, job.images.count, int(job.params["sample"]), job.request.seed)
    network = Network(model, job.images, study.branches, order, study.clock)
    if job.params["scaled_branches"]:
        network.scales = yield from branch_scales(network, branches_of(model, study.branches))
    eta, batch, _ = training_of(model, float(job.params["eta"]), int(job.params["training_batch"]))
    ruler = Ruler(weight_amplitude(model.net)[0], eta, batch)
    readers = network.readers(ruler, (1.0,))
    with closing(network.read(readers, "Reading branches")) as steps:
        yield from steps
    labels = study.labels[order]
    known: dict[str, dict[int, bool]] = {}
    for place, (name, reader) in enumerate(readers.items()):
        ids = ids_of(reader)
        study.entropy[place] = summarise(ids, labels, int(labels.max()) + 1).entropy
        known[name] = {0: in_conflict(ids, labels)}
    with closing(critical_factors(network, ruler, labels, known)) as search:
        found = yield from search
    study.tolerance[:] = [found[branch.name] for branch in study.branches]


def _subset_curves(study: Study, conflicting: NDArray[np.bool_]) -> Iterator[Step]:
    """Accuracy without random subsets of each group."""
    count, subsets = len(study.blocks), int(study.job.params["subsets"])
    members = (np.flatnonzero(conflicting), np.flatnonzero(~conflicting), np.arange(count))
    for group, (name, own) in enumerate(zip(GROUPS, members, strict=True)):
        if not len(own):
            text = f"No block is {name}: at this tolerance there is no such curve."
            study.job.warn("empty_group", text)
        curve = np.full(count + 1, np.nan)
        for size in range(len(own) + 1 if len(own) else 0):
            drawn = random_subsets(own.tolist(), size, subsets, study.job.request.seed)
            found = np.empty(len(drawn))
            taken = np.zeros((len(drawn), count), dtype=np.uint8)
            for number, subset in enumerate(drawn):
                found[number] = yield from study.accuracy(frozenset(subset))
                taken[number, list(subset)] = 1
            yield Chunk("subset_accuracy", (group, size), found)
            yield Chunk("subset_blocks", (group, size), taken)
            yield Chunk("accuracy_mean", (group, size), np.asarray(found.mean()))
            yield Chunk("accuracy_sd", (group, size), np.asarray(found.std()))
            curve[size] = found.mean()
        yield Chunk("first_loss", (group,), np.asarray(_first_loss(study, curve), dtype=np.int64))


def _first_loss(study: Study, curve: NDArray[np.float64]) -> int:
    return first_loss(curve, float(study.job.params["loss"]) / 100)


def _ordered_curves(study: Study) -> Generator[Step, None, tuple[int, ...]]:
    """Accuracy and costs as blocks go one by one; returns the blocks of the reduced network."""
    count, best = len(study.blocks), 0
    orders = [removal_order(study.tolerance, highest) for highest in (False, True)]
    for row, order in enumerate(orders):
        curve = np.empty(count + 1)
        weights, macs = np.empty(count + 1, dtype=np.int64), np.empty(count + 1, dtype=np.int64)
        for size in range(count + 1):
            removed = frozenset(order[:size].tolist())
            curve[size] = yield from study.accuracy(removed)
            weights[size], macs[size] = _parameters(study, removed), _macs(study, removed)
        yield Chunk("removal_order", (row,), order)
        yield Chunk("ordered_accuracy", (row,), curve)
        yield Chunk("ordered_parameters", (row,), weights)
        yield Chunk("ordered_macs", (row,), macs)
        lost = _first_loss(study, curve)
        yield Chunk("first_loss", (len(GROUPS) + row,), np.asarray(lost, dtype=np.int64))
        if not row:
            best = lost - 1 if lost > 0 else count
    return _reduced(study, orders[0][:best].tolist())


def _reduced(study: Study, best: list[int]) -> tuple[int, ...]:
    """Blocks of the reduced network: those asked for, or the most that may go.

    Raises
    ------
    AnalysisError
        If one that is asked for is none of the blocks.
    """
    asked = [word.strip() for word in str(study.job.params["blocks"]).split(",") if word.strip()]
    for name in asked:
        if name not in study.blocks:
            text = f"'{name}' is no block that can be removed."
            raise AnalysisError(text, f"Choose from {', '.join(study.blocks)}.")
    if not asked and not best:
        text = (
            "Without any one more block the accuracy falls by more than is accepted: the reduced network is the whole."
        )
        study.job.warn("nothing_to_remove", text)
    return tuple(sorted(study.blocks.index(name) for name in asked) if asked else sorted(best))


def _savings(study: Study, removed: tuple[int, ...]) -> Generator[Step, None, None]:
    """Costs of the original and the reduced network on this device."""
    job, count = study.job, len(study.blocks)
    flags = np.zeros(count, dtype=np.uint8)
    flags[list(removed)] = 1
    yield Chunk("reduced", (), flags)
    repeats, warmup = int(job.params["repeats"]), int(job.params["warmup"])
    for row, blocks in enumerate((frozenset[int](), frozenset(removed))):
        accuracy = yield from study.accuracy(blocks)
        net = study.removal.without([study.blocks[place] for place in blocks])
        yield Chunk("accuracy", (row,), np.asarray(accuracy))
        yield Chunk("parameters", (row,), np.asarray(_parameters(study, blocks)))
        yield Chunk("macs", (row,), np.asarray(_macs(study, blocks)))
        for column, batch in enumerate(BATCHES):
            pixels = _noise(job, batch)
            net = study.removal.without([study.blocks[place] for place in blocks])
            yield Chunk("peak_memory", (row, column), np.asarray(peak_memory(net, pixels)))
            times = []
            for span in timed(net, pixels, repeats, warmup):
                times.append(span)
                yield Progress(study.clock.done, study.clock.total, f"Timing, {batch} pictures")
            yield Chunk("latency", (row, column), np.asarray(np.nanmedian(times)))
    yield Progress(study.clock.total, study.clock.total, "Done")


def _noise(job: Job, count: int) -> Tensor:
    values = np.random.RandomState([job.request.seed]).standard_normal((count, *job.model.input_shape))
    return torch.as_tensor(values, dtype=job.model.dtype).to(job.model.device)


def _parameters(study: Study, removed: frozenset[int]) -> int:
    net = study.removal.without([study.blocks[place] for place in removed])
    return sum(parameter.numel() for parameter in net.parameters())


def _macs(study: Study, removed: frozenset[int]) -> int:
    """Multiply-adds that are left: all, less those of the removed blocks' layers that their shortcuts do not keep."""
    gone = {study.blocks[place] for place in removed}
    recording = study.job.model.recording
    kept = tuple(path for name in gone for path in study.removal.kept[name])
    return recording.totals.macs - sum(
        layer.macs
        for layer in recording.layers
        if layer.block in gone and not any(layer.module == p or layer.module.startswith(f"{p}.") for p in kept)
    )


def _scores(output: object) -> Tensor:
    """Class scores of an output.

    Raises
    ------
    AnalysisError
        If it is not one score per class.
    """
    first = output[0] if isinstance(output, (tuple, list)) and output else output
    if not isinstance(first, Tensor) or first.ndim != 2:
        raise AnalysisError("The network's output is not one score per class.", "Accuracy is for classifiers.")
    return first


def _declared(study: Study) -> Declared:
    job, count = study.job, len(study.blocks)
    sizes = {
        **{"block": count, "removed": count + 1, "group": len(GROUPS), "order": len(ORDERS), "network": 2},
        **{"curve": len(GROUPS) + len(ORDERS), "subset": int(job.params["subsets"]), "batch": len(BATCHES)},
    }

    def output(name: str, dims: str, dtype: str = "float64", unit: str = "", title: str = "") -> Output:
        axes = tuple(dims.split())
        return Output(name, axes, tuple(sizes[axis] for axis in axes), dtype, unit, title)

    outputs = (
        output("accuracy_mean", "group removed", title="Accuracy, mean over subsets"),
        output("accuracy_sd", "group removed", title="Accuracy, standard deviation over subsets"),
        output("subset_accuracy", "group removed subset", title="Accuracy without a subset"),
        output("subset_blocks", "group removed subset block", "uint8", title="Blocks of a subset"),
        output("ordered_accuracy", "order removed", title="Accuracy, blocks removed in order"),
        output("ordered_parameters", "order removed", "int64", title="Parameters that are left"),
        output("ordered_macs", "order removed", "int64", "MACs", "Multiply-adds that are left"),
        output("removal_order", "order block", "int32", title="Blocks in the order of removal"),
        output("first_loss", "curve", "int64", "blocks", "Removed blocks at which the accepted loss is reached"),
        output("branch_entropy", "block", unit="nats", title="Bundle entropy of the branch"),
        output("critical_tolerance", "block", unit="τ", title="Critical tolerance of the branch (ours)"),
        output("conflicting", "block", "uint8", title="Conflicting"),
        output("reduced", "block", "uint8", title="Removed from the reduced network"),
        output("accuracy", "network", title="Accuracy"),
        output("parameters", "network", "int64", title="Parameters"),
        output("macs", "network", "int64", "MACs", "Multiply-adds"),
        output("peak_memory", "network batch", "int64", "bytes", "Largest memory of tensors at one time"),
        output("latency", "network batch", unit="ms", title="Median time of a forward pass"),
    )
    names = (
        *(("block", study.blocks), ("group", GROUPS), ("order", ORDERS), ("curve", (*GROUPS, *ORDERS))),
        *(("network", ("original", "reduced")), ("batch", tuple(str(batch) for batch in BATCHES))),
    )
    return Declared(outputs, names=names, facts=_facts(study))


def _facts(study: Study) -> tuple[tuple[str, str], ...]:
    job = study.job
    eta, batch, assumed = training_of(job.model, float(job.params["eta"]), int(job.params["training_batch"]))
    words = dict.fromkeys(assumed, " (assumed)")
    sample = min(int(job.params["sample"]), job.images.count)
    device = job.model.device
    named = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    amplitude, where = weight_amplitude(job.model.net)
    return (
        ("mode", f"update-grid: {MODE_WORDS['update-grid']}"),
        ("pictures", f"accuracy on {job.images.count:,}, bundles on {sample:,} of them"),
        ("seed", str(job.request.seed)),
        ("η", f"{eta:g}{words.get('eta', '')}"),
        ("B", f"{batch}{words.get('training_batch', '')}"),
        ("W", f"{amplitude:.4g} ({where})"),
        ("τ", f"{Ruler(amplitude, eta, batch).tau:.3g}"),
        ("conflicting", "the branch has a bundle entropy above 0"),
        ("order", "by the critical tolerance of the branch (ours); ties by depth"),
        ("accepted loss", f"{float(job.params['loss']):g} percentage points"),
        ("device", f"{named}, {torch.get_num_threads()} threads"),
        ("time", f"median of {job.params['repeats']} after {job.params['warmup']} to warm up"),
    )
