"""Loading networks: what every model string and weights string does, and what each refusal says."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from analysis import models
from analysis.edits import Edits
from analysis.graph import record
from analysis.loading import architectures, checkpoints, constructors, factories, opening, sources
from analysis.loading.exported import inspect_exported
from analysis.model_cache import ModelCache
from analysis.models import Model
from analysis.networks import CifarResNet
from analysis.problems import AnalysisError
from analysis.request import Compute, ModelSource
from resources import make_networks

CPU = Compute()
ROOT = Path(__file__).parents[1]


def load(name: str, *weights: str | Path, compute: Compute = CPU, seed: int = 0, trained: bool = True, **more) -> Model:
    source = ModelSource(name, tuple(map(str, weights)), **more)
    return models.load(source, compute, seed=seed, trained=trained)


def refusal(name: str, *weights: str | Path, **more) -> AnalysisError:
    with pytest.raises(AnalysisError) as caught:
        load(name, *weights, **more)
    assert "\n" not in str(caught.value)
    return caught.value


def trained(net: nn.Module, seed: int = 1) -> nn.Module:
    """Give a network weights and running statistics as training would: no two alike, variances positive."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, tensor in net.state_dict().items():
            if tensor.is_floating_point():
                noise = torch.rand(tensor.shape, generator=generator)
                tensor.copy_(noise + 0.5 if "var" in key or tensor.ndim == 1 else (noise - 0.5) * 0.1)
    return net.eval()


def saved(folder: Path, net: nn.Module, name: str = "net.pth") -> Path:
    path = folder / name
    torch.save(net.state_dict(), path)
    return path


def same_state(a: nn.Module, b: nn.Module) -> bool:
    ours, theirs = a.state_dict(), b.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)


# ---- auto ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("depth", "option", "classes"), [(20, "A", 10), (20, "B", 100), (38, "A", 2), (110, "A", 100), (110, "B", 10)]
)
def test_auto_finds_residual_networks_for_small_pictures(depth: int, option: str, classes: int, tmp_path: Path) -> None:
    net = trained(CifarResNet(depth, option, classes=classes))
    model = load("auto", saved(tmp_path, net))
    assert model.name == f"cifar_resnet{depth}" + ("_b" if option == "B" else "")
    assert same_state(net, model.net)
    assert model.input_shape == (3, 32, 32)
    assert model.preprocessing.source == "network"
    assert model.preprocessing.mean == (0.485, 0.456, 0.406)
    assert (len(model.classes), model.classes[:1]) == ((10, ("airplane",)) if classes == 10 else (0, ()))
    assert model.badges == ()
    x = torch.randn(2, 3, 32, 32)
    assert torch.equal(net(x), model.net(x))


@pytest.mark.data
@pytest.mark.parametrize(("file", "name", "accuracy", "prec"), [
    ("resnet20-12fca82f.th", "cifar_resnet20", 0.915, "91.78"),
    ("resnet56-4bfd9763.th", "cifar_resnet56", 0.926, "93.62"),
])  # fmt: skip
def test_published_weights_reach_their_accuracy(file: str, name: str, accuracy: float, prec: str, data: Path) -> None:
    model = load("auto", data / "weights" / file)
    assert model.name == name
    assert {"best_prec1": prec, "prefix removed": "module.", "weights under": "state_dict"}.items() <= dict(
        model.facts
    ).items()
    with np.load(data / "cifar10" / "cifar_test1000.npz") as pictures:
        images, labels = pictures["images"], torch.from_numpy(pictures["labels"].astype(np.int64))
    x = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (model.preprocessing.mean, model.preprocessing.std))
    with torch.no_grad():
        answers = torch.cat([model.net(part).argmax(1) for part in ((x - mean) / std).split(250)])
    assert (answers == labels).float().mean().item() == pytest.approx(accuracy, abs=1e-6)


