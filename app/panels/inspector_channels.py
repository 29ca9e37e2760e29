"""Channels of the selected layer: maps of the selected picture, what is dead or double, and what excites a channel."""

from __future__ import annotations

from dataclasses import replace
from html import escape

import numpy as np
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from analysis.config import LayerSpec
from analysis.problems import Problem
from analysis.request import ImageSource, Request
from app.browsing.thumbnails import Thumbnails
from app.drawing.map_grid import MapGrid, Tile
from app.drawing.map_image import MapScale
from app.drawing.picture_strip import PictureStrip, Thumb
from app.forms.term_label import TermText
from app.panels.inspector_second import SecondMaps
from app.panels.inspector_weights import WeightsSection
from app.reading import activation_reading as reading
from app.reading import numbers
from app.reading.activation_reading import ChannelReading
from app.theme import Theme
from app.workspace import Run, Workspace

FEW = 20
"""Maps that are shown before all are asked for."""
REST = 250
"""Milliseconds that a selection rests before it is measured by itself."""
NOISE = ImageSource("noise:1")
NAMES = {
    "Maps of picture": "activation_maps",
    "pictures that excite it most": "channel_pictures",
    "mean": "channel_mean",
    "largest": "channel_maximum",
    "above zero": "channel_positive_share",
    "Dead": "channel_dead",
    "Constant": "constant_channels",
    "Duplicates": "duplicate_channels",
}
"""Names in titles and lists, and their terms in the glossary."""
MARK_WORDS = {"dead": "dead: zero everywhere", "constant": "one value everywhere", "duplicate": "says the same as {}"}


