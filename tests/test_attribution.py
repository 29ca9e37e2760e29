from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from captum.attr import (
    DeepLift,
    GuidedGradCam,
    IntegratedGradients,
    LayerConductance,
    LayerGradCam,
    Occlusion,
    Saliency,
)
from torch import Tensor, nn
from torch.nn import functional

from analysis.engine import run
from analysis.events import Chunk, Finished, Outcome, Progress
from analysis.explaining.targets import baseline_of
from analysis.graph import record
from analysis.measures import attributions
from analysis.request import Preprocessing
from analysis.result import Result
from tests import tiny
from tests.attribution_nets import (
    SHAPE,
    Averaged,
    Functions,
    InPlaceModules,
    Modules,
    PreActivation,
    WritesInput,
    explained,
    linear,
    pictures,
    quietly,
    request,
)

__all__ = ["pictures"]


# -- analytic cases ----------------------------------------------------------------------------------------------------


def test_the_saliency_of_a_linear_network_is_its_weights() -> None:
    net, pictures = linear(), tiny.pictures((1, 4, 4), 2)
    found = explained(net, pictures, "saliency,integrated_gradients,deep_lift", target="2")
    weights = net[1].weight.detach().double().numpy()[2].reshape(4, 4)  # type: ignore[index,union-attr,operator]
    for place in range(2):
        np.testing.assert_allclose(found["attribution"][0, place], np.abs(weights), rtol=1e-6)
        np.testing.assert_allclose(found["attribution_by_channel"][0, place, 0], weights, rtol=1e-6)
        product = weights * pictures[place, 0].double().numpy()
        np.testing.assert_allclose(found["attribution"][1, place], product, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(found["attribution"][2, place], product, rtol=1e-4, atol=1e-6)
    assert np.abs(found["convergence_delta"][1:]).max() < 1e-5
    assert np.isnan(found["convergence_delta"][0]).all()


class Square(nn.Module):
    """Scores are sums of a_i x_i squared: the integral is exact with two points."""

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(1) ** 2
        return torch.stack([flat.sum(dim=1), -flat.sum(dim=1)], dim=1)


def test_integrated_gradients_of_a_square_are_the_squares() -> None:
    pictures = tiny.pictures((1, 4, 4), 2)
    found = explained(Square(), pictures, "integrated_gradients", target="0", steps=2)
    np.testing.assert_allclose(found["attribution"][0], pictures[:, 0].double().numpy() ** 2, rtol=1e-5)
    np.testing.assert_allclose(found["difference"], found["target_score"], rtol=1e-6)
    assert np.abs(found["convergence_delta"]).max() < 1e-4


class OnePixel(nn.Module):
    """Looks at the pixel (2, 5) alone."""

    def forward(self, x: Tensor) -> Tensor:
        seen = x[:, :, 2, 5].sum(dim=1)
        return torch.stack([3 * seen, -seen], dim=1)


def test_occlusion_of_a_network_that_looks_at_one_pixel() -> None:
    pictures = torch.ones(1, 1, 8, 8)
    found = explained(OnePixel(), pictures, "occlusion", target="0", window=2, stride=2)
    expected = np.zeros((8, 8))
    expected[2:4, 4:6] = 3
    np.testing.assert_array_equal(found["attribution"][0, 0], expected)


def test_occlusion_takes_the_mean_of_the_windows_that_cover_a_pixel() -> None:
    found = explained(OnePixel(), torch.ones(1, 1, 8, 8), "occlusion", target="0", window=3, stride=1)
    at = found["attribution"][0, 0]
    assert at[2, 5] == pytest.approx(3)
    assert at[0, 5] == pytest.approx(3)  # at the edge, all windows that cover it reach the pixel
    assert at[0, 3] == pytest.approx(1)  # one of its three columns of windows
    assert at[4, 5] == pytest.approx(1)  # one of its three rows of windows
    assert at[7, 0] == 0


class Pooled(nn.Module):
    """One convolution, mean, one linear layer: Grad-CAM can be worked out by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(1, 3, 3, padding=1), nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.conv(x).mean(dim=(2, 3)))


def test_grad_cam_is_what_it_is_by_hand() -> None:
    net, pictures = tiny.fill(Pooled()), tiny.pictures((1, 6, 6), 2)
    found = explained(net, pictures, "grad_cam", target="1", layer="conv")
    with torch.no_grad():
        maps = net.conv(pictures).double()  # type: ignore[operator]
    weight = net.fc.weight.detach().double()[1] / 36  # type: ignore[union-attr,operator]
    expected = (weight[None, :, None, None] * maps).sum(dim=1).numpy()
    np.testing.assert_allclose(found["attribution"][0], expected, rtol=1e-4, atol=1e-7)


def test_conductance_adds_up_to_the_difference(pictures: Tensor) -> None:
    net = tiny.fill(Modules())
    found = explained(net, pictures, "layer_conductance", layer="conv2", steps=400)
    np.testing.assert_allclose(found["attribution_sum"][0], found["difference"], rtol=0.02)
    np.testing.assert_allclose(found["channel_conductance"].sum(axis=1), found["attribution_sum"][0], rtol=1e-6)
    delta = found["attribution_sum"][0] - found["difference"]
    np.testing.assert_allclose(found["convergence_delta"][0], delta, atol=1e-9)


def test_more_steps_bring_the_integral_closer(pictures: Tensor) -> None:
    net = tiny.fill(Modules())
    deltas = [np.abs(explained(net, pictures, "integrated_gradients", steps=steps)["convergence_delta"]).max()
              for steps in (2, 300)]  # fmt: skip
    assert deltas[1] < 0.2 * deltas[0]


# -- plain Captum ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[1, 7, 64])
def both(request: pytest.FixtureRequest, pictures: Tensor) -> tuple[Result, nn.Module]:
    net = tiny.fill(Averaged())
    found = explained(net, pictures, target="1", layer="conv2", steps=20, window=3, stride=2, batch=request.param)
    return found, net


def raw(result: Result, name: str) -> Any:
    return result["attribution_by_channel"][result.names("algorithm").index(name)]


def test_the_algorithms_that_see_pixels_equal_plain_captum(both: tuple[Result, nn.Module], pictures: Tensor) -> None:
    found, net = both
    zero = torch.zeros_like(pictures)
    plain = {
        "saliency": lambda: Saliency(net).attribute(pictures.clone(), target=1, abs=False),
        "integrated_gradients": lambda: IntegratedGradients(net).attribute(pictures, zero, target=1, n_steps=20),
        "deep_lift": lambda: DeepLift(net).attribute(pictures.clone(), zero, target=1),
        "occlusion": lambda: Occlusion(net).attribute(pictures, (3, 3, 3), strides=(3, 2, 2), target=1, baselines=zero),
        "guided_grad_cam": lambda: GuidedGradCam(net, net.conv2).attribute(
            pictures.clone(), target=1, interpolate_mode="bilinear"
        ),
    }
    for name, call in plain.items():
        expected = quietly(call).detach().double().numpy()
        np.testing.assert_allclose(raw(found, name), expected, rtol=1e-4, atol=1e-6, err_msg=name)


def test_the_algorithms_that_see_a_layer_equal_plain_captum(both: tuple[Result, nn.Module], pictures: Tensor) -> None:
    found, net = both
    cam = LayerGradCam(net, net.conv2).attribute(pictures.clone().requires_grad_(), target=1)
    whole, delta = LayerConductance(net, net.conv2).attribute(
        pictures, torch.zeros_like(pictures), target=1, n_steps=20, return_convergence_delta=True
    )
    for name, maps in (("grad_cam", cam), ("layer_conductance", whole.sum(dim=1, keepdim=True))):
        large = functional.interpolate(maps.detach().double(), (8, 8), mode="bilinear", align_corners=False)
        row = found.names("algorithm").index(name)
        np.testing.assert_allclose(found["attribution"][row], large[:, 0].numpy(), rtol=1e-4, atol=1e-6, err_msg=name)
    np.testing.assert_allclose(found["convergence_delta"][6], delta.detach().numpy(), atol=1e-5)


def test_the_deltas_equal_plain_captum(both: tuple[Result, nn.Module], pictures: Tensor) -> None:
    found, net = both
    zero = torch.zeros_like(pictures)
    _, one = IntegratedGradients(net).attribute(pictures, zero, target=1, n_steps=20, return_convergence_delta=True)
    _, other = quietly(lambda: DeepLift(net).attribute(pictures.clone(), zero, target=1, return_convergence_delta=True))
    np.testing.assert_allclose(found["convergence_delta"][1], one.detach().numpy(), atol=1e-5)
    np.testing.assert_allclose(found["convergence_delta"][2], other.detach().numpy(), atol=1e-5)


# -- networks that Captum alone gets wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Functions, InPlaceModules])
def test_functions_in_place_and_repeated_modules_change_nothing(kind: type[nn.Module], pictures: Tensor) -> None:
    plain, other = tiny.fill(Modules()), tiny.fill(kind())
    one = explained(plain, pictures, target="1", layer="conv2", steps=10)
    two = explained(other, pictures, target="1", layer="conv2", steps=10)
    for name in ("attribution", "convergence_delta", "channel_conductance"):
        np.testing.assert_allclose(two[name], one[name], rtol=1e-4, atol=1e-6, err_msg=name)
    assert np.abs(two["convergence_delta"][2]).max() < 1e-5


def test_captum_alone_is_wrong_about_functions(pictures: Tensor) -> None:
    """Why the copy exists: without it DeepLift neither fails nor is complete."""
    net = tiny.fill(Functions())
    zero = torch.zeros_like(pictures)
    _, delta = quietly(lambda: DeepLift(net).attribute(pictures.clone(), zero, target=1, return_convergence_delta=True))
    assert float(delta.abs().max()) > 0.01


def test_max_pooling_after_an_activation_is_complete(pictures: Tensor) -> None:
    """Captum alone hooks both at the tensor between them, where the activation reads its gradient too early."""
    net = tiny.fill(Modules())
    found = explained(net, pictures, "deep_lift", baseline="blur", target="1")
    assert np.abs(found["convergence_delta"]).max() < 1e-5
    blurred = baseline_of(pictures, "blur", Preprocessing(source="user"))
    _, delta = quietly(
        lambda: DeepLift(net).attribute(pictures.clone(), blurred, target=1, return_convergence_delta=True)
    )
    assert float(delta.abs().max()) > 0.05


def test_a_shortcut_that_reads_the_same_tensor_keeps_its_gradient(pictures: Tensor) -> None:
    found = explained(tiny.fill(PreActivation()), pictures, "deep_lift")
    assert np.abs(found["convergence_delta"]).max() < 1e-5


def test_a_module_called_twice_has_a_map_for_each_call(pictures: Tensor) -> None:
    net = nn.Sequential(nn.Conv2d(3, 2, 1), tiny.Loop(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 3))
    tiny.fill(net)
    one, two = (explained(net, pictures, "grad_cam", layer=f"1.loop#{call}", target="0") for call in (1, 2))
    start = net[0](pictures).detach()
    first = net[1].loop(start).detach().requires_grad_()
    second = net[1].loop(net[1].act(first))
    score = net[2:](net[1].act(second))[:, 0].sum()
    for found, maps in ((one, first), (two, second)):
        gradient = torch.autograd.grad(score, maps, retain_graph=True)[0].mean(dim=(2, 3), keepdim=True)
        expected = (gradient * maps).sum(dim=1).detach().numpy()
        np.testing.assert_allclose(found["attribution"][0], expected, rtol=1e-4, atol=1e-6)
    assert not np.allclose(one["attribution"], two["attribution"])


def test_a_functional_activation_can_be_the_layer(pictures: Tensor) -> None:
    modules, functions = tiny.fill(Modules()), tiny.fill(Functions())
    one = explained(modules, pictures, "grad_cam,layer_conductance", layer="relu2", target="2", steps=10)
    name = next(row.name for row in record(functions, SHAPE).layers if row.kind == "activation" and row.channels == 5)
    two = explained(functions, pictures, "grad_cam,layer_conductance", layer=name, target="2", steps=10)
    np.testing.assert_allclose(two["attribution"], one["attribution"], rtol=1e-4, atol=1e-6)


def test_a_network_that_writes_into_its_input_is_explained_all_the_same(pictures: Tensor) -> None:
    given = pictures.clone()
    found = explained(tiny.fill(WritesInput()), given, "saliency,integrated_gradients", target="1")
    shifted = explained(tiny.fill(Modules()), pictures - 0.5, "saliency", target="1")
    np.testing.assert_allclose(found["attribution"][0], shifted["attribution"][0], rtol=1e-4, atol=1e-6)
    assert torch.equal(given, pictures)


class Smooth(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.act, self.fc = nn.Conv2d(3, 4, 3), nn.SiLU(), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.act(self.conv(x)).mean(dim=(2, 3)))


def test_what_has_no_rule_is_told(pictures: Tensor) -> None:
    found = explained(tiny.fill(Smooth()), pictures, "deep_lift,guided_grad_cam")
    assert {warning.code for warning in found.warnings} == {"no_rule", "no_relu"}
    assert np.abs(found["convergence_delta"][0]).max() > 1e-3


# -- leaving no trace --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Modules, Functions, InPlaceModules])
def test_the_network_is_left_as_it_was(kind: type[nn.Module], pictures: Tensor) -> None:
    net = tiny.fill(kind())
    before = tiny.state_of(net)
    explained(net, pictures, steps=4)
    assert tiny.state_of(net) == before
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("name", attributions.NAMES)
def test_a_cancel_passes_through_captum(name: str) -> None:
    """Asked to stop in the middle of a pass, the run ends with no trace of hooks or of gradients."""
    calls = [0]

    def cancelled() -> bool:
        calls[0] += 1
        return calls[0] > 700  # looked at before every layer: somewhere inside the algorithm

    events = list(run(request(algorithms=name, steps=100, window=3, stride=1), cancelled))
    assert isinstance(events[-1], Finished)
    assert events[-1].outcome in (Outcome.CANCELLED, Outcome.COMPLETED)
    if name in ("integrated_gradients", "layer_conductance", "occlusion"):
        assert events[-1].outcome is Outcome.CANCELLED
    modules = torch.nn.modules.module
    assert not modules._global_forward_pre_hooks
    assert not modules._global_forward_hooks
    assert torch._C._len_torch_function_stack() == 0
    assert torch.is_grad_enabled()


def test_gradients_are_off_whenever_a_step_is_handed_out() -> None:
    events: Iterator[Any] = run(request(algorithms="all", samples="3", steps=4, window=9, stride=9))
    for _ in events:
        assert torch.is_grad_enabled()  # as the caller had it, not as the run has it
    with torch.no_grad():
        for _ in run(request(algorithms="saliency", samples="3")):
            assert not torch.is_grad_enabled()


def test_the_run_is_told_step_by_step() -> None:
    events = list(
        run(request(algorithms="integrated_gradients,occlusion", samples="3,4", steps=40, window=6, stride=6))
    )
    steps = [event for event in events if isinstance(event, Progress) and event.total]
    assert steps[-1].done == steps[-1].total
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert len([step for step in steps if "Integrated gradients, picture 1 of 2" in step.text]) == 5
    names = [event.name for event in events if isinstance(event, Chunk)]
    assert names.index("picture") < names.index("attribution")
