"""Which layers stand in the width profile: every one, those with a handle, or what leaves each block. No widgets."""

from __future__ import annotations

from dataclasses import dataclass, replace

from analysis.config import LayerSpec
from app.reading.width_reading import WidthReading

MODES = (("layers", "every layer"), ("groups", "one per group"), ("blocks", "blocks"))
"""Values and words of the choice."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What stands on the x axis.

    Attributes
    ----------
    columns
        Columns of the reading, from left to right.
    rows
        A row for each of them; in blocks its name is that of the block.
    """

    columns: tuple[int, ...]
    rows: tuple[LayerSpec, ...]


def columns_of(reading: WidthReading, layers: tuple[LayerSpec, ...], mode: str) -> Columns:
    """Choose the columns.

    Parameters
    ----------
    reading, layers
        The width groups and the rows of the network in call order.
    mode
        One of :data:`MODES`. A block has the width of the last layer in it that has as many channels as the block puts
        out; layers outside of blocks are left out, unless there is no block.
    """
    by_name = {layer.name: layer for layer in layers}
    every = tuple(range(len(reading.names)))
    names = {column: reading.names[column] for column in every}
    if mode == "groups":
        handled = {reading.pieces[index].column for index in reading.handles.values()}
        every = tuple(column for column in every if column in handled)
    elif mode == "blocks":
        names = _block_columns(reading, layers)
        every = tuple(sorted(names))
    rows = []
    for column in every:
        layer = reading.names[column]
        spec = by_name.get(layer, LayerSpec(layer, "conv", layer))
        rows.append(replace(spec, name=names[column], kind="conv", same_as=""))
    return Columns(every, tuple(rows))


def _block_columns(reading: WidthReading, layers: tuple[LayerSpec, ...]) -> dict[int, str]:
    """Find the column of every block and of every layer outside: column to its name."""
    by_name = {layer.name: layer for layer in layers}
    puts_out = {layer.name: layer.channels for layer in layers if layer.kind == "block"}
    chosen: dict[str, int] = {}
    for column, name in enumerate(reading.names):
        layer = by_name.get(name)
        block = layer.block if layer is not None and layer.block else name
        fits = layer is not None and puts_out.get(block, layer.channels) == layer.channels
        before = chosen.get(block)
        if before is None or fits or not _fits(reading.names[before], by_name, puts_out, block):
            chosen[block] = column
    blocks = {layer.block for layer in layers if layer.block} & set(chosen)
    return {column: block for block, column in chosen.items() if not blocks or block in blocks}


def _fits(name: str, by_name: dict[str, LayerSpec], puts_out: dict[str, int], block: str) -> bool:
    return name in by_name and by_name[name].channels == puts_out.get(block)
