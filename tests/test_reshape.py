"""Kernels in another geometry, shortcuts that follow, and shared prefixes, against independent computations."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from analysis.configuring.walk import NotShareableError, Walker, node_counts, scout
from analysis.edits import Edits
from analysis.geometry.kernels import Convolution, Padding, convolve, new_padding, resample, same_padding
from analysis.geometry.reshape import Reshaping, reshape, shadow
from analysis.geometry.switches import Switches, default_points, plan_switches, points_of
from analysis.measures.configurations import FAMILIES, Option, Space, enumerate_space, options_of
from analysis.models import model_from
from analysis.problems import AnalysisError
from analysis.tracing.recorder import trace
from tests.tiny import Block, ResidualNet, fill, pictures, residual_net, state_of

DOUBLE = torch.float64


@pytest.fixture(autouse=True)
def no_gradients() -> Any:
    """Configurations run without gradients, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.no_grad():
        yield
    torch.set_num_threads(threads)


def plain(stride: int = 1, padding: int = 1, dilation: int = 1, groups: int = 1) -> Convolution:
    return Convolution((stride, stride), (padding, padding), (dilation, dilation), groups)


def line(*numbers: float) -> Tensor:
    """A map of one row."""
    return torch.tensor(numbers, dtype=DOUBLE).reshape(1, 1, 1, -1)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("strideK1", (210, 321, 432, 43)),
        ("strideDH", (210, 432)),
        ("dil1x2", (310, 420, 31, 42)),
        ("dil1x4", (10, 20, 30, 40)),
        ("ker1x5", (262.8, 369.96, 177.72, 33.48)),
        ("ker1x1", (30, 60, 90, 120)),
    ],
)
def test_one_dimensional_example(word: str, expected: tuple[float, ...]) -> None:
    conv = Convolution((1, 1), (0, 1), (1, 1), 1)
    found = convolve(line(1, 2, 3, 4), line(1, 10, 100), None, conv, Option.read(word))
    assert found.flatten().tolist() == pytest.approx(expected)


