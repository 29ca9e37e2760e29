"""Feature rank in depth: profile over the layers, singular values of the selected ones, and what they depend on."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QHBoxLayout, QMenu, QSizePolicy, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from analysis.figures import FigureSpec
from analysis.result import Result
from app.drawing import rank_lanes
from app.drawing.lanes import TONES, Lane
from app.drawing.legend import Key, Legend
from app.drawing.norm_plot import NormPlot
from app.drawing.readout import Entry, Line, Readout
from app.drawing.spectrum_plots import NO_LAYERS, Spectrum, SpectrumPlot, TolerancePlot, spectra_of
from app.drawing.tracks import TrackStack
from app.forms.fields import SlidingNumber
from app.forms.flow import Flow
from app.forms.rank_controls import POINTS, RankControls
from app.forms.segments import Segments
from app.reading import conditions, norms, numbers, rank_reading
from app.reading.comparing import Compared, counterpart, what_to_mind
from app.reading.depth import EMPTY_AXIS, DepthAxis, Floats, depth_axis, shown_name
from app.reading.figure_comparison import with_layers
from app.reading.glossary import TERMS
from app.reading.measurements import STATE_TEXTS, VALUE, Values
from app.reading.rank_reading import HIGHEST, LOWEST, MEASURES, WITH_TOLERANCE, Reading
from app.theme import Theme
from app.views.base import View, duration_words
from app.workspace import Run, Workspace

METHOD = "feature_rank"
HINT = "Click a bar to see its singular values · control-click compares layers · shift and drag restricts the range"
LOWER = (("tolerance", "tolerance"), ("norm", "accuracy"))


class RankView(View):
    """Profile, spectra, tolerance and accuracy of the feature rank."""

    def __init__(self, workspace: Workspace, theme: Theme) -> None:
        super().__init__(workspace, theme, "Feature rank")
        self.reading = Reading()
        self.axis: DepthAxis = EMPTY_AXIS
        self._axis_key: tuple[int, str] = (0, "")
        self._weights: dict[str, float] = {}
        self._values: Values | None = None
        self._top = 0.0
        self._compared: Compared | None = None
        self._heights: Floats = np.empty(0)
        self._figure = "profile"
        self._build()
        self._connect()

    # -- parts -------------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.controls = RankControls()
        self.stack = TrackStack(self.theme, "Rank over depth")
        self.readout, self.legend, self.facts = Readout(self.theme), Legend(self.theme, wrap=True), Line(self.theme)
        self.badges = Line(self.theme, "small", "warning")
        self.readout.set_hint(HINT)
        self.readout.help_wanted.connect(self.help_wanted)
        self.tolerance = SlidingNumber("Tolerance", LOWEST, HIGHEST, True, ".2g", "as recorded")
        self.energy = SlidingNumber("Energy", 0.5, 1.0, False, ".3f", "as recorded")
        self.energy.hide()
        for slid in (self.tolerance, self.energy):  # the longer a slider, the finer it is
            slid.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.spectrum, self.curve, self.norm = SpectrumPlot(self.theme), TolerancePlot(self.theme), NormPlot(self.theme)
        self.which = Segments(LOWER, "Plot at the right")
        self.right = QStackedWidget()
        self.right.addWidget(self.curve)
        self.right.addWidget(self.norm)
        self._lay_out()

    def _lay_out(self) -> None:
        above = QWidget()
        column = QVBoxLayout(above)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.controls)
        column.addWidget(self.stack, 1)
        column.addWidget(self.legend)
        column.addWidget(self.readout)
        plots = QSplitter(Qt.Orientation.Horizontal)
        plots.addWidget(self.spectrum)
        plots.addWidget(self.right)
        plots.setSizes([500, 500])
        plots.setChildrenCollapsible(False)
        below = QWidget()
        column = QVBoxLayout(below)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(Flow(self.tolerance, self.energy, None, self.which, gap=8))
        column.addWidget(plots, 1)
        column.addLayout(_row(self.facts, self.badges))
        self.halves = QSplitter(Qt.Orientation.Vertical)
        self.halves.addWidget(above)
        self.halves.addWidget(below)
        self.halves.setSizes([390, 300])
        self.halves.setHandleWidth(3)
        plots.setHandleWidth(3)
        self.halves.setChildrenCollapsible(False)
        layout = QVBoxLayout(self.content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.halves)

    def _connect(self) -> None:
        self.controls.measure_chosen.connect(lambda measure: self.read_as(measure=measure))
        self.controls.centred_chosen.connect(lambda centred: self.read_as(centred=centred))
        self.controls.changed.connect(self._changed)
        self.controls.weights_wanted.connect(self._measure_weights)
        self.tolerance.changed.connect(lambda value: self.read_as(rtol=value))
        self.energy.changed.connect(lambda value: self.read_as(energy=value))
        self.which.chosen.connect(self._set_lower)
        for plot in (self.spectrum, self.curve):
            plot.tolerance_dragged.connect(lambda value, _done: self.read_as(rtol=value))
        stack = self.stack
        stack.slot_clicked.connect(self._clicked)
        stack.slot_hovered.connect(lambda _slot: self._show_readout())
        stack.brushed.connect(lambda slots: self.workspace.set_span(self.axis.rows_of_slots(*slots)))
        stack.stepped.connect(self._stepped)
        stack.arranged.connect(self._arranged)
        stack.menu_wanted.connect(self._show_menu)
        for plot in (self.spectrum, self.curve, self.norm):
            plot.menu_wanted.connect(lambda place: self._show_menu(place, 0))
        for name, plot in (("profile", stack.plot), ("spectrum", self.spectrum), ("tolerance", self.curve)):
            plot.focused.connect(lambda name=name: self._focus(name))
        self.norm.focused.connect(lambda: self._focus("nuclear_norm"))

    # -- showing -----------------------------------------------------------------------------------------------------

    def concerns(self, run: Run) -> bool:
        """Tell whether a run is one of those that are drawn here."""
        return run.request.method in (METHOD, "weight_spectrum", "evaluate")

    def refresh(self) -> None:
        """Draw the newest run, as far as it has come."""
        run = self.workspace.latest(METHOD)
        if run is None:
            self._show_why_empty()
            return
        self.show_content()
        self._take_axis(run.result)
        self._show_lanes(run)
        self._show_controls(run.result)
        self._show_spectra(run.result)
        if self.which.value == "norm":
            self.norm.show_comparison(norms.compare(norms.networks(self.workspace)))
        self._show_selection()
        self._show_words(run)

    def _show_why_empty(self) -> None:
        workspace = self.workspace
        waiting = any(run.open and run.request.method == METHOD for run in workspace.runs.values())
        sentence = (
            "Feature rank shows how many directions of each layer's feature space the pictures really use: singular "
            "values, effective rank with its interval, and what limits them."
        )
        if workspace.model is None:
            self.show_empty(f"{sentence} It needs a network and pictures.", "Open the demo")
        elif waiting:
            self.show_empty("Feature rank is being prepared …")
        elif workspace.images is None:
            self.show_empty(f"{sentence} It needs pictures.", "Choose pictures…")
        else:
            self.show_empty(sentence, "Measure feature rank", duration_words(workspace, METHOD))

    def fill(self) -> None:
        """Do what the button of the empty state says."""
        if self.workspace.model is None:
            self.action_wanted.emit("open_demo")
        elif self.workspace.images is None:
            self.action_wanted.emit("choose_images")
        else:
            self.workspace.request_run(self.workspace.new_request(METHOD))

    def _take_axis(self, result: Result) -> None:
        layers = self.workspace.layers or result.layers
        key = (id(layers), self.controls.points)
        if key != self._axis_key:
            self._axis_key, self._top = key, 0.0
            self.axis = depth_axis(layers, "layers", POINTS[self.controls.points])

    def _show_lanes(self, run: Run) -> None:
        result, axis = run.result, self.axis
        profile, self._values = rank_lanes.profile_lane(axis, result, self.reading, self.controls.beside)
        if run.open:
            profile.top = max(profile.top, self._top)
        self._top = profile.top
        self._add_outline(profile)
        lanes = [profile]
        if rank_lanes.CHANGE in self.controls.extra and np.any(rank_reading.activation_after(axis.layers) >= 0):
            lanes.append(rank_lanes.change_lane(axis, result, self.reading))
        weights = self.workspace.latest("weight_spectrum")
        if rank_lanes.WEIGHTS in self.controls.extra and weights is not None and "effective_rank" in weights.result:
            lanes.append(rank_lanes.weights_lane(axis, result, weights.result, self.reading.centred))
        for lane in lanes:
            lane.weight = self._weights.get(lane.key, lane.weight)
        span = self.workspace.span
        self.stack.show_lanes(axis, lanes, axis.slots_of_span(span) if span else None)
        self._show_legend(lanes)

    def _add_outline(self, profile: Lane) -> None:
        """Draw the network that is compared with behind the profile."""
        self._compared, second = None, counterpart(self.workspace, METHOD)
        if second is None:
            return
        self._compared = Compared(self.workspace, second, self.axis, POINTS[self.controls.points])
        values = rank_lanes.at_slots(self._compared.axis, second.result, rank_reading.read(second.result, self.reading))
        heights = self._compared.aligned(values)
        self._heights = heights
        profile.outline = (self.axis.x, self.axis.half, heights)
        profile.top = max(profile.top, float(np.nanmax(heights, initial=0.0)))

    def _show_legend(self, lanes: list[Lane]) -> None:
        profile, color = lanes[0], self.theme.color
        kinds = np.unique(profile.tones) if profile.tones is not None else np.empty(0)
        tones = self.stack.tones("rank")
        words = ("convolution", "activation", "block output", "pooled")
        keys = [Key("bar", words[tone], tones[tone]) for tone in range(len(TONES)) if tone in kinds]
        if profile.marker is not None:
            keys.append(Key("dash", "reach of a linear layer, d_in / d_out", color("outline")))
        if profile.cap is not None:
            keys.append(Key("hatch", "beyond the number of observations", color("text_disabled")))
        if profile.dots is not None:
            keys.append(Key("dot", f"{profile.dots_title} (right)", color("text")))
        if any(lane.style == "change" for lane in lanes):
            keys += [Key("ring", "before activation"), Key("dot", "after activation", color("rank"))]
        if self._compared is not None:
            keys.append(Key("frame", self._compared.name, color("outline")))
        states = {int(state) for lane in lanes for state in np.unique(lane.states)} - {VALUE}
        self.legend.show_keys(tuple(keys), tuple(sorted(states)))

    def _show_controls(self, result: Result) -> None:
        self.controls.measure_weights.setEnabled(self.workspace.latest("weight_spectrum") is None)
        recorded = rank_reading.counts(result, "tolerance")
        recorded = recorded[np.isfinite(recorded)]
        if recorded.size:
            one = math.isclose(recorded.min(), recorded.max(), rel_tol=1e-6)
            self.tolerance.set_recorded(float(np.median(recorded)), "" if one else "per layer")
        self.tolerance.set_value(self.reading.rtol)
        self.energy.set_recorded(rank_reading.recorded_energy(result))
        self.energy.set_value(self.reading.energy)
        self.energy.setVisible(self.reading.measure == "energy_rank")
        self.tolerance.setVisible(self.reading.measure != "energy_rank")

    def _show_spectra(self, result: Result) -> None:
        names = tuple(name for name in self.workspace.selection.layers if name in result.names("layer"))
        if not names and result.layers:
            names = (result.layers[norms.final_row(result)].name,)
        found = (*spectra_of(result, names, self.reading), *self._second_spectrum(names))
        missing = "have" if len(names) > 1 else "has"
        note = f"{', '.join(map(shown_name, names))} {missing} not been measured." if names else NO_LAYERS
        self.spectrum.show_spectra(found, note)
        if self.which.value == "tolerance":
            self.curve.show_spectra(found, note)

    def _second_spectrum(self, names: tuple[str, ...]) -> tuple[Spectrum, ...]:
        """Singular values of the layer that corresponds to the current one, in the network compared with."""
        slot = self.axis.slot_of(names[-1]) if names else -1
        if self._compared is None or slot < 0:
            return ()
        place = self._compared.place_of(slot)
        if place < 0:
            return ()
        found = spectra_of(self._compared.run.result, (self._compared.axis.slots[place].name,), self.reading)
        return tuple(replace(item, label=f"{item.label} · {self._compared.name}") for item in found)

    def _show_selection(self) -> None:
        slots = tuple(slot for slot in map(self.axis.slot_of, self.workspace.selection.layers) if slot >= 0)
        self.stack.set_selected(tuple(dict.fromkeys(slots)))
        if slots:
            self.stack.bring_into_view(slots[-1])
        self._show_readout()

    def _show_words(self, run: Run) -> None:
        words = [conditions.progress(run), *conditions.words(run.result)]
        words.append("about the mean (centred)" if self.reading.centred else "mean included (uncentred)")
        if self.reading.rtol is not None and self.reading.measure in WITH_TOLERANCE:
            words.append(f"read again at tolerance {numbers.scientific(self.reading.rtol)}")
        self.facts.say(" · ".join(word for word in words if word), conditions.details(run.result))
        badges = (*conditions.badges(run, self.workspace.edits), what_to_mind(self.workspace, METHOD))
        self.badges.say(" · ".join(badge for badge in badges if badge))
        self.badges.setVisible(bool(self.badges.text))

    def _show_readout(self) -> None:
        slot = self.stack.hovered_slot
        if slot < 0:
            slot = self.axis.slot_of(self.workspace.selection.layer)
        run = self.workspace.latest(METHOD)
        if run is None or self._values is None or not 0 <= slot < len(self.axis.slots):
            self.readout.show_entries("", ())
            return
        name = self.axis.slots[slot].name
        row = next((row for row, layer in enumerate(run.result.layers) if layer.name == name), -1)
        self.readout.show_entries(shown_name(name), tuple(self._entries(run.result, slot, row)))

    def _entries(self, result: Result, slot: int, row: int) -> list[Entry]:
        assert self._values is not None  # asked for after the profile was drawn
        values, state = self._values, int(self._values.states[slot])
        value = float(values.values[slot])
        text = STATE_TEXTS[state]
        if state == VALUE:
            low, high = (math.nan if part is None else float(part[slot]) for part in (values.low, values.high))
            text = numbers.interval(value, low, high)
        if self._compared is not None and math.isfinite(self._heights[slot]):
            text += f" (outline {numbers.short(float(self._heights[slot]))})"
        found = [
            Entry(self.reading.term.title, text, "rank", self.reading.term.definition, page=self.reading.term.page)
        ]
        if row < 0:
            return found
        facts = (
            ("width", float(rank_reading.counts(result, "channels")[row]), "channels"),
            ("observations", float(rank_reading.counts(result, "observations")[row]), "observations"),
            ("reach of a linear layer", float(rank_lanes.caps_with_activations(result.layers)[row]), "linear_reach"),
            ("limit of the sample", float(rank_reading.sample_caps(result)[row]), "sample_cap"),
        )
        found += [
            Entry(label, numbers.short(number), "text_soft", f"{numbers.exact(number)}\n{TERMS[term].definition}", term)
            for label, number, term in facts
            if number == number
        ]
        rtol = rank_reading.tolerance(result, row, self.reading)
        if self.reading.measure in WITH_TOLERANCE and rtol == rtol:
            found.append(Entry("tolerance", numbers.scientific(rtol), "text_soft", term="tolerance"))
        return found

    # -- choices -----------------------------------------------------------------------------------------------------

    def read_as(self, **changes: Any) -> None:
        """Read the spectra in another way: fields of :class:`app.reading.rank_reading.Reading`."""
        reading = replace(self.reading, **changes)
        if reading == self.reading:
            return
        if reading.measure != self.reading.measure:
            self._top = 0.0
        self.reading = reading
        self.controls.show_reading(reading.measure, reading.centred)
        self.state_changed.emit()
        self.invalidate()

    def _set_lower(self, lower: str) -> None:
        self.right.setCurrentIndex([name for name, _ in LOWER].index(lower))
        self._changed()

    def _changed(self) -> None:
        self.state_changed.emit()
        self.invalidate()

    def _measure_weights(self) -> None:
        self.workspace.request_run(self.workspace.new_request("weight_spectrum"))

    # -- gestures ----------------------------------------------------------------------------------------------------

    def _clicked(self, slot: int, extend: bool) -> None:
        self.workspace.select_layer(self.axis.slots[slot].name, extend)

    def _stepped(self, step: int, extend: bool) -> None:
        if self.axis.slots:
            current = self.axis.slot_of(self.workspace.selection.layer)
            self._clicked(min(len(self.axis.slots) - 1, max(0, current + step)), extend)

    def _arranged(self) -> None:
        self._weights = {lane.key: lane.weight for lane in self.stack.lanes}
        self.state_changed.emit()

    def _focus(self, figure: str) -> None:
        self._figure = figure

    def _show_menu(self, place: QPoint, _lane: int) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Show the whole depth", self.stack.go_home)
        menu.addAction("Show all layers in every view", lambda: self.workspace.set_span(None))
        menu.addAction("What is this?", lambda: self.help_wanted.emit(METHOD))
        menu.popup(place)

    # -- figure and state --------------------------------------------------------------------------------------------

    def figure_spec(self) -> FigureSpec | None:
        """Return the figure of the plot that was used last."""
        run = self.workspace.latest(METHOD)
        if self._figure == "nuclear_norm":
            runs = [r for r in self.workspace.runs.values() if r.request.method in (METHOD, "evaluate") and r.folder]
            return FigureSpec("nuclear_norm", tuple(str(r.folder) for r in runs)) if len(runs) >= 4 else None
        if run is None or run.folder is None:
            return None
        second = self._compared.run if self._compared is not None else None
        if self._figure == "profile":
            measure = self.reading.measure if self.reading.measure in run.result else "effective_rank"
            options = (("kinds", ",".join(POINTS[self.controls.points])), ("measure", measure))
            return with_layers(self.workspace, FigureSpec("profile", (str(run.folder),), options), second)
        layers = ",".join(item.label for item in spectra_of(run.result, self.workspace.selection.layers, self.reading))
        layers = layers or run.result.layers[norms.final_row(run.result)].name
        spec = FigureSpec(self._figure, (str(run.folder),), (("centred", self.reading.centred), ("layers", layers)))
        return with_layers(self.workspace, spec, second)

    def state(self) -> dict[str, Any]:
        """Return measure, thresholds, points and lanes."""
        reading = self.reading
        return {
            "measure": reading.measure,
            "centred": reading.centred,
            "rtol": reading.rtol,
            "energy": reading.energy,
            "points": self.controls.points,
            "beside": self.controls.beside,
            "lanes": sorted(self.controls.extra),
            "lower": self.which.value,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state` returned; unknown words are ignored."""
        measure = str(state.get("measure", ""))
        self.controls.restore(str(state.get("points", "")), str(state.get("beside", "")))
        lanes = state.get("lanes")
        if isinstance(lanes, list):
            self.controls.show_lanes({str(lane) for lane in lanes})
        self.which.set_value(str(state.get("lower", "")))
        self._set_lower(self.which.value)
        self.read_as(
            measure=measure if measure in MEASURES else self.reading.measure,
            centred=state.get("centred") is True,
            rtol=_share(state.get("rtol")),
            energy=_share(state.get("energy")),
        )


def _share(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and 0 < value <= 1 else None


def _row(*lines: Line) -> QHBoxLayout:
    """Put lines beside each other."""
    row = QHBoxLayout()
    row.setContentsMargins(8, 4, 8, 4)
    row.setSpacing(8)
    for line in lines:
        row.addWidget(line, 1)
    return row
