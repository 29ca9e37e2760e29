"""Weights of the selected layer: distribution, singular values, and the filter of the channel shown closely."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from analysis.config import LayerSpec
from app.drawing.map_grid import MapGrid, Tile
from app.drawing.map_image import MapScale
from app.drawing.small_bars import SmallBars
from app.forms.term_label import TermText
from app.panels.inspector_filters import COLOURS, ColourFilters, InputWeights, colour_filters, sees_colours
from app.reading import numbers
from app.reading.activation_reading import ChannelReading, find_second, reading_of, second_statistics
from app.reading.comparing import compared_run, counterpart, network_name
from app.reading.conditions import edit_words
from app.reading.depth import Floats, Ints
from app.reading.layer_comparison import second_layer
from app.theme import Theme
from app.workspace import Run, Workspace

TERMS_SHOWN = {
    "Filter of channel": "channel_filter",
    "Weights": "weight_count",
    "standard deviation": "weight_std",
    "zero": "weight_zeros",
    "Singular values of the weights": "weight_sigma",
}
"""Names in the titles, and their terms in the glossary."""
MOST_INPUTS = 40
"""Inputs of a filter that are shown."""
_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


class WeightsSection(QWidget):
    """Histogram and spectrum of the weights; filters of one channel."""

    help_wanted = Signal(str)
    chosen = Signal(int)
    """Number of a channel."""

    def __init__(self, workspace: Workspace, theme: Theme) -> None:
        super().__init__()
        self.workspace = workspace
        self._inputs: Ints = np.empty(0, dtype=np.int64)
        self._scale = MapScale.of(np.empty(0))
        self.filter_title, self.histogram_title, self.spectrum_title = (_named(theme) for _ in range(3))
        for title in (self.filter_title, self.histogram_title, self.spectrum_title):
            title.help_wanted.connect(self.help_wanted)
        self.filters = MapGrid(theme, "Filter of the channel", side=28, numbered=False, choosing=False)
        self.colours, self.inputs = ColourFilters(theme), InputWeights(theme)
        self.colours.chosen.connect(self.chosen)
        self.histogram = SmallBars(theme, "Histogram of the weights", "cost")
        self.spectrum = SmallBars(theme, "Singular values of the weights", "cost")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        self.second_title = _heading()
        self.second_filters = MapGrid(
            theme, "Filter of the network that is compared with", side=28, numbered=False, choosing=False
        )
        for widget in (
            self.filter_title, self.filters, self.inputs, self.second_title, self.second_filters, self.colours,
            self.histogram_title, self.histogram, self.spectrum_title, self.spectrum,
        ):  # fmt: skip
            column.addWidget(widget)

    def show_reading(self, layer: LayerSpec, found: ChannelReading | None, channel: int) -> None:
        """Show the weights of a layer, as far as they have been read."""
        self._show_filter(layer, found, channel)
        self._show_second_filter(layer, found, channel)
        self._show_inputs(layer, found, channel)
        self._show_colours(layer, found, channel)
        other = second_layer(self.workspace, layer)
        self._show_histogram(found, other)
        self._show_spectrum(layer, other)

    def _show_filter(self, layer: LayerSpec, found: ChannelReading | None, channel: int) -> None:
        kernels = found.filters(channel) if found else np.empty((0, 0, 0))
        count = len(kernels)
        shown = count > 0 and kernels[0].size > 1
        self.filter_title.setVisible(shown or count > 1)
        self.filters.setVisible(shown)
        inputs = f"{count:,} input{'s' if count != 1 else ''}"
        left_out = f", the {MOST_INPUTS} strongest" if shown and count > MOST_INPUTS else ""
        colours = count == len(COLOURS) and sees_colours(self.workspace.layers, layer)
        inputs = ", ".join(COLOURS) if colours else inputs
        self.filter_title.say(f"Filter of channel {channel}: {inputs}{left_out}")
        if not shown:
            return
        strongest = np.argsort(-np.abs(kernels).sum(axis=(1, 2)), kind="stable")[:MOST_INPUTS]
        places = np.sort(strongest)
        self._inputs, self._scale = places, MapScale.of(kernels)
        tips = COLOURS if colours else [f"from input {place}" for place in range(count)]
        tiles = tuple(Tile(int(place), kernels[place], "", tips[place]) for place in places)
        self.filters.show_tiles(tiles, self._scale)

    def _show_inputs(self, layer: LayerSpec, found: ChannelReading | None, channel: int) -> None:
        """Show the weights of a channel that has one for each input: 1×1 convolutions and linear layers."""
        kernels = found.filters(channel) if found else np.empty((0, 0, 0))
        shown = len(kernels) > 1 and kernels[0].size == 1
        self.inputs.setVisible(shown)
        if shown:
            theirs = second_statistics(self.workspace, layer)
            other = theirs.filters(channel) if theirs is not None else np.empty((0, 0, 0))
            fits = theirs is not None and found is not None and theirs.channels == found.channels
            fits = fits and other.shape == kernels.shape
            self.inputs.show_weights(kernels.ravel(), other.ravel() if fits else None, self._second_name)

    def _show_colours(self, layer: LayerSpec, found: ChannelReading | None, channel: int) -> None:
        """Show all filters of a layer that sees the colours of the picture."""
        sees = sees_colours(self.workspace.layers, layer)
        filters = colour_filters(found, found.channels) if found is not None and sees else ()
        self.colours.setVisible(bool(filters))
        if found is not None and filters:
            self.colours.show_filters(filters, found.channels, channel)

    def _show_second_filter(self, layer: LayerSpec, found: ChannelReading | None, channel: int) -> None:
        """Show the filter of the same channel in the network compared with: only of as many channels and inputs."""
        theirs = second_statistics(self.workspace, layer) if not self.filters.isHidden() else None
        same = theirs is not None and found is not None and theirs.channels == found.channels
        kernels = theirs.filters(channel) if theirs is not None and same else np.empty((0, 0, 0))
        shown = found is not None and kernels.size > 0 and len(kernels) == len(found.filters(channel))
        self.second_title.setVisible(shown)
        self.second_filters.setVisible(shown)
        if shown:
            self.second_title.setText(f"{self._second_name}: the same inputs, same scale")
            tiles = (Tile(int(place), kernels[place], "", f"from input {place}") for place in self._inputs)
            self.second_filters.show_tiles(tuple(tiles), self._scale)

    def _show_histogram(self, found: ChannelReading | None, other: LayerSpec | None) -> None:
        result = found.result if found else None
        counts = None
        if result is not None and found is not None and "weight_histogram" in result:
            counts = result["weight_histogram"][found.row]
        shown = counts is not None and bool(np.all(counts >= 0))
        self.histogram.setVisible(shown)
        self.histogram_title.setVisible(shown)
        if not shown or result is None or found is None or counts is None:
            return
        spread, zeros = float(result["weight_std"][found.row]), float(result["weight_zeros"][found.row])
        reach = float(result["weight_edges"][found.row, -1])
        zero_words = f", zero {numbers.percent(zeros)}" if zeros else ""
        theirs = self._second_histogram(other, len(counts), reach, float(counts.sum()))
        behind = f"; thin line: {self._second_name}" if theirs is not None else ""
        words = f"Weights: {int(counts.sum()):,}, standard deviation {numbers.short(spread)}{zero_words}"
        self.histogram_title.say(f"{words}{behind}")
        self.histogram.show_values(
            counts.astype(np.float64),
            (numbers.short(-reach), "0", numbers.short(reach)),
            "Number of weights per bin.",
            theirs,
        )

    @property
    def _second_name(self) -> str:
        run = compared_run(self.workspace)
        return network_name(run) if run is not None else ""

    def _second_histogram(self, other: LayerSpec | None, bins: int, reach: float, total: float) -> Floats | None:
        """Histogram of the second network in the same bins, as if it had as many weights; None if it is not known."""
        run = find_second(self.workspace, other, -1) if other is not None else None
        theirs = reading_of(run, other) if run is not None and other is not None else None
        if theirs is None or "weight_histogram" not in theirs.result:
            return None
        counts = np.asarray(theirs.result["weight_histogram"][theirs.row], dtype=np.float64)
        edges = np.asarray(theirs.result["weight_edges"][theirs.row], dtype=np.float64)
        if not np.all(counts >= 0) or not counts.sum() or not np.isfinite(edges).all():
            return None
        grown = np.interp(np.linspace(-reach, reach, bins + 1), edges, np.append(0.0, np.cumsum(counts)))
        return np.asarray(np.diff(grown) * total / counts.sum())

    def _show_spectrum(self, layer: LayerSpec, other: LayerSpec | None) -> None:
        run = self.workspace.latest("weight_spectrum")
        sigma = _singular_values(run, layer)
        second = counterpart(self.workspace, "weight_spectrum")
        theirs = _singular_values(second, other) if other is not None else np.empty(0)
        shown = sigma.size > 1
        self.spectrum.setVisible(shown)
        self.spectrum_title.setVisible(shown)
        if shown:
            behind = f"; thin line: {self._second_name}" if theirs.size > 1 else ""
            before = edit_words(run, self.workspace.edits) if run is not None else ""
            words = f"Singular values of the weights: {len(sigma)}{f', {before}' if before else ''}"
            self.spectrum_title.say(f"{words}{behind}")
            ends = (_sigma(1, sigma[0]), "", _sigma(len(sigma), sigma[-1]))
            about = "From the largest to the smallest; see the weight spectrum."
            self.spectrum.show_values(sigma, ends, about, theirs if theirs.size > 1 else None)


def _singular_values(run: Run | None, layer: LayerSpec) -> Floats:
    """Singular values of a layer's weights in a run, falling; empty if it has none."""
    names = run.result.names("layer") if run else ()
    if run is None or layer.name not in names or "singular_values" not in run.result:
        return np.empty(0)
    row = np.asarray(run.result["singular_values"][names.index(layer.name)], dtype=np.float64)
    return np.sort(row[np.isfinite(row)])[::-1]


def _named(theme: Theme) -> TermText:
    made = TermText(theme, "soft", TERMS_SHOWN, within=True)
    made.setContentsMargins(12, 6, 12, 0)
    return made


def _heading() -> QLabel:
    made = QLabel()
    made.setProperty("role", "soft")
    made.setWordWrap(True)
    made.setContentsMargins(12, 6, 12, 0)
    return made


def _sigma(number: int, value: float) -> str:
    return f"σ{str(number).translate(_LOWERED)} = {numbers.short(float(value))}"
