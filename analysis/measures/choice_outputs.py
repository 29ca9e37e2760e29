"""What a run of dynamic configurations keeps of rules, small sets and choices, beside the records they are read off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.events import Chunk, Output
from analysis.measures import selection
from analysis.measures.findings import picture_of
from analysis.measures.oracles import Bools, Floats, Integers

POOLED = {"mean of probabilities": "mean_prediction", "majority vote": "vote_prediction"}
"""Rules that answer for themselves, and the records of their answers."""
SCORES = ("confidence", "entropy", "margin")
POLICIES = (
    "network as it is",
    "best static",
    "most confident",
    "least entropy",
    "largest margin",
    *POOLED,
    "cascade",
    "oracle (upper bound)",
)
CHOICES = ("best", "median", "worst", "opportunity")
FEWEST = 4  # pictures below which there are no two halves
NAMES = (("policy", POLICIES), ("choice", CHOICES))


def outputs(option: Integers) -> tuple[Output, ...]:
    """Declare what :func:`chunks` gives.

    Parameters
    ----------
    option
        (configuration, point) option numbers.
    """
    several, points = option.shape
    rules, one, steps = ("policy",), (len(POLICIES),), ("step",)
    shape = (len(CHOICES), points, int(option.max(initial=0)) + 1)
    return (
        Output("policy_accuracy", rules, one, title="Accuracy of a rule without labels, on the other half"),
        Output("policy_gap_closed", rules, one, title="Part of the way to the oracle"),
        Output("policy_macs", rules, one, unit="MAC", title="Mean multiply-adds of a picture"),
        Output("cover", steps, (several,), "int32", title="Configuration that the greedy cover adds"),
        Output("cover_selected", steps, (several,), title="Oracle of the set on the half it was chosen on"),
        Output("cover_reported", steps, (several,), title="Oracle of the set on the other half (upper bound)"),
        Output("choice_share", ("choice", "point", "option"), shape, title="Share of pictures that choose an option"),
    )


def chunks(
    records: Mapping[str, NDArray[Any]], option: Integers, macs: Integers, tree_macs: float, seed: int
) -> Iterator[Chunk]:
    """Read rules, the greedy cover and choices off the records of finished pictures.

    Parameters
    ----------
    records
        See :func:`analysis.measures.findings.summary`; with "confidence", "entropy" and "margin" too.
    option, macs
        (configuration, point) option numbers; (configuration,) multiply-adds.
    tree_macs
        Multiply-adds of all configurations together where prefixes are shared.
    """
    correct, label, picture = records["correct"] == 1, records["label"].astype(np.int64), picture_of(records)
    if (len(correct) if picture is None else len(np.unique(picture))) < FEWEST:
        return
    rules = policies_of(records, correct, label, macs, tree_macs, seed)
    yield Chunk("policy_accuracy", (), np.array([rule.accuracy for rule in rules]))
    yield Chunk("policy_gap_closed", (), np.array([rule.gap_closed for rule in rules]))
    yield Chunk("policy_macs", (), np.array([rule.macs for rule in rules]))
    select, report = selection.halves(label, seed, picture)
    cover = selection.greedy_cover(correct, macs, 1.0, select=select, report=report)
    rest = len(macs) - len(cover.chosen)
    yield Chunk("cover", (), np.array([*cover.chosen, *[-1] * rest], dtype=np.int32))
    yield Chunk("cover_selected", (), np.array([*cover.selected, *[np.nan] * rest]))
    yield Chunk("cover_reported", (), np.array([*cover.reported, *[np.nan] * rest]))
    yield Chunk("choice_share", (), choice_table(correct, records["loss"], option))


def policies_of(
    records: Mapping[str, NDArray[Any]], correct: Bools, label: Integers, macs: Integers, tree_macs: float, seed: int
) -> tuple[selection.Policy, ...]:
    """Score the rules that need no label, in the order of :data:`POLICIES`."""
    return selection.policies(
        correct,
        {name: np.asarray(records[name], dtype=np.float64) for name in SCORES},
        label,
        {words: np.asarray(records[name], dtype=np.int64) for words, name in POOLED.items()},
        macs,
        seed,
        tree_macs,
        picture_of(records),
    )


def choice_table(correct: Bools, loss: Floats, option: Integers) -> Floats:
    """Shares of pictures that choose each option, axes (choice, point, option); NaN where a point has fewer options."""
    points = option.shape[1]
    found = np.full((len(CHOICES), points, int(option.max(initial=0)) + 1), np.nan)
    for point in range(points):
        shares = selection.choice_shares(correct, loss, option, point)
        for row, name in enumerate(CHOICES):
            found[row, point, : len(shares[name])] = shares[name]
    return found
