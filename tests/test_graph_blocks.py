"""Residual blocks, their branches and shortcuts, and repeated units, in recordings of small networks."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from analysis.graph import record
from tests import tiny
from tests.graph_nets import layer, rows

pytestmark = pytest.mark.usefixtures("one_thread")


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
