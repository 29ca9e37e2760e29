"""The graph with joints: pools, concatenations and products between the rows, and what folded modules show."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from analysis import measure
from analysis.events import Chunk, Declared, Event, Started
from analysis.graph import Recording, record
from analysis.measures.architecture import Architecture, Shown, architecture_of, subtitle
from analysis.methods.structure import INFO
from analysis.result import Result
from tests import tiny
from tests.graph_nets import each_net, layer
from tests.test_graph_zoo import from_zoo

pytestmark = pytest.mark.usefixtures("one_thread")


class Dense(nn.Module):
    """Three layers of which each sees all earlier ones, joined at the end, as a dense block does."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Sequential(nn.ReLU(), nn.Conv2d(width + 2 * i, 2, 1)) for i in range(3))

    def forward(self, x: Tensor) -> Tensor:
        seen = [x]
        for inner in self.layers:
            seen.append(inner(torch.cat(seen, 1)))
        return torch.cat(seen, 1)


class Pooled(nn.Module):
    """Two ways, one of which only pools, as where inception networks halve their maps."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv, self.act = nn.Conv2d(width, 4, 3, stride=2), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.act(self.conv(x)), torch.nn.functional.max_pool2d(x, 3, 2)], 1)


class Net(nn.Module):
    """A stem, a pool, a dense block and a halving of the maps."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.pool = nn.Conv2d(3, 4, 1), nn.MaxPool2d(2)
        self.dense, self.halve, self.fc = Dense(4), Pooled(10), nn.Linear(14, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.halve(self.dense(self.pool(self.stem(x))))
        scores: Tensor = self.fc(nn.functional.adaptive_avg_pool2d(x, 1).flatten(1))
        return scores


def architecture(recording: Recording) -> Architecture:
    return Architecture(recording.layers, recording.flow, recording.joints)


def named(shown: Shown) -> set[tuple[str, str]]:
    return {(shown.nodes[a].name, shown.nodes[b].name) for a, b in shown.edges}


def without_joints(recording: Recording) -> set[tuple[int, int]]:
    """The edges with every joint passed through: each of its sources joined to each of its targets."""
    pairs, count = set(recording.flow), len(recording.layers)
    for joint in range(count, count + len(recording.joints)):
        sources = {a for a, b in pairs if b == joint}
        targets = {b for a, b in pairs if a == joint}
        pairs = {pair for pair in pairs if joint not in pair} | {(a, b) for a in sources for b in targets}
    return pairs


@each_net
def test_with_joints_passed_through_it_is_the_graph_of_the_rows(make: Any, shape: tuple[int, ...]) -> None:
    found = record(make(), shape)
    assert without_joints(found) == set(found.edges)
    names = [layer.name for layer in found.layers] + [joint.name for joint in found.joints]
    assert len(set(names)) == len(names)


def test_pools_and_concatenations_are_joints_and_no_rows() -> None:
    found = record(Net().eval(), (3, 14, 14))
    assert [(joint.name, joint.type, joint.shape) for joint in found.joints] == [
        ("pool", "max pool", (4, 7, 7)),
        ("dense:cat#2", "concatenate", (6, 7, 7)),  # the first has nothing to join
        ("dense:cat#3", "concatenate", (8, 7, 7)),
        ("dense:cat#4", "concatenate", (10, 7, 7)),
        ("halve:max_pool2d", "max pool", (10, 3, 3)),
        ("halve:cat", "concatenate", (14, 3, 3)),
    ]
    assert not {joint.name for joint in found.joints} & {layer.name for layer in found.layers}


def test_no_edge_goes_around_a_folded_module_that_the_way_leads_through() -> None:
    shown = architecture(record(Net().eval(), (3, 14, 14))).show({"dense", "halve"})
    chain = ["input", "stem", "pool", "dense", "halve", ":adaptive_avg_pool2d", "fc"]
    assert named(shown) == set(pairwise(chain))


def test_a_folded_module_shows_the_shape_of_its_output() -> None:
    graph = architecture(record(Net().eval(), (3, 14, 14)))
    texts = {node.name: subtitle(graph, node) for node in graph.show({"dense", "halve"}).nodes}
    assert texts["dense"] == "3 layers · 10×7×7"
    assert texts["halve"] == "1 layer · 14×3×3"
    assert texts["pool"] == "max pool · 4×7×7"


def test_without_joints_a_shape_that_is_not_known_is_left_out() -> None:
    """As in runs that were stored before joints: several rows of the dense block are used behind it."""
    found = record(Net().eval(), (3, 14, 14))
    graph = Architecture(found.layers, found.edges)
    texts = {node.name: subtitle(graph, node) for node in graph.show({"dense"}).nodes}
    assert texts["dense"] == "3 layers"


def test_a_block_says_its_own_shape() -> None:
    graph = architecture(record(tiny.residual_net(repeats=2), (3, 16, 16)))
    shapes = {node.name: graph.shape(node) for node in graph.show({"layer1.0", "layer2.0", "layer3.0"}).nodes}
    assert (shapes["layer1.0"], shapes["layer2.0"], shapes["layer3.0"]) == ((16, 16, 16), (32, 8, 8), (64, 4, 4))


def test_a_gate_is_where_two_ways_meet() -> None:
    found = record(tiny.fill(tiny.SqueezeExcite()), (3, 5, 5))
    gate = next(joint for joint in found.joints if joint.type == "multiply")
    number = len(found.layers) + found.joints.index(gate)
    sources = {found.layers[a].name for a, b in found.flow if b == number}
    assert sources == {"act", ":sigmoid"}
    assert gate.shape == layer(found, "act").shape


def test_the_structure_keeps_the_graph() -> None:
    net = Net().eval()
    recording, result = record(net, (3, 14, 14)), measure("structure", net, torch.zeros(1, 3, 14, 14))
    stored, drawn = architecture_of(result), architecture(recording)
    assert stored is not None
    assert (stored.joints, stored.edges) == (drawn.joints, drawn.edges)
    assert result.names("layer") == tuple(layer.name for layer in recording.layers)
    assert "flow" not in measure("structure", net, torch.zeros(1, 3, 14, 14), layers="stem,fc")
    assert INFO.version > 1, "what is stored is more than before"


def test_a_run_of_an_earlier_version_opens_as_it_did() -> None:
    whole = measure("structure", Net().eval(), torch.zeros(1, 3, 14, 14))
    assert whole.declared is not None
    outputs = tuple(output for output in whole.outputs if output.name == "edge")
    events: list[Event] = [Declared(outputs, whole.layers), Chunk("edge", (), whole["edge"])]
    if whole.request is not None:
        events.insert(0, Started(whole.request))
    old = architecture_of(Result.of(events))
    assert old is not None
    assert old.joints == ()
    assert [list(edge) for edge in old.edges] == np.asarray(whole["edge"]).tolist()
    assert architecture_of(Result.of(events[:-1][:0])) is None


@pytest.mark.zoo
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "size", "shapes"),
    [
        (
            "torchvision:densenet121",
            224,
            {"features.denseblock1": (256, 56, 56), "features.transition1": (128, 28, 28)},
        ),
        ("torchvision:inception_v3", 299, {"Mixed_5b": (256, 35, 35), "Mixed_6a": (768, 17, 17)}),
        ("torchvision:resnet50", 224, {"layer1.0": (256, 56, 56), "layer4.2": (2048, 7, 7)}),
    ],
)
def test_known_networks_are_chains_when_folded(name: str, size: int, shapes: dict[str, tuple[int, ...]]) -> None:
    with torch.device("meta"):
        net = from_zoo(name)
    found = record(net, (3, size, size))
    assert without_joints(found) == set(found.edges)
    graph = architecture(found)
    shown = graph.show(graph.first_folds())
    assert shown.edges == tuple((number, number + 1) for number in range(len(shown.nodes) - 1))
    known = {node.name: graph.shape(node) for node in shown.nodes}
    assert {group: known[group] for group in shapes} == shapes
