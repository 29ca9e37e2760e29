"""Blocks give way to their shortcut: against networks written without them, and through saving and reopening."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from analysis import models
from analysis.blocks.removal import Removal, removable_blocks, remove_blocks
from analysis.derive import derive
from analysis.edits import Edits
from analysis.models import Model, model_from
from analysis.problems import AnalysisError
from analysis.request import Compute, ModelSource
from tests.tiny import Block, InPlace, Loop, LoopBlock, ResidualNet, fill, pictures, residual_net, state_of


class Bare(nn.Module):
    """What a block of tiny.Block leaves behind, written by hand."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        if self.block.kind == "projection":
            x = self.block.project(x)
        elif self.block.kind == "pad":
            half = self.block.extra // 2
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, half, half))
        return F.relu(x)


@pytest.mark.parametrize("shortcut", ["pad", "projection"])
@pytest.mark.parametrize("names", [("layer1.0",), ("layer2.0", "layer3.1"), ("layer1.1", "layer2.0", "layer3.0")])
def test_against_a_network_without_them(shortcut: str, names: tuple[str, ...]) -> None:
    net = residual_net(repeats=2, width=4, shortcut=shortcut)
    before = state_of(net)
    model = model_from(net, (3, 8, 8))
    expected = copy.deepcopy(net)
    for name in names:
        stage, place = name.split(".")
        expected.get_submodule(stage)[int(place)] = Bare(expected.get_submodule(name))  # type: ignore[operator,arg-type]
    derived = derive(model, Edits(removed=names))
    x = pictures((3, 8, 8), 5)
    assert torch.equal(derived.net(x), expected(x))
    assert not torch.equal(derived.net(x), net(x))
    assert state_of(net) == before
    assert derived.badges == ("edited",)
    assert dict(derived.facts)["edits"].startswith(f"{len(names)} block")
    gone = {layer.name for layer in model.recording.layers} - {layer.name for layer in derived.recording.layers}
    assert {f"{name}.conv1" for name in names} <= gone


def test_costs_are_those_of_the_branch() -> None:
    net = residual_net(repeats=2, width=4, shortcut="projection")
    model = model_from(net, (3, 8, 8))
    derived = remove_blocks(model, ("layer2.0",))
    branch = 9 * 4 * 8 + 2 * 8 + 9 * 8 * 8 + 2 * 8
    assert model.recording.totals.parameters - derived.recording.totals.parameters == branch
    assert model.recording.totals.macs - derived.recording.totals.macs == (9 * 4 * 8 + 9 * 8 * 8) * 16
    assert any(key.startswith("layer2.0.project.0") for key in derived.net.state_dict())


class Inverted(nn.Module):
    """A block without an activation after its sum, as in MobileNetV2."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(4, 8, 1), nn.BatchNorm2d(8), nn.ReLU6(inplace=True), nn.Conv2d(8, 4, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x)


class InvertedNet(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 4, 1), Inverted(), Inverted(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
        )


def test_a_block_without_activation_becomes_nothing() -> None:
    net = fill(InvertedNet())
    derived = remove_blocks(model_from(net, (3, 6, 6)), ("1",))
    x = pictures((3, 6, 6))
    expected = nn.Sequential(net[0], *list(net)[2:])  # type: ignore[index,call-overload]
    assert torch.equal(derived.net(x), expected(x))


def test_what_comes_in_is_not_changed_in_place() -> None:
    """The block's activation works in place; with the sum gone it would overwrite what others may still need."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.block = nn.Conv2d(2, 2, 1), InPlace()

        def forward(self, x: Tensor) -> Tensor:
            x = self.first(x)
            return torch.cat([self.block(x), x], 1)

    net = fill(Net())
    x = pictures((2, 5, 5))
    derived = remove_blocks(model_from(net, (2, 5, 5)), ("block",))
    first = net.first(x)  # type: ignore[operator]
    assert torch.equal(derived.net(x), torch.cat([first.relu(), first], 1))


