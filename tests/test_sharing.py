"""Networks that read their weights from rings: gradients, copies, files, plain networks, choice, degrees of freedom."""

from __future__ import annotations

import copy
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from analysis import models
from analysis.derive import derive
from analysis.edits import Edits
from analysis.engine import run
from analysis.graph import record
from analysis.loading.shared_weights import compress, expand, write_kernels
from analysis.measures import rings
from analysis.measures.rings import Bank
from analysis.networks import CifarResNet, fashion_resnet
from analysis.problems import AnalysisError
from analysis.request import Compute, ImageSource, ModelSource, Request
from analysis.result import Result
from analysis.sharing import Sharing, banks_of, freedom_of, materialise, plan, share, stored_rings
from analysis.sharing.nets import SIGMA
from tests.tiny import Tied, depthwise

CPU = Compute()
DEMO = ModelSource("demo:fashion_resnet")


class Two(nn.Module):
    """Two linear layers of 4 and 3 weights, for the worked example."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(2, 2, bias=False), nn.Linear(3, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(F.pad(self.a(x), (0, 1)))


def small(seed: int = 0, widths: tuple[int, int, int] = (4, 8, 8)) -> CifarResNet:
    torch.manual_seed(seed)
    net = CifarResNet(8, "B", widths, 1, 10)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
    return net.eval()


def pictures(count: int = 3) -> Tensor:
    return torch.randn(count, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def test_worked_example_in_torch() -> None:
    net = Two().double()
    bank = Bank(("a.weight", "b.weight"), ((2, 2), (1, 3)), 3, layout="given")
    index = np.array([0, 2, 1, 0, 2, 0, 1], dtype=np.int32)
    sign = np.array([1, 1, -1, -1, 1, 1, -1], dtype=np.int8)
    shared = share(net, (bank,), drawn=((index, sign),))
    (made,) = banks_of(shared)
    with torch.no_grad():
        made.ring.copy_(torch.tensor([1.0, -2.0, 0.5]))
        made.scale.copy_(torch.tensor([1.0, 2.0]))
    a, b = made.kernels()
    assert a.flatten().tolist() == [1, 0.5, 2, -1]
    assert b.flatten().tolist() == [1, 2, 4]
    upstream = (torch.tensor([[1.0, 2], [3, 4]]).double(), torch.tensor([[1.0, 0, -1]]).double())
    (gradient,) = torch.autograd.grad((a, b), made.ring, upstream)
    assert gradient.tolist() == [-3, -1, 4]
    assert made.column_norms().tolist() == [6, 5, 5]


@pytest.mark.parametrize("variant", rings.VARIANTS)
@pytest.mark.parametrize("layout", ["shuffle", "laps"])
def test_gradient_is_the_derivative(variant: str, layout: str) -> None:
    """⟨dL/dW, v⟩ = ⟨dL/dK, s b v[u]⟩, here as a directional derivative through the whole network, in float64."""
    net = small().double()
    shared = share(net, plan(net, Sharing(0.3, variant=variant, layout=layout)), start="random")
    x = pictures().double()
    (bank,) = banks_of(shared)
    shared(x).square().sum().backward()
    v = torch.randn(bank.ring.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    assert bank.ring.grad is not None
    dense = materialise(shared)
    dense(x).square().sum().backward()
    each = torch.repeat_interleave(bank.scale, torch.tensor(bank.bank.sizes))
    parameters = dict(dense.named_parameters())
    upstream = torch.cat([parameters[name].grad.flatten() for name in bank.bank.names])  # type: ignore[union-attr]
    other = (upstream * each * bank.sign * v[bank.index.long()]).sum()
    torch.testing.assert_close((bank.ring.grad * v).sum(), other, rtol=1e-11, atol=0)


def test_gradient_of_the_energy() -> None:
    """For L = sum K² / 2 the gradient of entry j is W_j d_j."""
    net = small().double()
    shared = share(net, plan(net, Sharing(0.2)), start="random")
    (bank,) = banks_of(shared)
    sum(kernel.square().sum() / 2 for kernel in bank.kernels()).backward()  # type: ignore[union-attr]
    torch.testing.assert_close(bank.ring.grad, (bank.ring * bank.column_norms()).detach(), rtol=1e-12, atol=1e-14)


def test_full_ring_is_a_dense_network_with_other_learning_rates() -> None:
    """N = M: ten steps of SGD, layer i of the twin with rate η s² and decay λ / s²."""
    rate, decay = 0.05, 1e-3
    net = small().double().train()
    shared = share(net, plan(net, Sharing(1.0)), start="project")
    (bank,) = banks_of(shared)
    scales = dict(zip(bank.bank.names, bank.scale.tolist(), strict=True))
    groups = [
        {"params": [p], "lr": rate * scales[n] ** 2, "weight_decay": decay / scales[n] ** 2}
        if n in scales
        else {"params": [p]}
        for n, p in net.named_parameters()
    ]
    twin = torch.optim.SGD(groups, lr=rate, momentum=0.9, weight_decay=decay)
    own = torch.optim.SGD(shared.parameters(), lr=rate, momentum=0.9, weight_decay=decay)
    x = torch.randn(12, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    y = torch.arange(12) % 10
    for _ in range(10):
        for model, optimiser in ((net, twin), (shared, own)):
            optimiser.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimiser.step()
    for (name, dense), (_, made) in zip(net.named_parameters(), materialise(shared).named_parameters(), strict=True):
        torch.testing.assert_close(made, dense, rtol=1e-12, atol=1e-14, msg=name)


def test_full_ring_projection_changes_nothing() -> None:
    net = small().double()
    shared = share(net, plan(net, Sharing(1.0)))
    torch.testing.assert_close(shared(pictures().double()), net(pictures().double()), rtol=1e-12, atol=1e-12)


def test_projecting_twice_is_projecting_once() -> None:
    net = small().double()
    banks = plan(net, Sharing(0.2))
    once = share(net, banks)
    dense = materialise(once)
    (first,) = banks_of(once)
    twice = share(dense, banks, whitened=False)
    # Other scales make other entries, but the same scales give the same ring.
    from analysis.measures import ring_projection
    from analysis.sharing.nets import flat

    weights = flat([dict(dense.named_parameters())[name] for name in banks[0].names])
    found = ring_projection.project(
        weights, *rings.draw(banks[0]), banks[0].sizes, banks[0].size, scale=first.scale.numpy()
    )
    np.testing.assert_allclose(found.ring, first.ring.detach().numpy(), atol=1e-12)
    assert len(banks_of(twice)) == 1


def test_copies_and_files_keep_the_sharing(tmp_path: Path) -> None:
    net = small()
    before = copy.deepcopy(net.state_dict())
    shared = share(net, plan(net, Sharing(0.3)))
    x = pictures()
    expected = shared(x)
    for name, tensor in before.items():
        assert torch.equal(net.state_dict()[name], tensor), "the given network stays as it is"
    assert not net._forward_pre_hooks

    twin = copy.deepcopy(shared)
    assert torch.equal(twin(x), expected)
    with torch.no_grad():
        banks_of(twin)[0].ring.zero_()
    assert torch.equal(shared(x), expected), "a copy has a ring of its own"

    whole = tmp_path / "whole.pt"
    torch.save(shared, whole)
    assert torch.equal(torch.load(whole, weights_only=False)(x), expected)

    data = io.BytesIO()
    torch.save(shared.state_dict(), data)
    numbers = sum(t.numel() for key, t in shared.state_dict().items() if not key.endswith("_extra_state"))
    assert numbers < 0.6 * sum(t.numel() for t in net.state_dict().values())
    data.seek(0)
    fresh = share(small(9), plan(net, Sharing(0.3, seed=4)), start="random")
    fresh.load_state_dict(torch.load(data, weights_only=True))
    assert torch.equal(fresh(x), expected), "the seed comes with the file"
    assert torch.equal(shared.double().float()(x), expected)
    assert [key for key in shared.state_dict() if "index" in key or "sign" in key] == []


def test_given_index_travels_in_the_file() -> None:
    net = small()
    (bank,) = plan(net, Sharing(0.3))
    drawn = (rings.shuffle(99, bank.size, bank.total), rings.signs(98, bank.total))
    bank = Bank(bank.names, bank.shapes, bank.size, layout="given")
    shared = share(net, (bank,), drawn=(drawn,))
    state = shared.state_dict()
    dense = materialise(shared)
    for name, tensor in expand(state)[0].items():
        assert torch.equal(tensor, dense.state_dict()[name])
    with pytest.raises(AnalysisError, match="comes from elsewhere"):
        rings.draw(bank)
    for wrong in ((drawn[0][:-1], drawn[1]), (drawn[0] + bank.size, drawn[1]), (drawn[0], 2 * drawn[1])):
        with pytest.raises(AnalysisError):
            share(net, (bank,), drawn=(wrong,))


def test_a_file_of_another_sharing_is_refused() -> None:
    net = small()
    state = share(net, plan(net, Sharing(0.3))).state_dict()
    other = share(net, plan(net, Sharing(0.3, layers="layer1.*,layer2.*")))
    with pytest.raises((AnalysisError, RuntimeError)):
        other.load_state_dict(state)
    broken = dict(state)
    text = bytes(broken["shared_ring.0._extra_state"].numpy()).replace(b'"seed": 0', b'"seed": 1')
    broken["shared_ring.0._extra_state"] = torch.from_numpy(np.frombuffer(text, dtype=np.uint8).copy())
    with pytest.raises(AnalysisError, match="differently"):
        share(net, plan(net, Sharing(0.3))).load_state_dict(broken)
    with pytest.raises(AnalysisError, match="differently"):
        expand(broken)
    lacking = {key: tensor for key, tensor in state.items() if not key.endswith("scale")}
    with pytest.raises(AnalysisError, match="lacks a part"):
        expand(lacking)


def test_plain_network_is_plain_and_equal() -> None:
    net = fashion_resnet().eval()
    shared = share(net, plan(net, Sharing(0.1)))
    dense = materialise(shared)
    x = torch.randn(2, 1, 28, 28)
    assert torch.equal(dense(x), shared(x))
    assert list(dense.state_dict()) == list(net.state_dict())
    assert sum(p.numel() for p in dense.parameters()) == sum(p.numel() for p in net.parameters())
    assert not dense._forward_pre_hooks
    assert not dense._forward_hooks
    assert [name for name, _ in dense.named_modules()] == [name for name, _ in net.named_modules()]
    assert torch.equal(materialise(net)(x), net(x))
    # Nothing of index or signs is kept alive by the copy.
    assert {tuple(t.shape) for t in dense.buffers()} == {tuple(t.shape) for t in net.buffers()}


def test_kernels_are_gone_after_a_pass_and_after_a_failure() -> None:
    shared = share(small(), plan(small(), Sharing(0.3)))
    conv = shared.get_submodule("layer1.0.conv1")
    shared(pictures())
    assert conv.weight is None
    with pytest.raises(RuntimeError):
        shared(torch.zeros(1, 3, 8, 8))
    assert conv.weight is None
    copy.deepcopy(shared)


def test_tied_weights_are_made_once() -> None:
    net = Tied()
    banks = plan(net, Sharing(1.0, include="linear"))
    assert banks[0].names == ("first.weight",)
    shared = share(net, banks)
    x = torch.randn(2, 3)
    torch.testing.assert_close(shared(x), net(x))
    dense = materialise(shared)
    assert dense.second.weight is dense.first.weight
    stored = stored_rings(shared)
    small_ = compress(dense.state_dict(), stored)
    assert not {"first.weight", "second.weight"} & set(small_)
    assert freedom_of(shared).total == 9 + 6 == sum(p.numel() for p in shared.parameters())


@pytest.mark.parametrize(("ratio", "words"), [(3.0, "larger"), (1.0, "whole"), (0.013, "tiny"), (1e-6, "one")])
def test_rings_of_any_size(ratio: float, words: str) -> None:
    net = small()
    banks = plan(net, Sharing(ratio))
    shared = share(net, banks, start="random")
    (bank,) = banks_of(shared)
    shared(pictures()).sum().backward()
    free = freedom_of(shared)
    assert free.shared == min(banks[0].size, banks[0].total)
    if words == "larger":  # entries that nothing reads have no gradient
        unused = rings.reuse_counts(bank.index.numpy(), banks[0].size) == 0
        assert unused.sum() == banks[0].size - banks[0].total
        assert bank.ring.grad is not None
        assert not bank.ring.grad[torch.from_numpy(unused)].any()
    else:
        assert free.total == sum(p.numel() for p in shared.parameters())
    if words == "one":
        assert banks[0].size == 1
        for kernel, scale in zip(bank.kernels(), bank.scale, strict=True):
            torch.testing.assert_close(kernel.abs(), (bank.ring * scale).abs().expand_as(kernel))


def test_fresh_rings_have_the_size_of_the_networks_own_weights() -> None:
    net = small(widths=(16, 32, 64))
    shared = share(net, plan(net, Sharing(0.5)), start="random")
    (bank,) = banks_of(shared)
    assert float(bank.ring.detach().std()) == pytest.approx(SIGMA, rel=0.03)
    parameters = dict(net.named_parameters())
    for name, kernel in zip(bank.bank.names, bank.kernels(), strict=True):
        wanted = float(parameters[name].detach().square().mean().sqrt())
        assert float(kernel.detach().square().mean().sqrt()) == pytest.approx(wanted, rel=0.15)
    matched = share(net, plan(net, Sharing(0.5)), start="random", sigma=0.0)
    (other,) = banks_of(matched)
    each = torch.repeat_interleave(other.scale, torch.tensor(other.bank.sizes))
    assert float(each.square().mean()) == pytest.approx(1, rel=1e-5)


# ---- what is shared --------------------------------------------------------------------------------------------------


def test_what_is_shared_by_default() -> None:
    net = small()
    (bank,) = plan(net, Sharing(0.5))
    assert "conv1.weight" not in bank.names
    assert "linear.weight" not in bank.names
    assert "layer2.0.shortcut.0.weight" in bank.names
    more = plan(net, Sharing(0.5, include="stem,linear"))[0]
    assert set(more.names) - set(bank.names) == {"conv1.weight", "linear.weight"}
    assert freedom_of(share(net, (more,))).unshared == sum(p.numel() for p in net.parameters()) - more.total
    some = plan(net, Sharing(0.5, layers="layer1.*,linear"))[0]
    assert all(name.startswith(("layer1.", "linear")) for name in some.names)


def test_grouped_convolutions_only_on_request() -> None:
    net = depthwise()
    assert len(plan(net, Sharing(0.5))[0].names) == 1
    full = plan(net, Sharing(0.5, include="grouped"))[0]
    assert full.sizes == (54, 24)
    shared = share(net, (full,), start="random")
    shared(torch.randn(1, 3, 5, 5)).sum().backward()


def test_scopes() -> None:
    net = fashion_resnet()
    layers = record(net, (1, 28, 28)).layers
    stages = plan(net, Sharing(0.1, scope="stage"), layers)
    assert [names.split(".")[0] for names in (bank.names[0] for bank in stages)] == ["layer1", "layer2", "layer3"]
    assert [bank.seed for bank in stages] == [0, 1, 2]
    blocks = plan(net, Sharing(0.1, scope="block"), layers)
    assert len(blocks) == 9
    whole = plan(net, Sharing(0.1), layers)
    assert sum(bank.total for bank in blocks) == sum(bank.total for bank in stages) == whole[0].total
    sized = plan(net, Sharing(size=5000, scope="stage"), layers)
    assert sum(bank.size for bank in sized) == pytest.approx(5000, abs=2)
    shared = share(net, blocks)
    torch.testing.assert_close(materialise(shared).eval()(torch.zeros(1, 1, 28, 28)),
                               shared.eval()(torch.zeros(1, 1, 28, 28)))  # fmt: skip
    with pytest.raises(AnalysisError, match="recorded"):
        plan(net, Sharing(0.1, scope="stage"))


def test_what_cannot_be_shared_is_said() -> None:
    net = small()
    nn.utils.parametrizations.weight_norm(net.layer1[0].conv1)
    with pytest.raises(AnalysisError, match="compute their weights") as caught:
        plan(net, Sharing(0.5))
    assert caught.value.items == ("layer1.0.conv1",)
    frozen = small().requires_grad_(False)
    with pytest.raises(AnalysisError, match="No layer is left"):
        plan(frozen, Sharing(0.5))
    with pytest.raises(AnalysisError, match="No layer is left"):
        plan(nn.Sequential(nn.ReLU()), Sharing(0.5))
    lazy = nn.Sequential(nn.Conv2d(1, 2, 3), nn.LazyConv2d(4, 3))
    with pytest.raises(AnalysisError, match="not known yet"):
        plan(lazy, Sharing(0.5))
    bank = plan(small(), Sharing(0.5))[0]
    with pytest.raises(AnalysisError, match="two rings"):
        share(small(), (bank, bank))
    with pytest.raises(AnalysisError, match="already"):
        share(share(small(), (bank,)), (bank,))
    with pytest.raises(AnalysisError, match="no weight"):
        share(small(widths=(2, 4, 4)), (bank,))
    broken = small()
    with torch.no_grad():
        broken.layer1[0].conv1.weight[0] = float("inf")
    with pytest.raises(AnalysisError, match="infinite"):
        share(broken, (bank,))


def test_settings_as_text() -> None:
    sharing = Sharing(0.05, scope="stage", whitened=False, include="stem", seed=7)
    assert Sharing.from_pairs(sharing.to_pairs()) == sharing
    assert Sharing.from_pairs(()) == Sharing()
    for pairs in (
        (("rato", "1"),),
        (("ratio", "much"),),
        (("scope", "world"),),
        (("ratio", "0"),),
        (("include", "x"),),
    ):
        with pytest.raises(AnalysisError):
            Sharing.from_pairs(pairs)


# ---- counts ----------------------------------------------------------------------------------------------------------


@pytest.mark.zoo
@pytest.mark.parametrize(
    ("name", "count", "generated", "stem", "norm", "head", "total"),
    [
        ("resnet18", 19, 11_157_504, 9_408, 9_600, 513_000, 11_689_512),
        ("resnet34", 35, 21_258_240, 9_408, 17_024, 513_000, 21_797_672),
        ("resnet50", 52, 23_445_504, 9_408, 53_120, 2_049_000, 25_557_032),
    ],
)
def test_published_networks(name: str, count: int, generated: int, stem: int, norm: int, head: int, total: int) -> None:
    import torchvision

    with torch.device("meta"):
        net = getattr(torchvision.models, name)()
    (bank,) = plan(net, Sharing(size=512 * 512 * 9))
    assert (len(bank.names), bank.total, bank.size) == (count, generated, 2_359_296)
    parameters = dict(net.named_parameters())
    assert parameters["conv1.weight"].numel() == stem
    assert sum(p.numel() for m in net.modules() if isinstance(m, nn.BatchNorm2d) for p in m.parameters()) == norm
    assert sum(p.numel() for p in net.fc.parameters()) == head
    assert sum(p.numel() for p in parameters.values()) == total == generated + stem + norm + head


def test_rows_and_totals_count_a_ring_once() -> None:
    """Recorded as a module and corrected by arithmetic, both count what is stored and what is used."""
    net = fashion_resnet().eval()
    rec = record(net, (1, 28, 28))
    banks = plan(net, Sharing(0.2), rec.layers)
    shared = share(net, banks)
    live = record(shared, (1, 28, 28))
    from analysis.measures.ring_fits import unique_costs

    layers, totals = unique_costs(rec.layers, rec.totals, banks)
    assert totals.parameters == live.totals.parameters == freedom_of(shared).total == 14_677
    assert totals.parameters_used == live.totals.parameters_used == 68_642
    assert [(row.name, row.parameters) for row in layers] == [(row.name, row.parameters) for row in live.layers]


# ---- edits and files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["net", "stage", "block"])
def test_derived_networks_reopen_bit_for_bit(tmp_path: Path, scope: str) -> None:
    model = models.load(DEMO, CPU)
    edits = Edits(ring=Sharing(0.1, scope=scope).to_pairs())
    edited = derive(model, edits)
    x = torch.randn(2, 1, 28, 28)
    file = tmp_path / "shared.safetensors"
    models.save(edited, file, edits)
    assert file.stat().st_size < 0.3 * 4 * 68_642
    again = models.load(ModelSource("auto", (str(file),)), CPU, derive=derive)
    assert torch.equal(again.net(x), edited.net(x))
    assert again.recording.totals == edited.recording.totals
    assert again.recording.totals.parameters < 0.13 * 68_642
    assert "edited" in again.badges
    other = tmp_path / "again.safetensors"
    models.save(again, other, edits)
    assert other.read_bytes() == file.read_bytes()
    named = models.load(ModelSource("demo:fashion_resnet", (str(file),)), CPU, derive=derive)
    assert torch.equal(named.net(x), edited.net(x))


def test_weights_changed_after_sharing_are_saved_in_full(tmp_path: Path) -> None:
    edited = derive(models.load(DEMO, CPU), Edits(ring=(("ratio", "0.1"),)))
    state = edited.net.state_dict()
    assert len(compress(state, edited.shared)) < len(state)
    with torch.no_grad():
        edited.net.get_submodule("layer1.0.conv1").weight[0, 0, 0, 0] += 1  # type: ignore[index,operator]
    assert set(compress(edited.net.state_dict(), edited.shared)) == set(state)


PICTURES = ("feature_rank", "evaluate", "conflicting_bundles", "dynamic_configurations")


@pytest.mark.parametrize("method", ["weight_spectrum", "structure", "width_groups", *PICTURES])
def test_other_methods_take_a_shared_network(method: str) -> None:
    images = ImageSource("demo:test") if method in PICTURES else None
    result = Result.of(run(Request(method, DEMO, images, Edits(ring=(("ratio", "0.5"),)), limit=16)))
    assert result.finished is not None
    assert result.finished.problem is None
    assert any(warning.code == "edited" for warning in result.warnings)


def test_writing_in_parts_is_the_same_as_at_once() -> None:
    random = np.random.default_rng(0)
    sizes = (100_000, 3, 70_001)
    ring = torch.from_numpy(random.standard_normal(5000)).float()
    index, sign = torch.from_numpy(random.integers(0, 5000, sum(sizes))), torch.from_numpy(rings.signs(0, sum(sizes)))
    scale = torch.tensor([0.5, 1.3, 7.0])
    targets = [[torch.empty(count)] for count in sizes]
    targets[1].append(torch.empty(3, dtype=torch.float64))
    targets[2] = [torch.empty(2 * sizes[2])[::2]]  # not contiguous
    write_kernels(ring, index, sign, scale, targets)
    parts = torch.split(ring[index] * sign, list(sizes))
    for part, factor, (first, *rest) in zip(parts, scale, targets, strict=True):
        assert torch.equal(first, part * factor)
        for other in rest:
            assert torch.equal(other, (part * factor).double())
