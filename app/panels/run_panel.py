"""The list of runs: queue, progress, history on disk, and what can be done with each."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect, QSortFilterProxyModel, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QShowEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QMenu,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.forms.go_on import TIP
from app.forms.widgets import GRID, Elided, button, label, row, tool
from app.history import History
from app.panels.runs_model import COLUMNS, SHARE, Row, RunsModel
from app.reading.glossary import RUN_TERMS
from app.reading.numbers import short
from app.theme import Theme
from app.workspace import Workspace

NOT_ON = (
    "A run that was cancelled, failed or was interrupted can go on where it stopped, if its method measures in parts"
)


class RunPanel(QWidget):
    """A table of runs with its tools.

    Parameters
    ----------
    workspace, history, theme
        Runs of this window, runs on disk, looks.
    """

    show_wanted = Signal(object)
    """Folder of a stored run to show."""
    cancel_wanted = Signal(int)
    again_wanted = Signal(object)
    """A request to carry out once more."""
    continue_wanted = Signal(object)
    """A request that goes on with an unfinished run."""
    form_wanted = Signal(object)
    """A request to show as a form, to be changed."""
    line_wanted = Signal(object)
    """A request whose command line is to be copied."""
    delete_wanted = Signal(object)
    """Folder of a run to move to the trash; the user has confirmed."""
    compare_wanted = Signal(int)
    """Number of a run to draw as an outline behind the others."""
    help_wanted = Signal(str)
    """Name of a help page."""

    def __init__(self, workspace: Workspace, history: History, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._workspace, self._history, self._theme = workspace, history, theme
        self.model = RunsModel(workspace, history, theme, self)
        self._proxy = QSortFilterProxyModel(self)
        self._proxy.setSourceModel(self.model)
        self._proxy.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._proxy.setFilterKeyColumn(-1)
        self.table = self._make_table()
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Filter")
        self.filter.setAccessibleName("Filter runs")
        self.filter.setClearButtonEnabled(True)
        self.filter.setMaximumWidth(200)
        self.filter.textChanged.connect(self._proxy.setFilterFixedString)
        self._use = label("", "small")
        self._confirm = self._make_confirm()
        self._deleting: Path | None = None
        self._tools = self._make_tools()
        box = QVBoxLayout(self)
        box.setContentsMargins(12, 0, 12, GRID)
        box.setSpacing(4)
        box.addLayout(self._tools)
        box.addWidget(self._confirm)
        box.addWidget(self.table, 1)
        self.table.selectionModel().selectionChanged.connect(self._show_tools)
        self.model.modelReset.connect(self._show_tools)
        self.model.dataChanged.connect(self._show_tools)
        history.changed.connect(self._show_use)
        theme.changed.connect(self._fit_rows)
        self._fit_rows()
        self._show_tools()
        self._show_use()

    def _show_header_menu(self, place: QPoint) -> None:
        header = self.table.horizontalHeader()
        section = header.logicalIndexAt(place)
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if 0 <= section < len(COLUMNS):
            menu.addAction("What is this?", lambda: self.help_wanted.emit(RUN_TERMS[COLUMNS[section]].page))
        menu.popup(header.mapToGlobal(place))

    def _make_table(self) -> QTableView:
        table = QTableView()
        table.setModel(self._proxy)
        table.setAccessibleName("Runs")
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        table.setShowGrid(False)
        table.setTabKeyNavigation(False)
        table.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        table.verticalHeader().hide()
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(self._show_header_menu)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Interactive)
        header.setResizeContentsPrecision(20)
        table.setColumnWidth(1, 220)
        table.setItemDelegateForColumn(1, ProgressDelegate(self._theme, table))
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.customContextMenuRequested.connect(self._show_menu)
        table.doubleClicked.connect(self._show)
        return table

    def _make_tools(self) -> QHBoxLayout:
        self._show_button = button("Show", self._show, tip="Show this stored run in the views")
        self._cancel_button = button("Cancel", self._cancel, tip="Stop at the next step; what has arrived is kept")
        self._on_button = button("Go on", self._go_on)
        self._again_button = button("Run again", self._again)
        self._compare_button = button("Compare", self._compare, tip="Draw as an outline behind the current run")
        self._line_button = tool(self._theme, "terminal", "Copy as command line", self._copy_line)
        self._rename_button = tool(self._theme, "rename", "Rename (F2)", self._rename)
        self._delete_button = tool(self._theme, "trash", "Move to the trash", self._ask_delete)
        buttons = (
            self._show_button,
            self._cancel_button,
            self._on_button,
            self._again_button,
            self._compare_button,
        )
        tools = row(*buttons, self._line_button, self._rename_button, self._delete_button, None, spacing=4)
        tools.addWidget(self._use)
        tools.addSpacing(GRID)
        tools.addWidget(self.filter)
        return tools

    def _make_confirm(self) -> QWidget:
        box = QWidget()
        self._confirm_text = Elided("")
        self._confirm_yes = button("Move to the trash", self._delete, name="Move the run to the trash")
        keep = button("Keep", self._keep, "flat", name="Keep the run")
        line = row(self._confirm_text, self._confirm_yes, keep)
        line.setStretchFactor(self._confirm_text, 1)
        box.setLayout(line)
        box.hide()
        return box

    def _fit_rows(self) -> None:
        height = self.table.fontMetrics().height() + 10
        self.table.verticalHeader().setDefaultSectionSize(height)
        self.table.verticalHeader().setMinimumSectionSize(height)

    # -- the chosen run ----------------------------------------------------------------------------------------------

    def chosen(self) -> Row | None:
        """Return the selected row."""
        indexes = self.table.selectionModel().selectedRows()
        return self.model.rows[self._proxy.mapToSource(indexes[0]).row()] if indexes else None

    def select_number(self, number: int) -> None:
        """Select a run of this window."""
        for place, entry in enumerate(self.model.rows):
            if entry.number == number:
                self.table.selectRow(self._proxy.mapFromSource(self.model.index(place, 0)).row())

    def _is_open(self, entry: Row) -> bool:
        run = self._workspace.runs.get(entry.number) if entry.number is not None else None
        return run is not None and run.open

    def _show_tools(self) -> None:
        entry = self.chosen()
        is_open = entry is not None and self._is_open(entry)
        stored = entry is not None and entry.folder is not None and not is_open
        self._show_button.setEnabled(stored)
        self._cancel_button.setEnabled(is_open)
        found = self.model.continuation(entry) if entry is not None else None
        self._on_button.setEnabled(found is not None and found.request is not None)
        self._on_button.setToolTip(
            f"{TIP}. {found.words}"
            if found is not None and found.request
            else NOT_ON
            if found is None
            else found.why_not
        )
        for item in (self._again_button, self._line_button):
            item.setEnabled(entry is not None)
        self._compare_button.setEnabled(entry is not None and not is_open and (entry.number is not None or stored))
        for item in (self._rename_button, self._delete_button):
            item.setEnabled(stored)

    def _show_use(self) -> None:
        runs = self._history.runs()
        if not runs:
            self._use.setText("No stored runs yet" if not self._history.reading else "Reading…")
            self._use.setToolTip(str(self._history.root))
            return
        size = short(self._history.total_size, "bytes")
        self._use.setText(f"{len(runs):,} stored run{'s' if len(runs) > 1 else ''}, {size}")
        self._use.setToolTip(str(self._history.root))

    def _show_menu(self, place: QPoint) -> None:
        if self.chosen() is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for text, source in (
            ("Show", self._show_button),
            ("Cancel", self._cancel_button),
            ("Go on", self._on_button),
            ("Run again", self._again_button),
            ("Change and run…", None),
            ("Compare", self._compare_button),
            ("Copy as command line", self._line_button),
            ("Rename", self._rename_button),
            ("Move to the trash", self._delete_button),
        ):
            action = menu.addAction(text)
            action.setEnabled(source is None or source.isEnabled())
            action.triggered.connect(partial(self._from_menu, source))
        menu.popup(self.table.viewport().mapToGlobal(place))

    def _from_menu(self, source: QAbstractButton | None, _checked: bool = False) -> None:
        if source is not None:
            source.click()
        elif entry := self.chosen():
            self.form_wanted.emit(entry.request)

    def showEvent(self, event: QShowEvent) -> None:
        """Look for runs that were made elsewhere, on the command line for example."""
        super().showEvent(event)
        if not self._history.reading:
            self._history.refresh()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter shows, Delete deletes, F2 renames (Qt's own), Escape keeps."""
        entry = self.chosen()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and entry:
            self._show()
        elif event.key() == Qt.Key.Key_Delete and self._delete_button.isEnabled():
            self._ask_delete()
        elif event.key() == Qt.Key.Key_Escape and self._confirm.isVisible():
            self._keep()
        else:
            super().keyPressEvent(event)

    # -- what is done with it ----------------------------------------------------------------------------------------

    def _show(self) -> None:
        entry = self.chosen()
        if entry and entry.folder and not self._is_open(entry):
            self.show_wanted.emit(entry.folder)

    def _cancel(self) -> None:
        entry = self.chosen()
        if entry and entry.number is not None:
            self.cancel_wanted.emit(entry.number)

    def _again(self) -> None:
        entry = self.chosen()
        if entry:
            self.again_wanted.emit(entry.request)

    def _go_on(self) -> None:
        entry = self.chosen()
        found = self.model.continuation(entry) if entry else None
        if found is not None and found.request is not None:
            self.continue_wanted.emit(found.request)

    def _compare(self) -> None:
        entry = self.chosen()
        if entry is None:
            return
        if entry.number is None and entry.folder:
            self.show_wanted.emit(entry.folder)
            run = next((run for run in self._workspace.runs.values() if run.folder == entry.folder), None)
            if run is None:
                return
            self.compare_wanted.emit(run.number)
        elif entry.number is not None:
            self.compare_wanted.emit(entry.number)

    def _copy_line(self) -> None:
        entry = self.chosen()
        if entry:
            self.line_wanted.emit(entry.request)

    def _rename(self) -> None:
        indexes = self.table.selectionModel().selectedRows()
        if indexes:
            self.table.edit(indexes[0])

    def _ask_delete(self) -> None:
        entry = self.chosen()
        if entry and entry.folder:
            self._deleting = entry.folder
            self._confirm_text.set_text(f"Move {entry.folder.name} ({self._size(entry.folder)}) to the trash?")
            self._confirm.show()
            self._confirm_yes.setFocus()

    def _size(self, folder: Path) -> str:
        return short(self._history.size(folder), "bytes")

    def _delete(self) -> None:
        folder, self._deleting = self._deleting, None
        self._confirm.hide()
        if folder:
            self.delete_wanted.emit(folder)

    def _keep(self) -> None:
        self._deleting = None
        self._confirm.hide()
        self.table.setFocus()


class ProgressDelegate(QStyledItemDelegate):
    """Draws a thin bar under the words of a run that goes on."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Draw the words, then the bar."""
        super().paint(painter, option, index)
        share = index.data(SHARE)
        if share is None:
            return
        rect: QRect = option.rect
        bar = rect.adjusted(4, rect.height() - 5, -8, -2)
        painter.fillRect(bar, self._theme.color("unused"))
        bar.setWidth(round(bar.width() * share))
        painter.fillRect(bar, self._theme.color("accent"))
