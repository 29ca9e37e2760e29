"""Words for the channels of a layer: what their maps are of, and which classes the channels of the last layer are."""

from __future__ import annotations

from analysis.config import LayerSpec
from app.reading import numbers
from app.reading.activation_reading import ChannelReading
from app.workspace import Workspace


def title(layer: LayerSpec, picture: int, size: tuple[int, ...]) -> str:
    """Say what the maps of a picture are: single values, or maps that are shown smaller than they are."""
    if len(layer.shape) == 2:
        return f"Values for picture #{picture}, means over {layer.shape[0]:,} tokens, strongest first"
    if layer.positions == 1:
        return f"Values for picture #{picture}, strongest first"
    reduced = "" if size == layer.shape[1:] else f", shown {numbers.shape(size)}"
    return f"Maps of picture #{picture}, strongest first{reduced}"


def output_names(layers: tuple[LayerSpec, ...], layer: LayerSpec, found: ChannelReading | None) -> tuple[str, ...]:
    """Names of the classes that the channels of the last layer stand for; empty for other layers or without names."""
    prepared = found.result.prepared if found is not None else None
    if prepared is None or len(layer.shape) != 1 or layer not in layers:
        return ()
    behind = layers[layers.index(layer) + 1 :]
    names = prepared.samples.classes
    fits = len(names) == layer.channels and all(row.kind == "activation" for row in behind)
    return names if fits else ()


def width(workspace: Workspace, layer: LayerSpec) -> int:
    """Return the number of channels of a layer, on whichever axis they are; 0 where they are not known."""
    structure, layers = workspace.structure, workspace.layers
    if structure is None or "width" not in structure or layer not in layers:
        return layer.channels
    return int(structure["width"][layers.index(layer)])


def extent(layer: LayerSpec, channels: int) -> str:
    """Say how many channels a layer has, and how many tokens: "768 channels, 197 tokens"; "" without channels."""
    tokens = f", {layer.shape[0]:,} tokens" if len(layer.shape) == 2 and layer.shape[1] == channels else ""
    return f"{channels:,} channels{tokens}" if channels else ""
