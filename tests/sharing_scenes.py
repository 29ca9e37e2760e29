"""Runs of shared weights for the window: random weights, projected for real; planted accuracies of trained nets."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

from analysis.config import LayerSpec
from analysis.events import (
    Array,
    Chunk,
    Declared,
    Event,
    Finished,
    Outcome,
    Output,
    Prepared,
    Progress,
    Samples,
    Started,
)
from analysis.measures import ring_gradients, ring_spectra, ring_uses, rings
from analysis.measures import ring_projection as projection
from analysis.request import ImageSource, ModelSource, Request
from app.reading.sharing import shareable

RATIOS = (0.02, 0.1, 0.5)
DETAIL = 0.1
BINS = 64


@cache
def values(layers: tuple[LayerSpec, ...], whitened: bool = True) -> tuple[tuple[LayerSpec, ...], dict[str, Array]]:
    """What `parameter_sharing` finds for normal weights of the layers' usual size, rows and outputs."""
    rows = tuple((layer, count) for layer, count in shareable(layers) if layer.channels <= 32)
    sizes = tuple(count for _, count in rows)
    random, total = np.random.default_rng(5), sum(sizes)
    scale = projection.per_weight(np.array([(2 / (9 * layer.channels)) ** 0.5 for layer, _ in rows]), sizes)
    weights = random.standard_normal(total) * scale
    shape = (len(RATIOS), len(rows))
    shapes = tuple((layer.channels, layer.expands_from, 3, 3) for layer, _ in rows)
    sigma = ring_spectra.singular_values(weights, shapes)
    found: dict[str, Array] = {name: np.empty(shape) for name in ("error", "cosine", "error_expected", "error_pruned")}
    energies = ("energy_kept", "energy_expected", "energy_pruned", "energy_truncated")
    per_size: dict[str, list[float]] = {name: [] for name in energies}
    found |= {name: np.empty((*shape, sigma.shape[1])) for name in ("sigma_projected", "sigma_pruned")}
    for place, ratio in enumerate(RATIOS):
        size = round(ratio * total)
        index, sign = rings.shuffle(3, size, total), rings.signs(3, total)
        one = projection.project(weights, index, sign, sizes, size, whitened=whitened)
        found["error"][place], found["cosine"][place] = projection.layer_errors(weights, one.kernels, sizes)
        found["error_expected"][place] = 1 - ratio if whitened else projection.expected_error(weights, sizes, size)
        pruned = projection.pruned(weights, size, sizes, whitened)
        found["error_pruned"][place] = projection.layer_errors(weights, pruned, sizes)[0]
        per_size["energy_kept"].append(projection.kept_energy(weights, one.kernels, sizes, whitened))
        per_size["energy_pruned"].append(projection.kept_energy(weights, pruned, sizes, whitened))
        per_size["energy_expected"].append(ratio)
        per_size["energy_truncated"].append(ring_spectra.truncated_energy(sigma, weights, shapes, size, whitened))
        found["sigma_projected"][place] = ring_spectra.singular_values(one.kernels, shapes)
        found["sigma_pruned"][place] = ring_spectra.singular_values(pruned, shapes)
        if ratio == DETAIL:
            found |= _detail(weights, one.kernels, index, sizes, size)
            found |= _entries(one, index, sign, sizes, size)
            found |= {"weight_shape": ring_uses.shape_table(shapes), "sigma": sigma}
    size_of = np.array([round(ratio * total) for ratio in RATIOS])
    found |= {name: np.array(numbers) for name, numbers in per_size.items()}
    found |= {"size": size_of, "shared_freedom": size_of, "total_freedom": size_of + 2000}
    found |= {"accuracy": np.array([0.1, 0.12, 0.31]), "accuracy_pruned": np.array([0.11, 0.55, 0.9])}
    found |= {"accuracy_dense": np.array(0.91), "unshared": np.array(2000), "reference": np.array(total + 2000)}
    return tuple(layer for layer, _ in rows), found


