"""The header of dynamic configurations: oracles beside their chance references, with intervals. numpy only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.measures import oracles, selection
from analysis.measures.oracles import Floats, Integers

BY_LOSS = (
    "best-loss top-5",
    "best-loss mean loss",
    "median-loss accuracy",
    "median-loss top-5",
    "median-loss mean loss",
    "worst-loss accuracy",
    "worst-loss top-5",
    "worst-loss mean loss",
)
"""Further measures of the configuration of lowest, middle and highest loss of each picture."""
TOP = 5
MEASURES = (
    "plain accuracy",
    "best static",
    "any-correct oracle",
    "best-loss oracle",
    "all-correct",
    "mean of one configuration",
    "matched list",
    "oracle beyond list",
    "shuffled labels",
    "kappa",
    "rescue",
    "rescue by chance",
    "rescue corrected",
    "independence ceiling",
    "effective configurations",
    "static gain by brightness",
    "static gain by contrast",
    "static gain by zoom",
    "static gain by brightness, shuffled",
    "static gain by contrast, shuffled",
    "static gain by zoom, shuffled",
    "static gain by column",
    "static gain by column, shuffled",
    "static gain by size",
    "static gain by size, shuffled",
    "static gain by class",
    "static gain by class, shuffled",
    *BY_LOSS,
)
"""Rows of the dim "measure". Oracles are upper bounds; static gains are held out; intervals: 95 %. Shares of pictures,
but for the effective configurations (a count) and the mean losses (nats)."""

GROUPINGS = ("size", "brightness", "contrast", "zoom", "column", "class")
"""What pictures are grouped by. "size" is the side of the recorded picture; "column" is one of the user's own, which a
run may do without; "class" is the label itself and so no rule that could be used."""
LABEL = "class"

TOO_FEW = f"not measurable: no group has {selection.FEWEST} pictures"
ALIKE = "the pictures do not differ in this"

Row = tuple[float, float, float]
NOTHING: Row = (float("nan"), float("nan"), float("nan"))


def summary(
    records: Mapping[str, NDArray[Any]], classes: int, duplicate_of: Integers, seed: int = 0
) -> tuple[Floats, Floats, Floats]:
    """Read all measures off the records of finished pictures.

    Parameters
    ----------
    records
        "correct", "prediction", "loss" with axes (picture, configuration), "true_rank" likewise, "label" and the
        groupings with axes (picture,); "place" likewise where pictures come in several rows: whatever is drawn, for
        halves or for intervals, is drawn among pictures.
    classes
        Number of outputs.
    duplicate_of
        See :func:`analysis.measures.oracles.duplicates`.

    Returns
    -------
    tuple
        Value, lower and upper end of each of :data:`MEASURES`, axes (measure,); NaN where there is none.
    """
    correct, prediction = records["correct"] == 1, records["prediction"].astype(np.int64)
    label, rank = records["label"].astype(np.int64), records["true_rank"][:, 0].astype(np.int64)
    if not len(correct):
        empty = np.full(len(MEASURES), np.nan)
        return empty, empty.copy(), empty.copy()
    picture = picture_of(records)
    found: dict[str, Row] = _oracles(correct, records["loss"], seed, picture)
    found |= _by_loss(correct, records["loss"], records["true_rank"], classes, seed, picture)
    listed = oracles.listed(rank, prediction)
    found["matched list"] = _mean(listed.astype(np.float64), seed, picture)
    found["oracle beyond list"] = _mean(oracles.beyond_list(correct, rank, prediction), seed, picture)
    chance, top = oracles.shuffled_oracle(prediction, label), oracles.any_correct(correct)
    found["shuffled labels"] = (chance, np.nan, np.nan)

    def corrected(rows: Integers) -> float:
        drawn = oracles.shuffled_oracle(prediction[rows], label[rows])
        return oracles.kappa(oracles.any_correct(correct[rows]), drawn)

    found["kappa"] = (oracles.kappa(top, chance), *oracles.bootstrap(corrected, len(label), 200, seed, picture))
    saved = oracles.rescue(correct, prediction, classes)
    found["rescue"] = (saved.share, np.nan, np.nan)
    found["rescue by chance"] = (saved.chance, np.nan, np.nan)
    found["rescue corrected"] = (saved.corrected, np.nan, np.nan)
    found["independence ceiling"] = (oracles.independence_ceiling(correct), np.nan, np.nan)
    found["effective configurations"] = (float(len(oracles.effective(duplicate_of))), np.nan, np.nan)
    for name in (name for name in GROUPINGS if name in records or name == LABEL):
        values = label if name == LABEL else records[name]
        own = np.asarray(values, dtype=np.float64)
        real, control = grouped(correct, own, seed, each=name == LABEL, picture=picture)
        found[f"static gain by {name}"] = real
        found[f"static gain by {name}, shuffled"] = control
    table = np.array([found.get(name, NOTHING) for name in MEASURES])
    return table[:, 0], table[:, 1], table[:, 2]


def picture_of(records: Mapping[str, NDArray[Any]]) -> Integers | None:
    """Which picture each row is of, where pictures come in several rows; None where each comes once."""
    return np.asarray(records["place"], dtype=np.int64) if "place" in records else None


def _oracles(correct: NDArray[np.bool_], loss: NDArray[Any], seed: int, picture: Integers | None) -> dict[str, Row]:
    best = oracles.by_loss(correct, loss).best
    shares = {
        "plain accuracy": correct[:, 0],
        "any-correct oracle": correct.any(axis=1),
        "best-loss oracle": correct[np.arange(len(correct)), best],
        "all-correct": correct.all(axis=1),
        "mean of one configuration": correct.mean(axis=1),
    }
    found = {name: _mean(np.asarray(values, dtype=np.float64), seed, picture) for name, values in shares.items()}
    return found | {"best static": selection.best_static(correct, seed=seed, picture=picture)}


def _by_loss(
    correct: NDArray[np.bool_],
    loss: NDArray[Any],
    rank: NDArray[Any],
    classes: int,
    seed: int,
    picture: Integers | None,
) -> dict[str, Row]:
    """Top-1, top-5 and mean loss of the choices by loss; no top-5 where there are no more classes than that."""
    chosen, rows, found = oracles.by_loss(correct, loss), np.arange(len(correct)), {}
    for sort, picks in (("best", chosen.best), ("median", chosen.median), ("worst", chosen.worst)):
        parts = {"accuracy": correct[rows, picks], "mean loss": loss[rows, picks]}
        if classes > TOP:
            parts["top-5"] = rank[rows, picks] <= TOP
        for part, values in parts.items():
            finite = bool(np.isfinite(values).all())
            found[f"{sort}-loss {part}"] = _mean(values.astype(np.float64), seed, picture) if finite else NOTHING
    return found


def groups_of(values: Floats, count: int = 5, each: bool = False) -> Integers:
    """Divide pictures by a number each has, axes (row,); -1 where it is not known.

    Parameters
    ----------
    count
        Number of quantiles; where there are at most twice as many values, each value is a group.
    each
        Make each value a group in any case.
    """
    known = np.isfinite(values)
    distinct = np.unique(values[known])
    if not each and len(distinct) > 2 * count:
        return selection.quantile_groups(values, count)
    return np.where(known, np.searchsorted(distinct, values), -1).astype(np.int64)


def why_no_gain(values: Floats, each: bool = False, picture: Integers | None = None) -> str:
    """Say why there is no grouped static gain for a number per picture, "" if there is one."""
    groups = groups_of(values, each=each)
    known = groups >= 0
    if len(np.unique(groups[known])) < 2:
        return ALIKE
    sizes = selection.pictures_in(groups[known], None if picture is None else picture[known])
    return "" if max(sizes.values()) >= selection.FEWEST else TOO_FEW


def grouped(
    correct: NDArray[np.bool_],
    values: Floats,
    seed: int = 0,
    count: int = 5,
    each: bool = False,
    picture: Integers | None = None,
) -> tuple[Row, Row]:
    """Measure the grouped static gain for a number per picture, and its control.

    NaN where there is nothing to measure: :func:`why_no_gain` says why.

    Parameters
    ----------
    count, each
        See :func:`groups_of`.
    picture
        (row,) which picture each row is of, where pictures come in several rows.
    """
    groups = groups_of(values, count, each)
    known = groups >= 0
    if len(np.unique(groups[known])) < 2:
        return NOTHING, NOTHING
    own = None if picture is None else picture[known]
    gain = selection.static_gain(correct[known], groups[known], seed=seed, picture=own)
    return (gain.gain, gain.low, gain.high), (gain.shuffled, gain.shuffled_low, gain.shuffled_high)


def _mean(values: Floats, seed: int, picture: Integers | None = None) -> Row:
    return float(values.mean()), *oracles.mean_interval(values, 1000, seed, picture)