def test_nothing_of_the_zoo_is_imported_for_a_match_elsewhere(tmp_path: Path) -> None:
    path = saved(tmp_path, CifarResNet(20))
    code = (
        "import sys; from analysis import models; from analysis.request import *;"
        f"print(models.load(ModelSource('auto', (r'{path}',)), Compute()).name);"
        "print(sorted(set(sys.modules) & {'timm', 'torchvision'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.split("\n")[:2] == ["cifar_resnet20", "[]"]


def test_no_match_names_the_nearest_and_the_keys_that_differ(tmp_path: Path) -> None:
    net = CifarResNet(20)
    net.layer1[0].conv1 = nn.Conv2d(16, 12, 3, bias=False)
    del net.layer2[0].bn2
    error = refusal("auto", saved(tmp_path, net))
    assert error.code == "no_match"
    networks = [line for line in error.items if not line.startswith(" ")]
    assert len(networks) == 3
    # One convolution of another shape; weight, bias, mean and variance of one normalisation are absent.
    assert networks[0] == "cifar_resnet20: 5 keys differ"
    assert "    shape: layer1.0.conv1.weight is 12x16x3x3, not 16x16x3x3" in error.items
    assert "    missing: layer2.0.bn2.running_var 32" in error.items


def test_auto_needs_a_file() -> None:
    assert "no file is given" in str(refusal("auto"))
    assert "no file is given" in str(refusal("auto", "random"))


def test_several_files_are_not_one_network(tmp_path: Path) -> None:
    for name in ("epoch-10.pth", "epoch-9.pth"):
        saved(tmp_path, CifarResNet(20), name)
    error = refusal("auto", tmp_path)
    assert (error.code, error.items) == ("several", ("epoch-9.pth", "epoch-10.pth"))


def test_a_weight_file_may_stand_for_the_network(tmp_path: Path) -> None:
    path = saved(tmp_path, trained(CifarResNet(20)))
    assert load(str(path)).name == "cifar_resnet20"
    assert "weights are given as well" in str(refusal(str(path), path))


@pytest.mark.zoo
def test_equal_networks_count_as_one(tmp_path: Path) -> None:
    net = trained(constructors.build(architectures.named("torchvision:densenet121")[0]))
    model = load("auto", saved(tmp_path, net), input=(3, 64, 64))
    assert model.name == "torchvision:densenet121"
    assert dict(model.facts)["same network as"] == "timm:densenet121"
    assert same_state(net, model.net)
    assert model.input_shape == (3, 64, 64)


@pytest.mark.zoo
def test_networks_that_differ_are_a_choice_of_the_user(tmp_path: Path) -> None:
    row = architectures.named("timm:tf_efficientnet_lite0")[0]
    path = saved(tmp_path, trained(constructors.build(row, 7)))
    error = refusal("auto", path)
    assert error.code == "ambiguous"
    assert error.items == ("timm:efficientnet_lite0", "timm:tf_efficientnet_lite0")
    chosen = [load(name, path) for name in error.items]
    assert [dict(model.facts)["classes"] for model in chosen] == ["7, as in the file"] * 2
    x = torch.randn(1, 3, 224, 224)
    assert not torch.allclose(chosen[0].net(x), chosen[1].net(x), rtol=1e-3)


@pytest.mark.zoo
def test_the_keys_of_older_ports_are_understood(tmp_path: Path) -> None:
    row = next(row for row in architectures.named("timm:tf_efficientnet_lite0") if row.naming)
    net = trained(constructors.build(row))
    names = architectures.NAMINGS[row.naming](net.state_dict())
    assert names["blocks.1.0.conv_pw.weight"] == "_blocks.1._expand_conv.weight"
    assert names["blocks.6.0.bn3.running_var"] == "_blocks.15._bn2.running_var"
    assert len(set(names.values())) == len(net.state_dict())
    path = tmp_path / "port.pth"
    torch.save({names[key]: tensor for key, tensor in net.state_dict().items()}, path)
    for name in ("auto", "timm:tf_efficientnet_lite0"):
        model = load(name, path)
        assert model.name == "timm:tf_efficientnet_lite0"
        assert same_state(net, model.net)
        # As in the port: (x - 127) / 128 on pixels 0..255.
        assert (model.preprocessing.mean[0] * 255, model.preprocessing.std[0] * 255) == (127, 128)
    assert refusal("timm:efficientnet_lite0", path).code == "mismatch"


# ---- the table -------------------------------------------------------------------------------------------------------


def test_the_table_is_complete_and_in_order() -> None:
    rows = architectures.table()
    order = ["demo", "cifar", "torchvision", "timm"]
    kinds = [order.index(re.split("[:_]", row.name)[0]) for row in rows]
    assert kinds == sorted(kinds)
    assert {f"cifar_resnet{depth}{end}" for depth in range(20, 111, 6) for end in ("", "_b")} <= {r.name for r in rows}
    assert all(row.layout in architectures._lists() for row in rows)
    assert len({(row.name, row.layout) for row in rows}) == len(rows)


@pytest.mark.zoo
@pytest.mark.parametrize("name", [
    "cifar_resnet32_b",
    "torchvision:resnet18",
    "torchvision:googlenet",
    "torchvision:mobilenet_v3_small",
    "torchvision:regnet_y_400mf",
    "torchvision:squeezenet1_1",
    "timm:rexnet_100",
    "timm:ghostnet_100",
    "timm:levit_128s",
    "timm:convnext_atto",
    "timm:mobilenetv4_conv_small",
])  # fmt: skip
def test_the_table_says_what_the_packages_build(name: str) -> None:
    for row in architectures.named(name):
        if row.naming:
            continue
        for classes in (row.classes, 13):
            with torch.device("cpu"), constructors.quietly():
                state = constructors.build(row, classes).state_dict()
            matches = architectures.find(state)
            assert (row.name, classes) in [(match.architecture.name, match.classes) for match in matches]


@pytest.mark.zoo
def test_every_network_of_the_packages_is_in_the_table() -> None:
    import timm
    from torchvision import models as zoo

    listed = {f"timm:{name}" for name in timm.list_models()} | {
        f"torchvision:{name}" for name in zoo.list_models(module=zoo)
    }
    recorded = json.loads(architectures.TABLE.read_text(encoding="utf-8"))["versions"]
    if (timm.__version__, zoo.__name__) != (recorded["timm"], zoo.__name__):
        pytest.skip("another version of timm than the table was made with")
    assert listed <= {row.name for row in architectures.table()}


def test_the_script_makes_the_table_that_is_there() -> None:
    known = architectures.table()
    assert architectures.read_table("\n".join(make_networks.as_plain(list(known)))) == known
    fresh = [row for row, _ in make_networks.cifar()]
    assert fresh == [row for row in known if row.name.startswith("cifar_")]


# ---- named networks --------------------------------------------------------------------------------------------------


def test_random_is_what_the_constructor_makes_after_seeding() -> None:
    torch.manual_seed(1234)
    before = torch.get_rng_state()
    model = load("cifar_resnet20", "random", seed=5)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(5)
    assert same_state(CifarResNet(20), model.net)
    assert model.badges == ("random weights",)
    assert model.weights_sha256 == checkpoints.content_sha256(model.net.state_dict())
    other = load("cifar_resnet20", "random", seed=6)
    assert other.weights_sha256 != model.weights_sha256


def test_a_loaded_net_is_ready_to_measure() -> None:
    model = load("cifar_resnet20", "random")
    assert not any(module.training for module in model.net.modules())
    assert all(parameter.requires_grad for parameter in model.net.parameters())
    assert model.recording.layers[0].kind == "input"
    assert model.source == ModelSource("cifar_resnet20", ("random",))


def test_weights_must_be_asked_for_where_they_matter() -> None:
    error = refusal("cifar_resnet20")
    assert error.code == "needs_weights"
    assert all(word in error.hint for word in ("--weights", "pretrained", "random"))
    assert load("cifar_resnet20", trained=False).badges == ("random weights",)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("cifar_resnet20_c", "cifar_resnet20_b"),
        ("torchvision:resnet19", "torchvision:resnet18"),
        ("timm:rexnet_10", "timm:rexnet_100"),
        ("resnet18", "torchvision:NAME"),
        ("", "demo:NAME"),
    ],
)
def test_an_unknown_name_brings_the_nearest(name: str, nearest: str) -> None:
    error = refusal(name, "random")
    assert error.code in ("unknown_network", "missing_package")
    assert nearest in error.hint or error.code == "missing_package"


