"""Streaming second moments and extremes against plain matrices, merging, and intervals against simulation."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits
from torch import Tensor

from analysis.features.moments import ColumnMoment, Extremes, Moment, SecondMoment, copies_bytes
from analysis.measures import spectra
from analysis.measures.intervals import effective_rank_interval, entropy_slopes

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small matrices are quicker on one thread, above all where the cores are shared."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(threads)


def features(pictures: int, channels: int, positions: int, seed: int = 0, decades: float = 0.0) -> Tensor:
    """Random features (picture, channel, position) float32 with a mean; their spectrum falls by so many decades."""
    made = torch.Generator().manual_seed(seed)
    values = torch.randn(pictures, channels, positions, generator=made)
    scales = torch.logspace(0, -decades, channels)
    return values * scales[None, :, None] + 0.3


def matrix(values: Tensor) -> Tensor:
    """The features as a (channel, observation) float64 matrix."""
    return values.transpose(0, 1).reshape(values.shape[1], -1).double()


def feed(moment: Moment, values: Tensor, cuts: tuple[int, ...] = (), first: int = 0) -> None:
    """Give the pictures in batches that end at the cuts."""
    ends = [*cuts, len(values)]
    for start, stop in zip([0, *cuts], ends, strict=True):
        present = torch.ones(stop - start, dtype=torch.bool)
        moment.update(values[start:stop], present, first + start)


def second_moment(values: Tensor, cuts: tuple[int, ...] = ()) -> SecondMoment:
    moment = SecondMoment(values.shape[1], len(values), CPU)
    feed(moment, values, cuts)
    return moment


@pytest.mark.parametrize(("channels", "positions"), [(1, 3), (7, 1), (64, 16), (129, 40), (300, 7)])
@pytest.mark.parametrize("centred", [False, True])
def test_eigenvalues_are_squared_singular_values(channels: int, positions: int, centred: bool) -> None:
    values = features(50, channels, positions, decades=4)
    found = second_moment(values, (7, 8, 30)).decompose(centred)
    plain = matrix(values)
    about_mean = plain - plain.mean(dim=1, keepdim=True)
    for eigenvalues, exact in (
        (found.eigenvalues, about_mean if centred else plain),
        (found.other, plain if centred else about_mean),
    ):
        sigma = torch.linalg.svdvals(exact)
        count = len(sigma)
        big = sigma > 1e-5 * sigma[0]
        error = (eigenvalues.sqrt()[:count] - sigma).abs()
        assert float(error[big].max()) < 1e-6 * float(sigma[0])
    assert int(found.counts.sum()) == 50 * positions


def test_explained_variance_equals_scikit_learn() -> None:
    values = features(200, 12, 5, decades=1)
    found = second_moment(values).decompose(centred=True)
    expected = PCA(svd_solver="full").fit(matrix(values).T.numpy()).explained_variance_
    assert (found.eigenvalues / (1000 - 1)).numpy() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("positions", [1, 16, 300])
def test_uneven_batches_equal_one(positions: int) -> None:
    values = features(60, 20, positions)
    one, three = second_moment(values), second_moment(values, (3, 41))
    assert torch.allclose(one.matrix(), three.matrix(), rtol=1e-13, atol=0)
    assert torch.allclose(one.sums, three.sums, rtol=1e-12, atol=1e-12)
    assert one.counts.tolist() == three.counts.tolist()


def test_order_of_pictures_does_not_matter_for_the_spectrum() -> None:
    values = features(40, 20, 9)
    mixed = values[torch.randperm(40, generator=torch.Generator().manual_seed(1))]
    one, other = second_moment(values).decompose(False), second_moment(mixed, (11,)).decompose(False)
    assert torch.allclose(one.eigenvalues, other.eigenvalues, rtol=1e-11)


def test_looking_while_streaming_changes_no_digit() -> None:
    values = features(60, 20, 3)
    watched = SecondMoment(20, 60, CPU)
    feed(watched, values[:20])
    halfway = watched.matrix()
    assert torch.allclose(halfway, matrix(values[:20]) @ matrix(values[:20]).T, rtol=1e-12, atol=1e-12)
    feed(watched, values[20:], first=20)
    silent = SecondMoment(20, 60, CPU)
    feed(silent, values[:20])
    feed(silent, values[20:], first=20)
    assert torch.equal(watched.matrix(), silent.matrix())


@pytest.mark.parametrize("cut", [24, 30])
@pytest.mark.parametrize("centred", [False, True])
def test_two_shards_merge_to_one_run(cut: int, centred: bool) -> None:
    values = features(48, 150, 5)
    whole = second_moment(values)
    shards = [SecondMoment(150, 48, CPU), SecondMoment(150, 48, CPU)]
    feed(shards[0], values[:cut])
    feed(shards[1], values[cut:], first=cut)
    shards[0].merge(shards[1])
    one, merged = whole.decompose(centred), shards[0].decompose(centred)
    assert torch.allclose(one.eigenvalues, merged.eigenvalues, rtol=1e-10, atol=1e-8)
    assert one.counts.tolist() == merged.counts.tolist()
    slopes = torch.as_tensor(entropy_slopes(one.eigenvalues.numpy() / 240, 1e-6))
    influences = [m.influences(found, slopes, centred) for m, found in ((whole, one), (shards[0], merged))]
    assert influences[0] is not None
    assert influences[1] is not None
    assert torch.allclose(influences[0], influences[1], rtol=1e-7, atol=1e-9)


def test_products_in_single_precision_would_read_rank_nine() -> None:
    """A linear layer of rank 3 seen at many positions: float64 sums of float64 products keep it at 3."""
    made = torch.Generator().manual_seed(0)
    w = torch.randn(64, 3, generator=made, dtype=torch.float64)
    x = torch.rand(3, 512 * 400, generator=made, dtype=torch.float64) + 0.5
    values = (w @ x).float()
    rtol = spectra.default_rtol(64, values.shape[1])
    moment = second_moment(values.unflatten(1, (512, 400)).transpose(0, 1))
    sigma = moment.decompose(False).eigenvalues.sqrt().numpy()
    assert spectra.numerical_rank(sigma, rtol) == 3
    coarse = sum((part @ part.T for part in values.split(4096, dim=1)), torch.zeros(64, 64))
    drifted = torch.linalg.eigvalsh(coarse.double()).clamp(min=0).sqrt().numpy()
    assert spectra.numerical_rank(drifted, rtol) > 3


@pytest.mark.parametrize(("channels", "positions"), [(6, 9), (40, 1), (300, 4)])
@pytest.mark.parametrize("centred", [False, True])
def test_influences_are_the_derivative_with_respect_to_the_weight_of_a_group(
    channels: int, positions: int, centred: bool
) -> None:
    values = features(60, channels, positions, decades=1)
    moment = second_moment(values, (13, 14))
    found = moment.decompose(centred)
    count = 60 * positions
    slopes = entropy_slopes(found.eigenvalues.numpy() / count, 1e-5)
    influences = moment.influences(found, torch.as_tensor(slopes), centred)
    assert influences is not None
    shares = found.counts.numpy() / count
    ends = np.cumsum(found.counts.numpy())
    group = np.searchsorted(ends, np.arange(count), side="right")
    plain = matrix(values).numpy()

    def entropy(weights: np.ndarray) -> float:
        weights = weights / weights.sum()
        mean = plain @ weights if centred else np.zeros(channels)
        moments = (plain * weights) @ plain.T - np.outer(mean, mean)
        return math.log(float(spectra.effective_rank(np.sqrt(np.maximum(np.linalg.eigvalsh(moments), 0)))))

    step, numeric = 1e-4, []
    for g in range(8):
        change = step * (group == g) / shares[g]
        numeric.append((entropy(1 + change) - entropy(1 - change)) / (2 * step))
    mine = influences.numpy() - shares @ influences.numpy()
    theirs = np.array(numeric) - shares @ np.array(numeric)
    assert mine == pytest.approx(theirs, abs=2e-2 * np.abs(theirs).max())


@pytest.mark.parametrize("centred", [False, True])
def test_few_pictures_give_the_same_from_their_products(centred: bool) -> None:
    values = features(40, 90, 1)
    values[5] = 0
    present = torch.ones(40, dtype=torch.bool)
    present[5] = False
    wide, dual = SecondMoment(90, 40, CPU), ColumnMoment(90, 40, CPU)
    found = []
    for moment in (wide, dual):
        moment.update(values[:11], present[:11], 0)
        moment.update(values[11:], present[11:], 11)
        result = moment.decompose(centred)
        slopes = torch.as_tensor(entropy_slopes(result.eigenvalues.numpy() / 39, 1e-6))
        influences = moment.influences(result, slopes, centred)
        assert influences is not None
        found.append((result, influences - (result.counts * influences).sum() / 39))
    (one, mine), (other, theirs) = found
    assert torch.allclose(one.eigenvalues[:38], other.eigenvalues[:38], rtol=1e-9)
    assert torch.allclose(one.other[:38], other.other[:38], rtol=1e-9, atol=1e-9)
    assert one.counts.tolist() == other.counts.tolist() == [5, 4, 5, 5, 5, 5, 5, 5]
    assert torch.allclose(mine, theirs, rtol=1e-6, atol=1e-9)


def test_columns_of_two_shards_merge() -> None:
    values = features(10, 30, 1)
    whole = ColumnMoment(30, 10, CPU)
    feed(whole, values)
    shards = [ColumnMoment(30, 10, CPU), ColumnMoment(30, 10, CPU)]
    feed(shards[0], values[:4])
    feed(shards[1], values[4:], first=4)
    shards[0].merge(shards[1])
    assert torch.equal(whole.decompose(True).eigenvalues, shards[0].decompose(True).eigenvalues)


def sizes(thing: Any) -> int:
    """Numbers kept by an object in tensors, nested lists included."""
    if isinstance(thing, Tensor):
        return thing.numel()
    if isinstance(thing, (list, tuple)):
        return sum(sizes(item) for item in thing)
    return sum(sizes(item) for item in vars(thing).values()) if hasattr(thing, "__dict__") else 0


def test_memory_does_not_grow_with_the_pictures() -> None:
    few, many = second_moment(features(16, 150, 4)), second_moment(features(800, 150, 4), tuple(range(16, 800, 16)))
    assert sizes(few) == sizes(many)
    assert sum(panel.numel() * panel.itemsize for copy in many.copies for panel in copy) == copies_bytes(150)
    assert sum(panel.numel() for panel in SecondMoment(512, 10, CPU).panels) < 0.63 * 512**2


def test_extremes_tell_dead_and_always_on_channels() -> None:
    maps = torch.relu(torch.randn(20, 5, 6, 6, generator=torch.Generator().manual_seed(0)))
    maps[:, 1] = 0
    maps[:, 2] += 0.5
    maps[:, 3] = 0
    maps[19, 3, 5, 5] = 1e-30
    maps[:, 4] = -1
    extremes = Extremes(5, 20, CPU, torch.float32)
    assert extremes.update(maps[:7], 0).all()
    extremes.update(maps[7:], 7)
    assert extremes.dead.tolist() == [False, True, False, False, False]
    assert extremes.always_on.tolist() == [False, False, True, False, False]
    assert torch.equal(extremes.low, maps.amin(dim=(0, 2, 3)))
    assert torch.equal(extremes.high, maps.amax(dim=(0, 2, 3)))
    halves = [Extremes(5, 20, CPU, torch.float32), Extremes(5, 20, CPU, torch.float32)]
    halves[0].update(maps[:9], 0)
    halves[1].update(maps[9:], 9)
    halves[0].merge(halves[1])
    assert torch.equal(halves[0].low, extremes.low)
    assert torch.equal(halves[0].high, extremes.high)


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_pictures_that_are_not_finite_are_left_out(broken: float) -> None:
    maps = torch.rand(6, 3, 2, 2) + 1
    maps[4, 1, 0, 1] = broken
    extremes = Extremes(3, 6, CPU, torch.float32)
    finite = extremes.update(maps, 0)
    assert finite.tolist() == [True] * 4 + [False, True]
    assert extremes.dropped.tolist() == (~finite).tolist()
    assert float(extremes.low.min()) >= 1
    assert float(extremes.high.max()) <= 2
    assert extremes.always_on.all()
    nothing = Extremes(3, 1, CPU, torch.float32)
    nothing.update(maps[4:5], 0)
    assert not nothing.always_on.any()
    assert not nothing.dead.any()


@pytest.mark.parametrize("kind", ["single", "classes", "uneven"])
def test_intervals_cover_the_truth(kind: str) -> None:
    """95 % intervals over pictures, by simulation: positions of one picture are related, some pictures are stronger."""
    channels, pictures, positions, runs = 10, 600, 6, 250
    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((channels, channels)) * np.logspace(0, -1, channels)
    centres = rng.standard_normal((10, channels))

    def draw(count: int, seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        base = rng.standard_normal((count, positions, channels)) + rng.standard_normal((count, 1, channels))
        if kind == "classes":
            base += centres[rng.integers(0, 10, count)][:, None]
        if kind == "uneven":
            base *= rng.gamma(4.0, 0.25, (count, 1, 1))
        return np.asarray(np.maximum(base @ mixing.T, 0))

    plenty = draw(150_000, 99).reshape(-1, channels)
    truth = float(spectra.effective_rank(np.sqrt(np.linalg.eigvalsh(plenty.T @ plenty))))
    hits = 0
    for run in range(runs):
        values = torch.from_numpy(draw(pictures, run + 1)).transpose(1, 2)
        moment = second_moment(values)
        found = moment.decompose(False)
        eigenvalues = found.eigenvalues.numpy()
        slopes = torch.as_tensor(entropy_slopes(eigenvalues / (pictures * positions), 1e-6))
        influences = moment.influences(found, slopes, False)
        assert influences is not None
        estimate = float(spectra.effective_rank(np.sqrt(eigenvalues)))
        low, high = effective_rank_interval(estimate, influences.numpy(), found.counts.numpy(), channels)
        hits += low <= truth <= high
    # 0.95 within sampling error, less the little that the bias of a finite sample costs.
    assert 0.90 <= hits / runs <= 0.99
