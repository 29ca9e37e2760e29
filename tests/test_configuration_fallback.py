"""Networks whose configurations cannot share prefixes, progress, large families, sums that would broadcast."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, relu

from analysis import measure
from analysis.configuring import sweep
from analysis.configuring.walk import NotShareableError, Walker, scout
from analysis.engine import carry_out
from analysis.events import Event, Progress
from analysis.geometry.blueprint import draw
from analysis.geometry.switches import default_points, plan_switches, points_of
from analysis.images import images_from
from analysis.measures.configurations import combinations, draw_space, enumerate_space, options_of
from analysis.measures.geometry import lay_out
from analysis.models import model_from
from analysis.problems import AnalysisError
from analysis.request import Request
from analysis.result import Result
from analysis.tracing.recorder import trace
from tests.tiny import ResidualNet, fill, pictures

pytestmark = pytest.mark.usefixtures("one_thread")

THREE = "c0:dil1,2;c1:dil1,2;c2:dil1,2"
SHAPE = (3, 8, 8)


class Three(nn.Module):
    """Three convolutions, of which heirs compute something awkward between them."""

    def __init__(self, stride: int = 1) -> None:
        super().__init__()
        self.c0, self.c2 = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.c1 = nn.Conv2d(4, 4, 3, stride, 1)
        self.fc = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.c2(relu(self.between(self.c0(x)))).mean((2, 3)))

    def between(self, h: Tensor) -> Tensor:
        return self.c1(h)


class Overwritten(Three):
    """Changes a map of which there is a view."""

    def forward(self, x: Tensor) -> Tensor:
        h = self.c0(x)
        view, o = h[:, :2], self.c1(h)
        h.mul_(0).add_(o)
        return self.fc(self.c2(relu(h)).mean((2, 3))) + view.mean()


class Measured(Three):
    """Takes a number out of a map, as some normalisations do."""

    def between(self, h: Tensor) -> Tensor:
        return self.c1(h) * float(h.abs().max())


class Elsewhere(Three):
    """Scales an early map by a number of a later one, which no tensor tells."""

    def between(self, h: Tensor) -> Tensor:
        return h * float(self.c1(h).abs().max())


class CopiedInto(Three):
    """Writes into part of a map."""

    def between(self, h: Tensor) -> Tensor:
        h[:, :2].copy_(self.c1(h)[:, :2])
        return h


class AddedInto(Three):
    """Adds to a map through a view of it."""

    def between(self, h: Tensor) -> Tensor:
        o, view = self.c1(h), h.view_as(h)
        view += o
        return h


class OwnPictures(Three):
    """Normalises its pictures in place."""

    def forward(self, x: Tensor) -> Tensor:
        x.mul_(0.5)
        return super().forward(x)


class Clipped(Three):
    """Its shortcut changes what the pool gives, which is the map itself once there is nothing to pool."""

    def __init__(self) -> None:
        super().__init__(2)

    def between(self, h: Tensor) -> Tensor:
        o = self.c1(h)
        return o + avg_pool2d(h, 2).relu_()


def swept(net: nn.Module, count: int = 6, **params: Any) -> Result:
    return measure(
        "dynamic_configurations",
        fill(net),
        pictures(SHAPE, count),
        labels=np.arange(count) % 3,
        **({"points": THREE} | params),
    )


def whole_passes(net: nn.Module, count: int = 6) -> list[list[int]]:
    """Answers of configurations that are run one by one, axes (picture, configuration)."""
    net, x = fill(net), pictures(SHAPE, count)
    seen = trace(net, SHAPE)
    points = points_of(seen, ("c0", "c1", "c2"))
    options = [options_of(point, ["dil1", "dil2"]) for point in points]
    alone = Walker(net, plan_switches(seen, points, options), None)
    with torch.no_grad():
        several = enumerate_space(points, options, (8, 8), (8, 8)).configurations
        columns = [alone.run(x, one).argmax(dim=1).tolist() for one in several]
    return np.array(columns).T.tolist()


@pytest.mark.parametrize("net", [Overwritten, CopiedInto, AddedInto, OwnPictures])
def test_a_network_that_cannot_be_cut_is_run_whole_and_says_so(net: type[Three]) -> None:
    result = swept(net())
    assert result["prediction"].tolist() == whole_passes(net())
    assert result.facts["prefixes"].startswith("not shared: ")
    assert "not_shared" in {warning.code for warning in result.warnings}
    assert result["tree_macs"].tolist() == result["macs"].tolist()


@pytest.mark.parametrize("net", [Measured, Elsewhere])
def test_numbers_that_are_taken_out_of_a_map_are_followed(net: type[Three]) -> None:
    result = swept(net())
    assert result["prediction"].tolist() == whole_passes(net())
    assert result.facts["prefixes"] == "computed once"
    assert result["tree_macs"].sum() < result["macs"].sum()


def test_what_is_found_out_in_the_walk_only_is_run_whole_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what the scout sees of numbers, the walk meets a tensor that it has not kept."""
    monkeypatch.setattr("analysis.configuring.walk._Scout.look", lambda self, name, args: None)
    result = swept(Measured())
    assert result.facts["prefixes"] == "not shared: float reads a tensor that was not kept"
    assert result["prediction"].tolist() == whole_passes(Measured())


