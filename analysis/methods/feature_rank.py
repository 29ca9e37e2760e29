"""Feature rank: how many directions of a layer's feature space are in use.

The features of a layer at N positions of the pictures are the columns of a C x N matrix Y. Its singular values come
from the second moment Y Y', summed in float64 while the pictures stream by, so that memory does not grow with them
(Han et al., "Rethinking Channel Dimensions for Efficient Model Design", CVPR 2021, discussion of trained networks).

Chosen where the paper is silent: up to 256 positions of a picture are all used and 16 drawn above that; the mean stays
in unless asked otherwise; the tolerance is that of :func:`analysis.measures.spectra.default_rtol`. A channel is *dead*
if it is zero at every position of every picture, and *always on* if it is above zero at every one; both look at all
positions, also where only some are drawn for the spectrum.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import closing

import numpy as np
import torch
from torch import Tensor

from analysis.catalogue import MethodInfo, Param
from analysis.events import Array, Chunk, Declared, Output, Progress
from analysis.features.gauges import MODES, WIDEST, Gauge, Point, plan
from analysis.features.moments import Decomposition, copies_bytes
from analysis.job import Job, Step
from analysis.measures import spectra
from analysis.measures.intervals import GROUPS, effective_rank_interval, entropy_slopes
from analysis.measures.positions import picture_order, sampled_positions
from analysis.problems import AnalysisError
from analysis.taps import taps

KINDS = ("conv", "activation", "block", "pooled")
SAY_SOLVING = 1024  # decompositions above this take long enough to be announced
COPY_NOISE = 3e-5  # singular values below this share of the largest are lost in the copies for intervals
LIVE_SHARE = 0.2  # of the time so far that live estimates may take

INFO = MethodInfo(
    name="feature_rank",
    title="Feature rank",
    summary="How many directions of each layer's feature space the pictures use.",
    params=(
        Param("mode", "auto", "Which columns the feature matrix has, see the help page", choices=MODES),
        Param("positions", 16, "Positions drawn per picture where maps are sampled", low=1, high=4096),
        Param("rtol", 0.0, "Tolerance of the rank relative to the largest singular value, 0 for the default", 0.0, 1.0),
        Param("energy", 0.99, "Share of the variance that the energy rank explains", low=0.01, high=1.0),
        Param("centred", False, "Take the mean feature off before rank and its companions are read"),
        Param("interval_memory", 1024, "MiB for the copies that intervals need; widest layers go without", 0, 1 << 20),
        Param("live", False, "Send estimates while pictures still stream by", shapes_result=False),
    ),
)

MEASURES = (  # name, unit, title
    ("rank", "directions", "Numerical rank"),
    ("rank_ratio", "", "Rank / channels"),
    ("energy_rank", "directions", "Energy rank"),
    ("effective_rank", "directions", "Effective rank"),
    ("effective_rank_low", "directions", "Effective rank, lower end of the 95 % interval"),
    ("effective_rank_high", "directions", "Effective rank, upper end of the 95 % interval"),
    ("participation_ratio", "directions", "Participation ratio"),
    ("stable_rank", "directions", "Stable rank"),
    ("nuclear_norm", "", "Nuclear norm"),
    ("nuclear_norm_scaled", "", "Nuclear norm / sqrt(observations)"),
    ("tolerance", "", "Tolerance of the rank, relative to the largest singular value"),
)
COUNTS = (
    ("channels", "channels", "Channels"),
    ("observations", "observations", "Observations"),
    ("dead_channels", "channels", "Dead channels"),
    ("always_on_channels", "channels", "Always-on channels"),
)
SPECTRA = ("singular_values", "singular_values_centred")


def run(job: Job) -> Iterator[Step]:
    """Measure the chosen layers on the pictures."""
    points = _points(job)
    count = job.images.count
    yield _declared(job, points, count)
    gauges = _gauges(job, points, count)
    rows: dict[str, list[int]] = {}
    for row, point in enumerate(points):
        rows.setdefault(point.source, []).append(row)
    live = _Live(job, gauges, rows) if job.params["live"] else None
    total = count + len(gauges)
    with closing(_stream(job, gauges)) as stream:  # however this ends, the taps come off
        for first, seen in stream:
            yield Progress(seen, total, "Reading features")
            if live and seen < count:
                yield from live.steps(first, seen, count)
    observed: dict[str, int] = {}
    for done, (name, gauge) in enumerate(gauges.items()):
        if gauge.point.rows > SAY_SOLVING:
            yield Progress(count + done, total, f"solving {name}")
        found = solve(gauge, job)
        gauge.moment = None  # the next decomposition can use the memory
        observed[name] = int(found.get("observations", np.asarray(0)))
        for row in rows[name]:
            yield from _chunks(row, found)
        yield Progress(count + done + 1, total, "Decomposing")
    _warn(job, points, gauges, observed)


def _stream(job: Job, gauges: dict[str, Gauge]) -> Generator[tuple[int, int], None, None]:
    """Run all pictures through the network; after each batch, say where it began and ended."""
    images, model = job.images, job.model
    order = picture_order(job.request.seed, images.count)
    place_of = np.argsort(order)  # pictures that cannot be read leave gaps: places come from the order, not by counting
    first = 0
    drawn: dict[tuple[int, int], Tensor] = {}
    indices: Array = np.empty(0, dtype=np.int64)

    def consume(name: str, features: Tensor) -> None:
        gauge = gauges[name]
        picks = None
        if gauge.point.mode == "sampled":
            size = gauge.point.layer.shape[1], gauge.point.layer.shape[2]
            if size not in drawn:
                where = sampled_positions(job.request.seed, *size, indices.tolist(), gauge.point.positions)
                drawn[size] = torch.as_tensor(where, device=features.device)
            picks = drawn[size]
        gauge.update(features, first, picks)

    with taps(model.net, model.recording, tuple(gauges), consume):
        for batch in images.batches(order=order):
            indices = images.indices[batch.index]
            first = int(place_of[batch.index[0]])
            drawn.clear()
            model.net(batch.pixels)
            yield first, first + len(batch.index)


def solve(gauge: Gauge, job: Job, final: bool = True) -> dict[str, Array]:
    """Decompose a second moment and read all measures off it.

    Parameters
    ----------
    gauge, job
        What was seen of one tensor; whose parameters count.
    final
        False while pictures still come: without intervals and warnings.

    Returns
    -------
    dict[str, Array]
        Output name to number or spectrum; what cannot be told is left out.
    """
    if gauge.moment is None or gauge.extremes is None:
        return {}
    centred, rows = bool(job.params["centred"]), gauge.point.rows
    try:
        found = gauge.moment.decompose(centred, vectors=final and gauge.grouped)
    except torch.linalg.LinAlgError:  # type: ignore[attr-defined]  # torch documents it without exporting it
        if final:
            text = "Second moments that cannot be decomposed; the features may be too large for double precision."
            job.warn("no_spectrum", text, (gauge.point.layer.name,))
        return {"channels": np.asarray(rows)}
    observations = int(found.counts.sum().item())
    counts: dict[str, Array] = {
        "channels": np.asarray(rows),
        "observations": np.asarray(observations),
        "dead_channels": np.asarray(gauge.extremes.dead.sum().item()),
        "always_on_channels": np.asarray(gauge.extremes.always_on.sum().item()),
    }
    if not observations:
        return counts
    sigma = _spectrum(found.eigenvalues, rows, observations - centred)
    other = _spectrum(found.other, rows, observations - (not centred))
    both = (other, sigma) if centred else (sigma, other)
    rtol = float(job.params["rtol"]) or spectra.default_rtol(rows, observations, gauge.precision)
    numbers = (
        counts
        | _measures(sigma, rtol, float(job.params["energy"]), observations)
        | dict(zip(SPECTRA, both, strict=True))
    )
    return numbers | _interval(gauge, found, rtol, centred) if final and gauge.grouped else numbers


def _measures(sigma: spectra.Floats, rtol: float, energy: float, observations: int) -> dict[str, Array]:
    rank = spectra.numerical_rank(sigma, rtol)
    return {
        "tolerance": np.asarray(rtol),
        "rank": rank,
        "rank_ratio": rank / len(sigma),
        "energy_rank": spectra.energy_rank(sigma, energy),
        "effective_rank": spectra.effective_rank(sigma),
        "participation_ratio": spectra.participation_ratio(sigma),
        "stable_rank": spectra.stable_rank(sigma),
        "nuclear_norm": spectra.nuclear_norm(sigma),
        "nuclear_norm_scaled": spectra.nuclear_norm_scaled(sigma, observations),
    }


def _interval(gauge: Gauge, found: Decomposition, rtol: float, centred: bool) -> dict[str, Array]:
    """Tell between which ends the effective rank would lie with other pictures."""
    counts = found.counts.cpu().numpy().astype(np.float64)
    eigenvalues = found.eigenvalues.cpu().numpy() / counts.sum()
    slopes = torch.as_tensor(entropy_slopes(eigenvalues, max(rtol, COPY_NOISE)), device=found.vectors.device)
    influences = gauge.moment.influences(found, slopes, centred) if gauge.moment else None
    if influences is None:
        return {}
    estimate = float(spectra.effective_rank(np.sqrt(eigenvalues)))
    most = min(gauge.point.rows, counts.sum())
    low, high = effective_rank_interval(estimate, influences.cpu().numpy(), counts, most)
    return {"effective_rank_low": np.asarray(low), "effective_rank_high": np.asarray(high)}


def _spectrum(eigenvalues: Tensor, rows: int, most: int) -> spectra.Floats:
    """Singular values of a matrix with `rows` rows, of which at most `most` can differ from 0."""
    sigma = np.zeros(rows)
    size = min(rows, max(most, 0), len(eigenvalues))
    sigma[:size] = np.sqrt(eigenvalues[:size].cpu().numpy())
    return sigma


class _Live:
    """Estimates while pictures still stream by: after 1/8, 1/4 and 1/2 of them, for as many layers as time allows."""

    def __init__(self, job: Job, gauges: dict[str, Gauge], rows: dict[str, list[int]]) -> None:
        self.job = job
        self.gauges = dict(sorted(gauges.items(), key=lambda item: item[1].point.rows))
        self.rows = rows
        self.begun = time.perf_counter()
        self.spent = 0.0

    def steps(self, before: int, seen: int, count: int) -> Iterator[Step]:
        """Chunks of the layers that can be afforded, narrow ones first."""
        if not any(before < count // part <= seen for part in (8, 4, 2)):
            return
        pace = 0.0  # seconds per cubed row of the decomposition before
        for name, gauge in self.gauges.items():
            start, cube = time.perf_counter(), gauge.point.rows**3
            if self.spent + pace * cube > LIVE_SHARE * (start - self.begun):
                return
            found = solve(gauge, self.job, final=False)
            for row in self.rows[name]:
                yield from _chunks(row, found)
            spent = time.perf_counter() - start
            self.spent, pace = self.spent + spent, spent / cube


def _chunks(row: int, numbers: dict[str, Array]) -> Iterator[Chunk]:
    for name, values in numbers.items():
        yield Chunk(name, (row,), values)


def _points(job: Job) -> tuple[Point, ...]:
    """Plan every chosen layer; those that cannot be read are told once.

    Raises
    ------
    AnalysisError
        If nothing is left.
    """
    mode, positions = str(job.params["mode"]), int(job.params["positions"])
    recording = job.model.recording
    layers = job.choose(KINDS)
    plans = [
        (layer, None)
        if layer.name in recording.folded
        else (layer, plan(layer, mode, positions, layer.name in recording.channels_last))
        for layer in layers
    ]
    left_out = tuple(layer.name for layer, point in plans if point is None)
    points = tuple(point for _, point in plans if point)
    reason = (
        f"their feature matrix would have more than {WIDEST:,} rows, or they hold tokens or windows instead of maps"
    )
    if not points:
        raise AnalysisError(
            f"None of the chosen layers can be measured in mode {mode}: {reason}.",
            "Choose other layers with --layers, or mode=positions.",
            items=left_out,
        )
    if left_out:
        job.warn("not_measured", f"{len(left_out)} of {len(layers)} layers were left out: {reason}.", left_out)
    return points


def _gauges(job: Job, points: tuple[Point, ...], count: int) -> dict[str, Gauge]:
    """One gauge per tensor; the copies that intervals need go to the narrow layers first."""
    sources = {point.source: point for point in points}
    room = float(job.params["interval_memory"]) * 2**20
    grouped: set[str] = set()
    for name, point in sorted(sources.items(), key=lambda item: item[1].rows):
        room -= copies_bytes(point.rows)
        if room >= 0:
            grouped.add(name)
    if len(grouped) < len(sources):
        job.warn(
            "no_interval",
            "Some layers are too wide to keep what an interval of the effective rank needs; raise interval_memory.",
            tuple(name for name in sources if name not in grouped),
        )
    return {name: Gauge(point, count, name in grouped) for name, point in sources.items()}


def _declared(job: Job, points: tuple[Point, ...], count: int) -> Declared:
    size, widest = len(points), max(point.rows for point in points)
    outputs = (
        *(Output(name, ("layer",), (size,), "int64", unit, title) for name, unit, title in COUNTS),
        *(Output(name, ("layer",), (size,), "float64", unit, title) for name, unit, title in MEASURES),
        Output(SPECTRA[0], ("layer", "component"), (size, widest), title="Singular values"),
        Output(SPECTRA[1], ("layer", "component"), (size, widest), title="Singular values about the mean"),
    )
    return Declared(outputs, tuple(point.layer for point in points), facts=_facts(job, points, count))


def _facts(job: Job, points: tuple[Point, ...], count: int) -> tuple[tuple[str, str], ...]:
    rtol = float(job.params["rtol"])
    modes = [point.mode for point in points]
    words = {
        "positions": "all positions of the map",
        "sampled": f"{job.params['positions']} drawn positions per picture",
        "pooled": "mean over the map",
        "flat": "the whole map as one vector",
    }
    used = [f"{mode} ({words[mode]}): {modes.count(mode)} layers" for mode in words if mode in modes]
    return (
        ("mode", "; ".join(used)),
        ("pictures", f"{count:,} in a seeded order"),
        ("tolerance", f"{rtol:g}" if rtol else "max(C, min(N, 10 C)) x eps of the feature's dtype"),
        ("spectrum", "about the mean (centred)" if job.params["centred"] else "about zero (mean included)"),
        ("energy", f"{float(job.params['energy']):g} of the sum of squared singular values"),
        ("effective rank", "exp of the entropy of p = sigma / sum(sigma), natural logarithm"),
        ("interval", f"95 % over pictures, infinitesimal jackknife over {GROUPS} groups of pictures"),
        ("dead channel", "zero at every position of every picture"),
        ("always-on channel", "above zero at every position of every picture"),
    )


def _warn(job: Job, points: tuple[Point, ...], gauges: dict[str, Gauge], observed: dict[str, int]) -> None:
    """Say what readers must know: too few observations, pictures that were dropped, a tolerance in the noise."""
    dropped = np.zeros(job.images.count, dtype=bool)
    broken: list[str] = []
    for name, gauge in gauges.items():
        if gauge.extremes is None:
            continue
        lost = gauge.extremes.dropped.cpu().numpy()
        dropped |= lost
        if lost.any():
            broken.append(name)
    few = tuple(point.layer.name for point in points if observed[point.source] < point.rows)
    if few:
        job.warn("undersampled", "Fewer observations than channels: the rank is limited by the sample.", few)
    if broken:
        text = f"{int(dropped.sum())} pictures were dropped at some layers, where their features are not finite."
        job.warn("non_finite", text, tuple(broken))
    rtol = float(job.params["rtol"])
    noisy = tuple(p.layer.name for p in points if 0 < rtol < spectra.moment_floor(p.rows))
    if noisy:
        job.warn("tolerance_below_noise", f"Below about {rtol:g}, singular values of a second moment are noise.", noisy)
