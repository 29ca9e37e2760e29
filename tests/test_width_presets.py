"""Presets of channel configurations: legal, within their budget, and what each of them promises."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from analysis.config import LayerSpec
from analysis.graph import record
from analysis.measures.widths import fitting, presets, straight
from analysis.measures.widths.costs import CostModel
from analysis.measures.widths.fitting import Budget, Rounding
from analysis.measures.widths.legal import objections
from analysis.models import load
from analysis.problems import AnalysisError
from analysis.request import Compute, ModelSource
from analysis.surgery.dissecting import dissect

Net = tuple[CostModel, tuple[LayerSpec, ...]]
NETS = ("torchvision:mobilenet_v2", "timm:rexnet_100", "torchvision:shufflenet_v2_x1_0", "torchvision:resnet18")
_KNOWN: dict[str, Net] = {}


def net(name: str) -> Net:
    """Cost model and layers of a network with random weights, made once."""
    if name not in _KNOWN:
        model = load(ModelSource(name, ("random",)), Compute())
        found = dissect(model.net, model.input_shape, model.name).groups
        _KNOWN[name] = CostModel(found), model.recording.layers
    return _KNOWN[name]


def measured(layers: tuple[LayerSpec, ...], seed: int) -> dict[str, float]:
    random = np.random.default_rng(seed)
    return {row.name: float(random.uniform(0.1, 1) * row.channels) for row in layers if row.kind == "conv"}


@settings(max_examples=8)
@given(
    name=st.sampled_from(NETS),
    unit=st.sampled_from(fitting.UNITS),
    share=st.floats(0.2, 1.5),
    seed=st.integers(0, 99),
    multiple=st.sampled_from((1, 8)),
)
def test_every_preset_is_legal_and_keeps_its_budget(
    name: str, unit: str, share: float, seed: int, multiple: int
) -> None:
    model, layers = net(name)
    budget, rounding = fitting.own_budget(model, unit, share), Rounding(multiple, multiple)
    conflicts = {row.name: float(place > 20) for place, row in enumerate(layers)}
    for proposal in (
        presets.uniform_to(model, budget, rounding),
        presets.at_random(model, budget, seed, rounding=rounding),
        presets.from_ranks(model, layers, measured(layers, seed), budget, rounding),
        presets.from_conflicts(model, layers, conflicts, budget, rounding=rounding),
        straight.straighten(model, layers, budget, rounding).proposal,
    ):
        assert objections(model.found, proposal.widths) == ()
        totals = model.costs(proposal.widths).totals
        assert (totals.parameters, totals.macs) == (proposal.parameters, proposal.macs)
        assert proposal.gap >= 0 or "exceed" in proposal.notes[-1]


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("unit", fitting.UNITS)
def test_the_budget_is_met_within_a_percent(name: str, unit: str) -> None:
    model, layers = net(name)
    whole = fitting.own_budget(model, unit)
    half = fitting.own_budget(model, unit, 0.5)
    assert 0 <= presets.uniform_to(model, half).gap < 1e-3
    assert 0 <= presets.from_ranks(model, layers, measured(layers, 1), whole).gap < 1e-3
    assert 0 <= straight.straighten(model, layers, whole).proposal.gap < 0.01


def test_no_single_step_fits_any_more() -> None:
    model, _ = net("torchvision:resnet18")
    budget = fitting.own_budget(model, "parameters", 0.3)
    proposal = presets.at_random(model, budget, 5)
    spare = budget.target - proposal.parameters
    smallest = min(
        model.costs({**proposal.widths, g.name: proposal.widths.get(g.name, g.width) + g.step}).totals.parameters
        - proposal.parameters
        for g in model.found.free
    )
    assert spare < 2 * smallest


def test_the_whole_budget_gives_back_the_network() -> None:
    for name in NETS:
        model, _ = net(name)
        assert presets.uniform_to(model, fitting.own_budget(model)).widths == {}
        assert presets.uniform(model, 1.0).widths == {}


def test_ranks_set_the_proportions() -> None:
    model, layers = net("torchvision:resnet18")
    ranks = measured(layers, 3)
    proposal = presets.from_ranks(model, layers, ranks, fitting.own_budget(model))
    wanted = presets.by_group(model.found, layers, ranks)
    ratios = [proposal.widths.get(g.name, g.width) / wanted[g.name] for g in model.found.free]
    assert max(ratios) / min(ratios) < 1.1
    with pytest.raises(AnalysisError, match="measured rank"):
        presets.from_ranks(model, layers, {}, fitting.own_budget(model))


def test_conflicting_groups_lose_half_and_the_others_gain() -> None:
    model, layers = net("torchvision:resnet18")
    proposal = presets.from_conflicts(
        model, layers, {"layer4.0.conv1": 0.2, "layer4.1.conv1": 0.0}, fitting.own_budget(model)
    )
    assert abs(proposal.widths["layer4.0.conv1"] - 256) <= 1
    assert all(proposal.widths[g.name] > g.width for g in model.found.free if g.name != "layer4.0.conv1")
    with pytest.raises(AnalysisError, match="conflicts"):
        presets.from_conflicts(model, layers, {"conv1": 0.0}, fitting.own_budget(model))


def test_widths_of_a_search_are_taken_over() -> None:
    model, _ = net("torchvision:resnet18")
    proposal = presets.from_search(model, ["conv1", "layer1.0.conv1", "gone"], [48, 64, 9])
    assert proposal.widths == {"conv1": 48}
    assert "gone" in proposal.notes[0]


def test_random_control_is_seeded() -> None:
    model, _ = net("timm:rexnet_100")
    budget = fitting.own_budget(model)
    first, again, other = (presets.at_random(model, budget, seed) for seed in (1, 1, 2))
    assert first == again
    assert first.widths != other.widths


def test_an_impossible_budget_is_said() -> None:
    model, _ = net("torchvision:resnet18")
    proposal = presets.uniform_to(model, Budget("parameters", 10))
    assert proposal.gap < 0
    assert "exceed" in proposal.notes[-1]
    with pytest.raises(AnalysisError, match="no unit"):
        fitting.own_budget(model, "bytes")


# -- the linear rule ---------------------------------------------------------------------------------------------------


def test_fits_of_published_networks() -> None:
    best = straight.line_fit([30, 45, 59, 74, 88, 103, 117, 132, 146])
    assert best.r2 > 0.999
    assert best.slope == pytest.approx(14.5, abs=0.05)
    model, layers = net("torchvision:mobilenet_v2")
    rungs = straight.ladder(model.found, layers)
    assert tuple(rung.width for rung in rungs) == dict(straight.STAIRCASES)["MobileNetV2"]
    assert straight.line_fit([rung.width for rung in rungs]).r2 == pytest.approx(0.74, abs=0.005)


def test_a_straight_network_stays_straight() -> None:
    model, layers = net("timm:rexnet_100")
    result = straight.straighten(model, layers, fitting.own_budget(model))
    assert result.before.r2 > 0.9999
    widths = np.array([rung.width for rung in result.rungs])
    assert np.abs(result.after - widths).max() <= 2


def test_blocks_that_are_left_out_keep_their_widths() -> None:
    model, layers = net("torchvision:mobilenet_v2")
    whole = straight.ladder(model.found, layers)
    last = frozenset({whole[-1].block})
    result = straight.straighten(model, layers, fitting.own_budget(model, "macs"), without=last)
    assert [rung.block for rung in result.rungs] == [rung.block for rung in whole[:-1]]
    assert [rung.index for rung in result.rungs] == list(range(1, len(whole)))
    kept = next(group.name for group in model.found.free if group.name == whole[-1].layer)
    assert kept not in result.proposal.widths
    assert any(whole[-1].block in note for note in result.proposal.notes)
    few = frozenset(rung.block for rung in whole[2:])
    with pytest.raises(AnalysisError, match="Fewer than three blocks"):
        straight.straighten(model, layers, fitting.own_budget(model, "macs"), without=few)


def test_straightening_keeps_first_block_stem_head_and_expansion() -> None:
    model, layers = net("torchvision:mobilenet_v2")
    result = straight.straighten(model, layers, fitting.own_budget(model, "macs"))
    widths = result.proposal.widths
    assert result.after[0] == 16
    assert "features.0.0" not in widths
    assert "features.18.0" not in widths
    assert result.line.r2 > result.before.r2 + 0.2
    for rung in result.rungs[1:]:
        name = f"{rung.block}.conv.0.0"
        expanding = widths.get(name, model.found.groups[model.found.index(name)].width)
        assert expanding == 6 * result.after[rung.index - 2]


def test_plain_networks_use_their_layers() -> None:
    widths = (3, 8, 8, 24, 40)
    net_ = nn.Sequential(*[nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(widths)], nn.Flatten(), nn.Linear(640, 5))
    found, layers = dissect(net_, (3, 4, 4)).groups, record(net_, (3, 4, 4)).layers
    model = CostModel(found)
    result = straight.straighten(model, layers, fitting.own_budget(model, "macs"))
    assert [rung.block for rung in result.rungs] == ["0", "1", "2", "3"]
    assert result.line.r2 > 0.99


def test_audit_flags_what_the_rule_warns_of() -> None:
    def conv(name: str, inputs: int, outputs: int, groups: int = 1, kernel: int = 1) -> LayerSpec:
        shape = (outputs, 4, 4)
        return LayerSpec(name, "conv", shape=shape, kernel=(kernel, kernel), groups=groups, expands_from=inputs)

    def act(kind: str, width: int) -> LayerSpec:
        return LayerSpec(f"{kind}{width}", "activation", type=kind, shape=(width, 4, 4))

    layers = (
        conv("up", 10, 80), act("ReLU6", 80), conv("dw", 80, 80, 80, 3), act("SiLU", 80), conv("down", 80, 20),
        conv("up2", 20, 60), act("SiLU", 60), conv("up3", 20, 60),
    )  # fmt: skip
    rows = {row.layer: row for row in straight.audit(layers)}
    assert rows["up"].flags == ("steep", "ReLU after expansion", "low ratio")
    assert rows["dw"].flags == ("smooth depthwise",)
    assert rows["down"].flags == rows["up2"].flags == rows["up3"].flags == ()
    assert (rows["down"].ratio, rows["up"].expansion, rows["up3"].activation) == (4.0, 8.0, "")
