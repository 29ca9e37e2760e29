"""Which class is explained, against which baseline."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from analysis.catalogue import nearest
from analysis.preparation import mean_and_std
from analysis.problems import AnalysisError
from analysis.request import Preprocessing

BASELINES = ("zero", "black", "white", "blur")
BLUR = 8
"""The blurred baseline is the picture averaged over squares of an eighth of its side. Our own choice."""


def read_target(
    text: str, classes: tuple[str, ...], outputs: int, predictions: NDArray[np.int64], labels: NDArray[np.int64] | None
) -> NDArray[np.int64]:
    """Find the class to explain for every picture.

    Parameters
    ----------
    text
        "" or "predicted", "label", the name of a class, or its number.
    classes
        Names of the outputs, empty if unknown.
    outputs
        Number of outputs.
    predictions, labels
        (picture,) numbers of classes.

    Raises
    ------
    AnalysisError
        If there is no such class, or no labels; the message names the nearest.
    """
    word = text.strip()
    if word in classes:
        return np.full(len(predictions), classes.index(word), dtype=np.int64)
    if word in ("", "predicted"):
        return predictions.copy()
    if word == "label":
        if labels is None or np.any(labels < 0) or np.any(labels >= outputs):
            raise AnalysisError("The pictures have no labels to explain.", "Choose a class, or predicted.", "target")
        return labels.copy()
    if word.isascii() and word.isdigit() and int(word) < outputs:
        return np.full(len(predictions), int(word), dtype=np.int64)
    fitting = [number for number, name in enumerate(classes) if name.casefold() == word.casefold()]
    if len(fitting) == 1:
        return np.full(len(predictions), fitting[0], dtype=np.int64)
    hint = nearest(word, classes) if classes else f"Choose a number from 0 to {outputs - 1}."
    raise AnalysisError(f"'{word}' is no class of this network.", hint, "target")


def baseline_of(pixels: Tensor, kind: str, preprocessing: Preprocessing) -> Tensor:
    """Make the baseline of prepared pictures.

    Parameters
    ----------
    pixels
        Axes (picture, channel, height, width), as the network gets them.
    kind
        "zero" (the mean colour, where a mean is taken off), "black", "white" or "blur".
    preprocessing
        Says what black and white are after it.
    """
    if kind == "zero":
        return torch.zeros_like(pixels)
    if kind == "blur":
        side = max(3, 2 * (max(pixels.shape[2:]) // (2 * BLUR)) + 1)
        return functional.avg_pool2d(pixels, side, 1, side // 2, count_include_pad=False)
    mean, std = (
        torch.tensor(values, dtype=pixels.dtype, device=pixels.device)[:, None, None]
        for values in mean_and_std(preprocessing, pixels.shape[1])
    )
    light = 1.0 if kind == "white" else 0.0
    return ((light - mean) / std).expand_as(pixels).clone()


def as_seen(pixels: Tensor, preprocessing: Preprocessing) -> NDArray[np.float32]:
    """Undo the normalisation of a prepared picture, so that it can be looked at.

    Returns
    -------
    NDArray[np.float32]
        Axes (channel, y, x), 0 black to 1 white. Pictures that were prepared by the user are stretched from their
        least to their largest value, unless they lie between 0 and 1.
    """
    mean, std = mean_and_std(preprocessing, pixels.shape[0])
    shown = pixels.detach().cpu().to(torch.float32, copy=True).numpy()
    shown *= np.asarray(std, dtype=np.float32)[:, None, None]
    shown += np.asarray(mean, dtype=np.float32)[:, None, None]
    if preprocessing.source == "user" and (shown.min() < -0.01 or shown.max() > 1.01):
        span = float(shown.max() - shown.min())
        shown -= shown.min()
        shown /= span or 1.0
    return np.asarray(np.clip(shown, 0.0, 1.0, out=shown), dtype=np.float32)
