"""Names that lead to their definition: what painted numbers have in common with a link, by mouse and by keyboard."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QFontMetricsF, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QApplication, QToolTip, QWidget

from app.reading import numbers
from app.reading.glossary import TERMS
from app.reading.glossary.axes import axis_term

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


def shortened(text: str, width: float, metrics: QFontMetricsF) -> str:
    """Return a text with as much of its middle as has to be replaced by …; of a pair, each side of its arrow."""
    if metrics.horizontalAdvance(text) <= width:
        return text
    sides = text.split(numbers.ARROW)
    room = (width - (len(sides) - 1) * metrics.horizontalAdvance(numbers.ARROW)) / len(sides)
    if len(sides) == 1:
        return metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, width)
    wide = [metrics.horizontalAdvance(side) for side in sides]
    spare = sum(max(0.0, room - own) for own in wide) / max(1, sum(own > room for own in wide))
    rooms = [room if own <= room else room + spare for own in wide]
    return numbers.ARROW.join(shortened(side, most, metrics) for side, most in zip(sides, rooms, strict=True))


def tip_of(definition: str, page: str) -> str:
    """Words of a tool tip: the definition, and that a click says more."""
    return "\n".join(part for part in (definition, MORE if page else "") if part)


def page_of(term: str) -> str:
    """Section of the help that defines a term of the glossary, "" for no term."""
    return TERMS[term].page if term else ""


@dataclass(frozen=True, slots=True)
class Title:
    """Words of an axis or a lane, as they are painted.

    Attributes
    ----------
    words
        What is written.
    place
        The rectangle that they are written into.
    side
        Where in it they stand.
    """

    words: str
    place: QRectF
    side: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft

    def paint(self, painter: QPainter) -> None:
        """Write the words."""
        painter.drawText(self.place, self.side, self.words)

    def names(self, metrics: QFontMetricsF, plot: str) -> tuple[Name, ...]:
        """Return the parts whose term the glossary knows for the plot of a name, where they are painted."""
        found, at = [], 0
        left = self.place.left()
        if self.side & Qt.AlignmentFlag.AlignRight:
            left = self.place.right() - metrics.horizontalAdvance(self.words)
        for part in PARTS.split(self.words):
            term = axis_term(part, plot)
            if term:
                before, wide = metrics.horizontalAdvance(self.words[:at]), metrics.horizontalAdvance(part)
                place = QRectF(left + before, self.place.top(), wide, metrics.height() + 1)
                found.append(Name(place, TERMS[term].page, f"{TERMS[term].title}: {TERMS[term].definition}"))
            at += len(part)
        return tuple(found)


class NameLinks:
    """Which name of a widget is under the mouse, which the keyboard has reached, and which a click opens.

    Every widget with names asks it in its events, so that all of them answer alike.

    Parameters
    ----------
    names
        Returns the names that are shown, in reading order.
    """

    def __init__(self, names: Callable[[], tuple[Name, ...]]) -> None:
        self._names = names
        self.over = self.current = -1
        """Names under the mouse and at the keyboard, -1 for none."""
        self._pressed = QPointF()

    def index(self, place: QPointF) -> int:
        """Return the name at a place, -1 for none."""
        return self._find(place)[0]

    def at(self, place: QPointF) -> Name | None:
        """Return the name at a place."""
        return self._find(place)[1]

    def _find(self, place: QPointF) -> tuple[int, Name | None]:
        found = ((index, name) for index, name in enumerate(self._names()) if name.place.contains(place))
        return next(found, (-1, None))

    def point(self, place: QPointF) -> bool:
        """Take the place of the mouse; True if it is over another name that can be clicked, or no longer over one."""
        index, name = self._find(place)
        over = index if name is not None and name.page else -1
        changed, self.over = over != self.over, over
        return changed

    def press(self, place: QPointF) -> bool:
        """Take a press of the mouse; True if it is on a name that can be clicked."""
        self._pressed = place
        name = self.at(place)
        return name is not None and bool(name.page)

    def released(self, place: QPointF) -> str:
        """Return the page that a release opens: of the name that was pressed, "" after a drag or elsewhere."""
        name = self.at(place)
        still = (place - self._pressed).manhattanLength() < QApplication.startDragDistance()
        return name.page if name is not None and still else ""

    def reached(self) -> int:
        """Return the name at the keyboard: the first one with a definition to begin with, -1 for none."""
        return self._reached(self._known())

    def _reached(self, known: list[int]) -> int:
        return self.current if self.current in known else next(iter(known), -1)

    def step(self, steps: int) -> bool:
        """Go to another name by keyboard; False if there is none."""
        known = self._known()
        if known:
            self.current = known[(known.index(self._reached(known)) + steps) % len(known)]
        return bool(known)

    def page_at(self, index: int) -> str:
        """Return the page of a name, "" for none."""
        names = self._names()
        return names[index].page if 0 <= index < len(names) else ""

    def _known(self) -> list[int]:
        return [index for index, name in enumerate(self._names()) if name.page]

    def underline(self, painter: QPainter, color: QColor, *chosen: int) -> None:
        """Draw the line below some names that can be clicked."""
        wanted = {index for index in chosen if index >= 0}
        names = self._names() if wanted else ()
        for index in wanted:
            if index < len(names) and names[index].page:
                place = names[index].place
                painter.setPen(QPen(color, 1))
                y = round(place.bottom()) - 1.5
                painter.drawLine(QPointF(place.left(), y), QPointF(place.right(), y))


class NamedNumbers(QWidget):
    """A painted widget with names that can be clicked, and reached by Tab, arrow keys and Enter."""

    help_wanted = Signal(str)
    """Name of a help page, or of a section as "page#Section"."""

    def __init__(self) -> None:
        super().__init__()
        self.links = NameLinks(lambda: self.names())
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def names(self) -> tuple[Name, ...]:
        """Return the names that are shown, in reading order. Nothing by default."""
        return ()

    def tip_at(self, place: QPointF) -> str:
        """Return what is said on hovering a place."""
        name = self.links.at(place)
        return tip_of(name.tip, name.page) if name is not None else ""

    def underline(self, painter: QPainter) -> None:
        """Draw the line below the name under the mouse, and below the one that has the keyboard."""
        reached = self.links.reached() if self.hasFocus() else -1
        self.links.underline(painter, self.palette().color(self.foregroundRole()), self.links.over, reached)

    # -- events ------------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        """Say what is under the mouse."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            show_tip(self.tip_at(QPointF(event.pos())), event, self)
            return True
        return super().event(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Show which names can be clicked."""
        if self.links.point(event.position()):
            over = self.links.over >= 0
            self.setCursor(Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.ArrowCursor)
            self.update()

    def leaveEvent(self, event: QEvent) -> None:
        """Forget the mouse."""
        self.links.over = -1
        self.update()
        super().leaveEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take a press on a name, which the release then opens; any other is not for this widget."""
        event.setAccepted(self.links.press(event.position()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Open the definition of the name that was clicked."""
        page = self.links.released(event.position())
        if page and event.button() == Qt.MouseButton.LeftButton:
            self.help_wanted.emit(page)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows walk through the names, Enter opens the definition of one."""
        steps = {Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1}
        page = self.links.page_at(self.links.reached())
        if event.key() in steps and self.links.step(steps[Qt.Key(event.key())]):
            self.update()
        elif page and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.help_wanted.emit(page)
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


def show_tip(words: str, event: QHelpEvent, widget: QWidget) -> None:
    """Show words where the mouse rests, or none."""
    if words:
        QToolTip.showText(event.globalPos(), words, widget)
    else:
        QToolTip.hideText()
