"""What cannot be followed is locked with operation, module and reason: never an error, never a guess."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from analysis.coupling.analysis import Anatomy
from analysis.problems import AnalysisError
from analysis.surgery.dissecting import dissect
from analysis.surgery.editing import edit
from tests.width_nets import by_variable, doubled, narrowed, sizes

pytestmark = pytest.mark.usefixtures("one_thread")

SHAPE = (3, 8, 8)
ALL = {"one", "free", "two"}


class Net(nn.Module):
    """Three convolutions; what is between the second and the third is the trap."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.free, self.two = nn.Conv2d(3, 6, 1), nn.Conv2d(6, 8, 3, padding=1), nn.Conv2d(8, 5, 1)
        self.last = nn.Linear(5, 4)

    def inner(self, x: Tensor) -> Tensor:
        return x

    def forward(self, x: Tensor) -> Tensor:
        x = self.inner(F.relu(self.free(self.one(x))))
        found: Tensor = self.last(F.relu(self.two(x)).mean((2, 3)))
        return found


# ---- control flow that depends on the picture ------------------------------------------------------------------------


class ChoosesByItem(Net):
    def inner(self, x: Tensor) -> Tensor:
        return x * 2 if x[0, 0, 0, 0].item() > 0 else x


class ChoosesByTruth(Net):
    def inner(self, x: Tensor) -> Tensor:
        return x.tanh() if (x.mean((2, 3)) > 0.1).any() else x


class Repeats(Net):
    def inner(self, x: Tensor) -> Tensor:
        while x.abs().max() > 1:
            x = x / 2
        return x


class Counts(Net):
    def inner(self, x: Tensor) -> Tensor:
        return x * (1 + int((x.amax((0, 2, 3)) > 0).sum()))


class TwoWays(Net):
    """Another picture goes through a layer that the recorded one never met."""

    def __init__(self) -> None:
        super().__init__()
        self.dark, self.bright = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        way = self.bright if x.mean() > 0 else self.dark
        return self.last(F.relu(self.two(way(F.relu(self.free(self.one(x)))))).mean((2, 3)))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("kind", "operation"),
    [(ChoosesByItem, "item"), (ChoosesByTruth, "bool"), (Repeats, "bool"), (Counts, "int"), (TwoWays, "bool")],
)
def test_control_flow_by_numbers_locks_everything_it_may_reach(kind: type[Net], operation: str) -> None:
    groups = dissect(kind().eval(), SHAPE).groups
    assert groups.free == ()
    for group in groups.groups:
        if group.name != "last":
            assert f"what is computed depends on the numbers of the picture: {operation} in the network" in group.reason


class Chooser(nn.Module):
    """A module that chooses inside; around it nothing is hidden."""

    def __init__(self) -> None:
        super().__init__()
        self.mild, self.strong = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.strong(x) if x.sum() > 0 else self.mild(x)
        return found


class Gate(nn.Module):
    """Hands the decision to the module around it."""

    def forward(self, x: Tensor) -> bool:
        return bool(x.mean() > 0)


class Inside(Net):
    def __init__(self) -> None:
        super().__init__()
        self.chooser = Chooser()

    def inner(self, x: Tensor) -> Tensor:
        found: Tensor = self.chooser(x)
        return found


class Gated(Net):
    def __init__(self) -> None:
        super().__init__()
        self.gate, self.dark, self.bright = Gate(), nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1)

    def inner(self, x: Tensor) -> Tensor:
        found: Tensor = self.bright(x) if self.gate(x) else self.dark(x)
        return found


def pictures() -> list[Tensor]:
    """Bright and dark ones, so that every way is gone."""
    made = torch.randn(6, 2, *SHAPE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return [picture + shift for picture, shift in zip(made, (-3, -1, 0, 0, 1, 3), strict=True)]


def worst(found: Anatomy, net: nn.Module) -> float:
    edited = edit(net, found, doubled(found))
    with torch.no_grad():
        return max(float((edited(picture) - net(picture)).abs().max()) for picture in pictures())


def test_only_the_module_that_chooses_is_locked() -> None:
    torch.manual_seed(0)
    net = Inside().double().eval()
    found = dissect(net, SHAPE)
    assert {group.name for group in found.groups.free} == {"one", "two"}
    reasons = {group.name: group.reason for group in found.groups.groups if group.locked}
    assert "depends on the numbers of the picture: bool in chooser" in reasons["free"]
    ways: list[bool] = []
    net.chooser.register_forward_hook(lambda module, args, output: ways.append(bool(args[0].sum() > 0)))
    with torch.no_grad():
        net.free.bias -= 1  # so that some pictures come out dark
    assert worst(found, net) < 1e-12
    assert set(ways) == {True, False}


def test_a_decision_that_is_handed_out_locks_the_module_around() -> None:
    groups = dissect(Gated().eval(), SHAPE).groups
    assert groups.free == ()
    assert "bool in the network" in groups.groups[0].reason


def test_numbers_of_buffers_decide_alike_for_every_picture() -> None:
    class Flagged(Net):
        flag: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("flag", torch.tensor(1.0))

        def inner(self, x: Tensor) -> Tensor:
            return x.tanh() if self.flag > 0 else x

    net = Flagged().double().eval()
    found = dissect(net, SHAPE)
    assert {group.name for group in found.groups.free} == ALL
    assert worst(found, net) < 1e-12


# ---- operations without a rule ---------------------------------------------------------------------------------------


class Sorts(Net):
    def inner(self, x: Tensor) -> Tensor:
        return torch.sort(x, 1).values


class Accumulates(Net):
    def inner(self, x: Tensor) -> Tensor:
        return torch.cumsum(x, 1)


class Sums(Net):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.eye(8))

    def inner(self, x: Tensor) -> Tensor:
        return torch.einsum("bchw,cd->bdhw", x, self.weight)


