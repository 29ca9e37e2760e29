"""What a network's output is taken for: one score per class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from analysis.problems import AnalysisError


def scores_in(output: object) -> Tensor | None:
    """Find class scores in an output, axes (picture, class); None if it holds none.

    Networks with auxiliary heads return several tensors, of which the first counts; fully convolutional ones a map of
    one position.
    """
    first = output[0] if isinstance(output, (tuple, list)) and output else output
    if isinstance(first, Tensor) and first.ndim == 4 and first.shape[2:] == (1, 1):
        first = first.flatten(1)
    return first if isinstance(first, Tensor) and first.ndim == 2 else None


def class_scores(output: object, purpose: str = "This measurement") -> Tensor:
    """Return the class scores of an output, axes (picture, class).

    Parameters
    ----------
    purpose
        What they are needed for, as it is said to the user.

    Raises
    ------
    AnalysisError
        If the output is not one score per class.
    """
    scores = scores_in(output)
    if scores is None:
        text = "The network's output is not one score per class."
        raise AnalysisError(text, f"{purpose} is for classifiers, whose output has axes (picture, class).")
    return scores


def refuse_one_output(classes: int, purpose: str) -> None:
    """Refuse a network with one output where classes are needed.

    Parameters
    ----------
    classes
        Its outputs.
    purpose
        Who needs classes, as it is said to the user.

    Raises
    ------
    AnalysisError
        If there is one output only.
    """
    if classes == 1:
        text = f"The network has one output, and {purpose} need classes to choose from."
        raise AnalysisError(text, "Use a network with one output per class.", "one_output")


def check_labels(labels: NDArray[np.int64] | None, classes: int) -> None:
    """Refuse labels that are no outputs.

    Raises
    ------
    AnalysisError
        Names the label.
    """
    if labels is not None and len(labels) and (int(labels.max()) >= classes or int(labels.min()) < 0):
        wrong = int(labels.max()) if int(labels.max()) >= classes else int(labels.min())
        raise AnalysisError(
            f"The pictures have the label {wrong}, and the network has {classes} outputs.",
            "Use pictures of the classes the network was trained for, or say with --classes which is which.",
            "labels",
        )