@pytest.mark.parametrize(
    ("net", "shape", "name", "words"),
    [
        (LoopBlock(), (2, 6, 6), "body#1", "used several times"),
        (Loop(), (2, 6, 6), "act#1", "no shortcut"),
        (ResidualNet(), (3, 8, 8), "layer9.0", "no shortcut"),
    ],
)
def test_what_cannot_go_is_refused_by_name(net: nn.Module, shape: tuple[int, ...], name: str, words: str) -> None:
    with pytest.raises(AnalysisError, match=words) as refusal:
        derive(model_from(fill(net), shape), Edits(removed=(name,)))
    assert name in str(refusal.value)
    assert refusal.value.hint


def test_exchanging_is_reversible() -> None:
    net = residual_net(repeats=2, width=4)
    model = model_from(net, (3, 8, 8))
    names = removable_blocks(model)
    assert names == tuple(f"layer{stage}.{place}" for stage in (1, 2, 3) for place in (0, 1))
    removal = Removal(model, names)
    x = pictures((3, 8, 8))
    for subset in (names, (), names[2:4], (names[0],)):
        assert torch.equal(removal.without(subset)(x), derive(model, Edits(removed=subset)).net(x))


@pytest.mark.zoo
@pytest.mark.parametrize(
    "name", ["torchvision:resnet18", "torchvision:resnext50_32x4d", "timm:resnet26", "torchvision:mobilenet_v2"]
)
def test_networks_of_the_libraries(name: str) -> None:
    model = models.load(ModelSource(name, ("random",), (3, 32, 32)), Compute(), trained=False)
    fill(model.net)
    blocks = [block.name for block in model.recording.blocks if block.residual]
    assert list(removable_blocks(model)) == blocks
    first, last = blocks[0], blocks[-1]
    derived = remove_blocks(model, (first, last))
    for place in (first, last):
        block = copy.deepcopy(model.net.get_submodule(place))
        shape = next(layer.input_shape for layer in model.recording.layers if layer.name == place)
        x = pictures(shape)
        down = getattr(block, "downsample", None)
        after = next((getattr(block, key) for key in ("act3", "act2", "relu") if hasattr(block, key)), nn.Identity())
        assert torch.equal(derived.net.get_submodule(place)(x), after((down or nn.Identity())(x.clone())))


@pytest.mark.parametrize("name", ["demo:fashion_resnet", "cifar_resnet20"])
def test_saved_and_reopened_with_the_same_logits(name: str, tmp_path: Path) -> None:
    source = ModelSource(name, () if name.startswith("demo") else ("random",))
    model = models.load(source, Compute(), trained=False)
    edits = Edits(removed=("layer1.2", "layer2.0", "layer3.1"))
    edited = derive(model, edits)
    path = tmp_path / "smaller.safetensors"
    models.save(edited, path, edits)
    opened = models.saved_edits(path)
    assert opened is not None
    assert opened[1] == edits
    again = models.load(ModelSource("auto", (str(path),)), Compute(), derive=derive)
    x = pictures(model.input_shape, 4)
    assert torch.equal(again.net(x), edited.net(x))
    assert "edited" in again.badges
    assert path.stat().st_size < 4 * model.recording.totals.parameters


def test_a_removed_block_is_measured_like_any_network(tmp_path: Path) -> None:
    """The engine opens saved edits, and carries out those of a request, with the same numbers."""
    from analysis.engine import run
    from analysis.request import ImageSource, Request
    from analysis.result import Result

    source, edits = ModelSource("demo:fashion_resnet"), Edits(removed=("layer1.1",))
    path = tmp_path / "smaller.safetensors"
    models.save(derive(models.load(source, Compute()), edits), path, edits)
    images = ImageSource("demo:test")
    asked = Result.of(run(Request("evaluate", source, images, edits=edits, limit=20)))
    stored = Result.of(run(Request("evaluate", ModelSource("auto", (str(path),)), images, limit=20)))
    assert asked["confidence"].tolist() == stored["confidence"].tolist()


def test_an_edit_that_nothing_applies_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    from analysis import derive as module

    monkeypatch.setattr(module, "STEPS", tuple((name, None if name == "ring" else step) for name, step in module.STEPS))
    model: Model = model_from(residual_net(), (3, 8, 8))
    with pytest.raises(AnalysisError, match="cannot apply this edit: weights shared"):
        derive(model, Edits(removed=("layer1.0",), ring=(("rings", "1"),)))
