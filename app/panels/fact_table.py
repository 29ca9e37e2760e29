"""Names and numbers under each other: quiet, aligned, defined on hovering. Painted, so that they can follow a run."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy

from app.drawing.named import Name, NamedNumbers, tip_of
from app.theme import Theme

PAD = 12.0
GAP = 14.0


@dataclass(frozen=True, slots=True)
class Fact:
    """One line.

    Attributes
    ----------
    label
        What it is.
    texts
        One value per column.
    definition
        One line that is said on hovering.
    exact
        The values with all digits, for hovering.
    page
        Help page that says more, "" for none.
    heading
        True for a line that begins a group; its texts are soft.
    """

    label: str
    texts: tuple[str, ...] = ()
    definition: str = ""
    exact: tuple[str, ...] = ()
    page: str = ""
    heading: bool = False


class FactTable(NamedNumbers):
    """Lines of facts with one or several columns of values."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.facts: tuple[Fact, ...] = ()
        self.columns: tuple[tuple[str, str], ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.updateGeometry)

    def show_facts(self, facts: tuple[Fact, ...], columns: tuple[tuple[str, str], ...] = ()) -> None:
        """Show other facts; columns are (name, colour role) pairs where there are several values per line."""
        if (facts, columns) == (self.facts, self.columns):
            return
        grown = len(facts) != len(self.facts)
        self.facts, self.columns = facts, columns
        self.setAccessibleDescription("; ".join(f"{fact.label} {', '.join(fact.texts)}" for fact in facts))
        if grown or self.sizeHint().height() != self.height():
            self.updateGeometry()
        self.update()

    @property
    def text(self) -> str:
        """All lines as tab-separated text."""
        return "\n".join("\t".join((fact.label, *fact.texts)) for fact in self.facts)

    # -- layout ------------------------------------------------------------------------------------------------------

    def _metrics(self) -> QFontMetricsF:
        return QFontMetricsF(self.theme.font())

    def _line(self) -> float:
        return self._metrics().height() + 5

    def _widths(self) -> list[float]:
        """Width of every column, with its gap: that of its widest text."""
        metrics, found = self._metrics(), []
        for place in range(max(1, len(self.columns))):
            texts = [fact.texts[place] for fact in self.facts if not fact.heading and place < len(fact.texts)]
            texts += [self.columns[place][0]] if self.columns else []
            found.append(GAP + max((metrics.horizontalAdvance(text) for text in texts), default=0.0))
        return found

    def _is_broken(self, fact: Fact) -> bool:
        """Tell whether values need a line of their own below their label."""
        metrics, width = self._metrics(), self.width() - 2 * PAD
        label = metrics.horizontalAdvance(fact.label)
        if len(self.columns) > 1:
            first = metrics.horizontalAdvance(fact.texts[0]) if fact.texts else 0.0
            return not fact.heading and label + GAP + first > width - sum(self._widths()[1:])
        values = sum(metrics.horizontalAdvance(text) for text in fact.texts)
        return bool(fact.texts) and label + GAP + values > width

    def _places(self) -> list[tuple[float, float]]:
        """Upper edge and height of every line, after the line of column names."""
        y = self._line() + 2 if len(self.columns) > 1 else 0.0
        places = []
        for number, fact in enumerate(self.facts):
            if fact.heading and number:
                y += 8
            height = self._line() * (2 if self._is_broken(fact) else 1)
            places.append((y, height))
            y += height
        return places

    def sizeHint(self) -> QSize:
        """Return the height of all lines."""
        places = self._places()
        return QSize(200, round(sum(places[-1]) + 2) if places else 0)

    def minimumSizeHint(self) -> QSize:
        """Return room for the narrowest table that cuts nothing."""
        return QSize(round(2 * PAD + sum(self._widths())), 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Break lines anew."""
        super().resizeEvent(event)
        if self.sizeHint().height() != self.height():
            self.updateGeometry()

    # -- painting ----------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw column names and lines."""
        painter = QPainter(self)
        right, widths, line = self.width() - PAD, self._widths(), self._line()
        # From the right edge to the right end of each column, the last column first.
        steps = [sum(widths[len(widths) - place :]) for place in range(len(widths))]
        flags = Qt.AlignmentFlag.AlignVCenter
        if len(self.columns) > 1:
            for number, (name, role) in enumerate(reversed(self.columns)):
                painter.setPen(self.theme.readable(role))
                wide = widths[len(widths) - 1 - number]
                rect = QRectF(right - steps[number] - wide, 0, wide, line)
                painter.drawText(rect, Qt.AlignmentFlag.AlignRight | flags, name)
        for fact, (top, height) in zip(self.facts, self._places(), strict=True):
            painter.setFont(self.theme.font("bold" if fact.heading else "text"))
            painter.setPen(self.theme.color("text" if fact.heading else "text_soft"))
            painter.drawText(QRectF(PAD, top, self.width(), line), flags, fact.label)
            painter.setFont(self.theme.font("small" if fact.heading else "text"))
            painter.setPen(self.theme.color("text_soft" if fact.heading else "text"))
            below = top + height - line
            for number, text in enumerate(reversed(fact.texts)):
                step = steps[min(number, len(steps) - 1)] if len(self.columns) > 1 else 0.0
                rect = QRectF(PAD, below, right - step - PAD, line)
                painter.drawText(rect, Qt.AlignmentFlag.AlignRight | flags, text)
        self.underline(painter)

    # -- hovering ----------------------------------------------------------------------------------------------------

    def fact_at(self, y: float) -> Fact | None:
        """Return the line at a height."""
        for fact, (top, height) in zip(self.facts, self._places(), strict=True):
            if top <= y < top + height:
                return fact
        return None

    def tip(self, fact: Fact) -> str:
        """Words of the tool tip: exact values, definition, and where more is said."""
        parts = (", ".join(text for text in fact.exact if text), fact.definition)
        return tip_of("\n".join(part for part in parts if part), fact.page)

    def tip_at(self, place: QPointF) -> str:
        """Return the definition of the line at a place, wherever on it the mouse is."""
        fact = self.fact_at(place.y())
        return self.tip(fact) if fact is not None else ""

    def names(self) -> tuple[Name, ...]:
        """Return the labels of the lines."""
        plain, bold = (QFontMetricsF(self.theme.font(kind)) for kind in ("text", "bold"))
        return tuple(
            Name(
                QRectF(PAD, top, (bold if fact.heading else plain).horizontalAdvance(fact.label), self._line()),
                fact.page,
                fact.definition,
            )
            for fact, (top, _height) in zip(self.facts, self._places(), strict=True)
        )