def test_outputs_that_differ_are_run_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "analysis.configuring.sweep.difference", lambda *_: "shared prefixes give other outputs than whole passes"
    )
    result = swept(Three())
    assert "other outputs" in result.facts["prefixes"]
    assert result["tree_macs"].tolist() == result["macs"].tolist()
    assert result["prediction"].tolist() == whole_passes(Three())


def test_a_configuration_that_does_not_run_is_left_out_of_whole_passes() -> None:
    class Fixed(Three):
        def forward(self, x: Tensor) -> Tensor:
            h = self.c0(x)
            view, o = h[:, :2], self.c1(h)
            h.mul_(0).add_(o)
            return self.fc(self.c2(relu(h)).view(-1, 4, 64).mean(2)) + view.mean()

    result = swept(Fixed(), points="c0:dil1,2;c1:dil1,2;c2:strideK1,D2")
    assert result["option"].tolist() == [[0, 0, 0], [0, 1, 0], [1, 0, 0], [1, 1, 0]]
    assert {"not_shared", "left_out"} <= {warning.code for warning in result.warnings}


def test_memory_that_runs_out_in_whole_passes_halves_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    real = Walker.run

    def scarce(self: Walker, given: Tensor, configuration: tuple[int, ...]) -> Any:
        sizes.append(len(given))
        if len(given) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, given, configuration)

    expected = whole_passes(Overwritten(), 9)
    monkeypatch.setattr(Walker, "run", scarce)
    assert swept(Overwritten(), 9)["prediction"].tolist() == expected
    assert max(sizes) == 9


# ---- the guard -------------------------------------------------------------------------------------------------------

CLIPPED = "c0:dil1,2;c1:strideD2,K1;c2:dil1,2"


def test_what_is_kept_is_guarded_in_every_configuration() -> None:
    net = fill(Clipped())
    seen = trace(net, SHAPE)
    points = [points_of(seen, [name], family)[0] for name, family in (("c0", "dil"), ("c1", "stride"), ("c2", "dil"))]
    options = [
        options_of(point, words) for point, words in zip(points, (["dil2"], ["strideK1"], ["dil2"]), strict=True)
    ]
    switches, x = plan_switches(seen, points, options), pictures(SHAPE, 2)
    with torch.no_grad():
        walker = Walker(net, switches, scout(net, switches, x))
        walker.run(x, (0, 0, 0))
        walker.run(x, (0, 0, 1))
        with pytest.raises(NotShareableError, match="the result of conv2d was changed"):
            walker.run(x, (0, 1, 0))
    result = swept(Clipped(), points=CLIPPED)
    assert "was changed" in result.facts["prefixes"]


def test_the_guard_lets_a_sweep_go_on_with_whole_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """It trips in the sweep itself, after all trials have passed."""
    ran: list[int] = []
    real = Walker.run

    def tripping(self: Walker, given: Tensor, configuration: tuple[int, ...]) -> Any:
        ran.append(len(given))
        if self.flow and len(given) > 2 and configuration == (1, 0, 1):
            raise NotShareableError("the result of conv2d was changed")
        return real(self, given, configuration)

    monkeypatch.setattr(Walker, "run", tripping)
    result = swept(Three())
    assert result["prediction"].tolist() == whole_passes(Three())
    assert [warning.text for warning in result.warnings if warning.code == "not_shared"] == [
        "Every configuration was run on its own: the result of conv2d was changed."
    ]


