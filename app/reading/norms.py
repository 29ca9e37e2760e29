"""Accuracy against nuclear norm: one point per network that has both, and which of them may be compared. No widgets."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from analysis.edits import Edits
from analysis.measures.spectra import Correlation, correlation
from analysis.result import Result
from app.workspace import Run, Workspace


@dataclass(frozen=True, slots=True)
class Conditions:
    """What has to be equal for nuclear norms to be comparable.

    Attributes
    ----------
    width
        Channels of the final feature.
    pictures
        Hash of the pictures that the rank was measured on.
    observations
        Feature vectors behind the spectrum.
    scored_on
        Hash of the pictures that the accuracy was measured on.
    """

    width: int
    pictures: str
    observations: int
    scored_on: str


@dataclass(frozen=True, slots=True)
class Network:
    """One network with its final nuclear norm and its accuracy.

    Attributes
    ----------
    name
        Title of the run or name of the network.
    norm
        Σσ/√n of the final feature.
    top1
        Share of pictures, 0 to 1.
    """

    name: str
    norm: float
    top1: float
    conditions: Conditions


@dataclass(frozen=True, slots=True)
class Comparison:
    """Networks that can be compared, those that cannot, and how norm and accuracy go together."""

    networks: tuple[Network, ...]
    left_out: tuple[Network, ...]
    found: Correlation
    reason: str


def networks(workspace: Workspace) -> tuple[Network, ...]:
    """Pair the runs of `feature_rank` and `evaluate` of the same weights and the same edits; the newest counts."""
    ranks = _newest(workspace, "feature_rank", "nuclear_norm_scaled")
    scores = _newest(workspace, "evaluate", "top1")
    found = []
    for weights, run in ranks.items():
        score = scores.get(weights)
        if score is not None:
            found.append(_network(run, score))
    return tuple(network for network in found if np.isfinite(network.norm) and np.isfinite(network.top1))


def _newest(workspace: Workspace, method: str, output: str) -> dict[tuple[str, tuple[Edits, ...]], Run]:
    runs = sorted(workspace.runs.values(), key=lambda run: (run.began, run.number))
    return {
        (run.result.prepared.weights_sha256, run.request.edits.steps): run
        for run in runs
        if run.request.method == method and run.state == "completed" and output in run.result and run.result.prepared
    }


def final_row(result: Result) -> int:
    """Row of the final feature: the last pooled one, else the last that is no classifier."""
    pooled = [row for row, layer in enumerate(result.layers) if layer.kind == "pooled"]
    others = [row for row, layer in enumerate(result.layers) if layer.kind != "linear"]
    return (pooled or others or [len(result.layers) - 1])[-1]


def _network(run: Run, score: Run) -> Network:
    result, row = run.result, final_row(run.result)
    prepared, scored = result.prepared, score.result.prepared
    return Network(
        run.title or (prepared.model if prepared else ""),
        float(result["nuclear_norm_scaled"][row]),
        score.result.value("top1"),
        Conditions(
            int(result["channels"][row]),
            prepared.samples.sha256 if prepared else "",
            int(result["observations"][row]),
            scored.samples.sha256 if scored else "",
        ),
    )


def compare(found: tuple[Network, ...]) -> Comparison:
    """Keep the largest group of networks measured under the same conditions; the others are named, not mixed in."""
    if not found:
        return Comparison((), (), correlation([], []), "")
    common, _ = Counter(network.conditions for network in found).most_common(1)[0]
    same = tuple(network for network in found if network.conditions == common)
    others = tuple(network for network in found if network.conditions != common)
    result = correlation([network.norm for network in same], [network.top1 for network in same])
    return Comparison(same, others, result, _reason(common, others))


def _reason(common: Conditions, others: tuple[Network, ...]) -> str:
    if not others:
        return ""
    words = []
    if any(other.conditions.width != common.width for other in others):
        words.append("final width")
    if any(
        other.conditions.pictures != common.pictures or other.conditions.scored_on != common.scored_on
        for other in others
    ):
        words.append("pictures")
    if any(other.conditions.observations != common.observations for other in others):
        words.append("number of observations")
    count = f"{len(others)} network{'s' if len(others) > 1 else ''}"
    return f"{count} not comparable: other {' and '.join(words)}"
