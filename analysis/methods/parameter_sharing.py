"""Parameter sharing: what a ring of weights would read and reuse, and how little of trained weights it can stand for.

Wang et al., "Recurrent Parameter Generators", WACV 2023. Trained weights are projected onto rings of several sizes by
least squares. That is a diagnosis and a start for training, not a compression method: random signs keep N / M of the
energy, whatever the weights. What the method is good for shows when it is trained, see `train_shared`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analysis.catalogue import MethodInfo, Param
from analysis.events import Array, Chunk, Declared, Output, Progress
from analysis.job import Job, Step
from analysis.measures import ring_gradients, ring_spectra, rings
from analysis.measures import ring_projection as projection
from analysis.measures.ring_fits import Freedom, freedom
from analysis.measures.ring_uses import shape_table
from analysis.measures.rings import VARIANTS, Floats
from analysis.sharing import Sharing, plan
from analysis.sharing.choice import chosen_modules, read_ratios
from analysis.sharing.reading import Reading, Weights, lay_out, read
from analysis.sharing.trial import Trial

INFO = MethodInfo(
    name="parameter_sharing",
    title="Parameter sharing",
    version=2,
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
        Param("gradient", 128, "Pictures from which the agreement of gradients is measured, 0 for none", low=0),
        Param("entries", 4_000_000, "Most shared weights of which it is kept which entry each reads", low=0),
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
    ("energy_truncated", "float64", "Share kept by truncated singular value decompositions of N numbers"),
)
ACCURACIES = (
    ("accuracy", "Accuracy after projection, batch normalisation measured anew"),
    ("accuracy_plain", "Accuracy after projection, batch normalisation as it was"),
    ("accuracy_pruned", "Accuracy of the N largest weights, batch normalisation measured anew"),
)
SPECTRA = (
    ("sigma_projected", "Singular values, projected onto the ring"),
    ("sigma_pruned", "Singular values, the N largest weights alone"),
)
PER_LAYER = (
    ("error", "Relative squared error"),
    ("cosine", "Cosine between weights and their projection"),
    ("error_expected", "Expected relative squared error"),
    ("error_pruned", "Relative squared error of magnitude pruning"),
)


def run(job: Job) -> Iterator[Step]:
    """Describe the ring of one size, then project onto rings of all sizes."""
    sharing = _sharing(job)
    banks = plan(job.model.net, sharing, job.model.recording.layers)
    weights = lay_out(job.model, banks)
    ratios = read_ratios(str(job.params["ratios"]))
    detail = read(job.model, weights, sharing, float(job.params["detail"]))
    if detail.size > len(weights.values):
        spare = detail.size - len(weights.values)
        job.warn("spare_entries", f"The ring is larger than its weights: {spare:,} entries are read by nothing.")
    scored = job.pictures is not None and job.images.labels is not None
    if job.pictures is not None and not scored:
        job.warn("no_labels", f"{job.unlabelled}: there is no accuracy.")
    yield _declared(job, weights, detail, ratios, scored)
    recalibrate = int(job.params["recalibrate"])
    tester = Trial(job.model.net, weights.tensors, job.images, recalibrate) if scored else None
    yield from _described(job, weights, detail, tester)
    sigma = ring_spectra.singular_values(weights.values, weights.shapes)
    yield from _rows("sigma", sigma)
    if tester:
        top1 = yield from tester.score(weights.values, False, "as trained")
        yield Chunk("accuracy_dense", (), np.asarray(top1))
    for place, ratio in enumerate(ratios):
        yield Progress(place, len(ratios), f"Projecting onto N / M = {ratio:g}")
        yield from _projected(job, weights, read(job.model, weights, sharing, ratio), place, tester, sigma)
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


def _free(job: Job, reading: Reading) -> Freedom:
    every = sum(parameter.numel() for parameter in job.model.net.parameters())
    trainable = sum(p.numel() for p in job.model.net.parameters() if p.requires_grad)
    return freedom(reading.banks, trainable - sum(bank.total for bank in reading.banks), every)


def _described(job: Job, weights: Weights, reading: Reading, tester: Trial | None) -> Iterator[Step]:
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
        "weight_shape": shape_table(weights.shapes),
        "ring_sizes": np.array([bank.size for bank in reading.banks], dtype=np.int64),
    }
    found = _project(job, weights, reading)
    numbers |= {"correlation_after": _between(found.kernels, sizes), "ring": found.ring, "ring_scale": found.scale}
    if _keeps_entries(job, weights):
        numbers |= {"entry": reading.index, "entry_positive": (reading.sign > 0).astype(np.uint8)}
    for name, values in numbers.items():
        yield from _rows(name, values)
    yield Progress(0, 0, "Who reads which part")
    yield from _rows("usage", rings.usage_map(reading.index, sizes, size, int(job.params["bins"])))
    yield from _rows("overlap", rings.overlap(reading.index, sizes, size))
    if tester and job.params["gradient"]:
        yield from _agreed(job, weights, reading, found, tester)


def _keeps_entries(job: Job, weights: Weights) -> bool:
    return len(weights.values) <= int(job.params["entries"])


def _agreed(
    job: Job, weights: Weights, reading: Reading, found: projection.Projection, tester: Trial
) -> Iterator[Step]:
    """Compare what the layers contribute to the gradient of the ring, where training it would begin."""
    pictures = int(job.params["gradient"])
    gradient = yield from tester.gradients(found.kernels, pictures, "projected weights")
    each = ring_gradients.contributions(gradient, reading.sign, projection.per_weight(found.scale, weights.sizes))
    agreed = ring_gradients.agreement(each, reading.index, weights.sizes, reading.size)
    np.fill_diagonal(agreed.cosine, np.nan)
    yield from _rows("gradient_cosine", agreed.cosine)
    yield from _rows("gradient_length", agreed.length)
    yield Chunk("gradient_together", (), np.asarray(agreed.together))
    if _keeps_entries(job, weights):
        yield from _rows("entry_gradient", each)


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


def _projected(
    job: Job, weights: Weights, reading: Reading, place: int, tester: Trial | None, sigma: Floats
) -> Iterator[Step]:
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
        "energy_truncated": ring_spectra.truncated_energy(sigma, weights.values, weights.shapes, free.shared, whitened),
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
    for (name, title), kernels in zip(SPECTRA, (found.kernels, kept), strict=True):
        yield Progress(place, 0, f"solving, {title}")
        for row, values in enumerate(ring_spectra.singular_values(kernels, weights.shapes)):
            yield Chunk(name, (place, row), values)
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


def _declared(job: Job, weights: Weights, reading: Reading, ratios: tuple[float, ...], scored: bool) -> Declared:
    count, sizes = len(weights.layers), len(ratios)
    bins = min(int(job.params["bins"]), reading.size)
    total, deepest = len(weights.values), max(len(shape) for shape in weights.shapes)
    widest = max(ring_spectra.components(shape) for shape in weights.shapes)
    kept = _keeps_entries(job, weights)
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
        Output("sigma", ("layer", "component"), (count, widest), title="Singular values, as trained"),
        *(
            Output(name, ("ratio", "layer", "component"), (sizes, count, widest), title=title)
            for name, title in SPECTRA
        ),
        Output("weight_shape", ("layer", "axis"), (count, deepest), "int64", title="Shapes of the kernels"),
        Output("ring_sizes", ("ring",), (len(reading.banks),), "int64", "entries", "Entries of each ring"),
        Output("ring", ("entry",), (reading.size,), title="Entries of the rings, laid end to end"),
        Output("ring_scale", ("layer",), (count,), title="Factor between entries and weights"),
        *(_entry_outputs(total) if kept else ()),
        *(_gradient_outputs(count, total if kept else 0) if _has_gradients(job, scored) else ()),
    )
    names = (("ratio", tuple(f"{ratio:g}" for ratio in ratios)),)
    return Declared(outputs, weights.layers, names, _facts(job, reading, scored, kept))


def _has_gradients(job: Job, scored: bool) -> bool:
    return scored and int(job.params["gradient"]) > 0


def _entry_outputs(total: int) -> tuple[Output, ...]:
    return (
        Output("entry", ("weight",), (total,), "int32", title="Entry that each weight reads"),
        Output("entry_positive", ("weight",), (total,), "uint8", title="Whether it is read with the sign +"),
    )


def _gradient_outputs(count: int, total: int) -> tuple[Output, ...]:
    found = (
        Output("gradient_cosine", ("layer", "layer"), (count, count), title="Cosine between layers' gradients"),
        Output("gradient_length", ("layer",), (count,), title="Length of the layer's gradient on the ring"),
        Output("gradient_together", (), (), title="Squared length of all gradients together, over that of each alone"),
    )
    if not total:
        return found
    return (*found, Output("entry_gradient", ("weight",), (total,), title="Share in the gradient of its entry"))


def _facts(job: Job, reading: Reading, scored: bool, kept: bool) -> tuple[tuple[str, str], ...]:
    params = job.params
    pictures = min(int(params["gradient"]), job.images.count) if scored else 0
    reason = "that needs pictures with labels" if not scored else "their number of pictures is 0"
    gradients = f"mean cross-entropy of {pictures:,} pictures at the projected weights"
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
        ("truncation", "singular directions of all layers by energy per number, N numbers in all (our choice)"),
        ("gradients", gradients if pictures else f"not measured: {reason}"),
        ("entries", "kept" if kept else f"not kept: more than {int(params['entries']):,} shared weights"),
        ("not shared", "first convolution, linear and grouped layers, biases, normalisation, unless included"),
    ]
    if scored:
        used = min(int(params["recalibrate"]), job.images.count)
        facts.append(("batch normalisation", f"measured anew on {used:,} of the same pictures"))
    return tuple(facts)
