"""Nodes, edges and brackets of the architecture graph, as items of a scene. Text is left out where it is too small."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QGraphicsItem, QGraphicsPathItem, QStyleOptionGraphicsItem, QWidget

from analysis.measures.architecture import GraphNode
from analysis.measures.layering import Box, Route
from app.reading.depth import shown_name
from app.theme import Theme

PAD_X, PAD_Y = 9.0, 5.0
READABLE = 0.45
"""Below this scale text is left out."""
LARGER, SMALLEST_NAME = 3.5, 0.8
"""How many times larger than drawn the name of a bracket may be, and the scale at which it is kept."""
TURN = 5.0
"""Radius of the corners of an edge."""


class NodeLook:
    """Fonts and colours that all nodes share, read once per theme."""

    def __init__(self, theme: Theme) -> None:
        self.theme = theme
        self.title_font, self.small_font = theme.font("code"), theme.font("small")
        self.plain, self.ground, self.line, self.text, self.soft, self.accent = (
            theme.color(role) for role in ("raised", "surface", "line", "text", "text_soft", "accent")
        )
        self.title_metrics, self.small_metrics = QFontMetricsF(self.title_font), QFontMetricsF(self.small_font)

    def size(self, title: str, subtitle: str) -> tuple[float, float]:
        """Room of a node, so that no text is cut."""
        wide = max(self.title_metrics.horizontalAdvance(title), self.small_metrics.horizontalAdvance(subtitle))
        tall = self.title_metrics.height() + self.small_metrics.height()
        return round(wide + 2 * PAD_X + 8), round(tall + 2 * PAD_Y)


class NodeItem(QGraphicsItem):
    """A node: its name, its type and shape, filled with the colour of its value.

    Parameters
    ----------
    number
        Number of the node in the graph.
    texts
        Title and subtitle.
    node
        What it stands for: folded groups have a second sheet behind, joints are round and quiet.
    """

    def __init__(self, number: int, box: Box, texts: tuple[str, str], node: GraphNode, look: NodeLook) -> None:
        super().__init__()
        self.number, self.folded, self.look = number, node.folded, look
        self.is_joint = not node.rows
        self.marked = False
        self.about = ""
        """What is said of it on hovering, before what is measured of it."""
        self._title, self._subtitle = texts
        self._rect = QRectF(0, 0, box.width, box.height)
        self._fill: QColor | None = None
        self._ink = look.text
        self.setPos(box.x, box.y)
        self.setZValue(2)

    def set_fill(self, fill: QColor | None) -> None:
        """Fill with a colour; None for no value."""
        self._fill = fill
        self._ink = self.look.theme.text_on(fill) if fill is not None else self.look.text
        self.update()

    @property
    def fill(self) -> QColor | None:
        """Colour of its value, None for no value."""
        return self._fill

    def set_marked(self, marked: bool) -> None:
        """Show it as selected or not."""
        if marked != self.marked:
            self.marked = marked
            self.update()

    def boundingRect(self) -> QRectF:
        """Return the box with room for the frame and the second sheet of a group."""
        return self._rect.adjusted(-3, -3, 6, 6)

    def shape(self) -> QPainterPath:
        """Return the box itself, for the mouse."""
        path = QPainterPath()
        path.addRect(self._rect)
        return path

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Draw the box, and its texts where they can be read."""
        look, scale = self.look, painter.worldTransform().m11()
        painter.setPen(QPen(look.line, 0))
        if self.folded:
            painter.setBrush(look.plain)
            painter.drawRoundedRect(self._rect.translated(3, 3), 4, 4)
        painter.setBrush(self._fill if self._fill is not None else look.ground if self.is_joint else look.plain)
        round_ = self._rect.height() / 2 if self.is_joint and not self.folded else 4
        painter.drawRoundedRect(self._rect, round_, round_)
        if self.marked:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            # On a filled node the accent is too close to the colours of the scale.
            painter.setPen(QPen(look.accent if self._fill is None else look.text, max(2.0, 2.0 / scale)))
            painter.drawRoundedRect(self._rect.adjusted(-1, -1, 1, 1), round_ + 1, round_ + 1)
        if scale >= READABLE:
            self._paint_texts(painter)

    def _paint_texts(self, painter: QPainter) -> None:
        look = self.look
        tall = look.title_metrics.height()
        upper = QRectF(0, PAD_Y, self._rect.width(), tall)
        lower = QRectF(0, PAD_Y + tall, self._rect.width(), look.small_metrics.height())
        painter.setPen(look.soft if self.is_joint else self._ink)
        painter.setFont(look.title_font)
        painter.drawText(upper, Qt.AlignmentFlag.AlignCenter, self._title)
        painter.setPen(look.soft if self._fill is None else self._ink)
        painter.setFont(look.small_font)
        painter.drawText(lower, Qt.AlignmentFlag.AlignCenter, self._subtitle)