def _detail(
    weights: np.ndarray, kernels: np.ndarray, index: np.ndarray, sizes: tuple[int, ...], size: int
) -> dict[str, Array]:
    total = sum(sizes)
    found: dict[str, Array] = {
        "usage": rings.usage_map(index, sizes, size, BINS),
        "overlap": rings.overlap(index, sizes, size),
        "reuse": rings.reuse_histogram(rings.reuse_counts(index, size)),
        "distinct": rings.distinct(index, sizes, size),
        "distinct_expected": np.array([rings.expected_distinct(size, total, count) for count in sizes]),
        "generated": np.array(sizes),
        "scale": projection.layer_scales(weights, sizes),
        "total_generated": np.array(total),
        "detail_size": np.array(size),
    }
    for name, one in (("correlation_before", weights), ("correlation_after", kernels)):
        square = projection.correlation(one, sizes)
        np.fill_diagonal(square, np.nan)
        found[name] = square
    return found


def _entries(
    one: projection.Projection, index: np.ndarray, sign: np.ndarray, sizes: tuple[int, ...], size: int
) -> dict[str, Array]:
    """Who reads which entry, and gradients that pull the entries the same way in neighbouring layers."""
    random, total = np.random.default_rng(7), len(index)
    gradient = 1e-3 * (random.standard_normal(total) + 4 * sign * one.ring[index])
    each = ring_gradients.contributions(gradient, sign, projection.per_weight(one.scale, sizes))
    agreed = ring_gradients.agreement(each, index, sizes, size)
    np.fill_diagonal(agreed.cosine, np.nan)
    return {
        "entry": index,
        "entry_positive": (sign > 0).astype(np.uint8),
        "entry_gradient": each,
        "gradient_cosine": agreed.cosine,
        "gradient_length": agreed.length,
        "gradient_together": np.array(agreed.together),
        "ring": one.ring,
        "ring_scale": one.scale,
        "ring_sizes": np.array([size]),
    }


DIMS = {
    "ratio layer component": ("sigma_projected", "sigma_pruned"),
    "layer component": ("sigma",),
    "layer axis": ("weight_shape",),
    "weight": ("entry", "entry_positive", "entry_gradient"),
    "entry": ("ring",),
    "ring": ("ring_sizes",),
    "ratio layer": ("error", "cosine", "error_expected", "error_pruned"),
    "ratio": (
        "size", "shared_freedom", "total_freedom", "energy_kept", "energy_expected", "energy_pruned", "accuracy",
        "accuracy_pruned", "energy_truncated",
    ),
    "layer": ("generated", "scale", "distinct", "distinct_expected", "ring_scale", "gradient_length"),
    "layer bin": ("usage",),
    "layer layer": ("overlap", "correlation_before", "correlation_after", "gradient_cosine"),
    "uses": ("reuse",),
}  # fmt: skip


def projected_events(
    layers: tuple[LayerSpec, ...], model: ModelSource, images: ImageSource, whitened: bool = True
) -> Iterator[Event]:
    """A whole run of `parameter_sharing`."""
    rows, found = values(layers, whitened)
    dims = {name: tuple(axes.split()) for axes, names in DIMS.items() for name in names}
    outputs = tuple(Output(name, dims.get(name, ()), array.shape, str(array.dtype)) for name, array in found.items())
    params = () if whitened else (("whitened", False),)
    yield Started(Request("parameter_sharing", model, images, params=params))
    yield Prepared("5" * 64, model="cifar_resnet20", samples=Samples(200, 200, "pictures"))
    facts = (
        ("variant", "full, layout shuffle, 1 ring, seed 3"),
        ("scale", "root mean square of each layer" if whitened else "1 for every layer"),
        ("gain", "none"),
        ("gradients", "mean cross-entropy of 128 pictures at the projected weights"),
        ("entries", "kept"),
    )
    yield Declared(outputs, rows, (("ratio", tuple(f"{ratio:g}" for ratio in RATIOS)),), facts)
    for name, array in found.items():
        yield Chunk(name, (), array)
    yield Finished(Outcome.COMPLETED)


