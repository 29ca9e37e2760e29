"""LW-DNA against the identities and worked examples of its specification, in float64 where numbers are compared."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from analysis.engine import run
from analysis.graph import record
from analysis.latents import Gate, Widened, core_of, generated, read_by_convolutions, reads_classifier, sliced, widen
from analysis.live import measure
from analysis.measures import shrinking
from analysis.measures.shrinking import Latents
from analysis.measures.widths.costs import CostModel
from analysis.problems import AnalysisError
from analysis.request import Compute, ImageSource, ModelSource, Request
from analysis.result import Result
from analysis.surgery.dissecting import dissect

SHAPE = (3, 6, 6)
Floats = NDArray[np.float64]


def conv(inputs: int, outputs: int, kernel: int = 3, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=False)


class Small(nn.Module):
    """A residual sum, a depthwise and a grouped convolution, batch norm everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.stem_norm = conv(3, 6), nn.BatchNorm2d(6)
        self.expand, self.expand_norm = conv(6, 8, 1), nn.BatchNorm2d(8)
        self.depth, self.depth_norm = conv(8, 8, 3, 8), nn.BatchNorm2d(8)
        self.project, self.project_norm = conv(8, 6, 1), nn.BatchNorm2d(6)
        self.grouped, self.grouped_norm = conv(6, 4, 3, 2), nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem_norm(self.stem(x)).relu()
        y = self.expand_norm(self.expand(x)).relu()
        y = self.depth_norm(self.depth(y)).relu()
        x = x + self.project_norm(self.project(y))
        result: Tensor = self.head(self.grouped_norm(self.grouped(x)).relu().mean((2, 3)))
        return result


def chain(norm: bool, eps: float = 1e-5) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise((3, 6, 7, 5)):
        layers += [conv(inputs, outputs), *([nn.BatchNorm2d(outputs, eps=eps)] if norm else []), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 4, bias=norm))


def wide_of(net: nn.Module, beta: float = 2.0, seed: int = 0) -> Widened:
    net = net.double()
    return widen(net, dissect(net, SHAPE), beta, seed)


def data(count: int = 16, classes: int = 4) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(3)
    pixels = torch.randn((count, *SHAPE), generator=random, dtype=torch.float64)
    return pixels, torch.randint(classes, (count,), generator=random)


def by_group(wide: Widened, values: Floats) -> list[Floats]:
    variable = wide.anatomy.grouping.variable
    return [values[variable == v] for v in range(len(wide.anatomy.groups.variables))]


# -- identities --------------------------------------------------------------------------------------------------------


def test_e5_the_gate_is_the_hypernetwork() -> None:
    """W2 @ (Z w1) with zero biases, elementwise in (i, j); upstream gradients as worked out by hand."""
    w1, w2 = torch.tensor([[1.0, 2], [0.5, -1]]), torch.tensor([[0.5, 0.1], [1, 2]])
    latents = torch.tensor([3.0, -1, 1, 2], requires_grad=True)
    gate = Gate("w", (np.array([0, 1]), np.array([2, 3])), (w1 * w2)[:, :, None, None], -1)
    weight = generated(gate, latents, torch.zeros(1))
    hyper = (torch.outer(latents[:2], latents[2:]) * w1) * w2
    torch.testing.assert_close(weight[:, :, 0, 0], hyper)
    torch.testing.assert_close(weight[:, :, 0, 0].detach(), torch.tensor([[1.5, 1.2], [-0.5, 4]]))
    upstream = torch.tensor([[1.0, 0], [2, -1]])[:, :, None, None]
    (found,) = torch.autograd.grad(weight, latents, upstream)
    torch.testing.assert_close(found, torch.tensor([0.5, 5, 0.5, -2]))
    assert float(latents[:2].detach() @ found[:2]) == float(latents[2:].detach() @ found[2:]) == -3.5


def test_i2_a_score_is_weight_times_gradient_over_the_latent() -> None:
    wide = wide_of(Small())
    pixels, labels = data()
    found = wide.gradients(pixels, labels, 0)
    weights = {k: w.detach().requires_grad_() for k, w in wide.weights(wide.latents, wide.scalars).items()}
    with torch.enable_grad():
        loss = functional.cross_entropy(torch.func.functional_call(wide.net, weights, (pixels,)), labels)
        grads = dict(zip(weights, torch.autograd.grad(loss, list(weights.values())), strict=True))
    expected = np.zeros(len(found))
    for gate in wide.gates:
        product = (weights[gate.name] * grads[gate.name]).detach()
        for dim, classes in enumerate(gate.classes):
            if classes is not None:
                np.add.at(expected, classes, product.sum([d for d in range(4) if d != dim]).numpy())
    np.testing.assert_allclose(wide.latents.numpy() * found, expected, atol=1e-13, rtol=1e-11)


