"""A slot for every entry of the table of actions. What is done lies in the session and in measuring."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QWidget

from analysis import __version__
from analysis.problems import AnalysisError
from app.actions import ACTIONS, first_keys, keys_of
from app.desk import Desk
from app.hints import told
from app.log import diagnostics
from app.notices import NoticeAction
from app.workspace import Selection
from app.workspace_file import SUFFIX

if TYPE_CHECKING:  # imported by the window itself, after its first paint
    from app.docks import Docks
    from app.tabs import ViewTabs

STEP = 1.1
"""Factor between two font sizes."""


class Window(Protocol):
    """What slots need of the window."""

    docks: Docks
    tabs: ViewTabs

    def widget(self) -> QWidget:
        """Return the window itself, as the parent of dialogs."""

    def build(self) -> None:
        """Build docks and tabs."""

    def refresh(self) -> None:
        """Show what can be done now."""

    def open_comparison(self) -> None:
        """Offer the runs to compare with."""

    def panel(self, name: str) -> Any:
        """Open a panel and return its content."""

    def show_figure(self, spec: object) -> None:
        """Open the export of a figure."""

    def show_left_behind(self) -> None:
        """Offer earlier sessions."""

    def visit(self, name: str) -> None:
        """Show a view, also while nothing is open."""

    def open_palette(self) -> None:
        """Open the search."""

    def close(self) -> bool:
        """Close the window."""


class Slots(QObject):
    """One slot per action, of the same name.

    Parameters
    ----------
    window
        The window, also the parent of file dialogs.
    desk
        Everything that is not a widget.
    """

    def __init__(self, window: Window, desk: Desk) -> None:
        super().__init__()
        self._window, self._desk = window, desk

    # -- File --------------------------------------------------------------------------------------

    def open_file(self) -> None:
        """Choose a file and open it, whatever it is."""
        path, _ = QFileDialog.getOpenFileName(
            self._window.widget(), "Open a network, weights, pictures, a run or a workspace"
        )
        if path:
            self._desk.session.open_path(path)

    def open_folder(self) -> None:
        """Choose a folder and open it, whatever it holds."""
        path = QFileDialog.getExistingDirectory(self._window.widget(), "Open pictures, checkpoints or a run")
        if path:
            self._desk.session.open_path(path)

    def choose_model(self) -> None:
        """Show the form of the network."""
        self._window.panel("setup").show_part("model")

    def choose_images(self) -> None:
        """Show the form of the pictures."""
        self._window.panel("setup").show_part("images")

    def choose_device(self) -> None:
        """Show the form of the device."""
        self._window.panel("setup").show_part("device")

    def open_demo(self) -> None:
        """Open the demo."""
        self._desk.session.open_demo()

    def save_workspace(self) -> None:
        """Save to the file of this workspace; ask for one if there is none."""
        if self._desk.keeper.path is None:
            return self.save_workspace_as()
        return self._save(self._desk.keeper.path)

    def save_workspace_as(self) -> None:
        """Choose a file and save the workspace."""
        start = str(self._desk.keeper.path or Path.home() / f"workspace{SUFFIX}")
        path, _ = QFileDialog.getSaveFileName(self._window.widget(), "Save workspace", start, f"Workspaces (*{SUFFIX})")
        if path:
            self._save(Path(path if path.endswith(".json") else path + SUFFIX))

    def _save(self, path: Path) -> None:
        try:
            self._desk.keeper.save(path)
        except AnalysisError as error:
            self._desk.notices.problem(told(error))
            return
        self._desk.preferences.replace(self._desk.preferences.settings.with_workspace(str(path)))
        self._desk.notices.say(f"Saved as {path.name}.", key="saved")

    def close_model(self) -> None:
        """Close everything that is open; the start page is back."""
        self._desk.session.close_model()
        self._window.show_left_behind()

    def export_figure(self) -> None:
        """Open the export of what the view in front shows."""
        view: Any = self._window.tabs.view()
        spec = view.figure_spec() if view is not None else None
        if spec is None:
            why_not = view.why_no_figure() if view is not None else ""
            words = (why_not, "") if why_not else ("This view has nothing to export yet.", "Measure something first.")
            self._desk.notices.say(*words, key="figure")
        else:
            self._window.show_figure(spec)

    def copy_picture(self) -> None:
        """Copy the view in front to the clipboard as a picture."""
        view = self._window.tabs.view()
        if view is not None:
            QGuiApplication.clipboard().setPixmap(view.grab())
            self._desk.notices.say("The view is on the clipboard.", key="copied")

    def quit(self) -> None:
        """Leave."""
        self._window.close()

    # -- Edit --------------------------------------------------------------------------------------

    def undo(self) -> None:
        """Take back the last edit."""
        self._desk.workspace.undo.undo()

    def redo(self) -> None:
        """Do the edit again that was taken back."""
        self._desk.workspace.undo.redo()

    def show_history(self) -> None:
        """Show all edits; a click goes back to one."""
        self._window.panel("history").setFocus()

    def compare_with(self) -> None:
        """Offer the runs of other networks and checkpoints to compare with."""
        self._window.open_comparison()

    def step_back(self) -> None:
        """Select what was selected before."""
        self._desk.workspace.step_back()

    def step_forward(self) -> None:
        """Select what was selected after."""
        self._desk.workspace.step_forward()

    def come_back(self) -> None:
        """Show the view again from which a double click led here."""
        self._window.tabs.come_back()

    def clear_selection(self) -> None:
        """Select nothing, and drop the brushed range."""
        self._desk.workspace.select(Selection())
        self._desk.workspace.set_span(None)

    def show_palette(self) -> None:
        """Find anything."""
        self._window.open_palette()

    def show_settings(self) -> None:
        """Show the settings."""
        self._window.panel("settings").setFocus()

    # -- View --------------------------------------------------------------------------------------

    def show_layers(self, is_open: bool) -> None:
        """Open or close the list of layers."""
        self._window.docks.set_open("layers", is_open)

    def show_graph(self, is_open: bool) -> None:
        """Open or close the architecture graph."""
        self._window.build()
        self._window.docks.set_open("graph", is_open)

    def show_inspector(self, is_open: bool) -> None:
        """Open or close the inspector."""
        self._window.docks.set_open("inspector", is_open)

    def show_runs(self, is_open: bool) -> None:
        """Open or close the list of runs."""
        self._window.build()
        self._window.docks.set_open("runs", is_open)

    def show_log(self, is_open: bool) -> None:
        """Open or close the log."""
        self._window.build()
        self._window.docks.set_open("log", is_open)

    def show_setup(self, is_open: bool) -> None:
        """Open or close the forms of network, pictures and device."""
        self._window.build()
        self._window.docks.set_open("setup", is_open)

    def next_view(self) -> None:
        """Show the next view."""
        self._window.tabs.step(1)

    def previous_view(self) -> None:
        """Show the view before."""
        self._window.tabs.step(-1)

    def larger_text(self) -> None:
        """Make all text larger."""
        self._scale(self._desk.theme.scale * STEP)

    def smaller_text(self) -> None:
        """Make all text smaller."""
        self._scale(self._desk.theme.scale / STEP)

    def normal_text(self) -> None:
        """Make all text as large as the system says."""
        self._scale(1.0)

    def _scale(self, scale: float) -> None:
        self._desk.theme.set_scale(scale)
        self._desk.preferences.change(font_scale=self._desk.theme.scale)

    def theme_system(self, _on: bool) -> None:
        """Follow the colours of the system."""
        self._set_mode("system")

    def theme_light(self, _on: bool) -> None:
        """Use light colours."""
        self._set_mode("light")

    def theme_dark(self, _on: bool) -> None:
        """Use dark colours."""
        self._set_mode("dark")

    def _set_mode(self, mode: str) -> None:
        self._desk.theme.set_mode(mode)
        self._desk.preferences.change(theme=mode)
        self._window.refresh()

    def restore_layout(self) -> None:
        """Put all panels where they were at the first start."""
        self._window.build()
        self._window.docks.reset()

    # -- Measure -----------------------------------------------------------------------------------

    def first_look(self) -> None:
        """Measure rank and accuracy on a small sample."""
        self._desk.measuring.first_look()

    def measure_again(self) -> None:
        """Carry out the last run once more."""
        self._desk.measuring.measure_again()

    def cancel_run(self) -> None:
        """Stop what is being computed."""
        self._desk.measuring.cancel_current()

    def show_rank_lab(self) -> None:
        """Show the rank lab, with or without a network."""
        self._window.visit("rank_lab")

    def restart_engine(self) -> None:
        """End the engine, whatever it does, and start a new one."""
        self._desk.client.restart()

    def choose_runs_folder(self) -> None:
        """Choose where runs are written."""
        path = QFileDialog.getExistingDirectory(
            self._window.widget(), "Folder of runs", str(self._desk.preferences.runs_folder)
        )
        if path:
            self._desk.preferences.change(runs_folder=path)

    def update_live(self, is_on: bool) -> None:
        """Measure by itself after every edit, or not."""
        self._desk.preferences.change(update_live=is_on)

    # -- Help --------------------------------------------------------------------------------------

    def show_shortcuts(self) -> None:
        """Show all keyboard shortcuts."""
        self._window.panel("shortcuts").setFocus()

    def show_definitions(self) -> None:
        """Show the help pages."""
        self._window.panel("help").setFocus()

    def copy_diagnostics(self) -> None:
        """Copy what a report of a fault needs."""
        client = self._desk.client
        QGuiApplication.clipboard().setText(diagnostics(self._desk.log, client.devices, client.state))
        self._desk.notices.say("Diagnostics are on the clipboard.", "They hold no personal paths.", key="copied")

    def about(self) -> None:
        """Say what this is."""
        text = f"LayerScope {__version__}: look inside trained convolutional networks."
        way = NoticeAction("Copy diagnostics", self.copy_diagnostics)
        shortcuts = next(entry for entry in ACTIONS if entry.id == "show_shortcuts")
        self._desk.notices.say(
            text, f"Keyboard shortcuts: {first_keys(keys_of(shortcuts, self._desk.preferences.settings.keys))}", way
        )
