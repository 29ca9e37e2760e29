"""Disturbed pictures and weights, matched strengths, and the learned chooser, on cases with known answers."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from analysis import measure
from analysis.configuring.perturb import disturbed, jittered, moved
from analysis.configuring.sweep import prepare
from analysis.engine import run
from analysis.images import Batch
from analysis.measures import oracles
from analysis.methods import chance_pools
from analysis.request import ImageSource, ModelSource, Request
from analysis.result import Result
from tests.test_configuration_fallback import Overwritten
from tests.tiny import ResidualNet, fill, pictures, state_of

pytestmark = pytest.mark.usefixtures("one_thread")

POINTS = "layer3.0.conv1:dil1,2,3"


def pools(net: nn.Module, x: Tensor, labels: np.ndarray, **params: Any) -> Result:
    return measure("chance_pools", net, x, labels=labels, **({"points": POINTS, "copies": 3} | params))


def test_shift_by_whole_pixels_and_mirror() -> None:
    x = pictures((2, 8, 8), 2)
    zoom, none = torch.ones(2), torch.zeros(2, 2)
    assert torch.equal(moved(x, zoom, none), x)
    right = moved(x, zoom, torch.tensor([[0.0, 1 / 8], [0.0, 1 / 8]]))
    assert torch.allclose(right[:, :, :, :-1], x[:, :, :, 1:], atol=1e-5)
    mirrored = moved(x, zoom, none, torch.tensor([True, False]))
    assert torch.allclose(mirrored[0], x[0].flip(2), atol=1e-5)
    assert torch.equal(mirrored[1], x[1])


def test_zoom_enlarges_about_the_centre() -> None:
    x = torch.zeros(1, 1, 9, 9)
    x[..., 4, 2] = 1.0
    large = moved(x, torch.tensor([2.0]), torch.zeros(1, 2))
    assert large[0, 0, 4].argmax() == 0
    assert large[0, 0, 4, 0] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("kind", ["zoom and shift", "noise"])
def test_disturbances_do_not_depend_on_the_batch(kind: str) -> None:
    x, places = pictures((3, 8, 8), 5), torch.arange(5)
    whole = disturbed(x, places, 2, 1.0, kind, False, 0)
    parts = [disturbed(x[i : i + 2], places[i : i + 2], 2, 1.0, kind, False, 0) for i in (0, 2, 4)]
    assert torch.allclose(whole, torch.cat(parts), atol=1e-6)
    assert disturbed(x, places, 0, 1.0, kind, True, 0) is x
    assert not torch.equal(whole, disturbed(x, places, 3, 1.0, kind, False, 0))


def test_jitter_is_in_units_of_the_spread_of_a_weight() -> None:
    net = nn.Sequential(nn.Conv2d(64, 64, 3), nn.BatchNorm2d(64))
    made = jittered(net, 1, 0.5, 0)
    assert set(made) == {"0.weight"}
    ratio = (made["0.weight"] - net[0].weight).std() / net[0].weight.std()
    assert ratio.item() == pytest.approx(0.5, rel=0.02)
    assert jittered(net, 0, 0.5, 0) == {}


def learned() -> tuple[nn.Module, Tensor, np.ndarray]:
    """A network and pictures that it classifies as it does: its own answers are the labels."""
    net, x = fill(ResidualNet(width=4)), pictures((3, 16, 16), 60)
    with torch.no_grad():
        return net, x, net(x).argmax(dim=1).numpy()


def test_copy_0_is_undisturbed_and_the_network_is_left_alone() -> None:
    net, x, labels = learned()
    before = state_of(net)
    result = pools(net, x, labels)
    assert state_of(net) == before
    assert (result["correct"][:, :, 0] == 1).all()
    for pool in range(3):
        right = result["correct"][pool] == 1
        assert result["mean_accuracy"][pool] == pytest.approx(right[:, 1:].mean())
        assert result["growth"][pool] == pytest.approx(oracles.growth_curve(right))
    assert (result["prediction"][0] == labels[:, None]).sum() == (result["correct"][0] == 1).sum()


def test_strengths_are_matched() -> None:
    net, x, labels = learned()
    result = pools(net, x, labels, target=0.8, copies=4, perturbation="noise")
    assert result.value("target") == 0.8
    assert (result["strength"][1:] > 0).all()
    assert result["mean_accuracy"][2] == pytest.approx(0.8, abs=0.08)
    # This network hardly looks at its pictures: the strongest noise that is tried is too weak, and the best is kept.
    assert result["strength"][1] > 3


def test_a_target_of_one_needs_no_disturbance() -> None:
    net, x, labels = learned()
    result = pools(net, x[:20], labels[:20], target=1.0)
    assert (result["mean_accuracy"][1:] >= 0.95).all()
    assert (result["strength"][1:] <= [0.5, 0.25]).all()


def test_what_is_matched_is_a_changed_copy_whatever_the_number_of_copies() -> None:
    """Copy 0 is right for every picture here; it takes no part in what is matched."""
    net, x, labels = learned()
    for copies in (2, 5):
        result = pools(net, x, labels, copies=copies, points="layer3.0.conv1:dil1,9")
        changed = result["correct"][0, :, 1] == 1
        assert result.value("target") == pytest.approx(changed.mean())
        assert result["mean_accuracy"][0] == pytest.approx(changed.mean())
        assert result["configuration"].tolist() == [0, 1, *[-1] * (copies - 2)]


def test_fewer_configurations_than_copies_leave_the_rest_empty() -> None:
    net, x, labels = learned()
    result = pools(net, x[:20], labels[:20], copies=5, target=0.9)
    assert result["configuration"].tolist() == [0, 1, 2, -1, -1]
    assert (result["prediction"][0, :, 3:] == -1).all()
    assert (result["prediction"][1:] >= 0).all()
    assert np.isfinite(result["growth"][0]).tolist() == [True] * 3 + [False] * 2
    right = result["correct"] == 1
    # Of 5 copies as many as there are configurations, with the undisturbed one: pairs of the 4 others.
    for pool in (1, 2):
        pairs = [right[pool][:, [0, *pair]].any(axis=1).mean() for pair in combinations(range(1, 5), 2)]
        beyond = right[0, :, :3].any(axis=1).mean() - np.mean(pairs)
        assert result["oracle_beyond"][pool, 0] == pytest.approx(beyond)


def test_growth_among_as_many_guesses_as_the_family_has() -> None:
    """Averaged over all subsets of copies that may be drawn from a pool, it is the growth curve of that pool."""
    family = np.random.RandomState(0).rand(30, 6) < 0.4
    whole = oracles.growth_curve(family)
    assert chance_pools.in_family(family, 6) == pytest.approx(whole)
    drawn = [chance_pools.in_family(family[:, [0, *few]], 6) for few in combinations(range(1, 6), 3)]
    assert np.mean(drawn, axis=0)[:3] == pytest.approx(whole[:3])
    assert np.isnan(drawn[0][3])
    assert np.isnan(chance_pools.in_family(family, 2)[2:]).all()
    assert chance_pools.in_family(family[:, :1], 1) == pytest.approx([family[:, 0].mean()])


def test_what_is_asked_for_decides_whether_pools_are_matched() -> None:
    net, x, labels = learned()
    kept = pools(net, x[:30], labels[:30], target=1.0)  # reached without any strength
    assert "not_matched" not in {warning.code for warning in kept.warnings}
    missed = pools(net, x[:30], labels[:30], target=0.02, perturbation="noise")
    texts = [warning.text for warning in missed.warnings if warning.code == "not_matched"]
    assert any("perturbation" in text and "asked for was 0.020" in text for text in texts)


def same(one: Result, other: Result) -> None:
    for name, array in one.arrays.items():
        np.testing.assert_allclose(array, other[name], atol=1e-6, err_msg=name)


def test_batches_fit_into_the_memory_given(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x, labels = learned()
    expected = pools(net, x, labels, target=0.8)
    sizes: list[int] = []
    real = chance_pools._guess

    def seen(study: chance_pools.Study, pool: int, batch: Batch, copy: int, strength: float) -> Tensor:
        sizes.append(len(batch.index))
        assert study.sweep.step == 7
        return real(study, pool, batch, copy, strength)

    def small(job: Any) -> Any:
        sweep = yield from prepare(job)
        sweep.step = 7
        return sweep

    monkeypatch.setattr(chance_pools, "prepare", small)
    monkeypatch.setattr(chance_pools, "_guess", seen)
    same(expected, pools(net, x, labels, target=0.8))
    assert max(sizes) == 7


@pytest.mark.parametrize("where", ["configurations", "jitter"])
def test_batches_are_halved_when_memory_runs_out(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net, x, labels = learned()
    expected = pools(net, x, labels, target=0.8)
    sizes: list[int] = []
    name = "scores_of" if where == "configurations" else "_with_weights"
    real = getattr(chance_pools, name)

    def scarce(*given: Any) -> Any:
        count = given[1] if name == "scores_of" else len(given[1])
        sizes.append(count)
        if count > 20:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(*given)

    monkeypatch.setattr(chance_pools, name, scarce)
    same(expected, pools(net, x, labels, target=0.8))
    assert max(sizes) == 60
    assert sizes[-1] <= 15


def test_recalibrated_pools_say_on_which_pictures() -> None:
    net, x, labels = learned()
    plain, other = pools(net, x, labels, target=0.8), pools(net, x, labels, target=0.8, recalibrate=16)
    assert "statistics of 16 of the pictures that are scored" in other.facts["batch norm"]
    assert not np.array_equal(plain["prediction"][0], other["prediction"][0])
    np.testing.assert_array_equal(plain["prediction"][1:], other["prediction"][1:])


def test_resized_shortcuts_reach_the_configurations_of_the_pool() -> None:
    net, x, labels = learned()
    params: dict[str, Any] = {"points": "layer2.0.conv1:strideD2,K1", "copies": 2, "target": 0.8}
    own, resized = pools(net, x, labels, **params), pools(net, x, labels, policy="resize", **params)
    assert (own["correct"][0, :, 0] == 1).all()
    assert not (resized["correct"][0, :, 0] == 1).all()
    sweep = measure("dynamic_configurations", net, x, labels=labels, points=params["points"], policy="resize")
    np.testing.assert_array_equal(resized["prediction"][0], sweep["prediction"])


def test_networks_that_cannot_be_cut_have_pools_too() -> None:
    result = pools(fill(Overwritten()), pictures((3, 8, 8), 6), np.arange(6) % 3, points="c0:dil1,2;c1:dil1,2")
    assert (result["prediction"][0, :, :3] >= 0).all()


def test_pools_take_two_hundred_pictures_at_most() -> None:
    """Equally many of each class; the others stay empty and count nowhere."""
    net, x = fill(ResidualNet(width=2)), pictures((3, 8, 8), 230)
    labels = np.repeat(np.arange(10), 23)
    result = pools(net, x, labels, points="layer3.0.conv1:dil1,2", copies=2, target=0.5)
    measured = result["measured"] == 1
    assert measured.sum() == 200
    assert np.bincount(labels[measured]).tolist() == [20] * 10
    assert (result["prediction"][:, measured] >= 0).all()
    assert (result["prediction"][:, ~measured] == -1).all()
    right = result["correct"][1, measured] == 1
    assert result["growth"][1] == pytest.approx(oracles.growth_curve(right))
    (warning,) = [warning for warning in result.warnings if warning.code == "fewer_pictures"]
    assert "200 of the 230 pictures" in warning.text


@pytest.mark.data
def test_resnet20_on_cifar(data: Path) -> None:
    """Copies as accurate as a configuration, and the first of every pool is the network."""
    model = ModelSource("auto", (str(data / "weights" / "resnet20-12fca82f.th"),))
    images = ImageSource(str(data / "cifar10" / "cifar_test1000.npz"))
    params = (("points", "layer2.0.conv1:dil1,2,3;layer3.0.conv1:dil1,2,3"), ("copies", 4))
    result = Result.of(run(Request("chance_pools", model, images, params=params, limit=40)))
    plain = Result.of(run(Request("evaluate", model, images, limit=40)))
    for pool in range(3):
        np.testing.assert_array_equal(result["prediction"][pool, :, 0], plain["prediction"])
    single = result["mean_accuracy"]
    assert single[0] == pytest.approx(result.value("target"))
    assert single[0] < plain.value("top1")
    assert abs(single[2] - single[0]) < 0.15
    assert (np.diff(result["growth"], axis=1) >= -1e-12).all()


class Told(nn.Module):
    """Pictures say which dilation reads them right: a dot near the centre or far from it, and brightness tells."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 2, 1, bias=False)
        self.conv = nn.Conv2d(2, 2, 3, padding=1, bias=False)
        with torch.no_grad():
            self.first.weight.copy_(torch.eye(2)[:, :, None, None])
            self.conv.weight.zero_()
            self.conv.weight[0, 0, 1, 0] = self.conv.weight[1, 0, 1, 2] = 1.0

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.first(x))[:, :, 4, 4]