# ---- blueprint -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("net", [CopiedInto, AddedInto])
def test_blueprints_follow_maps_that_are_written_through_views(net: type[Three]) -> None:
    blueprint = draw(trace(fill(net()), SHAPE))
    assert [layer.point.name for layer in blueprint.layers] == ["c0", "c1", "c2"]
    assert lay_out(blueprint, {}).last_map == (8, 8)
    # 3, then 5 by way of what is written into it, then 7.
    assert lay_out(blueprint, {}).receptive_field == (7, 7)
    assert lay_out(blueprint, {"c1": "dil3"}).receptive_field == (11, 11)


# ---- progress --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", ["memory", "sharing"])
def test_progress_ends_at_all_of_the_work(trouble: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real, left = Walker.run, [3]

    def troubled(self: Walker, given: Tensor, configuration: tuple[int, ...]) -> Any:
        if len(given) > 2 and configuration == (1, 1, 1) and left[0]:
            left[0] -= 1
            raise MemoryError if trouble == "memory" else NotShareableError("of a test")
        return real(self, given, configuration)

    monkeypatch.setattr(Walker, "run", troubled)
    monkeypatch.setattr("analysis.methods.dynamic_configurations.MILLION", 1)
    net, x = fill(Three()), pictures(SHAPE, 32)

    def loader(_info: object) -> Any:
        return model_from(net, SHAPE), images_from(x, np.arange(32) % 3, net, 16)

    events: list[Event] = list(
        carry_out(Request("dynamic_configurations", params=(("points", THREE),)), loader, lambda: False)
    )
    steps = [event for event in events if isinstance(event, Progress) and event.text.startswith("Running conf")]
    assert left[0] == 0
    assert steps[-1].done == steps[-1].total
    assert max(step.done for step in steps) == steps[-1].total


# ---- sums ------------------------------------------------------------------------------------------------------------


class TwoWays(nn.Module):
    """Two ways from the picture to one position each, added."""

    def __init__(self) -> None:
        super().__init__()
        self.c0, self.c1 = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(3, 4, 3, padding=1)
        self.whole, self.g, self.fc = nn.Conv2d(4, 4, 8), nn.Conv2d(4, 4, 3, 8, 1), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(relu(self.whole(self.c0(x)) + self.g(self.c1(x))).mean((2, 3)))


def test_sums_that_would_broadcast_are_left_out() -> None:
    """8 x 8 and 1 x 1 add up without an error, to something else."""
    result = swept(TwoWays(), points="", family="none", extra="g:strideK1;c0:dil2")
    assert result.names("configuration") == ("mixed:dil1|strideS8x8", "mixed:dil2|strideS8x8")
    (warning,) = [warning for warning in result.warnings if warning.code == "left_out"]
    assert "The two sides of a sum differ: (4, 1, 1) and (4, 8, 8)" in warning.items[0]


# ---- switch points by default ----------------------------------------------------------------------------------------

LAST_FOUR = {
    "inception_v3": (
        "Conv2d_4a_3x3.conv",
        "Mixed_5b.branch5x5_2.conv",
        "Mixed_6a.branch3x3.conv",
        "Mixed_7a.branch3x3_2.conv",
    ),
    "googlenet": (
        "conv3.conv",
        "inception3a.branch2.1.conv",
        "inception4a.branch2.1.conv",
        "inception5a.branch2.1.conv",
    ),
    "densenet121": tuple(f"features.denseblock{stage}.denselayer1.conv2" for stage in (1, 2, 3, 4)),
    "resnet50": tuple(f"layer{stage}.0.conv2" for stage in (1, 2, 3, 4)),
    "mobilenet_v3_small": tuple(f"features.{name}.0" for name in ("1.block.0", "2.block.1", "4.block.1", "9.block.1")),
    "shufflenet_v2_x0_5": ("conv1.0", "stage2.0.branch1.0", "stage3.0.branch1.0", "stage4.0.branch1.0"),
    "convnext_tiny": ("features.1.0.block.0", "features.2.1", "features.4.1", "features.6.1"),
}


@pytest.mark.zoo
@pytest.mark.parametrize("name", sorted(LAST_FOUR))
def test_default_points_are_one_of_each_stage(name: str) -> None:
    import torchvision

    options = {"init_weights": False} if name in ("inception_v3", "googlenet") else {}
    with torch.device("meta"):
        net = getattr(torchvision.models, name)(weights=None, **options).eval()
    side = 299 if name == "inception_v3" else 224
    assert default_points(trace(net, (3, side, side), meta=True)) == LAST_FOUR[name]


def test_parallel_branches_of_a_transition_are_one_stage() -> None:
    class Transition(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.a = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, 2, 1)
            self.b1, self.b2 = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, 2, 1)
            self.gate, self.last = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 4, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            x = relu(self.stem(x))
            x = torch.cat([self.a(x), self.b2(self.b1(x))], dim=1)
            return self.last(x * self.gate(x.mean((2, 3), keepdim=True)).sigmoid()).mean((2, 3))

    assert default_points(trace(fill(Transition()), SHAPE)) == ("b1", "a")


