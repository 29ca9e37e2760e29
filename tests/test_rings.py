"""Rings of shared weights in numbers: streams, counts, projection, expectations, fits."""

from __future__ import annotations

import itertools
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.config import LayerSpec, Totals
from analysis.measures import ring_fits, rings
from analysis.measures import ring_projection as projection
from analysis.measures.rings import Bank
from analysis.problems import AnalysisError

U = np.array([0, 2, 1, 0, 2, 0, 1], dtype=np.int32)
B = np.array([1, 1, -1, -1, 1, 1, -1], dtype=np.int8)
SIZES = (4, 3)
S = np.array([1.0, 2.0])
EACH = projection.per_weight(S, SIZES)
GOLDENS = {  # (N, M): shuffle, laps, signs, checksums; seed 3
    (5, 13): (
        "3 1 1 4 1 3 0 0 4 2 2 2 4", "1 0 4 3 2 4 0 1 2 3 3 1 2", "-+-++--+--+-+", "05388063", "d4ffaa40",
    ),
    (8, 8): ("1 3 6 0 7 2 4 5", "5 6 0 3 1 4 7 2", "-+-++--+", "f8659d52", "3eed62d5"),
    (10, 4): ("8 0 9 1", "7 9 0 8", "-+-+", "385ba854", "495fa15e"),
}  # fmt: skip


def numbers(text: str) -> list[int]:
    return [int(word) for word in text.split()]


@pytest.mark.parametrize("case", GOLDENS)
def test_the_streams_are_those_of_the_format(case: tuple[int, int]) -> None:
    size, total = case
    shuffled, walked, signs, crc_shuffled, crc_walked = GOLDENS[case]
    assert rings.shuffle(3, size, total).tolist() == numbers(shuffled)
    assert rings.laps(3, size, total).tolist() == numbers(walked)
    assert rings.signs(3, total).tolist() == [1 if sign == "+" else -1 for sign in signs]
    assert rings.crc(rings.shuffle(3, size, total)) == crc_shuffled
    assert rings.crc(rings.laps(3, size, total)) == crc_walked


def test_direct_restarts_in_every_layer() -> None:
    assert rings.direct(3, (4, 2)).tolist() == [0, 1, 2, 0, 0, 1]


def test_part_of_laps_needs_only_its_laps() -> None:
    whole = rings.laps(5, 7, 40)
    for start, stop in ((0, 40), (3, 9), (14, 21), (20, 20), (39, 40)):
        assert rings.laps_part(5, 7, start, stop).tolist() == whole[start:stop].tolist()


