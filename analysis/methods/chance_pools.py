"""Chance pools: what as many guesses reach that know nothing about geometry.

Two references for the oracle over configurations, both ours: copies of every picture that are zoomed and shifted, and
copies of the network with jittered weights. Their strength is matched so that a single copy is as accurate as a single
configuration; then the oracles are compared for equally many guesses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from analysis.catalogue import MethodInfo, Param
from analysis.events import Chunk, Declared, Output, Progress
from analysis.images import Batch
from analysis.job import Job, Step
from analysis.measures import oracles
from analysis.measures.findings import grouped
from analysis.outcomes import scores_of
from analysis.outputs import check_labels
from analysis.perturb import disturbed, jittered
from analysis.reshape import shadow
from analysis.sweep import PARAMS, Sweep, prepare, quiet

INFO = MethodInfo(
    name="chance_pools",
    title="Chance pools",
    summary="Oracles of disturbed pictures and jittered weights, as chance references for configurations.",
    needs=frozenset({"model", "images", "labels"}),
    params=(
        *PARAMS[:5],
        Param("copies", 16, "Copies in each pool, and configurations drawn for comparison", 2, 256),
        Param("target", 0.0, "Accuracy of a single copy to match, 0 for that of the drawn configurations", 0.0, 1.0),
        Param("perturbation", "zoom and shift", "What is done to pictures", choices=("zoom and shift", "noise")),
        Param("mirror", False, "Also swap left and right, where that keeps the class"),
        Param("memory", 1024, "MiB that a batch may take", 16, 1 << 20, shapes_result=False),
    ),
    limit=200,
)
POOLS = ("configurations", "perturbation", "jitter")
MATCHED = 100  # pictures that strengths are matched on
STEPS = 6
CLOSE = 0.01
STRONGEST = {"zoom and shift": 4.0, "noise": 4.0, "jitter": 2.0}

Booleans = NDArray[np.bool_]
Answer = Callable[[Batch, int, float], Tensor]  # pictures, number of the copy, strength -> scores


def run(job: Job) -> Iterator[Step]:
    """Draw configurations, match both pools to them, and run all three on the same pictures."""
    sweep = yield from prepare(job)
    check_labels(job.images.labels, sweep.classes)
    copies = int(job.params["copies"])
    chosen = _drawn(len(sweep.space.configurations), copies, job.request.seed)
    yield _declared(job, sweep, copies)
    yield Chunk("configuration", (), np.array([*chosen, *[-1] * (copies - len(chosen))], dtype=np.int32))
    few = np.linspace(0, job.images.count - 1, min(MATCHED, job.images.count)).astype(np.int64)
    answers = _answers(job, sweep, chosen)
    target = float(job.params["target"])
    if not target:
        found: list[Booleans] = []
        yield from _pool(job, answers[0], len(chosen), 0.0, few, found, "Accuracy of drawn configurations")
        target = float(found[0].mean())
    yield Chunk("target", (), np.asarray(target))
    strengths = [0.0]
    for number in (1, 2):
        strongest = STRONGEST["jitter" if number == 2 else str(job.params["perturbation"])]
        matched: list[float] = []
        yield from _match(job, answers[number], copies, target, strongest, few, matched)
        strengths += matched
    yield Chunk("strength", (), np.array(strengths))
    yield from _measure(job, answers, (len(chosen), copies, copies), strengths)


def _drawn(count: int, copies: int, seed: int) -> tuple[int, ...]:
    """Draw configurations without replacement, always with the network as it is."""
    others = np.random.RandomState([seed, count]).permutation(np.arange(1, count))[: copies - 1]
    return (0, *sorted(int(number) for number in others))


def _answers(job: Job, sweep: Sweep, chosen: tuple[int, ...]) -> tuple[Answer, Answer, Answer]:
    net, seed = shadow(job.model.net), job.request.seed
    kind, mirror = str(job.params["perturbation"]), bool(job.params["mirror"])

    def configured(batch: Batch, copy: int, strength: float) -> Tensor:
        extra = 0 if sweep.calibration is None else len(sweep.calibration)
        pixels = batch.pixels if sweep.calibration is None else torch.cat([sweep.calibration, batch.pixels])
        sweep.walker.clear()
        output = sweep.walker.run(pixels, sweep.space.configurations[chosen[copy]])
        return scores_of(output, len(pixels))[extra:]

    def perturbed(batch: Batch, copy: int, strength: float) -> Tensor:
        pixels = disturbed(batch.pixels, torch.from_numpy(batch.index), copy, strength, kind, mirror, seed)
        return scores_of(net(pixels), len(pixels))

    def shaken(batch: Batch, copy: int, strength: float) -> Tensor:
        return scores_of(_with_weights(net, batch.pixels, jittered(net, copy, strength, seed)), len(batch.pixels))

    return configured, perturbed, shaken


def _with_weights(net: nn.Module, pixels: Tensor, weights: dict[str, Tensor]) -> object:
    """Run a network with other weights, which are passed along and never put into it."""
    return functional_call(net, weights, (pixels,)) if weights else net(pixels)


def _pool(
    job: Job, answer: Answer, copies: int, strength: float, places: NDArray[np.int64], found: list[Booleans], text: str
) -> Iterator[Step]:
    """Run a pool on some pictures and append which answers are right, axes (picture, copy)."""
    rows = []
    for batch in job.images.batches(order=places):
        assert batch.labels is not None  # the method needs labels
        columns = []
        for copy in range(copies):
            with quiet(batch.pixels.device):
                right = answer(batch, copy, strength).argmax(dim=1) == batch.labels
            columns.append(right.cpu().numpy())
            yield Progress(0, 0, text)
        rows.append(np.stack(columns, axis=1))
    found.append(np.concatenate(rows))


def _match(
    job: Job,
    answer: Answer,
    copies: int,
    target: float,
    strongest: float,
    places: NDArray[np.int64],
    matched: list[float],
) -> Iterator[Step]:
    """Bisect for the strength at which a single copy has the accuracy wanted, in at most six steps."""
    low, high, best, distance = 0.0, strongest, 0.0, np.inf
    for step in range(STEPS):
        middle = (low + high) / 2
        found: list[Booleans] = []
        yield from _pool(job, answer, copies, middle, places, found, f"Matching strength, step {step + 1} of {STEPS}")
        accuracy = float(found[0].mean())
        if abs(accuracy - target) < distance:
            best, distance = middle, abs(accuracy - target)
        if distance <= CLOSE:
            break
        low, high = (middle, high) if accuracy > target else (low, middle)
    matched.append(best)


def _measure(job: Job, answers: tuple[Answer, ...], sizes: tuple[int, ...], strengths: list[float]) -> Iterator[Step]:
    count = job.images.count
    correct = np.zeros((len(POOLS), count, max(sizes)), dtype=bool)
    seen = np.zeros(count, dtype=bool)
    contrast, brightness = np.full(count, np.nan), np.full(count, np.nan)
    total, done = count * sum(sizes), 0
    for batch in job.images.batches():
        assert batch.labels is not None  # the method needs labels
        first = int(batch.index[0])
        for pool, (answer, size) in enumerate(zip(answers, sizes, strict=True)):
            found = np.full((int(batch.index[-1]) + 1 - first, max(sizes)), -1, dtype=np.int32)
            for copy in range(size):
                with quiet(batch.pixels.device):
                    prediction = answer(batch, copy, strengths[pool]).argmax(dim=1)
                found[batch.index - first, copy] = prediction.cpu().numpy()
                correct[pool, batch.index, copy] = (prediction == batch.labels).cpu().numpy()
                done += len(batch.index)
                yield Progress(done, total, f"Running {POOLS[pool]}")
            yield Chunk("prediction", (pool, first), found)
            right = np.where(found >= 0, correct[pool, first : first + len(found)], 255).astype(np.uint8)
            yield Chunk("correct", (pool, first), right)
        seen[batch.index] = True
        flat = batch.pixels.double().flatten(1)
        brightness[batch.index] = flat.mean(dim=1).cpu().numpy()
        contrast[batch.index] = flat.std(dim=1).cpu().numpy()
    yield from _totals(job, correct[:, seen], sizes, {"brightness": brightness[seen], "contrast": contrast[seen]})


def _totals(
    job: Job, correct: Booleans, sizes: tuple[int, ...], groups: dict[str, NDArray[np.float64]]
) -> Iterator[Chunk]:
    parts = [correct[pool, :, :size] for pool, size in enumerate(sizes)]
    curves = np.full((len(POOLS), max(sizes)), np.nan)
    for pool, part in enumerate(parts):
        curves[pool, : sizes[pool]] = oracles.growth_curve(part)
    yield Chunk("growth", (), curves)
    yield Chunk("mean_accuracy", (), np.array([part.mean() for part in parts]))
    gains = np.array([[grouped(part, values, job.request.seed)[0] for values in groups.values()] for part in parts])
    yield Chunk("static_gain", (), gains)
    size = min(sizes)
    beyond = [oracles.beyond_pool(parts[0], part, size) for part in parts[1:]]
    table = [(np.nan,) * 3, *((float(b.mean()), *oracles.mean_interval(b, seed=job.request.seed)) for b in beyond)]
    yield Chunk("oracle_beyond", (), np.array(table))
    for name, part in zip(POOLS[1:], parts[1:], strict=True):
        wanted = float(parts[0].mean())
        if not oracles.matched(float(part.mean()), wanted):
            text = f"A copy of the {name} pool has accuracy {part.mean():.3f}, a configuration {wanted:.3f}."
            text += " They are not matched, so their oracles do not compare."
            job.warn("not_matched", text)


def _declared(job: Job, sweep: Sweep, copies: int) -> Declared:
    count, pools = job.images.count, len(POOLS)
    outputs = (
        Output("prediction", ("pool", "sample", "copy"), (pools, count, copies), "int32", title="Prediction"),
        Output("correct", ("pool", "sample", "copy"), (pools, count, copies), "uint8", title="Right"),
        Output("configuration", ("copy",), (copies,), "int32", title="Configuration that was drawn"),
        Output("growth", ("pool", "size"), (pools, copies), title="Oracle of random subsets (upper bound)"),
        Output("mean_accuracy", ("pool",), (pools,), title="Accuracy of a single copy"),
        Output("strength", ("pool",), (pools,), title="Strength of the disturbance"),
        Output("target", (), (), title="Accuracy that was matched"),
        Output("static_gain", ("pool", "grouping", "end"), (pools, 2, 3), title="Grouped static gain"),
        Output("oracle_beyond", ("pool", "end"), (pools, 3), title="Oracle of configurations less that of the pool"),
    )
    names = (("pool", POOLS), ("grouping", ("brightness", "contrast")), ("end", ("value", "low", "high")))
    facts = (
        ("copies", f"{copies} guesses of each kind; copy 0 is undisturbed"),
        ("configurations drawn", f"from {len(sweep.space.configurations)} of {job.params['family']}"),
        ("oracle", "an upper bound: it rises with the number of guesses by chance alone"),
        ("strength", f"matched on {min(MATCHED, count)} pictures in at most {STEPS} steps"),
        ("perturbation", str(job.params["perturbation"])),
    )
    return Declared(outputs, names=names, facts=facts)
