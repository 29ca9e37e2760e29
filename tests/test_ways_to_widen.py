"""Ways to add channels: which keep the function, on networks of the list, and how tightly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from analysis.surgery.dissecting import dissect
from analysis.surgery.editing import edit
from analysis.surgery.gathering import shares
from tests.width_nets import Case, by_variable, picture, sizes

EXACT = {"split": 1e-12, "uneven": 1e-12, "zero": 2e-15}


@pytest.mark.parametrize("name", ["cifar 20", "tv shufflenet_v2_x1_0", "timm rexnet_100"])
def test_zero_and_shares_keep_the_function_and_fresh_gives_numbers(name: str) -> None:
    net, side = Case(name).make(), 32
    found = dissect(net, (3, side, side))
    copies, pixels = by_variable(found, sizes(found, 1.0, 2.0)), picture((3, side, side))
    with torch.no_grad():
        before = net(pixels)
        for way, most in EXACT.items():
            away = (edit(net, found, copies, way, 1)(pixels) - before).abs().max() / before.abs().max()
            assert float(away) <= most, way
        fresh = edit(net, found, copies, "fresh", 1)(pixels)
    assert bool(torch.isfinite(fresh).all())
    assert float((fresh - before).abs().max()) > 1e-6


@pytest.mark.parametrize("name", ["timm mobilenetv3_large_100", "timm rexnet_100"])
@pytest.mark.parametrize("way", ["split", "uneven"])
def test_widening_in_single_precision(name: str, way: str) -> None:
    net = Case(name).make().float()
    found = dissect(net, (3, 64, 64))
    wide = edit(net, found, by_variable(found, sizes(found, 1.0, 2.0)), way)
    pixels = picture((3, 64, 64)).float()
    with torch.no_grad():
        before, after = net(pixels), wide(pixels)
    assert float((after - before).abs().max() / before.abs().max()) <= 1e-5


def test_uneven_copies_learn_apart_and_equal_ones_do_not() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Conv2d(4, 2, 3), nn.Flatten()).double()
    found = dissect(net, (3, 6, 6))
    copies = np.where(found.coupling.locked, 1, 2).astype(np.int64)
    pixels = picture((3, 6, 6))
    apart = {}
    for way in ("split", "uneven"):
        wide = edit(net, found, copies, way, 3)
        wide(pixels).square().sum().backward()
        first = wide.get_submodule("0").weight.grad
        apart[way] = float((first[0::2] - first[1::2]).abs().max() / first.abs().max())
    assert apart["split"] < 1e-12
    assert apart["uneven"] > 1e-3
    again, other = (edit(net, found, copies, "uneven", seed).get_submodule("2").weight for seed in (3, 4))
    assert not torch.equal(again, other)


def test_shares_sum_to_one() -> None:
    copies = np.array([0, 1, 2, 5])
    for way in ("split", "uneven", "zero", "fresh"):
        parts = shares(copies, way, 1)
        sums = [parts[place, :count].sum() for place, count in enumerate(copies.tolist()) if count]
        np.testing.assert_allclose(sums, 1, rtol=1e-12)
