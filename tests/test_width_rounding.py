"""Rounding holds for layers, also where their channels are nested or joined; budgets that are missed are told."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.measures.widths import fitting, presets, straight
from analysis.measures.widths.costs import CostModel
from analysis.measures.widths.description import WidthGroups
from analysis.measures.widths.fitting import EXACT, Rounding
from analysis.measures.widths.legal import counts, objections
from analysis.surgery.dissecting import dissect
from app.reading.width_reading import Rules, WidthReading, changed
from tests.test_coupling import PartialShortcut
from tests.test_width_presets import net

NESTED = ("timm:rexnet_100", "torchvision:shufflenet_v2_x1_0", "timm:res2net50_26w_4s")
NARROW = ("timm:mobilenetv3_large_100", "timm:regnetx_002", "torchvision:resnext50_32x4d", "timm:rexnet_100")


def layer_widths(found: WidthGroups, widths: dict[str, int]) -> dict[str, int]:
    """Widths of the layers in which some group can change."""
    lengths = CostModel(found).lengths(counts(found, widths))
    free = {place for place, group in enumerate(found.groups) if not group.locked}
    return {p.layer: int(lengths[p.length]) for p in found.producers if p.length >= 0 and free.intersection(p.groups)}


@pytest.mark.parametrize("name", NESTED)
@pytest.mark.parametrize("multiple", [8, 16])
def test_layers_are_multiples_where_their_channels_are_nested(name: str, multiple: int) -> None:
    model, _ = net(name)
    for rounding in (Rounding(multiple), Rounding(multiple, 40)):
        widths = dict(presets.uniform(model, 0.7, rounding).widths)
        assert objections(model.found, widths) == ()
        every = layer_widths(model.found, widths)
        assert {layer: width for layer, width in every.items() if width % multiple} == {}
        if "res2net" not in name:  # its branches are parts of a layer with the least width, and narrower themselves
            assert min(every.values()) >= rounding.minimum
    fitted = presets.uniform_to(model, fitting.own_budget(model, "macs", 0.7), Rounding(multiple))
    assert not any(width % multiple for width in layer_widths(model.found, dict(fitted.widths)).values())


def test_a_layer_comes_near_to_the_wish_for_the_whole_of_it() -> None:
    """ReXNet adds about eleven channels at each block: rounding each piece by itself would add up."""
    model, _ = net("timm:rexnet_100")
    exact, rounded = (
        layer_widths(model.found, dict(presets.uniform(model, 0.7, rule).widths)) for rule in (EXACT, Rounding(8))
    )
    away = [abs(rounded[layer] - width) for layer, width in exact.items()]
    assert max(away) <= 8
    assert float(np.mean(away)) < 4


def test_the_profile_rounds_with_the_present_widths_of_others() -> None:
    found = dissect(PartialShortcut(), (3, 8, 8)).groups
    reading, rules = WidthReading(found), Rules(Rounding(8))
    widths, refused = changed(found, {}, {"stem": 9}, rules)
    widths, refused = changed(found, widths, {"branch": 9}, rules)
    assert refused == ""
    totals = dict(zip(reading.names, reading.totals(widths).tolist(), strict=True))
    assert (totals["stem"], totals["branch"]) == (8, 16)


# -- straighten --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NARROW)
@pytest.mark.parametrize(("unit", "multiple"), [("macs", 1), ("macs", 8), ("parameters", 16)])
def test_a_straightened_network_keeps_its_costs_or_says_why_not(name: str, unit: str, multiple: int) -> None:
    model, layers = net(name)
    proposal = straight.straighten(model, layers, fitting.own_budget(model, unit), Rounding(multiple)).proposal
    assert proposal.gap >= 0
    told = [note for note in proposal.notes if "below the budget" in note]
    assert bool(told) == (proposal.gap > 0.01)
    if told:
        assert f"{100 * proposal.gap:.1f} %" in told[0]
        assert f"multiples of {multiple}" in told[0]
    inside = {layer.name for layer in layers if layer.block}
    every = layer_widths(model.found, dict(proposal.widths))
    assert not any(width % multiple for layer, width in every.items() if layer in inside)


@pytest.mark.parametrize(
    ("name", "unit", "multiple", "most"),
    [
        ("timm:mobilenetv3_large_100", "macs", 8, 0.02),
        ("timm:regnetx_002", "parameters", 16, 0.03),
        ("torchvision:resnext50_32x4d", "macs", 1, 0.01),
        ("timm:rexnet_100", "macs", 8, 0.01),
    ],
)
def test_what_is_left_of_the_budget_is_used_next_to_the_line(name: str, unit: str, multiple: int, most: float) -> None:
    model, layers = net(name)
    proposal = straight.straighten(model, layers, fitting.own_budget(model, unit), Rounding(multiple)).proposal
    assert 0 <= proposal.gap < most


@pytest.mark.parametrize("name", [*NARROW, "torchvision:resnet18"])
def test_the_first_note_says_what_happened_to_the_first_block(name: str) -> None:
    model, layers = net(name)
    for multiple in (1, 16):
        found = straight.straighten(model, layers, fitting.own_budget(model), Rounding(multiple))
        first, note = found.rungs[0].width, found.proposal.notes[0]
        moved = int(found.after[0]) != first
        assert (f"the {first} channels of the first block, which becomes {found.after[0]}" in note) == moved
        stem = "conv1" if name.endswith("resnet18") else ""
        assert ("stem and head are kept" in note) == (not stem or stem not in found.proposal.widths)
        if name.endswith("regnetx_002") and multiple == 16:
            assert "24 channels of the first block, which becomes 32: widths are multiples of 16" in note
        if stem:
            assert "its stage has the mean of the line" in note
            assert "conv1 outside of the blocks" in note


@pytest.mark.parametrize("multiple", [1, 16])
def test_other_presets_keep_the_budget_within_a_percent_or_say_so(multiple: int) -> None:
    model, _ = net("timm:regnetx_002")
    for unit in ("parameters", "macs"):
        budget = fitting.own_budget(model, unit, 0.5)
        for proposal in (
            presets.uniform_to(model, budget, Rounding(multiple)),
            presets.at_random(model, budget, 1, rounding=Rounding(multiple)),
        ):
            note = proposal.notes[-1] if proposal.notes else ""
            assert 0 <= proposal.gap <= 0.01 or "below the budget" in note or "exceed the budget" in note


# -- searches ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["torchvision:resnet18", "timm:rexnet_100"])
def test_widths_of_a_search_are_rounded_down_and_never_below_their_floor(name: str) -> None:
    model, _ = net(name)
    groups = model.found.free
    names, random = [group.name for group in groups], np.random.default_rng(0)
    exact = [int(group.width * random.uniform(0.8, 1.6)) + 1 for group in groups]
    plain = presets.from_search(model, names, exact)
    down = presets.from_search(model, names, exact, rounding=Rounding(8))
    every = layer_widths(model.found, dict(down.widths))
    assert not any(width % 8 for width in every.values())
    assert down.macs <= plain.macs
    before = layer_widths(model.found, dict(plain.widths))
    if name.endswith("resnet18"):
        assert all(width <= before[layer] for layer, width in every.items() if before[layer] >= 8)
    floors = [width - 1 for width in exact]
    kept = presets.from_search(model, names, exact, rounding=Rounding(8), floors=floors)
    for group, floor in zip(groups, floors, strict=True):
        assert kept.widths.get(group.name, group.width) >= floor
    assert "More than the search allows" in kept.notes[-1]
