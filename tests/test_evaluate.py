"""Accuracy on outputs that are written by hand, against plain counting, and on a trained network."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix, log_loss, top_k_accuracy_score
from torch import Tensor, nn

from analysis import measure
from analysis.engine import run
from analysis.events import Finished, Prepared
from analysis.figures import accuracy as figures
from analysis.measures import accuracy
from analysis.problems import AnalysisError
from analysis.request import ImageSource, ModelSource, Request
from analysis.result import Result

pytestmark = pytest.mark.usefixtures("one_thread")


class Reader(nn.Module):
    """Gives the first numbers of a picture as its class scores."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)[:, : self.classes] * self.scale


def pictures(count: int = 200, classes: int = 12) -> tuple[Tensor, np.ndarray]:
    made = torch.Generator().manual_seed(0)
    scores = torch.randn(count, classes, generator=made)
    labels = torch.randint(0, classes, (count,), generator=made)
    scores[torch.arange(count), labels] += 1.5
    return scores.reshape(count, 1, 1, classes), labels.numpy()


def evaluate(images: Tensor, labels: Any, classes: int = 12, **params: Any) -> Result:
    return measure("evaluate", Reader(classes), images, labels=labels, **params)


@pytest.mark.parametrize("batch", [7, 200])
def test_numbers_equal_scikit_learn(batch: int) -> None:
    images, labels = pictures()
    result = evaluate(images, labels, batch=batch)
    scores = images.flatten(1).double()
    shares = torch.softmax(scores, dim=1).numpy()
    assert result.value("top1") == pytest.approx(top_k_accuracy_score(labels, shares, k=1, labels=range(12)))
    assert result.value("top5") == pytest.approx(top_k_accuracy_score(labels, shares, k=5, labels=range(12)))
    assert result.value("loss") == pytest.approx(log_loss(labels, shares, labels=range(12)))
    expected = confusion_matrix(labels, shares.argmax(axis=1), labels=range(12))
    assert np.array_equal(result["confusion"], expected)
    assert result["class_accuracy"] == pytest.approx(np.diag(expected) / expected.sum(axis=1))
    assert np.array_equal(result["label"], labels)
    assert np.array_equal(result["prediction"], shares.argmax(axis=1))
    assert result["confidence"] == pytest.approx(shares.max(axis=1))


def test_without_labels_there_are_predictions_only() -> None:
    images, _ = pictures(20)
    result = evaluate(images, None)
    assert "top1" not in result
    assert "confusion" not in result
    assert (result["label"] == -1).all()
    assert np.array_equal(result["prediction"], images.flatten(1).argmax(dim=1).numpy())
    assert [warning.code for warning in result.warnings] == ["no_labels"]


def test_equal_outputs_are_not_right_by_chance() -> None:
    images = torch.zeros(12, 1, 1, 12)
    result = evaluate(images, np.arange(12))
    assert result.value("top1") == pytest.approx(1 / 12)
    assert result.value("top5") == 0
    assert result.value("loss") == pytest.approx(math.log(12))


def test_outputs_that_are_no_numbers_are_not_right() -> None:
    images, labels = pictures(10)
    images[3] = math.nan
    result = evaluate(images, labels)
    assert np.isnan(result["confidence"][3])
    clean = evaluate(images[torch.arange(10) != 3], np.delete(labels, 3))
    assert result.value("top5") * 10 == pytest.approx(clean.value("top5") * 9)


def test_outputs_that_are_no_numbers_are_no_prediction_of_the_first_class() -> None:
    images, labels = pictures(20)
    images[:] = math.nan
    result = evaluate(images, labels)
    assert (labels == 0).any(), "the class that the largest of nothing would be"
    assert (result.value("top1"), result.value("top5")) == (0, 0)
    assert (result["prediction"] == -1).all()
    assert result["confusion"].sum() == 0
    shown = result["class_accuracy"][np.unique(labels)]
    assert (shown == 0).all()
    warning = next(warning for warning in result.warnings if warning.code == "outputs_not_numbers")
    assert "20 of 20 pictures" in warning.text


def test_one_picture_without_numbers_is_told_and_not_right() -> None:
    images, labels = pictures(10)
    images[3] = math.nan
    result = evaluate(images, labels)
    assert result["confusion"].sum() == 9
    assert any("1 of 10 pictures" in warning.text for warning in result.warnings)
    clean = evaluate(images[torch.arange(10) != 3], np.delete(labels, 3))
    assert not clean.warnings
    assert result.value("top1") * 10 == pytest.approx(clean.value("top1") * 9)


