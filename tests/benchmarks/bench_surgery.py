"""Halving all groups of DenseNet-121 against Torch-Pruning, and the cost of a configuration from scratch."""

from __future__ import annotations

import copy
import time
import warnings

import numpy as np
import pytest
import torch
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from torch import nn

from analysis.measures.widths.costs import CostModel
from analysis.measures.widths.legal import nearest
from analysis.models import model_from
from analysis.surgery.choosing import choose
from analysis.surgery.dissecting import dissect
from analysis.surgery.editing import edit
from analysis.surgery.importance import importance
from app.theme import Theme
from app.views.widths import WidthsView
from tests import scenes, width_scenes
from tests.benchmarks.pairs import alternate, report
from tests.gestures import show, theme

__all__ = ["theme"]

pytestmark = [pytest.mark.benchmark, pytest.mark.zoo, pytest.mark.timeout(1800)]
SHAPE = (3, 224, 224)
PAIRS = 9
TIMED = (
    "torchvision:resnet18", "torchvision:vgg16_bn", "torchvision:resnext50_32x4d",
    "torchvision:mobilenet_v2", "torchvision:shufflenet_v2_x1_0", "torchvision:squeezenet1_1",
    "torchvision:regnet_y_400mf", "torchvision:mnasnet1_0", "torchvision:densenet121",
    "torchvision:googlenet", "torchvision:inception_v3", "torchvision:efficientnet_b0",
    "timm:mobilenetv1_100", "timm:mobilenetv3_large_100", "timm:tf_efficientnet_lite0",
    "timm:rexnet_100", "timm:convnext_tiny", "timm:ghostnet_100",
    "timm:res2net50_26w_4s", "timm:hrnet_w18_small", "timm:mobileone_s0",
)  # fmt: skip
"""Networks whose groups are found against the clock; the aim is 2 s."""
DRAGGED = ("", "torchvision:densenet121", "timm:rexnet_100")
"""Networks one of whose handles is dragged; "" for a CIFAR ResNet of 20 layers."""


def built(name: str) -> nn.Module:
    """Make a network of torchvision or timm."""
    torch.manual_seed(0)
    package, _, model = name.partition(":")
    if package == "timm":
        import timm

        return timm.create_model(model).eval()
    import torchvision

    drawn = {"init_weights": False} if model in ("googlenet", "inception_v3") else {}  # they warn otherwise
    return getattr(torchvision.models, model)(**drawn).eval()


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


@pytest.mark.parametrize("name", TIMED)
def test_time_to_find_the_groups(name: str) -> None:
    """CPU seconds of a warm engine; what it takes is printed beside one forward pass."""
    found = built(name)
    side = 299 if "inception" in name else SHAPE[1]
    picture = torch.zeros(1, 3, side, side)

    def forward() -> None:
        with torch.no_grad():
            found(picture)

    least = alternate({"groups": lambda: dissect(found, (3, side, side)), "one forward": forward}, rounds=3)
    ratio = least["groups"] / least["one forward"]
    report(f"{name}: width groups, aim 2 CPU-s", least, {"groups / one forward": (ratio, None)})


@pytest.mark.parametrize("network", DRAGGED)
def test_one_step_of_a_drag(theme: Theme, qtbot: QtBot, network: str) -> None:
    """One edit with its cost and the repaint of the profile, CPU seconds; the aim is 50 ms."""
    model = model_from(built(network), SHAPE) if network else None
    workspace = scenes.opened(model.recording.layers if model else None)
    groups = dissect(model.net, SHAPE).groups if model else None
    events = width_scenes.width_events(workspace.layers, scenes.MODEL, groups)
    scenes.play(workspace, events, folder="runs/widths")
    view = WidthsView(workspace, theme)
    qtbot.addWidget(view)
    show(view)
    assert view.editing.reading is not None
    place = next(iter(view.editing.reading.handles))
    name, times = view.editing.group(place).name, []
    for width in range(3, 15):
        begun = time.process_time()
        view.editing.put({name: width}, "step")
        QApplication.processEvents()
        view.grab()
        times.append(time.process_time() - begun)
        assert dict(workspace.edits.widths) == {name: width}
    words = network or "CIFAR ResNet-20"
    print(f"\n{words}: one step of a drag, with cost and repaint: least {min(times) * 1e3:.1f} ms (aim 50 ms)")
    workspace.undo.clear()


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
