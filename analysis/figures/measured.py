"""What a stored run has one value per layer of: its outputs, and what is made of two of them; told apart by run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from analysis.catalogue import nearest
from analysis.events import Output
from analysis.figures.sheet import Floats
from analysis.problems import AnalysisError
from analysis.result import Result

RATIO = "effective_rank_ratio"
"""The effective rank relative to the channels that were measured: the one measure that is made of two outputs."""
PART = "effective_rank"
SERIES = ("checkpoint", "point")
"""Axes of what is measured at points between layers, at every checkpoint of a training."""


def measures(result: Result) -> dict[str, Output]:
    """Find what a run has one value per layer of, by name; ratios that are made of two outputs come last."""
    found = {output.name: output for output in result.outputs if output.dims == ("layer",)}
    if result.request is not None and result.request.method == "feature_rank" and {PART, "channels"} <= set(found):
        for name in (PART, f"{PART}_low", f"{PART}_high"):
            if name in found:
                made = name.replace(PART, RATIO)
                found[made] = replace(found[name], name=made, unit="", title="Effective rank / width")
    return found


def has(result: Result, name: str) -> bool:
    """Tell whether a run has one value per layer of this name, and something of it has arrived."""
    parts = (name.replace(RATIO, PART), "channels") if name.startswith(RATIO) else (name,)
    return name in measures(result) and all(part in result for part in parts)


def pick(result: Result, name: str, rows: list[int]) -> Floats:
    """Values per layer at some rows; NaN where a row is -1, a count has not arrived, or nothing is known."""
    if not has(result, name):
        return np.full(len(rows), np.nan)
    values = _plain(result, name.replace(RATIO, PART))
    if name.startswith(RATIO):
        values = values / _plain(result, "channels")
    return np.array([values[i] if i >= 0 else np.nan for i in rows])


def at_checkpoint(result: Result, name: str, checkpoint: str) -> Floats:
    """Values of an output per point at one checkpoint, "" for the last one that has numbers.

    Raises
    ------
    AnalysisError
        If the run is not over this checkpoint.
    """
    values, names = _plain(result, name), result.names("checkpoint")
    if checkpoint:
        if checkpoint not in names:
            raise AnalysisError(f"This run has no checkpoint '{checkpoint}'.", nearest(checkpoint, names))
        return np.asarray(values[names.index(checkpoint)])
    known = np.flatnonzero(np.isfinite(values).any(axis=1))
    return np.asarray(values[known[-1] if len(known) else -1])


def _plain(result: Result, name: str) -> Floats:
    array = result[name]
    values = array.astype(np.float64)
    if array.dtype.kind in "iu":
        values[values == (-1 if array.dtype.kind == "i" else 255)] = np.nan
    return values


def told_apart(results: list[Result]) -> list[str]:
    """Words for the runs of a figure that differ from one to the other: network, pictures, seed, else their places."""
    models = [result.prepared.model if result.prepared else "" for result in results]
    counts = [result.prepared.samples.count if result.prepared else 0 for result in results]
    seeds = [result.request.seed if result.request else 0 for result in results]
    choices = (
        models,
        [f"{count:,} pictures" for count in counts],
        [f"{model}, {count:,} pictures" for model, count in zip(models, counts, strict=True)],
        [f"seed {seed}" for seed in seeds],
    )
    return next(
        (words for words in choices if len(set(words)) == len(words)),
        [f"{model}, run {number}" if model else f"run {number}" for number, model in enumerate(models, 1)],
    )