class Stacks(Net):
    def inner(self, x: Tensor) -> Tensor:
        return torch.stack([x[:, place] * (place + 1) for place in range(x.shape[1])], 1)


class Attends(Net):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def inner(self, x: Tensor) -> Tensor:
        tokens = x.flatten(2).transpose(1, 2)
        return self.attention(tokens, tokens, tokens)[0].transpose(1, 2).reshape(x.shape)  # type: ignore[no-any-return]


class AttendsPlainly(Net):
    def inner(self, x: Tensor) -> Tensor:
        tokens = x.flatten(2).transpose(1, 2)
        return F.scaled_dot_product_attention(tokens, tokens, tokens).transpose(1, 2).reshape(x.shape)


UNKNOWN = {
    Sorts: "sort in the network",
    Accumulates: "cumsum in the network",
    Sums: "einsum in the network",
    Stacks: "stack in the network",
    Attends: "multi_head_attention_forward in attention",
    AttendsPlainly: "scaled_dot_product_attention in the network",
}


@pytest.mark.parametrize("kind", UNKNOWN)
def test_an_operation_without_a_rule_locks_what_meets_it(kind: type[Net]) -> None:
    torch.manual_seed(0)
    net, words = kind().double().eval(), UNKNOWN[kind]
    found = dissect(net, SHAPE)
    assert {group.name for group in found.groups.free} == {"one", "two"}
    locked = found.groups.groups[found.groups.index("free")]
    assert locked.reason == f"unknown operation {words.split(' ')[0]}: {words}"
    assert locked.reason in found.groups.notes
    assert worst(found, net) < 1e-12  # what is left is still exact
    copies = by_variable(found, sizes(found, 0.3, 1.0))
    assert narrowed(net, found, SHAPE, sizes(found, 0.3, 1.0))[1] < 1e-12
    copies[found.coupling.locked] = 2
    with pytest.raises(AnalysisError, match="locked channel"):
        edit(net, found, copies)


# ---- where the copy without numbers does not run ---------------------------------------------------------------------


class NeedsNumbers(nn.Module):
    """As networks with tables, numpy or C extensions do."""

    def forward(self, x: Tensor) -> Tensor:
        if x.is_meta:
            raise NotImplementedError("no numbers here")
        return x * 2


class Numpy(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.from_numpy(np.sort(x.detach().numpy(), axis=1))


class WithChild(Net):
    def __init__(self, child: nn.Module) -> None:
        super().__init__()
        self.child = child

    def inner(self, x: Tensor) -> Tensor:
        found: Tensor = self.child(x)
        return found


@pytest.mark.parametrize("side", [8, 64])
def test_a_network_that_needs_numbers_is_recorded_with_numbers(side: int) -> None:
    """Small pictures are recorded with numbers at once, large ones after the copy without them has failed."""
    torch.zeros(1, device="meta").add(1)
    net = WithChild(NeedsNumbers()).double().eval()
    found = dissect(net, (3, side, side))
    assert {group.name for group in found.groups.free} == ALL
    assert worst(found, net) < 1e-12


def test_numbers_that_leave_torch_lock_everything() -> None:
    groups = dissect(WithChild(Numpy()).eval(), SHAPE).groups
    assert groups.free == ()
    assert "numbers leave torch and come back" in groups.groups[0].reason
    assert "What child computes cannot be recorded." in groups.notes


# ---- forwards that hold a size and cannot be read --------------------------------------------------------------------


class SizeBehindABranch(Net):
    """A size in a view, in a forward that branches: it cannot be rewritten, so what reaches it is locked."""

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[0] > 64:
            raise ValueError("too many at once")
        x = F.relu(self.free(self.one(x)))
        return self.last(F.relu(self.two(x)).mean((2, 3)).view(-1, 5))  # type: ignore[no-any-return]


def test_a_size_that_cannot_be_rewritten_locks_what_reaches_it() -> None:
    torch.manual_seed(0)
    net = SizeBehindABranch().double().eval()
    found = dissect(net, SHAPE)
    reasons = {group.name: group.reason for group in found.groups.groups if group.locked}
    assert "a size is written into the forward pass: view in the network" in reasons["two"]
    assert {group.name for group in found.groups.free} <= {"one", "free"}
    assert worst(found, net) < 1e-12
