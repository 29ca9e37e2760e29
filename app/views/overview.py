"""The overview: every measurement of a network as tracks over its depth, with one crosshair through all of them."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QHBoxLayout, QMenu, QToolButton, QVBoxLayout

from analysis.catalogue import Value
from analysis.figures import FigureSpec
from app.drawing.lanes import Lane
from app.drawing.legend import Key, Legend
from app.drawing.readout import Entry, Line, Readout
from app.drawing.tracks import TrackStack
from app.forms import menus
from app.forms.head import Head
from app.forms.offer import Offer
from app.forms.segments import Segments
from app.reading import conditions, edited_rows, numbers
from app.reading.comparing import Compared, compared_run, shown_layers
from app.reading.depth import EMPTY_AXIS, LAYER_KINDS, MODES, DepthAxis, Floats, depth_axis, shown_name
from app.reading.figure_comparison import run_of
from app.reading.measurements import (
    NOT_APPLICABLE,
    POINT,
    STATE_TEXTS,
    VALUE,
    ZERO,
    Metric,
    Values,
    available,
    fold,
    read,
    source,
)
from app.reading.network_size import size_of
from app.reading.second_size import second_words
from app.reading.track_list import Track, TrackList
from app.theme import Theme
from app.views.base import View, duration_words, menu_button
from app.weights import place_of
from app.workspace import Run, Workspace

KINDS = {
    "layers": LAYER_KINDS,
    "activations": (*LAYER_KINDS, "activation"),
    "points": (*LAYER_KINDS, "activation", "branch", "block"),
}
KIND_WORDS = {
    "layers": "Convolutions and linear layers",
    "activations": "Activations as well",
    "points": "All points, with branches and blocks",
}
HINT = "Click selects a layer · drag pans, wheel zooms · shift and drag restricts every view to a range"


class Overview(View):
    """Tracks over the depth of the open network."""

    def __init__(self, workspace: Workspace, theme: Theme) -> None:
        super().__init__(workspace, theme, "Overview")
        self.tracks = TrackList()
        self.rows = "layers"
        self.axis: DepthAxis = EMPTY_AXIS
        self.metrics: dict[str, Metric] = {}
        self._axis_key: tuple[int, str, str] = (0, "", "")
        self._shown: dict[str, Values] = {}
        self._tops: dict[str, float] = {}
        self._compared: Compared | None = None
        self._widths: tuple[float, ...] = ()
        self._wanted = ""
        self._build()

    def _build(self) -> None:
        self.title = Line(self.theme, "text")
        self.mode = Segments(tuple((mode, mode) for mode in MODES), "X axis")
        self.mode.chosen.connect(self._mode_chosen)
        self.span_chip = QToolButton()
        self.span_chip.setToolTip("Show all layers in every view again")
        self.span_chip.clicked.connect(self._clear_span)
        self.tracks_menu = QMenu(self)
        self.tracks_menu.aboutToShow.connect(self._fill_tracks_menu)
        self.stack = TrackStack(self.theme, "Tracks over depth")
        self.readout, self.legend = Readout(self.theme), Legend(self.theme)
        self.readout.set_hint(HINT)
        self.readout.help_wanted.connect(self.help_wanted)
        self.facts = Line(self.theme)
        self.offer = Offer()
        self.offer.pressed.connect(self.fill)
        self.head = Head(self.title, self.span_chip, self.mode, menu_button("Tracks", self.tracks_menu))
        footer = QHBoxLayout()
        footer.setContentsMargins(8, 0, 8, 4)
        footer.addWidget(self.facts, 1)
        footer.addWidget(self.legend)
        layout = QVBoxLayout(self.content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.head)
        layout.addWidget(self.stack, 1)
        layout.addWidget(self.readout)
        layout.addLayout(footer)
        layout.addWidget(self.offer)
        self._connect()

    def _connect(self) -> None:
        stack = self.stack
        stack.slot_clicked.connect(self._clicked)
        stack.slot_opened.connect(lambda _slot: self.view_wanted.emit("rank"))
        stack.slot_hovered.connect(lambda _slot: self._show_readout())
        stack.brushed.connect(self._brushed)
        stack.stepped.connect(self._stepped)
        stack.arranged.connect(self._arranged)
        stack.menu_wanted.connect(self._show_menu)

    # -- showing -----------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show the tracks of what is open."""
        workspace = self.workspace
        if not workspace.layers:
            self._show_why_empty()
            return
        self.show_content()
        self._take_axis()
        self.metrics = {metric.key: metric for metric in available(workspace)}
        if self.tracks.adopt(tuple(self.metrics.values())):
            self.readout.reset()
        compared = compared_run(workspace)
        self._compared = Compared(workspace, compared, self.axis, KINDS[self.rows]) if compared else None
        lanes = [
            self._lane(track, self.metrics[track.key]) for track in self.tracks.tracks if track.key in self.metrics
        ]
        self._shown = {key: values for key, values in self._shown.items() if key in self.tracks}
        self.stack.show_lanes(self.axis, lanes)
        self._show_selection()
        self._show_words(lanes)

    def _show_why_empty(self) -> None:
        workspace = self.workspace
        if workspace.model_problem is not None:
            self.show_empty(str(workspace.model_problem))
        elif workspace.loading is not None:
            self.show_empty("Reading the structure of the network …")
        else:
            self.show_empty(
                "The overview shows every measurement of a network over its depth: how wide it is, what it costs, and "
                "how much of it is used. It needs a network.",
                "Open the demo",
            )
            self._wanted = "open_demo"

    def _take_axis(self) -> None:
        layers = self.workspace.layers
        key = (id(layers), self.mode.value, self.rows)
        if key != self._axis_key:
            self._axis_key = key
            self.axis = depth_axis(layers, self.mode.value, KINDS[self.rows])
            self._tops.clear()
            widths = sorted(set(self._slot_widths().tolist()))
            self._widths = tuple(widths) if len(widths) <= 6 else ()

    def _lane(self, track: Track, metric: Metric) -> Lane:
        run = source(self.workspace, metric)
        # Beside another network an edited one has its own widths and costs; alone they stand behind those before.
        rows = shown_layers(self.workspace) if self._compared else self.axis.layers
        known = read(metric, rows, run.result if run else None, self.workspace.shown_weights)
        values = fold(self.axis, known, metric.combine)
        self._shown[track.key] = values
        lane = Lane(
            key=track.key,
            title=metric.title,
            unit=metric.unit,
            hue=metric.hue,
            values=values.values,
            states=values.states,
            low=values.low,
            high=values.high,
            ceiling=self._ceiling(metric, run),
            reach=self._reach(metric, values),
            outline=self._outline(metric),
            log=track.log,
            weight=track.weight,
            hint=metric.definition,
            page=metric.page,
            levels=self._widths if metric.ceiling == "width" or metric.key == "structure.width" else (),
            of_width=metric.ceiling == "width",
        )
        lane.fit(1.0 if metric.ceiling == "one" else None)
        if run is not None and run.open:
            # While values arrive, the axis may only grow: a scale that jumps back and forth cannot be read.
            lane.top = max(lane.top, self._tops.get(track.key, 0.0))
        self._tops[track.key] = lane.top
        return lane

    def _outline(self, metric: Metric) -> tuple[Floats, float, Floats] | None:
        """Return the outline of the network compared with; without one, of the network as it is edited."""
        if self._compared:
            return self._compared.outline(metric)
        return edited_rows.outline(self.workspace, self.axis, metric)

    def _ceiling(self, metric: Metric, run: Run | None) -> Floats | None:
        if metric.ceiling == "width":
            widths = self._slot_widths()
        elif metric.ceiling == "one" or not metric.ceiling or run is None or metric.ceiling not in run.result:
            return None
        else:
            of_run = next(m for m in self.metrics.values() if m.method == metric.method and m.output == metric.ceiling)
            widths = fold(
                self.axis, read(of_run, self.axis.layers, run.result, self.workspace.shown_weights), "last"
            ).values
        measured = self._shown[metric.key].states <= ZERO
        return np.where(measured, widths, np.nan)

    def _reach(self, metric: Metric, values: Values) -> Floats | None:
        """Widths of all places that will be measured, so that the axis is right from the first value on."""
        if metric.ceiling != "width":
            return None
        return np.where(values.states == NOT_APPLICABLE, np.nan, self._slot_widths())

    def _slot_widths(self) -> Floats:
        return np.array([float(self.axis.layers[slot.rows[-1]].channels) for slot in self.axis.slots])

    def _show_selection(self) -> None:
        names = self.workspace.selection.layers
        slots = tuple(dict.fromkeys(slot for slot in map(self.axis.slot_of, names) if slot >= 0))
        self.stack.set_selected(slots)
        if slots:
            self.stack.bring_into_view(slots[-1])
        span = self.workspace.span
        self.stack.set_span(self.axis.slots_of_span(span) if span else None)
        self.span_chip.setVisible(span is not None)
        if span:
            self.span_chip.setText(f"{span[1] - span[0] + 1} of {len(self.axis.layers)} rows  ✕")
        self._show_readout()

    def _show_words(self, lanes: list[Lane]) -> None:
        states = sorted({int(state) for lane in lanes for state in np.unique(lane.states)} - {VALUE})
        name = self._compared.name if self._compared else edited_rows.NAME
        drawn = self._compared is not None or any(lane.outline is not None for lane in lanes)
        outline = (Key("frame", name, self.theme.color("outline")),) if drawn else ()
        self.legend.show_keys(outline, tuple(states))
        runs = {id(run): run for lane in lanes if (run := source(self.workspace, self.metrics[lane.key])) is not None}
        texts = [text for run in runs.values() if (text := self._facts(run))]
        edits = self.workspace.edits
        details = [
            "\n".join((run.name, *conditions.badges(run, edits), conditions.details(run.result)))
            for run in runs.values()
        ]
        self.facts.say(" · ".join(texts), "\n\n".join(details))
        self.title.say(self._summary())
        self._make_offer()

    def _summary(self) -> str:
        layers = self.workspace.layers
        count = sum(layer.kind in ("conv", "linear") for layer in layers)
        size = size_of(self.workspace)
        words = f"{count} layers · {size.words}"
        return " · ".join(part for part in (words, second_words(self.workspace)) if part)

    def _facts(self, run: Run) -> str:
        title = next((info.title for info in self.workspace.methods if info.name == run.request.method), "")
        # Badges come first: what does not fit is left out from the end.
        parts = [conditions.progress(run), *conditions.badges(run, self.workspace.edits), *conditions.words(run.result)]
        words = " · ".join(part for part in parts if part)
        return f"{title or run.request.method.replace('_', ' ')}: {words}" if words else ""

    def _make_offer(self) -> None:
        workspace = self.workspace
        running = any(run.open and run.request.method == "feature_rank" for run in workspace.runs.values())
        if running or workspace.latest("feature_rank") is not None:
            self.offer.hide()
            return
        sentence = "Feature rank shows how many directions of each layer's width the pictures really use."
        self._wanted = "choose_images" if workspace.images is None else "feature_rank"
        self.offer.say(sentence, "Choose pictures…" if workspace.images is None else "Measure feature rank")
        self.offer.setToolTip("" if workspace.images is None else duration_words(workspace, "feature_rank"))
        self.offer.show()

    def fill(self) -> None:
        """Get what is missing: the demo, pictures, or a measurement of the feature rank."""
        if self._wanted == "feature_rank":
            self.workspace.request_run(self.workspace.new_request("feature_rank"))
        elif self._wanted:
            self.action_wanted.emit(self._wanted)

    # -- the crosshair -----------------------------------------------------------------------------------------------

    def _show_readout(self) -> None:
        slot = self.stack.hovered_slot
        if slot < 0:
            slot = self.axis.slot_of(self.workspace.selection.layer)
        if not 0 <= slot < len(self.axis.slots):
            self.readout.show_entries("", ())
            return
        entries = tuple(self._entry(lane, slot) for lane in self.stack.lanes if lane.key in self._shown)
        self.readout.show_entries(shown_name(self.axis.slots[slot].name), entries)

    def _entry(self, lane: Lane, slot: int) -> Entry:
        values, metric = self._shown[lane.key], self.metrics[lane.key]
        state, value = int(values.states[slot]), float(values.values[slot])
        unit = "" if metric.unit in ("channels", "directions", metric.title) else metric.unit
        if state != VALUE:
            text = STATE_TEXTS[state]
        elif values.low is not None and values.high is not None and metric.unit not in ("MACs",):
            text = numbers.interval(value, float(values.low[slot]), float(values.high[slot]), unit)
        else:
            text = numbers.with_unit(value, unit)
        if lane.outline is not None and self.axis.mode != "depth":
            other = float(lane.outline[2][slot])
            text += f" (outline {numbers.with_unit(other, unit)})" if other == other else ""
        exact = numbers.exact(value, metric.unit) if state == VALUE else STATE_TEXTS[state]
        return Entry(lane.title, text, lane.hue, f"{exact}\n{metric.definition}", page=metric.page)

    # -- gestures ----------------------------------------------------------------------------------------------------

    def _clicked(self, slot: int, extend: bool) -> None:
        self.workspace.select_layer(self.axis.layers[self.axis.slots[slot].rows[-1]].name, extend)

    def _stepped(self, step: int, extend: bool) -> None:
        if self.axis.slots:
            current = self.axis.slot_of(self.workspace.selection.layer)
            slot = min(len(self.axis.slots) - 1, max(0, current + step))
            self._clicked(slot, extend)

    def _brushed(self, slots: tuple[int, int]) -> None:
        everything = slots == (0, len(self.axis.slots) - 1)
        self.workspace.set_span(None if everything else self.axis.rows_of_slots(*slots))

    def _clear_span(self) -> None:
        self.workspace.set_span(None)

    def _arranged(self) -> None:
        self.tracks.arrange([(lane.key, lane.weight) for lane in self.stack.lanes])
        self.state_changed.emit()

    def _mode_chosen(self, _mode: str) -> None:
        self.state_changed.emit()
        self.invalidate()

    def choose_rows(self, rows: str) -> None:
        """Choose which kinds of rows have a place on the axis: a key of :data:`KINDS`."""
        self.rows = rows
        self.state_changed.emit()
        self.invalidate()

    def toggle_track(self, key: str) -> None:
        """Show a track or take it away."""
        self.tracks.toggle(key)
        self.readout.reset()
        self.state_changed.emit()
        self.invalidate()

    # -- menus -------------------------------------------------------------------------------------------------------

    def _fill_tracks_menu(self) -> None:
        menus.fill_metrics(self.tracks_menu, self.workspace, self.metrics, self.tracks.__contains__, self.toggle_track)
        self.tracks_menu.addSection("Places on the axis")
        for rows, words in KIND_WORDS.items():
            menus.add_choice(self.tracks_menu, words, rows == self.rows, partial(self.choose_rows, rows))

    def _show_menu(self, place: QPoint, lane: int) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if 0 <= lane < len(self.stack.lanes):
            self._add_lane_actions(menu, self.stack.lanes[lane].key)
            menu.addSeparator()
        menu.addAction("Show the whole depth", self.stack.go_home)
        clear = menu.addAction("Show all layers in every view", self._clear_span)
        clear.setEnabled(self.workspace.span is not None)
        menu.popup(place)

    def _add_lane_actions(self, menu: QMenu, key: str) -> None:
        track = next(track for track in self.tracks.tracks if track.key == key)
        menu.addSection(self.metrics[key].title)
        menus.add_choice(menu, "Powers of ten", track.log, partial(self._set_log, track, not track.log))
        menu.addAction("Move up", partial(self._move, key, -1))
        menu.addAction("Move down", partial(self._move, key, 1))
        menu.addAction("Hide", partial(self.toggle_track, key))
        menu.addAction("What is this?", partial(self.help_wanted.emit, self.metrics[key].page))

    def _set_log(self, track: Track, log: bool) -> None:
        track.log = log
        self.state_changed.emit()
        self.invalidate()

    def _move(self, key: str, step: int) -> None:
        self.tracks.move(key, step)
        self.state_changed.emit()
        self.invalidate()

    # -- figure and state --------------------------------------------------------------------------------------------

    def figure_spec(self) -> FigureSpec | None:
        """Return the stack of tracks as a figure, None without a stored run."""
        runs: list[str] = []
        outputs: list[str] = []
        behind: dict[str, None] = {}
        checkpoint = ""
        structure = run_of(self.workspace, self.workspace.structure)
        for track in self.tracks.tracks:
            metric = self.metrics.get(track.key)
            run = (source(self.workspace, metric) or structure) if metric else None
            if metric and run and run.folder:
                folder = str(run.folder)
                runs += [folder] if folder not in runs else []
                outputs.append(f"{run.request.method}.{metric.output}@{runs.index(folder) + 1}")
                names = run.result.names("checkpoint") if metric.combine == POINT else ()
                place = place_of(names, self.workspace.shown_weights)
                checkpoint = names[place] if place >= 0 else checkpoint
                second = self._compared.source(metric) if self._compared is not None else None
                behind |= {str(second.folder): None} if second is not None and second.folder else {}
        if not outputs:
            return None
        options: dict[str, Value] = {"kinds": ",".join(KINDS[self.rows]), "measures": ",".join(outputs)}
        options |= {"checkpoint": checkpoint} if checkpoint else {}
        theirs = tuple(folder for folder in behind if folder not in runs)
        options |= {"compared": len(theirs)} if theirs else {}
        return FigureSpec("tracks", (*runs, *theirs), tuple(options.items()))

    def state(self) -> dict[str, Any]:
        """Return axis, rows and tracks."""
        return {"axis": self.mode.value, "rows": self.rows, "tracks": self.tracks.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over axis, rows and tracks."""
        self.mode.set_value(str(state.get("axis", "layers")))
        rows = str(state.get("rows", "layers"))
        self.rows = rows if rows in KINDS else "layers"
        self.tracks.restore(state.get("tracks"))
        self.invalidate()
