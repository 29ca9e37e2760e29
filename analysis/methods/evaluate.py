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
from analysis.labels import counted_outputs
from analysis.measures.accuracy import TOP, class_accuracy, confusion_matrix
from analysis.outputs import check_labels, class_scores
from analysis.result import empty_array

INFO = MethodInfo(
    name="evaluate",
    title="Accuracy",
    summary="Top-1 and top-5 accuracy, loss, confusion matrix, and every picture's prediction.",
    version=3,
)
Integers = NDArray[np.int64]
NOT_NUMBERS = "outputs_not_numbers"
ONE_OUTPUT = "one_output"
OF_EACH = {
    "prediction": "prediction",
    "confidence": "confidence",
    "top_class": "top_class",
    "top_share": "top_share",
    "sample_loss": "loss",
    "score": "score",
}
"""Outputs per picture, and what they are called among the scores of a batch."""
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
        prediction (-1 where the outputs are not numbers), confidence (softmax of the predicted class), the largest
        classes and their softmax (top_class and top_share, axes (picture, place), five places or as many as there are
        classes), and with labels: hit and loss per picture, and whether the label is among the five largest (all
        classes, where there are fewer). Of a single output, whose softmax is always 1: the number itself (score), and
        NaN for what would be its softmax.
    """
    exact = logits if logits.device.type == "mps" else logits.double()
    shares = torch.softmax(exact, dim=1)
    confidence, prediction = shares.max(dim=1)
    # The largest of what is no number is the first class by chance: no prediction, and never right.
    prediction = torch.where(confidence.isnan(), -1, prediction)
    largest = min(TOP, exact.shape[1])
    # Equal outputs in the order of the classes, so that the first place is the prediction.
    order = torch.sort(exact, dim=1, descending=True, stable=True).indices[:, :largest]
    found = {"prediction": prediction, "confidence": confidence}
    found |= {"top_class": order, "top_share": shares.gather(1, order)}
    if exact.shape[1] == 1:
        empty = torch.full_like(exact, torch.nan)
        found |= {"score": exact[:, 0], "confidence": empty[:, 0], "top_share": empty}
    if labels is not None:
        own = exact.gather(1, labels[:, None])
        # Ties count against the network: a constant output is not right by chance of its order.
        better = (exact >= own).sum(dim=1)
        found["hit"] = prediction == labels
        found["near"] = (better >= 1) & (better <= TOP)  # 0: the outputs are not numbers
        found["loss"] = functional.cross_entropy(exact, labels, reduction="none")
    return found


def run(job: Job) -> Iterator[Step]:
    """Classify all pictures; without labels, tell predictions and confidences only."""
    images, model = job.images, job.model
    count, known = images.count, images.labels is not None
    classes = 0
    done, hits, near, loss = 0, 0, 0, 0.0
    labels = np.full(count, -1, dtype=np.int64) if images.labels is None else images.labels
    each: dict[str, NDArray[np.generic]] = {}
    seen = np.zeros(count, dtype=bool)
    for batch in images.batches():
        logits = class_scores(model.net(batch.pixels), "Accuracy")
        if not classes:
            classes = logits.shape[1]
            known = known and classes > 1  # a single output is never right or wrong
            check_labels(images.labels if known else None, classes)
            yield (declared := _declared(job, classes, count, known))
            each = {output.name: empty_array(output) for output in declared.outputs if output.dims[:1] == ("sample",)}
        found = scores(logits, batch.labels if known else None)
        # Pictures that cannot be read leave gaps, which stay marked as empty.
        at, place = (int(batch.index[0]),), slice(int(batch.index[0]), int(batch.index[-1]) + 1)
        for name, source in OF_EACH.items():
            if name in each and source in found:
                each[name][batch.index] = found[source].cpu().numpy()
                yield Chunk(name, at, each[name][place])
        seen[batch.index] = True
        done += len(batch.index)
        if known:
            yield Chunk("label", at, labels[place].astype(np.int32))
            hits, near = hits + int(found["hit"].sum()), near + int(found["near"].sum())
            loss += float(found["loss"].sum())
            yield from _totals(hits / done, near / done if classes > TOP else None, loss / done)
        yield Progress(done, count, "Classifying")
    broken = (each["prediction"].astype(np.int64) < 0) & seen
    if broken.any():
        many = f"{int(broken.sum()):,} of {int(seen.sum()):,} pictures"
        job.warn(NOT_NUMBERS, f"The network's outputs for {many} are not numbers: they count as not recognised.")
    if known:
        yield from _by_class(labels[seen], each["prediction"].astype(np.int64)[seen], classes)
    elif classes == 1:
        job.warn(ONE_OUTPUT, "The network has one output: there is no accuracy and no confidence, only its number.")
    else:
        job.warn("no_labels", f"{job.unlabelled}: there are predictions, but no accuracy.")


def _totals(top1: float, top5: float | None, loss: float) -> Iterator[Chunk]:
    yield Chunk("top1", (), np.asarray(top1))
    if top5 is not None:
        yield Chunk("top5", (), np.asarray(top5))
    yield Chunk("loss", (), np.asarray(loss))


def _by_class(labels: Integers, predictions: Integers, classes: int) -> Iterator[Chunk]:
    yield Chunk("class_accuracy", (), class_accuracy(labels, predictions, classes))
    if classes <= MOST_CLASSES:
        there = predictions >= 0
        matrix = confusion_matrix(labels[there], predictions[there], classes)
        rows = max(1, 2**17 // classes)
        for row in range(0, classes, rows):
            yield Chunk("confusion", (row,), matrix[row : row + rows])


def _declared(job: Job, classes: int, count: int, known: bool) -> Declared:
    single = (
        Output("top1", (), (), title="Top-1 accuracy"),
        *((Output("top5", (), (), title="Top-5 accuracy"),) if classes > TOP else ()),
        Output("loss", (), (), unit="nats", title="Mean cross-entropy"),
        Output("class_accuracy", ("class",), (classes,), title="Accuracy by class"),
    )
    matrix = Output("confusion", ("class", "class"), (classes, classes), "int64", "pictures", "Confusion matrix")
    each: tuple[Output, ...] = (
        Output("label", ("sample",), (count,), "int32", title="Label"),
        Output("prediction", ("sample",), (count,), "int32", title="Prediction"),
        Output("confidence", ("sample",), (count,), title="Confidence"),
        Output("top_class", ("sample", "place"), (count, min(TOP, classes)), "int32", title="Most likely classes"),
        Output("top_share", ("sample", "place"), (count, min(TOP, classes)), title="Their shares"),
    )
    if classes == 1:
        each += (Output("score", ("sample",), (count,), title="Output of each picture"),)
    if known:
        each += (Output("sample_loss", ("sample",), (count,), unit="nats", title="Cross-entropy of each picture"),)
    outputs = (*(single if known else ()), *((matrix,) if known and classes <= MOST_CLASSES else ()), *each)
    names = job.images.samples.classes or job.model.classes
    words = tuple(names) if len(names) == classes else ()
    top5 = "the label is among the five largest outputs; equal outputs count as larger"
    facts = (
        ("accuracy", "share of pictures, 0..1"),
        ("top 5", top5 if classes > TOP else f"not measured, because the network has {counted_outputs(classes)}"),
        ("loss", "mean cross-entropy, natural logarithm"),
        ("confusion", "rows: label, columns: prediction"),
        ("shares", "softmax over all classes" if classes > 1 else "none, because the network has 1 output"),
    )
    return Declared(outputs, names=(("class", words),) if words else (), facts=facts)
