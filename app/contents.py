"""What is in each panel, and what can be found by typing."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QUndoView, QWidget

from analysis.problems import AnalysisError
from analysis.request import Compute, Request
from app.actions import ACTIONS, first_keys, keys_of
from app.desk import Desk
from app.docks import DockInfo
from app.hints import told
from app.panels.palette import Entry
from app.reading.glossary import LAYER_TERMS, RUN_TERMS, TERMS, WEIGHT_TERMS
from app.reading.help_pages import INDEX, page, pages
from app.reading.options import OPTIONS
from app.reading.samples import number_asked
from app.slots import Slots
from app.tabs import ViewTabs

if TYPE_CHECKING:  # imported by the window itself, after its first paint
    from app.panels.comparison_bar import ComparisonBar

LEFT, RIGHT = Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea
BELOW = Qt.DockWidgetArea.BottomDockWidgetArea


class Window(Protocol):
    """What the panels need of the window."""

    desk: Desk
    slots: Slots
    tabs: ViewTabs
    comparison: ComparisonBar
    actions_by_id: dict[str, QAction]

    def show_method(self, name: str) -> None:
        """Show the form of a method."""

    def show_request(self, request: Request) -> None:
        """Show a form filled in as an earlier request."""

    def show_help(self, page: str) -> None:
        """Show a help page."""

    def show_option(self, name: str) -> None:
        """Show one of the settings."""

    def visit(self, name: str) -> None:
        """Show a view, also while nothing is open."""


def dock_infos(window: Window) -> tuple[DockInfo, ...]:
    """Return the panels, in the order in which they are stacked."""
    return (
        DockInfo("layers", "Layers", LEFT, partial(_layers, window), shown=True),
        DockInfo("graph", "Graph", LEFT, partial(_graph, window)),
        DockInfo("inspector", "Inspector", RIGHT, partial(_inspector, window), shown=True),
        DockInfo("setup", "Setup", RIGHT, partial(_setup, window), lone=True),
        DockInfo("measure", "Measure", RIGHT, partial(_measure, window), lone=True),
        DockInfo("figure", "Figure", RIGHT, partial(_figure, window), lone=True),
        DockInfo("history", "History", RIGHT, partial(_history, window), lone=True),
        DockInfo("help", "Help", RIGHT, partial(_help, window), lone=True),
        DockInfo("shortcuts", "Shortcuts", RIGHT, partial(_shortcuts, window), lone=True),
        DockInfo("settings", "Settings", RIGHT, partial(_settings, window), lone=True),
        DockInfo("runs", "Runs", BELOW, partial(_runs, window)),
        DockInfo("log", "Log", BELOW, partial(_log, window)),
    )


# The files of panels are imported when they are first shown: the window is on screen long before.


def _layers(window: Window) -> QWidget:
    from app.panels.layers_panel import LayersPanel

    panel = LayersPanel(window.desk.workspace, window.desk.theme)
    panel.help_wanted.connect(window.show_help)
    return panel


def _graph(window: Window) -> QWidget:
    from app.panels.graph_panel import GraphPanel

    panel = GraphPanel(window.desk.workspace, window.desk.theme)
    panel.help_wanted.connect(window.show_help)
    return panel


def _inspector(window: Window) -> QWidget:
    from app.panels.inspector import Inspector

    panel = Inspector(window.desk.workspace, window.desk.theme)
    panel.help_wanted.connect(window.show_help)
    return panel


def _figure(window: Window) -> QWidget:
    from app.forms.figure_form import FigureForm

    return FigureForm(window.desk.workspace, window.desk.theme)


def _setup(window: Window) -> QWidget:
    from app.panels.model_panel import ModelPanel

    desk = window.desk
    panel = ModelPanel(desk.workspace)
    panel.device.set_devices(desk.client.devices)
    panel.network.chosen.connect(desk.session.open_model)
    panel.pictures.chosen.connect(desk.session.open_images)
    panel.device.chosen.connect(partial(_choose_compute, desk))
    return panel


def _choose_compute(desk: Desk, compute: Compute) -> None:
    desk.workspace.set_compute(compute)
    desk.preferences.change(device=compute.device, dtype=compute.dtype, threads=compute.threads)


def _measure(window: Window) -> QWidget:
    from app.panels.measure_panel import MeasurePanel

    desk = window.desk
    panel = MeasurePanel(desk.workspace, desk.theme, desk.history)
    panel.wanted.connect(desk.measuring.measure)
    panel.stored_wanted.connect(desk.measuring.use)
    panel.line_wanted.connect(partial(_copy_line, desk))
    return panel


def _copy_line(desk: Desk, request: Request) -> None:
    from PySide6.QtGui import QGuiApplication

    try:
        QGuiApplication.clipboard().setText(desk.measuring.command_line(request))
    except AnalysisError as error:
        desk.notices.problem(told(error))
    else:
        desk.notices.say("The command line is on the clipboard.", "It gives the same result.", key="copied")


def _history(window: Window) -> QWidget:
    view = QUndoView(window.desk.workspace.undo)
    view.setEmptyLabel("As it was opened")
    view.setAccessibleName("Edit history")
    return view


def _help(window: Window) -> QWidget:
    from app.panels.help_panel import HelpPanel

    return HelpPanel(window.desk.theme)


def _settings(window: Window) -> QWidget:
    from app.panels.settings_panel import SettingsPanel

    panel = SettingsPanel(window.desk)
    panel.shortcuts_wanted.connect(window.slots.show_shortcuts)
    panel.folder_wanted.connect(window.slots.choose_runs_folder)
    return panel


def _shortcuts(window: Window) -> QWidget:
    from app.panels.shortcuts_panel import ShortcutsPanel

    return ShortcutsPanel(window.desk.theme, window.desk.preferences)


def _log(window: Window) -> QWidget:
    from app.panels.log_panel import LogPanel

    panel = LogPanel(window.desk.log, window.desk.theme)
    panel.copy_wanted.connect(window.slots.copy_diagnostics)
    return panel


def _runs(window: Window) -> QWidget:
    from app.panels.run_panel import RunPanel

    desk = window.desk
    panel = RunPanel(desk.workspace, desk.history, desk.theme)
    panel.show_wanted.connect(desk.session.open_run)
    panel.cancel_wanted.connect(desk.client.cancel)
    panel.again_wanted.connect(partial(desk.measuring.measure, anew=True))
    panel.continue_wanted.connect(desk.measuring.measure)
    panel.form_wanted.connect(window.show_request)
    panel.line_wanted.connect(partial(_copy_line, desk))
    panel.delete_wanted.connect(desk.measuring.delete)
    panel.compare_wanted.connect(desk.workspace.compare_with)
    panel.help_wanted.connect(window.show_help)
    return panel


ELSEWHERE = ("show_palette", "show_rank_lab")
"""Actions that the search leaves out: itself, and what it offers as a view."""
LISTED = (*LAYER_TERMS.values(), *RUN_TERMS.values())
"""Columns of lists, which are no measures."""


def findable(window: Window) -> list[Entry]:
    """Return everything that can be found by typing."""
    desk, workspace = window.desk, window.desk.workspace
    entries = []
    keys = desk.preferences.settings.keys
    for action in ACTIONS:
        made = window.actions_by_id[action.id]
        if made.isEnabled() and action.id not in ELSEWHERE:
            entries.append(
                Entry(action.text.rstrip("…"), "action", made.trigger, first_keys(keys_of(action, keys)), action.help)
            )
    for name, title in window.tabs.names():
        entries.append(Entry(title, "view", partial(window.visit, name)))
    for info in workspace.methods:
        if workspace.structure is not None or not info.needs:
            entries.append(Entry(f"Measure {info.title}", "method", partial(window.show_method, info.name)))
    entries += _help_entries(window)
    for option in OPTIONS:
        call, words = partial(window.show_option, option.name), option.name.replace("_", " ")
        entries.append(Entry(f"Setting: {option.title}", "setting", call, also=f"{option.help} {words}"))
    for stored in desk.history.runs()[:200]:
        method = workspace.method(stored.request.method)
        title = stored.title or f"{method.title if method else stored.request.method} · {stored.model}".rstrip(" ·")
        text = f"{title}  {stored.started[:16].replace('T', ' ')}"
        call = partial(desk.session.open_run, stored.folder)
        entries.append(Entry(text, "run", call, also=f"{stored.request.method} {stored.model}"))
    for found in window.comparison.found:
        call = partial(workspace.show_checkpoint, found.weights)
        entries.append(Entry(f"Checkpoint {found.title}", "checkpoint", call, also=found.state))
    for layer in workspace.layers:
        entries.append(Entry(layer.name, "layer", partial(workspace.select_layer, layer.name)))
    return entries


def pictures_named(window: Window, words: str) -> list[Entry]:
    """Return the loaded pictures that words name: by number, or by file as soon as Samples has listed them."""
    samples: Any = window.tabs.view("samples")
    if window.desk.workspace.images is None:
        return []
    asked = number_asked(words)
    found = samples.named(words) if samples is not None else [(asked, "")] if asked >= 0 else []
    return [
        Entry(f"Picture #{number}{f'  {file}' if file else ''}", "picture", partial(_go_to_picture, window, number))
        for number, file in found
    ]


def _go_to_picture(window: Window, number: int) -> None:
    window.visit("samples")
    samples: Any = window.tabs.view("samples")
    samples.go_to(number)


def _help_entries(window: Window) -> list[Entry]:
    """Return the help pages and every term, which leads to the row that defines it."""
    entries = []
    for found in pages():
        text = "" if found.name == INDEX else found.text
        entries.append(
            Entry(found.title, "help", partial(window.show_help, found.name), also=found.summary, within=text)
        )
    terms = list({known.page: known for known in (*TERMS.values(), *WEIGHT_TERMS.values(), *LISTED)}.values())
    often = Counter(known.title for known in terms)
    for known in terms:
        where = page(known.page)
        title = f"{known.title}, {where.title.lower()}" if often[known.title] > 1 and where else known.title
        entries.append(Entry(title, "term", partial(window.show_help, known.page), also=known.definition))
    return entries
