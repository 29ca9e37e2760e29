"""What is selected: facts of the layer, everything measured of it, and its singular values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from analysis.config import LayerSpec
from app.drawing.spectrum_plots import MOST, Spectrum, SpectrumPlot, hue_of, spectra_of
from app.forms import menus
from app.panels.fact_table import Fact, FactTable
from app.panels.inspector_channels import ChannelSection
from app.reading import conditions, numbers
from app.reading.building import Bench
from app.reading.chosen import chosen_words
from app.reading.comparing import compared_run, counterpart, network_name
from app.reading.depth import split_name
from app.reading.edited_widths import EditedWidths
from app.reading.glossary import TERMS
from app.reading.layer_comparison import (
    difference_words,
    layer_differences,
    measured,
    row_in,
    second_layer,
    why_not_measured,
)
from app.reading.measurements import STATE_TEXTS, VALUE, Metric, Values, available, read, source
from app.reading.rank_reading import Reading
from app.reading.switched import changes
from app.theme import Theme
from app.workspace import Workspace

PLOT_HEIGHT = 210
MOST_COLUMNS = 4
COSTS = ("parameters", "macs", "activation_bytes")
COMPARED = (("here", "text"), ("difference", "outline"))
"""Names and colour roles of two columns while a network is compared with."""


class Inspector(QWidget):
    """Facts, measures and singular values of the selected layers."""

    help_wanted = Signal(str)

    def __init__(self, workspace: Workspace, theme: Theme) -> None:
        super().__init__()
        self.workspace = workspace
        self.theme = theme
        self.stale = True
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._bench, self._edited = Bench(), EditedWidths()
        self._build()
        for signal in (
            workspace.model_changed,
            workspace.selection_changed,
            workspace.runs_changed,
            workspace.run_changed,
            workspace.edits_changed,
            workspace.images_changed,
            workspace.compared_changed,
            theme.changed,
        ):
            signal.connect(self.invalidate)
        self._soon.timeout.connect(self._refresh_now)

    def _build(self) -> None:
        self.setObjectName("panel")
        self.setAccessibleName("Inspector")
        self.heading, self.kind, self.note = QLabel(), QLabel(), QLabel()
        self.compared, self.chosen = QLabel(), QLabel()
        self.chosen.setProperty("role", "soft")
        self.chosen.setAccessibleName("Selected bundle and configuration")
        self.compared.setProperty("role", "soft")
        self.compared.setAccessibleName("Differences from the network that is compared with")
        for label in (self.heading, self.kind, self.note, self.compared, self.chosen):
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            label.setContentsMargins(12, 0, 12, 0)
        self.heading.setAccessibleName("Selected layer")
        self.kind.setProperty("role", "soft")
        self.note.setProperty("role", "soft")
        self.facts, self.measures = FactTable(self.theme), FactTable(self.theme)
        for table in (self.facts, self.measures):
            table.help_wanted.connect(self.help_wanted)
        self.plot = SpectrumPlot(self.theme)
        self.plot.setFixedHeight(PLOT_HEIGHT)
        self.channels = ChannelSection(self.workspace, self.theme)
        self.channels.help_wanted.connect(self.help_wanted)
        self.button = QPushButton("Measure feature rank")
        self.button.clicked.connect(self._measure)
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 10, 0, 12)
        column.setSpacing(6)
        for widget in (
            self.heading,
            self.kind,
            self.chosen,
            self.compared,
            self.facts,
            self.channels,
            self.plot,
            self.measures,
            self.note,
        ):
            column.addWidget(widget)
        column.addWidget(self.button, alignment=Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(1)
        self.area = QScrollArea()
        self.area.setWidget(inner)
        self.area.setWidgetResizable(True)
        self.area.setAccessibleName("Facts and measures of the selection")
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.area)

    # -- updates -----------------------------------------------------------------------------------------------------

    def invalidate(self) -> None:
        """Refresh soon, once; when hidden, as soon as the panel is shown."""
        self.stale = True
        if self.isVisible() and not self._soon.isActive():
            self._soon.start()

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up with what happened while hidden."""
        super().showEvent(event)
        self._refresh_now()

    def _refresh_now(self) -> None:
        if self.stale and self.isVisible():
            self.stale = False
            self.refresh()

    def refresh(self) -> None:
        """Show what is selected now."""
        workspace = self.workspace
        self.heading.setFont(self.theme.font("code"))
        known = {layer.name: layer for layer in workspace.layers}
        chosen = [known[name] for name in workspace.selection.layers if name in known]
        for widget in (self.facts, self.measures, self.plot, self.note, self.button):
            widget.setVisible(bool(chosen))
        self.channels.show_layer(chosen[0] if len(chosen) == 1 else None)
        if not chosen:
            self._show_nothing()
        elif len(chosen) == 1:
            self._show_one(chosen[0])
        else:
            self._show_several(chosen)
        words = layer_differences(workspace, chosen[-1]) if chosen else ""
        self.compared.setText(words)
        self.compared.setVisible(bool(words))
        words = chosen_words(workspace)
        change = changes(workspace, self._bench).get(chosen[0].name) if len(chosen) == 1 else None
        words += f": {change.sentence}" if change is not None else ""
        self.chosen.setText(words)
        self.chosen.setVisible(bool(words))

    def _edited_words(self, layer: LayerSpec) -> str:
        """Say what width a layer has been edited to, "" for none: facts are those before, maps those after."""
        width = self._edited.by_layer(self.workspace).get(layer.name) if self.workspace.edits.widths else None
        if width is None or width == layer.channels:
            return ""
        return f"edited to {width:,.0f} channels, the facts below are those before"

    def _show_nothing(self) -> None:
        layers = self.workspace.layers
        self.heading.setText("")
        self.kind.setText(
            "Select a layer, in the tracks or in the table, to see everything that is known of it here. Control-click "
            "adds layers to compare."
            if layers
            else "What is selected is shown here. Open a network to begin."
        )

    def _show_one(self, layer: LayerSpec) -> None:
        self.heading.setText(layer.name)
        self.kind.setText(" · ".join(part for part in (kind_words(layer), self._edited_words(layer)) if part))
        facts, found = layer_facts(layer), self._measured([layer])
        other = second_layer(self.workspace, layer)
        columns = COMPARED if other is not None else ()
        self.facts.show_facts(compared_facts(facts, layer, other) if other is not None else facts, columns)
        self.measures.show_facts(tuple(found), columns)
        self._show_spectra([layer])

    def _show_several(self, layers: list[LayerSpec]) -> None:
        shown = layers[-MOST_COLUMNS:]
        self.heading.setText(f"{len(layers)} layers")
        left_out = f", the last {len(shown)} of them in the table" if len(shown) < len(layers) else ""
        self.kind.setText(f"compared{left_out}")
        first = max(0, len(layers) - MOST)
        columns = tuple((short_name(layer, shown), hue_of(layers.index(layer) - first)) for layer in shown)
        self.facts.show_facts(common_facts(shown), columns)
        self.measures.show_facts(tuple(self._measured(shown)), columns)
        self._show_spectra(layers)

    def _show_spectra(self, layers: list[LayerSpec]) -> None:
        run = self.workspace.latest("feature_rank")
        names = tuple(layer.name for layer in layers)
        found = spectra_of(run.result, names, Reading()) if run else ()
        found = (*found, *self._second_spectrum(layers[-1])) if len(found) < MOST else found
        self.plot.setVisible(bool(found))
        if found:
            self.plot.show_spectra(found)
        self._offer(bool(found), layers)

    def _second_spectrum(self, layer: LayerSpec) -> tuple[Spectrum, ...]:
        """Singular values of the layer that corresponds in the network that is compared with."""
        second = counterpart(self.workspace, "feature_rank")
        if second is None:
            return ()
        row = row_in(self.workspace, layer, second.result.layers)
        if row < 0:
            return ()
        found = spectra_of(second.result, (second.result.layers[row].name,), Reading())
        return tuple(replace(item, label=network_name(second), hue="outline") for item in found)

    def _offer(self, measured: bool, layers: list[LayerSpec]) -> None:
        run = self.workspace.latest("feature_rank")
        pending = any(r.open and r.request.method == "feature_rank" for r in self.workspace.runs.values())
        ready = self.workspace.model is not None and self.workspace.images is not None
        self.button.setVisible(run is None and not pending and ready)
        if measured or (run is not None and run.open) or pending:
            text = ""
        elif run is None:
            text = "Its feature rank has not been measured" + ("." if ready else "; that needs pictures.")
        else:
            text = f"The rank run has no spectrum of {'it' if len(layers) == 1 else 'them'}."
        self.note.setText(text)
        self.note.setVisible(bool(text))

    def _measure(self) -> None:
        self.workspace.request_run(self.workspace.new_request("feature_rank"))

    # -- what was measured -------------------------------------------------------------------------------------------

    def _measured(self, layers: list[LayerSpec]) -> list[Fact]:
        """Lines of every metric that has a value for one of the layers, under a heading per run."""
        facts: list[Fact] = []
        before = ""
        rows = tuple(layers)
        for metric in available(self.workspace):
            if metric.method == "structure" or metric.run is not None:
                continue  # the structure stands above; older runs can be shown as tracks
            run = source(self.workspace, metric)
            values = read(metric, rows, run.result if run else None, self.workspace.shown_weights)
            if run is None or not np.any(values.states <= 1):
                continue
            group = f"{metric.method}@{metric.run}"
            if group != before:
                facts.append(self._group(metric))
                before = group
            fact = metric_fact(metric, values)
            facts.append(self._compared(fact, metric, rows[0]) if len(rows) == 1 else fact)
        return facts

    def _compared(self, fact: Fact, metric: Metric, layer: LayerSpec) -> Fact:
        """Add how much more it is than in the network that is compared with; the interval is said on hovering."""
        run = compared_run(self.workspace)
        if run is None or second_layer(self.workspace, layer) is None:
            return fact
        both = measured(self.workspace, metric, layer)
        if both is None:
            why = why_not_measured(self.workspace, metric)
            return replace(fact, texts=(*fact.texts, numbers.NOTHING), exact=(*fact.exact, why) if why else fact.exact)
        plain = fact.texts[0].partition(" [")[0]
        exact = f"{fact.texts[0]}\n{network_name(run)}: {numbers.exact(both[1], metric.unit)}"
        return replace(fact, texts=(plain, difference_words(*both)), exact=(*fact.exact, exact))

    def _group(self, metric: Metric) -> Fact:
        run = source(self.workspace, metric)
        title = menus.method_title(self.workspace, metric.method)
        if run is None:
            return Fact(title, heading=True)
        words = [word for word in conditions.words(run.result) if word.startswith(("N =", "batch"))]
        return Fact(title, tuple(words), conditions.details(run.result), page=metric.page, heading=True)


