"""Oracles, references and choices on tables worked out by hand, by enumeration, and by properties."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from analysis.measures import oracles, selection
from analysis.measures.findings import MEASURES, summary

R = np.array([[1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 1], [0, 0, 1, 1], [0, 0, 0, 0]], dtype=bool)


def table(
    seed: int, pictures: int = 30, several: int = 6, classes: int = 4
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random answers, labels, and which answers are right."""
    random = np.random.RandomState(seed)
    prediction = random.randint(0, classes, (pictures, several))
    label = random.randint(0, classes, pictures)
    return prediction, label, prediction == label[:, None]


def test_six_pictures_and_four_configurations() -> None:
    assert R.sum(axis=1).tolist() == [2, 2, 1, 2, 2, 0]
    assert R.mean(axis=0).tolist() == pytest.approx([3 / 6, 2 / 6, 2 / 6, 2 / 6])
    assert oracles.any_correct(R) == pytest.approx(5 / 6)
    assert oracles.all_correct(R) == 0
    assert oracles.growth_curve(R).tolist() == pytest.approx([0.375, 0.638889, 0.791667, 0.833333], abs=1e-6)
    assert oracles.only_solver(R).tolist() == [1, 0, 0, 0]
    for own in (True, False):
        cover = selection.greedy_cover(R, share=1.0, from_own=own)
        assert cover.chosen == (0, 3)
        assert cover.gains == (3, 2)
        assert cover.reported == pytest.approx((3 / 6, 5 / 6))


def test_growth_equals_enumeration() -> None:
    _, _, right = table(1, several=6)
    for size in range(1, 7):
        expected = np.mean([right[:, list(chosen)].any(axis=1).mean() for chosen in combinations(range(6), size)])
        assert oracles.growth_curve(right)[size - 1] == pytest.approx(expected)
        assert 1 - oracles.missed_by_subsets(right, size).mean() == pytest.approx(expected)


@given(st.integers(0, 10_000))
def test_growth_runs_from_mean_accuracy_to_the_oracle(seed: int) -> None:
    _, _, right = table(seed)
    curve = oracles.growth_curve(right)
    assert curve[0] == pytest.approx(right.mean())
    assert curve[-1] == pytest.approx(oracles.any_correct(right))
    assert (np.diff(curve) >= -1e-12).all()
    assert oracles.shared_credit(right).sum() == pytest.approx(right.any(axis=1).sum())


@given(st.integers(0, 10_000))
def test_columns_may_be_shuffled_and_repeated(seed: int) -> None:
    prediction, label, right = table(seed)
    order = np.random.RandomState(seed).permutation(right.shape[1])
    twice = np.concatenate([prediction, prediction[:, :2]], axis=1)
    for other in (prediction[:, order], twice):
        assert oracles.any_correct(other == label[:, None]) == oracles.any_correct(right)
        assert (oracles.distinct_answers(other) == oracles.distinct_answers(prediction)).all()
        assert oracles.shuffled_oracle(other, label) == pytest.approx(oracles.shuffled_oracle(prediction, label))


def test_shuffled_labels_by_sampling() -> None:
    prediction, label, _ = table(3, pictures=40)
    random = np.random.RandomState(0)
    drawn = [oracles.any_correct(prediction == random.permutation(label)[:, None]) for _ in range(4000)]
    expected = oracles.shuffled_oracle(prediction, label)
    assert np.mean(drawn) == pytest.approx(expected, abs=4 * np.std(drawn) / 4000**0.5)


def test_right_is_not_the_same_as_lowest_loss() -> None:
    right, loss = np.array([[False, True]]), np.array([[0.777, 0.916]])
    found = oracles.by_loss(right, loss)
    assert oracles.any_correct(right) == 1
    assert found.best_accuracy == 0


def test_ties_go_to_the_lowest_index_and_nan_comes_last() -> None:
    found = oracles.by_loss(np.ones((2, 4), dtype=bool), np.array([[1.0, 1.0, 2.0, 2.0], [np.nan, 3.0, 1.0, 2.0]]))
    assert found.best.tolist() == [0, 2]
    assert found.median.tolist() == [1, 3]
    assert found.worst.tolist() == [2, 0]


@given(st.integers(0, 10_000))
def test_losses_are_ordered(seed: int) -> None:
    _, _, right = table(seed)
    found = oracles.by_loss(right, np.random.RandomState(seed).rand(*right.shape))
    assert found.best_loss <= found.median_loss <= found.worst_loss
    assert found.best_accuracy <= oracles.any_correct(right)


