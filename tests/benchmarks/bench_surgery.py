"""Halving all groups of DenseNet-121 against Torch-Pruning, and the cost of a configuration from scratch."""

from __future__ import annotations

import copy
import time
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from analysis.measures.widths.costs import CostModel
from analysis.measures.widths.legal import nearest
from analysis.surgery.choosing import choose
from analysis.surgery.dissecting import dissect
from analysis.surgery.editing import edit
from analysis.surgery.importance import importance

pytestmark = [pytest.mark.benchmark, pytest.mark.zoo, pytest.mark.timeout(1800)]
SHAPE = (3, 224, 224)
PAIRS = 3
"""Torch-Pruning takes seconds each time; three pairs tell a ratio of four apart."""


@pytest.fixture(scope="module")
def net() -> nn.Module:
    from torchvision.models import densenet121

    torch.manual_seed(0)
    return densenet121().eval()


def ours(net: nn.Module) -> nn.Module:
    found = dissect(net, SHAPE)
    widths = {group.name: nearest(found.groups, group.name, group.width / 2) for group in found.groups.free}
    return edit(net, found, choose(found, widths, importance(net, found, "l1")))


def theirs(net: nn.Module) -> nn.Module:
    import torch_pruning

    twin = copy.deepcopy(net)
    pruner = torch_pruning.pruner.MagnitudePruner(
        twin,
        torch.zeros(1, *SHAPE),
        importance=torch_pruning.importance.MagnitudeImportance(p=1),
        pruning_ratio=0.5,
        ignored_layers=[twin.classifier],
    )
    pruner.step()
    return twin


def seconds(work: object, net: nn.Module) -> float:
    start = time.process_time()
    work(net)  # type: ignore[operator]
    return time.process_time() - start


def test_halving_densenet(net: nn.Module) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sizes = [sum(p.numel() for p in work(net).parameters()) for work in (ours, theirs)]
            assert abs(sizes[0] - sizes[1]) < 0.02 * sizes[1]
            times = [(seconds(ours, net), seconds(theirs, net)) for _ in range(PAIRS)]
    finally:
        torch.set_num_threads(threads)
    mine, other = (min(pair[side] for pair in times) for side in (0, 1))
    print(f"\nDenseNet-121 halved: {mine:.2f} s, Torch-Pruning {other:.2f} s, ratio {mine / other:.3f} (bar 0.25)")
    assert mine <= 0.25 * other


def test_costs_from_scratch(net: nn.Module) -> None:
    model = CostModel(dissect(net, SHAPE).groups)
    rng = np.random.default_rng(0)
    names = [group.name for group in model.found.free]
    several = [dict.fromkeys(names, int(width)) for width in rng.integers(1, 200, 200)]
    start = time.process_time()
    for widths in several:
        model.costs(widths)
    each = (time.process_time() - start) / len(several)
    print(f"\ncosts of DenseNet-121 from scratch, all groups changed: {each * 1e3:.3f} ms")
