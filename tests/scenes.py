"""Scenes for tests of the window: a residual network of the usual shape, and runs that look like real ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from analysis.config import LayerSpec
from analysis.edits import Edits
from analysis.events import Chunk, Declared, Event, Finished, Outcome, Output, Prepared, Progress, Samples, Started
from analysis.measures import rank_lab as lab
from analysis.measures import spectra
from analysis.problems import RunWarning
from analysis.request import ImageSource, ModelSource, Request
from analysis.result import Result
from app.workspace import Run, Workspace
from tests import bundle_scenes, configuration_scenes, sharing_scenes, width_scenes

MODEL = ModelSource("auto", ("resnet20.th",))
IMAGES = ImageSource("cifar_test1000.npz")
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
MEASURED = ("conv", "activation", "block", "pooled")


def network(blocks: int = 3, widths: tuple[int, ...] = (16, 32, 64), size: int = 32) -> tuple[LayerSpec, ...]:
    """Rows of a CIFAR ResNet with 6 · blocks + 2 layers, as the engine records them."""
    rows = [LayerSpec("input", "input", shape=(3, size, size), type="input")]
    rows += [_conv("conv1", 3, widths[0], size, ""), _point(":relu", "activation", widths[0], size, "")]
    before = widths[0]
    for stage, width in enumerate(widths, start=1):
        side = size // 2 ** (stage - 1)
        for block in range(blocks):
            name = f"layer{stage}.{block}"
            rows += [
                _conv(f"{name}.conv1", before, width, side, name),
                _point(f"{name}:relu#1", "activation", width, side, name),
                _conv(f"{name}.conv2", width, width, side, name),
                _point(f"{name}:add", "branch", width, side, name),
                _point(f"{name}:relu#2", "activation", width, side, name),
                replace(_point(name, "block", width, side, name), same_as=f"{name}:relu#2", type="BasicBlock"),
            ]
            before = width
    rows.append(
        LayerSpec(":avg_pool2d", "pooled", type="avg_pool2d", shape=(before, 1, 1), activation_bytes=4 * before)
    )
    rows.append(LayerSpec("linear", "linear", "linear", type="Linear", shape=(10,), parameters=650, macs=640))
    return tuple(rows)


def _conv(name: str, inputs: int, width: int, side: int, block: str) -> LayerSpec:
    weights = 9 * inputs * width
    return LayerSpec(
        name, "conv", name, 1, "Conv2d", (width, side, side), (inputs, side, side), (3, 3), (1, 1), (1, 1), 1,
        weights, weights, weights * side * side, 4 * width * side * side, block, inputs,
    )  # fmt: skip


def _point(name: str, kind: str, width: int, side: int, block: str) -> LayerSpec:
    kinds = {"activation": "relu", "branch": "add", "block": "block"}
    return LayerSpec(
        name, kind, name.partition(":")[0], type=kinds[kind], shape=(width, side, side), block=block,
        activation_bytes=4 * width * side * side,
    )  # fmt: skip


def structure(layers: tuple[LayerSpec, ...]) -> Result:
    return Result.of(structure_events(layers))


def structure_events(layers: tuple[LayerSpec, ...], model: ModelSource = MODEL) -> Iterator[Event]:
    yield Started(Request("structure", model))
    yield Prepared("5" * 64, model="cifar_resnet20", weights_sha256="w")
    yield Declared((Output("width", ("layer",), (len(layers),), "int64", "channels", "Width"),), layers)
    yield Chunk("width", (), np.array([layer.channels for layer in layers], dtype=np.int64))
    yield Finished(Outcome.COMPLETED)


def singular_values(layer: LayerSpec, number: int, seed: int = 0) -> np.ndarray:
    """A plausible spectrum: a strong mean, then a power law whose steepness differs from layer to layer."""
    random = np.random.default_rng([seed, number])
    width = layer.channels
    steep = 1.0 + 0.5 * np.cos(number / 5) + (0.6 if layer.kind == "activation" else 0.9)
    sigma = 40 * np.exp(-steep * 1.6 * np.linspace(0, 1, width)) * np.exp(0.05 * random.standard_normal(width))
    sigma[0] *= 2.5 if layer.kind in ("activation", "block", "pooled") else 1.3
    return np.sort(sigma)[::-1]


def rank_values(rows: tuple[LayerSpec, ...], count: int, seed: int = 0) -> dict[str, np.ndarray]:
    widest = max(row.channels for row in rows)
    width = np.array([row.channels for row in rows])
    seen = np.array([count * (1 if row.kind == "pooled" else min(16, row.positions)) for row in rows])
    sigma = np.full((len(rows), widest), np.nan)
    centred = np.full((len(rows), widest), np.nan)
    for i, row in enumerate(rows):
        sigma[i, : row.channels] = singular_values(row, i, seed)
        centred[i, : row.channels] = np.sort(np.r_[sigma[i, 1 : row.channels], 0.3 * sigma[i, 0]])[::-1]
        if seen[i] < row.channels:
            sigma[i, seen[i] : row.channels] = centred[i, seen[i] : row.channels] = 0
    tolerance = np.array([spectra.default_rtol(int(c), int(n)) for c, n in zip(width, seen, strict=True)])
    tolerance = np.maximum(tolerance, 2e-3 * (1 + np.arange(len(rows)) % 3))
    effective = spectra.effective_rank(sigma)
    rank = spectra.numerical_rank(sigma, tolerance)
    return {
        "channels": width,
        "observations": seen,
        "dead_channels": np.where(np.arange(len(rows)) % 7 == 2, 1, 0),
        "always_on_channels": np.zeros(len(rows), dtype=np.int64),
        "rank": rank,
        "rank_ratio": rank / width,
        "energy_rank": spectra.energy_rank(sigma, 0.99),
        "effective_rank": effective,
        "effective_rank_low": effective * 0.97,
        "effective_rank_high": np.minimum(effective * 1.03, width),
        "participation_ratio": spectra.participation_ratio(sigma),
        "stable_rank": spectra.stable_rank(sigma),
        "nuclear_norm": spectra.nuclear_norm(sigma),
        "nuclear_norm_scaled": spectra.nuclear_norm_scaled(sigma, seen),
        "tolerance": tolerance,
        "singular_values": sigma,
        "singular_values_centred": centred,
    }


def rank_events(
    layers: tuple[LayerSpec, ...],
    count: int = 1000,
    seed: int = 0,
    model: ModelSource = MODEL,
    name: str = "cifar_resnet20",
) -> Iterator[Event]:
    rows = tuple(row for row in layers if row.kind in MEASURED)
    values = rank_values(rows, count, seed)
    yield Started(Request("feature_rank", model, IMAGES))
    yield Prepared(f"{seed:064x}", name, f"weights{model.weights}", samples=Samples(count, 1000, "s", IMAGES.location))
    yield Declared(_outputs(values), rows, facts=_rank_facts(count))
    for i in range(len(rows)):
        for key, array in values.items():
            yield Chunk(key, (i,), array[i])
        yield Progress(i + 1, len(rows), "solving")
    few = tuple(row.name for row, c, n in zip(rows, values["channels"], values["observations"], strict=True) if n < c)
    warning = RunWarning("undersampled", "Fewer observations than channels: the rank is limited by the sample.", few)
    yield Finished(Outcome.COMPLETED, warnings=(warning,) if few else ())


def _rank_facts(count: int) -> tuple[tuple[str, str], ...]:
    return (
        ("mode", "sampled (16 drawn positions per picture): 46 layers; pooled (mean over the map): 1 layers"),
        ("pictures", f"{count:,} in a seeded order"),
        ("tolerance", "max(C, min(N, 10 C)) x eps of the feature's dtype"),
    )


def _outputs(values: dict[str, np.ndarray]) -> tuple[Output, ...]:
    units = {"effective_rank": "directions", "rank": "directions", "stable_rank": "directions", "latency": "ms"}
    return tuple(
        Output(
            name, ("layer", "component")[: array.ndim], array.shape,
            "int64" if array.dtype.kind == "i" else "float64", units.get(name, ""),
        )
        for name, array in values.items()
    )  # fmt: skip


def weight_events(layers: tuple[LayerSpec, ...], model: ModelSource = MODEL) -> Iterator[Event]:
    rows = tuple(row for row in layers if row.kind in ("conv", "linear"))
    width = np.array([row.channels for row in rows])
    sigma = np.full((len(rows), int(width.max())), np.nan)
    for i, row in enumerate(rows):
        sigma[i, : row.channels] = 3 * np.exp(-1.2 * np.linspace(0, 1, row.channels))
    values = {
        "channels": width,
        "columns": width * 9,
        "components": width,
        "rank": width.astype(float),
        "effective_rank": spectra.effective_rank(sigma),
        "stable_rank": spectra.stable_rank(sigma),
        "singular_values": sigma,
    }
    yield Started(Request("weight_spectrum", model))
    yield Prepared("e" * 64, model="cifar_resnet20")
    yield Declared(_outputs(values), rows)
    for name, array in values.items():
        yield Chunk(name, (), array)
    yield Finished(Outcome.COMPLETED)


def latency_events(layers: tuple[LayerSpec, ...]) -> Iterator[Event]:
    rows = tuple(row for row in layers if row.kind in ("conv", "linear", "block") and ":" not in row.name)
    middle = np.array([0.05 + row.macs / 2.4e7 + 0.02 * (i % 3) for i, row in enumerate(rows)])
    values = {"latency": middle, "latency_low": 0.93 * middle, "latency_high": 1.2 * middle}
    yield Started(Request("latency", MODEL))
    yield Prepared("a" * 64, model="cifar_resnet20", threads=1)
    yield Declared(_outputs(values), rows, facts=(("batch", "1 x 3 x 32 x 32"), ("device", "cpu")))
    for name, array in values.items():
        yield Chunk(name, (), array)
    yield Finished(Outcome.COMPLETED)


def confusion(classes: int = 10, count: int = 1000, seed: int = 1) -> np.ndarray:
    random = np.random.default_rng(seed)
    matrix = np.zeros((classes, classes), dtype=np.int64)
    for row in range(classes):
        share = random.random(classes) ** 4
        share[row] = 0
        right = 0.84 + 0.14 * random.random()
        share = (1 - right) * share / share.sum()
        share[row] = right
        matrix[row] = random.multinomial(count // classes, share)
    return matrix


def accuracy_events(
    matrix: np.ndarray | None = None, model: ModelSource = MODEL, seed: int = 1, names: tuple[str, ...] = CLASSES
) -> Iterator[Event]:
    matrix = confusion(seed=seed) if matrix is None else matrix
    classes, count = len(matrix), int(matrix.sum())
    yield Started(Request("evaluate", model, IMAGES))
    yield Prepared(
        "c" * 64, "cifar_resnet20", f"weights{model.weights}", samples=Samples(count, count, "s", IMAGES.location)
    )
    yield Declared(
        (
            Output("top1", (), ()),
            Output("top5", (), ()),
            Output("loss", (), (), unit="nats"),
            Output("class_accuracy", ("class",), (classes,)),
            Output("confusion", ("class", "class"), (classes, classes), "int64", "pictures"),
            Output("label", ("sample",), (count,), "int32"),
            Output("prediction", ("sample",), (count,), "int32"),
            Output("confidence", ("sample",), (count,)),
            Output("top_class", ("sample", "place"), (count, min(5, classes)), "int32"),
            Output("top_share", ("sample", "place"), (count, min(5, classes))),
            Output("sample_loss", ("sample",), (count,), unit="nats"),
        ),
        names=(("class", names),) if names else (),
    )
    yield Progress(count, count, "Classifying")
    yield Chunk("top1", (), np.float64(np.trace(matrix) / count))
    yield Chunk("top5", (), np.float64(0.997))
    yield Chunk("loss", (), np.float64(0.312))
    totals = np.maximum(matrix.sum(axis=1), 1)
    yield Chunk("class_accuracy", (), np.where(matrix.sum(axis=1) > 0, np.diag(matrix) / totals, np.nan))
    yield Chunk("confusion", (), matrix)
    for name, array in predictions(matrix, seed).items():
        yield Chunk(name, (), array)
    yield Finished(Outcome.COMPLETED)


def predictions(matrix: np.ndarray, seed: int = 1) -> dict[str, np.ndarray]:
    """Outputs per picture that have this confusion matrix; pictures in order of their classes."""
    random, classes = np.random.default_rng([seed, 5]), len(matrix)
    label = np.repeat(np.arange(classes), matrix.sum(axis=1))
    prediction = np.concatenate([np.repeat(np.arange(classes), row) for row in matrix])
    logits = random.standard_normal((len(label), classes))
    logits[np.arange(len(label)), prediction] = logits.max(axis=1) + random.gamma(2.0, 1.5, len(label))
    share = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    order = np.argsort(-share, axis=1, kind="stable")[:, :5]
    return {
        "label": label.astype(np.int32),
        "prediction": prediction.astype(np.int32),
        "confidence": share.max(axis=1),
        "top_class": order.astype(np.int32),
        "top_share": np.take_along_axis(share, order, axis=1),
        "sample_loss": -np.log(share[np.arange(len(label)), label]),
    }


def lab_events(networks: int = 30, types: tuple[str, ...] = lab.TYPES, preset: str = "paper-like") -> Iterator[Event]:
    """A study of the rank lab: curves of the published shape, a little noise from network to network."""
    random = np.random.default_rng(7)
    ratios, count = np.array(lab.RATIOS), len(lab.ACTIVATIONS)
    shape = (len(types), len(ratios), networks, count)
    sizes, rank = np.zeros((*shape[:3], 3), dtype=np.int64), np.zeros(shape, dtype=np.int64)
    for place, layer in enumerate(types):
        outputs = random.integers(*lab.output_range(layer), size=(len(ratios), networks), endpoint=True)
        inputs = np.vectorize(lab.input_channels)(ratios[:, None], outputs)
        sizes[place] = np.stack([inputs, outputs, np.vectorize(lab.columns_of)(outputs)], axis=-1)
        for number in range(count):
            steep = 1.5 + 2.5 * number if layer in lab.SINGLE else 1.0 + number
            share = ratios if number == 0 else ratios + (1 - ratios) * (1 - np.exp(-steep * ratios))
            noisy = share[:, None] - (0.02 * random.random((len(ratios), networks)) if number else 0.0)
            rank[place, ..., number] = np.clip(np.rint(noisy * outputs), 1, outputs)
    params = (("networks", networks), ("preset", preset))
    yield Started(Request("rank_lab", params=params))
    yield Prepared("b" * 64)
    dims = ("type", "ratio", "network", "activation")
    names = (
        ("type", types), ("ratio", tuple(f"{ratio:.1f}" for ratio in ratios)),
        ("activation", lab.ACTIVATIONS), ("size", lab.SIZES),
    )  # fmt: skip
    outputs_declared = (
        Output("sizes", (*dims[:3], "size"), sizes.shape, "int64"), Output("rank", dims, rank.shape, "int64")
    )  # fmt: skip
    facts = (
        ("preset", f"{lab.PRESETS[preset].title} (ours: the paper does not state these settings)"),
        ("normalisation", "none"), ("columns", "3x3: pointwise; bottlenecks: pointwise"),
        ("precision", "float32"), ("tolerance", "max(d_out, N) x eps of float32"),
    )  # fmt: skip
    yield Declared(outputs_declared, names=names, facts=facts)
    for number in range(networks):
        for place in range(len(types)):
            for column in range(len(ratios)):
                yield Chunk("sizes", (place, column, number), sizes[place, column, number])
                yield Chunk("rank", (place, column, number), rank[place, column, number])
        yield Progress((number + 1) * len(types) * len(ratios), networks * len(types) * len(ratios), "network")
    yield Finished(Outcome.COMPLETED)


def opened(layers: tuple[LayerSpec, ...] | None = None) -> Workspace:
    """A workspace with a network and pictures."""
    workspace = Workspace()
    workspace.set_model(MODEL)
    workspace.set_images(IMAGES)
    rows = layers or network()
    play(workspace, structure_events(rows), purpose="open")
    return workspace


def play(
    workspace: Workspace, events: Iterator[Event], steps: int | None = None, purpose: str = "measure", folder: str = "",
    number: int | None = None,
) -> Run:  # fmt: skip
    """Let a run happen: its first `steps` events, or all of them."""
    first = next(events)
    assert isinstance(first, Started)
    number = number if number is not None else 1 + max(workspace.runs, default=0)
    run = Run(number, replace(first.request, edits=Edits()), purpose=purpose, folder=Path(folder) if folder else None)
    workspace.add_run(run)
    workspace.apply(number, first)
    for count, event in enumerate(events, start=1):
        if steps is not None and count >= steps:
            break
        workspace.apply(number, event)
    workspace.announce(number)
    return run


def full() -> Workspace:
    """Everything measured of one network."""
    workspace = opened()
    layers = workspace.layers
    play(workspace, rank_events(layers), folder="runs/20260101-000000-feature_rank-resnet20-000000")
    play(workspace, weight_events(layers))
    play(workspace, latency_events(layers))
    play(workspace, accuracy_events(), folder="runs/20260101-000000-evaluate-resnet20-cccccc")
    play(workspace, lab_events(8), folder="runs/20260101-000000-rank_lab-bbbbbb")
    play(workspace, attribution_events(), folder="runs/20260101-000000-attribution-resnet20-dddddd")
    widths = width_scenes.width_events(layers, MODEL)
    play(workspace, widths, folder="runs/20260101-000000-width_groups-resnet20-ffffff")
    bundles = bundle_scenes.bundle_events(layers, MODEL, IMAGES)
    play(workspace, bundles, folder="runs/20260101-000000-conflicting_bundles-resnet20-dddddd")
    projected = sharing_scenes.projected_events(layers, MODEL, IMAGES)
    play(workspace, projected, folder="runs/20260101-000000-parameter_sharing-resnet20-888888")
    trained = sharing_scenes.trained_events(MODEL, IMAGES)
    play(workspace, trained, folder="runs/20260101-000000-train_shared-resnet20-999999")
    tried = configuration_scenes.configuration_events(MODEL, IMAGES)
    play(workspace, tried, folder="runs/20260101-000000-dynamic_configurations-resnet20-777777")
    return workspace


ALGORITHMS = ("saliency", "integrated_gradients", "grad_cam")


def attribution_events(sample: int = 12, side: int = 24, model: ModelSource = MODEL) -> Iterator[Event]:
    """One explained picture: a bright disc that the maps more or less agree about."""
    y, x = np.mgrid[:side, :side] / (side - 1) - 0.5
    disc = np.exp(-12 * ((x + 0.1) ** 2 + y**2))
    random = np.random.default_rng(sample)
    maps = np.stack([
        disc * random.standard_normal((side, side)), disc * (x + 0.2), disc**2 - 0.3 * np.exp(-20 * (x - 0.4) ** 2)
    ])  # fmt: skip
    picture = np.stack([0.2 + 0.7 * disc, 0.3 + 0.4 * disc, 0.5 - 0.3 * disc])
    params = (("algorithms", ",".join(ALGORITHMS)), ("samples", str(sample)))
    yield Started(Request("attribution", model, IMAGES, params=params))
    yield Prepared("d" * 64, "cifar_resnet20", samples=Samples(1, 1000, "s", IMAGES.location))
    kinds = (("place", "int64"), ("prediction", "int64"), ("target", "int64"), ("label", "int64"))
    yield Declared(
        (
            Output("attribution", ("algorithm", "picture", "y", "x"), (3, 1, side, side)),
            Output("attribution_sum", ("algorithm", "picture"), (3, 1)),
            Output("convergence_delta", ("algorithm", "picture"), (3, 1)),
            Output("picture", ("picture", "channel", "y", "x"), (1, 3, side, side)),
            *(Output(name, ("picture",), (1,), kind) for name, kind in kinds),
            *(Output(name, ("picture",), (1,)) for name in ("confidence", "target_score", "difference")),
        ),
        names=(("algorithm", ALGORITHMS), ("picture", (str(sample),)), ("class", CLASSES)),
        facts=(("baseline", "zero"), ("steps", "50, Gauss-Legendre"), ("layer", "layer3.2")),
    )
    for name, value in (("place", sample), ("prediction", 3), ("target", 3), ("label", 5)):
        yield Chunk(name, (), np.array([value], dtype=np.int64))
    for name, share in (("confidence", 0.83), ("target_score", 7.25), ("difference", 6.5)):
        yield Chunk(name, (), np.array([share]))
    yield Chunk("picture", (0,), picture)
    for row, values in enumerate(maps):
        yield Progress(10 * row, 30, f"{ALGORITHMS[row]}, picture 1 of 1")
        yield Chunk("attribution_sum", (row, 0), np.float64(values.sum()))
        yield Chunk("attribution", (row, 0), values)
    yield Chunk("convergence_delta", (1, 0), np.float64(0.2))
    yield Finished(Outcome.COMPLETED)


def activation_events(layer: LayerSpec, sample: int = -1, model: ModelSource = MODEL, seed: int = 3) -> Iterator[Event]:
    """Maps of one picture, and statistics with a dead channel, a constant one and two that say the same."""
    random = np.random.default_rng(seed)
    channels, (high, wide), top = layer.channels, layer.shape[1:], 9
    y, x = np.mgrid[:high, :wide] / max(high, 2)
    maps = np.stack([np.sin(3 * x + k) * np.cos(2 * y + 2 * k) / (1 + k / 4) for k in range(channels)])
    maps[2], maps[3], maps[5] = 0, 0.4, maps[4]
    params = (("samples", str(sample)),) if sample >= 0 else ()
    yield Started(Request("activations", model, IMAGES, params=params, layers=layer.name))
    yield Prepared("e" * 64, "cifar_resnet20", samples=Samples(1 if sample >= 0 else 200, 1000, "s", IMAGES.location))
    first = np.arange(channels)
    first[5] = 4
    dead, constant = (np.where(first == number, 1, 0).astype(np.uint8) for number in (2, 3))
    weights = random.standard_normal((channels, 16, 3, 3)) * 0.1
    counts, edges = np.histogram(weights, 41, (-0.4, 0.4))
    values = {
        "channels": np.array([channels]), "mean": maps.mean(axis=(1, 2))[None], "maximum": maps.max(axis=(1, 2))[None],
        "positive_share": (maps > 0).mean(axis=(1, 2))[None], "dead": dead[None], "constant": constant[None],
        "duplicate_of": first[None], "top_pictures": random.integers(0, 999, (1, channels, top)),
        "top_values": np.sort(random.random((1, channels, top)))[..., ::-1] * 4,
        "maps": maps[None, None], "filters": weights[None], "weight_histogram": counts[None],
        "weight_edges": edges[None], "weight_std": np.array([0.1]), "weight_zeros": np.array([0.0]),
    }  # fmt: skip
    dims = {
        "maps": ("layer", "picture", "channel", "y", "x"), "filters": ("layer", "out", "in", "ky", "kx"),
        "top_pictures": ("layer", "channel", "place"), "top_values": ("layer", "channel", "place"),
        "weight_histogram": ("layer", "bin"), "weight_edges": ("layer", "edge"),
    }  # fmt: skip
    kinds = {"u": "uint8", "i": "int64", "f": "float64"}
    outputs = tuple(
        Output(name, dims.get(name, ("layer", "channel")[: array.ndim]), array.shape, kinds[array.dtype.kind])
        for name, array in values.items()
    )
    yield Declared(outputs, (layer,), (("picture", (str(max(sample, 0)),)),), (("dead channel", "zero everywhere"),))
    for name, array in values.items():
        yield Chunk(name, (), array)
    yield Finished(Outcome.COMPLETED)
