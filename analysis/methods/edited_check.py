"""Check of an edited network: does it run, how far are its outputs from the original's, what does it cost."""

from __future__ import annotations

import copy
from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from analysis.catalogue import MethodInfo, Param
from analysis.derive import derive
from analysis.events import Chunk, Declared, Output, Progress
from analysis.images import Batch
from analysis.job import Job, Step
from analysis.measures.widths.costs import CostModel
from analysis.measures.widths.legal import inexact
from analysis.models import Model, load
from analysis.outcomes import scores_of
from analysis.outputs import check_labels
from analysis.problems import AnalysisError
from analysis.surgery.dissecting import dissect

Floats = NDArray[np.float64]
NETWORKS = ("original", "edited", "edited, batch norm recalibrated")

INFO = MethodInfo(
    name="edited_check",
    title="Check of edits",
    summary="Whether the edited network runs, how far its outputs are from the original's, accuracy and costs of both.",
    params=(
        Param(
            "recalibrate", 0, "Pictures on which batch norm is measured anew in a further copy, 0 for none", 0, 1 << 24
        ),
    ),
    limit=1000,
)


@dataclass(slots=True)
class Tally:
    """Sums over the pictures of one network: seen, right, loss in nats."""

    seen: int = 0
    right: int = 0
    loss: float = 0.0

    def add(self, scores: Tensor, labels: Tensor) -> None:
        """Count a batch."""
        self.seen += len(labels)
        self.right += int(torch.eq(scores.argmax(dim=1), labels).sum())
        self.loss += float(functional.cross_entropy(scores.double(), labels, reduction="sum"))


def run(job: Job) -> Iterator[Step]:
    """Compare the network as it is measured with the one that was loaded before the edits."""
    edited = job.model
    original = _original(job)
    wanted = min(int(job.params["recalibrate"]), job.images.count)
    nets = [original.net, edited.net]
    yield _declared(job, 3 if wanted else 2)
    yield from _costs(job, original, edited)
    total = job.images.count + wanted
    if wanted:
        recalibrated = yield from _recalibrated(job, wanted, total)
        nets.append(recalibrated)
    yield from _outputs(job, nets, wanted, total)


def _original(job: Job) -> Model:
    """Network before the edits of the request, as a file has it that was edited before; without edits the network."""
    if job.request.edits.empty or job.request.model is None:
        return job.model
    found = load(job.request.model, job.request.compute, seed=job.request.seed, derive=derive)
    found.net.eval()
    return found


def _costs(job: Job, original: Model, edited: Model) -> Iterator[Step]:
    """Count parameters and multiply-adds of the real networks, and what the closed form says."""
    for row, model in enumerate((original, edited)):
        totals = model.recording.totals
        yield Chunk("parameters", (row,), np.asarray(totals.parameters))
        yield Chunk("macs", (row,), np.asarray(totals.macs))
    edits = job.request.edits
    others = edits.removed or edits.geometry or edits.ring
    if others:
        job.warn("other_edits", "There are edits beside widths: the closed form is that of the widths alone.")
    whole = edits.grouped == "whole"
    found = dissect(original.net, original.input_shape, original.name, whole=whole).groups
    approximate = inexact(found, dict(edits.widths))
    if approximate:
        job.warn("inexact", approximate)
    totals = CostModel(found).costs(dict(edits.widths)).totals
    yield Chunk("predicted_parameters", (), np.asarray(totals.parameters))
    yield Chunk("predicted_macs", (), np.asarray(totals.macs))
    real = edited.recording.totals
    if not others and (totals.parameters, totals.macs) != (real.parameters, real.macs):
        job.warn("costs_differ", "The edited network does not cost what the closed form says.")


