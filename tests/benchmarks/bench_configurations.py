"""The walk over configurations against the sum, over its nodes, of segment times of the naive sweep of the same run."""

from __future__ import annotations

import time
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from analysis.configuring.walk import Configuration, Flow, Walker, node_counts, scout
from analysis.geometry.reshape import shadow
from analysis.geometry.switches import Switches, default_points, plan_switches, points_of
from analysis.measures.configurations import FAMILIES, Option, Space, enumerate_space, options_of
from analysis.tracing.recorder import trace
from tests.benchmarks.pairs import one_thread, report
from tests.tiny import ResidualNet, fill

pytestmark = [pytest.mark.benchmark, pytest.mark.zoo, pytest.mark.timeout(3600)]
BAR = 1.10


class Timed(Walker):
    """Computes every configuration on its own and tells the CPU seconds of each segment.

    A segment is what depends on a switch point and on none after it. What passes between two operations counts for
    the later one, and what comes after the last for the last segment.
    """

    def __init__(self, net: nn.Module, switches: Switches, flow: Flow) -> None:
        super().__init__(net, switches, None)
        self.levels = flow.levels
        self.seconds = [0.0] * (len(switches.points) + 1)
        self.since = 0.0

    def step(self, at: int, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = super().step(at, func, args, kwargs)
        now = time.process_time()
        self.seconds[self.levels[at]] += now - self.since
        self.since = now
        return result

    def timed(self, pictures: Tensor, configuration: Configuration) -> tuple[Tensor, list[float]]:
        self.seconds = [0.0] * len(self.seconds)
        self.since = time.process_time()
        output = self.run(pictures, configuration)
        self.seconds[-1] += time.process_time() - self.since
        return output, self.seconds


def planned(net: nn.Module, family: str, side: int) -> tuple[Space, Switches]:
    seen = trace(net, (3, side, side))
    kind = Option.read(FAMILIES[family][0]).family
    points = points_of(seen, default_points(seen), kind)
    options = [options_of(point, FAMILIES[family]) for point in points]
    space = enumerate_space(points, options, (side, side), points[-1].output_map)
    return space, plan_switches(seen, points, options)


@pytest.mark.parametrize(
    ("name", "family", "side", "pictures", "rounds"),
    [
        ("ResNet-20", "dilation3", 32, 32, 9),
        ("ResNet-20", "stride_square", 32, 32, 9),
        ("ResNet-18", "dilation3", 224, 2, 9),
        ("ResNet-18", "stride_square", 224, 2, 9),
    ],
)
def test_walk_against_its_nodes(name: str, family: str, side: int, pictures: int, rounds: int) -> None:
    """Both sweeps take turns configuration by configuration; of each part the best round counts."""
    from torchvision.models import resnet18

    torch.manual_seed(0)
    net = resnet18().eval() if name == "ResNet-18" else fill(ResidualNet(repeats=3, width=16))
    space, switches = planned(net, family, side)
    x = torch.randn(pictures, 3, side, side, generator=torch.Generator().manual_seed(0))
    twin = shadow(net)
    with one_thread(), torch.no_grad():
        flow = scout(twin, switches, x)
        walker, naive = Walker(twin, switches, flow), Timed(twin, switches, flow)
        segments: dict[Configuration, float] = {}  # prefix to the least seconds of its last segment
        walked = [float("inf")] * len(space.configurations)
        whole = [float("inf")] * len(space.configurations)
        for turn in range(rounds + 1):
            walker.clear()
            for number, configuration in enumerate(space.configurations):
                begun = time.process_time()
                shared = walker.run(x, configuration)
                own = time.process_time() - begun
                alone, seconds = naive.timed(x, configuration)
                assert torch.equal(shared, alone)
                if turn:
                    walked[number] = min(walked[number], own)
                    whole[number] = min(whole[number], sum(seconds))
                    for length, spent in enumerate(seconds):
                        prefix = configuration[:length]
                        segments[prefix] = min(segments.get(prefix, float("inf")), spent)
    assert len(segments) == sum(node_counts(space.configurations))
    nodes = sum(segments.values())
    least = {"walk": sum(walked), "sum over nodes": nodes, "naive sweep": sum(whole)}
    ratios: dict[str, tuple[float, float | None]] = {
        "walk / sum over nodes": (least["walk"] / nodes, BAR),
        "naive sweep / walk": (least["naive sweep"] / least["walk"], None),
    }
    assert report(f"{len(space.configurations)} configurations, {name}, {side} px, {family}", least, ratios)
