"""The picture of a figure as it will be exported, drawn beside the event loop so that typing never stutters."""

from __future__ import annotations

import traceback
from dataclasses import replace

from PySide6.QtCore import QObject, QRunnable, QSize, Qt, QThreadPool, Signal
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QSizePolicy, QWidget

from analysis.figures import SIZES, Style
from analysis.figures.sheet import Sheet
from analysis.problems import AnalysisError, Problem
from app.hints import told
from app.theme import Theme


class _Told(QObject):
    """Carries a drawing from the worker's thread to the window's."""

    drawn = Signal(int, object)


class _Drawing(QRunnable):
    """Draw one sheet as a PNG. matplotlib keeps its settings in one place, so only one drawing runs at a time."""

    def __init__(self, number: int, sheet: Sheet, style: Style, told: _Told) -> None:
        super().__init__()
        self._number, self._sheet, self._style, self._told = number, sheet, style, told

    def run(self) -> None:
        """Draw; tell the picture or the problem."""
        result: bytes | Problem
        try:
            from analysis.figures.draw import encode

            result = encode(self._sheet, self._style, ".png")
        except AnalysisError as error:
            result = told(error)
        except Exception as error:
            result = Problem(f"This figure cannot be drawn: {error}", "", traceback.format_exc(), "unexpected")
        self._told.drawn.emit(self._number, result)


class FigurePreview(QWidget):
    """Shows a figure as it will be exported.

    Parameters
    ----------
    theme
        For the surface around the paper.
    """

    drawn = Signal()
    """A new picture is shown."""
    failed = Signal(object)
    """A :class:`analysis.problems.Problem`: the figure cannot be drawn."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._pixmap = QPixmap()
        self._number = 0
        self._told = _Told(self)
        self._told.drawn.connect(self._take)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 120)
        self.setAccessibleName("Preview of the figure")

    def show_sheet(self, sheet: Sheet, style: Style) -> None:
        """Draw a sheet as soon as the drawing before is done; of several waiting ones only the last is drawn."""
        self._pool.clear()
        self._number += 1
        inches = SIZES[style.size][0] / 25.4
        wide = max(self.width(), 320) * self.devicePixelRatioF()
        dpi = int(min(max(wide / inches, 60), 300))
        self._pool.start(_Drawing(self._number, sheet, replace(style, dpi=dpi), self._told))

    def clear(self) -> None:
        """Show nothing."""
        self._number += 1
        self._pixmap = QPixmap()
        self.update()

    def finish(self) -> None:
        """Wait for a drawing that is under way; called before the window closes."""
        self._pool.clear()
        self._pool.waitForDone()

    @property
    def empty(self) -> bool:
        """True while there is no picture."""
        return self._pixmap.isNull()

    def _take(self, number: int, result: object) -> None:
        if number != self._number:
            return
        if isinstance(result, Problem):
            self.clear()
            self.failed.emit(result)
        elif isinstance(result, bytes):
            self._pixmap = QPixmap.fromImage(QImage.fromData(result))
            self.update()
            self.drawn.emit()

    def sizeHint(self) -> QSize:
        """Room for a column figure."""
        return QSize(480, 340)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the paper in the middle, as large as fits."""
        painter = QPainter(self)
        if self._pixmap.isNull():
            painter.setPen(self._theme.color("text_soft"))
            painter.drawText(
                self.rect(), Qt.AlignmentFlag.AlignCenter, "Drawing…" if self._pool.activeThreadCount() else ""
            )
            return
        size = self._pixmap.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        x, y = (self.width() - size.width()) // 2, (self.height() - size.height()) // 2
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawPixmap(x, y, size.width(), size.height(), self._pixmap)
        painter.end()
