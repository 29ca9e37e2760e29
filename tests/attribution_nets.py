"""Small networks to be explained: written in several ways, short of memory, writing into their input."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from analysis.live import measure
from analysis.request import Compute, ImageSource, ModelSource, Request
from analysis.result import Result
from tests import tiny

SHAPE = (3, 8, 8)
MODEL, IMAGES = ModelSource("demo:fashion_plain"), ImageSource("demo:test")


class Modules(nn.Module):
    """Every non-linearity a module that is called once: Captum alone is right about it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.relu1 = nn.Conv2d(3, 4, 3, padding=1), nn.ReLU()
        self.pool = nn.MaxPool2d(2)
        self.conv2, self.relu2 = nn.Conv2d(4, 5, 3, padding=1), nn.ReLU()
        self.fc = nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.relu1(self.conv1(x)))
        return self.fc(self.relu2(self.conv2(x)).mean(dim=(2, 3)))


class Averaged(Modules):
    """No two hooked modules in a row: of those, Captum alone is right about DeepLift, too."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(2)  # type: ignore[assignment]


class Functions(Modules):
    """The same weights with functions instead, some of them in place."""

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(functional.relu(self.conv1(x), inplace=True), 2)
        return self.fc(self.conv2(x).relu_().mean((2, 3)))


class InPlaceModules(Modules):
    """The same weights, with one in-place module called twice, once for its effect alone."""

    def __init__(self) -> None:
        super().__init__()
        self.relu1 = self.relu2 = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        self.relu1(x)
        x = self.conv2(self.pool(x))
        self.relu1(x)
        return self.fc(x.mean(dim=(2, 3)))


class WrittenOver(nn.Module):
    """An activation in place, called three times; one of its results is written over though its gradient needs it.

    Parameters
    ----------
    in_place
        False for the same network, written out.
    """

    def __init__(self, in_place: bool) -> None:
        super().__init__()
        self.in_place = in_place
        self.conv1, self.conv2 = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.relu, self.fc = nn.ReLU(inplace=in_place), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.conv2(self.relu(self.conv1(x))))
        if self.in_place:
            x += self.relu(self.conv2(x))
        else:
            x = x + self.relu(self.conv2(x))
        return self.fc(x.mean(dim=(2, 3)))


class PreActivation(nn.Module):
    """A shortcut reads the same tensor as the activation."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.relu = nn.Conv2d(3, 4, 3, padding=1), nn.ReLU()
        self.conv, self.fc = nn.Conv2d(4, 4, 3, padding=1), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return self.fc((x + self.conv(self.relu(x))).mean(dim=(2, 3)))


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    return tiny.pictures(SHAPE, 3)


def explained(net: nn.Module, pictures: Tensor, algorithms: str = "all", **params: Any) -> Result:
    return measure("attribution", net, pictures, algorithms=algorithms, **params)


def quietly(call: Callable[[], Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return call()


class WritesInput(Modules):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.sub_(0.5))


class Scarce(Modules):
    """Has memory for three rows."""

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > 3 and not x.is_meta:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return super().forward(x)


def request(**params: Any) -> Request:
    return Request("attribution", MODEL, IMAGES, params=tuple(params.items()), compute=Compute(batch=8))


def linear(pixels: int = 16, classes: int = 3) -> nn.Module:
    return tiny.fill(nn.Sequential(nn.Flatten(), nn.Linear(pixels, classes)))
