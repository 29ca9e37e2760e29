"""Feature rank and weight spectra against a plain forward pass, Delve 0.1.50 and torch's own decomposition."""

from __future__ import annotations

import copy
import importlib.util
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from analysis.catalogue import Value
from analysis.config import LayerSpec
from analysis.gauges import Point, columns, plan
from analysis.graph import record
from analysis.images import images_from
from analysis.job import Job
from analysis.measures.positions import sampled_positions
from analysis.methods import feature_rank
from analysis.methods.weight_spectrum import Weight, squared_singular_values, weight_matrices
from analysis.models import model_from
from analysis.moments import SecondMoment
from analysis.request import Request
from analysis.result import Result
from analysis.taps import taps
from tests.benchmarks.pairs import alternate, one_thread, report

pytestmark = [pytest.mark.benchmark, pytest.mark.zoo, pytest.mark.timeout(1800)]
CONVOLUTIONS = "conv1,*.conv1,*.conv2,*.downsample.0"


@pytest.fixture(scope="module")
def net() -> nn.Module:
    from torchvision.models import resnet18

    torch.manual_seed(0)
    made = resnet18().eval()
    for module in made.modules():  # fresh statistics would leave features of wildly different size
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
    return made


def rank_run(net: nn.Module, pictures: Tensor, batch: int, **params: Value) -> Callable[[], Result]:
    """The whole method on a network that is open already, pictures in memory: reading, accumulating, decomposing."""
    images = images_from(pictures, None, net, batch)
    request = Request("feature_rank", layers=CONVOLUTIONS)
    job = Job(request, feature_rank.INFO.values(params), model_from(net, images.input_shape), images)

    def run() -> Result:
        with torch.no_grad():
            return Result.of(feature_rank.run(job))

    return run


def plain(net: nn.Module, batches: list[Tensor]) -> None:
    with torch.no_grad():
        for batch in batches:
            net(batch)


def convolutions(net: nn.Module, size: int) -> dict[str, LayerSpec]:
    return {layer.name: layer for layer in record(net, (3, size, size)).layers if layer.kind == "conv"}


def accumulate(
    net: nn.Module, points: dict[str, Point], batches: list[Tensor]
) -> tuple[dict[str, SecondMoment], float]:
    """Second moments of sampled positions, and the CPU seconds that were spent on them inside the forward passes."""
    count = sum(len(batch) for batch in batches)
    recording = record(net, tuple(batches[0].shape[1:]))
    moments = {name: SecondMoment(point.rows, count, torch.device("cpu")) for name, point in points.items()}
    drawn: dict[tuple[int, int], Tensor] = {}
    spent, first = 0.0, 0

    def consume(name: str, features: Tensor) -> None:
        nonlocal spent
        begun = time.process_time()
        size = features.shape[2], features.shape[3]
        if points[name].mode == "sampled" and size not in drawn:
            drawn[size] = torch.as_tensor(sampled_positions(0, *size, range(first, first + len(features)), 16))
        picked = columns(features, points[name].mode, drawn.get(size))
        moments[name].update(picked, torch.ones(len(features), dtype=torch.bool), first)
        spent += time.process_time() - begun

    with taps(net, recording, tuple(points), consume), torch.no_grad():
        for batch in batches:
            drawn.clear()
            net(batch)
            first += len(batch)
    return moments, spent


