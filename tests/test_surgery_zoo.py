"""Width groups and edits of well-known networks: known counts, exactness, costs, an independent library."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from analysis.graph import record
from analysis.measures.widths.costs import CostModel
from analysis.surgery.dissecting import dissect
from analysis.surgery.editing import edit, rewritten_modules, whole
from tests.width_nets import (
    CASES,
    QUICK,
    Case,
    by_variable,
    doubled,
    narrowed,
    picture,
    sizes,
    widened,
)

pytestmark = [pytest.mark.zoo, pytest.mark.usefixtures("one_thread")]
EXACT = 1e-12


def check(case: Case) -> str:
    """All checks of one network; a line of the table."""
    net, shape = case.make(), (3, case.side, case.side)
    found = dissect(net, shape)
    groups = found.groups
    counts = len(groups.free), len(groups.variables), len(groups.clusters)
    if case.counts is not None:
        assert counts == case.counts
    for group in groups.groups:
        assert not group.locked or group.reason
    model = CostModel(groups)
    thin = sizes(found, 0.4, 1.0)
    narrow, loss = narrowed(net, found, shape, thin)
    uneven = sizes(found, 1.0, 2.0)
    wide, gain = widened(net, found, shape, by_variable(found, uneven))
    even, twice = widened(net, found, shape, doubled(found))
    if case.rewritten >= 0:
        assert len(rewritten_modules(even)) == case.rewritten
    assert max(loss, gain, twice) < (EXACT if case.exact else 1.0)
    if "convnext" in case.name:
        assert twice < EXACT  # evenly widened, a mean over channels stays as it is
    for edited, values in ((narrow, thin), (wide, uneven)):
        compare_costs(model, edited, values, shape)
    assert torch.equal(edit(net, found, whole(found))(picture(shape)), net(picture(shape)))
    words = f"{counts[0]}/{counts[1]}/{counts[2]}"
    new = len(rewritten_modules(wide))
    return f"{case.name:30} {words:>12} {loss:9.0e} {gain:9.0e} {twice:9.0e} {new:4}   costs equal"


def compare_costs(model: CostModel, edited: nn.Module, values: np.ndarray, shape: tuple[int, ...]) -> None:
    """The closed form against torch's counter, counted parameters, and a fresh recording."""
    totals = model.costs_of(values).totals
    # Written out: the counter does not know the fused attention of the CPU.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        edited(picture(shape, 1))
    assert totals.macs == counter.get_total_flops() // 2
    assert totals.parameters == sum(parameter.numel() for parameter in edited.parameters())
    recorded = record(edited, shape)
    assert totals.activation_bytes == recorded.totals.activation_bytes
    rows = {layer.name: layer for layer in recorded.layers}
    costs = model.costs_of(values)
    for place, row in enumerate(model.found.rows):
        if row.layer in rows:
            assert costs.macs[place] == rows[row.layer].macs
            assert costs.parameters[place] == rows[row.layer].parameters


@pytest.mark.parametrize("case", QUICK, ids=lambda case: case.name)
def test_groups_edits_and_costs(case: Case) -> None:
    check(case)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES[len(QUICK) :], ids=lambda case: case.name)
def test_groups_edits_and_costs_of_many(case: Case) -> None:
    print(check(case))


@pytest.mark.parametrize("name", ["tv resnet18", "tv mobilenet_v2"])
def test_single_precision(name: str) -> None:
    case = next(case for case in CASES if case.name == name)
    net, shape = case.make().float(), (3, 64, 64)
    found = dissect(net, shape)
    copies = by_variable(found, sizes(found, 1.0, 2.0))
    edited = edit(net, found, copies)
    with torch.no_grad():
        one, other = edited(picture(shape).float()), net(picture(shape).float())
    assert float((one - other).abs().max() / other.abs().max()) < 1e-5
