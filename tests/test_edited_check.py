"""The check of an edited network against counts and passes made here by hand."""

from __future__ import annotations

import numpy as np

from analysis.edits import Edits
from analysis.engine import run
from analysis.events import Finished, Outcome
from analysis.models import load
from analysis.request import Compute, ImageSource, ModelSource, Request
from analysis.result import Result
from analysis.surgery.dissecting import dissect

MODEL = ModelSource("demo:fashion_resnet")


def check(edits: Edits, images: str = "demo:test", **params: int) -> Result:
    request = Request(
        "edited_check", MODEL, ImageSource(images), edits, tuple(params.items()), limit=32, compute=Compute(threads=1)
    )
    result = Result.of(run(request))
    assert isinstance(result.finished, Finished)
    assert result.finished.outcome is Outcome.COMPLETED, result.finished.problem
    return result


def groups() -> list[tuple[str, int]]:
    model = load(MODEL, Compute())
    return [(group.name, group.width) for group in dissect(model.net, model.input_shape).groups.free]


def test_without_edits_nothing_differs() -> None:
    result = check(Edits())
    assert result["difference"].tolist() == [0, 0]
    assert result["agreement"].tolist() == [1, 1]
    assert result["parameters"][0] == result["parameters"][1] == result["predicted_parameters"]


def test_widening_keeps_outputs_and_costs_what_was_said() -> None:
    name, width = groups()[1]
    result = check(Edits(widths=((name, width * 3 // 2),)))
    assert 0 <= result["difference"][1] < 1e-5
    assert result["sample_difference"][1].max() > 0
    assert result["macs"][1] == result["predicted_macs"] > result["macs"][0]
    assert result["top1"][0] == result["top1"][1]


def test_narrowing_is_seen_and_recalibration_changes_a_copy_alone() -> None:
    edits = Edits(widths=tuple((name, max(1, width // 2)) for name, width in groups()))
    plain, again = check(edits), check(edits, recalibrate=16)
    assert plain["difference"][1] > 0.01
    assert plain["parameters"][1] == plain["predicted_parameters"] < plain["parameters"][0] / 2
    np.testing.assert_array_equal(again["difference"][:2], plain["difference"])
    assert again["difference"].shape == (3,)
    assert again["difference"][2] != again["difference"][1]


def test_labels_are_optional() -> None:
    result = check(Edits(), "noise:8")
    assert "top1" not in result
    assert any(warning.code == "no_labels" for warning in result.finished.warnings)  # type: ignore[union-attr]
