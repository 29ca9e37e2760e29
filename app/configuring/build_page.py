"""Build a configuration by hand: choose geometry at any layer, see maps and cost at once, run it, pin it, keep it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QVBoxLayout

from analysis.command_line import command_line
from analysis.measures.configurations import Geometry, read_extra, write_extra
from analysis.measures.geometry import Layout
from app.commands import SetEdits
from app.configuring.option_row import OptionRow
from app.configuring.page import Page
from app.configuring.tried_table import TriedRow, TriedTable
from app.drawing.geometry_strip import GeometryStrip, Stop
from app.drawing.legend import Key
from app.drawing.readout import Line
from app.forms.flow import Flow
from app.forms.side_page import definitions
from app.forms.widgets import button, label
from app.reading import building, numbers
from app.reading.comparing import compared_run, network_name
from app.reading.configuration_comparison import both, second_by_hand
from app.reading.configurations import LOST, WON, Look, Reading, is_ready, short
from app.theme import Theme
from app.workspace import Run, Workspace

RESIZED = " (resize)"
DRAWING = "The layers are being read …"
FAILED = "The layers of this network could not be read."


class BuildPage(Page):
    """The geometry that is built is that of the workspace's edits.

    So every choice is a command that undoes, workspace files and autosave carry it, and any other method can measure
    the network in this geometry. Runs of this page name the geometry as an extra configuration instead, beside the
    plain network.

    Parameters
    ----------
    workspace
        What is open.
    """

    pins_changed = Signal()

    def __init__(self, theme: Theme, workspace: Workspace) -> None:
        super().__init__(theme, "Build")
        self.workspace, self.bench, self.layer = workspace, building.Bench(), ""
        self.pins: list[str] = []
        self._asked: object = None
        self.strip, self.options, self.tried = GeometryStrip(theme), OptionRow(), TriedTable(theme)
        self.layers = QComboBox()
        self.layers.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.layers.setAccessibleName("Layer")
        self.policy = QComboBox()
        self.policy.setAccessibleName("Shortcuts")
        self.policy.addItems(["shortcuts follow", "shortcuts are resized"])
        self.policy.setToolTip("Shortcuts take the stride of their branch, or are brought to its size")
        self.undo = button("Undo", self.step_back, tip="Take back the last choice (Ctrl+Z)")
        self.clear = button("Clear", lambda: self.choose(()), tip="The network as it is")
        self.run = button("Run", self.run_now, "primary", "Run it beside the plain network on the loaded pictures")
        self.save = button("Save request…", self.choose_file, tip="A JSON file that the command line carries out")
        self.copy = button("Copy command", self.copy_command, tip="The command line that runs the same")
        self.about, self.said = Line(theme), Line(theme)
        self.layers.activated.connect(lambda row: self.look_at(self.layers.itemText(row)))
        self.policy.activated.connect(lambda _row: self.show_state())
        self.strip.layer_chosen.connect(self.look_at)
        self.options.chosen.connect(self.choose_option)
        self.tried.pin_changed.connect(self.pin)
        self.tried.picked.connect(self.take)
        self.strip.menu_wanted.connect(self._show_menu)
        self.legend.setToolTip(definitions("switch_point", "by_hand", "macs"))
        self._lay_out()

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.setContentsMargins(12, 4, 8, 0)
        top.setSpacing(8)
        top.addWidget(label("Layer", "soft"))
        top.addWidget(self.layers)
        top.addWidget(self.about, 1)
        deeds = Flow(
            self.run, self.policy, self.undo, self.clear, None, self.save, self.copy, gap=8, edges=(12, 4, 8, 4)
        )
        below = QVBoxLayout()
        below.setContentsMargins(12, 0, 8, 4)
        below.addWidget(self.said)
        below.addWidget(self.tried, 1)
        self.body.addWidget(self.strip)
        self.body.addLayout(top)
        self.body.addWidget(self.options)
        self.body.addWidget(deeds)
        self.body.addLayout(below, 1)

    # -- state -------------------------------------------------------------------------------------------------------

    @property
    def resized(self) -> bool:
        """True for the shortcut policy "resize"."""
        return self.policy.currentIndex() == 1

    @property
    def geometry_now(self) -> Geometry:
        """What is chosen."""
        known = self.bench.blueprint
        names = {layer.point.name: None for layer in known.layers} if known else {}
        return building.changed(self.workspace.edits, names)

    def refresh(self, reading: Reading, look: Look) -> None:
        """Show the state; the run that the other sides show matters only for what is tried."""
        self.show_state()

    def show_state(self) -> None:
        """Show layers, choices and costs; ask for the blueprint where it is missing."""
        blueprint = self.bench.read(self.workspace)
        self._ask(blueprint is None)
        for item in (self.run, self.save, self.copy, self.layers, self.policy):
            item.setEnabled(blueprint is not None)
        self.undo.setEnabled(self.workspace.undo.canUndo())
        self._show_tried()
        if blueprint is None:
            self.claim.say(self._why_missing())
            self.strip.show_stops((), "")
            self.options.show_choices(())
            self.layers.clear()
            self.about.say("")
            self.legend.show_keys(())
            return
        names = [layer.point.name for layer in blueprint.layers]
        if names != [self.layers.itemText(row) for row in range(self.layers.count())]:
            self.layers.clear()
            self.layers.addItems(names)
        if self.layer not in names:
            self.layer = next((name for name in blueprint.usual if name in names), names[0])
        self.layers.setCurrentText(self.layer)
        self._show_geometry()

    def _ask(self, missing: bool) -> None:
        """Have the engine draw the blueprint, once for each network."""
        if self.workspace.model is None or not missing or not self.isVisible():
            return
        request = building.points_request(self.workspace)
        if request != self._asked:
            self._asked = request
            self.workspace.request_look(request)

    def _why_missing(self) -> str:
        if self.workspace.model is None:
            return "Open a network to build a configuration of it."
        failed = [run for run in self.workspace.runs.values() if run.request == self._asked and run.state == "failed"]
        problem = failed[-1].result.finished.problem if failed and failed[-1].result.finished else None
        return (str(problem) if problem else FAILED) if failed else DRAWING

    def _show_geometry(self) -> None:
        geometry = self.geometry_now
        plain, layout = self.bench.layout((), False), self.bench.layout(geometry, self.resized)
        blueprint = self.bench.blueprint
        assert blueprint is not None  # shown only then
        assert isinstance(plain, Layout)  # a network always has its own geometry
        self.options.show_choices(self.bench.choices(self.layer, geometry, self.resized))
        self.clear.setEnabled(bool(geometry))
        runs = isinstance(layout, Layout) and not layout.problem
        self.run.setEnabled(bool(geometry) and runs and self.workspace.images is not None)
        self.run.setToolTip(
            "Run it beside the plain network on the loaded pictures" if self.workspace.images else "Open pictures first"
        )
        for item in (self.save, self.copy):
            item.setEnabled(bool(geometry) and runs)
        shown = layout if isinstance(layout, Layout) and not layout.problem else plain
        chosen = dict(geometry)
        self.strip.show_stops(
            tuple(
                Stop(layer.point.name, chosen.get(layer.point.name, ""), shown.maps[layer.node],
                     plain.maps[layer.node], shown.macs[layer.node], plain.macs[layer.node])
                for layer in blueprint.layers
            ),
            self.layer,
        )  # fmt: skip
        self.claim.say(claim(layout, plain, geometry))
        layer = blueprint.layer(self.layer)
        assert layer is not None  # chosen among them
        point, (inputs, outputs) = layer.point, layer.channels
        parts = (
            f"{point.kernel[0]}×{point.kernel[1]} kernel", f"stride {pair(point.stride)}",
            f"dilation {pair(point.dilation)}", f"padding {pair(layer.padding)}",
            f"{inputs} → {outputs} channels", f"map {size(point.input_map)} → {size(point.output_map)}",
            f"{layer.groups} groups" if layer.groups > 1 else "",
        )  # fmt: skip
        self.about.say(" · ".join(part for part in parts if part))
        theme = self.theme
        self.legend.show_keys((
            Key("bar", "map", theme.color("configurations")), Key("bar", "multiply-adds", theme.color("cost")),
            Key("dash", "plain, where it differs; underlined: what the network has", theme.color("text")),
            Key("frame", "layer that is looked at", theme.color("accent")),
        ))  # fmt: skip

    def _show_tried(self) -> None:
        runs = building.tried(self.workspace)
        compared = compared_run(self.workspace)
        second = second_by_hand(self.workspace) if compared is not None else {}
        rows = tuple(self._row(run, second) for run in reversed(runs))
        self.tried.show_rows(rows, network_name(compared) if compared is not None and second else "")
        if compared is not None and runs and not second:
            self.why_not = "it was tried with none of these configurations"
        open_run = next((run for run in runs if run.open), None)
        failed = next((run for run in reversed(runs) if run.state == "failed"), None)
        words = "Every configuration that is run here is listed; a pinned one stands in Oracle, Matrix and Cost."
        if open_run is not None:
            words = "Running …"
        elif failed is not None and runs and failed is runs[-1] and failed.result.finished:
            problem = failed.result.finished.problem
            words = str(problem) if problem else words
        self.said.say(words)

    def _row(self, run: Run, second: dict[str, float]) -> TriedRow:
        text = building.text_of(run)
        name = short(read_extra(text.partition(RESIZED)[0])[0]) + (RESIZED if text.endswith(RESIZED) else "")
        if not is_ready(run.result):
            state = "…" if run.open else run.state
            return TriedRow(text, (name, state, "", "", "", ""), text in self.pins, False)
        reading = Reading(run.result)
        cost = numbers.short(float(reading.macs[-1]))
        if not reading.labelled:
            return TriedRow(text, (name, "no labels", "", "", cost, ""), text in self.pins, True)
        own, plain = (numbers.percent(float(reading.accuracy[place])) for place in (-1, 0))
        kinds = reading.kinds[:, -1]
        so_far = "" if run.state == "completed" else f", {len(reading.rows)} so far"
        there = both(float(reading.accuracy[-1]), second.get(text, float("nan"))) or numbers.NOTHING
        counts = (f"{(kinds == WON).sum():,}", f"{(kinds == LOST).sum():,}")
        texts = (name, f"{own} ({plain}{so_far})", *counts, cost, there)
        return TriedRow(text, texts, text in self.pins, True)

    # -- doing -------------------------------------------------------------------------------------------------------

    def look_at(self, name: str) -> None:
        """Look at another layer, here and everywhere."""
        self.layer = name
        self.workspace.select_layer(name)
        self.show_state()

    def step_back(self) -> None:
        """Take back the last choice, or whatever was done last."""
        self.workspace.undo.undo()

    def choose_option(self, word: str) -> None:
        """Choose an option at the layer that is looked at, "" for its own."""
        self.choose(building.with_choice(self.geometry_now, self.layer, word), f"{self.layer} {word or 'as it is'}")

    def choose(self, geometry: Geometry, words: str = "network as it is") -> None:
        """Replace what is chosen, as one step that can be undone."""
        edits = replace(self.workspace.edits, geometry=tuple(geometry))
        if edits != self.workspace.edits:
            self.workspace.undo.push(SetEdits(self.workspace, edits, words))
        self.show_state()

    def take(self, text: str) -> None:
        """Go on with a configuration that was tried."""
        self.policy.setCurrentIndex(int(text.endswith(RESIZED)))
        self.choose(read_extra(text.partition(RESIZED)[0])[0], "a configuration that was tried")

    def pin(self, text: str, on: bool) -> None:
        """Pin a configuration that was tried, or take it off."""
        self.pins = [other for other in self.pins if other != text] + ([text] if on else [])
        self.show_state()
        self.pins_changed.emit()

    def run_now(self) -> None:
        """Run the network as it is and this configuration on the loaded pictures, and pin it."""
        text = write_extra((self.geometry_now,)) + (RESIZED if self.resized else "")
        if text not in self.pins:
            self.pins.append(text)
        self.workspace.request_run(building.hand_request(self.workspace, self.geometry_now, self.resized))
        self.pins_changed.emit()

    def choose_file(self) -> None:
        """Ask where to, and save the request there."""
        dialog = QFileDialog(self, "Save the request", "configuration.json", "Requests (*.json)")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("json")
        dialog.fileSelected.connect(self.save_to)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def save_to(self, path: str) -> None:
        """Write the request that Run would carry out."""
        request = building.hand_request(self.workspace, self.geometry_now, self.resized)
        try:
            Path(path).write_text(request.to_json() + "\n", encoding="utf-8")
        except OSError as error:
            self.said.say(f"The request could not be written: {error.strerror}.")
            return
        name = Path(path).name
        self.said.say(f"Saved {name}. It runs with: python -m analysis run {name} --out runs", path)

    def copy_command(self) -> None:
        """Put the command line on the clipboard."""
        request = building.hand_request(self.workspace, self.geometry_now, self.resized)
        line = command_line(request)
        QGuiApplication.clipboard().setText(line)
        more = "" if request.edits.empty else " The network has other edits: save the request instead."
        self.said.say(f"Copied: {line}{more}")


def pair(sizes: tuple[int, int]) -> str:
    """Write a size once where both axes have it."""
    return str(sizes[0]) if sizes[0] == sizes[1] else f"{sizes[0]}×{sizes[1]}"


def size(sides: tuple[int, int]) -> str:
    """Write the size of a map."""
    return f"{sides[0]}×{sides[1]}"


def claim(layout: Layout | str, plain: Layout, geometry: Geometry) -> str:
    """Say in one line what a geometry costs and looks like, or why it does not run."""
    if isinstance(layout, str):
        return layout
    if layout.problem:
        return f"The network does not run so: {layout.problem}"
    if layout.unsure:
        return f"Sizes after {layout.unsure} are only known once it is run; everything before is exact"
    cost = numbers.with_unit(float(layout.total), "MACs")
    if not geometry:
        return f"The network as it is: {cost}. Choose a layer and another option for it"
    ratio = layout.total / max(plain.total, 1)
    field, before = layout.receptive_field, plain.receptive_field
    parts = [f"{cost} ({ratio:.2f} × plain)"]
    same = layout.last_map == plain.last_map
    parts.append(f"last map {size(layout.last_map)}" + ("" if same else f" (plain {size(plain.last_map)})"))
    reach = f"{field[0]:,.0f}×{field[1]:,.0f} px"
    parts.append(f"receptive field {reach}" + ("" if field == before else f" (plain {before[0]:,.0f})"))
    count = len(geometry)
    return " · ".join([*parts, f"{count} layer{'s' if count > 1 else ''} changed"])
