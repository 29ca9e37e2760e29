"""A blueprint of a network: what of a recorded forward pass decides sizes of maps, and where geometry can be chosen.

Plain data, as the method `switch_points` hands it out. Free of torch.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.measures.configurations import Pair, SwitchPoint
from analysis.problems import AnalysisError
from analysis.records import RecordError, from_plain, to_plain

NO_MAP: Pair = (0, 0)
ONES: Pair = (1, 1)


@dataclass(frozen=True, slots=True)
class Node:
    """One operation, as far as it shapes a map.

    Attributes
    ----------
    name
        Row of a layer, else the operation.
    kind
        "input"; "conv", "transposed", "linear"; "pool"; "slice" for every n-th sample; "pad"; "fixed" where the output
        has a size of its own; "mean" over positions; "flat" where positions become features; "keep" where sizes stay;
        "other" for what is not understood, which is right as long as its inputs keep their sizes.
    inputs
        Numbers of the operations that it reads.
    map
        (height, width) of its output in the network as it is, (0, 0) for none.
    kernel, stride, dilation
        Per axis, (rows, columns).
    near, far
        Padding before and after, per axis.
    mode
        "same" where padding follows the map, "reflect" where it needs a larger map, "ceil" for pools that round up,
        "square" for a mean over all positions that takes the sides of the map for one.
    unit
        Multiply-adds per position and kernel element of a convolution; of the whole layer for a linear one.
    """

    name: str
    kind: str
    inputs: tuple[int, ...] = ()
    map: Pair = NO_MAP
    kernel: Pair = ONES
    stride: Pair = ONES
    dilation: Pair = ONES
    near: Pair = NO_MAP
    far: Pair = NO_MAP
    mode: str = ""
    unit: int = 0


@dataclass(frozen=True, slots=True)
class Join:
    """A residual sum.

    Attributes
    ----------
    node, source
        The sum, and where its sides part (-1 if that has no number).
    convs
        For each argument, the convolutions that only it passes.
    reducers
        For each argument, the operation that reduces its map if it is the shortcut, -1 for none.
    kinds
        What that operation is: "project", "pool", "slice" or "".
    """

    node: int
    source: int
    convs: tuple[tuple[int, ...], tuple[int, ...]]
    reducers: Pair
    kinds: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Offer:
    """An option of a layer.

    Attributes
    ----------
    word
        Such as "dil2".
    locked
        Why it is not possible there, "" if it is.
    """

    word: str
    locked: str = ""


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution, and what can be chosen there.

    Attributes
    ----------
    point
        Its geometry in the network as it is.
    node, carrier
        The convolution, and the one that carries the stride of its branch (nearly always itself).
    padding, groups, channels
        Padding per axis; groups; (inputs, outputs).
    offers
        All options, legal or not.
    """

    point: SwitchPoint
    node: int
    carrier: int
    padding: Pair
    groups: int
    channels: Pair
    offers: tuple[Offer, ...] = ()


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What decides sizes and costs of a network.

    Attributes
    ----------
    nodes
        In order of execution; the first is the input.
    joins, layers
        Residual sums; convolutions of two dimensions.
    last
        The convolution whose map is the last map.
    usual
        Names of the layers that are switched by default.
    """

    nodes: tuple[Node, ...]
    joins: tuple[Join, ...]
    layers: tuple[Layer, ...]
    last: int
    usual: tuple[str, ...] = ()

    def layer(self, name: str) -> Layer | None:
        """Return a layer by name, None if there is no such convolution."""
        return next((layer for layer in self.layers if layer.point.name == name), None)


def to_bytes(blueprint: Blueprint) -> NDArray[np.uint8]:
    """Write a blueprint as JSON text, axes (byte,): the form in which the method `switch_points` hands it out."""
    return np.frombuffer(json.dumps(to_plain(blueprint), separators=(",", ":")).encode(), dtype=np.uint8)


def from_bytes(text: NDArray[np.uint8]) -> Blueprint:
    """Read what :func:`to_bytes` wrote.

    Raises
    ------
    AnalysisError
        If it is something else, or has not arrived in full.
    """
    try:
        return from_plain(Blueprint, json.loads(np.asarray(text, dtype=np.uint8).tobytes()), "blueprint")
    except (ValueError, RecordError):
        raise AnalysisError("This is no description of switch points.", "Run switch_points anew.") from None
