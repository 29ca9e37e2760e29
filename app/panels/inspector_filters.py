"""Filters that are no grid of small maps: one weight for each input, and filters on colours."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from analysis.config import LayerSpec
from app.drawing.map_grid import MapGrid, Tile
from app.drawing.signed_bars import SignedBars
from app.forms.widgets import label
from app.reading import numbers
from app.reading.activation_reading import ChannelReading
from app.reading.depth import Floats
from app.theme import Theme

FEW = 3
"""Inputs that are named as the strongest."""
MOST_FILTERS = 64
COLOURS = ("red", "green", "blue")
"""What the inputs of the first layer are."""


class InputWeights(QWidget):
    """The weights of one channel that has a single weight for each input, and which inputs are the strongest."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.bars = SignedBars(theme, "Weight for each input")
        self.words = _words("Strongest inputs of the channel")
        _fill(self, self.bars, self.words)

    def show_weights(self, weights: Floats, theirs: Floats | None, second: str) -> None:
        """Show other weights.

        Parameters
        ----------
        weights, theirs
            (input,) of the channel, here and in the network that is compared with; None if they are not known.
        second
            Name of that network.
        """
        self.bars.show_values(weights, theirs, second)
        strongest = np.argsort(-np.abs(weights), kind="stable")[:FEW].tolist()
        named = ", ".join(f"{place} ({numbers.short(float(weights[place]))})" for place in strongest)
        behind = f"; line: {second}" if theirs is not None else ""
        self.words.setText(f"Strongest inputs: {named}{behind}")


class ColourFilters(QWidget):
    """All filters of a layer that sees the colours of the picture, each as a small picture; a click chooses one."""

    chosen = Signal(int)
    """Number of a channel."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.words = _words("Filters of all channels")
        self.grid = MapGrid(theme, "Filters of all channels as colours", side=28, numbered=False)
        self.grid.chosen.connect(self.chosen)
        _fill(self, self.words, self.grid)

    def show_filters(self, filters: tuple[Floats, ...], channels: int, channel: int) -> None:
        """Show other filters.

        Parameters
        ----------
        filters
            Those of the first channels, each (red, green and blue; y; x).
        channels
            Number of all channels.
        channel
            The one that is framed.
        """
        which = f"the first {len(filters)} of {channels:,}" if len(filters) < channels else f"all {channels}"
        self.words.setText(f"Filters of {which} channels as colours; grey is zero")
        reach = max((float(np.abs(kernel).max(initial=0.0)) for kernel in filters), default=0.0) or 1.0
        tiles = (Tile(k, 0.5 + kernel / (2 * reach), "", f"channel {k}") for k, kernel in enumerate(filters))
        self.grid.show_tiles(tuple(tiles), None)
        self.grid.select(channel)


def sees_colours(layers: tuple[LayerSpec, ...], layer: LayerSpec) -> bool:
    """Tell whether a layer is a convolution over the red, green and blue of the picture itself."""
    picture = layers[0].shape if layers and layers[0].kind == "input" else ()
    return layer.kind == "conv" and len(picture) == 3 and picture[0] == 3 and layer.input_shape == picture


def colour_filters(found: ChannelReading, channels: int) -> tuple[Floats, ...]:
    """Return the filters of the first channels, each (red, green and blue; y; x); empty if they have no extent."""
    filters = tuple(found.filters(channel) for channel in range(min(channels, MOST_FILTERS)))
    fine = bool(filters) and all(len(kernel) == 3 and kernel[0].size > 1 for kernel in filters)
    return filters if fine else ()


def _words(name: str) -> QLabel:
    made = label("", "soft", wrap=True)
    made.setContentsMargins(12, 0, 12, 0)
    made.setAccessibleName(name)
    return made


def _fill(widget: QWidget, *parts: QWidget) -> None:
    column = QVBoxLayout(widget)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(4)
    for part in parts:
        column.addWidget(part)
