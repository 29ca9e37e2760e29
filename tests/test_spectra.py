"""Measures of spectra on matrices whose answer is known, and the identities that hold for all of them."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from threadpoolctl import threadpool_limits

from analysis.measures import spectra
from analysis.measures.intervals import T_QUANTILE, effective_rank_interval, entropy_slopes
from analysis.measures.positions import picture_order, sampled_positions


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small matrices are quicker on one thread, above all where the cores are shared."""
    with threadpool_limits(1):
        yield


SPECTRA = arrays(np.float64, st.integers(1, 12), elements=st.floats(0, 1e6))


def svd(matrix: np.ndarray) -> np.ndarray:
    return np.linalg.svd(matrix, compute_uv=False)


def rank(matrix: np.ndarray, rtol: float = 1e-10) -> int:
    return int(spectra.numerical_rank(svd(matrix), rtol))


def test_small_matrix_has_the_published_values() -> None:
    sigma = svd(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]))
    assert sigma == pytest.approx([math.sqrt(3), 1.0])
    assert spectra.numerical_rank(sigma, 1e-10) == 2
    assert spectra.nuclear_norm(sigma) == pytest.approx(2.7320508)
    assert spectra.effective_rank(sigma) == pytest.approx(1.928623, abs=1e-6)
    assert spectra.participation_ratio(sigma) == pytest.approx(1.6)
    assert spectra.stable_rank(sigma) == pytest.approx(4 / 3)
    assert spectra.sample_cap(3, 2) == pytest.approx(2 / 3)
    x, portion = spectra.distribution(sigma, 3)
    assert x == pytest.approx([0.0, 0.57735, 1.0], abs=1e-5)
    assert portion == pytest.approx([1 / 3, 2 / 3, 1.0])


@pytest.mark.parametrize(
    ("sigma", "ranks"),
    [
        (np.ones(7), (7, 7, 7, 7, 7)),
        (np.array([4.0, 0, 0, 0]), (1, 1, 1, 1, 1)),
        (np.zeros(5), (0, 0, 0, 0, 0)),
        # Two levels: 3 of size 2, 4 of size 1. p = 0.2 and 0.1; sum of squares 16.
        (
            np.array([2.0] * 3 + [1.0] * 4),
            (7, 7, math.exp(-3 * 0.2 * math.log(0.2) - 4 * 0.1 * math.log(0.1)), 256 / 52, 4),
        ),
    ],
    ids=["flat", "one direction", "all zero", "two levels"],
)
def test_analytic_spectra(sigma: np.ndarray, ranks: tuple[float, ...]) -> None:
    found = (
        spectra.numerical_rank(sigma, 1e-6),
        spectra.energy_rank(sigma, 0.99),
        spectra.effective_rank(sigma),
        spectra.participation_ratio(sigma),
        spectra.stable_rank(sigma),
    )
    assert found == pytest.approx(ranks)


@given(SPECTRA)
def test_inequalities_between_the_measures(sigma: np.ndarray) -> None:
    # Squares of values far below the largest underflow, which says nothing about the measures.
    sigma = np.where(sigma < 1e-6 * sigma.max(), 0.0, sigma)
    count = float(spectra.numerical_rank(sigma, 0.0))
    if not count:
        return
    frobenius = math.hypot(*sigma)
    chain = [
        1.0,
        float(spectra.stable_rank(sigma)),
        float(spectra.participation_ratio(sigma)),
        float(spectra.effective_rank(sigma)),
        count,
    ]
    assert all(a <= b * (1 + 1e-9) for a, b in itertools.pairwise(chain)), chain
    assert frobenius * (1 - 1e-9) <= spectra.nuclear_norm(sigma) <= math.sqrt(count) * frobenius * (1 + 1e-9)
    assert 1 <= spectra.energy_rank(sigma, 0.99) <= count


@given(SPECTRA, st.floats(1e-3, 1e3), st.randoms())
def test_scale_and_order_do_not_matter(sigma: np.ndarray, factor: float, shuffle: random.Random) -> None:
    mixed = sigma.copy()
    shuffle.shuffle(mixed)
    for measure in (spectra.effective_rank, spectra.participation_ratio, spectra.stable_rank):
        assert measure(factor * mixed) == pytest.approx(measure(sigma), rel=1e-9)
    assert spectra.nuclear_norm(factor * mixed) == pytest.approx(factor * spectra.nuclear_norm(sigma), rel=1e-12)


def test_missing_components_are_ignored_and_missing_spectra_stay_missing() -> None:
    table = np.array([[3.0, 1.0, 0.5], [2.0, np.nan, np.nan], [np.nan] * 3, [0.0, 0.0, 0.0]])
    for measure in (
        lambda s: spectra.numerical_rank(s, 1e-3),
        spectra.effective_rank,
        spectra.participation_ratio,
        spectra.stable_rank,
        spectra.energy_rank,
        spectra.nuclear_norm,
    ):
        found = measure(table)
        assert found[0] == pytest.approx(measure(table[0]))
        assert found[1] == pytest.approx(measure([2.0]))
        assert np.isnan(found[2])
        assert found[3] == 0
    assert spectra.rank_curve(table).shape == (4, spectra.CURVE_RTOLS.size)
    assert spectra.nuclear_norm_scaled(table, [4, 4, 4, 0])[:2] == pytest.approx([2.25, 1.0])


