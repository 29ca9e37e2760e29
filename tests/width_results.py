"""Made-up results of lw_dna and width_sensitivity for tests of figures and of the window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from analysis.events import Array, Chunk, Declared, Event, Finished, Outcome, Output, Prepared, Samples, Started
from analysis.request import ImageSource, ModelSource, Request
from analysis.result import Result

GROUPS = tuple(f"layer{stage}.{block}.conv1" for stage in (1, 2, 3) for block in range(3))


def lw_dna_result() -> Result:
    """Early groups wide, late ones on the floor."""
    original = np.repeat([8, 16, 32], 3).astype(np.int64)
    ratio = np.linspace(1.6, 0.8, 9)
    shares = np.array([ratio, 0.96 + 0.1 * np.sin(np.arange(9.0)), ratio + 0.05])
    falling = np.linspace(400, 60, 20).astype(np.int64)
    values: dict[str, tuple[tuple[str, ...], Array]] = {
        "original": (("group",), original),
        "widened": (("group",), 2 * original),
        "floor": (("group",), (0.8 * original).astype(np.int64)),
        "width": (("profile", "group"), (shares * original).astype(np.int64)),
        "ratio": (("profile", "group"), shares),
        "chance_ratio": (("group",), np.full(9, 0.96)),
        "chance_spread": (("group",), 1 / np.sqrt(2.0 * original)),
        "mean_score": (("group",), np.geomspace(1e-2, 1e-5, 9)),
        "latent_group": (("latent",), np.arange(9)),
        "score_latent": (("element",), np.repeat(np.arange(9), 6)),
        "scores": (("element",), np.outer(np.geomspace(1e-2, 1e-5, 9), np.geomspace(0.2, 3.0, 6)).ravel()),
        "correlation": (("profile",), np.array([1.0, 0.1, 0.95])),
        "target_share": ((), np.array(0.95)),
        "floor_macs": ((), np.array(58)),
        "keep_probability": ((), np.array(0.48)),
        "chi_square": ((), np.array(88.2)),
        "threshold": (("profile",), np.array([1e-3, 0.7, 1e-3])),
        "macs": (("profile",), np.array([95, 94, 95])),
        "parameters": (("profile",), np.array([60, 90, 61])),
        "reference_macs": (("reference",), np.array([100, 400])),
        "reference_parameters": (("reference",), np.array([100, 400])),
        "trace_threshold": (("threshold",), np.geomspace(1e-5, 1e-2, 20)),
        "trace_macs": (("threshold",), falling),
        "trace_parameters": (("threshold",), falling - 20),
    }
    return Result.of(_told("lw_dna", values, (("group", GROUPS),), (("criterion", "grad"), ("budget", "95"))))


def sensitivity_result() -> Result:
    """Nine groups at three ratios."""
    falling = 0.9 - np.outer(np.linspace(0.05, 0.3, 9), [0.3, 1.0, 2.0])
    size = ("group", "ratio")
    values: dict[str, tuple[tuple[str, ...], Array]] = {
        "accuracy": (size, falling),
        "loss": (size, 1 - falling),
        "baseline": (("measure",), np.array([0.9, 0.3])),
    }
    names = (("group", GROUPS), ("ratio", ("0.75", "0.5", "0.25")))
    return Result.of(_told("width_sensitivity", values, names, (("narrowing", "one group at a time"),)))


def _told(
    method: str,
    values: Mapping[str, tuple[tuple[str, ...], Array]],
    names: tuple[tuple[str, tuple[str, ...]], ...],
    facts: tuple[tuple[str, str], ...],
) -> Iterator[Event]:
    yield Started(Request(method, ModelSource("demo:net"), ImageSource("pictures")))
    yield Prepared("6" * 64, model="net", samples=Samples(200, 200, "pictures"))
    outputs = tuple(Output(name, dims, array.shape, str(array.dtype)) for name, (dims, array) in values.items())
    yield Declared(outputs, names=names, facts=facts)
    for name, (_, array) in values.items():
        yield Chunk(name, (), array)
    yield Finished(Outcome.COMPLETED)