def test_one_dimensional_example_of_a_fractional_stride() -> None:
    kernel = torch.zeros(1, 1, 3, 3, dtype=DOUBLE)
    kernel[0, 0, 1] = torch.tensor([1.0, 10, 100])
    found = convolve(line(1, 2, 3, 4), kernel, None, plain(), Option("up", (1, 2)))
    assert found.flatten().tolist() == [10, 201, 20, 302, 30, 403, 40, 4]


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("up", [(2, 2), (1, 2), (3, 2)])
def test_fractional_stride_is_stuffing_then_convolution(groups: int, dilation: int, up: tuple[int, int]) -> None:
    x = pictures((4, 5, 6)).double()
    weight = pictures((4 // groups, 3, 3), 8).double()
    stuffed = torch.zeros(3, 4, 5 * up[0], 6 * up[1], dtype=DOUBLE)
    for row in range(5):
        for column in range(6):
            stuffed[:, :, row * up[0], column * up[1]] = x[:, :, row, column]
    expected = F.conv2d(stuffed, weight, None, 1, dilation, dilation, groups)
    for around in (None, Padding((dilation,) * 4)):
        conv = Convolution((2, 2), (dilation, dilation), (dilation, dilation), groups, around)
        found = convolve(x, weight, None, conv, Option("up", up))
        assert found.shape[2:] == (5 * up[0], 6 * up[1])
        assert torch.allclose(found, expected, atol=1e-12)


def test_stride_samples_the_output_of_stride_one() -> None:
    x, weight = pictures((2, 7, 9)).double(), pictures((2, 3, 3)).double()
    full = convolve(x, weight, None, plain(2), Option.read("strideK1"))
    for word, steps in (("strideD2", (2, 2)), ("strideDV", (2, 1)), ("strideDH", (1, 2))):
        part = convolve(x, weight, None, plain(2), Option.read(word))
        assert torch.allclose(part, full[:, :, :: steps[0], :: steps[1]], atol=1e-12)


@pytest.mark.parametrize("d", [2, 3])
def test_dilation_is_the_same_convolution_on_every_phase(d: int) -> None:
    x, weight = pictures((2, 6, 12)).double(), pictures((2, 3, 3)).double()
    out = convolve(x, weight, None, plain(), Option("dil", (d, d)))
    for a in range(d):
        for b in range(d):
            phase = F.conv2d(x[:, :, a::d, b::d], weight, padding=1)
            assert torch.allclose(out[:, :, a::d, b::d], phase, atol=1e-12)


def test_dilation_of_the_map_is_its_centre_tap() -> None:
    x, weight = pictures((2, 5, 5)).double(), pictures((2, 3, 3)).double()
    centre = F.conv2d(x, weight[:, :, 1:2, 1:2])
    assert torch.allclose(convolve(x, weight, None, plain(), Option("dil", (5, 5))), centre, atol=1e-12)
    assert not torch.allclose(convolve(x, weight, None, plain(), Option("dil", (4, 4))), centre, atol=1e-3)


def test_transposing_swaps_rows_and_columns() -> None:
    x, weight = pictures((2, 6, 8)).double(), pictures((2, 3, 3)).double()
    for one, other in (("DV", "DH"), ("UV", "UH")):
        first = convolve(x, weight, None, plain(), Option.read(f"stride{one}"))
        second = convolve(x.mT, weight.mT, None, plain(), Option.read(f"stride{other}"))
        assert torch.allclose(first, second.mT, atol=1e-12)


def test_resampling() -> None:
    weight = pictures((2, 3, 3)).double()
    assert resample(weight, (3, 3)) is weight
    constant = torch.full((1, 1, 3, 3), 2.0, dtype=DOUBLE)
    for side in (1, 3, 5, 7, 9):
        assert resample(constant, (side, side)).sum().item() == pytest.approx(18)
    taps = resample(torch.tensor([1.0, 10, 100], dtype=DOUBLE).reshape(1, 1, 1, 3), (1, 9)).flatten() * 3
    expected = (1, 1, 2 / 3 + 10 / 3, 1 / 3 + 20 / 3, 10, 20 / 3 + 100 / 3, 10 / 3 + 200 / 3, 100, 100)
    assert taps.tolist() == pytest.approx(expected)


def test_padding_keeps_its_own_deficit() -> None:
    assert new_padding((0, 1), ((3, 3), (3, 3)), ((1, 1), (2, 2))) == (1, 2)
    with pytest.raises(AnalysisError, match="cannot become"):
        new_padding((0, 0), ((3, 3), (1, 1)), ((1, 1), (1, 1)))
    with pytest.raises(AnalysisError, match="cannot become"):
        new_padding((1, 1), ((2, 2), (2, 2)), ((1, 1), (2, 2)))


# ---- whole networks --------------------------------------------------------------------------------------------------


def planned(net: nn.Module, family: str, shape: tuple[int, ...], names: tuple[str, ...] = ()) -> tuple[Space, Switches]:
    seen = trace(net, shape)
    kind = Option.read(FAMILIES[family][0]).family
    points = points_of(seen, names or default_points(seen), kind)
    options = [options_of(point, FAMILIES[family]) for point in points]
    space = enumerate_space(points, options, (shape[1], shape[2]), points[-1].output_map)
    return space, plan_switches(seen, points, options)


def walk(net: nn.Module, family: str, x: Tensor, names: tuple[str, ...] = ()) -> tuple[Walker, Space, list[Tensor]]:
    """Walk the tree and compare every leaf with a pass of its own, bit for bit."""
    space, switches = planned(net, family, tuple(x.shape[1:]), names)
    twin = shadow(net)
    walker, naive = Walker(twin, switches, scout(twin, switches, x)), Walker(twin, switches, None)
    outputs = []
    for configuration in space.configurations:
        shared = walker.run(x, configuration)
        outputs.append(shared)
        assert torch.equal(shared, naive.run(x, configuration)), space.name(configuration)
        assert sum(walker.macs) == sum(naive.macs)
        assert walker.computed <= naive.computed
    assert torch.equal(outputs[0], net(x))
    return walker, space, outputs


class PreActivation(nn.Module):
    """Every block begins by changing its input in place; the shortcut is the changed input, as in some forks."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.one, self.two = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, 2, 1)
        self.norm = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.one(F.relu(x, inplace=True))
        x += y
        y = self.two(F.relu_(self.norm(x)))
        return self.fc(F.relu_(y).mean((2, 3)))


class Padded(nn.Module):
    """Layers with circular, reflecting, "same" and asymmetric padding, groups, and depthwise layers."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular")
        self.b = nn.Conv2d(4, 4, 3, stride=2, padding=1, padding_mode="reflect", groups=2)
        self.c = nn.Conv2d(4, 4, 3, padding="same", groups=4)
        self.d = nn.Conv2d(4, 4, 3, stride=2)
        self.fc = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.c(self.b(self.a(x))))
        x = self.d(F.pad(x, (0, 1, 0, 1)))
        return self.fc(x.mean((2, 3)))


