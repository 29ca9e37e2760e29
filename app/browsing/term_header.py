"""Titles of columns that lead to their definition, for tables that are not sorted by a click."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRect, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QHeaderView, QTableView

from app.drawing.named import page_of

EDGE = 5
"""Pixels between the line below a title and the edges of its column."""


class TermHeader(QHeaderView):
    """Titles are underlined under the mouse; a click, or arrow keys and Enter, open the definition.

    Parameters
    ----------
    terms
        Name in the glossary for each column, "" for none.
    """

    help_wanted = Signal(str)

    def __init__(self, terms: tuple[str, ...], parent: QTableView) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.terms = terms
        self._over = self._current = -1
        self.setSectionsClickable(True)
        self.setHighlightSections(False)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("Titles of the columns")
        self.sectionClicked.connect(self.open)

    def open(self, section: int) -> None:
        """Open the definition of a column."""
        if 0 <= section < len(self.terms) and self.terms[section]:
            self.help_wanted.emit(page_of(self.terms[section]))

    def paintSection(self, painter: QPainter, rect: QRect, logicalIndex: int) -> None:
        """Paint a title, underlined where a click or Enter would open it."""
        super().paintSection(painter, rect, logicalIndex)
        current = self._current if self.hasFocus() else -1
        if logicalIndex in (self._over, current):
            painter.setPen(QPen(self.palette().color(self.foregroundRole()), 1))
            painter.drawLine(rect.left() + EDGE, rect.bottom() - EDGE, rect.right() - EDGE, rect.bottom() - EDGE)

    def mouseMoveEvent(self, e: QMouseEvent) -> None:
        """Show which title can be clicked."""
        super().mouseMoveEvent(e)
        over = self.logicalIndexAt(e.position().toPoint())
        if over != self._over:
            self._over = over if 0 <= over < len(self.terms) and self.terms[over] else -1
            shape = Qt.CursorShape.PointingHandCursor if self._over >= 0 else Qt.CursorShape.ArrowCursor
            self.viewport().setCursor(shape)
            self.viewport().update()

    def leaveEvent(self, event: QEvent) -> None:
        """Be quiet again."""
        super().leaveEvent(event)
        self._over = -1
        self.viewport().update()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Begin at the first column."""
        super().focusInEvent(event)
        self._current = max(self._current, 0)
        self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Walk through the titles, or open one."""
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()), 0)
        if step:
            self._current = (self._current + step) % max(1, self.count())
            self.viewport().update()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.open(self._current)
        else:
            super().keyPressEvent(event)
