"""The legend below a plot: keys, marks and frames with their words."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFontMetricsF,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy

from app.drawing.lane_painting import draw_mark
from app.drawing.named import Name, NamedNumbers
from app.reading.glossary import TERMS
from app.reading.glossary.legends import legend_term
from app.reading.measurements import STATE_WORDS
from app.theme import Theme

PAD = 8.0


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
