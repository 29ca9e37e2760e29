"""What happens to a network that writes into its input, has no gradient, or whose scores are not finite."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from analysis.live import measure
from analysis.measures.attributions import NAMES
from analysis.problems import AnalysisError, RunWarning
from analysis.result import Result
from tests import tiny
from tests.attribution_nets import Modules, Scarce, WritesInput, WrittenOver, explained


@pytest.fixture
def pictures() -> Tensor:
    return torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(3))


def test_all_algorithms_take_a_network_that_writes_into_its_input(pictures: Tensor) -> None:
    given = pictures.clone()
    asked = {"layer": "conv2", "target": "1", "steps": 8, "window": 4, "stride": 4}
    found = explained(tiny.fill(WritesInput()), given, "all", **asked)
    assert torch.equal(given, pictures)
    # Those that know no baseline see the same network, shifted.
    shifted = explained(tiny.fill(Modules()), pictures - 0.5, "all", **asked)
    for name in ("saliency", "grad_cam", "guided_grad_cam"):
        row = NAMES.index(name)
        np.testing.assert_allclose(found["attribution"][row], shifted["attribution"][row], rtol=1e-4, atol=1e-5)
    assert np.isfinite(found["attribution"]).all()


@pytest.mark.parametrize("layer", ["conv2#1", "relu#2", "relu#3"])
def test_a_step_in_place_that_gradients_need_undone_changes_no_map(layer: str, pictures: Tensor) -> None:
    asked = {"layer": layer, "target": "1", "steps": 6, "window": 4, "stride": 4}
    written_over, written_out = (tiny.fill(WrittenOver(in_place)) for in_place in (True, False))
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        written_over(pictures.clone().requires_grad_()).sum().backward()
    found, wanted = (explained(net, pictures, "all", **asked) for net in (written_over, written_out))
    assert np.abs(wanted["attribution"]).max(axis=(2, 3)).min() > 0
    np.testing.assert_allclose(found["attribution"], wanted["attribution"], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found["convergence_delta"], wanted["convergence_delta"], rtol=1e-4, atol=1e-6)
    assert not found.warnings


class AlwaysWrittenOver(torch.autograd.Function):
    """Fails as torch does where a tensor was written over, copied or not."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * 2

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        raise RuntimeError("one of the variables needed has been modified by an inplace operation: x")


class Stubborn(Modules):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(AlwaysWrittenOver.apply(x))


def test_where_copies_do_not_help_the_reason_is_one_sentence(pictures: Tensor) -> None:
    for name in ("saliency", "integrated_gradients"):
        with pytest.raises(AnalysisError, match="writes over a tensor that its gradients need") as caught:
            explained(tiny.fill(Stubborn()), pictures, name)
        assert "occlusion" in caught.value.hint
    assert np.isfinite(explained(tiny.fill(Stubborn()), pictures, "occlusion")["attribution"]).all()


class Detached(Modules):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.detach())


class Thresholded(Modules):
    def forward(self, x: Tensor) -> Tensor:
        return (super().forward(x) > 0).float()


class WithoutGradient(Modules):
    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return super().forward(x)


@pytest.mark.parametrize("kind", [Detached, Thresholded, WithoutGradient])
@pytest.mark.parametrize("name", ["saliency", "integrated_gradients", "deep_lift", "guided_grad_cam"])
def test_scores_without_a_gradient_are_one_sentence_with_a_way_on(
    kind: type[nn.Module], name: str, pictures: Tensor
) -> None:
    with pytest.raises(AnalysisError, match="have no gradient") as caught:
        explained(tiny.fill(kind()), pictures, name, layer="conv2")
    assert "occlusion" in caught.value.hint
    assert np.isfinite(explained(tiny.fill(kind()), pictures, "occlusion")["attribution"]).all()


def warnings_of(result: Result) -> tuple[RunWarning, ...]:
    assert result.finished is not None
    return result.finished.warnings


class DividesByZero(Modules):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) / x.new_zeros(())


def test_maps_that_are_not_finite_are_named(pictures: Tensor) -> None:
    found = measure("attribution", tiny.fill(DividesByZero()), pictures, algorithms="occlusion,saliency")
    assert np.isnan(found["attribution"]).all()
    (warning,) = (warning for warning in warnings_of(found) if warning.code == "non_finite")
    maps = (f"{title} of picture {place}" for title in ("Saliency", "Occlusion") for place in (0, 1))
    assert warning.items == tuple(maps)


def test_rows_that_were_halved_are_told(pictures: Tensor) -> None:
    scarce = explained(tiny.fill(Scarce()), pictures, "integrated_gradients", steps=20, batch=16)
    plenty = explained(tiny.fill(Modules()), pictures, "integrated_gradients", steps=20, batch=16)
    assert [warning.text for warning in warnings_of(scarce)] == [
        "Memory ran out with 16 rows at a time; the rest went 2 at a time."
    ]
    assert not warnings_of(plenty)


def test_what_is_quick_comes_first_and_keeps_its_row(pictures: Tensor) -> None:
    told: list[int] = []

    def watch(event: object) -> None:
        if getattr(event, "name", "") == "attribution":
            told.append(event.at[0])  # type: ignore[attr-defined]

    found = explained(
        tiny.fill(Modules()), pictures, "occlusion,integrated_gradients,grad_cam", steps=4, progress=watch
    )
    assert found.names("algorithm") == ("occlusion", "integrated_gradients", "grad_cam")
    assert list(dict.fromkeys(told)) == [2, 1, 0]
