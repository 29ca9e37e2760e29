"""Identities of LW-DNA that are tight: the gate on a real convolution, batch norm, nesting of costs, widening."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from analysis.latents import Gate, generated, read_by_convolutions, with_convolutions
from analysis.measures import shrinking
from analysis.measures.shrinking import Latents
from analysis.measures.widths.costs import CostModel
from analysis.surgery.dissecting import dissect
from analysis.surgery.editing import edit
from tests.test_lw_dna import SHAPE, Small, by_group, chain, data, wide_of


def test_i1_the_gate_is_the_hypernetwork_on_a_convolution() -> None:
    """O = W2 (z_out z_in^T w1) per kernel element, written out with loops over embeddings; weights and dL/dz."""
    random = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=random, dtype=torch.float64)

    outputs, inputs, embedding, kernel = 5, 4, 8, 3
    w1, w2 = drawn(outputs, inputs, embedding), drawn(outputs, inputs, kernel * kernel, embedding)
    core = torch.einsum("oike,oie->oik", w2, w1).reshape(outputs, inputs, kernel, kernel)
    latents = drawn(outputs + inputs).requires_grad_()
    gate = Gate("w", (np.arange(outputs), np.arange(outputs, outputs + inputs)), core, -1)
    pixels = drawn(2, inputs, 6, 6)
    found: list[tuple[torch.Tensor, torch.Tensor]] = []
    for gated in (True, False):
        if gated:
            weight = generated(gate, latents, torch.zeros(1, dtype=torch.float64))
        else:
            rows = []
            for o in range(outputs):
                for i in range(inputs):
                    inner = latents[o] * latents[outputs + i] * w1[o, i]
                    rows.append((w2[o, i] @ inner).reshape(kernel, kernel))
            weight = torch.stack(rows).reshape(outputs, inputs, kernel, kernel)
        loss = functional.conv2d(pixels, weight).tanh().square().sum()
        (gradient,) = torch.autograd.grad(loss, [latents])
        found.append((weight.detach(), gradient))
    for one, other in zip(*found, strict=True):
        assert float((one - other).abs().max() / other.abs().max()) < 1e-12


def test_i3_batch_norm_behind_every_consumer_makes_the_sum_vanish() -> None:
    """Sum of z g of a latent is that of weight times gradient over its consumers, which falls with eps."""
    pixels, labels = data(classes=4)
    sums = []
    for eps in (1e-7, 1e-9, 1e-11):
        wide = wide_of(chain(norm=True, eps=eps))
        products = by_group(wide, wide.latents.numpy() * wide.gradients(pixels, labels, 0))
        read = sorted(read_by_convolutions(wide.anatomy, wide.net))
        sums.append([abs(float(products[v].sum())) / float(np.abs(products[v]).sum()) for v in read])
    assert len(sums[0]) == 2
    for before, after in ((sums[0], sums[1]), (sums[1], sums[2])):
        assert (np.array(after) < 0.2 * np.array(before)).all()
    assert max(sums[2]) < 1e-4


def test_i6_costs_never_rise_and_the_end_is_the_floors() -> None:
    wide = wide_of(Small())
    pixels, labels = data()
    found, groups = wide.gradients(pixels, labels, 0), wide.anatomy.groups
    variables = sorted(with_convolutions(wide.anatomy, wide.net))
    scores = tuple(np.abs(by_group(wide, found)[v]) for v in variables)
    floors = np.array([shrinking.floor_of(len(own), 0.4) for own in scores])
    count, model = shrinking.Counter(Latents(scores, floors)), CostModel(groups)
    whole = np.array([variable.count for variable in groups.variables], dtype=np.int64)
    totals = []
    for threshold in (0.0, *sorted(np.concatenate(scores).tolist()), np.inf):
        values = whole.copy()
        values[variables] = count(threshold)
        totals.append(model.costs_of(values).totals)
    assert (np.diff([part.parameters for part in totals]) <= 0).all()
    assert (np.diff([part.macs for part in totals]) <= 0).all()
    assert totals[0] == model.costs_of(whole).totals
    assert count(np.inf).tolist() == floors.tolist()
    assert (floors < whole[variables]).all()


def test_i8_gradients_to_a_millionth() -> None:
    """Central differences at 1e-6 cannot do better than 1e-16 / 1e-6 of the loss, so elements with a large gradient."""
    wide = wide_of(Small())
    pixels, labels = data()
    found = wide.gradients(pixels, labels, 0)
    places = np.argsort(-np.abs(found))[:3].tolist()
    for place in places:
        losses = []
        for step in (1e-6, -1e-6):
            moved = wide.latents.clone()
            moved[place] += step
            with torch.no_grad():
                losses.append(float(functional.cross_entropy(wide.forward(pixels, moved), labels)))
        assert (losses[0] - losses[1]) / 2e-6 == pytest.approx(found[place], rel=1e-6)


class Joined(Small):
    """The residual and the depthwise convolution of `Small`, and a concatenation before its end."""

    def __init__(self) -> None:
        super().__init__()
        self.side, self.side_norm = nn.Conv2d(6, 3, 3, padding=1, bias=False), nn.BatchNorm2d(3)
        self.grouped = nn.Conv2d(9, 4, 3, padding=1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem_norm(self.stem(x)).relu()
        y = self.depth_norm(self.depth(self.expand_norm(self.expand(x)).relu())).relu()
        x = x + self.project_norm(self.project(y))
        x = torch.cat((x, self.side_norm(self.side(x)).relu()), dim=1)
        result: torch.Tensor = self.head(self.grouped_norm(self.grouped(x)).relu().mean((2, 3)))
        return result


@pytest.mark.parametrize("training", [False, True])
def test_i11_net2wider_in_both_modes(training: bool) -> None:
    """Uneven copies, statistics of the batch or of training."""
    torch.manual_seed(0)
    net = Joined().double()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
    net.eval()
    found = dissect(net, SHAPE)
    assert len(found.groups.free) == 4
    free = np.flatnonzero(~found.coupling.locked)
    copies = np.ones(len(found.coupling.locked), dtype=np.int64)
    copies[free] = np.random.default_rng(0).integers(1, 4, free.size)
    assert copies.max() == 3
    wide = edit(net, found, copies)
    pixels, _ = data()
    with torch.no_grad():
        before, after = net.train(training)(pixels), wide.train(training)(pixels)
    assert float((after - before).abs().max()) < 1e-10
