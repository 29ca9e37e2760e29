"""Conflicting bundles against a plain forward pass, and against the leader loop of the reference code."""

from __future__ import annotations

import copy
from collections.abc import Generator, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from analysis.bundling.keys import KeyReader, Ruler, on_grid, weight_amplitude
from analysis.bundling.plan import FACTORS, branches_of
from analysis.bundling.reading import Clock, Network, branch_scales, default_points, ids_of
from analysis.images import images_from
from analysis.measures.partitions import partition, summarise
from analysis.models import model_from
from analysis.networks import CifarResNet
from tests.benchmarks.pairs import Steps, alternate, alternate_steps, one_thread, report

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1800)]
COUNT, BATCH = 256, 64


def plain(net: nn.Module, batches: list[Tensor]) -> Iterator[None]:
    """One step before the first batch, as a run has that makes its readers; then one per batch; then one after."""
    yield
    for batch in batches:
        with torch.no_grad():
            net(batch)
        yield


def quietly(steps: Generator[object, None, Any]) -> Generator[object, None, Any]:
    """Take steps without gradients, and leave torch as it was in between: others have their turn there."""
    while True:
        try:
            with torch.no_grad():
                step = next(steps)
        except StopIteration as end:
            return end.value
        yield step


def bundles(net: nn.Module, pictures: Tensor, factors: tuple[float, ...], scaled: bool) -> Steps:
    """What the method does for one checkpoint: keys of all points, partitions, all numbers."""
    model = model_from(copy.deepcopy(net), (3, 32, 32))  # who waits for a turn still reads every pass of its network
    images = images_from(pictures, torch.arange(len(pictures)) % 10, model.net, BATCH)
    points = default_points(model.recording)
    assert images.labels is not None
    labels = images.labels

    def run() -> Generator[object, None, None]:
        network = Network(model, images, points, np.arange(len(pictures)), Clock(1))
        if scaled:
            network.scales = yield from quietly(branch_scales(network, branches_of(model, points)))
        ruler = Ruler(weight_amplitude(model.net)[0], 1e-3, 64)
        readers = network.readers(ruler, factors)
        yield
        yield from quietly(network.read(readers, ""))
        for reader in readers.values():
            for number in range(len(factors)):
                summarise(ids_of(reader, number), labels, 10)

    return run


def test_bundles_against_a_plain_forward() -> None:
    """CIFAR ResNet-20, all 20 points, 256 pictures of 32 x 32 in batches of 64."""
    torch.manual_seed(0)
    net = CifarResNet(20).eval()
    twin = copy.deepcopy(net)
    pictures = torch.randn(COUNT, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    batches = list(torch.split(pictures, BATCH))
    least = alternate_steps(
        {
            "plain forward": lambda: plain(twin, batches),
            "one tolerance": bundles(net, pictures, (1.0,), False),
            "five tolerances": bundles(net, pictures, FACTORS, False),
            "one tolerance, scaled branches": bundles(net, pictures, (1.0,), True),
        }
    )
    forward = least["plain forward"]
    ratios: dict[str, tuple[float, float | None]] = {
        "(one tolerance - forward) / forward": (least["one tolerance"] / forward - 1, 0.3),
        "(five tolerances - forward) / forward": (least["five tolerances"] / forward - 1, 1.0),
        "(scaled branches - forward) / forward": (least["one tolerance, scaled branches"] / forward - 1, None),
    }
    assert report(f"Conflicting bundles, ResNet-20, {COUNT} pictures, 20 points", least, ratios)


def leader_loop(values: Tensor, ruler: Ruler) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    """Bundles as the reference code finds them: every new leader is compared with all pictures."""
    rows = on_grid(values, ruler)
    ids = torch.full((len(rows),), -1, dtype=torch.int32)
    number = 0
    for place in range(len(rows)):
        if ids[place] < 0:
            ids[(rows == rows[place]).all(dim=1)] = number
            number += 1
    return ids.numpy()


def test_against_the_leader_loop() -> None:
    """2,048 pictures with 256 values each, in 50 bundles and all different; one thread."""
    random = torch.Generator().manual_seed(0)
    ruler = Ruler(1.5, 1e-3, 64)
    labels = np.arange(2048) % 10
    few = torch.randn(50, 256, generator=random)[torch.randint(50, (2048,), generator=random)]
    cases = {"50 bundles": (few, 10.0), "2,048 bundles": (torch.randn(2048, 256, generator=random), 100.0)}
    held = True
    for name, (values, bar) in cases.items():

        def ours(values: Tensor = values) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
            reader = KeyReader(len(values), ruler)
            reader.update(values, np.arange(len(values)))
            return partition(reader.keys[0], reader.finite)

        with one_thread():
            theirs = leader_loop(values, ruler)
            np.testing.assert_array_equal(ours(), theirs)
            assert summarise(ours(), labels, 10) == summarise(theirs, labels, 10)
        few_rounds = {"leader loop": lambda values=values: leader_loop(values, ruler)}
        least = alternate({"bundles": ours}) | alternate(few_rounds, rounds=1)
        ratio = least["bundles"] / least["leader loop"]
        held &= report(f"Bundles against the leader loop, {name}", least, {"bundles / leader loop": (ratio, 1 / bar)})
    assert held
