"""Width groups of small networks with one trap each: what is tied, what is locked and why, exact edits of the rest."""

from __future__ import annotations

import gc
import warnings
import weakref
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from analysis.coupling.layout import arranged
from analysis.coupling.union import classes_of
from analysis.measures.widths.description import WidthGroups, from_bytes, to_bytes
from analysis.surgery.dissecting import dissect
from analysis.surgery.editing import edit, rewritten_modules, whole
from tests import tiny
from tests.width_nets import by_variable, difference, doubled, masked, narrowed, randomised, sizes, widened

pytestmark = pytest.mark.usefixtures("one_thread")

SHAPE = (3, 8, 8)
EXACT = 1e-12


def conv(inputs: int, outputs: int, size: int = 1, **options: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, padding=size // 2, **options)  # type: ignore[arg-type]


def head(x: Tensor) -> Tensor:
    return x.mean((2, 3))


def swish(x: Tensor) -> Tensor:
    return x * torch.sigmoid(x)


class Scripted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = conv(3, 6), conv(6, 4)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecated, and still in use
            self.scripted = torch.jit.script(swish)

    def forward(self, x: Tensor) -> Tensor:
        return head(self.two(self.scripted(self.one(x))))


class LeavesTorch(nn.Module):
    """A detour over numpy."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = conv(3, 6), conv(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        return head(self.two(torch.from_numpy(np.tanh(self.one(x).detach().numpy()))))


class Twice(nn.Module):
    """A convolution called twice: its output is its input."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.loop, self.last = conv(3, 8), conv(8, 8, 3), conv(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for _ in range(2):
            x = F.relu(self.loop(x))
        return head(self.last(x))


class Tied(nn.Module):
    """Two layers with one weight."""

    def __init__(self, through_data: bool = False) -> None:
        super().__init__()
        self.stem, self.a, self.b, self.last = conv(3, 8), conv(8, 8), conv(8, 8), conv(8, 4)
        if through_data:
            self.double()  # a later conversion would part them
            self.b.weight.data = self.a.weight.data
        else:
            self.b.weight = self.a.weight

    def forward(self, x: Tensor) -> Tensor:
        return head(self.last(F.relu(self.b(F.relu(self.a(self.stem(x)))))))


class Transposed(nn.Module):
    """W and its transpose."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.code, self.last = conv(3, 8), nn.Linear(8, 5), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        code = F.relu(self.code(head(self.stem(x))))
        return self.last(F.linear(code, self.code.weight.t()))


def row(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.branch, self.last = conv(3, 8), conv(8, 8, 3), conv(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x += self.branch(F.relu(x))
        return head(self.last(x))


class Gated(nn.Module):
    """GLU by chunk: the halves move together."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = conv(3, 8), conv(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.one(x).chunk(2, 1)
        return head(self.two(a * b.sigmoid()))


class Radix(nn.Module):
    """A sum over the first half of a split channel axis."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = conv(3, 8), conv(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.one(x))
        b, c, h, w = x.shape
        return head(self.two(x.view(b, 2, c // 2, h, w).sum(1)))


class SelfJoined(nn.Module):
    """A tensor joined with itself."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = conv(3, 5), conv(10, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.one(x))
        return head(self.two(torch.cat([x, x], 1)))


class Permuted(nn.Module):
    """A map flattened with the channels last."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = conv(3, 5), nn.Linear(5 * 64, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.two(F.relu(self.one(x)).permute(0, 2, 3, 1).flatten(1))


class Flattened(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = conv(3, 5), nn.Linear(5 * 64, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.two(torch.flatten(F.relu(self.one(x)), 1))


class LiteralView(nn.Module):
    """A width written into a view: doubled, it would double the batch without an error."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = conv(3, 6), nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.two(head(F.relu(self.one(x))).view(-1, 6))


class IdentitySlice(nn.Module):
    """A slice that takes everything, until the layer is wider."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = conv(3, 6), conv(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        return head(self.two(F.relu(self.one(x))[:, :6]))


class PartialShortcut(nn.Module):
    """ReXNet's shortcut: the input is added to the first channels."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.branch, self.last = conv(3, 5), conv(5, 8), conv(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.branch(F.relu(x))
        return head(self.last(F.relu(torch.cat([y[:, :5] + x, y[:, 5:]], 1))))


class PaddedShortcut(nn.Module):
    """Option A of the CIFAR ResNets, twice."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.a, self.b, self.last = conv(3, 4), conv(4, 8), conv(8, 12), conv(12, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = F.relu(self.a(x) + F.pad(x, (0, 0, 0, 0, 2, 2)))
        x = F.relu(self.b(x) + F.pad(x, (0, 0, 0, 0, 2, 2)))
        return head(self.last(x))


class Generated(nn.Module):
    """A kernel computed in the forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = conv(3, 6), conv(6, 4)
        self.kernel = nn.Parameter(torch.randn(6, 6, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.one(x))
        return head(self.two(F.relu(F.conv2d(x, self.kernel * 2))))


class ChannelConv(nn.Module):
    """ECA: a convolution that runs over the channels."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.eca, self.two = conv(3, 6), nn.Conv1d(1, 1, 3, padding=1, bias=False), conv(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.one(x))
        gate = self.eca(head(x).unsqueeze(1)).sigmoid().transpose(1, 2).unsqueeze(-1)
        return head(self.two(x * gate))


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.qkv, self.two = conv(3, 6), nn.Linear(6, 18), nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.one(x).flatten(2).transpose(1, 2)
        q, k, v = self.qkv(x).chunk(3, -1)
        return self.two((torch.softmax(q @ k.transpose(1, 2), -1) @ v).mean(1))


class Arithmetic(nn.Module):
    """A width as a number."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = conv(3, 6), conv(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.one(x))
        return head(self.two(x / x.shape[1] ** 0.5))


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = conv(3, 6), conv(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.one(x)
        if x.shape[1] > 8:
            x = x.tanh()
        return head(self.two(x))


class PlainTensor(nn.Module):
    """A tensor that is neither parameter nor buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = conv(3, 6), conv(6, 4)
        self.scale = torch.linspace(1, 2, 6, dtype=torch.float64).reshape(1, 6, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return head(self.two(self.one(x) * self.scale))


class LayerScale(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = conv(3, 6), conv(6, 4)
        self.gamma = nn.Parameter(torch.rand(6) + 0.5)

    def forward(self, x: Tensor) -> Tensor:
        return head(self.two(F.relu(self.one(x) * self.gamma.view(1, -1, 1, 1))))


class Everything(nn.Module):
    """A mean over all channels at once."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = conv(3, 6), conv(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.one(x)
        return head(self.two(x * x.mean(1, keepdim=True).sigmoid()))


@dataclass(frozen=True)
class Case:
    """A network, the widths of its free groups with their steps, and words that its locks must contain."""

    make: Callable[[], nn.Module]
    free: dict[str, tuple[int, int]]
    locked: tuple[str, ...] = ()
    rewritten: int = 0


CASES = {
    "residual": Case(Residual, {"stem": (8, 1)}),
    "called twice": Case(Twice, {"stem": (8, 1)}),
    "tied": Case(Tied, {"stem": (8, 1)}),
    "tied through data": Case(lambda: Tied(True), {"stem": (8, 1)}),
    "transposed": Case(Transposed, {}, ("code.weight is computed in the forward pass",)),
    "depthwise": Case(lambda: row(conv(3, 6), conv(6, 6, 3, groups=6), nn.ReLU(), conv(6, 4)), {"0": (6, 1)}),
    "multiplier": Case(lambda: row(conv(3, 6), conv(6, 12, 3, groups=6), nn.ReLU(), conv(12, 4)), {"0": (6, 1)}),
    "16 to 8 in 8 groups": Case(lambda: row(conv(3, 16), conv(16, 8, groups=8), nn.ReLU(), conv(8, 4)), {"0": (16, 2)}),
    "uneven groups": Case(
        lambda: row(conv(3, 6), nn.ReLU(), conv(6, 12, groups=3), nn.ReLU(), conv(12, 4)),
        {"0": (6, 3), "2": (12, 3)},
    ),
    "group norm": Case(lambda: row(conv(3, 12), nn.GroupNorm(3, 12), nn.ReLU(), conv(12, 4)), {"0": (12, 4)}),
    "instance norm": Case(lambda: row(conv(3, 6), nn.InstanceNorm2d(6), nn.ReLU(), conv(6, 4)), {"0": (6, 1)}),
    "instance norm with weights": Case(
        lambda: row(conv(3, 6), nn.InstanceNorm2d(6, affine=True, track_running_stats=True), conv(6, 4)), {"0": (6, 1)}
    ),
    "slopes": Case(lambda: row(conv(3, 6), nn.PReLU(6), conv(6, 4)), {"0": (6, 1)}),
    "one slope": Case(lambda: row(conv(3, 6), nn.PReLU(), conv(6, 4)), {"0": (6, 1)}),
    "transposed convolution": Case(
        lambda: row(conv(3, 6), nn.ConvTranspose2d(6, 5, 2, 2), nn.BatchNorm2d(5), conv(5, 4)),
        {"0": (6, 1), "1": (5, 1)},
    ),
    "gated": Case(Gated, {"one": (8, 2)}),
    "radix sum": Case(Radix, {"one": (8, 2)}, (), 1),
    "joined with itself": Case(SelfJoined, {"one": (5, 1)}),
    "permuted": Case(Permuted, {"one": (5, 1)}),
    "flattened": Case(Flattened, {"one": (5, 1)}),
    "literal view": Case(LiteralView, {"one": (6, 1)}, (), 1),
    "identity slice": Case(IdentitySlice, {"one": (6, 1)}, (), 1),
    "partial shortcut": Case(PartialShortcut, {"stem": (5, 1), "branch": (3, 1)}, (), 1),
    "padded shortcuts": Case(PaddedShortcut, {"stem": (4, 1), "a": (8, 1), "b": (12, 1)}, (), 1),
    "shuffle": Case(lambda: row(conv(3, 6), nn.ChannelShuffle(2), nn.ReLU(), conv(6, 4)), {"0": (6, 1)}, (), 1),
    "layer scale": Case(LayerScale, {"one": (6, 1)}),
    "generated kernel": Case(Generated, {}, ("its kernel is computed in the forward pass: conv2d",)),
    "channel convolution": Case(ChannelConv, {}, ("eca",)),
    "attention": Case(Attention, {"one": (6, 1)}, ("matmul",)),
    "scripted": Case(Scripted, {"one": (6, 1)}),
    "leaves torch": Case(LeavesTorch, {}, ("numbers leave torch and come back",)),
    "arithmetic": Case(Arithmetic, {}, ("computes with a width: div",)),
    "branching": Case(Branching, {}, ("computes with a width",)),
    "plain tensor": Case(PlainTensor, {}, ("meets a tensor of unknown channels: mul",)),
    "mean over all": Case(Everything, {}, ("mixes all channels: mean",)),
    "weight norm": Case(
        lambda: row(nn.utils.parametrizations.weight_norm(conv(3, 6)), conv(6, 4)),
        {},
        ("computed in the forward pass",),
    ),
    "one channel": Case(lambda: row(conv(3, 1), nn.ReLU(), conv(1, 4)), {}, ("a single channel",)),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_tied_and_what_is_locked(case: Case) -> None:
    torch.manual_seed(0)
    net = randomised(case.make())
    before = tiny.state_of(net)
    found = dissect(net, SHAPE)
    assert tiny.state_of(net) == before
    assert {group.name: (group.width, group.step) for group in found.groups.free} == case.free
    reasons = " ".join(group.reason for group in found.groups.groups)
    for words in case.locked:
        assert words in reasons
    for group in found.groups.groups:
        assert bool(group.reason) == group.locked
        makers = {member.layer for member in group.members if member.side in ("out", "depth")}
        assert len(makers) < 2 or group.why
    assert from_bytes(to_bytes(found.groups)) == found.groups


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.free])
def test_edits_are_exact(name: str) -> None:
    torch.manual_seed(0)
    net = randomised(CASES[name].make())
    found = dissect(net, SHAPE)
    assert difference(edit(net, found, whole(found)), net, SHAPE) == 0
    edited, gain = widened(net, found, SHAPE, doubled(found))
    assert gain < EXACT
    assert len(rewritten_modules(edited)) == CASES[name].rewritten
    for seed in range(3):
        assert narrowed(net, found, SHAPE, sizes(found, 0.3, 1.0, seed))[1] < EXACT
        assert widened(net, found, SHAPE, by_variable(found, sizes(found, 1.0, 3.0, seed), seed))[1] < EXACT


def test_both_at_once() -> None:
    net = randomised(PartialShortcut())
    found = dissect(net, SHAPE)
    copies = np.where(found.coupling.locked, 1, 2)
    free = np.flatnonzero(~found.coupling.locked)
    copies[free[::3]] = 0
    edited = edit(net, found, copies)
    assert difference(edited, masked(net, found, copies), SHAPE) < EXACT


def test_padded_shortcuts_move_separately() -> None:
    """Loose pads: three stages with three widths; a dropped source channel is a zero in the shortcut."""
    net = randomised(PaddedShortcut())
    found = dissect(net, SHAPE)
    assert {group.name: group.width for group in found.groups.free} == {"stem": 4, "a": 8, "b": 12}
    assert len(found.groups.clusters) == 3
    for seed in range(3):
        copies = by_variable(found, sizes(found, 1.0, 3.0, seed), seed)
        assert widened(net, found, SHAPE, copies)[1] < EXACT
    copies = whole(found)
    stem = np.flatnonzero(found.grouping.group == found.groups.index("stem"))
    copies[stem[:2]] = 0
    edited = edit(net, found, copies)
    by_hand = randomised(PaddedShortcut())
    by_hand.load_state_dict(net.state_dict())
    with torch.no_grad():
        by_hand.stem.weight[:2], by_hand.stem.bias[:2] = 0, 0  # type: ignore[index]
    assert difference(edited, by_hand, SHAPE) < EXACT


def test_ties_stay_ties() -> None:
    net = randomised(Tied())
    found = dissect(net, SHAPE)
    edited = edit(net, found, doubled(found))
    assert edited.a.weight is edited.b.weight
    assert sum(parameter.numel() for parameter in edited.parameters()) == 3 * 16 + 16 + 256 + 2 * 16 + 16 * 4 + 4


def test_a_layer_more_changes_no_class() -> None:
    """Nothing depends on counts over the whole network."""

    class More(PartialShortcut):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x.clone() * 1.0)

    one, other = dissect(PartialShortcut(), SHAPE), dissect(More(), SHAPE)
    assert np.array_equal(one.coupling.classes, other.coupling.classes)
    assert one.groups.structure == other.groups.structure


def test_half_precision() -> None:
    net = Residual().half()
    assert [group.name for group in dissect(net, SHAPE).groups.free] == ["stem"]


def test_nothing_is_kept_alive() -> None:
    net = Residual()
    found = dissect(net, SHAPE).groups
    gone = weakref.ref(net)
    del net
    gc.collect()
    assert gone() is None
    assert isinstance(found, WidthGroups)


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=40))
def test_union_find_equals_a_search(edges: list[tuple[int, int]]) -> None:
    first, second = (np.array([edge[side] for edge in edges], dtype=np.int64) for side in (0, 1))
    found = classes_of(20, first, second)
    groups = [{node} for node in range(20)]
    for a, b in edges:
        one, other = (next(group for group in groups if node in group) for node in (a, b))
        if one is not other:
            one |= other
            groups.remove(other)
    groups.sort(key=min)
    assert [np.flatnonzero(found == number).tolist() for number in range(len(groups))] == [sorted(g) for g in groups]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.lists(st.integers(0, 3), min_size=4, max_size=4))
def test_arranging_copies_runs(classes: list[int], copies: list[int]) -> None:
    expected: list[tuple[int, int]] = []
    start = 0
    while start < len(classes):
        end = start
        while end < len(classes) and classes[end] == classes[start]:
            end += 1
        for copy in range(copies[classes[start]]):
            expected += [(place, copy) for place in range(start, end)]
        start = end
    index, number = arranged(np.array(classes), np.array(copies))
    assert list(zip(index.tolist(), number.tolist(), strict=True)) == expected