def kind_words(layer: LayerSpec) -> str:
    """Say what a layer is, in one line: Conv2d, 16 → 32 channels, 3×3, stride 2."""
    words = [layer.type or layer.kind]
    if layer.kind == "conv" and layer.expands_from:
        words.append(f"{layer.expands_from} → {layer.channels} channels")
    elif layer.channels:
        words.append(f"{layer.channels} channels")
    if layer.kernel:
        words.append(numbers.shape(layer.kernel))
    if any(step > 1 for step in layer.stride):
        words.append(f"stride {numbers.shape(layer.stride)}")
    if any(step > 1 for step in layer.dilation):
        words.append(f"dilation {numbers.shape(layer.dilation)}")
    if layer.groups > 1:
        words.append("depthwise" if layer.groups == layer.expands_from == layer.channels else f"{layer.groups} groups")
    return ", ".join(words)


def layer_facts(layer: LayerSpec) -> tuple[Fact, ...]:
    """Lines of what the structure says of one layer."""
    facts = [Fact("Output", (numbers.shape(layer.shape),), "Output for one picture: channels × height × width.")]
    if layer.input_shape:
        facts.append(Fact("Input", (numbers.shape(layer.input_shape),), "Shape of the first input for one picture."))
    facts += [_cost(layer, name) for name in COSTS if getattr(layer, name)]
    if layer.parameters_used > layer.parameters:
        text = numbers.short(layer.parameters_used)
        facts.append(
            Fact("Parameters used", (text,), "Weights it computes with, those shared with earlier layers too.")
        )
    if layer.block and layer.block != layer.name:
        facts.append(Fact("Block", (layer.block,), "Residual block or repeated module it lies in."))
    if layer.same_as:
        facts.append(Fact("Same tensor as", (layer.same_as,), "An earlier row is the very same tensor."))
    return tuple(facts)


