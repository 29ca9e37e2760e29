"""Disturbed pictures and weights, matched strengths, and the learned chooser, on cases with known answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from analysis import measure
from analysis.measures import oracles
from analysis.perturb import disturbed, jittered, moved
from analysis.result import Result
from tests.tiny import ResidualNet, fill, pictures, state_of

POINTS = "layer3.0.conv1:dil1,2,3"


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def pools(net: nn.Module, x: Tensor, labels: np.ndarray, **params: Any) -> Result:
    return measure("chance_pools", net, x, labels=labels, **({"points": POINTS, "copies": 3} | params))


def test_shift_by_whole_pixels_and_mirror() -> None:
    x = pictures((2, 8, 8), 2)
    zoom, none = torch.ones(2), torch.zeros(2, 2)
    assert torch.equal(moved(x, zoom, none), x)
    right = moved(x, zoom, torch.tensor([[0.0, 1 / 8], [0.0, 1 / 8]]))
    assert torch.allclose(right[:, :, :, :-1], x[:, :, :, 1:], atol=1e-5)
    mirrored = moved(x, zoom, none, torch.tensor([True, False]))
    assert torch.allclose(mirrored[0], x[0].flip(2), atol=1e-5)
    assert torch.equal(mirrored[1], x[1])


def test_zoom_enlarges_about_the_centre() -> None:
    x = torch.zeros(1, 1, 9, 9)
    x[..., 4, 2] = 1.0
    large = moved(x, torch.tensor([2.0]), torch.zeros(1, 2))
    assert large[0, 0, 4].argmax() == 0
    assert large[0, 0, 4, 0] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("kind", ["zoom and shift", "noise"])
def test_disturbances_do_not_depend_on_the_batch(kind: str) -> None:
    x, places = pictures((3, 8, 8), 5), torch.arange(5)
    whole = disturbed(x, places, 2, 1.0, kind, False, 0)
    parts = [disturbed(x[i : i + 2], places[i : i + 2], 2, 1.0, kind, False, 0) for i in (0, 2, 4)]
    assert torch.allclose(whole, torch.cat(parts), atol=1e-6)
    assert disturbed(x, places, 0, 1.0, kind, True, 0) is x
    assert not torch.equal(whole, disturbed(x, places, 3, 1.0, kind, False, 0))


def test_jitter_is_in_units_of_the_spread_of_a_weight() -> None:
    net = nn.Sequential(nn.Conv2d(64, 64, 3), nn.BatchNorm2d(64))
    made = jittered(net, 1, 0.5, 0)
    assert set(made) == {"0.weight"}
    ratio = (made["0.weight"] - net[0].weight).std() / net[0].weight.std()
    assert ratio.item() == pytest.approx(0.5, rel=0.02)
    assert jittered(net, 0, 0.5, 0) == {}


def learned() -> tuple[nn.Module, Tensor, np.ndarray]:
    """A network and pictures that it classifies as it does: its own answers are the labels."""
    net, x = fill(ResidualNet(width=4)), pictures((3, 16, 16), 60)
    with torch.no_grad():
        return net, x, net(x).argmax(dim=1).numpy()


def test_copy_0_is_undisturbed_and_the_network_is_left_alone() -> None:
    net, x, labels = learned()
    before = state_of(net)
    result = pools(net, x, labels)
    assert state_of(net) == before
    assert (result["correct"][:, :, 0] == 1).all()
    for pool in range(3):
        right = result["correct"][pool] == 1
        assert result["mean_accuracy"][pool] == pytest.approx(right.mean())
        assert result["growth"][pool] == pytest.approx(oracles.growth_curve(right))
    assert (result["prediction"][0] == labels[:, None]).sum() == (result["correct"][0] == 1).sum()


def test_strengths_are_matched() -> None:
    net, x, labels = learned()
    result = pools(net, x, labels, target=0.8, copies=4, perturbation="noise")
    assert result.value("target") == 0.8
    assert (result["strength"][1:] > 0).all()
    assert result["mean_accuracy"][2] == pytest.approx(0.8, abs=0.08)
    # This network hardly looks at its pictures: the strongest noise that is tried is too weak, and the best is kept.
    assert result["strength"][1] > 3


def test_a_target_of_one_needs_no_disturbance() -> None:
    net, x, labels = learned()
    result = pools(net, x[:20], labels[:20], target=1.0)
    assert (result["mean_accuracy"][1:] >= 0.95).all()
    assert (result["strength"][1:] <= [0.5, 0.25]).all()


class Told(nn.Module):
    """Pictures say which dilation reads them right: a dot near the centre or far from it, and brightness tells."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 2, 1, bias=False)
        self.conv = nn.Conv2d(2, 2, 3, padding=1, bias=False)
        with torch.no_grad():
            self.first.weight.copy_(torch.eye(2)[:, :, None, None])
            self.conv.weight.zero_()
            self.conv.weight[0, 0, 1, 0] = self.conv.weight[1, 0, 1, 2] = 1.0

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.first(x))[:, :, 4, 4]


def told(count: int) -> tuple[Tensor, np.ndarray]:
    x, labels = torch.zeros(count, 2, 9, 9), np.arange(count) % 2
    for number in range(count):
        reach = 1 + number // 2 % 2
        side = -reach if labels[number] == 0 else reach
        x[number, 0, 4, 4 + side] = 1.0
        x[number, 0, 4, 4 - side * (3 - reach) // reach] = 2.0  # misleads the other dilation
        x[number, 1] = float(reach)
    return x, labels


def test_the_chooser_learns_what_the_pictures_say() -> None:
    x, labels = told(80)
    result = measure(
        "configuration_chooser", Told().eval(), x, labels=labels, points="conv:dil1,2", candidates=2, steps=100
    )
    accuracy = dict(zip(result.names("rule"), result["accuracy"], strict=True))
    assert accuracy["network as it is"] == pytest.approx(0.5, abs=0.1)
    assert accuracy["best static"] == pytest.approx(0.5, abs=0.1)
    assert accuracy["logistic"] == accuracy["MLP"] == accuracy["oracle of all"] == 1
    assert (result["reported"] == 1).sum() == 40
    assert not result.warnings


def test_a_chooser_that_learns_nothing_says_so() -> None:
    net, x = fill(ResidualNet(width=4)), pictures((3, 16, 16), 40)
    labels = np.random.RandomState(0).randint(0, 10, 40)
    result = measure("configuration_chooser", net, x, labels=labels, points=POINTS, steps=20)
    assert "no_gain" in {warning.code for warning in result.warnings}