def test_weights_of_another_network_are_refused_key_by_key(tmp_path: Path) -> None:
    error = refusal("cifar_resnet20_b", saved(tmp_path, CifarResNet(20)))
    assert error.code == "mismatch"
    assert "10 missing" in str(error)
    assert error.items[0] == "missing: layer2.0.shortcut.0.weight (32, 16, 1, 1)"
    assert len(error.items) == 10


def test_weights_that_are_not_finite_are_flagged(tmp_path: Path) -> None:
    net = trained(CifarResNet(20))
    with torch.no_grad():
        net.layer1[0].conv1.weight[0, 0, 0, 0] = float("nan")
    model = load("auto", saved(tmp_path, net))
    assert model.badges == ("weights not finite",)
    assert dict(model.facts)["weights not finite"] == "layer1.0.conv1.weight"


def test_the_input_can_be_chosen() -> None:
    model = load("cifar_resnet20", "random", input=(3, 48, 40))
    assert model.input_shape == (3, 48, 40)
    assert model.recording.layers[0].shape == (3, 48, 40)
    assert model.preprocessing.size == (48, 40)
    assert "does not run" in str(refusal("cifar_resnet20", "random", input=(1, 32, 32)))


@pytest.mark.parametrize("name", ["timm:rexnet_100", "torchvision:resnet18"])
def test_a_missing_package_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("timm", "torchvision", "torchvision.models"):
        monkeypatch.setitem(sys.modules, package, None)
    error = refusal(name, "random")
    assert error.code == "missing_package"
    assert name.partition(":")[0] in str(error)
    assert "layerscope[zoo]" in error.hint


