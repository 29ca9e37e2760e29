"""Times of layers: who is timed, what stands with the numbers, and that nothing stays in the network."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from analysis import measure
from analysis.problems import AnalysisError
from analysis.result import Result
from tests import tiny


class Slow(nn.Module):
    """An activation that takes its time."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def forward(self, x: Tensor) -> Tensor:
        end = time.perf_counter() + self.seconds
        while time.perf_counter() < end:
            pass
        return F.relu(x)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3)
        self.quick = Slow(0.001)
        self.slow = Slow(0.02)
        self.twice = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.slow(self.twice(self.quick(self.twice(self.stem(x))))))


def latency(**params: Any) -> Result:
    return measure("latency", Net().eval(), torch.zeros(1, 3, 8, 8), **{"repeats": 5, "warmup": 1, **params})


def test_slow_layers_take_longer() -> None:
    result = latency()
    times = dict(zip(result.names("layer"), result["latency"], strict=True))
    assert list(times) == ["stem", "twice#1", "quick", "twice#2", "slow"]
    # Bounds from below only: a busy machine makes everything longer, never shorter.
    assert times["slow"] >= 20
    assert times["quick"] >= 1
    assert result.value("total") >= 21
    assert times["slow"] == max(times.values())


def test_quartiles_are_in_order_and_all_arrive() -> None:
    result = latency()
    assert (result["latency_low"] <= result["latency"]).all()
    assert (result["latency"] <= result["latency_high"]).all()
    assert result.value("total_low") <= result.value("total") <= result.value("total_high")
    assert not np.isnan(result["latency"]).any()


def test_device_threads_and_batch_stand_with_the_numbers() -> None:
    facts = latency(pictures=3).facts
    assert facts["device"] == "cpu"
    assert int(facts["threads"]) >= 1
    assert facts["batch"] == "3 x 3 x 8 x 8"
    assert facts["repeats"] == "5 after 1 to warm up"


def test_layers_can_be_chosen_and_operations_without_module_cannot_be_timed() -> None:
    assert latency(layers="slow").names("layer") == ("slow",)
    with pytest.raises(AnalysisError, match="can be timed"):
        latency(layers=":relu")


def test_nothing_stays_behind() -> None:
    net = tiny.fill(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()))
    before = tiny.state_of(net)
    measure("latency", net, torch.zeros(1, 3, 8, 8), repeats=2)
    assert tiny.state_of(net) == before