def test_rank_against_a_plain_forward(net: nn.Module) -> None:
    """ResNet-18, 128 px, 20 convolutions, 512 pictures in batches of 32, 16 positions of each map."""
    pictures = torch.randn(512, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    batches = list(torch.split(pictures, 32))
    points = {name: plan(layer, "sampled", 16) for name, layer in convolutions(net, 128).items()}
    chosen = {name: point for name, point in points.items() if point}
    assert len(chosen) == 20

    whole = rank_run(net, pictures, 32, mode="sampled")
    with one_thread():
        result = whole()
        moments, _ = accumulate(net, chosen, batches[:2])
    # What is timed alone is what the run does: the same second moments, up to the order of the pictures.
    assert set(result.names("layer")) == set(chosen)
    assert result["observations"].tolist() == [512 * 16] * 20
    assert all(int(moment.counts.sum()) == 64 * 16 for moment in moments.values())
    least = alternate(
        {
            "plain forward": lambda: plain(net, batches),
            "accumulation alone": lambda: accumulate(net, chosen, batches)[1],
            "whole run": whole,
        }
    )
    forward = least["plain forward"]
    ratios = {
        "accumulation / forward": (least["accumulation alone"] / forward, 0.15),
        "(whole run - forward) / forward": (least["whole run"] / forward - 1, 0.30),
    }
    report("Feature rank, ResNet-18, 128 px, 512 pictures, sampled", least, ratios)
    assert all(bar is None or ratio <= bar for ratio, bar in ratios.values())


@pytest.mark.skipif(importlib.util.find_spec("delve") is None, reason="delve is not installed (extra bench)")
@pytest.mark.filterwarnings("ignore")
def test_rank_against_delve(net: nn.Module, tmp_path: Path) -> None:
    """The same columns: all positions of 256 pictures of 32 px, all convolutions; spectra are compared first."""
    pictures = torch.randn(256, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    batches = [pictures]  # Delve starts its covariance anew with every batch
    names = tuple(convolutions(net, 32))

    def delve() -> tuple[Any, float]:
        from delve import SaturationTracker
        from delve.logger import log

        log.setLevel("ERROR")
        twin = copy.deepcopy(net)  # Delve leaves its own attributes in the network
        tracker = SaturationTracker(
            str(tmp_path), save_to="csv", modules=twin, stats=["lsat", "idim"], device="cpu", reset_covariance=False
        )
        begun = time.process_time()
        plain(twin, batches)
        tracker.add_saturations()
        return tracker, time.process_time() - begun

    ours = rank_run(net, pictures, 256, mode="positions")
    without = rank_run(net, pictures, 256, mode="positions", interval_memory=0)
    with one_thread():
        tracker, _ = delve()
        result = ours()
    theirs = next(log for key, log in tracker.logs.items() if key.startswith("eval"))
    for name in names:
        row = result.names("layer").index(name)
        covariance = theirs[name.replace(".", "-")].fix()
        variances = np.sort(np.linalg.eigvalsh(covariance.numpy()).clip(min=0))[::-1]
        sigma = result["singular_values_centred"][row][: len(variances)] / np.sqrt(result["observations"][row])
        assert np.abs(sigma - np.sqrt(variances)).max() <= 1e-5 * sigma[0], name
    least = alternate(
        {
            "plain forward": lambda: plain(net, batches),
            "Delve 0.1.50": lambda: delve()[1],
            "rank run": ours,
            "rank run without intervals": without,
        }
    )
    forward = least["plain forward"]
    overhead = least["Delve 0.1.50"] - forward
    ratios = {
        "overhead / Delve's overhead": ((least["rank run"] - forward) / overhead, 0.6),
        "the same without intervals": ((least["rank run without intervals"] - forward) / overhead, None),
    }
    report("Feature rank against Delve, ResNet-18, 32 px, 256 pictures, all positions", least, ratios)
    assert all(bar is None or ratio <= bar for ratio, bar in ratios.values())


def test_weight_spectrum_against_singular_value_decomposition(net: nn.Module) -> None:
    """All convolutions and the classifier of ResNet-18."""
    layers = [LayerSpec(name, "conv", module=name, groups=1) for name in convolutions(net, 64)]
    modules = dict(net.named_modules())
    weights = [Weight(layer, modules[layer.module].weight, 1, False) for layer in layers]  # type: ignore[arg-type]

    def ours() -> list[Tensor]:
        return [squared_singular_values(weight_matrices(weight)).sqrt() for weight in weights]

    def theirs() -> list[Tensor]:
        return [torch.linalg.svdvals(weight.tensor.detach().flatten(1)) for weight in weights]

    with one_thread():
        error = max(float((a - b).abs().max() / b[0]) for a, b in zip(ours(), theirs(), strict=True))
    assert error < 1e-5
    least = alternate({"torch.linalg.svdvals (float32)": theirs, "weight spectrum (float64)": ours})
    ratio = least["weight spectrum (float64)"] / least["torch.linalg.svdvals (float32)"]
    ratios = {"weight spectrum / svdvals": (ratio, 0.1), "largest difference / sigma_max": (error, None)}
    report("Weight spectra, ResNet-18", least, ratios)
    assert ratio <= 0.1