class AnySize(ResidualNet):
    """The same with a head that takes maps that are not square."""

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        return self.linear(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


@pytest.mark.parametrize(
    ("family", "size", "shortcut"),
    [
        ("dilation3", 16, "projection"),
        ("dilation3", 13, "pad"),
        ("stride_square", 16, "pad"),
        ("stride_square", 13, "projection"),
        ("stride_full", 12, "projection"),
        ("kernel7", 12, "pad"),
    ],
)
def test_shared_prefixes_equal_whole_passes(family: str, size: int, shortcut: str) -> None:
    net = fill(AnySize(width=4, shortcut=shortcut))
    _, space, outputs = walk(net, family, pictures((3, size, size), 2))
    assert len({tuple(output.flatten().tolist()) for output in outputs}) > len(space.configurations) // 2


def test_networks_that_work_in_place() -> None:
    _, space, _ = walk(fill(PreActivation()), "dilation3", pictures((3, 12, 12), 2), ("one", "two"))
    assert len(space.configurations) == 9


@pytest.mark.parametrize("family", ["dilation3", "kernel7"])
def test_paddings_of_all_kinds(family: str) -> None:
    net = fill(Padded())
    x = pictures((3, 16, 16), 2)
    walker, space, _ = walk(net, family, x, ("a", "b", "c", "d"))
    sizes = walker.sizes[:]
    walker.run(x, space.configurations[0])
    convolutions = [at for at, name in enumerate(walker.switches.names) if name == "conv2d"]
    assert [walker.sizes[at] for at in convolutions] == [sizes[at] for at in convolutions]


def test_circular_padding_is_that_of_a_layer_built_so() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular"), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    built = nn.Conv2d(3, 4, 3, padding=2, dilation=2, padding_mode="circular")
    built.load_state_dict(fill(net)[0].state_dict())
    x = pictures((3, 8, 8), 2)
    space, switches = planned(net, "dilation3", (3, 8, 8), ("0",))
    found = Walker(shadow(net), switches, None).run(x, space.configurations[1])
    assert torch.equal(found, built(x).mean((2, 3))) or torch.allclose(found, built(x).mean((2, 3)), atol=1e-6)


def test_same_padding_follows_the_map() -> None:
    for side in (7, 8, 13):
        for stride in (1, 2, 3):
            for dilation in (1, 2):
                near, far = same_padding(side, stride, 3, dilation)
                assert (side + near + far - 2 * dilation - 1) // stride + 1 == -(-side // stride)
                assert far - near in (0, 1)


def test_the_network_is_not_touched() -> None:
    net = residual_net(width=4)
    before = state_of(net)
    walk(net, "stride_square", pictures((3, 16, 16), 2))
    assert state_of(net) == before
    twin = shadow(net)
    for (name, own), (_, other) in zip(net.named_parameters(), twin.named_parameters(), strict=True):
        assert own is other, name
    assert all(a is not b for a, b in zip(net.modules(), twin.modules(), strict=True))


def test_a_shadow_has_no_hooks_and_is_ready() -> None:
    net = fill(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True))).train()
    net[0].register_forward_hook(lambda *_: None)
    twin = shadow(net)
    assert not twin[0]._forward_hooks
    assert not twin.training
    assert not twin[1].inplace
    assert net.training
    assert net[0]._forward_hooks
    assert net[1].inplace


