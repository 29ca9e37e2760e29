"""What a run of conflicting bundles measures and what it will give: points, labels, outputs, facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.blocks.shortcuts import branch_layers
from analysis.bundling.keys import route_of
from analysis.bundling.reading import default_points, is_logits
from analysis.config import LayerSpec
from analysis.events import Declared, Output
from analysis.job import Job
from analysis.models import Model
from analysis.problems import AnalysisError
from analysis.tracing.recorder import trace

FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
ETA, BATCH = 1e-3, 64  # of the authors' reference code
MOST_CLASSES = 1024  # above this a table of classes x classes is left out
STATED = {"eta": ("lr", "learning_rate", "eta"), "training_batch": ("batch_size", "batch")}
"""Words under which checkpoints tell how they were trained."""

COUNTS = (  # name, unit, title
    ("bundles", "bundles", "Bundles"),
    ("conflicting_bundles", "bundles", "Conflicting bundles"),
    ("samples_in_conflict", "pictures", "Pictures in conflict"),
    ("samples_bundled", "pictures", "Pictures that are not alone"),
    ("largest_bundle", "pictures", "Largest bundle"),
    ("non_finite", "pictures", "Pictures with values that are not finite"),
)
SHARES = (
    ("entropy", "nats", "Bundle entropy"),
    ("entropy_ratio", "", "Bundle entropy / label entropy"),
    ("error_floor", "", "Error floor"),
    ("magnitude", "", "Largest magnitude of a value"),
)
OF_CHECKPOINT = (
    ("amplitude", "", "W, largest magnitude of a weight"),
    ("eta", "", "Learning rate"),
    ("training_batch", "pictures", "Batch size of the training"),
    ("tau", "", "Width of the grid"),
    ("accuracy", "", "Accuracy on the pictures"),
    ("loss", "nats", "Mean cross-entropy on the pictures"),
)


@dataclass(frozen=True, slots=True)
class Training:
    """Learning rates and batch size with which the grid is laid.

    Attributes
    ----------
    eta
        Learning rate for each checkpoint.
    batch
        Batch size, the same for all.
    assumed
        Names of those that nothing is known of: they are the reference code's.
    source
        Where the learning rate comes from, in words; "" where there is nothing to choose.
    """

    eta: tuple[float, ...]
    batch: int
    assumed: tuple[str, ...]
    source: str = ""

    @property
    def eta_words(self) -> str:
        """The learning rate, or its range, and whether it is assumed."""
        low, high = min(self.eta), max(self.eta)
        words = f"{high:g}" if low == high else f"{low:g} to {high:g}"
        return words + (" (assumed)" if "eta" in self.assumed else "") + (f", {self.source}" if self.source else "")

    @property
    def batch_words(self) -> str:
        """The batch size, and whether it is assumed."""
        return f"{self.batch}{' (assumed)' if 'training_batch' in self.assumed else ''}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured, the same for all checkpoints.

    Attributes
    ----------
    points
        Rows of the network.
    branches
        Row of each scaled branch to the rows of its convolutions.
    labels, classes
        (pictures,) labels; how many there may be.
    checkpoints, parameters
        Names of the checkpoints; names of the network's tensors.
    mode, factors
        When values count as equal; widths of the grid that are measured.
    training
        How the checkpoints were trained.
    """

    points: tuple[LayerSpec, ...]
    branches: Mapping[str, tuple[str, ...]]
    labels: NDArray[np.int64]
    classes: int
    checkpoints: tuple[str, ...]
    parameters: tuple[str, ...]
    mode: str
    factors: tuple[float, ...]
    training: Training

    @property
    def grid(self) -> bool:
        """True if values are compared on the grid of an update."""
        return self.mode == "update-grid"


def plan_for(job: Job) -> Plan:
    """Find out what a request asks for.

    Raises
    ------
    AnalysisError
        If there are no pictures, no labels, or no points.
    """
    mode = str(job.params["mode"])
    points = _points(job)
    labels = checked_labels(job)
    outputs = job.model.recording.output_shape
    several = job.params["tolerances"] and mode == "update-grid"
    return Plan(
        points,
        branches_of(job.model, points) if job.params["scaled_branches"] else {},
        labels,
        max(int(labels.max()) + 1, outputs[0] if len(outputs) == 1 else 0),
        job.series.names if job.series else (str(dict(job.model.facts).get("weights", job.model.name)),),
        tuple(name for name, _ in job.model.net.named_parameters()),
        mode,
        FACTORS if several else (1.0,),
        _training(job),
    )