def _recalibrated(job: Job, count: int, total: int) -> Generator[Step, None, nn.Module]:
    """Measure the statistics of batch norm anew on the first pictures, in a copy: plain means over equal batches.

    Raises
    ------
    AnalysisError
        If batch norm meets a single value per channel: one picture, and maps of one position.
    """
    net = copy.deepcopy(job.model.net)
    norms = [module for module in net.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
    if not norms:
        job.warn("no_batch_norm", "The edited network has no batch norm: there is nothing to recalibrate.")
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # all batches alike
        norm.train()
    size, used = equal_batches(count, job.images.batch)
    for batch in job.images.batches(order=np.arange(used), size=size):
        try:
            net(batch.pixels.clone())
        except ValueError as error:  # raised by batch norm alone, before anything is computed
            text = "Batch norm cannot be measured on one picture: its maps have a single position."
            raise AnalysisError(text, "Recalibrate on two or more, or not at all.", "recalibrate") from error
        yield Progress(int(batch.index[-1]) + 1, total, "Recalibrating batch norm")
    return net.eval()


def equal_batches(count: int, most: int) -> tuple[int, int]:
    """Split pictures into as few equal batches as can be: pictures per batch, and how many pictures are used.

    A short last batch would count as much as the others, and batch norm refuses one of a single value. Batches have at
    least two pictures, and fewer pictures than there are batches are left out.

    Examples
    --------
    >>> equal_batches(65, 64), equal_batches(128, 64), equal_batches(7, 1), equal_batches(1, 64)
    ((32, 64), (64, 128), (2, 6), (1, 1))
    """
    batches = max(-(-count // max(most, 2)), 1)
    size = count // batches
    if size < 2 <= count:
        batches, size = count // 2, 2
    return size, size * batches


def _outputs(job: Job, nets: list[nn.Module], done: int, total: int) -> Iterator[Step]:
    """Compare the outputs of all networks for all pictures, batch by batch."""
    tallies = [Tally() for _ in nets]
    known = job.images.labels is not None
    check_labels(job.images.labels, job.model.recording.output_shape[0])
    largest, away = np.zeros(len(nets)), np.zeros(len(nets))
    same, seen, finite = np.zeros(len(nets), dtype=np.int64), 0, np.ones(len(nets), dtype=bool)
    for batch in job.images.batches():
        outputs = [scores_of(net(batch.pixels.clone()), len(batch.pixels)) for net in nets]
        seen += len(batch.index)
        for row, scores in enumerate(outputs):
            distance = _distance(outputs[0], scores)
            finite[row] &= bool(torch.isfinite(scores).all())
            away[row] = max(away[row], float(np.nanmax(distance, initial=0.0)))
            largest[row] = max(largest[row], float(outputs[0].double().abs().max()))
            same[row] += int(torch.eq(scores.argmax(dim=1), outputs[0].argmax(dim=1)).sum())
            yield from _pictures(batch, row, distance)
            if batch.labels is not None:
                tallies[row].add(scores, batch.labels)
        done += len(batch.index)
        yield Progress(done, total, "Comparing outputs")
    with np.errstate(invalid="ignore"):
        yield Chunk("difference", (), np.where(largest > 0, away / np.maximum(largest, 1e-300), away))
    yield Chunk("agreement", (), same / max(seen, 1))
    yield Chunk("runs", (), finite.astype(np.uint8))
    if known:
        yield Chunk("top1", (), np.array([tally.right / max(tally.seen, 1) for tally in tallies]))
        yield Chunk("loss", (), np.array([tally.loss / max(tally.seen, 1) for tally in tallies]))
    else:
        job.warn("no_labels", f"{job.unlabelled}: outputs are compared, but there is no accuracy.")


def _distance(first: Tensor, second: Tensor) -> Floats:
    """Largest difference of each picture's outputs, axes (picture,)."""
    return np.asarray((first.double() - second.double()).abs().amax(dim=1).cpu().numpy())


def _pictures(batch: Batch, row: int, distance: Floats) -> Iterator[Chunk]:
    first, last = int(batch.index[0]), int(batch.index[-1]) + 1
    values = np.full(last - first, np.nan)
    values[batch.index - first] = distance
    yield Chunk("sample_difference", (row, first), values[None])


def _declared(job: Job, networks: int) -> Declared:
    labelled = (
        Output("top1", ("network",), (networks,), title="Top-1 accuracy"),
        Output("loss", ("network",), (networks,), unit="nats", title="Mean cross-entropy"),
    )
    outputs = (
        Output("runs", ("network",), (networks,), "uint8", "", "All outputs are numbers"),
        Output("difference", ("network",), (networks,), title="Largest difference of outputs / largest output"),
        Output("agreement", ("network",), (networks,), title="Pictures with the original's prediction"),
        *(labelled if job.images.labels is not None else ()),
        Output("parameters", ("variant",), (2,), "int64", "", "Parameters, original and edited"),
        Output("macs", ("variant",), (2,), "int64", "", "Multiply-adds, original and edited"),
        Output("predicted_parameters", (), (), "int64", "", "Parameters by the closed form"),
        Output("predicted_macs", (), (), "int64", "", "Multiply-adds by the closed form"),
        Output(
            "sample_difference",
            ("network", "sample"),
            (networks, job.images.count),
            title="Largest difference of outputs of each picture",
        ),
    )
    facts = (
        ("edits", job.request.edits.summary()),
        ("difference", "max |output - original's output| / max |original's output|, over all pictures"),
        ("costs", "counted on the networks that run; the closed form is that of the width editor"),
        ("recalibration", "means over equal batches of the first pictures, which are also among those compared"),
    )
    return Declared(outputs, names=(("network", NETWORKS[:networks]), ("variant", NETWORKS[:2])), facts=facts)
