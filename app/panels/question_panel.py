"""Asks, above the views and never in front of them, what only the user can decide about a network."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.forms.widgets import GRID, Elided, button, label, row
from app.panels.top_bar import title_of
from app.questions import Question
from app.theme import Theme

LIST_ROWS = 6


class QuestionPanel(QFrame):
    """One question: what happened, the facts, and the ways on."""

    chosen = Signal(object)
    """The :class:`analysis.request.ModelSource` that the user wants to open."""
    dismissed = Signal()
    file_wanted = Signal()
    """The user wants to choose another file."""

    def __init__(self, question: Question, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("question")
        self._question, self._theme = question, theme
        self._list: QListWidget | None = None
        self._more: QPlainTextEdit | None = None
        problem = question.problem
        self.setAccessibleName(f"Question: {problem.message}")
        box = QVBoxLayout(self)
        box.setContentsMargins(2 * GRID, GRID + 4, 2 * GRID, GRID + 4)
        box.setSpacing(GRID)
        box.addLayout(self._head())
        if problem.hint and not question.ways:
            box.addWidget(label(problem.hint, "soft", wrap=True))
        path = question.source.weights[0] if question.source.weights else question.source.name
        box.addWidget(Elided(path, "small", Qt.TextElideMode.ElideMiddle))
        self._facts = label(_counted(problem.details), "small", wrap=True)
        self._facts.setVisible(bool(self._facts.text()) and not question.listed)
        box.addWidget(self._facts)
        if question.listed:
            box.addWidget(self._choices())
        if question.names_network:
            box.addLayout(self._name_field())
        box.addLayout(self._buttons())

    def _head(self) -> QHBoxLayout:
        mark = QLabel()
        icon = "lock" if any(way.risky for way in self._question.ways) else "warning"
        mark.setPixmap(self._theme.icon(icon, "warning").pixmap(16, 16))
        words = label(self._question.problem.message, "heading", wrap=True)
        words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        head = row(mark)
        head.setAlignment(mark, Qt.AlignmentFlag.AlignTop)
        head.addWidget(words, 1)
        return head

    def _choices(self) -> QListWidget:
        self._list = QListWidget()
        self._list.setAccessibleName("Choices")
        self._list.addItems([way.text for way in self._question.ways])
        self._list.setCurrentRow(0)
        self._list.setFont(self._theme.font("code"))
        height = self._list.fontMetrics().height() + GRID
        self._list.setFixedHeight(height * min(len(self._question.ways), LIST_ROWS) + 4)
        self._list.itemActivated.connect(self._open_chosen)
        return self._list

    def _open_chosen(self) -> None:
        if self._list is not None:
            self.chosen.emit(self._question.ways[max(self._list.currentRow(), 0)].source)

    def _name_field(self) -> QHBoxLayout:
        field = QLineEdit()
        field.setPlaceholderText("demo:NAME, timm:NAME, torchvision:NAME or PATH.py:FUNCTION")
        field.setAccessibleName("Name of the network")
        field.setMaximumWidth(420)

        def open_named() -> None:
            if field.text().strip():
                self.chosen.emit(replace(self._question.source, name=field.text().strip()))

        field.returnPressed.connect(open_named)
        line = row(label("Open as"), field, button("Open", open_named))
        line.setStretchFactor(field, 1)
        line.addStretch(1)
        return line

    def _buttons(self) -> QHBoxLayout:
        question = self._question
        line = row()
        if question.listed:
            line.addWidget(button("Open", self._open_chosen, "primary", name="Open the chosen one"))
        else:
            for way in question.ways:
                line.addWidget(button(way.text, partial(self.chosen.emit, way.source)))
        if not question.ways or question.names_network:
            line.addWidget(button("Choose another file…", self.file_wanted.emit))
        back = f"Back to {title_of(question.before)}" if question.before else "Cancel"
        line.addWidget(button(back if len(back) < 40 else "Back", self.dismissed.emit, "flat"))
        line.addStretch(1)
        if question.about:
            line.addWidget(self._switch("What is this?", question.about))
        elif question.problem.details:
            line.addWidget(self._switch("Details", question.problem.details))
        return line

    def _switch(self, text: str, more: str) -> QPushButton:
        made = QPushButton(text)
        made.setCheckable(True)
        made.setProperty("role", "flat")
        made.toggled.connect(lambda shown: self._show_more(shown, more))
        return made

    def _show_more(self, shown: bool, text: str) -> None:
        if self._more is None:
            self._more = QPlainTextEdit(text)
            self._copy_button = button("Copy report", self._copy)
            self._more.setReadOnly(True)
            self._more.setAccessibleName("Details")
            prose = text == self._question.about
            self._more.setFont(self._theme.font("text" if prose else "code"))
            if not prose:
                self._more.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
            self._more.setFixedHeight(88 if prose else 200)
            layout = self.layout()
            assert layout is not None
            layout.addWidget(self._more)
            layout.addWidget(self._copy_button)
            layout.setAlignment(self._copy_button, Qt.AlignmentFlag.AlignLeft)
            self._copy_button.setVisible(False)
        self._more.setVisible(shown)
        self._copy_button.setVisible(shown and text != self._question.about)

    def _copy(self) -> None:
        problem = self._question.problem
        QGuiApplication.clipboard().setText("\n".join([problem.message, problem.hint, "", problem.details]))

    def first_button(self) -> QWidget | None:
        """Return what should have the focus: the list, the field, or the first button that is not risky."""
        risky = {way.text for way in self._question.ways if way.risky}
        safe = [item for item in self.findChildren(QPushButton) if item.text() not in risky]
        return self._list or self.findChild(QLineEdit) or next(iter(safe), None)


def _counted(details: str) -> str:
    """Show the first lines of a key-by-key report, and how many there are."""
    lines = [line for line in details.splitlines() if line.strip()]
    if not lines or details.startswith("Traceback"):
        return ""
    shown = "\n".join(line.rstrip() for line in lines[:4])
    return shown + (f"\n… {len(lines) - 4:,} more lines under Details" if len(lines) > 4 else "")
