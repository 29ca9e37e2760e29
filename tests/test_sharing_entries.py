"""Who reads an entry, whether layers agree about it, and what becomes of singular values: measures, method, network."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from analysis import measure, models
from analysis.engine import run
from analysis.graph import record
from analysis.images import images_from
from analysis.measures import ring_gradients, ring_projection, ring_spectra, rings
from analysis.measures.ring_uses import shape_table, shapes_of, uses
from analysis.measures.rings import Bank
from analysis.networks import CifarResNet
from analysis.request import Compute, ImageSource, ModelSource, Request
from analysis.result import Result
from analysis.sharing import Sharing, banks_of, materialise, plan, share
from analysis.sharing.gradients import ring_agreement
from analysis.sharing.nets import SIGMA, flat
from analysis.sharing.trial import Trial
from tests.tiny import depthwise

DEMO = ModelSource("demo:fashion_resnet")


def small(seed: int = 0) -> CifarResNet:
    torch.manual_seed(seed)
    net = CifarResNet(8, "B", (4, 8, 8), 1, 10)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
    return net.double().eval()


def data(count: int = 12) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(3)
    return torch.randn(count, 1, 8, 8, dtype=torch.float64, generator=random), torch.arange(count) % 10


# -- who reads an entry ----------------------------------------------------------------------------------------------


@given(
    st.integers(1, 30),
    st.integers(0, 1000),
    st.lists(st.sampled_from([(3, 2), (2, 1, 3), (5,), (1, 1, 2, 2)]), min_size=1, max_size=4),
)
@settings(max_examples=40)
def test_every_weight_reads_exactly_one_entry(size: int, seed: int, shapes: list[tuple[int, ...]]) -> None:
    bank = Bank(tuple(f"w{i}" for i in range(len(shapes))), tuple(shapes), size, seed)
    index, sign = rings.draw(bank)
    positive = (sign > 0).astype(np.uint8)
    ring = np.random.default_rng(seed).standard_normal(size)
    kernels = [np.full(shape, np.nan) for shape in shapes]
    for entry in range(size):
        found = uses(entry, index, positive, tuple(shapes))
        assert [use.layer for use in found] == sorted(use.layer for use in found)
        for use in found:
            assert np.isnan(kernels[use.layer][use.place])
            kernels[use.layer][use.place] = use.sign * ring[entry]
    made = ring_projection.generate(ring, index, sign, np.ones(bank.total))
    np.testing.assert_array_equal(np.concatenate([kernel.ravel() for kernel in kernels]), made)
    assert shapes_of(shape_table(tuple(shapes))) == tuple(shapes)


# -- agreement of gradients ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", [3, 1 << 16])
def test_agreement_is_that_of_the_vectors_written_out(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring_gradients, "PART", part)
    sizes, size = (9, 14, 6), 10
    bank = Bank(("a", "b", "c"), tuple((n,) for n in sizes), size, 4)
    index, sign = rings.draw(bank)
    random = np.random.default_rng(1)
    scale = ring_projection.per_weight(np.array([1.0, 0.3, 2.0]), sizes)
    gradient = random.standard_normal(sum(sizes))
    each = ring_gradients.contributions(gradient, sign, scale)
    found = ring_gradients.agreement(each, index, sizes, size)
    matrix = np.zeros((sum(sizes), size))
    matrix[np.arange(sum(sizes)), index] = scale * sign
    ends = rings.offsets(sizes)
    vectors = [matrix[a:b].T @ gradient[a:b] for a, b in itertools.pairwise(ends)]
    lengths = [np.linalg.norm(vector) for vector in vectors]
    np.testing.assert_allclose(found.length, lengths, rtol=1e-12)
    for i in range(3):
        for j in range(3):
            cosine = vectors[i] @ vectors[j] / lengths[i] / lengths[j]
            assert found.cosine[i, j] == pytest.approx(cosine, abs=1e-12)
    whole = matrix.T @ gradient  # the gradient of the ring is the sum over the layers
    assert found.together == pytest.approx(whole @ whole / np.square(lengths).sum(), rel=1e-12)


def test_layers_that_agree_that_cancel_and_that_have_no_gradient() -> None:
    index = np.tile(np.arange(5, dtype=np.int32), 3)
    one = np.random.default_rng(0).standard_normal(5)
    same = ring_gradients.agreement(np.tile(one, 3), index, (5, 5, 5), 5)
    np.testing.assert_allclose(same.cosine, 1)
    assert same.together == pytest.approx(3)
    against = ring_gradients.agreement(np.concatenate([one, -one, 0 * one]), index, (5, 5, 5), 5)
    assert against.cosine[0, 1] == pytest.approx(-1)
    assert against.together == pytest.approx(0, abs=1e-12)
    assert np.isnan(against.cosine[2]).all()
    assert np.isnan(ring_gradients.agreement(0 * index.astype(float), index, (5, 5, 5), 5).together)


@pytest.mark.parametrize("scope", ["net", "block"])
def test_contributions_add_up_to_the_gradient_of_the_ring(scope: str) -> None:
    net = small()
    shared = share(net, plan(net, Sharing(0.3, scope=scope), record(net.float(), (1, 8, 8)).layers)).double().eval()
    x, y = data()
    before = copy.deepcopy(shared.state_dict())
    agreed = ring_agreement(shared, x, y)
    F.cross_entropy(shared(x), y).backward()
    whole = sum(float(bank.ring.grad.square().sum()) for bank in banks_of(shared) if bank.ring.grad is not None)
    assert agreed is not None
    assert agreed.together * np.square(agreed.length).sum() == pytest.approx(whole, rel=1e-9)
    assert all(torch.equal(tensor, before[name]) for name, tensor in shared.state_dict().items())
    assert ring_agreement(net.double(), x, y) is None


def test_layers_that_read_in_the_same_order_without_signs_agree_more() -> None:
    """Layers with equal kernels and equal upstream gradients are the extreme: direct reuse comes nearest to it."""
    net, (x, y) = small(), data(40)
    found = {}
    for variant in ("full", "direct"):
        shared = share(net, plan(net, Sharing(0.2, variant=variant)), start="random").double()
        agreed = ring_agreement(shared, x, y)
        assert agreed is not None
        found[variant] = agreed
    other = ~np.eye(len(found["full"].cosine), dtype=bool)
    spread = [float(np.nanstd(found[variant].cosine[other])) for variant in ("full", "direct")]
    assert spread[0] < spread[1]
    assert found["full"].together == pytest.approx(1, abs=0.35)


def test_gradients_of_replaced_weights_are_those_of_autograd() -> None:
    net, (x, y) = small(), data(7)
    parameters = dict(net.named_parameters())
    weights = [parameters["layer1.0.conv1.weight"], parameters["layer2.0.conv2.weight"]]
    kernels = flat([0.5 * weight for weight in weights])
    tester = Trial(net, weights, images_from(x, y, net), 0)
    steps = tester.gradients(kernels, 5, "")
    while True:
        try:
            next(steps)
        except StopIteration as ending:
            found = ending.value
            break
    with torch.no_grad():
        for weight in weights:
            weight.mul_(0.5)
    wanted = torch.autograd.grad(F.cross_entropy(net(x[:5]), y[:5]), weights)
    np.testing.assert_allclose(found, flat(wanted), rtol=1e-9, atol=1e-15)


# -- singular values -------------------------------------------------------------------------------------------------


def test_singular_values_are_those_of_the_matrices() -> None:
    shapes = ((6, 2, 3, 3), (4, 1, 1, 1), (3, 20))
    random = np.random.default_rng(2)
    parts = [random.standard_normal(shape) for shape in shapes]
    found = ring_spectra.singular_values(np.concatenate([part.ravel() for part in parts]), shapes)
    for row, part in enumerate(parts):
        exact = np.linalg.svd(part.reshape(len(part), -1), compute_uv=False)
        np.testing.assert_allclose(found[row, : len(exact)], exact, rtol=1e-10)
        assert np.isnan(found[row, len(exact) :]).all()


def test_truncation_spends_its_numbers_where_they_keep_most() -> None:
    shapes = ((4, 6), (3, 3))
    strong = np.outer([1.0, 2, 3, 4], np.ones(6))  # one direction has all of it
    kernels = np.concatenate([strong.ravel(), np.eye(3).ravel()])
    sigma = ring_spectra.singular_values(kernels, shapes)

    def kept(size: int) -> float:
        return ring_spectra.truncated_energy(sigma, kernels, shapes, size)

    assert kept(9) == 0  # not even the first direction, which costs 10 numbers
    assert kept(10) == pytest.approx(24 / 33)  # that of the large layer: all that it has
    assert kept(16) == pytest.approx((24 + 3) / 33)  # and one of the small layer: 6 numbers for a third of its 9
    assert kept(1000) == pytest.approx(1)
    energies = [kept(size) for size in range(0, 40)]
    assert energies == sorted(energies)
    plain = ring_spectra.truncated_energy(sigma, kernels, shapes, 10, whitened=False)
    assert plain == pytest.approx(np.square(strong).sum() / np.square(kernels).sum())


# -- the method ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found() -> Result:
    params = (("ratios", "0.2,0.5"), ("recalibrate", 0), ("gradient", 30))
    return Result.of(run(Request("parameter_sharing", DEMO, ImageSource("demo:test"), params=params, limit=40)))


def test_entries_make_the_projected_weights(found: Result) -> None:
    net = models.load(DEMO, Compute()).net
    dense = dict(materialise(share(net, plan(net, Sharing(0.2)))).named_parameters())
    entry, positive = np.asarray(found["entry"]), np.asarray(found["entry_positive"])
    scale = np.repeat(np.asarray(found["ring_scale"], dtype=float), np.asarray(found["generated"]))
    made = np.asarray(found["ring"], dtype=float)[entry] * np.where(positive, 1, -1) * scale
    own = flat([dense[f"{layer.module}.weight"] for layer in found.layers])
    np.testing.assert_allclose(made, own, rtol=1e-5, atol=1e-7)
    shapes = shapes_of(np.asarray(found["weight_shape"]))
    assert shapes == tuple(tuple(dense[f"{layer.module}.weight"].shape) for layer in found.layers)
    assert np.asarray(found["ring_sizes"]).tolist() == [len(np.asarray(found["ring"]))]
    (use, *_) = uses(7, entry, positive, shapes)  # type: ignore[arg-type]
    weight = dense[f"{found.layers[use.layer].module}.weight"][use.place]
    assert float(weight.detach()) == pytest.approx(made[use.position], rel=1e-5)


def test_gradients_of_the_run_are_those_of_a_network_with_the_ring(found: Result) -> None:
    net, (x, y) = small().float(), data()
    params = {"ratios": "0.5", "detail": 0.2, "recalibrate": 0, "gradient": 9}
    result = measure("parameter_sharing", net, x.float(), labels=y, **params)
    shared = share(net, plan(net, Sharing(0.2))).eval()
    F.cross_entropy(shared(x[:9].float()), y[:9]).backward()
    (bank,) = banks_of(shared)
    assert bank.ring.grad is not None
    sums = np.bincount(np.asarray(result["entry"]), np.asarray(result["entry_gradient"]), bank.bank.size)
    np.testing.assert_allclose(sums, bank.ring.grad.numpy(), rtol=1e-3, atol=1e-5)
    length = np.square(np.asarray(result["gradient_length"], dtype=float)).sum()
    assert result.value("gradient_together") * length == pytest.approx(float(sums @ sums), rel=1e-9)
    assert "30 pictures" in found.facts["gradients"]


def test_spectra_of_the_run(found: Result) -> None:
    net = models.load(DEMO, Compute()).net
    row = next(i for i, layer in enumerate(found.layers) if layer.name == "layer2.1.conv1")
    weight = net.get_submodule("layer2.1.conv1").weight.detach().double().flatten(1).numpy()  # type: ignore[operator]
    np.testing.assert_allclose(found["sigma"][row][:16], np.linalg.svd(weight, compute_uv=False), rtol=1e-6)
    energies = np.nansum(np.square(np.asarray(found["sigma_pruned"], dtype=float)), axis=2)
    before = np.nansum(np.square(np.asarray(found["sigma"], dtype=float)), axis=1)
    # Pruning only takes away: what is left of the energy is what its relative error does not take.
    np.testing.assert_allclose(energies / before, 1 - np.asarray(found["error_pruned"], dtype=float), rtol=1e-6)
    kept, truncated, pruned = (
        np.asarray(found[f"energy_{name}"], dtype=float) for name in ("kept", "truncated", "pruned")
    )
    assert (kept < truncated).all()
    assert (truncated < pruned).all()


@pytest.mark.parametrize(
    ("params", "absent", "fact", "words"),
    [
        ({"entries": 100}, ("entry", "entry_gradient"), "entries", "more than 100"),
        ({"gradient": 0}, ("gradient_cosine", "entry_gradient"), "gradients", "number of pictures is 0"),
    ],
)
def test_what_is_not_kept_is_said(params: dict[str, Any], absent: tuple[str, ...], fact: str, words: str) -> None:
    x, y = data()
    result = measure("parameter_sharing", small().float(), x.float(), labels=y, ratios="0.2", recalibrate=0, **params)
    assert not any(name in result for name in absent)
    assert words in result.facts[fact]
    without = measure("parameter_sharing", small().float(), x.float(), ratios="0.2", detail=1.5)
    assert "pictures with labels" in without.facts["gradients"]
    spare = len(np.asarray(without["ring"])) - without.value("total_generated")
    assert f"{spare:,.0f} entries are read by nothing" in next(
        w.text for w in without.warnings if w.code == "spare_entries"
    )


# -- sizes that do not fit -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ratio", [0.07, 0.45, 1.7])
def test_rings_beside_the_sizes_of_layers(ratio: float) -> None:
    """N smaller and larger than layers, not dividing M, larger than M: kernels are those of the definition."""
    net = small()
    (bank,) = plan(net, Sharing(ratio))
    assert bank.total % bank.size
    if ratio == 0.45:
        assert min(bank.sizes) < bank.size < bank.total
    shared = share(net, (bank,))
    (made,) = banks_of(shared)
    each = ring_projection.per_weight(made.scale.double().numpy(), bank.sizes)
    wanted = ring_projection.generate(made.ring.detach().numpy(), *rings.draw(bank), each)
    dense = dict(materialise(shared).named_parameters())
    np.testing.assert_allclose(flat([dense[name] for name in bank.names]), wanted, rtol=1e-12)
    if ratio > 1:
        torch.testing.assert_close(shared(data()[0]), net(data()[0]), rtol=1e-10, atol=1e-12)


def test_depthwise_layers_have_the_scale_of_their_own_weights() -> None:
    net = depthwise().double()
    (bank,) = plan(net, Sharing(0.5, include="grouped"))
    shared = share(net, (bank,), start="random")
    (made,) = banks_of(shared)
    parameters = dict(net.named_parameters())
    for name, scale in zip(bank.names, made.scale.tolist(), strict=True):
        size = float(parameters[name].detach().square().mean().sqrt())
        assert scale * SIGMA == pytest.approx(size, rel=1e-6)
    x = torch.randn(2, 3, 5, 5, dtype=torch.float64)
    torch.testing.assert_close(materialise(shared).eval()(x), shared.eval()(x))


class Twice(nn.Module):
    """Two convolutions with one weight between them, and one of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.a, self.b = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.b.weight = self.a.weight

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.b(torch.relu(self.a(torch.relu(self.stem(x)))))
        return y.mean((2, 3))


