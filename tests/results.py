"""Made-up results for tests of figures and of the window: the shape of a real run, numbers chosen by hand."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analysis.config import LayerSpec
from analysis.events import Chunk, Declared, Event, Finished, Outcome, Output, Prepared, Samples, Started
from analysis.request import ImageSource, ModelSource, Request
from analysis.result import Result


def layers() -> tuple[LayerSpec, ...]:
    rows = []
    for stage, (channels, size) in enumerate([(4, 16), (8, 8), (16, 4)], start=1):
        for block in range(2):
            for conv in (1, 2):
                first = block == 0 and conv == 1 and stage > 1
                rows.append(
                    LayerSpec(
                        f"layer{stage}.{block}.conv{conv}",
                        "conv",
                        module=f"layer{stage}.{block}.conv{conv}",
                        type="Conv2d",
                        shape=(channels, size, size),
                        kernel=(3, 3),
                        parameters=9 * channels * channels,
                        macs=9 * channels * channels * size * size,
                        activation_bytes=4 * channels * size * size,
                        expands_from=channels // 2 if first else channels,
                    )
                )
    return (*rows, LayerSpec(":mean", "pooled", shape=(16,), type="mean"))


def rank_events(seed: int = 0, observations: int = 10_000, weights: str = "w0") -> Iterator[Event]:
    random = np.random.default_rng(seed)
    rows = layers()
    count = len(rows)
    channels = np.array([row.channels for row in rows])
    sigma = np.full((count, 16), np.nan)
    for i, c in enumerate(channels):
        sigma[i, :c] = np.exp(-np.arange(c) / c * (4 + i))
    effective = channels * random.uniform(0.4, 0.9, count)
    values = {
        "channels": channels,
        "observations": np.full(count, observations),
        "rank_ratio": random.uniform(0.5, 1, count),
        "effective_rank": effective,
        "effective_rank_low": effective - 0.5,
        "effective_rank_high": effective + 0.5,
        "nuclear_norm_scaled": np.linspace(1, 2, count) + seed,
        "tolerance": np.full(count, 1e-3),
        "singular_values": sigma,
        "singular_values_centred": sigma * 0.9,
    }
    yield Started(Request("feature_rank", ModelSource("auto", (f"{weights}.th",)), ImageSource("pictures")))
    yield Prepared(
        f"{seed:064x}", model=f"net{seed}", weights_sha256=weights, samples=Samples(1000, 1000, "pictures"),
        badges=("preprocessing assumed",),
    )  # fmt: skip
    outputs = []
    for name, array in values.items():
        dims = ("layer", "component")[: array.ndim]
        unit = "directions" if name == "effective_rank" else ""
        outputs.append(Output(name, dims, array.shape, "int64" if array.dtype.kind == "i" else "float64", unit))
    yield Declared(tuple(outputs), rows, facts=(("mode", "positions"),))
    for name, array in values.items():
        yield Chunk(name, (), array)
    yield Finished(Outcome.COMPLETED)


def accuracy_events(top1: float = 0.5, weights: str = "w0") -> Iterator[Event]:
    confusion = np.array([[8, 2, 0], [1, 9, 0], [0, 0, 0]])
    yield Started(Request("evaluate", ModelSource("auto", (f"{weights}.th",)), ImageSource("pictures")))
    yield Prepared("f" * 64, model="net", weights_sha256=weights, samples=Samples(20, 20, "pictures"))
    yield Declared(
        (
            Output("top1", (), ()),
            Output("class_accuracy", ("class",), (3,)),
            Output("confusion", ("class", "class"), (3, 3), "int64"),
        ),
        names=(("class", ("cat", "dog", "ship")),),
    )
    yield Chunk("top1", (), np.float64(top1))
    yield Chunk("class_accuracy", (), np.array([0.8, 0.9, np.nan]))
    yield Chunk("confusion", (), confusion)
    yield Finished(Outcome.COMPLETED)


def rank_result(seed: int = 0, observations: int = 10_000, weights: str = "w0") -> Result:
    return Result.of(rank_events(seed, observations, weights))


def accuracy_result(top1: float = 0.5, weights: str = "w0") -> Result:
    return Result.of(accuracy_events(top1, weights))


def structure_events() -> Iterator[Event]:
    """A chain of the layers with a shortcut around every second pair."""
    rows = layers()
    chain = [(row, row + 1) for row in range(len(rows) - 1)]
    edges = np.array(sorted([*chain, *((row, row + 2) for row in range(0, len(rows) - 2, 4))]), dtype=np.int32)
    yield Started(Request("structure", ModelSource("auto", ("w0.th",))))
    yield Prepared("5" * 64, model="net", weights_sha256="w0")
    yield Declared(
        (Output("macs", ("layer",), (len(rows),), "int64", "multiply-adds", "Multiply-adds"),
         Output("edge", ("edge", "end"), edges.shape, "int32")),
        rows,
    )  # fmt: skip
    yield Chunk("macs", (), np.array([row.macs for row in rows]))
    yield Chunk("edge", (), edges)
    yield Finished(Outcome.COMPLETED)
