"""What predictions and labels say together. numpy only."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from analysis.result import Result

Interval = tuple[float, float]
NOWHERE: Interval = (math.nan, math.nan)
TOP = 5
"""Places of the most likely classes."""
Z = 1.959963984540054
"""97.5 % point of the normal distribution: all intervals here are of 95 %, over pictures."""


def confusion_matrix(labels: NDArray[np.int64], predictions: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Count pictures by label (rows) and prediction (columns); pictures without a label (-1) are left out.

    Examples
    --------
    >>> confusion_matrix(np.array([0, 0, 1, -1]), np.array([0, 1, 1, 0]), 2)
    array([[1, 1],
           [0, 1]])
    """
    labelled = labels >= 0
    cells = labels[labelled] * classes + predictions[labelled]
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def class_accuracy(labels: NDArray[np.int64], predictions: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """Share of each class's pictures that were recognised, axes (class,); NaN for a class without pictures."""
    labelled = labels >= 0
    totals = np.bincount(labels[labelled], minlength=classes).astype(np.float64)
    right = np.bincount(labels[labelled & (labels == predictions)], minlength=classes).astype(np.float64)
    shares: NDArray[np.float64] = np.divide(right, totals, where=totals > 0, out=np.full(classes, np.nan))
    return shares


def share_interval(share: float, count: int) -> Interval:
    """Interval of a share of independent pictures (Wilson 1927), also sound near 0 and 1.

    Parameters
    ----------
    share
        0..1.
    count
        Pictures; (NaN, NaN) for none.

    Examples
    --------
    >>> tuple(round(end, 3) for end in share_interval(0.5, 100)), share_interval(1.0, 0)
    ((0.404, 0.596), (nan, nan))
    """
    if count < 1 or not 0 <= share <= 1:
        return NOWHERE
    middle = (share + Z * Z / (2 * count)) / (1 + Z * Z / count)
    reach = Z / (1 + Z * Z / count) * math.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def mean_reach(values: NDArray[np.float64]) -> float:
    """Half the interval of a mean of independent numbers, by their standard deviation; NaN for fewer than two."""
    return Z * float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.nan


def paired_interval(ours: NDArray[np.bool_], theirs: NDArray[np.bool_]) -> Interval:
    """Interval of the difference of two shares over the same pictures (Agresti and Min 2005).

    Half a picture is added to each of the four cells, so that two networks that agree on all pictures are not taken to
    be equal for certain.

    Parameters
    ----------
    ours, theirs
        (picture,) what is counted.

    Examples
    --------
    >>> same = np.ones(100, dtype=bool)
    >>> tuple(round(end, 3) for end in paired_interval(same, same))
    (-0.019, 0.019)
    """
    if not len(ours):
        return NOWHERE
    count = len(ours) + 2
    more, fewer = int((ours & ~theirs).sum()) + 0.5, int((theirs & ~ours).sum()) + 0.5
    difference = (more - fewer) / count
    reach = Z * math.sqrt(more + fewer - (more - fewer) ** 2 / count) / count
    return difference - reach, difference + reach


def says_something(result: Result, name: str) -> bool:
    """Tell whether a run of `evaluate` has a figure that says something.

    The top5 of a network with five outputs or fewer is 1, whatever it does; earlier runs have it all the same.

    Examples
    --------
    >>> says_something(Result(), "top5")
    False
    """
    few = "class_accuracy" in result and len(result["class_accuracy"]) <= TOP
    return name in result and not (name == "top5" and few) and not one_output(result)


def one_output(result: Result) -> bool:
    """Tell whether a run of `evaluate` is of a network with a single output, of which softmax makes nothing but 1."""
    return "top_class" in result and result["top_class"].shape[1] == 1


def interval_of(result: Result, name: str) -> Interval:
    """Interval of top1, top5 or loss of a run of `evaluate`, finished or not.

    Examples
    --------
    >>> interval_of(Result(), "top1")
    (nan, nan)
    """
    known = _known(result)
    if known is None or name not in result:
        return NOWHERE
    if name != "loss":
        return share_interval(result.value(name), int(known.sum()))
    losses = _per_picture(result, name)
    reach = mean_reach(losses[known]) if losses is not None else math.nan
    return result.value(name) - reach, result.value(name) + reach


def difference_interval(result: Result, other: Result, name: str) -> Interval:
    """Interval of how much larger top1, top5 or loss is than in another run of the same pictures.

    Returns
    -------
    Interval
        (NaN, NaN) if the runs cannot be paired picture by picture.
    """
    known, also = _known(result), _known(other)
    ours, theirs = _per_picture(result, name), _per_picture(other, name)
    if known is None or also is None or ours is None or theirs is None or not np.array_equal(known, also):
        return NOWHERE
    if name != "loss":
        return paired_interval(ours[known] > 0, theirs[known] > 0)
    differences = ours[known] - theirs[known]
    reach = mean_reach(differences)
    return float(differences.mean()) - reach, float(differences.mean()) + reach


def _known(result: Result) -> NDArray[np.bool_] | None:
    """Pictures that have a label and were shown to the network, (picture,); None where there are no labels.

    One whose outputs are not numbers has no prediction, yet counts, as not recognised.
    """
    if "label" not in result or "prediction" not in result:
        return None
    answers = result["top_class"][:, 0] if "top_class" in result else result["prediction"]
    label, answer = (np.asarray(values, dtype=np.int64) for values in (result["label"], answers))
    return (label >= 0) & (answer >= 0)


def _per_picture(result: Result, name: str) -> NDArray[np.float64] | None:
    """Return what a measure is the mean of, (picture,); None where that was not stored.

    Equal outputs count against the network in top5, which the five stored classes do not tell: there it is None.
    """
    if name == "loss":
        return np.asarray(result["sample_loss"], dtype=np.float64) if "sample_loss" in result else None
    known, label = _known(result), np.asarray(result["label"])
    if known is None or not known.any():
        return None
    if name not in result or (name == "top5" and "top_class" not in result):
        return None
    hits = label == result["prediction"] if name == "top1" else (result["top_class"] == label[:, None]).any(axis=1)
    same = abs(float(hits[known].mean()) - result.value(name)) < 1e-9
    return np.asarray(hits, dtype=np.float64) if same else None
