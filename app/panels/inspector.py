"""What is selected: facts of the layer, everything measured of it, and its singular values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFrame, QPushButton, QScrollArea, QVBoxLayout, QWidget

from analysis.config import LayerSpec
from app.drawing.spectrum_plots import MOST, Spectrum, SpectrumPlot, hue_of, spectra_of
from app.forms import menus
from app.forms.name_label import NameLabel
from app.panels.fact_table import Fact, FactTable
from app.panels.inspector_channels import ChannelSection
from app.panels.inspector_facts import common_facts, compared_facts, kind_words, layer_facts, metric_fact, short_name
from app.panels.inspector_picture import PictureSection
from app.reading import channel_words, conditions, edited_rows, numbers
from app.reading.building import Bench
from app.reading.chosen import chosen_words
from app.reading.comparing import compared_run, counterpart, network_name
from app.reading.depth import shown_name
from app.reading.layer_comparison import (
    difference_words,
    layer_differences,
    measured,
    row_in,
    second_layer,
    shown_layer,
    why_not_measured,
)
from app.reading.measurements import Metric, available, read, source
from app.reading.rank_reading import Reading
from app.reading.switched import changes
from app.theme import Theme
from app.workspace import Workspace

PLOT_HEIGHT = 210
LEAST = 25.0
"""Least width of the panel in sizes of the text."""
MOST_COLUMNS = 4
COMPARED = (("here", "text"), ("Δ", "outline"))
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
        self._bench = Bench()
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
        self.heading, self.kind, self.note = NameLabel(), NameLabel(), NameLabel()
        self.compared, self.chosen = NameLabel(), NameLabel()
        self.chosen.setProperty("role", "soft")
        self.chosen.setAccessibleName("Selected bundle and configuration")
        self.compared.setProperty("role", "soft")
        self.compared.setAccessibleName("Differences from the network that is compared with")
        for label in (self.heading, self.kind, self.note, self.compared, self.chosen):
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
        self.plot.help_wanted.connect(self.help_wanted)
        self.channels = ChannelSection(self.workspace, self.theme)
        self.channels.help_wanted.connect(self.help_wanted)
        self.picture = PictureSection(self.workspace, self.theme)
        self.picture.help_wanted.connect(self.help_wanted)
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
            self.picture,
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
        self._keep_width()
        self.theme.changed.connect(self._keep_width)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.area)

    def _keep_width(self) -> None:
        """Keep the width that facts of one layer need: other panels of a narrow window would take it."""
        self.area.setMinimumWidth(round(LEAST * self.theme.text_size))

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
        pictured = self.picture.show_selection(not chosen)
        for label in (self.heading, self.kind):
            label.setVisible(not pictured)
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
        """Say that a layer, or the network, has been edited, "" if not: facts are those before, maps those after."""
        edits = self.workspace.edits
        known = edited_rows.by_layer(self.workspace) if edits.widths else {}
        width = known.get(layer.name)
        if width is not None and width != layer.channels:
            return f"edited to {width:,.0f} channels, the shapes below are those before"
        told = known and not (edits.removed or edits.geometry or edits.before)  # this layer stays as wide as it is
        if told or not (edits.widths or edits.removed or edits.geometry or edits.before):
            return ""
        return f"{edits.summary()}: the facts below are those before, maps and weights those after"

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
        self.heading.setText(shown_name(layer.name))
        what = kind_words(layer, channel_words.width(self.workspace, layer))
        facts, found = layer_facts(layer, edited_rows.of_layer(self.workspace, layer.name)), self._measured([layer])
        other, mine = second_layer(self.workspace, layer), shown_layer(self.workspace, layer)
        edited = self._edited_words(layer)
        if other is not None and edited and mine is not layer:
            edited = "the facts below are those after the edits"
        self.kind.setText(" · ".join(part for part in (what, edited) if part))
        columns = COMPARED if other is not None else ()
        # Beside another network an edited layer has the costs that it has been edited to.
        facts = compared_facts(layer_facts(mine), mine, other) if other is not None else facts
        self.facts.show_facts(facts, columns)
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
        return replace(fact, texts=(plain, difference_words(*both, metric.unit)), exact=(*fact.exact, exact))

    def _group(self, metric: Metric) -> Fact:
        run = source(self.workspace, metric)
        title = menus.method_title(self.workspace, metric.method)
        if run is None:
            return Fact(title, heading=True)
        words = [word for word in conditions.words(run.result) if word.startswith(("N =", "batch"))]
        words += [edited] if (edited := conditions.edit_words(run, self.workspace.edits)) else []
        return Fact(title, tuple(words), conditions.details(run.result), page=metric.page, heading=True)
