"""The structure of networks, against answers worked out by hand and torch's own counter."""

from __future__ import annotations

import copy
import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from analysis.graph import Recording, describe, record
from analysis.problems import AnalysisError
from analysis.tracing.recorder import trace
from tests import tiny

pytestmark = pytest.mark.usefixtures("one_thread")

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


# ---- what holds for every network ------------------------------------------------------------------------------------


@each_net
def test_costs_equal_torchs_own_counts(make: Any, shape: tuple[int, ...]) -> None:
    net = make()
    found = record(net, shape)
    assert found.totals.macs == counted_macs(net, shape)
    assert found.totals.parameters == sum(parameter.numel() for parameter in net.parameters())
    assert found.totals.buffers == sum(buffer.numel() for buffer in net.buffers())
    assert found.output_shape == tuple(net(torch.zeros(1, *shape)).shape[1:])


@each_net
def test_rows_are_unique_and_refer_to_earlier_rows(make: Any, shape: tuple[int, ...]) -> None:
    found = record(make(), shape)
    names = rows(found)
    assert len(set(names)) == len(names)
    assert names[0] == "input"
    assert set(found.sites) == set(names)
    for index, row in enumerate(found.layers):
        assert not row.same_as or row.same_as in names[:index]
        assert row.activation_bytes == 4 * int(np.prod(row.shape))
        assert not row.block or row.block in {block.name for block in found.blocks}
    for block in found.blocks:
        assert layer(found, block.output).kind == "block"
        assert set(block.layers) <= set(names)


@each_net
def test_real_and_empty_copies_give_the_same_recording(make: Any, shape: tuple[int, ...]) -> None:
    net = make()
    assert describe(trace(net, shape, meta=True)) == describe(trace(net, shape, meta=False))


@each_net
def test_recording_changes_nothing(make: Any, shape: tuple[int, ...]) -> None:
    net = make().train()
    net.register_forward_hook(lambda *_: None)
    state, seeds = tiny.state_of(net), (random.getstate(), np.random.get_state()[1].tolist())
    for meta in (True, False, None):
        trace(net, shape, meta)
        assert tiny.state_of(net) == state
    assert (random.getstate(), np.random.get_state()[1].tolist()) == seeds


def test_recording_changes_nothing_when_the_forward_raises() -> None:
    net = tiny.fill(tiny.Fickle()).train()
    net.problem = ValueError("no")
    state = tiny.state_of(net)
    with pytest.raises(AnalysisError, match="2 x 4 x 4") as caught:
        record(net, (2, 4, 4))
    assert "no" in caught.value.hint
    assert tiny.state_of(net) == state


def test_a_wrong_input_shape_is_one_sentence() -> None:
    with pytest.raises(AnalysisError, match="does not run on an input of 5 x 4 x 4"):
        record(tiny.residual_net(), (5, 4, 4))


def test_layers_of_unknown_size_are_refused() -> None:
    with pytest.raises(AnalysisError, match="not known yet"):
        record(nn.Sequential(nn.LazyConv2d(3, 1)), (2, 4, 4))


# ---- names, kinds and costs by hand ----------------------------------------------------------------------------------


def test_linear_stack() -> None:
    found = record(tiny.linear_stack(), (4,))
    assert rows(found) == ["input", "0", "1", ":unit", "2"]
    assert [(row.kind, row.parameters, row.macs) for row in found.layers] == [
        ("input", 0, 0), ("linear", 15, 12), ("activation", 0, 0), ("block", 0, 0), ("linear", 8, 6)
    ]  # fmt: skip
    assert (found.totals.parameters, found.totals.macs, found.totals.activation_bytes) == (23, 18, 4 * (3 + 3 + 2))


def test_resnet_20_by_hand() -> None:
    found = record(tiny.residual_net(repeats=3), (3, 32, 32))
    assert found.totals.parameters == 269_722
    assert found.totals.macs == 40_551_040
    assert [block.name for block in found.blocks] == [f"layer{s}.{i}" for s in (1, 2, 3) for i in (0, 1, 2)]
    assert [block.shortcut for block in found.blocks].count("pad") == 2
    assert all(block.residual for block in found.blocks)
    assert found.pooled == ":avg_pool2d"
    assert rows(found)[:9] == [
        "input", "conv1", ":relu", "layer1.0.conv1", "layer1.0:relu#1", "layer1.0.conv2", "layer1.0:add",
        "layer1.0:relu#2", "layer1.0",
    ]  # fmt: skip
    stem = layer(found, "conv1")
    assert (stem.shape, stem.input_shape, stem.kernel, stem.stride) == ((16, 32, 32), (3, 32, 32), (3, 3), (1, 1))
    assert (stem.groups, stem.dilation, stem.expands_from, stem.macs) == (1, (1, 1), 3, 3 * 16 * 9 * 1024)
    assert layer(found, "layer2.0.conv1").stride == (2, 2)
    assert layer(found, "layer1.0").same_as == "layer1.0:relu#2"
    assert layer(found, "layer1.0:add").kind == "branch"
    assert found.blocks[1].input == "layer1.0"
    assert found.blocks[3].layers == (
        "layer2.0.conv1", "layer2.0:relu#1", "layer2.0.conv2", "layer2.0:add", "layer2.0:relu#2"
    )  # fmt: skip


