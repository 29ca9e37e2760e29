"""LW-DNA and sensitivity on auxiliary heads, grouped and joined networks, and what they claim of chance."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from analysis.edits import Edits
from analysis.engine import carry_out
from analysis.events import Chunk, Finished
from analysis.images import images_from
from analysis.latents import auxiliary, reads_classifier, widen
from analysis.live import measure
from analysis.measures.shrinking import chi_square_limit
from analysis.methods import lw_dna
from analysis.models import model_from
from analysis.request import Compute, Request
from analysis.result import Result
from analysis.surgery.dissecting import dissect, evaluated
from app.reading.width_search import NO_BATCH, Shrunk
from tests.width_results import lw_dna_result

SHAPE = (3, 8, 8)


def conv(inputs: int, outputs: int, kernel: int = 3, groups: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


class Headed(nn.Module):
    """Two convolutions and, in training alone, an auxiliary classifier after the first: as in GoogLeNet."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = conv(3, 8), conv(8, 12), nn.Linear(12, 4)
        self.aux, self.aux_head = conv(8, 6, 1), nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        x = self.first(x)
        scores: Tensor = self.head(self.second(x).mean((2, 3)))
        return (scores, self.aux_head(self.aux(x).mean((2, 3)))) if self.training else scores


class Joined(nn.Module):
    """Every layer reads all that came before it, as in DenseNet."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.one, self.two, self.head = conv(3, 6), conv(6, 4), conv(10, 4), nn.Linear(14, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = torch.cat((x, self.one(x)), dim=1)
        result: Tensor = self.head(torch.cat((x, self.two(x)), dim=1).mean((2, 3)))
        return result


def plain(*tail: nn.Module) -> nn.Sequential:
    return nn.Sequential(conv(3, 8), conv(8, 12), *tail)


def grouped() -> nn.Sequential:
    pool = (nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(conv(3, 12, 1), conv(12, 12, 3, 3), conv(12, 8, 1), *pool, nn.Linear(8, 4))


TAILS = {
    "one linear layer": plain(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 4)),
    "MobileNetV3": plain(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 9), nn.ReLU(), nn.Linear(9, 4)),
    "VGG": plain(nn.Flatten(), nn.Linear(12 * 64, 9), nn.ReLU(), nn.Linear(9, 7), nn.ReLU(), nn.Linear(7, 4)),
    "SqueezeNet": plain(nn.Conv2d(12, 4, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    "auxiliary head": Headed(),
}


def pictures(count: int = 40) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    return torch.randn((count, *SHAPE), generator=random), torch.arange(count) % 4


def shrunk(net: nn.Module, edits: Edits = Edits(), seed: int = 0, method: str = "lw_dna", **params: object) -> Result:  # noqa: B008  # frozen
    pixels, labels = pictures()
    request = Request(method, edits=edits, params=tuple(params.items()), seed=seed, compute=Compute(threads=1))  # type: ignore[arg-type]  # plain values
    images = images_from(pixels, labels, net)
    result = Result.of(carry_out(request, lambda _: (model_from(net, SHAPE), images), lambda: False))
    assert isinstance(result.finished, Finished)
    assert result.finished.problem is None, result.finished.problem
    return result


def warnings(result: Result) -> dict[str, tuple[str, ...]]:
    assert isinstance(result.finished, Finished)
    return {warning.code: warning.items for warning in result.finished.warnings}


def test_groups_that_only_training_reaches_keep_their_width() -> None:
    net = Headed()
    found = dissect(net.eval(), SHAPE)
    assert auxiliary(found) == ("aux.0",)
    assert len(evaluated(found)) == len(found.groups.variables) - 1
    result = shrunk(net, pictures=16)
    assert result.names("group") == ("first.0", "second.0")
    assert warnings(result)["auxiliary"] == ("aux.0",)
    wide = widen(net, found, 2.0, 0).net
    assert wide.get_submodule("aux.0").out_channels == 6
    assert wide.get_submodule("second.0").out_channels == 24


@pytest.mark.parametrize("name", TAILS)
def test_tau_holds_for_what_the_classifier_reads(name: str) -> None:
    net = TAILS[name].eval()
    found = dissect(net, SHAPE)
    read = {found.groups.groups[found.groups.variables[v].group].width for v in reads_classifier(found, net)}
    assert read == {12}
    result = shrunk(net, pictures=16, rho=0.1, tau=1.0, target=3.0)
    assert result["floor"].tolist() == [1, 24]


def test_all_branches_that_are_joined_before_the_classifier_feed_it() -> None:
    net = Joined().eval()
    assert len(reads_classifier(dissect(net, SHAPE), net)) == 3
    result = shrunk(net, pictures=16)
    assert (result["width"][0] >= result["floor"]).all()
    assert result["macs"][0] <= 0.95 * result["reference_macs"][0]


def test_whole_groups_are_widened_and_cut_where_edits_say_so() -> None:
    """By default places inside the three groups are cut in all of them; whole groups have four channels each."""
    net = grouped().eval()
    for edits, step in ((Edits(), 3), (Edits(grouped="whole"), 4)):
        result = shrunk(net, edits, pictures=16, rho=0.1, tau=0.1)
        place = result.names("group").index("0.0")
        assert result["width"][0][place] % step == 0
        assert result["widened"][place] == 24
        narrowed = shrunk(net, edits, method="width_sensitivity", ratios="0.7, 0.4", groups="0.0")
        assert (narrowed["width"] % step == 0).all()
    found = dissect(net, SHAPE, whole=True)
    assert widen(net, found, 2.0, 0, whole=True).net.get_submodule("1.0").groups == 6


def test_sensitivity_leaves_out_what_does_not_matter_for_the_answer() -> None:
    pixels, labels = pictures()
    result = measure("width_sensitivity", Headed(), pixels, labels=labels, ratios="0.5")
    assert result.names("group") == ("first.0", "second.0")
    assert "auxiliary" in warnings(result)


# -- chance ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("freedom", "share", "table"), [(3, 0.99, 11.345), (12, 0.99, 26.217), (100, 0.95, 124.342)])
def test_the_limit_of_chance_is_that_of_tables(freedom: int, share: float, table: float) -> None:
    assert chi_square_limit(freedom, share) == pytest.approx(table, rel=5e-3)


def deep() -> nn.Sequential:
    widths = (3, 24, 24, 32, 32, 48, 48)
    return nn.Sequential(
        *(conv(a, b) for a, b in pairwise(widths)), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(48, 4)
    )


@pytest.mark.parametrize("criterion", ["latent_magnitude", "random", "uniform"])
def test_scores_that_know_nothing_are_never_a_finding(criterion: str) -> None:
    net = deep()
    for seed in range(3):
        result = shrunk(net, criterion=criterion, seed=seed, pictures=16, rho=0.2, tau=0.2)
        assert np.isnan(result["correlation"][2])
        assert "one_batch" not in warnings(result)
        claim = Shrunk(result).claim()
        assert NO_BATCH in claim
        assert "differ from chance" not in claim.replace("do not differ from chance", "")
        assert "say nothing about layers" in claim


def test_floors_that_bind_are_no_finding() -> None:
    """Where tau keeps all of the last group, random draws are as far from one probability as what is found."""
    result = shrunk(deep(), criterion="latent_magnitude", pictures=16, rho=0.2, tau=1.0, target=1.2)
    latents = len(result["latent_group"])
    assert result["chi_square"] > chi_square_limit(latents)
    assert "say nothing" in Shrunk(result).claim()


def test_gradients_differ_from_chance_and_several_draws_are_told() -> None:
    result = shrunk(deep(), pictures=16, rho=0.2, tau=0.2)
    draws = result["control_correlation"]
    assert len(draws) == lw_dna.DRAWS
    assert draws[0] == pytest.approx(result["correlation"][1])
    assert len(set(draws.tolist())) == lw_dna.DRAWS
    claim = Shrunk(result).claim()
    assert claim.startswith("These widths differ from chance (χ² ")
    assert f"in {lw_dna.DRAWS} draws)" in claim
    assert "second batch r = " in claim


def test_the_claim_follows_chi_square() -> None:
    result = lw_dna_result()  # nine latents: 99 % of chance stays below 21.7
    assert "These widths differ from chance (χ² 88, chance up to 22)" in Shrunk(result).claim()
    result.apply(Chunk("chi_square", (), np.array(12.0)))
    assert "do not differ from chance (χ² 12" in Shrunk(result).claim()
    result.apply(Chunk("chi_square", (), np.array(88.0)))
    result.apply(Chunk("correlation", (1,), np.array(0.9)))
    assert "Chance with the same floors repeats this profile" in Shrunk(result).claim()
