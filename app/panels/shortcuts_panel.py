"""All keyboard shortcuts, made from the table of actions."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QScrollArea, QVBoxLayout, QWidget

from app.actions import ACTIONS, MENUS, native
from app.forms.widgets import GRID, label
from app.theme import Theme

EVERYWHERE = (
    ("Arrow keys", "Step through layers in a plot"),
    ("Shift+drag", "Brush a range of layers"),
    ("Double click", "Go deep; Escape comes back"),
    ("Tab", "Next field; the focus is always visible"),
)


class ShortcutsPanel(QWidget):
    """Two columns: what, and which keys."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        inner = QWidget()
        grid = QGridLayout(inner)
        grid.setContentsMargins(12, GRID // 2, 12, 12)
        grid.setHorizontalSpacing(2 * GRID)
        grid.setVerticalSpacing(4)
        for menu in MENUS:
            with_keys = [
                (native(entry), entry.text.rstrip("…")) for entry in ACTIONS if entry.menu == menu and entry.shortcut
            ]
            _add(grid, theme, menu, with_keys)
        _add(grid, theme, "Everywhere", list(EVERYWHERE))
        grid.setRowStretch(grid.rowCount(), 1)
        grid.setColumnStretch(1, 1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setAccessibleName("Keyboard shortcuts")
        scroll.setWidget(inner)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)


def _add(grid: QGridLayout, theme: Theme, title: str, lines: list[tuple[str, str]]) -> None:
    if not lines:
        return
    head = label(title, "heading")
    head.setContentsMargins(0, GRID, 0, 0)
    grid.addWidget(head, grid.rowCount(), 0, 1, 2)
    for keys, text in lines:
        place = grid.rowCount()
        code = label(keys, "soft")
        code.setFont(theme.font("small_code"))
        grid.addWidget(code, place, 0)
        grid.addWidget(label(text, wrap=True), place, 1)
