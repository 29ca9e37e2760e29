"""Networks of a few weights, with answers worked out by hand, for all tests."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules import module as torch_module


def fill(net: nn.Module, seed: int = 0) -> nn.Module:
    """Give a network fixed random weights and statistics that are not trivial, in eval mode."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in (*net.named_parameters(), *net.named_buffers()):
            if tensor.is_floating_point():
                tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.5)
                if name.endswith("running_var"):
                    tensor.abs_().add_(0.5)
    return net.eval()


def pictures(shape: tuple[int, ...], count: int = 3, seed: int = 0) -> Tensor:
    """Make random pictures."""
    return torch.randn((count, *shape), generator=torch.Generator().manual_seed(seed))


def state_of(net: nn.Module) -> dict[str, Any]:
    """Everything that an analysis must leave as it was: attributes, hooks, modes, gradients, random numbers."""
    modules = {
        path: {
            name: (list(item.items()) if isinstance(item, dict) else item) if name != "training" else bool(item)
            for name, item in vars(module).items()
            if name not in ("_parameters", "_buffers")
        }
        for path, module in net.named_modules()
    }
    tensors = {
        name: (
            id(tensor),
            tensor.requires_grad,
            tensor.grad,
            tensor._version,
            tensor.detach().numpy(force=True).tobytes(),
        )
        for name, tensor in (*net.named_parameters(), *net.named_buffers())
    }
    hooks = [
        sorted(getattr(torch_module, name))
        for name in ("_global_forward_pre_hooks", "_global_forward_hooks", "_global_forward_hooks_always_called")
    ]
    modes = torch._C._len_torch_function_stack()
    return {
        "modules": modules,
        "tensors": tensors,
        "hooks": hooks,
        "modes": modes,
        "random": torch.get_rng_state().tolist(),
    }


def linear_stack() -> nn.Module:
    """4 -> 3 -> 2 with a bias each: 12 + 3 and 6 + 2 weights, 12 and 6 multiply-adds."""
    return fill(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)))


class Block(nn.Module):
    """A residual block with functional activations; shortcut "identity", "projection" or "pad" (option A)."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, shortcut: str = "identity") -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.kind, self.extra = shortcut, outputs - inputs
        if shortcut == "projection":
            self.project = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.kind == "projection":
            x = self.project(x)
        elif self.kind == "pad":
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.extra // 2, self.extra // 2))
        out += x
        return F.relu(out)


class ResidualNet(nn.Module):
    """A CIFAR ResNet of any depth; 20 layers have 269,722 weights and 40,551,040 multiply-adds at 32 x 32."""

    def __init__(self, repeats: int = 1, width: int = 16, shortcut: str = "pad", channels: int = 3) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        stages, inputs = [], width
        for stage in range(3):
            outputs = width * 2**stage
            blocks = []
            for index in range(repeats):
                first = index == 0 and stage > 0
                blocks.append(Block(inputs, outputs, 2 if first else 1, shortcut if first else "identity"))
                inputs = outputs
            stages.append(nn.Sequential(*blocks))
        self.layer1, self.layer2, self.layer3 = stages
        self.linear = nn.Linear(4 * width, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(F.avg_pool2d(x, x.size()[3]).view(x.size(0), -1))


def residual_net(**options: Any) -> nn.Module:
    return fill(ResidualNet(**options))


class InPlace(nn.Module):
    """Everything in place: conv1 is overwritten by its activation, conv2 by the shortcut, the sum by an activation."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(2, 2, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv2(self.relu(self.conv1(x)))
        out += x
        return out.relu_()


class Loop(nn.Module):
    """One convolution called twice, and so one activation."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = nn.Conv2d(2, 2, 3, padding=1)
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.loop(self.act(self.loop(x))))


class LoopBlock(nn.Module):
    """A residual block called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.body = Block(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(self.body(x))


class Tied(nn.Module):
    """Two linear layers over one weight of 9 numbers, and a bias of 3 each: 15 distinct weights, 24 in use."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
        self.second.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.second(torch.tanh(self.first(x)))


class PaddedConv(nn.Conv2d):
    """A convolution with a child, as in efficientnet-pytorch."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3)
        self.static_padding = nn.ZeroPad2d(1)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(self.static_padding(x), self.weight, self.bias)


class ActivatedConv(nn.Conv2d):
    """A convolution with its activation as a child: its output is not the convolution's."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 1)
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(super().forward(x))


class Swish(nn.Module):
    """A leaf activation without any activation function of torch but sigmoid."""

    def forward(self, x: Tensor) -> Tensor:
        return x * x.sigmoid()


class SqueezeExcite(nn.Module):
    """x -> conv -> gate in 0..1 per channel, made from the channel means through 4 -> 2 -> 4."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        self.reduce, self.expand = nn.Conv2d(4, 2, 1), nn.Conv2d(2, 4, 1)
        self.act = Swish()

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.conv(x))
        gate = F.adaptive_avg_pool2d(x, 1)
        return x * torch.sigmoid(self.expand(F.relu(self.reduce(gate))))


