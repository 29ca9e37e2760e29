"""Attribution: which pixels, and which units of a layer, the score of a class rests on."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from analysis.catalogue import MethodInfo, Param, nearest
from analysis.config import LayerSpec
from analysis.events import Progress
from analysis.explaining.algorithms import Task, amount, explain
from analysis.explaining.batching import Rows, cached_rows, fitting
from analysis.explaining.first_pass import Seen, first_pass, on_the_way
from analysis.explaining.in_place import Saved
from analysis.explaining.network import PURPOSE, Scores, Split, can_be_probed, splits_of
from analysis.explaining.targets import BASELINES, baseline_of, read_target
from analysis.explaining.telling import Asked, Known, declared, float64, known_chunks, map_chunks
from analysis.graph import Recording
from analysis.job import Job, Step
from analysis.measures.attributions import NAMES, Algorithm, algorithm
from analysis.measures.picks import read_picks
from analysis.outputs import class_scores
from analysis.problems import AnalysisError

FIRST = 4
"""Pictures that are explained where none are named."""
MOST_VALUES = 1 << 24
"""Numbers of all maps together: 128 MB."""

INFO = MethodInfo(
    name="attribution",
    title="Attribution",
    summary="Which pixels a class score rests on: saliency, integrated gradients, Grad-CAM and others.",
    params=(
        Param("algorithms", "saliency,integrated_gradients,grad_cam", f"Out of {', '.join(NAMES)}; or all"),
        Param("samples", "", f"Places of the pictures in their source, such as 3, 17; empty for {FIRST} seeded ones"),
        Param("target", "predicted", "Class to explain, by name or number; or predicted, or label"),
        Param("layer", "", "Layer of Grad-CAM and conductance; empty for the last one with maps"),
        Param("steps", 50, "Steps of integrated gradients and conductance", low=2, high=2000),
        Param("baseline", "zero", "What stands for no information", choices=BASELINES),
        Param("window", 0, "Side of occlusion's window in pixels, 0 for an eighth of the picture", low=0, high=512),
        Param("stride", 0, "Pixels between two windows, 0 for half a window", low=0, high=512),
    ),
    limit=FIRST,
    version=3,
)
OWN_MODULES = ("deep_lift", "guided_grad_cam")
"""Algorithms that hook every non-linearity."""


def run(job: Job) -> Iterator[Step]:
    """Explain the chosen pictures, one algorithm after the other."""
    algorithms = read_algorithms(str(job.params["algorithms"]))
    _refuse_left_out(job)
    layer = _layer(job, algorithms)
    yield Progress(0, 0, "Reading pictures")
    asked = _asked(job, algorithms, layer)
    with splits_of(job.model, asked.pixels[:1]) as split:
        saved = Saved()
        seen, total = yield from _seen(job, asked, split, saved)
        known = _known(job, asked, seen)
        yield declared(asked)
        yield from known_chunks(asked, known, job.images.preprocessing)
        tasks = _tasks(job, asked, seen, known, split, saved)
        done, not_finite = len(tasks), list[str]()
        # Quick ones first, so that there is something to see; the rows of the result are in the order asked for.
        for row in sorted(range(len(algorithms)), key=lambda row: (_amount(asked, algorithms[row]), row)):
            item = algorithms[row]
            for place, task in enumerate(tasks):
                words = f"{item.title}, picture {place + 1} of {len(tasks)}"
                raw, done = yield from _watched(item.name, task, done, total, words)
                if bool(torch.isfinite(raw).all()):
                    yield from map_chunks(row, place, item, raw, asked, known)
                else:
                    not_finite.append(f"{item.title} of picture {asked.places[place]}")
    _warn(job, tasks, asked, not_finite)


def _watched(name: str, task: Task, done: int, total: int, words: str) -> Generator[Step, None, tuple[Tensor, int]]:
    work = explain(name, task)
    while True:
        try:
            done += next(work)
        except StopIteration as end:
            return end.value, done
        yield Progress(done, total, words)


# -- what is asked for -------------------------------------------------------------------------------------------------


def read_algorithms(text: str) -> tuple[Algorithm, ...]:
    """Read the names of algorithms, "all" for all.

    Raises
    ------
    AnalysisError
        For an unknown name, or none.
    """
    names = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if names == ["all"]:
        names = list(NAMES)
    for name in names:
        if name not in NAMES:
            raise AnalysisError(f"There is no attribution algorithm '{name}'.", nearest(name, NAMES), "algorithm")
    if not names:
        raise AnalysisError("No algorithm is chosen.", nearest("", NAMES), "algorithm")
    return tuple(algorithm(name) for name in names)


def _refuse_left_out(job: Job) -> None:
    """Refuse to explain labels that fit no output: the other targets do without."""
    unfit, target = job.images.unfit, str(job.params["target"]).strip()
    if unfit is not None and target == "label" and target not in (job.images.classes or job.model.classes):
        raise unfit


def _layer(job: Job, algorithms: tuple[Algorithm, ...]) -> LayerSpec | None:
    """Find the layer that layered algorithms look at.

    Raises
    ------
    AnalysisError
        If there is no such layer, or it has no maps.
    """
    if not any(item.layered for item in algorithms):
        return None
    recording, wanted = job.model.recording, str(job.params["layer"]).strip()
    fits = [layer for layer in recording.layers if not _why_not(layer, recording)]
    if not wanted:
        spatial = [layer for layer in fits if layer.positions > 1] or fits
        if not spatial:
            text = "No layer of the network has maps, which Grad-CAM and conductance need."
            raise AnalysisError(text, "Choose saliency, integrated gradients, DeepLift or occlusion.", "layer")
        return spatial[-1]
    named = next((layer for layer in recording.layers if layer.name == wanted), None)
    if named is None:
        raise AnalysisError(f"There is no layer '{wanted}'.", nearest(wanted, [layer.name for layer in fits]), "layer")
    why = _why_not(named, recording)
    if why:
        example = fits[-1].name if fits else "another"
        raise AnalysisError(f"'{wanted}' cannot be attributed to: {why}.", f"Choose {example}, for example.", "layer")
    return named


def _why_not(layer: LayerSpec, recording: Recording) -> str:
    """Say why a layer cannot be attributed to, "" if it can."""
    if len(layer.shape) != 3:
        return "it has no maps"
    if layer.name in recording.folded or layer.name in recording.channels_last:
        return "it holds tokens or windows, or has its channels last"
    if not can_be_probed(recording.sites[layer.name]):
        return "it is what enters another operation, not the output of one"
    return ""


def _positions(job: Job) -> NDArray[np.int64]:
    """Positions of the pictures to explain among those of the run.

    Raises
    ------
    AnalysisError
        If a named picture is not among them.
    """
    picks = np.array(read_picks(str(job.params["samples"])), dtype=np.int64)
    indices = job.images.indices
    missing = picks[~np.isin(picks, indices)]
    if missing.size:
        text = f"There is no picture {missing[0]} among the {len(indices):,} of this run."
        raise AnalysisError(text, f"Choose from {indices.min()} to {indices.max()}.", "sample")
    chosen = np.flatnonzero(np.isin(indices, picks)) if picks.size else np.arange(min(FIRST, len(indices)))
    return chosen.astype(np.int64)


def _asked(job: Job, algorithms: tuple[Algorithm, ...], layer: LayerSpec | None) -> Asked:
    images = job.images
    batches = list(images.batches(_positions(job)))
    pixels, positions = torch.cat([one.pixels for one in batches]), np.concatenate([one.index for one in batches])
    _refuse_too_many(pixels, len(algorithms))
    side = min(pixels.shape[2:])
    window = int(job.params["window"]) or max(1, side // 8)
    return Asked(
        algorithms,
        layer,
        pixels,
        baseline_of(pixels, str(job.params["baseline"]), images.preprocessing),
        images.indices[positions],
        None if images.labels is None else images.labels[positions],
        tuple(images.samples.classes or job.model.classes),
        str(job.params["target"]),
        str(job.params["baseline"]),
        (*job.model.recording.output_shape, 0)[0],
        int(job.params["steps"]),
        min(window, *pixels.shape[2:]),
        int(job.params["stride"]) or max(1, window // 2),
        fitting(float(job.model.recording.totals.activation_bytes), job.model.device, job.request.compute.batch),
    )


def _seen(
    job: Job, asked: Asked, split: Callable[[str, bool], Split], saved: Saved
) -> Generator[Step, None, tuple[Seen, int]]:
    """Run the network on all pictures, with Grad-CAM on the way; return also the rows of the whole run."""
    total = len(asked.pixels) * (1 + sum(_amount(asked, item) for item in asked.algorithms))
    wanted = on_the_way(asked.names)
    copy = split(asked.layer.name, False) if asked.layer and "grad_cam" in wanted else None
    rows = Rows(cached_rows(job.model.recording.totals.activation_bytes, job.model.device, job.images.batch))

    def targets(first: int, scores: Tensor) -> Tensor:
        part = None if asked.labels is None else asked.labels[first : first + len(scores)]
        return torch.as_tensor(_targets(asked, scores, part), device=scores.device)

    work = first_pass(job.model.net, copy, asked.pixels, rows, wanted, targets, saved)
    while True:
        try:
            done = next(work)
        except StopIteration as end:
            return end.value, total
        yield Progress(done, total, "Predictions")


def _amount(asked: Asked, item: Algorithm) -> int:
    size = (asked.pixels.shape[2], asked.pixels.shape[3])
    return amount(item.name, size, asked.steps, asked.window, asked.stride)


def _targets(asked: Asked, scores: Tensor, labels: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """Return the classes to explain, (picture,), for scores of axes (picture, class)."""
    outputs = scores.shape[1]
    return read_target(asked.target, asked.classes_of(outputs), outputs, _predictions(scores), labels)


def _predictions(scores: Tensor) -> NDArray[np.int64]:
    return np.asarray(scores.argmax(dim=1).cpu().numpy())


def _known(job: Job, asked: Asked, seen: Seen) -> Known:
    scores = seen.scores
    confidences = torch.softmax(scores.float(), dim=1).amax(dim=1).cpu().numpy()
    if scores.shape[1] == 1:  # a softmax over one number is always 1
        confidences = np.full(len(scores), np.nan)
    targets = _targets(asked, scores, asked.labels)
    own = torch.as_tensor(targets, device=scores.device)[:, None]
    reached = scores.gather(1, own)[:, 0]
    empty = torch.full_like(reached, torch.nan)
    if asked.complete:
        # But for the blurred one, the baseline is the same for all pictures.
        different = asked.baselines if asked.baseline == "blur" else asked.baselines[:1]
        found = torch.cat([class_scores(job.model.net(row[None].clone()), PURPOSE) for row in different])
        empty = found.expand(len(targets), -1).gather(1, own)[:, 0]
    return Known(
        _predictions(scores),
        targets,
        confidences.astype(np.float64),
        float64(reached),
        float64(reached) - float64(empty),
    )


def _refuse_too_many(pixels: Tensor, algorithms: int) -> None:
    values = pixels.shape[0] * (pixels.shape[1] + 1) * pixels.shape[2] * pixels.shape[3] * algorithms
    if values > MOST_VALUES:
        most = max(1, MOST_VALUES * pixels.shape[0] // values)
        raise AnalysisError(
            f"The maps of {pixels.shape[0]} pictures and {algorithms} algorithms are too many for one run.",
            f"Name at most {most} pictures.",
            "sample",
        )


def _tasks(
    job: Job, asked: Asked, seen: Seen, known: Known, split: Callable[[str, bool], Split], saved: Saved
) -> list[Task]:
    """Make one task per picture, with the copies that are needed."""
    model, names = job.model, asked.names
    layer = asked.layer.name if asked.layer else ""
    whole = split("", True) if names & set(OWN_MODULES) else None
    # Those that look at a layer only are content with a hook.
    layered = split(layer, False) if "layer_conductance" in names else None
    scores = Scores(model.net, seen.writes)
    rows = Rows(asked.rows)
    return [
        Task(
            scores,
            whole,
            layered,
            {name: found[place] for name, found in seen.maps.items()},
            asked.pixels[place, None],
            asked.baselines[place, None],
            target,
            asked.steps,
            asked.window,
            asked.stride,
            rows,
            saved,
        )
        for place, target in enumerate(known.targets.tolist())
    ]


def _warn(job: Job, tasks: list[Task], asked: Asked, not_finite: list[str]) -> None:
    if asked.outputs == 1:
        text = "The network has one output: its number is explained, and there is no confidence."
        job.warn("one_output", text)
    if not_finite:
        job.warn("non_finite", "Maps that are not finite, because the scores or gradients are not.", tuple(not_finite))
    if not tasks:
        return
    rows, split = tasks[0].rows, tasks[0].split
    if rows.size < rows.wanted:
        job.warn("batch", f"Memory ran out with {rows.wanted} rows at a time; the rest went {rows.size} at a time.")
    if split is None:
        return
    if split.without_rule and "deep_lift" in asked.names:
        met = ", ".join(sorted(split.without_rule))
        job.warn("no_rule", f"DeepLift has no rule for {met}: it uses the plain gradient there. See its delta.")
    if "guided_grad_cam" in asked.names and not split.has_relu:
        job.warn("no_relu", "The network has no ReLU, so guided backpropagation is the plain gradient.")
