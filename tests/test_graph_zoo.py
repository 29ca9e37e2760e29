"""Recordings of networks from torchvision and timm."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from analysis.graph import describe, record
from analysis.tracing.recorder import trace
from tests.graph_nets import layer, rows

pytestmark = pytest.mark.usefixtures("one_thread")


ZOO = {
    "torchvision:resnet18": (8, "avgpool"),
    "torchvision:mobilenet_v2": (17, ":adaptive_avg_pool2d"),
    "torchvision:densenet121": (58, ":adaptive_avg_pool2d"),
    "torchvision:vgg16_bn": (15, ":flatten"),
    "torchvision:squeezenet1_1": (8, ""),
    "torchvision:googlenet": (9, "avgpool"),
    "torchvision:shufflenet_v2_x1_0": (16, ":mean"),
    "timm:rexnet_100": (16, "head.global_pool.pool"),
    "timm:tf_efficientnet_lite0": (16, "global_pool.pool"),
    "timm:regnetx_002": (13, "head.global_pool.pool"),
    "timm:convnext_tiny": (18, "head.global_pool.pool"),
    "timm:ghostnet_100": (16, "flatten"),
    "timm:hrnet_w18_small": (23, "global_pool.pool"),
    "timm:mobilevit_xxs": (25, "head.global_pool.pool"),
}


def from_zoo(name: str) -> nn.Module:
    library, _, model = name.partition(":")
    if library == "timm":
        import timm

        return timm.create_model(model).eval()
    import torchvision

    extra = {"init_weights": False} if model == "googlenet" else {}
    return torchvision.models.get_model(model, **extra).eval()


@pytest.mark.zoo
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ZOO)
def test_known_networks(name: str) -> None:
    with torch.device("meta"):  # numbers are not needed, and filling them in takes longer than all the rest
        net = from_zoo(name)
    found = record(net, (3, 64, 64))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        net(torch.empty(1, 3, 64, 64, device="meta"))
    assert found.totals.macs * 2 == counter.get_total_flops()
    assert found.totals.parameters == sum(parameter.numel() for parameter in net.parameters())
    names = rows(found)
    assert len(set(names)) == len(names)
    assert (len(found.blocks), found.pooled) == ZOO[name]
    modules = dict(net.named_modules())
    convs = sum(isinstance(module, nn.Conv2d) for module in modules.values())
    unused = sum("aux" in path and isinstance(module, nn.Conv2d) for path, module in modules.items())
    assert len(rows(found, "conv")) == convs - unused
    assert not any("recorded" in note for note in found.notes)


@pytest.mark.zoo
@pytest.mark.parametrize("name", ["torchvision:resnet18", "timm:rexnet_100", "torchvision:shufflenet_v2_x1_0"])
def test_known_networks_on_real_copies(name: str) -> None:
    net = from_zoo(name)
    assert describe(trace(net, (3, 64, 64), meta=True)) == describe(trace(net, (3, 64, 64), meta=False))


@pytest.mark.zoo
def test_resnet18_blocks() -> None:
    found = record(from_zoo("torchvision:resnet18"), (3, 224, 224))
    assert [block.name for block in found.blocks] == [f"layer{s}.{i}" for s in (1, 2, 3, 4) for i in (0, 1)]
    assert [block.shortcut for block in found.blocks] == ["identity"] * 2 + ["projection", "identity"] * 3
    assert [layer(found, block.name).same_as for block in found.blocks] == [
        f"{block.name}.relu#2" for block in found.blocks
    ]
    assert found.totals.macs == 1_814_073_344
    assert found.totals.parameters == 11_689_512
