"""Words of a form that lead to their definition: the name of a number, and names within a text."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QEnterEvent, QFocusEvent, QFontMetricsF, QKeyEvent, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy

from app.drawing.named import PARTS, page_of, tip_of
from app.forms.name_label import EdgedLabel, fitted
from app.reading.glossary import TERMS
from app.theme import Theme


class TermLabel(QLabel):
    """The name of a number: underlined under the mouse; a click, or Enter, opens its definition.

    Parameters
    ----------
    term
        Name in the glossary.
    role
        Of the style sheet.
    """

    help_wanted = Signal(str)

    def __init__(self, words: str, term: str, role: str = "small") -> None:
        super().__init__(words)
        self.page = page_of(term)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("role", role)
        self.setToolTip(tip_of(TERMS[term].definition, self.page))
        self.setAccessibleDescription(TERMS[term].definition)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def _underline(self, on: bool) -> None:
        font = self.font()
        font.setUnderline(on)
        self.setFont(font)

    def enterEvent(self, event: QEnterEvent) -> None:
        """Show that it can be clicked."""
        super().enterEvent(event)
        self._underline(True)

    def leaveEvent(self, event: QEvent) -> None:
        """Be quiet again."""
        super().leaveEvent(event)
        self._underline(self.hasFocus())

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show that Enter opens it."""
        super().focusInEvent(event)
        self._underline(True)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Be quiet again."""
        super().focusOutEvent(event)
        self._underline(self.underMouse())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Keep the press from what the name stands on, such as a button."""
        super().mousePressEvent(event)
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Open the definition."""
        super().mouseReleaseEvent(event)
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.help_wanted.emit(self.page)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Open the definition."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.help_wanted.emit(self.page)
        else:
            super().keyPressEvent(event)


class TermText(EdgedLabel):
    """Lines such as "Loss: 0.3 nats", whose names lead to their definition by mouse and keyboard; the rest is text.

    Parameters
    ----------
    role
        Of the style sheet, and of the colours.
    terms
        Names before a colon, and their terms in the glossary.
    within
        True to find names wherever a part of a line begins with them: "mean 0.3 · largest 2".
    """

    help_wanted = Signal(str)
    words = ""  # asked for by events that come while the label is made

    def __init__(self, theme: Theme, role: str, terms: Mapping[str, str], within: bool = False) -> None:
        super().__init__()
        self.theme, self.terms, self.within = theme, terms, within
        self._laid_out = False
        self.words = self._whole = ""
        """What was said, as plain text; and what hovering tells where some of it is left out, else empty."""
        self.setTextFormat(Qt.TextFormat.RichText)
        self.role = role
        self.setProperty("role", role)
        self.setWordWrap(True)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.LinksAccessibleByMouse
            | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
        )  # fmt: skip
        self.linkActivated.connect(self.help_wanted)
        self.linkHovered.connect(self._say)

    def say(self, words: str) -> None:
        """Show other lines."""
        self.words = words
        self.setAccessibleName(words)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        """Fit into another font."""
        super().changeEvent(event)
        if self.words and event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave out what cannot be broken into lines."""
        super().resizeEvent(event)
        self._laid_out = True
        if self.words:  # else what is written has not been said here
            self._fit()

    def _fit(self) -> None:
        """Write the lines; what is left out of a name is told on hovering, unless that tells a definition."""
        room = max(self.contentsRect().width() - 2, 8)
        words = fitted(self.words, room, QFontMetricsF(self.font())) if self._laid_out else self.words
        shown = "<br>".join(self._line(line) for line in words.split("\n"))
        if shown != self.text():
            self.setText(shown)
        self._whole = self.words if words != self.words else ""
        self.setToolTip(self._whole)

    def _line(self, line: str) -> str:
        if self.within:
            return "".join(self._part(part) for part in PARTS.split(line))
        name, colon, rest = line.partition(":")
        return f"{self.link(name)}{escape(colon + rest)}" if name in self.terms else escape(line)

    def _part(self, part: str) -> str:
        name = max((name for name in self.terms if f"{part} ".startswith(f"{name} ")), key=len, default="")
        return f"{self.link(name)}{escape(part[len(name) :])}" if name else escape(part)

    def link(self, name: str) -> str:
        """Return a name as a link to its definition, for a rich text."""
        color = self.theme.color("text_soft" if self.role == "soft" else "text").name()
        page, style = escape(page_of(self.terms[name])), f"color: {color}; text-decoration: none"
        return f'<a href="{page}" style="{style}">{escape(name)}</a>'

    def _say(self, link: str) -> None:
        term = next((term for term in self.terms.values() if page_of(term) == link), "")
        self.setToolTip(tip_of(TERMS[term].definition, link) if term else self._whole)
