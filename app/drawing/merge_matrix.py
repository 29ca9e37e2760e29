"""Classes x classes: where pictures of both first become equal, the earlier the stronger."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from app.drawing.bundle_map import MapItem
from app.drawing.matrix import Cells, MatrixPlot
from app.drawing.pixels import PlotBox, Scale
from app.reading.depth import Floats, Ints
from app.theme import Theme


class MergeItem(MapItem):
    """Cells with a thin frame where a second network merges the two classes as well."""

    def __init__(self, box: PlotBox, theme: Theme) -> None:
        super().__init__(box, theme)
        self.framed: list[tuple[int, int]] = []

    def draw(self, painter: QPainter, scale: Scale, exposed: QRectF) -> None:
        """Copy the cells, then frame."""
        super().draw(painter, scale, exposed)
        if min(scale.per_x, scale.per_y) < 6:
            return
        painter.setBrush(Qt.BrushStyle.NoBrush)
        colors = self._table()
        for row, column in self.framed:
            behind = QColor.fromRgb(int(colors[self._shades[row, column]]))
            painter.setPen(QPen(self.theme.text_on(behind), 1))
            painter.drawRect(self.cell(scale, row, column).adjusted(3.5, 3.5, -4.5, -4.5))


class MergeMatrix(MatrixPlot):
    """A symmetric matrix of classes."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "First merge of two classes", "first merge of two classes", "class", MergeItem)

    @property
    def cells(self) -> MergeItem:
        """What paints the cells."""
        assert isinstance(self.item, MergeItem)
        return self.item

    def show_merges(self, first: Ints, pairs: Ints, points: int, classes: tuple[str, ...], other: Ints | None) -> None:
        """Draw other merges.

        Parameters
        ----------
        first, pairs
            (class, class) first point, -1 for never; pairs of pictures merged there.
        points
            Number of points there are.
        classes
            Their names.
        other
            (class, class) first point in a second network, or None.
        """
        same = np.eye(len(first), dtype=bool)
        texts = np.where(same | (first < 0), 0, pairs)
        framed = np.zeros_like(same) if other is None else (other >= 0) & ~same
        self.cells.framed = [(int(row), int(column)) for row, column in np.argwhere(framed)]
        shown = np.where(same, np.nan, earliness(first, points))
        self.show_cells(Cells(shown, 1.0, None, texts), classes, classes)

    def select(self, row: int, column: int) -> None:
        """Frame a cell, -1 for none."""
        if self.cells.selected != (row, column):
            self.cells.selected = (row, column)
            self.cells.update()


def earliness(first: Ints, points: int) -> Floats:
    """Strength of the colour: 1 for the earliest merge there is, down to nearly 0 at the last point, 0 for never.

    Examples
    --------
    >>> earliness(np.array([[2, 5], [5, -1]]), 6).tolist()
    [[1.0, 0.25], [0.25, 0.0]]
    """
    merged = first[first >= 0]
    most = points - int(merged.min()) if len(merged) else 1
    return np.where(first >= 0, (points - first) / max(most, 1), 0.0)
