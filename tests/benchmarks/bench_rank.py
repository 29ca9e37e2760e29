"""Feature rank and weight spectra against a plain forward pass, Delve 0.1.50 and torch's own decomposition."""

from __future__ import annotations

import copy
import importlib.util
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from analysis.catalogue import Value
from analysis.config import LayerSpec
from analysis.features.gauges import Point, columns, plan
from analysis.features.moments import SecondMoment
from analysis.graph import record
from analysis.images import images_from
from analysis.job import Job, Step
from analysis.measures.positions import sampled_positions
from analysis.methods import feature_rank
from analysis.methods.weight_spectrum import Weight, squared_singular_values, weight_matrices
from analysis.models import model_from
from analysis.request import Request
from analysis.result import Result
from analysis.taps import taps
from tests.benchmarks.pairs import Steps, alternate_steps, one_thread, report

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


def rank_run(net: nn.Module, pictures: Tensor, batch: int, **params: Value) -> Steps:
    """The whole method on a network that is open already, pictures in memory: reading, accumulating, decomposing."""
    images = images_from(pictures, None, net, batch)
    request = Request("feature_rank", layers=CONVOLUTIONS)
    job = Job(request, feature_rank.INFO.values(params), model_from(net, images.input_shape), images)

    def run() -> Iterator[Step]:
        steps = feature_rank.run(job)
        while True:
            with torch.no_grad():
                step = next(steps, None)
            if step is None:
                return
            yield step

    return run


def plain(net: nn.Module, batches: list[Tensor]) -> Iterator[None]:
    for batch in batches:
        with torch.no_grad():
            net(batch)
        yield


def convolutions(net: nn.Module, size: int) -> dict[str, LayerSpec]:
    return {layer.name: layer for layer in record(net, (3, size, size)).layers if layer.kind == "conv"}


def in_parts(steps: Iterator[object], sizes: tuple[int, ...], warm: Callable[[], object]) -> Iterator[float]:
    """CPU seconds of so many steps at a time, and of the rest.

    A forward pass that does not count comes before each part: the works take turns, and a pass right after one of the
    same network is a fifth quicker than one after something else.
    """
    for size in (*sizes, None):
        warm()
        begun = time.process_time()
        for _ in islice(steps, size):
            pass
        yield time.process_time() - begun


class Accumulation:
    """Second moments of all convolutions; every batch tells the CPU seconds spent on them inside the forward pass."""

    def __init__(self, net: nn.Module, points: dict[str, Point], batches: list[Tensor]) -> None:
        self.net, self.points, self.batches = net, points, batches
        self.recording = record(net, tuple(batches[0].shape[1:]))
        self.count = sum(len(batch) for batch in batches)
        self.moments: dict[str, SecondMoment] = {}
        self.spent = 0.0
        self.first = 0
        self.drawn: dict[tuple[int, int], Tensor] = {}

    def steps(self) -> Iterator[float]:
        """One step per batch."""
        cpu = torch.device("cpu")
        self.moments = {name: SecondMoment(point.rows, self.count, cpu) for name, point in self.points.items()}
        self.first = 0
        with taps(self.net, self.recording, tuple(self.points), self.consume):
            for batch in self.batches:
                self.spent = 0.0
                self.drawn.clear()
                with torch.no_grad():
                    self.net(batch)
                self.first += len(batch)
                yield self.spent

    def consume(self, name: str, features: Tensor) -> None:
        """What the run does with a tensor, less the search for dead channels."""
        begun = time.process_time()
        size = features.shape[2], features.shape[3]
        if self.points[name].mode == "sampled" and size not in self.drawn:
            indices = range(self.first, self.first + len(features))
            self.drawn[size] = torch.as_tensor(sampled_positions(0, *size, indices, 16))
        picked = columns(features, self.points[name].mode, self.drawn.get(size))
        self.moments[name].update(picked, torch.ones(len(features), dtype=torch.bool), self.first)
        self.spent += time.process_time() - begun


