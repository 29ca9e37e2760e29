"""Named rows with one or more bars each, their intervals, and the numbers written beside them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app.drawing.axes import Axis, NumberAxis
from app.drawing.list_axes import ListAxis
from app.drawing.named import Name, page_of
from app.drawing.pixels import PixelItem, PlotBox, Scale
from app.drawing.plots import Margins, Plot
from app.reading import numbers
from app.reading.glossary import TERMS
from app.theme import Theme, mix

TOP, BARE, BOTTOM = 26, 8, 42
"""Pixels above with a title and without, and below."""
THICKEST, THINNEST = 16.0, 13.0
"""Pixels of the thickest bar, and of the lowest row before rows are panned, where letters are no higher."""


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
        self._span = span
        self._point_at_title(None)
        self.links.current = -1
        self.keep_room(
            left=round(self.names.room()),
            right=round(self.texts.room()),
            top=self.grown(TOP if self.title else BARE),
        )
        if anew:
            self._fit()
        self.item.update()
        self.texts.update()

    def arrange(self) -> None:
        """Place box and axes, and show as many rows as are readable in the new height."""
        super().arrange()
        if self._span is not None and self.is_home:
            self._fit()

    def height_of(self, count: int) -> int:
        """Pixels that so many rows need to be read without panning."""
        top = self.grown(TOP if self.title else BARE)
        return round(count * self._thinnest() + top + self.grown(BOTTOM)) + 2

    def _thinnest(self) -> float:
        """Pixels of the lowest row whose name is still written."""
        return max(THINNEST, math.ceil(0.9 * QFontMetricsF(self.theme.font("small")).height()))

    def _fit(self) -> None:
        count = max(1, len(self.item.rows))
        seen = min(count, max(1, int(self.area().height() / self._thinnest())))
        y = (0.5 - seen, 0.5)
        self.box.setLimits(yMin=0.5 - count, yMax=0.5, maxYRange=count, minYRange=min(3, seen))
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

    def terms(self) -> tuple[Name, ...]:
        """Return the rows whose name has a definition, then the titles; a row that is panned away has no place."""
        area, metrics = self.area(), QFontMetricsF(self.theme.font("small"))
        shown = self.names.fits(self.names.places()[2])
        rows = [(number, row) for number, row in enumerate(self.item.rows) if row.term]
        found = []
        for number, row in rows:
            wide = min(metrics.horizontalAdvance(row.name), area.left() - 12)
            top = self.names.at(number) - metrics.height() / 2
            place = QRectF(area.left() - 8 - wide, top, wide, metrics.height() + 1)
            inside = shown and area.top() - 1 <= top + metrics.height() / 2 <= area.bottom() + 1
            found.append(Name(place if inside else QRectF(), page_of(row.term), TERMS[row.term].definition))
        return (*found, *super().terms())
