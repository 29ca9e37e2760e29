"""A picture and its attributions side by side: colours over the picture in grey."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QImage, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy

from app.drawing.attribution_pane import (
    LEFT,
    VERDICTS,
    draw_note,
    draw_scale,
    images_of,
    pixel_at,
    pixel_words,
    shortened,
    title_font,
    title_lines,
)
from app.drawing.attribution_pane import Pane as Pane
from app.drawing.map_image import draw_fitted
from app.drawing.named import Name, NamedNumbers, page_of, tip_of
from app.reading.depth import Floats
from app.theme import Theme

PAD, GAP = 12.0, 16.0
LARGEST = 460.0
"""Pixels of the longest side that a picture is shown with."""
SENTENCE = 460.0
"""Pixels of the width of a sentence that stands for the panes."""
LOW = 48.0
"""Pixels of the shortest side at which a second line of a title is worth its room."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How panes stand.

    Attributes
    ----------
    columns, side
        Panes beside each other, and pixels of the side of each.
    rows
        Rows of panes of one network.
    lines
        Lines of a title.
    """

    columns: int = 1
    side: float = 1.0
    rows: int = 1
    lines: int = 1


class AttributionBoard(NamedNumbers):
    """Panes in rows, as large as they fit."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.panes: tuple[Pane, ...] = ()
        self.note = ""
        self._picture: Floats | None = None
        self._opacity = 0.8
        self._networks = 1
        self._images: list[tuple[QImage, QImage]] = []
        self._layout: Layout | None = None
        """How the panes stand, None until it is asked for again."""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Attributions")
        theme.changed.connect(self._repaint)

    def show_panes(
        self, picture: Floats | None, panes: tuple[Pane, ...], opacity: float, note: str = "", networks: int = 1
    ) -> None:
        """Show a (channel, y, x) picture and maps over it; without a picture, a sentence.

        Panes are placed so that they are largest; those of a second network are a block of their own below, in the
        same columns.
        """
        self._picture, self.panes, self._opacity, self.note, self._networks = picture, panes, opacity, note, networks
        self.setAccessibleDescription(note or "; ".join(f"{pane.title} {pane.caption}".strip() for pane in panes))
        self._repaint()

    def _repaint(self) -> None:
        self._images, self._layout = [], None
        if self._picture is not None:
            self._images = [images_of(pane, self._picture, self._opacity, self.theme) for pane in self.panes]
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Place the panes anew."""
        super().resizeEvent(event)
        self._layout = None

    def sizeHint(self) -> QSize:
        """Return a size at which three panes can be seen well."""
        return QSize(640, 320)

    # -- geometry ----------------------------------------------------------------------------------------------------

    def _line(self) -> float:
        return QFontMetricsF(self.theme.font()).height() + 2

    def _words(self, lines: int) -> float:
        """Room for the title above a pane, and for scale and caption below."""
        captions = 1 if any(pane.caption for pane in self.panes) else 0
        return (lines + 1 + captions) * self._line() + 10

    def layout_now(self) -> Layout:
        """Return how the panes stand."""
        if self._layout is None:
            self._layout = self._arrange()
        return self._layout

    def _arrange(self) -> Layout:
        """Choose the number of columns that makes the panes largest; titles that are too long take two lines."""
        best, count = Layout(), -(-len(self.panes) // self._networks)
        for columns in range(1, count + 1):
            rows = -(-count // columns)
            for lines in (1, 2):
                side = self._side(columns, rows, lines)
                if self._breaks(side) and lines == 1 and self._side(columns, rows, 2) >= LOW:
                    continue
                if side > best.side + 0.5:
                    best = Layout(columns, side, rows, lines)
                break
        return best

    def _side(self, columns: int, rows: int, lines: int) -> float:
        down = rows * self._networks
        across = (self.width() - 2 * PAD - (columns - 1) * GAP) / columns
        return min(across, (self.height() - 2 * PAD - (down - 1) * GAP) / down - self._words(lines), LARGEST)

    def _breaks(self, side: float) -> bool:
        metrics = self._title_metrics(side)
        return any(len(title_lines(pane.title, side, metrics)) > 1 for pane in self.panes)

    def _title_font(self, side: float) -> str:
        return title_font((pane.title for pane in self.panes if pane.values is not None), side, self.theme)

    def _title_metrics(self, side: float) -> QFontMetricsF:
        return QFontMetricsF(self.theme.font(self._title_font(side)))

    def place(self, index: int) -> QRectF:
        """Rectangle of a pane's picture."""
        return self._place(index, self.layout_now())

    def _place(self, index: int, layout: Layout) -> QRectF:
        count, side = -(-len(self.panes) // self._networks), layout.side
        network, own = divmod(index, max(count, 1))
        row, column = divmod(own, layout.columns)
        row += network * layout.rows
        width = layout.columns * side + (layout.columns - 1) * GAP
        left = max(PAD, (self.width() - width) / 2)
        top = PAD / 2 + layout.lines * self._line()
        return QRectF(left + column * (side + GAP), top + row * (side + self._words(layout.lines) + GAP), side, side)

    def names(self) -> tuple[Name, ...]:
        """Return titles of maps, and captions that judge one."""
        if self._picture is None:
            return ()
        small = QFontMetricsF(self.theme.font("small"))
        line, found, layout = self._line(), [], self.layout_now()
        metrics = self._title_metrics(layout.side)
        for index, pane in enumerate(self.panes):
            place = self._place(index, layout)
            if pane.values is not None:
                lines = title_lines(pane.title, place.width(), metrics)
                width = max(metrics.horizontalAdvance(words) for words in lines)
                high = len(lines) * line
                found.append(
                    Name(QRectF(place.left(), place.top() - high, width, high), page_of("attribution"), pane.tip)
                )
            if pane.verdict:
                width = small.horizontalAdvance(shortened(pane.caption, place.width() + 2, small))
                below = QRectF(place.left(), self._below(place, pane), width, line)
                found.append(Name(below, page_of("convergence_delta"), pane.tip))
        return tuple(found)

    def _below(self, place: QRectF, pane: Pane) -> float:
        """Upper edge of the caption, below the colour scale if there is one."""
        return place.bottom() + (self._line() + 16 if pane.values is not None else 4)

    def tip_at(self, at: QPointF) -> str:
        """Return what is known at a place: the value of the pixel, and what the map is."""
        if (name := self.links.at(at)) is not None:
            return tip_of(name.tip, name.page)
        layout = self.layout_now()
        for index, pane in enumerate(self.panes):
            place = self._place(index, layout)
            if place.adjusted(0, -layout.lines * self._line(), 0, self._words(1)).contains(at):
                if pane.values is None or not place.contains(at):
                    return pane.tip
                words = pixel_words(pane, *pixel_at(pane.values.shape, place, at))
                return "\n".join(part for part in (words, pane.tip) if part)
        return ""

    def pixel_at(self, index: int, at: QPointF) -> tuple[int, int]:
        """Row and column of a map at a place of the widget."""
        values = self.panes[index].values
        assert values is not None  # only asked for maps
        return pixel_at(values.shape, self.place(index), at)

    # -- painting ----------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw all panes."""
        painter = QPainter(self)
        painter.setFont(self.theme.font())
        if self._picture is None:
            painter.setPen(self.theme.color("text_soft"))
            beside = max(PAD, (self.width() - SENTENCE) / 2)
            rect = QRectF(self.rect()).adjusted(beside, PAD, -beside, -PAD)
            painter.drawText(rect, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self.note)
            return
        layout = self.layout_now()
        for index, (pane, images) in enumerate(zip(self.panes, self._images, strict=True)):
            self._draw_pane(painter, self._place(index, layout), pane, images)
        self.underline(painter)

    def _draw_pane(self, painter: QPainter, place: QRectF, pane: Pane, images: tuple[QImage, QImage]) -> None:
        line = self._line()
        painter.setFont(self.theme.font(self._title_font(place.width())))
        painter.setPen(self.theme.color("text"))
        titles = title_lines(pane.title, place.width(), QFontMetricsF(painter.font()))
        for number, words in enumerate(titles):
            top = place.top() - (len(titles) - number) * line
            painter.drawText(QRectF(place.left(), top, place.width() + 2, line), LEFT, words)
        painter.setFont(self.theme.font("small"))
        shown = draw_fitted(painter, images[0], place)
        if pane.values is None and pane.note:
            draw_note(painter, place, pane.note, self.theme)
        elif pane.values is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
            painter.drawImage(shown, images[1])
            draw_scale(painter, QRectF(place.left(), place.bottom() + 6, place.width(), 8), pane, self.theme)
        painter.setPen(self.theme.readable(VERDICTS.get(pane.verdict, "text_soft")))
        caption = shortened(pane.caption, place.width() + 2, QFontMetricsF(painter.font()))
        painter.drawText(QRectF(place.left(), self._below(place, pane), place.width() + GAP, line), LEFT, caption)