def test_matched_list_and_rescue() -> None:
    prediction = np.array([[0, 1, 1], [0, 0, 0], [2, 1, 0]])
    assert oracles.distinct_answers(prediction).tolist() == [2, 1, 3]
    assert oracles.matched_list(np.array([2, 2, 3]), prediction) == pytest.approx(2 / 3)
    right = prediction == np.array([1, 1, 2])[:, None]
    saved = oracles.rescue(right, prediction, 3)
    assert (saved.count, saved.share, saved.chance) == (2, 0.5, pytest.approx((1 / 2 + 0) / 2))
    assert saved.corrected == pytest.approx((0.5 - 0.25) / 0.75)
    nothing = oracles.rescue(np.ones((2, 2), dtype=bool), np.zeros((2, 2), dtype=int), 3)
    assert nothing.count == 0
    assert np.isnan(nothing.corrected)


def test_kappa_is_undefined_where_chance_reaches_all() -> None:
    assert np.isnan(oracles.kappa(1.0, 1.0))
    assert oracles.kappa(0.5, 0.75) == pytest.approx(-1)


def test_duplicates_are_marked_by_answers_and_losses() -> None:
    prediction = np.array([[1, 1, 1, 2], [0, 0, 0, 0]])
    loss = np.array([[0.5, 0.5 * (1 + 1e-8), 0.6, 0.5], [1.0, 1.0, 1.0, 1.0]])
    found = oracles.duplicates(prediction, loss)
    assert found.tolist() == [0, 0, 2, 3]
    assert oracles.effective(found).tolist() == [0, 2, 3]


def test_subsets_of_switch_points() -> None:
    options = np.array([[a, b] for a in range(2) for b in range(3)])
    found = dict(oracles.point_subsets(options))
    assert found[(0,)].tolist() == [0, 3]
    assert found[(1,)].tolist() == [0, 1, 2]
    assert found[(0, 1)].tolist() == list(range(6))


def test_bootstrap_interval_covers_the_mean() -> None:
    random = np.random.RandomState(0)
    hits = 0
    for trial in range(60):
        low, high = oracles.mean_interval(random.normal(1.0, 1.0, 50), 300, trial)
        hits += low <= 1.0 <= high
    assert hits >= 50
    assert oracles.mean_interval(np.ones(20)) == (1, 1)


@pytest.mark.parametrize("count", [1, 2, 37, 1500])
def test_intervals_of_means_are_those_of_one_draw_at_a_time(count: int) -> None:
    values = np.random.RandomState(count).rand(count)
    one = oracles.bootstrap(lambda rows: float(values[rows].mean()), count, 900, 3)
    assert np.array_equal(oracles.mean_interval(values, 900, 3), one, equal_nan=True)


def test_halves_are_disjoint_and_even() -> None:
    strata = np.repeat(np.arange(5), [10, 11, 1, 4, 7])
    first, second = selection.halves(strata, 3)
    assert sorted([*first, *second]) == list(range(33))
    for value in range(5):
        assert abs(int((strata[first] == value).sum()) - int((strata[second] == value).sum())) <= 1