class ChannelSection(QWidget):
    """Maps, lists, top pictures and filters of one layer."""

    help_wanted = Signal(str)

    def __init__(self, workspace: Workspace, theme: Theme) -> None:
        super().__init__()
        self.workspace, self.theme = workspace, theme
        self.layer: LayerSpec | None = None
        self._all_of = ""  # layer of which all maps are shown
        self._source: tuple[object, ...] = ()
        self.thumbnails = Thumbnails(self)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST)
        self._rest.timeout.connect(self._look)
        self._build()
        self.thumbnails.opened.connect(self.refresh)
        self.thumbnails.arrived.connect(self._show_channel)

    def _build(self) -> None:
        self.note, self.lists = _words("soft"), _words("")
        self.title, self.channel_title, self.channel_facts = (
            self._named(role) for role in ("heading", "heading", "soft")
        )
        self.lists.setTextFormat(Qt.TextFormat.RichText)
        self.lists.setTextInteractionFlags(Qt.TextInteractionFlag.LinksAccessibleByMouse)
        self.lists.linkActivated.connect(self._follow)
        self.grid = MapGrid(self.theme, "Activation maps")
        self.grid.chosen.connect(self._choose)
        self.more, self.measure = QPushButton(), QPushButton("Measure its activations")
        self.more.setProperty("role", "link")
        self.more.setAccessibleName("More or fewer activation maps")
        self.more.clicked.connect(self._show_all)
        self.measure.clicked.connect(self._measure)
        self.second = SecondMaps(self.workspace, self.theme)
        self.strip = PictureStrip(self.theme, "Pictures that excite the channel most")
        self.strip.chosen.connect(self.workspace.select_sample)
        self.weights = WeightsSection(self.workspace, self.theme)
        self.weights.help_wanted.connect(self.help_wanted)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.title)
        column.addWidget(self.grid)
        column.addWidget(self.more, alignment=Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self.second)
        for widget in (self.note, self.lists, self.channel_title, self.channel_facts, self.strip):
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
        self._show_maps(layer, _reading(single, layer), _reading(overall, layer))
        self._show_lists(_reading(overall, layer))
        self._show_channel()
        self._show_weights(layer, _reading(overall, layer) or _reading(single, layer))
        self._say(overall, single)
        if self._missing():
            self._rest.start()

    def _show_weights(self, layer: LayerSpec, known: ChannelReading | None) -> None:
        channel = self.workspace.selection.channel
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
        marks = overall.marks() if overall and overall.known else [""] * len(maps)
        first = overall.values("duplicate_of") if overall else np.empty(0)
        ranked = reading.order(maps).tolist()
        shown = ranked if self._all_of == layer.name else ranked[:FEW]
        channel = self.workspace.selection.channel
        if channel in ranked and channel not in shown:
            shown = [*shown[:-1], channel]
        tiles = tuple(
            Tile(number, maps[number], marks[number], _tip(number, maps[number], marks[number], first))
            for number in shown
            if number < len(marks)
        )
        self.grid.show_tiles(tiles, scale)
        self.grid.select(channel)
        self.second.show_maps(tuple(tile.number for tile in tiles), len(maps), scale, channel)
        high, wide = maps.shape[1:]
        reduced = "" if (high, wide) == layer.shape[1:] or high * wide == 1 else f", shown {high}×{wide}"
        self.title.say(f"Maps of picture #{single.picture}, strongest first{reduced}")
        self.more.setText(f"Show all {len(ranked)}")
        self.more.setVisible(len(shown) < len(ranked))

    def _show_lists(self, overall: ChannelReading | None) -> None:
        self.lists.setVisible(overall is not None and overall.known)
        if overall is None or not overall.known:
            return
        lines = []
        for mark, words in (("dead", "Dead"), ("constant", "Constant")):
            listed = overall.listed(mark)
            lines.append(f"{self.title.link(words)}: {_links(listed) if listed else 'none'}")
        groups = overall.groups()
        same = "; ".join(" = ".join(_link(channel) for channel in group) for group in groups[:12])
        more = f"; and {len(groups) - 12} more" if len(groups) > 12 else ""
        warned = {w.code: escape(w.text) for w in overall.result.warnings if self.layer and self.layer.name in w.items}
        lines.append(
            warned.pop("few_observations", f"{self.title.link('Duplicates')}: {same + more if groups else 'none'}")
        )
        lines += warned.values()
        lines += [escape(words)] if self.layer and (words := reading.second_counts(self.workspace, self.layer)) else []
        prepared = overall.result.prepared
        count = prepared.samples.count if prepared else 0
        soft = self.theme.color("text_soft").name()
        head = f'<span style="color:{soft}">Over {count:,} pictures</span><br>' if count else ""
        color = self.theme.readable("accent").name()
        self.lists.setText(head + "<br>".join(lines).replace('<a href="#', f'<a style="color:{color}" href="#'))
        self.lists.setToolTip(
            f"Dead: {overall.result.facts.get('dead channel', '')}\n"
            f"Constant: {overall.result.facts.get('constant channel', '')}\n"
            f"Duplicate: {overall.result.facts.get('duplicate channel', '')}"
        )

    def _show_channel(self) -> None:
        layer, channel = self.layer, self.workspace.selection.channel
        overall = _reading(reading.find(self.workspace, layer, -1), layer) if layer else None
        known = overall is not None and overall.known and 0 <= channel < overall.channels
        for widget in (self.channel_title, self.channel_facts, self.strip):
            widget.setVisible(known)
        if not known or overall is None:
            return
        self.channel_title.say(f"Channel {channel}: pictures that excite it most")
        mean, high, share = (float(overall.values(name)[channel]) for name in ("mean", "maximum", "positive_share"))
        text = f"mean {_short(mean)} · largest {_short(high)} · above zero at {numbers.percent(share)} of positions"
        self.channel_facts.say(text)
        top = overall.top(channel)
        self._open_source()
        self.thumbnails.want([place for place, _ in top])
        thumbs = tuple(
            Thumb(place, _short(value), f"#{place}: largest activation {value:g}", self.thumbnails.get(place))
            for place, value in top
        )
        self.strip.show_thumbs(thumbs, self.workspace.selection.sample)

    def _open_source(self) -> None:
        images, layers = self.workspace.images, self.workspace.layers
        shape = next((layer.shape for layer in layers if layer.kind == "input"), (3, 32, 32))
        source = (images, shape)
        if images is not None and source != self._source:
            self._source = source
            self.thumbnails.open(images.location, shape)

    def _say(self, overall: Run | None, single: Run | None) -> None:
        waiting = [run for run in (single, overall) if run is not None and run.open]
        failed = [str(self._problem(request) or "") for request in self._requests()]
        if waiting:
            text = "Measuring …" if any(run.state == "running" for run in waiting) else "Waiting for the run before …"
        else:
            text = " ".join(dict.fromkeys(filter(None, failed)))
        self.note.setText(text)
        self.note.setVisible(bool(text))
        offer = overall is None and not waiting and (not reading.look_size(self.workspace) or bool(text))
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

    def _measure(self) -> None:
        if self.layer is not None:
            self.workspace.request_run(reading.look_request(self.workspace, self.layer, -1, self.workspace.limit))

    def _follow(self, link: str) -> None:
        """Choose the channel that was clicked, or open the definition of the name."""
        if link.startswith("#"):
            self._choose(int(link[1:]))
        else:
            self.help_wanted.emit(link)

    def _named(self, role: str) -> TermText:
        made = TermText(self.theme, role, NAMES, within=True)
        made.setContentsMargins(12, 0, 12, 0)
        made.help_wanted.connect(self.help_wanted)
        return made

    def _choose(self, channel: int) -> None:
        self.workspace.select(replace(self.workspace.selection, channel=channel))

    def _show_all(self) -> None:
        self._all_of = self.layer.name if self.layer else ""
        self.refresh()


def _reading(run: Run | None, layer: LayerSpec) -> ChannelReading | None:
    return reading.reading_of(run, layer) if run is not None else None


def _words(role: str) -> QLabel:
    made = QLabel()
    made.setWordWrap(True)
    made.setContentsMargins(12, 0, 12, 0)
    if role:
        made.setProperty("role", role)
    return made


def _short(value: float) -> str:
    if value == 0 or not abs(value) < 0.01:
        return numbers.short(value)
    return ("−" if value < 0 else "") + numbers.scientific(abs(value))


def _weights_request(workspace: Workspace, layer: LayerSpec) -> Request:
    """Make the request that reads the weights of a layer: they need no pictures, so that one of noise will do."""
    return replace(reading.look_request(workspace, layer, 0, 0), images=NOISE)


def _link(channel: int) -> str:
    return f'<a href="#{channel}">{channel}</a>'


def _links(channels: tuple[int, ...], most: int = 24) -> str:
    text = ", ".join(_link(channel) for channel in channels[:most])
    return f"{text} and {len(channels) - most} more" if len(channels) > most else text


def _tip(number: int, values: np.ndarray, mark: str, first: np.ndarray) -> str:
    twin = int(first[number]) if mark == "duplicate" else -1
    words = MARK_WORDS[mark].format(twin) if mark else ""
    lines = [f"channel {number}", f"{values.min():.4g} to {values.max():.4g}, mean {values.mean():.4g}", words]
    return "\n".join(line for line in lines if line)
