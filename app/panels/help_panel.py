"""What a number means: the help pages, beside what they explain."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer, QUrl
from PySide6.QtGui import QKeyEvent, QTextBlock, QTextCharFormat, QTextCursor, QTextDocument, QTextTable
from PySide6.QtWidgets import QComboBox, QLineEdit, QTextBrowser, QTextEdit, QVBoxLayout, QWidget

from app.forms.widgets import GRID, label, row, tool
from app.reading.glossary import address
from app.reading.help_pages import page, pages
from app.reading.help_rows import Row, best_row
from app.theme import Theme

MOST = 100
"""Steps that can be taken back."""
ALT = Qt.KeyboardModifier.AltModifier


@dataclass(frozen=True, slots=True)
class Visit:
    """A place that was looked at: its address, and how far it was scrolled down."""

    place: str
    top: int = 0


class HelpPanel(QWidget):
    """The help pages, one at a time: links lead from one to another, and there is a way back and a search.

    Parameters
    ----------
    theme
        Looks.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._theme = theme
        self._place = pages()[0].name
        self._before: list[Visit] = []
        self._after: list[Visit] = []
        self._shown, self._anchor = 0, (0, 0.0)
        """How often a page was shown; number of the paragraph that is kept in sight, and the pixels above it."""
        self._typed = ""
        """Page to which words led as they were typed, as long as one has not gone on from there."""
        self.marked = ""
        """Words of the row that is marked, "" for none."""
        self.back = tool(theme, "back", "Page before (Alt+Left)", lambda: self.step(-1))
        self.forward = tool(theme, "forward", "Page after (Alt+Right)", lambda: self.step(1))
        self._choice = QComboBox()
        self._choice.setAccessibleName("Help page")
        self._choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._choice.setMinimumContentsLength(8)
        for found in pages():
            self._choice.addItem(found.title, found.name)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Find in all pages")
        self.search.setAccessibleName("Find in all pages")
        self.search.setClearButtonEnabled(True)
        self.count = label("", "small")
        self._text = QTextBrowser()
        self._text.setAccessibleName("Help")
        self._text.setOpenExternalLinks(False)
        self._text.setOpenLinks(False)
        self._text.anchorClicked.connect(self._follow)
        self._text.verticalScrollBar().valueChanged.connect(self._note_top)
        self._choice.activated.connect(lambda _place: self.show_page(str(self._choice.currentData())))
        self.search.textChanged.connect(self._search)
        self.search.returnPressed.connect(self.find_next)
        for part in (self._text, self.search):
            part.installEventFilter(self)
        self._lay_out()
        theme.changed.connect(self._redraw)
        self._show(Visit(self._place))

    def _lay_out(self) -> None:
        box = QVBoxLayout(self)
        box.setContentsMargins(12, 0, 12, GRID)
        box.setSpacing(GRID)
        head = row(self.back, self.forward, spacing=0)
        head.addSpacing(GRID // 2)
        head.addWidget(self._choice, 1)
        box.addLayout(head)
        box.addWidget(self.search)
        box.addWidget(self.count)
        box.addWidget(self._text, 1)
        self.count.hide()

    # -- pages -------------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Name of the page that is shown."""
        return address(self._place)[0]

    def show_page(self, place: str) -> None:
        """Show a page, a section of it as "page#Heading", or a row as "page?Row#Heading"; unknown pages change nothing.

        Parameters
        ----------
        place
            Address; a row is looked for by its words, see :func:`app.reading.help_rows.best_row`.
        """
        if page(place) is None:
            return
        if place != self._place:
            self._before = [*self._before, self._now()][-MOST:]
            self._after.clear()
        self._typed = ""
        self._show(Visit(place))

    def step(self, by: int) -> None:
        """Go to the page before, or to the one after, where it was left."""
        ways = (self._before, self._after) if by < 0 else (self._after, self._before)
        if ways[0]:
            target = ways[0].pop()
            ways[1].append(self._now())
            self._typed = ""
            self._show(target)
            self._text.verticalScrollBar().setValue(target.top)

    def _now(self) -> Visit:
        return Visit(self._place, self._text.verticalScrollBar().value())

    def _redraw(self) -> None:
        """Draw the same place in other colours or letters; what was at the top stays there."""
        anchor = self._anchor
        self._show(Visit(self._place))
        self._return_to(anchor)
        self._return_soon()  # the letters of the text follow those of the window a little later

    def _note_top(self) -> None:
        """Note what is at the top: once the text has been laid out anew it is too late to ask."""
        self._anchor = (self._text.cursorForPosition(QPoint(0, 2)).blockNumber(), 0.0)

    def _return_to(self, anchor: tuple[int, float]) -> None:
        self._put_on_top(self._text.document().findBlockByNumber(anchor[0]), anchor[1])

    def _return_soon(self) -> None:
        """Keep in sight what is in sight now once the text has been laid out again, unless one has moved on."""
        anchor, shown = self._anchor, self._shown
        QTimer.singleShot(0, self, lambda: self._return_to(anchor) if shown == self._shown else None)

    def _show(self, visit: Visit) -> None:
        self._place = visit.place
        self._shown += 1
        name, wanted, heading = address(visit.place)
        self._choice.setCurrentIndex(self._choice.findData(name))
        found = page(name)
        self._text.document().setDefaultFont(self._theme.font())
        self._text.setMarkdown(found.text if found else "")
        self._go_to(wanted, heading)
        self.back.setEnabled(bool(self._before))
        self.forward.setEnabled(bool(self._after))
        self._mark_words()

    def _follow(self, link: QUrl) -> None:
        """Follow a link to another page; nothing outside is opened."""
        if link.scheme():
            return
        name = link.path().rpartition("/")[2].removesuffix(".md")
        decoded = QUrl.ComponentFormattingOption.FullyDecoded
        wanted, heading = link.query(decoded), link.fragment(decoded)
        self.show_page(name + (f"?{wanted}" if wanted else "") + (f"#{heading}" if heading else ""))

    def _go_to(self, wanted: str, heading: str) -> None:
        """Bring a row, else a section, else the beginning to the top; mark the row."""
        self.marked = ""
        rows = rows_of(self._text.document())
        place = best_row(wanted, heading, [row for row, _ in rows]) if wanted else -1
        if place >= 0:
            self.marked = rows[place][0].lead or rows[place][0].text
            self._mark(rows[place][1])
            self._put_on_top(rows[place][1][0], above=3 * self._text.fontMetrics().height())
            return
        block = self._heading(heading)
        self._put_on_top(block or self._text.document().begin())

    def _put_on_top(self, block: QTextBlock, above: float = 0.0) -> None:
        self._text.setTextCursor(QTextCursor(block))
        top = self._text.document().documentLayout().blockBoundingRect(block).top()
        self._text.verticalScrollBar().setValue(round(top - above) if block.blockNumber() else 0)
        self._anchor = (block.blockNumber(), above)

    def _mark(self, blocks: list[QTextBlock]) -> None:
        """Put a soft colour behind a row or a paragraph."""
        for block in blocks:
            cursor = QTextCursor(block)
            table = table_at(cursor)
            if table is not None:
                cell = table.cellAt(cursor)
                shape = cell.format()
                shape.setBackground(self._theme.color("selected"))
                cell.setFormat(shape)
            else:
                paragraph = block.blockFormat()
                paragraph.setBackground(self._theme.color("selected"))
                cursor.setBlockFormat(paragraph)

    def _heading(self, words: str) -> QTextBlock | None:
        block = self._text.document().begin()
        while words and block.isValid():
            if block.blockFormat().headingLevel() and block.text().lower() == words.lower():
                return block
            block = block.next()
        return None

    # -- search ------------------------------------------------------------------------------------------------------

    def _search(self) -> None:
        self._mark_words()
        wanted = self.search.text().strip()
        if wanted and not self._text.extraSelections():
            self._find_elsewhere(wanted, typing=True)

    def find_next(self) -> None:
        """Go to the next place where the words that are looked for occur, on the next page after the last one here."""
        wanted = self.search.text().strip()
        if wanted and not self._text.find(wanted):
            self._find_elsewhere(wanted)

    def _find_elsewhere(self, wanted: str, typing: bool = False) -> None:
        """Go to the next page that has the words; what half a word led to is no place to come back to."""
        names = [found.name for found in pages()]
        order = names[names.index(self.name) + 1 :] + names[: names.index(self.name) + 1]
        target = next((name for name in order if wanted.lower() in plain(name).lower()), "")
        if target:
            if typing and self._typed == self._place:
                self._show(Visit(target))
            else:
                self.show_page(target)
            self._typed = target if typing else ""
            self._text.moveCursor(QTextCursor.MoveOperation.Start)
            self._text.find(wanted)

    def _mark_words(self) -> None:
        """Mark every place of this page where the words occur, and say how many there are."""
        wanted, places = self.search.text().strip(), []
        self.count.setVisible(bool(wanted))
        if not wanted:
            self._text.setExtraSelections([])
            return
        cursor = QTextCursor(self._text.document())
        while True:
            cursor = self._text.document().find(wanted, cursor)
            if cursor.isNull():
                break
            look = QTextEdit.ExtraSelection()
            shape = QTextCharFormat()
            shape.setBackground(self._theme.color("selected"))
            shape.setFontUnderline(True)
            look.format, look.cursor = shape, cursor
            places.append(look)
        self._text.setExtraSelections(places)
        others = sum(wanted.lower() in plain(found.name).lower() for found in pages() if found.name != self.name)
        where = f"{others} other page{'' if others == 1 else 's'}"
        self.count.setText(f"{len(places)} here, found on {where}" if places or others else "Not found")

    # -- keys --------------------------------------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Go back and forward, and to the next place, by keyboard, before shortcuts of the window see the keys."""
        if event.type() == QEvent.Type.Resize and watched is self._text:
            self._return_soon()
        if isinstance(event, QKeyEvent) and event.type() in (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress):
            steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
            key, presses = Qt.Key(event.key()), event.type() == QEvent.Type.KeyPress
            if event.modifiers() & ALT and key in steps:
                event.accept()
                if presses:
                    self.step(steps[key])
                return True
            if key == Qt.Key.Key_F3:
                event.accept()
                if presses:
                    self.find_next()
                return True
        return super().eventFilter(watched, event)


def table_at(cursor: QTextCursor) -> QTextTable | None:
    """Return the table that a cursor is in, None outside of tables, which the type of Qt's own method leaves out."""
    return cursor.currentTable()


@cache
def plain(name: str) -> str:
    """Return the words of a page as they are read."""
    found = page(name)
    document = QTextDocument()
    document.setMarkdown(found.text if found else "")
    return document.toPlainText()


def rows_of(document: QTextDocument) -> list[tuple[Row, list[QTextBlock]]]:
    """List rows of tables and paragraphs of a page, with the blocks of each."""
    found: list[tuple[Row, list[QTextBlock]]] = []
    heading, block, last = "", document.begin(), (-1, -1)
    while block.isValid():
        cursor = QTextCursor(block)
        table = table_at(cursor)
        if block.blockFormat().headingLevel():
            heading = block.text()
        elif table is None and block.text().strip():
            found.append((Row(heading, "", block.text()), [block]))
        elif table is not None and table.cellAt(cursor).row() > 0:  # the first row holds names of columns
            place = (table.firstPosition(), table.cellAt(cursor).row())
            if place == last:
                before, blocks = found[-1]
                found[-1] = (Row(heading, before.lead, f"{before.text} {block.text()}"), [*blocks, block])
            else:
                found.append((Row(heading, block.text(), block.text()), [block]))
            last = place
        block = block.next()
    return found
