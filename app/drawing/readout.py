"""Below the tracks: all values at the crosshair in one place, and what holds for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, QTimer, QVariantAnimation
from PySide6.QtGui import (
    QEnterEvent,
    QFocusEvent,
    QFontMetricsF,
    QHideEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy

from app.drawing.named import PARTS, Name, NamedNumbers, page_of, shortened, tip_of
from app.reading.glossary import TERMS
from app.reading.glossary.legends import opening
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
    """A heading and values beside each other, in as many lines as they need. No number is cut.

    Names that are wider than a line are shortened in their middle, and told in full on hovering.

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
                QRectF(
                    left, PAD / 2 + line * height,
                    metrics.horizontalAdvance(self._label(entry, metrics) or entry.text), height,
                ),
                entry.section, entry.words,
            )
            for entry, (left, line) in zip(self._entries, self._places()[1:], strict=True)
        )  # fmt: skip

    def tip_at(self, place: QPointF) -> str:
        """Return what the value at a place means, wherever on it the mouse is."""
        entry = self.entry_at(place.x(), place.y())
        if entry is None:
            return self._heading if self._title() != self._heading else ""
        whole = self._label(entry, QFontMetricsF(self.theme.font())) == entry.label
        words = entry.words if whole else f"{entry.label} {entry.text}\n{entry.words}".strip()
        return tip_of(words, entry.section)

    def _title(self) -> str:
        """Return the heading as it is shown."""
        return shortened(self._heading, self.width() - 2 * PAD, QFontMetricsF(self.theme.font("code")))

    def _label(self, entry: Entry, plain: QFontMetricsF) -> str:
        """Return the name of a value as it is shown: as much of it as fits into a line with the value."""
        return shortened(entry.label, self.width() - 2 * PAD - plain.horizontalAdvance(f" {entry.text}"), plain)

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
        x += code.horizontalAdvance(self._title()) + GAP
        for entry in self._entries:
            width = plain.horizontalAdvance(f"{self._label(entry, plain)} {entry.text}")
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
        painter.drawText(QRectF(x, PAD / 2 + line * height, self.width(), height), flags, self._title())
        painter.setFont(self.theme.font())
        metrics = QFontMetricsF(painter.font())
        for entry, (left, row) in zip(self._entries, places, strict=True):
            rect = QRectF(left, PAD / 2 + row * height, self.width(), height)
            painter.setPen(self.theme.readable(entry.hue))
            label = self._label(entry, metrics)
            painter.drawText(rect, flags, label)
            rect.setLeft(left + metrics.horizontalAdvance(label + " "))
            painter.setPen(self.theme.color("text"))
            painter.drawText(rect, flags, entry.text)
        self.underline(painter)


def first_fitting(text: str, width: float, metrics: QFontMetricsF) -> str:
    """Leave away parts from the end, separated by dots, until a text fits; the first is shortened rather than left out.

    Its middle goes first: names that are too long differ at their ends.
    """
    parts = text.split(" · ")
    while len(parts) > 1 and metrics.horizontalAdvance(" · ".join(parts)) > width:
        parts.pop()
    return shortened(" · ".join(parts), width, metrics)


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