# ---- published weights -----------------------------------------------------------------------------------------------


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Empty caches, and a network that fails as soon as it is touched."""
    import socket

    def refuse(*_args: object, **_named: object) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "torch" / "hub" / "checkpoints"


@pytest.mark.zoo
@pytest.mark.parametrize("name", ["torchvision:squeezenet1_1", "timm:rexnet_100", "timm:resnet18.tv_in1k"])
def test_published_weights_come_from_the_cache_alone(name: str, offline: Path) -> None:
    error = refusal(name, "pretrained")
    assert error.code == "not_cached"
    assert "--download" in error.hint


@pytest.mark.zoo
def test_cached_weights_are_used(offline: Path) -> None:
    from torchvision import models as zoo

    net = trained(constructors.build(architectures.named("torchvision:squeezenet1_1")[0]))
    offline.mkdir(parents=True)
    file = offline / Path(zoo.SqueezeNet1_1_Weights.DEFAULT.url).name
    torch.save(net.state_dict(), file)
    model = load("torchvision:squeezenet1_1", "pretrained")
    assert same_state(net, model.net)
    assert model.badges == ()
    file.write_bytes(b"damaged")
    assert "damaged" in str(refusal("torchvision:squeezenet1_1", "pretrained"))


@pytest.mark.zoo
def test_weights_cached_by_the_hub_of_timm_are_used(
    offline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.constants
    import timm

    net = trained(timm.create_model("mobilenetv3_small_050"))
    known = timm.get_pretrained_cfg("mobilenetv3_small_050")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    folder = tmp_path / "hub" / ("models--" + known.hf_hub_id.replace("/", "--"))
    (folder / "snapshots" / "abc").mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("abc")
    safetensors.torch.save_file(net.state_dict(), folder / "snapshots" / "abc" / "model.safetensors")
    model = load("timm:mobilenetv3_small_050", "pretrained")
    assert same_state(net, model.net)
    assert len(model.classes) == len(model.synsets) == 1000
    assert model.synsets[0] == "n01440764"
    assert model.classes[0].startswith("tench")


def test_networks_without_published_weights_say_so() -> None:
    assert "published" in str(refusal("cifar_resnet20", "pretrained"))


# ---- the user's own code ---------------------------------------------------------------------------------------------

NET = "from torch import nn\ndef make():\n    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())\n"


def code(folder: Path, text: str, name: str = "mine.py") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_factory_is_called(tmp_path: Path) -> None:
    path = code(tmp_path, NET)
    model = load(f"{path}:make", trust=True)
    assert [layer.kind for layer in model.recording.layers][:3] == ["input", "conv", "activation"]
    assert model.source_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert set(model.badges) == {"preprocessing assumed", "input size assumed"}
    assert (model.preprocessing.mean, model.preprocessing.source) == ((), "assumed")
    assert load(f"{path}:make", trust=True).weights_sha256 == model.weights_sha256
    assert load(f"{path}:make", trust=True, input=(3, 8, 8)).input_shape == (3, 8, 8)
    weights = saved(tmp_path, trained(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())))
    assert load(f"{path}:make", weights, trust=True).weights_sha256 != model.weights_sha256


@pytest.mark.parametrize(
    ("text", "factory", "sentence"),
    [
        (NET, "mak", "has no function 'mak'"),
        (NET, "", "without a function"),
        ("def make(width): pass", "make", "needs arguments: width"),
        ("def make(*, width): pass", "make", "needs arguments: width"),
        ("def make(): return 3", "make", "returns a int, not a network"),
        ("def make(): pass", "make", "returns a NoneType"),
        ("make = 3", "make", "is no function but a int"),
        ("from torch import nn\nmake = nn.ReLU()", "make", "is a network itself"),
        ("def make():\n    return 1 / 0", "make", "fails in line 2 with ZeroDivisionError: division by zero"),
        ("import sys\ndef make(): sys.exit(3)", "make", "fails in line 2 with SystemExit: 3"),
        ("1 / 0\ndef make(): pass", "make", "fails in line 1 with ZeroDivisionError"),
        ("import nothing_of_this_name", "make", "fails in line 1 with ModuleNotFoundError"),
        ("def make(:", "make", "not valid Python in line 1"),
        ("\0", "make", "not valid Python"),
    ],
)
def test_what_a_factory_may_do_wrong(text: str, factory: str, sentence: str, tmp_path: Path) -> None:
    error = refusal(f"{code(tmp_path, text)}:{factory}", trust=True)
    assert sentence in str(error)
    assert error.hint


def test_the_nearest_functions_are_named(tmp_path: Path) -> None:
    path = code(tmp_path, NET)
    assert "make" in refusal(f"{path}:mak", trust=True).hint
    assert "make" in refusal(str(path), trust=True).hint
    assert "cannot be read" in str(refusal(f"{tmp_path / 'absent.py'}:make", trust=True))


def test_a_factory_may_import_its_neighbours(tmp_path: Path) -> None:
    code(tmp_path, "WIDTH = 4", "parts_of_mine.py")
    text = NET.replace("4", "WIDTH").replace("from torch", "from parts_of_mine import WIDTH\nfrom torch")
    path = code(tmp_path, text)
    before = list(sys.path)
    assert load(f"{path}:make", trust=True).recording.layers[1].channels == 4
    assert sys.path == before
    assert "parts_of_mine" not in sys.modules
    code(tmp_path, "WIDTH = 16", "parts_of_mine.py")
    assert load(f"{path}:make", trust=True).recording.layers[1].channels == 16


def test_paths_split_at_the_last_colon() -> None:
    path, factory = factories.split("C:\\nets\\mine.py:make")
    assert (str(path), factory) == ("C:\\nets\\mine.py", "make")
    assert factories.split("a:b.py:c.py:Net")[1] == "Net"
    assert factories.split("net.py")[1] == ""
    assert factories.split("timm:resnet18") is None
    assert factories.split("net.pyc:make") is None


def test_a_trusted_file_may_be_the_network(tmp_path: Path) -> None:
    path = tmp_path / "whole.pth"
    net = trained(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU()))
    torch.save(net, path)
    assert refusal(str(path)).code == "needs_trust"
    model = load(str(path), trust=True)
    assert (model.name, model.input_shape[0]) == ("whole.pth", 1)
    assert same_state(net, model.net)


# ---- exported programs -----------------------------------------------------------------------------------------------


class Mixed(nn.Module):
    """Strides, groups, dilation, transposed and shared convolutions, functional and module activations."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.act = nn.SiLU()
        self.deep = nn.Conv2d(8, 8, (3, 1), groups=8, dilation=(2, 1), bias=False)
        self.up = nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.loop = nn.Conv2d(4, 4, 1)
        self.bn = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.up(self.deep(self.act(self.stem(x))))
        x = torch.relu(self.loop(self.bn(self.loop(x))))
        return self.fc(x.mean((2, 3)))


