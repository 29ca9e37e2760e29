"""The window: what is where, and when each part is built."""

from __future__ import annotations

import base64
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDragLeaveEvent, QDropEvent, QMouseEvent, QShowEvent
from PySide6.QtWidgets import QLabel, QMainWindow, QStackedWidget, QToolBar, QVBoxLayout, QWidget

from analysis.remote import Hello
from analysis.request import Request
from app.actions import ACTIONS, fill_menus, make_actions, put_icons, put_keys
from app.desk import Desk
from app.keeping import LeftBehind
from app.notices import NoticeStack
from app.panels.start_page import StartPage
from app.panels.status_strip import StatusStrip
from app.panels.top_bar import TopBar
from app.slots import Slots
from app.workspace import Selection
from app.workspace_file import SUFFIX, Document, Layout

if TYPE_CHECKING:
    from app.docks import Docks
    from app.panels.palette import Palette
    from app.panels.question_panel import QuestionPanel
    from app.tabs import ViewTabs


class MainWindow(QMainWindow):
    """The window of LayerScope.

    Only the start page and the bars are built at once; :meth:`build` makes the rest after the first paint.

    Parameters
    ----------
    desk
        Everything that is not a widget.
    """

    painted = Signal()
    """The first paint is done; said once."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self.workspace, self.theme = desk.workspace, desk.theme
        self._built = False
        self._visiting = False
        self._applied = desk.preferences.settings
        self._question: QuestionPanel | None = None
        self._palette: Palette | None = None
        self.setWindowTitle("LayerScope")
        self.setAcceptDrops(True)
        self.setMinimumSize(640, 420)
        self.slots = Slots(self, desk)
        self.actions_by_id = make_actions(self, self.slots)
        put_keys(self.actions_by_id, desk.preferences.settings.keys)
        self._menus = fill_menus(self, self.actions_by_id)
        self.top_bar = TopBar(self.workspace, self.theme, desk.preferences, self.actions_by_id)
        self.start_page = StartPage(self.theme, desk.preferences, self.actions_by_id)
        self.strip = StatusStrip(self.workspace, desk.client, self.theme)
        self._lay_out()
        self.notice_stack = NoticeStack(desk.notices, self.theme.icon, self)
        self._drop_hint = QLabel("Drop to open", self)
        self._drop_hint.setObjectName("drop")
        self._drop_hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._drop_hint.hide()
        self._connect()
        self.refresh()

    def _lay_out(self) -> None:
        bar = QToolBar("Top bar")
        bar.setObjectName("bar")
        bar.setMovable(False)
        bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        bar.addWidget(self.top_bar)
        self.addToolBar(bar)
        self._pages = QStackedWidget()
        self._pages.addWidget(self.start_page)
        self._middle = QWidget()
        column = QVBoxLayout(self._middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._pages, 1)
        self.setCentralWidget(self._middle)
        status = self.statusBar()
        status.setSizeGripEnabled(False)
        status.addWidget(self.strip, 1)
        self.start_page.installEventFilter(self)

    def _connect(self) -> None:
        desk, workspace = self.desk, self.workspace
        self.top_bar.model_chosen.connect(desk.session.open_model)
        self.top_bar.images_chosen.connect(desk.session.open_images)
        self.top_bar.method_chosen.connect(self.show_method)
        self.top_bar.help_wanted.connect(self.show_help)
        self.start_page.model_chosen.connect(desk.session.open_model)
        self.start_page.workspace_chosen.connect(desk.session.open_path)
        self.start_page.restore_chosen.connect(self._restore)
        self.start_page.forget_chosen.connect(self._forget)
        self.strip.cancel_wanted.connect(desk.client.cancel)
        self.strip.runs_wanted.connect(lambda: self.docks.show("runs"))
        desk.session.question_changed.connect(self._show_question)
        desk.session.opened.connect(self._take_layout)
        desk.measuring.images_wanted.connect(self.slots.choose_images)
        desk.measuring.model_wanted.connect(self.slots.choose_model)
        desk.keeper.changed.connect(self._show_title)
        desk.keeper.layout = self.layout_now
        desk.keeper.enabled = desk.preferences.settings.autosave
        desk.client.ready.connect(self._on_ready)
        desk.preferences.changed.connect(self._take_preferences)
        workspace.model_changed.connect(self._end_visit)
        self.theme.changed.connect(self.notice_stack.redraw)
        for signal in (workspace.model_changed, workspace.runs_changed, workspace.selection_changed):
            signal.connect(self.refresh)
        workspace.run_finished.connect(self.refresh)
        workspace.undo.indexChanged.connect(self.refresh)
        workspace.figure_wanted.connect(self.show_figure)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Wait for the first paint, then build the rest from a zero timer; listen to the side buttons of the mouse."""
        if watched is not self.start_page:
            return self._side_button(event)
        if watched is self.start_page and event.type() == QEvent.Type.Paint:
            self.start_page.removeEventFilter(self)
            QTimer.singleShot(0, self, self._after_first_paint)
        return False

    def showEvent(self, event: QShowEvent) -> None:
        """Listen to the mouse where its events enter the window, before the widget below takes them."""
        super().showEvent(event)
        handle = self.windowHandle()
        handle.removeEventFilter(self)
        handle.installEventFilter(self)

    def _side_button(self, event: QEvent) -> bool:
        """Walk through past selections with the side buttons."""
        if event.type() != QEvent.Type.MouseButtonPress or not isinstance(event, QMouseEvent):
            return False
        steps = {Qt.MouseButton.BackButton: self.slots.step_back, Qt.MouseButton.ForwardButton: self.slots.step_forward}
        step = steps.get(event.button())
        if step is None or self.workspace.structure is None:
            return False
        step()
        return True

    def _after_first_paint(self) -> None:
        self.build()
        self.start_page.focus_first()
        self.painted.emit()

    # -- built after the first paint ---------------------------------------------------------------------------------

    def build(self) -> None:
        """Build docks and tabs; their contents follow when they are first shown."""
        if self._built:
            return
        self._built = True
        from app.contents import dock_infos
        from app.docks import Docks
        from app.panels.comparison_bar import ComparisonBar
        from app.tabs import ViewTabs
        from app.views import VIEWS

        put_icons(self.actions_by_id, self.theme.set_icon)
        self.tabs: ViewTabs = ViewTabs(self.workspace, self.theme, VIEWS)
        self.tabs.made.connect(self._connect_view)
        self.tabs.currentChanged.connect(self.desk.keeper.touch)
        self.tabs.way_changed.connect(self.refresh)
        self._pages.addWidget(self.tabs)
        layout = self._middle.layout()
        assert isinstance(layout, QVBoxLayout)
        self.comparison: ComparisonBar = ComparisonBar(self.workspace, self.theme)
        layout.insertWidget(layout.indexOf(self._pages), self.comparison)
        self.docks: Docks = Docks(self, self.theme, dock_infos(self))
        settings = self.desk.preferences.settings
        self.docks.restore(settings.layout)
        self.tabs.show_view(settings.tab)
        self.docks.changed.connect(self._show_switches)
        self.docks.changed.connect(self.notice_stack.raise_)
        self.refresh()

    def _connect_view(self, view: Any) -> None:
        view.view_wanted.connect(self.tabs.go_deep)
        view.help_wanted.connect(self.show_help)
        view.action_wanted.connect(self._trigger)
        view.state_changed.connect(self.desk.keeper.touch)

    def _trigger(self, action: str) -> None:
        if action in self.actions_by_id:
            self.actions_by_id[action].trigger()

    # -- what is shown -----------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show the start page or the views, and what can be done now."""
        workspace, is_open = self.workspace, self.workspace.structure is not None
        if self._built:
            self._pages.setCurrentWidget(self.tabs if is_open or self._visiting else self.start_page)
            self.docks.set_visible(is_open)
        stack = workspace.undo
        runs = [run for run in workspace.runs.values() if run.purpose != "open"]
        for name, enabled in (
            ("undo", stack.canUndo()),
            ("redo", stack.canRedo()),
            ("step_back", workspace.can_step_back),
            ("step_forward", workspace.can_step_forward),
            ("come_back", self._built and self.tabs.can_come_back),
            ("clear_selection", workspace.selection != Selection()),
            ("save_workspace", workspace.model is not None),
            ("save_workspace_as", workspace.model is not None),
            ("close_model", workspace.model is not None or self._visiting),
            ("compare_with", is_open),
            ("first_look", is_open),
            ("export_figure", is_open or self._visiting),
            ("copy_picture", is_open or self._visiting),
            ("measure_again", bool(runs)),
            ("cancel_run", any(run.open for run in workspace.runs.values())),
        ):
            self.actions_by_id[name].setEnabled(enabled)
        self.actions_by_id["undo"].setText(f"Undo {stack.undoText()}".strip())
        self.actions_by_id["redo"].setText(f"Redo {stack.redoText()}".strip())
        self.actions_by_id["update_live"].setChecked(self.desk.preferences.settings.update_live)
        for mode in ("system", "light", "dark"):
            self.actions_by_id[f"theme_{mode}"].setChecked(self.theme.mode == mode)
        self._show_switches()
        self._show_title()

    def _take_preferences(self) -> None:
        """Apply what is preferred since now; what is as it was stays as it is."""
        desk, before, now = self.desk, self._applied, self.desk.preferences.settings
        self._applied = now
        if now.shortcuts != before.shortcuts:
            put_keys(self.actions_by_id, now.keys)
        if now.theme != before.theme:
            self.theme.set_mode(now.theme)
        if now.font_scale != before.font_scale:
            self.theme.set_scale(now.font_scale)
        if now.runs_folder != before.runs_folder:
            desk.history.set_root(desk.preferences.runs_folder)
        desk.keeper.enabled = now.autosave
        self.refresh()

    def open_comparison(self) -> None:
        """Offer the runs to compare with, from any view."""
        self.comparison.open_menu()

    def visit(self, name: str) -> None:
        """Show a view, also while nothing is open; closing the network, or opening one, ends that."""
        self.build()
        self._visiting = True
        self.refresh()
        self.tabs.show_view(name)

    def _end_visit(self) -> None:
        if self._visiting:
            self._visiting = False
            self.refresh()

    def _show_switches(self) -> None:
        for entry in ACTIONS:
            if entry.check and entry.id.startswith("show_") and self._built:
                self.actions_by_id[entry.id].setChecked(self.docks.is_open(entry.id.removeprefix("show_")))

    def _show_title(self) -> None:
        keeper, structure = self.desk.keeper, self.workspace.structure
        name = structure.prepared.model if structure and structure.prepared else ""
        file = keeper.path.name.removesuffix(SUFFIX) if keeper.path else ""
        self.setWindowTitle(
            " — ".join(part for part in (f"{file}[*]" if file else "", name, "LayerScope") if part)
            + ("" if file else "[*]")
        )
        self.setWindowModified(bool(file) and keeper.modified)

    def _on_ready(self, hello: Hello) -> None:
        self.top_bar.set_devices(hello.devices)
        panel = self.docks.made("setup") if self._built else None
        if panel is not None:
            panel.device.set_devices(hello.devices)  # type: ignore[attr-defined]  # made lazily, known by its name only

    def _show_question(self) -> None:
        if self._question is not None:
            self._question.hide()
            self._question.deleteLater()
            self._question = None
        question = self.desk.session.question
        if question is None:
            return
        from app.panels.question_panel import QuestionPanel

        self._question = QuestionPanel(question, self.theme)
        self._question.chosen.connect(self.desk.session.open_model)
        self._question.dismissed.connect(self.desk.session.dismiss)
        self._question.file_wanted.connect(self.slots.open_file)
        layout = self._middle.layout()
        assert isinstance(layout, QVBoxLayout)
        layout.insertWidget(0, self._question)
        self._question.show()
        first = self._question.first_button()
        if first is not None:
            first.setFocus()

    def layout_now(self) -> Layout:
        """Return how the window looks, for a workspace file."""
        if not self._built:
            return Layout()
        return Layout(self.tabs.name, self.docks.open_names(), self.docks.state(), self.tabs.states())

    def _take_layout(self, document: Document) -> None:
        self.build()
        layout = document.layout
        if layout.state:
            self.docks.restore(layout.state, layout.docks)
        self.tabs.restore(dict(layout.views))
        self.tabs.show_view(layout.tab)

    def show_left_behind(self) -> None:
        """Offer, on the start page, to go on with earlier sessions."""
        self.start_page.set_left_behind(self.desk.keeper.left_behind())

    def _restore(self, left: LeftBehind) -> None:
        self.desk.session.restore(left.path)
        if left.crashed:
            self._forget(left)

    def _forget(self, left: LeftBehind) -> None:
        self.desk.keeper.forget(left)
        self.show_left_behind()

    def show_figure(self, spec: object) -> None:
        """Open the export of a figure."""
        form: Any = self.docks.show("figure")
        form.show_spec(spec)

    def show_method(self, name: str) -> None:
        """Show the form of a method."""
        self.panel("measure").show_method(name)

    def show_request(self, request: Request) -> None:
        """Show a form filled in as an earlier request."""
        self.panel("measure").show_request(request)

    def show_help(self, page: str) -> None:
        """Show a help page."""
        self.panel("help").show_page(page)

    def show_option(self, name: str) -> None:
        """Show one of the settings."""
        self.panel("settings").show_option(name)

    def panel(self, name: str) -> Any:
        """Open a panel and return its content."""
        self.build()
        return self.docks.show(name)

    def open_palette(self) -> None:
        """Find anything."""
        self.build()
        if self._palette is None:
            from app.contents import findable, pictures_named
            from app.panels.palette import Palette

            self._palette = Palette(lambda: findable(self), self.theme, self, partial(pictures_named, self))
        self._palette.open()

    def widget(self) -> QWidget:
        """Return the window itself, as the parent of dialogs."""
        return self

    # -- drops, size and end -----------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files, wherever over the window they are."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()
            self._drop_hint.setGeometry(self.rect().adjusted(16, 16, -16, -16))
            self._drop_hint.show()
            self._drop_hint.raise_()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Stop offering."""
        self._drop_hint.hide()
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what was dropped."""
        self._drop_hint.hide()
        event.acceptProposedAction()
        for url in event.mimeData().urls():
            if url.isLocalFile():
                self.desk.session.open_path(url.toLocalFile())

    def closeEvent(self, event: QCloseEvent) -> None:
        """Keep layout and session, and end the engine; nothing is asked."""
        if self._built:
            geometry = base64.b64encode(bytes(self.saveGeometry().data())).decode()
            tab, layout = self.tabs.name, self.docks.state()
            self.desk.preferences.change(geometry=geometry, layout=layout, tab=tab)
        self.desk.close()
        super().closeEvent(event)
