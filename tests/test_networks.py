"""The networks LayerScope builds itself: shapes, names, and what known weights say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from analysis.networks import DEMO_NETWORKS, CifarResNet, PaddedShortcut, PlainCnn

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.mark.parametrize(
    ("depth", "parameters"), [(20, 269_722), (32, 464_154), (44, 658_586), (56, 853_018), (110, 1_727_962)]
)
def test_sizes_are_the_published_ones(depth: int, parameters: int) -> None:
    # He et al. 2016, table 6: 0.27, 0.46, 0.66, 0.85 and 1.7 million parameters.
    assert sum(p.numel() for p in CifarResNet(depth).parameters()) == parameters


def test_option_b_adds_two_projections() -> None:
    plain, projected = (set(CifarResNet(20, option).state_dict()) for option in "AB")
    added = {f"layer{stage}.0.shortcut.{rest}" for stage in (2, 3) for rest in ("0.weight", "1.weight", "1.bias")}
    added |= {f"layer{stage}.0.shortcut.1.{rest}" for stage in (2, 3) for rest in ("running_mean", "running_var")}
    assert projected - plain == added | {f"layer{stage}.0.shortcut.1.num_batches_tracked" for stage in (2, 3)}
    assert plain <= projected


@pytest.mark.parametrize(("before", "after", "first"), [(4, 8, 2), (4, 7, 1), (3, 3, 0)])
def test_padded_shortcut_keeps_every_second_pixel_and_adds_zeros(before: int, after: int, first: int) -> None:
    x = torch.randn(2, before, 6, 5)
    y = PaddedShortcut(before, after, 2)(x)
    assert y.shape == (2, after, 3, 3)
    assert torch.equal(y[:, first : first + before], x[:, :, [0, 2, 4]][:, :, :, [0, 2, 4]])
    y[:, first : first + before] = 0
    assert not y.any()


@pytest.mark.parametrize("option", ["A", "B"])
def test_without_its_branch_a_block_is_its_shortcut(option: str) -> None:
    net = CifarResNet(20, option, widths=(4, 6, 8)).eval()
    block = net.layer2[0]
    torch.nn.init.zeros_(block.bn2.weight)
    x = torch.randn(2, 4, 8, 8)
    assert torch.equal(block(x), F.relu(block.shortcut(x)))


@pytest.mark.parametrize("arguments", [{"depth": 21}, {"depth": 2}, {"depth": 20, "option": "C"}])
def test_impossible_networks_are_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="choose"):
        CifarResNet(**arguments)


def test_padding_cannot_drop_channels() -> None:
    with pytest.raises(ValueError, match="drop channels"):
        CifarResNet(20, "A", widths=(16, 8, 64))
    assert CifarResNet(20, "B", widths=(16, 8, 64))(torch.zeros(1, 3, 8, 8)).shape == (1, 10)


@pytest.mark.parametrize("name", DEMO_NETWORKS)
def test_demo_networks_classify_grey_pictures_and_pass_gradients_to_every_weight(name: str) -> None:
    torch.manual_seed(0)
    net = DEMO_NETWORKS[name]()
    logits = net(torch.randn(4, 1, 28, 28))
    assert logits.shape == (4, 10)
    F.cross_entropy(logits, torch.arange(4)).backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())


def test_the_plain_network_is_deep_narrow_and_loses_what_tells_pictures_apart() -> None:
    torch.manual_seed(0)
    net = PlainCnn().eval()
    convolutions = [module for module in net.modules() if isinstance(module, torch.nn.Conv2d)]
    assert len(convolutions) == 40
    assert {module.out_channels for module in convolutions} == {12}
    with torch.no_grad():
        x = torch.rand(8, 1, 28, 28)
        start, end = net.layer1[0](x), net.layer3(net.layer2(net.layer1(x)))
    assert torch.isfinite(end).all()
    assert end.std(0).mean() < 1e-2 * start.std(0).mean()


@pytest.mark.data
@pytest.mark.parametrize(
    ("depth", "file", "right"), [(20, "resnet20-12fca82f.th", 915), (56, "resnet56-4bfd9763.th", 926)]
)
def test_published_weights_reach_their_accuracy(data: Path, depth: int, file: str, right: int) -> None:
    state = torch.load(data / "weights" / file, weights_only=True, map_location="cpu")["state_dict"]
    net = CifarResNet(depth).eval()
    net.load_state_dict({key.removeprefix("module."): value for key, value in state.items()})
    with np.load(data / "cifar10" / "cifar_test1000.npz") as archive:
        images, labels = archive["images"], archive["labels"]
    x = (torch.from_numpy(images).permute(0, 3, 1, 2) / 255 - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[
        :, None, None
    ]
    with torch.no_grad():
        predicted = torch.cat([net(part) for part in torch.split(x, 100)]).argmax(1).numpy()
    assert int((predicted == labels).sum()) == right
