"""The layers of the open network: a tree or a list with costs and measures as coloured columns."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import (
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import (
    QAction,
    QColor,
    QFontMetrics,
    QGuiApplication,
    QKeySequence,
    QPainter,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolButton,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from app import numbers
from app.measurements import RATIO, Metric, available, read, source
from app.panels.layers_model import FACT_TITLES, FACTS, Column, LayersModel, Node
from app.readout import Line
from app.theme import Theme
from app.workspace import Selection, Workspace

FIRST_COLUMNS = ("structure.width", f"feature_rank.{RATIO}")
NARROWEST_NAME, WIDEST_NAME = 80, 240


class CellDelegate(QStyledItemDelegate):
    """Paints cells straight from the model; measured ones in the colour of their value.

    Qt's own delegate asks the model for a dozen roles per cell, which is too slow for scrolling in Python.
    """

    def __init__(self, theme: Theme, model: LayersModel, parent: QWidget) -> None:
        super().__init__(parent)
        self.theme = theme
        self.model = model
        self._inks: dict[int, tuple[QColor, QColor]] = {}
        theme.changed.connect(self.take_colors)
        self.take_colors()

    def take_colors(self) -> None:
        """Read colours and fonts again."""
        theme = self.theme
        self._inks.clear()
        self._text, self._soft, self._selected = (theme.color(role) for role in ("text", "text_soft", "selected"))
        self._plain, self._code = theme.font(), theme.font("code")

    def _heat(self, share: float) -> tuple[QColor, QColor]:
        step = round(48 * min(1.0, max(0.0, share)))
        if step not in self._inks:
            color = self.theme.heat(0.06 + 0.78 * step / 48)
            self._inks[step] = (color, self.theme.text_on(color))
        return self._inks[step]

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Paint one cell."""
        node, column = self.model.node(index), self.model.columns[index.column()]
        rect = option.rect
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, self._selected)
        text, share, ink = self.model.text(node, column), self.model.heat(node, column), self._text
        if share is not None:
            color, ink = self._heat(share)
            painter.fillRect(rect.adjusted(3, 1, -1, -1), color)
        if not text:
            return
        painter.setPen(ink if column.metric is None or node.row >= 0 else self._soft)
        painter.setFont(self._code if column.key == "name" else self._plain)
        side = Qt.AlignmentFlag.AlignLeft if column.metric is None else Qt.AlignmentFlag.AlignRight
        painter.drawText(rect.adjusted(3, 0, -7, 0), side | Qt.AlignmentFlag.AlignVCenter, text)

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        """Return a height that leaves air between two rows."""
        metrics = QFontMetrics(self._plain)
        code = QFontMetrics(self._code)
        return QSize(60, max(metrics.height(), code.height()) + 5)


