"""The canvas of the architecture graph: lays out what is shown, zooms, pans, and moves along edges by keys."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QFrame, QGraphicsScene, QGraphicsView

from analysis.measures.architecture import Architecture, Shown, subtitle, title
from analysis.measures.layering import Layout, Route, in_columns, lay_out
from app.graphing.items import READABLE, BracketItem, NodeItem, NodeLook, edge_item
from app.reading.depth import shown_name
from app.theme import Theme

SMALLEST, LARGEST = 0.02, 3.0
STEP = 1.15
AROUND = 24.0
SEVERAL, COLUMN_GAP = 560, 84.0
"""Width in pixels from which a long graph is broken into columns, and the room between them, brackets included."""
BRACKET = 18.0
"""Pixels between two brackets."""
LEAST_ROWS = 3
"""Groups with fewer nodes have no bracket."""


class GraphCanvas(QGraphicsView):
    """The drawing. It knows nodes by their numbers in :attr:`shown`."""

    node_clicked = Signal(int, bool)
    """A node, and whether it is to be added to what is selected."""
    unfold_wanted = Signal(str)
    fold_wanted = Signal(str)
    menu_wanted = Signal(QPoint, int)
    """A place on the screen, and the node there or -1."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.shown = Shown((), (), ())
        self.layout_now = self._whole = Layout((), (), 0.0, 0.0)
        self.nodes: list[NodeItem] = []
        self.brackets: list[BracketItem] = []
        self._fills: list[QColor | None] = []
        self._tips: list[str] = []
        self._marked: tuple[int, ...] = ()
        self._fits = True
        self._architecture: Architecture | None = None
        self._scene = QGraphicsScene(self)
        self.setScene(self._scene)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.setDragMode(QGraphicsView.DragMode.ScrollHandDrag)
        self.setTransformationAnchor(QGraphicsView.ViewportAnchor.AnchorUnderMouse)
        self.setViewportUpdateMode(QGraphicsView.ViewportUpdateMode.MinimalViewportUpdate)
        self.viewport().setCursor(Qt.CursorShape.ArrowCursor)
        self.setAccessibleName("Architecture graph")
        theme.changed.connect(self.draw_again)

    # -- what is shown -----------------------------------------------------------------------------------------------

    def show_graph(self, architecture: Architecture | None, shown: Shown, fit: bool) -> None:
        """Show a graph; `fit` to see it whole, or at its beginning where that would be too small."""
        self._architecture, self.shown = architecture, shown
        self._fills, self._marked, self._fits = [None] * len(shown.nodes), (), fit
        self._tips = [""] * len(shown.nodes)
        self.draw_again()
        if fit:
            self.fit()

    def draw_again(self) -> None:
        """Make all items anew: the graph, the fonts or the colours are others."""
        self._scene.clear()
        self.nodes, self.brackets = [], []
        architecture, shown, theme = self._architecture, self.shown, self.theme
        self.setBackgroundBrush(theme.color("surface"))
        if architecture is None:
            return
        look = NodeLook(theme)
        texts = [(title(node), subtitle(architecture, node)) for node in shown.nodes]
        self._whole = lay_out([look.size(*pair) for pair in texts], shown.edges)
        self.layout_now = self._arranged()
        of_source: dict[int, list[Route]] = {}
        for route in self.layout_now.routes:
            of_source.setdefault(route.edge[0], []).append(route)
        for routes in of_source.values():
            self._scene.addItem(edge_item(routes, theme.color("outline")))
        for number, (node, box) in enumerate(zip(shown.nodes, self.layout_now.boxes, strict=True)):
            item = NodeItem(number, box, texts[number], node, look)
            about = "" if node.rows else "Part of the graph only: nothing is measured here."
            item.about = "\n".join(filter(None, (shown_name(node.name), texts[number][1], about)))
            self._scene.addItem(item)
            self.nodes.append(item)
        self._add_brackets(architecture, look)
        self._scene.setSceneRect(self._scene.itemsBoundingRect().adjusted(-AROUND, -AROUND, AROUND, AROUND))
        self.set_fills(self._fills)
        self.set_tips(self._tips)
        self.set_marked(self._marked)

    def _arranged(self) -> Layout:
        """Break the graph into columns where the view is wide enough for several that can be read."""
        room = self.viewport().size()
        if room.width() < SEVERAL or not self._whole.boxes:
            return self._whole
        return in_columns(self._whole, (room.width() - 2 * AROUND, room.height() - 2 * AROUND), COLUMN_GAP)

    def _add_brackets(self, architecture: Architecture, look: NodeLook) -> None:
        """Draw a bracket beside every unfolded group in every column that it reaches, inner ones inside."""
        spans: list[list[tuple[float, float, str]]] = [[] for _ in self.layout_now.columns]
        boxes = self.layout_now.boxes
        node_of = {part: number for number, node in enumerate(self.shown.nodes) for part in node.parts}
        for name in self.shown.open_groups:
            inside = {node_of[part] for part in architecture.groups[name].parts}
            if len(inside) >= LEAST_ROWS:
                for number, column in enumerate(spans):
                    here = [boxes[n] for n in inside if self.layout_now.column(n) == number]
                    if here:
                        column.append((min(box.y for box in here), max(box.bottom for box in here), name))
        for left, column in zip(self.layout_now.columns, spans, strict=True):
            self._add_column_of_brackets(column, left, look)

    def _add_column_of_brackets(self, spans: list[tuple[float, float, str]], left: float, look: NodeLook) -> None:
        lanes: list[list[tuple[float, float]]] = []
        found: list[tuple[int, BracketItem]] = []
        for top, bottom, name in sorted(spans, key=lambda span: (span[1] - span[0], span[0], span[2])):
            free = next((i for i, lane in enumerate(lanes) if all(b < top or a > bottom for a, b in lane)), len(lanes))
            inner = [i for i, lane in enumerate(lanes) if any(top <= a and b <= bottom for a, b in lane)]
            free = max(free, max(inner, default=-1) + 1)
            lanes.extend([] for _ in range(free + 1 - len(lanes)))
            lanes[free].append((top, bottom))
            item = BracketItem(name, left - 12 - BRACKET * free, top, bottom, look)
            found.append((free, item))
        for lane, item in found:
            item.is_outermost = lane == len(lanes) - 1
            self._scene.addItem(item)
            self.brackets.append(item)

    def set_fills(self, fills: list[QColor | None]) -> None:
        """Colour the nodes, None for those without a value."""
        self._fills = fills
        for item, fill in zip(self.nodes, fills, strict=True):
            item.set_fill(fill)

    def set_tips(self, tips: list[str]) -> None:
        """Say more of the nodes on hovering, "" for nothing."""
        self._tips = tips
        for item, tip in zip(self.nodes, tips, strict=True):
            item.setToolTip("\n".join(part for part in (item.about, tip) if part))

    def set_marked(self, marked: tuple[int, ...]) -> None:
        """Show nodes as selected, the last one as the current one."""
        self._marked = marked
        for item in self.nodes:
            item.set_marked(item.number in marked)

    def bring_into_view(self, number: int) -> None:
        """Scroll until a node can be seen."""
        if 0 <= number < len(self.nodes):
            self.ensureVisible(self.nodes[number], 30, 40)

    # -- zoom --------------------------------------------------------------------------------------------------------

    @property
    def scale_now(self) -> float:
        """Pixels of the screen per unit of the drawing."""
        return float(self.transform().m11())

    def fit_or_read(self) -> None:
        """Show the whole graph; where that is shown but too small to be read, the current node in full size."""
        if not self._fits or self.scale_now >= READABLE:
            self.fit()
            return
        self._fits = False
        self.resetTransform()
        boxes, here = self.layout_now.boxes, max(self._current, 0)
        if boxes:
            self.centerOn(boxes[here].middle, boxes[here].y + boxes[here].height / 2)

    def fit(self) -> None:
        """Show the whole graph."""
        self._fits = True
        if self.nodes:
            self.fitInView(self._scene.sceneRect(), Qt.AspectRatioMode.KeepAspectRatio)
            if self.scale_now > 1:
                self.resetTransform()

    def show_beginning(self) -> None:
        """Show the beginning of the graph as wide as the panel, so that it can be read."""
        self._fits = False
        rect = self._scene.sceneRect()
        factor = min(1.0, max(0.5, self.viewport().width() / max(1.0, rect.width())))
        self.resetTransform()
        self.scale(factor, factor)
        self.centerOn(rect.center().x(), 0)

    def zoom(self, factor: float) -> None:
        """Zoom around the mouse."""
        self._fits = False
        wanted = min(LARGEST, max(SMALLEST, self.scale_now * factor))
        self.scale(wanted / self.scale_now, wanted / self.scale_now)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the whole graph in view if it was; in a wide view it stands in columns."""
        super().resizeEvent(event)
        if len(self._arranged().columns) != len(self.layout_now.columns):
            self.draw_again()
        if self._fits:
            self.fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom with control, scroll without."""
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom(STEP if event.angleDelta().y() > 0 else 1 / STEP)
            event.accept()
        else:
            super().wheelEvent(event)

    # -- mouse and keys ----------------------------------------------------------------------------------------------

    def node_at(self, place: QPoint) -> int:
        """Node at a place of the viewport, -1 for none."""
        return next((item.number for item in self.items(place) if isinstance(item, NodeItem)), -1)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Select a node, fold by a bracket, or begin to pan."""
        if event.button() == Qt.MouseButton.LeftButton:
            place = event.position().toPoint()
            number = self.node_at(place)
            if number >= 0:
                self.setFocus()
                self.node_clicked.emit(number, bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier))
                return
            bracket = next((item for item in self.items(place) if isinstance(item, BracketItem)), None)
            if bracket is not None:
                self.fold_wanted.emit(bracket.name)
                return
        elif event.button() == Qt.MouseButton.RightButton:
            place = event.position().toPoint()
            self.menu_wanted.emit(self.viewport().mapToGlobal(place), self.node_at(place))
            return
        super().mousePressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Unfold a group."""
        number = self.node_at(event.position().toPoint())
        if number >= 0 and self.shown.nodes[number].folded:
            self.unfold_wanted.emit(self.shown.nodes[number].name)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and down follow edges, left and right move within a rank, plus and minus unfold and fold, 0 fits."""
        key = event.key()
        if key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._follow(-1 if key == Qt.Key.Key_Up else 1)
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self._aside(-1 if key == Qt.Key.Key_Left else 1)
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End) and self.nodes:
            self.node_clicked.emit(0 if key == Qt.Key.Key_Home else len(self.nodes) - 1, False)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if self._current >= 0 and self.shown.nodes[self._current].folded:
                self.unfold_wanted.emit(self.shown.nodes[self._current].name)
        elif key == Qt.Key.Key_Minus:
            self._fold_around()
        elif key == Qt.Key.Key_0:
            self.fit_or_read()
        else:
            super().keyPressEvent(event)

    @property
    def _current(self) -> int:
        return self._marked[-1] if self._marked else -1

    def _follow(self, step: int) -> None:
        """Go to the nearest node that feeds the current one, or that it feeds."""
        if self._current < 0:
            if self.nodes:
                self.node_clicked.emit(0 if step > 0 else len(self.nodes) - 1, False)
            return
        here = self._current
        pairs = [(a, b) if step > 0 else (b, a) for a, b in self.shown.edges]
        others = [b for a, b in pairs if a == here]
        if others:
            boxes = self.layout_now.boxes
            self.node_clicked.emit(min(others, key=lambda n: (abs(boxes[n].y - boxes[here].y), n)), False)

    def _aside(self, step: int) -> None:
        boxes, here = self.layout_now.boxes, self._current
        if here < 0:
            return
        middle = boxes[here].y + boxes[here].height / 2
        beside = [
            n for n, box in enumerate(boxes) if box.y <= middle <= box.bottom and (box.x - boxes[here].x) * step > 0
        ]
        if beside:
            self.node_clicked.emit(min(beside, key=lambda n: abs(boxes[n].x - boxes[here].x)), False)

    def _fold_around(self) -> None:
        if self._architecture is None or self._current < 0:
            return
        groups = [g.name for g in self._architecture.around(self.shown.nodes[self._current].parts[0])]
        opened = [name for name in groups if name in self.shown.open_groups]
        if opened:
            self.fold_wanted.emit(opened[-1])
