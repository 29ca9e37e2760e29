"""Messages that never stand in the way: a small stack at the bottom right, each with its actions and details."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QFontDatabase, QGuiApplication, QIcon
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from analysis.problems import Problem
from app.hints import told

SECONDS = 8.0
"""How long a plain message stays."""
SHOWN = 4
"""Notices on screen at once; the newest ones."""
WIDTH = 400
CLOSE = 24
"""Side of the button that closes a notice."""


@dataclass(frozen=True, slots=True)
class NoticeAction:
    """A way on: the words of a button and what it does. The notice goes away when it is used."""

    text: str
    call: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Notice:
    """One message.

    Attributes
    ----------
    text, hint
        What happened; what to do.
    level
        "info", "warning" or "error". Plain messages of level "info" go away by themselves.
    details
        A traceback, a list of keys; shown on demand.
    actions
        Ways on.
    key
        A later notice with the same key takes the place of the earlier one.
    count
        How often the same thing was said.
    seconds
        How long it stays; 0 for :data:`SECONDS` if it is plain, else until it is closed.
    """

    text: str
    hint: str = ""
    level: str = "info"
    details: str = ""
    actions: tuple[NoticeAction, ...] = ()
    key: str = ""
    count: int = 1
    seconds: float = 0.0

    @property
    def passing(self) -> bool:
        """True if it goes away by itself."""
        return self.seconds > 0 or (self.level == "info" and not self.actions and not self.details)


@dataclass(slots=True)
class _Entry:
    notice: Notice
    since: float = field(default_factory=time.monotonic)


class Notices(QObject):
    """What there is to say, oldest first."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._entries: dict[int, _Entry] = {}
        self._numbers = iter(range(1, 1 << 62))
        self._clock = QTimer(self)
        self._clock.setInterval(500)
        self._clock.timeout.connect(self._let_go)

    def add(self, notice: Notice) -> int:
        """Say something in words of the window; return its number. The same text again only raises a count."""
        words = told(Problem(notice.text, notice.hint))
        notice = replace(notice, text=words.message, hint=words.hint)
        for number, entry in self._entries.items():
            if notice.key and entry.notice.key == notice.key:
                self._entries[number] = _Entry(notice)
                return self._announce(number)
            said = entry.notice
            if (said.text, said.hint, said.key) == (notice.text, notice.hint, notice.key):
                self._entries[number] = _Entry(replace(notice, count=entry.notice.count + 1))
                return self._announce(number)
        number = next(self._numbers)
        self._entries[number] = _Entry(notice)
        return self._announce(number)

    def say(self, text: str, hint: str = "", *actions: NoticeAction, level: str = "info", key: str = "") -> int:
        """Say something in few words."""
        return self.add(Notice(text, hint, level, actions=actions, key=key))

    def problem(self, problem: Problem, *actions: NoticeAction) -> int:
        """Say that something went wrong."""
        return self.add(Notice(problem.message, problem.hint, "error", problem.details, actions))

    def remove(self, number: int) -> None:
        """Take a notice away."""
        if self._entries.pop(number, None):
            self._announce(number)

    def remove_key(self, key: str) -> None:
        """Take away the notice with a key, if there is one."""
        for number in [n for n, entry in self._entries.items() if entry.notice.key == key]:
            self.remove(number)

    def clear(self) -> None:
        """Take all notices away."""
        self._entries.clear()
        self._announce(0)

    def all(self) -> dict[int, Notice]:
        """Return number to notice, oldest first."""
        return {number: entry.notice for number, entry in self._entries.items()}

    def _announce(self, number: int) -> int:
        if any(entry.notice.passing for entry in self._entries.values()):
            self._clock.start()
        else:
            self._clock.stop()
        self.changed.emit()
        return number

    def _let_go(self) -> None:
        now = time.monotonic()
        for number, entry in list(self._entries.items()):
            if entry.notice.passing and now - entry.since > (entry.notice.seconds or SECONDS):
                self.remove(number)