def compared_facts(facts: tuple[Fact, ...], layer: LayerSpec, other: LayerSpec) -> tuple[Fact, ...]:
    """Add to facts of a layer how much more it is than the layer of a second network that corresponds."""
    found = []
    for fact in facts:
        name = next((name for name in COSTS if TERMS[name].title == fact.label), "")
        words = difference_words(float(getattr(layer, name)), float(getattr(other, name))) if name else ""
        found.append(replace(fact, texts=(*fact.texts, words)))
    return tuple(found)


def _cost(layer: LayerSpec, name: str) -> Fact:
    known, value = TERMS[name], float(getattr(layer, name))
    unit = "" if known.unit == known.title else known.unit
    text = numbers.with_unit(value, unit)
    return Fact(known.title, (text,), known.definition, (numbers.exact(value, known.unit),), known.page)


def common_facts(layers: list[LayerSpec]) -> tuple[Fact, ...]:
    """Lines that compare what the structure says of several layers."""
    facts = [Fact("Output", tuple(numbers.shape(layer.shape) for layer in layers), "Channels × height × width.")]
    for name in ("parameters", "macs", "activation_bytes"):
        known, values = TERMS[name], [float(getattr(layer, name)) for layer in layers]
        texts = tuple(numbers.short(value, known.unit) for value in values)
        exact = tuple(numbers.exact(value, known.unit) for value in values)
        facts.append(Fact(known.title, texts, known.definition, exact, known.page))
    return tuple(facts)


