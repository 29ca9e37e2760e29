"""Recordings of networks that do odd things: activations of their own, scripted parts, shared and compiled modules."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from analysis.graph import describe, record
from analysis.problems import AnalysisError
from analysis.tracing.recorder import trace
from tests import tiny
from tests.graph_nets import counted_macs, layer, rows

pytestmark = pytest.mark.usefixtures("one_thread")


class Odd(nn.Module):
    """Whatever `act` is, after a convolution."""

    def __init__(self, act: Any) -> None:
        super().__init__()
        self.conv, self.act = nn.Conv2d(2, 2, 1), act

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.conv(x))


class Hard(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mul(F.relu6(x + 3.0).div_(6.0))


class Piecewise(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.where(x > 0, x, 0.1 * x)


class _Function(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x * x.sigmoid()


class OwnFunction(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return _Function.apply(x)


@pytest.mark.parametrize("act", [Hard(), Piecewise(), OwnFunction(), nn.PReLU(2), nn.Hardtanh(), nn.Threshold(0.1, 0)])
def test_activation_modules_are_found_by_what_they_compute(act: nn.Module) -> None:
    found = record(Odd(act), (2, 3, 3))
    assert rows(found, "conv", "activation") == ["conv", "act"]
    assert layer(found, "act").type == type(act).__name__


@pytest.mark.parametrize(
    "act", [nn.Identity(), nn.BatchNorm2d(2), nn.LayerNorm(3), nn.MaxPool2d(1), nn.Dropout(), nn.Softmax(1)]
)
def test_other_modules_are_no_activations(act: nn.Module) -> None:
    assert rows(record(Odd(act), (2, 3, 3)), "activation") == []


def test_functional_activations() -> None:
    for function, name in (
        (lambda x: x.clamp(min=0), "clamp"),
        (lambda x: x * torch.sigmoid(x), "mul"),
        (F.gelu, "gelu"),
    ):
        assert rows(record(Odd(function), (2, 3, 3)), "activation") == [f":{name}"]
    assert rows(record(Odd(lambda x: x.clamp(min=1e-6)), (2, 3, 3)), "activation") == []


def test_matrix_products_with_weights_are_linear_layers() -> None:
    class ByHand(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(3, 4))

        def forward(self, x: Tensor) -> Tensor:
            return torch.relu(x @ self.weight.t())

    found = record(nn.Sequential(nn.Sequential(ByHand(), nn.ReLU())), (4,))
    assert [(row.name, row.kind, row.macs) for row in found.layers][1:3] == [
        ("0.0:matmul", "linear", 12),
        ("0.0:relu", "activation", 0),
    ]


def test_weights_that_are_never_used_are_told() -> None:
    net = tiny.fill(tiny.Fickle())
    net.skip = True
    found = record(net, (2, 4, 4))
    assert found.totals.parameters == 12
    assert "6 weights are not used in a forward pass: second." in found.notes


@pytest.mark.filterwarnings("ignore:.*torch.jit.*")
def test_a_scripted_module_is_told() -> None:
    scripted = torch.jit.script(nn.Sequential(nn.Conv2d(2, 2, 1), nn.ReLU()))
    found = record(nn.Sequential(scripted, nn.Conv2d(2, 3, 1)), (2, 3, 3))
    assert rows(found, "conv") == ["1"]
    assert any("0" in note and "cannot be recorded" in note for note in found.notes)


def test_networks_that_need_numbers_or_cannot_be_copied() -> None:
    class NeedsNumbers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.limit = nn.Conv2d(2, 2, 1), torch.ones(1)

        def forward(self, x: Tensor) -> Tensor:
            x = self.conv(x)
            return F.relu(x) if self.limit.item() > 0 else x

    net = NeedsNumbers()
    assert rows(record(net, (2, 3, 3)), "activation") == [":relu"]
    net.stream = (number for number in range(3))  # a generator cannot be copied
    net.train()
    state = tiny.state_of(net)
    assert rows(record(net, (2, 3, 3)), "activation") == [":relu"]
    assert tiny.state_of(net) == state


def test_a_forward_that_writes_to_its_weights() -> None:
    class Binary(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(2, 2, 1)

        def forward(self, x: Tensor) -> Tensor:
            self.conv.weight.data.sign_()
            return self.conv(x)

    net = tiny.fill(Binary())
    state = tiny.state_of(net)
    for meta in (True, False):
        assert rows(describe(trace(net, (2, 3, 3), meta)), "conv") == ["conv"]
        assert tiny.state_of(net) == state


def test_compiled_networks_are_refused_and_traced_ones_are_not() -> None:
    net = tiny.residual_net(width=4)
    for compiled in (torch.compile(net), nn.Sequential(torch.compile(net.layer1))):
        with pytest.raises(AnalysisError, match="is compiled"):
            record(compiled, (3, 8, 8))
    traced = torch.fx.symbolic_trace(net)
    found, expected = record(traced, (3, 8, 8)), record(net, (3, 8, 8))
    assert found.totals == expected.totals
    assert rows(found, "conv", "linear") == rows(expected, "conv", "linear")
    # The traced net makes all sums itself.
    assert [block.name for block in found.blocks] == [":block#1", ":block#2", ":block#3"]
    assert [block.shortcut for block in found.blocks] == ["identity", "pad", "pad"]


def test_old_weight_norm() -> None:
    with pytest.warns(FutureWarning):
        net = nn.Sequential(torch.nn.utils.weight_norm(nn.Conv2d(2, 3, 1)), nn.ReLU())
    state = tiny.state_of(net)
    for meta in (True, False):
        found = describe(trace(net, (2, 3, 3), meta))
        assert [(row.name, row.parameters, row.parameters_used) for row in found.layers if row.kind == "conv"] == [
            ("0", 12, 9)
        ]
    assert tiny.state_of(net) == state


def test_parametrized_weight_and_half_precision() -> None:
    net = nn.Sequential(torch.nn.utils.parametrizations.weight_norm(nn.Conv2d(2, 3, 1)), nn.ReLU()).bfloat16()
    found = record(net, (2, 3, 3))
    assert rows(found, "conv", "activation") == ["0", "1"]
    assert layer(found, "0").activation_bytes == 2 * 27


class TwoNames(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(2, 2, 1)
        self.b = self.a

    def forward(self, x: Tensor) -> Tensor:
        return self.b(x)


def test_a_module_under_two_names_has_the_first() -> None:
    found = record(TwoNames(), (2, 3, 3))
    assert (rows(found, "conv"), found.totals.parameters) == (["a"], 6)


def test_a_forward_that_is_bound_to_the_original() -> None:
    net = nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2)).train()
    net.forward = lambda x: F.relu(net[1](net[0](x)))  # a copy of the network would still call these
    state = tiny.state_of(net)
    for meta in (True, False):
        assert rows(describe(trace(net, (2, 3, 3), meta)), "conv", "activation") == ["0", ":relu"]
        assert tiny.state_of(net) == state


def test_a_module_called_input() -> None:
    net = nn.Sequential()
    net.add_module("input", nn.Conv2d(2, 2, 1))
    assert rows(record(net, (2, 3, 3))) == ["input", "input#2"]


def test_transposed_and_one_dimensional_convolutions() -> None:
    net = nn.Sequential(
        nn.ConvTranspose2d(3, 4, 3, stride=2, bias=False), nn.Flatten(2), nn.Conv1d(4, 6, 5, dilation=2)
    )
    found = record(net, (3, 4, 4))
    first, second = (layer(found, name) for name in ("0", "2"))
    assert (first.kernel, first.stride, first.expands_from, first.macs) == ((3, 3), (2, 2), 3, 16 * 3 * 4 * 9)
    assert (second.kernel, second.dilation, second.shape) == ((5,), (2,), (6, 81 - 8))
    assert found.totals.macs == counted_macs(net, (3, 4, 4))


def test_channels_on_the_last_axis_are_told() -> None:
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.mix = nn.Conv2d(3, 4, 1), nn.Linear(4, 5)

        def forward(self, x: Tensor) -> Tensor:
            return F.gelu(self.mix(self.conv(x).permute(0, 2, 3, 1))).permute(0, 3, 1, 2).relu()

    found = record(Last(), (3, 6, 6))
    assert found.channels_last == {"mix", ":gelu", ":unit"}


def test_inside_inference_mode_and_with_gradients() -> None:
    net = tiny.residual_net()
    expected = record(net, (3, 8, 8))
    with torch.inference_mode():
        assert record(net, (3, 8, 8)) == expected
    with torch.enable_grad():
        assert record(net, (3, 8, 8)) == expected
