"""The layers of the open network: a tree or a list with costs and measures as coloured columns."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QModelIndex, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QMenu, QToolButton, QVBoxLayout, QWidget

from analysis.request import Request
from app.drawing.readout import Line
from app.forms import menus
from app.panels.layers_model import FACT_TITLES, FACTS, SWITCHED, Column, LayersModel
from app.panels.layers_tree import LayersTree
from app.reading import building, edited_rows, numbers
from app.reading.building import Bench
from app.reading.comparing import deltas, shown_layers
from app.reading.glossary import LAYER_TERMS, TERMS
from app.reading.measurements import RATIO, Metric, available, read, source, used_words
from app.reading.network_size import size_of
from app.reading.second_size import second_words
from app.reading.switched import changes
from app.theme import Theme
from app.workspace import ChosenConfiguration, Workspace

FIRST_COLUMNS = ("structure.width", f"feature_rank.{RATIO}")

LEAST = 16.0
"""Least width of the panel in sizes of the text: a name, its width and the filter."""
WIDE = 340
"""Pixels from which on widths and costs have columns of differences."""


class LayersPanel(QWidget):
    """Filter, tree and a line that says how much is shown."""

    help_wanted = Signal(str)
    state_changed = Signal()

    def __init__(self, workspace: Workspace, theme: Theme) -> None:
        super().__init__()
        self.workspace = workspace
        self.theme = theme
        self.columns: list[str] = ["name", *FIRST_COLUMNS]
        self.metrics: dict[str, Metric] = {}
        self.stale = True
        self._syncing = False
        self._folded: set[str] = set()
        self._bench = Bench()
        self._switched: ChosenConfiguration | None = None
        self._asked: Request | None = None
        self.model = LayersModel(self)
        self.filter, self.tree, self.summary = QLineEdit(), LayersTree(self.model, theme), Line(theme)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._build()
        self._connect()

    def _build(self) -> None:
        self.setObjectName("panel")
        self.setAccessibleName("Layers")
        self.filter.setPlaceholderText("Filter")
        self.filter.setAccessibleName("Filter layers")
        self.filter.setToolTip("Part of a name, type or kind; asterisks for patterns; several words narrow down")
        self.filter.setClearButtonEnabled(True)
        self.flat = QToolButton()
        self.flat.setText("List")
        self.flat.setCheckable(True)
        self.flat.setProperty("role", "flat")
        self.flat.setToolTip("A plain list in order of execution instead of a tree of modules")
        self.copying = QAction("Copy as table", self)
        self.copying.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        self.copying.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self.tree.addAction(self.copying)
        above = QHBoxLayout()
        above.setContentsMargins(8, 6, 8, 4)
        above.addWidget(self.filter, 1)
        above.addWidget(self.flat)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 4)
        layout.setSpacing(0)
        layout.addLayout(above)
        layout.addWidget(self.tree, 1)
        below = QHBoxLayout()
        below.setContentsMargins(8, 2, 8, 0)
        below.addWidget(self.summary)
        layout.addLayout(below)
        self._keep_width()

    def _keep_width(self) -> None:
        """Keep the width that a name and one column need: views of a narrow window would take it."""
        self.setMinimumWidth(round(LEAST * self.theme.text_size))

    def _connect(self) -> None:
        workspace = self.workspace
        for signal in (
            workspace.model_changed, workspace.runs_changed, workspace.run_changed, workspace.span_changed,
            workspace.compared_changed, workspace.edits_changed,
        ):  # fmt: skip
            signal.connect(self.invalidate)
        workspace.selection_changed.connect(self._take_selection)
        workspace.selection_changed.connect(self._take_configuration)
        self.theme.changed.connect(self.invalidate)
        self.theme.changed.connect(self._keep_width)
        self._soon.timeout.connect(self._refresh_now)
        self.filter.textChanged.connect(self._filter_changed)
        self.flat.toggled.connect(self._flat_changed)
        self.copying.triggered.connect(self.copy)
        self.tree.selectionModel().selectionChanged.connect(self._give_selection)
        self.tree.collapsed.connect(lambda index: self._fold(index, True))
        self.tree.expanded.connect(lambda index: self._fold(index, False))
        self.tree.customContextMenuRequested.connect(self._show_row_menu)
        header = self.tree.header()
        header.sectionClicked.connect(self._sort_by)
        header.customContextMenuRequested.connect(self._show_header_menu)

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

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show more differences where there is more room."""
        super().resizeEvent(event)
        if self.workspace.compared is not None and (event.oldSize().width() >= WIDE) != (event.size().width() >= WIDE):
            self.invalidate()

    def _refresh_now(self) -> None:
        if self.stale and self.isVisible():
            self.stale = False
            self.refresh()

    def refresh(self) -> None:
        """Show the rows and columns of what is open now."""
        workspace, model = self.workspace, self.model
        self.metrics = {metric.key: metric for metric in available(workspace)}
        model.code = self.theme.font("code")
        columns = self._columns()
        self._syncing = True
        reset = model.set_columns(columns)
        if model.layers is not workspace.layers or model.rows_between != workspace.span:
            if model.layers is not workspace.layers:
                self._folded.clear()
            model.layers, model.rows_between = workspace.layers, workspace.span
            reset = True
        if reset:
            self._rebuild()
        self._syncing = False
        self.tree.viewport().update()
        self._say_how_much()
        self._take_selection()

    def _columns(self) -> list[Column]:
        """Make the chosen columns, each with its difference where a network is compared with.

        In a narrow panel widths and costs go without: the overview shows them as outlines.
        """
        made = []
        self._switched = self.workspace.selection.configuration
        for key in self.columns:
            if key in FACTS or key in self.metrics:
                made.append(self._column(key))
            wanted = key in self.metrics and (self.metrics[key].method != "structure" or self.width() >= WIDE)
            if wanted and (found := deltas(self.workspace, self.metrics[key])) is not None:
                made.append(Column.of_delta(self.metrics[key], found))
        if self._switched is not None:
            self._ask_for_plan()
            made.insert(1, Column.of_changes(changes(self.workspace, self._bench)))
        return made

    def _ask_for_plan(self) -> None:
        """Have the engine draw what decides the sizes of maps, quietly and once for each network."""
        if building.points_run(self.workspace) is None and self.workspace.method(building.POINTS) is not None:
            request = building.points_request(self.workspace)
            if request != self._asked:
                self._asked = request
                self.workspace.request_look(request)

    def _take_configuration(self) -> None:
        """Show what the selected configuration changes."""
        if self.workspace.selection.configuration != self._switched:
            self.invalidate()

    def _column(self, key: str) -> Column:
        if key in FACTS:
            return Column(key, FACT_TITLES[key])
        metric = self.metrics[key]
        run, workspace = source(self.workspace, metric), self.workspace
        # Beside another network an edited one has its own widths and costs, from which the differences are taken.
        rows = workspace.layers if workspace.compared is None else shown_layers(workspace)
        edited = metric.method == "structure" and workspace.compared is None
        after = edited_rows.by_layer(workspace, metric.output) if edited else {}
        return Column.of(metric, read(metric, rows, run.result if run else None, workspace.shown_weights), after)

    def _rebuild(self) -> None:
        """Lay out the rows again and unfold what was unfolded; a filter unfolds everything."""
        before, self._syncing = self._syncing, True
        self.model.rebuild()
        self.tree.setRootIsDecorated(not self.model.flat)
        self.tree.expandAll()
        if not self.model.pattern:
            for name in self._folded:
                self.tree.setExpanded(self.model.index_of(name), False)
        self._syncing = before
        self.tree.fit_columns()
        self.tree.show_order()

    def _say_how_much(self) -> None:
        layers, shown = self.workspace.layers, self.model.count()
        if not layers:
            self.summary.say("No network is open.")
            return
        if shown < len(layers):
            span = ", range of the overview" if self.model.rows_between else ""
            self.summary.say(f"{shown} of {len(layers)} rows{span}", used_words(self.workspace))
            return
        size = size_of(self.workspace)
        words, details = f"{len(layers)} rows · {size.words}", size.details
        counted, used = self.workspace.counted, used_words(self.workspace)
        if counted is not None and used:  # weights are shared: what is stored is less than what is computed with
            words += f" ({numbers.short(counted.value('total_parameters_used'))} used)"
            details += f"; {used}"
        second = second_words(self.workspace)
        self.summary.say(" · ".join(filter(None, (words, second))), "\n".join(filter(None, (details, second))))

    # -- selection ---------------------------------------------------------------------------------------------------

    def _take_selection(self) -> None:
        """Show what is selected in the workspace."""
        if self._syncing or not self.isVisible():
            self.stale = self.stale or not self.isVisible()
            return
        wanted = [index for name in self.workspace.selection.layers if (index := self.model.index_of(name)).isValid()]
        chosen = self.tree.selectionModel()
        if {index.internalId() for index in chosen.selectedRows()} == {index.internalId() for index in wanted}:
            return
        self._syncing = True
        selection = QItemSelection()
        for index in wanted:
            selection.select(index, index)
        flags = QItemSelectionModel.SelectionFlag
        chosen.select(selection, flags.ClearAndSelect | flags.Rows)
        if wanted:
            chosen.setCurrentIndex(wanted[-1], flags.NoUpdate)
            self.tree.scrollTo(wanted[-1])
        self._syncing = False

    def _give_selection(self, _selected: QItemSelection, _deselected: QItemSelection) -> None:
        """Tell the workspace what was selected here; the current row comes last."""
        if self._syncing:
            return
        names: dict[str, None] = {}
        for index in self.tree.selectionModel().selectedRows():
            names |= dict.fromkeys(self.model.names_below(index))
        current = self.model.node(self.tree.currentIndex()).name
        if current in names:
            names.pop(current)
            names[current] = None
        self._syncing = True
        self.workspace.select(replace(self.workspace.selection, layers=tuple(names), channel=-1))
        self._syncing = False

    # -- what the user arranges --------------------------------------------------------------------------------------

    def _filter_changed(self, pattern: str) -> None:
        self.model.pattern = pattern
        self._rebuild()
        self._say_how_much()
        self._take_selection()

    def _flat_changed(self, flat: bool) -> None:
        self.model.flat = flat
        self._rebuild()
        self._take_selection()
        self.state_changed.emit()

    def _fold(self, index: QModelIndex, folded: bool) -> None:
        if self._syncing or self.model.pattern:
            return
        name = self.model.node(index).name
        self._folded = self._folded | {name} if folded else self._folded - {name}

    def _sort_by(self, section: int) -> None:
        """Sort by a column: first the larger values, then the smaller, then the order of execution again."""
        column = self.model.columns[section]
        first_falling = column.metric is not None
        key, falling = self.model.sorted_by
        if key != column.key:
            self.model.sorted_by = (column.key, first_falling)
        elif falling == first_falling:
            self.model.sorted_by = (column.key, not falling)
        else:
            self.model.sorted_by = ("", False)
        self._rebuild()
        self._take_selection()

    def toggle_column(self, key: str) -> None:
        """Show a column or take it away: a fact or the key of a metric."""
        self.columns = (
            [other for other in self.columns if other != key] if key in self.columns else [*self.columns, key]
        )
        self.state_changed.emit()
        self.refresh()

    def copy(self) -> None:
        """Put the selected rows, or all if none is, on the clipboard as tab-separated text with exact numbers."""
        chosen = {id(self.model.node(index)) for index in self.tree.selectionModel().selectedRows()}
        nodes = [node for node in self.model.walk() if not chosen or id(node) in chosen]
        QGuiApplication.clipboard().setText(self.model.table(nodes))

    # -- menus -------------------------------------------------------------------------------------------------------

    def fill_columns_menu(self, menu: QMenu) -> None:
        """Offer every fact and every measure as a column."""
        for key in FACTS[1:]:
            menus.add_choice(menu, FACT_TITLES[key], key in self.columns, partial(self.toggle_column, key))
        menus.fill_metrics(
            menu, self.workspace, self.metrics, self.columns.__contains__, self.toggle_column, clear=False
        )

    def _show_header_menu(self, place: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        section = self.tree.header().logicalIndexAt(place)
        column = self.model.columns[section] if 0 <= section < len(self.model.columns) else None
        if column is not None and column.metric is not None:
            metric = column.metric
            menu.addAction(f"Hide {column.title.lower()}", lambda: self.toggle_column(metric.key))
            menu.addAction("What is this?", lambda: self.help_wanted.emit(metric.page))
        elif column is not None and column.changes is not None:
            menu.addAction("What is this?", lambda: self.help_wanted.emit(TERMS[SWITCHED].page))
        elif column is not None and column.title in LAYER_TERMS:
            page = LAYER_TERMS[column.title].page
            menu.addAction("What is this?", lambda: self.help_wanted.emit(page))
        menu.addSection("Columns")
        self.fill_columns_menu(menu)
        menu.popup(self.tree.header().mapToGlobal(place))

    def _show_row_menu(self, place: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(self.copying)
        name = self.model.node(self.tree.indexAt(place)).name
        if name:
            menu.addAction("Copy name", lambda: QGuiApplication.clipboard().setText(name))
        menu.addAction("Unfold all", self.tree.expandAll)
        menu.addAction("Fold all", self.tree.collapseAll)
        self.fill_columns_menu(menu.addMenu("Columns"))
        menu.popup(self.tree.viewport().mapToGlobal(place))

    # -- state -------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Return columns and form as JSON values."""
        return {"columns": list(self.columns), "flat": self.flat.isChecked()}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state` returned; anything else is ignored."""
        columns = state.get("columns")
        if isinstance(columns, list) and "name" in columns:
            self.columns = [str(key) for key in columns]
        self.flat.setChecked(state.get("flat") is True)
        self.invalidate()