def exported(folder: Path, net: nn.Module, shape: tuple[int, ...], free: bool = False) -> Path:
    path = folder / "net.pt2"
    dims = ({0: torch.export.Dim("batch")},) if free else None
    torch.export.save(torch.export.export(net.eval(), (torch.zeros(shape),), dynamic_shapes=dims), path)
    return path


@pytest.mark.parametrize("make", [Mixed, lambda: CifarResNet(20), lambda: CifarResNet(20, "B")])
def test_an_archive_tells_the_same_as_a_recording(make: Callable[[], nn.Module], tmp_path: Path) -> None:
    net = trained(make())
    told = inspect_exported(exported(tmp_path, net, (2, 3, 32, 32)))
    seen = record(net, (3, 32, 32))
    costed = [layer for layer in seen.layers if layer.kind in ("conv", "linear", "activation")]

    def facts(layers):
        names = ("kind", "shape", "input_shape", "kernel", "stride", "dilation", "groups", "macs", "parameters")
        return [tuple(getattr(layer, name) for name in names) for layer in layers]

    assert facts(told.layers) == facts(costed)
    assert [x.name for x in told.layers if x.kind != "activation"] == [x.name for x in costed if x.kind != "activation"]
    assert (told.totals.parameters, told.totals.macs) == (seen.totals.parameters, seen.totals.macs)
    assert (told.input_shape, told.output_shape, told.batch) == ((3, 32, 32), seen.output_shape, 2)
    state = net.state_dict()
    assert {weight.name: weight.shape for weight in told.weights} == {k: tuple(v.shape) for k, v in state.items()}
    assert {weight.name for weight in told.weights if weight.trained} == {k for k, _ in net.named_parameters()}