def test_poolings_are_refused_in_so_many_words() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(4, 3, 3), nn.Flatten())
    with pytest.raises(AnalysisError, match="1 is a pooling; only the geometry of convolutions can be chosen"):
        measure("dynamic_configurations", fill(net), pictures((3, 6, 6), 2), points="1:strideD2,K1")


# ---- large families --------------------------------------------------------------------------------------------------


def deep() -> nn.Module:
    layers = [nn.Conv2d(3 if number == 0 else 4, 4, 3, padding=1) for number in range(7)]
    return fill(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten()))


def test_a_large_family_is_drawn_from_without_listing_it() -> None:
    points = ";".join(map(str, range(7)))
    params = {"points": points, "family": "kernel9"}
    x, labels = pictures((3, 6, 6), 4), np.arange(4)
    result = measure("dynamic_configurations", deep(), x, labels=labels, subset=20, **params)
    assert len(set(result.names("configuration"))) == 20
    assert result.names("configuration")[0] == "ker:3|3|3|3|3|3|3"
    again = measure("dynamic_configurations", deep(), x, labels=labels, subset=20, **params)
    other = measure("dynamic_configurations", deep(), x, labels=labels, subset=20, seed=1, **params)
    assert again.names("configuration") == result.names("configuration")
    assert other.names("configuration") != result.names("configuration")
    with pytest.raises(AnalysisError, match="78,125 configurations") as caught:
        measure("dynamic_configurations", deep(), x, labels=labels, **params)
    assert "subset" in caught.value.hint
    pools = measure("chance_pools", deep(), x, labels=labels, copies=3, target=0.5, **params)
    assert (pools["prediction"][0] >= 0).all()


def test_drawn_configurations_are_valid_and_spread_over_the_family() -> None:
    net = fill(ResidualNet(width=4))
    seen = trace(net, (3, 16, 16))
    points = points_of(seen, default_points(seen), "stride")
    options = [options_of(point, [f"stride{token}" for token in ("D2", "K1", "U2")]) for point in points]
    given = (points, options, (16, 16), (4, 4))
    whole, some = enumerate_space(*given), draw_space(*given, 5, 0)
    assert len(some.configurations) == 5
    assert some.configurations[0] == (0, 0, 0)
    assert set(some.configurations) < set(whole.configurations)
    assert set(draw_space(*given, combinations(options), 0).configurations) == set(whole.configurations)


# ---- statistics of other pictures ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "whose"), [(20, "other pictures of the source"), (30, "the pictures that are scored")]
)
def test_batch_norm_is_estimated_on_pictures_that_are_not_scored_if_there_are_enough(count: int, whose: str) -> None:
    net, x = fill(ResidualNet(width=4)), pictures((3, 16, 16), 30)

    def loader(_info: object) -> Any:
        images = images_from(x, np.arange(30) % 10, net, 16)
        images.indices, images.labels = np.arange(count), np.arange(count) % 10
        return model_from(net, (3, 16, 16)), images

    request = Request("dynamic_configurations", params=(("points", "layer3.0.conv1:dil1,2"), ("recalibrate", 8)))
    result = Result.of(carry_out(request, loader, lambda: False))
    assert result.facts["batch norm"].startswith(f"statistics of 8 of {whose}")


def test_pictures_for_statistics_are_taken_from_the_rest_of_the_source() -> None:
    images = images_from(pictures(SHAPE, 10), np.arange(10) % 2, None, 4)
    images.indices = np.array([0, 2, 3, 5])
    chosen, apart = sweep.calibrating(images, 6)
    assert apart
    assert chosen.indices.tolist() == [1, 4, 6, 7, 8, 9]
    assert chosen.labels is None
    few, apart = sweep.calibrating(images, 7)
    assert not apart
    assert set(few.indices) <= {0, 2, 3, 5}
    assert images.indices.tolist() == [0, 2, 3, 5]
