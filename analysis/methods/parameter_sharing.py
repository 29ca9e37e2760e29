"""Parameter sharing: what a ring of weights would read and reuse, and how little of trained weights it can stand for.

Wang et al., "Recurrent Parameter Generators", WACV 2023. Trained weights are projected onto rings of several sizes by
least squares. That is a diagnosis and a start for training, not a compression method: random signs keep N / M of the
energy, whatever the weights. What the method is good for shows when it is trained, see `train_shared`.
"""

from __future__ import annotations

import copy
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from analysis.catalogue import MethodInfo, Param
from analysis.config import LayerSpec
from analysis.events import Array, Chunk, Declared, Output, Progress
from analysis.job import Job, Step
from analysis.measures import ring_projection as projection
from analysis.measures import rings
from analysis.measures.ring_fits import Freedom, freedom
from analysis.measures.rings import VARIANTS, Bank, Floats, Places, Signs
from analysis.outputs import class_scores
from analysis.problems import AnalysisError
from analysis.sharing import Sharing, plan
from analysis.sharing.choice import chosen_modules, read_ratios
from analysis.sharing.nets import flat

INFO = MethodInfo(
    name="parameter_sharing",
    title="Parameter sharing",
    summary="Projection of the weights onto shared rings: what each layer keeps, who reads what, degrees of freedom.",
    needs=frozenset({"model"}),
    takes=frozenset({"images"}),
    params=(
        Param("ratios", "0.02,0.05,0.1,0.2,0.5,1", "Sizes of the ring over the weights it makes (N / M)"),
        Param("detail", 0.2, "Size N / M for the usage map, reuse and correlations", low=1e-6, high=100.0),
        Param("variant", "full", "Kind of sharing", choices=VARIANTS),
        Param("layout", "shuffle", "Order of the ring in the variants full and perm", choices=("shuffle", "laps")),
        Param("scope", "net", "One ring for the net, or one per stage or block", choices=("net", "stage", "block")),
        Param("include", "", "What is shared beside the usual convolutions: stem, linear, grouped"),
        Param("whitened", True, "Divide each layer by its root mean square, so that small weights count as well"),
        Param("gain", "none", "Factor of each layer after the projection", choices=projection.GAINS),
        Param("bins", 256, "Parts of the ring in the usage map", low=1, high=2000),
        Param("recalibrate", 512, "Pictures from which batch normalisation is measured anew, 0 for none", low=0),
    ),
    limit=512,
)

