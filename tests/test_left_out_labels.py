"""Pictures whose class names fit no output: who needs no labels measures them all the same, and says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from analysis.engine import run
from analysis.events import Outcome
from analysis.request import ImageSource, ModelSource, Request
from analysis.result import Result

pytestmark = pytest.mark.usefixtures("one_thread")
CLASSES = ("blobs", "dots", "rings")
FIT_NONE = "3 classes of the pictures fit none of the network's 10 outputs: 'blobs' and 2 more"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make one folder for each class, with three pictures each."""
    made = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(5)
    for name in CLASSES:
        (made / name).mkdir()
        for place in range(3):
            Image.fromarray(random.integers(0, 255, (28, 28), dtype=np.uint8)).save(made / name / f"{place}.png")
    return made


def measured(method: str, folder: Path, classes: str = "", limit: int = 0, **params: Any) -> Result:
    source = ImageSource(str(folder), classes=classes)
    request = Request(method, ModelSource("demo:fashion_plain"), source, params=tuple(params.items()), limit=limit)
    return Result.of(run(request))


@pytest.mark.parametrize(
    ("method", "output", "params"),
    [
        ("evaluate", "prediction", {}),
        ("activations", "maps", {}),
        ("feature_rank", "effective_rank", {}),
        ("attribution", "attribution", {"algorithms": "saliency", "target": "3"}),
    ],
)
def test_methods_without_labels_leave_out_what_fits_no_output(
    method: str, output: str, params: dict[str, Any], folder: Path
) -> None:
    found = measured(method, folder, limit=6, **params)
    assert found.finished is not None
    assert found.finished.outcome is Outcome.COMPLETED, found.finished.problem
    assert output in found
    assert found.prepared is not None
    assert "labels left out" in found.prepared.badges
    told = next(warning for warning in found.warnings if warning.code == "labels_left_out")
    assert told.text == f"The labels were left out: {FIT_NONE}; a file of class names says which is which."
    assert told.items == CLASSES
    assert found.prepared.indices is not None
    assert np.bincount(found.prepared.indices // 3).tolist() == [2, 2, 2], "taken from the classes in turn"


def test_accuracy_says_why_there_is_none_and_a_file_of_names_mends_it(folder: Path, tmp_path: Path) -> None:
    without = measured("evaluate", folder)
    assert "top1" not in without
    assert any(w.text == "The labels of the pictures fit no output: there are predictions, but no accuracy."
               for w in without.warnings)  # fmt: skip
    names = tmp_path / "names.txt"
    names.write_text("\n".join(("rings", "dots", "blobs", *"defghij")), encoding="utf-8")
    found = measured("evaluate", folder, classes=str(names))
    assert found["label"].tolist() == [2, 2, 2, 1, 1, 1, 0, 0, 0]
    assert not {"labels_left_out", "no_labels"} & {warning.code for warning in found.warnings}
    assert found.prepared is not None
    assert without.prepared is not None
    assert found.prepared.fingerprint != without.prepared.fingerprint, "an answer with labels is another one"
    names.write_text("ant\nbee\n", encoding="utf-8")
    refused = measured("evaluate", folder, classes=str(names)).finished
    assert refused is not None
    assert refused.problem is not None
    assert "2 outputs" in refused.problem.message, "who says which is which is told that it does not fit"


def test_one_output_has_no_classes_to_be_named(folder: Path, tmp_path: Path) -> None:
    code = "from torch import nn\ndef net():\n    return nn.Sequential(nn.Flatten(), nn.Linear(784, 1))\n"
    (tmp_path / "one.py").write_text(code, encoding="utf-8")
    model = ModelSource(f"{tmp_path / 'one.py'}:net", trust=True, input=(1, 28, 28))
    found = Result.of(run(Request("evaluate", model, ImageSource(str(folder)))))
    told = {warning.code: warning.text for warning in found.warnings}
    assert told["labels_left_out"] == "The labels were left out: a network with one output has no classes."
    assert "one_output" in told


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("conflicting_bundles", {}),
        ("attribution", {"algorithms": "saliency", "target": "label"}),
        ("channel_scores", {"rule": "taylor"}),
    ],
)
def test_who_needs_labels_is_refused(method: str, params: dict[str, Any], folder: Path) -> None:
    finished = measured(method, folder, **params).finished
    assert finished is not None
    assert finished.problem is not None
    assert finished.problem.message == f"{FIT_NONE}."
    assert finished.problem.code == "classes"
    assert finished.problem.details == "\n".join(CLASSES)