def test_views_that_are_changed_below_are_not_shared() -> None:
    class Views(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            x = self.a(x)
            part = x[:, :2]
            y = self.b(x)
            part += y[:, :2]
            return (x + y).mean((2, 3))

    net = fill(Views())
    _, switches = planned(net, "dilation3", (3, 8, 8), ("b",))
    with pytest.raises(NotShareableError):
        scout(shadow(net), switches, pictures((3, 8, 8), 2))


class Pooled(nn.Module):
    """A block whose shortcut pools and then projects, as in ResNet-D."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.conv1, self.conv2 = nn.Conv2d(4, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 1, 1)
        self.pool, self.project = nn.AvgPool2d(2, 2, ceil_mode=True, count_include_pad=False), nn.Conv2d(4, 8, 1)
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        return self.fc(F.relu(self.conv2(F.relu(self.conv1(x))) + self.project(self.pool(x))).mean((2, 3)))


@pytest.mark.parametrize("word", ["K1", "DV", "U2"])
def test_shortcuts_follow(word: str) -> None:
    """Against the same block written by hand."""
    net = fill(Pooled())
    x = pictures((3, 9, 9), 2)
    seen = trace(net, (3, 9, 9))
    points = points_of(seen, ["conv1"], "stride")
    options = [options_of(points[0], [f"stride{word}"])]
    found = Walker(shadow(net), plan_switches(seen, points, options), None).run(x, (1,))
    option = options[0][1]
    a = F.relu(net.stem(x))
    branch = net.conv2(F.relu(convolve(a, net.conv1.weight, net.conv1.bias, plain(2), option)))
    if option.kind == "up":
        side = F.interpolate(net.project(a), scale_factor=2, mode="nearest")
    else:
        side = net.project(F.avg_pool2d(a, option.size, option.size, ceil_mode=True, count_include_pad=False))
    assert torch.allclose(found, net.fc(F.relu(branch + side).mean((2, 3))), atol=1e-5)


def test_identity_shortcuts_sample_the_same_positions() -> None:
    block = fill(Block(4, 4))
    net = nn.Sequential(nn.Conv2d(3, 4, 1), block, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    x = pictures((3, 8, 8), 2)
    seen = trace(net, (3, 8, 8))
    points = points_of(seen, ["1.conv1"], "stride")
    switches = plan_switches(seen, points, [options_of(points[0], ["strideD2", "strideU2"])])
    a = net[0](x)
    half = block.bn2(block.conv2(F.relu(block.bn1(F.conv2d(a, block.conv1.weight, None, 2, 1)))))
    expected = F.relu(half + a[:, :, ::2, ::2]).mean((2, 3))
    walker = Walker(shadow(net), switches, None)
    assert torch.allclose(walker.run(x, (1,)), expected, atol=1e-5)
    walker.run(x, (2,))
    assert max(walker.sizes) == (16, 16)


def test_resized_shortcuts_change_the_network_itself() -> None:
    net = residual_net(width=4, shortcut="projection")
    space, switches = planned(net, "stride_square", (3, 16, 16))
    x = pictures((3, 16, 16), 2)
    own = Walker(shadow(net), switches, None, resize=True).run(x, space.configurations[0])
    assert own.shape == (2, 10)
    assert not torch.allclose(own, net(x), atol=1e-3)


@pytest.mark.zoo
@pytest.mark.parametrize(
    ("model", "name", "sizes", "macs"),
    [
        ("resnet50", "stride:K1|D2|D2|D2", ((56, 56), (28, 28), (14, 14), (7, 7)), 4_089_184_256),
        ("resnet50", "stride:D2|D2|D2|D2", ((28, 28), (14, 14), (7, 7), (4, 4)), 1_176_043_520),
        ("resnet18", "stride:K1|D2|D2|K1", ((56, 56), (28, 28), (14, 14), (14, 14)), 3_047_198_720),
        ("resnet18", "stride:K1|DV|DH|D2", ((56, 56), (28, 56), (28, 28), (14, 14)), 4_691_365_888),
        ("resnet50", "dil:2|2|2|2", ((56, 56), (28, 28), (14, 14), (7, 7)), 4_089_184_256),
    ],
)
def test_sizes_and_costs_of_published_networks(model: str, name: str, sizes: tuple[Any, ...], macs: int) -> None:
    import torchvision

    with torch.device("meta"):
        net = getattr(torchvision.models, model)().eval()
    family = "stride_full" if name.startswith("stride") else "dilation3"
    space, switches = planned(net, family, (3, 224, 224))
    walker = Walker(net, switches, None)
    walker.run(torch.empty(1, 3, 224, 224, device="meta"), space.configurations[space.names.index(name)])
    switched = [at for at, role in sorted(switches.roles.items()) if role.kind == "switch"]
    assert tuple(walker.sizes[at] for at in switched) == sizes
    assert sum(walker.macs) == macs


@pytest.mark.zoo
@pytest.mark.parametrize(
    ("model", "family", "nodes", "naive", "tree"),
    [
        ("resnet18", "stride_square", (1, 2, 5, 9, 22), 58.1, 44.5),
        ("resnet50", "stride_square", (1, 2, 5, 9, 22), 53.9, 38.6),
        ("resnet18", "dilation3", (1, 3, 9, 27, 81), 81.0, 27.4),
    ],
)
def test_cost_of_whole_sweeps(model: str, family: str, nodes: tuple[int, ...], naive: float, tree: float) -> None:
    """The naive cost is that of the source's table; the walk costs no more than block by block."""
    import torchvision

    with torch.device("meta"):
        net = getattr(torchvision.models, model)().eval()
    space, switches = planned(net, family, (3, 224, 224))
    assert node_counts(space.configurations) == nodes
    x = torch.empty(1, 3, 224, 224, device="meta")
    walker = Walker(net, switches, scout(net, switches, x))
    whole = shared = own = 0
    for number, configuration in enumerate(space.configurations):
        walker.run(x, configuration)
        whole += sum(walker.macs)
        shared += walker.computed
        own = own if number else sum(walker.macs)
    assert whole / own == pytest.approx(naive, abs=0.05)
    assert tree - 1.0 < shared / own <= tree + 0.05


def test_a_network_in_another_geometry() -> None:
    net = residual_net(width=4)
    before = state_of(net)
    model = model_from(net, (3, 16, 16))
    made = reshape(model, (("layer2.0.conv1", "dil2"), ("layer3.0.conv1", "strideK1")))
    assert state_of(net) == before
    specs = {layer.name: layer for layer in made.recording.layers}
    assert [layer.name for layer in made.recording.layers] == [layer.name for layer in model.recording.layers]
    assert specs["layer2.0.conv1"].dilation == (2, 2)
    assert specs["layer3.0.conv1"].stride == (1, 1)
    assert specs["layer3.0.conv1"].shape[1:] == (8, 8)
    assert made.net.state_dict().keys() == net.state_dict().keys()
    own = reshape(model, (("layer2.0.conv1", "dil1"),))
    x = pictures((3, 16, 16))
    assert torch.equal(own.net(x), net(x))


def test_edits_reach_the_network() -> None:
    from analysis.derive import derive

    model = model_from(residual_net(width=4), (3, 16, 16))
    made = derive(model, Edits(geometry=(("layer1.0.conv1", "ker5"),)))
    assert next(layer for layer in made.recording.layers if layer.name == "layer1.0.conv1").kernel == (5, 5)
    assert "edited" in made.badges


@pytest.mark.parametrize(
    ("geometry", "message"),
    [
        ((("layer9", "dil2"),), "no convolution"),
        ((("layer1.0.conv1", "dil"),), "no geometry"),
        ((("linear", "dil2"),), "no convolution"),
    ],
)
def test_impossible_geometry_is_refused(geometry: Any, message: str) -> None:
    with pytest.raises(AnalysisError, match=message):
        reshape(model_from(residual_net(width=4), (3, 16, 16)), geometry)


def test_options_that_do_not_fit_name_the_layer() -> None:
    net = fill(nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    seen = trace(net, (3, 8, 8))
    for name, word in (("0", "ker3"), ("0", "strideU2"), ("1", "dil2"), ("1", "ker3")):
        points = points_of(seen, [name], Option.read(word).family)
        with pytest.raises(AnalysisError, match=f"not possible at {name}"):
            plan_switches(seen, points, [options_of(points[0], [word])])


def test_default_points_of_other_networks() -> None:
    stack = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3, padding=1)
    )
    assert default_points(trace(fill(stack), (3, 16, 16))) == ("1", "3")
    single = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.Conv2d(4, 4, 3, 2, 1, groups=4))
    assert default_points(trace(fill(single), (3, 16, 16))) == ("0", "1")


def test_normalisation_can_be_estimated_anew() -> None:
    net = fill(nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    x = pictures((3, 8, 8), 6)
    space, switches = planned(net, "dilation3", (3, 8, 8), ("0",))
    mode = Reshaping(switches, calibration=4)
    mode.begin((None,))
    with mode:
        output = net(x)
    found = output[4:]
    middle = net[0](x)
    mean, variance = middle[:4].mean((0, 2, 3)), middle[:4].var((0, 2, 3), correction=0)
    expected = F.batch_norm(middle[4:], mean, variance, net[1].weight, net[1].bias).mean((2, 3))
    assert torch.allclose(found, expected, atol=1e-5)
    assert len(space.configurations) == 3