def test_i3_a_last_latent_before_batch_norm_is_an_artefact_of_eps() -> None:
    pixels, labels = data(classes=4)
    means = []
    for eps in (1e-5, 1e-7):
        wide = wide_of(chain(norm=True, eps=eps))
        means.append([np.median(np.abs(own)) for own in by_group(wide, wide.gradients(pixels, labels, 0))])
        blind = set(range(3)) - read_by_convolutions(wide.anatomy, wide.net)
        assert blind == reads_classifier(wide.anatomy, wide.net) == {2}
    before, after = means
    assert before[2] / after[2] == pytest.approx(100, rel=0.05)
    assert np.allclose(before[:2], after[:2], rtol=0.5)


def test_i4_without_norm_the_sum_counts_uses() -> None:
    wide = wide_of(chain(norm=False))
    pixels, labels = data(classes=4)
    found = wide.gradients(pixels, labels, 0)
    logits = wide.forward(pixels).detach().requires_grad_()
    with torch.enable_grad():
        loss = functional.cross_entropy(logits, labels)
        (upstream,) = torch.autograd.grad(loss, [logits])
    kappa = float((logits.detach() * upstream).sum())
    sums = [float(own.sum()) for own in by_group(wide, wide.latents.numpy() * found)]
    np.testing.assert_allclose(sums, [2 * kappa, 2 * kappa, kappa], rtol=1e-9)


@pytest.mark.parametrize("embedding", [0, 2, 8])
def test_i5_variance_of_generated_weights(embedding: int) -> None:
    weight = torch.zeros(200, 100, 3, 3, dtype=torch.float64)
    core = core_of(weight, 900, embedding, torch.Generator().manual_seed(1))
    assert float(core.var()) * 900 == pytest.approx(1, rel=0.05)


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=8), min_size=1, max_size=5), st.integers(0, 10))
def test_i6_masks_are_nested(rows: list[list[int]], cut: int) -> None:
    scores = tuple(np.array(row, dtype=np.float64) for row in rows)
    floors = np.array([shrinking.floor_of(len(row), 0.4) for row in rows])
    count = shrinking.Counter(Latents(scores, floors))
    for own, floor in zip(scores, floors.tolist(), strict=True):
        less, more = shrinking.kept(own, cut, floor), shrinking.kept(own, cut + 1, floor)
        assert not (more & ~less).any()
        assert more.sum() >= floor
    assert (count(0) == [len(row) for row in rows]).all()
    masks = [shrinking.kept(own, cut, floor).sum() for own, floor in zip(scores, floors.tolist(), strict=True)]
    assert (count(cut) == masks).all()


@given(st.lists(st.lists(st.floats(0, 1), min_size=2, max_size=6), min_size=1, max_size=4), st.floats(0.4, 1))
def test_the_search_finds_the_smallest_threshold(rows: list[list[float]], share: float) -> None:
    scores = tuple(np.array(row) for row in rows)
    latents = Latents(scores, np.ones(len(rows), dtype=np.int64))
    count = shrinking.Counter(latents)

    def cost(counts: NDArray[np.int64]) -> int:
        return int((counts**2).sum())

    target = max(int(share * cost(latents.lengths)), cost(count(np.inf)))
    found = shrinking.search(latents, cost, target)
    every = sorted({*np.concatenate(scores).tolist(), np.inf})
    assert found.threshold == min(t for t in every if cost(count(t)) <= target)
    assert found.cost <= target


def test_i7_masked_equals_sliced() -> None:
    wide = wide_of(Small())
    pixels, _ = data()
    random = np.random.default_rng(0)
    variable = wide.anatomy.grouping.variable
    masks, latents = {}, wide.latents.clone()
    for v in range(len(wide.anatomy.groups.variables)):
        mask = random.random((variable == v).sum()) < 0.6
        mask[0] = True
        masks[v] = mask
        latents[np.flatnonzero(variable == v)[~mask]] = 0
    before = {name: tensor.clone() for name, tensor in wide.net.named_parameters()}
    narrow = sliced(wide, masks)
    assert all(torch.equal(tensor, before[name]) for name, tensor in wide.net.named_parameters())
    assert sum(p.numel() for p in narrow.parameters()) < sum(p.numel() for p in wide.net.parameters())
    with torch.no_grad():
        torch.testing.assert_close(narrow.train()(pixels), wide.forward(pixels, latents), atol=1e-12, rtol=1e-10)


def test_i8_gradients_against_finite_differences() -> None:
    wide = wide_of(Small())
    pixels, labels = data()
    found = wide.gradients(pixels, labels, 0)
    free = np.flatnonzero(wide.anatomy.grouping.variable >= 0)
    for place in free[[0, 13, -1]].tolist():
        losses = []
        for step in (1e-6, -1e-6):
            moved = wide.latents.clone()
            moved[place] += step
            with torch.no_grad():
                losses.append(float(functional.cross_entropy(wide.forward(pixels, moved), labels)))
        assert (losses[0] - losses[1]) / 2e-6 == pytest.approx(found[place], rel=1e-5, abs=1e-9)


def rectified(net: nn.Module, shape: tuple[int, ...]) -> frozenset[str]:
    rows = record(net, shape).layers
    return frozenset(row.name for row in rows if row.kind == "activation" and row.type in shrinking.RECTIFIED)