def metric_fact(metric: Metric, values: Values) -> Fact:
    """Return the line of a metric: with its interval for one layer, plain for several."""
    texts, exact = [], []
    for i, state in enumerate(values.states.tolist()):
        value = float(values.values[i])
        if state != VALUE:
            texts.append(STATE_TEXTS[state] if len(values.states) == 1 else ("0" if value == 0 else numbers.NOTHING))
            exact.append("")
            continue
        unit = "" if metric.unit in ("directions", "channels", "observations") else metric.unit
        if values.low is not None and values.high is not None and len(values.states) == 1:
            texts.append(numbers.interval(value, float(values.low[i]), float(values.high[i]), unit))
        else:
            texts.append(numbers.with_unit(value, unit))
        exact.append(numbers.exact(value, metric.unit))
    title = metric.title.removeprefix("Weight ") if metric.method == "weight_spectrum" else metric.title
    return Fact(title[:1].upper() + title[1:], tuple(texts), metric.definition, tuple(exact), metric.page)


def short_name(layer: LayerSpec, among: list[LayerSpec]) -> str:
    """Return the last part of a name, or more of it where several layers end alike."""
    group, leaf = split_name(layer.name)
    if sum(split_name(other.name)[1] == leaf for other in among) == 1:
        return leaf
    return f"{group.rpartition('.')[0].removeprefix('layer')}.{group.rpartition('.')[2]}.{leaf}".lstrip(".")