def checked_labels(job: Job) -> NDArray[np.int64]:
    """Labels of the pictures.

    Raises
    ------
    AnalysisError
        If there are none, or some are below 0.
    """
    labels = job.images.labels
    if not job.images.count:
        raise AnalysisError("There are no pictures.", "Choose at least one.")
    if labels is None:
        raise AnalysisError("Bundles need labels, and the pictures have none.", "Give pictures with labels.")
    if int(labels.min()) < 0:
        raise AnalysisError(f"The pictures have the label {labels.min()}.", "Labels are counted from 0.")
    return labels


def branches_of(model: Model, points: Iterable[LayerSpec]) -> dict[str, tuple[str, ...]]:
    """Convolutions of every branch among the points, see :func:`analysis.blocks.shortcuts.branch_layers`."""
    wanted = {point.name for point in points if point.kind == "branch"}
    if not wanted:
        return {}
    found = branch_layers(trace(model.net, model.input_shape), model.recording)
    return {name: layers for name, layers in found.items() if name in wanted and layers}


def training_of(model: Model, eta: float, batch: int) -> tuple[float, int, tuple[str, ...]]:
    """Learning rate and batch size: as given, or as the checkpoint states them, or as in the reference code.

    Returns
    -------
    tuple[float, int, tuple[str, ...]]
        The two, and the names of those that nothing is known of.
    """
    found = training_over((dict(model.facts),), eta, batch)
    return found.eta[0], found.batch, found.assumed


def training_over(facts: Sequence[Mapping[str, str]], eta: float, batch: int, own: bool = False) -> Training:
    """Learning rates and batch size over checkpoints: as given, or as these state them, or as in the reference code.

    By default all have one learning rate, the largest that any states: that of a schedule's end is so small that its
    grid finds conflicts which come from the ruler.

    Parameters
    ----------
    facts
        What each checkpoint states, in the order of training.
    eta, batch
        As given; 0 for what the checkpoints state.
    own
        True for the learning rate that each states itself; one that states none has the largest.
    """
    rates = [_stated(fact, "eta") for fact in facts]
    batches = [value for fact in facts if (value := _stated(fact, "training_batch"))]
    base = eta or max(rates, default=0.0)
    assumed = (("eta",) if not base else ()) + (("training_batch",) if not (batch or batches) else ())
    base, source = base or ETA, ""
    if own and not eta:
        rates = [rate or base for rate in rates]
    else:
        source = "the largest that a checkpoint states" if not eta and len({r for r in rates if r}) > 1 else ""
        rates = [base] * len(rates)
    if len(set(rates)) > 1:
        source = "as each checkpoint states"
    return Training(tuple(rates), round(batch or (batches[0] if batches else BATCH)), assumed, source)


def _training(job: Job) -> Training:
    eta, batch, own = (job.params[name] for name in ("eta", "training_batch", "own_eta"))
    model = job.model
    # Files are read only for what nobody has said.
    every = job.series.facts(model) if job.series and not (eta and batch) else None
    facts = every or (dict(model.facts),) * (len(job.series.names) if job.series else 1)
    return training_over(facts, float(eta), int(batch), bool(own))


def _stated(facts: Mapping[str, str], name: str) -> float:
    return next((value for word in STATED[name] if (value := _number(facts.get(word, ""))) > 0), 0.0)


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if np.isfinite(value) else 0.0


def _points(job: Job) -> tuple[LayerSpec, ...]:
    recording = job.model.recording
    if not job.request.layers:
        points = default_points(recording)
    else:
        chosen = job.choose(())
        dropped = tuple(p.name for p in chosen if p.name in recording.folded or is_logits(recording, p))
        points = tuple(point for point in chosen if point.name not in dropped)
        if dropped:
            text = "Logits are no points, nor are rows whose first axis is not the pictures'; these were left out."
            job.warn("not_measured", text, dropped)
    if not points or (len(points) == 1 and points[0].kind == "input" and not job.request.layers):
        raise AnalysisError("The network has no points at which bundles can be read.", "Choose layers with --layers.")
    return points


