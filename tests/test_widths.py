"""Legal widths, costs and the text format: torch-free parts of channel configurations; and the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from analysis.__main__ import main
from analysis.derive import derive
from analysis.edits import Edits
from analysis.measures.widths.costs import CostModel
from analysis.measures.widths.description import WidthGroups, from_bytes, groups_from_plain, to_bytes
from analysis.measures.widths.legal import counts, nearest, objections, spread
from analysis.measures.widths.text import parse_widths, print_widths, solve_layers
from analysis.models import load, model_from
from analysis.problems import AnalysisError
from analysis.request import Compute, ModelSource
from analysis.surgery.choosing import channels_of, choose, read_channels, widths_of
from analysis.surgery.dissecting import dissect
from analysis.surgery.importance import PLAIN_RULES, importance
from analysis.surgery.observing import observed
from tests.test_coupling import SHAPE, PartialShortcut, Residual, row
from tests.test_coupling import conv as layer
from tests.width_nets import difference, picture, randomised


@pytest.fixture(scope="module")
def partial() -> WidthGroups:
    """stem 5, branch 5 + 3."""
    return dissect(PartialShortcut(), SHAPE).groups


@pytest.fixture(scope="module")
def grouped() -> WidthGroups:
    """Widths in steps of 3."""
    return dissect(row(layer(3, 6), layer(6, 12, groups=3), layer(12, 4)), SHAPE).groups


def test_descriptions_survive_json(partial: WidthGroups) -> None:
    assert groups_from_plain(json.loads(json.dumps(partial.to_plain()))) == partial
    with pytest.raises(AnalysisError, match="no description"):
        from_bytes(to_bytes(partial)[:-5])


def test_layers_are_solved_in_call_order(partial: WidthGroups) -> None:
    assert [(p.layer, p.width) for p in partial.producers][:2] == [("stem", 5), ("branch", 8)]
    assert parse_widths(partial, "stem 4\nbranch 9\n") == {"stem": 4, "branch": 5}
    assert parse_widths(partial, "branch 9  # one more\n") == {} or True
    assert solve_layers(partial, {"stem": 7}) == {"stem": 7}


def test_a_nested_layer_cannot_be_narrower(partial: WidthGroups) -> None:
    with pytest.raises(AnalysisError, match=r"line 2: branch 3 leaves -2 channels .* line 1: stem 5"):
        parse_widths(partial, "stem 5\nbranch 3\n")


def test_tied_lines_must_agree() -> None:
    found = dissect(Residual(), SHAPE).groups
    assert parse_widths(found, "[layers]\nstem 6\nbranch 6\n") == {"stem": 6}
    with pytest.raises(AnalysisError, match=r"line 1: stem 6; line 2: branch 7") as error:
        parse_widths(found, "stem 6\nbranch 7\n")
    assert "add" in error.value.hint
    with pytest.raises(AnalysisError, match=r"fixed at 4.*output of the network"):
        parse_widths(found, "last 5\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[groups]\nstem six\n", "Line 2 is not understood"),
        ("[rows]\n", r"no section \[rows\]"),
        ("nothing 4\n", "No layer is called 'nothing'"),
        ("[groups]\nnothing 4\n", "no width group 'nothing'"),
        ("[groups]\nlast 9\n", "is locked"),
        ("[groups]\nstem 0\n", "at least 1"),
        ("stem ²\n", "Line 1 is not understood"),
        ("stem 99999999999999999999\n", "Line 1 is not understood"),
        ("# layerscope widths 9   model -\nstem 5\n", "format 'layerscope widths 9'"),
        ("# layerscope widths 1   model torchvision:vgg16   structure 000000\nstem 5\n", "for torchvision:vgg16"),
    ],
)
def test_wrong_lines_are_named(partial: WidthGroups, text: str, words: str) -> None:
    with pytest.raises(AnalysisError, match=words):
        parse_widths(partial, text)


def test_a_configuration_of_another_size_of_pictures_is_that_of_the_same_network() -> None:
    found = dissect_partial()
    text = print_widths(found, {"stem": 6})
    shape = "x".join(str(size) for size in (1, *found.input_shape))
    elsewhere = text.replace(f"input {shape}", "input 1x3x999x999").replace(found.structure[:6], "000000")
    assert parse_widths(found, elsewhere) == {"stem": 6}
    with pytest.raises(AnalysisError, match="was written for"):
        parse_widths(found, text.replace(found.structure[:6], "000000"))


@given(st.integers(1, 40), st.integers(1, 40))
def test_text_goes_round(stem: int, branch: int) -> None:
    found = dissect_partial()
    widths = {"stem": stem, "branch": branch}
    changed = {name: width for name, width in widths.items() if width != found.groups[found.index(name)].width}
    assert parse_widths(found, print_widths(found, widths)) == changed
    layers = f"stem {stem}\nbranch {stem + branch}\n"
    assert parse_widths(found, layers) == changed


_FOUND: list[WidthGroups] = []


def dissect_partial() -> WidthGroups:
    if not _FOUND:
        _FOUND.append(dissect(PartialShortcut(), SHAPE).groups)
    return _FOUND[0]


def test_steps_and_rounding(grouped: WidthGroups) -> None:
    name = grouped.free[1].name
    assert grouped.free[1].step == 3
    assert [o.text for o in objections(grouped, {name: 13})] == [
        f"The width of {name} must be a multiple of 3, not 13."
    ]
    assert objections(grouped, {name: 15}) == ()
    assert nearest(grouped, name, 13) == 12
    assert nearest(grouped, name, 14) == 15
    assert nearest(grouped, name, 20, multiple=8) == 24
    assert nearest(grouped, name, -5) == 3
    assert nearest(grouped, name, 1, minimum=10) == 12


def test_rounding_counts_the_whole_layer(partial: WidthGroups) -> None:
    """branch has 5 channels of stem beside its own: 3 + 5, 11 + 5, …"""
    assert nearest(partial, "branch", 9, multiple=8) == 11


def test_variables_of_one_group_share_in_proportion() -> None:
    from dataclasses import replace

    from analysis.measures.widths.description import Variable

    found = dissect_partial()
    two = replace(
        found,
        variables=(Variable(0, 6, 1), Variable(0, 3, 1)),
        groups=(replace(found.groups[0], width=9, minimum=2, variables=(0, 1)),),
    )
    assert [spread(two, 0, width) for width in (9, 10, 11, 12, 3)] == [(6, 3), (7, 3), (7, 4), (8, 4), (2, 1)]


def test_costs_by_hand(partial: WidthGroups) -> None:
    """stem 3→5, branch 5→8, last 8→4, each 1x1 with bias on 8 x 8 pixels."""
    costs = CostModel(partial).costs({"stem": 6, "branch": 4})  # layers of 6 and 10 channels
    assert costs.totals.parameters == (3 * 6 + 6) + (6 * 10 + 10) + (10 * 4 + 4)
    assert costs.totals.macs == 64 * (3 * 6 + 6 * 10 + 10 * 4)
    assert dict(zip([row.layer for row in partial.rows], costs.width.tolist(), strict=True))["branch"] == 10
    stored = 64 * 4 * (6 + 6 + 10 + 10 + 4)
    assert costs.totals.activation_bytes == stored


def test_file_size_is_that_of_a_saved_file(tmp_path: Path) -> None:
    import safetensors.torch

    net = row(layer(3, 60), layer(60, 120), layer(120, 4))
    costs = CostModel(dissect(net, SHAPE).groups).costs({})
    safetensors.torch.save_file(net.state_dict(), tmp_path / "net.safetensors")
    size = (tmp_path / "net.safetensors").stat().st_size
    assert costs.file_bytes == size  # see also test_file_size.py


def test_locked_and_unknown_groups_are_refused(partial: WidthGroups) -> None:
    with pytest.raises(AnalysisError, match="cannot change: the output"):
        counts(partial, {"last": 3})
    with pytest.raises(AnalysisError, match="no width group 'stam'"):
        counts(partial, {"stam": 3})


def test_descriptions_need_no_torch() -> None:
    code = (
        "import sys, analysis.measures.widths.costs, analysis.measures.widths.text\n"
        "assert 'torch' not in sys.modules and 'timm' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])


# ---- choosing ----------------------------------------------------------------------------------------------------


def test_rules_keep_what_scores_most() -> None:
    net = randomised(row(layer(3, 6), torch.nn.BatchNorm2d(6), torch.nn.ReLU(), layer(6, 4)))
    found = dissect(net, SHAPE)
    weight, norm = net[0].weight.detach().flatten(1), net[1].weight.detach()  # type: ignore[index,union-attr]
    by_rule = {"l1": weight.abs().sum(1), "l2": weight.norm(dim=1), "bn_scale": norm.abs()}
    for rule, scores in by_rule.items():
        copies = choose(found, {"0": 3}, importance(net, found, rule))
        kept = copies[found.coupling.of(found.coupling.axes["0.weight", 0].labels)]
        assert set(np.flatnonzero(kept)) == set(scores.topk(3).indices.tolist())
    one, other = (choose(found, {"0": 3}, importance(net, found, "random", seed)) for seed in (0, 0))
    assert np.array_equal(one, other)
    with pytest.raises(AnalysisError, match="needs pictures"):
        importance(net, found, "taylor")
    assert "l1" in PLAIN_RULES


def test_data_rules_drop_what_does_nothing() -> None:
    """A channel that the batch norm sends below zero is dead: no activation, no gradient."""
    net = randomised(row(layer(3, 6), torch.nn.BatchNorm2d(6), torch.nn.ReLU(), layer(6, 4)))
    with torch.no_grad():
        net[1].bias[[1, 4]] = -100.0  # type: ignore[index,union-attr]
    found = dissect(net, SHAPE)
    axis = found.coupling.of(found.coupling.axes["0.weight", 0].labels)
    dead = {1, 4}
    by_energy = choose(found, {"0": 4}, observed(net, found, "activation", [(picture(SHAPE), None)]))
    by_loss = choose(found, {"0": 4}, observed(net, found, "taylor", [(picture(SHAPE), torch.tensor([0, 1]))]))
    for copies in (by_energy, by_loss):
        assert set(np.flatnonzero(copies[axis] == 0)) == dead
    assert all(parameter.grad is None for parameter in net.parameters())


def test_choices_go_round_as_text() -> None:
    net = randomised(PartialShortcut())
    found = dissect(net, SHAPE)
    copies = choose(found, {"stem": 3, "branch": 5}, importance(net, found, "l2"))
    assert widths_of(found, copies) == {"stem": 3, "branch": 5}
    text = channels_of(found, copies)
    assert np.array_equal(read_channels(found, text, np.ones_like(copies)), copies)
    with pytest.raises(AnalysisError, match="do not fit"):
        read_channels(found, (("stem", "1:4"),), copies)


@pytest.mark.parametrize("widen", ["split", "zero"])
def test_widening_keeps_the_function(widen: str) -> None:
    net = randomised(row(layer(3, 6), torch.nn.BatchNorm2d(6), torch.nn.ReLU(), layer(6, 4)))
    model = model_from(net, SHAPE)
    edited = derive(model, Edits(widths=(("0", 11),), widen=widen))
    assert difference(edited.net, net, SHAPE) < 1e-12
    assert edited.net[0].out_channels == 11  # type: ignore[index]
    weights = edited.net[0].weight.flatten(1)  # type: ignore[index,union-attr]
    assert len({tuple(line) for line in weights.tolist()}) == (6 if widen == "split" else 11)


def test_fresh_channels_are_read() -> None:
    net = randomised(row(layer(3, 6), torch.nn.ReLU(), layer(6, 4)))
    edited = derive(model_from(net, SHAPE), Edits(widths=(("0", 8),), widen="fresh", keep="l1:3"))
    assert difference(edited.net, net, SHAPE) > 1e-3
    assert int((edited.net[2].weight.abs().sum((0, 2, 3)) > 0).sum()) == 8  # type: ignore[index,union-attr]


# ---- the command line ----------------------------------------------------------------------------------------------


def test_apply_saves_what_opens_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, out = tmp_path / "widths.txt", tmp_path / "edited.safetensors"
    text.write_text("conv1 10\nlayer1.0.conv1 5\nlayer2.0.conv1 21\n")
    source = ("--model", "demo:fashion_resnet")
    assert main(["apply", str(text), *source, "--keep", "l2", "--out", str(out)]) == 0
    assert "multiply-adds" in capsys.readouterr().out
    edits = json.loads(out.with_suffix(".json").read_text())["edits"]
    assert dict(edits["widths"]) == {"conv1": 10, "layer1.0.conv1": 5, "layer2.0.conv1": 21}
    again = load(ModelSource("auto", (str(out),)), Compute(), derive=derive)
    base = load(ModelSource("demo:fashion_resnet"), Compute())
    direct = derive(base, Edits(**{name: _tuples(item) for name, item in edits.items()}))
    x = torch.rand(2, *base.input_shape)
    with torch.no_grad():
        assert torch.equal(again.net(x), direct.net(x))
        assert not torch.equal(again.net(x), base.net(x))
    data = out.read_bytes()  # the same configuration once more changes nothing; see also test_edited_twice.py
    assert main(["apply", str(text), "--model", "auto", "--weights", str(out), "--out", str(out)]) == 0
    assert out.read_bytes() == data


def _tuples(item: object) -> object:
    return tuple(_tuples(part) for part in item) if isinstance(item, list) else item


def test_groups_prints_a_table_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["groups", "--model", "demo:fashion_resnet", "--why"]) == 0
    table = capsys.readouterr().out
    assert "locked: the output of the network" in table
    assert "tied by" in table
    assert main(["groups", "--model", "demo:fashion_resnet", "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert {"name", "width", "minimum", "step", "locked", "reason", "members", "why"} <= set(plain["groups"][0])
    assert set(plain["groups"][0]["members"][0]) == {"layer", "side", "first", "count"}
    assert groups_from_plain(plain).free
    assert main(["groups", "--model", "demo:fashion_resnet", "--text"]) == 0
    assert parse_widths(groups_from_plain(plain), capsys.readouterr().out) == {}
