"""Removal curves: against networks derived one by one, with blocks that conflict and without."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from analysis.derive import derive
from analysis.edits import Edits
from analysis.figures import FigureSpec, make_sheet
from analysis.figures.sheet import Line
from analysis.footprint import peak_memory, timed
from analysis.live import measure
from analysis.models import model_from
from analysis.problems import AnalysisError
from analysis.result import Result
from tests.tiny import linear_stack, pictures, residual_net, state_of

QUICK: dict[str, Any] = {"repeats": 2, "warmup": 1}


def study(net: nn.Module, **params: Any) -> Result:
    x = pictures((3, 8, 8), 20)
    return measure("block_removal", net, x, labels=net(x).argmax(1), **(QUICK | params))


@pytest.fixture(scope="module")
def net() -> nn.Module:
    """Four of six branches are constant but for noise far below the grid: they conflict, and hardly matter."""
    made = residual_net(repeats=2, width=4)
    with torch.no_grad():
        for name in ("layer1.0", "layer1.1", "layer2.1", "layer3.1"):
            made.get_submodule(f"{name}.bn2").weight.fill_(1e-6)  # type: ignore[union-attr,operator]
            made.get_submodule(f"{name}.bn2").bias.zero_()  # type: ignore[union-attr,operator]
    return made


@pytest.fixture(scope="module")
def result(net: nn.Module) -> Result:
    return study(net, subsets=4)


def test_accuracy_is_that_of_networks_derived_one_by_one(net: nn.Module, result: Result) -> None:
    x = pictures((3, 8, 8), 20)
    labels = net(x).argmax(1)
    names, model = result.names("block"), model_from(net, (3, 8, 8))
    for group in range(3):
        for size in range(1, len(names) + 1):
            for taken, accuracy in zip(
                result["subset_blocks"][group, size], result["subset_accuracy"][group, size], strict=True
            ):
                if not np.isnan(accuracy):
                    removed = tuple(names[place] for place in np.flatnonzero(taken))
                    assert len(removed) == size
                    smaller = derive(model, Edits(removed=removed)) if (group, size) in ((0, 2), (2, 5)) else None
                    if smaller:
                        assert accuracy == pytest.approx(float((smaller.net(x).argmax(1) == labels).float().mean()))


def test_conflicting_blocks_go_for_nothing(result: Result) -> None:
    assert result["conflicting"].tolist() == [1, 1, 0, 1, 0, 1]
    mean = result["accuracy_mean"]
    assert mean[:, 0].tolist() == [1, 1, 1]
    assert mean[0, :5].tolist() == [1] * 5
    assert np.isnan(mean[0, 5:]).all()
    assert mean[1, 1] < 1
    assert np.isnan(mean[1, 3:]).all()
    assert result["first_loss"][0] == -1
    assert result["first_loss"][1] == 1
    assert set(result["removal_order"][0, :4].tolist()) == {0, 1, 3, 5}
    assert result["reduced"].tolist() == [1, 1, 0, 1, 0, 1]
    assert result["accuracy"].tolist() == [1, 1]
    assert result.finished is not None
    assert not result.finished.warnings


def test_subsets_within_the_group_and_all_of_few(result: Result) -> None:
    flags = result["subset_blocks"][0, 3]
    drawn = {tuple(np.flatnonzero(row)) for row in flags[flags.max(axis=1) == 1]}
    assert drawn == set(combinations((0, 1, 3, 5), 3))
    sd = result["subset_accuracy"][2, 2]
    assert result["accuracy_sd"][2, 2] == pytest.approx(float(np.std(sd)))


def test_savings_are_those_of_the_derived_network(net: nn.Module, result: Result) -> None:
    model = model_from(net, (3, 8, 8))
    for row, order in enumerate(result["removal_order"]):
        for size in (0, 2, 6):
            removed = tuple(result.names("block")[place] for place in order[:size])
            derived = derive(model, Edits(removed=removed)) if removed else model
            assert result["ordered_parameters"][row, size] == derived.recording.totals.parameters
            assert result["ordered_macs"][row, size] == derived.recording.totals.macs
    assert result["parameters"][0] == model.recording.totals.parameters
    assert result["parameters"][1] == result["ordered_parameters"][0, 4]
    assert (result["peak_memory"][1] <= result["peak_memory"][0]).all()
    assert (result["latency"] > 0).all()


def test_nothing_conflicts_and_nothing_may_go() -> None:
    made = residual_net(repeats=1, width=4)
    before = state_of(made)
    found = study(made, subsets=2, loss=0.0001, eta=1.0, training_batch=1, scaled_branches=False)
    assert state_of(made) == before
    assert found.finished is not None
    codes = [warning.code for warning in found.finished.warnings]
    assert codes[0] == "empty_group"
    assert np.isnan(found["accuracy_mean"][0]).all()
    np.testing.assert_array_equal(found["accuracy_mean"][1], found["accuracy_mean"][2])
    sheet = make_sheet(FigureSpec("block_removal"), [found])
    labels = [mark.label for mark in sheet.panels[0].marks if isinstance(mark, Line) and mark.label]
    assert labels == ["random, non-conflicting ± 1 sd", "lowest first", "highest first"]


def test_named_blocks_and_wrong_ones() -> None:
    made = residual_net(repeats=1, width=4)
    found = study(made, subsets=1, blocks="layer2.0")
    assert found["reduced"].tolist() == [0, 1, 0]
    with pytest.raises(AnalysisError, match="'layer9' is no block"):
        study(made, subsets=1, blocks="layer9")
    x = pictures((4,), 6)[:, :, None, None]
    flat = nn.Sequential(nn.Flatten(), linear_stack())
    with pytest.raises(AnalysisError, match="no residual block"):
        measure("block_removal", flat, x, labels=torch.zeros(6, dtype=torch.long), **QUICK)


def test_peak_memory_by_hand() -> None:
    """8 x 8 maps of floats: 1 channel comes in, 4 after the convolution, 4 more after the activation."""
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 3, padding=1))
    x = torch.zeros(2, 1, 8, 8)
    assert peak_memory(net, x) == 2 * 64 * 4 * (1 + 4 + 4)
    assert peak_memory(nn.Sequential(net[0], nn.ReLU(inplace=True), net[2]), x) == 2 * 64 * 4 * (1 + 4 + 2)
    times = list(timed(net, x, 3, 2))
    assert np.isnan(times[:2]).all()
    assert min(times[2:]) > 0
