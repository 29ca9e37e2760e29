"""Networks that were edited, saved, opened and edited again: same logits bit for bit, and the whole way in the file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from analysis.__main__ import main
from analysis.derive import derive
from analysis.edits import Edits
from analysis.engine import run
from analysis.events import Outcome
from analysis.loading.checkpoints import parse_saved
from analysis.measures.widths.legal import nearest
from analysis.models import Model, load, save, saved_edits
from analysis.problems import AnalysisError
from analysis.rebuilding.file import write_python
from analysis.records import from_plain, to_plain
from analysis.request import Compute, ImageSource, ModelSource, Request
from analysis.result import Result
from analysis.surgery.dissecting import dissect
from tests.test_rebuilding import BARE

pytestmark = pytest.mark.usefixtures("one_thread")

ONE = Compute(threads=1)
FACTORY = """
import torch
from torch import nn

class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.a, self.b = nn.Conv2d(3, 12, 3), nn.Conv2d(12, 12, 1), nn.Conv2d(12, 12, 1)
        self.b.weight = self.a.weight
        self.slope, self.wide, self.head = nn.PReLU(12), nn.Conv2d(12, 20, 1), nn.Linear(20, 4)

    def forward(self, x):
        x = self.b(self.slope(self.a(self.stem(x))))
        y = self.wide(x)
        return self.head(torch.cat([y[:, :12] + x, y[:, 12:]], dim=1).mean((2, 3)))

def make():
    return Tied()