def declared(job: Job, plan: Plan) -> Declared:
    """All outputs of a run, in the order of depth and of training."""
    sizes = {
        "checkpoint": len(plan.checkpoints),
        "point": len(plan.points),
        "sample": len(plan.labels),
        "class": plan.classes,
        "tolerance": len(plan.factors),
        "word": 2,
    }

    def output(name: str, dims: tuple[str, ...], dtype: str = "float64", unit: str = "", title: str = "") -> Output:
        return Output(name, dims, tuple(sizes[dim] for dim in dims), dtype, unit, title)

    cell = ("checkpoint", "point")
    outputs = [
        *(output(name, cell, "float64", unit, title) for name, unit, title in SHARES),
        *(output(name, cell, "int64", unit, title) for name, unit, title in COUNTS),
        *((output("branch_scale", cell, title="Factor of the branch, 1 elsewhere"),) if plan.branches else ()),
        output("state", cell, "uint8", title="1: all pictures equal; 2: all values 0"),
        *(output(name, cell[:1], "float64", unit, title) for name, unit, title in OF_CHECKPOINT),
        output("amplitude_tensor", cell[:1], "int32", title="Tensor that attains W, by number"),
        output("bundle_ids", (*cell, "sample"), "int32", title="Bundle of each picture"),
        output("prediction", ("checkpoint", "sample"), "int32", title="Prediction"),
        output("label", ("sample",), "int32", title="Label"),
    ]
    if len(plan.factors) > 1:
        outputs.append(output("entropy_by_tolerance", ("tolerance", *cell), unit="nats", title="Bundle entropy"))
    if plan.grid and job.params["critical"]:
        outputs.append(output("critical_tolerance", cell, unit="τ", title="Critical tolerance (ours)"))
    if plan.classes <= MOST_CLASSES:
        outputs.append(output("first_merge", ("class", "class"), "int32", title="First point that merges two classes"))
        outputs.append(output("merged_pairs", ("class", "class"), "int64", "pairs", "Pairs merged there"))
    if job.params["check"]:
        outputs.append(output("collisions", cell, "int64", "pictures", "Pictures unlike the first of their bundle"))
    if job.params["keep_keys"] and plan.mode != "close":
        outputs.append(output("keys", (*cell, "sample", "word"), "int64", title="Keys of 128 bits"))
    return Declared(tuple(outputs), plan.points, _dim_names(job, plan), _facts(job, plan))


def _dim_names(job: Job, plan: Plan) -> tuple[tuple[str, tuple[str, ...]], ...]:
    classes = job.images.samples.classes or job.model.classes
    return (
        ("checkpoint", plan.checkpoints),
        ("point", tuple(point.name for point in plan.points)),
        ("tolerance", tuple(f"{factor:g} τ" for factor in plan.factors)),
        ("parameter", plan.parameters),
        *((("class", tuple(classes)),) if len(classes) == plan.classes else ()),
    )


MODE_WORDS = {
    "update-grid": "equal after one weight update, W − a·η·(1/B) in float32",
    "exact": "equal as float32 numbers",
    "close": "within 1e-8 + 1e-5 |a| of the first of the bundle; depends on the order of the pictures",
}


def _facts(job: Job, plan: Plan) -> tuple[tuple[str, str], ...]:
    scaled = f"{len(plan.branches)} scaled by 1/sqrt(var + 1e-6) of their convolutions" if plan.branches else "unscaled"
    route = "leaders" if plan.mode == "close" else route_of(job.model.device)
    return (
        ("mode", f"{plan.mode}: {MODE_WORDS[plan.mode]}"),
        ("pictures", f"N = {len(plan.labels):,}"),
        ("seed", str(job.request.seed)),
        ("η", plan.training.eta_words),
        ("B", plan.training.batch_words),
        ("branches", scaled),
        ("keys", route),
        ("precision", _precision(job.model)),
        *((("critical tolerance", CRITICAL),) if plan.grid and job.params["critical"] else ()),
        ("first merge", "of the last checkpoint; point by its number from 0, pairs of pictures"),
    )


def _precision(model: Model) -> str:
    """Say in what the network computes, and what its file holds: values merged by that stay merged."""
    own, stored = str(model.dtype).removeprefix("torch."), dict(model.facts).get("stored as", "")
    return f"{own}, from weights stored as {stored}" if stored and stored != own else own


CRITICAL = (
    "ours: the smallest 2^k τ at which pictures of two classes share a bundle, looked for up to 2^24; "
    "0 if their values are equal, empty if there is none"
)
