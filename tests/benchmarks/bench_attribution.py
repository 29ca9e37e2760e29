"""Attribution against plain calls of Captum 0.9: the same maps first, then the work they take."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from analysis.images import images_from
from analysis.job import Job, Step
from analysis.measures.attributions import NAMES, algorithm
from analysis.methods import attribution
from analysis.models import model_from
from analysis.request import Compute, Request
from analysis.result import Result
from tests.benchmarks.pairs import alternate, report

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1800)]
BAR = 1.05
BATCH = 8
STEPS = 16
WINDOW = 56


class Net(nn.Module):
    """A network of modules that are called once, with no pooling after an activation: Captum alone is right here."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.act1 = nn.Conv2d(3, 32, 3, padding=1), nn.ReLU()
        self.conv2, self.act2 = nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU()
        self.conv3, self.act3 = nn.Conv2d(64, 64, 3, padding=1), nn.ReLU()
        self.conv4, self.act4 = nn.Conv2d(64, 128, 3, 2, 1), nn.ReLU()
        self.fc = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act2(self.conv2(self.act1(self.conv1(x))))
        return self.fc(self.act4(self.conv4(self.act3(self.conv3(x)))).mean(dim=(2, 3)))


@pytest.fixture(scope="module")
def net() -> nn.Module:
    torch.manual_seed(0)
    return Net().eval()


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    """As many as the method explains unless others are asked for."""
    return torch.randn(4, 3, 224, 224, generator=torch.Generator().manual_seed(1))


def ours(net: nn.Module, pictures: Tensor, name: str) -> Callable[[], Result]:
    """The whole method on a network that is open already and pictures in memory, for one algorithm."""
    images = images_from(pictures, None, net)
    params = attribution.INFO.values(
        {"algorithms": name, "target": "3", "layer": "conv4", "steps": STEPS, "window": WINDOW, "stride": WINDOW // 2}
    )
    model = model_from(net, tuple(pictures.shape[1:]))
    job = Job(Request("attribution", compute=Compute(batch=BATCH)), params, model, images)

    def steps() -> Iterator[Step]:
        running = attribution.run(job)
        while True:
            with torch.no_grad():
                step = next(running, None)
            if step is None:
                return
            yield step

    return lambda: Result.of(steps())


def plain(net: nn.Module, pictures: Tensor, name: str) -> Callable[[], Tensor]:
    """What a user of Captum would write to get prediction, map at the picture's size and convergence delta of each."""
    from captum import attr

    zero = torch.zeros_like(pictures[:1])

    def once(picture: Tensor) -> Tensor:
        with torch.no_grad():
            net(picture)  # the prediction
        given = picture.clone()
        common = {"target": 3, "n_steps": STEPS, "internal_batch_size": BATCH, "return_convergence_delta": True}
        match name:
            case "saliency":
                return attr.Saliency(net).attribute(given, target=3, abs=False)
            case "integrated_gradients":
                return attr.IntegratedGradients(net).attribute(given, zero, **common)[0]
            case "deep_lift":
                return attr.DeepLift(net).attribute(given, zero, target=3, return_convergence_delta=True)[0]
            case "occlusion":
                return attr.Occlusion(net).attribute(
                    given,
                    (3, WINDOW, WINDOW),
                    strides=(3, WINDOW // 2, WINDOW // 2),
                    target=3,
                    baselines=zero,
                    perturbations_per_eval=BATCH,
                )
            case "grad_cam":
                found = attr.LayerGradCam(net, net.conv4).attribute(given.requires_grad_(), target=3)
                return attr.LayerAttribution.interpolate(found, given.shape[2:], "bilinear")
            case "guided_grad_cam":
                return attr.GuidedGradCam(net, net.conv4).attribute(given, target=3, interpolate_mode="bilinear")
        return attr.LayerConductance(net, net.conv4).attribute(given, zero, **common)[0]

    def quiet() -> Tensor:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return torch.cat([once(picture[None]).detach() for picture in pictures])

    return quiet


def same(result: Result, expected: Tensor, name: str) -> None:
    """Compare the maps before any time is taken."""
    maps = expected.double()
    summed = maps.mean(dim=1) if name == "occlusion" else maps.sum(dim=1)
    if name == "saliency":
        summed = maps.abs().amax(dim=1)
    if summed.shape[1:] != result["attribution"].shape[2:]:
        size = result["attribution"].shape[2:]
        summed = functional.interpolate(summed[:, None], size, mode="bilinear", align_corners=False)[:, 0]
    scale = float(summed.abs().max())
    np.testing.assert_allclose(result["attribution"][0], summed.numpy(), rtol=1e-3, atol=1e-5 * scale)


@pytest.mark.parametrize("name", NAMES)
def test_no_algorithm_takes_longer_than_captum_alone(net: nn.Module, pictures: Tensor, name: str) -> None:
    """The method with its usual number of pictures; what it adds once per run (a copy, a trial of it) is part of it."""
    mine, other = ours(net, pictures, name), plain(net, pictures, name)
    same(mine(), other(), name)
    least = alternate({"ours": mine, "plain Captum": other})
    ratios = {"ours / plain": (least["ours"] / least["plain Captum"], BAR)}
    assert report(f"{algorithm(name).title}, 4 pictures of 224 px, {STEPS} steps, {BATCH} rows", least, ratios)