def test_one_tolerance_per_layer() -> None:
    table = np.array([[1.0, 0.1, 0.01], [1.0, 0.1, 0.01]])
    assert spectra.numerical_rank(table, [0.05, 0.005]).tolist() == [2, 3]


def test_energy_rank_counts_a_share_that_is_met_exactly() -> None:
    for size in range(1, 200):
        assert spectra.energy_rank(np.full(size, 0.1), 0.5) == math.ceil(size / 2), size
        assert spectra.energy_rank(np.full(size, 0.1), 1.0) == size


def test_tolerance_keeps_the_sample_size_out() -> None:
    """Full-rank SoftPlus features seen a thousand times: the usual tolerance loses rank, the capped one does not."""
    rng = np.random.default_rng(0)
    once = np.log1p(np.exp(rng.standard_normal((64, 16)) @ rng.standard_normal((16, 256)))).astype(np.float32)
    sigma = svd(np.float64(once)) * math.sqrt(1000)
    observations = 256 * 1000
    assert spectra.numerical_rank(sigma, spectra.default_rtol(64, observations)) == 64
    assert spectra.numerical_rank(sigma, observations * spectra.EPSILON["float32"]) < 60


def test_tolerance_of_half_and_double_precision() -> None:
    assert spectra.default_rtol(64, 10**6, "float16") == pytest.approx(2e-3)
    assert spectra.default_rtol(64, 10**6, "bfloat16") == pytest.approx(2e-2)
    assert spectra.default_rtol(4096, 10**6, "float16") > 2e-3
    # A second moment cannot see what float64 features could show.
    assert spectra.default_rtol(64, 1000, "float64") == spectra.moment_floor(64) > 640 * 2.0**-52


def test_centring_changes_the_rank_by_at_most_one() -> None:
    rng = np.random.default_rng(1)
    for true_rank in (1, 3, 6):
        features = rng.standard_normal((8, true_rank)) @ rng.standard_normal((true_rank, 50))
        shifted = features + rng.standard_normal((8, 1))
        assert rank(shifted) == true_rank + 1
        assert rank(shifted - shifted.mean(axis=1, keepdims=True)) == true_rank


def test_linear_layers_keep_the_rank_of_their_input() -> None:
    rng = np.random.default_rng(2)
    for d_in, d_out, n in ((3, 9, 40), (8, 8, 40), (5, 20, 4), (9, 4, 40)):
        assert rank(rng.standard_normal((d_out, d_in)) @ rng.standard_normal((d_in, n))) == min(d_in, d_out, n)


def test_elementwise_polynomials_reach_their_count_of_monomials() -> None:
    rng = np.random.default_rng(3)
    z = rng.standard_normal((9, 2)) @ rng.standard_normal((2, 400))
    assert [rank(y) for y in (z**2, z**3, z + z**2, (1 + z) ** 2)] == [3, 4, 5, 6]


def test_one_input_channel_gives_rank_two_at_most() -> None:
    relu = np.maximum(np.array([[1.0], [-1.0]]) @ np.array([[1.0, -1.0]]), 0)
    assert relu == pytest.approx(np.eye(2))
    assert rank(relu) == 2
    assert spectra.nuclear_norm(svd(relu)) == pytest.approx(2.0)
    rng = np.random.default_rng(4)
    many = np.maximum(rng.standard_normal((12, 1)) @ rng.standard_normal((1, 100)), 0)
    assert rank(many) == 2


@pytest.mark.parametrize("odd", [True, False])
def test_mirrored_weights_bound_the_rank(odd: bool) -> None:
    rng = np.random.default_rng(5)
    half, d_in = 6, 3
    a = rng.standard_normal((half, d_in))
    z = np.vstack([a, -a]) @ rng.standard_normal((d_in, 4000))
    features = np.maximum(z, 0) if odd else np.where(z > 0, z, np.expm1(np.minimum(z, 0)))
    assert rank(features, 1e-9) == (half + d_in if odd else 2 * half)


def test_dead_and_always_on_channels_bound_the_rank() -> None:
    rng = np.random.default_rng(6)
    d_in, d_out, dead, on = 2, 12, 3, 5
    x = np.vstack([rng.uniform(0.1, 1, (d_in, 3000))])
    w = rng.standard_normal((d_out, d_in))
    w[:dead] = -np.abs(w[:dead])
    w[dead : dead + on] = np.abs(w[dead : dead + on])
    assert rank(np.maximum(w @ x, 0)) <= (d_out - dead - on) + min(on, d_in)


def test_repeating_the_data_scales_the_spectrum_only() -> None:
    rng = np.random.default_rng(7)
    once = rng.standard_normal((5, 30))
    many = np.tile(once, (1, 9))
    first, second = svd(once), svd(many)
    assert second == pytest.approx(3 * first)
    assert spectra.nuclear_norm_scaled(second, 270) == pytest.approx(spectra.nuclear_norm_scaled(first, 30))
    assert spectra.effective_rank(second) == pytest.approx(spectra.effective_rank(first))
    for a, b in zip(spectra.distribution(first, 5), spectra.distribution(second, 5), strict=True):
        assert a == pytest.approx(b)


