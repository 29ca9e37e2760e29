"""Reading activations: exactly what plain hooks deliver, at the right moment, and nothing stays behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode
from torch.nn import functional as F
from torch.nn.modules.module import register_module_forward_pre_hook

from analysis.graph import Recording, record
from analysis.problems import AnalysisError, Cancelled
from analysis.taps import taps
from tests import tiny
from tests.graph_nets import NETS
from tests.test_graph_zoo import from_zoo

pytestmark = pytest.mark.usefixtures("one_thread")

each_net = pytest.mark.parametrize(("make", "shape"), NETS.values(), ids=NETS)


def read(net: nn.Module, recording: Recording, images: Tensor, names: list[str] | None = None) -> dict[str, Tensor]:
    """Copy every wanted row of one forward pass, in the order in which they come."""
    found: dict[str, Tensor] = {}

    def consume(name: str, tensor: Tensor) -> None:
        assert name not in found
        found[name] = tensor.clone()

    with torch.no_grad(), taps(net, recording, names or list(recording.sites), consume):
        net(images)
    return found


def hooked(net: nn.Module, images: Tensor) -> dict[tuple[str, int], Tensor]:
    """Outputs of all modules by plain forward hooks: (path, number of the call) to a copy."""
    found: dict[tuple[str, int], Tensor] = {}
    counts: dict[str, int] = {}
    hooks = []
    for path, module in net.named_modules():

        def keep(_module: nn.Module, _args: Any, output: Any, path: str = path) -> None:
            counts[path] = counts.get(path, 0) + 1
            if isinstance(output, Tensor):
                found[path, counts[path]] = output.clone()

        hooks.append(module.register_forward_hook(keep))
    with torch.no_grad():
        net(images)
    for hook in hooks:
        hook.remove()
    return found


# ---- what is delivered -----------------------------------------------------------------------------------------------


def check_against_hooks(net: nn.Module, recording: Recording, images: Tensor) -> None:
    found, expected = read(net, recording, images), hooked(net, images)
    assert list(found) == [layer.name for layer in recording.layers]  # each row once, in the order of the rows
    for layer in recording.layers:
        site = recording.sites[layer.name]
        assert tuple(found[layer.name].shape[1:]) == layer.shape
        assert (len(found[layer.name]) != len(images)) == (layer.name in recording.folded)
        if site.order < 0 and site.argument < 0:
            assert torch.equal(found[layer.name], expected[site.module, site.call])
        if layer.same_as:
            assert torch.equal(found[layer.name], found[layer.same_as])
    assert torch.equal(found["input"], images)


@each_net
def test_rows_equal_what_hooks_see(make: Callable[[], nn.Module], shape: tuple[int, ...]) -> None:
    net = make()
    check_against_hooks(net, record(net, shape), tiny.pictures(shape))


def test_rows_of_a_residual_network_by_hand() -> None:
    net = tiny.residual_net(width=4)
    images = tiny.pictures((3, 12, 12))
    found = read(net, record(net, (3, 12, 12)), images)
    block = net.layer1[0]
    with torch.no_grad():
        stem = F.relu(net.bn1(net.conv1(images)))
        middle = F.relu(block.bn1(block.conv1(stem)))
        branch = block.bn2(block.conv2(middle))
    assert torch.equal(found[":relu"], stem)
    assert torch.equal(found["layer1.0:relu#1"], middle)
    assert torch.equal(found["layer1.0:add"], branch)
    assert torch.equal(found["layer1.0"], F.relu(branch + stem))
    padded = F.pad(found["layer1.0"][:, :, ::2, ::2], (0, 0, 0, 0, 2, 2))
    assert torch.equal(found["layer2.0"], F.relu(found["layer2.0:add"] + padded))
    assert torch.equal(found[":avg_pool2d"][:, :, 0, 0], found["layer3.0"].mean((2, 3))) or torch.allclose(
        found[":avg_pool2d"][:, :, 0, 0], found["layer3.0"].mean((2, 3)), atol=1e-6
    )


def test_rows_are_read_before_they_are_changed_in_place() -> None:
    net = tiny.fill(tiny.InPlace())
    images = tiny.pictures((2, 5, 5))
    found = read(net, record(net, (2, 5, 5)), images.clone())
    with torch.no_grad():
        first = net.conv1(images)
        branch = net.conv2(F.relu(first))
    assert (first < 0).any()
    assert torch.equal(found["conv1"], first)
    assert torch.equal(found["relu"], F.relu(first))
    assert torch.equal(found["conv2"], branch)
    assert torch.equal(found[":add"], branch)
    assert torch.equal(found[":block"], F.relu(branch + images))


@pytest.mark.parametrize("in_place", [True, False])
def test_a_shortcut_to_some_channels(in_place: bool) -> None:
    net = tiny.fill(tiny.SlicedShortcut(in_place))
    images = tiny.pictures((3, 5, 5))
    found = read(net, record(net, (3, 5, 5)), images)
    with torch.no_grad():
        stem = net.stem(images)
        branch = net.body.project(F.relu6(net.body.conv(stem)))
    assert torch.equal(found["body:add"], branch)
    assert torch.equal(found["body"], torch.cat([branch[:, :4] + stem, branch[:, 4:]], 1))


def test_two_calls_are_two_rows() -> None:
    net = tiny.fill(tiny.Loop())
    images = tiny.pictures((2, 5, 5))
    found = read(net, record(net, (2, 5, 5)), images, ["loop#1", "act#2", "loop#2"])
    with torch.no_grad():
        first = net.loop(images)
        second = net.loop(F.relu(first))
    assert list(found) == ["loop#1", "loop#2", "act#2"]
    assert torch.equal(found["loop#1"], first)
    assert torch.equal(found["loop#2"], second)


def test_the_tensor_is_no_copy_and_every_pass_is_read() -> None:
    net = tiny.residual_net(width=4)
    recording = record(net, (3, 8, 8))
    inputs: list[int] = []
    shapes: list[tuple[int, ...]] = []

    def consume(name: str, tensor: Tensor) -> None:
        if name == "input":
            inputs.append(tensor.data_ptr())
        else:
            shapes.append(tuple(tensor.shape))

    images = [tiny.pictures((3, 8, 8), count=2), tiny.pictures((3, 16, 12), count=5)]
    with torch.inference_mode(), taps(net, recording, ["input", "layer1.0:relu#1"], consume):
        for batch in images:
            net(batch)
    assert inputs == [batch.data_ptr() for batch in images]
    assert shapes == [(2, 4, 8, 8), (5, 4, 16, 12)]


def test_what_the_consumer_computes_does_not_count() -> None:
    net = tiny.residual_net(width=4)
    images = tiny.pictures((3, 8, 8))
    recording = record(net, (3, 8, 8))
    expected = read(net, recording, images)
    found = {}

    def busy(name: str, tensor: Tensor) -> None:
        found[name] = F.relu(tensor + 1).sum() * 0 + tensor.clone()

    with torch.no_grad(), taps(net, recording, list(recording.sites), busy):
        net(images)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_a_part_of_the_network_alone() -> None:
    net = tiny.residual_net(width=4)
    recording = record(net, (3, 8, 8))
    met = []
    with torch.no_grad(), taps(net, recording, ["layer1.0:relu#2", "linear"], lambda name, _: met.append(name)):
        net.layer1(torch.zeros(1, 4, 8, 8))
    assert met == ["layer1.0:relu#2"]


def test_two_readers_at_once_end_in_any_order() -> None:
    net = tiny.residual_net(width=4)
    state, recording = tiny.state_of(net), record(net, (3, 8, 8))
    met: dict[str, list[str]] = {"a": [], "b": []}

    def reader(key: str, names: list[str]) -> Iterator[None]:
        with taps(net, recording, names, lambda name, _: met[key].append(name)):
            while True:
                yield net(torch.zeros(1, 3, 8, 8))

    a, b = reader("a", [":relu", "layer1.0"]), reader("b", ["layer1.0:add"])
    next(a), next(b)
    assert torch._C._len_torch_function_stack() == 0  # what others compute between two passes is not watched
    a.close()
    next(b)
    b.close()
    assert met == {"a": [":relu", "layer1.0"] * 2, "b": ["layer1.0:add"] * 2}
    assert tiny.state_of(net) == state


# ---- what is refused -------------------------------------------------------------------------------------------------


def test_an_unknown_row_names_the_nearest() -> None:
    net = tiny.residual_net(width=4)
    with (
        pytest.raises(AnalysisError, match=r"no row 'layer1.0:relu'") as caught,
        taps(net, record(net, (3, 8, 8)), ["layer1.0:relu"], lambda *_: None),
    ):
        pass
    assert "layer1.0:relu#1" in caught.value.hint


def test_a_recording_of_another_network() -> None:
    recording = record(tiny.residual_net(width=4), (3, 8, 8))
    with (
        pytest.raises(AnalysisError, match="no module 'layer1"),
        taps(tiny.plain_chain(), recording, ["layer1.0"], lambda *_: None),
    ):
        pass


def test_another_path_is_noticed_and_names_the_row() -> None:
    net = tiny.fill(tiny.Fickle())
    recording = record(net, (2, 4, 4))
    net.skip = True
    state, met = tiny.state_of(net), []
    with (
        pytest.raises(AnalysisError, match="':relu#2' and 1 more did not come") as caught,
        taps(net, recording, [":relu#1", ":relu#2", "second"], lambda name, _: met.append(name)),
    ):
        net(torch.zeros(1, 2, 4, 4))
    assert (met, caught.value.items) == ([":relu#1"], (":relu#2", "second"))
    assert tiny.state_of(net) == state


def test_another_operation_at_the_place_is_not_mistaken() -> None:
    class Switch(nn.Module):
        soft = False

        def forward(self, x: Tensor) -> Tensor:
            return torch.tanh(F.silu(x) if self.soft else F.relu(x))

    net = Switch()
    recording = record(net, (3,))
    net.soft = True
    with (
        pytest.raises(AnalysisError, match="':relu' did not come"),
        taps(net, recording, [":relu", ":tanh"], lambda *_: None),
    ):
        net(torch.zeros(1, 3))


# ---- nothing stays behind --------------------------------------------------------------------------------------------


def run_failing(net: Any, recording: Recording, problem: BaseException, where: str) -> None:
    """Let `problem` come from the network, the consumer, a hook of somebody else, or the caller."""

    def consume(_name: str, _tensor: Tensor) -> None:
        if where == "consumer":
            raise problem

    def cancel(module: nn.Module, _args: Any) -> None:
        if where == "hook" and module is net.second:
            raise problem

    other = register_module_forward_pre_hook(cancel)
    try:
        with taps(net, recording, list(recording.sites), consume):
            net.problem = problem if where == "network" else None
            net(torch.zeros(1, 2, 4, 4))
            if where == "caller":
                raise problem
    finally:
        net.problem = None
        other.remove()


@pytest.mark.parametrize("where", ["network", "consumer", "hook", "caller"])
@pytest.mark.parametrize("problem", [ValueError("no"), Cancelled(), KeyboardInterrupt()], ids=repr)
def test_nothing_stays_after_an_exception(where: str, problem: BaseException) -> None:
    net = tiny.fill(tiny.Fickle()).train()
    recording = record(net, (2, 4, 4))
    state = tiny.state_of(net)
    with pytest.raises(type(problem)):
        run_failing(net, recording, problem, where)
    assert tiny.state_of(net) == state
    assert list(read(net, recording, torch.zeros(1, 2, 4, 4))) == list(recording.sites)


def test_a_pass_after_an_interrupted_one() -> None:
    net = tiny.fill(tiny.Fickle())
    recording = record(net, (2, 4, 4))
    state, met = tiny.state_of(net), []
    with taps(net, recording, list(recording.sites), lambda name, _: met.append(name)):
        net.problem = KeyboardInterrupt()
        with pytest.raises(KeyboardInterrupt):
            net(torch.zeros(1, 2, 4, 4))
        net.problem = None
        met.clear()
        net(torch.zeros(1, 2, 4, 4))
        assert met == list(recording.sites)
    assert tiny.state_of(net) == state


@each_net
def test_nothing_is_changed(make: Callable[[], nn.Module], shape: tuple[int, ...]) -> None:
    net = make()
    recording = record(net, shape)
    state = tiny.state_of(net)
    read(net, recording, tiny.pictures(shape))
    assert tiny.state_of(net) == state


def test_a_generator_that_is_closed() -> None:
    net = tiny.residual_net(width=4)
    recording = record(net, (3, 8, 8))
    state = tiny.state_of(net)

    def steps() -> Iterator[int]:
        with torch.no_grad(), taps(net, recording, list(recording.sites), lambda *_: None):
            for step in range(3):
                net(torch.zeros(1, 3, 8, 8))
                yield step

    run = steps()
    next(run)
    run.close()
    assert tiny.state_of(net) == state


# ---- without numbers, without a GPU ----------------------------------------------------------------------------------


def test_on_a_network_without_numbers() -> None:
    with FakeTensorMode(allow_non_fake_inputs=False), torch.device("cuda"):
        net = tiny.ResidualNet(width=4).eval()
        recording = record(net, (3, 12, 12))
        means = {}

        def consume(name: str, tensor: Tensor) -> None:
            assert tensor.device.type == "cuda"
            means[name] = tensor.double().mean(0)

        with torch.no_grad(), taps(net, recording, list(recording.sites), consume):
            net(torch.zeros(2, 3, 12, 12))
        assert {name: tuple(mean.shape) for name, mean in means.items()} == {
            layer.name: layer.shape for layer in recording.layers
        }
    assert recording == record(tiny.residual_net(width=4), (3, 12, 12))
    assert recording == record(net, (3, 12, 12))


# ---- known networks --------------------------------------------------------------------------------------------------


@pytest.mark.zoo
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name",
    [
        *("torchvision:resnet18", "torchvision:mobilenet_v2", "torchvision:densenet121", "torchvision:squeezenet1_1"),
        *("torchvision:googlenet", "torchvision:shufflenet_v2_x1_0", "timm:rexnet_100", "timm:tf_efficientnet_lite0"),
        *("timm:regnetx_002", "timm:convnext_tiny", "timm:ghostnet_100", "timm:hrnet_w18_small", "timm:mobilevit_xxs"),
    ],
)
def test_known_networks(name: str) -> None:
    net = from_zoo(name)
    check_against_hooks(net, record(net, (3, 64, 64)), tiny.pictures((3, 64, 64), count=2))


@pytest.mark.zoo
def test_sums_of_resnet18() -> None:
    net = from_zoo("torchvision:resnet18")
    recording = record(net, (3, 64, 64))
    found = read(net, recording, tiny.pictures((3, 64, 64), count=2))
    expected = hooked(net, tiny.pictures((3, 64, 64), count=2))
    for block in recording.blocks:
        enters = found[block.input] if block.input else expected["maxpool", 1]
        shortcut = expected.get((f"{block.module}.downsample", 1), enters)
        assert torch.equal(found[block.output], F.relu(found[f"{block.name}:add"] + shortcut))
        assert torch.equal(found[f"{block.name}:add"], expected[f"{block.module}.bn2", 1])
