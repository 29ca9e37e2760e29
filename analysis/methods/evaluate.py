"""Evaluate: how well a network classifies the pictures, per picture, per class and in all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from analysis.catalogue import MethodInfo
from analysis.events import Chunk, Declared, Output, Progress
from analysis.job import Job, Step
from analysis.measures.accuracy import class_accuracy, confusion_matrix
from analysis.problems import AnalysisError

INFO = MethodInfo(
    name="evaluate",
    title="Accuracy",
    summary="Top-1 and top-5 accuracy, loss, confusion matrix, and every picture's prediction.",
)
Integers = NDArray[np.int64]
MOST_CLASSES = 4096  # above this a confusion matrix is neither readable nor small


def scores(logits: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
    """Predictions of one batch, and how they compare with the labels.

    Parameters
    ----------
    logits
        Axes (picture, class).
    labels
        Class numbers, axes (picture,), or None.

    Returns
    -------
    dict[str, Tensor]
        prediction, confidence (softmax of the predicted class), and with labels: hit and loss per picture, and
        whether the label is among the five largest (all classes, where there are fewer).
    """
    exact = logits if logits.device.type == "mps" else logits.double()
    shares = torch.softmax(exact, dim=1)
    confidence, prediction = shares.max(dim=1)
    found = {"prediction": prediction, "confidence": confidence}
    if labels is not None:
        own = exact.gather(1, labels[:, None])
        # Ties count against the network: a constant output is not right by chance of its order.
        better = (exact >= own).sum(dim=1)
        found["hit"] = prediction == labels
        found["near"] = (better >= 1) & (better <= 5)  # 0: the outputs are not numbers
        found["loss"] = functional.cross_entropy(exact, labels, reduction="none")
    return found


def run(job: Job) -> Iterator[Step]:
    """Classify all pictures; without labels, tell predictions and confidences only."""
    images, model = job.images, job.model
    count, known = images.count, images.labels is not None
    classes = 0
    done, hits, near, loss = 0, 0, 0, 0.0
    labels = np.full(count, -1, dtype=np.int64) if images.labels is None else images.labels
    predictions = np.full(count, -1, dtype=np.int64)
    confidences = np.full(count, np.nan)
    for batch in images.batches():
        logits = _logits(model.net(batch.pixels))
        if not classes:
            classes = logits.shape[1]
            _check_labels(images.labels, classes)
            yield _declared(job, classes, count, known)
        found = scores(logits, batch.labels)
        predictions[batch.index] = found["prediction"].cpu().numpy()
        confidences[batch.index] = found["confidence"].double().cpu().numpy()
        # Pictures that cannot be read leave gaps, which stay marked as empty.
        at, place = (int(batch.index[0]),), slice(int(batch.index[0]), int(batch.index[-1]) + 1)
        yield Chunk("prediction", at, predictions[place].astype(np.int32))
        yield Chunk("confidence", at, confidences[place])
        done += len(batch.index)
        if known:
            yield Chunk("label", at, labels[place].astype(np.int32))
            hits, near = hits + int(found["hit"].sum()), near + int(found["near"].sum())
            loss += float(found["loss"].sum())
            yield from _totals(hits / done, near / done, loss / done)
        yield Progress(done, count, "Classifying")
    if known:
        read = predictions >= 0
        yield from _by_class(labels[read], predictions[read], classes)
    else:
        job.warn("no_labels", "The pictures have no labels: there are predictions, but no accuracy.")


def _logits(output: object) -> Tensor:
    """Class scores of a network's output.

    Raises
    ------
    AnalysisError
        If the output is not one score per class.
    """
    first = output[0] if isinstance(output, (tuple, list)) and output else output
    if isinstance(first, Tensor) and first.ndim == 4 and first.shape[2:] == (1, 1):
        first = first.flatten(1)
    if not isinstance(first, Tensor) or first.ndim != 2:
        raise AnalysisError(
            "The network's output is not one score per class.",
            "Accuracy is for classifiers, whose output has axes (picture, class).",
        )
    return first


def _check_labels(labels: Integers | None, classes: int) -> None:
    """Refuse labels that are no outputs.

    Raises
    ------
    AnalysisError
        Names the largest label.
    """
    if labels is not None and len(labels) and (int(labels.max()) >= classes or int(labels.min()) < 0):
        wrong = int(labels.max()) if int(labels.max()) >= classes else int(labels.min())
        raise AnalysisError(
            f"The pictures have the label {wrong}, and the network has {classes} outputs.",
            "Use pictures of the classes the network was trained for, or say with --classes which is which.",
        )


def _totals(top1: float, top5: float, loss: float) -> Iterator[Chunk]:
    yield Chunk("top1", (), np.asarray(top1))
    yield Chunk("top5", (), np.asarray(top5))
    yield Chunk("loss", (), np.asarray(loss))


def _by_class(labels: Integers, predictions: Integers, classes: int) -> Iterator[Chunk]:
    yield Chunk("class_accuracy", (), class_accuracy(labels, predictions, classes))
    if classes <= MOST_CLASSES:
        matrix = confusion_matrix(labels, predictions, classes)
        rows = max(1, 2**17 // classes)
        for row in range(0, classes, rows):
            yield Chunk("confusion", (row,), matrix[row : row + rows])


def _declared(job: Job, classes: int, count: int, known: bool) -> Declared:
    single = (
        Output("top1", (), (), title="Top-1 accuracy"),
        Output("top5", (), (), title="Top-5 accuracy"),
        Output("loss", (), (), unit="nats", title="Mean cross-entropy"),
        Output("class_accuracy", ("class",), (classes,), title="Accuracy by class"),
    )
    matrix = Output("confusion", ("class", "class"), (classes, classes), "int64", "pictures", "Confusion matrix")
    each = (
        Output("label", ("sample",), (count,), "int32", title="Label"),
        Output("prediction", ("sample",), (count,), "int32", title="Prediction"),
        Output("confidence", ("sample",), (count,), title="Confidence"),
    )
    outputs = (*(single if known else ()), *((matrix,) if known and classes <= MOST_CLASSES else ()), *each)
    names = job.images.samples.classes or job.model.classes
    words = tuple(names) if len(names) == classes else ()
    facts = (
        ("accuracy", "share of pictures, 0..1"),
        ("top 5", "the label is among the five largest outputs; equal outputs count as larger"),
        ("loss", "mean cross-entropy, natural logarithm"),
        ("confusion", "rows: label, columns: prediction"),
    )
    return Declared(outputs, names=(("class", words),) if words else (), facts=facts)
