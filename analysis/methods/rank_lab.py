"""Rank lab: how far a nonlinearity lifts the rank of a random layer above the number of its inputs. Needs nothing.

Han et al., "Rethinking Channel Dimensions for Efficient Model Design" (CVPR 2021), Figure 1: Y = f(W X) for random
networks of random size, four layer types, eight nonlinearities. Weights and inputs are drawn once per network and
shared by all nonlinearities, so that their curves differ by the nonlinearity alone.

Singular values of float32 features are the roots of the eigenvalues of Y Y' in float64: exact to
``sqrt(C * 2.2e-16)`` of the largest, far below the tolerance, at two thirds of the time. Float64 features are
decomposed directly, because their tolerance lies below that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from analysis.catalogue import MethodInfo, Param
from analysis.events import Chunk, Declared, Output, Progress
from analysis.job import Job, Step
from analysis.measures import lab_words
from analysis.measures import rank_lab as lab
from analysis.measures.rank_lab import Preset

Numbers = dict[str, NDArray[Any]]
"""Output name to what one network adds to it."""

INFO = MethodInfo(
    name="rank_lab",
    title="Rank lab",
    summary="How far each nonlinearity lifts the rank of a random layer above its number of inputs.",
    needs=frozenset(),
    params=(
        Param(
            "preset",
            "paper-like",
            "paper-like: uniform inputs, no normalisation, float32; generic: normal inputs, batch statistics, float64",
            choices=tuple(lab.PRESETS),
        ),
        Param(
            "layer",
            "all",
            "Layer type: one of the four panels of the published figure, or all",
            choices=("all", *lab.TYPES),
        ),
        Param(
            "mode",
            "pointwise",
            "3x3 convolutions: one position per column as in the published figure, or real 3x3 patches",
            choices=("pointwise", "patches"),
        ),
        Param(
            "networks",
            lab.USUAL_NETWORKS,
            "Random networks per point; 1,000 as published take about ten minutes for all layer types on one core",
            low=1,
            high=10_000,
        ),
        Param("rtol", 0.0, "Tolerance relative to the largest singular value, 0 for max(d_out, N) eps", 0.0, 1.0),
    ),
    trained=False,
)


def activated(values: Tensor, norm: bool) -> Tensor:
    """Apply normalisation, then nonlinearity number i to entry i.

    Parameters
    ----------
    values
        (activation, channel, column) pre-activations, in the order of :data:`lab.ACTIVATIONS`.
    norm
        True for batch statistics of each channel first.

    Returns
    -------
    Tensor
        As `values`.
    """
    z = normalised(values) if norm else values
    functions = (
        z[0],
        functional.relu6(z[1]),
        functional.relu(z[2]),
        functional.leaky_relu(z[3], lab.SLOPE),
        functional.elu(z[4]),
        functional.softplus(z[5]),
        functional.hardswish(z[6]),
        functional.silu(z[7]),
    )
    return torch.stack(functions)


def normalised(values: Tensor) -> Tensor:
    """Take off the mean of each channel and divide by the root of its biased variance + 1e-5; axes (…, column)."""
    centred = values - values.mean(dim=-1, keepdim=True)
    return centred / (centred.square().mean(dim=-1, keepdim=True) + lab.NORM_EPS).sqrt()


class Network:
    """One random network: its sizes and the source of its numbers.

    Parameters
    ----------
    layer
        One of :data:`lab.TYPES`.
    preset
        How numbers are drawn.
    patches
        True for 3x3 layers on real patches.
    seed
        (base seed, place of the ratio, number of the network): a larger study repeats the networks of a smaller one.
    """

    def __init__(self, layer: str, preset: Preset, patches: bool, ratio: float, seed: tuple[int, int, int]) -> None:
        self.layer, self.preset, self.patches = layer, preset, patches and layer == "3x3"
        self.random = np.random.default_rng(seed)
        low, high = lab.output_range(layer)
        self.outputs = int(self.random.integers(low, high, endpoint=True))
        self.inputs = lab.input_channels(ratio, self.outputs)
        self.columns = lab.columns_of(self.outputs)

    def features(self) -> tuple[Tensor, Tensor]:
        """Draw the network and run it with every nonlinearity.

        Returns
        -------
        (Tensor, Tensor)
            (activation, d_out, N) features, and (activation, channel, N) what enters the last nonlinearity.
        """
        return self._single() if self.layer in lab.SINGLE else self._bottleneck()

    def _single(self) -> tuple[Tensor, Tensor]:
        fan_in = self.inputs * (lab.TAPS if self.patches else 1)
        x = self._inputs(fan_in)
        weights = self._normal((self.outputs, fan_in))
        z = (weights / math.sqrt(fan_in) if self.preset.scaled else weights) @ x
        stack = z.expand(len(lab.ACTIVATIONS), *z.shape)
        entering = normalised(stack) if self.preset.normalised else stack
        return activated(entering, norm=False), entering

    def _bottleneck(self) -> tuple[Tensor, Tensor]:
        norm, hidden = self.preset.normalised, lab.EXPANSION * self.inputs
        x = self._inputs(self.inputs)
        z = self._uniform((hidden, self.inputs), self.inputs) @ x
        first = activated(z.expand(len(lab.ACTIVATIONS), *z.shape), norm)
        if self.layer == "depthwise":
            second = self._uniform((hidden, 1), lab.TAPS) * first
        else:
            second = self._uniform((hidden, hidden), lab.TAPS * hidden) @ first
        entering = normalised(second) if norm else second
        y = self._uniform((self.outputs, hidden), hidden) @ activated(entering, norm=False)
        y = normalised(y) if norm else y
        y[:, : self.inputs] += x  # the shortcut: the other rows get nothing
        return y, entering

    def _inputs(self, rows: int) -> Tensor:
        shape = (rows, self.columns)
        if self.preset.inputs == "normal":
            return self._normal(shape)
        return torch.from_numpy(self.random.random(shape, dtype=self._dtype()))

    def _normal(self, shape: tuple[int, int]) -> Tensor:
        return torch.from_numpy(self.random.standard_normal(shape, dtype=self._dtype()))

    def _uniform(self, shape: tuple[int, int], fan_in: int) -> Tensor:
        return (2 * torch.from_numpy(self.random.random(shape, dtype=self._dtype())) - 1) / math.sqrt(fan_in)

    def _dtype(self) -> type[np.float32] | type[np.float64]:
        return np.float32 if self.preset.precision == "float32" else np.float64


def singular_values(features: Tensor) -> Tensor:
    """Singular values in float64, axes (activation, component), descending."""
    if features.dtype == torch.float64:
        found: Tensor = torch.linalg.svdvals(features)
        return found
    exact = features.to(torch.float64)
    values: Tensor = torch.linalg.eigvalsh(exact @ exact.transpose(1, 2))
    return values.clamp(min=0.0).sqrt().flip(1)


def run(job: Job) -> Iterator[Step]:
    """Draw network after network for every layer type and ratio: all curves appear at once and get steadier."""
    types = lab.chosen_types(str(job.params["layer"]))
    networks = int(job.params["networks"])
    yield _declared(job, types, networks)
    total, done = networks * len(types) * len(lab.RATIOS), 0
    for number in range(networks):
        for column, ratio in enumerate(lab.RATIOS):
            known: dict[str, Numbers] = {}
            for place, layer in enumerate(types):
                # On one position a 3x3 kernel is its centre tap: the same networks as 1x1, decomposed once.
                key = "1x1" if layer == "3x3" and job.params["mode"] == "pointwise" else layer
                if key not in known:
                    known[key] = _measured(job, key, ratio, (job.request.seed, column, number))
                yield from (Chunk(name, (place, column, number), values) for name, values in known[key].items())
                done += 1
                yield Progress(done, total, f"network {number + 1:,} of {networks:,}")


def _measured(job: Job, layer: str, ratio: float, seed: tuple[int, int, int]) -> Numbers:
    preset = lab.PRESETS[str(job.params["preset"])]
    network = Network(layer, preset, job.params["mode"] == "patches", ratio, seed)
    features, entering = network.features()
    sigma = singular_values(features)
    usual = lab.tolerance(network.outputs, network.columns, preset.precision)
    rtol = float(job.params["rtol"]) or usual
    largest = sigma[:, :1]
    return {
        "sizes": np.array([network.inputs, network.outputs, network.columns]),
        "rank": (sigma > rtol * largest).sum(dim=1).numpy(),
        "condition": torch.where(largest[:, 0] > 0, sigma[:, -1] / largest[:, 0], 0.0).numpy(),
        "dead_channels": (entering <= 0).all(dim=2).sum(dim=1).numpy(),
        "always_on_channels": (entering >= 0).all(dim=2).sum(dim=1).numpy(),
    }


def _declared(job: Job, types: tuple[str, ...], networks: int) -> Declared:
    dims = ("type", "ratio", "network", "activation")
    shape = (len(types), len(lab.RATIOS), networks, len(lab.ACTIVATIONS))
    outputs = (
        Output("sizes", (*dims[:3], "size"), (*shape[:3], len(lab.SIZES)), "int64", "", "Sizes of each network"),
        Output("rank", dims, shape, "int64", "directions", "Numerical rank of the output"),
        Output("condition", dims, shape, "float64", "", "Smallest singular value / largest"),
        Output("dead_channels", dims, shape, "int64", "channels", "Channels that are never positive"),
        Output("always_on_channels", dims, shape, "int64", "channels", "Channels that are never negative"),
    )
    names = (
        ("type", types),
        ("ratio", tuple(f"{ratio:.1f}" for ratio in lab.RATIOS)),
        ("activation", lab.ACTIVATIONS),
        ("size", lab.SIZES),
    )
    return Declared(outputs, names=names, facts=_facts(job, types))


def _facts(job: Job, types: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    preset, rtol = lab.PRESETS[str(job.params["preset"])], float(job.params["rtol"])
    uniform = preset.inputs == "uniform"
    study = lab_words.Study(preset, rtol, str(job.params["mode"]) == "patches")
    return (
        ("preset", f"{preset.title} (ours: the paper does not state these settings)"),
        ("inputs", "uniform on [0, 1)" if uniform else "standard normal"),
        (
            "weights",
            f"single layers: standard normal{' / sqrt(fan-in)' if preset.scaled else ''}; bottlenecks: uniform "
            "±1/sqrt(fan-in), all 9 taps counted",
        ),
        (
            "normalisation",
            "batch statistics, biased variance, eps 1e-5, no affine part" if preset.normalised else "none",
        ),
        (
            "sizes",
            "d_out uniform in 10..300 (bottlenecks 10..150), d_in = max(1, round(ratio d_out)), N = ceil(1.2 d_out)+1",
        ),
        (
            "columns",
            f"3x3: {job.params['mode']}; bottlenecks: pointwise, expansion {lab.EXPANSION}, shortcut onto d_in rows",
        ),
        ("precision", preset.precision),
        ("tolerance", f"{rtol:g}" if rtol else f"max(d_out, N) x eps of {preset.precision}"),
        ("channel counts", "of what enters the last nonlinearity: d_out rows, or the hidden channels of a bottleneck"),
        ("published points", "read off Figure 1 of Han et al. 2021 by eye, averages of 1,000 networks"),
        *((f"reading {layer}", lab_words.READING[layer]) for layer in types),
        *((f"reproduction {layer}", lab_words.reproduced(study, layer)) for layer in types),
    )
