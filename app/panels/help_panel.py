"""What a number means: the help pages, beside what they explain."""

from __future__ import annotations

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QTextBlock, QTextCursor
from PySide6.QtWidgets import QComboBox, QTextBrowser, QVBoxLayout, QWidget

from app.forms.widgets import GRID
from app.reading.help_pages import page, pages
from app.theme import Theme


class HelpPanel(QWidget):
    """The help pages, one at a time; links lead from one to another."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._theme = theme
        self._choice = QComboBox()
        self._choice.setAccessibleName("Help page")
        for found in pages():
            self._choice.addItem(found.title, found.name)
        self._text = QTextBrowser()
        self._text.setAccessibleName("Help")
        self._text.setOpenExternalLinks(False)
        self._text.setOpenLinks(False)
        self._text.anchorClicked.connect(self._follow)
        self._choice.currentIndexChanged.connect(self._fill)
        box = QVBoxLayout(self)
        box.setContentsMargins(12, 0, 12, GRID)
        box.setSpacing(GRID)
        box.addWidget(self._choice)
        box.addWidget(self._text, 1)
        theme.changed.connect(self._fill)
        self._fill()

    @property
    def name(self) -> str:
        """Name of the page that is shown."""
        return str(self._choice.currentData() or "")

    def show_page(self, name: str) -> None:
        """Show a page, or a section of it as "page#Heading"; unknown names leave what is shown."""
        wanted, _, heading = name.partition("#")
        place = self._choice.findData(wanted)
        if place >= 0:
            self._choice.setCurrentIndex(place)
            self._go_to(heading)

    def _fill(self) -> None:
        found = page(self.name)
        self._text.document().setDefaultFont(self._theme.font())
        self._text.setMarkdown(found.text if found else "There are no help pages.")

    def _follow(self, link: QUrl) -> None:
        """Follow a link to another page; nothing outside is opened."""
        if link.scheme():
            return
        name = link.path().rpartition("/")[2].removesuffix(".md")
        self.show_page(f"{name}#{link.fragment()}" if link.hasFragment() else name)

    def _go_to(self, heading: str) -> None:
        block = self._heading(heading)
        self._text.setTextCursor(QTextCursor(block) if block else QTextCursor(self._text.document()))
        if block:
            top = self._text.document().documentLayout().blockBoundingRect(block).top()
            self._text.verticalScrollBar().setValue(round(top))

    def _heading(self, words: str) -> QTextBlock | None:
        block = self._text.document().begin()
        while words and block.isValid():
            if block.blockFormat().headingLevel() and block.text().lower() == words.lower():
                return block
            block = block.next()
        return None
