"""Saliency and Grad-CAM come with the pass that predicts: no picture goes through the network twice for them."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam, Saliency
from torch import Tensor, nn

from analysis.problems import AnalysisError
from tests import tiny
from tests.attribution_nets import InPlaceModules, Modules, explained


@pytest.fixture
def pictures() -> Tensor:
    return torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(3))


class Counted(Modules):
    """Counts the pictures that go through it, also through its copies."""

    seen: ClassVar[list[int]] = []

    def forward(self, x: Tensor) -> Tensor:
        Counted.seen.append(len(x))
        return super().forward(x)


def passed(pictures: Tensor, names: str) -> int:
    """Explain all the pictures with a new network; return how many rows went through it or its copies."""
    Counted.seen.clear()
    places = ", ".join(str(place) for place in range(len(pictures)))
    explained(tiny.fill(Counted()), pictures, names, samples=places, layer="conv2", batch=2)
    return sum(Counted.seen)


@pytest.mark.parametrize("names", ["saliency", "grad_cam", "saliency,grad_cam", "grad_cam,saliency"])
def test_every_picture_goes_through_the_network_once(names: str, pictures: Tensor) -> None:
    # What is done once per network, recording it and trying a copy, is the same for six pictures and for one.
    assert passed(pictures, names) - passed(pictures[:1], names) == 5


@pytest.mark.parametrize("kind", [Modules, InPlaceModules])
def test_together_they_are_what_captum_gives_each_alone(kind: type[Modules], pictures: Tensor) -> None:
    every = "0,1,2,3,4,5"
    found = explained(tiny.fill(kind()), pictures, "saliency,grad_cam", layer="conv2", samples=every, target="2")
    plain = tiny.fill(Modules())
    assert isinstance(plain, Modules)
    saliency = Saliency(plain).attribute(pictures.clone().requires_grad_(), target=2).amax(dim=1)
    np.testing.assert_allclose(found["attribution"][0], saliency.numpy(), atol=1e-6)
    cam = LayerGradCam(plain, plain.conv2).attribute(pictures, target=2)
    shown = nn.functional.interpolate(cam.detach().double(), (8, 8), mode="bilinear")[:, 0]
    np.testing.assert_allclose(found["attribution"][1], shown.numpy(), atol=1e-6)


class Unlike(Modules):
    """Says something else once it was copied."""

    def __deepcopy__(self, memo: dict[int, object]) -> nn.Module:
        return tiny.fill(Modules(), seed=9)


def test_a_copy_that_says_something_else_is_refused(pictures: Tensor) -> None:
    with pytest.raises(AnalysisError, match="its scores are other ones"):
        explained(tiny.fill(Unlike()), pictures, "grad_cam", layer="conv2")
    explained(tiny.fill(Unlike()), pictures, "saliency")  # which needs no copy


@pytest.mark.parametrize("algorithms", ["grad_cam", "layer_conductance"])
def test_an_in_place_module_can_be_the_layer_though_its_result_is_not_used(algorithms: str, pictures: Tensor) -> None:
    asked = {"target": "2", "samples": "0,1", "steps": 8}
    found = explained(tiny.fill(InPlaceModules()), pictures, algorithms, layer="relu1#1", **asked)
    plain = explained(tiny.fill(Modules()), pictures, algorithms, layer="relu1", **asked)
    np.testing.assert_allclose(found["attribution"], plain["attribution"], atol=1e-6)