KINDS = ("full", "perm", "sign", "direct", "dense", "narrowed")
SIZES = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
MADE, UNSHARED, EPOCHS, STEPS = 20_000, 1_000, 8, 24
SLOPE = 0.08
"""Planted accuracy per decade of degrees of freedom."""


def tasks() -> tuple[tuple[str, float, int], ...]:
    """Kind, ratio and seed of every network."""
    found = [("dense", 1.0, 0)]
    found += [
        (kind, ratio, seed) for kind in KINDS[:4] for seed in range(3 if kind == "full" else 1) for ratio in SIZES
    ]
    return (*found, *(("narrowed", ratio, 0) for ratio in SIZES[:4]))


def trained_values() -> dict[str, Array]:
    """Planted outputs of `train_shared`: log-linear in the degrees of freedom, the dense network a little above."""
    every = tasks()
    kind = np.array([KINDS.index(name) for name, _, _ in every], dtype=np.int32)
    ratio, seed = (np.array([task[place] for task in every]) for place in (1, 2))
    shared = np.rint(MADE * ratio).astype(np.int64)
    total = shared + UNSHARED
    worse = np.array([0.0, 0.01, 0.025, 0.04, -0.012, 0.05])[kind]
    accuracy = 0.82 + SLOPE * np.log10(total / (MADE + UNSHARED)) - worse + 0.008 * (seed - 1) * (kind == 0)
    grown = 1 - np.exp(-np.arange(1, EPOCHS + 1) / 2.2)
    grown /= grown[-1]
    loss = np.outer(1.6 * (1 - accuracy), 1.1 / grown)
    batches = 1 - np.exp(-np.arange(1, STEPS + 1) / 6)
    wave = 1 + 0.12 * np.sin(2.5 * np.arange(STEPS))
    return {
        "kind": kind,
        "ratio": ratio,
        "seed": seed,
        "shared_freedom": shared,
        "total_freedom": total,
        "accuracy": accuracy,
        "gradient_together": np.where(kind < 4, 0.4 + 0.2 * kind, np.nan),
        "held_accuracy": np.outer(accuracy, grown),
        "train_accuracy": np.outer(accuracy, grown) * (1 + np.outer(np.log10(total), 0.02 * grown)),
        "held_loss": loss,
        "train_loss": loss * 0.9,
        "step_loss": np.outer(1.6 * (1 - accuracy), wave / batches),
    }


def trained_events(model: ModelSource, images: ImageSource, until: int = -1) -> Iterator[Event]:
    """A run of `train_shared`; `until` a number of finished networks, the next one is in the middle of its epochs."""
    names = tuple(f"{kind} {ratio:g} seed {seed}" for kind, ratio, seed in tasks())
    axes = {"step_loss": ("run", "step")}
    axes |= {f"{part}_{what}": ("run", "epoch") for part in ("train", "held") for what in ("loss", "accuracy")}
    values = trained_values()
    outputs = tuple(Output(name, axes.get(name, ("run",)), a.shape, str(a.dtype)) for name, a in values.items())
    yield Started(Request("train_shared", model, images))
    yield Prepared("6" * 64, model="cifar_resnet20", samples=Samples(2000, 2000, "pictures"))
    facts = (
        ("accuracy", "share of 400 held-out pictures; trained on 1,600"),
        ("recipe", "sgd, lr 0.1, 8 epochs of 64"),
    )
    yield Declared(outputs, names=(("run", names), ("kind", KINDS)), facts=facts)
    for name, array in values.items():
        if until < 0:
            yield Chunk(name, (), array)
            continue
        yield Chunk(name, (0,), array[:until] if name == "accuracy" else array[: until + (array.ndim == 1)])
        if array.ndim == 2:
            yield Chunk(name, (until, 0), array[until, : array.shape[1] // 2])
    if until < 0:
        yield Finished(Outcome.COMPLETED)
    else:
        yield Progress(until, len(names), f"{names[until]}: epoch {EPOCHS // 2 + 1} of {EPOCHS}, loss 0.412")
