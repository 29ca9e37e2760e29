"""Grouped convolutions that lose and gain whole groups: an option beside the same places in every group."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from analysis.__main__ import main
from analysis.derive import derive
from analysis.edits import Edits
from analysis.engine import run
from analysis.measures.widths.costs import CostModel
from analysis.measures.widths.description import from_bytes
from analysis.models import load, model_from
from analysis.problems import AnalysisError
from analysis.request import Compute, ModelSource, Request
from analysis.result import Result
from analysis.surgery.dissecting import dissect
from analysis.surgery.editing import edit, whole
from tests.test_coupling import conv, row
from tests.test_surgery_zoo import compare_costs
from tests.width_nets import Case, by_variable, difference, doubled, narrowed, randomised, sizes, widened

pytestmark = pytest.mark.usefixtures("one_thread")

SHAPE = (3, 8, 8)
EXACT = 1e-12


def grouped() -> nn.Module:
    return row(conv(3, 12), nn.ReLU(), conv(12, 24, 3, groups=4), nn.BatchNorm2d(24), nn.ReLU(), conv(24, 4))


def transposed() -> nn.Module:
    return row(conv(3, 12), nn.ReLU(), nn.ConvTranspose2d(12, 24, 2, 2, groups=4), nn.ReLU(), conv(24, 4))


class Bottleneck(nn.Module):
    """As in ResNeXt: a grouped convolution inside a residual block."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.one, self.mid, self.two, self.last = (
            conv(3, 8), conv(8, 12), conv(12, 12, 3, groups=3), conv(12, 8), conv(8, 4)
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = torch.relu(x + self.two(torch.relu(self.mid(torch.relu(self.one(x))))))
        found: Tensor = self.last(x).mean((2, 3))
        return found


NETS = {"plain": grouped, "transposed": transposed, "bottleneck": Bottleneck}


@pytest.mark.parametrize("name", NETS)
def test_edits_by_whole_groups_are_exact(name: str) -> None:
    torch.manual_seed(0)
    net = randomised(NETS[name]())
    found = dissect(net, SHAPE, whole=True)
    assert difference(edit(net, found, whole(found)), net, SHAPE) == 0
    assert widened(net, found, SHAPE, doubled(found))[1] < EXACT
    model = CostModel(found.groups)
    for seed in range(3):
        values = sizes(found, 0.3, 1.0, seed)
        thin, loss = narrowed(net, found, SHAPE, values)
        assert loss < EXACT
        compare_costs(model, thin, values, SHAPE)
        assert widened(net, found, SHAPE, by_variable(found, sizes(found, 1.0, 3.0, seed), seed))[1] < EXACT


def test_the_number_of_groups_changes_and_not_their_width() -> None:
    net = randomised(grouped())
    found = dissect(net, SHAPE, whole=True)
    group = found.groups.groups[found.groups.index("0")]
    assert (group.width, group.step, group.minimum) == (12, 3, 3)
    assert any("its groups are kept whole: conv2d" in line for line in group.why)
    assert [member.layer for member in group.members if member.side == "depth"] == ["2"]
    copies = whole(found)
    classes = np.flatnonzero(found.grouping.group == found.groups.index("0"))
    assert classes.size == 4
    copies[classes[1]] = 0
    copies[classes[2]] = 3
    layer = edit(net, found, copies).get_submodule("2")
    assert (layer.groups, layer.in_channels, layer.out_channels) == (5, 15, 30)
    assert tuple(layer.weight.shape) == (30, 3, 3, 3)
    assert torch.equal(layer.weight[:6], net.get_submodule("2").weight[:6])  # nothing is divided inside a group
    places = dissect(net, SHAPE).groups
    assert [(g.name, g.step) for g in places.free] == [("0", 4), ("2", 4)]


def test_edits_say_which_way_they_are_meant() -> None:
    torch.manual_seed(0)
    model = model_from(randomised(grouped()), SHAPE)
    edits = Edits(widths=(("0", 9),), grouped="whole")
    edited = derive(model, edits)
    assert edited.net.get_submodule("2").groups == 3
    assert edited.edits.grouped == "whole"
    again = derive(model, edited.edits)
    assert all(torch.equal(a, b) for a, b in zip(again.net.parameters(), edited.net.parameters(), strict=True))
    with pytest.raises(AnalysisError, match="is no way to change grouped"):
        derive(model, Edits(widths=(("0", 9),), grouped="half"))
    with pytest.raises(AnalysisError, match="must be a multiple of 4"):
        derive(model, Edits(widths=(("0", 9),)))


@pytest.mark.zoo
@pytest.mark.parametrize("name", ["timm regnetx_002", pytest.param("tv resnext50_32x4d", marks=pytest.mark.slow)])
def test_known_networks(name: str) -> None:
    net, shape = Case(name).make(), (3, 64, 64)
    found = dissect(net, shape, whole=True)
    values = sizes(found, 0.4, 1.0)
    thin, loss = narrowed(net, found, shape, values)
    assert loss < EXACT
    assert widened(net, found, shape, by_variable(found, sizes(found, 1.0, 2.0)))[1] < EXACT
    compare_costs(CostModel(found.groups), thin, values, shape)


FACTORY = """
from torch import nn
def make():
    return nn.Sequential(
        nn.Conv2d(3, 12, 1), nn.ReLU(), nn.Conv2d(12, 24, 3, groups=4), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 4),
    )
"""


def test_command_line_method_and_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "net.py").write_text(FACTORY)
    (tmp_path / "widths.txt").write_text("0 6\n")
    net = ["--model", f"{tmp_path / 'net.py'}:make", "--input", "3,8,8", "--trust"]
    assert main(["groups", *net, "--whole-groups"]) == 0
    assert " 12      3     3" in capsys.readouterr().out
    out = tmp_path / "thin.safetensors"
    assert main(["apply", str(tmp_path / "widths.txt"), *net, "--whole-groups", "--out", str(out)]) == 0
    assert "thin.py" in capsys.readouterr().out
    again = load(ModelSource("auto", (str(out),), trust=True), Compute(), derive=derive)
    layer = again.net.get_submodule("2")
    assert (layer.groups, layer.in_channels, layer.out_channels) == (2, 6, 12)
    source = ModelSource(f"{tmp_path / 'net.py'}:make", input=(3, 8, 8), trust=True)
    result = Result.of(run(Request("width_groups", source, edits=Edits(grouped="whole"))))
    assert [group.step for group in from_bytes(result["description"]).free] == [3]  # type: ignore[arg-type]
