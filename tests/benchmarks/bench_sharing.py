"""Writing out the weights that a ring makes, and what a training step costs with one."""

from __future__ import annotations

import copy
import gc
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from analysis.networks import CifarResNet
from analysis.sharing import Sharing, banks_of, materialise, plan, share
from analysis.sharing.nets import RingBank
from tests.benchmarks.pairs import alternate, one_thread, report

pytestmark = [pytest.mark.benchmark, pytest.mark.zoo, pytest.mark.timeout(1800)]
RING = 512 * 512 * 9


@pytest.fixture(scope="module")
def shared() -> nn.Module:
    from torchvision.models import resnet18

    torch.manual_seed(0)
    net = resnet18().eval()
    return share(net, plan(net, Sharing(size=RING)), start="random")


def weights(dense: nn.Module, bank: RingBank) -> list[list[Tensor]]:
    parameters = dict(dense.named_parameters())
    return [[parameters[name]] for name in bank.bank.names]


def test_materialising(shared: nn.Module) -> None:
    """Layer by layer into tensors that exist, against one gather of the same size and its product with the signs."""
    (bank,) = banks_of(shared)
    assert (bank.bank.size, bank.bank.total) == (RING, 11_157_504)
    dense = materialise(shared)
    targets = weights(dense, bank)
    ring, index, sign = bank.ring.detach(), bank.index, bank.sign
    plain = torch.split(torch.index_select(ring, 0, index) * sign, list(bank.bank.sizes))
    for part, scale, (holder,) in zip(plain, bank.scale, targets, strict=True):
        assert torch.equal((part * scale).view(holder.shape), holder)
    least = alternate(
        {
            "index_select and signs": lambda: torch.index_select(ring, 0, index) * sign,
            "write, layer by layer": lambda: bank.write(targets),
            "whole copy of the network": lambda: materialise(shared),
        }
    )
    ratio = least["write, layer by layer"] / least["index_select and signs"]
    assert report(
        "Materialising ResNet-18 from a ring of 2,359,296",
        least,
        {"write / (index_select x sign), scales included": (ratio, 0.75)},
    )


def test_memory_of_materialising(shared: nn.Module) -> None:
    """What torch allocates while it writes: never more than the largest layer has."""
    (bank,) = banks_of(shared)
    dense = materialise(shared)
    targets = weights(dense, bank)
    largest = 4 * max(bank.bank.sizes)
    peak = allocated(lambda: bank.write(targets))
    print(f"\nMemory beside index, signs and the weights: {peak:,} bytes; largest layer {largest:,} bytes")
    assert peak <= largest


def allocated(work: Any) -> int:
    """Largest sum of bytes that torch holds at a time inside a call, beyond what it held before."""
    gc.collect()
    with torch.profiler.profile(profile_memory=True, activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        work()
    held = most = 0
    events = [e for e in profile.profiler.kineto_results.events() if e.name() == "[memory]"]
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        most = max(most, held)
    return most


def test_a_training_step_against_dense(shared: nn.Module) -> None:
    """Reported, no bar: making the kernels and gathering their gradients comes on top of a dense step."""
    from torchvision.models import resnet18

    torch.manual_seed(0)
    cases: dict[str, tuple[nn.Module, tuple[int, ...]]] = {"ResNet-18, 8 x 64 px": (resnet18(), (8, 3, 64, 64))}
    cases["CIFAR ResNet-20, 128 x 32 px"] = CifarResNet(20, "B"), (128, 3, 32, 32)
    for title, (net, shape) in cases.items():
        ring = share(net, plan(net, Sharing(0.2)), start="random", sigma=0.0)
        x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        least = alternate({"dense step": step(copy.deepcopy(net), x), "step with a ring": step(ring, x)}, rounds=9)
        ratio = least["step with a ring"] / least["dense step"]
        assert report(f"Training step, {title}, N / M = 0.2", least, {"ring / dense": (ratio, None)})
    with one_thread():
        (bank,) = banks_of(ring)
        state = sum(t.numel() for t in torch.optim.SGD([bank.ring], 0.1).param_groups[0]["params"])
    print(f"  momentum for the shared part: {state:,} numbers instead of {bank.bank.total:,}")


def step(net: nn.Module, x: Tensor) -> Any:
    net.train()
    optimiser = torch.optim.SGD(net.parameters(), 1e-4, momentum=0.9)
    y = torch.arange(len(x)) % 10

    def work() -> None:
        optimiser.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimiser.step()

    return work
