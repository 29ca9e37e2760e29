"""Made-up runs over the width groups of the residual network that other scenes show: searches and channel scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from analysis.events import Array, Chunk, Declared, Event, Finished, Outcome, Output, Prepared, Samples, Started
from analysis.measures.widths.description import WidthGroups
from analysis.request import ImageSource, ModelSource, Request
from tests.scenes import MODEL


def _told(
    request: Request, values: dict[str, tuple[str, Array]], names: tuple[tuple[str, tuple[str, ...]], ...]
) -> Iterator[Event]:
    yield Started(request)
    yield Prepared("6" * 64, model="cifar_resnet20", samples=Samples(200, 1000, "s", "pictures"))
    outputs = tuple(
        Output(name, tuple(dims.split()), array.shape, str(array.dtype)) for name, (dims, array) in values.items()
    )
    yield Declared(outputs, names=names)
    for name, (_, array) in values.items():
        yield Chunk(name, (), array)


def shrink_events(found: WidthGroups, model: ModelSource = MODEL) -> Iterator[Event]:
    """A finished run of lw_dna: early groups gain, late ones lose, chance stays near 0.97."""
    groups = found.free
    original = np.array([group.width for group in groups], dtype=np.int64)
    count = len(groups)
    ratio = np.linspace(1.5, 0.75, count)
    shares = np.array([ratio, 0.97 + 0.15 * np.sin(np.arange(count)), ratio + 0.06 * np.cos(np.arange(count))])
    thresholds = np.geomspace(1e-4, 1.0, 24)
    falling = np.linspace(2.0, 0.8, 24)[:, None] * original
    width = np.maximum(1, np.rint(shares * original)).astype(np.int64)
    values: dict[str, tuple[str, Array]] = {
        "original": ("group", original),
        "widened": ("group", 2 * original),
        "floor": ("group", np.maximum(1, (0.8 * original).astype(np.int64))),
        "mean_score": ("group", np.geomspace(1e-1, 1e-4, count)),
        "latent_group": ("latent", np.arange(count)),
        "score_latent": ("element", np.repeat(np.arange(count), 8)),
        "scores": ("element", np.outer(np.geomspace(1e-1, 1e-4, count), np.geomspace(0.2, 3.0, 8)).ravel()),
        "reference_macs": ("reference", np.array([40_800_000, 162_000_000])),
        "reference_parameters": ("reference", np.array([270_000, 1_080_000])),
        "reference_table": ("reference", np.array([42_000_000, 164_000_000])),
        "trace_threshold": ("threshold", thresholds),
        "trace_macs": ("threshold", (40_800_000 * np.linspace(3.9, 0.7, 24)).astype(np.int64)),
        "trace_parameters": ("threshold", (270_000 * np.linspace(3.9, 0.5, 24)).astype(np.int64)),
        "trace_widths": ("threshold group", np.rint(falling).astype(np.int64)),
        "chance_ratio": ("group", np.full(count, 0.97)),
        "chance_spread": ("group", 1 / np.sqrt(2.0 * original)),
        "width": ("profile group", width),
        "ratio": ("profile group", width / original),
        "threshold": ("profile", np.array([thresholds[16], 0.5, thresholds[16]])),
        "macs": ("profile", np.array([38_700_000, 38_600_000, 38_700_000])),
        "parameters": ("profile", np.array([160_000, 250_000, 161_000])),
        "table": ("profile", np.array([40_320_000, 40_000_000, 40_300_000])),
        "correlation": ("profile", np.array([1.0, 0.1, 0.93])),
        "target_share": ("", np.array(0.95)),
        "floor_macs": ("", np.array(27_000_000)),
        "keep_probability": ("", np.array(0.485)),
        "chi_square": ("", np.array(88.2)),
    }
    names = (("group", tuple(group.name for group in groups)),)
    yield from _told(Request("lw_dna", model, ImageSource("pictures")), values, names)
    yield Finished(Outcome.COMPLETED)


def sensitivity_events(found: WidthGroups, rows: int = 0, model: ModelSource = MODEL) -> Iterator[Event]:
    """A run of width_sensitivity; with `rows` it was stopped after so many groups."""
    groups, ratios = found.free, (0.75, 0.5, 0.25)
    widths = np.array([[max(1, round(ratio * group.width)) for ratio in ratios] for group in groups], dtype=np.int64)
    weight = 0.02 + 0.2 * (np.arange(len(groups)) * 7 % 11) / 11
    lost = np.outer(weight, [0.2, 1.0, 2.5])
    accuracy, loss = 0.9 - lost, 0.3 + 2 * lost
    values: dict[str, tuple[str, Array]] = {
        "width": ("group ratio", widths),
        "parameters": ("group ratio", np.full(widths.shape, 200_000)),
        "macs": ("group ratio", np.full(widths.shape, 30_000_000)),
        "baseline": ("measure", np.array([0.9, 0.3])),
        "accuracy": ("group ratio", accuracy),
        "loss": ("group ratio", loss),
    }
    names = (("group", tuple(group.name for group in groups)), ("ratio", ("0.75", "0.5", "0.25")))
    arrived = rows or len(groups)
    for event in _told(Request("width_sensitivity", model, ImageSource("pictures")), values, names):
        partly = isinstance(event, Chunk) and event.name in ("accuracy", "loss")
        yield replace(event, values=event.values[:arrived]) if isinstance(event, Chunk) and partly else event
    yield Finished(Outcome.CANCELLED if rows else Outcome.COMPLETED)


def score_events(found: WidthGroups, rule: str = "l1", model: ModelSource = MODEL) -> Iterator[Event]:
    """A run of channel_scores: within each group the scores rise with the number of the channel."""
    rows = [
        (place, variable, channel)
        for place, group in enumerate(found.groups)
        for variable in group.variables
        for channel in range(found.variables[variable].count)
    ]
    group, variable, channel = np.array(rows, dtype=np.int64).T
    values: dict[str, tuple[str, Array]] = {
        "group": ("class", group),
        "variable": ("class", variable),
        "channel": ("class", channel),
        "score": ("class", channel + 1.0),
    }
    params = () if rule == "l1" else (("rule", rule),)
    images = None if rule == "l1" else ImageSource("pictures")
    yield from _told(Request("channel_scores", model, images, params=params), values, ())
    yield Finished(Outcome.COMPLETED)
