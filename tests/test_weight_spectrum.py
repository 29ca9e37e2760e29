"""Singular values of weights against torch's decomposition, for every form a weight comes in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from analysis import measure
from analysis.config import LayerSpec
from analysis.methods.weight_spectrum import Weight, squared_singular_values, weight_matrices
from analysis.problems import AnalysisError
from analysis.result import Result

pytestmark = pytest.mark.usefixtures("one_thread")


def spectrum(net: nn.Module, shape: tuple[int, ...] = (4, 8, 8), **params: Any) -> Result:
    return measure("weight_spectrum", net.eval(), torch.zeros(1, *shape), **params)


def dense_matrix(layer: nn.Conv2d) -> Tensor:
    """Matrix of a convolution that maps a patch of all input channels to the outputs, zeros between groups included."""
    rows, per_group = layer.out_channels // layer.groups, layer.in_channels // layer.groups
    full = torch.zeros(layer.out_channels, layer.in_channels, *layer.kernel_size)
    for group in range(layer.groups):
        inside = slice(group * rows, (group + 1) * rows)
        full[inside, group * per_group : (group + 1) * per_group] = layer.weight[inside]
    return full.flatten(1).detach()


@pytest.mark.parametrize("layer", [
    nn.Conv2d(4, 8, 3, padding=1), nn.Conv2d(4, 200, 3, padding=1), nn.Conv2d(4, 6, 1), nn.Conv2d(4, 8, 3, groups=2),
    nn.Conv2d(4, 4, 3, groups=4), nn.Conv2d(4, 12, 1, groups=4), nn.Conv2d(4, 64, 1),
], ids=str)  # fmt: skip
def test_convolutions(layer: nn.Conv2d) -> None:
    result = spectrum(nn.Sequential(layer))
    exact = torch.linalg.svdvals(dense_matrix(layer).double()).numpy()
    found = result["singular_values"][0]
    count = int(result["components"][0])
    assert count == np.count_nonzero(exact > 1e-9)
    assert found[:count] == pytest.approx(exact[:count], abs=1e-7 * exact[0])
    assert result["channels"][0] == layer.out_channels
    assert result["columns"][0] == dense_matrix(layer).shape[1]
    assert result["spectral_norm"][0] == pytest.approx(exact[0])
    frobenius = float(layer.weight.detach().double().norm())
    assert result["stable_rank"][0] == pytest.approx((frobenius / exact[0]) ** 2)
    assert result["nuclear_norm"][0] == pytest.approx(exact.sum())
    assert result["rank"][0] == count
    assert result["rank_ratio"][0] == 1


@pytest.mark.parametrize("groups", [1, 2])
def test_transposed_convolutions_have_outputs_as_rows(groups: int) -> None:
    layer = nn.ConvTranspose2d(4, 6, 3, groups=groups)
    weight = Weight(LayerSpec("up", "conv", groups=groups), layer.weight, groups, transposed=True)
    assert weight.shape == (6, 4 * 9)
    found = squared_singular_values(weight_matrices(weight)).sqrt()
    exact = []
    for group in range(groups):
        block = layer.weight[group * 4 // groups : (group + 1) * 4 // groups].detach().double()
        exact.append(torch.linalg.svdvals(block.transpose(0, 1).flatten(1)))
    assert torch.allclose(found, torch.cat(exact).sort(descending=True).values, rtol=1e-9)
    result = spectrum(nn.Sequential(layer))
    assert result["singular_values"][0][: len(found)] == pytest.approx(found.numpy())


def test_linear_layers_and_a_planted_rank() -> None:
    linear = nn.Linear(20, 30)
    with torch.no_grad():
        linear.weight.copy_(torch.randn(30, 5) @ torch.randn(5, 20))
    result = spectrum(nn.Sequential(nn.Conv2d(4, 5, 1), nn.AdaptiveAvgPool2d(2), nn.Flatten(), linear))
    row = result.names("layer").index("3")
    assert result["rank"][row] == 5
    assert result["components"][row] == 20
    assert result["rank_ratio"][row] == 0.25


def test_weights_of_zero_have_rank_zero() -> None:
    layer = nn.Conv2d(4, 5, 1)
    nn.init.zeros_(layer.weight)
    result = spectrum(nn.Sequential(layer))
    assert (result["rank"][0], result["stable_rank"][0], result["effective_rank"][0]) == (0, 0, 0)


class Shared(nn.Module):
    """One tensor in two layers, one layer called twice, and a kernel that is made while running."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(4, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.second.weight = self.first.weight
        self.twice = nn.Conv2d(4, 4, 1)
        self.bank = nn.Parameter(torch.randn(4, 4, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.twice(F.relu(self.twice(self.second(F.relu(self.first(x))))))
        return F.conv2d(x, self.bank * 2)


def test_shared_tensors_are_decomposed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from analysis.methods import weight_spectrum

    calls = []
    monkeypatch.setattr(
        weight_spectrum, "squared_singular_values", lambda blocks: calls.append(1) or squared_singular_values(blocks)
    )
    result = spectrum(Shared())
    assert result.names("layer") == ("first", "second", "twice#1", "twice#2")
    assert len(calls) == 2
    sigma = result["singular_values"]
    assert np.array_equal(sigma[0], sigma[1])
    assert np.array_equal(sigma[2], sigma[3])
    assert not np.array_equal(sigma[0], sigma[2])
    assert {warning.code: len(warning.items) for warning in result.warnings}["not_measured"] == 1


def test_weights_that_are_not_finite_are_told() -> None:
    net = nn.Sequential(nn.Conv2d(4, 5, 1), nn.Conv2d(5, 3, 1))
    with torch.no_grad():
        net[0].weight[0, 0] = float("nan")
    result = spectrum(net)
    assert np.isnan(result["rank"][0])
    assert result["rank"][1] == 3
    assert next(warning for warning in result.warnings if warning.code == "non_finite").items == ("0",)


def test_nothing_to_decompose_is_one_sentence() -> None:
    with pytest.raises(AnalysisError, match="weight matrix"):
        spectrum(nn.Sequential(nn.Conv2d(4, 5, 1), nn.ReLU()), layers="1")


def test_half_precision_weights_are_decomposed_in_double() -> None:
    layer = nn.Conv2d(4, 8, 3)
    result = spectrum(nn.Sequential(layer).to(torch.bfloat16), (4, 8, 8))
    exact = torch.linalg.svdvals(layer.weight.detach().flatten(1).double()).numpy()
    assert result["singular_values"][0] == pytest.approx(exact, rel=1e-6)
    assert result["tolerance"][0] == pytest.approx(2e-2)
