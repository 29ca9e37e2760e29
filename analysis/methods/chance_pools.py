"""Chance pools: what as many guesses reach that know nothing about geometry.

Two references for the oracle over configurations, both ours: copies of every picture that are zoomed and shifted, and
copies of the network with jittered weights. Their strength is matched so that a single copy is as accurate as a single
configuration; then the oracles are compared for equally many guesses.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from analysis.catalogue import MethodInfo, Param
from analysis.configuring import grouping
from analysis.configuring.perturb import disturbed, jittered
from analysis.configuring.sweep import PARAMS, Sweep, calibrated_on, drawn, make_smaller, prepare, quiet
from analysis.events import Array, Chunk, Declared, Output, Progress
from analysis.geometry.reshape import shadow
from analysis.images import Batch
from analysis.job import Job, Step
from analysis.measures import oracles
from analysis.measures.configurations import MOST, combinations
from analysis.measures.findings import GROUPINGS, LABEL, grouped, picture_of
from analysis.outcomes import scores_of
from analysis.outputs import check_labels
from analysis.pictures import choose
from analysis.result import empty_array

INFO = MethodInfo(
    name="chance_pools",
    title="Chance pools",
    summary="Oracles of disturbed pictures and jittered weights, as chance references for configurations.",
    needs=frozenset({"model", "images", "labels"}),
    params=(
        *PARAMS[:5],
        *grouping.PARAMS,
        Param("copies", 16, "Copies in each pool, and configurations drawn for comparison", 2, 256),
        Param("target", 0.0, "Accuracy of a changed copy to match, 0 for that of the drawn configurations", 0.0, 1.0),
        Param("perturbation", "zoom and shift", "What is done to pictures", choices=("zoom and shift", "noise")),
        Param("mirror", False, "Also swap left and right, where that keeps the class"),
        Param("memory", 1024, "MiB that a batch may take", 16, 1 << 20, shapes_result=False),
    ),
    limit=200,
    version=2,
    resumes=("measured", "pictures"),
)
POOLS = ("configurations", "perturbation", "jitter")
MOST_PICTURES = 200  # pools cost seven times the sweep
MATCHED = 100  # pictures that strengths are matched on
STEPS = 6
CLOSE = 0.01
STRONGEST = {"zoom and shift": 4.0, "noise": 4.0, "jitter": 2.0}

Answer = Callable[[Batch, int, float], Tensor]  # pictures, number of the copy, strength -> scores
T = TypeVar("T")
Steps = Generator[Step, None, T]
STREAMED = ("prediction", "correct", "target", "tried")
"""Outputs that hold finished work, of which an unfinished run may have a part."""


@dataclass(frozen=True, slots=True)
class Study:
    """What is measured.

    Attributes
    ----------
    sweep
        The configurations.
    answers, sizes
        What each pool answers, and how many copies it has.
    places
        (picture,) which pictures of the run are measured.
    own
        What the request says of every picture: zoom factor, the user's column.
    found
        Output to what has been found so far.
    """

    job: Job
    sweep: Sweep
    answers: tuple[Answer, ...]
    sizes: tuple[int, ...]
    places: NDArray[np.int64]
    own: Mapping[str, NDArray[np.float64]]
    found: dict[str, Array]


def run(job: Job) -> Iterator[Step]:
    """Draw configurations, match both pools to them, and run all three on the same pictures."""
    sweep = yield from prepare(job)
    check_labels(job.images.labels, sweep.classes)
    copies = int(job.params["copies"])
    own, column = grouping.zooms_of(job), grouping.column_of(job)
    chosen = drawn(len(sweep.space.configurations), copies, job.request.seed)
    places = _places(job)
    declared = _declared(job, sweep, copies, column[0], len(places))
    yield declared
    study = Study(
        job,
        sweep,
        _answers(job, sweep, chosen),
        (len(chosen), copies, copies),
        places,
        {"zoom": own, "column": column[1]},
        {output.name: empty_array(output) for output in declared.outputs},
    )
    _take_over(study, declared)
    yield Chunk("configuration", (), np.array([*chosen, *[-1] * (copies - len(chosen))], dtype=np.int32))
    few = places[np.linspace(0, len(places) - 1, min(MATCHED, len(places))).astype(np.int64)]
    yield from _target(study, few)
    for pool in (1, 2):
        yield from _match(study, pool, few)
    yield from _measure(study)
    grouping.warn_of_rows(job)
    yield from _totals(study)


def _places(job: Job) -> NDArray[np.int64]:
    """Choose the pictures that are measured: all, or equally many of each class."""
    images = job.images
    pictures, rows = np.unique(images.indices, return_index=True)
    if len(pictures) > MOST_PICTURES:
        text = (
            f"Chance pools are measured on {MOST_PICTURES} of the {len(pictures):,} pictures, equally many of a class."
        )
        job.warn("fewer_pictures", text)
    labels = None if images.labels is None else images.labels[rows]
    chosen = pictures[choose(labels, len(pictures), MOST_PICTURES, job.request.seed)]
    return np.flatnonzero(np.isin(images.indices, chosen))


def _take_over(study: Study, declared: Declared) -> None:
    """Take over what an unfinished run has found: steps of matching, and copies of pictures."""
    earlier, found = study.job.earlier, study.found
    names = (*STREAMED, *(output.name for output in declared.outputs if output.dims == ("sample",)))
    if earlier is not None and all(name in earlier and earlier[name].shape == found[name].shape for name in names):
        for name in names:
            found[name][...] = earlier[name]


def _answers(job: Job, sweep: Sweep, chosen: tuple[int, ...]) -> tuple[Answer, Answer, Answer]:
    net, seed = shadow(job.model.net), job.request.seed
    kind, mirror = str(job.params["perturbation"]), bool(job.params["mirror"])
    alone = sweep.walker.alone()

    def configured(batch: Batch, copy: int, strength: float) -> Tensor:
        extra = 0 if sweep.calibration is None else len(sweep.calibration)
        pixels = batch.pixels if sweep.calibration is None else torch.cat([sweep.calibration, batch.pixels])
        alone.clear()
        output = alone.run(pixels, sweep.space.configurations[chosen[copy]])
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


def _shown(study: Study, batch: Batch) -> Batch:
    """Zoom the pictures of a batch as the run asks for."""
    return replace(batch, pixels=grouping.zoomed(batch.pixels, torch.from_numpy(study.own["zoom"][batch.index])))


def _single(study: Study, pool: int, strength: float, places: NDArray[np.int64], text: str) -> Steps[float]:
    """Accuracy of a single changed guess of a pool on some pictures.

    Copy 0 is the network as it is on the picture as it is, in every pool. Without it, what is matched does not depend
    on how many others there are: 16 copies stand for a family of any size.
    """
    right = seen = 0
    changed = range(1, study.sizes[pool]) if study.sizes[pool] > 1 else range(1)
    for batch in study.job.images.batches(order=places, size=study.sweep.step):
        assert batch.labels is not None  # the method needs labels
        shown = _shown(study, batch)
        for copy in changed:
            guess = _guess(study, pool, shown, copy, strength)
            right += int(torch.eq(guess, batch.labels).sum())
            seen += len(batch.index)
            yield Progress(0, 0, text)
    return right / max(seen, 1)


def _guess(study: Study, pool: int, batch: Batch, copy: int, strength: float) -> Tensor:
    """Classes that one copy gives; when memory runs out, for half as many pictures at a time."""
    parts: list[Tensor] = []
    first, count = 0, len(batch.index)
    while first < count:
        rows = slice(first, min(first + study.sweep.step, count))
        labels = None if batch.labels is None else batch.labels[rows]
        try:
            with quiet(batch.pixels.device):
                scores = study.answers[pool](Batch(batch.pixels[rows], labels, batch.index[rows]), copy, strength)
        except (RuntimeError, MemoryError) as error:
            make_smaller(study.sweep, rows.stop - rows.start, error)
            continue
        parts.append(scores.argmax(dim=1))
        first = rows.stop
    return torch.cat(parts)


def _target(study: Study, places: NDArray[np.int64]) -> Iterator[Step]:
    """Accuracy to match: that of the parameter, of an unfinished run, or of the drawn configurations but the first."""
    found, wanted = study.found["target"], float(study.job.params["target"])
    if not wanted:
        wanted = float(found)
        if not np.isfinite(wanted):
            wanted = yield from _single(study, 0, 0.0, places, "Accuracy of drawn configurations")
    found[...] = wanted
    yield Chunk("target", (), found)
    yield from _sent(study, "strength", (0,), 0.0)


def _match(study: Study, pool: int, places: NDArray[np.int64]) -> Iterator[Step]:
    """Bisect for the strength at which a single changed copy has the accuracy wanted, in at most six steps.

    The accuracy of every step is kept, so that a run that goes on repeats the way without repeating the work.
    """
    target, tried = float(study.found["target"]), study.found["tried"][pool]
    low, high = 0.0, STRONGEST["jitter" if pool == 2 else str(study.job.params["perturbation"])]
    best, distance = 0.0, np.inf
    for step in range(STEPS):
        middle = (low + high) / 2
        accuracy = float(tried[step])
        if not np.isfinite(accuracy):
            text = f"Matching strength, step {step + 1} of {STEPS}"
            accuracy = yield from _single(study, pool, middle, places, text)
        yield from _sent(study, "tried", (pool, step), accuracy)
        if abs(accuracy - target) < distance:
            best, distance = middle, abs(accuracy - target)
        if distance <= CLOSE:
            break
        low, high = (middle, high) if accuracy > target else (low, middle)
    yield from _sent(study, "strength", (pool,), best)


def _sent(study: Study, name: str, at: tuple[int, ...], value: float) -> Iterator[Chunk]:
    study.found[name][at] = value
    yield Chunk(name, at, np.asarray(value))


def _measure(study: Study) -> Iterator[Step]:
    """Run all pools on all pictures; what an unfinished run has found of a copy of a batch is not run again."""
    images, found = study.job.images, study.found
    total, done = len(study.places) * sum(study.sizes), 0
    for batch in images.batches(order=study.places, size=study.sweep.step):
        assert batch.labels is not None  # the method needs labels
        shown, rows = _shown(study, batch), slice(int(batch.index[0]), int(batch.index[-1]) + 1)
        for pool, size in enumerate(study.sizes):
            for copy in range(size):
                done += len(batch.index)
                if (found["prediction"][pool, batch.index, copy] >= 0).all():
                    continue
                guess = _guess(study, pool, shown, copy, float(found["strength"][pool])).cpu().numpy()
                found["prediction"][pool, batch.index, copy] = guess
                found["correct"][pool, batch.index, copy] = guess == batch.labels.cpu().numpy()
                yield Progress(done, total, f"Running {POOLS[pool]}")
                yield from _rows(study, pool, rows)  # every finished copy is on disk before the next begins
            yield from _rows(study, pool, rows)
        for name, values in grouping.described(images, batch, study.own).items():
            if name in found:
                found[name][batch.index] = values
                yield Chunk(name, (rows.start,), found[name][rows])


def _rows(study: Study, pool: int, rows: slice) -> Iterator[Chunk]:
    """Send what a pool says of some pictures; the prediction comes last and says that a copy is finished."""
    for name in ("correct", "prediction"):
        yield Chunk(name, (pool, rows.start), study.found[name][pool, rows])


def _missed(part: oracles.Bools, size: int) -> oracles.Floats:
    """Per picture: chance that neither the undisturbed copy nor size - 1 random others are right."""
    found: oracles.Floats = ~part[:, 0] * oracles.missed_by_subsets(part[:, 1:], size - 1)
    return found


def in_family(part: oracles.Bools, family: int, longest: int = 0) -> oracles.Floats:
    """Oracle of k random guesses out of as many as the family has, of which one is undisturbed; axes (k,).

    Estimated without bias from the copies there are. It begins at the accuracy of one guess, as the growth curve of all
    configurations does if the pool is matched to them. NaN where there are too few copies.

    Parameters
    ----------
    part
        (picture, copy) whether each copy is right; copy 0 is undisturbed.
    family
        Number of configurations of the family.
    longest
        Length of the curve, 0 for the number of copies.

    Examples
    --------
    >>> in_family(np.array([[False, True], [True, False]]), 4).tolist()
    [0.5, nan]
    """
    count = part.shape[1]
    curve = np.full(longest or count, np.nan)
    for size in range(1, min(count, family) + 1):
        share = size / family  # of all subsets, those with the undisturbed guess
        missed = share * _missed(part, size)
        if share < 1:
            if size == count:
                break
            missed = missed + (1 - share) * oracles.missed_by_subsets(part[:, 1:], size)
        curve[size - 1] = 1 - missed.mean()
    return curve


def _family(sweep: Sweep) -> int:
    """Count the configurations of the family; where it is too large to be listed, valid or not."""
    every = combinations(sweep.space.options)
    return every if every > MOST else len(sweep.space.configurations)


def _totals(study: Study) -> Iterator[Chunk]:
    job, sizes, found = study.job, study.sizes, study.found
    seen = found["measured"] == 1
    parts = [found["correct"][pool, seen, :size] == 1 for pool, size in enumerate(sizes)]
    curves = np.full((len(POOLS), max(sizes)), np.nan)
    for pool, part in enumerate(parts):
        curves[pool, : sizes[pool]] = oracles.growth_curve(part)
    yield Chunk("growth", (), curves)
    yield Chunk("growth_in_family", (), np.stack([in_family(part, _family(study.sweep), max(sizes)) for part in parts]))
    single = [float(part[:, 1:].mean() if size > 1 else part.mean()) for part, size in zip(parts, sizes, strict=True)]
    yield Chunk("mean_accuracy", (), np.array(single))
    picture = picture_of({name: values[seen] for name, values in found.items() if name == "place"})
    gains = np.full((len(POOLS), len(GROUPINGS), 3), np.nan)
    for place, name in enumerate(GROUPINGS):
        source = "label" if name == LABEL else name
        if source in found:
            values = found[source][seen].astype(np.float64)
            gains[:, place] = [
                grouped(part, values, job.request.seed, each=name == LABEL, picture=picture)[0] for part in parts
            ]
    yield Chunk("static_gain", (), gains)
    size = min(sizes)
    beyond = [_missed(part, size) - _missed(parts[0], size) for part in parts[1:]]
    ends = [oracles.mean_interval(part, seed=job.request.seed, picture=picture) for part in beyond]
    table = [(np.nan,) * 3, *((float(part.mean()), *end) for part, end in zip(beyond, ends, strict=True))]
    yield Chunk("oracle_beyond", (), np.array(table))
    asked = float(job.params["target"])
    for name, accuracy in zip(POOLS[1:], single[1:], strict=True):
        wanted, of_what = (asked, "asked for was") if asked else (single[0], "a configuration has")
        if not oracles.matched(accuracy, wanted):
            text = f"A changed copy of the {name} pool has accuracy {accuracy:.3f}, {of_what} {wanted:.3f}."
            text += " They are not matched, so their oracles do not compare."
            job.warn("not_matched", text)


def _declared(job: Job, sweep: Sweep, copies: int, column: str, measured: int) -> Declared:
    count, pools, recalibrated = job.images.count, len(POOLS), sweep.calibration is not None
    outputs = (
        Output("prediction", ("pool", "sample", "copy"), (pools, count, copies), "int32", title="Prediction"),
        Output("correct", ("pool", "sample", "copy"), (pools, count, copies), "uint8", title="Right"),
        Output("configuration", ("copy",), (copies,), "int32", title="Configuration that was drawn"),
        Output("growth", ("pool", "size"), (pools, copies), title="Oracle of random subsets (upper bound)"),
        Output("growth_in_family", ("pool", "size"), (pools, copies), title="The same among as many as the family has"),
        Output("mean_accuracy", ("pool",), (pools,), title="Accuracy of a single changed copy"),
        Output("strength", ("pool",), (pools,), title="Strength of the disturbance"),
        Output("tried", ("pool", "step"), (pools, STEPS), title="Accuracy of a changed copy at each step of matching"),
        Output("target", (), (), title="Accuracy that was matched"),
        Output("static_gain", ("pool", "grouping", "end"), (pools, len(GROUPINGS), 3), title="Grouped static gain"),
        Output("oracle_beyond", ("pool", "end"), (pools, 3), title="Oracle of configurations less that of the pool"),
        *grouping.outputs_of(job, column),
    )
    names = (("pool", POOLS), ("grouping", GROUPINGS), ("end", ("value", "low", "high")))
    facts = (
        ("copies", f"{copies} guesses of each kind; copy 0 is undisturbed"),
        ("configurations drawn", f"from {_family(sweep):,} of {job.params['family']}"),
        ("oracle", "an upper bound: it rises with the number of guesses by chance alone"),
        ("strength", f"matched on {min(MATCHED, measured)} pictures in at most {STEPS} steps, without copy 0"),
        ("prefixes", "not shared: every copy is a whole pass"),
        *([("batch norm", f"statistics of {calibrated_on(sweep)}, for configurations (ours)")] * recalibrated),
        ("perturbation", str(job.params["perturbation"])),
        *grouping.facts_of(job, column),
    )
    return Declared(outputs, names=names, facts=facts)