class Generated(nn.Module):
    """A kernel of 2 x 2 x 3 x 3 = 36 numbers made from a bank of 12 by a 36 x 12 buffer, in a container."""

    def __init__(self) -> None:
        super().__init__()
        self.bank = nn.Parameter(torch.zeros(12))
        self.register_buffer("mix", torch.zeros(36, 12))
        self.norm = nn.BatchNorm2d(2)

    def forward(self, x: Tensor) -> Tensor:
        kernel = (self.mix @ self.bank.unsqueeze(1)).view(2, 2, 3, 3)
        x = F.relu(self.norm(F.conv2d(x, kernel, padding=1)))
        return F.relu(F.conv2d(x, kernel, padding=1))


class FlattenToLinear(nn.Module):
    """One-channel pictures of 6 x 6 -> 2 maps of 4 x 4 -> 32 numbers -> 5."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.fc = nn.Linear(32, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(torch.flatten(F.leaky_relu(self.conv(x)), 1))


class SlicedShortcut(nn.Module):
    """The shortcut is added in place to the first channels of the branch, as in ReXNet; or joined with `cat`."""

    def __init__(self, in_place: bool = True) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3)
        self.body = Partial(4, 6, in_place)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(self.stem(x)).mean((2, 3))


class Partial(nn.Module):
    def __init__(self, inputs: int, outputs: int, in_place: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, 8, 1)
        self.project = nn.Conv2d(8, outputs, 1)
        self.inputs, self.in_place = inputs, in_place

    def forward(self, x: Tensor) -> Tensor:
        out = self.project(F.relu6(self.conv(x)))
        if self.in_place:
            out[:, : self.inputs] += x
            return out
        return torch.cat([out[:, : self.inputs] + x, out[:, self.inputs :]], dim=1)


def depthwise() -> nn.Module:
    """3 -> 6 -> depthwise 3 x 3 -> 4 at 5 x 5: 18, 54 and 24 weights; 450, 1350 and 600 multiply-adds."""
    return fill(
        nn.Sequential(
            nn.Conv2d(3, 6, 1, bias=False),
            nn.ReLU6(),
            nn.Conv2d(6, 6, 3, 1, 1, groups=6, bias=False),
            nn.ReLU6(),
            nn.Conv2d(6, 4, 1, bias=False),
        )
    )


def plain_chain(depth: int = 3, width: int = 4) -> nn.Module:
    """A deep narrow net without skips: convolution, norm, activation, again and again; then pool and classify."""
    layers: list[nn.Module] = []
    for index in range(depth):
        layers += [nn.Conv2d(width if index else 3, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
    return fill(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10)))


def identity_layer(channels: int = 3) -> nn.Module:
    """A 1 x 1 convolution that hands its input on, and the same after a ReLU."""
    net = nn.Sequential(nn.Conv2d(channels, channels, 1, bias=False), nn.ReLU())
    with torch.no_grad():
        net[0].weight.copy_(torch.eye(channels)[:, :, None, None])
    return net.eval()


def rank_two_layer() -> nn.Module:
    """A 1 x 1 convolution 5 -> 6 whose output has rank 2: every output is a mixture of two inputs."""
    net = nn.Sequential(nn.Conv2d(5, 6, 1, bias=False))
    weight = torch.zeros(6, 5)
    weight[:, 0] = torch.tensor([1.0, 2.0, 0.0, -1.0, 3.0, 1.0])
    weight[:, 3] = torch.tensor([0.0, 1.0, 1.0, 2.0, -1.0, 1.0])
    with torch.no_grad():
        net[0].weight.copy_(weight[:, :, None, None])
    return net.eval()


def colliding() -> tuple[nn.Module, Tensor, Tensor]:
    """A net, four pictures of 1 x 1 x 2 and labels: the ReLU merges pictures 0 and 1, of different class."""
    net = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(2, 2, bias=False))
    with torch.no_grad():
        net[0].weight.fill_(1)
        net[3].weight.copy_(torch.eye(2))
    images = torch.tensor([[-1.0, 2.0], [-3.0, 2.0], [1.0, 0.0], [1.0, 1.0]]).reshape(4, 1, 1, 2)
    return net.eval(), images, torch.tensor([0, 1, 0, 1])


class Fickle(nn.Module):
    """Takes another path where it is told so, or raises."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(2, 2, 1), nn.Conv2d(2, 2, 1)
        self.skip, self.problem = False, None

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.first(x))
        if self.problem is not None:
            raise self.problem
        return x if self.skip else F.relu(self.second(x))
