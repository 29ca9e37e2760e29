"""Scores of channels, and choices made from them: by rules that look at pictures, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from analysis.commands.apply import KEEP
from analysis.derive import derive
from analysis.edits import Edits
from analysis.engine import run
from analysis.events import Outcome
from analysis.live import measure
from analysis.measures.widths.channels import chosen, classes, picked, read, width_of
from analysis.models import load, model_from
from analysis.problems import AnalysisError
from analysis.request import Compute, ImageSource, ModelSource, Request
from analysis.result import Result
from analysis.surgery.choosing import channels_of, choose
from analysis.surgery.dissecting import dissect
from analysis.surgery.importance import PLAIN_RULES, RULES, importance
from analysis.surgery.observing import Activity
from tests.test_coupling import SHAPE, PartialShortcut, row
from tests.test_coupling import conv as layer
from tests.width_nets import picture, randomised

DEMO = ModelSource("demo:fashion_resnet")


def scored(rule: str, images: str = "") -> Result:
    source = ImageSource(images) if images else None
    request = Request("channel_scores", DEMO, source, params=(("rule", rule),), limit=24, compute=Compute(threads=1))
    return Result.of(run(request))


def test_choices_from_a_run_are_those_of_the_network() -> None:
    model = load(DEMO, Compute())
    found = dissect(model.net, model.input_shape, model.name)
    widths = {group.name: max(group.minimum, group.width * 2 // 3) for group in found.groups.free}
    for rule in PLAIN_RULES:
        copies = choose(found, widths, importance(model.net, found, rule))
        assert chosen(found.groups, scored(rule), widths) == channels_of(found, copies)


def test_channels_of_several_routes_are_chosen_on_each() -> None:
    net = randomised(PartialShortcut())
    found = dissect(net, SHAPE)
    result = measure("channel_scores", net, picture(SHAPE), rule="l2")
    widths = {"stem": 3, "branch": 5}
    assert chosen(found.groups, result, widths) == channels_of(
        found, choose(found, widths, importance(net, found, "l2"))
    )


@pytest.mark.parametrize("rule", ["taylor", "activation", "activation_rank"])
def test_a_choice_by_pictures_needs_none_afterwards(rule: str) -> None:
    model = load(DEMO, Compute())
    groups = dissect(model.net, model.input_shape, model.name).groups
    widths = {"conv1": 5, "layer2.0.conv1": 12}
    edits = Edits(widths=tuple(widths.items()), keep=rule)
    with pytest.raises(AnalysisError, match="needs pictures"):
        derive(model, edits)
    result = scored(rule, "demo:test")
    channels = chosen(groups, result, widths)
    edited = derive(model, Edits(widths=tuple(widths.items()), keep=rule, channels=channels))
    own = result["score"][result["group"] == groups.index("layer2.0.conv1")]
    kept = np.sort(np.argsort(-own, kind="stable")[:12])
    conv = edited.net.get_submodule("layer2.0.conv1")
    whole = model.net.get_submodule("layer2.0.conv1").weight
    stem = read(dict(channels)["conv1"]).nonzero()[0]
    assert torch.equal(conv.weight, whole[torch.from_numpy(kept)][:, torch.from_numpy(stem)])


@pytest.mark.parametrize("rule", ["taylor", "activation"])
def test_rules_that_look_at_pictures_say_so(rule: str) -> None:
    assert scored(rule).finished.problem.code == "needs_images"
    finished = scored(rule, "noise:8").finished
    assert finished is not None
    if rule == "taylor":
        assert finished.problem is not None
        assert finished.problem.code == "needs_labels"
    else:
        assert finished.outcome is Outcome.COMPLETED


def test_activation_rank_is_the_rank_of_the_maps() -> None:
    """A convolution that hands its input through, on pictures whose channels are matrices of known ranks."""
    net = nn.Sequential(
        nn.Conv2d(3, 3, 1, bias=False), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2)
    )
    with torch.no_grad():
        net[0].weight.copy_(torch.eye(3)[:, :, None, None])
    ranks = [5, 1, 3]
    generator = torch.Generator().manual_seed(0)
    maps = [torch.rand(7, 8, rank, generator=generator) @ torch.rand(7, rank, 8, generator=generator) for rank in ranks]
    found = dissect(net, (3, 8, 8))
    watching = Activity(net, found, by_rank=True)
    for part in (torch.stack(maps, 1)[:4], torch.stack(maps, 1)[4:]):
        watching.update(part)
    axis = found.coupling.of(found.coupling.axes["0.weight", 0].labels)
    np.testing.assert_allclose(watching.scores()[axis], ranks, atol=1e-5)


def test_equal_ranks_are_told_apart_by_energy() -> None:
    """Constant maps of positive numbers all have rank 1."""
    net = nn.Sequential(nn.Conv2d(3, 6, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([2.0, 5.0, 1.0, 4.0, 6.0, 3.0])[:, None, None, None].expand(6, 3, 1, 1))
        net[0].bias.zero_()
    found = dissect(net, SHAPE)
    watching = Activity(net, found, by_rank=True)
    watching.update(torch.rand(8, 3, 1, 1, generator=torch.Generator().manual_seed(0)).expand(8, *SHAPE))
    scores = watching.scores()[found.coupling.of(found.coupling.axes["0.weight", 0].labels)]
    np.testing.assert_allclose(scores, 1, atol=1e-5)
    assert np.argsort(scores).tolist() == [2, 0, 5, 3, 1, 4]


def test_channels_picked_by_hand() -> None:
    net = randomised(row(layer(3, 6), nn.BatchNorm2d(6), nn.ReLU(), layer(6, 4)))
    model, result = model_from(net, SHAPE), measure("channel_scores", net, picture(SHAPE))
    groups = dissect(net, SHAPE).groups
    own = result["group"] == groups.index("0")
    assert classes(groups, "0") == own.sum() == 6
    assert result["channel"][own].tolist() == list(range(6))
    copies = [0, 2, 1, 0, 0, 1]
    width = width_of(groups, copies, result["variable"][own].tolist())
    edited = derive(model, Edits(widths=(("0", width),), channels=(("0", picked(copies)),)))
    old = net[0].weight
    assert torch.equal(edited.net.get_submodule("0").weight, old[[1, 1, 2, 5]])
    with pytest.raises(AnalysisError, match="are 4, but its width is 5"):
        derive(model, Edits(widths=(("0", 5),), channels=(("0", picked(copies)),)))


def test_scores_of_another_network_are_refused() -> None:
    net = randomised(row(layer(3, 6), layer(6, 4)))
    other = dissect(randomised(row(layer(3, 8), layer(8, 4))), SHAPE).groups
    with pytest.raises(AnalysisError, match="another network"):
        chosen(other, measure("channel_scores", net, picture(SHAPE)), {"0": 5})


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40))
def test_choices_go_round(copies: list[int]) -> None:
    assert read(picked(copies)).tolist() == copies


@pytest.mark.parametrize("text", ["a", "1", "1:x", "-1:3", "1:0", "1:99999999999", "1:2 0:-3"])
def test_what_is_no_choice_is_refused(text: str) -> None:
    with pytest.raises(AnalysisError, match="no choice of channels"):
        read(text)


def test_the_command_line_names_every_rule() -> None:
    assert KEEP == RULES