@pytest.mark.parametrize("free", [False, True])
def test_a_trusted_program_computes_what_the_network_computes(free: bool, tmp_path: Path) -> None:
    net = trained(Mixed())
    path = exported(tmp_path, net, (2, 3, 16, 16), free)
    assert refusal(str(path)).code == "needs_trust"
    model = load(str(path), trust=True)
    assert model.exported
    assert "exported program" in model.badges
    x = torch.randn(5, 3, 16, 16)  # no multiple of the two pictures the program was made for
    torch.testing.assert_close(model.net(x), net(x))
    model.net.train()
    model.net.eval()
    assert "brings its own weights" in str(refusal(str(path), "random", trust=True))
    assert "float32" in str(refusal(str(path), trust=True, compute=Compute(dtype="float64")))


# ---- device, type, memory format -------------------------------------------------------------------------------------


def test_devices_are_listed_and_opened() -> None:
    there = models.devices()
    assert there[0].name == "cpu"
    assert there[0].total > there[0].free > 0
    assert models.open_device("cpu") == torch.device("cpu")
    if not torch.cuda.is_available():
        with pytest.raises(AnalysisError, match="no device 'cuda'") as caught:
            models.open_device("cuda")
        assert "cpu" in caught.value.hint
    for name in ("cuda:99", "gpu", "cuda:x", "cpu:1", ""):
        with pytest.raises(AnalysisError):
            models.open_device(name)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_type_and_memory_format_are_set_and_the_hash_stays(dtype: str) -> None:
    model = load("cifar_resnet20", "random", compute=Compute(dtype=dtype, channels_last=True))
    assert {p.dtype for p in model.net.parameters()} == {getattr(torch, dtype)} == {model.dtype}
    assert model.net.layer2[0].conv1.weight.is_contiguous(memory_format=torch.channels_last)
    assert model.weights_sha256 == load("cifar_resnet20", "random").weights_sha256
    assert "'float31'" in str(refusal("cifar_resnet20", "random", compute=Compute(dtype="float31")))


@pytest.mark.gpu
def test_a_network_goes_to_the_gpu_and_keeps_its_hash() -> None:
    model = load("cifar_resnet20", "random", compute=Compute(device="cuda"))
    assert model.device == torch.device("cuda:0")
    assert all(tensor.device == model.device for tensor in model.net.state_dict().values())
    plain = load("cifar_resnet20", "random")
    assert (model.weights_sha256, model.recording.totals) == (plain.weights_sha256, plain.recording.totals)
    info = next(info for info in models.devices() if info.name == "cuda:0")
    assert info.total >= info.free > 0
    assert info.title