def test_the_elbow_lies_where_the_linear_part_ends() -> None:
    rng = np.random.default_rng(8)
    z = rng.standard_normal((128, 32)) @ rng.standard_normal((32, 2000))
    z = (z - z.mean(axis=1, keepdims=True)) / z.std(axis=1, keepdims=True)
    sigma = np.sort(svd(np.clip(z, 0, 6)))
    gap = int(np.argmax(np.diff(np.log(sigma[:-1])))) + 1  # the largest value is the mean, far from all others
    assert gap == 95
    assert gap / 128 == pytest.approx(spectra.elbow(32, 128), abs=0.002)
    assert math.isnan(spectra.elbow(64, 64))
    assert math.isnan(spectra.elbow(0, 64))


def test_distribution_of_dead_and_single_channels() -> None:
    assert [part.size for part in spectra.distribution([0.0, 0.0], 2)] == [0, 0]
    x, portion = spectra.distribution([5.0], 1)
    assert (x.tolist(), portion.tolist()) == ([1.0], [1.0])
    assert spectra.effective_rank([5.0]) == spectra.stable_rank([5.0]) == 1


def test_caps() -> None:
    assert spectra.linear_cap(16, 64) == 0.25
    assert spectra.linear_cap(64, 16) == 1.0
    assert math.isnan(spectra.linear_cap(0, 16))
    assert spectra.sample_cap(64, 16) == 0.25


def test_correlation_equals_scipy() -> None:
    rng = np.random.default_rng(9)
    x = rng.standard_normal(40).round(1)
    y = (x + rng.standard_normal(40)).round(1)
    found = spectra.correlation(np.append(x, np.nan), np.append(y, 1.0))
    assert found.count == 40
    assert found.pearson == pytest.approx(stats.pearsonr(x, y).statistic)
    assert found.spearman == pytest.approx(stats.spearmanr(x, y).statistic)
    assert math.isnan(spectra.correlation([1, 2], [3, 4]).pearson)
    assert math.isnan(spectra.correlation([1, 1, 1], [3, 4, 5]).spearman)


@given(arrays(np.float64, 6, elements=st.floats(0.05, 10)))
def test_entropy_slopes_are_the_derivative(eigenvalues: np.ndarray) -> None:
    slopes = entropy_slopes(eigenvalues, 0.0)
    step = 1e-6
    for index in range(6):
        moved = [eigenvalues.copy(), eigenvalues.copy()]
        moved[0][index] += step
        moved[1][index] -= step
        up, down = (math.log(float(spectra.effective_rank(np.sqrt(values)))) for values in moved)
        assert slopes[index] == pytest.approx((up - down) / (2 * step), rel=1e-4, abs=1e-7)
    # Effective rank does not depend on scale.
    assert slopes @ eigenvalues == pytest.approx(0, abs=1e-12)


def test_slopes_leave_out_noise_and_nothing() -> None:
    assert entropy_slopes(np.array([1.0, 1e-20]), 1e-6).tolist()[1] == 0
    assert not entropy_slopes(np.zeros(3), 1e-6).any()


def test_interval_of_eight_groups() -> None:
    assert pytest.approx(stats.t.ppf(0.975, 7)) == T_QUANTILE
    influences, counts = np.array([0.1, -0.1] * 4), np.full(8, 10.0)
    low, high = effective_rank_interval(20.0, influences, counts, 64)
    # For equal groups the jackknife is the standard error of the mean of the eight influences.
    reach = stats.t.ppf(0.975, 7) * stats.sem(influences)
    assert (low, high) == pytest.approx((20 * math.exp(-reach), 20 * math.exp(reach)))
    assert effective_rank_interval(20.0, 0 * influences, counts, 64) == (20.0, 20.0)
    assert effective_rank_interval(1.01, influences, counts, 64)[0] == 1.0
    assert all(math.isnan(end) for end in effective_rank_interval(20.0, influences, np.append(counts[1:], 0), 64))
    assert all(math.isnan(end) for end in effective_rank_interval(0.0, influences, counts, 64))


def test_sampled_positions_are_the_contract() -> None:
    found = sampled_positions(3, 9, 11, [7, 0, 7], 16)
    expected = np.random.RandomState([3, 9, 11, 7]).choice(99, 16, replace=False)
    assert found[0].tolist() == expected.tolist() == found[2].tolist()
    assert all(len(set(row)) == 16 for row in found.tolist())
    assert found[0].tolist() != found[1].tolist()
    assert sampled_positions(0, 4, 4, [1], 16)[0].tolist() != list(range(16))
    assert sorted(sampled_positions(0, 4, 4, [1], 16)[0].tolist()) == list(range(16))


def test_picture_order_is_a_seeded_permutation() -> None:
    order = picture_order(5, 100)
    assert sorted(order.tolist()) == list(range(100))
    assert order.tolist() == picture_order(5, 100).tolist() != picture_order(6, 100).tolist()
