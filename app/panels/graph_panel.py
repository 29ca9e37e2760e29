"""The architecture of the open network as a graph: blocks fold, any measure colours it, the selection is shared."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import QPoint, QTimer, Signal
from PySide6.QtGui import QColor, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QDockWidget, QHBoxLayout, QMenu, QStackedLayout, QToolButton, QVBoxLayout, QWidget

from analysis.figures import FigureSpec
from analysis.measures.architecture import Architecture, GraphNode, architecture_of
from app.drawing.readout import Line
from app.forms import menus
from app.forms.widgets import label, tool
from app.graphing.canvas import GraphCanvas
from app.graphing.figure import GraphFigure
from app.graphing.items import READABLE
from app.graphing.scale import ColorScale, shade
from app.reading import numbers
from app.reading.comparing import (
    compared_run,
    differences,
    network_name,
    why_no_difference,
)
from app.reading.layer_comparison import difference_words
from app.reading.measurements import ZERO, Metric, Values, available, nothing, read, source
from app.theme import Theme
from app.workspace import Workspace

EMPTY = "The graph shows how the layers of a network feed each other. It needs a network."
IN_NODES = "C×H×W"
"""Stands below the graph for the numbers in its nodes."""
ENLARGE, PUT_BACK = "Enlarge the graph", "Put the graph back beside the views"
MARGIN = 32
"""Pixels of the window that stay to be seen around the enlarged graph."""
NO_EDGES = "This structure was stored without edges. Open the network again to see its graph."


class GraphPanel(QWidget):
    """Colours, folding and the canvas."""

    help_wanted = Signal(str)
    state_changed = Signal()

    def __init__(self, workspace: Workspace, theme: Theme) -> None:
        super().__init__()
        self.workspace, self.theme = workspace, theme
        self.stale = True
        self.metric_key = ""
        self.metrics: dict[str, Metric] = {}
        self.architecture: Architecture | None = None
        self.folded: frozenset[str] = frozenset()
        self.node_values: list[float] = []
        self.differing = False
        """True if nodes are coloured by how much more they have than in the network that is compared with."""
        self._joint = ""
        """Joint that is shown as the current node, until a layer is selected: a joint is no layer."""
        self._selected: tuple[str, ...] = ()
        self._structure: object = None
        self._kept: object = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._refresh_now)
        self._build()
        for signal in (
            workspace.model_changed, workspace.runs_changed, workspace.run_changed, workspace.selection_changed,
            workspace.compared_changed, theme.changed,
        ):  # fmt: skip
            signal.connect(self.invalidate)

    def _build(self) -> None:
        self.setObjectName("panel")
        self.setAccessibleName("Architecture graph")
        self.canvas, self.scale = GraphCanvas(self.theme), ColorScale(self.theme)
        self.summary = Line(self.theme, terms={IN_NODES: "node_shape"})
        for named in (self.scale, self.summary):
            named.help_wanted.connect(self.help_wanted)
        self.colors = QMenu(self)
        self.colors.aboutToShow.connect(self._fill_colors)
        self.color_button = _flat("Colour ▾", "Colour the nodes by a measure")
        self.color_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.color_button.setMenu(self.colors)
        self.fold_button = _flat("Fold", "Fold every block")
        self.unfold_button = _flat("Unfold", "Unfold every block")
        self.fit_button = _flat("Fit", "Show the whole graph; again: as large as it can be read (0)")
        self.large_button = tool(self.theme, "enlarge", ENLARGE, self.enlarge)
        self.fold_button.clicked.connect(self.fold_all)
        self.unfold_button.clicked.connect(self.unfold_all)
        self.fit_button.clicked.connect(self.canvas.fit_or_read)
        above = QHBoxLayout()
        above.setContentsMargins(2, 4, 2, 2)
        above.setSpacing(0)
        above.addWidget(self.color_button)
        above.addStretch(1)
        for button in (self.fold_button, self.unfold_button, self.fit_button, self.large_button):
            above.addWidget(button)
        self.content, self.empty = QWidget(), label(EMPTY, "soft", wrap=True)
        self.empty.setContentsMargins(12, 12, 12, 12)
        column = QVBoxLayout(self.content)
        column.setContentsMargins(0, 0, 0, 4)
        column.setSpacing(0)
        column.addLayout(above)
        column.addWidget(self.canvas, 1)
        column.addWidget(self.scale)
        below = QHBoxLayout()
        below.setContentsMargins(8, 2, 8, 0)
        below.addWidget(self.summary)
        column.addLayout(below)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self.content)
        self._stack.addWidget(self.empty)
        self.canvas.node_clicked.connect(self._clicked)
        self.canvas.unfold_wanted.connect(self.unfold)
        self.canvas.fold_wanted.connect(self.fold)
        self.canvas.menu_wanted.connect(self._show_menu)

    # -- updates -----------------------------------------------------------------------------------------------------

    def invalidate(self) -> None:
        """Refresh soon, once; when hidden, as soon as the panel is shown."""
        self.stale = True
        if self.isVisible() and not self._soon.isActive():
            self._soon.start()

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up with what happened while hidden."""
        super().showEvent(event)
        self._soon.stop()
        self._refresh_now()

    def _refresh_now(self) -> None:
        if self.stale and self.isVisible():
            self.stale = False
            self.refresh()

    def refresh(self) -> None:
        """Show the graph of what is open now."""
        structure = self.workspace.structure
        known = structure is not None and "edge" in structure
        if structure is not self._structure:
            self._structure = structure
            self._take_structure()
        self.empty.setText(EMPTY if structure is None else NO_EDGES)
        self._stack.setCurrentWidget(self.content if known else self.empty)
        if known:
            self._color()
            self._show_selection()
            shown, groups = self.canvas.shown, sum(node.folded for node in self.canvas.shown.nodes)
            folded = f" · {groups} folded" if groups else ""
            words = f"{IN_NODES} · {len(shown.nodes)} nodes · {len(shown.edges)} edges{folded}"
            self.summary.say(f"{self._why_no_colours()}{words}")

    def _why_no_colours(self) -> str:
        """Say why no node is coloured by a difference, "" if one is, or if none is wanted."""
        metric = self.metrics.get(self.metric_key)
        why = why_no_difference(self.workspace, metric) if self.differing and metric and self._second_name else ""
        return f"{self._second_name}: {why} · " if why else ""

    def _take_structure(self) -> None:
        structure = self.workspace.structure
        self.architecture, self.folded = None, frozenset()
        if structure is not None:
            self.architecture = architecture_of(structure)
        if self.architecture is not None:
            self.folded = self._kept_folds(self.architecture)
        self._draw(fit=True)

    def _draw(self, fit: bool = False) -> None:
        if self.architecture is None:
            return
        self.canvas.show_graph(self.architecture, self.architecture.show(self.folded), fit)
        if fit:
            self._read_from_the_beginning()

    def _read_from_the_beginning(self) -> None:
        """Show all of the graph, or where that could not be read, its beginning."""
        self.canvas.fit()
        if self.canvas.scale_now < READABLE:
            self.canvas.show_beginning()

    # -- colours -----------------------------------------------------------------------------------------------------

    def _color(self) -> None:
        self.metrics = {metric.key: metric for metric in available(self.workspace)}
        metric = self.metrics.get(self.metric_key)
        nodes = self.canvas.shown.nodes
        self.node_values = [float("nan")] * len(nodes)
        values = nothing(len(self.workspace.layers))
        if metric is not None:
            run = source(self.workspace, metric)
            values = read(metric, self.workspace.layers, run.result if run else None, self.workspace.shown_weights)
            self.node_values = [node_value(node, values, metric) for node in nodes]
        own, gains = self.node_values, self._differences(nodes, metric, values)
        self.canvas.set_tips(self._tips(metric, own, gains))
        differing = self.differing and metric is not None and compared_run(self.workspace) is not None
        self.node_values = gains if differing else own
        known = [value for value in self.node_values if value == value]
        low, high = min([0.0, *known]), max(known, default=0.0)
        if differing:
            low, high = -max(high, -low), max(high, -low)
        self.canvas.set_fills([self._fill(value, low, high, differing) for value in self.node_values])
        second = self._second_name if differing else ""
        self.scale.show_scale(metric if known else None, low, high, any(v != v for v in self.node_values), second)
        self.color_button.setAccessibleName(f"Colour: {metric.title if metric else 'none'}")

    @property
    def _second_name(self) -> str:
        run = compared_run(self.workspace)
        return network_name(run) if run is not None else ""

    def _differences(self, nodes: tuple[GraphNode, ...], metric: Metric | None, own: Values) -> list[float]:
        """How much more each node has than in the network that is compared with; NaN where it is not known.

        A sum is known only if all of its rows correspond to one there.
        """
        values = differences(self.workspace, metric) if metric is not None else None
        if values is None or metric is None:
            return [float("nan")] * len(nodes)
        alone = (own.states <= ZERO) & (values.states > ZERO)
        partly = [metric.combine == "sum" and bool(alone[list(node.rows)].any()) for node in nodes]
        pairs = zip(nodes, partly, strict=True)
        return [float("nan") if part else node_value(node, values, metric) for node, part in pairs]

    def _tips(self, metric: Metric | None, own: list[float], gains: list[float]) -> list[str]:
        """Say the value of every node, and by how much it differs from that of the second network."""
        if metric is None:
            return [""] * len(own)
        name, tips = self._second_name, []
        for value, gain in zip(own, gains, strict=True):
            words = f"{metric.title}: {numbers.with_unit(value, metric.unit)}" if value == value else ""
            if words and gain == gain:
                theirs = numbers.with_unit(value - gain, metric.unit)
                words += f"\n{name}: {theirs} ({difference_words(value, value - gain, metric.unit)} here)"
            tips.append(words)
        return tips

    def _fill(self, value: float, low: float, high: float, signed: bool) -> QColor | None:
        if value != value:
            return None
        return shade(self.theme, (value - low) / (high - low) if high > low else 0.5 * signed, signed)

    def _fill_colors(self) -> None:
        self.colors.clear()
        menus.add_choice(self.colors, "No colour", not self.metric_key, partial(self.color_by, ""))
        if self._second_name:
            words = f"Difference from {self._second_name}"
            menus.add_choice(self.colors, words, self.differing, lambda: self.show_difference(not self.differing))
        shown = self.metric_key.__eq__
        menus.fill_metrics(self.colors, self.workspace, self.metrics, shown, self.color_by, clear=False)

    def color_by(self, key: str) -> None:
        """Colour the nodes by a metric, "" for none."""
        self.metric_key = key
        self.state_changed.emit()
        self.invalidate()

    def show_difference(self, differing: bool) -> None:
        """Colour by the difference from the network that is compared with, or by the measure itself."""
        self.differing = differing
        self.state_changed.emit()
        self.invalidate()

    # -- size --------------------------------------------------------------------------------------------------------

    def enlarge(self) -> None:
        """Float the panel as large as the window that it belongs to, and put it back."""
        dock = self.parentWidget()
        window = dock.parentWidget() if isinstance(dock, QDockWidget) else None
        if not isinstance(dock, QDockWidget) or window is None:
            return
        dock.setFloating(not dock.isFloating())
        if dock.isFloating():
            dock.setGeometry(window.geometry().adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN))
            self.canvas.fit()
        else:
            self._read_from_the_beginning()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Say which way the size can be changed: floating comes with another size."""
        super().resizeEvent(event)
        dock = self.parentWidget()
        self.large_button.setVisible(isinstance(dock, QDockWidget))
        words = PUT_BACK if isinstance(dock, QDockWidget) and dock.isFloating() else ENLARGE
        self.large_button.setToolTip(words)
        self.large_button.setAccessibleName(words)

    # -- folding -----------------------------------------------------------------------------------------------------

    def fold(self, name: str) -> None:
        """Fold a group."""
        self._set_folded(self.folded | {name})

    def unfold(self, name: str) -> None:
        """Unfold a group; groups inside it stay folded."""
        inner = (
            {g.name for g in self.architecture.groups.values() if g.outer is not None and g.outer.name == name}
            if self.architecture
            else set()
        )
        self._set_folded((self.folded - {name}) | inner)

    def fold_all(self) -> None:
        """Fold the innermost groups; a second time, the outermost ones."""
        if self.architecture is None:
            return
        groups = self.architecture.groups.values()
        holding = {group.outer.name for group in groups if group.outer is not None}
        inner = frozenset(group.name for group in groups if group.name not in holding)
        self._set_folded(inner if not inner <= self.folded else frozenset(self.architecture.groups))

    def unfold_all(self) -> None:
        """Unfold every group."""
        self._set_folded(frozenset())

    def _set_folded(self, folded: frozenset[str]) -> None:
        if folded != self.folded:
            self.folded = folded
            self._draw()
            self.state_changed.emit()
            self.invalidate()

    # -- selection ---------------------------------------------------------------------------------------------------

    def _show_selection(self) -> None:
        found = [number for name in self.workspace.selection.layers if (number := self.node_of(name)) >= 0]
        marked = tuple(dict.fromkeys(found))
        if self.workspace.selection.layers != self._selected:
            self._selected, self._joint = self.workspace.selection.layers, ""
        nodes = self.canvas.shown.nodes
        at = next((number for number, node in enumerate(nodes) if self._joint and node.name == self._joint), -1)
        marked = (*marked, at) if at >= 0 else marked
        self.canvas.set_marked(marked)
        if marked:
            self.canvas.bring_into_view(marked[-1])

    def node_of(self, name: str) -> int:
        """Node that stands for a layer: its own, or the folded group around it; -1 for none."""
        layers = self.workspace.layers
        row = next((i for i, layer in enumerate(layers) if layer.name == name), -1)
        same = layers[row].same_as if row >= 0 else ""
        for number, node in enumerate(self.canvas.shown.nodes):
            if row in node.rows or node.name == name:
                return number
            if node.folded and (name.startswith((f"{node.name}.", f"{node.name}:"))):
                return number
        return self.node_of(same) if same and same != name else -1

    def _clicked(self, number: int, extend: bool) -> None:
        node = self.canvas.shown.nodes[number]
        if not node.rows:
            self._joint = node.name
            self._show_selection()
            return
        self._joint = ""
        names = {layer.name for layer in self.workspace.layers}
        own = node.name if node.name in names else self.workspace.layers[node.rows[-1]].name
        self.workspace.select_layer(own, extend)
        self._show_selection()

    # -- menu, figure and state --------------------------------------------------------------------------------------

    def _show_menu(self, place: QPoint, number: int) -> None:
        menu = QMenu(self)
        node = self.canvas.shown.nodes[number] if number >= 0 else None
        if node is not None and node.folded:
            menu.addAction("Unfold", partial(self.unfold, node.name))
        if node is not None and self.architecture is not None:
            opened = [
                g.name for g in self.architecture.around(node.parts[0]) if g.name in self.canvas.shown.open_groups
            ]
            for name in reversed(opened):
                menu.addAction(f"Fold {name}", partial(self.fold, name))
        menu.addAction("Show the whole graph", self.canvas.fit)
        why = self.why_no_figure()
        menu.addAction(f"Export figure… ({why})" if why else "Export figure…", self._export).setEnabled(not why)
        metric = self.metrics.get(self.metric_key)
        menu.addAction("What is this?", lambda: self.help_wanted.emit(metric.page if metric else "structure"))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(place)

    def why_no_figure(self) -> str:
        """Say in a few words why what is shown cannot be exported, "" if it can."""
        return self._figure().why_not()

    def figure_spec(self) -> FigureSpec | None:
        """Return the graph as it is folded and coloured as a figure, None if :meth:`why_no_figure` knows why."""
        return self._figure().spec() if self.architecture is not None else None

    def _figure(self) -> GraphFigure:
        return GraphFigure(self.workspace, self.metrics.get(self.metric_key), self.differing, self.folded)

    def _export(self) -> None:
        spec = self.figure_spec()
        if spec is not None:
            self.workspace.request_figure(spec)

    def state(self) -> dict[str, Any]:
        """Return colouring and folding as JSON values; a folding belongs to the network that it was made for."""
        folding = {"layers": len(self.workspace.layers), "folded": sorted(self.folded)} if self.architecture else None
        return {"metric": self.metric_key, "difference": self.differing, "folding": folding or self._kept}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state` returned; anything else is ignored."""
        metric = state.get("metric")
        self.metric_key = metric if isinstance(metric, str) else ""
        self.differing = state.get("difference") is True
        self._kept = state.get("folding")
        if self.architecture is not None:
            self.folded = self._kept_folds(self.architecture)
            self._draw(fit=True)
        self.invalidate()

    def _kept_folds(self, architecture: Architecture) -> frozenset[str]:
        """Folding that was stored for a network of this size whose groups have these names; else how a graph begins."""
        kept = self._kept if isinstance(self._kept, dict) else {}
        names = kept.get("folded")
        if kept.get("layers") != len(self.workspace.layers) or not isinstance(names, list):
            return architecture.first_folds()
        known = all(isinstance(name, str) and name in architecture.groups for name in names)
        return frozenset(names) if known else architecture.first_folds()


def node_value(node: GraphNode, values: Values, metric: Metric) -> float:
    """Value of a node: costs of a group are added, all else is that of the last row that has it; NaN for none."""
    there = [row for row in node.rows if values.states[row] <= ZERO]
    if not there:
        return float("nan")
    if metric.combine == "sum":
        return float(values.values[there].sum())
    return float(values.values[there[-1]])


def _flat(words: str, tip: str) -> QToolButton:
    button = QToolButton()
    button.setText(words)
    button.setToolTip(tip)
    button.setProperty("role", "flat")
    return button
