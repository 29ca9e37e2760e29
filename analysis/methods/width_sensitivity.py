"""Width sensitivity: what accuracy and loss do when one group of tied channels is narrowed, as it would really be."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from analysis.catalogue import MethodInfo, Param
from analysis.coupling.analysis import Anatomy
from analysis.events import Chunk, Declared, Output, Progress
from analysis.job import Job, Step
from analysis.latents import auxiliary
from analysis.measures.widths.costs import CostModel
from analysis.measures.widths.description import WidthGroup
from analysis.measures.widths.fitting import legal
from analysis.outcomes import scores_of
from analysis.outputs import check_labels
from analysis.problems import AnalysisError
from analysis.surgery.choosing import choose
from analysis.surgery.dissecting import dissect
from analysis.surgery.editing import edit
from analysis.surgery.importance import DATA_RULES, RULES, Scores, importance
from analysis.surgery.observing import observed

INFO = MethodInfo(
    name="width_sensitivity",
    title="Width sensitivity",
    summary="Accuracy and loss with each width group narrowed in turn, by real surgery.",
    needs=frozenset({"model", "images", "labels"}),
    params=(
        Param("ratios", "0.75, 0.5, 0.25", "Shares of a group's width that are tried, comma-separated"),
        Param("rule", "l1", "How the channels that stay are chosen", choices=RULES),
        Param("groups", "", "Width groups, comma-separated; empty for all that can change"),
    ),
    limit=1000,
    resumes=("loss", "narrowed networks"),
)


@dataclass(slots=True)
class Study:
    """What is measured: groups by ratios, with the widths that are legal."""

    job: Job
    found: Anatomy
    groups: tuple[WidthGroup, ...]
    ratios: tuple[float, ...]
    widths: NDArray[np.int64]
    scores: Scores
    done: int = 0

    @property
    def total(self) -> int:
        """Pictures times networks."""
        return (1 + len(self.groups) * len(self.ratios)) * self.job.images.count


def run(job: Job) -> Iterator[Step]:
    """Measure the network, then every group at every ratio; what an unfinished run has measured is sent again."""
    study = _study(job)
    yield _declared(study)
    yield Chunk("width", (), study.widths)
    yield from _costs(study)
    baseline = yield from _accuracy(study, job.model.net, "The whole network")
    yield Chunk("baseline", (), np.array(baseline))
    for row, group in enumerate(study.groups):
        known = {group.width: baseline}
        for column, width in enumerate(study.widths[row].tolist()):
            known[width] = yield from _measured(study, (row, column), group, width, known)
            top1, loss = known[width]
            yield Chunk("accuracy", (row, column), np.asarray(top1))
            yield Chunk("loss", (row, column), np.asarray(loss))
    yield Progress(study.total, study.total, "Done")


def read_ratios(text: str) -> tuple[float, ...]:
    """Read shares of a width.

    Raises
    ------
    AnalysisError
        If one is no number above 0 and up to 1, or there is none.
    """
    try:
        ratios = tuple(dict.fromkeys(float(part) for part in text.split(",") if part.strip()))
    except ValueError:
        ratios = ()
    if not ratios or not all(0 < ratio <= 1 for ratio in ratios):
        raise AnalysisError(f"'{text}' is no list of ratios.", "Write shares such as 0.75, 0.5, 0.25.", "ratios")
    return ratios


def _study(job: Job) -> Study:
    model = job.model
    check_labels(job.images.labels, model.recording.output_shape[0])
    found = dissect(model.net, model.input_shape, model.name, whole=job.request.edits.grouped == "whole")
    ratios = read_ratios(str(job.params["ratios"]))
    names = [part.strip() for part in str(job.params["groups"]).split(",") if part.strip()]
    groups = tuple(found.groups.groups[found.groups.index(name)] for name in names) or found.groups.free
    for group in groups:
        if group.locked:
            raise AnalysisError(f"The width of {group.name} cannot change: {group.reason}.", "Leave it out.", "locked")
    unused = tuple(group.name for group in groups if group.name in auxiliary(found))
    groups = tuple(group for group in groups if group.name not in unused)
    if unused:
        text = (
            "Only training uses these groups, so that no number here can tell what they are worth: they are left out."
        )
        job.warn("auxiliary", text, unused)
    if not groups:
        raise AnalysisError("No width of the network can change.", "See width_groups for the reasons.", "locked")
    widths = [
        [min(legal(found.groups, group.name, ratio * group.width), group.width) for ratio in ratios] for group in groups
    ]
    scores = _scores(job, found, str(job.params["rule"]))
    return Study(job, found, groups, ratios, np.array(widths, dtype=np.int64), scores)


def _scores(job: Job, found: Anatomy, rule: str) -> Scores:
    """Score the channels of the whole network; rules that look at pictures look at all of this run."""
    if rule in DATA_RULES:
        batches = ((batch.pixels.clone(), batch.labels) for batch in job.images.batches())
        return observed(job.model.net, found, rule, batches)
    return importance(job.model.net, found, rule, job.request.seed)


def _costs(study: Study) -> Iterator[Step]:
    model = CostModel(study.found.groups)
    for row, group in enumerate(study.groups):
        totals = [model.costs({group.name: width}).totals for width in study.widths[row].tolist()]
        yield Chunk("parameters", (row,), np.array([part.parameters for part in totals]))
        yield Chunk("macs", (row,), np.array([part.macs for part in totals]))


def _measured(
    study: Study, at: tuple[int, int], group: WidthGroup, width: int, known: dict[int, tuple[float, float]]
) -> Generator[Step, None, tuple[float, float]]:
    """Accuracy and loss with a group narrowed; from the earlier run, or an equal width, where it is known."""
    earlier = study.job.earlier
    if width in known:
        found = known[width]
    elif earlier is not None and "accuracy" in earlier and math.isfinite(float(earlier["loss"][at])):
        found = float(earlier["accuracy"][at]), float(earlier["loss"][at])
    else:
        copies = choose(study.found, {group.name: width}, study.scores)
        net = edit(study.job.model.net, study.found, copies).eval()
        found = yield from _accuracy(study, net, f"{group.name} at {width} of {group.width}")
        return found
    study.done += study.job.images.count
    yield Progress(study.done, study.total, f"{group.name} at {width}")
    return found


def _accuracy(study: Study, net: nn.Module, words: str) -> Generator[Step, None, tuple[float, float]]:
    right = seen = 0
    loss = 0.0
    for batch in study.job.images.batches():
        scores = scores_of(net(batch.pixels.clone()), len(batch.index)).double()
        assert batch.labels is not None  # the method needs them
        right += int(torch.eq(scores.argmax(dim=1), batch.labels).sum())
        loss += float(functional.cross_entropy(scores, batch.labels, reduction="sum"))
        seen += len(batch.index)
        study.done += len(batch.index)
        yield Progress(study.done, study.total, words)
    return right / max(seen, 1), loss / max(seen, 1)


def _declared(study: Study) -> Declared:
    sizes = {"group": len(study.groups), "ratio": len(study.ratios)}

    def output(name: str, dtype: str, unit: str, title: str) -> Output:
        return Output(name, ("group", "ratio"), (sizes["group"], sizes["ratio"]), dtype, unit, title)

    outputs = (
        output("accuracy", "float64", "", "Top-1 accuracy with the group narrowed"),
        output("loss", "float64", "nats", "Mean cross-entropy with the group narrowed"),
        output("width", "int64", "channels", "Width tried"),
        output("parameters", "int64", "", "Parameters of the whole network then"),
        output("macs", "int64", "", "Multiply-adds of the whole network then"),
        Output("baseline", ("measure",), (2,), title="Accuracy and loss of the whole network"),
    )
    names = (
        ("group", tuple(group.name for group in study.groups)),
        ("ratio", tuple(f"{ratio:g}" for ratio in study.ratios)),
        ("measure", ("accuracy", "loss")),
    )
    rule = str(study.job.params["rule"])
    facts = (
        ("narrowing", f"one group at a time, nothing retrained; channels chosen by {rule}"),
        ("widths", "the legal width nearest to each ratio"),
    )
    return Declared(outputs, names=names, facts=facts)