class LayersTree(QTreeView):
    """A tree that tells when it has become wider or narrower, also by its own scroll bar."""

    resized = Signal()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Tell that columns have to be fitted."""
        super().resizeEvent(event)
        self.resized.emit()


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
        self.model = LayersModel(self)
        self.filter, self.tree, self.summary = QLineEdit(), LayersTree(), Line(theme)
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
        tree = self.tree
        tree.setModel(self.model)
        tree.setItemDelegate(CellDelegate(self.theme, self.model, tree))
        tree.setUniformRowHeights(True)
        tree.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        tree.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        tree.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        tree.setSortingEnabled(False)
        tree.setAnimated(False)
        tree.setIndentation(10)
        tree.setAccessibleName("Layers of the network")
        tree.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header = tree.header()
        header.setSectionsClickable(True)
        header.setSortIndicatorShown(False)
        header.setSectionsMovable(False)
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(36)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.copying = QAction("Copy as table", self)
        self.copying.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        self.copying.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        tree.addAction(self.copying)
        above = QHBoxLayout()
        above.setContentsMargins(8, 6, 8, 4)
        above.addWidget(self.filter, 1)
        above.addWidget(self.flat)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 4)
        layout.setSpacing(0)
        layout.addLayout(above)
        layout.addWidget(tree, 1)
        below = QHBoxLayout()
        below.setContentsMargins(8, 2, 8, 0)
        below.addWidget(self.summary)
        layout.addLayout(below)

    def _connect(self) -> None:
        workspace = self.workspace
        for signal in (workspace.model_changed, workspace.runs_changed, workspace.run_changed, workspace.span_changed):
            signal.connect(self.invalidate)
        workspace.selection_changed.connect(self._take_selection)
        self.theme.changed.connect(self.invalidate)
        self._soon.timeout.connect(self._refresh_now)
        self.filter.textChanged.connect(self._filter_changed)
        self.flat.toggled.connect(self._flat_changed)
        self.copying.triggered.connect(self.copy)
        self.tree.selectionModel().selectionChanged.connect(self._give_selection)
        self.tree.collapsed.connect(lambda index: self._fold(index, True))
        self.tree.expanded.connect(lambda index: self._fold(index, False))
        self.tree.customContextMenuRequested.connect(self._show_row_menu)
        self.tree.resized.connect(self._fit_columns)
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

    def _refresh_now(self) -> None:
        if self.stale and self.isVisible():
            self.stale = False
            self.refresh()

    def refresh(self) -> None:
        """Show the rows and columns of what is open now."""
        workspace, model = self.workspace, self.model
        self.metrics = {metric.key: metric for metric in available(workspace)}
        model.code = self.theme.font("code")
        columns = [self._column(key) for key in self.columns if key in FACTS or key in self.metrics]
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

    def _column(self, key: str) -> Column:
        if key in FACTS:
            return Column(key, FACT_TITLES[key])
        metric = self.metrics[key]
        run = source(self.workspace, metric)
        return Column.of(metric, read(metric, self.workspace.layers, run.result if run else None))

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
        self._fit_columns()
        self._show_order()

    def _say_how_much(self) -> None:
        layers, shown = self.workspace.layers, self.model.count()
        if not layers:
            self.summary.say("No network is open.")
            return
        if shown < len(layers):
            span = ", range of the overview" if self.model.rows_between else ""
            self.summary.say(f"{shown} of {len(layers)} rows{span}")
            return
        parameters, macs = (sum(getattr(layer, name) for layer in layers) for name in ("parameters", "macs"))
        words = f"{len(layers)} rows · {numbers.short(macs)} MACs · {numbers.short(parameters)} parameters"
        self.summary.say(words, f"{parameters:,} parameters, {macs:,} multiply-adds for one picture")

    def _fit_columns(self) -> None:
        """Give measures the room of their titles and the name what is left."""
        header, count = self.tree.header(), self.model.columnCount()
        metrics = header.fontMetrics()
        taken = 0
        for section in range(1, count):
            title = str(self.model.headerData(section, Qt.Orientation.Horizontal))
            width = max(44, metrics.horizontalAdvance(title) + 17)
            header.resizeSection(section, width)
            taken += width
        if count:
            header.resizeSection(0, max(self._name_width(), self.tree.viewport().width() - taken))

    def _name_width(self) -> int:
        """Room that the longest name needs with its indentation, within limits."""
        metrics, step = QFontMetrics(self.theme.font("code")), self.tree.indentation()
        flat = self.model.flat
        needed = (
            metrics.horizontalAdvance(node.label) + (0 if flat else step * node.depth) + 6 for node in self._widest()
        )
        return min(WIDEST_NAME, max(NARROWEST_NAME, max(needed, default=0)))

    def _widest(self) -> list[Node]:
        """Return the nodes with the longest labels of every depth; measuring all 5,000 would be slow."""
        longest: dict[int, Node] = {}
        for node in self.model.walk():
            kept = longest.get(node.depth)
            if kept is None or len(node.label) > len(kept.label):
                longest[node.depth] = node
        return list(longest.values())

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
        self.workspace.select(Selection(tuple(names), sample=self.workspace.selection.sample))
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

    def _show_order(self) -> None:
        key, falling = self.model.sorted_by
        section = next((i for i, column in enumerate(self.model.columns) if column.key == key), -1)
        header = self.tree.header()
        header.setSortIndicatorShown(section >= 0)
        order = Qt.SortOrder.DescendingOrder if falling else Qt.SortOrder.AscendingOrder
        header.setSortIndicator(section, order)

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
        menu.setToolTipsVisible(True)
        for key in FACTS[1:]:
            self._add_choice(menu, key, FACT_TITLES[key], "")
        before = ""
        for metric in self.metrics.values():
            if metric.method != before:
                info = self.workspace.method(metric.method)
                menu.addSection(info.title if info else metric.method.replace("_", " ").capitalize())
                before = metric.method
            self._add_choice(menu, metric.key, metric.title, metric.definition)

    def _add_choice(self, menu: QMenu, key: str, title: str, tip: str) -> None:
        action = menu.addAction(title)
        action.setCheckable(True)
        action.setChecked(key in self.columns)
        action.setToolTip(tip)
        action.triggered.connect(lambda _on=False: self.toggle_column(key))

    def _show_header_menu(self, place: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        section = self.tree.header().logicalIndexAt(place)
        column = self.model.columns[section] if 0 <= section < len(self.model.columns) else None
        if column is not None and column.metric is not None:
            metric = column.metric
            menu.addAction(f"Hide {column.title.lower()}", lambda: self.toggle_column(metric.key))
            menu.addAction("What is this?", lambda: self.help_wanted.emit(metric.page))
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