class NoticeStack(QWidget):
    """Shows the newest notices over the lower right corner of its parent.

    Parameters
    ----------
    notices
        What to show.
    icon
        Returns an icon by name and colour role.
    parent
        The window it floats over.
    margin
        Distance to the lower edge in pixels, for a status bar.
    """

    def __init__(self, notices: Notices, icon: Callable[[str, str], QIcon], parent: QWidget, margin: int = 40) -> None:
        super().__init__(parent)
        self._notices = notices
        self._icon = icon
        self._margin = margin
        self._over = parent
        self._cards: dict[int, tuple[Notice, QWidget]] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        self.setAccessibleName("Notices")
        notices.changed.connect(self.refresh)
        parent.installEventFilter(self)
        self.refresh()

    def refresh(self) -> None:
        """Show what there is to say now; cards that stay are left alone."""
        wanted = dict(list(self._notices.all().items())[-SHOWN:])
        for number, (notice, card) in list(self._cards.items()):
            if wanted.get(number) is not notice:
                self._column.removeWidget(card)
                card.hide()
                card.deleteLater()
                del self._cards[number]
        for place, (number, notice) in enumerate(wanted.items()):
            if number not in self._cards:
                card = _Card(notice, self._icon)
                card.closed.connect(lambda n=number: self._notices.remove(n))
                card.resized.connect(self.place)
                self._cards[number] = (notice, card)
                self._column.insertWidget(place, card)
                card.show()  # now, not with the next event: hidden cards count for nothing in the height
        self.setVisible(bool(self._cards))
        self.place()
        self.raise_()

    def redraw(self) -> None:
        """Make the cards anew, after the colours have changed."""
        for _, card in self._cards.values():
            self._column.removeWidget(card)
            card.hide()
            card.deleteLater()
        self._cards.clear()
        self.refresh()

    def place(self) -> None:
        """Move to the lower right corner."""
        parent = self._over
        self.setFixedWidth(min(WIDTH, parent.width() - 32))
        for _, card in self._cards.values():
            card.ensurePolished()
        height = self._column.heightForWidth(self.width())
        self.setFixedHeight(height if height > 0 else max(self._column.sizeHint().height(), 1))
        self.move(parent.width() - self.width() - 16, parent.height() - self.height() - self._margin)

    def event(self, event: QEvent) -> bool:
        """Follow what the cards need: text grows with the font, details unfold."""
        if event.type() == QEvent.Type.LayoutRequest:
            self.place()
        return super().event(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the size of the window."""
        if event.type() == QEvent.Type.Resize and self._cards:
            self.place()
        return False


class _Card(QFrame):
    """One notice on screen."""

    closed = Signal()
    resized = Signal()

    def __init__(self, notice: Notice, icon: Callable[[str, str], QIcon]) -> None:
        super().__init__()
        self.setObjectName("notice")
        self.setProperty("level", notice.level)
        self.setAccessibleName(f"{notice.level}: {notice.text}")
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 8, 8)
        column.setSpacing(4)
        column.addLayout(self._head(notice, icon))
        if notice.hint:
            column.addWidget(_words(notice.hint, "soft"))
        self._details: QPlainTextEdit | None = None
        self._notice = notice
        if notice.actions or notice.details:
            column.addLayout(self._buttons(notice))

    def _head(self, notice: Notice, icon: Callable[[str, str], QIcon]) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        mark = QLabel()
        role = {"info": "accent"}.get(notice.level, notice.level)
        mark.setPixmap(icon(notice.level, role).pixmap(16, 16))
        mark.setContentsMargins(0, (CLOSE - 16) // 2, 0, 0)
        row.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        words = _words(notice.text + (f"  (×{notice.count})" if notice.count > 1 else ""), "heading")
        # The first line stands beside the middle of mark and button, however many lines follow.
        words.setAlignment(Qt.AlignmentFlag.AlignTop)
        words.setContentsMargins(0, max((CLOSE - words.fontMetrics().height()) // 2, 0), 0, 0)
        row.addWidget(words, 1)
        close = QToolButton()
        close.setIcon(icon("close", "text_soft"))
        close.setProperty("role", "bare")
        close.setFixedSize(CLOSE, CLOSE)
        close.setAccessibleName("Close this notice")
        close.setToolTip("Close")
        close.clicked.connect(self.closed)
        row.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        return row

    def _buttons(self, notice: Notice) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        for action in notice.actions:
            button = QPushButton(action.text)
            button.clicked.connect(lambda _checked=False, call=action.call: self._use(call))
            row.addWidget(button)
        row.addStretch(1)
        if notice.details:
            details = QPushButton("Details")
            details.setCheckable(True)
            details.setProperty("role", "flat")
            details.toggled.connect(self._show_details)
            copy = QPushButton("Copy")
            copy.setProperty("role", "flat")
            copy.setAccessibleName("Copy the details")
            copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self._text()))
            row.addWidget(copy)
            row.addWidget(details)
        return row

    def _use(self, call: Callable[[], object]) -> None:
        # First away, then act: the action may well say something new.
        self.closed.emit()
        call()

    def _text(self) -> str:
        return "\n".join(part for part in (self._notice.text, self._notice.hint, self._notice.details) if part)

    def _show_details(self, shown: bool) -> None:
        if self._details is None:
            self._details = QPlainTextEdit(self._notice.details)
            self._details.setReadOnly(True)
            self._details.setAccessibleName("Details")
            self._details.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
            self._details.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
            self._details.setFixedHeight(160)
            layout = self.layout()
            assert layout is not None
            layout.addWidget(self._details)
        self._details.setVisible(shown)
        self.resized.emit()


def _words(text: str, role: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("role", role)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    policy.setHeightForWidth(True)
    label.setSizePolicy(policy)
    return label
