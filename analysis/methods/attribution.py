"""Attribution: which pixels, and which units of a layer, the score of a class rests on."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from analysis.catalogue import MethodInfo, Param, nearest
from analysis.config import LayerSpec
from analysis.events import Chunk, Declared, Output, Progress
from analysis.explaining.algorithms import Task, explain
from analysis.explaining.batching import Rows, cached_rows, fitting
from analysis.explaining.network import PURPOSE, Scores, Split, can_be_probed, scores_of, splits_of
from analysis.explaining.targets import BASELINES, as_seen, baseline_of, read_target
from analysis.graph import Recording
from analysis.job import Job, Step
from analysis.measures.attributions import NAMES, Algorithm, Floats, algorithm
from analysis.measures.picks import read_picks
from analysis.measures.pieces import in_pieces
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
)
OWN_MODULES = ("deep_lift", "guided_grad_cam")
"""Algorithms that hook every non-linearity."""


@dataclass(slots=True)
class Plan:
    """What a run does.

    Attributes
    ----------
    algorithms
        In the order asked for.
    pixels
        (picture, channel, y, x), prepared.
    places
        (picture,) places in the source.
    labels, predictions, targets
        (picture,) numbers of classes; labels None where there are none.
    confidences, scores, differences
        (picture,) softmax of the prediction, score of the target, and that less the baseline's score.
    logits
        (picture, class) scores.
    writes
        True if the network writes into its input.
    layer
        The row that layered algorithms look at, None if none does.
    window, stride
        Of occlusion, in pixels.
    """

    algorithms: tuple[Algorithm, ...]
    pixels: Tensor
    baselines: Tensor
    places: NDArray[np.int64]
    labels: NDArray[np.int64] | None
    predictions: NDArray[np.int64]
    targets: NDArray[np.int64]
    confidences: Floats
    scores: Floats
    differences: Floats
    logits: Tensor
    writes: bool
    layer: LayerSpec | None
    window: int
    stride: int


def run(job: Job) -> Iterator[Step]:
    """Explain the chosen pictures, one algorithm after the other."""
    algorithms = read_algorithms(str(job.params["algorithms"]))
    layer = _layer(job, algorithms)
    yield Progress(0, 0, "Reading pictures")
    plan = _plan(job, algorithms, layer)
    yield _declared(job, plan)
    yield from _known(plan, job)
    with splits_of(job.model, plan.pixels[:1], plan.logits[:1]) as split:
        tasks = _tasks(job, plan, split)
        total = sum(task.amount(item.name) for task in tasks for item in algorithms)
        done = 0
        for row, item in enumerate(algorithms):
            for place, task in enumerate(tasks):
                words = f"{item.title}, picture {place + 1} of {len(tasks)}"
                raw, done = yield from _watched(item.name, task, done, total, words)
                yield from _chunks(row, place, item, raw, plan)
    _warn(job, tasks, algorithms)


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


def _plan(job: Job, algorithms: tuple[Algorithm, ...], layer: LayerSpec | None) -> Plan:
    images, net = job.images, job.model.net
    batches = list(images.batches(_positions(job)))
    joined, positions = torch.cat([one.pixels for one in batches]), np.concatenate([one.index for one in batches])
    _refuse_too_many(joined, len(algorithms))
    rows = cached_rows(job.model.recording.totals.activation_bytes, job.model.device, images.batch)
    scores, writes = _scored(net, joined, Rows(rows))
    shares = torch.softmax(scores.float(), dim=1)
    confidences, predictions = (part.cpu().numpy() for part in shares.max(dim=1))
    labels = None if images.labels is None else images.labels[positions]
    classes = _classes(job, scores.shape[1])
    targets = read_target(str(job.params["target"]), classes, scores.shape[1], predictions, labels)
    baselines = baseline_of(joined, str(job.params["baseline"]), images.preprocessing)
    own = torch.as_tensor(targets, device=scores.device)[:, None]
    reached = scores.gather(1, own)[:, 0]
    empty = torch.full_like(reached, torch.nan)
    if any(item.complete for item in algorithms):
        empty = torch.cat([class_scores(net(row[None].clone()), PURPOSE) for row in baselines]).gather(1, own)[:, 0]
    window = int(job.params["window"]) or max(1, min(joined.shape[2:]) // 8)
    return Plan(
        algorithms, joined, baselines, images.indices[positions], labels, predictions, targets,
        confidences.astype(np.float64), _numbers(reached), _numbers(reached) - _numbers(empty), scores,
        writes, layer,
        min(window, *joined.shape[2:]), int(job.params["stride"]) or max(1, window // 2),
    )  # fmt: skip


def _scored(net: nn.Module, pixels: Tensor, rows: Rows) -> tuple[Tensor, bool]:
    """Return the scores of all pictures, in portions as large as memory allows, and whether the network writes."""
    found: list[Tensor] = []
    first, writes = 0, False
    while first < len(pixels):
        try:
            scores, wrote = scores_of(net, pixels[first : first + rows.size])
        except (RuntimeError, MemoryError) as error:
            rows.shrink(error)
            continue
        found.append(scores)
        first += len(scores)
        writes = writes or wrote
    return torch.cat(found), writes


def _numbers(values: Tensor) -> Floats:
    return np.asarray(values.detach().cpu().to(torch.float64).numpy())


def _refuse_too_many(pixels: Tensor, algorithms: int) -> None:
    values = pixels.shape[0] * (pixels.shape[1] + 1) * pixels.shape[2] * pixels.shape[3] * algorithms
    if values > MOST_VALUES:
        most = max(1, MOST_VALUES * pixels.shape[0] // values)
        raise AnalysisError(
            f"The maps of {pixels.shape[0]} pictures and {algorithms} algorithms are too many for one run.",
            f"Name at most {most} pictures.",
            "sample",
        )


def _classes(job: Job, outputs: int) -> tuple[str, ...]:
    names = tuple(job.images.samples.classes or job.model.classes)
    return names if len(names) == outputs else ()


def _tasks(job: Job, plan: Plan, split: Callable[[str, bool], Split]) -> list[Task]:
    """Make one task per picture, with the copies that are needed."""
    model, names = job.model, {item.name for item in plan.algorithms}
    layer = plan.layer.name if plan.layer else ""
    probe = layer if "guided_grad_cam" in names else ""
    whole = split(probe, True) if names & set(OWN_MODULES) else None
    # Guided Grad-CAM has a probe of its own; those that look at a layer only are content with a hook.
    layered = split(layer, False) if names & {"grad_cam", "layer_conductance"} else None
    scores = Scores(model.net, plan.writes)
    bytes_per_row = float(model.recording.totals.activation_bytes)
    rows = Rows(fitting(bytes_per_row, model.device, job.request.compute.batch))
    steps = int(job.params["steps"])
    return [
        Task(scores, whole, layered, pixels[None], baseline[None], target, steps, plan.window, plan.stride, rows)
        for pixels, baseline, target in zip(plan.pixels, plan.baselines, plan.targets.tolist(), strict=True)
    ]


# -- what is said ------------------------------------------------------------------------------------------------------


def _chunks(row: int, place: int, item: Algorithm, raw: Tensor, plan: Plan) -> Iterator[Chunk]:
    values = _numbers(raw)
    if not np.isfinite(values).all():
        return
    total = values.mean(axis=0).sum() if item.name == "occlusion" else values.sum()
    yield Chunk("attribution_sum", (row, place), np.asarray(total))
    if item.complete:
        yield Chunk("convergence_delta", (row, place), np.asarray(total - plan.differences[place]))
    if item.layered and item.name != "guided_grad_cam":
        if item.name == "layer_conductance":
            yield Chunk("channel_conductance", (place,), values.sum(axis=(1, 2)))
        size = (plan.pixels.shape[2], plan.pixels.shape[3])
        summed = raw.double().cpu().sum(dim=0)[None, None]
        shown = functional.interpolate(summed, size, mode="bilinear", align_corners=False)[0, 0].numpy()
        yield from in_pieces("attribution", (row, place), shown)
        return
    yield from in_pieces(
        "attribution", (row, place), values.mean(axis=0) if item.name == "occlusion" else values.sum(axis=0)
    )
    if len(values) > 1:
        yield from in_pieces("attribution_by_channel", (row, place), values)


def _known(plan: Plan, job: Job) -> Iterator[Chunk]:
    """Say what is known before any map: pictures, predictions, targets."""
    yield Chunk("place", (), plan.places.astype(np.int64))
    yield Chunk("prediction", (), plan.predictions.astype(np.int64))
    yield Chunk("confidence", (), plan.confidences)
    yield Chunk("target", (), plan.targets.astype(np.int64))
    yield Chunk("target_score", (), plan.scores)
    if any(item.complete for item in plan.algorithms):
        yield Chunk("difference", (), plan.differences)
    if plan.labels is not None:
        yield Chunk("label", (), plan.labels.astype(np.int64))
    for number, picture in enumerate(plan.pixels):
        yield from in_pieces("picture", (number,), as_seen(picture, job.images.preprocessing))


def _declared(job: Job, plan: Plan) -> Declared:
    count, channels, high, wide = plan.pixels.shape
    rows = len(plan.algorithms)
    outputs = [
        Output("attribution", ("algorithm", "picture", "y", "x"), (rows, count, high, wide), title="Attribution"),
        Output("attribution_sum", ("algorithm", "picture"), (rows, count), title="Sum of the attribution"),
        Output(
            "picture", ("picture", "channel", "y", "x"), (count, channels, high, wide), title="As the network saw it"
        ),
        Output("place", ("picture",), (count,), "int64", title="Place in the source"),
        Output("prediction", ("picture",), (count,), "int64", title="Prediction"),
        Output("confidence", ("picture",), (count,), title="Confidence"),
        Output("target", ("picture",), (count,), "int64", title="Class that is explained"),
        Output("target_score", ("picture",), (count,), title="Score of that class"),
    ]
    if any(item.complete for item in plan.algorithms):
        title = "Score of the picture less score of the baseline"
        outputs.append(Output("convergence_delta", ("algorithm", "picture"), (rows, count), title="Convergence delta"))
        outputs.append(Output("difference", ("picture",), (count,), title=title))
    if plan.labels is not None:
        outputs.append(Output("label", ("picture",), (count,), "int64", title="Label"))
    names = {item.name for item in plan.algorithms}
    if channels > 1 and names - {"grad_cam", "layer_conductance"}:
        shape = (rows, count, channels, high, wide)
        dims = ("algorithm", "picture", "channel", "y", "x")
        outputs.append(Output("attribution_by_channel", dims, shape, title="Attribution by colour"))
    if "layer_conductance" in names and plan.layer:
        units = (count, plan.layer.channels)
        outputs.append(Output("channel_conductance", ("picture", "unit"), units, title="Conductance by channel"))
    classes = _classes(job, job.model.recording.output_shape[0] if job.model.recording.output_shape else 0)
    named = [
        ("algorithm", tuple(item.name for item in plan.algorithms)),
        ("picture", tuple(str(place) for place in plan.places.tolist())),
        *((("class", classes),) if classes else ()),
    ]
    layers = (plan.layer,) if plan.layer else ()
    return Declared(tuple(outputs), layers, tuple(named), _facts(job, plan))


def _facts(job: Job, plan: Plan) -> tuple[tuple[str, str], ...]:
    names = {item.name for item in plan.algorithms}
    facts = [("values", "signed: above zero speaks for the class, below zero against it")]
    facts.append(("target", str(job.params["target"]) or "predicted"))
    if names - {"saliency", "grad_cam", "guided_grad_cam"}:
        facts.append(("baseline", str(job.params["baseline"])))
    if names & {"integrated_gradients", "layer_conductance"}:
        facts.append(("steps", f"{job.params['steps']}, Gauss-Legendre"))
    if "occlusion" in names:
        facts.append(("occlusion", f"window {plan.window} px, stride {plan.stride} px"))
    if plan.layer:
        facts.append(("layer", plan.layer.name))
        facts.append(("layer maps", "summed over channels, enlarged bilinearly; Grad-CAM without its final ReLU"))
    if any(item.complete for item in plan.algorithms):
        facts.append(("convergence delta", "sum of the attribution less difference of the scores; ideally 0"))
    return tuple(facts)


def _warn(job: Job, tasks: list[Task], algorithms: tuple[Algorithm, ...]) -> None:
    names = {item.name for item in algorithms}
    split = tasks[0].split if tasks else None
    if split is None:
        return
    if split.without_rule and "deep_lift" in names:
        met = ", ".join(sorted(split.without_rule))
        job.warn("no_rule", f"DeepLift has no rule for {met}: it uses the plain gradient there. See its delta.")
    if "guided_grad_cam" in names and not split.has_relu:
        job.warn("no_relu", "The network has no ReLU, so guided backpropagation is the plain gradient.")
