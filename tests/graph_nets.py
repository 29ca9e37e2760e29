"""Small networks that every test of recordings goes through, and how to find rows."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from analysis.graph import Recording
from tests import tiny

NETS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "linear_stack": (tiny.linear_stack, (4,)),
    "residual pad": (tiny.residual_net, (3, 16, 16)),
    "residual projection": (lambda: tiny.residual_net(shortcut="projection", repeats=2), (3, 16, 16)),
    "one channel": (lambda: tiny.residual_net(width=4, channels=1), (1, 12, 12)),
    "in place": (lambda: tiny.fill(tiny.InPlace()), (2, 5, 5)),
    "loop": (lambda: tiny.fill(tiny.Loop()), (2, 5, 5)),
    "loop block": (lambda: tiny.fill(tiny.LoopBlock()), (2, 5, 5)),
    "tied": (lambda: tiny.fill(tiny.Tied()), (3,)),
    "padded": (lambda: tiny.fill(nn.Sequential(tiny.PaddedConv(3, 4), tiny.ActivatedConv(4, 2))), (3, 5, 5)),
    "squeeze-excite": (lambda: tiny.fill(tiny.SqueezeExcite()), (3, 5, 5)),
    "generated": (lambda: tiny.fill(tiny.Generated()), (2, 5, 5)),
    "flatten": (lambda: tiny.fill(tiny.FlattenToLinear()), (1, 6, 6)),
    "sliced in place": (lambda: tiny.fill(tiny.SlicedShortcut()), (3, 5, 5)),
    "sliced and joined": (lambda: tiny.fill(tiny.SlicedShortcut(in_place=False)), (3, 5, 5)),
    "depthwise": (tiny.depthwise, (3, 5, 5)),
    "chain": (tiny.plain_chain, (3, 8, 8)),
    "rank two": (tiny.rank_two_layer, (5, 3, 3)),
    "identity": (tiny.identity_layer, (3, 2, 2)),
}
each_net = pytest.mark.parametrize(("make", "shape"), NETS.values(), ids=NETS)


def rows(recording: Recording, *kinds: str) -> list[str]:
    return [layer.name for layer in recording.layers if not kinds or layer.kind in kinds]


def layer(recording: Recording, name: str) -> Any:
    return next(layer for layer in recording.layers if layer.name == name)


def counted_macs(net: nn.Module, shape: tuple[int, ...]) -> int:
    """What torch's own counter finds on a real forward pass."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        copy.deepcopy(net).eval()(torch.zeros(1, *shape))
    assert counter.get_total_flops() % 2 == 0
    return int(counter.get_total_flops() // 2)
