"""Which layers contain the channels of others: said of each group, and kept by every way to ask for a width."""

from __future__ import annotations

import json

import pytest
import torch
from torch import Tensor, nn

from analysis.__main__ import main
from analysis.measures.widths.costs import CostModel
from analysis.measures.widths.description import WidthGroup, WidthGroups, from_bytes, to_bytes
from analysis.measures.widths.text import parse_widths
from analysis.networks import CifarResNet
from analysis.problems import AnalysisError
from analysis.surgery.dissecting import dissect
from tests.test_coupling import PaddedShortcut, PartialShortcut, Residual


def groups(net: nn.Module, side: int = 8) -> WidthGroups:
    return dissect(net.eval(), (3, side, side)).groups


def named(found: WidthGroups, name: str) -> WidthGroup:
    return found.groups[found.index(name)]


class Chain(nn.Module):
    """The input of each layer is added to the last channels of its output, twice."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c, self.last = (nn.Conv2d(i, o, 1) for i, o in ((3, 4), (4, 6), (6, 9), (9, 2)))

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        y = self.b(torch.relu(x))
        y = torch.cat([y[:, :2], y[:, 2:] + x], 1)
        z = self.c(torch.relu(y))
        return self.last(torch.cat([z[:, :3], z[:, 3:] + y], 1)).mean((2, 3))


def test_the_wider_layer_names_the_narrower_one_and_the_other_way_round() -> None:
    found = groups(PartialShortcut())
    wide, narrow = named(found, "branch"), named(found, "stem")
    assert wide.nested == ("the first 5 channels of this layer are those of stem: it is at least as wide",)
    assert narrow.nested == ("these are the first 5 channels of branch, which is at least as wide",)
    assert wide.legal == f"1 or more; {wide.nested[0]}"
    assert from_bytes(to_bytes(found)) == found


def test_only_the_next_layer_of_a_chain_is_named() -> None:
    found = groups(Chain())
    assert [line.partition(":")[0] for line in named(found, "b").nested] == [
        "the channels 2 to 5 of this layer are those of a",
        "these are the channels 3 to 8 of c, which is at least as wide",
    ]
    assert len(named(found, "a").nested) == len(named(found, "c").nested) == 1


def test_padded_shortcuts_say_that_no_width_follows() -> None:
    found = groups(PaddedShortcut())
    assert named(found, "stem").nested == (
        "padded with zeros, these meet the channels 2 to 5 of a: no width follows from the other",
    )
    assert [line.partition(" padded")[0] for line in named(found, "a").nested] == [
        "the channels 2 to 5 meet stem",
        "padded with zeros, these meet the channels 2 to 9 of b: no width follows from the other",
    ]


def test_most_groups_are_nested_in_nothing() -> None:
    assert [group.nested for group in groups(Residual()).groups] == [(), ()]
    whole = nn.Sequential(nn.Conv2d(3, 6, 1), nn.Conv2d(6, 12, 1, groups=3), nn.Conv2d(12, 4, 1))
    assert [group.legal for group in groups(whole).groups] == ["multiples of 3 from 3", "multiples of 3 from 3", ""]


def test_a_layer_narrower_than_what_it_contains_is_one_sentence() -> None:
    found = groups(PartialShortcut())
    assert parse_widths(found, "branch 6") == {"branch": 1}
    assert parse_widths(found, "stem 3\nbranch 4") == {"stem": 3, "branch": 1}
    for text in ("branch 5", "branch 2", "stem 7\nbranch 7"):
        with pytest.raises(AnalysisError, match="this layer contains the channels of stem") as caught:
            parse_widths(found, text)
        assert str(caught.value).count(". ") == 0
        assert caught.value.hint == f"Make it at least {8 if '7' in text else 6} wide."
    with pytest.raises(AnalysisError, match="needs at least 1 channels, not 0"):
        parse_widths(found, "[groups]\nbranch 0")


def test_every_legal_configuration_keeps_the_nesting() -> None:
    """What the words say, by the closed form: the containing layer is never narrower."""
    found = groups(Chain())
    model, rows = CostModel(found), [row.layer for row in found.rows]
    for a in (1, 3, 9):
        for b in (1, 5):
            for c in (1, 7):
                width = dict(zip(rows, model.costs({"a": a, "b": b, "c": c}).width.tolist(), strict=True))
                assert (width["a"], width["b"], width["c"]) == (a, a + b, a + b + c)


@pytest.mark.zoo
def test_rexnet() -> None:
    import timm

    found = groups(timm.create_model("rexnet_100"), 64)
    nested = {group.name: group.nested for group in found.groups if group.nested}
    assert len(nested) == 15  # 4 chains of linear layers: 2, 2, 6 and 5
    assert nested["features.6.conv_pwl.conv"] == (
        "the first 72 channels of this layer are those of features.5.conv_pwl.conv: it is at least as wide",
        "these are the first 84 channels of features.7.conv_pwl.conv, which is at least as wide",
    )
    with pytest.raises(AnalysisError, match=r"leaves -12 channels .* contains the channels of features\.5\.conv_pwl"):
        parse_widths(found, "features.6.conv_pwl.conv 60")


def test_option_a() -> None:
    found = groups(CifarResNet(20), 32)
    assert {group.name for group in found.groups if group.nested} == {"conv1", "layer2.0.conv2", "layer3.0.conv2"}
    assert "meet the channels 8 to 23 of layer2.0.conv2: no width follows" in named(found, "conv1").nested[0]
    assert parse_widths(found, "layer3.0.conv2 2\nlayer2.0.conv2 90") == {"layer3.0.conv2": 2, "layer2.0.conv2": 90}


def test_the_command_line_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["groups", "--model", "cifar_resnet20", "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    lines = {group["name"]: group["nested"] for group in plain["groups"]}
    assert "padded with zeros" in lines["conv1"][0]
    assert lines["linear"] == []
    assert main(["groups", "--model", "cifar_resnet20"]) == 0
    table = capsys.readouterr().out
    assert table.count("legal: ") == 3
    assert "legal: 1 or more; padded with zeros, these meet" in table
    assert main(["groups", "--model", "cifar_resnet20", "--why"]) == 0
    assert capsys.readouterr().out.count("legal: ") == 12