def structured(pictures: int = 600, several: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Configuration g is right for group g with 0.9, all others with 0.5."""
    random = np.random.RandomState(seed)
    groups = np.arange(pictures) % several
    chance = np.where(np.arange(several)[None] == groups[:, None], 0.9, 0.5)
    return random.rand(pictures, several) < chance, groups


def test_static_gain_finds_structure_and_its_control_does_not() -> None:
    right, groups = structured()
    gain = selection.static_gain(right, groups)
    # A fifth of the pictures has configuration 0 as its own; the others gain 0.4.
    assert gain.gain == pytest.approx(0.8 * 0.4, abs=0.06)
    assert abs(gain.shuffled) < 0.06
    assert gain.low > gain.shuffled_high
    assert dict(gain.chosen) == {group: group for group in range(5)}


def test_static_gain_of_independent_guesses_is_nothing_though_the_oracle_is_high() -> None:
    right = np.random.RandomState(1).rand(500, 20) < 0.5
    gain = selection.static_gain(right, np.arange(500) % 5)
    assert oracles.any_correct(right) > 0.99
    assert abs(gain.gain) < 0.08
    assert gain.low < gain.shuffled < gain.high


def test_small_groups_keep_the_network() -> None:
    right, groups = structured(60)
    assert np.isnan(selection.static_gain(right, groups).gain)
    groups[:50] = 0
    assert dict(selection.static_gain(right, groups).chosen).keys() == {0}


def test_quantile_groups_are_of_equal_size() -> None:
    values = np.random.RandomState(0).rand(103)
    values[3] = np.nan
    groups = selection.quantile_groups(values)
    assert groups[3] == -1
    assert sorted(np.bincount(groups[groups >= 0])) == [20, 20, 20, 21, 21]


def test_cover_prefers_the_cheaper_and_reports_on_the_other_half() -> None:
    right = np.array([[1, 0, 0], [0, 1, 1], [0, 1, 0]], dtype=bool)
    assert selection.greedy_cover(right[:2], np.array([1, 9, 3]), share=1.0).chosen == (0, 2)
    cover = selection.greedy_cover(right, share=1.0, select=np.array([0, 1]), report=np.array([2]))
    assert cover.selected == (0.5, 1.0)
    assert cover.reported == (0.0, 1.0)


@given(st.integers(0, 10_000))
def test_greedy_cover_reaches_its_bound(seed: int) -> None:
    _, _, right = table(seed)
    cover = selection.greedy_cover(right, share=1.0, from_own=False)
    assert cover.selected[-1] == pytest.approx(oracles.any_correct(right))
    best = max(right[:, list(pair)].any(axis=1).mean() for pair in combinations(range(6), 2))
    assert cover.selected[min(1, len(cover.selected) - 1)] >= (1 - 1 / np.e) * best - 1e-12


def test_policies_do_not_see_the_labels() -> None:
    random = np.random.RandomState(0)
    label = random.randint(0, 10, 400)
    right = random.rand(400, 8) < 0.6
    scores = {name: random.rand(400, 8) for name in ("confidence", "entropy", "margin")}
    found = selection.policies(right, scores, label, {"mean of probabilities": label}, np.arange(1, 9), tree_macs=20.0)
    by_name = {policy.name: policy for policy in found}
    assert by_name["network as it is"].gap_closed == 0
    assert by_name["oracle (upper bound)"].gap_closed == 1
    assert by_name["mean of probabilities"].accuracy == 1
    assert by_name["most confident"].accuracy == pytest.approx(0.6, abs=0.1)
    assert by_name["most confident"].macs == 20
    assert 1 <= by_name["cascade"].macs <= 20


def test_cascade_stays_where_it_is_sure() -> None:
    right = np.array([[1, 0], [0, 1]] * 20, dtype=bool)
    confidence = np.tile([[0.9, 0.9], [0.2, 0.9]], (20, 1))
    entropy = np.tile([[2.0, 1.0], [2.0, 1.0]], (20, 1))
    picks, stay = selection.cascade(right, confidence, entropy, np.arange(20), np.arange(20, 40))
    assert picks.tolist() == [0, 1] * 10
    assert stay.tolist() == [True, False] * 10


def test_choices_relative_to_opportunity() -> None:
    options = np.array([[0], [0], [1]])
    right = np.array([[1, 1, 1], [1, 0, 1]], dtype=bool)
    loss = np.array([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0]])
    found = selection.choice_shares(right, loss, options, 0)
    assert found["best"].tolist() == [0, 1]
    assert found["opportunity"].tolist() == pytest.approx([(2 / 3 + 1 / 2) / 2, (1 / 3 + 1 / 2) / 2])
    assert found["preference"][1] == pytest.approx(1 / ((1 / 3 + 1 / 2) / 2))


def test_pareto_agreement_and_double_fault() -> None:
    assert selection.pareto_front(np.array([2, 1, 3]), np.array([0.5, 0.5, 0.9])).tolist() == [1, 2]
    assert selection.agreement(np.array([[1, 1], [1, 2]])).tolist() == [[1, 0.5], [0.5, 1]]
    assert selection.double_fault(R, 0, 1) == pytest.approx(2 / 6)


@given(st.integers(0, 10_000))
def test_rank_correlation_equals_scipy(seed: int) -> None:
    random = np.random.RandomState(seed)
    first, second = random.randint(0, 5, 20).astype(float), random.randint(0, 5, 20).astype(float)
    if min(first.std(), second.std()) > 0:
        assert selection.rank_correlation(first, second) == pytest.approx(spearmanr(first, second)[0])


def test_summary_of_one_configuration_equals_the_plain_network() -> None:
    prediction, label, right = table(0, 60)
    records = {
        "correct": right[:, :1].astype(np.uint8),
        "prediction": prediction[:, :1],
        "loss": np.ones((60, 1)),
        "true_rank": np.where(right[:, :1], 1, 2),
        "label": label,
        **{name: np.ones(60) for name in ("brightness", "contrast", "zoom")},
    }
    values = dict(zip(MEASURES, summary(records, 4, np.zeros(1, dtype=int))[0], strict=True))
    for name in ("best static", "any-correct oracle", "best-loss oracle", "all-correct", "matched list"):
        assert values[name] == pytest.approx(right[:, 0].mean(), abs=0.05 if name == "best static" else 1e-12)
    assert values["oracle beyond list"] == 0
    assert np.isnan(values["static gain by zoom"])
