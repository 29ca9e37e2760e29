"""Rank lab: rank of random layers against their dimension ratio. Needs no network and no pictures."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from analysis.catalogue import Value
from analysis.edits import Edits
from analysis.figures import FigureSpec
from analysis.measures import lab_words
from analysis.measures import rank_lab as lab
from analysis.problems import AnalysisError
from analysis.request import Request
from app.drawing.lab_plot import LabPlot, Series
from app.drawing.lab_readout import differences, entry_of, series_of
from app.drawing.legend import Key, Legend
from app.drawing.readout import Line, Readout
from app.forms.head import Head
from app.forms.params_form import ParamsForm
from app.forms.segments import Segments
from app.forms.widgets import GRID, label, row
from app.reading import conditions
from app.reading.comparing import compared_run
from app.reading.lab_study import drawn_words, how_far, key_of, study_words, time_words, verdict
from app.theme import Theme
from app.views.base import View
from app.workspace import Run, Workspace

METHOD = "rank_lab"
SENTENCE = (
    "The rank lab shows how far each nonlinearity lifts the rank of a random layer above its number of inputs, beside "
    "the published curves. It needs no network and no pictures."
)
HINT = "Point at a ratio to read the values there"
FORM_WIDTH = 236
QUANTITIES = (
    ("rank", "rank ratio"),
    ("dead", "dead channels"),
    ("always_on", "always-on channels"),
    ("condition", "conditioning"),
)
TYPES = (("1x1", "1×1"), ("3x3", "3×3"), ("bottleneck", "bottleneck"), ("depthwise", "depthwise"))


class RankLabView(View):
    """One line per nonlinearity for one layer type at a time."""

    def __init__(self, workspace: Workspace, theme: Theme) -> None:
        super().__init__(workspace, theme, "Rank lab")
        self.form: ParamsForm | None = None
        self.outline: tuple[Series, ...] = ()
        self.hidden: frozenset[str] = frozenset()
        """Nonlinearities whose lines are not drawn."""
        self._behind = ""
        """Key of the study that is chosen as an outline, also while a layer type is shown that it does not hold."""
        self._given: dict[str, Value] = {}
        self._build()
        workspace.methods_changed.connect(self.invalidate)

    # -- parts -------------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.types = Segments(TYPES, "Layer type")
        self.types.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.types.chosen.connect(lambda _type: self._changed())
        self.zoom = QCheckBox("zoom to 0.7–1")
        self.zoom.setToolTip("The range of the published panels for single layers")
        self.overlay = QCheckBox("published points")
        self.overlay.setChecked(True)
        self.overlay.setToolTip("Hollow markers, read off Figure 1 of Han et al. 2021 by eye")
        self.settings = QPushButton("Settings")
        self.settings.setCheckable(True)
        self.settings.setProperty("role", "flat")
        self.settings.setToolTip("Preset, layer types, mode, number of networks, tolerance")
        self.earlier = QComboBox()
        self.earlier.setAccessibleName("Earlier study as outline")
        self.earlier.setToolTip("Draw an earlier study of the same layer type as thin lines behind this one")
        self.earlier.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.earlier.activated.connect(lambda _row: self._choose_outline())
        self.quantity = QComboBox()
        self.quantity.setAccessibleName("What is drawn")
        self.quantity.setToolTip("What a study has found of the random layers: rank, channels, conditioning")
        for name, words in QUANTITIES:
            self.quantity.addItem(words, name)
        self.quantity.activated.connect(lambda _row: self._changed())
        self.lines = QPushButton("Lines ▾")
        self.lines.setProperty("role", "flat")
        self.lines.setToolTip("Show or hide single nonlinearities")
        self.lines.clicked.connect(self._choose_lines)
        for switch in (self.zoom, self.overlay, self.settings):
            switch.toggled.connect(lambda _on: self._changed())
        self.plot = LabPlot(self.theme)
        self.plot.hovered.connect(lambda _place: self._show_readout())
        self.plot.menu_wanted.connect(self._show_menu)
        self.readout, self.legend, self.facts = Readout(self.theme), Legend(self.theme, wrap=True), Line(self.theme)
        self.readout.set_hint(HINT)
        self.readout.help_wanted.connect(self.help_wanted)
        self.verdict, self.footer = label("", "small", wrap=True), label("", "small", wrap=True)
        self.footer.setAccessibleName("What the lines were drawn with")
        self._lay_out()

    def _lay_out(self) -> None:
        chosen = QWidget()
        chosen.setLayout(row(self.types, self.quantity, None))
        self.head = Head(chosen, self.earlier, self.lines, self.overlay, self.zoom, self.settings)
        left = QVBoxLayout()
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(0)
        left.addWidget(self.plot, 1)
        left.addWidget(self.legend)
        left.addWidget(self.readout)
        words = QVBoxLayout()
        words.setContentsMargins(8, 0, 8, 6)
        words.setSpacing(2)
        words.addWidget(self.verdict)
        words.addWidget(self.footer)
        words.addWidget(self.facts)
        left.addLayout(words)
        middle = QHBoxLayout()
        middle.setContentsMargins(0, 0, 0, 0)
        middle.setSpacing(0)
        middle.addLayout(left, 1)
        middle.addWidget(self._side())
        layout = QVBoxLayout(self.content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.head)
        layout.addLayout(middle, 1)

    def _side(self) -> QWidget:
        """Make the column of settings; the form follows when the engine has told its parameters."""
        inner = QWidget()
        inner.setAccessibleName("Settings of the study")
        self._form_place = QVBoxLayout(inner)
        self._form_place.setContentsMargins(12, GRID // 2, 12, GRID)
        self._form_place.setSpacing(GRID)
        self.expected = QLabel()
        self.expected.setProperty("role", "small")
        self.expected.setWordWrap(True)
        self.go = QPushButton("Measure")
        self.go.setProperty("role", "primary")
        self.go.clicked.connect(lambda: self.fill())
        self._form_place.addWidget(self.expected)
        self._form_place.addWidget(self.go)
        self._form_place.addStretch(1)
        self.side = QScrollArea()
        self.side.setWidgetResizable(True)
        self.side.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.side.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.side.setFixedWidth(FORM_WIDTH)
        self.side.setWidget(inner)
        self.side.hide()
        return self.side

    def _make_form(self) -> None:
        info = self.workspace.method(METHOD)
        if info is None or self.form is not None:
            return
        self.form = ParamsForm(info)
        self.form.set_values(self._given)
        self.form.changed.connect(self._show_expected)
        self._form_place.insertWidget(0, self.form)
        self._show_expected()

    def _show_expected(self) -> None:
        """Say how long the study of the form will take, or what is wrong in it."""
        complaint = self.form.complaint if self.form else ""
        self.go.setEnabled(not complaint)
        self.expected.setText("" if complaint else time_words(self.params()))

    # -- showing -----------------------------------------------------------------------------------------------------

    def concerns(self, run: Run) -> bool:
        """Tell whether a run is one of those that are drawn here."""
        return run.request.method == METHOD

    def refresh(self) -> None:
        """Draw the newest study of the chosen layer type, as far as it has come."""
        self._make_form()
        self.side.setVisible(self.settings.isChecked())
        runs = [run for run in self.workspace.runs.values() if run.request.method == METHOD]
        if not any(run.result.declared for run in runs):
            waiting = any(run.open for run in runs)
            if waiting:
                self.show_empty("The first random networks are being drawn …")
            else:
                self.show_empty(SENTENCE, "Measure", time_words(self.params()))
            return
        self.show_content()
        self._show_study(self._run())

    def _run(self) -> Run | None:
        """Newest study that holds the chosen layer type; one with numbers comes before one without."""
        fits = [
            run
            for run in self.workspace.runs.values()
            if run.request.method == METHOD and self.types.value in run.result.names("type")
        ]
        return max(fits, key=lambda run: (any(run.result.arrived.values()), run.began, run.number), default=None)

    def _show_study(self, run: Run | None) -> None:
        layer, quantity = self.types.value, self.drawn
        measured = series_of(run.result, layer, self.overlay.isChecked(), quantity) if run else ()
        series = tuple(one for one in measured if one.activation not in self.hidden)
        self._list_earlier(run)
        second = self._second()
        behind = series_of(second.result, layer, False, quantity) if second is not None else ()
        shown = {one.activation for one in series}
        self.outline = tuple(one for one in behind if one.activation in shown)
        self.plot.show_series(series, self.zoom.isChecked(), self.outline, quantity)
        self.plot.set_note("" if measured else f"{lab.TYPE_TITLES[layer]}: not measured. Open Settings to measure it.")
        self.lines.setText(f"Lines ({len(series)} of {len(measured)}) ▾" if len(series) < len(measured) else "Lines ▾")
        self.overlay.setEnabled(quantity == "rank" and run is not None and lab.comparable(run.result, layer))
        self.zoom.setEnabled(quantity == "rank")
        points = bool(measured) and self.overlay.isChecked()
        self.verdict.setText(verdict(run, layer, points) if quantity == "rank" else lab_words.MEANINGS[quantity])
        self._show_legend(series, second)
        self._show_facts(run)
        self._show_readout()

    def _list_earlier(self, shown: Run | None) -> None:
        """Offer the other studies of the layer type as outlines; nothing to choose where there is no other."""
        fits = [
            run
            for run in self.workspace.runs.values()
            if run.request.method == METHOD and run is not shown and self.types.value in run.result.names("type")
        ]
        listed = [
            ("no outline", 0),
            *((f"outline: {study_words(run)}", run.number) for run in fits if any(run.result.arrived.values())),
        ]
        before = [(self.earlier.itemText(i), self.earlier.itemData(i)) for i in range(self.earlier.count())]
        if listed != before:
            self.earlier.clear()
            for words, number in listed:
                self.earlier.addItem(words, number)
        chosen = next((run.number for run in fits if key_of(run) == self._behind), 0)
        self.earlier.setCurrentIndex(max(0, self.earlier.findData(chosen)))
        self.earlier.setVisible(len(listed) > 1)

    def _choose_outline(self) -> None:
        """Remember the study that is drawn behind; it stays chosen while another layer type is looked at."""
        run = self.workspace.runs.get(int(self.earlier.currentData() or 0))
        self._behind = key_of(run) if run is not None else ""
        self._changed()

    def _second(self) -> Run | None:
        """Study that is drawn as an outline: the chosen one, else one that is compared with in all views."""
        chosen = self.workspace.runs.get(int(self.earlier.currentData() or 0))
        if chosen is not None:
            return chosen
        compared = compared_run(self.workspace)
        return compared if compared is not None and self.earlier.findData(compared.number) > 0 else None

    def _show_legend(self, series: tuple[Series, ...], second: Run | None) -> None:
        color = self.theme.color
        keys = []
        if series and self.drawn == "rank":
            keys.append(Key("dashes", "rank ratio = dimension ratio (a linear layer)", color("outline")))
        if any(np.isfinite(one.found.error).any() for one in series):
            keys.append(Key("bar", "± 1 standard error", color("unused")))
        if any(one.published for one in series):
            error = lab_words.ERROR[self.types.value]
            keys.append(Key("ring", f"published, read off Figure 1 by eye, {error}", color("text_soft")))
        if self.outline and second is not None:
            keys.append(Key("thin", f"thin lines: {study_words(second)}", color("text_soft")))
        self.legend.show_keys(tuple(keys))

    def _show_facts(self, run: Run | None) -> None:
        """Say every setting of the study, and how far it has come."""
        if run is None:
            self.footer.clear()
            self.facts.say("")
            return
        settings = lab_words.settings(lab_words.study_of(run.result), (self.types.value,))
        self.footer.setText(" · ".join(filter(None, (drawn_words(run, self.types.value), *settings))))
        self.footer.setToolTip(conditions.details(run.result))
        ended = "" if run.state in ("completed", "queued", "running") else how_far(run, self.types.value)
        self.facts.say(" · ".join(filter(None, (conditions.progress(run), ended))), conditions.details(run.result))
        self.facts.setVisible(bool(self.facts.text))

    def _show_readout(self) -> None:
        column, series = self.plot.hovered_column, self.plot.series
        if not series:
            self.readout.show_entries("", ())
        elif column < 0:
            heading, entries = differences(series) if self.drawn == "rank" else ("", ())
            if entries:
                self.readout.show_entries(heading, entries)
            else:
                self.readout.clear()
        else:
            networks = int(max(one.found.networks[column] for one in series))
            heading = f"d_in / d_out {series[0].found.x[column]:.1f} · {networks:,} networks:"
            at = float(series[0].found.x[column])
            found = tuple(entry_of(one, column, at, self.outline, self.drawn) for one in series)
            self.readout.show_entries(heading, found)

    # -- choices -----------------------------------------------------------------------------------------------------

    @property
    def drawn(self) -> str:
        """What is drawn, one of :data:`analysis.measures.rank_lab.QUANTITIES`."""
        return str(self.quantity.currentData())

    def _choose_lines(self) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for name in lab.ACTIVATIONS:
            action = menu.addAction(lab.ACTIVATION_TITLES[name])
            action.setCheckable(True)
            action.setChecked(name not in self.hidden)
            action.toggled.connect(partial(self.show_line, name))
        menu.addSeparator()
        menu.addAction("All", lambda: self.hide_lines(frozenset())).setEnabled(bool(self.hidden))
        menu.popup(self.lines.mapToGlobal(self.lines.rect().bottomLeft()))

    def show_line(self, activation: str, shown: bool) -> None:
        """Show or hide the line of one nonlinearity; the last one stays."""
        self.hide_lines(self.hidden - {activation} if shown else self.hidden | {activation})

    def hide_lines(self, hidden: frozenset[str]) -> None:
        """Hide the lines of some nonlinearities and show all others."""
        if len(hidden) < len(lab.ACTIVATIONS):
            self.hidden = hidden
            self._changed()

    def params(self) -> dict[str, Value]:
        """Parameters of the next study that differ from their defaults."""
        if self.form is None:
            return dict(self._given)
        try:
            return self.form.values()
        except AnalysisError:
            return {}

    def request(self) -> Request:
        """Return the study that the form describes."""
        plain = self.workspace.new_request(METHOD, **self.params())
        # Before the engine has told what the method needs, a request is made for what is open.
        return replace(plain, model=None, images=None, edits=Edits(), limit=0)

    def fill(self) -> None:
        """Draw random networks."""
        self.workspace.request_run(self.request())

    def _changed(self) -> None:
        self.state_changed.emit()
        self.invalidate()

    def _show_menu(self, place: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("What is this?", lambda: self.help_wanted.emit(METHOD))
        menu.popup(place)

    # -- figure and state --------------------------------------------------------------------------------------------

    def figure_spec(self) -> FigureSpec | None:
        """Return the shown panel as a figure, None without a stored study."""
        run = self._run()
        if run is None or run.folder is None:
            return None
        options = (
            ("layer", self.types.value),
            ("published", self.overlay.isChecked()),
            ("zoom", self.zoom.isChecked()),
            ("quantity", self.drawn),
            ("hidden", ",".join(sorted(self.hidden))),
        )
        second = self._second() if self.outline else None
        if second is None or second.folder is None:
            return FigureSpec(METHOD, (str(run.folder),), options)
        return FigureSpec(METHOD, (str(run.folder), str(second.folder)), (*options, ("outline", True)))

    def state(self) -> dict[str, Any]:
        """Return layer type, switches and the settings of the next study."""
        return {
            "type": self.types.value,
            "zoom": self.zoom.isChecked(),
            "published": self.overlay.isChecked(),
            "settings": self.settings.isChecked(),
            "quantity": self.drawn,
            "hidden": sorted(self.hidden),
            "outline": self._behind,
            "params": self.params(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state` returned; unknown words are ignored."""
        self.types.set_value(str(state.get("type", "")))
        self.zoom.setChecked(state.get("zoom") is True)
        self.overlay.setChecked(state.get("published") is not False)
        self.settings.setChecked(state.get("settings") is True)
        self.quantity.setCurrentIndex(max(0, self.quantity.findData(str(state.get("quantity", "")))))
        hidden = state.get("hidden")
        known = frozenset(lab.ACTIVATIONS).intersection(hidden) if isinstance(hidden, list) else frozenset()
        self.hidden = known if len(known) < len(lab.ACTIVATIONS) else frozenset()
        self._behind = str(state.get("outline", ""))
        params = state.get("params")
        if isinstance(params, dict):
            self._given = {
                str(name): value for name, value in params.items() if isinstance(value, (bool, int, float, str))
            }
            if self.form is not None:
                self.form.set_values(self._given)
        self.invalidate()
