"""Dynamic configurations: how often a network could have been right if each picture had the geometry it needs.

A few layers choose among strides, dilations or kernel sizes, with no weight changed; every combination is run on every
picture (Inkawhich et al., "The Untapped Potential of Off-the-Shelf Convolutional Neural Networks", 2021). The share of
pictures that some combination gets right is an upper bound and rises with the number of guesses alone, so that its
chance references, which are ours, belong beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from analysis.catalogue import MethodInfo
from analysis.configuring import grouping
from analysis.configuring.sweep import PARAMS, Sweep, batches_of, calibrated_on, prepare, quiet, sweep_batch
from analysis.configuring.walk import node_counts
from analysis.events import Array, Chunk, Declared, Output, Progress
from analysis.job import Job, Step
from analysis.measures import choice_outputs, oracles
from analysis.measures.findings import MEASURES, summary
from analysis.outcomes import TOP, scores_of
from analysis.outcomes import records as outcomes_of
from analysis.outputs import check_labels
from analysis.result import empty_array

INFO = MethodInfo(
    name="dynamic_configurations",
    title="Dynamic configurations",
    summary="What each picture could have had if some layers could choose stride, dilation or kernel size.",
    params=(
        *PARAMS,
        *grouping.PARAMS,
    ),
    limit=500,
    resumes=("measured", "pictures"),
)
LARGEST_CHUNK = 1 << 20
KEEP_LISTS = 256 << 20  # bytes of records above which the lists of five classes are left out
MILLION = 1_000_000


def run(job: Job) -> Iterator[Step]:
    """Run every configuration on every picture, then read oracles and chance references off the records."""
    zooms, column = grouping.zooms_of(job), grouping.column_of(job)
    sweep = yield from prepare(job)
    check_labels(job.images.labels, sweep.classes)
    declared = _declared(job, sweep, column[0])
    yield declared
    yield from _static(job, sweep, zooms)
    found: dict[str, Array] = {
        output.name: empty_array(output) for output in declared.outputs if output.dims[:1] == ("sample",)
    }
    yield from _pictures(job, sweep, {"zoom": zooms, "column": column[1]}, found)
    yield from _totals(job, sweep, found)
    _warn(job, sweep, found)


def _pictures(job: Job, sweep: Sweep, own: dict[str, NDArray[np.float64]], found: dict[str, Array]) -> Iterator[Step]:
    """Run the batches that no earlier run has finished."""
    images, zooms = job.images, own["zoom"]
    whole = int(sweep.survey.tree_macs.sum())
    done = 0
    finished = _finished_before(job, found)
    for rows in _runs(finished):
        done += whole * (rows.stop - rows.start)
        yield from _chunks(found, rows)
    total = max(1, whole * images.count // MILLION)
    for batch in batches_of(sweep, images, finished):
        pixels = grouping.zoomed(batch.pixels, torch.from_numpy(zooms[batch.index]))
        parts = sweep_batch(sweep, pixels, batch.labels)
        while True:
            try:
                done += next(parts)
            except StopIteration as end:
                records: dict[str, Array] = end.value
                break
            yield Progress(done // MILLION, total, "Running configurations (million multiply-adds)")
        place = slice(int(batch.index[0]), int(batch.index[-1]) + 1)
        records |= grouping.described(images, batch, own)
        if "plain_correct" in found:
            records |= _plainly(job, sweep, pixels, batch.labels)
        for name, values in records.items():
            if name in found:
                found[name][batch.index] = values
        yield from _chunks(found, place)


def _plainly(job: Job, sweep: Sweep, pixels: Tensor, labels: Tensor | None) -> dict[str, Array]:
    """Run the network itself, where configuration 0 is another one: which of its answers are right."""
    right = []
    with quiet(pixels.device):
        for first in range(0, len(pixels), sweep.step):
            part = slice(first, first + sweep.step)
            logits = scores_of(job.model.net(pixels[part]), len(pixels[part]))
            right.append(outcomes_of(logits, None if labels is None else labels[part])["correct"])
    return {"plain_correct": np.concatenate(right)}


def _another_network(job: Job, sweep: Sweep) -> str:
    """Say why configuration 0 is not the network as it is; "" where it is, bit for bit."""
    if job.params["policy"] == "resize" and sweep.space.resizes:
        return "not the network as it is: shortcuts are resized"
    return "not the network as it is: new batch-norm statistics" if job.params["recalibrate"] else ""


def _finished_before(job: Job, found: dict[str, Array]) -> NDArray[np.bool_] | None:
    """Take over what an unfinished run has found; return which pictures that covers."""
    if job.earlier is None or any(name not in job.earlier for name in found):
        return None
    finished: NDArray[np.bool_] = np.asarray(job.earlier["measured"] == 1)
    for name, array in found.items():
        array[finished] = job.earlier[name][finished]
    return finished


def _runs(finished: NDArray[np.bool_] | None) -> Iterator[slice]:
    """Stretches of finished pictures, at most 64 at a time."""
    rows = np.flatnonzero(finished) if finished is not None else np.empty(0, dtype=np.int64)
    for part in np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1):
        for first in range(0, len(part), 64):
            yield slice(int(part[first]), int(part[min(first + 64, len(part)) - 1]) + 1)


def _chunks(found: dict[str, Array], rows: slice) -> Iterator[Chunk]:
    """Send the rows of some pictures; "measured" comes last and says that all of them are there."""
    for name in sorted(found, key=lambda name: name == "measured"):
        values = found[name]
        each = max(1, values[0:1].nbytes)
        height = max(1, LARGEST_CHUNK // each)
        for first in range(rows.start, rows.stop, height):
            yield Chunk(name, (first,), values[first : min(first + height, rows.stop)])


def _static(job: Job, sweep: Sweep, zooms: NDArray[np.float64]) -> Iterator[Chunk]:
    survey = sweep.survey
    yield Chunk("option", (), np.array(sweep.space.configurations, dtype=np.int32))
    yield Chunk("macs", (), survey.macs)
    yield Chunk("tree_macs", (), survey.tree_macs)
    yield Chunk("receptive_field", (), survey.receptive_field)
    yield Chunk("reduction", (), survey.reduction)
    yield Chunk("last_map", (), survey.last_map)
    yield Chunk("map_size", (), survey.maps)


def _totals(job: Job, sweep: Sweep, found: dict[str, Array]) -> Iterator[Step]:
    rows = np.flatnonzero(found["measured"] == 1)
    records = {name: values[rows] for name, values in found.items()}
    repeats = oracles.duplicates(records["prediction"].astype(np.int64), *oracles.told_apart_by(records))
    yield Chunk("duplicate_of", (), repeats.astype(np.int32))
    if job.images.labels is None:
        yield Chunk("distinct_answers", (), _spread(records["prediction"], rows, job.images.count))
        return
    correct = records["correct"] == 1
    yield Chunk("accuracy", (), correct.mean(axis=0))
    yield Chunk("distinct_answers", (), _spread(records["prediction"], rows, job.images.count))
    if "plain_correct" in records:
        yield Chunk("plain_accuracy", (), np.asarray((records["plain_correct"] == 1).mean()))
    growth = oracles.growth_curve(correct[:, oracles.effective(repeats)])
    yield Chunk("growth", (), np.append(growth, np.full(correct.shape[1] - len(growth), np.nan)))
    yield Progress(0, 0, "Reading oracles")
    values, low, high = summary(records, sweep.classes, repeats, job.request.seed)
    yield Chunk("summary", (), values)
    yield Chunk("summary_low", (), low)
    yield Chunk("summary_high", (), high)
    option, macs = np.array(sweep.space.configurations), np.asarray(sweep.survey.macs)
    tree = float(sweep.survey.tree_macs.sum())
    yield from choice_outputs.chunks(records, option, macs, tree, job.request.seed)


def _spread(prediction: Array, rows: NDArray[np.int64], count: int) -> NDArray[np.int32]:
    found = np.full(count, -1, dtype=np.int32)
    found[rows] = oracles.distinct_answers(prediction.astype(np.int64))
    return found


def _declared(job: Job, sweep: Sweep, column: str) -> Declared:
    count, several, points = job.images.count, len(sweep.space.configurations), len(sweep.space.points)
    known, top = job.images.labels is not None, min(TOP, sweep.classes)
    both, one = ("sample", "configuration"), ("configuration",)
    size = (count, several)
    outputs = [
        Output("prediction", both, size, "int32", title="Prediction"),
        Output("confidence", both, size, title="Largest softmax probability"),
        Output("margin", both, size, title="Largest less second probability"),
        Output("entropy", both, size, unit="nats", title="Entropy"),
        Output("mean_prediction", ("sample",), (count,), "int32", title="Answer of the mean of probabilities"),
        Output("vote_prediction", ("sample",), (count,), "int32", title="Answer of the majority"),
        Output("distinct_answers", ("sample",), (count,), "int32", "answers", "Different answers"),
        *grouping.outputs_of(job, column),
        Output("option", ("configuration", "point"), (several, points), "int32", title="Number of the option"),
        Output("macs", one, (several,), "int64", "MAC", "Multiply-adds of a picture"),
        Output("tree_macs", one, (several,), "int64", "MAC", "Multiply-adds it adds to the walk"),
        Output("receptive_field", ("configuration", "axis"), (several, 2), unit="px", title="Receptive field"),
        Output("reduction", ("configuration", "axis"), (several, 2), title="Total reduction T after the last point"),
        Output("last_map", ("configuration", "axis"), (several, 2), "int64", "positions", "Last map"),
        Output("map_size", (*one, "point", "axis"), (several, points, 2), "int64", "positions", "Map after each point"),
        Output("duplicate_of", one, (several,), "int32", title="First configuration with the same answers"),
    ]
    if known:
        outputs += [
            Output("correct", both, size, "uint8", title="Right"),
            Output("true_probability", both, size, title="Probability of the label"),
            Output("true_rank", both, size, "int32", title="Rank of the label"),
            Output("loss", both, size, unit="nats", title="Cross-entropy"),
            Output("accuracy", one, (several,), title="Accuracy of one configuration for all pictures"),
            Output("growth", ("size",), (several,), title="Oracle of random subsets of different ones (upper bound)"),
            *(
                Output(f"summary{end}", ("measure",), (len(MEASURES),), title=f"Oracles and references{words}")
                for end, words in (("", ""), ("_low", ", lower end"), ("_high", ", upper end"))
            ),
            *choice_outputs.outputs(np.array(sweep.space.configurations)),
        ]
    if known and _another_network(job, sweep):
        outputs += [
            Output("plain_correct", ("sample",), (count,), "uint8", title="The network as it is is right"),
            Output("plain_accuracy", (), (), title="Accuracy of the network as it is"),
        ]
    if count * several * top * 12 <= KEEP_LISTS:
        outputs += [
            Output("top5", (*both, "place"), (*size, top), "int32", title="Most likely classes"),
            Output("top5_probability", (*both, "place"), (*size, top), title="Their probabilities"),
        ]
    names: list[tuple[str, tuple[str, ...]]] = [
        ("configuration", sweep.space.names),
        ("point", tuple(point.name for point in sweep.space.points)),
        ("axis", ("rows", "columns")),
        *([("measure", MEASURES), *choice_outputs.NAMES] if known else []),
    ]
    classes = tuple(job.images.samples.classes or job.model.classes)
    if len(classes) == sweep.classes:
        names.append(("class", classes))
    return Declared(tuple(outputs), names=tuple(names), facts=_facts(job, sweep, column))


def _facts(job: Job, sweep: Sweep, column: str) -> tuple[tuple[str, str], ...]:
    space, params = sweep.space, job.params
    options = "; ".join(
        f"{point.name}: {', '.join(option.word for option in several)}"
        for point, several in zip(space.points, space.options, strict=True)
    )
    macs = int(sweep.survey.tree_macs.sum())
    facts = [
        ("options", options),
        ("configuration 0", _another_network(job, sweep) or "the network as it is"),
        ("oracle", "an upper bound: it rises with the number of configurations by chance alone"),
        ("shortcuts", str(params["policy"])),
        ("prefixes", "computed once" if sweep.shared else f"not shared: {sweep.why_not}"),
        ("nodes per depth", ", ".join(str(count) for count in node_counts(space.configurations))),
        ("walk", f"{macs:,} multiply-adds a picture, {int(sweep.survey.macs.sum()):,} without sharing"),
        ("classes", str(sweep.classes)),
        (
            "classifier input",
            "head resamples" if _resamples(sweep) else "as the network has it",
        ),
    ]
    if params["subset"]:
        facts.append(("subset", f"{len(space.configurations)} configurations, drawn at random with the seed"))
    if params["upsample_gain"] != "none":
        facts.append(("gain of fractional strides", "area of the enlargement (ours)"))
    if params["recalibrate"]:
        facts.append(("batch norm", f"statistics of {calibrated_on(sweep)} for each configuration (ours)"))
    return (*facts, *grouping.facts_of(job, column))


def _resamples(sweep: Sweep) -> bool:
    """Tell whether an adaptive pool to more than one position stands before the classifier."""
    ops = [op for op in sweep.seen.ops if op.name.startswith("adaptive_")]
    return any(sweep.seen.values[op.outputs[0]].positions > 1 for op in ops)


def _warn(job: Job, sweep: Sweep, found: dict[str, Any]) -> None:
    grouping.warn_of_rows(job)
    if sweep.space.dropped:
        reasons = tuple(f"{name}: {reason}" for name, reason in sweep.space.dropped)
        text = f"{len(reasons)} configurations were left out, because they are out of bounds or do not run."
        job.warn("left_out", text, reasons[:200])
    if not sweep.shared:
        job.warn("not_shared", f"Every configuration was run on its own: {sweep.why_not}.")
    if job.images.labels is None:
        job.warn("no_labels", f"{job.unlabelled}: there are answers and agreement, but no oracle.")
    if job.params["recalibrate"]:
        job.warn("recalibrated", "Batch-norm statistics were estimated anew: this is not the trained network.")
    if job.params["policy"] == "resize" and sweep.space.resizes:
        job.warn("resized", "With resized shortcuts, configuration 0 is not the network as it is.")
    if sweep.classes == 2:
        job.warn("two_classes", "With two classes, two different answers are always enough: the oracle says little.")
    broken = (found["prediction"] == -1) & (found["measured"] == 1)[:, None]
    names = tuple(name for name, bad in zip(sweep.space.names, broken.any(axis=0), strict=True) if bad)
    if names:
        job.warn("not_finite", "Some outputs are not finite; they count as wrong.", names)
