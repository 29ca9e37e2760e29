"""The header of dynamic configurations: oracles beside their chance references, with intervals. numpy only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.measures import oracles, selection
from analysis.measures.oracles import Floats, Integers

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
)
"""Rows of the dim "measure". Oracles are upper bounds; static gains are held out; intervals: 95 %."""

GROUPINGS = ("size", "brightness", "contrast", "zoom", "column", "class")
"""What pictures are grouped by. "size" is the side of the recorded picture; "column" is one of the user's own, which a
run may do without; "class" is the label itself and so no rule that could be used."""
LABEL = "class"

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
        groupings with axes (picture,).
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
    found: dict[str, Row] = _oracles(correct, prediction, records["loss"], seed)
    listed = rank <= oracles.distinct_answers(prediction)
    found["matched list"] = _mean(listed.astype(np.float64), seed)
    found["oracle beyond list"] = _mean(oracles.beyond_list(correct, rank, prediction), seed)
    chance, top = oracles.shuffled_oracle(prediction, label), oracles.any_correct(correct)
    found["shuffled labels"] = (chance, np.nan, np.nan)

    def corrected(rows: Integers) -> float:
        drawn = oracles.shuffled_oracle(prediction[rows], label[rows])
        return oracles.kappa(oracles.any_correct(correct[rows]), drawn)

    found["kappa"] = (oracles.kappa(top, chance), *oracles.bootstrap(corrected, len(label), 200, seed))
    saved = oracles.rescue(correct, prediction, classes)
    found["rescue"] = (saved.share, np.nan, np.nan)
    found["rescue by chance"] = (saved.chance, np.nan, np.nan)
    found["rescue corrected"] = (saved.corrected, np.nan, np.nan)
    found["independence ceiling"] = (oracles.independence_ceiling(correct), np.nan, np.nan)
    found["effective configurations"] = (float(len(oracles.effective(duplicate_of))), np.nan, np.nan)
    for name in (name for name in GROUPINGS if name in records or name == LABEL):
        values = label if name == LABEL else records[name]
        real, control = grouped(correct, np.asarray(values, dtype=np.float64), seed, each=name == LABEL)
        found[f"static gain by {name}"] = real
        found[f"static gain by {name}, shuffled"] = control
    table = np.array([found.get(name, NOTHING) for name in MEASURES])
    return table[:, 0], table[:, 1], table[:, 2]


def _oracles(correct: NDArray[np.bool_], prediction: Integers, loss: NDArray[Any], seed: int) -> dict[str, Row]:
    rows = np.arange(len(correct))
    order = oracles.loss_order(loss)
    return {
        "plain accuracy": _mean(correct[:, 0].astype(np.float64), seed),
        "best static": selection.best_static(correct, seed=seed),
        "any-correct oracle": _mean(np.asarray(correct.any(axis=1), dtype=np.float64), seed),
        "best-loss oracle": _mean(np.asarray(correct[rows, order[:, 0]], dtype=np.float64), seed),
        "all-correct": _mean(np.asarray(correct.all(axis=1), dtype=np.float64), seed),
        "mean of one configuration": _mean(np.asarray(correct.mean(axis=1)), seed),
    }


def grouped(
    correct: NDArray[np.bool_], values: Floats, seed: int = 0, count: int = 5, each: bool = False
) -> tuple[Row, Row]:
    """Measure the grouped static gain for a number per picture, and its control; NaN where pictures do not differ.

    Parameters
    ----------
    count
        Number of quantiles; where there are at most twice as many values, each value is a group.
    each
        Make each value a group in any case.
    """
    known = np.isfinite(values)
    if not known.all():
        correct, values = correct[known], values[known]
    distinct = np.unique(values)
    if len(distinct) < 2 or len(values) < 2:
        return NOTHING, NOTHING
    few = each or len(distinct) <= 2 * count
    groups = np.searchsorted(distinct, values) if few else selection.quantile_groups(values, count)
    gain = selection.static_gain(correct, groups.astype(np.int64), seed=seed)
    return (gain.gain, gain.low, gain.high), (gain.shuffled, gain.shuffled_low, gain.shuffled_high)


def _mean(values: Floats, seed: int) -> Row:
    return float(values.mean()), *oracles.mean_interval(values, 1000, seed)
