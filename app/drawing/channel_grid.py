"""The channels of a group as cells, coloured by score; a click drops or keeps one, a drag paints over several."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QBrush, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.reading.depth import Floats, Ints
from app.theme import Theme

LEAST, TALL = 40.0, 26.0
"""Width and height of a cell in pixels."""
PAD = 12.0


class ChannelGrid(QWidget):
    """Cells from left to right and top to bottom, in the order of the channels.

    Attributes
    ----------
    copies
        (class,) 0 for dropped, 1 for kept, more for copies.
    """

    painted = Signal(object)
    """New numbers of copies, (class,), when a gesture has ended."""
    pointed = Signal(int)
    """Cell under the mouse, -1 for none."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.copies: Ints = np.zeros(0, dtype=np.int64)
        self.scores: Floats = np.empty(0)
        self.labels: tuple[str, ...] = ()
        self.cursor_at = 0
        self._brush = -1
        self._pointed = -1
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.setAccessibleName("Channels of the group")
        theme.changed.connect(self.update)

    def show_channels(self, copies: Ints, scores: Floats, labels: tuple[str, ...]) -> None:
        """Show other channels; while a drag goes on, what it paints stays."""
        if self._brush < 0 or len(copies) != len(self.copies):
            self.copies = np.array(copies, dtype=np.int64)
        self.scores, self.labels = scores, labels
        self.cursor_at = min(self.cursor_at, max(len(copies) - 1, 0))
        kept = int((self.copies > 0).sum())
        self.setAccessibleDescription(f"{kept} of {len(self.copies)} channels are kept")
        self.updateGeometry()
        self.update()

    # -- places ------------------------------------------------------------------------------------------------------

    @property
    def columns(self) -> int:
        """Cells beside each other."""
        return max(1, int((self.width() - 2 * PAD) // LEAST))

    def _wide(self) -> float:
        return (self.width() - 2 * PAD) / self.columns

    def cell(self, place: int) -> QRectF:
        """Rectangle of a cell in pixels."""
        row, column = divmod(place, self.columns)
        return QRectF(PAD + column * self._wide(), 4 + row * TALL, self._wide(), TALL).adjusted(1, 1, -1, -1)

    def cell_at(self, at: QPointF) -> int:
        """Cell at a pixel, -1 for none."""
        column, row = int((at.x() - PAD) // self._wide()), int((at.y() - 4) // TALL)
        place = row * self.columns + column
        inside = 0 <= column < self.columns and row >= 0 and place < len(self.copies)
        return place if inside else -1

    def sizeHint(self) -> QSize:
        """Room for all cells."""
        return QSize(300, round(8 + TALL * -(-max(len(self.copies), 1) // self.columns)))

    def minimumSizeHint(self) -> QSize:
        """As high as the cells need at this width."""
        return QSize(80, self.sizeHint().height())

    def resizeEvent(self, event: object) -> None:
        """Ask for another height."""
        self.updateGeometry()

    # -- painting ----------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the cells that can be seen."""
        painter, theme = QPainter(self), self.theme
        painter.setFont(theme.font("small"))
        high = QFontMetricsF(painter.font()).height()
        known = self.scores[np.isfinite(self.scores)]
        low, top = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
        per = self.columns
        first = max(0, int((event.rect().top() - 4) // TALL)) * per
        last = min(len(self.copies), (int((event.rect().bottom() - 4) // TALL) + 1) * per)
        hatch = QBrush(theme.color("cost"), Qt.BrushStyle.BDiagPattern)
        for place in range(first, last):
            rect, copies = self.cell(place), int(self.copies[place])
            share = (float(self.scores[place]) - low) / ((top - low) or 1.0) if place < len(self.scores) else 0.0
            color = theme.heat(share if share == share else 0.0) if copies else theme.color("surface")
            painter.fillRect(rect, color)
            if not copies:
                painter.fillRect(rect, hatch)
            text = self.labels[place] if place < len(self.labels) else str(place)
            text += f" ×{copies}" if copies > 1 else ""
            painter.setPen(theme.text_on(color) if copies else theme.color("text_soft"))
            if copies or high > TALL:
                painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)
            else:
                self._write_on_hatch(painter, rect, text)
            if place == self._pointed or (self.hasFocus() and place == self.cursor_at):
                painter.setPen(QPen(theme.color("text"), 2))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(rect.adjusted(1, 1, -1, -1))
        painter.end()

    def _write_on_hatch(self, painter: QPainter, rect: QRectF, text: str) -> None:
        size = QFontMetricsF(painter.font())
        behind = QRectF(0, 0, size.horizontalAdvance(text) + 6, size.height())
        behind.moveCenter(rect.center())
        painter.fillRect(behind, self.theme.color("surface"))
        painter.drawText(behind, Qt.AlignmentFlag.AlignCenter, text)

    # -- gestures ----------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to drop what was kept, or to keep what was dropped."""
        place = self.cell_at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and place >= 0:
            self._brush = 0 if self.copies[place] else 1
            self.cursor_at = place
            self._paint(place)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Paint on while the button is held; else tell what is pointed at."""
        place = self.cell_at(event.position())
        if self._brush >= 0 and place >= 0:
            self._paint(place)
        if place != self._pointed:
            self._pointed = place
            self.pointed.emit(place)
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End the gesture: one step."""
        if self._brush >= 0:
            self._brush = -1
            self.painted.emit(self.copies.copy())

    def leaveEvent(self, event: object) -> None:
        """Nothing is pointed at."""
        self._pointed = -1
        self.pointed.emit(-1)
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows go from cell to cell, space drops or keeps one."""
        steps = {
            Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Up: -self.columns, Qt.Key.Key_Down: self.columns,
        }  # fmt: skip
        key = Qt.Key(event.key())
        if key in steps and len(self.copies):
            self.cursor_at = min(max(self.cursor_at + steps[key], 0), len(self.copies) - 1)
            self.pointed.emit(self.cursor_at)
            self.update()
        elif key == Qt.Key.Key_Space and len(self.copies):
            self._paint_value(self.cursor_at, 0 if self.copies[self.cursor_at] else 1)
            self.painted.emit(self.copies.copy())
        else:
            super().keyPressEvent(event)

    def _paint(self, place: int) -> None:
        self._paint_value(place, self._brush)

    def _paint_value(self, place: int, value: int) -> None:
        self.copies[place] = value
        self.update()
