"""Thumbnails in rows, each with a short caption below; a click chooses one."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QHelpEvent, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.drawing.map_image import draw_fitted
from app.theme import Theme

PAD, GAP, SIDE = 12, 6, 44


@dataclass(frozen=True, slots=True, eq=False)
class Thumb:
    """One picture.

    Attributes
    ----------
    place
        Its place in the source.
    caption, tip
        Words below, and on hovering.
    image
        None while it is being read.
    """

    place: int
    caption: str
    tip: str = ""
    image: QImage | None = None


class PictureStrip(QWidget):
    """Pictures in the order given."""

    chosen = Signal(int)
    """Place of a picture in its source."""

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__()
        self.theme = theme
        self.thumbs: tuple[Thumb, ...] = ()
        self.selected = -1
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName(name)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        theme.changed.connect(self.update)

    def show_thumbs(self, thumbs: tuple[Thumb, ...], selected: int) -> None:
        """Show other pictures."""
        self.thumbs, self.selected = thumbs, selected
        self.setAccessibleDescription(", ".join(f"#{thumb.place} {thumb.caption}" for thumb in thumbs))
        self.updateGeometry()
        self.update()

    def _text_height(self) -> float:
        return QFontMetricsF(self.theme.font("small")).height()

    def _columns(self, width: int) -> int:
        return max(1, (width - 2 * PAD + GAP) // (SIDE + GAP))

    def hasHeightForWidth(self) -> bool:
        """Return True: more width, fewer rows."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return the room of all rows."""
        rows = -(-len(self.thumbs) // self._columns(width))
        return round(rows * (SIDE + self._text_height() + GAP + 2))

    def sizeHint(self) -> QSize:
        """Return the room at the present width."""
        return QSize(240, self.heightForWidth(max(self.width(), SIDE + 2 * PAD)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Ask for room for more rows where fewer pictures fit beside each other."""
        super().resizeEvent(event)
        if self.sizeHint().height() != self.height():
            self.updateGeometry()

    def place(self, index: int) -> QRectF:
        """Rectangle of a picture."""
        row, column = divmod(index, self._columns(self.width()))
        return QRectF(PAD + column * (SIDE + GAP), row * (SIDE + self._text_height() + GAP + 2) + 1, SIDE, SIDE)

    def thumb_at(self, place: QPointF) -> Thumb | None:
        """Return the picture at a place of the widget."""
        return next((thumb for i, thumb in enumerate(self.thumbs) if self.place(i).contains(place)), None)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose what is under the mouse."""
        thumb = self.thumb_at(event.position())
        if thumb is not None:
            self.chosen.emit(thumb.place)

    def event(self, event: QEvent) -> bool:
        """Say what the picture under the mouse is."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            thumb = self.thumb_at(QPointF(event.pos()))
            if thumb is not None and thumb.tip:
                QToolTip.showText(event.globalPos(), thumb.tip, self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw pictures and captions."""
        painter = QPainter(self)
        painter.setFont(self.theme.font("small"))
        for index, thumb in enumerate(self.thumbs):
            place = self.place(index)
            if thumb.image is None or thumb.image.isNull():
                painter.fillRect(place, self.theme.color("unused"))
            else:
                draw_fitted(painter, thumb.image, place)
            if thumb.place == self.selected:
                painter.setPen(QPen(self.theme.color("accent"), 2))
                painter.drawRect(place.adjusted(-0.5, -0.5, 0.5, 0.5))
            painter.setPen(self.theme.color("text_soft"))
            below = QRectF(place.left() - GAP / 2, place.bottom() + 1, SIDE + GAP, self._text_height())
            painter.drawText(below, Qt.AlignmentFlag.AlignCenter, thumb.caption)
