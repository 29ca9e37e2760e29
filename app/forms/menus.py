"""Menus that offer what there is to show: measures by method, runs to compare with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QInputDialog, QMenu, QWidget

from app.reading.measurements import Metric
from app.reading.second_choices import choices, is_chosen
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
    """Offer other networks, checkpoints and edits to compare with: one entry each, and a way to those not measured."""
    menu.clear()
    menu.setToolTipsVisible(True)
    add_choice(menu, "Nothing", workspace.compared is None, partial(workspace.compare_with, None))
    found = choices(workspace)
    menu.addSeparator()
    if not found:
        menu.addAction("Measured networks and checkpoints appear here").setEnabled(False)
    for choice in found:
        number = choice.run.number
        words = choice.words.replace("&", "&&")
        add_choice(menu, words, is_chosen(workspace, choice), partial(workspace.compare_with, number), choice.tip)
    menu.addSeparator()
    for words, ask in (("Weights or network file…", ask_for_file), ("Network by name…", ask_for_name)):
        action = menu.addAction(words)
        action.setToolTip("It is measured as the open network was measured")
        action.triggered.connect(partial(ask, menu, workspace))


def ask_for_file(menu: QMenu, workspace: Workspace, _on: bool = False) -> None:
    """Let the user choose a file to compare with."""
    path, _ = QFileDialog.getOpenFileName(_window_of(menu), "Compare with weights or a network")
    if path:
        workspace.request_second(path)


def ask_for_name(menu: QMenu, workspace: Workspace, _on: bool = False) -> None:
    """Let the user name a network to compare with."""
    words = "demo:NAME, timm:NAME, torchvision:NAME, or PATH.py:FUNCTION"
    name, chosen = QInputDialog.getText(_window_of(menu), "Compare with a network", words)
    if chosen and name.strip():
        workspace.request_second(name.strip())


def _window_of(menu: QMenu) -> QWidget:
    """Window that a menu belongs to, over which dialogs are opened: the menu itself is closed by then."""
    owner = menu.parentWidget()
    return owner.window() if owner is not None else menu
