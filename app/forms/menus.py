"""Menus that offer what there is to show: measures by method, runs to compare with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from app.reading.comparing import candidates
from app.reading.measurements import Metric
from app.workspace import Workspace


def add_choice(menu: QMenu, words: str, chosen: bool, choose: Callable[[], object], tip: str = "") -> QAction:
    """Add an entry with a check mark."""
    action = menu.addAction(words)
    action.setCheckable(True)
    action.setChecked(chosen)
    action.setToolTip(tip)
    action.triggered.connect(lambda _on=False: choose())
    return action


def method_title(workspace: Workspace, method: str) -> str:
    """Words for a method: its title once the engine has told it, else its name."""
    info = workspace.method(method)
    return info.title if info else method.replace("_", " ").capitalize()


def fill_metrics(
    menu: QMenu,
    workspace: Workspace,
    metrics: Mapping[str, Metric],
    is_shown: Callable[[str], bool],
    toggle: Callable[[str], object],
    clear: bool = True,
) -> None:
    """Offer every measure under the title of its method, with its definition on hovering."""
    if clear:
        menu.clear()
    menu.setToolTipsVisible(True)
    before = ""
    for key, metric in metrics.items():
        if metric.method != before:
            menu.addSection(method_title(workspace, metric.method))
            before = metric.method
        add_choice(menu, metric.title, is_shown(key), partial(toggle, key), metric.definition)


def fill_compare(menu: QMenu, workspace: Workspace) -> None:
    """Offer the runs of other networks and checkpoints as an outline."""
    menu.clear()
    add_choice(menu, "Nothing", workspace.compared is None, partial(workspace.compare_with, None))
    menu.addSeparator()
    runs = candidates(workspace)
    if not runs:
        menu.addAction("Runs of other networks or checkpoints appear here").setEnabled(False)
    for run in runs:
        words = run.name if run.title or run.request.edits.empty else f"{run.name} (edited)"
        add_choice(menu, words, run.number == workspace.compared, partial(workspace.compare_with, run.number))
