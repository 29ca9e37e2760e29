"""Below the tracks: all values at the crosshair in one place, and what the marks mean."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.lane_painting import draw_mark
from app.measurements import STATE_WORDS
from app.theme import Theme

PAD = 8.0
GAP = 18.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One value: its name, its text and the colour role of its track."""

    label: str
    text: str
    hue: str


class Readout(QWidget):
    """A heading and values beside each other, in as many lines as they need. Nothing is cut.

    The height only grows while the same tracks are shown, so that moving the crosshair never moves anything else.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self._heading, self._hint = "", ""
        self._entries: tuple[Entry, ...] = ()
        self._lines = 1
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
        """Show values under the name of a place."""
        if (heading, entries) == (self._heading, self._entries):
            return
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
        painter = QPainter(self)
        height = self.line_height()
        painter.setPen(self.theme.color("line"))
        painter.drawLine(0, 0, self.width(), 0)
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


def first_fitting(text: str, width: float, metrics: QFontMetricsF) -> str:
    """Leave away parts from the end, separated by dots, until a text fits; nothing is ever cut in the middle."""
    parts = text.split(" · ")
    while parts and metrics.horizontalAdvance(" · ".join(parts)) > width:
        parts.pop()
    return " · ".join(parts)


class Line(QWidget):
    """One line of soft text that shows as many of its parts as fit, all of them on hovering."""

    def __init__(self, theme: Theme, font: str = "small") -> None:
        super().__init__()
        self.theme = theme
        self._font = font
        self.text = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.updateGeometry)

    def say(self, text: str, details: str = "") -> None:
        """Change the text, and what is said on hovering."""
        if text != self.text:
            self.text = text
            self.setAccessibleName(text)
            self.update()
        self.setToolTip(details or text)

    def sizeHint(self) -> QSize:
        """Return the height of a line."""
        return QSize(80, round(QFontMetricsF(self.theme.font(self._font)).height() + 4))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw what fits."""
        painter = QPainter(self)
        painter.setFont(self.theme.font(self._font))
        painter.setPen(self.theme.color("text_soft"))
        text = first_fitting(self.text, self.width(), QFontMetricsF(painter.font()))
        painter.drawText(QRectF(self.rect()), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)


class Legend(QWidget):
    """What the neutral marks mean; only those that occur, nothing if none does."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.states: tuple[int, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Legend of the marks")
        theme.changed.connect(self.updateGeometry)

    def show_states(self, states: tuple[int, ...]) -> None:
        """Explain these marks."""
        if states != self.states:
            self.states = states
            self.setAccessibleDescription(", ".join(STATE_WORDS[state] for state in states))
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        """Return the room for all marks and words."""
        metrics = QFontMetricsF(self.theme.font("small"))
        width = sum(14 + metrics.horizontalAdvance(STATE_WORDS[state]) + 14 for state in self.states)
        return QSize(round(width), round(metrics.height() + 4))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw every mark with its words."""
        painter = QPainter(self)
        painter.setFont(self.theme.font("small"))
        metrics = QFontMetricsF(painter.font())
        x = 0.0
        for state in self.states:
            draw_mark(painter, self.theme, state, x + 6, self.height() / 2 + 3)
            painter.setPen(self.theme.color("text_soft"))
            width = metrics.horizontalAdvance(STATE_WORDS[state])
            rect = QRectF(x + 14, 0, width + 1, self.height())
            painter.drawText(rect, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, STATE_WORDS[state])
            x += 14 + width + 14
