"""Intervals of accuracy and loss: independent formulas, coverage, and that pairing helps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor, nn

from analysis.events import Chunk, Declared, Output
from analysis.live import measure
from analysis.measures.accuracy import difference_interval, interval_of, mean_reach, paired_interval, share_interval
from analysis.result import Result


def test_a_share_has_the_interval_of_wilson() -> None:
    for hits, count in ((0, 10), (3, 10), (183, 200), (1000, 1000)):
        expected = stats.binomtest(hits, count).proportion_ci(0.95, method="wilson")
        assert share_interval(hits / count, count) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_a_mean_has_its_standard_errors() -> None:
    values = np.random.RandomState(3).standard_exponential(400)
    low, high = stats.norm.interval(0.95, values.mean(), stats.sem(values))
    assert 2 * mean_reach(values) == pytest.approx(high - low)
    assert np.isnan(mean_reach(values[:1]))


def test_intervals_hold_what_they_promise() -> None:
    """Networks that differ by 3 points in truth, 300 pictures: about 95 of 100 intervals contain it."""
    random = np.random.RandomState(0)
    inside = 0
    for _ in range(1000):
        hard = random.rand(300)
        ours, theirs = hard < 0.93, (hard < 0.90) ^ (random.rand(300) < 0.0)
        low, high = paired_interval(ours, theirs)
        inside += low <= 0.03 <= high
    assert 0.92 < inside / 1000 < 0.99


def evaluated(hits: NDArray[np.bool_], losses: NDArray[np.float64], unread: int = 0) -> Result:
    count = len(hits)
    result = Result()
    outputs = (
        Output("top1", (), ()),
        Output("loss", (), ()),
        Output("label", ("sample",), (count,), "int32"),
        Output("prediction", ("sample",), (count,), "int32"),
        Output("sample_loss", ("sample",), (count,)),
    )
    result.apply(Declared(outputs))
    prediction = np.where(hits, 0, 1).astype(np.int32)
    prediction[:unread] = -1
    known = prediction >= 0
    result.apply(Chunk("label", (), np.zeros(count, dtype=np.int32)))
    result.apply(Chunk("prediction", (), prediction))
    result.apply(Chunk("sample_loss", (), losses))
    result.apply(Chunk("top1", (), np.asarray(hits[known].mean())))
    result.apply(Chunk("loss", (), np.asarray(losses[known].mean())))
    return result


def test_only_pictures_that_were_classified_count() -> None:
    random = np.random.RandomState(1)
    hits, losses = random.rand(200) < 0.9, random.standard_exponential(200)
    run = evaluated(hits, losses, unread=50)
    assert interval_of(run, "top1") == share_interval(float(hits[50:].mean()), 150)
    low, high = interval_of(run, "loss")
    assert (high - low) / 2 == pytest.approx(mean_reach(losses[50:]))
    assert np.isnan(interval_of(run, "top5")).all()
    assert np.isnan(interval_of(Result(), "top1")).all()


def test_a_difference_is_taken_picture_by_picture() -> None:
    random = np.random.RandomState(2)
    hits, losses = random.rand(500) < 0.9, random.standard_exponential(500)
    better = hits.copy()
    better[np.flatnonzero(~hits)[:20]] = True
    one, other = evaluated(better, losses - 0.1), evaluated(hits, losses)
    low, high = difference_interval(one, other, "top1")
    assert 0 < low < 0.04 < high
    assert difference_interval(one, other, "loss") == pytest.approx((-0.1, -0.1))
    assert (high - low) < np.ptp(interval_of(one, "top1"))
    fewer = evaluated(hits[:400], losses[:400])
    assert np.isnan(difference_interval(one, fewer, "top1")).all()


class HalfBroken(nn.Module):
    """Gives numbers for bright pictures only."""

    def forward(self, x: Tensor) -> Tensor:
        scores = torch.stack([x.mean(dim=(1, 2, 3)), torch.full((len(x),), 0.1)], dim=1)
        return torch.where(scores[:, :1] > 0, scores, scores * float("nan"))


def test_outputs_that_are_not_numbers_count_in_the_interval_as_they_do_in_the_share() -> None:
    pictures = torch.randn(100, 1, 4, 4, generator=torch.Generator().manual_seed(3))
    found = measure("evaluate", HalfBroken(), pictures, labels=torch.zeros(100, dtype=torch.int64))
    top1 = found.value("top1")
    assert 0.05 < top1 < 0.6, "broken pictures are not recognised"
    assert (np.asarray(found["prediction"]) < 0).any()
    assert interval_of(found, "top1") == share_interval(top1, 100)
    low, high = difference_interval(found, found, "top1")
    assert low == pytest.approx(-high)