def test_rank_against_a_plain_forward(net: nn.Module) -> None:
    """ResNet-18, 128 px, 20 convolutions, 512 pictures in batches of 32, 16 positions of each map."""
    pictures = torch.randn(512, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    batches = list(torch.split(pictures, 32))
    points = {name: plan(layer, "sampled", 16) for name, layer in convolutions(net, 128).items()}
    chosen = {name: point for name, point in points.items() if point}
    assert len(chosen) == 20

    whole, alone = rank_run(net, pictures, 32, mode="sampled"), Accumulation(net, chosen, batches)
    with one_thread():
        result = Result.of(whole())
        list(alone.steps())
    # What is timed alone is what the run does: the same second moments, up to the order of the pictures.
    for row, name in enumerate(result.names("layer")):
        sigma = alone.moments[name].decompose(False, vectors=False).eigenvalues.sqrt().numpy()
        assert np.abs(result["singular_values"][row][: len(sigma)] - sigma).max() <= 1e-6 * sigma[0], name

    twin = copy.deepcopy(net)  # a run that waits for its turn still reads every pass of its network

    def warm() -> None:
        list(plain(twin, batches[:1]))

    least = alternate_steps(
        {
            "plain forward": lambda: in_parts(plain(twin, batches), (4, 4, 4), warm),
            "accumulation alone": alone.steps,
            "whole run": lambda: in_parts(whole(), (5, 4, 4, 4), warm),  # the first step declares the result
        }
    )
    forward = least["plain forward"]
    ratios = {
        "accumulation / forward": (least["accumulation alone"] / forward, 0.15),
        "(whole run - forward) / forward": (least["whole run"] / forward - 1, 0.30),
    }
    assert report("Feature rank, ResNet-18, 128 px, 512 pictures, sampled", least, ratios)


@pytest.mark.skipif(importlib.util.find_spec("delve") is None, reason="delve is not installed (extra bench)")
@pytest.mark.filterwarnings("ignore")
def test_rank_against_delve(net: nn.Module, tmp_path: Path) -> None:
    """The same columns: all positions of 256 pictures of 32 px, all convolutions; spectra are compared first."""
    pictures = torch.randn(256, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    batches = [pictures]  # Delve starts its covariance anew with every batch
    names = tuple(convolutions(net, 32))

    trackers: list[Any] = []

    def delve() -> Iterator[float | None]:
        from delve import SaturationTracker
        from delve.logger import log

        log.setLevel("ERROR")
        twin = copy.deepcopy(net)  # Delve leaves its own attributes in the network
        tracker = SaturationTracker(
            str(tmp_path), save_to="csv", modules=twin, stats=["lsat", "idim"], device="cpu", reset_covariance=False
        )
        trackers[:] = [tracker]
        yield 0.0  # opening it does not count, as opening the network does not for us
        yield from plain(twin, batches)
        tracker.add_saturations()

    ours = rank_run(net, pictures, 256, mode="positions")
    without = rank_run(net, pictures, 256, mode="positions", interval_memory=0)
    with one_thread():
        list(delve())
        result = Result.of(ours())
    theirs = next(log for key, log in trackers[0].logs.items() if key.startswith("eval"))
    for name in names:
        row = result.names("layer").index(name)
        covariance = theirs[name.replace(".", "-")].fix()
        variances = np.sort(np.linalg.eigvalsh(covariance.numpy()).clip(min=0))[::-1]
        sigma = result["singular_values_centred"][row][: len(variances)] / np.sqrt(result["observations"][row])
        assert np.abs(sigma - np.sqrt(variances)).max() <= 1e-5 * sigma[0], name
    least = alternate_steps(
        {
            "plain forward": lambda: plain(net, batches),
            "Delve 0.1.50": delve,
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
    assert report("Feature rank against Delve, ResNet-18, 32 px, 256 pictures, all positions", least, ratios)


def test_weight_spectrum_against_singular_value_decomposition(net: nn.Module) -> None:
    """All convolutions of ResNet-18, as matrices with one filter per row.

    torch decomposes the same matrices seven times faster when they are transposed, so both ways are shown.
    """
    layers = [LayerSpec(name, "conv", module=name, groups=1) for name in convolutions(net, 64)]
    modules = dict(net.named_modules())
    weights = [Weight(layer, modules[layer.module].weight, 1, False) for layer in layers]  # type: ignore[arg-type]

    def ours() -> Iterator[Tensor]:
        return (squared_singular_values(weight_matrices(weight)).sqrt() for weight in weights)

    def theirs(transposed: bool, dtype: torch.dtype) -> Iterator[Tensor]:
        for weight in weights:
            matrix = weight.tensor.detach().flatten(1).to(dtype)
            yield torch.linalg.svdvals(matrix.T if transposed else matrix)

    single, double = torch.float32, torch.float64
    with one_thread():
        exact = list(theirs(True, double))
        error = max(float((a - b).abs().max() / b[0]) for a, b in zip(ours(), exact, strict=True))
        coarse = max(float((a - b).abs().max() / b[0]) for a, b in zip(theirs(False, single), exact, strict=True))
    assert error < 1e-7
    least = alternate_steps(
        {
            "svdvals, float32": lambda: theirs(False, single),
            "svdvals, float32, transposed": lambda: theirs(True, single),
            "svdvals, float64, transposed": lambda: theirs(True, double),
            "weight spectrum (float64)": ours,
        }
    )
    own = least["weight spectrum (float64)"]
    ratios: dict[str, tuple[float, float | None]] = {
        "weight spectrum / svdvals": (own / least["svdvals, float32"], 0.1),
        "the same, transposed": (own / least["svdvals, float32, transposed"], 1.0),
        "the same, transposed, float64": (own / least["svdvals, float64, transposed"], 1.0),
        "largest error / sigma_max": (error, None),
        "largest error of svdvals, float32": (coarse, None),
    }
    assert report("Weight spectra, ResNet-18", least, ratios)
