"""Below the tracks: all values at the crosshair in one place, and what the marks mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, QTimer, QVariantAnimation
from PySide6.QtGui import (
    QBrush,
    QColor,
    QEnterEvent,
    QFocusEvent,
    QFontMetricsF,
    QHideEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy

from app.drawing.lane_painting import draw_mark
from app.drawing.named import PARTS, Name, NamedNumbers, page_of, tip_of
from app.reading.glossary import TERMS
from app.reading.glossary.legends import legend_term, opening
from app.reading.measurements import STATE_WORDS
from app.theme import Theme

PAD = 8.0
GAP = 18.0
LINGER = 900
"""Milliseconds that values stay after the mouse has left what they are of."""
FADE = 120
"""Milliseconds in which the label at the crosshair appears, the only motion of the window beside progress."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One value.

    Attributes
    ----------
    label, text, hue
        Its name, its text, the colour role of its track.
    tip
        What is said on hovering; without words, the definition of its term.
    term
        Name in the glossary: a click on the label opens its help. "" for what is no number of its own, such as a note.
    page
        Help page of a number that the glossary does not name; that of the term otherwise.
    """

    label: str
    text: str
    hue: str
    tip: str = ""
    term: str = ""
    page: str = ""

    @property
    def words(self) -> str:
        """What is said on hovering."""
        return self.tip or (TERMS[self.term].definition if self.term else "")

    @property
    def section(self) -> str:
        """Where the help says more, "" for nowhere."""
        return self.page or page_of(self.term)


class Readout(NamedNumbers):
    """A heading and values beside each other, in as many lines as they need. Nothing is cut.

    The height only grows while the same tracks are shown, so that moving the crosshair never moves anything else.
    Values stay for a moment when the mouse leaves what they are of, and while it is on them, so that their names can be
    reached.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._linger = QTimer(self)
        self._linger.setSingleShot(True)
        self._linger.setInterval(LINGER)
        self._linger.timeout.connect(self.clear)
        self.theme = theme
        self._heading, self._hint = "", ""
        self._entries: tuple[Entry, ...] = ()
        self._lines = 1
        self._painted = self._left = False
        self.fade = QVariantAnimation(self)
        self.fade.setDuration(FADE)
        self.fade.setStartValue(0.0)
        self.fade.setEndValue(1.0)
        self.fade.valueChanged.connect(lambda _share: self.update())
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Values at the crosshair")
        theme.changed.connect(self.reset)

    def reset(self) -> None:
        """Begin again with one line, because other tracks are shown."""
        self._lines = 1
        self._grow()
        self.updateGeometry()
        self.update()

    def show_entries(self, heading: str, entries: tuple[Entry, ...]) -> None:
        """Show values under the name of a place; for no place, those before stay until nobody can want them."""
        self._linger.stop()
        if not heading and not entries and self._heading and self.isVisible():
            if not self.underMouse() and not self.hasFocus():
                self._linger.start()
            self._left = True
            return
        self._left = False
        self._show(heading, entries)

    def clear(self) -> None:
        """Show no values, at once."""
        self._linger.stop()
        self._left = False
        self._show("", ())

    def _show(self, heading: str, entries: tuple[Entry, ...]) -> None:
        if (heading, entries) == (self._heading, self._entries):
            return
        if bool(heading) != bool(self._heading) and self._painted:
            self.fade.start()  # only as the label comes or goes: values that follow the mouse are there at once
        self._heading, self._entries = heading, entries
        words = [f"{entry.label} {entry.text}" for entry in entries]
        self.setAccessibleDescription(", ".join([heading, *words]))
        self._grow()
        self.update()

    def set_hint(self, hint: str) -> None:
        """Say what can be done while nothing is pointed at."""
        if hint != self._hint:
            self._hint = hint
            self.update()

    @property
    def text(self) -> str:
        """Everything that is shown, for tests and for the clipboard."""
        return "  ".join([self._heading, *(f"{entry.label} {entry.text}" for entry in self._entries)])

    def entry_at(self, x: float, y: float) -> Entry | None:
        """Return the value at a place of the widget."""
        row = int((y - PAD / 2) // self.line_height())
        before = [
            entry
            for entry, (left, line) in zip(self._entries, self._places()[1:], strict=True)
            if line == row and left <= x
        ]
        return before[-1] if before else None

    def names(self) -> tuple[Name, ...]:
        """Return the labels of the values."""
        if not self._heading:
            return ()
        metrics, height = QFontMetricsF(self.theme.font()), self.line_height()
        return tuple(
            Name(
                QRectF(left, PAD / 2 + line * height, metrics.horizontalAdvance(entry.label or entry.text), height),
                entry.section, entry.words,
            )
            for entry, (left, line) in zip(self._entries, self._places()[1:], strict=True)
        )  # fmt: skip

    def tip_at(self, place: QPointF) -> str:
        """Return what the value at a place means, wherever on it the mouse is."""
        entry = self.entry_at(place.x(), place.y())
        return tip_of(entry.words, entry.section) if entry is not None else ""

    def enterEvent(self, event: QEnterEvent) -> None:
        """Keep the values while the mouse is on them."""
        self._linger.stop()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """Let values go that nothing points at any more."""
        super().leaveEvent(event)
        self._let_go()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Let values go that nothing points at any more."""
        super().focusOutEvent(event)
        self._let_go()

    def hideEvent(self, event: QHideEvent) -> None:
        """Forget what nothing points at."""
        super().hideEvent(event)
        if self._left:
            self.clear()

    def _let_go(self) -> None:
        if self._left:
            self._linger.start()

    def _places(self) -> list[tuple[float, int]]:
        """Left edge and line of the heading and of every entry."""
        code, plain = QFontMetricsF(self.theme.font("code")), QFontMetricsF(self.theme.font())
        x, line = PAD, 0
        places = [(x, line)]
        x += code.horizontalAdvance(self._heading) + GAP
        for entry in self._entries:
            width = plain.horizontalAdvance(f"{entry.label} {entry.text}")
            if x + width > self.width() - PAD and x > PAD:
                x, line = PAD, line + 1
            places.append((x, line))
            x += width + GAP
        return places

    def _grow(self) -> None:
        lines = self._places()[-1][1] + 1
        if lines > self._lines:
            self._lines = lines
            self.updateGeometry()

    def line_height(self) -> float:
        """Pixels of one line."""
        return max(QFontMetricsF(self.theme.font()).height(), QFontMetricsF(self.theme.font("code")).height()) + 3

    def sizeHint(self) -> QSize:
        """Return the height of the lines so far."""
        return QSize(320, round(self._lines * self.line_height() + PAD))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Break lines anew."""
        self._lines = 1
        self._grow()
        super().resizeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw heading and values, or the hint."""
        self._painted = True
        painter = QPainter(self)
        height = self.line_height()
        painter.setPen(self.theme.color("line"))
        painter.drawLine(0, 0, self.width(), 0)
        if self.fade.state() == QVariantAnimation.State.Running:
            painter.setOpacity(float(self.fade.currentValue()))
        if not self._heading:
            painter.setFont(self.theme.font())
            painter.setPen(self.theme.color("text_soft"))
            rect = QRectF(PAD, PAD / 2, self.width() - 2 * PAD, height)
            metrics = QFontMetricsF(painter.font())
            painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter, first_fitting(self._hint, rect.width(), metrics))
            return
        (x, line), *places = self._places()
        painter.setFont(self.theme.font("code"))
        painter.setPen(self.theme.color("text"))
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(x, PAD / 2 + line * height, self.width(), height), flags, self._heading)
        painter.setFont(self.theme.font())
        metrics = QFontMetricsF(painter.font())
        for entry, (left, row) in zip(self._entries, places, strict=True):
            rect = QRectF(left, PAD / 2 + row * height, self.width(), height)
            painter.setPen(self.theme.readable(entry.hue))
            painter.drawText(rect, flags, entry.label)
            rect.setLeft(left + metrics.horizontalAdvance(entry.label + " "))
            painter.setPen(self.theme.color("text"))
            painter.drawText(rect, flags, entry.text)
        self.underline(painter)


def first_fitting(text: str, width: float, metrics: QFontMetricsF) -> str:
    """Leave away parts from the end, separated by dots, until a text fits; nothing is ever cut in the middle."""
    parts = text.split(" · ")
    while parts and metrics.horizontalAdvance(" · ".join(parts)) > width:
        parts.pop()
    return " · ".join(parts)


class Line(NamedNumbers):
    """One line of soft text that shows as many of its parts as fit, all of them on hovering.

    Parameters
    ----------
    terms
        Words that parts begin with, and their terms in the glossary: a click on one opens its definition.
    """

    def __init__(
        self, theme: Theme, font: str = "small", role: str = "text_soft", terms: Mapping[str, str] | None = None
    ) -> None:
        super().__init__()
        self.theme = theme
        self._font, self._role, self._terms = font, role, terms or {}
        self.text = ""
        self._take_keyboard()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.updateGeometry)

    def say(self, text: str, details: str = "") -> None:
        """Change the text, and what is said on hovering."""
        if text != self.text:
            self.text = text
            self.setAccessibleName(text)
            self._take_keyboard()
            self.update()
            self.updateGeometry()
        self.setToolTip(details or text)

    def know(self, terms: Mapping[str, str]) -> None:
        """Take terms for words, unless the line has terms of its own."""
        self._terms = self._terms or terms
        self._take_keyboard()

    def _take_keyboard(self) -> None:
        """Be reached by Tab if there is something to open."""
        known = any(opening(part, self._terms)[1] for part in PARTS.split(self.text)) if self._terms else False
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus if known else Qt.FocusPolicy.NoFocus)

    def _shown(self) -> str:
        return first_fitting(self.text, self.width(), QFontMetricsF(self.theme.font(self._font)))

    def names(self) -> tuple[Name, ...]:
        """Return the words that lead to a definition, where they are painted."""
        found, at, text = [], 0, self._shown() if self._terms else ""
        metrics = QFontMetricsF(self.theme.font(self._font))
        for part in PARTS.split(text):
            start, words = opening(part, self._terms)
            if words:
                left, wide = metrics.horizontalAdvance(text[: at + start]), metrics.horizontalAdvance(words)
                term = TERMS[self._terms[words]]
                found.append(Name(QRectF(left, 0, wide, self.height()), term.page, term.definition))
            at += len(part)
        return tuple(found)

    def tip_at(self, place: QPointF) -> str:
        """Return the definition of a name, elsewhere what is said of the whole line."""
        return super().tip_at(place) or self.toolTip()

    @property
    def room(self) -> int:
        """Pixels that the whole text would take; a layout may give less."""
        return round(QFontMetricsF(self.theme.font(self._font)).horizontalAdvance(self.text)) + 2

    def sizeHint(self) -> QSize:
        """Return the height of a line."""
        return QSize(80, round(QFontMetricsF(self.theme.font(self._font)).height() + 4))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw what fits."""
        painter = QPainter(self)
        painter.setFont(self.theme.font(self._font))
        painter.setPen(self.theme.color(self._role))
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(self.rect()), flags, self._shown())
        self.underline(painter)


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of a legend.

    Attributes
    ----------
    shape
        "bar", "dash", "dashes" for a broken line, "thin" for one of a second run, "hatch", "dot", "ring", "frame",
        "sizes" for a small and a large dot, or "mark" for a neutral mark.
    words
        What it means.
    color
        Its colour; unused for marks.
    state
        The state that a mark stands for.
    """

    shape: str
    words: str
    color: QColor | None = None
    state: int = 0


class Legend(NamedNumbers):
    """What bars, lines and neutral marks mean; only those that occur, nothing if none does.

    Words that the glossary knows lead to their definition.
    """

    def __init__(self, theme: Theme, wrap: bool = False) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.theme = theme
        self.keys: tuple[Key, ...] = ()
        self._wrap = wrap
        wide = QSizePolicy.Policy.Expanding if wrap else QSizePolicy.Policy.Fixed
        self.setSizePolicy(wide, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Legend")
        theme.changed.connect(self.updateGeometry)

    def show_keys(self, keys: tuple[Key, ...], states: tuple[int, ...] = ()) -> None:
        """Explain bars and lines, then the neutral marks of some states."""
        keys = (*keys, *(Key("mark", STATE_WORDS[state], None, state) for state in states))
        if keys != self.keys:
            self.keys = keys
            self.setAccessibleDescription(", ".join(key.words for key in keys))
            known = any(name.page for name in self.names())
            self.setFocusPolicy(Qt.FocusPolicy.TabFocus if known else Qt.FocusPolicy.NoFocus)
            self.updateGeometry()
            self.update()

    def names(self) -> tuple[Name, ...]:
        """Return the words that the glossary knows, where they are painted."""
        metrics, found = QFontMetricsF(self.theme.font("small")), []
        for key, (x, y) in zip(self.keys, self._places()[:-1], strict=True):
            term = TERMS.get("axis_marks" if key.shape == "mark" else legend_term(key.words))
            if term is not None:
                place = QRectF(x + 16, y, metrics.horizontalAdvance(key.words), metrics.height() + 1)
                found.append(Name(place, term.page, f"{term.title}: {term.definition}"))
        return tuple(found)

    def tip_at(self, place: QPointF) -> str:
        """Return the definition of an entry, elsewhere what is said of the whole legend."""
        return super().tip_at(place) or self.toolTip()

    def _places(self) -> list[tuple[float, float]]:
        """Left and upper edge of every entry, then the right and lower edge of all."""
        metrics = QFontMetricsF(self.theme.font("small"))
        x, y, height = (PAD if self._wrap else 0.0), 2.0, metrics.height() + 2
        places = []
        for key in self.keys:
            width = 16 + metrics.horizontalAdvance(key.words) + 14
            if self._wrap and x + width - 14 > self.width() and x > PAD:
                x, y = PAD, y + height
            places.append((x, y))
            x += width
        return [*places, (x, y + height)]

    def sizeHint(self) -> QSize:
        """Return the room for all shapes and words."""
        right, bottom = self._places()[-1]
        return QSize(80 if self._wrap else round(right), round(bottom))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Break lines anew."""
        super().resizeEvent(event)
        if self._wrap and self.sizeHint().height() != self.height():
            self.updateGeometry()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw every shape with its words."""
        painter = QPainter(self)
        painter.setFont(self.theme.font("small"))
        height = QFontMetricsF(painter.font()).height()
        for key, (x, y) in zip(self.keys, self._places()[:-1], strict=True):
            self._draw_shape(painter, key, x + 1, y + height / 2)
            painter.setPen(self.theme.color("text_soft"))
            rect = QRectF(x + 16, y, 2000, height)
            painter.drawText(rect, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, key.words)
        self.underline(painter)

    def _draw_shape(self, painter: QPainter, key: Key, x: float, middle: float) -> None:
        color = key.color or self.theme.color("text_soft")
        if key.shape == "mark":
            draw_mark(painter, self.theme, key.state, x + 5, middle + 3)
        elif key.shape == "bar":
            painter.fillRect(QRectF(x, round(middle) - 5, 10, 10), color)
        elif key.shape == "dash":
            painter.fillRect(QRectF(x - 1, round(middle) - 1, 12, 2), color)
        elif key.shape in ("dashes", "thin"):
            dash = Qt.PenStyle.DashLine if key.shape == "dashes" else Qt.PenStyle.SolidLine
            painter.setPen(QPen(color, 1, dash))
            painter.drawLine(QPointF(x - 2, round(middle) + 0.5), QPointF(x + 10, round(middle) + 0.5))
        elif key.shape == "hatch":
            painter.fillRect(QRectF(x, round(middle) - 5, 10, 10), QBrush(color, Qt.BrushStyle.BDiagPattern))
        else:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(color, 1))
            painter.setBrush(color if key.shape == "dot" else self.theme.color("surface"))
            if key.shape == "frame":
                painter.drawRect(QRectF(x + 0.5, round(middle) - 4.5, 9, 9))
            elif key.shape == "sizes":
                painter.setBrush(color)
                painter.drawEllipse(QPointF(x + 1, middle), 1.5, 1.5)
                painter.drawEllipse(QPointF(x + 8, middle), 3.0, 3.0)
            else:
                painter.drawEllipse(QPointF(x + 5, middle), 3.5, 3.5)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
