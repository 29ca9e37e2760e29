"""Geometry worked out from a blueprint against what the engine measures when it runs the same configuration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from analysis import engine
from analysis.configuring.walk import Walker
from analysis.edits import Edits
from analysis.geometry.blueprint import draw
from analysis.geometry.reshape import OtherPathError, reshape, shadow
from analysis.geometry.switches import plan_switches, points_of
from analysis.measures.blueprints import Blueprint, from_bytes, to_bytes
from analysis.measures.configurations import Option, options_of, read_extra, write_extra
from analysis.measures.geometry import lay_out, receptive_field
from analysis.models import model_from
from analysis.problems import AnalysisError
from analysis.request import ImageSource, ModelSource, Request
from analysis.result import Result
from analysis.tracing.recorder import trace
from tests.tiny import ResidualNet, fill


def resnet20() -> nn.Module:
    return fill(ResidualNet(repeats=3, width=16)).eval()


def resnet18() -> nn.Module:
    torchvision = pytest.importorskip("torchvision.models")
    torch.manual_seed(0)
    return torchvision.resnet18(num_classes=10).eval()


def mobilenet() -> nn.Module:
    torchvision = pytest.importorskip("torchvision.models")
    torch.manual_seed(0)
    return torchvision.mobilenet_v2(num_classes=10, width_mult=0.25).eval()


NETS = {"ResNet-20": (resnet20, 32), "ResNet-18": (resnet18, 48), "MobileNetV2": (mobilenet, 48)}
_DRAWN: dict[str, tuple[nn.Module, Any, Blueprint]] = {}


def drawn(name: str) -> tuple[nn.Module, Any, Blueprint]:
    if name not in _DRAWN:
        make, side = NETS[name]
        net = shadow(make())
        seen = trace(net, (3, side, side))
        _DRAWN[name] = net, seen, draw(seen)
    return _DRAWN[name]


def measured(net: nn.Module, seen: Any, blueprint: Blueprint, geometry: dict[str, str], resize: bool) -> Any:
    """Run the configuration on one picture: (multiply-adds, last map, FLOPs of torch's counter, output)."""
    points, options = [], []
    layers = {layer.point.name: layer for layer in blueprint.layers}
    for name in sorted(geometry, key=lambda name: layers[name].node):
        point = points_of(seen, [name], Option.read(geometry[name]).family)[0]
        points.append(point)
        options.append(options_of(point, [geometry[name]]))
    walker = Walker(net, plan_switches(seen, points, options, resize), None, resize=resize)
    side = seen.values[0].shape[2]
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        output = walker.run(torch.zeros(1, 3, side, side), tuple(len(several) - 1 for several in options))
    # At these sizes the last map is that of the last convolution.
    sizes = [walker.sizes[place] for place, name in enumerate(walker.switches.names) if name == "conv2d"]
    return sum(walker.macs), sizes[-1], counter.get_total_flops(), output


@st.composite
def geometries(draw_from: Any, name: str) -> dict[str, str]:
    _, _, blueprint = drawn(name)
    chosen = draw_from(st.lists(st.sampled_from(blueprint.layers), min_size=1, max_size=3, unique=True))
    found, carriers = {}, set()
    for layer in chosen:
        free = [offer.word for offer in layer.offers if not offer.locked]
        own = [layer.point.nominal(Option.read(word).family).word for word in free]
        word = draw_from(st.sampled_from([word for word, same in zip(free, own, strict=True) if word != same]))
        place = layer.carrier if word.startswith("stride") else layer.node
        if place not in carriers:
            carriers.add(place)
            found[layer.point.name] = word
    return found


@pytest.mark.parametrize("resize", [False, True])
@pytest.mark.parametrize("name", tuple(NETS))
def test_a_layout_is_what_the_engine_measures(name: str, resize: bool) -> None:
    """Multiply-adds and last map of random legal configurations; what does not run is known not to, and the reverse."""
    net, seen, blueprint = drawn(name)
    ran = 0

    @settings(max_examples=8, deadline=None, derandomize=True, database=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(geometries(name))
    def check(geometry: dict[str, str]) -> None:
        nonlocal ran
        layout = lay_out(blueprint, geometry, resize)
        if layout.problem:
            with pytest.raises((AnalysisError, RuntimeError, OtherPathError)):
                measured(net, seen, blueprint, geometry, resize)
            return
        macs, last, flops, output = measured(net, seen, blueprint, geometry, resize)
        assert not layout.unsure
        assert output.shape == (1, 10)
        assert layout.total == macs
        assert layout.last_map == last
        if not any("strideU" in word for word in geometry.values()):
            # Fractional strides are left out: stuffed zeros count for nothing here, by the rule of "Cost".
            assert 2 * layout.total == flops
        ran += 1

    check()
    assert ran >= 2


@pytest.mark.parametrize(
    ("word", "sizes"),
    [({}, (56, 28, 14, 7)), ({"layer1.0.conv1": "strideD2"}, (28, 14, 7, 4)),
     ({"layer4.0.conv1": "strideK1"}, (56, 28, 14, 14))],
)  # fmt: skip
def test_maps_of_resnet18(word: dict[str, str], sizes: tuple[int, ...]) -> None:
    """Sizes and costs of the tables in "Cost" and "Map sizes"."""
    torchvision = pytest.importorskip("torchvision.models")
    blueprint = draw(trace(shadow(torchvision.resnet18().eval()), (3, 224, 224)))
    layout = lay_out(blueprint, word)
    found = [layout.maps[blueprint.layer(f"layer{stage}.1.conv2").node][0] for stage in (1, 2, 3, 4)]  # type: ignore[union-attr]  # there are such layers
    assert tuple(found) == sizes
    if not word:
        assert layout.total == 1_814_073_344
        assert layout.receptive_field == (435, 435)


def test_published_sizes_of_resnet18() -> None:
    """The rows of the table of map sizes that belong to ResNet-18."""
    torchvision = pytest.importorskip("torchvision.models")
    blueprint = draw(trace(shadow(torchvision.resnet18().eval()), (3, 224, 224)))
    kept = lay_out(blueprint, {"layer4.0.conv1": "strideK1"})
    assert kept.total == 3_047_198_720
    mixed = {"layer2.0.conv1": "strideDV", "layer3.0.conv1": "strideDH"}
    layout = lay_out(blueprint, mixed)
    assert layout.total == 4_691_365_888
    assert [layout.maps[blueprint.layer(f"layer{n}.0.conv1").node] for n in (2, 3, 4)] == [(28, 56), (28, 28), (14, 14)]  # type: ignore[union-attr]  # there are such layers


def test_dilation_widens_the_field_and_costs_nothing() -> None:
    _, _, blueprint = drawn("ResNet-20")
    plain, wide = lay_out(blueprint, {}), lay_out(blueprint, {"layer3.0.conv1": "dil2"})
    assert wide.maps == plain.maps
    assert wide.macs == plain.macs
    # One more tap on each side at the jump of 2 that the map has there.
    assert wide.receptive_field[0] - plain.receptive_field[0] == 2 * 2


def test_the_receptive_field_is_that_of_gradients() -> None:
    """In a chain without padding every pixel of the nominal field counts, and none outside."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 1, 3, 2, bias=False), nn.Conv2d(1, 1, 3, dilation=2, bias=False),
                        nn.Conv2d(1, 1, 3, bias=False)).eval()  # fmt: skip
    for layer in net:
        nn.init.ones_(layer.weight)
    x = torch.zeros(1, 1, 41, 41, requires_grad=True)
    net(x)[0, 0, 0, 0].backward()
    assert x.grad is not None
    side = int((x.grad[0, 0].abs().sum(dim=0) > 0).sum())
    seen = trace(shadow(net), (1, 41, 41))
    field = receptive_field(draw(seen), {})
    assert field == (3 + 2 * (4 + 2), 3 + 2 * (4 + 2))
    assert side <= field[0]
    assert int(torch.nonzero(x.grad[0, 0].abs().sum(dim=0)).max()) == field[0] - 1


def test_a_flattened_map_must_keep_its_size() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 64, 5)).eval()
    blueprint = draw(trace(shadow(net), (3, 8, 8)))
    assert not lay_out(blueprint, {"0": "dil2"}).problem
    assert "needs a map of 8 × 8, not 4 × 4" in lay_out(blueprint, {"0": "strideD2"}).problem


def test_what_is_not_understood_is_said() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.first(x)
            return self.second(x.roll(1, dims=2)).mean(dim=(2, 3))

    blueprint = draw(trace(shadow(Odd().eval()), (3, 8, 8)))
    assert not lay_out(blueprint, {"first": "dil2"}).unsure
    assert "roll" in lay_out(blueprint, {"first": "strideD2"}).unsure


@pytest.mark.parametrize(
    ("make", "word", "reason"),
    [
        (lambda: nn.Conv2d(3, 4, 1), "dil2", "nothing to spread"),
        (lambda: nn.Conv2d(3, 4, 1), "ker3", "odd sides above 1"),
        (lambda: nn.Conv2d(3, 4, 1), "strideU2", "odd sides above 1"),
        (lambda: nn.Conv2d(3, 4, 2, 2), "ker3", "odd sides"),
        (lambda: nn.Conv2d(3, 4, 3), "ker1", "too little padding"),
        (lambda: nn.ConvTranspose2d(3, 4, 3), "dil2", "transposed"),
    ],
)
def test_locked_options_say_why(make: Any, word: str, reason: str) -> None:
    net = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), make()).eval()
    blueprint = draw(trace(shadow(net), (3, 16, 16)))
    layer = blueprint.layer("1")
    assert layer is not None
    assert reason in next(offer.locked for offer in layer.offers if offer.word == word)
    with pytest.raises(AnalysisError, match="not possible at 1"):
        lay_out(blueprint, {"1": word})


def test_every_offer_of_a_layer_runs_by_itself() -> None:
    """What is offered at the layers of a network without fixed sizes runs, one at a time."""
    net, _, blueprint = drawn("ResNet-20")
    model = model_from(net, (3, 32, 32))
    for layer in blueprint.layers[::12]:
        for offer in layer.offers[::4]:
            if not offer.locked and Option.read(offer.word) != layer.point.nominal(Option.read(offer.word).family):
                layout = lay_out(blueprint, {layer.point.name: offer.word})
                # The head pools over a square, so that strides of one axis alone do not go.
                assert bool(layout.problem) == (offer.word in ("strideDV", "strideDH", "strideUV", "strideUH"))
                if not layout.problem:
                    made = reshape(model, ((layer.point.name, offer.word),))
                    assert made.recording.output_shape == (10,)
                    assert made.recording.totals.macs == layout.total


def test_the_description_survives_being_stored() -> None:
    _, _, blueprint = drawn("MobileNetV2")
    assert from_bytes(to_bytes(blueprint)) == blueprint
    with pytest.raises(AnalysisError, match="no description of switch points"):
        from_bytes(to_bytes(blueprint)[:-3])


# -- configurations by hand in the engine ------------------------------------------------------------------------------

MODEL, IMAGES = ModelSource("demo:fashion_resnet"), ImageSource("demo:test")


def run(**params: Any) -> Result:
    request = Request("dynamic_configurations", MODEL, IMAGES, params=tuple(sorted(params.items())), limit=8)
    return Result.of(engine.run(request))


def test_one_configuration_by_hand_is_run_beside_the_plain_network() -> None:
    found = run(family="none", extra="layer3.0.conv1:dil2+layer2.0.conv1:strideK1")
    assert found.finished is not None
    assert str(found.finished.outcome) == "completed"
    assert found.names("configuration") == ("mixed:strideD2|dil1", "mixed:strideK1|dil2")
    assert found.names("point") == ("layer2.0.conv1", "layer3.0.conv1")
    edits = Edits(geometry=(("layer2.0.conv1", "strideK1"), ("layer3.0.conv1", "dil2")))
    edited = Result.of(engine.run(Request("evaluate", MODEL, IMAGES, edits, limit=8)))
    np.testing.assert_array_equal(edited["prediction"], found["prediction"][:, 1])


def test_activations_are_read_under_another_geometry() -> None:
    """What reads rows computes with torch itself, which must not be taken for operations of the network."""
    edits = Edits(geometry=(("layer2.0.conv1", "dil2"), ("layer3.0.conv1", "strideK1")))
    found = Result.of(engine.run(Request("feature_rank", MODEL, IMAGES, edits, limit=8)))
    assert found.finished is not None
    assert str(found.finished.outcome) == "completed"
    shapes = {layer.name: layer.shape for layer in found.layers}
    assert shapes["layer3.0.conv1"] == (32, 14, 14)  # 7 × 7 in the network as it is
    assert np.isfinite(found["rank"]).any()


def test_a_configuration_by_hand_is_a_further_column_of_a_family() -> None:
    family = run(points="layer3.0.conv1:dil1,2")
    both = run(points="layer3.0.conv1:dil1,2", extra="layer3.0.conv1:dil4;layer2.0.conv2:ker5")
    assert len(both.names("configuration")) == 4
    same = [both.names("configuration").index(f"mixed:ker3|dil{number}") for number in (1, 2)]
    np.testing.assert_array_equal(both["correct"][:, same], family["correct"])


def test_switch_points_agree_with_a_sweep() -> None:
    points = Result.of(engine.run(Request("switch_points", MODEL)))
    blueprint = from_bytes(points["description"])
    sweep = run(points="layer2.0.conv1:strideK1,D2;layer3.0.conv1:strideD2,K1")
    for number, name in enumerate(sweep.names("configuration")):
        words = name.partition(":")[2].split("|")
        geometry = {point: f"stride{word}" for point, word in zip(sweep.names("point"), words, strict=True)}
        layout = lay_out(blueprint, geometry)
        assert layout.total == sweep["macs"][number]
        assert layout.last_map == tuple(sweep["last_map"][number])
        assert layout.receptive_field == tuple(sweep["receptive_field"][number])


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"family": "none"}, "no configuration to run"),
        ({"extra": "layer9.conv:dil2"}, "no convolution of two dimensions"),
        ({"extra": "layer3.0.conv1"}, "names no layer with an option"),
        ({"extra": "layer3.0.conv1:dil2+layer3.0.conv1:dil3"}, "names a layer twice"),
        ({"extra": "layer3.0.conv1:strideK1"}, "several families"),
    ],
)
def test_a_wrong_configuration_is_one_sentence(params: dict[str, str], words: str) -> None:
    found = run(**params)
    assert found.finished is not None
    assert found.finished.problem is not None
    assert words in found.finished.problem.message


@settings(max_examples=30, deadline=None)
@given(st.lists(st.dictionaries(st.from_regex(r"[a-z]\w{0,4}(\.\d)?", fullmatch=True),
                                st.sampled_from(["dil2", "ker5", "strideUV"]), min_size=1), max_size=3))  # fmt: skip
def test_configurations_by_hand_are_read_as_they_are_written(several: list[dict[str, str]]) -> None:
    wanted = tuple(tuple(one.items()) for one in several)
    assert read_extra(write_extra(wanted)) == wanted
