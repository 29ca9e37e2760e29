"""What a number means: the help pages, beside what they explain."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QTextBrowser, QVBoxLayout, QWidget

from app.forms.widgets import GRID
from app.theme import RESOURCES, Theme


class HelpPanel(QWidget):
    """The help pages, one at a time."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._theme = theme
        self._pages = {path.stem: path for path in sorted((RESOURCES / "help").glob("*.md"))}
        self._choice = QComboBox()
        self._choice.setAccessibleName("Help page")
        for name, path in self._pages.items():
            self._choice.addItem(_title(path), name)
        self._text = QTextBrowser()
        self._text.setAccessibleName("Help")
        self._text.setOpenExternalLinks(False)
        self._text.setOpenLinks(False)
        self._choice.currentIndexChanged.connect(self._fill)
        box = QVBoxLayout(self)
        box.setContentsMargins(12, 0, 12, GRID)
        box.setSpacing(GRID)
        box.addWidget(self._choice)
        box.addWidget(self._text, 1)
        theme.changed.connect(self._fill)
        self._fill()

    def show_page(self, name: str) -> None:
        """Show a page; unknown names leave what is shown."""
        place = self._choice.findData(name)
        if place >= 0:
            self._choice.setCurrentIndex(place)

    def _fill(self) -> None:
        path = self._pages.get(str(self._choice.currentData()))
        self._text.document().setDefaultFont(self._theme.font())
        self._text.setMarkdown(path.read_text(encoding="utf-8") if path else "There are no help pages.")


def _title(path: Path) -> str:
    """Return the first heading of a page."""
    first = path.read_text(encoding="utf-8").splitlines()[:1]
    return first[0].lstrip("# ").strip() if first and first[0].startswith("#") else path.stem.replace("_", " ")
