"""Runs of conflicting bundles and of block removal with planted partitions, as the engine would send them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from math import comb

import numpy as np

from analysis.config import LayerSpec
from analysis.events import Chunk, Declared, Event, Finished, Outcome, Output, Prepared, Progress, Samples, Started
from analysis.measures.bundles import first_merge
from analysis.measures.partitions import summarise
from analysis.measures.subsets import first_loss
from analysis.request import ImageSource, ModelSource, Request

KINDS = ("input", "branch", "block", "pooled")
COUNTS = ("bundles", "conflicting_bundles", "samples_in_conflict", "samples_bundled", "largest_bundle")
TOLERANCES = (0.25, 0.5, 1.0, 2.0, 4.0)
CLASSES = 10


def planted(points: int, checkpoints: int, count: int) -> np.ndarray:
    """Bundles of every cell: one that grows with depth and shrinks over training, and a pair of one label."""
    ids = np.empty((checkpoints, points, count), dtype=np.int32)
    for checkpoint in range(checkpoints):
        for point in range(points):
            ids[checkpoint, point] = cell(point - 4 * checkpoint, count)
    return ids


def cell(strength: int, count: int) -> np.ndarray:
    """Pictures 0 to 3·strength-1 are one bundle; the last two of one label are a pair from strength 1 on."""
    own = np.arange(count)
    merged = min(max(3 * strength, 0), count - 20)
    own[:merged] = 0 if merged else own[:merged]
    if strength >= 1:
        own[count - 1] = own[count - 1 - CLASSES]
    _, first, inverse = np.unique(own, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int32)


def bundle_events(
    layers: tuple[LayerSpec, ...],
    model: ModelSource,
    images: ImageSource,
    checkpoints: int = 4,
    count: int = 60,
    labels: np.ndarray | None = None,
    mode: str = "update-grid",
    ids: np.ndarray | None = None,
) -> Iterator[Event]:
    points = tuple(layer for layer in layers if layer.kind in KINDS)
    labels = np.arange(count) % CLASSES if labels is None else labels
    ids = planted(len(points), checkpoints, count) if ids is None else ids
    names = tuple(f"epoch-{number:02d}" for number in range(checkpoints))
    yield Started(Request("conflicting_bundles", model, images))
    yield Prepared(
        "d" * 64, "cifar_resnet20", f"weights{model.weights}",
        samples=Samples(count, 1000, "s", images.location), indices=3 * np.arange(count),
    )  # fmt: skip
    grid = mode == "update-grid"
    yield Declared(_outputs(len(points), checkpoints, count, grid), points, _names(points, names), _facts(mode, count))
    yield Chunk("label", (), labels.astype(np.int32))
    for checkpoint in range(checkpoints):
        yield from _checkpoint(checkpoint, checkpoints, ids[checkpoint], labels, grid)
        yield Progress(checkpoint + 1, checkpoints, names[checkpoint])
    first, pairs = first_merge(ids[-1], labels, CLASSES)
    yield Chunk("first_merge", (), first)
    yield Chunk("merged_pairs", (), pairs)
    yield Finished(Outcome.COMPLETED)


def _outputs(points: int, checkpoints: int, count: int, grid: bool) -> tuple[Output, ...]:
    sizes = {
        "checkpoint": checkpoints, "point": points, "sample": count, "class": CLASSES, "tolerance": len(TOLERANCES),
    }  # fmt: skip

    def output(name: str, dims: str, dtype: str = "float64", unit: str = "", title: str = "") -> Output:
        axes = tuple(dims.split())
        return Output(name, axes, tuple(sizes[axis] for axis in axes), dtype, unit, title)

    cells = "checkpoint point"
    found = [output(name, cells, "int64") for name in (*COUNTS, "non_finite")]
    found += [output("entropy", cells, unit="nats", title="Bundle entropy")]
    found += [output(name, cells) for name in ("entropy_ratio", "error_floor")]
    found += [output("state", cells, "uint8"), output("bundle_ids", f"{cells} sample", "int32")]
    found += [output(n, "checkpoint") for n in ("amplitude", "eta", "training_batch", "tau", "accuracy", "loss")]
    found += [output("amplitude_tensor", "checkpoint", "int32"), output("prediction", "checkpoint sample", "int32")]
    found += [output("label", "sample", "int32"), output("first_merge", "class class", "int32")]
    found += [output("merged_pairs", "class class", "int64")]
    if grid:
        found += [output("entropy_by_tolerance", f"tolerance {cells}"), output("critical_tolerance", cells, unit="τ")]
    return tuple(found)


def _names(points: tuple[LayerSpec, ...], checkpoints: tuple[str, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    classes = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    return (
        ("checkpoint", checkpoints), ("point", tuple(point.name for point in points)),
        ("tolerance", tuple(f"{factor:g} τ" for factor in TOLERANCES)),
        ("parameter", ("conv1.weight", "linear.bias")), ("class", classes),
    )  # fmt: skip


def _facts(mode: str, count: int) -> tuple[tuple[str, str], ...]:
    words = (("mode", f"{mode}: when values are equal"), ("pictures", f"N = {count}"), ("seed", "7"))
    return (*words, ("η", "0.001 (assumed)"), ("B", "64 (assumed)"))


def _checkpoint(number: int, total: int, ids: np.ndarray, labels: np.ndarray, grid: bool) -> Iterator[Event]:
    share = (number + 1) / (total + 1)
    prediction = np.where(np.arange(len(labels)) < share * len(labels), labels, (labels + 1) % CLASSES)
    accuracy = float((prediction == labels).mean())
    values = {"amplitude": 1.5, "eta": 1e-3, "training_batch": 64.0, "tau": 7.6e-3}
    for name, value in (values | {"accuracy": accuracy, "loss": 2.3 * (1 - share)}).items():
        yield Chunk(name, (number,), np.asarray(value))
    yield Chunk("amplitude_tensor", (number,), np.asarray(0, dtype=np.int32))
    yield Chunk("prediction", (number,), prediction.astype(np.int32))
    yield Chunk("bundle_ids", (number,), ids)
    found = [summarise(own, labels, CLASSES) for own in ids]
    gaps = (ids < 0).sum(axis=1)
    for name in COUNTS:
        yield Chunk(name, (number,), np.array([getattr(summary, name) for summary in found], dtype=np.int64))
    yield Chunk("non_finite", (number,), gaps.astype(np.int64))
    for name in ("entropy", "entropy_ratio", "error_floor"):
        yield Chunk(name, (number,), np.array([getattr(summary, name) for summary in found]))
    yield Chunk("state", (number,), np.zeros(len(ids), dtype=np.uint8))
    if grid:
        entropy = np.array([summary.entropy for summary in found])
        for row, factor in enumerate(TOLERANCES):
            yield Chunk("entropy_by_tolerance", (row, number), np.minimum(entropy * factor, np.log(CLASSES)))
        critical = np.where(entropy > 0, 2.0 ** -np.floor(4 * entropy), 2.0 ** (8 - np.arange(len(ids)) % 5))
        critical[0], critical[-1] = np.nan, 0.0 if entropy[-1] > 0 else critical[-1]
        yield Chunk("critical_tolerance", (number,), critical)


def removal_events(
    layers: tuple[LayerSpec, ...], model: ModelSource, images: ImageSource, conflicting: int = 4, subsets: int = 5
) -> Iterator[Event]:
    """A study in which every block costs its own share of the accuracy, the first ones nearly nothing."""
    blocks = tuple(dict.fromkeys(layer.block for layer in layers if layer.block))
    count = len(blocks)
    loss = 0.001 + 0.004 * np.arange(count) ** 1.5
    yield Started(Request("block_removal", model, images))
    yield Prepared("b" * 64, "cifar_resnet20", f"weights{model.weights}", samples=Samples(400, 400, "s", "pictures"))
    yield Declared(
        _removal_outputs(count, subsets),
        names=(("block", blocks), ("group", ("conflicting", "non-conflicting", "all")), ("order", ("low", "high"))),
        facts=(
            ("mode", "update-grid: equal"),
            ("pictures", "accuracy on 400"),
            ("seed", "7"),
            ("accepted loss", "1 percentage points"),
        ),
    )
    flags = np.arange(count) < conflicting
    yield Chunk("conflicting", (), flags.astype(np.uint8))
    yield Chunk("branch_entropy", (), np.where(flags, 0.1, 0.0))
    yield Chunk("critical_tolerance", (), 2.0 ** (np.arange(count) - conflicting + 1.0))
    for group, own in enumerate((np.flatnonzero(flags), np.flatnonzero(~flags), np.arange(count))):
        means: list[float] = []
        for size in range(len(own) + 1 if len(own) else 0):
            drawn = list(combinations(own.tolist(), size))[: min(subsets, comb(len(own), size))]
            found = np.array([0.9 - loss[list(subset)].sum() for subset in drawn])
            taken = np.array([[place in subset for place in range(count)] for subset in drawn], dtype=np.uint8)
            yield Chunk("subset_accuracy", (group, size), found)
            yield Chunk("subset_blocks", (group, size), taken)
            yield Chunk("accuracy_mean", (group, size), np.asarray(found.mean()))
            yield Chunk("accuracy_sd", (group, size), np.asarray(found.std()))
            means.append(found.mean())
        if means:
            yield Chunk("first_loss", (group,), np.asarray(first_loss(np.array(means), 0.01), dtype=np.int64))
    yield from _orders(loss)
    reduced = np.arange(count) < _bearable(loss)
    yield Chunk("reduced", (), reduced.astype(np.uint8))
    yield Chunk("accuracy", (), np.array([0.9, 0.9 - loss[reduced].sum()]))
    yield Chunk("latency", (), np.array([[5.0, 60.0], [4.0, 50.0]]))
    yield Chunk("peak_memory", (), np.array([[340_000, 21_800_000], [300_000, 20_000_000]]))
    yield Finished(Outcome.COMPLETED)


def _bearable(loss: np.ndarray) -> int:
    return int((np.cumsum(loss) < 0.01).sum())


def _orders(loss: np.ndarray) -> Iterator[Event]:
    count = len(loss)
    for row, order in enumerate((np.arange(count), np.arange(count)[::-1])):
        yield Chunk("removal_order", (row,), order.astype(np.int32))
        yield Chunk("ordered_accuracy", (row,), 0.9 - np.concatenate([[0.0], np.cumsum(loss[order])]))
        for name, whole in (("parameters", 100_000), ("macs", 1_000_000)):
            gone = np.concatenate([[0], np.cumsum((1000 * (order + 1)).astype(np.int64))])
            yield Chunk(f"ordered_{name}", (row,), whole - gone)
        yield Chunk("first_loss", (3 + row,), np.asarray(_bearable(loss) + 1 if not row else 1, dtype=np.int64))


def _removal_outputs(count: int, subsets: int) -> tuple[Output, ...]:
    sizes = {"group": 3, "removed": count + 1, "subset": subsets, "block": count, "order": 2, "curve": 5}
    sizes |= {"network": 2, "batch": 2}
    wanted = {
        "accuracy_mean": ("group removed", "float64"), "accuracy_sd": ("group removed", "float64"),
        "subset_accuracy": ("group removed subset", "float64"),
        "subset_blocks": ("group removed subset block", "uint8"), "ordered_accuracy": ("order removed", "float64"),
        "ordered_parameters": ("order removed", "int64"), "ordered_macs": ("order removed", "int64"),
        "removal_order": ("order block", "int32"), "first_loss": ("curve", "int64"),
        "branch_entropy": ("block", "float64"), "critical_tolerance": ("block", "float64"),
        "conflicting": ("block", "uint8"), "reduced": ("block", "uint8"), "accuracy": ("network", "float64"),
        "latency": ("network batch", "float64"), "peak_memory": ("network batch", "int64"),
    }  # fmt: skip
    return tuple(
        Output(name, tuple(dims.split()), tuple(sizes[d] for d in dims.split()), dtype)
        for name, (dims, dtype) in wanted.items()
    )
