"""Several pictures and their attributions: one row for each picture, one column for each algorithm."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QFrame

from app.drawing.attribution_pane import Pane, pixel_at, pixel_words, title_font, title_lines
from app.drawing.attribution_row import BAR, GAP, WORDS, RowPainter
from app.drawing.attribution_row import Row as Row
from app.drawing.named import Name, NameLinks, page_of, show_tip, tip_of
from app.theme import Theme

PAD = 12.0
SMALLEST, LARGEST = 60.0, 120.0
"""Pixels of the side of a map."""


@dataclass(frozen=True, slots=True)
class Room:
    """What a table has room for, in pixels.

    Attributes
    ----------
    side
        Of a map.
    titles
        Lines of each title.
    high, head
        Height of the titles, alone and with their colour scales.
    row
        Height of a row.
    """

    side: float
    titles: tuple[tuple[str, ...], ...]
    high: float
    head: float
    row: float


class AttributionTable(QAbstractScrollArea):
    """Rows that can be scrolled below titles that stay."""

    chosen = Signal(int)
    """Place of a picture that was clicked or reached by keyboard."""
    opened = Signal(int)
    """Place of a picture that is wanted alone."""
    help_wanted = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.titles: tuple[Pane, ...] = ()
        self.rows: tuple[Row, ...] = ()
        self.current = -1
        self.painting = RowPainter(theme)
        self.links = NameLinks(self.names)
        self.room = self._room()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setMouseTracking(True)
        self.setAccessibleName("Attributions of several pictures")
        theme.changed.connect(self._forget)

    def show_rows(
        self, titles: tuple[Pane, ...], rows: tuple[Row, ...], current: int, opacity: float, shared: bool
    ) -> None:
        """Show other rows.

        Parameters
        ----------
        titles
            One pane for each column: title, definition, whether it is signed, and the end of a shared scale.
        current
            Place of the picture that is selected; it is scrolled to when it changes.
        shared
            True if all maps have one scale, which then stands at the titles; else each map tells the end of its own.
        """
        moved = current != self.current
        self.titles, self.rows, self.current = titles, rows, current
        self.painting.opacity, self.painting.shared = opacity, shared
        self.painting.keep(rows)
        said = (", ".join((*row.words, *(pane.title for pane in row.panes if pane.values is not None))) for row in rows)
        self.setAccessibleDescription("; ".join(said))
        self._fit()
        if moved:
            self._show_current()
        self.viewport().update()

    def _forget(self) -> None:
        self.painting.keep(())
        self._fit()
        self.viewport().update()

    # -- geometry ----------------------------------------------------------------------------------------------------

    def _room(self) -> Room:
        """Measure what there is room for; side: as many pixels as have room beside each other, within limits."""
        painting, count = self.painting, len(self.titles) + 1
        across = self.viewport().width() - 2 * PAD - WORDS - count * GAP
        side = min(max(across / count, SMALLEST), LARGEST)
        width = painting.title_room(side)
        painting.title_font = title_font((pane.title for pane in self.titles), width, self.theme)
        metrics = QFontMetricsF(self.theme.font(painting.title_font))
        titles = tuple(title_lines(pane.title, width, metrics) for pane in self.titles)
        lines = max(map(len, titles), default=1)
        line, small = painting.line(), painting.line("small")
        row = max(side, 4 * small + line) + small + GAP
        return Room(side, titles, lines * line, 4 + lines * line + BAR + small + 6, row)

    def _fit(self) -> None:
        """Measure everything anew, and tell the scroll bars how much there is."""
        self.room = made = self._room()
        seen = self.viewport().size()
        high = made.head + len(self.rows) * made.row
        wide = self._left(len(self.titles)) - GAP + PAD
        for bar, all_of_it, part in (
            (self.verticalScrollBar(), high, seen.height()),
            (self.horizontalScrollBar(), wide, seen.width()),
        ):
            bar.setRange(0, max(0, round(all_of_it) - part))
            bar.setPageStep(part)
            bar.setSingleStep(round(made.row / 3))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Make maps as large as they fit."""
        super().resizeEvent(event)
        self._fit()

    def _left(self, column: int) -> float:
        """Left edge of a column of maps, without scrolling."""
        return PAD + WORDS + (column + 1) * (self.room.side + GAP)

    def _band(self, row: int) -> QRectF:
        top = self.room.head + row * self.room.row - self.verticalScrollBar().value()
        return QRectF(0, top, self.viewport().width(), self.room.row)

    def place(self, row: int, column: int) -> QRectF:
        """Rectangle of a map as it is scrolled now; column -1 is the picture."""
        side, across = self.room.side, self.horizontalScrollBar().value()
        left = PAD if column < 0 else self._left(column)
        return QRectF(left - across, self._band(row).top() + GAP / 2, side, side)

    def _show_current(self) -> None:
        row = next((i for i, one in enumerate(self.rows) if one.place == self.current), -1)
        if row < 0:
            return
        bar, band = self.verticalScrollBar(), self._band(row)
        if band.top() < self.room.head:
            bar.setValue(bar.value() + round(band.top() - self.room.head))
        elif band.bottom() > self.viewport().height():
            bar.setValue(bar.value() + round(band.bottom()) - self.viewport().height())

    # -- names and tips ----------------------------------------------------------------------------------------------

    def names(self) -> tuple[Name, ...]:
        """Return the titles, which lead to the help."""
        metrics = QFontMetricsF(self.theme.font(self.painting.title_font))
        line, across = self.painting.line(), self.horizontalScrollBar().value()
        found = []
        for column, (pane, lines) in enumerate(zip(self.titles, self.room.titles, strict=True)):
            width = max(metrics.horizontalAdvance(words) for words in lines)
            top = 4 + self.room.high - len(lines) * line
            place = QRectF(self._left(column) - across, top, width, len(lines) * line)
            found.append(Name(place, page_of("attribution"), pane.tip))
        return tuple(found)

    def row_at(self, at: QPointF) -> int:
        """Return the row at a place of the viewport, -1 for none."""
        if at.y() < self.room.head:
            return -1
        row = int((at.y() - self.room.head + self.verticalScrollBar().value()) / self.room.row)
        return row if row < len(self.rows) else -1

    def tip_at(self, at: QPointF) -> str:
        """Return what is known at a place: of a title, of a pixel, or of a picture."""
        if at.y() < self.room.head:
            name = self.links.at(at)
            return tip_of(name.tip, name.page) if name is not None else ""
        row = self.row_at(at)
        if row < 0:
            return ""
        for column, pane in enumerate(self.rows[row].panes):
            place = self.place(row, column)
            if place.adjusted(0, 0, 0, self.painting.line("small")).contains(at):
                there = pane.values is not None and place.contains(at)
                words = (
                    pixel_words(pane, *pixel_at(pane.values.shape, place, at))
                    if there and pane.values is not None
                    else ""
                )
                return "\n".join(part for part in (words, pane.tip) if part)
        return self.rows[row].tip

    # -- events ------------------------------------------------------------------------------------------------------

    def viewportEvent(self, event: QEvent) -> bool:
        """Say what is under the mouse, and forget it when it leaves."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            show_tip(self.tip_at(QPointF(event.pos())), event, self)
            return True
        if event.type() == QEvent.Type.Leave and self.links.over >= 0:
            self.links.over = -1
            self.viewport().unsetCursor()
            self.viewport().update()
        return super().viewportEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Show which titles can be clicked."""
        if self.links.point(event.position()):
            over = self.links.over >= 0
            self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.ArrowCursor)
            self.viewport().update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the picture of a row."""
        if self.links.press(event.position()) or event.button() != Qt.MouseButton.LeftButton:
            return
        row = self.row_at(event.position())
        if row >= 0:
            self._choose(self.rows[row].place)

    def _choose(self, place: int) -> None:
        self.current = place
        self._show_current()
        self.viewport().update()
        self.chosen.emit(place)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Open the definition of the title that was clicked."""
        page = self.links.released(event.position())
        if page and event.button() == Qt.MouseButton.LeftButton and event.position().y() < self.room.head:
            self.help_wanted.emit(page)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Open the picture of a row alone."""
        row = self.row_at(event.position())
        if row >= 0:
            self.opened.emit(self.rows[row].place)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go to the picture above or below; Enter opens it alone."""
        places = list(dict.fromkeys(row.place for row in self.rows))
        step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
        now = places.index(self.current) if self.current in places else -1
        if step is not None and 0 <= now + step < len(places):
            self._choose(places[now + step])
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and now >= 0:
            self.opened.emit(self.current)
        elif step is None:
            event.ignore()  # the view goes to other pages with the arrows

    # -- painting ----------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the rows that can be seen, then the titles over them."""
        painter = QPainter(self.viewport())
        room = QRectF(self.viewport().rect())
        painter.fillRect(room, self.theme.color("surface"))
        for number in range(len(self.rows)):
            if self._band(number).intersects(room):
                self._draw_row(painter, number)
        head, across = self.room.head, self.horizontalScrollBar().value()
        painter.fillRect(QRectF(0, 0, room.width(), head), self.theme.color("surface"))
        for column, (pane, lines) in enumerate(zip(self.titles, self.room.titles, strict=True)):
            place = QRectF(self._left(column) - across, 4, self.room.side, self.room.high)
            self.painting.draw_title(painter, place, pane, lines)
        painter.setPen(self.theme.color("line"))
        painter.drawLine(QPointF(0, head - 1), QPointF(room.width(), head - 1))
        self.links.underline(painter, self.theme.color("text"), self.links.over)

    def _draw_row(self, painter: QPainter, number: int) -> None:
        row, band = self.rows[number], self._band(number)
        if row.place == self.current:
            painter.fillRect(band, self.theme.color("selected"))
        if number and not row.below:
            y = round(band.top()) + 0.5
            painter.setPen(self.theme.color("grid"))
            painter.drawLine(QPointF(0, y), QPointF(band.width(), y))
        self.painting.draw_picture(painter, self.place(number, -1), row)
        for column in range(len(row.panes)):
            self.painting.draw_map(painter, self.place(number, column), row, column)
