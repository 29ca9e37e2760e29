"""Held-out measures and intervals where pictures come in several rows, what cannot be measured, and missing answers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis import measure
from analysis.measures import choice_outputs, findings, oracles, selection
from analysis.measures.oracles import Bools, Integers
from tests.tiny import ResidualNet, fill, pictures

COPIES = 5


def noise(count: int = 200, several: int = 27, seed: int = 0) -> tuple[Bools, Integers]:
    """Pure noise in which every picture comes in five equal rows; and which picture each row is of."""
    right = np.random.RandomState(seed).rand(count, several) < 0.5
    return np.repeat(right, COPIES, axis=0), np.repeat(np.arange(count), COPIES)


# -- pictures in several rows ----------------------------------------------------------------------------------------


def test_halves_never_part_the_rows_of_a_picture() -> None:
    random = np.random.RandomState(1)
    picture = random.permutation(np.repeat(np.arange(101), COPIES)) * 7
    strata = random.randint(0, 3, len(picture))
    first, second = selection.halves(strata, 4, picture)
    assert not np.isin(picture[first], picture[second]).any()
    assert np.array_equal(np.sort(np.concatenate([first, second])), np.arange(len(picture)))
    assert abs(len(first) - len(second)) <= 3 * COPIES


def test_halves_of_pictures_that_come_once_are_as_without_saying_so() -> None:
    strata = np.arange(60) % 4
    for one, other in zip(selection.halves(strata, 3), selection.halves(strata, 3, np.arange(60)), strict=True):
        assert np.array_equal(one, other)


def test_noise_gains_nothing_though_its_rows_repeat() -> None:
    right, picture = noise()
    contrast = (picture % 5).astype(np.float64)
    by_rows = findings.grouped(right, contrast)[0]
    assert by_rows[0] > 0.06, "rows in both halves invent a gain: what the picture is there for"
    assert by_rows[1] > 0
    (gain, low, high), control = findings.grouped(right, contrast, picture=picture)
    assert low < 0 < high
    assert abs(gain - control[0]) < 0.05
    value, *_ = selection.best_static(right, picture=picture)
    assert value == pytest.approx(0.5, abs=0.08)
    assert selection.best_static(right)[0] > value + 0.04


def test_rules_do_not_see_the_pictures_they_are_scored_on() -> None:
    right, picture = noise(60)
    flat = np.zeros(right.shape)
    scores = dict.fromkeys(("confidence", "entropy", "margin"), flat)
    label = np.zeros(len(right), dtype=np.int64)
    by_picture = {rule.name: rule for rule in selection.policies(right, scores, label, {}, picture=picture)}
    by_row = {rule.name: rule for rule in selection.policies(right, scores, label, {})}
    _, report = selection.halves(label, 0, picture)
    assert by_picture["network as it is"].accuracy == right[report, 0].mean()
    assert by_row["best static"].accuracy > by_picture["best static"].accuracy + 0.05


def test_intervals_draw_pictures() -> None:
    values = np.random.RandomState(0).rand(80)
    rows, picture = np.repeat(values, COPIES), np.repeat(np.arange(80), COPIES)
    once = oracles.mean_interval(values, 500, 2)
    assert oracles.mean_interval(rows, 500, 2, picture) == pytest.approx(once)
    low, high = oracles.mean_interval(rows, 500, 2)
    assert high - low < 0.6 * (once[1] - once[0])
    assert oracles.bootstrap(lambda drawn: float(rows[drawn].mean()), len(rows), 500, 2, picture) == pytest.approx(once)


def test_intervals_weigh_pictures_by_their_rows() -> None:
    random = np.random.RandomState(3)
    picture = random.randint(0, 30, 200)
    values = random.rand(200) + picture
    drawn = oracles.bootstrap(lambda rows: float(values[rows].mean()), 200, 400, 1, picture)
    assert oracles.mean_interval(values, 400, 1, picture) == pytest.approx(drawn)


def test_a_zoom_study_has_the_intervals_of_its_pictures() -> None:
    """Every picture at three zooms: each interval of the header is that of drawing pictures."""
    x, labels = pictures((3, 16, 16), 40), np.arange(40) % 10
    found = measure("dynamic_configurations", fill(ResidualNet(width=4)), x, labels=labels,
                    points="layer3.0.conv1:dil1,2", zooms="0.5,1,2", zoom_each=True)  # fmt: skip
    ends = [dict(zip(found.names("measure"), found[f"summary_{end}"], strict=True)) for end in ("low", "high")]
    own = (found["correct"][:, 0] == 1).astype(np.float64)
    wanted = oracles.mean_interval(own, 1000, 0, found["place"].astype(np.int64))
    assert [end["plain accuracy"] for end in ends] == pytest.approx(list(wanted))
    assert np.isfinite(dict(zip(found.names("measure"), found["summary"], strict=True))["static gain by zoom"])


# -- what cannot be measured -----------------------------------------------------------------------------------------


def test_no_group_of_forty_pictures_is_not_a_gain_of_zero() -> None:
    right, picture = noise(30)
    values = np.tile(np.arange(COPIES), 30).astype(np.float64)
    gain, control = findings.grouped(right, values, picture=picture)
    assert all(math.isnan(end) for end in (*gain, *control))
    assert findings.why_no_gain(values, picture=picture) == findings.TOO_FEW
    assert "40 pictures" in findings.TOO_FEW
    assert findings.why_no_gain(np.ones(150)) == findings.ALIKE
    assert findings.why_no_gain(np.arange(400) % 2 * 1.0) == ""
    # 5 rows each of 30 pictures are no 150 pictures.
    assert findings.why_no_gain(np.repeat([0.0, 1.0], 75), picture=picture) == findings.TOO_FEW


def test_twenty_pictures_have_no_gain_in_a_run() -> None:
    x, labels = pictures((3, 16, 16), 20), np.arange(20) % 10
    found = measure(
        "dynamic_configurations", fill(ResidualNet(width=4)), x, labels=labels, points="layer3.0.conv1:dil1,2"
    )
    table = dict(zip(found.names("measure"), found["summary"], strict=True))
    assert all(math.isnan(value) for name, value in table.items() if name.startswith("static gain"))
    assert math.isfinite(table["plain accuracy"])


# -- scores that are not finite --------------------------------------------------------------------------------------


def test_a_missing_answer_is_no_answer() -> None:
    prediction = np.array([[0, -1, -1], [-1, -1, -1], [1, 2, 1], [-1, 3, 3]])
    assert oracles.distinct_answers(prediction).tolist() == [1, 0, 2, 1]
    # The plain network's list has as many places as there are answers, and none where it gave none itself.
    assert oracles.listed(np.array([2, 1, 2, 1]), prediction).tolist() == [False, False, True, False]
    alike = selection.agreement(prediction)
    assert alike[0].tolist() == [0.5, 0.0, 0.25]
    assert alike[1, 2] == 0.25, "only the last picture has answers of both"
    assert np.array_equal(alike, alike.T)


def test_missing_answers_do_not_raise_the_chance_of_a_rescue() -> None:
    prediction = np.array([[1, 2, -1, -1], [1, 2, 2, 2], [-1, 2, 3, 3]])
    correct = np.zeros(prediction.shape, dtype=bool)
    found = oracles.rescue(correct, prediction, 5)
    # One other answer out of four classes, twice; two answers out of five where the network gave none.
    assert found.chance == pytest.approx((1 / 4 + 1 / 4 + 2 / 5) / 3)


# -- choices by loss -------------------------------------------------------------------------------------------------


def test_answers_alone_do_not_make_duplicates() -> None:
    prediction = np.array([[1, 1, 1], [0, 0, 0]])
    confidence = np.array([[0.9, 0.8, 0.9], [0.7, 0.7, 0.7 * (1 + 1e-9)]])
    records = {"prediction": prediction, "confidence": confidence, "entropy": 1 - confidence}
    assert oracles.duplicates(prediction, *oracles.told_apart_by(records)).tolist() == [0, 1, 0]
    labelled = {**records, "loss": np.array([[0.1, 0.1, 0.2], [0.3, 0.3, 0.3]])}
    assert oracles.duplicates(prediction, *oracles.told_apart_by(labelled)).tolist() == [0, 0, 2]


def test_a_run_without_labels_tells_configurations_with_the_same_answers_apart() -> None:
    found = measure("dynamic_configurations", fill(ResidualNet(width=4)), pictures((3, 16, 16), 4),
                    points="layer3.0.conv1:dil1,2,3")  # fmt: skip
    same = (found["prediction"] == found["prediction"][:, :1]).all(axis=0)
    apart = (found["confidence"] != found["confidence"][:, :1]).any(axis=0)
    assert (same & apart).any(), "the case is in the data"
    assert (found["duplicate_of"][same & apart] != 0).all()


def test_ties_of_loss_go_to_the_lowest_index() -> None:
    loss = np.array([[0.5, 2.0, 2.0, 0.5], [np.nan, 1.0, np.inf, 1.0]])
    best, median, worst = oracles.chosen_by(loss)
    assert (best.tolist(), median.tolist(), worst.tolist()) == ([0, 1], [3, 3], [1, 0])
    assert oracles.marked_by(loss[0]) == (0, 3, 1)


def test_choices_by_loss_have_top_five_and_mean_loss() -> None:
    random = np.random.RandomState(2)
    logits = random.randn(50, 9, 12)
    label = random.randint(0, 12, 50)
    shares = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    loss = -np.log(np.take_along_axis(shares, label[:, None, None], axis=2)[:, :, 0])
    order = np.argsort(-logits, axis=2)
    rank = 1 + np.argmax(order == label[:, None, None], axis=2)
    records = {
        "correct": (rank == 1).astype(np.uint8),
        "prediction": order[:, :, 0],
        "loss": loss,
        "true_rank": rank,
        "label": label,
    }
    found = dict(zip(findings.MEASURES, findings.summary(records, 12, np.arange(9))[0], strict=True))
    for sort, place in (("best", 0), ("median", 4), ("worst", 8)):
        picks = [int(np.argsort(row)[place]) for row in loss]
        ranks = np.array([rank[row, pick] for row, pick in enumerate(picks)])
        assert found[f"{sort}-loss mean loss"] == pytest.approx(np.sort(loss, axis=1)[:, place].mean())
        assert found[f"{sort}-loss top-5"] == pytest.approx((ranks <= 5).mean())
        name = "best-loss oracle" if sort == "best" else f"{sort}-loss accuracy"
        assert found[name] == pytest.approx((ranks == 1).mean())
    assert found["best-loss mean loss"] <= found["median-loss mean loss"] <= found["worst-loss mean loss"]
    few = dict(zip(findings.MEASURES, findings.summary(records, 5, np.arange(9))[0], strict=True))
    assert math.isnan(few["best-loss top-5"]), "five places out of five classes are no measure"


# -- subsets of switch points ----------------------------------------------------------------------------------------


def test_subsets_of_many_points_are_the_small_ones_and_all() -> None:
    options = np.vstack([np.zeros((1, 12), dtype=np.int64), np.eye(12, dtype=np.int64)])
    found = oracles.point_subsets(options)
    assert len(found) <= oracles.MOST_SUBSETS + 13
    sets = [points for points, _ in found]
    assert all((point,) in sets for point in range(12))
    assert tuple(range(12)) in sets
    assert len(oracles.point_subsets(options[:, :6])) == 2**6 - 1


# -- what a run keeps ------------------------------------------------------------------------------------------------


def test_a_run_keeps_rules_the_cover_and_choices() -> None:
    x, labels = pictures((3, 16, 16), 30), np.arange(30) % 10
    found = measure(
        "dynamic_configurations", fill(ResidualNet(width=4)), x, labels=labels, points="layer2.0.conv1:dil1,2,3"
    )
    right = found["correct"] == 1
    select, report = selection.halves(labels, 0)
    assert found.names("policy") == choice_outputs.POLICIES
    accuracy = dict(zip(found.names("policy"), found["policy_accuracy"], strict=True))
    assert accuracy["network as it is"] == pytest.approx(right[report, 0].mean())
    surest = found["confidence"][report].argmax(axis=1)
    assert accuracy["most confident"] == pytest.approx(right[report, surest].mean())
    assert accuracy["oracle (upper bound)"] == pytest.approx(right[report].any(axis=1).mean())
    chosen = found["cover"][found["cover"] >= 0]
    assert chosen[0] == 0
    for count in range(1, len(chosen) + 1):
        reached = right[select][:, chosen[:count]].any(axis=1).mean()
        assert found["cover_selected"][count - 1] == pytest.approx(reached)
    best = np.bincount(found["option"][found["loss"].argmin(axis=1), 0], minlength=3) / 30
    assert found["choice_share"][found.names("choice").index("best"), 0] == pytest.approx(best)
    assert found["choice_share"].sum(axis=2)[:3] == pytest.approx(1)
