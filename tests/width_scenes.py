"""Width groups of the residual network that other scenes show: one stream per stage, one inner width per block."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from analysis.config import LayerSpec
from analysis.events import Chunk, Declared, Event, Finished, Outcome, Output, Prepared, Started
from analysis.measures.widths.description import (
    Length,
    Member,
    Producer,
    Row,
    Store,
    Variable,
    WidthGroup,
    WidthGroups,
    to_bytes,
)
from analysis.request import ModelSource, Request


def description(layers: tuple[LayerSpec, ...]) -> WidthGroups:
    """Groups of `scenes.network`: the output of a block's second convolution joins the stream of its stage."""
    rows = [layer for layer in layers if layer.kind in ("conv", "linear")]
    firsts: list[str] = []
    owner: list[int] = []
    stream: dict[int, int] = {}
    for layer in rows:
        streams = layer.name.endswith("conv2") or layer.name == "conv1"
        if layer.kind == "conv" and streams and layer.channels in stream:
            owner.append(stream[layer.channels])
            continue
        owner.append(len(firsts))
        if streams:
            stream[layer.channels] = len(firsts)
        firsts.append(layer.name)
    members: list[list[Member]] = [[] for _ in firsts]
    for layer, group in zip(rows, owner, strict=True):
        members[group].append(Member(layer.name, "out", 0, layer.channels))
    groups, variables, number = [], [], {}
    for place, name in enumerate(firsts):
        width, last = members[place][0].count, name == rows[-1].name
        if not last:
            number[place] = len(variables)
            variables.append(Variable(place, width, 1))
        why = ("add in " + members[place][1].layer.rpartition(".")[0],) if len(members[place]) > 1 else ()
        reason = "the output of the network" if last else ""
        own = () if last else (number[place],)
        groups.append(
            WidthGroup(name, width, int(not last), int(not last), last, reason, tuple(members[place]), why, "", own)
        )
    lengths = tuple(Length(0, ((index, 1),)) for index in range(len(variables)))
    stores, costs, before = [], [], -1
    for place, (layer, group) in enumerate(zip(rows, owner, strict=True)):
        inputs = layer.input_shape[0] if layer.input_shape else rows[place - 1].channels
        out = number.get(group, -1)
        stores.append(
            Store(
                f"{layer.name}.weight",
                True,
                (layer.channels, inputs, *layer.kernel),
                (out, before, *(-1 for _ in layer.kernel)),
                4,
                1,
            )
        )
        positions = prod(layer.shape[1:]) if layer.kind == "conv" else 1
        costs.append(Row(layer.name, layer.kind, layer.channels, out, positions, 4, (place,), ((place, positions),)))
        before = out
    producers = tuple(
        Producer(layer.name, layer.channels, number.get(g, -1), (g,)) for layer, g in zip(rows, owner, strict=True)
    )
    return WidthGroups(
        "cifar_resnet20", (3, 32, 32), "9f31c2ab", tuple(groups), tuple(variables), lengths, tuple(stores),
        tuple(costs), producers, (),
    )  # fmt: skip


def width_events(
    layers: tuple[LayerSpec, ...], model: ModelSource, found: WidthGroups | None = None
) -> Iterator[Event]:
    """A finished run of width_groups, of made-up groups unless those of a real network are given."""
    text = to_bytes(found or description(layers))
    yield Started(Request("width_groups", model))
    yield Prepared("f" * 64, model="cifar_resnet20", weights_sha256="w")
    yield Declared(
        (Output("description", ("byte",), (text.size,), "uint8", "", "The description as JSON text"),), layers
    )
    yield Chunk("description", (), text)
    yield Finished(Outcome.COMPLETED)
