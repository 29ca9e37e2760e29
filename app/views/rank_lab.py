"""Rank lab: rank of random layers against their dimension ratio. Needs no network and no pictures."""

from __future__ import annotations

import math
from dataclasses import replace
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
from analysis.result import Result
from app.drawing.lab_plot import HUES, LabPlot, Series
from app.drawing.readout import Entry, Key, Legend, Line, Readout
from app.forms.head import Head
from app.forms.params_form import ParamsForm
from app.forms.widgets import GRID, label
from app.reading import conditions, numbers
from app.reading.comparing import compared_run
from app.reading.glossary import TERMS
from app.theme import Theme
from app.views.base import Segments, View
from app.workspace import Run, Workspace

METHOD = "rank_lab"
SENTENCE = (
    "The rank lab shows how far each nonlinearity lifts the rank of a random layer above its number of inputs, beside "
    "the published curves. It needs no network and no pictures."
)
HINT = "Point at a ratio to read the values there"
FORM_WIDTH = 236
TYPES = (("1x1", "1×1"), ("3x3", "3×3"), ("bottleneck", "bottleneck"), ("depthwise", "depthwise"))


class RankLabView(View):
    """One line per nonlinearity for one layer type at a time."""

    def __init__(self, workspace: Workspace, theme: Theme) -> None:
        super().__init__(workspace, theme, "Rank lab")
        self.form: ParamsForm | None = None
        self.outline: tuple[Series, ...] = ()
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
        self.earlier.activated.connect(lambda _row: self._changed())
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
        self.head = Head(self.types, self.earlier, self.overlay, self.zoom, self.settings)
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
        layer = self.types.value
        series = series_of(run.result, layer, self.overlay.isChecked()) if run else ()
        self._list_earlier(run)
        second = self._second()
        self.outline = series_of(second.result, layer, False) if second is not None and series else ()
        self.plot.show_series(series, self.zoom.isChecked(), self.outline)
        self.plot.set_note("" if series else f"{lab.TYPE_TITLES[layer]}: not measured. Open Settings to measure it.")
        compared = run is not None and lab.comparable(run.result, layer)
        self.overlay.setEnabled(compared)
        self.verdict.setText(verdict(run, layer, bool(series) and self.overlay.isChecked()))
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
            chosen = self.earlier.currentData()
            self.earlier.clear()
            for words, number in listed:
                self.earlier.addItem(words, number)
            self.earlier.setCurrentIndex(max(0, self.earlier.findData(chosen)))
        self.earlier.setVisible(len(listed) > 1)

    def _second(self) -> Run | None:
        """Study that is drawn as an outline: the chosen one, else one that is compared with in all views."""
        chosen = self.workspace.runs.get(int(self.earlier.currentData() or 0))
        if chosen is not None:
            return chosen
        compared = compared_run(self.workspace)
        return compared if compared is not None and self.earlier.findData(compared.number) > 0 else None

    def _show_legend(self, series: tuple[Series, ...], second: Run | None) -> None:
        color = self.theme.color
        keys = [Key("dash", "rank ratio = dimension ratio (a linear layer)", color("outline"))] if series else []
        if any(np.isfinite(one.found.error).any() for one in series):
            keys.append(Key("bar", "± 1 standard error", color("unused")))
        if any(one.published for one in series):
            error = lab_words.ERROR[self.types.value]
            keys.append(Key("ring", f"published, read off Figure 1 by eye, {error}", color("text_soft")))
        if self.outline and second is not None:
            keys.append(Key("dash", study_words(second), color("outline")))
        self.legend.show_keys(tuple(keys))

    def _show_facts(self, run: Run | None) -> None:
        """Say every setting of the study, and how far it has come."""
        if run is None:
            self.footer.clear()
            self.facts.say("")
            return
        self.footer.setText(" · ".join(lab_words.settings(lab_words.study_of(run.result), (self.types.value,))))
        self.footer.setToolTip(conditions.details(run.result))
        ended = "" if run.state in ("completed", "queued", "running") else run.state
        self.facts.say(" · ".join(filter(None, (conditions.progress(run), ended))), conditions.details(run.result))
        self.facts.setVisible(bool(self.facts.text))

    def _show_readout(self) -> None:
        column, series = self.plot.hovered_column, self.plot.series
        if not series:
            self.readout.show_entries("", ())
        elif column < 0:
            self.readout.show_entries(*differences(series))
        else:
            networks = int(max(one.found.networks[column] for one in series))
            heading = f"d_in / d_out {series[0].found.x[column]:.1f} · {networks:,} networks:"
            at = float(series[0].found.x[column])
            self.readout.show_entries(heading, tuple(_with_outline(one, column, at, self.outline) for one in series))

    # -- choices -----------------------------------------------------------------------------------------------------

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
        )
        return FigureSpec(METHOD, (str(run.folder),), options)

    def state(self) -> dict[str, Any]:
        """Return layer type, switches and the settings of the next study."""
        return {
            "type": self.types.value,
            "zoom": self.zoom.isChecked(),
            "published": self.overlay.isChecked(),
            "settings": self.settings.isChecked(),
            "params": self.params(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state` returned; unknown words are ignored."""
        self.types.set_value(str(state.get("type", "")))
        self.zoom.setChecked(state.get("zoom") is True)
        self.overlay.setChecked(state.get("published") is not False)
        self.settings.setChecked(state.get("settings") is True)
        params = state.get("params")
        if isinstance(params, dict):
            self._given = {
                str(name): value for name, value in params.items() if isinstance(value, (bool, int, float, str))
            }
            if self.form is not None:
                self.form.set_values(self._given)
        self.invalidate()


def series_of(result: Result, layer: str, overlay: bool) -> tuple[Series, ...]:
    """Averages of all nonlinearities for one layer type, as far as they have come."""
    shown = overlay and lab.comparable(result, layer)
    found = []
    for activation in lab.ACTIVATIONS:
        curve = lab.curve(result, layer, activation)
        if curve is not None and np.isfinite(curve.y).any():
            found.append(Series(activation, curve, lab.published(layer, activation) if shown else ()))
    return tuple(found)


def differences(series: tuple[Series, ...]) -> tuple[str, tuple[Entry, ...]]:
    """Heading and values: how far each line is from its published points on average."""
    entries = []
    for one in series:
        points = dict(one.published)
        gaps = [abs(y - points[x]) for x, y in zip(one.found.x.round(9), one.found.y, strict=True) if x in points]
        if one.activation != "linear" and gaps and all(map(math.isfinite, gaps)):
            text = f"{sum(gaps) / len(gaps):.3f}"
            entries.append(
                Entry(lab.ACTIVATION_TITLES[one.activation], text, HUES[one.activation], term="lab_distance")
            )
    return ("mean distance from the published points:", tuple(entries)) if entries else ("", ())


def _entry(one: Series, column: int) -> Entry:
    value, error = float(one.found.y[column]), float(one.found.error[column])
    spread = f" ± {error:.3f}" if math.isfinite(error) else ""
    text = f"{value:.3f}{spread}" if math.isfinite(value) else "not yet"
    tip = f"{numbers.exact(value)}\n{TERMS['lab_rank_ratio'].definition}"
    return Entry(lab.ACTIVATION_TITLES[one.activation], text, HUES[one.activation], tip, "lab_rank_ratio")


def verdict(run: Run | None, layer: str, overlay: bool) -> str:
    """Say what the study reproduces and what not, and how well the published points are known where they are drawn."""
    if run is None:
        return ""
    words = f"{lab.PANELS[layer]} {lab_words.reproduced(lab_words.study_of(run.result), layer)}"
    return f"{words} {lab_words.reading(layer)}" if overlay and lab.comparable(run.result, layer) else words


def time_words(params: dict[str, Value]) -> str:
    """Say about how long a study will take on one core."""
    layer, mode = str(params.get("layer", "all")), str(params.get("mode", "pointwise"))
    preset = lab.PRESETS[str(params.get("preset", "paper-like"))]
    networks = int(params.get("networks", lab.USUAL_NETWORKS))
    seconds = lab.expected_seconds(lab.chosen_types(layer), networks, mode == "patches", preset.precision)
    size = f"{max(seconds, 1):.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
    return f"about {size} for {networks:,} networks per point on one core"


def study_words(run: Run) -> str:
    """Name a study among others: its title, else its preset, and how many networks it drew."""
    params, result = dict(run.request.params), run.result
    networks = result["rank"].shape[2] if "rank" in result else int(params.get("networks", lab.USUAL_NETWORKS))
    preset = lab.PRESETS[str(params.get("preset", "paper-like"))].title
    mode = str(params.get("mode", "pointwise"))
    words = (preset, "" if mode == "pointwise" else mode, f"{networks:,} networks", f"seed {run.request.seed}")
    return run.title or ", ".join(word for word in words if word)


def _with_outline(one: Series, column: int, at: float, outline: tuple[Series, ...]) -> Entry:
    """Return the entry of a line, with the value of the same nonlinearity in the study behind it."""
    found = _entry(one, column)
    other = next((second for second in outline if second.activation == one.activation), None)
    places = np.flatnonzero(np.isclose(other.found.x, at)) if other is not None else np.empty(0, dtype=np.int64)
    if other is None or not len(places) or not math.isfinite(other.found.y[places[0]]):
        return found
    theirs = float(other.found.y[places[0]])
    return replace(
        found, text=f"{found.text} (outline {theirs:.3f}, {numbers.signed(float(one.found.y[column]) - theirs, 3)})"
    )
