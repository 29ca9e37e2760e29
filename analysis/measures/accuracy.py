"""What predictions and labels say together. numpy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


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