PER_SIZE = (  # name, dtype, title
    ("size", "int64", "Entries of all rings"),
    ("shared_freedom", "int64", "Degrees of freedom of the shared part"),
    ("total_freedom", "int64", "Degrees of freedom in all"),
    ("energy_kept", "float64", "Share of the whitened energy that the projection keeps"),
    ("energy_expected", "float64", "Expected share, N / M"),
    ("energy_deviation", "float64", "Standard deviation of that share over signs"),
    ("energy_pruned", "float64", "Share kept by the N largest weights"),
)
ACCURACIES = (
    ("accuracy", "Accuracy after projection, batch normalisation measured anew"),
    ("accuracy_plain", "Accuracy after projection, batch normalisation as it was"),
    ("accuracy_pruned", "Accuracy of the N largest weights, batch normalisation measured anew"),
)
PER_LAYER = (
    ("error", "Relative squared error"),
    ("cosine", "Cosine between weights and their projection"),
    ("error_expected", "Expected relative squared error"),
    ("error_pruned", "Relative squared error of magnitude pruning"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """The weights that are shared, laid end to end in the order of their first use.

    Attributes
    ----------
    layers
        (layers,) rows.
    tensors
        The parameters.
    values
        (M,) float64.
    order
        Place of each row among the weights in the order of the banks.
    """

    layers: tuple[LayerSpec, ...]
    tensors: tuple[Tensor, ...]
    values: Floats
    order: tuple[int, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Weights of each row."""
        return tuple(tensor.numel() for tensor in self.tensors)


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """Which entry each weight reads; several rings are laid end to end.

    Attributes
    ----------
    index, sign
        (M,) in the order of :class:`Weights`.
    size
        Entries of all rings.
    banks
        The rings.
    """

    index: Places
    sign: Signs
    size: int
    banks: tuple[Bank, ...]


def run(job: Job) -> Iterator[Step]:
    """Describe the ring of one size, then project onto rings of all sizes."""
    sharing = _sharing(job)
    banks = plan(job.model.net, sharing, job.model.recording.layers)
    weights = _weights(job, banks)
    ratios = read_ratios(str(job.params["ratios"]))
    detail = _reading(job, weights, sharing, float(job.params["detail"]))
    scored = job.pictures is not None and job.images.labels is not None
    if job.pictures is not None and not scored:
        job.warn("no_labels", "The pictures have no labels: there is no accuracy.")
    yield _declared(job, weights, detail, ratios, scored)
    yield from _described(job, weights, detail)
    tester = _Tester(job, weights) if scored else None
    if tester:
        top1 = yield from tester.score(weights.values, False, "as trained")
        yield Chunk("accuracy_dense", (), np.asarray(top1))
    for place, ratio in enumerate(ratios):
        yield Progress(place, len(ratios), f"Projecting onto N / M = {ratio:g}")
        yield from _projected(job, weights, _reading(job, weights, sharing, ratio), place, tester)
    yield Progress(len(ratios), len(ratios), "Done")


def _sharing(job: Job) -> Sharing:
    params = job.params
    return Sharing(
        scope=str(params["scope"]),
        layers=chosen_modules(job.choose(())) if job.request.layers else "",
        include=str(params["include"]),
        variant=str(params["variant"]),
        layout=str(params["layout"]),
        seed=job.request.seed % 2**32,
        whitened=bool(params["whitened"]),
    )


def _weights(job: Job, banks: tuple[Bank, ...]) -> Weights:
    """Find the first row that uses each shared weight; rows come in the order of execution."""
    names = [name for bank in banks for name in bank.names]
    parameters = dict(job.model.net.named_parameters())
    users = {path: getattr(module, "weight", None) for path, module in job.model.net.named_modules()}
    rows: dict[int, LayerSpec] = {}
    for layer in job.model.recording.layers:
        tensor = users.get(layer.module)
        if layer.kind in ("conv", "linear") and tensor is not None:
            rows.setdefault(id(tensor), layer)
    used = [place for place, name in enumerate(names) if id(parameters[name]) in rows]
    unused = tuple(name for place, name in enumerate(names) if place not in used)
    if unused:
        raise AnalysisError("Some shared weights are not used in a forward pass.", "Choose others.", items=unused)
    place_of = {layer.name: number for number, layer in enumerate(job.model.recording.layers)}
    order = tuple(sorted(used, key=lambda place: place_of[rows[id(parameters[names[place]])].name]))
    tensors = tuple(parameters[names[place]] for place in order)
    layers = tuple(rows[id(tensor)] for tensor in tensors)
    values = flat(tensors)
    if not np.isfinite(values).all():
        raise AnalysisError("Some weights are infinite or not a number.", "Repair the weights before projecting them.")
    return Weights(layers, tensors, values, order)


def _reading(job: Job, weights: Weights, sharing: Sharing, ratio: float) -> Reading:
    """Draw the rings of one size, rows in the order of the weights."""
    banks = plan(job.model.net, replace(sharing, ratio=ratio), job.model.recording.layers)
    index, sign, start = [], [], 0
    for bank in banks:
        drawn, signs = rings.draw(bank)
        ends = rings.offsets(bank.sizes)[1:-1]
        index += np.split(drawn + np.int32(start), ends)
        sign += np.split(signs, ends)
        start += bank.size
    return Reading(
        np.concatenate([index[place] for place in weights.order]),
        np.concatenate([sign[place] for place in weights.order]),
        start,
        banks,
    )


def _free(job: Job, reading: Reading) -> Freedom:
    every = sum(parameter.numel() for parameter in job.model.net.parameters())
    trainable = sum(p.numel() for p in job.model.net.parameters() if p.requires_grad)
    return freedom(reading.banks, trainable - sum(bank.total for bank in reading.banks), every)


def _described(job: Job, weights: Weights, reading: Reading) -> Iterator[Step]:
    """Say who reads what, how often, and how alike the layers are before and after."""
    sizes, size = weights.sizes, reading.size
    yield Progress(0, 0, "Reading the ring")
    free = _free(job, reading)
    scales = projection.layer_scales(weights.values, sizes)
    single = len(reading.banks) == 1 and reading.banks[0].layout == "shuffle"
    expected = [rings.expected_distinct(size, sum(sizes), count) if single else np.nan for count in sizes]
    numbers: dict[str, Array] = {
        "generated": np.asarray(sizes, dtype=np.int64),
        "scale": scales,
        "distinct": rings.distinct(reading.index, sizes, size),
        "distinct_expected": np.asarray(expected),
        "unshared": np.asarray(free.unshared, dtype=np.int64),
        "reference": np.asarray(free.reference, dtype=np.int64),
        "total_generated": np.asarray(free.generated, dtype=np.int64),
        "detail_size": np.asarray(size, dtype=np.int64),
        "reuse": rings.reuse_histogram(rings.reuse_counts(reading.index, size)),
        "correlation_before": _between(weights.values, sizes),
    }
    found = _project(job, weights, reading)
    numbers["correlation_after"] = _between(found.kernels, sizes)
    for name, values in numbers.items():
        yield from _rows(name, values)
    yield Progress(0, 0, "Who reads which part")
    yield from _rows("usage", rings.usage_map(reading.index, sizes, size, int(job.params["bins"])))
    yield from _rows("overlap", rings.overlap(reading.index, sizes, size))


def _between(kernels: Floats, sizes: tuple[int, ...]) -> Floats:
    """Likeness of different layers; the diagonal, where a layer meets itself, is left empty."""
    found = projection.correlation(kernels, sizes)
    np.fill_diagonal(found, np.nan)
    return found


def _rows(name: str, values: Array) -> Iterator[Chunk]:
    """Hand out an array in chunks of less than a megabyte."""
    if values.nbytes <= 1 << 19:
        yield Chunk(name, (), values)
        return
    step = max(1, (1 << 19) // values[:1].nbytes)
    for start in range(0, len(values), step):
        yield Chunk(name, (start,), values[start : start + step])


def _project(job: Job, weights: Weights, reading: Reading) -> projection.Projection:
    params = job.params
    given = (weights.values, reading.index, reading.sign, weights.sizes, reading.size)
    return projection.project(*given, whitened=bool(params["whitened"]), gain=str(params["gain"]))


def _projected(job: Job, weights: Weights, reading: Reading, place: int, tester: _Tester | None) -> Iterator[Step]:
    """Project onto the rings of one size, prune to as many weights, and compare both with the expectations."""
    sizes, whitened = weights.sizes, bool(job.params["whitened"])
    free = _free(job, reading)
    found = _project(job, weights, reading)
    kept = projection.pruned(weights.values, free.shared, sizes, whitened)
    yield Progress(place, 0, "Comparing layers")
    mean, deviation = _expected(job, weights, free)
    per_size = {
        "size": reading.size,
        "shared_freedom": free.shared,
        "total_freedom": free.total,
        "energy_kept": projection.kept_energy(weights.values, found.kernels, sizes, whitened),
        "energy_expected": mean,
        "energy_deviation": deviation,
        "energy_pruned": projection.kept_energy(weights.values, kept, sizes, whitened),
    }
    for name, value in per_size.items():
        yield Chunk(name, (place,), np.asarray(value))
    error, cosine = projection.layer_errors(weights.values, found.kernels, sizes)
    law = np.full(len(sizes), 1 - mean) if whitened else projection.expected_error(weights.values, sizes, reading.size)
    if job.params["gain"] != "none" or job.params["variant"] != "full":
        law = np.full(len(sizes), np.nan)
    lost, _ = projection.layer_errors(weights.values, kept, sizes)
    for (name, _), values in zip(PER_LAYER, (error, cosine, law, lost), strict=True):
        yield Chunk(name, (place, 0), values)
    if tester:
        tests = (("accuracy", found.kernels, True), ("accuracy_plain", found.kernels, False))
        for name, kernels, anew in (*tests, ("accuracy_pruned", kept, True)):
            top1 = yield from tester.score(kernels, anew, f"N / M = {reading.size / len(kernels):.3g}")
            yield Chunk(name, (place,), np.asarray(top1))


def _expected(job: Job, weights: Weights, free: Freedom) -> tuple[float, float]:
    """Energy that is kept on average, and its deviation; NaN where nothing is known."""
    mean, deviation = projection.expected_kept(free.shared, free.generated)
    variant = job.params["variant"]
    if job.params["gain"] != "none" or variant == "direct" or not job.params["whitened"]:
        return float("nan"), float("nan")
    if variant == "perm":  # without signs a common mean survives
        each = projection.per_weight(projection.layer_scales(weights.values, weights.sizes), weights.sizes)
        scaled = np.divide(weights.values, each, out=np.zeros_like(each), where=each > 0)
        return mean + (1 - mean) * float(scaled.mean()) ** 2, float("nan")
    return mean, deviation


class _Tester:
    """A copy of the network whose shared weights are replaced, and the pictures to test it on."""

    def __init__(self, job: Job, weights: Weights) -> None:
        self.job = job
        memo: dict[int, object] = {}
        self.net = copy.deepcopy(job.model.net, memo)
        self.copies = [memo[id(tensor)] for tensor in weights.tensors]
        self.sizes = weights.sizes
        self.norms = [m for m in self.net.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        self.norms = [norm for norm in self.norms if norm.track_running_stats]
        self.before = [copy.deepcopy(norm.state_dict()) for norm in self.norms]

    def score(self, kernels: Floats, anew: bool, text: str) -> Generator[Step, None, float]:
        """Put weights in, measure batch normalisation anew if asked, and return the top-1 accuracy."""
        ends = rings.offsets(self.sizes)[1:-1]
        with torch.no_grad():
            for holder, values in zip(self.copies, np.split(kernels, ends), strict=True):
                assert isinstance(holder, Tensor)  # a copy of a parameter
                holder.copy_(torch.from_numpy(values).view(holder.shape))
        for norm, state in zip(self.norms, self.before, strict=True):
            norm.load_state_dict(state)
        if anew:
            yield from self._recalibrate(text)
        right, count = 0, 0
        labels = self.job.images.labels
        assert labels is not None  # asked before
        for batch in self.job.images.batches():
            prediction = class_scores(self.net(batch.pixels), "Accuracy").argmax(1).cpu().numpy()
            right, count = right + int((prediction == labels[batch.index]).sum()), count + len(prediction)
            yield Progress(0, 0, f"Classifying, {text}")
        return right / count

    def _recalibrate(self, text: str) -> Iterator[Step]:
        """Measure mean and variance of every batch normalisation with the weights that are in place."""
        wanted = min(int(self.job.params["recalibrate"]), self.job.images.count)
        if not wanted or not self.norms:
            return
        momenta = [norm.momentum for norm in self.norms]
        for norm in self.norms:
            norm.reset_running_stats()
            norm.momentum, norm.training = None, True  # None: the plain mean over batches
        try:
            for batch in self.job.images.batches(np.arange(wanted, dtype=np.int64)):
                if len(batch.index) > 1:
                    self.net(batch.pixels)
                yield Progress(0, 0, f"Measuring batch normalisation, {text}")
        finally:
            for norm, momentum in zip(self.norms, momenta, strict=True):
                norm.momentum, norm.training = momentum, False


def _declared(job: Job, weights: Weights, reading: Reading, ratios: tuple[float, ...], scored: bool) -> Declared:
    count, sizes = len(weights.layers), len(ratios)
    bins = min(int(job.params["bins"]), reading.size)
    most = int(rings.reuse_counts(reading.index, reading.size).max()) + 1
    square = ("layer", "layer"), (count, count), "float64"
    outputs = (
        *(Output(name, ("ratio", "layer"), (sizes, count), title=title) for name, title in PER_LAYER),
        *(Output(name, ("ratio",), (sizes,), dtype, title=title) for name, dtype, title in PER_SIZE),
        *(Output(name, ("ratio",), (sizes,), title=title) for name, title in ACCURACIES if scored),
        *((Output("accuracy_dense", (), (), title="Accuracy as trained"),) if scored else ()),
        Output("generated", ("layer",), (count,), "int64", title="Weights made by the ring"),
        Output("scale", ("layer",), (count,), title="Root mean square of the weights"),
        Output("distinct", ("layer",), (count,), "int64", "entries", "Different entries read"),
        Output("distinct_expected", ("layer",), (count,), "float64", "entries", "Expected different entries"),
        Output("unshared", (), (), "int64", title="Trainable numbers that are not shared"),
        Output("reference", (), (), "int64", title="Parameters without sharing"),
        Output("total_generated", (), (), "int64", title="Weights made by all rings"),
        Output("detail_size", (), (), "int64", title="Entries of the rings that are described"),
        Output("usage", ("layer", "bin"), (count, bins), title="Uses over those of an even spread"),
        Output("overlap", *square, title="Share of the row's entries that the column reads as well"),
        Output("reuse", ("uses",), (most,), "int64", "entries", "Entries by number of uses"),
        Output("correlation_before", *square, unit="1/√n", title="Cosine between layers, as trained"),
        Output("correlation_after", *square, unit="1/√n", title="Cosine between layers, projected"),
    )
    names = (("ratio", tuple(f"{ratio:g}" for ratio in ratios)),)
    return Declared(outputs, weights.layers, names, _facts(job, reading, scored))


def _facts(job: Job, reading: Reading, scored: bool) -> tuple[tuple[str, str], ...]:
    params = job.params
    rings_ = f"{len(reading.banks)} ring{'s' if len(reading.banks) > 1 else ''}"
    facts = [
        (
            "projection",
            "a diagnosis and a start for training, not a compression: see train_shared for what sharing can do",
        ),
        ("variant", f"{params['variant']}, layout {reading.banks[0].layout}, {rings_}, seed {job.request.seed}"),
        ("scale", "root mean square of each layer" if params["whitened"] else "1 for every layer"),
        ("gain", str(params["gain"])),
        ("detail", f"usage, reuse and correlations at N / M = {float(params['detail']):g}"),
        ("energy", "of weights divided by their scale; expected N / M for random signs, derived, not published"),
        ("pruning", "the N largest weights, divided by their scale, all others 0"),
        ("not shared", "first convolution, linear and grouped layers, biases, normalisation, unless included"),
    ]
    if scored:
        used = min(int(params["recalibrate"]), job.images.count)
        facts.append(("batch normalisation", f"measured anew on {used:,} of the same pictures"))
    return tuple(facts)
