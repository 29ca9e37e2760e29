"""Channel scores: how much each channel matters by a rule, so that whoever narrows knows which ones stay."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np

from analysis.catalogue import MethodInfo, Param
from analysis.coupling.analysis import Anatomy
from analysis.coupling.layout import Ints
from analysis.events import Chunk, Declared, Output, Progress
from analysis.job import Job, Step
from analysis.outputs import check_labels
from analysis.problems import AnalysisError
from analysis.surgery.dissecting import dissect
from analysis.surgery.importance import DATA_RULES, RULES, Scores, importance
from analysis.surgery.observing import observer

INFO = MethodInfo(
    name="channel_scores",
    title="Channel scores",
    summary="How much each channel matters by a rule: which ones stay when a width is narrowed.",
    needs=frozenset({"model"}),
    takes=frozenset({"images", "labels"}),
    params=(
        Param("rule", "l1", "How channels are scored; taylor and the activation rules look at pictures", choices=RULES),
    ),
    limit=256,
    trained=False,
)

MEANING = {
    "l1": "sum of |weight| over the layers that make the channel",
    "l2": "root of the sum of squared weights over the layers that make the channel",
    "bn_scale": "sum of |scale| of its batch norms; L1 where there is none",
    "random": "drawn by chance",
    "taylor": "|sum of weight times gradient of the cross entropy|",
    "activation": "mean square of its activations",
    "activation_rank": "average rank of its map, equal ranks by their energy",
}


def run(job: Job) -> Iterator[Step]:
    """Score every channel of every group whose width can change."""
    rule = str(job.params["rule"])
    if rule in DATA_RULES and job.pictures is None:
        raise AnalysisError(f"The rule {rule} needs pictures.", "Name some with --images.", "needs_images")
    if rule == "taylor":
        if job.images.unfit:
            raise job.images.unfit
        if job.images.labels is None:
            text = "The rule taylor needs labels."
            raise AnalysisError(text, "Choose the rule activation, or labelled pictures.", "needs_labels")
        check_labels(job.images.labels, job.model.recording.output_shape[0])
    whole = job.request.edits.grouped == "whole"
    found = dissect(job.model.net, job.model.input_shape, job.model.name, whole=whole)
    order = _order(found)
    if not order.size:
        raise AnalysisError("No width of the network can change.", "See width_groups for the reasons.", "locked")
    yield _declared(found, order.size, rule)
    yield Chunk("group", (), found.grouping.group[order])
    yield Chunk("variable", (), found.grouping.variable[order])
    yield Chunk("channel", (), _channels(found)[order])
    if rule in DATA_RULES:
        scores = yield from _watched(job, found, rule)
    else:
        scores = importance(job.model.net, found, rule, job.request.seed)
    yield Chunk("score", (), scores[order])


def _order(found: Anatomy) -> Ints:
    """Classes that can change, group after group."""
    free = np.flatnonzero((found.grouping.variable >= 0) & (found.grouping.group >= 0))
    ordered: Ints = free[np.argsort(found.grouping.group[free], kind="stable")]
    return ordered


def _channels(found: Anatomy) -> Ints:
    """First channel of each class in the layer that its group is named after, -1 where it has none; axes (class,)."""
    axes = list(found.coupling.axes.values())
    channels = np.full(len(found.coupling.locked), -1, dtype=np.int64)
    for producer in set(found.grouping.producer.tolist()):
        classes = found.coupling.of(axes[producer].labels)
        met, first = np.unique(classes, return_index=True)
        own = found.grouping.producer[found.grouping.group[met]] == producer
        channels[met[own]] = first[own]
    return channels


def _watched(job: Job, found: Anatomy, rule: str) -> Generator[Step, None, Scores]:
    watching, done = observer(job.model.net, found, rule), 0
    for batch in job.images.batches():
        watching.update(batch.pixels.clone(), batch.labels)
        done += len(batch.index)
        yield Progress(done, job.images.count, "Scoring channels")
    return watching.scores()


def _declared(found: Anatomy, size: int, rule: str) -> Declared:
    outputs = (
        Output("score", ("class",), (size,), "float64", "", "Score: channels with larger ones stay"),
        Output("group", ("class",), (size,), "int64", "", "Width group"),
        Output("variable", ("class",), (size,), "int64", "", "Variable: classes that are exchangeable for costs"),
        Output("channel", ("class",), (size,), "int64", "", "First channel in the layer that the group is named after"),
    )
    facts = (("rule", rule), ("score", MEANING[rule]), ("structure", found.groups.structure))
    return Declared(outputs, names=(("width group", tuple(group.name for group in found.groups.groups)),), facts=facts)
