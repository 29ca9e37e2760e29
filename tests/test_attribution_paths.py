"""Where the graph of a layered explanation begins must not show in the map."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from analysis.live import measure


class Plain(nn.Module):
    """The layer that is looked at has other layers below and above it, and a way around it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.wanted = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.last, self.fc = nn.Conv2d(4, 5, 3, padding=1), nn.Linear(5, 4)

    def below(self, x: Tensor) -> Tensor:
        x = torch.relu(self.first(x))
        return x + self.wanted(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(torch.relu(self.last(torch.relu(self.below(x)))).mean(dim=(2, 3)))


class Switched(Plain):
    """Gradients are switched on around the layer, so that the state before comes back after it."""

    def below(self, x: Tensor) -> Tensor:
        with torch.enable_grad():
            return super().below(x)


class Seen(Plain):
    """The layer's result is a view, and its user writes into what it was taken from."""

    def below(self, x: Tensor) -> Tensor:
        x = torch.relu(self.first(x))
        both = torch.cat([self.wanted(x), x], 1)
        left, right = both[:, :4], both[:, 4:]
        return left.add_(right)


class WritesAfterwards(Plain):
    """What the layer gave is written into."""

    def below(self, x: Tensor) -> Tensor:
        x = torch.relu(self.first(x))
        found = self.wanted(x)
        found += x
        return found


def by_hand(net: Plain, pictures: Tensor) -> Tensor:
    """Grad-CAM at the layer: sum over channels of mean gradient times activation."""
    kept: list[Tensor] = []

    def keep(_module: nn.Module, _args: object, output: Tensor) -> Tensor:
        kept.append(output.detach().clone().requires_grad_())
        return kept[-1].clone()

    handle = net.wanted.register_forward_hook(keep)
    scores = net(pictures)
    handle.remove()
    (gradient,) = torch.autograd.grad(scores[:, 1].sum(), kept)
    return (gradient.mean(dim=(2, 3), keepdim=True) * kept[0]).sum(dim=1).detach()


@pytest.mark.parametrize("kind", [Plain, Switched, Seen, WritesAfterwards])
def test_the_map_is_the_one_by_hand_however_the_network_is_written(kind: type[Plain]) -> None:
    torch.manual_seed(3)
    net, pictures = kind().eval(), torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    expected = by_hand(net, pictures)
    found = measure("attribution", net, pictures, algorithms="grad_cam", target="1", layer="wanted")["attribution"][0]
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-7)
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("kind", [Plain, Switched, Seen, WritesAfterwards])
def test_conductance_is_the_same_however_the_network_is_written(kind: type[Plain]) -> None:
    torch.manual_seed(3)
    net, plain = kind().eval(), Plain().eval()
    plain.load_state_dict(net.state_dict())
    pictures = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))

    def conductance(of: Plain) -> NDArray[np.float64]:
        asked: dict[str, Any] = {"algorithms": "layer_conductance", "target": "1", "layer": "wanted", "steps": "9"}
        return np.asarray(measure("attribution", of, pictures, **asked)["attribution"], dtype=np.float64)

    np.testing.assert_allclose(conductance(net), conductance(plain), atol=1e-6)