# ---- several checkpoints ---------------------------------------------------------------------------------------------


def test_checkpoints_come_in_natural_order(tmp_path: Path) -> None:
    for number in (10, 9, 1):
        saved(tmp_path, CifarResNet(20), f"epoch-{number}.pth")
    code(tmp_path, "notes", "epoch-2.txt")
    expected = ["epoch-1.pth", "epoch-9.pth", "epoch-10.pth"]
    for weights in ((tmp_path,), (tmp_path / "epoch-*",), (tmp_path / "epoch-10.pth", tmp_path / "epoch-?.pth")):
        found = models.checkpoints(ModelSource("auto", tuple(map(str, weights))))
        assert [Path(path).name for path in found] == expected
    with pytest.raises(AnalysisError, match="No file fits"):
        models.checkpoints(ModelSource("auto", (str(tmp_path / "other-*"),)))
    for weights in ((), ("random",), ("random", str(tmp_path))):
        with pytest.raises(AnalysisError):
            models.checkpoints(ModelSource("auto", weights))
    (tmp_path / "empty").mkdir()
    with pytest.raises(AnalysisError, match="holds no weight files"):
        sources.expand([str(tmp_path / "empty")])


def test_a_file_with_brackets_in_its_name_is_itself(tmp_path: Path) -> None:
    path = saved(tmp_path, CifarResNet(20), "run[1].pth")
    assert load("auto", path).name == "cifar_resnet20"


# ---- the cache -------------------------------------------------------------------------------------------------------


def test_the_last_network_is_kept_until_something_changes(tmp_path: Path) -> None:
    path = saved(tmp_path, trained(CifarResNet(20), 1))
    source = ModelSource("auto", (str(path),))
    cache = ModelCache()
    first = cache.get(source, CPU)
    assert cache.get(source, CPU) is first
    assert cache.get(source, replace(CPU, batch=7, threads=2)) is first
    assert cache.get(source, replace(CPU, dtype="float64")) is not first
    again = cache.get(source, CPU)
    saved(tmp_path, trained(CifarResNet(20), 2))
    os.utime(path, ns=(1, 1))
    assert cache.get(source, CPU).weights_sha256 != again.weights_sha256
    random = ModelSource("cifar_resnet20")
    assert cache.get(random, CPU, trained=False).badges
    with pytest.raises(AnalysisError):
        cache.get(random, CPU, trained=True)
    with pytest.raises(AnalysisError):
        cache.get(ModelSource("auto", (str(tmp_path / "absent.pth"),)), CPU)


def test_a_changed_factory_is_read_again(tmp_path: Path) -> None:
    path = code(tmp_path, NET)
    cache = ModelCache()
    source = ModelSource(f"{path}:make", trust=True)
    assert cache.get(source, CPU).recording.layers[1].channels == 4
    code(tmp_path, NET.replace("4", "12"))
    assert cache.get(source, CPU).recording.layers[1].channels == 12


# ---- networks that LayerScope saved ----------------------------------------------------------------------------------


def test_a_saved_network_opens_again(tmp_path: Path) -> None:
    model = load("auto", saved(tmp_path, trained(CifarResNet(20, classes=3))), input=(3, 40, 40))
    path = tmp_path / "kept.safetensors"
    models.save(model, path, Edits())
    for again in (load("auto", path), load(str(path))):
        assert same_state(model.net, again.net)
        assert (again.name, again.input_shape) == (model.name, (3, 40, 40))
        assert again.preprocessing == model.preprocessing
        assert again.weights_sha256 == model.weights_sha256
    assert models.saved_edits(path) == (ModelSource("cifar_resnet20", input=(3, 40, 40)), Edits())
    assert models.saved_edits(tmp_path / "net.pth") is None


