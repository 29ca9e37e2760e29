"""Find anything by typing a few letters of each word: actions, views, layers, runs, pictures, help pages, settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHeaderView, QLineEdit, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from app.forms.widgets import GRID
from app.theme import Theme

WIDTH = 560
ROWS = 12
NAMED, SAID, WITHIN = 3.0, 2.5, 2.1
"""Ratings of a word that is in the name, in what else is said, in a long text; scattered letters have less than 2."""
MOST = 60
"""Entries shown at once; more letters find the rest."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that can be found.

    Attributes
    ----------
    text, kind
        What it is called; what it is: "layer", "action".
    call
        What happens when it is chosen.
    keys
        Its shortcut, "" for none.
    also
        More words by which it is found, after everything that is found by its name.
    within
        A long text that belongs to it, such as a help page; found after all of these.
    """

    text: str
    kind: str
    call: Callable[[], object]
    keys: str = ""
    also: str = ""
    within: str = ""


def rating(query: str, entry: Entry) -> float:
    """Rate how well an entry fits; every word of the query has to occur somewhere, 0 for not at all.

    Of a word of the query, words of the name count most, then those of what else is said, then those of a long text,
    and last letters of the name that are scattered.

    Examples
    --------
    >>> near, far, other = (Entry(text, "layer", print) for text in ("layer2.0.conv1", "layer1.2.conv1", "layer2.0"))
    >>> rating("l2 conv1", near) > rating("l2 conv1", far) > rating("l2 conv1", other)
    True
    >>> rating("xyz", near)
    0.0
    """
    low, also, within = entry.text.lower(), entry.also.lower(), entry.within.lower()
    total = 0.0
    for word in query.lower().split():
        rate = _rate(word, low)
        if rate < NAMED:
            rate = max(rate, SAID * _begins(word, also), WITHIN * _begins(word, within))
        if rate == 0:
            return 0.0
        total += rate
    return total - len(entry.text) / 1000 if total else 1.0 - len(entry.text) / 1000


def is_said(query: str, entry: Entry) -> bool:
    """Tell whether every word of a query stands somewhere in an entry, rather than its letters alone.

    Examples
    --------
    >>> entry = Entry("Feature rank", "method", print)
    >>> is_said("rank", entry), is_said("frank", entry)
    (True, False)
    """
    name, others = entry.text.lower(), (entry.also.lower(), entry.within.lower())
    return all(word in name or any(_begins(word, text) for text in others) for word in query.lower().split())


def _rate(word: str, text: str) -> float:
    place = text.find(word)
    if place >= 0:
        begins = place == 0 or not text[place - 1].isalnum()
        end = place + len(word)
        ends = end == len(text) or not text[end].isalnum()
        return NAMED + begins + ends
    first = at = text.find(word[0])
    for letter in word[1:]:
        at = text.find(letter, at + 1)
        if at < 0:
            return 0.0
    # Letters close together are more likely to be meant: "l2" is layer2.0 before layer1.2.
    return 1.0 + len(word) / (at - first + 1) if first >= 0 else 0.0


def _begins(word: str, text: str) -> bool:
    """Tell whether a word of a text begins with what was typed."""
    place = text.find(word)
    while place > 0 and text[place - 1].isalnum():
        place = text.find(word, place + 1)
    return place >= 0


class Palette(QFrame):
    """A line to type into, and what fits below it; floats over the window, goes with Escape.

    Parameters
    ----------
    collect
        Returns everything that can be found now.
    theme
        Looks.
    parent
        The window.
    answer
        Returns what the words themselves name, such as "picture 12", which is listed first.
    """

    def __init__(
        self, collect: Callable[[], list[Entry]], theme: Theme, parent: QWidget,
        answer: Callable[[str], list[Entry]] = lambda _words: [],
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._theme = theme
        self.setObjectName("palette")
        self._collect, self._answer = collect, answer
        self._over = parent
        self._entries: list[Entry] = []
        self._shown: list[Entry] = []
        self._before: QWidget | None = None
        self.line = QLineEdit()
        self.line.setPlaceholderText("Find an action, a layer, a run, a setting, a term, picture 12…")
        self.line.setAccessibleName("Find anything")
        self.list = QTreeWidget()
        self.list.setColumnCount(2)
        self.list.setHeaderHidden(True)
        self.list.setRootIsDecorated(False)
        self.list.setUniformRowHeights(True)
        self.list.header().setStretchLastSection(False)
        self.list.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.list.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.list.setAccessibleName("Found")
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        box = QVBoxLayout(self)
        box.setContentsMargins(GRID, GRID, GRID, GRID)
        box.setSpacing(GRID // 2)
        box.addWidget(self.line)
        box.addWidget(self.list)
        self.line.textChanged.connect(self._fill)
        self.line.installEventFilter(self)
        self.list.itemClicked.connect(self._choose)
        self.hide()

    def open(self) -> None:
        """Show everything that can be found."""
        self._before = self._over.focusWidget()
        self._entries = self._collect()
        self.line.clear()
        self._fill()
        self.setFixedWidth(min(WIDTH, self._over.width() - 32))
        self.adjustSize()
        self.move((self._over.width() - self.width()) // 2, 72)
        self.show()
        self.raise_()
        self.line.setFocus()

    def close_up(self) -> None:
        """Go away, and give the focus back."""
        self.hide()
        self._entries, self._shown = [], []
        self.list.clear()
        if self._before is not None:
            self._before.setFocus()
            self._before = None

    def _fill(self) -> None:
        query = self.line.text().strip()
        rated = [(rating(query, entry), entry) for entry in self._entries]
        found = sorted((pair for pair in rated if pair[0] > 0), key=lambda pair: pair[0], reverse=True)
        # Scattered letters are a guess, for where nothing has the words: they fit the date of every run.
        found = [pair for pair in found if is_said(query, pair[1])] or found
        if not query:
            found = [(1.0, entry) for entry in self._entries if entry.kind != "layer"]
        named = self._answer(query) if query else []
        self._shown = [*named, *(entry for _, entry in found)][:MOST]
        self.list.clear()
        for entry in self._shown:
            detail = f"{entry.kind}  {entry.keys}" if entry.keys else entry.kind
            item = QTreeWidgetItem([entry.text, detail])
            item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            item.setForeground(1, self._theme.color("text_soft"))
            self.list.addTopLevelItem(item)
        self._go_to(0)
        rows = min(max(len(self._shown), 1), ROWS)
        height = max(self.list.sizeHintForRow(0), self.fontMetrics().height() + 8)
        self.list.setFixedHeight(height * rows + 4)
        self.adjustSize()

    @property
    def place(self) -> int:
        """Place of the entry that Enter chooses, -1 for none."""
        item = self.list.currentItem()
        return self.list.indexOfTopLevelItem(item) if item else -1

    def _go_to(self, place: int) -> None:
        item = self.list.topLevelItem(place)
        if item is not None:
            self.list.setCurrentItem(item)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let arrows move in the list while one types; Enter chooses, Escape or a click elsewhere closes."""
        if event.type() == QEvent.Type.FocusOut and self.isVisible():
            self.hide()
            return False
        if event.type() != QEvent.Type.KeyPress or not isinstance(event, QKeyEvent):
            return False
        step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: ROWS, Qt.Key.Key_PageUp: -ROWS}
        key = Qt.Key(event.key())
        if key in step:
            self._go_to(min(max(self.place + step[key], 0), len(self._shown) - 1))
            return True
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._choose()
            return True
        if key == Qt.Key.Key_Escape:
            self.close_up()
            return True
        return False

    def _choose(self) -> None:
        if 0 <= self.place < len(self._shown):
            entry = self._shown[self.place]
            self.close_up()
            entry.call()
