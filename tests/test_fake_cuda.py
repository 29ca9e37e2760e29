"""The tensor part of the methods on a GPU that is not there: it raises as soon as two devices are mixed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode

from analysis.bundling.keys import KeyReader, Ruler, _mix
from analysis.config import LayerSpec
from analysis.explaining.network import Split
from analysis.features.gauges import Gauge, plan
from analysis.features.moments import SecondMoment
from analysis.geometry.kernels import Convolution, convolve
from analysis.graph import Recording, record
from analysis.measures.configurations import Option
from analysis.measures.positions import sampled_positions
from analysis.methods.evaluate import scores
from analysis.methods.weight_spectrum import Weight, squared_singular_values, weight_matrices
from analysis.taps import taps

SHAPE = (3, 40, 40)


def make() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 12, 3, stride=2),
        nn.BatchNorm2d(12),
        nn.ReLU(inplace=True),
        nn.Conv2d(12, 140, 3, stride=2),
        nn.SiLU(),
        nn.Conv2d(140, 140, 3, groups=14),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(140, 7),
    ).eval()


@pytest.fixture(scope="module")
def recording() -> Recording:
    return record(make(), SHAPE)


@pytest.fixture
def cuda() -> Iterator[torch.device]:
    device = torch.device("cuda")
    with FakeTensorMode(), device, torch.no_grad():
        yield device


@pytest.mark.parametrize("mode", ["auto", "positions", "sampled", "pooled", "flat"])
def test_feature_rank(mode: str, recording: Recording, cuda: torch.device) -> None:
    net, pictures = make(), torch.randn(8, *SHAPE)
    points = {layer.name: plan(layer, mode, 16) for layer in recording.layers if not layer.same_as}
    gauges = {name: Gauge(point, 16, grouped=True) for name, point in points.items() if point}
    assert len(gauges) >= 2

    first = 0

    def consume(name: str, features: Tensor) -> None:
        assert features.device.type == "cuda"
        point, drawn = gauges[name].point, None
        if point.mode == "sampled":
            where = sampled_positions(0, *features.shape[2:], range(8), point.positions)
            drawn = torch.as_tensor(where, device=features.device)
        gauges[name].update(features, first, drawn)

    for start in (0, 8):
        first = start
        with taps(net, recording, tuple(gauges), consume):
            net(pictures)
    for gauge in gauges.values():
        assert gauge.moment is not None
        assert gauge.extremes is not None
        assert gauge.extremes.dead.device.type == gauge.extremes.dropped.device.type == "cuda"
        for centred in (False, True):
            found = gauge.moment.decompose(centred)
            slopes = torch.ones_like(found.eigenvalues)
            influences = gauge.moment.influences(found, slopes, centred)
            assert influences is not None
            assert influences.device.type == found.other.device.type == "cuda"
            assert influences.dtype == torch.float64


def test_merging_shards(cuda: torch.device) -> None:
    shards = [SecondMoment(140, 16, cuda), SecondMoment(140, 16, cuda)]
    present = torch.ones(8, dtype=torch.bool)
    for first, shard in zip((0, 8), shards, strict=True):
        shard.update(torch.randn(8, 140, 4), present, first)
    shards[0].merge(shards[1])
    assert shards[0].matrix(centred=True).device.type == "cuda"


def test_weight_spectrum(cuda: torch.device) -> None:
    for module in make().modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            groups = getattr(module, "groups", 1)
            blocks = weight_matrices(Weight(LayerSpec("x", "conv"), module.weight, groups, transposed=False))
            assert squared_singular_values(blocks).device.type == "cuda"


def test_evaluate(cuda: torch.device) -> None:
    found = scores(make()(torch.randn(6, *SHAPE)), torch.zeros(6, dtype=torch.int64))
    assert set(found) == {"prediction", "confidence", "hit", "near", "loss", "top_class", "top_share"}
    assert {tensor.device.type for tensor in found.values()} == {"cuda"}


@pytest.mark.parametrize("route", ["update-grid", "exact"])
def test_keys_of_bundles(route: str, cuda: torch.device) -> None:
    ruler = Ruler(1.5, 1e-3, 64) if route == "update-grid" else None
    reader = KeyReader(4, ruler, (0.5, 1.0), route="mixer")
    for rows in reader._grids(torch.randn(4, 300), torch):
        wide = rows.view(torch.int32).long()
        assert _mix(wide + _mix(torch.arange(300) + 1)).sum(dim=1).device.type == "cuda"


@pytest.mark.parametrize("word", ["dil2", "ker5", "strideD2", "strideU2"])
def test_operators_of_configurations(word: str, cuda: torch.device) -> None:
    weight, conv = torch.randn(6, 4, 3, 3), Convolution((1, 1), (1, 1), (1, 1), 1)
    found = convolve(torch.randn(2, 4, 8, 8), weight, torch.randn(6), conv, Option.read(word))
    assert found.device.type == "cuda"


def test_copy_for_attribution(recording: Recording, cuda: torch.device) -> None:
    net, pictures = make(), torch.randn(2, *SHAPE)
    layer = next(layer.name for layer in recording.layers if layer.kind == "conv")
    split = Split(net, recording, pictures[:1], layer)
    # The way back needs a device that is there.
    assert split(pictures).device.type == "cuda"


def test_mixed_devices_would_be_noticed(cuda: torch.device) -> None:
    moment = SecondMoment(4, 8, torch.device("cpu"))
    with pytest.raises(Exception, match="device"):
        moment.update(torch.randn(8, 4, 200), torch.ones(8, dtype=torch.bool), 0)
