"""Named rows with one or more bars each, their intervals, and the numbers written beside them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app.drawing.axes import Axis, NumberAxis
from app.drawing.list_axes import ListAxis
from app.drawing.named import page_of, tip_of
from app.drawing.pixels import PixelItem, PlotBox, Scale
from app.drawing.plots import Margins, Plot
from app.reading import numbers
from app.reading.glossary import TERMS
from app.theme import Theme, mix

TOP, BOTTOM = 26, 42
THICKEST, THINNEST = 16.0, 13.0
"""Pixels of the thickest bar, and of the lowest row before rows are panned."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Attributes
    ----------
    value
        Where it ends; NaN draws none.
    hue
        Colour role.
    low, high
        Interval, NaN for none.
    hollow
        True for an upper bound, which is only outlined.
    outline
        Where the bar of a second network ends, NaN for none.
    """

    value: float
    hue: str
    low: float = math.nan
    high: float = math.nan
    hollow: bool = False
    outline: float = math.nan


@dataclass(frozen=True, slots=True)
class BarRow:
    """One row.

    Attributes
    ----------
    name, text
        Words at the left and at the right.
    bars
        From top to bottom.
    rule
        True if a line separates it from the row above.
    faint
        True for a row that says little, because it stands on few pictures.
    term
        Name in the glossary: a click on the name opens its help; "" for none.
    """

    name: str
    bars: tuple[Bar, ...] = ()
    text: str = ""
    rule: bool = False
    faint: bool = False
    term: str = ""


class BarRowsItem(PixelItem):
    """The bars."""

    def __init__(self, box: PlotBox, theme: Theme) -> None:
        super().__init__(box, theme)
        self.rows: tuple[BarRow, ...] = ()
        self.guides: tuple[tuple[float, str], ...] = ()
        self.selected = -1

    def draw(self, painter: QPainter, scale: Scale, exposed: QRectF) -> None:
        """Paint the rows that can be seen, then the reference lines over them."""
        painter.setFont(self.theme.font("small"))
        for number, row in enumerate(self.rows):
            middle = scale.y_of(-number)
            if -scale.per_y <= middle <= scale.height + scale.per_y:
                self._draw_row(painter, row, middle, scale, number == self.selected)
        zero = round(scale.x_of(0.0)) + 0.5
        painter.setPen(QPen(self.theme.color("line"), 1))
        painter.drawLine(QPointF(zero, 0), QPointF(zero, scale.height))
        for at, hue in self.guides:
            painter.setPen(QPen(self.theme.color(hue), 1, Qt.PenStyle.DashLine))
            x = round(scale.x_of(at)) + 0.5
            painter.drawLine(QPointF(x, 0), QPointF(x, scale.height))

    def _draw_row(self, painter: QPainter, row: BarRow, middle: float, scale: Scale, selected: bool) -> None:
        if selected:
            band = QRectF(0, round(middle - scale.per_y / 2), scale.width, round(scale.per_y))
            painter.fillRect(band, self.theme.color("selected"))
        if row.rule:
            painter.setPen(QPen(self.theme.color("grid"), 1))
            y = round(middle - scale.per_y / 2) + 0.5
            painter.drawLine(QPointF(0, y), QPointF(scale.width, y))
        if not row.bars:
            return
        tall = min(THICKEST, math.floor(0.8 * scale.per_y / len(row.bars)))
        top = round(middle - tall * len(row.bars) / 2)
        for place, bar in enumerate(row.bars):
            if math.isfinite(bar.value):
                self._draw_bar(painter, bar, top + place * tall, max(1.0, tall - 1), scale, row.faint)

    def _draw_bar(self, painter: QPainter, bar: Bar, top: float, tall: float, scale: Scale, faint: bool) -> None:
        start, end = sorted((round(scale.x_of(0.0)), round(scale.x_of(bar.value))))
        rect, color = QRectF(start, top, max(1, end - start), tall), self._color(bar.hue, faint)
        if bar.hollow:
            painter.fillRect(rect, mix(color, self.theme.color("surface"), 0.85))
            painter.setPen(QPen(color, 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(rect.adjusted(0.5, 0.5, -0.5, -0.5))
        else:
            painter.fillRect(rect, color)
        if math.isfinite(bar.outline):
            self._draw_outline(painter, bar, rect, scale)
        if math.isfinite(bar.low) and math.isfinite(bar.high):
            self._draw_interval(painter, bar, round(top + tall / 2) + 0.5, tall, scale)

    def _draw_outline(self, painter: QPainter, bar: Bar, rect: QRectF, scale: Scale) -> None:
        """Frame the bar of a second network, a little larger so that equal ones are both seen."""
        start, end = sorted((round(scale.x_of(0.0)), round(scale.x_of(bar.outline))))
        painter.setPen(QPen(self.theme.color("outline"), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(QRectF(start + 0.5, rect.top() - 0.5, max(1, end - start), rect.height()))
        if not bar.hollow and rect.left() < end < rect.right():
            # Within a filled bar a grey line is hardly seen.
            painter.setPen(QPen(self.theme.text_on(self.theme.color(bar.hue)), 1))
            painter.drawLine(QPointF(end + 0.5, rect.top() + 1), QPointF(end + 0.5, rect.bottom() - 1))

    def _draw_interval(self, painter: QPainter, bar: Bar, y: float, tall: float, scale: Scale) -> None:
        painter.setPen(QPen(self.theme.color("text"), 1))
        low, high = round(scale.x_of(bar.low)) + 0.5, round(scale.x_of(bar.high)) + 0.5
        painter.drawLine(QPointF(low, y), QPointF(high, y))
        cap = min(3.0, tall / 2)
        for x in (low, high):
            painter.drawLine(QPointF(x, y - cap), QPointF(x, y + cap))

    def _color(self, hue: str, faint: bool) -> QColor:
        color = self.theme.color(hue)
        return mix(color, self.theme.color("surface"), 0.6) if faint else color


class TextColumn(Axis):
    """Words at the right of every row."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "right")
        self.texts: tuple[str, ...] = ()

    def room(self) -> float:
        """Pixels of the longest text."""
        metrics = QFontMetricsF(self.theme.font("small"))
        return max((metrics.horizontalAdvance(text) for text in self.texts), default=0.0) + 16

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Write what fits between two rows."""
        area = self._area
        painter.setFont(self.theme.font("small"))
        metrics = QFontMetricsF(painter.font())
        spacing = area.height() / max(1e-9, self.range[1] - self.range[0])
        if spacing < 0.9 * metrics.height():
            return
        painter.setPen(self.theme.color("text"))
        for row, text in enumerate(self.texts):
            y = self.pixel(-row)
            if area.top() - 1 <= y <= area.bottom() + 1:
                rect = QRectF(area.left() + 8, y - metrics.height() / 2, area.width() - 8, metrics.height())
                painter.drawText(rect, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)


class BarRowsPlot(Plot):
    """Rows of bars over a common axis.

    Parameters
    ----------
    title, x_title
        What the rows are; words and unit of the axis.
    """

    row_clicked = Signal(int)
    row_hovered = Signal(int)
    """Row under the mouse, -1 for none."""
    help_wanted = Signal(str)
    """Section of the help that defines the row whose name was clicked."""
    _span: tuple[float, float] | None = None

    def __init__(self, theme: Theme, name: str, title: str, x_title: str, percent: bool = True) -> None:
        super().__init__(theme, name, Margins(left=120, top=TOP, right=60, bottom=BOTTOM))
        self.set_title(title)
        self.item = BarRowsItem(self.box, theme)
        self.names = ListAxis(theme, "left", "")
        self.texts = TextColumn(theme)
        text = (lambda share: f"{100 * share:.0f}{numbers.SPACE}%") if percent else None
        self.values = NumberAxis(theme, "bottom", title=x_title, text=text)
        for axis in (self.names, self.texts, self.values):
            self.add_axis(axis)
        self._named = -1
        """Row whose name is under the mouse or was reached by arrow keys, -1 for none."""
        self.box.setMouseEnabled(x=False, y=True)
        self.clicked.connect(self._clicked)
        self.hovered.connect(self._hover)

    @property
    def rows(self) -> tuple[BarRow, ...]:
        """What is drawn."""
        return self.item.rows

    def show_rows(
        self,
        rows: tuple[BarRow, ...],
        span: tuple[float, float] = (0.0, 1.0),
        guides: tuple[tuple[float, str], ...] = (),
        selected: int = -1,
    ) -> None:
        """Draw other rows over a span of values, with reference lines as (place, colour role)."""
        anew = len(rows) != len(self.item.rows) or span != self._span
        self.item.rows, self.item.guides, self.item.selected = rows, guides, selected
        self.names.set_names(tuple(row.name for row in rows), len(rows))
        self.texts.texts = tuple(row.text for row in rows)
        self.margins = Margins(round(self.names.room()), TOP, round(self.texts.room()), BOTTOM)
        self._span = span
        self._named = -1
        self.arrange()
        if anew:
            self._fit()
        self.item.update()
        self.texts.update()

    def arrange(self) -> None:
        """Place box and axes, and show as many rows as are readable in the new height."""
        super().arrange()
        if self._span is not None and self.is_home:
            self._fit()

    def _fit(self) -> None:
        count = max(1, len(self.item.rows))
        seen = min(count, max(1, int(self.area().height() / THINNEST)))
        y = (0.5 - seen, 0.5)
        self.box.setLimits(yMin=0.5 - count, yMax=0.5, maxYRange=count, minYRange=min(3, count))
        self.set_home(self._span or (0.0, 1.0), y)

    def row_at(self, y: float) -> int:
        """Row of a place, -1 outside."""
        row = round(-y)
        return row if 0 <= row < len(self.item.rows) else -1

    def _clicked(self, _x: float, y: float, _extend: bool) -> None:
        if self.row_at(y) >= 0:
            self.row_clicked.emit(self.row_at(y))

    def _hover(self, place: tuple[float, float] | None) -> None:
        self.row_hovered.emit(self.row_at(place[1]) if place else -1)

    # -- names -------------------------------------------------------------------------------------------------------

    def term_row(self, place: QPointF) -> int:
        """Row whose name is at a place and has a definition, -1 for none."""
        area = self.area()
        if not 0 <= place.x() < area.left() or not area.top() <= place.y() < area.bottom():
            return -1
        row = self.row_at(self.box.mapSceneToView(self.mapToScene(place.toPoint())).y())
        return row if row >= 0 and self.item.rows[row].term else -1

    def _name_row(self, row: int) -> None:
        if row != self._named:
            self._named = row
            term = self.item.rows[row].term if row >= 0 else ""
            self.viewport().setToolTip(tip_of(TERMS[term].definition, page_of(term)) if term else "")
            self.viewport().update()

    def _open_help(self, row: int) -> None:
        if 0 <= row < len(self.item.rows) and self.item.rows[row].term:
            self.help_wanted.emit(page_of(self.item.rows[row].term))

    def mouseMoveEvent(self, ev: QMouseEvent) -> None:
        """Show which names can be clicked."""
        super().mouseMoveEvent(ev)
        if not ev.buttons():
            row = self.term_row(ev.position())
            self._name_row(row)
            self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if row >= 0 else Qt.CursorShape.ArrowCursor)

    def mouseReleaseEvent(self, ev: QMouseEvent) -> None:
        """Open the definition of the name that was clicked."""
        super().mouseReleaseEvent(ev)
        if ev.button() == Qt.MouseButton.LeftButton:
            self._open_help(self.term_row(ev.position()))

    def keyPressEvent(self, ev: QKeyEvent) -> None:
        """Arrows up and down walk through the names, Enter opens the definition of one."""
        known = [row for row, found in enumerate(self.item.rows) if found.term]
        step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(ev.key()), 0)
        if known and step:
            self._name_row(known[(known.index(self._named) + step) % len(known)] if self._named in known else known[0])
        elif ev.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._named in known:
            self._open_help(self._named)
        else:
            super().keyPressEvent(ev)

    def drawForeground(self, painter: QPainter, rect: QRectF) -> None:
        """Underline the name that can be opened."""
        super().drawForeground(painter, rect)
        if 0 <= self._named < len(self.item.rows) and self.names.fits(self.names.places()[2]):
            painter.setFont(self.theme.font("small"))
            metrics, area = QFontMetricsF(painter.font()), self.area()
            right = area.left() - 8
            left = max(4.0, right - metrics.horizontalAdvance(self.item.rows[self._named].name))
            y = round(self.names.at(self._named) + metrics.height() / 2) - 0.5
            painter.setPen(QPen(self.theme.color("text_soft"), 1))
            painter.drawLine(QPointF(left, y), QPointF(right, y))