@given(st.integers(1, 60), st.integers(1, 300), st.integers(0, 2**32 - 1), st.sampled_from(["shuffle", "laps"]))
@settings(max_examples=60)
def test_reuse_is_even(size: int, total: int, seed: int, layout: str) -> None:
    index = (rings.shuffle if layout == "shuffle" else rings.laps)(seed, size, total)
    counts = rings.reuse_counts(index, size)
    assert counts.sum() == total
    assert counts.max() - counts.min() <= 1
    assert np.count_nonzero(counts == total // size + 1) == total % size
    if layout == "laps":
        for stop in range(0, total, 7):  # every beginning is even as well
            part = rings.reuse_counts(index[:stop], size)
            assert part.max() - part.min() <= 1


def test_worked_example() -> None:
    ring = np.array([1, -2, 0.5])
    assert projection.generate(ring, U, B, EACH).tolist() == [1, 0.5, 2, -1, 1, 2, 4]
    assert projection.column_norms(U, EACH, 3).tolist() == [6, 5, 5]
    upstream = np.array([1, 2, 3, 4, 1, 0, -1])
    assert projection.gathered(EACH * B * upstream, U, 3).tolist() == [-3, -1, 4]
    target = np.array([2.0, 1, 0, 4, -2, 6, 2])
    plain = projection.project(target, U, B, SIZES, 3, scale=S, whitened=False)
    assert plain.ring == pytest.approx([5 / 3, -0.8, -0.6], abs=1e-15)
    assert plain.residual == pytest.approx(65 - (100 / 6 + 16 / 5 + 9 / 5), abs=1e-12)
    white = projection.project(target, U, B, SIZES, 3, scale=S, whitened=True)
    assert white.ring == pytest.approx([1 / 3, -0.5, 0], abs=1e-15)
    assert white.total == pytest.approx(32)
    assert white.residual == pytest.approx(32 - (1 / 3 + 1 / 2), abs=1e-12)


def example(seed: int, size: int, sizes: tuple[int, ...]) -> tuple[Bank, np.ndarray, np.ndarray, np.ndarray]:
    bank = Bank(tuple(f"w{i}" for i in range(len(sizes))), tuple((n,) for n in sizes), size, seed)
    random = np.random.default_rng(seed)
    scale = random.uniform(0.2, 3, len(sizes))
    weights = np.concatenate([s * random.standard_normal(n) for s, n in zip(scale, sizes, strict=True)])
    return bank, weights, *rings.draw(bank)  # type: ignore[return-value]


@given(st.integers(0, 1000), st.integers(1, 40))
@settings(max_examples=40)
def test_projection_is_the_least_squares_solution(seed: int, size: int) -> None:
    sizes = (5, 9, 12)
    _bank, weights, index, sign = example(seed, size, sizes)
    for whitened in (True, False):
        found = projection.project(weights, index, sign, sizes, size, whitened=whitened)
        scale = projection.per_weight(found.scale, sizes)
        matrix = np.zeros((len(weights), size))
        matrix[np.arange(len(weights)), index] = scale * sign
        root = 1 / scale if whitened else np.ones_like(scale)
        best = np.linalg.lstsq(root[:, None] * matrix, root * weights, rcond=None)[0]
        used = rings.reuse_counts(index, size) > 0
        np.testing.assert_allclose(found.ring[used], best[used], atol=1e-10)
        lost = root * (weights - found.kernels)
        assert found.residual == pytest.approx((lost**2).sum(), abs=1e-9)
        np.testing.assert_allclose((root[:, None] * matrix).T @ lost, 0, atol=1e-10)  # orthogonal to every column


@given(st.integers(0, 1000), st.integers(1, 40))
@settings(max_examples=30)
def test_identities_of_generation(seed: int, size: int) -> None:
    sizes = (7, 11, 4)
    _bank, _, index, sign = example(seed, size, sizes)
    random = np.random.default_rng(seed + 1)
    each = projection.per_weight(random.uniform(0.5, 2, 3), sizes)
    ring, other = random.standard_normal((2, size))
    kernels = projection.generate(ring, index, sign, each)
    counts = rings.reuse_counts(index, size)
    assert ((kernels / each) ** 2).sum() == pytest.approx((counts * ring**2).sum(), rel=1e-12)
    # The loss sum K² / 2 has the gradient W d.
    np.testing.assert_allclose(
        projection.gathered(each * sign * kernels, index, size), ring * projection.column_norms(index, each, size)
    )
    mixed = projection.generate(2 * ring - 3 * other, index, sign, each)
    np.testing.assert_allclose(mixed, 2 * kernels - 3 * projection.generate(other, index, sign, each), atol=1e-12)
    assert not projection.generate(np.zeros(size), index, sign, each).any()
    again = projection.project(kernels, index, sign, sizes, size, scale=each[[0, 7, 18]])
    used = counts > 0
    np.testing.assert_allclose(again.ring[used], ring[used], atol=1e-12)
    assert again.residual == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("shape", ["normal", "heavy"])
@pytest.mark.parametrize("size", [1000, 6000, 12000])
def test_random_signs_keep_n_over_m(shape: str, size: int) -> None:
    sizes = (12000, 18000, 6000)
    random = np.random.default_rng(0)
    draw = random.standard_normal if shape == "normal" else lambda n: random.standard_t(3, n)
    weights = np.concatenate([s * draw(n) for s, n in zip((1, 0.1, 5), sizes, strict=True)])
    mean, deviation = projection.expected_kept(size, sum(sizes))
    assert mean == size / sum(sizes)
    for seed in range(3):
        bank = Bank(("a", "b", "c"), tuple((n,) for n in sizes), size, seed)
        found = projection.project(weights, *rings.draw(bank), sizes, size)
        assert abs(found.kept - mean) < 5 * np.sqrt(2 * size) / sum(sizes)
        assert deviation < np.sqrt(2 * size) / sum(sizes)
        error, cosine = projection.layer_errors(weights, found.kernels, sizes)
        np.testing.assert_allclose(error, 1 - mean, atol=0.06)
        np.testing.assert_allclose(cosine, np.sqrt(mean), atol=0.06)
        assert projection.kept_energy(weights, found.kernels, sizes) == pytest.approx(found.kept, abs=1e-12)


def test_pruning_keeps_far_more() -> None:
    weights = np.random.default_rng(1).standard_normal(100_000)
    kept = projection.pruned(weights, 21_000, (60_000, 40_000))
    assert np.count_nonzero(kept) == 21_000
    assert projection.kept_energy(weights, kept, (60_000, 40_000)) == pytest.approx(0.67, abs=0.02)
    assert np.abs(kept[kept != 0]).min() >= np.abs(weights[kept == 0]).max() * 0.97  # layers differ in scale by a hair
    assert (projection.pruned(weights, 200_000, (100_000,)) == weights).all()
    assert not projection.pruned(weights, 0, (100_000,)).any()


def test_without_whitening_small_layers_drown() -> None:
    sizes, size = (40_000, 40_000), 16_000
    random = np.random.default_rng(2)
    weights = np.concatenate([random.standard_normal(40_000), 0.1 * random.standard_normal(40_000)])
    bank = Bank(("a", "b"), tuple((n,) for n in sizes), size, 0)
    found = projection.project(weights, *rings.draw(bank), sizes, size, whitened=False)
    error, _ = projection.layer_errors(weights, found.kernels, sizes)
    expected = projection.expected_error(weights, sizes, size)
    assert error[1] > 1 > error[0]
    np.testing.assert_allclose(error, expected, rtol=0.05)


def test_without_signs_a_common_mean_survives() -> None:
    weights = np.random.default_rng(3).standard_normal(50_000) + 1
    bank = Bank(("a",), ((50_000,),), 5_000, 0, "shuffle", False)
    found = projection.project(weights, *rings.draw(bank), bank.sizes, 5_000)
    mean = float((weights / np.sqrt((weights**2).mean())).mean())
    assert found.kept == pytest.approx(0.1 + 0.9 * mean**2, abs=0.01)


def test_gains() -> None:
    sizes = (400, 300)
    _, weights, index, sign = example(4, 50, sizes)
    plain = projection.project(weights, index, sign, sizes, 50)
    best = projection.project(weights, index, sign, sizes, 50, gain="least squares")
    long = projection.project(weights, index, sign, sizes, 50, gain="rms")
    errors = [projection.layer_errors(weights, found.kernels, sizes)[0] for found in (plain, best, long)]
    assert (errors[1] <= errors[0] + 1e-12).all()
    np.testing.assert_allclose(projection.layer_scales(long.kernels, sizes), projection.layer_scales(weights, sizes))
    np.testing.assert_allclose(best.kernels, projection.generate(best.ring, index, sign,
                                                                 projection.per_weight(best.scale, sizes)))  # fmt: skip


def test_layers_of_zeros_and_numbers_that_are_none() -> None:
    weights = np.concatenate([np.zeros(20), np.ones(20)])
    bank = Bank(("a", "b"), ((20,), (20,)), 8, 0)
    found = projection.project(weights, *rings.draw(bank), bank.sizes, 8)
    assert not found.kernels[:20].any()
    assert found.total == pytest.approx(20)
    error, cosine = projection.layer_errors(weights, found.kernels, bank.sizes)
    assert np.isnan(error[0])
    assert np.isnan(cosine[0])
    weights[3] = np.nan
    with pytest.raises(AnalysisError, match="not a number"):
        projection.project(weights, *rings.draw(bank), bank.sizes, 8)


@pytest.mark.parametrize(("size", "total", "count"), [(7, 20, 5), (10, 10, 4), (3, 14, 9), (8, 20, 20), (30, 12, 6)])
def test_expected_number_of_different_entries(size: int, total: int, count: int) -> None:
    laps, rest = divmod(total, size)

    def missed(uses: int) -> float:
        return comb(total - uses, count) / comb(total, count)

    exact = (size - rest) * (1 - missed(laps)) + rest * (1 - missed(laps + 1))
    assert rings.expected_distinct(size, total, count) == pytest.approx(exact, rel=1e-12)
    seen = [rings.distinct(rings.shuffle(s, size, total), (count, total - count), size)[0] for s in range(600)]
    assert np.mean(seen) == pytest.approx(exact, abs=5 * np.std(seen) / np.sqrt(600) + 1e-9)


def test_expected_different_entries_of_resnet18() -> None:
    assert round(rings.expected_distinct(2_359_296, 11_157_504, 2_359_296)) == 1_587_742


def test_laps_touch_as_many_as_they_can() -> None:
    sizes = (6, 4, 19)
    found = rings.distinct(rings.laps(0, 10, 29), sizes, 10)
    assert found.tolist() == [6, 4, 10]  # on a lap boundary n distinct; 2N - 1 weights touch all


def test_usage_and_overlap() -> None:
    sizes = (5000, 10000, 2500)
    even = rings.usage_map(rings.laps(0, 2500, 17500), sizes, 2500, 25)
    np.testing.assert_allclose(even, 1)
    index = rings.shuffle(0, 2500, 17500)
    rough = rings.usage_map(index, sizes, 2500, 25)
    assert rough.shape == (3, 25)
    widths = np.full(25, 100)
    np.testing.assert_allclose((rough * widths).sum(axis=1), 2500)
    share = rings.overlap(index, sizes, 2500)
    sets = [set(part.tolist()) for part in np.split(index, [5000, 15000])]
    for i, j in itertools.product(range(3), repeat=2):
        assert share[i, j] == pytest.approx(len(sets[i] & sets[j]) / len(sets[i]))
    from_start = rings.usage_map(rings.direct(100, (10, 30)), (10, 30), 100, 10)
    assert (from_start[:, 3:] == 0).all()
    assert (from_start[:, 0] > 0).all()


def test_reuse_histogram_has_two_bars_and_hashing_has_many() -> None:
    counts = rings.reuse_counts(rings.shuffle(0, 300, 1000), 300)
    assert rings.reuse_histogram(counts).tolist() == [0, 0, 0, 200, 100]
    assert rings.poisson(10 / 3, 40).sum() == pytest.approx(1)
    assert rings.poisson(2.0, 0)[0] == pytest.approx(np.exp(-2))


def test_likeness_of_two_kernels_from_one_pass_each() -> None:
    """E[cos] and E[cos²] for each variant, ring entries with a mean of their own."""
    size = 400
    random = np.random.default_rng(5)
    ring = random.standard_normal(size) + 0.5
    m2, m4 = (ring**2).mean(), (ring**4).mean()
    cosines = {}
    for variant in rings.VARIANTS:
        layout, signed = rings.layout_of(variant, "laps")
        found = []
        for seed in range(1500):
            bank = Bank(("a", "b"), ((size,), (size,)), size, seed, layout, signed)
            index, sign = rings.draw(bank)
            first, second = np.split(ring[index] * sign, 2)
            found.append(first @ second / (first @ first))
        cosines[variant] = np.array(found)
    assert cosines["direct"] == pytest.approx(1)
    assert cosines["perm"].mean() == pytest.approx(ring.mean() ** 2 / m2, abs=0.01)
    assert cosines["sign"].mean() == pytest.approx(0, abs=0.01)
    assert cosines["full"].mean() == pytest.approx(0, abs=0.01)
    assert (cosines["sign"] ** 2).mean() == pytest.approx(m4 / (size * m2**2), rel=0.15)
    assert (cosines["full"] ** 2).mean() == pytest.approx(1 / size, rel=0.15)


def test_correlation_in_units_of_unrelated_kernels() -> None:
    random = np.random.default_rng(6)
    kernels = random.standard_normal(3000)
    kernels[2000:] = kernels[:1000]
    found = projection.correlation(kernels, (1000, 1000, 1000))
    assert found[0, 2] == pytest.approx(np.sqrt(1000))
    assert found[0, 1] == pytest.approx(
        abs(np.corrcoef(kernels[:1000], kernels[1000:2000])[0, 1]) * np.sqrt(1000), rel=0.1
    )
    assert (found == found.T).all()
    cut = projection.correlation(kernels, (1000, 500, 1500), units=False)
    assert cut[0, 1] == pytest.approx(abs(kernels[:500] @ kernels[1000:1500])
                                      / np.linalg.norm(kernels[:500]) / np.linalg.norm(kernels[1000:1500]))  # fmt: skip


def test_degrees_of_freedom() -> None:
    bank = Bank(("a", "b"), ((60,), (40,)), 30)
    free = ring_fits.freedom((bank,), 12, 112)
    assert (free.shared, free.generated, free.total) == (30, 100, 42)
    assert (free.shared_ratio, free.total_ratio) == (0.3, 42 / 112)
    assert ring_fits.freedom((Bank(("a",), ((10,),), 50),), 0, 10).shared == 10  # N > M
    assert Bank(("a", "b"), ((60,), (40,)), 90, 0, "direct").freedom == 60  # never reads further


def test_fits_find_the_laws_they_were_made_from() -> None:
    degrees = np.array([1e3, 3e3, 1e4, 3e4, 1e5])
    line, _ = ring_fits.fits(degrees, 0.2 + 0.1 * np.log10(degrees))
    assert (line.alpha, line.beta, line.r2) == pytest.approx((0.2, 0.1, 1))
    curved = 1 - (0.05 + 10 ** (1.2 - 0.5 * np.log10(degrees)))
    _, power = ring_fits.fits(degrees, curved)
    assert power.beta == pytest.approx(0.5, rel=0.1)
    assert power.r2 > 0.999
    np.testing.assert_allclose(power.predict(degrees), curved, atol=0.02)
    few, none = ring_fits.fits(degrees[:1], degrees[:1] / 1e4)
    assert np.isnan(few.beta)
    assert np.isnan(none.beta)


def test_curves_gather_seeds_and_leave_out_what_is_not_finished() -> None:
    kind = np.array([0, 0, 0, 0, 1])
    ratio = np.array([0.1, 0.1, 0.5, 1.0, 0.1])
    total = np.array([10, 10, 50, 100, 11])
    accuracy = np.array([0.5, 0.7, 0.8, 0.9, np.nan])
    (found,) = ring_fits.curves(("full", "narrowed"), kind, ratio, total, total, accuracy)
    assert found.kind == "full"
    assert found.count.tolist() == [2, 1, 1]
    assert (found.mean[0], found.low[0], found.high[0]) == pytest.approx((0.6, 0.5, 0.7))
    assert ring_fits.unsaturated(found)[0].tolist() == [10, 50]


def test_rows_count_a_ring_once() -> None:
    rows = tuple(
        LayerSpec(name, kind, module=name, parameters=count, parameters_used=count)
        for name, kind, count in (
            ("a", "conv", 110),
            ("a.act", "activation", 0),
            ("b", "conv", 200),
            ("fc", "linear", 50),
        )
    )
    bank = Bank(("a.weight", "b.weight"), ((10, 10), (200,)), 30)
    counted, totals = ring_fits.unique_costs(rows, Totals(parameters=360, parameters_used=360), (bank,))
    assert [row.parameters for row in counted] == [40, 0, 0, 50]
    assert [row.parameters_used for row in counted] == [110, 0, 200, 50]
    assert (totals.parameters, totals.parameters_used) == (90, 360)


def test_descriptions_round_trip_and_refuse_damage() -> None:
    bank = Bank(("a", "b"), ((2, 3), (4,)), 5, 7, "laps", False)
    plain = bank.describe(*rings.draw(bank))
    assert rings.from_bytes(rings.to_bytes(plain))[0] == bank
    rings.check_draw(plain, *rings.draw(bank))
    with pytest.raises(AnalysisError, match="differently"):
        rings.check_draw(plain | {"crc_index": "00000000"}, *rings.draw(bank))
    with pytest.raises(AnalysisError, match="newer"):
        rings.from_bytes(rings.to_bytes(plain | {"format": 99}))
    with pytest.raises(AnalysisError, match="damaged"):
        rings.from_bytes(rings.to_bytes(plain)[:-4])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": 0}, "0 entries"),
        ({"seed": -1}, "out of range"),
        ({"layout": "x"}, "no layout"),
        ({"names": ()}, "named"),
    ],
)
def test_impossible_rings_are_refused(change: dict[str, object], words: str) -> None:
    given_: dict[str, object] = {"names": ("a",), "shapes": ((3,),), "size": 2} | change
    with pytest.raises(AnalysisError, match=words):
        Bank(**given_)  # type: ignore[arg-type]
    with pytest.raises(AnalysisError, match="no variant"):
        rings.layout_of("hash")
