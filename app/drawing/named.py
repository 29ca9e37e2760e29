"""Names that lead to their definition: what painted numbers have in common with a link, by mouse and by keyboard."""

from __future__ import annotations

import re
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFocusEvent, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QToolTip, QWidget

from app.reading.glossary import TERMS

MORE = "Click the name for more."
PARTS = re.compile(r"( · |, |: |; )")
"""What stands between the parts of a line, of which each may begin with a name."""


@dataclass(frozen=True, slots=True)
class Name:
    """A name on a widget.

    Attributes
    ----------
    place
        Where it is painted.
    page
        Help page, or "page#Section", that a click opens; "" for none.
    tip
        What is said on hovering.
    """

    place: QRectF
    page: str
    tip: str = ""


def tip_of(definition: str, page: str) -> str:
    """Words of a tool tip: the definition, and that a click says more."""
    return "\n".join(part for part in (definition, MORE if page else "") if part)


def page_of(term: str) -> str:
    """Section of the help that defines a term of the glossary, "" for no term."""
    return TERMS[term].page if term else ""


class NamedNumbers(QWidget):
    """A painted widget with names that can be clicked, and reached by Tab, arrow keys and Enter."""

    help_wanted = Signal(str)
    """Name of a help page, or of a section as "page#Section"."""

    def __init__(self) -> None:
        super().__init__()
        self._over = self._current = -1
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def names(self) -> tuple[Name, ...]:
        """Return the names that are shown, in reading order. Nothing by default."""
        return ()

    def name_at(self, place: QPointF) -> Name | None:
        """Return the name at a place of the widget."""
        found = self._index(place)
        return self.names()[found] if found >= 0 else None

    def tip_at(self, place: QPointF) -> str:
        """Return what is said on hovering a place."""
        name = self.name_at(place)
        return tip_of(name.tip, name.page) if name is not None else ""

    def underline(self, painter: QPainter) -> None:
        """Draw the line below the name under the mouse, and below the one that has the keyboard."""
        names = self.names()
        for index in {self._over, self._reached() if self.hasFocus() else -1}:
            if 0 <= index < len(names) and names[index].page:
                place = names[index].place
                painter.setPen(QPen(self.palette().color(self.foregroundRole()), 1))
                y = round(place.bottom()) - 1.5
                painter.drawLine(QPointF(place.left(), y), QPointF(place.right(), y))

    # -- events ------------------------------------------------------------------------------------------------------

    def _index(self, place: QPointF) -> int:
        return next((i for i, name in enumerate(self.names()) if name.place.contains(place)), -1)

    def event(self, event: QEvent) -> bool:
        """Say what is under the mouse."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            text = self.tip_at(QPointF(event.pos()))
            if text:
                QToolTip.showText(event.globalPos(), text, self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Show which names can be clicked."""
        names, index = self.names(), self._index(event.position())
        over = index if index >= 0 and names[index].page else -1
        if over != self._over:
            self._over = over
            self.setCursor(Qt.CursorShape.PointingHandCursor if over >= 0 else Qt.CursorShape.ArrowCursor)
            self.update()

    def leaveEvent(self, event: QEvent) -> None:
        """Forget the mouse."""
        self._over = -1
        self.update()
        super().leaveEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take a press on a name, which the release then opens; any other is not for this widget."""
        name = self.name_at(event.position())
        event.setAccepted(name is not None and bool(name.page))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Open the definition of the name that was clicked."""
        name = self.name_at(event.position())
        if name is not None and name.page and event.button() == Qt.MouseButton.LeftButton:
            self.help_wanted.emit(name.page)

    def _reached(self) -> int:
        """Name that the keyboard has reached: the first one with a definition to begin with, -1 for none."""
        known = [index for index, name in enumerate(self.names()) if name.page]
        return self._current if self._current in known else next(iter(known), -1)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows walk through the names, Enter opens the definition of one."""
        names, at = self.names(), self._reached()
        known = [index for index, name in enumerate(names) if name.page]
        steps = {Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1}
        if known and event.key() in steps:
            self._current = known[(known.index(at) + steps[Qt.Key(event.key())]) % len(known)]
            self.update()
        elif known and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.help_wanted.emit(names[at].page)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the name that the keyboard has reached."""
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Hide the line again."""
        super().focusOutEvent(event)
        self.update()