def test_an_edited_network_is_made_anew_and_then_filled(tmp_path: Path) -> None:
    edits = Edits(widths=(("layer1.0.conv1", 4),))

    def derive(model: Model, wanted: Edits) -> Model:
        assert wanted == edits
        net = CifarResNet(20)
        net.layer1[0].conv1 = nn.Conv2d(16, 4, 3, padding=1, bias=False)
        net.layer1[0].bn1 = nn.BatchNorm2d(4)
        net.layer1[0].conv2 = nn.Conv2d(4, 16, 3, padding=1, bias=False)
        return replace(model, net=net)

    base = load("cifar_resnet20", "random")
    edited = derive(base, edits)
    trained(edited.net)
    path = tmp_path / "edited.safetensors"
    models.save(edited, path, edits)
    source = ModelSource("auto", (str(path),))
    assert refusal("auto", path).code == "edited"
    again = models.load(source, CPU, derive=derive)
    assert same_state(edited.net, again.net)
    assert {layer.name: layer.channels for layer in again.recording.layers}["layer1.0.conv1"] == 4
    assert again.badges == ("edited",)
    assert dict(again.facts)["edits"] == "1 width edited"
    assert ModelCache(derive).get(source, CPU).weights_sha256 == again.weights_sha256
    assert models.saved_edits(path) == (ModelSource("cifar_resnet20", input=(3, 32, 32)), edits)


def test_a_saved_factory_network_needs_trust_again(tmp_path: Path) -> None:
    model = load(f"{code(tmp_path, NET)}:make", trust=True, input=(3, 9, 9))
    path = tmp_path / "kept.safetensors"
    models.save(model, path, Edits())
    assert refusal("auto", path).code == "needs_trust"
    again = load("auto", path, trust=True)
    assert same_state(model.net, again.net)
    assert again.source_sha256 == model.source_sha256
    assert "preprocessing assumed" in again.badges


def test_changed_weights_in_a_saved_network_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "kept.safetensors"
    models.save(load("cifar_resnet20", "random"), path, Edits())
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert "damaged" in str(refusal("auto", path))


# ---- live networks ---------------------------------------------------------------------------------------------------


def test_a_live_network_is_described_and_left_alone() -> None:
    net = CifarResNet(20).double().train()
    net.layer1.eval()
    before = {name: dict(vars(module)) for name, module in net.named_modules()}
    model = models.model_from(net)
    assert model.net is net
    assert (model.dtype, model.input_shape, model.name) == (torch.float64, (3, 32, 32), "CifarResNet")
    assert model.badges == ()
    assert {name: dict(vars(module)) for name, module in net.named_modules()} == before
    assert models.model_from(net, (3, 20, 20)).input_shape == (3, 20, 20)


def test_a_network_that_runs_on_nothing_is_refused() -> None:
    class Fixed(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.reshape(len(x), 7)

    with pytest.raises(AnalysisError, match="runs on no square picture"):
        models.model_from(Fixed())


# ---- the demo --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["fashion_resnet", "fashion_plain"])
def test_the_demo_brings_its_checkpoints(name: str) -> None:
    files = models.checkpoints(ModelSource(f"demo:{name}"))
    assert len(files) >= 6
    model = load(f"demo:{name}")
    assert model.name == f"demo:{name}"
    assert model.badges == ()
    assert model.preprocessing.source == "network"
    assert (model.input_shape, len(model.classes)) == ((1, 28, 28), 10)
    assert model.weights_sha256 == load(f"demo:{name}", files[-1]).weights_sha256
    first = load(f"demo:{name}@{Path(files[0]).stem}")
    assert first.weights_sha256 == load("auto", files[0]).weights_sha256 != model.weights_sha256
    assert load("auto", files[-1]).name == f"demo:{name}"
    assert load(f"demo:{name}", "random").badges == ("random weights",)
    assert "epoch" in refusal(f"demo:{name}@nonsense").hint
    assert f"demo:{name}" in refusal(f"demo:{name[:-1]}").hint


def test_answers_are_equal_only_up_to_rounding() -> None:
    a = torch.tensor([1.0, 100.0])
    assert opening.same(a, a + 1e-4)
    assert not opening.same(a, a + 1e-2)
    assert not opening.same(a, torch.tensor([1.0, float("nan")]))
    assert not opening.same(a[:0], a[:0])
