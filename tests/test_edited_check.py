"""The check of an edited network against counts and passes made here by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from analysis.edits import Edits
from analysis.engine import carry_out, run
from analysis.events import Finished, Outcome
from analysis.images import images_from
from analysis.methods.edited_check import equal_batches
from analysis.models import load, model_from
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


def recalibrated(net: nn.Module, pixels: torch.Tensor, batch: int, count: int) -> Result:
    request = Request("edited_check", params=(("recalibrate", count),), compute=Compute(threads=1, batch=batch))
    images = images_from(pixels, torch.arange(len(pixels)) % 3, net, batch)
    return Result.of(carry_out(request, lambda _: (model_from(net, (3, 4, 4)), images), lambda: False))


def ending_in_one_position() -> nn.Module:
    """Batch norm on maps of one position, which refuses a batch of one picture: as ReXNet's gates do."""
    torch.manual_seed(0)
    norms = nn.BatchNorm2d(4), nn.BatchNorm2d(5)
    layers = (nn.Conv2d(3, 4, 3), norms[0], nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 5, 1), norms[1])
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(5, 3)).eval()


@pytest.mark.parametrize("count", [2, 8, 9, 10, 17, 33])
def test_a_short_last_batch_is_no_batch_of_its_own(count: int) -> None:
    """The statistics are plain means over batches of one size, and those of torch on the same batches."""
    net = ending_in_one_position()
    pixels = torch.randn((count, 3, 4, 4), generator=torch.Generator().manual_seed(1))
    result = recalibrated(net, pixels, 8, count)
    assert isinstance(result.finished, Finished)
    assert result.finished.problem is None
    size, used = equal_batches(count, 8)
    assert 2 <= size <= 8
    assert count - used < used // size
    twin = ending_in_one_position()
    for module in twin.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
            module.train()
    with torch.no_grad():
        for start in range(0, used, size):
            twin(pixels[start : start + size])
        away = (twin.eval()(pixels) - net(pixels)).abs().amax(dim=1)
    np.testing.assert_allclose(result["sample_difference"][2], away.numpy(), rtol=1e-4)


def test_one_picture_cannot_recalibrate_maps_of_one_position() -> None:
    result = recalibrated(ending_in_one_position(), torch.randn(4, 3, 4, 4), 8, 1)
    assert isinstance(result.finished, Finished)
    assert result.finished.problem is not None
    assert "one picture" in result.finished.problem.message