def test_a_module_called_twice_has_two_rows_and_counts_its_weights_once() -> None:
    found = record(tiny.fill(tiny.Loop()), (2, 5, 5))
    assert rows(found, "conv", "activation") == ["loop#1", "act#1", "loop#2", "act#2"]
    assert [(row.parameters, row.parameters_used, row.macs) for row in found.layers if row.kind == "conv"] == [
        (38, 38, 900), (0, 38, 900)
    ]  # fmt: skip
    assert (found.totals.parameters, found.totals.parameters_used) == (38, 76)
    found = record(tiny.fill(tiny.LoopBlock()), (2, 5, 5))
    assert [block.name for block in found.blocks] == ["body#1", "body#2"]
    assert "body#2:relu#1" in rows(found)
    assert "body.conv1#2" in found.blocks[1].layers


def test_tied_weights_count_once() -> None:
    net = tiny.fill(tiny.Tied())
    found = record(net, (3,))
    assert [(row.name, row.parameters, row.parameters_used) for row in found.layers if row.kind == "linear"] == [
        ("first", 12, 12), ("second", 3, 12)
    ]  # fmt: skip
    assert (found.totals.parameters, found.totals.parameters_used) == (15, 24)
    # Tied by hand: two parameters over the same memory.
    net.second.weight = nn.Parameter(torch.zeros(3, 3))
    net.second.weight.data = net.first.weight.data
    for meta in (True, False):
        assert describe(trace(net, (3,), meta)).totals.parameters == 15


def test_convolutions_with_children() -> None:
    found = record(nn.Sequential(tiny.PaddedConv(3, 4), tiny.ActivatedConv(4, 2)), (3, 5, 5))
    assert [(row.name, row.kind, row.type) for row in found.layers if row.kind != "block"][1:] == [
        ("0", "conv", "PaddedConv"), ("1", "conv", "ActivatedConv"), ("1.act", "activation", "ReLU")
    ]  # fmt: skip
    assert layer(found, "0").macs == 25 * 4 * 3 * 9


def test_depthwise() -> None:
    found = record(tiny.depthwise(), (3, 5, 5))
    convs = [row for row in found.layers if row.kind == "conv"]
    assert [(row.parameters, row.macs, row.groups, row.expands_from) for row in convs] == [
        (18, 450, 1, 3), (54, 1350, 6, 6), (24, 600, 1, 6)
    ]  # fmt: skip


def test_squeeze_and_excite() -> None:
    found = record(tiny.fill(tiny.SqueezeExcite()), (3, 5, 5))
    assert rows(found, "conv") == ["conv", "reduce", "expand"]
    assert rows(found, "activation") == ["act", ":relu", ":sigmoid"]
    assert layer(found, ":sigmoid").shape == (4, 1, 1)
    assert layer(found, "act").type == "Swish"
    assert found.pooled == ""
    assert [block.name for block in found.blocks] == [":unit"]


def test_a_kernel_computed_in_forward() -> None:
    found = record(tiny.fill(tiny.Generated()), (2, 5, 5))
    assert rows(found, "conv", "activation") == [":conv2d#1", ":relu#1", ":conv2d#2", ":relu#2"]
    first, second = (layer(found, name) for name in (":conv2d#1", ":conv2d#2"))
    assert (first.parameters, first.parameters_used, second.parameters, second.parameters_used) == (12, 36, 0, 36)
    assert first.kernel == (3, 3)
    assert found.totals.macs == 2 * 900 + 36 * 12
    assert any("432 multiply-adds" in note for note in found.notes)


def test_flatten_feeds_the_classifier() -> None:
    found = record(tiny.fill(tiny.FlattenToLinear()), (1, 6, 6))
    assert (found.pooled, layer(found, ":flatten").shape) == (":flatten", (32,))
    assert layer(found, "conv").expands_from == 1


def test_shortcut_added_to_some_channels() -> None:
    for in_place in (True, False):
        found = record(tiny.fill(tiny.SlicedShortcut(in_place)), (3, 5, 5))
        (block,) = found.blocks
        assert (block.name, block.shortcut, block.input, block.residual) == ("body", "partial", "stem", True)
        branch = layer(found, "body:add")
        assert (branch.shape, branch.same_as) == ((6, 3, 3), "body.project")
        assert layer(found, "body").shape == (6, 3, 3)
        assert not layer(found, "body").same_as


