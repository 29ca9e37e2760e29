"""Small convolutional networks that LayerScope builds itself: residual networks for 32 px pictures, and a plain one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class PaddedShortcut(nn.Module):
    """Shortcut without weights: every second pixel, new channels filled with zeros on both sides.

    Option A of He et al. 2016, section 4.2.

    Parameters
    ----------
    in_channels, out_channels
        Widths before and after; the missing channels are split as evenly as possible, one more at the end if odd.
    stride
        Step between the pixels that are kept.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        missing = out_channels - in_channels
        self.before = missing // 2
        self.after = missing - self.before
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Map (pictures, channels, height, width) to the block's output shape."""
        sliced = x[:, :, :: self.stride, :: self.stride]
        return F.pad(sliced, (0, 0, 0, 0, self.before, self.after), "constant", 0.0)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with batch normalisation and a shortcut around both.

    Parameters
    ----------
    in_channels, channels
        Width of the input; width of both convolutions.
    stride
        Stride of the first convolution and of the shortcut.
    option
        "A" or "B": what the shortcut does where shapes differ, see :class:`CifarResNet`.
    """

    def __init__(self, in_channels: int, channels: int, stride: int, option: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = _shortcut(in_channels, channels, stride, option)

    def forward(self, x: Tensor) -> Tensor:
        """Map (pictures, in_channels, height, width) to (pictures, channels, height/stride, width/stride)."""
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + self.shortcut(x))


def _shortcut(in_channels: int, channels: int, stride: int, option: str) -> nn.Module:
    if stride == 1 and in_channels == channels:
        return nn.Sequential()
    if option == "A":
        return PaddedShortcut(in_channels, channels, stride)
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False),
        nn.BatchNorm2d(channels),
    )


class CifarResNet(nn.Module):
    """Residual network for small pictures, with 6n + 2 layers in three stages (He et al. 2016, section 4.2).

    Parameter names are the ones of the widespread PyTorch checkpoints: ``conv1``, ``bn1``, ``layer1.0.conv1``, …,
    ``linear``.

    Parameters
    ----------
    depth
        Number of weighted layers, 8, 14, 20, 26, …: 6n + 2.
    option
        Shortcut where width or resolution changes. "A": sliced and padded with zeros, no weights. "B": 1x1 convolution
        and batch normalisation, ``shortcut.0`` and ``shortcut.1``.
    widths
        Channels of the three stages.
    in_channels, classes
        Channels of a picture, number of outputs.

    Raises
    ------
    ValueError
        If depth, option or widths describe no such network.

    Examples
    --------
    >>> sum(p.numel() for p in CifarResNet(20).parameters())
    269722
    """

    def __init__(
        self,
        depth: int,
        option: str = "A",
        widths: tuple[int, int, int] = (16, 32, 64),
        in_channels: int = 3,
        classes: int = 10,
    ) -> None:
        super().__init__()
        if depth < 8 or depth % 6 != 2:
            raise ValueError(f"{depth} is no depth of this family; choose 6n + 2 from 8 on")
        if option not in ("A", "B"):
            raise ValueError(f"'{option}' is not a kind of shortcut; choose A or B")
        if option == "A" and list(widths) != sorted(widths):
            raise ValueError("shortcuts of kind A cannot drop channels; choose rising widths, or kind B")
        blocks = (depth - 2) // 6
        self.conv1 = nn.Conv2d(in_channels, widths[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.layer1 = _stage(widths[0], widths[0], blocks, 1, option)
        self.layer2 = _stage(widths[0], widths[1], blocks, 2, option)
        self.layer3 = _stage(widths[1], widths[2], blocks, 2, option)
        self.linear = nn.Linear(widths[2], classes)
        _initialise(self, "relu")

    def forward(self, x: Tensor) -> Tensor:
        """Map pictures (pictures, channels, height, width) to logits (pictures, classes)."""
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.layer3(self.layer2(self.layer1(out)))
        out = F.avg_pool2d(out, (out.shape[2], out.shape[3]))
        return self.linear(torch.flatten(out, 1))  # type: ignore[no-any-return]  # Module.__call__ is untyped


def _stage(in_channels: int, channels: int, blocks: int, stride: int, option: str) -> nn.Sequential:
    first = BasicBlock(in_channels, channels, stride, option)
    return nn.Sequential(first, *(BasicBlock(channels, channels, 1, option) for _ in range(blocks - 1)))


class PlainBlock(nn.Module):
    """One 3x3 convolution and its activation, nothing around them.

    Parameters
    ----------
    in_channels, channels, stride
        Geometry of the convolution.
    """

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map (pictures, in_channels, height, width) to (pictures, channels, height/stride, width/stride)."""
        return self.relu(self.conv(x))  # type: ignore[no-any-return]  # Module.__call__ is untyped


class PlainCnn(nn.Module):
    """Narrow, deep network without shortcuts and without normalisation, made to train badly.

    A chain of 3x3 convolutions of one width in three stages. Weights start with variance 1 / fan in, which suits linear
    units: behind rectifiers the signal halves from layer to layer, so that pictures of different classes arrive at the
    end as nearly the same vector. See He et al. 2016, figure 1, and Peer et al. 2021, "Conflicting Bundles".

    Parameters
    ----------
    depths
        Convolutions in each of the three stages; the first of stages two and three halves the resolution.
    width
        Channels of every convolution.
    in_channels, classes
        Channels of a picture, number of outputs.

    Examples
    --------
    >>> len(PlainCnn((2, 2, 2)).state_dict())
    14
    """

    def __init__(
        self,
        depths: tuple[int, int, int] = (3, 12, 25),
        width: int = 12,
        in_channels: int = 1,
        classes: int = 10,
    ) -> None:
        super().__init__()
        self.layer1 = _chain(in_channels, width, depths[0], 1)
        self.layer2 = _chain(width, width, depths[1], 2)
        self.layer3 = _chain(width, width, depths[2], 2)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(width, classes)
        _initialise(self, "linear")

    def forward(self, x: Tensor) -> Tensor:
        """Map pictures (pictures, channels, height, width) to logits (pictures, classes)."""
        out = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(torch.flatten(self.pool(out), 1))  # type: ignore[no-any-return]  # as above


def _chain(in_channels: int, channels: int, count: int, stride: int) -> nn.Sequential:
    first = PlainBlock(in_channels, channels, stride)
    return nn.Sequential(first, *(PlainBlock(channels, channels, 1) for _ in range(count - 1)))


def _initialise(network: nn.Module, units: Literal["relu", "linear"]) -> None:
    """Draw normal weights of variance 2 / fan in ("relu", He et al. 2015) or 1 / fan in ("linear"); no biases."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity=units)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def fashion_resnet() -> CifarResNet:
    """Build the residual network of the demo: 20 layers, 8, 16 and 32 channels, for 28 px grey pictures."""
    return CifarResNet(20, option="B", widths=(8, 16, 32), in_channels=1, classes=10)


def fashion_plain() -> PlainCnn:
    """Build the plain network of the demo: 40 convolutions of 12 channels, no shortcuts, 28 px grey pictures."""
    return PlainCnn(depths=(3, 12, 25), width=12, in_channels=1, classes=10)


DEMO_NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "fashion_resnet": fashion_resnet,
    "fashion_plain": fashion_plain,
}