def told(count: int) -> tuple[Tensor, np.ndarray]:
    x, labels = torch.zeros(count, 2, 9, 9), np.arange(count) % 2
    for number in range(count):
        reach = 1 + number // 2 % 2
        side = -reach if labels[number] == 0 else reach
        x[number, 0, 4, 4 + side] = 1.0
        x[number, 0, 4, 4 - side * (3 - reach) // reach] = 2.0  # misleads the other dilation
        x[number, 1] = float(reach)
    return x, labels


def test_the_chooser_learns_what_the_pictures_say() -> None:
    x, labels = told(80)
    result = measure(
        "configuration_chooser", Told().eval(), x, labels=labels, points="conv:dil1,2", candidates=2, steps=100
    )
    accuracy = dict(zip(result.names("rule"), result["accuracy"], strict=True))
    assert accuracy["network as it is"] == pytest.approx(0.5, abs=0.1)
    assert accuracy["best static"] == pytest.approx(0.5, abs=0.1)
    assert accuracy["logistic"] == accuracy["MLP"] == accuracy["oracle of all"] == 1
    assert (result["reported"] == 1).sum() == 40
    assert not result.warnings
    lead = accuracy["logistic"] - accuracy["network as it is"]
    at = result.names("rule").index("logistic")
    assert result["gain"][at] == pytest.approx(lead)
    assert 0 < result["gain_low"][at] <= lead <= result["gain_high"][at]
    assert result["accuracy_low"][0] < accuracy["network as it is"] < result["accuracy_high"][0]
    assert result["accuracy_low"][at] == result["accuracy_high"][at] == 1
    # Two channels with mean and spread, two candidates: the chooser's own multiply-adds stand in its cost.
    assert result["chooser_macs"].tolist() == [4 * 2, 32 * (4 + 2)]
    assert result["macs"][2:4] - result["macs"][0] == pytest.approx(result["chooser_macs"])


def test_a_chooser_that_learns_nothing_says_so() -> None:
    net, x = fill(ResidualNet(width=4)), pictures((3, 16, 16), 40)
    labels = np.random.RandomState(0).randint(0, 10, 40)
    result = measure("configuration_chooser", net, x, labels=labels, points=POINTS, steps=20)
    assert "no_gain" in {warning.code for warning in result.warnings}