def test_in_place_network() -> None:
    found = record(tiny.fill(tiny.InPlace()), (2, 5, 5))
    assert rows(found) == ["input", "conv1", "relu", "conv2", ":add", ":relu", ":block"]
    assert layer(found, ":add").same_as == "conv2"
    assert layer(found, ":block").same_as == ":relu"


# ---- blocks ----------------------------------------------------------------------------------------------------------


class Adder(nn.Module):
    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a + b


class WithAdder(nn.Module):
    """A block whose addition is a module of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.adder, self.act = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), Adder(), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.adder(x, self.norm(self.conv(x))))


class InRoot(nn.Module):
    """Branches are modules, sums are made by the network itself; then a norm that belongs to no block."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Sequential(nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1)) for _ in range(2))
        self.norm, self.act = nn.BatchNorm2d(4), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = x + block(x)
        return self.act(self.norm(x))


class ThreeWay(nn.Module):
    """3 x 3 + 1 x 1 + norm of the input: one sum of three, as in RepVGG."""

    def __init__(self) -> None:
        super().__init__()
        self.dense, self.point, self.norm = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.dense(x) + self.point(x) + self.norm(x))


class TwoTowers(nn.Module):
    """Two equal branches: neither is the shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.left(x) + self.right(x))


class Lateral(nn.Module):
    """A pyramid: the sum joins tensors whose way lies outside the module that adds."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        return self.a(low) + self.b(high)


class Pyramid(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.top = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()), Lateral()

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(x)
        return self.top(x, self.body(x))


class Attention(nn.Module):
    """Two residual sums in one module, the first around plain matrix products."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(2)
        x = x + (torch.softmax(tokens @ tokens.transpose(1, 2), -1) @ tokens).view(x.shape)
        return x + self.conv(x)


@pytest.mark.parametrize(
    ("net", "blocks"),
    [
        (nn.Sequential(WithAdder(), WithAdder()), [("0", "identity", "0.act"), ("1", "identity", "1.act")]),
        (InRoot(), [(":block#1", "identity", ""), (":block#2", "identity", "")]),
        (nn.Sequential(ThreeWay()), [("0", "scaled", "0:relu")]),
        (nn.Sequential(TwoTowers()), [("0", "", "0:relu")]),
        (Pyramid(), []),
        (nn.Sequential(Attention()), [("0:block#1", "identity", ""), ("0:block#2", "identity", "")]),
    ],
    ids=["adder module", "sums in the root", "sum of three", "two towers", "pyramid", "attention"],
)
def test_blocks(net: nn.Module, blocks: list[tuple[str, str | None, str]]) -> None:
    found = record(tiny.fill(net), (4, 6, 6))
    names = [(b.name, b.shortcut if b.residual else None, layer(found, b.name).same_as) for b in found.blocks]
    assert names == blocks


def test_branches() -> None:
    assert rows(record(TwoTowers(), (4, 6, 6)), "branch") == [":add.0", ":add.1"]
    found = record(nn.Sequential(ThreeWay()), (4, 6, 6))
    assert [(row.name, row.same_as) for row in found.layers if row.kind == "branch"] == [
        ("0:add#1", "0.dense"), ("0:add#2", "")
    ]  # fmt: skip
    found = record(nn.Sequential(Attention()), (4, 6, 6))
    assert [(row.name, row.same_as) for row in found.layers if row.kind == "branch"] == [
        ("0:add#1", ""), ("0:add#2", "0.conv")
    ]  # fmt: skip


def test_repeated_modules_are_blocks_where_nothing_is_added() -> None:
    class Unit(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)

        def forward(self, x: Tensor) -> Tensor:
            return torch.tanh(self.two(torch.tanh(self.one(x))))

    found = record(nn.Sequential(nn.Conv2d(3, 4, 1), Unit(), nn.Sequential(Unit(), nn.MaxPool2d(2))), (3, 4, 4))
    assert [(block.name, block.residual, block.input) for block in found.blocks] == [
        ("1", False, "0"),
        ("2.0", False, "1"),
    ]
    body = [nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 1), nn.ReLU()) for _ in range(3)]
    found = record(nn.Sequential(*body), (4, 4, 4))
    assert [block.name for block in found.blocks] == ["0", "1", "2"]
    found = record(tiny.plain_chain(depth=4), (3, 8, 8))
    assert [block.name for block in found.blocks] == [f":unit#{k}" for k in (1, 2, 3, 4)]
    assert [layer(found, block.name).same_as for block in found.blocks] == ["2", "5", "8", "11"]


# ---- odd things ------------------------------------------------------------------------------------------------------


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


# ---- known networks --------------------------------------------------------------------------------------------------

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
