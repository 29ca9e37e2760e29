"""Latency: how long each layer takes, on this device with these threads.

Wall-clock time from just before a module's forward to just after it, in milliseconds; on a GPU the device is waited
for at both ends, so that a layer's time is its own. Layers that are operations without a module cannot be timed and
stay empty. Times of blocks hold the times of the layers inside. The total is timed in runs of its own, without
watching the layers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from analysis.catalogue import MethodInfo, Param
from analysis.config import LayerSpec
from analysis.events import Chunk, Declared, Output, Progress
from analysis.job import Job, Step
from analysis.problems import AnalysisError
from analysis.tracing.calls import Frame, following

INFO = MethodInfo(
    name="latency",
    title="Latency",
    summary="Median time of each layer, and its spread, on the chosen device.",
    needs=frozenset({"model"}),
    params=(
        Param("repeats", 20, "Timed forward passes", low=1, high=10_000),
        Param("warmup", 3, "Forward passes before timing begins", low=0, high=1000),
        Param("pictures", 1, "Pictures in the batch that is timed", low=1, high=4096),
    ),
    trained=False,
)

QUARTILES = (("latency", 50), ("latency_low", 25), ("latency_high", 75))
TITLES = {"latency": "Time, median", "latency_low": "Time, lower quartile", "latency_high": "Time, upper quartile"}


class Stopwatch:
    """Times of all module calls of one forward pass.

    Attributes
    ----------
    times
        (path of the module, number of the call) to milliseconds.
    """

    def __init__(self, device: torch.device) -> None:
        self.times: dict[tuple[str, int], float] = {}
        self._device = device
        self._begun: dict[tuple[str, int], float] = {}

    def start(self, frame: Frame, _module: nn.Module, _args: tuple[Any, ...]) -> None:
        """Note the time at which a call begins."""
        wait_for(self._device)
        self._begun[frame.path, frame.number] = time.perf_counter()

    def stop(self, frame: Frame, _module: nn.Module, _result: Any) -> None:
        """Note how long the call took."""
        wait_for(self._device)
        key = (frame.path, frame.number)
        self.times[key] = 1e3 * (time.perf_counter() - self._begun[key])


def wait_for(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def run(job: Job) -> Iterator[Step]:
    """Time forward passes of seeded noise: speed does not depend on what is in the pictures."""
    model, repeats = job.model, int(job.params["repeats"])
    layers = _timed_layers(job)
    yield _declared(job, layers)
    pixels = _noise(job)
    total = int(job.params["warmup"]) + 2 * repeats
    for done in range(int(job.params["warmup"])):
        model.net(pixels)
        wait_for(model.device)
        yield Progress(done + 1, total, "Warming up")
    spans = np.full((repeats, len(layers)), np.nan)
    whole = np.full(repeats, np.nan)
    for done in range(repeats):
        # Layers and whole take turns: a slow spell of the machine then meets both.
        watch = Stopwatch(model.device)
        with following(model.net, watch.start, watch.stop):
            model.net(pixels)
        spans[done] = [watch.times.get((layer.module, layer.call), np.nan) for layer in layers]
        yield Progress(total - 2 * repeats + 2 * done + 1, total, "Timing layers")
        whole[done] = _whole(model.net, pixels, model.device)
        yield Progress(total - 2 * repeats + 2 * done + 2, total, "Timing layers")
    for name, percent in QUARTILES:
        yield Chunk(name, (), np.percentile(spans, percent, axis=0))
        yield Chunk(name.replace("latency", "total"), (), np.asarray(np.percentile(whole, percent)))


def _whole(net: nn.Module, pixels: Tensor, device: torch.device) -> float:
    """Milliseconds of one forward pass that nobody watches."""
    begun = time.perf_counter()
    net(pixels)
    wait_for(device)
    return 1e3 * (time.perf_counter() - begun)


def _timed_layers(job: Job) -> tuple[LayerSpec, ...]:
    """Chosen layers that are module calls.

    Raises
    ------
    AnalysisError
        If there are none.
    """
    chosen = job.choose(("conv", "linear", "activation", "block", "pooled"))
    layers = tuple(layer for layer in chosen if ":" not in layer.name and layer.kind not in ("input", "branch"))
    if not layers:
        raise AnalysisError("None of the chosen layers is a module that can be timed.", "Choose others with --layers.")
    return layers


def _noise(job: Job) -> Tensor:
    shape = (int(job.params["pictures"]), *job.model.input_shape)
    values = np.random.RandomState([job.request.seed]).standard_normal(shape)
    return torch.as_tensor(values, dtype=job.model.dtype).to(job.model.device)


def _declared(job: Job, layers: tuple[LayerSpec, ...]) -> Declared:
    outputs = (
        *(Output(name, ("layer",), (len(layers),), unit="ms", title=TITLES[name]) for name, _ in QUARTILES),
        *(
            Output(name.replace("latency", "total"), (), (), unit="ms", title=f"Whole network: {TITLES[name].lower()}")
            for name, _ in QUARTILES
        ),
    )
    device = job.model.device
    named = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    facts = (
        ("device", named),
        ("threads", str(torch.get_num_threads())),
        ("batch", f"{job.params['pictures']} x {' x '.join(str(size) for size in job.model.input_shape)}"),
        ("repeats", f"{job.params['repeats']} after {job.params['warmup']} to warm up"),
        ("time", "wall clock, median and quartiles; a block's time holds that of the layers inside"),
    )
    return Declared(outputs, layers, facts=facts)
