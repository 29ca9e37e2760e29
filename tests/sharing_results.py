"""Made-up results of parameter_sharing and train_shared for tests of figures and of the window."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analysis.config import LayerSpec
from analysis.events import Array, Chunk, Declared, Event, Finished, Outcome, Output, Prepared, Samples, Started
from analysis.request import ImageSource, ModelSource, Request
from analysis.result import Result

RATIOS = (0.05, 0.2, 1.0)
KINDS = ("full", "perm", "sign", "direct", "dense", "narrowed")


def sharing_events() -> Iterator[Event]:
    layers = tuple(LayerSpec(f"layer1.{i}.conv", "conv", module=f"layer1.{i}.conv", shape=(4, 8, 8)) for i in range(4))
    ratio, square = np.array(RATIOS), np.abs(np.sin(np.arange(16.0).reshape(4, 4)))
    size = (1000 * ratio).astype(np.int64)
    rows = np.repeat(1 - ratio[:, None], 4, axis=1)
    np.fill_diagonal(square, np.nan)
    values: dict[str, tuple[tuple[str, ...], Array]] = {
        "error": (("ratio", "layer"), rows + 0.01),
        "cosine": (("ratio", "layer"), np.sqrt(1 - rows)),
        "error_expected": (("ratio", "layer"), rows),
        "error_pruned": (("ratio", "layer"), rows / 2),
        "size": (("ratio",), size),
        "shared_freedom": (("ratio",), size),
        "total_freedom": (("ratio",), size + 100),
        "energy_kept": (("ratio",), ratio),
        "energy_expected": (("ratio",), ratio),
        "energy_deviation": (("ratio",), 0.01 * ratio),
        "energy_pruned": (("ratio",), np.sqrt(ratio)),
        "accuracy": (("ratio",), 0.9 * ratio),
        "accuracy_plain": (("ratio",), 0.8 * ratio),
        "accuracy_pruned": (("ratio",), 0.9 * np.sqrt(ratio)),
        "accuracy_dense": ((), np.array(0.9)),
        "generated": (("layer",), np.full(4, 250)),
        "scale": (("layer",), np.full(4, 0.1)),
        "distinct": (("layer",), np.full(4, 143)),
        "distinct_expected": (("layer",), np.full(4, 142.7)),
        "unshared": ((), np.array(100)),
        "reference": ((), np.array(1100)),
        "total_generated": ((), np.array(1000)),
        "detail_size": ((), np.array(200)),
        "usage": (("layer", "bin"), 1 + 0.3 * np.sin(np.arange(80.0).reshape(4, 20))),
        "overlap": (("layer", "layer"), np.full((4, 4), 0.7)),
        "reuse": (("uses",), np.array([0, 0, 0, 0, 0, 200])),
        "correlation_before": (("layer", "layer"), square),
        "correlation_after": (("layer", "layer"), 2 * square),
        "gradient_cosine": (("layer", "layer"), square - 0.5),
        "gradient_together": ((), np.array(0.9)),
        "sigma": (("layer", "component"), np.tile([4.0, 3.0, 2.0, 1.0], (4, 1))),
        **{
            name: (("ratio", "layer", "component"), np.full((3, 4, 4), value))
            for name, value in (("sigma_projected", 0.5), ("sigma_pruned", 0.8))
        },
        "energy_truncated": (("ratio",), ratio**0.7),
    }
    yield Started(Request("parameter_sharing", ModelSource("demo:net"), ImageSource("pictures")))
    yield Prepared("5" * 64, model="net", samples=Samples(200, 200, "pictures"))
    names = (("ratio", tuple(f"{value:g}" for value in RATIOS)),)
    yield from _told(values, layers, names, (("variant", "full, layout shuffle, 1 ring, seed 0"),))


def trained_events() -> Iterator[Event]:
    tasks = [("dense", 1.0, 0)]
    tasks += [
        (kind, ratio, seed) for kind in KINDS[:4] for ratio in RATIOS for seed in range(2 if kind == "full" else 1)
    ]
    tasks += [("narrowed", ratio, 0) for ratio in RATIOS]
    ratio, seed = np.array([task[1] for task in tasks]), np.array([task[2] for task in tasks])
    kind = np.array([KINDS.index(task[0]) for task in tasks], dtype=np.int32)
    total = (100 + 1000 * ratio).astype(np.int64)
    accuracy = 0.7 + 0.1 * np.log10(total / 1100) - 0.02 * kind + 0.01 * seed
    count = len(tasks)
    values: dict[str, tuple[tuple[str, ...], Array]] = {
        **{name: (("run",), array) for name, array in (("kind", kind), ("ratio", ratio), ("seed", seed))},
        **dict.fromkeys(("size", "shared_freedom"), (("run",), total - 100)),
        "generated": (("run",), np.full(count, 1000)),
        "total_freedom": (("run",), total),
        "width": (("run",), np.ones(count)),
        "accuracy": (("run",), accuracy),
        **{name: (("run", "epoch"), np.outer(1 - accuracy, [2.0, 1.0])) for name in ("train_loss", "held_loss")},
        **{name: (("run", "epoch"), np.outer(accuracy, [0.7, 1.0])) for name in ("train_accuracy", "held_accuracy")},
        "step_loss": (("run", "step"), np.outer(1 - accuracy, [3.0, 2.0, 1.5, 1.0])),
    }
    yield Started(Request("train_shared", ModelSource("demo:net"), ImageSource("pictures")))
    yield Prepared("6" * 64, model="net", samples=Samples(2000, 2000, "pictures"))
    words = tuple(f"{task[0]} {task[1]:g} seed {task[2]}" for task in tasks)
    facts = (("accuracy", "share of 400 held-out pictures; trained on 1,600"),)
    yield from _told(values, (), (("run", words), ("kind", KINDS)), facts)


def _told(
    values: dict[str, tuple[tuple[str, ...], Array]],
    layers: tuple[LayerSpec, ...],
    names: tuple[tuple[str, tuple[str, ...]], ...],
    facts: tuple[tuple[str, str], ...],
) -> Iterator[Event]:
    outputs = tuple(Output(name, dims, array.shape, str(array.dtype)) for name, (dims, array) in values.items())
    yield Declared(outputs, layers, names, facts)
    for name, (_, array) in values.items():
        yield Chunk(name, (), array)
    yield Finished(Outcome.COMPLETED)


def sharing_result() -> Result:
    return Result.of(sharing_events())


def trained_result() -> Result:
    return Result.of(trained_events())
