"""Networks with known width groups, and what must hold for every edit of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from analysis.coupling.analysis import Anatomy
from analysis.networks import CifarResNet
from analysis.surgery.editing import edit, whole

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Case:
    """A network of torchvision or timm, or a CIFAR ResNet with zero-padded shortcuts (option A).

    Attributes
    ----------
    name
        "tv NAME", "timm NAME" or "cifar DEPTH".
    counts
        Free groups, variables, clusters; None where nobody counted them by other means.
    exact
        False where a layer norm runs over channels.
    rewritten
        Modules with a new forward when all widths are doubled, -1 for unknown.
    side
        Pixels of the pictures in the quick tests.
    """

    name: str
    counts: tuple[int, int, int] | None = None
    exact: bool = True
    rewritten: int = 0
    side: int = 64

    def make(self) -> nn.Module:
        """Build it with random weights and statistics, float64."""
        import timm
        import torchvision

        torch.manual_seed(0)
        family, name = self.name.split(" ")
        if family == "cifar":
            net: nn.Module = CifarResNet(int(name))
        elif family == "timm":
            net = timm.create_model(name)
        else:
            extra: dict[str, Any] = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
            net = getattr(torchvision.models, name)(**extra)
        return randomised(net)


def _n(count: int) -> tuple[int, int, int]:
    return count, count, count


CASES = (
    Case("cifar 20", _n(12), rewritten=2, side=32),
    Case("tv resnet18", _n(12), side=32),
    Case("tv mobilenet_v2", _n(25)),
    Case("tv shufflenet_v2_x1_0", (49, 90, 25), rewritten=16),
    Case("tv squeezenet1_1", _n(25)),
    Case("timm mobilenetv3_large_100", _n(30)),
    Case("timm rexnet_100", (46, 46, 35), rewritten=11),
    Case("tv regnet_y_400mf", _n(53)),
    Case("tv densenet121", _n(120)),
    Case("cifar 56", _n(30), rewritten=2, side=32),
    Case("timm resnest14d", None, rewritten=-1),
    Case("tv vgg11_bn", _n(10), side=32),
    Case("tv vgg16_bn", _n(15), side=32),
    Case("tv resnet50", _n(37)),
    Case("timm resnet50", _n(37)),
    Case("tv resnext50_32x4d", _n(37)),
    Case("timm regnetx_002", _n(31)),
    Case("tv mnasnet1_0", _n(25)),
    Case("tv mobilenet_v3_large", _n(30)),
    Case("tv efficientnet_b0", _n(40)),
    Case("timm tf_efficientnet_lite0", _n(24)),
    Case("timm densenet121", _n(120)),
    Case("tv googlenet", _n(61), side=96),
    Case("tv inception_v3", _n(96), side=299),
    Case("tv convnext_tiny", _n(22), exact=False),
    Case("timm convnext_tiny", _n(22), exact=False),
    Case("timm ghostnet_100", rewritten=-1),
    Case("timm hrnet_w18_small"),
    Case("timm dla34"),
    Case("timm tf_efficientnetv2_b0"),
    Case("timm seresnet18"),
    Case("timm cspresnet50", rewritten=-1),
    Case("timm res2net50_26w_4s", rewritten=-1),
    Case("timm ese_vovnet39b"),
    Case("timm fbnetc_100"),
    Case("timm repvgg_a0"),
    Case("timm mobilenetv1_100"),
    Case("timm vgg11_bn", side=224),
    Case("timm mobileone_s0"),
    Case("timm skresnet18", rewritten=-1),
    Case("timm ecaresnet26t"),
    Case("timm nf_regnet_b0"),
    Case("timm mobilevit_xxs", exact=False, rewritten=-1, side=256),
    Case("timm edgenext_xx_small", exact=False, rewritten=-1, side=256),
    Case("timm vit_tiny_patch16_224", exact=False, rewritten=-1, side=224),
)
QUICK = CASES[:7]


def randomised(net: nn.Module) -> nn.Module:
    """Give norms statistics and scales that are not trivial, so that a wrong channel shows; float64, eval mode."""
    for module in net.modules():
        if isinstance(module, (nn.modules.batchnorm._NormBase, nn.GroupNorm)) and module.weight is not None:
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
            if getattr(module, "running_mean", None) is not None:
                module.running_mean.uniform_(-0.5, 0.5)
                module.running_var.uniform_(0.5, 1.5)
    return net.double().eval()


def picture(shape: tuple[int, ...], count: int = 2) -> Tensor:
    return torch.randn((count, *shape), generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def masked(net: nn.Module, found: Anatomy, copies: Ints) -> nn.Module:
    """The original with everything set to zero that reads a dropped channel, shortcuts padded with zeros among it."""
    twin = edit(net, found, whole(found))  # a copy in which ties stay ties
    tensors = dict((*twin.named_parameters(), *twin.named_buffers()))
    with torch.no_grad():
        for axis in found.coupling.axes.values():
            if axis.role == "in":
                dead = np.flatnonzero(copies[found.coupling.of(axis.labels)] == 0)
                tensors[axis.name].index_fill_(axis.dim, torch.from_numpy(dead), 0)
    return Unpadded(twin, _dropped_at_pads(found, copies)) if found.coupling.pads else twin


def _dropped_at_pads(found: Anatomy, copies: Ints) -> dict[int, tuple[int, Tensor]]:
    """Number of a call of `pad` to the channel dim of what it pads, and to the channels that are dropped there."""
    coupling, dropped = found.coupling, {}
    calls = [op.index for op in coupling.seen.ops if op.name == "pad"]
    for value, (source, _) in coupling.pads.items():
        labels = coupling.arrays[source]
        assert labels is not None
        (dim,) = (dim for dim, size in enumerate(labels.shape) if size > 1)
        dead = torch.from_numpy(np.flatnonzero(copies[coupling.of(labels.ravel())] == 0))
        dropped[calls.index(coupling.seen.values[value].maker)] = (dim, dead)
    return dropped


class Unpadded(nn.Module):
    """A network whose calls of `pad` meet zeros at some channels."""

    def __init__(self, net: nn.Module, dropped: dict[int, tuple[int, Tensor]]) -> None:
        super().__init__()
        self.net, self.dropped = net, dropped

    def forward(self, x: Tensor) -> Tensor:
        """Run it."""
        with _AtPads(self.dropped):
            found: Tensor = self.net(x)
        return found


class _AtPads(TorchFunctionMode):
    def __init__(self, dropped: dict[int, tuple[int, Tensor]]) -> None:
        super().__init__()
        self.dropped, self.calls = dropped, 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is F.pad:
            if self.calls in self.dropped:
                dim, dead = self.dropped[self.calls]
                args = (args[0].index_fill(dim, dead, 0), *args[1:])
            self.calls += 1
        return func(*args, **(kwargs or {}))


def by_variable(found: Anatomy, counts: Ints, seed: int = 0) -> Ints:
    """Random classes, as many of each variable as asked for."""
    rng = np.random.default_rng(seed)
    copies = np.ones(len(found.coupling.locked), dtype=np.int64)
    for variable, target in enumerate(counts.tolist()):
        classes = np.flatnonzero(found.grouping.variable == variable)
        rng.shuffle(classes)
        base, rest = divmod(target, classes.size)
        copies[classes] = base
        copies[classes[:rest]] += 1
    return copies


def sizes(found: Anatomy, low: float, high: float, seed: int = 0) -> Ints:
    """A random number of classes for each variable, between two multiples of the original and at least 1."""
    rng = np.random.default_rng(seed)
    counts = np.array([variable.count for variable in found.groups.variables])
    return np.maximum(1, (counts * rng.uniform(low, high, counts.size)).astype(np.int64))


def difference(one: Callable[[Tensor], Tensor], other: Callable[[Tensor], Tensor], shape: tuple[int, ...]) -> float:
    """Largest difference of the outputs, relative to the largest output of the second."""
    with torch.no_grad():
        first, second = one(picture(shape)), other(picture(shape))
    return float((first - second).abs().max() / second.abs().max())


def narrowed(net: nn.Module, found: Anatomy, shape: tuple[int, ...], counts: Ints) -> tuple[nn.Module, float]:
    """Narrow; give the network and its distance from the masked original."""
    copies = by_variable(found, counts)
    edited = edit(net, found, copies)
    return edited, difference(edited, masked(net, found, copies), shape)


def widened(net: nn.Module, found: Anatomy, shape: tuple[int, ...], copies: Ints) -> tuple[nn.Module, float]:
    """Widen; give the network and its distance from the original."""
    edited = edit(net, found, copies)
    return edited, difference(edited, net, shape)


def doubled(found: Anatomy) -> Ints:
    return np.where(found.coupling.locked, 1, 2).astype(np.int64)