def test_five_classes_or_fewer_have_no_top5() -> None:
    for classes in (3, 5):
        images, labels = pictures(30, classes)
        result = evaluate(images, labels, classes)
        assert "top5" not in result
        assert result.facts["top 5"] == f"not measured, because the network has {classes} outputs"
        assert result.value("top1") > 0
        assert np.isnan(accuracy.interval_of(result, "top5")).all()
        assert np.isnan(accuracy.difference_interval(result, result, "top5")).all()
        assert accuracy.says_something(result, "top1")
    images, labels = pictures(30, 6)
    labels[:6] = images[:6].flatten(1).argmin(dim=1).numpy()
    assert evaluate(images, labels, 6).value("top5") == pytest.approx(24 / 30)


@pytest.mark.parametrize("labelled", [True, False])
def test_a_single_output_has_neither_confidence_nor_accuracy(labelled: bool) -> None:
    images, _ = pictures(8, 1)
    images[2] = math.nan
    result = evaluate(images, np.zeros(8, dtype=np.int64) if labelled else None, 1)
    np.testing.assert_array_equal(result["score"], images.flatten().double().numpy())
    assert np.isnan(result["confidence"]).all(), "a softmax over one number is always 1"
    assert np.isnan(result["top_share"]).all()
    assert not {"top1", "top5", "loss", "confusion", "class_accuracy"} & set(result.arrays)
    assert result["prediction"].tolist() == [0, 0, -1, 0, 0, 0, 0, 0]
    assert [warning.code for warning in result.warnings] == ["outputs_not_numbers", "one_output"]
    assert "1 of 8 pictures" in result.warnings[0].text
    assert accuracy.one_output(result)
    assert not accuracy.one_output(evaluate(*pictures(8, 2), 2))
    with pytest.raises(AnalysisError, match="one output"):
        figures.confidence([result], {"pictures": ""})


def test_a_class_without_pictures_has_no_accuracy() -> None:
    images, _ = pictures(10)
    result = evaluate(images, np.full(10, 2))
    assert np.isnan(np.delete(result["class_accuracy"], 2)).all()
    assert not np.isnan(result["class_accuracy"][2])


@pytest.mark.parametrize("wrong", [12, -1])
def test_labels_that_are_no_outputs_are_refused(wrong: int) -> None:
    images, labels = pictures(10)
    labels[4] = wrong
    with pytest.raises(AnalysisError, match=f"label {wrong}, and the network has 12 outputs"):
        evaluate(images, labels)


def test_outputs_that_are_no_class_scores_are_refused() -> None:
    with pytest.raises(AnalysisError, match="not one score per class"):
        measure("evaluate", nn.Conv2d(1, 3, 1), torch.zeros(4, 1, 6, 6), labels=np.zeros(4, dtype=int))


def test_accuracy_by_class_of_labels_in_part() -> None:
    labels, predictions = np.array([0, 0, 1, -1]), np.array([0, 1, 1, 2])
    assert accuracy.confusion_matrix(labels, predictions, 3).tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert accuracy.class_accuracy(labels, predictions, 3)[:2].tolist() == [0.5, 1.0]


@pytest.mark.data
@pytest.mark.parametrize(("weights", "expected"), [("resnet20-12fca82f.th", 0.915), ("resnet56-4bfd9763.th", 0.926)])
def test_published_networks_reach_their_accuracy(data: Path, weights: str, expected: float) -> None:
    model = ModelSource("auto", (str(data / "weights" / weights),))
    images = ImageSource(str(data / "cifar10" / "cifar_test1000.npz"))
    result = Result.of(run(Request("evaluate", model, images)))
    assert result.value("top1") == pytest.approx(expected, abs=1e-9)
    assert result["confusion"].sum() == 1000
    assert np.trace(result["confusion"]) == round(1000 * expected)
    assert result.names("class")[3] == "cat"


def test_what_the_user_says_of_the_pictures_is_not_called_assumed(tmp_path: Path) -> None:
    net = "import torch\ndef make():\n    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))\n"
    (tmp_path / "mine.py").write_text(net)
    model = ModelSource(f"{tmp_path / 'mine.py'}:make", input=(1, 28, 28), trust=True)
    badges = {}
    for name, source in {
        "said": ImageSource("demo:test", mean=(0.286,), std=(0.353,)),
        "not": ImageSource("demo:test"),
    }.items():
        events = list(run(Request("evaluate", model, source, limit=20)))
        badges[name] = next(event.badges for event in events if isinstance(event, Prepared))
        (ending,) = (event for event in events if isinstance(event, Finished))
        assert ("preprocessing_assumed" in {warning.code for warning in ending.warnings}) == (name == "not")
    assert badges == {"said": (), "not": ("preprocessing assumed",)}
