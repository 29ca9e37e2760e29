"""Channels of the selected layer: maps of the selected picture, what is dead or double, and what excites a channel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from analysis.config import LayerSpec
from analysis.problems import Problem
from analysis.request import ImageSource, Request
from app.drawing.map_grid import MapGrid, Tile
from app.drawing.map_image import MapScale
from app.forms.term_label import TermText
from app.panels.inspector_lists import ChannelLists
from app.panels.inspector_pictures import ExcitingPictures
from app.panels.inspector_second import SecondMaps
from app.panels.inspector_weights import WeightsSection
from app.reading import activation_reading as reading
from app.reading import channel_words, numbers
from app.reading.activation_reading import ChannelReading
from app.reading.depth import Floats
from app.theme import Theme
from app.workspace import Run, Workspace

FEW = 20
"""Maps that are shown before all are asked for."""
REST = 250
"""Milliseconds that a selection rests before it is measured by itself."""
NOISE = ImageSource("noise:1")
NAMES = {"Maps of picture": "activation_maps", "Values for picture": "activation_maps"}
"""Names in the title, and their terms in the glossary."""
CLICK = "Click for its filter and the pictures that excite it."
MARK_WORDS = {"dead": "dead: zero everywhere", "constant": "one value everywhere", "duplicate": "says the same as {}"}


class ChannelSection(QWidget):
    """Maps, lists, top pictures and filters of one layer."""

    help_wanted = Signal(str)

    def __init__(self, workspace: Workspace, theme: Theme) -> None:
        super().__init__()
        self.workspace, self.theme = workspace, theme
        self.layer: LayerSpec | None = None
        self._all_of = ""  # layer of which all maps are shown
        self._channel = -1  # the channel that is shown closely
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST)
        self._rest.timeout.connect(self._look)
        self._build()

    def _build(self) -> None:
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.note.setContentsMargins(12, 0, 12, 0)
        self.note.setProperty("role", "soft")
        self.title = TermText(self.theme, "heading", NAMES, within=True)
        self.title.setContentsMargins(12, 0, 12, 0)
        self.lists = ChannelLists(self.workspace, self.theme)
        self.lists.chosen.connect(self._choose)
        self.lists.all_wanted.connect(self._measure_all)
        self.pictures = ExcitingPictures(self.workspace, self.theme)
        self.grid = MapGrid(self.theme, "Activation maps")
        self.grid.chosen.connect(self._choose)
        self.more, self.measure = QPushButton(), QPushButton("Measure its activations")
        self.more.setProperty("role", "link")
        self.more.setAccessibleName("More or fewer activation maps")
        self.more.clicked.connect(self._show_more)
        self.measure.clicked.connect(self._measure)
        self.second = SecondMaps(self.workspace, self.theme)
        self.weights = WeightsSection(self.workspace, self.theme)
        self.weights.chosen.connect(self._choose)
        for part in (self.title, self.lists, self.pictures, self.weights):
            part.help_wanted.connect(self.help_wanted)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.title)
        column.addWidget(self.grid)
        column.addWidget(self.more, alignment=Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self.second)
        for widget in (self.note, self.lists, self.pictures):
            column.addWidget(widget)
        column.addWidget(self.weights)
        column.addWidget(self.measure, alignment=Qt.AlignmentFlag.AlignHCenter)

    # -- showing -----------------------------------------------------------------------------------------------------

    def show_layer(self, layer: LayerSpec | None) -> None:
        """Show another layer, None for none."""
        self.layer = layer
        self.setVisible(layer is not None)
        self.refresh()

    def refresh(self) -> None:
        """Show what is known of the layer now, and ask for what is missing."""
        layer, workspace = self.layer, self.workspace
        if layer is None:
            return
        sample = workspace.selection.sample
        overall = reading.find(workspace, layer, -1)
        single = reading.find(workspace, layer, sample) if sample >= 0 else overall
        one, known = _reading(single, layer), _reading(overall, layer)
        self._channel = self._shown_channel(one, known)
        self._show_maps(layer, one, known)
        self.lists.show_reading(layer, known)
        self.pictures.show_channel(layer, known, self._channel, self._class_of(self._channel, layer, known))
        self._show_weights(layer, known or one)
        self._say(overall, single)
        if self._missing():
            self._rest.start()

    def _shown_channel(self, single: ChannelReading | None, overall: ChannelReading | None) -> int:
        """Return the channel that is shown closely: the selected one, else the strongest; -1 for none."""
        channel, found = self.workspace.selection.channel, overall or single
        if channel >= 0 and (found is None or channel < found.channels):  # edits can have taken it away
            return channel
        maps = single.maps if single is not None else np.empty((0, 0, 0))
        if maps.size:
            return int(reading.order(maps)[0])
        means = overall.values("mean") if overall is not None and overall.known else np.empty(0)
        return int(np.nanargmax(np.abs(means))) if np.isfinite(means).any() else -1

    def _class_of(self, channel: int, layer: LayerSpec, known: ChannelReading | None) -> str:
        names = channel_words.output_names(self.workspace.layers, layer, known)
        return names[channel] if 0 <= channel < len(names) else ""

    def _show_weights(self, layer: LayerSpec, known: ChannelReading | None) -> None:
        channel = self._channel
        if self.workspace.images is None:  # and so no maps to choose a channel from
            known, channel = _reading(self._of_weights(layer), layer), max(channel, 0)
        self.weights.show_reading(layer, known, channel)

    def _show_maps(self, layer: LayerSpec, single: ChannelReading | None, overall: ChannelReading | None) -> None:
        maps = single.maps if single else np.empty((0, 0, 0))
        self.title.setVisible(bool(maps.size))
        self.grid.setVisible(bool(maps.size))
        self.more.hide()
        if single is None or not maps.size:
            self.second.show_nothing()
            return
        theirs = self.second.look_for(layer, single.picture)
        scale = MapScale.of(np.concatenate([maps.ravel(), theirs.ravel()]))
        ranked = reading.order(maps).tolist()
        shown = ranked if self._all_of == layer.name else ranked[:FEW]
        if self._channel in ranked and self._channel not in shown:
            shown = [*shown[:-1], self._channel]
        self.grid.show_tiles(self._tiles(layer, shown, maps, overall), scale)
        self.grid.select(self._channel)
        self.second.show_maps(tuple(tile.number for tile in self.grid.tiles), len(maps), scale, self._channel)
        self.title.say(channel_words.title(layer, single.picture, maps.shape[1:]))
        self.more.setText(f"Show all {len(ranked):,}" if len(shown) < len(ranked) else f"Show the {FEW} strongest")
        self.more.setVisible(len(ranked) > FEW)

    def _tiles(
        self, layer: LayerSpec, shown: list[int], maps: Floats, overall: ChannelReading | None
    ) -> tuple[Tile, ...]:
        """Make the tiles of some channels, with what is special about each."""
        marks = overall.marks() if overall and overall.known else [""] * len(maps)
        first = overall.values("duplicate_of") if overall else np.empty(0)
        names = channel_words.output_names(self.workspace.layers, layer, overall)
        return tuple(
            Tile(
                number,
                maps[number],
                marks[number],
                _tip(number, maps[number], marks[number], first, names[number] if names else ""),
                names[number] if names else "",
            )
            for number in shown
            if number < len(marks)
        )

    def _say(self, overall: Run | None, single: Run | None) -> None:
        waiting = [run for run in (single, overall) if run is not None and run.open]
        problems = [problem for request in self._requests() if (problem := self._problem(request)) is not None]
        if waiting:
            text = "Measuring …" if any(run.state == "running" for run in waiting) else "Waiting for the run before …"
        else:
            text = " ".join(dict.fromkeys(map(str, problems)))
        self.note.setText(text)
        self.note.setVisible(bool(text))
        offer = overall is None and not waiting and (not reading.look_size(self.workspace) or bool(text))
        offer = offer and all(problem.code != "layer" for problem in problems)  # asking again would fail again
        self.measure.setVisible(offer and self.workspace.images is not None and self.workspace.model is not None)

    # -- asking ------------------------------------------------------------------------------------------------------

    def _requests(self) -> list[Request]:
        """List what is not known: the maps of the picture, the statistics; without pictures, the weights."""
        layer, workspace = self.layer, self.workspace
        if layer is None:
            return []
        if workspace.images is None:
            return [] if self._of_weights(layer) else [_weights_request(workspace, layer)]
        sample, limit = workspace.selection.sample, reading.look_size(workspace)
        found = []
        if sample >= 0 and reading.find(workspace, layer, sample) is None:
            found.append(reading.look_request(workspace, layer, sample, 0))
        if limit and reading.find(workspace, layer, -1) is None:
            found.append(reading.look_request(workspace, layer, -1, limit))
        return found

    def _of_weights(self, layer: LayerSpec) -> Run | None:
        """Return the run that reads the weights of a layer where there are no pictures."""
        wanted = _weights_request(self.workspace, layer)
        states = ("queued", "running", "completed")
        return next((r for r in self.workspace.runs.values() if r.request == wanted and r.state in states), None)

    def _problem(self, request: Request) -> Problem | None:
        """Return why a look failed, None if it has not been taken."""
        runs = [run for run in self.workspace.runs.values() if run.request == request and run.state == "failed"]
        finished = runs[-1].result.finished if runs else None
        return finished.problem if finished is not None else None

    def _missing(self) -> list[Request]:
        """List what can be asked for now; what failed is not asked for again."""
        workspace = self.workspace
        if workspace.structure is None or not workspace.method(reading.METHOD) or not self.isVisible():
            return []
        return [request for request in self._requests() if self._problem(request) is None]

    def _look(self) -> None:
        """Ask quietly for what is missing."""
        for number in reading.outdated(self.workspace):
            self.workspace.remove_run(number)
        for request in self._missing():
            self.workspace.request_glance(request)

    def _measure_all(self) -> None:
        if self.layer is not None:
            self.workspace.request_run(reading.look_request(self.workspace, self.layer, -1, reading.ALL))

    def _measure(self) -> None:
        if self.layer is not None:
            self.workspace.request_run(reading.look_request(self.workspace, self.layer, -1, self.workspace.limit))

    def _choose(self, channel: int) -> None:
        self.workspace.select(replace(self.workspace.selection, channel=channel))

    def _show_more(self) -> None:
        """Show all maps of the layer, or the strongest ones again."""
        name = self.layer.name if self.layer else ""
        self._all_of = "" if self._all_of == name else name
        self.refresh()


def _reading(run: Run | None, layer: LayerSpec) -> ChannelReading | None:
    return reading.reading_of(run, layer) if run is not None else None


def _weights_request(workspace: Workspace, layer: LayerSpec) -> Request:
    """Make the request that reads the weights of a layer: they need no pictures, so that one of noise will do."""
    return replace(reading.look_request(workspace, layer, 0, 0), images=NOISE)


def _tip(number: int, values: Floats, mark: str, first: Floats, name: str) -> str:
    twin = int(first[number]) if mark == "duplicate" else -1
    words = MARK_WORDS[mark].format(twin) if mark else ""
    low, high, mean = (numbers.short(float(value)) for value in (values.min(), values.max(), values.mean()))
    said = high if values.size == 1 else f"{low} to {high}, mean {mean}"
    lines = [f"channel {number}{f', {name}' if name else ''}", said, words, CLICK]
    return "\n".join(line for line in lines if line)