def test_gradients_of_tied_convolutions_meet_in_one_ring() -> None:
    torch.manual_seed(0)
    net = Twice().double()
    (bank,) = plan(net, Sharing(1.0))
    assert bank.names == ("a.weight",)
    shared = share(net, (bank,))
    (made,) = banks_of(shared)
    x = torch.randn(2, 1, 8, 8, dtype=torch.float64)
    torch.testing.assert_close(shared(x), net(x))
    shared(x).square().sum().backward()
    net(x).square().sum().backward()
    gradient = net.a.weight.grad
    assert gradient is not None
    each = made.scale.numpy().repeat(bank.sizes) * made.sign.numpy()
    expected = ring_projection.gathered(each * gradient.flatten().numpy(), made.index.numpy(), bank.size)
    assert made.ring.grad is not None
    np.testing.assert_allclose(made.ring.grad.numpy(), expected, rtol=1e-9, atol=1e-12)


# -- statistics and equivalence --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_trained_network_keeps_n_over_m_whatever_the_seed(seed: int) -> None:
    net = models.load(DEMO, Compute()).net
    (bank,) = plan(net, Sharing(0.21, seed=seed))
    weights = flat([dict(net.named_parameters())[name] for name in bank.names])
    kept = ring_projection.project(weights, *rings.draw(bank), bank.sizes, bank.size).kept
    assert abs(kept - bank.size / bank.total) < 5 * np.sqrt(2 * bank.size) / bank.total


def test_a_full_ring_without_scales_is_plain_sgd() -> None:
    """N = M and s = 1: the same learning rate and decay for everything."""
    net = small().train()
    shared = share(net, plan(net, Sharing(1.0)), whitened=False)
    assert set(banks_of(shared)[0].scale.tolist()) == {1.0}
    x, y = data()
    for one in (net, shared):
        optimiser = torch.optim.SGD(one.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3)
        for _ in range(10):
            optimiser.zero_grad()
            F.cross_entropy(one(x), y).backward()
            optimiser.step()
    for (name, dense), (_, made) in zip(net.named_parameters(), materialise(shared).named_parameters(), strict=True):
        torch.testing.assert_close(made, dense, rtol=1e-12, atol=1e-14, msg=name)
