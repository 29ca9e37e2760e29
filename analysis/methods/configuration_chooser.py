"""A learned chooser: from the oracle over configurations to something that can be used.

Small models predict, from pooled features of what all configurations share, which of a few configurations will be
right. Trained on one half of the pictures and reported on the other, beside the network as it is and the best single
configuration. The features and the models are ours; the public code of M. Inkawhich (2020) also trains a small network
to predict the option of lowest loss.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from analysis.catalogue import MethodInfo, Param
from analysis.configuring.sweep import PARAMS, Sweep, batches_of, prepare, sweep_batch
from analysis.events import Array, Chunk, Declared, Output, Progress
from analysis.job import Job, Step
from analysis.measures.oracles import mean_interval
from analysis.measures.selection import greedy_cover, halves
from analysis.outputs import check_labels
from analysis.result import empty_array
from analysis.taps import taps

INFO = MethodInfo(
    name="configuration_chooser",
    title="Configuration chooser",
    summary="How much of the oracle over configurations a small trained model reaches without labels.",
    needs=frozenset({"model", "images", "labels"}),
    params=(
        *PARAMS,
        Param("candidates", 6, "Configurations to choose from, found on the training half", 2, 64),
        Param("hidden", 32, "Hidden units of the MLP", 1, 4096),
        Param("steps", 300, "Training steps", 1, 100_000),
        Param("decay", 0.01, "Weight decay", 0.0, 10.0),
    ),
    limit=500,
    resumes=("measured", "pictures"),
)
RULES = ("network as it is", "best static", "logistic", "MLP", "oracle of candidates", "oracle of all")
RATE = 0.02
STREAMED = ("feature", "correct", "measured")
"""Outputs that hold finished work, of which an unfinished run may have a part; in the order in which they are sent."""


def run(job: Job) -> Iterator[Step]:
    """Run all configurations, train both models on one half, and score every rule on the other."""
    sweep = yield from prepare(job)
    check_labels(job.images.labels, sweep.classes)
    declared = _declared(job, sweep)
    yield declared
    found = {output.name: empty_array(output) for output in declared.outputs if output.name in STREAMED}
    finished = _finished_before(job, found)
    if finished is not None:
        yield from _chunks(found, slice(0, job.images.count))
    for batch in batches_of(sweep, job.images, finished):
        found["feature"][batch.index] = _features(job, sweep, batch.pixels)
        parts = sweep_batch(sweep, batch.pixels, batch.labels)
        while True:
            try:
                next(parts)
            except StopIteration as end:
                found["correct"][batch.index] = end.value["correct"]
                break
            yield Progress(int(batch.index[0]), job.images.count, "Running configurations")
        found["measured"][batch.index] = 1
        yield from _chunks(found, slice(int(batch.index[0]), int(batch.index[-1]) + 1))
    rows = np.flatnonzero(found["measured"] == 1)
    yield from _choose(job, sweep, rows, found["feature"][rows], found["correct"][rows] == 1)


def _finished_before(job: Job, found: dict[str, Array]) -> NDArray[np.bool_] | None:
    """Take over what an unfinished run has found; return which pictures that covers."""
    earlier = job.earlier
    if earlier is None or any(name not in earlier or earlier[name].shape != found[name].shape for name in found):
        return None
    for name, array in found.items():
        array[...] = earlier[name]
    return np.asarray(found["measured"] == 1)


def _chunks(found: dict[str, Array], rows: slice) -> Iterator[Chunk]:
    """Send the rows of some pictures, at most 64 at a time; "measured" comes last and says that all is there."""
    for first in range(rows.start, rows.stop, 64):
        for name in STREAMED:
            yield Chunk(name, (first,), found[name][first : min(first + 64, rows.stop)])


def _features(job: Job, sweep: Sweep, pixels: Tensor) -> NDArray[Any]:
    """Mean and spread over positions of the tensor before the first switch point, axes (picture, feature)."""
    found: list[Tensor] = []

    def consume(_name: str, tensor: Tensor) -> None:
        flat = tensor.double().flatten(2)
        found[:] = [torch.cat([flat.mean(dim=2), flat.std(dim=2)], dim=1)]

    with taps(job.model.net, job.model.recording, [_source(job, sweep)[0]], consume):
        job.model.net(pixels)
    return found[0].cpu().numpy()


def _source(job: Job, sweep: Sweep) -> tuple[str, int]:
    """Name and channels of the last row with a map before the first switch point."""
    layers = job.model.recording.layers
    names = [layer.name for layer in layers]
    first = names.index(sweep.space.points[0].name)
    known = [
        (layer.name, layer.shape[0])
        for layer in layers[:first]
        if len(layer.shape) == 3 and layer.kind in ("input", "conv", "activation", "block")
    ]
    return known[-1] if known else ("input", job.images.channels)


def _choose(
    job: Job, sweep: Sweep, rows: NDArray[np.int64], features: NDArray[Any], right: NDArray[np.bool_]
) -> Iterator[Step]:
    assert job.images.labels is not None  # the method needs labels
    seed, labels = job.request.seed, job.images.labels[rows]
    train, test = halves(labels, seed)
    cover = greedy_cover(right, sweep.survey.macs, share=1.0, select=train, report=train).chosen
    candidates = cover[: int(job.params["candidates"])]
    scaled = (features - features[train].mean(axis=0)) / (features[train].std(axis=0) + 1e-6)
    x = torch.from_numpy(scaled).float()
    y = torch.from_numpy(right[:, candidates].astype(np.float32))
    picks = {"network as it is": np.zeros(len(rows), dtype=np.int64)}
    picks["best static"] = np.full(len(rows), int(right[train].mean(axis=0).argmax()))
    for name, hidden in (("logistic", 0), ("MLP", int(job.params["hidden"]))):
        scores: list[NDArray[Any]] = []
        yield from _train(job, x, y, train, hidden, scores)
        picks[name] = np.asarray(candidates)[scores[0].argmax(axis=1)]
    correct: list[NDArray[np.bool_]] = [np.asarray(right[test, picks[name][test]]) for name in RULES[:4]]
    correct += [np.asarray(right[test][:, several].any(axis=1)) for several in (list(candidates), slice(None))]
    accuracy = [float(one.mean()) for one in correct]
    macs = [float(sweep.survey.macs[picks[name][test]].mean()) for name in RULES[:4]] + [np.nan, np.nan]
    gap = accuracy[-1] - accuracy[0]
    closed = [(value - accuracy[0]) / gap if gap > 0 else np.nan for value in accuracy]
    own = _own_macs(x.shape[1], int(job.params["hidden"]), len(candidates))
    prefix = _prefix_macs(job, sweep)
    for place in (2, 3):
        # What is shared with the chosen configuration is computed once; a network that cannot be stopped pays twice.
        macs[place] += own[place - 2] + (0 if sweep.shared else prefix)
    yield Chunk("chooser_macs", (), np.array(own))
    yield Chunk("prefix_macs", (), np.asarray(prefix))
    choice = np.full((2, job.images.count), -1, dtype=np.int32)
    half = np.full(job.images.count, 255, dtype=np.uint8)
    choice[0, rows], choice[1, rows] = picks["logistic"], picks["MLP"]
    half[rows[train]], half[rows[test]] = 0, 1
    gains = yield from _intervals(correct, accuracy, seed)
    yield Chunk("gap_closed", (), np.array(closed))
    yield Chunk("macs", (), np.array(macs))
    yield Chunk("choice", (), choice)
    yield Chunk("reported", (), half)
    listed = np.full(int(job.params["candidates"]), -1, dtype=np.int32)
    listed[: len(candidates)] = candidates
    yield Chunk("candidate", (), listed)
    if not max(gains[2][1], gains[3][1]) > 0:
        words = ", ".join(
            f"{name} {gain:+.3f} [{low:+.3f}, {high:+.3f}]"
            for name, (gain, low, high) in zip(RULES[2:4], gains[2:4], strict=True)
        )
        job.warn("no_gain", f"No chooser is clearly better than the network as it is: {words}.")


def _intervals(
    correct: list[NDArray[np.bool_]], accuracy: list[float], seed: int
) -> Generator[Chunk, None, list[tuple[float, float, float]]]:
    """Accuracy of every rule and its lead over the network as it is, with 95 % intervals over the same pictures."""
    shares = [one.astype(np.float64) for one in correct]
    ends = np.array([mean_interval(one, seed=seed) for one in shares])
    leads = [one - shares[0] for one in shares]
    gains = [(float(lead.mean()), *mean_interval(lead, seed=seed)) for lead in leads]
    yield Chunk("accuracy", (), np.array(accuracy))
    yield Chunk("accuracy_low", (), ends[:, 0])
    yield Chunk("accuracy_high", (), ends[:, 1])
    for name, values in zip(("gain", "gain_low", "gain_high"), np.array(gains).T, strict=True):
        yield Chunk(name, (), values)
    return gains


def _own_macs(features: int, hidden: int, candidates: int) -> list[int]:
    """Multiply-adds of the logistic chooser and of the MLP for one picture."""
    return [features * candidates, hidden * (features + candidates)]


def _prefix_macs(job: Job, sweep: Sweep) -> int:
    """Multiply-adds of a picture up to where the features are read."""
    layers = job.model.recording.layers
    last = [layer.name for layer in layers].index(_source(job, sweep)[0])
    return sum(layer.macs for layer in layers[: last + 1] if layer.kind != "block")


def _train(
    job: Job, x: Tensor, y: Tensor, train: NDArray[np.int64], hidden: int, scores: list[NDArray[Any]]
) -> Iterator[Step]:
    """Fit one probability of being right per candidate; append the scores of all pictures."""
    generator = torch.Generator().manual_seed(job.request.seed)
    sizes = (x.shape[1], hidden, y.shape[1]) if hidden else (x.shape[1], y.shape[1])
    weights = [
        nn.Parameter(torch.randn(wide, high, generator=generator) * (wide**-0.5 if hidden else 0.0))
        for wide, high in pairwise(sizes)
    ]
    biases = [nn.Parameter(torch.zeros(size)) for size in sizes[1:]]
    optimiser = torch.optim.AdamW([*weights, *biases], lr=RATE, weight_decay=float(job.params["decay"]))
    picked, total = torch.from_numpy(train), int(job.params["steps"])
    for step in range(total):
        with torch.enable_grad():
            loss = functional.binary_cross_entropy_with_logits(_forward(x[picked], weights, biases), y[picked])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # untyped in torch
        optimiser.step()
        if step % 20 == 0:
            yield Progress(step, total, "Training the chooser")
    with torch.no_grad():
        scores.append(_forward(x, weights, biases).numpy())


def _forward(x: Tensor, weights: list[nn.Parameter], biases: list[nn.Parameter]) -> Tensor:
    for number, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        x = (functional.relu(x) if number else x) @ weight + bias
    return x


def _declared(job: Job, sweep: Sweep) -> Declared:
    rules, count, several = len(RULES), job.images.count, len(sweep.space.configurations)
    outputs = (
        Output("accuracy", ("rule",), (rules,), title="Accuracy on the other half"),
        Output("accuracy_low", ("rule",), (rules,), title="Accuracy on the other half, lower end"),
        Output("accuracy_high", ("rule",), (rules,), title="Accuracy on the other half, upper end"),
        Output("gain", ("rule",), (rules,), title="Accuracy less that of the network as it is"),
        Output("gain_low", ("rule",), (rules,), title="Accuracy less that of the network as it is, lower end"),
        Output("gain_high", ("rule",), (rules,), title="Accuracy less that of the network as it is, upper end"),
        Output("gap_closed", ("rule",), (rules,), title="Part of the way to the oracle"),
        Output("chooser_macs", ("chooser",), (2,), "int64", "MAC", "Multiply-adds of the chooser itself"),
        Output("prefix_macs", (), (), "int64", "MAC", "Multiply-adds up to the features"),
        Output("macs", ("rule",), (rules,), unit="MAC", title="Mean multiply-adds of a picture, with the chooser"),
        Output("choice", ("chooser", "sample"), (2, count), "int32", title="Chosen configuration"),
        Output("reported", ("sample",), (count,), "uint8", title="On the half that is reported"),
        Output("candidate", ("candidate",), (int(job.params["candidates"]),), "int32", title="Candidates"),
        Output("feature", ("sample", "feature"), (count, 2 * _source(job, sweep)[1]), title="Pooled features"),
        Output("correct", ("sample", "configuration"), (count, several), "uint8", title="Right"),
        Output("measured", ("sample",), (count,), "uint8", title="Picture is finished"),
    )
    names = (
        ("rule", RULES),
        ("chooser", RULES[2:4]),
        ("configuration", sweep.space.names),
    )
    facts = (
        ("features", f"mean and spread over positions of {_source(job, sweep)[0]}"),
        ("split", "half of the pictures train, the other half reports; both evenly by class"),
        ("candidates", "greedy cover of the training half, with the network as it is"),
        ("oracle", "an upper bound"),
        ("interval", "95 %, bootstrap over the pictures of the other half"),
        ("cost", f"the chooser and the network; what precedes the features {'once' if sweep.shared else 'twice'}"),
    )
    return Declared(outputs, names=names, facts=facts)