"""
NETWORKS = (
    "cifar_resnet20",
    "factory",
    pytest.param("torchvision:shufflenet_v2_x0_5", marks=[pytest.mark.zoo, pytest.mark.slow]),
    pytest.param("timm:rexnet_100", marks=[pytest.mark.zoo, pytest.mark.slow]),
)
FACTORS = {"narrow": (0.6, 0.9), "widen": (1.5, 1.2), "both": (0.7, 1.3)}
"""By how much every second group, and the others, change at each saving."""


def opened(name: str, folder: Path) -> Model:
    if name == "factory":
        (folder / "mine.py").write_text(FACTORY)
        return load(ModelSource(f"{folder / 'mine.py'}:make", input=(3, 8, 8), trust=True), ONE)
    if name.startswith(("torchvision", "timm")):
        return load(ModelSource(name, ("random",), input=(3, 64, 64)), ONE)
    return load(ModelSource(name, () if name.startswith("demo") else ("random",)), ONE)


def again(path: Path) -> Model:
    return load(ModelSource("auto", (str(path),), trust=True), ONE, derive=derive)


def changed(model: Model, factors: tuple[float, float]) -> Edits:
    groups = dissect(model.net, model.input_shape, model.name).groups
    pairs = ((group.name, group.width * factors[place % 2]) for place, group in enumerate(groups.free))
    return Edits(widths=tuple((name, nearest(groups, name, width)) for name, width in pairs))


def logits(model: Model, picture: Tensor) -> Tensor:
    with torch.no_grad():
        found: Tensor = model.net(picture.clone())
    return found


def tied(net: nn.Module) -> int:
    """Names of parameters beyond the first of each."""
    return len(list(net.named_parameters(remove_duplicate=False))) - len(list(net.parameters()))


@dataclass
class Walked:
    """What three rounds of editing, saving and opening have left."""

    models: list[Model]
    edits: list[Edits]
    paths: list[Path]


@pytest.fixture(scope="module", params=NETWORKS)
def walked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Walked:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("again")
    model = opened(request.param, folder)
    picture = torch.rand(2, *model.input_shape)
    ties = tied(model.net)
    assert (ties > 0) == (request.param == "factory")
    found = Walked([model], [], [])
    for word, factors in FACTORS.items():
        edits = changed(model, factors)
        edited = derive(model, edits)
        if word == "widen":
            before = logits(model, picture)
            assert float((logits(edited, picture) - before).abs().max() / before.abs().max()) < 1e-5
        path = folder / f"{word}.safetensors"
        save(edited, path, edited.edits)
        assert write_python(edited, path, edited.edits).reason == ""
        output = logits(edited, picture)
        safetensors.torch.save_file({"picture": picture, "output": output}, path.with_suffix(".reference"))
        model = again(path)
        assert torch.equal(logits(model, picture), output), word
        assert tied(model.net) == ties
        found.models.append(model)
        found.edits.append(edits)
        found.paths.append(path)
    return found


def test_the_file_holds_all_edits_in_their_order(walked: Walked) -> None:
    for count, path in enumerate(walked.paths, start=1):
        known = saved_edits(path)
        assert known is not None
        source, edits = known
        assert source.name == walked.models[0].name
        assert [step.widths for step in edits.steps] == [step.widths for step in walked.edits[:count]]
        beside = json.loads(path.with_suffix(".json").read_text())
        assert from_plain(Edits, beside["edits"]) == edits == walked.models[count].edits
        assert dict(walked.models[count].facts)["edits"].count("then") == count - 1


def test_what_is_tied_stays_the_same(walked: Walked) -> None:
    """New forwards look places of channels up and pad with zeros: neither ties channels that were free before."""
    found = [dissect(model.net, model.input_shape, model.name).groups for model in walked.models]
    assert found[0].free
    for groups in found[1:]:
        assert [(group.name, group.step) for group in groups.free] == [(g.name, g.step) for g in found[0].free]
        assert [len(group.variables) for group in groups.free] == [len(g.variables) for g in found[0].free]


def test_all_edits_at_once_give_the_same_network(walked: Walked) -> None:
    """What the last file says, applied to the network before all of it."""
    edits = walked.models[-1].edits
    once, stepwise = derive(walked.models[0], edits).net.state_dict(), walked.models[-1].net.state_dict()
    assert list(once) == list(stepwise)
    assert all(torch.equal(tensor, stepwise[name]) for name, tensor in once.items())


def test_the_python_files_need_no_layerscope(walked: Walked) -> None:
    files = [str(path.with_suffix(".py")) for path in walked.paths]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    command = [sys.executable, "-I", "-W", "ignore", "-c", BARE, *files]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    for file, (same, parameters, training) in json.loads(done.stdout.splitlines()[-1]).items():
        assert (same, training) == (True, False), file
        place = files.index(file)
        assert parameters == sum(parameter.numel() for parameter in walked.models[place + 1].net.parameters())
        assert Path(file).read_text().splitlines()[0].count(", then ") == place


# ---- by the engine and by hand ---------------------------------------------------------------------------------------


def test_the_engine_saves_a_reopened_network(tmp_path: Path) -> None:
    """The check compares with the file as opened; saving writes the whole way."""
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"

    def finished(method: str, source: ModelSource, edits: Edits, **params: str) -> Result:
        images = ImageSource("demo:test") if method != "save_network" else None
        result = Result.of(run(Request(method, source, images, edits, tuple(params.items()), limit=32, compute=ONE)))
        assert result.finished is not None
        assert result.finished.outcome is Outcome.COMPLETED, result.finished.problem
        return result

    demo, narrow, wide = (
        ModelSource("demo:fashion_resnet"),
        Edits(widths=(("conv1", 12),)),
        Edits(widths=(("conv1", 20),)),
    )
    finished("save_network", demo, narrow, path=str(first))
    source = ModelSource("auto", (str(first),))
    check = finished("edited_check", source, wide)
    assert check["difference"][1] < 1e-5  # widening keeps what the file computes
    assert check["parameters"][0] == again(first).recording.totals.parameters
    facts = finished("save_network", source, wide, path=str(second)).facts
    assert facts["edits"] == "1 width edited, then 1 width edited"
    assert facts["python"]
    one = finished("evaluate", source, wide)
    other = finished("evaluate", ModelSource("auto", (str(second),)), Edits())
    assert (one["confidence"] == other["confidence"]).all()
    kept = finished("save_network", source, Edits(), path=str(tmp_path / "copy.safetensors"))
    assert kept.facts["edits"] == "1 width edited"
    assert (tmp_path / "copy.safetensors").read_bytes() == first.read_bytes()


def test_the_command_line_applies_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [tmp_path / "one.safetensors", tmp_path / "two.safetensors"]
    model = ["demo:fashion_resnet", str(paths[0])]
    for text, name, path in zip(("conv1 6\nlayer2.0.conv1 21\n", "conv1 11\n"), model, paths, strict=True):
        (tmp_path / "widths.txt").write_text(text)
        assert main(["apply", str(tmp_path / "widths.txt"), "--model", name, "--out", str(path)]) == 0
    assert "2 widths edited, then 1 width edited" in capsys.readouterr().out
    assert [step.widths for step in again(paths[1]).edits.steps] == [
        (("conv1", 6), ("layer2.0.conv1", 21)),
        (("conv1", 11),),
    ]
    done = subprocess.run([sys.executable, "-I", str(tmp_path / "two.py")], capture_output=True, text=True, check=True)
    assert f"{again(paths[1]).recording.totals.parameters:,} parameters" in done.stdout


def test_other_edits_after_a_saved_one(tmp_path: Path) -> None:
    """Blocks removed from a narrowed network that was opened again, then narrowed once more."""
    model = load(ModelSource("demo:fashion_resnet"), ONE)
    for number, edits in enumerate(
        (Edits(widths=(("conv1", 11),)), Edits(removed=("layer1.1",)), Edits(widths=(("layer3.0.conv1", 30),)))
    ):
        edited, path = derive(model, edits), tmp_path / f"{number}.safetensors"
        save(edited, path, edited.edits)
        assert write_python(edited, path, edited.edits).reason == ""
        model = again(path)
        picture = torch.rand(2, *model.input_shape)
        assert torch.equal(logits(model, picture), logits(edited, picture))
    assert model.edits.summary() == "1 width edited, then 1 block removed, then 1 width edited"


def test_weights_shared_before_and_after_narrowing(tmp_path: Path) -> None:
    """A ring in the file, then narrowed: saved in full. Narrowed, then a ring: saved as a ring."""
    for number, order in enumerate((("ring", "widths"), ("widths", "ring"))):
        model = load(ModelSource("demo:fashion_resnet"), ONE)
        for word in order:
            value = (("ratio", "0.5"),) if word == "ring" else (("layer2.0.conv1", 20),)
            edited, path = derive(model, replace(Edits(), **{word: value})), tmp_path / f"{number}{word}.safetensors"
            save(edited, path, edited.edits)
            model = again(path)
            picture = torch.rand(2, *model.input_shape)
            assert torch.equal(logits(model, picture), logits(edited, picture))
        assert bool(model.shared) == (word == "ring")
        assert len(model.edits.steps) == 2


def test_what_a_rule_chose_does_not_depend_on_the_weights_at_opening(tmp_path: Path) -> None:
    """One channel of 16 goes: which one decides where zeros are padded, and no weights are there yet at opening."""
    model = load(ModelSource("cifar_resnet20", ("random",)), ONE)
    for channel in (0, 7):
        with torch.no_grad():
            weight = model.net.get_submodule("conv1").weight
            assert isinstance(weight, Tensor)
            weight[channel] *= 1e-3
            weight[15 - channel] += 1
        edited, path = derive(model, Edits(widths=(("conv1", 15),))), tmp_path / "thin.safetensors"
        save(edited, path, edited.edits)
        picture = torch.rand(2, *model.input_shape)
        assert torch.equal(logits(again(path), picture), logits(edited, picture))


# ---- the record itself -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [400, 5000])
def test_a_header_without_end_is_one_sentence(depth: int) -> None:
    edits = '{"before": [' * depth + "]}" * depth
    text = f'{{"format": 1, "model": "cifar_resnet20", "weights_sha256": "", "edits": {edits}, "input": []}}'
    with pytest.raises(AnalysisError, match="damaged LayerScope header"):
        parse_saved(text, "net.safetensors")


def test_edits_behind_others() -> None:
    first, second, third = (Edits(widths=(("conv1", width),), keep="l2") for width in (4, 5, 6))
    whole = third.after(second.after(first))
    assert whole.steps == (first, second, third)
    assert third.after(second).after(first) == whole
    assert first.after(Edits()) == first
    assert from_plain(Edits, json.loads(json.dumps(to_plain(whole)))) == whole
    assert not Edits(before=(first,)).empty
    assert Edits(before=(Edits(keep="l2"),)).empty
    assert replace(whole, widths=()).steps == (first, second)
