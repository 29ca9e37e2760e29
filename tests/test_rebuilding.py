"""The Python file beside a saved network, run where LayerScope is not: same outputs, bit for bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from analysis.__main__ import main
from analysis.derive import derive
from analysis.edits import Edits
from analysis.engine import run
from analysis.live import measure
from analysis.measures.widths.legal import nearest
from analysis.models import Model, load, save
from analysis.rebuilding.file import write_python
from analysis.request import Compute, ModelSource, Request
from analysis.result import Result
from analysis.surgery.dissecting import dissect

FACTORY = """
import torch
from torch import nn
import neighbour

class Split(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(12, 12, 3, padding=1, groups=4)
        self.twin = nn.Conv2d(12, 12, 3, padding=1, groups=4)
        self.twin.weight = self.conv.weight
        self.slope = nn.PReLU(12)
        self.scale = nn.Parameter(torch.rand(12, 1, 1))

    def forward(self, x):
        y = self.twin(self.slope(self.conv(x))) * self.scale
        return torch.cat([y[:, :5] + x[:, :5], y[:, 5:]], dim=1)

def make():
    return nn.Sequential(
        nn.Conv2d(3, 12, 3), Split(), neighbour.norm(12), nn.ReLU(), nn.Flatten(), nn.Linear(12 * 36, 4)
    )
"""
NEIGHBOUR = "from torch import nn\ndef norm(width):\n    return nn.BatchNorm2d(width)\n"
NAMES = (
    "demo:fashion_resnet",
    "cifar_resnet20",
    pytest.param("torchvision:resnet18", marks=pytest.mark.zoo),
    pytest.param("torchvision:mobilenet_v2", marks=pytest.mark.zoo),
    pytest.param("torchvision:shufflenet_v2_x0_5", marks=pytest.mark.zoo),
    pytest.param("torchvision:squeezenet1_1", marks=pytest.mark.zoo),
    pytest.param("timm:rexnet_100", marks=pytest.mark.zoo),
    "factory",
    "removed",
)
BARE = """
import json, runpy, sys, importlib.abc
class NoLayerScope(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("analysis", "app", "layerscope"):
            raise ImportError("this is a place without LayerScope")
sys.meta_path.insert(0, NoLayerScope())
import torch
from safetensors.torch import load_file
torch.set_num_threads(1)
found = {}
for path in sys.argv[1:]:
    try:
        net = runpy.run_path(path)["make"]()
        given = load_file(path.replace(".py", ".reference"))
        with torch.no_grad():
            output = net(given["picture"])
        parts = [p.numel() for p in net.parameters()]
        found[path] = [bool(torch.equal(output, given["output"])), sum(parts), net.training]
    except BaseException as error:
        found[path] = [f"{type(error).__name__}: {error}", 0, True]
print(json.dumps(found))
"""


def source_of(name: str, folder: Path) -> ModelSource:
    if name == "factory":
        return ModelSource(f"{folder / 'nets' / 'mine.py'}:make", input=(3, 8, 8), trust=True)
    if name == "removed":
        return ModelSource("torchvision:resnet18", ("random",), input=(3, 64, 64))
    if name.startswith(("torchvision", "timm")):
        return ModelSource(name, ("random",), input=(3, 64, 64))
    return ModelSource(name) if name.startswith("demo") else ModelSource(name, ("random",))


def changed(model: Model, removed: tuple[str, ...] = ()) -> Edits:
    """Narrow every second group and widen the others."""
    base = derive(model, Edits(removed=removed))
    groups = dissect(base.net, base.input_shape, base.name).groups
    rng = np.random.default_rng(1)
    widths = {}
    for place, group in enumerate(groups.free):
        widths[group.name] = nearest(groups, group.name, group.width * rng.uniform(*((0.4, 1), (1, 1.7))[place % 2]))
    return Edits(removed=removed, widths=tuple(widths.items()))


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Model, list[object], str]]:
    """Edit, save and reopen all networks; run all their files in one process that has no LayerScope."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("rebuilt")
    (folder / "nets").mkdir()
    (folder / "nets" / "mine.py").write_text(FACTORY)
    (folder / "nets" / "neighbour.py").write_text(NEIGHBOUR)
    edited, texts, files = {}, {}, {}
    for item in NAMES:
        name = item if isinstance(item, str) else str(item.values[0])
        path = folder / f"{name.replace(':', '_')}.safetensors"
        model = load(source_of(name, folder), Compute())
        edits = changed(model, ("layer1.1", "layer3.0") if name == "removed" else ())
        assert edits.widths, name
        edited[name] = derive(model, edits)
        save(edited[name], path, edits)
        written = write_python(edited[name], path, edits)
        assert written.reason == "", name
        picture = torch.rand(2, *model.input_shape)
        with torch.no_grad():
            output = edited[name].net(picture.clone())
        if name in ("factory", "removed", "cifar_resnet20"):  # the others are reopened in test_width_walk.py
            again = load(ModelSource("auto", (str(path),), trust=True), Compute(), derive=derive).net
            with torch.no_grad():
                assert torch.equal(again(picture.clone()), output), f"{name} reopens with other outputs"
        safetensors.torch.save_file({"picture": picture, "output": output}, path.with_suffix(".reference"))
        files[name], texts[name] = written.path, Path(written.path).read_text()
    torch.set_num_threads(threads)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    command = [sys.executable, "-I", "-W", "ignore", "-c", BARE, *files.values()]
    done = subprocess.run(command, cwd=folder / "nets", env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    return {name: (edited[name], found[files[name]], texts[name]) for name in edited}


@pytest.mark.parametrize("name", NAMES)
def test_same_outputs_without_layerscope(name: str, rebuilt: dict[str, tuple[Model, list[object], str]]) -> None:
    model, (same, parameters, training), _ = rebuilt[name]
    assert same is True
    assert parameters == sum(parameter.numel() for parameter in model.net.parameters())  # ties are still ties
    assert training is False


def test_files_are_for_people(rebuilt: dict[str, tuple[Model, list[object], str]]) -> None:
    for name, (model, _, text) in rebuilt.items():
        assert "analysis" not in text
        assert "# type:" not in text
        assert str(model.input_shape) in text
        assert max(map(len, text.splitlines())) <= 120, name
        compile(text, name, "exec")
    resnet, shuffled, own = (rebuilt[name][2] for name in NAMES_OF_THREE)
    assert 'torchvision.models.get_model("resnet18", weights=None)' in resnet
    assert "FORWARDS" not in resnet
    assert "slice(" not in shuffled
    assert "torch.index_select" in shuffled
    assert "class CifarResNet(nn.Module)" in own
    assert "class PlainCnn" not in own  # only what is used comes along


NAMES_OF_THREE = ("torchvision:resnet18", "torchvision:shufflenet_v2_x0_5", "cifar_resnet20")


def test_another_number_of_classes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = load(ModelSource("cifar_resnet20", ("random",)), Compute())
    model.net.linear = torch.nn.Linear(64, 7)
    safetensors.torch.save_file(model.net.state_dict(), tmp_path / "seven.safetensors")
    seven = load(ModelSource("auto", (str(tmp_path / "seven.safetensors"),)), Compute())
    edits = Edits(widths=(("conv1", 9),))
    edited = derive(seven, edits)
    save(edited, tmp_path / "thin.safetensors", edits)
    written = write_python(edited, tmp_path / "thin.safetensors", edits)
    assert written.reason == ""
    assert "classes=7" in Path(written.path).read_text()
    again = load(ModelSource("auto", (str(tmp_path / "thin.safetensors"),)), Compute(), derive=derive)
    picture = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(again.net(picture), edited.net(picture))


# ---- where none is written -------------------------------------------------------------------------------------------


def saved(tmp_path: Path, edits: Edits) -> Result:
    path = str(tmp_path / "net.safetensors")
    source = ModelSource("demo:fashion_resnet")
    request = Request("save_network", source, None, edits, (("path", path),), compute=Compute(threads=1))
    return Result.of(run(request))


def test_a_run_says_which_file_was_written_or_why_none(tmp_path: Path) -> None:
    facts = saved(tmp_path, Edits(widths=(("conv1", 5),))).facts
    assert facts["python"] == str(tmp_path / "net.py")
    assert facts["python_reason"] == ""
    result = saved(tmp_path, Edits(geometry=(("layer3.0.conv1", "dil2"),)))
    assert result.facts["python"] == ""
    assert result.facts["python_reason"].startswith("No Python file was written: convolutions with another dilation")
    assert "no_python_file" in [warning.code for warning in result.warnings]
    assert not (tmp_path / "net.py").exists()  # the one before would rebuild another network


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    own = tmp_path / "net.py"
    own.write_text("print('mine')\n")
    result = saved(tmp_path, Edits(widths=(("conv1", 5),)))
    assert "net.py is there already" in result.facts["python_reason"]
    assert own.read_text() == "print('mine')\n"


def test_a_live_network_has_no_source(tmp_path: Path) -> None:
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    result = measure("save_network", net, torch.rand(1, 3, 8, 8), path=str(tmp_path / "live.safetensors"))
    assert "is in no code that could be imported" in result.facts["python_reason"]


def test_what_does_not_compute_the_same_is_not_written(tmp_path: Path) -> None:
    model = load(ModelSource("demo:fashion_resnet"), Compute())
    path = tmp_path / "net.safetensors"
    save(model, path, Edits())
    torch.nn.init.ones_(model.net.conv1.weight)  # type: ignore[union-attr, arg-type]  # not what was saved
    assert "gives other outputs" in write_python(model, path, Edits()).reason
    assert "no code" in write_python(replace(model, name="resnet.pth"), path, Edits()).reason


def test_the_command_line_writes_it_and_it_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, out = tmp_path / "widths.txt", tmp_path / "thin.safetensors"
    text.write_text("conv1 5\nlayer2.0.conv1 21\n")
    assert main(["apply", str(text), "--model", "demo:fashion_resnet", "--out", str(out)]) == 0
    assert "thin.py" in capsys.readouterr().out
    done = subprocess.run([sys.executable, "-I", str(tmp_path / "thin.py")], capture_output=True, text=True, check=True)
    model = load(ModelSource("auto", (str(out),)), Compute(), derive=derive)
    assert done.stdout.strip() == f"outputs (1, 10), {model.recording.totals.parameters:,} parameters"