def test_i9_published_counts_of_resnet50() -> None:
    import torchvision

    with torch.device("meta"):
        net = torchvision.models.resnet50()
    model = CostModel(dissect(net, (3, 224, 224)).groups)
    values = np.array([variable.count for variable in model.found.variables], dtype=np.int64)
    assert len(values) == 37
    assert model.costs_of(values).totals.macs == 4_089_184_256
    assert model.costs_of(2 * values).totals.macs == 16_116_613_120
    assert shrinking.table_count(model, values, rectified(net, (3, 224, 224))) == 4_121_020_928


def test_published_counts_of_mobilenet_v1() -> None:
    layers: list[nn.Module] = [nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU()]
    plan = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))
    width = 32
    for outputs, stride in plan:
        layers += [nn.Conv2d(width, width, 3, stride, 1, groups=width, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        layers += [conv(width, outputs, 1), nn.BatchNorm2d(outputs), nn.ReLU()]
        width = outputs
    with torch.device("meta"):
        net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, 200)).to("meta")
    model = CostModel(dissect(net, (3, 64, 64)).groups)
    values = np.array([variable.count for variable in model.found.variables], dtype=np.int64)
    totals = model.costs_of(values).totals
    assert (len(values), totals.parameters, totals.macs) == (14, 3_411_976, 46_548_992)
    assert shrinking.table_count(model, values, rectified(net, (3, 64, 64))) == 47_783_936


# -- worked examples ---------------------------------------------------------------------------------------------------


def test_e6_masks() -> None:
    scores = np.array([0.9, 0.2, 0.5, 0.1, 0.5])
    floor = shrinking.floor_of(5, 0.4)
    kept = [np.flatnonzero(shrinking.kept(scores, t, floor)).tolist() for t in (0.15, 0.7, 5)]
    assert (floor, kept) == (2, [[0, 1, 2, 4], [0, 2, 4], [0, 2, 4]])


def test_e7_floors() -> None:
    shares = ((40, 0.4), (3, 0.4), (2, 0.4), (2720, 0.45), (100, 0.29))
    assert [shrinking.floor_of(n, share) for n, share in shares] == [16, 1, 1, 1224, 29]


def test_e8_budget() -> None:
    def cost(counts: NDArray[np.int64]) -> int:
        a, b = counts.tolist()
        return int(9 * 3 * a * 64 + a * b * 64 + 2 * b)

    scores = (np.array([0.4, 0.1, 0.3, 0.2]), np.array([0.05, 0.6, 0.15, 0.25, 0.35, 0.02]))
    latents = Latents(scores, np.array([1, 1]))
    assert cost(np.array([4, 6])) == 8460
    found = shrinking.search(latents, cost, 6000)
    assert (found.threshold, found.cost) == (0.15, 5960)
    assert shrinking.Counter(latents)(0.1).tolist() == [4, 4]
    with pytest.raises(AnalysisError, match=r"floors alone cost 1,794"):
        shrinking.search(latents, cost, 1000)
    assert shrinking.released_search(latents, cost, 8460, 5960 / 8460).cost == 5960


# -- the method --------------------------------------------------------------------------------------------------------


def found(**params: str | float | int) -> Result:
    model, pictures = ModelSource("demo:fashion_resnet"), ImageSource("demo:test")
    request = Request("lw_dna", model, pictures, params=tuple(params.items()), limit=40, compute=Compute(threads=1))
    result = Result.of(run(request))
    assert result.finished is not None
    assert result.finished.problem is None
    return result


def test_a_run_keeps_budget_floors_and_nesting() -> None:
    result = found(pictures=20)
    budget = 0.95 * result["reference_macs"][0]
    assert (result["macs"] <= budget).all()
    widths, floors, most = (np.asarray(result[name], dtype=np.int64) for name in ("width", "floor", "widened"))
    assert ((floors <= widths) & (widths <= most)).all()
    assert (np.diff(result["trace_macs"]) <= 0).all()
    assert (np.diff(result["trace_widths"], axis=0) <= 0).all()
    assert result["correlation"][0] == pytest.approx(1)
    assert np.isfinite(result["correlation"]).all()
    assert abs(result["correlation"][2]) <= 1


def test_i10_beta_1_and_the_whole_budget_change_nothing() -> None:
    result = found(beta=1, target=1, pictures=20)
    np.testing.assert_array_equal(result["width"][0], result["original"])


def test_uniform_scores_keep_one_share() -> None:
    ratio = found(criterion="uniform", rho=0.1, tau=0.1, pictures=20)["ratio"][0]
    assert ratio.max() - ratio.min() <= 0.25  # one channel of eight, up or down


def test_the_table_count_can_be_the_budget() -> None:
    result = found(count="table", criterion="latent_magnitude", pictures=20)
    assert result["table"][0] <= 0.95 * result["reference_table"][0]


def test_linear_networks_are_refused() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.Linear(8, 3))
    with pytest.raises(AnalysisError, match="No convolution"):
        measure("lw_dna", net, torch.rand(4, 3, 2, 2), labels=torch.arange(4) % 3)
