"""The structure of networks, against answers worked out by hand and torch's own counter."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from analysis.graph import describe, record
from analysis.problems import AnalysisError
from analysis.tracing.recorder import trace
from tests import tiny
from tests.graph_nets import counted_macs, each_net, layer, rows

pytestmark = pytest.mark.usefixtures("one_thread")


# ---- what holds for every network ------------------------------------------------------------------------------------


@each_net
def test_costs_equal_torchs_own_counts(make: Any, shape: tuple[int, ...]) -> None:
    net = make()
    found = record(net, shape)
    assert found.totals.macs == counted_macs(net, shape)
    assert found.totals.parameters == sum(parameter.numel() for parameter in net.parameters())
    assert found.totals.buffers == sum(buffer.numel() for buffer in net.buffers())
    assert found.output_shape == tuple(net(torch.zeros(1, *shape)).shape[1:])


@each_net
def test_rows_are_unique_and_refer_to_earlier_rows(make: Any, shape: tuple[int, ...]) -> None:
    found = record(make(), shape)
    names = rows(found)
    assert len(set(names)) == len(names)
    assert names[0] == "input"
    assert set(found.sites) == set(names)
    for index, row in enumerate(found.layers):
        assert not row.same_as or row.same_as in names[:index]
        assert row.activation_bytes == 4 * int(np.prod(row.shape))
        assert not row.block or row.block in {block.name for block in found.blocks}
    for block in found.blocks:
        assert layer(found, block.output).kind == "block"
        assert set(block.layers) <= set(names)


@each_net
def test_real_and_empty_copies_give_the_same_recording(make: Any, shape: tuple[int, ...]) -> None:
    net = make()
    assert describe(trace(net, shape, meta=True)) == describe(trace(net, shape, meta=False))


@each_net
def test_recording_changes_nothing(make: Any, shape: tuple[int, ...]) -> None:
    net = make().train()
    net.register_forward_hook(lambda *_: None)
    state, seeds = tiny.state_of(net), (random.getstate(), np.random.get_state()[1].tolist())
    for meta in (True, False, None):
        trace(net, shape, meta)
        assert tiny.state_of(net) == state
    assert (random.getstate(), np.random.get_state()[1].tolist()) == seeds


def test_recording_changes_nothing_when_the_forward_raises() -> None:
    net = tiny.fill(tiny.Fickle()).train()
    net.problem = ValueError("no")
    state = tiny.state_of(net)
    with pytest.raises(AnalysisError, match="2 x 4 x 4") as caught:
        record(net, (2, 4, 4))
    assert "no" in caught.value.hint
    assert tiny.state_of(net) == state


def test_a_wrong_input_shape_is_one_sentence() -> None:
    with pytest.raises(AnalysisError, match="does not run on an input of 5 x 4 x 4"):
        record(tiny.residual_net(), (5, 4, 4))


def test_layers_of_unknown_size_are_refused() -> None:
    with pytest.raises(AnalysisError, match="not known yet"):
        record(nn.Sequential(nn.LazyConv2d(3, 1)), (2, 4, 4))


# ---- names, kinds and costs by hand ----------------------------------------------------------------------------------


def test_linear_stack() -> None:
    found = record(tiny.linear_stack(), (4,))
    assert rows(found) == ["input", "0", "1", ":unit", "2"]
    assert [(row.kind, row.parameters, row.macs) for row in found.layers] == [
        ("input", 0, 0), ("linear", 15, 12), ("activation", 0, 0), ("block", 0, 0), ("linear", 8, 6)
    ]  # fmt: skip
    assert (found.totals.parameters, found.totals.macs, found.totals.activation_bytes) == (23, 18, 4 * (3 + 3 + 2))


def test_resnet_20_by_hand() -> None:
    found = record(tiny.residual_net(repeats=3), (3, 32, 32))
    assert found.totals.parameters == 269_722
    assert found.totals.macs == 40_551_040
    assert [block.name for block in found.blocks] == [f"layer{s}.{i}" for s in (1, 2, 3) for i in (0, 1, 2)]
    assert [block.shortcut for block in found.blocks].count("pad") == 2
    assert all(block.residual for block in found.blocks)
    assert found.pooled == ":avg_pool2d"
    assert rows(found)[:9] == [
        "input", "conv1", ":relu", "layer1.0.conv1", "layer1.0:relu#1", "layer1.0.conv2", "layer1.0:add",
        "layer1.0:relu#2", "layer1.0",
    ]  # fmt: skip
    stem = layer(found, "conv1")
    assert (stem.shape, stem.input_shape, stem.kernel, stem.stride) == ((16, 32, 32), (3, 32, 32), (3, 3), (1, 1))
    assert (stem.groups, stem.dilation, stem.expands_from, stem.macs) == (1, (1, 1), 3, 3 * 16 * 9 * 1024)
    assert layer(found, "layer2.0.conv1").stride == (2, 2)
    assert layer(found, "layer1.0").same_as == "layer1.0:relu#2"
    assert layer(found, "layer1.0:add").kind == "branch"
    assert found.blocks[1].input == "layer1.0"
    assert found.blocks[3].layers == (
        "layer2.0.conv1", "layer2.0:relu#1", "layer2.0.conv2", "layer2.0:add", "layer2.0:relu#2"
    )  # fmt: skip


def test_a_module_called_twice_has_two_rows_and_counts_its_weights_once() -> None:
    found = record(tiny.fill(tiny.Loop()), (2, 5, 5))
    assert rows(found, "conv", "activation") == ["loop#1", "act#1", "loop#2", "act#2"]
    assert [(row.parameters, row.parameters_used, row.macs) for row in found.layers if row.kind == "conv"] == [
        (38, 38, 900), (0, 38, 900)
    ]  # fmt: skip
    assert (found.totals.parameters, found.totals.parameters_used) == (38, 76)
    found = record(tiny.fill(tiny.LoopBlock()), (2, 5, 5))
    assert [block.name for block in found.blocks] == ["body#1", "body#2"]
    assert "body#2:relu#1" in rows(found)
    assert "body.conv1#2" in found.blocks[1].layers


def test_tied_weights_count_once() -> None:
    net = tiny.fill(tiny.Tied())
    found = record(net, (3,))
    assert [(row.name, row.parameters, row.parameters_used) for row in found.layers if row.kind == "linear"] == [
        ("first", 12, 12), ("second", 3, 12)
    ]  # fmt: skip
    assert (found.totals.parameters, found.totals.parameters_used) == (15, 24)
    # Tied by hand: two parameters over the same memory.
    net.second.weight = nn.Parameter(torch.zeros(3, 3))
    net.second.weight.data = net.first.weight.data
    for meta in (True, False):
        assert describe(trace(net, (3,), meta)).totals.parameters == 15


def test_convolutions_with_children() -> None:
    found = record(nn.Sequential(tiny.PaddedConv(3, 4), tiny.ActivatedConv(4, 2)), (3, 5, 5))
    assert [(row.name, row.kind, row.type) for row in found.layers if row.kind != "block"][1:] == [
        ("0", "conv", "PaddedConv"), ("1", "conv", "ActivatedConv"), ("1.act", "activation", "ReLU")
    ]  # fmt: skip
    assert layer(found, "0").macs == 25 * 4 * 3 * 9


def test_depthwise() -> None:
    found = record(tiny.depthwise(), (3, 5, 5))
    convs = [row for row in found.layers if row.kind == "conv"]
    assert [(row.parameters, row.macs, row.groups, row.expands_from) for row in convs] == [
        (18, 450, 1, 3), (54, 1350, 6, 6), (24, 600, 1, 6)
    ]  # fmt: skip


def test_squeeze_and_excite() -> None:
    found = record(tiny.fill(tiny.SqueezeExcite()), (3, 5, 5))
    assert rows(found, "conv") == ["conv", "reduce", "expand"]
    assert rows(found, "activation") == ["act", ":relu", ":sigmoid"]
    assert layer(found, ":sigmoid").shape == (4, 1, 1)
    assert layer(found, "act").type == "Swish"
    assert found.pooled == ""
    assert [block.name for block in found.blocks] == [":unit"]


def test_a_kernel_computed_in_forward() -> None:
    found = record(tiny.fill(tiny.Generated()), (2, 5, 5))
    assert rows(found, "conv", "activation") == [":conv2d#1", ":relu#1", ":conv2d#2", ":relu#2"]
    first, second = (layer(found, name) for name in (":conv2d#1", ":conv2d#2"))
    assert (first.parameters, first.parameters_used, second.parameters, second.parameters_used) == (12, 36, 0, 36)
    assert first.kernel == (3, 3)
    assert found.totals.macs == 2 * 900 + 36 * 12
    assert any("432 multiply-adds" in note for note in found.notes)


def test_flatten_feeds_the_classifier() -> None:
    found = record(tiny.fill(tiny.FlattenToLinear()), (1, 6, 6))
    assert (found.pooled, layer(found, ":flatten").shape) == (":flatten", (32,))
    assert layer(found, "conv").expands_from == 1


def test_shortcut_added_to_some_channels() -> None:
    for in_place in (True, False):
        found = record(tiny.fill(tiny.SlicedShortcut(in_place)), (3, 5, 5))
        (block,) = found.blocks
        assert (block.name, block.shortcut, block.input, block.residual) == ("body", "partial", "stem", True)
        branch = layer(found, "body:add")
        assert (branch.shape, branch.same_as) == ((6, 3, 3), "body.project")
        assert layer(found, "body").shape == (6, 3, 3)
        assert not layer(found, "body").same_as


def test_in_place_network() -> None:
    found = record(tiny.fill(tiny.InPlace()), (2, 5, 5))
    assert rows(found) == ["input", "conv1", "relu", "conv2", ":add", ":relu", ":block"]
    assert layer(found, ":add").same_as == "conv2"
    assert layer(found, ":block").same_as == ":relu"
