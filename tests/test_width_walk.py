"""The whole way on real networks: open, change widths, apply, run, save, reopen, and run without LayerScope."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch.utils.flop_counter import FlopCounterMode

from analysis.derive import derive
from analysis.edits import Edits
from analysis.engine import run
from analysis.events import Outcome
from analysis.measures.widths.costs import CostModel
from analysis.measures.widths.description import WidthGroups, from_bytes
from analysis.measures.widths.legal import nearest
from analysis.model_cache import ModelCache
from analysis.models import load
from analysis.request import Compute, ImageSource, ModelSource, Request
from analysis.result import Result
from tests.test_rebuilding import BARE

WITH_DATA = {"cifar_resnet20": "resnet20-12fca82f.th", "cifar_resnet56": "resnet56-4bfd9763.th"}
NAMES = (
    *(pytest.param(name, marks=pytest.mark.data) for name in WITH_DATA),
    *("timm:efficientnet_lite0", "timm:tf_efficientnet_lite0", "timm:rexnet_100", "torchvision:densenet121"),
    *("timm:mobilenetv3_large_100", "timm:regnetx_002", "torchvision:shufflenet_v2_x1_0"),
)
ONE = Compute(threads=1)


def finished(request: Request, cache: ModelCache) -> Result:
    result = Result.of(run(request, cache=cache))
    assert result.finished is not None
    assert result.finished.outcome is Outcome.COMPLETED, result.finished.problem
    return result


def profile(groups: WidthGroups) -> Edits:
    """Narrow about half of the groups and widen the others."""
    rng = np.random.default_rng(7)
    pairs = [(g.name, nearest(groups, g.name, g.width * rng.uniform(0.5, 1.5))) for g in groups.free]
    return Edits(widths=tuple(pairs))


def counted(net: torch.nn.Module, shape: tuple[int, ...]) -> tuple[int, int]:
    """Parameters and multiply-adds, as torch counts them."""
    with torch.no_grad(), FlopCounterMode(display=False) as flops:
        net(torch.zeros(1, *shape))
    return sum(parameter.numel() for parameter in net.parameters()), flops.get_total_flops() // 2


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.zoo
@pytest.mark.parametrize("name", NAMES)
def test_the_whole_way(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    weights, images, labelled = ("random",), "noise:6", False
    if name in WITH_DATA:
        folder = request.getfixturevalue("data")
        weights, images, labelled = (str(folder / "weights" / WITH_DATA[name]),), str(folder / "cifar10"), True
        images = str(folder / "cifar10" / "cifar_test200.npz")
    source, cache, path = ModelSource(name, weights), ModelCache(derive), tmp_path / "walked.safetensors"
    torch.set_num_threads(1)

    def asked(method: str, edits: Edits = Edits(), where: ModelSource = source, **params: str) -> Result:  # noqa: B008
        pictures = ImageSource(images) if method in ("edited_check", "evaluate") else None
        return finished(Request(method, where, pictures, edits, tuple(params.items()), limit=64, compute=ONE), cache)

    groups = from_bytes(asked("width_groups")["description"])  # type: ignore[arg-type]
    edits = profile(groups)
    check = asked("edited_check", edits)
    assert bool(check["runs"].all())
    expected = CostModel(groups).costs(dict(edits.widths)).totals
    model = derive(load(source, ONE), edits)
    assert (expected.parameters, expected.macs) == counted(model.net, model.input_shape)
    assert (check["parameters"][1], check["macs"][1]) == (expected.parameters, expected.macs)
    facts = asked("save_network", edits, path=str(path)).facts
    again = ModelSource("auto", (str(path),))
    if labelled:
        assert asked("evaluate", where=again)["top1"] == check["top1"][1]
    picture = torch.rand(2, *model.input_shape)
    with torch.no_grad():
        output = model.net(picture.clone())
        reopened = load(again, ONE, derive=derive).net(picture.clone())
    assert torch.equal(reopened, output)
    assert facts["python"], facts["python_reason"]
    safetensors.torch.save_file({"picture": picture, "output": output}, path.with_suffix(".reference"))
    command = [sys.executable, "-I", "-W", "ignore", "-c", BARE, facts["python"]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    same, parameters, _ = json.loads(done.stdout.splitlines()[-1])[facts["python"]]
    assert same is True
    assert parameters == expected.parameters
    rewritten = sum(hasattr(type(module), "forward_code") for module in model.net.modules())
    locked = sum(group.locked for group in groups.groups)
    accuracy = f"  accuracy {check['top1'][0]:.3f} -> {check['top1'][1]:.3f}" if labelled else ""
    print(
        f"\n{name:30} {len(groups.free):4} groups {locked:2} locked  {check['macs'][0]:>13,} -> {expected.macs:>13,}"
        f"  {rewritten:2} new forwards  reopened: same bits  Python file: same bits{accuracy}"
    )
