"""Accuracy against cost: one dot per configuration, larger where it alone is right, with the Pareto front."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QPainter, QPen

from app.drawing.curves import Curve, CurvePlot
from app.drawing.pixels import PixelItem, PlotBox, Scale
from app.reading import numbers
from app.reading.depth import Floats, Ints
from app.theme import Theme

NEAR = 12.0
"""Pixels within which a dot can be pointed at."""
DIAMOND = 6.0
"""Pixels from the middle of a diamond to its corners."""
COST_TITLE, LIST_TITLE = "multiply-adds of a picture", "place by accuracy"


@dataclass(frozen=True, slots=True, eq=False)
class Dots:
    """What a cost map shows.

    Attributes
    ----------
    x, y
        (configuration,) cost and accuracy.
    alone
        (configuration,) pictures that only it gets right: the size of the dot.
    shade
        (configuration,) between 0 and 1: the colour.
    front
        Numbers of the configurations that none beats in both, by rising cost.
    pinned
        (name, cost, accuracy) of what was built by hand; numbered after all others.
    listed
        True where all cost the same: x are places in a list sorted by accuracy.
    """

    x: Floats
    y: Floats
    alone: Ints
    shade: Floats
    front: Ints
    pinned: tuple[tuple[str, float, float], ...] = ()
    listed: bool = False

    @property
    def places(self) -> tuple[Floats, Floats]:
        """Cost and accuracy of everything that can be pointed at."""
        x, y = ([pin[axis] for pin in self.pinned] for axis in (1, 2))
        return np.concatenate([self.x, x]), np.concatenate([self.y, y])

    def radius(self) -> Floats:
        """Pixels of each dot: area grows with the pictures that only it gets right."""
        return np.asarray(3.0 + 1.6 * np.sqrt(np.minimum(self.alone, 25)), dtype=np.float64)


class DotsItem(PixelItem):
    """The dots."""

    def __init__(self, box: PlotBox, theme: Theme) -> None:
        super().__init__(box, theme, z=5)
        self.dots: Dots | None = None
        self.outline: tuple[Floats, Floats] = (np.empty(0), np.empty(0))
        """Cost and accuracy of the same configurations in a second network; NaN for none."""
        self.selected = 0

    def draw(self, painter: QPainter, scale: Scale, exposed: QRectF) -> None:
        """Paint all dots, the network as it is and the selected one last."""
        dots = self.dots
        if dots is None:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        x, y, radius = scale.x(dots.x), scale.y(dots.y), dots.radius()
        self._draw_outline(painter, scale, x, y)
        others = [number for number in range(len(x)) if number not in (0, self.selected)]
        for number in (*others, self.selected, 0):
            place, size = QPointF(float(x[number]), float(y[number])), float(radius[number])
            painter.setPen(QPen(self.theme.color("surface"), 1))
            painter.setBrush(self.theme.heat(0.25 + 0.75 * float(dots.shade[number])))
            painter.drawEllipse(place, size, size)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            if number == 0:
                painter.setPen(QPen(self.theme.color("text"), 2))
                painter.drawEllipse(place, size + 2, size + 2)
            if number == self.selected:
                painter.setPen(QPen(self.theme.color("accent"), 2))
                painter.drawEllipse(place, size + 5, size + 5)
        self._draw_pinned(painter, scale, dots)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _draw_pinned(self, painter: QPainter, scale: Scale, dots: Dots) -> None:
        """Draw a named diamond for each configuration built by hand."""
        painter.setFont(self.theme.font("small"))
        metrics = QFontMetricsF(painter.font())
        for name, cost, share in dots.pinned:
            x, y = scale.x_of(cost), scale.y_of(share)
            painter.setPen(QPen(self.theme.color("text"), 1))
            painter.setBrush(self.theme.color("sharing"))
            painter.drawPolygon([QPointF(x, y - DIAMOND), QPointF(x + DIAMOND, y), QPointF(x, y + DIAMOND),
                                 QPointF(x - DIAMOND, y)])  # fmt: skip
            wide = metrics.horizontalAdvance(name)
            left = x + DIAMOND + 4 if x + DIAMOND + 4 + wide <= scale.width else x - DIAMOND - 4 - wide
            painter.setPen(self.theme.color("text"))
            painter.drawText(QPointF(left, y + metrics.ascent() / 2 - 1), name)

    def _draw_outline(self, painter: QPainter, scale: Scale, x: Floats, y: Floats) -> None:
        """Draw a small ring for each configuration of a second network, and a line to the selected one."""
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(self.theme.color("outline"), 1))
        there, high = scale.x(self.outline[0]), scale.y(self.outline[1])
        for number, (a, b) in enumerate(zip(there.tolist(), high.tolist(), strict=True)):
            if a == a and b == b:
                painter.drawEllipse(QPointF(a, b), 2.5, 2.5)
                if number == self.selected:
                    painter.drawLine(QPointF(a, b), QPointF(float(x[number]), float(y[number])))

    def nearest(self, place: tuple[float, float], among_pinned: bool = True) -> int:
        """Return the dot nearest to a place of the plot, -1 if none is near; diamonds lie on top of dots."""
        dots = self.dots
        if dots is None:
            return -1
        scale = Scale.of(self.box)
        x, y = dots.places
        far = np.hypot(scale.x(x) - scale.x_of(place[0]), scale.y(y) - scale.y_of(place[1]))
        count = len(dots.x)
        if among_pinned and len(far) > count and far[count:].min() <= DIAMOND:
            return count + int(np.argmin(far[count:]))
        number = int(np.argmin(far[:count]))
        return number if far[number] <= NEAR + float(dots.radius()[number]) else -1


class CostPlot(CurvePlot):
    """Dots over multiply-adds and accuracy."""

    dot_clicked = Signal(int)
    dot_hovered = Signal(int)

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Accuracy against cost", COST_TITLE, "accuracy on all pictures")
        self.y_axis.text = _percent
        self.dots = DotsItem(self.box, theme)
        self.box.setMouseEnabled(x=True, y=True)
        self.clicked.connect(self._clicked)
        self.hovered.connect(lambda place: self.dot_hovered.emit(self.dots.nearest(place) if place else -1))

    def show_dots(self, dots: Dots | None, selected: int, outline: tuple[Floats, Floats] | None = None) -> None:
        """Draw other dots, None for nothing, and behind them cost and accuracy in a second network."""
        self.dots.dots, self.dots.selected = dots, selected
        self.dots.outline = (np.empty(0), np.empty(0)) if outline is None else outline
        self.dots.update()
        if dots is None:
            self.show_curves(())
            return
        front = dots.front
        self.x_axis.text = _whole if dots.listed else numbers.short
        self.x_axis.title = LIST_TITLE if dots.listed else COST_TITLE
        self.x_axis.update()
        lines = (
            () if dots.listed else (Curve(dots.x[front], dots.y[front], "Pareto front", hue="text_soft", steps=True),)
        )
        self.show_curves(lines)
        shown = [np.concatenate(pair) for pair in zip(dots.places, self.dots.outline, strict=True)]
        home = _home(shown[0]), _home(shown[1])
        if self.home != home:
            self.set_home(*home)

    def _clicked(self, x: float, y: float, _extend: bool) -> None:
        number = self.dots.nearest((x, y), among_pinned=False)
        if number >= 0:
            self.dot_clicked.emit(number)


def _home(values: Floats) -> tuple[float, float]:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    room = 0.08 * (high - low) or max(0.05 * abs(high), 0.01)
    return low - room, high + room


def _whole(place: float) -> str:
    return f"{place:,.0f}" if place == round(place) and place >= 1 else ""


def _percent(share: float) -> str:
    return f"{100 * share:.3g}{numbers.SPACE}%"