def edge_item(routes: Sequence[Route], color: QColor) -> QGraphicsPathItem:
    """Make one item of all edges of a source, with an arrow at the end of each."""
    path = QPainterPath()
    for route in routes:
        _add_rounded(path, [QPointF(*point) for point in route.points])
        tip = QPointF(*route.points[-1])
        path.moveTo(tip + QPointF(-3, -5))
        path.lineTo(tip)
        path.lineTo(tip + QPointF(3, -5))
    item = QGraphicsPathItem(path)
    item.setPen(QPen(color, 1.2))
    item.setZValue(1)
    return item


def _add_rounded(path: QPainterPath, points: list[QPointF]) -> None:
    """Add a line whose corners are rounded."""
    path.moveTo(points[0])
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        path.lineTo(corner + _towards(corner, before))
        path.quadTo(corner, corner + _towards(corner, after))
    path.lineTo(points[-1])


def _towards(start: QPointF, end: QPointF) -> QPointF:
    way = end - start
    length = max(abs(way.x()), abs(way.y()), 1e-9)
    return way * (min(TURN, length / 2) / length)


class BracketItem(QGraphicsItem):
    """A line beside the nodes of an unfolded group, with its name; a click folds it."""

    def __init__(self, name: str, x: float, top: float, bottom: float, look: NodeLook) -> None:
        super().__init__()
        self.name, self.look = name, look
        self._font: QFont = look.small_font
        self._tall = bottom - top
        self.is_outermost = False
        """True if nothing stands at its left, so that its name may grow where the graph is shown small."""
        self._wide = look.small_metrics.height() + 4
        self.setPos(x, top)
        self.setToolTip(f"{shown_name(name)}: click to fold")
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def boundingRect(self) -> QRectF:
        """Return the line and the room of the name at its left."""
        wide = self._wide * (LARGER if self.is_outermost else 1)
        return QRectF(-wide, 0, wide + 5, self._tall)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Draw the bracket, and the name upwards if there is room."""
        look = self.look
        painter.setPen(QPen(look.line, 1.2))
        painter.drawPolyline([QPointF(4, 0), QPointF(0, 0), QPointF(0, self._tall), QPointF(4, self._tall)])
        scale = painter.worldTransform().m11()
        if scale < READABLE and not self.is_outermost:
            return
        larger = min(LARGER, max(1.0, SMALLEST_NAME / scale))
        whole = shown_name(self.name)
        short = whole.rpartition(".")[2]
        most = (self._tall - 4) / larger
        name = next((n for n in (whole, short) if look.small_metrics.horizontalAdvance(n) < most), "")
        if not name or scale * larger < READABLE:
            return
        painter.setFont(self._font)
        painter.setPen(look.soft)
        painter.rotate(-90)
        painter.scale(larger, larger)
        room = QRectF(-self._tall / larger, -self._wide, self._tall / larger, self._wide - 2)
        painter.drawText(room, Qt.AlignmentFlag.AlignCenter, name)
