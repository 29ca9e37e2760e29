"""Width sensitivity: against networks narrowed by hand, across an interruption, and as a preset."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from analysis.edits import Edits
from analysis.engine import run
from analysis.events import Chunk, Finished, Outcome
from analysis.measures.widths import fitting, sensitivity
from analysis.measures.widths.costs import CostModel
from analysis.measures.widths.fitting import Budget
from analysis.methods.width_sensitivity import read_ratios
from analysis.problems import AnalysisError
from analysis.request import Compute, ImageSource, ModelSource, Request
from analysis.result import Result
from analysis.store import list_runs, record
from analysis.surgery.dissecting import dissect

MODEL, PICTURES = ModelSource("demo:fashion_resnet"), ImageSource("demo:test")
GROUPS = "conv1,layer2.0.conv1,layer3.2.conv1"


def request(method: str = "width_sensitivity", edits: Edits = Edits(), **params: str) -> Request:  # noqa: B008  # frozen
    if method == "width_sensitivity":
        params = {"groups": GROUPS, "ratios": "0.5, 0.25", **params}
    compute = Compute(threads=1)
    return Request(method, MODEL, PICTURES, edits, tuple(params.items()), limit=40, compute=compute)


@pytest.fixture(scope="module")
def found() -> Result:
    return Result.of(run(request()))


def test_each_number_is_that_of_the_edited_network(found: Result) -> None:
    """The same edit by the way of `derive`, measured by the method that classifies."""
    for row, column in ((0, 1), (2, 0)):
        name, width = found.names("group")[row], int(found["width"][row, column])
        other = Result.of(run(request("evaluate", Edits(widths=((name, width),)))))
        assert float(found["accuracy"][row, column]) == float(other["top1"])
        assert float(found["loss"][row, column]) == pytest.approx(float(other["loss"]), rel=1e-6)
    whole = Result.of(run(request("evaluate")))
    assert float(found["baseline"][0]) == float(whole["top1"])
    assert found["width"].tolist() == [[4, 2], [8, 4], [16, 8]]


def test_a_run_goes_on_where_it_stopped(found: Result, tmp_path: Path) -> None:
    events, chunks = record(run(request()), tmp_path), 0
    for event in events:
        chunks += isinstance(event, Chunk) and event.name == "loss"
        if chunks == 3:
            break
    events.close()  # type: ignore[attr-defined]
    folder = list_runs(tmp_path)[0].folder
    told = list(run(replace(request(), resume=str(folder))))
    assert isinstance(told[-1], Finished)
    assert told[-1].outcome is Outcome.COMPLETED
    again = Result.of(iter(told))
    for name, array in found.arrays.items():
        np.testing.assert_array_equal(array, again[name])


def test_a_width_that_is_kept_costs_nothing() -> None:
    result = Result.of(run(request(ratios="1", groups="conv1")))
    assert result["accuracy"][0, 0] == result["baseline"][0]


@pytest.mark.parametrize("text", ["", "0.5, x", "0", "1.5"])
def test_wrong_ratios_are_refused(text: str) -> None:
    with pytest.raises(AnalysisError, match="no list of ratios"):
        read_ratios(text)


# -- as a preset -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model() -> CostModel:
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.Conv2d(8, 12, 3), nn.Conv2d(12, 16, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(16, 4),
    )  # fmt: skip
    return CostModel(dissect(net, (3, 9, 9)).groups)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("unit", fitting.UNITS)
def test_the_exact_choice_is_the_best_of_all(model: CostModel, seed: int, unit: str) -> None:
    random = np.random.default_rng(seed)
    groups = model.found.free
    names = [group.name for group in groups]
    widths = np.array([[g.width * 3 // 4, g.width // 2, g.width // 4] for g in groups], dtype=np.int64)
    losses = random.random(widths.shape).cumsum(axis=1)
    budget = fitting.own_budget(model, unit, 0.45)
    best = np.inf
    for picks in product(range(4), repeat=len(groups)):
        chosen = {n: int(widths[i, p - 1]) for i, (n, p) in enumerate(zip(names, picks, strict=True)) if p}
        if fitting.cost(model, chosen, unit) <= budget.target:
            best = min(best, sum(losses[i, p - 1] for i, p in enumerate(picks) if p))
    found = sensitivity.exact(model, names, widths, losses, budget)
    rough = sensitivity.greedy(model, names, widths, losses, budget)
    assert found.scale == pytest.approx(best)
    assert rough.scale >= best - 1e-12
    assert found.gap >= 0
    assert rough.gap >= 0


def test_greedy_narrows_what_hurts_least(model: CostModel) -> None:
    names = [group.name for group in model.found.free]
    widths = np.array([[g.width // 2] for g in model.found.free], dtype=np.int64)
    losses = np.array([[5.0], [0.1], [5.0]])
    proposal = sensitivity.greedy(model, names, widths, losses, fitting.own_budget(model, "parameters", 0.9))
    assert dict(proposal.widths) == {names[1]: 6}
    nothing = sensitivity.greedy(model, names, widths, losses, Budget("parameters", 1))
    assert nothing.gap < 0
    assert "exceed" in nothing.notes[0]
    with pytest.raises(AnalysisError, match="13 groups"):
        sensitivity.exact(model, ["0"] * 13, widths, losses, Budget("macs", 1))
