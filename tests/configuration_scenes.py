"""A made-up run of dynamic configurations: three points with three dilations, right and wrong by a known rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import numpy as np

from analysis.events import Chunk, Declared, Event, Finished, Outcome, Output, Prepared, Progress, Samples, Started
from analysis.measures import oracles
from analysis.measures.blueprints import Blueprint, Layer, Node, Offer, to_bytes
from analysis.measures.configurations import SwitchPoint
from analysis.measures.findings import MEASURES, summary
from analysis.request import ImageSource, ModelSource, Request

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
POINTS = ("layer1.0.conv1", "layer2.0.conv1", "layer3.0.conv1")


def options(points: int = 3, each: int = 3) -> np.ndarray:
    return np.array(list(product(range(each), repeat=points)), dtype=np.int32)


def records(count: int = 60, seed: int = 3, points: int = 3) -> dict[str, np.ndarray]:
    """Outputs per picture: scores of ten classes, the label less likely the more a geometry is changed."""
    random = np.random.default_rng(seed)
    chosen = options(points)
    label = np.arange(count) % len(CLASSES)
    hard = random.random(count)[:, None]
    wish = random.integers(0, 3, (count, points))
    far = np.abs(wish[:, None, :] - chosen[None]).sum(axis=2)
    scores = random.standard_normal((count, len(chosen), len(CLASSES)))
    scores[np.arange(count), :, label] += 7.5 - 6 * hard - 0.9 * far + 1.6 * (chosen.sum(axis=1) == 0)
    share = np.exp(scores - scores.max(axis=2, keepdims=True))
    share /= share.sum(axis=2, keepdims=True)
    order = np.argsort(-share, axis=2, kind="stable")
    true = share[np.arange(count), :, label]
    top = np.sort(share, axis=2)
    mean = share.mean(axis=1).argmax(axis=1)
    return {
        "prediction": order[:, :, 0].astype(np.int32),
        "correct": (order[:, :, 0] == label[:, None]).astype(np.uint8),
        "confidence": top[:, :, -1],
        "margin": top[:, :, -1] - top[:, :, -2],
        "entropy": -(share * np.log(share)).sum(axis=2),
        "true_probability": true,
        "true_rank": (1 + (share > true[:, :, None]).sum(axis=2)).astype(np.int32),
        "loss": -np.log(true),
        "top5": order[:, :, :5].astype(np.int32),
        "top5_probability": np.take_along_axis(share, order[:, :, :5], axis=2),
        "mean_prediction": mean.astype(np.int32),
        "vote_prediction": mean.astype(np.int32),
        "distinct_answers": oracles.distinct_answers(order[:, :, 0]).astype(np.int32),
        "label": label.astype(np.int32),
        "brightness": random.standard_normal(count),
        "contrast": random.standard_normal(count) + wish[:, 0],
        "zoom": np.ones(count),
        "measured": np.ones(count, dtype=np.uint8),
    }


def configuration_events(
    model: ModelSource, images: ImageSource, count: int = 60, finished: int | None = None, labelled: bool = True,
    points: int = 3, own: bool = True, **asked: Any,
) -> Iterator[Event]:  # fmt: skip
    """A run; with `finished` it is still open and so many pictures are done; not `own`: column 0 is another network."""
    found = records(count, points=points)
    if not own:
        found["plain_correct"] = (np.arange(count) % 4 > 0).astype(np.uint8)
    if not labelled:
        for name in ("correct", "true_probability", "true_rank", "loss"):
            del found[name]
        found["label"] = np.full(count, -1, dtype=np.int32)
    chosen = options(points)
    maps = np.array([[[32 >> place] * 2 for place in range(points)]] * len(chosen), dtype=np.int64)
    static = {
        "option": chosen,
        "macs": (40_000_000 + 100_000 * chosen.sum(axis=1)).astype(np.int64),
        "tree_macs": np.full(len(chosen), 19_000_000, dtype=np.int64),
        "receptive_field": 100.0 + 20 * np.repeat(chosen.sum(axis=1)[:, None], 2, axis=1),
        "last_map": np.full((len(chosen), 2), 8, dtype=np.int64),
        "map_size": maps,
    }
    names = tuple("dil:" + "|".join(str(option + 1) for option in row) for row in chosen)
    yield Started(Request("dynamic_configurations", model, images, **asked))
    yield Prepared(
        "7" * 64, "cifar_resnet20", f"weights{model.weights}",
        samples=Samples(count, 1000, "s", images.location, CLASSES), indices=3 * np.arange(count),
    )  # fmt: skip
    totals = _totals(count, points) if labelled and finished is None else {}
    if labelled and finished is not None:
        totals = {name: np.full(len(MEASURES), np.nan) for name in ("summary", "summary_low", "summary_high")}
    repeats = {"duplicate_of": np.arange(len(chosen), dtype=np.int32)}
    yield Declared(
        _outputs(found | static | totals | repeats),
        names=(
            ("configuration", names), ("point", POINTS[:points]), ("axis", ("rows", "columns")),
            ("measure", MEASURES), ("class", CLASSES),
        ),
        facts=(("shortcuts", "follow"), ("oracle", "an upper bound")),
    )  # fmt: skip
    for name, values in static.items():
        yield Chunk(name, (), values)
    done = count if finished is None else finished
    for name in sorted(found, key=lambda name: name == "measured"):
        yield Chunk(name, (0,), found[name][:done])
    yield Progress(done, count, "Running configurations")
    if finished is None:
        for name, values in (totals | repeats).items():
            yield Chunk(name, (), values)
        yield Finished(Outcome.COMPLETED)


@cache
def _totals(count: int, points: int) -> dict[str, np.ndarray]:
    found = records(count, points=points)
    values, low, high = summary(found, len(CLASSES), np.arange(found["prediction"].shape[1]))
    return {"summary": values, "summary_low": low, "summary_high": high}


def _outputs(values: dict[str, np.ndarray]) -> tuple[Output, ...]:
    dims = {
        "option": ("configuration", "point"), "receptive_field": ("configuration", "axis"),
        "last_map": ("configuration", "axis"), "map_size": ("configuration", "point", "axis"),
    }  # fmt: skip
    single = ("macs", "tree_macs", "duplicate_of")
    measures = ("summary", "summary_low", "summary_high")

    def axes(name: str, array: np.ndarray) -> tuple[str, ...]:
        if name in measures:
            return ("measure",)
        if name in single:
            return ("configuration",)
        return dims.get(name, ("sample", "configuration", "place")[: array.ndim])

    return tuple(Output(name, axes(name, array), array.shape, str(array.dtype)) for name, array in values.items())


def pool_events(
    model: ModelSource,
    images: ImageSource,
    copies: int = 16,
    singles: tuple[float, ...] = (0.7, 0.71, 0.7),
    **asked: Any,
) -> Iterator[Event]:
    """Chance pools whose oracles grow more slowly than that of the configurations, and faster.

    `singles` are accuracies of single configurations and copies: those of pools whose strength was matched are alike.
    """
    size = np.arange(1, copies + 1)
    growth = np.stack([0.7 + 0.25 * (1 - np.exp(-size / scale)) for scale in (3, 5, 2)])
    yield Started(Request("chance_pools", model, images, **asked))
    yield Prepared("8" * 64, "cifar_resnet20", f"weights{model.weights}", samples=Samples(40, 1000, "s", "pictures"))
    yield Declared(
        (
            Output("growth", ("pool", "size"), growth.shape),
            Output("mean_accuracy", ("pool",), (3,)),
            Output("oracle_beyond", ("pool", "end"), (3, 3)),
            Output("static_gain", ("pool", "grouping", "end"), (3, 2, 3)),
        ),
        names=(
            ("pool", ("configurations", "perturbation", "jitter")),
            ("end", ("value", "low", "high")),
            ("grouping", ("brightness", "contrast")),
        ),
    )
    yield Chunk("growth", (), growth)
    yield Chunk("mean_accuracy", (), np.array(singles))
    yield Chunk("static_gain", (), np.arange(18).reshape(3, 2, 3) / 1000)
    yield Chunk("oracle_beyond", (), np.array([[0.0, 0.0, 0.0], [0.03, -0.01, 0.06], [-0.05, -0.08, -0.02]]))
    yield Finished(Outcome.COMPLETED)


def chain() -> Blueprint:
    """A chain of three convolutions, the second of stride 2, under a mean over positions."""
    words = ("dil1", "dil2", "ker3", "ker5", "strideD2", "strideK1", "strideU2")
    nodes, layers, side = [Node("input", "input", map=(32, 32))], [], 32
    for number, name in enumerate(POINTS, start=1):
        stride, before = (2 if number == 2 else 1), side
        side //= stride
        point = SwitchPoint(name, (3, 3), (stride,) * 2, (1, 1), (before,) * 2, (side,) * 2)  # type: ignore[arg-type]  # pairs
        nodes.append(
            Node(name, "conv", (number - 1,), (side, side), (3, 3), point.stride, near=(1, 1), far=(1, 1), unit=64)
        )
        # The first layer is said not to enlarge, so that there is a locked option.
        offers = tuple(Offer(word, "it may not" if number == 1 and word == "strideU2" else "") for word in words)
        layers.append(Layer(point, number, number, (1, 1), 1, (8, 8), offers))
    nodes.append(Node("head:mean", "mean", (3,)))
    return Blueprint(tuple(nodes), (), tuple(layers), 3, POINTS)


def points_events(model: ModelSource) -> Iterator[Event]:
    """The blueprint of a chain of three convolutions."""
    text = to_bytes(chain())
    yield Started(Request("switch_points", model))
    yield Prepared("6" * 64, "cifar_resnet20", f"weights{model.weights}")
    yield Declared((Output("description", ("byte",), (text.size,), "uint8"),))
    yield Chunk("description", (), text)
    yield Finished(Outcome.COMPLETED)


def hand_events(model: ModelSource, images: ImageSource, extra: str, count: int = 40) -> Iterator[Event]:
    """A run of one configuration by hand, on the first pictures of the other run: column 5 of its family."""
    for event in configuration_events(model, images, 60, finished=count):
        match event:
            case Started():
                params = (("extra", extra), ("family", "none"))
                yield Started(Request("dynamic_configurations", model, images, params=params))
            case Declared(outputs, _, names):
                sizes = {output.name: _pair(output) for output in outputs if not output.name.startswith("summary")}
                kept = dict(names) | {"configuration": ("mixed:plain", "mixed:hand")}
                yield Declared(tuple(sizes.values()), names=tuple(kept.items()), facts=(("shortcuts", "follow"),))
            case Chunk(name, at, values) if not name.startswith("summary"):
                pair = name in ("option", *COSTS)
                cut = values[[0, 5]] if pair else values[:, [0, 5]] if np.ndim(values) > 1 else values
                yield Chunk(name, at, cut)
            case Chunk():
                pass
            case _:
                yield event
    yield Finished(Outcome.COMPLETED)


COSTS = ("macs", "tree_macs", "receptive_field", "last_map", "map_size")


def _pair(output: Output) -> Output:
    shape = tuple(2 if dim == "configuration" else size for dim, size in zip(output.dims, output.shape, strict=True))
    return replace(output, shape=shape)


def chooser_events(model: ModelSource, images: ImageSource) -> Iterator[Event]:
    """A learned chooser that gains a little."""
    rules = ("network as it is", "best static", "logistic", "MLP", "oracle of candidates", "oracle of all")
    values = {
        "accuracy": np.array([0.60, 0.60, 0.63, 0.58, 0.80, 0.90]),
        "gap_closed": np.array([0.0, 0.0, 0.1, -0.07, 0.67, 1.0]),
        "macs": np.array([40e6, 40e6, 41e6, 41e6, 160e6, 510e6]),
    }
    yield Started(Request("configuration_chooser", model, images))
    yield Prepared("9" * 64, "cifar_resnet20", f"weights{model.weights}", samples=Samples(60, 1000, "s", "pictures"))
    yield Declared(tuple(Output(name, ("rule",), (6,)) for name in values), names=(("rule", rules),))
    for name, array in values.items():
        yield Chunk(name, (), array)
    yield Finished(Outcome.COMPLETED)
